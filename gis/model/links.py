"""Links from a feature to another feature or to an address on a route. To see a link, its reader must see both ends.

The views ``places`` and ``shared_places`` unite the features of all layers, and ``links_as_of`` has the links at the
moment of ``app.as_of()``. They run with the reader's own rights (``security_invoker``), so that what is hidden from the
reader is missing from them too.
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any, Final

from geoalchemy2 import Geometry
from sqlalchemy import DateTime, ForeignKey, Index, Text as SqlText, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.crs.systems import WGS84
from gis.model.as_of import AS_OF, in_force_sql
from gis.model.fields import SCHEMA, Clearance, CodeListType, PositionSource
from gis.model.layer import Layer, all_layers, catalog
from gis.model.query import select_sql
from gis.model.record import Record
from gis.model.tables import history_table
from gis.text.errors import FEATURE_NOT_FOUND, Missing, invalid
from gis.text.i18n import Text

ROUTE_COLUMN: Final = "border"
"""The column and JSON property that names the route of a linked address.

In general terms it is the route; databases and clients depend on the name that the first application chose."""


@dataclass(frozen=True)
class LinkRole:
    """What the target of a link is to the feature that links to it.

    With ``gives_location``, a feature of a layer with ``geometry_from_links`` is drawn where the target is.
    """

    name: str
    gives_location: bool = False


link_roles: dict[str, LinkRole] = {}
"""The declared roles by name, in the order of declaration."""


def declare_link_roles(*roles: LinkRole) -> None:
    """Declare the roles that links may have; to be called once, when the layers are declared."""
    link_roles.update((role.name, role) for role in roles)


def locating_roles() -> list[str]:
    """The names of the roles whose links give a location."""
    return [role.name for role in link_roles.values() if role.gives_location]


class FeatureIdentity(Record):
    """The layer of every feature id. Written by a trigger, referenced by links."""

    __tablename__ = "features"

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True)
    layer: Mapped[str] = mapped_column(SqlText)


class Link(Record):
    """A link from a feature to another (``to_id``), or to an address (``at`` on ``route``, with its geometry)."""

    __tablename__ = "links"
    __table_args__ = (Index("uq_links_from_to_role", "feature_id", "to_id", "role", unique=True),)

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
    feature_id: Mapped[uuid.UUID] = mapped_column(
        UUID(as_uuid=True), ForeignKey(f"{SCHEMA}.features.id", deferrable=True, initially="DEFERRED"), index=True
    )
    to_id: Mapped[uuid.UUID | None] = mapped_column(
        UUID(as_uuid=True), ForeignKey(f"{SCHEMA}.features.id", deferrable=True, initially="DEFERRED"), index=True
    )
    role: Mapped[str] = mapped_column(SqlText)
    at: Mapped[str | None] = mapped_column(SqlText)
    route: Mapped[str | None] = mapped_column(ROUTE_COLUMN, SqlText)
    geom: Mapped[Any | None] = mapped_column(Geometry("GEOMETRY", srid=WGS84, spatial_index=True), nullable=True)
    position_source: Mapped[PositionSource] = mapped_column(
        CodeListType(PositionSource), default=PositionSource.NONE, nullable=False
    )
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")
    )


LINKS_HISTORY = history_table(Link.__table__)  # type: ignore[arg-type]
"""All states of all links, with who created and deleted them."""

Index("ix_links_history_to_id", LINKS_HISTORY.c.to_id)


def views_sql() -> str:
    """The SQL that creates the views, which ``gis.schema`` applies."""
    views = {
        "places": "\nunion all\n".join(_location_select(layer, "geom") for layer in all_layers()),
        "shared_places": "\nunion all\n".join(_location_select(layer, "shared_geom") for layer in all_layers()),
        "links_as_of": select_sql(
            [f'"{column.name}"' for column in Link.__table__.columns], "app.links_history", in_force_sql(AS_OF)
        ),
    }
    return "\n".join(
        f"create or replace view app.{name} with (security_invoker = true) as\n{query};"
        for name, query in views.items()
    )


def _location_select(layer: Layer, geometry: str) -> str:
    """The SELECT of a layer in a view of all features."""
    return select_sql(
        [
            "id",
            f"'{layer.name}'::text as layer",
            f"{layer.label_sql}::text as label",
            f"{geometry}::geometry as geom",
            "position_source",
        ],
        f"app.{layer.name}",
        ["retired_at is null"],
    )


def location_view(clearance: Clearance) -> str:
    """The view of all features that is granted to this clearance."""
    return "app.places" if clearance.sees_assumed_positions else "app.shared_places"


def join_location_sql(clearance: Clearance, id_sql: str, alias: str = "p") -> str:
    """The SQL of a lateral join with the feature whose id is ``id_sql``: layer, label and geometry under ``alias``.

    A plain join would read the whole view, because the row policies in it keep the planner from using the primary key.
    """
    feature = select_sql("*", f"{location_view(clearance)} feature", [f"feature.id = {id_sql}"])
    return f"lateral ({feature} offset 0) {alias} on true"


def create_link(session: Session, feature_id: uuid.UUID, to_id: uuid.UUID, role: str) -> Link:
    """Link one feature to another; an existing link in that role is returned as it is.

    Raises ``Invalid`` for an unknown role or a link to itself, ``Missing`` if the target is hidden or does not exist.
    """
    check_role(role)
    if feature_id == to_id:
        raise invalid("to", "itself", "Không thể liên kết với chính nó", "A feature cannot be linked to itself")
    layer_of(session, to_id)
    link = session.query(Link).filter_by(feature_id=feature_id, to_id=to_id, role=role).one_or_none()
    if link is None:
        link = Link(feature_id=feature_id, to_id=to_id, role=role)
        session.add(link)
        session.flush()
    return link


def delete_link(session: Session, feature_id: uuid.UUID, link_id: uuid.UUID) -> None:
    """Delete a link from either of its ends; the history keeps it. Raises ``Missing``."""
    link = session.get(Link, link_id)
    if link is None or feature_id not in (link.feature_id, link.to_id):
        raise Missing(Text("Không có liên kết này", "There is no such link"))
    session.delete(link)
    session.flush()


def check_role(role: str) -> None:
    """Raise ``Invalid`` unless the role was declared."""
    if role not in link_roles:
        names = ", ".join(link_roles)
        raise invalid("role", "code", f"Vai trò phải là một trong: {names}", f"The role must be one of: {names}")


def layer_of(session: Session, feature_id: uuid.UUID) -> Layer:
    """The layer of a feature. Raises ``Missing`` if the feature is hidden or does not exist."""
    name = session.execute(text("select layer from app.places where id = :id"), {"id": feature_id}).scalar()
    if name is None:
        raise Missing(FEATURE_NOT_FOUND)
    return catalog[name]
