"""Boundary markers (mốc quốc giới): their numbers, conditions and inspections, and their assumed positions.

A marker without a surveyed position gets an assumed one: it is interpolated on the line between the nearest markers
with known positions, by its sequence value, with an accuracy that may be kilometres. Assumed positions are drawn
hollow and never released to partners.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from shapely.geometry import Point
from sqlalchemy import Text as SqlText, select, text
from sqlalchemy.orm import Mapped, mapped_column

from gis.db import Session, result_of
from gis.model import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    RED,
    SKY,
    CodeList,
    CodeListType,
    Display,
    Flag,
    Level,
    Mark,
    PositionSource,
    Status,
    UnjournalledRecord,
    field,
    geometry,
)
from gis.read import linear
from gis.text import Conflict, FieldError, Invalid, Missing, Text
from gis.write import (
    GEOMETRY,
    PLACE,
    create_command,
    set_geometry,
    store_new,
    store_update,
    update_command,
)
from layers.border import Border
from layers.border_feature import BorderFeature, update_addresses
from layers.groups import Group
from layers.numbering import MarkerNumber, NotAnAddress

MAX_ASSUMED_ACCURACY_M = 30_000
"""No position is assumed if its accuracy (metres) would be worse than this."""

ASSUMED_ACCURACY_SHARE = 0.2
"""The accuracy of an assumed position as a share of its distance from the nearer anchor."""


class MarkerKind(CodeList):
    """The kind of marker, by its number."""

    MAIN = "main", ("Mốc chính", "Main marker"), Mark("monument", GREY)
    SUB = "sub", ("Mốc phụ", "Sub-marker"), Mark("monument", GREY)
    TRIPOINT = "tripoint", ("Mốc ngã ba", "Tripoint marker"), Mark("monument", GREY)


class MarkerClass(CodeList):
    """The class of construction: A to C on the border with Cambodia, large to small on that with China."""

    A = "a", ("Loại A", "Class A")
    B = "b", ("Loại B", "Class B")
    C = "c", ("Loại C", "Class C")
    LARGE = "large", ("Loại lớn", "Large")
    MEDIUM = "medium", ("Loại trung", "Medium")
    SMALL = "small", ("Loại nhỏ", "Small")


class Side(CodeList):
    """The side of the border, such as the one that is responsible for a marker."""

    OURS = "ours", ("Phía ta", "Our side")
    THEIRS = "theirs", ("Phía bạn", "Their side")
    BOTH = "both", ("Hai bên", "Both sides")


class Condition(Status):
    """The condition of a marker (the status of the layer); an inspection may change any condition to any other."""

    UNKNOWN = "unknown", ("Chưa kiểm tra", "Not inspected"), Mark("monument", GREY), Flag.QUIET
    INTACT = "intact", ("Nguyên vẹn", "Intact"), Mark("monument", GREEN)
    AT_RISK = (
        "at_risk",
        ("Có nguy cơ sạt lở, hư hỏng", "At risk of erosion or damage"),
        Mark("monument-warning", AMBER),
        Flag.NEEDS_ACTION,
    )
    DAMAGED = "damaged", ("Hư hỏng", "Damaged"), Mark("monument-cracked", RED), Flag.NEEDS_ACTION
    SEVERELY_DAMAGED = (
        "severely_damaged",
        ("Hư hỏng nghiêm trọng", "Severely damaged"),
        Mark("monument-cracked", RED),
        Flag.NEEDS_ACTION,
    )
    REPAIRING = "repairing", ("Đang sửa chữa", "Being repaired"), Mark("monument-tools", BLUE)
    DESTROYED = "destroyed", ("Bị hủy hoại", "Destroyed"), Mark("monument-missing", RED), Flag.NEEDS_ACTION
    MOVED = "moved", ("Bị xê dịch", "Moved"), Mark("monument-warning", RED), Flag.NEEDS_ACTION
    MISSING = "missing", ("Bị mất", "Missing"), Mark("monument-missing", RED), Flag.NEEDS_ACTION
    NOT_BUILT = "not_built", ("Chưa xây dựng", "Not built"), Mark("monument-missing", SKY)
    LEGACY = "legacy", ("Mốc cũ", "Legacy marker"), Mark("monument", SKY)

    @classmethod
    def transitions(cls) -> list[tuple[str, str]]:
        """From any condition to any other."""
        return [(condition.value, to.value) for condition in cls for to in cls if condition is not to]


class Marker(
    BorderFeature,
    layer="markers",
    title=("Mốc quốc giới", "Boundary markers"),
    style_field="condition",
    order=("border", "number"),
    label_sql="number",
    display=Display(
        label=("Mốc {number}", "Marker {number}"),
        singular=("mốc quốc giới", "boundary marker"),
        on_map="{number}",
        columns=("number", "border", "kind", "condition", "inspected_on", "built_by", "responsible_side", "remark"),
        filters=("border", "condition", "kind"),
        facts=("class", "built_by", "responsible_side", "inspected_on", "remark"),
        mark=Mark("monument", GREY),
        group=Group.LINE,
        rank=90,
        drawn_at_first=True,
        fixed=True,
        link_role="subject",
    ),
    unique=("border", "number"),
):
    """A numbered marker of the boundary (mốc quốc giới), such as 96 or 147/6."""

    border: Mapped[Border] = field("Tuyến biên giới", "Border", sort_order=-50)
    number: Mapped[str] = field("Số hiệu", "Number", max_length=20)
    kind: Mapped[MarkerKind | None] = field("Mốc chính, phụ, ngã ba", "Main, sub or tripoint")
    class_: Mapped[MarkerClass | None] = field(
        "Loại mốc (A, B, C; lớn, trung, nhỏ)", "Class (A, B, C; large, medium, small)"
    )
    condition: Mapped[Condition] = field("Tình trạng", "Condition", default=Condition.UNKNOWN)
    built_by: Mapped[Side | None] = field("Bên xây dựng", "Built by")
    responsible_side: Mapped[Side | None] = field("Bên chịu trách nhiệm", "Responsible side")
    inspected_on: Mapped[dt.date | None] = field("Ngày kiểm tra gần nhất", "Last inspected on", writable=False)
    remark: Mapped[str | None] = field("Ghi chú", "Remark", level=Level.INTERNAL)
    geom: Mapped[Any] = geometry("POINT")

    def derive(self, session: Session) -> None:
        """Derive the chainage; the address of a marker is its number."""
        super().derive(session)
        self.address = self.number


@create_command(Marker)
def create_marker(session: Session, values: Mapping[str, Any]) -> Marker:
    """Create a marker. Its kind follows from its number, which must be unique on its border.

    With a position it becomes an anchor, so assumed positions and addresses on the border are updated.
    """
    number = _parse_number(values["number"])
    kind = MarkerKind.SUB if number.sub else MarkerKind.MAIN
    marker = store_new(session, Marker, {"kind": kind, **values, "number": str(number)})
    if marker.geom is not None:
        _update_dependents(session, marker.border)
    return marker


def _update_dependents(session: Session, border: Border) -> None:
    """Update what is derived from the positions of a border's markers."""
    update_assumed_positions(session, border)
    update_addresses(session, border)


@update_command(Marker)
def correct(session: Session, marker: Marker, values: Mapping[str, Any]) -> None:
    """Correct a marker; a new position updates assumed positions and addresses on its border.

    Raises ``Conflict`` if a weaker position source would replace a stronger one, such as GPS a protocol coordinate.
    """
    if "number" in values:
        values = {**values, "number": str(_parse_number(values["number"]))}
    has_location = GEOMETRY in values or PLACE in values
    if has_location or "position_source" in values:
        _refuse_weaker_source(marker, PositionSource(values.get("position_source") or PositionSource.MAP))
    store_update(session, Marker.layer, marker, values)
    if has_location and marker.geom is not None:
        _update_dependents(session, marker.border)


def _parse_number(number: str) -> MarkerNumber:
    try:
        return MarkerNumber.parse(number)
    except NotAnAddress as fault:
        raise Invalid(fault.reason, [FieldError("number", "not_a_number", fault.reason)]) from None


def _refuse_weaker_source(marker: Marker, source: PositionSource) -> None:
    strength = list(PositionSource)
    if strength.index(source) > strength.index(marker.position_source):
        raise Conflict(
            Text(
                f"Vị trí theo “{source.title.vi}” không thay thế được vị trí theo “{marker.position_source.title.vi}”",
                f"A position by “{source.title.en}” cannot replace one by “{marker.position_source.title.en}”",
            )
        )


@dataclass(frozen=True)
class Anchor:
    """A point with a known chainage between which markers are interpolated; chainage and accuracy are metres.

    ``sequence`` is its position among the numbers of its border (``MarkerNumber.sequence``).
    """

    sequence: float
    chainage_m: float
    accuracy_m: float


@dataclass(frozen=True)
class AssumedPosition:
    """An interpolated chainage and its accuracy, in metres."""

    chainage_m: float
    accuracy_m: float


def interpolate_position(sequence: float, anchors: Sequence[Anchor]) -> AssumedPosition | None:
    """Interpolate a sequence value between its neighbours in ``anchors``, which are ordered; None beyond the ends.

    The accuracy is the larger of the nearer anchor's and ``ASSUMED_ACCURACY_SHARE`` of the distance from it.
    """
    for before, after in pairwise(anchors):
        if before.sequence <= sequence <= after.sequence:
            share = (sequence - before.sequence) / (after.sequence - before.sequence)
            chainage = before.chainage_m + share * (after.chainage_m - before.chainage_m)
            nearer = min(before, after, key=lambda anchor: abs(anchor.chainage_m - chainage))
            accuracy = max(nearer.accuracy_m, ASSUMED_ACCURACY_SHARE * abs(nearer.chainage_m - chainage))
            return AssumedPosition(chainage, accuracy)
    return None


def update_assumed_positions(session: Session, border: Border) -> int:
    """Update the assumed positions on a border; returns the number of markers whose position has changed."""
    markers = list(session.scalars(select(Marker).where(Marker.border == border, Marker.retired_at.is_(None))))
    changed = interpolate_positions(session, border, markers)
    session.flush()
    return changed


def interpolate_positions(session: Session, border: Border, markers: Sequence[Marker]) -> int:
    """Assume the positions of those of a border's ``markers`` that have no known one; returns how many changed.

    Anchors are the markers with a known position and the rows of ``marker_anchors``; if both have the same number,
    the marker is the anchor.
    """
    numbers = [MarkerNumber.parse(marker.number) for marker in markers]
    largest_sub: dict[int, int] = defaultdict(int)
    for number in numbers:
        largest_sub[number.main] = max(largest_sub[number.main], number.sub or 0)
    anchors = _anchors(session, border, list(zip(markers, numbers, strict=True)), largest_sub)
    return sum(
        _apply_assumed_position(
            session, marker, interpolate_position(number.sequence(largest_sub[number.main]), anchors)
        )
        for marker, number in zip(markers, numbers, strict=True)
        if not _has_known_position(marker)
    )


def _has_known_position(marker: Marker) -> bool:
    return marker.position_source not in (None, PositionSource.NONE, PositionSource.ASSUMED)


def _anchors(
    session: Session,
    border: Border,
    markers: Sequence[tuple[Marker, MarkerNumber]],
    largest_sub: Mapping[int, int],
) -> list[Anchor]:
    """The anchors of a border in order; ``largest_sub`` is the largest sub-number after each main number."""
    known: dict[float, Anchor] = {}
    for marker_number, chainage, accuracy in session.execute(
        text("select number, chainage_m, accuracy_m from app.marker_anchors where border = :border"),
        {"border": border.value},
    ):
        number = MarkerNumber.parse(marker_number)
        sequence = number.sequence(max(largest_sub[number.main], number.sub or 0))
        known[sequence] = Anchor(sequence, chainage, accuracy)
    for marker, number in markers:
        if marker.chainage_m is not None and _has_known_position(marker):
            sequence = number.sequence(largest_sub[number.main])
            known[sequence] = Anchor(sequence, marker.chainage_m, marker.accuracy_m or 0)
    ordered = [known[sequence] for sequence in sorted(known)]
    # The chainage of anchors must increase with their numbers; others are left out.
    consistent: list[Anchor] = []
    for anchor in ordered:
        if not consistent or anchor.chainage_m > consistent[-1].chainage_m:
            consistent.append(anchor)
    return consistent


def _apply_assumed_position(session: Session, marker: Marker, assumption: AssumedPosition | None) -> bool:
    """Set, change or remove the assumed position of a marker; returns whether it has changed."""
    if assumption is None or assumption.accuracy_m > MAX_ASSUMED_ACCURACY_M:
        if marker.geom is None:
            return False
        marker.geom, marker.accuracy_m, marker.chainage_m = None, None, None
        marker.position_source, marker.address = PositionSource.NONE, marker.number
        return True
    chainage = round(assumption.chainage_m, 1)
    if marker.chainage_m == chainage and marker.geom is not None:
        return False
    at = result_of(linear.point_at(session, marker.border.value, chainage))
    if at is None:
        raise Missing(Text("Chưa có dữ liệu đường biên giới", "There is no boundary line yet"))
    set_geometry(marker, Point(*at))
    marker.chainage_m, marker.accuracy_m = chainage, round(assumption.accuracy_m)
    marker.position_source, marker.address = PositionSource.ASSUMED, marker.number
    return True


class MarkerAnchor(UnjournalledRecord, table="marker_anchors", read_level=Level.INTERNAL):
    """The chainage of a marker number where no marker is surveyed; used for assumed positions only."""

    border: Mapped[Border] = mapped_column(CodeListType(Border), primary_key=True)
    number: Mapped[str] = mapped_column(SqlText, primary_key=True)
    chainage_m: Mapped[float]
    accuracy_m: Mapped[float]
    source: Mapped[str] = mapped_column(SqlText)
