"""Dates and numbers as people read them."""

import datetime as dt

from gis.text.formatting import format_date, format_datetime, format_number, with_unit


def test_dates_and_numbers_in_vietnamese_notation() -> None:
    assert format_date("2023-12-31") == "31/12/2023"
    assert format_date(dt.date(2026, 1, 2)) == "02/01/2026"
    assert format_date("2026-11-20T23:30:00Z") == "21/11/2026"
    assert format_datetime(dt.datetime(2026, 11, 20, 23, 30, tzinfo=dt.UTC)) == "21/11/2026 06:30"
    assert format_datetime("9999-12-31T23:59:59-23:59") == "31/12/9999 23:59"
    assert format_date("tháng 5") == "tháng 5"
    assert format_date(None) == ""
    assert (format_number(1066055, "vi"), format_number(1066055, "en")) == ("1.066.055", "1,066,055")
    assert (format_number(1066.5, "vi"), format_number(1066.5, "en")) == ("1.066,5", "1,066.5")
    assert format_number(None, "vi") == ""
    assert (with_unit("35", "%"), with_unit("1.200", "m"), with_unit("3", None)) == ("35%", "1.200 m", "3")
