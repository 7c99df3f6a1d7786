"""The steering committee's board: six figures, overdue and waiting works and tasks, and gates compared with the plan.

Each figure links to a list. The route selects the rows for the figures as the lists do, so that the numbers agree.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from markupsafe import Markup

from gis.model import AMBER, BLUE, GREEN, GREY, RED, catalog
from gis.text import VIETNAM_TIME, format_date, format_number
from maps.labels import Card, Feature, days_since, fields_of, mark_of, title_of, value_text
from maps.map_page import DEFAULT_VIEW
from maps.messages import messages_in
from maps.rendering import Person, localized, mark_svg, render, url_with_query

MAX_ROWS = 7
"""Rows of each table of the board; a link leads to the list with the others."""

CONDITIONS_IN_NEED = ("at_risk", "damaged", "severely_damaged", "destroyed", "moved", "missing")
"""The conditions of markers that need action."""

OUTSTANDING_URGENCIES = ("overdue", "waiting")
"""The urgencies of works and tasks that the board shows."""

# The categories of gates from the lowest up (Decree 112/2014/NĐ-CP, Article 4), to compare today's with the plan.
_CATEGORY_ORDER = ("local", "main", "international")
_SEVERE_LEVELS = ("high", "critical")


@dataclass(frozen=True)
class Figure:
    """A figure and the URL of its list. ``tone`` is its CSS class: an urgency, or ``plain``."""

    value: str
    label: str
    detail: str
    href: str
    tone: str


@dataclass(frozen=True)
class OutstandingRow:
    """A row of an overdue or waiting work or task."""

    mark: Markup
    title: str
    href: str
    unit: str
    due: str
    blocked: str


@dataclass(frozen=True)
class GateRow:
    """A row of a gate: its category today, and the one planned for 2030."""

    mark: Markup
    title: str
    href: str
    now: str
    planned: str
    last_event: str
    next_event: str


def board_page(
    language: str,
    *,
    cards: Mapping[str, Card],
    works: Sequence[Feature],
    tasks: Sequence[Feature],
    incidents: Mapping[str, int],
    gates: Sequence[Feature],
    markers_in_need: int,
    since: datetime | None = None,
    changed: Mapping[str, int] | None = None,
    recalled_count: int = 0,
    office: str = "",
    as_of: datetime | None = None,
    home: tuple[float, float, float] = DEFAULT_VIEW,
    query: Mapping[str, str] | None = None,
    person: Person | None = None,
) -> str:
    """The page ``/board``.

    ``works`` and ``tasks`` are those with an urgency of ``OUTSTANDING_URGENCIES``; ``incidents`` counts the open ones
    by severity, and ``markers_in_need`` the markers with a condition of ``CONDITIONS_IN_NEED``. ``changed`` has the
    number of changed features of each layer ``since`` the last meeting. ``recalled_count`` is the number of features
    recalled from recipients, 0 for readers who do not manage releases.
    """
    visible, overflow = _fit_rows(_outstanding(works, tasks))
    planned = [gate for gate in gates if gate["properties"].get("planned_2030")]
    today = (as_of or datetime.now(UTC)).astimezone(VIETNAM_TIME).date()
    return render(
        "pages/board.html",
        language,
        path="/board",
        query=query or {},
        office=office,
        person=person,
        as_of=as_of,
        home=home,
        figures=_figures(
            language,
            works=works,
            tasks=tasks,
            incidents=incidents,
            planned=planned,
            markers_in_need=markers_in_need,
            today=today,
        ),
        outstanding=[_outstanding_row(cards[layer], layer, feature, language, today) for layer, feature in visible],
        outstanding_links=_overflow_links(overflow, language),
        gates=[_gate_row(cards["gates"], gate, language) for gate in [*planned, *_unplanned(gates)][:MAX_ROWS]],
        gates_links=_more_link("gates", len(gates) - MAX_ROWS, "/gates", language),
        since=since,
        changes_text=_changes_text(cards, changed or {}, language),
        recalled_count=recalled_count,
        changes_url=url_with_query("/changes", {"since": (query or {}).get("since", "")}),
        legend=[(mark_svg(shape, colour), label) for shape, colour, label in _legend(cards, language)],
    )


def _outstanding(works: Sequence[Feature], tasks: Sequence[Feature]) -> list[tuple[str, Feature]]:
    """The overdue rows, then the waiting ones, each with the longest first, as pairs of layer and feature."""
    rows = [("works", row) for row in works] + [("tasks", row) for row in tasks]

    def rank(entry: tuple[str, Feature]) -> tuple[int, str]:
        properties = entry[1]["properties"]
        overdue = properties["urgency"] == "overdue"
        since = properties.get("due_on") if overdue else properties.get("waiting_since")
        return (0 if overdue else 1, str(since or "9999"))

    return sorted((row for row in rows if row[1]["properties"].get("urgency") in OUTSTANDING_URGENCIES), key=rank)


def _fit_rows(
    outstanding: Sequence[tuple[str, Feature]],
) -> tuple[list[tuple[str, Feature]], list[tuple[str, Feature]]]:
    """Split into the ``MAX_ROWS`` rows that the board shows, and the rest.

    Overdue rows get two thirds and waiting rows one third, and each of them what the other does not use, so that many
    overdue rows cannot push out all waiting ones.
    """
    overdue = [row for row in outstanding if row[1]["properties"]["urgency"] == "overdue"]
    waiting = [row for row in outstanding if row[1]["properties"]["urgency"] == "waiting"]
    waiting_count = min(len(waiting), max(MAX_ROWS // 3, MAX_ROWS - len(overdue)))
    overdue_count = MAX_ROWS - waiting_count
    return (
        overdue[:overdue_count] + waiting[:waiting_count],
        overdue[overdue_count:] + waiting[waiting_count:],
    )


def _overflow_links(outstanding: Sequence[tuple[str, Feature]], language: str) -> list[tuple[str, str]]:
    """For each layer, the text and the URL of the link to the rows that the board does not show."""
    counts = Counter(layer for layer, _ in outstanding)
    return [
        link
        for layer in ("works", "tasks")
        for link in _more_link(layer, counts[layer], f"/{layer}?urgency={','.join(OUTSTANDING_URGENCIES)}", language)
    ]


def _more_link(layer: str, count: int, href: str, language: str) -> list[tuple[str, str]]:
    """The link to ``count`` further rows of a list; empty if there are none."""
    messages = messages_in(language)
    what = localized(catalog[layer].title, language).lower()
    counted = messages["count_features"].format(n=format_number(count, language), what=what)
    return [(messages["and_more"].format(what=counted), href)] if count > 0 else []


def _changes_text(cards: Mapping[str, Card], counts: Mapping[str, int], language: str) -> str:
    """The number of changed features of each layer, as one line."""
    texts = [
        f"{localized(card['title'], language)} {format_number(counts[name], language)}"
        for name, card in cards.items()
        if name in counts
    ]
    return " · ".join(texts) or messages_in(language)["fig_none"]


def _figures(
    language: str,
    *,
    works: Sequence[Feature],
    tasks: Sequence[Feature],
    incidents: Mapping[str, int],
    planned: Sequence[Feature],
    markers_in_need: int,
    today: date,
) -> list[Figure]:
    messages = messages_in(language)
    overdue, waiting = _with_urgency(works, "overdue"), _with_urgency(works, "waiting")
    outstanding_tasks = [*_with_urgency(tasks, "overdue"), *_with_urgency(tasks, "waiting")]
    since = [row["properties"]["waiting_since"] for row in waiting if row["properties"].get("waiting_since")]
    longest = (
        messages["fig_longest"].format(n=format_number(max(days_since(day, today) for day in since), language))
        if since
        else ""
    )
    severe = sum(incidents.get(level, 0) for level in _SEVERE_LEVELS)
    below_plan = [gate for gate in planned if not has_reached(gate)]
    none, reached = messages["fig_none"], f"{len(planned) - len(below_plan)} / {len(planned)}"
    figures = [
        ("fig_overdue", format_number(len(overdue), language), _names(overdue), "/works?urgency=overdue", "overdue"),
        ("fig_waiting", format_number(len(waiting), language), longest, "/works?urgency=waiting", "waiting"),
        (
            "fig_tasks",
            format_number(len(outstanding_tasks), language),
            _names(outstanding_tasks, "lead_unit"),
            f"/tasks?urgency={','.join(OUTSTANDING_URGENCIES)}",
            "waiting",
        ),
        (
            "fig_incidents",
            format_number(sum(incidents.values()), language),
            messages["fig_severe"].format(n=format_number(severe, language)) if incidents else none,
            "/incidents?open=true",
            "overdue" if severe else "planned",
        ),
        (
            "fig_gates",
            reached,
            _names(below_plan, "name") or messages["fig_open_list"],
            f"/gates?planned_2030={','.join(reversed(_CATEGORY_ORDER))}",
            "on_time",
        ),
        (
            "fig_markers",
            format_number(markers_in_need, language),
            messages["fig_open_list"] if markers_in_need else none,
            f"/markers?condition={','.join(CONDITIONS_IN_NEED)}",
            "plain",
        ),
    ]
    return [Figure(value, messages[label], detail or none, href, tone) for label, value, detail, href, tone in figures]


def has_reached(gate: Feature) -> bool:
    """Whether a gate's category today is at least the one planned for 2030."""
    now, planned = gate["properties"].get("category"), gate["properties"].get("planned_2030")
    return planned in _CATEGORY_ORDER and _rank(now) >= _rank(planned)


def _rank(category: str | None) -> int:
    """The position of a category in ``_CATEGORY_ORDER``; -1 for none."""
    return _CATEGORY_ORDER.index(category) if category in _CATEGORY_ORDER else -1


def _with_urgency(rows: Sequence[Feature], urgency: str) -> list[Feature]:
    return [row for row in rows if row["properties"].get("urgency") == urgency]


def _names(rows: Sequence[Feature], name: str = "address", limit: int = 4) -> str:
    """The values of one property of the rows that a figure counts, without repeats, at most ``limit`` of them."""
    names = list(dict.fromkeys(str(row["properties"][name]) for row in rows if row["properties"].get(name)))
    return " · ".join(names[:limit]) + (" …" if len(names) > limit else "")


def _outstanding_row(card: Card, layer: str, feature: Feature, language: str, today: date) -> OutstandingRow:
    messages, properties = messages_in(language), feature["properties"]
    if properties["urgency"] == "overdue":
        blocked = messages["overdue_days"].format(n=format_number(days_since(properties["due_on"], today), language))
    else:
        since = properties.get("waiting_since")
        blocked = messages["waits_on"].format(whom=properties.get("waiting_on") or "–")
        blocked += f", {messages['since'].format(day=format_date(since)[3:])}" if since else ""
    return OutstandingRow(
        mark=mark_of(card, feature, language),
        title=title_of(card, feature, language),
        href=f"/?select={layer}/{feature['id']}",
        unit=properties.get("unit") or properties.get("lead_unit") or "",
        due=format_date(properties.get("due_on")) or "–",
        blocked=blocked,
    )


def _unplanned(gates: Sequence[Feature]) -> list[Feature]:
    """The gates without a planned category for 2030, the highest category first."""
    unplanned = [gate for gate in gates if not gate["properties"].get("planned_2030")]
    return sorted(unplanned, key=lambda gate: -_rank(gate["properties"].get("category")))


def _gate_row(card: Card, gate: Feature, language: str) -> GateRow:
    messages, properties = messages_in(language), gate["properties"]
    fields = fields_of(card)

    def text(name: str) -> str:
        return value_text(fields.get(name, {}), properties.get(name), language) or "–"

    if not properties.get("planned_2030"):
        mark = mark_svg("circle", GREY, label=messages["not_planned"])
    elif has_reached(gate):
        mark = mark_svg("circle", GREEN, label=messages["reached"])
    elif properties.get("stage") not in (None, "in_plan", "operating"):
        mark = mark_svg("triangle", AMBER, label=messages["under_way"])
    else:
        mark = mark_svg("diamond", BLUE, label=messages["not_begun"])
    return GateRow(
        mark=mark,
        title=title_of(card, gate, language),
        href=f"/?select=gates/{gate['id']}",
        now=text("category"),
        planned=text("planned_2030"),
        last_event=text("last_event"),
        next_event=text("next_event"),
    )


def _legend(cards: Mapping[str, Card], language: str) -> list[tuple[str, str, str]]:
    """Shape, colour and title of each urgency that has a mark, from the card of works."""
    field = next((field for field in cards["works"]["fields"] if field["name"] == "urgency"), None)
    codes = (field or {}).get("codes") or ()
    return [
        (code["mark"]["shape"], code["mark"]["colour"], value_text(field or {}, code["value"], language))
        for code in codes
        if code.get("mark")
    ] or [("square", RED, messages_in(language)["fig_overdue"])]
