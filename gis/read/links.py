"""The links of a feature in both directions, whose other ends the reader may see (``gis.model.links``)."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import text

from gis.db.session import Session
from gis.model.as_of import AS_OF, set_as_of
from gis.model.links import ROUTE_COLUMN, join_location_sql
from gis.model.query import select_sql
from gis.model.row import Row


@dataclass(frozen=True)
class VisibleLink:
    """A link seen from one of its ends: id, layer and label of the other end, or an address on a route.

    ``direction`` is ``to`` if the link starts at the feature whose links are listed, else ``from``.
    """

    id: uuid.UUID
    role: str
    direction: str
    layer: str | None
    feature_id: uuid.UUID | None
    label: str | None
    at: str | None
    route: str | None


def links_of(session: Session, feature_id: uuid.UUID, as_of: dt.datetime | None = None) -> list[VisibleLink]:
    """The links from and to a feature, now or at ``as_of``, whose other end is visible to the reader today."""
    if as_of is not None:
        set_as_of(session, as_of)
    clearance = session.actor.clearance
    reading = Row(clearance, moment=None if as_of is None else AS_OF)
    links, in_force = reading.relation("links", "l")
    rows = session.execute(
        text(
            select_sql(
                ["l.id", "l.role", "d.direction", "p.layer", "p.id", "p.label", "l.at", f"l.{ROUTE_COLUMN}"],
                f"{links} cross join lateral (values ('to', l.to_id), ('from', l.feature_id)) d (direction, other)"
                f" left join {join_location_sql(clearance, 'd.other')}",
                [
                    "(d.direction = 'to' and l.feature_id = :id or d.direction = 'from' and l.to_id = :id)",
                    "(p.id is not null or l.at is not null)",
                    *in_force,
                ],
                order_by="d.direction desc, p.layer, p.label, l.at",
            )
        ),
        {"id": feature_id},
    )
    return [VisibleLink(*row) for row in rows]
