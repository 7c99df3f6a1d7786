"""A layer with more than a list is for, on the real map: drawn from tiles, counted in the legend, filters kept."""

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
"""Bytes of an answer."""
HEAP = 40_000_000

CROWDED = """
insert into app.incidents (id, level, code, category, severity, handling, side, position_source, geom)
select gen_random_uuid(), 'internal', 'ĐÔNG-' || n, 'drainage', (array['low', 'critical'])[1 + n % 2],
    (array['reported', 'closed'])[1 + n % 2], 'ours', 'gps',
    ST_SetSRID(ST_MakePoint(106.0 + (n * 7919 % 1000) / 5000.0, 11.3 + (n * 104729 % 997) / 5000.0), 4326)
from generate_series(1, :number) n
"""


@pytest.fixture(scope="module", autouse=True)
def crowded_database(database: Database) -> None:
    fetch()
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text(CROWDED), {"number": NUMBER})


@pytest.fixture
def answers(desktop_page: Page) -> list[Response]:
    """Every answer that the page gets."""
    found: list[Response] = []

    def told(answer: Response) -> None:
        found.append(answer)

    desktop_page.on("response", told)
    return found


def all_of(client: Client, **asked: str) -> int:
    page = client.get("/ogc/collections/incidents/items", params={**asked, "limit": 1, "count": "exact"}).json()
    return int(page["numberMatched"])


def in_view(page: Page) -> int:
    """How many things the legend says are drawn."""
    line = page.locator("#legend li", has_text="Trong phạm vi bản đồ")
    return int(re.sub(r"\D", "", line.locator(".n").inner_text()))


def settled(page: Page, site: str, query: str, window: str) -> None:
    page.goto("about:blank")  # or nothing but the window would change, and the page stay
    page.goto(f"{site}/?layers=incidents&tab=incidents{query}#map={window}")
    expect(page.locator("#legend li", has_text="Trong phạm vi bản đồ")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#legend li", has_text="Trong phạm vi bản đồ").locator(".n")).not_to_have_text("0")


def test_a_crowd_is_counted_from_afar_and_seen_from_near(
    desktop_page: Page, site_url: str, client: Client, answers: list[Response]
) -> None:
    settled(desktop_page, site_url, "", "9/11.4/106.1")
    expect(desktop_page.locator("#legend")).to_contain_text("Vòng tròn có số")
    assert in_view(desktop_page) == pytest.approx(
        all_of(client), rel=0.005
    )  # a cell on the edge of a tile may be two's
    assert desktop_page.locator(".stand.incidents").count() == 0
    assert desktop_page.locator("#rows .row").count() == 250
    desktop_page.locator("#map_main").click(position=at(desktop_page, 106.1, 11.4))
    expect(desktop_page).to_have_url(re.compile(r"#map=11/"))
    settled(desktop_page, site_url, "", "13/11.4/106.1")
    there = all_of(client, bbox=desktop_page.evaluate("window.map_main.getBounds().toBBoxString()"))
    assert NUMBER > there > 250
    assert in_view(desktop_page) == pytest.approx(there, rel=0.005)
    for answer in answers:
        assert answer.status < HTTPStatus.BAD_REQUEST, answer.url
        if answer.status == HTTPStatus.OK:
            assert answer.request.sizes()["responseBodySize"] < LARGEST, answer.url
    session = desktop_page.context.new_cdp_session(desktop_page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    assert used < HEAP


def test_the_filters_of_the_address_are_kept_and_the_words_counted(desktop_page: Page, site_url: str) -> None:
    settled(desktop_page, site_url, "&handling=reported", "11/11.4/106.1")
    expect(desktop_page.locator("#legend")).not_to_contain_text("Vòng tròn có số")
    assert in_view(desktop_page) + left_out(desktop_page) >= 5000
    words = desktop_page.locator("#legend li:not(.zero)", has_text="Báo cáo nhanh")
    assert int(re.sub(r"\D", "", words.locator(".n").inner_text())) == in_view(desktop_page)


def left_out(page: Page) -> int:
    line = page.locator("#legend li", has_text="chưa hiển thị")
    return int(re.sub(r"\D", "", line.locator(".n").inner_text())) if line.count() else 0


def test_one_of_a_crowd_is_picked_by_a_click(desktop_page: Page, site_url: str, client: Client) -> None:
    settled(desktop_page, site_url, "", "14/11.4/106.1")
    centre = "106.098,11.398,106.102,11.402"
    one = client.get("/ogc/collections/incidents/items", params={"bbox": centre, "limit": 1}).json()["features"][0]
    desktop_page.locator("#map_main").click(position=at(desktop_page, *one["geometry"]["coordinates"]))
    expect(desktop_page.locator(".card, .record").first).to_contain_text("ĐÔNG-")


def at(page: Page, lon: float, lat: float) -> dict[str, float]:
    """Where a position lies on the map's element."""
    found = page.evaluate("([lon, lat]) => window.map_main.latLngToContainerPoint([lat, lon])", [lon, lat])
    return {"x": found["x"], "y": found["y"]}
