"""The page of what has changed between two moments: day by day, who did what to which thing, and why.

``changes_page`` takes the changes as ``/api/changes`` gives them and the cards of their layers. What became of a value
is said in words: a code by its word, a place by how far it was moved. ``static/record.js`` says the same of one thing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from gis.text.dates import today
from maps.labels import Card, fields_of, value_text
from maps.messages import words_in
from maps.rendering import Person, day, link, moment, number, render, said

Change = Mapping[str, Any]

LONGEST = 160
"""Characters of a value that a line shows; the whole of it stands in the record."""

ALIKE = 4
"""So many of the same deeds by the same person one after another are shown; the others are counted."""

UNTOLD = {"original", "ordinal", "precision", "retired_at", "source"}
PLACE = {"geometry", "original", "address", "chainage_m", "accuracy_m", "position_source"}
"""What changes with a place, and is told as one thing."""

KILOMETRE = 1000


@dataclass(frozen=True)
class Line:
    """One change as it is read: when, of what, what became of it, who did it and why."""

    at: str
    kind: str
    title: str
    href: str
    then: str
    what: str
    changes: list[tuple[str, str, str]]
    who: str
    why: str
    device: str
    request: str
    alike: int = 0


@dataclass
class Day:
    """The changes of one day."""

    day: str
    lines: list[Line] = field(default_factory=list)


def changes_page(
    language: str,
    *,
    cards: Mapping[str, Card],
    changes: Sequence[Change],
    numbers: Mapping[str, int],
    since: datetime,
    until: datetime,
    mine: str | None,
    may_follow: bool,
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
                f"{said(cards[name]['title'], language)}: {number(value, language)}",
                link("/changes", {**query, "layer": name}),
            )
            for name, value in numbers.items()
        ],
        layers=[(name, said(card["title"], language)) for name, card in cards.items()],
        people=sorted({str(one["actor"]) for one in changes if one.get("actor")}),
        since=since,
        until=until,
        mine=mine,
        own=link("/changes", {**query, "by": mine or ""}),
        spans=list(_spans(query, language)),
        may_follow=may_follow,
        more=more,
    )


def _spans(query: Mapping[str, str], language: str) -> Iterator[tuple[str, str]]:
    """Today, the last week, the last month: each from the first moment of its first day."""
    kept = {name: value for name, value in query.items() if name in ("layer", "by")}
    for days in (0, 7, 30):
        words = words_in(language)
        text = words["changes_days"].format(n=days) if days else words["changes_today"]
        yield text, link("/changes", {**kept, "since": day(today() - timedelta(days=days))})


def _days(changes: Sequence[Change], cards: Mapping[str, Card], language: str) -> Iterator[Day]:
    for when, same_day in groupby(changes, key=lambda one: day(one["at"])):
        shown = Day(when)
        for _, alike in groupby(same_day, key=_deed):
            run = list(alike)
            few = run if len(run) <= ALIKE + 1 else run[:ALIKE]
            shown.lines += [_line(one, cards[one["layer"]], language) for one in few[:-1]]
            shown.lines.append(_line(few[-1], cards[few[-1]["layer"]], language, alike=len(run) - len(few)))
        yield shown


def _deed(one: Change) -> tuple[Any, ...]:
    """What makes two changes the same deed done to different things, such as loading a list."""
    told = "" if one["action"] == "insert" else str(one["changes"])
    return one["layer"], one["part"], one["action"], one["actor"], one["reason"], told


def _line(one: Change, card: Card, language: str, alike: int = 0) -> Line:
    words = words_in(language)
    href = {"select": f"{one['layer']}/{one['id']}"}
    device = one.get("device_at")
    return Line(
        at=moment(one["at"])[-5:],
        kind=said(card["title"], language),
        title=one["title"] or "–",
        href=link("/", href),
        then=link("/", {**href, "as_of": str(one["at"])}),
        what=_what(one, card, language),
        changes=list(_changes(one, card, language)),
        who=one.get("actor") or "",
        why=one.get("reason") or "",
        device=words["device_time"].format(moment=moment(device)) if _differs(device, one["at"]) else "",
        request=words["request_id"].format(id=one["request"]) if one.get("request") else "",
        alike=alike,
    )


def _differs(device: str | None, at: Any) -> bool:
    """Whether the device's clock said something else than ours, by more than the minute that is shown."""
    return bool(device) and moment(device) != moment(at)


def _what(one: Change, card: Card, language: str) -> str:
    """What was done, in a word or two; empty where the changed values say it."""
    words = words_in(language)
    if one["part"] == "links":
        about = one["about"]
        role = words.get(f"role_{about['role']}", about["role"])
        what = f"{about['title'] or about['at'] or '–'} ({role[:1].lower()}{role[1:]})"
        return words["linked_to" if one["action"] == "insert" else "unlinked"].format(what=what)
    if one["part"]:
        part = next((part for part in card.get("parts", ()) if part["name"] == one["part"]), None)
        done = {"insert": "part_added", "delete": "part_removed"}.get(one["action"], "part_changed")
        return words[done].format(what=said(part["title"], language) if part else one["part"])
    return {"insert": words["created"], "retire": words["retired"]}.get(one["action"], "")


def _changes(one: Change, card: Card, language: str) -> Iterator[tuple[str, str, str]]:
    """Each changed value: its label, what it was, what it is. Of what is new only what somebody gave it."""
    if one["action"] in ("insert", "delete") and not one["part"]:
        return
    fields = fields_of(card)
    if one["part"]:
        part = next((part for part in card.get("parts", ()) if part["name"] == one["part"]), {"fields": ()})
        fields = {given["name"]: given for given in part["fields"]}
    words = words_in(language)
    if moved := place_text(one, language):
        yield words["position"], "", moved
    for name, values in one["changes"].items():
        placed = name in PLACE and not one["part"] and "geometry" in one["changes"]
        if name not in fields or name in UNTOLD or placed:
            continue
        before, after = (_short(value_text(fields[name], values[at], language)) for at in ("old", "new"))
        if before or after:
            yield said(fields[name]["title"], language), before, after or "–"


def place_text(one: Change, language: str) -> str:
    """What became of a place: set, taken away, moved so far, or drawn anew."""
    words = words_in(language)
    values = None if one["part"] else one["changes"].get("geometry")
    if values is None:
        return ""
    if values["old"] is None or values["new"] is None:
        return words["was_placed" if values["old"] is None else "was_unplaced"]
    metres = one.get("moved_m")
    if metres is None:
        return words["was_reshaped"]
    far = metres >= KILOMETRE
    n = number(round(metres / KILOMETRE, 1) if far else round(metres), language)
    return words["was_moved"].format(d=words["kilometres" if far else "metres"].format(n=n))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()}…"
