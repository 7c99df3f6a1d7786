"""Coordinate reference systems, coordinates and geometries. Only ``systems`` contains EPSG codes."""

from gis.crs.coordinates import VIETNAM, Extent, Position
from gis.crs.geometry import ALLOWED_TYPES, COORDINATES_DEPTH, BBox, is_longitude_latitude, parse_bbox
from gis.crs.position_parser import parse_position
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
    "VIETNAM",
    "WEB_MERCATOR",
    "WGS84",
    "ZONES",
    "BBox",
    "Extent",
    "Position",
    "Zone",
    "is_longitude_latitude",
    "parse_bbox",
    "parse_epsg",
    "parse_position",
    "zone_by_epsg",
    "zone_by_meridian",
]
