"""Text: two languages, dates and numbers, Unicode folding, SQL files, and the errors that are answers to clients."""

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
from gis.text.folding import LONE_SURROGATE, unaccented
from gis.text.formatting import format_date, format_datetime, format_number, with_unit
from gis.text.i18n import Language, Text
from gis.text.sql_files import SqlFile, identifiers

__all__ = [
    "FEATURE_NOT_FOUND",
    "LONE_SURROGATE",
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
    "SqlFile",
    "Stale",
    "Text",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Unconditional",
    "UnsupportedMediaType",
    "format_date",
    "format_datetime",
    "format_number",
    "identifiers",
    "invalid",
    "parse_date",
    "parse_datetime",
    "today",
    "unaccented",
    "with_unit",
]
