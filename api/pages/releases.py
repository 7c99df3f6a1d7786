"""The office's pages of what leaves the house: every release, one with its preview, the form, who holds what."""

import json
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.http.page import page_answer, shell
from api.http.parameters import DatabaseParam
from api.http.security import PageLanguageParam
from api.rest import releases
from api.rest.layers import card
from api.rest.releases import ReleaseParam, SharingParam
from api.settings import Settings
from gis.db.actors import Actor
from gis.db.session import Database
from gis.model.layer import catalog, every
from gis.read import sql as query
from gis.read.sql import Selection
from gis.release import workflow as sharing
from gis.release.models import ReleaseState
from gis.release.snapshot import ALWAYS, released
from gis.text.errors import Missing
from gis.text.i18n import Language
from maps.pages import releases as pages

router = APIRouter(tags=["releases"], include_in_schema=False)

MOST_PAPERS = 500
"""Documents that the form offers as what a release rests on."""


@router.get("/releases")
def releases_page(
    request: Request, actor: SharingParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """Every release."""
    told = releases.listed(actor, database, language)
    cards = {layer.name: card(layer, actor) for layer in every()}
    html = pages.releases_page(
        language,
        releases=told["releases"],
        held_back=told["held_back"],
        number_held_back=told["number_held_back"],
        cards=cards,
        states=ReleaseState,
        **shell(request),
    )
    return page_answer(request, html)


@router.get("/releases/new")
def new_release_page(
    request: Request, actor: SharingParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The form of a release."""
    return _form(request, actor, database, language)


@router.get("/releases/{release}/new")
def next_version_page(
    request: Request, release: ReleaseParam, actor: SharingParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The form of the next version, as the one before was."""
    return _form(request, actor, database, language, releases.one(release, actor, database, language))


@router.get("/releases/{release}/edit")
def draft_page(
    request: Request, release: ReleaseParam, actor: SharingParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The form of a draft that nobody has been asked to approve yet."""
    found = releases.one(release, actor, database, language)
    if found["versions"][0]["state"] != ReleaseState.DRAFT:
        raise Missing(sharing.GONE)
    number = found["versions"][0]["number"]
    tag = releases.one_version(release, number, actor, database, language).headers["etag"]
    return _form(request, actor, database, language, found, tag)


def _form(  # noqa: PLR0917 - what a form is made of
    request: Request,
    actor: Actor,
    database: Database,
    language: Language,
    before: dict[str, Any] | None = None,
    tag: str | None = None,
) -> Response:
    asked = {part["layer"]: part["filter"] for part in before["versions"][0]["parts"]} if before else {}
    with database.acting(actor) as session:
        papers = query.features(session, Selection(catalog["documents"], actor.eyes, limit=MOST_PAPERS))
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
            "title": layer.title.said_in(language),
            "placed": layer.placed or layer.drawn_by_links,
            "asked": urlencode(asked.get(layer.name, {}), doseq=True, safe=",/"),
            "fields": [
                (name, field.title.said_in(language))
                for name, field in released(layer).known.items()
                if name not in (*ALWAYS, *layer.always_with, "version", "release")
            ],
        }
        for layer in every()
    ]
    html = pages.new_release_page(
        language, layers=layers, documents=documents, before=before, tag=tag, **shell(request)
    )
    return page_answer(request, html)


@router.get("/releases/{release}")
def release_page(
    request: Request, release: ReleaseParam, actor: SharingParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """One release: what goes, what stays, who said so, and what may be done now."""
    settings: Settings = request.app.state.settings
    found = releases.one(release, actor, database, language)
    asked = request.query_params.get("version")
    number = releases.version_number(asked) if asked else found["versions"][0]["number"]
    version = next((told for told in found["versions"] if told["number"] == number), None)
    if version is None:
        raise Missing(sharing.GONE)
    html = pages.release_page(
        language,
        release=found,
        version=version,
        preview=releases.preview_of(database, actor, release, number, language),
        cards={layer.name: card(layer, actor) for layer in every()},
        states=ReleaseState,
        who=actor.name,
        home=settings.home,
        **shell(request),
    )
    return page_answer(request, html)


@router.get("/holdings")
def holdings_page(
    request: Request, actor: SharingParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """Who holds what of a marker, or what one recipient holds."""
    asked = request.query_params
    told = releases.holdings_asked(database, actor, asked) if asked.get("at") or asked.get("recipient") else None
    cards = {layer.name: card(layer, actor) for layer in every()}
    return page_answer(request, pages.holdings_page(language, holdings=told, cards=cards, **shell(request)))
