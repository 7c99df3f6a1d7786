"""The journal of readings, for administrators and the office: who was given a restricted record, who took a file."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import QueryParams

from api.http.negotiation import only
from api.http.page import page_answer, shell
from api.http.parameters import DatabaseParam, layer_named
from api.http.security import ActorParam, PageLanguageParam, at_once
from api.rest.change_feed import onward, page_links, span_of
from gis.db.actors import Actor
from gis.db.session import Database
from gis.history import access_log as readings
from gis.model.layer import every
from gis.read.timeline import Span
from gis.text.errors import Forbidden, Malformed
from gis.text.i18n import Text
from layers.policy import may_follow
from maps.pages.access_log import readings_page as show_readings

router = APIRouter(tags=["readings"])

TAKEN = ("since", "until", "by", "layer", "after", "limit")
ON_A_PAGE, MOST = 200, 1000


def who_follows(actor: ActorParam) -> Actor:
    """Somebody who may look up what others were given. Raises ``Forbidden`` for everybody else."""
    if not may_follow(actor, ""):
        raise Forbidden(Text("Chỉ quản trị viên và cơ quan thường trực được xem", "For administrators and the office"))
    return actor


FollowingParam = Annotated[Actor, Depends(at_once(who_follows))]


@router.get("/api/readings")
def listed(request: Request, actor: FollowingParam, database: DatabaseParam) -> dict[str, Any]:
    """Readings and files between ``since`` and ``until`` (the last week), ``by`` somebody, of a ``layer``."""
    only(request, TAKEN)
    span, found, following = read(database, actor, request.query_params, MOST)
    links = page_links(request, span, following)
    return {"since": span.since, "until": span.until, "readings": found, "links": links}


@router.get("/readings", include_in_schema=False)
def readings_page(
    request: Request, actor: FollowingParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The same for people."""
    span, found, following = read(database, actor, request.query_params, ON_A_PAGE)
    html = show_readings(
        language,
        readings=found,
        layers=[(layer.name, layer.title) for layer in every()],
        since=span.since,
        until=span.until,
        more=None if following is None else onward(request, span, following),
        **shell(request),
    )
    return page_answer(request, html)


def read(
    database: Database, actor: Actor, asked: QueryParams, most: int
) -> tuple[Span, list[dict[str, Any]], int | None]:
    """A page of readings as they are asked for: the span, the entries, and below which number the next page begins."""
    span = span_of(asked, actor, most)
    layer = layer_named(asked["layer"]).name if asked.get("layer") else None
    below = span.after or None
    if below is not None and not (below.isascii() and below.isdigit() and len(below) <= 18):  # noqa: PLR2004
        raise Malformed(Text("after: khóa của trang trước", "after: the key of the page before"))
    with database.acting(actor) as session:
        found, following = readings.readings(
            session, span.since, span.until, span.by, layer, int(below) if below else None, span.limit
        )
    return span, found, following
