"""The borders (tuyến biên giới), and the positions of their markers as marker addresses need them.

A marker address is a marker (``147/6``), a section between two markers (``168–168/2``) or an offset along the line
(``147/6 + 120 m``); ``layers.locating`` turns it into a geometry. A marker whose position is only assumed has an
accuracy, which everything measured from it takes over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from gis.db import BoundQuery, Reader, Session
from gis.model import CodeList, Level, PositionSource
from gis.text import FieldError, Missing, Text
from layers.numbering import MarkerNumber, NotAnAddress, Offset, Section, parse_address

ON_LINE_M = 200
"""Within this distance (metres) of the indicative line no side of the border is stated."""

MAX_DISTANCE_M = 20_000
"""A point farther than this (metres) from its border, or from every border if none is stated, is refused."""

MAX_MARKER_DISTANCE_M = 5_000
"""A coordinate farther than this (metres) from the marker given with it is refused."""


class Border(CodeList):
    """The three land borders. Marker numbers are unique within one border only."""

    KH = "VN-KH", ("Việt Nam – Campuchia", "Vietnam–Cambodia")
    CN = "VN-CN", ("Việt Nam – Trung Quốc", "Vietnam–China")
    LA = "VN-LA", ("Việt Nam – Lào", "Vietnam–Laos")


@dataclass(frozen=True)
class MarkerPosition:
    """The position of a marker: chainage and accuracy in metres, longitude and latitude in WGS 84.

    Position and chainage are None where the marker has none, or none that the reader may see.
    """

    number: MarkerNumber
    border: Border
    chainage_m: float | None
    lon: float | None
    lat: float | None
    position_source: PositionSource
    accuracy_m: float | None


SELECT_MARKERS = """
select number, border, {chainage}, ST_X({geom}), ST_Y({geom}), position_source, {accuracy}
from app.markers where retired_at is null
"""


async def _marker_positions(reader: Reader, condition: str, **values: Any) -> list[MarkerPosition]:
    """The markers for which ``condition`` holds, with assumed positions masked if the reader may not see them."""
    shared = "" if reader.actor.clearance.sees_assumed_positions else "shared_"
    columns = {"chainage": f"{shared}chainage_m", "geom": f"{shared}geom", "accuracy": f"{shared}accuracy_m"}
    sql = (SELECT_MARKERS + condition).format(**columns)
    rows = await reader.fetch(BoundQuery(sql, values, prepared=True))
    return [
        MarkerPosition(
            MarkerNumber.parse(number.decode()),
            Border(border.decode()),
            chainage,
            lon,
            lat,
            PositionSource(source.decode()),
            accuracy,
        )
        for number, border, chainage, lon, lat, source, accuracy in rows
    ]


async def markers_with_number(reader: Reader, number: MarkerNumber, border: str | None) -> list[MarkerPosition]:
    """The markers with this number, on one border or on all; a number without a twin matches all twins of its position.

    Raises ``Missing`` with the nearest numbers that exist.
    """
    condition = " and number = any(%(numbers)s::text[])" + (" and border = %(border)s" if border else "")
    values = {"numbers": _number_texts([number]), **({"border": border} if border else {})}
    markers = await _marker_positions(reader, condition + " order by border, number", **values)
    if markers:
        return markers
    nearest = await _nearest_numbers(reader, number, border)
    listed = ", ".join(nearest) or "–"
    raise Missing(
        Text(f"Không có mốc {number}. Gần nhất: {listed}", f"There is no marker {number}. Nearest: {listed}"),
        [FieldError("q", "no_such_marker", Text(f"Không có mốc {number}", f"There is no marker {number}"))],
        {"numbers": nearest},
    )


SELECT_NEAREST_NUMBERS = """
select distinct number from app.markers where retired_at is null and number {sign} %(number)s{on_border}
order by 1 {direction} limit %(limit)s
"""


async def _nearest_numbers(reader: Reader, number: MarkerNumber, border: str | None, each_way: int = 2) -> list[str]:
    """The nearest existing numbers below and above an unknown one. That a number exists is public."""
    on_border = " and border = %(border)s" if border else ""
    values = {"number": str(number), "limit": each_way, **({"border": border} if border else {})}
    nearest: list[str] = []
    for sign, direction in (("<", "desc"), (">", "asc")):
        sql = SELECT_NEAREST_NUMBERS.format(sign=sign, direction=direction, on_border=on_border)
        rows = await reader.fetch(BoundQuery(sql, values, prepared=True))
        numbers = [row[0].decode() for row in rows]
        nearest += reversed(numbers) if direction == "desc" else numbers
    return nearest


async def nearest_marker(
    reader: Reader, border: Border, chainage_m: float, level: Level = Level.RESTRICTED
) -> MarkerPosition | None:
    """The marker nearest to a chainage (metres) along the line, among those at ``level`` or below.

    Of two markers at the same distance, that with the larger chainage.
    """
    markers = await _marker_positions(reader, NEAREST_MARKERS, border=border.value, m=chainage_m, level=level.value)

    def distance(marker: MarkerPosition) -> tuple[float, bool]:
        metres = (marker.chainage_m or 0) - chainage_m
        return abs(metres), metres < 0

    return min(markers, key=distance, default=None)


NEXT_MARKER = (
    "select id from app.markers where retired_at is null"
    " and border = %(border)s and level <= %(level)s::app.level"
    " and {{chainage}} {sign} %(m)s::float8 order by {{chainage}} {direction}, number limit 1"
)
NEAREST_MARKERS = (
    f" and id in (({NEXT_MARKER.format(sign='>=', direction='')})"
    f" union all ({NEXT_MARKER.format(sign='<', direction='desc')}))"
)


def _number_texts(numbers: Sequence[MarkerNumber]) -> list[str]:
    """The numbers as texts; for a number without a twin also those of all its twins."""
    twins = [f"{number}({twin})" for number in numbers if number.twin is None for twin in (1, 2, 3)]
    return [*map(str, numbers), *twins]


def names_hidden_marker(session: Session, address: str, border: Border, level: Level) -> bool:
    """Whether an address is counted from a marker whose level is above ``level``."""
    try:
        parsed = parse_address(address)
    except NotAnAddress:
        return False
    match parsed:
        case MarkerNumber():
            numbers = [parsed]
        case Section():
            numbers = [parsed.first, parsed.last]
        case Offset():
            numbers = [parsed.marker]
    return bool(
        session.execute(
            text(
                "select exists (select from app.markers where retired_at is null and border = :border"
                " and number = any(:numbers) and level > cast(:level as app.level))"
            ),
            {"border": border.value, "numbers": _number_texts(numbers), "level": level.value},
        ).scalar()
    )


def address_at_chainage(marker: MarkerPosition | None, border: Border, chainage_m: float) -> str:
    """The address of a chainage (metres): an offset from the nearest marker, or the kilometre if there is none."""
    if marker is None or marker.chainage_m is None:
        return f"{border} km {chainage_m / 1000:.3f}"
    metres = round(chainage_m - marker.chainage_m)
    try:
        return str(marker.number) if metres == 0 else str(Offset(marker.number, float(metres)))
    except NotAnAddress:
        return f"{border} km {chainage_m / 1000:.3f}"
