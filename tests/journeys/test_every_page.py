"""Every page on a phone and a screen in both languages: complete, without errors; hostile text stays text."""

import re

import pytest
from playwright.sync_api import expect

from tests.screenshots import TARGETS_TOO_SMALL

PATHS = ["/", "/incidents/new", "/works", "/gates", "/tasks", "/incidents", "/board"]
HOSTILE = "{{7*7}} ${alert(1)} <img src=x onerror=alert(1)> </script><script>alert(1)</script>"


@pytest.fixture(scope="module", autouse=True)
def hostile_rows(server):
    """Hostile text in an incident, a work and a gate's event; gives their ids."""
    place = {"text": "147/6 + 120 m", "border": "VN-KH"}
    values = {"category": "other", "place": place, "description": HOSTILE, "unit": HOSTILE}
    incident = server.request_json("/ogc/collections/incidents/items", values)["id"]
    work = server.request_json(
        "/ogc/collections/works/items", {"title": HOSTILE, "kind": "repair", "place": place, "due_on": "2020-01-01"}
    )["id"]
    gate = next(gate["id"] for gate in server.items("gates") if gate["properties"]["name"] == "Xa Mát")
    event = {"kind": "note", "on": "2026-01-05", "document": HOSTILE, "note": HOSTILE}
    server.request_json(f"/ogc/collections/gates/items/{gate}/events", event)
    server.request_json(f"/ogc/collections/incidents/items/{incident}/moves", {"to": "verified", "reason": HOSTILE})
    return {"incidents": incident, "works": work, "gates": gate}


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("path", PATHS)
def test_page_on_a_phone_is_complete_and_has_large_touch_targets(visitor, path, language):
    page = visitor.open_on_phone(f"{path}?lang={language}")
    assert_complete(page, language)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate(TARGETS_TOO_SMALL) == []


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("path", PATHS)
def test_page_on_a_desktop_screen_is_complete_and_not_too_wide(visitor, path, language):
    page = visitor.open_on_desktop(f"{path}?lang={language}")
    assert_complete(page, language)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1920


def assert_complete(page, language):
    """A complete page: language, title, one heading, no inline script, no placeholder text."""
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page).to_have_title(re.compile(r"\S.* · Cột Mốc · \S"))
    expect(page.locator("h1")).to_have_count(1)
    assert page.locator("h1").inner_text().strip()
    assert page.locator("script:not([src]):not([type='application/json'])").count() == 0
    assert page.get_by_text("undefined").count() == 0
    assert page.get_by_text(re.compile("Đang tải|Loading")).count() == 0
    assert_inert(page)


def assert_inert(page):
    """No payload has become an element or has been evaluated on the server or in the browser."""
    assert page.locator("img[src='x']").count() == 0
    assert not re.search(r"\b49 \$", page.content())


@pytest.mark.parametrize("size", ["phone", "screen"])
@pytest.mark.parametrize("layer", ["incidents", "works", "gates"])
def test_hostile_text_is_inert_in_list_card_and_record(visitor, hostile_rows, layer, size):
    url = f"/?layers=incidents,works,gates&tab={layer}&select={hostile_rows[layer]}"
    page = visitor.open_on_phone(url) if size == "phone" else visitor.open_on_desktop(url)
    if size == "screen":
        expect(page.locator(".leaflet-popup .card")).to_be_visible()
        page.get_by_role("button", name="Mở hồ sơ").click()
    record = page.locator(".record")
    expect(record).to_contain_text(HOSTILE)
    expect(record.locator("h2")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert_inert(page)
    if layer == "incidents":
        expect(record.locator(".timeline")).to_contain_text(HOSTILE)
    if size == "phone":
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate(TARGETS_TOO_SMALL) == []
    page.get_by_role("button", name="Danh sách").click()
    expect(page.locator(f'.row[data-id="{hostile_rows[layer]}"]')).to_be_visible()
    page.get_by_role("button", name="Lớp bản đồ").click()
    assert_inert(page)


def test_hostile_text_is_inert_in_tables_and_board(visitor, hostile_rows):
    page = visitor.open_on_desktop("/works")
    expect(page.locator(f'tr[data-id="{hostile_rows["works"]}"]')).to_contain_text(HOSTILE)
    page.goto("/incidents")
    expect(page.locator(f'tr[data-id="{hostile_rows["incidents"]}"]')).to_contain_text(HOSTILE)
    page.goto("/gates")
    expect(page.locator(f'tr[data-id="{hostile_rows["gates"]}"]')).to_contain_text(HOSTILE)
    page.goto("/board", wait_until="networkidle")
    expect(page.locator(".tile-owed")).to_contain_text(HOSTILE)
    assert_inert(page)


def test_hostile_query_parameters_are_inert(visitor):
    page = visitor.open_on_desktop("/works?urgency=waiting&" + "sort=%3Cscript%3Ealert(1)%3C/script%3E")
    assert_inert(page)
    page.goto("/?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E{{7*7}}", wait_until="networkidle")
    expect(page.locator("#found")).to_be_visible()
    visitor.expect_error("422")
    assert_inert(page)
    page.goto("/incidents/new?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", wait_until="networkidle")
    expect(page.locator(".place-control .field-fault")).to_be_visible()
    visitor.expect_error("422")
    assert_inert(page)
