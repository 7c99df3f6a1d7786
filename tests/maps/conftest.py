"""A real Chromium with the network cut, on a desk and on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect, sync_playwright

CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]  # fmt: skip


expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module's pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


def opened(chromium: Browser, width: int, height: int) -> Iterator[Page]:
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
    yield page
    page.close()
    assert wrong == []


@pytest.fixture(params=[(1920, 1080), (360, 780)], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """The same test on a desk and on a phone."""
    yield from opened(chromium, *request.param)


@pytest.fixture
def desk(chromium: Browser) -> Iterator[Page]:
    """A page on a desk alone."""
    yield from opened(chromium, 1920, 1080)
