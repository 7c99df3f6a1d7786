"""Somebody with all rights over the database rewrites the past beside a running house, and is named."""

import os
import subprocess
import sys

import psycopg

from api.up import CHECKOUT, DATABASE


def audit(house, verb: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api", "audit", verb, "--data-dir", house.data_dir]
    return subprocess.run(
        command, cwd=CHECKOUT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_what_the_house_wrote_is_sealed_beside_it_and_an_edit_past_it_is_named(own_house):
    own_house.ask("/ogc/collections/incidents/items", {"category": "marker_damage", "place": {"text": "147/6"}})
    sealed = audit(own_house, "seal")
    assert sealed.returncode == 0, sealed.stderr
    assert "the anchor agrees" in sealed.stdout
    proven = audit(own_house, "verify")
    assert proven.returncode == 0, proven.stderr
    assert "0 dòng chưa niêm phong" in proven.stdout
    assert (own_house.data_dir / "anchor.jsonl").read_text("utf-8").count("\n") > 0
    away = audit(own_house, "verify", COTMOC_ANCHOR=str(own_house.data_dir / "unmounted" / "anchor"))
    assert away.returncode == 1
    assert "the anchor lacks it" in away.stderr
    ((seq,),) = own_house.rows("select max(seq) from app.journal where table_name = 'incidents'")
    with psycopg.connect(host=str(own_house.cluster.socket_dir), dbname=DATABASE, user="postgres") as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update app.journal set actor = 'somebody else' where seq = %s", [seq])
    found = audit(own_house, "verify")
    assert found.returncode == 1
    ((batch,),) = own_house.rows("select batch from app.seals where %s between first_seq and last_seq", seq)
    assert f"✗ Batch {batch} (seq " in found.stderr
    assert "an entry was changed" in found.stderr
    assert f"✗ Lô {batch} (seq " in found.stderr


def test_the_doctor_finds_a_house_that_serves_in_order_and_names_what_is_not(own_house):
    def examined() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "api", "doctor", "--data-dir", own_house.data_dir]
        return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)

    with psycopg.connect(host=str(own_house.cluster.socket_dir), dbname=DATABASE, user="postgres") as superuser:
        superuser.execute("alter table app.areas no force row level security")
    tampered = examined()
    with psycopg.connect(host=str(own_house.cluster.socket_dir), dbname=DATABASE, user="postgres") as superuser:
        superuser.execute("alter table app.areas force row level security")
    mended = examined()
    assert tampered.returncode == 1
    assert "Row security forced on every table: app.areas" in tampered.stdout
    assert mended.returncode == 0, mended.stdout
