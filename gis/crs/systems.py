"""Coordinate reference systems: the only file with EPSG numbers.

Positions are stored in WGS 84. Coordinates in VN-2000, the national datum, are converted with one pinned
transformation: the seven parameters of Decision 05/2007/QĐ-BTNMT, which EPSG lists as operation 6960.
It is pinned because PROJ by default switches to another operation (EPSG 5194) south of 11.04° N, which silently
shifts positions there by 0.8 m, in the middle of a province.

Throughout this file *east* comes before *north*. Vietnamese documents write X for north and Y for east;
``gis.crs.position_parser`` handles that.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypedDict, TypeVar

from pyproj import Transformer
from pyproj.enums import TransformDirection

from gis.text.errors import invalid

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

WGS84 = 4326
WEB_MERCATOR = 3857
UTM_48N = 32648
UTM_49N = 32649
UTM_ZONE_NUMBERS = {UTM_48N: 48, UTM_49N: 49}
_UTM_BOUNDARY = 108.0
VN2000 = 4756
"""VN-2000 longitude and latitude."""

Ordinates = TypeVar("Ordinates", float, "NDArray[float64]")


PROVINCIAL_WIDTH: Final = 3
"""The width in degrees of the zones that provinces use."""


@dataclass(frozen=True)
class Zone:
    """A projection zone (múi chiếu) of VN-2000: transverse Mercator around a central meridian (kinh tuyến trục)."""

    epsg: int
    central_meridian: float
    """Degrees east."""
    width: Literal[3, 6]
    """Degrees: 3 for a province, 6 for small-scale maps."""
    false_easting: ClassVar[float] = 500_000.0
    """Metres."""

    @property
    def scale_factor(self) -> float:
        """The scale on the central meridian."""
        return {3: 0.9999, 6: 0.9996}[self.width]

    @property
    def meridian_label(self) -> str:
        """The central meridian as documents write it: ``105°45′``."""
        degrees, minutes = divmod(round(self.central_meridian * 60), 60)
        return f"{degrees}°{minutes:02}′" if minutes else f"{degrees}°"

    @property
    def proj_string(self) -> str:
        """The projection as a PROJ string."""
        return (
            f"+proj=tmerc +lat_0=0 +lon_0={self.central_meridian} +k={self.scale_factor}"
            f" +x_0={self.false_easting:.0f} +y_0=0 +ellps=WGS84"
        )


ZONES = (
    Zone(3405, 105.0, 6),
    Zone(3406, 111.0, 6),
    Zone(5896, 102.0, 3),
    Zone(9205, 103.0, 3),
    Zone(9206, 104.0, 3),
    Zone(9207, 104.5, 3),
    Zone(9208, 104.75, 3),
    Zone(5897, 105.0, 3),
    Zone(9209, 105.5, 3),
    Zone(9210, 105.75, 3),
    Zone(9211, 106.0, 3),
    Zone(9212, 106.25, 3),
    Zone(9213, 106.5, 3),
    Zone(9214, 107.0, 3),
    Zone(9215, 107.25, 3),
    Zone(9216, 107.5, 3),
    Zone(5899, 107.75, 3),
    Zone(5898, 108.0, 3),
    Zone(9217, 108.25, 3),
    Zone(9218, 108.5, 3),
)
_ZONE_BY_CODE = {zone.epsg: zone for zone in ZONES}


def zone_by_epsg(epsg: int) -> Zone | None:
    """The VN-2000 zone with this EPSG code, or None."""
    return _ZONE_BY_CODE.get(epsg)


def zone_by_meridian(meridian: float, width: int = PROVINCIAL_WIDTH) -> Zone | None:
    """The zone with exactly this width and central meridian in degrees, or None."""
    return next((zone for zone in ZONES if (zone.central_meridian, zone.width) == (meridian, width)), None)


def nearest_zone(lon: float) -> Zone:
    """The 3° zone with the nearest central meridian, although a province may prescribe another."""
    provincial = (zone for zone in ZONES if zone.width == PROVINCIAL_WIDTH)
    return min(provincial, key=lambda zone: abs(zone.central_meridian - lon))


def utm_epsg(lon: float) -> int:
    """The EPSG code of the UTM zone of a longitude within Vietnam (102° to 114°)."""
    return UTM_48N if lon < _UTM_BOUNDARY else UTM_49N


# QĐ 05/2007/QĐ-BTNMT: metres, seconds of arc, parts per million.
_SHIFT = (-191.90441429, -39.30318279, -111.45032835)
_ROTATION = (-0.00928836, 0.01975479, -0.00427372)
_SCALE_PPM = 0.252906278

# The decree uses the coordinate frame convention, ``+towgs84`` the position vector convention, in which the rotations
# have the opposite sign. With the wrong sign positions are off by 0.6 m.
_HELMERT = "+proj=helmert +convention=coordinate_frame +x={} +y={} +z={} +rx={} +ry={} +rz={} +s={}".format(
    *_SHIFT, *_ROTATION, _SCALE_PPM
)
_TOWGS84 = "+towgs84=" + ",".join(map(str, (*_SHIFT, *(-angle for angle in _ROTATION), _SCALE_PPM)))

# push and pop leave the height unchanged: positions are two-dimensional.
_TO_WGS84_DATUM = (
    "+step +proj=push +v_3"
    f" +step +proj=cart +ellps=WGS84 +step {_HELMERT} +step +inv +proj=cart +ellps=WGS84"
    " +step +proj=pop +v_3"
)
_TO_RADIANS = "+step +proj=unitconvert +xy_in=deg +xy_out=rad"
_TO_DEGREES = "+step +proj=unitconvert +xy_in=rad +xy_out=deg"

_PIPELINES = {
    WGS84: "+proj=noop",
    WEB_MERCATOR: f"+proj=pipeline +step +inv +proj=webmerc +ellps=WGS84 {_TO_DEGREES}",
    UTM_48N: f"+proj=pipeline +step +inv +proj=utm +zone=48 +ellps=WGS84 {_TO_DEGREES}",
    UTM_49N: f"+proj=pipeline +step +inv +proj=utm +zone=49 +ellps=WGS84 {_TO_DEGREES}",
    VN2000: f"+proj=pipeline {_TO_RADIANS} {_TO_WGS84_DATUM} {_TO_DEGREES}",
} | {zone.epsg: f"+proj=pipeline +step +inv {zone.proj_string} {_TO_WGS84_DATUM} {_TO_DEGREES}" for zone in ZONES}

SUPPORTED_EPSG = frozenset(_PIPELINES)
"""The EPSG codes that ``to_wgs84`` and ``from_wgs84`` accept."""


def is_geographic(epsg: int) -> bool:
    """Whether coordinates are in degrees, not metres."""
    return epsg in (WGS84, VN2000)


_EPSG_NAME = re.compile(
    r"(?:epsg:|urn:ogc:def:crs:epsg:[^:]*:|https?://www\.opengis\.net/def/crs/epsg/[^/]+/)([0-9]{1,6})", re.IGNORECASE
)
_CRS84_NAME = re.compile(
    r"(?:ogc:|urn:ogc:def:crs:ogc:[^:]*:|https?://www\.opengis\.net/def/crs/ogc/[^/]+/)?crs84", re.IGNORECASE
)


def parse_epsg(name: str) -> int:
    """The code of ``EPSG:9210`` or of an OGC URI or URN. Raises ``Invalid`` if it is not supported."""
    match = _EPSG_NAME.fullmatch(name.strip())
    return _require_supported(int(match[1]) if match else name)


def to_wgs84(east: Ordinates, north: Ordinates, epsg: int) -> tuple[Ordinates, Ordinates]:
    """Longitude and latitude of a position in ``epsg``; infinite where the projection is undefined.

    East and north are metres, or degrees for a geographic system; numbers or arrays. Raises ``Invalid`` for an
    unsupported code.
    """
    lon, lat = _transformer(_require_supported(epsg)).transform(east, north)
    return lon, lat


def from_wgs84(lon: Ordinates, lat: Ordinates, epsg: int) -> tuple[Ordinates, Ordinates]:
    """East and north in ``epsg`` of a longitude and latitude: the inverse of ``to_wgs84``."""
    east, north = _transformer(_require_supported(epsg)).transform(lon, lat, direction=TransformDirection.INVERSE)
    return east, north


@cache
def _transformer(epsg: int) -> Transformer:
    return Transformer.from_pipeline(_PIPELINES[epsg])


def _require_supported(epsg: int | str) -> int:
    if isinstance(epsg, int) and epsg in SUPPORTED_EPSG:
        return epsg
    raise invalid(
        "crs",
        "unknown_crs",
        f"Không nhận hệ tọa độ {epsg!s:.60}",
        f"Coordinate reference system {epsg!s:.60} is not supported",
        known=[f"EPSG:{code}" for code in sorted(SUPPORTED_EPSG)],
    )


CRS84_URI = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG_URI = "http://www.opengis.net/def/crs/EPSG/0/{}"


@dataclass(frozen=True)
class CRS:
    """A coordinate reference system with its axis order.

    CRS84 is WGS 84 with longitude first. The EPSG registry puts latitude first in geographic systems; in the projected
    systems supported here this class puts east before north.
    """

    epsg: int = WGS84
    latitude_first: bool = False

    @classmethod
    def parse(cls, name: str) -> "CRS":
        """Parse an OGC URI, a URN, ``EPSG:9210`` or ``[EPSG:9210]``. Raises ``Invalid`` if it is not supported."""
        name = name.strip()
        if name.startswith("[") and name.endswith("]"):  # a safe CURIE (OGC API)
            name = name[1:-1]
        if _CRS84_NAME.fullmatch(name):
            return cls()
        epsg = parse_epsg(name)
        return cls(epsg, latitude_first=is_geographic(epsg))

    @property
    def uri(self) -> str:
        """The OGC URI of the system."""
        return EPSG_URI.format(self.epsg) if self.latitude_first or self.epsg != WGS84 else CRS84_URI

    @property
    def decimals(self) -> int:
        """Decimals in output: 6 of a degree, about a decimetre, or 3 of a metre."""
        return 6 if is_geographic(self.epsg) else 3


CRS84 = CRS()
"""The storage CRS and that of GeoJSON (RFC 7946): WGS 84, longitude first."""

OUTPUT_CRS = (CRS84, *(CRS(epsg, latitude_first=is_geographic(epsg)) for epsg in sorted(SUPPORTED_EPSG)))
"""The systems in which features are offered, the storage CRS first."""


class SpatialReference(TypedDict):
    """A row of PostGIS's ``spatial_ref_sys``."""

    srid: int
    auth_name: str
    auth_srid: int
    srtext: None
    """None, so that PostGIS uses ``proj4text``."""
    proj4text: str


def postgis_srid(epsg: int) -> int:
    """The PostGIS SRID of this system with the pinned transformation.

    With PostGIS's own rows for VN-2000, PROJ chooses the transformation; Debian's PostGIS has no rows for the
    provincial zones.
    """
    return 900_000 + epsg if epsg == VN2000 or epsg in _ZONE_BY_CODE else _require_supported(epsg)


def spatial_ref_sys_rows() -> list[SpatialReference]:
    """The rows that a migration inserts into ``spatial_ref_sys``, one per VN-2000 code."""
    projections = {VN2000: "+proj=longlat +ellps=WGS84"} | {zone.epsg: zone.proj_string for zone in ZONES}
    return [
        {
            "srid": postgis_srid(epsg),
            "auth_name": "cotmoc",
            "auth_srid": epsg,
            "srtext": None,
            "proj4text": f"{projection} {_TOWGS84} +no_defs +type=crs",
        }
        for epsg, projection in projections.items()
    ]
