"""A database with a journal, keys and an anchor, to be sealed, tampered with and verified."""

from pathlib import Path

import psycopg

from gis.audit import verify
from gis.audit.sealer import Sealer
from gis.db.session import SEALER_LOGIN

WRITE = """select app.write_journal('areas', gen_random_uuid(), 'update',
    jsonb_build_object('name', 'Vành đai cũ', 'width', 1.10),
    jsonb_build_object('name', %s::text, 'by', E'a"\\\\,(b)'))"""

CONTEXT = """select set_config('cotmoc.actor', 'Nguyễn', false), set_config('cotmoc.unit', 'đồn', false),
    set_config('cotmoc.reason', 'biên bản 7', false), set_config('cotmoc.request', 'r-1', false),
    set_config('cotmoc.device_at', '2026-11-20T08:00:00+07:00', false)"""


COMMAND_LINE = "./cotmoc"


class Archive:
    """A database with a journal, its keys and its anchor file. ``connect`` connects as the superuser."""

    def __init__(self, cluster, name: str, folder: Path) -> None:
        self.cluster, self.name, self.folder = cluster, name, folder
        self.anchor = folder / "anchor.jsonl"
        self.sealer = Sealer(cluster.url(name, SEALER_LOGIN), folder, self.anchor, COMMAND_LINE, rows=10)

    def connect(self, **options) -> psycopg.Connection:
        connection = psycopg.connect(
            host=str(self.cluster.socket_dir), dbname=self.name, user="postgres", **{"autocommit": True, **options}
        )
        connection.execute(CONTEXT)
        connection.commit()
        return connection

    def write(self, count: int = 1) -> None:
        """Write journal entries, each in a transaction of its own."""
        with self.connect() as connection:
            for number in range(count):
                connection.execute(WRITE, [f"Vành đai {number}"])

    def tamper(self, *statements: str) -> None:
        """Execute statements with the triggers disabled; every statement must affect a row."""
        with self.connect() as connection:
            connection.execute("set session_replication_role = replica")
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement

    def first_broken_batch(self) -> tuple[int, str]:
        """Verify the journal, which must fail; returns the first broken batch and the English message."""
        verification = verify.verify_journal(self.sealer)
        assert verification.broken, "no batch is broken"
        return verification.broken.batch, verification.broken.summary.en

    def assert_intact(self) -> verify.Verification:
        """Verify the journal, which must succeed."""
        verification = verify.verify_journal(self.sealer)
        assert verification.broken is None, verification.broken.summary.en
        return verification

    def reset(self, content: dict[str, list] | None = None) -> None:
        """Replace journal and seals by ``content``, or delete them."""
        with self.connect() as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute("alter table app.journal alter seq set generated always")
            for table in ("journal", "seals"):
                connection.execute(f"delete from app.{table}")
                with connection.cursor().copy(f"copy app.{table} from stdin") as copy:
                    for block in (content or {}).get(table, []):
                        copy.write(block)
            connection.execute(
                "select setval('app.journal_seq_seq', (select coalesce(max(seq), 0) + 1 from app.journal), false)"
            )

    def content(self) -> dict[str, list]:
        """Journal and seals as COPY blocks."""
        with self.connect() as connection:
            content = {}
            for table in ("journal", "seals"):
                with connection.cursor().copy(f"copy app.{table} to stdout") as copy:
                    content[table] = [bytes(block) for block in copy]
            return content
