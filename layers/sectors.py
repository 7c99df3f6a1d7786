"""Sectors (đoạn quản lý): managed parts of the border, with the unit in charge and whether it is demarcated."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Mapped, Session

from gis.changes import creates, put
from gis.drafts import GEOMETRY, PLACE
from gis.fields import field, geometry
from layers.borders import Border
from layers.places import BorderFeature


class Sector(
    BorderFeature,
    layer="sectors",
    title=("Đoạn quản lý", "Sectors"),
    order=("border", "section"),
    labelled_by="name",
):
    """A managed section of the border and the unit in charge of it."""

    border: Mapped[Border] = field("Tuyến biên giới", "Border", sort_order=-50)
    section: Mapped[str] = field("Đoạn", "Section", max_length=60)
    name: Mapped[str] = field("Tên", "Name", max_length=200)
    unit: Mapped[str] = field("Đơn vị phụ trách", "Unit in charge", max_length=200)
    demarcated: Mapped[bool | None] = field("Đã phân giới cắm mốc", "Demarcated")
    geom: Mapped[Any] = geometry("GEOMETRY")


@creates(Sector)
def assign(session: Session, values: Mapping[str, Any]) -> Sector:
    """A new sector, drawn along the line between the markers that bound it."""
    drawn = {} if values.get(GEOMETRY) else {PLACE: {"text": values["section"], "border": values["border"].value}}
    return put(session, Sector, {**drawn, **values})
