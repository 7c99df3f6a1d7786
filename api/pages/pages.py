"""Routes of the map and the board as HTML.

The routes read the rows as the signed-in actor, with the same ``Selection`` as the API; ``maps.pages`` renders them.
"""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.dependencies import ActorParam, DatabaseParam, PageLanguageParam
from api.http.page import page_context, page_response
from api.http.query import moment_of
from api.rest.layers import layer_card, may_create
from api.settings import Settings
from gis.db import Actor, Session
from gis.model import catalog
from gis.read import Selection, TimeSpan, change_feed, pages
from gis.release import holdings
from gis.text import Forbidden, Text
from maps import map_page, marks
from maps.pages import board

router = APIRouter(tags=["pages"], include_in_schema=False)

BOARD_LAYERS = ("works", "tasks", "incidents", "gates", "markers")


def _home(request: Request) -> tuple[float, float, float]:
    settings: Settings = request.app.state.settings
    return settings.home


@router.get("/")
def show_map(request: Request, language: PageLanguageParam) -> Response:
    """The map page, which is also the start page."""
    return page_response(request, map_page.map_page(language, home=_home(request), **page_context(request)))


@router.get("/map.js")
def map_script() -> Response:
    """The script that folium generates for the map; it is the same for every reader."""
    return Response(map_page.map_script(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/marks.svg")
def marks_sprite() -> Response:
    """The SVG sprite of all marks."""
    return Response(marks.sprite(), media_type="image/svg+xml", headers={"Cache-Control": "no-cache"})


@router.get("/incidents/new")
def incident_form(request: Request, actor: ActorParam, language: PageLanguageParam) -> Response:
    """The form to log an incident. Raises ``Forbidden`` for an actor who may not create incidents."""
    if not may_create(actor, catalog["incidents"]):
        raise Forbidden(Text("Tài khoản không có quyền ghi sự vụ", "This account may not log incidents"))
    return page_response(request, map_page.incident_page(language, home=_home(request), **page_context(request)))


@router.get("/board")
def committee_board(
    request: Request, actor: ActorParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The steering committee's board."""
    as_of = moment_of(request.query_params.get("as_of"), "as_of")
    since = moment_of(request.query_params.get("since"), "since")
    with database.transaction(actor) as session:

        def selection(name: str, **where: Sequence[str]) -> Selection:
            return Selection(catalog[name], actor.clearance, where=where, as_of=as_of)

        def read(selection: Selection) -> list[Any]:
            return [json.loads(feature) for feature in pages.read_features(session, selection)]

        html = board.board_page(
            language,
            cards={name: layer_card(catalog[name], actor) for name in BOARD_LAYERS},
            works=read(selection("works", urgency=board.OUTSTANDING_URGENCIES)),
            tasks=read(selection("tasks", urgency=board.OUTSTANDING_URGENCIES)),
            incidents=pages.count_by_value(session, selection("incidents", open=["true"]), "severity"),
            gates=read(selection("gates")),
            markers_in_need=pages.count_features(session, selection("markers", condition=board.CONDITIONS_IN_NEED)),
            since=since,
            changed=_changes_since(session, actor, since, as_of),
            recalled_count=holdings.count_recalled_holdings(session)
            if actor.role.manages_releases and as_of is None
            else 0,
            home=_home(request),
            **page_context(request),
        )
    return page_response(request, html)


def _changes_since(
    session: Session, actor: Actor, since: dt.datetime | None, as_of: dt.datetime | None
) -> dict[str, int]:
    """The number of changed features of each layer of the board since the last meeting; empty without a meeting."""
    until = as_of or dt.datetime.now(dt.UTC)
    if since is None or since > until:
        return {}
    selections = [Selection(catalog[name], actor.clearance) for name in BOARD_LAYERS]
    return change_feed.change_counts(session, selections, TimeSpan(since, until))
