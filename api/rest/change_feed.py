"""What has changed between two moments: of one layer, of all of them, by everybody or by one person.

``since`` and ``until`` take a date or an RFC 3339 time; what held at ``since`` and was then changed holds at ``until``,
so a page as of the one and these changes give the page as of the other. Newest first, paged by ``after``.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from api.http.dependencies import ActorParam, PageLanguageParam
from api.http.media_types import JSON
from api.http.negotiation import link
from api.http.page import page_context, page_response
from api.http.parameters import DatabaseParam, HistoryLayerParam, layer_named, limit_of, moment_of, selection_of
from api.http.security import path_and_query
from api.rest.layers import card
from gis.db import Actor, Session
from gis.model import Layer, all_layers
from gis.read import ChangeFeedEntry, Selection, TimeSpan, change_feed
from gis.text import Forbidden, Malformed, Text
from layers.policy import may_list_changes_of
from maps.pages.changes import changes_page as show_changes

router = APIRouter(tags=["past"])

CHANGE_FEED_PARAMETERS = ("since", "until", "by", "after", "limit")
UNSUPPORTED_PARAMETERS = ("as_of", "count", "crs", "properties", "reader", "sortby")
"""What pages of features know and changes do not."""

DEFAULT_SPAN = dt.timedelta(days=7)
MAX_CHANGES = 1000
CHANGES_PER_PAGE = 200


@router.get("/ogc/collections/{layer}/changes")
def changes_of_layer(
    request: Request, layer: HistoryLayerParam, actor: ActorParam, database: DatabaseParam
) -> dict[str, Any]:
    """What has changed in a layer; takes the filters of ``items``, held against the state after the change."""
    asked = request.query_params
    for name in UNSUPPORTED_PARAMETERS:
        if name in asked:
            raise Malformed(Text(f"Thay đổi không nhận tham số '{name}'", f"Changes take no parameter '{name}'"))
    span = span_of(asked, actor)
    filters = QueryParams([pair for pair in asked.multi_items() if pair[0] not in CHANGE_FEED_PARAMETERS])
    with database.transaction(actor) as session:
        found, following = change_feed.change_feed(session, [selection_of(session, layer, filters, actor)], span)
    return _changes_document(request, span, found, following)


@router.get("/api/changes")
def changes(request: Request, actor: ActorParam, database: DatabaseParam) -> dict[str, Any]:
    """What has changed in all layers, or in those that ``layer`` names."""
    asked = request.query_params
    for name in asked:
        if name not in (*CHANGE_FEED_PARAMETERS, "layer", "lang"):
            names = ", ".join((*CHANGE_FEED_PARAMETERS, "layer"))
            raise Malformed(
                Text(f"Không có tham số '{name[:60]}'. Có: {names}", f"No parameter '{name[:60]}'. There are: {names}")
            )
    with database.transaction(actor) as session:
        span, found, following = read_changes(session, asked, actor)
    return _changes_document(request, span, found, following)


@router.get("/changes", include_in_schema=False)
def changes_page(request: Request, actor: ActorParam, database: DatabaseParam, language: PageLanguageParam) -> Response:
    """What has changed, day by day, for people."""
    asked = request.query_params
    with database.transaction(actor) as session:
        span, found, following = read_changes(session, asked, actor, CHANGES_PER_PAGE)
        counted = {} if span.after else change_feed.change_counts(session, layer_selections(asked, actor), span)
    html = show_changes(
        language,
        cards={layer.name: card(layer, actor) for layer in all_layers()},
        changes=[change_document(one) for one in found],
        counts=counted,
        since=span.since,
        until=span.until,
        actor_name=actor.name if actor.may_edit else None,
        may_filter_by_actor=may_list_changes_of(actor, ""),
        more=next_page_url(request, span, following) if following else None,
        **page_context(request),
    )
    return page_response(request, html)


def read_changes(
    session: Session, query: QueryParams, actor: Actor, max_limit: int = MAX_CHANGES
) -> tuple[TimeSpan, list[ChangeFeedEntry], str | None]:
    """What has changed in the layers asked for, or in all: the span, a page of changes and the key of the next."""
    span = span_of(query, actor, max_limit)
    return span, *change_feed.change_feed(session, layer_selections(query, actor), span)


def layer_selections(query: QueryParams, actor: Actor) -> list[Selection]:
    """The layers asked for, each whole."""
    return [Selection(layer, actor.clearance) for layer in layers_by_name(query.get("layer"))]


def layers_by_name(names: str | None) -> Sequence[Layer]:
    """The layers of these names, or all."""
    return [layer_named(name.strip()) for name in names.split(",")] if names else list(all_layers())


def span_of(query: QueryParams, actor: Actor, max_limit: int = MAX_CHANGES) -> TimeSpan:
    """Between which moments and by whom: the last week up to now where nothing is said.

    Raises ``Forbidden`` when it asks what somebody else has done and the actor may not know.
    """
    until = moment_of(query.get("until"), "until", end=True) or dt.datetime.now(dt.UTC)
    since = moment_of(query.get("since"), "since") or until - DEFAULT_SPAN
    if since > until:
        raise Malformed(Text("since: phải trước until", "since: must not be after until"))
    by = query.get("by") or None
    if by is not None and ("\x00" in by or not may_list_changes_of(actor, by)):
        raise Forbidden(Text("Chỉ xem được thay đổi do mình thực hiện", "You may look up only your own changes"))
    return TimeSpan(since, until, by, query.get("after") or None, min(limit_of(query.get("limit")), max_limit))


def _changes_document(
    request: Request, span: TimeSpan, entries: list[ChangeFeedEntry], next_key: str | None
) -> dict[str, Any]:
    return {
        "since": span.since,
        "until": span.until,
        "numberReturned": len(entries),
        "changes": [change_document(one) for one in entries],
        "links": page_links(request, span, next_key),
    }


def page_links(request: Request, span: TimeSpan, next_key: str | int | None) -> list[dict[str, str]]:
    """The links of a page to itself and to the one that follows, where there is one."""
    onwards = [] if next_key is None else [link(request, next_page_url(request, span, next_key), "next", JSON)]
    return [link(request, path_and_query(request), "self", JSON), *onwards]


def next_page_url(request: Request, span: TimeSpan, next_key: str | int) -> str:
    """The address of the page that follows this one.

    The end of the span is fixed, or what happens while somebody reads would move the pages.
    """
    given = [(name, value) for name, value in request.query_params.multi_items() if name not in ("after", "until")]
    return f"{request.url.path}?{urlencode([*given, ('until', span.until.isoformat()), ('after', next_key)])}"


def change_document(change: ChangeFeedEntry) -> dict[str, Any]:
    """A change as plain data."""
    return {name: value for name, value in vars(change).items() if name != "key"}
