"""The borders (tuyến biên giới) and the one function that answers "where is": ``locate``.

An address is a marker (``147/6``), a section between two markers (``168–168/2``), an offset along the line
(``147/6 + 120 m``) or any coordinate. Geometry is stored, chainage and address are derived from it; where a marker's
own position is only assumed, everything measured from it says so and carries its accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis.db import BoundQuery, QueryGenerator
from gis.model import Clearance, CodeList, Level, PositionSource
from gis.read import run_queries
from gis.text import FieldError, Missing, Text
from layers.numbering import MarkerNumber, NotAnAddress, Offset, Section, parse_address

ON_LINE_M = 200
"""Within this distance of the indicative line nothing is said to lie on either side of it."""

MAX_DISTANCE_M = 20_000
"""A point farther than this from every land border is not a border matter."""

MAX_MARKER_DISTANCE_M = 5_000
"""A coordinate farther than this from the marker stated beside it contradicts that marker."""


class Border(CodeList):
    """The three land borders; marker numbers are unique within one, never across."""

    KH = "VN-KH", ("Việt Nam – Campuchia", "Vietnam–Cambodia")
    CN = "VN-CN", ("Việt Nam – Trung Quốc", "Vietnam–China")
    LA = "VN-LA", ("Việt Nam – Lào", "Vietnam–Laos")


@dataclass(frozen=True)
class MarkerPosition:
    """A marker as an address needs it."""

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


def _marker_positions(clearance: Clearance, condition: str, **values: Any) -> QueryGenerator[list[MarkerPosition]]:
    """The markers for which ``condition`` holds, with what this reader may know of where they stand."""
    shared = "" if clearance.sees_assumed_positions else "shared_"
    places = {"chainage": f"{shared}chainage_m", "geom": f"{shared}geom", "accuracy": f"{shared}accuracy_m"}
    rows = yield BoundQuery((SELECT_MARKERS + condition).format(**places), values, prepared=True)
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


def markers_with_number(
    number: MarkerNumber, border: str | None, clearance: Clearance
) -> QueryGenerator[list[MarkerPosition]]:
    """The stones that bear this number, on one border or on each that has it; all twins when none is named.

    Raises ``Missing`` with the nearest numbers that exist.
    """
    texts = _number_texts([number])
    border_value = {"border": border} if border else {}
    condition = " and number = any(%(numbers)s::text[])" + (" and border = %(border)s" if border else "")
    positions = yield from _marker_positions(clearance, condition + " order by border, number", numbers=texts, **border_value)
    if positions:
        return positions
    nearest = yield from _nearest_numbers(number, border)
    text = ", ".join(nearest) or "–"
    raise Missing(
        Text(f"Không có mốc {number}. Gần nhất: {text}", f"There is no marker {number}. Nearest: {text}"),
        [FieldError("q", "no_such_marker", Text(f"Không có mốc {number}", f"There is no marker {number}"))],
        {"numbers": nearest},
    )


def _nearest_numbers(number: MarkerNumber, border: str | None, each_way: int = 2) -> QueryGenerator[list[str]]:
    """Numbers that do exist on both sides of one that does not; numbers are public knowledge."""
    where = "retired_at is null" + (" and border = %(border)s" if border else "")
    values = {"number": str(number), **({"border": border} if border else {})}
    numbers_found: list[str] = []
    for sign, down in (("<", "desc"), (">", "")):
        rows = yield BoundQuery(
            f"select distinct number from app.markers where {where} and number {sign} %(number)s"
            f" order by 1 {down} limit {each_way}",
            values,
            prepared=True,
        )
        numbers = [row[0].decode() for row in rows]
        numbers_found += reversed(numbers) if down else numbers
    return numbers_found


def nearest_marker(
    session: Session,
    border: Border,
    chainage_m: float,
    clearance: Clearance = Level.RESTRICTED,
    level: Level = Level.RESTRICTED,
) -> MarkerPosition | None:
    """The marker nearest to a chainage, along the line, among those of ``level`` and more open ones."""
    return run_queries(session, marker_nearest_to(border, chainage_m, clearance, level))


def marker_nearest_to(
    border: Border, chainage_m: float, clearance: Clearance, level: Level = Level.RESTRICTED
) -> QueryGenerator[MarkerPosition | None]:
    positions = yield from _marker_positions(
        clearance, NEAREST_MARKERS, border=border.value, m=chainage_m, level=level.value
    )

    def away(marker: MarkerPosition) -> tuple[float, bool]:
        metres = (marker.chainage_m or 0) - chainage_m
        return abs(metres), metres < 0

    return min(positions, key=away, default=None)


NEXT_MARKER = (
    "select id from app.markers where retired_at is null"
    " and border = %(border)s and level <= %(level)s::app.level"
    " and {{chainage}} {sign} %(m)s::float8 order by {{chainage}} {down}, number limit 1"
)
NEAREST_MARKERS = (
    f" and id in (({NEXT_MARKER.format(sign='>=', down='')}) union all ({NEXT_MARKER.format(sign='<', down='desc')}))"
)


def _number_texts(numbers: Sequence[MarkerNumber]) -> list[str]:
    """The numbers as they stand on stones; of a position on which none is named, all of its stones."""
    twins = [f"{number}({twin})" for number in numbers if number.twin is None for twin in (1, 2, 3)]
    return [*map(str, numbers), *twins]


def names_hidden_marker(session: Session, address: str, border: Border, level: Level) -> bool:
    """Whether an address is counted from a marker that not every reader of ``level`` may see."""
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
    """The address of a chainage: how far along from the nearest marker, or the kilometre where none stands."""
    if marker is None or marker.chainage_m is None:
        return f"{border} km {chainage_m / 1000:.3f}"
    metres = round(chainage_m - marker.chainage_m)
    try:
        return str(marker.number) if metres == 0 else str(Offset(marker.number, float(metres)))
    except NotAnAddress:
        return f"{border} km {chainage_m / 1000:.3f}"
