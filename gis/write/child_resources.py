"""Child resources: child tables that the API serves under one path of a feature, with the command that writes a row.

Such as ``/ogc/collections/gates/items/{id}/events``, which a layer declares with ``declare_child_resource``.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field as attribute
from typing import Any

from gis.db.session import Session
from gis.model.children import ChildRecord
from gis.model.layer import Feature
from gis.read.child_rows import child_rows
from gis.text.i18n import Text
from gis.write.bodies import Body


@dataclass(frozen=True)
class ChildResource:
    """The rows of child tables, by the member of the document that lists them; ``summary`` describes it in OpenAPI.

    ``record`` is called with a session, the locked feature and the fields of ``body`` as keywords; its docstring
    describes the command in OpenAPI. ``codes`` has the titles of the values of a text column, by column.
    """

    summary: str
    tables: Mapping[str, type[ChildRecord]]
    body: type[Body]
    record: Callable[..., ChildRecord]
    codes: Mapping[str, Mapping[str, Text]] = attribute(default_factory=dict)

    def read(self, session: Session, feature_id: uuid.UUID, as_of: dt.datetime | None = None) -> dict[str, Any]:
        """The rows that belong to a feature, now or at ``as_of``, with the fields that the actor reads."""
        return {
            member: [row.readable_values() for row in child_rows(session, table, feature_id, as_of)]
            for member, table in self.tables.items()
        }


def declare_child_resource(model: type[Feature], name: str, resource: ChildResource) -> None:
    """Declare a child resource of a layer; ``name`` is the last part of its path."""
    declared[model.layer.name, name] = resource


declared: dict[tuple[str, str], ChildResource] = {}
"""The child resources by layer and name."""
