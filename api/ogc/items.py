"""OGC API Features, Part 1: landing, conformance, collections, items, one item; and each item's past and links."""

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.http.dependencies import ActorParam
from api.http.fast_route import FastRoute
from api.http.media_types import GEOJSON, HTML, JSON, OPENAPI
from api.http.negotiation import (
    COMMON_1,
    FEATURES_1,
    VARY_HEADERS,
    ResponseLanguageParam,
    document_response,
    html_response,
    is_not_modified,
    labelled_properties,
    link as _link,
    refuse_unknown_parameters,
    self_links,
    wants_html,
)
from api.http.parameters import (
    ITEM_PARAMETERS,
    AsOfParam,
    DatabaseParam,
    HistoryLayerParam,
    IdParam,
    LayerParam,
    read_selection,
)
from api.ogc import schemas, tiles
from gis.crs import CRS, CRS84, CRS84_URI, OUTPUT_CRS
from gis.db import Actor, Database, Session
from gis.model import Layer, links
from gis.read import Selection, pages, sql, timeline as past
from gis.release import released_layers
from gis.text import Language, Malformed, Text
from layers.policy import catalog_of, editable_sql

router = APIRouter(prefix="/ogc", tags=["features"], route_class=FastRoute)

MAX_COLUMNS = 6
CONFORMS_TO = [f"{COMMON_1}core", f"{FEATURES_1}core", f"{FEATURES_1}geojson"]

SUBTITLE = Text("Dữ liệu biên giới dùng chung", "The shared border data system")
CONFORMANCE = Text("Chuẩn áp dụng", "Conformance")
DESCRIPTION = Text("Mô tả giao diện", "API description")
COLLECTIONS = Text("Các lớp dữ liệu", "Collections")
NEXT = Text("Trang sau", "Next page")


@router.get("/", response_class=Response, include_in_schema=False)
@router.get("", response_class=Response)
def landing(request: Request, actor: ActorParam, language: ResponseLanguageParam) -> Response:
    """What is offered here."""
    document = {
        "title": "Cột Mốc",
        "description": SUBTITLE.in_language(language),
        "links": [
            *self_links(request, JSON),
            _link(request, "/ogc/api", "service-desc", OPENAPI, DESCRIPTION.in_language(language)),
            _link(request, "/ogc/api?f=html", "service-doc", HTML, DESCRIPTION.in_language(language)),
            _link(request, "/ogc/conformance", "conformance", JSON, CONFORMANCE.in_language(language)),
            _link(request, "/ogc/collections", "data", JSON, COLLECTIONS.in_language(language)),
            _link(request, "/ogc/tileMatrixSets", tiles.TILING_SCHEMES, JSON),
            *([_link(request, "/ogc/releases", "version-history", JSON)] if actor.role.external else []),
        ],
    }
    return document_response(request, document, JSON, title="Cột Mốc")


@router.get("/conformance", response_class=Response)
def conformance(request: Request, language: ResponseLanguageParam) -> Response:
    """The conformance classes that are met, as each door declares them."""
    document = {"conformsTo": request.app.state.conforms_to, "links": self_links(request, JSON)}
    return document_response(request, document, JSON, title=CONFORMANCE.in_language(language))


@router.get("/collections", response_class=Response)
def collections(
    request: Request, actor: ActorParam, database: DatabaseParam, language: ResponseLanguageParam
) -> Response:
    """Every layer as a collection."""
    refuse_unknown_parameters(request)
    with database.transaction(actor) as session:
        described = [
            _collection(request, layer, language, pages.extent(session, Selection(layer, actor.clearance)))
            for layer in _visible_layers(session, actor)
        ]
    document = {"links": self_links(request, JSON), "collections": described}
    return document_response(request, document, JSON, title=COLLECTIONS.in_language(language))


@router.get("/collections/{layer}", response_class=Response)
def collection(
    request: Request, layer: LayerParam, actor: ActorParam, database: DatabaseParam, language: ResponseLanguageParam
) -> Response:
    """One layer."""
    refuse_unknown_parameters(request)
    with database.transaction(actor) as session:
        box = pages.extent(session, Selection(layer, actor.clearance))
    document = _collection(request, layer, language, box)
    document["links"][:1] = self_links(request, JSON)
    return document_response(request, document, JSON, title=document["title"], trail=_trail(language))


def _visible_layers(session: Session, actor: Actor) -> Iterator[Layer]:
    """The layers that a reader has something of: a partner those that were released."""
    released = released_layers(session) if actor.role.external else None
    for name, layer in catalog_of(actor).items():
        if released is None or name in released:
            yield layer


def _trail(language: Language, layer: Layer | None = None) -> list[tuple[str, str]]:
    """The pages above a page."""
    found = [(COLLECTIONS.in_language(language), "/ogc/collections")]
    if layer is not None:
        found.append((layer.title.in_language(language), f"/ogc/collections/{layer.name}"))
    return found


def _collection(
    request: Request, layer: Layer, language: Language, box: tuple[float, float, float, float] | None
) -> dict[str, Any]:
    path = f"/ogc/collections/{layer.name}"
    title = layer.title.in_language(language)
    return {
        "id": layer.name,
        "title": title,
        "description": layer.description,
        "itemType": "feature",
        "crs": [one.uri for one in OUTPUT_CRS],
        "storageCrs": CRS84_URI,
        **({"extent": {"spatial": {"bbox": [list(box)], "crs": CRS84_URI}}} if box else {}),
        "defaultSortOrder": list(layer.order),
        "links": [
            _link(request, path, "self", JSON, title),
            _link(request, f"{path}/items", "items", GEOJSON, title),
            *schemas.schema_links(request, layer),
            *([_link(request, f"{path}/tiles", tiles.TILESETS, JSON, title)] if layer.has_geometry else []),
        ],
    }


@router.get("/collections/{layer}/items", response_class=Response)
async def items(
    request: Request, layer: LayerParam, actor: ActorParam, database: DatabaseParam, language: ResponseLanguageParam
) -> Response:
    """A page of features: ``bbox``, ``datetime``, ``limit``, ``q``, ``as_of``, ``sortby``, any property as a filter."""
    selection = await read_selection(database, layer, request.query_params, actor)
    matched: int | None = None
    if _wants_count(request):
        page, matched = await database.run_queries(actor, partial(pages.counted_page_queries, selection))
    else:
        page = await database.run_queries(actor, partial(pages.page_queries, selection))
    found, following = page
    path = f"/ogc/collections/{layer.name}"
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    shown = [*self_links(request, GEOJSON), _link(request, path, "collection", JSON)]
    if following is not None:
        more = f"{path}/items?{urlencode([*given, ('after', following)])}"
        shown.append(_link(request, more, "next", GEOJSON, NEXT.in_language(language)))
    about: dict[str, Any] = {
        "links": shown,
        "timeStamp": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "numberReturned": len(found),
    }
    if matched is None and following is None and selection.after is None:
        matched = len(found)
    if matched is not None:
        about["numberMatched"] = matched
    if wants_html(request):
        return await run_in_threadpool(_items_page, request, layer, selection, found, about, language)
    head = json.dumps(about, ensure_ascii=False)[1:].encode()
    body = b'{"type":"FeatureCollection","features":[' + b",".join(found) + b"]," + head
    return Response(body, media_type=GEOJSON, headers={**VARY_HEADERS, "Content-Crs": f"<{selection.crs.uri}>"})


def _items_page(  # noqa: PLR0917 - what a page is made of
    request: Request,
    layer: Layer,
    selection: Selection,
    features: list[bytes],
    about: dict[str, Any],
    language: Language,
) -> Response:
    """A page of features as a table: what names a feature, then its first properties."""
    known = {one.name: one for one in sql.selected_fields(selection)}
    named = [layer.label_sql] if layer.label_sql in known else []
    columns = [*named, *(name for name in known if name not in (*named, "level"))][:MAX_COLUMNS]
    rows = []
    for text in features:
        feature = json.loads(text)
        facts = labelled_properties({name: known[name] for name in columns}, feature, language)
        rows.append(
            {
                "id": feature["id"],
                "href": f"/ogc/collections/{layer.name}/items/{feature['id']}",
                "cells": [said for _, said in facts],
            }
        )
    return html_response(
        request,
        about,
        title=layer.title.in_language(language),
        trail=_trail(language, layer),
        rows=rows,
        columns=[known[name].title.in_language(language) for name in columns],
    )


def _wants_count(request: Request) -> bool:
    """Whether every match is to be counted: a count costs more than the page itself, so it has to be asked for."""
    asked = request.query_params.get("count")
    if asked not in (None, "", "exact"):
        raise Malformed(Text("count: exact", "count: exact"))
    return asked == "exact"


@router.get("/collections/{layer}/items/{item}", response_class=Response)
async def item(  # noqa: PLR0917 - what a request brings
    request: Request,
    layer: LayerParam,
    item_id: IdParam,
    actor: ActorParam,
    database: DatabaseParam,
    language: ResponseLanguageParam,
) -> Response:
    """One feature, with the ETag that a change must bring back."""
    refuse_unknown_parameters(request, ITEM_PARAMETERS)
    selection = await read_selection(database, layer, request.query_params, actor)
    found, version = await database.run_queries(actor, partial(pages.feature_queries, selection, item_id))
    if wants_html(request):
        feature = json.loads(found)
        facts = labelled_properties(layer.readable_fields(actor.clearance), feature, language)
        title = str(feature["properties"].get(layer.label_sql) or feature["id"])
        document = {
            "links": [
                *self_links(request, GEOJSON),
                _link(request, f"/ogc/collections/{layer.name}", "collection", JSON),
            ]
        }
        trail = _trail(language, layer)
        return await run_in_threadpool(html_response, request, document, title=title, trail=trail, properties=facts)
    answered = feature_response(request, layer, item_id, found, version, crs=selection.crs)
    if selection.as_of is None:
        answered.headers["Allow"] = ", ".join(await allowed_methods(database, actor, layer, item_id))
    return answered


async def allowed_methods(database: Database, actor: Actor, layer: Layer, item_id: uuid.UUID) -> list[str]:
    """What a reader may do with a feature that it sees, as the policy page has it: for pages and clients to offer."""
    allowed = editable_sql(actor.role, layer) if layer.editable else "false"
    asked = allowed not in ("true", "false")
    if asked and not await database.run_queries(actor, lambda _: pages.condition_queries(layer, allowed, item_id)):
        allowed = "false"
    if allowed == "false":
        return ["GET", "HEAD", "OPTIONS"]
    # Who may change some columns only can neither replace a feature nor take it out of use.
    whole = ["PUT", "PATCH", "DELETE"] if not actor.role.edits[layer.name] else ["PATCH"]
    return ["GET", "HEAD", *whole, "OPTIONS"]


def feature_response(  # noqa: PLR0917 - what an answer is made of
    request: Request,
    layer: Layer,
    feature_id: uuid.UUID,
    feature: bytes,
    version: int,
    status: int = 200,
    *,
    crs: CRS = CRS84,
) -> Response:
    """A feature as GeoJSON with its links; 304 when the reader has it already."""
    tag = etag(feature, version)
    if status == 200 and is_not_modified(request, tag):  # noqa: PLR2004
        return Response(status_code=304, headers={"ETag": tag})
    path = f"/ogc/collections/{layer.name}"
    shown = [
        _link(request, f"{path}/items/{feature_id}", "self", GEOJSON),
        _link(request, f"{path}/items/{feature_id}?f=html", "alternate", HTML),
        _link(request, path, "collection", JSON),
    ]
    body = feature[:-1] + b',"links":' + json.dumps(shown).encode() + b"}"
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Crs": f"<{crs.uri}>", **VARY_HEADERS}
    if status == 201:  # noqa: PLR2004
        headers["Location"] = f"{path}/items/{feature_id}"
    return Response(body, status, headers, GEOJSON)


def etag(feature: bytes, version: int) -> str:
    """``"<version>-<hash of the representation>"``; a change compares the version part."""
    return f'"{version}-{hashlib.sha256(feature).hexdigest()[:16]}"'


@router.get("/collections/{layer}/items/{item}/history")
def history(
    layer: HistoryLayerParam, item_id: IdParam, actor: ActorParam, database: DatabaseParam, as_of: AsOfParam
) -> dict[str, Any]:
    """A feature's past as a timeline, newest first, from ``as_of`` back."""
    with database.transaction(actor) as session:
        entries = past.timeline(session, layer, item_id, actor.clearance)
    return {"entries": [vars(entry) for entry in entries if as_of is None or entry.at <= as_of]}


@router.get("/collections/{layer}/items/{item}/links")
def item_links(
    layer: HistoryLayerParam, item_id: IdParam, actor: ActorParam, database: DatabaseParam, as_of: AsOfParam
) -> dict[str, Any]:
    """What a feature points at and what points at it, as it was at ``as_of``."""
    with database.transaction(actor) as session:
        pages.read_feature(session, Selection(layer, actor.clearance, as_of=as_of), item_id)
        found = links.links_of(session, item_id, actor.clearance, as_of)
    return {
        "links": [
            {
                "link": one.id,
                "role": one.role,
                "direction": one.direction,
                "layer": one.layer,
                "id": one.feature_id,
                "title": one.label,
                "at": one.at,
                "address": one.at,
                "border": one.route,
            }
            for one in found
        ]
    }
