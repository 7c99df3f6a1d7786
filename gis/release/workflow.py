"""Sharing: a release prepared, previewed, submitted, decided and published, and what recipients hold.

What goes is read with a partner's eyes, what stays with those of whoever prepares it. Who may decide is not judged
here but in the database (``gis.publication``).
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

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

RELEASE_NOT_FOUND = Text("Không có bản chia sẻ này", "There is no such release")


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
