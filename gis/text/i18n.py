"""The two languages of all texts that people read: Vietnamese first, then English."""

from typing import Literal, NamedTuple

Language = Literal["vi", "en"]


class Text(NamedTuple):
    """A text in both languages, declared beside the thing that it names."""

    vi: str
    en: str

    def in_language(self, language: Language) -> str:
        """The text in one language."""
        return self.en if language == "en" else self.vi
