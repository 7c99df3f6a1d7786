"""The doctor: what is wrong is found, each thing by itself, and a house in order passes."""

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
    "Views use the rights of whoever queries": (
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
    "No other function is marked as trusted": (
        "alter function st_intersects(geometry, geometry) leakproof",
        "alter function st_intersects(geometry, geometry) not leakproof",
    ),
    "No way to bypass the policies": (
        "grant usage on sequence app.journal_seq_seq to cotmoc_public",
        "revoke usage on sequence app.journal_seq_seq from cotmoc_public",
    ),
    "A partner reads what was released alone": (
        "grant select (id) on app.markers to cotmoc_partner",
        "revoke select (id) on app.markers from cotmoc_partner",
    ),
}
"""What somebody with the administrator's password may do to one database, and how it is undone."""

IN_THE_CLUSTER = {
    "No role bypasses the policies": (
        "alter role cotmoc_reader bypassrls",
        "alter role cotmoc_reader nobypassrls",
    ),
    "No role inherits an undeclared role": (
        "grant cotmoc_office_edit to cotmoc_reader",
        "revoke cotmoc_office_edit from cotmoc_reader",
    ),
    "Only the declared accounts can log in": ("alter role cotmoc_office login", "alter role cotmoc_office nologin"),
}


@pytest.fixture
def installation(tmp_path):
    return Installation(POLICY, tmp_path, durable=False)


@pytest.fixture
def admin(cluster, empty_database_name):
    with psycopg.connect(
        host=str(cluster.socket_dir), dbname=empty_database_name, user="postgres", autocommit=True
    ) as opened:
        yield opened


def bad(findings):
    return {finding.check.en for finding in findings if finding.state is CheckStatus.BAD}


def test_a_house_in_order_may_open(cluster, empty_database_name, installation):
    findings = run_checks(cluster.url(empty_database_name), installation)
    assert bad(findings) == set(), [one.detail.en for one in findings]
    assert is_healthy(findings)


def test_each_fault_is_found_and_named(cluster, empty_database_name, admin, installation):
    for check, (tampering, mending) in {**TAMPERINGS, **IN_THE_CLUSTER}.items():
        admin.execute(tampering)
        try:
            found = bad(run_checks(cluster.url(empty_database_name), installation))
        finally:
            admin.execute(mending)
        assert check in found, check
    assert is_healthy(run_checks(cluster.url(empty_database_name), installation))


@pytest.mark.parametrize(
    "opening", ["grant create on schema public to public", "grant execute on function lo_creat(integer) to public"]
)
def test_a_way_round_the_policies_is_found_and_migrating_closes_it(
    opening, cluster, empty_database_name, admin, installation
):
    admin.execute(opening)
    assert bad(run_checks(cluster.url(empty_database_name), installation)) == {"No way to bypass the policies"}
    migrate(cluster.url(empty_database_name))
    found = run_checks(cluster.url(empty_database_name), installation)
    assert bad(found) == set()
    assert {one.state for one in found if "temporary" in one.check.en} == {CheckStatus.GOOD}


def test_what_the_image_of_postgis_brings_along_is_no_fault(cluster, empty_database_name, admin, installation):
    """Its first database has these, and with them tables that everybody reads and a search path of its own."""
    for extension in ("postgis_topology", "fuzzystrmatch", "postgis_tiger_geocoder"):
        admin.execute(f"create extension {extension}")
    findings = run_checks(cluster.url(empty_database_name), installation)
    assert is_healthy(findings), [one.detail.en for one in findings]
    migrate(cluster.url(empty_database_name))
    admin.execute("grant select on tiger.geocode_settings to cotmoc_partner")
    assert "No role has rights outside the schemas" in bad(run_checks(cluster.url(empty_database_name), installation))


def test_structure_is_remembered_by_revisions_and_on_another_server_alone(
    cluster, empty_database_name, admin, installation
):
    """Whoever changes a column has not made it right by migrating; an upgraded server may write it otherwise."""
    admin.execute("alter table app.works alter column title drop not null")
    migrate(cluster.url(empty_database_name))
    (said,) = [
        one.detail.en
        for one in run_checks(cluster.url(empty_database_name), installation)
        if one.state is CheckStatus.BAD
    ]
    assert "app.works.title text" in said
    admin.execute("alter table app.works alter column title set not null")
    admin.execute("update app.structure set line = '14' where table_name = 'server'")
    admin.execute("update app.structure set line = line || ' ' where table_name = 'app.works'")
    migrate(cluster.url(empty_database_name))
    assert is_healthy(run_checks(cluster.url(empty_database_name), installation))


def test_writes_that_may_be_lost_are_found(cluster, empty_database_name, tmp_path):
    """The tests' own cluster is forgetful on purpose."""
    durable = Installation(POLICY, tmp_path)
    assert bad(run_checks(cluster.url(empty_database_name), durable)) == {"Durable writes, checksums of data pages"}


def test_default_and_open_secrets_are_found(cluster, empty_database_name, tmp_path):
    key = tmp_path / "seal.key"
    key.write_text("x")
    key.chmod(0o644)
    careless = Installation(POLICY, tmp_path, (key,), {"cotmoc_reader": "cotmoc"}, durable=False)
    findings = run_checks(cluster.url(empty_database_name), careless)
    assert bad(findings) == {"No default secret", "Only their owner can read the key files"}
    assert any(str(key) in finding.detail.vi for finding in findings)


def test_a_journal_from_the_future_speaks_of_a_wrong_clock(cluster, empty_database_name, admin, installation):
    admin.execute("select set_config('cotmoc.actor', 'test', false)")
    admin.execute(
        "insert into app.journal (at, actor, table_name, feature_id, action)"
        " values (now() + interval '1 day', 'test', 'markers', gen_random_uuid(), 'insert')"
    )
    assert bad(run_checks(cluster.url(empty_database_name), installation)) == {"The clock"}


def test_an_anchor_of_other_seals_is_found(cluster, empty_database_name, admin, installation, tmp_path):
    ours = Sealer(cluster.url(empty_database_name, SEALER_LOGIN), tmp_path, tmp_path / "anchor.jsonl")
    admin.execute("select set_config('cotmoc.actor', 'test', false)")
    admin.execute(
        "insert into app.journal (actor, table_name, feature_id, action) values ('x', 'y', gen_random_uuid(), 'z')"
    )
    ours.seal()
    anchored = replace(installation, anchor=ours.anchor)
    assert bad(run_checks(cluster.url(empty_database_name), anchored)) == set()
    ours.anchor.write_text(ours.anchor.read_text("utf-8").replace('"root": "', '"root": "00'), "utf-8")
    assert bad(run_checks(cluster.url(empty_database_name), anchored)) == {"The journal is sealed"}


def test_a_restored_copy_says_what_the_restore_has_lost(cluster, empty_database_name, admin, installation, tmp_path):
    """pg_dump keeps policies and grants, but not the mark that lets the index serve; migrating restores it."""
    dump = tmp_path / "dump"
    tools = {"PGHOST": str(cluster.socket_dir), "PGUSER": "postgres", **os.environ}
    subprocess.run([cluster.binaries / "pg_dump", "-Fc", "-f", dump, empty_database_name], env=tools, check=True)
    restored = f"{empty_database_name}_restored"
    cluster.create_database(restored)
    subprocess.run([cluster.binaries / "pg_restore", "-d", restored, dump], env=tools, check=True)
    try:
        assert bad(run_checks(cluster.url(restored), installation)) == {"The spatial index works under row security"}
        migrate(cluster.url(restored))
        assert is_healthy(run_checks(cluster.url(restored), installation))
    finally:
        cluster.drop_database(restored)


def test_a_copy_restored_without_owners_and_rights_is_made_whole_by_migrating(
    cluster, empty_database_name, admin, installation, tmp_path
):
    """So it comes where our roles did not stand yet: everything belongs to whoever restored it."""
    dump = tmp_path / "dump"
    tools = {"PGHOST": str(cluster.socket_dir), "PGUSER": "postgres", **os.environ}
    subprocess.run([cluster.binaries / "pg_dump", "-Fc", "-f", dump, empty_database_name], env=tools, check=True)
    restored = f"{empty_database_name}_bare"
    cluster.create_database(restored)
    restore = [cluster.binaries / "pg_restore", "--no-owner", "--no-privileges", "-d", restored, dump]
    subprocess.run(restore, env=tools, check=True)
    try:
        assert "Every object belongs to one owner that cannot log in" in bad(
            run_checks(cluster.url(restored), installation)
        )
        with pytest.raises(Unavailable, match=r"Run \./cotmoc migrate"):
            reconcile_with_journal(cluster.url(restored))
        migrate(cluster.url(restored))
        assert bad(run_checks(cluster.url(restored), installation)) == set()
        assert reconcile_with_journal(cluster.url(restored)) is None
    finally:
        cluster.drop_database(restored)


def test_a_role_that_is_missing_is_named(cluster, empty_database_name, installation):
    ghost = Role("ghost", Text("Ma", "Ghost"), Level.PUBLIC)
    haunted = replace(installation, policy=replace(POLICY, roles=(*POLICY.roles, ghost)))
    (said,) = [
        one.detail.en
        for one in run_checks(cluster.url(empty_database_name), haunted)
        if one.check.en == "Every role is there"
    ]
    assert said.startswith("cotmoc_ghost;")


def test_a_function_of_somebodys_own_is_nobodys_after_migrating(cluster, empty_database_name, admin, installation):
    """It was put beside ours, in our owner's name, and read what its caller may not."""
    admin.execute(
        "create function app.peep() returns bigint language sql security definer set search_path = pg_catalog"
        " as 'select count(*) from app.incidents'"
    )
    admin.execute("alter function app.peep() owner to cotmoc_owner")
    assert bad(run_checks(cluster.url(empty_database_name), installation)) == {"Hash of all grants and policies"}
    migrate(cluster.url(empty_database_name))
    open_to = "select prosecdef, has_function_privilege('cotmoc_public', oid, 'execute') from pg_proc"
    assert admin.execute(f"{open_to} where proname = 'peep'").fetchone() == (False, False)
    admin.execute("drop function app.peep()")
    migrate(cluster.url(empty_database_name))
    assert is_healthy(run_checks(cluster.url(empty_database_name), installation))
