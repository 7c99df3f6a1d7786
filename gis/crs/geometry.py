"""Geometry as it comes in: GeoJSON (RFC 7946), judged coordinate by coordinate before anything is built from it.

PostGIS accepts NaN, empty and invalid shapes, and libraries mend silently; here each fault is named instead.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from gis.crs.systems import CRS, WGS84, is_geographic, to_wgs84
from gis.text.errors import Invalid, invalid

MAX_VERTICES = 20_000
DECIMALS = 7
"""Coordinates are kept to 1e-7 degrees, about a centimetre."""

MIN_RING_POSITIONS = 4
"""Positions: a triangle, and its beginning again."""

MAX_ABSOLUTE_VALUE = 1e300
"""Beyond, a number is as good as infinite; JSON's whole numbers know no bounds, and floats do."""

MAX_PROJECTED_M = 1e9
"""No projection puts anything on the earth farther from its origin."""

DENSIFY_SEGMENTS = 20
"""Into how many pieces the longest edge of a shape is cut before it is projected."""

COORDINATES_DEPTH = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
ALLOWED_TYPES = {
    "POINT": {"Point"},
    "LINESTRING": {"LineString"},
    "POLYGON": {"Polygon"},
    "GEOMETRY": {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"},
}


def parse_geojson(
    value: Any, geometry_type: str = "GEOMETRY", *, name: str = "geometry", degrees: bool = True
) -> BaseGeometry:
    """A GeoJSON geometry as a valid two-dimensional shape of the declared ``kind``.

    Coordinates are WGS 84 ``degrees``, or the metres of a projection that the caller knows.

    Raises ``Invalid`` with the code ``missing type nan out_of_range maybe_swapped null_island too_complex
    empty self_intersection ring`` when it is not acceptable; nothing is swapped or mended silently.
    """
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise invalid(name, "type", "Hình học phải là một đối tượng GeoJSON", "The geometry must be a GeoJSON object")
    given = value["type"]
    if given not in ALLOWED_TYPES[geometry_type]:
        allowed = ", ".join(sorted(ALLOWED_TYPES[geometry_type]))
        raise invalid(name, "type", f"Kiểu hình học phải là {allowed}", f"The geometry must be of type {allowed}")
    coordinates = value.get("coordinates")
    points = list(_positions(coordinates, COORDINATES_DEPTH[given], name))
    if not points:
        raise invalid(name, "empty", "Hình học không có tọa độ nào", "The geometry has no coordinates")
    if len(points) > MAX_VERTICES:
        raise invalid(
            name, "too_complex", f"Hình học quá {MAX_VERTICES} đỉnh", f"The geometry has over {MAX_VERTICES} vertices"
        )
    for point in points:
        _check_position(point, name, degrees=degrees)
    try:
        if not all(len(ring) >= MIN_RING_POSITIONS and ring[0] == ring[-1] for ring in _rings(value)):
            raise ValueError("open ring")
        built = shape({"type": given, "coordinates": _round_coordinates(coordinates)})
    except (ValueError, TypeError, shapely.errors.GEOSException):
        raise invalid(
            name,
            "ring",
            "Đường bao của vùng chưa khép kín hoặc thiếu điểm",
            "The ring of a polygon is open or has too few points",
        ) from None
    if built.is_empty or (given != "Point" and built.length == 0 and "Point" not in given):
        raise invalid(name, "empty", "Hình học rỗng hoặc dài 0 m", "The geometry is empty or has no length")
    if not built.is_valid:
        why = shapely.is_valid_reason(built)
        raise invalid(name, "self_intersection", f"Hình học tự cắt: {why}", f"The geometry is not valid: {why}")
    return built


def geometry_to_wgs84(
    geometry: BaseGeometry, crs: CRS, *, name: str = "geometry", densify: bool = True
) -> BaseGeometry:
    """A shape written in ``crs``, in that system's axis order, as longitude and latitude.

    An edge that is straight in a projection is not so on the globe: ``bent`` gives long ones the points they need.
    Raises ``Invalid`` with the code ``out_of_range`` for what lies nowhere on the earth.
    """
    if crs.epsg != WGS84 and densify and geometry.length > 0:
        west, south, east, north = geometry.bounds
        if max(abs(west), abs(south), abs(east), abs(north)) > MAX_PROJECTED_M:
            raise _outside_crs(name)
        geometry = shapely.segmentize(geometry, max(east - west, north - south) / DENSIFY_SEGMENTS)

    def degrees(pairs: Any) -> Any:
        first, second = (pairs[:, 1], pairs[:, 0]) if crs.latitude_first else (pairs[:, 0], pairs[:, 1])
        lon, lat = (first, second) if crs.epsg == WGS84 else to_wgs84(first, second, crs.epsg)
        return np.column_stack((lon, lat)).round(DECIMALS)

    found: BaseGeometry = shapely.transform(geometry, degrees)
    corners = shapely.get_coordinates(found)
    on_earth = np.isfinite(corners).all() and (abs(corners) <= (180, 90)).all()
    if not on_earth or not found.is_valid:
        raise _outside_crs(name)
    return found


BBox = tuple[float, float, float, float]
"""West, south, east, north. One of degrees from the eastern hemisphere to the western reaches over the antimeridian."""


def parse_bbox(numbers: Sequence[Any], crs: CRS, *, name: str = "bbox") -> BBox:
    """A box of four numbers, or of six with heights, which are not kept, as they stand in the axis order of ``crs``.

    Raises ``Invalid`` with the code ``box``.
    """
    flat = [float(one) for one in numbers if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(flat) == len(numbers) == 6 and all(map(math.isfinite, flat)):  # noqa: PLR2004
        flat = [flat[0], flat[1], flat[3], flat[4]]
    if len(flat) != 4 or len(numbers) not in (4, 6) or not all(abs(one) < MAX_ABSOLUTE_VALUE for one in flat):  # noqa: PLR2004
        raise invalid(name, "box", "bốn số: tây,nam,đông,bắc", "four numbers: west,south,east,north")
    west, south, east, north = (flat[at] for at in ((1, 0, 3, 2) if crs.latitude_first else (0, 1, 2, 3)))
    degrees = is_geographic(crs.epsg)
    around = degrees and west > 0 > east  # elsewhere, west beyond east is a slip
    if south > north or (west > east and not around):
        raise invalid(name, "box", "tây ≤ đông, nam ≤ bắc", "west ≤ east, south ≤ north")
    if degrees and not (abs(west) <= 180 and abs(east) <= 180 and south >= -90 and north <= 90):  # noqa: PLR2004
        raise invalid(name, "box", "nằm ngoài phạm vi kinh độ, vĩ độ", "outside the range of longitude and latitude")
    return west, south, east, north


def bbox_to_geometry(bbox: BBox, epsg: int, *, name: str = "bbox") -> BaseGeometry:
    """A box as a shape in WGS 84: two where it reaches over the antimeridian. Raises ``Invalid``."""
    west, south, east, north = bbox
    halves = [bbox] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]
    found = [geometry_to_wgs84(shapely.box(*half).envelope, CRS(epsg), name=name) for half in halves]
    return found[0] if len(found) == 1 else shapely.union_all(found)


def _outside_crs(name: str) -> Invalid:
    return invalid(
        name,
        "out_of_range",
        "Tọa độ nằm ngoài phạm vi của hệ tọa độ đã nêu",
        "The coordinates lie outside the coordinate reference system that was named",
    )


def is_longitude_latitude(lon: float, lat: float) -> bool:
    """Whether both are finite and in their range."""
    return math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90  # noqa: PLR2004


def _positions(value: Any, depth: int, name: str) -> Iterator[list[float]]:
    """Every position in a coordinates array of known depth; walks no deeper than the type allows."""
    if not isinstance(value, list):
        raise invalid(name, "type", "Tọa độ phải là mảng số", "Coordinates must be arrays of numbers")
    if depth > 0:
        for one in value:
            yield from _positions(one, depth - 1, name)
        return
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    if len(value) not in (2, 3) or not numbers:
        raise invalid(
            name, "type", "Mỗi điểm gồm hai số: kinh độ, vĩ độ", "A position is two numbers: longitude, latitude"
        )
    yield value


def _check_position(point: list[float], name: str, *, degrees: bool) -> None:
    lon, lat = point[0], point[1]
    if not (
        abs(lon) < MAX_ABSOLUTE_VALUE and abs(lat) < MAX_ABSOLUTE_VALUE
    ):  # nor NaN, which is not less than anything
        raise invalid(name, "nan", "Tọa độ không phải là số hợp lệ", "Coordinates are not valid numbers")
    if degrees and not is_longitude_latitude(lon, lat):
        raise _out_of_range(lon, lat, name)
    if lon == 0 and lat == 0:
        raise invalid(name, "null_island", "Tọa độ 0, 0 không phải là một vị trí", "0, 0 is not a position")


def _out_of_range(lon: float, lat: float, name: str) -> Invalid:
    if is_longitude_latitude(lat, lon):
        return invalid(
            name, "maybe_swapped", "Có thể đã đảo kinh độ và vĩ độ", "Longitude and latitude may have been swapped"
        )
    return invalid(
        name,
        "out_of_range",
        "Kinh độ từ -180 đến 180, vĩ độ từ -90 đến 90",
        "Longitude is -180 to 180, latitude -90 to 90",
    )


def _rings(value: dict[str, Any]) -> list[list[list[float]]]:
    """The rings of a polygon or of several; shapely would close an open one silently."""
    match value["type"]:
        case "Polygon":
            return list(value["coordinates"])
        case "MultiPolygon":
            return [ring for one in value["coordinates"] for ring in one]
        case _:
            return []


def _round_coordinates(value: Any) -> Any:
    if value and not isinstance(value[0], list):
        return [round(value[0], DECIMALS), round(value[1], DECIMALS)]
    return [_round_coordinates(one) for one in value]
