"""Labels of features: their titles, marks, and values as text in one language.

A card is the description of a layer as ``/api/layers`` gives it; a feature is GeoJSON as the items endpoint gives it.
``static/core/labels.js`` does the same in the browser.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from markupsafe import Markup

from gis.model import PLACEHOLDER, field_types
from gis.text import dates, format_date, format_number, with_unit
from layers.policy import SYSTEM
from maps.messages import messages_in
from maps.rendering import localized, mark_svg

SEPARATOR = re.compile(r"( · | – )")
"""What separates the parts of a label's template."""

Card = Mapping[str, Any]
Field = Mapping[str, Any]
Feature = Mapping[str, Any]


def fields_of(card: Card) -> dict[str, Field]:
    """The fields of a card by name."""
    return {field["name"]: field for field in card["fields"]}


def value_text(field: Field, value: Any, language: str) -> str:
    """A value as text in ``language``; empty for None, an empty text and an empty list.

    The mapping of a field that the reader's card does not have is empty; then the value is a text. A number in a filter
    is a text, and is shown without its unit.
    """
    if value is None or value in ("", []):
        return ""
    if isinstance(value, Mapping):
        return procedure_text(value, language) if "of" in value else event_text(field, value, language)
    if isinstance(value, list | tuple):
        return ", ".join(value_text(field, item, language) for item in value)
    if (code := code_of(field, value)) is not None:
        return localized(code["title"], language)
    if field.get("name") == "border":
        return messages_in(language).get(str(value), str(value))
    text = field_types.FIELD_TYPES[field.get("type", "text")].in_words(value, language)
    return text if isinstance(value, str) else with_unit(text, field.get("unit"))


def event_text(field: Field, event: Mapping[str, Any], language: str) -> str:
    """An event in one line: its kind, or the text of a note; its date to the known precision; its document."""
    code = code_of(field, event.get("kind"))
    kind = localized(code["title"], language) if code else ""
    if event.get("kind") == "note":
        kind = event.get("note") or kind
    when = format_date(event.get("on"))
    when = {"month": when[3:], "year": when[6:]}.get(str(event.get("precision")), when)
    return " · ".join(part for part in (kind, when, event.get("document") or "") if part)


def procedure_text(procedure: Mapping[str, Any], language: str) -> str:
    """The progress of a procedure with the neighbouring country, such as “2/9”, and the name of the next step."""
    done, next_step = f"{procedure['done']}/{procedure['of']}", procedure.get("next")
    if not next_step:
        return done
    return f"{done} · {localized(next_step['title'], language)}"


def code_of(field: Field | None, value: Any) -> Mapping[str, Any] | None:
    """The entry of the field's code list with this value; None if there is none."""
    codes = (field or {}).get("codes") or ()
    return next((code for code in codes if code["value"] == value), None)


def is_assumed(feature: Feature) -> bool:
    """Whether the position is assumed, or taken from linked features; such marks are drawn hollow."""
    source = feature["properties"].get("position_source")
    return source == "assumed" or (source == "none" and feature.get("geometry") is not None)


def mark_of(card: Card, feature: Feature, language: str) -> Markup:
    """The mark of the code by which the layer is styled, else that of the layer; hollow if the position is assumed."""
    fields = fields_of(card)
    code = code_of(fields.get(card.get("drawn_by") or ""), feature["properties"].get(card.get("drawn_by")))
    mark = (code or {}).get("mark") or card["display"]["mark"]
    label = localized(code["title"], language) if code else localized(card["title"], language)
    return mark_svg(mark["shape"], mark["colour"], hollow=is_assumed(feature), label=label)


def title_of(card: Card, feature: Feature, language: str) -> str:
    """The label of a feature by the template of its layer's card; the title of the layer if it has no value for it."""
    text = template_text(localized(card["display"]["label"], language), card, feature, language)
    return text or localized(card["title"], language)


def template_text(template: str, card: Card, feature: Feature, language: str) -> str:
    """A template of the card with the values of a feature.

    ``{section|address}`` is the first of the fields with a value. A part between separators that has fields, but no
    value for any of them, is left out together with its separator. ``core/labels.js`` does the same.
    """
    fields, properties = fields_of(card), feature["properties"]

    def value(match: re.Match[str]) -> str:
        texts = (value_text(fields.get(name, {}), properties.get(name), language) for name in match[1].split("|"))
        return next(filter(None, texts), "")

    text, separator = "", ""
    for index, piece in enumerate(SEPARATOR.split(template)):
        if index % 2:
            separator = piece
            continue
        filled = PLACEHOLDER.sub(value, piece)
        if filled == PLACEHOLDER.sub("", piece) and filled != piece:
            continue
        text += (separator if text else "") + filled
    return text.strip()


def noun_of(card: Card, number: int, language: str) -> str:
    """What that number of features of a layer is called; Vietnamese nouns have no plural."""
    plural = language == "en" and number != 1
    return localized(card["title"], language).lower() if plural else localized(card["display"]["singular"], language)


def count_text(card: Card, number: int, language: str) -> str:
    """A number of features of a layer: “5 công trình”."""
    what = noun_of(card, number, language)
    return messages_in(language)["count_features"].format(n=format_number(number, language), what=what)


def actor_text(actor: str | None, language: str) -> str:
    """An actor as pages show it: the title of the system, else the name of the person or token; empty if unknown."""
    return localized(SYSTEM.role.title, language) if actor == SYSTEM.name else actor or ""


def days_since(when: str | date, today: date | None = None) -> int:
    """Whole days from a date (or an ISO 8601 text) to ``today``, by default today in Vietnam time."""
    return ((today or dates.today()) - (when if isinstance(when, date) else date.fromisoformat(when[:10]))).days
