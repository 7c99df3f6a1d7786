"""``/api/layers``: descriptions of the layers for pages and their scripts: fields, codes, transitions and display."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from api.http.dependencies import ActorParam
from gis.db import Actor
from gis.model import (
    BOOKKEEPING_FIELDS,
    ChildRecord,
    CodeList,
    Display,
    Field,
    Layer,
    Mark,
    Status,
    all_layers,
    child_fields,
    child_tables,
    display_of,
)
from gis.text import Text
from gis.write import child_resources, writable_fields
from layers.policy import editable_sql

router = APIRouter(prefix="/api", tags=["layers"])


@router.get("/layers")
@router.get("/cards", include_in_schema=False)  # the former path
def layers(actor: ActorParam) -> dict[str, Any]:
    """The cards of all layers, without the fields above the clearance of the actor."""
    return {"layers": [layer_card(layer, actor) for layer in all_layers()]}


def may_create(actor: Actor, layer: Layer) -> bool:
    """Whether pages offer the actor to create features of the layer; PostgreSQL decides whether it succeeds."""
    return layer.editable and actor.role.may_create(layer.name)


def layer_card(layer: Layer, actor: Actor) -> dict[str, Any]:
    """The card of a layer: its description, and the operations that the role of the actor allows."""
    editable, creatable = layer.editable and layer.name in actor.role.edits, may_create(actor, layer)
    writable = set(writable_fields(layer)) if creatable else set(actor.role.edits.get(layer.name, ()))
    readable = layer.readable_fields(actor.clearance)
    description: dict[str, Any] = {
        "name": layer.name,
        "title": _bilingual(layer.title),
        "geometry": layer.geometry_type.title() if layer.has_geometry else None,
        "drawn_by": layer.style_field,
        "dated": layer.time,
        "stated_with_geometry": [name for name in layer.required_with_geometry if name in readable],
        "status": layer.status.name if layer.status else None,
        "editable": editable,
        "creatable": creatable,
        "movable": editable and layer.status is not None and (creatable or layer.status.name in writable),
        # Whether lists offer to set a position. They do not know which rows the actor may change, so only roles that
        # may change all rows get the offer.
        "places": creatable and editable_sql(actor.role, layer) == "true",
        "fields": [
            _field(field, receivable=name in writable and not field.is_status) for name, field in readable.items()
        ],
        "display": _display(display_of(layer), readable),
    }
    _add_kinds_of_events(description, layer)
    description["parts"] = [
        _child_table(table, actor, editable=editable) for table in child_tables.values() if table.parent.layer is layer
    ]
    return description


def _add_kinds_of_events(description: dict[str, Any], layer: Layer) -> None:
    """Add the titles of the kinds of dated events that change the status, also to the fields that hold an event."""
    resource = child_resources.declared.get((layer.name, layer.display.status_by or ""))
    if resource is None:
        return
    kinds = [code for titles in resource.codes.values() for code in _titled_codes(titles)]
    description["kinds_of_events"] = kinds
    for field in description["fields"]:
        if field["type"] == "json":
            field["codes"] = kinds


def _display(display: Display, readable: Mapping[str, Field]) -> dict[str, Any]:
    """How pages show the layer, without the fields that the actor may not read."""

    def readable_names(names: tuple[str, ...]) -> list[str]:
        return [name for name in names if name in readable]

    return {
        "label": _bilingual(display.label_text),
        "short": _bilingual(display.short_text),
        "singular": _bilingual(display.singular_text),
        "on_map": display.on_map,
        "under": readable_names(display.under),
        "beside": readable_names(display.beside),
        "columns": readable_names(display.columns),
        "filters": readable_names(display.filters),
        "totals": readable_names(display.totals or ()),
        "since": {name: since for name, since in display.since if name in readable and since in readable},
        "facts": readable_names(display.facts),
        "hidden": [*BOOKKEEPING_FIELDS, *display.hidden],
        "mark": _mark(display.mark),
        "second_mark": display.second_mark,
        "group": _code(display.group) if display.group else None,
        "rank": display.rank,
        "drawn_at_first": display.drawn_at_first,
        "tab": display.tab,
        "fixed": display.fixed,
        "in_basemap": display.in_basemap,
        "link_role": display.link_role,
        "status_by": display.status_by,
        "checklist": display.checklist,
        "named_by": display.named_by,
        "ends": display.ends,
        "successor": display.successor,
        "new_page": display.new_page,
    }


def _titled_codes(titles: Mapping[str, Text]) -> list[dict[str, Any]]:
    return [
        {"value": value, "title": _bilingual(title), "mark": None, "onward": [], "flags": [], "attention": 0}
        for value, title in titles.items()
    ]


def _child_table(child_table: type[ChildRecord], actor: Actor, *, editable: bool) -> dict[str, Any]:
    """The description of a child table: the path of its rows, and the fields, of which new rows have the receivable."""
    layer, path = child_table.parent.layer, child_table.path
    resource = child_resources.child_resources()[layer.name, path]
    receivable = set(resource.body.model_fields) if editable and path != layer.display.checklist else set()
    readable = child_fields(child_table, actor.clearance)
    fields = [_field(field, receivable=field.name in receivable) for field in readable]
    for field in fields:
        if field["name"] in resource.codes:
            field["codes"] = _titled_codes(resource.codes[field["name"]])
    return {
        "name": child_table.__tablename__,
        "path": path,
        "title": _bilingual(child_table.title),
        "fields": fields,
        "addable": any(field["receivable"] for field in fields),
    }


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
        "minimum": field.minimum,
        "maximum": field.maximum,
        "decimals": field.decimals,
        "register": field.register,
        "max_length": field.max_length if field.type.free_text else None,
    }


def _code(code: CodeList) -> dict[str, Any]:
    onward = [end for start, end in code.transitions() if start == code.value] if isinstance(code, Status) else []
    return {
        "value": code.value,
        "title": _bilingual(code.title),
        "mark": _mark(code.mark),
        "onward": onward,
        "flags": sorted(flag.value for flag in code.flags),
        "attention": code.attention,
    }


def _mark(mark: Mark | None) -> dict[str, str] | None:
    return {"shape": mark.shape, "colour": mark.colour} if mark else None
