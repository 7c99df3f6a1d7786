"""The list pages: values as text, filters with counts, columns, totals, links that keep them, and empty lists."""

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest

import layers  # noqa: F401 - registers the layers in the catalogue
from api.rest.layers import layer_card
from gis.files.formats import FORMATS
from gis.model import catalog
from gis.text import Malformed
from layers.policy import OFFICE, PUBLIC
from maps.labels import days_since, fields_of, value_text
from maps.pages.list_state import ListState, parse_state, period
from maps.pages.lists import Contents, list_page

WORKS = layer_card(catalog["works"], OFFICE)
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
TODAY = NOW.date()


def a_field(name: str, kind: str = "text", **extra: Any) -> dict[str, Any]:
    return {"name": name, "title": {"vi": name, "en": name}, "type": kind, "codes": None, "unit": None, **extra}


def a_work(title: str, *, placed: bool = True, **properties: Any) -> dict[str, Any]:
    return {
        "id": f"id-{title}",
        "geometry": {"type": "Point", "coordinates": [106, 11.3]} if placed else None,
        "properties": {"title": title, "position_source": "assumed", "address": "147/6", "version": 3, **properties},
    }


ROWS = [
    a_work("b", urgency="waiting", waiting_on="Chính phủ", waiting_since="2023-01-01"),
    a_work("a", urgency="overdue", due_on="2023-12-31", progress=20),
    a_work("c", urgency="overdue", due_on="2023-06-30", placed=False),
]


def state_of(*query: tuple[str, str], card: dict[str, Any] = WORKS, language: str = "vi") -> ListState:
    return parse_state(card, query, language)


def page_of(
    *query: tuple[str, str], rows: list[Any] = ROWS, total: int | None = None, language: str = "vi", **extra: Any
) -> str:
    """The page of works; ``extra`` are attributes of its contents."""
    contents = Contents(rows, len(rows) if total is None else total, 200, **extra)
    return list_page(state_of(*query, language=language), contents, language, as_of=NOW)


def link(html: str, text: str) -> str:
    """The URL of the first link with this text."""
    match = re.search(rf'<a [^>]*href="([^"]*)"[^>]*>\s*{re.escape(text)}', html)
    assert match, text
    return unescape(match[1])


def test_rows_show_values_as_text_and_days_overdue() -> None:
    html = list_page(state_of(("as_of", "2026-11-20")), Contents(ROWS, 3, 200), "vi", as_of=NOW)
    assert "31/12/2023 · quá hạn 1.055 ngày" in html
    assert "Chính phủ · từ 01/2023" in html
    assert "≈\N{NO-BREAK SPACE}147/6" in html
    assert 'class="mark hollow"' in html
    assert "Chưa có vị trí" in html
    assert "20%" in html
    assert '"/works/id-a?as_of=2026-11-20"' in html, "a row opens its record beside the same list"


def test_waiting_row_is_late_too() -> None:
    html = page_of(
        rows=[a_work("a", urgency="waiting", due_on="2026-01-01"), a_work("b", urgency="done", due_on="2026-01-01")]
    )
    assert html.count("01/01/2026 · quá hạn") == 1


def test_hostile_title_is_escaped() -> None:
    html = page_of(rows=[a_work("<img src=x onerror=alert(1)>{{7*7}}", urgency="waiting")])
    assert "<img" not in html
    assert "{{7*7}}" in html


def test_all_links_keep_the_filters() -> None:
    query = [
        ("urgency", "overdue,waiting"),
        ("unit", "Ban A, B"),
        ("unit", "Sở C"),
        ("due_on.in", "this_year"),
        ("junk", "x"),
    ]
    html = page_of(*query)
    filters = "urgency=overdue,waiting&unit=Ban+A,+B&unit=S%E1%BB%9F+C&due_on.in=this_year"
    assert link(html.split("<thead>")[1], "Tên công trình") == f"/works?{filters}&sort=title"
    assert link(html, "Tải Excel").startswith(
        "/api/export/works?urgency=overdue,waiting&unit=Ban+A,+B&unit=S%E1%BB%9F+C&"
    )
    assert "filter=due_on+%3E%3D+DATE%28%272026-01-01%27%29" in link(html, "Tải Excel")
    assert "f=xlsx&properties=title,urgency,stage" in link(html, "Tải Excel")
    assert link(html, "In") == f"/works?{filters}&print=1"
    assert "reader=partner" not in html, "nothing leaves for a partner but by a release"
    assert "junk" not in html
    assert link(html, "Xem trên bản đồ").startswith("/?tab=works&urgency=overdue,waiting&filter=")
    assert link(html, "Xóa tất cả điều kiện lọc") == "/works"


def test_menu_offers_every_other_format() -> None:
    html = page_of(("urgency", "overdue"))
    menu = html.split('class="menu formats"')[1].split("</details>")[0]
    offered = re.findall(r'href="/api/export/works\?urgency=overdue&amp;f=(\w+)"', menu)
    assert offered[0] == "geojson"
    assert sorted([*offered, "xlsx"]) == sorted(FORMATS)


def test_filter_offers_the_values_with_their_counts() -> None:
    counts = {"urgency": {"overdue": 12, "waiting": 3}, "unit": {"": 4, "Sở Ngoại vụ": 1300}}
    html = page_of(("urgency", "waiting"), ("unit", "Đồn X"), ("unit", ""), counts=counts)
    options = re.findall(
        r'name="(urgency|unit)" value="([^"]*)"[^>]*?( checked)?>.*?<span>(.*?)</span> <small>(.*?)</small>', html
    )
    assert options == [
        ("urgency", "waiting", " checked", "Đang chờ", "3"),
        ("urgency", "overdue", "", "Quá hạn", "12"),
        ("unit", "Sở Ngoại vụ", "", "Sở Ngoại vụ", "1.300"),
        ("unit", "Đồn X", " checked", "Đồn X", "0"),
        ("unit", "", " checked", "(chưa có)", "4"),
    ], "codes in the order of their list, a chosen value without rows, and last the rows without a value"


def test_chip_removes_a_single_value() -> None:
    html = page_of(("urgency", "overdue,waiting"), ("q", "kè mốc"), ("progress.from", "10"), ("progress.to", "50"))
    chips = html.split('class="chips"')[1].split("</ul>")[0]
    hrefs = [unescape(href) for href in re.findall(r'class="chip" href="([^"]*)"', chips)]
    assert hrefs == [
        "/works?urgency=overdue,waiting&progress.from=10&progress.to=50",
        "/works?q=k%C3%A8+m%E1%BB%91c&urgency=waiting&progress.from=10&progress.to=50",
        "/works?q=k%C3%A8+m%E1%BB%91c&urgency=overdue&progress.from=10&progress.to=50",
        "/works?q=k%C3%A8+m%E1%BB%91c&urgency=overdue,waiting",
    ]
    assert "10 – 50 %" in chips


def test_false_and_border_are_said_in_words() -> None:
    tasks = layer_card(catalog["sectors"], OFFICE)
    state = parse_state(tasks, [("demarcated", "false"), ("border", "VN-KH")])
    chips = list_page(state, Contents([], 0, 200), "vi").split('class="chips"')[1].split("</ul>")[0]
    assert re.findall(r"</span>\s*([^<]*?)\s*<span", chips) == ["Không", "Việt Nam – Campuchia"]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("before_today", None, "2026-11-19"),
        ("this_week", "2026-11-16", "2026-11-22"),
        ("next_30_days", "2026-11-20", "2026-12-20"),
        ("this_month", "2026-11-01", "2026-11-30"),
        ("this_quarter", "2026-10-01", "2026-12-31"),
        ("this_year", "2026-01-01", "2026-12-31"),
    ],
)
def test_periods(name: str, first: str | None, last: str) -> None:
    assert [day and day.isoformat() for day in period(name, TODAY)] == [first, last]


def test_ranges_are_the_filters_of_the_api() -> None:
    query = [
        ("due_on.from", "1.11.2026"),
        ("due_on.to", "30/11/2026"),
        ("cost_planned.from", "1.250,5"),
        ("filter", "a=1"),
    ]
    assert state_of(*query).api_parameters(TODAY)["filter"] == (
        "(a=1) AND due_on >= DATE('2026-11-01') AND due_on < DATE('2026-12-01') AND cost_planned >= 1250.5"
    )


@pytest.mark.parametrize(
    ("typed", "language", "plain"),
    [("1.250", "vi", "1250"), ("1.250,5", "vi", "1250.5"), ("1250.5", "vi", "1250.5"), ("1,250", "vi", "1.2500"),
     ("1,250.5", "en", "1250.5"), ("1.250", "en", "1.2500"), ("-5", "vi", "-5")],
)  # fmt: skip
def test_number_is_read_as_the_language_writes_it(typed: str, language: str, plain: str) -> None:
    span = state_of(("cost_planned.from", typed), language=language).ranges["cost_planned"]
    assert span.first == plain
    for again in ("vi", "en"):
        assert state_of(("cost_planned.from", plain), language=again).ranges["cost_planned"].first == plain


@pytest.mark.parametrize("query", [("due_on.from", "31/02/2026"), ("due_on.in", "never"), ("progress.from", "ten")])
def test_wrong_range_is_refused_with_its_field(query: tuple[str, str]) -> None:
    with pytest.raises(Malformed, match=r"Due on|Progress"):
        state_of(query).api_parameters(TODAY)


def test_columns_are_those_of_the_url_after_the_name() -> None:
    state = state_of(("columns", "cost_planned,unit,nothing,title"))
    assert state.column_names == ["title", "cost_planned", "unit"]
    html = list_page(state, Contents(ROWS, 3, 200, totals={"cost_planned": 1250.5}), "vi")
    heads = re.findall(r'<th scope="col".*?>([^<]+)<', html)
    assert heads == ["Tên công trình", "Dự toán", "Đơn vị chủ trì"]
    assert "1.250,5 triệu đồng" in html.split("<tfoot>")[1]
    assert state_of().column_names == WORKS["display"]["columns"]


def test_column_that_the_database_cannot_sort_has_no_link() -> None:
    html = page_of(("columns", "procedure,due_on"), ("sort", "due_on"))
    assert '<th scope="col">Quy trình' in html
    assert link(html.split("<thead>")[1], "Thời hạn") == "/works?sort=-due_on&columns=procedure,due_on"
    assert state_of(("sort", "procedure")).sort == state_of(("sort", "<script>")).sort == ""


def test_list_counts_its_rows_and_links_to_its_pages() -> None:
    html = page_of(("page", "3"), rows=[a_work(str(n)) for n in range(200)], total=1900)
    assert "401–600 / 1.900 công trình" in html
    pages = html.split('class="pages-of-list"')[1].split("</nav>")[0]
    assert re.findall(r">(\d+|…|‹|›)</", pages) == ["‹", "1", "2", "3", "4", "5", "…", "10", "›"]
    assert link(html, "‹") == "/works?page=2"
    assert "1,900 works" in page_of(rows=ROWS, total=1900, language="en")
    assert "1 work<" in page_of(rows=ROWS[:1], language="en")


def test_printed_list_says_if_it_is_cut() -> None:
    html = list_page(state_of(), Contents(ROWS, 5000, 3), "vi", printed=True)
    assert "Bản in có 3 dòng đầu trong 5.000 dòng" in html
    assert 'id="filters"' not in html
    assert "Bản in có" not in list_page(state_of(), Contents(ROWS, 3, 3), "vi", printed=True)


def test_empty_list_says_what_to_do() -> None:
    html = page_of(("q", "xyz"), rows=[])
    assert "Không có công trình nào khớp “xyz”." in html
    assert html.split('class="empty"')[1].count("Xóa tất cả điều kiện lọc") == 1
    assert "Chưa có công trình nào." in page_of(rows=[])
    assert "+ Thêm công trình" in page_of(rows=[]).split('class="empty"')[1]
    public = layer_card(catalog["works"], PUBLIC)
    unseen = list_page(parse_state(public, []), Contents([], 0, 200), "vi")
    assert "Không có kết quả phù hợp trong phạm vi được xem." in unseen
    assert "+ Thêm" not in unseen


def test_past_list_changes_nothing() -> None:
    html = page_of(("as_of", "2026-11-20"))
    assert "+ Thêm" not in html
    assert "data-pick" not in html
    assert "data-pick" in page_of()


def test_layer_with_a_page_for_new_features_links_to_it() -> None:
    incidents = layer_card(catalog["incidents"], OFFICE)
    html = list_page(parse_state(incidents, []), Contents([], 0, 200), "vi")
    assert link(html, "+ Thêm sự vụ") == "/incidents/new"


@pytest.mark.parametrize("layer", sorted(catalog))
def test_every_layer_has_a_list(layer: str) -> None:
    card = layer_card(catalog[layer], OFFICE)
    properties = dict.fromkeys(fields_of(card))
    html = list_page(
        parse_state(card, []), Contents([{"id": "x", "geometry": None, "properties": properties}], 1, 200), "en"
    )
    assert f'href="/{layer}/x"' in html
    assert "undefined" not in html


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
    assert value_text(field, begun, "vi") == "3/6 · Thông báo phía bạn"
    assert value_text(field, begun, "en") == "3/6 · Notify the other side"
    assert value_text(field, {"done": 6, "of": 6, "next": None}, "vi") == "6/6"


def test_location_search_stays_empty_when_the_list_is_searched() -> None:
    html = page_of(("q", "kè mốc"))
    assert 'name="q" type="search" maxlength="200" value="kè mốc"' in html
    assert "text=k%C3%A8+m%E1%BB%91c" in html, "the map keeps q for an address"
    address_box = html.split('id="q"')[1].split(">")[0]
    assert 'value=""' in address_box


def test_days_since_counts_from_the_due_date() -> None:
    assert days_since("2023-12-31", dt.date(2026, 11, 20)) == 1055
