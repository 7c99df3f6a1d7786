"""A bare page with a panel, which opens records and forms beside no map and no list."""

import json
from typing import Any

from playwright.sync_api import Page

from maps.messages import messages_in

STYLES = ("core/base", "map/map", "forms/forms", "forms/records", "pages/pages", "core/narrow", "core/print")

OPEN = """async ([layer, id]) => {
    const panel = document.querySelector(".record-view");
    const { openRecord, openNewForm } = await import("/static/pages/record_panel.js");
    const { showNotice } = await import("/static/core/notices.js");
    window.calls ??= [];
    const actions = {
        close: () => calls.push("close"),
        changed: (id, { text = "", undo = null } = {}) => {
            calls.push(`changed ${id}`);
            showNotice("record", text, { undo });
        },
        step: (by) => calls.push(`step ${by}`),
    };
    return id ? openRecord(panel, layer, id, actions) : openNewForm(panel, layer, actions);
}"""


def host_html(language: str = "vi") -> str:
    """The HTML of the page: the styles and messages that every page has, and a panel."""
    links = "".join(f'<link rel="stylesheet" href="/static/{name}.css">' for name in STYLES)
    messages = json.dumps(messages_in(language), ensure_ascii=False).replace("</", "<\\/")
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>Hồ sơ</title>{links}'
        f'<script type="application/json" id="messages">{messages}</script>'
        "<style>.record-view { height: 100vh; }</style>"
        '<main><aside class="record-view" tabindex="-1"></aside></main></html>'
    )


def open_host(
    page: Page, site_url: str, layer: str, feature: dict[str, Any] | str | None, language: str = "vi"
) -> None:
    """Open the record of a feature on the page, or without a feature the form of a new one."""
    page.route(
        "**/record-host", lambda route: route.fulfill(body=host_html(language), content_type="text/html; charset=utf-8")
    )
    page.goto(f"{site_url}/record-host")
    open_in_panel(page, layer, feature)


def open_in_panel(page: Page, layer: str, feature: dict[str, Any] | str | None) -> None:
    """Open another record or form in the panel."""
    feature_id = feature["id"] if isinstance(feature, dict) else feature
    assert page.evaluate(OPEN, [layer, feature_id])
    page.locator(".record h2, .record .field-fault, .feature-form").first.wait_for()
