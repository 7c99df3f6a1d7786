"""Locating: from a text or a coordinate to places on the border, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field as attribute, replace
from typing import Any

from sqlalchemy.orm import Session

from gis.crs import VIETNAM, Position, coordinates, parse_position
from gis.db import QueryGenerator
from gis.model import Clearance, CodeList, Level, PositionSource
from gis.read import linear, run_queries
from gis.text import FieldError, Invalid, Missing, Text, invalid
from layers.border import (
    MAX_DISTANCE_M,
    MAX_MARKER_DISTANCE_M,
    ON_LINE_M,
    Border,
    MarkerPosition,
    address_at_chainage,
    marker_nearest_to,
    markers_with_number,
)
from layers.numbering import MarkerNumber, NotAnAddress, Offset, Section, parse_address

BORDER_AREA = replace(VIETNAM, name=Text("vùng biên giới", "the border area"))
"""The extent in which coordinates are accepted."""

LONG_SECTION = 100
"""A section over more main markers than this whose end is a round number is more likely metres without their unit."""


class LocationKind(CodeList):
    """What an address turned out to be."""

    MARKER = "marker", ("Mốc", "Marker")
    SECTION = "section", ("Đoạn", "Section")
    OFFSET = "offset", ("Cách mốc", "Offset from a marker")
    COORDINATE = "coordinate", ("Tọa độ", "Coordinate")


@dataclass(frozen=True)
class Location:
    """One answer to "where is": a place, what is known of it, and the words it was asked in.

    ``geometry`` is GeoJSON in WGS 84, None where the marker exists but has no position or an assumed one that this
    reader is not shown. Lengths are metres along the line; ``accuracy_m`` says how well the place is known, and
    ``address_accuracy_m`` how well its address, where the marker it is counted from is itself only assumed.
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
        """Whether it lies so near the indicative line that no side can be told; None when the distance is unknown."""
        return None if self.distance_to_line_m is None else self.distance_to_line_m <= ON_LINE_M


def out_of_area(name: str, distance_m: float) -> Invalid:
    """The refusal of a point that is no border matter."""
    km = f"{distance_m / 1000:.0f}"
    return invalid(
        name,
        "out_of_area",
        f"Điểm này cách đường biên {km} km, quá 20 km; hãy kiểm tra hệ tọa độ, múi chiếu, thứ tự X, Y",
        f"This point is {km} km from the border, over 20 km; check the system, the zone and the order of X and Y",
    )


def locate(
    session: Session,
    q: str,
    *,
    border: str | None = None,
    crs: str | None = None,
    near: str | None = None,
    clearance: Clearance = Level.RESTRICTED,
) -> list[Location]:
    """Every place that ``q`` may mean, most likely first: a marker, a section, an offset or a coordinate.

    Raises ``Invalid`` "not an address" or "out of area", and ``Missing`` with the nearest numbers that exist.
    """
    return run_queries(session, locate_queries(q, border=border, crs=crs, near=near, clearance=clearance))


def locate_queries(
    q: str,
    *,
    border: str | None = None,
    crs: str | None = None,
    near: str | None = None,
    clearance: Clearance = Level.RESTRICTED,
) -> QueryGenerator[list[Location]]:
    """The questions of ``locate``."""
    _check_border(border)
    position = parse_position(q, crs, extent=BORDER_AREA)
    if position is not None:
        return [(yield from _position_location(position, border, near, clearance))]
    try:
        address = parse_address(q)
    except NotAnAddress as fault:
        raise Invalid(fault.reason, [FieldError("q", "not_an_address", fault.reason)]) from None
    match address:
        case MarkerNumber():
            locations = [_marker_location(marker) for marker in (yield from markers_with_number(address, border, clearance))]
            locations.sort(key=lambda location: list(PositionSource).index(location.position_source))
        case Section():
            locations = yield from _section_locations(address, border, clearance)
        case Offset():
            locations = yield from _offset_locations(address, border, clearance)
    locations = [_masked(location, clearance) for location in locations]
    return [replace(location, original={"text": q, **({"border": border} if border else {})}) for location in locations]


def reverse_locate_queries(
    lon: float, lat: float, *, border: str | None = None, clearance: Clearance = Level.RESTRICTED
) -> QueryGenerator[Location]:
    """The reverse: the address of a point in WGS 84 degrees."""
    _check_border(border)
    position = Position(lon=lon, lat=lat, original={"lon": lon, "lat": lat}, zone=None)
    return (yield from _position_location(position, border, None, clearance))


def _check_border(border: str | None) -> None:
    if border is not None and border not in [one.value for one in Border]:
        words = ", ".join(one.value for one in Border)
        raise invalid("border", "code", f"Tuyến phải là một trong: {words}", f"The border must be one of: {words}")


def _masked(location: Location, clearance: Clearance) -> Location:
    """What this reader may be shown: below the office an assumed position is none."""
    if clearance.sees_assumed_positions or location.position_source is not PositionSource.ASSUMED:
        return location
    return replace(
        location, geometry=None, chainage_m=None, length_m=None, accuracy_m=None, distance_to_line_m=None, systems=None
    )


def _marker_location(marker: MarkerPosition) -> Location:
    coordinates = None if marker.lon is None or marker.lat is None else (marker.lon, marker.lat)
    return Location(
        kind=LocationKind.MARKER,
        address=str(marker.number),
        border=marker.border,
        geometry=None if coordinates is None else _geojson_point(*coordinates),
        position_source=marker.position_source,
        accuracy_m=marker.accuracy_m,
        chainage_m=marker.chainage_m,
        nearest_marker=str(marker.number),
        systems=None if coordinates is None else coordinates.in_all_crs(*coordinates),
    )


def _section_locations(section: Section, border: str | None, clearance: Clearance) -> QueryGenerator[list[Location]]:
    """A section lies on one border: both ends are looked for on each."""
    hint = section.maybe_offset
    if hint is not None and section.last.main % 10 == 0 and abs(section.last.main - section.first.main) > LONG_SECTION:
        raise _unit_missing(section)
    try:
        first = {
            marker.border: marker for marker in reversed((yield from markers_with_number(section.first, border, clearance)))
        }
        last = {marker.border: marker for marker in reversed((yield from markers_with_number(section.last, border, clearance)))}
    except Missing:
        if hint is not None:
            raise _unit_missing(section) from None
        raise
    borders = [marker for marker in Border if marker in first and marker in last]
    if not borders:
        detail = Text(
            f"Mốc {section.first} và mốc {section.last} không cùng một tuyến biên giới",
            f"Markers {section.first} and {section.last} do not stand on one border",
        )
        raise Invalid(detail, [FieldError("q", "two_borders", detail)])
    locations = []
    for marker in borders:
        at = yield from _section_location(section, first[marker], last[marker])
        locations.append(at)
    return locations


def _unit_missing(section: Section) -> Missing:
    metres = section.last.main
    detail = Text(
        f"Không có đoạn {section}. Nếu là khoảng cách, hãy ghi đơn vị m: {section.first} - {metres} m",
        f"There is no section {section}. For a distance write m for metres: {section.first} - {metres} m",
    )
    return Missing(detail, [FieldError("q", "unit_missing", detail)], {"hint": "write m for metres"})


def _section_location(section: Section, first: MarkerPosition, last: MarkerPosition) -> QueryGenerator[Location]:
    ordered = section.ordered()
    start, end = first.chainage_m, last.chainage_m
    line = None
    if start is not None and end is not None:
        line = yield from linear.section_queries(first.border.value, start, end)
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
    """A place measured from several is only as good as the weakest of them."""
    order = list(PositionSource)
    return max(sources, key=order.index)


def _largest_accuracy(accuracies: Sequence[float | None]) -> float | None:
    return max((value for value in accuracies if value is not None), default=None)


def _offset_locations(offset: Offset, border: str | None, clearance: Clearance) -> QueryGenerator[list[Location]]:
    """A distance from a marker along the line, towards higher numbers for ``+``; both ways where it is left open."""
    locations: list[Location] = []
    borders = set()
    for marker in (yield from markers_with_number(offset.marker, border, clearance)):
        if marker.border in borders:  # twins share their position
            continue
        borders.add(marker.border)
        ways = (offset.metres, -offset.metres) if offset.both_ways else (offset.metres,)
        for metres in ways:
            location = yield from _offset_location(replace(offset, metres=metres, both_ways=False), marker)
            locations.append(location)
    return locations


def _offset_location(offset: Offset, marker: MarkerPosition) -> QueryGenerator[Location]:
    chainage = None if marker.chainage_m is None else marker.chainage_m + offset.metres
    point = None
    if chainage is not None:
        point = yield from linear.point_at_queries(marker.border.value, chainage)
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


def _position_location(
    position: Position, border: str | None, near: str | None, clearance: Clearance
) -> QueryGenerator[Location]:
    """The nearest border, chainage and marker of a coordinate, and the same point in the other systems."""
    station = yield from linear.station_queries(position.lon, position.lat, border)
    if station is None:
        raise invalid("q", "no_line", "Chưa có dữ liệu đường biên giới", "There is no boundary line yet")
    if station.distance_m > MAX_DISTANCE_M:
        raise out_of_area("q", station.distance_m)
    nearest_border = Border(station.route)
    if near is not None:
        yield from _check_distance_from_marker(position, near, nearest_border, clearance)
    marker = yield from marker_nearest_to(nearest_border, station.chainage_m, clearance)
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


def _check_distance_from_marker(
    position: Position, near: str, border: Border, clearance: Clearance
) -> QueryGenerator[None]:
    """A coordinate given beside a marker must lie near it: a zone error often lands near the border all the same."""
    try:
        number = MarkerNumber.parse(near)
    except NotAnAddress as fault:
        raise Invalid(fault.reason, [FieldError("near", "not_an_address", fault.reason)]) from None
    for marker in (yield from markers_with_number(number, border.value, clearance)):
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
