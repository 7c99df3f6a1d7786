"""Positions: the extent in which they are accepted, their distance, and how they read in the systems in use."""

from dataclasses import dataclass
from typing import Any

from pyproj import Geod

from gis.crs import systems
from gis.crs.systems import Zone, to_wgs84
from gis.text.i18n import Language, Text

MAX_MERIDIAN_DIFFERENCE = 2.0
"""Central meridians at most this many degrees apart are taken as possibly confused.

The provinces' central meridians moved by up to 1°45′ in 2025, and documents with old and new ones are in use."""

_ELLIPSOID = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Extent:
    """The area in which positions are accepted, in degrees of WGS 84.

    The ranges of longitude and latitude must not overlap, so that a value shows which of the two it is.
    """

    name: Text
    """As in "Outside of {name}"."""
    longitude: tuple[float, float]
    latitude: tuple[float, float]

    def contains(self, lon: float, lat: float) -> bool:
        """Whether a position lies in the area or on its edge."""
        return self.longitude[0] <= lon <= self.longitude[1] and self.latitude[0] <= lat <= self.latitude[1]

    @property
    def error_text(self) -> Text:
        """The message for a position outside of the area."""
        bounds = (*self.latitude, *self.longitude)
        return Text(
            "Ngoài {}: vĩ độ từ {:.0f} đến {:.0f}, kinh độ từ {:.0f} đến {:.0f}".format(self.name.vi, *bounds),
            "Outside of {}: latitude {:.0f} to {:.0f}, longitude {:.0f} to {:.0f}".format(self.name.en, *bounds),
        )


VIETNAM = Extent(Text("lãnh thổ đất liền Việt Nam", "mainland Vietnam"), (102.0, 110.0), (8.0, 24.0))
"""Mainland Vietnam and a margin around it."""


@dataclass(frozen=True)
class Position:
    """A position, with the text and the figures that it was parsed from."""

    lon: float
    """Degrees, WGS 84."""
    lat: float
    original: dict[str, Any]
    """``text`` as written, its ``crs``, ``x`` (northing or latitude) and ``y`` (easting or longitude) before
    transformation."""
    zone: Zone | None = None
    """The VN-2000 zone of the figures, if they were in one."""


def positions_in_other_zones(position: Position, *, extent: Extent = VIETNAM) -> list[tuple[Zone, float, float]]:
    """The positions that the same X and Y have in neighbouring zones: zone, longitude, latitude.

    Only zones of the same width and positions within ``extent`` are listed, the nearest central meridian first. The
    list is empty for a position that was not given in a VN-2000 zone.
    """
    own_zone = position.zone
    if own_zone is None:
        return []
    x, y = position.original["x"], position.original["y"]
    meridian_difference = {
        zone: abs(zone.central_meridian - own_zone.central_meridian)
        for zone in systems.ZONES
        if zone.width == own_zone.width and zone != own_zone
    }
    positions = [
        (zone, *to_wgs84(y, x, zone.epsg)) for zone in sorted(meridian_difference, key=meridian_difference.__getitem__)
    ]
    return [
        (zone, lon, lat)
        for zone, lon, lat in positions
        if meridian_difference[zone] <= MAX_MERIDIAN_DIFFERENCE and extent.contains(lon, lat)
    ]


def distance_m(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """The geodesic distance between two positions on the WGS 84 ellipsoid, in metres."""
    return float(_ELLIPSOID.inv(lon, lat, other_lon, other_lat)[2])


def in_all_crs(lon: float, lat: float, zone: Zone | None = None) -> dict[str, dict[str, Any]]:
    """The same point in WGS 84, UTM and VN-2000, metres to the millimetre.

    The VN-2000 zone is ``zone`` or else the 3° zone with the nearest central meridian.
    """
    zone = zone or systems.nearest_zone(lon)
    utm = systems.utm_epsg(lon)
    east, north = systems.from_wgs84(lon, lat, utm)
    y, x = systems.from_wgs84(lon, lat, zone.epsg)
    return {
        "wgs84": {"lon": round(lon, 8), "lat": round(lat, 8), "dms": format_dms(lon, lat)},
        "utm": {
            "crs": f"EPSG:{utm}",
            "zone": f"{systems.UTM_ZONE_NUMBERS[utm]}N",
            "east": round(east, 3),
            "north": round(north, 3),
        },
        "vn2000": {
            "crs": f"EPSG:{zone.epsg}",
            "central_meridian": zone.meridian_label,
            "width": zone.width,
            "x": round(x, 3),
            "y": round(y, 3),
        },
    }


def format_dms(lon: float, lat: float, language: Language = "en", decimals: int = 2) -> str:
    """``11°41′12.50″N 105°55′30.00″E``, or ``11°41′12,50″B 105°55′30,00″Đ`` in Vietnamese.

    Two decimals of a second are 0.3 m on the ground. Only for positions north of the equator and east of Greenwich.
    """
    north, east, point = ("B", "Đ", ",") if language == "vi" else ("N", "E", ".")

    def angle(degrees: float) -> str:
        # Whole units of the last decimal, so that 59.996″ is carried to the minute instead of shown as 60.00″.
        units = 10**decimals
        minutes, fraction = divmod(round(degrees * 3600 * units), 60 * units)
        seconds = f"{fraction / units:.{decimals}f}".replace(".", point)
        return f"{minutes // 60}°{minutes % 60:02}′{'0' * (fraction < 10 * units)}{seconds}″"

    return f"{angle(lat)}{north} {angle(lon)}{east}"
