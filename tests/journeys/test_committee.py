"""The committee: a board without scrolling, figures that open the rows they count, prints on A3 and A4."""

import re

import pytest
from playwright.sync_api import expect

MILLIMETRES = 72 / 25.4
A3_LANDSCAPE, A4_LANDSCAPE = (420, 297), (297, 210)


@pytest.fixture(scope="module", autouse=True)
def board_data(server):
    """Rows for every figure of the board."""
    marker = server.items("markers", number="152/2", border="VN-KH")[0]["id"]
    server.request_json(
        f"/ogc/collections/markers/items/{marker}/moves", {"to": "damaged", "reason": "Kiểm tra ngày 20/11/2026"}
    )
    for place, severity in (("147/6 + 120 m", "high"), ("168–168/2", "low")):
        values = {"category": "marker_damage", "severity": severity, "place": {"text": place, "border": "VN-KH"}}
        server.request_json("/ogc/collections/incidents/items", values)


def page_sizes_mm(pdf):
    """The size in millimetres of each page of a PDF by Chromium."""
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", pdf)
    return [tuple(round(float(side) / MILLIMETRES) for side in box) for box in boxes]


@pytest.mark.parametrize("language", ["vi", "en"])
def test_board_fits_a_full_hd_screen_without_scrolling(visitor, language):
    page = visitor.open_on_desktop(f"/board?lang={language}")
    expect(page.locator(".stand.works .mark").first).to_be_visible()
    scrolling = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((element) => !element.closest(".leaflet-pane")
            && /auto|scroll/.test(getComputedStyle(element).overflowY)
            && element.scrollHeight > element.clientHeight + 1)
            .map((element) => element.className)"""
    )
    assert scrolling == []
    size = page.evaluate("[document.scrollingElement.scrollWidth, document.scrollingElement.scrollHeight]")
    assert size == [1920, 1080]
    for part in (".figure", ".tile", ".board-foot", ".tile-rows tr"):
        for element in page.locator(part).all():
            box = element.bounding_box()
            assert box["y"] >= 0, part
            assert box["y"] + box["height"] <= 1080, part


def test_each_figure_opens_a_list_of_that_many_rows(visitor):
    page = visitor.open_on_desktop("/board")
    figures = [
        (figure.locator("span").inner_text(), figure.locator("strong").inner_text(), figure.get_attribute("href"))
        for figure in page.locator(".figure").all()
    ]
    assert len(figures) == 6
    for label, value, href in figures:
        page.goto(href, wait_until="networkidle")
        rows = page.locator("tbody tr, .row")
        counted = int(value.rpartition("/")[2])  # "0 / 2" opens a list of two rows
        expect(rows, f"{label}: {value} → {href}").to_have_count(counted)
        assert counted > 0, f"{label} has something to count"


def test_earliest_overdue_row_comes_first_and_opens_its_card(visitor, server):
    page = visitor.open_on_desktop("/board")
    owed = page.locator(".tile-owed tbody tr")
    late = server.items("works", urgency="overdue") + server.items("tasks", urgency="overdue")
    first = min(late, key=lambda item: item["properties"]["due_on"])["properties"]
    expect(owed.first).to_contain_text("quá hạn")
    assert owed.first.locator("td.main").inner_text() in {
        item["properties"]["title"] for item in late if item["properties"]["due_on"] == first["due_on"]
    }
    title = owed.first.locator("a").inner_text()
    owed.first.locator("a").click()
    expect(page.locator(".card h2").first).to_contain_text(title)


def test_board_names_every_gate_with_a_planned_category(visitor, server):
    page = visitor.open_on_desktop("/board")
    planned = [item["properties"] for item in server.items("gates") if item["properties"]["planned_2030"]]
    assert planned
    for gate in planned:
        expect(page.locator(".tile-plan tbody")).to_contain_text(gate["name"])


def test_language_switch_is_remembered_on_other_pages(visitor):
    page = visitor.open_on_desktop("/board")
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    page.get_by_role("link", name="Read in English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", name="Overdue and blocked")).to_be_visible()
    page.goto("/works")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("link", name="Xem bằng tiếng Việt").click()
    expect(page.locator("html")).to_have_attribute("lang", "vi")


def test_board_prints_on_one_a3_landscape_page(visitor):
    page = visitor.open_on_desktop("/board")
    expect(page.locator(".stand.works .mark").first).to_be_visible()
    assert page_sizes_mm(page.pdf(prefer_css_page_size=True, print_background=True)) == [A3_LANDSCAPE]


@pytest.mark.parametrize("path", ["/works", "/gates", "/tasks", "/incidents"])
def test_lists_print_on_a4_landscape_with_header_and_without_controls(visitor, path):
    page = visitor.open_on_desktop(path)
    sizes = page_sizes_mm(page.pdf(prefer_css_page_size=True))
    assert sizes
    assert set(sizes) == {A4_LANDSCAPE}
    page.emulate_media(media="print")
    expect(page.locator(".print-only")).to_be_visible()
    expect(page.locator(".print-only")).to_contain_text(re.compile(r"In lúc \d\d/\d\d/\d{4} \d\d:\d\d"))
    expect(page.locator(".bar")).to_be_hidden()
    expect(page.locator(".filters")).to_be_hidden()
    assert page.evaluate("document.querySelector('.table').getBoundingClientRect().right <= innerWidth")
