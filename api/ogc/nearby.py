"""What stands at the address of a feature, in all layers: works, incidents, crossings at the same marker."""

import json
from typing import Any

from fastapi import APIRouter

from api.http.dependencies import CallParam
from api.http.parameters import AsOfParam, HistoryLayerParam, IdParam
from gis.db import result_of
from gis.model import PLACEHOLDER, Clearance, Layer, all_layers, display_of
from gis.read import Selection, pages
from gis.read.cql2 import parse
from layers.nearby import same_address_filter

router = APIRouter(prefix="/ogc/collections", tags=["features"])

MAX_PER_LAYER = 20
"""So many features of each layer are listed; ``more`` says that there are others."""


@router.get("/{layer}/items/{item}/nearby")
def nearby(layer: HistoryLayerParam, item_id: IdParam, call: CallParam, as_of: AsOfParam) -> dict[str, Any]:
    """The features of all layers whose addresses name a marker that the feature's address names, as of ``as_of``."""
    with call.reading() as session:
        clearance = call.actor.clearance
        itself = Selection.for_reader(session, layer, as_of=as_of)
        feature = json.loads(result_of(pages.read_feature(session, itself, item_id)))
        border, address = (feature["properties"].get(name) for name in ("border", "address"))
        condition = same_address_filter(border, address) if border and address else None
        if condition is None:
            return {"layers": []}
        groups = []
        for other in sorted(all_layers(), key=lambda candidate: display_of(candidate).rank):
            if not {"border", "address"} <= set(other.readable_fields(clearance)):
                continue
            selection = Selection.for_reader(
                session,
                other,
                as_of=as_of,
                filter=parse.parse(condition),
                fields=_label_fields(other, clearance),
                limit=MAX_PER_LAYER,
            )
            features, cursor = result_of(pages.read_page(session, selection))
            listed = [listed for listed in map(json.loads, features) if listed["id"] != str(item_id)]
            if listed:
                groups.append({"layer": other.name, "features": listed, "more": cursor is not None})
    return {"layers": groups}


def _label_fields(layer: Layer, clearance: Clearance) -> list[str]:
    """The fields that the title, the mark and the second line of a feature are made of."""
    display = display_of(layer)
    templates = (display.label_text.vi, display.label_text.en, display.short_text.vi, display.short_text.en)
    in_labels = [name for text in templates for names in PLACEHOLDER.findall(text) for name in names.split("|")]
    status = [layer.status.name] if layer.status else []
    drawn_by = [layer.style_field] if layer.style_field else []
    names = [*in_labels, *status, *drawn_by, *display.under, *display.beside, "address", "position_source"]
    return [name for name in dict.fromkeys(names) if name in layer.readable_fields(clearance)]
