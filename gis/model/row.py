"""A row as the SQL of fields reads it: under which alias, as which reader, and at which moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gis.model.as_of import AS_OF, in_force_sql
from gis.model.query import select_sql
from gis.text.dates import date_sql

if TYPE_CHECKING:
    from gis.model.fields import Clearance, Field
    from gis.model.layer import Layer
    from gis.model.sources import Source


@dataclass(frozen=True)
class Row:
    """The row over which the SQL of fields is composed, and the argument of every derived field.

    ``row["due_on"]`` is the SQL of a column, masked as the reader requires. ``now`` and ``today`` are the moment of
    reading and its date in Vietnam; ``select`` reads the sources that the derived field declares. So a derived field
    that takes everything from its row is right at every moment and for every reader.

    ``moment`` is the SQL of a moment of the past, whose state is read from the history tables; None is the present,
    which is read from the tables themselves. ``reads`` are the sources that the derived field under composition
    declares, ``unit_alias`` is the alias of the view through which a scoped reader gets the masked columns.

    Recall asks what a copy would contain without a certain feature: with ``enforces_level`` the SQL itself leaves out
    what is above the clearance, because it runs with the rights of the owner, and ``excluding`` is the SQL of the id of
    a feature that all sources leave out.
    """

    clearance: "Clearance"
    layer: "Layer | None" = None
    alias: str = "t"
    moment: str | None = None
    reads: "tuple[Source, ...]" = ()
    unit_alias: str | None = None
    enforces_level: bool = False
    excluding: str | None = None

    def column(self, name: str) -> str:
        """The SQL of a stored column that needs no mask."""
        return f'{self.alias}."{name}"'

    def masked_when_assumed(self, name: str) -> str:
        """The SQL of a column, or of its copy without assumed positions if the reader does not see these."""
        return self.column(name if self.clearance.sees_assumed_positions else f"shared_{name}")

    def __getitem__(self, name: str) -> str:
        """The SQL of a stored column as the reader may read it. Raises ``LookupError`` for any other name."""
        if name == "id":
            return self.column(name)
        if name == "geom":
            return self.masked_when_assumed(name)
        field = self.layer.readable_fields(self.clearance).get(name) if self.layer is not None else None
        if field is None or field.sql is not None:
            layer = self.layer.name if self.layer is not None else self.alias
            raise LookupError(f"{layer} has no column {name!r} for readers of level {self.clearance.value}")
        if field.own_unit_view is not None and self.unit_alias is not None:
            return f'{self.unit_alias}."{name}"'
        return field.expression(self)

    @property
    def now(self) -> str:
        """The SQL of the moment at which the row is read."""
        return self.moment or "now()"

    @property
    def today(self) -> str:
        """The SQL of the date in Vietnam on which the row is read."""
        return date_sql(self.now)

    def relation(self, table: str, alias: str, *, as_state: bool = False) -> tuple[str, list[str]]:
        """A table at the moment of reading: an item of FROM with its alias, and the conditions of the moment.

        With ``as_state`` the rows of the present are read from the history table too, which has their validity.
        """
        if self.moment is None and as_state:
            return f"app.{table}_history {alias}", [f"upper_inf({alias}.valid)"]
        if self.moment is None:
            return f"app.{table} {alias}", []
        if table == "links" and self.moment == AS_OF:
            return f"app.links_as_of {alias}", []
        return f"app.{table}_history {alias}", in_force_sql(self.moment, alias)

    def select(
        self,
        value: str,
        source: "Source",
        conditions: Sequence[str] = (),
        *,
        order_by: str = "",
        limit: int | None = None,
    ) -> str:
        """The SQL of a value that is selected from a declared source, whose alias is its table's name."""
        return f"({select_sql(value, self.source(source), conditions, order_by=order_by, limit=limit)})"

    def source(self, source: "Source") -> str:
        """A declared source as an item of FROM. Raises ``LookupError`` if the derived field does not declare it."""
        if source not in self.reads:
            raise LookupError(f"{source} is not among the sources that the derived field declares")
        return source.from_sql(self)

    def of(self, layer: "Layer", alias: str) -> "Row":
        """A row of another layer under the same circumstances."""
        return replace(self, layer=layer, alias=alias, unit_alias=None)

    def deriving(self, field: "Field") -> "Row":
        """The row for the SQL of a derived field, which reads the sources that the field declares."""
        return replace(self, reads=field.reads)
