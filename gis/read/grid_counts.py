"""Counts of features by grid cell, from which tiles of low zooms are drawn without reading every row.

A trigger inserts a row into ``cell_changes`` for every feature added or removed, with its level, its code and its
position. Inserts do not block each other. Every ``FOLD_INTERVAL`` rows one writer folds them into ``cells``, the sums
by cell of six grids; an advisory lock makes other writers skip the folding meanwhile. Readers sum both tables, so
counts are always exact. Both tables have the level of the features they count and the same row policies as layers, so
readers get the sums of the features that they may see.

Grid ``g`` divides the Web Mercator square into ``2**g`` columns and rows, numbered from the north-west corner like
tiles. Sums of coordinates are integers in metres, because repeated addition of integers has no rounding error.
"""

from typing import Final

from psycopg import sql
from sqlalchemy import BigInteger, Boolean, Identity, Integer, SmallInteger, Text as SqlText
from sqlalchemy.orm import Mapped, mapped_column

from gis.model.fields import Field, Level, LevelType
from gis.model.layer import Layer, all_layers
from gis.model.query import select_sql
from gis.model.record import Record
from gis.text.sql_files import SqlFile

SQL = SqlFile(__file__)

HALF_WORLD_M: Final = 20037508.342789244
"""Half the width of the Web Mercator square, in metres."""

GRIDS: Final = (5, 7, 9, 11, 13, 15)
MAX_COUNT_ZOOM: Final = 10
"""The highest zoom drawn from counts. A tile of an even zoom is 32 cells wide, one of an odd zoom 64."""

FOLD_LOCK_KEY: Final = 0x63656C6C
"""The key of the advisory lock of folding ("cell" in ASCII)."""

FOLD_INTERVAL: Final = 1000
"""The number of inserted changes after which they are folded into the sums."""


class Cell(Record):
    """The number of features with the same level and code (``word``) in a cell, and the sums of their coordinates."""

    __tablename__ = "cells"

    layer: Mapped[str] = mapped_column(SqlText, primary_key=True)
    grid: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    x: Mapped[int] = mapped_column(Integer, primary_key=True)
    y: Mapped[int] = mapped_column(Integer, primary_key=True)
    level: Mapped[Level] = mapped_column(LevelType, primary_key=True)
    assumed: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    word: Mapped[str] = mapped_column(SqlText, primary_key=True)
    features: Mapped[int] = mapped_column(BigInteger)
    east: Mapped[int] = mapped_column(BigInteger)
    north: Mapped[int] = mapped_column(BigInteger)


class CellChange(Record):
    """A feature added (1) or removed (-1) at a position, not yet folded into ``cells``."""

    __tablename__ = "cell_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    layer: Mapped[str] = mapped_column(SqlText)
    level: Mapped[Level] = mapped_column(LevelType)
    assumed: Mapped[bool] = mapped_column(Boolean)
    word: Mapped[str] = mapped_column(SqlText)
    features: Mapped[int] = mapped_column(SmallInteger)
    east: Mapped[int] = mapped_column(BigInteger)
    north: Mapped[int] = mapped_column(BigInteger)


def count_field(layer: Layer) -> Field | None:
    """The coded field by which a layer's features are counted: the style field, else the status, else None.

    A derived field cannot be counted by a trigger, and counts by a field that is not public would disclose it.
    """
    for field in (layer.fields.get(layer.style_field or ""), layer.status):
        if field is not None and field.sql is None and field.codes is not None and field.level is Level.PUBLIC:
            return field
    return None


def _column_sql(grid: int | str) -> str:
    """The SQL of the column of the cell with the coordinate ``east``."""
    return _clamp_sql(f"(east + {HALF_WORLD_M}) / {2 * HALF_WORLD_M} * (1 << {grid})", grid)


def _row_sql(grid: int | str) -> str:
    """The SQL of the row of the cell with the coordinate ``north``."""
    return _clamp_sql(f"({HALF_WORLD_M} - north) / {2 * HALF_WORLD_M} * (1 << {grid})", grid)


def _clamp_sql(position_sql: str, grid: int | str) -> str:
    """Positions beyond the edge of the square, such as the poles, are counted in the cells at the edge."""
    return f"greatest(0, least((1 << {grid}) - 1, floor({position_sql})))::integer"


def tile_counts_sql(layer: Layer, zoom: int, column: int, row: int) -> str:
    """The SQL of the counts in a tile and one cell around it: x, y, assumed, word, features, east, north.

    A cell and code may have several rows, also with negative counts; they have to be summed.
    """
    grid = next(grid for grid in GRIDS if grid >= zoom + GRIDS[0])
    cells = 1 << (grid - zoom)
    x, y = column * cells, row * cells
    in_window = f"x between {x - 1} and {x + cells} and y between {y - 1} and {y + cells}"
    of_layer = f"layer = '{layer.name}'"
    sums = select_sql(
        "x, y, assumed, word, features, east, north", "app.cells", [of_layer, f"grid = {grid}", in_window]
    )
    latest = select_sql(
        f"{_column_sql(grid)} as x, {_row_sql(grid)} as y, assumed, word, features, features * east, features * north",
        "app.cell_changes",
        [of_layer],
    )
    return f"{sums} union all {select_sql('*', f'({latest}) latest', [in_window])}"


def total_sql(layer: Layer) -> str:
    """The SQL of the number of features that the reader may see, with and without geometry."""
    of_layer = f"layer = '{layer.name}'"
    coarsest = select_sql("features", "app.cells", [of_layer, f"grid = {GRIDS[0]}"])
    latest = select_sql("features", "app.cell_changes", [of_layer])
    located = select_sql("sum(features)", f"({coarsest} union all {latest}) every_row")
    unlocated = select_sql("count(*)", f"app.{layer.name}", ["mercator is null", "retired_at is null"])
    return f"coalesce(({located}), 0) + ({unlocated})"


def triggers() -> str:
    """The SQL of all functions and triggers of counting, idempotent, for every layer with grid counts."""
    functions = SQL.text(
        "functions",
        fold_lock=FOLD_LOCK_KEY,
        cell_column=sql.SQL(_column_sql("grid")),
        cell_row=sql.SQL(_row_sql("grid")),
        grids=list(GRIDS),
        fold_interval=FOLD_INTERVAL,
    )
    return "\n".join([functions, *(_trigger(layer) for layer in all_layers() if layer.has_grid_counts)])


def _trigger(layer: Layer) -> str:
    """The SQL of the trigger that counts the features of a layer."""
    field = count_field(layer)
    names = ["level", "position_source", "retired_at", "geom", *([field.name] if field else [])]
    values = {row: sql.SQL(", ").join(sql.Identifier(row, name) for name in names) for row in ("new", "old")}
    codes = {
        row: sql.SQL("coalesce({}, '')").format(sql.Identifier(row, field.name)) if field else sql.Literal("")
        for row in ("new", "old")
    }
    return SQL.text(
        "trigger",
        function=sql.Identifier(f"count_{layer.name}"),
        layer=layer.name,
        table=sql.Identifier(layer.name),
        new_values=values["new"],
        old_values=values["old"],
        new_code=codes["new"],
        old_code=codes["old"],
    )
