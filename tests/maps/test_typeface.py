"""The product's own font: how it is served, that it is used, and that the layout of pages also holds with others."""

import hashlib
import re
from http import HTTPStatus
from unicodedata import normalize

from httpx import Client
from playwright.sync_api import Page

from maps.assets import fetch, static_folder, typeface_urls
from tests.typefaces import PRODUCT_FONT, fonts_used, in_each_typeface

TONES = "\u0300\u0301\u0303\u0309\u0323"
VIETNAMESE = normalize("NFC", "".join(letter + tone for letter in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY" for tone in TONES) + "đĐ₫")

PAGES = [
    "/", "/board", "/works", "/gates", "/incidents", "/tasks", "/markers", "/crossings", "/documents", "/changes",
    "/readings", "/releases", "/releases/new", "/holdings", "/incidents/new", "/signin", "/nothing", "/ogc",
    "/ogc/collections/works/items?limit=5&f=html",
]  # fmt: skip
WIDTHS = [(1920, 1080), (1366, 768), (768, 1024), (360, 780)]


def test_font_urls_contain_the_hash_of_the_file_in_css_and_python() -> None:
    fetch()
    sheet = (static_folder() / "core/base.css").read_text("utf-8")
    assert re.findall(r'url\("([^"]+\.woff2)"\)', sheet) == typeface_urls() != []
    for url in typeface_urls():
        content = (static_folder() / url.removeprefix("/static/")).read_bytes()
        assert f".{hashlib.sha256(content).hexdigest()[:16]}." in url


def test_font_files_are_immutable_and_cached_for_a_year(client: Client) -> None:
    fetch()
    assert sum(len(client.get(url).content) for url in typeface_urls()) < 50_000
    for url in typeface_urls():
        answer = client.get(url)
        assert answer.status_code == HTTPStatus.OK
        assert answer.headers["content-type"] == "font/woff2"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "content-encoding" not in answer.headers, "woff2 is compressed already"
        again = client.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == HTTPStatus.NOT_MODIFIED
        assert again.headers["cache-control"] == answer.headers["cache-control"]
    licence = client.get(f"{typeface_urls()[0].rpartition('/')[0]}/LICENSE")
    assert "SIL OPEN FONT LICENSE" in licence.text
    for url in ("/static/core/base.css", "/static/core/page.js", "/static/vendor/leaflet/leaflet.js"):
        assert "immutable" not in client.get(url).headers.get("cache-control", ""), url


def test_pages_preload_the_fonts_before_all_other_links(client: Client) -> None:
    html = client.get("/works").text
    first = re.findall(r"<link ([^>]*)>", html)[: len(typeface_urls())]
    assert first == [f'rel="preload" href="{url}" as="font" type="font/woff2" crossorigin' for url in typeface_urls()]


def test_browser_transfers_no_font_again_for_later_pages(desktop_page: Page, site_url: str) -> None:
    requests: list[str] = []
    desktop_page.on("request", lambda request: requests.append(request.url.removeprefix(site_url)))
    for path in ("/works", "/board", "/signin"):
        desktop_page.goto(site_url + path, wait_until="networkidle")
    counts = {url: requests.count(url) for url in typeface_urls()}
    assert counts == dict.fromkeys(typeface_urls(), 3), "one request for each page, answered from the cache"
    transferred = desktop_page.evaluate(
        "performance.getEntriesByType('resource').filter((entry) => entry.name.endsWith('.woff2'))"
        ".map((entry) => entry.transferSize)"
    )
    assert transferred == [0, 0], "nothing was transferred for the third page"


@in_each_typeface
def test_text_is_drawn_in_the_available_font(desktop_page: Page, site_url: str, typeface: str) -> None:
    for path, selector in (("/board", ".tile-owed h2"), ("/", ".brand b"), ("/works", "td.main a"), ("/signin", "h1")):
        desktop_page.goto(site_url + path)
        assert fonts_used(desktop_page, selector) == {typeface}, path


def test_font_has_all_vietnamese_letters_and_tabular_figures(desktop_page: Page, site_url: str) -> None:
    desktop_page.goto(f"{site_url}/works")
    desktop_page.evaluate("(letters) => { document.querySelector('h1').textContent = letters; }", VIETNAMESE)
    desktop_page.evaluate("document.fonts.ready.then(() => null)")
    assert fonts_used(desktop_page, "h1") == {PRODUCT_FONT}
    widths = desktop_page.locator("tbody td.main").first.evaluate(
        """(cell) => [..."0123456789"].map((figure) => {
            const text = cell.appendChild(document.createElement("span"));
            text.textContent = figure.repeat(100);
            return Math.round(text.getBoundingClientRect().width);
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
