"""The steering committee's board: the figures and tables that ``layers/boards.py`` declares, as a page.

The route counts and reads the rows as the lists do, so that the numbers agree with the lists to which they link.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from markupsafe import Markup

from gis.text import VIETNAM_TIME, format_number
from layers.boards import LEGEND, OVERLAYS, Column, Counted, Figure, Table
from maps.labels import Card, Feature, count_text, fields_of, mark_of, title_of, value_text
from maps.map_page import DEFAULT_VIEW
from maps.messages import messages_in
from maps.rendering import localized, mark_svg, render, url_with_query

MAX_ROWS = 6
"""Rows of each table of the board; a link leads to the list with the others."""

NO_TONE = "none"
"""The tone of a figure that counts nothing: a zero is no alarm."""


@dataclass(frozen=True)
class FigureText:
    """A figure as texts, and the URL of its list. ``tone`` is its CSS class."""

    value: str
    label: str
    detail: str
    href: str
    tone: str


@dataclass(frozen=True)
class RowText:
    """A row of a table: its mark, its title with the URL of the record, and the texts of the other columns."""

    mark: Markup
    title: str
    href: str
    cells: list[str]


@dataclass(frozen=True)
class TableText:
    """A table as texts; ``links`` lead to the rows that do not fit."""

    name: str
    title: str
    empty: str
    heading: str
    columns: list[str]
    rows: list[RowText]
    links: list[tuple[str, str]]


LayerFeature = tuple[str, Feature]
"""The name of a layer and one of its features."""


def board_page(
    language: str,
    *,
    cards: Mapping[str, Card],
    figures: Sequence[tuple[Figure, Counted]],
    tables: Sequence[tuple[Table, Sequence[LayerFeature]]],
    since: datetime | None = None,
    changed: Mapping[str, int] | None = None,
    recalled_count: int = 0,
    as_of: datetime | None = None,
    query: Mapping[str, str] | None = None,
    home: tuple[float, float, float] = DEFAULT_VIEW,
    **context: Any,
) -> str:
    """The page ``/board``.

    ``tables`` have the features that match their filter, in the order of the lists. ``changed`` has the number of
    changed features of each layer ``since`` the last meeting. ``recalled_count`` is the number of features recalled
    from recipients, 0 for readers who do not manage releases.
    """
    today = (as_of or datetime.now(UTC)).astimezone(VIETNAM_TIME).date()
    return render(
        "pages/board.html",
        language,
        path="/board",
        query=query or {},
        as_of=as_of,
        home=home,
        overlays=[{"layer": overlay.layer.name, "filter": _joined(overlay.where)} for overlay in OVERLAYS],
        figures=[_figure_text(figure, counted, language) for figure, counted in figures],
        tables=[_table_text(table, features, cards, language, today) for table, features in tables],
        since=since,
        changes_text=_changes_text(cards, changed or {}, language),
        recalled_count=recalled_count,
        changes_url=url_with_query("/changes", {"since": (query or {}).get("since", "")}),
        legend=[(mark_svg(mark.shape, mark.colour), localized(title, language)) for mark, title in LEGEND],
        **context,
    )


def _figure_text(figure: Figure, counted: Counted, language: str) -> FigureText:
    messages = messages_in(language)
    total = format_number(counted.total, language)
    return FigureText(
        value=total if counted.part is None else f"{format_number(counted.part, language)} / {total}",
        label=localized(figure.label, language),
        detail=localized(counted.detail, language) or messages["board_open_list" if counted.total else "board_none"],
        href=_list_url(figure.layer.name, figure.where),
        tone=counted.tone if (counted.total if counted.part is None else counted.part) else NO_TONE,
    )


def _table_text(
    table: Table, features: Sequence[LayerFeature], cards: Mapping[str, Card], language: str, today: date
) -> TableText:
    visible, overflow = _fit_rows(table, sorted(features, key=lambda row: table.rank(row[1]["properties"])))
    counts = Counter(layer for layer, _ in overflow)
    more = messages_in(language)["board_and_more"]
    return TableText(
        name=table.name,
        title=localized(table.title, language),
        empty=localized(table.empty, language),
        heading=localized(table.heading, language),
        columns=[localized(column.title, language) for column in table.columns],
        rows=[_row_text(table, cards[layer], feature, language, today) for layer, feature in visible],
        links=[
            (more.format(what=count_text(cards[layer.name], counts[layer.name], language)),
             _list_url(layer.name, table.where))
            for layer in table.layers
            if counts[layer.name]
        ],
    )  # fmt: skip


def _fit_rows(table: Table, features: Sequence[LayerFeature]) -> tuple[list[LayerFeature], list[LayerFeature]]:
    """Split sorted rows into the ``MAX_ROWS`` that the board shows, and the rest.

    Rows whose rank begins with 1 get those that are reserved for them; either kind gets what the other does not use.
    """
    first = [row for row in features if not table.rank(row[1]["properties"])[0]]
    later = list(features[len(first) :])
    later_count = min(len(later), max(table.reserved, MAX_ROWS - len(first)))
    first_count = MAX_ROWS - later_count
    return first[:first_count] + later[:later_count], first[first_count:] + later[later_count:]


def _row_text(table: Table, card: Card, feature: Feature, language: str, today: date) -> RowText:
    mark = mark_of(card, feature, language)
    if table.code_of:
        code = table.code_of(feature["properties"])
        if code.mark:
            mark = mark_svg(code.mark.shape, code.mark.colour, label=localized(code.title, language))
    return RowText(
        mark=mark,
        title=title_of(card, feature, language),
        href=f"/?select={card['name']}/{feature['id']}",
        cells=[_cell_text(column, card, feature, language, today) or "–" for column in table.columns],
    )


def _cell_text(column: Column, card: Card, feature: Feature, language: str, today: date) -> str:
    properties, fields = feature["properties"], fields_of(card)
    if column.text:
        return localized(column.text(properties, today), language)
    texts = (value_text(fields.get(name, {}), properties.get(name), language) for name in column.fields)
    return next(filter(None, texts), "")


def _changes_text(cards: Mapping[str, Card], counts: Mapping[str, int], language: str) -> str:
    """The number of changed features of each layer, as one line."""
    texts = [
        f"{localized(card['title'], language)} {format_number(counts[name], language)}"
        for name, card in cards.items()
        if name in counts
    ]
    return " · ".join(texts) or messages_in(language)["board_none"]


def _list_url(layer: str, where: Mapping[str, Sequence[str]]) -> str:
    return url_with_query(f"/{layer}", _joined(where))


def _joined(where: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """A filter as query parameters."""
    return {name: ",".join(values) for name, values in where.items()}
