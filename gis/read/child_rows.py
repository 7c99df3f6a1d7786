"""The rows of a child table that belong to a feature, with the columns that the reader may read."""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import aliased, load_only
from sqlalchemy.orm.attributes import set_committed_value

from gis.db.session import Session
from gis.model.children import ChildRecord, ChildT, child_columns, masked_child_fields
from gis.model.fields import SCHEMA
from gis.model.query import select_sql


def child_rows(
    session: Session, child: type[ChildT], feature_id: uuid.UUID, as_of: dt.datetime | None = None
) -> list[ChildT]:
    """The rows of a child table that belong to a feature, now or at ``as_of``, in the order of the table.

    Columns that the actor may not read are not selected, and raise if they are accessed.
    """
    clearance = session.actor.clearance
    names = child_columns(child, clearance)
    source = child if as_of is None else _child_as_of(child, names, as_of)
    columns = load_only(*(getattr(source, name) for name in names), raiseload=True)
    rows = list(session.scalars(select(source).where(source.feature_id == feature_id).options(columns)))
    if masked := masked_child_fields(child, clearance):
        in_force = "valid @> coalesce(cast(:as_of as timestamptz), clock_timestamp())"
        own_unit_rows = session.execute(
            text(
                select_sql(
                    ["id", *(f'"{name}"' for name in masked)],
                    f"app.{child.__tablename__}_own",
                    ["id = any(:ids)", in_force],
                )
            ),
            {"ids": [row.id for row in rows], "as_of": as_of},
        )
        values = {own_unit_row[0]: own_unit_row[1:] for own_unit_row in own_unit_rows}
        for row in rows:
            for name, value in zip(masked, values.get(row.id, [None] * len(masked)), strict=True):
                set_committed_value(row, name, value)
    return sorted(rows, key=_sort_key(child.order), reverse=child.order.startswith("-"))


def _sort_key(order: str) -> Callable[[ChildRecord], tuple[bool, Any]]:
    """The key of a row under ``ChildRecord.order``; null, which compares with no value, is the least."""

    def key(row: ChildRecord) -> tuple[bool, Any]:
        value = getattr(row, order.removeprefix("-"))
        return value is not None, value

    return key


def _child_as_of(child: type[ChildT], names: Sequence[str], as_of: dt.datetime) -> type[ChildT]:
    """The states in the history table that are in force at ``as_of``, with the granted columns only."""
    history = child.metadata.tables[f"{SCHEMA}.{child.__tablename__}_history"].c
    in_force = history.valid.op("@>")(as_of), history.action != "delete"
    states = select(*(history[name] for name in names)).where(*in_force).subquery()
    return aliased(child, states, adapt_on_names=True)
