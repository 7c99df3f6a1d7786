"""The list pages: words for values, an order, filters that stay in the address, and a next step when empty."""

import datetime as dt
import re
from typing import Any

from gis.files.formats import FORMATS
from maps.labels import days_since, value_text
from maps.pages.lists import list_page, sort_rows

AMBER, RED = {"shape": "triangle", "colour": "#E69F00"}, {"shape": "square", "colour": "#D55E00"}
URGENCY = [
    {"value": "waiting", "title": {"vi": "Đang chờ", "en": "Waiting"}, "mark": AMBER},
    {"value": "overdue", "title": {"vi": "Quá hạn", "en": "Overdue"}, "mark": RED},
]


def a_field(name: str, kind: str = "text", **extra: Any) -> dict[str, Any]:
    return {"name": name, "title": {"vi": name, "en": name}, "type": kind, "codes": None, "unit": None, **extra}


WORKS: dict[str, Any] = {
    "name": "works",
    "title": {"vi": "Công trình", "en": "Works"},
    "geometry": "Geometry",
    "drawn_by": "urgency",
    "fields": [
        a_field("title"),
        a_field("urgency", "code", codes=URGENCY),
        a_field("due_on", "date"),
        a_field("waiting_on"),
        a_field("progress", "integer", unit="%"),
    ],
}


def a_work(title: str, *, placed: bool = True, **properties: Any) -> dict[str, Any]:
    return {
        "id": f"id-{title}",
        "geometry": {"type": "Point", "coordinates": [106, 11.3]} if placed else None,
        "properties": {"title": title, "position_source": "assumed", "address": "147/6", **properties},
    }


ROWS = [
    a_work("b", urgency="waiting", waiting_on="Chính phủ", waiting_since="2023-01-01"),
    a_work("a", urgency="overdue", due_on="2023-12-31", progress=20),
    a_work("c", urgency="overdue", due_on="2023-06-30", placed=False),
]


def test_rows_are_told_in_words_with_what_is_late() -> None:
    html = list_page(WORKS, ROWS, "vi", as_of=dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    assert "31/12/2023 · quá hạn" in html
    assert "Chính phủ · từ 01/2023" in html
    assert "≈\N{NO-BREAK SPACE}147/6" in html
    assert 'class="mark hollow"' in html
    assert "Chưa có vị trí" in html
    assert "20%" in html
    assert "/?select=works/id-a" in html


def test_a_hostile_title_is_shown_and_never_run() -> None:
    html = list_page(WORKS, [a_work("<img src=x onerror=alert(1)>{{7*7}}", urgency="waiting")], "vi")
    assert "<img" not in html
    assert "{{7*7}}" in html


def test_rows_stay_as_the_database_has_put_them_and_silence_comes_last() -> None:
    fields = {field["name"]: field for field in WORKS["fields"]} | {"missing": a_field("missing", "list")}
    rows = [*ROWS, a_work("d", due_on="2024-01-01", missing=["x", "y"]), a_work("e", missing=["x"])]

    def titles(sort: str) -> str:
        return "".join(row["properties"]["title"] for row in sort_rows(rows, fields, sort))

    assert titles("") == titles("title") == titles("no_such_field") == "bacde"
    assert titles("due_on") == titles("-due_on") == "acdbe", "what has no due date is last both ways"
    assert titles("missing") == "edbac"
    assert titles("-missing") == "debac"


def test_filters_stay_in_the_address_of_every_way_onward() -> None:
    html = list_page(WORKS, ROWS, "vi", query={"urgency": "overdue", "datetime": "2023-01-01/2023-12-31", "junk": "x"})
    assert "/api/export/works?urgency=overdue&amp;datetime=2023-01-01/2023-12-31" in html
    assert "reader=partner" in html
    assert "urgency=overdue&amp;year=2023" in html, "the map names a year"
    assert "/works?urgency=overdue&amp;datetime=2023-01-01/2023-12-31&amp;junk=x&amp;sort=title" in html
    assert '<option value="overdue" selected>' in html
    assert "junk" not in html.split("/api/export/works?")[1].split('"')[0]


def test_every_format_is_offered_to_the_office_and_to_a_partner_under_the_filters_of_the_list() -> None:
    html = list_page(WORKS, ROWS, "vi", query={"urgency": "overdue"})
    menu = html.split("<main")[1].split('class="menu-body"')[1].split("</details>")[0]
    offered = re.findall(r'href="/api/export/works\?urgency=overdue&amp;f=(\w+)(&amp;reader=partner)?"', menu)
    office, partner = [[name for name, reader in offered if bool(reader) is shared] for shared in (False, True)]
    assert office == partner
    assert office[0] == "geojson"
    assert sorted(office) == sorted(FORMATS)
    assert "Bảng tính Excel" in menu
    assert "Excel workbook" in list_page(WORKS, ROWS, "en")


def test_an_empty_list_says_what_to_do_next() -> None:
    assert "Bỏ bớt điều kiện lọc" in list_page({**WORKS, "creatable": True}, [], "vi", query={"urgency": "waiting"})
    incidents = {**WORKS, "name": "incidents"}
    assert '<a class="button primary" href="/incidents/new">' in list_page(incidents, [], "vi")
    unseen = list_page(WORKS, [], "vi")
    assert "Không có kết quả phù hợp trong phạm vi được xem." in unseen  # whoever may add none is not told to


def test_more_rows_are_one_link_away() -> None:
    html = list_page(WORKS, ROWS, "en", more="/works?after=x", total=1200)
    assert 'href="/works?after=x"' in html
    assert "1,200 works" in html


def test_a_gate_event_is_told_by_its_stage_and_as_exactly_as_its_date_is_known() -> None:
    stage = [{"value": "opening_ceremony", "title": {"vi": "Lễ khai trương", "en": "Opening"}, "mark": None}]
    event = {"kind": "opening_ceremony", "on": "2025-12-08", "precision": "day", "document": "111/NQ-CP", "note": None}
    field = a_field("last_event", "json", codes=stage)
    assert value_text(field, event, "vi") == "Lễ khai trương · 08/12/2025 · 111/NQ-CP"
    assert value_text(field, {**event, "precision": "month"}, "en") == "Opening · 12/2025 · 111/NQ-CP"
    assert value_text(field, {"kind": "note", "on": "2017-01-01", "precision": "year"}, "vi") == "2017"


def test_a_plain_note_of_a_gate_is_told_by_its_text_and_its_date() -> None:
    note = {"kind": "note", "on": "2025-12-10", "precision": "day", "document": None, "note": "Thí điểm thông quan"}
    assert value_text(a_field("last_event", "json"), note, "vi") == "Thí điểm thông quan · 10/12/2025"


def test_a_procedure_says_how_far_it_has_got_and_what_comes_next() -> None:
    field, notice = a_field("procedure", "json"), {"vi": "Thông báo phía bạn", "en": "Notify the other side"}
    begun = {"done": 3, "of": 6, "next": {"code": "notice", "title": notice, "due_on": None}}
    assert value_text(field, begun, "vi") == "3/6 · tiếp theo: Thông báo phía bạn"
    assert value_text(field, begun, "en") == "3/6 · next: Notify the other side"
    assert value_text(field, {"done": 6, "of": 6, "next": None}, "vi") == "6/6"


def test_words_looked_for_stay_in_every_way_onward_and_leave_the_address_box_empty() -> None:
    html = list_page(WORKS, ROWS, "vi", query={"q": "kè mốc"})
    assert 'name="q" type="search" maxlength="200" value="kè mốc"' in html
    assert "/api/export/works?q=k%C3%A8+m%E1%BB%91c" in html
    assert "text=k%C3%A8+m%E1%BB%91c" in html, "the map keeps q for an address"
    assert "“kè mốc”" in html
    address_box = html.split('id="q"')[1].split(">")[0]
    assert 'value=""' in address_box


def test_a_unit_is_chosen_among_those_that_the_rows_name() -> None:
    card = {**WORKS, "fields": [*WORKS["fields"], a_field("unit")]}
    html = list_page(card, [a_work("a", unit="Sở Ngoại vụ"), a_work("b", unit=None)], "vi", query={"unit": "Đồn X"})
    assert '<option value="Sở Ngoại vụ">' in html
    assert '<option value="Đồn X" selected>' in html


def test_days_are_counted_from_the_day_that_was_due() -> None:
    assert days_since("2023-12-31", dt.date(2026, 11, 20)) == 1055
