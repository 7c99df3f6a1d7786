"""The export formats, the columns of tables for people, and the formats that are streamed.

GeoJSON, GeoJSON text sequences, KML and CSV are streamed by PostgreSQL's COPY as bytes, of any size in bounded memory.
The other formats are written to a file first (``gis.files.writers``), up to ``MAX_ROWS`` rows, in bounded memory too.

A format for programs has codes, under the names of the fields. A format for people (CSV, XLSX) has the titles of codes
in the reader's language, under the titles of the fields, with longitude and latitude in WGS 84, and north (X) and east
(Y) in one zone of VN-2000.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field as attribute
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psycopg import AsyncClientCursor, AsyncConnection

from gis.crs.systems import WGS84, Zone, postgis_srid
from gis.db.actors import Actor
from gis.db.session import Database
from gis.files import kml
from gis.files.json_cells import json_cell_sql
from gis.model.code_lists import CodeList
from gis.model.field_types import BOOLEAN, DATETIME_CELL, JSON, NUMBER_CELL, TEXT_CELL
from gis.model.fields import Field
from gis.model.layer import Layer
from gis.model.row import Row
from gis.read import pages
from gis.read.selection import Selection
from gis.read.sql import feature_json_sql, selected_fields, selection_geometry_sql
from gis.text.errors import Malformed, TooLarge
from gis.text.i18n import Language, Text
from gis.write import child_resources

if TYPE_CHECKING:
    from gis.files.spool import Spool

MAX_ROWS: Final = 1_000_000
"""The limit of rows of a file that is written before it is sent: a sheet of Excel has at most 1,048,576 rows."""

CHUNK_BYTES: Final = 64 * 1024
"""The size of a chunk of a streamed file."""


@dataclass(frozen=True)
class Format:
    """A file format: its name in URLs, its title, its media type and its file extension.

    ``rank`` is its place in menus. ``write`` writes the rows of a spool into a file; ``streams`` formats need no file
    on the server. ``delimited`` formats are tables, and ``geographic_only`` ones have WGS 84 coordinates only.
    """

    name: str
    title: Text
    media_type: str
    extension: str
    rank: int
    write: "Callable[[Export, Spool, Path], None] | None" = None
    streams: bool = False
    delimited: bool = False
    geographic_only: bool = False


FORMATS: Final[dict[str, Format]] = {}
"""The formats by name, in the order of menus. Each module of a format declares its own."""


def declare_format(declared: Format) -> Format:
    """Add a format to ``FORMATS``."""
    in_order = sorted([*FORMATS.values(), declared], key=lambda entry: entry.rank)
    FORMATS.clear()
    FORMATS.update({entry.name: entry for entry in in_order})
    return declared


GEOJSON, CSV, KML, GEOJSONSEQ = (
    declare_format(entry)
    for entry in (
        Format("geojson", Text("GeoJSON", "GeoJSON"), "application/geo+json", ".geojson", rank=20, streams=True),
        Format("csv", Text("CSV", "CSV"), "text/csv", ".csv", rank=40, streams=True, delimited=True),
        Format("kml", Text("KML (Google Earth)", "KML (Google Earth)"), "application/vnd.google-earth.kml+xml", ".kml",
               rank=60, streams=True, geographic_only=True),
        Format("geojsonseq", Text("GeoJSON theo dòng", "GeoJSON text sequence"), "application/geo+json-seq",
               ".geojsons", rank=90, streams=True),
    )
)  # fmt: skip


def streamed_formats() -> list[str]:
    """The names of the formats without a limit of rows."""
    return [entry.name for entry in FORMATS.values() if entry.streams]


def find_format(name: str) -> Format:
    """The format of that name. Raises ``Malformed`` with the names of the formats."""
    if name not in FORMATS:
        names = ", ".join(FORMATS)
        raise Malformed(Text(f"'f' không hợp lệ. Được phép: {names}", f"Invalid 'f'. Allowed: {names}"))
    return FORMATS[name]


@dataclass
class Export:
    """One export: a selection in a format and language, and the counts of what was written.

    ``zone`` is the zone of VN-2000 whose coordinates tables for people have beside WGS 84, ``delimiter`` separates the
    columns of a CSV, ``extra_metadata`` says where the data come from. ``number`` counts the features written,
    ``withheld`` those whose position is assumed and masked for this reader. Raises ``Malformed`` for a CRS that the
    format does not support.
    """

    selection: Selection
    format: Format
    zone: Zone
    language: Language = "vi"
    delimiter: str = ","
    extra_metadata: Mapping[str, Any] = attribute(default_factory=dict)
    number: int = 0
    withheld: int = 0

    def __post_init__(self) -> None:
        if self.format.geographic_only and self.selection.crs.epsg != WGS84:
            raise Malformed(
                Text(f"{self.format.name} chỉ có WGS 84", f"Format {self.format.name} supports WGS 84 only")
            )
        pages.unpaged_sql(self.selection, feature_json_sql(self.selection))

    def metadata(self) -> dict[str, Any]:
        """The metadata of the file: layer, counts and ``extra_metadata``."""
        counts = {"numberReturned": self.number}
        if self.withheld:
            counts["withheld_positions"] = self.withheld
        return {"name": self.selection.layer.name, **counts, **self.extra_metadata}

    def metadata_text(self) -> dict[str, str]:
        """The metadata with every value as text; values that are not text as JSON."""
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in self.metadata().items()
        }


def too_large() -> TooLarge:
    """The refusal of an export of more than ``MAX_ROWS`` rows, naming the formats without a limit."""
    names = ", ".join(streamed_formats())
    return TooLarge(
        Text(
            f"Quá {f'{MAX_ROWS:,}'.replace(',', '.')} dòng: hãy lọc bớt hoặc chọn {names}",
            f"Over {MAX_ROWS:,} rows: narrow the filter or choose one of {names}",
        ),
        extra={"most": MAX_ROWS, "formats": streamed_formats()},
    )


async def stream(database: Database, actor: Actor, export: Export) -> AsyncIterator[bytes]:
    """Yield the file in chunks as PostgreSQL sends its rows, with at most one chunk and one row in memory.

    Raises ``Unavailable`` before the first chunk if too many downloads are running.
    """
    async with database.download_connection(actor, export.selection.as_of) as connection:
        if not actor.level.sees_assumed_positions:
            sql, values = pages.withheld_count_sql(export.selection)
            counted = await (await connection.execute(sql, values)).fetchone()
            export.withheld = counted[0] if counted else 0
        head, separator = _head_and_separator(export)
        buffer = bytearray(head)
        async for row in _copy_rows(connection, export):
            if export.number:
                buffer += separator
            buffer += row
            export.number += 1
            if len(buffer) >= CHUNK_BYTES:
                yield bytes(buffer)
                buffer.clear()
        if export.format is GEOJSON:
            buffer += b"]," + json.dumps(export.metadata(), ensure_ascii=False)[1:].encode()
        elif export.format is KML:
            buffer += kml.DOCUMENT_END
        elif export.format is GEOJSONSEQ and not export.number:
            buffer.clear()
        yield bytes(buffer)


def _head_and_separator(export: Export) -> tuple[bytes, bytes]:
    """The beginning of the file, and the separator between its rows."""
    match export.format.name:
        case "geojson":
            return b'{"type":"FeatureCollection","features":[\n', b","
        case "geojsonseq":
            return b"\x1e", b"\x1e"  # RFC 8142: a record separator precedes each text
        case "kml":
            # The number of features is not known before the last row.
            metadata = {name: value for name, value in export.metadata_text().items() if name != "numberReturned"}
            return kml.document_start(export.selection, export.language, metadata), b""
        case _:
            return _csv_header(export), b""


async def _copy_rows(connection: AsyncConnection[Any], export: Export) -> AsyncIterator[bytes]:
    """Yield the rows as PostgreSQL's COPY sends them."""
    if export.format.delimited:
        columns = ", ".join(column.csv_sql for column in columns_of(export))
        sql, values = pages.unpaged_sql(export.selection, columns)
        options = f"format csv, delimiter '{export.delimiter}'"
    else:
        row_sql = kml.placemark_sql if export.format is KML else feature_json_sql
        sql, values = pages.unpaged_sql(export.selection, row_sql(export.selection))
        # GeoJSON and KML rows contain neither of these characters, so COPY sends each row unchanged, with a newline.
        options = r"format csv, quote e'\x01', delimiter e'\x02'"
    async with AsyncClientCursor(connection) as cursor:
        composed = cursor.mogrify(sql, values)  # COPY takes no parameters of its own
        async with cursor.copy(f"copy ({composed}) to stdout ({options})".encode()) as rows:
            try:
                async for row in rows:
                    yield bytes(row)
            except BaseException:
                await connection.close()  # closing is faster than reading an aborted COPY to its end
                raise


def _csv_header(export: Export) -> bytes:
    """The header row, preceded by the byte order mark by which Excel recognizes UTF-8."""
    buffer = io.StringIO()
    titles = [column.title for column in columns_of(export)]
    csv.writer(buffer, delimiter=export.delimiter, lineterminator="\n").writerow(titles)
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


@dataclass(frozen=True)
class Column:
    """A column of a table for people: its title, its SQL over the row ``t`` and the number format of its cells."""

    title: str
    sql: str
    cell_format: str = TEXT_CELL

    @property
    def csv_sql(self) -> str:
        """The SQL of its values in a CSV; texts that a spreadsheet would read as formulas get a leading apostrophe."""
        if self.cell_format == DATETIME_CELL:
            return f"""to_char({self.sql}, 'YYYY-MM-DD"T"HH24:MI:SS+07:00')"""
        if self.cell_format != TEXT_CELL:
            return self.sql
        return rf"regexp_replace({self.sql}, e'^([-=+@＝＋－＠\t\r\n])', e'''\\1')"


def columns_of(export: Export) -> list[Column]:
    """The columns of a table for people: the selected fields, the position in WGS 84 and VN-2000, and the id.

    A workbook of chosen fields has only these, like the list on a page that it was downloaded from.
    """
    row, language = export.selection.row, export.language
    kinds = _kinds_of_events(export.selection.layer)
    columns = [
        Column(_column_title(field, language), _cell_sql(field, row, kinds, language), field.type.cell_format)
        for field in selected_fields(export.selection)
    ]
    if export.format.name == "xlsx" and export.selection.fields is not None:
        return columns
    if export.selection.layer.has_geometry:
        columns += _position_columns(export)
    return [*columns, Column(Text("Mã định danh", "Identifier").in_language(language), "t.id::text")]


def _column_title(field: Field, language: Language) -> str:
    return field.title.in_language(language) + (f" ({field.unit})" if field.unit else "")


def _position_columns(export: Export) -> Iterator[Column]:
    """Four columns of the position, or of a point on a line or an area: degrees to 0.1 m, metres to 1 mm."""
    point = selection_geometry_sql(export.selection)
    if export.selection.layer.geometry_type != "POINT":
        point = f"ST_PointOnSurface({point})"
    grid = f"ST_Transform({point}, {postgis_srid(export.zone.epsg)})"
    system = f"VN-2000, {export.zone.meridian_label}, {export.zone.width}°"
    for title, sql in (
        (Text("Kinh độ (WGS 84)", "Longitude (WGS 84)"), f"round(ST_X({point})::numeric, 6)"),
        (Text("Vĩ độ (WGS 84)", "Latitude (WGS 84)"), f"round(ST_Y({point})::numeric, 6)"),
        (Text(f"X, Bắc (m; {system})", f"X, north (m; {system})"), f"round(ST_Y({grid})::numeric, 3)"),
        (Text(f"Y, Đông (m; {system})", f"Y, east (m; {system})"), f"round(ST_X({grid})::numeric, 3)"),
    ):
        yield Column(title.in_language(export.language), sql, NUMBER_CELL)


def _kinds_of_events(layer: Layer) -> Mapping[str, Text]:
    """The titles of the kinds of dated events that change the status of a layer's features."""
    resource = child_resources.declared.get((layer.name, layer.display.status_by or ""))
    codes = {} if resource is None else resource.codes
    return {kind: title for titles in codes.values() for kind, title in titles.items()}


def _cell_sql(field: Field, row: Row, kinds: Mapping[str, Text], language: Language) -> str:
    """The SQL of a field in a table for people: titles of codes, local time, lists and JSON in one line."""
    sql = field.expression(row)
    if field.type is JSON:
        return json_cell_sql(sql, kinds, language)
    yes, no = (sql_literal(BOOLEAN.in_words(value, language)) for value in (True, False))
    title, item = _title_sql(f"({sql})::text", field.codes, language), _title_sql("item", field.codes, language)
    return field.type.cell_sql.format(sql=sql, title=title, item=item, yes=yes, no=no, language=language)


def _title_sql(sql: str, codes: type[CodeList] | None, language: Language) -> str:
    """The SQL of the title of a value that is a code, otherwise of the value itself."""
    if codes is None:
        return sql
    branches = " ".join(
        f"when {sql_literal(code.value)} then {sql_literal(code.title.in_language(language))}" for code in codes
    )
    return f"case {sql} {branches} else {sql} end"


def sql_literal(text: str) -> str:
    """A text constant of this program as an SQL literal, in a statement that also has parameters (``%`` is doubled)."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def geometry_wkb(selection: Selection) -> str:
    """The SQL of the geometry as WKB in the selection's CRS, with east before north as file formats store it."""
    geometry = selection_geometry_sql(selection)
    if selection.crs.epsg != WGS84:
        geometry = f"ST_Transform({geometry}, {postgis_srid(selection.crs.epsg)})"
    return f"ST_AsBinary(ST_ForcePolygonCCW({geometry}))"
