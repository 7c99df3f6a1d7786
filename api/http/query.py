"""Query parameters: refusals of unknown and invalid ones, moments, intervals and the page size."""

import datetime as dt
import re
from collections.abc import Collection

from fastapi import Request

from gis.text import VIETNAM_TIME, Malformed, Text, parse_date, parse_datetime
from gis.write import clean_name

COMMON_PARAMETERS = ("f", "lang")
"""Query parameters that every resource accepts."""

DEFAULT_LIMIT, MAX_LIMIT = 100, 10_000


def malformed_parameter(name: str, vi: str, en: str) -> Malformed:
    """The refusal of the value of a parameter."""
    return Malformed(Text(f"{name}: {vi}", f"{name}: {en}"))


def unknown_parameter(name: str, allowed: Collection[str]) -> Malformed:
    """The refusal of a parameter that a resource does not have, with those that it has."""
    name, names = clean_name(name), ", ".join(allowed)
    return Malformed(
        Text(f"Không có tham số '{name}'. Được phép: {names}", f"Unknown parameter '{name}'. Allowed: {names}")
    )


def refuse_unknown_parameters(
    request: Request, allowed: Collection[str] = (), *, common: Collection[str] = COMMON_PARAMETERS
) -> None:
    """Raise ``Malformed`` for a parameter that is neither ``allowed`` nor ``common``."""
    known = sorted({*common, *allowed})
    for name in request.query_params:
        if name not in known:
            raise unknown_parameter(name, known)


def limit_of(text: str | None) -> int:
    """The page size, from 1 to ``MAX_LIMIT``; a greater ``limit`` becomes ``MAX_LIMIT``.

    OGC API Features, Part 1, ``/req/core/fc-limit-definition``.
    """
    if text is None or text == "":
        return DEFAULT_LIMIT
    digits = text.lstrip("0")
    if not text.isascii() or not text.isdigit() or not digits:
        raise malformed_parameter(
            "limit", f"phải là số nguyên từ 1 đến {MAX_LIMIT}", f"must be a whole number from 1 to {MAX_LIMIT}"
        )
    return MAX_LIMIT if len(digits) > len(str(MAX_LIMIT)) else min(int(digits), MAX_LIMIT)


OGR_DATE = re.compile(r"(\d{4}-\d\d-\d\d)T", re.ASCII)
"""The date that OGR 3.6 sends in a comparison with a date-time field: with a ``T`` but without a time."""

VIETNAMESE_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: +(\d{1,2}):(\d{2}))?", re.ASCII)


def moment_of(text: str | None, name: str, *, end: bool = False) -> dt.datetime | None:
    """An RFC 3339 date-time, or a date as the first moment of that day in Vietnam or, with ``end``, as the last.

    Also takes the Vietnamese notation: ``20/11/2026``, ``20/11/2026 17:30``. None for an empty text and ``..``.
    Raises ``Malformed`` with ``name`` as the parameter at fault, also for a moment that, in UTC or in Vietnam time, is
    not in the years 1 to 9999.
    """
    moment = _parse_moment(text, name, end=end)
    if moment is not None:
        try:
            moment.astimezone(dt.UTC), moment.astimezone(VIETNAM_TIME)
        except OverflowError:
            raise outside_calendar(name) from None
    return moment


def outside_calendar(name: str) -> Malformed:
    """The refusal of a moment before the year 1 or after 9999."""
    return malformed_parameter(name, "phải trong các năm từ 1 đến 9999", "must be in the years 1 to 9999")


def _parse_moment(text: str | None, name: str, *, end: bool = False) -> dt.datetime | None:
    if not text or text == "..":
        return None
    try:
        if match := VIETNAMESE_DATE.fullmatch(text.strip()):
            day, month, year, hour, minute = match.groups()
            if hour is not None:
                return dt.datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=VIETNAM_TIME)
            text = f"{year}-{int(month):02}-{int(day):02}"
        if match := OGR_DATE.fullmatch(text):
            text = match[1]
        if len(text) == len("2026-01-01"):
            clock = dt.time.max if end else dt.time.min
            return dt.datetime.combine(parse_date(text), clock, VIETNAM_TIME)
        return parse_datetime(text)
    except ValueError:
        raise malformed_parameter(
            name, "phải là ngày hoặc thời điểm theo RFC 3339", "must be an RFC 3339 date or date-time"
        ) from None


def interval_of(text: str | None) -> tuple[dt.datetime | None, dt.datetime | None] | None:
    """The parameter ``datetime`` as start and end: a date or date-time, or an interval ``start/end``.

    Either end may be ``..``, which gives None, or any date of the calendar, such as 9999-12-31. Raises ``Malformed``.
    """
    if not text:
        return None
    start, slash, end = text.partition("/")
    if not slash:
        if start == "..":
            raise malformed_parameter(
                "datetime", "phải là ngày hoặc thời điểm theo RFC 3339", "must be an RFC 3339 date or date-time"
            )
        return _parse_moment(start, "datetime"), _parse_moment(start, "datetime", end=True)
    first, last = _parse_moment(start, "datetime"), _parse_moment(end, "datetime", end=True)
    if first and last and first > last:
        raise malformed_parameter(
            "datetime", "thời điểm đầu phải trước thời điểm cuối", "the start must not be after the end"
        )
    return first, last
