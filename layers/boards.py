"""The steering committee's board as data: its figures, its tables and its map. ``maps/pages/board.py`` draws them.

A figure counts the features of a layer that match a filter, and links to the list with that filter, so that the
numbers agree. A table lists features of one or several layers. Which codes need action, wait or stand out, their flags
say.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gis.model import CodeList, Flag, Layer, Mark, all_layers
from gis.text import Text, format_date, format_number
from layers.gate_codes import Category, PlanProgress, category_rank, plan_progress
from layers.gates import Gate
from layers.incidents import Incident, Severity
from layers.markers import Condition, Marker
from layers.tasks import Task
from layers.urgency import Urgency
from layers.works import Work

Where = Mapping[str, Sequence[str]]
"""A filter by the values of properties, as in the URL of a list."""

Properties = Mapping[str, Any]

MAX_NAMES: Final = 4
"""Names that the detail of a figure lists."""


class Features(Protocol):
    """The features of a layer as the reader may read them at the moment of the board."""

    def count(self, where: Where) -> int:
        """The number of those that match a filter."""

    def count_by(self, name: str, where: Where) -> Mapping[str, int]:
        """The number of those that match a filter, for each value of a property; "" stands for none."""

    def rows(self, where: Where) -> Sequence[Properties]:
        """The properties of those that match a filter, in the order of the list."""


Detail = Callable[[Features, Where, dt.date], Text | None]
"""What a figure says below its number, if anything, from its features, its filter and the date."""


@dataclass(frozen=True)
class Counted:
    """A figure that has been counted; of a comparison ``part`` is the number that stands before the slash."""

    total: int
    part: int | None = None
    detail: Text | None = None
    tone: str = ""


@dataclass(frozen=True)
class Figure:
    """The number of features of a layer that match ``where``.

    ``tone`` is its colour: that of an urgency, or ``plain``. ``alarm`` narrows the filter to features that turn it to
    that of overdue.
    """

    layer: Layer
    label: Text
    where: Where
    tone: str
    detail: Detail | None = None
    alarm: Where | None = None

    def counted(self, features: Features, today: dt.date) -> Counted:
        """Count the features."""
        total = features.count(self.where)
        alarming = self.alarm is not None and total > 0 and features.count({**self.where, **self.alarm}) > 0
        detail = self.detail(features, self.where, today) if self.detail else None
        return Counted(total, detail=detail, tone="overdue" if alarming else self.tone)


@dataclass(frozen=True)
class Comparison(Figure):
    """How many of the features that match ``where`` have reached something; the detail names the others."""

    reached: Callable[[Properties], bool] = bool
    name: str = "name"

    def counted(self, features: Features, _today: dt.date) -> Counted:
        rows = features.rows(self.where)
        below = [str(row[self.name]) for row in rows if not self.reached(row)]
        return Counted(len(rows), len(rows) - len(below), _listed(below), self.tone)


def names(field: str) -> Detail:
    """The values of a field of the features that a figure counts, the most frequent first."""

    def detail(features: Features, where: Where, _today: dt.date) -> Text | None:
        counts = features.count_by(field, where)
        return _listed(sorted(filter(None, counts), key=lambda value: -counts[value]))

    return detail


def longest_since(field: str) -> Detail:
    """The longest time since a date of the features that a figure counts."""

    def detail(features: Features, where: Where, today: dt.date) -> Text | None:
        dates = [dt.date.fromisoformat(value) for value in features.count_by(field, where) if value]
        return (
            _with_numbers(Text("lâu nhất {n} ngày", "longest {n} days"), n=(today - min(dates)).days) if dates else None
        )

    return detail


def number_with(text: Text, narrower: Where) -> Detail:
    """The number of the features that a figure counts and that match another filter too, as ``{n}`` in a text."""

    def detail(features: Features, where: Where, _today: dt.date) -> Text | None:
        number = features.count({**where, **narrower})
        return _with_numbers(text, n=number) if number else None

    return detail


def number_of_all(text: Text, where: Where) -> Detail:
    """How many features of the whole layer match a filter, as ``{n}`` in a text; ``{all}`` is the number of all."""

    def detail(features: Features, _where: Where, _today: dt.date) -> Text | None:
        number = features.count(where)
        return _with_numbers(text, n=number, all=features.count({})) if number else None

    return detail


def _listed(values: Iterable[str]) -> Text | None:
    """The first of some names, without repeats."""
    distinct = list(dict.fromkeys(values))
    text = " · ".join(distinct[:MAX_NAMES]) + (" …" if len(distinct) > MAX_NAMES else "")
    return Text(text, text) if text else None


def _with_numbers(text: Text, **numbers: int) -> Text:
    vi, en = ({name: format_number(number, language) for name, number in numbers.items()} for language in ("vi", "en"))
    return Text(text.vi.format(**vi), text.en.format(**en))


@dataclass(frozen=True)
class Column:
    """A column of a table: the first of its fields that has a value, or a text from the properties and the date."""

    title: Text
    fields: tuple[str, ...] = ()
    text: Callable[[Properties, dt.date], Text] | None = None


@dataclass(frozen=True)
class Table:
    """A table of features of some layers; ``name`` is the area of the page that it has.

    ``rank`` is the sort key of a row. Its first part is 0 or 1: ``reserved`` rows are for those with 1, so that many
    with 0 cannot push them all out. ``code_of`` gives the code whose mark a row has, instead of that of the map.
    """

    name: str
    title: Text
    empty: Text
    layers: tuple[Layer, ...]
    where: Where
    heading: Text
    columns: tuple[Column, ...]
    rank: Callable[[Properties], tuple[Any, ...]]
    reserved: int = 0
    code_of: Callable[[Properties], CodeList] | None = None


@dataclass(frozen=True)
class Overlay:
    """A layer that the board's map draws, with its filter."""

    layer: Layer
    where: Where


OUTSTANDING: Final = Urgency.flagged(Flag.NEEDS_ACTION)
WAITING: Final = Urgency.flagged(Flag.WAITING)
OVERDUE: Final = Urgency.flagged(Flag.NEEDS_ACTION, without=Flag.WAITING)

URGENT_LAYERS: Final = tuple(
    layer for layer in all_layers() if any(field.codes is Urgency for field in layer.fields.values())
)
"""The layers that have an urgency; a new one joins the table of what is outstanding by itself."""


def _obstacle(row: Properties, today: dt.date) -> Text:
    """How long it is overdue, or whom it waits on since when."""
    if row["urgency"] in WAITING:
        whom, since = row.get("waiting_on") or "–", format_date(row.get("waiting_since"))[3:]
        return Text(
            f"chờ {whom}" + (f", từ {since}" if since else ""),
            f"waits on {whom}" + (f", since {since}" if since else ""),
        )
    overdue = Text("quá hạn {n} ngày", "{n} days overdue")
    return _with_numbers(overdue, n=(today - dt.date.fromisoformat(row["due_on"])).days)


def _longest_first(row: Properties) -> tuple[int, str]:
    waits = row["urgency"] in WAITING
    return int(waits), str(row.get("waiting_since" if waits else "due_on") or "9999")


def _planned_first(gate: Properties) -> tuple[int, int]:
    """The gates in the plan in the order of the list, then the others, those of the highest category first."""
    return (0, 0) if gate.get("planned_2030") else (1, -category_rank(gate.get("category")))


FIGURES: Final = (
    Figure(
        Work.layer,
        Text("công trình quá hạn", "works overdue"),
        {"urgency": OVERDUE},
        "overdue",
        names("address"),
    ),
    Figure(
        Work.layer,
        Text("công trình chờ ý kiến cấp trên", "works waiting on a higher level"),
        {"urgency": WAITING},
        "waiting",
        longest_since("waiting_since"),
    ),
    Figure(
        Task.layer,
        Text("nhiệm vụ quá hạn hoặc đang chờ", "tasks overdue or waiting"),
        {"urgency": OUTSTANDING},
        "waiting",
        names("lead_unit"),
    ),
    Figure(
        Incident.layer,
        Text("sự vụ đang xử lý", "incidents being handled"),
        {"open": ("true",)},
        "planned",
        number_with(
            Text("{n} sự vụ nghiêm trọng, đặc biệt nghiêm trọng", "{n} high or critical"),
            {"severity": Severity.flagged(Flag.STANDS_OUT)},
        ),
        alarm={"severity": Severity.flagged(Flag.STANDS_OUT)},
    ),
    Comparison(
        Gate.layer,
        Text("cửa khẩu đã đạt loại hình theo quy hoạch đến năm 2030", "gates at the category planned for 2030"),
        {"planned_2030": tuple(category.value for category in Category)},
        "on_time",
        reached=lambda gate: plan_progress(gate) is PlanProgress.REACHED,
    ),
    Figure(
        Marker.layer,
        Text("mốc hư hỏng hoặc có nguy cơ", "markers damaged or at risk"),
        {"condition": Condition.flagged(Flag.NEEDS_ACTION)},
        "plain",
        number_of_all(
            Text("chưa kiểm tra {n} / {all}", "{n} of {all} not inspected"),
            {"condition": Condition.flagged(Flag.QUIET)},
        ),
    ),
)

TABLES: Final = (
    Table(
        "owed",
        Text("Quá hạn và vướng mắc", "Overdue and blocked"),
        Text("Không có nhiệm vụ, công trình quá hạn hoặc đang chờ.", "No tasks or works are overdue or waiting."),
        URGENT_LAYERS,
        {"urgency": OUTSTANDING},
        Text("Nội dung", "Matter"),
        (
            Column(Text("Đơn vị", "Unit"), ("unit", "lead_unit")),
            Column(Text("Thời hạn", "Due"), ("due_on",)),
            Column(Text("Vướng mắc", "Obstacle"), text=_obstacle),
        ),
        _longest_first,
        reserved=2,
    ),
    Table(
        "plan",
        Text("Cửa khẩu: hiện trạng và quy hoạch (QĐ 1199, 1200/QĐ-TTg)", "Gates: today and plan (1199, 1200/QĐ-TTg)"),
        Text("Chưa nhập cửa khẩu nào.", "No gates entered yet."),
        (Gate.layer,),
        {},
        Text("Cửa khẩu", "Gate"),
        (
            Column(Text("Hiện trạng", "Today"), ("category",)),
            Column(Text("Đến năm 2030", "By 2030"), ("planned_2030",)),
            Column(Text("Sự kiện gần nhất", "Last event"), ("last_event",)),
            Column(Text("Bước tiếp theo", "Next step"), ("next_event",)),
        ),
        _planned_first,
        code_of=plan_progress,
    ),
)

OVERLAYS: Final = (Overlay(Work.layer, {}), Overlay(Gate.layer, {}), Overlay(Incident.layer, {"open": ("true",)}))

LEGEND: Final[tuple[tuple[Mark, Text], ...]] = tuple((code.mark, code.title) for code in Urgency if code.mark)
