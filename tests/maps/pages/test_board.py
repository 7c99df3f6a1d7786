"""The board: its figures count what the lists they open show, and gates are held against the plan."""

import re
from typing import Any

import pytest

from maps.pages.board import MAX_ROWS, board_page, has_reached

CARDS: dict[str, Any] = {
    name: {"name": name, "title": {"vi": name, "en": name}, "geometry": "Point", "drawn_by": None, "fields": []}
    for name in ("works", "tasks", "gates")
}


def a_matter(name: str, urgency: str, **properties: Any) -> dict[str, Any]:
    return {"id": name, "geometry": None, "properties": {"title": name, "urgency": urgency, **properties}}


def a_gate(category: str | None, planned: str | None, stage: str | None = None) -> dict[str, Any]:
    properties = {"name": "Chàng Riệc", "category": category, "planned_2030": planned, "stage": stage}
    return {"id": "g", "geometry": None, "properties": properties}


def a_board(**rows: Any) -> str:
    given: dict[str, Any] = {"works": [], "tasks": [], "incidents": {}, "gates": [], "markers_in_need": 0, **rows}
    return board_page("vi", cards=CARDS, **given)


def test_the_longest_overdue_stands_first_then_the_longest_waiting() -> None:
    html = a_board(
        works=[
            a_matter("waits", "waiting", waiting_on="Chính phủ", waiting_since="2023-01-01"),
            a_matter("late", "overdue", due_on="2024-06-30"),
            a_matter("latest", "overdue", due_on="2023-06-30"),
            a_matter("fine", "on_time"),
        ],
        tasks=[a_matter("waits-longer", "waiting", waiting_on="Trung ương", waiting_since="2022-01-01")],
    )
    places = [html.index(f">{name}<") for name in ("latest", "late", "waits-longer", "waits")]
    assert places == sorted(places)
    assert ">fine<" not in html


def test_a_long_arrears_does_not_hide_what_waits_on_the_government() -> None:
    late = [a_matter(f"w{n}", "overdue", due_on=f"2023-12-{n + 10}") for n in range(MAX_ROWS + 2)]
    waits = [
        a_matter("newer", "waiting", waiting_on="Trung ương", waiting_since="2024-05-01"),
        a_matter("newest", "waiting", waiting_on="Trung ương", waiting_since="2025-05-01"),
        a_matter("oldest", "waiting", waiting_on="Chính phủ cho ý kiến", waiting_since="2023-01-01"),
    ]
    html = a_board(works=late + waits)
    shown = re.findall(r'<td class="main" title="(\w+)">', html)
    assert shown == ["w0", "w1", "w2", "w3", "w4", "oldest", "newer"]
    assert "chờ Chính phủ cho ý kiến, từ 01/2023" in html
    assert "và 5 công trình nữa" in html


def test_rows_that_nothing_waits_for_go_to_what_is_overdue_and_the_other_way_round() -> None:
    late = [a_matter(f"w{n}", "overdue", due_on="2023-12-31") for n in range(MAX_ROWS)]
    assert a_board(works=late).count('<td class="main"') == MAX_ROWS
    waits = [a_matter(f"t{n}", "waiting", waiting_on="Trung ương") for n in range(MAX_ROWS)]
    html = a_board(works=late[:1], tasks=waits)
    assert (html.count(" ngày</td>"), html.count("chờ Trung ương</td>")) == (1, MAX_ROWS - 1)


def test_each_figure_opens_the_list_it_counted() -> None:
    html = a_board(
        works=[a_matter("a", "overdue", due_on="2023-12-31"), a_matter("b", "waiting", waiting_on="x")],
        tasks=[a_matter("c", "waiting", waiting_on="y")],
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
def test_a_gate_has_reached_its_plan_when_its_category_is_no_lower(
    category: str | None, planned: str | None, reached: bool
) -> None:
    assert has_reached(a_gate(category, planned)) is reached


def test_a_gate_short_of_its_plan_says_whether_anything_is_under_way() -> None:
    assert "đang triển khai" in a_board(gates=[a_gate("main", "international", "counterpart_consult")])
    assert "chưa triển khai" in a_board(gates=[a_gate(None, "local", "in_plan")])
    assert "0 / 1" in a_board(gates=[a_gate(None, "local")])


def test_an_empty_board_says_so() -> None:
    html = a_board()
    assert "Không có nhiệm vụ, công trình quá hạn hoặc đang chờ." in html
    assert "Chưa nhập cửa khẩu nào." in html


def test_what_does_not_fit_is_counted_and_linked() -> None:
    late = [a_matter(f"w{n}", "overdue", due_on="2023-12-31") for n in range(MAX_ROWS + 2)]
    assert '<a href="/works?urgency=overdue,waiting">và 2 công trình nữa</a>' in a_board(works=late)


def test_what_was_held_back_from_recipients_is_counted_and_linked() -> None:
    assert '<a class="since" href="/releases#held-back">3 mục đã tự động ngừng chia sẻ</a>' in a_board(held_back=3)
    assert "held-back" not in a_board()
