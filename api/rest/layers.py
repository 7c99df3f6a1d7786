"""``/api/cards``: every layer as its card describes it, for the pages: fields, words, marks and moves."""

from typing import Any

from fastapi import APIRouter

from api.http.security import ActorParam
from gis.db.actors import Actor
from gis.model.code_lists import CodeList, Mark, Status
from gis.model.fields import Field
from gis.model.layer import Layer, Part, every, fields_of_part, parts
from gis.text.i18n import Text
from gis.write.validation import receivable
from layers.gates import EVENT_KINDS
from layers.policy import may_edit

router = APIRouter(prefix="/api", tags=["cards"])


@router.get("/cards")
def cards(actor: ActorParam) -> dict[str, Any]:
    """All cards that this reader may know of."""
    return {"layers": [card(layer, actor) for layer in every()]}


def may_create(actor: Actor, layer: Layer) -> bool:
    """Whether the post makes features of this layer; PostgreSQL decides, this only says what to offer."""
    return layer.editable and layer.name in actor.role.edits and not actor.role.edits[layer.name]


def card(layer: Layer, actor: Actor) -> dict[str, Any]:
    """One card as plain data, with what the actor's post may do to the layer."""
    editable, creatable = layer.editable and layer.name in actor.role.edits, may_create(actor, layer)
    taken = set(receivable(layer)) if creatable else set(actor.role.edits.get(layer.name, ()))
    described: dict[str, Any] = {
        "name": layer.name,
        "title": _both(layer.title),
        "geometry": layer.geometry_type.title() if layer.placed else None,
        "drawn_by": layer.drawn_by,
        "status": layer.status.name if layer.status else None,
        "editable": editable,
        "creatable": creatable,
        "movable": editable and layer.status is not None and (creatable or layer.status.name in taken),
        # In a list, where rows have not said what may be done with them, only who may change them all is offered it.
        "places": creatable and may_edit(actor.role, layer) == "true",
        "fields": [
            _field(one, receivable=name in taken and not one.is_status)
            for name, one in layer.readable(actor.eyes).items()
        ],
    }
    described["parts"] = [_part(one, actor) for one in parts.values() if one.of.layer is layer]
    if layer.name == "gates":
        described["events"] = [{"value": value, "title": _both(title)} for value, title in EVENT_KINDS.items()]
        for part in described["parts"]:
            for one in part["fields"]:
                if (part["name"], one["name"]) == ("gate_events", "kind"):
                    one["codes"] = [{**word, "mark": None, "onward": []} for word in described["events"]]
    return described


def _part(part: type[Part], actor: Actor) -> dict[str, Any]:
    """What belongs to a feature, such as an inspection of a marker, as its timeline tells it."""
    return {
        "name": part.__tablename__,
        "title": _both(part.title),
        "fields": [_field(one, receivable=False) for one in fields_of_part(part, actor.eyes)],
    }


def _both(words: Text) -> dict[str, str]:
    return {"vi": words.vi, "en": words.en}


def _field(one: Field, *, receivable: bool) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": _both(one.title),
        "type": one.type,
        "codes": [_code(word) for word in one.codes] if one.codes else None,
        "required": one.required,
        "receivable": receivable,
        "unit": one.unit,
        "max_length": one.max_length if one.type == "text" else None,
    }


def _code(word: CodeList) -> dict[str, Any]:
    onward = [end for start, end in word.moves() if start == word.value] if isinstance(word, Status) else []
    return {"value": word.value, "title": _both(word.title), "mark": _mark(word.mark), "onward": onward}


def _mark(mark: Mark | None) -> dict[str, str] | None:
    return {"shape": mark.shape, "colour": mark.colour} if mark else None
