"""Pages in a real Chromium, in the sizes of a desktop screen and of a phone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Playwright

from tests.conftest import CHROMIUM, OFFLINE_FLAGS
from tests.typefaces import PRODUCT_FONT, block_product_font, single_font_environment


def open_page(chromium: Browser, width: int, height: int, typeface: str = PRODUCT_FONT) -> Iterator[Page]:
    """A page that fails its test at a dialog, a script error or a violation of the Content-Security-Policy."""
    page = chromium.new_page(viewport={"width": width, "height": height}, locale="vi-VN")
    faults: list[str] = []

    def handle_dialog(dialog: Dialog) -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def handle_console(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    page.on("dialog", handle_dialog)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", handle_console)
    if typeface != PRODUCT_FONT:
        block_product_font(page)
    yield page
    page.close()
    assert faults == []


@pytest.fixture(scope="module")
def browser_of(
    playwright: Playwright, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Browser]]:
    """``browser_of(typeface)``: the module's browser, or one that finds only the fonts of that family."""
    started = {PRODUCT_FONT: chromium}

    def start(typeface: str) -> Browser:
        if typeface not in started:
            fonts = single_font_environment(typeface, tmp_path_factory.mktemp("fonts"))
            started[typeface] = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE_FLAGS, env=fonts)
        return started[typeface]

    yield start
    for typeface, browser in started.items():
        if typeface != PRODUCT_FONT:
            browser.close()


@pytest.fixture
def typeface(request: pytest.FixtureRequest) -> str:
    """The product's own font, unless a test has ``in_each_typeface``."""
    return getattr(request, "param", PRODUCT_FONT)


@pytest.fixture(params=[(1920, 1080), (360, 780)], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser_of: Callable[[str], Browser], typeface: str) -> Iterator[Page]:
    """A page on a desktop screen, and again on a phone."""
    yield from open_page(browser_of(typeface), *request.param, typeface)


@pytest.fixture
def desktop_page(browser_of: Callable[[str], Browser], typeface: str) -> Iterator[Page]:
    """A page on a desktop screen only."""
    yield from open_page(browser_of(typeface), 1920, 1080, typeface)
