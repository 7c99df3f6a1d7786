"""``/api/cards``: every layer as its card describes it, for the pages: fields, words, marks and moves."""

from typing import Any

from fastapi import APIRouter

from api.http.dependencies import ActorParam
from gis.db import Actor
from gis.model import ChildRecord, CodeList, Field, Layer, Mark, Status, all_layers, child_fields, child_tables
from gis.text import Text
from gis.write import writable_fields
from layers.gates import EVENT_KINDS
from layers.policy import editable_sql

router = APIRouter(prefix="/api", tags=["cards"])


@router.get("/cards")
def cards(actor: ActorParam) -> dict[str, Any]:
    """All cards that this reader may know of."""
    return {"layers": [card(layer, actor) for layer in all_layers()]}


def may_create(actor: Actor, layer: Layer) -> bool:
    """Whether the post makes features of this layer; PostgreSQL decides, this only says what to offer."""
    return layer.editable and layer.name in actor.role.edits and not actor.role.edits[layer.name]


def card(layer: Layer, actor: Actor) -> dict[str, Any]:
    """One card as plain data, with what the actor's post may do to the layer."""
    editable, creatable = layer.editable and layer.name in actor.role.edits, may_create(actor, layer)
    taken = set(writable_fields(layer)) if creatable else set(actor.role.edits.get(layer.name, ()))
    described: dict[str, Any] = {
        "name": layer.name,
        "title": _bilingual(layer.title),
        "geometry": layer.geometry_type.title() if layer.has_geometry else None,
        "drawn_by": layer.style_field,
        "status": layer.status.name if layer.status else None,
        "editable": editable,
        "creatable": creatable,
        "movable": editable and layer.status is not None and (creatable or layer.status.name in taken),
        # In a list, where rows have not said what may be done with them, only who may change them all is offered it.
        "places": creatable and editable_sql(actor.role, layer) == "true",
        "fields": [
            _field(one, receivable=name in taken and not one.is_status)
            for name, one in layer.readable_fields(actor.clearance).items()
        ],
    }
    described["parts"] = [_child_table(one, actor) for one in child_tables.values() if one.parent.layer is layer]
    if layer.name == "gates":
        described["events"] = [{"value": value, "title": _bilingual(title)} for value, title in EVENT_KINDS.items()]
        for part in described["parts"]:
            for one in part["fields"]:
                if (part["name"], one["name"]) == ("gate_events", "kind"):
                    one["codes"] = [{**word, "mark": None, "onward": []} for word in described["events"]]
    return described


def _child_table(child_table: type[ChildRecord], actor: Actor) -> dict[str, Any]:
    """What belongs to a feature, such as an inspection of a marker, as its timeline tells it."""
    return {
        "name": child_table.__tablename__,
        "title": _bilingual(child_table.title),
        "fields": [_field(one, receivable=False) for one in child_fields(child_table, actor.clearance)],
    }


def _bilingual(text: Text) -> dict[str, str]:
    return {"vi": text.vi, "en": text.en}


def _field(field: Field, *, receivable: bool) -> dict[str, Any]:
    return {
        "name": field.name,
        "title": _bilingual(field.title),
        "type": field.type,
        "codes": [_code(word) for word in field.codes] if field.codes else None,
        "required": field.required,
        "receivable": receivable,
        "unit": field.unit,
        "max_length": field.max_length if field.type == "text" else None,
    }


def _code(code: CodeList) -> dict[str, Any]:
    onward = [end for start, end in code.transitions() if start == code.value] if isinstance(code, Status) else []
    return {"value": code.value, "title": _bilingual(code.title), "mark": _mark(code.mark), "onward": onward}


def _mark(mark: Mark | None) -> dict[str, str] | None:
    return {"shape": mark.shape, "colour": mark.colour} if mark else None
