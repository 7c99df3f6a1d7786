"""Every page on a phone and a screen in both languages: complete, without errors; hostile text stays text."""

import re

import pytest
from playwright.sync_api import expect

from tests.screenshots import TARGETS_TOO_SMALL

PATHS = ["/", "/incidents/new", "/works", "/gates", "/tasks", "/incidents", "/board", "/changes"]
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


WIDTHS = {"phone": (360, 780), "tablet": (768, 1024), "laptop": (1366, 768), "screen": (1920, 1080)}
CURRENT = ":is(nav.navigation, .all-pages) a[aria-current]"


def open_at(visitor, width, path):
    """Open a page at one of ``WIDTHS``."""
    page = visitor.open_on_desktop("about:blank")
    page.set_viewport_size(dict(zip(("width", "height"), WIDTHS[width], strict=True)))
    page.goto(path, wait_until="networkidle")
    return page


def visible_entries(page):
    """Title and path of every entry of the navigation that is there at this width, after its menus have been opened."""
    links = page.locator("nav.navigation > ul > li > a").filter(visible=True).all()
    entries = [(link.inner_text(), link.get_attribute("href")) for link in links]
    menus = page.locator("nav.navigation summary, .all-pages > summary").filter(visible=True)
    for index in range(menus.count()):
        menus.nth(index).click()
        links = page.locator("details.topic[open] a").filter(visible=True).all()
        entries += [(link.inner_text(), link.get_attribute("href")) for link in links]
        page.keyboard.press("Escape")
        expect(page.locator("details.topic[open]")).to_have_count(0)
    return entries


def all_entries(page):
    """The paths of the navigation, in order."""
    return page.locator("nav.navigation a").evaluate_all("(links) => links.map((link) => link.getAttribute('href'))")


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_reached_from_every_page_and_marked_as_the_current_one(visitor, server, width):
    page = open_at(visitor, width, "/")
    entries = visible_entries(page)
    layers = {layer["name"] for layer in server.request_json("/api/layers")["layers"]}
    paths, order = {path for _, path in entries}, all_entries(page)
    assert {"/", "/board", "/changes", "/releases", "/holdings", "/readings"} <= paths
    assert {f"/{layer}" for layer in layers} <= paths
    for title, path in entries:
        response = page.goto(path, wait_until="networkidle")
        assert response.status == 200, path
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width][0], path
        assert all_entries(page) == order, path
        marked = page.locator(CURRENT)
        assert {link.get_attribute("href") for link in marked.all()} == {path}
        assert {link.get_attribute("aria-current") for link in marked.all()} == {"page"}
        assert title in {link.text_content().strip() for link in marked.all()}


@pytest.mark.parametrize("width", ["laptop", "screen"])
def test_navigation_by_keyboard(visitor, width):
    page = open_at(visitor, width, "/board")
    page.locator("nav.navigation a").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("nav.navigation a[aria-current]")).to_be_focused()
    page.keyboard.press("ArrowRight")
    menu = page.locator("nav.navigation details.topic").first
    expect(menu.locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("ArrowDown")
    expect(menu.locator("a").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(menu.locator("summary")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    expect(menu.locator("a").last).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(menu).not_to_have_attribute("open", "")
    expect(page.locator("nav.navigation details.topic > summary").nth(1)).to_be_focused()


def test_navigation_works_without_a_script(chromium, server):
    for width in ("phone", "laptop"):
        size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
        page = chromium.new_context(base_url=server.base_url, java_script_enabled=False, viewport=size).new_page()
        page.goto("/board")
        page.locator("nav.navigation summary, .all-pages > summary").filter(visible=True).first.click()
        page.locator("details.topic[open] a").filter(has_text="Sự vụ").click()
        expect(page.locator("h1")).to_have_text("Sự vụ")
        page.context.close()
