"""What each recipient holds, since when, and what changed between two versions."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, text
from sqlalchemy.orm import Session

from gis.read import execution, pages, sql as query
from gis.read.selection import Selection
from gis.release.models import (
    Manifest,
    Tombstone,
)
from gis.release.snapshot import RELEASE_LEVEL, snapshot_catalog
from gis.release.workflow import RELEASE_NOT_FOUND
from gis.text.dates import TIME_ZONE, TODAY_SQL
from gis.text.errors import Missing

# What recipients hold.


def ids_of(session: Session, selection: Selection) -> list[uuid.UUID]:
    """The features that a selection means."""
    sql, values = pages.unpaged_sql(selection, "t.id")
    with execution.driver_connection(session).cursor() as cursor:
        return [row[0] for row in cursor.execute(sql, values)]


def list_holdings(
    session: Session, *, recipient: str | None = None, features: Collection[uuid.UUID] | None = None, limit: int = 1000
) -> list[dict[str, Any]]:
    """What recipients hold or held, the latest first: of some features, of one recipient, or both.

    What has been held until the end of a period is held no longer once that has passed.
    """
    tests = ["true"]
    if recipient is not None:
        tests.append("h.recipient = :recipient")
    if features is not None:
        tests.append("h.feature_id = any(:features)")
    rows = session.execute(
        text(
            "select h.recipient, h.layer, h.feature_id as feature, r.id as release, r.name, h.since, h.since_version,"
            f" coalesce(h.until, case when v.valid_to < {TODAY_SQL}"
            f"  then (v.valid_to + 1)::timestamp at time zone '{TIME_ZONE}' end) as until,"
            " h.until_version, h.held_back, h.sha256, h.content"
            " from app.holdings h join app.releases r on r.id = h.release_id"
            " left join app.release_versions v on v.release_id = r.id and v.state = 'published'"
            f" where {' and '.join(tests)} order by h.since desc, h.layer, h.feature_id limit :most"
        ),
        {"recipient": recipient, "features": list(features or ()), "most": limit},
    )
    return [dict(row) for row in rows.mappings()]


FROM_RECALLED_HOLDINGS = """
from app.holdings h join app.releases r on r.id = h.release_id
where h.held_back and not exists (
    select from app.holdings n where n.recipient = h.recipient and n.feature_id = h.feature_id and n.since > h.until)
"""


def list_recalled_holdings(session: Session, limit: int = 100) -> list[dict[str, Any]]:
    """What was taken from recipients because a level was raised, the latest first, and is not released anew."""
    rows = session.execute(
        text(
            "select h.recipient, h.layer, h.feature_id as feature, r.id as release, r.name, h.since, h.until,"
            f" h.until_version, h.held_back, h.content {FROM_RECALLED_HOLDINGS}"
            " order by h.until desc, h.layer, h.feature_id limit :most"
        ),
        {"most": limit},
    )
    return [dict(row) for row in rows.mappings()]


def count_recalled_holdings(session: Session) -> int:
    """How many there are of these, by recipient and feature."""
    return int(session.execute(text(f"select count(*) {FROM_RECALLED_HOLDINGS}")).scalar_one())


def list_manifests(session: Session, release_id: uuid.UUID | None = None) -> list[Manifest]:
    """The manifests that the reader may have, the latest version of a release first."""
    asked = session.query(Manifest)
    if release_id is not None:
        asked = asked.filter_by(release=release_id)
    return asked.order_by(Manifest.name, Manifest.number.desc()).all()


def released_layers(session: Session) -> set[str]:
    """The layers of which the reader was given anything that stands."""
    return {layer for one in list_manifests(session) if one.withdrawn_at is None for layer in one.manifest["layers"]}


@dataclass(frozen=True)
class Delta:
    """What has changed of a release since a version: features as GeoJSON text, and what is gone."""

    since: int
    until: int
    added: list[bytes]
    changed: list[bytes]
    removed: list[dict[str, Any]]


def delta(session: Session, release_id: uuid.UUID, since: int) -> Delta:
    """What has changed since a version, since 0 all there is. Raises ``Missing`` for a release nobody gave the reader.

    ``session`` is the recipient's own.
    """
    told = list_manifests(session, release_id)
    if not told:
        raise Missing(RELEASE_NOT_FOUND)
    added: list[bytes] = []
    changed: list[bytes] = []
    newer = {"op": ">", "args": [{"property": "version"}, since]}
    for layer in snapshot_catalog().values():
        selection = Selection(layer, RELEASE_LEVEL, where={"release": [str(release_id)]}, filter=newer)
        sql, values = pages.unpaged_sql(selection, f"({query.feature_json_sql(selection)})::bytea, t.added_in")
        with execution.driver_connection(session).cursor() as cursor:
            for feature, first in cursor.execute(sql, values):
                (added if first > since else changed).append(bytes(feature))
    gone = session.query(Tombstone).filter(
        Tombstone.release == release_id,
        Tombstone.added_in <= since,
        or_(Tombstone.removed_in > since, Tombstone.withdrawn),
    )
    removed = [{"id": str(one.id), "layer": one.layer, "removed_in": one.removed_in} for one in gone]
    return Delta(since, told[0].number, added, changed, removed)
