"""Sectors (đoạn quản lý): sections of the border with the unit in charge, and whether they are demarcated."""

from collections.abc import Mapping
from typing import Any

from geoalchemy2.shape import to_shape
from shapely import get_coordinates
from sqlalchemy.orm import Mapped

from gis.db import Session, result_of
from gis.model import AMBER, Display, Level, Mark, field, geometry
from gis.read import linear
from gis.write import GEOMETRY, PLACE, create_command, store_new
from layers.border import Border
from layers.border_feature import BorderFeature
from layers.groups import Group


class Sector(
    BorderFeature,
    layer="sectors",
    title=("Đoạn quản lý", "Sectors"),
    order=("border", "section"),
    label_sql="name",
    display=Display(
        label="{name} · {section}",
        singular=("đoạn quản lý", "sector"),
        under=("unit",),
        columns=("name", "border", "section", "unit", "demarcated", "start_m", "end_m"),
        filters=("border", "unit", "demarcated"),
        totals=(),
        mark=Mark("sector", AMBER),
        group=Group.LINE,
        rank=80,
        link_role="subject",
    ),
    required_with_geometry=("demarcated",),
):
    """A section of the border and the unit in charge of it."""

    border: Mapped[Border] = field("Tuyến biên giới", "Border", sort_order=-50)
    section: Mapped[str] = field("Đoạn", "Section", max_length=60)
    name: Mapped[str] = field("Tên", "Name", max_length=200)
    unit: Mapped[str] = field("Đơn vị phụ trách", "Unit in charge", max_length=200, register="units")
    demarcated: Mapped[bool | None] = field("Đã phân giới cắm mốc", "Demarcated")
    start_m: Mapped[float | None] = field(
        "Từ lý trình", "From chainage", level=Level.INTERNAL, writable=False, eager=True, unit="m"
    )
    end_m: Mapped[float | None] = field(
        "Đến lý trình", "To chainage", level=Level.INTERNAL, writable=False, eager=True, unit="m"
    )
    geom: Mapped[Any] = geometry("GEOMETRY")

    def derive(self, session: Session) -> None:
        """Derive the range of chainage also: it decides which rows on the line belong to the unit in charge."""
        super().derive(session)
        self.start_m, self.end_m = self._chainage_range(session)

    def _chainage_range(self, session: Session) -> tuple[float | None, float | None]:
        """The lower and the higher chainage of the two ends of the geometry."""
        if self.geom is None:
            return None, None
        shape = self.geom if hasattr(self.geom, "geom_type") else to_shape(self.geom)
        points, route = get_coordinates(shape)[[0, -1]].tolist(), self.border.value
        ends = [result_of(linear.station(session, lon, lat, route)) for lon, lat in points]
        chainages = sorted(round(end.chainage_m, 1) for end in ends if end is not None)
        return (chainages[0], chainages[-1]) if chainages else (None, None)


@create_command(Sector)
def create_sector(session: Session, values: Mapping[str, Any]) -> Sector:
    """Create a sector; without a geometry it is drawn along the line between the two markers of its section."""
    location = {} if values.get(GEOMETRY) else {PLACE: {"text": values["section"], "border": values["border"].value}}
    return store_new(session, Sector, {**location, **values})
