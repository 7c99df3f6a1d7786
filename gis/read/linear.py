"""Linear referencing (ISO 19148): a route is a measured line, and a position on it is a chainage in metres.

A route is stored twice: whole as a LineStringM in WGS 84, whose M is the geodesic distance from its start in metres,
and as short segments in UTM with a GiST index, to find the nearest point. Planar calculation in degrees would be wrong
by metres to kilometres; this way chainages are exact to a millimetre, and a query takes less than a millisecond.
"""

from dataclasses import dataclass
from typing import Any

from geoalchemy2 import Geometry
from psycopg import sql
from sqlalchemy import Float, Index, Integer, Text as SqlText, text
from sqlalchemy.orm import Mapped, mapped_column

from gis.crs.systems import UTM_48N, WGS84
from gis.db.pool import BoundQuery
from gis.db.reader import Reader
from gis.db.session import Session
from gis.model.children import UnjournalledRecord
from gis.model.fields import Level, LevelType
from gis.text.sql_files import SqlFile

MAX_VERTEX_SPACING_M = 500
"""The maximum distance between vertices, so that interpolated points are within a millimetre of the geodesic."""

CHAINAGE_TOLERANCE_M = 0.1

SEGMENT_EDGES = 14
"""The edges of a segment; adjacent segments share a vertex."""


class Route(UnjournalledRecord, table="routes", read_level=Level.PUBLIC):
    """A whole measured line."""

    name: Mapped[str] = mapped_column(SqlText, primary_key=True)
    geom: Mapped[Any] = mapped_column(Geometry("LINESTRINGM", srid=WGS84, dimension=3, spatial_index=False))
    length_m: Mapped[float] = mapped_column(Float)
    level: Mapped[Level] = mapped_column(LevelType, server_default=text("'public'"))


class Segment(UnjournalledRecord, table="route_segments", read_level=Level.PUBLIC):
    """A short piece of a route in UTM, to find the nearest point: the ``n``-th, from chainage ``m0`` to ``m1``."""

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
    """The projection of a point onto a route: chainage and geodesic distance in metres, and the foot in WGS 84."""

    route: str
    chainage_m: float
    distance_m: float
    lon: float
    lat: float


SQL = SqlFile(__file__)

BUILD_ROUTE = text(SQL.text("build_route", wgs84=WGS84, max_vertex_spacing=MAX_VERTEX_SPACING_M))
BUILD_SEGMENTS = text(SQL.text("build_segments", utm=UTM_48N, edges=SEGMENT_EDGES))
LOCATE_ON_ROUTE = SQL.text("locate", wgs84=WGS84, utm=UTM_48N, routes=sql.SQL("route = %(route)s"))
LOCATE_ON_ANY_ROUTE = SQL.text("locate", wgs84=WGS84, utm=UTM_48N, routes=sql.SQL("true"))
POINT_AT_SQL = SQL.text("point_at", wgs84=WGS84, tolerance=CHAINAGE_TOLERANCE_M)
SECTION_SQL = SQL.text("section")


def build_route(session: Session, route: str, pieces: list[str], level: Level = Level.PUBLIC) -> float:
    """Build or replace a route from its pieces, WKT LineStrings in WGS 84, end to end; returns its length in metres.

    ``level`` has to be that of the most restricted piece, since the route discloses the geometry of all of them.
    """
    session.execute(text("delete from app.route_segments where route = :route"), {"route": route})
    session.execute(BUILD_ROUTE, {"route": route, "pieces": pieces, "level": level.value})
    session.execute(BUILD_SEGMENTS, {"route": route, "level": level.value})
    return route_length(session, route) or 0.0


def route_length(session: Session, route: str) -> float | None:
    """The geodesic length of a route in metres, or None if it does not exist or is hidden."""
    length = session.execute(text("select length_m from app.routes where name = :route"), {"route": route}).scalar()
    return None if length is None else float(length)


async def station(reader: Reader, lon: float, lat: float, route: str | None = None) -> Station | None:
    """The nearest point on ``route``, or on any route; None if there is no route."""
    query, parameters = (LOCATE_ON_ANY_ROUTE, {}) if route is None else (LOCATE_ON_ROUTE, {"route": route})
    rows = await reader.fetch(BoundQuery(query, {"lon": lon, "lat": lat, **parameters}, prepared=True))
    return Station(rows[0][0].decode(), *rows[0][1:]) if rows else None


async def point_at(reader: Reader, route: str, chainage_m: float) -> tuple[float, float] | None:
    """Longitude and latitude of a chainage; None if it is more than 0.1 m (their precision) beyond an end."""
    rows = await reader.fetch(BoundQuery(POINT_AT_SQL, {"route": route, "m": chainage_m}, prepared=True))
    return (rows[0][0], rows[0][1]) if rows else None


async def section(reader: Reader, route: str, start_m: float, end_m: float) -> dict[str, Any] | None:
    """The piece of a route between two chainages as a GeoJSON geometry; None if it is empty."""
    if start_m == end_m:
        return None
    values = {"route": route, "a": start_m, "b": end_m}
    rows = await reader.fetch(BoundQuery(SECTION_SQL, values, prepared=True))
    geometry = rows[0][0] if rows else None
    return geometry if geometry and geometry.get("coordinates") else None


OUTLINE_TOLERANCE_DEGREES = 0.001
"""About 100 m: the simplification of a route at small scales."""

ROUTE_OUTLINE = text(SQL.text("outline", tolerance=OUTLINE_TOLERANCE_DEGREES))
ROUTE_IN_BBOX = text(SQL.text("in_bbox", wgs84=WGS84))


def route_outline(
    session: Session, route: str, bbox: tuple[float, float, float, float] | None = None
) -> dict[str, Any] | None:
    """A route for drawing, as GeoJSON: simplified, or with every vertex within a box (west, south, east, north)."""
    if bbox is None:
        outline = session.execute(ROUTE_OUTLINE, {"route": route}).scalar()
    else:
        corners = dict(zip(("west", "south", "east", "north"), bbox, strict=True))
        outline = session.execute(ROUTE_IN_BBOX, {"route": route, **corners}).scalar()
    return outline if outline and outline.get("coordinates") else None
