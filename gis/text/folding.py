"""Text as people type and paste it, in plain characters, so that a grammar needs one spelling of each sign."""

import unicodedata
from collections import defaultdict
from functools import cache

# One sign for the many that look alike. Unicode's own compatibility folding (NFKC) is not used:
# it would read 147² as 1472 and the ordinal º as a letter.
_SIGN_FOLDS = str.maketrans(
    {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width letters, digits and signs
    | dict.fromkeys(map(ord, "‐‑‒–—―−﹣"), "-")
    | dict.fromkeys(map(ord, "⁄∕"), "/")
    | dict.fromkeys(map(ord, "º˚∘"), "°")
    | dict.fromkeys(map(ord, "′’‘‛ʹʼˊ´`"), "'")
    | dict.fromkeys(map(ord, "″”“‟ʺ˝"), '"')
    | dict.fromkeys(map(ord, "Ðð"), "đ")  # the Icelandic letter that passes for the Vietnamese one
    | dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"), None)  # seen by nobody
)


def normalize_text(text: str) -> str:
    """``text`` composed (NFC), with one kind of dash, slash, degree, prime and space, and none at the ends."""
    composed = unicodedata.normalize("NFC", text).translate(_SIGN_FOLDS).replace("''", '"')
    return " ".join(composed.split())


def unaccented(text: str) -> str:
    """``plain(text)`` in small letters without Vietnamese diacritics: ``MỐC`` and ``mốc`` both become ``moc``."""
    letters = unicodedata.normalize("NFD", normalize_text(text).casefold()).replace("đ", "d")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


_LETTER_RANGES = (range(0x20, 0x7F), range(0xA0, 0x530), range(0x1E00, 0x1F00))
"""Where Unicode keeps the alphabets that have capitals, their letters bare and composed with diacritics."""


def search_pattern(term: str) -> str:
    """A regular expression, as PostgreSQL reads it, that finds ``word`` in composed text however it is written there.

    ``moc`` finds ``MỐC`` and ``mốc``, ``168-168/2`` finds ``168–168/2``. Folding the one word instead of every text it
    is looked for in is some twenty-five times faster.
    """
    spellings = _spellings()
    return "".join(spellings.get(sign, sign if sign.isalnum() else f"\\{sign}") for sign in unaccented(term))


@cache
def _spellings() -> dict[str, str]:
    """A bracket expression for each sign of ``unaccented`` text: all that become it."""
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for code in (*_SIGN_FOLDS, *(code for letters in _LETTER_RANGES for code in letters)):
        sign = unaccented(chr(code))
        alike[sign] |= {sign, chr(code)}
    return {
        sign: "[" + "".join(f"\\{one}" if one in "\\[]^-" else one for one in sorted(signs)) + "]"
        for sign, signs in alike.items()
        if len(sign) == 1
    }
