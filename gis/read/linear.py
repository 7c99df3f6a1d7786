"""Linear referencing (ISO 19148): a route is a measured line, a place on it is a chainage in metres.

A route is stored twice: whole as a LineStringM in WGS 84 whose M is geodesic metres from its beginning, and cut into
short segments in UTM under a GiST index for locating. Planar longitude and latitude would err by metres to
kilometres; with both, chainage is right to a millimetre and a look-up takes a fraction of one.
"""

from dataclasses import dataclass
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import Float, Index, Integer, Text as SqlText, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.crs.systems import UTM_48N, WGS84
from gis.db.pool import BoundQuery, QueryGenerator
from gis.model.children import UnjournalledRecord
from gis.model.fields import Level, LevelType
from gis.read.execution import run_queries

MAX_VERTEX_SPACING_M = 500
"""Vertices stand at most this far apart, so that a point at a measure lies within a millimetre of the geodesic."""

CHAINAGE_TOLERANCE_M = 0.1

SEGMENT_EDGES = 14
"""A segment has this many edges; neighbours share their end."""


class Route(UnjournalledRecord, table="routes", read_level=Level.PUBLIC):
    """One whole measured line, such as the boundary with one neighbour."""

    name: Mapped[str] = mapped_column(SqlText, primary_key=True)
    geom: Mapped[Any] = mapped_column(Geometry("LINESTRINGM", srid=WGS84, dimension=3, spatial_index=False))
    length_m: Mapped[float] = mapped_column(Float)
    level: Mapped[Level] = mapped_column(LevelType, server_default=text("'public'"))


class Segment(UnjournalledRecord, table="route_segments", read_level=Level.PUBLIC):
    """A short piece of a route in UTM metres, with M kept, for finding the nearest place on it."""

    __table_args__ = (
        Index("ix_route_segments_utm", "utm", postgresql_using="gist"),
        Index("ix_route_segments_route_m0", "route", "m0"),
    )

    route: Mapped[str] = mapped_column(SqlText, primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    m0: Mapped[float] = mapped_column(Float)
    m1: Mapped[float] = mapped_column(Float)
    utm: Mapped[Any] = mapped_column(Geometry("LINESTRINGM", srid=UTM_48N, dimension=3, spatial_index=False))
    level: Mapped[Level] = mapped_column(LevelType, server_default=text("'public'"))


@dataclass(frozen=True)
class Station:
    """Where a point stands beside a route: its chainage, its geodesic distance from the line, the foot on the line."""

    route: str
    chainage_m: float
    distance_m: float
    lon: float
    lat: float


BUILD_ROUTE = text(f"""
with pieces as (
    select row_number() over () as n, one.geom from unnest(cast(:pieces as text[])) as given (wkt),
        lateral (select ST_SetSRID(ST_GeomFromText(given.wkt), {WGS84}) as geom) one
), points as (
    select n, (ST_DumpPoints(ST_Segmentize(geom::geography, {MAX_VERTEX_SPACING_M})::geometry)).* from pieces
), chained as (
    select n, path[1] as k, geom, lag(geom) over (order by n, path[1]) as before from points
), measured as (
    select n, k, geom, sum(coalesce(ST_Distance(geom::geography, before::geography), 0))
        over (order by n, k) as m, before is null or not ST_Equals(geom, before) as moved from chained
), line as (
    select ST_SetSRID(ST_MakeLine(ST_MakePointM(ST_X(geom), ST_Y(geom), m) order by n, k), {WGS84}) as geom, max(m) as m
    from measured where moved
)
insert into app.routes (name, geom, length_m, level) select :route, geom, m, cast(:level as app.level) from line
on conflict (name) do update set geom = excluded.geom, length_m = excluded.length_m, level = excluded.level
""")

BUILD_SEGMENTS = text(f"""
with points as (
    select (one).path[1] - 1 as i, (one).geom from
        (select ST_DumpPoints(ST_Transform(geom, {UTM_48N})) as one from app.routes where name = :route) dumped
), members as (
    select i / {SEGMENT_EDGES} as k, i, geom from points
    union all select i / {SEGMENT_EDGES} - 1, i, geom from points where i > 0 and i % {SEGMENT_EDGES} = 0
), pieces as (
    select k, ST_MakeLine(geom order by i) as piece from members group by k having count(*) > 1
)
insert into app.route_segments (route, n, m0, m1, utm, level)
select :route, k, ST_M(ST_StartPoint(piece)), ST_M(ST_EndPoint(piece)), piece, cast(:level as app.level) from pieces
""")

LOCATE_SQL = """
with p as materialized (
    select ST_Transform(ST_SetSRID(ST_MakePoint(%(lon)s::float8, %(lat)s::float8), {wgs84}), {utm}) as g,
        ST_SetSRID(ST_MakePoint(%(lon)s::float8, %(lat)s::float8), {wgs84})::geography as here
), foot as (
    select s.route, ST_InterpolatePoint(s.utm, p.g) as m, p.here,
        ST_Transform(ST_Force2D(ST_ClosestPoint(s.utm, p.g)), {wgs84}) as foot
    from p cross join lateral (select route, utm from app.route_segments {where} order by utm <-> p.g limit 1) s
)
select route, m, ST_Distance(foot::geography, here), ST_X(foot), ST_Y(foot) from foot
"""

LOCATE_ON_ROUTE = LOCATE_SQL.format(wgs84=WGS84, utm=UTM_48N, where="where route = %(route)s")
LOCATE_ON_ANY_ROUTE = LOCATE_SQL.format(wgs84=WGS84, utm=UTM_48N, where="")

POINT_AT_SQL = f"""
select ST_X(g), ST_Y(g) from (
    select ST_Transform(ST_Force2D(ST_GeometryN(ST_LocateAlong(piece.utm, place.m), 1)), {WGS84}) as g
    from (
        select greatest(least(%(m)s::float8, length_m), 0) as m from app.routes
        where name = %(route)s and %(m)s::float8 between -{CHAINAGE_TOLERANCE_M} and length_m + {CHAINAGE_TOLERANCE_M}
    ) place cross join lateral (
        select utm from app.route_segments where route = %(route)s and m0 <= place.m order by m0 desc limit 1
    ) piece
) at where g is not null
"""

SECTION_SQL = """
select ST_AsGeoJSON(ST_LineMerge(ST_CollectionExtract(ST_Force2D(
    ST_LocateBetween(geom, least(%(a)s::float8, %(b)s::float8), greatest(%(a)s::float8, %(b)s::float8))), 2)), 7)::jsonb
from app.routes where name = %(route)s
"""


def build_route(session: Session, route: str, pieces: list[str], level: Level = Level.PUBLIC) -> float:
    """Measure a route from its pieces, WKT LineStrings in WGS 84, end to end; returns its length in metres.

    ``level`` is that of the most restricted piece: what is measured is no more open than what it is measured from.
    """
    session.execute(text("delete from app.route_segments where route = :route"), {"route": route})
    session.execute(BUILD_ROUTE, {"route": route, "pieces": pieces, "level": level.value})
    session.execute(BUILD_SEGMENTS, {"route": route, "level": level.value})
    return route_length(session, route) or 0.0


def route_length(session: Session, route: str) -> float | None:
    """The length of a route in geodesic metres; None when it is not there."""
    found = session.execute(text("select length_m from app.routes where name = :route"), {"route": route}).scalar()
    return None if found is None else float(found)


def station(session: Session, lon: float, lat: float, route: str | None = None) -> Station | None:
    """The nearest place on ``route``, or on any route; None when there is no route."""
    return run_queries(session, station_queries(lon, lat, route))


def station_queries(lon: float, lat: float, route: str | None = None) -> QueryGenerator[Station | None]:
    """The question of ``station``."""
    sql, named = (LOCATE_ON_ANY_ROUTE, {}) if route is None else (LOCATE_ON_ROUTE, {"route": route})
    rows = yield BoundQuery(sql, {"lon": lon, "lat": lat, **named}, prepared=True)
    return Station(rows[0][0].decode(), *rows[0][1:]) if rows else None


def point_at(session: Session, route: str, chainage_m: float) -> tuple[float, float] | None:
    """Longitude and latitude of a chainage; None beyond the ends, to the decimetre that chainages are kept to."""
    return run_queries(session, point_at_queries(route, chainage_m))


def point_at_queries(route: str, chainage_m: float) -> QueryGenerator[tuple[float, float] | None]:
    """The question of ``point_at``."""
    rows = yield BoundQuery(POINT_AT_SQL, {"route": route, "m": chainage_m}, prepared=True)
    return rows[0] if rows else None


def section_queries(route: str, start_m: float, end_m: float) -> QueryGenerator[dict[str, Any] | None]:
    """The piece of the route between two chainages as a GeoJSON LineString, along the line; None when it is empty."""
    if start_m == end_m:
        return None
    rows = yield BoundQuery(SECTION_SQL, {"route": route, "a": start_m, "b": end_m}, prepared=True)
    found = rows[0][0] if rows else None
    return found if found and found.get("coordinates") else None


OUTLINE_TOLERANCE_DEGREES = 0.001
"""About a hundred metres: what a small scale shows."""

ROUTE_OUTLINE = text(f"""
select ST_AsGeoJSON(ST_SimplifyPreserveTopology(ST_Force2D(geom), {OUTLINE_TOLERANCE_DEGREES}), 5)::jsonb
from app.routes where name = :route
""")

ROUTE_IN_BBOX = text(f"""
select ST_AsGeoJSON(ST_CollectionExtract(ST_Intersection(
    ST_Force2D(geom), ST_MakeEnvelope(:west, :south, :east, :north, {WGS84})), 2), 6)::jsonb
from app.routes where name = :route and geom && ST_MakeEnvelope(:west, :south, :east, :north, {WGS84})
""")


def route_outline(
    session: Session, route: str, bbox: tuple[float, float, float, float] | None = None
) -> dict[str, Any] | None:
    """A route for drawing: the whole at small scale, or every vertex within a box (west, south, east, north)."""
    if bbox is None:
        found = session.execute(ROUTE_OUTLINE, {"route": route}).scalar()
    else:
        corners = dict(zip(("west", "south", "east", "north"), bbox, strict=True))
        found = session.execute(ROUTE_IN_BBOX, {"route": route, **corners}).scalar()
    return found if found and found.get("coordinates") else None
