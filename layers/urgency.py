"""Urgency (tình trạng tiến độ) of tasks and works: a derived field, computed by one SQL expression on every read."""

from gis.model import AMBER, BLUE, GREEN, GREY, RED, CodeList, Mark
from gis.text import TODAY_SQL


class Urgency(CodeList):
    """The progress of a task or work as of today. One that waits on another body is waiting, not overdue."""

    PLANNED = "planned", ("Trong kế hoạch, chưa triển khai", "Planned, not started"), Mark("diamond", BLUE)
    ON_TIME = "on_time", ("Trong hạn", "Within the deadline"), Mark("circle", GREEN)
    WAITING = "waiting", ("Đang chờ", "Waiting"), Mark("triangle", AMBER)
    OVERDUE = "overdue", ("Quá hạn", "Overdue"), Mark("square", RED)
    DONE = "done", ("Hoàn thành", "Done"), Mark("check", GREY)


def urgency_of(status: str, *, done: tuple[str, ...], not_begun: tuple[str, ...], waiting: str = "false") -> str:
    """The SQL of the urgency of a row ``t``: done, otherwise waiting, overdue, planned or on time, in this order.

    ``done`` and ``not_begun`` are codes of the column ``status``; ``waiting`` is a condition beside ``waiting_on``. A
    row without a due date is never overdue.
    """
    return (
        f"case when t.{status} in ({_quoted(done)}) then 'done'"
        f" when coalesce(t.waiting_on, '') <> '' or {waiting} then 'waiting'"
        f" when t.due_on < {TODAY_SQL} then 'overdue'"
        f" when t.{status} in ({_quoted(not_begun)}) then 'planned' else 'on_time' end"
    )


def _quoted(codes: tuple[str, ...]) -> str:
    return ", ".join(f"'{code}'" for code in codes)
