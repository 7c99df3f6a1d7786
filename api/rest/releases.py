"""Releases: what leaves the house for a partner, prepared, previewed, approved by a second person, published.

These are the office's doors; its pages are ``api.release_pages``. ``/api/holdings`` answers who holds what of a
feature. What partners read of their own releases is ``api.received``.
"""

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import QueryParams

from api.http.dependencies import ActorParam, LanguageParam, inline_dependency
from api.http.json_text import json_bytes
from api.http.media_types import JSON
from api.http.negotiation import refuse_unknown_parameters
from api.http.parameters import DatabaseParam, feature_id, id_in_path, idempotency_key_of, selection_of
from api.http.request_body import BodyParam
from api.http.security import NO_SUCH_PATH
from gis.db import Actor, Database, Session
from gis.model import Layer, catalog
from gis.read import Selection, pages
from gis.release import (
    ALWAYS_RELEASED_FIELDS,
    FeatureContent,
    PreparedPart,
    ReleasePart,
    ReleaseState,
    ReleaseVersion,
    Terms,
    Withheld,
    contents,
    holdings,
    models as release_models,
    snapshot_layer,
    workflow as sharing,
)
from gis.text import Language, Malformed, Missing, Stale, Text, Unconditional, invalid, parse_date
from gis.write import idempotency, validation as drafts
from layers.policy import PARTNER
from layers.secrecy import refuse_state_secret

router = APIRouter(tags=["releases"])

UNSUPPORTED_PARAMETERS = (
    "after", "as_of", "bbox-crs", "count", "crs", "f", "lang", "limit", "properties", "reader", "sortby",
)  # fmt: skip
"""What a view is asked with and a release is not: how it is paged, sorted and written."""

MAX_PREVIEW_FEATURES = 500
"""Features of a layer that a preview shows; its numbers count them all."""

MAX_TEXT_LENGTH = 200

RELEASE_FIELDS = ("name", "recipient")
"""What a release is called and to whom it goes; the rest stands with each version."""


def release_manager(actor: ActorParam) -> Actor:
    """Somebody who prepares and approves what leaves the house; to others there is no such address."""
    if not actor.role.manages_releases:
        raise Missing(NO_SUCH_PATH)
    return actor


def release_id(release: str) -> uuid.UUID:
    """The id of a release in a path. Raises ``Missing`` for what is none."""
    return id_in_path(release, sharing.RELEASE_NOT_FOUND)


def version_number(number: str) -> int:
    """The number of a version as it stands in a path or a query."""
    if not number.isascii() or not number.isdigit() or len(number) > 6:  # noqa: PLR2004 - nobody prepares a million
        raise Missing(sharing.RELEASE_NOT_FOUND)
    return int(number)


ReleaseManagerParam = Annotated[Actor, Depends(inline_dependency(release_manager))]
ReleaseParam = Annotated[uuid.UUID, Depends(inline_dependency(release_id))]
NumberParam = Annotated[int, Depends(inline_dependency(version_number))]


# Reading what comes in.


def _read_text(
    body: Mapping[str, Any], name: str, *, required: bool = False, max_length: int = MAX_TEXT_LENGTH
) -> str | None:
    """A text of the body, clean and without a state secret. Raises ``Invalid`` naming it."""
    given = body.get(name)
    if given is None or given == "":
        if required:
            raise invalid(name, "missing", "Bắt buộc", "Required")
        return None
    try:
        text = drafts.clean_text(given).strip() if isinstance(given, str) else ""
    except ValueError:
        text = ""
    if not text or len(text) > max_length:
        raise invalid(name, "text", f"Văn bản, tối đa {max_length} ký tự", f"Text of {max_length} characters at most")
    refuse_state_secret(name, text)
    return text


def _read_date(body: Mapping[str, Any], name: str) -> dt.date | None:
    if body.get(name) in (None, ""):
        return None
    try:
        return parse_date(body[name])
    except (ValueError, TypeError):
        raise invalid(name, "date", "Ngày dạng 2026-12-31", "A date such as 2026-12-31") from None


def _read_terms(session: Session, body: Mapping[str, Any], actor: Actor) -> Terms:
    """What a version rests on; the paper's name as the recipient may know it is its number where that may be shared."""
    document, basis = body.get("document"), _read_text(body, "basis")
    document_id = None
    if document not in (None, ""):
        try:
            document_id = uuid.UUID(document)
            found = json.loads(
                pages.read_feature(session, Selection(catalog["documents"], actor.clearance), document_id)
            )
        except (ValueError, TypeError, AttributeError, Missing):
            raise invalid("document", "unknown", "Không có văn bản này", "There is no such document") from None
        about = found["properties"]
        named = about["number"] or about["title"]
        if about["level"] in ("public", "partner"):
            basis = basis or named
        elif basis == named:
            raise invalid(
                "basis",
                "hidden",
                "Văn bản này không thuộc phạm vi cung cấp cho nơi nhận; hãy ghi căn cứ theo cách khác",
                "This document may not be given to the recipient; state the basis in another way",
            )
    terms = Terms(
        document_id,
        basis,
        _read_date(body, "valid_from"),
        _read_date(body, "valid_to"),
        _read_text(body, "note", max_length=2000),
    )
    if terms.valid_from and terms.valid_to and terms.valid_to < terms.valid_from:
        raise invalid("valid_to", "range", "Ngày cuối phải sau ngày đầu", "The end must not be before the start")
    return terms


def _read_parts(session: Session, body: Any) -> list[PreparedPart]:
    """The parts of the body, read with a partner's eyes: a filter over what a partner may not know is refused."""
    if not isinstance(body, list) or not body or not all(isinstance(one, dict) for one in body):
        raise invalid("parts", "missing", "Cần danh sách các lớp", "A list of layers is needed")
    return [_read_part(session, one) for one in body]


def _read_part(session: Session, body: Mapping[str, Any]) -> PreparedPart:
    unknown = body.keys() - {"layer", "filter", "fields", "decimals"}
    if unknown:
        name = min(unknown)[:60]
        raise invalid(f"parts.{name}", "unknown_field", "Không có trường này", "There is no such field")
    layer, fields, decimals = body.get("layer"), body.get("fields"), body.get("decimals")
    if not isinstance(layer, str) or layer not in catalog:
        raise invalid("parts.layer", "unknown", "Không có lớp này", "There is no such layer")
    if not isinstance(fields, list) or not all(isinstance(name, str) for name in fields):
        raise invalid("parts.fields", "missing", "Nêu tên từng thuộc tính được chia sẻ", "Name each field that may go")
    if decimals is not None and (not isinstance(decimals, int) or isinstance(decimals, bool)):
        raise invalid("parts.decimals", "type", "Một số nguyên hoặc để trống", "A whole number or nothing")
    asked = body.get("filter") or {}
    return PreparedPart(
        _part_selection(session, catalog[layer], asked, PARTNER), tuple(dict.fromkeys(fields)), decimals, asked
    )


def _part_selection(session: Session, layer: Layer, parameters: Any, reader: Actor) -> Selection:
    """The selection of a part for a reader. Raises ``Malformed`` like a view that is asked wrongly."""
    if not isinstance(parameters, dict):
        raise invalid(
            "parts.filter", "type", "Các tham số lọc như trên trang danh sách", "Filter parameters as on a list page"
        )
    pairs = [
        (name, str(one))
        for name, value in parameters.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    for name, _ in pairs:
        if name in UNSUPPORTED_PARAMETERS:
            raise invalid("parts.filter", "parameter", f"Không nhận '{name}'", f"Takes no parameter '{name}'")
    return selection_of(session, layer, QueryParams(pairs), reader).unpaged()


# The office's doors.


@router.get("/api/releases")
def list_releases(actor: ReleaseManagerParam, database: DatabaseParam, language: LanguageParam) -> dict[str, Any]:
    """Every release with its versions, the youngest first, and what was held back because its level was raised."""
    with database.transaction(actor) as session:
        found = [
            _release_document(session, release, sharing.versions_of(session, release.id), language)
            for release in sharing.list_releases(session)
        ]
        taken, number = holdings.list_recalled_holdings(session), holdings.count_recalled_holdings(session)
    return {"releases": found, "held_back": taken, "number_held_back": number}


@router.post("/api/releases", status_code=201, response_class=Response)
def create_release(
    request: Request, body: BodyParam, actor: ReleaseManagerParam, database: DatabaseParam, language: LanguageParam
) -> Response:
    """A new release in draft: name, recipient, parts, the paper it rests on, its period."""
    name, recipient = _read_text(body, "name", required=True) or "", _read_text(body, "recipient", required=True) or ""
    with database.transaction(PARTNER) as session:
        parts = _read_parts(session, body.get("parts"))
    with database.transaction(actor, write=True) as session:
        if done := _replayed_response(session, request, actor, body, language):
            return done
        made = sharing.prepare(session, name, recipient, _read_terms(session, body, actor), parts)
        return _recorded_response(session, request, actor, made.release_id, language, 201)


@router.post("/api/releases/{release}/versions", status_code=201, response_class=Response)
def create_version(  # noqa: PLR0917 - what a request brings
    request: Request,
    release: ReleaseParam,
    body: BodyParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: LanguageParam,
) -> Response:
    """The next version in draft; what the body does not say is as in the version before."""
    with database.transaction(actor) as session:
        before = sharing.versions_of(session, release)[-1]
        kept = [_part_document(one) for one in sharing.parts_of(session, before.id)]
    with database.transaction(PARTNER) as session:
        parts = _read_parts(session, body.get("parts", kept))
    terms = {
        "document": before.document_id and str(before.document_id),
        "basis": before.basis,
        "valid_from": before.valid_from and before.valid_from.isoformat(),
        "valid_to": before.valid_to and before.valid_to.isoformat(),
        "note": before.note,
    }
    with database.transaction(actor, write=True) as session:
        if done := _replayed_response(session, request, actor, body, language):
            return done
        sharing.prepare_next_version(session, release, _read_terms(session, {**terms, **body}, actor), parts)
        return _recorded_response(session, request, actor, release, language, 201)


def _replayed_response(
    session: Session, request: Request, actor: Actor, body: Mapping[str, Any], language: Language
) -> Response | None:
    """The release as it stands when this very write has been done before under its ``Idempotency-Key``."""
    key = idempotency_key_of(request)
    done = (
        idempotency.claim_key(session, key, actor.name, body, f"POST {request.url.path}") if key is not None else None
    )
    return None if done is None else _release_response(session, done, language)


def _recorded_response(  # noqa: PLR0917 - what an answer is made of
    session: Session, request: Request, actor: Actor, release: uuid.UUID, language: Language, status: int = 200
) -> Response:
    """The release as it stands after this write, which is remembered under its key."""
    if (key := idempotency_key_of(request)) is not None:
        idempotency.store_result(session, key, actor.name, release)
    return _release_response(session, release, language, status)


def _release_response(session: Session, release_id: uuid.UUID, language: Language, status: int = 200) -> Response:
    release = sharing.release_of(session, release_id)
    told = _release_document(session, release, sharing.versions_of(session, release.id), language)
    headers = {"Location": f"/api/releases/{release.id}"} if status == 201 else {}  # noqa: PLR2004
    return Response(json_bytes(told), status, headers, JSON)


@router.get("/api/releases/{release}/versions/{number}", response_class=Response)
def get_version(
    release: ReleaseParam,
    number: NumberParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: LanguageParam,
) -> Response:
    """One version, with the ETag that a change of its draft must bring back."""
    with database.transaction(actor) as session:
        found = sharing.release_of(session, release)
        version = sharing.version_of(session, release, number)
        told = _version_document(session, version, language)
        return Response(json_bytes(told), headers={"ETag": _draft_etag(session, found, version)}, media_type=JSON)


def _draft_etag(session: Session, release: release_models.Release, version: ReleaseVersion) -> str:
    """What a draft says, hashed: whoever changes it says which one was read."""
    terms = [str(getattr(version, name)) for name in (*vars(Terms()), "state")]
    parts = [_part_document(one) for one in sharing.parts_of(session, version.id)]
    return f'"{hashlib.sha256(json_bytes([release.name, release.recipient, terms, parts])).hexdigest()[:24]}"'


@router.put("/api/releases/{release}/versions/{number}", response_class=Response)
def replace_draft(  # noqa: PLR0917
    request: Request,
    release: ReleaseParam,
    number: NumberParam,
    body: BodyParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: LanguageParam,
) -> Response:
    """Change a draft before it is submitted, whole; ``If-Match`` names the one that was read."""
    seen = request.headers.get("if-match", "").strip()
    if not seen or seen == "*":
        raise Unconditional(
            Text(
                "Cần If-Match với ETag đã đọc, để không ghi đè thay đổi của người khác",
                "If-Match with the ETag read is required",
            )
        )
    with database.transaction(PARTNER) as session:
        parts = _read_parts(session, body.get("parts"))
    with database.transaction(actor, write=True) as session:
        version = sharing.version_of(session, release, number, locked=True)
        found = sharing.release_of(session, release)
        if seen != _draft_etag(session, found, version):
            raise Stale(Text("Bản nháp đã được sửa; hãy tải lại", "The draft was changed meanwhile; please reload"))
        name, recipient = (
            _read_text({name: body.get(name, getattr(found, name))}, name, required=True) or ""
            for name in RELEASE_FIELDS
        )
        terms = _read_terms(session, body, actor)
        sharing.update_draft(session, version, terms, parts, name=name, recipient=recipient)
        return _release_response(session, release, language)


@router.get("/api/releases/{release}")
def get_release(
    release: ReleaseParam, actor: ReleaseManagerParam, database: DatabaseParam, language: LanguageParam
) -> dict[str, Any]:
    """One release with all its versions: parts, steps, what was withheld, manifest."""
    with database.transaction(actor) as session:
        found = sharing.release_of(session, release)
        return _release_document(session, found, sharing.versions_of(session, release), language)


@router.post("/api/releases/{release}/versions/{number}/moves", response_class=Response)
def transition(  # noqa: PLR0917
    request: Request,
    release: ReleaseParam,
    number: NumberParam,
    body: BodyParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: LanguageParam,
) -> Response:
    """Move a version on: ``submitted``, ``approved``, ``rejected``, ``published``, ``withdrawn`` or ``discarded``."""
    try:
        to = ReleaseState(str(body.get("to")))
    except ValueError:
        words = ", ".join(ReleaseState)
        raise invalid("to", "code", f"Một trong: {words}", f"One of: {words}") from None
    reason = _read_text(body, "reason", required=to in release_models.STATES_WITH_REASON, max_length=500)
    rows: dict[str, Sequence[FeatureContent]] = {}
    kept: list[Withheld] = []
    if to is ReleaseState.SUBMITTED:
        rows, kept = preview_rows(database, actor, release, number)
    with database.transaction(actor, write=True, reason=reason) as session:
        if done := _replayed_response(session, request, actor, body, language):
            return done
        version = sharing.version_of(session, release, number, locked=True)
        if to is ReleaseState.SUBMITTED and version.state == ReleaseState.DRAFT:
            sharing.submit(session, version, rows, kept)
        else:
            sharing.transition(session, version, to)
        return _recorded_response(session, request, actor, release, language)


def preview_rows(
    database: Database, actor: Actor, release: uuid.UUID, number: int
) -> tuple[dict[str, Sequence[FeatureContent]], list[Withheld]]:
    """What of a version would go now, by layer, read with a partner's eyes; and what stays, with the actor's."""
    with database.transaction(actor) as session:
        parts = sharing.parts_of(session, sharing.version_of(session, release, number).id)
    rows: dict[str, Sequence[FeatureContent]] = {}
    kept: list[Withheld] = []
    for part in parts:
        layer = catalog[part.layer]
        with database.transaction(PARTNER) as session:
            selection = _part_selection(session, layer, part.filter, PARTNER)
            rows[part.layer] = contents.releasable_content(
                session, PreparedPart(selection, tuple(part.fields), part.decimals, part.filter)
            )
        with database.transaction(actor) as session:
            kept += contents.withheld(session, _part_selection(session, layer, part.filter, actor), rows[part.layer])
    return rows, kept


@router.get("/api/releases/{release}/versions/{number}/preview")
def preview(  # noqa: PLR0917
    request: Request,
    release: ReleaseParam,
    number: NumberParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: LanguageParam,
) -> dict[str, Any]:
    """Word for word what would go, as GeoJSON by layer, and what stays and why.

    Of a version that was submitted, these are the rows that were submitted; ``changed`` counts those that are no
    longer as they were, for which publication would be refused.
    """
    refuse_unknown_parameters(request)
    return preview_document(database, actor, release, number, language)


def preview_document(
    database: Database, actor: Actor, release: uuid.UUID, number: int, language: Language
) -> dict[str, Any]:
    """The preview as plain data."""
    with database.transaction(actor) as session:
        version = sharing.version_of(session, release, number)
        state, parts = ReleaseState(version.state), sharing.parts_of(session, version.id)
        submitted = sharing.rows_of(session, version.id)
        kept_then = version.withheld or {}
    shown: list[dict[str, Any]] = []
    if state is ReleaseState.DRAFT:
        rows, kept = preview_rows(database, actor, release, number)
        kept_now = [_withheld_document(one.layer, one.reason, one.number, one.labels, language) for one in kept]
    else:
        rows, kept_now = (
            {},
            [
                _withheld_document(layer, reason, count, [], language)
                for layer, reasons in kept_then.items()
                for reason, count in reasons.items()
            ],
        )
        with database.transaction(PARTNER) as session:
            for part in parts:
                ids = submitted.get(part.layer, {})
                rows[part.layer] = contents.submitted_content(session, part, catalog[part.layer], list(ids))
    for part in parts:
        layer, twin, wanted = catalog[part.layer], snapshot_layer(catalog[part.layer]), submitted.get(part.layer)
        now = {one.id: one.sha256 for one in rows[part.layer]}
        always = {*ALWAYS_RELEASED_FIELDS, *layer.required_with_geometry}
        shown.append(
            {
                **_part_document(part),
                "title": layer.title.in_language(language),
                "rows": len(now) if wanted is None else len(wanted),
                "changed": 0 if wanted is None else sum(now.get(one) != sha for one, sha in wanted.items()),
                "always": sorted(always),
                "unnamed": [
                    name for name in twin.snapshot_fields if name not in (*part.fields, *always, "version", "release")
                ],
                "above": [
                    one.title.in_language(language)
                    for name, one in layer.fields.items()
                    if name not in twin.snapshot_fields
                ],
                "features": {
                    "type": "FeatureCollection",
                    "features": [content_feature(one.content) for one in rows[part.layer][:MAX_PREVIEW_FEATURES]],
                },
            }
        )
    return {"state": state.value, "parts": shown, "withheld": kept_now}


def content_feature(content: Mapping[str, Any]) -> dict[str, Any]:
    """A content as a GeoJSON feature."""
    told = {name: value for name, value in content.items() if name not in ("id", "layer", "geometry")}
    return {"type": "Feature", "id": content["id"], "geometry": content.get("geometry"), "properties": told}


def _withheld_document(layer: str, reason: str, number: int, names: list[str], language: Language) -> dict[str, Any]:
    return {
        "layer": layer,
        "reason": reason,
        "said": contents.WITHHELD_REASONS[reason].in_language(language),
        "number": number,
        "named": names,
    }


def _part_document(part: ReleasePart) -> dict[str, Any]:
    return {"layer": part.layer, "filter": part.filter, "fields": part.fields, "decimals": part.decimals}


def _release_document(
    session: Session, release: release_models.Release, versions: Sequence[ReleaseVersion], language: Language
) -> dict[str, Any]:
    return {
        "id": str(release.id),
        "name": release.name,
        "recipient": release.recipient,
        "made_at": release.made_at.isoformat(),
        "versions": [_version_document(session, one, language) for one in reversed(versions)],
    }


def _version_document(session: Session, version: ReleaseVersion, language: Language) -> dict[str, Any]:
    state = ReleaseState(version.state)
    return {
        "number": version.number,
        "state": state.value,
        "state_said": state.title.in_language(language),
        "onward": [word for word in state.transitions_to if word != ReleaseState.REPLACED],
        "document": version.document_id and str(version.document_id),
        "basis": version.basis,
        "valid_from": version.valid_from and version.valid_from.isoformat(),
        "valid_to": version.valid_to and version.valid_to.isoformat(),
        "note": version.note,
        "preparers": version.preparers,
        "submitted_by": version.submitted_by,
        "approved_by": version.approved_by,
        "watermark": version.watermark and str(version.watermark),
        "withheld": version.withheld,
        "manifest": version.manifest,
        "parts": [_part_document(one) for one in sharing.parts_of(session, version.id)],
        "steps": [
            {"state": one.state, "actor": one.actor, "at": one.at.isoformat(), "reason": one.reason}
            for one in sharing.steps_of(session, version.id)
        ],
    }


@router.get("/api/holdings")
def get_holdings(request: Request, actor: ReleaseManagerParam, database: DatabaseParam) -> dict[str, Any]:
    """What recipients hold or held: of one ``recipient``, of a ``feature`` or of what stands ``at`` an address."""
    refuse_unknown_parameters(request, ("recipient", "feature", "at", "border"))
    return {"holdings": read_holdings(database, actor, request.query_params)}


def read_holdings(database: Database, actor: Actor, parameters: QueryParams) -> list[dict[str, Any]]:
    """The register as it is asked for, the latest first."""
    recipient, feature, at = (parameters.get(name) or None for name in ("recipient", "feature", "at"))
    if not (recipient or feature or at):
        raise Malformed(Text("Nêu recipient, feature hoặc at", "Name a recipient, a feature or at"))
    with database.transaction(actor) as session:
        wanted = None
        if feature is not None:
            wanted = [feature_id(feature)]
        elif at is not None:
            where = {"number": [at.strip()], **({"border": [parameters["border"]]} if parameters.get("border") else {})}
            wanted = holdings.ids_of(session, Selection(catalog["markers"], actor.clearance, where=where))
        return holdings.list_holdings(session, recipient=recipient, features=wanted)
