"""Use of tokens per day and network, with the number of refused requests, and the rate limit per minute.

One table serves both: administrators see when a stolen token is used, and a token is limited over all server
processes. Commits are asynchronous, because losing a count in a crash does no harm. The table is neither journalled
nor verified.
"""

import datetime as dt
import uuid
from typing import Any

from psycopg import sql
from sqlalchemy import Date, DateTime, ForeignKey, Integer, Text as SqlText, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.db.pool import BoundQuery
from gis.model.fields import SCHEMA
from gis.model.record import Record
from gis.text.dates import TODAY_SQL
from gis.text.errors import TooMany
from gis.text.i18n import Text
from gis.text.sql_files import SqlFile

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


SQL = SqlFile(__file__)
RECORD_USE = SQL.text("record_use", today=sql.SQL(TODAY_SQL))
SELECT_RECENT_USE = text(SQL.text("select_recent_use", today=sql.SQL(TODAY_SQL)))


def use_query(token: uuid.UUID, network: str, limit: int, *, refused: bool) -> BoundQuery:
    """The query that counts a request with a token from a network.

    It gives 0, or the seconds to wait when the request exceeds the limit of this minute.
    """
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
