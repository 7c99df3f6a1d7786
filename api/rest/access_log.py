"""The access log for administrators and the office: reads of restricted records and exports of files."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import QueryParams

from api.http.dependencies import ActorParam, DatabaseParam, PageLanguageParam, inline_dependency
from api.http.page import page_context, page_response
from api.http.parameters import layer_named
from api.http.query import malformed_parameter, refuse_unknown_parameters
from api.rest.change_feed import next_page_url, page_links, span_of
from gis.db import Actor, Database
from gis.history import access_log as access_log_store
from gis.model import all_layers
from gis.read import TimeSpan
from gis.text import Forbidden, Text
from layers.policy import may_list_changes_of
from maps.pages.access_log import access_log_page as render_access_log

router = APIRouter(tags=["readings"])

ACCESS_LOG_PARAMETERS = ("since", "until", "by", "layer", "after", "limit")
ROWS_PER_PAGE, MAX_ROWS = 200, 1000


def access_log_reader(actor: ActorParam) -> Actor:
    """The actor, if they may read the access log. Raises ``Forbidden`` for others."""
    if not may_list_changes_of(actor, ""):
        raise Forbidden(
            Text(
                "Chỉ quản trị viên và cơ quan thường trực được xem",
                "Only administrators and the office may read the access log",
            )
        )
    return actor


AccessLogReaderParam = Annotated[Actor, Depends(inline_dependency(access_log_reader))]


@router.get("/api/readings")
def access_log(request: Request, actor: AccessLogReaderParam, database: DatabaseParam) -> dict[str, Any]:
    """Entries of the access log between ``since`` and ``until`` (the last week), ``by`` an actor, of a ``layer``."""
    refuse_unknown_parameters(request, ACCESS_LOG_PARAMETERS)
    span, entries, cursor = read_access_log(database, actor, request.query_params, MAX_ROWS)
    links = page_links(request, span, cursor)
    return {"since": span.since, "until": span.until, "readings": entries, "links": links}


@router.get("/readings", include_in_schema=False)
def access_log_page(
    request: Request, actor: AccessLogReaderParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The access log as an HTML page."""
    span, entries, cursor = read_access_log(database, actor, request.query_params, ROWS_PER_PAGE)
    html = render_access_log(
        language,
        entries=entries,
        layers=[(layer.name, layer.title) for layer in all_layers()],
        since=span.since,
        until=span.until,
        more=None if cursor is None else next_page_url(request, span, cursor),
        **page_context(request),
    )
    return page_response(request, html)


def read_access_log(
    database: Database, actor: Actor, query: QueryParams, max_limit: int
) -> tuple[TimeSpan, list[dict[str, Any]], int | None]:
    """A page of the access log, newest first: the time span, the entries, and the cursor of the next page.

    The cursor is the sequence number below which the next page begins; None on the last page. Raises ``Malformed``.
    """
    span = span_of(query, actor, max_limit)
    layer = layer_named(query["layer"]).name if query.get("layer") else None
    below = span.after or None
    if below is not None and not (below.isascii() and below.isdigit() and len(below) <= 18):  # noqa: PLR2004
        raise malformed_parameter("after", "phải là khóa của trang trước", "must be the cursor of the previous page")
    with database.transaction(actor) as session:
        entries, cursor = access_log_store.access_log_page(
            session, span.since, span.until, span.by, layer, int(below) if below else None, span.limit
        )
    return span, entries, cursor
