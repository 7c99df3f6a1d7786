"""``/ogc/api``: every door in OpenAPI 3.0, written from the cards, each layer with paths and properties of its own.

FastAPI's own description is of version 3.1 and knows neither layers nor refusals. A door that is not told of here in
particular is told of as its route and its docstring have it, so that none is missing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.http.dependencies import ActorParam
from api.http.errors import STATUS
from api.http.json_text import json_bytes
from api.http.media_types import GEOJSON, HTML, JSON, MERGE_PATCH, MVT, OPENAPI, PROBLEM, SCHEMA_JSON
from api.http.negotiation import (
    COMMON_1,
    FEATURES_1,
    FORMATS,
    VARY_HEADERS,
    ResponseLanguageParam,
    base_url,
    html_response,
    link,
    refuse_unknown_parameters,
    wants_html,
)
from api.http.parameters import DEFAULT_LIMIT, ITEM_PARAMETERS, MAX_LIMIT, RESERVED_PARAMETERS, UNRELEASED_PARAMETERS
from api.http.request_body import WRITE_METHODS
from api.http.security import RELEASED_PATH, RELEASED_PREFIXES
from api.ogc.schemas import GEOMETRY_FORMATS, RELATIONS, TYPE_SCHEMAS, property_schema, queryables
from gis.crs import ALLOWED_TYPES, COORDINATES_DEPTH, OUTPUT_CRS
from gis.db import Actor, Role
from gis.files import FORMATS as FILES
from gis.model import Clearance, Field, Layer, all_layers
from gis.text import Language, errors
from gis.write import GEOMETRY, PLACE, LocationText, writable_fields
from layers.policy import catalog_of

router = APIRouter(tags=["description"])

CONFORMS_TO = [f"{FEATURES_1}oas30", f"{COMMON_1}oas30"]

Schema = dict[str, Any]

COMMON_ERRORS = (400, 403, 429, 503)
READ_ERRORS = (*COMMON_ERRORS, 404, 422)
CREATE_ERRORS = (*COMMON_ERRORS, 404, 409, 413, 415, 422)
UPDATE_ERRORS = (*CREATE_ERRORS, 412, 428)
REFUSAL_BY_STATUS = {status: refusal for refusal, status in STATUS.items()}

PARAMETER_SCHEMAS: dict[str, Schema] = {
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
PARAMETER_DESCRIPTIONS = {
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
ITEMS_PARAMETERS = ("limit", "after", "bbox", "bbox-crs", "datetime", "crs", "filter", "filter-lang", "filter-crs",
          "sortby", "properties", "q", "near", "within", "as_of", "count")  # fmt: skip
EXPORT_PARAMETERS = tuple(name for name in ITEMS_PARAMETERS if name not in ("limit", "after", "count"))
TILE_PARAMETERS = tuple(name for name in EXPORT_PARAMETERS if name not in ("crs", "sortby", "properties"))

ROUTE_PARAMETERS: dict[str, tuple[str, ...]] = {
    "/api/locate": ("q", "border", "crs", "near", "lon", "lat"),
    "/api/export/{layer}": (*EXPORT_PARAMETERS, "reader", "zone", "delimiter"),
    "/api/basemap/lines": ("bbox", "border"),
    "/ogc/collections/{layer}/tiles/{tms}/{zoom}/{row}/{column}": TILE_PARAMETERS,
    "/ogc/collections/{layer}/tiles/{tms}/tilejson.json": TILE_PARAMETERS,
}
"""The parameters of doors that are otherwise told of as their routes have it."""

RESPONSE_MEDIA_TYPES = {
    "/ogc/api": OPENAPI,
    "/api/locate": GEOJSON,
    "/api/basemap/lines": GEOJSON,
    "/api/basemap/context": GEOJSON,
}
"""What they answer where it is not JSON."""

TEXT_SCHEMA: Schema = {"type": "string"}
NOTE_SCHEMA: Schema = {"type": "string", "maxLength": 2000, "nullable": True}
UNRELEASED_SUFFIXES = ("/history", "/links", "/changes")
"""How the doors end that layers of the house have and released ones do not."""

COMMAND_SCHEMAS: dict[str, tuple[Schema, list[str]]] = {
    "/moves": ({"to": TEXT_SCHEMA, "reason": {"type": "string", "maxLength": 500}}, ["to", "reason"]),
    "/links": (
        {"to": {"type": "string", "format": "uuid"}, "at": TEXT_SCHEMA, "border": TEXT_SCHEMA, "role": TEXT_SCHEMA},
        ["role"],
    ),
    "/events": (
        {"kind": TEXT_SCHEMA, "on": TYPE_SCHEMAS["date"], "document": NOTE_SCHEMA, "note": NOTE_SCHEMA},
        ["kind", "on"],
    ),
    "/steps": (
        {"code": TEXT_SCHEMA, "on": TYPE_SCHEMAS["date"], "document": NOTE_SCHEMA, "note": NOTE_SCHEMA},
        ["code", "on"],
    ),
}
"""What the commands take, by how their paths end."""


@router.get("/ogc/api", response_class=Response)
def api_description(request: Request, actor: ActorParam, language: ResponseLanguageParam) -> Response:
    """The description of these doors."""
    refuse_unknown_parameters(request)
    kept: dict[Any, Schema] = request.app.state.openapi_documents
    asked = base_url(request), actor.role, language
    document = kept[asked] = kept.get(asked) or openapi_document(request.app.state.routers, *asked)
    if wants_html(request):
        rows = [
            {"href": "/ogc/api", "id": path, "cells": [f"{method.upper()} {path}", told["summary"]]}
            for path, methods in document["paths"].items()
            for method, told in methods.items()
            if method != "servers"
        ]
        title = document["info"]["title"]
        about = {"links": [link(request, "/ogc/api", "self", OPENAPI)]}
        return html_response(request, about, title=title, rows=rows, columns=("", ""))
    return Response(json_bytes(document), media_type=OPENAPI, headers=VARY_HEADERS)


def openapi_document(routers: Sequence[APIRouter], base: str, role: Role, language: Language) -> Schema:
    """The whole document for a reader in that role, served at ``base``: to an outside role what it may ask."""
    paths: dict[str, Schema] = {}
    schemas: dict[str, Schema] = dict(COMMON_SCHEMAS)
    for layer in catalog_of(Actor("", role)).values():
        paths |= _layer_paths(layer, role.clearance, language)
        schemas |= _layer_schemas(layer, role.clearance, language)
    for route in _routes(routers):
        if role.external and not (
            route.path.startswith((RELEASED_PATH, *RELEASED_PREFIXES)) and not route.path.endswith(UNRELEASED_SUFFIXES)
        ):
            continue
        for path, named in _expand_layers(route):
            for method in sorted((route.methods or set()) - (WRITE_METHODS if role.external else set())):
                paths.setdefault(path, {}).setdefault(method.lower(), _route_operation(route, path, named))
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Cột Mốc",
            "description": "OGC API Features over every layer of the border, and what belongs to it.",
            "version": "0.1.0",
        },
        "servers": [{"url": f"{base}/ogc"}],
        "paths": dict(_paths_with_servers(paths, base)),
        "components": {
            "schemas": schemas,
            "parameters": {name: _parameter(name) for name in PARAMETER_SCHEMAS},
            "responses": {str(status): _problem_response(status) for status in REFUSAL_BY_STATUS},
        },
    }


def _paths_with_servers(paths: Mapping[str, Schema], base: str) -> Iterator[tuple[str, Schema]]:
    """The paths from the landing page on, where clients look for them; others name the server that they start at."""
    for path, methods in paths.items():
        if path.startswith("/ogc"):
            yield path.removeprefix("/ogc") or "/", methods
        else:
            yield path, {**methods, "servers": [{"url": base}]}


def _routes(routers: Sequence[APIRouter]) -> Iterator[APIRoute]:
    for door in routers:
        for route in door.routes:
            if isinstance(route, APIRoute) and route.path.startswith(("/ogc", "/api")) and route.include_in_schema:
                yield route


def _expand_layers(route: APIRoute) -> Iterator[tuple[str, list[str]]]:
    """The paths of a route, one for each layer where it is one of layers, with the parameters that are left."""
    fixed = [layer.name for layer in all_layers()] if "{layer}" in route.path else [""]
    for name in fixed:
        path = route.path.replace("{layer}", name)
        yield path, re.findall(r"{(\w+)}", path)


def _route_operation(route: APIRoute, path: str, path_parameters: list[str]) -> Schema:
    """A door as its route has it."""
    status = str(route.status_code or 200)
    method = next(iter(route.methods or {"GET"}))
    kind = RESPONSE_MEDIA_TYPES.get(route.path, HTML if path.startswith("/ogc") and "html" in route.name else JSON)
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
        "operationId": _operation_id(method, path),
        "parameters": [
            *(_path_parameter(name) for name in path_parameters),
            *(_query_parameter(name) for name in ROUTE_PARAMETERS.get(route.path, ())),
            _ref("parameters", "lang"),
        ],
        "responses": {**answers, **_error_responses(READ_ERRORS if method == "GET" else UPDATE_ERRORS)},
    }
    if route.path.startswith("/api/export"):
        told["parameters"].append({"name": "f", "in": "query", "schema": {"type": "string", "enum": list(FILES)}})
    command = next((taken for end, taken in COMMAND_SCHEMAS.items() if path.endswith(end)), None)
    if method == "POST" and command is not None:
        told["requestBody"] = _request_body({JSON: _object_schema(*command)})
    if method == "DELETE" or (method == "POST" and path.endswith("/moves")):
        told["parameters"].append(IF_MATCH)
    return told


def _operation_id(method: str, path: str) -> str:
    return "_".join([method.lower(), *re.findall(r"\w+", path)])


def _query_parameter(name: str) -> Schema:
    return (
        _ref("parameters", name) if name in PARAMETER_SCHEMAS else {"name": name, "in": "query", "schema": TEXT_SCHEMA}
    )


def _parameter(name: str) -> Schema:
    told: Schema = {"name": name, "in": "query", "required": False, "schema": PARAMETER_SCHEMAS[name]}
    if name in PARAMETER_DESCRIPTIONS:
        told["description"] = PARAMETER_DESCRIPTIONS[name]
    if PARAMETER_SCHEMAS[name]["type"] == "array":
        told |= {"style": "form", "explode": False}
    return told


def _path_parameter(name: str) -> Schema:
    schema = TYPE_SCHEMAS["uuid"] if name in ("item", "link_id") else TEXT_SCHEMA
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _ref(section: str, name: str) -> Schema:
    return {"$ref": f"#/components/{section}/{name}"}


def _error_responses(statuses: Sequence[int]) -> Schema:
    return {str(status): _ref("responses", str(status)) for status in sorted(set(statuses))}


def _problem_response(status: int) -> Schema:
    meaning = (REFUSAL_BY_STATUS[status].__doc__ or "").strip()
    told: Schema = {"description": meaning, "content": {PROBLEM: {"schema": _ref("schemas", "Problem")}}}
    if status in (STATUS[errors.TooMany], STATUS[errors.Unavailable]):
        told["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}}
    return told


def _object_schema(properties: Mapping[str, Any], required: Sequence[str] = (), **more: Any) -> Schema:
    found: Schema = {"type": "object", "properties": dict(properties), **more}
    return {**found, "required": list(required)} if required else found


def _request_body(schemas: Mapping[str, Schema]) -> Schema:
    return {"required": True, "content": {kind: {"schema": schema} for kind, schema in schemas.items()}}


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
    "schema": {"type": "string", "enum": [f"<{one.uri}>" for one in OUTPUT_CRS]},
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same create twice with the same key gives the same feature",
    "schema": {"type": "string", "maxLength": 200},
}
RESPONSE_HEADERS: Schema = {
    "ETag": {"description": "What a change brings back as If-Match", "schema": TEXT_SCHEMA},
    "Content-Crs": {"description": "The CRS of the coordinates", "schema": TEXT_SCHEMA},
}

LINKS_SCHEMA: Schema = {"type": "array", "items": _ref("schemas", "Link")}
COMMON_SCHEMAS: dict[str, Schema] = {
    "Link": _object_schema(dict.fromkeys(("href", "rel", "type", "title"), TEXT_SCHEMA), ["href", "rel"]),
    "Problem": _object_schema(
        {
            "type": TEXT_SCHEMA,
            "title": TEXT_SCHEMA,
            "status": {"type": "integer"},
            "detail": TEXT_SCHEMA,
            "errors": {
                "type": "array",
                "items": _object_schema(
                    dict.fromkeys(("field", "code", "detail"), TEXT_SCHEMA), ["field", "code", "detail"]
                ),
            },
        },
        ["type", "title", "status"],
    ),
    "Landing": _object_schema({"title": TEXT_SCHEMA, "description": TEXT_SCHEMA, "links": LINKS_SCHEMA}, ["links"]),
    "Conformance": _object_schema({"conformsTo": {"type": "array", "items": TEXT_SCHEMA}}, ["conformsTo"]),
    "Collections": _object_schema(
        {"links": LINKS_SCHEMA, "collections": {"type": "array", "items": _ref("schemas", "Collection")}},
        ["links", "collections"],
    ),
    "Collection": _object_schema(
        {
            "id": TEXT_SCHEMA,
            "title": TEXT_SCHEMA,
            "description": TEXT_SCHEMA,
            "itemType": TEXT_SCHEMA,
            "crs": {"type": "array", "items": TEXT_SCHEMA},
            "storageCrs": TEXT_SCHEMA,
            "extent": {"type": "object"},
            "defaultSortOrder": {"type": "array", "items": TEXT_SCHEMA},
            "links": LINKS_SCHEMA,
        },
        ["id", "links"],
    ),
    "JsonSchema": _object_schema(
        {"$schema": TEXT_SCHEMA, "$id": TEXT_SCHEMA, "type": TEXT_SCHEMA, "properties": {"type": "object"}}, ["$schema"]
    ),
}

SERVICE_RESOURCES = {
    "/ogc": ("Landing", "What is offered here", JSON),
    "/ogc/conformance": ("Conformance", "The conformance classes that are met", JSON),
    "/ogc/collections": ("Collections", "Every layer as a collection", JSON),
}
LAYER_RESOURCES = {"": ("Collection", JSON), **{f"/{name}": ("JsonSchema", SCHEMA_JSON) for name in RELATIONS}}


def _layer_paths(layer: Layer, reader: Clearance, language: Language) -> dict[str, Schema]:
    """The paths of one layer, and once more those of none."""
    path, name, title = f"/ogc/collections/{layer.name}", layer.name, layer.title.in_language(language)
    both = [_ref("parameters", "f"), _ref("parameters", "lang")]

    def reading(summary: str, where: str, schema: str, kind: str, *more: Schema) -> Schema:
        return {
            "summary": summary,
            "operationId": _operation_id("get", where),
            "tags": [name],
            "parameters": [*more, *both],
            "responses": {
                "200": {
                    "description": summary,
                    "headers": RESPONSE_HEADERS if kind == GEOJSON else {},
                    "content": {kind: {"schema": _ref("schemas", schema)}, HTML: {"schema": TEXT_SCHEMA}},
                },
                **_error_responses(READ_ERRORS),
            },
        }

    found: dict[str, Schema] = {
        where: {"get": {**reading(summary, where, schema, kind), "tags": ["features"]}}
        for where, (schema, summary, kind) in SERVICE_RESOURCES.items()
    }
    for end, (schema, kind) in LAYER_RESOURCES.items():
        found[path + end] = {"get": reading(f"{title}: {schema}", path + end, schema, kind)}

    asked = [
        _ref("parameters", one) for one in ITEMS_PARAMETERS if layer.has_history or one not in UNRELEASED_PARAMETERS
    ] + list(_filter_parameters(layer, reader, language))
    found[f"{path}/items"] = {"get": reading(title, f"{path}/items", f"{name}_page", GEOJSON, *asked)}
    one = [_ref("parameters", one) for one in ITEM_PARAMETERS if layer.has_history or one not in UNRELEASED_PARAMETERS]
    item = _path_parameter("item")
    told = reading(title, f"{path}/items/item", f"{name}_feature", GEOJSON, item, *one)
    told["responses"]["304"] = {"description": "The reader has it already"}
    found[f"{path}/items/{{item}}"] = {"get": told}
    if layer.editable:
        found[f"{path}/items"]["post"] = _create_operation(layer, title)
        found[f"{path}/items/{{item}}"] |= {
            "put": _update_operation(layer, "put", title, {GEOJSON: "draft", JSON: "flat_draft"}),
            "patch": _update_operation(layer, "patch", title, {MERGE_PATCH: "flat_change", JSON: "flat_change"}),
        }
    return found


def _filter_parameters(layer: Layer, reader: Clearance, language: Language) -> Iterator[Schema]:
    """Every queryable of a simple value as a parameter, with the same schema."""
    for name, schema in queryables(layer, reader, language).items():
        if name != GEOMETRY and name not in RESERVED_PARAMETERS:
            about = {key: value for key, value in schema.items() if key not in ("title", "description")}
            meaning = "; ".join(schema[key] for key in ("title", "description") if key in schema)
            yield {"name": name, "in": "query", "description": meaning, "schema": about, "style": "form",
                   "explode": False}  # fmt: skip


def _create_operation(layer: Layer, title: str) -> Schema:
    name, item = layer.name, {"item": "$response.body#/id"}
    operation = f"ogc_collections_{name}_items_item"
    steps = {f"{verb}_{name}": {"operationId": f"{verb}_{operation}", "parameters": item} for verb in ("get", "patch")}
    return {
        "summary": f"{title}: new",
        "operationId": f"post_ogc_collections_{name}_items",
        "tags": [name],
        "parameters": [CONTENT_CRS, IDEMPOTENCY_KEY],
        "requestBody": _request_body(
            {GEOJSON: _ref("schemas", f"{name}_draft"), JSON: _ref("schemas", f"{name}_flat_draft")}
        ),
        "responses": {
            **{
                status: {
                    "description": meaning,
                    "headers": {**RESPONSE_HEADERS, "Location": {"schema": TEXT_SCHEMA}},
                    "content": {GEOJSON: {"schema": _ref("schemas", f"{name}_feature")}},
                    "links": steps,
                }
                for status, meaning in (("200", "Made before under this Idempotency-Key"), ("201", "Made"))
            },
            **_error_responses(CREATE_ERRORS),
        },
    }


def _update_operation(layer: Layer, method: str, title: str, kinds: Mapping[str, str]) -> Schema:
    name = layer.name
    return {
        "summary": f"{title}: {method}",
        "operationId": f"{method}_ogc_collections_{name}_items_item",
        "tags": [name],
        "parameters": [_path_parameter("item"), IF_MATCH, CONTENT_CRS],
        "requestBody": _request_body({kind: _ref("schemas", f"{name}_{schema}") for kind, schema in kinds.items()}),
        "responses": {
            "200": {
                "description": "Changed",
                "headers": RESPONSE_HEADERS,
                "content": {GEOJSON: {"schema": _ref("schemas", f"{name}_feature")}},
            },
            **_error_responses(UPDATE_ERRORS),
        },
    }


def _layer_schemas(layer: Layer, reader: Clearance, language: Language) -> dict[str, Schema]:
    """What a layer's features look like coming out and going in."""
    name = layer.name
    shown = {key: _nullable(one, property_schema(one, language)) for key, one in layer.readable_fields(reader).items()}
    drafts = {
        key: _nullable(one, property_schema(one, language), is_input=True)
        for key, one in writable_fields(layer).items()
    }
    place = _geometry_schema(layer)
    required = [key for key, one in writable_fields(layer).items() if one.required]
    words = _object_schema(
        {key: {**TEXT_SCHEMA, "nullable": True} for key in LocationText.model_fields}, ["text"], nullable=True
    )
    by_place = {PLACE: words} if layer.has_geometry else {}
    feature = _object_schema(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": TYPE_SCHEMAS["uuid"],
            "geometry": _any_geometry_schema(),
            "properties": _object_schema({"id": TYPE_SCHEMAS["uuid"], "layer": TEXT_SCHEMA, **shown}),
            "links": LINKS_SCHEMA,
        },
        ["type", "id", "geometry", "properties"],
    )
    page = _object_schema(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": _ref("schemas", f"{name}_feature")},
            "links": LINKS_SCHEMA,
            "timeStamp": TYPE_SCHEMAS["datetime"],
            "numberReturned": {"type": "integer", "minimum": 0},
            "numberMatched": {"type": "integer", "minimum": 0},
        },
        ["type", "features", "links"],
    )
    draft = _object_schema(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": place,
            **by_place,
            "properties": _object_schema(drafts, required, additionalProperties=False),
        },
        ["type", "properties"],
    )
    flat = {**drafts, GEOMETRY: place, **by_place}
    return {
        f"{name}_feature": feature,
        f"{name}_page": page,
        f"{name}_draft": draft,
        f"{name}_flat_draft": _object_schema(flat, required, additionalProperties=False),
        f"{name}_flat_change": _object_schema(flat, (), additionalProperties=False),
    }


def _nullable(field: Field, schema: Schema, *, is_input: bool = False) -> Schema:
    """A property that may be empty; in OpenAPI 3.0 an empty word has to stand among the words."""
    if not field.nullable and (is_input or (field.sql is None and not field.masked_when_assumed)):
        return schema
    words = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **words, "nullable": True}


def _geometry_schema(layer: Layer) -> Schema:
    """The geometry that a layer takes."""
    if not layer.has_geometry:
        return {"type": "object", "nullable": True, "maxProperties": 0}
    return {
        **_coordinates_schema(sorted(ALLOWED_TYPES[layer.geometry_type])),
        "description": GEOMETRY_FORMATS[layer.geometry_type],
    }


def _any_geometry_schema() -> Schema:
    return {
        "type": "object",
        "nullable": True,
        "required": ["type"],
        "properties": {"type": {"type": "string", "enum": [*COORDINATES_DEPTH, "GeometryCollection"]}},
    }


def _coordinates_schema(types: Sequence[str]) -> Schema:
    return {
        "type": "object",
        "nullable": True,
        "required": ["type", "coordinates"],
        "properties": {"type": {"type": "string", "enum": list(types)}, "coordinates": {"type": "array", "items": {}}},
    }
