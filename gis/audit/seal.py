"""Seals: a signed hash chain over the journal, which proves that no entry was changed, removed or inserted.

A separate process seals the journal after the writers' commits. A chain inside their transactions would serialise
them on one row. Each batch of entries gets a root, ``sha256(previous root ‖ sha256(entry) ‖ sha256(entry) …)``, signed
with a key (Ed25519) that is not in the database. Each seal is also appended to the anchor file, which belongs on
another disk: only the anchor reveals that the last batches were deleted together with their seals.

Entries written since the last round (a minute), or while an older transaction is still open, are not sealed yet and so
not proven.
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
"""One row per sealed batch. ``first_seq`` is the previous ``last_seq`` plus one, so every number is in one batch."""

IMMUTABILITY_TRIGGERS = """
create or replace trigger fixed before update or delete on app.seals
    for each row execute function app.refuse_change();
create or replace trigger no_truncate before truncate on app.seals
    for each statement execute function app.refuse_truncate();
"""
"""SQL of triggers that refuse changes of seals, also by the table's owner."""

ENTRY_TEXT = """row(seq, xid, extract(epoch from at), actor, unit, reason, request, device_at,
    table_name, feature_id, action, old, new)::text"""
"""SQL of an entry's canonical text: every column, the same in every session and after a restore.

A row's text output distinguishes NULL from the empty string and marks where columns end. ``jsonb`` has one text per
value. Seconds since 1970 depend on neither time zone nor date style.
"""

ENTRY_DIGEST = f"sha256(convert_to({ENTRY_TEXT}, 'UTF8'))"
"""SQL of an entry's SHA-256, computed in the database, so that 32 bytes per entry are transferred."""

MAX_BATCH_ROWS = 5_000
"""The most entries of one batch."""

WRITER_TIMEOUT_S = 10.0
"""Seconds that a round waits for open transactions that may still commit a lower ``seq``."""

GENESIS_ROOT = "0" * 64
"""The previous root of the first batch."""

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
    """A sealed batch; the order of the attributes is that of the signed statement.

    ``sealed_at`` is ISO 8601 text in UTC by the database's clock, ``signature`` hexadecimal.
    """

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
        """The bytes that are signed: everything but the signature."""
        content = self._asdict()
        del content["signature"]
        return json.dumps(content).encode()

    def anchor_line(self, key: str) -> str:
        """The seal as a line of the anchor file (JSON), with the public key that verifies it."""
        return json.dumps({**self._asdict(), "key": key})

    def matches_torn_line(self, torn: str) -> bool:
        """Whether an incomplete anchor line is a prefix of this seal's, compared up to the public key."""
        return self.anchor_line("").startswith(torn[: len(self.anchor_line("")) - len('"}')])

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Parse a line of the anchor file. Raises ``ValueError`` when it is malformed."""
        try:
            content = json.loads(line)
            return cls(**{name: kind(content[name]) for name, kind in cls.__annotations__.items()})
        except (KeyError, TypeError) as fault:
            raise ValueError(line) from fault


GENESIS_SEAL = Seal(0, 0, 0, 0, GENESIS_ROOT, "", "")
"""The predecessor of the first seal."""


def seal_of_batch(connection: Connection, batch: int) -> Seal | None:
    """Select the seal of a batch."""
    row = connection.execute(f"select {SEAL_SELECT_LIST} from app.seals where batch = %s", [batch]).fetchone()
    return Seal(*row) if row else None
