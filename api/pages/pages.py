"""Routes of the map, the lists and the board as HTML.

The routes read the rows as the signed-in actor, with the same ``Selection`` as the API; ``maps.pages`` renders them.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.http.dependencies import ActorParam, DatabaseParam, PageLanguageParam
from api.http.page import page_context, page_response
from api.http.parameters import selection_of, with_locations
from api.http.query import moment_of
from api.rest.layers import layer_card, may_create
from api.settings import Settings
from gis.crs import CRS84
from gis.db import Session, result_of
from gis.model import catalog
from gis.read import Selection, TimeSpan, change_feed, pages
from gis.release import holdings
from gis.text import Forbidden, Text
from maps import map_page, marks
from maps.pages import board, lists

router = APIRouter(tags=["pages"], include_in_schema=False)

ROWS_PER_PAGE = 200
"""Rows on one page of a list, so that the page stays below 300 kB; a link leads to the next page."""

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


@router.get("/works")
@router.get("/gates")
@router.get("/tasks")
@router.get("/incidents")
@router.get("/markers")
@router.get("/crossings")
@router.get("/documents")
def list_page(request: Request, actor: ActorParam, database: DatabaseParam, language: PageLanguageParam) -> Response:
    """The list of one layer, with the same filters as its items endpoint."""
    layer = catalog[request.url.path.strip("/")]
    with database.transaction(actor) as session:
        requested = selection_of(session, layer, request.query_params, lenient=True)
        requested = result_of(with_locations(session, requested, request.query_params))
        selection = replace(
            requested, limit=ROWS_PER_PAGE, fields=None, crs=CRS84, sort=_sort_of(request, requested), ranked=True
        )
        features, cursor = result_of(pages.read_page(session, selection))
        total = result_of(pages.count_features(session, selection)) if cursor or selection.after else len(features)
    query = {name: value for name, value in request.query_params.items() if name != "after"}
    more = f"{request.url.path}?{urlencode({**query, 'after': cursor})}" if cursor else None
    html = lists.list_page(
        layer_card(layer, actor),
        [json.loads(feature) for feature in features],
        language,
        more=more,
        total=total,
        **page_context(request),
    )
    return page_response(request, html)


def _sort_of(request: Request, selection: Selection) -> Sequence[str] | None:
    """The order from ``sort=due_on`` or ``sort=-due_on``. The database applies it to the whole list, not to each page.

    For unknown fields and fields that the database cannot sort (JSON, lists), the order of ``selection``.
    """
    sort = request.query_params.get("sort", "")
    field = selection.layer.readable_fields(selection.clearance).get(sort.removeprefix("-"))
    return [sort] if field is not None and field.type.sortable else selection.sort


@router.get("/board")
def committee_board(
    request: Request, actor: ActorParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The steering committee's board."""
    as_of = moment_of(request.query_params.get("as_of"), "as_of")
    since = moment_of(request.query_params.get("since"), "since")
    with database.transaction(actor) as session:

        def selection(name: str, **where: Sequence[str]) -> Selection:
            return Selection.for_reader(session, catalog[name], where=where, as_of=as_of)

        def read(selection: Selection) -> list[Any]:
            return [json.loads(feature) for feature in result_of(pages.read_features(session, selection))]

        open_incidents = selection("incidents", open=["true"])
        markers_in_need = selection("markers", condition=board.CONDITIONS_IN_NEED)
        html = board.board_page(
            language,
            cards={name: layer_card(catalog[name], actor) for name in BOARD_LAYERS},
            works=read(selection("works", urgency=board.OUTSTANDING_URGENCIES)),
            tasks=read(selection("tasks", urgency=board.OUTSTANDING_URGENCIES)),
            incidents=result_of(pages.count_by_value(session, open_incidents, "severity")),
            gates=read(selection("gates")),
            markers_in_need=result_of(pages.count_features(session, markers_in_need)),
            since=since,
            changed=_changes_since(session, since, as_of),
            recalled_count=holdings.count_recalled_holdings(session)
            if actor.role.manages_releases and as_of is None
            else 0,
            home=_home(request),
            **page_context(request),
        )
    return page_response(request, html)


def _changes_since(session: Session, since: dt.datetime | None, as_of: dt.datetime | None) -> dict[str, int]:
    """The number of changed features of each layer of the board since the last meeting; empty without a meeting."""
    until = as_of or dt.datetime.now(dt.UTC)
    if since is None or since > until:
        return {}
    selections = [Selection.for_reader(session, catalog[name]) for name in BOARD_LAYERS]
    return change_feed.change_counts(session, selections, TimeSpan(since, until))
