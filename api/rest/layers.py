"""``/api/cards``: descriptions of the layers for the scripts of the pages: fields, codes, marks and transitions."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from api.http.dependencies import ActorParam
from gis.db import Actor
from gis.model import ChildRecord, CodeList, Field, Layer, Mark, Status, all_layers, child_fields, child_tables
from gis.text import Text
from gis.write import child_resources, writable_fields
from layers.policy import editable_sql

router = APIRouter(prefix="/api", tags=["cards"])


@router.get("/cards")
def cards(actor: ActorParam) -> dict[str, Any]:
    """The cards of all layers, without the fields above the clearance of the actor."""
    return {"layers": [layer_card(layer, actor) for layer in all_layers()]}


def may_create(actor: Actor, layer: Layer) -> bool:
    """Whether pages offer the actor to create features of the layer; PostgreSQL decides whether it succeeds."""
    return layer.editable and layer.name in actor.role.edits and not actor.role.edits[layer.name]


def layer_card(layer: Layer, actor: Actor) -> dict[str, Any]:
    """The card of a layer: its description, and the operations that the role of the actor allows."""
    editable, creatable = layer.editable and layer.name in actor.role.edits, may_create(actor, layer)
    writable = set(writable_fields(layer)) if creatable else set(actor.role.edits.get(layer.name, ()))
    description: dict[str, Any] = {
        "name": layer.name,
        "title": _bilingual(layer.title),
        "geometry": layer.geometry_type.title() if layer.has_geometry else None,
        "drawn_by": layer.style_field,
        "status": layer.status.name if layer.status else None,
        "editable": editable,
        "creatable": creatable,
        "movable": editable and layer.status is not None and (creatable or layer.status.name in writable),
        # Whether lists offer to set a position. They do not know which rows the actor may change, so only roles that
        # may change all rows get the offer.
        "places": creatable and editable_sql(actor.role, layer) == "true",
        "fields": [
            _field(field, receivable=name in writable and not field.is_status)
            for name, field in layer.readable_fields(actor.clearance).items()
        ],
    }
    description["parts"] = [
        _child_table(table, actor) for table in child_tables.values() if table.parent.layer is layer
    ]
    for (layer_name, name), resource in child_resources.declared.items():
        if layer_name == layer.name and resource.codes:
            description[name] = [code for titles in resource.codes.values() for code in _titled_codes(titles)]
    return description


def _titled_codes(titles: Mapping[str, Text]) -> list[dict[str, Any]]:
    return [{"value": value, "title": _bilingual(title)} for value, title in titles.items()]


def _child_table(child_table: type[ChildRecord], actor: Actor) -> dict[str, Any]:
    """The description of a child table, for the changes of its rows in the timeline of a feature."""
    resources = [resource for resource in child_resources.declared.values() if child_table in resource.tables.values()]
    codes = {name: titles for resource in resources for name, titles in resource.codes.items()}
    fields = [_field(field, receivable=False) for field in child_fields(child_table, actor.clearance)]
    for field in fields:
        if field["name"] in codes:
            field["codes"] = [{**code, "mark": None, "onward": []} for code in _titled_codes(codes[field["name"]])]
    return {"name": child_table.__tablename__, "title": _bilingual(child_table.title), "fields": fields}


def _bilingual(text: Text) -> dict[str, str]:
    return {"vi": text.vi, "en": text.en}


def _field(field: Field, *, receivable: bool) -> dict[str, Any]:
    return {
        "name": field.name,
        "title": _bilingual(field.title),
        "type": field.type.name,
        "input": field.type.form_input,
        "codes": [_code(code) for code in field.codes] if field.codes else None,
        "required": field.required,
        "receivable": receivable,
        "unit": field.unit,
        "max_length": field.max_length if field.type.free_text else None,
    }


def _code(code: CodeList) -> dict[str, Any]:
    onward = [end for start, end in code.transitions() if start == code.value] if isinstance(code, Status) else []
    return {"value": code.value, "title": _bilingual(code.title), "mark": _mark(code.mark), "onward": onward}


def _mark(mark: Mark | None) -> dict[str, str] | None:
    return {"shape": mark.shape, "colour": mark.colour} if mark else None
