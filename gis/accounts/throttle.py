"""Login throttling with exponential back-off, at most 15 minutes.

The failures of IP addresses and of unknown names are counted in an unlogged table, which all server processes share;
those of known names are columns of the account. A key is stored as its HMAC under a secret of the running server,
because a mistyped name may be a password. The HMAC also chooses one of a fixed number of rows, in which another key may
be replaced, so that trying many names needs no more room and no row has to be deleted.
"""

import datetime as dt
import hmac
import secrets
from typing import Any

from sqlalchemy import Integer, LargeBinary, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.model.record import Record, datetime_column

MAX_DELAY_S = 900
MAX_ENTRIES = 2**16


class LoginFailures(Record):
    """The number of consecutive failures of a key, and the time of the last failure."""

    __tablename__ = "login_failures"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - read by SQLAlchemy

    slot: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[bytes] = mapped_column(LargeBinary)
    failures: Mapped[int] = mapped_column(Integer)
    failed_at: Mapped[dt.datetime] = datetime_column()


COUNT_FAILURE = text("""
insert into app.login_failures as f (slot, key, failures, failed_at) values (:slot, :key, 1, clock_timestamp())
on conflict (slot) do update set key = excluded.key, failed_at = clock_timestamp(),
    failures = case when f.key = excluded.key and f.failed_at > clock_timestamp() - make_interval(secs => :memory)
        then f.failures else 0 end + 1
where f.key <> excluded.key or f.failed_at + make_interval(secs =>
    (cast(:delays as integer[]))[least(f.failures + 1, cardinality(cast(:delays as integer[])))]) <= clock_timestamp()
returning slot
""")
"""Counts a failure unless the key has to wait; ``delays`` are the seconds to wait after 0, 1, 2 … failures."""

SELECT_WAIT = text("""
select greatest(1, ceil(extract(epoch from failed_at - clock_timestamp())
    + (cast(:delays as integer[]))[least(failures + 1, cardinality(cast(:delays as integer[])))]))::integer
from app.login_failures where slot = :slot
""")
FORGET = text("update app.login_failures set failures = 0 where slot = :slot and key = :key and failures > 0")


def delay_s(failures: int, free_failures: int) -> int:
    """Seconds to wait after so many failures: 0 below ``free_failures``, then 1, 2, 4 … 900."""
    return min(2 ** min(failures - free_failures, 10), MAX_DELAY_S) if failures >= free_failures else 0


class LoginThrottle:
    """Counts the failures of one kind of key, of which the first ``free_failures`` cause no delay.

    A key without an attempt for ``MAX_DELAY_S`` starts again at zero. Server processes share the counts if they were
    forked after this object was made.
    """

    def __init__(self, free_failures: int) -> None:
        self._delays = [delay_s(failures, free_failures) for failures in range(free_failures + 11)]
        self._secret = secrets.token_bytes(32)

    def wait(self, session: Session, key: str) -> int:
        """Whole seconds until the next attempt is allowed; 0 allows one now and counts it as a failure.

        ``reset`` takes it back. If failures were counted after verification, many attempts at once would all pass.
        """
        parameters = {**self._row(key), "delays": self._delays, "memory": MAX_DELAY_S}
        if session.execute(COUNT_FAILURE, parameters).first():
            return 0
        return int(session.execute(SELECT_WAIT, parameters).scalar_one())

    def reset(self, session: Session, key: str) -> None:
        """Forget the failures of a key after a successful attempt."""
        session.execute(FORGET, self._row(key))

    def _row(self, key: str) -> dict[str, Any]:
        """The row of a key and the hash under which it is stored there."""
        digest = hmac.digest(self._secret, key.encode("utf-8", "surrogatepass"), "sha256")
        return {"slot": int.from_bytes(digest[:8]) % MAX_ENTRIES, "key": digest}
