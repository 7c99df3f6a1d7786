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

BY_ATTENTION = (RED, AMBER, PURPLE, BLUE, SKY, INK, GREEN, GREY)
"""The colours from the one that asks for most attention to the one that asks for least."""


@dataclass(frozen=True)
class Mark:
    """How a code is drawn: by shape and colour, never by colour alone. ``maps/marks.py`` draws the shapes."""

    shape: str
    colour: str


class Flag(Enum):
    """What pages ask of a code beside its title: a new code says so itself, and no page names it."""

    FINISHED = "finished"
    """Nothing more is to be done: the feature leaves the lists of what is open, and its due date is met."""

    NOT_BEGUN = "not_begun"
    """Work has not started yet."""

    WAITING = "waiting"
    """It waits on another body."""

    NEEDS_ACTION = "needs_action"
    """Somebody has to act: boards count it."""

    STANDS_OUT = "stands_out"
    """It is drawn as a second mark on the map and counted as severe."""

    QUIET = "quiet"
    """Nothing is known yet: drawn small on the map, and only from near."""


class CodeList(str, Enum):
    """A closed list of codes: ``OPEN = "open", ("Mở", "Open"), Mark("circle", GREEN), Flag.NEEDS_ACTION``."""

    title: Text  # type: ignore[assignment]  # the title of a code, not str's method
    mark: Mark | None
    transitions_to: tuple[str, ...]
    flags: frozenset[Flag]

    def __new__(cls, value: str, title: tuple[str, str] = ("", ""), *details: "Mark | Flag | tuple[str, ...]") -> Self:
        code = str.__new__(cls, value)
        code._value_ = value
        code.title = Text(*title)
        code.mark = next((detail for detail in details if isinstance(detail, Mark)), None)
        code.transitions_to = next((detail for detail in details if isinstance(detail, tuple)), ())
        code.flags = frozenset(detail for detail in details if isinstance(detail, Flag))
        return code

    @property
    def attention(self) -> int:
        """The rank of the code's colour among those that ask for attention: 0 asks for most."""
        colour = self.mark.colour if self.mark else GREY
        return BY_ATTENTION.index(colour) if colour in BY_ATTENTION else len(BY_ATTENTION)

    @classmethod
    def flagged(cls, *flags: Flag, without: Flag | None = None) -> tuple[str, ...]:
        """The values of the codes that have one of the flags, in the order of their declaration."""
        return tuple(code.value for code in cls if code.flags.intersection(flags) and without not in code.flags)

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
