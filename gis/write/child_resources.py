"""Child resources: child tables that the API serves under one path of a feature, with the command that writes a row.

Such as ``/ogc/collections/gates/items/{id}/plans``. Every child table has one by its name, with a body from its fields
and a command that stores the row. A layer whose rows follow rules of their own, or which lists several tables under one
path, declares the resource itself with ``declare_child_resource``.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field as attribute
from functools import cache, partial
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo, create_model

from gis.db.session import Session
from gis.model.children import ChildRecord, ChildT, child_fields, child_tables
from gis.model.fields import Field, Level
from gis.model.layer import Feature
from gis.read.child_rows import child_rows
from gis.text.errors import Conflict
from gis.text.i18n import Text
from gis.write.bodies import Body, CommandBody
from gis.write.commands import NOT_EDITABLE_TEXT
from gis.write.validation import FieldValueError, pydantic_type


@dataclass(frozen=True)
class ChildResource:
    """The rows of child tables, by the member of the document that lists them; ``summary`` describes it in OpenAPI.

    ``record`` is called with a session, the locked feature and the fields of ``body`` as keywords; ``about`` describes
    the command in OpenAPI, by default with the docstring of ``record``. ``codes`` has the titles of the values of a
    text column, by column.
    """

    summary: str
    tables: Mapping[str, type[ChildRecord]]
    body: type[Body]
    record: Callable[..., ChildRecord]
    codes: Mapping[str, Mapping[str, Text]] = attribute(default_factory=dict)
    about: str = ""

    def read(self, session: Session, feature_id: uuid.UUID, as_of: dt.datetime | None = None) -> dict[str, Any]:
        """The rows that belong to a feature, now or at ``as_of``, with the fields that the actor reads."""
        return {
            member: [row.readable_values() for row in child_rows(session, table, feature_id, as_of)]
            for member, table in self.tables.items()
        }

    def recorded(self, session: Session, feature_id: uuid.UUID, row_id: uuid.UUID) -> ChildRecord | None:
        """The row with this id, which an earlier request has recorded."""
        rows = (row for table in self.tables.values() for row in child_rows(session, table, feature_id))
        return next((row for row in rows if row.id == row_id), None)

    @property
    def description(self) -> str:
        """The first line about the command in OpenAPI."""
        return (self.about or self.record.__doc__ or self.summary).strip().splitlines()[0]


def declare_child_resource(model: type[Feature], name: str, resource: ChildResource) -> None:
    """Declare a child resource of a layer; ``name`` is the last part of its path."""
    declared[model.layer.name, name] = resource


declared: dict[tuple[str, str], ChildResource] = {}
"""The resources that layers declare, by layer and name."""


def child_resources() -> dict[tuple[str, str], ChildResource]:
    """All child resources by layer and name: the declared ones, and one for each other child table."""
    by_table = {(child.parent.layer.name, child.path): child for child in child_tables.values()}
    return {**{key: generic_resource(child) for key, child in by_table.items() if key not in declared}, **declared}


def child_resource(layer: str, name: str) -> ChildResource | None:
    """The child resource of a layer with this name; None if there is none."""
    return child_resources().get((layer, name))


@cache
def generic_resource(child: type[ChildRecord]) -> ChildResource:
    """The resource of a child table for which its layer declares none."""
    titles = f"{child.parent.layer.title.en}: {child.title.en}"
    return ChildResource(
        summary=f"{titles}: the rows of a feature, as of as_of.",
        tables={child.path: child},
        body=row_body(child),
        record=partial(store_child_row, child),
        about=f"{titles}: record a row.",
    )


def row_body(child: type[ChildRecord]) -> type[Body]:
    """The body of a new row: the fields of the table that a client may set."""
    fields = {field.name: field for field in child_fields(child, Level.RESTRICTED) if field.writable}
    definitions: dict[str, Any] = {name: (_input_type(field), field.default) for name, field in fields.items()}
    body = create_model(f"New{child.__name__}", __base__=CommandBody, **definitions)
    body.declared_fields = fields
    return body


def _input_type(field: Field) -> Any:
    """The type of a value in a body, which lacks nothing that is required; an empty text is no value."""
    if field.required:
        return Annotated[pydantic_type(field), BeforeValidator(_required)]
    default = field.default
    return Annotated[
        pydantic_type(field) | None, BeforeValidator(lambda value: default if value in (None, "") else value)
    ]


def _required(value: Any, _info: ValidationInfo) -> Any:
    if value in (None, ""):
        raise FieldValueError("missing")
    return value


def store_child_row(child: type[ChildT], session: Session, feature: Feature, **values: Any) -> ChildT:
    """Store a row of a child table of a feature: the last step of every command that records one.

    Raises ``Conflict`` if the layer is not editable, ``Invalid`` for a text that the layer refuses.
    """
    if not feature.layer.editable:
        raise Conflict(NOT_EDITABLE_TEXT)
    for name, value in values.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                type(feature).check_text(name, text)
    row = child(feature_id=feature.id, **values)
    session.add(row)
    session.flush()
    return row
