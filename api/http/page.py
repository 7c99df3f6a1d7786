"""HTML pages: their response headers, and the context that all page templates take."""

import datetime as dt
from typing import Any

from fastapi import Request, Response

from api.http.dependencies import actor_of, page_language, principal_of
from api.http.etag import etag, is_not_modified
from api.http.media_types import HTML
from api.http.query import moment_of
from api.settings import Settings
from layers.policy import ANONYMOUS, ASSIGNABLE_ROLES
from maps.navigation import Navigation, Reader, navigation_of
from maps.rendering import Person

LANGUAGE_COOKIE_S = 365 * 24 * 3600


def page_response(request: Request, html: str) -> Response:
    """An HTML response with an ETag, or 304 Not Modified; a language chosen with ``?lang=`` is stored in a cookie."""
    tag = etag(html.encode())
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Language": page_language(request)}
    if is_not_modified(request, tag):
        return Response(status_code=304, headers=headers)
    response = Response(html, headers=headers, media_type=HTML)
    if request.query_params.get("lang") in ("vi", "en"):
        response.set_cookie(
            "lang",
            request.query_params["lang"],
            max_age=LANGUAGE_COOKIE_S,
            samesite="lax",
            httponly=True,
            secure=request.url.scheme == "https",
        )
    return response


def page_context(request: Request) -> dict[str, Any]:
    """The arguments that every page function passes on: office, ``as_of``, query, signed-in person, navigation."""
    settings: Settings = request.app.state.settings
    as_of = moment_of(request.query_params.get("as_of"), "as_of")
    return {
        "office": settings.office,
        "as_of": as_of or dt.datetime.now(dt.UTC),
        "query": {name: value for name, value in request.query_params.items() if name != "lang"},
        "person": signed_in_person(request),
        "navigation": navigation_on(request),
    }


def navigation_on(request: Request) -> Navigation:
    """The navigation of the reader; empty before anybody has been authenticated."""
    if getattr(request.state, "actor", ANONYMOUS) is ANONYMOUS:
        return Navigation()
    principal, actor = principal_of(request), actor_of(request)
    manages_accounts = principal is not None and actor.role.administrator and principal.has_second_factor
    return navigation_of(Reader(actor, manages_accounts))


def signed_in_person(request: Request) -> Person | None:
    """The signed-in person for the page header; None while no account exists, and for requests with a bearer token."""
    principal, actor = principal_of(request), actor_of(request)
    if principal is None or principal.csrf is None:
        return None
    return Person(
        name=principal.name,
        role_title=ASSIGNABLE_ROLES[principal.role].title,
        title=principal.title,
        unit=principal.unit,
        csrf=principal.csrf,
        may_report=bool(navigation_on(request).new),
        may_manage_releases=actor.role.manages_releases,
    )
