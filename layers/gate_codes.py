"""The code lists of border gates: category, plan, mode of transport, stage and kinds of events."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from gis.model import AMBER, BLUE, GREEN, GREY, INK, RED, CodeList, Mark, Status


class Category(CodeList):
    """The category of a gate (Decree 112/2014/NĐ-CP, Article 4, as amended in 2023)."""

    INTERNATIONAL = "international", ("Quốc tế", "International"), Mark("gate-international", INK)
    MAIN = "main", ("Chính (song phương)", "Main (bilateral)"), Mark("gate-main", INK)
    LOCAL = "local", ("Phụ (địa phương)", "Local"), Mark("gate-local", INK)


CATEGORIES_UPWARD = (Category.LOCAL, Category.MAIN, Category.INTERNATIONAL)
"""The categories from the lowest up (Decree 112/2014/NĐ-CP, Article 4), to compare today's with the planned one."""


def category_rank(category: str | None) -> int:
    """The position of a category in ``CATEGORIES_UPWARD``; -1 for none."""
    return CATEGORIES_UPWARD.index(Category(category)) if category else -1


class PlanProgress(CodeList):
    """How far a gate is with the category that is planned for 2030."""

    REACHED = "reached", ("Đã đạt", "Reached"), Mark("circle", GREEN)
    UNDER_WAY = "under_way", ("Đang triển khai", "Under way"), Mark("triangle", AMBER)
    NOT_BEGUN = "not_begun", ("Chưa triển khai", "Not begun"), Mark("diamond", BLUE)
    NOT_PLANNED = (
        "not_planned",
        ("Không có trong quy hoạch đến năm 2030", "Not in the 2030 plan"),
        Mark("circle", GREY),
    )


class Mode(CodeList):
    """The mode of transport."""

    ROAD = "road", ("Đường bộ", "Road")
    RAIL = "rail", ("Đường sắt", "Rail")
    WATERWAY = "waterway", ("Đường thủy nội địa", "Inland waterway")


class GateStage(Status):
    """The stage of opening or upgrading: forward only, each by a dated event with its document."""

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
        """From no stage to any; from a stage to any later one; between operating and suspended; to closed.

        An operating gate may return to ``in_plan`` for an upgrade.
        """
        in_order = [stage.value for stage in cls if stage not in (cls.SUSPENDED, cls.CLOSED)]
        others = [
            ("operating", "suspended"),
            ("operating", "closed"),
            ("suspended", "operating"),
            ("suspended", "closed"),
        ]
        from_none = [("", stage.value) for stage in cls]
        return from_none + list(combinations(in_order, 2)) + others + [("operating", "in_plan")]


class EventKind(CodeList):
    """The kinds of events that are not stages."""

    NOTE = "note", ("Ghi nhận", "Note")
    RESTORED = "restored", ("Khôi phục", "Restored")


def plan_progress(gate: Mapping[str, Any]) -> PlanProgress:
    """How far the gate with these properties is with its plan: reached if its category is no lower than planned."""
    planned = gate.get("planned_2030")
    if not planned:
        return PlanProgress.NOT_PLANNED
    if category_rank(gate.get("category")) >= category_rank(planned):
        return PlanProgress.REACHED
    begun = gate.get("stage") not in (None, GateStage.IN_PLAN, GateStage.OPERATING)
    return PlanProgress.UNDER_WAY if begun else PlanProgress.NOT_BEGUN
