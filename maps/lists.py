"""The list pages: one table over any layer's card, in the layer's own choice of columns.

``list_page`` takes the card as ``/api/cards`` gives it and the features as the items endpoint gives
them, already filtered and in natural order. Query keys that are properties of the layer are filters
(applied by the caller), ``sort=<field>`` or ``sort=-<field>`` is applied here to the rows given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from maps.marks import layer_mark
from maps.page import VIETNAM, day, mark, moment, number, render, said
from maps.words import words_in

Card = Mapping[str, Any]
Feature = Mapping[str, Any]

# What each list shows, in this order; the first column leads to the map.
# A layer without a choice of its own shows the first fields of its card.
COLUMNS: dict[str, tuple[str, ...]] = {
    "works": ("title", "urgency", "stage", "address", "unit", "due_on", "waiting_on", "progress"),
    "tasks": ("title", "urgency", "state", "lead_unit", "person", "due_on", "waiting_on", "missing_clears"),
    "gates": ("name", "counterpart", "category", "planned_2030", "planned_2050", "stage", "last_event", "next_event"),
    "incidents": ("code", "category", "severity", "handling", "occurred_at", "address", "unit"),
}
FILTERS: dict[str, tuple[str, ...]] = {
    "works": ("urgency", "stage", "kind"),
    "tasks": ("urgency", "state"),
    "gates": ("border", "category", "stage"),
    "incidents": ("handling", "severity", "category"),
}
_DATED = {"works": "due_on", "tasks": "due_on", "incidents": "occurred_at"}
_WIDEST = 7  # columns of a layer that has no choice of its own
_YEARS_BACK = 6


@dataclass(frozen=True)
class Cell:
    """One value as it is read: its text, the mark of its word, and whether it says that something is late."""

    label: str
    text: str
    mark: Markup | None = None
    late: bool = False
    is_number: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a list; ``mark`` is given only where no column carries it beside its word."""

    id: str
    title: str
    href: str
    mark: Markup | None
    cells: list[Cell]
    unplaced: bool


@dataclass(frozen=True)
class Column:
    """One header: where a click on it leads and how the list stands sorted by it ("", "ascending", "descending")."""

    title: str
    href: str
    sorted: str


def list_page(
    card: Card,
    features: Sequence[Feature],
    language: str,
    *,
    office: str = "",
    as_of: datetime | None = None,
    query: Mapping[str, str] | None = None,
    more: str | None = None,
    total: int | None = None,
) -> str:
    """The page of one layer. ``more`` is the address of the rows after these, ``total`` how many there are in all."""
    query = {key: value for key, value in (query or {}).items() if value}
    layer = card["name"]
    fields = fields_of(card)
    names = [name for name in COLUMNS.get(layer, tuple(fields)[:_WIDEST]) if name in fields or name == "address"]
    rows = in_order(features, fields, query.get("sort", ""))
    filters = {name: value for name, value in query.items() if name in {*fields, "datetime"}}
    return render(
        "list.html",
        language,
        path=f"/{layer}",
        query=query,
        office=office,
        as_of=as_of,
        layer=layer,
        title=words_in(language).get(layer) or said(card["title"], language),
        columns=[_column(name, fields, layer, query, language) for name in names],
        rows=[_row(card, feature, names, fields, language) for feature in rows],
        selects=_selects(layer, fields, query, language),
        filters=filters,
        filter_text=_filter_text(filters, fields, language),
        export=_link(f"/api/export/{layer}", filters),
        partner_export=_link(f"/api/export/{layer}", {**filters, "reader": "partner"}),
        on_map=_link("/", {"tab": layer, "layers": f"markers,gates,crossings,{layer}", **_shown_by_map(filters)}),
        more=more,
        total=len(features) if total is None else total,
    )


def fields_of(card: Card) -> dict[str, Mapping[str, Any]]:
    """The fields of a card by name; a gate's events are told in the words of the stages they lead to."""
    fields: dict[str, Mapping[str, Any]] = {field["name"]: field for field in card["fields"]}
    words = fields.get("stage", {}).get("codes")
    told = {name: {**fields[name], "codes": words} for name in ("last_event", "next_event") if name in fields}
    return fields | told


def value_text(field: Mapping[str, Any], value: Any, language: str) -> str:  # noqa: PLR0911 - one line per kind of value
    """One value as a reader of ``language`` reads it; empty when there is nothing to say."""
    if value is None or value in ("", []):
        return ""
    if isinstance(value, Mapping):
        return event_text(field, value, language)
    if isinstance(value, list | tuple):
        return ", ".join(value_text(field, one, language) for one in value)
    if (word := word_of(field, value)) is not None:
        return said(word["title"], language)
    match field.get("type"):
        case "boolean":
            return words_in(language)["yes" if value else "no"]
        case "date":
            return day(value)
        case "datetime":
            return moment(value)
    if isinstance(value, int | float):
        return number(value) + (f" {field['unit']}" if field.get("unit") else "")
    return words_in(language).get(str(value), str(value)) if field.get("name") == "border" else str(value)


def event_text(field: Mapping[str, Any], event: Mapping[str, Any], language: str) -> str:
    """A dated event in one line: its word where the card has one, its date as exactly as known, its document."""
    word = word_of(field, event.get("kind"))
    # A plain note is told by its date and paper alone.
    kind = said(word["title"], language) if word else ""
    if event.get("kind") == "restored":
        kind = words_in(language)["event_restored"]
    when = day(event.get("on"))
    when = {"month": when[3:], "year": when[6:]}.get(str(event.get("precision")), when)
    return " · ".join(part for part in (kind, when, event.get("document") or "") if part)


def word_of(field: Mapping[str, Any] | None, value: Any) -> Mapping[str, Any] | None:
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
    word = word_of(fields.get(card.get("drawn_by") or ""), feature["properties"].get(card.get("drawn_by")))
    own = layer_mark(card["name"])
    drawn = (word or {}).get("mark") or {"shape": own.shape, "colour": own.colour}
    label = said(word["title"], language) if word else said(card["title"], language)
    return mark(drawn["shape"], drawn["colour"], hollow=is_assumed(feature), label=label)


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
    today = today or datetime.now(UTC).astimezone(VIETNAM).date()
    return (today - (when if isinstance(when, date) else date.fromisoformat(when[:10]))).days


def in_order(features: Sequence[Feature], fields: Mapping[str, Any], sort: str) -> list[Feature]:
    """The rows by one field, words in the order of their list; rows that say nothing come last either way."""
    name = sort.lstrip("-")
    if name not in fields and name != "address":
        return list(features)
    ranks = {word["value"]: rank for rank, word in enumerate((fields.get(name) or {}).get("codes") or ())}

    def key(feature: Feature) -> Any:
        value = feature["properties"][name]
        if value in ranks:
            return ranks[value]
        return value if isinstance(value, int | float) else str(value).casefold()

    known = [feature for feature in features if feature["properties"].get(name) not in (None, "", [])]
    silent = [feature for feature in features if feature["properties"].get(name) in (None, "", [])]
    return sorted(known, key=key, reverse=sort.startswith("-")) + silent


def _row(card: Card, feature: Feature, names: Sequence[str], fields: Mapping[str, Any], language: str) -> Row:
    layer = card["name"]
    return Row(
        id=str(feature["id"]),
        title=title_of(layer, feature),
        href=_link("/", {"tab": layer, "layers": f"markers,gates,crossings,{layer}", "select": str(feature["id"])}),
        mark=None if card.get("drawn_by") in names else mark_of(card, feature, language),
        cells=[_cell(name, card, fields, feature, language) for name in names[1:]],
        unplaced=feature.get("geometry") is None and bool(card.get("geometry")),
    )


def _cell(name: str, card: Card, fields: Mapping[str, Any], feature: Feature, language: str) -> Cell:
    words, properties = words_in(language), feature["properties"]
    if name == "address":
        about = "≈ " if properties.get("position_source") == "assumed" else ""
        return Cell(words["address"], about + properties["address"] if properties.get("address") else "")
    field = fields[name]
    text = value_text(field, properties.get(name), language)
    word = word_of(field, properties.get(name))
    late = name == "due_on" and properties.get("urgency") == "overdue"
    if late and text:
        text = f"{text} · {words['overdue_days'].format(n=number(days_since(properties['due_on'])))}"
    if name == "waiting_on" and text and properties.get("waiting_since"):
        text = f"{text} · {words['waiting_since'].format(day=day(properties['waiting_since'])[3:])}"
    drawn = None
    if word and word.get("mark"):
        # The mark that draws the layer is hollow for an assumed position, as on the map.
        hollow = name == card.get("drawn_by") and is_assumed(feature)
        drawn = mark(word["mark"]["shape"], word["mark"]["colour"], hollow=hollow)
    return Cell(said(field["title"], language), text, drawn, late, isinstance(properties.get(name), int | float))


def _column(name: str, fields: Mapping[str, Any], layer: str, query: Mapping[str, str], language: str) -> Column:
    title = words_in(language)["address"] if name == "address" else said(fields[name]["title"], language)
    sort = query.get("sort", "")
    direction = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    onward = {"ascending": f"-{name}", "descending": ""}.get(direction, name)
    kept = {key: value for key, value in query.items() if key != "sort"} | ({"sort": onward} if onward else {})
    return Column(title, _link(f"/{layer}", kept), direction)


def _selects(
    layer: str, fields: Mapping[str, Any], query: Mapping[str, str], language: str
) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
    """The filters of a list: name, label and options (value, text, chosen)."""
    selects = []
    for name in FILTERS.get(layer, ("border",)):
        if words := (fields.get(name) or {}).get("codes"):
            asked = query.get(name)
            options = [(word["value"], said(word["title"], language), asked == word["value"]) for word in words]
            selects.append((name, said(fields[name]["title"], language), options))
    if _DATED.get(layer) in fields:
        this_year = datetime.now(UTC).astimezone(VIETNAM).year
        spans = [(year, f"{year}-01-01/{year}-12-31") for year in range(this_year + 1, this_year - _YEARS_BACK, -1)]
        options = [(span, str(year), query.get("datetime") == span) for year, span in spans]
        selects.append(("datetime", words_in(language)["year"], options))
    return selects


def _filter_text(filters: Mapping[str, str], fields: Mapping[str, Any], language: str) -> str:
    """The filters in words, for the head of a printed list."""
    said_filters = []
    for name, value in filters.items():
        if name == "datetime":
            said_filters.append(f"{words_in(language)['year']} {value[:4]}")
        else:
            texts = [value_text(fields[name], one, language) for one in value.split(",")]
            said_filters.append(f"{said(fields[name]['title'], language)}: {', '.join(texts)}")
    return " · ".join(said_filters)


def _shown_by_map(filters: Mapping[str, str]) -> dict[str, str]:
    """The filters as the map page names them."""
    year = {"year": filters["datetime"][:4]} if "datetime" in filters else {}
    return {name: value for name, value in filters.items() if name != "datetime"} | year


def _link(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query, safe=',/')}" if query else path
