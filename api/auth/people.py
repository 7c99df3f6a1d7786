"""Routes for administrators: accounts of people with their roles and units, and API tokens.

Administrators cannot change their own role, second factor or account here, so that they cannot extend their own rights;
another administrator can, or ``./cotmoc admin`` on the server. Invitation links and tokens are shown once, in the
response that creates them.
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
from api.http.dependencies import DatabaseParam, PageLanguageParam, inline_dependency, principal_of
from api.http.page import page_context, page_response
from api.http.parameters import id_in_path
from api.http.request_body import BodyParam
from gis.accounts import (
    DEFAULT_PER_MINUTE,
    MAX_PER_MINUTE,
    Principal,
    people,
    second_factor,
    sign_ins,
    token_usage,
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

FOR_ADMINISTRATORS = Text("Chỉ dành cho quản trị viên", "Only for administrators")
NOT_OWN_ACCOUNT = Text(
    "Không được tự thay đổi quyền của mình; đề nghị quản trị viên khác thực hiện",
    "You may not change your own rights; ask another administrator",
)
TOKEN_ROLES = {name: role for name, role in ASSIGNABLE_ROLES.items() if not role.administrator} | {
    RECIPIENT.name: RECIPIENT
}


def administrator_of(request: Request) -> Principal:
    """The administrator who has signed in. Raises ``Forbidden`` for all others, before anything else is checked."""
    principal = principal_of(request)
    if principal is None or principal.sign_in_id is None or not ASSIGNABLE_ROLES[principal.role].administrator:
        raise Forbidden(FOR_ADMINISTRATORS)
    return principal


AdministratorParam = Annotated[Principal, Depends(inline_dependency(administrator_of))]


def other_account_id(account: AccountParam, administrator: AdministratorParam) -> uuid.UUID:
    """The id of an account in a path. Raises ``Forbidden`` for the administrator's own account."""
    if account == administrator.person_id:
        raise Forbidden(NOT_OWN_ACCOUNT)
    return account


def token_id(token: str) -> uuid.UUID:
    """The id of a token in a path. Raises ``Missing`` if it is malformed."""
    return id_in_path(token, tokens.TOKEN_NOT_FOUND)


TokenParam = Annotated[uuid.UUID, Depends(inline_dependency(token_id))]
OtherAccountParam = Annotated[uuid.UUID, Depends(other_account_id)]


def _accounts_transaction(request: Request, administrator: Principal) -> Any:
    return accounts_of(request).transaction(administrator.name, request=request.state.request_id)


def current_unit_names(database: Database, administrator: Principal) -> list[str]:
    """The names of the Vietnamese units that exist today, from the layer ``units``."""
    actor = Actor(administrator.name, ASSIGNABLE_ROLES[administrator.role], administrator.unit)
    selection = Selection(
        catalog["units"], actor.clearance, where={"side": [Side.OURS.value]}, fields=["name", "valid_to"]
    )
    today = dt.datetime.now(dt.UTC).date().isoformat()
    with database.transaction(actor) as session:
        units = [json.loads(feature)["properties"] for feature in pages.read_features(session, selection)]
    return sorted({unit["name"] for unit in units if not unit.get("valid_to") or unit["valid_to"] >= today})


def _role_and_unit(
    values: Mapping[str, str], unit_names: list[str], roles: Mapping[str, Any] = ASSIGNABLE_ROLES
) -> tuple[str, str | None]:
    """The role and unit in a body.

    Raises ``Invalid`` for an unknown role or unit, and for a role that needs a unit and has none.
    """
    role, unit = values["role"], values["unit"] or None
    if role not in roles:
        raise invalid("role", "code", "Không có vai trò này", "Unknown role")
    if unit is not None and unit not in unit_names:
        raise invalid("unit", "unknown", "Không có đơn vị này", "Unknown unit")
    if roles[role].scoped and unit is None:
        raise invalid("unit", "missing", "Vai trò này phải gắn với một đơn vị", "This role needs a unit")
    return role, unit


def _invitation_link(secret: str, until: dt.datetime) -> dict[str, str]:
    return {"link": f"/signin/password#{secret}", "until": until.isoformat()}


@router.get("/people")
def people_page(
    request: Request, administrator: AdministratorParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The page of all accounts."""
    with _accounts_transaction(request, administrator) as session:
        rows = people.list_people(session)
    return _admin_page(
        request,
        language,
        "people",
        rows,
        ASSIGNABLE_ROLES,
        database,
        administrator,
        own_account_id=administrator.person_id,
    )


@router.get("/tokens")
def tokens_page(
    request: Request, administrator: AdministratorParam, database: DatabaseParam, language: PageLanguageParam
) -> Response:
    """The page of all tokens."""
    with _accounts_transaction(request, administrator) as session:
        rows = tokens.list_tokens(session)
    limits = {
        "max_days": tokens.MAX_TOKEN_LIFETIME.days,
        "per_minute": DEFAULT_PER_MINUTE,
        "max_per_minute": MAX_PER_MINUTE,
    }
    names = {f"release:read:{release}": name for release, name in released_to(database, administrator, None).items()}
    return _admin_page(
        request, language, "tokens", rows, TOKEN_ROLES, database, administrator, releases=names, **limits
    )


def _admin_page(  # noqa: PLR0917 - the parts of the page
    request: Request,
    language: Language,
    resource: str,
    rows: list[dict[str, Any]],
    roles: Mapping[str, Role],
    database: Database,
    administrator: Principal,
    **context: Any,
) -> Response:
    html = accounts.admin_page(
        language,
        resource,
        rows,
        roles={name: role.title for name, role in roles.items()},
        units=current_unit_names(database, administrator),
        **context,
        **page_context(request),
    )
    return page_response(request, html)


@router.get("/api/people")
def list_accounts(request: Request, administrator: AdministratorParam) -> dict[str, Any]:
    """All accounts, without their secrets."""
    with _accounts_transaction(request, administrator) as session:
        return {"people": people.list_people(session)}


@router.post("/api/people", status_code=201)
def enrol(
    request: Request, administrator: AdministratorParam, body: BodyParam, database: DatabaseParam
) -> dict[str, Any]:
    """Create an account; returns the invitation link by which the person chooses a password."""
    texts = read_texts(body, "name", "role", optional=("title", "unit", "subject"))
    role, unit = _role_and_unit(texts, current_unit_names(database, administrator))
    with _accounts_transaction(request, administrator) as session:
        person = people.enrol(
            session, texts["name"], role, unit=unit, title=texts["title"] or None, subject=texts["subject"] or None
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
    """Assign a role and unit with immediate effect. A new administrator must sign in again, with a second factor."""
    texts = read_texts(body, "role", optional=("title", "unit"))
    role, unit = _role_and_unit(texts, current_unit_names(database, administrator))
    with _accounts_transaction(request, administrator) as session:
        people.assign_role(session, account, role, unit, texts["title"] or None)
        if ASSIGNABLE_ROLES[role].administrator:
            sign_ins.sign_out_everywhere(session, account)
    return {"id": account, "role": role, "unit": unit}


@router.post("/api/people/{account}/invitation")
def invite(request: Request, administrator: AdministratorParam, account: OtherAccountParam) -> dict[str, Any]:
    """Create a new invitation link; the password stops working and all sessions of the person end."""
    with _accounts_transaction(request, administrator) as session:
        return {"id": account, **_invitation_link(*people.invite(session, account))}


@router.post("/api/people/{account}/sign-out")
def sign_out(request: Request, administrator: AdministratorParam, account: AccountParam) -> dict[str, Any]:
    """End all sessions of a person."""
    with _accounts_transaction(request, administrator) as session:
        sign_ins.sign_out_everywhere(session, account)
    return {"id": account}


@router.delete("/api/people/{account}/second-factor")
def drop_second_factor(
    request: Request, administrator: AdministratorParam, account: OtherAccountParam
) -> dict[str, Any]:
    """Remove the second factor of a person who has lost it; all their sessions end."""
    with _accounts_transaction(request, administrator) as session:
        second_factor.drop_second_factor(session, account)
    return {"id": account}


@router.delete("/api/people/{account}")
def dismiss(request: Request, administrator: AdministratorParam, account: OtherAccountParam) -> dict[str, Any]:
    """Disable an account and end its sessions."""
    with _accounts_transaction(request, administrator) as session:
        people.close_account(session, account)
    return {"id": account}


@router.get("/api/tokens")
def list_all_tokens(request: Request, administrator: AdministratorParam) -> dict[str, Any]:
    """All tokens, without their secrets."""
    with _accounts_transaction(request, administrator) as session:
        return {"tokens": tokens.list_tokens(session)}


@router.post("/api/tokens", status_code=201)
def issue(
    request: Request, administrator: AdministratorParam, body: BodyParam, database: DatabaseParam
) -> dict[str, Any]:
    """Issue a token; the response is the only place that shows it. No token has the role of an administrator."""
    texts = read_texts(
        {name: value for name, value in body.items() if name not in ("days", "scopes", "networks", "per_minute")},
        "name",
        "role",
        optional=("unit", "recipient"),
    )
    role, unit = _role_and_unit(texts, current_unit_names(database, administrator), TOKEN_ROLES)
    scopes, recipient = _string_list(body, "scopes") or ["read"], texts["recipient"] or None
    if (role == RECIPIENT.name) is (recipient is None):
        raise invalid(
            "recipient",
            "missing",
            "Chỉ mã truy cập của đối tác mới nêu nơi nhận",
            "Only a partner's token may have a recipient, and it must have one",
        )
    releases = [tokens.release_of_scope(scope) for scope in scopes]
    known = released_to(database, administrator, recipient) if any(releases) else {}
    if role != RECIPIENT.name and any(releases):
        raise invalid(
            "scopes",
            "range",
            "Chỉ mã truy cập của đối tác mới nêu bản chia sẻ",
            "Only a partner's token may be limited to a release",
        )
    if role == RECIPIENT.name and (unit is not None or (scopes != ["read"] and not set(releases) <= set(known))):
        raise invalid(
            "scopes",
            "range",
            "Đối tác chỉ xem được dữ liệu đã chia sẻ cho chính nơi nhận đó",
            "A partner's token may only read what was released to its recipient",
        )
    with _accounts_transaction(request, administrator) as session:
        token = tokens.issue(
            session,
            texts["name"],
            role,
            made_by=administrator.name,
            days=_integer(body, "days"),
            per_minute=_integer(body, "per_minute", DEFAULT_PER_MINUTE),
            scopes=scopes,
            unit=unit,
            recipient=recipient,
            networks=_string_list(body, "networks"),
        )
    return {"name": texts["name"], "token": token}


@router.delete("/api/tokens/{token}")
def revoke(request: Request, administrator: AdministratorParam, token: TokenParam) -> dict[str, Any]:
    """Revoke a token at once."""
    with _accounts_transaction(request, administrator) as session:
        tokens.revoke(session, token)
    return {"id": token}


@router.get("/api/tokens/{token}/uses")
def list_token_usage(request: Request, administrator: AdministratorParam, token: TokenParam) -> dict[str, Any]:
    """The use of a token in the last ninety days: requests and refusals by day and IP address."""
    with _accounts_transaction(request, administrator) as session:
        return {"uses": token_usage.recent_use(session, token)}


def released_to(database: Database, administrator: Principal, recipient: str | None) -> dict[uuid.UUID, str]:
    """The names of the releases to ``recipient`` by id; of all releases if it is None."""
    with database.transaction(Actor(administrator.name, ASSIGNABLE_ROLES[administrator.role])) as session:
        releases = workflow.list_releases(session)
        return {release.id: release.name for release in releases if recipient in (None, release.recipient)}


def _integer(body: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(name, "type", "Phải là số nguyên", "Must be a whole number")
    return value


def _string_list(body: Mapping[str, Any], name: str) -> list[str]:
    value = body.get(name) or []
    if not isinstance(value, list) or len(value) > 20 or not all(isinstance(item, str) for item in value):  # noqa: PLR2004
        fault = Text("Phải là danh sách", "Must be a list")
        raise Invalid(fault, [FieldError(name, "type", fault)])
    return value
