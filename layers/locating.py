"""Locating: from a marker address or a coordinate to locations on the border, and from a point to its address."""

from collections.abc import Sequence
from dataclasses import dataclass, field as attribute, replace
from typing import Any

from gis.crs import VIETNAM, Position, coordinates, parse_position
from gis.db import Reader
from gis.model import CodeList, PositionSource
from gis.read import linear
from gis.text import FieldError, Invalid, Missing, Text, invalid
from layers.border import (
    MAX_DISTANCE_M,
    MAX_MARKER_DISTANCE_M,
    ON_LINE_M,
    Border,
    MarkerPosition,
    address_at_chainage,
    markers_with_number,
    nearest_marker,
)
from layers.numbering import MarkerNumber, NotAnAddress, Offset, Section, parse_address

BORDER_AREA = replace(VIETNAM, name=Text("vùng biên giới", "the border area"))
"""The extent in which coordinates are accepted."""

LONG_SECTION = 100
"""A section of more main markers than this that ends at a multiple of ten is taken for a distance without its unit."""


class LocationKind(CodeList):
    """The kind of a location."""

    MARKER = "marker", ("Mốc", "Marker")
    SECTION = "section", ("Đoạn", "Section")
    OFFSET = "offset", ("Cách mốc", "Offset from a marker")
    COORDINATE = "coordinate", ("Tọa độ", "Coordinate")


@dataclass(frozen=True)
class Location:
    """A location that matches a text or a coordinate.

    ``geometry`` is GeoJSON in WGS 84; it is None where the marker has no position, or an assumed one that this reader
    may not see. Chainage and length are metres along the line. ``accuracy_m`` is the accuracy of the geometry, and
    ``address_accuracy_m`` that of the address if it is counted from a marker with an assumed position. ``original`` is
    the input, ``systems`` the coordinates in the other systems, and ``other_zones`` are the positions that the same
    numbers would have in other zones of VN-2000.
    """

    kind: LocationKind
    address: str | None
    border: Border | None
    geometry: dict[str, Any] | None
    position_source: PositionSource
    accuracy_m: float | None
    chainage_m: float | None = None
    length_m: float | None = None
    nearest_marker: str | None = None
    distance_to_line_m: float | None = None
    address_accuracy_m: float | None = None
    original: dict[str, Any] = attribute(default_factory=dict)
    systems: dict[str, Any] | None = None
    other_zones: list[dict[str, Any]] = attribute(default_factory=list)

    @property
    def on_line(self) -> bool | None:
        """Whether it is too near the indicative line for a side to be stated; None if the distance is unknown."""
        return None if self.distance_to_line_m is None else self.distance_to_line_m <= ON_LINE_M


def out_of_area(name: str, distance_m: float) -> Invalid:
    """The refusal of a point that is farther than ``MAX_DISTANCE_M`` from the border."""
    km = f"{distance_m / 1000:.0f}"
    return invalid(
        name,
        "out_of_area",
        f"Điểm này cách đường biên {km} km, quá 20 km; hãy kiểm tra hệ tọa độ, múi chiếu, thứ tự X, Y",
        f"This point is {km} km from the border; the limit is 20 km. Check the CRS, the zone and the order of X and Y",
    )


async def locate(
    reader: Reader, q: str, *, border: str | None = None, crs: str | None = None, near: str | None = None
) -> list[Location]:
    """All locations that match ``q``, most likely first: a marker, a section, an offset or a coordinate.

    ``crs`` is the system of a coordinate, ``near`` a marker near which it must lie. Raises ``Invalid`` if ``q`` is
    neither an address nor a coordinate, or is too far from the border, and ``Missing`` with the nearest numbers if a
    marker does not exist.
    """
    _check_border(border)
    position = parse_position(q, crs, extent=BORDER_AREA)
    if position is not None:
        return [await _position_location(reader, position, border, near)]
    try:
        address = parse_address(q)
    except NotAnAddress as fault:
        raise Invalid(fault.reason, [FieldError("q", "not_an_address", fault.reason)]) from None
    match address:
        case MarkerNumber():
            markers = await markers_with_number(reader, address, border)
            locations = [_marker_location(marker) for marker in markers]
            locations.sort(key=lambda location: list(PositionSource).index(location.position_source))
        case Section():
            locations = await _section_locations(reader, address, border)
        case Offset():
            locations = await _offset_locations(reader, address, border)
    if not reader.actor.clearance.sees_assumed_positions:
        locations = [_without_assumed_position(location) for location in locations]
    return [replace(location, original={"text": q, **({"border": border} if border else {})}) for location in locations]


async def reverse_locate(reader: Reader, lon: float, lat: float, *, border: str | None = None) -> Location:
    """The location of a point in WGS 84 degrees: its border, chainage and address."""
    _check_border(border)
    position = Position(lon=lon, lat=lat, original={"lon": lon, "lat": lat}, zone=None)
    return await _position_location(reader, position, border, None)


def _check_border(border: str | None) -> None:
    """Raise ``Invalid`` for the code of an unknown border."""
    if border is not None and border not in list(Border):
        codes = ", ".join(Border)
        raise invalid("border", "code", f"Tuyến phải là một trong: {codes}", f"`border` must be one of: {codes}")


def _without_assumed_position(location: Location) -> Location:
    """The location with its position removed if that is assumed."""
    if location.position_source is not PositionSource.ASSUMED:
        return location
    return replace(
        location, geometry=None, chainage_m=None, length_m=None, accuracy_m=None, distance_to_line_m=None, systems=None
    )


def _marker_location(marker: MarkerPosition) -> Location:
    position = None if marker.lon is None or marker.lat is None else (marker.lon, marker.lat)
    return Location(
        kind=LocationKind.MARKER,
        address=str(marker.number),
        border=marker.border,
        geometry=None if position is None else _geojson_point(*position),
        position_source=marker.position_source,
        accuracy_m=marker.accuracy_m,
        chainage_m=marker.chainage_m,
        nearest_marker=str(marker.number),
        systems=None if position is None else coordinates.in_all_crs(*position),
    )


async def _section_locations(reader: Reader, section: Section, border: str | None) -> list[Location]:
    """The locations of a section on every border that has both of its markers."""
    offset = section.maybe_offset
    main_markers = abs(section.last.main - section.first.main)
    if offset is not None and section.last.main % 10 == 0 and main_markers > LONG_SECTION:
        raise _unit_missing(section)
    try:
        first = await _first_twin_by_border(reader, section.first, border)
        last = await _first_twin_by_border(reader, section.last, border)
    except Missing:
        if offset is not None:
            raise _unit_missing(section) from None
        raise
    shared_borders = [code for code in Border if code in first and code in last]
    if not shared_borders:
        detail = Text(
            f"Mốc {section.first} và mốc {section.last} không cùng một tuyến biên giới",
            f"Markers {section.first} and {section.last} are not on the same border",
        )
        raise Invalid(detail, [FieldError("q", "two_borders", detail)])
    return [await _section_location(reader, section, first[code], last[code]) for code in shared_borders]


async def _first_twin_by_border(
    reader: Reader, number: MarkerNumber, border: str | None
) -> dict[Border, MarkerPosition]:
    """The marker with this number on each border that has it; of twins the first."""
    first: dict[Border, MarkerPosition] = {}
    for marker in await markers_with_number(reader, number, border):
        first.setdefault(marker.border, marker)
    return first


def _unit_missing(section: Section) -> Missing:
    """The refusal of ``171 - 500``, where there is no such section and the unit of a distance may be missing."""
    metres = section.last.main
    detail = Text(
        f"Không có đoạn {section}. Nếu là khoảng cách, hãy ghi đơn vị m: {section.first} - {metres} m",
        f"There is no section {section}. Write a distance with its unit: {section.first} - {metres} m",
    )
    return Missing(detail, [FieldError("q", "unit_missing", detail)], {"hint": "write m for metres"})


async def _section_location(reader: Reader, section: Section, first: MarkerPosition, last: MarkerPosition) -> Location:
    """The location of a section on the border of its two markers."""
    ordered = section.ordered()
    start, end = first.chainage_m, last.chainage_m
    line = None
    if start is not None and end is not None:
        line = await linear.section(reader, first.border.value, start, end)
    return Location(
        kind=LocationKind.SECTION,
        address=str(ordered),
        border=first.border,
        geometry=line,
        position_source=least_certain_source([first.position_source, last.position_source])
        if line
        else PositionSource.NONE,
        accuracy_m=_largest_accuracy([first.accuracy_m, last.accuracy_m]) if line else None,
        chainage_m=None if start is None or end is None else min(start, end),
        length_m=None if start is None or end is None else round(abs(end - start), 1),
        nearest_marker=str(ordered.first),
        distance_to_line_m=0 if line else None,
    )


def least_certain_source(sources: Sequence[PositionSource]) -> PositionSource:
    """The weakest of several position sources, which is the source of a position measured from all of them."""
    order = list(PositionSource)
    return max(sources, key=order.index)


def _largest_accuracy(accuracies: Sequence[float | None]) -> float | None:
    return max((value for value in accuracies if value is not None), default=None)


async def _offset_locations(reader: Reader, offset: Offset, border: str | None) -> list[Location]:
    """The locations at a distance from a marker along the line, in both directions if the offset states none."""
    locations: list[Location] = []
    markers = await _first_twin_by_border(reader, offset.marker, border)  # twins share their position
    for marker in markers.values():
        for metres in (offset.metres, -offset.metres) if offset.both_ways else (offset.metres,):
            stated = replace(offset, metres=metres, both_ways=False)
            locations.append(await _offset_location(reader, stated, marker))
    return locations


async def _offset_location(reader: Reader, offset: Offset, marker: MarkerPosition) -> Location:
    """The location of an offset, whose direction is stated, from this marker."""
    chainage = None if marker.chainage_m is None else marker.chainage_m + offset.metres
    point = None
    if chainage is not None:
        point = await linear.point_at(reader, marker.border.value, chainage)
    if chainage is not None and point is None:
        detail = Text(f"{offset} nằm ngoài hai đầu tuyến biên giới", f"{offset} lies beyond the ends of the border")
        raise Invalid(detail, [FieldError("q", "beyond_end", detail)])
    return Location(
        kind=LocationKind.OFFSET,
        address=str(offset),
        border=marker.border,
        geometry=None if point is None else _geojson_point(*point),
        position_source=PositionSource.NONE
        if point is None
        else least_certain_source([marker.position_source, PositionSource.MAP]),
        accuracy_m=None if point is None else marker.accuracy_m,
        chainage_m=chainage,
        nearest_marker=str(marker.number),
        distance_to_line_m=None if point is None else 0,
        systems=None if point is None else coordinates.in_all_crs(*point),
    )


async def _position_location(reader: Reader, position: Position, border: str | None, near: str | None) -> Location:
    """The location of a coordinate: its nearest border, chainage and marker, and its coordinates in all systems."""
    station = await linear.station(reader, position.lon, position.lat, border)
    if station is None:
        raise invalid("q", "no_line", "Chưa có dữ liệu đường biên giới", "There is no boundary line yet")
    if station.distance_m > MAX_DISTANCE_M:
        raise out_of_area("q", station.distance_m)
    nearest_border = Border(station.route)
    if near is not None:
        await _check_distance_from_marker(reader, position, near, nearest_border)
    marker = await nearest_marker(reader, nearest_border, station.chainage_m)
    elsewhere = [] if near is not None else coordinates.positions_in_other_zones(position, extent=BORDER_AREA)
    return Location(
        kind=LocationKind.COORDINATE,
        address=address_at_chainage(marker, nearest_border, station.chainage_m),
        address_accuracy_m=marker.accuracy_m if marker and marker.position_source is PositionSource.ASSUMED else None,
        border=nearest_border,
        geometry=_geojson_point(position.lon, position.lat),
        position_source=PositionSource.MAP,
        accuracy_m=None,
        chainage_m=round(station.chainage_m, 1),
        nearest_marker=None if marker is None else str(marker.number),
        distance_to_line_m=round(station.distance_m, 1),
        original=position.original,
        systems=coordinates.in_all_crs(position.lon, position.lat, position.zone),
        other_zones=[
            {"epsg": zone.epsg, "meridian": zone.meridian_label, "lon": round(lon, 7), "lat": round(lat, 7)}
            for zone, lon, lat in elsewhere
        ],
    )


async def _check_distance_from_marker(reader: Reader, position: Position, near: str, border: Border) -> None:
    """Refuse a coordinate that is far from the marker ``near``: in a wrong zone it may be near the border too."""
    try:
        number = MarkerNumber.parse(near)
    except NotAnAddress as fault:
        raise Invalid(fault.reason, [FieldError("near", "not_an_address", fault.reason)]) from None
    for marker in await markers_with_number(reader, number, border.value):
        if marker.lon is None or marker.lat is None:
            continue
        distance = coordinates.distance_m(position.lon, position.lat, marker.lon, marker.lat)
        if distance > MAX_MARKER_DISTANCE_M + (marker.accuracy_m or 0):
            km = f"{distance / 1000:.1f}"
            raise invalid(
                "near",
                "far_from_marker",
                f"Tọa độ cách mốc {marker.number} {km} km; hãy kiểm tra kinh tuyến trục và múi chiếu",
                f"The coordinate is {km} km from marker {marker.number}; check the central meridian and the zone",
            )
        return


def _geojson_point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [round(lon, 7), round(lat, 7)]}
