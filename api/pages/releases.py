"""Routes of the release pages: all releases, one release with its preview, the form, and the register of holdings."""

import json
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Response

from api.http.dependencies import Call, PageCallParam
from api.http.page import page_context, page_response
from api.rest import release_documents, releases
from api.rest.layers import layer_card
from api.rest.releases import RELEASE_MANAGERS_ONLY, ReleaseParam
from api.settings import Settings
from gis.db import result_of
from gis.model import all_layers
from gis.read import Selection, pages
from gis.release import ALWAYS_RELEASED_FIELDS, ReleaseState, snapshot_layer, workflow
from gis.text import Missing
from layers.documents import Document
from maps.messages import MESSAGES
from maps.navigation import declare_page
from maps.pages import releases as release_pages

router = APIRouter(tags=["releases"], include_in_schema=False, dependencies=RELEASE_MANAGERS_ONLY)

declare_page("/releases", MESSAGES["releases"], rank=210, allows=lambda reader: reader.actor.role.manages_releases)
declare_page(
    "/holdings", release_pages.MESSAGES["holdings"], rank=220, allows=lambda reader: reader.actor.role.manages_releases
)

MAX_DOCUMENTS = 500
"""Documents that the form offers as the basis of a release."""


@router.get("/releases")
def releases_page(call: PageCallParam) -> Response:
    """The list of all releases."""
    document = releases.list_releases(call)
    html = release_pages.releases_page(
        call.language,
        releases=document["releases"],
        recalled=document["held_back"],
        recalled_count=document["number_held_back"],
        cards=_cards(call),
        states=ReleaseState,
        **page_context(call.request),
    )
    return page_response(call.request, html)


def _cards(call: Call) -> dict[str, Any]:
    return {layer.name: layer_card(layer, call.actor) for layer in all_layers()}


@router.get("/releases/new")
def new_release_page(call: PageCallParam) -> Response:
    """The form of a new release."""
    return _release_form(call)


@router.get("/releases/{release}/new")
def next_version_page(call: PageCallParam, release: ReleaseParam) -> Response:
    """The form of the next version, filled in from the latest one."""
    return _release_form(call, releases.get_release(call, release))


@router.get("/releases/{release}/edit")
def draft_page(call: PageCallParam, release: ReleaseParam) -> Response:
    """The form of a draft. Raises ``Missing`` once the version has been submitted."""
    document = releases.get_release(call, release)
    if document["versions"][0]["state"] != ReleaseState.DRAFT:
        raise Missing(workflow.RELEASE_NOT_FOUND)
    etag = releases.get_version(call, release, document["versions"][0]["number"]).headers["etag"]
    return _release_form(call, document, etag)


def _release_form(call: Call, previous: dict[str, Any] | None = None, etag: str | None = None) -> Response:
    """The form, empty or filled in from the latest version of ``previous``; ``etag`` is that of the draft to change."""
    filters = {part["layer"]: part["filter"] for part in previous["versions"][0]["parts"]} if previous else {}
    with call.reading() as session:
        selection = Selection.for_reader(session, Document.layer, limit=MAX_DOCUMENTS)
        features = result_of(pages.read_features(session, selection))
    documents = [
        {
            "id": document["id"],
            "title": " · ".join(filter(None, (document["properties"]["number"], document["properties"]["title"]))),
        }
        for document in map(json.loads, features)
    ]
    layers = [
        {
            "name": layer.name,
            "title": layer.title.in_language(call.language),
            "has_position": layer.has_geometry or layer.geometry_from_links,
            "filter": urlencode(filters.get(layer.name, {}), doseq=True, safe=",/"),
            "fields": [
                (name, field.title.in_language(call.language))
                for name, field in snapshot_layer(layer).snapshot_fields.items()
                if name not in (*ALWAYS_RELEASED_FIELDS, *layer.required_with_geometry, "version", "release")
            ],
        }
        for layer in all_layers()
    ]
    html = release_pages.new_release_page(
        call.language,
        layers=layers,
        documents=documents,
        previous=previous,
        etag=etag,
        **page_context(call.request),
    )
    return page_response(call.request, html)


@router.get("/releases/{release}")
def release_page(call: PageCallParam, release: ReleaseParam) -> Response:
    """One release: the preview of a version, what it withholds, its steps, and the transitions open to the actor."""
    settings: Settings = call.request.app.state.settings
    document = releases.get_release(call, release)
    requested = call.query.get("version")
    number = releases.version_number(requested) if requested else document["versions"][0]["number"]
    version = next((version for version in document["versions"] if version["number"] == number), None)
    if version is None:
        raise Missing(workflow.RELEASE_NOT_FOUND)
    html = release_pages.release_page(
        call.language,
        release=document,
        version=version,
        preview=release_documents.preview_document(call, release, number),
        cards=_cards(call),
        states=ReleaseState,
        actor_name=call.actor.name,
        home=settings.home,
        **page_context(call.request),
    )
    return page_response(call.request, html)


@router.get("/holdings")
def holdings_page(call: PageCallParam) -> Response:
    """The register of released data: the recipients that hold a marker's data, or the data that one recipient holds."""
    rows = releases.read_holdings(call) if call.query.get("at") or call.query.get("recipient") else None
    html = release_pages.holdings_page(call.language, holdings=rows, cards=_cards(call), **page_context(call.request))
    return page_response(call.request, html)
