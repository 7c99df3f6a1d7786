"""The way in and out: the sign-in page, the first password by invitation, signing out.

Whatever is wrong with a name, a password or a code is told in the same words after the same work, and whoever is wrong
too often waits. Each sign-in has a new secret, in a cookie that only this host can set and no script can read.
"""

import re
import uuid
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.http.bodies import read_secret, read_texts
from api.http.dependencies import PageLanguageParam, principal_of
from api.http.page import page_response
from api.http.request_body import BodyParam
from api.http.security import SESSION_COOKIE
from api.settings import Settings
from gis.accounts import Accounts, sign_out
from gis.text import Text, Unauthenticated
from maps.pages import accounts

router = APIRouter(tags=["sign-in"], include_in_schema=False)

LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def local_path(path: str | None) -> str:
    """Where to go after signing in: a path of ours, never somebody else's address, never the way in again."""
    if path and LOCAL_PATH.fullmatch(path) and not path.startswith(("/signin", "/signout")):
        return path
    return "/"


def client_ip(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def accounts_of(request: Request) -> Accounts:
    """The door of this application."""
    found: Accounts = request.app.state.accounts
    return found


def begin_session(request: Request, person_id: uuid.UUID) -> str:
    """Begin a sign-in, in which the browser's former one ends; gives the cookie's secret."""
    former, asked = request.cookies.get(SESSION_COOKIE), request.state.request_id
    device = request.headers.get("user-agent", "").encode("latin-1", "replace").decode("utf-8", "replace")
    return accounts_of(request).start_sign_in(
        person_id,
        previous_cookie=former,
        request=asked,
        device="".join(one for one in device if one.isprintable()) or None,
        ip_address=client_ip(request),
    )


def set_session_cookie(answer: Response, cookie: str) -> Response:
    """Let the browser keep its cookie until it is closed: sent to this host alone, over TLS, read by no script."""
    answer.set_cookie(SESSION_COOKIE, cookie, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def session_response(request: Request, person_id: uuid.UUID) -> Response:
    """A new sign-in, told to a page that goes on with it: its CSRF token and whose it is."""
    cookie = begin_session(request, person_id)
    guest = accounts_of(request).authenticate_cookie(cookie)
    return set_session_cookie(JSONResponse({"name": guest and guest.name, "csrf": guest and guest.csrf}), cookie)


def clear_session_cookie(answer: Response) -> Response:
    """Let the browser forget its cookie."""
    answer.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.get("/signin")
def sign_in_page(request: Request, language: PageLanguageParam) -> Response:
    """The way in."""
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
    """Where a link of invitation leads; its secret stands behind the ``#`` and is never part of a request's address."""
    settings: Settings = request.app.state.settings
    return page_response(request, accounts.invitation_page(language, office=settings.office))


@router.post("/signin")
def sign_in(request: Request, body: BodyParam) -> Response:
    """Sign in with a name, a password and, where there is a second factor, its code."""
    given = read_texts({name: body.get(name) for name in ("name", "code")}, "name", optional=("code",))
    person_id = accounts_of(request).verify_credentials(
        given["name"], read_secret(body, "password"), given["code"], client_ip(request)
    )
    return session_response(request, person_id)


@router.post("/signin/password")
def accept_invitation(request: Request, body: BodyParam) -> dict[str, Any]:
    """Choose the first password by the secret of an invitation; gives the name to sign in with."""
    invitation, password = read_secret(body, "invitation"), read_secret(body, "password")
    return {"name": accounts_of(request).accept_invitation(invitation, password, client_ip(request))}


@router.post("/signout")
def end_session(request: Request) -> Response:
    """End this browser's sign-in."""
    guest = principal_of(request)
    if guest is None or guest.sign_in_id is None:
        raise Unauthenticated(Text("Chưa đăng nhập", "Not signed in"))
    with accounts_of(request).transaction(guest.name, request=request.state.request_id) as session:
        sign_out(session, guest.sign_in_id)
    return clear_session_cookie(JSONResponse({}))
