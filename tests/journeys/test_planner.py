"""A planner at a desk: what the repairs of markers wait on, what the procedure asks next, and a file of just that."""

import json

from playwright.sync_api import expect


def ids(rows):
    return [row.get_attribute("data-id") for row in rows.all()]


def downloaded(page, name):
    """What a click on a download brings."""
    with page.expect_download() as coming:
        page.get_by_role("link", name=name, exact=True).click()
    return json.loads(coming.value.path().read_text("utf-8"))


def test_export_holds_exactly_the_filtered_rows(visitor, server):
    page = visitor.open_on_desktop("/works")
    everything = page.locator("tbody tr").count()
    with page.expect_navigation(url="**/works?urgency=waiting"):
        page.get_by_label("Tình trạng tiến độ").select_option(label="Đang chờ")
    rows = page.locator("tbody tr")
    waiting = server.items("works", urgency="waiting")
    assert 0 < len(waiting) < everything
    assert sorted(ids(rows)) == sorted(item["id"] for item in waiting)
    for row in rows.all():
        expect(row).to_contain_text("Đang chờ")
        assert row.locator('[data-label="Đang chờ (cơ quan, việc)"]').inner_text().strip("– "), "it says on whom"
    expect(page.get_by_label("Tình trạng tiến độ")).to_have_value("waiting")

    file = downloaded(page, "Tải GeoJSON")
    assert [item["id"] for item in file["features"]] == [item["id"] for item in waiting]
    assert file["features"] == waiting
    assert file["numberReturned"] == len(waiting)
    assert file["selection"] == {"urgency": "waiting"}
    assert "không phải đường biên pháp lý" in file["caveat"]


def test_partner_file_withholds_and_counts_assumed_positions(visitor, server):
    page = visitor.open_on_desktop("/gates?border=VN-KH")
    visible = {item["id"]: item for item in server.items("gates", border="VN-KH")}
    assumed = {id_ for id_, item in visible.items() if item["properties"]["position_source"] == "assumed"}
    surveyed = {id_ for id_, item in visible.items() if item["geometry"]} - assumed
    assert assumed
    assert surveyed

    ours = downloaded(page, "Tải GeoJSON")
    assert {item["id"]: item["geometry"] for item in ours["features"]} == {
        id_: item["geometry"] for id_, item in visible.items()
    }
    assert "withheld_positions" not in ours

    theirs = downloaded(page, "Bản cung cấp cho đối tác")
    values = {item["id"]: item for item in theirs["features"]}
    assert set(values) == set(visible) == set(ids(page.locator("tbody tr")))
    assert {id_ for id_, item in values.items() if item["geometry"]} == surveyed
    assert theirs["withheld_positions"] == len(assumed)
    for id_ in assumed:
        assert values[id_]["properties"]["chainage_m"] is None
        assert values[id_]["properties"]["address"] is None
    longitudes = [visible[id_]["geometry"]["coordinates"][0] for id_ in assumed]
    text = json.dumps(theirs)
    assert not any(str(item) in text for item in longitudes)


def test_internal_works_are_in_no_partner_file(visitor, server):
    page = visitor.open_on_desktop("/works")
    assert {item["properties"]["level"] for item in server.items("works")} == {"internal"}
    assert page.locator("tbody tr").count() == len(downloaded(page, "Tải GeoJSON")["features"]) > 0
    theirs = downloaded(page, "Bản cung cấp cho đối tác")
    assert theirs["features"] == []
    assert theirs["reader"] == "partner"


def test_repair_is_followed_from_list_to_map_through_its_procedure(visitor, server):
    work = next(item for item in server.items("works", urgency="overdue") if item["properties"]["address"] == "147/6")
    steps = server.request_json(f"/ogc/collections/works/items/{work['id']}/steps")["steps"]
    assert len(steps) > 1
    page = visitor.open_on_desktop("/works?urgency=overdue")
    page.locator(f'tr[data-id="{work["id"]}"] a').first.click()

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
    assert dialog.get_by_label("Lý do, căn cứ").evaluate("one => one.validity.valueMissing"), "no move without a reason"
    dialog.get_by_label("Lý do, căn cứ").fill("Tờ trình 45/TTr-SNgV")
    dialog.get_by_role("button", name="Cập nhật tình trạng").click()
    expect(record.locator(".step-words b")).to_have_text("Thiết kế")
    expect(record.locator(".timeline li").first).to_contain_text("Tờ trình 45/TTr-SNgV")
    assert server.request_json(f"/ogc/collections/works/items/{work['id']}")["properties"]["stage"] == "designed"


def test_list_and_map_show_the_same_rows_for_one_url(visitor, server):
    page = visitor.open_on_desktop("/works?urgency=waiting")
    rows = sorted(ids(page.locator("tbody tr")))
    page.get_by_role("link", name="Xem trên bản đồ").click()
    expect(page.locator(".row")).to_have_count(len(rows))
    assert sorted(ids(page.locator(".row"))) == rows
    placed = [item for item in server.items("works", urgency="waiting") if item["geometry"]]
    expect(page.locator(".stand.works")).to_have_count(len(placed))


def test_task_shows_its_missing_clears(visitor, server):
    cards = server.request_json("/api/cards")["layers"]
    field = next(
        item for card in cards if card["name"] == "tasks" for item in card["fields"] if item["name"] == "missing_clears"
    )
    words = {code["value"]: code["title"]["vi"] for code in field["codes"]}
    page = visitor.open_on_desktop("/tasks")
    tasks = server.items("tasks")
    assert any(item["properties"]["missing_clears"] for item in tasks)
    for task in tasks:
        spoken = ", ".join(words[item] for item in task["properties"]["missing_clears"]) or "–"
        expect(page.locator(f'tr[data-id="{task["id"]}"] [data-label="{field["title"]["vi"]}"]')).to_have_text(spoken)
