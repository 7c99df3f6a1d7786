"""Text as people type and paste it, in plain characters, so that a grammar needs one spelling of each sign."""

import unicodedata

# One sign for the many that look alike. Unicode's own compatibility folding (NFKC) is not used:
# it would read 147² as 1472 and the ordinal º as a letter.
_SIGNS = str.maketrans(
    {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width letters, digits and signs
    | dict.fromkeys(map(ord, "‐‑‒–—―−﹣"), "-")
    | dict.fromkeys(map(ord, "⁄∕"), "/")
    | dict.fromkeys(map(ord, "º˚∘"), "°")
    | dict.fromkeys(map(ord, "′’‘‛ʹʼˊ´`"), "'")
    | dict.fromkeys(map(ord, "″”“‟ʺ˝"), '"')
    | dict.fromkeys(map(ord, "Ðð"), "đ")  # the Icelandic letter that passes for the Vietnamese one
    | dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"), None)  # seen by nobody
)


def plain(text: str) -> str:
    """``text`` composed (NFC), with one kind of dash, slash, degree, prime and space, and none at the ends."""
    composed = unicodedata.normalize("NFC", text).translate(_SIGNS).replace("''", '"')
    return " ".join(composed.split())


def unaccented(text: str) -> str:
    """``plain(text)`` in small letters without Vietnamese diacritics: ``MỐC`` and ``mốc`` both become ``moc``."""
    letters = unicodedata.normalize("NFD", plain(text).casefold()).replace("đ", "d")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
