"""JSON Schemas of layers: returnables and receivables, queryables, and sortables.

OGC API Features, Part 5 (schemas), Part 3 (queryables) and Part 8 (sortables), generated from the layer and in the
language of the request. Properties above the clearance of the reader are left out.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.dependencies import ActorParam
from api.http.media_types import SCHEMA_JSON
from api.http.negotiation import LINK_TITLES, ResponseLanguageParam, base_url, document_response, link
from api.http.parameters import FEATURES_3, FEATURES_8, LayerParam
from gis.model import Clearance, Field, Layer, field_types
from gis.text import Language, Text
from gis.write import GEOMETRY, PLACE, location_model, writable_fields

router = APIRouter(prefix="/ogc/collections", tags=["schemas"])

FEATURES_5 = "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/"
CONFORMS_TO = [
    f"{FEATURES_3}queryables",
    f"{FEATURES_5}schemas",
    f"{FEATURES_5}core-roles-features",
    f"{FEATURES_5}returnables-and-receivables",
    f"{FEATURES_8}sortables",
]

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
OGC_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
RELATIONS = {"schema": f"{OGC_REL}schema", "queryables": f"{OGC_REL}queryables", "sortables": f"{OGC_REL}sortables"}

GEOMETRY_FORMATS = {"POINT": "point", "LINESTRING": "linestring", "POLYGON": "polygon", "GEOMETRY": "any"}
ID_TITLE, LAYER_TITLE = Text("Mã định danh", "Identifier"), Text("Lớp dữ liệu", "Layer")
GEOMETRY_TITLE = Text("Vị trí", "Location")
PLACE_TITLE = Text("Vị trí dạng chữ: số hiệu mốc hoặc tọa độ", "The location as text: a marker number or coordinates")


def schema_links(request: Request, layer: Layer) -> list[dict[str, str]]:
    """The links from a collection to its schemas."""
    path = f"/ogc/collections/{layer.name}"
    return [link(request, f"{path}/{name}", rel, SCHEMA_JSON) for name, rel in RELATIONS.items()]


def property_schema(field: Field, language: Language) -> dict[str, Any]:
    """A property as JSON Schema: title, type, codes with their titles, and unit."""
    schema: dict[str, Any] = {"title": field.title.in_language(language), **field.type.json_schema}
    if field.codes is not None:
        codes = [code.value for code in field.codes]
        schema |= {"items": {**schema["items"], "enum": codes}} if "items" in schema else {"enum": codes}
        meanings = (f"{code.value}: {code.title.in_language(language)}" for code in field.codes)
        schema["description"] = ("; " if field.ordered_codes is None else " < ").join(meanings)
    if field.type.free_text and field.sql is None:
        schema["maxLength"] = field.max_length
    if field.unit is not None:
        schema["x-ogc-unit"] = field.unit
    return schema


def returnables(layer: Layer, reader: Clearance, language: Language) -> dict[str, dict[str, Any]]:
    """All properties of a feature in order; those only returned are ``readOnly``, those only accepted ``writeOnly``."""
    writable = writable_fields(layer)
    schemas: dict[str, dict[str, Any]] = {
        "id": {**_id_schema(language), "readOnly": True},
        "layer": {"title": LAYER_TITLE.in_language(language), "type": "string", "enum": [layer.name], "readOnly": True},
    }
    for name, field in layer.readable_fields(reader).items():
        schemas[name] = property_schema(field, language)
        if name not in writable:
            schemas[name]["readOnly"] = True
        if name == layer.time:
            schemas[name]["x-ogc-role"] = "primary-instant"
    for name, field in writable.items():
        if name not in layer.fields:
            schemas[name] = {**property_schema(field, language), "writeOnly": True}
    if layer.has_geometry and layer.has_history:
        schemas[PLACE] = {
            "title": PLACE_TITLE.in_language(language),
            "type": "object",
            "properties": {name: {"type": "string"} for name in location_model(layer).model_fields},
            "required": ["text"],
            "writeOnly": True,
        }
    if layer.has_geometry:
        schemas[GEOMETRY] = _geometry_schema(layer, language)
    for number, property_ in enumerate(schemas.values(), 1):
        property_["x-ogc-propertySeq"] = number
    return schemas


def queryables(layer: Layer, reader: Clearance, language: Language) -> dict[str, dict[str, Any]]:
    """The properties that filters may use: all but JSON objects, with the id and the geometry."""
    fields = {name: field for name, field in layer.readable_fields(reader).items() if field.type.filterable}
    schemas = {"id": _id_schema(language), **{name: property_schema(field, language) for name, field in fields.items()}}
    return (
        {**schemas, GEOMETRY: _geometry_schema(layer, language)}
        if layer.has_geometry or layer.geometry_from_links
        else schemas
    )


def sortables(layer: Layer, reader: Clearance, language: Language) -> dict[str, dict[str, Any]]:
    """The properties that features can be sorted by."""
    return {
        name: property_schema(field, language)
        for name, field in layer.readable_fields(reader).items()
        if field.type.sortable
    }


def _id_schema(language: Language) -> dict[str, Any]:
    return {"title": ID_TITLE.in_language(language), **field_types.UUID.json_schema, "x-ogc-role": "id"}


def _geometry_schema(layer: Layer, language: Language) -> dict[str, Any]:
    format_name = f"geometry-{GEOMETRY_FORMATS[layer.geometry_type]}"
    return {"title": GEOMETRY_TITLE.in_language(language), "format": format_name, "x-ogc-role": "primary-geometry"}


@router.get("/{layer}/schema", response_class=Response)
def schema(request: Request, layer: LayerParam, actor: ActorParam, language: ResponseLanguageParam) -> Response:
    """The properties of a feature of the layer, as returned and as accepted by create and update."""
    properties = returnables(layer, actor.clearance, language)
    required = [name for name, field in writable_fields(layer).items() if field.required and name in properties]
    return _schema_response(
        request, layer, "schema", properties, language, **({"required": required} if required else {})
    )


@router.get("/{layer}/queryables", response_class=Response)
def queryables_of(request: Request, layer: LayerParam, actor: ActorParam, language: ResponseLanguageParam) -> Response:
    """The properties that filters may use."""
    return _schema_response(request, layer, "queryables", queryables(layer, actor.clearance, language), language)


@router.get("/{layer}/sortables", response_class=Response)
def sortables_of(request: Request, layer: LayerParam, actor: ActorParam, language: ResponseLanguageParam) -> Response:
    """The properties that features can be sorted by."""
    return _schema_response(request, layer, "sortables", sortables(layer, actor.clearance, language), language)


def _schema_response(
    request: Request,
    layer: Layer,
    name: str,
    properties: Mapping[str, Any],
    language: Language,
    **more: Any,
) -> Response:
    path = f"/ogc/collections/{layer.name}"
    title = layer.title.in_language(language)
    document = {
        "$schema": JSON_SCHEMA_DIALECT,
        "$id": f"{base_url(request)}{path}/{name}",
        "type": "object",
        "title": title,
        "description": layer.description,
        "properties": properties,
        "additionalProperties": False,
        **more,
    }
    page_title = f"{title}: {LINK_TITLES[f'ogc_{name}'].in_language(language).lower()}"
    return document_response(request, document, SCHEMA_JSON, title=page_title, trail=[(title, path)])
