"""Memory cannot be edited: not by a writer, not by the owner, not even by accident."""

import psycopg
import pytest

from gis.database import WRITER_LOGIN
from gis.layer import catalog
from layers.policy import OFFICE, POLICY
from tests.factories import put

TABLES = ["journal", "features", *(f"{layer}_history" for layer in catalog)]


@pytest.mark.parametrize("table", TABLES)
def test_a_writer_neither_reads_nor_touches_memory_beyond_what_history_shows(table, connect):
    for role in POLICY.roles:
        if not role.edits:
            continue
        raw = connect(WRITER_LOGIN, role=role.editing)
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
    with database.acting(OFFICE, write=True) as session:
        put(session, catalog["areas"])
    for role in ("cotmoc_owner", "postgres"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect(role=role).execute(statement)


@pytest.mark.parametrize("table", ["markers", "incidents_history", "gate_events", "links"])
def test_nothing_is_truncated(table, connect):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect().execute(f"truncate app.{table} cascade")


def test_nobody_writes_a_journal_entry_by_hand(connect):
    raw = connect(WRITER_LOGIN, role=OFFICE.role.editing)
    raw.execute("select set_config('cotmoc.actor', 'x', false)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute("select app.write_journal('x', gen_random_uuid(), 'insert', null, null)")


def test_times_and_authors_cannot_be_forged(database, connect):
    raw = connect(WRITER_LOGIN, role=OFFICE.role.editing)
    raw.execute("select set_config('cotmoc.actor', 'x', false)")
    for column, value in (("created_by", "'boss'"), ("version", "9"), ("created_at", "now()"), ("updated_at", "now()")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(
                f"insert into app.areas (id, name, kind, {column}) values (gen_random_uuid(), 'x', 'belt', {value})"
            )


def test_bulk_sql_is_remembered_row_by_row(database, connect):
    with database.acting(OFFICE, write=True) as session:
        rows = [put(session, catalog["areas"], name="hàng loạt").id for _ in range(5)]
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'bulk', false)")
    admin.execute("update app.areas set source = 'một lệnh' where name = 'hàng loạt'")
    found = admin.execute(
        "select count(*) from app.journal where actor = 'bulk' and action = 'update' and feature_id = any(%s)", [rows]
    )
    assert found.fetchone() == (5,)


def test_parts_and_links_are_journalled_under_their_feature(client, connect):
    from tests.factories import make, task

    gate = make(client, "gates", name="Cửa khẩu thử", border="VN-KH")
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
