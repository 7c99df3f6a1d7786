"""Commands on a feature besides create, update and retire: transitions, links, gate events and work steps."""

import uuid
from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.dependencies import ActorParam, DatabaseParam
from api.http.etag import if_match_version
from api.http.parameters import AsOfParam, IdParam, LayerParam, feature_id
from api.http.request_body import BodyParam
from api.ogc.items import feature_response
from api.ogc.write_request import (
    optional_text,
    refuse_unknown_fields,
    required_date,
    required_text,
    write_transaction,
)
from gis.model import catalog, links
from gis.read import Selection, pages
from gis.text import FEATURE_NOT_FOUND, Missing, invalid
from gis.write import commands
from layers import gates, works
from layers.border_feature import link_to_address

router = APIRouter(prefix="/ogc/collections", tags=["changes"])


@router.post("/{layer}/items/{item}/moves", response_class=Response)
def transition(  # noqa: PLR0917 - one parameter per dependency
    request: Request, layer: LayerParam, item_id: IdParam, body: BodyParam, actor: ActorParam, database: DatabaseParam
) -> Response:
    """Change the status of a feature: ``{"to": "verified", "reason": "…"}``."""
    to, reason = required_text(body, "to"), required_text(body, "reason")
    refuse_unknown_fields(body, {"to", "reason"})
    version = if_match_version(request) if "if-match" in request.headers else None
    with write_transaction(request, database, actor, body) as session:
        feature = commands.lock_feature(session, layer.model, item_id, version)
        layer.model.check_text("reason", reason)
        commands.transition(session, layer, feature, to, reason)
        text, new_version = pages.read_feature_with_version(session, Selection(layer, actor.clearance), item_id)
    return feature_response(request, layer, item_id, text, new_version)


@router.post("/{layer}/items/{item}/links", status_code=201)
def link(  # noqa: PLR0917 - one parameter per dependency
    request: Request, layer: LayerParam, item_id: IdParam, body: BodyParam, actor: ActorParam, database: DatabaseParam
) -> dict[str, Any]:
    """Link a feature to another one, ``{"to", "role"}``, or to a marker address, ``{"at", "border", "role"}``."""
    refuse_unknown_fields(body, {"to", "at", "border", "role", "reason"})
    role = required_text(body, "role")
    links.check_role(role)
    if (body.get("to") is None) == (body.get("at") is None):
        raise invalid("to", "missing", "Chỉ nêu một trong hai: 'to' hoặc 'at'", "Give exactly one of 'to' and 'at'")
    with write_transaction(request, database, actor, body) as session:
        commands.lock_feature(session, layer.model, item_id)
        if body.get("to") is not None:
            created = links.create_link(session, item_id, _linked_id(required_text(body, "to")), role)
        else:
            created = link_to_address(session, item_id, required_text(body, "at"), optional_text(body, "border"), role)
        return {"link": created.id, "role": created.role, "id": created.to_id, "at": created.at}


def _linked_id(text: str) -> uuid.UUID:
    try:
        return feature_id(text)
    except Missing:
        raise invalid("to", "unknown", *FEATURE_NOT_FOUND) from None


@router.delete("/{layer}/items/{item}/links/{link_id}", status_code=204, response_class=Response)
def unlink(  # noqa: PLR0917 - one parameter per dependency
    request: Request, layer: LayerParam, item_id: IdParam, link_id: str, actor: ActorParam, database: DatabaseParam
) -> Response:
    """Delete a link; it stays in the history and in the journal."""
    with write_transaction(request, database, actor) as session:
        commands.lock_feature(session, layer.model, item_id)
        links.delete_link(session, item_id, feature_id(link_id))
    return Response(status_code=204)


@router.get("/gates/items/{item}/events")
def gate_events(item_id: IdParam, actor: ActorParam, database: DatabaseParam, as_of: AsOfParam) -> dict[str, Any]:
    """The events, the categories and the planning lines of a gate, as of ``as_of``."""
    layer = catalog["gates"]
    with database.transaction(actor) as session:
        pages.read_feature(session, Selection(layer, actor.clearance, as_of=as_of), item_id)
        return {
            "events": [_event(event) for event in gates.events(session, item_id, actor.clearance, as_of)],
            "categories": [
                _readable_values(category, "category", "valid_from", "valid_to", "document", "source")
                for category in gates.categories(session, item_id, actor.clearance, as_of)
            ],
            "plans": [
                _readable_values(plan, "horizon", "category", "mode", "decision", "on", "source")
                for plan in gates.plans(session, item_id, actor.clearance, as_of)
            ],
        }


def _readable_values(row: Any, *names: str) -> dict[str, Any]:
    """The values of these columns, without those above the clearance of the reader, which were not loaded."""
    return {name: vars(row)[name] for name in names if name in vars(row)}


def _event(row: gates.GateEvent) -> dict[str, Any]:
    return _readable_values(row, "id", "kind", "on", "precision", "document", "note", "source")


@router.post("/gates/items/{item}/events", status_code=201)
def record_event(
    request: Request, item_id: IdParam, body: BodyParam, actor: ActorParam, database: DatabaseParam
) -> dict[str, Any]:
    """Record an event of a gate: ``{"kind", "on", "document", "note"}``."""
    refuse_unknown_fields(body, {"kind", "on", "document", "note", "reason"})
    kind, on = required_text(body, "kind"), required_date(body, "on")
    with write_transaction(request, database, actor, body) as session:
        gate = commands.lock_feature(session, gates.Gate, item_id)
        event = gates.record_event(
            session,
            gate,
            kind=kind,
            on=on,
            document=optional_text(body, "document"),
            note=optional_text(body, "note"),
        )
        return _event(event)


@router.get("/works/items/{item}/steps")
def work_steps(item_id: IdParam, actor: ActorParam, database: DatabaseParam, as_of: AsOfParam) -> dict[str, Any]:
    """The procedure steps of a work in order, as of ``as_of``."""
    with database.transaction(actor) as session:
        pages.read_feature(session, Selection(catalog["works"], actor.clearance, as_of=as_of), item_id)
        return {"steps": [_step(step) for step in works.steps(session, item_id, actor.clearance, as_of)]}


def _step(row: works.WorkStep) -> dict[str, Any]:
    title = {"vi": row.title_vi, "en": row.title_en}
    return {
        "title": title,
        **_readable_values(row, "code", "ordinal", "due_on", "done_on", "document", "note", "source"),
    }


@router.post("/works/items/{item}/steps", status_code=201)
def record_step(
    request: Request, item_id: IdParam, body: BodyParam, actor: ActorParam, database: DatabaseParam
) -> dict[str, Any]:
    """Record that a procedure step of a work was done: ``{"code", "on", "document", "note"}``."""
    refuse_unknown_fields(body, {"code", "on", "document", "note", "reason"})
    code, on = required_text(body, "code"), required_date(body, "on")
    with write_transaction(request, database, actor, body) as session:
        work = commands.lock_feature(session, works.Work, item_id)
        step = works.record_step(
            session,
            work,
            code=code,
            on=on,
            document=optional_text(body, "document"),
            note=optional_text(body, "note"),
        )
        return _step(step)
