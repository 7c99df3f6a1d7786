"""The sealer: seals the journal in batches, on request or in the background, and reports the state of the seals."""

import datetime as dt
import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psycopg
from sqlalchemy import make_url

from gis.audit.anchor import (
    ANCHOR_STATUS_TEXT,
    AnchorStatus,
    anchor_status,
    append_missing_to_anchor,
    signing_key_missing,
)
from gis.audit.seal import (
    ENTRY_DIGEST,
    GENESIS_SEAL,
    INSERT_SEAL,
    LAST_SEAL,
    MAX_BATCH_ROWS,
    SEALER_LOCK_KEY,
    SESSION_OPTIONS,
    SQL,
    WRITER_TIMEOUT_S,
    Connection,
    Seal,
)
from gis.audit.signing_keys import SigningKeys
from gis.text.errors import Conflict, Refusal, Unavailable
from gis.text.i18n import Text

log = logging.getLogger(__name__)

SEAL_INTERVAL_S = 60.0
"""Seconds between two rounds of the background sealer."""


@dataclass(frozen=True)
class SealStatus:
    """State of the seals for a health check, by the database's clock.

    An old last seal is no fault while nothing has been written since: look at ``unsealed`` as well.
    """

    batches: int
    sealed_at: dt.datetime | None
    age_s: float | None
    unsealed: int
    oldest_unsealed_s: float | None
    """Age of the oldest unsealed entry in seconds."""
    anchor: AnchorStatus


@dataclass(frozen=True)
class SealRun:
    """Result of one round: batches and entries sealed, entries left unsealed, and the anchor's status."""

    batches: int
    rows: int
    unsealed: int
    anchor: AnchorStatus

    @property
    def summary(self) -> Text:
        """The result as a sentence."""
        vi, en = ANCHOR_STATUS_TEXT[self.anchor]
        return Text(
            f"Đã niêm phong {self.rows} dòng thành {self.batches} đợt; còn {self.unsealed} dòng chưa niêm phong; {vi}",
            f"{self.rows} entries sealed in {self.batches} batches; {self.unsealed} entries left unsealed; {en}",
        )


@dataclass(frozen=True)
class Sealer:
    """Seals with a database login of its own (``url``), the keys in ``folder``, and the anchor file.

    ``command_line`` is how a user calls this program, for the messages that say which command helps. ``rows`` is the
    most entries of a batch.
    """

    url: str
    folder: Path
    anchor: Path
    command_line: str
    rows: int = MAX_BATCH_ROWS

    def seal(
        self,
        stop: Event | None = None,
        *,
        wait: bool = True,
        timeout_s: float = WRITER_TIMEOUT_S,
        new_key: bool = False,
    ) -> SealRun | None:
        """Seal every entry before which no lower ``seq`` can still be committed, and append the seals to the anchor.

        One sealer at a time: a second one waits for the first, or returns None without ``wait``. Open transactions are
        waited for up to ``timeout_s``. Once ``stop`` is set, none is waited for and at most one batch is sealed. When
        the anchor file cannot be written, sealing goes on; a later round appends what it lacks.

        Raises ``Conflict`` when the last seal is signed with no trusted key, when the private key is missing (unless
        ``new_key`` asks for another one), or when the anchor file differs from the database. Raises ``Unavailable``
        when the database cannot be queried.
        """
        stop = stop or Event()
        with sealer_connection(self) as connection, sealer_lock(connection, wait=wait) as acquired:
            if not acquired:
                return None
            first = last = _last_seal(connection)
            keys = self._load_keys(connection, last, new_key=new_key)
            horizon = _sealable_horizon(connection, last.last_seq, timeout_s, stop)
            rows = 0
            while horizon > last.last_seq and (batch := _next_batch(connection, last, horizon, self.rows)):
                last = batch._replace(signature=keys.sign(batch.statement))
                connection.execute(INSERT_SEAL, last)
                rows += last.rows
                if stop.is_set():
                    break
            status = append_missing_to_anchor(connection, self.anchor, keys, last)
            return SealRun(last.batch - first.batch, rows, unsealed_entries(connection, last.last_seq)[0], status)

    def _load_keys(self, connection: Connection, last: Seal, *, new_key: bool) -> SigningKeys:
        """Load the keys, and generate one if there is none. Raises ``Conflict`` as ``seal`` says."""
        keys = SigningKeys(self.folder)
        if keys.private is None and last.batch and not new_key:
            raise signing_key_missing(keys.private_file, last.batch, self.command_line)
        if last.batch and keys.signer(last.statement, last.signature) is None:
            raise Conflict(
                Text(
                    f"Dấu niêm phong của đợt {last.batch} không do khóa tin cậy nào ({keys.trusted_file}) ký",
                    f"The seal of batch {last.batch} is not signed by a trusted key ({keys.trusted_file})",
                )
            )
        if anchor_status(connection, self.anchor, last)[0] == AnchorStatus.DIFFERS:
            raise Conflict(
                Text(
                    f"Tệp đối chứng {self.anchor} khác với cơ sở dữ liệu; dừng niêm phong. Hãy chạy"
                    f" {self.command_line} audit verify; nếu vừa phục hồi từ bản sao lưu thì cất riêng"
                    " tệp đối chứng này",
                    f"The anchor file {self.anchor} differs from the database; sealing stops."
                    f" Run {self.command_line} audit verify; after a restore from a backup, move this"
                    " anchor file aside",
                )
            )
        if keys.private is None:
            keys.generate()
        return keys


def seal_status(connection: Connection, anchor: Path) -> SealStatus:
    """Report the last seal, the unsealed entries and the anchor's status, without verifying any entry.

    The connection's role needs to read journal and seals: the sealer's login or the database administrator.
    """
    last = _last_seal(connection)
    unsealed, unsealed_s = unsealed_entries(connection, last.last_seq)
    row = connection.execute(
        "select sealed_at, extract(epoch from clock_timestamp() - sealed_at)::float8 from app.seals where batch = %s",
        [last.batch],
    ).fetchone()
    sealed_at, age_s = row or (None, None)
    return SealStatus(last.batch, sealed_at, age_s, unsealed, unsealed_s, anchor_status(connection, anchor, last)[0])


@contextmanager
def background_sealing(sealer: Sealer, interval_s: float = SEAL_INTERVAL_S) -> Iterator[None]:
    """Seal in a background thread while the block runs, and once more at its end."""
    stop = Event()
    thread = Thread(target=_seal_periodically, args=(sealer, interval_s, stop), name="sealer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WRITER_TIMEOUT_S)


def _seal_periodically(sealer: Sealer, interval_s: float, stop: Event) -> None:
    """Seal once per interval. An error is logged when it first occurs and when it is over; it never ends the loop."""
    logged = ""
    while True:
        is_last = stop.is_set()
        try:
            run = sealer.seal(stop, wait=False)
            fault = "" if run is None or run.anchor == AnchorStatus.AGREES else ANCHOR_STATUS_TEXT[run.anchor].en
        except (Refusal, OSError) as error:
            fault = str(error)
        except Exception:
            log.exception("sealing failed; the next round tries again")
            fault = "an error"
        if fault != logged:
            log.warning("sealing: %s (%s)", fault or "in order again", sealer.anchor)
            logged = fault
        if is_last:
            return
        stop.wait(interval_s)


@contextmanager
def sealer_connection(sealer: Sealer) -> Iterator[Connection]:
    """Connect with the sealer's login, in autocommit, with session settings under which entries print the same text.

    Raises ``Unavailable`` when the database cannot be queried or was never migrated.
    """
    url = make_url(sealer.url)
    settings = url.get_dialect()().create_connect_args(url)[1]
    try:
        with psycopg.connect(**settings, autocommit=True, connect_timeout=5, options=SESSION_OPTIONS) as connection:
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName):
        raise Unavailable(
            Text(
                f"Chưa có sổ niêm phong; hãy chạy {sealer.command_line} migrate",
                f"The database has no table of seals yet; run {sealer.command_line} migrate",
            )
        ) from None
    except psycopg.errors.LockNotAvailable:
        raise Unavailable(Text("Đang có lượt niêm phong khác", "Another process is sealing the journal")) from None
    except psycopg.Error as error:
        raise Unavailable(
            Text(f"Không truy vấn được cơ sở dữ liệu: {error}", f"The database cannot be queried: {error}")
        ) from error


@contextmanager
def sealer_lock(connection: Connection, *, wait: bool = True) -> Iterator[bool]:
    """Hold the advisory lock that admits one sealer while the block runs; yields whether it was acquired.

    With ``wait`` it always is; without, it is not while another sealer runs.
    """
    statement = "select true from pg_advisory_lock(%s)" if wait else "select pg_try_advisory_lock(%s)"
    ((acquired,),) = connection.execute(statement, [SEALER_LOCK_KEY]).fetchall()
    try:
        yield acquired
    finally:
        with suppress(psycopg.Error):  # a broken connection has released the lock already
            connection.execute("select pg_advisory_unlock(%s)", [SEALER_LOCK_KEY])


def _last_seal(connection: Connection) -> Seal:
    """The last seal, or ``GENESIS_SEAL`` when there is none."""
    row = connection.execute(LAST_SEAL).fetchone()
    return Seal(*row) if row else GENESIS_SEAL


def _sealable_horizon(connection: Connection, sealed: int, timeout_s: float, stop: Event) -> int:
    """The highest ``seq`` below which no entry can still be committed.

    A transaction that takes a ``seq`` holds a lock on the journal until it ends. Once every transaction that holds this
    lock now has ended, no entry with a lower ``seq`` than those visible now can appear. Comparing transaction ids would
    not do: a transaction that began later may take a lower ``seq`` and commit last. Gaps that remain belong to
    transactions that were rolled back. Returns ``sealed`` when the writers do not end within ``timeout_s``.
    """
    ((highest,),) = connection.execute("select coalesce(max(seq), 0) from app.journal").fetchall()
    if highest <= sealed:
        return sealed
    writers = _active_writers(connection)
    deadline = time.monotonic() + timeout_s
    while writers:
        if stop.is_set() or time.monotonic() > deadline:
            return sealed
        stop.wait(0.05)
        writers &= _active_writers(connection)
    return int(highest)


def _active_writers(connection: Connection) -> set[str]:
    """The virtual ids of the open transactions that may have written to the journal."""
    rows = connection.execute(
        "select virtualtransaction from pg_locks where locktype = 'relation' and mode = 'RowExclusiveLock'"
        " and relation = 'app.journal'::regclass"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    return {transaction for (transaction,) in rows}


def _next_batch(connection: Connection, last: Seal, horizon: int, limit: int) -> Seal | None:
    """Compute the batch after ``last``, without its signature; None when there are no entries up to ``horizon``."""
    entries = connection.execute(
        SQL.compose("entries_to_seal", digest=ENTRY_DIGEST), [last.last_seq, horizon, limit], binary=True
    ).fetchall()
    if not entries:
        return None
    root = hashlib.sha256(bytes.fromhex(last.root))
    for _, digest in entries:
        root.update(digest)
    ((now,),) = connection.execute(SQL.compose("clock_time")).fetchall()
    end = entries[-1][0]
    return Seal(last.batch + 1, last.last_seq + 1, end, len(entries), root.hexdigest(), last.root, now)


def unsealed_entries(connection: Connection, sealed: int) -> tuple[int, float | None]:
    """The number of entries after ``seq`` ``sealed``, and the age of the oldest in seconds."""
    ((number, age),) = connection.execute(
        "select count(*), extract(epoch from clock_timestamp() - min(at) filter (where isfinite(at)))::float8"
        " from app.journal where seq > %s",
        [sealed],
    ).fetchall()
    return number, age
