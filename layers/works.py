"""Works (công trình): repairs, reinforcements, landscape designs, densification by posts, smart gates.

A work has a stage, the body it waits on, its costs, and the dated steps of the procedure with the neighbour.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import CheckConstraint, select
from sqlalchemy.orm import Mapped

from gis.db import Session
from gis.model import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    RED,
    ChildRecord,
    Children,
    CodeList,
    Display,
    Field,
    Flag,
    Level,
    Mark,
    Status,
    create_link,
    derived,
    field,
    field_types,
    geometry,
)
from gis.text import Conflict, FieldError, Missing, Text, invalid, today
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
from layers.groups import Group
from layers.procedures import NOTICE_STEP, procedure_of
from layers.urgency import Urgency, urgency_of


class WorkKind(CodeList):
    """The kind of work."""

    REPAIR = "repair", ("Sửa chữa", "Repair")
    REINFORCE = "reinforce", ("Gia cố", "Reinforcement")
    REVETMENT = "revetment", ("Kè", "Revetment")
    LANDSCAPE_DESIGN = "landscape_design", ("Chỉnh trang cảnh quan", "Landscape design")
    DENSIFICATION = "densification", ("Cắm tăng dày cọc dấu", "Densification by posts")
    REBUILD = "rebuild", ("Xây dựng lại", "Rebuilding")
    NEW = "new", ("Cắm mới", "New marker")
    REMOVAL = "removal", ("Dỡ bỏ mốc cũ", "Removal of an old marker")
    SMART_GATE = "smart_gate", ("Cửa khẩu thông minh", "Smart gate")


class WorkStage(Status):
    """The stage of a work (the status of the layer)."""

    PROPOSED = "proposed", ("Đề xuất", "Proposed"), Mark("diamond", BLUE), Flag.NOT_BEGUN
    DESIGNED = "designed", ("Thiết kế", "Designed"), Mark("diamond", BLUE), Flag.NOT_BEGUN
    AWAITING_APPROVAL = (
        "awaiting_approval",
        ("Chờ phê duyệt", "Awaiting approval"),
        Mark("triangle", AMBER),
        Flag.NOT_BEGUN,
    )
    NOTIFIED = (
        "notified",
        ("Đã thông báo cho phía bạn", "Neighbour notified"),
        Mark("circle", GREEN),
        Flag.NOT_BEGUN,
    )
    UNDER_WAY = "under_way", ("Đang thi công", "Under way"), Mark("circle", GREEN)
    ACCEPTED = "accepted", ("Đã nghiệm thu", "Accepted"), Mark("check", GREY), Flag.FINISHED
    CLOSED = "closed", ("Đã đóng hồ sơ", "Closed"), Mark("check", GREY), Flag.FINISHED
    SUSPENDED = "suspended", ("Tạm dừng", "Suspended"), Mark("square", RED)

    @classmethod
    def transitions(cls) -> list[tuple[str, str]]:
        """To the next stage; from awaiting approval also to designed or under way; from accepted to under way.

        Any stage but closed can be suspended; ``advance`` lets a suspended work return only to its former stage.
        """
        in_order = ["proposed", "designed", "awaiting_approval", "notified", "under_way", "accepted", "closed"]
        to_next = list(pairwise(in_order))
        others = [("awaiting_approval", "designed"), ("accepted", "under_way"), ("awaiting_approval", "under_way")]
        suspensions = [pair for stage in in_order[:-1] for pair in ((stage, "suspended"), ("suspended", stage))]
        return to_next + others + suspensions


STEPS = Children("work_steps", ("ordinal", "code", "title_vi", "title_en", "due_on", "done_on"))

PROCEDURE_PROGRESS = """
case when count(*) > 0 then json_build_object('done', count(done_on), 'of', count(*),
    'next', (array_agg(json_build_object('code', code, 'title', json_build_object('vi', title_vi, 'en', title_en),
        'due_on', due_on) order by ordinal) filter (where done_on is null))[1]) end
"""
"""The progress of the procedure with the neighbour: the number of steps done, of all steps, and the next step."""


class Work(
    BorderFeature,
    layer="works",
    title=("Công trình", "Works"),
    style_field="urgency",
    order=("due_on", "title"),
    time="due_on",
    label_sql="title",
    geometry_from_links=True,
    display=Display(
        label="{title}",
        short="{address} · {kind}",
        singular=("công trình", "work"),
        under=("address", "unit", "clause"),
        beside=("due_on",),
        columns=(
            "title",
            "urgency",
            "stage",
            "procedure",
            "address",
            "unit",
            "due_on",
            "waiting_on",
            "progress",
        ),
        filters=("urgency", "stage", "kind", "unit", "plan"),
        since=(("waiting_on", "waiting_since"),),
        facts=(
            "unit",
            "clause",
            "starts_on",
            "due_on",
            "waiting_on",
            "cost_planned",
            "cost_approved",
            "cost_spent",
            "funding",
        ),
        hidden=("procedure", "waiting_since", "seed_item", "suspended_from"),
        group=Group.WORK,
        rank=20,
        drawn_at_first=True,
        tab=True,
        link_role="parent",
        checklist="steps",
    ),
):
    """A work on the border, most often at a marker."""

    indexes = (CheckConstraint("progress between 0 and 100", name="progress"),)

    title: Mapped[str] = field("Tên công trình", "Title", max_length=300)
    kind: Mapped[WorkKind] = field("Loại", "Kind")
    stage: Mapped[WorkStage] = field("Giai đoạn", "Stage", default=WorkStage.PROPOSED)
    starts_on: Mapped[dt.date | None] = field("Ngày dự kiến khởi công", "Planned start")
    due_on: Mapped[dt.date | None] = field("Thời hạn", "Due on")
    done_on: Mapped[dt.date | None] = field("Ngày hoàn thành", "Done on")
    progress: Mapped[int] = field("Tiến độ", "Progress", default=0, unit="%", minimum=0, maximum=100)
    waiting_on: Mapped[str | None] = field("Đang chờ (cơ quan, việc)", "Waiting on (office, matter)", max_length=300)
    waiting_since: Mapped[dt.date | None] = field("Chờ từ ngày", "Waiting since")
    unit: Mapped[str | None] = field("Đơn vị chủ trì", "Lead unit", max_length=200, register="units")
    plan: Mapped[str | None] = field("Kế hoạch", "Plan", max_length=300)
    clause: Mapped[str | None] = field("Căn cứ", "Clause", max_length=300)
    description: Mapped[str | None] = field("Nội dung", "Description", max_length=5000)
    seed_item: Mapped[str | None] = field("Mục trong văn bản", "Item of the plan", writable=False, max_length=20)
    cost_planned: Mapped[Decimal | None] = field(
        "Dự toán", "Planned cost", level=Level.INTERNAL, unit="triệu đồng", minimum=0
    )
    cost_approved: Mapped[Decimal | None] = field(
        "Kinh phí được phê duyệt", "Approved cost", level=Level.INTERNAL, unit="triệu đồng", minimum=0
    )
    cost_spent: Mapped[Decimal | None] = field(
        "Đã giải ngân", "Disbursed", level=Level.INTERNAL, unit="triệu đồng", minimum=0
    )
    funding: Mapped[str | None] = field("Nguồn vốn", "Funding", level=Level.INTERNAL, max_length=200)
    suspended_from: Mapped[str | None] = field(
        "Tạm dừng từ giai đoạn", "Suspended at stage", writable=False, max_length=40
    )
    procedure = derived(
        "Quy trình phối hợp với phía bạn",
        "Procedure with the neighbour",
        lambda row: row.select(PROCEDURE_PROGRESS, STEPS),
        reads=(STEPS,),
        type="json",
    )
    urgency = derived(
        "Tình trạng tiến độ",
        "Progress status",
        urgency_of("stage", WorkStage),
        codes=Urgency,
    )
    geom: Mapped[Any] = geometry("GEOMETRY")


Work.layer.extra_writable["link"] = Field("link", Text("Liên kết với", "Linked to"), field_types.UUID)


class WorkStep(
    ChildRecord, table="work_steps", parent=Work, title=("Bước quy trình", "Step of the procedure"), order="ordinal"
):
    """A step of the procedure with the neighbour in a work: its due date, the day it was done, and the document."""

    ordinal: Mapped[int] = field("Thứ tự", "Ordinal")
    code: Mapped[str] = field("Bước", "Step", max_length=40)
    title_vi: Mapped[str] = field("Tên bước", "Title", max_length=300)
    title_en: Mapped[str] = field("Tên bước (tiếng Anh)", "Title in English", max_length=300)
    due_on: Mapped[dt.date | None] = field("Thời hạn", "Due on")
    done_on: Mapped[dt.date | None] = field("Ngày thực hiện", "Done on")
    document: Mapped[str | None] = field("Văn bản", "Document", max_length=200, register="documents")
    note: Mapped[str | None] = field("Ghi chú", "Note", level=Level.INTERNAL)
    source: Mapped[str | None] = field("Nguồn quy định", "Source of the rule", max_length=500)

    def readable_values(self) -> dict[str, Any]:
        """The title in both languages, the code, the ordinal, and the other fields."""
        fields = super().readable_values()
        title = {"vi": fields.pop("title_vi"), "en": fields.pop("title_en")}
        return {"title": title, "code": fields.pop("code"), **fields}


KINDS_AT_MARKER = {
    WorkKind.REPAIR, WorkKind.REINFORCE, WorkKind.REVETMENT, WorkKind.DENSIFICATION, WorkKind.REBUILD, WorkKind.NEW,
    WorkKind.REMOVAL, WorkKind.LANDSCAPE_DESIGN,
}  # fmt: skip
"""The kinds of work that follow the procedure with the neighbour."""


@create_command(Work)
def propose(session: Session, values: Mapping[str, Any]) -> Work:
    """Create a work with the steps of the procedure with the neighbour. It requires a location or a link."""
    fields = dict(values)
    linked_to = fields.pop("link", None)
    work: Work = store_new(session, Work, fields)
    if work.geom is None and work.original is None and linked_to is None:
        raise invalid(
            "place",
            "missing",
            "Cần vị trí hoặc liên kết với một đối tượng",
            "`place`, `geometry` or `link` is required",
        )
    if linked_to is not None:
        create_link(session, work.id, linked_to, "subject")
    create_procedure_steps(session, work)
    return work


@update_command(Work)
def correct(session: Session, work: Work, values: Mapping[str, Any]) -> None:
    """Correct a work; another planned start moves the due date of the notice."""
    store_update(session, Work.layer, work, values)
    if "starts_on" in values:
        set_notice_due_date(session, work)


def create_procedure_steps(session: Session, work: Work) -> None:
    """Create the steps of its border's procedure for a work at a marker."""
    procedure = procedure_of(session, work.border)
    if procedure is None or work.kind not in KINDS_AT_MARKER:
        return
    for step in procedure.steps:
        session.add(
            WorkStep(
                feature_id=work.id,
                ordinal=step.ordinal,
                code=step.code,
                title_vi=step.title_vi,
                title_en=step.title_en,
                source=step.source,
            )
        )
    session.flush()
    set_notice_due_date(session, work)


def set_notice_due_date(session: Session, work: Work) -> None:
    """Set the due date of the notice: the procedure's number of days (ten with China) before the planned start."""
    procedure = procedure_of(session, work.border)
    notice = _notice_step_of(session, work)
    if procedure is not None and procedure.notice is not None and notice is not None:
        days = dt.timedelta(days=procedure.notice.notice_days or 0)
        notice.due_on = work.starts_on - days if work.starts_on else None
        session.flush()


def _notice_step_of(session: Session, work: Work) -> WorkStep | None:
    """The step of notice in the procedure of a work, or None."""
    return session.scalars(select(WorkStep).filter_by(feature_id=work.id, code=NOTICE_STEP)).one_or_none()


class StepDone(bodies.CommandBody):
    """The day on which a step was done, and the document of it."""

    code: bodies.RequiredText
    on: bodies.RequiredDate
    document: bodies.Note = None
    note: bodies.Note = None


def record_step(
    session: Session, work: Work, *, code: str, on: dt.date, document: str | None = None, note: str | None = None
) -> WorkStep:
    """Record that a procedure step of a work was done: ``{"code", "on", "document", "note"}``.

    Raises ``Missing`` if the work has no such step, ``Invalid`` for a day in the future.
    """
    step = session.scalars(select(WorkStep).filter_by(feature_id=work.id, code=code)).one_or_none()
    if step is None:
        raise Missing(Text(f"Công trình này không có bước '{code}'", f"This work has no step '{code}'"))
    if on > today():
        raise invalid("on", "future", "Ngày thực hiện không được sau ngày hiện tại", "`on` must not be in the future")
    for name, value in (("document", document), ("note", note)):
        if value:
            Work.check_text(name, value)
    step.done_on, step.document, step.note = on, document, note
    session.flush()
    return step


child_resources.declare_child_resource(
    Work,
    "steps",
    child_resources.ChildResource(
        summary="The procedure steps of a work in order, as of as_of.",
        tables={"steps": WorkStep},
        body=StepDone,
        record=record_step,
    ),
)


@transition_command(Work)
def advance(session: Session, work: Work, to: str, reason: str) -> None:
    """Move a work to another stage under the procedure with the neighbour.

    If the procedure requires a notice, a work can begin only after its number of days; otherwise directly after
    approval. A suspended work can return only to its former stage. Raises ``Conflict``.
    """
    stage = work.stage.value
    procedure = procedure_of(session, work.border)
    notice = procedure.notice if procedure and work.kind in KINDS_AT_MARKER else None
    if stage == "suspended" and work.suspended_from and to != work.suspended_from:
        detail = Text(
            f"Chỉ tiếp tục được từ giai đoạn trước khi dừng: {work.suspended_from}",
            f"It can only resume at the stage before it was suspended: {work.suspended_from}",
        )
        raise Conflict(detail, extra={"allowed": [work.suspended_from]})
    if stage == "awaiting_approval" and to == "under_way" and notice is not None:
        detail = Text(
            "Phải thông báo cho phía bạn trước khi thi công", "The neighbour must be notified before work begins"
        )
        raise Conflict(detail, extra={"allowed": ["notified", "designed", "suspended"]})
    if stage == "notified" and to == "under_way" and procedure is not None and notice is not None:
        _check_notice_period(session, work, procedure.earliest_start)
    work.suspended_from = stage if to == "suspended" else None
    if to in ("notified", "under_way", "accepted", "closed"):
        work.waiting_on = work.waiting_since = None
    if to == "accepted":
        work.done_on, work.progress = work.done_on or today(), 100
    store_transition(session, Work.layer, work, to)
    if to == "notified" and notice is not None:
        _record_notice(session, work, reason)


def _record_notice(session: Session, work: Work, reason: str) -> None:
    """Record today as the day of the notice, unless one is recorded."""
    notice = _notice_step_of(session, work)
    if notice is not None and notice.done_on is None:
        record_step(session, work, code=NOTICE_STEP, on=today(), note=reason)


def _check_notice_period(session: Session, work: Work, earliest_start: Any) -> None:
    """Raise ``Conflict`` if the notice was given too few days ago; ``earliest_start`` is a method of ``Procedure``."""
    notice = _notice_step_of(session, work)
    if notice is None or notice.done_on is None:
        return
    first_day = earliest_start(notice.done_on)
    if today() < first_day:
        detail = Text(
            f"Đã thông báo cho phía bạn ngày {notice.done_on:%d/%m/%Y}; sớm nhất được thi công từ {first_day:%d/%m/%Y}",
            f"The neighbour was notified on {notice.done_on:%d/%m/%Y}; work may begin on {first_day:%d/%m/%Y} at the"
            " earliest",
        )
        raise Conflict(detail, [FieldError("to", "notice_running", detail)])
