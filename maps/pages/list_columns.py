"""The columns of a list: their headers with the order, the choice of columns, and the totals of number fields."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from maps.labels import Card, Field, fields_of, value_text
from maps.messages import messages_in
from maps.pages.list_state import ListState, filter_kind, is_sortable
from maps.rendering import localized, url_with_query


@dataclass(frozen=True)
class Column:
    """A column header: the URL that sorts by it, if the database can, and the current order."""

    name: str
    title: str
    href: str
    sorted: str
    is_number: bool = False
    total: str = ""


@dataclass(frozen=True)
class ColumnChoice:
    """A field in the choice of columns."""

    name: str
    title: str
    chosen: bool
    fixed: bool


def columns_of(state: ListState, totals: Mapping[str, float], path: str, language: str) -> list[Column]:
    """The headers of the columns. A click sorts ascending, then descending, then in the layer's own order."""
    fields = fields_of(state.card)
    return [
        Column(
            name,
            column_title(fields[name], language),
            _sort_href(state, name, path) if is_sortable(fields[name]) else "",
            {name: "ascending", f"-{name}": "descending"}.get(state.sort, ""),
            filter_kind(fields[name]) == "numbers",
            value_text(fields[name], _rounded(totals[name]), language) if name in totals else "",
        )
        for name in state.column_names
    ]


def _sort_href(state: ListState, name: str, path: str) -> str:
    next_sort = {name: f"-{name}", f"-{name}": ""}.get(state.sort, name)
    return url_with_query(path, replace(state, sort=next_sort, page=1).parameters())


def _rounded(total: float) -> float:
    """A total without the noise of binary fractions, and without a fraction of zero."""
    rounded = round(total, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def column_title(field: Field, language: str) -> str:
    """The title of a field; the marker address has the same one on all pages."""
    return messages_in(language)["address"] if field["name"] == "address" else localized(field["title"], language)


def column_choices(state: ListState, language: str) -> list[ColumnChoice]:
    """All fields that a column can show: those of the list in its order, then the others as on the card."""
    fields, chosen = fields_of(state.card), state.column_names
    names = [*chosen, *(name for name in fields if name not in chosen)]
    return [
        ColumnChoice(name, column_title(fields[name], language), name in chosen, name == chosen[0]) for name in names
    ]


def total_fields(card: Card, state: ListState) -> list[str]:
    """The fields of the columns that are summed up."""
    return [name for name in state.column_names if name in card["display"]["totals"]]
