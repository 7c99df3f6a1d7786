"""OGC API Features, Part 1: pages of features and single features, with the history and the links of each."""

import datetime as dt
import json
import uuid
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.http.dependencies import ActorParam, DatabaseParam, actor_of, database_of
from api.http.etag import etag, is_not_modified
from api.http.media_types import GEOJSON, HTML, JSON
from api.http.negotiation import (
    COMMON_1,
    FEATURES_1,
    VARY_HEADERS,
    html_response,
    labelled_properties,
    link,
    response_language,
    self_links,
    wants_html,
)
from api.http.parameters import (
    ITEM_PARAMETERS,
    AsOfParam,
    HistoryLayerParam,
    IdParam,
    feature_id,
    layer_for_actor,
    read_selection,
)
from api.http.query import refuse_unknown_parameters
from api.ogc.collection import breadcrumbs
from gis.crs import CRS, CRS84
from gis.db import Reader, result_of
from gis.model import Layer
from gis.read import Selection, links, pages, sql, timeline
from gis.text import Language, Malformed, Text
from layers.policy import editable_sql

router = APIRouter(prefix="/ogc", tags=["features"])

MAX_COLUMNS = 6
CONFORMS_TO = [f"{COMMON_1}core", f"{FEATURES_1}core", f"{FEATURES_1}geojson"]
"""The classes of Parts 1 and Common that this module, ``landing`` and ``collection`` implement together."""

NEXT = Text("Trang sau", "Next page")


@router.get("/collections/{layer}/items", response_class=Response)
async def items(request: Request) -> Response:
    """A page of features: ``bbox``, ``datetime``, ``limit``, ``q``, ``as_of``, ``sortby``, any property as a filter."""
    actor, database, language = actor_of(request), database_of(request), response_language(request)
    layer = layer_for_actor(request.path_params["layer"], actor)
    async with database.reader(actor) as reader:
        selection = await read_selection(reader, layer, request.query_params)
        counted = _wants_count(request)
        features, cursor = await pages.read_page(reader, selection)
        matched = await pages.count_features(reader, selection) if counted else None
    path = f"/ogc/collections/{layer.name}"
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    page_links = [*self_links(request, GEOJSON), link(request, path, "collection", JSON)]
    if cursor is not None:
        next_path = f"{path}/items?{urlencode([*query, ('after', cursor)])}"
        page_links.append(link(request, next_path, "next", GEOJSON, NEXT.in_language(language)))
    about: dict[str, Any] = {
        "links": page_links,
        "timeStamp": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "numberReturned": len(features),
    }
    if matched is None and cursor is None and selection.after is None:
        matched = len(features)
    if matched is not None:
        about["numberMatched"] = matched
    if wants_html(request):
        return await run_in_threadpool(_items_page, request, layer, selection, features, about, language)
    end = json.dumps(about, ensure_ascii=False)[1:].encode()
    body = b'{"type":"FeatureCollection","features":[' + b",".join(features) + b"]," + end
    return Response(body, media_type=GEOJSON, headers={**VARY_HEADERS, "Content-Crs": f"<{selection.crs.uri}>"})


def _items_page(  # noqa: PLR0917 - the parts of the page
    request: Request,
    layer: Layer,
    selection: Selection,
    features: list[bytes],
    about: dict[str, Any],
    language: Language,
) -> Response:
    """A page of features as an HTML table: the label of the feature, then its first properties."""
    fields = {field.name: field for field in sql.selected_fields(selection)}
    label = [layer.label_sql] if layer.label_sql in fields else []
    columns = [*label, *(name for name in fields if name not in (*label, "level"))][:MAX_COLUMNS]
    rows = []
    for text in features:
        feature = json.loads(text)
        properties = labelled_properties({name: fields[name] for name in columns}, feature, language)
        rows.append(
            {
                "id": feature["id"],
                "href": f"/ogc/collections/{layer.name}/items/{feature['id']}",
                "cells": [value for _, value in properties],
            }
        )
    return html_response(
        request,
        about,
        title=layer.title.in_language(language),
        trail=breadcrumbs(language, layer),
        rows=rows,
        columns=[fields[name].title.in_language(language) for name in columns],
    )


def _wants_count(request: Request) -> bool:
    """Whether to count all matches. Only on request, because a count takes longer than the page itself."""
    count = request.query_params.get("count")
    if count not in (None, "", "exact"):
        raise Malformed(Text("'count' không hợp lệ. Được phép: exact", "Invalid 'count'. Allowed: exact"))
    return count == "exact"


@router.get("/collections/{layer}/items/{item}", response_class=Response)
async def item(request: Request) -> Response:
    """One feature, with the ETag for ``If-Match`` of a later change."""
    actor, database, language = actor_of(request), database_of(request), response_language(request)
    layer = layer_for_actor(request.path_params["layer"], actor)
    item_id = feature_id(request.path_params["item"])
    refuse_unknown_parameters(request, ITEM_PARAMETERS)
    async with database.reader(actor) as reader:
        selection = await read_selection(reader, layer, request.query_params)
        text, version = await pages.read_feature_with_version(reader, selection, item_id)
        lists_methods = selection.as_of is None and not wants_html(request)
        methods = await allowed_methods(reader, layer, item_id) if lists_methods else []
    if wants_html(request):
        feature = json.loads(text)
        properties = labelled_properties(layer.readable_fields(actor.clearance), feature, language)
        title = str(feature["properties"].get(layer.label_sql) or feature["id"])
        document = {
            "links": [
                *self_links(request, GEOJSON),
                link(request, f"/ogc/collections/{layer.name}", "collection", JSON),
            ]
        }
        trail = breadcrumbs(language, layer)
        return await run_in_threadpool(
            html_response, request, document, title=title, trail=trail, properties=properties
        )
    response = feature_response(request, layer, item_id, text, version, crs=selection.crs)
    if methods:
        response.headers["Allow"] = ", ".join(methods)
    return response


async def allowed_methods(reader: Reader, layer: Layer, item_id: uuid.UUID) -> list[str]:
    """The methods that the policy allows the actor on this feature, for the header ``Allow``."""
    role = reader.actor.role
    condition = editable_sql(role, layer) if layer.editable else "false"
    depends_on_row = condition not in ("true", "false")
    if depends_on_row and not await pages.meets_condition(reader, layer, condition, item_id):
        condition = "false"
    if condition == "false":
        return ["GET", "HEAD", "OPTIONS"]
    # A role that may change only some columns can neither replace nor retire a feature.
    writes = ["PUT", "PATCH", "DELETE"] if not role.edits[layer.name] else ["PATCH"]
    return ["GET", "HEAD", *writes, "OPTIONS"]


def feature_response(  # noqa: PLR0917 - the parts of the response
    request: Request,
    layer: Layer,
    feature_id: uuid.UUID,
    feature: bytes,
    version: int,
    status: int = 200,
    *,
    crs: CRS = CRS84,
) -> Response:
    """A feature as GeoJSON with its links and its ETag; 304 if the client has this representation."""
    tag = etag(feature, version=version)
    if status == 200 and is_not_modified(request, tag):  # noqa: PLR2004
        return Response(status_code=304, headers={"ETag": tag})
    path = f"/ogc/collections/{layer.name}"
    feature_links = [
        link(request, f"{path}/items/{feature_id}", "self", GEOJSON),
        link(request, f"{path}/items/{feature_id}?f=html", "alternate", HTML),
        link(request, path, "collection", JSON),
    ]
    body = feature[:-1] + b',"links":' + json.dumps(feature_links).encode() + b"}"
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Crs": f"<{crs.uri}>", **VARY_HEADERS}
    if status == 201:  # noqa: PLR2004
        headers["Location"] = f"{path}/items/{feature_id}"
    return Response(body, status, headers, GEOJSON)


@router.get("/collections/{layer}/items/{item}/history")
def history(
    layer: HistoryLayerParam, item_id: IdParam, actor: ActorParam, database: DatabaseParam, as_of: AsOfParam
) -> dict[str, Any]:
    """The timeline of a feature, newest first, up to ``as_of``."""
    with database.transaction(actor) as session:
        entries = timeline.timeline(session, layer, item_id)
    return {"entries": [vars(entry) for entry in entries if as_of is None or entry.at <= as_of]}


@router.get("/collections/{layer}/items/{item}/links")
def item_links(
    layer: HistoryLayerParam, item_id: IdParam, actor: ActorParam, database: DatabaseParam, as_of: AsOfParam
) -> dict[str, Any]:
    """The links of a feature in both directions, as of ``as_of``."""
    with database.transaction(actor) as session:
        result_of(pages.read_feature(session, Selection.for_reader(session, layer, as_of=as_of), item_id))
        feature_links = links.links_of(session, item_id, as_of)
    return {
        "links": [
            {
                "link": end.id,
                "role": end.role,
                "direction": end.direction,
                "layer": end.layer,
                "id": end.feature_id,
                "title": end.label,
                "at": end.at,
                "address": end.at,
                "border": end.route,
            }
            for end in feature_links
        ]
    }
