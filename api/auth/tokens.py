"""Routes for administrators: API tokens. A token is shown once, in the response that issues it."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BeforeValidator

from api.auth.account import PersonCall
from api.auth.people import AdministratorCallParam, admin_page, check_role_and_unit
from api.http.bodies import Form, OptionalShortText, ShortText, parsed
from api.http.dependencies import inline_dependency
from api.http.parameters import id_in_path
from gis.accounts import DEFAULT_PER_MINUTE, MAX_PER_MINUTE, token_usage, tokens
from gis.release import workflow
from gis.text import Text, invalid
from gis.write import FieldValueError
from layers.policy import ASSIGNABLE_ROLES, RECIPIENT
from maps.messages import MESSAGES
from maps.navigation import declare_page

router = APIRouter(tags=["people"], include_in_schema=False)

declare_page("/tokens", MESSAGES["tokens"], rank=250, allows=lambda reader: reader.manages_accounts)

MAX_ITEMS = 20
"""Items in a list of scopes or networks."""

TOKEN_ROLES = {name: role for name, role in ASSIGNABLE_ROLES.items() if not role.administrator} | {
    RECIPIENT.name: RECIPIENT
}


def token_id(token: str) -> uuid.UUID:
    """The id of a token in a path. Raises ``Missing`` if it is malformed."""
    return id_in_path(token, tokens.TOKEN_NOT_FOUND)


TokenParam = Annotated[uuid.UUID, Depends(inline_dependency(token_id))]


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldValueError("type", Text("Phải là số nguyên", "Must be a whole number"))
    return value


def _texts(value: Any) -> list[str]:
    values = value or []
    if not isinstance(values, list) or len(values) > MAX_ITEMS or not all(isinstance(item, str) for item in values):
        raise FieldValueError("type", Text("Phải là danh sách", "Must be a list"))
    return values


class NewToken(Form):
    """A token: its role with unit or recipient, its scopes, networks and rate, and the days until it expires."""

    name: ShortText
    role: ShortText
    unit: OptionalShortText
    recipient: OptionalShortText
    scopes: Annotated[list[str], BeforeValidator(lambda value: _texts(value) or ["read"])]
    days: Annotated[int, BeforeValidator(_whole_number)]
    per_minute: Annotated[
        int, BeforeValidator(lambda value: _whole_number(DEFAULT_PER_MINUTE if value is None else value))
    ]
    networks: Annotated[list[str], BeforeValidator(_texts)]


@router.get("/tokens")
def tokens_page(call: AdministratorCallParam) -> Response:
    """The page of all tokens."""
    with call.accounts_transaction() as session:
        rows = tokens.list_tokens(session)
    limits = {
        "max_days": tokens.MAX_TOKEN_LIFETIME.days,
        "per_minute": DEFAULT_PER_MINUTE,
        "max_per_minute": MAX_PER_MINUTE,
    }
    names = {f"release:read:{release}": name for release, name in released_to(call, None).items()}
    return admin_page(call, "tokens", rows, TOKEN_ROLES, releases=names, **limits)


@router.get("/api/tokens")
def list_all_tokens(call: AdministratorCallParam) -> dict[str, Any]:
    """All tokens, without their secrets."""
    with call.accounts_transaction() as session:
        return {"tokens": tokens.list_tokens(session)}


@router.post("/api/tokens", status_code=201)
def issue(call: AdministratorCallParam, body: Annotated[NewToken, parsed(NewToken)]) -> dict[str, Any]:
    """Issue a token; the response is the only place that shows it. No token has the role of an administrator."""
    check_role_and_unit(call, body.role, body.unit, TOKEN_ROLES)
    _check_recipient_and_scopes(call, body)
    with call.accounts_transaction() as session:
        token = tokens.issue(session, **vars(body), made_by=call.person.name)
    return {"name": body.name, "token": token}


def _check_recipient_and_scopes(call: PersonCall, body: NewToken) -> None:
    """Raise ``Invalid`` unless a partner's token, and no other, names its recipient and is limited to its releases."""
    is_partner = body.role == RECIPIENT.name
    if is_partner is (body.recipient is None):
        raise invalid(
            "recipient",
            "missing",
            "Chỉ mã truy cập của đối tác mới nêu nơi nhận",
            "Only a partner's token may have a recipient, and it must have one",
        )
    releases = {tokens.release_of_scope(scope) for scope in body.scopes}
    if not is_partner and any(releases):
        raise invalid(
            "scopes",
            "range",
            "Chỉ mã truy cập của đối tác mới nêu bản chia sẻ",
            "Only a partner's token may be limited to a release",
        )
    known = released_to(call, body.recipient) if any(releases) else {}
    if is_partner and (body.unit is not None or (body.scopes != ["read"] and not releases <= known.keys())):
        raise invalid(
            "scopes",
            "range",
            "Đối tác chỉ xem được dữ liệu đã chia sẻ cho chính nơi nhận đó",
            "A partner's token may only read what was released to its recipient",
        )


@router.delete("/api/tokens/{token}")
def revoke(call: AdministratorCallParam, token: TokenParam) -> dict[str, Any]:
    """Revoke a token at once."""
    with call.accounts_transaction() as session:
        tokens.revoke(session, token)
    return {"id": token}


@router.get("/api/tokens/{token}/uses")
def list_token_usage(call: AdministratorCallParam, token: TokenParam) -> dict[str, Any]:
    """The use of a token in the last ninety days: requests and refusals by day and IP address."""
    with call.accounts_transaction() as session:
        return {"uses": token_usage.recent_use(session, token)}


def released_to(call: PersonCall, recipient: str | None) -> dict[uuid.UUID, str]:
    """The names of the releases to ``recipient`` by id; of all releases if it is None."""
    with call.reading() as session:
        releases = workflow.list_releases(session)
        return {release.id: release.name for release in releases if recipient in (None, release.recipient)}
