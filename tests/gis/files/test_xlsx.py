"""Workbooks: openpyxl and pandas read the values that were written."""

import datetime as dt
from decimal import Decimal

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings as bounded, strategies as st

from gis.files.xlsx import ILLEGAL_XML_CHARACTERS, MAX_CELL_CHARACTERS, Column, Workbook, _column_letters
from gis.model.field_types import DATE_CELL, DATETIME_CELL, NUMBER_CELL, TEXT_CELL, WHOLE_NUMBER_CELL
from gis.text.errors import TooLarge

COLUMNS = [
    Column("Số hiệu", TEXT_CELL, 14), Column("Ngày", DATE_CELL, 14), Column("Lúc", DATETIME_CELL, 14),
    Column("Bao nhiêu", WHOLE_NUMBER_CELL, 14), Column("X < Y & Z", NUMBER_CELL, 14),
]  # fmt: skip
TIMES = st.builds(dt.datetime.combine, st.dates(dt.date(1901, 1, 1), dt.date(2199, 1, 1)), st.times()).map(
    lambda time: time.replace(microsecond=0)
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
def test_openpyxl_reads_the_values_that_were_written(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("workbook") / "book.xlsx"
    with Workbook(path) as book:
        book.write_sheet("Mốc 'cũ' & mới", COLUMNS, [rows[:2], rows[2:]])
    read = openpyxl.load_workbook(path)
    sheet = read.worksheets[0]
    assert sheet.title == "Mốc 'cũ' & mới"
    assert [cell.value for cell in sheet[1]] == [column.title for column in COLUMNS]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:E{len(rows) + 1}"
    for number, (text, day, moment, whole, figure) in enumerate(rows, 2):
        cells = [sheet.cell(number, at) for at in range(1, 6)]
        expected = None if text is None else ILLEGAL_XML_CHARACTERS.sub("\ufffd", text)
        assert (cells[0].value or "") == (expected or "")
        assert text is None or (cells[0].data_type, cells[0].number_format) == ("s", "@") or not expected
        assert cells[1].value == (None if day is None else dt.datetime.combine(day, dt.time()))
        assert cells[2].value == moment or abs(cells[2].value - moment) < dt.timedelta(milliseconds=2)
        assert cells[3].value == whole
        assert cells[4].value == figure


def test_pandas_reads_the_workbook(tmp_path):
    path = tmp_path / "book.xlsx"
    with Workbook(path) as book:
        book.write_sheet("Mốc", [Column("n", TEXT_CELL, 9), Column("m", NUMBER_CELL, 9)], [[("147/6", Decimal("1.5"))]])
        book.write_sheet("Nguồn", [Column("", TEXT_CELL, 9)] * 2, [[("name", "markers")]])
    frames = pd.read_excel(path, sheet_name=None, engine="openpyxl", dtype={"n": str})
    assert frames["Mốc"].to_dict("records") == [{"n": "147/6", "m": 1.5}]
    assert list(frames["Nguồn"].columns) == ["name", "markers"]  # pandas takes the first row for a header


def test_text_is_cut_to_the_limit_of_a_cell(tmp_path):
    path = tmp_path / "book.xlsx"
    with Workbook(path) as book:
        book.write_sheet("Mốc", [Column("n", TEXT_CELL, 9)], [[("x" * 40_000,)]])
    assert len(openpyxl.load_workbook(path).worksheets[0]["A2"].value) == MAX_CELL_CHARACTERS


def test_exception_leaves_no_readable_workbook(tmp_path):
    path = tmp_path / "book.xlsx"

    def broken():
        yield [("a",)]
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), Workbook(path) as book:
        book.write_sheet("Mốc", [Column("n", TEXT_CELL, 9)], broken())
    with pytest.raises((KeyError, ValueError)):
        openpyxl.load_workbook(path)


def test_too_large_sheet_is_refused_while_writing(tmp_path, monkeypatch):
    monkeypatch.setattr("gis.files.xlsx.MAX_SHEET_BYTES", 20_000)
    read = []

    def batches():
        for number in range(1_000):
            read.append(number)
            yield [("x" * 1_000,)]

    with Workbook(tmp_path / "small.xlsx") as book:
        book.write_sheet("Mốc", [Column("n", TEXT_CELL, 9)], [[("x" * 1_000,)]] * 15)
    with pytest.raises(TooLarge), Workbook(tmp_path / "large.xlsx") as book:
        book.write_sheet("Mốc", [Column("n", TEXT_CELL, 9)], batches())
    assert len(read) < 20  # batches are read only as they are written


def test_column_letters_are_those_of_spreadsheets():
    assert [_column_letters(at) for at in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
