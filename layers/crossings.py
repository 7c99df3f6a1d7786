"""Crossings (điểm qua lại): border openings, clearance lanes and dedicated freight roads.

Lanes and dedicated roads belong to an international or main gate (Decree 34/2023/NĐ-CP); openings stand alone.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Mapped

from gis.db import Session
from gis.model import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    INK,
    CodeList,
    DerivedSql,
    Display,
    Field,
    Link,
    Linked,
    Mark,
    Status,
    create_link,
    delete_link,
    derived,
    field,
    field_types,
    geometry,
    transitions_to,
)
from gis.text import Text, invalid
from gis.write import GEOMETRY, PLACE, create_command, store_new, store_update, update_command
from layers.border import Border
from layers.border_feature import BorderFeature
from layers.gates import Gate
from layers.groups import Group


class CrossingKind(CodeList):
    """The kind of crossing, by the rule under which it is opened."""

    OPENING = "opening", ("Lối mở biên giới", "Border opening")
    CLEARANCE_LANE = "clearance_lane", ("Lối thông quan", "Clearance lane")
    DEDICATED_ROAD = "dedicated_road", ("Đường chuyên dụng", "Dedicated road")


class CrossingState(Status):
    """Whether it is open (the status of the layer)."""

    PLANNED = "planned", ("Dự kiến", "Planned"), Mark("lane", BLUE), transitions_to("open")
    OPEN = "open", ("Đang mở", "Open"), Mark("lane", GREEN), transitions_to("suspended", "closed")
    SUSPENDED = "suspended", ("Tạm dừng", "Suspended"), Mark("lane", AMBER), transitions_to("open", "closed")
    CLOSED = "closed", ("Đã đóng", "Closed"), Mark("lane", GREY)


GATE_ROLE = "gate"
"""The role of the link to the gate that a crossing belongs to."""

LINKED_GATES = Linked("gates", ("id", "name"), role=GATE_ROLE)
"""The gate by the link to it, so that only readers who may see the gate read its name."""


def _of_gate(column: str) -> DerivedSql:
    """A column of the gate that the crossing belongs to."""
    return lambda row: row.select(column, LINKED_GATES, order_by="linked_at", limit=1)


class Crossing(
    BorderFeature,
    layer="crossings",
    title=("Lối mở, lối thông quan, đường chuyên dụng", "Crossings"),
    style_field="state",
    order=("border", "name"),
    label_sql="name",
    display=Display(
        label="{name}",
        singular=("lối mở, lối thông quan, đường chuyên dụng", "crossing"),
        on_map="{name}",
        under=("kind", "gate", "address"),
        beside=("state",),
        columns=("name", "kind", "state", "gate", "border", "address", "opened_on"),
        filters=("border", "kind", "state"),
        mark=Mark("lane", INK),
        hidden=("gate_id",),
        group=Group.PASSAGE,
        rank=50,
        drawn_at_first=True,
        fixed=True,
        link_role="subject",
    ),
):
    """A place outside of the gates where people or goods cross the border."""

    border: Mapped[Border] = field("Tuyến biên giới", "Border", sort_order=-50)
    name: Mapped[str] = field("Tên", "Name", max_length=200)
    kind: Mapped[CrossingKind] = field("Loại", "Kind")
    section: Mapped[str | None] = field("Đoạn", "Section", max_length=60)
    state: Mapped[CrossingState] = field("Tình trạng", "State", default=CrossingState.PLANNED)
    opened_on: Mapped[dt.date | None] = field("Ngày mở", "Opened on")
    counterpart: Mapped[str | None] = field("Phía đối diện", "Counterpart", max_length=200)
    aliases: Mapped[list[str] | None] = field("Tên khác", "Aliases")
    note: Mapped[str | None] = field("Ghi chú", "Note")
    gate_id = derived("Mã cửa khẩu", "Gate's id", _of_gate("id"), reads=(LINKED_GATES,), type="uuid")
    gate = derived("Thuộc cửa khẩu", "Gate", _of_gate("name"), reads=(LINKED_GATES,))
    geom: Mapped[Any] = geometry("GEOMETRY")


Crossing.layer.extra_writable["gate"] = Field("gate", Text("Thuộc cửa khẩu", "Gate"), field_types.TEXT, max_length=200)


@create_command(Crossing)
def create_crossing(session: Session, values: Mapping[str, Any]) -> Crossing:
    """Create a crossing; a lane or road requires its gate, and a section locates it along the line."""
    fields, gate = _resolve_gate(session, values)
    if fields["kind"] is not CrossingKind.OPENING and gate is None:
        raise invalid(
            "gate",
            "missing",
            "Lối thông quan, đường chuyên dụng phải thuộc một cửa khẩu",
            "`gate` is required for a clearance lane or dedicated road",
        )
    if fields.get("section") and not fields.get(PLACE) and not fields.get(GEOMETRY):
        fields[PLACE] = {"text": fields["section"], "border": fields["border"].value}
    crossing = store_new(session, Crossing, fields)
    if gate is not None:
        create_link(session, crossing.id, gate, GATE_ROLE)
    return crossing


@update_command(Crossing)
def correct(session: Session, crossing: Crossing, values: Mapping[str, Any]) -> None:
    """Correct a crossing; another gate replaces the one it belonged to."""
    fields, gate = _resolve_gate(session, values)
    store_update(session, Crossing.layer, crossing, fields)
    if gate is None:
        return
    for former in session.scalars(
        select(Link).filter_by(feature_id=crossing.id, role=GATE_ROLE).where(Link.to_id != gate)
    ):
        delete_link(session, crossing.id, former.id)
    create_link(session, crossing.id, gate, GATE_ROLE)


def _resolve_gate(session: Session, values: Mapping[str, Any]) -> tuple[dict[str, Any], uuid.UUID | None]:
    """The values without ``gate``, and the id of the gate that ``gate`` names or identifies."""
    fields = {name: value for name, value in values.items() if name != "gate"}
    name_or_id = values.get("gate")
    if name_or_id is None:
        return fields, None
    condition = Gate.name == name_or_id
    with suppress(ValueError):
        condition = Gate.id == uuid.UUID(name_or_id)
    gate_ids = session.scalars(select(Gate.id).where(condition, Gate.retired_at.is_(None))).all()
    if len(gate_ids) != 1:
        raise invalid("gate", "unknown", f"Không có cửa khẩu '{name_or_id}'", f"There is no gate '{name_or_id}'")
    return fields, gate_ids[0]
