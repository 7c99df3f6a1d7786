"""The board: its figures count what their lists show, and gates are compared with the plan."""

import re
from typing import Any

import pytest

from maps.pages.board import MAX_ROWS, board_page, has_reached

FIELDS = [{"name": name, "type": "text"} for name in ("category", "planned_2030", "stage")]
CARDS: dict[str, Any] = {
    name: {"name": name, "title": {"vi": name, "en": name}, "geometry": "Point", "drawn_by": None, "fields": FIELDS}
    for name in ("works", "tasks", "gates")
}


def a_row(name: str, urgency: str, **properties: Any) -> dict[str, Any]:
    return {"id": name, "geometry": None, "properties": {"title": name, "urgency": urgency, **properties}}


def a_gate(category: str | None, planned: str | None, stage: str | None = None) -> dict[str, Any]:
    properties = {"name": "Chàng Riệc", "category": category, "planned_2030": planned, "stage": stage}
    return {"id": "g", "geometry": None, "properties": properties}


def a_board(**rows: Any) -> str:
    arguments: dict[str, Any] = {"works": [], "tasks": [], "incidents": {}, "gates": [], "markers_in_need": 0, **rows}
    return board_page("vi", cards=CARDS, **arguments)


def test_longest_overdue_comes_first_then_the_longest_waiting() -> None:
    html = a_board(
        works=[
            a_row("waits", "waiting", waiting_on="Chính phủ", waiting_since="2023-01-01"),
            a_row("late", "overdue", due_on="2024-06-30"),
            a_row("latest", "overdue", due_on="2023-06-30"),
            a_row("fine", "on_time"),
        ],
        tasks=[a_row("waits-longer", "waiting", waiting_on="Trung ương", waiting_since="2022-01-01")],
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
    html = a_board(works=late + waits)
    titles = re.findall(r'<td class="main" title="(\w+)">', html)
    assert titles == ["w0", "w1", "w2", "w3", "w4", "oldest", "newer"]
    assert "chờ Chính phủ cho ý kiến, từ 01/2023" in html
    assert "và 5 công trình nữa" in html


def test_overdue_and_waiting_rows_use_each_others_free_rows() -> None:
    late = [a_row(f"w{n}", "overdue", due_on="2023-12-31") for n in range(MAX_ROWS)]
    assert a_board(works=late).count('<td class="main"') == MAX_ROWS
    waits = [a_row(f"t{n}", "waiting", waiting_on="Trung ương") for n in range(MAX_ROWS)]
    html = a_board(works=late[:1], tasks=waits)
    assert (html.count(" ngày</span></td>"), html.count("chờ Trung ương</span></td>")) == (1, MAX_ROWS - 1)


def test_each_figure_links_to_the_list_that_it_counts() -> None:
    html = a_board(
        works=[a_row("a", "overdue", due_on="2023-12-31"), a_row("b", "waiting", waiting_on="x")],
        tasks=[a_row("c", "waiting", waiting_on="y")],
        incidents={"high": 1, "low": 4},
        markers_in_need=3,
    )
    for link in (
        "/works?urgency=overdue",
        "/works?urgency=waiting",
        "/tasks?urgency=overdue,waiting",
        "/incidents?open=true",
        "/gates?planned_2030=international,main,local",
        "/markers?condition=at_risk,damaged,severely_damaged,destroyed,moved,missing",
    ):
        assert f'href="{link}"' in html
    assert html.count('class="figure ') == 6
    assert "1 sự vụ nghiêm trọng" in html


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
    assert has_reached(a_gate(category, planned)) is reached


def test_gate_below_its_plan_shows_whether_work_is_under_way() -> None:
    assert "đang triển khai" in a_board(gates=[a_gate("main", "international", "counterpart_consult")])
    assert "chưa triển khai" in a_board(gates=[a_gate(None, "local", "in_plan")])
    assert "0 / 1" in a_board(gates=[a_gate(None, "local")])


def test_empty_board_has_notices() -> None:
    html = a_board()
    assert "Không có nhiệm vụ, công trình quá hạn hoặc đang chờ." in html
    assert "Chưa nhập cửa khẩu nào." in html


def test_rows_that_do_not_fit_are_counted_and_linked() -> None:
    late = [a_row(f"w{n}", "overdue", due_on="2023-12-31") for n in range(MAX_ROWS + 2)]
    assert '<a href="/works?urgency=overdue,waiting">và 2 công trình nữa</a>' in a_board(works=late)


def test_recalled_features_are_counted_and_linked() -> None:
    assert '<a class="since" href="/releases#held-back">3 mục đã tự động ngừng chia sẻ</a>' in a_board(recalled_count=3)
    assert "held-back" not in a_board()
