"""Positions as people write them, and as they read them.

Taken are degrees, in decimals or minutes and seconds, with English (N, E) or Vietnamese (B, Đ) letters; UTM on
WGS 84; and VN-2000, where X is north and Y is east. What could be meant in two ways is refused with a hint,
never guessed. What is no coordinate at all is None, for then it may be an address.
"""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

from pyproj import Geod

from gis.crs import systems
from gis.crs.systems import VN2000, WGS84, Zone, to_wgs84, zone_by_epsg
from gis.text.errors import Invalid, invalid
from gis.text.folding import unaccented
from gis.text.i18n import Language, Text

LATITUDE_RANGE = (8.0, 24.0)
LONGITUDE_RANGE = (102.0, 110.0)
"""Where Vietnam's land borders lie, with room to spare. The two do not overlap, so either order is understood."""

MAX_MERIDIAN_DIFFERENCE = 2.0
"""Degrees between central meridians that are taken for one another.

The provinces' own moved by up to 1°45′ in 2025, and papers of both kinds are in use."""

MAX_TEXT_LENGTH = 200

_ELLIPSOID = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Position:
    """A place on the ground, with what was written for it."""

    lon: float
    """Degrees, WGS 84."""
    lat: float
    original: dict[str, Any]
    """``text`` as written, its ``crs``, and ``x`` (north or latitude) and ``y`` (east or longitude) as given."""
    zone: Zone | None = None
    """The zone of VN-2000 it was read in."""


def parse_position(text: str, crs: str | None = None) -> Position | None:
    """Read one position; ``crs``, such as ``EPSG:9210``, says what bare figures are in.

    None where ``text`` is no coordinate. ``Invalid`` where it is one that cannot be taken: outside of the
    border area, not finite, unclear, or in a system that is unknown, missing or contradicted by ``crs``.
    """
    asked = systems.parse_epsg(crs) if crs else None
    if len(text) > MAX_TEXT_LENGTH:
        return None
    stated, rest = _stated_crs(unaccented(text))
    figures = _coordinate_pair(rest)
    if figures is None:
        if stated is None:
            return None
        raise _position_error("unreadable")
    epsg = _resolve_crs(stated, asked, in_degrees=_both_in_degrees(*figures))
    x, y = _north_and_east(*figures, epsg)
    lon, lat = _lon_lat_in_extent(x, y, epsg)
    return Position(lon, lat, {"text": text, "crs": f"EPSG:{epsg}", "x": x, "y": y}, zone_by_epsg(epsg))


def positions_in_other_zones(position: Position) -> list[tuple[Zone, float, float]]:
    """Where the neighbouring central meridians would put the same X and Y: zone, longitude, latitude.

    The nearest meridian comes first. Only zones of the same width count, and only places within the border
    area; none at all for what was not read in a zone.
    """
    read_in = position.zone
    if read_in is None:
        return []
    x, y = position.original["x"], position.original["y"]
    apart = {
        zone: abs(zone.central_meridian - read_in.central_meridian)
        for zone in systems.ZONES
        if zone.width == read_in.width and zone != read_in
    }
    places = [(zone, *to_wgs84(y, x, zone.epsg)) for zone in sorted(apart, key=apart.__getitem__)]
    return [
        (zone, lon, lat) for zone, lon, lat in places if apart[zone] <= MAX_MERIDIAN_DIFFERENCE and _in_extent(lon, lat)
    ]


def distance_m(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Metres between two places along the ellipsoid."""
    return float(_ELLIPSOID.inv(lon, lat, other_lon, other_lat)[2])


def in_all_crs(lon: float, lat: float, zone: Zone | None = None) -> dict[str, dict[str, Any]]:
    """The same point in WGS 84, UTM and VN-2000 (``zone``, else the nearest of 3°); metres to the millimetre."""
    zone = zone or systems.nearest_zone(lon)
    utm = systems.utm_epsg(lon)
    east, north = systems.from_wgs84(lon, lat, utm)
    y, x = systems.from_wgs84(lon, lat, zone.epsg)
    return {
        "wgs84": {"lon": round(lon, 8), "lat": round(lat, 8), "dms": format_dms(lon, lat)},
        "utm": {
            "crs": f"EPSG:{utm}",
            "zone": next(name for name, epsg in _UTM_ZONES.items() if epsg == utm) + "N",
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

    Two decimals of a second are 0.3 m on the ground. For places north of the equator and east of Greenwich.
    """
    north, east, point = ("B", "Đ", ",") if language == "vi" else ("N", "E", ".")

    def angle(degrees: float) -> str:
        # Counted in whole units of the last decimal, so that 59.996″ becomes a minute and never 60.00″.
        units = 10**decimals
        minutes, fraction = divmod(round(degrees * 3600 * units), 60 * units)
        seconds = f"{fraction / units:.{decimals}f}".replace(".", point)
        return f"{minutes // 60}°{minutes % 60:02}′{'0' * (fraction < 10 * units)}{seconds}″"

    return f"{angle(lat)}{north} {angle(lon)}{east}"


# ── Which system the text states ──────────────────────────────────────────────────────────────────────
# All patterns read text without diacritics and in small letters.

_VN2000 = re.compile(
    r"""\(? \b vn \s?-?\s? 2000 \b [\s,;:]*
        (?: (?: (?:ktt|kinh\stuyen(?:\struc)?) [\s:]* )?
            (?P<degrees> 1[01][0-9](?:[.,][0-9]+)? ) (?: [\s°]\s?(?P<minutes>[0-9]{1,2})\s?'? | \s?° )? (?=[\s,;:)]|$)
        )? [\s,;:]* \)?""",
    re.VERBOSE,
)
_WIDTH = re.compile(r"\(?\s?\bmui(?:\schieu)?\s?(?P<width>[36])\b(?:\s?°|\sdo\b)?\s?\)?")
_UTM = re.compile(
    r"\butm\b[ ,/]*(?:wgs\s?-?\s?84[ ,/]*)?(?:zone |mui )?(?P<zone>[0-9]{1,2})(?:[npq]\b| [npq]\b(?!\s?[=:])|(?![0-9]))"
)
_UTM_UNNAMED = re.compile(r"^(?P<zone>[0-9]{1,2})\s?[npq][\s,:]+(?=.*[0-9]{5})")
_WGS84 = re.compile(r"\(?\bwgs\s?-?\s?(?:19)?84\b\)?")
_EPSG = re.compile(r"\(?\bepsg:(?P<code>[0-9]{1,6})\b\)?")
_UTM_ZONES = {"48": systems.UTM_48N, "49": systems.UTM_49N}


def _stated_crs(text: str) -> tuple[int | None, str]:
    """The system that the text names, and the text without that name. VN-2000 without a zone is its degrees."""
    if _VN2000.search(text):
        width, rest = _extract(_WIDTH, text)
        name, rest = _extract(_VN2000, rest)
        return _vn2000_epsg(name, int(width.get("width", systems.PROVINCIAL_WIDTH))), rest
    for pattern in (_UTM, _UTM_UNNAMED):
        if pattern.search(text):
            name, rest = _extract(pattern, text)
            if name["zone"] not in _UTM_ZONES:
                raise _position_error("unknown_zone", known=[f"UTM {zone}N" for zone in _UTM_ZONES])
            return _UTM_ZONES[name["zone"]], _extract(_WGS84, rest)[1]
    if _EPSG.search(text):
        name, rest = _extract(_EPSG, text)
        return systems.parse_epsg(f"EPSG:{name['code']}"), rest
    if _WGS84.search(text):
        return WGS84, _extract(_WGS84, text)[1]
    return None, text


def _extract(pattern: re.Pattern[str], text: str) -> tuple[dict[str, str], str]:
    """What the pattern's groups have found, and the text without it."""
    found = pattern.search(text)
    if not found:
        return {}, text
    groups = {name: value for name, value in found.groupdict().items() if value}
    return groups, f"{text[: found.start()].strip(' ,;:')} {text[found.end() :].strip(' ,;:')}".strip()


def _vn2000_epsg(name: dict[str, str], width: int) -> int:
    if "degrees" not in name:
        return VN2000
    zone = systems.zone_by_meridian(_parse_number(name["degrees"]) + int(name.get("minutes", 0)) / 60, width)
    if zone is None:
        known = [zone.meridian_label for zone in systems.ZONES if zone.width == width]
        raise _position_error("unknown_zone", known=known)
    return zone.epsg


def _resolve_crs(stated_epsg: int | None, requested_epsg: int | None, *, in_degrees: bool) -> int:
    """The system the figures are in, from what the text states and what was asked for beside it."""
    if stated_epsg == VN2000 and requested_epsg and zone_by_epsg(requested_epsg):
        stated_epsg = requested_epsg
    if stated_epsg and requested_epsg and stated_epsg != requested_epsg:
        raise _position_error("crs_conflict")
    epsg = stated_epsg or requested_epsg or WGS84
    if in_degrees and not systems.is_geographic(epsg):
        raise _position_error("crs_conflict")
    if not in_degrees and systems.is_geographic(epsg):
        raise _position_error("crs_missing")
    return epsg


# ── The two figures ───────────────────────────────────────────────────────────────────────────────────

MIN_PROJECTED_METRES = 1000.0
"""Below, a figure is degrees: no projected coordinate here is so small."""


@dataclass(frozen=True)
class _Coordinate:
    value: float
    in_degrees: bool
    axis: str = ""
    """``north``, ``east``, ``x`` or ``y``, or empty where nothing is written beside it."""


_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:[.,][0-9]+)?|nan|inf(?:inity)?)")
_ANGLE = re.compile(
    r"""([0-9]{1,3}(?:[.,][0-9]+)?) (?: \s?°\s? | \s | $ )
        (?: ([0-5]?[0-9](?:[.,][0-9]+)?) (?: \s?'\s? | \s | $ ) (?: ([0-5]?[0-9](?:[.,][0-9]+)?) \s?"? )? )?""",
    re.VERBOSE,
)
_LABEL_PATTERN = r"[a-z]+(?: [a-z]+)*(?: ?\([a-z]+\))?"
_VALUE_PATTERN = r"""[-+]?(?:[0-9][0-9.,°'" ]*|nan\b|inf(?:inity)?\b) ?"""
_BARE_NUMBER = r"[-+]?(?:[0-9](?:[0-9.,]*[0-9])?|nan|inf(?:inity)?)"
_LABEL_FIRST = re.compile(
    rf"(?P<label1>{_LABEL_PATTERN})[ =:]*(?P<entry1>{_VALUE_PATTERN})(?:m\b)?[ ,;]*"
    rf"(?P<label2>{_LABEL_PATTERN})[ =:]*(?P<entry2>{_VALUE_PATTERN})(?:m\b)?"
)
_LABEL_LAST = re.compile(
    rf"(?P<entry1>{_VALUE_PATTERN})(?P<label1>{_LABEL_PATTERN})[ ,;]*"
    rf"(?P<entry2>{_VALUE_PATTERN})(?P<label2>{_LABEL_PATTERN})"
)
_ANGLES = re.compile(r"""(?P<entry1>[-+0-9.,]+ ?°[0-9.,'" ]*)[ ,;](?P<entry2>[-+0-9.,]+ ?°[0-9.,'" ]*)""")
_NUMBERS = re.compile(rf"(?P<entry1>{_BARE_NUMBER})(?P<gap> ?[,;] ?| )(?P<entry2>{_BARE_NUMBER})")

_AXES = {
    word: axis
    for axis, words in {
        "north": "n b bac north vi lat latitude",
        "east": "e d dong east kinh lon lng long longitude",
        "south": "s nam south",
        "west": "w t tay west",
        "x": "x",
        "y": "y",
        "": "do tuyen m",  # of vĩ độ, kinh tuyến and (m): they say nothing about the axis
    }.items()
    for word in words.split()
}


def _coordinate_pair(text: str) -> tuple[_Coordinate, _Coordinate] | None:
    """The two figures of a position in the order written, or None where the text is none."""
    if found := _LABEL_FIRST.fullmatch(text) or _LABEL_LAST.fullmatch(text):
        axes = _axis(found["label1"]), _axis(found["label2"])
        if "" in axes:
            return None
        if {"south", "west"} & set(axes):
            raise _position_error("out_of_range")
        if set(axes) not in ({"north", "east"}, {"x", "y"}):
            raise _position_error("unreadable")
        return _coordinate(found["entry1"], axes[0]), _coordinate(found["entry2"], axes[1])
    if found := _ANGLES.fullmatch(text):
        return _coordinate(found["entry1"]), _coordinate(found["entry2"])
    if found := _NUMBERS.fullmatch(text):
        return _unlabelled_pair(found["entry1"], found["gap"], found["entry2"])
    return None


def _unlabelled_pair(first: str, gap: str, second: str) -> tuple[_Coordinate, _Coordinate] | None:
    whole = first.isdigit() and second.isdigit()
    if whole and max(len(first), len(second)) < len(f"{MIN_PROJECTED_METRES:.0f}"):
        return None  # 171, 118: marker numbers, if anything
    if gap == " " and second[0] in "-+":
        return None  # 96 -1.5: a section or an offset, not quite written
    if gap == "," and (whole or "," in first + second):
        raise _position_error("unreadable")  # 11,35,106,05: any of these commas may be the one between
    return _coordinate(first), _coordinate(second)


def _axis(label: str) -> str:
    """What a label says: ``vĩ độ Bắc``, ``X (Bắc)`` and ``N`` are north. Empty where it is no such label."""
    words = re.findall("[a-z]+", label)
    if not all(word in _AXES for word in words):
        return ""
    return next((_AXES[word] for word in reversed(words) if _AXES[word]), "")


def _coordinate(entry: str, axis: str = "") -> _Coordinate:
    entry = entry.strip(" ,")
    if _NUMBER.fullmatch(entry):
        value = _parse_number(entry)
        if not isfinite(value):
            raise _position_error("not_finite")
        return _Coordinate(value, abs(value) < MIN_PROJECTED_METRES, axis)
    found = _ANGLE.fullmatch(entry)
    parts = [part for part in found.groups() if part] if found else []
    if not parts or not all(part.isdigit() for part in parts[:-1]):  # only the last has decimals
        raise _position_error("unreadable")
    return _Coordinate(
        sum(_parse_number(part) / 60**power for power, part in enumerate(parts)), in_degrees=True, axis=axis
    )


def _parse_number(digits: str) -> float:
    return float(digits.replace(",", "."))


# ── Where it is ───────────────────────────────────────────────────────────────────────────────────────


def _both_in_degrees(first: _Coordinate, second: _Coordinate) -> bool:
    if first.in_degrees != second.in_degrees:
        raise _position_error("unreadable")
    return first.in_degrees


def _north_and_east(first: _Coordinate, second: _Coordinate, epsg: int) -> tuple[float, float]:
    """The figures in that order: by their labels, degrees by their range, metres as the system's users write them."""
    if first.axis in ("north", "east"):
        north_first = first.axis == "north"
    elif first.in_degrees:
        north_first = not _in_extent(lon=first.value, lat=second.value)
    elif first.axis:
        north_first = first.axis == "x"
    else:
        north_first = zone_by_epsg(epsg) is not None
    return (first.value, second.value) if north_first else (second.value, first.value)


def _lon_lat_in_extent(north: float, east: float, epsg: int) -> tuple[float, float]:
    """Longitude and latitude, or the reason why nothing there is on our border."""
    lon, lat = to_wgs84(east, north, epsg)
    if _in_extent(lon, lat):
        return lon, lat
    raise _position_error("swapped_axes" if _in_extent(*to_wgs84(north, east, epsg)) else "out_of_range")


def _in_extent(lon: float, lat: float) -> bool:
    return LONGITUDE_RANGE[0] <= lon <= LONGITUDE_RANGE[1] and LATITUDE_RANGE[0] <= lat <= LATITUDE_RANGE[1]


_ERROR_TEXTS = {
    "crs_conflict": Text(
        "Tọa độ không khớp với hệ tọa độ đã chọn", "The coordinates contradict the coordinate reference system given"
    ),
    "crs_missing": Text(
        "Cần cho biết hệ tọa độ: kinh tuyến trục VN-2000 (ví dụ VN-2000 105°45') hoặc múi UTM (ví dụ 48N)",
        "State the system: the central meridian of VN-2000 (such as VN-2000 105°45') or the UTM zone (such as 48N)",
    ),
    "not_finite": Text("Tọa độ không phải là số hợp lệ", "Coordinates are not valid numbers"),
    "out_of_range": Text(
        "Ngoài vùng biên giới: vĩ độ từ {:.0f} đến {:.0f}, kinh độ từ {:.0f} đến {:.0f}".format(
            *LATITUDE_RANGE, *LONGITUDE_RANGE
        ),
        "Outside of the border area: latitude {:.0f} to {:.0f}, longitude {:.0f} to {:.0f}".format(
            *LATITUDE_RANGE, *LONGITUDE_RANGE
        ),
    ),
    "swapped_axes": Text(
        "Có lẽ hai trục bị đổi chỗ: X là hướng bắc, Y là hướng đông; UTM viết E trước N",
        "The axes seem to be swapped: X is north and Y is east; UTM puts E before N",
    ),
    "unknown_zone": Text("Không có múi chiếu với kinh tuyến trục này", "There is no projection zone of this name"),
    "unreadable": Text(
        "Không rõ tọa độ; viết 11.35, 106.05 hoặc VN-2000 105°45' X=1203673.846 Y=536487.939, không ngăn hàng nghìn",
        "Unclear; write as in 11.35, 106.05 or VN-2000 105°45' X=1203673.846 Y=536487.939, no thousands separators",
    ),
}


def _position_error(code: str, **extra: Any) -> Invalid:
    return invalid("q", code, *_ERROR_TEXTS[code], **extra)
