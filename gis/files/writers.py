"""Files that are written before they are sent: GeoPackage, Shapefile, FlatGeobuf, GeoParquet and workbooks.

All but workbooks are written from a spool (``gis.files.spool``), batch by batch, so that a file takes no more memory
than a batch and the database waits for no writer. Features without a position are included, with an empty geometry.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gis.db.actors import Actor
from gis.db.reader import result_of
from gis.db.session import Database, Session
from gis.files.formats import MAX_ROWS, Export, Format, columns_of, declare_format, streamed_formats, too_large
from gis.files.gdal import GDAL_ERRORS
from gis.files.spool import CancellationCheck, rows_of, spool_rows
from gis.files.xlsx import Column, Workbook
from gis.model.field_types import NUMBER_CELL, TEXT_CELL
from gis.read import pages
from gis.read.sql import is_withheld_sql
from gis.text.errors import Unavailable
from gis.text.i18n import Text

log = logging.getLogger(__name__)

WORKBOOK: Final = declare_format(
    Format(
        "xlsx",
        Text("Bảng tính Excel", "Excel workbook"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ".xlsx",
        rank=10,
    )
)


def _write_failed() -> Unavailable:
    names = ", ".join(streamed_formats())
    return Unavailable(
        Text(
            "Máy chủ không ghi được tệp, có thể do hết dung lượng đĩa; hãy báo quản trị viên hoặc chọn định dạng gửi"
            f" trực tiếp: {names}",
            "The server could not write the file; its disk may be full. Tell an administrator, or choose a format that"
            f" is streamed: {names}",
        )
    )


def write(
    database: Database, actor: Actor, export: Export, folder: Path, check_cancelled: CancellationCheck = lambda: None
) -> Path:
    """Write the file into the empty ``folder``, set the counts of ``export``, and return the path.

    Raises ``TooLarge`` for more than ``MAX_ROWS`` rows, ``Unavailable`` if the file could not be written.
    """
    try:
        return _write_file(database, actor, export, folder, check_cancelled)
    except (OSError, *GDAL_ERRORS) as fault:
        log.exception("a file was not written", extra={"format": export.format.name})
        raise _write_failed() from fault


def _write_file(
    database: Database, actor: Actor, export: Export, folder: Path, check_cancelled: CancellationCheck
) -> Path:
    """Count the rows, then write the workbook from the database or another format from a spool."""
    path = folder / f"{export.selection.layer.name}{export.format.extension}"
    with database.transaction(actor) as session:
        if result_of(pages.count_features(session, export.selection)) > MAX_ROWS:
            raise too_large()
        if export.format.write is None:
            _write_workbook(session, export, path, check_cancelled)
            return path
        rows = spool_rows(session, export, folder / "rows.arrow", check_cancelled)
    export.format.write(export, rows, path)
    return path


METADATA_SHEET: Final = Text("Nguồn", "About")


def _write_workbook(session: Session, export: Export, path: Path, check_cancelled: CancellationCheck) -> None:
    """Write a sheet of the rows as a table for people, with filters in a frozen header, and a sheet of the metadata.

    Text cells have the format of text, so that Excel takes ``147/6`` for no date and ``=1+1`` for no formula, not
    even after editing.
    """
    columns = columns_of(export)
    select_list = ", ".join(
        [*(_cast(column.sql, column.cell_format) for column in columns), is_withheld_sql(export.selection)]
    )

    def batches() -> Iterator[list[tuple[Any, ...]]]:
        for rows in rows_of(session, export, select_list, check_cancelled):
            export.number += len(rows)
            export.withheld += sum(bool(row[-1]) for row in rows)
            yield [row[:-1] for row in rows]

    with Workbook(path) as book:
        data_columns = [
            Column(column.title, column.cell_format, min(max(len(column.title) + 2, 14), 40)) for column in columns
        ]
        book.write_sheet(export.selection.layer.title.in_language(export.language), data_columns, batches())
        metadata_columns = [Column("", TEXT_CELL, 24), Column("", TEXT_CELL, 100)]
        book.write_sheet(
            METADATA_SHEET.in_language(export.language), metadata_columns, [export.metadata_text().items()]
        )


def _cast(sql: str, cell_format: str) -> str:
    """The SQL of a value in the type with which the workbook's writer receives it."""
    return {TEXT_CELL: f"({sql})::text", NUMBER_CELL: f"({sql})::float8"}.get(cell_format, sql)
