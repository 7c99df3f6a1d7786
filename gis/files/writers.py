"""Files written before they are sent: GeoPackage, Shapefile, FlatGeobuf, GeoParquet and workbooks.

The rows are laid down on disk (``gis.spool``) and written from there batch by batch, so that a file of any size takes
no more memory than a batch, and the database waits for no writer. Features without a place are kept, with an empty
geometry.
"""

import json
import logging
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from pyproj import CRS
from shapely import GeometryType
from shapely.geometry.base import BaseMultipartGeometry
from sqlalchemy.orm import Session

from gis.crs.systems import WGS84
from gis.db.actors import Actor
from gis.db.session import Database
from gis.files import qgis as geopackage
from gis.files.formats import MOST_ROWS, STREAMED_FORMATS, Export, columns_of, too_large
from gis.files.spool import (
    BATCH,
    GEOMETRY,
    CancellationCheck,
    Spool,
    geometries_of,
    rows_of,
    single_parts_of,
    spool_rows,
)
from gis.files.xlsx import Column, Workbook
from gis.model.layer import Layer
from gis.read import sql as query
from gis.text.errors import Unavailable
from gis.text.i18n import Text

log = logging.getLogger(__name__)

GDAL_ERRORS: Final = (DataSourceError, DataLayerError, FeatureError)

WRITE_FAILED: Final = Text(
    "Máy chủ không ghi được tệp, có thể do hết dung lượng đĩa; hãy báo quản trị viên hoặc chọn định dạng gửi trực tiếp:"
    f" {STREAMED_FORMATS}",
    "The server could not write the file, perhaps because its disk is full; please tell an administrator or choose"
    f" a format that is streamed: {STREAMED_FORMATS}",
)


def write(
    database: Database, actor: Actor, export: Export, folder: Path, check_cancelled: CancellationCheck = lambda: None
) -> Path:
    """Write the file into ``folder``, which is empty, and give its path; ``export`` knows its counts afterwards.

    Raises ``TooLarge`` for more than ``MOST_ROWS`` rows, ``Unavailable`` where the disk does not take the file.
    """
    try:
        return _write_file(database, actor, export, folder, check_cancelled)
    except (OSError, *GDAL_ERRORS) as fault:
        log.exception("a file was not written", extra={"format": export.format.name})
        raise Unavailable(WRITE_FAILED) from fault


def _write_file(
    database: Database, actor: Actor, export: Export, folder: Path, check_cancelled: CancellationCheck
) -> Path:
    path = folder / f"{export.selection.layer.name}{export.format.extension}"
    with database.transaction(actor) as session:
        if query.count_features(session, export.selection) > MOST_ROWS:
            raise too_large()
        if export.format.name == "xlsx":
            _write_workbook(session, export, path, check_cancelled)
            return path
        rows = spool_rows(session, export, folder / "rows.arrow", check_cancelled)
    WRITERS[export.format.name](export, rows, path)
    return path


# What GDAL writes.


@dataclass(frozen=True)
class GeometryKind:
    """Places of one dimension: what a table of them is called, and their geometry type."""

    suffix: str
    type: str
    to_multipart: Callable[[Any], Any]


POINTS, LINES, AREAS = (
    GeometryKind("points", "Point", shapely.MultiPoint),
    GeometryKind("lines", "LineString", shapely.MultiLineString),
    GeometryKind("areas", "Polygon", shapely.MultiPolygon),
)
GEOMETRY_KINDS: Final = (POINTS, LINES, AREAS)
KIND_OF_GEOMETRY_TYPE: Final = {"POINT": POINTS, "LINESTRING": LINES, "POLYGON": AREAS, "GEOMETRY": POINTS}


@dataclass(frozen=True)
class OutputLayer:
    """Rows whose places are all of one geometry type: what a GIS takes for a layer.

    What has no place stays with the first sheet.
    """

    name: str
    dimension: int
    multiple: bool
    first: bool

    @property
    def geometry_kind(self) -> GeometryKind:
        """The sort of its places."""
        return GEOMETRY_KINDS[self.dimension]

    @property
    def type(self) -> str:
        """The geometry type that all of them have."""
        return f"Multi{self.geometry_kind.type}" if self.multiple else self.geometry_kind.type

    def matching_rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Those of the rows that belong here.

        A place of several dimensions, such as a task's, keeps its highest, for no such layer holds both.
        """
        shapes = geometries_of(batch)
        dimensions = np.where(shapely.is_missing(shapes), -1, shapely.get_dimensions(shapes))
        chosen = (dimensions == self.dimension) | ((dimensions == -1) & self.first)
        own = shapes[chosen]
        for at in np.flatnonzero(shapely.get_type_id(own) == GeometryType.GEOMETRYCOLLECTION):
            own[at] = _parts_of_kind(own[at], self.geometry_kind)
        if self.multiple:
            own = np.array([_as_multipart(one, self.geometry_kind) for one in own], dtype=object)
        return batch.filter(pa.array(chosen)).set_column(
            batch.schema.get_field_index(GEOMETRY), GEOMETRY, pa.array(shapely.to_wkb(own), pa.binary())
        )


def _output_layers(layer: Layer, rows: Spool) -> list[OutputLayer]:
    """What the rows are parted into, by the dimension of their places; under the layer's own name where all are one."""
    found = sorted(rows.multiple) or [GEOMETRY_KINDS.index(KIND_OF_GEOMETRY_TYPE[layer.geometry_type])]
    return [
        OutputLayer(
            layer.name if len(found) == 1 else f"{layer.name}_{GEOMETRY_KINDS[dimension].suffix}",
            dimension,
            rows.multiple.get(dimension, False),
            first=dimension == found[0],
        )
        for dimension in found
    ]


def _parts_of_kind(collection: Any, kind: GeometryKind) -> Any:
    """The parts of a collection that are of this sort."""
    return kind.to_multipart([one for one in single_parts_of(collection) if one.geom_type == kind.type])


def _as_multipart(shape: Any, kind: GeometryKind) -> Any:
    return shape if shape is None or isinstance(shape, BaseMultipartGeometry) else kind.to_multipart([shape])


def _lists_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with every list as one line, for formats that have none."""
    for at, one in enumerate(batch.schema):
        if pa.types.is_list(one.type):
            batch = batch.set_column(at, one.name, pc.binary_join(batch[one.name], "; "))
    return batch


def _wkt(export: Export) -> str:
    return str(CRS.from_epsg(export.selection.crs.epsg).to_wkt())


Reshape = Callable[[pa.RecordBatch], pa.RecordBatch]


def _write_with_gdal(
    export: Export,
    rows: Spool,
    reshape: Reshape,
    path: Path,
    *,
    layer: str,
    geometry_type: str,
    driver: str,
    **options: Any,
) -> None:
    """Have GDAL write the rows, each batch as ``reshape`` makes it."""
    schema = reshape(pa.RecordBatch.from_pylist([], rows.schema)).schema
    stream = pa.RecordBatchReader.from_batches(schema, map(reshape, rows.batches()))
    try:
        pyogrio.write_arrow(
            stream,
            path,
            layer=layer,
            driver=driver,
            geometry_name=GEOMETRY,
            geometry_type=geometry_type,
            crs=_wkt(export),
            **options,
        )
    except Exception:
        rows.check_cancelled()  # what it raised in the middle of a stream comes out of GDAL as something else
        raise


def _write_geopackage(export: Export, rows: Spool, path: Path) -> None:
    layer, told = export.selection.layer, export.metadata_text()
    sheets = _output_layers(layer, rows)
    for sheet in sheets:
        _write_with_gdal(
            export,
            rows,
            lambda batch, sheet=sheet: _lists_as_text(sheet.matching_rows(batch)),  # type: ignore[misc]
            path,
            layer=sheet.name,
            geometry_type=sheet.type,
            driver="GPKG",
            append=path.exists(),
            layer_options={
                "IDENTIFIER": layer.title.in_language(export.language) if len(sheets) == 1 else sheet.name,
                "DESCRIPTION": " · ".join(f"{name}: {value}" for name, value in told.items()),
                "GEOMETRY_NAME": "geom",
            },
            dataset_options={"VERSION": "1.3"},
            layer_metadata=told,
        )
    geopackage.add_qgis_project_data(
        path, layer, {one.name: one.type for one in sheets}, query.selected_fields(export.selection), export.language
    )


def _write_flatgeobuf(export: Export, rows: Spool, path: Path) -> None:
    """With its spatial index, which puts the rows in its own order; without one where a row has no place."""
    sheet, *others = _output_layers(export.selection.layer, rows)
    _write_with_gdal(
        export,
        rows,
        _lists_as_text if others else lambda batch: _lists_as_text(sheet.matching_rows(batch)),
        path,
        layer=export.selection.layer.name,
        geometry_type="Unknown" if others else sheet.type,
        driver="FlatGeobuf",
        layer_options={
            "SPATIAL_INDEX": "NO" if rows.unplaced or not rows.number else "YES",
            "DESCRIPTION": json.dumps(export.metadata(), ensure_ascii=False),
        },
    )
    with pyogrio.open_arrow(path, columns=[], batch_size=BATCH, use_pyarrow=True) as (_, whole):
        read = sum(batch.num_rows for batch in whole)  # this driver says nothing of a full disk
    if read != rows.number:
        raise OSError(f"{read} of {rows.number} features stand in the file")


# Shapefile.

DBF_NAME_LENGTH: Final = 10
DBF_TEXT_BYTES: Final = 254
"""Letters of a field's name and bytes of a text: what dBASE has room for."""


def short_names(layer: Layer) -> dict[str, str]:
    """What each field of a layer is called in a Shapefile: the name, its longest words cut to ten letters in all.

    It follows from the card alone, so a field has the same short name in every file.
    """
    short: dict[str, str] = {}
    for name in ("id", *layer.fields):
        words = name.split("_")
        while len("_".join(words)) > DBF_NAME_LENGTH:
            longest = max(range(len(words)), key=lambda at: len(words[at]))
            words[longest] = words[longest][:-1]
        cut, number = "_".join(words), 1
        while cut in short.values():
            number += 1
            cut = "_".join(words)[: DBF_NAME_LENGTH - len(str(number))] + str(number)
        short[name] = cut
    return short


def _write_shapefile(export: Export, rows: Spool, path: Path) -> None:
    layer = export.selection.layer
    short = short_names(layer)
    sheets = _output_layers(layer, rows)
    cut: Counter[str] = Counter()
    folder = path.parent / "shapefile"
    folder.mkdir()
    for sheet in sheets:

        def reshape(batch: pa.RecordBatch, sheet: OutputLayer = sheet) -> pa.RecordBatch:
            part = _truncated(_times_as_text(_lists_as_text(sheet.matching_rows(batch))), cut)
            return part.rename_columns([short.get(name, name) for name in part.schema.names])

        _write_with_gdal(
            export,
            rows,
            reshape,
            folder / f"{sheet.name}.shp",
            layer=sheet.name,
            geometry_type=sheet.type,
            driver="ESRI Shapefile",
            layer_options={"ENCODING": "UTF-8"},
        )
    (folder / "README.txt").write_text(_readme(export, rows, cut), encoding="utf-8-sig")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for one in sorted(folder.iterdir()):
            rows.check_cancelled()
            packed.write(one, one.name)


def _times_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with every time as text in UTC, for formats that hold dates only."""
    for at, one in enumerate(batch.schema):
        if pa.types.is_timestamp(one.type):
            text = pc.strftime(batch[one.name], "%Y-%m-%dT%H:%M:%SZ")
            batch = batch.set_column(at, one.name, pc.replace_substring_regex(text, r"\.\d+Z", "Z"))
    return batch


def _truncated(batch: pa.RecordBatch, cut: Counter[str]) -> pa.RecordBatch:
    """The rows with every text cut, at a letter, to what dBASE holds; ``cut`` counts how many were, by field."""
    for at, one in enumerate(batch.schema):
        if not pa.types.is_string(one.type):
            continue
        long = pc.sum(pc.greater(pc.binary_length(batch[at]), DBF_TEXT_BYTES)).as_py() or 0
        if not long:
            continue
        values = [
            text if text is None else text.encode()[:DBF_TEXT_BYTES].decode(errors="ignore")
            for text in batch[at].to_pylist()
        ]
        cut[one.name] += long
        batch = batch.set_column(at, one.name, pa.array(values, pa.string()))
    return batch


MIXED_GEOMETRIES_NOTE: Final = (
    "{0} vị trí gồm nhiều loại hình: giữ loại lớn nhất. · {0} places of several kinds keep the largest."
)
TRUNCATED_VALUES_NOTE: Final = "{0} giá trị bị cắt còn {1} byte. · {0} values are cut to {1} bytes."


def _readme(export: Export, rows: Spool, cut: Counter[str]) -> str:
    """What a reader of the Shapefile must know, in both languages."""
    layer = export.selection.layer
    short = short_names(layer)
    unplaced = rows.unplaced
    titles = {"id": Text("Mã định danh", "Identifier")} | {name: one.title for name, one in layer.fields.items()}
    shown = dict.fromkeys(["id", *(one.name for one in query.selected_fields(export.selection))])
    lines = [
        f"{layer.title.vi} · {layer.title.en}",
        "",
        *(f"{name}: {value}" for name, value in export.metadata_text().items()),
        "",
        f"Bảng mã: UTF-8. Không có vị trí: {unplaced} dòng. · Encoding: UTF-8. Without a place: {unplaced} rows.",
        *([MIXED_GEOMETRIES_NOTE.format(rows.mixed)] if rows.mixed else []),
        *(f"{short[name]}: {TRUNCATED_VALUES_NOTE.format(count, DBF_TEXT_BYTES)}" for name, count in cut.items()),
        "",
        "Tên ngắn · Short names:",
        *(f"{short[name]:<{DBF_NAME_LENGTH}}  {name}  ({titles[name].vi} · {titles[name].en})" for name in shown),
    ]
    return "\r\n".join(lines) + "\r\n"


# GeoParquet.

ROW_GROUP_BATCHES: Final = 20
"""Batches of a row group: what a reader skips at once."""


def _write_parquet(export: Export, rows: Spool, path: Path) -> None:
    """GeoParquet 1.1: WKB, with what its readers need to know in the metadata."""
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": sorted(rows.geometry_types)}
    column["orientation"] = "counterclockwise"
    if rows.bounds:
        column["bbox"] = rows.bounds
    if export.selection.crs.epsg != WGS84:  # without one it is CRS84, longitude first
        column["crs"] = CRS.from_epsg(export.selection.crs.epsg).to_json_dict()
    geo = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    schema = rows.schema.with_metadata({"geo": json.dumps(geo), **export.metadata_text()})
    with pq.ParquetWriter(path, schema, compression="zstd") as written:
        batches = rows.batches()
        while group := list(islice(batches, ROW_GROUP_BATCHES)):
            written.write_table(pa.Table.from_batches(group).replace_schema_metadata(schema.metadata))


# Workbooks.

METADATA_SHEET: Final = Text("Nguồn", "About")


def _write_workbook(session: Session, export: Export, path: Path, check_cancelled: CancellationCheck) -> None:
    """One sheet of rows in words, filterable under a frozen heading, and one that says where they come from.

    Text is text: ``147/6`` is no date, and ``=1+1`` no formula, neither now nor when somebody edits the cell.
    """
    columns = columns_of(export)
    shown = ", ".join([*(_cast(one.sql, one.type) for one in columns), query.is_withheld_sql(export.selection)])

    def batches() -> Iterator[list[tuple[Any, ...]]]:
        for rows in rows_of(session, export, shown, check_cancelled):
            export.number += len(rows)
            export.withheld += sum(bool(row[-1]) for row in rows)
            yield [row[:-1] for row in rows]

    with Workbook(path) as book:
        wide = [Column(one.title, one.type, min(max(len(one.title) + 2, 14), 40)) for one in columns]
        book.sheet(export.selection.layer.title.in_language(export.language), wide, batches())
        told = [Column("", "text", 24), Column("", "text", 100)]
        book.sheet(METADATA_SHEET.in_language(export.language), told, [export.metadata_text().items()])


def _cast(sql: str, kind: str) -> str:
    return {"text": f"({sql})::text", "number": f"({sql})::float8"}.get(kind, sql)


Writer = Callable[[Export, Spool, Path], None]
WRITERS: Final[Mapping[str, Writer]] = {
    "gpkg": _write_geopackage,
    "shp": _write_shapefile,
    "fgb": _write_flatgeobuf,
    "parquet": _write_parquet,
}
