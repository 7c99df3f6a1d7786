"""``POST /api/bulk``: one change of many features of a layer, with one reason and a verdict for each of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from api.http.bodies import parsed
from api.http.dependencies import Call, CallParam
from api.http.errors import refusal_code, refusal_members
from api.http.idempotency import IdempotencyParam
from api.http.json_text import json_bytes
from api.http.media_types import JSON
from gis.model import Layer, catalog
from gis.text import Conflict, FieldError, Invalid, Language, Refusal, Text
from gis.write import GEOMETRY, PLACE, FieldValueError, bodies, bulk, clean_text, commands, validation
from layers.secrecy import refuse_state_secret

router = APIRouter(tags=["changes"])

ENDPOINT = "POST /api/bulk"
ACTS = ("properties", "move", "retire", "restore")
"""The members of the body of which exactly one says what is done."""

SINGLE_RECORD_TEXT = Text(
    "Vị trí và liên kết chỉ sửa ở từng mục", "Locations and links can be changed in single records only"
)
NO_PROPERTIES_TEXT = Text("Chưa nêu thuộc tính nào", "No property is given")


def _layer_name(value: Any) -> str:
    name = clean_text(value) if value is not None else ""
    if name not in catalog:
        names = ", ".join(catalog)
        detail = Text(f"Không có lớp dữ liệu này. Được phép: {names}", f"Unknown layer. Allowed: {names}")
        raise FieldValueError("unknown", detail)
    return name


def _check_number_of_rows(value: Any) -> Any:
    if isinstance(value, list) and not 1 <= len(value) <= bulk.MAX_ROWS:
        detail = Text(f"Phải nêu từ 1 đến {bulk.MAX_ROWS} mục", f"Must be a list of 1 to {bulk.MAX_ROWS} records")
        raise FieldValueError("number_of_rows", detail)
    return value


def _check_repetition(rows: list[bulk.RowAtVersion]) -> list[bulk.RowAtVersion]:
    seen = set()
    for row in rows:
        if row.id in seen:
            raise FieldValueError(
                "repeated", Text(f"Mục {row.id} được nêu hai lần", f"Record {row.id} is listed twice")
            )
        seen.add(row.id)
    return rows


def _reason(text: str) -> str:
    refuse_state_secret("reason", text)
    return text


def _mode(value: Any) -> bulk.Mode:
    try:
        return bulk.Mode(value)
    except ValueError:
        modes = ", ".join(bulk.Mode)
        raise FieldValueError("code", Text(f"Phải là một trong: {modes}", f"Must be one of: {modes}")) from None


class Move(BaseModel):
    """A transition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: bodies.RequiredText


ROWS_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "maxItems": bulk.MAX_ROWS,
    "items": {
        "type": "object",
        "properties": {"id": {"type": "string", "format": "uuid"}, "version": {"type": "integer", "minimum": 1}},
        "required": ["id", "version"],
        "additionalProperties": False,
    },
}
MOVE_SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string"}},
    "required": ["to"],
    "additionalProperties": False,
}
REASON_SCHEMA = {"type": "string", "maxLength": bodies.MAX_TEXT_LENGTH}
MODE_SCHEMA = {"type": "string", "enum": list(bulk.Mode)}
FLAG = WithJsonSchema({"type": "boolean", "enum": [True]})


class BulkChange(bodies.CommandBody):
    """The rows at the versions that the client has read, one act on all of them, the reason and what is written."""

    layer: Annotated[str, BeforeValidator(_layer_name), WithJsonSchema({"type": "string", "enum": list(catalog)})]
    rows: Annotated[
        list[bulk.RowAtVersion],
        BeforeValidator(_check_number_of_rows),
        AfterValidator(_check_repetition),
        WithJsonSchema(ROWS_SCHEMA),
    ]
    properties: Annotated[dict[str, Any] | None, WithJsonSchema({"type": "object"})] = None
    move: Annotated[Move | None, WithJsonSchema(MOVE_SCHEMA)] = None
    retire: Annotated[Literal[True] | None, FLAG] = None
    restore: Annotated[Literal[True] | None, FLAG] = None
    reason: Annotated[bodies.RequiredText, AfterValidator(_reason), WithJsonSchema(REASON_SCHEMA)]
    mode: Annotated[bulk.Mode, BeforeValidator(_mode), WithJsonSchema(MODE_SCHEMA)]


@router.post("/api/bulk", response_class=Response)
def change_rows(call: CallParam, body: Annotated[BulkChange, parsed(BulkChange)], key: IdempotencyParam) -> Response:
    """Change many features of a layer at once: ``check`` them, write ``all`` or none, or only the ``valid`` ones."""
    mode, clearance = body.mode, call.actor.clearance
    command = _command(catalog[body.layer], body)
    with call.writing(body.reason) as session:
        earlier = None if mode is bulk.Mode.CHECK else key.claim_result(session, call.actor, ENDPOINT)
        if earlier is not None:
            readable = bulk.read_rows(session, clearance, command, body.rows)
            result = bulk.BulkResult.from_json(earlier, readable)
        else:
            result = bulk.run_on_rows(session, clearance, command, body.rows, mode)
            if result.is_written(mode):
                key.store_result(session, call.actor, result.to_json())
            elif mode is not bulk.Mode.CHECK:
                key.release(session, call.actor)
    document = _document(call, body, result, is_repeat=earlier is not None)
    if mode is bulk.Mode.ALL and result.refused:
        number, total = len(result.refused), len(body.rows)
        raise Conflict(
            Text(
                f"{number} trong {total} mục không cập nhật được; chưa cập nhật mục nào",
                f"{number} of {total} records cannot be changed; nothing was written",
            ),
            extra=document,
        )
    return Response(json_bytes(document), media_type=JSON)


def _command(layer: Layer, body: BulkChange) -> bulk.RowCommand:
    """The command of the act. Raises ``Invalid`` unless there is exactly one and it suits the layer."""
    acts = [name for name in ACTS if getattr(body, name) is not None]
    if len(acts) != 1:
        names = ", ".join(ACTS)
        detail = Text(f"Nêu đúng một trong: {names}", f"Give exactly one of: {names}")
        raise Invalid(detail, [FieldError(name, "exactly_one", detail) for name in acts or ACTS])
    if not layer.editable:
        raise Conflict(commands.NOT_EDITABLE_TEXT)
    if body.properties is not None:
        return _update_command(layer, body.properties)
    if body.move is not None:
        return _transition_command(layer, body.move.to, body.reason)
    if body.retire:
        return bulk.RowCommand(layer, lambda session, feature: commands.retire(session, layer, feature), ("level",))
    return bulk.RowCommand(layer, lambda session, feature: commands.restore(session, layer, feature), of_retired=True)


def _update_command(layer: Layer, properties: Mapping[str, Any]) -> bulk.RowCommand:
    """The update to these properties. Raises ``Invalid``, with the prefix ``properties.`` before the fields."""
    if not properties:
        raise Invalid(NO_PROPERTIES_TEXT, [FieldError("properties", "missing", NO_PROPERTIES_TEXT)])
    not_in_bulk = {GEOMETRY, PLACE, *layer.extra_writable}.intersection(properties)
    if not_in_bulk:
        errors = [FieldError(f"properties.{name}", "single_record", SINGLE_RECORD_TEXT) for name in not_in_bulk]
        raise Invalid(SINGLE_RECORD_TEXT, errors)
    with _fields_of("properties"):
        values = validation.parse_change(layer, properties)
    return bulk.RowCommand(
        layer, lambda session, feature: commands.update(session, layer, feature, values), tuple(values)
    )


def _transition_command(layer: Layer, to: str, reason: str) -> bulk.RowCommand:
    """The transition to a status. Raises ``Conflict`` or ``Invalid`` as ``check_status_code``."""
    with _fields_of("move"):
        commands.check_status_code(layer, to)
    fields = () if layer.status is None else (layer.status.name,)
    return bulk.RowCommand(
        layer, lambda session, feature: commands.transition(session, layer, feature, to, reason), fields
    )


@contextmanager
def _fields_of(member: str) -> Iterator[None]:
    """Name the fields of a refusal by their path in the body, because properties may have the names of its members."""
    try:
        yield
    except Invalid as refusal:
        errors = [FieldError(f"{member}.{error.field}", error.code, error.detail) for error in refusal.errors]
        raise Invalid(refusal.detail, errors, refusal.extra) from None


def _document(call: Call, body: BulkChange, result: bulk.BulkResult, *, is_repeat: bool) -> dict[str, Any]:
    """The verdicts in the order of the request.

    ``changed`` leaves out accepted rows that already were as requested. Its versions are those that the client has to
    send next: after a check and after a refusal of all rows they are the present ones.
    """
    is_written = result.is_written(body.mode)
    changed, refused = [], []
    for row in body.rows:
        label, before = result.label_and_values(row.id)
        about = {"id": row.id, "title": label}
        if row.id in result.refused:
            refused.append({**about, **_verdict(result.refused[row.id], call.language)})
        elif (version := result.accepted[row.id]) != row.version:
            changed.append({**about, "version": version if is_written else row.version, "before": before})
    return {
        "layer": body.layer,
        "mode": body.mode,
        "repeated": is_repeat,
        "accepted": len(result.accepted),
        "changed": changed,
        "refused": refused,
    }


def _verdict(refusal: Refusal, language: Language) -> dict[str, Any]:
    """Why a row is refused: the members of the problem document that a request for this row alone would get."""
    members = refusal_members(refusal, language)
    return {
        "status": members["status"],
        "code": refusal_code(refusal),
        **refusal.extra,
        "detail": members["detail"],
        "errors": members.get("errors", []),
    }
