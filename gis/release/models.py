"""The tables of releases: versions, parts, approved rows, steps and holdings; manifests and tombstones for partners.

A release is a named selection for one recipient, in versions. A version has parts (layer, filter, fields, precision),
a period of validity and the document it is based on. One person prepares it and another approves it; then
``gis.release.publish`` copies it by value into schema ``release``. ``Holding`` registers what a recipient holds or
held of a feature, since and until which version.
"""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text as SqlText,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import Mapped, mapped_column

from gis.model.code_lists import AMBER, BLUE, GREEN, GREY, RED, SKY, Mark, Status, transitions_to
from gis.model.fields import SCHEMA
from gis.model.record import Record, datetime_column, key_column
from gis.release.snapshot import MAX_DECIMALS, RELEASE_SCHEMA

RELEASE_TABLES = ("releases", "release_versions", "release_parts", "release_rows", "release_steps", "holdings")
JOURNALLED_TABLES = ("releases", "release_versions", "release_parts")


class ReleaseState(Status):
    """The status of a version of a release."""

    DRAFT = "draft", ("Đang soạn", "Draft"), Mark("circle", GREY), transitions_to("submitted", "discarded")
    SUBMITTED = (
        "submitted",
        ("Chờ phê duyệt", "Awaiting approval"),
        Mark("triangle", AMBER),
        transitions_to("approved", "rejected"),
    )
    APPROVED = "approved", ("Đã phê duyệt", "Approved"), Mark("diamond", BLUE), transitions_to("published", "rejected")
    REJECTED = "rejected", ("Không phê duyệt", "Rejected"), Mark("square", RED)
    PUBLISHED = (
        "published",
        ("Đang chia sẻ", "Published"),
        Mark("circle", GREEN),
        transitions_to("withdrawn", "replaced"),
    )
    REPLACED = "replaced", ("Đã thay bằng bản mới", "Replaced"), Mark("circle", SKY)
    WITHDRAWN = "withdrawn", ("Đã thu hồi", "Withdrawn"), Mark("square", GREY)
    DISCARDED = "discarded", ("Đã hủy", "Discarded"), Mark("circle", GREY)


OPEN_STATES = (ReleaseState.DRAFT, ReleaseState.SUBMITTED, ReleaseState.APPROVED)
"""The states before publication; a release has at most one version in them."""

STATES_WITH_REASON = (ReleaseState.REJECTED, ReleaseState.WITHDRAWN)
"""The states whose transition needs a reason."""


def _version_id_column() -> Any:
    """A column that refers to a version."""
    return mapped_column(ForeignKey(f"{SCHEMA}.release_versions.id"), index=True)


class Release(Record):
    """A named selection for one recipient; its versions say what it contains."""

    __tablename__ = "releases"

    id: Mapped[uuid.UUID] = key_column()
    name: Mapped[str] = mapped_column(SqlText, unique=True)
    recipient: Mapped[str] = mapped_column(SqlText, index=True)
    made_at: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))


class ReleaseVersion(Record):
    """One version of a release. Triggers write who prepared, submitted and approved it.

    ``basis`` names the document it is based on in words that the recipient may read; ``withheld`` counts the withheld
    features by layer and reason.
    """

    __tablename__ = "release_versions"
    __table_args__ = (
        UniqueConstraint("release_id", "number"),
        Index(
            "uq_release_versions_on_its_way",
            "release_id",
            unique=True,
            postgresql_where=text("state in ('draft', 'submitted', 'approved')"),
        ),
        Index("uq_release_versions_standing", "release_id", unique=True, postgresql_where=text("state = 'published'")),
        CheckConstraint(
            "approved_by is null or approved_by <> all(preparers) and approved_by <> submitted_by", name="second_person"
        ),
        CheckConstraint(
            "approved_by is not null or state in ('draft', 'submitted', 'rejected', 'discarded')", name="approved"
        ),
        CheckConstraint("valid_from <= valid_to", name="period"),
    )

    id: Mapped[uuid.UUID] = key_column()
    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.releases.id"))
    number: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(SqlText, default="draft", server_default="draft")
    document_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(f"{SCHEMA}.features.id"))
    basis: Mapped[str | None] = mapped_column(SqlText)
    valid_from: Mapped[dt.date | None] = mapped_column(Date)
    valid_to: Mapped[dt.date | None] = mapped_column(Date)
    note: Mapped[str | None] = mapped_column(SqlText)
    withheld: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    prepared_at: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))
    preparers: Mapped[list[str]] = mapped_column(ARRAY(SqlText), server_default="{}")
    submitted_by: Mapped[str | None] = mapped_column(SqlText)
    approved_by: Mapped[str | None] = mapped_column(SqlText)
    watermark: Mapped[uuid.UUID | None] = mapped_column(UUID(as_uuid=True))
    manifest: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class ReleasePart(Record):
    """One layer of a version: a filter as in a URL's query, the released fields by name, the decimals of a degree.

    A field that is not named is not released, and so neither is a field that is declared later. Without decimals no
    geometry is released.
    """

    __tablename__ = "release_parts"
    __table_args__ = (
        UniqueConstraint("version_id", "layer"),
        CheckConstraint(f"decimals between 0 and {MAX_DECIMALS}", name="decimals"),
    )

    id: Mapped[uuid.UUID] = key_column()
    version_id: Mapped[uuid.UUID] = _version_id_column()
    layer: Mapped[str] = mapped_column(SqlText)
    filter: Mapped[dict[str, Any]] = mapped_column(JSONB)
    fields: Mapped[list[str]] = mapped_column(ARRAY(SqlText))
    decimals: Mapped[int | None] = mapped_column(Integer)


class ReleaseRow(Record):
    """One submitted feature of a version, with the hash of its content: only this content may be published."""

    __tablename__ = "release_rows"

    version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.release_versions.id"), primary_key=True)
    feature_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True)
    layer: Mapped[str] = mapped_column(SqlText)
    sha256: Mapped[str] = mapped_column(SqlText)


class ReleaseStep(Record):
    """A transition of a version: the new state, by whom, when and why. Written by a trigger."""

    __tablename__ = "release_steps"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    version_id: Mapped[uuid.UUID] = _version_id_column()
    state: Mapped[str] = mapped_column(SqlText)
    actor: Mapped[str] = mapped_column(SqlText)
    reason: Mapped[str | None] = mapped_column(SqlText)
    at: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))


class Holding(Record):
    """The exact content of a feature that a recipient has or had, since and until which version of which release.

    ``held_back`` marks a holding that ended by a recall: the level of the feature, or of one that its content mentions,
    was raised above ``partner``.
    """

    __tablename__ = "holdings"
    __table_args__ = (
        Index(
            "uq_holdings_recipient_feature_id",
            "recipient",
            "feature_id",
            unique=True,
            postgresql_where=text("until is null"),
        ),
        Index("ix_holdings_release_id_layer", "release_id", "layer", postgresql_where=text("until is null")),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        UUID(as_uuid=True), primary_key=True, server_default=text("gen_random_uuid()")
    )
    recipient: Mapped[str] = mapped_column(SqlText)
    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.releases.id"))
    layer: Mapped[str] = mapped_column(SqlText)
    feature_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), index=True)
    since: Mapped[dt.datetime] = datetime_column()
    since_version: Mapped[int] = mapped_column(Integer)
    until: Mapped[dt.datetime | None] = datetime_column()
    until_version: Mapped[int | None] = mapped_column(Integer)
    held_back: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    sha256: Mapped[str] = mapped_column(SqlText)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Manifest(Record):
    """The description of a published version for its recipient: counts, fields, hashes, basis and validity."""

    __tablename__ = "manifests"
    __table_args__ = ({"schema": RELEASE_SCHEMA},)

    release: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    recipient: Mapped[str] = mapped_column(SqlText, index=True)
    name: Mapped[str] = mapped_column(SqlText)
    published_at: Mapped[dt.datetime] = datetime_column()
    withdrawn_at: Mapped[dt.datetime | None] = datetime_column()
    manifest: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Tombstone(Record):
    """A feature that a release no longer contains, so that its recipient can delete its copy.

    ``withdrawn`` marks one that was removed between two versions: by withdrawal of the whole release, or by a recall.
    """

    __tablename__ = "tombstones"
    __table_args__ = ({"schema": RELEASE_SCHEMA},)

    release: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True)
    recipient: Mapped[str] = mapped_column(SqlText)
    layer: Mapped[str] = mapped_column(SqlText)
    added_in: Mapped[int] = mapped_column(Integer)
    removed_in: Mapped[int] = mapped_column(Integer)
    withdrawn: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
