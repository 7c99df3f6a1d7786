"""Text: the two languages, dates, Unicode folding, and the errors that are answers to clients."""

from gis.text.dates import TODAY_SQL, VIETNAM_TIME, parse_date, parse_datetime, today
from gis.text.errors import (
    FEATURE_NOT_FOUND,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    Missing,
    Refusal,
    Stale,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unconditional,
    UnsupportedMediaType,
    invalid,
)
from gis.text.folding import unaccented
from gis.text.i18n import Language, Text

__all__ = [
    "FEATURE_NOT_FOUND",
    "TODAY_SQL",
    "VIETNAM_TIME",
    "Conflict",
    "FieldError",
    "Forbidden",
    "Invalid",
    "Language",
    "Malformed",
    "Missing",
    "Refusal",
    "Stale",
    "Text",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Unconditional",
    "UnsupportedMediaType",
    "invalid",
    "parse_date",
    "parse_datetime",
    "today",
    "unaccented",
]
