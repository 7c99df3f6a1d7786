"""Access tokens for machines: issued by an administrator with a role, scopes and an expiry, and revocable.

The text of a token is shown once; the database has a hash of its secret. ``gis.accounts.token_usage`` counts its use.
"""

import datetime as dt
import ipaddress
import re
import secrets
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Integer, Text as SqlText, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.accounts.models import digest
from gis.accounts.token_usage import DEFAULT_PER_MINUTE, MAX_PER_MINUTE
from gis.model.record import Record, datetime_column, key_column
from gis.text.errors import Missing, invalid
from gis.text.i18n import Text

MAX_TOKEN_LIFETIME = dt.timedelta(days=180)
RELEASE_SCOPE = re.compile(r"release:read:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
TOKEN_NOT_FOUND = Text("Không có mã truy cập này", "There is no such token")


class Token(Record):
    """An access token: its role and ``scopes``, the ``networks`` it is limited to, and when it expires.

    A partner's token names its ``recipient`` and reads only what was released to that recipient; with scopes
    ``release:read:<release>``, only what is in these releases. ``per_minute`` limits its requests.
    """

    __tablename__ = "tokens"

    id: Mapped[uuid.UUID] = key_column()
    name: Mapped[str] = mapped_column(SqlText, unique=True)
    secret: Mapped[str] = mapped_column(SqlText)
    role: Mapped[str] = mapped_column(SqlText)
    unit: Mapped[str | None] = mapped_column(SqlText)
    recipient: Mapped[str | None] = mapped_column(SqlText)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(SqlText))
    networks: Mapped[list[str] | None] = mapped_column(ARRAY(SqlText))
    per_minute: Mapped[int] = mapped_column(
        Integer, default=DEFAULT_PER_MINUTE, server_default=text(str(DEFAULT_PER_MINUTE))
    )
    made_by: Mapped[str] = mapped_column(SqlText)
    made_at: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))
    expires_at: Mapped[dt.datetime] = datetime_column()
    used_at: Mapped[dt.datetime | None] = datetime_column()
    used_from: Mapped[str | None] = mapped_column(SqlText)
    revoked_at: Mapped[dt.datetime | None] = datetime_column()


SELECT_TOKENS = """
select id, name, role, unit, recipient, scopes, networks, per_minute, made_by, made_at, expires_at, used_at,
    used_from, revoked_at, revoked_at is null and expires_at > now() as valid,
    (select coalesce(sum(u.refused), 0)::integer from app.token_uses u
        where u.token_id = tokens.id and u.last_at > now() - interval '7 days') as refused_lately
from app.tokens order by not (revoked_at is null and expires_at > now()), name
"""


def list_tokens(session: Session) -> list[dict[str, Any]]:
    """Every token without its secret, valid ones first, with its last use and its recently refused requests."""
    return [dict(row) for row in session.execute(text(SELECT_TOKENS)).mappings()]


def release_of_scope(scope: str) -> uuid.UUID | None:
    """The release that a scope ``release:read:<release>`` names; None for any other scope."""
    match = RELEASE_SCOPE.fullmatch(scope)
    return uuid.UUID(match[1]) if match else None


def issue(
    session: Session,
    name: str,
    role: str,
    *,
    made_by: str,
    days: int,
    scopes: Sequence[str] = ("read",),
    unit: str | None = None,
    recipient: str | None = None,
    networks: Sequence[str] | None = None,
    per_minute: int = DEFAULT_PER_MINUTE,
) -> str:
    """Issue a token and return its text, which cannot be read again. Raises ``Invalid`` for the field at fault."""
    if not 1 <= days <= MAX_TOKEN_LIFETIME.days:
        raise invalid(
            "days",
            "range",
            f"Thời hạn sử dụng từ 1 đến {MAX_TOKEN_LIFETIME.days} ngày",
            f"`days` must be from 1 to {MAX_TOKEN_LIFETIME.days}",
        )
    release_scopes = [scope for scope in scopes if release_of_scope(scope)]
    if not scopes or (not set(scopes) <= {"read", "write"} and len(release_scopes) < len(scopes)):
        raise invalid(
            "scopes",
            "code",
            "Phạm vi phải là read, write hoặc release:read:<bản chia sẻ>",
            "Scopes are read, write or release:read:<release>",
        )
    if not 1 <= per_minute <= MAX_PER_MINUTE:
        raise invalid(
            "per_minute",
            "range",
            f"Phải từ 1 đến {MAX_PER_MINUTE} lần mỗi phút",
            f"`per_minute` must be from 1 to {MAX_PER_MINUTE}",
        )
    try:
        ranges = [str(ipaddress.ip_network(network)) for network in networks or ()]
    except ValueError:
        raise invalid(
            "networks", "network", "Không phải dải địa chỉ IP", "Not an IP network, such as 192.0.2.0/24"
        ) from None
    if session.query(Token).filter_by(name=name).one_or_none() is not None:
        raise invalid("name", "taken", "Tên này đã được sử dụng", "This name is already in use")
    secret = secrets.token_urlsafe(32)
    token = Token(
        name=name,
        secret=digest(secret),
        role=role,
        unit=unit,
        recipient=recipient,
        scopes=list(scopes),
        networks=ranges or None,
        per_minute=per_minute,
        made_by=made_by,
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=days),
    )
    session.add(token)
    session.flush()
    return f"cm_{token.id.hex}_{secret}"


def revoke(session: Session, token_id: uuid.UUID) -> None:
    """Revoke a token at once. Raises ``Missing`` when there is none of this id."""
    token = session.get(Token, token_id)
    if token is None:
        raise Missing(TOKEN_NOT_FOUND)
    token.revoked_at = session.execute(text("select clock_timestamp()")).scalar_one()
    session.flush()
