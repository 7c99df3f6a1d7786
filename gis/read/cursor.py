"""Keyset pagination: the sort order in SQL, and the cursor that continues behind the last row of a page."""

import base64
import binascii
import json
import uuid
from dataclasses import replace
from typing import Any

from gis.model.fields import Field, rank_sql
from gis.read.selection import Selection
from gis.read.sql import readable_field
from gis.read.statement import SQL_CASTS, StatementBuilder, parse_value
from gis.text.errors import Malformed
from gis.text.i18n import Text


def order_by_sql(selection: Selection, statement: StatementBuilder) -> str:
    """The sort keys in SQL; the conditions to go on behind the page before, where there was one."""
    order = _sort_keys(selection)
    if selection.after is not None:
        _add_cursor_condition(selection, order, statement)
    return ", ".join(f"{expression} {'desc' if down else 'asc'}" for _, expression, down in order)


UNSORTABLE_TYPES = ("json", "list")
"""Types that have no order."""


def _sort_keys(selection: Selection) -> list[tuple[Field | None, str, bool]]:
    """The sort keys: the selection's or the card's, made total by the id. An empty value sorts as the greatest.

    Words of a scale sort by their rank in it; so do all coded words in a selection that is ``ranked``, as people read
    a list.
    """
    keys: list[tuple[Field | None, str, bool]] = []
    for name in selection.sort or selection.layer.order:
        one = readable_field(selection, name.removeprefix("-"), excluded_types=UNSORTABLE_TYPES)
        key = one.expression(selection.clearance)
        if (
            words := one.codes if selection.ranked and selection.sort and one.type == "code" else one.ordered_codes
        ) is not None:
            one, key = replace(one, type="integer", codes=None), rank_sql(words, key)
        keys.append((one, key, name.startswith("-")))
    return [*keys, (None, "t.id", False)]


def sort_key_sql(selection: Selection) -> str:
    parts = ", ".join(expression for _, expression, _ in _sort_keys(selection))
    return f"json_build_array({parts})::text"


def encode_cursor(key: list[Any]) -> str:
    """The sort key of a row as a short opaque text."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The sort key that ``encode_key`` wrote; ``Malformed`` when it is not one of ours."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(key, list) or len(key) != length or any(isinstance(one, list | dict) for one in key):
            raise ValueError
        uuid.UUID(key[-1])
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise Malformed(Text("Tham số 'after' không hợp lệ", "The parameter 'after' is not valid")) from None
    return key


def _add_cursor_condition(
    selection: Selection, order: list[tuple[Field | None, str, bool]], statement: StatementBuilder
) -> None:
    """Go on behind the last row: a comparison of keys, correct while rows come and go. NULL sorts as the greatest."""
    key = decode_cursor(selection.after or "", len(order))
    tests: list[str] = []
    equal: list[str] = []
    first: str | None = None
    for (one, expression, down), value in zip(order, key, strict=True):
        cast = "uuid" if one is None else SQL_CASTS[one.type]
        if value is None:
            if down:
                tests.append(" and ".join([*equal, f"{expression} is not null"]))
            equal.append(f"{expression} is null")
            continue
        if one is not None:
            value = parse_value(one, str(value))  # noqa: PLW2901 - the text as the key's type
        place = f"{statement.bind(value)}::{cast}"
        ends_with_none = one is not None and one.nullable and not down
        beyond = f"{expression} {'<' if down else '>'} {place}"
        beyond = f"({beyond} or {expression} is null)" if ends_with_none else beyond
        if not equal and not ends_with_none:
            first = f"{expression} {'<=' if down else '>='} {place}"
        tests.append(" and ".join([*equal, beyond]))
        equal.append(f"{expression} = {place}")
    # Everything that follows lies at or behind the first key; said by itself, that reaches the index of the order.
    statement.conditions += [first] if first else []
    statement.conditions.append("(" + " or ".join(f"({test})" for test in tests) + ")")
