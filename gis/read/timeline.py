"""The timeline of a feature: its changes with those of its child rows and links, from the history tables.

The reader's present rights apply: who may see a row and a field today may see their past values. Actor and reason are
visible from level ``internal``, to a scoped reader in rows of the own unit only. The journal is not read.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis.history.triggers import PROVENANCE
from gis.model.children import ChildRecord, child_fields, child_tables, own_unit_view
from gis.model.fields import Clearance, Field, Level, OwnUnitView, ScopedClearance
from gis.model.layer import Layer
from gis.model.links import ROUTE_COLUMN, join_location_sql
from gis.model.query import select_sql
from gis.model.row import Row
from gis.read.pages import record_access
from gis.read.selection import Selection
from gis.text.errors import FEATURE_NOT_FOUND, Missing

Snapshot = Mapping[str, Any]

CHANGED_AT, VALID_FROM = "t.updated_at", "t.since"
"""The SQL of the beginning of validity of a state ``t`` of a feature, and of a child row or link."""

PREFER_INDEX_SCANS = text("select set_config('work_mem', '256kB', true)")
"""Makes the planner check the visibility of the states on a page by key.

With more ``work_mem`` it would hash all visible features first, because it does not take the page's LIMIT into account.
"""

EXACT_COUNT_LIMIT = 5000
"""Up to this many states, changed features are counted in the history; beyond, in the layer's table."""

BOOKKEEPING_FIELDS = {"version", "updated_at", "created_at", "created_by"}
"""Fields that change with every write, and so are left out of differences."""

LINKS = "links"
CREATION_WINDOW = dt.timedelta(seconds=1)
"""Child rows inserted by the request that created the feature, within this time, are not listed as changes."""


@dataclass(frozen=True)
class TimelineEntry:
    """One change of a feature: time, action, old and new values by field, actor and reason (if readable).

    For a change of a child row or link ``part`` names the table and ``version`` is None; ``about`` describes the other
    end of a link. ``moved_m`` is the distance in metres by which a point was moved.
    """

    at: dt.datetime
    version: int | None
    action: str
    changes: Mapping[str, Mapping[str, Any]]
    actor: str | None = None
    reason: str | None = None
    request: str | None = None
    device_at: str | None = None
    part: str | None = None
    about: Mapping[str, Any] | None = None
    moved_m: float | None = None


def timeline(session: Session, layer: Layer, feature_id: uuid.UUID, clearance: Clearance) -> list[TimelineEntry]:
    """The changes of a feature, its child rows and its links that the reader may see, newest first.

    Raises ``Missing`` if the feature does not exist or is hidden.
    """
    row = Row(clearance, layer)
    columns = [
        CHANGED_AT,
        *layer_provenance_sql(layer, clearance).values(),
        f"t.version, t.action, {snapshot_sql(row, layer)}",
        moved_distance_sql(row["geom"], f"lag({row['geom']}) over (order by t.version)"),
    ]
    states = select_sql(columns, f"app.{layer.name}_history t", ["t.id = :id"], order_by="t.version")
    rows = session.execute(text(states), {"id": feature_id}).all()
    if not rows:
        raise Missing(FEATURE_NOT_FOUND)
    if rows[-1][7]["level"] == Level.RESTRICTED:
        record_access(session, Selection(layer, clearance, ids=[feature_id]), [(feature_id,)], history=True)
    entries: list[TimelineEntry] = []
    state: Snapshot = {}
    for at, *provenance, version, action, new_state, moved in rows:
        changes = differences(state, new_state)
        entries.append(
            TimelineEntry(
                at, version, action_name(action, changes), changes, moved_m=moved, **provenance_of(provenance)
            )
        )
        state = new_state
    for child in child_tables.values():
        if child.parent.layer is layer:
            entries += _child_entries(session, child, feature_id, clearance, entries[0])
    entries += _link_entries(session, feature_id, clearance)
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def provenance_sql(clearance: Clearance, view: OwnUnitView | None = None) -> dict[str, str]:
    """The SQL of the provenance (actor, reason, request, time of the device) of a state ``t`` of a history, by name.

    A scoped reader gets it from ``view``, which has rows of the own unit only; without such a view it is null.
    """
    if not clearance.sees_assumed_positions or (isinstance(clearance, ScopedClearance) and view is None):
        return dict.fromkeys(PROVENANCE, "null")
    row = Row(clearance)
    if isinstance(clearance, ScopedClearance) and view is not None:
        return {name: view.select(f"{view.ALIAS}.{name}", row) for name in PROVENANCE}
    return {name: row.column(name) for name in PROVENANCE}


def layer_provenance_sql(layer: Layer, clearance: Clearance) -> dict[str, str]:
    """The SQL of the provenance of a state ``t`` of a feature, by name."""
    return provenance_sql(clearance, layer.own_unit_view)


def child_provenance_sql(child: type[ChildRecord], clearance: Clearance) -> dict[str, str]:
    """The SQL of the provenance of a state ``t`` of a child row, by name."""
    return provenance_sql(clearance, own_unit_view(child))


def provenance_of(values: Sequence[Any]) -> dict[str, Any]:
    """The values of the columns of ``provenance_sql`` as attributes of a ``TimelineEntry``."""
    return dict(zip(PROVENANCE, values, strict=True))


def snapshot_sql(row: Row, layer: Layer) -> str:
    """The SQL of the stored fields and the geometry of a state of a feature, as a JSON object."""
    fields = [field for field in layer.readable_fields(row.clearance).values() if field.sql is None]
    geometry = f"jsonb_build_object('geometry', ST_AsGeoJSON({row['geom']}, 6)::jsonb)"
    return f"{_json_object_sql(fields, row)} || {geometry}"


def child_snapshot_sql(row: Row, child: type[ChildRecord]) -> str:
    """The SQL of the readable fields of a state of a child row, as a JSON object."""
    return _json_object_sql(child_fields(child, row.clearance), row)


def _json_object_sql(fields: Iterable[Field], row: Row) -> str:
    """The SQL of the values of fields, as a JSON object."""
    pairs = ", ".join(f"'{field.name}', {field.expression(row)}" for field in fields)
    return f"jsonb_build_object({pairs})"


def moved_distance_sql(after: str, before: str) -> str:
    """The SQL of the geodesic distance in metres between two points; null for equal points and other geometries."""
    return (
        f"case when ST_GeometryType({after}) = 'ST_Point' and ST_GeometryType({before}) = 'ST_Point'"
        f" and not {after} ~= {before} then ST_Distance({after}::geography, {before}::geography) end"
    )


def differences(before: Snapshot, after: Snapshot) -> dict[str, dict[str, Any]]:
    """The old and the new value of every field that differs, by name."""
    return {
        name: {"old": before.get(name), "new": value}
        for name, value in after.items()
        if name not in BOOKKEEPING_FIELDS and before.get(name) != value
    }


def action_name(action: str, changes: Mapping[str, Mapping[str, Any]]) -> str:
    """The action as readers see it: setting ``retired_at`` is ``retire``, clearing it is ``restore``."""
    if "retired_at" not in changes:
        return action
    return "retire" if changes["retired_at"]["new"] else "restore"


def _child_entries(
    session: Session, child: type[ChildRecord], feature_id: uuid.UUID, clearance: Clearance, first: TimelineEntry
) -> list[TimelineEntry]:
    """The changes of the rows of a child table, without rows inserted together with the feature."""
    table = child.__tablename__
    provenance_columns = child_provenance_sql(child, clearance).values()
    columns = ["t.id", VALID_FROM, *provenance_columns, "t.action", child_snapshot_sql(Row(clearance), child)]
    of_feature = select_sql(columns, f"app.{table}_history t", ["t.feature_id = :id"], order_by=VALID_FROM)
    rows = session.execute(text(of_feature), {"id": feature_id})
    states: defaultdict[uuid.UUID, Snapshot] = defaultdict(dict)
    entries = []
    for row_id, at, *values, action, state in rows:
        changes, provenance = differences(states[row_id], state), provenance_of(values)
        states[row_id] = state
        if action == "insert" and at - first.at < CREATION_WINDOW and provenance["request"] == first.request:
            continue
        entries.append(TimelineEntry(at, None, action, changes, part=table, **provenance))
    return entries


LINK_PROPERTIES = ("role", "at", ROUTE_COLUMN, "layer", "id", "title", "direction")
"""The members of ``about``: the role of a link, and the address or the feature at its other end."""

OTHER_END_ID = "case when t.feature_id = :id then t.to_id else t.feature_id end"


def _link_entries(session: Session, feature_id: uuid.UUID, clearance: Clearance) -> list[TimelineEntry]:
    """The links from and to a feature that were created and deleted, if the reader may see both ends."""
    columns = [
        VALID_FROM,
        *provenance_sql(clearance).values(),
        f"t.action, t.role, t.at, t.{ROUTE_COLUMN}, p.layer, p.id, p.label",
        "case when t.feature_id = :id then 'to' else 'from' end",
    ]
    states = select_sql(
        columns,
        f"app.links_history t left join {join_location_sql(clearance, OTHER_END_ID)}",
        ["(t.feature_id = :id or t.to_id = :id)", "(p.id is not null or t.at is not null)"],
    )
    rows = session.execute(text(states), {"id": feature_id})
    return [
        TimelineEntry(
            row[0],
            None,
            row[5],
            {},
            part=LINKS,
            about=dict(zip(LINK_PROPERTIES, row[6:], strict=True)),
            **provenance_of(row[1:5]),
        )
        for row in rows
    ]
