"""Routes of the map and the lists as HTML.

The routes read the rows as the signed-in actor, with the same ``Selection`` as the API; ``maps.pages`` renders them.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.http.dependencies import ActorParam, DatabaseParam, PageLanguageParam
from api.http.page import page_context, page_response
from api.http.parameters import selection_of, with_locations
from api.rest.layers import layer_card
from api.settings import Settings
from gis.crs import CRS84
from gis.db import result_of
from gis.model import catalog
from gis.read import Selection, pages
from maps import map_page, marks
from maps.messages import MESSAGES
from maps.navigation import declare_page
from maps.pages import lists

router = APIRouter(tags=["pages"], include_in_schema=False)

ROWS_PER_PAGE = 200
"""Rows on one page of a list, so that the page stays below 300 kB; a link leads to the next page."""

declare_page("/", MESSAGES["map"], rank=10, past=True)


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
