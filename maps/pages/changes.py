"""The change log page: the changes between two times by day, each with its feature, actor, values and reason.

``changes_page`` takes the changes as ``/api/changes`` gives them, and the cards of their layers. Codes are shown by
their titles, and a change of position by its distance. The timeline of one feature is shown by a script of the map.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from gis.text import format_date, format_datetime, format_number, today
from maps.labels import Card, actor_text, fields_of, value_text
from maps.messages import messages_in
from maps.rendering import Person, localized, render, url_with_query

Change = Mapping[str, Any]

MAX_VALUE_LENGTH = 160
"""Characters of a value in a row; longer values are shortened. The record shows them completely."""

MAX_REPEATED = 4
"""Rows shown of consecutive changes with the same ``_repeat_key``; of further ones only the number is shown."""

HIDDEN_FIELDS = {"original", "ordinal", "precision", "retired_at", "source"}
POSITION_FIELDS = {"geometry", "original", "address", "chainage_m", "accuracy_m", "position_source"}
"""Fields that change together with a position, and are shown as one change."""

KILOMETRE = 1000


@dataclass(frozen=True)
class ChangeRow:
    """A change as texts and URLs. ``repeated`` is the number of similar changes after it that are not shown."""

    at: str
    kind: str
    title: str
    href: str
    as_of_href: str
    action: str
    changes: list[tuple[str, str, str]]
    actor: str
    reason: str
    device_time: str
    request: str
    repeated: int = 0


@dataclass
class Day:
    """The changes of one day."""

    date: str
    rows: list[ChangeRow] = field(default_factory=list)


def changes_page(
    language: str,
    *,
    cards: Mapping[str, Card],
    changes: Sequence[Change],
    counts: Mapping[str, int],
    since: datetime,
    until: datetime,
    actor_name: str | None,
    may_filter_by_actor: bool,
    more: str | None = None,
    office: str = "",
    as_of: datetime | None = None,
    query: Mapping[str, str] | None = None,
    person: Person | None = None,
) -> str:
    """The page ``/changes``.

    ``counts`` has the number of changed features of each layer; ``actor_name`` is the reader's own name, and
    ``may_filter_by_actor`` says whether the changes of others may be filtered by name. ``more`` is the URL of the next
    page, of older changes.
    """
    query = {name: value for name, value in (query or {}).items() if name != "as_of"}
    return render(
        "pages/changes.html",
        language,
        path="/changes",
        query=query,
        office=office,
        person=person,
        as_of=as_of,
        days=list(_days(changes, cards, language)),
        counts=[
            (
                f"{localized(cards[name]['title'], language)}: {format_number(value, language)}",
                url_with_query("/changes", {**query, "layer": name}),
            )
            for name, value in counts.items()
        ],
        layers=[(name, localized(card["title"], language)) for name, card in cards.items()],
        people=sorted({str(change["actor"]) for change in changes if change.get("actor")}),
        since=since,
        until=until,
        actor_name=actor_name,
        own_changes_url=url_with_query("/changes", {**query, "by": actor_name or ""}),
        spans=list(_spans(query, language)),
        may_filter_by_actor=may_filter_by_actor,
        more=more,
    )


def _spans(query: Mapping[str, str], language: str) -> Iterator[tuple[str, str]]:
    """Text and URL of today, the last 7 and the last 30 days, each from the start of its first day."""
    filters = {name: value for name, value in query.items() if name in ("layer", "by")}
    for days in (0, 7, 30):
        messages = messages_in(language)
        text = messages["changes_days"].format(n=days) if days else messages["changes_today"]
        yield text, url_with_query("/changes", {**filters, "since": format_date(today() - timedelta(days=days))})


def _days(changes: Sequence[Change], cards: Mapping[str, Card], language: str) -> Iterator[Day]:
    """The rows by day, with at most ``MAX_REPEATED`` rows of similar consecutive changes."""
    for date, changes_of_day in groupby(changes, key=lambda change: format_date(change["at"])):
        day = Day(date)
        for _, similar in groupby(changes_of_day, key=_repeat_key):
            run = list(similar)
            visible = run if len(run) <= MAX_REPEATED + 1 else run[:MAX_REPEATED]
            day.rows += [_change_row(change, cards[change["layer"]], language) for change in visible[:-1]]
            last = visible[-1]
            day.rows.append(_change_row(last, cards[last["layer"]], language, repeated=len(run) - len(visible)))
        yield day


def _repeat_key(change: Change) -> tuple[Any, ...]:
    """A key that is equal for changes that differ only in their feature, and for inserts also in their values."""
    values = "" if change["action"] == "insert" else str(change["changes"])
    return change["layer"], change["part"], change["action"], change["actor"], change["reason"], values


def _change_row(change: Change, card: Card, language: str, repeated: int = 0) -> ChangeRow:
    messages = messages_in(language)
    href = {"select": f"{change['layer']}/{change['id']}"}
    device = change.get("device_at")
    return ChangeRow(
        at=format_datetime(change["at"])[-5:],
        kind=localized(card["title"], language),
        title=change["title"] or "–",
        href=url_with_query("/", href),
        as_of_href=url_with_query("/", {**href, "as_of": str(change["at"])}),
        action=_action_text(change, card, language),
        changes=list(_changed_values(change, card, language)),
        actor=actor_text(change.get("actor"), language),
        reason=change.get("reason") or "",
        device_time=messages["device_time"].format(moment=format_datetime(device))
        if _clock_differs(device, change["at"])
        else "",
        request=messages["request_id"].format(id=change["request"]) if change.get("request") else "",
        repeated=repeated,
    )


def _clock_differs(device_at: str | None, at: Any) -> bool:
    """Whether the time of the device differs from the server's in the minutes that are shown."""
    return bool(device_at) and format_datetime(device_at) != format_datetime(at)


def _action_text(change: Change, card: Card, language: str) -> str:
    """The action in a few words; empty for updates, whose changed values are shown."""
    messages = messages_in(language)
    if change["part"] == "links":
        about = change["about"]
        role = messages.get(f"role_{about['role']}", about["role"])
        what = f"{about['title'] or about['at'] or '–'} ({role[:1].lower()}{role[1:]})"
        return messages["linked_to" if change["action"] == "insert" else "unlinked"].format(what=what)
    if change["part"]:
        part = next((part for part in card.get("parts", ()) if part["name"] == change["part"]), None)
        key = {"insert": "part_added", "delete": "part_removed"}.get(change["action"], "part_changed")
        return messages[key].format(what=localized(part["title"], language) if part else change["part"])
    texts = {"insert": messages["created"], "retire": messages["retired"], "restore": messages["restored"]}
    return texts.get(change["action"], "")


def _changed_values(change: Change, card: Card, language: str) -> Iterator[tuple[str, str, str]]:
    """Label, old and new text of each changed value; nothing if the feature itself was created or deleted."""
    if change["action"] in ("insert", "delete") and not change["part"]:
        return
    fields = fields_of(card)
    if change["part"]:
        part = next((part for part in card.get("parts", ()) if part["name"] == change["part"]), {"fields": ()})
        fields = {field["name"]: field for field in part["fields"]}
    if moved := position_text(change, language):
        yield messages_in(language)["position"], "", moved
    for name, values in change["changes"].items():
        of_position = name in POSITION_FIELDS and not change["part"] and "geometry" in change["changes"]
        if name not in fields or name in HIDDEN_FIELDS or of_position:
            continue
        before, after = (_shorten(value_text(fields[name], values[at], language)) for at in ("old", "new"))
        if before or after:
            yield localized(fields[name]["title"], language), before, after or "–"


def position_text(change: Change, language: str) -> str:
    """The change of a position: entered, removed, moved by a distance, or the shape edited; empty if unchanged."""
    messages = messages_in(language)
    values = None if change["part"] else change["changes"].get("geometry")
    if values is None:
        return ""
    if values["old"] is None or values["new"] is None:
        return messages["position_entered" if values["old"] is None else "position_removed"]
    metres = change.get("moved_m")
    if metres is None:
        return messages["shape_edited"]
    in_km = metres >= KILOMETRE
    n = format_number(round(metres / KILOMETRE, 1) if in_km else round(metres), language)
    return messages["position_moved"].format(d=messages["kilometres" if in_km else "metres"].format(n=n))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH].rstrip()}…"
