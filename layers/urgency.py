"""Urgency (tình trạng tiến độ) of tasks and works: a derived field, computed by one SQL expression on every read."""

from gis.model import AMBER, BLUE, GREEN, GREY, RED, CodeList, DerivedSql, Flag, Mark, Row, Status


class Urgency(CodeList):
    """The progress of a task or work as of today. One that waits on another body is waiting, not overdue."""

    PLANNED = (
        "planned",
        ("Trong kế hoạch, chưa triển khai", "Planned, not started"),
        Mark("diamond", BLUE),
        Flag.NOT_BEGUN,
    )
    ON_TIME = "on_time", ("Trong hạn", "Within the deadline"), Mark("circle", GREEN)
    WAITING = "waiting", ("Đang chờ", "Waiting"), Mark("triangle", AMBER), Flag.WAITING, Flag.NEEDS_ACTION
    OVERDUE = "overdue", ("Quá hạn", "Overdue"), Mark("square", RED), Flag.NEEDS_ACTION
    DONE = "done", ("Hoàn thành", "Done"), Mark("check", GREY), Flag.FINISHED


def urgency_of(status: str, codes: type[Status]) -> DerivedSql:
    """The urgency of a row: done, otherwise waiting, overdue, planned or on time, in this order.

    The flags of the codes of the column ``status`` say which of them are finished, waiting or not begun; a row with a
    body in ``waiting_on`` is waiting too. A row without a due date is never overdue.
    """

    def sql(row: Row) -> str:
        return (
            f"case when {_is_any(row[status], codes.flagged(Flag.FINISHED))} then 'done'"
            f" when coalesce({row['waiting_on']}, '') <> '' or {_is_any(row[status], codes.flagged(Flag.WAITING))}"
            " then 'waiting'"
            f" when {row['due_on']} < {row.today} then 'overdue'"
            f" when {_is_any(row[status], codes.flagged(Flag.NOT_BEGUN))} then 'planned' else 'on_time' end"
        )

    return sql


def _is_any(status: str, codes: tuple[str, ...]) -> str:
    """The condition that a status is one of the codes."""
    listed = ", ".join(f"'{code}'" for code in codes)
    return f"{status} in ({listed})" if codes else "false"
