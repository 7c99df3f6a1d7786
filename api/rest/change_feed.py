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

from api.http.media_types import JSON
from api.http.negotiation import link
from api.http.page import page_answer, shell
from api.http.parameters import DatabaseParam, KeptLayerParam, layer_named, limit_of, moment_of, selection_of
from api.http.security import ActorParam, PageLanguageParam, asked_for
from api.rest.layers import card
from gis.db.actors import Actor
from gis.db.session import Session
from gis.model.layer import Layer, every
from gis.read import timeline as past
from gis.read.sql import Selection
from gis.read.timeline import Change, Span
from gis.text.errors import Forbidden, Malformed
from gis.text.i18n import Text
from layers.policy import may_follow
from maps.pages.changes import changes_page as show_changes

router = APIRouter(tags=["past"])

OWN = ("since", "until", "by", "after", "limit")
NOT_OF_CHANGES = ("as_of", "count", "crs", "properties", "reader", "sortby")
"""What pages of features know and changes do not."""

A_WEEK = dt.timedelta(days=7)
MOST = 1000
ON_A_PAGE = 200


@router.get("/ogc/collections/{layer}/changes")
def changes_of_layer(
    request: Request, layer: KeptLayerParam, actor: ActorParam, database: DatabaseParam
) -> dict[str, Any]:
    """What has changed in a layer; takes the filters of ``items``, held against the state after the change."""
    asked = request.query_params
    for name in NOT_OF_CHANGES:
        if name in asked:
            raise Malformed(Text(f"Thay đổi không nhận tham số '{name}'", f"Changes take no parameter '{name}'"))
    span = span_of(asked, actor)
    filters = QueryParams([pair for pair in asked.multi_items() if pair[0] not in OWN])
    with database.acting(actor) as session:
        found, following = past.changed(session, [selection_of(session, layer, filters, actor)], span)
    return _answer(request, span, found, following)


@router.get("/api/changes")
def changes(request: Request, actor: ActorParam, database: DatabaseParam) -> dict[str, Any]:
    """What has changed in all layers, or in those that ``layer`` names."""
    asked = request.query_params
    for name in asked:
        if name not in (*OWN, "layer", "lang"):
            names = ", ".join((*OWN, "layer"))
            raise Malformed(
                Text(f"Không có tham số '{name[:60]}'. Có: {names}", f"No parameter '{name[:60]}'. There are: {names}")
            )
    with database.acting(actor) as session:
        span, found, following = changed(session, asked, actor)
    return _answer(request, span, found, following)


@router.get("/changes", include_in_schema=False)
def changes_page(request: Request, actor: ActorParam, database: DatabaseParam, language: PageLanguageParam) -> Response:
    """What has changed, day by day, for people."""
    asked = request.query_params
    with database.acting(actor) as session:
        span, found, following = changed(session, asked, actor, ON_A_PAGE)
        counted = {} if span.after else past.numbers(session, selections(asked, actor), span)
    html = show_changes(
        language,
        cards={layer.name: card(layer, actor) for layer in every()},
        changes=[told(one) for one in found],
        numbers=counted,
        since=span.since,
        until=span.until,
        mine=actor.name if actor.may_edit else None,
        may_follow=may_follow(actor, ""),
        more=onward(request, span, following) if following else None,
        **shell(request),
    )
    return page_answer(request, html)


def changed(
    session: Session, asked: QueryParams, actor: Actor, most: int = MOST
) -> tuple[Span, list[Change], str | None]:
    """What has changed in the layers asked for, or in all: the span, a page of changes and the key of the next."""
    span = span_of(asked, actor, most)
    return span, *past.changed(session, selections(asked, actor), span)


def selections(asked: QueryParams, actor: Actor) -> list[Selection]:
    """The layers asked for, each whole."""
    return [Selection(layer, actor.eyes) for layer in layers_of(asked.get("layer"))]


def layers_of(names: str | None) -> Sequence[Layer]:
    """The layers of these names, or all."""
    return [layer_named(name.strip()) for name in names.split(",")] if names else list(every())


def span_of(asked: QueryParams, actor: Actor, most: int = MOST) -> Span:
    """Between which moments and by whom: the last week up to now where nothing is said.

    Raises ``Forbidden`` when it asks what somebody else has done and the actor may not know.
    """
    until = moment_of(asked.get("until"), "until", end=True) or dt.datetime.now(dt.UTC)
    since = moment_of(asked.get("since"), "since") or until - A_WEEK
    if since > until:
        raise Malformed(Text("since: phải trước until", "since: must not be after until"))
    by = asked.get("by") or None
    if by is not None and ("\x00" in by or not may_follow(actor, by)):
        raise Forbidden(Text("Chỉ xem được thay đổi do mình thực hiện", "You may look up only your own changes"))
    return Span(since, until, by, asked.get("after") or None, min(limit_of(asked.get("limit")), most))


def _answer(request: Request, span: Span, found: list[Change], following: str | None) -> dict[str, Any]:
    return {
        "since": span.since,
        "until": span.until,
        "numberReturned": len(found),
        "changes": [told(one) for one in found],
        "links": page_links(request, span, following),
    }


def page_links(request: Request, span: Span, following: str | int | None) -> list[dict[str, str]]:
    """The links of a page to itself and to the one that follows, where there is one."""
    onwards = [] if following is None else [link(request, onward(request, span, following), "next", JSON)]
    return [link(request, asked_for(request), "self", JSON), *onwards]


def onward(request: Request, span: Span, following: str | int) -> str:
    """The address of the page that follows this one.

    The end of the span is fixed, or what happens while somebody reads would move the pages.
    """
    given = [(name, value) for name, value in request.query_params.multi_items() if name not in ("after", "until")]
    return f"{request.url.path}?{urlencode([*given, ('until', span.until.isoformat()), ('after', following)])}"


def told(one: Change) -> dict[str, Any]:
    """A change as plain data."""
    return {name: value for name, value in vars(one).items() if name != "key"}
