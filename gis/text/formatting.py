"""Dates and numbers as people read them: dates as dd/mm/yyyy in Vietnam time, numbers as each language writes them."""

from datetime import UTC, date, datetime

from gis.text.dates import VIETNAM_TIME

_VIETNAMESE_SIGNS = str.maketrans(",.", ".,")


def format_date(value: date | datetime | str | None) -> str:
    """A date as dd/mm/yyyy, in Vietnam time; a text that is not an ISO 8601 date is returned unchanged."""
    moment = _parse_moment(value)
    return "" if moment is None else moment if isinstance(moment, str) else f"{moment:%d/%m/%Y}"


def format_datetime(value: date | datetime | str | None) -> str:
    """A date and time as dd/mm/yyyy HH:MM, in Vietnam time."""
    when = _parse_moment(value)
    return "" if when is None else when if isinstance(when, str) else f"{when:%d/%m/%Y %H:%M}"


def format_number(value: float | None, language: str) -> str:
    """A number in the notation of ``language``: 1.066,5 in Vietnamese, 1,066.5 in English."""
    if value is None:
        return ""
    text = f"{value:,}"
    return text if language == "en" else text.translate(_VIETNAMESE_SIGNS)


def with_unit(text: str, unit: str | None) -> str:
    """A number with its unit of measure; a percent sign follows without a space."""
    return f"{text}{'' if unit == '%' else ' '}{unit}" if unit else text


def _parse_moment(value: date | datetime | str | None) -> datetime | date | str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) == len("2026-01-01") else datetime.fromisoformat(value)
        except ValueError:
            return value
    if not isinstance(value, datetime):
        return value
    try:
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(VIETNAM_TIME)
    except OverflowError:  # At either end of the calendar Vietnam's time may be in another year than 1 to 9999.
        return value
