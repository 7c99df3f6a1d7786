"""The change feed: the changes of one layer or of all between two times, by all actors or by one.

``since`` and ``until`` take a date or an RFC 3339 date-time. The features as of ``since`` and these changes give the
features as of ``until``. Newest first, paged with ``after``.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from api.http.dependencies import Call, CallParam, PageCallParam
from api.http.media_types import JSON
from api.http.negotiation import link
from api.http.page import page_context, page_response
from api.http.parameters import HistoryLayerParam, layer_named, selection_of, with_locations
from api.http.query import limit_of, malformed_parameter, moment_of, outside_calendar, refuse_unknown_parameters
from api.http.security import path_and_query
from api.rest.layers import layer_card
from gis.db import Actor, Session, result_of
from gis.model import Layer, all_layers
from gis.read import ChangeFeedEntry, Selection, TimeSpan, change_feed
from gis.text import Forbidden, Malformed, Text
from layers.policy import may_list_changes_of
from maps.messages import MESSAGES
from maps.navigation import declare_page
from maps.pages.changes import changes_page as render_changes

router = APIRouter(tags=["past"])

declare_page("/changes", MESSAGES["changes_title"], rank=100)

CHANGE_FEED_PARAMETERS = ("since", "until", "by", "after", "limit")
UNSUPPORTED_PARAMETERS = ("as_of", "count", "crs", "properties", "reader", "sortby")
"""Parameters of ``items`` that the change feed does not take."""

DEFAULT_SPAN = dt.timedelta(days=7)
MAX_CHANGES = 1000
CHANGES_PER_PAGE = 200


@router.get("/ogc/collections/{layer}/changes")
def changes_of_layer(layer: HistoryLayerParam, call: CallParam) -> dict[str, Any]:
    """The changes of a layer; takes the filters of ``items``, applied to the state after each change."""
    for name in UNSUPPORTED_PARAMETERS:
        if name in call.query:
            raise Malformed(
                Text(f"Thay đổi không nhận tham số '{name}'", f"The change feed takes no parameter '{name}'")
            )
    span = span_of(call.query, call.actor)
    filters = QueryParams([pair for pair in call.query.multi_items() if pair[0] not in CHANGE_FEED_PARAMETERS])
    with call.reading() as session:
        selection = selection_of(session, layer, filters)
        selection = result_of(with_locations(session, selection, filters))
        entries, cursor = change_feed.change_feed(session, [selection], span)
    return _changes_document(call.request, span, entries, cursor)


@router.get("/api/changes")
def changes(call: CallParam) -> dict[str, Any]:
    """The changes of all layers, or of those named by ``layer``."""
    refuse_unknown_parameters(call.request, (*CHANGE_FEED_PARAMETERS, "layer"), common=("lang",))
    with call.reading() as session:
        span, entries, cursor = read_changes(session, call)
    return _changes_document(call.request, span, entries, cursor)


@router.get("/changes", include_in_schema=False)
def changes_page(call: PageCallParam) -> Response:
    """The change feed as an HTML page, grouped by day."""
    actor = call.actor
    with call.reading() as session:
        span, entries, cursor = read_changes(session, call, CHANGES_PER_PAGE)
        counts = {} if span.after else change_feed.change_counts(session, layer_selections(session, call.query), span)
    html = render_changes(
        call.language,
        cards={layer.name: layer_card(layer, actor) for layer in all_layers()},
        changes=[change_document(entry) for entry in entries],
        counts=counts,
        since=span.since,
        until=span.until,
        actor_name=actor.name if actor.may_edit else None,
        may_filter_by_actor=may_list_changes_of(actor, ""),
        more=next_page_url(call.request, span, cursor) if cursor else None,
        **page_context(call.request),
    )
    return page_response(call.request, html)


def read_changes(
    session: Session, call: Call, max_limit: int = MAX_CHANGES
) -> tuple[TimeSpan, list[ChangeFeedEntry], str | None]:
    """A page of the change feed of the layers in ``layer``, or of all: time span, entries and next cursor."""
    span = span_of(call.query, call.actor, max_limit)
    return span, *change_feed.change_feed(session, layer_selections(session, call.query), span)


def layer_selections(session: Session, query: QueryParams) -> list[Selection]:
    """Selections of all rows of the layers in ``layer``, or of all layers."""
    return [Selection.for_reader(session, layer) for layer in layers_by_name(query.get("layer"))]


def layers_by_name(names: str | None) -> Sequence[Layer]:
    """The layers in a comma-separated list of names, or all. Raises ``Missing`` for an unknown one."""
    return [layer_named(name.strip()) for name in names.split(",")] if names else list(all_layers())


def span_of(query: QueryParams, actor: Actor, max_limit: int = MAX_CHANGES) -> TimeSpan:
    """The time span, the actor and the page of the query; by default the last seven days.

    Raises ``Malformed``, or ``Forbidden`` if the actor may not list the changes of the person in ``by``.
    """
    until = moment_of(query.get("until"), "until", end=True) or dt.datetime.now(dt.UTC)
    try:
        since = moment_of(query.get("since"), "since") or until - DEFAULT_SPAN
    except OverflowError:
        raise outside_calendar("until") from None
    if since > until:
        raise malformed_parameter("since", "phải trước until", "must not be after until")
    by = query.get("by") or None
    if by is not None and ("\x00" in by or not may_list_changes_of(actor, by)):
        raise Forbidden(Text("Chỉ xem được thay đổi do mình thực hiện", "You may list only your own changes"))
    return TimeSpan(since, until, by, query.get("after") or None, min(limit_of(query.get("limit")), max_limit))


def _changes_document(
    request: Request, span: TimeSpan, entries: list[ChangeFeedEntry], cursor: str | None
) -> dict[str, Any]:
    return {
        "since": span.since,
        "until": span.until,
        "numberReturned": len(entries),
        "changes": [change_document(entry) for entry in entries],
        "links": page_links(request, span, cursor),
    }


def page_links(request: Request, span: TimeSpan, cursor: str | int | None) -> list[dict[str, str]]:
    """The links of a page to itself and, unless ``cursor`` is None, to the next page."""
    next_links = [] if cursor is None else [link(request, next_page_url(request, span, cursor), "next", JSON)]
    return [link(request, path_and_query(request), "self", JSON), *next_links]


def next_page_url(request: Request, span: TimeSpan, cursor: str | int) -> str:
    """Path and query of the next page, with ``until`` fixed, so that later changes do not shift the pages."""
    query = [(name, value) for name, value in request.query_params.multi_items() if name not in ("after", "until")]
    return f"{request.url.path}?{urlencode([*query, ('until', span.until.isoformat()), ('after', cursor)])}"


def change_document(change: ChangeFeedEntry) -> dict[str, Any]:
    """An entry of the change feed as a dictionary, without its sort key."""
    return {name: value for name, value in vars(change).items() if name != "key"}
