"""Days and times as programs write them: RFC 3339, and nothing else that Python would take for one."""

import datetime as dt
import re

VIETNAM_TIME = dt.timezone(dt.timedelta(hours=7))
"""The country keeps one time all year (Decision 134/CP of 1967), so no time zone data are needed.

A day begins with it, and a time without a zone is its."""

TIME_ZONE = "Asia/Ho_Chi_Minh"
"""What PostgreSQL calls it."""

TODAY_SQL = f"(now() at time zone '{TIME_ZONE}')::date"
"""The SQL of the day it is here."""


def today() -> dt.date:
    """The day it is here."""
    return dt.datetime.now(VIETNAM_TIME).date()


_DATETIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)([Zz]|[+ -]\d\d:\d\d)?", re.ASCII)


def parse_date(text: str) -> dt.date:
    """A day such as ``2026-01-31``. Raises ``ValueError``."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError(text)
    return dt.date.fromisoformat(text)


def parse_datetime(text: str) -> dt.datetime:
    """A time, or a day as its beginning, always with a zone. Raises ``ValueError``.

    A plus sign that was not escaped in an address arrives as a blank; before the hours of a zone it can be nothing
    else.
    """
    written = _DATETIME.fullmatch(text)
    if written is None:
        return dt.datetime.combine(parse_date(text), dt.time(), VIETNAM_TIME)
    clock, zone = written[1], written[2] or ""
    found = dt.datetime.fromisoformat((clock + zone.replace(" ", "+")).upper())
    return found if found.tzinfo else found.replace(tzinfo=VIETNAM_TIME)
