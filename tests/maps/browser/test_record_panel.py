"""Records beside a list in a real Chromium: every layer from its card, child tables, level, retiring, six clears."""

from typing import Any

import pytest
from httpx import Client
from playwright.sync_api import Page, expect

from gis.model import catalog, child_tables
from gis.write import child_resources
from maps.assets import fetch
from tests.contract.layer_groups import every_editable_layer
from tests.factories import create, incident, minimal_body, task, work
from tests.maps.browser.record_host import open_host, open_in_panel
from tests.screenshots import CLIPPED_TEXT, TARGETS_TOO_SMALL


@pytest.fixture(autouse=True, scope="module")
def _assets() -> None:
    fetch()


@pytest.fixture(scope="module")
def features(client: Client) -> dict[str, dict[str, Any]]:
    """A feature of each layer."""
    made_by_hand = {
        name: create(client, name, **minimal_body(layer)) for name, layer in catalog.items() if layer.editable
    }
    loaded = [name for name, layer in catalog.items() if not layer.editable]
    return made_by_hand | {
        name: client.get(f"/ogc/collections/{name}/items?limit=1").json()["features"][0] for name in loaded
    }


def item(client: Client, layer: str, feature: dict[str, Any], rest: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/ogc/collections/{layer}/items/{feature['id']}{rest}").json()
    return answer


@pytest.mark.parametrize("width", [360, 768, 1366, 1920])
@pytest.mark.parametrize("layer", list(catalog))
def test_record_of_every_layer_fits_every_width(
    layer: str, width: int, desktop_page: Page, site_url: str, features: dict[str, dict[str, Any]]
) -> None:
    desktop_page.set_viewport_size({"width": width, "height": 800})
    open_host(desktop_page, site_url, layer, features[layer])
    desktop_page.wait_for_load_state("networkidle")
    record = desktop_page.locator(".record")
    expect(record.locator(".kind")).to_contain_text(catalog[layer].display.singular[0][1:])
    for title in ("Hồ sơ", "Liên quan", "Diễn biến"):
        expect(record.get_by_role("heading", name=title, exact=True)).to_be_visible()
    assert "undefined" not in record.inner_text()
    for table in child_tables.values():
        if table.parent.layer.name == layer and table.path != catalog[layer].display.checklist:
            expect(record.get_by_role("heading", name=table.title.vi)).to_be_visible()
    assert desktop_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert desktop_page.evaluate(CLIPPED_TEXT) == []
    if width == 360:
        assert desktop_page.evaluate(TARGETS_TOO_SMALL) == []


@every_editable_layer
def test_every_layer_is_retired_and_restored_with_a_reason(
    layer: Any, desktop_page: Page, site_url: str, client: Client
) -> None:
    feature = create(client, layer.name, **minimal_body(layer))
    open_host(desktop_page, site_url, layer.name, feature)
    desktop_page.get_by_role("button", name="Ngừng theo dõi").click()
    dialog = desktop_page.get_by_role("dialog")
    dialog.get_by_role("button", name="Ngừng theo dõi").click()
    expect(dialog.get_by_text("Chưa nhập nội dung bắt buộc này.")).to_be_visible()
    dialog.get_by_label("Lý do").fill("nhập trùng")
    dialog.get_by_role("button", name="Ngừng theo dõi").click()
    expect(desktop_page.locator(".notice")).to_contain_text("Đã ngừng theo dõi")
    assert desktop_page.evaluate("calls") == [f"changed {feature['id']}", "close"]

    open_in_panel(desktop_page, layer.name, feature)
    expect(desktop_page.locator(".record")).to_contain_text("Mục này đã ngừng theo dõi.")
    expect(desktop_page.locator(".record .timeline")).to_contain_text("nhập trùng")
    desktop_page.get_by_role("button", name="Theo dõi lại").click()
    dialog.get_by_label("Lý do").fill("ngừng nhầm")
    dialog.get_by_role("button", name="Theo dõi lại").click()
    expect(desktop_page.locator(".record h2")).to_be_visible()
    assert item(client, layer.name, feature)["properties"]["retired_at"] is None


def test_retiring_is_undone_from_its_notice(desktop_page: Page, site_url: str, client: Client) -> None:
    report = task(client)
    open_host(desktop_page, site_url, "tasks", report)
    desktop_page.get_by_role("button", name="Ngừng theo dõi").click()
    dialog = desktop_page.get_by_role("dialog")
    dialog.get_by_label("Lý do").fill("nhập trùng")
    dialog.get_by_role("button", name="Ngừng theo dõi").click()
    with desktop_page.expect_response(lambda response: response.url.endswith("/restore")):
        desktop_page.get_by_role("button", name="Hoàn tác").click()
    expect(desktop_page.locator(".notice")).to_have_count(0)
    open_in_panel(desktop_page, "tasks", report)
    expect(desktop_page.locator(".record .timeline")).to_contain_text("Theo dõi lại")


def test_level_is_raised_with_a_reason_and_its_rule_is_explained(page: Page, site_url: str, client: Client) -> None:
    report = task(client)
    open_host(page, site_url, "tasks", report)
    page.get_by_role("button", name="Đổi", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("chỉ người của cơ quan thường trực, không phải người đã nhập mục này")
    dialog.get_by_label("Hạn chế tiếp cận").check()
    dialog.get_by_label("Lý do").fill("Chỉ đạo ngày 01/12")
    dialog.get_by_role("button", name="Đổi phạm vi khai thác").click()
    expect(page.locator(".record")).to_contain_text("Hạn chế tiếp cận · Đổi")
    assert item(client, "tasks", report)["properties"]["level"] == "restricted"
    assert item(client, "tasks", report, "/history")["entries"][0]["reason"] == "Chỉ đạo ngày 01/12"


def test_refusal_to_lower_a_level_is_shown_in_the_dialog(desktop_page: Page, site_url: str, client: Client) -> None:
    report = task(client)
    open_host(desktop_page, site_url, "tasks", report)
    desktop_page.get_by_role("button", name="Đổi", exact=True).click()
    dialog = desktop_page.get_by_role("dialog")
    dialog.get_by_label("Công khai").check()
    dialog.get_by_label("Lý do").fill("mở rộng")
    dialog.get_by_role("button", name="Đổi phạm vi khai thác").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    assert item(client, "tasks", report)["properties"]["level"] == "internal"


ROWS = {
    "events": {"kind": "note", "on": "05/01/2026", "note": "Trao đổi tại trạm"},
    "categories": {"category": "main", "valid_from": "01/01/2019", "valid_to": "31/12/2019"},
    "plans": {"horizon": "2050", "category": "international", "on": "14/10/2023", "decision": "1199/QĐ-TTg"},
    "inspections": {"on": "05/01/2026", "condition": "damaged", "note": "nghiêng về phía suối"},
}
ADDABLE = [
    (table.parent.layer.name, table.path)
    for table in child_tables.values()
    if table.path != table.parent.layer.display.checklist
]


@pytest.mark.parametrize(("layer", "path"), ADDABLE)
def test_row_of_every_child_table_is_added_in_the_record(
    layer: str, path: str, page: Page, site_url: str, client: Client
) -> None:
    feature = create(client, layer, **minimal_body(catalog[layer]))
    open_host(page, site_url, layer, feature)
    section = page.locator(f'[data-table="{path}"]')
    section.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Lưu").click()
    expect(dialog.locator(".field-fault:visible").first).to_have_text("Chưa nhập nội dung bắt buộc này.")
    for name, value in ROWS[path].items():
        control = dialog.locator(f'[name="{name}"]')
        if control.evaluate("node => node.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
    dialog.get_by_role("button", name="Lưu").click()
    expect(dialog).to_have_count(0)
    row = section.locator("tbody tr").first
    for text in (value for name, value in ROWS[path].items() if name in ("on", "note", "decision", "horizon")):
        expect(row).to_contain_text(text)
    resource = child_resources.child_resource(layer, path)
    assert resource is not None
    assert len(item(client, layer, feature, f"/{path}")[path]) == 1


def test_missing_clears_are_entered_in_the_dialog_that_misses_them(page: Page, site_url: str, client: Client) -> None:
    draft = task(client, person=None, product=None)
    open_host(page, site_url, "tasks", draft)
    page.get_by_role("button", name="Cập nhật tình trạng").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Đã giao").check()
    expect(dialog.get_by_role("button", name="Hủy")).to_have_count(0)
    expect(dialog.get_by_role("button", name="Đóng")).to_be_visible()
    dialog.get_by_label("Lý do").fill("Kết luận 12")
    dialog.get_by_role("button", name="Cập nhật tình trạng").click()
    expect(dialog.locator(".more-fields .field label")).to_have_text(["Người phụ trách *", "Sản phẩm *"])
    expect(dialog.locator(".more-fields .field-fault")).to_have_text(["Chưa rõ người", "Chưa rõ sản phẩm"])
    expect(dialog.get_by_label("Người phụ trách")).to_be_focused()
    dialog.get_by_label("Người phụ trách").fill("Nguyễn Văn A")
    dialog.get_by_label("Sản phẩm").fill("báo cáo")
    dialog.get_by_role("button", name="Cập nhật tình trạng").click()
    expect(page.locator(".step-words b")).to_have_text("Đã giao")
    stored = item(client, "tasks", draft)["properties"]
    assert (stored["state"], stored["person"], stored["product"]) == ("assigned", "Nguyễn Văn A", "báo cáo")


def test_record_lists_what_stands_at_its_address(desktop_page: Page, site_url: str, client: Client) -> None:
    logged = incident(client, place={"text": "147/6 + 50 m", "border": "VN-KH"})
    repair = work(client, title="Kè mốc 147/6", place={"text": "147/6", "border": "VN-KH"})
    open_host(desktop_page, site_url, "works", repair)
    nearby = desktop_page.locator(".nearby")
    expect(nearby).to_contain_text(logged["properties"]["code"])
    expect(nearby.get_by_role("button", name="Mốc 147/6", exact=True)).to_be_visible()
    expect(nearby).not_to_contain_text("Kè mốc 147/6")


def test_record_steps_prints_and_closes(desktop_page: Page, site_url: str, client: Client) -> None:
    open_host(desktop_page, site_url, "tasks", task(client))
    desktop_page.get_by_role("button", name="Mục sau (j)").click()
    desktop_page.get_by_role("button", name="Mục trước (k)").click()
    desktop_page.get_by_role("button", name="← Danh sách").click()
    assert desktop_page.evaluate("calls") == ["step 1", "step -1", "close"]


def test_document_is_entered_in_the_link_dialog_and_linked(desktop_page: Page, site_url: str, client: Client) -> None:
    report = task(client)
    open_host(desktop_page, site_url, "tasks", report)
    desktop_page.get_by_role("button", name="Liên kết với…").click()
    dialog = desktop_page.get_by_role("dialog", name="Liên kết với…")
    dialog.get_by_role("searchbox").fill("123/QĐ-UBND")
    dialog.get_by_label("Thêm mới và liên kết").select_option("documents")
    form = desktop_page.get_by_role("dialog", name="Thêm văn bản")
    expect(form.get_by_label("Số, ký hiệu")).to_have_value("123/QĐ-UBND")
    form.get_by_label("Trích yếu").fill("Phê duyệt phương án")
    form.get_by_label("Loại văn bản").select_option("decision")
    form.get_by_role("button", name="Lưu", exact=True).click()
    expect(dialog.get_by_role("radio")).to_be_checked()
    expect(dialog.get_by_label("Mối liên hệ").locator(":checked")).to_have_text("Văn bản căn cứ")
    dialog.get_by_role("button", name="Liên kết", exact=True).click()
    expect(desktop_page.locator(".links")).to_contain_text("123/QĐ-UBND")
    links = item(client, "tasks", report, "/links")["links"]
    assert [(link["role"], link["layer"]) for link in links] == [("document", "documents")]


def test_hostile_text_stays_text(desktop_page: Page, site_url: str, client: Client) -> None:
    hostile = "{{7*7}} <img src=x onerror=alert(1)> </script>"
    report = task(client, title=hostile, description=hostile, lead_unit=hostile)
    open_host(desktop_page, site_url, "tasks", report)
    expect(desktop_page.locator(".record h2")).to_have_text(hostile)
    desktop_page.get_by_role("button", name="Sửa", exact=True).click()
    expect(desktop_page.get_by_label("Nội dung")).to_have_value(hostile)
    assert desktop_page.locator("img").count() == 0
