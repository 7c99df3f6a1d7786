"""The page of what has changed between two moments: day by day, who did what to which thing, and why.

``changes_page`` takes the changes as ``/api/changes`` gives them and the cards of their layers. What became of a value
is said in words: a code by its word, a place by how far it was moved. ``static/record.js`` says the same of one thing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from gis.text import today
from maps.labels import Card, fields_of, value_text
from maps.messages import messages_in
from maps.rendering import Person, format_date, format_datetime, format_number, localized, render, url_with_query

Change = Mapping[str, Any]

MAX_VALUE_LENGTH = 160
"""Characters of a value that a line shows; the whole of it stands in the record."""

MAX_REPEATED = 4
"""So many of the same deeds by the same person one after another are shown; the others are counted."""

HIDDEN_FIELDS = {"original", "ordinal", "precision", "retired_at", "source"}
POSITION_FIELDS = {"geometry", "original", "address", "chainage_m", "accuracy_m", "position_source"}
"""What changes with a place, and is told as one thing."""

KILOMETRE = 1000


@dataclass(frozen=True)
class ChangeRow:
    """One change as it is read: when, of what, what became of it, who did it and why."""

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

    day: str
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

    ``numbers`` says how many things of each layer have changed, ``mine`` is the name the reader acts in, ``may_follow``
    whether others' deeds may be asked for; ``more`` is the address of what came before these.
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
        people=sorted({str(one["actor"]) for one in changes if one.get("actor")}),
        since=since,
        until=until,
        mine=actor_name,
        own=url_with_query("/changes", {**query, "by": actor_name or ""}),
        spans=list(_spans(query, language)),
        may_follow=may_filter_by_actor,
        more=more,
    )


def _spans(query: Mapping[str, str], language: str) -> Iterator[tuple[str, str]]:
    """Today, the last week, the last month: each from the first moment of its first day."""
    kept = {name: value for name, value in query.items() if name in ("layer", "by")}
    for days in (0, 7, 30):
        words = messages_in(language)
        text = words["changes_days"].format(n=days) if days else words["changes_today"]
        yield text, url_with_query("/changes", {**kept, "since": format_date(today() - timedelta(days=days))})


def _days(changes: Sequence[Change], cards: Mapping[str, Card], language: str) -> Iterator[Day]:
    for when, same_day in groupby(changes, key=lambda one: format_date(one["at"])):
        shown = Day(when)
        for _, alike in groupby(same_day, key=_repeat_key):
            run = list(alike)
            few = run if len(run) <= MAX_REPEATED + 1 else run[:MAX_REPEATED]
            shown.rows += [_change_row(one, cards[one["layer"]], language) for one in few[:-1]]
            shown.rows.append(_change_row(few[-1], cards[few[-1]["layer"]], language, repeated=len(run) - len(few)))
        yield shown


def _repeat_key(change: Change) -> tuple[Any, ...]:
    """What makes two changes the same deed done to different things, such as loading a list."""
    told = "" if change["action"] == "insert" else str(change["changes"])
    return change["layer"], change["part"], change["action"], change["actor"], change["reason"], told


def _change_row(change: Change, card: Card, language: str, repeated: int = 0) -> ChangeRow:
    words = messages_in(language)
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
        actor=change.get("actor") or "",
        reason=change.get("reason") or "",
        device_time=words["device_time"].format(moment=format_datetime(device))
        if _clock_differs(device, change["at"])
        else "",
        request=words["request_id"].format(id=change["request"]) if change.get("request") else "",
        repeated=repeated,
    )


def _clock_differs(device_at: str | None, at: Any) -> bool:
    """Whether the device's clock said something else than ours, by more than the minute that is shown."""
    return bool(device_at) and format_datetime(device_at) != format_datetime(at)


def _action_text(change: Change, card: Card, language: str) -> str:
    """What was done, in a word or two; empty where the changed values say it."""
    words = messages_in(language)
    if change["part"] == "links":
        about = change["about"]
        role = words.get(f"role_{about['role']}", about["role"])
        what = f"{about['title'] or about['at'] or '–'} ({role[:1].lower()}{role[1:]})"
        return words["linked_to" if change["action"] == "insert" else "unlinked"].format(what=what)
    if change["part"]:
        part = next((part for part in card.get("parts", ()) if part["name"] == change["part"]), None)
        done = {"insert": "part_added", "delete": "part_removed"}.get(change["action"], "part_changed")
        return words[done].format(what=localized(part["title"], language) if part else change["part"])
    return {"insert": words["created"], "retire": words["retired"]}.get(change["action"], "")


def _changed_values(change: Change, card: Card, language: str) -> Iterator[tuple[str, str, str]]:
    """Each changed value: its label, what it was, what it is. Of what is new only what somebody gave it."""
    if change["action"] in ("insert", "delete") and not change["part"]:
        return
    fields = fields_of(card)
    if change["part"]:
        part = next((part for part in card.get("parts", ()) if part["name"] == change["part"]), {"fields": ()})
        fields = {given["name"]: given for given in part["fields"]}
    words = messages_in(language)
    if moved := position_text(change, language):
        yield words["position"], "", moved
    for name, values in change["changes"].items():
        placed = name in POSITION_FIELDS and not change["part"] and "geometry" in change["changes"]
        if name not in fields or name in HIDDEN_FIELDS or placed:
            continue
        before, after = (_shorten(value_text(fields[name], values[at], language)) for at in ("old", "new"))
        if before or after:
            yield localized(fields[name]["title"], language), before, after or "–"


def position_text(change: Change, language: str) -> str:
    """What became of a place: set, taken away, moved so far, or drawn anew."""
    words = messages_in(language)
    values = None if change["part"] else change["changes"].get("geometry")
    if values is None:
        return ""
    if values["old"] is None or values["new"] is None:
        return words["was_placed" if values["old"] is None else "was_unplaced"]
    metres = change.get("moved_m")
    if metres is None:
        return words["was_reshaped"]
    far = metres >= KILOMETRE
    n = format_number(round(metres / KILOMETRE, 1) if far else round(metres), language)
    return words["was_moved"].format(d=words["kilometres" if far else "metres"].format(n=n))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH].rstrip()}…"
