"""The filters of a list: their controls with counts, the chips of those that are set, and the same as text."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from gis.model import field_types
from gis.text import format_date, format_number
from maps.labels import Field, code_of, fields_of, value_text
from maps.messages import messages_in
from maps.pages.list_messages import MESSAGES
from maps.pages.list_state import PERIODS, ListState, Parameters, Range, dates_of, filter_kind, takes_commas
from maps.rendering import localized, mark_svg, url_with_query

SEARCHED_FROM = 9
"""The number of values from which on a filter has a box that searches them."""

NO_RANGE = Range()

Counts = Mapping[str, Mapping[str, int]]
"""The values of each field with their numbers of features, as ``gis.read.facets`` counts them."""


@dataclass(frozen=True)
class Option:
    """A value that a filter offers. ``value`` is that of the parameter, empty for null."""

    value: str
    text: str
    number: int
    chosen: bool
    mark: Markup | None = None


@dataclass(frozen=True)
class Filter:
    """A filter and its control: ``options`` to tick, or a range, for dates with its periods."""

    name: str
    title: str
    kind: str
    unit: str
    options: Sequence[Option] = ()
    span: Range = NO_RANGE
    periods: Sequence[tuple[str, str, bool]] = ()
    joined: bool = False

    @property
    def number_chosen(self) -> int:
        """How many values are chosen; for a range whether it is set."""
        return sum(option.chosen for option in self.options) or int(self.span != NO_RANGE)

    @property
    def is_searched(self) -> bool:
        """Whether the values are so many that a box searches them."""
        return len(self.options) >= SEARCHED_FROM


@dataclass(frozen=True)
class Chip:
    """A condition that is set, as text, and the URL of the list without it."""

    title: str
    text: str
    href: str


def filters_of(state: ListState, counts: Counts, language: str) -> list[Filter]:
    """The filters of the card, then those that are set or that the reader has added."""
    return [_filter(field, state, counts, language) for field in _filtered_fields(state)]


def counted_fields(state: ListState) -> list[str]:
    """The fields whose filters list their values with counts."""
    return [field["name"] for field in _filtered_fields(state) if filter_kind(field) == "values"]


def _filtered_fields(state: ListState) -> list[Field]:
    fields = fields_of(state.card)
    names = dict.fromkeys([*state.card["display"]["filters"], *state.values, *state.ranges, *state.offered])
    return [fields[name] for name in names if filter_kind(fields[name])]


def more_filters(state: ListState, present: Sequence[Filter], path: str, language: str) -> list[tuple[str, str, str]]:
    """Name, title and URL of every further filter that can be added."""
    present_names = {item.name for item in present}
    return [
        (
            name,
            localized(field["title"], language),
            url_with_query(path, replace(state, offered=[*state.offered, name], page=1).parameters()),
        )
        for name, field in fields_of(state.card).items()
        if name not in present_names and filter_kind(field)
    ]


def _filter(field: Field, state: ListState, counts: Counts, language: str) -> Filter:
    name, kind = field["name"], filter_kind(field)
    about = (name, localized(field["title"], language), str(kind), field["unit"] or "")
    if kind == "values":
        return Filter(*about, options=_options(field, state, counts, language), joined=not takes_commas(field))
    span = state.ranges.get(name, NO_RANGE)
    if kind == "numbers":
        return Filter(*about, span=Range("", *(number_text(end, language) for end in (span.first, span.last))))
    periods = [(key, localized(title, language), key == span.period) for key, title in PERIODS.items()]
    return Filter(*about, span=span, periods=periods)


def _options(field: Field, state: ListState, counts: Counts, language: str) -> list[Option]:
    """The values that occur in the layer, codes in the order of their list, and last what has no value."""
    numbers, chosen = counts.get(field["name"], {}), state.values.get(field["name"], ())
    in_order = [code["value"] for code in field["codes"] or () if code["value"] in numbers]
    in_order += [value for value in numbers if value and value not in in_order]
    in_order += [value for value in chosen if value and value not in numbers]
    in_order += [""] if "" in numbers or "" in chosen else []
    return [
        Option(
            value,
            filter_value_text(field, value, language),
            numbers.get(value, 0),
            value in chosen,
            _mark(field, value),
        )
        for value in in_order
    ]


def _mark(field: Field, value: str) -> Markup | None:
    mark = (code_of(field, value) or {}).get("mark")
    return mark_svg(mark["shape"], mark["colour"]) if mark else None


def filter_value_text(field: Field, value: str, language: str) -> str:
    """The value of a filter in words. A boolean is parsed, since any text counts as true."""
    if value == "":
        return localized(MESSAGES["no_value"], language)
    parsed: Any = value.lower() == "true" if field["type"] == field_types.BOOLEAN.name else value
    return value_text(field, parsed, language)


def number_text(number: str, language: str) -> str:
    """A plain number as the page's language writes it; empty for an empty text."""
    return format_number(float(number) if "." in number else int(number), language) if number else ""


def chips_of(state: ListState, path: str, today: dt.date, language: str) -> list[Chip]:
    """A chip for every keyword search, every accepted value, every range and every other condition."""
    fields, messages = fields_of(state.card), messages_in(language)

    def chip(title: str, text: str, name: str, value: str | None = None) -> Chip:
        return Chip(title, text, url_with_query(path, state.without(name, value).parameters()))

    chips = [chip("", f"“{state.q}”", "q")] if state.q else []
    for name, values in state.values.items():
        field = fields[name]
        title = localized(field["title"], language)
        chips += [chip(title, filter_value_text(field, value, language), name, value) for value in values]
    for name, span in state.ranges.items():
        field = fields[name]
        chips.append(chip(localized(field["title"], language), range_text(field, span, today, language), name))
    for name, text in state.conditions.items():
        if name == "datetime" and state.card["dated"] in fields:
            title = localized(fields[state.card["dated"]]["title"], language)
            chips.append(chip(title, " – ".join(map(format_date, text.split("/"))), name))
        elif name != "filter-lang":
            chips.append(chip(messages["filter"] if name == "filter" else name, text, name))
    return chips


def range_text(field: Field, span: Range, today: dt.date, language: str) -> str:
    """A range in words; a period with its dates, since it moves with the day."""
    if filter_kind(field) == "numbers":
        ends = [number_text(end, language) for end in (span.first, span.last)]
    else:
        ends = [format_date(day) for day in dates_of(field, span, today)]
    text = _between(*ends, language=language) + (f" {field['unit']}" if field["unit"] else "")
    return f"{localized(PERIODS[span.period], language)} ({text})" if span.period in PERIODS else text


def _between(first: str, last: str, *, language: str) -> str:
    if first and last:
        return f"{first} – {last}"
    key = "from_value" if first else "to_value"
    return localized(MESSAGES[key], language).format(value=first or last)


def filter_text(chips: Sequence[Chip]) -> str:
    """The conditions as text, for the printed list."""
    by_title: dict[str, list[str]] = {}
    for chip in chips:
        by_title.setdefault(chip.title, []).append(chip.text)
    return " · ".join(
        f"{title}: {', '.join(texts)}" if title else ", ".join(texts) for title, texts in by_title.items()
    )


def map_parameters(state: ListState, today: dt.date) -> Parameters:
    """The query of the map page that shows the layer with the same filters, by the map page's parameter names.

    The map takes one value of a text and no range, so those are a CQL2 ``filter``.
    """
    repeated = {name: values for name, values in state.values.items() if len(values) > 1}
    repeated = {name: values for name, values in repeated.items() if takes_commas(fields_of(state.card)[name])}
    parameters = replace(state, values={key: item for key, item in state.values.items() if key not in repeated})
    query = parameters.api_parameters(today)
    clauses = [str(query.pop("filter"))] if "filter" in query else []
    for name, values in repeated.items():
        quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values if value)
        clauses.append(f"({name} IN ({quoted}){f' OR {name} IS NULL' if '' in values else ''})")
    query |= {"text": query.pop("q")} if "q" in query else {}
    year = re.fullmatch(r"(\d{4})-01-01/\1-12-31", state.conditions.get("datetime", ""))
    query |= {"year": year[1]} if year else {}
    query.pop("datetime", None)
    return {"tab": state.card["name"], **query, **({"filter": " AND ".join(clauses)} if clauses else {})}
