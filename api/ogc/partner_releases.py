"""``/ogc/releases``: the manifests of a partner's releases, and the changes since a version.

Partners read the released features as OGC API collections. Roles that manage releases may read these paths, too.
"""

import json
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from api.http.dependencies import ActorParam, CallParam, inline_dependency
from api.http.media_types import JSON
from api.http.negotiation import link
from api.http.query import malformed_parameter, refuse_unknown_parameters
from api.http.security import NO_SUCH_PATH
from api.rest.releases import ReleaseParam
from gis.release import Manifest, holdings, workflow
from gis.text import Missing


def require_release_reader(actor: ActorParam) -> None:
    """Raise ``Missing`` for an actor who neither receives nor manages releases."""
    if not (actor.role.external or actor.role.manages_releases):
        raise Missing(NO_SUCH_PATH)


router = APIRouter(
    prefix="/ogc/releases", tags=["releases"], dependencies=[Depends(inline_dependency(require_release_reader))]
)


@router.get("")
def list_releases(call: CallParam) -> dict[str, Any]:
    """The releases to a partner, each with the manifest of its latest version."""
    refuse_unknown_parameters(call.request)
    with call.reading() as session:
        newest_first = holdings.list_manifests(session)
    latest = {manifest.release: manifest for manifest in reversed(newest_first)}
    releases = dict.fromkeys(manifest.release for manifest in newest_first)
    return {
        "releases": [_manifest_document(call.request, latest[release]) for release in releases],
        "links": [link(call.request, "/ogc/releases", "self", JSON)],
    }


@router.get("/{release}")
def manifests(release: ReleaseParam, call: CallParam) -> dict[str, Any]:
    """The manifests of a release, the latest version first."""
    refuse_unknown_parameters(call.request)
    with call.reading() as session:
        versions = holdings.list_manifests(session, release)
    if not versions:
        raise Missing(workflow.RELEASE_NOT_FOUND)
    return {"versions": [_manifest_document(call.request, version) for version in versions]}


def _manifest_document(request: Request, manifest: Manifest) -> dict[str, Any]:
    path = f"/ogc/releases/{manifest.release}"
    return {
        **manifest.manifest,
        "withdrawn_at": manifest.withdrawn_at and manifest.withdrawn_at.isoformat(),
        "links": [
            link(request, path, "self", JSON),
            link(request, f"{path}/delta?since={manifest.number}", "predecessor-version", JSON),
        ],
    }


@router.get("/{release}/delta", response_class=Response)
def delta(release: ReleaseParam, call: CallParam) -> Response:
    """The changes since version ``since``: features added and changed, and the ids of features removed."""
    refuse_unknown_parameters(call.request, ("since",))
    since = call.query.get("since", "0")
    if not since.isascii() or not since.isdigit() or len(since) > 6:  # noqa: PLR2004
        raise malformed_parameter("since", "phải là số của một phiên bản", "must be the number of a version")
    with call.reading() as session:
        changes = holdings.delta(session, release, int(since))
    about = {"release": str(release), "since": changes.since, "version": changes.until, "removed": changes.removed}
    body = b",".join(
        [
            json.dumps(about, ensure_ascii=False).encode()[:-1],
            b'"added":{"type":"FeatureCollection","features":[' + b",".join(changes.added) + b"]}",
            b'"changed":{"type":"FeatureCollection","features":[' + b",".join(changes.changed) + b"]}}",
        ]
    )
    return Response(body, media_type=JSON)
