"""A border officer, on a phone, with a thumb and a bad network: an incident is logged, handled and never lost."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

HANOI = dt.timezone(dt.timedelta(hours=7))
ABOUT_147_6 = "cách mốc 147/6 khoảng 120 m"
WORDS = "Cột mốc nghiêng, có vết đào ở chân đế"


@pytest.fixture(scope="module")
def server(disposable_server):
    """The first incident of the year is logged here, and the plug is pulled."""
    return disposable_server


def where(page, words, candidate=None):
    """Say the place in words and, where there are several, choose one."""
    page.get_by_label("Địa điểm xảy ra", exact=True).and_(page.get_by_role("textbox")).fill(words)
    if candidate:
        expect(page.locator(".candidate")).to_have_count(2)
        page.locator(".candidate").filter(has_text=candidate).tap()
        expect(page.locator(".place-control .said")).to_contain_text(candidate)


def what(page, category="Hư hại mốc", words=WORDS):
    page.locator("#categories").get_by_text(category, exact=True).tap()
    page.get_by_placeholder("Tóm tắt sự vụ").fill(words)


def send(page):
    """Send the form; gives the id of the incident that the map then shows."""
    page.get_by_role("button", name="Gửi").tap()
    page.wait_for_url("**select=**")
    return parse_qs(urlsplit(page.url).query)["select"][0]


def test_incident_appears_at_once_and_survives_a_power_cut(visitor, server):
    page = visitor.open_on_phone("/")
    page.get_by_role("link", name="Ghi sự vụ").tap()
    where(page, ABOUT_147_6, "147/6 + 120 m")
    what(page)
    incident = send(page)

    assert server.items("incidents")[0]["properties"]["original"]["written"] == ABOUT_147_6
    code = f"SV-{dt.datetime.now(HANOI).year}-0001"
    record = page.locator(".record")
    expect(record.locator("h2")).to_have_text(f"{code} · Hư hại mốc")
    expect(record).to_contain_text("≈ 147/6 + 120 m")
    expect(record).to_contain_text(WORDS)
    expect(record.locator(".timeline li")).to_have_count(1)
    expect(record.locator(".timeline")).to_contain_text("Tạo hồ sơ")
    page.get_by_role("button", name="Danh sách").tap()
    expect(page.locator(f'.row[data-id="{incident}"] .title')).to_have_text(f"{code} · Hư hại mốc")
    expect(page.locator(".stand.incidents")).to_have_count(1)

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
    handled(page, incident)

    seen = page.url
    page.close()
    server.kill()
    server.start()

    handled(visitor.open_on_phone(seen), incident)
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


def handled(page, incident):
    """The record stands where it was moved, and says so in its past."""
    record = page.locator(".record")
    expect(record.locator(".step-words b")).to_have_text("Đã xác minh")
    past = record.locator(".timeline li")
    expect(past).to_have_count(2)
    expect(past.first).to_contain_text("Báo cáo nhanh → Đã xác minh")
    expect(past.first).to_contain_text("Đồn đã đến kiểm tra, biên bản 12")
    expect(past.first).to_contain_text("office")
    expect(past.last).to_contain_text("Tạo hồ sơ")
    assert incident in page.url


def test_location_is_where_the_map_was_tapped(visitor, server):
    page = visitor.open_on_phone("/incidents/new")
    box = page.locator("#map_main").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2 - 30, box["y"] + box["height"] / 2 + 10)
    expect(page.locator(".place-control .about")).to_contain_text("chọn trên bản đồ")
    text = page.locator(".place-control .said").inner_text()
    what(page, "Xâm canh", "")
    created = server.request_json(f"/ogc/collections/incidents/items/{send(page)}")
    assert created["properties"]["position_source"] == "map"
    assert created["properties"]["address"] == text
    here = server.request_json("/api/locate?lon={}&lat={}".format(*created["geometry"]["coordinates"]))["features"][0][
        "properties"
    ]
    assert here["on_line"] == (here["distance_to_line_m"] <= 200)
    assert created["properties"]["address"].removeprefix("≈ ") == here["address"]


def test_vn2000_coordinates_ask_for_the_meridian_and_keep_the_input(visitor, server):
    page = visitor.open_on_phone("/incidents/new")
    where(page, "X=1255557.325 Y=486711.496")
    expect(page.locator(".place-control .field-fault")).to_contain_text("kinh tuyến trục VN-2000")
    page.get_by_label("Kinh tuyến trục VN-2000").select_option("106°00'")
    expect(page.locator(".place-control .said")).to_have_text("≈ 147/6 + 120 m")
    what(page)
    visitor.expect_error("422")
    created = server.request_json(f"/ogc/collections/incidents/items/{send(page)}")
    assert created["geometry"]["coordinates"] == pytest.approx([105.88004, 11.353493], abs=2e-6)
    original = created["properties"]["original"]
    assert (original["crs"], original["x"], original["y"]) == ("EPSG:9211", 1255557.325, 486711.496)
    assert "106°00'" in original["text"]


def test_form_without_location_says_so_and_keeps_the_input(visitor, server):
    before = len(server.items("incidents"))
    page = visitor.open_on_phone("/incidents/new")
    what(page)
    page.get_by_role("button", name="Gửi").tap()
    expect(page.get_by_label("Địa điểm xảy ra").locator(".field-fault")).to_contain_text("Chưa có địa điểm")
    expect(page.get_by_role("textbox", name="Địa điểm xảy ra")).to_be_focused()
    still_typed(page, WORDS)

    where(page, ABOUT_147_6)
    expect(page.locator(".candidate")).to_have_count(2)
    page.get_by_role("button", name="Gửi").tap()
    expect(page.get_by_label("Địa điểm xảy ra").locator(".field-fault")).to_contain_text("Chọn một trong các vị trí")
    still_typed(page, WORDS)
    assert len(server.items("incidents")) == before


def test_state_secret_marking_is_refused_at_its_field(visitor, server):
    before = len(server.items("incidents"))
    secret = "Theo công văn TỐI MẬT về đoạn biên giới này"
    page = visitor.open_on_phone("/incidents/new")
    where(page, ABOUT_147_6, "147/6 − 120 m")
    what(page, words=secret)
    page.get_by_role("button", name="Gửi").tap()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Mô tả")
    expect(refusal).to_contain_text("mật")
    visitor.expect_error("422")
    still_typed(page, secret)
    expect(page.locator(".place-control .said")).to_contain_text("147/6 − 120 m")
    page.reload()
    still_typed(page, secret)
    assert len(server.items("incidents")) == before
    assert server.query_rows("select from app.journal where new::text like %s", "%TỐI MẬT%") == []

    expect(page.locator(".candidate")).to_have_count(2)
    page.locator(".candidate").filter(has_text="147/6 − 120 m").tap()
    what(page)
    send(page)
    assert len(server.items("incidents")) == before + 1


def still_typed(page, words):
    expect(page.get_by_placeholder("Tóm tắt sự vụ")).to_have_value(words)
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
    where(page, ABOUT_147_6, "147/6 + 120 m")
    what(page)
    page.get_by_role("button", name="Gửi").tap()
    expect(page.get_by_role("alert")).to_contain_text("Không kết nối được với máy chủ")
    expect(page.get_by_role("alert")).to_contain_text("Nội dung vẫn được giữ trên thiết bị này")
    visitor.expect_error("ERR_FAILED")
    still_typed(page, WORDS)
    after = {item["id"] for item in server.items("incidents")}
    created = send(page)
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert after - before == {created}
    assert {item["id"] for item in server.items("incidents")} == after


def test_double_tap_creates_one_incident(visitor, server):
    before = len(server.items("incidents"))
    page = visitor.open_on_phone("/incidents/new")
    where(page, ABOUT_147_6, "147/6 + 120 m")
    what(page)
    button = page.get_by_role("button", name="Gửi").bounding_box()
    for _ in range(2):
        page.touchscreen.tap(button["x"] + 30, button["y"] + 20)
    page.wait_for_url("**select=**")
    assert len(server.items("incidents")) == before + 1
