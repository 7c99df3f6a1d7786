"""Routes of the release pages: all releases, one release with its preview, the form, and the register of holdings."""

import json
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.http.dependencies import DatabaseParam, PageLanguageParam
from api.http.page import page_context, page_response
from api.rest import release_documents, releases
from api.rest.layers import layer_card
from api.rest.releases import ReleaseManagerParam, ReleaseParam
from api.settings import Settings
from gis.db import Actor, Database
from gis.model import all_layers, catalog
from gis.read import Selection, pages
from gis.release import ALWAYS_RELEASED_FIELDS, ReleaseState, snapshot_layer, workflow
from gis.text import Language, Missing
from maps.pages import releases as release_pages

router = APIRouter(tags=["releases"], include_in_schema=False)

MAX_DOCUMENTS = 500
"""Documents that the form offers as the basis of a release."""


@router.get("/releases")
def releases_page(
    request: Request, actor: ReleaseManagerParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The list of all releases."""
    document = releases.list_releases(actor, database, language)
    cards = {layer.name: layer_card(layer, actor) for layer in all_layers()}
    html = release_pages.releases_page(
        language,
        releases=document["releases"],
        recalled=document["held_back"],
        recalled_count=document["number_held_back"],
        cards=cards,
        states=ReleaseState,
        **page_context(request),
    )
    return page_response(request, html)


@router.get("/releases/new")
def new_release_page(
    request: Request, actor: ReleaseManagerParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The form of a new release."""
    return _release_form(request, actor, database, language)


@router.get("/releases/{release}/new")
def next_version_page(
    request: Request,
    release: ReleaseParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: PageLanguageParam,
) -> Response:
    """The form of the next version, filled in from the latest one."""
    return _release_form(request, actor, database, language, releases.get_release(release, actor, database, language))


@router.get("/releases/{release}/edit")
def draft_page(
    request: Request,
    release: ReleaseParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: PageLanguageParam,
) -> Response:
    """The form of a draft. Raises ``Missing`` once the version has been submitted."""
    document = releases.get_release(release, actor, database, language)
    if document["versions"][0]["state"] != ReleaseState.DRAFT:
        raise Missing(workflow.RELEASE_NOT_FOUND)
    number = document["versions"][0]["number"]
    etag = releases.get_version(release, number, actor, database, language).headers["etag"]
    return _release_form(request, actor, database, language, document, etag)


def _release_form(  # noqa: PLR0917 - the request, who asks, and the version to start from
    request: Request,
    actor: Actor,
    database: Database,
    language: Language,
    previous: dict[str, Any] | None = None,
    etag: str | None = None,
) -> Response:
    filters = {part["layer"]: part["filter"] for part in previous["versions"][0]["parts"]} if previous else {}
    with database.transaction(actor) as session:
        features = pages.read_features(session, Selection(catalog["documents"], actor.clearance, limit=MAX_DOCUMENTS))
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
            "title": layer.title.in_language(language),
            "has_position": layer.has_geometry or layer.geometry_from_links,
            "filter": urlencode(filters.get(layer.name, {}), doseq=True, safe=",/"),
            "fields": [
                (name, field.title.in_language(language))
                for name, field in snapshot_layer(layer).snapshot_fields.items()
                if name not in (*ALWAYS_RELEASED_FIELDS, *layer.required_with_geometry, "version", "release")
            ],
        }
        for layer in all_layers()
    ]
    html = release_pages.new_release_page(
        language, layers=layers, documents=documents, previous=previous, etag=etag, **page_context(request)
    )
    return page_response(request, html)


@router.get("/releases/{release}")
def release_page(
    request: Request,
    release: ReleaseParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: PageLanguageParam,
) -> Response:
    """One release: the preview of a version, what it withholds, its steps, and the transitions open to the actor."""
    settings: Settings = request.app.state.settings
    document = releases.get_release(release, actor, database, language)
    requested = request.query_params.get("version")
    number = releases.version_number(requested) if requested else document["versions"][0]["number"]
    version = next((version for version in document["versions"] if version["number"] == number), None)
    if version is None:
        raise Missing(workflow.RELEASE_NOT_FOUND)
    html = release_pages.release_page(
        language,
        release=document,
        version=version,
        preview=release_documents.preview_document(database, actor, release, number, language),
        cards={layer.name: layer_card(layer, actor) for layer in all_layers()},
        states=ReleaseState,
        actor_name=actor.name,
        home=settings.home,
        **page_context(request),
    )
    return page_response(request, html)


@router.get("/holdings")
def holdings_page(
    request: Request, actor: ReleaseManagerParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The register of released data: the recipients that hold a marker's data, or the data that one recipient holds."""
    query = request.query_params
    rows = releases.read_holdings(database, actor, query) if query.get("at") or query.get("recipient") else None
    cards = {layer.name: layer_card(layer, actor) for layer in all_layers()}
    html = release_pages.holdings_page(language, holdings=rows, cards=cards, **page_context(request))
    return page_response(request, html)
