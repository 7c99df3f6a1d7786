"""The spool of an export: its rows, read once from the database into a file of Arrow record batches.

A writer needs statistics of all rows before it writes the first one (the geometry types, the rows without geometry),
and the database should not wait for it. The rows are read with the reader's rights and written as compressed Arrow
record batches with a type for every field; times are in UTC. At most one batch is in memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field as attribute
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import shapely
from shapely import GeometryType
from shapely.geometry.base import BaseMultipartGeometry

from gis.db.session import Session
from gis.files.formats import Export, geometry_wkb
from gis.model.fields import Field
from gis.model.row import Row
from gis.read import pages
from gis.read.sql import is_withheld_sql, selected_fields

BATCH_ROWS: Final = 1_000
"""Rows in a batch. Cancellation is checked between batches, which take a fraction of a second, even in a workbook."""

GEOMETRY: Final = "geometry"
WITHHELD: Final = "withheld"
"""A column that is counted and not spooled: whether the position is assumed and masked for this reader."""

ARROW_TYPES: Final = {
    str(arrow_type): arrow_type
    for arrow_type in (
        pa.string(),
        pa.int64(),
        pa.float64(),
        pa.date32(),
        pa.timestamp("ms", tz="UTC"),
        pa.bool_(),
        pa.list_(pa.string()),
    )
}
"""The Arrow types of fields by the names that Arrow gives them (``FieldType.arrow_type``)."""

CancellationCheck = Callable[[], None]
"""Called between batches; raises if the client has cancelled the download."""


@dataclass
class Spool:
    """The rows on disk (``id``, the fields, the geometry as WKB) and statistics of their geometries.

    ``unplaced`` counts the rows without geometry and ``mixed`` those whose geometry has several types. ``multiple``
    says for each dimension whether a geometry has several parts, ``geometry_types`` are the names of the types, and
    ``bounds`` is the bounding box in the selection's CRS.
    """

    path: Path
    schema: pa.Schema
    check_cancelled: CancellationCheck
    number: int = 0
    unplaced: int = 0
    mixed: int = 0
    multiple: dict[int, bool] = attribute(default_factory=dict)
    geometry_types: set[str] = attribute(default_factory=set)
    bounds: list[float] | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows from the first on; can be called repeatedly."""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as rows:
            for batch in rows:
                self.check_cancelled()
                yield batch

    def add_statistics(self, batch: pa.RecordBatch) -> None:
        """Update the statistics by the rows of a batch."""
        self.number += batch.num_rows
        shapes = geometries_of(batch)
        placed = shapes[~shapely.is_missing(shapes)]
        self.unplaced += len(shapes) - len(placed)
        if not len(placed):
            return
        types = shapely.get_type_id(placed)
        self.geometry_types |= {geometry.geom_type for geometry in placed}
        dimensions = shapely.get_dimensions(placed)
        for dimension in np.unique(dimensions):
            several = bool((types[dimensions == dimension] >= GeometryType.MULTIPOINT).any())
            self.multiple[int(dimension)] = self.multiple.get(int(dimension), False) or several
        collections = placed[types == GeometryType.GEOMETRYCOLLECTION]
        self.mixed += sum(
            len({part.geom_type for part in single_parts_of(collection)}) > 1 for collection in collections
        )
        bounds = [float(coordinate) for coordinate in shapely.total_bounds(placed)]
        earlier = self.bounds or bounds
        self.bounds = [*map(min, earlier[:2], bounds[:2]), *map(max, earlier[2:], bounds[2:])]


def geometries_of(batch: pa.RecordBatch) -> Any:
    """The geometries of the rows as an array, None for a row without."""
    return shapely.from_wkb(np.array(batch[GEOMETRY].to_pylist(), dtype=object))


def single_parts_of(collection: Any) -> list[Any]:
    """The single-part geometries of a collection, including those of nested collections."""
    parts = list(collection.geoms)
    while any(isinstance(part, BaseMultipartGeometry) for part in parts):
        parts = [single for part in parts for single in getattr(part, "geoms", [part])]
    return parts


def spool_rows(session: Session, export: Export, path: Path, check_cancelled: CancellationCheck) -> Spool:
    """Write the selected rows to ``path`` and set the counts of ``export``."""
    parts = [("id", pa.string(), "t.id::text")]
    parts += [_part(field, export.selection.row) for field in selected_fields(export.selection)]
    parts += [
        (GEOMETRY, pa.binary(), geometry_wkb(export.selection)),
        (WITHHELD, pa.bool_(), is_withheld_sql(export.selection)),
    ]
    schema = pa.schema([(name, kind) for name, kind, _ in parts])
    spool = Spool(path, schema.remove(schema.get_field_index(WITHHELD)), check_cancelled)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, spool.schema, options=options) as writer:
        for rows in rows_of(session, export, ", ".join(sql for _, _, sql in parts), check_cancelled):
            columns = [
                pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), schema.types, strict=True)
            ]
            export.withheld += pc.sum(columns[-1]).as_py() or 0
            batch = pa.RecordBatch.from_arrays(columns[:-1], schema=spool.schema)
            spool.add_statistics(batch)
            writer.write_batch(batch)
    export.number = spool.number
    return spool


def _part(field: Field, row: Row) -> tuple[str, pa.DataType, str]:
    """The name, the Arrow type and the SQL of a field; PostgreSQL writes as text what is text in Arrow."""
    arrow_type = ARROW_TYPES[field.type.arrow_type]
    sql_type = "text" if pa.types.is_string(arrow_type) else field.type.sql_type
    return field.name, arrow_type, f"{field.expression(row)}::{sql_type}"


def rows_of(
    session: Session, export: Export, select_list: str, check_cancelled: CancellationCheck
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the selected rows in batches, read through a server-side cursor."""
    sql, values = pages.unpaged_sql(export.selection, select_list)
    connection = session.driver_connection(export.selection.as_of)
    with connection.cursor(name="export", binary=True) as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(BATCH_ROWS):
            check_cancelled()
            yield rows
