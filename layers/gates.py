"""Border gates (cửa khẩu): their category over time, their planned category, and the stage of opening or upgrading.

A gate has dated events, a current category with its validity, and planning lines for 2030 and 2050, which are not its
category (Decree 112/2014/NĐ-CP as amended by 34/2023/NĐ-CP; Decisions 1199 and 1200/QĐ-TTg).
"""

import datetime as dt
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Mapped

from gis.db import Session
from gis.model import (
    INK,
    ChildRecord,
    Children,
    DerivedSql,
    Display,
    Mark,
    Row,
    derived,
    field,
    geometry,
)
from gis.text import Conflict, FieldError, Invalid, Text, format_date, invalid, today
from gis.write import (
    bodies,
    child_resources,
    create_command,
    store_new,
    store_transition,
    store_update,
    transition_command,
    update_command,
)
from layers.border_feature import BorderFeature
from layers.gate_codes import Category, EventKind, GateStage, Mode
from layers.groups import Group

PLANS = Children("gate_plans", ("category", "horizon", "on"))
EVENTS = Children("gate_events", ("kind", "on", "precision", "document", "note", "created_at"))

EVENT_JSON = "json_build_object('kind', kind, 'on', \"on\", 'precision', precision, 'document', document, 'note', note)"


def _planned_category(horizon: int) -> DerivedSql:
    """The category planned for a year by the latest decision."""
    return lambda row: row.select("category", PLANS, [f"horizon = {horizon}"], order_by='"on" desc', limit=1)


def _last_event(row: Row) -> str:
    """The latest event up to the date of reading."""
    return row.select(EVENT_JSON, EVENTS, [f'"on" <= {row.today}'], order_by='"on" desc, created_at desc', limit=1)


def _next_event(row: Row) -> str:
    """The first event after the date of reading."""
    return row.select(EVENT_JSON, EVENTS, [f'"on" > {row.today}'], order_by='"on", created_at', limit=1)


class Gate(
    BorderFeature,
    layer="gates",
    title=("Cửa khẩu", "Border gates"),
    style_field="category",
    order=("border", "name"),
    label_sql="name",
    display=Display(
        label="{name} – {counterpart}",
        singular=("cửa khẩu", "border gate"),
        on_map="{name}",
        under=("stage", "next_event", "border"),
        beside=("category",),
        columns=("name", "category", "planned_2030", "planned_2050", "stage", "last_event", "next_event"),
        filters=("border", "category", "planned_2030", "stage"),
        facts=("category", "planned_2030", "last_event", "next_event"),
        mark=Mark("gate-planned", INK),
        group=Group.PASSAGE,
        rank=40,
        drawn_at_first=True,
        tab=True,
        fixed=True,
        link_role="gate",
        status_by="events",
    ),
):
    """A border gate and its counterpart on the other side."""

    name: Mapped[str] = field("Tên", "Name", max_length=200)
    counterpart: Mapped[str | None] = field("Cửa khẩu đối diện", "Counterpart", max_length=200)
    counterpart_place: Mapped[str | None] = field("Địa bàn phía bạn", "Counterpart's area", max_length=200)
    category: Mapped[Category | None] = field("Loại hình", "Category")
    category_since: Mapped[dt.date | None] = field("Áp dụng loại hình từ ngày", "Category in effect since")
    mode: Mapped[Mode | None] = field("Loại hình giao thông", "Mode of transport")
    stage: Mapped[GateStage | None] = field("Giai đoạn mở, nâng cấp", "Stage of opening or upgrading")
    province: Mapped[str | None] = field("Tỉnh", "Province", max_length=100)
    former_province: Mapped[str | None] = field("Tỉnh cũ", "Former province", max_length=100)
    commune: Mapped[str | None] = field("Xã, phường", "Commune", max_length=100)
    aliases: Mapped[list[str] | None] = field("Tên khác", "Aliases")
    planned_2030 = derived(
        "Quy hoạch đến năm 2030", "Planned by 2030", _planned_category(2030), reads=(PLANS,), codes=Category
    )
    planned_2050 = derived(
        "Tầm nhìn đến năm 2050", "Vision for 2050", _planned_category(2050), reads=(PLANS,), codes=Category
    )
    last_event = derived("Sự kiện gần nhất", "Last event", _last_event, reads=(EVENTS,), type="json")
    next_event = derived("Sự kiện sắp tới", "Next event", _next_event, reads=(EVENTS,), type="json")
    geom: Mapped[Any] = geometry("POINT")


class GateEvent(ChildRecord, table="gate_events", parent=Gate, title=("Sự kiện", "Event"), order="-on"):
    """A past or future event at a gate, with its date."""

    kind: Mapped[str] = field("Sự kiện", "Kind", max_length=40)
    on: Mapped[dt.date] = field("Ngày", "On")
    precision: Mapped[str] = field("Độ chính xác của ngày", "Precision of the date", max_length=10)
    document: Mapped[str | None] = field("Văn bản", "Document", max_length=200, register="documents")
    note: Mapped[str | None] = field("Ghi chú", "Note")
    source: Mapped[str | None] = field("Nguồn", "Source", max_length=1000)

    def readable_values(self) -> dict[str, Any]:
        """The id, and the fields."""
        return {"id": self.id, **super().readable_values()}


class GateCategory(
    ChildRecord,
    table="gate_categories",
    parent=Gate,
    title=("Loại hình cửa khẩu", "Category"),
    order="-valid_from",
):
    """A category that a gate had or has, with its validity and the document that decided it."""

    category: Mapped[Category] = field("Loại hình", "Category")
    valid_from: Mapped[dt.date | None] = field("Từ ngày", "Valid from")
    valid_to: Mapped[dt.date | None] = field("Đến ngày", "Valid to")
    document: Mapped[str | None] = field("Văn bản", "Document", max_length=200, register="documents")
    source: Mapped[str | None] = field("Nguồn", "Source", max_length=1000)


class GatePlan(ChildRecord, table="gate_plans", parent=Gate, title=("Quy hoạch", "Planning line"), order="horizon"):
    """A planning line: the category planned for 2030 or 2050, which is not the gate's category."""

    horizon: Mapped[int] = field("Thời kỳ quy hoạch", "Planning period")
    category: Mapped[Category] = field("Loại hình theo quy hoạch", "Planned category")
    mode: Mapped[Mode | None] = field("Loại hình giao thông", "Mode of transport")
    decision: Mapped[str | None] = field("Quyết định", "Decision", max_length=200, register="documents")
    on: Mapped[dt.date] = field("Ngày quyết định", "Decided on")
    source: Mapped[str | None] = field("Nguồn", "Source", max_length=1000)


def record_category(
    session: Session,
    gate: Gate,
    *,
    category: Category,
    valid_from: dt.date | None,
    valid_to: dt.date | None,
    document: str | None,
    source: str | None,
) -> GateCategory:
    """Record a category of a gate, with its validity and the document that decided it.

    One without an end becomes the gate's category and ends the previous one. Raises ``Invalid`` if it begins after its
    end, or if it is the present category already.
    """
    if valid_from is not None and valid_to is not None and valid_from > valid_to:
        raise invalid("valid_to", "range", "Ngày kết thúc trước ngày bắt đầu", "It ends before it begins")
    if valid_to is None:
        if gate.category is category:
            raise invalid("category", "current", "Đây đang là loại hình hiện tại", "This is the present category")
        current = session.scalars(select(GateCategory).filter_by(feature_id=gate.id, valid_to=None))
        for previous in current:
            previous.valid_to = valid_from or today()
        store_update(session, Gate.layer, gate, {"category": category, "category_since": valid_from or today()})
    row: GateCategory = child_resources.store_child_row(
        GateCategory,
        session,
        gate,
        category=category,
        valid_from=valid_from or (today() if valid_to is None else None),
        valid_to=valid_to,
        document=document,
        source=source,
    )
    return row


EVENT_KINDS = {kind.value: kind.title for kinds in (GateStage, EventKind) for kind in kinds}


@create_command(Gate)
def create_gate(session: Session, values: Mapping[str, Any]) -> Gate:
    """Create a gate; its category is also recorded in the list of categories, with its date."""
    gate: Gate = store_new(session, Gate, values)
    if gate.category is not None:
        session.add(GateCategory(feature_id=gate.id, category=gate.category, valid_from=gate.category_since))
        session.flush()
    return gate


@update_command(Gate)
def correct(session: Session, gate: Gate, values: Mapping[str, Any]) -> None:
    """Correct a gate, and the list of its categories accordingly.

    A new category is in effect since ``category_since``, by default since today, and ends the previous one on that day.
    ``category_since`` without a new category corrects the day on which the present one began and the previous one
    ended. Raises ``Invalid`` for a day on which an earlier category was in effect.
    """
    category, since = gate.category, gate.category_since
    if "category" in values and values["category"] != category:
        _change_category(session, gate, values)
        return
    store_update(session, Gate.layer, gate, values)
    if gate.category_since != since:
        _correct_start_of_category(session, gate, since)
        session.flush()


def _change_category(session: Session, gate: Gate, values: Mapping[str, Any]) -> None:
    """Give a gate another category, or none, and end the validity of the present one."""
    changed_on, restored = values.get("category_since") or today(), _restored_category(session, gate, values)
    if restored is not None:
        changed_on, values = restored.valid_to, {**values, "category_since": restored.valid_from}
    elif values["category"] is not None:
        values = {**values, "category_since": changed_on}
    else:
        values = {"category_since": None, **values}
    store_update(session, Gate.layer, gate, values)
    _end_categories(session, gate, changed_on)
    if restored is not None:
        restored.valid_to = None
    elif gate.category is not None:
        session.add(GateCategory(feature_id=gate.id, category=gate.category, valid_from=changed_on))
    session.flush()


def _restored_category(session: Session, gate: Gate, values: Mapping[str, Any]) -> GateCategory | None:
    """The category that the present one has replaced, if the change takes that back, as “Undo” on the page does.

    It does so with the day on which the earlier category began or, without a day, on the day on which it was replaced.
    """
    recorded = session.scalars(select(GateCategory).filter_by(feature_id=gate.id)).all()
    previous = max((row for row in recorded if row.valid_to is not None), key=attrgetter("valid_to"), default=None)
    present = next((row for row in recorded if row.valid_to is None), None)
    if (
        previous is None
        or previous.category != values["category"]
        or (present is not None and present.valid_from != previous.valid_to)
    ):
        return None
    if "category_since" in values:
        return previous if values["category_since"] == previous.valid_from else None
    return previous if previous.valid_to == today() else None


def _end_categories(session: Session, gate: Gate, on: dt.date) -> None:
    """End the validity of the present category; one that began on that day was in effect on no day and is deleted."""
    for recorded in session.scalars(select(GateCategory).filter_by(feature_id=gate.id)):
        _refuse_start_before(recorded.valid_to or recorded.valid_from, on)
        if recorded.valid_to is None and recorded.valid_from == on:
            session.delete(recorded)
        elif recorded.valid_to is None:
            recorded.valid_to = on


def _correct_start_of_category(session: Session, gate: Gate, before: dt.date | None) -> None:
    """Record the corrected day on which the present category began; ``before`` is the day recorded so far."""
    since = gate.category_since
    for recorded in session.scalars(select(GateCategory).filter_by(feature_id=gate.id)):
        if recorded.valid_to is None:
            recorded.valid_from = since
        elif since is not None:
            is_previous = recorded.valid_to == before
            _refuse_start_before(recorded.valid_from if is_previous else recorded.valid_to, since)
            if is_previous:
                recorded.valid_to = since


def _refuse_start_before(earlier: dt.date | None, since: dt.date) -> None:
    """Raise ``Invalid`` if a category would begin before the beginning or the end of an earlier one."""
    if earlier is not None and since < earlier:
        day = format_date(earlier)
        raise invalid(
            "category_since",
            "range",
            f"Loại hình trước đó được ghi nhận đến hoặc từ ngày {day}; ngày áp dụng không được sớm hơn",
            f"An earlier category is recorded until or since {day}; this one cannot be in effect before that day",
        )


@transition_command(Gate)
def refuse_transition_without_event(_session: Session, _gate: Gate, _to: str, _reason: str) -> None:
    """Refuse every transition: a stage changes only by a dated event with its document. Raises ``Conflict``."""
    raise Conflict(
        Text(
            "Giai đoạn mở, nâng cấp chỉ được cập nhật qua sự kiện có ngày và văn bản (…/events)",
            "The stage changes only by an event with a date and a document: POST …/events",
        )
    )


class NewEvent(bodies.CommandBody):
    """An event to record; a stage requires the number of its document."""

    kind: bodies.RequiredText
    on: bodies.RequiredDate
    document: bodies.Note = None
    note: bodies.Note = None


def record_event(
    session: Session, gate: Gate, *, kind: str, on: dt.date, document: str | None, note: str | None
) -> GateEvent:
    """Record an event of a gate: ``{"kind", "on", "document", "note"}``.

    An event that is a stage and is not in the future sets the gate's stage. Raises ``Invalid`` for an unknown kind or a
    stage without its document, ``Conflict`` for a transition that the stages do not allow.
    """
    if kind not in EVENT_KINDS:
        kinds = ", ".join(EVENT_KINDS)
        raise invalid("kind", "code", f"Phải là một trong: {kinds}", f"Must be one of: {kinds}")
    for name, value in (("document", document), ("note", note)):
        if value:
            Gate.check_text(name, value)
    is_stage = kind in [stage.value for stage in GateStage]
    if is_stage and not document:
        detail = Text("Giai đoạn này cần số văn bản làm căn cứ", "A stage requires the number of its document")
        raise Invalid(detail, [FieldError("document", "missing", detail)])
    event = GateEvent(feature_id=gate.id, kind=kind, on=on, precision="day", document=document, note=note)
    session.add(event)
    if is_stage and on <= today() and kind != (gate.stage.value if gate.stage else None):
        store_transition(session, Gate.layer, gate, kind)
    session.flush()
    return event


child_resources.declare_child_resource(
    Gate,
    "events",
    child_resources.ChildResource(
        summary="The events, the categories and the planning lines of a gate, as of as_of.",
        tables={"events": GateEvent, "categories": GateCategory, "plans": GatePlan},
        body=NewEvent,
        record=record_event,
        codes={"kind": EVENT_KINDS},
    ),
)
child_resources.declare_child_resource(
    Gate,
    GateCategory.path,
    child_resources.ChildResource(
        summary="The categories of a gate, as of as_of.",
        tables={GateCategory.path: GateCategory},
        body=child_resources.row_body(GateCategory),
        record=record_category,
    ),
)
