"""The list pages: a table of the features of one layer, with filters and sorting.

``list_page`` takes the card as ``/api/cards`` gives it, and the features as the items endpoint gives them. Query
parameters named like properties are filters, ``q`` holds keywords, and ``sort=<field>`` or ``sort=-<field>`` sorts the
list. The caller has applied all of them, except sorting by fields that the database cannot sort (events, procedures,
lists), which ``list_page`` applies to the rows of the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from markupsafe import Markup

from gis.model import field_types
from gis.text import dates, format_date, format_number
from maps.downloads import downloads
from maps.labels import (
    Card,
    Feature,
    Field,
    code_of,
    count_text,
    days_since,
    fields_of,
    is_assumed,
    mark_of,
    noun_of,
    title_of,
    value_text,
)
from maps.messages import messages_in
from maps.rendering import as_of_query, localized, mark_svg, render, url_with_query

_YEARS_BACK = 6


@dataclass(frozen=True)
class Cell:
    """A value as text, with the mark of its code if it has one. ``late`` marks the due date of an overdue row."""

    label: str
    text: str
    mark: Markup | None = None
    late: bool = False
    is_number: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a list. ``mark`` is None if a cell has it; ``unplaced`` means that the feature has no position."""

    id: str
    title: str
    href: str
    mark: Markup | None
    cells: list[Cell]
    unplaced: bool


@dataclass(frozen=True)
class Column:
    """A column header: the URL that sorts by it, and the current order (``""``, ``ascending`` or ``descending``)."""

    title: str
    href: str
    sorted: str


def list_page(
    card: Card,
    features: Sequence[Feature],
    language: str,
    *,
    as_of: datetime | None = None,
    query: Mapping[str, str] | None = None,
    more: str | None = None,
    total: int | None = None,
    **context: Any,
) -> str:
    """The list of one layer. ``more`` is the URL of the next page, ``total`` the number of all rows."""
    query = {key: value for key, value in (query or {}).items() if value}
    layer = card["name"]
    fields = fields_of(card)
    names = card["display"]["columns"]
    rows = sort_rows(features, fields, query.get("sort", ""))
    filters = {name: value for name, value in query.items() if name in {*fields, "datetime", "q"}}
    as_of_filter = as_of_query(query)
    today = as_of.astimezone(dates.VIETNAM_TIME).date() if as_of else None
    return render(
        "pages/list.html",
        language,
        path=f"/{layer}",
        query=query,
        as_of=as_of,
        layer=layer,
        count=count_text(card, len(features) if total is None else total, language),
        empty=messages_in(language)["empty_match"].format(what=noun_of(card, 0, language)),
        creatable=bool(card.get("creatable")),
        title=localized(card["title"], language),
        columns=[_column(name, fields, layer, query, language) for name in names],
        rows=[_row(card, feature, names, fields, language, as_of_filter, today) for feature in rows],
        selects=_filter_controls(card, fields, features, query, language),
        filters=filters,
        filter_text=_filter_text(filters, fields, language),
        export=url_with_query(f"/api/export/{layer}", {**filters, **as_of_filter}),
        partner_export=url_with_query(f"/api/export/{layer}", {**filters, **as_of_filter, "reader": "partner"}),
        downloads=downloads(language, layer, {**filters, **as_of_filter}),
        on_map=url_with_query("/", {**_map_query(layer, filters), **as_of_filter}) if card.get("geometry") else None,
        more=more,
        total=len(features) if total is None else total,
        **context,
    )


def sort_rows(features: Sequence[Feature], fields: Mapping[str, Field], sort: str) -> list[Feature]:
    """Sort the features of a page by a field that the database cannot sort; those without a value come last."""
    name = sort.lstrip("-")
    if name not in fields:
        return list(features)

    def key(feature: Feature) -> Any:
        value = feature["properties"][name]
        if isinstance(value, Mapping):  # An event by its date, a procedure by the number of steps done.
            return str(value.get("on") or value.get("done"))
        return len(value)

    with_value = [feature for feature in features if feature["properties"].get(name) not in (None, "", [])]
    without_value = [feature for feature in features if feature["properties"].get(name) in (None, "", [])]
    if not field_types.FIELD_TYPES[fields[name]["type"]].sortable:
        with_value.sort(key=key, reverse=sort.startswith("-"))
    return with_value + without_value


def _row(  # noqa: PLR0917 - the same for all rows, and the feature
    card: Card,
    feature: Feature,
    names: Sequence[str],
    fields: Mapping[str, Field],
    language: str,
    as_of_query: Mapping[str, str],
    today: date | None,
) -> Row:
    layer = card["name"]
    return Row(
        id=str(feature["id"]),
        title=title_of(card, feature, language),
        href=url_with_query("/", {"select": f"{layer}/{feature['id']}", **as_of_query}),
        mark=None if card.get("drawn_by") in names else mark_of(card, feature, language),
        cells=[_cell(name, card, fields, feature, language, today) for name in names[1:]],
        unplaced=feature.get("geometry") is None and bool(card.get("geometry")),
    )


def _cell(  # noqa: PLR0917 - the same for all cells, and the field
    name: str, card: Card, fields: Mapping[str, Field], feature: Feature, language: str, today: date | None
) -> Cell:
    messages, properties = messages_in(language), feature["properties"]
    if name == "address":
        prefix = "≈\N{NO-BREAK SPACE}" if properties.get("position_source") == "assumed" else ""
        return Cell(messages["address"], prefix + properties["address"] if properties.get("address") else "")
    field = fields[name]
    text = value_text(field, properties.get(name), language)
    code = code_of(field, properties.get(name))
    late = name == "due_on" and properties.get("urgency") == "overdue"
    if late and text:
        days = format_number(days_since(properties["due_on"], today), language)
        text = f"{text} · {messages['overdue_days'].format(n=days)}"
    if name == "waiting_on" and text and properties.get("waiting_since"):
        text = f"{text} · {messages['since'].format(day=format_date(properties['waiting_since'])[3:])}"
    mark = None
    if code and code.get("mark"):
        # The mark that the map shows for the feature is hollow for an assumed position, as on the map.
        hollow = name == card.get("drawn_by") and is_assumed(feature)
        mark = mark_svg(code["mark"]["shape"], code["mark"]["colour"], hollow=hollow)
    return Cell(localized(field["title"], language), text, mark, late, isinstance(properties.get(name), int | float))


def _column(name: str, fields: Mapping[str, Field], layer: str, query: Mapping[str, str], language: str) -> Column:
    title = messages_in(language)["address"] if name == "address" else localized(fields[name]["title"], language)
    sort = query.get("sort", "")
    direction = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    next_sort = {"ascending": f"-{name}", "descending": ""}.get(direction, name)
    next_query = {key: value for key, value in query.items() if key != "sort"}
    next_query |= {"sort": next_sort} if next_sort else {}
    return Column(title, url_with_query(f"/{layer}", next_query), direction)


def _filter_controls(
    card: Card,
    fields: Mapping[str, Field],
    features: Sequence[Feature],
    query: Mapping[str, str],
    language: str,
) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
    """The filters of a list: parameter, label, and options of value, text and whether it is selected."""
    selects = []
    for name in card["display"]["filters"]:
        selected = query.get(name)
        if codes := fields[name].get("codes"):
            choices = [(code["value"], localized(code["title"], language)) for code in codes]
        else:
            values = {row["properties"].get(name) for row in features} | {selected}
            choices = [(value, value) for value in sorted(value for value in values if value)]
        options = [(value, text, selected == value) for value, text in choices]
        selects.append((name, localized(fields[name]["title"], language), options))
    if card["dated"] in fields:
        this_year = dates.today().year
        spans = [(year, f"{year}-01-01/{year}-12-31") for year in range(this_year + 1, this_year - _YEARS_BACK, -1)]
        options = [(span, str(year), query.get("datetime") == span) for year, span in spans]
        selects.append(("datetime", messages_in(language)["year"], options))
    return selects


def _filter_text(filters: Mapping[str, str], fields: Mapping[str, Field], language: str) -> str:
    """The filters as text, for the heading and the printed list."""
    filter_texts = []
    for name, value in filters.items():
        if name == "datetime":
            filter_texts.append(f"{messages_in(language)['year']} {value[:4]}")
        elif name == "q":
            filter_texts.append(f"“{value}”")
        else:
            texts = [value_text(fields[name], _filter_value(fields[name], item), language) for item in value.split(",")]
            filter_texts.append(f"{localized(fields[name]['title'], language)}: {', '.join(texts)}")
    return " · ".join(filter_texts)


def _filter_value(field: Field, text: str) -> Any:
    """The value of a filter as ``value_text`` takes it. A boolean is parsed, since any text counts as true."""
    return text.lower() == "true" if text and field.get("type") == field_types.BOOLEAN.name else text


def _map_query(layer: str, filters: Mapping[str, str]) -> dict[str, str]:
    """The query of the map page that shows this layer with the same filters, by the map page's parameter names."""
    renamed = {"datetime": "year", "q": "text"}
    parameters = {
        renamed.get(name, name): value[:4] if name == "datetime" else value for name, value in filters.items()
    }
    return {"tab": layer, "layers": f"markers,gates,crossings,{layer}", **parameters}
