"""Workbooks: what is written comes back as it was, cell by cell, as openpyxl and pandas read it."""

import datetime as dt
from decimal import Decimal

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings as bounded, strategies as st

from gis.files.xlsx import ILLEGAL_XML_CHARACTERS, MAX_CELL_CHARACTERS, Column, Workbook, _column_letters
from gis.text.errors import TooLarge

COLUMNS = [
    Column("Số hiệu", "text", 14), Column("Ngày", "date", 14), Column("Lúc", "datetime", 14),
    Column("Bao nhiêu", "integer", 14), Column("X < Y & Z", "number", 14),
]  # fmt: skip
TIMES = st.builds(dt.datetime.combine, st.dates(dt.date(1901, 1, 1), dt.date(2199, 1, 1)), st.times()).map(
    lambda one: one.replace(microsecond=0)
)
ROWS = st.tuples(
    st.one_of(st.none(), st.text(max_size=40)),
    st.one_of(st.none(), st.dates(dt.date(1901, 1, 1), dt.date(2199, 1, 1))),
    st.one_of(st.none(), TIMES),
    st.one_of(st.none(), st.integers(-(2**53), 2**53)),
    st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
)


@bounded(max_examples=60, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=5))
def test_what_is_written_comes_back(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("workbook") / "book.xlsx"
    with Workbook(path) as book:
        book.sheet("Mốc 'cũ' & mới", COLUMNS, [rows[:2], rows[2:]])
    read = openpyxl.load_workbook(path)
    sheet = read.worksheets[0]
    assert sheet.title == "Mốc 'cũ' & mới"
    assert [cell.value for cell in sheet[1]] == [one.title for one in COLUMNS]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:E{len(rows) + 1}"
    for number, (text, day, moment, whole, figure) in enumerate(rows, 2):
        cells = [sheet.cell(number, at) for at in range(1, 6)]
        said = None if text is None else ILLEGAL_XML_CHARACTERS.sub("\ufffd", text)
        assert (cells[0].value or "") == (said or "")
        assert text is None or (cells[0].data_type, cells[0].number_format) == ("s", "@") or not said
        assert cells[1].value == (None if day is None else dt.datetime.combine(day, dt.time()))
        assert cells[2].value == moment or abs(cells[2].value - moment) < dt.timedelta(milliseconds=2)
        assert cells[3].value == whole
        assert cells[4].value == figure


def test_another_reader_reads_it_too(tmp_path):
    path = tmp_path / "book.xlsx"
    with Workbook(path) as book:
        book.sheet("Mốc", [Column("n", "text", 9), Column("m", "number", 9)], [[("147/6", Decimal("1.5"))]])
        book.sheet("Nguồn", [Column("", "text", 9)] * 2, [[("name", "markers")]])
    frames = pd.read_excel(path, sheet_name=None, engine="openpyxl", dtype={"n": str})
    assert frames["Mốc"].to_dict("records") == [{"n": "147/6", "m": 1.5}]
    assert list(frames["Nguồn"].columns) == ["name", "markers"]  # it has no heading of its own


def test_a_text_beyond_what_a_cell_holds_is_cut(tmp_path):
    path = tmp_path / "book.xlsx"
    with Workbook(path) as book:
        book.sheet("Mốc", [Column("n", "text", 9)], [[("x" * 40_000,)]])
    assert len(openpyxl.load_workbook(path).worksheets[0]["A2"].value) == MAX_CELL_CHARACTERS


def test_a_failure_leaves_no_finished_workbook(tmp_path):
    path = tmp_path / "book.xlsx"

    def broken():
        yield [("a",)]
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), Workbook(path) as book:
        book.sheet("Mốc", [Column("n", "text", 9)], broken())
    with pytest.raises((KeyError, ValueError)):
        openpyxl.load_workbook(path)


def test_a_sheet_that_no_workbook_holds_is_refused_while_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("gis.files.xlsx.MAX_SHEET_BYTES", 20_000)
    given = []

    def batches():
        for number in range(1_000):
            given.append(number)
            yield [("x" * 1_000,)]

    with Workbook(tmp_path / "small.xlsx") as book:
        book.sheet("Mốc", [Column("n", "text", 9)], [[("x" * 1_000,)]] * 15)
    with pytest.raises(TooLarge), Workbook(tmp_path / "large.xlsx") as book:
        book.sheet("Mốc", [Column("n", "text", 9)], batches())
    assert len(given) < 20  # nothing is read that is not written


def test_columns_are_named_as_spreadsheets_name_them():
    assert [_column_letters(at) for at in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
