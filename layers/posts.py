"""Boundary posts (cọc dấu): smaller posts set between markers where the line is hard to see."""

from typing import Any

from sqlalchemy.orm import Mapped

from gis.model import BLUE, GREEN, GREY, RED, Display, Flag, Mark, Status, field, geometry, transitions_to
from layers.border import Border
from layers.border_feature import BorderFeature
from layers.groups import Group


class PostCondition(Status):
    """The condition of a post (the status of the layer)."""

    PLANNED = "planned", ("Dự kiến cắm", "Planned"), Mark("post", BLUE), transitions_to("planted")
    PLANTED = "planted", ("Đã cắm", "Planted"), Mark("post", GREEN), transitions_to("damaged", "missing")
    DAMAGED = (
        "damaged",
        ("Hư hỏng", "Damaged"),
        Mark("post", RED),
        transitions_to("planted", "missing"),
        Flag.NEEDS_ACTION,
    )
    MISSING = "missing", ("Bị mất", "Missing"), Mark("post", RED), transitions_to("planted"), Flag.NEEDS_ACTION


class Post(
    BorderFeature,
    layer="posts",
    title=("Cọc dấu", "Boundary posts"),
    style_field="condition",
    order=("border", "section", "label"),
    label_sql="coalesce(label, section)",
    display=Display(
        label=("Cọc dấu {label|section|address}", "Post {label|section|address}"),
        singular=("cọc dấu", "boundary post"),
        mark=Mark("post", GREY),
        group=Group.LINE,
        rank=60,
        link_role="subject",
    ),
):
    """A boundary post (cọc dấu) on a section between two markers; the format of its number is not public."""

    border: Mapped[Border] = field("Tuyến biên giới", "Border", sort_order=-50)
    section: Mapped[str] = field("Đoạn", "Section", max_length=60)
    label: Mapped[str | None] = field("Tên, số hiệu", "Label", max_length=200)
    condition: Mapped[PostCondition] = field("Tình trạng", "Condition", default=PostCondition.PLANNED)
    geom: Mapped[Any] = geometry("POINT")
