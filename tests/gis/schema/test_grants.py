"""Grants, row policies, triggers and functions: each tampering is reported, and a migration reverts it."""

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from api.cli.migrate import migrate
from gis.model.children import child_tables
from gis.model.fields import Level
from gis.model.layer import catalog
from gis.schema.apply import security_drift
from layers.policy import OFFICER, POLICY

TAMPERINGS = {
    "policy dropped": "drop policy see_shared on app.markers",
    "policy added": "create policy loophole on app.markers for select to cotmoc_public using (true)",
    "policy widened": "alter policy see_public on app.markers using (true)",
    "row security lifted": "alter table app.markers disable row level security",
    "force lifted": "alter table app.incidents no force row level security",
    "column granted": "grant select (geom) on app.markers to cotmoc_shared",
    "table granted": "grant select on app.markers to cotmoc_public",
    "journal granted": "grant select on app.journal to cotmoc_office",
    "granted to public": "grant select on app.incidents to public",
    "granted to the login": "grant update on app.incidents_history to cotmoc_writer",
    "trigger disabled": "alter table app.works disable trigger remember",
    "trigger dropped": "drop trigger stamp on app.tasks",
    "truncate allowed": "drop trigger no_truncate on app.journal",
    "function replaced": "create or replace function app.actor() returns text language sql as"
    " $$ select 'nobody'::text $$",
    "move added": "insert into app.moves values ('incidents', 'reported', 'closed')",
    "journal function opened": "grant execute on function app.write_journal to cotmoc_public",
    "view opened": "alter view app.places set (security_invoker = false)",
    "snapshot opened": "create policy loophole on release.markers for select to cotmoc_partner using (true)",
    "row security of a snapshot lifted": "alter table release.works disable row level security",
    "publication bypassed": "grant insert, delete on release.markers to cotmoc_office_edit",
    "schema granted to partners": "grant usage on schema app to cotmoc_partner",
    "publisher widened": "grant select on app.incidents to cotmoc_publisher",
    "sequence granted": "grant usage on sequence app.journal_seq_seq to cotmoc_public",
    "trigger for the second person dropped": "drop trigger stamp on app.release_versions",
}

STANDING = """
select (select count(*) from pg_policies where schemaname in ('app', 'release')),
    (select md5(string_agg(format('%s %s %s %s %s', tablename, policyname, roles, qual, with_check), ''
        order by schemaname, tablename, policyname)) from pg_policies where schemaname in ('app', 'release')),
    (select md5(string_agg(format('%s %s %s %s', relname, relrowsecurity, relforcerowsecurity, reloptions), '' order by
        oid::regclass::text)) from pg_class
        where relnamespace::regnamespace::text in ('app', 'release') and relkind in ('r', 'v')),
    (select md5(string_agg(format('%s %s %s', attrelid::regclass, attname,
        (select array_agg(a order by a::text) from unnest(attacl) a)), '' order by attrelid::regclass::text, attname))
        from pg_attribute where attacl is not null and attrelid in
        (select oid from pg_class where relnamespace::regnamespace::text in ('app', 'release'))),
    (select md5(string_agg(format('%s %s %s', table_name, grantee, privilege_type), ''
        order by table_schema, table_name, grantee, privilege_type)) from information_schema.role_table_grants
        where table_schema in ('app', 'release')),
    (select md5(string_agg(format('%s %s %s', tgrelid::regclass, tgname, tgenabled), ''
        order by tgrelid::regclass::text, tgname)) from pg_trigger where not tgisinternal and tgrelid in
        (select oid from pg_class where relnamespace::regnamespace::text in ('app', 'release'))),
    (select md5(string_agg(pg_get_functiondef(oid), '' order by oid::regprocedure::text)) from pg_proc
        where pronamespace::regnamespace::text in ('app', 'release') and prokind = 'f'),
    (select md5(string_agg(format('%s %s', proname,
        (select array_agg(a order by a::text) from unnest(proacl) a)), '' order by oid::regprocedure::text))
        from pg_proc where pronamespace::regnamespace::text in ('app', 'release')),
    (select array_agg(n.nspname || a order by n.nspname || a) from pg_namespace n, unnest(n.nspacl) a
        where n.nspname in ('app', 'release')),
    (select count(*) from app.moves),
    (select array_agg(oid::regclass || ' ' || array_to_string(relacl, ',') order by oid::regclass::text) from pg_class
        where relkind = 'S' and relnamespace::regnamespace::text = 'app' and relacl is not null
        and exists (select from unnest(relacl) a where a::text !~ '^cotmoc_owner='))
"""
"""Hashes of all that grants access, read from the catalogue independently of ``gis.schema``."""


@pytest.fixture
def admin(cluster, empty_database_name):
    """A superuser's connection."""
    with psycopg.connect(
        host=str(cluster.socket_dir), dbname=empty_database_name, user="postgres", autocommit=True
    ) as connection:
        yield connection


def test_each_tampering_is_reported(cluster, empty_database_name):
    engine = create_engine(cluster.url(empty_database_name), poolclass=NullPool)
    with engine.connect() as administrator:
        connection = administrator.connection.driver_connection
        before = connection.execute(STANDING).fetchone()
        assert security_drift(administrator, POLICY) == []
        for name, tampering in TAMPERINGS.items():
            with connection.transaction(force_rollback=True):
                connection.execute(tampering)
                assert connection.execute(STANDING).fetchone() != before, name
                assert security_drift(administrator, POLICY) == ["catalogue"], name
        assert security_drift(administrator, POLICY) == []


def test_migration_reverts_every_tampering(cluster, empty_database_name, admin):
    before = admin.execute(STANDING).fetchone()
    for tampering in TAMPERINGS.values():
        admin.execute(tampering)
    assert admin.execute(STANDING).fetchone() != before
    migrate(cluster.url(empty_database_name))
    assert admin.execute(STANDING).fetchone() == before


def test_a_second_migration_changes_nothing(cluster, empty_database_name, admin):
    def state():
        rows = admin.execute("select xmin::text, rendered, standing from app.surface").fetchall()
        tables = admin.execute(
            "select relname, xmin::text from pg_class where relnamespace = 'app'::regnamespace order by relname"
        ).fetchall()
        return rows, tables

    before = state()
    migrate(cluster.url(empty_database_name))
    assert state() == before


def test_no_role_bypasses_row_security(admin):
    free = admin.execute(
        "select rolname from pg_roles where rolname like 'cotmoc%' and (rolbypassrls or rolsuper or rolcreaterole"
        " or rolcreatedb)"
    ).fetchall()
    assert free == []
    inherit = admin.execute("select rolname from pg_roles where rolname like 'cotmoc%' and rolcanlogin and rolinherit")
    assert inherit.fetchall() == []
    owned = admin.execute(
        "select distinct tableowner from pg_tables where schemaname = 'app' union"
        " select distinct viewowner from pg_views where schemaname = 'app' and viewname !~ '_own$'"
    ).fetchall()
    assert owned == [("cotmoc_owner",)]


def test_every_granted_table_has_row_security(admin):
    readable = admin.execute(
        "select c.relname from pg_class c where c.relnamespace = 'app'::regnamespace and c.relkind = 'r'"
        " and not c.relrowsecurity and exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)"
    ).fetchall()
    assert readable == []


def test_views_run_with_the_rights_of_their_reader(admin):
    views = admin.execute(
        "select relname, relowner::regrole::text from pg_class where relnamespace = 'app'::regnamespace"
        " and relkind = 'v' and not coalesce(reloptions, '{}') @> array['security_invoker=true']"
    )
    # The own-unit views of officers run with the rights of a role to which row security applies too.
    owners = dict(views.fetchall())
    assert set(owners) == {f"{name}_own" for name in (*catalog, *child_tables)}
    assert set(owners.values()) == {OFFICER.own_unit_role}


def test_logins_and_public_and_office_roles_cannot_create_objects(admin):
    for role in ("cotmoc_reader", "cotmoc_writer", "cotmoc_public", "cotmoc_office_edit"):
        assert admin.execute("select has_schema_privilege(%s, 'app', 'create')", [role]).fetchone() == (False,)
        assert admin.execute("select has_schema_privilege(%s, 'public', 'create')", [role]).fetchone() == (False,)


def test_st_estimatedextent_is_not_granted(cluster, empty_database_name):
    with psycopg.connect(
        host=str(cluster.socket_dir), dbname=empty_database_name, user="cotmoc_reader", autocommit=True
    ) as connection:
        connection.execute("set role cotmoc_public")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select st_estimatedextent('app', 'markers', 'geom')")


def test_reader_may_read_the_levels_up_to_their_own():
    for reader in Level:
        readable = [level for level in Level if reader.may_read(level)]
        assert readable == list(Level)[: list(Level).index(reader) + 1]


@pytest.mark.parametrize("role", [role for role in POLICY.roles if not role.edits], ids=lambda role: role.name)
def test_reading_roles_cannot_update(role, cluster, empty_database_name):
    with psycopg.connect(
        host=str(cluster.socket_dir), dbname=empty_database_name, user="cotmoc_writer", autocommit=True
    ) as connection:
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(role.read_role)))
        connection.execute("select set_config('cotmoc.actor', 'x', false)")
        for layer in catalog:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL("update {} set source = 'x'").format(sql.Identifier("app", layer)))


OVERLOADS = [
    "function app.journal_read(text, text, text, text) returns void language sql as ''",
    "function app.write_journal(text, uuid, text, jsonb, text) returns bigint language sql as 'select 0::bigint'",
    "function app.own_units(integer) returns text[] language sql as 'select null::text[]'",
    "function app.names_hidden_marker(text, text, text) returns boolean language sql as 'select false'",
    "function app.label_of(text) returns text language sql security definer as 'select $1'",
    "function app.readings(text) returns text language sql security definer as 'select $1'",
    "function app.shared_markers(uuid) returns uuid language sql as 'select $1'",
    "function app.plain(text, text) returns text language sql as 'select $1'",
    "function release.plain(text, text) returns text language sql as 'select $1'",
    "procedure app.actor(text) language sql security definer as ''",
]


def test_migration_disarms_overloads_of_our_functions(cluster, empty_database_name, admin):
    before = admin.execute(STANDING).fetchone()
    known = {oid for (oid,) in admin.execute("select oid from pg_proc")}
    for overload in OVERLOADS:
        admin.execute(f"create {overload}")
    admin.execute("grant execute on routine app.actor(text), app.readings(text) to cotmoc_public")
    migrate(cluster.url(empty_database_name))
    planted = admin.execute(
        "select p.oid::regprocedure::text, p.prosecdef,"
        " array(select a.grantee::regrole::text from aclexplode(p.proacl) a)"
        " from pg_proc p where p.oid <> all(%s) and p.pronamespace::regnamespace::text in ('app', 'release')",
        [list(known)],
    ).fetchall()
    assert len(planted) == len(OVERLOADS)
    for signature, runs_as_owner, grantees in planted:
        assert "_foreign_" in signature
        assert not runs_as_owner, signature
        assert grantees == ["cotmoc_owner"], signature
        admin.execute(f"drop routine {signature}")
    assert admin.execute(STANDING).fetchone() == before
