"""The access log for administrators and the office: reads of restricted records and exports of files."""

from typing import Any

from fastapi import APIRouter, Depends, Response

from api.http.dependencies import ActorParam, Call, CallParam, PageCallParam, inline_dependency
from api.http.page import page_context, page_response
from api.http.parameters import layer_named
from api.http.query import malformed_parameter, refuse_unknown_parameters
from api.rest.change_feed import next_page_url, page_links, span_of
from gis.history import access_log as access_log_store
from gis.model import all_layers
from gis.read import TimeSpan
from gis.text import Forbidden, Text
from layers.policy import may_list_changes_of
from maps.messages import MESSAGES
from maps.navigation import declare_page
from maps.pages.access_log import access_log_page as render_access_log


def require_access_log_reader(actor: ActorParam) -> None:
    """Raise ``Forbidden`` for an actor who may not read the access log."""
    if not may_list_changes_of(actor, ""):
        raise Forbidden(
            Text(
                "Chỉ quản trị viên và cơ quan thường trực được xem",
                "Only administrators and the office may read the access log",
            )
        )


router = APIRouter(tags=["readings"], dependencies=[Depends(inline_dependency(require_access_log_reader))])

declare_page("/readings", MESSAGES["readings"], rank=230, allows=lambda reader: may_list_changes_of(reader.actor, ""))

ACCESS_LOG_PARAMETERS = ("since", "until", "by", "layer", "after", "limit")
ROWS_PER_PAGE, MAX_ROWS = 200, 1000


@router.get("/api/readings")
def access_log(call: CallParam) -> dict[str, Any]:
    """Entries of the access log between ``since`` and ``until`` (the last week), ``by`` an actor, of a ``layer``."""
    refuse_unknown_parameters(call.request, ACCESS_LOG_PARAMETERS)
    span, entries, cursor = read_access_log(call, MAX_ROWS)
    links = page_links(call.request, span, cursor)
    return {"since": span.since, "until": span.until, "readings": entries, "links": links}


@router.get("/readings", include_in_schema=False)
def access_log_page(call: PageCallParam) -> Response:
    """The access log as an HTML page."""
    span, entries, cursor = read_access_log(call, ROWS_PER_PAGE)
    html = render_access_log(
        call.language,
        entries=entries,
        layers=[(layer.name, layer.title) for layer in all_layers()],
        since=span.since,
        until=span.until,
        more=None if cursor is None else next_page_url(call.request, span, cursor),
        **page_context(call.request),
    )
    return page_response(call.request, html)


def read_access_log(call: Call, max_limit: int) -> tuple[TimeSpan, list[dict[str, Any]], int | None]:
    """A page of the access log, newest first: the time span, the entries, and the cursor of the next page.

    The cursor is the sequence number below which the next page begins; None on the last page. Raises ``Malformed``.
    """
    span = span_of(call.query, call.actor, max_limit)
    layer = layer_named(call.query["layer"]).name if call.query.get("layer") else None
    below = span.after or None
    if below is not None and not (below.isascii() and below.isdigit() and len(below) <= 18):  # noqa: PLR2004
        raise malformed_parameter("after", "phải là khóa của trang trước", "must be the cursor of the previous page")
    with call.reading() as session:
        entries, cursor = access_log_store.access_log_page(
            session, span.since, span.until, span.by, layer, int(below) if below else None, span.limit
        )
    return span, entries, cursor
