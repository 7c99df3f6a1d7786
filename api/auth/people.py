"""People and tokens, for administrators: who may come in, in which post, and until when.

Nobody changes their own post, second factor or account here, so that nobody raises their own rights; another
administrator does, or ``./cotmoc admin`` on the machine itself. What opens something is shown once, when it is made.
"""

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from api.auth.account import AccountParam
from api.auth.sign_in import accounts_of
from api.http.bodies import read_texts
from api.http.dependencies import PageLanguageParam, inline_dependency, principal_of
from api.http.page import page_context, page_response
from api.http.parameters import DatabaseParam, id_in_path
from api.http.request_body import BodyParam
from gis.accounts import (
    DEFAULT_PER_MINUTE,
    MAX_PER_MINUTE,
    Principal,
    people,
    second_factor,
    sign_ins,
    token_usage as uses,
    tokens,
)
from gis.db import Actor, Database, Role
from gis.model import catalog
from gis.read import Selection, pages
from gis.release import workflow
from gis.text import FieldError, Forbidden, Invalid, Language, Text, invalid
from layers.markers import Side
from layers.policy import ASSIGNABLE_ROLES, RECIPIENT
from maps.pages import accounts

router = APIRouter(tags=["people"], include_in_schema=False)

FOR_ADMINISTRATORS = Text("Chỉ dành cho quản trị viên", "For administrators")
NOT_OWN_ACCOUNT = Text(
    "Không được tự thay đổi quyền của mình; đề nghị quản trị viên khác thực hiện",
    "You may not change your own rights; ask another administrator",
)
TOKEN_ROLES = {name: role for name, role in ASSIGNABLE_ROLES.items() if not role.administrator} | {
    RECIPIENT.name: RECIPIENT
}


def administrator_of(request: Request) -> Principal:
    """The administrator who asks. Raises ``Forbidden`` for everybody else, whatever they ask for."""
    guest = principal_of(request)
    if guest is None or guest.sign_in_id is None or not ASSIGNABLE_ROLES[guest.role].administrator:
        raise Forbidden(FOR_ADMINISTRATORS)
    return guest


AdministratorParam = Annotated[Principal, Depends(inline_dependency(administrator_of))]


def other_account_id(account: AccountParam, administrator: AdministratorParam) -> uuid.UUID:
    """The id of somebody else. Raises ``Forbidden`` for one's own."""
    if account == administrator.person_id:
        raise Forbidden(NOT_OWN_ACCOUNT)
    return account


def token_id(token: str) -> uuid.UUID:
    """The id of a token in a path. Raises ``Missing`` for what is none."""
    return id_in_path(token, tokens.TOKEN_NOT_FOUND)


TokenParam = Annotated[uuid.UUID, Depends(inline_dependency(token_id))]
OtherAccountParam = Annotated[uuid.UUID, Depends(other_account_id)]


def _accounts_transaction(request: Request, administrator: Principal) -> Any:
    return accounts_of(request).transaction(administrator.name, request=request.state.request_id)


def current_unit_names(database: Database, administrator: Principal) -> list[str]:
    """The names of our units that exist today, from their layer."""
    actor = Actor(administrator.name, ASSIGNABLE_ROLES[administrator.role], administrator.unit)
    selection = Selection(
        catalog["units"], actor.clearance, where={"side": [Side.OURS.value]}, fields=["name", "valid_to"]
    )
    today = dt.datetime.now(dt.UTC).date().isoformat()
    with database.transaction(actor) as session:
        found = [json.loads(one)["properties"] for one in pages.read_features(session, selection)]
    return sorted({one["name"] for one in found if not one.get("valid_to") or one["valid_to"] >= today})


def _role_and_unit(
    values: Mapping[str, str], unit_names: list[str], roles: Mapping[str, Any] = ASSIGNABLE_ROLES
) -> tuple[str, str | None]:
    """The role and unit that were named. Raises ``Invalid`` for what is none, and for an officer without a unit."""
    role, unit = values["role"], values["unit"] or None
    if role not in roles:
        raise invalid("role", "code", "Không có vai trò này", "There is no such role")
    if unit is not None and unit not in unit_names:
        raise invalid("unit", "unknown", "Không có đơn vị này", "There is no such unit")
    if roles[role].scoped and unit is None:
        raise invalid("unit", "missing", "Vai trò này phải gắn với một đơn vị", "This role needs a unit")
    return role, unit


def _invitation_link(secret: str, until: dt.datetime) -> dict[str, str]:
    return {"link": f"/signin/password#{secret}", "until": until.isoformat()}


@router.get("/people")
def people_page(
    request: Request, administrator: AdministratorParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """Everybody who has an account."""
    with _accounts_transaction(request, administrator) as session:
        found = people.list_people(session)
    return _admin_page(
        request,
        language,
        "people",
        found,
        ASSIGNABLE_ROLES,
        database,
        administrator,
        own_account_id=administrator.person_id,
    )


@router.get("/tokens")
def tokens_page(
    request: Request, administrator: AdministratorParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """Every token."""
    with _accounts_transaction(request, administrator) as session:
        found = tokens.list_tokens(session)
    longest = tokens.MAX_TOKEN_LIFETIME.days
    bounds = {"longest_days": longest, "per_minute": DEFAULT_PER_MINUTE, "most_per_minute": MAX_PER_MINUTE}
    names = {f"release:read:{one}": name for one, name in released_to(database, administrator, None).items()}
    return _admin_page(
        request, language, "tokens", found, TOKEN_ROLES, database, administrator, releases=names, **bounds
    )


def _admin_page(  # noqa: PLR0917 - what a page is made of
    request: Request,
    language: Language,
    resource: str,
    rows: list[dict[str, Any]],
    roles: Mapping[str, Role],
    database: Database,
    administrator: Principal,
    **context: Any,
) -> Response:
    titles, known = {name: role.title for name, role in roles.items()}, current_unit_names(database, administrator)
    html = accounts.admin_page(language, resource, rows, roles=titles, units=known, **context, **page_context(request))
    return page_response(request, html)


@router.get("/api/people")
def list_accounts(request: Request, administrator: AdministratorParam) -> dict[str, Any]:
    """Everybody who has an account, without a secret."""
    with _accounts_transaction(request, administrator) as session:
        return {"people": people.list_people(session)}


@router.post("/api/people", status_code=201)
def enrol(
    request: Request, administrator: AdministratorParam, body: BodyParam, database: DatabaseParam
) -> dict[str, Any]:
    """A new person in a post, with a link that lets them choose their password; it is shown once."""
    given = read_texts(body, "name", "role", optional=("title", "unit", "subject"))
    role, unit = _role_and_unit(given, current_unit_names(database, administrator))
    with _accounts_transaction(request, administrator) as session:
        person = people.enrol(
            session, given["name"], role, unit=unit, title=given["title"] or None, subject=given["subject"] or None
        )
        return {"id": person.id, "name": person.name, **_invitation_link(*people.invite(session, person.id))}


@router.post("/api/people/{account}/appointment")
def appoint(
    request: Request,
    administrator: AdministratorParam,
    account: OtherAccountParam,
    body: BodyParam,
    database: DatabaseParam,
) -> dict[str, Any]:
    """Another post or unit, from this moment; who becomes an administrator signs in anew."""
    given = read_texts(body, "role", optional=("title", "unit"))
    role, unit = _role_and_unit(given, current_unit_names(database, administrator))
    with _accounts_transaction(request, administrator) as session:
        people.assign_role(session, account, role, unit, given["title"] or None)
        if ASSIGNABLE_ROLES[role].administrator:
            sign_ins.sign_out_everywhere(session, account)
    return {"id": account, "role": role, "unit": unit}


@router.post("/api/people/{account}/invitation")
def invite(request: Request, administrator: AdministratorParam, account: OtherAccountParam) -> dict[str, Any]:
    """A new link in place of the password, which ends now."""
    with _accounts_transaction(request, administrator) as session:
        return {"id": account, **_invitation_link(*people.invite(session, account))}


@router.post("/api/people/{account}/sign-out")
def sign_out(request: Request, administrator: AdministratorParam, account: AccountParam) -> dict[str, Any]:
    """End every sign-in of a person."""
    with _accounts_transaction(request, administrator) as session:
        sign_ins.sign_out_everywhere(session, account)
    return {"id": account}


@router.delete("/api/people/{account}/second-factor")
def drop_second_factor(
    request: Request, administrator: AdministratorParam, account: OtherAccountParam
) -> dict[str, Any]:
    """Take away a second factor that was lost."""
    with _accounts_transaction(request, administrator) as session:
        second_factor.drop_second_factor(session, account)
    return {"id": account}


@router.delete("/api/people/{account}")
def dismiss(request: Request, administrator: AdministratorParam, account: OtherAccountParam) -> dict[str, Any]:
    """End an account."""
    with _accounts_transaction(request, administrator) as session:
        people.close_account(session, account)
    return {"id": account}


@router.get("/api/tokens")
def every_token(request: Request, administrator: AdministratorParam) -> dict[str, Any]:
    """Every token, without its secret."""
    with _accounts_transaction(request, administrator) as session:
        return {"tokens": tokens.list_tokens(session)}


@router.post("/api/tokens", status_code=201)
def issue(
    request: Request, administrator: AdministratorParam, body: BodyParam, database: DatabaseParam
) -> dict[str, Any]:
    """A new token; its text is shown once. No machine is an administrator."""
    given = read_texts(
        {name: value for name, value in body.items() if name not in ("days", "scopes", "networks", "per_minute")},
        "name",
        "role",
        optional=("unit", "recipient"),
    )
    role, unit = _role_and_unit(given, current_unit_names(database, administrator), TOKEN_ROLES)
    scopes, recipient = _string_list(body, "scopes") or ["read"], given["recipient"] or None
    if (role == RECIPIENT.name) is (recipient is None):
        raise invalid(
            "recipient",
            "missing",
            "Chỉ mã truy cập của đối tác mới nêu nơi nhận",
            "Only a partner's token names a recipient",
        )
    named = [tokens.release_of_scope(scope) for scope in scopes]
    known = released_to(database, administrator, recipient) if any(named) else {}
    if role != RECIPIENT.name and any(named):
        raise invalid(
            "scopes",
            "range",
            "Chỉ mã truy cập của đối tác mới nêu bản chia sẻ",
            "Only a partner's token names a release",
        )
    if role == RECIPIENT.name and (unit is not None or (scopes != ["read"] and not set(named) <= set(known))):
        raise invalid(
            "scopes",
            "range",
            "Đối tác chỉ xem được dữ liệu đã chia sẻ cho chính nơi nhận đó",
            "A partner reads only what was released to this recipient",
        )
    with _accounts_transaction(request, administrator) as session:
        token = tokens.issue(
            session,
            given["name"],
            role,
            made_by=administrator.name,
            days=_integer(body, "days"),
            per_minute=_integer(body, "per_minute", DEFAULT_PER_MINUTE),
            scopes=scopes,
            unit=unit,
            recipient=recipient,
            networks=_string_list(body, "networks"),
        )
    return {"name": given["name"], "token": token}


@router.delete("/api/tokens/{token}")
def revoke(request: Request, administrator: AdministratorParam, token: TokenParam) -> dict[str, Any]:
    """Take a token back at once."""
    with _accounts_transaction(request, administrator) as session:
        tokens.revoke(session, token)
    return {"id": token}


@router.get("/api/tokens/{token}/uses")
def token_usage(request: Request, administrator: AdministratorParam, token: TokenParam) -> dict[str, Any]:
    """From where a token came on each of the last ninety days, how often, and how often it was turned away."""
    with _accounts_transaction(request, administrator) as session:
        return {"uses": uses.recent_use(session, token)}


def released_to(database: Database, administrator: Principal, recipient: str | None) -> dict[uuid.UUID, str]:
    """The releases made for a recipient by their names, or all of them."""
    with database.transaction(Actor(administrator.name, ASSIGNABLE_ROLES[administrator.role])) as session:
        found = workflow.list_releases(session)
        return {one.id: one.name for one in found if recipient in (None, one.recipient)}


def _integer(body: Mapping[str, Any], name: str, default: int | None = None) -> int:
    given = body.get(name, default)
    if isinstance(given, bool) or not isinstance(given, int):
        raise invalid(name, "type", "Phải là số nguyên", "A whole number")
    return given


def _string_list(body: Mapping[str, Any], name: str) -> list[str]:
    given = body.get(name) or []
    if not isinstance(given, list) or len(given) > 20 or not all(isinstance(one, str) for one in given):  # noqa: PLR2004
        fault = Text("Phải là danh sách", "Must be a list")
        raise Invalid(fault, [FieldError(name, "type", fault)])
    return given
