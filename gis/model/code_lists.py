"""Code lists and statuses: words that know their name in both languages, their mark and their next steps.

A code list (ISO 19103) is stored as its lower-case value. A ``Scale`` is a code list whose words have an order. A
``Status`` is one that changes only by moves; which moves are allowed is written beside each word.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Self

from gis.text.i18n import Text

# Okabe and Ito's palette: told apart by colour-blind readers, on a projector and in black-and-white print.
BLUE, GREEN, AMBER, RED, GREY = "#0072B2", "#009E73", "#E69F00", "#D55E00", "#6b7580"
SKY, PURPLE, INK = "#56B4E9", "#CC79A7", "#14324a"


@dataclass(frozen=True)
class Mark:
    """How a word is drawn: a shape and a colour, never colour alone. Shapes are drawn in ``maps/marks.py``."""

    shape: str
    colour: str


class CodeList(str, Enum):
    """A closed list of words: ``WORD = "word", ("Từ", "Word"), Mark("circle", GREEN)``."""

    title: Text  # type: ignore[assignment]  # a word's own title, not str's method
    mark: Mark | None
    transitions_to: tuple[str, ...]

    def __new__(
        cls,
        value: str,
        title: tuple[str, str] = ("", ""),
        mark: Mark | None = None,
        transitions_to: tuple[str, ...] = (),
    ) -> Self:
        word = str.__new__(cls, value)
        word._value_ = value
        word.title, word.mark, word.transitions_to = Text(*title), mark, transitions_to
        return word

    def __str__(self) -> str:
        return str(self.value)


class OrderedCodeList(CodeList):
    """A code list whose words are compared and sorted in the order in which they stand, the lowest first."""


class Status(CodeList):
    """A code list whose words follow one another: it changes by moves, each with a reason."""

    @classmethod
    def transitions(cls) -> list[tuple[str, str]]:
        """Every (from, to) that the words allow."""
        return [(word.value, to) for word in cls for to in word.transitions_to]


def transitions_to(*values: str) -> tuple[str, ...]:
    """The words that may follow, by value."""
    return values
