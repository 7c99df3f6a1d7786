"""Border gates (cửa khẩu): pairs of gates, their category over time, what is planned, and how far an upgrade has got.

A gate has a timeline of dated events, a current category with its validity, and planning lines for 2030 and 2050
that are not its category (Decree 112/2014/NĐ-CP as amended by 34/2023/NĐ-CP; Decisions 1199 and 1200/QĐ-TTg).
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from gis.model import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    INK,
    RED,
    ChildRecord,
    Clearance,
    CodeList,
    Mark,
    Status,
    child_rows,
    derived,
    field,
    geometry,
)
from gis.text import TODAY_SQL, Conflict, FieldError, Invalid, Text, invalid, today
from gis.write import (
    create_command,
    store_new,
    store_transition,
    store_update,
    transition_command,
    update_command,
)
from layers.border_feature import BorderFeature


class Category(CodeList):
    """Who may pass (Decree 112/2014, Article 4, as amended 2023)."""

    INTERNATIONAL = "international", ("Quốc tế", "International"), Mark("gate-international", INK)
    MAIN = "main", ("Chính (song phương)", "Main (bilateral)"), Mark("gate-main", INK)
    LOCAL = "local", ("Phụ (địa phương)", "Local"), Mark("gate-local", INK)


class Mode(CodeList):
    """How one passes."""

    ROAD = "road", ("Đường bộ", "Road")
    RAIL = "rail", ("Đường sắt", "Rail")
    WATERWAY = "waterway", ("Đường thủy nội địa", "Inland waterway")


class GateStage(Status):
    """How far an opening or upgrade has got; forward only, each step by a dated event with its document."""

    IN_PLAN = "in_plan", ("Trong quy hoạch", "In the plan"), Mark("diamond", BLUE)
    SURVEY = "survey", ("Khảo sát, lập hồ sơ", "Survey"), Mark("circle", GREEN)
    COUNTERPART_CONSULT = (
        "counterpart_consult",
        ("Trao đổi với phía bạn", "Talks with the neighbour"),
        Mark("circle", GREEN),
    )
    MINISTRY_OPINIONS = "ministry_opinions", ("Lấy ý kiến bộ, ngành", "Opinions of ministries"), Mark("triangle", AMBER)
    PM_PRINCIPLE = (
        "pm_principle",
        ("Thủ tướng Chính phủ đồng ý chủ trương", "Approved in principle by the Prime Minister"),
        Mark("circle", GREEN),
    )
    GOV_RESOLUTION = "gov_resolution", ("Nghị quyết của Chính phủ", "Government resolution"), Mark("circle", GREEN)
    INFRASTRUCTURE = "infrastructure", ("Xây dựng hạ tầng", "Infrastructure"), Mark("circle", GREEN)
    FORCES_READY = "forces_ready", ("Bố trí lực lượng chức năng", "Competent forces in place"), Mark("circle", GREEN)
    ACCEPTANCE = "acceptance", ("Nghiệm thu", "Acceptance"), Mark("circle", GREEN)
    NOTE_EXCHANGE = "note_exchange", ("Trao đổi công hàm", "Exchange of notes"), Mark("circle", GREEN)
    OPENING_CEREMONY = "opening_ceremony", ("Lễ khai trương", "Opening ceremony"), Mark("check", GREY)
    OPERATING = "operating", ("Đang hoạt động", "Operating"), Mark("check", GREY)
    SUSPENDED = "suspended", ("Tạm dừng", "Suspended"), Mark("triangle", AMBER)
    CLOSED = "closed", ("Đã đóng", "Closed"), Mark("square", RED)

    @classmethod
    def transitions(cls) -> list[tuple[str, str]]:
        """From nothing to any step; forward along the row; suspended and closed from operating, and back again."""
        row = [stage.value for stage in cls if stage not in (cls.SUSPENDED, cls.CLOSED)]
        beside = [
            ("operating", "suspended"),
            ("operating", "closed"),
            ("suspended", "operating"),
            ("suspended", "closed"),
        ]
        return [("", stage.value) for stage in cls] + list(combinations(row, 2)) + beside + [("operating", "in_plan")]


class EventKind(CodeList):
    """What may happen to a gate: its stages, and what else is worth a date."""

    NOTE = "note", ("Ghi nhận", "Note")
    RESTORED = "restored", ("Khôi phục", "Restored")


PLANNED_CATEGORY = (
    "(select p.category from app.gate_plans_history p where p.feature_id = t.id and p.valid @> clock_timestamp()"
    " and p.horizon = {} order by p.on desc limit 1)"
)
EVENT_SQL = (
    "(select json_build_object('kind', e.kind, 'on', e.on, 'precision', e.precision, 'document', e.document,"
    " 'note', e.note) from app.gate_events_history e where e.feature_id = t.id"
    " and e.valid @> clock_timestamp() and e.on {}"
    " order by e.on {}, e.created_at {} limit 1)"
)


class Gate(
    BorderFeature,
    layer="gates",
    title=("Cửa khẩu", "Border gates"),
    style_field="category",
    order=("border", "name"),
    label_sql="name",
):
    """A border gate and its counterpart across the line."""

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
    planned_2030 = derived("Quy hoạch đến năm 2030", "Planned by 2030", PLANNED_CATEGORY.format(2030), codes=Category)
    planned_2050 = derived("Tầm nhìn đến năm 2050", "Vision for 2050", PLANNED_CATEGORY.format(2050), codes=Category)
    last_event = derived(
        "Sự kiện gần nhất", "Last event", EVENT_SQL.format(f"<= {TODAY_SQL}", "desc", "desc"), type="json"
    )
    next_event = derived("Sự kiện sắp tới", "Next event", EVENT_SQL.format(f"> {TODAY_SQL}", "asc", "asc"), type="json")
    geom: Mapped[Any] = geometry("POINT")


class GateEvent(ChildRecord, table="gate_events", parent=Gate, title=("Sự kiện", "Event")):
    """What happened, or is to happen, at a gate on a day."""

    kind: Mapped[str] = field("Sự kiện", "Kind", max_length=40)
    on: Mapped[dt.date] = field("Ngày", "On")
    precision: Mapped[str] = field("Độ chính xác của ngày", "Precision of the date", max_length=10)
    document: Mapped[str | None] = field("Văn bản", "Document", max_length=200)
    note: Mapped[str | None] = field("Ghi chú", "Note")
    source: Mapped[str | None] = field("Nguồn", "Source", max_length=1000)


class GateCategory(ChildRecord, table="gate_categories", parent=Gate, title=("Loại hình cửa khẩu", "Category")):
    """A category a gate had or has, with its validity and the paper that gave it."""

    category: Mapped[Category] = field("Loại hình", "Category")
    valid_from: Mapped[dt.date | None] = field("Từ ngày", "Valid from")
    valid_to: Mapped[dt.date | None] = field("Đến ngày", "Valid to")
    document: Mapped[str | None] = field("Văn bản", "Document", max_length=200)
    source: Mapped[str | None] = field("Nguồn", "Source", max_length=1000)


class GatePlan(ChildRecord, table="gate_plans", parent=Gate, title=("Quy hoạch", "Planning line")):
    """A planning line: the category aimed at by 2030 or 2050. It is not the gate's category."""

    horizon: Mapped[int] = field("Thời kỳ quy hoạch", "Planning period")
    category: Mapped[Category] = field("Loại hình theo quy hoạch", "Planned category")
    mode: Mapped[Mode | None] = field("Loại hình giao thông", "Mode of transport")
    decision: Mapped[str | None] = field("Quyết định", "Decision", max_length=200)
    on: Mapped[dt.date] = field("Ngày quyết định", "Decided on")
    source: Mapped[str | None] = field("Nguồn", "Source", max_length=1000)


EVENT_KINDS = {one.value: one.title for kinds in (GateStage, EventKind) for one in kinds}


@create_command(Gate)
def enter(session: Session, values: Mapping[str, Any]) -> Gate:
    """Enter a gate; the category it comes with is remembered with its date."""
    gate: Gate = store_new(session, Gate, values)
    if gate.category is not None:
        session.add(GateCategory(feature_id=gate.id, category=gate.category, valid_from=gate.category_since))
        session.flush()
    return gate


@update_command(Gate)
def correct(session: Session, gate: Gate, values: Mapping[str, Any]) -> None:
    """Correct a gate; a new category closes the old one on the day the new one begins."""
    before = gate.category
    store_update(session, Gate.layer, gate, values)
    if "category" in values and gate.category != before:
        since = values.get("category_since") or today()
        for old in session.scalars(select(GateCategory).filter_by(feature_id=gate.id, valid_to=None)):
            old.valid_to = since
        if gate.category is not None:
            session.add(GateCategory(feature_id=gate.id, category=gate.category, valid_from=since))
        session.flush()


@transition_command(Gate)
def refuse_transition_without_event(_session: Session, _gate: Gate, _to: str, _reason: str) -> None:
    """A stage changes by a dated event with its document, never by itself."""
    raise Conflict(
        Text(
            "Giai đoạn mở, nâng cấp chỉ được cập nhật qua sự kiện có ngày và văn bản (…/events)",
            "The stage of opening or upgrading changes only by an event with a date and a document (…/events)",
        )
    )


def record_event(
    session: Session, gate: Gate, *, kind: str, on: dt.date, document: str | None, note: str | None
) -> GateEvent:
    """Record what happened at a gate. A past event that is a further stage takes the gate there.

    Raises ``Invalid`` for an unknown kind or a stage without its document, ``Conflict`` for a step backward.
    """
    if kind not in EVENT_KINDS:
        words = ", ".join(EVENT_KINDS)
        raise invalid("kind", "code", f"Phải là một trong: {words}", f"Must be one of: {words}")
    for name, words_of in (("document", document), ("note", note)):
        if words_of:
            Gate.check_text(name, words_of)
    is_stage = kind in [one.value for one in GateStage]
    if is_stage and not document:
        detail = Text("Giai đoạn này cần số văn bản làm căn cứ", "This stage needs the number of its document")
        raise Invalid(detail, [FieldError("document", "missing", detail)])
    event = GateEvent(feature_id=gate.id, kind=kind, on=on, precision="day", document=document, note=note)
    session.add(event)
    if is_stage and on <= today() and kind != (gate.stage.value if gate.stage else None):
        store_transition(session, Gate.layer, gate, kind)
    session.flush()
    return event


def events(
    session: Session, gate_id: uuid.UUID, clearance: Clearance, as_of: dt.datetime | None = None
) -> list[GateEvent]:
    """A gate's timeline as ``reader`` may know of it, as recorded by then, newest first."""
    return sorted(child_rows(session, GateEvent, gate_id, clearance, as_of), key=lambda one: one.on, reverse=True)


def categories(
    session: Session, gate_id: uuid.UUID, clearance: Clearance, as_of: dt.datetime | None = None
) -> list[GateCategory]:
    """The categories a gate has had, the newest first."""
    found = child_rows(session, GateCategory, gate_id, clearance, as_of)
    return sorted(found, key=lambda one: one.valid_from or dt.date.min, reverse=True)


def plans(
    session: Session, gate_id: uuid.UUID, clearance: Clearance, as_of: dt.datetime | None = None
) -> list[GatePlan]:
    """A gate's planning lines, the nearest horizon first."""
    return sorted(child_rows(session, GatePlan, gate_id, clearance, as_of), key=lambda one: one.horizon)
