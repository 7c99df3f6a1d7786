"""Vector tiles (Mapbox Vector Tile 2.1) of a selection, in the tiles of WebMercatorQuad.

PostgreSQL encodes the tile with the same conditions and under the same rights as a page of features. A tile holds at
most ``MAX_FEATURES`` features. If an unfiltered layer has more in a tile of a low zoom, the tile holds counts by grid
cell instead (``gis.read.grid_counts``); otherwise the least important features are dropped, and the tile says how many.
"""

import math
from dataclasses import dataclass
from typing import Final

from gis.crs.systems import WEB_MERCATOR, WGS84
from gis.db.pool import BoundQuery
from gis.db.reader import Reader
from gis.model.code_lists import AMBER, BLUE, GREEN, GREY, INK, PURPLE, RED, SKY
from gis.model.fields import Clearance, Field, Level, rank_sql
from gis.model.layer import Layer
from gis.model.query import select_sql
from gis.model.row import Row
from gis.read.grid_counts import MAX_COUNT_ZOOM, count_field, tile_counts_sql
from gis.read.pages import is_restricted_sql, record_access
from gis.read.selection import Selection
from gis.read.sql import from_clause, selection_geometry_sql
from gis.read.statement import StatementBuilder

DEEPEST_ZOOM: Final = 22
MAX_FEATURES: Final = 5_000
"""The features of a tile: about 450 kB, a third of that compressed."""

EXTENT: Final = 4096
BUFFER: Final = 64
"""Units of the extent beyond each edge, so that a mark on the edge is drawn whole in both tiles."""

MAX_CODED_FIELDS: Final = 4
COLOUR_PRIORITY: Final = (RED, AMBER, PURPLE, SKY, BLUE, INK, GREEN, GREY)
"""Colours by importance: features in the first ones are dropped last and drawn on top."""


@dataclass(frozen=True)
class Tile:
    """An encoded tile, empty without features; whether it holds counts, and how many features were dropped."""

    content: bytes
    counts: bool = False
    dropped: int = 0


@dataclass(frozen=True)
class TileCoord:
    """The coordinates of a tile: zoom, column from the west and row from the north."""

    zoom: int
    column: int
    row: int

    @property
    def exists(self) -> bool:
        """Whether WebMercatorQuad has this tile, up to zoom 22."""
        side = 1 << self.zoom if 0 <= self.zoom <= DEEPEST_ZOOM else 0
        return 0 <= self.column < side and 0 <= self.row < side

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east and north in degrees, including the buffer."""
        edge, side = BUFFER / EXTENT, 1 << self.zoom
        west, east = ((x / side) * 360 - 180 for x in (self.column - edge, self.column + 1 + edge))
        south, north = (
            math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / side))))
            for y in (self.row + 1 + edge, self.row - edge)
        )
        return max(west, -180.0), south, min(east, 180.0), north

    @property
    def envelope(self) -> str:
        """The SQL of the tile's square in Web Mercator, without the buffer."""
        return f"ST_TileEnvelope({self.zoom}, {self.column}, {self.row})"


async def tile(reader: Reader, selection: Selection, coord: TileCoord, *, from_counts: bool = True) -> Tile:
    """A tile of the selection.

    Without ``from_counts`` the tile is drawn from the rows at every zoom; counts are not kept by unit, so they would be
    wrong for a policy that depends on the unit.
    """
    layer = selection.layer
    if from_counts and selection.is_whole_layer and layer.has_grid_counts and coord.zoom <= MAX_COUNT_ZOOM:
        ((content, total),) = await reader.fetch(BoundQuery(_counts_sql(layer, coord), {}))
        if total and total > MAX_FEATURES:
            return Tile(bytes(content), counts=True)
    statement = StatementBuilder()
    sql = _features_sql(selection, coord, statement)
    query = BoundQuery(sql, statement.values, as_of=selection.as_of)
    ((content, total, restricted_ids),) = await reader.fetch(query)
    rows = [(feature_id,) for feature_id in restricted_ids or ()]
    record_access(reader, selection, rows, tile=f"{coord.zoom}/{coord.row}/{coord.column}")
    return Tile(bytes(content or b""), dropped=max(total - MAX_FEATURES, 0))


def tile_properties(layer: Layer, clearance: Clearance) -> dict[str, Field]:
    """The properties of a tile's features beside id and label: the style field first, then further coded fields."""
    readable = layer.readable_fields(clearance)
    coded = [
        field
        for name, field in readable.items()
        if field.codes is not None and name not in ("level", "position_source")
    ]
    coded.sort(key=lambda field: field.name != layer.style_field)
    required = [readable[name] for name in layer.required_with_geometry if name in readable]
    return {field.name: field for field in [*coded[:MAX_CODED_FIELDS], readable["position_source"], *required]}


def _features_sql(selection: Selection, coord: TileCoord, statement: StatementBuilder) -> str:
    """The SQL of a tile of the most important features, the number of all, and the ids of the restricted ones.

    It is not prepared, because a plan that does not know the box reads the whole table. The rows are sorted once, by a
    single number, the least important first: these are dropped, and the most important ones are drawn on top. The order
    is total, so that equal data give equal bytes.
    """
    layer, clearance = selection.layer, selection.clearance
    properties = {"id": "t.id", "label": f"({layer.label_sql})::text"} | {
        name: f"{field.expression(selection.row)}::text" for name, field in tile_properties(layer, clearance).items()
    }
    source = _rows_in_tile_sql(selection, coord, statement)
    matching = select_sql(
        [
            *(f'{sql} as "{name}"' for name, sql in properties.items()),
            f"{_mercator_sql(selection)} as _place",
            f"{is_restricted_sql(selection) if clearance is Level.RESTRICTED else 'false'} as _restricted",
            f"{_drop_order_sql(layer, selection.row)} as _unimportance",
        ],
        source,
        statement.conditions,
    )
    dropped = select_sql(f"greatest(count(*) - {MAX_FEATURES}, 0)", "matching")
    retained = f"{select_sql('*', 'matching', order_by='_unimportance desc, id')} offset ({dropped})"
    names = [f'"{name}"' for name in properties if name != "id"]
    drawn = select_sql(["id::text", *names, f"{_tile_geometry_sql(layer, coord)} as geom"], "retained")
    tile_and_counts = select_sql(
        [
            f"ST_AsMVT(drawn, '{layer.name}', {EXTENT}, 'geom')",
            f"({select_sql('count(*)', 'matching')})",
            f"({select_sql('array_agg(id order by id)', 'matching', ['_restricted'])})",
        ],
        f"({drawn}) drawn",
    )
    return f"with matching as materialized ({matching}), retained as ({retained}) {tile_and_counts}"


def _tile_geometry_sql(layer: Layer, coord: TileCoord) -> str:
    """The geometry in units of the tile. One that is smaller than a unit becomes a point instead of null."""
    shapes = ["_place"] if layer.geometry_type == "POINT" else ["_place", "ST_PointOnSurface(_place)"]
    drawings = (f"ST_AsMVTGeom({shape}, {coord.envelope}, {EXTENT}, {BUFFER})" for shape in shapes)
    return f"coalesce({', '.join(drawings)})"


def _rows_in_tile_sql(selection: Selection, coord: TileCoord, statement: StatementBuilder) -> str:
    """The FROM clause of the rows in a tile; adds the conditions. Only ``&&`` can use the index under row security."""
    source = from_clause(selection, statement)
    geometry = selection_geometry_sql(selection)
    if selection.layer.geometry_from_links:
        source, geometry = f"{source} cross join lateral (select {geometry} as geom offset 0) site", "site.geom"
    box = ", ".join(map(statement.bind, coord.bbox))
    statement.conditions.append(f"{geometry} && ST_MakeEnvelope({box}, {WGS84})")
    return source


def _mercator_sql(selection: Selection) -> str:
    """The geometry in Web Mercator: the generated column, except in the history and for geometries from links."""
    if selection.layer.geometry_from_links:
        return f"ST_Transform(site.geom, {WEB_MERCATOR})"
    if selection.as_of is not None:
        return f"ST_Transform({selection_geometry_sql(selection)}, {WEB_MERCATOR})"
    return "t.mercator" if selection.clearance.sees_assumed_positions else "t.shared_mercator"


MAX_CODES_PER_FIELD: Final = 100
"""Greater than the number of codes in any code list."""

RANK_WEIGHT: Final = "1e10"
"""Greater than any creation time in seconds since 1970, which so decides only between equal ranks."""


def _drop_order_sql(layer: Layer, row: Row) -> str:
    """The SQL of a number that is greater for less important features.

    Importance is decided by the style field, then by other fields with marks, then by creation: newer features are more
    important. It is one number, because sorting thousands of rows by several columns takes longer than encoding them.
    """
    readable = layer.readable_fields(row.clearance).values()
    marked = [field for field in readable if any(code.mark for code in field.codes or ())]
    marked.sort(key=lambda field: field.name != layer.style_field)
    rank = "0::float8"
    for field in marked:
        code_rank = rank_sql(codes_by_priority(field), field.expression(row))
        rank = f"({rank} * {MAX_CODES_PER_FIELD} + coalesce({code_rank}, {MAX_CODES_PER_FIELD - 1}))"
    return f"{rank} * {RANK_WEIGHT} - date_part('epoch', t.created_at)"


def codes_by_priority(field: Field) -> list[str]:
    """The codes of a field, those with the most important colours first."""
    codes = list(field.codes or ())
    return [
        str(code)
        for code in sorted(codes, key=lambda code: COLOUR_PRIORITY.index(code.mark.colour if code.mark else GREY))
    ]


def _counts_sql(layer: Layer, coord: TileCoord) -> str:
    """The SQL of a tile of counts: a point per cell, at the mean position, with the most important code in the cell.

    Assumed positions are counted apart from others.
    """
    field = count_field(layer)
    codes = ", ".join(f"'{code}'" for code in codes_by_priority(field)) if field else ""
    codes = f"array[{codes}]::text[]"
    code_columns = [f'({codes})[min(array_position({codes}, word))] as "{field.name}"'] if field else []
    mean = f"ST_SetSRID(ST_MakePoint(sum(east) / sum(features), sum(north) / sum(features)), {WEB_MERCATOR})"
    kinds = select_sql(
        "x, y, assumed, word, sum(features) as features, sum(east) as east, sum(north) as north",
        f"({tile_counts_sql(layer, coord.zoom, coord.column, coord.row)}) every_row",
        group_by="x, y, assumed, word having sum(features) > 0",
    )
    cells = select_sql(
        [
            "sum(features)::integer as count",
            *code_columns,
            "case when assumed then 'assumed' end as position_source",
            f"ST_AsMVTGeom({mean}, {coord.envelope}, {EXTENT}, {BUFFER}) as geom",
        ],
        f"({kinds}) kinds",
        group_by="x, y, assumed",
        order_by="x, y, assumed",
    )
    encoded = [f"ST_AsMVT(drawn, '{layer.name}', {EXTENT}, 'geom')", "sum(drawn.count)"]
    return select_sql(encoded, f"({cells}) drawn", ["geom is not null"])
