"""``cotmoc audit`` and ``cotmoc doctor`` beside a running server name what a superuser has changed."""

import os
import subprocess
import sys

import psycopg
import pytest

from api.cli.up import CHECKOUT, DATABASE_NAME


@pytest.fixture(scope="module")
def server(disposable_server):
    """A server whose data may be tampered with."""
    return disposable_server


def audit(server, verb: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api", "audit", verb, "--data-dir", server.data_dir]
    return subprocess.run(
        command, cwd=CHECKOUT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_seal_and_verify_run_beside_a_server_and_name_tampering(server):
    server.request_json("/ogc/collections/incidents/items", {"category": "marker_damage", "place": {"text": "147/6"}})
    sealed = audit(server, "seal")
    assert sealed.returncode == 0, sealed.stderr
    assert "the anchor file agrees" in sealed.stdout
    verified = audit(server, "verify")
    assert verified.returncode == 0, verified.stderr
    assert "0 dòng chưa niêm phong" in verified.stdout
    assert (server.data_dir / "anchor.jsonl").read_text("utf-8").count("\n") > 0
    ((feature_id, description),) = server.query_rows(
        "select id, description from app.incidents order by created_at desc limit 1"
    )
    with psycopg.connect(
        host=str(server.cluster.socket_dir), dbname=DATABASE_NAME, user="postgres", autocommit=True
    ) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update app.incidents set description = 'khác' where id = %s", [feature_id])
        changed_row = audit(server, "verify")
        superuser.execute("update app.incidents set description = %s where id = %s", [description, feature_id])
    assert changed_row.returncode == 1
    assert f"incidents {feature_id}: its present or past state does not match the journal" in changed_row.stderr
    missing_anchor = audit(server, "verify", COTMOC_ANCHOR=str(server.data_dir / "unmounted" / "anchor"))
    assert missing_anchor.returncode == 1
    assert "the anchor file lacks this batch" in missing_anchor.stderr
    ((seq,),) = server.query_rows("select max(seq) from app.journal where table_name = 'incidents'")
    with psycopg.connect(host=str(server.cluster.socket_dir), dbname=DATABASE_NAME, user="postgres") as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update app.journal set actor = 'somebody else' where seq = %s", [seq])
    changed_entry = audit(server, "verify")
    assert changed_entry.returncode == 1
    ((batch,),) = server.query_rows("select batch from app.seals where %s between first_seq and last_seq", seq)
    assert f"✗ Sealed batch {batch} (seq " in changed_entry.stderr
    assert "an entry was changed" in changed_entry.stderr
    assert f"✗ Đợt niêm phong {batch} (seq " in changed_entry.stderr


def test_doctor_names_a_table_without_forced_row_security(server):
    def run_doctor() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "api", "doctor", "--data-dir", server.data_dir]
        return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)

    with psycopg.connect(host=str(server.cluster.socket_dir), dbname=DATABASE_NAME, user="postgres") as superuser:
        superuser.execute("alter table app.areas no force row level security")
    tampered = run_doctor()
    with psycopg.connect(host=str(server.cluster.socket_dir), dbname=DATABASE_NAME, user="postgres") as superuser:
        superuser.execute("alter table app.areas force row level security")
    restored = run_doctor()
    assert tampered.returncode == 1
    assert "Every table has row-level security policies: app.areas" in tampered.stdout
    assert restored.returncode == 0, restored.stdout
