"""Requests tiles, and inserts more incidents than a tile may have."""

from httpx import Client
from pyproj import Transformer
from sqlalchemy import text

from gis.db import result_of
from gis.model.layer import catalog
from gis.read import tiles
from gis.read.selection import Selection
from gis.read.tiles import Tile, TileCoord
from layers.policy import OFFICE

INCIDENTS = catalog["incidents"]

TILES = "/ogc/collections/{}/tiles/WebMercatorQuad/{}/{}/{}"

WORLD_BBOX = (-180.0, -85.0, 180.0, 85.0)

WORLD_TILE = TileCoord(0, 0, 0)

COUNTRY_TILE = TileCoord(5, 25, 15)
"""The tile of the south of Vietnam."""


def mercator(lon: float, lat: float) -> tuple[float, float]:
    return Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)


def tile_at(lon: float, lat: float, zoom: int) -> TileCoord:
    """The tile of a zoom level that contains a position."""
    east, north = mercator(lon, lat)
    half, side = 20037508.342789244, 1 << zoom
    return TileCoord(zoom, int((east + half) / (2 * half) * side), int((half - north) / (2 * half) * side))


TILE_ZOOM_9 = tile_at(107.2, 10.9, 9)

TILE_ZOOM_12 = tile_at(107.2, 10.9, 12)
"""Two tiles where ``insert_incidents`` inserts; without filters the former has counts, the latter features."""

INSERT_INCIDENTS = """
insert into app.incidents (id, level, code, category, severity, handling, side, position_source, geom)
select gen_random_uuid(),
    (case when n % 13 = 0 then 'restricted' when n % 17 = 0 then 'partner' else 'public' end)::app.level,
    'ĐÔNG-' || n || :mark, 'drainage',
    (array['low', 'medium', 'high', 'critical'])[1 + n % 4],
    (array['reported', 'verified', 'resolved', 'closed'])[1 + n % 4], 'ours',
    case when n % 23 = 0 then 'assumed' else 'gps' end,
    ST_SetSRID(ST_MakePoint(107.0 + (n * 7919 % 1000) / 2500.0, 10.7 + (n * 104729 % 1000) / 2500.0), 4326)
from generate_series(1, :number) n
"""


def insert_incidents(database, number, mark=""):
    """Insert incidents within 0.4 degrees, some of them above the public level, some with assumed positions."""
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text(INSERT_INCIDENTS), {"number": number, "mark": mark})


def get(client: Client, layer: str, at: TileCoord, **parameters):
    return client.get(TILES.format(layer, at.zoom, at.row, at.column), params=parameters)


def tile_for(database, reader, layer, at: TileCoord, **selected) -> Tile:
    """The tile as an actor reads it from the database."""
    with database.transaction(reader) as session:
        return result_of(tiles.tile(session, Selection(catalog[layer], reader.level, **selected), at))
