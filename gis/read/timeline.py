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

from gis.history.triggers import TOLD
from gis.model.fields import Level, Reader, Scoped
from gis.model.layer import Layer, Part, fields_of_part, parts
from gis.model.links import joined_place
from gis.read.sql import (
    Selection,
    Statement,
    decode_key,
    driver_of,
    encode_key,
    is_restricted,
    narrow,
    note,
    where_of,
)
from gis.text.errors import NO_FEATURE, Malformed, Missing
from gis.text.i18n import Text

State = Mapping[str, Any]

CHANGED, BEGUN = "t.updated_at", "t.since"
"""Since when a state ``t`` of a feature, and of a part or link, has held."""

ROW_BY_ROW = text("select set_config('work_mem', '256kB', true)")
"""Whether a state of the past may be seen is asked of the few that are shown, by their keys.

With room for it the planner first hashes every feature that may be seen, because it does not count on the page's end.
"""

MANY = 5000
"""So many changes are counted one by one; of more, the things as they are today."""

SILENT = {"version", "updated_at", "created_at", "created_by"}
"""Fields that change with every write and tell a reader nothing."""

LINKS = "links"
ALONG_WITH = dt.timedelta(seconds=1)
"""Parts that are added within this time of creating a feature, on the same request, came with it and are no news."""


@dataclass(frozen=True)
class Entry:
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
class Change(Entry):
    """A change among those of many features: also of which."""

    layer: str = ""
    id: uuid.UUID | None = None
    title: str | None = None
    key: uuid.UUID | None = None


@dataclass(frozen=True)
class Span:
    """Between two moments, the first of which is over: what held at ``since`` and then changed holds at ``until``.

    ``by`` asks for one person's deeds. ``after`` is the key of the last change of the page before.
    """

    since: dt.datetime
    until: dt.datetime
    by: str | None = None
    after: str | None = None
    limit: int = 100

    def conditions(self, told: Mapping[str, str], moment: str) -> str:
        """The SQL over a row ``t`` of a history: ``told`` gives who and why (``_who``), ``moment`` since when it held.

        The moment is a plain column: a range's bounds would be looked at behind row security only, row by row.
        """
        found = f"{moment} > %(since)s and {moment} <= %(until)s"
        if self.by is not None:
            found += f" and {told['actor']} = %(by)s"
        if self.after is not None:
            found += f" and ({moment}, t.id) < (%(at)s::timestamptz, %(key)s::uuid)"
        return found

    @property
    def values(self) -> dict[str, Any]:
        """What is bound in ``conditions``."""
        found: dict[str, Any] = {"since": self.since, "until": self.until, "by": self.by}
        if self.after is not None:
            found["at"], found["key"] = decode_key(self.after, 2)
            try:
                dt.datetime.fromisoformat(found["at"])
            except (TypeError, ValueError):
                raise Malformed(Text("Tham số 'after' không hợp lệ", "The parameter 'after' is not valid")) from None
        return found


def timeline(session: Session, layer: Layer, feature_id: uuid.UUID, reader: Reader) -> list[Entry]:
    """The past of one feature with its parts and links, newest first, as far as ``reader`` may see it.

    Raises ``Missing`` when there is no such feature.
    """
    place = "geom" if reader.sees_assumed else "shared_geom"
    before = f"lag(t.{place}) over (order by t.version)"
    rows = session.execute(
        text(
            f"select {CHANGED}, {_in_turn(_who_of(layer, reader))}, t.version, t.action, {_state(layer, reader)},"
            f" {_distance(f't.{place}', before)} from app.{layer.name}_history t where t.id = :id order by t.version"
        ),
        {"id": feature_id},
    ).all()
    if not rows:
        raise Missing(NO_FEATURE)
    if rows[-1][7]["level"] == Level.RESTRICTED:
        note(session, Selection(layer, reader, ids=[feature_id]), [(feature_id,)], history=True)
    entries: list[Entry] = []
    state: State = {}
    for *told, version, action, after, moved in rows:
        changes = _differences(state, after)
        entries.append(Entry(told[0], version, _named(action, changes), changes, moved_m=moved, **_whose(told[1:])))
        state = after
    for part in parts.values():
        if part.of.layer is layer:
            entries += _of_part(session, part, feature_id, reader, entries[0])
    entries += _of_links(session, feature_id, reader)
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _who(reader: Reader, own: str | None = None, state: str = "valid") -> dict[str, str]:
    """The SQL of who, why, on which request and at which time of the device, of a state ``t`` in a history.

    A scoped reader has it from the view ``own``, which tells it of the own matters; of what has no such view, nothing.
    """
    if not reader.sees_assumed or (isinstance(reader, Scoped) and own is None):
        return dict.fromkeys(TOLD, "null")
    if isinstance(reader, Scoped):
        row = f"from app.{own} own where own.id = t.id and own.{state} = t.{state}"
        return {name: f"(select own.{name} {row})" for name in TOLD}
    return {name: f"t.{name}" for name in TOLD}


def _who_of(layer: Layer, reader: Reader) -> dict[str, str]:
    return _who(reader, f"{layer.name}_own", "version")


def _in_turn(told: Mapping[str, str]) -> str:
    return ", ".join(told.values())


def _whose(told: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(TOLD, told, strict=True))


def _state(layer: Layer, reader: Reader, row: str = "t") -> str:
    """The SQL of a feature's stored fields and its place as one object."""
    fields = [one for one in layer.readable(reader).values() if one.sql is None]
    shown = ", ".join(f"'{one.name}', {one.expression(reader)}" for one in fields).replace('t."', f'{row}."')
    place = "geom" if reader.sees_assumed else "shared_geom"
    return f"jsonb_build_object({shown}) || jsonb_build_object('geometry', ST_AsGeoJSON({row}.{place}, 6)::jsonb)"


def _distance(here: str, there: str) -> str:
    """The SQL of how far a point was moved, in geodesic metres; nothing for other shapes and for what stayed."""
    return (
        f"case when ST_GeometryType({here}) = 'ST_Point' and ST_GeometryType({there}) = 'ST_Point'"
        f" and not {here} ~= {there} then ST_Distance({here}::geography, {there}::geography) end"
    )


def _differences(before: State, after: State) -> dict[str, dict[str, Any]]:
    return {
        name: {"old": before.get(name), "new": value}
        for name, value in after.items()
        if name not in SILENT and before.get(name) != value
    }


def _named(action: str, changes: Mapping[str, Mapping[str, Any]]) -> str:
    return "retire" if changes.get("retired_at", {}).get("new") else action


def _of_part(session: Session, part: type[Part], feature_id: uuid.UUID, reader: Reader, first: Entry) -> list[Entry]:
    """What was added to a feature, changed and taken away, less what came with it."""
    table = part.__tablename__
    rows = session.execute(
        text(
            f"select t.id, {BEGUN}, {_in_turn(_who(reader, f'{table}_own'))}, t.action,"
            f" {_of_fields(part, reader)}"
            f" from app.{table}_history t where t.feature_id = :id order by {BEGUN}"
        ),
        {"id": feature_id},
    )
    states: defaultdict[uuid.UUID, State] = defaultdict(dict)
    entries = []
    for part_id, at, *told, action, state in rows:
        changes = _differences(states[part_id], state)
        states[part_id] = state
        if action == "insert" and at - first.at < ALONG_WITH and told[2] == first.request:
            continue
        entries.append(Entry(at, None, action, changes, part=table, **_whose(told)))
    return entries


def _of_fields(part: type[Part], reader: Reader, row: str = "t") -> str:
    """The SQL of what such a reader may know of a state of a part, as one object."""
    shown = ", ".join(f"'{one.name}', {one.expression(reader)}" for one in fields_of_part(part, reader))
    return f"jsonb_build_object({shown})".replace('t."', f'{row}."')


LINKED = ("role", "at", "border", "layer", "id", "title", "direction")
"""What is told of a link: its meaning, and the address or the feature at its other end."""

OTHER_END = "case when t.feature_id = {} then t.to_id else t.feature_id end"


def _of_links(session: Session, feature_id: uuid.UUID, reader: Reader) -> list[Entry]:
    """Which links were made and taken away, from whichever end, as far as both ends may be seen."""
    rows = session.execute(
        text(
            f"select {BEGUN}, {_in_turn(_who(reader))}, t.action, t.role, t.at, t.border,"
            f" p.layer, p.id, p.label, case when t.feature_id = :id then 'to' else 'from' end from app.links_history t"
            f" left join {joined_place(reader, OTHER_END.format(':id'))}"
            f" where (t.feature_id = :id or t.to_id = :id) and (p.id is not null or t.at is not null)"
        ),
        {"id": feature_id},
    )
    return [
        Entry(row[0], None, row[5], {}, part=LINKS, about=dict(zip(LINKED, row[6:], strict=True)), **_whose(row[1:5]))
        for row in rows
    ]


# Between two moments.


def changed(session: Session, selections: Sequence[Selection], span: Span) -> tuple[list[Change], str | None]:
    """A page of what has changed in the layers of ``selections``, newest first, and the key of the page that follows.

    Of a layer that is narrowed, the changes of its own features are told whose state after the change matches; of a
    whole layer also those of their parts and links.
    """
    session.execute(ROW_BY_ROW)
    found: list[Change] = []
    for selection in _latest_first(session, selections):
        own = _own_changes(session, selection, _filling(found, span))
        note(session, selection, [(key,) for _, key in own], since=span.since.isoformat())
        found += [one for one, _ in own]
        if not selection.told():
            for part in parts.values():
                if part.of.layer is selection.layer:
                    found += _part_changes(session, selection, part, _filling(found, span))
    found += _link_changes(session, [one for one in selections if not one.told()], _filling(found, span))
    found.sort(key=lambda one: (one.at, one.key), reverse=True)
    page = found[: span.limit]
    following = encode_key([page[-1].at.isoformat(), str(page[-1].key)]) if len(found) > span.limit else None
    if not (selections and selections[0].reader.sees_assumed):
        # A reader who is not told of a field is not told either that something else has changed.
        page = [one for one in page if one.changes or one.about]
    return page, following


def _latest_first(session: Session, selections: Sequence[Selection]) -> list[Selection]:
    """The layers in which something has changed most lately first: they leave the others less to be looked for."""
    asked = [f"(select max(t.updated_at) from app.{one.layer.name}_history t)" for one in selections]
    latest = _fetched(session, f"select array[{', '.join(asked)}]::timestamptz[]", {})[0][0]
    order = sorted(range(len(selections)), key=lambda at: latest[at] or dt.datetime.min.replace(tzinfo=dt.UTC))
    return [selections[at] for at in reversed(order)]


def _filling(found: Sequence[Change], span: Span) -> Span:
    """The span less what is older than what fills the page already."""
    if len(found) <= span.limit:
        return span
    oldest = sorted((one.at for one in found), reverse=True)[span.limit]
    return replace(span, since=max(span.since, oldest - dt.timedelta(microseconds=1)))


def numbers(session: Session, selections: Sequence[Selection], span: Span) -> dict[str, int]:
    """How many features of each layer have changed in the span."""
    session.execute(ROW_BY_ROW)
    found = {}
    for selection in selections:
        statement = Statement(values=span.values)
        narrow(selection, statement)
        statement.conditions.append(span.conditions(_who_of(selection.layer, selection.reader), CHANGED))
        history = f"app.{selection.layer.name}_history t{where_of(statement)}"
        whole = span.by is None and not selection.told()
        few = f"select t.id from {history} limit {MANY + 1}" if whole else f"select t.id from {history}"
        states, number = _fetched(
            session, f"select count(*), count(distinct found.id) from ({few}) found", statement.values
        )[0]
        if whole and states > MANY:
            number = _fetched(session, _changed_now(selection.layer), span.values)[0][0]
        if number:
            found[selection.layer.name] = number
    return found


def _changed_now(layer: Layer) -> str:
    """The SQL that counts what has changed by what stands today; only what has changed again since is looked up."""
    in_span = "{0}.updated_at > %(since)s and {0}.updated_at <= %(until)s"
    then = f"exists (select from app.{layer.name}_history h where h.id = t.id and {in_span.format('h')})"
    return (
        f"select count(*) from app.{layer.name} t"
        f" where t.updated_at > %(since)s and (t.updated_at <= %(until)s or {then})"
    )


def _fetched(session: Session, sql: str, values: Mapping[str, Any]) -> list[Any]:
    with driver_of(session).cursor() as cursor:
        return cursor.execute(sql, values).fetchall()


def _own_changes(session: Session, selection: Selection, span: Span) -> list[tuple[Change, uuid.UUID | None]]:
    """Changed versions, each with its id where it is restricted today."""
    layer, reader = selection.layer, selection.reader
    statement = Statement(values=span.values)
    narrow(selection, statement)
    told_by = _who_of(layer, reader)
    statement.conditions.append(span.conditions(told_by, CHANGED))
    history = f"app.{layer.name}_history"
    here = "t.geom" if reader.sees_assumed else "t.shared_geom"
    restricted = is_restricted(replace(selection, as_of=span.until)) if reader is Level.RESTRICTED else "false"
    sql = (
        f"select {CHANGED}, t.id, {_in_turn(told_by)}, t.version, t.action, {_state(layer, reader)},"
        f" earlier, {_distance(here, 'stood')}, ({layer.labelled_by})::text,"
        f" case when {restricted} then t.id end from {history} t"
        f" left join lateral (select {_state(layer, reader, 'p')} as earlier, {here.replace('t.', 'p.')} as stood"
        f" from {history} p where p.id = t.id and p.version = t.version - 1) before on true"
        f"{where_of(statement)} order by {CHANGED} desc, t.id desc limit {span.limit + 1}"
    )
    found = []
    for at, key, *told, version, action, after, before, moved, title, secret in _fetched(
        session, sql, statement.values
    ):
        changes = _differences(before or {}, after)
        one = Change(
            at,
            version,
            _named(action, changes),
            changes,
            moved_m=moved,
            layer=layer.name,
            id=key,
            title=title,
            key=key,
            **_whose(told),
        )
        found.append((one, secret))
    return found


def _part_changes(session: Session, selection: Selection, part: type[Part], span: Span) -> list[Change]:
    """What was added to features, changed and taken away, less what came with them."""
    layer, reader = selection.layer, selection.reader
    told_by = _who(reader, f"{part.__tablename__}_own")
    history = f"app.{part.__tablename__}_history"
    came_along = f"t.action = 'insert' and {BEGUN} - begun < %(along)s"
    if reader.sees_assumed and not isinstance(reader, Scoped):
        came_along += (
            f" and t.request is not distinct from"
            f" (select f.request from app.{layer.name}_history f where f.id = owner and f.version = 1)"
        )
    sql = (
        f"select {BEGUN}, t.id, {_in_turn(told_by)}, t.action, {_of_fields(part, reader)},"
        f" (select {_of_fields(part, reader, 'p')} from {history} p where p.id = t.id"
        f" and p.since < t.since order by p.since desc limit 1), owner, called"
        f" from {history} t join {_owner(layer)}"
        f" where {span.conditions(told_by, BEGUN)} and not ({came_along})"
        f" order by {BEGUN} desc, t.id desc limit {span.limit + 1}"
    )
    return [
        Change(
            at,
            None,
            action,
            _differences(before or {}, after),
            part=part.__tablename__,
            layer=layer.name,
            id=feature,
            title=title,
            key=key,
            **_whose(told),
        )
        for at, key, *told, action, after, before, feature, title in _fetched(
            session, sql, {**span.values, "along": ALONG_WITH}
        )
    ]


def _owner(layer: Layer) -> str:
    """The feature of the layer that a row ``t`` belongs to: its id, what it is called and when it was made."""
    return (
        f"lateral (select f.id as owner, ({layer.labelled_by})::text as called, f.created_at as begun"
        f" from app.{layer.name} f where f.id = t.feature_id) owner on true"
    )


def _link_changes(session: Session, selections: Sequence[Selection], span: Span) -> list[Change]:
    """Which links from features of these layers were made and taken away."""
    if not selections:
        return []
    reader = selections[0].reader
    sql = (
        f"select {BEGUN}, t.id, {_in_turn(_who(reader))}, t.action, o.layer, o.id, o.label,"
        f" t.role, t.at, t.border, p.layer, p.id, p.label, 'to' from app.links_history t"
        f" join {joined_place(reader, 't.feature_id', 'o')} left join {joined_place(reader, 't.to_id')}"
        f" where o.layer = any(%(layers)s) and {span.conditions(_who(reader), BEGUN)}"
        f" order by {BEGUN} desc, t.id desc limit {span.limit + 1}"
    )
    layers = [one.layer.name for one in selections]
    return [
        Change(
            row[0],
            None,
            row[6],
            {},
            part=LINKS,
            about=dict(zip(LINKED, row[10:], strict=True)),
            layer=row[7],
            id=row[8],
            title=row[9],
            key=row[1],
            **_whose(row[2:6]),
        )
        for row in _fetched(session, sql, {**span.values, "layers": layers})
    ]
