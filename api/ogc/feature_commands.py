"""Commands on a feature besides create, update and retire: transitions, restoring and links."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import WithJsonSchema

from api.http.bodies import parsed
from api.http.dependencies import CallParam
from api.http.parameters import feature_id
from api.ogc.write_request import (
    BodilessWriteCallParam,
    TargetParam,
    TargetWithIfMatchParam,
    WriteCallParam,
    feature_as_written,
    reason_of,
)
from gis.model import links
from gis.text import FEATURE_NOT_FOUND, Missing, invalid
from gis.write import bodies, commands
from layers.border_feature import link_to_address

router = APIRouter(prefix="/ogc/collections", tags=["changes"])

REASON_SCHEMA = WithJsonSchema({"type": "string", "maxLength": bodies.MAX_TEXT_LENGTH})
TEXT_SCHEMA, UUID_SCHEMA = WithJsonSchema({"type": "string"}), WithJsonSchema({"type": "string", "format": "uuid"})


class Transition(bodies.CommandBody):
    """A change of status with its reason."""

    to: bodies.RequiredText
    reason: Annotated[bodies.RequiredText, REASON_SCHEMA]


class Restoration(bodies.CommandBody):
    """The reason why a retired feature is taken back into use."""

    reason: Annotated[bodies.RequiredText, REASON_SCHEMA]


class NewLink(bodies.CommandBody):
    """A link to another feature, ``to``, or to a marker address, ``at``, on a border."""

    to: Annotated[bodies.OptionalText, UUID_SCHEMA] = None
    at: bodies.OptionalText = None
    border: Annotated[bodies.Note, TEXT_SCHEMA] = None
    role: bodies.RequiredText


@router.post("/{layer}/items/{item}/moves", response_class=Response)
def transition(
    target: TargetWithIfMatchParam, body: Annotated[Transition, parsed(Transition)], call: CallParam
) -> Response:
    """Change the status of a feature: ``{"to": "verified", "reason": "…"}``."""
    layer, reason = target.layer, reason_of(call.request, body.reason)
    with call.writing(reason) as session:
        feature = target.lock(session)
        layer.model.check_text("reason", body.reason)
        commands.transition(session, layer, feature, body.to, body.reason)
        return feature_as_written(call, session, layer, target.id)


@router.post("/{layer}/items/{item}/restore", response_class=Response)
def restore(
    target: TargetWithIfMatchParam, body: Annotated[Restoration, parsed(Restoration)], call: CallParam
) -> Response:
    """Restore a retired feature: ``{"reason": "…"}``. Those who may retire it may restore it."""
    layer = target.layer
    with call.writing(reason_of(call.request, body.reason)) as session:
        feature = commands.lock_retired_feature(session, layer.model, target.id, target.version)
        commands.restore(session, layer, feature)
        return feature_as_written(call, session, layer, target.id)


@router.post("/{layer}/items/{item}/links", status_code=201)
def link(target: TargetParam, call: WriteCallParam) -> dict[str, Any]:
    """Link a feature to another one, ``{"to", "role"}``, or to a marker address, ``{"at", "border", "role"}``."""
    body = NewLink.parse(call.body)
    links.check_role(body.role)
    if (body.to is None) == (body.at is None):
        raise invalid("to", "missing", "Chỉ nêu một trong hai: 'to' hoặc 'at'", "Give exactly one of 'to' and 'at'")
    with call.transaction() as session:
        target.lock(session)
        if body.at is None:
            created = links.create_link(session, target.id, _linked_id(str(body.to)), body.role)
        else:
            created = link_to_address(session, target.id, body.at, body.border, body.role)
        return {"link": created.id, "role": created.role, "id": created.to_id, "at": created.at}


def _linked_id(text: str) -> uuid.UUID:
    try:
        return feature_id(text)
    except Missing:
        raise invalid("to", "unknown", *FEATURE_NOT_FOUND) from None


@router.delete("/{layer}/items/{item}/links/{link_id}", status_code=204, response_class=Response)
def unlink(target: TargetParam, link_id: str, call: BodilessWriteCallParam) -> Response:
    """Delete a link; it stays in the history and in the journal."""
    with call.transaction() as session:
        target.lock(session)
        links.delete_link(session, target.id, feature_id(link_id))
    return Response(status_code=204)
