"""The map page in a real Chromium under the Content-Security-Policy, with hostile text in all data.

A small server with fixed JSON replaces the API, which has tests of its own.
"""

import re
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from api.rest.layers import layer_card
from gis.model import all_layers, catalog
from layers.policy import OFFICE
from maps.assets import fetch, static_folder
from maps.map_page import map_page, map_script, new_feature_page
from maps.marks import sprite
from maps.navigation import Reader, navigation_of
from tests.hostile_texts import SHORT_PAYLOAD as HOSTILE

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)


RED = {"shape": HOSTILE, "colour": "#D55E00"}


def with_hostile_titles(value: Any) -> Any:
    """A part of a card with the hostile text in place of each title, and of the shape of each red mark."""
    if isinstance(value, list):
        return [with_hostile_titles(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"vi", "en"}:
        return {"vi": HOSTILE, "en": HOSTILE}
    if value.get("colour") == RED["colour"]:
        return RED
    templates = {name: value[name] for name in ("label", "short") if "rank" in value}
    return {name: with_hostile_titles(item) for name, item in value.items()} | templates


CARDS = [with_hostile_titles(layer_card(layer, OFFICE)) for layer in all_layers()]
PLACED: dict[str, Any] = {
    "id": "w1",
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [106.0, 11.3]},
    "properties": {
        "title": HOSTILE, "address": HOSTILE, "stage": "proposed", "urgency": "overdue", "waiting_on": HOSTILE,
        "position_source": "assumed", "accuracy_m": 13000, "version": 1,
    },
}  # fmt: skip
UNPLACED = {**PLACED, "id": "w2", "geometry": None, "properties": {**PLACED["properties"], "position_source": "none"}}
LOCATED = {"kind": "marker", "address": HOSTILE, "border": "VN-KH", "nearest_marker": HOSTILE}


async def add_policy(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    response.headers["Content-Security-Policy"] = POLICY
    return response


class FakeApi:
    """Fixed responses, and a record of the requests."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def moved(self, request: Request) -> Response:
        self.sent.append((request.headers["if-match"], await request.json()))
        faults = [{"field": "reason", "code": "x", "detail": HOSTILE}]
        problem = {"title": HOSTILE, "status": 409, "detail": "Chưa thông báo phía bạn", "errors": faults}
        return JSONResponse(problem, 409, media_type="application/problem+json")

    async def items(self, request: Request) -> Response:
        if request.method == "POST":
            self.sent.append((request.headers["idempotency-key"], await request.json()))
            return JSONResponse({"title": "x", "status": 503, "detail": "Tạm thời không phục vụ"}, 503)
        rows = [PLACED, UNPLACED] if request.path_params["layer"] == "works" else []
        return JSONResponse({"type": "FeatureCollection", "features": rows, "links": []})

    def app(self) -> Starlette:
        def html(page: Any) -> Any:
            navigation = navigation_of(Reader(OFFICE, manages_accounts=True))
            return lambda request: HTMLResponse(
                page("vi", home=(11.3, 106.0, 10), query=dict(request.query_params), navigation=navigation)
            )

        def data(content: Any, **headers: str) -> Any:
            return lambda _: JSONResponse(content, headers=headers)

        item = "/ogc/collections/{layer}/items/w1"
        nothing = {"type": "FeatureCollection", "features": []}
        located = {"type": "FeatureCollection", "features": [{**PLACED, "properties": LOCATED}]}
        changes = {"stage": {"old": HOSTILE, "new": "closed"}, HOSTILE: {"old": 1, "new": HOSTILE}}
        past = [
            {"at": "2026-01-01T00:00Z", "actor": HOSTILE, "reason": HOSTILE, "action": "update", "changes": changes}
        ]
        return Starlette(
            routes=[
                Route("/", html(map_page)),
                Route("/incidents/new", html(partial(new_feature_page, layer=catalog["incidents"]))),
                Route("/map.js", lambda _: Response(map_script(), media_type="text/javascript")),
                Route("/marks.svg", lambda _: Response(sprite(), media_type="image/svg+xml")),
                Route("/api/layers", data({"layers": CARDS})),
                Route("/api/basemap/lines", data(nothing)),
                Route("/api/basemap/context", data(nothing)),
                Route("/api/locate", data(located)),
                Route("/ogc/collections/{layer}/items", self.items, methods=["GET", "POST"]),
                Route(item, data(PLACED, ETag='"1-abc"', Allow="GET, PATCH")),
                Route(f"{item}/moves", self.moved, methods=["POST"]),
                Route(f"{item}/history", data({"entries": past})),
                Route(
                    f"{item}/links", data({"links": [{"id": "x", "layer": "works", "role": HOSTILE, "title": HOSTILE}]})
                ),
                Mount("/static", StaticFiles(directory=static_folder())),
            ],
            middleware=[Middleware(BaseHTTPMiddleware, dispatch=add_policy)],
        )


@pytest.fixture(scope="module")
def served_site() -> Iterator[tuple[str, FakeApi]]:
    """The URL of the fake API, and the API itself with its record of requests."""
    fetch()
    api = FakeApi()
    server = uvicorn.Server(uvicorn.Config(api.app(), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.05)
        assert thread.is_alive(), "the server started"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", api
    server.should_exit = True
    thread.join()


def test_hostile_values_are_shown_as_text(page: Page, served_site: tuple[str, FakeApi]) -> None:
    page.goto(served_site[0])
    rows = page.locator(".row")
    expect(rows).to_have_count(2)
    expect(rows.first.locator(".title")).to_have_text(HOSTILE)
    expect(page.locator(".stand .label").first).to_have_text(HOSTILE)
    rows.first.locator(".title").click()
    expect(page.locator(".card h2").first).to_contain_text(HOSTILE)
    if (open_record := page.get_by_role("button", name="Mở hồ sơ")).count():
        open_record.click()
    expect(page.locator(".record .timeline")).to_contain_text(HOSTILE)
    expect(page.locator(".record .links")).to_contain_text(HOSTILE)
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_refused_transition_shows_why_and_keeps_the_input(page: Page, served_site: tuple[str, FakeApi]) -> None:
    page.goto(served_site[0])
    page.locator(".row .title").first.click()
    page.get_by_role("button", name="Cập nhật tình trạng").first.click()
    page.locator("dialog textarea").fill("Biên bản 12")
    page.locator("dialog button[type=submit]").click()
    expect(page.locator("dialog .refusal")).to_contain_text("Chưa thông báo phía bạn")
    expect(page.locator("dialog .field-fault:visible")).to_contain_text(HOSTILE)
    expect(page.locator("dialog textarea")).to_have_value("Biên bản 12")
    assert served_site[1].sent[-1] == ('"1-abc"', {"to": "designed", "reason": "Biên bản 12"})
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_main_steps_of_a_status_leave_out_exceptional_states(page: Page, served_site: tuple[str, FakeApi]) -> None:
    page.goto(served_site[0])
    steps = page.evaluate(
        """async () => {
            const { loadLayerCards } = await import('/static/core/layer_cards.js');
            const { mainSteps } = await import('/static/core/status_steps.js');
            await loadLayerCards();
            return [mainSteps('works').map((step) => step.value), mainSteps('markers')];
        }"""
    )
    stage = catalog["works"].status
    assert stage is not None
    assert steps[0] == [code.value for code in stage.codes or () if code.value != "suspended"]
    assert steps[1] == []


def test_missing_position_is_labelled_and_assumed_position_drawn_hollow(
    page: Page, served_site: tuple[str, FakeApi]
) -> None:
    page.goto(served_site[0])
    expect(page.locator(".row .unplaced")).to_have_count(1)
    expect(page.locator(".row .unplaced")).to_contain_text("Chưa có vị trí")
    expect(page.locator(".leaflet-marker-icon .stand.works")).to_have_count(1)
    expect(page.locator(".stand.works .mark.hollow")).to_have_count(1)


def test_address_search_shows_the_result_and_keeps_query_and_view_in_the_url(
    page: Page, served_site: tuple[str, FakeApi]
) -> None:
    page.goto(served_site[0])
    expect(page.locator(".row")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("147/6")
    page.keyboard.press("Enter")
    expect(page.locator("#found h3")).to_have_text(HOSTILE)
    expect(page).to_have_url(re.compile(r"q=147/6.*#map="))
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_hidden()


def test_unsent_incident_keeps_its_text_and_idempotency_key(page: Page, served_site: tuple[str, FakeApi]) -> None:
    page.goto(f"{served_site[0]}/incidents/new?q=147/6")
    expect(page.locator(".place-control .said")).to_have_text(HOSTILE)
    page.locator("#categories .pick").first.click()
    page.locator("#description").fill("Ba người qua lại")
    page.get_by_role("button", name="Gửi").click()
    expect(page.locator("#refusal")).to_contain_text("Tạm thời không phục vụ")
    key, body = served_site[1].sent[-1]
    assert body["properties"]["description"] == "Ba người qua lại"
    assert body["properties"]["place"] == {"text": HOSTILE, "border": "VN-KH", "written": "147/6"}
    page.get_by_role("button", name="Gửi").click()
    expect(page.locator("#refusal")).to_contain_text("Tạm thời không phục vụ")
    assert served_site[1].sent[-1][0] == key, "a retry has the same key"
    page.reload()
    expect(page.locator("#description")).to_have_value("Ba người qua lại")


def test_keyboard_shortcuts_walk_the_list_and_open_the_form(page: Page, served_site: tuple[str, FakeApi]) -> None:
    page.goto(served_site[0])
    expect(page.locator(".row")).to_have_count(2)
    page.keyboard.press("j")
    expect(page.locator(".row").first).to_have_attribute("aria-current", "true")
    expect(page.locator(".card")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".card:visible")).to_have_count(0)
    page.keyboard.press("n")
    expect(page).to_have_url(f"{served_site[0]}/incidents/new")


def test_controls_are_large_enough_on_a_phone(page: Page, served_site: tuple[str, FakeApi]) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    for path in ("/", "/incidents/new"):
        page.goto(served_site[0] + path)
        page.wait_for_load_state("networkidle")
        small = page.evaluate(
            """[...document.querySelectorAll('button, a.button, input, select, .pick')]
               .filter((control) => control.offsetParent && !control.closest('.pick, label, .row')
                   && !control.matches('.grip'))
               .filter((control) => control.getBoundingClientRect().height < 43.5)
               .map((control) => control.className + ' ' + control.textContent.slice(0, 20))"""
        )
        assert small == []
