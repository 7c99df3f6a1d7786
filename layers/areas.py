"""Areas (khu vực): the border belt, compensation sites after demarcation, gate zones and prohibited zones."""

from typing import Any

from sqlalchemy.orm import Mapped

from gis.model import AMBER, BLUE, GREY, CodeList, Display, Flag, Mark, Status, field, geometry, transitions_to
from layers.border_feature import BorderFeature
from layers.groups import Group


class AreaKind(CodeList):
    """The kind of rule that applies in the area."""

    BELT = "belt", ("Vành đai biên giới", "Border belt")
    COMPENSATION = (
        "compensation",
        ("Khu vực hỗ trợ, bồi thường sau phân giới cắm mốc", "Support and compensation area after demarcation"),
    )
    GATE_ZONE = "gate_zone", ("Khu vực cửa khẩu", "Gate zone")
    PROHIBITED = "prohibited", ("Vùng cấm", "Prohibited zone")


class AreaState(Status):
    """Whether the area is in force (the status of the layer)."""

    PROPOSED = "proposed", ("Đề xuất", "Proposed"), Mark("area", BLUE), transitions_to("in_force")
    IN_FORCE = "in_force", ("Có hiệu lực", "In force"), Mark("area", AMBER), transitions_to("ended")
    ENDED = "ended", ("Hết hiệu lực", "Ended"), Mark("area", GREY), Flag.FINISHED


class Area(
    BorderFeature,
    layer="areas",
    title=("Khu vực", "Areas"),
    style_field="state",
    order=("kind", "name"),
    label_sql="name",
    display=Display(
        label="{name}",
        singular=("khu vực", "area"),
        under=("kind", "address"),
        mark=Mark("area", GREY),
        group=Group.LINE,
        rank=70,
        link_role="subject",
    ),
):
    """A zone along the border in which special rules apply."""

    name: Mapped[str] = field("Tên", "Name", max_length=200)
    kind: Mapped[AreaKind] = field("Loại", "Kind")
    state: Mapped[AreaState] = field("Tình trạng", "State", default=AreaState.PROPOSED)
    geom: Mapped[Any] = geometry("GEOMETRY")
