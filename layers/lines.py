"""The boundary line (đường biên giới): pieces in order, each with its source and legal status.

The line that is shipped is OpenStreetMap's of 2017 (ODbL). It locates addresses along the border and never decides on
which side something lies. An office can load its own line instead. Lines are loaded, not edited.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from geoalchemy2.shape import from_shape
from shapely.geometry import shape
from sqlalchemy import select
from sqlalchemy.orm import Mapped

from gis.crs import WGS84
from gis.db import Session
from gis.model import GREY, CodeList, Display, Level, Mark, PositionSource, field, geometry
from gis.read import linear
from gis.text import Text
from layers.border import Border
from layers.groups import Group
from layers.secrecy import Unclassified

ATTRIBUTION = "© OpenStreetMap contributors (ODbL 1.0)"
"""The attribution of the shipped line, which its licence requires wherever the line is shown or exported."""

BASEMAP_CREDITS = "© OpenStreetMap contributors · GSHHG · Natural Earth"
"""The attribution of the shipped line and the base map together."""

DISCLAIMER = Text(
    "Đường biên tham khảo từ OpenStreetMap (2017), không phải đường biên pháp lý.",
    "Indicative line from OpenStreetMap (2017), not the legal boundary.",
)
"""The note that is shown wherever the line is shown or exported."""


class LineKind(CodeList):
    """The origin of a piece."""

    SHARED = (
        "shared",
        ("Đường chung của hai nước (dữ liệu OpenStreetMap)", "Line shared by both countries (OpenStreetMap data)"),
    )
    VN_RING = "vn_ring", ("Theo ranh giới Việt Nam", "Along Vietnam's outline")
    STRAIGHT = "straight", ("Nối thẳng đoạn thiếu dữ liệu", "Straight across missing data")
    PROTOCOL = "protocol", ("Theo nghị định thư", "From the protocol")


class Line(
    Unclassified,
    layer="lines",
    title=("Đường biên giới", "Boundary lines"),
    order=("border", "seq"),
    label_sql="border || ' ' || seq",
    display=Display(
        label="{border} · {seq}",
        singular=("đoạn đường biên giới", "piece of the boundary line"),
        columns=("border", "seq", "kind", "legal_status", "length_m", "licence", "attribution"),
        mark=Mark("line", GREY),
        group=Group.LINE,
        rank=95,
        in_basemap=True,
    ),
    editable=False,
    unique=("border", "seq"),
    required_with_geometry=("legal_status",),
):
    """A piece of the boundary line; ``seq`` is its order along its border."""

    location_fields = {"border": 10}  # noqa: RUF012 - a class variable of the base

    border: Mapped[Border] = field("Tuyến biên giới", "Border", sort_order=-50)
    route_field = "border"
    seq: Mapped[int] = field("Thứ tự", "Sequence")
    kind: Mapped[LineKind] = field("Loại", "Kind")
    legal_status: Mapped[str] = field("Giá trị pháp lý", "Legal status")
    length_m: Mapped[float | None] = field("Chiều dài", "Length", unit="m")
    licence: Mapped[str | None] = field("Giấy phép", "Licence")
    attribution: Mapped[str | None] = field("Ghi nguồn", "Attribution")
    geom: Mapped[Any] = geometry("LINESTRING")


def load(session: Session, border: Border, features: Iterable[Mapping[str, Any]]) -> float:
    """Load the pieces of a border, as GeoJSON features in order, and build its route.

    The border must have no pieces yet. Returns the length of the route in geodesic metres.
    """
    for feature in features:
        properties = feature["properties"]
        session.add(
            Line(
                border=border,
                seq=properties["seq"],
                kind=LineKind(properties["kind"]),
                legal_status=properties["legal_status"],
                length_m=properties["length_m"],
                licence=properties["licence"],
                attribution=properties["attribution"],
                source=properties["source"],
                level=Level.PUBLIC,
                position_source=PositionSource.MAP,
                geom=from_shape(shape(feature["geometry"]), srid=WGS84),
            )
        )
    session.flush()
    return build_route(session, border)


def build_route(session: Session, border: Border) -> float:
    """Build the route of a border from its pieces, and return its length in geodesic metres.

    The route gets the highest level of its pieces.
    """
    rows = session.execute(
        select(Line.geom.ST_AsText(), Line.level)
        .where(Line.border == border, Line.retired_at.is_(None))
        .order_by(Line.seq)
    ).all()
    level = max((level for _, level in rows), key=list(Level).index, default=Level.PUBLIC)
    return linear.build_route(session, border.value, [piece for piece, _ in rows], level)
