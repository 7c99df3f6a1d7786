"""The readable past: what became of one feature, and what has changed between two moments.

Everything is read from the typed histories under the reader's own rights as they are today; the journal is read by
nobody. Whoever may see what is may see what was; who did it and why is told within the house alone.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis.history.triggers import PROVENANCE
from gis.model.children import ChildRecord, child_fields, child_tables
from gis.model.fields import Clearance, Level, ScopedClearance
from gis.model.layer import Layer
from gis.model.links import join_location_sql
from gis.read.pages import record_access
from gis.read.selection import Selection
from gis.text.errors import FEATURE_NOT_FOUND, Missing

Snapshot = Mapping[str, Any]

CHANGED_AT, VALID_FROM = "t.updated_at", "t.since"
"""Since when a state ``t`` of a feature, and of a part or link, has held."""

PREFER_INDEX_SCANS = text("select set_config('work_mem', '256kB', true)")
"""Whether a state of the past may be seen is asked of the few that are shown, by their keys.

With room for it the planner first hashes every feature that may be seen, because it does not count on the page's end.
"""

EXACT_COUNT_LIMIT = 5000
"""So many changes are counted one by one; of more, the things as they are today."""

BOOKKEEPING_FIELDS = {"version", "updated_at", "created_at", "created_by"}
"""Fields that change with every write and tell a reader nothing."""

LINKS = "links"
CREATION_WINDOW = dt.timedelta(seconds=1)
"""Parts that are added within this time of creating a feature, on the same request, came with it and are no news."""


@dataclass(frozen=True)
class TimelineEntry:
    """One change in the life of a feature: when, what became of each field and, within the house, who and why.

    ``part`` names the table of what belongs to the feature when that has changed and not the feature itself, and then
    ``version`` is none; ``about`` is the other end of a link. ``moved_m`` says how far a point was moved, in metres.
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
    """The past of one feature with its parts and links, newest first, as far as ``reader`` may see it.

    Raises ``Missing`` when there is no such feature.
    """
    place = "geom" if clearance.sees_assumed_positions else "shared_geom"
    before = f"lag(t.{place}) over (order by t.version)"
    rows = session.execute(
        text(
            f"select {CHANGED_AT}, {joined(layer_provenance_sql(layer, clearance))}, t.version, t.action,"
            f" {snapshot_sql(layer, clearance)}, {moved_distance_sql(f't.{place}', before)}"
            f" from app.{layer.name}_history t where t.id = :id order by t.version"
        ),
        {"id": feature_id},
    ).all()
    if not rows:
        raise Missing(FEATURE_NOT_FOUND)
    if rows[-1][7]["level"] == Level.RESTRICTED:
        record_access(session, Selection(layer, clearance, ids=[feature_id]), [(feature_id,)], history=True)
    entries: list[TimelineEntry] = []
    state: Snapshot = {}
    for *told, version, action, after, moved in rows:
        changes = differences(state, after)
        entries.append(
            TimelineEntry(
                told[0], version, action_name(action, changes), changes, moved_m=moved, **provenance_of(told[1:])
            )
        )
        state = after
    for part in child_tables.values():
        if part.parent.layer is layer:
            entries += _child_entries(session, part, feature_id, clearance, entries[0])
    entries += _link_entries(session, feature_id, clearance)
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def provenance_sql(
    clearance: Clearance, own_unit_view: str | None = None, version_column: str = "valid"
) -> dict[str, str]:
    """The SQL of who, why, on which request and at which time of the device, of a state ``t`` in a history.

    A scoped reader has it from the view ``own``, which tells it of the own matters; of what has no such view, nothing.
    """
    if not clearance.sees_assumed_positions or (isinstance(clearance, ScopedClearance) and own_unit_view is None):
        return dict.fromkeys(PROVENANCE, "null")
    if isinstance(clearance, ScopedClearance):
        row = f"from app.{own_unit_view} own where own.id = t.id and own.{version_column} = t.{version_column}"
        return {name: f"(select own.{name} {row})" for name in PROVENANCE}
    return {name: f"t.{name}" for name in PROVENANCE}


def layer_provenance_sql(layer: Layer, clearance: Clearance) -> dict[str, str]:
    return provenance_sql(clearance, f"{layer.name}_own", "version")


def joined(expressions: Mapping[str, str]) -> str:
    return ", ".join(expressions.values())


def provenance_of(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(PROVENANCE, values, strict=True))


def snapshot_sql(layer: Layer, clearance: Clearance, row: str = "t") -> str:
    """The SQL of a feature's stored fields and its place as one object."""
    fields = [one for one in layer.readable_fields(clearance).values() if one.sql is None]
    shown = ", ".join(f"'{one.name}', {one.expression(clearance)}" for one in fields).replace('t."', f'{row}."')
    place = "geom" if clearance.sees_assumed_positions else "shared_geom"
    return f"jsonb_build_object({shown}) || jsonb_build_object('geometry', ST_AsGeoJSON({row}.{place}, 6)::jsonb)"


def moved_distance_sql(here: str, there: str) -> str:
    """The SQL of how far a point was moved, in geodesic metres; nothing for other shapes and for what stayed."""
    return (
        f"case when ST_GeometryType({here}) = 'ST_Point' and ST_GeometryType({there}) = 'ST_Point'"
        f" and not {here} ~= {there} then ST_Distance({here}::geography, {there}::geography) end"
    )


def differences(before: Snapshot, after: Snapshot) -> dict[str, dict[str, Any]]:
    return {
        name: {"old": before.get(name), "new": value}
        for name, value in after.items()
        if name not in BOOKKEEPING_FIELDS and before.get(name) != value
    }


def action_name(action: str, changes: Mapping[str, Mapping[str, Any]]) -> str:
    return "retire" if changes.get("retired_at", {}).get("new") else action


def _child_entries(
    session: Session, child: type[ChildRecord], feature_id: uuid.UUID, clearance: Clearance, first: TimelineEntry
) -> list[TimelineEntry]:
    """What was added to a feature, changed and taken away, less what came with it."""
    table = child.__tablename__
    rows = session.execute(
        text(
            f"select t.id, {VALID_FROM}, {joined(provenance_sql(clearance, f'{table}_own'))}, t.action,"
            f" {child_snapshot_sql(child, clearance)}"
            f" from app.{table}_history t where t.feature_id = :id order by {VALID_FROM}"
        ),
        {"id": feature_id},
    )
    states: defaultdict[uuid.UUID, Snapshot] = defaultdict(dict)
    entries = []
    for part_id, at, *told, action, state in rows:
        changes = differences(states[part_id], state)
        states[part_id] = state
        if action == "insert" and at - first.at < CREATION_WINDOW and told[2] == first.request:
            continue
        entries.append(TimelineEntry(at, None, action, changes, part=table, **provenance_of(told)))
    return entries


def child_snapshot_sql(child: type[ChildRecord], clearance: Clearance, row: str = "t") -> str:
    """The SQL of what such a reader may know of a state of a part, as one object."""
    shown = ", ".join(f"'{one.name}', {one.expression(clearance)}" for one in child_fields(child, clearance))
    return f"jsonb_build_object({shown})".replace('t."', f'{row}."')


LINK_PROPERTIES = ("role", "at", "border", "layer", "id", "title", "direction")
"""What is told of a link: its meaning, and the address or the feature at its other end."""

OTHER_END_ID = "case when t.feature_id = {} then t.to_id else t.feature_id end"


def _link_entries(session: Session, feature_id: uuid.UUID, clearance: Clearance) -> list[TimelineEntry]:
    """Which links were made and taken away, from whichever end, as far as both ends may be seen."""
    rows = session.execute(
        text(
            f"select {VALID_FROM}, {joined(provenance_sql(clearance))}, t.action, t.role, t.at, t.border,"
            f" p.layer, p.id, p.label, case when t.feature_id = :id then 'to' else 'from' end from app.links_history t"
            f" left join {join_location_sql(clearance, OTHER_END_ID.format(':id'))}"
            f" where (t.feature_id = :id or t.to_id = :id) and (p.id is not null or t.at is not null)"
        ),
        {"id": feature_id},
    )
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
