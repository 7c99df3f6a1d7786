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

from gis.history.triggers import no_truncate, rows_are_fixed
from gis.text.sql_files import SqlFile

log = logging.getLogger(__name__)

SQL = SqlFile(__file__)

CREATE_SEALS_TABLE = SQL.compose("create_seals_table")

IMMUTABILITY_TRIGGERS = (rows_are_fixed("seals"), no_truncate("seals"))
"""The triggers that refuse changes of seals, also by the table's owner."""

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

ENTRY_DIGEST = SQL.compose("entry_digest")
"""SQL of an entry's SHA-256."""

SEAL_OF_BATCH, SEALS_AFTER, LAST_SEAL, ALL_SEALS = (
    SQL.compose(query, columns=SQL.compose("seal_columns"))
    for query in ("seal_of_batch", "seals_after", "last_seal", "all_seals")
)
"""Queries of seals, with the columns in the order of ``Seal``."""

INSERT_SEAL = SQL.compose("insert_seal")

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
    row = connection.execute(SEAL_OF_BATCH, [batch]).fetchone()
    return Seal(*row) if row else None
