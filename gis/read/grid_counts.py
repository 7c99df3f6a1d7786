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

from sqlalchemy import BigInteger, Boolean, Identity, Integer, SmallInteger, Text as SqlText
from sqlalchemy.orm import Mapped, mapped_column

from gis.model.fields import Field, Level, LevelType
from gis.model.layer import Layer, all_layers
from gis.model.record import Record

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
    return (
        "select x, y, assumed, word, features, east, north from app.cells"
        f" where layer = '{layer.name}' and grid = {grid} and {in_window}"
        " union all select * from (select"
        f" {_column_sql(grid)} as x, {_row_sql(grid)} as y, assumed, word, features, features * east, features * north"
        f" from app.cell_changes where layer = '{layer.name}') latest where {in_window}"
    )


def total_sql(layer: Layer) -> str:
    """The SQL of the number of features that the reader may see, with and without geometry."""
    coarsest = f"select features from app.cells where layer = '{layer.name}' and grid = {GRIDS[0]}"
    latest = f"select features from app.cell_changes where layer = '{layer.name}'"
    unlocated = f"select count(*) from app.{layer.name} where mercator is null and retired_at is null"
    return f"coalesce((select sum(features) from ({coarsest} union all {latest}) every_row), 0) + ({unlocated})"


FUNCTIONS = f"""
create or replace function app.fold_cells() returns void language plpgsql set search_path = pg_catalog as $$
begin
    if not pg_try_advisory_xact_lock({FOLD_LOCK_KEY}, 0) then return; end if;
    with folded as (delete from app.cell_changes returning *)
    insert into app.cells (layer, grid, x, y, level, assumed, word, features, east, north)
    select layer, grid, {_column_sql("grid")}, {_row_sql("grid")}, level, assumed, word,
        sum(features), sum(features * east), sum(features * north)
    from folded cross join unnest(array{list(GRIDS)}) grid
    group by 1, 2, 3, 4, 5, 6, 7
    on conflict (layer, grid, x, y, level, assumed, word) do update set
        features = cells.features + excluded.features,
        east = cells.east + excluded.east, north = cells.north + excluded.north;
end $$;
revoke all on function app.fold_cells from public;

create or replace function app.count_cell(
    layer text, level app.level, assumed boolean, word text, place public.geometry, features smallint
) returns void language plpgsql set search_path = pg_catalog, public as $$
declare change_id bigint; middle geometry := ST_Centroid(place);
begin
    insert into app.cell_changes (layer, level, assumed, word, features, east, north)
    values ($1, $2, $3, $4, $6, round(ST_X(middle)), round(ST_Y(middle))) returning id into change_id;
    if change_id % {FOLD_INTERVAL} = 0 then perform app.fold_cells(); end if;
end $$;
revoke all on function app.count_cell from public;
"""


def triggers() -> str:
    """The SQL of all functions and triggers of counting, idempotent, for every layer with grid counts."""
    return "\n".join([FUNCTIONS, *(_trigger(layer) for layer in all_layers() if layer.has_grid_counts)])


def _trigger(layer: Layer) -> str:
    """The SQL of a trigger that subtracts the old row of a change and adds the new one."""
    field = count_field(layer)
    names = ["level", "position_source", "retired_at", "geom", *([field.name] if field else [])]
    new, old = (", ".join(f'{row}."{name}"' for name in names) for row in ("NEW", "OLD"))

    def count(row: str, features: int) -> str:
        code = f"coalesce({row}.\"{field.name}\", '')" if field else "''"
        return (
            f"if {row}.retired_at is null and {row}.mercator is not null then perform app.count_cell("
            f"'{layer.name}', {row}.level, {row}.position_source = 'assumed', {code}, {row}.mercator,"
            f" {features}::smallint); end if;"
        )

    return f"""
create or replace function app.count_{layer.name}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if TG_OP = 'UPDATE' and row({new}) is not distinct from row({old}) then return null; end if;
    if TG_OP <> 'INSERT' then {count("OLD", -1)} end if;
    if TG_OP <> 'DELETE' then {count("NEW", 1)} end if;
    return null;
end $$;
create or replace trigger count after insert or update or delete on app.{layer.name}
    for each row execute function app.count_{layer.name}();"""
