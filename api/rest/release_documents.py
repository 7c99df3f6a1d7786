"""Releases, versions and previews as JSON documents."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from api.http.dependencies import Call
from api.rest.release_drafts import part_selection
from gis.db import Session
from gis.model import catalog
from gis.release import (
    ALWAYS_RELEASED_FIELDS,
    FeatureContent,
    PreparedPart,
    ReleasePart,
    ReleaseState,
    ReleaseVersion,
    Withheld,
    contents,
    models,
    snapshot_layer,
    workflow,
)
from gis.text import Language
from layers.policy import PARTNER

MAX_PREVIEW_FEATURES = 500
"""A preview contains at most this many features of a layer; ``rows`` counts all."""


def preview_rows(
    call: Call, release: uuid.UUID, number: int
) -> tuple[dict[str, Sequence[FeatureContent]], list[Withheld]]:
    """The content that the version would release now, by layer, and the features that it would withhold.

    The content is read as a partner, so that it cannot exceed the partner's clearance; the withheld features are read
    as the actor.
    """
    with call.reading() as session:
        parts = workflow.parts_of(session, workflow.version_of(session, release, number).id)
    rows: dict[str, Sequence[FeatureContent]] = {}
    held_back: list[Withheld] = []
    for part in parts:
        layer = catalog[part.layer]
        with call.database.transaction(PARTNER) as session:
            selection = part_selection(session, layer, part.filter)
            rows[part.layer] = contents.releasable_content(
                session, PreparedPart(selection, tuple(part.fields), part.decimals, part.filter)
            )
        with call.reading() as session:
            selection = part_selection(session, layer, part.filter)
            held_back += contents.withheld(session, selection, rows[part.layer])
    return rows, held_back


def preview_document(call: Call, release: uuid.UUID, number: int) -> dict[str, Any]:
    """The preview of a version: per layer its content as GeoJSON, the fields left out, and what is withheld and why.

    Once a version is submitted, the preview has the submitted rows; ``changed`` counts those that differ by now.
    """
    language = call.language
    with call.reading() as session:
        version = workflow.version_of(session, release, number)
        state, parts = ReleaseState(version.state), workflow.parts_of(session, version.id)
        submitted = workflow.rows_of(session, version.id)
        stored_counts = version.withheld or {}
    documents: list[dict[str, Any]] = []
    if state is ReleaseState.DRAFT:
        rows, held_back = preview_rows(call, release, number)
        withheld = [
            _withheld_document(item.layer, item.reason, item.number, item.labels, language) for item in held_back
        ]
    else:
        rows = {}
        withheld = [
            _withheld_document(layer_name, reason, count, [], language)
            for layer_name, reasons in stored_counts.items()
            for reason, count in reasons.items()
        ]
        with call.database.transaction(PARTNER) as session:
            for part in parts:
                ids = submitted.get(part.layer, {})
                rows[part.layer] = contents.submitted_content(session, part, catalog[part.layer], list(ids))
    for part in parts:
        layer, snapshot = catalog[part.layer], snapshot_layer(catalog[part.layer])
        submitted_hashes = submitted.get(part.layer)
        hashes = {content.id: content.sha256 for content in rows[part.layer]}
        always = {*ALWAYS_RELEASED_FIELDS, *layer.required_with_geometry}
        documents.append(
            {
                **part_document(part),
                "title": layer.title.in_language(language),
                "rows": len(hashes if submitted_hashes is None else submitted_hashes),
                "changed": sum(hashes.get(row_id) != sha for row_id, sha in (submitted_hashes or {}).items()),
                "always": sorted(always),
                "unnamed": [
                    name
                    for name in snapshot.snapshot_fields
                    if name not in (*part.fields, *always, "version", "release")
                ],
                "above": [
                    field.title.in_language(language)
                    for name, field in layer.fields.items()
                    if name not in snapshot.snapshot_fields
                ],
                "features": {
                    "type": "FeatureCollection",
                    "features": [_content_feature(row.content) for row in rows[part.layer][:MAX_PREVIEW_FEATURES]],
                },
            }
        )
    return {"state": state.value, "parts": documents, "withheld": withheld}


def _content_feature(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a feature as GeoJSON."""
    properties = {name: value for name, value in content.items() if name not in ("id", "layer", "geometry")}
    return {"type": "Feature", "id": content["id"], "geometry": content.get("geometry"), "properties": properties}


def _withheld_document(layer: str, reason: str, number: int, names: list[str], language: Language) -> dict[str, Any]:
    return {
        "layer": layer,
        "reason": reason,
        "said": contents.WITHHELD_REASONS[reason].in_language(language),
        "number": number,
        "named": names,
    }


def part_document(part: ReleasePart) -> dict[str, Any]:
    """One layer of a version, as requests to create a version take it."""
    return {"layer": part.layer, "filter": part.filter, "fields": part.fields, "decimals": part.decimals}


def release_document(
    session: Session, release: models.Release, versions: Sequence[ReleaseVersion], language: Language
) -> dict[str, Any]:
    """A release with its versions, newest first."""
    return {
        "id": str(release.id),
        "name": release.name,
        "recipient": release.recipient,
        "made_at": release.made_at.isoformat(),
        "versions": [version_document(session, version, language) for version in reversed(versions)],
    }


def version_document(session: Session, version: ReleaseVersion, language: Language) -> dict[str, Any]:
    """One version with its terms, its layers, its steps and, once published, its manifest."""
    state = ReleaseState(version.state)
    return {
        "number": version.number,
        "state": state.value,
        "state_said": state.title.in_language(language),
        "onward": [target for target in state.transitions_to if target != ReleaseState.REPLACED],
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
        "parts": [part_document(part) for part in workflow.parts_of(session, version.id)],
        "steps": [
            {"state": step.state, "actor": step.actor, "at": step.at.isoformat(), "reason": step.reason}
            for step in workflow.steps_of(session, version.id)
        ],
    }
