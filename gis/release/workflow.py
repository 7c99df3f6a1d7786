"""Sharing: a release prepared, previewed, submitted, decided and published, and what recipients hold.

What goes is read with a partner's eyes, what stays with those of whoever prepares it. Who may decide is not judged
here but in the database (``gis.publication``).
"""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, or_, text
from sqlalchemy.orm import Session

from gis.model.fields import ASSUMED_PREFIX, Level, PositionSource
from gis.model.layer import Layer
from gis.read import sql as query
from gis.read.sql import Selection
from gis.release.models import (
    OPEN_STATES,
    Manifest,
    Release,
    ReleasePart,
    ReleaseRow,
    ReleaseState,
    ReleaseStep,
    ReleaseVersion,
    Tombstone,
)
from gis.release.snapshot import MAX_DECIMALS, RELEASE_LEVEL, snapshot_catalog, snapshot_layer
from gis.text.dates import TIME_ZONE, TODAY_SQL
from gis.text.errors import Conflict, Missing, invalid
from gis.text.i18n import Text

RELEASE_NOT_FOUND = Text("Không có bản chia sẻ này", "There is no such release")

WITHHELD_REASONS = {
    "level": Text("Không thuộc phạm vi cung cấp cho đối tác", "Outside what may be given to partners"),
    "assumed": Text("Vị trí giả định: không thuộc phạm vi lọc", "Assumed position: outside the filter"),
    "hidden": Text("Chỉ khớp bộ lọc theo dữ liệu nội bộ", "Matches the filter by internal data only"),
    "position_assumed": Text(
        "Cung cấp không kèm vị trí: vị trí giả định", "Shared without its position: an assumed position"
    ),
    "position_unvouched": Text(
        "Cung cấp không kèm vị trí: chưa nêu giá trị pháp lý, hoặc hình quá nhỏ so với độ chính xác đã chọn",
        "Shared without its position: no legal status stated, or too small for the chosen precision",
    ),
    "address_assumed": Text(
        "Cung cấp không kèm lý trình: tính từ mốc có vị trí giả định",
        "Shared without its address: counted from a marker with an assumed position",
    ),
}
"""Why something stays, or goes without its place."""

MAX_LABELS = 20
"""How many of the features that stay are named for each reason."""


@dataclass(frozen=True)
class PreparedPart:
    """What of a layer goes, ready to be read: ``selection`` with a partner's eyes, the fields, the decimals."""

    selection: Selection
    fields: tuple[str, ...]
    decimals: int | None
    filter: Mapping[str, Any]

    def __post_init__(self) -> None:
        known = snapshot_layer(self.selection.layer).snapshot_fields
        for name in self.fields:
            if name not in known or name in ("release", "version"):
                words = ", ".join(one for one in known if one not in ("release", "version"))
                raise invalid(
                    "fields",
                    "unknown_field",
                    f"Không chia sẻ được thuộc tính '{name[:60]}'. Có: {words}",
                    f"The property '{name[:60]}' cannot be shared. There are: {words}",
                )
        query.validate_selection(self.selection)
        if self.decimals is not None and not 0 <= self.decimals <= MAX_DECIMALS:
            raise invalid(
                "decimals",
                "range",
                f"Số chữ số thập phân của độ: từ 0 đến {MAX_DECIMALS}",
                f"Decimal places of a degree: from 0 to {MAX_DECIMALS}",
            )


@dataclass(frozen=True)
class FeatureContent:
    """One feature as it would go: its id, its content word for word, and the hash of that."""

    id: uuid.UUID
    content: dict[str, Any]
    sha256: str


@dataclass(frozen=True)
class Withheld:
    """What stays, or goes without its place: how many of a layer, why, and the first of them by name."""

    layer: str
    reason: str
    number: int
    labels: list[str]


def releasable_content(session: Session, part: PreparedPart) -> list[FeatureContent]:
    """What would go now. ``session`` is one with a partner's eyes."""
    sql, values = query.unpaged_sql(part.selection, "t.id")
    ids = f"(select array_agg(found.id) from ({sql}) found)"
    return _content_of_features(session, part.selection.layer, ids, values, part.fields, part.decimals)


def submitted_content(
    session: Session, part: ReleasePart, layer: Layer, rows: Collection[uuid.UUID]
) -> list[FeatureContent]:
    """The submitted features of a part as they are now: whoever looks compares the hashes. With a partner's eyes."""
    return _content_of_features(session, layer, "%(ids)s::uuid[]", {"ids": list(rows)}, part.fields, part.decimals)


def _content_of_features(  # noqa: PLR0917 - what a content is made from
    session: Session,
    layer: Layer,
    ids: str,
    values: Mapping[str, Any],
    fields: Sequence[str],
    decimals: int | None,
) -> list[FeatureContent]:
    sql = (
        f"select s.id, s.content, app.content_hash(s.content) from app.shared_{layer.name}({ids},"
        " %(fields)s::text[], %(decimals)s::integer) s"
    )
    with query.driver_connection(session).cursor() as cursor:
        cursor.execute(sql, {**values, "fields": list(fields), "decimals": decimals})
        return [FeatureContent(*row) for row in cursor.fetchall()]


def withheld(session: Session, selection: Selection, released: Sequence[FeatureContent]) -> list[Withheld]:
    """What of the same selection stays, by reason. ``session`` and ``whole`` are those of whoever prepares it."""
    layer, contents = selection.layer, {one.id: one.content for one in released}
    shown = (
        f"t.id, ({layer.label_sql})::text, t.level::text, t.position_source, t.geom is not null,"
        f" coalesce(t.address like '{ASSUMED_PREFIX}%%', false)"
    )
    sql, values = query.unpaged_sql(selection, shown)
    found: dict[str, list[str]] = {reason: [] for reason in WITHHELD_REASONS}
    with query.driver_connection(session).cursor() as cursor:
        cursor.execute(sql, values)
        for row in cursor:
            for reason in _reasons_withheld(contents.get(row[0]), *row[2:]):
                found[reason].append(row[1] or "")
    return [Withheld(layer.name, reason, len(names), names[:MAX_LABELS]) for reason, names in found.items() if names]


def _reasons_withheld(
    content: Mapping[str, Any] | None, level: str, source: str, placed: bool, doubtful: bool
) -> list[str]:
    if content is None:
        if not RELEASE_LEVEL.may_read(Level(level)):
            return ["level"]
        return ["assumed" if source == PositionSource.ASSUMED.value else "hidden"]
    reasons = []
    if source == PositionSource.ASSUMED.value:
        reasons.append("position_assumed")
    elif placed and "geometry" not in content:
        reasons.append("position_unvouched")
    elif doubtful:
        reasons.append("address_assumed")
    return reasons


# Preparing and deciding.


@dataclass(frozen=True)
class Terms:
    """What a version rests on and how long it holds: ``basis`` is the paper as the recipient may know it."""

    document_id: uuid.UUID | None = None
    basis: str | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    note: str | None = None


def prepare(session: Session, name: str, recipient: str, terms: Terms, parts: Sequence[PreparedPart]) -> ReleaseVersion:
    """A new release with its first version in draft. Raises ``Invalid`` for a name that is taken."""
    if session.query(Release).filter_by(name=name).one_or_none() is not None:
        raise invalid("name", "taken", "Tên này đã được sử dụng", "This name is already in use")
    release = Release(id=uuid.uuid4(), name=name, recipient=recipient)
    session.add(release)
    session.flush()
    return _create_draft(session, release.id, 1, terms, parts)


def prepare_next_version(
    session: Session, release_id: uuid.UUID, terms: Terms, parts: Sequence[PreparedPart]
) -> ReleaseVersion:
    """The next version in draft. Raises ``Conflict`` while another one is on its way, ``Missing`` for no release."""
    versions = versions_of(session, release_id)
    on_its_way = next((one for one in versions if one.state in OPEN_STATES), None)
    if on_its_way is not None:
        raise Conflict(
            Text(
                f"Phiên bản {on_its_way.number} đang xử lý; hãy hoàn tất hoặc hủy phiên bản đó trước",
                f"Version {on_its_way.number} is still in progress; finish or discard it first",
            )
        )
    return _create_draft(session, release_id, versions[-1].number + 1, terms, parts)


def update_draft(
    session: Session, version: ReleaseVersion, terms: Terms, parts: Sequence[PreparedPart], *, name: str, recipient: str
) -> None:
    """Change a draft before anybody is asked to approve it; the database writes down that the actor prepared it too.

    Name and recipient change with the first version only. Raises ``Conflict`` for what is no draft any more.
    """
    if version.state != ReleaseState.DRAFT:
        raise Conflict(Text("Chỉ sửa được bản đang soạn", "Only a draft can be changed"))
    release = release_of(session, version.release_id)
    if (name, recipient) != (release.name, release.recipient):
        if version.number > 1:
            raise Conflict(
                Text(
                    "Tên và nơi nhận theo phiên bản đầu, không thay đổi được",
                    "Name and recipient are those of the first version and cannot change",
                )
            )
        if session.query(Release).filter(Release.name == name, Release.id != release.id).count():
            raise invalid("name", "taken", "Tên này đã được sử dụng", "This name is already in use")
        release.name, release.recipient = name, recipient
    for field, value in vars(terms).items():
        setattr(version, field, value)
    session.query(ReleasePart).filter_by(version_id=version.id).delete()
    _store_parts(session, version, parts)


def _create_draft(
    session: Session, release_id: uuid.UUID, number: int, terms: Terms, parts: Sequence[PreparedPart]
) -> ReleaseVersion:
    version = ReleaseVersion(id=uuid.uuid4(), release_id=release_id, number=number, **vars(terms))
    session.add(version)
    session.flush()
    _store_parts(session, version, parts)
    return version


def _store_parts(session: Session, version: ReleaseVersion, parts: Sequence[PreparedPart]) -> None:
    if not parts:
        raise invalid("parts", "missing", "Cần ít nhất một lớp dữ liệu", "At least one layer is needed")
    if len({part.selection.layer.name for part in parts}) < len(parts):
        raise invalid("parts", "repeated", "Mỗi lớp dữ liệu chỉ được chọn một lần", "A layer may be chosen once only")
    session.add_all(
        ReleasePart(
            version_id=version.id,
            layer=part.selection.layer.name,
            filter=dict(part.filter),
            fields=sorted(part.fields),
            decimals=part.decimals,
        )
        for part in parts
    )
    session.flush()
    session.refresh(version)


def versions_of(session: Session, release_id: uuid.UUID) -> list[ReleaseVersion]:
    """The versions of a release in order. Raises ``Missing`` where there is none."""
    found = session.query(ReleaseVersion).filter_by(release_id=release_id).order_by(ReleaseVersion.number).all()
    if not found:
        raise Missing(RELEASE_NOT_FOUND)
    return found


def version_of(session: Session, release_id: uuid.UUID, number: int, *, locked: bool = False) -> ReleaseVersion:
    """One version of a release, ``locked`` until the end where it is to be changed. Raises ``Missing`` for none."""
    asked = session.query(ReleaseVersion).filter_by(release_id=release_id, number=number)
    found = (asked.with_for_update() if locked else asked).one_or_none()
    if found is None:
        raise Missing(RELEASE_NOT_FOUND)
    return found


def list_releases(session: Session) -> list[Release]:
    """Every release, the youngest first."""
    return session.query(Release).order_by(Release.made_at.desc()).all()


def release_of(session: Session, release_id: uuid.UUID) -> Release:
    """One release. Raises ``Missing`` where there is none."""
    found = session.get(Release, release_id)
    if found is None:
        raise Missing(RELEASE_NOT_FOUND)
    return found


def steps_of(session: Session, version_id: uuid.UUID) -> list[ReleaseStep]:
    """Who moved a version when and why, in order."""
    return session.query(ReleaseStep).filter_by(version_id=version_id).order_by(ReleaseStep.id).all()


def rows_of(session: Session, version_id: uuid.UUID) -> dict[str, dict[uuid.UUID, str]]:
    """The rows of a version as they were submitted: by layer, the hash of each id's content."""
    found: dict[str, dict[uuid.UUID, str]] = {}
    for one in session.query(ReleaseRow).filter_by(version_id=version_id):
        found.setdefault(one.layer, {})[one.feature_id] = one.sha256
    return found


def parts_of(session: Session, version_id: uuid.UUID) -> list[ReleasePart]:
    """The parts of a version by layer."""
    return session.query(ReleasePart).filter_by(version_id=version_id).order_by(ReleasePart.layer).all()


def submit(
    session: Session,
    version: ReleaseVersion,
    rows: Mapping[str, Sequence[FeatureContent]],
    withheld_items: Sequence[Withheld],
) -> None:
    """Submit a draft with these rows. Raises ``Invalid`` without a basis or a row, and like ``move``."""
    if not version.basis:
        raise invalid("basis", "missing", "Cần văn bản làm căn cứ", "The paper it rests on is needed")
    if not any(rows.values()):
        raise invalid("parts", "empty", "Không có dòng nào để chia sẻ", "There is no row to share")
    version.withheld = {}
    for one in withheld_items:
        version.withheld.setdefault(one.layer, {})[one.reason] = one.number
    session.flush()
    session.execute(
        insert(ReleaseRow),
        [
            {"version_id": version.id, "feature_id": one.id, "layer": layer, "sha256": one.sha256}
            for layer, found in rows.items()
            for one in found
        ],
    )
    transition(session, version, ReleaseState.SUBMITTED)


def transition(session: Session, version: ReleaseVersion, to: ReleaseState) -> None:
    """Move a version on; the database says who may.

    Raises ``Conflict`` for a move that is not allowed or a feature that reaches the recipient through another
    release, ``Forbidden`` where it takes a second person.
    """
    state = ReleaseState(version.state)
    allowed = [word for word in state.transitions_to if word != ReleaseState.REPLACED]
    if to.value not in allowed:
        words = ", ".join(allowed) or "–"
        raise Conflict(
            Text(
                f"Đang ở tình trạng “{state.title.vi}”, chỉ cập nhật được thành: {words}",
                f"Its status is “{state.title.en}” and may only become: {words}",
            ),
            extra={"allowed": allowed},
        )
    if to in (ReleaseState.SUBMITTED, ReleaseState.APPROVED, ReleaseState.PUBLISHED):
        _refuse_overlap(session, version)
    if to is ReleaseState.PUBLISHED:
        session.execute(text("select app.publish_release(:id)"), {"id": version.id})
    elif to is ReleaseState.WITHDRAWN:
        session.execute(text("select app.withdraw_release(:id)"), {"id": version.id})
    else:
        version.state = to.value
        session.flush()
    session.refresh(version)


def _refuse_overlap(session: Session, version: ReleaseVersion) -> None:
    found = session.execute(
        text(
            "select other.name, count(*) from app.release_rows w"
            " join app.releases own on own.id = :release"
            " join app.holdings h on h.recipient = own.recipient and h.feature_id = w.feature_id and h.until is null"
            "  and h.release_id <> own.id join app.releases other on other.id = h.release_id"
            " where w.version_id = :version group by 1 order by 2 desc limit 1"
        ),
        {"release": version.release_id, "version": version.id},
    ).one_or_none()
    if found is not None:
        name, number = found
        raise Conflict(
            Text(
                f"{number} mục đã cung cấp cho đối tác này trong bản chia sẻ '{name}'; mỗi mục chỉ thuộc một bản",
                f"This partner already receives {number} features in the release '{name}'; each belongs to one only",
            ),
            extra={"release": name, "features": number},
        )


# What recipients hold.


def ids_of(session: Session, selection: Selection) -> list[uuid.UUID]:
    """The features that a selection means."""
    sql, values = query.unpaged_sql(selection, "t.id")
    with query.driver_connection(session).cursor() as cursor:
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
        sql, values = query.unpaged_sql(selection, f"({query.feature_json_sql(selection)})::bytea, t.added_in")
        with query.driver_connection(session).cursor() as cursor:
            for feature, first in cursor.execute(sql, values):
                (added if first > since else changed).append(bytes(feature))
    gone = session.query(Tombstone).filter(
        Tombstone.release == release_id,
        Tombstone.added_in <= since,
        or_(Tombstone.removed_in > since, Tombstone.withdrawn),
    )
    removed = [{"id": str(one.id), "layer": one.layer, "removed_in": one.removed_in} for one in gone]
    return Delta(since, told[0].number, added, changed, removed)
