"""A planner on a desktop: filtered lists, their exports, the map, and a transition of a repair."""

import json
import re

from playwright.sync_api import expect


def ids(rows):
    return [row.get_attribute("data-id") for row in rows.all()]


def download_json(page, name):
    """The JSON file behind a link of the menu of formats."""
    page.locator(".formats summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).click()
    return json.loads(download.value.path().read_text("utf-8"))


def test_export_holds_exactly_the_filtered_rows(visitor, server):
    page = visitor.open_on_desktop("/works")
    everything = page.locator("tbody tr").count()
    page.locator('[data-filter="urgency"] summary').click()
    page.locator('[data-filter="urgency"]').get_by_label("Đang chờ").check()
    page.wait_for_url("**/works?urgency=waiting")
    rows = page.locator("tbody tr")
    waiting = server.items("works", urgency="waiting")
    assert 0 < len(waiting) < everything
    expect(rows).to_have_count(len(waiting))
    assert sorted(ids(rows)) == sorted(item["id"] for item in waiting)
    for row in rows.all():
        expect(row).to_contain_text("Đang chờ")
        assert row.locator('[data-label="Đang chờ (cơ quan, việc)"]').inner_text().strip("– "), (
            "the row names the agency or matter it waits on"
        )
    expect(page.locator(".chip")).to_have_text(re.compile("Tình trạng tiến độ: *Đang chờ"))
    page.keyboard.press("Escape")

    file = download_json(page, "GeoJSON")
    assert [item["id"] for item in file["features"]] == [item["id"] for item in waiting]
    assert file["features"] == waiting
    assert file["numberReturned"] == len(waiting)
    assert file["selection"] == {"urgency": "waiting", "f": "geojson"}
    assert "không phải đường biên pháp lý" in file["caveat"]


def test_list_offers_no_file_for_a_partner(visitor, server):
    page = visitor.open_on_desktop("/gates?border=VN-KH")
    gates = {item["id"]: item for item in server.items("gates", border="VN-KH")}
    ours = download_json(page, "GeoJSON")
    assert {item["id"]: item["geometry"] for item in ours["features"]} == {
        id_: item["geometry"] for id_, item in gates.items()
    }
    assert page.locator('a[href*="reader=partner"]').count() == 0, "nothing leaves for a partner but by a release"


def test_partner_file_withholds_and_counts_assumed_positions(server):
    gates = {item["id"]: item for item in server.items("gates", border="VN-KH")}
    assumed = {id_ for id_, item in gates.items() if item["properties"]["position_source"] == "assumed"}
    surveyed = {id_ for id_, item in gates.items() if item["geometry"]} - assumed
    assert assumed
    assert surveyed
    theirs = server.request_json("/api/export/gates?border=VN-KH&reader=partner")
    shared = {item["id"]: item for item in theirs["features"]}
    assert set(shared) == set(gates)
    assert {id_ for id_, item in shared.items() if item["geometry"]} == surveyed
    assert theirs["withheld_positions"] == len(assumed)
    for id_ in assumed:
        assert shared[id_]["properties"]["chainage_m"] is None
        assert shared[id_]["properties"]["address"] is None
    longitudes = [gates[id_]["geometry"]["coordinates"][0] for id_ in assumed]
    text = json.dumps(theirs)
    assert not any(str(longitude) in text for longitude in longitudes)


def test_internal_works_are_in_no_partner_file(visitor, server):
    page = visitor.open_on_desktop("/works")
    assert {item["properties"]["level"] for item in server.items("works")} == {"internal"}
    assert page.locator("tbody tr").count() == len(download_json(page, "GeoJSON")["features"]) > 0
    theirs = server.request_json("/api/export/works?reader=partner")
    assert theirs["features"] == []
    assert theirs["reader"] == "partner"


def test_repair_opens_from_the_list_on_the_map_and_changes_stage_with_a_reason(visitor, server):
    work = next(item for item in server.items("works", urgency="overdue") if item["properties"]["address"] == "147/6")
    steps = server.request_json(f"/ogc/collections/works/items/{work['id']}/steps")["steps"]
    assert len(steps) > 1
    page = visitor.open_on_desktop("/works?urgency=overdue")
    page.locator(f'tr[data-id="{work["id"]}"] a').first.click()
    expect(page.locator("#record-panel")).to_contain_text(work["properties"]["title"])
    page.goto(f"/?select=works/{work['id']}", wait_until="networkidle")

    card = page.locator(".leaflet-popup .card")
    expect(card.locator("h2")).to_contain_text(work["properties"]["title"])
    expect(card).to_contain_text("Đề xuất")
    expect(card).to_contain_text("Quá hạn")
    expect(page.locator(f'.row[data-id="{work["id"]}"]')).to_have_attribute("aria-current", "true")
    card.get_by_role("button", name="Mở hồ sơ").click()
    record = page.locator(".record")
    for step in steps:
        expect(record).to_contain_text(step["title"]["vi"])
    expect(record).to_contain_text("Mốc 147/6")

    record.get_by_role("button", name="Cập nhật tình trạng").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Thiết kế")).to_be_checked()
    dialog.get_by_role("button", name="Cập nhật tình trạng").click()
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Lý do, căn cứ")).to_be_focused()
    expect(dialog.get_by_text("Chưa nhập nội dung bắt buộc này.")).to_be_visible()
    dialog.get_by_label("Lý do, căn cứ").fill("Tờ trình 45/TTr-SNgV")
    dialog.get_by_role("button", name="Cập nhật tình trạng").click()
    expect(record.locator(".step-words b")).to_have_text("Thiết kế")
    expect(record.locator(".timeline li").first).to_contain_text("Tờ trình 45/TTr-SNgV")
    assert server.request_json(f"/ogc/collections/works/items/{work['id']}")["properties"]["stage"] == "designed"


def test_map_opened_from_a_filtered_list_shows_the_same_rows(visitor, server):
    page = visitor.open_on_desktop("/works?urgency=waiting")
    rows = sorted(ids(page.locator("tbody tr")))
    page.get_by_role("link", name="Xem trên bản đồ").click()
    expect(page.locator(".row")).to_have_count(len(rows))
    assert sorted(ids(page.locator(".row"))) == rows
    located = [item for item in server.items("works", urgency="waiting") if item["geometry"]]
    expect(page.locator("#layer-list label", has_text="Công trình")).to_have_text(re.compile(rf"{len(located)}\s*$"))


def test_task_list_names_the_missing_clears_of_each_task(visitor, server):
    cards = server.request_json("/api/cards")["layers"]
    field = next(
        item for card in cards if card["name"] == "tasks" for item in card["fields"] if item["name"] == "missing_clears"
    )
    titles = {code["value"]: code["title"]["vi"] for code in field["codes"]}
    page = visitor.open_on_desktop("/tasks")
    tasks = server.items("tasks")
    assert any(item["properties"]["missing_clears"] for item in tasks)
    for task in tasks:
        expected = ", ".join(titles[code] for code in task["properties"]["missing_clears"]) or "–"
        expect(page.locator(f'tr[data-id="{task["id"]}"] [data-label="{field["title"]["vi"]}"]')).to_have_text(expected)
