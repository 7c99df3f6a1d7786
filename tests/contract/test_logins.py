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

BELONGING_TO_NOBODY = {"public.spatial_ref_sys", "public.geography_columns", "public.geometry_columns"}
"""PostGIS's own tables, which everybody reads and in which nothing of the house stands."""

OWN = {
    READER_LOGIN: {},
    WRITER_LOGIN: {},
    ACCOUNTS_LOGIN: dict.fromkeys(
        ("people", "appointments", "sign_ins", "recovery_codes", "tokens", "token_uses"), "insert select update"
    ),
    SEALER_LOGIN: {"journal": "select", "seals": "insert select"},
    PARTNER_LOGIN: {f"release.{one}": "select" for one in (*catalog, "manifests", "tombstones")},
}
"""What each login holds itself; where no schema is named, in the schema of the house."""

READING = "administrator committee office officer planner public shared system"
EDITING = "administrator office officer planner system"
MAY_BECOME = {
    READER_LOGIN: {f"cotmoc_{one}" for one in READING.split()},
    WRITER_LOGIN: {f"cotmoc_{one}" for one in READING.split()} | {f"cotmoc_{one}_edit" for one in EDITING.split()},
    ACCOUNTS_LOGIN: set(),
    SEALER_LOGIN: set(),
    PARTNER_LOGIN: set(),
}

OF_EVERY_LAYER = "id level position_source source version created_at updated_at retired_at"
SHARED = "shared_geom shared_address shared_chainage_m shared_accuracy_m"
OF_ITS_PAST = "valid action"
OF_A_LAYER = {
    "administrative_areas": "name kind parent valid_from valid_to successor note",
    "areas": "border name kind state",
    "crossings": "border name kind section state opened_on counterpart aliases note",
    "documents": "number issuer issued_on in_force_on kind title holder note",
    "gates": "border name counterpart counterpart_place category category_since mode stage province former_province"
    " commune aliases",
    "incidents": "border code category severity handling occurred_at description side unit",
    "lines": "border seq kind legal_status length_m licence attribution",
    "markers": "border number kind class condition built_by responsible_side inspected_on",
    "posts": "border section label condition",
    "sectors": "border section name unit demarcated",
    "tasks": "border title kind plan clause period lead_unit coordinating_units due_on responsibility product authority"
    " state waiting_on waiting_since progress done_on description seed_item imported",
    "units": "name short_name aliases kind side province parent valid_from valid_to successor",
    "works": "border title kind stage starts_on due_on done_on progress waiting_on waiting_since unit plan clause"
    " description seed_item suspended_from",
}
OF_A_PART = {
    "gate_categories": "id feature_id category valid_from valid_to document source created_at",
    "gate_events": "id feature_id kind on precision document note source created_at",
    "gate_plans": "id feature_id horizon category mode decision on source created_at",
    "marker_inspections": "id feature_id on condition created_at",
    "work_steps": "id feature_id ordinal code title_vi title_en due_on done_on document source created_at",
    "links": "id feature_id to_id role at border geom position_source created_at",
}
OF_THE_HOUSE = {
    "cell_changes": "id layer level assumed word features east north",
    "cells": "layer grid x y level assumed word features east north",
    "moves": "layer from_word to_word",
    "route_segments": "route n m0 m1 utm level",
    "routes": "name geom length_m level",
    "shared_places": "id layer label geom position_source",
}
READ_BELOW_THE_OFFICE = {
    **{name: f"{OF_EVERY_LAYER} {SHARED} shared_mercator {own}" for name, own in OF_A_LAYER.items()},
    **{f"{name}_history": f"{OF_EVERY_LAYER} {SHARED} {OF_ITS_PAST} {own}" for name, own in OF_A_LAYER.items()},
    **OF_A_PART,
    **{f"{name}_history": f"{own} since {OF_ITS_PAST}" for name, own in OF_A_PART.items()},
    **OF_THE_HOUSE,
}
"""Each table that a public reader, or the house with a partner's eyes, may read, with its columns."""

RELEASED = "recipient id release added_in version sha256 served_from served_to level position_source accuracy_m address"
RELEASED += " chainage_m source created_at updated_at shared_geom shared_mercator"
COMPUTED = {
    "crossings": "gate gate_id",
    "gates": "planned_2030 planned_2050 last_event next_event",
    "incidents": "open",
    "tasks": "urgency",
    "works": "procedure urgency",
}
READ_BY_PARTNERS = {
    **{f"release.{name}": f"{RELEASED} {own} {COMPUTED.get(name, '')}" for name, own in OF_A_LAYER.items()},
    "release.manifests": "release number recipient name published_at withdrawn_at manifest",
    "release.tombstones": "release id recipient layer added_in removed_in withdrawn",
}
"""Each table that the partners' login may read, with its columns; of each the rows of one recipient."""

OF_RELEASES = {"releases", "release_versions", "release_parts", "release_rows", "release_steps", "holdings"}
"""What those who share with others see beside: how each release was prepared, and what has gone to whom."""

PROCEDURE = "border ordinal code title_vi title_en by always notice_days source"
ANCHORS = "border number chainage_m accuracy_m source"

CHANGED_BY = {
    "officer": "incidents links marker_inspections markers replays counters",
    "planner": "areas crossings documents gate_categories gate_events gate_plans gates links marker_inspections markers"
    " posts tasks work_steps works replays counters",
    "office": "administrative_areas areas crossings documents gate_categories gate_events gate_plans gates incidents"
    " lines links marker_inspections markers posts sectors tasks units work_steps works replays counters"
    " loaded_steps marker_anchors procedure_steps route_segments routes",
}
CHANGED_BY |= {"system": CHANGED_BY["office"]}
CHANGED_BY |= dict.fromkeys(
    ("administrator", "office"), f"{CHANGED_BY['office']} releases release_versions release_parts release_rows"
)
ERASED = {
    "officer": "links marker_inspections replays",
    "planner": "gate_categories gate_events gate_plans links marker_inspections work_steps replays",
    "office": "gate_categories gate_events gate_plans links marker_inspections work_steps replays"
    " loaded_steps marker_anchors procedure_steps route_segments routes",
}
ERASED |= {"administrator": f"{ERASED['office']} release_parts", "system": ERASED["office"]}
ERASED["office"] = ERASED["administrator"]

CALLED = {
    "app.own_units()": {"officer", "officer_edit", "officer_own"},
    "app.own_stretch(text)": {"officer", "officer_edit", "officer_own"},
    "app.write_journal(text,uuid,text,jsonb,jsonb)": {"publisher"},
    "app.journal_read(text,uuid,text,jsonb)": {"writer"},
    "app.readings(timestamp with time zone,timestamp with time zone,text,text,bigint,integer)": {
        "administrator",
        "administrator_edit",
        "office",
        "office_edit",
    },
    "app.publish_release(uuid)": {"administrator_edit", "office_edit", "publisher"},
    "app.withdraw_release(uuid)": {"administrator_edit", "office_edit", "publisher"},
    "app.told_of(uuid)": {"publisher"},
    "app.label_of(uuid)": {"publisher"},
    "app.names_hidden_marker(text,text,app.level)": {"public", "shared", "publisher"},
}
"""The functions that act with their owner's rights, and who may call them."""


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


OWN_OF_A_LAYER = {
    **dict.fromkeys(OF_A_LAYER, "original created_by"),
    "markers": "original created_by remark",
    "sectors": "original created_by start_m end_m",
    "tasks": "original created_by person",
    "works": "original created_by cost_planned cost_approved cost_spent funding",
}
"""The fields that are told within the house alone, and to an officer of the own matters alone."""

OWN_OF_A_PART = {**dict.fromkeys(OF_A_PART, ""), "marker_inspections": "note", "work_steps": "note"}
WHO_AND_WHY = "actor reason request device_at"
WHERE_ASSUMED = "geom address chainage_m accuracy_m"


def read_within_the_house(*, scoped):
    """Each table that a post within the house reads, with its columns: a scoped one has the own matters in views."""
    results = {name: message for name, message in OF_THE_HOUSE.items() if name != "shared_places"}
    results |= {"places": OF_THE_HOUSE["shared_places"], "procedure_steps": PROCEDURE, "marker_anchors": ANCHORS}
    for name, own_value in OF_A_LAYER.items():
        shared = f"{OF_EVERY_LAYER} {SHARED} {WHERE_ASSUMED} {own_value}"
        beside = "" if scoped else OWN_OF_A_LAYER[name]
        results[name] = f"{shared} {beside} mercator shared_mercator"
        results[f"{name}_history"] = f"{shared} {beside} {OF_ITS_PAST} {'' if scoped else WHO_AND_WHY}"
        if scoped:
            results[f"{name}_own"] = f"id version {OWN_OF_A_LAYER[name]} {WHO_AND_WHY}"
    for name, shared in OF_A_PART.items():
        beside = "" if scoped else OWN_OF_A_PART[name]
        results[name] = f"{shared} {OWN_OF_A_PART[name] if name == 'links' else beside}"
        results[f"{name}_history"] = f"{shared} {beside} since {OF_ITS_PAST} {'' if scoped else WHO_AND_WHY}"
        if scoped and name != "links":
            results[f"{name}_own"] = f"id valid {OWN_OF_A_PART[name]} {WHO_AND_WHY}"
    if scoped:
        del results["cells"], results["cell_changes"]
    return results


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
    assert holdings == split(OWN[login])
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


EVERYBODYS = {"app.actor()", "app.plain(text)", "app.text_hash(text)", "app.content_hash(jsonb)"}
"""What is only arithmetic on what the caller brings along, or the caller's own name."""

OF_WHOM = {
    READER_LOGIN: EVERYBODYS,
    WRITER_LOGIN: EVERYBODYS | {"app.journal_read(text,uuid,text,jsonb)"},
    ACCOUNTS_LOGIN: EVERYBODYS,
    SEALER_LOGIN: EVERYBODYS,
    PARTNER_LOGIN: {"release.plain(text)"},
    **{f"cotmoc_{one}": EVERYBODYS for one in ("committee", "planner")},
    "cotmoc_public": EVERYBODYS | {"app.names_hidden_marker(text,text,app.level)"},
    **dict.fromkeys(
        ("cotmoc_office", "cotmoc_administrator"),
        EVERYBODYS | {one for one, who in CALLED.items() if "office" in who} | {"release.plain(text)"},
    ),
    "cotmoc_officer": EVERYBODYS | {"app.own_units()", "app.own_stretch(text)"},
    "cotmoc_shared": EVERYBODYS
    | {"app.names_hidden_marker(text,text,app.level)"}
    | {f"app.shared_{one}(uuid[],text[],integer)" for one in catalog},
}


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


TRICKS = [
    "select st_estimatedextent('app', 'areas', 'geom')",
    "select st_estimatedextent('app', 'areas', 'shared_geom', true)",
    "select _postgis_index_extent({areas}, 'geom')",
    "select _postgis_stats({areas}, 'geom')",
    "select _postgis_selectivity({areas}, 'geom', ST_MakeEnvelope(105, 11, 107, 12, 4326))",
    "select _postgis_join_selectivity({areas}, 'geom', {areas}, 'geom')",
    "select * from pg_statistic",
    "select * from pg_authid",
    "select * from pg_largeobject",
    "select lo_from_bytea(0, 'x')",
    "select lo_creat(-1)",
    "select lo_import('/etc/hostname')",
    "copy (select 1) to program 'id'",
    "copy app.areas from program 'id'",
    "copy (select 1) to '/tmp/cotmoc'",
    "select pg_read_file('/etc/hostname')",
    "select pg_ls_dir('.')",
    "select pg_stat_file('/etc/hostname')",
    "select pg_reload_conf()",
    "set role cotmoc_owner",
    "set role postgres",
    "set role cotmoc_door",
    "set session authorization postgres",
    "set session authorization cotmoc_sealer",
    "set session_replication_role = replica",
    "create table mine (a int)",
    "create table app.mine (a int)",
    "create temporary table mine (a int)",
    "create view app.mine as select 1",
    "create function mine() returns int language sql as 'select 1'",
    "create function pg_temp.mine() returns int language sql as 'select 1'",
    "create schema mine",
    "create extension dblink",
    "create role mine",
    "alter role current_user superuser",
    "alter table app.areas disable row level security",
    "alter table app.areas no force row level security",
    "drop policy see_public on app.areas",
    "alter function geometry_overlaps(geometry, geometry) leakproof",
    "truncate app.areas",
    "truncate app.journal cascade",
    "delete from app.areas",
    "delete from app.areas_history",
    "update app.journal set actor = 'x'",
    "insert into app.features (id, layer) values (gen_random_uuid(), 'areas')",
    "insert into app.seals default values returning *",
    "select app.write_journal('areas', gen_random_uuid(), 'x', null, null)",
    "select app.fold_cells()",
    "select nextval('app.journal_seq_seq')",
    "select setval('app.journal_seq_seq', 1)",
    "select last_value from app.journal_seq_seq",
    "select lo_export(1, '/tmp/cotmoc')",
    "select pg_read_binary_file('PG_VERSION')",
    "select * from pg_hba_file_rules",
    "select * from pg_file_settings",
    "select * from pg_shmem_allocations",
    "select * from pg_ls_logdir()",
    "select * from pg_ls_waldir()",
    "select * from pg_statistic_ext_data",
    "select * from pg_user_mapping",
    "select pg_switch_wal()",
    "select pg_stat_reset()",
    "alter system set log_statement = 'all'",
    "alter role cotmoc_owner login",
    "alter table app.areas owner to current_user",
    "alter function app.actor() owner to current_user",
    "reassign owned by cotmoc_owner to current_user",
    "grant cotmoc_owner to current_user",
    "do $$ begin lock table app.journal; end $$",
    "create trigger mine before insert on app.areas for each row execute function app.refuse_change()",
    "create rule mine as on update to app.areas do instead nothing",
    "create publication mine for all tables",
    "create foreign data wrapper mine",
    "create event trigger mine on ddl_command_start execute function app.refuse_change()",
    "load '/tmp/mine.so'",
    "set session_preload_libraries = 'mine'",
    "set dynamic_library_path = '/tmp'",
    "set allow_system_table_mods = on",
    "do $$ begin perform set_config('role', 'cotmoc_owner', false); end $$",
    "do $$ begin execute 'set role cotmoc_publisher'; end $$",
    "update pg_proc set prosecdef = true",
    "select AddGeometryColumn('app', 'areas', 'mine', 4326, 'POINT', 2)",
    "select DropGeometryTable('app', 'areas')",
    "select app.told_of(gen_random_uuid())",
    "select app.label_of(gen_random_uuid())",
    "select app.account_told('{}')",
    "select app.marker_names('1')",
    "set row_security = off; select * from app.areas",
    "select * from app.surface",
    "select * from app.features",
    "select * from app.alembic_version",
]
HANDS = [
    (READER_LOGIN, None),
    (READER_LOGIN, PUBLIC.role.read_role),
    (READER_LOGIN, OFFICE.role.read_role),
    (WRITER_LOGIN, OFFICER.write_role),
    (WRITER_LOGIN, OFFICE.role.write_role),
    (ACCOUNTS_LOGIN, None),
    (SEALER_LOGIN, None),
    (PARTNER_LOGIN, None),
]
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)


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
