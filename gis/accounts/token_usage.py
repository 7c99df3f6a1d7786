"""Use of tokens per day and network, with the number of refused requests, and the rate limit per minute.

One table serves both: administrators see when a stolen token is used, and a token is limited over all server
processes. Commits are asynchronous, because losing a count in a crash does no harm. The table is neither journalled
nor verified.
"""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Date, DateTime, ForeignKey, Integer, Text as SqlText, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.db.pool import BoundQuery
from gis.model.fields import SCHEMA
from gis.model.record import Record
from gis.text.dates import TODAY_SQL
from gis.text.errors import TooMany
from gis.text.i18n import Text

DEFAULT_PER_MINUTE, MAX_PER_MINUTE = 600, 6000


class TokenUse(Record):
    """Requests with a token from one IPv4 address or IPv6 network on one day, and in the minute of the last request."""

    __tablename__ = "token_uses"

    token_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.tokens.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    address: Mapped[str] = mapped_column(SqlText, primary_key=True)
    calls: Mapped[int] = mapped_column(Integer)
    refused: Mapped[int] = mapped_column(Integer)
    first_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    last_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    in_minute: Mapped[int] = mapped_column(Integer)


IN_THIS_MINUTE = "last_at >= date_trunc('minute', now())"
SECONDS_LEFT = "ceil(extract(epoch from date_trunc('minute', now()) + interval '1 minute' - now()))::integer"
RECORD_USE = f"""
with so_far as (
    select coalesce(sum(in_minute), 0) as requests from app.token_uses
    where token_id = %(token)s::uuid and day = {TODAY_SQL} and {IN_THIS_MINUTE}),
counted as (
    insert into app.token_uses as u (token_id, day, address, calls, refused, first_at, last_at, in_minute)
    select %(token)s::uuid, {TODAY_SQL}, %(network)s, (not %(refused)s::boolean)::integer, %(refused)s::integer,
        now(), now(), 1
    from so_far where so_far.requests < %(limit)s::integer
    on conflict (token_id, day, address) do update
        set calls = u.calls + excluded.calls, refused = u.refused + excluded.refused, last_at = excluded.last_at,
            in_minute = case when u.{IN_THIS_MINUTE} then u.in_minute else 0 end + 1
    returning u.in_minute + coalesce((
        select sum(o.in_minute) from app.token_uses o
        where o.token_id = u.token_id and o.day = u.day and o.address <> u.address and o.{IN_THIS_MINUTE}), 0)
        as requests)
select case when (select requests from counted) <= %(limit)s::integer then 0 else greatest(1, {SECONDS_LEFT}) end
"""
"""Counts a request; gives 0, or the seconds to wait when it exceeds the limit of this minute.

Requests beyond the limit are not counted, so that a flood of them writes nothing.
"""

SELECT_RECENT_USE = text(f"""
select day, address, calls, refused, first_at, last_at from app.token_uses
where token_id = :token and day > {TODAY_SQL} - 90 order by last_at desc limit 200
""")


def use_query(token: uuid.UUID, network: str, limit: int, *, refused: bool) -> BoundQuery:
    """The query that counts a request with a token from a network; see ``RECORD_USE`` for what it gives."""
    values = {"token": token, "network": network, "limit": limit, "refused": refused}
    return BoundQuery(RECORD_USE, values, prepared=True)


def rate_limit_exceeded(limit: int, wait: int) -> TooMany:
    """The refusal of a token that exceeds its limit per minute."""
    return TooMany(
        Text(
            f"Mã truy cập này được sử dụng tối đa {limit} lần mỗi phút; hãy thử lại sau {wait} giây",
            f"This token may be used {limit} times a minute; try again in {wait} seconds",
        ),
        extra={"retry_after": wait},
    )


def recent_use(session: Session, token: uuid.UUID) -> list[dict[str, Any]]:
    """A token's use in the last 90 days, per day and network, latest first."""
    return [dict(row) for row in session.execute(SELECT_RECENT_USE, {"token": token}).mappings()]
