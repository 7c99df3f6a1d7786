"""The list pages in Chromium: filters without reloading, records beside the list, columns, bulk changes, no scripts."""

import re
from collections.abc import Callable, Iterator

import pytest
from httpx import Client
from playwright.sync_api import Browser, Locator, Page, expect

from tests.factories import create, work
from tests.maps.conftest import open_page
from tests.typefaces import PRODUCT_FONT

UNITS = ("Đồn Biên phòng Một", "Sở Ngoại vụ Hai", "Ủy ban, phòng Ba")
SIZES = [(360, 740), (768, 1024), (1366, 768), (1920, 1080)]


@pytest.fixture(scope="module", autouse=True)
def listed(client: Client) -> list[str]:
    """The ids of twelve works, in the order of their due dates."""
    return [
        work(client, title=f"Khảo nghiệm {n:02}", unit=UNITS[n % 3], due_on=f"2030-{n + 1:02}-10", cost_planned=10)[
            "id"
        ]
        for n in range(12)
    ]


@pytest.fixture
def laptop(browser_of: Callable[[str], Browser]) -> Iterator[Page]:
    """A page on a small laptop."""
    yield from open_page(browser_of(PRODUCT_FONT), 1366, 768)


@pytest.fixture
def phone(browser_of: Callable[[str], Browser]) -> Iterator[Page]:
    """A page on a phone."""
    yield from open_page(browser_of(PRODUCT_FONT), 360, 740)


def open_list(page: Page, site_url: str, path: str = "/works?q=khao+nghiem") -> Locator:
    """Open a list; returns its rows."""
    page.goto(site_url + path, wait_until="networkidle")
    return page.locator("#list tbody tr")


def open_filter(page: Page, name: str) -> Locator:
    menu = page.locator(f'[data-filter="{name}"]')
    menu.locator("summary").click()
    return menu


def test_ticked_values_apply_at_once_and_the_menu_stays_open(laptop: Page, site_url: str) -> None:
    rows = open_list(laptop, site_url)
    expect(rows).to_have_count(12)
    laptop.evaluate("window.stays = true")
    menu = open_filter(laptop, "unit")
    menu.get_by_label(UNITS[0]).check()
    expect(rows).to_have_count(4)
    expect(menu.get_by_label(UNITS[0])).to_be_focused()
    menu.get_by_label(UNITS[2]).check()
    expect(rows).to_have_count(8)
    expect(laptop.locator(".sheet-head")).to_contain_text("8 công trình")
    assert laptop.evaluate("window.stays"), "the page is not loaded again"
    laptop.keyboard.press("Escape")
    expect(menu.locator(".menu-body")).to_be_hidden()
    laptop.locator(".chip", has_text=UNITS[0]).click()
    expect(rows).to_have_count(4)
    laptop.go_back()
    expect(rows).to_have_count(8)
    laptop.go_back()
    expect(rows).to_have_count(4)
    laptop.go_forward()
    expect(rows).to_have_count(8)
    laptop.locator(".chips").get_by_role("link", name="Xóa tất cả điều kiện lọc").click()
    expect(rows).not_to_have_count(8)
    assert laptop.url == f"{site_url}/works"


def test_values_are_searched_without_diacritics(laptop: Page, site_url: str) -> None:
    open_list(laptop, site_url, "/units")
    menu = open_filter(laptop, "parent")
    menu.get_by_label("Tìm trong các giá trị").fill("bo  quan su TAY ninh")
    visible = menu.locator("li:not([hidden])")
    expect(visible).to_have_count(1)
    expect(visible).to_contain_text("Bộ Chỉ huy quân sự tỉnh Tây Ninh")


def test_further_filter_is_added_and_takes_a_range(laptop: Page, site_url: str) -> None:
    rows = open_list(laptop, site_url)
    laptop.get_by_text("+ Điều kiện").click()
    laptop.locator("[data-offers=due_on]").click()
    menu = laptop.locator('[data-filter="due_on"]')
    first = menu.get_by_label("Từ", exact=True)
    first.fill("1.3.2030")
    first.press("Tab")
    expect(rows).to_have_count(10)
    menu.get_by_label("Trước hôm nay").check()
    expect(rows).to_have_count(0)
    expect(menu.get_by_label("Từ", exact=True)).to_have_value("")
    expect(laptop.locator(".empty")).to_contain_text("Không có công trình nào khớp “khao nghiem”.")
    menu.get_by_label("Không giới hạn").check()
    expect(rows).to_have_count(12)


def test_record_opens_beside_the_list_and_steps_through_it(laptop: Page, site_url: str, listed: list[str]) -> None:
    rows = open_list(laptop, site_url, "/works?q=khao+nghiem&sort=due_on")
    panel = laptop.locator("#record-panel")
    rows.nth(1).locator("td").nth(3).click()
    expect(panel).to_contain_text("Khảo nghiệm 01")
    assert laptop.url == f"{site_url}/works/{listed[1]}?q=khao+nghiem&sort=due_on"
    expect(rows.nth(1)).to_have_attribute("aria-current", "true")
    laptop.keyboard.press("j")
    expect(panel).to_contain_text("Khảo nghiệm 02")
    laptop.keyboard.press("k")
    laptop.keyboard.press("k")
    expect(panel).to_contain_text("Khảo nghiệm 00")
    laptop.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(rows.nth(0).locator("a")).to_be_focused()
    assert laptop.url == f"{site_url}/works?q=khao+nghiem&sort=due_on"
    laptop.keyboard.press("j")
    laptop.keyboard.press("Enter")
    expect(panel).to_contain_text("Khảo nghiệm 01")
    laptop.go_back()
    expect(panel).to_be_hidden()
    expect(rows).to_have_count(12)
    laptop.go_forward()
    expect(panel).to_contain_text("Khảo nghiệm 01")
    laptop.reload(wait_until="networkidle")
    expect(panel).to_contain_text("Khảo nghiệm 01")
    expect(rows).to_have_count(12)


def test_record_covers_the_list_on_a_phone(phone: Page, site_url: str) -> None:
    rows = open_list(phone, site_url)
    rows.nth(3).get_by_role("link").click()
    panel = phone.locator("#record-panel")
    expect(panel).to_contain_text("Khảo nghiệm 03")
    box = panel.bounding_box()
    assert box is not None
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 360, 740)
    close = panel.get_by_role("button").first.bounding_box()
    assert close is not None
    assert close["height"] >= 44
    phone.keyboard.press("Escape")
    expect(rows.nth(3).get_by_role("link")).to_be_in_viewport()


def test_columns_and_density_are_remembered(laptop: Page, site_url: str) -> None:
    open_list(laptop, site_url)
    columns = laptop.locator("#columns")
    laptop.locator(".columns-menu summary").click()
    for label in ("Quy trình phối hợp với phía bạn", "Đang chờ (cơ quan, việc)"):
        columns.get_by_label(label, exact=True).uncheck()
    columns.get_by_label("Dự toán", exact=True).check()
    columns.get_by_label("Đưa Giai đoạn lên").click()
    columns.get_by_role("button", name="Gọn").click()
    columns.get_by_role("button", name="Áp dụng").click()
    heads = ["", "Tên công trình", "Giai đoạn", "Tình trạng tiến độ", "Vị trí theo mốc", "Đơn vị chủ trì", "Thời hạn",
             "Tiến độ", "Dự toán"]  # fmt: skip
    expect(laptop.locator("#list th")).to_have_text(heads)
    expect(laptop.locator("#list tfoot")).to_contain_text("120 triệu đồng")
    laptop.goto(f"{site_url}/works", wait_until="networkidle")
    expect(laptop.locator("#list th")).to_have_text(heads)
    expect(laptop.locator("body")).to_have_class(re.compile("compact"))
    assert "columns=stage,urgency" in laptop.get_by_role("link", name="Tải Excel").evaluate("link => location.search")
    assert "properties=title,stage,urgency" in (
        laptop.get_by_role("link", name="Tải Excel").get_attribute("href") or ""
    )
    laptop.goto(f"{site_url}/gates", wait_until="networkidle")
    expect(laptop.locator("#list th").last).to_have_text("Sự kiện sắp tới")
    laptop.goto(f"{site_url}/works", wait_until="networkidle")
    laptop.locator(".columns-menu summary").click()
    columns.get_by_role("link", name="Mặc định").click()
    expect(laptop.locator("#list th")).not_to_have_text(heads)


def test_order_and_pages_change_without_reloading(laptop: Page, site_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.pages.lists.ROWS_PER_PAGE", 5)
    rows = open_list(laptop, site_url)
    laptop.evaluate("window.stays = true")
    laptop.locator("#list th").get_by_role("link", name="Thời hạn").click()
    expect(laptop.locator("th[aria-sort=ascending]")).to_contain_text("Thời hạn")
    laptop.locator("#list th").get_by_role("link", name="Thời hạn").click()
    expect(rows.first).to_contain_text("Khảo nghiệm 11")
    laptop.get_by_role("link", name="Trang sau").click()
    expect(laptop.locator(".sheet-head")).to_contain_text("6–10 / 12 công trình")
    laptop.get_by_role("link", name="Trang 3").click()
    expect(rows).to_have_count(2)
    laptop.get_by_role("link", name="Trang trước").click()
    expect(rows).to_have_count(5)
    assert laptop.evaluate("window.stays")


def select_rows(page: Page, *numbers: int) -> None:
    for number in numbers:
        page.locator("[data-pick]").nth(number).check()


def test_a_field_of_many_rows_is_changed_after_a_check_and_undone(laptop: Page, site_url: str, client: Client) -> None:
    rows = open_list(laptop, site_url, "/works?q=khao+nghiem&columns=plan,funding")
    select_rows(laptop, 0, 2)
    bar = laptop.locator("#bulk-bar")
    expect(bar).to_contain_text("Đã chọn 2")
    bar.get_by_role("button", name="Chọn cả 12 dòng khớp").click()
    expect(bar).to_contain_text("Đã chọn 12")
    bar.get_by_role("button", name="Sửa thông tin").click()
    dialog = laptop.get_by_role("dialog")
    dialog.get_by_label("Thông tin cần sửa").select_option(label="Kế hoạch")
    dialog.get_by_label("Kế hoạch", exact=True).fill("Kế hoạch 45/KH-UBND")
    dialog.get_by_role("button", name="Kiểm tra").click()
    expect(dialog.get_by_role("alert")).to_be_visible()  # the reason is missing
    dialog.get_by_label("Lý do, căn cứ").fill("Công văn 12")
    dialog.get_by_role("button", name="Kiểm tra").click()
    expect(dialog).to_contain_text("12 dòng cập nhật được")
    expect(dialog).to_contain_text("Kế hoạch: Kế hoạch 45/KH-UBND · Công văn 12")
    assert "45/KH" not in rows.first.inner_text(), "a check changes nothing"
    dialog.get_by_role("button", name="Cập nhật cả 12 dòng").click()
    expect(rows.first).to_contain_text("Kế hoạch 45/KH-UBND")
    notice = laptop.locator(".notice")
    expect(notice).to_contain_text("đã cập nhật 12 dòng")
    notice.get_by_role("button", name="Hoàn tác").click()
    expect(rows.first).not_to_contain_text("45/KH-UBND")


def test_refused_rows_are_named_and_the_others_changed_on_demand(laptop: Page, site_url: str, client: Client) -> None:
    first, second = (work(client, title=f"Chuyển bước {n}") for n in range(2))
    moved = client.post(f"/ogc/collections/works/items/{second['id']}/moves", json={"to": "designed", "reason": "x"})
    assert moved.is_success
    rows = open_list(laptop, site_url, "/works?q=chuyen+buoc&sort=title")
    laptop.locator("[data-pick-page]").check()
    laptop.locator("#bulk-bar").get_by_role("button", name="Cập nhật tình trạng").click()
    dialog = laptop.get_by_role("dialog")
    dialog.get_by_label("Chuyển sang").select_option(label="Thiết kế")
    dialog.get_by_label("Lý do, căn cứ").fill("Tờ trình 45")
    dialog.get_by_role("button", name="Kiểm tra").click()
    refused = dialog.locator(".refused-rows li")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("Chuyển bước 1")
    expect(dialog.get_by_role("button", name="Cập nhật cả")).to_have_count(0)
    dialog.get_by_role("button", name="Chỉ cập nhật 1 dòng được").click()
    expect(laptop.locator(".notice")).to_contain_text("1 dòng giữ nguyên")
    expect(rows.first).to_contain_text("Thiết kế")
    stage = client.get(f"/ogc/collections/works/items/{first['id']}").json()["properties"]["stage"]
    assert stage == "designed"


def test_retired_rows_come_back_by_undo(laptop: Page, site_url: str, client: Client) -> None:
    for number in range(3):
        work(client, title=f"Nhập trùng {number}")
    rows = open_list(laptop, site_url, "/works?q=nhap+trung")
    select_rows(laptop, 0, 1)
    laptop.locator("#bulk-bar").get_by_role("button", name="Ngừng sử dụng").click()
    dialog = laptop.get_by_role("dialog")
    dialog.get_by_label("Lý do, căn cứ").fill("Nhập trùng")
    dialog.get_by_role("button", name="Kiểm tra").click()
    dialog.get_by_role("button", name="Cập nhật cả 2 dòng").click()
    expect(rows).to_have_count(1)
    laptop.locator(".notice").get_by_role("button", name="Hoàn tác").click()
    expect(rows).to_have_count(3)


def test_past_list_offers_no_changes(laptop: Page, site_url: str) -> None:
    open_list(laptop, site_url, "/markers?as_of=2030-01-01")
    expect(laptop.locator("[data-pick]")).to_have_count(0)
    expect(laptop.locator("[data-new]")).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_page_with_an_open_record_is_not_too_wide(
    browser_of: Callable[[str], Browser], site_url: str, client: Client, width: int, height: int
) -> None:
    unit = create(client, "units", name="Ủy ban nhân dân xã " + "rất dài " * 20, kind="department")["id"]
    for page in open_page(browser_of(PRODUCT_FONT), width, height):
        for path in (
            f"/units/{unit}",
            "/works?columns=" + "description,plan,clause,funding,cost_planned,cost_spent,source",
        ):
            page.goto(site_url + path, wait_until="networkidle")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert page.evaluate("document.documentElement.scrollHeight <= innerHeight") or width == 360, path


def test_list_is_filtered_and_opened_without_scripts(
    browser_of: Callable[[str], Browser], site_url: str, listed: list[str]
) -> None:
    context = browser_of(PRODUCT_FONT).new_context(java_script_enabled=False, viewport={"width": 1366, "height": 768})
    page = context.new_page()
    rows = page.locator("#list tbody tr")
    page.goto(f"{site_url}/works?q=khao+nghiem")
    open_filter(page, "unit").get_by_label(UNITS[1]).check()
    page.get_by_role("button", name="Áp dụng").last.click()
    expect(rows).to_have_count(4)
    rows.first.get_by_role("link").click()
    page.get_by_role("link", name="Xem hồ sơ").click()
    expect(page.locator("main :is(h1, h2)").first).to_contain_text("Khảo nghiệm")
    context.close()


def test_hostile_text_is_inert_in_filters_chips_and_dialogs(laptop: Page, site_url: str, client: Client) -> None:
    hostile = "<img src=x onerror=alert(1)>{{7*7}}"
    work(client, title=hostile, unit=hostile)
    rows = open_list(laptop, site_url, "/works?q=onerror")
    menu = open_filter(laptop, "unit")
    menu.get_by_label(hostile).check()
    expect(laptop.locator(".chip", has_text=hostile).first).to_be_visible()
    laptop.keyboard.press("Escape")
    select_rows(laptop, 0)
    laptop.locator("#bulk-bar").get_by_role("button", name="Ngừng sử dụng").click()
    laptop.keyboard.press("Escape")
    rows.first.get_by_role("link").click()
    expect(laptop.locator("#record-panel")).to_contain_text(hostile)
    assert laptop.locator("img").count() == 0
