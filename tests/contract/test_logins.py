"""What each login of the house can reach with psql in its hand, written down: a new grant anywhere fails here first.

The application's logins own nothing and inherit nothing; two of them may take the rights of a post, one at a time.
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
from tests.contract.catalogue_probes import HANDS, REFUSED, TRICKS
from tests.contract.expected_privileges import (
    BELONGING_TO_NOBODY,
    CALLED,
    CHANGED_BY,
    ERASED,
    MAY_BECOME,
    OF_A_LAYER,
    OF_A_PART,
    OF_RELEASES,
    OF_WHOM,
    OWN_PRIVILEGES,
    READ_BELOW_THE_OFFICE,
    READ_BY_PARTNERS,
    read_within_the_house,
)


@pytest.fixture(scope="module")
def database_name(cluster, migrated_template):
    """A migrated database with a crowd that nobody but the office may know of, measured by ANALYZE."""
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
    with psycopg.connect(host=str(cluster.socket_dir), dbname=database_name, user="postgres", autocommit=True) as item:
        yield item


def columns(admin, role, verb="select"):
    """Each relation of the house of which a role may select, insert or update a column, with these columns."""
    results = admin.execute(
        "select case c.relnamespace::regnamespace::text when 'app' then '' else c.relnamespace::regnamespace || '.' end"
        " || c.relname, array_agg(a.attname::text) from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relkind in ('r', 'v', 'm', 'p', 'f')"
        " and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')"
        " and has_schema_privilege(%(role)s, c.relnamespace, 'usage')"
        " and has_column_privilege(%(role)s, c.oid, a.attnum, %(verb)s) group by 1",
        {"role": role, "verb": verb},
    )
    return {name: set(message) for name, message in results if name not in BELONGING_TO_NOBODY}


def tables(admin, role, verb):
    results = admin.execute(
        "select c.relname from pg_class c where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'v')"
        " and has_table_privilege(%s, c.oid, %s)",
        [role, verb],
    )
    return {name for (name,) in results}


def split(message):
    return {name: set(names.split()) for name, names in message.items()}


@pytest.mark.parametrize("login", LOGINS)
def test_logins_hold_only_the_listed_privileges(login, admin):
    holdings = {}
    for verb in ("select", "insert", "update"):
        for name in columns(admin, login, verb):
            holdings.setdefault(name, set()).add(verb)
    assert holdings == split(OWN_PRIVILEGES[login])
    for verb in ("delete", "truncate", "references", "trigger"):
        assert tables(admin, login, verb) == set()
    become = admin.execute(
        "select r.rolname from pg_roles r where pg_has_role(%s, r.oid, 'member') and r.rolname <> %s", [login, login]
    )
    assert {name for (name,) in become} == MAY_BECOME[login]


@pytest.mark.parametrize("role", ["public", "shared"])
def test_columns_readable_below_the_office_are_listed(role, admin):
    assert columns(admin, f"cotmoc_{role}") == split(READ_BELOW_THE_OFFICE)


def test_columns_readable_by_partners_are_listed(admin):
    assert columns(admin, PARTNER_LOGIN) == split(READ_BY_PARTNERS)
    assert not admin.execute("select has_schema_privilege(%s, 'app', 'usage')", [PARTNER_LOGIN]).fetchone()[0]


@pytest.mark.parametrize("role", ["administrator", "office", "planner", "committee", "officer", "system"])
def test_columns_readable_internally_are_listed(role, admin):
    results = columns(admin, f"cotmoc_{role}")
    expected = split(read_within_the_house(scoped=role == "officer"))
    if role in ("administrator", "office"):
        assert OF_RELEASES | set(READ_BY_PARTNERS) <= set(results)
        results = {
            name: message for name, message in results.items() if name not in OF_RELEASES | set(READ_BY_PARTNERS)
        }
    if role in ("administrator", "office", "system"):
        expected["loaded_steps"] = {"name"}
    assert results == expected


def test_own_unit_rows_are_read_through_a_dedicated_role(admin):
    results = columns(admin, OFFICER.own_unit_role)
    views = {name: message for name, message in results.items() if name.endswith("_own")}
    assert {name.removesuffix("_own") for name in views} == set(OF_A_LAYER) | set(OF_A_PART) - {"links"}
    behind = {f"{name.removesuffix('_own')}_history": message for name, message in views.items()}
    assert results == {**views, **behind, **{name: {"id"} for name in OF_A_LAYER}}
    for verb in ("insert", "update"):  # but through its own views, of which the database lets nothing be changed
        assert not [name for name in columns(admin, OFFICER.own_unit_role, verb) if not name.endswith("_own")]


@pytest.mark.parametrize("role", ["administrator", "office", "planner", "officer", "system"])
def test_tables_writable_by_each_role_are_listed(role, admin):
    editing = f"cotmoc_{role}_edit"
    changed = columns(admin, editing, "insert") | columns(admin, editing, "update")
    assert set(changed) == set(CHANGED_BY[role].split())
    assert tables(admin, editing, "delete") == set(ERASED[role].split())
    for verb in ("truncate", "references", "trigger"):
        assert tables(admin, editing, verb) == set()
    for layer in set(catalog) & set(changed):
        assert (
            not {"id", "version", "created_by", "created_at", "updated_at"} & columns(admin, editing, "update")[layer]
        )


def test_officer_updates_marker_findings_and_creates_no_marker(admin):
    assert columns(admin, OFFICER.write_role, "update")["markers"] == {"condition", "inspected_on"}
    assert "markers" not in columns(admin, OFFICER.write_role, "insert")


def test_callers_of_security_definer_functions_are_listed(admin):
    results = admin.execute(
        "select p.oid::regprocedure::text, r.rolname from pg_proc p cross join pg_roles r"
        " where p.prosecdef and p.prorettype <> 'trigger'::regtype and r.rolname like 'cotmoc%'"
        " and r.rolname <> 'cotmoc_owner' and has_function_privilege(r.oid, p.oid, 'execute')"
    ).fetchall()
    called = {}
    for function, role in results:
        called.setdefault(function, set()).add(role.removeprefix("cotmoc_"))
    assert called == CALLED


@pytest.mark.parametrize("role", OF_WHOM)
def test_callable_functions_of_the_schema_are_listed(role, admin):
    results = admin.execute(
        "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname in ('app', 'release') and p.prorettype <> 'trigger'::regtype"
        " and has_schema_privilege(%(role)s, n.oid, 'usage') and has_function_privilege(%(role)s, p.oid, 'execute')",
        {"role": role},
    )
    assert {name for (name,) in results} == OF_WHOM[role]


def test_no_role_may_use_a_sequence(admin):
    results = admin.execute(
        "select s.seqrelid::regclass::text, r.rolname from pg_sequence s cross join pg_roles r"
        " where r.rolname like 'cotmoc%' and r.rolname <> 'cotmoc_owner'"
        " and has_sequence_privilege(r.oid, s.seqrelid, 'usage, select, update')"
    )
    assert results.fetchall() == []


@pytest.mark.parametrize(("login", "role"), HANDS, ids=str)
def test_catalogue_functions_give_no_role_extra_access(login, role, admin, connect):
    areas = admin.execute("select 'app.areas'::regclass::oid").fetchone()[0]
    raw = connect(login, role=role)
    if role is not None:
        raw.execute("select set_config('cotmoc.actor', 'x', false)")
    worked = []
    for trick in TRICKS:
        if trick.endswith(login) or (login == SEALER_LOGIN and "app.seals" in trick):
            continue  # what it is there for
        try:
            raw.execute(trick.replace("{areas}", str(areas)))
        except REFUSED:
            continue
        worked.append(trick)
    assert worked == []


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
    """Declared: whoever has a login's password sees row estimates. No door gives a login's SQL to anybody."""
    raw = connect(READER_LOGIN, role=PUBLIC.role.read_role)
    assert raw.execute("select reltuples from pg_class where oid = 'app.areas'::regclass").fetchone() == (300,)
    assert raw.execute("select count(*) from app.areas").fetchone() == (0,)
    assert raw.execute("select count(*) from pg_stats where schemaname = 'app'").fetchone() == (0,)
