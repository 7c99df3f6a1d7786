"""Privileges of each login and role are exactly those in ``expected_privileges``, so that a new grant fails here.

The application's logins own nothing and inherit nothing; the reader and the writer may ``set role``.
"""

import psycopg
import pytest
from psycopg import sql

from api.cli.migrate import migrate
from gis.db.refusals import NO_ACTOR
from gis.db.session import ACCOUNTS_LOGIN, LOGINS, PARTNER_LOGIN, READER_LOGIN, SEALER_LOGIN, WRITER_LOGIN
from gis.model.children import unjournalled_tables
from gis.model.layer import catalog
from layers.policy import OFFICE, OFFICER, PUBLIC
from tests.contract.catalogue_probes import LOGINS_AND_ROLES, PROBES, REFUSED
from tests.contract.expected_privileges import (
    CALLABLE_BY,
    CHILD_COLUMNS,
    DELETABLE_BY,
    LAYER_COLUMNS,
    LOGIN_PRIVILEGES,
    MEMBER_OF,
    POSTGIS_TABLES,
    READ_BELOW_INTERNAL,
    READ_BY_PARTNERS,
    RELEASE_TABLES,
    SECURITY_DEFINER_CALLERS,
    WRITABLE_BY,
    internal_columns,
)


@pytest.fixture(scope="module")
def database_name(cluster, migrated_template):
    """A migrated database with 300 restricted areas and their ANALYZE statistics."""
    cluster.create_database("logins", template=migrated_template)
    migrate(cluster.url("logins"))
    with psycopg.connect(host=str(cluster.socket_dir), dbname="logins", user="postgres", autocommit=True) as admin:
        admin.execute("select set_config('cotmoc.actor', 'x', false)")
        admin.execute(
            "insert into app.areas (id, level, name, kind, state, position_source, geom) select gen_random_uuid(),"
            " 'restricted', 'ẩn', 'belt', 'proposed', 'gps', ST_SetSRID(ST_MakePoint(105.9 + n * 0.001, 11.6), 4326)"
            " from generate_series(1, 300) n"
        )
        admin.execute("analyze app.areas")
    yield "logins"
    cluster.drop_database("logins")


@pytest.fixture(scope="module")
def admin(cluster, database_name):
    with psycopg.connect(
        host=str(cluster.socket_dir), dbname=database_name, user="postgres", autocommit=True
    ) as connection:
        yield connection


def columns(admin, role, verb="select"):
    """The columns that a role may select, insert or update, by relation."""
    rows = admin.execute(
        "select case c.relnamespace::regnamespace::text when 'app' then '' else c.relnamespace::regnamespace || '.' end"
        " || c.relname, array_agg(a.attname::text) from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relkind in ('r', 'v', 'm', 'p', 'f')"
        " and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')"
        " and has_schema_privilege(%(role)s, c.relnamespace, 'usage')"
        " and has_column_privilege(%(role)s, c.oid, a.attnum, %(verb)s) group by 1",
        {"role": role, "verb": verb},
    )
    return {name: set(columns) for name, columns in rows if name not in POSTGIS_TABLES}


def tables(admin, role, verb):
    rows = admin.execute(
        "select c.relname from pg_class c where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'v')"
        " and has_table_privilege(%s, c.oid, %s)",
        [role, verb],
    )
    return {name for (name,) in rows}


def split(columns_by_table):
    return {name: set(names.split()) for name, names in columns_by_table.items()}


@pytest.mark.parametrize("login", LOGINS)
def test_logins_hold_only_the_listed_privileges(login, admin):
    privileges = {}
    for verb in ("select", "insert", "update"):
        for name in columns(admin, login, verb):
            privileges.setdefault(name, set()).add(verb)
    assert privileges == split(LOGIN_PRIVILEGES[login])
    for verb in ("delete", "truncate", "references", "trigger"):
        assert tables(admin, login, verb) == set()
    member_of = admin.execute(
        "select r.rolname from pg_roles r where pg_has_role(%s, r.oid, 'member') and r.rolname <> %s", [login, login]
    )
    assert {name for (name,) in member_of} == MEMBER_OF[login]


@pytest.mark.parametrize("role", ["public", "shared"])
def test_columns_readable_below_internal_are_listed(role, admin):
    assert columns(admin, f"cotmoc_{role}") == split(READ_BELOW_INTERNAL)


def test_columns_readable_by_partners_are_listed(admin):
    assert columns(admin, PARTNER_LOGIN) == split(READ_BY_PARTNERS)
    assert not admin.execute("select has_schema_privilege(%s, 'app', 'usage')", [PARTNER_LOGIN]).fetchone()[0]


@pytest.mark.parametrize("role", ["administrator", "office", "planner", "committee", "officer", "system"])
def test_columns_readable_internally_are_listed(role, admin):
    readable = columns(admin, f"cotmoc_{role}")
    expected = split(internal_columns(scoped=role == "officer"))
    if role in ("administrator", "office"):
        assert RELEASE_TABLES | set(READ_BY_PARTNERS) <= set(readable)
        readable = {
            name: columns for name, columns in readable.items() if name not in RELEASE_TABLES | set(READ_BY_PARTNERS)
        }
    if role in ("administrator", "office", "system"):
        expected["loaded_steps"] = {"name"}
    assert readable == expected


def test_own_unit_rows_are_read_through_a_dedicated_role(admin):
    readable = columns(admin, OFFICER.own_unit_role)
    views = {name: columns for name, columns in readable.items() if name.endswith("_own")}
    assert {name.removesuffix("_own") for name in views} == set(LAYER_COLUMNS) | set(CHILD_COLUMNS) - {"links"}
    histories = {f"{name.removesuffix('_own')}_history": columns for name, columns in views.items()}
    assert readable == {**views, **histories, **{name: {"id"} for name in LAYER_COLUMNS}}
    for verb in ("insert", "update"):  # the _own views are not updatable
        assert not [name for name in columns(admin, OFFICER.own_unit_role, verb) if not name.endswith("_own")]


@pytest.mark.parametrize("role", ["administrator", "office", "planner", "officer", "system"])
def test_tables_writable_by_each_role_are_listed(role, admin):
    editing = f"cotmoc_{role}_edit"
    writable = columns(admin, editing, "insert") | columns(admin, editing, "update")
    assert set(writable) == set(WRITABLE_BY[role].split())
    assert tables(admin, editing, "delete") == set(DELETABLE_BY[role].split())
    for verb in ("truncate", "references", "trigger"):
        assert tables(admin, editing, verb) == set()
    for layer in set(catalog) & set(writable):
        assert (
            not {"id", "version", "created_by", "created_at", "updated_at"} & columns(admin, editing, "update")[layer]
        )


def test_officer_updates_condition_and_inspection_date_of_markers_only(admin):
    assert columns(admin, OFFICER.write_role, "update")["markers"] == {"condition", "inspected_on"}
    assert "markers" not in columns(admin, OFFICER.write_role, "insert")


def test_callers_of_security_definer_functions_are_listed(admin):
    rows = admin.execute(
        "select p.oid::regprocedure::text, r.rolname from pg_proc p cross join pg_roles r"
        " where p.prosecdef and p.prorettype <> 'trigger'::regtype and r.rolname like 'cotmoc%'"
        " and r.rolname <> 'cotmoc_owner' and has_function_privilege(r.oid, p.oid, 'execute')"
    ).fetchall()
    called = {}
    for function, role in rows:
        called.setdefault(function, set()).add(role.removeprefix("cotmoc_"))
    assert called == SECURITY_DEFINER_CALLERS


@pytest.mark.parametrize("role", CALLABLE_BY)
def test_callable_functions_of_the_schema_are_listed(role, admin):
    rows = admin.execute(
        "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname in ('app', 'release') and p.prorettype <> 'trigger'::regtype"
        " and has_schema_privilege(%(role)s, n.oid, 'usage') and has_function_privilege(%(role)s, p.oid, 'execute')",
        {"role": role},
    )
    assert {name for (name,) in rows} == CALLABLE_BY[role]


def test_no_role_may_use_a_sequence(admin):
    rows = admin.execute(
        "select s.seqrelid::regclass::text, r.rolname from pg_sequence s cross join pg_roles r"
        " where r.rolname like 'cotmoc%' and r.rolname <> 'cotmoc_owner'"
        " and has_sequence_privilege(r.oid, s.seqrelid, 'usage, select, update')"
    )
    assert rows.fetchall() == []


@pytest.mark.parametrize(("login", "role"), LOGINS_AND_ROLES, ids=str)
def test_catalogue_probes_are_refused_to_every_login_and_role(login, role, admin, connect):
    areas = admin.execute("select 'app.areas'::regclass::oid").fetchone()[0]
    raw = connect(login, role=role)
    if role is not None:
        raw.execute("select set_config('cotmoc.actor', 'x', false)")
    succeeded = []
    for probe in PROBES:
        if probe.endswith(login) or (login == SEALER_LOGIN and "app.seals" in probe):
            continue  # the purpose of this login
        try:
            raw.execute(probe.replace("{areas}", str(areas)))
        except REFUSED:
            continue
        succeeded.append(probe)
    assert succeeded == []


@pytest.mark.parametrize(
    "table", ["counters", *(name for name, item in unjournalled_tables.items() if item.read_level is not None)]
)
def test_tables_without_journal_trigger_need_an_actor_too(table, connect):
    raw = connect(WRITER_LOGIN, role=OFFICE.role.write_role)
    for actor, state in (("", NO_ACTOR), ("lan", "23502")):
        raw.execute("select set_config('cotmoc.actor', %s, false)", [actor])
        with pytest.raises(psycopg.Error) as refused:
            raw.execute(sql.SQL("insert into {} default values").format(sql.Identifier("app", table)))
        assert refused.value.sqlstate == state


@pytest.mark.parametrize("login", [ACCOUNTS_LOGIN, SEALER_LOGIN, PARTNER_LOGIN])
def test_single_purpose_logins_read_no_layer(login, connect):
    raw = connect(login)
    for layer in catalog:
        for table in (layer, f"{layer}_history"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(sql.SQL("select 1 from {}").format(sql.Identifier("app", table)))


def test_catalogues_reveal_row_counts_at_most(connect):
    """A known limit: SQL as a login shows row estimates of hidden tables. No route executes a client's SQL."""
    raw = connect(READER_LOGIN, role=PUBLIC.role.read_role)
    assert raw.execute("select reltuples from pg_class where oid = 'app.areas'::regclass").fetchone() == (300,)
    assert raw.execute("select count(*) from app.areas").fetchone() == (0,)
    assert raw.execute("select count(*) from pg_stats where schemaname = 'app'").fetchone() == (0,)
