"""Somebody with all rights over the database rewrites the past beside a running house, and is named."""

import os
import subprocess
import sys

import psycopg
import pytest

from api.cli.up import CHECKOUT, DATABASE_NAME


@pytest.fixture(scope="module")
def server(disposable_server):
    """What is forged here nobody needs any more."""
    return disposable_server


def audit(dataset, verb: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api", "audit", verb, "--data-dir", dataset.data_dir]
    return subprocess.run(
        command, cwd=CHECKOUT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_journal_is_sealed_while_serving_and_tampering_is_named(server):
    server.request_json("/ogc/collections/incidents/items", {"category": "marker_damage", "place": {"text": "147/6"}})
    sealed = audit(server, "seal")
    assert sealed.returncode == 0, sealed.stderr
    assert "the anchor file agrees" in sealed.stdout
    proven = audit(server, "verify")
    assert proven.returncode == 0, proven.stderr
    assert "0 dòng chưa niêm phong" in proven.stdout
    assert (server.data_dir / "anchor.jsonl").read_text("utf-8").count("\n") > 0
    ((feature_id, description),) = server.query_rows(
        "select id, description from app.incidents order by created_at desc limit 1"
    )
    with psycopg.connect(
        host=str(server.cluster.socket_dir), dbname=DATABASE_NAME, user="postgres", autocommit=True
    ) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update app.incidents set description = 'khác' where id = %s", [feature_id])
        beside = audit(server, "verify")
        superuser.execute("update app.incidents set description = %s where id = %s", [description, feature_id])
    assert beside.returncode == 1
    assert f"incidents {feature_id}: its present or past state does not match the journal" in beside.stderr
    away = audit(server, "verify", COTMOC_ANCHOR=str(server.data_dir / "unmounted" / "anchor"))
    assert away.returncode == 1
    assert "the anchor file lacks this batch" in away.stderr
    ((seq,),) = server.query_rows("select max(seq) from app.journal where table_name = 'incidents'")
    with psycopg.connect(host=str(server.cluster.socket_dir), dbname=DATABASE_NAME, user="postgres") as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update app.journal set actor = 'somebody else' where seq = %s", [seq])
    results = audit(server, "verify")
    assert results.returncode == 1
    ((batch,),) = server.query_rows("select batch from app.seals where %s between first_seq and last_seq", seq)
    assert f"✗ Sealed batch {batch} (seq " in results.stderr
    assert "an entry was changed" in results.stderr
    assert f"✗ Đợt niêm phong {batch} (seq " in results.stderr


def test_doctor_passes_a_serving_system_and_names_faults(server):
    def examined() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "api", "doctor", "--data-dir", server.data_dir]
        return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)

    with psycopg.connect(host=str(server.cluster.socket_dir), dbname=DATABASE_NAME, user="postgres") as superuser:
        superuser.execute("alter table app.areas no force row level security")
    tampered = examined()
    with psycopg.connect(host=str(server.cluster.socket_dir), dbname=DATABASE_NAME, user="postgres") as superuser:
        superuser.execute("alter table app.areas force row level security")
    mended = examined()
    assert tampered.returncode == 1
    assert "Every table has row-level security policies: app.areas" in tampered.stdout
    assert mended.returncode == 0, mended.stdout
