"""GeoPackage and FlatGeobuf, written by GDAL, and the layers of one geometry type that such files consist of."""

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
from gis.files.formats import Export, Format, declare_format
from gis.files.spool import BATCH_ROWS, GEOMETRY, Spool, geometries_of, single_parts_of
from gis.model.layer import Layer
from gis.read.sql import selected_fields
from gis.text.i18n import Text

GDAL_ERRORS: Final = (DataSourceError, DataLayerError, FeatureError)


@dataclass(frozen=True)
class GeometryKind:
    """Geometries of one dimension: the suffix of a table of them, their geometry type and its multipart class."""

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
    """A layer in a file: the rows whose geometry has one dimension, as a GIS requires; rows without are in the first.

    ``multiple`` says that at least one of the geometries has several parts, so that all are written as multipart.
    """

    name: str
    dimension: int
    multiple: bool
    first: bool

    @property
    def geometry_kind(self) -> GeometryKind:
        """The kind of its geometries."""
        return GEOMETRY_KINDS[self.dimension]

    @property
    def type(self) -> str:
        """The geometry type of all its rows."""
        return f"Multi{self.geometry_kind.type}" if self.multiple else self.geometry_kind.type

    def matching_rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that belong to this layer.

        Of a collection with several dimensions only the parts of the highest are kept, as the layer has one type.
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
    """The output layers of the rows, one for each dimension of their geometries; a single one has the layer's name."""
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
    """The parts of a collection that are of this kind, as one multipart geometry."""
    return kind.to_multipart([part for part in single_parts_of(collection) if part.geom_type == kind.type])


def _as_multipart(shape: Any, kind: GeometryKind) -> Any:
    return shape if shape is None or isinstance(shape, BaseMultipartGeometry) else kind.to_multipart([shape])


def lists_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with every list joined to one text, for formats without lists."""
    for index, column in enumerate(batch.schema):
        if pa.types.is_list(column.type):
            batch = batch.set_column(index, column.name, pc.binary_join(batch[column.name], "; "))
    return batch


def _crs_wkt(export: Export) -> str:
    """The selection's CRS in WKT."""
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
    """Write the rows, or the given ``batches`` of them, by GDAL; ``reshape`` converts each batch."""
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
            crs=_crs_wkt(export),
            **options,
        )
    except Exception:
        rows.check_cancelled()  # GDAL replaces an exception raised within the stream by its own
        raise


def write_geopackage(export: Export, rows: Spool, path: Path) -> None:
    """Write a GeoPackage 1.3 with titles, code lists and a default style for QGIS."""
    layer, metadata = export.selection.layer, export.metadata_text()
    outputs = output_layers(layer, rows)
    for output in outputs:
        write_with_gdal(
            export,
            rows,
            lambda batch, output=output: lists_as_text(output.matching_rows(batch)),  # type: ignore[misc]
            path,
            layer=output.name,
            geometry_type=output.type,
            driver="GPKG",
            append=path.exists(),
            layer_options={
                "IDENTIFIER": layer.title.in_language(export.language) if len(outputs) == 1 else output.name,
                "DESCRIPTION": " · ".join(f"{name}: {value}" for name, value in metadata.items()),
                "GEOMETRY_NAME": "geom",
            },
            dataset_options={"VERSION": "1.3"},
            layer_metadata=metadata,
        )
    qgis.add_qgis_project_data(
        path,
        layer,
        {output.name: output.type for output in outputs},
        selected_fields(export.selection),
        export.language,
    )


def _without_position_first(rows: Spool) -> Iterator[pa.RecordBatch]:
    """The rows without a position, then the others, each in their order."""
    for with_position in (False, True):
        for batch in rows.batches():
            yield batch.filter(pc.equal(pc.is_valid(batch[GEOMETRY]), with_position))


def write_flatgeobuf(export: Export, rows: Spool, path: Path) -> None:
    """Write a FlatGeobuf, with a spatial index, which orders the rows, unless a row has no geometry.

    In that case the rows without geometry come first: ``ogr2ogr`` of GDAL 3.10 reads a FlatGeobuf through Arrow and
    would give a row that precedes one without geometry the geometry of another row.
    """
    output, *others = output_layers(export.selection.layer, rows)
    write_with_gdal(
        export,
        rows,
        lists_as_text if others else lambda batch: lists_as_text(output.matching_rows(batch)),
        path,
        layer=export.selection.layer.name,
        geometry_type="Unknown" if others else output.type,
        driver="FlatGeobuf",
        batches=_without_position_first(rows) if rows.unplaced else None,
        layer_options={
            "SPATIAL_INDEX": "NO" if rows.unplaced or not rows.number else "YES",
            "DESCRIPTION": json.dumps(export.metadata(), ensure_ascii=False),
        },
    )
    with pyogrio.open_arrow(path, columns=[], batch_size=BATCH_ROWS, use_pyarrow=True) as (_, batches):
        count = sum(batch.num_rows for batch in batches)  # this driver does not report a full disk
    if count != rows.number:
        raise OSError(f"{count} of {rows.number} features are in the file")


declare_format(
    Format(
        "gpkg",
        Text("GeoPackage (QGIS, QField)", "GeoPackage (QGIS, QField)"),
        "application/geopackage+sqlite3",
        ".gpkg",
        rank=30,
        write=write_geopackage,
    )
)
declare_format(
    Format(
        "fgb",
        Text("FlatGeobuf", "FlatGeobuf"),
        "application/flatgeobuf",
        ".fgb",
        rank=70,
        write=write_flatgeobuf,
    )
)
