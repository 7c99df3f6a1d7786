"""A border officer on a phone creates incidents; neither SIGKILL nor a lost answer loses or doubles one."""

import datetime as dt
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

HANOI = dt.timezone(dt.timedelta(hours=7))
ABOUT_147_6 = "cách mốc 147/6 khoảng 120 m"
DESCRIPTION = "Cột mốc nghiêng, có vết đào ở chân đế"


@pytest.fixture(scope="module")
def server(disposable_server):
    """A server without incidents, which the first test kills."""
    return disposable_server


def fill_location(page, text, candidate=None):
    """Enter a location; with ``candidate`` choose between the two that are offered."""
    page.get_by_label("Địa điểm xảy ra", exact=True).and_(page.get_by_role("textbox")).fill(text)
    if candidate:
        expect(page.locator(".candidate")).to_have_count(2)
        page.locator(".candidate").filter(has_text=candidate).tap()
        expect(page.locator(".place-control .said")).to_contain_text(candidate)


def fill_incident(page, category="Hư hại mốc", description=DESCRIPTION):
    page.locator("#categories").get_by_text(category, exact=True).tap()
    page.get_by_placeholder("Tóm tắt sự vụ").fill(description)


def submit(page):
    """Submit the form; gives the id of the incident that the map then selects."""
    page.get_by_role("button", name="Gửi").tap()
    page.wait_for_url("**select=**")
    return parse_qs(urlsplit(page.url).query)["select"][0].rpartition("/")[2]


def test_incident_and_its_transition_appear_at_once_and_survive_sigkill(visitor, server):
    page = visitor.open_on_phone("/")
    page.get_by_role("link", name="Ghi sự vụ").tap()
    fill_location(page, ABOUT_147_6, "147/6 + 120 m")
    fill_incident(page)
    incident = submit(page)

    assert server.items("incidents")[0]["properties"]["original"]["written"] == ABOUT_147_6
    code = f"SV-{dt.datetime.now(HANOI).year}-0001"
    record = page.locator(".record")
    expect(record.locator("h2")).to_have_text(f"{code} · Hư hại mốc")
    expect(record).to_contain_text("≈ 147/6 + 120 m")
    expect(record).to_contain_text(DESCRIPTION)
    expect(record.locator(".timeline li")).to_have_count(1)
    expect(record.locator(".timeline")).to_contain_text("Tạo hồ sơ")
    page.get_by_role("button", name="Danh sách").tap()
    expect(page.locator(f'.row[data-id="{incident}"] .title')).to_have_text(f"{code} · Hư hại mốc")
    expect(page.get_by_role("button", name=re.compile("nặng nhất: Báo cáo nhanh"))).to_have_count(1)

    table = visitor.open_on_phone("/incidents")
    expect(table.locator(f'tr[data-id="{incident}"]')).to_contain_text(code)

    page.locator(f'.row[data-id="{incident}"] .title').tap()
    page.get_by_role("button", name="Cập nhật tình trạng").tap()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Hiện tại: Báo cáo nhanh")
    dialog.get_by_label("Đã xác minh").check()
    dialog.get_by_label("Lý do, căn cứ").fill("Đồn đã đến kiểm tra, biên bản 12")
    dialog.get_by_role("button", name="Cập nhật tình trạng").tap()
    expect(dialog).to_have_count(0)
    assert_verified(page, incident)

    url = page.url
    page.close()
    server.kill()
    server.start()

    assert_verified(visitor.open_on_phone(url), incident)
    assert [item["properties"]["code"] for item in server.items("incidents")] == [code]
    journal = server.query_rows(
        "select action, actor, reason, old->>'handling', new->>'handling', old is null"
        " from app.journal where feature_id = %s and table_name = 'incidents' order by seq",
        incident,
    )
    assert journal == [
        ("insert", "office", None, None, "reported", True),
        ("update", "office", "Đồn đã đến kiểm tra, biên bản 12", "reported", "verified", False),
    ]
    assert len(server.query_rows("select from app.journal where table_name = 'incidents'")) == 2


def assert_verified(page, incident):
    """The record shows the new status, and both timeline entries."""
    record = page.locator(".record")
    expect(record.locator(".step-words b")).to_have_text("Đã xác minh")
    entries = record.locator(".timeline li")
    expect(entries).to_have_count(2)
    expect(entries.first).to_contain_text("Báo cáo nhanh → Đã xác minh")
    expect(entries.first).to_contain_text("Đồn đã đến kiểm tra, biên bản 12")
    expect(entries.first).to_contain_text("office")
    expect(entries.last).to_contain_text("Tạo hồ sơ")
    assert incident in page.url


def test_tapped_position_gets_source_map_and_the_shown_address(visitor, server):
    page = visitor.open_on_phone("/incidents/new")
    box = page.locator("#map_main").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2 - 30, box["y"] + box["height"] / 2 + 10)
    expect(page.locator(".place-control .about")).to_contain_text("chọn trên bản đồ")
    text = page.locator(".place-control .said").inner_text()
    fill_incident(page, "Xâm canh", "")
    created = server.request_json(f"/ogc/collections/incidents/items/{submit(page)}")
    assert created["properties"]["position_source"] == "map"
    assert created["properties"]["address"] == text
    located = server.request_json("/api/locate?lon={}&lat={}".format(*created["geometry"]["coordinates"]))["features"][
        0
    ]["properties"]
    assert located["on_line"] == (located["distance_to_line_m"] <= 200)
    assert created["properties"]["address"].removeprefix("≈ ") == located["address"]


def test_vn2000_coordinates_ask_for_the_meridian_and_keep_the_input(visitor, server):
    page = visitor.open_on_phone("/incidents/new")
    fill_location(page, "X=1255557.325 Y=486711.496")
    expect(page.locator(".place-control .field-fault")).to_contain_text("kinh tuyến trục VN-2000")
    page.get_by_label("Kinh tuyến trục VN-2000").select_option("106°00'")
    expect(page.locator(".place-control .said")).to_have_text("≈ 147/6 + 120 m")
    fill_incident(page)
    visitor.expect_error("422")
    created = server.request_json(f"/ogc/collections/incidents/items/{submit(page)}")
    assert created["geometry"]["coordinates"] == pytest.approx([105.88004, 11.353493], abs=2e-6)
    original = created["properties"]["original"]
    assert (original["crs"], original["x"], original["y"]) == ("EPSG:9211", 1255557.325, 486711.496)
    assert "106°00'" in original["text"]


def test_form_without_a_chosen_location_is_not_sent_and_keeps_the_input(visitor, server):
    before = len(server.items("incidents"))
    page = visitor.open_on_phone("/incidents/new")
    fill_incident(page)
    page.get_by_role("button", name="Gửi").tap()
    expect(page.get_by_label("Địa điểm xảy ra").locator(".field-fault")).to_contain_text("Chưa có địa điểm")
    expect(page.get_by_role("textbox", name="Địa điểm xảy ra")).to_be_focused()
    assert_input_unchanged(page, DESCRIPTION)

    fill_location(page, ABOUT_147_6)
    expect(page.locator(".candidate")).to_have_count(2)
    page.get_by_role("button", name="Gửi").tap()
    expect(page.get_by_label("Địa điểm xảy ra").locator(".field-fault")).to_contain_text("Chọn một trong các vị trí")
    assert_input_unchanged(page, DESCRIPTION)
    assert len(server.items("incidents")) == before


def test_text_with_a_state_secret_marking_is_refused_and_not_stored(visitor, server):
    before = len(server.items("incidents"))
    secret = "Theo công văn TỐI MẬT về đoạn biên giới này"
    page = visitor.open_on_phone("/incidents/new")
    fill_location(page, ABOUT_147_6, "147/6 − 120 m")
    fill_incident(page, description=secret)
    page.get_by_role("button", name="Gửi").tap()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Mô tả")
    expect(refusal).to_contain_text("mật")
    visitor.expect_error("422")
    assert_input_unchanged(page, secret)
    expect(page.locator(".place-control .said")).to_contain_text("147/6 − 120 m")
    page.reload()
    assert_input_unchanged(page, secret)
    assert len(server.items("incidents")) == before
    assert server.query_rows("select from app.journal where new::text like %s", "%TỐI MẬT%") == []

    expect(page.locator(".candidate")).to_have_count(2)
    page.locator(".candidate").filter(has_text="147/6 − 120 m").tap()
    fill_incident(page)
    submit(page)
    assert len(server.items("incidents")) == before + 1


def assert_input_unchanged(page, description):
    expect(page.get_by_placeholder("Tóm tắt sự vụ")).to_have_value(description)
    expect(page.get_by_label("Hư hại mốc")).to_be_checked()
    expect(page.get_by_role("button", name="Gửi")).to_be_enabled()


def test_retry_after_a_lost_answer_creates_one_incident(visitor, server):
    before = {item["id"] for item in server.items("incidents")}
    keys = []

    def lose_the_first_answer(route):
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            assert route.fetch().status == 201
            route.abort()
        else:
            route.continue_()

    page = visitor.open_on_phone("/incidents/new")
    page.route("**/ogc/collections/incidents/items", lose_the_first_answer)
    fill_location(page, ABOUT_147_6, "147/6 + 120 m")
    fill_incident(page)
    page.get_by_role("button", name="Gửi").tap()
    expect(page.get_by_role("alert")).to_contain_text("Không kết nối được với máy chủ")
    expect(page.get_by_role("alert")).to_contain_text("Nội dung vẫn được giữ trên thiết bị này")
    visitor.expect_error("ERR_FAILED")
    assert_input_unchanged(page, DESCRIPTION)
    after = {item["id"] for item in server.items("incidents")}
    created = submit(page)
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert after - before == {created}
    assert {item["id"] for item in server.items("incidents")} == after


def test_double_tap_creates_one_incident(visitor, server):
    before = len(server.items("incidents"))
    page = visitor.open_on_phone("/incidents/new")
    fill_location(page, ABOUT_147_6, "147/6 + 120 m")
    fill_incident(page)
    button = page.get_by_role("button", name="Gửi").bounding_box()
    for _ in range(2):
        page.touchscreen.tap(button["x"] + 30, button["y"] + 20)
    page.wait_for_url("**select=**")
    assert len(server.items("incidents")) == before + 1
