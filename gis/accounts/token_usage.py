"""What becomes of a token: how often it came on which day from where, and how often it was turned away.

One table serves two ends: whoever keeps tokens sees a stolen one at work, and nobody asks more often than agreed. The
count stands in the database, so that it holds over all processes that serve; losing one in a crash costs nothing. It
only counts, so it is neither journalled nor proven.
"""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Date, DateTime, ForeignKey, Integer, Text as SqlText, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.model.fields import SCHEMA
from gis.model.record import Record
from gis.text.dates import TODAY_SQL
from gis.text.errors import TooMany
from gis.text.i18n import Text

DEFAULT_PER_MINUTE, MAX_PER_MINUTE = 600, 6000


class TokenUse(Record):
    """How often a token came from an address (of IPv6, a network) on one day, and in the last minute of its coming."""

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
SELECT_USE_IN_MINUTE = text(
    f"select coalesce(sum(in_minute), 0), {SECONDS_LEFT} from app.token_uses"
    f" where token_id = :token and day = {TODAY_SQL} and {IN_THIS_MINUTE}"
)
INSERT_USE = text(f"""
insert into app.token_uses as u (token_id, day, address, calls, refused, first_at, last_at, in_minute)
values (:token, {TODAY_SQL}, :address, :calls, :refused, now(), now(), 1)
on conflict (token_id, day, address) do update
    set calls = u.calls + excluded.calls, refused = u.refused + excluded.refused, last_at = excluded.last_at,
        in_minute = case when u.{IN_THIS_MINUTE} then u.in_minute else 0 end + 1
returning u.in_minute + coalesce((
    select sum(o.in_minute) from app.token_uses o
    where o.token_id = u.token_id and o.day = u.day and o.address <> u.address and o.{IN_THIS_MINUTE}), 0)
""")
SELECT_RECENT_USE = text(f"""
select day, address, calls, refused, first_at, last_at from app.token_uses
where token_id = :token and day > {TODAY_SQL} - 90 order by last_at desc limit 200
""")


def record_use(session: Session, token: uuid.UUID, ip_address: str, limit: int, *, refused: bool) -> int:
    """Count one coming of a token; gives the seconds to wait when it has come more often than ``most`` in this minute.

    What comes beyond that is not written down any more, so that a flood writes nothing.
    """
    session.execute(text("set local synchronous_commit = off"))
    so_far, wait = session.execute(SELECT_USE_IN_MINUTE, {"token": token}).one()
    if so_far < limit:
        asked = {"token": token, "address": ip_address, "calls": int(not refused), "refused": int(refused)}
        if session.execute(INSERT_USE, asked).scalar_one() <= limit:
            return 0
    return max(1, int(wait))


def rate_limit_exceeded(limit: int, wait: int) -> TooMany:
    """The refusal of a token that has come too often."""
    return TooMany(
        Text(
            f"Mã này được gọi nhiều nhất {limit} lần mỗi phút; hãy thử lại sau {wait} giây",
            f"This token may ask {limit} times a minute at most; try again in {wait} seconds",
        ),
        extra={"retry_after": wait},
    )


def recent_use(session: Session, token: uuid.UUID) -> list[dict[str, Any]]:
    """From where a token came on each day, how often, and how often it was turned away; the latest first."""
    return [dict(row) for row in session.execute(SELECT_RECENT_USE, {"token": token}).mappings()]
