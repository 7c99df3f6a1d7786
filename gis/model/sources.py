"""Sources: the rows of other tables that derived fields read, declared in their ``reads``.

From the declaration follow the SQL of the source for each reader and moment, and which features a value may mention:
a released copy that contains the value is recalled with them (``gis.release.recall``). A derived field that reads more
than it declares is refused (``gis.schema.derived_fields``).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gis.model.children import ChildRecord, child_fields, child_tables
from gis.model.layer import catalog
from gis.model.query import select_sql
from gis.model.row import Row

LINKS_TABLE: Final = "links"


class Source(ABC):
    """Rows that a derived field reads beside its own row. ``alias`` is their alias, the name of their table."""

    @property
    @abstractmethod
    def alias(self) -> str:
        """The alias under which the SQL of a derived field names the columns."""

    @property
    @abstractmethod
    def tables(self) -> frozenset[str]:
        """The names of the tables that are read."""

    @property
    @abstractmethod
    def mentioned_layer(self) -> str | None:
        """The layer whose features a value from this source may mention, or None if there is no such layer."""

    @abstractmethod
    def query(self, row: Row) -> str:
        """The query of the rows, as the reader of ``row`` may read them at its moment."""

    def from_sql(self, row: Row) -> str:
        """The source as an item of FROM."""
        return f"({self.query(row)}) {self.alias}"


@dataclass(frozen=True)
class Children(Source):
    """The rows of a child table that belong to the feature: ``Children("gate_events", ("kind", "on"))``."""

    table: str
    columns: tuple[str, ...]

    @property
    def alias(self) -> str:
        return self.table

    @property
    def tables(self) -> frozenset[str]:
        return frozenset({self.table})

    @property
    def mentioned_layer(self) -> None:
        return None

    def query(self, row: Row) -> str:
        return _select_children(child_tables[self.table], self.columns, row, [f"r.feature_id = {row['id']}"])


@dataclass(frozen=True)
class Linked(Source):
    """The features of a layer to which the feature has a link, or with ``incoming`` those that have a link to it.

    ``role`` limits the links. The additional column ``linked_at`` is the time of creation of the link.
    """

    layer: str
    columns: tuple[str, ...]
    role: str | None = None
    incoming: bool = False

    @property
    def alias(self) -> str:
        return self.layer

    @property
    def tables(self) -> frozenset[str]:
        return frozenset({LINKS_TABLE, self.layer})

    @property
    def mentioned_layer(self) -> str:
        return self.layer

    def query(self, row: Row) -> str:
        near, far = ("to_id", "feature_id") if self.incoming else ("feature_id", "to_id")
        links, in_force = row.relation(LINKS_TABLE, "l")
        features, visible = _features(self.layer, row)
        in_role = [] if self.role is None else [f"l.role = '{self.role}'"]
        return select_sql(
            [*_columns(self.layer, self.columns, row), "l.created_at as linked_at"],
            f"{links} join {features} on r.id = l.{far}",
            [f"l.{near} = {row['id']}", *in_role, *in_force, *visible],
        )


@dataclass(frozen=True)
class Links(Source):
    """The links from the feature, also those to an address; use ``Linked`` for what stands in the linked features."""

    @property
    def alias(self) -> str:
        return LINKS_TABLE

    @property
    def tables(self) -> frozenset[str]:
        return frozenset({LINKS_TABLE})

    @property
    def mentioned_layer(self) -> None:
        return None  # of any layer: recall looks for the link itself

    def query(self, row: Row) -> str:
        links, in_force = row.relation(LINKS_TABLE, "l")
        return select_sql("l.*", links, [f"l.feature_id = {row['id']}", *in_force])


LINKS: Final = Links()


@dataclass(frozen=True)
class Rows(Source):
    """All rows of a layer or of a child table, of whichever feature: ``Rows("incidents", ("border", "handling"))``."""

    table: str
    columns: tuple[str, ...]

    @property
    def alias(self) -> str:
        return self.table

    @property
    def tables(self) -> frozenset[str]:
        return frozenset({self.table, self.mentioned_layer})

    @property
    def mentioned_layer(self) -> str:
        return child_tables[self.table].parent.layer.name if self.table in child_tables else self.table

    def query(self, row: Row) -> str:
        if self.table in child_tables:
            parents, visible = _features(self.mentioned_layer, row, alias="p")
            has_parent = f"exists ({select_sql('', parents, ['p.id = r.feature_id', *visible])})"
            return _select_children(child_tables[self.table], self.columns, row, [has_parent])
        features, visible = _features(self.table, row)
        return select_sql(_columns(self.table, self.columns, row), features, visible)


def _features(layer: str, row: Row, alias: str = "r") -> tuple[str, list[str]]:
    """The features of a layer as an item of FROM, and the conditions that they are visible and not retired."""
    features, conditions = row.relation(layer, alias)
    conditions = [*conditions, f"{alias}.retired_at is null"]
    if row.enforces_level:
        conditions.append(f"{alias}.level <= '{row.clearance.value}'::app.level")
    if row.excluding is not None:
        conditions.append(f"{alias}.id <> {row.excluding}")
    return features, conditions


def _columns(layer: str, columns: Sequence[str], row: Row) -> list[str]:
    """The columns of a feature ``r`` of a layer, masked as the reader requires."""
    feature = row.of(catalog[layer], "r")
    return [f'{feature[name]} as "{name}"' for name in columns]


def _select_children(child: type[ChildRecord], columns: Sequence[str], row: Row, conditions: Sequence[str]) -> str:
    """The query of rows of a child table, with the columns masked as the reader requires."""
    fields = {field.name: field for field in child_fields(child, row.clearance)}
    unknown = set(columns) - set(fields) - {"id", "feature_id", "created_at"}
    if unknown:
        names = ", ".join(sorted(unknown))
        raise LookupError(f"{child.__tablename__} has no columns {names} for readers of level {row.clearance.value}")
    is_masked = any(name in fields and fields[name].own_unit_view is not None for name in columns)
    rows, in_force = row.relation(child.__tablename__, "r", as_state=is_masked)
    child_row = Row(row.clearance, alias="r")
    values = [fields[name].expression(child_row) if name in fields else child_row.column(name) for name in columns]
    listed = [f'{value} as "{name}"' for name, value in zip(columns, values, strict=True)]
    return select_sql(listed, rows, [*conditions, *in_force])
