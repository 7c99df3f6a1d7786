"""One's own account: the password, the second factor, every other sign-in. Each of them ends the others.

What is changed here asks for the password again, so that a browser left open does not give the account away.
"""

import uuid
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from api.auth.sign_in import accounts_of, address_of, entered, left
from api.http.bodies import secret, texts
from api.http.page import page_answer, shell
from api.http.parameters import id_in_path
from api.http.security import BodyParam, PageLanguageParam, at_once, guest_of
from gis.accounts import models as accounts
from gis.accounts.authentication import Guest
from gis.text.errors import Forbidden, Missing
from gis.text.i18n import Text
from layers.policy import POSTS
from maps.pages import accounts as entrance

router = APIRouter(tags=["account"], include_in_schema=False)


def person_of(request: Request) -> Guest:
    """The person who has signed in. Raises ``Missing`` while there are no accounts, ``Forbidden`` for a token."""
    guest = guest_of(request)
    if guest is None:
        raise Missing(Text("Chưa tạo tài khoản", "There are no accounts yet"))
    if guest.person_id is None:
        raise Forbidden(Text("Chỉ dành cho người đã đăng nhập", "For people who have signed in"))
    return guest


PersonParam = Annotated[Guest, Depends(at_once(person_of))]


def account_id(account: str) -> uuid.UUID:
    """The id of an account in a path. Raises ``Missing`` for what is none."""
    return id_in_path(account, accounts.GONE)


def sign_in_id(sign_in: str) -> uuid.UUID:
    """The id of a sign-in in a path. Raises ``Missing`` for what is none."""
    return id_in_path(sign_in, accounts.NO_SIGN_IN)


AccountParam = Annotated[uuid.UUID, Depends(at_once(account_id))]
SignInParam = Annotated[uuid.UUID, Depends(at_once(sign_in_id))]


def _id_of(person: Guest) -> uuid.UUID:
    if person.person_id is None:
        raise Missing(accounts.GONE)
    return person.person_id


def _prove(request: Request, person: Guest, body: dict[str, Any], field: str) -> uuid.UUID:
    """Ask for the password again. Raises like signing in."""
    door = accounts_of(request)
    return door.check(person.name, secret(body, field), None, address_of(request), codeless=True)


@router.get("/account")
def account_page(request: Request, person: PersonParam, language: PageLanguageParam) -> Response:
    """One's own page."""
    html = entrance.account_page(
        language,
        post=POSTS[person.role].title,
        guest=person,
        owes_second_factor=POSTS[person.role].administrator and not person.has_second_factor,
        **_beside(request, person),
        **shell(request),
    )
    return page_answer(request, html)


def _beside(request: Request, person: Guest) -> dict[str, Any]:
    """What stands on one's own page beside one's post: the sign-ins, and how many recovery codes are left."""
    with accounts_of(request).acting(person.name, request=request.state.request_id) as session:
        found = accounts.sign_ins(session, _id_of(person))
        left_over = accounts.recovery_codes_left(session, _id_of(person))
    return {
        "sign_ins": [{**one, "own": one["id"] == person.sign_in_id} for one in found],
        "recovery_codes": left_over,
    }


@router.get("/api/account/sign-ins")
def sign_ins(request: Request, person: PersonParam) -> dict[str, Any]:
    """One's own sign-ins of the last thirty days, with this one marked."""
    return {"sign_ins": _beside(request, person)["sign_ins"]}


@router.delete("/api/account/sign-ins/{sign_in}")
def sign_out_one(request: Request, person: PersonParam, sign_in: SignInParam) -> dict[str, Any]:
    """End one of one's own sign-ins."""
    with accounts_of(request).acting(person.name, request=request.state.request_id) as session:
        accounts.sign_out_own(session, _id_of(person), sign_in)
    return {"id": sign_in}


@router.post("/api/account/recovery-codes")
def new_recovery_codes(request: Request, person: PersonParam, body: BodyParam) -> dict[str, Any]:
    """Ten codes that open once each in place of a lost second factor, shown once; those from before open no more."""
    person_id = _prove(request, person, body, "password")
    with accounts_of(request).acting(person.name, request=request.state.request_id) as session:
        return {"codes": accounts.new_recovery_codes(session, person_id)}


@router.get("/api/account")
def account(person: PersonParam) -> dict[str, Any]:
    """Who one is, and the token that a write must bring."""
    return {
        "name": person.name,
        "title": person.title,
        "role": person.role,
        "unit": person.unit,
        "has_second_factor": person.has_second_factor,
        "csrf": person.csrf,
    }


@router.post("/api/account/password")
def change_password(request: Request, person: PersonParam, body: BodyParam) -> Response:
    """Another password, against the old one."""
    person_id, chosen = _prove(request, person, body, "old"), secret(body, "password")
    with accounts_of(request).acting(person.name, request=request.state.request_id) as session:
        accounts.change_password(session, person_id, chosen)
    return entered(request, person_id)


@router.post("/api/account/second-factor")
def offer_second_factor(request: Request, person: PersonParam, body: BodyParam) -> dict[str, str]:
    """A second factor as a QR code; it counts once a code of it has come back."""
    person_id = _prove(request, person, body, "password")
    with accounts_of(request).acting(person.name, request=request.state.request_id) as session:
        shared, address = accounts.offer_second_factor(session, person_id)
    picture = segno.make(address, error="m", micro=False).svg_data_uri(scale=5, border=3, light="#fff")
    return {"secret": shared, "address": address, "picture": picture}


@router.put("/api/account/second-factor")
def confirm_second_factor(request: Request, person: PersonParam, body: BodyParam) -> Response:
    """Take the offered second factor into use, by a code of it."""
    person_id, code = _id_of(person), texts(body, "code")["code"]
    with accounts_of(request).acting(person.name, request=request.state.request_id) as session:
        accounts.confirm_second_factor(session, person_id, code)
    return entered(request, person_id)


@router.post("/api/account/sign-out-everywhere")
def sign_out_everywhere(request: Request, person: PersonParam) -> Response:
    """End every sign-in of one's own, this one too."""
    with accounts_of(request).acting(person.name, request=request.state.request_id) as session:
        accounts.sign_out_everywhere(session, _id_of(person))
    return left(JSONResponse({}))
