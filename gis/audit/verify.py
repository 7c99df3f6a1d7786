"""Verification of the sealed journal: reads all batches and names the first one that is not as it was sealed.

A database superuser can disable the triggers and change, delete or insert entries. Without the private key such a
change cannot be signed, and without the anchor file the end of the journal cannot be cut off unnoticed. Unsealed
entries are counted, not verified.

Pages do not read the journal: ``gis.checks.reconcile`` compares the tables that they read with it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import psycopg

from gis.audit.seal import (
    ALL_SEALS,
    ENTRY_DIGEST,
    GENESIS_SEAL,
    MAX_BATCH_ROWS,
    MAX_LINE_BYTES,
    SQL,
    Connection,
    Seal,
)
from gis.audit.sealer import Sealer, sealer_connection, sealer_lock, unsealed_entries
from gis.audit.signing_keys import SigningKeys
from gis.text.i18n import Text

T = TypeVar("T")

ProgressCallback = Callable[[Text, int, int], None]
"""Reports the progress of a long check: what is checked, how much of it is done, and how much there is."""

JOURNAL_ENTRIES = Text("dòng nhật ký", "journal entries")


def no_progress(_what: Text, _done: int, _total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class BrokenBatch:
    """The first batch that is not as it was sealed: its number, its entries' ``seq`` and dates, and the fault."""

    batch: int
    first_seq: int
    last_seq: int
    dates: tuple[str, str]
    fault: Text

    @property
    def summary(self) -> Text:
        """The fault as a sentence."""
        since, until = self.dates
        entries = f"seq {self.first_seq}–{self.last_seq}, {since} – {until}"
        return Text(
            f"Đợt niêm phong {self.batch} ({entries}): {self.fault.vi}",
            f"Sealed batch {self.batch} ({entries}): {self.fault.en}",
        )


@dataclass(frozen=True)
class Verification:
    """Result of verifying all batches. ``unsealed`` entries are counted, not verified."""

    batches: int
    rows: int
    sealed_at: str | None
    unsealed: int
    broken: BrokenBatch | None

    @property
    def summary(self) -> Text:
        """The result as a sentence, for when no batch is broken."""
        return Text(
            f"{self.batches} đợt niêm phong gồm {self.rows} dòng còn nguyên vẹn, niêm phong đến"
            f" {self.sealed_at or '–'}; {self.unsealed} dòng chưa niêm phong",
            f"{self.batches} sealed batches with {self.rows} entries are intact, sealed up to {self.sealed_at or '–'};"
            f" {self.unsealed} entries are not sealed yet",
        )


def verify_journal(sealer: Sealer, on_progress: ProgressCallback = no_progress) -> Verification:
    """Verify all batches in order, entry by entry, against their seals and the anchor file.

    Streams the journal in one snapshot, while writers and the sealer go on. ``on_progress`` is called after each batch.
    Raises ``Unavailable`` when the database cannot be queried.
    """
    with sealer_connection(sealer) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with ExitStack() as stack:
            # The sealer appends to the anchor before it releases the lock: keys, seals and anchor are consistent here.
            with sealer_lock(connection):
                keys = SigningKeys(sealer.folder)
                size = sealer.anchor.stat().st_size if sealer.anchor.is_file() else 0
                stack.enter_context(connection.transaction())
                connection.execute("select from app.seals limit 1")  # takes the snapshot
            return _verify_batches(connection, keys, _Peekable(_anchor_lines(sealer.anchor, size)), on_progress)


class _Peekable(Generic[T]):
    """An iterator whose ``next`` element can be read before it is taken."""

    def __init__(self, source: Iterable[T]) -> None:
        self._source = iter(source)
        self.next = next(self._source, None)

    def take(self) -> T | None:
        """The next element, or None at the end."""
        taken, self.next = self.next, next(self._source, None)
        return taken


def _anchor_lines(anchor: Path, size: int) -> Iterator[str]:
    """The anchor file's complete lines up to ``size``, its length when the snapshot was taken."""
    if not size:
        return
    with anchor.open("rb") as file:
        while (remaining := size - file.tell()) > 0:
            line = file.readline(min(remaining, MAX_LINE_BYTES))
            if line.endswith(b"\n") or len(line) == MAX_LINE_BYTES:
                yield line.decode("utf-8", "replace").removesuffix("\n")


ENTRY_CHANGED = Text("có dòng đã bị sửa", "an entry was changed")
UNTRUSTED_SIGNATURE = Text("dấu niêm phong không do khóa tin cậy nào ký", "its seal is not signed by a trusted key")
CHAIN_BROKEN = Text("dấu niêm phong không nối tiếp đợt trước", "its seal does not continue the previous batch")
SEAL_MISSING = Text("mất dấu niêm phong", "its seal is missing")
JOURNAL_TRUNCATED = Text(
    "tệp đối chứng có đợt này nhưng cơ sở dữ liệu không còn: phần cuối nhật ký đã bị cắt",
    "the anchor file has this batch but the database does not: the end of the journal was cut off",
)
ANCHOR_DIFFERS = Text("tệp đối chứng khác với dấu niêm phong", "the anchor file differs from its seal")
NOT_IN_ANCHOR = Text(
    "tệp đối chứng không có đợt này (tệp bị cắt, bị mất hoặc ổ đĩa chưa gắn) nên chưa xác định được phần cuối nhật ký"
    " có bị cắt hay không",
    "the anchor file lacks this batch (cut off, lost, or its disk is not mounted), so it is not known whether the end"
    " of the journal was cut off",
)


def _row_count_mismatch(counted: int, sealed: int) -> Text:
    return Text(
        f"còn {counted} dòng trong khi đã niêm phong {sealed}: có dòng bị xóa hoặc chèn thêm",
        f"{counted} entries where {sealed} were sealed: some were deleted or inserted",
    )


def _verify_batches(
    connection: Connection, keys: SigningKeys, anchor: _Peekable[str], on_progress: ProgressCallback
) -> Verification:
    """Check the chain, the signature, the anchor line and the entries of each batch, and stop at the first fault.

    A batch that the anchor lacks is reported only when nothing else is wrong: a missing disk must not hide a change.
    """
    ((sealed,),) = connection.execute("select coalesce(sum(rows), 0)::bigint from app.seals").fetchall()
    with connection.cursor("entries", binary=True) as journal, connection.cursor("seals") as seals:
        journal.itersize = seals.itersize = MAX_BATCH_ROWS
        journal.execute(SQL.compose("all_entries", digest=ENTRY_DIGEST))
        seals.execute(ALL_SEALS)
        entries: _Peekable[tuple[int, bytes]] = _Peekable(journal)
        last, rows = GENESIS_SEAL, 0
        unanchored: tuple[Seal, Text] | None = None
        fault: tuple[Seal, Text] | None = None
        for seal in map(Seal._make, seals):
            if anchor.next is None:
                unanchored = unanchored or (seal, NOT_IN_ANCHOR)
            if problem := _check_batch(seal, last, keys, anchor, entries):
                fault = (_missing_batch(last, seal) if problem is SEAL_MISSING else seal), problem
                break
            last, rows = seal, rows + seal.rows
            on_progress(JOURNAL_ENTRIES, rows, sealed)
        else:
            fault = _batch_beyond_last_seal(last, anchor.next) or unanchored
    return Verification(
        last.batch,
        rows,
        last.sealed_at or None,
        unsealed_entries(connection, last.last_seq)[0],
        BrokenBatch(*fault[0][:3], _entry_dates(connection, fault[0]), fault[1]) if fault else None,
    )


def _check_batch(
    seal: Seal, last: Seal, keys: SigningKeys, anchor: _Peekable[str], entries: _Peekable[tuple[int, bytes]]
) -> Text | None:
    """The fault of the batch after ``last``, or None; takes its anchor line and its entries from the iterators."""
    if seal.batch != last.batch + 1:
        return SEAL_MISSING
    if (key := keys.signer(seal.statement, seal.signature)) is None:
        return UNTRUSTED_SIGNATURE
    if (seal.previous, seal.first_seq) != (last.root, last.last_seq + 1):
        return CHAIN_BROKEN
    if anchor.next is not None and anchor.take() != seal.anchor_line(key):
        return ANCHOR_DIFFERS
    root, number = hashlib.sha256(bytes.fromhex(last.root)), 0
    while entries.next is not None and entries.next[0] <= seal.last_seq:
        root.update(entries.next[1])
        number += 1
        entries.take()
    if number != seal.rows:
        return _row_count_mismatch(number, seal.rows)
    return None if root.hexdigest() == seal.root else ENTRY_CHANGED


def _missing_batch(last: Seal, following: Seal) -> Seal:
    """A stand-in for the batch after ``last`` whose seal is missing."""
    return Seal(last.batch + 1, last.last_seq + 1, following.first_seq - 1, 0, "", "", following.sealed_at)


def _batch_beyond_last_seal(last: Seal, line: str | None) -> tuple[Seal, Text] | None:
    """The batch that the anchor file names after the last seal, with the fault; None when it ends there too."""
    if line is None:
        return None
    try:
        return Seal.from_line(line), JOURNAL_TRUNCATED
    except ValueError:
        return last._replace(batch=last.batch + 1, first_seq=last.last_seq + 1), ANCHOR_DIFFERS


def _entry_dates(connection: Connection, seal: Seal) -> tuple[str, str]:
    """The times (UTC) of the first and last entry in a batch's range of ``seq``, or of its sealing if none is left."""
    row = connection.execute(
        "select date_trunc('second', min(at))::text, date_trunc('second', max(at))::text from app.journal"
        " where seq between %s and %s",
        [seal.first_seq, seal.last_seq],
    ).fetchone()
    since, until = row or (None, None)
    return since or seal.sealed_at, until or seal.sealed_at
