"""Row-level security agrees with ``layers/policy.py``: for random rows and every role, what is read and written.

The oracle in ``policy_world`` states the policy in Python; a few statements compare it with PostgreSQL for all rows.
"""

import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from gis.model.layer import catalog
from gis.model.links import location_view
from tests.contract.policy_world import (
    ACTORS,
    INSERT_ROWS,
    LAYERS,
    LEVELS,
    LOWER_LEVELS,
    ROWS,
    UPDATE_ROWS,
    World,
    actor_id,
    as_json,
    may_lower_levels,
    random_row,
    random_value,
    random_world,
    stored_columns,
)

every_role = pytest.mark.parametrize("actor", ACTORS, ids=actor_id)


@pytest.fixture(scope="module")
def database_name(cluster, migrated_template) -> Iterator[str]:
    cluster.create_database("policy", template=migrated_template)
    yield "policy"
    cluster.drop_database("policy")


@pytest.fixture(scope="module", params=[1, 2, 3])
def dataset(request, cluster, database_name) -> Iterator[tuple[World, psycopg.Connection]]:
    """Random rows, and a superuser's connection whose transaction has inserted them without triggers."""
    world = random_world(request.param)
    with psycopg.connect(host=str(cluster.socket_dir), dbname=database_name, user="postgres") as admin:
        admin.execute("set session_replication_role = replica")
        for layer in LAYERS:
            names = stored_columns(layer)
            columns = sql.SQL(", ").join(map(sql.Identifier, names))
            fill = sql.SQL("insert into {0} ({1}) select {1} from json_populate_recordset(null::{0}, %s)")
            admin.execute(fill.format(sql.Identifier("app", layer.name), columns), [as_json(world.rows[layer.name])])
            past = sql.SQL(
                "insert into {0} ({1}, valid, action, actor) select {1}, '[2026-01-01,)', 'insert', 'x' from {2}"
            )
            admin.execute(
                past.format(sql.Identifier("app", f"{layer.name}_history"), columns, sql.Identifier("app", layer.name))
            )
        admin.execute(
            'insert into app.marker_inspections (id, feature_id, "on", condition)'
            " select id, id, '2026-01-01', 'intact' from app.markers"
        )
        admin.execute(
            "insert into app.links (id, feature_id, to_id, role, position_source)"
            " select gen_random_uuid(), i.id, m.id, 'subject', 'none' from app.incidents i cross join app.markers m"
            " where hashtext(i.id::text || m.id) % 4 = 0"
        )
        yield world, admin
        admin.rollback()


@pytest.fixture
def acting_connection(dataset, actor) -> Iterator[psycopg.Connection]:
    """The connection in the read role of ``actor``; changes are rolled back."""
    _, connection = dataset
    connection.execute("savepoint before")
    connection.execute(
        "select set_config('role', %s, true), set_config('cotmoc.unit', %s, true),"
        " set_config('cotmoc.actor', 'x', true)",
        [actor.role.read_role, actor.unit or ""],
    )
    yield connection
    connection.execute("rollback to savepoint before")


def ids(rows: Any) -> set[str]:
    return {str(row[0]) for row in rows}


# Comparison with PostgreSQL


@every_role
def test_visible_rows_are_exactly_those_of_the_policy(dataset, actor, acting_connection):
    world, _ = dataset
    readable = {
        layer.name: {row["id"] for row in world.rows[layer.name] if world.may_read(actor, layer.name, row)}
        for layer in LAYERS
    }
    for layer in LAYERS:
        for table in (layer.name, f"{layer.name}_history"):
            rows = acting_connection.execute(sql.SQL("select id from {}").format(sql.Identifier("app", table)))
            assert ids(rows) == readable[layer.name], table
    assert ids(acting_connection.execute("select feature_id from app.marker_inspections")) == readable["markers"]
    current = {row["id"] for layer in LAYERS for row in world.rows[layer.name] if row["retired_at"] is None}
    visible = set().union(*readable.values()) & current
    assert ids(acting_connection.execute(f"select id from {location_view(actor.level)}")) == visible
    linked = acting_connection.execute("select feature_id::text, to_id::text from app.links").fetchall()
    assert all(id_ in visible for pair in linked for id_ in pair)
    acting_connection.execute("reset role")
    all_links = acting_connection.execute("select feature_id::text, to_id::text from app.links").fetchall()
    assert len(linked) == sum(id_ in visible and other_id in visible for id_, other_id in all_links)


@pytest.mark.parametrize("actor", [actor for actor in ACTORS if actor.role.scoped], ids=actor_id)
def test_officer_reads_internal_fields_of_own_unit_only(dataset, actor, acting_connection):
    world, _ = dataset
    for layer in LAYERS:
        own_ids = {
            row["id"]
            for row in world.rows[layer.name]
            if row["level"] != "restricted" and world.is_own(layer.name, row, actor.unit)
        }
        assert (
            ids(acting_connection.execute(sql.SQL("select id from app.{}").format(sql.Identifier(f"{layer.name}_own"))))
            == own_ids
        )
        for column in ("created_by", "original"):
            for table in (layer.name, f"{layer.name}_history"):
                acting_connection.execute("savepoint query")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    acting_connection.execute(
                        sql.SQL("select {} from app.{}").format(*map(sql.Identifier, (column, table)))
                    )
                acting_connection.execute("rollback to savepoint query")


@every_role
def test_updates_allowed_are_exactly_those_of_the_policy(dataset, actor, acting_connection):
    world, _ = dataset
    if not actor.role.edits:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            acting_connection.execute("update app.incidents set source = source")
        return
    _set_role(acting_connection, actor.role.write_role)
    for layer in LAYERS:
        if layer.name not in actor.role.edits:
            assert not _has_privilege(acting_connection, layer.name, "update")
            assert not _has_privilege(acting_connection, layer.name, "insert")
            continue
        column = sql.Identifier((actor.role.edits[layer.name] or ("source",))[0])
        statement = sql.SQL("update {0} set {1} = {1} returning id")
        changed = acting_connection.execute(statement.format(sql.Identifier("app", layer.name), column))
        assert ids(changed) == {row["id"] for row in world.rows[layer.name] if world.may_update(actor, layer.name, row)}
        assert not _has_privilege(acting_connection, layer.name, "delete")
        assert not _has_privilege(acting_connection, layer.name, "truncate")


def _set_role(connection: psycopg.Connection, role: str) -> None:
    connection.execute("reset role")
    connection.execute("select set_config('role', %s, true)", [role])


def _has_privilege(connection: psycopg.Connection, table: str, verb: str) -> bool:
    query = "select has_table_privilege(current_user, %s, %s)"
    if verb in ("insert", "update"):
        query = "select has_any_column_privilege(current_user, %s, %s)"
    row = connection.execute(query, [f"app.{table}", verb]).fetchone()
    return row is not None and bool(row[0])


@pytest.mark.parametrize("actor", [actor for actor in ACTORS if () in actor.role.edits.values()], ids=actor_id)
def test_inserts_allowed_are_exactly_those_of_the_policy(dataset, actor, acting_connection):
    world, _ = dataset
    layers = [layer for layer in LAYERS if actor.role.edits.get(layer.name) == ()]
    acting_connection.execute("reset role")
    acting_connection.execute("set local session_replication_role = origin")
    _set_role(acting_connection, actor.role.write_role)
    rng = random.Random(actor.unit)
    for layer in layers:
        rows = [random_row(layer, rng, 1000 + number) for number in range(ROWS)]
        columns = [
            f'"{name}"'
            for name in stored_columns(layer)
            if name not in ("version", "created_at", "created_by", "updated_at")
        ]
        acting_connection.execute("select set_config('test.rows', %s, true)", [as_json(rows)])
        acting_connection.execute(
            INSERT_ROWS.format(
                table=layer.name,
                columns=", ".join(columns),
                values=", ".join(f"candidate.{column}" for column in columns),
            )
        )
        done = acting_connection.execute("select current_setting('test.done')").fetchone()
        expected = {row["id"] for row in rows if world.may_create(actor, layer.name, row)}
        assert set(done[0].split(",")) - {""} == expected, layer.name


@pytest.mark.parametrize("actor", [actor for actor in ACTORS if "incidents" in actor.role.edits], ids=actor_id)
def test_updates_cannot_move_rows_outside_the_policy(dataset, actor, acting_connection):
    """The policy must allow the row both before and after the update."""
    world, _ = dataset
    _set_role(acting_connection, actor.role.write_role)
    rng = random.Random(7)
    updates = [
        {**row, **{name: random_value(catalog["incidents"], name, rng, 0) for name in ("level", "unit", "chainage_m")}}
        for row in world.rows["incidents"]
    ]
    acting_connection.execute("select set_config('test.rows', %s, true)", [as_json(updates)])
    acting_connection.execute(UPDATE_ROWS)
    done = acting_connection.execute("select current_setting('test.done')").fetchone()
    expected = {
        before["id"]
        for before, after in zip(world.rows["incidents"], updates, strict=True)
        if world.may_update(actor, "incidents", before) and world.may_update(actor, "incidents", after)
    }
    assert set(done[0].split(",")) - {""} == expected


@pytest.mark.parametrize("actor", [actor for actor in ACTORS if "incidents" in actor.role.edits], ids=actor_id)
def test_only_office_roles_lower_levels_and_not_of_rows_they_created(dataset, actor, acting_connection):
    world, _ = dataset
    acting_connection.execute("reset role")
    acting_connection.execute("set local session_replication_role = origin")
    _set_role(acting_connection, actor.role.write_role)
    updates = {
        row["id"]: LEVELS[LEVELS.index(row["level"]) - 1] for row in world.rows["incidents"] if row["level"] != "public"
    }
    acting_connection.execute(
        "select set_config('test.rows', %s, true)", [as_json([{"id": id_, "level": to} for id_, to in updates.items()])]
    )
    acting_connection.execute(LOWER_LEVELS)
    done = acting_connection.execute("select current_setting('test.done')").fetchone()
    rows = {row["id"]: row for row in world.rows["incidents"]}
    expected = {id_ for id_, to in updates.items() if world.may_lower_level(actor, "incidents", rows[id_], to)}
    assert set(done[0].split(",")) - {""} == expected
    assert bool(expected) == may_lower_levels(actor)


def test_policy_dataset_covers_every_case():
    """Each combination of read and update occurs more than 50 times for scoped and other roles."""
    triples = [
        (actor.role.scoped, world.may_read(actor, layer.name, row), world.may_update(actor, layer.name, row))
        for seed in (1, 2, 3)
        for world in [random_world(seed)]
        for actor in ACTORS
        for layer in LAYERS
        for row in world.rows[layer.name]
    ]
    assert len(triples) > 10_000
    for scoped in (True, False):
        for readable, updatable in ((True, True), (True, False), (False, False)):
            assert triples.count((scoped, readable, updatable)) > 50, (scoped, readable, updatable)
    assert sum(updatable and not readable for _, readable, updatable in triples) == 0
