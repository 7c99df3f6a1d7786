"""The reusable components of the OpenAPI document: parameters, headers, error responses and common schemas."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from api.http.errors import STATUS
from api.http.media_types import PROBLEM
from api.http.negotiation import FORMATS
from api.http.query import DEFAULT_LIMIT, MAX_LIMIT
from gis.crs import OUTPUT_CRS
from gis.model import field_types
from gis.text import errors

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
    "f": "The format of the response; without it, the header Accept decides",
    "lang": "The language of titles and error messages",
    "limit": "The maximum number of features on a page",
    "datetime": "A date-time, a date or an interval start/end, either of which may be '..'; a date is a day in Vietnam",
    "as_of": "The layer as of that time",
    "after": "The cursor of the page, from the link 'next' of the previous page",
    "q": "Words to search for; diacritics are ignored",
    "filter": "A CQL2 filter over the queryables",
    "near": "A marker address or coordinates, and a distance, such as 147/6,500m",
    "within": "A section between two markers, such as 168–168/2",
    "count": "Count all matches, even if there are more pages",
    "crs": "The CRS of the response, as an OGC URI",
    "bbox": "West, south, east, north in bbox-crs",
    "sortby": "Sortables; '-' before a name for descending order",
    "properties": "The properties to return",
    "reader": "The reader of the file; for a partner, what partners may not read is left out",
}
ITEMS_PARAMETERS = ("limit", "after", "bbox", "bbox-crs", "datetime", "crs", "filter", "filter-lang", "filter-crs",
          "sortby", "properties", "q", "near", "within", "as_of", "count")  # fmt: skip
EXPORT_PARAMETERS = tuple(name for name in ITEMS_PARAMETERS if name not in ("limit", "after", "count"))
TILE_PARAMETERS = tuple(name for name in EXPORT_PARAMETERS if name not in ("crs", "sortby", "properties"))

TEXT_SCHEMA: Schema = {"type": "string"}


def operation_id(method: str, path: str) -> str:
    return "_".join([method.lower(), *re.findall(r"\w+", path)])


def query_parameter(name: str) -> Schema:
    return (
        ref("parameters", name) if name in PARAMETER_SCHEMAS else {"name": name, "in": "query", "schema": TEXT_SCHEMA}
    )


def parameter_component(name: str) -> Schema:
    component: Schema = {"name": name, "in": "query", "required": False, "schema": PARAMETER_SCHEMAS[name]}
    if name in PARAMETER_DESCRIPTIONS:
        component["description"] = PARAMETER_DESCRIPTIONS[name]
    if PARAMETER_SCHEMAS[name]["type"] == "array":
        component |= {"style": "form", "explode": False}
    return component


def path_parameter(name: str) -> Schema:
    schema = field_types.UUID.json_schema if name in ("item", "link_id") else TEXT_SCHEMA
    return {"name": name, "in": "path", "required": True, "schema": schema}


def ref(section: str, name: str) -> Schema:
    return {"$ref": f"#/components/{section}/{name}"}


def error_responses(statuses: Sequence[int]) -> Schema:
    return {str(status): ref("responses", str(status)) for status in sorted(set(statuses))}


def problem_response(status: int) -> Schema:
    meaning = (REFUSAL_BY_STATUS[status].__doc__ or "").strip()
    response: Schema = {"description": meaning, "content": {PROBLEM: {"schema": ref("schemas", "Problem")}}}
    if status in (STATUS[errors.TooMany], STATUS[errors.Unavailable]):
        response["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}}
    return response


def object_schema(properties: Mapping[str, Any], required: Sequence[str] = (), **more: Any) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties), **more}
    return {**schema, "required": list(required)} if required else schema


def body_schema(model: type[BaseModel]) -> Schema:
    """The schema of a request body, without the titles and defaults that pydantic adds."""
    schema = model.model_json_schema()
    properties = {
        name: {key: about[key] for key in ("type", *about) if key not in ("title", "default")}
        for name, about in schema["properties"].items()
    }
    return object_schema(properties, schema.get("required", ()))


def request_body(schemas: Mapping[str, Schema]) -> Schema:
    return {"required": True, "content": {media_type: {"schema": schema} for media_type, schema in schemas.items()}}


IF_MATCH: Schema = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag that was read; 428 without it, 412 if the feature has been changed since",
    "schema": {"type": "string"},
}
OPTIONAL_IF_MATCH: Schema = {
    **IF_MATCH,
    "description": "The ETag of the feature that was read; 412 if it has been changed since",
}
CONTENT_CRS: Schema = {
    "name": "Content-Crs",
    "in": "header",
    "description": "The CRS of the geometry in the body, as <URI>; CRS84 by default",
    "schema": {"type": "string", "enum": [f"<{crs.uri}>" for crs in OUTPUT_CRS]},
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeated create with the same key returns the feature of the first one",
    "schema": {"type": "string", "maxLength": 200},
}
RESPONSE_HEADERS: Schema = {
    "ETag": {"description": "To be sent as If-Match with a change", "schema": TEXT_SCHEMA},
    "Content-Crs": {"description": "The CRS of the coordinates", "schema": TEXT_SCHEMA},
}

LINKS_SCHEMA: Schema = {"type": "array", "items": ref("schemas", "Link")}
COMMON_SCHEMAS: dict[str, Schema] = {
    "Link": object_schema(dict.fromkeys(("href", "rel", "type", "title"), TEXT_SCHEMA), ["href", "rel"]),
    "Problem": object_schema(
        {
            "type": TEXT_SCHEMA,
            "title": TEXT_SCHEMA,
            "status": {"type": "integer"},
            "detail": TEXT_SCHEMA,
            "errors": {
                "type": "array",
                "items": object_schema(
                    dict.fromkeys(("field", "code", "detail"), TEXT_SCHEMA), ["field", "code", "detail"]
                ),
            },
        },
        ["type", "title", "status"],
    ),
    "Landing": object_schema({"title": TEXT_SCHEMA, "description": TEXT_SCHEMA, "links": LINKS_SCHEMA}, ["links"]),
    "Conformance": object_schema({"conformsTo": {"type": "array", "items": TEXT_SCHEMA}}, ["conformsTo"]),
    "Collections": object_schema(
        {"links": LINKS_SCHEMA, "collections": {"type": "array", "items": ref("schemas", "Collection")}},
        ["links", "collections"],
    ),
    "Collection": object_schema(
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
    "JsonSchema": object_schema(
        {"$schema": TEXT_SCHEMA, "$id": TEXT_SCHEMA, "type": TEXT_SCHEMA, "properties": {"type": "object"}}, ["$schema"]
    ),
}
