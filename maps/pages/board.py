"""The committee's one screen: six figures that each open a list, what is late and what it waits on, gates against plan.

``board_page`` is given what the lists show or count, so that a figure and the list it opens agree.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from markupsafe import Markup

from gis.model import AMBER, BLUE, GREEN, GREY, RED
from gis.text import VIETNAM_TIME
from maps.labels import Card, Feature, days_since, fields_of, mark_of, title_of, value_text
from maps.map_page import DEFAULT_VIEW
from maps.messages import messages_in
from maps.rendering import Person, format_date, format_number, localized, mark_svg, render, url_with_query

MAX_ROWS = 7
"""How many matters the screen shows; the rest are one step away in the lists."""

CONDITIONS_IN_NEED = ("at_risk", "damaged", "severely_damaged", "destroyed", "moved", "missing")
"""The conditions of a marker that ask for something to be done."""

OUTSTANDING_URGENCIES = ("overdue", "waiting")
"""The urgencies that the screen shows."""

# The legal order of categories (Decree 112/2014/NĐ-CP, Article 4), lowest first, to compare today with the plan.
_CATEGORY_ORDER = ("local", "main", "international")
_SEVERE_LEVELS = ("high", "critical")


@dataclass(frozen=True)
class Figure:
    """One number that opens a list: ``tone`` is an urgency, or ``plain``."""

    value: str
    label: str
    detail: str
    href: str
    tone: str


@dataclass(frozen=True)
class OutstandingRow:
    """One row of what is overdue or waiting."""

    mark: Markup
    title: str
    href: str
    unit: str
    due: str
    blocked: str


@dataclass(frozen=True)
class GateRow:
    """One gate: today's category against the plan for 2030."""

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

    ``works`` and ``tasks`` are those of an urgency that is ``OWED``; ``incidents`` counts the ones still being handled
    by their severity, and ``markers_in_need`` the markers whose condition is one of ``IN_NEED``. ``changed`` says
    how many things of each layer have changed ``since`` the last meeting, ``held_back`` how many a recipient may no
    longer have, for those who share with others.
    """
    shown, left = _fit_rows(_outstanding(works, tasks))
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
        matters=[_outstanding_row(cards[layer], layer, feature, language, today) for layer, feature in shown],
        matters_left=_overflow_links(left, language),
        gates=[_gate_row(cards["gates"], gate, language) for gate in [*planned, *_unplanned(gates)][:MAX_ROWS]],
        gates_left=_more_link("gates", len(gates) - MAX_ROWS, "/gates", language),
        since=since,
        changed=_changes_text(cards, changed or {}, language),
        held_back=recalled_count,
        changes=url_with_query("/changes", {"since": (query or {}).get("since", "")}),
        key=[(mark_svg(shape, colour), word) for shape, colour, word in _legend(cards, language)],
    )


def _outstanding(works: Sequence[Feature], tasks: Sequence[Feature]) -> list[tuple[str, Feature]]:
    """Overdue first, the longest first; then what waits, the longest first."""
    rows = [("works", row) for row in works] + [("tasks", row) for row in tasks]

    def rank(entry: tuple[str, Feature]) -> tuple[int, str]:
        properties = entry[1]["properties"]
        late = properties["urgency"] == "overdue"
        since = properties.get("due_on") if late else properties.get("waiting_since")
        return (0 if late else 1, str(since or "9999"))

    return sorted((row for row in rows if row[1]["properties"].get("urgency") in OUTSTANDING_URGENCIES), key=rank)


def _fit_rows(
    outstanding: Sequence[tuple[str, Feature]],
) -> tuple[list[tuple[str, Feature]], list[tuple[str, Feature]]]:
    """What the screen has rows for, and what is left: two thirds for what is overdue, one for what waits.

    Either takes the room that the other leaves, so that a long arrears never hides what waits on others.
    """
    late = [row for row in outstanding if row[1]["properties"]["urgency"] == "overdue"]
    waiting = [row for row in outstanding if row[1]["properties"]["urgency"] == "waiting"]
    room = min(len(waiting), max(MAX_ROWS // 3, MAX_ROWS - len(late)))
    return late[: MAX_ROWS - room] + waiting[:room], late[MAX_ROWS - room :] + waiting[room:]


def _overflow_links(outstanding: Sequence[tuple[str, Feature]], language: str) -> list[tuple[str, str]]:
    """What did not fit, as a wording and its list for each layer."""
    counts = Counter(layer for layer, _ in outstanding)
    return [
        link
        for layer in ("works", "tasks")
        for link in _more_link(layer, counts[layer], f"/{layer}?urgency={','.join(OUTSTANDING_URGENCIES)}", language)
    ]


def _more_link(layer: str, count: int, href: str, language: str) -> list[tuple[str, str]]:
    """How many rows more there are, with the list that has them; nothing when there are none."""
    words = messages_in(language)
    return (
        [(words["and_more"].format(what=words[f"count_{layer}"].format(n=format_number(count, language))), href)]
        if count > 0
        else []
    )


def _changes_text(cards: Mapping[str, Card], numbers: Mapping[str, int], language: str) -> str:
    """How much has changed, in one line; of the layers that the board shows."""
    shown = [
        f"{localized(card['title'], language)} {format_number(numbers[name], language)}"
        for name, card in cards.items()
        if name in numbers
    ]
    return " · ".join(shown) or messages_in(language)["fig_none"]


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
    words = messages_in(language)
    overdue, waiting = _with_urgency(works, "overdue"), _with_urgency(works, "waiting")
    owed = [*_with_urgency(tasks, "overdue"), *_with_urgency(tasks, "waiting")]
    since = [row["properties"]["waiting_since"] for row in waiting if row["properties"].get("waiting_since")]
    longest = (
        words["fig_longest"].format(n=format_number(max(days_since(one, today) for one in since), language))
        if since
        else ""
    )
    severe = sum(incidents.get(one, 0) for one in _SEVERE_LEVELS)
    short = [gate for gate in planned if not has_reached(gate)]
    none, reached = words["fig_none"], f"{len(planned) - len(short)} / {len(planned)}"
    figures = [
        ("fig_overdue", format_number(len(overdue), language), _names(overdue), "/works?urgency=overdue", "overdue"),
        ("fig_waiting", format_number(len(waiting), language), longest, "/works?urgency=waiting", "waiting"),
        (
            "fig_tasks",
            format_number(len(owed), language),
            _names(owed, "lead_unit"),
            f"/tasks?urgency={','.join(OUTSTANDING_URGENCIES)}",
            "waiting",
        ),
        (
            "fig_incidents",
            format_number(sum(incidents.values()), language),
            words["fig_severe"].format(n=format_number(severe, language)) if incidents else none,
            "/incidents?open=true",
            "overdue" if severe else "planned",
        ),
        (
            "fig_gates",
            reached,
            _names(short, "name") or words["fig_open_list"],
            f"/gates?planned_2030={','.join(reversed(_CATEGORY_ORDER))}",
            "on_time",
        ),
        (
            "fig_markers",
            format_number(markers_in_need, language),
            words["fig_open_list"] if markers_in_need else none,
            f"/markers?condition={','.join(CONDITIONS_IN_NEED)}",
            "plain",
        ),
    ]
    return [Figure(value, words[label], detail or none, href, tone) for label, value, detail, href, tone in figures]


def has_reached(gate: Feature) -> bool:
    """Whether a gate's category today is at least what the plan for 2030 asks."""
    now, planned = gate["properties"].get("category"), gate["properties"].get("planned_2030")
    return planned in _CATEGORY_ORDER and _rank(now) >= _rank(planned)


def _rank(category: str | None) -> int:
    """How high a category stands; -1 while there is none."""
    return _CATEGORY_ORDER.index(category) if category in _CATEGORY_ORDER else -1


def _with_urgency(rows: Sequence[Feature], urgency: str) -> list[Feature]:
    return [row for row in rows if row["properties"].get("urgency") == urgency]


def _names(rows: Sequence[Feature], name: str = "address", limit: int = 4) -> str:
    """The first few of what a figure counts, so that it means something at a glance."""
    names = list(dict.fromkeys(str(row["properties"][name]) for row in rows if row["properties"].get(name)))
    return " · ".join(names[:limit]) + (" …" if len(names) > limit else "")


def _outstanding_row(card: Card, layer: str, feature: Feature, language: str, today: date) -> OutstandingRow:
    words, properties = messages_in(language), feature["properties"]
    if properties["urgency"] == "overdue":
        blocked = words["overdue_days"].format(n=format_number(days_since(properties["due_on"], today), language))
    else:
        since = properties.get("waiting_since")
        blocked = words["waits_on"].format(whom=properties.get("waiting_on") or "–")
        blocked += f", {words['since'].format(day=format_date(since)[3:])}" if since else ""
    return OutstandingRow(
        mark=mark_of(card, feature, language),
        title=title_of(layer, feature),
        href=f"/?select={layer}/{feature['id']}",
        unit=properties.get("unit") or properties.get("lead_unit") or "",
        due=format_date(properties.get("due_on")) or "–",
        blocked=blocked,
    )


def _unplanned(gates: Sequence[Feature]) -> list[Feature]:
    """The gates the plan for 2030 leaves as they are, the highest category first."""
    left = [gate for gate in gates if not gate["properties"].get("planned_2030")]
    return sorted(left, key=lambda gate: -_rank(gate["properties"].get("category")))


def _gate_row(card: Card, gate: Feature, language: str) -> GateRow:
    words, properties = messages_in(language), gate["properties"]
    fields = fields_of(card)

    def text(name: str) -> str:
        return value_text(fields.get(name, {}), properties.get(name), language) or "–"

    if not properties.get("planned_2030"):
        sign = mark_svg("circle", GREY, label=words["not_planned"])
    elif has_reached(gate):
        sign = mark_svg("circle", GREEN, label=words["reached"])
    elif properties.get("stage") not in (None, "in_plan", "operating"):
        sign = mark_svg("triangle", AMBER, label=words["under_way"])
    else:
        sign = mark_svg("diamond", BLUE, label=words["not_begun"])
    return GateRow(
        mark=sign,
        title=title_of("gates", gate),
        href=f"/?select=gates/{gate['id']}",
        now=text("category"),
        planned=text("planned_2030"),
        last_event=text("last_event"),
        next_event=text("next_event"),
    )


def _legend(cards: Mapping[str, Card], language: str) -> list[tuple[str, str, str]]:
    """The urgency words for the foot of the board, as the works' card declares them."""
    field = next((field for field in cards["works"]["fields"] if field["name"] == "urgency"), None)
    words = (field or {}).get("codes") or ()
    return [
        (word["mark"]["shape"], word["mark"]["colour"], value_text(field or {}, word["value"], language))
        for word in words
        if word.get("mark")
    ] or [("square", RED, messages_in(language)["fig_overdue"])]
