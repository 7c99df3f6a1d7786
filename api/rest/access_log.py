"""The journal of readings, for administrators and the office: who was given a restricted record, who took a file."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import QueryParams

from api.http.dependencies import ActorParam, PageLanguageParam, inline_dependency
from api.http.negotiation import refuse_unknown_parameters
from api.http.page import page_context, page_response
from api.http.parameters import DatabaseParam, layer_named
from api.rest.change_feed import next_page_url, page_links, span_of
from gis.db import Actor, Database
from gis.history import access_log as readings
from gis.model import all_layers
from gis.read import TimeSpan
from gis.text import Forbidden, Malformed, Text
from layers.policy import may_list_changes_of
from maps.pages.access_log import access_log_page as show_readings

router = APIRouter(tags=["readings"])

ACCESS_LOG_PARAMETERS = ("since", "until", "by", "layer", "after", "limit")
ROWS_PER_PAGE, MAX_ROWS = 200, 1000


def access_log_reader(actor: ActorParam) -> Actor:
    """Somebody who may look up what others were given. Raises ``Forbidden`` for everybody else."""
    if not may_list_changes_of(actor, ""):
        raise Forbidden(Text("Chỉ quản trị viên và cơ quan thường trực được xem", "For administrators and the office"))
    return actor


AccessLogReaderParam = Annotated[Actor, Depends(inline_dependency(access_log_reader))]


@router.get("/api/readings")
def access_log(request: Request, actor: AccessLogReaderParam, database: DatabaseParam) -> dict[str, Any]:
    """Readings and files between ``since`` and ``until`` (the last week), ``by`` somebody, of a ``layer``."""
    refuse_unknown_parameters(request, ACCESS_LOG_PARAMETERS)
    span, found, following = read_access_log(database, actor, request.query_params, MAX_ROWS)
    links = page_links(request, span, following)
    return {"since": span.since, "until": span.until, "readings": found, "links": links}


@router.get("/readings", include_in_schema=False)
def access_log_page(
    request: Request, actor: AccessLogReaderParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The same for people."""
    span, found, following = read_access_log(database, actor, request.query_params, ROWS_PER_PAGE)
    html = show_readings(
        language,
        entries=found,
        layers=[(layer.name, layer.title) for layer in all_layers()],
        since=span.since,
        until=span.until,
        more=None if following is None else next_page_url(request, span, following),
        **page_context(request),
    )
    return page_response(request, html)


def read_access_log(
    database: Database, actor: Actor, query: QueryParams, max_limit: int
) -> tuple[TimeSpan, list[dict[str, Any]], int | None]:
    """A page of readings as they are asked for: the span, the entries, and below which number the next page begins."""
    span = span_of(query, actor, max_limit)
    layer = layer_named(query["layer"]).name if query.get("layer") else None
    below = span.after or None
    if below is not None and not (below.isascii() and below.isdigit() and len(below) <= 18):  # noqa: PLR2004
        raise Malformed(Text("after: khóa của trang trước", "after: the key of the page before"))
    with database.transaction(actor) as session:
        found, following = readings.access_log_page(
            session, span.since, span.until, span.by, layer, int(below) if below else None, span.limit
        )
    return span, found, following
