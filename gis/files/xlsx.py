"""Excel workbooks (Office Open XML, ECMA-376 part 1) written row by row, with at most one batch of rows in memory.

The XML is written directly: XlsxWriter takes four times the processor time, and writes some texts unescaped
(``DECISIONS.md``, "Workbooks").
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from textwrap import shorten
from typing import IO, Any, Final, Self
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile

from gis.model.field_types import DATE_CELL, DATETIME_CELL, NUMBER_CELL, TEXT_CELL, WHOLE_NUMBER_CELL
from gis.text.errors import TooLarge
from gis.text.i18n import Text

MAX_CELL_CHARACTERS: Final = 32_767
"""The limit of characters in a cell; Excel reports a workbook with more as damaged."""

MAX_SHEET_BYTES: Final = 2**31 - 1
"""The limit of a sheet's uncompressed size: a larger one needs ZIP64, which Excel reports as damaged."""

MAX_SHEET_NAME: Final = 31
COMPRESSION_LEVEL: Final = 3
"""The level of compression; higher ones take more time than their smaller files are worth."""

EPOCH: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook has no time zones
"""Day 0 of a workbook, chosen so that all days since March 1900 have the number that Excel gives them."""

ILLEGAL_XML_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 cannot represent."""

HEADING_STYLE: Final = 1
CELL_STYLES: Final = {NUMBER_CELL: 0, TEXT_CELL: 2, DATE_CELL: 3, DATETIME_CELL: 4, WHOLE_NUMBER_CELL: 5}
"""The index of each number format among the ``cellXfs`` below."""

STYLE_SHEET: Final = """<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<numFmts count="2"><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/>
<numFmt numFmtId="165" formatCode="dd/mm/yyyy hh:mm"/></numFmts>
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>
<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="6">
<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>
<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>
<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/>
<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
</cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""

XML_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN_NAMESPACE: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONSHIPS_NAMESPACE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE_NAMESPACE: Final = "http://schemas.openxmlformats.org/package/2006"
CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"


@dataclass(frozen=True)
class Column:
    """A column: its title, the number format of its cells (a key of ``CELL_STYLES``) and its width in characters."""

    title: str
    cell_format: str
    width: float


class Workbook:
    """A workbook that is being written, as a context manager; an exception leaves the file unfinished."""

    def __init__(self, path: Path) -> None:
        self._zip = ZipFile(path, "w", ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL)
        self._sheets: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_about: object) -> None:
        with self._zip:
            if failed is None:
                self._finish()

    def write_sheet(self, name: str, columns: Sequence[Column], batches: Iterable[Iterable[Sequence[Any]]]) -> None:
        """Write a sheet of rows in batches, under a frozen header that filters them if a column has a title.

        Raises ``TooLarge`` if the sheet would have more than ``MAX_SHEET_BYTES`` bytes.
        """
        title = shorten(name, MAX_SHEET_NAME, placeholder="…")
        letters = [_column_letters(index) for index in range(len(columns))]
        cells = [_cell_writer(letter, column.cell_format) for letter, column in zip(letters, columns, strict=True)]
        has_header = any(column.title for column in columns)
        number = int(has_header)
        with self._zip.open(f"xl/worksheets/sheet{len(self._sheets) + 1}.xml", "w") as part:
            bytes_left = _write_within(part, _sheet_start(columns, has_header=has_header), MAX_SHEET_BYTES)
            if has_header:
                titles = (
                    _text_cell('1"', column.title, HEADING_STYLE, letter)
                    for letter, column in zip(letters, columns, strict=True)
                )
                bytes_left = _write_within(part, f'<row r="1">{"".join(titles)}</row>', bytes_left)
            for rows in batches:
                xml = []
                for row in rows:
                    number += 1
                    end = f'{number}"'
                    xml.append(f'<row r="{end}>')
                    xml += [cell(end, value) for cell, value in zip(cells, row, strict=True) if value is not None]
                    xml.append("</row>")
                bytes_left = _write_within(part, "".join(xml), bytes_left)
            filtered = f'<autoFilter ref="A1:{letters[-1]}{number}"/>' if has_header else ""
            _write_within(part, f"</sheetData>{filtered}</worksheet>", bytes_left)
        self._sheets.append((title, f"$A$1:${letters[-1]}${number}" if has_header else ""))

    def _finish(self) -> None:
        """Write the parts that describe the workbook and its sheets."""
        numbers = range(1, len(self._sheets) + 1)
        overrides = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{CONTENT_TYPE}.worksheet+xml"/>'
            for n in numbers
        )
        self._part(
            "[Content_Types].xml",
            f'<Types xmlns="{PACKAGE_NAMESPACE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{CONTENT_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{CONTENT_TYPE}.styles+xml"/>{overrides}</Types>',
        )
        self._part("_rels/.rels", _relationships([("officeDocument", "xl/workbook.xml")]))
        sheets = [("worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
        self._part("xl/_rels/workbook.xml.rels", _relationships([*sheets, ("styles", "styles.xml")]))
        self._part("xl/styles.xml", STYLE_SHEET)
        listed, filtered = "", ""
        for n, (name, area) in enumerate(self._sheets, 1):
            listed += f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"/>'
            quoted = escape("'" + name.replace("'", "''") + "'")
            filtered += area and (
                f'<definedName name="_xlnm._FilterDatabase" localSheetId="{n - 1}" hidden="1">{quoted}!{area}'
                "</definedName>"
            )
        self._part(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN_NAMESPACE}" xmlns:r="{RELATIONSHIPS_NAMESPACE}"><sheets>{listed}</sheets>'
            f"{filtered and f'<definedNames>{filtered}</definedNames>'}</workbook>",
        )

    def _part(self, name: str, text: str) -> None:
        self._zip.writestr(name, XML_DECLARATION + text)


def _write_within(part: IO[bytes], text: str, bytes_left: int) -> int:
    """Write a part of a sheet and return the bytes left. The zip module would find the excess only at the end."""
    encoded = text.encode()
    if len(encoded) > bytes_left:
        raise TooLarge(
            Text(
                "Trang tính quá 2 GiB: hãy lọc bớt hoặc chọn CSV",
                "The sheet would be over 2 GiB: narrow the filter or choose CSV",
            )
        )
    part.write(encoded)
    return bytes_left - len(encoded)


def _sheet_start(columns: Sequence[Column], *, has_header: bool) -> str:
    """The XML of a sheet before its first row."""
    widths = "".join(
        f'<col min="{index}" max="{index}" width="{column.width}" customWidth="1"/>'
        for index, column in enumerate(columns, 1)
    )
    pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' if has_header else ""
    views = f'<sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
    return f'{XML_DECLARATION}<worksheet xmlns="{MAIN_NAMESPACE}">{views}<cols>{widths}</cols><sheetData>'


def _relationships(targets: Iterable[tuple[str, str]]) -> str:
    """A relationships part (.rels) of types and targets; the ids are r1, r2 and so on."""
    items = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONSHIPS_NAMESPACE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{PACKAGE_NAMESPACE}/relationships">{items}</Relationships>'


def _column_letters(index: int) -> str:
    """The letters of a column by its index from 0: A to Z, then AA."""
    name = ""
    while index >= 0:
        index, digit = divmod(index, 26)
        name, index = chr(65 + digit) + name, index - 1
    return name


def _text_cell(end: str, value: str, style: int = CELL_STYLES[TEXT_CELL], letter: str = "") -> str:
    """A cell of text; ``letter`` and ``end`` as for ``_cell_writer``."""
    # A carriage return must be escaped, because XML parsers normalize it to a line feed.
    escaped = escape(ILLEGAL_XML_CHARACTERS.sub("\ufffd", value[:MAX_CELL_CHARACTERS]), {"\r": "&#13;"})
    return f'<c r="{letter}{end} s="{style}" t="inlineStr"><is><t xml:space="preserve">{escaped}</t></is></c>'


CellWriter = Callable[[str, Any], str]


def _cell_writer(letter: str, cell_format: str) -> CellWriter:
    """The function that writes a cell of a column from ``end`` (the row's number and the closing quote) and a value."""
    if cell_format == TEXT_CELL:
        return lambda end, value: _text_cell(end, str(value), letter=letter)
    style = f's="{CELL_STYLES[cell_format]}"'
    if cell_format in (DATE_CELL, DATETIME_CELL):
        return lambda end, value: f'<c r="{letter}{end} {style}><v>{_serial_date(value)!r}</v></c>'
    return lambda end, value: f'<c r="{letter}{end} {style}><v>{_number_text(value)}</v></c>'


def _number_text(value: float | Decimal) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)


def _serial_date(value: dt.date) -> float:
    """The number of days since the epoch, with the time of day as a fraction."""
    if not isinstance(value, dt.datetime):
        return (value - EPOCH.date()).days
    elapsed = value.replace(tzinfo=None) - EPOCH
    return round(elapsed.days + elapsed.seconds / 86_400 + elapsed.microseconds / 86_400e6, 9)
