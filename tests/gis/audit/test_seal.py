"""The sealed journal: whoever may do everything in the database is found out, and nobody who writes is held up."""

import json
import shutil
import stat
import subprocess
import threading
import time
from pathlib import Path

import psycopg
import pytest

from gis.audit import seal as seals, sealer, verify
from gis.audit.anchor import AnchorStatus
from gis.audit.sealer import Sealer
from gis.db.session import READER_LOGIN, SEALER_LOGIN, WRITER_LOGIN
from gis.text.errors import Conflict, Forbidden, Unavailable

WRITE = """select app.write_journal('areas', gen_random_uuid(), 'update',
    jsonb_build_object('name', 'Vành đai cũ', 'width', 1.10),
    jsonb_build_object('name', %s::text, 'by', E'a"\\\\,(b)'))"""

CONTEXT = """select set_config('cotmoc.actor', 'Nguyễn', false), set_config('cotmoc.unit', 'đồn', false),
    set_config('cotmoc.reason', 'biên bản 7', false), set_config('cotmoc.request', 'r-1', false),
    set_config('cotmoc.device_at', '2026-11-20T08:00:00+07:00', false)"""


class Archive:
    """A database with a journal, its keys and its anchor. Every connection is the superuser's."""

    def __init__(self, cluster, name: str, folder: Path) -> None:
        self.cluster, self.name, self.folder = cluster, name, folder
        self.anchor = folder / "anchor.jsonl"
        self.sealer = Sealer(cluster.url(name, SEALER_LOGIN), folder, self.anchor, rows=10)

    def connect(self, **how) -> psycopg.Connection:
        connection = psycopg.connect(
            host=str(self.cluster.socket_dir), dbname=self.name, user="postgres", **{"autocommit": True, **how}
        )
        connection.execute(CONTEXT)
        connection.commit()
        return connection

    def write(self, number: int = 1) -> None:
        with self.connect() as connection:
            for one in range(number):
                connection.execute(WRITE, [f"Vành đai {one}"])

    def tamper(self, *statements: str) -> None:
        """What somebody does who disables the triggers first; every statement must hit something."""
        with self.connect() as connection:
            connection.execute("set session_replication_role = replica")
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement

    def broken(self) -> tuple[int, str]:
        """The first broken batch and what is wrong with it."""
        found = verify.verify_journal(self.sealer)
        assert found.broken, "nothing was found"
        return found.broken.batch, found.broken.summary.en

    def intact(self) -> verify.Verification:
        found = verify.verify_journal(self.sealer)
        assert found.broken is None, found.broken.summary.en
        return found

    def empty(self, kept: dict[str, list] | None = None) -> None:
        """Forget everything, or everything but what was kept."""
        with self.connect() as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute("alter table app.journal alter seq set generated always")
            for table in ("journal", "seals"):
                connection.execute(f"delete from app.{table}")
                with connection.cursor().copy(f"copy app.{table} from stdin") as copy:
                    for block in (kept or {}).get(table, []):
                        copy.write(block)
            connection.execute(
                "select setval('app.journal_seq_seq', (select coalesce(max(seq), 0) + 1 from app.journal), false)"
            )

    def kept(self) -> dict[str, list]:
        """Journal and seals as they are."""
        with self.connect() as connection:
            read = {}
            for table in ("journal", "seals"):
                with connection.cursor().copy(f"copy app.{table} to stdout") as copy:
                    read[table] = [bytes(block) for block in copy]
            return read


@pytest.fixture(scope="module")
def original_archive(cluster, migrated_template, tmp_path_factory):
    """36 entries in four batches, with a number that was rolled back inside batch 2 and one between 2 and 3."""
    archive = Archive(cluster, "sealed", tmp_path_factory.mktemp("sealed"))
    cluster.create_database(archive.name, template=migrated_template)
    for entries in (15, 5, 15):
        archive.write(entries)
        with archive.connect(autocommit=False) as connection:
            connection.execute(WRITE, ["không thành"])
            connection.rollback()
    with archive.connect() as connection:
        connection.execute("select app.write_journal('areas', gen_random_uuid(), 'insert', null, '{}')")
    archive.sealer.seal()
    yield archive, archive.kept()
    cluster.drop_database(archive.name)


@pytest.fixture
def archive(cluster, original_archive, tmp_path):
    """That archive as it was in the beginning."""
    first, kept = original_archive
    first.empty(kept)
    shutil.copytree(first.folder, tmp_path / "data")
    return Archive(cluster, first.name, tmp_path / "data")


@pytest.fixture(scope="module")
def second_database(cluster, migrated_template):
    cluster.create_database("unsealed", template=migrated_template)
    yield "unsealed"
    cluster.drop_database("unsealed")


@pytest.fixture
def empty_archive(cluster, second_database, tmp_path):
    """Another one that nothing has been written to."""
    archive = Archive(cluster, second_database, tmp_path)
    archive.empty()
    return archive


FIFTEENTH = "(select seq from app.journal order by seq offset 14 limit 1)"
FORGED = """insert into app.journal (seq, xid, actor, table_name, feature_id, action, new) overriding system value
    select {}, 1, 'Nguyễn', 'areas', gen_random_uuid(), 'insert', '{{}}'"""
CHANGED, UNSIGNED, CUT = "an entry was changed", "signed by no key that is trusted", "the database no longer does"

TAMPERINGS = {
    "new changed": ([f'update app.journal set new = new || \'{{"name": "x"}}\' where seq = {FIFTEENTH}'], 2, CHANGED),
    "old changed": ([f"update app.journal set old = old - 'width' where seq = {FIFTEENTH}"], 2, CHANGED),
    "old's scale changed": (
        [f"update app.journal set old = old || '{{\"width\": 1.1}}' where seq = {FIFTEENTH}"],
        2,
        CHANGED,
    ),
    "nothing becomes null": (["update app.journal set old = 'null' where old is null"], 4, CHANGED),
    "actor changed": ([f"update app.journal set actor = 'Trần' where seq = {FIFTEENTH}"], 2, CHANGED),
    "at changed": ([f"update app.journal set at = at + interval '1 microsecond' where seq = {FIFTEENTH}"], 2, CHANGED),
    "at infinite": ([f"update app.journal set at = 'infinity' where seq = {FIFTEENTH}"], 2, CHANGED),
    "reason taken": ([f"update app.journal set reason = null where seq = {FIFTEENTH}"], 2, CHANGED),
    "a word moved": ([f"update app.journal set actor = actor || unit, unit = '' where seq = {FIFTEENTH}"], 2, CHANGED),
    "two contents swapped": (
        [
            "alter table app.journal alter seq set generated by default",
            "update app.journal set seq = -1 where seq = 15",
            "update app.journal set seq = 15 where seq = 17",
            "update app.journal set seq = 17 where seq = -1",
        ],
        2,
        CHANGED,
    ),
    "a middle entry deleted": ([f"delete from app.journal where seq = {FIFTEENTH}"], 2, "9 entries stand where 10"),
    "an entry forged where a number was rolled back": ([FORGED.format(16)], 2, "11 entries stand where 10"),
    "an entry forged between two batches": ([FORGED.format(22)], 3, "11 entries stand where 10"),
    "an entry forged before the first": ([FORGED.format(0)], 1, "11 entries stand where 10"),
    "the last batch deleted with its seal": (
        [
            "delete from app.journal where seq > (select last_seq from app.seals where batch = 3)",
            "delete from app.seals where batch = 4",
        ],
        4,
        CUT,
    ),
    "the last seal deleted": (["delete from app.seals where batch = 4"], 4, CUT),
    "a seal in the middle deleted": (["delete from app.seals where batch = 2"], 2, "its seal is missing"),
    "the first seal deleted": (["delete from app.seals where batch = 1"], 1, "its seal is missing"),
    "a batch cut out and the others moved up": (
        [
            "delete from app.journal using app.seals where batch = 2 and seq between first_seq and last_seq",
            "delete from app.seals where batch = 2",
            "update app.seals set batch = batch - 1, previous = (select root from app.seals where batch = 1)"
            " where batch = 3",
            "update app.seals set batch = 3 where batch = 4",
        ],
        2,
        UNSIGNED,
    ),
    "a seal's root changed": (["update app.seals set root = repeat('a', 64) where batch = 3"], 3, UNSIGNED),
    "a seal's date changed": (
        ["update app.seals set sealed_at = sealed_at - interval '1 day' where batch = 3"],
        3,
        UNSIGNED,
    ),
    "a seal's date is never": (["update app.seals set sealed_at = 'infinity' where batch = 3"], 3, UNSIGNED),
    "a seal fitted to a deleted entry": (
        [f"delete from app.journal where seq = {FIFTEENTH}", "update app.seals set rows = 9 where batch = 2"],
        2,
        UNSIGNED,
    ),
    "a signature that is none": (["update app.seals set signature = 'ký' where batch = 3"], 3, UNSIGNED),
    "the newest batches deleted with their seals": (
        [
            "delete from app.journal where seq > (select last_seq from app.seals where batch = 2)",
            "delete from app.seals where batch > 2",
        ],
        3,
        CUT,
    ),
    "two batches swapped": (
        [
            "update app.seals set batch = -2 where batch = 2",
            "update app.seals set batch = 2 where batch = 3",
            "update app.seals set batch = 3 where batch = -2",
        ],
        2,
        UNSIGNED,
    ),
    "the entries of two batches swapped": (
        [
            "alter table app.journal alter seq set generated by default",
            "update app.journal set seq = -seq where seq in (13, 25)",
            "update app.journal set seq = 38 + seq where seq < 0",
        ],
        2,
        CHANGED,
    ),
    "an entry moved into the batch before": (
        [
            "alter table app.journal alter seq set generated by default",
            "update app.journal set seq = 16 where seq = (select min(seq) from app.journal where seq > 21)",
        ],
        2,
        "11 entries stand where 10",
    ),
    "everything erased": (["delete from app.journal", "delete from app.seals"], 1, CUT),
}


def test_what_was_written_and_sealed_is_proven(archive):
    found = archive.intact()
    assert (found.batches, found.rows, found.unsealed) == (4, 36, 0)


@pytest.mark.parametrize(("statements", "batch", "why"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_the_first_tampered_batch_is_named(archive, statements, batch, why):
    archive.tamper(*statements)
    found, words = archive.broken()
    assert found == batch
    assert why in words


def test_the_break_is_told_with_numbers_and_dates_in_both_languages(archive):
    archive.tamper(f"update app.journal set at = '2026-01-31 23:59:59.5+00' where seq = {FIFTEENTH}")
    found = verify.verify_journal(archive.sealer).broken
    assert found.summary.en.startswith("Sealed batch 2 (seq 11–21, 2026-01-31 23:59:59+00 – 20")
    assert found.summary.vi.startswith("Đợt niêm phong 2 (seq 11–21, ")
    assert found.summary.vi.endswith("có dòng đã bị sửa")


def test_every_column_of_an_entry_counts(archive):
    other = {
        "bigint": "{0} + 1000000",
        "timestamp with time zone": "{0} + interval '1 microsecond'",
        "text": "'khác'",
        "uuid": "gen_random_uuid()",
        "jsonb": "'{{}}'",
    }
    with archive.connect(autocommit=False) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("alter table app.journal alter seq set generated by default")
        columns = connection.execute(
            "select column_name, data_type from information_schema.columns where table_name = 'journal'"
        ).fetchall()
        digests = f"select array_agg({seals.ENTRY_DIGEST} order by feature_id), count(*) from app.journal"
        before = connection.execute(digests).fetchone()
        for name, kind in columns:
            with connection.transaction(force_rollback=True):
                connection.execute(f"update app.journal set {name} = {other[kind].format(name)} where seq = 15")
                order = "seq" if name == "feature_id" else "feature_id"
                now = connection.execute(digests.replace("feature_id)", f"{order})")).fetchone()
                assert now != before, name
        assert len(columns) == 13
        connection.rollback()


def test_history_that_was_sealed_anew_without_the_key_is_nobodys(archive, tmp_path):
    archive.tamper(f"update app.journal set actor = 'Trần' where seq = {FIFTEENTH}", "delete from app.seals")
    with pytest.raises(Conflict, match="anchor"):
        archive.sealer.seal()  # our own sealer does not lend its key to that
    (tmp_path / "forger").mkdir()
    Sealer(archive.sealer.url, tmp_path / "forger", tmp_path / "forger" / "anchor", rows=10).seal()
    batch, words = archive.broken()
    assert batch == 1
    assert UNSIGNED in words
    with pytest.raises(Conflict, match="signed by no key"):
        archive.sealer.seal()


def test_a_suffix_that_was_sealed_anew_with_valid_hashes_is_nobodys(archive, tmp_path):
    """The forger knows how roots are made and whose key is trusted, and lacks that key alone."""
    archive.tamper(
        "update app.journal set actor = 'Trần' where seq = (select last_seq from app.seals where batch = 3)",
        "delete from app.seals where batch > 2",
    )
    forger = tmp_path / "forger"
    forger.mkdir()
    shutil.copy(archive.folder / "seal.pub", forger)
    Sealer(archive.sealer.url, forger, forger / "anchor", rows=10).seal(new_key=True)
    with archive.connect() as connection:
        assert connection.execute("select count(*) from app.seals").fetchone() == (4,)
    batch, words = archive.broken()
    assert batch == 3
    assert UNSIGNED in words


def test_entries_written_after_a_cut_do_not_hide_it(archive):
    archive.tamper("delete from app.journal where seq > 32", "delete from app.seals where batch = 4")
    archive.write(9)
    with pytest.raises(Conflict):
        archive.sealer.seal()
    assert CUT in archive.broken()[1]


def test_a_cut_anchor_is_named_and_then_told_again(archive):
    whole = archive.anchor.read_bytes()
    lines = whole.splitlines(keepends=True)
    archive.anchor.write_bytes(b"".join(lines[:3]))
    batch, words = archive.broken()
    assert batch == 4
    assert "the anchor file lacks this batch" in words
    assert archive.sealer.seal().anchor == AnchorStatus.AGREES
    assert archive.anchor.read_bytes() == whole
    archive.intact()


def test_a_line_that_a_power_cut_has_torn_is_completed(archive):
    whole = archive.anchor.read_bytes()
    archive.anchor.write_bytes(whole[:-100])
    assert archive.broken()[0] == 4
    archive.sealer.seal()
    assert archive.anchor.read_bytes() == whole


def test_a_line_missing_in_the_middle_of_the_anchor_is_named(archive):
    lines = archive.anchor.read_bytes().splitlines(keepends=True)
    archive.anchor.write_bytes(b"".join(lines[:1] + lines[2:]))
    batch, words = archive.broken()
    assert batch == 2
    assert "the anchor file differs" in words


@pytest.mark.parametrize("told", [b"{}\n", b"\xff\xfe\n", b"x" * 9000, b'[1, 2]\n{"batch": 4}\n'])
def test_an_anchor_of_nonsense_is_named_and_left_as_it_is(archive, told):
    archive.anchor.write_bytes(told)
    assert archive.broken()[0] == 1
    with pytest.raises(Conflict):
        archive.sealer.seal()
    assert archive.anchor.read_bytes() == told


def test_the_anchor_of_another_database_is_named_and_left_as_it_is(archive, empty_archive):
    empty_archive.write(3)
    empty_archive.sealer.seal()
    archive.anchor.write_bytes(empty_archive.anchor.read_bytes())
    batch, words = archive.broken()
    assert batch == 1
    assert "the anchor file differs" in words
    with pytest.raises(Conflict, match="anchor"):
        archive.sealer.seal()
    assert archive.anchor.read_bytes() == empty_archive.anchor.read_bytes()


def test_while_the_anchor_is_away_sealing_goes_on_and_it_is_told_later(empty_archive, tmp_path):
    disk = tmp_path / "disk"
    sealer = Sealer(empty_archive.sealer.url, empty_archive.folder, disk / "anchor.jsonl", rows=10)
    empty_archive.write(12)
    done = sealer.seal()
    assert (done.batches, done.rows, done.anchor) == (2, 12, AnchorStatus.UNAVAILABLE)
    assert not disk.exists()  # what is to be mounted there is not made up
    assert "the anchor file lacks this batch" in verify.verify_journal(sealer).broken.summary.en
    disk.mkdir()
    assert sealer.seal().anchor == AnchorStatus.AGREES
    assert verify.verify_journal(sealer).broken is None


def test_the_state_tells_how_old_the_last_seal_is_what_is_open_and_the_anchor(archive, empty_archive):
    with empty_archive.connect() as connection:
        assert sealer.seal_status(connection, empty_archive.anchor) == sealer.SealStatus(
            0, None, None, 0, None, AnchorStatus.AGREES
        )
    archive.write(2)
    with archive.connect() as connection:
        told = sealer.seal_status(connection, archive.anchor)
        assert (told.batches, told.unsealed, told.anchor) == (4, 2, AnchorStatus.AGREES)
        assert 0 < told.oldest_unsealed_s < told.age_s < 3600
        whole = archive.anchor.read_bytes()
        archive.anchor.write_bytes(whole[:-1])
        assert sealer.seal_status(connection, archive.anchor).anchor == AnchorStatus.BEHIND
        archive.anchor.write_bytes(whole.replace(b'"root": "', b'"root": "0'))
        assert sealer.seal_status(connection, archive.anchor).anchor == AnchorStatus.DIFFERS
        away = archive.folder / "unmounted" / "anchor"
        assert sealer.seal_status(connection, away).anchor == AnchorStatus.UNAVAILABLE
    assert verify.verify_journal(Sealer(archive.sealer.url, archive.folder, away)).unsealed == 2


@pytest.mark.parametrize("younger", [False, True], ids=["began first", "began last"])
def test_a_lower_number_that_commits_later_is_not_passed_over(empty_archive, younger):
    """Also when its transaction is the younger one: then its number among transactions says nothing."""
    with empty_archive.connect(autocommit=False) as late, empty_archive.connect(autocommit=False) as early:
        (early if younger else late).execute("select pg_current_xact_id()")
        late.execute(WRITE, ["số nhỏ"])
        early.execute(WRITE, ["số lớn"])
        early.commit()
        done = empty_archive.sealer.seal(timeout_s=0.1)
        assert (done.rows, done.unsealed) == (0, 1)
        late.commit()
        done = empty_archive.sealer.seal()
        assert (done.batches, done.rows, done.unsealed) == (1, 2, 0)
    empty_archive.intact()


def test_what_is_rolled_back_leaves_a_gap_and_nothing_else(empty_archive):
    with empty_archive.connect(autocommit=False) as undecided:
        undecided.execute(WRITE, ["chưa chắc"])
        empty_archive.write()
        assert empty_archive.sealer.seal(timeout_s=0.1).rows == 0
        undecided.rollback()
    assert empty_archive.sealer.seal().rows == 1
    empty_archive.intact()


def test_writers_are_unharmed_and_the_walk_is_clean_while_sealing_goes_on(empty_archive):
    faults = []

    def writing() -> None:
        with empty_archive.connect(autocommit=False) as connection:
            connection.execute("set lock_timeout = '1s'")
            connection.commit()
            for one in range(60):
                try:
                    connection.execute(WRITE, [f"{one}"])
                    connection.rollback() if one % 7 == 0 else connection.commit()
                except psycopg.Error as fault:
                    faults.append(fault)

    writers = [threading.Thread(target=writing) for _ in range(4)]
    with sealer.background_sealing(empty_archive.sealer, interval_s=0.01):
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            empty_archive.intact()
        for writer in writers:
            writer.join()
    assert faults == []
    empty_archive.sealer.seal()
    found = empty_archive.intact()
    assert (found.rows, found.unsealed) == (4 * 51, 0)


def test_two_sealers_at_once_seal_one_after_the_other(empty_archive):
    empty_archive.write(45)
    done = []
    both = [threading.Thread(target=lambda: done.append(empty_archive.sealer.seal())) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(one.rows for one in done) == [0, 45]
    empty_archive.intact()
    with empty_archive.connect() as another:
        another.execute("select pg_advisory_lock(%s)", [seals.SEALER_LOCK_KEY])
        assert empty_archive.sealer.seal(wait=False) is None


def test_in_the_background_it_seals_by_itself_and_once_more_at_the_end(empty_archive):
    def unsealed() -> int:
        with empty_archive.connect() as connection:
            return sealer.seal_status(connection, empty_archive.anchor).unsealed

    empty_archive.write(5)
    with sealer.background_sealing(empty_archive.sealer, interval_s=3600):
        deadline = time.monotonic() + 30
        while unsealed():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        empty_archive.write(3)
        leaving = time.monotonic()
    assert time.monotonic() - leaving < seals.WRITER_TIMEOUT_S
    assert not [thread for thread in threading.enumerate() if thread.name == "sealer"]
    assert unsealed() == 0
    empty_archive.intact()


def test_a_database_that_comes_late_is_sealed_when_it_is_there(cluster, migrated_template, tmp_path, caplog):
    late = Archive(cluster, "comes_late", tmp_path)
    with sealer.background_sealing(late.sealer, interval_s=0.05):
        deadline = time.monotonic() + 30
        while "comes_late" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        cluster.create_database(late.name, template=migrated_template)
        late.write(2)
        while "in order again" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert late.intact().rows == 2
    cluster.drop_database(late.name)


def test_the_proof_outlives_a_dump_and_a_restore_with_other_habits(archive, cluster, tmp_path):
    dump, restored = tmp_path / "dump", f"{archive.name}_restored"
    server = ["-h", cluster.socket_dir, "-U", "postgres"]
    subprocess.run([cluster.binaries / "pg_dump", *server, "-Fc", "-f", dump, archive.name], check=True)
    cluster.create_database(restored)
    subprocess.run([cluster.binaries / "pg_restore", *server, "-d", restored, dump], check=True)
    copy = Archive(cluster, restored, archive.folder)
    with copy.connect() as connection:
        for habit in ("timezone = 'Asia/Ho_Chi_Minh'", "datestyle = 'German'", "bytea_output = 'escape'"):
            connection.execute(f'alter database "{restored}" set {habit}')
    assert copy.intact().rows == 36
    copy.write(3)
    assert copy.sealer.seal().rows == 3
    copy.intact()
    cluster.drop_database(restored)


def test_the_key_is_made_once_for_its_owner_alone_and_stands_in_the_anchor_with_its_public_half(empty_archive):
    empty_archive.write()
    empty_archive.sealer.seal()
    key = empty_archive.folder / "seal.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    made = key.read_bytes()
    empty_archive.write()
    empty_archive.sealer.seal()
    assert key.read_bytes() == made
    told = [json.loads(line) for line in empty_archive.anchor.read_text().splitlines()]
    assert [one["batch"] for one in told] == [1, 2]
    assert {one["key"] for one in told} == set((empty_archive.folder / "seal.pub").read_text().split())
    with empty_archive.connect() as connection:
        assert "PRIVATE" not in str(connection.execute("select * from app.seals").fetchall())


def test_an_auditor_needs_the_public_half_alone(archive):
    (archive.folder / "seal.key").unlink()
    archive.intact()


def test_a_key_that_others_may_read_or_that_is_none_is_refused(archive):
    key = archive.folder / "seal.key"
    key.chmod(0o640)
    with pytest.raises(Forbidden, match="chmod 600"):
        archive.sealer.seal()
    key.write_text("x")
    key.chmod(0o600)
    with pytest.raises(Forbidden, match="no Ed25519 key"):
        archive.sealer.seal()


def test_a_lost_key_is_not_replaced_in_silence(archive):
    (archive.folder / "seal.key").unlink()
    archive.write(2)
    with pytest.raises(Conflict, match="missing"):
        archive.sealer.seal()
    assert archive.intact().unsealed == 2
    assert archive.sealer.seal(new_key=True).rows == 2
    assert archive.sealer.seal(new_key=True).rows == 0
    assert len({json.loads(line)["key"] for line in archive.anchor.read_text().splitlines()}) == 2
    archive.intact()
    for file in ("seal.key", "seal.pub"):
        (archive.folder / file).unlink()
    with pytest.raises(Conflict, match="signed by no key"):
        archive.sealer.seal(new_key=True)


@pytest.mark.parametrize(
    "statement",
    [
        "update app.seals set root = root",
        "delete from app.seals",
        "truncate app.seals",
        "update app.journal set actor = actor",
        "delete from app.journal",
        "insert into app.journal (actor, table_name, feature_id, action) values ('x', 'x', gen_random_uuid(), 'x')",
        "select app.write_journal('x', gen_random_uuid(), 'insert', null, null)",
        "select 1 from app.markers",
        "create table app.mine (x int)",
        "set role cotmoc_owner",
    ],
)
def test_the_sealer_reads_the_journal_adds_seals_and_nothing_else(archive, statement):
    with psycopg.connect(
        host=str(archive.cluster.socket_dir), dbname=archive.name, user=SEALER_LOGIN, autocommit=True
    ) as sealer:
        assert sealer.execute("select count(*) from app.journal").fetchone() == (36,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sealer.execute(statement)


def test_nobody_changes_a_seal_and_nobody_else_reads_one(archive):
    with archive.connect() as connection:
        for role in ("cotmoc_owner", "postgres"):
            connection.execute(f"set role {role}")
            for statement in ("update app.seals set root = root", "delete from app.seals", "truncate app.seals"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
        connection.execute("reset role")
        readers = connection.execute(
            "select rolname from pg_roles where not rolsuper and rolname like 'cotmoc%'"
            " and has_any_column_privilege(rolname, 'app.seals', 'select, insert, update')"
        ).fetchall()
        assert sorted(name for (name,) in readers) == ["cotmoc_owner", SEALER_LOGIN]
        guarded = "select relrowsecurity and relforcerowsecurity from pg_class where oid = 'app.seals'::regclass"
        assert connection.execute(guarded).fetchone() == (True,)
    for login in (READER_LOGIN, WRITER_LOGIN):
        with (
            psycopg.connect(host=str(archive.cluster.socket_dir), dbname=archive.name, user=login) as other,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            other.execute("select 1 from app.seals")


def test_a_database_that_was_never_migrated_says_what_to_do(cluster, tmp_path):
    cluster.create_database("bare")
    bare = Archive(cluster, "bare", tmp_path)
    for ask in (bare.sealer.seal, lambda: verify.verify_journal(bare.sealer)):
        with pytest.raises(Unavailable, match=r"run \./cotmoc migrate"):
            ask()
    cluster.drop_database("bare")
