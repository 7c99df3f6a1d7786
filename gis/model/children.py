"""Child tables, whose rows belong to a feature, and tables without a journal."""

import datetime as dt
import uuid
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from sqlalchemy import (
    DateTime,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, mapped_column

from gis.model.fields import (
    Clearance,
    Field,
    Level,
    OwnUnitView,
    ScopedClearance,
)
from gis.model.layer import Feature
from gis.model.record import Record
from gis.model.tables import history_table
from gis.text.i18n import Text


class ChildRecord(Record):
    """A row that belongs to a feature and is visible to those who see the feature. Changes are journalled."""

    __abstract__ = True
    parent: ClassVar[type[Feature]]
    title: ClassVar[Text]
    order: ClassVar[str]
    """The column by which rows are sorted, after ``-`` in descending order."""
    path: ClassVar[str]
    """The last part of the path at which the API serves the rows: ``plans`` for the table ``gate_plans``."""

    history: ClassVar[Table]

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4, sort_order=-100)
    feature_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), nullable=False, index=True, sort_order=-90)
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"), sort_order=100
    )

    def __init_subclass__(
        cls,
        *,
        table: str,
        parent: type[Feature],
        title: tuple[str, str],
        order: str = "created_at",
        path: str | None = None,
    ) -> None:
        cls.__tablename__, cls.parent, cls.title, cls.order = table, parent, Text(*title), order
        cls.path = path or table.partition("_")[2] or table
        super().__init_subclass__()
        cls.history = history_table(cls.__table__)  # type: ignore[arg-type]
        child_tables[table] = cls

    def readable_values(self) -> dict[str, Any]:
        """The declared fields by name, without those above the clearance of the reader, which were not loaded."""
        names = [column.name for column in self.__table__.columns if "field" in column.info]
        return {name: vars(self)[name] for name in names if name in vars(self)}


ChildT = TypeVar("ChildT", bound=ChildRecord)


def child_fields(child: type[ChildRecord], clearance: Clearance) -> list[Field]:
    """The fields of a child table that may be read with this clearance.

    Fields that a scoped clearance may read in rows of the own unit only are read through the view ``<table>_own``, by
    the validity of a row of the history table.
    """
    fields = [
        Field(name=column.name, nullable=bool(column.nullable), **column.info["field"])
        for column in child.__table__.columns
        if "field" in column.info
    ]
    return [
        replace(field, own_unit_view=own_unit_view(child))
        if isinstance(clearance, ScopedClearance) and not clearance.may_read_everywhere(field.level)
        else field
        for field in fields
        if clearance.may_read(field.level)
    ]


def own_unit_view(child: type[ChildRecord]) -> OwnUnitView:
    """The view of all states of the rows of a child table that belong to features of a scoped reader's own unit."""
    return OwnUnitView(f"{child.__tablename__}_own", "valid")


def child_columns(child: type[ChildRecord], clearance: Clearance) -> list[str]:
    """The columns of a child table that are granted to this clearance."""
    return [
        "id",
        "feature_id",
        "created_at",
        *(field.name for field in child_fields(child, clearance) if field.own_unit_view is None),
    ]


def masked_child_fields(child: type[ChildRecord], clearance: Clearance) -> list[str]:
    """The fields of a child table that a scoped clearance may read in rows of the own unit only."""
    return [field.name for field in child_fields(child, clearance) if field.own_unit_view is not None]


class UnjournalledRecord(Record):
    """A table whose rows belong to no feature, such as routes: readable from ``read_level``, written by editors.

    If the table has a column ``level``, row policies apply as to a layer. If ``read_level`` is None the table is
    private: every editor writes it, and sees only the rows whose column ``actor`` holds the editor's own name.
    The rows can be rebuilt from files or by the program, so they are neither journalled nor sealed.
    """

    __abstract__ = True
    read_level: ClassVar[Level | None]

    def __init_subclass__(cls, *, table: str, read_level: Level | None) -> None:
        cls.__tablename__, cls.read_level = table, read_level
        super().__init_subclass__()
        unjournalled_tables[table] = cls


child_tables: dict[str, type[ChildRecord]] = {}
unjournalled_tables: dict[str, type[UnjournalledRecord]] = {}
