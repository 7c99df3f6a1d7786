"""``/ogc/api``: the OpenAPI 3.0 document, generated from the layers and the routes.

FastAPI generates OpenAPI 3.1, without paths per layer and without the error responses, so this module does it instead.
Each layer has its own paths and schemas (``openapi_layers``). All other routes are described by their path, their
methods and the first line of their docstring, so that none is missing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.http.dependencies import ActorParam
from api.http.json_text import json_bytes
from api.http.media_types import GEOJSON, HTML, JSON, MVT, OPENAPI
from api.http.negotiation import (
    COMMON_1,
    FEATURES_1,
    VARY_HEADERS,
    ResponseLanguageParam,
    base_url,
    html_response,
    link,
    wants_html,
)
from api.http.query import refuse_unknown_parameters
from api.http.request_body import WRITE_METHODS
from api.http.security import RELEASED_PATH, RELEASED_PREFIXES
from api.ogc.feature_commands import NewLink, Restoration, Transition
from api.ogc.openapi_components import (
    COMMON_SCHEMAS,
    EXPORT_PARAMETERS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    OPTIONAL_IF_MATCH,
    PARAMETER_SCHEMAS,
    READ_ERRORS,
    REFUSAL_BY_STATUS,
    TILE_PARAMETERS,
    UPDATE_ERRORS,
    Schema,
    body_schema,
    error_responses,
    operation_id,
    parameter_component,
    path_parameter,
    problem_response,
    query_parameter,
    ref,
    request_body,
)
from api.ogc.openapi_layers import layer_paths, layer_schemas, row_schema
from api.rest.bulk import BulkChange
from gis.db import Actor, Role
from gis.files import FORMATS as FILES
from gis.model import all_layers
from gis.text import Language
from gis.write import bodies, child_resources
from layers.policy import catalog_of

router = APIRouter(tags=["description"])

CONFORMS_TO = [f"{FEATURES_1}oas30", f"{COMMON_1}oas30"]

ROUTE_PARAMETERS: dict[str, tuple[str, ...]] = {
    "/api/locate": ("q", "border", "crs", "near", "lon", "lat"),
    "/api/export/{layer}": (*EXPORT_PARAMETERS, "reader", "zone", "delimiter"),
    "/api/basemap/lines": ("bbox", "border"),
    "/ogc/collections/{layer}/tiles/{tms}/{zoom}/{row}/{column}": TILE_PARAMETERS,
    "/ogc/collections/{layer}/tiles/{tms}/tilejson.json": TILE_PARAMETERS,
}
"""Query parameters by the path of the route, for routes outside of ``openapi_layers``."""

RESPONSE_MEDIA_TYPES = {
    "/ogc/api": OPENAPI,
    "/api/locate": GEOJSON,
    "/api/basemap/lines": GEOJSON,
    "/api/basemap/context": GEOJSON,
}
"""Media types of successful responses by path; JSON if the path is not listed."""

UNRELEASED_SUFFIXES = ("/history", "/links", "/nearby", "/changes", "/{child}")
"""Ends of the paths that released layers do not have."""

COMMAND_BODIES: dict[str, type[bodies.Body]] = {
    "/moves": Transition,
    "/restore": Restoration,
    "/links": NewLink,
    "/api/bulk": BulkChange,
}
"""The request bodies of commands by the end of the path; child resources declare their own."""


@router.get("/ogc/api", response_class=Response)
def api_description(request: Request, actor: ActorParam, language: ResponseLanguageParam) -> Response:
    """The OpenAPI 3.0 description of the service."""
    refuse_unknown_parameters(request)
    cache: dict[Any, Schema] = request.app.state.openapi_documents
    key = base_url(request), actor.role, language
    document = cache[key] = cache.get(key) or openapi_document(request.app.state.routers, *key)
    if wants_html(request):
        rows = [
            {"href": "/ogc/api", "id": path, "cells": [f"{method.upper()} {path}", operation["summary"]]}
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method != "servers"
        ]
        title = document["info"]["title"]
        about = {"links": [link(request, "/ogc/api", "self", OPENAPI)]}
        return html_response(request, about, title=title, rows=rows, columns=("", ""))
    return Response(json_bytes(document), media_type=OPENAPI, headers=VARY_HEADERS)


def openapi_document(routers: Sequence[APIRouter], base: str, role: Role, language: Language) -> Schema:
    """The OpenAPI document for a role, served at ``base``; external roles get only the paths that they may use."""
    paths: dict[str, Schema] = {}
    schemas: dict[str, Schema] = dict(COMMON_SCHEMAS)
    for layer in catalog_of(Actor("", role)).values():
        paths |= layer_paths(layer, role.clearance, language)
        schemas |= layer_schemas(layer, role.clearance, language)
    for route in _routes(routers):
        if role.external and not (
            route.path.startswith((RELEASED_PATH, *RELEASED_PREFIXES)) and not route.path.endswith(UNRELEASED_SUFFIXES)
        ):
            continue
        for path, resource in _expand_path(route):
            for method in sorted((route.methods or set()) - (WRITE_METHODS if role.external else set())):
                paths.setdefault(path, {}).setdefault(method.lower(), _route_operation(route, path, resource))
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Cột Mốc",
            "description": "OGC API Features and Tiles for all layers of the border data, and further JSON resources.",
            "version": "0.1.0",
        },
        "servers": [{"url": f"{base}/ogc"}],
        "paths": dict(_paths_with_servers(paths, base)),
        "components": {
            "schemas": schemas,
            "parameters": {name: parameter_component(name) for name in PARAMETER_SCHEMAS},
            "responses": {str(status): problem_response(status) for status in REFUSAL_BY_STATUS},
        },
    }


def _paths_with_servers(paths: Mapping[str, Schema], base: str) -> Iterator[tuple[str, Schema]]:
    """Paths relative to the landing page ``/ogc``, as OGC clients expect; other paths get their own ``servers``."""
    for path, methods in paths.items():
        if path.startswith("/ogc"):
            yield path.removeprefix("/ogc") or "/", methods
        else:
            yield path, {**methods, "servers": [{"url": base}]}


def _routes(routers: Sequence[APIRouter]) -> Iterator[APIRoute]:
    for included in routers:
        for route in included.routes:
            if isinstance(route, APIRoute) and route.path.startswith(("/ogc", "/api")) and route.include_in_schema:
                yield route


def _expand_path(route: APIRoute) -> Iterator[tuple[str, child_resources.ChildResource | None]]:
    """The path of a route; if ``{layer}`` is in it, one path per layer, or per child resource of a layer."""
    if "{child}" in route.path:
        for (layer, child), resource in child_resources.child_resources().items():
            yield route.path.replace("{layer}", layer).replace("{child}", child), resource
        return
    for name in [layer.name for layer in all_layers()] if "{layer}" in route.path else [""]:
        yield route.path.replace("{layer}", name), None


def _route_operation(route: APIRoute, path: str, resource: child_resources.ChildResource | None) -> Schema:
    """The operation of a route, from its path, method and docstring, and its child resource where the route has any."""
    status = str(route.status_code or 200)
    method = next(iter(route.methods or {"GET"}))
    media_type = RESPONSE_MEDIA_TYPES.get(
        route.path, HTML if path.startswith("/ogc") and "html" in route.name else JSON
    )
    success: Schema = {"description": "Success"}
    if status != "204":
        success["content"] = {media_type: {"schema": {"type": "object"}}}
    if route.path.startswith("/api/export"):
        media_types = sorted({file_format.media_type for file_format in FILES.values()})
        success = {"description": "The file", "content": {name: {"schema": {}} for name in media_types}}
    responses = {status: success}
    if path.endswith("}/{column}"):
        responses = {
            "200": {"description": "A tile", "content": {MVT: {"schema": {"type": "string", "format": "binary"}}}},
            "204": {"description": "The tile is empty"},
            "304": {"description": "Not modified"},
        }
    about = route.endpoint.__doc__ or route.name
    body = next((model for end, model in COMMAND_BODIES.items() if path.endswith(end)), None)
    if resource is not None:
        about, body = (resource.summary if method == "GET" else resource.description), resource.body
    operation: Schema = {
        "summary": about.strip().splitlines()[0].replace("``", ""),
        "operationId": operation_id(method, path),
        "parameters": [
            *(path_parameter(name) for name in re.findall(r"{(\w+)}", path)),
            *(query_parameter(name) for name in ROUTE_PARAMETERS.get(route.path, ())),
            ref("parameters", "lang"),
        ],
        "responses": {**responses, **error_responses(READ_ERRORS if method == "GET" else UPDATE_ERRORS)},
    }
    if route.path.startswith("/api/export"):
        operation["parameters"].append({"name": "f", "in": "query", "schema": {"type": "string", "enum": list(FILES)}})
    if method == "POST" and body is not None:
        operation["requestBody"] = request_body(
            {JSON: row_schema(body.declared_fields) if body.declared_fields else body_schema(body)}
        )
    if method == "DELETE" or (method == "POST" and path.endswith(("/moves", "/restore"))):
        operation["parameters"].append(IF_MATCH)
    if method == "POST" and resource is not None:
        operation["parameters"] += [OPTIONAL_IF_MATCH, IDEMPOTENCY_KEY]
    if path == "/api/bulk":
        operation["parameters"].append(IDEMPOTENCY_KEY)
    return operation
