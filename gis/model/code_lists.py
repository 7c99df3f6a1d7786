"""Code lists and statuses: codes with their title in both languages, their mark and their allowed transitions.

A code of a code list (ISO 19103) is stored as its lower-case value. The codes of an ``OrderedCodeList`` have an order.
A ``Status`` changes only by transitions; the allowed ones are declared beside each code.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Self

from gis.text.i18n import Text

# Okabe and Ito's palette: distinguishable for colour-blind readers and on a projector.
BLUE, GREEN, AMBER, RED, GREY = "#0072B2", "#009E73", "#E69F00", "#D55E00", "#6b7580"
SKY, PURPLE, INK = "#56B4E9", "#CC79A7", "#14324a"


@dataclass(frozen=True)
class Mark:
    """How a code is drawn: by shape and colour, never by colour alone. ``maps/marks.py`` draws the shapes."""

    shape: str
    colour: str


class CodeList(str, Enum):
    """A closed list of codes: ``OPEN = "open", ("Mở", "Open"), Mark("circle", GREEN)``."""

    title: Text  # type: ignore[assignment]  # the title of a code, not str's method
    mark: Mark | None
    transitions_to: tuple[str, ...]

    def __new__(
        cls,
        value: str,
        title: tuple[str, str] = ("", ""),
        mark: Mark | None = None,
        transitions_to: tuple[str, ...] = (),
    ) -> Self:
        code = str.__new__(cls, value)
        code._value_ = value
        code.title, code.mark, code.transitions_to = Text(*title), mark, transitions_to
        return code

    def __str__(self) -> str:
        return str(self.value)


class OrderedCodeList(CodeList):
    """A code list whose codes are compared and sorted in the order of their declaration, the lowest first."""


class Status(CodeList):
    """A code list whose value changes only by the declared transitions."""

    @classmethod
    def transitions(cls) -> list[tuple[str, str]]:
        """Every allowed transition as (from, to)."""
        return [(code.value, to) for code in cls for to in code.transitions_to]


def transitions_to(*values: str) -> tuple[str, ...]:
    """The values of the codes that may follow, for the declaration of a status."""
    return values
