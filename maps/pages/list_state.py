"""The state of a list in its URL: filters, order, columns and page; and the same filters as parameters of the API.

Filters by value are named like their fields and hold lists, as those of the items endpoint. A range is ``due_on.from``
and ``due_on.to``, or ``due_on.in`` with the name of a period that moves with the day (``this_week``). The API takes
ranges as a CQL2 ``filter``, so pages, exports and counts read the same rows.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field as attribute, replace
from typing import Any, Final, Literal

from gis.model import field_types
from gis.text import Malformed, Text, parse_date
from maps.labels import Card, Field, fields_of

Parameters = dict[str, str | list[str]]
"""Query parameters by name; a list is a parameter that is repeated."""

MAX_OFFERED_LENGTH: Final = 300
"""Texts that may be longer are prose: keywords search them, and no filter lists their values."""

API_CONDITIONS: Final = ("datetime", "filter", "filter-lang", "near", "within", "bbox", "id")
"""Conditions of the API without controls on the page, such as those of a link in a report; they are passed on."""

PAGE_PARAMETERS: Final = ("sort", "columns", "page", "with", "print", "q", "as_of")

NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
VIETNAMESE_GROUPS: Final = re.compile(r"-?\d{1,3}(\.\d{3})+")
ENGLISH_GROUPS: Final = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
GROUP_LENGTH: Final = 3
VIETNAMESE_DAY: Final = re.compile(r"\s*(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})\s*")

Kind = Literal["values", "dates", "numbers"]


def filter_kind(field: Field) -> Kind | None:
    """How a filter on a field chooses: among values, by a range of dates or of numbers; None for prose and JSON."""
    if field["codes"] and field["type"] != field_types.JSON.name:
        return "values"
    if field["type"] in (field_types.DATE.name, field_types.DATETIME.name):
        return "dates"
    if field["type"] in (field_types.INTEGER.name, field_types.NUMBER.name):
        return "numbers"
    if field["type"] in (field_types.BOOLEAN.name, field_types.LIST.name):
        return "values"
    is_short = field["type"] == field_types.TEXT.name and (field["max_length"] or 0) <= MAX_OFFERED_LENGTH
    return "values" if is_short else None


@dataclass(frozen=True)
class Range:
    """A range as it was entered: a period by its name, or the first and the last date or number."""

    period: str = ""
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class ListState:
    """What a list shows: the accepted values and the range of each field, keywords, and how the rows are listed.

    ``conditions`` are those of the API without controls. ``offered`` are the fields whose filters are offered beside
    those of the card although they have no value yet.
    """

    card: Card
    values: Mapping[str, Sequence[str]] = attribute(default_factory=dict)
    ranges: Mapping[str, Range] = attribute(default_factory=dict)
    conditions: Mapping[str, str] = attribute(default_factory=dict)
    q: str = ""
    as_of: str = ""
    sort: str = ""
    columns: Sequence[str] = ()
    page: int = 1
    offered: Sequence[str] = ()

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list."""
        return bool(self.values or self.ranges or self.conditions or self.q)

    @property
    def column_names(self) -> list[str]:
        """The fields of the columns: what names a feature, then those of the URL or else those of the card."""
        names, default = fields_of(self.card), self.card["display"]["columns"]
        first = list(default[:1])
        return first + [name for name in self.columns or default if name in names and name not in first]

    def without(self, name: str, value: str | None = None) -> "ListState":
        """The list without a condition; of several values of a field, without the given one only."""
        values = {key: list(items) for key, items in self.values.items() if key != name}
        if value is not None and (rest := [item for item in self.values.get(name, ()) if item != value]):
            values[name] = rest
        return replace(
            self,
            values=values,
            ranges={key: item for key, item in self.ranges.items() if key != name},
            conditions={key: item for key, item in self.conditions.items() if key != name},
            q="" if name == "q" else self.q,
            page=1,
        )

    def unfiltered(self) -> "ListState":
        """The list of all rows, in the same order and with the same columns."""
        return replace(self, values={}, ranges={}, conditions={}, q="", offered=(), page=1)

    def parameters(self) -> Parameters:
        """The query of the page's own URL; defaults are left out."""
        parameters = self._filter_parameters()
        for name, span in self.ranges.items():
            parts = {"in": span.period, "from": span.first, "to": span.last}
            parameters |= {f"{name}.{part}": text for part, text in parts.items() if text}
        parameters |= {"with": ",".join(self.offered)} if self.offered else {}
        parameters |= {"sort": self.sort} if self.sort else {}
        parameters |= {"columns": ",".join(self.columns)} if self.columns else {}
        return parameters | ({"page": str(self.page)} if self.page > 1 else {})

    def api_parameters(self, today: dt.date) -> Parameters:
        """The same filters as parameters of the items endpoint and of exports. Raises ``Malformed``."""
        parameters = self._filter_parameters()
        clauses = [clause for name, span in self.ranges.items() for clause in self._cql2_clauses(name, span, today)]
        if clauses:
            earlier = parameters.get("filter")
            parameters["filter"] = " AND ".join(([f"({earlier})"] if earlier else []) + clauses)
        return parameters

    def _filter_parameters(self) -> Parameters:
        fields = fields_of(self.card)
        parameters: Parameters = {"q": self.q} if self.q else {}
        for name, values in self.values.items():
            parameters[name] = list(values) if takes_commas(fields[name]) else ",".join(values)
        return {**parameters, **self.conditions, **({"as_of": self.as_of} if self.as_of else {})}

    def _cql2_clauses(self, name: str, span: Range, today: dt.date) -> list[str]:
        field = fields_of(self.card)[name]
        if filter_kind(field) == "numbers":
            return [f"{name} >= {span.first}"] * bool(span.first) + [f"{name} <= {span.last}"] * bool(span.last)
        start, end = dates_of(field, span, today)
        clauses = [f"{name} >= DATE('{start}')"] if start else []
        # A date is its first moment, so that the last day of date-times reaches to the next one.
        return clauses + ([f"{name} < DATE('{end + dt.timedelta(days=1)}')"] if end else [])


def parse_state(card: Card, query: Iterable[tuple[str, str]], language: str = "vi") -> ListState:
    """The state in the query parameters of a page; unknown ones are ignored. Raises ``Malformed``."""
    fields = {name: field for name, field in fields_of(card).items() if name not in PAGE_PARAMETERS}
    values: dict[str, list[str]] = {}
    parts: dict[str, dict[str, str]] = {}
    single: dict[str, str] = {}
    columns: list[str] = []
    offered: list[str] = []
    for name, text in query:
        field_name, dot, part = name.partition(".")
        if name in fields:
            values.setdefault(name, []).extend([text] if takes_commas(fields[name]) else text.split(","))
        elif dot and field_name in fields and part in ("in", "from", "to") and text.strip():
            parts.setdefault(field_name, {})[part] = text.strip()
        elif name == "columns":
            columns += [column for column in text.split(",") if column in fields]
        elif name == "with":
            offered += [field for field in text.split(",") if field in fields]
        elif text:
            single[name] = text
    ranges = {
        name: _range_of(fields[name], part, language)
        for name, part in parts.items()
        if filter_kind(fields[name]) in ("dates", "numbers")
    }
    sort = single.get("sort", "")
    page = single.get("page", "")
    return ListState(
        card,
        {name: list(dict.fromkeys(items)) for name, items in values.items()},
        ranges,
        {name: single[name] for name in API_CONDITIONS if name in single},
        single.get("q", ""),
        single.get("as_of", ""),
        sort if is_sortable(fields.get(sort.removeprefix("-"))) else "",
        list(dict.fromkeys(columns)),
        int(page) if re.fullmatch(r"[1-9]\d{0,5}", page) else 1,
        list(dict.fromkeys(offered)),
    )


def takes_commas(field: Field) -> bool:
    """Whether the values of a field may contain commas, so that a parameter holds only one of them."""
    return field_types.FIELD_TYPES[field["type"]].free_text


def is_sortable(field: Field | None) -> bool:
    """Whether the database sorts by a field."""
    return field is not None and field_types.FIELD_TYPES[field["type"]].sortable


def _range_of(field: Field, part: Mapping[str, str], language: str) -> Range:
    """The range in the parameters of a field. Raises ``Malformed`` for a text that is no number."""
    if filter_kind(field) == "dates":
        return Range(part.get("in", ""), part.get("from", ""), part.get("to", ""))
    return Range("", *(_plain_number(field, part.get(end, ""), language) for end in ("from", "to")))


def _plain_number(field: Field, text: str, language: str) -> str:
    """A number as the page's language writes it, with a point and without groups, as CQL2 takes it.

    Three decimals get a fourth, because the point in ``1.125`` would be read as that of a group in Vietnamese. Raises
    ``Malformed``.
    """
    number = text.replace(" ", "")
    if language == "en":
        number = number.replace(",", "") if ENGLISH_GROUPS.fullmatch(number) else number
    elif "," in number or VIETNAMESE_GROUPS.fullmatch(number):
        number = number.replace(".", "").replace(",", ".")
    if number and not NUMBER.fullmatch(number):
        raise malformed(field, "Ghi số như 1.250,5", "Enter a number such as 1,250.5")
    decimals = number.partition(".")[2]
    return f"{number}0" if len(decimals) == GROUP_LENGTH else number


def dates_of(field: Field, span: Range, today: dt.date) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day of a range, None where it is open. Raises ``Malformed``."""
    if span.period:
        if span.period not in PERIODS:
            names = ", ".join(PERIODS)
            raise malformed(field, f"Được phép: {names}", f"Allowed: {names}")
        return period(span.period, today)
    return _day_of(field, span.first), _day_of(field, span.last)


def _day_of(field: Field, text: str) -> dt.date | None:
    """A day written 20/11/2026 or 2026-11-20. Raises ``Malformed``."""
    if not text:
        return None
    try:
        if match := VIETNAMESE_DAY.fullmatch(text):
            day, month, year = map(int, match.groups())
            return dt.date(year, month, day)
        return parse_date(text)
    except ValueError:
        raise malformed(field, "Ghi ngày như 20/11/2026", "Enter a day as 20/11/2026") from None


def malformed(field: Field, vi: str, en: str) -> Malformed:
    """The refusal of what was entered in a filter."""
    return Malformed(Text(f"{field['title']['vi']}: {vi}", f"{field['title']['en']}: {en}"))


PERIODS: Final[Mapping[str, Text]] = {
    "before_today": Text("Trước hôm nay", "Before today"),
    "this_week": Text("Tuần này", "This week"),
    "next_30_days": Text("30 ngày tới", "Next 30 days"),
    "this_month": Text("Tháng này", "This month"),
    "this_quarter": Text("Quý này", "This quarter"),
    "this_year": Text("Năm nay", "This year"),
}
"""The periods that a filter on a date offers, by their names in URLs."""

DECEMBER: Final = 12


def period(name: str, today: dt.date) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day of a period; a week begins on Monday."""
    day = dt.timedelta(days=1)
    quarter = today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1)
    spans: dict[str, tuple[Any, Any]] = {
        "before_today": (None, today - day),
        "this_week": (today - day * today.weekday(), today + day * (6 - today.weekday())),
        "next_30_days": (today, today + day * 30),
        "this_month": (today.replace(day=1), _month_after(today.replace(day=1)) - day),
        "this_quarter": (quarter, _month_after(_month_after(_month_after(quarter))) - day),
        "this_year": (today.replace(month=1, day=1), today.replace(month=DECEMBER, day=31)),
    }
    return spans[name]


def _month_after(first: dt.date) -> dt.date:
    """The first day of the next month."""
    return first.replace(year=first.year + first.month // DECEMBER, month=first.month % DECEMBER + 1)
