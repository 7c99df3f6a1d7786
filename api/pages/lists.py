"""Routes of the list pages: the rows of a layer as HTML, and beside them a record or the form of a new record.

The rows, counts and totals are read as the signed-in actor, with the same ``Selection`` as the API.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.routing import Match

from api.http.asgi import Scope
from api.http.dependencies import Call, PageCallParam
from api.http.page import page_context, page_response
from api.http.parameters import selection_of, with_locations
from api.http.security import NO_SUCH_PATH
from api.rest.layers import layer_card, may_create
from gis.crs import CRS84
from gis.db import Session, result_of
from gis.model import Layer, catalog
from gis.read import Selection, facets, pages, timeline
from gis.text import VIETNAM_TIME, Forbidden, Missing, Text, today
from layers.policy import catalog_of
from maps.pages import lists
from maps.pages.list_columns import total_fields
from maps.pages.list_filters import counted_fields
from maps.pages.list_state import ListState, Parameters, parse_state


class ListRoute(APIRoute):
    """A route that begins with the name of a layer; it matches only names of the catalogue.

    Any other path is refused as one that does not exist, for every method.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether method and path match, and the layer exists."""
        match, child_scope = super().matches(scope)
        if match is not Match.NONE and child_scope["path_params"]["layer"] not in catalog:
            return Match.NONE, {}
        return match, child_scope


router = APIRouter(tags=["pages"], include_in_schema=False, route_class=ListRoute)

ROWS_PER_PAGE = 200
"""Rows on one page of a list, so that the page stays below 400 kB."""

PRINTED_ROWS = 2000
"""Rows of a printed list at most: about 100 sheets."""

NEW_ITEM = "new"
"""The last part of the path of a form for a new feature, where others have the id of a record."""


@router.get("/{layer}")
def list_page(layer: str, call: PageCallParam) -> Response:
    """The list of a layer. Raises ``Missing`` for one that the reader's catalogue does not have."""
    return _page(call, _layer_of(call, layer))


@router.get("/{layer}/{item}")
def list_page_with_record(layer: str, item: str, call: PageCallParam) -> Response:
    """The list of a layer, beside which a script opens a record, or the form for a new feature.

    Raises ``Missing`` for anything but the id of a record that the reader may see, and ``Forbidden`` for a form that
    the actor may not use.
    """
    listed = _layer_of(call, layer)
    if item == NEW_ITEM:
        if not may_create(call.actor, listed):
            raise Forbidden(Text("Tài khoản không có quyền thêm mục này", "This account may not add such records"))
        return _page(call, listed, item)
    try:
        feature_id = uuid.UUID(item)
    except ValueError:
        raise Missing(NO_SUCH_PATH) from None
    with call.reading() as session:
        if not result_of(pages.count_features(session, Selection.for_reader(session, listed, ids=[feature_id]))):
            timeline.timeline(session, listed, feature_id)  # of a retired record; raises Missing for any other
    return _page(call, listed, str(feature_id))


def refuse_reserved_names(paths: Iterable[str], layers: Mapping[str, Layer]) -> None:
    """Raise ``ValueError`` for a layer whose name is the first part of another path: its list would never be opened.

    A path below a layer's own, which the layer declares as its page for new features, is no other path.
    """
    own_pages = {layer.display.new_page for layer in layers.values()}
    reserved = {path.split("/")[1] for path in paths if path and path not in own_pages}
    if names := sorted(reserved.intersection(layers)):
        raise ValueError(f"A page has the name of a layer: {', '.join(names)}")


def _layer_of(call: Call, name: str) -> Layer:
    """The layer of a path. Raises ``Missing`` as for any other unknown path."""
    layers = catalog_of(call.actor)
    if name not in layers:
        raise Missing(NO_SUCH_PATH)
    return layers[name]


def _page(call: Call, layer: Layer, item: str = "") -> Response:
    context = page_context(call.request)
    del context["query"]
    state = parse_state(layer_card(layer, call.actor), call.query.multi_items(), call.language)
    printed = bool(call.query.get("print"))
    day = context["as_of"].astimezone(VIETNAM_TIME).date() if state.as_of else today()
    with call.reading() as session:
        parameters = _query_params(state.api_parameters(day))
        selection = result_of(with_locations(session, selection_of(session, layer, parameters), parameters))
        contents = _read_contents(session, state, selection, printed=printed)
    html = lists.list_page(
        state, contents, call.language, item=item, printed=printed, home=call.request.app.state.settings.home, **context
    )
    return page_response(call.request, html)


def _query_params(parameters: Parameters) -> QueryParams:
    lists_of_values = {name: [item] if isinstance(item, str) else item for name, item in parameters.items()}
    return QueryParams([(name, value) for name, values in lists_of_values.items() for value in values])


def _read_contents(session: Session, state: ListState, requested: Selection, *, printed: bool) -> lists.Contents:
    """The rows of the page, or for print those of all pages; the number of all rows, their totals, and the counts."""
    size = PRINTED_ROWS if printed else ROWS_PER_PAGE
    selection = replace(requested, limit=size, crs=CRS84, sort=[state.sort] if state.sort else None, ranked=True)
    total = result_of(pages.count_features(session, selection))
    features: list[bytes] = []
    skipped = 0 if printed else (state.page - 1) * size
    after = result_of(facets.cursor_after(session, selection, skipped)) if skipped else None
    if after or not skipped:
        features, _ = result_of(pages.read_page(session, replace(selection, after=after)))
    counted = [] if printed else counted_fields(state)
    counts = {name: result_of(facets.count_values(session, selection, name)) for name in counted}
    return lists.Contents(
        [json.loads(feature) for feature in features],
        total,
        size,
        {name: {item.value: item.number for item in items} for name, items in counts.items()},
        result_of(facets.sum_fields(session, selection, total_fields(state.card, state))),
    )
