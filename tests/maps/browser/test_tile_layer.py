"""A layer with more features than one page, on the map: drawn from tiles, counted in the legend, filtered."""

import re
from http import HTTPStatus

import pytest
from httpx import Client
from playwright.sync_api import Page, Response, expect
from sqlalchemy import text

from gis.db.session import Database
from layers.policy import OFFICE
from maps.assets import fetch

NUMBER = 12_000
LARGEST = 300_000
"""Bytes that a response may have."""
HEAP = 40_000_000
"""Bytes of the JavaScript heap that the page may use."""

CROWDED = """
insert into app.incidents (id, level, code, category, severity, handling, side, position_source, geom)
select gen_random_uuid(), 'internal', 'ĐÔNG-' || n, 'drainage', (array['low', 'critical'])[1 + n % 2],
    (array['reported', 'closed'])[1 + n % 2], 'ours', 'gps',
    ST_SetSRID(ST_MakePoint(106.0 + (n * 7919 % 1000) / 5000.0, 11.3 + (n * 104729 % 997) / 5000.0), 4326)
from generate_series(1, :number) n
"""


@pytest.fixture(scope="module", autouse=True)
def crowded_database(database: Database) -> None:
    """Insert the incidents into the module's database."""
    fetch()
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text(CROWDED), {"number": NUMBER})


@pytest.fixture
def answers(desktop_page: Page) -> list[Response]:
    """Every response that the page gets."""
    responses: list[Response] = []

    def record(response: Response) -> None:
        responses.append(response)

    desktop_page.on("response", record)
    return responses


def count_incidents(client: Client, **filters: str) -> int:
    page = client.get("/ogc/collections/incidents/items", params={**filters, "limit": 1, "count": "exact"}).json()
    return int(page["numberMatched"])


def count_in_view(page: Page) -> int:
    """The number of features in the map view, from the legend."""
    item = page.locator("#legend li", has_text="Trong phạm vi bản đồ")
    return int(re.sub(r"\D", "", item.locator(".n").inner_text()))


def open_incidents_map(page: Page, site: str, query: str, window: str) -> None:
    page.goto("about:blank")  # Else only the fragment would change, and the page would not reload.
    page.goto(f"{site}/?layers=incidents&tab=incidents{query}#map={window}")
    expect(page.locator("#legend li", has_text="Trong phạm vi bản đồ")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#legend li", has_text="Trong phạm vi bản đồ").locator(".n")).not_to_have_text("0")


def test_many_features_are_clustered_when_zoomed_out(
    desktop_page: Page, site_url: str, client: Client, answers: list[Response]
) -> None:
    open_incidents_map(desktop_page, site_url, "", "9/11.4/106.1")
    expect(desktop_page.locator("#legend")).to_contain_text("Vòng tròn có số")
    assert count_in_view(desktop_page) == pytest.approx(
        count_incidents(client), rel=0.005
    )  # A cell at the edge of a tile may be counted twice.
    assert desktop_page.locator(".stand.incidents").count() == 0
    assert desktop_page.locator("#rows .row").count() == 250
    desktop_page.locator("#map_main").click(position=map_position(desktop_page, 106.1, 11.4))
    expect(desktop_page).to_have_url(re.compile(r"#map=11/"))
    open_incidents_map(desktop_page, site_url, "", "13/11.4/106.1")
    expected = count_incidents(client, bbox=desktop_page.evaluate("window.map_main.getBounds().toBBoxString()"))
    assert NUMBER > expected > 250
    assert count_in_view(desktop_page) == pytest.approx(expected, rel=0.005)
    for answer in answers:
        assert answer.status < HTTPStatus.BAD_REQUEST, answer.url
        if answer.status == HTTPStatus.OK:
            assert answer.request.sizes()["responseBodySize"] < LARGEST, answer.url
    session = desktop_page.context.new_cdp_session(desktop_page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    assert used < HEAP


def test_filter_of_the_url_applies_and_the_legend_counts_its_code(desktop_page: Page, site_url: str) -> None:
    open_incidents_map(desktop_page, site_url, "&handling=reported", "11/11.4/106.1")
    expect(desktop_page.locator("#legend")).not_to_contain_text("Vòng tròn có số")
    assert count_in_view(desktop_page) + count_left_out(desktop_page) >= 5000
    item = desktop_page.locator("#legend li:not(.zero)", has_text="Báo cáo nhanh")
    assert int(re.sub(r"\D", "", item.locator(".n").inner_text())) == count_in_view(desktop_page)


def count_left_out(page: Page) -> int:
    item = page.locator("#legend li", has_text="chưa hiển thị")
    return int(re.sub(r"\D", "", item.locator(".n").inner_text())) if item.count() else 0


def test_click_selects_one_of_many_features(desktop_page: Page, site_url: str, client: Client) -> None:
    open_incidents_map(desktop_page, site_url, "", "14/11.4/106.1")
    centre = "106.098,11.398,106.102,11.402"
    incident = client.get("/ogc/collections/incidents/items", params={"bbox": centre, "limit": 1}).json()["features"][0]
    desktop_page.locator("#map_main").click(position=map_position(desktop_page, *incident["geometry"]["coordinates"]))
    expect(desktop_page.locator(".card, .record").first).to_contain_text("ĐÔNG-")


def map_position(page: Page, lon: float, lat: float) -> dict[str, float]:
    """A geographic position in pixels of the map element."""
    point = page.evaluate("([lon, lat]) => window.map_main.latLngToContainerPoint([lat, lon])", [lon, lat])
    return {"x": point["x"], "y": point["y"]}
