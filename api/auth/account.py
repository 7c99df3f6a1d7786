"""Routes of the signed-in person's own account: the password, the second factor, recovery codes, sessions.

Changing the password or the second factor ends the person's other sessions. Both, and new recovery codes, ask for the
password again, so that a browser left open does not give the account away.
"""

import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from api.auth.sign_in import accounts_of, clear_session_cookie, client_ip, session_response
from api.http.bodies import Form, Password, Secret, ShortText, parsed
from api.http.dependencies import Call, PageCallParam, inline_dependency
from api.http.page import page_context, page_response
from api.http.parameters import id_in_path
from api.settings import PRODUCT_NAME
from gis.accounts import AccountsSession, Principal, people, second_factor, sign_ins
from gis.text import Forbidden, Missing, Text
from layers.password_words import BORDER_WORDS
from layers.policy import ASSIGNABLE_ROLES
from maps.pages import accounts

router = APIRouter(tags=["account"], include_in_schema=False)


@dataclass(frozen=True)
class PersonCall(Call):
    """The call of a person who has signed in."""

    person: Principal
    person_id: uuid.UUID

    def accounts_transaction(self) -> AbstractContextManager[AccountsSession]:
        """A transaction over the accounts in the person's name."""
        return accounts_of(self.request).transaction(self.person.name, request=self.request.state.request_id)

    def verify_password(self, password: str) -> None:
        """Verify the person's password. Raises and throttles like signing in."""
        accounts_of(self.request).verify_credentials(
            self.person.name, password, None, client_ip(self.request), password_only=True
        )


def person_call(call: PageCallParam) -> PersonCall:
    """The call of a person. Raises ``Missing`` while there are no accounts, ``Forbidden`` for a token."""
    if call.principal is None:
        raise Missing(Text("Chưa tạo tài khoản", "There are no accounts yet"))
    if call.principal.person_id is None:
        raise Forbidden(Text("Chỉ dành cho người đã đăng nhập", "Only for people who have signed in"))
    return PersonCall(**vars(call), person=call.principal, person_id=call.principal.person_id)


PersonCallParam = Annotated[PersonCall, Depends(inline_dependency(person_call))]


def account_id(account: str) -> uuid.UUID:
    """The id of an account in a path. Raises ``Missing`` if it is malformed."""
    return id_in_path(account, people.ACCOUNT_NOT_FOUND)


def sign_in_id(sign_in: str) -> uuid.UUID:
    """The id of a session in a path. Raises ``Missing`` if it is malformed."""
    return id_in_path(sign_in, sign_ins.SIGN_IN_NOT_FOUND)


AccountParam = Annotated[uuid.UUID, Depends(inline_dependency(account_id))]
SignInParam = Annotated[uuid.UUID, Depends(inline_dependency(sign_in_id))]


class NewPassword(Password):
    """A new password and the old one."""

    old: Secret


class Code(Form):
    """A code of the second factor."""

    code: ShortText


ConfirmationParam = Annotated[Password, parsed(Password)]


@router.get("/account")
def account_page(call: PersonCallParam) -> Response:
    """The page of the person's own account."""
    role = ASSIGNABLE_ROLES[call.person.role]
    html = accounts.account_page(
        call.language,
        role_title=role.title,
        account=call.person,
        second_factor_required=role.administrator and not call.person.has_second_factor,
        **_account_details(call),
        **page_context(call.request),
    )
    return page_response(call.request, html)


def _account_details(call: PersonCall) -> dict[str, Any]:
    """The person's recent sessions and the number of recovery codes that are left."""
    with call.accounts_transaction() as session:
        rows = sign_ins.list_sign_ins(session, call.person_id)
        recovery_codes = second_factor.count_recovery_codes(session, call.person_id)
    return {
        "sign_ins": [{**row, "own": row["id"] == call.person.sign_in_id} for row in rows],
        "recovery_codes": recovery_codes,
    }


@router.get("/api/account/sign-ins")
def list_own_sign_ins(call: PersonCallParam) -> dict[str, Any]:
    """The person's sessions of the last thirty days; ``own`` marks the current one."""
    return {"sign_ins": _account_details(call)["sign_ins"]}


@router.delete("/api/account/sign-ins/{sign_in}")
def end_sign_in(call: PersonCallParam, sign_in: SignInParam) -> dict[str, Any]:
    """End one session of the person. Raises ``Missing`` for another person's session."""
    with call.accounts_transaction() as session:
        sign_ins.sign_out_of_person(session, call.person_id, sign_in)
    return {"id": sign_in}


@router.post("/api/account/recovery-codes")
def new_recovery_codes(call: PersonCallParam, body: ConfirmationParam) -> dict[str, Any]:
    """Ten recovery codes, each good once in place of a lost second factor; earlier codes stop working."""
    call.verify_password(body.password)
    with call.accounts_transaction() as session:
        return {"codes": second_factor.new_recovery_codes(session, call.person_id)}


@router.get("/api/account")
def account(call: PersonCallParam) -> dict[str, Any]:
    """The person's name, role and unit, and the CSRF token that their writes must send."""
    person = call.person
    return {
        "name": person.name,
        "title": person.title,
        "role": person.role,
        "unit": person.unit,
        "has_second_factor": person.has_second_factor,
        "csrf": person.csrf,
    }


@router.post("/api/account/password")
def change_password(call: PersonCallParam, body: Annotated[NewPassword, parsed(NewPassword)]) -> Response:
    """Change the password; the old one must be sent with it."""
    call.verify_password(body.old)
    with call.accounts_transaction() as session:
        people.change_password(session, call.person_id, body.password, BORDER_WORDS)
    return session_response(call.request, call.person_id)


@router.post("/api/account/second-factor")
def offer_second_factor(call: PersonCallParam, body: ConfirmationParam) -> dict[str, str]:
    """A new second factor as a secret and a QR code; it takes effect once one of its codes has been confirmed."""
    call.verify_password(body.password)
    with call.accounts_transaction() as session:
        secret, uri = second_factor.offer_second_factor(session, call.person_id, PRODUCT_NAME)
    picture = segno.make(uri, error="m", micro=False).svg_data_uri(scale=5, border=3, light="#fff")
    return {"secret": secret, "address": uri, "picture": picture}


@router.put("/api/account/second-factor")
def confirm_second_factor(call: PersonCallParam, body: Annotated[Code, parsed(Code)]) -> Response:
    """Set up the new second factor by confirming one of its codes."""
    with call.accounts_transaction() as session:
        second_factor.confirm_second_factor(session, call.person_id, body.code)
    return session_response(call.request, call.person_id)


@router.post("/api/account/sign-out-everywhere")
def sign_out_everywhere(call: PersonCallParam) -> Response:
    """End all sessions of the person, the current one too."""
    with call.accounts_transaction() as session:
        sign_ins.sign_out_everywhere(session, call.person_id)
    return clear_session_cookie(JSONResponse({}))
