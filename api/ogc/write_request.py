"""Write requests: the feature that is written, ``Content-Crs``, the reason of a change, and the fields of the body."""

import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Request, Response

from api.http.dependencies import Call, CallParam, inline_dependency
from api.http.etag import VersionParam, if_match_version
from api.http.parameters import IdParam, LayerParam, crs_of
from api.http.request_body import BodyParam
from api.ogc.items import feature_response
from gis.crs import CRS
from gis.db import Session, result_of
from gis.model import Feature, Layer
from gis.read import Selection, pages
from gis.text import Malformed, Text, invalid
from gis.write import GEOMETRY, GEOMETRY_CRS, PLACE, commands, validation
from layers.secrecy import refuse_state_secret


@dataclass(frozen=True)
class Target:
    """The feature that a request writes, and the version at which the client has read it, if it says so."""

    layer: Layer
    id: uuid.UUID
    version: int | None = None

    def lock(self, session: Session) -> Feature:
        """Select the feature for update. Raises ``Missing``, or ``Stale`` if it is no longer at ``version``."""
        return commands.lock_feature(session, self.layer.model, self.id, self.version)


def target(layer: LayerParam, item_id: IdParam) -> Target:
    """The feature in the path."""
    return Target(layer, item_id)


def target_at_version(layer: LayerParam, item_id: IdParam, version: VersionParam) -> Target:
    """The feature in the path at the version in ``If-Match``. Raises ``Unconditional`` without that header."""
    return Target(layer, item_id, version)


def target_with_if_match(request: Request, layer: LayerParam, item_id: IdParam) -> Target:
    """The feature in the path, at the version that ``If-Match`` names, if the header is sent."""
    return Target(layer, item_id, if_match_version(request) if "if-match" in request.headers else None)


TargetParam = Annotated[Target, Depends(inline_dependency(target))]
TargetAtVersionParam = Annotated[Target, Depends(inline_dependency(target_at_version))]
TargetWithIfMatchParam = Annotated[Target, Depends(inline_dependency(target_with_if_match))]


@dataclass(frozen=True)
class WriteCall(Call):
    """The call of a handler that writes features: ``body`` is the JSON body without the ``reason`` of the change."""

    body: Mapping[str, Any]
    reason: str | None

    def transaction(self) -> AbstractContextManager[Session]:
        """A write transaction of the actor, with the reason for the journal."""
        return self.writing(self.reason)

    def content_crs(self) -> CRS:
        """The CRS of the geometry in the body: the one in the header ``Content-Crs``, else CRS84."""
        header = self.request.headers.get("content-crs", "")
        return crs_of(header.strip().removeprefix("<").removesuffix(">"), "Content-Crs")


def write_call(call: CallParam, body: BodyParam) -> WriteCall:
    """The call of a write with a body."""
    values = {name: value for name, value in body.items() if name != "reason"}
    return WriteCall(**vars(call), body=values, reason=reason_of(call.request, body.get("reason")))


def bodiless_write_call(call: CallParam) -> WriteCall:
    """The call of a write without a body, such as DELETE."""
    return WriteCall(**vars(call), body={}, reason=reason_of(call.request))


WriteCallParam = Annotated[WriteCall, Depends(inline_dependency(write_call))]
BodilessWriteCallParam = Annotated[WriteCall, Depends(inline_dependency(bodiless_write_call))]


def reason_of(request: Request, in_body: Any = None) -> str | None:
    """The reason of a change: that of the body, else the header ``X-Reason`` in percent-encoded UTF-8.

    At most 500 characters; the rest is cut off. Raises ``Invalid`` for hidden characters and state secrets.
    """
    text = in_body or unquote(request.headers.get("x-reason", ""))
    if not text:
        return None
    try:
        reason = validation.clean_text(text)[:500]
    except ValueError:
        raise invalid(
            "reason", "characters", "Lý do có ký tự không hợp lệ", "The reason contains invalid characters"
        ) from None
    refuse_state_secret("reason", reason)
    return reason or None


def flatten_feature(body: Mapping[str, Any]) -> dict[str, Any]:
    """A GeoJSON Feature, or a plain object, as one flat dictionary of properties, ``geometry`` and ``place``.

    Of these two a null one is left out beside one with a value; otherwise null clears the location.
    """
    if "properties" not in body and body.get("type") != "Feature":
        return _without_null_beside_location(dict(body))
    properties = body.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise Malformed(Text("properties phải là đối tượng", "properties must be a JSON object"))
    values = dict(properties or {})
    for name in (GEOMETRY, PLACE):
        if name in body and (body[name] is not None or name not in values):
            values[name] = body[name]
    return _without_null_beside_location(values)


def _without_null_beside_location(values: dict[str, Any]) -> dict[str, Any]:
    """The values without a null ``geometry`` or ``place`` if the other one has a value."""
    if all(values.get(name) is None for name in (GEOMETRY, PLACE)):
        return values
    return {name: value for name, value in values.items() if value is not None or name not in (GEOMETRY, PLACE)}


def with_geometry_crs(values: Mapping[str, Any], crs: CRS) -> dict[str, Any]:
    """The values, with the CRS of their geometry if it states a CRS."""
    return {**values, GEOMETRY_CRS: crs} if values.get(GEOMETRY) is not None else dict(values)


def feature_as_written(
    call: Call, session: Session, layer: Layer, feature_id: uuid.UUID, status: int = 200
) -> Response:
    """The response to a write: the feature as the actor may read it."""
    selection = Selection.for_reader(session, layer)
    text, version = result_of(pages.read_feature_with_version(session, selection, feature_id))
    return feature_response(call.request, layer, feature_id, text, version, status)
