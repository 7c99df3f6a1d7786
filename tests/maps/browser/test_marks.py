"""Marks on the map: fixed ones never move, and each spot is one mark with a number, the worst status and a list."""

import math
import re
from typing import Any

import pytest
from httpx import Client
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import text

from gis.db.session import Database
from layers.policy import OFFICE
from maps.assets import fetch
from tests import factories

NUMBER = 200
LONGEST_LEADER = 20
"""Pixels of a leader line."""

ON_GATE = """
insert into app.incidents (id, level, code, category, severity, handling, side, position_source, geom)
select gen_random_uuid(), 'internal', 'CỔNG-' || n, 'drainage',
    case when n % 3 = 0 then 'critical' else 'low' end, case when n % 2 = 0 then 'reported' else 'verified' end,
    'ours', 'gps', geom
from app.gates, generate_series(1, :number) n where name = :gate
"""
GATE = "Mộc Bài"


@pytest.fixture(scope="module")
def gate(client: Client) -> dict[str, Any]:
    gates = client.get("/ogc/collections/gates/items").json()["features"]
    return next(feature for feature in gates if feature["properties"]["name"] == GATE)


@pytest.fixture(scope="module")
def marker(client: Client) -> dict[str, Any]:
    query = {"border": "VN-KH", "number": "118"}
    return dict(client.get("/ogc/collections/markers/items", params=query).json()["features"][0])


@pytest.fixture(scope="module", autouse=True)
def crowded_spots(database: Database, client: Client, marker: dict[str, Any]) -> None:
    """200 incidents at a gate; at a damaged marker a gate, five works and an incident."""
    fetch()
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text(ON_GATE), {"number": NUMBER, "gate": GATE})
        session.execute(text("update app.markers set condition = 'damaged' where id = :id"), {"id": marker["id"]})
    for number in range(5):
        due_on = "2020-01-31" if number == 3 else "2040-01-31"
        factories.work(client, title=f"Sửa mốc {number}", place={"text": "96", "border": "VN-KH"}, due_on=due_on)
    for _ in range(3):
        factories.incident(client, place={"text": "118", "border": "VN-KH"})


def open_map(page: Page, site: str, view: str, layers: str = "markers,gates,incidents,works") -> None:
    page.goto("about:blank")  # Else only the fragment would change, and the page would not reload.
    page.goto(f"{site}/?layers={layers}&tab=gates#map={view}")
    page.wait_for_load_state("networkidle")
    expect(page.locator(".stand .mark").first).to_be_visible()
    page.wait_for_timeout(300)


def mark_at(page: Page, label: str) -> Locator:
    return page.locator(f'.leaflet-marker-icon[aria-label^="{label}"]')


def distance_from(page: Page, mark: Locator, feature: dict[str, Any]) -> float:
    """Pixels between the middle of a mark and the coordinates of a feature."""
    lon, lat = feature["geometry"]["coordinates"]
    box = mark.locator(".mark").first.bounding_box()
    frame = page.locator("#map_main").bounding_box()
    point = page.evaluate("([lon, lat]) => window.map_main.latLngToContainerPoint([lat, lon])", [lon, lat])
    assert box
    assert frame
    x, y = box["x"] + box["width"] / 2 - frame["x"], box["y"] + box["height"] / 2 - frame["y"]
    return math.hypot(x - point["x"], y - point["y"])


def view_of(feature: dict[str, Any], zoom: float) -> str:
    lon, lat = feature["geometry"]["coordinates"]
    return f"{zoom}/{lat}/{lon}"


@pytest.mark.parametrize("zoom", [7, 12, 18])
def test_fixed_marks_stay_at_their_coordinates(
    page: Page, site_url: str, gate: dict[str, Any], marker: dict[str, Any], zoom: int
) -> None:
    for feature, label in ((gate, f"Cửa khẩu: {GATE}"), (marker, "Mốc quốc giới: Mốc 118")):
        open_map(page, site_url, view_of(feature, zoom))
        assert distance_from(page, mark_at(page, label), feature) < 1.5


@pytest.mark.parametrize("zoom", [6, 10])
def test_numbers_add_up_to_all_features_and_the_legend_counts_them(
    desktop_page: Page, site_url: str, client: Client, zoom: int
) -> None:
    open_map(desktop_page, site_url, f"{zoom}/11.4/106.2", layers="gates,incidents,works")
    bbox = desktop_page.evaluate("window.map_main.getBounds().toBBoxString()")
    drawn = desktop_page.evaluate(
        """() => {
            const frame = document.getElementById("map_main").getBoundingClientRect();
            const inside = ({ x, y }) => x >= frame.left && x <= frame.right && y >= frame.top && y <= frame.bottom;
            return [...document.querySelectorAll(".leaflet-marker-pane .stand[data-count]")]
                .filter((body) => inside(body.getBoundingClientRect()))
                .reduce((sum, { dataset }) => sum + Number(dataset.count), 0);
        }"""
    )
    expected = 0
    for layer, field in (("gates", "category"), ("incidents", "handling"), ("works", "urgency")):
        query = {"bbox": bbox, "limit": 1000}
        features = client.get(f"/ogc/collections/{layer}/items", params=query).json()["features"]
        expected += len(features)
        codes = [feature["properties"][field] for feature in features]
        items = desktop_page.locator(f'#legend ul[data-layer="{layer}"] li[data-code]')
        listed = {item.get_attribute("data-code"): number_in(item) for item in items.all()}
        assert {code: listed.get(code or "") for code in codes} == {code: codes.count(code) for code in codes}
    assert drawn == expected


def number_in(item: Locator) -> int:
    return int(re.sub(r"\D", "", item.locator(".n").inner_text()))


def test_legend_lists_only_drawn_codes_by_attention(desktop_page: Page, site_url: str) -> None:
    open_map(desktop_page, site_url, "9/11.4/106.2")
    incidents = desktop_page.locator('#legend ul[data-layer="incidents"] li[data-code]')
    assert [item.get_attribute("data-code") for item in incidents.all()] == ["reported", "verified", "critical"]
    heading = desktop_page.locator('#legend h2[data-layer="markers"] .n')
    expect(heading).to_have_text("1.710 · 1 đang hiện")
    expect(desktop_page.locator('#legend ul[data-layer="markers"]')).to_contain_text("Phóng to để xem tất cả")


@pytest.mark.parametrize("zoom", [9, 13])
def test_all_features_at_a_spot_are_listed_and_can_be_opened(
    desktop_page: Page, site_url: str, client: Client, gate: dict[str, Any], zoom: int
) -> None:
    open_map(desktop_page, site_url, view_of(gate, zoom), layers="gates,incidents")
    badge = mark_at(desktop_page, f"{NUMBER + 1} mục tại")
    expect(badge.locator(".badge b")).to_have_text(str(NUMBER))
    expect(badge).to_have_attribute(
        "aria-label", f"{NUMBER + 1} mục tại {GATE} – Bavet, nặng nhất: Đặc biệt nghiêm trọng"
    )
    badge.locator(".badge").click()
    rows = desktop_page.locator(".spot-row")
    expect(rows.first).to_be_visible()
    if rows.count() <= NUMBER:
        desktop_page.get_by_role("button", name="Xem tiếp").click()
    expect(rows).to_have_count(NUMBER + 1)
    listed = {row.get_attribute("data-id") for row in rows.all()}
    query = {"limit": 1000, "bbox": bbox_around(gate)}
    incidents = client.get("/ogc/collections/incidents/items", params=query).json()["features"]
    assert listed == {gate["id"], *(feature["id"] for feature in incidents)}
    assert desktop_page.locator(".spot-rows h3").all_inner_texts() == [f"Sự vụ\n{NUMBER}", "Cửa khẩu\n1"]
    rows.nth(NUMBER - 1).click()
    expect(desktop_page.locator(".leaflet-popup .card h2")).to_contain_text("CỔNG-")
    desktop_page.locator(".spot-back").click()
    expect(rows.first).to_be_visible()


def bbox_around(feature: dict[str, Any]) -> str:
    lon, lat = feature["geometry"]["coordinates"]
    return f"{lon - 1e-4},{lat - 1e-4},{lon + 1e-4},{lat + 1e-4}"


def test_few_features_fan_out_on_short_leaders_with_the_worst_status(
    desktop_page: Page, site_url: str, client: Client
) -> None:
    query = {"border": "VN-KH", "number": "96"}
    stone = client.get("/ogc/collections/markers/items", params=query).json()["features"][0]
    open_map(desktop_page, site_url, view_of(stone, 15), layers="markers,works")
    badge = desktop_page.locator('.leaflet-marker-icon[aria-label*="mục tại Mốc 96, nặng nhất: Quá hạn"]')
    colour = badge.locator(".badge > .mark").first.evaluate("mark => mark.style.color")
    assert colour == "rgb(213, 94, 0)"
    badge.locator(".badge").click()
    lines = desktop_page.locator(".leaders line")
    number = int(badge.locator("b").inner_text())
    assert number >= 5
    expect(lines).to_have_count(number)
    for line in lines.all():
        assert line.evaluate("line => Math.hypot(line.x2.baseVal.value, line.y2.baseVal.value)") <= LONGEST_LEADER + 0.1
    assert distance_from(desktop_page, mark_at(desktop_page, "Mốc quốc giới: Mốc 96"), stone) < 1.5
    for fanned in desktop_page.locator(".fan-mark").all():
        assert distance_from(desktop_page, fanned, stone) <= LONGEST_LEADER + 1
    desktop_page.locator(".fan-mark").last.click()
    expect(desktop_page.locator(".leaflet-popup .card h2")).to_contain_text("Sửa mốc")


def test_fixed_mark_beside_a_badge_opens_its_own_record(
    desktop_page: Page, site_url: str, gate: dict[str, Any]
) -> None:
    open_map(desktop_page, site_url, view_of(gate, 12), layers="gates,incidents")
    mark_at(desktop_page, f"Cửa khẩu: {GATE}").locator(".mark").click()
    expect(desktop_page.locator(".leaflet-popup .card h2")).to_contain_text(GATE)


def test_keyboard_opens_a_spot_and_returns_to_it(desktop_page: Page, site_url: str, gate: dict[str, Any]) -> None:
    open_map(desktop_page, site_url, view_of(gate, 9), layers="gates,incidents")
    badge = mark_at(desktop_page, f"{NUMBER + 1} mục tại")
    assert badge.get_attribute("tabindex") == "0"
    badge.focus()
    desktop_page.keyboard.press("Enter")
    expect(desktop_page.locator(".spot-row").first).to_be_focused()
    desktop_page.keyboard.press("Escape")
    expect(desktop_page.locator(".spot-row")).to_have_count(0)
    expect(badge).to_be_focused()


def test_back_closes_what_is_open(page: Page, site_url: str, gate: dict[str, Any]) -> None:
    open_map(page, site_url, view_of(gate, 12), layers="gates,incidents")
    mark_at(page, f"{NUMBER + 1} mục tại").locator(".badge").click()
    expect(page.locator(".spot-row").first).to_be_visible()
    page.wait_for_function("() => history.state?.open")
    page.go_back()
    expect(page.locator(".spot-row:visible")).to_have_count(0)
    page.locator(".row .title").first.click()
    opened = page.locator(".leaflet-popup .card, .record").first
    expect(opened).to_be_visible()
    page.wait_for_function("() => history.state?.open")
    page.go_back()
    expect(page.locator(".leaflet-popup .card:visible, .record:visible")).to_have_count(0)
    page.locator("#tab-works").click()
    expect(page.locator("#tab-works")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.locator("#tab-gates")).to_have_attribute("aria-selected", "true")


def test_marks_and_list_stay_without_a_network(desktop_page: Page, site_url: str, gate: dict[str, Any]) -> None:
    open_map(desktop_page, site_url, view_of(gate, 12), layers="markers,gates,incidents")
    expect(desktop_page.locator(".row").first).to_be_visible()
    rows = desktop_page.locator(".row").count()
    desktop_page.context.set_offline(offline=True)
    desktop_page.evaluate("window.map_main.panBy([5, 0], { animate: false })")
    notice = desktop_page.locator(".notice")
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("Mất kết nối")
    expect(mark_at(desktop_page, f"Cửa khẩu: {GATE}").locator(".mark")).to_be_visible()
    expect(desktop_page.locator(".stand.beside .badge").first).to_be_visible()
    assert desktop_page.locator(".row").count() == rows
    assert desktop_page.locator("#legend use").first.get_attribute("href").startswith("#")
    desktop_page.context.set_offline(offline=False)
    expect(notice).to_have_count(0)
