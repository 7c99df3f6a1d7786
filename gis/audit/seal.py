"""The sealed journal: what was written once is proven later to be all there, and as it was.

The journal is sealed behind the writers, never by them: a chain inside their transactions would make them queue for
one row. Each batch of entries gets a root, ``sha256(root before ‖ sha256(entry) ‖ sha256(entry) …)``, signed with a
key (Ed25519) that the database does not hold. The seal is told a second time to the anchor, a file that belongs on
another disk: whoever cuts off the last batch together with its seal is betrayed by the anchor alone.

Not yet sealed, and so not proven, is what is younger than the last round (a minute), or waits for a transaction.
"""

import json
import logging
from typing import Any, NamedTuple, Self

import psycopg

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


def seal_of_batch(connection: Connection, batch: int) -> Seal | None:
    """One seal."""
    found = connection.execute(f"select {SEAL_SELECT_LIST} from app.seals where batch = %s", [batch]).fetchone()
    return Seal(*found) if found else None
