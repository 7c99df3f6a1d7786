"""The boundary line (đường biên giới) as data: pieces in order, each with its source and legal standing.

The line shipped with the house is OpenStreetMap's of 2017 (ODbL): it finds an address along the border, it never
decides on which side something lies. An office replaces it by its own when it has one. Lines are loaded, not edited.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from geoalchemy2.shape import from_shape
from shapely.geometry import shape
from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from gis.crs import WGS84
from gis.model import CodeList, Level, PositionSource, field, geometry
from gis.read import linear
from gis.text import Text
from layers.border import Border
from layers.secrecy import Unclassified

ATTRIBUTION = "© OpenStreetMap contributors (ODbL 1.0)"
"""Whose the shipped line is, as its licence wants it named wherever it goes."""

BASEMAP_CREDITS = "© OpenStreetMap contributors · GSHHG · Natural Earth"
"""The same of the line and the quiet background together."""

DISCLAIMER = Text(
    "Đường biên tham khảo từ OpenStreetMap (2017), không phải đường biên pháp lý.",
    "Indicative line from OpenStreetMap (2017), not the legal boundary.",
)
"""What is said wherever the line is shown or handed out."""


class LineKind(CodeList):
    """How a piece was come by."""

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
    editable=False,
    unique=("border", "seq"),
    required_with_geometry=("legal_status",),
):
    """A piece of the boundary line, in order along one border."""

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
    """Load the pieces (GeoJSON features in order) of a border that has none yet, and measure its route.

    Returns the route's length in geodesic metres.
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
    return measure(session, border)


def measure(session: Session, border: Border) -> float:
    """Measure the route of a border from its pieces again; it is as restricted as the most restricted of them."""
    rows = session.execute(
        select(Line.geom.ST_AsText(), Line.level)
        .where(Line.border == border, Line.retired_at.is_(None))
        .order_by(Line.seq)
    ).all()
    level = max((level for _, level in rows), key=list(Level).index, default=Level.PUBLIC)
    return linear.build_route(session, border.value, [piece for piece, _ in rows], level)
