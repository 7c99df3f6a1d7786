"""Inspections of boundary markers (kiểm tra mốc): the condition of a marker changes by an inspection only."""

import datetime as dt
import uuid

from sqlalchemy import text
from sqlalchemy.orm import Mapped

from gis.db import Session
from gis.model import ChildRecord, Level, field
from gis.text import Conflict, Text, invalid, today
from gis.write import child_resources, refresh, store_transition, transition_command
from layers.markers import Condition, Marker


class Inspection(ChildRecord, table="marker_inspections", parent=Marker, title=("Kiểm tra mốc", "Inspection")):
    """The condition of a marker on the day of an inspection."""

    on: Mapped[dt.date] = field("Ngày", "On")
    condition: Mapped[Condition] = field("Tình trạng", "Condition")
    note: Mapped[str | None] = field("Ghi chú", "Note", level=Level.INTERNAL)


@transition_command(Marker)
def inspect(session: Session, marker: Marker, to: str, reason: str) -> None:
    """Record an inspection with the condition ``to`` and its remark ``reason``.

    Raises ``Conflict`` for "being repaired" without a work under way at the marker.
    """
    _check_condition(session, marker, to)
    store_transition(session, Marker.layer, marker, to)
    _add_inspection(session, marker, today(), Condition(to), reason)


def _check_condition(session: Session, marker: Marker, condition: str) -> None:
    """Raise ``Conflict`` for "being repaired" without a work under way at the marker."""
    if condition == Condition.REPAIRING and not _under_repair(session, marker.id):
        raise Conflict(
            Text(
                "Chỉ chuyển sang “Đang sửa chữa” khi mốc này có công trình đang thi công",
                "The condition “being repaired” requires a work under way at this marker",
            )
        )


def _add_inspection(
    session: Session, marker: Marker, on: dt.date, condition: Condition, note: str | None
) -> Inspection:
    """Add an inspection, and set the day of the last one."""
    inspection: Inspection = child_resources.store_child_row(
        Inspection, session, marker, on=on, condition=condition, note=note
    )
    if marker.inspected_on is None or on > marker.inspected_on:
        marker.inspected_on = on
    session.flush()
    refresh(session, marker)
    return inspection


def record_inspection(
    session: Session, marker: Marker, *, on: dt.date, condition: Condition, note: str | None
) -> Inspection:
    """Record an inspection of a marker: ``{"on", "condition", "note"}``.

    The latest inspection decides the condition of the marker, under the rules of its transitions. Raises ``Invalid``
    for a day in the future.
    """
    if on > today():
        raise invalid("on", "future", "Ngày kiểm tra không được sau ngày hiện tại", "`on` must not be in the future")
    is_latest = marker.inspected_on is None or on >= marker.inspected_on
    if is_latest and condition is not marker.condition:
        _check_condition(session, marker, condition)
        store_transition(session, Marker.layer, marker, condition.value)
    return _add_inspection(session, marker, on, condition, note)


child_resources.declare_child_resource(
    Marker,
    Inspection.path,
    child_resources.ChildResource(
        summary="The inspections of a marker, as of as_of.",
        tables={Inspection.path: Inspection},
        body=child_resources.row_body(Inspection),
        record=record_inspection,
    ),
)


def _under_repair(session: Session, marker_id: uuid.UUID) -> bool:
    """Whether a work that is under way is linked to the marker."""
    return bool(
        session.execute(
            text(
                "select exists (select from app.links l join app.works w on w.id = l.feature_id"
                " where l.to_id = :id and w.stage = 'under_way' and w.retired_at is null)"
            ),
            {"id": marker_id},
        ).scalar()
    )
