"""The workflow of a release: prepare and change a draft, submit it, and move it through its states.

Whether an actor may make a transition is decided by the triggers of ``gis.release.publish``, not here.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, text

from gis.db.session import Session
from gis.release.contents import FeatureContent, PreparedPart, Withheld
from gis.release.models import (
    OPEN_STATES,
    Release,
    ReleasePart,
    ReleaseRow,
    ReleaseState,
    ReleaseStep,
    ReleaseVersion,
)
from gis.text.errors import Conflict, Missing, invalid
from gis.text.i18n import Text
from gis.text.sql_files import SqlFile

SQL = SqlFile(__file__)

RELEASE_NOT_FOUND = Text("Không có bản chia sẻ này", "There is no such release")


@dataclass(frozen=True)
class Terms:
    """The terms of a version: the document it is based on, ``basis`` as the recipient may read it, and its validity."""

    document_id: uuid.UUID | None = None
    basis: str | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    note: str | None = None


def prepare(session: Session, name: str, recipient: str, terms: Terms, parts: Sequence[PreparedPart]) -> ReleaseVersion:
    """Create a release with its first version as a draft. Raises ``Invalid`` if the name is in use."""
    if session.query(Release).filter_by(name=name).one_or_none() is not None:
        raise invalid("name", "taken", "Tên này đã được sử dụng", "This name is already in use")
    release = Release(id=uuid.uuid4(), name=name, recipient=recipient)
    session.add(release)
    session.flush()
    return _create_draft(session, release.id, 1, terms, parts)


def prepare_next_version(
    session: Session, release_id: uuid.UUID, terms: Terms, parts: Sequence[PreparedPart]
) -> ReleaseVersion:
    """Create the next version as a draft.

    Raises ``Conflict`` while another version is open, ``Missing`` if the release is unknown.
    """
    versions = versions_of(session, release_id)
    open_version = next((version for version in versions if version.state in OPEN_STATES), None)
    if open_version is not None:
        raise Conflict(
            Text(
                f"Phiên bản {open_version.number} đang xử lý; hãy hoàn tất hoặc hủy phiên bản đó trước",
                f"Version {open_version.number} is still in progress; finish or discard it first",
            )
        )
    return _create_draft(session, release_id, versions[-1].number + 1, terms, parts)


def update_draft(
    session: Session, version: ReleaseVersion, terms: Terms, parts: Sequence[PreparedPart], *, name: str, recipient: str
) -> None:
    """Change a draft. A trigger adds the actor to its preparers, who may not approve it.

    Raises ``Conflict`` if the version is not a draft, or if name or recipient change after the first version.
    """
    if version.state != ReleaseState.DRAFT:
        raise Conflict(Text("Chỉ sửa được bản đang soạn", "Only a draft can be changed"))
    release = release_of(session, version.release_id)
    if (name, recipient) != (release.name, release.recipient):
        if version.number > 1:
            raise Conflict(
                Text(
                    "Tên và nơi nhận theo phiên bản đầu, không thay đổi được",
                    "`name` and `recipient` can be changed in the first version only",
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
    """Create version ``number`` of a release as a draft with these parts."""
    version = ReleaseVersion(id=uuid.uuid4(), release_id=release_id, number=number, **vars(terms))
    session.add(version)
    session.flush()
    _store_parts(session, version, parts)
    return version


def _store_parts(session: Session, version: ReleaseVersion, parts: Sequence[PreparedPart]) -> None:
    """Add the parts to a draft. Raises ``Invalid`` without parts, or if two have the same layer."""
    if not parts:
        raise invalid("parts", "missing", "Cần ít nhất một lớp dữ liệu", "At least one layer is required")
    if len({part.selection.layer.name for part in parts}) < len(parts):
        raise invalid(
            "parts", "repeated", "Mỗi lớp dữ liệu chỉ được chọn một lần", "Each layer can be chosen only once"
        )
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
    """The versions of a release by number. Raises ``Missing`` if the release is unknown."""
    versions = session.query(ReleaseVersion).filter_by(release_id=release_id).order_by(ReleaseVersion.number).all()
    if not versions:
        raise Missing(RELEASE_NOT_FOUND)
    return versions


def version_of(session: Session, release_id: uuid.UUID, number: int, *, locked: bool = False) -> ReleaseVersion:
    """One version of a release; with ``locked`` its row is selected for update. Raises ``Missing``."""
    query = session.query(ReleaseVersion).filter_by(release_id=release_id, number=number)
    version = (query.with_for_update() if locked else query).one_or_none()
    if version is None:
        raise Missing(RELEASE_NOT_FOUND)
    return version


def list_releases(session: Session) -> list[Release]:
    """All releases, newest first."""
    return session.query(Release).order_by(Release.made_at.desc()).all()


def release_of(session: Session, release_id: uuid.UUID) -> Release:
    """One release by id. Raises ``Missing`` if it is unknown."""
    release = session.get(Release, release_id)
    if release is None:
        raise Missing(RELEASE_NOT_FOUND)
    return release


def steps_of(session: Session, version_id: uuid.UUID) -> list[ReleaseStep]:
    """The transitions of a version, oldest first."""
    return session.query(ReleaseStep).filter_by(version_id=version_id).order_by(ReleaseStep.id).all()


def rows_of(session: Session, version_id: uuid.UUID) -> dict[str, dict[uuid.UUID, str]]:
    """The submitted rows of a version: by layer, the content hash of each feature id."""
    rows: dict[str, dict[uuid.UUID, str]] = {}
    for row in session.query(ReleaseRow).filter_by(version_id=version_id):
        rows.setdefault(row.layer, {})[row.feature_id] = row.sha256
    return rows


def parts_of(session: Session, version_id: uuid.UUID) -> list[ReleasePart]:
    """The parts of a version, sorted by layer."""
    return session.query(ReleasePart).filter_by(version_id=version_id).order_by(ReleasePart.layer).all()


def submit(
    session: Session,
    version: ReleaseVersion,
    rows: Mapping[str, Sequence[FeatureContent]],
    withheld_items: Sequence[Withheld],
) -> None:
    """Submit a draft with these rows, by layer. Raises as ``transition``, and ``Invalid`` without a basis or a row."""
    if not version.basis:
        raise invalid("basis", "missing", "Cần văn bản làm căn cứ", "`basis` is required: the document it is based on")
    if not any(rows.values()):
        raise invalid("parts", "empty", "Không có dòng nào để chia sẻ", "The filter matches no row to share")
    version.withheld = {}
    for item in withheld_items:
        version.withheld.setdefault(item.layer, {})[item.reason] = item.number
    session.flush()
    session.execute(
        insert(ReleaseRow),
        [
            {"version_id": version.id, "feature_id": item.id, "layer": layer, "sha256": item.sha256}
            for layer, contents in rows.items()
            for item in contents
        ],
    )
    transition(session, version, ReleaseState.SUBMITTED)


def transition(session: Session, version: ReleaseVersion, to: ReleaseState) -> None:
    """Move a version to another state, if the database lets the actor do so.

    Raises ``Conflict`` if the transition is not allowed, if a feature already reaches the recipient through another
    release, or if the data changed since submission; ``Forbidden`` for a token, and if
    a second person is required.
    """
    state = ReleaseState(version.state)
    allowed = [code for code in state.transitions_to if code != ReleaseState.REPLACED]
    if to.value not in allowed:
        names = ", ".join(allowed) or "–"
        raise Conflict(
            Text(
                f"Đang ở tình trạng “{state.title.vi}”, chỉ cập nhật được thành: {names}",
                f"Its status is “{state.title.en}” and can only become: {names}",
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
    """Raise ``Conflict`` if the recipient holds a submitted feature through another release."""
    overlap = session.execute(
        text(SQL.text("overlapping_release")), {"release": version.release_id, "version": version.id}
    ).one_or_none()
    if overlap is not None:
        name, number = overlap
        raise Conflict(
            Text(
                f"{number} mục đã cung cấp cho đối tác này trong bản chia sẻ '{name}'; mỗi mục chỉ thuộc một bản",
                f"This partner already receives {number} features in the release '{name}'; each can be in one only",
            ),
            extra={"release": name, "features": number},
        )
