"""One command on many features of a layer, in one transaction, with a verdict for each of them.

Every row runs the command that a single request runs, with its triggers, rights and constraints, in a savepoint of its
own. So a refused row leaves nothing behind, and a check is the real change, which is rolled back.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field as attribute
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field as Bound, StrictInt
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis.db.refusals import translate_database_errors
from gis.model.fields import Clearance, Level
from gis.model.layer import Feature, Layer
from gis.model.query import select_sql
from gis.model.row import Row
from gis.read import pages
from gis.read.selection import Selection
from gis.text import errors
from gis.text.errors import Conflict, FieldError, Forbidden, Missing, Refusal, TooMany, Unavailable
from gis.text.i18n import Text
from gis.write.commands import lock_feature, lock_retired_feature

MAX_ROWS = 1000
NOT_CHANGEABLE_TEXT = Text("Không có quyền sửa mục này", "You may not change this record")

CHECK_CONSTRAINTS_AT_ONCE = text("set constraints all immediate")
"""Deferred constraints would be checked at the commit, where no row could be named, and never in a check."""


class Mode(StrEnum):
    """What is written: nothing, all rows if none is refused, or the accepted rows."""

    CHECK = "check"
    ALL = "all"
    VALID = "valid"


class RowAtVersion(BaseModel):
    """A feature, and the version at which the client has read it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: uuid.UUID
    version: StrictInt = Bound(ge=1, le=2**31 - 1)


@dataclass(frozen=True)
class RowCommand:
    """A command on one locked feature of a layer.

    ``fields`` are the properties that it changes, whose previous values are returned. ``of_retired`` is true for a
    command on retired features, which all others treat as missing.
    """

    layer: Layer
    run: Callable[[Session, Feature], None]
    fields: Sequence[str] = ()
    of_retired: bool = False

    def lock(self, session: Session, row: RowAtVersion) -> Feature:
        """Select the feature for update, without waiting. Raises ``Missing``, ``Stale`` or ``Conflict``."""
        lock = lock_retired_feature if self.of_retired else lock_feature
        return lock(session, self.layer.model, row.id, row.version, nowait=True)


@dataclass(frozen=True)
class ReadableRow:
    """A feature as the actor may read it: its label and the previous values of the properties to be changed."""

    label: str | None
    before: Mapping[str, Any]


@dataclass(frozen=True)
class BulkResult:
    """The verdicts: the version of every accepted row after the command, and the refusal of every other one."""

    accepted: Mapping[uuid.UUID, int]
    refused: Mapping[uuid.UUID, Refusal]
    readable: Mapping[uuid.UUID, ReadableRow] = attribute(default_factory=dict)

    def label_and_values(self, feature_id: uuid.UUID) -> tuple[str | None, Mapping[str, Any]]:
        """The label and the previous values of a row; none if the actor may not read it."""
        row = self.readable.get(feature_id)
        return (None, {}) if row is None else (row.label, row.before)

    def is_written(self, mode: Mode) -> bool:
        """Whether the accepted rows are written in this mode."""
        return mode is Mode.VALID or (mode is Mode.ALL and not self.refused)

    def to_json(self) -> dict[str, Any]:
        """The verdicts for storage under an idempotency key, without labels and previous values."""
        return {
            "accepted": {str(feature_id): version for feature_id, version in self.accepted.items()},
            "refused": {str(feature_id): _refusal_to_json(refusal) for feature_id, refusal in self.refused.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], readable: Mapping[uuid.UUID, ReadableRow]) -> Self:
        """The verdicts that ``to_json`` has stored."""
        return cls(
            {uuid.UUID(feature_id): version for feature_id, version in stored["accepted"].items()},
            {uuid.UUID(feature_id): _refusal_from_json(refusal) for feature_id, refusal in stored["refused"].items()},
            readable,
        )


def _refusal_to_json(refusal: Refusal) -> dict[str, Any]:
    return {
        "type": type(refusal).__name__,
        "detail": tuple(refusal.detail),
        "errors": [[error.field, error.code, tuple(error.detail)] for error in refusal.errors],
        "extra": refusal.extra,
    }


def _refusal_from_json(stored: Mapping[str, Any]) -> Refusal:
    refusal: Refusal = getattr(errors, stored["type"])(
        Text(*stored["detail"]),
        [FieldError(field, code, Text(*detail)) for field, code, detail in stored["errors"]],
        stored["extra"],
    )
    return refusal


def run_on_rows(
    session: Session, clearance: Clearance, command: RowCommand, rows: Sequence[RowAtVersion], mode: Mode
) -> BulkResult:
    """Run a command on every row; what the mode does not write is rolled back.

    What a refusal says of a row is for the actor: a row that it may read but not change is refused as forbidden, a
    hidden row as a missing one. Raises ``Forbidden`` if the actor may change no row of the layer at all, and
    ``Unavailable`` if PostgreSQL does not answer.
    """
    accepted: dict[uuid.UUID, int] = {}
    refused: dict[uuid.UUID, Refusal] = {}
    with _undone_unless_written(session) as keep:
        session.execute(CHECK_CONSTRAINTS_AT_ONCE)
        _lock_in_order(session, command.layer, rows)
        readable = read_rows(session, clearance, command, rows)
        for row in sorted(rows, key=lambda row: row.id):
            verdict = _run_on_row(session, command, row)
            if isinstance(verdict, Missing) and row.id in readable:
                verdict = Forbidden(NOT_CHANGEABLE_TEXT)
            if isinstance(verdict, Refusal):
                refused[row.id] = verdict
            else:
                accepted[row.id] = verdict
        result = BulkResult(accepted, refused, readable)
        if result.is_written(mode):
            keep()
    return result


@contextmanager
def _undone_unless_written(session: Session) -> Iterator[Callable[[], None]]:
    """A savepoint that is rolled back at the end of the block unless the block has called the given function.

    The transaction itself goes on, since the access log is written only after one that has ended well.
    """
    is_kept = []
    savepoint = session.begin_nested()
    try:
        yield lambda: is_kept.append(True)
    except BaseException:
        savepoint.rollback()
        raise
    if is_kept:
        savepoint.commit()
    else:
        savepoint.rollback()


def _lock_in_order(session: Session, layer: Layer, rows: Sequence[RowAtVersion]) -> None:
    """Lock all rows in the order of their ids, so that two such transactions cannot wait for each other.

    If another transaction does not release one in time, nothing is locked here; then locking row by row names it.
    """
    model = layer.model
    ids = [row.id for row in rows]
    statement = select(model.id).where(model.id.in_(ids)).order_by(model.id).with_for_update()
    with suppress(Conflict), translate_database_errors(), session.begin_nested():
        session.execute(statement)


def _run_on_row(session: Session, command: RowCommand, row: RowAtVersion) -> int | Refusal:
    """Run the command on one row in a savepoint; returns the new version of the feature, or the refusal."""
    try:
        with translate_database_errors(), session.begin_nested():
            feature = command.lock(session, row)
            command.run(session, feature)
            session.flush()
            version: int = feature.version
            return version
    except (Unavailable, TooMany):
        raise  # a fault of the service, not of this row
    except Refusal as refusal:
        return refusal


def read_rows(
    session: Session, clearance: Clearance, command: RowCommand, rows: Sequence[RowAtVersion]
) -> dict[uuid.UUID, ReadableRow]:
    """Select the rows that the actor may read, by id. Restricted ones are written to the access log."""
    layer = command.layer
    row, fields = Row(clearance, layer), layer.readable_fields(clearance)
    values = ", ".join(f"'{name}', {fields[name].expression(row)}" for name in command.fields if name in fields)
    columns = [
        "t.id",
        f"({layer.label_sql})::text",
        f"jsonb_build_object({values})",
        f"case when t.level = '{Level.RESTRICTED}' then t.id end",
    ]
    ids = [item.id for item in rows]
    conditions = ["t.id = any(:ids)", f"t.retired_at is {'not null' if command.of_retired else 'null'}"]
    selected = session.execute(text(select_sql(columns, f"app.{layer.name} t", conditions)), {"ids": ids}).all()
    pages.record_access(session, Selection(layer, clearance, ids=ids), selected)
    return {feature_id: ReadableRow(label, before) for feature_id, label, before, _ in selected}
