"""Tasks (nhiệm vụ) under the principle of six clears (6 rõ): person, work, time, responsibility, product, authority.

A task that is entered by hand cannot leave draft while one of them is missing. A task that is imported from a plan has
the state that the plan gives, and its missing clears are listed. A task that depends on another body is waiting, with
the name of the body and the date since when.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped

from gis.db import Session
from gis.model import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    CodeList,
    Display,
    Flag,
    Level,
    Mark,
    Row,
    Status,
    derived,
    field,
    geometry,
    transitions_to,
)
from gis.text import FieldError, Invalid, Text, today
from gis.write import (
    create_command,
    store_new,
    store_transition,
    store_update,
    transition_command,
    update_command,
)
from layers.border_feature import BorderFeature
from layers.groups import Group
from layers.urgency import Urgency, urgency_of


class TaskKind(CodeList):
    """The kind of task."""

    GATE_OPENING = "gate_opening", ("Khai trương, mở cửa khẩu", "Opening of a gate")
    GATE_PLANNING = "gate_planning", ("Quy hoạch cửa khẩu", "Gate planning")
    COMPENSATION = "compensation", ("Hỗ trợ, bồi thường", "Compensation")
    STANDING_DUTY = "standing_duty", ("Nhiệm vụ thường xuyên", "Standing duty")
    WATCH = "watch", ("Theo dõi, nắm tình hình", "Watch")
    REPORT = "report", ("Tuyên truyền, báo cáo", "Report")
    SCHEME = "scheme", ("Đề án", "Scheme")
    PARTNER_AGREEMENT = "partner_agreement", ("Thỏa thuận hợp tác", "Agreement with a partner")
    PARTNER_EXCHANGE = "partner_exchange", ("Trao đổi, phối hợp", "Exchange with partners")
    SYSTEM_DUTY = "system_duty", ("Bảo vệ bí mật nhà nước, an toàn hệ thống", "State secrets and system security")
    REPORTING_RHYTHM = "reporting_rhythm", ("Chế độ báo cáo", "Reporting rhythm")
    DIGITISATION = "digitisation", ("Số hóa", "Digitisation")
    OTHER = "other", ("Khác", "Other")


class TaskState(Status):
    """The status of a task."""

    DRAFT = (
        "draft",
        ("Dự thảo", "Draft"),
        Mark("diamond", GREY),
        transitions_to("assigned", "cancelled"),
        Flag.NOT_BEGUN,
    )
    ASSIGNED = (
        "assigned",
        ("Đã giao", "Assigned"),
        Mark("diamond", BLUE),
        transitions_to("under_way", "waiting", "done", "cancelled"),
        Flag.NOT_BEGUN,
    )
    UNDER_WAY = (
        "under_way",
        ("Đang thực hiện", "Under way"),
        Mark("circle", GREEN),
        transitions_to("assigned", "waiting", "done", "cancelled"),
    )
    WAITING = (
        "waiting",
        ("Đang chờ", "Waiting"),
        Mark("triangle", AMBER),
        transitions_to("assigned", "under_way", "cancelled"),
        Flag.WAITING,
    )
    DONE = "done", ("Hoàn thành", "Done"), Mark("check", GREY), transitions_to("under_way"), Flag.FINISHED
    CANCELLED = "cancelled", ("Đã hủy", "Cancelled"), Mark("check", GREY), transitions_to("draft"), Flag.FINISHED


class Clear(CodeList):
    """The six clears, in their customary order."""

    PERSON = "person", ("Rõ người", "Person")
    WORK = "work", ("Rõ việc", "Work")
    TIME = "time", ("Rõ thời gian", "Time")
    RESPONSIBILITY = "responsibility", ("Rõ trách nhiệm", "Responsibility")
    PRODUCT = "product", ("Rõ sản phẩm", "Product")
    AUTHORITY = "authority", ("Rõ thẩm quyền", "Authority")


FIELD_OF_CLEAR = {
    Clear.PERSON: "person",
    Clear.WORK: "title",
    Clear.TIME: "due_on",
    Clear.RESPONSIBILITY: "responsibility",
    Clear.PRODUCT: "product",
    Clear.AUTHORITY: "authority",
}
"""The field that each of the six clears requires."""


def _missing_clears(row: Row) -> str:
    """The clears whose field is empty."""
    clears = (
        f"case when coalesce({row[name]}::text, '') = '' then '{clear}' end" for clear, name in FIELD_OF_CLEAR.items()
    )
    return f"array_remove(array[{', '.join(clears)}], null)"


class Task(
    BorderFeature,
    layer="tasks",
    title=("Nhiệm vụ", "Tasks"),
    style_field="urgency",
    order=("due_on", "title"),
    time="due_on",
    label_sql="title",
    geometry_from_links=True,
    display=Display(
        label="{title}",
        singular=("nhiệm vụ", "task"),
        under=("address", "lead_unit", "clause"),
        beside=("due_on",),
        columns=("title", "urgency", "state", "lead_unit", "person", "due_on", "waiting_on", "missing_clears"),
        filters=("urgency", "state", "missing_clears", "lead_unit", "plan"),
        since=(("waiting_on", "waiting_since"),),
        facts=("lead_unit", "person", "due_on", "waiting_on", "missing_clears"),
        hidden=("waiting_since", "seed_item", "imported"),
        group=Group.WORK,
        rank=30,
        tab=True,
        link_role="parent",
    ),
):
    """A task: who does what until when, with which responsibility, for which product and on whose authority."""

    indexes = (CheckConstraint("progress between 0 and 100", name="progress"),)

    title: Mapped[str] = field("Tên nhiệm vụ", "Name of the task", max_length=500)
    kind: Mapped[TaskKind | None] = field("Loại", "Kind")
    plan: Mapped[str | None] = field("Kế hoạch", "Plan", max_length=300)
    clause: Mapped[str | None] = field("Căn cứ", "Clause", max_length=300)
    period: Mapped[str | None] = field("Kỳ kế hoạch", "Plan period", max_length=40)
    lead_unit: Mapped[str | None] = field("Đơn vị chủ trì", "Lead unit", max_length=200, register="units")
    coordinating_units: Mapped[list[str] | None] = field(
        "Đơn vị phối hợp", "Coordinating units", max_length=200, register="units"
    )
    person: Mapped[str | None] = field("Người phụ trách", "Person", level=Level.INTERNAL, max_length=200)
    due_on: Mapped[dt.date | None] = field("Thời hạn", "Due on")
    responsibility: Mapped[str | None] = field("Trách nhiệm", "Responsibility", max_length=500)
    product: Mapped[str | None] = field("Sản phẩm", "Product", max_length=500)
    authority: Mapped[str | None] = field("Thẩm quyền", "Authority", max_length=500)
    state: Mapped[TaskState] = field("Tình trạng", "State", default=TaskState.DRAFT)
    waiting_on: Mapped[str | None] = field("Đang chờ (cơ quan, việc)", "Waiting on (office, matter)", max_length=300)
    waiting_since: Mapped[dt.date | None] = field("Chờ từ ngày", "Waiting since")
    progress: Mapped[int] = field("Tiến độ", "Progress", default=0, unit="%", minimum=0, maximum=100)
    done_on: Mapped[dt.date | None] = field("Ngày hoàn thành", "Done on")
    description: Mapped[str | None] = field("Nội dung", "Description", max_length=5000)
    seed_item: Mapped[str | None] = field("Mục trong văn bản", "Item of the plan", writable=False, max_length=20)
    imported: Mapped[bool] = field("Nhập từ kế hoạch", "Imported", writable=False, default=False)
    missing_clears = derived(
        "Nội dung “6 rõ” còn thiếu",
        "Missing of the six clears",
        _missing_clears,
        codes=Clear,
        type="list",
        level=Level.INTERNAL,
    )
    urgency = derived(
        "Tình trạng tiến độ",
        "Progress status",
        urgency_of("state", TaskState),
        codes=Urgency,
    )
    geom: Mapped[Any] = geometry("GEOMETRY")


@create_command(Task)
def draft(session: Session, values: Mapping[str, Any]) -> Task:
    """Create a task as a draft; it can be assigned once its six clears are complete."""
    return store_new(session, Task, values)


@update_command(Task)
def correct(session: Session, task: Task, values: Mapping[str, Any]) -> None:
    """Correct a task. After draft none of its six clears can be removed."""
    store_update(session, Task.layer, task, values)
    if task.state not in (TaskState.DRAFT, TaskState.CANCELLED):
        _require_clears(task, only=set(values))


def missing_clears_of(task: Task) -> list[Clear]:
    """The clears that a task lacks."""
    return [clear for clear, name in FIELD_OF_CLEAR.items() if not getattr(task, name)]


def _require_clears(task: Task, only: set[str] | None = None) -> None:
    """Raise ``Invalid`` for missing clears, or those of the fields ``only``. Imported tasks may lack clears."""
    missing = [clear for clear in missing_clears_of(task) if only is None or FIELD_OF_CLEAR[clear] in only]
    if task.imported or not missing:
        return
    detail = Text(
        "Chưa bảo đảm “6 rõ”: " + ", ".join(clear.title.vi.lower() for clear in missing),
        "The six clears are not complete. Missing: " + ", ".join(clear.title.en.lower() for clear in missing),
    )
    raise Invalid(detail, [_missing_clear_error(clear) for clear in missing])


def _missing_clear_error(clear: Clear) -> FieldError:
    detail = Text(f"Chưa {clear.title.vi.lower()}", f"{clear.title.en} is missing")
    return FieldError(FIELD_OF_CLEAR[clear], "missing_clear", detail)


@transition_command(Task)
def advance(session: Session, task: Task, to: str, reason: str) -> None:
    """Move a task to another state. A draft can be assigned only with its six clears complete.

    Waiting records the body that the task waits on and since when; done records the date and a progress of 100 %.
    """
    if to == TaskState.ASSIGNED and task.state is TaskState.DRAFT:
        _require_clears(task)
    if to == TaskState.WAITING:
        task.waiting_on, task.waiting_since = task.waiting_on or reason, task.waiting_since or today()
    else:
        task.waiting_on = task.waiting_since = None
    if to == TaskState.DONE:
        task.done_on, task.progress = task.done_on or today(), 100
    elif task.state is TaskState.DONE:
        task.done_on = None
    store_transition(session, Task.layer, task, to)
