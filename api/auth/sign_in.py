"""The way in and out: the sign-in page, the first password by invitation, signing out.

Whatever is wrong with a name, a password or a code is told in the same words after the same work, and whoever is wrong
too often waits. Each sign-in has a new secret, in a cookie that only this host can set and no script can read.
"""

import re
import uuid
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.http.bodies import secret, texts
from api.http.page import page_answer
from api.http.security import COOKIE, BodyParam, PageLanguageParam, guest_of
from api.settings import Settings
from gis.accounts.authentication import Accounts
from gis.accounts.models import sign_out
from gis.text.errors import Unauthenticated
from gis.text.i18n import Text
from maps.pages import accounts as entrance

router = APIRouter(tags=["sign-in"], include_in_schema=False)

LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def local_path(wanted: str | None) -> str:
    """Where to go after signing in: a path of ours, never somebody else's address, never the way in again."""
    if wanted and LOCAL.fullmatch(wanted) and not wanted.startswith(("/signin", "/signout")):
        return wanted
    return "/"


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def accounts_of(request: Request) -> Accounts:
    """The door of this application."""
    found: Accounts = request.app.state.accounts
    return found


def enter(request: Request, person_id: uuid.UUID) -> str:
    """Begin a sign-in, in which the browser's former one ends; gives the cookie's secret."""
    former, asked = request.cookies.get(COOKIE), request.state.request_id
    device = request.headers.get("user-agent", "").encode("latin-1", "replace").decode("utf-8", "replace")
    return accounts_of(request).begin(
        person_id,
        former=former,
        request=asked,
        device="".join(one for one in device if one.isprintable()) or None,
        address=address_of(request),
    )


def carrying(answer: Response, cookie: str) -> Response:
    """Let the browser keep its cookie until it is closed: sent to this host alone, over TLS, read by no script."""
    answer.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def entered(request: Request, person_id: uuid.UUID) -> Response:
    """A new sign-in, told to a page that goes on with it: its CSRF token and whose it is."""
    cookie = enter(request, person_id)
    guest = accounts_of(request).signed_in(cookie)
    return carrying(JSONResponse({"name": guest and guest.name, "csrf": guest and guest.csrf}), cookie)


def left(answer: Response) -> Response:
    """Let the browser forget its cookie."""
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.get("/signin")
def sign_in_page(request: Request, language: PageLanguageParam) -> Response:
    """The way in."""
    settings: Settings = request.app.state.settings
    html = entrance.sign_in_page(
        language,
        office=settings.office,
        onward=local_path(request.query_params.get("next")),
        query={name: value for name, value in request.query_params.items() if name == "next"},
        provider=settings.oidc_title if settings.oidc_issuer else None,
        exist=accounts_of(request).exist(),
    )
    return page_answer(request, html)


@router.get("/signin/password")
def invitation_page(request: Request, language: PageLanguageParam) -> Response:
    """Where a link of invitation leads; its secret stands behind the ``#`` and is never part of a request's address."""
    settings: Settings = request.app.state.settings
    return page_answer(request, entrance.invitation_page(language, office=settings.office))


@router.post("/signin")
def sign_in(request: Request, body: BodyParam) -> Response:
    """Sign in with a name, a password and, where there is a second factor, its code."""
    given = texts({name: body.get(name) for name in ("name", "code")}, "name", optional=("code",))
    person_id = accounts_of(request).check(given["name"], secret(body, "password"), given["code"], address_of(request))
    return entered(request, person_id)


@router.post("/signin/password")
def accept(request: Request, body: BodyParam) -> dict[str, Any]:
    """Choose the first password by the secret of an invitation; gives the name to sign in with."""
    invitation, password = secret(body, "invitation"), secret(body, "password")
    return {"name": accounts_of(request).accept(invitation, password, address_of(request))}


@router.post("/signout")
def leave(request: Request) -> Response:
    """End this browser's sign-in."""
    guest = guest_of(request)
    if guest is None or guest.sign_in_id is None:
        raise Unauthenticated(Text("Chưa đăng nhập", "Not signed in"))
    with accounts_of(request).acting(guest.name, request=request.state.request_id) as session:
        sign_out(session, guest.sign_in_id)
    return left(JSONResponse({}))
