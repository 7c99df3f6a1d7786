"""OGC API Features, Part 4: create, replace, update and retire features.

The routes only read requests. The rules are in the commands of ``gis.write`` and of the layers, so that a PUT or PATCH
cannot bypass them.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from api.http.dependencies import ActorParam, DatabaseParam, inline_dependency
from api.http.etag import VersionParam
from api.http.media_types import GEOJSON, MERGE_PATCH
from api.http.parameters import IdParam, LayerParam, feature_id, idempotency_key_of
from api.http.request_body import BodyParam
from api.ogc.items import feature_response
from api.ogc.write_request import (
    flatten_feature,
    reason_of,
    with_content_crs,
    without_reason,
    write_transaction,
)
from gis.db import Actor
from gis.model import Feature, Layer
from gis.read import Selection, pages
from gis.text import FieldError, Invalid, invalid
from gis.write import GEOMETRY, GEOMETRY_CRS, commands, idempotency, validation

router = APIRouter(prefix="/ogc/collections", tags=["changes"])

FEATURES_4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
CONFORMS_TO = [
    f"{FEATURES_4}{name}" for name in ("create-replace-delete", "update", "optimistic-locking-etags", "features")
]


@router.post("/{layer}/items", status_code=201, response_class=Response)
def create(
    request: Request, layer: LayerParam, body: BodyParam, actor: ActorParam, database: DatabaseParam
) -> Response:
    """Create a feature. A repeated create with the same ``Idempotency-Key`` returns the feature of the first one."""
    key = idempotency_key_of(request)
    with write_transaction(request, database, actor, body) as session:
        selection = Selection(layer, actor.clearance)
        if key is not None:
            earlier = idempotency.claim_key(session, key, actor.name, body, f"POST {layer.name}")
            if earlier is not None:
                return feature_response(
                    request, layer, earlier, *pages.read_feature_with_version(session, selection, earlier)
                )
        values, _ = with_content_crs(request, validation.parse_input(layer, flatten_feature(without_reason(body))))
        created = commands.create(session, layer, values)
        if key is not None:
            idempotency.store_result(session, key, actor.name, created.id)
        text, version = pages.read_feature_with_version(session, selection, created.id)
    return feature_response(request, layer, created.id, text, version, 201)


@router.put("/{layer}/items/{item}", response_class=Response)
def replace(  # noqa: PLR0917 - one parameter per dependency
    request: Request,
    layer: LayerParam,
    item_id: IdParam,
    version: VersionParam,
    body: BodyParam,
    actor: ActorParam,
    database: DatabaseParam,
) -> Response:
    """Replace a feature: missing fields get their defaults; the status stays, because only transitions change it."""
    submitted = flatten_feature(without_reason(body))
    values = validation.parse_input(layer, _without_read_only(layer, submitted))
    for name, field in validation.writable_fields(layer).items():
        if name not in values and name in layer.fields and name != "position_source":
            values[name] = field.default
    reason = reason_of(request, body)
    return _update_response(request, layer, item_id, version, values, actor, database, submitted, reason)


@router.patch("/{layer}/items/{item}", response_class=Response)
def change(  # noqa: PLR0917
    request: Request,
    layer: LayerParam,
    item_id: IdParam,
    version: VersionParam,
    body: BodyParam,
    actor: ActorParam,
    database: DatabaseParam,
) -> Response:
    """Update properties of a feature (JSON merge patch, RFC 7396); ``null`` removes a value."""
    submitted = flatten_feature(without_reason(body))
    values = validation.parse_input(layer, submitted, partial=True)
    emptied = [
        name
        for name, value in submitted.items()
        if value is None and name in layer.fields and not layer.fields[name].nullable
    ]
    if emptied:
        raise invalid(emptied[0], "missing", "Không được để trống", "Must not be empty")
    return _update_response(request, layer, item_id, version, values, actor, database, {}, reason_of(request, body))


def _without_read_only(layer: Layer, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without read-only fields, so that a client may PUT the feature that it has read.

    Unknown fields stay, so that validation refuses them.
    """
    writable = validation.writable_fields(layer)
    read_only = (set(layer.fields) | {"id", "layer"}) - set(writable)
    return {name: value for name, value in body.items() if name not in read_only}


def _update_response(  # noqa: PLR0917
    request: Request,
    layer: Layer,
    item_id: uuid.UUID,
    version: int,
    values: Mapping[str, Any],
    actor: Actor,
    database: Any,
    submitted: Mapping[str, Any],
    reason: str | None,
) -> Response:
    located, crs = with_content_crs(request, values)
    with database.transaction(actor, write=True, reason=reason) as session:
        feature = commands.lock_feature(session, layer.model, item_id, version)
        _require_reason_to_lower_level(feature, values, reason)
        current = json.loads(pages.read_feature(session, Selection(layer, actor.clearance, crs=crs), item_id))
        _refuse_status_change(layer, submitted, current["properties"])
        commands.update(session, layer, feature, _without_unchanged_geometry(located, current))
        text, new_version = pages.read_feature_with_version(session, Selection(layer, actor.clearance), item_id)
    return feature_response(request, layer, item_id, text, new_version)


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
def retire(  # noqa: PLR0917
    request: Request,
    layer: LayerParam,
    item_id: IdParam,
    version: VersionParam,
    actor: ActorParam,
    database: DatabaseParam,
) -> Response:
    """Retire a feature. It stays in the database and in its history."""
    with write_transaction(request, database, actor) as session:
        commands.retire(session, layer, commands.lock_feature(session, layer.model, item_id, version))
    return Response(status_code=204)
