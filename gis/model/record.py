"""The declarative base of all tables, and columns that several tables have."""

import inspect
import uuid
from typing import Any, ClassVar

from sqlalchemy import (
    DateTime,
    MetaData,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import DeclarativeBase, mapped_column

from gis.model.fields import (
    SCHEMA,
    apply_annotated_type,
)


class Record(DeclarativeBase):
    """The base class of all tables.

    Values set by triggers are not fetched with RETURNING (``eager_defaults``) but by a later SELECT.
    """

    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": False}  # type: ignore[misc]
    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        },
    )

    def __init_subclass__(cls, **options: Any) -> None:
        for name, annotation in list(inspect.get_annotations(cls).items()):
            apply_annotated_type(cls, name, annotation)
        super().__init_subclass__(**options)


def key_column() -> Any:
    """A primary key column of random UUIDs."""
    return mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)


def datetime_column(**options: Any) -> Any:
    """A ``timestamptz`` column."""
    return mapped_column(DateTime(timezone=True), **options)
