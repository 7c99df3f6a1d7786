"""The readable past: what became of one feature, and what has changed between two moments.

Everything is read from the typed histories under the reader's own rights as they are today; the journal is read by
nobody. Whoever may see what is may see what was; who did it and why is told within the house alone.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis.history.triggers import PROVENANCE
from gis.model.fields import Clearance, Level, ScopedClearance
from gis.model.layer import ChildRecord, Layer, child_fields, child_tables
from gis.model.links import join_location_sql
from gis.read.sql import (
    Selection,
    StatementBuilder,
    add_conditions,
    decode_cursor,
    driver_connection,
    encode_cursor,
    is_restricted_sql,
    record_access,
    where_clause,
)
from gis.text.errors import FEATURE_NOT_FOUND, Malformed, Missing
from gis.text.i18n import Text

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


@dataclass(frozen=True)
class ChangeFeedEntry(TimelineEntry):
    """A change among those of many features: also of which."""

    layer: str = ""
    id: uuid.UUID | None = None
    title: str | None = None
    key: uuid.UUID | None = None


@dataclass(frozen=True)
class TimeSpan:
    """Between two moments, the first of which is over: what held at ``since`` and then changed holds at ``until``.

    ``by`` asks for one person's deeds. ``after`` is the key of the last change of the page before.
    """

    since: dt.datetime
    until: dt.datetime
    by: str | None = None
    after: str | None = None
    limit: int = 100

    def conditions(self, provenance: Mapping[str, str], time_sql: str) -> str:
        """The SQL over a row ``t`` of a history: ``told`` gives who and why (``_who``), ``moment`` since when it held.

        The moment is a plain column: a range's bounds would be looked at behind row security only, row by row.
        """
        found = f"{time_sql} > %(since)s and {time_sql} <= %(until)s"
        if self.by is not None:
            found += f" and {provenance['actor']} = %(by)s"
        if self.after is not None:
            found += f" and ({time_sql}, t.id) < (%(at)s::timestamptz, %(key)s::uuid)"
        return found

    @property
    def values(self) -> dict[str, Any]:
        """What is bound in ``conditions``."""
        found: dict[str, Any] = {"since": self.since, "until": self.until, "by": self.by}
        if self.after is not None:
            found["at"], found["key"] = decode_cursor(self.after, 2)
            try:
                dt.datetime.fromisoformat(found["at"])
            except (TypeError, ValueError):
                raise Malformed(Text("Tham số 'after' không hợp lệ", "The parameter 'after' is not valid")) from None
        return found


def timeline(session: Session, layer: Layer, feature_id: uuid.UUID, clearance: Clearance) -> list[TimelineEntry]:
    """The past of one feature with its parts and links, newest first, as far as ``reader`` may see it.

    Raises ``Missing`` when there is no such feature.
    """
    place = "geom" if clearance.sees_assumed_positions else "shared_geom"
    before = f"lag(t.{place}) over (order by t.version)"
    rows = session.execute(
        text(
            f"select {CHANGED_AT}, {_joined(_layer_provenance_sql(layer, clearance))}, t.version, t.action,"
            f" {_snapshot_sql(layer, clearance)}, {_moved_distance_sql(f't.{place}', before)}"
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
        changes = _differences(state, after)
        entries.append(
            TimelineEntry(
                told[0], version, _action_name(action, changes), changes, moved_m=moved, **_provenance(told[1:])
            )
        )
        state = after
    for part in child_tables.values():
        if part.parent.layer is layer:
            entries += _child_entries(session, part, feature_id, clearance, entries[0])
    entries += _link_entries(session, feature_id, clearance)
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _provenance_sql(
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


def _layer_provenance_sql(layer: Layer, clearance: Clearance) -> dict[str, str]:
    return _provenance_sql(clearance, f"{layer.name}_own", "version")


def _joined(expressions: Mapping[str, str]) -> str:
    return ", ".join(expressions.values())


def _provenance(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(PROVENANCE, values, strict=True))


def _snapshot_sql(layer: Layer, clearance: Clearance, row: str = "t") -> str:
    """The SQL of a feature's stored fields and its place as one object."""
    fields = [one for one in layer.readable_fields(clearance).values() if one.sql is None]
    shown = ", ".join(f"'{one.name}', {one.expression(clearance)}" for one in fields).replace('t."', f'{row}."')
    place = "geom" if clearance.sees_assumed_positions else "shared_geom"
    return f"jsonb_build_object({shown}) || jsonb_build_object('geometry', ST_AsGeoJSON({row}.{place}, 6)::jsonb)"


def _moved_distance_sql(here: str, there: str) -> str:
    """The SQL of how far a point was moved, in geodesic metres; nothing for other shapes and for what stayed."""
    return (
        f"case when ST_GeometryType({here}) = 'ST_Point' and ST_GeometryType({there}) = 'ST_Point'"
        f" and not {here} ~= {there} then ST_Distance({here}::geography, {there}::geography) end"
    )


def _differences(before: Snapshot, after: Snapshot) -> dict[str, dict[str, Any]]:
    return {
        name: {"old": before.get(name), "new": value}
        for name, value in after.items()
        if name not in BOOKKEEPING_FIELDS and before.get(name) != value
    }


def _action_name(action: str, changes: Mapping[str, Mapping[str, Any]]) -> str:
    return "retire" if changes.get("retired_at", {}).get("new") else action


def _child_entries(
    session: Session, child: type[ChildRecord], feature_id: uuid.UUID, clearance: Clearance, first: TimelineEntry
) -> list[TimelineEntry]:
    """What was added to a feature, changed and taken away, less what came with it."""
    table = child.__tablename__
    rows = session.execute(
        text(
            f"select t.id, {VALID_FROM}, {_joined(_provenance_sql(clearance, f'{table}_own'))}, t.action,"
            f" {_child_snapshot_sql(child, clearance)}"
            f" from app.{table}_history t where t.feature_id = :id order by {VALID_FROM}"
        ),
        {"id": feature_id},
    )
    states: defaultdict[uuid.UUID, Snapshot] = defaultdict(dict)
    entries = []
    for part_id, at, *told, action, state in rows:
        changes = _differences(states[part_id], state)
        states[part_id] = state
        if action == "insert" and at - first.at < CREATION_WINDOW and told[2] == first.request:
            continue
        entries.append(TimelineEntry(at, None, action, changes, part=table, **_provenance(told)))
    return entries


def _child_snapshot_sql(child: type[ChildRecord], clearance: Clearance, row: str = "t") -> str:
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
            f"select {VALID_FROM}, {_joined(_provenance_sql(clearance))}, t.action, t.role, t.at, t.border,"
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
            **_provenance(row[1:5]),
        )
        for row in rows
    ]


# Between two moments.


def change_feed(
    session: Session, selections: Sequence[Selection], span: TimeSpan
) -> tuple[list[ChangeFeedEntry], str | None]:
    """A page of what has changed in the layers of ``selections``, newest first, and the key of the page that follows.

    Of a layer that is narrowed, the changes of its own features are told whose state after the change matches; of a
    whole layer also those of their parts and links.
    """
    session.execute(PREFER_INDEX_SCANS)
    found: list[ChangeFeedEntry] = []
    for selection in _most_recent_first(session, selections):
        own = _feature_changes(session, selection, _narrowed_span(found, span))
        record_access(session, selection, [(key,) for _, key in own], since=span.since.isoformat())
        found += [one for one, _ in own]
        if not selection.criteria():
            for part in child_tables.values():
                if part.parent.layer is selection.layer:
                    found += _child_changes(session, selection, part, _narrowed_span(found, span))
    found += _link_changes(session, [one for one in selections if not one.criteria()], _narrowed_span(found, span))
    found.sort(key=lambda one: (one.at, one.key), reverse=True)
    page = found[: span.limit]
    following = encode_cursor([page[-1].at.isoformat(), str(page[-1].key)]) if len(found) > span.limit else None
    if not (selections and selections[0].clearance.sees_assumed_positions):
        # A reader who is not told of a field is not told either that something else has changed.
        page = [one for one in page if one.changes or one.about]
    return page, following


def _most_recent_first(session: Session, selections: Sequence[Selection]) -> list[Selection]:
    """The layers in which something has changed most lately first: they leave the others less to be looked for."""
    asked = [f"(select max(t.updated_at) from app.{one.layer.name}_history t)" for one in selections]
    latest = _fetch(session, f"select array[{', '.join(asked)}]::timestamptz[]", {})[0][0]
    order = sorted(range(len(selections)), key=lambda at: latest[at] or dt.datetime.min.replace(tzinfo=dt.UTC))
    return [selections[at] for at in reversed(order)]


def _narrowed_span(entries: Sequence[ChangeFeedEntry], span: TimeSpan) -> TimeSpan:
    """The span less what is older than what fills the page already."""
    if len(entries) <= span.limit:
        return span
    oldest = sorted((one.at for one in entries), reverse=True)[span.limit]
    return replace(span, since=max(span.since, oldest - dt.timedelta(microseconds=1)))


def change_counts(session: Session, selections: Sequence[Selection], span: TimeSpan) -> dict[str, int]:
    """How many features of each layer have changed in the span."""
    session.execute(PREFER_INDEX_SCANS)
    found = {}
    for selection in selections:
        statement = StatementBuilder(values=span.values)
        add_conditions(selection, statement)
        statement.conditions.append(
            span.conditions(_layer_provenance_sql(selection.layer, selection.clearance), CHANGED_AT)
        )
        history = f"app.{selection.layer.name}_history t{where_clause(statement)}"
        whole = span.by is None and not selection.criteria()
        few = f"select t.id from {history} limit {EXACT_COUNT_LIMIT + 1}" if whole else f"select t.id from {history}"
        states, number = _fetch(
            session, f"select count(*), count(distinct found.id) from ({few}) found", statement.values
        )[0]
        if whole and states > EXACT_COUNT_LIMIT:
            number = _fetch(session, _current_count_sql(selection.layer), span.values)[0][0]
        if number:
            found[selection.layer.name] = number
    return found


def _current_count_sql(layer: Layer) -> str:
    """The SQL that counts what has changed by what stands today; only what has changed again since is looked up."""
    in_span = "{0}.updated_at > %(since)s and {0}.updated_at <= %(until)s"
    then = f"exists (select from app.{layer.name}_history h where h.id = t.id and {in_span.format('h')})"
    return (
        f"select count(*) from app.{layer.name} t"
        f" where t.updated_at > %(since)s and (t.updated_at <= %(until)s or {then})"
    )


def _fetch(session: Session, sql: str, values: Mapping[str, Any]) -> list[Any]:
    with driver_connection(session).cursor() as cursor:
        return cursor.execute(sql, values).fetchall()


def _feature_changes(
    session: Session, selection: Selection, span: TimeSpan
) -> list[tuple[ChangeFeedEntry, uuid.UUID | None]]:
    """Changed versions, each with its id where it is restricted today."""
    layer, reader = selection.layer, selection.clearance
    statement = StatementBuilder(values=span.values)
    add_conditions(selection, statement)
    told_by = _layer_provenance_sql(layer, reader)
    statement.conditions.append(span.conditions(told_by, CHANGED_AT))
    history = f"app.{layer.name}_history"
    here = "t.geom" if reader.sees_assumed_positions else "t.shared_geom"
    restricted = is_restricted_sql(replace(selection, as_of=span.until)) if reader is Level.RESTRICTED else "false"
    sql = (
        f"select {CHANGED_AT}, t.id, {_joined(told_by)}, t.version, t.action, {_snapshot_sql(layer, reader)},"
        f" earlier, {_moved_distance_sql(here, 'stood')}, ({layer.label_sql})::text,"
        f" case when {restricted} then t.id end from {history} t"
        f" left join lateral (select {_snapshot_sql(layer, reader, 'p')} as earlier,"
        f" {here.replace('t.', 'p.')} as stood"
        f" from {history} p where p.id = t.id and p.version = t.version - 1) before on true"
        f"{where_clause(statement)} order by {CHANGED_AT} desc, t.id desc limit {span.limit + 1}"
    )
    found = []
    for at, key, *told, version, action, after, before, moved, title, secret in _fetch(session, sql, statement.values):
        changes = _differences(before or {}, after)
        one = ChangeFeedEntry(
            at,
            version,
            _action_name(action, changes),
            changes,
            moved_m=moved,
            layer=layer.name,
            id=key,
            title=title,
            key=key,
            **_provenance(told),
        )
        found.append((one, secret))
    return found


def _child_changes(
    session: Session, selection: Selection, child: type[ChildRecord], span: TimeSpan
) -> list[ChangeFeedEntry]:
    """What was added to features, changed and taken away, less what came with them."""
    layer, reader = selection.layer, selection.clearance
    told_by = _provenance_sql(reader, f"{child.__tablename__}_own")
    history = f"app.{child.__tablename__}_history"
    came_along = f"t.action = 'insert' and {VALID_FROM} - begun < %(along)s"
    if reader.sees_assumed_positions and not isinstance(reader, ScopedClearance):
        came_along += (
            f" and t.request is not distinct from"
            f" (select f.request from app.{layer.name}_history f where f.id = owner and f.version = 1)"
        )
    sql = (
        f"select {VALID_FROM}, t.id, {_joined(told_by)}, t.action, {_child_snapshot_sql(child, reader)},"
        f" (select {_child_snapshot_sql(child, reader, 'p')} from {history} p where p.id = t.id"
        f" and p.since < t.since order by p.since desc limit 1), owner, called"
        f" from {history} t join {_parent_join_sql(layer)}"
        f" where {span.conditions(told_by, VALID_FROM)} and not ({came_along})"
        f" order by {VALID_FROM} desc, t.id desc limit {span.limit + 1}"
    )
    return [
        ChangeFeedEntry(
            at,
            None,
            action,
            _differences(before or {}, after),
            part=child.__tablename__,
            layer=layer.name,
            id=feature,
            title=title,
            key=key,
            **_provenance(told),
        )
        for at, key, *told, action, after, before, feature, title in _fetch(
            session, sql, {**span.values, "along": CREATION_WINDOW}
        )
    ]


def _parent_join_sql(layer: Layer) -> str:
    """The feature of the layer that a row ``t`` belongs to: its id, what it is called and when it was made."""
    return (
        f"lateral (select f.id as owner, ({layer.label_sql})::text as called, f.created_at as begun"
        f" from app.{layer.name} f where f.id = t.feature_id) owner on true"
    )


def _link_changes(session: Session, selections: Sequence[Selection], span: TimeSpan) -> list[ChangeFeedEntry]:
    """Which links from features of these layers were made and taken away."""
    if not selections:
        return []
    reader = selections[0].clearance
    sql = (
        f"select {VALID_FROM}, t.id, {_joined(_provenance_sql(reader))}, t.action, o.layer, o.id, o.label,"
        f" t.role, t.at, t.border, p.layer, p.id, p.label, 'to' from app.links_history t"
        f" join {join_location_sql(reader, 't.feature_id', 'o')} left join {join_location_sql(reader, 't.to_id')}"
        f" where o.layer = any(%(layers)s) and {span.conditions(_provenance_sql(reader), VALID_FROM)}"
        f" order by {VALID_FROM} desc, t.id desc limit {span.limit + 1}"
    )
    layers = [one.layer.name for one in selections]
    return [
        ChangeFeedEntry(
            row[0],
            None,
            row[6],
            {},
            part=LINKS,
            about=dict(zip(LINK_PROPERTIES, row[10:], strict=True)),
            layer=row[7],
            id=row[8],
            title=row[9],
            key=row[1],
            **_provenance(row[2:6]),
        )
        for row in _fetch(session, sql, {**span.values, "layers": layers})
    ]
