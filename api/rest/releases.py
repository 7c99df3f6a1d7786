"""``/api/releases`` and ``/api/holdings``: prepare, preview, approve and publish releases, and list the holdings.

These routes are for roles that manage releases; their HTML pages are in ``api.pages.releases``. Partners read their own
releases at ``/ogc/releases`` (``api.ogc.partner_releases``).
"""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from api.http.bodies import parsed
from api.http.dependencies import ActorParam, Call, CallParam, inline_dependency
from api.http.etag import IfMatchParam, etag
from api.http.idempotency import IdempotencyKey, IdempotencyParam
from api.http.json_text import json_bytes
from api.http.media_types import JSON
from api.http.parameters import feature_id, id_in_path
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
from api.rest.release_drafts import REQUIRED, ReleaseName, StateTransition, VersionDraft, prepared_parts, terms_of
from gis.db import Session
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
from gis.text import Malformed, Missing, Stale, Text, invalid
from layers.markers import Marker
from layers.policy import PARTNER


def require_release_manager(actor: ActorParam) -> None:
    """Raise ``Missing`` for a role that does not manage releases, so that the paths stay hidden from it."""
    if not actor.role.manages_releases:
        raise Missing(NO_SUCH_PATH)


RELEASE_MANAGERS_ONLY = [Depends(inline_dependency(require_release_manager))]

router = APIRouter(tags=["releases"], dependencies=RELEASE_MANAGERS_ONLY)


def release_id(release: str) -> uuid.UUID:
    """The id of a release in the path. Raises ``Missing`` for anything but a UUID."""
    return id_in_path(release, workflow.RELEASE_NOT_FOUND)


def version_number(number: str) -> int:
    """The number of a version in a path or a query. Raises ``Missing`` for anything but up to six digits."""
    if not number.isascii() or not number.isdigit() or len(number) > 6:  # noqa: PLR2004
        raise Missing(workflow.RELEASE_NOT_FOUND)
    return int(number)


ReleaseParam = Annotated[uuid.UUID, Depends(inline_dependency(release_id))]
NumberParam = Annotated[int, Depends(inline_dependency(version_number))]


@router.get("/api/releases")
def list_releases(call: CallParam) -> dict[str, Any]:
    """All releases with their versions, newest first, and the holdings recalled because a level was raised."""
    with call.reading() as session:
        documents = [
            release_document(session, release, workflow.versions_of(session, release.id), call.language)
            for release in workflow.list_releases(session)
        ]
        recalled, count = holdings.list_recalled_holdings(session), holdings.count_recalled_holdings(session)
    return {"releases": documents, "held_back": recalled, "number_held_back": count}


@router.post("/api/releases", status_code=201, response_class=Response)
def create_release(
    call: CallParam,
    names: Annotated[ReleaseName, parsed(ReleaseName)],
    draft: Annotated[VersionDraft, parsed(VersionDraft)],
    key: IdempotencyParam,
) -> Response:
    """Create a release with a draft of version 1: name, recipient, layers, basis and period of validity."""
    with call.database.transaction(PARTNER) as session:
        parts = prepared_parts(session, draft)
    with call.writing() as session:
        if earlier := _replayed_response(call, session, key):
            return earlier
        terms = terms_of(session, draft)
        version = workflow.prepare(session, names.name, names.recipient, terms, parts)
        return _recorded_response(call, session, key, version.release_id, 201)


@router.post("/api/releases/{release}/versions", status_code=201, response_class=Response)
def create_version(call: CallParam, release: ReleaseParam, body: BodyParam, key: IdempotencyParam) -> Response:
    """Create a draft of the next version; what the body leaves out is taken from the previous version."""
    with call.reading() as session:
        previous = workflow.versions_of(session, release)[-1]
        earlier_parts = [part_document(part) for part in workflow.parts_of(session, previous.id)]
    draft = VersionDraft.parse(
        {
            "parts": earlier_parts,
            "document": previous.document_id and str(previous.document_id),
            "basis": previous.basis,
            "valid_from": previous.valid_from and previous.valid_from.isoformat(),
            "valid_to": previous.valid_to and previous.valid_to.isoformat(),
            "note": previous.note,
            **body,
        }
    )
    with call.database.transaction(PARTNER) as session:
        parts = prepared_parts(session, draft)
    with call.writing() as session:
        if earlier := _replayed_response(call, session, key):
            return earlier
        workflow.prepare_next_version(session, release, terms_of(session, draft), parts)
        return _recorded_response(call, session, key, release, 201)


def _replayed_response(call: Call, session: Session, key: IdempotencyKey) -> Response | None:
    """The response to a write that was made before with the same ``Idempotency-Key``; None for a new write."""
    release = key.claim(session, f"POST {call.request.url.path}")
    return None if release is None else _release_response(call, session, release)


def _recorded_response(
    call: Call, session: Session, key: IdempotencyKey, release: uuid.UUID, status: int = 200
) -> Response:
    """The response to a write, which is stored under its ``Idempotency-Key`` if there is one."""
    key.store(session, release)
    return _release_response(call, session, release, status)


def _release_response(call: Call, session: Session, release_id: uuid.UUID, status: int = 200) -> Response:
    release = workflow.release_of(session, release_id)
    document = release_document(session, release, workflow.versions_of(session, release.id), call.language)
    headers = {"Location": f"/api/releases/{release.id}"} if status == 201 else {}  # noqa: PLR2004
    return Response(json_bytes(document), status, headers, JSON)


@router.get("/api/releases/{release}/versions/{number}", response_class=Response)
def get_version(call: CallParam, release: ReleaseParam, number: NumberParam) -> Response:
    """One version, with the ETag for ``If-Match`` of a later change of the draft."""
    with call.reading() as session:
        version = workflow.version_of(session, release, number)
        headers = {"ETag": _draft_etag(session, workflow.release_of(session, release), version)}
        document = version_document(session, version, call.language)
        return Response(json_bytes(document), headers=headers, media_type=JSON)


def _draft_etag(session: Session, release: models.Release, version: ReleaseVersion) -> str:
    """The ETag of a draft: a hash of its release, terms, state and layers."""
    terms = [str(getattr(version, name)) for name in (*vars(Terms()), "state")]
    parts = [part_document(part) for part in workflow.parts_of(session, version.id)]
    return etag(json_bytes([release.name, release.recipient, terms, parts]), digits=24)


@router.put("/api/releases/{release}/versions/{number}", response_class=Response)
def replace_draft(
    call: CallParam, release: ReleaseParam, number: NumberParam, body: BodyParam, tags: IfMatchParam
) -> Response:
    """Replace a draft before it is submitted; ``If-Match`` must have the ETag that was read."""
    draft = VersionDraft.parse(body)
    with call.database.transaction(PARTNER) as session:
        parts = prepared_parts(session, draft)
    with call.writing() as session:
        version = workflow.version_of(session, release, number, locked=True)
        stored = workflow.release_of(session, release)
        if _draft_etag(session, stored, version) not in tags:
            raise Stale(
                Text("Bản nháp đã được sửa; hãy tải lại", "The draft has been changed since it was read; please reload")
            )
        names = ReleaseName.parse({"name": stored.name, "recipient": stored.recipient, **body})
        terms = terms_of(session, draft)
        workflow.update_draft(session, version, terms, parts, name=names.name, recipient=names.recipient)
        return _release_response(call, session, release)


@router.get("/api/releases/{release}")
def get_release(call: CallParam, release: ReleaseParam) -> dict[str, Any]:
    """One release with all its versions: layers, steps, withheld counts and manifest."""
    with call.reading() as session:
        stored = workflow.release_of(session, release)
        return release_document(session, stored, workflow.versions_of(session, release), call.language)


@router.post("/api/releases/{release}/versions/{number}/moves", response_class=Response)
def transition(
    call: CallParam,
    release: ReleaseParam,
    number: NumberParam,
    body: Annotated[StateTransition, parsed(StateTransition)],
    key: IdempotencyParam,
) -> Response:
    """Change the state: ``submitted``, ``approved``, ``rejected``, ``published``, ``withdrawn`` or ``discarded``."""
    if body.reason is None and body.to in models.STATES_WITH_REASON:
        raise invalid("reason", "missing", *REQUIRED)
    rows: dict[str, Sequence[FeatureContent]] = {}
    withheld: list[Withheld] = []
    if body.to is ReleaseState.SUBMITTED:
        rows, withheld = preview_rows(call, release, number)
    with call.writing(body.reason) as session:
        if earlier := _replayed_response(call, session, key):
            return earlier
        version = workflow.version_of(session, release, number, locked=True)
        if body.to is ReleaseState.SUBMITTED and version.state == ReleaseState.DRAFT:
            workflow.submit(session, version, rows, withheld)
        else:
            workflow.transition(session, version, body.to)
        return _recorded_response(call, session, key, release)


@router.get("/api/releases/{release}/versions/{number}/preview")
def preview(call: CallParam, release: ReleaseParam, number: NumberParam) -> dict[str, Any]:
    """The exact content of a version as GeoJSON by layer, and what is withheld and why.

    Once a version is submitted, the preview has the submitted rows; ``changed`` counts those that differ by now, and
    any of them prevents publication.
    """
    refuse_unknown_parameters(call.request)
    return preview_document(call, release, number)


@router.get("/api/holdings")
def get_holdings(call: CallParam) -> dict[str, Any]:
    """The present and past holdings of a ``recipient``, of a ``feature`` or of the markers ``at`` a number."""
    refuse_unknown_parameters(call.request, ("recipient", "feature", "at", "border"))
    return {"holdings": read_holdings(call)}


def read_holdings(call: Call) -> list[dict[str, Any]]:
    """The holdings of a recipient, a feature or a marker number, latest first. Raises ``Malformed`` without one."""
    recipient, feature, at, border = (call.query.get(name) for name in ("recipient", "feature", "at", "border"))
    if not (recipient or feature or at):
        raise Malformed(Text("Phải nêu recipient, feature hoặc at", "Give one of recipient, feature and at"))
    with call.reading() as session:
        ids = None
        if feature:
            ids = [feature_id(feature)]
        elif at:
            where = {"number": [at.strip()], **({"border": [border]} if border else {})}
            ids = holdings.ids_of(session, Selection.for_reader(session, Marker.layer, where=where))
        return holdings.list_holdings(session, recipient=recipient or None, features=ids)
