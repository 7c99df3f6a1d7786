"""The doctor: a fault fails the check that concerns it, and an intact installation passes."""

import os
import subprocess
from dataclasses import replace

import psycopg
import pytest

from api.cli.migrate import migrate
from gis.audit.sealer import Sealer
from gis.checks.doctor import is_healthy, run_checks
from gis.checks.reconcile import reconcile_with_journal
from gis.checks.result import CheckStatus, Installation
from gis.db.actors import Role
from gis.db.session import SEALER_LOGIN
from gis.model.fields import Level
from gis.text.errors import Unavailable
from gis.text.i18n import Text
from layers.policy import POLICY

TAMPERINGS = {
    "Every table has row-level security policies": (
        "alter table app.markers no force row level security",
        "alter table app.markers force row level security",
    ),
    "Views run with the caller's rights": (
        "alter view app.places set (security_invoker = false)",
        "alter view app.places set (security_invoker = true)",
    ),
    "Hash of all grants and policies": (
        "create policy loophole on app.works for select to cotmoc_public using (true)",
        "drop policy loophole on app.works",
    ),
    "Every object belongs to one owner that cannot log in": (
        "alter table app.works owner to postgres",
        "alter table app.works owner to cotmoc_owner",
    ),
    "The spatial index works under row security": (
        "alter function geometry_overlaps(geometry, geometry) not leakproof",
        "alter function geometry_overlaps(geometry, geometry) leakproof",
    ),
    "No other function is marked LEAKPROOF": (
        "alter function st_intersects(geometry, geometry) leakproof",
        "alter function st_intersects(geometry, geometry) not leakproof",
    ),
    "No way to bypass the policies": (
        "grant usage on sequence app.journal_seq_seq to cotmoc_public",
        "revoke usage on sequence app.journal_seq_seq from cotmoc_public",
    ),
    "Partners read released data only": (
        "grant select (id) on app.markers to cotmoc_partner",
        "revoke select (id) on app.markers from cotmoc_partner",
    ),
}
"""Changes of a database, each with the statement that undoes it, by the name of the check that must fail."""

ROLE_TAMPERINGS = {
    "No role bypasses the policies": (
        "alter role cotmoc_reader bypassrls",
        "alter role cotmoc_reader nobypassrls",
    ),
    "No role inherits an undeclared role": (
        "grant cotmoc_office_edit to cotmoc_reader",
        "revoke cotmoc_office_edit from cotmoc_reader",
    ),
    "Only the declared logins can log in": ("alter role cotmoc_office login", "alter role cotmoc_office nologin"),
}


@pytest.fixture
def installation(tmp_path):
    """What the doctor checks besides the database, with an empty data directory."""
    return Installation(POLICY, tmp_path, "./cotmoc", durable=False)


@pytest.fixture
def admin(cluster, empty_database_name):
    """A superuser's connection."""
    with psycopg.connect(
        host=str(cluster.socket_dir), dbname=empty_database_name, user="postgres", autocommit=True
    ) as opened:
        yield opened


def failed(results):
    """The English names of the checks that failed."""
    return {result.check.en for result in results if result.state is CheckStatus.BAD}


def test_intact_installation_is_healthy(cluster, empty_database_name, installation):
    results = run_checks(cluster.url(empty_database_name), installation)
    assert failed(results) == set(), [result.detail.en for result in results]
    assert is_healthy(results)


def test_doctor_names_the_check_that_each_tampering_fails(cluster, empty_database_name, admin, installation):
    for check, (tampering, repair) in {**TAMPERINGS, **ROLE_TAMPERINGS}.items():
        admin.execute(tampering)
        try:
            names = failed(run_checks(cluster.url(empty_database_name), installation))
        finally:
            admin.execute(repair)
        assert check in names, check
    assert is_healthy(run_checks(cluster.url(empty_database_name), installation))


@pytest.mark.parametrize(
    "grant", ["grant create on schema public to public", "grant execute on function lo_creat(integer) to public"]
)
def test_policy_bypass_is_reported_and_revoked_by_migrating(grant, cluster, empty_database_name, admin, installation):
    admin.execute(grant)
    assert failed(run_checks(cluster.url(empty_database_name), installation)) == {"No way to bypass the policies"}
    migrate(cluster.url(empty_database_name))
    results = run_checks(cluster.url(empty_database_name), installation)
    assert failed(results) == set()
    assert {result.state for result in results if "temporary" in result.check.en} == {CheckStatus.GOOD}


def test_extensions_of_the_postgis_image_are_no_fault(cluster, empty_database_name, admin, installation):
    """Its default database has these extensions, with tables granted to public and a search path."""
    for extension in ("postgis_topology", "fuzzystrmatch", "postgis_tiger_geocoder"):
        admin.execute(f"create extension {extension}")
    results = run_checks(cluster.url(empty_database_name), installation)
    assert is_healthy(results), [result.detail.en for result in results]
    migrate(cluster.url(empty_database_name))
    admin.execute("grant select on tiger.geocode_settings to cotmoc_partner")
    assert "No role has rights outside the schemas" in failed(
        run_checks(cluster.url(empty_database_name), installation)
    )


def test_fingerprint_is_renewed_for_another_server_version_but_not_for_a_manual_change(
    cluster, empty_database_name, admin, installation
):
    """Migrating does not accept a column changed by hand; another PostgreSQL version may print it differently."""
    admin.execute("alter table app.works alter column title drop not null")
    migrate(cluster.url(empty_database_name))
    (detail,) = [
        result.detail.en
        for result in run_checks(cluster.url(empty_database_name), installation)
        if result.state is CheckStatus.BAD
    ]
    assert "app.works.title text" in detail
    admin.execute("alter table app.works alter column title set not null")
    admin.execute("update app.structure set line = '14' where table_name = 'server'")
    admin.execute("update app.structure set line = line || ' ' where table_name = 'app.works'")
    migrate(cluster.url(empty_database_name))
    assert is_healthy(run_checks(cluster.url(empty_database_name), installation))


def test_settings_that_may_lose_writes_are_reported(cluster, empty_database_name, tmp_path):
    """The cluster of the tests does not flush to the disk."""
    durable = Installation(POLICY, tmp_path, "./cotmoc")
    assert failed(run_checks(cluster.url(empty_database_name), durable)) == {"Durable writes and data page checksums"}


def test_default_password_and_readable_key_file_are_reported(cluster, empty_database_name, tmp_path):
    key = tmp_path / "seal.key"
    key.write_text("x")
    key.chmod(0o644)
    careless = Installation(POLICY, tmp_path, "./cotmoc", (key,), {"cotmoc_reader": "cotmoc"}, durable=False)
    results = run_checks(cluster.url(empty_database_name), careless)
    assert failed(results) == {"No default password", "Only their owner can read the key files"}
    assert any(str(key) in result.detail.vi for result in results)


def test_journal_entry_in_the_future_is_a_fault_of_the_clock(cluster, empty_database_name, admin, installation):
    admin.execute("select set_config('cotmoc.actor', 'test', false)")
    admin.execute(
        "insert into app.journal (at, actor, table_name, feature_id, action)"
        " values (now() + interval '1 day', 'test', 'markers', gen_random_uuid(), 'insert')"
    )
    assert failed(run_checks(cluster.url(empty_database_name), installation)) == {"The clock"}


def test_anchor_that_differs_from_the_seals_is_reported(cluster, empty_database_name, admin, installation, tmp_path):
    sealer = Sealer(cluster.url(empty_database_name, SEALER_LOGIN), tmp_path, tmp_path / "anchor.jsonl", "./cotmoc")
    admin.execute("select set_config('cotmoc.actor', 'test', false)")
    admin.execute(
        "insert into app.journal (actor, table_name, feature_id, action) values ('x', 'y', gen_random_uuid(), 'z')"
    )
    sealer.seal()
    anchored = replace(installation, anchor=sealer.anchor)
    assert failed(run_checks(cluster.url(empty_database_name), anchored)) == set()
    sealer.anchor.write_text(sealer.anchor.read_text("utf-8").replace('"root": "', '"root": "00'), "utf-8")
    assert failed(run_checks(cluster.url(empty_database_name), anchored)) == {"The journal is sealed"}


def test_restored_copy_reports_the_lost_leakproof_mark(cluster, empty_database_name, admin, installation, tmp_path):
    """pg_dump keeps policies and grants, but not LEAKPROOF of PostGIS's functions; migrating restores it."""
    dump = tmp_path / "dump"
    tools = {"PGHOST": str(cluster.socket_dir), "PGUSER": "postgres", **os.environ}
    subprocess.run([cluster.binaries / "pg_dump", "-Fc", "-f", dump, empty_database_name], env=tools, check=True)
    restored = f"{empty_database_name}_restored"
    cluster.create_database(restored)
    subprocess.run([cluster.binaries / "pg_restore", "-d", restored, dump], env=tools, check=True)
    try:
        assert failed(run_checks(cluster.url(restored), installation)) == {"The spatial index works under row security"}
        migrate(cluster.url(restored))
        assert is_healthy(run_checks(cluster.url(restored), installation))
    finally:
        cluster.drop_database(restored)


def test_copy_restored_without_owners_and_grants_is_repaired_by_migrating(
    cluster, empty_database_name, admin, installation, tmp_path
):
    """As on a server without our roles: everything belongs to the user who restored it."""
    dump = tmp_path / "dump"
    tools = {"PGHOST": str(cluster.socket_dir), "PGUSER": "postgres", **os.environ}
    subprocess.run([cluster.binaries / "pg_dump", "-Fc", "-f", dump, empty_database_name], env=tools, check=True)
    restored = f"{empty_database_name}_bare"
    cluster.create_database(restored)
    restore = [cluster.binaries / "pg_restore", "--no-owner", "--no-privileges", "-d", restored, dump]
    subprocess.run(restore, env=tools, check=True)
    try:
        assert "Every object belongs to one owner that cannot log in" in failed(
            run_checks(cluster.url(restored), installation)
        )
        with pytest.raises(Unavailable, match=r"Run \./cotmoc migrate"):
            reconcile_with_journal(cluster.url(restored), "./cotmoc")
        migrate(cluster.url(restored))
        assert failed(run_checks(cluster.url(restored), installation)) == set()
        assert reconcile_with_journal(cluster.url(restored), "./cotmoc") is None
    finally:
        cluster.drop_database(restored)


def test_missing_role_is_named(cluster, empty_database_name, installation):
    ghost = Role("ghost", Text("Ma", "Ghost"), Level.PUBLIC)
    changed = replace(installation, policy=replace(POLICY, roles=(*POLICY.roles, ghost)))
    (detail,) = [
        result.detail.en
        for result in run_checks(cluster.url(empty_database_name), changed)
        if result.check.en == "Every role exists"
    ]
    assert detail.startswith("cotmoc_ghost;")


def test_undeclared_security_definer_function_is_revoked_by_migrating(
    cluster, empty_database_name, admin, installation
):
    """It belongs to the owner of the tables, so it reads what its caller may not."""
    admin.execute(
        "create function app.count_all() returns bigint language sql security definer set search_path = pg_catalog"
        " as 'select count(*) from app.incidents'"
    )
    admin.execute("alter function app.count_all() owner to cotmoc_owner")
    assert failed(run_checks(cluster.url(empty_database_name), installation)) == {"Hash of all grants and policies"}
    migrate(cluster.url(empty_database_name))
    query = "select prosecdef, has_function_privilege('cotmoc_public', oid, 'execute') from pg_proc"
    assert admin.execute(f"{query} where proname = 'count_all'").fetchone() == (False, False)
    admin.execute("drop function app.count_all()")
    migrate(cluster.url(empty_database_name))
    assert is_healthy(run_checks(cluster.url(empty_database_name), installation))
