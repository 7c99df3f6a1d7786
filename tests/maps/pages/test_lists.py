"""The list pages: values as text, order, filters that links keep, and what an empty list offers."""

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


def test_rows_show_values_as_text_and_days_overdue() -> None:
    html = list_page(WORKS, ROWS, "vi", as_of=dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    assert "31/12/2023 · quá hạn" in html
    assert "Chính phủ · từ 01/2023" in html
    assert "≈\N{NO-BREAK SPACE}147/6" in html
    assert 'class="mark hollow"' in html
    assert "Chưa có vị trí" in html
    assert "20%" in html
    assert "/?select=works/id-a" in html


def test_hostile_title_is_escaped() -> None:
    html = list_page(WORKS, [a_work("<img src=x onerror=alert(1)>{{7*7}}", urgency="waiting")], "vi")
    assert "<img" not in html
    assert "{{7*7}}" in html


def test_rows_keep_the_order_of_the_database_and_empty_ones_are_last() -> None:
    fields = {field["name"]: field for field in WORKS["fields"]} | {"missing": a_field("missing", "list")}
    rows = [*ROWS, a_work("d", due_on="2024-01-01", missing=["x", "y"]), a_work("e", missing=["x"])]

    def titles(sort: str) -> str:
        return "".join(row["properties"]["title"] for row in sort_rows(rows, fields, sort))

    assert titles("") == titles("title") == titles("no_such_field") == "bacde"
    assert titles("due_on") == titles("-due_on") == "acdbe", "rows without a due date are last in both directions"
    assert titles("missing") == "edbac"
    assert titles("-missing") == "debac"


def test_all_links_keep_the_filters() -> None:
    html = list_page(WORKS, ROWS, "vi", query={"urgency": "overdue", "datetime": "2023-01-01/2023-12-31", "junk": "x"})
    assert "/api/export/works?urgency=overdue&amp;datetime=2023-01-01/2023-12-31" in html
    assert "reader=partner" in html
    assert "urgency=overdue&amp;year=2023" in html, "the map's parameter is year"
    assert "/works?urgency=overdue&amp;datetime=2023-01-01/2023-12-31&amp;junk=x&amp;sort=title" in html
    assert '<option value="overdue" selected>' in html
    assert "junk" not in html.split("/api/export/works?")[1].split('"')[0]


def test_heading_tells_a_filter_on_false_from_one_on_true() -> None:
    card = {**WORKS, "fields": [*WORKS["fields"], a_field("late", "boolean")]}
    headings = {
        value: set(re.findall(r"late: ([\w, ]+)", list_page(card, ROWS, "vi", query={"late": value})))
        for value in ("true", "false", "FALSE", "true,false")
    }
    assert headings == {"true": {"Có"}, "false": {"Không"}, "FALSE": {"Không"}, "true,false": {"Có, Không"}}


def test_menu_offers_every_format_for_both_readers_with_the_filters() -> None:
    html = list_page(WORKS, ROWS, "vi", query={"urgency": "overdue"})
    menu = html.split("<main")[1].split('class="menu-body"')[1].split("</details>")[0]
    offered = re.findall(r'href="/api/export/works\?urgency=overdue&amp;f=(\w+)(&amp;reader=partner)?"', menu)
    office, partner = [[name for name, reader in offered if bool(reader) is shared] for shared in (False, True)]
    assert office == partner
    assert office[0] == "geojson"
    assert sorted(office) == sorted(FORMATS)
    assert "Bảng tính Excel" in menu
    assert "Excel workbook" in list_page(WORKS, ROWS, "en")


def test_empty_list_offers_a_next_step() -> None:
    assert "Bỏ bớt điều kiện lọc" in list_page({**WORKS, "creatable": True}, [], "vi", query={"urgency": "waiting"})
    incidents = {**WORKS, "name": "incidents"}
    assert '<a class="button primary" href="/incidents/new">' in list_page(incidents, [], "vi")
    unseen = list_page(WORKS, [], "vi")
    assert (
        "Không có kết quả phù hợp trong phạm vi được xem." in unseen
    )  # Without the right to create, no advice to add one.


def test_list_links_to_the_next_page() -> None:
    html = list_page(WORKS, ROWS, "en", more="/works?after=x", total=1200)
    assert 'href="/works?after=x"' in html
    assert "1,200 works" in html


def test_gate_event_shows_its_kind_and_its_date_to_the_known_precision() -> None:
    stage = [{"value": "opening_ceremony", "title": {"vi": "Lễ khai trương", "en": "Opening"}, "mark": None}]
    event = {"kind": "opening_ceremony", "on": "2025-12-08", "precision": "day", "document": "111/NQ-CP", "note": None}
    field = a_field("last_event", "json", codes=stage)
    assert value_text(field, event, "vi") == "Lễ khai trương · 08/12/2025 · 111/NQ-CP"
    assert value_text(field, {**event, "precision": "month"}, "en") == "Opening · 12/2025 · 111/NQ-CP"
    assert value_text(field, {"kind": "note", "on": "2017-01-01", "precision": "year"}, "vi") == "2017"


def test_note_of_a_gate_shows_its_text_and_date() -> None:
    note = {"kind": "note", "on": "2025-12-10", "precision": "day", "document": None, "note": "Thí điểm thông quan"}
    assert value_text(a_field("last_event", "json"), note, "vi") == "Thí điểm thông quan · 10/12/2025"


def test_procedure_shows_its_progress_and_next_step() -> None:
    field, notice = a_field("procedure", "json"), {"vi": "Thông báo phía bạn", "en": "Notify the other side"}
    begun = {"done": 3, "of": 6, "next": {"code": "notice", "title": notice, "due_on": None}}
    assert value_text(field, begun, "vi") == "3/6 · tiếp theo: Thông báo phía bạn"
    assert value_text(field, begun, "en") == "3/6 · next: Notify the other side"
    assert value_text(field, {"done": 6, "of": 6, "next": None}, "vi") == "6/6"


def test_links_keep_the_keywords_and_the_location_search_stays_empty() -> None:
    html = list_page(WORKS, ROWS, "vi", query={"q": "kè mốc"})
    assert 'name="q" type="search" maxlength="200" value="kè mốc"' in html
    assert "/api/export/works?q=k%C3%A8+m%E1%BB%91c" in html
    assert "text=k%C3%A8+m%E1%BB%91c" in html, "the map keeps q for an address"
    assert "“kè mốc”" in html
    address_box = html.split('id="q"')[1].split(">")[0]
    assert 'value=""' in address_box


def test_filter_of_a_text_field_offers_the_values_of_the_rows() -> None:
    card = {**WORKS, "fields": [*WORKS["fields"], a_field("unit")]}
    html = list_page(card, [a_work("a", unit="Sở Ngoại vụ"), a_work("b", unit=None)], "vi", query={"unit": "Đồn X"})
    assert '<option value="Sở Ngoại vụ">' in html
    assert '<option value="Đồn X" selected>' in html


def test_days_since_counts_from_the_due_date() -> None:
    assert days_since("2023-12-31", dt.date(2026, 11, 20)) == 1055
