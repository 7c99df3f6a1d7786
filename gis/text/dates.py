"""Dates and times of programs: RFC 3339 only, although Python parses more of ISO 8601."""

import datetime as dt
import re

VIETNAM_TIME = dt.timezone(dt.timedelta(hours=7))
"""Vietnam's time zone: UTC+7 all year (Decision 134/CP of 1967), so no time zone data are needed.

A calendar day begins at midnight in this zone, and a time without an offset is in it."""

TIME_ZONE = "Asia/Ho_Chi_Minh"
"""The name of Vietnam's time zone in PostgreSQL."""


def date_sql(moment: str) -> str:
    """The SQL of the date in Vietnam at a moment."""
    return f"({moment} at time zone '{TIME_ZONE}')::date"


TODAY_SQL = date_sql("now()")
"""The SQL of the current date in Vietnam. Derived fields take the date of reading from their row instead."""


def today() -> dt.date:
    """The current date in Vietnam."""
    return dt.datetime.now(VIETNAM_TIME).date()


_DATETIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)([Zz]|[+ -]\d\d:\d\d)?", re.ASCII)


def parse_date(text: str) -> dt.date:
    """A date such as ``2026-01-31``. Raises ``ValueError``."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError(text)
    return dt.date.fromisoformat(text)


def parse_datetime(text: str) -> dt.datetime:
    """A time with its zone; a date is taken as its first moment. Raises ``ValueError``.

    In a URL an unescaped plus sign is decoded as a space, so a space before the offset is read as a plus.
    """
    match = _DATETIME.fullmatch(text)
    if match is None:
        return dt.datetime.combine(parse_date(text), dt.time(), VIETNAM_TIME)
    local, offset = match[1], match[2] or ""
    moment = dt.datetime.fromisoformat((local + offset.replace(" ", "+")).upper())
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM_TIME)
