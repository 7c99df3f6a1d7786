"""``/ogc/api``: every door in OpenAPI 3.0, written from the cards, each layer with paths and properties of its own.

FastAPI's own description is of version 3.1 and knows neither layers nor refusals. A door that is not told of here in
particular is told of as its route and its docstring have it, so that none is missing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.http.errors import STATUS
from api.http.json_text import json_text
from api.http.media_types import GEOJSON, HTML, JSON, MERGE_PATCH, MVT, OPENAPI, PROBLEM, SCHEMA_JSON
from api.http.negotiation import (
    COMMON_1,
    FEATURES_1,
    FORMATS,
    VARIES,
    SpokenParam,
    base_of,
    link,
    only,
    paged,
    wants_page,
)
from api.http.parameters import ADDRESSED, DEFAULT_LIMIT, ITEM_PARAMETERS, MAX_LIMIT, OWN
from api.http.security import RELEASED, RELEASED_BELOW, WRITES, ActorParam
from api.ogc.schemas import RELATIONS, SHAPES, TYPES, property_schema, queryables
from gis.crs.geometry import DEPTH, FAMILY
from gis.crs.systems import OFFERED
from gis.db.actors import Actor, Role
from gis.files.formats import FORMATS as FILES
from gis.model.fields import Field, Reader
from gis.model.layer import Layer, every
from gis.text import errors
from gis.text.i18n import Language
from gis.write.validation import GEOMETRY, PLACE, Place, receivable
from layers.policy import catalog_of

router = APIRouter(tags=["description"])

CONFORMS_TO = [f"{FEATURES_1}oas30", f"{COMMON_1}oas30"]

Schema = dict[str, Any]

EVERY_ANSWER = (400, 403, 429, 503)
READING = (*EVERY_ANSWER, 404, 422)
WRITING = (*EVERY_ANSWER, 404, 409, 413, 415, 422)
CHANGING = (*WRITING, 412, 428)
TITLES = {status: refusal for refusal, status in STATUS.items()}

WORDS: dict[str, Schema] = {
    "f": {"type": "string", "enum": list(FORMATS)},
    "lang": {"type": "string", "enum": ["vi", "en"]},
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "datetime": {"type": "string"},
    "as_of": {"type": "string"},
    "after": {"type": "string"},
    "q": {"type": "string", "maxLength": 200},
    "filter": {"type": "string", "maxLength": 8000},
    "filter-lang": {"type": "string", "enum": ["cql2-text", "cql2-json"], "default": "cql2-text"},
    "near": {"type": "string"},
    "within": {"type": "string"},
    "count": {"type": "string", "enum": ["exact"]},
    "reader": {"type": "string", "enum": ["office", "partner"]},
    **{name: {"type": "string", "format": "uri"} for name in ("crs", "bbox-crs", "filter-crs")},
    "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
    "sortby": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": r"^[+-]?[^+\\-\\s].*$"}},
    "properties": {"type": "array", "items": {"type": "string"}},
}
MEANINGS = {
    "f": "The form of the answer; Accept decides where it is not given",
    "lang": "The language of titles and refusals",
    "limit": "How many features a page holds",
    "datetime": "A time or an interval start/end, either of which may be '..'; a day is a day in Vietnam",
    "as_of": "The layer as it stood at that time",
    "after": "Where the page before ended, as its link 'next' has it",
    "q": "Words to look for, without regard to diacritics",
    "filter": "A filter in CQL2 over the queryables",
    "near": "An address and a distance, such as 147/6,500m",
    "within": "A section between two markers, such as 168–168/2",
    "count": "Count every match, also where the page is full",
    "crs": "The CRS of the answer, as its OGC URI",
    "bbox": "West, south, east, north in bbox-crs",
    "sortby": "Sortables, '-' before one for descending",
    "properties": "The properties wanted",
    "reader": "For whom: what a partner may not have stays out",
}
LISTED = ("limit", "after", "bbox", "bbox-crs", "datetime", "crs", "filter", "filter-lang", "filter-crs", "sortby",
          "properties", "q", "near", "within", "as_of", "count")  # fmt: skip
FILED = tuple(name for name in LISTED if name not in ("limit", "after", "count"))
DRAWN = tuple(name for name in FILED if name not in ("crs", "sortby", "properties"))

TAKEN: dict[str, tuple[str, ...]] = {
    "/api/locate": ("q", "border", "crs", "near", "lon", "lat"),
    "/api/export/{layer}": (*FILED, "reader", "zone", "delimiter"),
    "/api/basemap/lines": ("bbox", "border"),
    "/ogc/collections/{layer}/tiles/{tms}/{zoom}/{row}/{column}": DRAWN,
    "/ogc/collections/{layer}/tiles/{tms}/tilejson.json": DRAWN,
}
"""The parameters of doors that are otherwise told of as their routes have it."""

KINDS = {
    "/ogc/api": OPENAPI,
    "/api/locate": GEOJSON,
    "/api/basemap/lines": GEOJSON,
    "/api/basemap/context": GEOJSON,
}
"""What they answer where it is not JSON."""

TEXT: Schema = {"type": "string"}
NOTE: Schema = {"type": "string", "maxLength": 2000, "nullable": True}
KEPT = ("/history", "/links", "/changes")
"""How the doors end that layers of the house have and released ones do not."""

COMMANDS: dict[str, tuple[Schema, list[str]]] = {
    "/moves": ({"to": TEXT, "reason": {"type": "string", "maxLength": 500}}, ["to", "reason"]),
    "/links": ({"to": {"type": "string", "format": "uuid"}, "at": TEXT, "border": TEXT, "role": TEXT}, ["role"]),
    "/events": ({"kind": TEXT, "on": TYPES["date"], "document": NOTE, "note": NOTE}, ["kind", "on"]),
    "/steps": ({"code": TEXT, "on": TYPES["date"], "document": NOTE, "note": NOTE}, ["code", "on"]),
}
"""What the commands take, by how their paths end."""


@router.get("/ogc/api", response_class=Response)
def api_description(request: Request, actor: ActorParam, language: SpokenParam) -> Response:
    """The description of these doors."""
    only(request)
    kept: dict[Any, Schema] = request.app.state.descriptions
    asked = base_of(request), actor.role, language
    document = kept[asked] = kept.get(asked) or description(request.app.state.doors, *asked)
    if wants_page(request):
        rows = [
            {"href": "/ogc/api", "id": path, "cells": [f"{method.upper()} {path}", told["summary"]]}
            for path, methods in document["paths"].items()
            for method, told in methods.items()
            if method != "servers"
        ]
        title = document["info"]["title"]
        about = {"links": [link(request, "/ogc/api", "self", OPENAPI)]}
        return paged(request, about, title=title, rows=rows, columns=("", ""))
    return Response(json_text(document), media_type=OPENAPI, headers=VARIES)


def description(doors: Sequence[APIRouter], base: str, role: Role, language: Language) -> Schema:
    """The whole document for a reader in that role, served at ``base``: to an outside role what it may ask."""
    paths: dict[str, Schema] = {}
    schemas: dict[str, Schema] = dict(COMMON)
    for layer in catalog_of(Actor("", role)).values():
        paths |= _of_layer(layer, role.eyes, language)
        schemas |= _schemas_of(layer, role.eyes, language)
    for route in _routes(doors):
        if role.outside and not (route.path.startswith((RELEASED, *RELEASED_BELOW)) and not route.path.endswith(KEPT)):
            continue
        for path, named in _expanded(route):
            for method in sorted((route.methods or set()) - (WRITES if role.outside else set())):
                paths.setdefault(path, {}).setdefault(method.lower(), _told(route, path, named))
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Cột Mốc",
            "description": "OGC API Features over every layer of the border, and what belongs to it.",
            "version": "0.1.0",
        },
        "servers": [{"url": f"{base}/ogc"}],
        "paths": dict(_placed(paths, base)),
        "components": {
            "schemas": schemas,
            "parameters": {name: _parameter(name) for name in WORDS},
            "responses": {str(status): _problem(status) for status in TITLES},
        },
    }


def _placed(paths: Mapping[str, Schema], base: str) -> Iterator[tuple[str, Schema]]:
    """The paths from the landing page on, where clients look for them; others name the server that they start at."""
    for path, methods in paths.items():
        if path.startswith("/ogc"):
            yield path.removeprefix("/ogc") or "/", methods
        else:
            yield path, {**methods, "servers": [{"url": base}]}


def _routes(doors: Sequence[APIRouter]) -> Iterator[APIRoute]:
    for door in doors:
        for route in door.routes:
            if isinstance(route, APIRoute) and route.path.startswith(("/ogc", "/api")) and route.include_in_schema:
                yield route


def _expanded(route: APIRoute) -> Iterator[tuple[str, list[str]]]:
    """The paths of a route, one for each layer where it is one of layers, with the parameters that are left."""
    fixed = [layer.name for layer in every()] if "{layer}" in route.path else [""]
    for name in fixed:
        path = route.path.replace("{layer}", name)
        yield path, re.findall(r"{(\w+)}", path)


def _told(route: APIRoute, path: str, named: list[str]) -> Schema:
    """A door as its route has it."""
    status = str(route.status_code or 200)
    method = next(iter(route.methods or {"GET"}))
    kind = KINDS.get(route.path, HTML if path.startswith("/ogc") and "html" in route.name else JSON)
    answer: Schema = {"description": "Done"}
    if status != "204":
        answer["content"] = {kind: {"schema": {"type": "object"}}}
    if route.path.startswith("/api/export"):
        kinds = sorted({one.media_type for one in FILES.values()})
        answer = {"description": "The file", "content": {one: {"schema": {}} for one in kinds}}
    answers = {status: answer}
    if path.endswith("}/{column}"):
        answers = {
            "200": {"description": "A tile", "content": {MVT: {"schema": {"type": "string", "format": "binary"}}}},
            "204": {"description": "Nothing stands here"},
            "304": {"description": "The reader has it already"},
        }
    told: Schema = {
        "summary": (route.endpoint.__doc__ or route.name).strip().splitlines()[0].replace("``", ""),
        "operationId": _operation(method, path),
        "parameters": [
            *(_path_parameter(name) for name in named),
            *(_known(name) for name in TAKEN.get(route.path, ())),
            _ref("parameters", "lang"),
        ],
        "responses": {**answers, **_refusals(READING if method == "GET" else CHANGING)},
    }
    if route.path.startswith("/api/export"):
        told["parameters"].append({"name": "f", "in": "query", "schema": {"type": "string", "enum": list(FILES)}})
    command = next((taken for end, taken in COMMANDS.items() if path.endswith(end)), None)
    if method == "POST" and command is not None:
        told["requestBody"] = _body({JSON: _object(*command)})
    if method == "DELETE" or (method == "POST" and path.endswith("/moves")):
        told["parameters"].append(IF_MATCH)
    return told


def _operation(method: str, path: str) -> str:
    return "_".join([method.lower(), *re.findall(r"\w+", path)])


def _known(name: str) -> Schema:
    return _ref("parameters", name) if name in WORDS else {"name": name, "in": "query", "schema": TEXT}


def _parameter(name: str) -> Schema:
    told: Schema = {"name": name, "in": "query", "required": False, "schema": WORDS[name]}
    if name in MEANINGS:
        told["description"] = MEANINGS[name]
    if WORDS[name]["type"] == "array":
        told |= {"style": "form", "explode": False}
    return told


def _path_parameter(name: str) -> Schema:
    schema = TYPES["uuid"] if name in ("item", "link_id") else TEXT
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _ref(room: str, name: str) -> Schema:
    return {"$ref": f"#/components/{room}/{name}"}


def _refusals(statuses: Sequence[int]) -> Schema:
    return {str(status): _ref("responses", str(status)) for status in sorted(set(statuses))}


def _problem(status: int) -> Schema:
    meaning = (TITLES[status].__doc__ or "").strip()
    told: Schema = {"description": meaning, "content": {PROBLEM: {"schema": _ref("schemas", "Problem")}}}
    if status in (STATUS[errors.TooMany], STATUS[errors.Unavailable]):
        told["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}}
    return told


def _object(properties: Mapping[str, Any], required: Sequence[str] = (), **more: Any) -> Schema:
    found: Schema = {"type": "object", "properties": dict(properties), **more}
    return {**found, "required": list(required)} if required else found


def _body(kinds: Mapping[str, Schema]) -> Schema:
    return {"required": True, "content": {kind: {"schema": schema} for kind, schema in kinds.items()}}


IF_MATCH: Schema = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag that was read; a change without it is refused with 428, after another's change with 412",
    "schema": {"type": "string"},
}
CONTENT_CRS: Schema = {
    "name": "Content-Crs",
    "in": "header",
    "description": "The CRS of the geometry in the body, as <URI>; CRS84 where it is not given",
    "schema": {"type": "string", "enum": [f"<{one.uri}>" for one in OFFERED]},
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same create twice with the same key gives the same feature",
    "schema": {"type": "string", "maxLength": 200},
}
HEADERS: Schema = {
    "ETag": {"description": "What a change brings back as If-Match", "schema": TEXT},
    "Content-Crs": {"description": "The CRS of the coordinates", "schema": TEXT},
}

LINKS: Schema = {"type": "array", "items": _ref("schemas", "Link")}
COMMON: dict[str, Schema] = {
    "Link": _object(dict.fromkeys(("href", "rel", "type", "title"), TEXT), ["href", "rel"]),
    "Problem": _object(
        {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "errors": {
                "type": "array",
                "items": _object(dict.fromkeys(("field", "code", "detail"), TEXT), ["field", "code", "detail"]),
            },
        },
        ["type", "title", "status"],
    ),
    "Landing": _object({"title": TEXT, "description": TEXT, "links": LINKS}, ["links"]),
    "Conformance": _object({"conformsTo": {"type": "array", "items": TEXT}}, ["conformsTo"]),
    "Collections": _object(
        {"links": LINKS, "collections": {"type": "array", "items": _ref("schemas", "Collection")}},
        ["links", "collections"],
    ),
    "Collection": _object(
        {
            "id": TEXT,
            "title": TEXT,
            "description": TEXT,
            "itemType": TEXT,
            "crs": {"type": "array", "items": TEXT},
            "storageCrs": TEXT,
            "extent": {"type": "object"},
            "defaultSortOrder": {"type": "array", "items": TEXT},
            "links": LINKS,
        },
        ["id", "links"],
    ),
    "JsonSchema": _object({"$schema": TEXT, "$id": TEXT, "type": TEXT, "properties": {"type": "object"}}, ["$schema"]),
}

FIXED = {
    "/ogc": ("Landing", "What is offered here", JSON),
    "/ogc/conformance": ("Conformance", "The conformance classes that are met", JSON),
    "/ogc/collections": ("Collections", "Every layer as a collection", JSON),
}
IN_LAYER = {"": ("Collection", JSON), **{f"/{name}": ("JsonSchema", SCHEMA_JSON) for name in RELATIONS}}


def _of_layer(layer: Layer, reader: Reader, language: Language) -> dict[str, Schema]:
    """The paths of one layer, and once more those of none."""
    path, name, title = f"/ogc/collections/{layer.name}", layer.name, layer.title.said_in(language)
    both = [_ref("parameters", "f"), _ref("parameters", "lang")]

    def reading(summary: str, where: str, schema: str, kind: str, *more: Schema) -> Schema:
        return {
            "summary": summary,
            "operationId": _operation("get", where),
            "tags": [name],
            "parameters": [*more, *both],
            "responses": {
                "200": {
                    "description": summary,
                    "headers": HEADERS if kind == GEOJSON else {},
                    "content": {kind: {"schema": _ref("schemas", schema)}, HTML: {"schema": TEXT}},
                },
                **_refusals(READING),
            },
        }

    found: dict[str, Schema] = {
        where: {"get": {**reading(summary, where, schema, kind), "tags": ["features"]}}
        for where, (schema, summary, kind) in FIXED.items()
    }
    for end, (schema, kind) in IN_LAYER.items():
        found[path + end] = {"get": reading(f"{title}: {schema}", path + end, schema, kind)}

    asked = [_ref("parameters", one) for one in LISTED if layer.remembered or one not in ADDRESSED] + list(
        _filters(layer, reader, language)
    )
    found[f"{path}/items"] = {"get": reading(title, f"{path}/items", f"{name}_page", GEOJSON, *asked)}
    one = [_ref("parameters", one) for one in ITEM_PARAMETERS if layer.remembered or one not in ADDRESSED]
    item = _path_parameter("item")
    told = reading(title, f"{path}/items/item", f"{name}_feature", GEOJSON, item, *one)
    told["responses"]["304"] = {"description": "The reader has it already"}
    found[f"{path}/items/{{item}}"] = {"get": told}
    if layer.editable:
        found[f"{path}/items"]["post"] = _creating(layer, title)
        found[f"{path}/items/{{item}}"] |= {
            "put": _changing(layer, "put", title, {GEOJSON: "draft", JSON: "flat_draft"}),
            "patch": _changing(layer, "patch", title, {MERGE_PATCH: "flat_change", JSON: "flat_change"}),
        }
    return found


def _filters(layer: Layer, reader: Reader, language: Language) -> Iterator[Schema]:
    """Every queryable of a simple value as a parameter, with the same schema."""
    for name, schema in queryables(layer, reader, language).items():
        if name != GEOMETRY and name not in OWN:
            about = {key: value for key, value in schema.items() if key not in ("title", "description")}
            meaning = "; ".join(schema[key] for key in ("title", "description") if key in schema)
            yield {"name": name, "in": "query", "description": meaning, "schema": about, "style": "form",
                   "explode": False}  # fmt: skip


def _creating(layer: Layer, title: str) -> Schema:
    name, item = layer.name, {"item": "$response.body#/id"}
    operation = f"ogc_collections_{name}_items_item"
    steps = {f"{verb}_{name}": {"operationId": f"{verb}_{operation}", "parameters": item} for verb in ("get", "patch")}
    return {
        "summary": f"{title}: new",
        "operationId": f"post_ogc_collections_{name}_items",
        "tags": [name],
        "parameters": [CONTENT_CRS, IDEMPOTENCY_KEY],
        "requestBody": _body({GEOJSON: _ref("schemas", f"{name}_draft"), JSON: _ref("schemas", f"{name}_flat_draft")}),
        "responses": {
            **{
                status: {
                    "description": meaning,
                    "headers": {**HEADERS, "Location": {"schema": TEXT}},
                    "content": {GEOJSON: {"schema": _ref("schemas", f"{name}_feature")}},
                    "links": steps,
                }
                for status, meaning in (("200", "Made before under this Idempotency-Key"), ("201", "Made"))
            },
            **_refusals(WRITING),
        },
    }


def _changing(layer: Layer, method: str, title: str, kinds: Mapping[str, str]) -> Schema:
    name = layer.name
    return {
        "summary": f"{title}: {method}",
        "operationId": f"{method}_ogc_collections_{name}_items_item",
        "tags": [name],
        "parameters": [_path_parameter("item"), IF_MATCH, CONTENT_CRS],
        "requestBody": _body({kind: _ref("schemas", f"{name}_{schema}") for kind, schema in kinds.items()}),
        "responses": {
            "200": {
                "description": "Changed",
                "headers": HEADERS,
                "content": {GEOJSON: {"schema": _ref("schemas", f"{name}_feature")}},
            },
            **_refusals(CHANGING),
        },
    }


def _schemas_of(layer: Layer, reader: Reader, language: Language) -> dict[str, Schema]:
    """What a layer's features look like coming out and going in."""
    name = layer.name
    shown = {key: _nullable(one, property_schema(one, language)) for key, one in layer.readable(reader).items()}
    drafts = {key: _nullable(one, property_schema(one, language), given=True) for key, one in receivable(layer).items()}
    place = _shape(layer)
    required = [key for key, one in receivable(layer).items() if one.required]
    words = _object({key: {**TEXT, "nullable": True} for key in Place.model_fields}, ["text"], nullable=True)
    by_place = {PLACE: words} if layer.placed else {}
    feature = _object(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": TYPES["uuid"],
            "geometry": _any_shape(),
            "properties": _object({"id": TYPES["uuid"], "layer": TEXT, **shown}),
            "links": LINKS,
        },
        ["type", "id", "geometry", "properties"],
    )
    page = _object(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": _ref("schemas", f"{name}_feature")},
            "links": LINKS,
            "timeStamp": TYPES["datetime"],
            "numberReturned": {"type": "integer", "minimum": 0},
            "numberMatched": {"type": "integer", "minimum": 0},
        },
        ["type", "features", "links"],
    )
    draft = _object(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": place,
            **by_place,
            "properties": _object(drafts, required, additionalProperties=False),
        },
        ["type", "properties"],
    )
    flat = {**drafts, GEOMETRY: place, **by_place}
    return {
        f"{name}_feature": feature,
        f"{name}_page": page,
        f"{name}_draft": draft,
        f"{name}_flat_draft": _object(flat, required, additionalProperties=False),
        f"{name}_flat_change": _object(flat, (), additionalProperties=False),
    }


def _nullable(one: Field, schema: Schema, *, given: bool = False) -> Schema:
    """A property that may be empty; in OpenAPI 3.0 an empty word has to stand among the words."""
    if not one.nullable and (given or (one.sql is None and not one.shared)):
        return schema
    words = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **words, "nullable": True}


def _shape(layer: Layer) -> Schema:
    """The geometry that a layer takes."""
    if not layer.placed:
        return {"type": "object", "nullable": True, "maxProperties": 0}
    return {**_coordinates(sorted(FAMILY[layer.geometry_type])), "description": SHAPES[layer.geometry_type]}


def _any_shape() -> Schema:
    return {
        "type": "object",
        "nullable": True,
        "required": ["type"],
        "properties": {"type": {"type": "string", "enum": [*DEPTH, "GeometryCollection"]}},
    }


def _coordinates(types: Sequence[str]) -> Schema:
    return {
        "type": "object",
        "nullable": True,
        "required": ["type", "coordinates"],
        "properties": {"type": {"type": "string", "enum": list(types)}, "coordinates": {"type": "array", "items": {}}},
    }
