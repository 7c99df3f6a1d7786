"""Links: any feature may point at any other, or at a place by its address. To link, both ends must be visible.

``places`` and ``shared_places`` are views over every layer; they run with the reader's own rights, so a feature
that somebody may not see is no place for them either.
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import DateTime, ForeignKey, Index, Text as SqlText, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.crs.systems import WGS84
from gis.model.fields import SCHEMA, Clearance, CodeListType, PositionSource
from gis.model.layer import Layer, all_layers, catalog
from gis.model.record import Record
from gis.model.tables import history_table
from gis.text.errors import FEATURE_NOT_FOUND, Missing, invalid
from gis.text.i18n import Text

LINK_ROLES = ("subject", "site", "document", "parent", "continues", "gate")
"""What a link may say: what it is about, where it takes place, its paper, what it belongs to, what it carries on."""


class FeatureIdentity(Record):
    """Every feature's identity: which layer an id belongs to. Written by the trigger, referenced by links."""

    __tablename__ = "features"

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True)
    layer: Mapped[str] = mapped_column(SqlText)


class Link(Record):
    """From a feature to another (``to_id``) or to an address (``at`` with its geometry), in a role."""

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
    border: Mapped[str | None] = mapped_column(SqlText)
    geom: Mapped[Any | None] = mapped_column(Geometry("GEOMETRY", srid=WGS84, spatial_index=True), nullable=True)
    position_source: Mapped[PositionSource] = mapped_column(
        CodeListType(PositionSource), default=PositionSource.NONE, nullable=False
    )
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")
    )


LINKS_HISTORY = history_table(Link.__table__)  # type: ignore[arg-type]
"""Which links there were, and who made and who took them away."""

Index("ix_links_history_to_id", LINKS_HISTORY.c.to_id)


@dataclass(frozen=True)
class VisibleLink:
    """A link as its reader sees it: the other end's id, layer and name, or an address."""

    id: uuid.UUID
    role: str
    direction: str
    layer: str | None
    feature_id: uuid.UUID | None
    label: str | None
    at: str | None
    border: str | None


def location_views_sql() -> str:
    """The SQL of the two views over every layer, for ``gis/rights.py`` to apply."""
    return "\n".join(
        f"create or replace view app.{name} with (security_invoker = true) as\n" + "\nunion all\n".join(selects) + ";"
        for name, selects in {
            "places": [_location_select(layer, "geom") for layer in all_layers()],
            "shared_places": [_location_select(layer, "shared_geom") for layer in all_layers()],
        }.items()
    )


def _location_select(layer: Layer, geometry: str) -> str:
    return (
        f"select id, '{layer.name}'::text as layer, {layer.label_sql}::text as label, {geometry}::geometry as geom,"
        f" position_source from app.{layer.name} where retired_at is null"
    )


def location_view(clearance: Clearance) -> str:
    """The view of places that a reader of this level is granted."""
    return "app.places" if clearance.sees_assumed_positions else "app.shared_places"


def join_location_sql(clearance: Clearance, id_sql: str, alias: str = "p") -> str:
    """The SQL that joins, as ``p`` or as ``named``, the place of the feature whose id is ``end``.

    Joined plainly, the view is read whole: the policies in it keep the planner from looking a feature up by its key.
    """
    return f"lateral (select * from {location_view(clearance)} one where one.id = {id_sql} offset 0) {alias} on true"


def create_link(session: Session, feature_id: uuid.UUID, to_id: uuid.UUID, role: str) -> Link:
    """Point from one feature at another. Raises ``Invalid`` for an unknown role, ``Missing`` for a hidden end."""
    check_role(role)
    if feature_id == to_id:
        raise invalid("to", "itself", "Không thể liên kết với chính nó", "A feature cannot be linked to itself")
    layer_of(session, to_id)
    found = session.query(Link).filter_by(feature_id=feature_id, to_id=to_id, role=role).one_or_none()
    if found is not None:
        return found
    made = Link(feature_id=feature_id, to_id=to_id, role=role)
    session.add(made)
    session.flush()
    return made


def delete_link(session: Session, feature_id: uuid.UUID, link_id: uuid.UUID) -> None:
    """Take a link away from either of its ends; the journal keeps it."""
    found = session.get(Link, link_id)
    if found is None or feature_id not in (found.feature_id, found.to_id):
        raise Missing(Text("Không có liên kết này", "There is no such link"))
    session.delete(found)
    session.flush()


def check_role(role: str) -> None:
    """Raises ``Invalid`` when links know no such role."""
    if role not in LINK_ROLES:
        words = ", ".join(LINK_ROLES)
        raise invalid("role", "code", f"Vai trò phải là một trong: {words}", f"The role must be one of: {words}")


def layer_of(session: Session, feature_id: uuid.UUID) -> Layer:
    """The layer that an id belongs to; ``Missing`` when it is hidden or there is none."""
    name = session.execute(text("select layer from app.places where id = :id"), {"id": feature_id}).scalar()
    if name is None:
        raise Missing(FEATURE_NOT_FOUND)
    return catalog[name]


def links_of(
    session: Session, feature_id: uuid.UUID, clearance: Clearance, as_of: dt.datetime | None = None
) -> list[VisibleLink]:
    """What a feature points at and what points at it, now or then, as far as ``reader`` may see both ends today."""
    links, held = ("links", "true") if as_of is None else ("links_history", "l.valid @> cast(:as_of as timestamptz)")
    rows = session.execute(
        text(
            f"select l.id, l.role, d.direction, p.layer, p.id, p.label, l.at, l.border from app.{links} l"
            f" cross join lateral (values ('to', l.to_id), ('from', l.feature_id)) d (direction, other)"
            f" left join {join_location_sql(clearance, 'd.other')}"
            f" where (d.direction = 'to' and l.feature_id = :id or d.direction = 'from' and l.to_id = :id)"
            f" and (p.id is not null or l.at is not null) and {held} order by d.direction desc, p.layer, p.label, l.at"
        ),
        {"id": feature_id, **({"as_of": as_of} if as_of else {})},
    )
    return [VisibleLink(*row) for row in rows]
