"""Routes for administrators: accounts of people with their roles and units.

Administrators cannot change their own role, second factor or account here, so that they cannot extend their own rights;
another administrator can, or ``./cotmoc admin`` on the server. Invitation links are shown once, in the response that
creates them.
"""

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from api.auth.account import AccountParam, PersonCall, person_call
from api.http.bodies import Form, OptionalShortText, ShortText, parsed
from api.http.dependencies import PageCallParam, inline_dependency
from api.http.page import page_context, page_response
from gis.accounts import people, second_factor, sign_ins
from gis.db import Role, result_of
from gis.read import Selection, pages
from gis.text import Forbidden, Text, invalid
from layers.markers import Side
from layers.policy import ASSIGNABLE_ROLES
from layers.units import Unit
from maps.messages import MESSAGES
from maps.navigation import declare_page
from maps.pages import accounts

router = APIRouter(tags=["people"], include_in_schema=False)

declare_page("/people", MESSAGES["people"], rank=240, allows=lambda reader: reader.manages_accounts)

FOR_ADMINISTRATORS = Text("Chỉ dành cho quản trị viên", "Only for administrators")
NOT_OWN_ACCOUNT = Text(
    "Không được tự thay đổi quyền của mình; đề nghị quản trị viên khác thực hiện",
    "You may not change your own rights; ask another administrator",
)


def administrator_call(call: PageCallParam) -> PersonCall:
    """The call of an administrator who has signed in. Raises ``Forbidden`` for all others."""
    principal = call.principal
    if principal is None or principal.sign_in_id is None or not ASSIGNABLE_ROLES[principal.role].administrator:
        raise Forbidden(FOR_ADMINISTRATORS)
    return person_call(call)


AdministratorCallParam = Annotated[PersonCall, Depends(inline_dependency(administrator_call))]
"""The first parameter of every handler here, so that nothing else is checked before it."""


def other_account_id(account: AccountParam, call: AdministratorCallParam) -> uuid.UUID:
    """The id of an account in a path. Raises ``Forbidden`` for the administrator's own account."""
    if account == call.person_id:
        raise Forbidden(NOT_OWN_ACCOUNT)
    return account


OtherAccountParam = Annotated[uuid.UUID, Depends(inline_dependency(other_account_id))]


class Appointment(Form):
    """The role, the unit and the job title of a person."""

    role: ShortText
    title: OptionalShortText
    unit: OptionalShortText


class NewAccount(Form):
    """The login name of a person, their role, unit and job title, and their subject at the identity provider."""

    name: ShortText
    role: ShortText
    title: OptionalShortText
    unit: OptionalShortText
    subject: OptionalShortText


def current_unit_names(call: PersonCall) -> list[str]:
    """The names of the Vietnamese units that exist today, from their register."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    with call.reading() as session:
        where, fields = {"side": [Side.OURS.value]}, ["name", "valid_to"]
        selection = Selection.for_reader(session, Unit.layer, where=where, fields=fields)
        features = result_of(pages.read_features(session, selection))
    units = [json.loads(feature)["properties"] for feature in features]
    return sorted({unit["name"] for unit in units if not unit.get("valid_to") or unit["valid_to"] >= today})


def check_role_and_unit(
    call: PersonCall, role: str, unit: str | None, roles: Mapping[str, Role] = ASSIGNABLE_ROLES
) -> None:
    """Raise ``Invalid`` for an unknown role or unit, and for a role that needs a unit and has none."""
    if role not in roles:
        raise invalid("role", "code", "Không có vai trò này", "Unknown role")
    if unit is not None and unit not in current_unit_names(call):
        raise invalid("unit", "unknown", "Không có đơn vị này", "Unknown unit")
    if roles[role].scoped and unit is None:
        raise invalid("unit", "missing", "Vai trò này phải gắn với một đơn vị", "This role needs a unit")


def _invitation_link(secret: str, until: dt.datetime) -> dict[str, str]:
    return {"link": f"/signin/password#{secret}", "until": until.isoformat()}


@router.get("/people")
def people_page(call: AdministratorCallParam) -> Response:
    """The page of all accounts."""
    with call.accounts_transaction() as session:
        rows = people.list_people(session)
    return admin_page(call, "people", rows, ASSIGNABLE_ROLES, own_account_id=call.person_id)


def admin_page(
    call: PersonCall, resource: str, rows: list[dict[str, Any]], roles: Mapping[str, Role], **context: Any
) -> Response:
    """A page that lists the accounts or the tokens, with a form for a new one."""
    html = accounts.admin_page(
        call.language,
        resource,
        rows,
        roles={name: role.title for name, role in roles.items()},
        unit_names=current_unit_names(call),
        **context,
        **page_context(call.request),
    )
    return page_response(call.request, html)


@router.get("/api/people")
def list_accounts(call: AdministratorCallParam) -> dict[str, Any]:
    """All accounts, without their secrets."""
    with call.accounts_transaction() as session:
        return {"people": people.list_people(session)}


@router.post("/api/people", status_code=201)
def enrol(call: AdministratorCallParam, body: Annotated[NewAccount, parsed(NewAccount)]) -> dict[str, Any]:
    """Create an account; returns the invitation link by which the person chooses a password."""
    check_role_and_unit(call, body.role, body.unit)
    with call.accounts_transaction() as session:
        person = people.enrol(session, **vars(body))
        return {"id": person.id, "name": person.name, **_invitation_link(*people.invite(session, person.id))}


@router.post("/api/people/{account}/appointment")
def appoint(
    call: AdministratorCallParam, account: OtherAccountParam, body: Annotated[Appointment, parsed(Appointment)]
) -> dict[str, Any]:
    """Assign a role and unit with immediate effect. A new administrator must sign in again, with a second factor."""
    check_role_and_unit(call, body.role, body.unit)
    with call.accounts_transaction() as session:
        people.assign_role(session, account, **vars(body))
        if ASSIGNABLE_ROLES[body.role].administrator:
            sign_ins.sign_out_everywhere(session, account)
    return {"id": account, "role": body.role, "unit": body.unit}


@router.post("/api/people/{account}/invitation")
def invite(call: AdministratorCallParam, account: OtherAccountParam) -> dict[str, Any]:
    """Create a new invitation link; the password stops working and all sessions of the person end."""
    with call.accounts_transaction() as session:
        return {"id": account, **_invitation_link(*people.invite(session, account))}


@router.post("/api/people/{account}/sign-out")
def sign_out(call: AdministratorCallParam, account: AccountParam) -> dict[str, Any]:
    """End all sessions of a person."""
    with call.accounts_transaction() as session:
        sign_ins.sign_out_everywhere(session, account)
    return {"id": account}


@router.delete("/api/people/{account}/second-factor")
def drop_second_factor(call: AdministratorCallParam, account: OtherAccountParam) -> dict[str, Any]:
    """Remove the second factor of a person who has lost it; all their sessions end."""
    with call.accounts_transaction() as session:
        second_factor.drop_second_factor(session, account)
    return {"id": account}


@router.delete("/api/people/{account}")
def dismiss(call: AdministratorCallParam, account: OtherAccountParam) -> dict[str, Any]:
    """Disable an account and end its sessions."""
    with call.accounts_transaction() as session:
        people.close_account(session, account)
    return {"id": account}
