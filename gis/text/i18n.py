"""The two languages of the house. Vietnamese stands first, English beside it, both declared once."""

from typing import Literal, NamedTuple

Language = Literal["vi", "en"]


class Text(NamedTuple):
    """One wording in both languages, declared where the thing it names is declared."""

    vi: str
    en: str

    def in_language(self, language: Language) -> str:
        """The wording for a reader of ``language``."""
        return self.en if language == "en" else self.vi
