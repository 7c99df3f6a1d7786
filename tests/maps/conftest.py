"""Pages of a real Chromium, on a desk and on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page


def open_page(chromium: Browser, width: int, height: int) -> Iterator[Page]:
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
    yield from open_page(chromium, *request.param)


@pytest.fixture
def desktop_page(chromium: Browser) -> Iterator[Page]:
    """A page on a desk alone."""
    yield from open_page(chromium, 1920, 1080)
