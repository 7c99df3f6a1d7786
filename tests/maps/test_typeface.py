"""The product's own typeface: how it is served, that it is really drawn, and that pages do not depend on its width."""

import hashlib
import re
from http import HTTPStatus
from unicodedata import normalize

from httpx import Client
from playwright.sync_api import Page

from maps.assets import fetch, static_folder, typeface_urls
from tests.typefaces import OWN, drawn_with, in_each_typeface

TONES = "\u0300\u0301\u0303\u0309\u0323"
VIETNAMESE = normalize("NFC", "".join(letter + tone for letter in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY" for tone in TONES) + "đĐ₫")

PAGES = [
    "/", "/board", "/works", "/gates", "/incidents", "/tasks", "/markers", "/crossings", "/documents", "/changes",
    "/readings", "/releases", "/releases/new", "/holdings", "/incidents/new", "/signin", "/nothing", "/ogc",
    "/ogc/collections/works/items?limit=5&f=html",
]  # fmt: skip
WIDTHS = [(1920, 1080), (1366, 768), (768, 1024), (360, 780)]


def test_each_font_file_carries_the_hash_of_its_content_and_is_named_alike_everywhere() -> None:
    fetch()
    sheet = (static_folder() / "cotmoc.css").read_text("utf-8")
    assert re.findall(r'url\("([^"]+\.woff2)"\)', sheet) == typeface_urls() != []
    for address in typeface_urls():
        content = (static_folder() / address.removeprefix("/static/")).read_bytes()
        assert f".{hashlib.sha256(content).hexdigest()[:16]}." in address


def test_a_font_is_asked_for_once_and_kept_for_a_year(client: Client) -> None:
    fetch()
    assert sum(len(client.get(address).content) for address in typeface_urls()) < 50_000
    for address in typeface_urls():
        answer = client.get(address)
        assert answer.status_code == HTTPStatus.OK
        assert answer.headers["content-type"] == "font/woff2"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "content-encoding" not in answer.headers, "it is packed already"
        again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == HTTPStatus.NOT_MODIFIED
        assert again.headers["cache-control"] == answer.headers["cache-control"]
    licence = client.get(f"{typeface_urls()[0].rpartition('/')[0]}/LICENSE")
    assert "SIL OPEN FONT LICENSE" in licence.text
    for address in ("/static/cotmoc.css", "/static/core/page.js", "/static/vendor/leaflet/leaflet.js"):
        assert "immutable" not in client.get(address).headers.get("cache-control", ""), address


def test_every_page_asks_for_the_fonts_before_anything_else(client: Client) -> None:
    html = client.get("/works").text
    first = re.findall(r"<link ([^>]*)>", html)[: len(typeface_urls())]
    assert first == [f'rel="preload" href="{one}" as="font" type="font/woff2" crossorigin' for one in typeface_urls()]


def test_the_browser_fetches_each_font_once_for_all_pages(desktop_page: Page, site_url: str) -> None:
    asked: list[str] = []
    desktop_page.on("request", lambda request: asked.append(request.url.removeprefix(site_url)))
    for path in ("/works", "/board", "/signin"):
        desktop_page.goto(site_url + path, wait_until="networkidle")
    assert {one: asked.count(one) for one in typeface_urls()} == dict.fromkeys(typeface_urls(), 3), (
        "the cache answers in time"
    )
    stored = desktop_page.evaluate(
        "performance.getEntriesByType('resource').filter((one) => one.name.endsWith('.woff2'))"
        ".map((one) => one.transferSize)"
    )
    assert stored == [0, 0], "nothing was transferred for the third page"


@in_each_typeface
def test_words_are_drawn_in_the_typeface_that_is_there(desktop_page: Page, site_url: str, typeface: str) -> None:
    for path, words in (("/board", ".tile-owed h2"), ("/", ".brand b"), ("/works", "td.main a"), ("/signin", "h1")):
        desktop_page.goto(site_url + path)
        assert drawn_with(desktop_page, words) == {typeface}, path


def test_every_vietnamese_letter_and_all_figures_of_a_table_are_of_the_own_typeface(
    desktop_page: Page, site_url: str
) -> None:
    desktop_page.goto(f"{site_url}/works")
    desktop_page.evaluate("(letters) => { document.querySelector('h1').textContent = letters; }", VIETNAMESE)
    desktop_page.evaluate("document.fonts.ready.then(() => null)")
    assert drawn_with(desktop_page, "h1") == {OWN}
    widths = desktop_page.locator("tbody td.main").first.evaluate(
        """(cell) => [..."0123456789"].map((figure) => {
            const line = cell.appendChild(document.createElement("span"));
            line.textContent = figure.repeat(100);
            return Math.round(line.getBoundingClientRect().width);
        })"""
    )
    assert len(set(widths)) == 1


@in_each_typeface
def test_no_page_is_wider_than_its_window(desktop_page: Page, site_url: str) -> None:
    for path in PAGES:
        desktop_page.set_viewport_size({"width": 1920, "height": 1080})
        desktop_page.goto(site_url + path)
        for width, height in WIDTHS:
            desktop_page.set_viewport_size({"width": width, "height": height})
            assert desktop_page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
