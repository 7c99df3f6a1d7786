"""The sealed journal: what was written once is proven later to be all there, and as it was.

The journal is sealed behind the writers, never by them: a chain inside their transactions would make them queue for
one row. Each batch of entries gets a root, ``sha256(root before ‖ sha256(entry) ‖ sha256(entry) …)``, signed with a
key (Ed25519) that the database does not hold. The seal is told a second time to the anchor, a file that belongs on
another disk: whoever cuts off the last batch together with its seal is betrayed by the anchor alone.

Not yet sealed, and so not proven, is what is younger than the last round (a minute), or waits for a transaction.
"""

import datetime as dt
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple, Self

import psycopg
from sqlalchemy import make_url

from gis.audit.signing_keys import TRUSTED_KEYS_FILE, SigningKeys, append_durably
from gis.text.errors import Conflict, Refusal, Unavailable
from gis.text.i18n import Text

log = logging.getLogger(__name__)

CREATE_SEALS_TABLE = """
create table if not exists app.seals (
    batch bigint primary key,
    first_seq bigint not null, last_seq bigint not null, rows integer not null,
    root text not null unique, previous text not null unique,
    signature text not null, sealed_at timestamptz not null
);
"""
"""One row per sealed batch. ``first_seq`` follows the last batch's ``last_seq``, so no number lies between batches."""

IMMUTABILITY_TRIGGERS = """
create or replace trigger fixed before update or delete on app.seals
    for each row execute function app.refuse_change();
create or replace trigger no_truncate before truncate on app.seals
    for each statement execute function app.refuse_truncate();
"""
"""Nobody changes a seal, not even the owner."""

ENTRY_TEXT = """row(seq, xid, extract(epoch from at), actor, unit, reason, request, device_at,
    table_name, feature_id, action, old, new)::text"""
"""An entry as text: every column of the journal, the same on every run, in every session and after a restore.

A row's text tells NULL from nothing and one column from the next; jsonb has one text per value; seconds since 1970
know neither time zone nor date style.
"""

ENTRY_DIGEST = f"sha256(convert_to({ENTRY_TEXT}, 'UTF8'))"
"""What leaves the database of an entry: 32 bytes, however large its geometry is."""

MAX_BATCH_ROWS = 5_000
"""The most entries of one batch."""

SEAL_INTERVAL_S = 60.0
"""Seconds from one round of the background sealer to the next."""

WRITER_TIMEOUT_S = 10.0
"""Seconds that a round waits for writers that may still come with a lower number."""

GENESIS_ROOT = "0" * 64
"""The root before the first."""

SEALER_LOCK_KEY = 0x7365616C  # "seal" as a number: one sealer at a time in one database

SESSION_OPTIONS = (
    "-c search_path=pg_catalog -c timezone=UTC -c datestyle=ISO -c statement_timeout=120s -c lock_timeout=30s"
)

MAX_LINE_BYTES = 4096
SEAL_COLUMNS = "batch, first_seq, last_seq, rows, root, previous, sealed_at, signature"
UTC_TIMESTAMP_TEXT = "to_json({} at time zone 'UTC') #>> '{{}}' || 'Z'"
SEAL_SELECT_LIST = SEAL_COLUMNS.replace("sealed_at", UTC_TIMESTAMP_TEXT.format("sealed_at"))
INSERT_SEAL = f"insert into app.seals ({SEAL_COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s)"

Connection = psycopg.Connection[Any]


class Seal(NamedTuple):
    """A sealed batch, in the order of its statement; ``sealed_at`` is ISO text in UTC, by the database's clock."""

    batch: int
    first_seq: int
    last_seq: int
    rows: int
    root: str
    previous: str
    sealed_at: str
    signature: str = ""

    @property
    def statement(self) -> bytes:
        """What is signed: everything but the signature."""
        told = self._asdict()
        del told["signature"]
        return json.dumps(told).encode()

    def anchor_line(self, key: str) -> str:
        """The seal as the anchor keeps it, with the public key beside it."""
        return json.dumps({**self._asdict(), "key": key})

    def matches_torn_line(self, torn: str) -> bool:
        """Whether that is how its line begins, as far as that can be told without its key."""
        return self.anchor_line("").startswith(torn[: len(self.anchor_line("")) - len('"}')])

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read a line of the anchor; ``ValueError`` when it is none."""
        try:
            found = json.loads(line)
            return cls(**{name: kind(found[name]) for name, kind in cls.__annotations__.items()})
        except (KeyError, TypeError) as fault:
            raise ValueError(line) from fault


GENESIS_SEAL = Seal(0, 0, 0, 0, GENESIS_ROOT, "", "")
"""What stands before the first seal."""


class AnchorStatus(StrEnum):
    """How the anchor stands to the seals."""

    AGREES = "agrees"
    BEHIND = "behind"
    UNAVAILABLE = "away"
    DIFFERS = "differs"


ANCHOR_STATUS_TEXT = {
    AnchorStatus.AGREES: Text("tệp đối chứng khớp", "the anchor file agrees"),
    AnchorStatus.BEHIND: Text("tệp đối chứng chưa được cập nhật", "the anchor file is not up to date"),
    AnchorStatus.UNAVAILABLE: Text(
        "không ghi được tệp đối chứng, sẽ ghi bổ sung sau",
        "the anchor file cannot be written and will be completed later",
    ),
    AnchorStatus.DIFFERS: Text("tệp đối chứng khác với cơ sở dữ liệu", "the anchor file differs from the database"),
}
"""The same in words."""


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
            anchored = _append_missing_to_anchor(connection, self.anchor, keys, last)
            return SealRun(last.batch - first.batch, rows, unsealed_entries(connection, last.last_seq)[0], anchored)

    def _load_keys(self, connection: Connection, last: Seal, *, new_key: bool) -> SigningKeys:
        """The keys, once it is sure that the next seal follows one of ours."""
        keys = SigningKeys(self.folder)
        if keys.private is None and last.batch and not new_key:
            raise _signing_key_missing(keys.private_file, last.batch)
        if last.batch and keys.signer(last.statement, last.signature) is None:
            raise Conflict(
                Text(
                    f"Dấu niêm phong của đợt {last.batch} không do khóa tin cậy nào ({keys.trusted_file}) ký",
                    f"The seal of batch {last.batch} is signed by no key that is trusted ({keys.trusted_file})",
                )
            )
        if _anchor_status(connection, self.anchor, last)[0] == AnchorStatus.DIFFERS:
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
    return SealStatus(last.batch, sealed_at, age_s, unsealed, unsealed_s, _anchor_status(connection, anchor, last)[0])


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


def _seal_of_batch(connection: Connection, batch: int) -> Seal | None:
    """One seal."""
    found = connection.execute(f"select {SEAL_SELECT_LIST} from app.seals where batch = %s", [batch]).fetchone()
    return Seal(*found) if found else None


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


def _anchor_status(connection: Connection, anchor: Path, last: Seal) -> tuple[AnchorStatus, int, str]:
    """How the end of the anchor stands to the seals, the batch it ends with, and what was torn off behind that."""
    try:
        with anchor.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * MAX_LINE_BYTES))
            *lines, torn = file.read().decode("utf-8", "replace").split("\n")
    except OSError as fault:
        gone = isinstance(fault, FileNotFoundError) and anchor.parent.is_dir()  # else its disk is away
        return (
            (AnchorStatus.AGREES if not last.batch else AnchorStatus.BEHIND if gone else AnchorStatus.UNAVAILABLE),
            0,
            "",
        )
    told = GENESIS_SEAL
    if lines:
        try:
            told = Seal.from_line(lines[-1])
        except ValueError:
            return AnchorStatus.DIFFERS, 0, ""
        if _seal_of_batch(connection, told.batch) != told:
            return AnchorStatus.DIFFERS, 0, ""
    untold = _seal_of_batch(connection, told.batch + 1)
    if torn and not (untold and untold.matches_torn_line(torn)):
        return AnchorStatus.DIFFERS, 0, ""
    return (AnchorStatus.BEHIND if untold else AnchorStatus.AGREES), told.batch, torn


def _append_missing_to_anchor(connection: Connection, anchor: Path, keys: SigningKeys, last: Seal) -> AnchorStatus:
    """Tell the anchor the seals that it has not been told yet.

    An anchor that ends with another seal than ours stays as it is: it is evidence. A line that a power cut has torn
    is completed, never rewritten, so the file may be one that can only grow.
    """
    agreement, batch, torn = _anchor_status(connection, anchor, last)
    if agreement != AnchorStatus.BEHIND:
        return agreement
    missing = connection.execute(f"select {SEAL_SELECT_LIST} from app.seals where batch > %s order by batch", [batch])
    lines = []
    for seal in map(Seal._make, missing):
        if (key := keys.signer(seal.statement, seal.signature)) is None:
            return AnchorStatus.DIFFERS
        lines.append(f"{seal.anchor_line(key)}\n")
    told = "".join(lines)
    if not told.startswith(torn):
        return AnchorStatus.DIFFERS
    try:
        append_durably(anchor, told[len(torn) :].encode(), 0o644)
    except OSError:
        return AnchorStatus.UNAVAILABLE
    return AnchorStatus.AGREES


def _signing_key_missing(file: Path, batch: int) -> Conflict:
    return Conflict(
        Text(
            f"Thiếu khóa {file} đã ký {batch} đợt; hãy đặt lại từ bản sao. Nếu mất hẳn: ghi khóa công khai (trong"
            f" tệp đối chứng) vào {file.with_name(TRUSTED_KEYS_FILE)} rồi chạy ./cotmoc audit seal --new-key",
            f"The key {file} that signed {batch} batches is missing; put it back from its copy. If it is lost for good,"
            f" write its public key (in the anchor file) into {file.with_name(TRUSTED_KEYS_FILE)}, then run"
            " ./cotmoc audit seal --new-key",
        )
    )
