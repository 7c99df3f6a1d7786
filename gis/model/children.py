"""Child tables: rows that belong to a feature, such as a gate's events."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, TypeVar

from sqlalchemy import (
    DateTime,
    Table,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, Session, aliased, load_only, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from gis.model.fields import (
    SCHEMA,
    Clearance,
    Field,
    Level,
    ScopedClearance,
)
from gis.model.layer import Feature
from gis.model.record import Record
from gis.model.tables import history_table
from gis.text.i18n import Text


class ChildRecord(Record):
    """A dated row that belongs to a feature and is seen with it, such as an event of a gate. Remembered alike."""

    __abstract__ = True
    parent: ClassVar[type[Feature]]
    title: ClassVar[Text]
    history: ClassVar[Table]

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4, sort_order=-100)
    feature_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), nullable=False, index=True, sort_order=-90)
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"), sort_order=100
    )

    def __init_subclass__(cls, *, table: str, parent: type[Feature], title: tuple[str, str]) -> None:
        cls.__tablename__, cls.parent, cls.title = table, parent, Text(*title)
        super().__init_subclass__()
        cls.history = history_table(cls.__table__)  # type: ignore[arg-type]
        child_tables[table] = cls


ChildT = TypeVar("ChildT", bound=ChildRecord)


def child_fields(child: type[ChildRecord], clearance: Clearance) -> list[Field]:
    """What of a part such a reader may know of: its own fields, not whose it is; of a state ``t`` of it."""
    found = [
        Field(name=column.name, nullable=bool(column.nullable), **column.info["field"])
        for column in child.__table__.columns
        if "field" in column.info
    ]
    view = f'app.{child.__tablename__}_own own where own.id = t."id" and own.valid = t."valid"'
    return [
        replace(one, own_unit_sql=f'select own."{one.name}" from {view}')
        if isinstance(clearance, ScopedClearance) and not clearance.may_read_everywhere(one.level)
        else one
        for one in found
        if clearance.may_read(one.level)
    ]


def child_columns(child: type[ChildRecord], clearance: Clearance) -> list[str]:
    """The columns of a part that such a reader is granted."""
    return [
        "id",
        "feature_id",
        "created_at",
        *(one.name for one in child_fields(child, clearance) if one.own_unit_sql is None),
    ]


def masked_child_fields(child: type[ChildRecord], clearance: Clearance) -> list[str]:
    """The fields of a part that a scoped reader gets of its own matters alone."""
    return [one.name for one in child_fields(child, clearance) if one.own_unit_sql is not None]


def child_rows(
    session: Session, child: type[ChildT], feature_id: uuid.UUID, clearance: Clearance, as_of: dt.datetime | None = None
) -> list[ChildT]:
    """What belongs to a feature, now or as it was, as far as ``reader`` may know of it.

    A field above that level is not even read.
    """
    names = child_columns(child, clearance)
    source = child if as_of is None else _child_as_of(child, names, as_of)
    wanted = load_only(*(getattr(source, name) for name in names), raiseload=True)
    rows = list(session.scalars(select(source).where(source.feature_id == feature_id).options(wanted)))
    if own := masked_child_fields(child, clearance):
        shown = ", ".join(f'"{name}"' for name in own)
        told = session.execute(
            text(
                f"select id, {shown} from app.{child.__tablename__}_own where id = any(:ids)"
                " and valid @> coalesce(cast(:as_of as timestamptz), clock_timestamp())"
            ),
            {"ids": [row.id for row in rows], "as_of": as_of},
        )
        values = {found[0]: found[1:] for found in told}
        for row in rows:
            for name, value in zip(own, values.get(row.id, [None] * len(own)), strict=True):
                set_committed_value(row, name, value)
    return rows


def _child_as_of(child: type[ChildT], names: Sequence[str], as_of: dt.datetime) -> type[ChildT]:
    """A part's rows out of its history, with these columns alone, since others may not even be named."""
    past = child.metadata.tables[f"{SCHEMA}.{child.__tablename__}_history"].c
    states = select(*(past[name] for name in names)).where(past.valid.op("@>")(as_of)).subquery()
    return aliased(child, states, adapt_on_names=True)


class UnjournalledRecord(Record):
    """Reference rows that belong to no feature, such as a route: read from ``readers`` upwards, kept by editors.

    A register that has a column ``level`` is read row by row, like a layer. One without readers is private: every
    editor writes it, and of its rows only those that bear the editor's own name as ``actor`` are there for them.
    Registers are made anew from files or by the program, so they are not journalled, and not proven.
    """

    __abstract__ = True
    read_level: ClassVar[Level | None]

    def __init_subclass__(cls, *, table: str, read_level: Level | None) -> None:
        cls.__tablename__, cls.read_level = table, read_level
        super().__init_subclass__()
        unjournalled_tables[table] = cls


child_tables: dict[str, type[ChildRecord]] = {}
unjournalled_tables: dict[str, type[UnjournalledRecord]] = {}
