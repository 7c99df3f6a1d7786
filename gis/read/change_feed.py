"""The change feed: what changed in several layers between two times, newest first."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from gis.model.children import ChildRecord, child_tables
from gis.model.fields import Level, ScopedClearance
from gis.model.layer import Layer
from gis.model.links import join_location_sql
from gis.read.cursor import decode_cursor, encode_cursor
from gis.read.execution import driver_connection
from gis.read.pages import is_restricted_sql, record_access
from gis.read.selection import Selection
from gis.read.sql import add_conditions, where_clause
from gis.read.statement import StatementBuilder
from gis.read.timeline import (
    CHANGED_AT,
    CREATION_WINDOW,
    EXACT_COUNT_LIMIT,
    LINK_PROPERTIES,
    LINKS,
    PREFER_INDEX_SCANS,
    VALID_FROM,
    TimelineEntry,
    action_name,
    child_snapshot_sql,
    differences,
    joined,
    layer_provenance_sql,
    moved_distance_sql,
    provenance_of,
    provenance_sql,
    snapshot_sql,
)
from gis.text.errors import Malformed
from gis.text.i18n import Text


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
            span.conditions(layer_provenance_sql(selection.layer, selection.clearance), CHANGED_AT)
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
    told_by = layer_provenance_sql(layer, reader)
    statement.conditions.append(span.conditions(told_by, CHANGED_AT))
    history = f"app.{layer.name}_history"
    here = "t.geom" if reader.sees_assumed_positions else "t.shared_geom"
    restricted = is_restricted_sql(replace(selection, as_of=span.until)) if reader is Level.RESTRICTED else "false"
    sql = (
        f"select {CHANGED_AT}, t.id, {joined(told_by)}, t.version, t.action, {snapshot_sql(layer, reader)},"
        f" earlier, {moved_distance_sql(here, 'stood')}, ({layer.label_sql})::text,"
        f" case when {restricted} then t.id end from {history} t"
        f" left join lateral (select {snapshot_sql(layer, reader, 'p')} as earlier,"
        f" {here.replace('t.', 'p.')} as stood"
        f" from {history} p where p.id = t.id and p.version = t.version - 1) before on true"
        f"{where_clause(statement)} order by {CHANGED_AT} desc, t.id desc limit {span.limit + 1}"
    )
    found = []
    for at, key, *told, version, action, after, before, moved, title, secret in _fetch(session, sql, statement.values):
        changes = differences(before or {}, after)
        one = ChangeFeedEntry(
            at,
            version,
            action_name(action, changes),
            changes,
            moved_m=moved,
            layer=layer.name,
            id=key,
            title=title,
            key=key,
            **provenance_of(told),
        )
        found.append((one, secret))
    return found


def _child_changes(
    session: Session, selection: Selection, child: type[ChildRecord], span: TimeSpan
) -> list[ChangeFeedEntry]:
    """What was added to features, changed and taken away, less what came with them."""
    layer, reader = selection.layer, selection.clearance
    told_by = provenance_sql(reader, f"{child.__tablename__}_own")
    history = f"app.{child.__tablename__}_history"
    came_along = f"t.action = 'insert' and {VALID_FROM} - begun < %(along)s"
    if reader.sees_assumed_positions and not isinstance(reader, ScopedClearance):
        came_along += (
            f" and t.request is not distinct from"
            f" (select f.request from app.{layer.name}_history f where f.id = owner and f.version = 1)"
        )
    sql = (
        f"select {VALID_FROM}, t.id, {joined(told_by)}, t.action, {child_snapshot_sql(child, reader)},"
        f" (select {child_snapshot_sql(child, reader, 'p')} from {history} p where p.id = t.id"
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
            differences(before or {}, after),
            part=child.__tablename__,
            layer=layer.name,
            id=feature,
            title=title,
            key=key,
            **provenance_of(told),
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
        f"select {VALID_FROM}, t.id, {joined(provenance_sql(reader))}, t.action, o.layer, o.id, o.label,"
        f" t.role, t.at, t.border, p.layer, p.id, p.label, 'to' from app.links_history t"
        f" join {join_location_sql(reader, 't.feature_id', 'o')} left join {join_location_sql(reader, 't.to_id')}"
        f" where o.layer = any(%(layers)s) and {span.conditions(provenance_sql(reader), VALID_FROM)}"
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
            **provenance_of(row[2:6]),
        )
        for row in _fetch(session, sql, {**span.values, "layers": layers})
    ]
