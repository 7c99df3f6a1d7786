"""Validation of incoming geometries (GeoJSON, RFC 7946) and boxes, coordinate by coordinate.

PostGIS accepts NaN, empty and invalid geometries, and libraries repair silently; here each fault is reported instead.
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
"""Coordinates are rounded to 1e-7 degrees, about a centimetre."""

MIN_RING_POSITIONS = 4
"""The positions of the smallest ring: a triangle whose last position repeats the first (RFC 7946, 3.1.6)."""

MAX_ABSOLUTE_VALUE = 1e300
"""A larger number is refused like infinity: JSON integers are unbounded, floats are not."""

MAX_PROJECTED_M = 1e9
"""A larger projected coordinate lies on no point of the earth, in any supported projection."""

DENSIFY_SEGMENTS = 20
"""Before projection, edges are split to at most 1/20 of the longer side of the geometry's bounding box."""

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
    """Parse a GeoJSON geometry into a valid two-dimensional one of the declared ``geometry_type``.

    With ``degrees`` coordinates must be longitude and latitude in WGS 84; without, the caller knows the CRS.
    Raises ``Invalid`` for the field ``name`` with one of the codes type, nan, out_of_range, maybe_swapped, null_island,
    too_complex, empty, self_intersection and ring; nothing is swapped or repaired silently.
    """
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise invalid(name, "type", "Hình học phải là một đối tượng GeoJSON", "The geometry must be a GeoJSON object")
    type_name = value["type"]
    if type_name not in ALLOWED_TYPES[geometry_type]:
        allowed = ", ".join(sorted(ALLOWED_TYPES[geometry_type]))
        raise invalid(name, "type", f"Kiểu hình học phải là {allowed}", f"The geometry must be of type {allowed}")
    coordinates = value.get("coordinates")
    points = list(_positions(coordinates, COORDINATES_DEPTH[type_name], name))
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
        geometry = shape({"type": type_name, "coordinates": _round_coordinates(coordinates)})
    except (ValueError, TypeError, shapely.errors.GEOSException):
        raise invalid(
            name,
            "ring",
            "Đường bao của vùng chưa khép kín hoặc thiếu điểm",
            "The ring of a polygon is open or has too few points",
        ) from None
    if geometry.is_empty or (type_name != "Point" and geometry.length == 0 and "Point" not in type_name):
        raise invalid(name, "empty", "Hình học rỗng hoặc dài 0 m", "The geometry is empty or has no length")
    if not geometry.is_valid:
        why = shapely.is_valid_reason(geometry)
        raise invalid(name, "self_intersection", f"Hình học tự cắt: {why}", f"The geometry is not valid: {why}")
    return geometry


def geometry_to_wgs84(
    geometry: BaseGeometry, crs: CRS, *, name: str = "geometry", densify: bool = True
) -> BaseGeometry:
    """Transform a geometry from ``crs``, in the axis order of ``crs``, to longitude and latitude in WGS 84.

    An edge that is straight in a projection is curved in WGS 84, so long edges are split unless ``densify`` is off.
    Raises ``Invalid`` with the code out_of_range if the result is not on the earth or not valid.
    """
    if crs.epsg != WGS84 and densify and geometry.length > 0:
        west, south, east, north = geometry.bounds
        if max(abs(west), abs(south), abs(east), abs(north)) > MAX_PROJECTED_M:
            raise _outside_crs(name)
        geometry = shapely.segmentize(geometry, max(east - west, north - south) / DENSIFY_SEGMENTS)

    def to_lon_lat(pairs: Any) -> Any:
        first, second = (pairs[:, 1], pairs[:, 0]) if crs.latitude_first else (pairs[:, 0], pairs[:, 1])
        lon, lat = (first, second) if crs.epsg == WGS84 else to_wgs84(first, second, crs.epsg)
        return np.column_stack((lon, lat)).round(DECIMALS)

    transformed: BaseGeometry = shapely.transform(geometry, to_lon_lat)
    vertices = shapely.get_coordinates(transformed)
    on_earth = np.isfinite(vertices).all() and (abs(vertices) <= (180, 90)).all()
    if not on_earth or not transformed.is_valid:
        raise _outside_crs(name)
    return transformed


BBox = tuple[float, float, float, float]
"""West, south, east, north. In degrees, a box with west > 0 > east crosses the antimeridian."""


def parse_bbox(numbers: Sequence[Any], crs: CRS, *, name: str = "bbox") -> BBox:
    """Parse a box of four numbers, or of six with heights, which are ignored, in the axis order of ``crs``.

    Raises ``Invalid`` with the code box.
    """
    flat = [float(number) for number in numbers if isinstance(number, int | float) and not isinstance(number, bool)]
    if len(flat) == len(numbers) == 6 and all(map(math.isfinite, flat)):  # noqa: PLR2004
        flat = [flat[0], flat[1], flat[3], flat[4]]
    if len(flat) != 4 or len(numbers) not in (4, 6) or not all(abs(number) < MAX_ABSOLUTE_VALUE for number in flat):  # noqa: PLR2004
        raise invalid(name, "box", "phải gồm bốn số: tây,nam,đông,bắc", "four numbers: west,south,east,north")
    west, south, east, north = (flat[index] for index in ((1, 0, 3, 2) if crs.latitude_first else (0, 1, 2, 3)))
    degrees = is_geographic(crs.epsg)
    crosses_antimeridian = degrees and west > 0 > east  # any other box with west > east is a mistake
    if south > north or (west > east and not crosses_antimeridian):
        raise invalid(name, "box", "phải có tây ≤ đông, nam ≤ bắc", "west ≤ east, south ≤ north")
    if degrees and not (abs(west) <= 180 and abs(east) <= 180 and south >= -90 and north <= 90):  # noqa: PLR2004
        raise invalid(name, "box", "nằm ngoài phạm vi kinh độ, vĩ độ", "outside the range of longitude and latitude")
    return west, south, east, north


def bbox_to_geometry(bbox: BBox, epsg: int, *, name: str = "bbox") -> BaseGeometry:
    """A box as a polygon in WGS 84; two polygons if it crosses the antimeridian. Raises ``Invalid``."""
    west, south, east, north = bbox
    halves = [bbox] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]
    polygons = [geometry_to_wgs84(shapely.box(*half).envelope, CRS(epsg), name=name) for half in halves]
    return polygons[0] if len(polygons) == 1 else shapely.union_all(polygons)


def _outside_crs(name: str) -> Invalid:
    return invalid(
        name,
        "out_of_range",
        "Tọa độ nằm ngoài phạm vi của hệ tọa độ đã nêu",
        "The coordinates are outside the area of the coordinate reference system",
    )


def is_longitude_latitude(lon: float, lat: float) -> bool:
    """Whether both are finite and within ±180° and ±90°."""
    return math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90  # noqa: PLR2004


def _positions(value: Any, depth: int, name: str) -> Iterator[list[float]]:
    """The positions of a ``coordinates`` array, which must be nested exactly ``depth`` deep. Raises ``Invalid``."""
    if not isinstance(value, list):
        raise invalid(name, "type", "Tọa độ phải là mảng số", "Coordinates must be arrays of numbers")
    if depth > 0:
        for item in value:
            yield from _positions(item, depth - 1, name)
        return
    numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in value)
    if len(value) not in (2, 3) or not numbers:
        raise invalid(
            name, "type", "Mỗi điểm gồm hai số: kinh độ, vĩ độ", "A position is two numbers: longitude, latitude"
        )
    yield value


def _check_position(point: list[float], name: str, *, degrees: bool) -> None:
    """Raise ``Invalid`` for a position that is not finite, is 0, 0 or, in ``degrees``, is not on the earth."""
    lon, lat = point[0], point[1]
    # NaN fails this too, because it is not less than anything.
    if not (abs(lon) < MAX_ABSOLUTE_VALUE and abs(lat) < MAX_ABSOLUTE_VALUE):
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
    """The rings of a Polygon or MultiPolygon, to be checked because shapely closes an open ring silently."""
    match value["type"]:
        case "Polygon":
            return list(value["coordinates"])
        case "MultiPolygon":
            return [ring for polygon in value["coordinates"] for ring in polygon]
        case _:
            return []


def _round_coordinates(value: Any) -> Any:
    if value and not isinstance(value[0], list):
        return [round(value[0], DECIMALS), round(value[1], DECIMALS)]
    return [_round_coordinates(item) for item in value]
