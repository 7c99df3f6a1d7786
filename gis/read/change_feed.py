"""The change feed: the changes in several layers between two times, newest first."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gis.db.session import Session
from gis.model.children import ChildRecord, child_tables
from gis.model.fields import Level, ScopedClearance
from gis.model.layer import Layer
from gis.model.links import ROUTE_COLUMN, join_location_sql
from gis.model.query import select_sql
from gis.model.row import Row
from gis.read.cursor import decode_cursor, encode_cursor
from gis.read.pages import is_restricted_sql, record_access
from gis.read.selection import Selection
from gis.read.sql import add_conditions
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
    child_provenance_sql,
    child_snapshot_sql,
    differences,
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
    """A change with the feature that it belongs to; ``key`` is the id of the changed row, used in the cursor."""

    layer: str = ""
    id: uuid.UUID | None = None
    title: str | None = None
    key: uuid.UUID | None = None


@dataclass(frozen=True)
class TimeSpan:
    """The changes to select: made after ``since`` and not after ``until``, optionally by the actor ``by``.

    ``after`` is the cursor of the previous page.
    """

    since: dt.datetime
    until: dt.datetime
    by: str | None = None
    after: str | None = None
    limit: int = 100

    def conditions(self, provenance: Mapping[str, str], time_sql: str) -> list[str]:
        """The SQL conditions on a state ``t`` of a history, given the SQL of its provenance and beginning of validity.

        ``time_sql`` should be a plain column: under row-level security the bounds of a range use no index.
        """
        conditions = [f"{time_sql} > %(since)s", f"{time_sql} <= %(until)s"]
        if self.by is not None:
            conditions.append(f"{provenance['actor']} = %(by)s")
        if self.after is not None:
            conditions.append(f"({time_sql}, t.id) < (%(at)s::timestamptz, %(key)s::uuid)")
        return conditions

    @property
    def values(self) -> dict[str, Any]:
        """The values bound in ``conditions``. Raises ``Malformed`` for an invalid cursor."""
        values: dict[str, Any] = {"since": self.since, "until": self.until, "by": self.by}
        if self.after is not None:
            values["at"], values["key"] = decode_cursor(self.after, 2)
            try:
                dt.datetime.fromisoformat(values["at"])
            except (TypeError, ValueError):
                raise Malformed(Text("Tham số 'after' không hợp lệ", "The parameter 'after' is not valid")) from None
        return values


def change_feed(
    session: Session, selections: Sequence[Selection], span: TimeSpan
) -> tuple[list[ChangeFeedEntry], str | None]:
    """A page of the changes in the layers of ``selections``, newest first, and the cursor of the next page.

    If a selection narrows its layer, only changes of features are listed whose state after the change matches; for a
    whole layer those of child rows and links are listed as well.
    """
    session.execute(PREFER_INDEX_SCANS)
    entries: list[ChangeFeedEntry] = []
    for selection in _most_recent_first(session, selections):
        changes = _feature_changes(session, selection, _narrowed_span(entries, span))
        record_access(session, selection, [(restricted,) for _, restricted in changes], since=span.since.isoformat())
        entries += [entry for entry, _ in changes]
        if not selection.criteria():
            for child in child_tables.values():
                if child.parent.layer is selection.layer:
                    entries += _child_changes(session, selection, child, _narrowed_span(entries, span))
    whole_layers = [selection for selection in selections if not selection.criteria()]
    entries += _link_changes(session, whole_layers, _narrowed_span(entries, span))
    entries.sort(key=lambda entry: (entry.at, entry.key), reverse=True)
    page = entries[: span.limit]
    next_cursor = encode_cursor([page[-1].at.isoformat(), str(page[-1].key)]) if len(entries) > span.limit else None
    if not session.actor.clearance.sees_assumed_positions:
        # A change of hidden fields only must not be listed, because that would disclose that there was one.
        page = [entry for entry in page if entry.changes or entry.about]
    return page, next_cursor


def _most_recent_first(session: Session, selections: Sequence[Selection]) -> list[Selection]:
    """The layers by their latest change, newest first, so that the span can be narrowed most for the later queries."""
    maxima = [select_sql("max(t.updated_at)", f"app.{selection.layer.name}_history t") for selection in selections]
    latest = _fetch(session, f"select array[{', '.join(f'({newest})' for newest in maxima)}]::timestamptz[]", {})[0][0]
    order = sorted(range(len(selections)), key=lambda index: latest[index] or dt.datetime.min.replace(tzinfo=dt.UTC))
    return [selections[index] for index in reversed(order)]


def _narrowed_span(entries: Sequence[ChangeFeedEntry], span: TimeSpan) -> TimeSpan:
    """The span without the times older than a full page of ``entries``, which belong to later pages."""
    if len(entries) <= span.limit:
        return span
    cutoff = sorted((entry.at for entry in entries), reverse=True)[span.limit]
    return replace(span, since=max(span.since, cutoff - dt.timedelta(microseconds=1)))


def change_counts(session: Session, selections: Sequence[Selection], span: TimeSpan) -> dict[str, int]:
    """The number of features changed in the span, by layer name; layers without changes are left out."""
    session.execute(PREFER_INDEX_SCANS)
    counts = {}
    for selection in selections:
        statement = StatementBuilder(values=span.values)
        add_conditions(selection, statement)
        statement.conditions += span.conditions(layer_provenance_sql(selection.layer, selection.clearance), CHANGED_AT)
        whole = span.by is None and not selection.criteria()
        changed = select_sql(
            "t.id",
            f"app.{selection.layer.name}_history t",
            statement.conditions,
            limit=EXACT_COUNT_LIMIT + 1 if whole else None,
        )
        counting = select_sql(["count(*)", "count(distinct changed.id)"], f"({changed}) changed")
        states, number = _fetch(session, counting, statement.values)[0]
        if whole and states > EXACT_COUNT_LIMIT:
            number = _fetch(session, _current_count_sql(selection.layer), span.values)[0][0]
        if number:
            counts[selection.layer.name] = number
    return counts


def _current_count_sql(layer: Layer) -> str:
    """The SQL that counts the features changed in the span; the history is read only for those changed again since."""
    in_span = ["h.id = t.id", "h.updated_at > %(since)s", "h.updated_at <= %(until)s"]
    states_in_span = select_sql("", f"app.{layer.name}_history h", in_span)
    changed = ["t.updated_at > %(since)s", f"(t.updated_at <= %(until)s or exists ({states_in_span}))"]
    return select_sql("count(*)", f"app.{layer.name} t", changed)


def _fetch(session: Session, sql: str, values: Mapping[str, Any]) -> list[Any]:
    """Execute a statement on the connection of the session and return its rows."""
    with session.driver_connection().cursor() as cursor:
        return cursor.execute(sql, values).fetchall()


def _feature_changes(
    session: Session, selection: Selection, span: TimeSpan
) -> list[tuple[ChangeFeedEntry, uuid.UUID | None]]:
    """The changes of features, each with the id of the feature if it is restricted today, else None."""
    layer, clearance = selection.layer, selection.clearance
    statement = StatementBuilder(values=span.values)
    add_conditions(selection, statement)
    provenance = layer_provenance_sql(layer, clearance)
    statement.conditions += span.conditions(provenance, CHANGED_AT)
    history = f"app.{layer.name}_history"
    row, previous = selection.row, selection.row.of(layer, "p")
    before = select_sql(
        [f"{snapshot_sql(previous, layer)} as old_state", f"{previous['geom']} as old_geometry"],
        f"{history} p",
        ["p.id = t.id", "p.version = t.version - 1"],
    )
    restricted = is_restricted_sql(replace(selection, as_of=span.until)) if clearance is Level.RESTRICTED else "false"
    columns = [
        f"{CHANGED_AT}, t.id",
        *provenance.values(),
        f"t.version, t.action, {snapshot_sql(row, layer)}, old_state",
        moved_distance_sql(row["geom"], "old_geometry"),
        f"({layer.label_sql})::text, case when {restricted} then t.id end",
    ]
    sql = select_sql(
        columns,
        f"{history} t left join lateral ({before}) before on true",
        statement.conditions,
        order_by=f"{CHANGED_AT} desc, t.id desc",
        limit=span.limit + 1,
    )
    changed = []
    for row in _fetch(session, sql, statement.values):
        at, feature_id, *values, version, action, new_state, old_state, moved, title, restricted_id = row
        changes = differences(old_state or {}, new_state)
        entry = ChangeFeedEntry(
            at,
            version,
            action_name(action, changes),
            changes,
            moved_m=moved,
            layer=layer.name,
            id=feature_id,
            title=title,
            key=feature_id,
            **provenance_of(values),
        )
        changed.append((entry, restricted_id))
    return changed


def _child_changes(
    session: Session, selection: Selection, child: type[ChildRecord], span: TimeSpan
) -> list[ChangeFeedEntry]:
    """The changes of the rows of a child table, without rows inserted together with their feature."""
    layer, clearance = selection.layer, selection.clearance
    provenance = child_provenance_sql(child, clearance)
    history = f"app.{child.__tablename__}_history"
    inserted_with_feature = f"t.action = 'insert' and {VALID_FROM} - begun < %(creation_window)s"
    if clearance.sees_assumed_positions and not isinstance(clearance, ScopedClearance):
        of_creation = ["f.id = parent_id", "f.version = 1"]
        request = select_sql("f.request", f"app.{layer.name}_history f", of_creation)
        inserted_with_feature += f" and t.request is not distinct from ({request})"
    previous = select_sql(
        child_snapshot_sql(Row(clearance, alias="p"), child),
        f"{history} p",
        ["p.id = t.id", "p.since < t.since"],
        order_by="p.since desc",
        limit=1,
    )
    new_state = child_snapshot_sql(Row(clearance), child)
    sql = select_sql(
        [VALID_FROM, "t.id", *provenance.values(), "t.action", new_state, f"({previous})", "parent_id", "parent_label"],
        f"{history} t join {_parent_join_sql(layer)}",
        [*span.conditions(provenance, VALID_FROM), f"not ({inserted_with_feature})"],
        order_by=f"{VALID_FROM} desc, t.id desc",
        limit=span.limit + 1,
    )
    return [
        ChangeFeedEntry(
            at,
            None,
            action,
            differences(old_state or {}, new_state),
            part=child.__tablename__,
            layer=layer.name,
            id=feature_id,
            title=title,
            key=row_id,
            **provenance_of(values),
        )
        for at, row_id, *values, action, new_state, old_state, feature_id, title in _fetch(
            session, sql, {**span.values, "creation_window": CREATION_WINDOW}
        )
    ]


def _parent_join_sql(layer: Layer) -> str:
    """The SQL of a lateral join with the feature that a child row ``t`` belongs to: id, label and time of creation."""
    columns = ["f.id as parent_id", f"({layer.label_sql})::text as parent_label", "f.created_at as begun"]
    return f"lateral ({select_sql(columns, f'app.{layer.name} f', ['f.id = t.feature_id'])}) parent on true"


def _link_changes(session: Session, selections: Sequence[Selection], span: TimeSpan) -> list[ChangeFeedEntry]:
    """The links from features of these layers that were created and deleted."""
    if not selections:
        return []
    clearance = session.actor.clearance
    provenance = provenance_sql(clearance)
    columns = [
        f"{VALID_FROM}, t.id",
        *provenance.values(),
        "t.action, o.layer, o.id, o.label",
        f"t.role, t.at, t.{ROUTE_COLUMN}, p.layer, p.id, p.label, 'to'",
    ]
    near, far = join_location_sql(clearance, "t.feature_id", "o"), join_location_sql(clearance, "t.to_id")
    sql = select_sql(
        columns,
        f"app.links_history t join {near} left join {far}",
        ["o.layer = any(%(layers)s)", *span.conditions(provenance, VALID_FROM)],
        order_by=f"{VALID_FROM} desc, t.id desc",
        limit=span.limit + 1,
    )
    layers = [selection.layer.name for selection in selections]
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
