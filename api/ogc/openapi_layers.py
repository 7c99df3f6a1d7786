"""The part of the OpenAPI document that describes one layer: its paths, its filters and its schemas."""

from collections.abc import Iterator, Mapping, Sequence

from api.http.media_types import GEOJSON, HTML, JSON, MERGE_PATCH, SCHEMA_JSON
from api.http.parameters import ITEM_PARAMETERS, RESERVED_PARAMETERS, UNRELEASED_PARAMETERS
from api.ogc.openapi_components import (
    CONTENT_CRS,
    CREATE_ERRORS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    ITEMS_PARAMETERS,
    LINKS_SCHEMA,
    READ_ERRORS,
    RESPONSE_HEADERS,
    TEXT_SCHEMA,
    UPDATE_ERRORS,
    Schema,
    error_responses,
    object_schema,
    operation_id,
    path_parameter,
    ref,
    request_body,
)
from api.ogc.schemas import GEOMETRY_FORMATS, RELATIONS, property_schema, queryables
from gis.crs import ALLOWED_TYPES, COORDINATES_DEPTH
from gis.model import Clearance, Field, Layer, field_types
from gis.text import Language
from gis.write import GEOMETRY, PLACE, location_model, writable_fields

SERVICE_RESOURCES = {
    "/ogc": ("Landing", "The landing page", JSON),
    "/ogc/conformance": ("Conformance", "The conformance classes that the service declares", JSON),
    "/ogc/collections": ("Collections", "All layers as collections", JSON),
}
LAYER_RESOURCES = {"": ("Collection", JSON), **{f"/{name}": ("JsonSchema", SCHEMA_JSON) for name in RELATIONS}}


def layer_paths(layer: Layer, reader: Clearance, language: Language) -> dict[str, Schema]:
    """The paths of one layer, and those of the service as a whole."""
    path, name, title = f"/ogc/collections/{layer.name}", layer.name, layer.title.in_language(language)
    common = [ref("parameters", "f"), ref("parameters", "lang")]

    def read_operation(summary: str, url: str, schema: str, media_type: str, *more: Schema) -> Schema:
        return {
            "summary": summary,
            "operationId": operation_id("get", url),
            "tags": [name],
            "parameters": [*more, *common],
            "responses": {
                "200": {
                    "description": summary,
                    "headers": RESPONSE_HEADERS if media_type == GEOJSON else {},
                    "content": {media_type: {"schema": ref("schemas", schema)}, HTML: {"schema": TEXT_SCHEMA}},
                },
                **error_responses(READ_ERRORS),
            },
        }

    paths: dict[str, Schema] = {
        url: {"get": {**read_operation(summary, url, schema, media_type), "tags": ["features"]}}
        for url, (schema, summary, media_type) in SERVICE_RESOURCES.items()
    }
    for end, (schema, media_type) in LAYER_RESOURCES.items():
        paths[path + end] = {"get": read_operation(f"{title}: {schema}", path + end, schema, media_type)}

    page_parameters = [*_supported(layer, ITEMS_PARAMETERS), *_filter_parameters(layer, reader, language)]
    paths[f"{path}/items"] = {"get": read_operation(title, f"{path}/items", f"{name}_page", GEOJSON, *page_parameters)}
    item_parameters = [path_parameter("item"), *_supported(layer, ITEM_PARAMETERS)]
    get_item = read_operation(title, f"{path}/items/item", f"{name}_feature", GEOJSON, *item_parameters)
    get_item["responses"]["304"] = {"description": "Not modified"}
    paths[f"{path}/items/{{item}}"] = {"get": get_item}
    if layer.editable:
        paths[f"{path}/items"]["post"] = _create_operation(layer, title)
        paths[f"{path}/items/{{item}}"] |= {
            "put": _update_operation(layer, "put", title, {GEOJSON: "draft", JSON: "flat_draft"}),
            "patch": _update_operation(layer, "patch", title, {MERGE_PATCH: "flat_change", JSON: "flat_change"}),
        }
    return paths


def _supported(layer: Layer, names: Sequence[str]) -> list[Schema]:
    """The parameters that a layer takes; released layers do not take all."""
    return [ref("parameters", name) for name in names if layer.has_history or name not in UNRELEASED_PARAMETERS]


def _filter_parameters(layer: Layer, reader: Clearance, language: Language) -> Iterator[Schema]:
    """All queryables except the geometry as query parameters, with the schema that ``/queryables`` has."""
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
        "summary": f"{title}: create",
        "operationId": f"post_ogc_collections_{name}_items",
        "tags": [name],
        "parameters": [CONTENT_CRS, IDEMPOTENCY_KEY],
        "requestBody": request_body(
            {GEOJSON: ref("schemas", f"{name}_draft"), JSON: ref("schemas", f"{name}_flat_draft")}
        ),
        "responses": {
            **{
                status: {
                    "description": meaning,
                    "headers": {**RESPONSE_HEADERS, "Location": {"schema": TEXT_SCHEMA}},
                    "content": {GEOJSON: {"schema": ref("schemas", f"{name}_feature")}},
                    "links": steps,
                }
                for status, meaning in (("200", "Created before with this Idempotency-Key"), ("201", "Created"))
            },
            **error_responses(CREATE_ERRORS),
        },
    }


def _update_operation(layer: Layer, method: str, title: str, bodies: Mapping[str, str]) -> Schema:
    name = layer.name
    return {
        "summary": f"{title}: {method}",
        "operationId": f"{method}_ogc_collections_{name}_items_item",
        "tags": [name],
        "parameters": [path_parameter("item"), IF_MATCH, CONTENT_CRS],
        "requestBody": request_body(
            {media_type: ref("schemas", f"{name}_{schema}") for media_type, schema in bodies.items()}
        ),
        "responses": {
            "200": {
                "description": "Changed",
                "headers": RESPONSE_HEADERS,
                "content": {GEOJSON: {"schema": ref("schemas", f"{name}_feature")}},
            },
            **error_responses(UPDATE_ERRORS),
        },
    }


def layer_schemas(layer: Layer, reader: Clearance, language: Language) -> dict[str, Schema]:
    """The schemas of a layer: feature and page as returned, draft and change as accepted."""
    name = layer.name
    returned = {
        key: _nullable(field, property_schema(field, language)) for key, field in layer.readable_fields(reader).items()
    }
    accepted = {
        key: _nullable(field, property_schema(field, language), is_input=True)
        for key, field in writable_fields(layer).items()
    }
    geometry = _geometry_schema(layer)
    required = [key for key, field in writable_fields(layer).items() if field.required]
    location_text = object_schema(
        {key: {**TEXT_SCHEMA, "nullable": True} for key in location_model(layer).model_fields}, ["text"], nullable=True
    )
    place = {PLACE: location_text} if layer.has_geometry else {}
    feature = object_schema(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": field_types.UUID.json_schema,
            "geometry": _any_geometry_schema(),
            "properties": object_schema({"id": field_types.UUID.json_schema, "layer": TEXT_SCHEMA, **returned}),
            "links": LINKS_SCHEMA,
        },
        ["type", "id", "geometry", "properties"],
    )
    page = object_schema(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": ref("schemas", f"{name}_feature")},
            "links": LINKS_SCHEMA,
            "timeStamp": field_types.DATETIME.json_schema,
            "numberReturned": {"type": "integer", "minimum": 0},
            "numberMatched": {"type": "integer", "minimum": 0},
        },
        ["type", "features", "links"],
    )
    draft = object_schema(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": geometry,
            **place,
            "properties": object_schema(accepted, required, additionalProperties=False),
        },
        ["type", "properties"],
    )
    flat = {**accepted, GEOMETRY: geometry, **place}
    return {
        f"{name}_feature": feature,
        f"{name}_page": page,
        f"{name}_draft": draft,
        f"{name}_flat_draft": object_schema(flat, required, additionalProperties=False),
        f"{name}_flat_change": object_schema(flat, (), additionalProperties=False),
    }


def row_schema(fields: Mapping[str, Field]) -> Schema:
    """The schema of a new row of a child table, as accepted."""
    properties = {
        name: {key: about for key, about in property_schema(field, "en").items() if key not in ("title", "description")}
        for name, field in fields.items()
    }
    nullable = {name: _nullable(fields[name], schema, is_input=True) for name, schema in properties.items()}
    required = [name for name, field in fields.items() if field.required]
    return object_schema(nullable, required, additionalProperties=False)


def _nullable(field: Field, schema: Schema, *, is_input: bool = False) -> Schema:
    """The schema, nullable if the property may be null; in OpenAPI 3.0 ``enum`` must then contain null."""
    if not field.nullable and (is_input or (field.sql is None and not field.masked_when_assumed)):
        return schema
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **enum, "nullable": True}


def _geometry_schema(layer: Layer) -> Schema:
    """The geometry that a layer accepts."""
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
