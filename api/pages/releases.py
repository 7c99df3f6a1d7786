"""The office's pages of what leaves the house: every release, one with its preview, the form, who holds what."""

import json
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.http.dependencies import PageLanguageParam
from api.http.page import page_context, page_response
from api.http.parameters import DatabaseParam
from api.rest import releases
from api.rest.layers import card
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
"""Documents that the form offers as what a release rests on."""


@router.get("/releases")
def releases_page(
    request: Request, actor: ReleaseManagerParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """Every release."""
    told = releases.list_releases(actor, database, language)
    cards = {layer.name: card(layer, actor) for layer in all_layers()}
    html = release_pages.releases_page(
        language,
        releases=told["releases"],
        recalled=told["held_back"],
        recalled_count=told["number_held_back"],
        cards=cards,
        states=ReleaseState,
        **page_context(request),
    )
    return page_response(request, html)


@router.get("/releases/new")
def new_release_page(
    request: Request, actor: ReleaseManagerParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The form of a release."""
    return _release_form(request, actor, database, language)


@router.get("/releases/{release}/new")
def next_version_page(
    request: Request,
    release: ReleaseParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: PageLanguageParam,
) -> Response:
    """The form of the next version, as the one before was."""
    return _release_form(request, actor, database, language, releases.get_release(release, actor, database, language))


@router.get("/releases/{release}/edit")
def draft_page(
    request: Request,
    release: ReleaseParam,
    actor: ReleaseManagerParam,
    database: DatabaseParam,
    language: PageLanguageParam,
) -> Response:
    """The form of a draft that nobody has been asked to approve yet."""
    found = releases.get_release(release, actor, database, language)
    if found["versions"][0]["state"] != ReleaseState.DRAFT:
        raise Missing(workflow.RELEASE_NOT_FOUND)
    number = found["versions"][0]["number"]
    tag = releases.get_version(release, number, actor, database, language).headers["etag"]
    return _release_form(request, actor, database, language, found, tag)


def _release_form(  # noqa: PLR0917 - what a form is made of
    request: Request,
    actor: Actor,
    database: Database,
    language: Language,
    previous: dict[str, Any] | None = None,
    etag: str | None = None,
) -> Response:
    asked = {part["layer"]: part["filter"] for part in previous["versions"][0]["parts"]} if previous else {}
    with database.transaction(actor) as session:
        papers = pages.read_features(session, Selection(catalog["documents"], actor.clearance, limit=MAX_DOCUMENTS))
    documents = [
        {
            "id": paper["id"],
            "title": " · ".join(filter(None, (paper["properties"]["number"], paper["properties"]["title"]))),
        }
        for paper in map(json.loads, papers)
    ]
    layers = [
        {
            "name": layer.name,
            "title": layer.title.in_language(language),
            "placed": layer.has_geometry or layer.geometry_from_links,
            "asked": urlencode(asked.get(layer.name, {}), doseq=True, safe=",/"),
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
    """One release: what goes, what stays, who said so, and what may be done now."""
    settings: Settings = request.app.state.settings
    found = releases.get_release(release, actor, database, language)
    asked = request.query_params.get("version")
    number = releases.version_number(asked) if asked else found["versions"][0]["number"]
    version = next((told for told in found["versions"] if told["number"] == number), None)
    if version is None:
        raise Missing(workflow.RELEASE_NOT_FOUND)
    html = release_pages.release_page(
        language,
        release=found,
        version=version,
        preview=releases.preview_document(database, actor, release, number, language),
        cards={layer.name: card(layer, actor) for layer in all_layers()},
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
    """Who holds what of a marker, or what one recipient holds."""
    asked = request.query_params
    told = releases.read_holdings(database, actor, asked) if asked.get("at") or asked.get("recipient") else None
    cards = {layer.name: card(layer, actor) for layer in all_layers()}
    html = release_pages.holdings_page(language, holdings=told, cards=cards, **page_context(request))
    return page_response(request, html)
