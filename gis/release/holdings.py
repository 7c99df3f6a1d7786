"""What each recipient holds of which release, and the difference between two versions of a release."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, text

from gis.db.session import Session
from gis.model.query import select_sql
from gis.read import pages
from gis.read.selection import Selection
from gis.read.sql import feature_json_sql
from gis.release.models import Manifest, Tombstone
from gis.release.snapshot import RELEASE_LEVEL, snapshot_catalog
from gis.release.workflow import RELEASE_NOT_FOUND
from gis.text.dates import TIME_ZONE, TODAY_SQL
from gis.text.errors import Missing


def ids_of(session: Session, selection: Selection) -> list[uuid.UUID]:
    """The ids of all features of a selection."""
    sql, values = pages.unpaged_sql(selection, "t.id")
    with session.driver_connection(selection.as_of).cursor() as cursor:
        return [row[0] for row in cursor.execute(sql, values)]


def list_holdings(
    session: Session, *, recipient: str | None = None, features: Collection[uuid.UUID] | None = None, limit: int = 1000
) -> list[dict[str, Any]]:
    """The holdings of one recipient, of some features, or both, latest first, as dictionaries.

    ``until`` is None while the recipient still holds the feature. A holding of a release whose period of validity has
    passed ends with that period, in the local time zone, even if nothing was published since.
    """
    conditions = []
    if recipient is not None:
        conditions.append("h.recipient = :recipient")
    if features is not None:
        conditions.append("h.feature_id = any(:features)")
    expired_at = f"case when v.valid_to < {TODAY_SQL} then (v.valid_to + 1)::timestamp at time zone '{TIME_ZONE}' end"
    sql = select_sql(
        "h.recipient, h.layer, h.feature_id as feature, r.id as release, r.name, h.since, h.since_version,"
        f" coalesce(h.until, {expired_at}) as until, h.until_version, h.held_back, h.sha256, h.content",
        "app.holdings h join app.releases r on r.id = h.release_id"
        " left join app.release_versions v on v.release_id = r.id and v.state = 'published'",
        conditions,
        order_by="h.since desc, h.layer, h.feature_id",
        limit=limit,
    )
    rows = session.execute(text(sql), {"recipient": recipient, "features": list(features or ())})
    return [dict(row) for row in rows.mappings()]


FROM_RECALLED_HOLDINGS = """
from app.holdings h join app.releases r on r.id = h.release_id
where h.held_back and not exists (
    select from app.holdings n where n.recipient = h.recipient and n.feature_id = h.feature_id and n.since > h.until)
"""


def list_recalled_holdings(session: Session, limit: int = 100) -> list[dict[str, Any]]:
    """The holdings that ended by a recall, latest first, and whose features were not released again since."""
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
    """The number of rows that ``list_recalled_holdings`` would list without a limit."""
    return int(session.execute(text(f"select count(*) {FROM_RECALLED_HOLDINGS}")).scalar_one())


def list_manifests(session: Session, release_id: uuid.UUID | None = None) -> list[Manifest]:
    """The manifests that the session may read, by name of the release, its latest version first."""
    query = session.query(Manifest)
    if release_id is not None:
        query = query.filter_by(release=release_id)
    return query.order_by(Manifest.name, Manifest.number.desc()).all()


def released_layers(session: Session) -> set[str]:
    """The names of the layers in those releases of the session's recipient that are not withdrawn."""
    return {
        layer
        for manifest in list_manifests(session)
        if manifest.withdrawn_at is None
        for layer in manifest.manifest["layers"]
    }


@dataclass(frozen=True)
class Delta:
    """The difference between two versions of a release: features as GeoJSON text, and the removed ones by id."""

    since: int
    until: int
    added: list[bytes]
    changed: list[bytes]
    removed: list[dict[str, Any]]


def delta(session: Session, release_id: uuid.UUID, since: int) -> Delta:
    """The difference between version ``since`` of a release and its latest; since 0 every feature is ``added``.

    ``session`` acts as the recipient. Raises ``Missing`` if the release is not for that recipient.
    """
    manifests = list_manifests(session, release_id)
    if not manifests:
        raise Missing(RELEASE_NOT_FOUND)
    added: list[bytes] = []
    changed: list[bytes] = []
    newer = {"op": ">", "args": [{"property": "version"}, since]}
    for layer in snapshot_catalog().values():
        selection = Selection(layer, RELEASE_LEVEL, where={"release": [str(release_id)]}, filter=newer)
        sql, values = pages.unpaged_sql(selection, f"({feature_json_sql(selection)})::bytea, t.added_in")
        with session.driver_connection().cursor() as cursor:
            for feature, added_in in cursor.execute(sql, values):
                (added if added_in > since else changed).append(bytes(feature))
    tombstones = session.query(Tombstone).filter(
        Tombstone.release == release_id,
        Tombstone.added_in <= since,
        or_(Tombstone.removed_in > since, Tombstone.withdrawn),
    )
    removed = [
        {"id": str(tombstone.id), "layer": tombstone.layer, "removed_in": tombstone.removed_in}
        for tombstone in tombstones
    ]
    return Delta(since, manifests[0].number, added, changed, removed)
