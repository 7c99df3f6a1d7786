"""A layer with more features than one page, on the map: drawn from tiles, counted in the legend, filtered."""

import re
from http import HTTPStatus

import pytest
from httpx import Client
from playwright.sync_api import Locator, Page, Response, expect
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


def heading(page: Page) -> Locator:
    """The numbers of the layer in the legend: of all that match the filters and, if it differs, of what is drawn."""
    return page.locator('#legend h2[data-layer="incidents"] .n')


def count_in_view(page: Page) -> int:
    """The number of features in the map view, from the legend."""
    return int(re.sub(r"\D", "", heading(page).inner_text().rpartition("·")[2]))


def open_incidents_map(page: Page, site: str, query: str, window: str) -> None:
    page.goto("about:blank")  # Else only the fragment would change, and the page would not reload.
    page.goto(f"{site}/?layers=incidents&tab=incidents{query}#map={window}")
    expect(heading(page)).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(heading(page)).not_to_have_text(re.compile(r"(^|· )(≈ )?0( |$)"))


def test_many_features_are_clustered_when_zoomed_out(
    desktop_page: Page, site_url: str, client: Client, answers: list[Response]
) -> None:
    open_incidents_map(desktop_page, site_url, "", "9/11.4/106.1")
    expect(desktop_page.locator("#legend")).to_contain_text("Ký hiệu có số")
    assert count_in_view(desktop_page) == pytest.approx(count_incidents(client), rel=0.005)
    numbers = desktop_page.locator(".stand.incidents .badge b")
    assert 0 < numbers.count() < 500
    assert desktop_page.locator("#rows .row").count() == 250
    numbers.first.click()
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
    expect(desktop_page.locator("#legend")).not_to_contain_text("Ký hiệu có số")
    assert count_in_view(desktop_page) + count_left_out(desktop_page) >= 5000
    item = desktop_page.locator("#legend li:not(.zero)", has_text="Báo cáo nhanh")
    assert int(re.sub(r"\D", "", item.locator(".n").inner_text())) == count_in_view(desktop_page)


def count_left_out(page: Page) -> int:
    item = page.locator("#legend li", has_text="chưa hiển thị")
    return int(re.sub(r"\D", "", item.locator(".n").inner_text())) if item.count() else 0


def test_click_selects_one_of_many_features(desktop_page: Page, site_url: str) -> None:
    open_incidents_map(desktop_page, site_url, "", "14/11.4/106.1")
    desktop_page.locator(".stand.incidents:not(:has(.badge)) > .mark").first.click()
    expect(desktop_page.locator(".card, .record").first).to_contain_text("ĐÔNG-")
