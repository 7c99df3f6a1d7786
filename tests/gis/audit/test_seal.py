"""Sealing: batches, concurrent writers, signing keys, the anchor file and the sealer's rights."""

import json
import stat
import threading
import time

import psycopg
import pytest

from gis.audit import seal, sealer, verify
from gis.audit.anchor import AnchorStatus
from gis.audit.sealer import Sealer
from gis.db.session import READER_LOGIN, SEALER_LOGIN, WRITER_LOGIN
from gis.text.errors import Conflict, Forbidden, Unavailable
from tests.gis.audit.archive import COMMAND_LINE, WRITE, Archive


def test_sealing_goes_on_without_the_anchor_which_is_completed_later(empty_archive, tmp_path):
    disk = tmp_path / "disk"
    url, folder = empty_archive.sealer.url, empty_archive.folder
    archive_sealer = Sealer(url, folder, disk / "anchor.jsonl", COMMAND_LINE, rows=10)
    empty_archive.write(12)
    run = archive_sealer.seal()
    assert (run.batches, run.rows, run.anchor) == (2, 12, AnchorStatus.UNAVAILABLE)
    assert not disk.exists()  # the mount point of an absent disk is not created
    assert "the anchor file lacks this batch" in verify.verify_journal(archive_sealer).broken.summary.en
    disk.mkdir()
    assert archive_sealer.seal().anchor == AnchorStatus.AGREES
    assert verify.verify_journal(archive_sealer).broken is None


def test_seal_status_reports_last_seal_unsealed_entries_and_anchor(archive, empty_archive):
    with empty_archive.connect() as connection:
        assert sealer.seal_status(connection, empty_archive.anchor) == sealer.SealStatus(
            0, None, None, 0, None, AnchorStatus.AGREES
        )
    archive.write(2)
    with archive.connect() as connection:
        status = sealer.seal_status(connection, archive.anchor)
        assert (status.batches, status.unsealed, status.anchor) == (4, 2, AnchorStatus.AGREES)
        assert 0 < status.oldest_unsealed_s < status.age_s < 3600
        whole = archive.anchor.read_bytes()
        archive.anchor.write_bytes(whole[:-1])
        assert sealer.seal_status(connection, archive.anchor).anchor == AnchorStatus.BEHIND
        archive.anchor.write_bytes(whole.replace(b'"root": "', b'"root": "0'))
        assert sealer.seal_status(connection, archive.anchor).anchor == AnchorStatus.DIFFERS
        unmounted = archive.folder / "unmounted" / "anchor"
        assert sealer.seal_status(connection, unmounted).anchor == AnchorStatus.UNAVAILABLE
    unanchored = Sealer(archive.sealer.url, archive.folder, unmounted, COMMAND_LINE)
    assert verify.verify_journal(unanchored).unsealed == 2


@pytest.mark.parametrize("younger", [False, True], ids=["began first", "began last"])
def test_lower_seq_that_commits_later_is_not_skipped(empty_archive, younger):
    """Also when its transaction began last, so that its transaction id is the higher one."""
    with empty_archive.connect(autocommit=False) as late, empty_archive.connect(autocommit=False) as early:
        (early if younger else late).execute("select pg_current_xact_id()")
        late.execute(WRITE, ["số nhỏ"])
        early.execute(WRITE, ["số lớn"])
        early.commit()
        run = empty_archive.sealer.seal(timeout_s=0.1)
        assert (run.rows, run.unsealed) == (0, 1)
        late.commit()
        run = empty_archive.sealer.seal()
        assert (run.batches, run.rows, run.unsealed) == (1, 2, 0)
    empty_archive.assert_intact()


def test_rolled_back_entry_leaves_only_a_gap_in_seq(empty_archive):
    with empty_archive.connect(autocommit=False) as pending:
        pending.execute(WRITE, ["chưa chắc"])
        empty_archive.write()
        assert empty_archive.sealer.seal(timeout_s=0.1).rows == 0
        pending.rollback()
    assert empty_archive.sealer.seal().rows == 1
    empty_archive.assert_intact()


def test_background_sealing_blocks_no_writer_and_breaks_no_verification(empty_archive):
    faults = []

    def write_entries() -> None:
        with empty_archive.connect(autocommit=False) as connection:
            connection.execute("set lock_timeout = '1s'")
            connection.commit()
            for number in range(60):
                try:
                    connection.execute(WRITE, [f"{number}"])
                    connection.rollback() if number % 7 == 0 else connection.commit()
                except psycopg.Error as fault:
                    faults.append(fault)

    writers = [threading.Thread(target=write_entries) for _ in range(4)]
    with sealer.background_sealing(empty_archive.sealer, interval_s=0.01):
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            empty_archive.assert_intact()
        for writer in writers:
            writer.join()
    assert faults == []
    empty_archive.sealer.seal()
    verification = empty_archive.assert_intact()
    assert (verification.rows, verification.unsealed) == (4 * 51, 0)


def test_concurrent_sealers_run_one_after_the_other(empty_archive):
    empty_archive.write(45)
    runs = []
    threads = [threading.Thread(target=lambda: runs.append(empty_archive.sealer.seal())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.rows for run in runs) == [0, 45]
    empty_archive.assert_intact()
    with empty_archive.connect() as another:
        another.execute("select pg_advisory_lock(%s)", [seal.SEALER_LOCK_KEY])
        assert empty_archive.sealer.seal(wait=False) is None


def test_background_sealing_seals_periodically_and_at_the_end(empty_archive):
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
        stop_time = time.monotonic()
    assert time.monotonic() - stop_time < seal.WRITER_TIMEOUT_S
    assert not [thread for thread in threading.enumerate() if thread.name == "sealer"]
    assert unsealed() == 0
    empty_archive.assert_intact()


def test_background_sealing_recovers_once_the_database_exists(cluster, migrated_template, tmp_path, caplog):
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
    assert late.assert_intact().rows == 2
    cluster.drop_database(late.name)


def test_signing_key_is_generated_once_and_its_public_key_is_in_the_anchor(empty_archive):
    empty_archive.write()
    empty_archive.sealer.seal()
    key = empty_archive.folder / "seal.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    private_key = key.read_bytes()
    empty_archive.write()
    empty_archive.sealer.seal()
    assert key.read_bytes() == private_key
    anchored = [json.loads(line) for line in empty_archive.anchor.read_text().splitlines()]
    assert [content["batch"] for content in anchored] == [1, 2]
    assert {content["key"] for content in anchored} == set((empty_archive.folder / "seal.pub").read_text().split())
    with empty_archive.connect() as connection:
        assert "PRIVATE" not in str(connection.execute("select * from app.seals").fetchall())


def test_readable_or_malformed_key_file_is_refused(archive):
    key = archive.folder / "seal.key"
    key.chmod(0o640)
    with pytest.raises(Forbidden, match="chmod 600"):
        archive.sealer.seal()
    key.write_text("x")
    key.chmod(0o600)
    with pytest.raises(Forbidden, match="no Ed25519 key"):
        archive.sealer.seal()


def test_lost_key_is_replaced_on_request_only(archive):
    (archive.folder / "seal.key").unlink()
    archive.write(2)
    with pytest.raises(Conflict, match="missing"):
        archive.sealer.seal()
    assert archive.assert_intact().unsealed == 2
    assert archive.sealer.seal(new_key=True).rows == 2
    assert archive.sealer.seal(new_key=True).rows == 0
    assert len({json.loads(line)["key"] for line in archive.anchor.read_text().splitlines()}) == 2
    archive.assert_intact()
    for file in ("seal.key", "seal.pub"):
        (archive.folder / file).unlink()
    with pytest.raises(Conflict, match="not signed by a trusted key"):
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
def test_sealer_login_only_reads_the_journal_and_adds_seals(archive, statement):
    with psycopg.connect(
        host=str(archive.cluster.socket_dir), dbname=archive.name, user=SEALER_LOGIN, autocommit=True
    ) as connection:
        assert connection.execute("select count(*) from app.journal").fetchone() == (36,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_seals_are_immutable_and_readable_by_owner_and_sealer_only(archive):
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
        forces_row_security = (
            "select relrowsecurity and relforcerowsecurity from pg_class where oid = 'app.seals'::regclass"
        )
        assert connection.execute(forces_row_security).fetchone() == (True,)
    for login in (READER_LOGIN, WRITER_LOGIN):
        with (
            psycopg.connect(host=str(archive.cluster.socket_dir), dbname=archive.name, user=login) as other,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            other.execute("select 1 from app.seals")


def test_unmigrated_database_is_refused_with_the_command_to_run(cluster, tmp_path):
    cluster.create_database("bare")
    bare = Archive(cluster, "bare", tmp_path)
    for command in (bare.sealer.seal, lambda: verify.verify_journal(bare.sealer)):
        with pytest.raises(Unavailable, match=r"run \./cotmoc migrate"):
            command()
    cluster.drop_database("bare")
