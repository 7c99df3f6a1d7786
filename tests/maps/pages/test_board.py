"""The board: its figures count what their lists show, its tables fit, and gates are compared with the plan."""

import datetime as dt
import re
from collections import Counter
from typing import Any

import pytest

from api.rest.layers import layer_card
from gis.model import all_layers
from layers import boards
from layers.gate_codes import PlanProgress, plan_progress
from layers.gates import Gate
from layers.incidents import Incident
from layers.markers import Marker
from layers.policy import OFFICE
from layers.tasks import Task
from layers.works import Work
from maps.pages.board import MAX_ROWS, board_page

CARDS = {layer.name: layer_card(layer, OFFICE) for layer in all_layers()}
TODAY = dt.date(2026, 11, 20)
OWED, PLAN = boards.TABLES


class Rows:
    """Rows in memory as the features of a layer (``boards.Features``)."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.properties = rows

    def rows(self, where: boards.Where) -> list[dict[str, Any]]:
        return [
            row
            for row in self.properties
            if all(str(row.get(name, "")).lower() in values for name, values in where.items())
        ]

    def count(self, where: boards.Where) -> int:
        return len(self.rows(where))

    def count_by(self, name: str, where: boards.Where) -> dict[str, int]:
        return Counter(row.get(name) or "" for row in self.rows(where))


def a_row(name: str, urgency: str, **properties: Any) -> dict[str, Any]:
    return {"title": name, "urgency": urgency, "address": name, **properties}


def a_gate(category: str | None, planned: str | None, stage: str | None = None) -> dict[str, Any]:
    return {"name": "Chàng Riệc", "category": category, "planned_2030": planned, "stage": stage}


def a_board(rows: dict[str, list[dict[str, Any]]] | None = None, **context: Any) -> str:
    """The board of some rows by layer."""
    features = {layer.name: Rows((rows or {}).get(layer.name, [])) for layer in all_layers()}
    return board_page(
        "vi",
        cards=CARDS,
        figures=[(figure, figure.counted(features[figure.layer.name], TODAY)) for figure in boards.FIGURES],
        tables=[
            (
                table,
                [
                    (layer.name, {"id": str(row.get("title")), "geometry": None, "properties": row})
                    for layer in table.layers
                    for row in features[layer.name].rows(table.where)
                ],
            )
            for table in boards.TABLES
        ],
        as_of=dt.datetime(2026, 11, 20, 3, tzinfo=dt.UTC),
        **context,
    )


WORKS, TASKS, GATES, INCIDENTS, MARKERS = (card.layer.name for card in (Work, Task, Gate, Incident, Marker))


def test_longest_overdue_comes_first_then_the_longest_waiting() -> None:
    html = a_board(
        {
            WORKS: [
                a_row("waits", "waiting", waiting_on="Chính phủ", waiting_since="2023-01-01"),
                a_row("late", "overdue", due_on="2024-06-30"),
                a_row("latest", "overdue", due_on="2023-06-30"),
                a_row("fine", "on_time"),
            ],
            TASKS: [a_row("waits-longer", "waiting", waiting_on="Trung ương", waiting_since="2022-01-01")],
        }
    )
    positions = [html.index(f">{name}<") for name in ("latest", "late", "waits-longer", "waits")]
    assert positions == sorted(positions)
    assert ">fine<" not in html


def test_many_overdue_rows_do_not_push_out_waiting_ones() -> None:
    late = [a_row(f"w{n}", "overdue", due_on=f"2023-12-{n + 10}") for n in range(MAX_ROWS + 2)]
    waits = [
        a_row("newer", "waiting", waiting_on="Trung ương", waiting_since="2024-05-01"),
        a_row("newest", "waiting", waiting_on="Trung ương", waiting_since="2025-05-01"),
        a_row("oldest", "waiting", waiting_on="Chính phủ cho ý kiến", waiting_since="2023-01-01"),
    ]
    html = a_board({WORKS: late + waits})
    titles = re.findall(r'<td class="main" title="(\w+)">', html)
    assert titles == ["w0", "w1", "w2", "w3", "oldest", "newer"]
    assert "chờ Chính phủ cho ý kiến, từ 01/2023" in html
    assert "và 5 công trình nữa" in html


def test_overdue_and_waiting_rows_use_each_others_free_rows() -> None:
    late = [a_row(f"w{n}", "overdue", due_on="2023-12-31") for n in range(MAX_ROWS)]
    assert a_board({WORKS: late}).count('<td class="main"') == MAX_ROWS
    waits = [a_row(f"t{n}", "waiting", waiting_on="Trung ương") for n in range(MAX_ROWS)]
    html = a_board({WORKS: late[:1], TASKS: waits})
    assert (html.count(" ngày</span></td>"), html.count("chờ Trung ương</span></td>")) == (1, MAX_ROWS - 1)


def test_each_figure_counts_the_rows_of_the_list_that_it_links_to() -> None:
    html = a_board(
        {
            WORKS: [a_row("a", "overdue", due_on="2023-12-31"), a_row("b", "waiting", waiting_on="x")],
            TASKS: [a_row("c", "waiting", waiting_on="y"), a_row("d", "on_time")],
            INCIDENTS: [{"open": True, "severity": level} for level in ("high", "low", "low", "medium", "low")],
            GATES: [a_gate("main", "main"), a_gate("main", "international"), a_gate("main", None)],
            MARKERS: [{"condition": condition} for condition in ("damaged", "missing", "unknown", "intact")],
        }
    )
    figures = dict(re.findall(r'<a class="figure \w+" href="([^"]+)"><strong>([^<]+)</strong>', html))
    assert figures == {
        "/works?urgency=overdue": "1",
        "/works?urgency=waiting": "1",
        "/tasks?urgency=waiting,overdue": "1",
        "/incidents?open=true": "5",
        "/gates?planned_2030=international,main,local": "1 / 2",
        "/markers?condition=at_risk,damaged,severely_damaged,destroyed,moved,missing": "2",
    }
    assert "1 sự vụ nghiêm trọng" in html
    assert "chưa kiểm tra 1 / 4" in html


def test_a_zero_is_no_alarm_and_says_what_was_not_inspected() -> None:
    html = a_board({MARKERS: [{"condition": "unknown"}] * 3})
    assert html.count('<a class="figure none"') == len(boards.FIGURES)
    assert "chưa kiểm tra 3 / 3" in html


@pytest.mark.parametrize(
    ("category", "planned", "reached"),
    [
        ("international", "international", True),
        ("international", "main", True),
        ("main", "international", False),
        (None, "local", False),
        ("main", None, False),
    ],
)
def test_gate_has_reached_its_plan_if_its_category_is_no_lower(
    category: str | None, planned: str | None, reached: bool
) -> None:
    assert (plan_progress(a_gate(category, planned)) is PlanProgress.REACHED) is reached


def test_gate_below_its_plan_shows_whether_work_is_under_way() -> None:
    assert 'aria-label="Đang triển khai"' in a_board({GATES: [a_gate("main", "international", "counterpart_consult")]})
    html = a_board({GATES: [a_gate(None, "local", "in_plan")]})
    assert 'aria-label="Chưa triển khai"' in html
    assert "0 / 1" in html


def test_gates_in_the_plan_come_first_then_those_of_the_highest_category() -> None:
    gates = [a_gate("local", None), a_gate("international", None), a_gate(None, "local")]
    assert [gate["planned_2030"] or gate["category"] for gate in sorted(gates, key=PLAN.rank)] == [
        "local",
        "international",
        "local",
    ]


def test_every_layer_with_an_urgency_is_in_the_table_of_what_is_outstanding() -> None:
    assert {layer.name for layer in OWED.layers} == {layer.name for layer in all_layers() if "urgency" in layer.fields}


def test_empty_board_has_notices() -> None:
    html = a_board()
    assert "Không có nhiệm vụ, công trình quá hạn hoặc đang chờ." in html
    assert "Chưa nhập cửa khẩu nào." in html


def test_rows_that_do_not_fit_are_counted_and_linked() -> None:
    late = [a_row(f"w{n}", "overdue", due_on="2023-12-31") for n in range(MAX_ROWS + 2)]
    assert '<a href="/works?urgency=waiting,overdue">và 2 công trình nữa</a>' in a_board({WORKS: late})


def test_recalled_features_are_counted_and_linked() -> None:
    assert '<a class="since" href="/releases#held-back">3 mục đã tự động ngừng chia sẻ</a>' in a_board(recalled_count=3)
    assert "held-back" not in a_board()
