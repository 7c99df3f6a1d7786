"""Vector tiles (Mapbox Vector Tile 2.1) of a selection, in the tiles of WebMercatorQuad.

PostgreSQL draws the tile from the same conditions and under the same rights as a page of features. A tile holds
``MOST`` features at most. Where an unfiltered layer has more in a tile of a low zoom, the tile holds counts by grid
cell instead (``gis.cells``); otherwise the least important are dropped, and the tile says how many.
"""

import math
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from gis.crs.systems import WEB_MERCATOR, WGS84
from gis.db.pool import BoundQuery, QueryGenerator
from gis.db.session import AccessRecorder
from gis.model.code_lists import AMBER, BLUE, GREEN, GREY, INK, PURPLE, RED, SKY
from gis.model.fields import Clearance, Field, Level, rank_sql
from gis.model.layer import Layer
from gis.read.execution import run_queries
from gis.read.grid_counts import MAX_COUNT_ZOOM, count_field, tile_counts_sql
from gis.read.pages import is_restricted_sql, record_access
from gis.read.selection import Selection
from gis.read.sql import as_of_sql, from_clause, selection_geometry_sql, where_clause
from gis.read.statement import StatementBuilder

DEEPEST_ZOOM: Final = 22
MAX_FEATURES: Final = 5_000
"""Features of a tile: about 450 kB, a third of that as it travels."""

EXTENT: Final = 4096
BUFFER: Final = 64
"""Units of the extent drawn beyond each edge, so that a mark on the edge is whole on both sides."""

MAX_CODED_FIELDS: Final = 4
COLOUR_PRIORITY: Final = (RED, AMBER, PURPLE, SKY, BLUE, INK, GREEN, GREY)
"""How loudly the colour of a word calls: what is drawn in a louder one is dropped later and drawn on top."""


@dataclass(frozen=True)
class Tile:
    """A tile as bytes, empty where nothing stands; whether it holds counts, and how many features were dropped."""

    content: bytes
    counts: bool = False
    dropped: int = 0


@dataclass(frozen=True)
class TileCoord:
    """Which tile: zoom, column from the west and row from the north."""

    zoom: int
    column: int
    row: int

    @property
    def exists(self) -> bool:
        """Whether WebMercatorQuad has such a tile, down to the deepest zoom."""
        side = 1 << self.zoom if 0 <= self.zoom <= DEEPEST_ZOOM else 0
        return 0 <= self.column < side and 0 <= self.row < side

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east and north in degrees, with the buffer."""
        edge, side = BUFFER / EXTENT, 1 << self.zoom
        west, east = ((x / side) * 360 - 180 for x in (self.column - edge, self.column + 1 + edge))
        south, north = (
            math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / side))))
            for y in (self.row + 1 + edge, self.row - edge)
        )
        return max(west, -180.0), south, min(east, 180.0), north

    @property
    def envelope(self) -> str:
        """The SQL of the tile's square."""
        return f"ST_TileEnvelope({self.zoom}, {self.column}, {self.row})"


def tile(session: Session, selection: Selection, coord: TileCoord, *, from_counts: bool = True) -> Tile:
    """The selection's tile at an address, for the selection's reader."""
    return run_queries(session, tile_queries(selection, coord, session, from_counts=from_counts))


def tile_queries(
    selection: Selection, coord: TileCoord, recorder: AccessRecorder, *, from_counts: bool = True
) -> QueryGenerator[Tile]:
    """The questions of ``tile``.

    Without ``from_counts`` it is drawn from the rows at every zoom: counts do not know whose matters they count.
    """
    layer = selection.layer
    if from_counts and selection.is_whole_layer and layer.has_grid_counts and coord.zoom <= MAX_COUNT_ZOOM:
        (content, found), *_ = yield BoundQuery(_counts_sql(layer, coord), {})
        if found and found > MAX_FEATURES:
            return Tile(bytes(content), counts=True)
    statement = StatementBuilder()
    sql = _features_sql(selection, coord, statement)
    (content, found, restricted), *_ = yield BoundQuery(sql, statement.values)
    given = [(one,) for one in restricted or ()]
    record_access(recorder, selection, given, tile=f"{coord.zoom}/{coord.row}/{coord.column}")
    return Tile(bytes(content or b""), dropped=max(found - MAX_FEATURES, 0))


def tile_properties(layer: Layer, clearance: Clearance) -> dict[str, Field]:
    """The properties that a tile's features have beside id and label: what draws them, and their coded words."""
    known = layer.readable_fields(clearance)
    words = [one for name, one in known.items() if one.codes is not None and name not in ("level", "position_source")]
    words.sort(key=lambda one: one.name != layer.style_field)
    vouching = [known[name] for name in layer.required_with_geometry if name in known]
    return {one.name: one for one in [*words[:MAX_CODED_FIELDS], known["position_source"], *vouching]}


def _features_sql(selection: Selection, coord: TileCoord, statement: StatementBuilder) -> str:
    """A tile of the most important features, the number of all, and which of them are restricted.

    Planned each time: a plan has to know the box, or reads all there is. The rows are read once and put in order
    once, by a single number: the least important first, so that they are left out and what matters is drawn on top.
    It also makes equal tiles equal bytes.
    """
    layer, reader = selection.layer, selection.clearance
    shown = {"id": "t.id", "label": f"({layer.label_sql})::text"}
    shown |= {name: f"{one.expression(reader)}::text" for name, one in tile_properties(layer, reader).items()}
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in shown.items())
    names = ", ".join(f'"{name}"' for name in shown if name != "id")
    restricted = is_restricted_sql(selection) if reader is Level.RESTRICTED else "false"
    sql = (
        f"with found as materialized (select {columns}, {_mercator_sql(selection)} as _place,"
        f" {restricted} as _restricted,"
        f" {_drop_order_sql(layer, reader)} as _unimportance from {_rows_in_tile_sql(selection, coord, statement)}),"
        f" kept as (select * from found order by _unimportance desc, id"
        f" offset (select greatest(count(*) - {MAX_FEATURES}, 0) from found))"
        f" select ST_AsMVT(drawn, '{layer.name}', {EXTENT}, 'geom'), (select count(*) from found),"
        f" (select array_agg(id order by id) from found where _restricted)"
        f" from (select id::text, {names}, {_tile_geometry_sql(layer, coord)} as geom from kept) drawn"
    )
    return as_of_sql(selection, sql, statement)


def _tile_geometry_sql(layer: Layer, coord: TileCoord) -> str:
    """The place in units of the tile. What is smaller than one is a point, and so still there from afar."""
    shapes = ["_place"] if layer.geometry_type == "POINT" else ["_place", "ST_PointOnSurface(_place)"]
    drawings = (f"ST_AsMVTGeom({shape}, {coord.envelope}, {EXTENT}, {BUFFER})" for shape in shapes)
    return f"coalesce({', '.join(drawings)})"


def _rows_in_tile_sql(selection: Selection, coord: TileCoord, statement: StatementBuilder) -> str:
    """The rows of the selection in a tile. The box is compared by itself: only that reaches the index under RLS."""
    source = from_clause(selection, statement)
    place = selection_geometry_sql(selection)
    if selection.layer.geometry_from_links:
        source, place = f"{source} cross join lateral (select {place} as geom offset 0) site", "site.geom"
    box = ", ".join(map(statement.bind, coord.bbox))
    statement.conditions.append(f"{place} && ST_MakeEnvelope({box}, {WGS84})")
    return f"{source}{where_clause(statement)}"


def _mercator_sql(selection: Selection) -> str:
    """The place in Web Mercator: stored, except for the past and for what is drawn by its links."""
    if selection.layer.geometry_from_links:
        return f"ST_Transform(site.geom, {WEB_MERCATOR})"
    if selection.as_of is not None:
        return f"ST_Transform({selection_geometry_sql(selection)}, {WEB_MERCATOR})"
    return "t.mercator" if selection.clearance.sees_assumed_positions else "t.shared_mercator"


MAX_CODES_PER_FIELD: Final = 100
RANK_WEIGHT: Final = "1e10"
"""More than any code list has words, and more than any record is old."""


def _drop_order_sql(layer: Layer, clearance: Clearance) -> str:
    """The SQL of a number that is the greater the less a feature matters.

    It tells by what draws it, then by its other marked words, then by its age: to compare three columns of thousands
    of rows takes longer than to draw them.
    """
    marked = [one for one in layer.readable_fields(clearance).values() if any(word.mark for word in one.codes or ())]
    marked.sort(key=lambda one: one.name != layer.style_field)
    rank = "0::float8"
    for one in marked:
        place = f"coalesce({rank_sql(codes_by_priority(one), one.expression(clearance))}, {MAX_CODES_PER_FIELD - 1})"
        rank = f"({rank} * {MAX_CODES_PER_FIELD} + {place})"
    return f"{rank} * {RANK_WEIGHT} - date_part('epoch', t.created_at)"


def codes_by_priority(field: Field) -> list[str]:
    """The words of a field, those drawn in the loudest colours first."""
    words = list(field.codes or ())
    return [
        str(word)
        for word in sorted(words, key=lambda word: COLOUR_PRIORITY.index(word.mark.colour if word.mark else GREY))
    ]


def _counts_sql(layer: Layer, coord: TileCoord) -> str:
    """A point per cell and kind of position, at the mean place, in the most important word that stands there."""
    by = count_field(layer)
    words = ", ".join(f"'{word}'" for word in codes_by_priority(by)) if by else ""
    words = f"array[{words}]::text[]"
    named = f'({words})[min(array_position({words}, word))] as "{by.name}",' if by else ""
    middle = f"ST_SetSRID(ST_MakePoint(sum(east) / sum(features), sum(north) / sum(features)), {WEB_MERCATOR})"
    return (
        f"select ST_AsMVT(drawn, '{layer.name}', {EXTENT}, 'geom'), sum(drawn.count) from ("
        f" select sum(features)::integer as count, {named} case when assumed then 'assumed' end as position_source,"
        f" ST_AsMVTGeom({middle}, {coord.envelope}, {EXTENT}, {BUFFER}) as geom"
        f" from (select x, y, assumed, word, sum(features) as features, sum(east) as east, sum(north) as north"
        f" from ({tile_counts_sql(layer, coord.zoom, coord.column, coord.row)}) every_row"
        f" group by x, y, assumed, word having sum(features) > 0) kinds"
        f" group by x, y, assumed order by x, y, assumed) drawn where geom is not null"
    )
