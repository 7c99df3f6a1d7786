"""``inspect_page`` detects what a browser would run or load."""

from tests.hostile_texts import ACCEPTED, inspect_page


def test_page_inspection_detects_active_content():
    """The control: it reports each payload with markup that stands unescaped in a page, and no correct page."""
    for name, text in ACCEPTED.items():
        if "<" in text and "onmouse" not in text:
            assert inspect_page(f"<html><body><p>{text}</p></body></html>")[0], name
    assert inspect_page('<a href="javascript:alert(1)">x</a>')[0]
    assert inspect_page("<p>67092481</p>")[0]
    correct_page = '<script src="/static/core/page.js"></script><a href="/works">x</a>'
    assert inspect_page(correct_page) == ([], "/static/core/page.js\n/works\nx")
