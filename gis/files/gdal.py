"""Formats written by GDAL: GeoPackage and FlatGeobuf, and the layers that a format divides a table into."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from pyproj import CRS
from shapely import GeometryType
from shapely.geometry.base import BaseMultipartGeometry

from gis.files import qgis
from gis.files.formats import Export
from gis.files.spool import (
    BATCH,
    GEOMETRY,
    Spool,
    geometries_of,
    single_parts_of,
)
from gis.model.layer import Layer
from gis.read import sql

GDAL_ERRORS: Final = (DataSourceError, DataLayerError, FeatureError)


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
        matching = shapes[chosen]
        for index in np.flatnonzero(shapely.get_type_id(matching) == GeometryType.GEOMETRYCOLLECTION):
            matching[index] = _parts_of_kind(matching[index], self.geometry_kind)
        if self.multiple:
            matching = np.array([_as_multipart(shape, self.geometry_kind) for shape in matching], dtype=object)
        return batch.filter(pa.array(chosen)).set_column(
            batch.schema.get_field_index(GEOMETRY), GEOMETRY, pa.array(shapely.to_wkb(matching), pa.binary())
        )


def output_layers(layer: Layer, rows: Spool) -> list[OutputLayer]:
    """What the rows are parted into, by the dimension of their places; under the layer's own name where all are one."""
    dimensions = sorted(rows.multiple) or [GEOMETRY_KINDS.index(KIND_OF_GEOMETRY_TYPE[layer.geometry_type])]
    return [
        OutputLayer(
            layer.name if len(dimensions) == 1 else f"{layer.name}_{GEOMETRY_KINDS[dimension].suffix}",
            dimension,
            rows.multiple.get(dimension, False),
            first=dimension == dimensions[0],
        )
        for dimension in dimensions
    ]


def _parts_of_kind(collection: Any, kind: GeometryKind) -> Any:
    """The parts of a collection that are of this sort."""
    return kind.to_multipart([part for part in single_parts_of(collection) if part.geom_type == kind.type])


def _as_multipart(shape: Any, kind: GeometryKind) -> Any:
    return shape if shape is None or isinstance(shape, BaseMultipartGeometry) else kind.to_multipart([shape])


def lists_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with every list as one line, for formats that have none."""
    for index, column in enumerate(batch.schema):
        if pa.types.is_list(column.type):
            batch = batch.set_column(index, column.name, pc.binary_join(batch[column.name], "; "))
    return batch


def _wkt(export: Export) -> str:
    return str(CRS.from_epsg(export.selection.crs.epsg).to_wkt())


Reshape = Callable[[pa.RecordBatch], pa.RecordBatch]


def write_with_gdal(
    export: Export,
    rows: Spool,
    reshape: Reshape,
    path: Path,
    *,
    layer: str,
    geometry_type: str,
    driver: str,
    batches: Iterable[pa.RecordBatch] | None = None,
    **options: Any,
) -> None:
    """Have GDAL write the rows, or ``batches`` of them, each batch as ``reshape`` makes it."""
    schema = reshape(pa.RecordBatch.from_pylist([], rows.schema)).schema
    stream = pa.RecordBatchReader.from_batches(schema, map(reshape, rows.batches() if batches is None else batches))
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


def write_geopackage(export: Export, rows: Spool, path: Path) -> None:
    layer, metadata = export.selection.layer, export.metadata_text()
    sheets = output_layers(layer, rows)
    for sheet in sheets:
        write_with_gdal(
            export,
            rows,
            lambda batch, sheet=sheet: lists_as_text(sheet.matching_rows(batch)),  # type: ignore[misc]
            path,
            layer=sheet.name,
            geometry_type=sheet.type,
            driver="GPKG",
            append=path.exists(),
            layer_options={
                "IDENTIFIER": layer.title.in_language(export.language) if len(sheets) == 1 else sheet.name,
                "DESCRIPTION": " · ".join(f"{name}: {value}" for name, value in metadata.items()),
                "GEOMETRY_NAME": "geom",
            },
            dataset_options={"VERSION": "1.3"},
            layer_metadata=metadata,
        )
    qgis.add_qgis_project_data(
        path, layer, {sheet.name: sheet.type for sheet in sheets}, sql.selected_fields(export.selection), export.language
    )


def _without_position_first(rows: Spool) -> Iterator[pa.RecordBatch]:
    """The rows without a position, then the others, each in their order."""
    for with_position in (False, True):
        for batch in rows.batches():
            yield batch.filter(pc.equal(pc.is_valid(batch[GEOMETRY]), with_position))


def write_flatgeobuf(export: Export, rows: Spool, path: Path) -> None:
    """With its spatial index, which puts the rows in its own order; without one where a row has no position.

    Rows without a position then come first: ``ogr2ogr`` of GDAL 3.10 reads a FlatGeobuf through Arrow, and gives a
    row that stands before one without a position the position of another row.
    """
    sheet, *others = output_layers(export.selection.layer, rows)
    write_with_gdal(
        export,
        rows,
        lists_as_text if others else lambda batch: lists_as_text(sheet.matching_rows(batch)),
        path,
        layer=export.selection.layer.name,
        geometry_type="Unknown" if others else sheet.type,
        driver="FlatGeobuf",
        batches=_without_position_first(rows) if rows.unplaced else None,
        layer_options={
            "SPATIAL_INDEX": "NO" if rows.unplaced or not rows.number else "YES",
            "DESCRIPTION": json.dumps(export.metadata(), ensure_ascii=False),
        },
    )
    with pyogrio.open_arrow(path, columns=[], batch_size=BATCH, use_pyarrow=True) as (_, batches):
        count = sum(batch.num_rows for batch in batches)  # this driver says nothing of a full disk
    if count != rows.number:
        raise OSError(f"{count} of {rows.number} features stand in the file")
