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

from gis.audit.signing_keys import TRUSTED, Keys, append
from gis.text.errors import Conflict, Refusal, Unavailable
from gis.text.i18n import Text

log = logging.getLogger(__name__)

TABLE = """
create table if not exists app.seals (
    batch bigint primary key,
    first_seq bigint not null, last_seq bigint not null, rows integer not null,
    root text not null unique, previous text not null unique,
    signature text not null, sealed_at timestamptz not null
);
"""
"""One row per sealed batch. ``first_seq`` follows the last batch's ``last_seq``, so no number lies between batches."""

GUARDS = """
create or replace trigger fixed before update or delete on app.seals
    for each row execute function app.refuse_change();
create or replace trigger no_truncate before truncate on app.seals
    for each statement execute function app.refuse_truncate();
"""
"""Nobody changes a seal, not even the owner."""

ENTRY = """row(seq, xid, extract(epoch from at), actor, unit, reason, request, device_at,
    table_name, feature_id, action, old, new)::text"""
"""An entry as text: every column of the journal, the same on every run, in every session and after a restore.

A row's text tells NULL from nothing and one column from the next; jsonb has one text per value; seconds since 1970
know neither time zone nor date style.
"""

DIGEST = f"sha256(convert_to({ENTRY}, 'UTF8'))"
"""What leaves the database of an entry: 32 bytes, however large its geometry is."""

ROWS = 5_000
"""The most entries of one batch."""

PERIOD = 60.0
"""Seconds from one round of the background sealer to the next."""

PATIENCE = 10.0
"""Seconds that a round waits for writers that may still come with a lower number."""

GENESIS = "0" * 64
"""The root before the first."""

LOCK = 0x7365616C  # "seal" as a number: one sealer at a time in one database

SESSION = "-c search_path=pg_catalog -c timezone=UTC -c datestyle=ISO -c statement_timeout=120s -c lock_timeout=30s"

LONGEST_LINE = 4096
COLUMNS = "batch, first_seq, last_seq, rows, root, previous, sealed_at, signature"
MOMENT = "to_json({} at time zone 'UTC') #>> '{{}}' || 'Z'"
SEAL = COLUMNS.replace("sealed_at", MOMENT.format("sealed_at"))
INSERT = f"insert into app.seals ({COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s)"

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

    def line(self, key: str) -> str:
        """The seal as the anchor keeps it, with the public key beside it."""
        return json.dumps({**self._asdict(), "key": key})

    def begins(self, torn: str) -> bool:
        """Whether that is how its line begins, as far as that can be told without its key."""
        return self.line("").startswith(torn[: len(self.line("")) - len('"}')])

    @classmethod
    def told(cls, line: str) -> Self:
        """Read a line of the anchor; ``ValueError`` when it is none."""
        try:
            found = json.loads(line)
            return cls(**{name: kind(found[name]) for name, kind in cls.__annotations__.items()})
        except (KeyError, TypeError) as fault:
            raise ValueError(line) from fault


FIRST = Seal(0, 0, 0, 0, GENESIS, "", "")
"""What stands before the first seal."""


class Agreement(StrEnum):
    """How the anchor stands to the seals."""

    AGREES = "agrees"
    BEHIND = "behind"
    AWAY = "away"
    DIFFERS = "differs"


ANCHOR = {
    Agreement.AGREES: Text("tệp đối chứng khớp", "the anchor file agrees"),
    Agreement.BEHIND: Text("tệp đối chứng chưa được cập nhật", "the anchor file is not up to date"),
    Agreement.AWAY: Text(
        "không ghi được tệp đối chứng, sẽ ghi bổ sung sau",
        "the anchor file cannot be written and will be completed later",
    ),
    Agreement.DIFFERS: Text("tệp đối chứng khác với cơ sở dữ liệu", "the anchor file differs from the database"),
}
"""The same in words."""


@dataclass(frozen=True)
class State:
    """What a health check wants to know, by the database's clock; a quiet house has an old last seal and no residue."""

    batches: int
    sealed_at: dt.datetime | None
    age_s: float | None
    unsealed: int
    unsealed_s: float | None
    """How long the oldest unsealed entry has been waiting, in seconds."""
    anchor: Agreement


@dataclass(frozen=True)
class Round:
    """What one round has done: batches and entries sealed, entries that are left, and the anchor."""

    batches: int
    rows: int
    unsealed: int
    anchor: Agreement

    @property
    def words(self) -> Text:
        """The same as a sentence."""
        vi, en = ANCHOR[self.anchor]
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
    rows: int = ROWS

    def seal(
        self, stop: Event | None = None, *, wait: bool = True, patience: float = PATIENCE, new_key: bool = False
    ) -> Round | None:
        """Seal every entry below which nothing can come any more, and tell the anchor.

        One sealer at a time: the second waits, or without ``wait`` gives None. Once ``stop`` is set nobody is waited
        for and one batch is sealed at most. An anchor that is away stops nothing: it is told later what it missed.
        Raises ``Conflict`` when what is there was sealed by somebody else or with a key that is missing (``new_key``
        makes another), ``Unavailable`` when the database cannot be asked.
        """
        stop = stop or Event()
        with connected(self.url) as connection, holding(connection, wait=wait) as held:
            if not held:
                return None
            first = last = _last(connection)
            keys = self._keys(connection, last, new_key=new_key)
            horizon = _horizon(connection, last.last_seq, patience, stop)
            rows = 0
            while horizon > last.last_seq and (made := _next(connection, last, horizon, self.rows)):
                last = made._replace(signature=keys.sign(made.statement))
                connection.execute(INSERT, last)
                rows += last.rows
                if stop.is_set():
                    break
            anchored = _catch_up(connection, self.anchor, keys, last)
            return Round(last.batch - first.batch, rows, residue(connection, last.last_seq)[0], anchored)

    def _keys(self, connection: Connection, last: Seal, *, new_key: bool) -> Keys:
        """The keys, once it is sure that the next seal follows one of ours."""
        keys = Keys(self.folder)
        if keys.private is None and last.batch and not new_key:
            raise _lost(keys.file, last.batch)
        if last.batch and keys.signer(last.statement, last.signature) is None:
            raise Conflict(
                Text(
                    f"Dấu niêm phong của đợt {last.batch} không do khóa tin cậy nào ({keys.list}) ký",
                    f"The seal of batch {last.batch} is signed by no key that is trusted ({keys.list})",
                )
            )
        if _agreement(connection, self.anchor, last)[0] == Agreement.DIFFERS:
            raise Conflict(
                Text(
                    f"Tệp đối chứng {self.anchor} khác với cơ sở dữ liệu; dừng niêm phong. Hãy chạy ./cotmoc audit"
                    " verify; nếu vừa phục hồi từ bản sao lưu thì cất riêng tệp đối chứng này",
                    f"The anchor file {self.anchor} differs from the database; sealing stops."
                    " Run ./cotmoc audit verify; after a restore from a backup, put this anchor file aside",
                )
            )
        if keys.private is None:
            keys.make()
        return keys


def state(connection: Connection, anchor: Path) -> State:
    """How old the last seal is, what is not sealed yet and whether the anchor agrees; quick, and proves nothing.

    For whoever may read journal and seals: the sealer's login or the database's administrator.
    """
    last = _last(connection)
    unsealed, unsealed_s = residue(connection, last.last_seq)
    told = connection.execute(
        "select sealed_at, extract(epoch from clock_timestamp() - sealed_at)::float8 from app.seals where batch = %s",
        [last.batch],
    ).fetchone()
    sealed_at, age_s = told or (None, None)
    return State(last.batch, sealed_at, age_s, unsealed, unsealed_s, _agreement(connection, anchor, last)[0])


@contextmanager
def sealing(sealer: Sealer, every: float = PERIOD) -> Iterator[None]:
    """Seal in the background while the block runs, and once more at its end, so that nothing lies open overnight."""
    stop = Event()
    thread = Thread(target=_keep_sealing, args=(sealer, every, stop), name="sealer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)


def _keep_sealing(sealer: Sealer, every: float, stop: Event) -> None:
    """One round after the other. Trouble is logged when it comes and when it goes, and never ends the rounds."""
    said = ""
    while True:
        last = stop.is_set()
        try:
            done = sealer.seal(stop, wait=False)
            trouble = "" if done is None or done.anchor == Agreement.AGREES else ANCHOR[done.anchor].en
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
        stop.wait(every)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection of the sealer's own, in autocommit, with a session that prints the same text everywhere."""
    address = make_url(url)
    settings = address.get_dialect()().create_connect_args(address)[1]
    try:
        with psycopg.connect(**settings, autocommit=True, connect_timeout=5, options=SESSION) as connection:
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
def holding(connection: Connection, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of the one sealer while the block runs; without ``wait``, tell whether it could be had."""
    ask = "select true from pg_advisory_lock(%s)" if wait else "select pg_try_advisory_lock(%s)"
    ((held,),) = connection.execute(ask, [LOCK]).fetchall()
    try:
        yield held
    finally:
        with suppress(psycopg.Error):  # a connection that fails lets go by itself
            connection.execute("select pg_advisory_unlock(%s)", [LOCK])


def _seal(connection: Connection, batch: int) -> Seal | None:
    """One seal."""
    found = connection.execute(f"select {SEAL} from app.seals where batch = %s", [batch]).fetchone()
    return Seal(*found) if found else None


def _last(connection: Connection) -> Seal:
    """The last seal, or the one before the first."""
    found = connection.execute(f"select {SEAL} from app.seals order by batch desc limit 1").fetchone()
    return Seal(*found) if found else FIRST


def _horizon(connection: Connection, sealed: int, patience: float, stop: Event) -> int:
    """The highest number below which nothing can come any more.

    Who draws a number holds a lock on the journal until the end of the transaction. So, of the entries seen now, none
    has a lower neighbour on the way once all who hold that lock now have ended. The transaction's own number would not
    do: one that began later may draw a lower number and commit last. Gaps that are left are rolled back for good.
    """
    ((highest,),) = connection.execute("select coalesce(max(seq), 0) from app.journal").fetchall()
    if highest <= sealed:
        return sealed
    writing = _writing(connection)
    deadline = time.monotonic() + patience
    while writing:
        if stop.is_set() or time.monotonic() > deadline:
            return sealed
        stop.wait(0.05)
        writing &= _writing(connection)
    return int(highest)


def _writing(connection: Connection) -> set[str]:
    """The running transactions that may have written to the journal."""
    found = connection.execute(
        "select virtualtransaction from pg_locks where locktype = 'relation' and mode = 'RowExclusiveLock'"
        " and relation = 'app.journal'::regclass"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    return {one for (one,) in found}


def _next(connection: Connection, last: Seal, horizon: int, most: int) -> Seal | None:
    """The batch after ``last``, not signed yet; None when there is nothing up to the horizon."""
    entries = connection.execute(
        f"select seq, {DIGEST} from app.journal where seq > %s and seq <= %s order by seq limit %s",
        [last.last_seq, horizon, most],
        binary=True,
    ).fetchall()
    if not entries:
        return None
    root = hashlib.sha256(bytes.fromhex(last.root))
    for _, digest in entries:
        root.update(digest)
    ((now,),) = connection.execute(f"select {MOMENT.format('clock_timestamp()')}").fetchall()
    end = entries[-1][0]
    return Seal(last.batch + 1, last.last_seq + 1, end, len(entries), root.hexdigest(), last.root, now)


def residue(connection: Connection, sealed: int) -> tuple[int, float | None]:
    """How many entries are not sealed, and for how many seconds the oldest has been waiting."""
    ((number, age),) = connection.execute(
        "select count(*), extract(epoch from clock_timestamp() - min(at) filter (where isfinite(at)))::float8"
        " from app.journal where seq > %s",
        [sealed],
    ).fetchall()
    return number, age


def _agreement(connection: Connection, anchor: Path, last: Seal) -> tuple[Agreement, int, str]:
    """How the end of the anchor stands to the seals, the batch it ends with, and what was torn off behind that."""
    try:
        with anchor.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * LONGEST_LINE))
            *lines, torn = file.read().decode("utf-8", "replace").split("\n")
    except OSError as fault:
        gone = isinstance(fault, FileNotFoundError) and anchor.parent.is_dir()  # else its disk is away
        return (Agreement.AGREES if not last.batch else Agreement.BEHIND if gone else Agreement.AWAY), 0, ""
    told = FIRST
    if lines:
        try:
            told = Seal.told(lines[-1])
        except ValueError:
            return Agreement.DIFFERS, 0, ""
        if _seal(connection, told.batch) != told:
            return Agreement.DIFFERS, 0, ""
    untold = _seal(connection, told.batch + 1)
    if torn and not (untold and untold.begins(torn)):
        return Agreement.DIFFERS, 0, ""
    return (Agreement.BEHIND if untold else Agreement.AGREES), told.batch, torn


def _catch_up(connection: Connection, anchor: Path, keys: Keys, last: Seal) -> Agreement:
    """Tell the anchor the seals that it has not been told yet.

    An anchor that ends with another seal than ours stays as it is: it is evidence. A line that a power cut has torn
    is completed, never rewritten, so the file may be one that can only grow.
    """
    agreement, batch, torn = _agreement(connection, anchor, last)
    if agreement != Agreement.BEHIND:
        return agreement
    missing = connection.execute(f"select {SEAL} from app.seals where batch > %s order by batch", [batch])
    lines = []
    for seal in map(Seal._make, missing):
        if (key := keys.signer(seal.statement, seal.signature)) is None:
            return Agreement.DIFFERS
        lines.append(f"{seal.line(key)}\n")
    told = "".join(lines)
    if not told.startswith(torn):
        return Agreement.DIFFERS
    try:
        append(anchor, told[len(torn) :].encode(), 0o644)
    except OSError:
        return Agreement.AWAY
    return Agreement.AGREES


def _lost(file: Path, batch: int) -> Conflict:
    return Conflict(
        Text(
            f"Thiếu khóa {file} đã ký {batch} đợt; hãy đặt lại từ bản sao. Nếu mất hẳn: ghi khóa công khai (trong"
            f" tệp đối chứng) vào {file.with_name(TRUSTED)} rồi chạy ./cotmoc audit seal --new-key",
            f"The key {file} that signed {batch} batches is missing; put it back from its copy. If it is lost for good,"
            f" write its public key (in the anchor file) into {file.with_name(TRUSTED)}, then run"
            " ./cotmoc audit seal --new-key",
        )
    )
