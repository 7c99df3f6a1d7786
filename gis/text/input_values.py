"""Checks of the values in request bodies. Each raises ``ValueError`` with the code of the error."""

import datetime as dt
import math
import re
import unicodedata
from typing import Any

from gis.text.dates import parse_date

FORBIDDEN_CHARACTERS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
"""Characters that mislead readers or that file formats cannot hold: controls, zero-width characters, bidirectional
overrides, lone surrogates, tag characters, and Unicode noncharacters, which XML (and so KML and XLSX) excludes."""

YEAR_RANGE = (1900, 2100)


def clean_text(value: Any) -> str:
    """Text in NFC without surrounding blanks.

    Raises ``ValueError("type")`` if the value is no text, ``ValueError("characters")`` for forbidden characters.
    """
    if not isinstance(value, str):
        raise ValueError("type")
    if FORBIDDEN_CHARACTERS.search(value):
        raise ValueError("characters")
    return unicodedata.normalize("NFC", value).strip()


def checked_number(value: Any) -> Any:
    """A finite number. Raises ``ValueError("type")`` or ``ValueError("range")``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("type")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("range")
    return value


def parse_input_date(value: Any) -> dt.date:
    """Parse a date ``YYYY-MM-DD`` of the years 1900 to 2100. Raises ``ValueError("date")``."""
    try:
        day = parse_date(value)
    except (ValueError, TypeError):
        raise ValueError("date") from None
    if not YEAR_RANGE[0] <= day.year <= YEAR_RANGE[1]:
        raise ValueError("date")
    return day


def parse_input_datetime(value: Any) -> dt.datetime:
    """Parse an ISO 8601 time with an offset. Raises ``ValueError`` with ``type``, ``zone`` or ``date``."""
    try:
        if not isinstance(value, str):
            raise ValueError
        time = dt.datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("type") from None
    if time.tzinfo is None:
        raise ValueError("zone")
    if not YEAR_RANGE[0] <= time.year <= YEAR_RANGE[1]:
        raise ValueError("date")
    return time
