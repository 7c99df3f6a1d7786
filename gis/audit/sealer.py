"""The sealer: seals the journal in batches while the server runs."""

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
    MAX_BATCH_ROWS,
    SEAL_SELECT_LIST,
    SEALER_LOCK_KEY,
    SESSION_OPTIONS,
    UTC_TIMESTAMP_TEXT,
    WRITER_TIMEOUT_S,
    Connection,
    Seal,
)
from gis.audit.signing_keys import SigningKeys
from gis.text.errors import Conflict, Refusal, Unavailable
from gis.text.i18n import Text

log = logging.getLogger(__name__)

SEAL_INTERVAL_S = 60.0
"""Seconds from one round of the background sealer to the next."""


@dataclass(frozen=True)
class SealStatus:
    """What a health check wants to know, by the database's clock; a quiet house has an old last seal and no residue."""

    batches: int
    sealed_at: dt.datetime | None
    age_s: float | None
    unsealed: int
    oldest_unsealed_s: float | None
    """How long the oldest unsealed entry has been waiting, in seconds."""
    anchor: AnchorStatus


@dataclass(frozen=True)
class SealRun:
    """What one round has done: batches and entries sealed, entries that are left, and the anchor."""

    batches: int
    rows: int
    unsealed: int
    anchor: AnchorStatus

    @property
    def summary(self) -> Text:
        """The same as a sentence."""
        vi, en = ANCHOR_STATUS_TEXT[self.anchor]
        return Text(
            f"Đã niêm phong {self.rows} dòng thành {self.batches} đợt; còn {self.unsealed} dòng chưa niêm phong; {vi}",
            f"{self.rows} entries sealed in {self.batches} batches; {self.unsealed} are left unsealed; {en}",
        )


@dataclass(frozen=True)
class Sealer:
    """Who seals: the sealer's own login, the folder of its keys, and the anchor's file."""

    url: str
    folder: Path
    anchor: Path
    rows: int = MAX_BATCH_ROWS

    def seal(
        self,
        stop: Event | None = None,
        *,
        wait: bool = True,
        timeout_s: float = WRITER_TIMEOUT_S,
        new_key: bool = False,
    ) -> SealRun | None:
        """Seal every entry below which nothing can come any more, and tell the anchor.

        One sealer at a time: the second waits, or without ``wait`` gives None. Once ``stop`` is set nobody is waited
        for and one batch is sealed at most. An anchor that is away stops nothing: it is told later what it missed.
        Raises ``Conflict`` when what is there was sealed by somebody else or with a key that is missing (``new_key``
        makes another), ``Unavailable`` when the database cannot be asked.
        """
        stop = stop or Event()
        with sealer_connection(self.url) as connection, sealer_lock(connection, wait=wait) as held:
            if not held:
                return None
            first = last = _last_seal(connection)
            keys = self._load_keys(connection, last, new_key=new_key)
            horizon = _sealable_horizon(connection, last.last_seq, timeout_s, stop)
            rows = 0
            while horizon > last.last_seq and (made := _next_batch(connection, last, horizon, self.rows)):
                last = made._replace(signature=keys.sign(made.statement))
                connection.execute(INSERT_SEAL, last)
                rows += last.rows
                if stop.is_set():
                    break
            anchored = append_missing_to_anchor(connection, self.anchor, keys, last)
            return SealRun(last.batch - first.batch, rows, unsealed_entries(connection, last.last_seq)[0], anchored)

    def _load_keys(self, connection: Connection, last: Seal, *, new_key: bool) -> SigningKeys:
        """The keys, once it is sure that the next seal follows one of ours."""
        keys = SigningKeys(self.folder)
        if keys.private is None and last.batch and not new_key:
            raise signing_key_missing(keys.private_file, last.batch)
        if last.batch and keys.signer(last.statement, last.signature) is None:
            raise Conflict(
                Text(
                    f"Dấu niêm phong của đợt {last.batch} không do khóa tin cậy nào ({keys.trusted_file}) ký",
                    f"The seal of batch {last.batch} is signed by no key that is trusted ({keys.trusted_file})",
                )
            )
        if anchor_status(connection, self.anchor, last)[0] == AnchorStatus.DIFFERS:
            raise Conflict(
                Text(
                    f"Tệp đối chứng {self.anchor} khác với cơ sở dữ liệu; dừng niêm phong. Hãy chạy ./cotmoc audit"
                    " verify; nếu vừa phục hồi từ bản sao lưu thì cất riêng tệp đối chứng này",
                    f"The anchor file {self.anchor} differs from the database; sealing stops."
                    " Run ./cotmoc audit verify; after a restore from a backup, put this anchor file aside",
                )
            )
        if keys.private is None:
            keys.generate()
        return keys


def seal_status(connection: Connection, anchor: Path) -> SealStatus:
    """How old the last seal is, what is not sealed yet and whether the anchor agrees; quick, and proves nothing.

    For whoever may read journal and seals: the sealer's login or the database's administrator.
    """
    last = _last_seal(connection)
    unsealed, unsealed_s = unsealed_entries(connection, last.last_seq)
    told = connection.execute(
        "select sealed_at, extract(epoch from clock_timestamp() - sealed_at)::float8 from app.seals where batch = %s",
        [last.batch],
    ).fetchone()
    sealed_at, age_s = told or (None, None)
    return SealStatus(last.batch, sealed_at, age_s, unsealed, unsealed_s, anchor_status(connection, anchor, last)[0])


@contextmanager
def background_sealing(sealer: Sealer, interval_s: float = SEAL_INTERVAL_S) -> Iterator[None]:
    """Seal in the background while the block runs, and once more at its end, so that nothing lies open overnight."""
    stop = Event()
    thread = Thread(target=_seal_periodically, args=(sealer, interval_s, stop), name="sealer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WRITER_TIMEOUT_S)


def _seal_periodically(sealer: Sealer, interval_s: float, stop: Event) -> None:
    """One round after the other. Trouble is logged when it comes and when it goes, and never ends the rounds."""
    said = ""
    while True:
        last = stop.is_set()
        try:
            done = sealer.seal(stop, wait=False)
            trouble = "" if done is None or done.anchor == AnchorStatus.AGREES else ANCHOR_STATUS_TEXT[done.anchor].en
        except (Refusal, OSError) as fault:
            trouble = str(fault)
        except Exception:
            log.exception("sealing failed; the next round tries again")
            trouble = "an error"
        if trouble != said:
            log.warning("sealing: %s (%s)", trouble or "in order again", sealer.anchor)
            said = trouble
        if last:
            return
        stop.wait(interval_s)


@contextmanager
def sealer_connection(url: str) -> Iterator[Connection]:
    """A connection of the sealer's own, in autocommit, with a session that prints the same text everywhere."""
    address = make_url(url)
    settings = address.get_dialect()().create_connect_args(address)[1]
    try:
        with psycopg.connect(**settings, autocommit=True, connect_timeout=5, options=SESSION_OPTIONS) as connection:
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName):
        raise Unavailable(
            Text("Chưa có sổ niêm phong; hãy chạy ./cotmoc migrate", "There are no seals yet; run ./cotmoc migrate")
        ) from None
    except psycopg.errors.LockNotAvailable:
        raise Unavailable(Text("Đang có lượt niêm phong khác", "Another sealing is under way")) from None
    except psycopg.Error as fault:
        raise Unavailable(
            Text(f"Không truy vấn được cơ sở dữ liệu: {fault}", f"The database cannot be queried: {fault}")
        ) from fault


@contextmanager
def sealer_lock(connection: Connection, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of the one sealer while the block runs; without ``wait``, tell whether it could be had."""
    ask = "select true from pg_advisory_lock(%s)" if wait else "select pg_try_advisory_lock(%s)"
    ((held,),) = connection.execute(ask, [SEALER_LOCK_KEY]).fetchall()
    try:
        yield held
    finally:
        with suppress(psycopg.Error):  # a connection that fails lets go by itself
            connection.execute("select pg_advisory_unlock(%s)", [SEALER_LOCK_KEY])


def _last_seal(connection: Connection) -> Seal:
    """The last seal, or the one before the first."""
    found = connection.execute(f"select {SEAL_SELECT_LIST} from app.seals order by batch desc limit 1").fetchone()
    return Seal(*found) if found else GENESIS_SEAL


def _sealable_horizon(connection: Connection, sealed: int, timeout_s: float, stop: Event) -> int:
    """The highest number below which nothing can come any more.

    Who draws a number holds a lock on the journal until the end of the transaction. So, of the entries seen now, none
    has a lower neighbour on the way once all who hold that lock now have ended. The transaction's own number would not
    do: one that began later may draw a lower number and commit last. Gaps that are left are rolled back for good.
    """
    ((highest,),) = connection.execute("select coalesce(max(seq), 0) from app.journal").fetchall()
    if highest <= sealed:
        return sealed
    writing = _active_writers(connection)
    deadline = time.monotonic() + timeout_s
    while writing:
        if stop.is_set() or time.monotonic() > deadline:
            return sealed
        stop.wait(0.05)
        writing &= _active_writers(connection)
    return int(highest)


def _active_writers(connection: Connection) -> set[str]:
    """The running transactions that may have written to the journal."""
    found = connection.execute(
        "select virtualtransaction from pg_locks where locktype = 'relation' and mode = 'RowExclusiveLock'"
        " and relation = 'app.journal'::regclass"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    return {one for (one,) in found}


def _next_batch(connection: Connection, last: Seal, horizon: int, limit: int) -> Seal | None:
    """The batch after ``last``, not signed yet; None when there is nothing up to the horizon."""
    entries = connection.execute(
        f"select seq, {ENTRY_DIGEST} from app.journal where seq > %s and seq <= %s order by seq limit %s",
        [last.last_seq, horizon, limit],
        binary=True,
    ).fetchall()
    if not entries:
        return None
    root = hashlib.sha256(bytes.fromhex(last.root))
    for _, digest in entries:
        root.update(digest)
    ((now,),) = connection.execute(f"select {UTC_TIMESTAMP_TEXT.format('clock_timestamp()')}").fetchall()
    end = entries[-1][0]
    return Seal(last.batch + 1, last.last_seq + 1, end, len(entries), root.hexdigest(), last.root, now)


def unsealed_entries(connection: Connection, sealed: int) -> tuple[int, float | None]:
    """How many entries are not sealed, and for how many seconds the oldest has been waiting."""
    ((number, age),) = connection.execute(
        "select count(*), extract(epoch from clock_timestamp() - min(at) filter (where isfinite(at)))::float8"
        " from app.journal where seq > %s",
        [sealed],
    ).fetchall()
    return number, age
