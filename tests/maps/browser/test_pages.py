"""All pages: layout on a phone and in print, use by keyboard, mistakes in forms, error pages, order of lists."""

import re
from collections.abc import Callable
from html import unescape
from http import HTTPStatus

import pytest
from httpx import Client
from playwright.sync_api import Browser, Page, expect

from tests.factories import incident, work
from tests.maps.conftest import open_page
from tests.screenshots import CLIPPED_TEXT, CUT_CELLS, TARGETS_TOO_SMALL
from tests.typefaces import in_each_typeface

PHONE = (360, 740)
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def phone(browser_of: Callable[[str], Browser], typeface: str):
    """A page on a phone only."""
    yield from open_page(browser_of(typeface), *PHONE, typeface)


@in_each_typeface
@pytest.mark.parametrize("language", ["vi", "en"])
def test_no_page_is_too_wide_or_cut_off_on_a_phone(phone: Page, site_url: str, client: Client, language: str) -> None:
    new_work = work(client, title="Kè bờ suối bảo vệ mốc 304 và đoạn đường tuần tra dọc biên giới dài hơn ba ki-lô-mét")
    collections = "/ogc/collections"
    for path in (
        "/", "/board", "/works", "/markers", "/crossings", "/documents", "/incidents?q=khongco", "/incidents/new",
        "/units", "/sectors", "/areas", "/posts", "/lines", "/administrative_areas",
        "/works?urgency=overdue&due_on.in=before_today",
        "/works?columns=cost_planned,unit,original,description", "/works?print=1", f"/works/{new_work['id']}",
        "/changes", "/readings", "/releases", "/releases/new", "/holdings", "/signin", "/nothing", "/works?limit=0",
        "/ogc", "/ogc/conformance", collections, f"{collections}/works", f"{collections}/works/items?limit=5",
        f"{collections}/works/items/{new_work['id']}", f"{collections}/works/queryables",
    ):  # fmt: skip
        phone.goto(f"{site_url}{path}{'&' if '?' in path else '?'}lang={language}")
        if phone.locator("#map_main").count():
            phone.wait_for_load_state("networkidle")
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert phone.evaluate(TARGETS_TOO_SMALL) == [], path
        assert phone.evaluate(CLIPPED_TEXT) == [], path


@in_each_typeface
def test_board_on_a_phone_cuts_no_row_off(phone: Page, site_url: str) -> None:
    phone.goto(f"{site_url}/board")
    cut = phone.locator(".tile .table td").evaluate_all(
        "(cells) => cells.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.textContent)"
    )
    assert cut == []
    first = phone.locator(".tile-owed tbody tr").first
    expect(first).to_contain_text("quá hạn")
    assert first.locator("td.main a").evaluate("(link) => link.getBoundingClientRect().height >= 44")


@in_each_typeface
def test_board_and_map_on_a_large_screen_cut_no_text_off(desktop_page: Page, site_url: str) -> None:
    desktop_page.goto(f"{site_url}/board")
    cells = desktop_page.locator(".tile-owed td", has_not_text="dài hơn ba ki-lô-mét")
    assert cells.evaluate_all(CUT_CELLS) == []
    desktop_page.goto(site_url, wait_until="networkidle")
    for name in ("Chàng Riệc", "Tống Lê Chân", "Mộc Bài", "96"):
        label = desktop_page.locator(".stand .label:not(.covered)").get_by_text(name, exact=True).first.bounding_box()
        floats = desktop_page.locator(".floats").bounding_box()
        assert label is not None
        assert floats is not None
        assert label["x"] + label["width"] < floats["x"], "the legend covers no label of the province"


def test_first_row_of_a_list_is_visible_on_a_phone(phone: Page, site_url: str) -> None:
    phone.goto(f"{site_url}/works")
    expect(phone.locator("tbody tr").first.get_by_role("link")).to_be_in_viewport(ratio=1)
    expect(phone.get_by_role("link", name="Tải Excel")).to_be_visible()
    expect(phone.get_by_role("link", name="GeoJSON", exact=True)).to_be_hidden()


@pytest.mark.parametrize(("language", "title"), [("vi", "Không tìm thấy"), ("en", "Not found")])
def test_unknown_url_gets_html_in_browsers_and_problem_json_in_programs(
    page: Page, site_url: str, client: Client, language: str, title: str
) -> None:
    answer = page.goto(f"{site_url}/nothing?lang={language}")
    assert answer is not None
    assert answer.status == HTTPStatus.NOT_FOUND
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.locator("main").get_by_role("link").click()
    page.wait_for_url(f"{site_url}/*")
    expect(page.locator("#map_main")).to_be_visible()
    # Programs and scripts of pages get a problem document (RFC 9457).
    for headers in ({}, {"accept": "*/*"}, {"accept": "application/json"}):
        assert client.get("/nothing", headers=headers).headers["content-type"] == "application/problem+json"


def test_error_page_escapes_the_url_and_links_to_this_host_only(client: Client) -> None:
    for path in ("//elsewhere.example/x", "/%3Cscript%3Ealert(1)%3C/script%3E?a=%22%3E%3Cimg%20src=x%3E"):
        answer = client.get(f"{str(client.base_url).rstrip('/')}{path}", headers=BROWSER)
        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
        assert re.findall(r'href="(?!/[a-zA-Z%?]|/"|#)[^"]*"', answer.text) == []


def test_filter_dates_are_entered_in_vietnamese_notation(page: Page, site_url: str) -> None:
    for path in ("/readings", "/changes"):
        page.goto(site_url + path)
        if page.locator("summary", has_text="lọc").is_visible():
            page.locator("summary", has_text="lọc").click()
        since, until = (page.locator(f"[name={name}]") for name in ("since", "until"))
        assert since.get_attribute("type") == "text"
        since.fill("31/02/2026")
        since.press("Enter")
        assert page.url == site_url + path, "an invalid date is not sent"
        since.fill("1.11.2026")
        until.fill("20112026")
        until.press("Enter")
        page.wait_for_url("**since=01%2F11%2F2026&until=20%2F11%2F2026*")
        # The last day is included as a whole.
        expect(page.locator(".sheet-head")).to_contain_text("01/11/2026 00:00 – 20/11/2026 23:59")


def test_card_is_opened_and_closed_by_keyboard(desktop_page: Page, site_url: str) -> None:
    desktop_page.goto(site_url, wait_until="networkidle")
    title = desktop_page.locator(".row .title").first
    title.focus()
    desktop_page.keyboard.press("Enter")
    expect(desktop_page.get_by_role("button", name="Mở hồ sơ")).to_be_visible()
    assert desktop_page.evaluate("document.activeElement.closest('.card-popup') !== null")
    desktop_page.keyboard.press("Escape")
    expect(desktop_page.locator(".card-popup")).to_have_count(0)
    expect(title).to_be_focused()
    mark = desktop_page.locator(".leaflet-marker-icon[tabindex]").first
    mark.focus()
    desktop_page.keyboard.press("Enter")
    expect(desktop_page.locator(".card-popup")).to_be_visible()
    assert desktop_page.evaluate("document.activeElement.closest('.card-popup') !== null")
    desktop_page.keyboard.press("Escape")
    expect(desktop_page.locator(".card-popup")).to_have_count(0)
    expect(mark).to_be_focused()
    tabs = desktop_page.get_by_role("tab")
    tabs.first.focus()
    desktop_page.keyboard.press("ArrowLeft")
    expect(tabs.last).to_be_focused()


def test_shortcut_keys_type_letters_in_form_fields(page: Page, site_url: str) -> None:
    page.goto(f"{site_url}/?tab=tasks", wait_until="networkidle")
    page.get_by_role("button", name="+ lọc").click()
    field = page.get_by_label("Từ khóa")
    field.press_sequentially("n/jk")
    expect(field).to_have_value("n/jk")
    assert "/incidents/new" not in page.url
    page.get_by_label("Tình trạng tiến độ").focus()
    page.keyboard.press("n")
    assert "/incidents/new" not in page.url


def test_escape_closes_an_unchanged_form_but_not_a_changed_one(page: Page, site_url: str, client: Client) -> None:
    page.goto(f"{site_url}/?tab=tasks", wait_until="networkidle")
    page.get_by_role("button", name="+ Thêm nhiệm vụ").click()
    page.keyboard.press("Escape")
    expect(page.locator("#list-view")).to_be_visible()  # Nothing was entered yet.
    page.get_by_role("button", name="+ Thêm nhiệm vụ").click()
    name = page.get_by_label("Tên nhiệm vụ *")
    name.fill("Báo cáo quý bốn")
    page.keyboard.press("Escape")
    expect(page.locator(".notice")).to_contain_text("Nội dung đang nhập chưa được lưu")
    expect(name).to_have_value("Báo cáo quý bốn")
    page.get_by_role("button", name="Bỏ qua").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Nhập tiếp").click()
    expect(name).to_have_value("Báo cáo quý bốn")
    page.get_by_role("button", name="Bỏ qua").click()
    dialog.get_by_role("button", name="Bỏ nội dung đã nhập").click()
    expect(page.locator("#list-view")).to_be_visible()


def test_incident_form_survives_a_reload_and_a_lost_network(page: Page, site_url: str) -> None:
    page.goto(f"{site_url}/incidents/new", wait_until="networkidle")
    page.locator("#categories").get_by_text("Hư hại mốc", exact=True).click()
    page.locator("#description").fill("Mốc nghiêng về phía suối, đã chụp ảnh")
    page.locator("#map_main").click(position=page.evaluate("map_main.latLngToContainerPoint([11.27, 105.87])"))
    expect(page.locator(".place-control.settled .about")).to_contain_text("chọn trên bản đồ")
    location = page.locator(".place-control .said").inner_text()
    page.reload(wait_until="networkidle")
    expect(page.locator("#description")).to_have_value("Mốc nghiêng về phía suối, đã chụp ảnh")
    expect(page.locator(".place-control .said")).to_have_text(location)
    expect(page.locator("#categories :checked")).to_have_value("marker_damage")
    page.context.set_offline(True)
    page.get_by_role("button", name="Gửi").click()
    expect(page.locator("#refusal")).to_contain_text("Không kết nối được với máy chủ")
    expect(page.locator("#refusal")).to_contain_text("Nội dung vẫn được giữ trên thiết bị này")
    expect(page.locator("#description")).to_have_value("Mốc nghiêng về phía suối, đã chụp ảnh")
    page.context.set_offline(False)
    page.get_by_role("button", name="Gửi").dblclick()
    page.wait_for_url("**select=**")
    expect(page.locator(".card, .record").first).to_contain_text("Mốc nghiêng về phía suối")
    page.go_back()
    expect(page).not_to_have_url(re.compile("/incidents/new"))  # Going back does not lead to the form again.


def test_double_click_creates_one_record(desktop_page: Page, site_url: str, client: Client) -> None:
    desktop_page.goto(f"{site_url}/?tab=tasks", wait_until="networkidle")
    desktop_page.get_by_role("button", name="+ Thêm nhiệm vụ").click()
    desktop_page.get_by_label("Tên nhiệm vụ *").fill("Chỉ một nhiệm vụ này")
    desktop_page.get_by_role("button", name="Lưu", exact=True).dblclick()
    expect(desktop_page.locator(".record, .notice").first).to_be_visible()
    features = client.get("/ogc/collections/tasks/items", params={"q": "chi mot nhiem vu nay"}).json()["features"]
    assert len(features) == 1


def test_ogc_pages_use_vietnamese_numbers_and_titles(client: Client) -> None:
    new_work = work(client, title="Sửa mốc 304 bị lún", cost_planned=12500.5)
    url = f"/ogc/collections/works/items/{new_work['id']}"
    assert "12.500,5 triệu đồng" in client.get(url, params={"f": "html", "lang": "vi"}).text
    schema = client.get("/ogc/collections/works/queryables", params={"f": "html", "lang": "vi"}).text
    assert "Công trình: thuộc tính lọc được" in schema
    assert "A piece of work" not in schema


@in_each_typeface
def test_printed_pages_have_a_title_and_cut_nothing_off(desktop_page: Page, site_url: str) -> None:
    desktop_page.set_viewport_size({"width": 1512, "height": 1040})  # A3 less its margins
    desktop_page.goto(f"{site_url}/board", wait_until="networkidle")
    desktop_page.emulate_media(media="print")
    expect(desktop_page.locator(".paper-title")).to_contain_text("Bảng điều hành Ban Chỉ đạo công tác biên giới")
    expect(desktop_page.locator("header.bar")).to_be_hidden()
    cut = desktop_page.evaluate(
        """[...document.querySelectorAll('.tile-rows')].flatMap((tile) => [...tile.querySelectorAll('td')]
            .filter((cell) => cell.scrollWidth > cell.clientWidth + 1
                || cell.getBoundingClientRect().bottom > tile.getBoundingClientRect().bottom + 1)
            .map((cell) => cell.textContent))"""
    )
    assert cut == []
    for path in ("/", "/works", "/changes", "/readings", "/holdings", "/ogc/collections/works/items?f=html"):
        desktop_page.goto(site_url + path)
        expect(desktop_page.locator(".print-only").first).to_contain_text("Cột Mốc · Tây Ninh")
        expect(desktop_page.locator("header.bar")).to_be_hidden()
    desktop_page.goto(f"{site_url}/works?as_of=2026-11-20")
    expect(desktop_page.locator(".print-only").first).to_contain_text("Số liệu đến 20/11/2026 00:00")


def column_texts(client: Client, path: str, column: str) -> list[str]:
    """The texts of a column over all pages of a list."""
    texts, more = [], path
    while more:
        html = client.get(more).text
        cell = rf'data-label="{column}">(?:<span class="(?:marked|clamped)">(?:<svg.*?</svg>)?|<a [^>]*> ?)?([^<]*)<'
        texts += re.findall(cell, html.split("<tfoot>")[0])
        next_link = re.search(r'rel="next" href="([^"]*)"', html)
        more = unescape(next_link[1]) if next_link else ""
    return [re.sub(r"^<svg.*?</svg> ?", "", text).strip() for text in texts]


def count_features(client: Client, layer: str, **filters: str) -> int:
    page = client.get(f"/ogc/collections/{layer}/items", params={**filters, "limit": 1, "count": "exact"}).json()
    return int(page["numberMatched"])


def test_list_is_sorted_over_all_its_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for severity in ("critical", "low", "high", "medium", "low", "critical"):
        incident(client, severity=severity)
    monkeypatch.setattr("api.pages.lists.ROWS_PER_PAGE", 4)
    steps = ["Đề xuất", "Thiết kế", "Chờ phê duyệt"]
    for layer, sort, column, titles in (
        ("incidents", "severity", "Mức độ", ["Ít nghiêm trọng", "Trung bình", "Nghiêm trọng", "Đặc biệt nghiêm trọng"]),
        (
            "works",
            "urgency",
            "Tình trạng tiến độ",
            ["Trong kế hoạch, chưa triển khai", "Trong hạn", "Đang chờ", "Quá hạn", "Hoàn thành"],
        ),
        ("works", "stage", "Giai đoạn", [*steps, "Đã thông báo cho phía bạn", "Đang thi công"]),
    ):
        for descending in (False, True):
            texts = column_texts(client, f"/{layer}?sort={'-' if descending else ''}{sort}", column)
            assert len(texts) == count_features(client, layer)
            assert texts == sorted(texts, key=titles.index, reverse=descending), sort
    monkeypatch.setattr("api.pages.lists.ROWS_PER_PAGE", 150)
    html = client.get("/markers?border=VN-KH&sort=number").text
    numbers = re.findall(r'<td class="main".*?(?:</svg>| )\s*([\d/()]+)</a>', html)
    keys = [[int(part) for part in re.findall(r"\d+", number)] for number in numbers]
    assert len(keys) > 100
    assert keys == sorted(keys), "9 before 10, 96 before 147/6"
