"""Proving the journal: a walk over all sealed batches that names the first one that is not as it was.

Whoever may do everything in the database can disable its triggers and change, delete or forge what they like; without
the key they cannot sign it, and without the anchor they cannot shorten it. Entries that are not sealed yet are counted.

The journal is read by no page: ``gis.reconciliation`` holds against it what pages read.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import psycopg

from gis.audit.seal import (
    DIGEST,
    FIRST,
    LONGEST_LINE,
    ROWS,
    SEAL,
    Connection,
    Seal,
    Sealer,
    connected,
    holding,
    residue,
)
from gis.audit.signing_keys import Keys
from gis.text.i18n import Text

T = TypeVar("T")

Told = Callable[[Text, int, int], None]
"""Who wants to know how far a long proof has come: what is proven, how much of it is done and how much there is."""

ENTRIES = Text("dòng nhật ký", "entries of the journal")


def in_silence(_what: Text, _done: int, _all: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Break:
    """The first batch that is not as it was sealed: its number, the numbers and dates of its entries, and why."""

    batch: int
    first_seq: int
    last_seq: int
    dates: tuple[str, str]
    what: Text

    @property
    def words(self) -> Text:
        """The whole sentence."""
        since, until = self.dates
        where = f"seq {self.first_seq}–{self.last_seq}, {since} – {until}"
        return Text(
            f"Đợt niêm phong {self.batch} ({where}): {self.what.vi}",
            f"Sealed batch {self.batch} ({where}): {self.what.en}",
        )


@dataclass(frozen=True)
class Finding:
    """What a walk over all batches has found. Entries that are not sealed yet are counted, not proven."""

    batches: int
    rows: int
    sealed_at: str | None
    unsealed: int
    broken: Break | None

    @property
    def words(self) -> Text:
        """How much is proven, for when nothing is broken."""
        return Text(
            f"{self.batches} đợt niêm phong gồm {self.rows} dòng còn nguyên vẹn, niêm phong đến"
            f" {self.sealed_at or '–'}; {self.unsealed} dòng chưa niêm phong",
            f"{self.batches} sealed batches with {self.rows} entries are intact, sealed up to {self.sealed_at or '–'};"
            f" {self.unsealed} entries are not sealed yet",
        )


def verify(sealer: Sealer, told: Told = in_silence) -> Finding:
    """Walk over all batches in their order, entry by entry, and hold each against its seal and the anchor.

    Reads as a stream, in one snapshot, beside writers and a sealer that goes on; ``told`` hears of each batch. Raises
    ``Unavailable`` when the database cannot be asked.
    """
    with connected(sealer.url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with ExitStack() as stack:
            # A sealer tells the anchor before it lets go: between two rounds key, seals and anchor are of one moment.
            with holding(connection):
                keys = Keys(sealer.folder)
                size = sealer.anchor.stat().st_size if sealer.anchor.is_file() else 0
                stack.enter_context(connection.transaction())
                connection.execute("select from app.seals limit 1")
            return _walk(connection, keys, _Ahead(_lines(sealer.anchor, size)), told)


class _Ahead(Generic[T]):
    """An iterator that shows its next element before it is taken."""

    def __init__(self, source: Iterable[T]) -> None:
        self._source = iter(source)
        self.next = next(self._source, None)

    def take(self) -> T | None:
        """The next element, or None at the end."""
        taken, self.next = self.next, next(self._source, None)
        return taken


def _lines(anchor: Path, size: int) -> Iterator[str]:
    """The anchor's whole lines as far as it reached when the walk began; a torn one has not been told."""
    if not size:
        return
    with anchor.open("rb") as file:
        while (left := size - file.tell()) > 0:
            line = file.readline(min(left, LONGEST_LINE))
            if line.endswith(b"\n") or len(line) == LONGEST_LINE:
                yield line.decode("utf-8", "replace").removesuffix("\n")


ALTERED = Text("có dòng đã bị sửa", "an entry was changed")
UNSIGNED = Text("dấu niêm phong không do khóa tin cậy nào ký", "its seal is signed by no key that is trusted")
UNLINKED = Text("dấu niêm phong không nối tiếp đợt trước", "its seal does not follow the batch before")
NO_SEAL = Text("mất dấu niêm phong", "its seal is missing")
CUT_OFF = Text(
    "tệp đối chứng có đợt này nhưng cơ sở dữ liệu không còn: phần cuối nhật ký đã bị cắt",
    "the anchor file has this batch, the database no longer does: the end of the journal was cut off",
)
OTHER_ANCHOR = Text("tệp đối chứng khác với dấu niêm phong", "the anchor file differs from its seal")
NO_ANCHOR = Text(
    "tệp đối chứng không có đợt này (tệp bị cắt, bị mất hoặc ổ đĩa chưa gắn) nên chưa xác định được phần cuối nhật ký"
    " có bị cắt hay không",
    "the anchor file lacks this batch (cut off, lost, or its disk is not mounted), so it is not known whether the end"
    " of the journal was cut off",
)


def _other_number(found: int, sealed: int) -> Text:
    return Text(
        f"còn {found} dòng trong khi đã niêm phong {sealed}: có dòng bị xóa hoặc chèn thêm",
        f"{found} entries stand where {sealed} were sealed: some were deleted or put in",
    )


def _walk(connection: Connection, keys: Keys, anchor: _Ahead[str], told: Told) -> Finding:
    """Batch by batch: its place in the chain, its signature, its line in the anchor, its entries."""
    ((sealed,),) = connection.execute("select coalesce(sum(rows), 0)::bigint from app.seals").fetchall()
    with connection.cursor("entries", binary=True) as journal, connection.cursor("seals") as seals:
        journal.itersize = seals.itersize = ROWS
        journal.execute(f"select seq, {DIGEST} from app.journal order by seq")
        seals.execute(f"select {SEAL} from app.seals order by batch")
        entries: _Ahead[tuple[int, bytes]] = _Ahead(journal)
        last, rows = FIRST, 0
        untold: tuple[Seal, Text] | None = None
        fault: tuple[Seal, Text] | None = None
        for seal in map(Seal._make, seals):
            if anchor.next is None:
                untold = untold or (seal, NO_ANCHOR)
            if what := _fault(seal, last, keys, anchor, entries):
                fault = (_between(last, seal) if what is NO_SEAL else seal), what
                break
            last, rows = seal, rows + seal.rows
            told(ENTRIES, rows, sealed)
        else:
            fault = _beyond(last, anchor.next) or untold
    return Finding(
        last.batch,
        rows,
        last.sealed_at or None,
        residue(connection, last.last_seq)[0],
        Break(*fault[0][:3], _dates(connection, fault[0]), fault[1]) if fault else None,
    )


def _fault(seal: Seal, last: Seal, keys: Keys, anchor: _Ahead[str], entries: _Ahead[tuple[int, bytes]]) -> Text | None:
    """What is wrong with the batch after ``last``, if anything; takes its line and its entries."""
    if seal.batch != last.batch + 1:
        return NO_SEAL
    if (key := keys.signer(seal.statement, seal.signature)) is None:
        return UNSIGNED
    if (seal.previous, seal.first_seq) != (last.root, last.last_seq + 1):
        return UNLINKED
    if anchor.next is not None and anchor.take() != seal.line(key):
        return OTHER_ANCHOR
    root, number = hashlib.sha256(bytes.fromhex(last.root)), 0
    while entries.next is not None and entries.next[0] <= seal.last_seq:
        root.update(entries.next[1])
        number += 1
        entries.take()
    if number != seal.rows:
        return _other_number(number, seal.rows)
    return None if root.hexdigest() == seal.root else ALTERED


def _between(last: Seal, following: Seal) -> Seal:
    """What is known of the batch whose seal is missing between two others."""
    return Seal(last.batch + 1, last.last_seq + 1, following.first_seq - 1, 0, "", "", following.sealed_at)


def _beyond(last: Seal, line: str | None) -> tuple[Seal, Text] | None:
    """A batch that the anchor has after the last seal."""
    if line is None:
        return None
    try:
        return Seal.told(line), CUT_OFF
    except ValueError:
        return last._replace(batch=last.batch + 1, first_seq=last.last_seq + 1), OTHER_ANCHOR


def _dates(connection: Connection, seal: Seal) -> tuple[str, str]:
    """When the entries that still stand in the place of a batch were written, else when it was sealed; UTC."""
    found = connection.execute(
        "select date_trunc('second', min(at))::text, date_trunc('second', max(at))::text from app.journal"
        " where seq between %s and %s",
        [seal.first_seq, seal.last_seq],
    ).fetchone()
    since, until = found or (None, None)
    return since or seal.sealed_at, until or seal.sealed_at
