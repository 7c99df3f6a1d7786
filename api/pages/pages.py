"""The pages: what they show is read here through the one reading path, how it looks is ``maps``' matter."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.http.dependencies import ActorParam, PageLanguageParam
from api.http.page import page_context, page_response
from api.http.parameters import DatabaseParam, moment_of, selection_of
from api.rest.layers import card, may_create
from api.settings import Settings
from gis.crs import CRS84
from gis.db import Actor, Session
from gis.model import catalog
from gis.read import Selection, TimeSpan, change_feed, pages
from gis.release import holdings
from gis.text import Forbidden, Text
from maps import map_page as atlas, marks
from maps.pages import board, lists

router = APIRouter(tags=["pages"], include_in_schema=False)

ROWS_PER_PAGE = 200
"""A page of a list; more follow by the link at its end. A page stays below 300 kB."""
BOARD_LAYERS = ("works", "tasks", "incidents", "gates", "markers")


def _home(request: Request) -> tuple[float, float, float]:
    settings: Settings = request.app.state.settings
    return settings.home


@router.get("/")
def map_page(request: Request, language: PageLanguageParam) -> Response:
    """The map, which is the home of everything."""
    return page_response(request, atlas.map_page(language, home=_home(request), **page_context(request)))


@router.get("/map.js")
def map_script() -> Response:
    """The script that folium writes for the map: constants only."""
    return Response(atlas.map_script(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/marks.svg")
def sprite() -> Response:
    """Every mark, drawn once."""
    return Response(marks.sprite(), media_type="image/svg+xml", headers={"Cache-Control": "no-cache"})


@router.get("/incidents/new")
def incident_form(request: Request, actor: ActorParam, language: PageLanguageParam) -> Response:
    """The officer's form, for whoever may log an incident."""
    if not may_create(actor, catalog["incidents"]):
        raise Forbidden(Text("Tài khoản không có quyền ghi sự vụ", "This account may not log incidents"))
    return page_response(request, atlas.incident_page(language, home=_home(request), **page_context(request)))


@router.get("/works")
@router.get("/gates")
@router.get("/tasks")
@router.get("/incidents")
@router.get("/markers")
@router.get("/crossings")
@router.get("/documents")
def list_page(request: Request, actor: ActorParam, database: DatabaseParam, language: PageLanguageParam) -> Response:
    """A list of one layer, filtered like its items."""
    layer = catalog[request.url.path.strip("/")]
    with database.transaction(actor) as session:
        asked = selection_of(session, layer, request.query_params, actor, lenient=True)
        selection = replace(
            asked, limit=ROWS_PER_PAGE, fields=None, crs=CRS84, sort=_sort_of(request, asked), ranked=True
        )
        found, following = pages.read_page(session, selection)
        total = pages.count_features(session, selection) if following or selection.after else len(found)
    given = {name: value for name, value in request.query_params.items() if name != "after"}
    more = f"{request.url.path}?{urlencode({**given, 'after': following})}" if following else None
    html = lists.list_page(
        card(layer, actor),
        [json.loads(one) for one in found],
        language,
        more=more,
        total=total,
        **page_context(request),
    )
    return page_response(request, html)


def _sort_of(request: Request, selection: Selection) -> Sequence[str] | None:
    """``sort=due_on`` or ``sort=-due_on``, so that the rows of every page are in the order of the whole."""
    wanted = request.query_params.get("sort", "")
    known = selection.layer.readable_fields(selection.clearance).get(wanted.removeprefix("-"))
    return [wanted] if known is not None and known.type not in ("json", "list") else selection.sort


@router.get("/board")
def committee_board(
    request: Request, actor: ActorParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The committee's one screen."""
    as_of = moment_of(request.query_params.get("as_of"), "as_of")
    since = moment_of(request.query_params.get("since"), "since")
    with database.transaction(actor) as session:

        def wanted(name: str, **where: Sequence[str]) -> Selection:
            return Selection(catalog[name], actor.clearance, where=where, as_of=as_of)

        def read(selection: Selection) -> list[Any]:
            return [json.loads(one) for one in pages.read_features(session, selection)]

        html = board.board_page(
            language,
            cards={name: card(catalog[name], actor) for name in ("works", "tasks", "incidents", "gates", "markers")},
            works=read(wanted("works", urgency=board.OUTSTANDING_URGENCIES)),
            tasks=read(wanted("tasks", urgency=board.OUTSTANDING_URGENCIES)),
            incidents=pages.count_by_value(session, wanted("incidents", open=["true"]), "severity"),
            gates=read(wanted("gates")),
            markers_in_need=pages.count_features(session, wanted("markers", condition=board.CONDITIONS_IN_NEED)),
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
    """How many things of each layer on the board have changed since the last meeting, where one was named."""
    until = as_of or dt.datetime.now(dt.UTC)
    if since is None or since > until:
        return {}
    wanted = [Selection(catalog[name], actor.clearance) for name in BOARD_LAYERS]
    return change_feed.change_counts(session, wanted, TimeSpan(since, until))
