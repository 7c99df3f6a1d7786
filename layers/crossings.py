"""Crossings (điểm qua lại): border openings, clearance lanes and dedicated freight roads.

Lanes and dedicated roads belong to an international or main gate (Decree 34/2023/NĐ-CP); openings stand alone.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from gis.changes import amend, changes, creates, put
from gis.drafts import GEOMETRY, PLACE
from gis.errors import invalid
from gis.fields import Field, derived, field, geometry
from gis.language import Text
from gis.status import AMBER, BLUE, GREEN, GREY, CodeList, Mark, Status, onward
from layers.borders import Border
from layers.gates import Gate
from layers.places import BorderFeature


class CrossingKind(CodeList):
    """Which rule it is opened under."""

    OPENING = "opening", ("Lối mở biên giới", "Border opening")
    CLEARANCE_LANE = "clearance_lane", ("Lối thông quan", "Clearance lane")
    DEDICATED_ROAD = "dedicated_road", ("Đường chuyên dụng", "Dedicated road")


class CrossingState(Status):
    """Whether it is open."""

    PLANNED = "planned", ("Dự kiến", "Planned"), Mark("lane", BLUE), onward("open")
    OPEN = "open", ("Đang mở", "Open"), Mark("lane", GREEN), onward("suspended", "closed")
    SUSPENDED = "suspended", ("Tạm dừng", "Suspended"), Mark("lane", AMBER), onward("open", "closed")
    CLOSED = "closed", ("Đóng", "Closed"), Mark("lane", GREY)


class Crossing(
    BorderFeature,
    layer="crossings",
    title=("Lối mở, lối thông quan", "Crossings"),
    drawn_by="state",
    order=("border", "name"),
    labelled_by="name",
):
    """A place beside the gates where people or goods cross."""

    border: Mapped[Border] = field("Tuyến biên giới", "Border", sort_order=-50)
    name: Mapped[str] = field("Tên", "Name", max_length=200)
    kind: Mapped[CrossingKind] = field("Loại", "Kind")
    section: Mapped[str | None] = field("Đoạn", "Section", max_length=60)
    state: Mapped[CrossingState] = field("Tình trạng", "State", default=CrossingState.PLANNED)
    opened_on: Mapped[dt.date | None] = field("Ngày mở", "Opened on")
    counterpart: Mapped[str | None] = field("Phía đối diện", "Counterpart", max_length=200)
    aliases: Mapped[list[str] | None] = field("Tên khác", "Aliases")
    note: Mapped[str | None] = field("Ghi chú", "Note")
    gate_id: Mapped[uuid.UUID | None] = field("Mã cửa khẩu", "Gate's id", receivable=False, references="gates.id")
    gate = derived("Thuộc cửa khẩu", "Gate", "select g.name from app.gates g where g.id = t.gate_id")
    geom: Mapped[Any] = geometry("GEOMETRY")


Crossing.layer.extra_receivable["gate"] = Field("gate", Text("Thuộc cửa khẩu", "Gate"), "text", max_length=200)


@creates(Crossing)
def plan(session: Session, values: Mapping[str, Any]) -> Crossing:
    """A new crossing; a lane or road needs the gate it belongs to, and a section draws it along the line."""
    given = _with_gate(session, values)
    if given["kind"] is not CrossingKind.OPENING and given.get("gate_id") is None:
        raise invalid(
            "gate",
            "missing",
            "Lối thông quan, đường chuyên dụng phải thuộc một cửa khẩu",
            "A lane or road needs its gate",
        )
    if given.get("section") and not given.get(PLACE) and not given.get(GEOMETRY):
        given[PLACE] = {"text": given["section"], "border": given["border"].value}
    return put(session, Crossing, given)


@changes(Crossing)
def correct(session: Session, crossing: Crossing, values: Mapping[str, Any]) -> None:
    """Correct a crossing."""
    amend(session, Crossing.layer, crossing, _with_gate(session, values))


def _with_gate(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    """The gate by name or id, as the gate's id."""
    given = {name: value for name, value in values.items() if name != "gate"}
    named = values.get("gate")
    if named is None:
        return given
    wanted = Gate.name == named
    with suppress(ValueError):
        wanted = Gate.id == uuid.UUID(named)
    found = session.scalars(select(Gate).where(wanted, Gate.retired_at.is_(None))).all()
    if len(found) != 1:
        raise invalid("gate", "unknown", f"Không có cửa khẩu '{named}'", f"There is no gate '{named}'")
    return {**given, "gate_id": found[0].id}
