"""Routes to sign in, to choose the first password by an invitation, and to sign out.

A wrong name, password or code gives the same response after the same work, so that the response does not show which
names exist; repeated failures are throttled. Each session has a new secret in a ``__Host-`` cookie: only this host can
set it, and no script can read it.
"""

import re
import uuid
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.http.bodies import Form, OptionalShortText, Password, Secret, ShortText, parsed
from api.http.dependencies import PageLanguageParam, principal_of
from api.http.page import page_response
from api.http.security import SESSION_COOKIE
from api.settings import Settings
from gis.accounts import Accounts, StartedSession, sign_out
from gis.text import Text, Unauthenticated
from layers.password_words import BORDER_WORDS
from maps.pages import accounts

router = APIRouter(tags=["sign-in"], include_in_schema=False)

LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


class Credentials(Form):
    """Name and, if a second factor is set up, its code; the password is a body of its own, ``Password``."""

    ignores_unknown_fields = True

    name: ShortText
    code: OptionalShortText


class FirstPassword(Password):
    """The first password and the secret of the invitation to choose it."""

    invitation: Secret


def local_path(path: str | None) -> str:
    """Where to go after signing in: ``path`` if it is a path on this host, else ``/``.

    URLs of other hosts (such as ``//host``) are refused, and so are the sign-in and sign-out pages themselves.
    """
    if path and LOCAL_PATH.fullmatch(path) and not path.startswith(("/signin", "/signout")):
        return path
    return "/"


def client_ip(request: Request) -> str:
    """The IP address of the client; empty when the server does not know it."""
    return request.client.host if request.client else ""


def accounts_of(request: Request) -> Accounts:
    """The accounts of the application that serves the request."""
    accounts: Accounts = request.app.state.accounts
    return accounts


def begin_session(request: Request, person_id: uuid.UUID) -> StartedSession:
    """Start a session and end the one that the browser had before."""
    device = request.headers.get("user-agent", "").encode("latin-1", "replace").decode("utf-8", "replace")
    return accounts_of(request).start_sign_in(
        person_id,
        previous_cookie=request.cookies.get(SESSION_COOKIE),
        request=request.state.request_id,
        device="".join(character for character in device if character.isprintable()) or None,
        ip_address=client_ip(request),
    )


def set_session_cookie(response: Response, cookie: str) -> Response:
    """Set the session cookie: it lasts until the browser closes, for this host only, over TLS, hidden from scripts."""
    response.set_cookie(SESSION_COOKIE, cookie, path="/", secure=True, httponly=True, samesite="lax")
    return response


def session_response(request: Request, person_id: uuid.UUID) -> Response:
    """Start a session; the response tells the page the person's name and the session's CSRF token."""
    started = begin_session(request, person_id)
    return set_session_cookie(JSONResponse({"name": started.name, "csrf": started.csrf}), started.cookie)


def clear_session_cookie(response: Response) -> Response:
    """Delete the session cookie."""
    response.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


@router.get("/signin")
def sign_in_page(request: Request, language: PageLanguageParam) -> Response:
    """The sign-in page."""
    settings: Settings = request.app.state.settings
    html = accounts.sign_in_page(
        language,
        office=settings.office,
        next_path=local_path(request.query_params.get("next")),
        query={name: value for name, value in request.query_params.items() if name == "next"},
        provider=settings.oidc_title if settings.oidc_issuer else None,
        has_accounts=accounts_of(request).sign_in_required(),
    )
    return page_response(request, html)


@router.get("/signin/password")
def invitation_page(request: Request, language: PageLanguageParam) -> Response:
    """The page behind an invitation link. The secret is in the fragment (``#``), which browsers never send."""
    settings: Settings = request.app.state.settings
    return page_response(request, accounts.invitation_page(language, office=settings.office))


@router.post("/signin")
def sign_in(
    request: Request,
    credentials: Annotated[Credentials, parsed(Credentials)],
    body: Annotated[Password, parsed(Password)],
) -> Response:
    """Sign in with a name, a password and, if a second factor is set up, its code."""
    person_id = accounts_of(request).verify_credentials(
        credentials.name, body.password, credentials.code, client_ip(request)
    )
    return session_response(request, person_id)


@router.post("/signin/password")
def accept_invitation(request: Request, body: Annotated[FirstPassword, parsed(FirstPassword)]) -> dict[str, str]:
    """Choose a password with the secret of an invitation; returns the name to sign in with."""
    name = accounts_of(request).accept_invitation(body.invitation, body.password, client_ip(request), BORDER_WORDS)
    return {"name": name}


@router.post("/signout")
def end_session(request: Request) -> Response:
    """End the session of this browser. Raises ``Unauthenticated`` if there is none."""
    principal = principal_of(request)
    if principal is None or principal.sign_in_id is None:
        raise Unauthenticated(Text("Chưa đăng nhập", "Not signed in"))
    with accounts_of(request).transaction(principal.name, request=request.state.request_id) as session:
        sign_out(session, principal.sign_in_id)
    return clear_session_cookie(JSONResponse({}))
