"""Writing: create, replace, change, retire, move, link, a gate's events and a work's steps.

These doors read what comes in and call the commands; the rules are the commands', so no generic PUT gets around them.
"""

import datetime as dt
import json
import re
import uuid
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request, Response

from api.http.dependencies import ActorParam, inline_dependency
from api.http.media_types import GEOJSON, MERGE_PATCH
from api.http.parameters import AsOfParam, DatabaseParam, IdParam, LayerParam, crs_of, feature_id, idempotency_key_of
from api.http.request_body import BodyParam
from api.ogc.items import feature_response
from gis.crs import CRS
from gis.db import Actor
from gis.model import Feature, Layer, catalog, links
from gis.read import Selection, pages
from gis.text import FEATURE_NOT_FOUND, FieldError, Invalid, Malformed, Missing, Text, Unconditional, invalid
from gis.write import GEOMETRY, GEOMETRY_CRS, PLACE, commands, idempotency as replays, validation as drafts
from layers import gates, works
from layers.border_feature import link_to_address
from layers.secrecy import refuse_state_secret

router = APIRouter(prefix="/ogc/collections", tags=["changes"])

FEATURES_4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
CONFORMS_TO = [
    f"{FEATURES_4}{name}" for name in ("create-replace-delete", "update", "optimistic-locking-etags", "features")
]

ETAG = re.compile(r'"(\d{1,9})-[0-9a-f]{16}"')


def if_match_version(request: Request) -> int:
    """The version that ``If-Match`` names. Raises ``Unconditional`` without one.

    Of several tags (RFC 9110, 13.1.1) the highest version counts, for versions only rise. A tag that is weak or none
    of ours is never the current one.
    """
    given = [one.strip() for one in ",".join(request.headers.getlist("if-match")).split(",")]
    if given in ([""], ["*"]):
        raise Unconditional(
            Text(
                "Cần If-Match với ETag đã đọc, để không ghi đè thay đổi của người khác",
                "If-Match with the ETag read is required",
            )
        )
    return max((int(found[1]) for one in given if (found := ETAG.fullmatch(one))), default=0)


VersionParam = Annotated[int, Depends(inline_dependency(if_match_version))]


def flatten_feature(body: Mapping[str, Any]) -> dict[str, Any]:
    """A GeoJSON Feature, or a plain object, as one flat object of properties, ``geometry`` and ``place``."""
    if "properties" not in body and body.get("type") != "Feature":
        return dict(body)
    properties = body.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise Malformed(Text("properties phải là đối tượng", "properties must be an object"))
    values = dict(properties or {})
    for name in (GEOMETRY, PLACE):
        if name in body and (body[name] is not None or name not in values):
            values[name] = body[name]
    if values.get(GEOMETRY) is None and values.get(PLACE) is not None:
        values.pop(GEOMETRY, None)
    return values


def with_content_crs(request: Request, values: Mapping[str, Any]) -> tuple[dict[str, Any], CRS]:
    """The values with the CRS that ``Content-Crs`` names for their geometry, and that CRS."""
    crs = crs_of(request.headers.get("content-crs", "").strip().removeprefix("<").removesuffix(">"), "Content-Crs")
    return ({**values, GEOMETRY_CRS: crs} if values.get(GEOMETRY) is not None else dict(values)), crs


def _write_transaction(request: Request, database: Any, actor: Actor, body: Mapping[str, Any] | None = None) -> Any:
    """A writing transaction in the actor's name, with the reason that came along; the rest the database knows."""
    reason = reason_of(request, body or {})
    return database.transaction(actor, write=True, reason=reason)


def reason_of(request: Request, body: Mapping[str, Any]) -> str | None:
    """Why something is changed: ``reason`` beside what is sent, or the header ``X-Reason``, percent-encoded UTF-8."""
    given = body.get("reason") or request.headers.get("x-reason")
    if given is None:
        return None
    if "reason" not in body:
        given = unquote(given)
    try:
        reason = drafts.clean_text(given)[:500]
    except ValueError:
        raise invalid(
            "reason", "characters", "Lý do có ký tự không hợp lệ", "The reason holds invalid characters"
        ) from None
    refuse_state_secret("reason", reason)
    return reason or None


def without_reason(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent, less why it is sent."""
    return {name: value for name, value in body.items() if name != "reason"}


@router.post("/{layer}/items", status_code=201, response_class=Response)
def create(
    request: Request, layer: LayerParam, body: BodyParam, actor: ActorParam, database: DatabaseParam
) -> Response:
    """A new feature. With an ``Idempotency-Key`` the same create twice gives the same feature."""
    key = idempotency_key_of(request)
    with _write_transaction(request, database, actor, body) as session:
        done = replays.claim_key(session, key, actor.name, body, f"POST {layer.name}") if key is not None else None
        if done is not None:
            return feature_response(
                request, layer, done, *pages.read_feature_with_version(session, Selection(layer, actor.clearance), done)
            )
        values, _ = with_content_crs(request, drafts.parse_input(layer, flatten_feature(without_reason(body))))
        made = commands.create(session, layer, values)
        if key is not None:
            replays.store_result(session, key, actor.name, made.id)
        feature, version = pages.read_feature_with_version(session, Selection(layer, actor.clearance), made.id)
    return feature_response(request, layer, made.id, feature, version, 201)


@router.put("/{layer}/items/{item}", response_class=Response)
def replace(  # noqa: PLR0917 - what a request brings
    request: Request,
    layer: LayerParam,
    item_id: IdParam,
    version: VersionParam,
    body: BodyParam,
    actor: ActorParam,
    database: DatabaseParam,
) -> Response:
    """Replace a feature: what is not given goes back to its default. The status stays: it changes by moves."""
    given = flatten_feature(without_reason(body))
    values = drafts.parse_input(layer, _without_read_only(layer, given))
    for name, one in drafts.writable_fields(layer).items():
        if name not in values and name in layer.fields and name != "position_source":
            values[name] = one.default
    return _update_response(request, layer, item_id, version, values, actor, database, given, reason_of(request, body))


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
    """Change the properties given (JSON merge patch); ``null`` empties one."""
    given = flatten_feature(without_reason(body))
    values = drafts.parse_input(layer, given, partial=True)
    emptied = [
        name
        for name, value in given.items()
        if value is None and name in layer.fields and not layer.fields[name].nullable
    ]
    if emptied:
        raise invalid(emptied[0], "missing", "Không được để trống", "Must not be empty")
    return _update_response(request, layer, item_id, version, values, actor, database, {}, reason_of(request, body))


def _without_read_only(layer: Layer, body: Mapping[str, Any]) -> dict[str, Any]:
    """A feature as it was read, less what the house itself writes: so that a client may put back what it got."""
    keep = drafts.writable_fields(layer)
    own = set(layer.fields) | {"id", "layer"}
    return {name: value for name, value in body.items() if name in keep or name not in own}


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
        shown = json.loads(pages.read_feature(session, Selection(layer, actor.clearance, crs=crs), item_id))
        _refuse_status_change(layer, submitted, shown["properties"])
        commands.update(session, layer, feature, _without_unchanged_geometry(located, shown))
        changed, now = pages.read_feature_with_version(session, Selection(layer, actor.clearance), item_id)
    return feature_response(request, layer, item_id, changed, now)


def _require_reason_to_lower_level(feature: Feature, values: Mapping[str, Any], reason: str | None) -> None:
    """Who shows a thing to more people than before says why."""
    level = values.get("level", feature.level)
    if reason is None and level != feature.level and feature.level.may_read(level):
        raise invalid(
            "reason",
            "missing",
            "Mở rộng phạm vi khai thác phải nêu lý do, căn cứ",
            "Opening it to more readers needs a reason",
        )


def _refuse_status_change(layer: Layer, submitted: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """A feature may come back with the status it has; another one is refused and not passed over in silence."""
    if (
        layer.status is not None
        and submitted.get(layer.status.name, current[layer.status.name]) != current[layer.status.name]
    ):
        detail = drafts.ERROR_TEXTS["status_by_move"]
        raise Invalid(detail, [FieldError(layer.status.name, "status_by_move", detail)])


def _without_unchanged_geometry(values: Mapping[str, Any], current: Mapping[str, Any]) -> Mapping[str, Any]:
    """Less a geometry that comes back as it was read: the place keeps its source and the words it was given in."""
    source = current["properties"]["position_source"]
    if values.get(GEOMETRY) != current["geometry"] or values.get("position_source", source) != source:
        return values
    return {name: value for name, value in values.items() if name not in (GEOMETRY, GEOMETRY_CRS)}


@router.options("/{layer}/items", status_code=204, response_class=Response)
def methods_of_items(layer: LayerParam) -> Response:
    """What can be done with a collection."""
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
    """What there is to be done with a feature of a layer; ``GET`` says what of it the reader may do with this one."""
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
    """Take a feature out of use. Nothing is erased."""
    with _write_transaction(request, database, actor) as session:
        commands.retire(session, layer, commands.lock_feature(session, layer.model, item_id, version))
    return Response(status_code=204)


@router.post("/{layer}/items/{item}/moves", response_class=Response)
def transition(  # noqa: PLR0917
    request: Request, layer: LayerParam, item_id: IdParam, body: BodyParam, actor: ActorParam, database: DatabaseParam
) -> Response:
    """``{"to": "verified", "reason": "…"}``: the only way a status changes."""
    to, reason = _required_text(body, "to"), _required_text(body, "reason")
    _refuse_unknown_fields(body, {"to", "reason"})
    version = if_match_version(request) if "if-match" in request.headers else None
    with _write_transaction(request, database, actor, body) as session:
        feature = commands.lock_feature(session, layer.model, item_id, version)
        layer.model.check_text("reason", reason)
        commands.transition(session, layer, feature, to, reason)
        moved, now = pages.read_feature_with_version(session, Selection(layer, actor.clearance), item_id)
    return feature_response(request, layer, item_id, moved, now)


def _required_text(body: Mapping[str, Any], name: str, *, max_length: int = 500) -> str:
    """A required text of the body."""
    value = body.get(name)
    try:
        cleaned = drafts.clean_text(value) if value is not None else ""
    except ValueError as fault:
        code = str(fault)
        raise Invalid(drafts.ERROR_TEXTS[code], [FieldError(name, code, drafts.ERROR_TEXTS[code])]) from None
    if not cleaned:
        raise invalid(name, "missing", f"Cần nêu {name}", f"{name} is required")
    if len(cleaned) > max_length:
        raise invalid(name, "too_long", "Quá dài", "Too long")
    return cleaned


def _optional_text(body: Mapping[str, Any], name: str) -> str | None:
    return _required_text(body, name, max_length=2000) if body.get(name) else None


def _refuse_unknown_fields(body: Mapping[str, Any], known: set[str]) -> None:
    """Nothing unknown is passed over in silence."""
    unknown = [name for name in body if name not in known]
    if unknown:
        name = drafts.clean_name(unknown[0])
        raise invalid(name, "unknown_field", f"Không có trường '{name}'", f"There is no field '{name}'")


def _required_date(body: Mapping[str, Any], name: str) -> dt.date:
    try:
        return drafts.parse_input_date(_required_text(body, name))
    except ValueError:
        raise Invalid(drafts.ERROR_TEXTS["date"], [FieldError(name, "date", drafts.ERROR_TEXTS["date"])]) from None


@router.post("/{layer}/items/{item}/links", status_code=201)
def link(  # noqa: PLR0917
    request: Request, layer: LayerParam, item_id: IdParam, body: BodyParam, actor: ActorParam, database: DatabaseParam
) -> dict[str, Any]:
    """``{"to": "<id>", "role": "…"}`` to a feature, or ``{"at": "168–168/2", "border": "VN-KH", "role": "site"}``."""
    _refuse_unknown_fields(body, {"to", "at", "border", "role", "reason"})
    role = _required_text(body, "role")
    links.check_role(role)
    if (body.get("to") is None) == (body.get("at") is None):
        raise invalid("to", "missing", "Chỉ nêu một trong hai: 'to' hoặc 'at'", "Give either 'to' or 'at'")
    with _write_transaction(request, database, actor, body) as session:
        commands.lock_feature(session, layer.model, item_id)
        if body.get("to") is not None:
            made = links.create_link(session, item_id, _linked_id(_required_text(body, "to")), role)
        else:
            made = link_to_address(session, item_id, _required_text(body, "at"), _optional_text(body, "border"), role)
        return {"link": made.id, "role": made.role, "id": made.to_id, "at": made.at}


def _linked_id(text: str) -> uuid.UUID:
    try:
        return feature_id(text)
    except Missing:
        raise invalid("to", "unknown", *FEATURE_NOT_FOUND) from None


@router.delete("/{layer}/items/{item}/links/{link_id}", status_code=204, response_class=Response)
def unlink(  # noqa: PLR0917
    request: Request, layer: LayerParam, item_id: IdParam, link_id: str, actor: ActorParam, database: DatabaseParam
) -> Response:
    """Take a link away; the journal keeps it."""
    with _write_transaction(request, database, actor) as session:
        commands.lock_feature(session, layer.model, item_id)
        links.delete_link(session, item_id, feature_id(link_id))
    return Response(status_code=204)


@router.get("/gates/items/{item}/events")
def gate_events(item_id: IdParam, actor: ActorParam, database: DatabaseParam, as_of: AsOfParam) -> dict[str, Any]:
    """A gate's dated events, the categories it has had and its planning lines, newest first, as known by ``as_of``."""
    layer = catalog["gates"]
    with database.transaction(actor) as session:
        pages.read_feature(session, Selection(layer, actor.clearance, as_of=as_of), item_id)
        return {
            "events": [_event(one) for one in gates.events(session, item_id, actor.clearance, as_of)],
            "categories": [
                _readable_values(one, "category", "valid_from", "valid_to", "document", "source")
                for one in gates.categories(session, item_id, actor.clearance, as_of)
            ],
            "plans": [
                _readable_values(one, "horizon", "category", "mode", "decision", "on", "source")
                for one in gates.plans(session, item_id, actor.clearance, as_of)
            ],
        }


def _readable_values(row: Any, *names: str) -> dict[str, Any]:
    """What its reader was given of it: what they may not know of was not read."""
    return {name: vars(row)[name] for name in names if name in vars(row)}


def _event(row: gates.GateEvent) -> dict[str, Any]:
    return _readable_values(row, "id", "kind", "on", "precision", "document", "note", "source")


@router.post("/gates/items/{item}/events", status_code=201)
def record_event(
    request: Request, item_id: IdParam, body: BodyParam, actor: ActorParam, database: DatabaseParam
) -> dict[str, Any]:
    """``{"kind", "on", "document", "note"}``: what happened at a gate, or is to happen."""
    _refuse_unknown_fields(body, {"kind", "on", "document", "note", "reason"})
    kind, on = _required_text(body, "kind"), _required_date(body, "on")
    with _write_transaction(request, database, actor, body) as session:
        gate = commands.lock_feature(session, gates.Gate, item_id)
        event = gates.record_event(
            session,
            gate,
            kind=kind,
            on=on,
            document=_optional_text(body, "document"),
            note=_optional_text(body, "note"),
        )
        return _event(event)


@router.get("/works/items/{item}/steps")
def work_steps(item_id: IdParam, actor: ActorParam, database: DatabaseParam, as_of: AsOfParam) -> dict[str, Any]:
    """The steps of the neighbour's procedure in a work, in order, as known by ``as_of``."""
    with database.transaction(actor) as session:
        pages.read_feature(session, Selection(catalog["works"], actor.clearance, as_of=as_of), item_id)
        return {"steps": [_step(one) for one in works.steps(session, item_id, actor.clearance, as_of)]}


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
    """``{"code", "on", "document", "note"}``: a step of the neighbour's procedure was done on a day."""
    _refuse_unknown_fields(body, {"code", "on", "document", "note", "reason"})
    code, on = _required_text(body, "code"), _required_date(body, "on")
    with _write_transaction(request, database, actor, body) as session:
        work = commands.lock_feature(session, works.Work, item_id)
        step = works.record_step(
            session,
            work,
            code=code,
            on=on,
            document=_optional_text(body, "document"),
            note=_optional_text(body, "note"),
        )
        return _step(step)
