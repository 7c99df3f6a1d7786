"""The rows of a file on their way: read once from the database to the disk, then given to whoever writes the file.

A writer has to know things of all rows before the first one (which geometry types there are, how many have no place),
and the database should not wait for it. So the rows are laid down as compressed Arrow record batches, under the
reader's own rights and with a type for every field: a date stays a date and a whole number whole; times are UTC.
Never more than a batch is in memory.
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
from sqlalchemy.orm import Session

from gis.files.formats import Export, geometry_wkb
from gis.read import execution, pages, sql as query

BATCH: Final = 1_000
"""Rows between two looks whether the file is still wanted: a fraction of a second, even of a workbook."""

GEOMETRY: Final = "geometry"
WITHHELD: Final = "withheld"
"""A column of the rows that no file holds: whether the position is assumed and kept from this reader."""

ARROW_TYPES: Final[dict[str, tuple[pa.DataType, str]]] = {
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

CancellationCheck = Callable[[], None]
"""Asked between batches; raises where nobody wants the file any more."""


@dataclass
class Spool:
    """The rows on disk: ``id``, the fields and the place as WKB; and what all of them have in common.

    ``multiple`` tells for each dimension among the places whether one of them has several parts; ``kinds`` are the
    names of their geometry types, ``bounds`` is what they span, in the CRS asked for. ``mixed`` counts the places of
    several dimensions at once.
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
        """The rows again, from the first, as often as somebody needs them."""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as rows:
            for batch in rows:
                self.check_cancelled()
                yield batch

    def add_statistics(self, batch: pa.RecordBatch) -> None:
        """Take note of what is in a batch."""
        self.number += batch.num_rows
        shapes = geometries_of(batch)
        placed = shapes[~shapely.is_missing(shapes)]
        self.unplaced += len(shapes) - len(placed)
        if not len(placed):
            return
        types = shapely.get_type_id(placed)
        self.geometry_types |= {geometry.geom_type for geometry in placed}
        dimensions = shapely.get_dimensions(placed)
        for geometry in np.unique(dimensions):
            several = bool((types[dimensions == geometry] >= GeometryType.MULTIPOINT).any())
            self.multiple[int(geometry)] = self.multiple.get(int(geometry), False) or several
        collections = placed[types == GeometryType.GEOMETRYCOLLECTION]
        self.mixed += sum(len({single.geom_type for single in single_parts_of(geometry)}) > 1 for geometry in collections)
        bounds = [float(geometry) for geometry in shapely.total_bounds(placed)]
        known = self.bounds or bounds
        self.bounds = [*map(min, known[:2], bounds[:2]), *map(max, known[2:], bounds[2:])]


def geometries_of(batch: pa.RecordBatch) -> Any:
    """The places of the rows, None where one has none."""
    return shapely.from_wkb(np.array(batch[GEOMETRY].to_pylist(), dtype=object))


def single_parts_of(collection: Any) -> list[Any]:
    """The parts of a collection, and theirs, down to what has none."""
    parts = list(collection.geoms)
    while any(isinstance(part, BaseMultipartGeometry) for part in parts):
        parts = [single for part in parts for single in getattr(part, "geoms", [part])]
    return parts


def spool_rows(session: Session, export: Export, path: Path, check_cancelled: CancellationCheck) -> Spool:
    """Lay down the selected rows at ``path``; ``export`` knows its counts afterwards."""
    parts = [("id", pa.string(), "t.id::text")]
    parts += [
        (
            field.name,
            ARROW_TYPES[field.type][0],
            ARROW_TYPES[field.type][1].format(field.expression(export.selection.clearance)),
        )
        for field in query.selected_fields(export.selection)
    ]
    parts += [
        (GEOMETRY, pa.binary(), geometry_wkb(export.selection)),
        (WITHHELD, pa.bool_(), query.is_withheld_sql(export.selection)),
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


def rows_of(
    session: Session, export: Export, select_list: str, check_cancelled: CancellationCheck
) -> Iterator[list[tuple[Any, ...]]]:
    """What ``shown`` gives of the selected rows, a batch at a time, each of its own short statement."""
    sql, values = pages.unpaged_sql(export.selection, select_list)
    with execution.driver_connection(session).cursor(name="export", binary=True) as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(BATCH):
            check_cancelled()
            yield rows
