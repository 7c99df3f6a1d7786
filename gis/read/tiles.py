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
from gis.db.pool import Asking, Question
from gis.db.session import Notebook
from gis.model.code_lists import AMBER, BLUE, GREEN, GREY, INK, PURPLE, RED, SKY
from gis.model.fields import Field, Level, Reader, rank_among
from gis.model.layer import Layer
from gis.read.grid_counts import FINEST_ZOOM, counted, counted_by
from gis.read.sql import Selection, Statement, answered, geometry_of, is_restricted, note, source_of, then, where_of

DEEPEST_ZOOM: Final = 22
MOST: Final = 5_000
"""Features of a tile: about 450 kB, a third of that as it travels."""

EXTENT: Final = 4096
BUFFER: Final = 64
"""Units of the extent drawn beyond each edge, so that a mark on the edge is whole on both sides."""

MOST_WORDS: Final = 4
LOUDEST_FIRST: Final = (RED, AMBER, PURPLE, SKY, BLUE, INK, GREEN, GREY)
"""How loudly the colour of a word calls: what is drawn in a louder one is dropped later and drawn on top."""


@dataclass(frozen=True)
class Tile:
    """A tile as bytes, empty where nothing stands; whether it holds counts, and how many features were dropped."""

    content: bytes
    counts: bool = False
    dropped: int = 0


@dataclass(frozen=True)
class Address:
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
    def box(self) -> tuple[float, float, float, float]:
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


def tile(session: Session, selection: Selection, address: Address, *, from_counts: bool = True) -> Tile:
    """The selection's tile at an address, for the selection's reader."""
    return answered(session, asking_tile(selection, address, session, from_counts=from_counts))


def asking_tile(
    selection: Selection, address: Address, notebook: Notebook, *, from_counts: bool = True
) -> Asking[Tile]:
    """The questions of ``tile``.

    Without ``from_counts`` it is drawn from the rows at every zoom: counts do not know whose matters they count.
    """
    layer = selection.layer
    if from_counts and selection.is_whole and layer.counted and address.zoom <= FINEST_ZOOM:
        (content, found), *_ = yield Question(_counts_sql(layer, address), {})
        if found and found > MOST:
            return Tile(bytes(content), counts=True)
    statement = Statement()
    sql = _features_sql(selection, address, statement)
    (content, found, restricted), *_ = yield Question(sql, statement.values)
    given = [(one,) for one in restricted or ()]
    note(notebook, selection, given, tile=f"{address.zoom}/{address.row}/{address.column}")
    return Tile(bytes(content or b""), dropped=max(found - MOST, 0))


def attributes(layer: Layer, reader: Reader) -> dict[str, Field]:
    """The properties that a tile's features have beside id and label: what draws them, and their coded words."""
    known = layer.readable(reader)
    words = [one for name, one in known.items() if one.codes is not None and name not in ("level", "position_source")]
    words.sort(key=lambda one: one.name != layer.drawn_by)
    vouching = [known[name] for name in layer.always_with if name in known]
    return {one.name: one for one in [*words[:MOST_WORDS], known["position_source"], *vouching]}


def _features_sql(selection: Selection, address: Address, statement: Statement) -> str:
    """A tile of the most important features, the number of all, and which of them are restricted.

    Planned each time: a plan has to know the box, or reads all there is. The rows are read once and put in order
    once, by a single number: the least important first, so that they are left out and what matters is drawn on top.
    It also makes equal tiles equal bytes.
    """
    layer, reader = selection.layer, selection.reader
    shown = {"id": "t.id", "label": f"({layer.labelled_by})::text"}
    shown |= {name: f"{one.expression(reader)}::text" for name, one in attributes(layer, reader).items()}
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in shown.items())
    names = ", ".join(f'"{name}"' for name in shown if name != "id")
    restricted = is_restricted(selection) if reader is Level.RESTRICTED else "false"
    sql = (
        f"with found as materialized (select {columns}, {_place(selection)} as _place, {restricted} as _restricted,"
        f" {_unimportance(layer, reader)} as _unimportance from {_found_in(selection, address, statement)}),"
        f" kept as (select * from found order by _unimportance desc, id"
        f" offset (select greatest(count(*) - {MOST}, 0) from found))"
        f" select ST_AsMVT(drawn, '{layer.name}', {EXTENT}, 'geom'), (select count(*) from found),"
        f" (select array_agg(id order by id) from found where _restricted)"
        f" from (select id::text, {names}, {_drawing(layer, address)} as geom from kept) drawn"
    )
    return then(selection, sql, statement)


def _drawing(layer: Layer, address: Address) -> str:
    """The place in units of the tile. What is smaller than one is a point, and so still there from afar."""
    shapes = ["_place"] if layer.geometry_type == "POINT" else ["_place", "ST_PointOnSurface(_place)"]
    drawings = (f"ST_AsMVTGeom({shape}, {address.envelope}, {EXTENT}, {BUFFER})" for shape in shapes)
    return f"coalesce({', '.join(drawings)})"


def _found_in(selection: Selection, address: Address, statement: Statement) -> str:
    """The rows of the selection in a tile. The box is compared by itself: only that reaches the index under RLS."""
    source = source_of(selection, statement)
    place = geometry_of(selection)
    if selection.layer.drawn_by_links:
        source, place = f"{source} cross join lateral (select {place} as geom offset 0) site", "site.geom"
    box = ", ".join(map(statement.bind, address.box))
    statement.conditions.append(f"{place} && ST_MakeEnvelope({box}, {WGS84})")
    return f"{source}{where_of(statement)}"


def _place(selection: Selection) -> str:
    """The place in Web Mercator: stored, except for the past and for what is drawn by its links."""
    if selection.layer.drawn_by_links:
        return f"ST_Transform(site.geom, {WEB_MERCATOR})"
    if selection.as_of is not None:
        return f"ST_Transform({geometry_of(selection)}, {WEB_MERCATOR})"
    return "t.mercator" if selection.reader.sees_assumed else "t.shared_mercator"


WORDS_OF_A_FIELD: Final = 100
SECONDS: Final = "1e10"
"""More than any code list has words, and more than any record is old."""


def _unimportance(layer: Layer, reader: Reader) -> str:
    """The SQL of a number that is the greater the less a feature matters.

    It tells by what draws it, then by its other marked words, then by its age: to compare three columns of thousands
    of rows takes longer than to draw them.
    """
    marked = [one for one in layer.readable(reader).values() if any(word.mark for word in one.codes or ())]
    marked.sort(key=lambda one: one.name != layer.drawn_by)
    rank = "0::float8"
    for one in marked:
        place = f"coalesce({rank_among(by_loudness(one), one.expression(reader))}, {WORDS_OF_A_FIELD - 1})"
        rank = f"({rank} * {WORDS_OF_A_FIELD} + {place})"
    return f"{rank} * {SECONDS} - date_part('epoch', t.created_at)"


def by_loudness(one: Field) -> list[str]:
    """The words of a field, those drawn in the loudest colours first."""
    words = list(one.codes or ())
    return [
        str(word)
        for word in sorted(words, key=lambda word: LOUDEST_FIRST.index(word.mark.colour if word.mark else GREY))
    ]


def _counts_sql(layer: Layer, address: Address) -> str:
    """A point per cell and kind of position, at the mean place, in the most important word that stands there."""
    by = counted_by(layer)
    words = ", ".join(f"'{word}'" for word in by_loudness(by)) if by else ""
    words = f"array[{words}]::text[]"
    named = f'({words})[min(array_position({words}, word))] as "{by.name}",' if by else ""
    middle = f"ST_SetSRID(ST_MakePoint(sum(east) / sum(features), sum(north) / sum(features)), {WEB_MERCATOR})"
    return (
        f"select ST_AsMVT(drawn, '{layer.name}', {EXTENT}, 'geom'), sum(drawn.count) from ("
        f" select sum(features)::integer as count, {named} case when assumed then 'assumed' end as position_source,"
        f" ST_AsMVTGeom({middle}, {address.envelope}, {EXTENT}, {BUFFER}) as geom"
        f" from (select x, y, assumed, word, sum(features) as features, sum(east) as east, sum(north) as north"
        f" from ({counted(layer, address.zoom, address.column, address.row)}) every_row"
        f" group by x, y, assumed, word having sum(features) > 0) kinds"
        f" group by x, y, assumed order by x, y, assumed) drawn where geom is not null"
    )
