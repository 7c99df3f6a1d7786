"""Principals: who sends a request, by the cookie of a session or by a token.

The role of a person and the rights of a token are read from the database for every request, so that a change takes
effect at once.
"""

import ipaddress
import secrets
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gis.accounts import token_usage
from gis.accounts.models import SIGN_IN_IDLE_TIMEOUT, SIGN_IN_LIFETIME, digest
from gis.db.pool import BoundQuery

SELECT_SIGN_IN = """
select json_build_object('name', p.name, 'role', a.role, 'unit', a.unit, 'title', p.title, 'person_id', p.id,
        'sign_in_id', s.id, 'csrf', s.csrf, 'has_second_factor', p.second_factor is not null),
    s.seen_at < now() - interval '60 seconds'
from app.sign_ins s join app.people p on p.id = s.person_id
join app.appointments a on a.person_id = p.id and a.valid_from <= now() and (a.valid_to is null or a.valid_to > now())
where s.secret = %(secret)s and s.ended_at is null and s.seen_at > now() - %(idle)s and s.began_at > now() - %(longest)s
    and p.valid_from <= now() and (p.valid_to is null or p.valid_to > now())
order by a.valid_from desc limit 1
"""
"""A session and whether ``seen_at`` is to be updated: at most once a minute, so that not every request writes."""

UPDATE_LAST_SEEN = "update app.sign_ins set seen_at = now() where id = %(id)s returning id"

SELECT_BY_ID = """
select json_build_object('name', name, 'role', role, 'unit', unit, 'recipient', recipient, 'scopes', scopes,
        'networks', networks, 'per_minute', per_minute, 'secret', secret,
        'valid', revoked_at is null and expires_at > now()),
    coalesce(used_at < now() - interval '60 seconds', true)
from app.tokens where id = %(id)s
"""
UPDATE_LAST_USED = "update app.tokens set used_at = now(), used_from = %(ip)s where id = %(id)s returning id"

Fetch = Callable[[BoundQuery], Awaitable[list[tuple[Any, ...]]]]
"""Runs a query as the accounts login and gives its rows."""


@dataclass(frozen=True)
class Principal:
    """The authenticated user of a request: name, role and unit, with the session or the scopes of the token."""

    name: str
    role: str
    unit: str | None = None
    title: str | None = None
    recipient: str | None = None
    person_id: uuid.UUID | None = None
    sign_in_id: uuid.UUID | None = None
    csrf: str | None = None
    scopes: tuple[str, ...] = ()
    has_second_factor: bool = False


def may_write(principal: Principal) -> bool:
    """Whether the user may write as far as the role allows: every session may, a token needs the scope ``write``."""
    return principal.sign_in_id is not None or "write" in principal.scopes


async def principal_of_cookie(fetch: Fetch, cookie: str) -> Principal | None:
    """The user whose session the cookie is, with their present role; None when it is unknown or over."""
    values = {"secret": digest(cookie), "idle": SIGN_IN_IDLE_TIMEOUT, "longest": SIGN_IN_LIFETIME}
    rows = await fetch(BoundQuery(SELECT_SIGN_IN, values, prepared=True))
    if not rows:
        return None
    session, is_stale = rows[0]
    session["person_id"], session["sign_in_id"] = uuid.UUID(session["person_id"]), uuid.UUID(session["sign_in_id"])
    if is_stale:
        await fetch(BoundQuery(UPDATE_LAST_SEEN, {"id": session["sign_in_id"]}))
    return Principal(**session)


async def principal_of_token(fetch: Fetch, token: str, ip_address: str) -> Principal | None:
    """The machine whose token this is; None when it is unknown, expired, revoked or used from a foreign network.

    Every use with the right secret is counted, also a refused one, so that the use of a stolen token is visible.
    Raises ``TooMany`` when it exceeds its limit per minute, counted over all processes.
    """
    prefix, _, rest = token.partition("_")
    hex_id, _, secret = rest.partition("_")
    try:
        token_id = uuid.UUID(hex=hex_id)
    except ValueError:
        return None
    if prefix != "cm" or not secret:
        return None
    rows = await fetch(BoundQuery(SELECT_BY_ID, {"id": token_id}, prepared=True))
    if not rows or not secrets.compare_digest(rows[0][0]["secret"], digest(secret)):
        return None
    stored, is_stale = rows[0]
    refused = not (stored["valid"] and ip_is_allowed(ip_address, stored["networks"]))
    limit = stored["per_minute"]
    use = token_usage.use_query(token_id, throttled_network(ip_address), limit, refused=refused)
    ((wait,),) = await fetch(use)
    if refused:
        return None
    if wait:
        raise token_usage.rate_limit_exceeded(limit, wait)
    if is_stale:
        await fetch(BoundQuery(UPDATE_LAST_USED, {"id": token_id, "ip": ip_address}))
    name, role, unit, recipient = (stored[column] for column in ("name", "role", "unit", "recipient"))
    return Principal(f"token:{name}", role, unit, recipient=recipient, scopes=tuple(stored["scopes"]))


def throttled_network(ip_address: str) -> str:
    """The key of the throttle: the IPv4 address, or the /64 network in IPv6, where one user has many addresses."""
    try:
        parsed = ipaddress.ip_address(ip_address)
    except ValueError:
        return ip_address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else ip_address  # noqa: PLR2004


def ip_is_allowed(ip_address: str, networks: Sequence[str] | None) -> bool:
    """Whether an IP address is in one of the networks; without networks every address is."""
    if not networks:
        return True
    try:
        parsed = ipaddress.ip_address(ip_address)
    except ValueError:
        return False
    return any(parsed in ipaddress.ip_network(network) for network in networks)
