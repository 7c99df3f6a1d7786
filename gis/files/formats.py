"""Files that hold exactly what a view shows: the formats, the columns people read, and what streams.

GeoJSON, GeoJSON text sequences, KML and CSV leave PostgreSQL by COPY and pass through as bytes, of any size in bounded
memory. The other formats are written to a file first (``gis.files``), up to ``MOST_ROWS`` rows, in bounded memory too.

A format for programs carries codes under the names of the fields. A format for people (CSV, XLSX) carries words in
the reader's language under the titles of the fields, longitude and latitude in WGS 84, and north (X) and east (Y) in
one zone of VN-2000.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field as attribute
from typing import Any, Final

from psycopg import AsyncClientCursor, AsyncConnection

from gis.crs.systems import WGS84, Zone, postgis_srid
from gis.db.actors import Actor
from gis.db.session import Database
from gis.files import kml
from gis.model.code_lists import CodeList
from gis.model.fields import Field
from gis.read import pages, sql as query
from gis.read.selection import Selection
from gis.text.dates import TIME_ZONE
from gis.text.errors import Malformed, TooLarge
from gis.text.i18n import Language, Text

MOST_ROWS: Final = 1_000_000
"""Rows of a file that has to be written before it is sent: a sheet of Excel ends at 1,048,576."""

CHUNK_BYTES: Final = 64 * 1024
"""Bytes that leave at once."""

YES, NO = Text("Có", "Yes"), Text("Không", "No")


@dataclass(frozen=True)
class Format:
    """A kind of file: its name in addresses, its title for people, its media type and how its file name ends."""

    name: str
    title: Text
    media_type: str
    extension: str
    streams: bool = False
    delimited: bool = False
    geographic_only: bool = False


FORMATS: Final = {
    one.name: one
    for one in (
        Format("geojson", Text("GeoJSON", "GeoJSON"), "application/geo+json", ".geojson", streams=True),
        Format(
            "geojsonseq",
            Text("GeoJSON theo dòng", "GeoJSON text sequence"),
            "application/geo+json-seq",
            ".geojsons",
            streams=True,
        ),
        Format("gpkg", Text("GeoPackage (QGIS, QField)", "GeoPackage (QGIS, QField)"),
               "application/geopackage+sqlite3", ".gpkg"),
        Format("shp", Text("Shapefile (nén)", "Shapefile (zipped)"), "application/zip", ".zip"),
        Format("kml", Text("KML (Google Earth)", "KML (Google Earth)"),
               "application/vnd.google-earth.kml+xml", ".kml", streams=True, geographic_only=True),
        Format("fgb", Text("FlatGeobuf", "FlatGeobuf"), "application/flatgeobuf", ".fgb"),
        Format("parquet", Text("GeoParquet", "GeoParquet"), "application/vnd.apache.parquet", ".parquet"),
        Format(
            "xlsx",
            Text("Bảng tính Excel", "Excel workbook"),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            ".xlsx",
        ),
        Format("csv", Text("CSV", "CSV"), "text/csv", ".csv", streams=True, delimited=True),
    )
}  # fmt: skip

STREAMED_FORMATS: Final = ", ".join(one.name for one in FORMATS.values() if one.streams)


def find_format(name: str) -> Format:
    """The format of that name. Raises ``Malformed`` with the list of what there is."""
    if name not in FORMATS:
        names = ", ".join(FORMATS)
        raise Malformed(Text(f"f: một trong {names}", f"f: one of {names}"))
    return FORMATS[name]


@dataclass
class Export:
    """One file to be: what of a layer, in which format, for whom; and, once begun, what its reader must know of it.

    ``zone`` is the zone of VN-2000 that tables for people give beside WGS 84, ``delimiter`` parts the columns of a
    CSV, ``about`` tells where the data come from. ``number`` and ``withheld`` count the features and, of those, the
    positions that are only assumed and kept from this reader.
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
            raise Malformed(Text(f"{self.format.name} chỉ có WGS 84", f"{self.format.name} knows WGS 84 only"))
        pages.unpaged_sql(self.selection, query.feature_json_sql(self.selection))

    def metadata(self) -> dict[str, Any]:
        """What a reader must know of the file, as its metadata."""
        counts = {"numberReturned": self.number}
        if self.withheld:
            counts["withheld_positions"] = self.withheld
        return {"name": self.selection.layer.name, **counts, **self.extra_metadata}

    def metadata_text(self) -> dict[str, str]:
        """The same as texts."""
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in self.metadata().items()
        }


def too_large() -> TooLarge:
    """The refusal of more rows than a file is written for, naming the formats that know no bound."""
    return TooLarge(
        Text(
            f"Quá {f'{MOST_ROWS:,}'.replace(',', '.')} dòng: hãy lọc bớt hoặc chọn {STREAMED_FORMATS}",
            f"Over {MOST_ROWS:,} rows: narrow the filter or choose {STREAMED_FORMATS}",
        ),
        extra={"most": MOST_ROWS, "formats": STREAMED_FORMATS.split(", ")},
    )


# What streams.


async def stream(database: Database, actor: Actor, export: Export) -> AsyncIterator[bytes]:
    """The file piece by piece as PostgreSQL gives its rows, never more than a piece and a row in memory.

    Raises ``Unavailable`` before the first piece when all places for downloads are taken.
    """
    async with database.download_connection(actor) as connection:
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
        if export.format.name == "geojson":
            buffer += b"]," + json.dumps(export.metadata(), ensure_ascii=False)[1:].encode()
        elif export.format.name == "kml":
            buffer += kml.DOCUMENT_END
        elif export.format.name == "geojsonseq" and not export.number:
            buffer.clear()
        yield bytes(buffer)


def _head_and_separator(export: Export) -> tuple[bytes, bytes]:
    """What the file begins with, and what stands between its rows."""
    match export.format.name:
        case "geojson":
            return b'{"type":"FeatureCollection","features":[\n', b","
        case "geojsonseq":
            return b"\x1e", b"\x1e"  # RFC 8142 begins each text with it
        case "kml":
            metadata = {
                name: value for name, value in export.metadata_text().items() if name != "numberReturned"
            }  # not known yet
            return kml.document_start(export.selection, export.language, metadata), b""
        case _:
            return _csv_header(export), b""


async def _copy_rows(connection: AsyncConnection[Any], export: Export) -> AsyncIterator[bytes]:
    if export.format.delimited:
        columns = ", ".join(column.csv_sql for column in columns_of(export))
        sql, values = pages.unpaged_sql(export.selection, columns)
        options = f"format csv, delimiter '{export.delimiter}'"
    else:
        text = kml.placemark_sql if export.format.name == "kml" else query.feature_json_sql
        sql, values = pages.unpaged_sql(export.selection, text(export.selection))
        # Neither text holds one of these characters, so every row comes as it is, with a line's end.
        options = r"format csv, quote e'\x01', delimiter e'\x02'"
    async with AsyncClientCursor(connection) as cursor:
        composed = cursor.mogrify(sql, values)  # COPY takes no parameters of its own
        async with cursor.copy(f"copy ({composed}) to stdout ({options})".encode()) as rows:
            try:
                async for row in rows:
                    yield bytes(row)
            except BaseException:
                await connection.close()  # rather than read to its end what nobody wants any more
                raise


def _csv_header(export: Export) -> bytes:
    """The titles, behind the mark by which Excel knows UTF-8."""
    written = io.StringIO()
    titles = [column.title for column in columns_of(export)]
    csv.writer(written, delimiter=export.delimiter, lineterminator="\n").writerow(titles)
    return b"\xef\xbb\xbf" + written.getvalue().encode()


# The columns of a table for people.


@dataclass(frozen=True)
class Column:
    """A column of a table for people: its title, its SQL over the row ``t`` and the type of its values."""

    title: str
    sql: str
    type: str = "text"

    @property
    def csv_sql(self) -> str:
        """The SQL of its values as a CSV holds them. What a spreadsheet would take for a formula gets an apostrophe."""
        if self.type == "datetime":
            return f"""to_char({self.sql}, 'YYYY-MM-DD"T"HH24:MI:SS+07:00')"""
        return rf"regexp_replace({self.sql}, e'^([-=+@＝＋－＠\t\r\n])', e'''\\1')" if self.type == "text" else self.sql


def columns_of(export: Export) -> list[Column]:
    """The selected fields in words, the position in WGS 84 and VN-2000, and the identity."""
    reader, language = export.selection.clearance, export.language
    columns = [
        Column(_column_title(field, language), *_display_sql(field, field.expression(reader), language))
        for field in query.selected_fields(export.selection)
    ]
    if export.selection.layer.has_geometry:
        columns += _position_columns(export)
    return [*columns, Column(Text("Mã định danh", "Identifier").in_language(language), "t.id::text")]


def _column_title(field: Field, language: Language) -> str:
    return field.title.in_language(language) + (f" ({field.unit})" if field.unit else "")


def _position_columns(export: Export) -> Iterator[Column]:
    """Where it stands, of a line or an area a point on it: degrees to a decimetre, metres to a millimetre."""
    point = query.selection_geometry_sql(export.selection)
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
        yield Column(title.in_language(export.language), sql, "number")


def _display_sql(field: Field, sql: str, language: Language) -> tuple[str, str]:
    """A field's SQL and type as a person reads it: words for codes, local time, lists and parts in one line."""
    if field.type == "list":
        word = _code_title("item", field.codes, language) if field.codes else "item"
        listed = f"(select string_agg({word}, '; ' order by n) from unnest({sql}) with ordinality u (item, n))"
        return listed, "text"
    if field.codes:
        return _code_title(f"({sql})::text", field.codes, language), "text"
    yes, no = sql_literal(YES.in_language(language)), sql_literal(NO.in_language(language))
    return {
        "boolean": (f"case {sql} when true then {yes} when false then {no} end", "text"),
        "datetime": (f"({sql} at time zone '{TIME_ZONE}')", "datetime"),
        "json": (_json_text(f"({sql})::jsonb", language), "text"),
        "uuid": (f"{sql}::text", "text"),
    }.get(field.type, (sql, field.type))


def _json_text(sql: str, language: Language) -> str:
    """The parts of a JSON object in one line, a part that has a title by its title."""
    part = f"coalesce(value #>> '{{title,{language}}}', value #>> '{{}}')"
    each = f"jsonb_each(case jsonb_typeof({sql}) when 'object' then {sql} end)"
    return f"(select string_agg(key || ': ' || {part}, '; ') from {each} where value <> 'null')"


def _code_title(sql: str, codes: type[CodeList], language: Language) -> str:
    branches = " ".join(
        f"when {sql_literal(code.value)} then {sql_literal(code.title.in_language(language))}" for code in codes
    )
    return f"case {sql} {branches} else {sql} end"


def sql_literal(text: str) -> str:
    """A constant of our own as an SQL string in a statement that also takes parameters."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def geometry_wkb(selection: Selection) -> str:
    """The SQL of the place as WKB in the CRS asked for, east before north as files have it."""
    geometry = query.selection_geometry_sql(selection)
    if selection.crs.epsg != WGS84:
        geometry = f"ST_Transform({geometry}, {postgis_srid(selection.crs.epsg)})"
    return f"ST_AsBinary(ST_ForcePolygonCCW({geometry}))"
