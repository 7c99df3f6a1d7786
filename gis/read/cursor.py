"""Keyset pagination: the sort order in SQL, and cursors, which hold the sort key of the last row of a page."""

import base64
import binascii
import json
import uuid
from dataclasses import replace
from typing import Any

from gis.model.field_types import CODE, INTEGER
from gis.model.fields import Field, rank_sql
from gis.read.selection import Selection
from gis.read.sql import readable_field
from gis.read.statement import StatementBuilder, parse_value
from gis.text.errors import Malformed
from gis.text.i18n import Text


def order_by_sql(selection: Selection, statement: StatementBuilder) -> str:
    """The ORDER BY of a selection. If it has a cursor, the condition for the rows after it is added."""
    keys = _sort_keys(selection)
    if selection.after is not None:
        _add_cursor_condition(selection, keys, statement)
    return ", ".join(f"{expression} {'desc' if descending else 'asc'}" for _, expression, descending in keys)


def _sort_keys(selection: Selection) -> list[tuple[Field | None, str, bool]]:
    """The sort keys as (field, SQL, descending): those of the selection or the layer, and last the id, without a field.

    Nulls sort as the greatest. Codes of an ordered code list sort by their rank; with ``ranked``, the codes of any code
    list in a requested sort order do.
    """
    keys: list[tuple[Field | None, str, bool]] = []
    for name in selection.sort or selection.layer.order:
        field = readable_field(selection, name.removeprefix("-"), sortable=True)
        expression = field.expression(selection.row)
        ranked = selection.ranked and selection.sort and field.type is CODE
        codes = field.codes if ranked else field.ordered_codes
        if codes is not None:
            field, expression = replace(field, type=INTEGER, codes=None), rank_sql(codes, expression)
        keys.append((field, expression, name.startswith("-")))
    return [*keys, (None, selection.row["id"], False)]


def sort_key_sql(selection: Selection) -> str:
    """The SQL of the sort key of the row ``t`` as JSON text, for ``encode_cursor``."""
    parts = ", ".join(expression for _, expression, _ in _sort_keys(selection))
    return f"json_build_array({parts})::text"


def encode_cursor(key: list[Any]) -> str:
    """The sort key of a row as an opaque URL-safe text."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The sort key in a cursor: ``length`` values, the last of which is a UUID. Raises ``Malformed``."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(key, list) or len(key) != length or any(isinstance(value, list | dict) for value in key):
            raise ValueError
        uuid.UUID(key[-1])
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise Malformed(Text("Tham số 'after' không hợp lệ", "The parameter 'after' is not valid")) from None
    return key


def _add_cursor_condition(
    selection: Selection, keys: list[tuple[Field | None, str, bool]], statement: StatementBuilder
) -> None:
    """Add the condition for the rows after the cursor. NULL sorts as the greatest value.

    It compares sort keys, so that no row is skipped or repeated when others are inserted or deleted between two pages.
    """
    cursor = decode_cursor(selection.after or "", len(keys))
    tests: list[str] = []
    equal: list[str] = []
    first_key_bound: str | None = None
    for (field, expression, descending), value in zip(keys, cursor, strict=True):
        cast = "uuid" if field is None else field.type.sql_type
        if value is None:
            if descending:
                tests.append(" and ".join([*equal, f"{expression} is not null"]))
            equal.append(f"{expression} is null")
            continue
        if field is not None:
            value = parse_value(field, str(value))  # noqa: PLW2901 - the text as the type of the field
        placeholder = f"{statement.bind(value)}::{cast}"
        nulls_follow = field is not None and field.nullable and not descending
        beyond = f"{expression} {'<' if descending else '>'} {placeholder}"
        beyond = f"({beyond} or {expression} is null)" if nulls_follow else beyond
        if not equal and not nulls_follow:
            first_key_bound = f"{expression} {'<=' if descending else '>='} {placeholder}"
        tests.append(" and ".join([*equal, beyond]))
        equal.append(f"{expression} = {placeholder}")
    # This bound follows from the condition below, but only a comparison by itself can use the index of the order.
    statement.conditions += [first_key_bound] if first_key_bound else []
    statement.conditions.append("(" + " or ".join(f"({test})" for test in tests) + ")")
