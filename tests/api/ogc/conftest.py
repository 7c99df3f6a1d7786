"""Fixtures of the tests of the OGC API."""

import pyogrio
import pytest

from gis.read.tiles import TileCoord
from tests.api.ogc.documents import MARKERS, get_json
from tests.api.ogc.tile_requests import insert_incidents


@pytest.fixture(scope="module")
def markers(client):
    """All markers."""
    return get_json(client, MARKERS, limit=10000)["features"]


@pytest.fixture(scope="module")
def crowded_database(database):
    """The module's database with 6,200 incidents close together."""
    insert_incidents(database, 6200)


@pytest.fixture
def decode_tile(tmp_path):
    """``decode_tile(content, coord)``: the features of a tile in Web Mercator, decoded by GDAL."""

    def opening(content: bytes, at: TileCoord):
        file = tmp_path / "tile.pbf"
        file.write_bytes(content)
        return pyogrio.read_dataframe(file, X=at.column, Y=at.row, Z=at.zoom, CLIP="NO")

    return opening
