"""Parsing of positions as people write them.

Accepted are decimal degrees; degrees, minutes and seconds with English (N, E) or Vietnamese (B, Đ) letters; UTM on
WGS 84; and VN-2000, where X is north and Y is east. Ambiguous input is refused with a hint, never guessed. Text that
is no coordinate at all gives None, because the caller may parse it as something else, such as an address.
"""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

from gis.crs import systems
from gis.crs.coordinates import VIETNAM, Extent, Position
from gis.crs.systems import VN2000, WGS84, to_wgs84, zone_by_epsg
from gis.text.errors import Invalid, invalid
from gis.text.folding import unaccented
from gis.text.i18n import Text

MAX_TEXT_LENGTH = 200


def parse_position(text: str, crs: str | None = None, *, extent: Extent = VIETNAM) -> Position | None:
    """Parse one position; ``crs``, such as ``EPSG:9210``, is the system of figures for which the text states none.

    Returns None if ``text`` is no coordinate. Raises ``Invalid`` if it is one that cannot be accepted: outside of
    ``extent``, not finite, ambiguous, or in a system that is unknown, missing or contradicted by ``crs``.
    """
    requested = systems.parse_epsg(crs) if crs else None
    if len(text) > MAX_TEXT_LENGTH:
        return None
    stated, rest = _stated_crs(unaccented(text))
    figures = _coordinate_pair(rest, extent)
    if figures is None:
        if stated is None:
            return None
        raise _position_error("unreadable")
    epsg = _resolve_crs(stated, requested, in_degrees=_both_in_degrees(*figures))
    x, y = _north_and_east(*figures, epsg, extent)
    lon, lat = _lon_lat_in_extent(x, y, epsg, extent)
    return Position(lon, lat, {"text": text, "crs": f"EPSG:{epsg}", "x": x, "y": y}, zone_by_epsg(epsg))


# ── The coordinate reference system that the text states ──────────────────────────────────────────────
# All patterns match the output of ``unaccented``: lower case, without diacritics.

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
_UTM_ZONE_ONLY = re.compile(r"^(?P<zone>[0-9]{1,2})\s?[npq][\s,:]+(?=.*[0-9]{5})")
_WGS84 = re.compile(r"\(?\bwgs\s?-?\s?(?:19)?84\b\)?")
_EPSG = re.compile(r"\(?\bepsg:(?P<code>[0-9]{1,6})\b\)?")
_UTM_ZONES = {str(number): epsg for epsg, number in systems.UTM_ZONE_NUMBERS.items()}


def _stated_crs(text: str) -> tuple[int | None, str]:
    """The EPSG code of the system that the text names, and the text without that name.

    VN-2000 without a zone is the geographic system.
    """
    if _VN2000.search(text):
        width, rest = _extract(_WIDTH, text)
        groups, rest = _extract(_VN2000, rest)
        return _vn2000_epsg(groups, int(width.get("width", systems.PROVINCIAL_WIDTH))), rest
    for pattern in (_UTM, _UTM_ZONE_ONLY):
        if pattern.search(text):
            groups, rest = _extract(pattern, text)
            if groups["zone"] not in _UTM_ZONES:
                raise _position_error("unknown_zone", known=[f"UTM {zone}N" for zone in _UTM_ZONES])
            return _UTM_ZONES[groups["zone"]], _extract(_WGS84, rest)[1]
    if _EPSG.search(text):
        groups, rest = _extract(_EPSG, text)
        return systems.parse_epsg(f"EPSG:{groups['code']}"), rest
    if _WGS84.search(text):
        return WGS84, _extract(_WGS84, text)[1]
    return None, text


def _extract(pattern: re.Pattern[str], text: str) -> tuple[dict[str, str], str]:
    """The named groups of the first match that are not empty, and the text without the match."""
    match = pattern.search(text)
    if not match:
        return {}, text
    groups = {name: value for name, value in match.groupdict().items() if value}
    return groups, f"{text[: match.start()].strip(' ,;:')} {text[match.end() :].strip(' ,;:')}".strip()


def _vn2000_epsg(groups: dict[str, str], width: int) -> int:
    """The code of the zone with the central meridian in ``groups``, else of the geographic system."""
    if "degrees" not in groups:
        return VN2000
    zone = systems.zone_by_meridian(_parse_number(groups["degrees"]) + int(groups.get("minutes", 0)) / 60, width)
    if zone is None:
        known = [zone.meridian_label for zone in systems.ZONES if zone.width == width]
        raise _position_error("unknown_zone", known=known)
    return zone.epsg


def _resolve_crs(stated_epsg: int | None, requested_epsg: int | None, *, in_degrees: bool) -> int:
    """The EPSG code of the figures, from the system that the text states and the one requested beside it."""
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
"""A smaller figure is in degrees: no projected coordinate in Vietnam is that small."""


@dataclass(frozen=True)
class _Coordinate:
    value: float
    in_degrees: bool
    axis: str = ""
    """``north``, ``east``, ``x`` or ``y``, or empty for a figure without a label."""


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
        "": "do tuyen m",  # the second halves of vĩ độ and kinh tuyến, and (m): they name no axis
    }.items()
    for word in words.split()
}


def _coordinate_pair(text: str, extent: Extent) -> tuple[_Coordinate, _Coordinate] | None:
    """The two figures of a position in the order written, or None if the text is no coordinate."""
    if match := _LABEL_FIRST.fullmatch(text) or _LABEL_LAST.fullmatch(text):
        axes = _axis(match["label1"]), _axis(match["label2"])
        if "" in axes:
            return None
        if {"south", "west"} & set(axes):
            raise invalid("q", "out_of_range", *extent.error_text)
        if set(axes) not in ({"north", "east"}, {"x", "y"}):
            raise _position_error("unreadable")
        return _coordinate(match["entry1"], axes[0]), _coordinate(match["entry2"], axes[1])
    if match := _ANGLES.fullmatch(text):
        return _coordinate(match["entry1"]), _coordinate(match["entry2"])
    if match := _NUMBERS.fullmatch(text):
        return _unlabelled_pair(match["entry1"], match["gap"], match["entry2"])
    return None


def _unlabelled_pair(first: str, gap: str, second: str) -> tuple[_Coordinate, _Coordinate] | None:
    """Two numbers without labels, or None if they may be something else than a coordinate. Raises ``Invalid``."""
    whole = first.isdigit() and second.isdigit()
    if whole and max(len(first), len(second)) < len(f"{MIN_PROJECTED_METRES:.0f}"):
        return None  # such as 171, 118: numbers of something, not coordinates
    if gap == " " and second[0] in "-+":
        return None  # such as 96 -1.5: a number and an offset, or a range
    if gap == "," and (whole or "," in first + second):
        raise _position_error("unreadable")  # such as 11,35,106,05: any of the commas may separate the two
    return _coordinate(first), _coordinate(second)


def _axis(label: str) -> str:
    """The axis of a label: ``vĩ độ Bắc``, ``X (Bắc)`` and ``N`` are north. Empty if the label names none."""
    words = re.findall("[a-z]+", label)
    if not all(word in _AXES for word in words):
        return ""
    return next((_AXES[word] for word in reversed(words) if _AXES[word]), "")


def _coordinate(entry: str, axis: str = "") -> _Coordinate:
    """Parse a number, or degrees with minutes and seconds. Raises ``Invalid``."""
    entry = entry.strip(" ,")
    if _NUMBER.fullmatch(entry):
        value = _parse_number(entry)
        if not isfinite(value):
            raise _position_error("not_finite")
        return _Coordinate(value, abs(value) < MIN_PROJECTED_METRES, axis)
    match = _ANGLE.fullmatch(entry)
    parts = [part for part in match.groups() if part] if match else []
    if not parts or not all(part.isdigit() for part in parts[:-1]):  # only the last may have decimals
        raise _position_error("unreadable")
    return _Coordinate(
        sum(_parse_number(part) / 60**power for power, part in enumerate(parts)), in_degrees=True, axis=axis
    )


def _parse_number(digits: str) -> float:
    return float(digits.replace(",", "."))


# ── Axis order and extent ───────────────────────────────────────────────────────────────────────────────────────


def _both_in_degrees(first: _Coordinate, second: _Coordinate) -> bool:
    if first.in_degrees != second.in_degrees:
        raise _position_error("unreadable")
    return first.in_degrees


def _north_and_east(first: _Coordinate, second: _Coordinate, epsg: int, extent: Extent) -> tuple[float, float]:
    """The two values with north first. Labels say which that is.

    Without them the extent decides for degrees; in metres VN-2000 is written X Y and other projections E N.
    """
    if first.axis in ("north", "east"):
        north_first = first.axis == "north"
    elif first.in_degrees:
        north_first = not extent.contains(lon=first.value, lat=second.value)
    elif first.axis:
        north_first = first.axis == "x"
    else:
        north_first = zone_by_epsg(epsg) is not None
    return (first.value, second.value) if north_first else (second.value, first.value)


def _lon_lat_in_extent(north: float, east: float, epsg: int, extent: Extent) -> tuple[float, float]:
    """Longitude and latitude. Raises ``Invalid`` outside of the extent, with a hint if swapped axes would be inside."""
    lon, lat = to_wgs84(east, north, epsg)
    if extent.contains(lon, lat):
        return lon, lat
    if extent.contains(*to_wgs84(north, east, epsg)):
        raise _position_error("swapped_axes")
    raise invalid("q", "out_of_range", *extent.error_text)


_ERROR_TEXTS = {
    "crs_conflict": Text(
        "Tọa độ không khớp với hệ tọa độ đã chọn", "The coordinates do not fit the chosen coordinate reference system"
    ),
    "crs_missing": Text(
        "Cần cho biết hệ tọa độ: kinh tuyến trục VN-2000 (ví dụ VN-2000 105°45') hoặc múi UTM (ví dụ 48N)",
        "State the central meridian of VN-2000 (such as VN-2000 105°45') or the UTM zone (such as 48N)",
    ),
    "not_finite": Text("Tọa độ không phải là số hợp lệ", "Coordinates are not valid numbers"),
    "swapped_axes": Text(
        "Có lẽ hai trục bị đổi chỗ: X là hướng bắc, Y là hướng đông; UTM viết E trước N",
        "The axes seem to be swapped: X is north and Y is east; UTM puts E before N",
    ),
    "unknown_zone": Text("Không có múi chiếu với kinh tuyến trục này", "Unknown projection zone"),
    "unreadable": Text(
        "Không rõ tọa độ; viết 11.35, 106.05 hoặc VN-2000 105°45' X=1203673.846 Y=536487.939, không ngăn hàng nghìn",
        "Ambiguous; write 11.35, 106.05 or VN-2000 105°45' X=1203673.846 Y=536487.939, no thousands separators",
    ),
}


def _position_error(code: str, **extra: Any) -> Invalid:
    return invalid("q", code, *_ERROR_TEXTS[code], **extra)
