"""The list pages: a table of the features of one layer, with filters, order, columns, totals and pages.

``list_page`` takes the card as ``/api/layers`` gives it and the features as the items endpoint gives them; the caller
has read them by the same ``ListState``, which comes from the page's URL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field as attribute, replace
from datetime import date, datetime
from typing import Any

from markupsafe import Markup

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
from maps.pages import list_columns, list_filters
from maps.pages.list_columns import column_title
from maps.pages.list_messages import MESSAGES
from maps.pages.list_state import ListState, Parameters, filter_kind
from maps.rendering import as_of_query, localized, mark_svg, render, url_with_query

PAGES_BESIDE = 2
"""The page numbers that are links on both sides of the current page, beside the first and the last."""

MAX_SELECTED = 1000
"""The rows that can be changed at once (``gis.write.bulk``)."""


@dataclass(frozen=True)
class Contents:
    """What has been read for a list: a page of features, the number of all, totals, and counts for the filters."""

    features: Sequence[Feature]
    total: int
    page_size: int
    counts: list_filters.Counts = attribute(default_factory=dict)
    totals: Mapping[str, float] = attribute(default_factory=dict)

    @property
    def pages(self) -> int:
        """The number of pages."""
        return max(1, -(-self.total // self.page_size))


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
    version: int
    title: str
    href: str
    mark: Markup | None
    cells: list[Cell]
    unplaced: bool


def list_page(
    state: ListState,
    contents: Contents,
    language: str,
    *,
    item: str = "",
    home: tuple[float, float, float] | None = None,
    printed: bool = False,
    as_of: datetime | None = None,
    **context: Any,
) -> str:
    """The list of one layer. ``item`` is the id of the record that is open beside it, or ``new`` for a new one.

    With ``printed`` the page has no controls: ``contents`` are all rows, up to a limit that the page states.
    """
    card, past = state.card, bool(state.as_of)
    layer, path = card["name"], f"/{card['name']}"
    today = (as_of.astimezone(dates.VIETNAM_TIME).date() if as_of and past else None) or dates.today()
    filters = list_filters.filters_of(state, contents.counts, language)
    chips = list_filters.chips_of(state, path, today, language)
    api_parameters = state.api_parameters(today)
    columns = list_columns.columns_of(state, contents.totals, path, language)
    own_page = card["display"]["new_page"]
    query = state.parameters()
    return render(
        "pages/list.html",
        language,
        page_messages=MESSAGES,
        path=path,
        query=query,
        as_of=as_of,
        **context,
        layer=layer,
        item=item,
        printed=printed,
        state=state,
        feature=noun_of(card, 1, language),
        features=noun_of(card, 0, language),
        range_text=_range_text(state, contents, language),
        total=contents.total,
        api_query=url_with_query("", api_parameters).removeprefix("?"),
        most=MAX_SELECTED,
        home=home,
        title=localized(card["title"], language),
        columns=columns,
        has_totals=any(column.total for column in columns),
        choices=list_columns.column_choices(state, language),
        default_columns=url_with_query(path, replace(state, columns=(), page=1).parameters()),
        rows=[_row(state, feature, language, today) for feature in contents.features],
        selectable=not past and not printed and bool(card.get("editable") and (card["creatable"] or card["movable"])),
        filters=filters,
        more_filters=list_filters.more_filters(state, filters, path, language),
        chips=chips,
        filter_text=list_filters.filter_text(chips),
        unfiltered=url_with_query(path, state.unfiltered().parameters()),
        links=_links(state, api_parameters, query, today),
        downloads=_other_downloads(language, layer, api_parameters),
        new_href="" if past or not card.get("creatable") else own_page or url_with_query(f"{path}/new", query),
        pages=_pages(state, contents, path),
    )


def _range_text(state: ListState, contents: Contents, language: str) -> str:
    """Which rows the page has and how many there are, such as “1–200 / 304 công trình”."""
    counted = count_text(state.card, contents.total, language)
    if contents.total <= len(contents.features):
        return counted
    first = (state.page - 1) * contents.page_size + 1
    last = first + len(contents.features) - 1
    if last < first:
        return counted
    return localized(MESSAGES["list_range"], language).format(
        first=format_number(first, language), last=format_number(last, language), total=counted
    )


def _links(state: ListState, api_parameters: Parameters, query: Parameters, today: date) -> dict[str, str]:
    """The URLs of the list on the map (empty without a geometry), as a workbook, and for print."""
    layer, as_of = state.card["name"], as_of_query({"as_of": state.as_of})
    workbook = {**api_parameters, "f": "xlsx", "properties": ",".join(state.column_names)}
    workbook |= {"sortby": state.sort} if state.sort else {}
    on_map = {**list_filters.map_parameters(state, today), **as_of}
    return {
        "on_map": url_with_query("/", on_map) if state.card.get("geometry") else "",
        "workbook": url_with_query(f"/api/export/{layer}", workbook),
        "print": url_with_query(f"/{layer}", {**query, "print": "1"}),
        "list": url_with_query(f"/{layer}", query),
        "first_page": url_with_query(f"/{layer}", replace(state, page=1).parameters()),
    }


def _other_downloads(language: str, layer: str, api_parameters: Parameters) -> list[Any]:
    """The files of the filtered rows in all formats but the workbook, for the office only.

    Nothing leaves for a partner but by a release.
    """
    office = downloads(language, layer, api_parameters)["office"]
    return [file for file in office if file.format != "xlsx"]


def _pages(state: ListState, contents: Contents, path: str) -> list[tuple[int | None, str]]:
    """The numbers of the pages that are links, with their URLs; None stands for those that are left out."""
    beside = range(state.page - PAGES_BESIDE, state.page + PAGES_BESIDE + 1)
    numbers = [n for n in range(1, contents.pages + 1) if n in beside or n in (1, contents.pages)]
    pages: list[tuple[int | None, str]] = []
    for before, number in zip([0, *numbers], numbers, strict=False):
        pages += [(None, "")] if number > before + 1 else []
        pages.append((number, url_with_query(path, replace(state, page=number).parameters())))
    return pages if contents.pages > 1 else []


def _row(state: ListState, feature: Feature, language: str, today: date) -> Row:
    card, names = state.card, state.column_names
    return Row(
        id=str(feature["id"]),
        version=int(feature["properties"].get("version") or 0),
        title=title_of(card, feature, language),
        href=url_with_query(f"/{card['name']}/{feature['id']}", state.parameters()),
        mark=mark_of(card, feature, language) if card["geometry"] and card["drawn_by"] not in names[1:] else None,
        cells=[_cell(name, card, feature, language, today) for name in names[1:]],
        unplaced=feature.get("geometry") is None and bool(card.get("geometry")),
    )


def _cell(name: str, card: Card, feature: Feature, language: str, today: date) -> Cell:
    messages, properties = messages_in(language), feature["properties"]
    field = fields_of(card)[name]
    value, title = properties.get(name), column_title(field, language)
    if name == "address":
        prefix = "≈\N{NO-BREAK SPACE}" if properties.get("position_source") == "assumed" else ""
        return Cell(title, prefix + value if value else "")
    text = value_text(field, value, language)
    if late := _is_late(field, card, properties, today):
        text += f" · {messages['overdue_days'].format(n=format_number(days_since(value, today), language))}"
    since = properties.get(card["display"]["since"].get(name, ""))
    if text and since:
        text += f" · {messages['since'].format(day=format_date(since)[3:])}"
    code = code_of(field, value) if isinstance(value, str) else None
    mark = None
    if code and code.get("mark"):
        # The mark that the map shows for the feature is hollow for an assumed position, as on the map.
        hollow = name == card.get("drawn_by") and is_assumed(feature)
        mark = mark_svg(code["mark"]["shape"], code["mark"]["colour"], hollow=hollow)
    return Cell(title, text, mark, late, filter_kind(field) == "numbers")


def _is_late(field: Field, card: Card, properties: Mapping[str, Any], today: date) -> bool:
    """Whether a value is the date by which the feature was due, and its code still asks for action."""
    if field["name"] != card.get("dated") or field["type"] != "date" or not properties.get(field["name"]):
        return False
    drawn_by = card.get("drawn_by") or ""
    code = code_of(fields_of(card).get(drawn_by), properties.get(drawn_by))
    return "needs_action" in (code or {}).get("flags", ()) and days_since(properties[field["name"]], today) > 0
