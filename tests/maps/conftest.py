"""Pages of a real Chromium, on a desk and on a phone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Playwright

from tests.conftest import CHROMIUM, OFFLINE_FLAGS
from tests.typefaces import OWN, with_this_alone, withhold_the_own


def open_page(chromium: Browser, width: int, height: int, typeface: str = OWN) -> Iterator[Page]:
    """A page that fails its test when text is run or the policy is broken."""
    page = chromium.new_page(viewport={"width": width, "height": height}, locale="vi-VN")
    wrong: list[str] = []

    def run(dialog: Dialog) -> None:
        wrong.append(f"ran: {dialog.message}")
        dialog.dismiss()

    def told(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            wrong.append(message.text)

    page.on("dialog", run)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", told)
    if typeface != OWN:
        withhold_the_own(page)
    yield page
    page.close()
    assert wrong == []


@pytest.fixture(scope="module")
def browser_of(
    playwright: Playwright, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Browser]]:
    """The browser of a typeface: the module's own, or one that finds the fonts of that family alone."""
    started = {OWN: chromium}

    def started_for(typeface: str) -> Browser:
        if typeface not in started:
            fonts = with_this_alone(typeface, tmp_path_factory.mktemp("fonts"))
            started[typeface] = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE_FLAGS, env=fonts)
        return started[typeface]

    yield started_for
    for typeface, browser in started.items():
        if typeface != OWN:
            browser.close()


@pytest.fixture
def typeface(request: pytest.FixtureRequest) -> str:
    """The product's own typeface, unless a test says ``in_each_typeface``."""
    return getattr(request, "param", OWN)


@pytest.fixture(params=[(1920, 1080), (360, 780)], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser_of: Callable[[str], Browser], typeface: str) -> Iterator[Page]:
    """The same test on a desk and on a phone."""
    yield from open_page(browser_of(typeface), *request.param, typeface)


@pytest.fixture
def desktop_page(browser_of: Callable[[str], Browser], typeface: str) -> Iterator[Page]:
    """A page on a desk alone."""
    yield from open_page(browser_of(typeface), 1920, 1080, typeface)
