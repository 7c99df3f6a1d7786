"""Records, lists and the board in a real Chromium, with the real application and its reference data."""

import datetime as dt
import json
import re
from http import HTTPStatus
from typing import Any

import pytest
from httpx import Client
from playwright.sync_api import Page, Response, Route, expect

from maps.assets import fetch
from tests.factories import incident, task, work
from tests.screenshots import CUT_CELLS
from tests.typefaces import in_each_typeface

HUNDRED_KB = 100_000
MIN_TARGET_PX = 43.5
"""The least size of a touch target, 44 CSS pixels, less rounding."""
TODAY = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date()


@pytest.fixture(autouse=True, scope="module")
def _assets() -> None:
    fetch()


def item(client: Client, layer: str, feature: dict[str, Any], rest: str = "") -> dict[str, Any]:
    """The JSON at the URL of a feature, or at a path below it."""
    answer: dict[str, Any] = client.get(f"/ogc/collections/{layer}/items/{feature['id']}{rest}").json()
    return answer


def find_feature(client: Client, layer: str, keywords: str) -> dict[str, Any]:
    features = client.get(f"/ogc/collections/{layer}/items", params={"q": keywords}).json()["features"]
    assert len(features) == 1, keywords
    feature: dict[str, Any] = features[0]
    return feature


def open_record(page: Page, site_url: str, layer: str, feature: dict[str, Any]) -> None:
    """Open the record: at once on a phone and for documents, otherwise from the card on the map."""
    page.goto(f"{site_url}/?select={layer}/{feature['id']}")
    page.locator(".record, .card").first.wait_for()
    if (button := page.get_by_role("button", name="Mở hồ sơ")).count():
        button.click()
    page.locator(".record").wait_for()


def test_next_step_of_a_procedure_is_recorded_on_the_card(page: Page, site_url: str, client: Client) -> None:
    repair = work(client, title="Sửa mốc 304 bị nghiêng", starts_on="2030-06-30", cost_planned=350.5)
    page.goto(f"{site_url}/?select=works/{repair['id']}")
    steps = page.locator(".checklist li")
    expect(steps).to_have_count(6)
    expect(page.locator(".checklist .next .what")).to_have_text("Bên phát hiện thông báo ngay cho phía bên kia")
    expect(steps.nth(2)).to_contain_text("hạn 20/06/2030")
    expect(page.locator(".card .facts").first).to_contain_text("30/06/2030")
    expect(page.locator(".card .facts").first).to_contain_text("350,5 triệu đồng")
    page.locator(".checklist .next button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Ngày thực hiện")).to_have_value(f"{TODAY:%d/%m/%Y}")
    dialog.get_by_label("Văn bản").fill("12/CV-SNgV")
    dialog.get_by_label("Ghi chú").fill("báo qua trạm liên lạc")
    dialog.get_by_role("button", name="Ghi nhận bước này").click()
    expect(page.locator(".checklist .done")).to_have_count(1)
    expect(page.locator(".checklist .next .what")).to_have_text("Hai bên cùng xác nhận")
    first = item(client, "works", repair, "/steps")["steps"][0]
    assert (first["done_on"], first["document"], first["note"]) == (
        TODAY.isoformat(), "12/CV-SNgV", "báo qua trạm liên lạc",
    )  # fmt: skip
    page.goto(f"{site_url}/works")
    expect(page.locator(f'tr[data-id="{repair["id"]}"]')).to_contain_text("1/6 · Hai bên cùng xác nhận")


def test_transition_and_edit_can_be_undone(page: Page, site_url: str, client: Client) -> None:
    logged = incident(client, description="Ba người qua lại")
    open_record(page, site_url, "incidents", logged)
    page.get_by_role("button", name="Cập nhật tình trạng").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Không đủ căn cứ, không xử lý").check()
    dialog.get_by_label("Lý do").fill("Biên bản 12")
    dialog.get_by_role("button", name="Cập nhật tình trạng").click()
    expect(page.locator(".notice")).to_contain_text("Đã chuyển sang “Không đủ căn cứ, không xử lý”")
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.locator(".notice")).to_have_text("Đã hoàn tác")
    expect(page.locator(".step-words b").first).to_have_text("Báo cáo nhanh")
    assert item(client, "incidents", logged)["properties"]["handling"] == "reported"
    assert item(client, "incidents", logged, "/history")["entries"][0]["reason"] == "hoàn tác"

    page.get_by_role("button", name="Sửa", exact=True).click()
    page.get_by_label("Mô tả").fill("Năm người qua lại")
    page.get_by_role("button", name="Lưu").click()
    expect(page.locator(".notice")).to_contain_text("Đã lưu")
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.locator(".notice")).to_have_text("Đã hoàn tác")
    assert item(client, "incidents", logged)["properties"]["description"] == "Ba người qua lại"


def test_transition_without_a_way_back_offers_no_undo(desktop_page: Page, site_url: str, client: Client) -> None:
    open_record(desktop_page, site_url, "incidents", incident(client))
    desktop_page.get_by_role("button", name="Cập nhật tình trạng").first.click()
    dialog = desktop_page.get_by_role("dialog")
    dialog.get_by_label("Đã xác minh").check()
    dialog.get_by_label("Lý do").fill("Biên bản 12")
    dialog.get_by_role("button", name="Cập nhật tình trạng").click()
    expect(desktop_page.locator(".notice")).to_have_text("Đã chuyển sang “Đã xác minh”")


def test_undo_restores_a_position_and_its_marker_address(desktop_page: Page, site_url: str, client: Client) -> None:
    logged = incident(client, place={"text": "147/6 + 120 m", "border": "VN-KH"})
    open_record(desktop_page, site_url, "incidents", logged)
    desktop_page.get_by_role("button", name="Nhập vị trí").click()
    desktop_page.locator("#place-text").fill("118")
    expect(desktop_page.locator(".place-control .said")).to_contain_text("118")
    desktop_page.get_by_role("button", name="Lưu").click()
    expect(desktop_page.locator(".field-fault:visible")).to_have_text("Chưa nhập nội dung bắt buộc này.")
    expect(desktop_page.get_by_label("Lý do, căn cứ")).to_be_focused()
    desktop_page.get_by_label("Lý do, căn cứ").fill("đo lại bằng GPS")
    desktop_page.get_by_role("button", name="Lưu").click()
    desktop_page.get_by_role("button", name="Hoàn tác").click()
    expect(desktop_page.locator(".notice")).to_have_text("Đã hoàn tác")
    assert item(client, "incidents", logged)["properties"]["address"] == "147/6 + 120 m"
    entries = item(client, "incidents", logged, "/history")["entries"]
    assert [entry["reason"] for entry in entries] == ["hoàn tác", "đo lại bằng GPS", None]
    assert entries[0]["moved_m"] == entries[1]["moved_m"] > 1000
    assert all(entry["request"] and entry["device_at"] for entry in entries[:2])


def test_link_is_created_removed_restored_and_followed(page: Page, site_url: str, client: Client) -> None:
    followed_task = task(client, title="Theo dõi sạt lở bờ sông")
    open_record(page, site_url, "tasks", followed_task)
    links = page.locator(".links li")
    expect(links).to_contain_text(["Chưa liên kết"])
    for text, choice, role in (("147/6", "Mốc 147/6", "Liên quan đến"), ("168–168/2", "Vị trí", "Nơi thực hiện")):
        page.get_by_role("button", name="Liên kết với…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("searchbox").fill(text)
        dialog.locator(".choice").filter(has_text=choice).first.click()
        expect(dialog.get_by_label("Mối liên hệ").locator(":checked")).to_have_text(role)
        dialog.get_by_role("button", name="Liên kết", exact=True).click()
        expect(links.filter(has_text=text)).to_contain_text(role)
    linked = {link["title"] or link["at"]: link for link in item(client, "tasks", followed_task, "/links")["links"]}
    assert {name: link["role"] for name, link in linked.items()} == {"147/6": "subject", "168–168/2": "site"}

    page.get_by_role("button", name="Bỏ liên kết với 147/6").click()
    expect(links).to_have_count(1)
    page.get_by_role("button", name="Hoàn tác").click()
    expect(links).to_have_count(2)
    page.get_by_role("button", name="Mốc 147/6", exact=True).click()
    expect(page.locator(".card:visible h2").first).to_contain_text("Mốc 147/6")
    expect(page).to_have_url(re.compile(linked["147/6"]["id"]))


def test_gate_record_shows_events_categories_and_plans_as_tables(
    desktop_page: Page, site_url: str, client: Client
) -> None:
    open_record(desktop_page, site_url, "gates", find_feature(client, "gates", "chang riec"))
    tables = desktop_page.locator(".record .child-table")
    expect(tables.locator("h3")).to_contain_text(["Sự kiện", "Loại hình cửa khẩu", "Quy hoạch"])
    expect(tables.nth(0)).to_contain_text("Quy hoạch nâng cấp thành cửa khẩu quốc tế")
    current = tables.nth(1).locator("tbody tr").first.locator("td")
    expect(current).to_contain_text(["Chính (song phương)", "31/12/2015", "–", "90/NQ-CP"])
    plan = tables.nth(2).locator("tbody tr").first.locator("td")
    expect(plan).to_contain_text(["2030", "Quốc tế", "Đường bộ", "1200/QĐ-TTg", "14/10/2023"])
    desktop_page.goto(f"{site_url}/gates")
    huu_nghi = desktop_page.locator(f'tr[data-id="{find_feature(client, "gates", "huu nghi")["id"]}"]')
    expect(huu_nghi).to_contain_text("Thí điểm thông quan hai chiều")


def test_keywords_match_with_and_without_diacritics(desktop_page: Page, site_url: str, client: Client) -> None:
    desktop_page.goto(f"{site_url}/?tab=tasks")
    desktop_page.get_by_role("button", name="+ lọc").click()
    desktop_page.get_by_label("Từ khóa").fill("boi thuong")
    titles = desktop_page.locator(".row .title")
    expect(titles.first).to_contain_text("bồi thường")
    expect(titles.filter(has_not_text="bồi thường")).to_have_count(0)
    expect(desktop_page).to_have_url(re.compile("text=boi"))
    expect(desktop_page.get_by_label("Từ khóa")).to_be_focused()
    count = titles.count()
    desktop_page.reload()
    expect(titles).to_have_count(count)
    desktop_page.goto(f"{site_url}/tasks?q=boi+thuong")
    expect(desktop_page.locator("tbody tr")).to_have_count(count)
    expect(desktop_page.locator("#q")).to_have_value("")


def test_tasks_are_filtered_by_missing_detail_and_by_unit(desktop_page: Page, site_url: str, client: Client) -> None:
    clear = task(client, title="Nhiệm vụ đủ sáu rõ", lead_unit="Đồn thử nghiệm")
    desktop_page.goto(f"{site_url}/tasks")
    desktop_page.locator('[data-filter="missing_clears"] summary').click()
    desktop_page.locator('[data-filter="missing_clears"]').get_by_label("Rõ sản phẩm").check()
    expect(desktop_page).to_have_url(re.compile("missing_clears=product"))
    expect(desktop_page.locator(f'tr[data-id="{clear["id"]}"]')).to_have_count(0)
    expect(desktop_page.locator("tbody tr").first).to_contain_text("Rõ sản phẩm")
    desktop_page.goto(f"{site_url}/tasks")
    desktop_page.locator('[data-filter="lead_unit"] summary').click()
    desktop_page.locator('[data-filter="lead_unit"]').get_by_label("Đồn thử nghiệm").check()
    expect(desktop_page.locator("tbody tr")).to_have_count(1)


def test_panel_titles_of_works_are_marker_and_kind(desktop_page: Page, site_url: str) -> None:
    desktop_page.goto(site_url)
    expect(desktop_page.locator(".row .title").filter(has_text="Mốc 147/6 · sửa chữa")).to_have_count(1)
    expect(desktop_page.locator(".row .title").filter(has_text="Đoạn 168–168/2 · cắm tăng dày cọc dấu")).to_have_count(
        1
    )


def test_only_layers_with_positions_are_offered_on_the_map(desktop_page: Page, site_url: str) -> None:
    desktop_page.goto(site_url)
    layers = desktop_page.locator("#layer-list")
    expect(layers).to_contain_text("Mốc quốc giới")
    for name in ("Văn bản", "Đơn vị", "Địa giới hành chính", "Đường biên giới"):
        expect(layers.get_by_text(name, exact=True)).to_have_count(0)


def test_record_prints_alone_on_portrait_a4(desktop_page: Page, site_url: str, client: Client) -> None:
    open_record(desktop_page, site_url, "works", find_feature(client, "works", "cot moc 147/6"))
    desktop_page.emulate_media(media="print")
    expect(desktop_page.locator(".record h2")).to_be_visible()
    expect(desktop_page.locator(".record .print-only")).to_contain_text("Số liệu đến")
    expect(desktop_page.locator("#map_main")).to_be_hidden()
    assert re.findall(rb"/MediaBox *\[0 0 (59\d)\S* (84\d)", desktop_page.pdf(prefer_css_page_size=True))


@pytest.mark.parametrize("files_of", [("/?tab=gates", "Excel", 18), ("/gates?border=VN-KH", "GeoJSON", 8)])
def test_download_menu_works_by_keyboard_for_every_format(
    page: Page, site_url: str, client: Client, files_of: tuple[str, str, int]
) -> None:
    path, first, number = files_of
    page.goto(site_url + path, wait_until="networkidle")
    menu = page.locator(".panel-foot details.menu, details.formats")
    button, files = menu.locator("summary"), menu.get_by_role("link")
    button.focus()
    page.keyboard.press("Enter")
    expect(files).to_have_count(number)
    for link in files.all():
        assert client.get(str(link.get_attribute("href"))).status_code == HTTPStatus.OK
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Tab")
    expect(files.first).to_be_focused()
    expect(files.first).to_contain_text(first)
    with page.expect_download() as download:
        menu.get_by_role("link", name="GeoJSON", exact=True).first.press("Enter")
    assert {feature["id"] for feature in json.loads(download.value.path().read_text("utf-8"))["features"]} == {
        row.get_attribute("data-id") for row in page.locator(".row, tbody tr").all()
    }
    expect(menu).not_to_have_attribute("open", "")

    partner = menu.locator("section").filter(has_text="Cung cấp cho đối tác")
    if partner.count():
        button.press("Enter")
        with page.expect_download() as download:
            partner.get_by_role("link", name="GeoJSON", exact=True).click()
        assert json.loads(download.value.path().read_text("utf-8"))["withheld_positions"] > 0

    button.press("Enter")
    page.keyboard.press("Escape")
    expect(menu.locator(".menu-body")).to_be_hidden()
    expect(button).to_be_focused()
    button.press("Enter")
    page.emulate_media(media="print")
    expect(menu.locator(".menu-body")).to_be_hidden()


def test_open_download_menu_updates_its_bbox_with_the_map_view(desktop_page: Page, site_url: str) -> None:
    def add_next_link(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "links": [{"rel": "next", "href": "/"}]})

    desktop_page.set_viewport_size({"width": 1000, "height": 700})  # A layer with more pages is drawn from tiles.
    desktop_page.route("**/ogc/collections/gates/items*", add_next_link)
    desktop_page.goto(f"{site_url}/?tab=gates", wait_until="networkidle")
    desktop_page.locator(".panel-foot summary").click()
    first = desktop_page.locator(".panel-foot a[data-format]").first
    first.focus()
    before = str(first.get_attribute("href"))
    assert "bbox=" in before
    desktop_page.evaluate("map_main.setZoom(12)")
    expect(first).not_to_have_attribute("href", before)
    expect(first).to_be_focused()
    desktop_page.unroute_all(behavior="wait")


@in_each_typeface
def test_panel_footer_is_visible_and_large_enough_on_a_phone(page: Page, site_url: str) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    for tab in ("works", "gates", "incidents", "tasks"):
        page.goto(f"{site_url}/?tab={tab}&lang=en", wait_until="networkidle")
        for name in ("Download", "Open the list", "Print"):
            control = page.locator(".panel-foot > :is(a, button), .panel-foot summary").filter(has_text=name)
            expect(control).to_be_in_viewport(ratio=1)
            box = control.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= MIN_TARGET_PX, name


@pytest.mark.parametrize("path", ["/", "/board", "/works", "/gates", "/incidents", "/tasks", "/markers", "/documents"])
def test_every_page_opens_the_incident_form_by_link_and_shortcut(page: Page, site_url: str, path: str) -> None:
    page.goto(site_url + path, wait_until="networkidle")
    expect(page.get_by_role("link", name="+ Ghi sự vụ").first).to_be_in_viewport(ratio=1)
    page.keyboard.press("n")
    expect(page).to_have_url(f"{site_url}/incidents/new")


@in_each_typeface
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1366, 768), (1280, 720)])
def test_board_fits_a_16_to_9_screen_with_all_its_rows(
    desktop_page: Page, site_url: str, width: int, height: int
) -> None:
    desktop_page.set_viewport_size({"width": width, "height": height})
    desktop_page.goto(f"{site_url}/board")
    assert desktop_page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    hidden = desktop_page.evaluate(
        "[...document.querySelectorAll('.tile-rows')].filter((tile) => tile.scrollHeight > tile.clientHeight).length"
    )
    assert hidden == 0
    for text in ("quá hạn", "chờ Chính phủ cho ý kiến, từ 01/2023"):
        expect(desktop_page.locator(".tile-owed td").filter(has_text=text).first).to_be_in_viewport(ratio=1)
    cut = desktop_page.locator(".tile-owed td:nth-child(n + 4)").evaluate_all(CUT_CELLS)
    assert cut == [], "days and reasons are not cut off"
    for link in desktop_page.locator(".more a").all():
        expect(link).to_be_in_viewport(ratio=1)


def test_pages_and_responses_stay_below_their_size_limits(desktop_page: Page, site_url: str) -> None:
    too_large: list[str] = []

    def check_size(response: Response) -> None:
        if int(response.headers.get("content-length", 0)) > 3 * HUNDRED_KB:
            too_large.append(response.url)

    desktop_page.on("response", check_size)
    for path in ("/", "/board", "/works", "/incidents/new"):
        answer = desktop_page.goto(site_url + path, wait_until="networkidle")
        assert answer is not None
        # The page of a list holds the choices of its filters and columns, so for it the bytes on the network count.
        size = int(answer.headers["content-length"]) if path == "/works" else len(answer.body())
        assert size < 30_000, path
    assert too_large == []
