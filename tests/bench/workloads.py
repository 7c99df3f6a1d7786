"""The workloads: the same requests to Cotmoc, PostgreSQL alone and the peers; and their targets."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import psycopg
from national import A_YEAR_AGO

VARIANTS: Final = 12
"""Number of positions requested in turn, so that no answer repeats the one before."""

DENSE_COUNT: Final = 1_000
SIDE_DEG: Final = 0.2
DEPTH: Final = 250_000
CLIENTS: Final = (1, 16)

OURS, FLOOR, BARE, TIPG, PYGEOAPI = "cotmoc", "floor", "bare", "tipg", "pygeoapi"
"""The sides. ``bare`` is the floor without row policies (reads), or without history and journal (writes)."""

CODED_PROPERTIES: Final = ("category", "handling", "position_source", "severity", "side")
"""The coded properties in Cotmoc's tiles of incidents; the same are requested of the peers."""


@dataclass(frozen=True)
class Target:
    """A bound on ``quantity`` (rps or p50) of ``side``, divided by that of side ``against`` (of another workload)."""

    quantity: str
    clients: int
    against: str
    bound: float
    side: str = OURS
    workload: str | None = None

    @property
    def at_least(self) -> bool:
        """Whether ``bound`` is a minimum: more answers are better, longer latencies are not."""
        return self.quantity == "rps"

    def __str__(self) -> str:
        other = f"{self.workload} " if self.workload else ""
        sign = "≥" if self.at_least else "≤"
        return f"{self.quantity} at {self.clients} {sign} {self.bound:.2f}× {other}{self.against}"


@dataclass(frozen=True)
class Workload:
    """A kind of request: its URLs at each server; ``counted`` says which servers count the matches."""

    name: str
    title: str
    urls: Sequence[str] = ()
    peers: dict[str, Sequence[str]] = field(default_factory=dict)
    counted: str = "cotmoc, floor: nothing · peers: every match"
    targets: Sequence[Target] = ()
    bare: bool = False
    bodies: Sequence[str] = ()
    clients: Sequence[int] = CLIENTS


def workloads(connection: psycopg.Connection[Any], key: str) -> list[Workload]:
    """All workloads, with positions and ids from the database; ``key`` is the cursor of the page at depth."""
    positions = _dense_positions(connection)
    ids = [row[0] for row in connection.execute(f"{SAMPLE_QUERY} limit {VARIANTS}").fetchall()]
    boxes = [",".join(f"{degrees:.4f}" for degrees in _box(lon, lat)) for lon, lat in positions]
    fine, coarse = ([_tile(zoom, lon, lat) for lon, lat in positions] for zoom in (12, 8))
    handling = ("verified", "recorded", "exchanged", "note_sent")
    past = f"{A_YEAR_AGO:%Y-%m-%dT%H:%M:%SZ}"
    return [
        Workload(
            "W1", "first page, limit=10", _items({"limit": 10}), _peers({"limit": 10}),
            targets=(
                Target("rps", 16, TIPG, 10), Target("rps", 16, PYGEOAPI, 10), Target("p50", 1, FLOOR, 3),
            ),
        ),
        Workload(
            "W1c", "first page, limit=10, count=exact", _items({"limit": 10, "count": "exact"}), _peers({"limit": 10}),
            counted="every match, all servers", targets=(Target("rps", 16, TIPG, 1), Target("rps", 16, PYGEOAPI, 1)),
        ),
        Workload(
            "W2", "page of 1,000", _items({"limit": 1000}), _peers({"limit": 1000}),
            targets=(Target("rps", 16, FLOOR, 1 / 1.4), Target("rps", 16, TIPG, 6)),
        ),
        Workload(
            "W3", "bbox 0.2°, 1,000 features",
            _items(*({"bbox": box, "limit": 1000} for box in boxes)),
            _peers(*({"bbox": box, "limit": 1000} for box in boxes)),
            targets=(
                Target("rps", 16, FLOOR, 1 / 1.3), Target("rps", 16, TIPG, 4),
                Target("p50", 1, BARE, 1.5, side=FLOOR),
            ),
            bare=True,
        ),
        Workload(
            "W4", "filter + sort, 100 features",
            _items(*({"handling": code, "sortby": "-occurred_at", "limit": 100} for code in handling)),
            _peers(*({"handling": code, "sortby": "-occurred_at", "limit": 100} for code in handling)),
            targets=(Target("rps", 16, FLOOR, 1 / 1.8), Target("rps", 16, TIPG, 4)),
        ),
        Workload(
            "W5", "one feature",
            [f"/ogc/collections/incidents/items/{id_}" for id_ in ids],
            {
                TIPG: [f"/collections/bench.incidents/items/{id_}?f=geojson" for id_ in ids],
                PYGEOAPI: [f"/collections/incidents/items/{id_}?f=json" for id_ in ids],
            },
            counted="nothing to count",
            targets=(Target("rps", 16, TIPG, 3), Target("p50", 1, FLOOR, 3)),
        ),
        Workload(
            "W6", "tile z12",
            [_tile_url(*tile) for tile in fine],
            {TIPG: [_tipg_tile(*tile) for tile in fine]},
            counted="nothing to count; pygeoapi left out: a tile took 17 s",
            targets=(
                Target("rps", 16, FLOOR, 1 / 1.4), Target("rps", 16, TIPG, 1.5),
                Target("p50", 1, BARE, 1.5, side=FLOOR),
            ),
            bare=True,
        ),
        Workload(
            "W6z8", "tile z8: counts by cell, TiPg every point",
            [_tile_url(*tile) for tile in coarse],
            {TIPG: [_tipg_tile(*tile) for tile in coarse[:1]]},
            counted="ours draws counts from the aggregate", clients=(1,),
        ),
        Workload(
            "W9", "page of 10 at depth 250,000", _items({"limit": 10, "after": key}),
            _peers({"limit": 10, "offset": DEPTH}), clients=(1,),
            targets=(Target("p50", 1, OURS, 1.3, workload="W1"),),
        ),
        Workload(
            "as_of", "bbox as of a year ago, 1,000 features",
            _items(*({"bbox": box, "limit": 1000, "as_of": past} for box in boxes)),
            counted="nothing", clients=(1,), targets=(Target("p50", 1, OURS, 2, workload="W3"),),
        ),
        Workload(
            "locate", "/api/locate of an address",
            [f"/api/locate?{urlencode({'q': text, 'border': 'VN-KH'})}" for text in _marker_addresses(connection)],
            counted="nothing", targets=(Target("p50", 1, FLOOR, 3),),
        ),
        Workload(
            "W8", "create an incident", ["/ogc/collections/incidents/items"] * VARIANTS,
            counted="nothing; bare: without identity, history and journal",
            targets=(Target("rps", 16, FLOOR, 0.3), Target("rps", 8, BARE, 0.7, side=FLOOR)),
            bare=True, clients=(1, 8, 16),
            bodies=[_incident(lon, lat) for lon, lat in positions],
        ),
    ]  # fmt: skip


SAMPLE_QUERY: Final = (
    "select id::text, ST_X(geom), ST_Y(geom) from app.incidents where geom is not null order by md5(id::text)"
)


def _dense_positions(connection: psycopg.Connection[Any]) -> list[tuple[float, float]]:
    """The positions with the most incidents around them, counted up to twice the size of a page."""
    rows = connection.execute(
        f"select ST_X(p.geom), ST_Y(p.geom), (select count(*) from (select from app.incidents i where i.geom &&"
        f" ST_Expand(p.geom, {SIDE_DEG / 2}) limit {2 * DENSE_COUNT}) near) as many"
        f" from (select geom from app.incidents where geom is not null order by md5(id::text) limit {10 * VARIANTS}) p"
        f" order by many desc limit {VARIANTS}"
    ).fetchall()
    return [(lon, lat) for lon, lat, _ in rows]


def _marker_addresses(connection: psycopg.Connection[Any]) -> list[str]:
    return [
        f"{number} + 50 m"
        for (number,) in connection.execute(
            "select number from app.markers where border = 'VN-KH' and position_source = 'survey'"
            f" order by md5(number) limit {VARIANTS}"
        ).fetchall()
    ]


def _box(lon: float, lat: float) -> Iterable[float]:
    half = SIDE_DEG / 2
    return lon - half, lat - half, lon + half, lat + half


def _items(*queries: dict[str, Any]) -> list[str]:
    return [f"/ogc/collections/incidents/items?{urlencode(query)}" for query in queries]


def _peers(*queries: dict[str, Any]) -> dict[str, Sequence[str]]:
    return {
        TIPG: [f"/collections/bench.incidents/items?{urlencode({'f': 'geojson', **query})}" for query in queries],
        PYGEOAPI: [f"/collections/incidents/items?{urlencode({'f': 'json', **query})}" for query in queries],
    }


def _tile(zoom: int, lon: float, lat: float) -> tuple[int, int, int]:
    """The Web Mercator tile of a position: zoom, column, row."""
    side = 1 << zoom
    north = math.asinh(math.tan(math.radians(lat)))
    return zoom, int((lon + 180) / 360 * side), int((1 - north / math.pi) / 2 * side)


def _tile_url(zoom: int, column: int, row: int) -> str:
    return f"/ogc/collections/incidents/tiles/WebMercatorQuad/{zoom}/{row}/{column}"


def _tipg_tile(zoom: int, column: int, row: int) -> str:
    query = urlencode({"properties": ",".join(("code", *CODED_PROPERTIES))})
    return f"/collections/bench.incidents/tiles/WebMercatorQuad/{zoom}/{column}/{row}?{query}"


def _incident(lon: float, lat: float) -> str:
    return json.dumps(
        {
            "category": "drainage",
            "severity": "low",
            "description": "Cống bị tắc, nước tràn qua đường tuần tra.",
            "geometry": {"type": "Point", "coordinates": [round(lon, 5), round(lat, 5)]},
        },
        ensure_ascii=False,
    )
