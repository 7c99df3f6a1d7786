"""Cards read for people: what a row is called, and every value of it in the words of one language.

A card is one layer as ``/api/cards`` describes it, a feature is GeoJSON as the items endpoint gives it.
``static/cards.js`` says the same things in the browser.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from markupsafe import Markup

from gis.text import dates
from maps.marks import layer_mark
from maps.messages import messages_in
from maps.rendering import format_date, format_datetime, localized, mark_svg, quantity

Card = Mapping[str, Any]
Field = Mapping[str, Any]
Feature = Mapping[str, Any]


def fields_of(card: Card) -> dict[str, Field]:
    """The fields of a card by name; a gate's events are told in the words of its kinds of events."""
    fields: dict[str, Field] = {field["name"]: field for field in card["fields"]}
    words = card.get("events") or fields.get("stage", {}).get("codes")
    told = {name: {**fields[name], "codes": words} for name in ("last_event", "next_event") if name in fields}
    return fields | told


def value_text(field: Field, value: Any, language: str) -> str:  # noqa: PLR0911 - one line per kind of value
    """One value as a reader of ``language`` reads it; empty when there is nothing to say."""
    if value is None or value in ("", []):
        return ""
    if isinstance(value, Mapping):
        return procedure_text(value, language) if "of" in value else event_text(field, value, language)
    if isinstance(value, list | tuple):
        return ", ".join(value_text(field, one, language) for one in value)
    if (word := code_of(field, value)) is not None:
        return localized(word["title"], language)
    match field.get("type"):
        case "boolean":
            return messages_in(language)["yes" if value else "no"]
        case "date":
            return format_date(value)
        case "datetime":
            return format_datetime(value)
    if isinstance(value, int | float):
        return quantity(value, field.get("unit"), language)
    return messages_in(language).get(str(value), str(value)) if field.get("name") == "border" else str(value)


def event_text(field: Field, event: Mapping[str, Any], language: str) -> str:
    """A dated event in one line: its word, its date as exactly as known, its document; a plain note by its text."""
    word = code_of(field, event.get("kind"))
    kind = localized(word["title"], language) if word else ""
    if event.get("kind") == "note":
        kind = event.get("note") or kind
    when = format_date(event.get("on"))
    when = {"month": when[3:], "year": when[6:]}.get(str(event.get("precision")), when)
    return " · ".join(part for part in (kind, when, event.get("document") or "") if part)


def procedure_text(procedure: Mapping[str, Any], language: str) -> str:
    """How far the neighbour's procedure has got: steps done of all, and the one that comes next."""
    done, following = f"{procedure['done']}/{procedure['of']}", procedure.get("next")
    if not following:
        return done
    return f"{done} · {messages_in(language)['next_step'].format(word=localized(following['title'], language))}"


def code_of(field: Field | None, value: Any) -> Mapping[str, Any] | None:
    """The word of a code list field for a stored value."""
    words = (field or {}).get("codes") or ()
    return next((word for word in words if word["value"] == value), None)


def is_assumed(feature: Feature) -> bool:
    """Whether the position is assumed, or only that of what the thing is linked to: drawn hollow."""
    source = feature["properties"].get("position_source")
    return source == "assumed" or (source == "none" and feature.get("geometry") is not None)


def mark_of(card: Card, feature: Feature, language: str) -> Markup:
    """The mark of a row by the field that draws its layer, with its word read aloud; hollow where assumed."""
    fields = fields_of(card)
    word = code_of(fields.get(card.get("drawn_by") or ""), feature["properties"].get(card.get("drawn_by")))
    own = layer_mark(card["name"])
    drawn = (word or {}).get("mark") or {"shape": own.shape, "colour": own.colour}
    label = localized(word["title"], language) if word else localized(card["title"], language)
    return mark_svg(drawn["shape"], drawn["colour"], hollow=is_assumed(feature), label=label)


def title_of(layer: str, feature: Feature) -> str:
    """What a row is called."""
    properties = feature["properties"]
    if layer == "gates":
        return " – ".join(part for part in (properties.get("name"), properties.get("counterpart")) if part)
    for name in ("title", "code", "name", "number", "address"):
        if properties.get(name):
            return str(properties[name])
    return str(feature["id"])


def days_since(when: str | date, today: date | None = None) -> int:
    """Whole days from a date to today as counted in Việt Nam."""
    return ((today or dates.today()) - (when if isinstance(when, date) else date.fromisoformat(when[:10]))).days
