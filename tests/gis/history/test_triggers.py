"""Memory cannot be edited: not by a writer, not by the owner, not even by accident."""

import psycopg
import pytest

from gis.db.actors import Actor
from gis.db.session import LOGINS, READER_LOGIN, WRITER_LOGIN, AccessLogEntry
from gis.model.children import child_tables
from gis.model.layer import catalog
from layers.policy import COMMITTEE, OFFICE, PLANNER, POLICY
from tests.factories import put

PASTS = [f"{name}_history" for name in (*catalog, *child_tables, "links")]
TABLES = ["journal", "features", *PASTS]


@pytest.mark.parametrize("table", TABLES)
def test_a_writer_neither_reads_nor_touches_memory_beyond_what_history_shows(table, connect):
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
def test_not_even_the_owner_changes_the_journal(statement, database, connect):
    with database.transaction(OFFICE, write=True) as session:
        put(session, catalog["areas"])
    for role in ("cotmoc_owner", "postgres"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect(role=role).execute(statement)


@pytest.mark.parametrize("table", ["markers", "incidents_history", "gate_events", "links"])
def test_nothing_is_truncated(table, connect):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect().execute(f"truncate app.{table} cascade")


def test_nobody_writes_a_journal_entry_by_hand(connect):
    raw = connect(WRITER_LOGIN, role=OFFICE.role.write_role)
    raw.execute("select set_config('cotmoc.actor', 'x', false)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute("select app.write_journal('x', gen_random_uuid(), 'insert', null, null)")


def test_times_and_authors_cannot_be_forged(database, connect):
    raw = connect(WRITER_LOGIN, role=OFFICE.role.write_role)
    raw.execute("select set_config('cotmoc.actor', 'x', false)")
    for column, value in (("created_by", "'boss'"), ("version", "9"), ("created_at", "now()"), ("updated_at", "now()")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(
                f"insert into app.areas (id, name, kind, {column}) values (gen_random_uuid(), 'x', 'belt', {value})"
            )


def test_bulk_sql_is_remembered_row_by_row(database, connect):
    with database.transaction(OFFICE, write=True) as session:
        rows = [put(session, catalog["areas"], name="hàng loạt").id for _ in range(5)]
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'bulk', false)")
    admin.execute("update app.areas set source = 'một lệnh' where name = 'hàng loạt'")
    found = admin.execute(
        "select count(*) from app.journal where actor = 'bulk' and action = 'update' and feature_id = any(%s)", [rows]
    )
    assert found.fetchone() == (5,)


def test_parts_and_links_are_journalled_under_their_feature(client, connect):
    from tests.factories import create, task

    gate = create(client, "gates", name="Cửa khẩu thử", border="VN-KH")
    client.post(
        f"/ogc/collections/gates/items/{gate['id']}/events", json={"kind": "note", "on": "2026-01-01", "note": "x"}
    )
    duty = task(client)
    link = client.post(
        f"/ogc/collections/tasks/items/{duty['id']}/links", json={"to": gate["id"], "role": "gate"}
    ).json()
    client.delete(f"/ogc/collections/tasks/items/{duty['id']}/links/{link['link']}")
    kept = connect().execute(
        "select table_name, action, actor from app.journal where feature_id = any(%s) and table_name in"
        " ('gate_events', 'links') order by seq",
        [[gate["id"], duty["id"]]],
    )
    assert kept.fetchall() == [
        ("gate_events", "insert", "office"), ("links", "insert", "office"), ("links", "delete", "office"),
    ]  # fmt: skip


def test_what_belongs_to_a_feature_has_a_past_with_who_why_and_what_it_was(client, connect):
    from tests.factories import work

    repair = work(client)
    url = f"/ogc/collections/works/items/{repair['id']}/steps"
    step = client.get(url).json()["steps"][0]["code"]
    for document in ("CV 1", "CV 2"):
        body = {"code": step, "on": "2026-11-01", "document": document, "reason": f"theo {document}"}
        answer = client.post(url, json=body, headers={"X-Device-At": "2026-11-01T08:00:00+07:00"})
    kept = connect().execute(
        "select document, action, actor, reason, request is not null, device_at, upper_inf(valid),"
        " lower(valid) = lag(upper(valid)) over (order by lower(valid)) from app.work_steps_history"
        " where feature_id = %s and code = %s order by lower(valid)",
        [repair["id"], step],
    )
    at = "2026-11-01T08:00:00+07:00"
    assert kept.fetchall() == [
        (None, "insert", "office", None, True, None, False, None),
        ("CV 1", "update", "office", "theo CV 1", True, at, False, True),
        ("CV 2", "update", "office", "theo CV 2", True, at, True, True),
    ]
    assert answer.headers["x-request-id"] == connect().execute(
        "select request from app.work_steps_history where feature_id = %s and document = 'CV 2'", [repair["id"]]
    ).fetchone()[0]  # fmt: skip


def test_outside_the_house_a_past_tells_no_name_and_no_reason(connect):
    for role in POLICY.roles:
        if role.level.sees_assumed_positions:
            continue
        raw = connect(WRITER_LOGIN, role=role.read_role)
        for past in PASTS:
            raw.execute(f"select action, valid from app.{past} limit 1")
            for column in ("actor", "reason", "request", "device_at"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    raw.execute(f"select {column} from app.{past} limit 1")


def test_a_reading_is_written_by_the_writers_login_alone_and_in_somebodys_name(connect):
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


def test_somebody_who_may_not_edit_leaves_a_name_all_the_same(database, connect):
    member = Actor("ủy viên", COMMITTEE, "Ban Chỉ đạo")
    database.for_request("r-17").record_access(member, [AccessLogEntry("gates", {"format": "csv"}, action="export")])
    kept = connect().execute(
        "select actor, unit, request, table_name, action, old, new from app.journal order by seq desc limit 1"
    )
    assert kept.fetchone() == ("ủy viên", "Ban Chỉ đạo", "r-17", "gates", "export", None, {"format": "csv"})


@pytest.mark.parametrize("table", [*catalog, *child_tables, "links"])
def test_since_when_a_state_held_is_found_by_an_index_under_row_security(table, connect):
    """A bound of a range would be looked at behind the policy alone, in every row of the past."""
    raw = connect(READER_LOGIN, role=PLANNER.read_role)
    raw.execute("set enable_seqscan = off")
    moment = "updated_at" if table in catalog else "since"
    asked = f"select id from app.{table}_history t where {moment} > now() - interval '1 day' order by {moment} desc"
    told = "\n".join(line for (line,) in raw.execute(f"explain {asked}").fetchall())
    assert f"Index Cond: ({moment} > " in told
