"""What a layer's properties are, told to programs as JSON Schema: returnables and receivables, queryables, sortables.

OGC API Features Part 5 (schemas), Part 3 (queryables) and Part 8 (sortables), from the card alone and in the reader's
language. A property that a reader may not know of is absent from all of them.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.media_types import SCHEMA_JSON
from api.http.negotiation import WORDS, SpokenParam, answer, base_of, link
from api.http.parameters import FEATURES_3, FEATURES_8, LayerParam
from api.http.security import ActorParam
from gis.model.fields import Field, Reader
from gis.model.layer import Layer
from gis.read.sql import UNSORTED
from gis.text.i18n import Language, Text
from gis.write.validation import GEOMETRY, PLACE, Place, receivable

router = APIRouter(prefix="/ogc/collections", tags=["schemas"])

FEATURES_5 = "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/"
CONFORMS_TO = [
    f"{FEATURES_3}queryables",
    f"{FEATURES_5}schemas",
    f"{FEATURES_5}core-roles-features",
    f"{FEATURES_5}returnables-and-receivables",
    f"{FEATURES_8}sortables",
]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
OGC_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
RELATIONS = {"schema": f"{OGC_REL}schema", "queryables": f"{OGC_REL}queryables", "sortables": f"{OGC_REL}sortables"}

TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "code": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "boolean": {"type": "boolean"},
    "uuid": {"type": "string", "format": "uuid"},
    "list": {"type": "array", "items": {"type": "string"}},
    "json": {"type": "object"},
}
SHAPES = {"POINT": "point", "LINESTRING": "linestring", "POLYGON": "polygon", "GEOMETRY": "any"}
ID, LAYER_NAME = Text("Mã định danh", "Identifier"), Text("Lớp dữ liệu", "Layer")
SITE = Text("Vị trí", "Place")
IN_WORDS = Text("Vị trí dạng chữ: số hiệu mốc hoặc tọa độ", "The location as text: a marker number or coordinates")


def links(request: Request, layer: Layer) -> list[dict[str, str]]:
    """The links from a collection to its schemas."""
    path = f"/ogc/collections/{layer.name}"
    return [link(request, f"{path}/{name}", rel, SCHEMA_JSON) for name, rel in RELATIONS.items()]


def property_schema(one: Field, language: Language) -> dict[str, Any]:
    """A property as JSON Schema: its type, its title, its words and its unit."""
    found: dict[str, Any] = {"title": one.title.said_in(language), **TYPES[one.type]}
    if one.codes is not None:
        words = [word.value for word in one.codes]
        found |= {"items": {"type": "string", "enum": words}} if one.type == "list" else {"enum": words}
        said = (f"{word.value}: {word.title.said_in(language)}" for word in one.codes)
        found["description"] = ("; " if one.scale is None else " < ").join(said)
    if one.type == "text" and one.sql is None:
        found["maxLength"] = one.max_length
    if one.unit is not None:
        found["x-ogc-unit"] = one.unit
    return found


def returnables(layer: Layer, reader: Reader, language: Language) -> dict[str, dict[str, Any]]:
    """Every property that a feature has or takes, in order; what only comes out is ``readOnly``."""
    taken = receivable(layer)
    found: dict[str, dict[str, Any]] = {
        "id": {**_identity(language), "readOnly": True},
        "layer": {"title": LAYER_NAME.said_in(language), "type": "string", "enum": [layer.name], "readOnly": True},
    }
    for name, one in layer.readable(reader).items():
        found[name] = property_schema(one, language)
        if name not in taken:
            found[name]["readOnly"] = True
        if name == layer.time:
            found[name]["x-ogc-role"] = "primary-instant"
    for name, one in taken.items():
        if name not in layer.fields:
            found[name] = {**property_schema(one, language), "writeOnly": True}
    if layer.placed and layer.remembered:
        found[PLACE] = {
            "title": IN_WORDS.said_in(language),
            "type": "object",
            "properties": {name: {"type": "string"} for name in Place.model_fields},
            "required": ["text"],
            "writeOnly": True,
        }
    if layer.placed:
        found[GEOMETRY] = _place(layer, language)
    for number, shown in enumerate(found.values(), 1):
        shown["x-ogc-propertySeq"] = number
    return found


def queryables(layer: Layer, reader: Reader, language: Language) -> dict[str, dict[str, Any]]:
    """The properties that a filter may name."""
    known = {name: one for name, one in layer.readable(reader).items() if one.type != "json"}
    found = {"id": _identity(language), **{name: property_schema(one, language) for name, one in known.items()}}
    return {**found, GEOMETRY: _place(layer, language)} if layer.placed or layer.drawn_by_links else found


def sortables(layer: Layer, reader: Reader, language: Language) -> dict[str, dict[str, Any]]:
    """The properties that features may be sorted by."""
    return {
        name: property_schema(one, language) for name, one in layer.readable(reader).items() if one.type not in UNSORTED
    }


def _identity(language: Language) -> dict[str, Any]:
    return {"title": ID.said_in(language), **TYPES["uuid"], "x-ogc-role": "id"}


def _place(layer: Layer, language: Language) -> dict[str, Any]:
    kind = f"geometry-{SHAPES[layer.geometry_type]}"
    return {"title": SITE.said_in(language), "format": kind, "x-ogc-role": "primary-geometry"}


@router.get("/{layer}/schema", response_class=Response)
def schema(request: Request, layer: LayerParam, actor: ActorParam, language: SpokenParam) -> Response:
    """What a feature of the layer has, and what it takes when it is made or changed."""
    found = returnables(layer, actor.eyes, language)
    required = [name for name, one in receivable(layer).items() if one.required and name in found]
    return _answer(request, layer, "schema", found, language, **({"required": required} if required else {}))


@router.get("/{layer}/queryables", response_class=Response)
def queryables_of(request: Request, layer: LayerParam, actor: ActorParam, language: SpokenParam) -> Response:
    """What a filter may name."""
    return _answer(request, layer, "queryables", queryables(layer, actor.eyes, language), language)


@router.get("/{layer}/sortables", response_class=Response)
def sortables_of(request: Request, layer: LayerParam, actor: ActorParam, language: SpokenParam) -> Response:
    """What features may be sorted by."""
    return _answer(request, layer, "sortables", sortables(layer, actor.eyes, language), language)


def _answer(
    request: Request,
    layer: Layer,
    name: str,
    properties: Mapping[str, Any],
    language: Language,
    **more: Any,
) -> Response:
    path = f"/ogc/collections/{layer.name}"
    title = layer.title.said_in(language)
    document = {
        "$schema": DRAFT,
        "$id": f"{base_of(request)}{path}/{name}",
        "type": "object",
        "title": title,
        "description": layer.description,
        "properties": properties,
        "additionalProperties": False,
        **more,
    }
    called = f"{title}: {WORDS[f'ogc_{name}'].said_in(language).lower()}"
    return answer(request, document, SCHEMA_JSON, title=called, trail=[(title, path)])
