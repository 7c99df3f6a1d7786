"""Coordinate reference systems, coordinates and geometries. The only place with EPSG codes."""

from gis.crs.coordinates import Position
from gis.crs.geometry import ALLOWED_TYPES, COORDINATES_DEPTH, BBox, is_longitude_latitude, parse_bbox
from gis.crs.systems import (
    CRS,
    CRS84,
    CRS84_URI,
    EPSG_URI,
    OUTPUT_CRS,
    PROVINCIAL_WIDTH,
    WEB_MERCATOR,
    WGS84,
    ZONES,
    Zone,
    parse_epsg,
    zone_by_epsg,
    zone_by_meridian,
)

__all__ = [
    "ALLOWED_TYPES",
    "COORDINATES_DEPTH",
    "CRS",
    "CRS84",
    "CRS84_URI",
    "EPSG_URI",
    "OUTPUT_CRS",
    "PROVINCIAL_WIDTH",
    "WEB_MERCATOR",
    "WGS84",
    "ZONES",
    "BBox",
    "Position",
    "Zone",
    "is_longitude_latitude",
    "parse_bbox",
    "parse_epsg",
    "zone_by_epsg",
    "zone_by_meridian",
]
