"""Forms of features in a real Chromium: numbers, faults, drafts, conflicts, registers; on the real application."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from httpx import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gis.model import catalog
from maps.assets import fetch
from tests.contract.layer_groups import every_editable_layer
from tests.factories import create, minimal_body, patch, task, work
from tests.maps.browser.record_host import open_host, open_in_panel
from tests.screenshots import CLIPPED_TEXT, TARGETS_TOO_SMALL

READ_NUMBER = """async ([text, limits]) => {
    const { readNumber } = await import("/static/forms/number_text.js");
    const reading = readNumber(text, limits);
    return reading.value ?? reading.fault;
}"""
DRAFTS = """async () => (await import("/static/forms/drafts.js")).draftsOfPerson()"""


@pytest.fixture(autouse=True, scope="module")
def _assets() -> None:
    fetch()


def properties(client: Client, layer: str, feature: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = client.get(f"/ogc/collections/{layer}/items/{feature['id']}").json()["properties"]
    return values


def edit(page: Page, site_url: str, layer: str, feature: dict[str, Any]) -> None:
    """Open the form of a feature from its record."""
    open_host(page, site_url, layer, feature)
    page.get_by_role("button", name="Sửa", exact=True).first.click()
    page.locator(".feature-form").wait_for()


def save(page: Page) -> None:
    page.get_by_role("button", name="Lưu", exact=True).click()


MONEY = {"minimum": 0, "decimals": 2}


@pytest.mark.parametrize(
    ("text", "limits", "value"),
    [
        ("1.250", MONEY, 1250),
        ("1.250,5", MONEY, 1250.5),
        ("1.250.000", MONEY, 1250000),
        ("1 250 000", MONEY, 1250000),
        ("1250,5", MONEY, 1250.5),
        ("0,125", {}, 0.125),
        ("1250,125", {}, 1250.125),
        ("350", {"decimals": 0}, 350),
        ("−5", {}, -5),
        ("1,250", MONEY, "1.250 hoặc 1,25"),
        ("1,255", MONEY, "1.255 hoặc 1,2550"),
        ("1.25", MONEY, "Nhập số theo dạng"),
        ("1.2500", MONEY, "Nhập số theo dạng"),
        ("12 năm", MONEY, "Nhập số theo dạng"),
        ("1e3", MONEY, "Nhập số theo dạng"),
        ("1250,555", MONEY, "2 chữ số thập phân"),
        ("1,5", {"decimals": 0}, "số nguyên"),
        ("-5", MONEY, "nhỏ hơn 0"),
        ("150", {"minimum": 0, "maximum": 100, "decimals": 0}, "từ 0 đến 100"),
    ],
)
def test_numbers_are_read_as_vietnamese_writes_them(
    number_page: Page, text: str, limits: dict[str, Any], value: float | str
) -> None:
    reading = number_page.evaluate(READ_NUMBER, [text, limits])
    if isinstance(value, str):
        assert value in str(reading)
    else:
        assert reading == value


@pytest.fixture(scope="module")
def number_page(site_url: str, chromium: Any) -> Any:
    page = chromium.new_page()
    open_host(page, site_url, "units", None)
    yield page
    page.close()


def test_money_is_stored_as_it_was_meant(page: Page, site_url: str, client: Client) -> None:
    repair = work(client)
    edit(page, site_url, "works", repair)
    cost = page.get_by_label("Dự toán (triệu đồng)")
    assert cost.get_attribute("inputmode") == "decimal"
    cost.fill("1.250")
    page.get_by_label("Kinh phí được phê duyệt").fill("1187,5")
    page.get_by_label("Kinh phí được phê duyệt").blur()
    expect(page.get_by_label("Kinh phí được phê duyệt")).to_have_value("1.187,5")
    expect(page.get_by_text("1.250 triệu đồng = 1,25 tỷ đồng")).to_be_visible()
    save(page)
    expect(page.locator(".record .facts").first).to_contain_text("1.250 triệu đồng")
    stored = properties(client, "works", repair)
    assert (stored["cost_planned"], stored["cost_approved"]) == (1250, 1187.5)


def test_all_faults_are_shown_at_their_fields_and_the_first_is_focused(
    page: Page, site_url: str, client: Client
) -> None:
    repair = work(client)
    edit(page, site_url, "works", repair)
    page.get_by_label("Tên công trình").fill("")
    page.get_by_label("Thời hạn").fill("31/02/2027")
    page.get_by_label("Tiến độ").fill("150")
    page.get_by_label("Dự toán").fill("1,250")
    save(page)
    expect(page.get_by_label("Tên công trình")).to_be_focused()
    expect(page.get_by_label("Tên công trình")).to_be_in_viewport()
    expect(page.get_by_role("alert")).to_contain_text("Có 4 chỗ cần sửa")
    faults = page.locator(".field-fault:visible")
    expect(faults).to_have_text(
        [
            "Chưa nhập nội dung bắt buộc này.",
            "Nhập ngày theo dạng 20/11/2026",
            "Nhập số từ 0 đến 100.",
            re.compile("“1,250” có thể hiểu là 1.250 hoặc 1,25"),
        ]
    )
    expect(page.get_by_role("button", name="Lưu", exact=True)).to_be_in_viewport(ratio=1)
    page.get_by_label("Tên công trình").fill("Sửa mốc 304")
    expect(faults).to_have_count(3)
    assert properties(client, "works", repair)["progress"] == 0


def test_errors_of_the_server_stand_at_their_fields(desktop_page: Page, site_url: str) -> None:
    open_host(desktop_page, site_url, "documents", None)
    desktop_page.get_by_label("Trích yếu").fill("Quyết định TUYỆT MẬT")
    desktop_page.get_by_label("Loại văn bản").select_option("decision")
    desktop_page.get_by_label("Số, ký hiệu").fill("không có số")
    save(desktop_page)
    expect(desktop_page.locator(".field-fault:visible").first).to_be_visible()
    expect(desktop_page.get_by_label("Trích yếu")).to_have_attribute("aria-invalid", "true")
    expect(desktop_page.get_by_label("Trích yếu")).to_be_focused()


def test_long_text_is_counted_and_never_cut(desktop_page: Page, site_url: str, client: Client) -> None:
    edit(desktop_page, site_url, "works", work(client))
    text = desktop_page.get_by_label("Nội dung")
    text.fill("ă" * 4500)
    expect(desktop_page.get_by_text("4.500 / 5.000 ký tự")).to_be_visible()
    text.fill("ă" * 5001)
    save(desktop_page)
    expect(desktop_page.get_by_text("Dài 5.001 ký tự, tối đa 5.000.")).to_be_visible()
    assert len(text.input_value()) == 5001


@pytest.fixture
def tabs(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser whose tabs share their storage."""
    with chromium.new_context(viewport={"width": 1366, "height": 768}, locale="vi-VN") as context:
        yield context


def test_draft_survives_a_lost_tab_and_is_deleted_when_saved(
    tabs: BrowserContext, site_url: str, client: Client
) -> None:
    repair = work(client)
    page = tabs.new_page()
    edit(page, site_url, "works", repair)
    page.get_by_label("Nội dung").fill("Kè lại chân mốc")
    page.get_by_label("Dự toán").fill("1,2")
    wait_for_drafts(page, 1)
    page.wait_for_timeout(600)
    (draft,) = page.evaluate(DRAFTS)
    assert draft["key"].startswith(f"works/{repair['id']}/")
    assert (draft["layer"], draft["id"], draft["method"]) == ("works", repair["id"], "PATCH")
    assert draft["path"] == f"/ogc/collections/works/items/{repair['id']}"
    assert draft["base_version"] == client.get(draft["path"]).headers["etag"]
    assert draft["body"]["properties"] == {"description": "Kè lại chân mốc", "cost_planned": 1.2}
    assert draft["complete"]
    assert draft["updated_at"]
    assert draft["idempotency_key"]
    page.close()

    page = tabs.new_page()
    edit(page, site_url, "works", repair)
    expect(page.get_by_role("status").filter(has_text="Đã khôi phục")).to_be_visible()
    expect(page.get_by_label("Nội dung")).to_have_value("Kè lại chân mốc")
    assert page.evaluate(DRAFTS)[0]["key"] != draft["key"], "it belongs to the new tab"
    save(page)
    expect(page.locator(".record")).to_be_visible()
    wait_for_drafts(page, 0)
    assert properties(client, "works", repair)["description"] == "Kè lại chân mốc"


def wait_for_drafts(page: Page, number: int) -> None:
    """Wait until so many drafts are stored."""
    for _ in range(100):
        if len(page.evaluate(DRAFTS)) == number:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"there are not {number} drafts")


def test_draft_of_a_new_feature_is_restored_and_discarded(tabs: BrowserContext, site_url: str) -> None:
    page = tabs.new_page()
    open_host(page, site_url, "tasks", None)
    page.get_by_label("Tên nhiệm vụ").fill("Nhiệm vụ nhập dở")
    wait_for_drafts(page, 1)
    page.close()
    page = tabs.new_page()
    open_host(page, site_url, "tasks", None)
    name = page.get_by_label("Tên nhiệm vụ")
    expect(name).to_have_value("Nhiệm vụ nhập dở")
    page.get_by_role("status").get_by_role("button", name="Bỏ nội dung đã nhập").click()
    expect(name).to_have_value("")
    wait_for_drafts(page, 0)


def test_save_sends_only_what_this_person_changed(page: Page, site_url: str, client: Client) -> None:
    report = task(client, due_on="2030-12-31")
    edit(page, site_url, "tasks", report)
    page.get_by_label("Sản phẩm").fill("báo cáo bằng văn bản")
    page.get_by_label("Người phụ trách").fill("Trần Văn B")
    assert patch(client, "tasks", report, person="Nguyễn Văn A", due_on="2031-06-30").status_code == 200
    save(page)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Người khác vừa sửa cùng nội dung")
    expect(notice).to_contain_text("Thời hạn: 31/12/2030 → 30/06/2031")
    group = notice.get_by_role("group", name="Người phụ trách")
    expect(group.get_by_label("của người kia: Nguyễn Văn A")).to_be_checked()
    expect(group.get_by_label("của bạn: Trần Văn B")).not_to_be_checked()
    expect(page.get_by_label("Người phụ trách").last).to_have_value("Nguyễn Văn A")
    expect(page.get_by_label("Thời hạn")).to_have_value("30/06/2031")
    save(page)
    expect(page.locator(".record")).to_be_visible()
    stored = properties(client, "tasks", report)
    assert (stored["person"], stored["due_on"], stored["product"]) == (
        "Nguyễn Văn A", "2031-06-30", "báo cáo bằng văn bản",
    )  # fmt: skip


def test_conflict_can_be_decided_for_the_value_of_this_person(
    desktop_page: Page, site_url: str, client: Client
) -> None:
    report = task(client)
    edit(desktop_page, site_url, "tasks", report)
    desktop_page.get_by_label("Người phụ trách").fill("Trần Văn B")
    assert patch(client, "tasks", report, person="Nguyễn Văn A").status_code == 200
    save(desktop_page)
    desktop_page.get_by_label("của bạn: Trần Văn B").check()
    save(desktop_page)
    expect(desktop_page.locator(".record")).to_be_visible()
    assert properties(client, "tasks", report)["person"] == "Trần Văn B"


@pytest.fixture(scope="module")
def units(client: Client) -> dict[str, dict[str, Any]]:
    new = create(client, "units", name="Ban Chỉ huy thử nghiệm tỉnh", short_name="BCH TN", kind="border_guard",
                 aliases=["Biên phòng thử nghiệm"], valid_from="2025-07-01")  # fmt: skip
    old = create(client, "units", name="Bộ Chỉ huy thử nghiệm cũ", kind="border_guard", valid_to="2025-06-30",
                 successor="Ban Chỉ huy thử nghiệm tỉnh")  # fmt: skip
    return {"new": new, "old": old}


@pytest.mark.usefixtures("units")
def test_unit_is_chosen_from_the_register_by_keyboard(page: Page, site_url: str, client: Client) -> None:
    report = task(client)
    edit(page, site_url, "tasks", report)
    unit = page.get_by_role("combobox", name="Đơn vị chủ trì")
    unit.press_sequentially("bien phong thu nghiem")
    options = page.locator(".options").get_by_role("option")
    expect(options.first).to_contain_text("Ban Chỉ huy thử nghiệm tỉnh")
    expect(unit).to_have_attribute("aria-expanded", "true")
    unit.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert unit.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    unit.press("Enter")
    expect(unit).to_have_value("Ban Chỉ huy thử nghiệm tỉnh")
    expect(options).to_have_count(0)
    save(page)
    expect(page.locator(".record")).to_be_visible()
    assert properties(client, "tasks", report)["lead_unit"] == "Ban Chỉ huy thử nghiệm tỉnh"


@pytest.mark.usefixtures("units")
def test_ended_unit_is_listed_under_its_successor_and_only_warned_of(page: Page, site_url: str, client: Client) -> None:
    report = task(client)
    edit(page, site_url, "tasks", report)
    unit = page.get_by_role("combobox", name="Đơn vị chủ trì")
    unit.press_sequentially("chi huy thu nghiem")
    options = page.locator(".options").get_by_role("option")
    expect(options.nth(0)).to_contain_text("Ban Chỉ huy thử nghiệm tỉnh")
    expect(options.nth(1)).to_have_class("under")
    expect(options.nth(1)).to_contain_text("đã kết thúc ngày 30/06/2025")
    options.nth(1).click()
    expect(page.locator(".field-hint.warning")).to_have_text(
        "đã kết thúc ngày 30/06/2025 · nay là Ban Chỉ huy thử nghiệm tỉnh"
    )
    save(page)
    expect(page.locator(".record")).to_be_visible()
    assert properties(client, "tasks", report)["lead_unit"] == "Bộ Chỉ huy thử nghiệm cũ"


def test_unit_that_is_missing_is_entered_in_place(desktop_page: Page, site_url: str, client: Client) -> None:
    report = task(client)
    edit(desktop_page, site_url, "tasks", report)
    unit = desktop_page.get_by_role("combobox", name="Đơn vị chủ trì")
    unit.press_sequentially("Đồn Biên phòng mới lập")
    desktop_page.locator(".options").get_by_role("option", name="+ Thêm đơn vị").click()
    dialog = desktop_page.get_by_role("dialog")
    expect(dialog.get_by_label("Tên *", exact=True)).to_have_value("Đồn Biên phòng mới lập")
    dialog.get_by_label("Loại").select_option("border_guard")
    dialog.get_by_role("button", name="Lưu", exact=True).click()
    expect(unit).to_have_value("Đồn Biên phòng mới lập")
    expect(dialog).to_have_count(0)
    save(desktop_page)
    expect(desktop_page.locator(".record")).to_be_visible()
    assert properties(client, "tasks", report)["lead_unit"] == "Đồn Biên phòng mới lập"


@pytest.mark.usefixtures("units")
def test_several_units_are_chosen_each_from_the_register(desktop_page: Page, site_url: str, client: Client) -> None:
    report = task(client)
    edit(desktop_page, site_url, "tasks", report)
    unit = desktop_page.get_by_role("combobox", name="Đơn vị phối hợp")
    unit.press_sequentially("BCH TN")
    desktop_page.locator(".options").get_by_role("option").first.click()
    unit.fill("Đơn vị ngoài danh mục, có dấu phẩy")
    unit.press("Enter")
    expect(desktop_page.locator(".picked-items li")).to_have_count(2)
    save(desktop_page)
    expect(desktop_page.locator(".record")).to_be_visible()
    assert properties(client, "tasks", report)["coordinating_units"] == [
        "Ban Chỉ huy thử nghiệm tỉnh", "Đơn vị ngoài danh mục, có dấu phẩy",
    ]  # fmt: skip


@every_editable_layer
def test_form_of_every_layer_creates_a_feature(layer: Any, desktop_page: Page, site_url: str, client: Client) -> None:
    """With the required values; a layer with a position takes it as text."""
    open_host(desktop_page, site_url, layer.name, None)
    body = minimal_body(layer)
    for name, value in body.items():
        if name == "geometry":
            continue
        control = desktop_page.locator(f'.feature-form [name="{name}"]')
        if layer.fields[name].codes:
            control.select_option(str(value))
        else:
            control.fill(str(value))
    if layer.has_geometry:
        text = "168–168/2" if layer.geometry_type in ("LINESTRING", "GEOMETRY") else "147/6"
        desktop_page.locator("#place-text").fill(text)
        desktop_page.locator(".place-control .candidate, .place-control.settled .said").first.wait_for()
        if (candidate := desktop_page.locator(".place-control .candidate").first).count():
            candidate.click()
    save(desktop_page)
    expect(desktop_page.locator(".record h2, .feature-form .refusal:visible")).to_be_visible()
    assert desktop_page.locator(".record h2").count(), desktop_page.locator(
        ".refusal, .field-fault:visible"
    ).all_inner_texts()


@pytest.mark.parametrize("width", [360, 768, 1366, 1920])
@pytest.mark.parametrize("layer", list(catalog))
def test_form_fits_every_width(layer: str, width: int, desktop_page: Page, site_url: str) -> None:
    if not catalog[layer].editable:
        pytest.skip("loaded, not entered")
    desktop_page.set_viewport_size({"width": width, "height": 800})
    open_host(desktop_page, site_url, layer, None)
    assert desktop_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert desktop_page.evaluate(CLIPPED_TEXT) == []
    if width == 360:
        assert desktop_page.evaluate(TARGETS_TOO_SMALL) == []


def test_changed_form_is_not_replaced_by_another_record(desktop_page: Page, site_url: str, client: Client) -> None:
    first, second = task(client), task(client)
    edit(desktop_page, site_url, "tasks", first)
    desktop_page.get_by_label("Sản phẩm").fill("khác")
    opened = desktop_page.evaluate(
        """async (id) => (await import("/static/pages/record_panel.js"))
            .openRecord(document.querySelector(".record-view"), "tasks", id, { close() {}, changed() {} })""",
        second["id"],
    )
    assert opened is False
    expect(desktop_page.locator(".notice")).to_contain_text("chưa được lưu")
    desktop_page.get_by_role("button", name="Bỏ qua").click()
    desktop_page.get_by_role("dialog").get_by_role("button", name="Bỏ nội dung đã nhập").click()
    open_in_panel(desktop_page, "tasks", second)
