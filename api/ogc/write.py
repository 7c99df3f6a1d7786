"""OGC API Features, Part 4: create, replace, update and retire features.

The routes only read requests. The rules are in the commands of ``gis.write`` and of the layers, so that a PUT or PATCH
cannot bypass them.
"""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Response

from api.http.dependencies import inline_dependency
from api.http.idempotency import IdempotencyParam
from api.http.media_types import GEOJSON, MERGE_PATCH
from api.http.parameters import LayerParam, feature_id
from api.ogc.write_request import (
    BodilessWriteCallParam,
    Target,
    TargetAtVersionParam,
    WriteCall,
    WriteCallParam,
    feature_as_written,
    flatten_feature,
    with_geometry_crs,
)
from gis.db import result_of
from gis.model import Feature, Layer
from gis.read import Selection, pages
from gis.text import FieldError, Invalid, invalid
from gis.write import GEOMETRY, GEOMETRY_CRS, commands, validation

router = APIRouter(prefix="/ogc/collections", tags=["changes"])

FEATURES_4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
CONFORMS_TO = [
    f"{FEATURES_4}{name}" for name in ("create-replace-delete", "update", "optimistic-locking-etags", "features")
]


@router.post("/{layer}/items", status_code=201, response_class=Response)
def create(layer: LayerParam, key: IdempotencyParam, call: WriteCallParam) -> Response:
    """Create a feature. A repeated create with the same ``Idempotency-Key`` returns the feature of the first one."""
    with call.transaction() as session:
        earlier = key.claim(session, f"POST {layer.name}")
        if earlier is not None:
            return feature_as_written(call, session, layer, earlier)
        values = validation.parse_input(layer, flatten_feature(call.body))
        created = commands.create(session, layer, with_geometry_crs(values, call.content_crs()))
        key.store(session, created.id)
        return feature_as_written(call, session, layer, created.id, 201)


@router.put("/{layer}/items/{item}", response_class=Response)
def replace(target: TargetAtVersionParam, call: WriteCallParam) -> Response:
    """Replace a feature: missing fields get their defaults; the status stays, because only transitions change it."""
    layer, submitted = target.layer, flatten_feature(call.body)
    values = validation.parse_input(layer, _without_read_only(layer, submitted))
    for name, field in validation.writable_fields(layer).items():
        if name not in values and name in layer.fields and name != "position_source":
            values[name] = field.default
    return _update(call, target, values, submitted)


@router.patch("/{layer}/items/{item}", response_class=Response)
def change(target: TargetAtVersionParam, call: WriteCallParam) -> Response:
    """Update properties of a feature (JSON merge patch, RFC 7396); ``null`` removes a value."""
    return _update(call, target, validation.parse_change(target.layer, flatten_feature(call.body)), {})


def _without_read_only(layer: Layer, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without read-only fields, so that a client may PUT the feature that it has read.

    Unknown fields stay, so that validation refuses them.
    """
    writable = validation.writable_fields(layer)
    read_only = (set(layer.fields) | {"id", "layer"}) - set(writable)
    return {name: value for name, value in body.items() if name not in read_only}


def _update(call: WriteCall, target: Target, values: Mapping[str, Any], submitted: Mapping[str, Any]) -> Response:
    """Change a feature to ``values``. A status among the ``submitted`` values must be the present status."""
    layer, crs = target.layer, call.content_crs()
    with call.transaction() as session:
        feature = target.lock(session)
        _require_reason_to_lower_level(feature, values, call.reason)
        selection = Selection.for_reader(session, layer, crs=crs)
        current = json.loads(result_of(pages.read_feature(session, selection, target.id)))
        _refuse_status_change(layer, submitted, current["properties"])
        commands.update(session, layer, feature, _without_unchanged_geometry(with_geometry_crs(values, crs), current))
        return feature_as_written(call, session, layer, target.id)


def _require_reason_to_lower_level(feature: Feature, values: Mapping[str, Any], reason: str | None) -> None:
    """Raise ``Invalid`` if the level is lowered without a reason, since more readers then see the feature."""
    level = values.get("level", feature.level)
    if reason is None and level != feature.level and feature.level.may_read(level):
        raise invalid(
            "reason",
            "missing",
            "Mở rộng phạm vi khai thác phải nêu lý do, căn cứ",
            "Lowering the level of a feature needs a reason",
        )


def _refuse_status_change(layer: Layer, submitted: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Raise ``Invalid`` if the body has another status than the feature; ignoring it would hide the client's error."""
    if (
        layer.status is not None
        and submitted.get(layer.status.name, current[layer.status.name]) != current[layer.status.name]
    ):
        detail = validation.ERROR_TEXTS["status_by_move"]
        raise Invalid(detail, [FieldError(layer.status.name, "status_by_move", detail)])


def _without_unchanged_geometry(values: Mapping[str, Any], current: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values without a geometry that equals the current one, so that its source and original text do not change."""
    source = current["properties"]["position_source"]
    if values.get(GEOMETRY) != current["geometry"] or values.get("position_source", source) != source:
        return values
    return {name: value for name, value in values.items() if name not in (GEOMETRY, GEOMETRY_CRS)}


@router.options("/{layer}/items", status_code=204, response_class=Response)
def methods_of_items(layer: LayerParam) -> Response:
    """The methods of a collection."""
    return Response(
        status_code=204, headers={"Allow": "GET, HEAD, POST, OPTIONS" if layer.editable else "GET, HEAD, OPTIONS"}
    )


@router.options(
    "/{layer}/items/{item}",
    status_code=204,
    response_class=Response,
    dependencies=[Depends(inline_dependency(feature_id))],
)
def methods_of_item(layer: LayerParam) -> Response:
    """The methods of the features of a layer; the header ``Allow`` of GET has those that the actor may use on one."""
    if not layer.editable:
        return Response(status_code=204, headers={"Allow": "GET, HEAD, OPTIONS"})
    headers = {"Allow": "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", "Accept-Patch": f"{MERGE_PATCH}, {GEOJSON}"}
    return Response(status_code=204, headers=headers)


@router.delete("/{layer}/items/{item}", status_code=204, response_class=Response)
def retire(target: TargetAtVersionParam, call: BodilessWriteCallParam) -> Response:
    """Retire a feature. It stays in the database and in its history."""
    with call.transaction() as session:
        commands.retire(session, target.layer, target.lock(session))
    return Response(status_code=204)
