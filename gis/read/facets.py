"""What a list says beside its rows: counts per value for filters, sums of number fields, and the cursor of a page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gis.db.pool import BoundQuery
from gis.db.reader import Reader
from gis.model.field_types import LIST
from gis.model.query import select_sql
from gis.read.cursor import encode_cursor, order_by_sql, sort_key_sql
from gis.read.selection import Selection
from gis.read.sql import add_conditions, from_clause, readable_field
from gis.read.statement import StatementBuilder

MAX_VALUES = 1000
"""The values that a filter offers at most; keywords find features with other values."""


@dataclass(frozen=True)
class ValueCount:
    """A value of a property, as text as a filter takes it, and its features; the empty text stands for null."""

    value: str
    number: int


async def count_values(reader: Reader, selection: Selection, name: str) -> list[ValueCount]:
    """Every value that a property has in the whole layer, with the number of selected features that have it.

    The filter on the property itself is left out, so that the counts say what choosing a value would add. A list counts
    once for each of its items. At most ``MAX_VALUES``, in the order of the database.
    """
    field = readable_field(selection, name)
    others = {other: values for other, values in selection.where.items() if other != name}
    narrowed = replace(selection, where=others)
    statement = StatementBuilder()
    source = from_clause(Selection(selection.layer, selection.clearance, as_of=selection.as_of), statement)
    of_layer = list(statement.conditions)
    statement.conditions.clear()
    add_conditions(narrowed, statement)
    number = f"count(*) filter (where {' and '.join(statement.conditions)})" if statement.conditions else "count(*)"
    value = field.expression(selection.row)
    if field.type is LIST:
        source, value = f"{source} left join lateral unnest({value}) item (value) on true", "item.value"
    columns = [f"coalesce({value}::text, '')", number]
    sql = select_sql(columns, source, of_layer, group_by="1", order_by="1", limit=MAX_VALUES)
    rows = await reader.fetch(BoundQuery(sql, statement.values, as_of=selection.as_of))
    return [ValueCount(row[0].decode(), row[1]) for row in rows]


async def sum_fields(reader: Reader, selection: Selection, names: Sequence[str]) -> dict[str, float]:
    """The sum of each number field over all selected features; without those that have a value in none of them."""
    if not names:
        return {}
    sums = [f"sum({readable_field(selection, name).expression(selection.row)})::float8" for name in names]
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    sql = select_sql(sums, source, statement.conditions)
    (row,) = await reader.fetch(BoundQuery(sql, statement.values, as_of=selection.as_of))
    return {name: total for name, total in zip(names, row, strict=True) if total is not None}


async def cursor_after(reader: Reader, selection: Selection, number: int) -> str | None:
    """The cursor after the first ``number`` selected features; None if there are not so many.

    So a list can open any page by its number, while the page itself is read from its cursor.
    """
    unpaged = selection.unpaged()
    statement = StatementBuilder()
    source = from_clause(unpaged, statement)
    order_by = order_by_sql(unpaged, statement)
    sql = select_sql(sort_key_sql(unpaged), source, statement.conditions, order_by=order_by, limit=1)
    sql += f" offset {statement.bind(number - 1)}"
    rows = await reader.fetch(BoundQuery(sql, statement.values, as_of=selection.as_of))
    return encode_cursor(json.loads(rows[0][0])) if rows else None
