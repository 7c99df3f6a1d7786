"""``/api/releases`` and ``/api/holdings``: prepare, preview, approve and publish releases, and list the holdings.

These routes are for roles that manage releases; their HTML pages are in ``api.pages.releases``. Partners read their own
releases at ``/ogc/releases`` (``api.ogc.partner_releases``).
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import QueryParams

from api.http.dependencies import ActorParam, DatabaseParam, LanguageParam, inline_dependency
from api.http.etag import etag, if_match
from api.http.json_text import json_bytes
from api.http.media_types import JSON
from api.http.parameters import feature_id, id_in_path, idempotency_key_of
from api.http.query import refuse_unknown_parameters
from api.http.request_body import BodyParam
from api.http.security import NO_SUCH_PATH
from api.rest.release_documents import (
    part_document,
    preview_document,
    preview_rows,
    release_document,
    version_document,
)
from api.rest.release_drafts import read_parts, read_terms, read_text
from gis.db import Actor, Database, Session
from gis.model import catalog
from gis.read import Selection
from gis.release import (
    FeatureContent,
    ReleaseState,
    ReleaseVersion,
    Terms,
    Withheld,
    holdings,
    models,
    workflow,
)
from gis.text import Language, Malformed, Missing, Stale, Text, invalid
from gis.write import idempotency
from layers.policy import PARTNER

router = APIRouter(tags=["releases"])

RELEASE_FIELDS = ("name", "recipient")
"""The fields of a release; all others belong to its versions."""


def release_manager(actor: ActorParam) -> Actor:
    """An actor whose role manages releases. Raises ``Missing`` for others, so that the paths stay hidden from them."""
    if not actor.role.manages_releases:
        raise Missing(NO_SUCH_PATH)
    return actor


def release_id(release: str) -> uuid.UUID:
    """The id of a release in the path. Raises ``Missing`` for anything but a UUID."""
    return id_in_path(release, workflow.RELEASE_NOT_FOUND)


def version_number(number: str) -> int:
    """The number of a version in a path or a query. Raises ``Missing`` for anything but up to six digits."""
    if not number.isascii() or not number.isdigit() or len(number) > 6:  # noqa: PLR2004
        raise Missing(workflow.RELEASE_NOT_FOUND)
    return int(number)


ReleaseManagerParam = Annotated[Actor, Depends(inline_dependency(release_manager))]
ReleaseParam = Annotated[uuid.UUID, Depends(inline_dependency(release_id))]
NumberParam = Annotated[int, Depends(inline_dependency(version_number))]


@router.get("/api/releases")
def list_releases(actor: ReleaseManagerParam, database: DatabaseParam, language: LanguageParam) -> dict[str, Any]:
    """All releases with their versions, newest first, and the holdings recalled because a level was raised."""
    with database.transaction(actor) as session:
        documents = [
            release_document(session, release, workflow.versions_of(session, release.id), language)
            for release in workflow.list_releases(session)
        ]
        recalled, count = holdings.list_recalled_holdings(session), holdings.count_recalled_holdings(session)
    return {"releases": documents, "held_back": recalled, "number_held_back": count}


@router.post("/api/releases", status_code=201, response_class=Response)
def create_release(
    request: Request, body: BodyParam, actor: ReleaseManagerParam, database: DatabaseParam, language: LanguageParam
) -> Response:
    """Create a release with a draft of version 1: name, recipient, layers, basis and period of validity."""
    name, recipient = read_text(body, "name", required=True) or "", read_text(body, "recipient", required=True) or ""
    with database.transaction(PARTNER) as session:
        parts = read_parts(session, body.get("parts"))
    with database.transaction(actor, write=True) as session:
        if earlier := _replayed_response(session, request, actor, body, language):
            return earlier
        version = workflow.prepare(session, name, recipient, read_terms(session, body, actor), parts)
        return _recorded_response(session, request, actor, version.release_id, language, 201)


@router.post("/api/releases/{release}/versions", status_code=201, response_class=Response)
def create_version(  # noqa: PLR0917 - one parameter per dependency
    request: Request,
    release: ReleaseParam,
    body: BodyParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: LanguageParam,
) -> Response:
    """Create a draft of the next version; what the body leaves out is taken from the previous version."""
    with database.transaction(actor) as session:
        previous = workflow.versions_of(session, release)[-1]
        earlier_parts = [part_document(part) for part in workflow.parts_of(session, previous.id)]
    with database.transaction(PARTNER) as session:
        parts = read_parts(session, body.get("parts", earlier_parts))
    terms = {
        "document": previous.document_id and str(previous.document_id),
        "basis": previous.basis,
        "valid_from": previous.valid_from and previous.valid_from.isoformat(),
        "valid_to": previous.valid_to and previous.valid_to.isoformat(),
        "note": previous.note,
    }
    with database.transaction(actor, write=True) as session:
        if earlier := _replayed_response(session, request, actor, body, language):
            return earlier
        workflow.prepare_next_version(session, release, read_terms(session, {**terms, **body}, actor), parts)
        return _recorded_response(session, request, actor, release, language, 201)


def _replayed_response(
    session: Session, request: Request, actor: Actor, body: Mapping[str, Any], language: Language
) -> Response | None:
    """The response to a write that was made before with the same ``Idempotency-Key``; None for a new write."""
    key = idempotency_key_of(request)
    if key is None:
        return None
    release = idempotency.claim_key(session, key, actor.name, body, f"POST {request.url.path}")
    return None if release is None else _release_response(session, release, language)


def _recorded_response(  # noqa: PLR0917 - the parts of the response
    session: Session, request: Request, actor: Actor, release: uuid.UUID, language: Language, status: int = 200
) -> Response:
    """The response to a write, which is stored under its ``Idempotency-Key`` if there is one."""
    if (key := idempotency_key_of(request)) is not None:
        idempotency.store_result(session, key, actor.name, release)
    return _release_response(session, release, language, status)


def _release_response(session: Session, release_id: uuid.UUID, language: Language, status: int = 200) -> Response:
    release = workflow.release_of(session, release_id)
    document = release_document(session, release, workflow.versions_of(session, release.id), language)
    headers = {"Location": f"/api/releases/{release.id}"} if status == 201 else {}  # noqa: PLR2004
    return Response(json_bytes(document), status, headers, JSON)


@router.get("/api/releases/{release}/versions/{number}", response_class=Response)
def get_version(
    release: ReleaseParam,
    number: NumberParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: LanguageParam,
) -> Response:
    """One version, with the ETag for ``If-Match`` of a later change of the draft."""
    with database.transaction(actor) as session:
        version = workflow.version_of(session, release, number)
        headers = {"ETag": _draft_etag(session, workflow.release_of(session, release), version)}
        return Response(json_bytes(version_document(session, version, language)), headers=headers, media_type=JSON)


def _draft_etag(session: Session, release: models.Release, version: ReleaseVersion) -> str:
    """The ETag of a draft: a hash of its release, terms, state and layers."""
    terms = [str(getattr(version, name)) for name in (*vars(Terms()), "state")]
    parts = [part_document(part) for part in workflow.parts_of(session, version.id)]
    return etag(json_bytes([release.name, release.recipient, terms, parts]), digits=24)


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
    """Replace a draft before it is submitted; ``If-Match`` must have the ETag that was read."""
    tags = if_match(request)
    with database.transaction(PARTNER) as session:
        parts = read_parts(session, body.get("parts"))
    with database.transaction(actor, write=True) as session:
        version = workflow.version_of(session, release, number, locked=True)
        stored = workflow.release_of(session, release)
        if _draft_etag(session, stored, version) not in tags:
            raise Stale(
                Text("Bản nháp đã được sửa; hãy tải lại", "The draft has been changed since it was read; please reload")
            )
        name, recipient = (
            read_text({name: body.get(name, getattr(stored, name))}, name, required=True) or ""
            for name in RELEASE_FIELDS
        )
        terms = read_terms(session, body, actor)
        workflow.update_draft(session, version, terms, parts, name=name, recipient=recipient)
        return _release_response(session, release, language)


@router.get("/api/releases/{release}")
def get_release(
    release: ReleaseParam, actor: ReleaseManagerParam, database: DatabaseParam, language: LanguageParam
) -> dict[str, Any]:
    """One release with all its versions: layers, steps, withheld counts and manifest."""
    with database.transaction(actor) as session:
        stored = workflow.release_of(session, release)
        return release_document(session, stored, workflow.versions_of(session, release), language)


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
    """Change the state: ``submitted``, ``approved``, ``rejected``, ``published``, ``withdrawn`` or ``discarded``."""
    try:
        to = ReleaseState(str(body.get("to")))
    except ValueError:
        codes = ", ".join(ReleaseState)
        raise invalid(
            "to", "code", f"Không có tình trạng này. Được phép: {codes}", f"Unknown state. Allowed: {codes}"
        ) from None
    reason = read_text(body, "reason", required=to in models.STATES_WITH_REASON, max_length=500)
    rows: dict[str, Sequence[FeatureContent]] = {}
    withheld: list[Withheld] = []
    if to is ReleaseState.SUBMITTED:
        rows, withheld = preview_rows(database, actor, release, number)
    with database.transaction(actor, write=True, reason=reason) as session:
        if earlier := _replayed_response(session, request, actor, body, language):
            return earlier
        version = workflow.version_of(session, release, number, locked=True)
        if to is ReleaseState.SUBMITTED and version.state == ReleaseState.DRAFT:
            workflow.submit(session, version, rows, withheld)
        else:
            workflow.transition(session, version, to)
        return _recorded_response(session, request, actor, release, language)


@router.get("/api/releases/{release}/versions/{number}/preview")
def preview(  # noqa: PLR0917
    request: Request,
    release: ReleaseParam,
    number: NumberParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: LanguageParam,
) -> dict[str, Any]:
    """The exact content of a version as GeoJSON by layer, and what is withheld and why.

    Once a version is submitted, the preview has the submitted rows; ``changed`` counts those that differ by now, and
    any of them prevents publication.
    """
    refuse_unknown_parameters(request)
    return preview_document(database, actor, release, number, language)


@router.get("/api/holdings")
def get_holdings(request: Request, actor: ReleaseManagerParam, database: DatabaseParam) -> dict[str, Any]:
    """The present and past holdings of a ``recipient``, of a ``feature`` or of the markers ``at`` a number."""
    refuse_unknown_parameters(request, ("recipient", "feature", "at", "border"))
    return {"holdings": read_holdings(database, actor, request.query_params)}


def read_holdings(database: Database, actor: Actor, parameters: QueryParams) -> list[dict[str, Any]]:
    """The holdings of a recipient, a feature or a marker number, latest first. Raises ``Malformed`` without one."""
    recipient, feature, at = (parameters.get(name) or None for name in ("recipient", "feature", "at"))
    if not (recipient or feature or at):
        raise Malformed(Text("Phải nêu recipient, feature hoặc at", "Give one of recipient, feature and at"))
    with database.transaction(actor) as session:
        ids = None
        if feature is not None:
            ids = [feature_id(feature)]
        elif at is not None:
            where = {"number": [at.strip()], **({"border": [parameters["border"]]} if parameters.get("border") else {})}
            ids = holdings.ids_of(session, Selection(catalog["markers"], actor.clearance, where=where))
        return holdings.list_holdings(session, recipient=recipient, features=ids)
