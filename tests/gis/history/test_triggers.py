"""The journal and the history tables: what the triggers record, and that nothing changes it."""

import datetime as dt
import json

import psycopg
import pytest
from sqlalchemy import text

from gis.db.actors import Actor
from gis.db.reader import result_of
from gis.db.session import LOGINS, READER_LOGIN, WRITER_LOGIN, AccessLogEntry
from gis.model.as_of import AS_OF, set_as_of
from gis.model.children import child_tables
from gis.model.layer import catalog
from gis.model.links import create_link, delete_link
from gis.model.query import select_sql
from gis.model.row import Row
from gis.read import pages
from gis.read.child_rows import child_rows
from gis.read.links import links_of
from gis.read.selection import Selection
from gis.text.dates import today
from gis.write.commands import retire
from layers.gates import GateEvent
from layers.policy import COMMITTEE, OFFICE, PLANNER, POLICY
from tests.factories import put

HISTORY_TABLES = [f"{name}_history" for name in (*catalog, *child_tables, "links")]
TABLES = ["journal", "features", *HISTORY_TABLES]


@pytest.mark.parametrize("table", TABLES)
def test_writing_roles_cannot_write_history_or_read_the_journal(table, connect):
    for role in POLICY.roles:
        if not role.edits:
            continue
        raw = connect(WRITER_LOGIN, role=role.write_role)
        raw.execute("select set_config('cotmoc.actor', 'x', false)")
        statements = [
            f"delete from app.{table}",
            f"truncate app.{table} cascade",
            f"insert into app.{table} default values",
        ]
        if table in ("journal", "features"):
            statements.append(f"select 1 from app.{table}")
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement)


@pytest.mark.parametrize(
    "statement", ["update app.journal set actor = 'x'", "delete from app.journal", "truncate app.journal"]
)
def test_owner_and_superuser_cannot_change_the_journal(statement, database, connect):
    with database.transaction(OFFICE, write=True) as session:
        put(session, catalog["areas"])
    for role in ("cotmoc_owner", "postgres"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect(role=role).execute(statement)


@pytest.mark.parametrize("table", ["markers", "incidents_history", "gate_events", "links"])
def test_superuser_cannot_truncate_tables(table, connect):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect().execute(f"truncate app.{table} cascade")


def test_writing_roles_cannot_write_journal_entries(connect):
    raw = connect(WRITER_LOGIN, role=OFFICE.role.write_role)
    raw.execute("select set_config('cotmoc.actor', 'x', false)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute("select app.write_journal('x', gen_random_uuid(), 'insert', null, null)")


def test_version_times_and_author_cannot_be_set(database, connect):
    raw = connect(WRITER_LOGIN, role=OFFICE.role.write_role)
    raw.execute("select set_config('cotmoc.actor', 'x', false)")
    for column, value in (("created_by", "'boss'"), ("version", "9"), ("created_at", "now()"), ("updated_at", "now()")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(
                f"insert into app.areas (id, name, kind, {column}) values (gen_random_uuid(), 'x', 'belt', {value})"
            )


def test_bulk_update_is_journalled_row_by_row(database, connect):
    with database.transaction(OFFICE, write=True) as session:
        rows = [put(session, catalog["areas"], name="hàng loạt").id for _ in range(5)]
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'bulk', false)")
    admin.execute("update app.areas set source = 'một lệnh' where name = 'hàng loạt'")
    entries = admin.execute(
        "select count(*) from app.journal where actor = 'bulk' and action = 'update' and feature_id = any(%s)", [rows]
    )
    assert entries.fetchone() == (5,)


def test_child_rows_and_links_are_journalled_under_their_feature(client, connect):
    from tests.factories import create, task

    gate = create(client, "gates", name="Cửa khẩu thử", border="VN-KH")
    client.post(
        f"/ogc/collections/gates/items/{gate['id']}/events", json={"kind": "note", "on": "2026-01-01", "note": "x"}
    )
    task_feature = task(client)
    link = client.post(
        f"/ogc/collections/tasks/items/{task_feature['id']}/links", json={"to": gate["id"], "role": "gate"}
    ).json()
    client.delete(f"/ogc/collections/tasks/items/{task_feature['id']}/links/{link['link']}")
    entries = connect().execute(
        "select table_name, action, actor from app.journal where feature_id = any(%s) and table_name in"
        " ('gate_events', 'links') order by seq",
        [[gate["id"], task_feature["id"]]],
    )
    assert entries.fetchall() == [
        ("gate_events", "insert", "office"), ("links", "insert", "office"), ("links", "delete", "office"),
    ]  # fmt: skip


def test_child_row_history_has_actor_reason_request_and_device_time(client, connect):
    from tests.factories import work

    repair = work(client)
    url = f"/ogc/collections/works/items/{repair['id']}/steps"
    step = client.get(url).json()["steps"][0]["code"]
    for document in ("CV 1", "CV 2"):
        body = {"code": step, "on": "2026-11-01", "document": document, "reason": f"theo {document}"}
        answer = client.post(url, json=body, headers={"X-Device-At": "2026-11-01T08:00:00+07:00"})
    history = connect().execute(
        "select document, action, actor, reason, request is not null, device_at, upper_inf(valid),"
        " lower(valid) = lag(upper(valid)) over (order by lower(valid)) from app.work_steps_history"
        " where feature_id = %s and code = %s order by lower(valid)",
        [repair["id"], step],
    )
    at = "2026-11-01T08:00:00+07:00"
    assert history.fetchall() == [
        (None, "insert", "office", None, True, None, False, None),
        ("CV 1", "update", "office", "theo CV 1", True, at, False, True),
        ("CV 2", "update", "office", "theo CV 2", True, at, True, True),
    ]
    assert answer.headers["x-request-id"] == connect().execute(
        "select request from app.work_steps_history where feature_id = %s and document = 'CV 2'", [repair["id"]]
    ).fetchone()[0]  # fmt: skip


def test_external_roles_cannot_read_actor_or_reason_of_history(connect):
    for role in POLICY.roles:
        if role.level.sees_assumed_positions:
            continue
        raw = connect(WRITER_LOGIN, role=role.read_role)
        for table in HISTORY_TABLES:
            raw.execute(f"select action, valid from app.{table} limit 1")
            for column in ("actor", "reason", "request", "device_at"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    raw.execute(f"select {column} from app.{table} limit 1")


def test_access_is_journalled_by_the_writer_login_with_an_actor_only(connect):
    call = "select app.journal_read('markers', null, %s, '{}')"
    for login in LOGINS:
        raw = connect(login)
        raw.execute("select set_config('cotmoc.actor', 'x', false)")
        if login == WRITER_LOGIN:
            raw.execute(call, ["read"])
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                raw.execute(call, ["update"])
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(call, ["read"])
    for role in POLICY.roles:
        for name in [role.read_role, *([role.write_role] if role.edits else [])]:
            raw = connect(WRITER_LOGIN, role=name)
            raw.execute("select set_config('cotmoc.actor', 'x', false)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(call, ["read"])
    with pytest.raises(psycopg.Error) as refused:
        connect(WRITER_LOGIN).execute(call, ["read"])
    assert refused.value.sqlstate == "CM001"


def test_export_by_a_read_only_actor_is_journalled(database, connect):
    member = Actor("ủy viên", COMMITTEE, "Ban Chỉ đạo")
    database.for_request("r-17").record_access(member, [AccessLogEntry("gates", {"format": "csv"}, action="export")])
    entries = connect().execute(
        "select actor, unit, request, table_name, action, old, new from app.journal order by seq desc limit 1"
    )
    assert entries.fetchone() == ("ủy viên", "Ban Chỉ đạo", "r-17", "gates", "export", None, {"format": "csv"})


@pytest.mark.parametrize("table", [*catalog, *child_tables, "links"])
def test_history_time_condition_uses_an_index_under_row_security(table, connect):
    """A condition on the bound of the range would be evaluated after the policy, in every history row."""
    raw = connect(READER_LOGIN, role=PLANNER.read_role)
    raw.execute("set enable_seqscan = off")
    column = "updated_at" if table in catalog else "since"
    query = f"select id from app.{table}_history t where {column} > now() - interval '1 day' order by {column} desc"
    plan = "\n".join(line for (line,) in raw.execute(f"explain {query}").fetchall())
    assert f"Index Cond: ({column} > " in plan


def history_of_deleted_row(connect, table, row_id):
    """The moments from and to which a deleted row was in force, the second of which is that of its deletion."""
    states = connect().execute(
        f"select lower(valid), upper(valid), action from app.{table}_history where id = %s order by since, action desc",
        [row_id],
    )
    (inserted_at, deleted_at, _), (recorded_at, _, action) = states
    assert (recorded_at, action) == (deleted_at, "delete")
    return inserted_at, deleted_at


MICROSECOND = dt.timedelta(microseconds=1)


def test_deleted_link_is_in_force_up_to_the_moment_of_its_deletion(database, connect):
    with database.transaction(OFFICE, write=True) as session:
        task_id, site_id = (put(session, catalog[name]).id for name in ("tasks", "areas"))
        link_id = create_link(session, task_id, site_id, "site").id
    with database.transaction(OFFICE, write=True) as session:
        delete_link(session, task_id, link_id)
    inserted_at, deleted_at = history_of_deleted_row(connect, "links", link_id)
    expected = {inserted_at - MICROSECOND: 0, inserted_at: 1, deleted_at - MICROSECOND: 1, deleted_at: 0}
    for as_of, number in expected.items():
        with database.transaction(OFFICE) as session:
            assert len(links_of(session, task_id, as_of)) == number, as_of
            set_as_of(session, as_of)
            for moment in (AS_OF, "app.as_of()"):
                source, conditions = Row(OFFICE.clearance, moment=moment).relation("links", "l")
                count = select_sql("count(*)", source, ["l.id = :id", *conditions])
                assert session.execute(text(count), {"id": link_id}).scalar() == number, (source, as_of)


def test_deleted_child_row_is_in_force_up_to_the_moment_of_its_deletion(database, connect):
    with database.transaction(OFFICE, write=True) as session:
        gate = put(session, catalog["gates"], category="local")
        event = GateEvent(feature_id=gate.id, kind="note", on=today(), precision="day")
        session.add(event)
        session.flush()
        gate_id, event_id = gate.id, event.id
    with database.transaction(OFFICE, write=True) as session:
        session.delete(session.get_one(GateEvent, event_id))
    inserted_at, deleted_at = history_of_deleted_row(connect, "gate_events", event_id)
    expected = {inserted_at - MICROSECOND: 0, inserted_at: 1, deleted_at - MICROSECOND: 1, deleted_at: 0}
    for as_of, number in expected.items():
        with database.transaction(OFFICE) as session:
            assert len(child_rows(session, GateEvent, gate_id, as_of)) == number, as_of
            if as_of >= inserted_at:  # the gate was created just before
                selection = Selection(catalog["gates"], OFFICE.clearance, ids=[gate_id], as_of=as_of, limit=1)
                (read,) = result_of(pages.read_page(session, selection))[0]
                assert (json.loads(read)["properties"]["last_event"] is not None) == bool(number), as_of


def test_retired_feature_is_in_force_up_to_the_moment_of_its_retirement(database, connect):
    with database.transaction(OFFICE, write=True) as session:
        area_id = put(session, catalog["areas"]).id
    with database.transaction(OFFICE, write=True) as session:
        retire(session, catalog["areas"], session.get_one(catalog["areas"].model, area_id))
    moments = connect().execute("select lower(valid) from app.areas_history where id = %s order by version", [area_id])
    (created_at,), (retired_at,) = moments.fetchall()
    expected = {created_at - MICROSECOND: 0, created_at: 1, retired_at - MICROSECOND: 1, retired_at: 0}
    for as_of, number in expected.items():
        with database.transaction(OFFICE) as session:
            selection = Selection(catalog["areas"], OFFICE.clearance, ids=[area_id], as_of=as_of, limit=1)
            assert len(result_of(pages.read_page(session, selection))[0]) == number, as_of
