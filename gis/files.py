"""Files written before they are sent: GeoPackage, Shapefile, FlatGeobuf, GeoParquet and workbooks.

Rows are read under the reader's own rights into an Arrow table with a type for every field, so that a date stays a
date and a whole number whole; times are UTC. Features without a place are kept, with an empty geometry.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyproj import CRS
from shapely import GeometryType
from shapely.geometry.base import BaseMultipartGeometry
from sqlalchemy.orm import Session

from gis import geopackage, query
from gis.crs import WGS84
from gis.exchange import MOST_ROWS, Export, columns_of, geometry_in, too_large
from gis.language import Text
from gis.layer import Layer
from gis.workbook import Column, Workbook

BATCH: Final = 200
"""Rows between two looks whether the file is still wanted: a fraction of a second, even of a workbook."""
GEOMETRY: Final = "geometry"
WITHHELD: Final = "withheld"
"""A column of the rows that no file holds: whether the position is assumed and kept from this reader."""

TYPES: Final[dict[str, tuple[pa.DataType, str]]] = {
    "text": (pa.string(), "{}::text"),
    "code": (pa.string(), "{}::text"),
    "integer": (pa.int64(), "{}::bigint"),
    "number": (pa.float64(), "{}::float8"),
    "date": (pa.date32(), "{}"),
    "datetime": (pa.timestamp("ms", tz="UTC"), "{}"),
    "boolean": (pa.bool_(), "{}"),
    "uuid": (pa.string(), "{}::text"),
    "list": (pa.list_(pa.string()), "{}::text[]"),
    "json": (pa.string(), "{}::text"),
}
"""The Arrow type of every type of field, and the SQL that gives it."""

Heed = Callable[[], None]
"""Asked between batches; raises where nobody wants the file any more."""


def write(session: Session, export: Export, folder: Path, heed: Heed = lambda: None) -> Path:
    """Write the file into ``folder``, which is empty, and give its path; ``export`` knows its counts afterwards.

    Raises ``TooLarge`` for more than ``MOST_ROWS`` rows.
    """
    if query.count(session, export.selection) > MOST_ROWS:
        raise too_large()
    path = folder / f"{export.selection.layer.name}{export.format.extension}"
    WRITERS[export.format.name](session, export, path, heed)
    return path


def _table(session: Session, export: Export, heed: Heed) -> pa.Table:
    """The selected rows: ``id``, the fields, the place as WKB."""
    fields = query.wanted(export.selection)
    place = geometry_in(export.selection)
    kept = f"(t.position_source = 'assumed' and {query.geometry_of(export.selection)} is null)"
    parts = [("id", pa.string(), "t.id::text")]
    parts += [
        (one.name, TYPES[one.type][0], TYPES[one.type][1].format(one.expression(export.selection.reader)))
        for one in fields
    ]
    parts += [(GEOMETRY, pa.binary(), place), (WITHHELD, pa.bool_(), kept)]
    schema = pa.schema([(name, kind) for name, kind, _ in parts])
    batches = []
    for rows in _batches(session, export, ", ".join(sql for _, _, sql in parts)):
        heed()
        columns = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), schema.types, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
    table = pa.Table.from_batches(batches, schema)
    export.number = table.num_rows
    export.withheld = pc.sum(table[WITHHELD]).as_py() or 0
    return table.drop_columns([WITHHELD])


def _batches(session: Session, export: Export, shown: str) -> Iterator[list[tuple[Any, ...]]]:
    """The selected rows, a batch at a time, each of its own short statement."""
    sql, values = query.everything(export.selection, shown)
    with query.driver_of(session).cursor(name="export", binary=True) as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(BATCH):
            yield rows


# What GDAL writes.


@dataclass(frozen=True)
class Sort:
    """Places of one dimension: what a table of them is called, and their geometry type."""

    suffix: str
    type: str
    collect: Callable[[Any], Any]


POINTS, LINES, AREAS = (
    Sort("points", "Point", shapely.MultiPoint),
    Sort("lines", "LineString", shapely.MultiLineString),
    Sort("areas", "Polygon", shapely.MultiPolygon),
)
SORTS: Final = (POINTS, LINES, AREAS)
SORT_OF: Final = {"POINT": POINTS, "LINESTRING": LINES, "POLYGON": AREAS, "GEOMETRY": POINTS}


@dataclass(frozen=True)
class Sheet:
    """Rows whose places are all of one geometry type: what a GIS takes for a layer."""

    name: str
    type: str
    rows: pa.Table


def _sheets(layer: Layer, table: pa.Table) -> tuple[list[Sheet], int]:
    """The rows by the dimension of their places, and how many places lost a part.

    One sheet under the layer's own name where there is but one dimension; what has no place stays with the first.
    A place of several dimensions, such as a task's, keeps its highest, for no such layer holds both.
    """
    shapes = shapely.from_wkb(np.array(table[GEOMETRY].to_pylist(), dtype=object))
    dimensions = np.where(shapely.is_missing(shapes), -1, shapely.get_dimensions(shapes))
    found = sorted({int(one) for one in dimensions} - {-1})
    lost = 0
    sheets: list[Sheet] = []
    for dimension in found or [SORTS.index(SORT_OF[layer.geometry_type])]:
        sort = SORTS[dimension]
        chosen = (dimensions == dimension) | ((dimensions == -1) & (not sheets))
        own = shapes[chosen]
        for at in np.flatnonzero(shapely.get_type_id(own) == GeometryType.GEOMETRYCOLLECTION):
            own[at], whole = _highest(own[at], sort)
            lost += not whole
        multiple = (shapely.get_type_id(own) >= GeometryType.MULTIPOINT).any()
        if multiple:
            own = np.array([_multiplied(one, sort) for one in own], dtype=object)
        sheets.append(
            Sheet(
                layer.name if len(found) <= 1 else f"{layer.name}_{sort.suffix}",
                f"Multi{sort.type}" if multiple else sort.type,
                table.filter(pa.array(chosen)).set_column(
                    table.schema.get_field_index(GEOMETRY), GEOMETRY, pa.array(shapely.to_wkb(own), pa.binary())
                ),
            )
        )
    return sheets, lost


def _highest(collection: Any, sort: Sort) -> tuple[Any, bool]:
    """The parts of a collection that are of this sort, and whether that is all of it."""
    parts = collection.geoms
    while any(isinstance(one, BaseMultipartGeometry) for one in parts):
        parts = [single for one in parts for single in getattr(one, "geoms", [one])]
    kept = [one for one in parts if one.geom_type == sort.type]
    return sort.collect(kept), len(kept) == len(parts)


def _multiplied(shape: Any, sort: Sort) -> Any:
    return shape if shape is None or isinstance(shape, BaseMultipartGeometry) else sort.collect([shape])


def _in_lines(table: pa.Table) -> pa.Table:
    """The table with every list as one line, for formats that have none."""
    for at, one in enumerate(table.schema):
        if pa.types.is_list(one.type):
            table = table.set_column(at, one.name, pc.binary_join(table[one.name], "; "))
    return table


def _wkt(export: Export) -> str:
    return str(CRS.from_epsg(export.selection.crs.epsg).to_wkt())


def _gdal(sheet: Sheet, export: Export, path: Path, driver: str, **options: Any) -> None:
    pyogrio.write_arrow(
        _in_lines(sheet.rows),
        path,
        layer=sheet.name,
        driver=driver,
        geometry_name=GEOMETRY,
        geometry_type=sheet.type,
        crs=_wkt(export),
        **options,
    )


def _write_geopackage(session: Session, export: Export, path: Path, heed: Heed) -> None:
    layer = export.selection.layer
    sheets, _ = _sheets(layer, _table(session, export, heed))
    told = export.said()
    for sheet in sheets:
        heed()
        _gdal(
            sheet,
            export,
            path,
            "GPKG",
            append=path.exists(),
            layer_options={
                "IDENTIFIER": layer.title.said_in(export.language) if len(sheets) == 1 else sheet.name,
                "DESCRIPTION": " · ".join(f"{name}: {value}" for name, value in told.items()),
                "GEOMETRY_NAME": "geom",
            },
            dataset_options={"VERSION": "1.3"},
            layer_metadata=told,
        )
    geopackage.furnish(
        path, layer, {one.name: one.type for one in sheets}, query.wanted(export.selection), export.language
    )


def _write_flatgeobuf(session: Session, export: Export, path: Path, heed: Heed) -> None:
    """With its spatial index, which puts the rows in its own order; without one where a row has no place."""
    table = _table(session, export, heed)
    sheets, _ = _sheets(export.selection.layer, table)
    kind = sheets[0].type if len(sheets) == 1 else "Unknown"
    indexed = "NO" if table[GEOMETRY].null_count or not table.num_rows else "YES"
    told = json.dumps(export.told(), ensure_ascii=False)
    sheet = Sheet(export.selection.layer.name, kind, sheets[0].rows if len(sheets) == 1 else table)
    _gdal(sheet, export, path, "FlatGeobuf", layer_options={"SPATIAL_INDEX": indexed, "DESCRIPTION": told})


def _plain_times(table: pa.Table) -> pa.Table:
    """The table with every time as text in UTC, for formats that hold dates only."""
    for at, one in enumerate(table.schema):
        if pa.types.is_timestamp(one.type):
            text = pc.strftime(table[one.name], "%Y-%m-%dT%H:%M:%SZ")
            table = table.set_column(at, one.name, pc.replace_substring_regex(text, r"\.\d+Z", "Z"))
    return table


# Shapefile.

LONGEST_NAME: Final = 10
LONGEST_TEXT: Final = 254
"""Letters of a field's name and bytes of a text: what dBASE has room for."""


def short_names(layer: Layer) -> dict[str, str]:
    """What each field of a layer is called in a Shapefile: the name, its longest words cut to ten letters in all.

    It follows from the card alone, so a field has the same short name in every file.
    """
    short: dict[str, str] = {}
    for name in ("id", *layer.fields):
        words = name.split("_")
        while len("_".join(words)) > LONGEST_NAME:
            longest = max(range(len(words)), key=lambda at: len(words[at]))
            words[longest] = words[longest][:-1]
        cut, number = "_".join(words), 1
        while cut in short.values():
            number += 1
            cut = "_".join(words)[: LONGEST_NAME - len(str(number))] + str(number)
        short[name] = cut
    return short


def _write_shapefile(session: Session, export: Export, path: Path, heed: Heed) -> None:
    layer = export.selection.layer
    table = _plain_times(_in_lines(_table(session, export, heed)))
    table, cut = _shortened(table)
    sheets, lost = _sheets(layer, table)
    short = short_names(layer)
    folder = path.parent / "shapefile"
    folder.mkdir()
    for sheet in sheets:
        heed()
        named = sheet.rows.rename_columns([short.get(name, name) for name in sheet.rows.column_names])
        _gdal(
            Sheet(sheet.name, sheet.type, named),
            export,
            folder / f"{sheet.name}.shp",
            "ESRI Shapefile",
            layer_options={"ENCODING": "UTF-8"},
        )
    (folder / "README.txt").write_text(_readme(export, sheets, cut, lost), encoding="utf-8-sig")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for one in sorted(folder.iterdir()):
            heed()
            packed.write(one, one.name)


def _shortened(table: pa.Table) -> tuple[pa.Table, Counter[str]]:
    """The table with every text cut, at a letter, to what dBASE holds; and how many were, by field."""
    cut: Counter[str] = Counter()
    for at, one in enumerate(table.schema):
        if not pa.types.is_string(one.type) or (pc.max(pc.binary_length(table[at])).as_py() or 0) <= LONGEST_TEXT:
            continue
        values = [
            text if text is None else text.encode()[:LONGEST_TEXT].decode(errors="ignore")
            for text in table[at].to_pylist()
        ]
        cut[one.name] = sum(a != b for a, b in zip(values, table[at].to_pylist(), strict=True))
        table = table.set_column(at, one.name, pa.array(values, pa.string()))
    return table, cut


LOST: Final = "{0} vị trí gồm nhiều loại hình: giữ loại lớn nhất. · {0} places of several kinds keep the largest."
CUT: Final = "{0} giá trị bị cắt còn {1} byte. · {0} values are cut to {1} bytes."


def _readme(export: Export, sheets: list[Sheet], cut: Counter[str], lost: int) -> str:
    """What a reader of the Shapefile must know, in both languages."""
    layer = export.selection.layer
    short = short_names(layer)
    titles = {"id": Text("Mã định danh", "Identifier")} | {name: one.title for name, one in layer.fields.items()}
    unplaced = sum(sheet.rows[GEOMETRY].null_count for sheet in sheets)
    shown = dict.fromkeys(["id", *(one.name for one in query.wanted(export.selection))])
    lines = [
        f"{layer.title.vi} · {layer.title.en}",
        "",
        *(f"{name}: {value}" for name, value in export.said().items()),
        "",
        f"Bảng mã: UTF-8. Không có vị trí: {unplaced} dòng. · Encoding: UTF-8. Without a place: {unplaced} rows.",
        *([LOST.format(lost)] if lost else []),
        *(f"{short[name]}: {CUT.format(count, LONGEST_TEXT)}" for name, count in cut.items()),
        "",
        "Tên ngắn · Short names:",
        *(f"{short[name]:<{LONGEST_NAME}}  {name}  ({titles[name].vi} · {titles[name].en})" for name in shown),
    ]
    return "\r\n".join(lines) + "\r\n"


# GeoParquet.


def _write_parquet(session: Session, export: Export, path: Path, heed: Heed) -> None:
    """GeoParquet 1.1: WKB, with what its readers need to know in the metadata."""
    table = _table(session, export, heed)
    shapes = shapely.from_wkb(np.array(table[GEOMETRY].to_pylist(), dtype=object))
    kinds = {shape.geom_type for shape in shapes if shape is not None}
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": sorted(kinds), "orientation": "counterclockwise"}
    if kinds:
        column["bbox"] = [float(one) for one in shapely.total_bounds(shapes)]
    if export.selection.crs.epsg != WGS84:  # without one it is CRS84, longitude first
        column["crs"] = CRS.from_epsg(export.selection.crs.epsg).to_json_dict()
    geo = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    metadata = {"geo": json.dumps(geo), **export.said()}
    pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd")


# Workbooks.

ABOUT: Final = Text("Nguồn", "About")


def _write_workbook(session: Session, export: Export, path: Path, heed: Heed) -> None:
    """One sheet of rows in words, filterable under a frozen heading, and one that says where they come from.

    Text is text: ``147/6`` is no date, and ``=1+1`` no formula, neither now nor when somebody edits the cell.
    """
    columns = columns_of(export)
    kept = f"(t.position_source = 'assumed' and {query.geometry_of(export.selection)} is null)"
    shown = ", ".join([*(_typed(one.sql, one.type) for one in columns), kept])

    def batches() -> Iterator[list[tuple[Any, ...]]]:
        for rows in _batches(session, export, shown):
            heed()
            export.number += len(rows)
            export.withheld += sum(bool(row[-1]) for row in rows)
            yield [row[:-1] for row in rows]

    with Workbook(path) as book:
        wide = [Column(one.title, one.type, min(max(len(one.title) + 2, 14), 40)) for one in columns]
        book.sheet(export.selection.layer.title.said_in(export.language), wide, batches())
        told = [Column("", "text", 24), Column("", "text", 100)]
        book.sheet(ABOUT.said_in(export.language), told, [export.said().items()])


def _typed(sql: str, kind: str) -> str:
    return {"text": f"({sql})::text", "number": f"({sql})::float8"}.get(kind, sql)


Writer = Callable[[Session, Export, Path, Heed], None]
WRITERS: Final[Mapping[str, Writer]] = {
    "gpkg": _write_geopackage,
    "shp": _write_shapefile,
    "fgb": _write_flatgeobuf,
    "parquet": _write_parquet,
    "xlsx": _write_workbook,
}
