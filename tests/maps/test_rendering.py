"""All pages: escaping, no inline scripts, Vietnamese dates and numbers."""

import datetime as dt
import re
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser

import pytest

from layers.incidents import Incident
from maps.map_page import map_page, new_feature_page
from maps.pages.board import board_page
from maps.rendering import mark_svg
from tests.hostile_texts import SHORT_PAYLOAD as HOSTILE

AS_OF = dt.datetime(2026, 11, 20, 23, 30, tzinfo=dt.UTC)
PAGES = [
    map_page,
    partial(new_feature_page, layer=Incident.layer),
    partial(board_page, cards={}, figures=[], tables=[]),
]


class Elements(HTMLParser):
    """The elements of a page: tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_page_obeys_the_content_security_policy(page: Callable[..., str], language: str) -> None:
    html = page(language, office=HOSTILE, as_of=AS_OF, query={"q": HOSTILE, HOSTILE: HOSTILE})
    assert f'<html lang="{language}">' in html
    elements = Elements(html).elements
    scripts = [attributes for tag, attributes in elements if tag == "script"]
    assert scripts
    assert all("src" in script or script.get("type") == "application/json" for script in scripts)
    for tag, attributes in elements:
        assert tag not in {"img", "iframe", "object", "embed", "base"}
        assert not [name for name in attributes if name.startswith("on")], "no inline handler"
        for name in ("src", "href", "action"):
            assert re.match(r"[/#]", attributes.get(name) or "/"), "no other hosts"
            assert not (attributes.get(name) or "").startswith("//")


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_disclaimer_and_time_of_its_data(page: Callable[..., str]) -> None:
    html = page("vi", as_of=AS_OF)
    assert "không phải đường biên pháp lý" in html
    assert "© OpenStreetMap contributors" in html
    assert "21/11/2026 06:30" in html, "Vietnam time, not the server's"


def test_language_switch_keeps_the_query() -> None:
    assert "tab=gates&amp;lang=en" in map_page("vi", query={"tab": "gates"})
    assert "tab=gates&amp;lang=vi" in map_page("en", query={"tab": "gates", "lang": "en"})


def test_mark_has_a_label_or_aria_hidden_and_can_be_hollow() -> None:
    assert 'aria-label="Quá &#34;hạn&#34;"' in mark_svg("square", label='Quá "hạn"')
    assert 'aria-hidden="true"' in mark_svg("square")
    assert "hollow" in mark_svg("square", hollow=True)
    assert "#circle" in mark_svg("no-such-shape")
