"""OGC API Features, Part 1: landing, conformance, collections, items, one item; and each item's past and links."""

import datetime as dt
import hashlib
import json
import uuid
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api import tiles
from api.identity import ActorParam, LanguageParam
from api.params import DatabaseParam, IdParam, LayerParam, selection_of
from gis import history, links, query
from gis.crs import CRS84_URI, OFFERED
from gis.errors import Malformed
from gis.language import Language, Text
from gis.layer import Layer, every
from gis.query import Selection

router = APIRouter(prefix="/ogc", tags=["features"])

GEOJSON = "application/geo+json"
CORE = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
CONFORMS_TO = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    f"{CORE}core",
    f"{CORE}geojson",
    f"{CORE}oas30",
    *tiles.CONFORMS_TO,
]


def _link(request: Request, path: str, rel: str, kind: str, title: str = "") -> dict[str, str]:
    base = str(request.base_url).rstrip("/")
    return {"href": f"{base}{path}", "rel": rel, "type": kind, **({"title": title} if title else {})}


@router.get("")
def landing(request: Request, language: LanguageParam) -> dict[str, Any]:
    """What is offered here."""
    return {
        "title": "Cột Mốc",
        "description": "Dữ liệu biên giới dùng chung" if language == "vi" else "The shared border data system",
        "links": [
            _link(request, "/ogc", "self", "application/json"),
            _link(request, "/ogc/api", "service-desc", "application/vnd.oai.openapi+json;version=3.0"),
            _link(request, "/ogc/conformance", "conformance", "application/json"),
            _link(request, "/ogc/collections", "data", "application/json"),
            _link(request, "/ogc/tileMatrixSets", tiles.TILING_SCHEMES, "application/json"),
        ],
    }


@router.get("/conformance")
def conformance() -> dict[str, list[str]]:
    """The conformance classes that are met."""
    return {"conformsTo": CONFORMS_TO}


@router.get("/api", include_in_schema=False)
def api_description(request: Request) -> Response:
    """The OpenAPI description of these doors."""
    described = request.app.openapi()
    return Response(
        json.dumps(described, ensure_ascii=False), media_type="application/vnd.oai.openapi+json;version=3.0"
    )


@router.get("/collections")
def collections(
    request: Request, actor: ActorParam, database: DatabaseParam, language: LanguageParam
) -> dict[str, Any]:
    """Every layer as a collection."""
    with database.acting(actor) as session:
        described = [
            _collection(request, layer, language, query.extent(session, Selection(layer, actor.level)))
            for layer in every()
        ]
    return {"links": [_link(request, "/ogc/collections", "self", "application/json")], "collections": described}


@router.get("/collections/{layer}")
def collection(
    request: Request, layer: LayerParam, actor: ActorParam, database: DatabaseParam, language: LanguageParam
) -> dict[str, Any]:
    """One layer."""
    with database.acting(actor) as session:
        return _collection(request, layer, language, query.extent(session, Selection(layer, actor.level)))


def _collection(
    request: Request, layer: Layer, language: Language, box: tuple[float, float, float, float] | None
) -> dict[str, Any]:
    path = f"/ogc/collections/{layer.name}"
    title = layer.title.said_in(language)
    return {
        "id": layer.name,
        "title": title,
        "description": layer.description,
        "itemType": "feature",
        "crs": [one.uri for one in OFFERED],
        "storageCrs": CRS84_URI,
        **({"extent": {"spatial": {"bbox": [list(box)], "crs": CRS84_URI}}} if box else {}),
        "links": [
            _link(request, path, "self", "application/json", title),
            _link(request, f"{path}/items", "items", GEOJSON, title),
            *([_link(request, f"{path}/tiles", tiles.TILESETS, "application/json", title)] if layer.placed else []),
        ],
    }


@router.get("/collections/{layer}/items", response_class=Response)
def items(request: Request, layer: LayerParam, actor: ActorParam, database: DatabaseParam) -> Response:
    """A page of features: ``bbox``, ``datetime``, ``limit``, ``q``, ``as_of``, ``sortby``, any property as a filter."""
    with database.acting(actor) as session:
        selection = selection_of(session, layer, request.query_params, actor)
        found, following = query.page(session, selection)
        matched = query.count(session, selection) if _counted(request) else None
    path = f"/ogc/collections/{layer.name}"
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    own = f"{path}/items" + (f"?{urlencode(request.query_params.multi_items())}" if request.query_params else "")
    shown = [_link(request, own, "self", GEOJSON), _link(request, path, "collection", "application/json")]
    if following is not None:
        shown.append(_link(request, f"{path}/items?{urlencode([*given, ('after', following)])}", "next", GEOJSON))
    about: dict[str, Any] = {
        "links": shown,
        "timeStamp": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "numberReturned": len(found),
    }
    if matched is None and following is None and selection.after is None:
        matched = len(found)
    if matched is not None:
        about["numberMatched"] = matched
    head = json.dumps(about, ensure_ascii=False)[1:].encode()
    body = b'{"type":"FeatureCollection","features":[' + b",".join(found) + b"]," + head
    return Response(body, media_type=GEOJSON, headers={"Content-Crs": f"<{selection.crs.uri}>"})


def _counted(request: Request) -> bool:
    """Whether every match is to be counted: a count costs more than the page itself, so it has to be asked for."""
    asked = request.query_params.get("count")
    if asked not in (None, "", "exact"):
        raise Malformed(Text("count: exact", "count: exact"))
    return asked == "exact"


@router.get("/collections/{layer}/items/{item}", response_class=Response)
def item(request: Request, layer: LayerParam, item_id: IdParam, actor: ActorParam, database: DatabaseParam) -> Response:
    """One feature, with the ETag that a change must bring back."""
    with database.acting(actor) as session:
        selection = selection_of(session, layer, request.query_params, actor)
        found, version = query.versioned(session, selection, item_id)
    answer = feature_answer(request, layer, item_id, found, version)
    answer.headers["Content-Crs"] = f"<{selection.crs.uri}>"
    return answer


def feature_answer(  # noqa: PLR0917 - what an answer is made of
    request: Request, layer: Layer, feature_id: uuid.UUID, feature: bytes, version: int, status: int = 200
) -> Response:
    """A feature as GeoJSON with its links; 304 when the reader has it already."""
    tag = etag(feature, version)
    if status == 200 and request.headers.get("if-none-match") == tag:  # noqa: PLR2004
        return Response(status_code=304, headers={"ETag": tag})
    path = f"/ogc/collections/{layer.name}"
    shown = [
        _link(request, f"{path}/items/{feature_id}", "self", GEOJSON),
        _link(request, path, "collection", "application/json"),
    ]
    body = feature[:-1] + b',"links":' + json.dumps(shown).encode() + b"}"
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if status == 201:  # noqa: PLR2004
        headers["Location"] = f"{path}/items/{feature_id}"
    return Response(body, status, headers, GEOJSON)


def etag(feature: bytes, version: int) -> str:
    """``"<version>-<hash of the representation>"``; a change compares the version part."""
    return f'"{version}-{hashlib.sha256(feature).hexdigest()[:16]}"'


@router.get("/collections/{layer}/items/{item}/history")
def past(layer: LayerParam, item_id: IdParam, actor: ActorParam, database: DatabaseParam) -> dict[str, Any]:
    """A feature's past as a timeline, newest first."""
    with database.acting(actor) as session:
        entries = history.timeline(session, layer, item_id, actor.level)
    return {"entries": [vars(entry) for entry in entries]}


@router.get("/collections/{layer}/items/{item}/links")
def item_links(layer: LayerParam, item_id: IdParam, actor: ActorParam, database: DatabaseParam) -> dict[str, Any]:
    """What a feature points at and what points at it."""
    with database.acting(actor) as session:
        query.one(session, Selection(layer, actor.level), item_id)
        found = links.linked(session, item_id, actor.level)
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
                "border": one.border,
            }
            for one in found
        ]
    }
