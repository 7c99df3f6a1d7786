"""Routes of the signed-in person's own account: the password, the second factor, recovery codes, sessions.

Changing the password or the second factor ends the person's other sessions. Both, and new recovery codes, ask for the
password again, so that a browser left open does not give the account away.
"""

import uuid
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from api.auth.sign_in import accounts_of, clear_session_cookie, client_ip, session_response
from api.http.bodies import read_secret, read_texts
from api.http.dependencies import PageLanguageParam, inline_dependency, principal_of
from api.http.page import page_context, page_response
from api.http.parameters import id_in_path
from api.http.request_body import BodyParam
from api.settings import PRODUCT_NAME
from gis.accounts import Principal, people, second_factor, sign_ins
from gis.text import Forbidden, Missing, Text
from layers.password_words import BORDER_WORDS
from layers.policy import ASSIGNABLE_ROLES
from maps.pages import accounts

router = APIRouter(tags=["account"], include_in_schema=False)


def person_of(request: Request) -> Principal:
    """The signed-in person. Raises ``Missing`` while there are no accounts, ``Forbidden`` for a token."""
    principal = principal_of(request)
    if principal is None:
        raise Missing(Text("Chưa tạo tài khoản", "There are no accounts yet"))
    if principal.person_id is None:
        raise Forbidden(Text("Chỉ dành cho người đã đăng nhập", "Only for people who have signed in"))
    return principal


PersonParam = Annotated[Principal, Depends(inline_dependency(person_of))]


def account_id(account: str) -> uuid.UUID:
    """The id of an account in a path. Raises ``Missing`` if it is malformed."""
    return id_in_path(account, people.ACCOUNT_NOT_FOUND)


def sign_in_id(sign_in: str) -> uuid.UUID:
    """The id of a session in a path. Raises ``Missing`` if it is malformed."""
    return id_in_path(sign_in, sign_ins.SIGN_IN_NOT_FOUND)


AccountParam = Annotated[uuid.UUID, Depends(inline_dependency(account_id))]
SignInParam = Annotated[uuid.UUID, Depends(inline_dependency(sign_in_id))]


def _person_id(person: Principal) -> uuid.UUID:
    if person.person_id is None:
        raise Missing(people.ACCOUNT_NOT_FOUND)
    return person.person_id


def _check_password(request: Request, person: Principal, body: dict[str, Any], field: str) -> uuid.UUID:
    """Verify the password in ``field`` of the body; returns the person's id. Raises and throttles like signing in."""
    return accounts_of(request).verify_credentials(
        person.name, read_secret(body, field), None, client_ip(request), password_only=True
    )


@router.get("/account")
def account_page(request: Request, person: PersonParam, language: PageLanguageParam) -> Response:
    """The page of the person's own account."""
    html = accounts.account_page(
        language,
        role_title=ASSIGNABLE_ROLES[person.role].title,
        account=person,
        second_factor_required=ASSIGNABLE_ROLES[person.role].administrator and not person.has_second_factor,
        **_account_details(request, person),
        **page_context(request),
    )
    return page_response(request, html)


def _account_details(request: Request, person: Principal) -> dict[str, Any]:
    """The person's recent sessions and the number of recovery codes that are left."""
    with accounts_of(request).transaction(person.name, request=request.state.request_id) as session:
        rows = sign_ins.list_sign_ins(session, _person_id(person))
        recovery_codes = second_factor.count_recovery_codes(session, _person_id(person))
    return {
        "sign_ins": [{**row, "own": row["id"] == person.sign_in_id} for row in rows],
        "recovery_codes": recovery_codes,
    }


@router.get("/api/account/sign-ins")
def list_own_sign_ins(request: Request, person: PersonParam) -> dict[str, Any]:
    """The person's sessions of the last thirty days; ``own`` marks the current one."""
    return {"sign_ins": _account_details(request, person)["sign_ins"]}


@router.delete("/api/account/sign-ins/{sign_in}")
def end_sign_in(request: Request, person: PersonParam, sign_in: SignInParam) -> dict[str, Any]:
    """End one session of the person. Raises ``Missing`` for another person's session."""
    with accounts_of(request).transaction(person.name, request=request.state.request_id) as session:
        sign_ins.sign_out_of_person(session, _person_id(person), sign_in)
    return {"id": sign_in}


@router.post("/api/account/recovery-codes")
def new_recovery_codes(request: Request, person: PersonParam, body: BodyParam) -> dict[str, Any]:
    """Ten recovery codes, each good once in place of a lost second factor; earlier codes stop working."""
    person_id = _check_password(request, person, body, "password")
    with accounts_of(request).transaction(person.name, request=request.state.request_id) as session:
        return {"codes": second_factor.new_recovery_codes(session, person_id)}


@router.get("/api/account")
def account(person: PersonParam) -> dict[str, Any]:
    """The person's name, role and unit, and the CSRF token that their writes must send."""
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
    """Change the password; the old one must be sent with it."""
    person_id, chosen = _check_password(request, person, body, "old"), read_secret(body, "password")
    with accounts_of(request).transaction(person.name, request=request.state.request_id) as session:
        people.change_password(session, person_id, chosen, BORDER_WORDS)
    return session_response(request, person_id)


@router.post("/api/account/second-factor")
def offer_second_factor(request: Request, person: PersonParam, body: BodyParam) -> dict[str, str]:
    """A new second factor as a secret and a QR code; it takes effect once one of its codes has been confirmed."""
    person_id = _check_password(request, person, body, "password")
    with accounts_of(request).transaction(person.name, request=request.state.request_id) as session:
        secret, uri = second_factor.offer_second_factor(session, person_id, PRODUCT_NAME)
    picture = segno.make(uri, error="m", micro=False).svg_data_uri(scale=5, border=3, light="#fff")
    return {"secret": secret, "address": uri, "picture": picture}


@router.put("/api/account/second-factor")
def confirm_second_factor(request: Request, person: PersonParam, body: BodyParam) -> Response:
    """Set up the new second factor by confirming one of its codes."""
    person_id, code = _person_id(person), read_texts(body, "code")["code"]
    with accounts_of(request).transaction(person.name, request=request.state.request_id) as session:
        second_factor.confirm_second_factor(session, person_id, code)
    return session_response(request, person_id)


@router.post("/api/account/sign-out-everywhere")
def sign_out_everywhere(request: Request, person: PersonParam) -> Response:
    """End all sessions of the person, the current one too."""
    with accounts_of(request).transaction(person.name, request=request.state.request_id) as session:
        sign_ins.sign_out_everywhere(session, _person_id(person))
    return clear_session_cookie(JSONResponse({}))
