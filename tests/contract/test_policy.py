"""The policy page and PostgreSQL agree: every row of a random world, for every post, seen, changed and added or not.

The oracle below says in plain Python what the page promises, from the roles' plain facts alone. It is compared with
what row-level security lets through, a whole world to a handful of statements.
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
    ADDED,
    LAYERS,
    LEVELS,
    MOVED,
    OPENED,
    ROWS,
    World,
    json_of,
    known_as,
    made_up,
    may_open,
    row_of,
    stored_row,
    value_for,
)

everybody = pytest.mark.parametrize("actor", ACTORS, ids=known_as)


@pytest.fixture(scope="module")
def database_name(cluster, migrated_template) -> Iterator[str]:
    cluster.create_database("policy", template=migrated_template)
    yield "policy"
    cluster.drop_database("policy")


@pytest.fixture(scope="module", params=[1, 2, 3])
def dataset(request, cluster, database_name) -> Iterator[tuple[World, psycopg.Connection]]:
    """A world and a superuser's connection that holds it; memory is switched off, rights never are."""
    results = made_up(request.param)
    with psycopg.connect(host=str(cluster.socket_dir), dbname=database_name, user="postgres") as admin:
        admin.execute("set session_replication_role = replica")
        for layer in LAYERS:
            names = stored_row(layer)
            columns = sql.SQL(", ").join(map(sql.Identifier, names))
            fill = sql.SQL("insert into {0} ({1}) select {1} from json_populate_recordset(null::{0}, %s)")
            admin.execute(fill.format(sql.Identifier("app", layer.name), columns), [json_of(results.rows[layer.name])])
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
        yield results, admin
        admin.rollback()


@pytest.fixture
def acting_connection(dataset, actor) -> Iterator[psycopg.Connection]:
    """The world under the rights of an actor; what is changed there is forgotten."""
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


# The agreement


@everybody
def test_visible_rows_are_exactly_those_of_the_policy(dataset, actor, acting_connection):
    results, _ = dataset
    seen = {
        layer.name: {row["id"] for row in results.rows[layer.name] if results.sees(actor, layer.name, row)}
        for layer in LAYERS
    }
    for layer in LAYERS:
        for table in (layer.name, f"{layer.name}_history"):
            rows = acting_connection.execute(sql.SQL("select id from {}").format(sql.Identifier("app", table)))
            assert ids(rows) == seen[layer.name], table
    assert ids(acting_connection.execute("select feature_id from app.marker_inspections")) == seen["markers"]
    here = {row["id"] for layer in LAYERS for row in results.rows[layer.name] if row["retired_at"] is None}
    there = set().union(*seen.values()) & here
    assert ids(acting_connection.execute(f"select id from {location_view(actor.level)}")) == there
    linked = acting_connection.execute("select feature_id::text, to_id::text from app.links").fetchall()
    assert all(item in there for pair in linked for item in pair)
    acting_connection.execute("reset role")
    every = acting_connection.execute("select feature_id::text, to_id::text from app.links").fetchall()
    assert len(linked) == sum(item in there and other in there for item, other in every)


@pytest.mark.parametrize("actor", [item for item in ACTORS if item.role.scoped], ids=known_as)
def test_officer_reads_internal_fields_of_own_unit_only(dataset, actor, acting_connection):
    results, _ = dataset
    for layer in LAYERS:
        own_value = {
            row["id"]
            for row in results.rows[layer.name]
            if row["level"] != "restricted" and results.is_own(layer.name, row, actor.unit)
        }
        assert (
            ids(acting_connection.execute(sql.SQL("select id from app.{}").format(sql.Identifier(f"{layer.name}_own"))))
            == own_value
        )
        for column in ("created_by", "original"):
            for table in (layer.name, f"{layer.name}_history"):
                acting_connection.execute("savepoint asking")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    acting_connection.execute(
                        sql.SQL("select {} from app.{}").format(*map(sql.Identifier, (column, table)))
                    )
                acting_connection.execute("rollback to savepoint asking")


@everybody
def test_updates_allowed_are_exactly_those_of_the_policy(dataset, actor, acting_connection):
    results, _ = dataset
    if not actor.role.edits:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            acting_connection.execute("update app.incidents set source = source")
        return
    _take(acting_connection, actor.role.write_role)
    for layer in LAYERS:
        if layer.name not in actor.role.edits:
            assert not _may(acting_connection, layer.name, "update")
            assert not _may(acting_connection, layer.name, "insert")
            continue
        column = sql.Identifier((actor.role.edits[layer.name] or ("source",))[0])
        statement = sql.SQL("update {0} set {1} = {1} returning id")
        changed = acting_connection.execute(statement.format(sql.Identifier("app", layer.name), column))
        assert ids(changed) == {row["id"] for row in results.rows[layer.name] if results.edits(actor, layer.name, row)}
        assert not _may(acting_connection, layer.name, "delete")
        assert not _may(acting_connection, layer.name, "truncate")


def _take(connection: psycopg.Connection, role: str) -> None:
    connection.execute("reset role")
    connection.execute("select set_config('role', %s, true)", [role])


def _may(connection: psycopg.Connection, table: str, verb: str) -> bool:
    query = "select has_table_privilege(current_user, %s, %s)"
    if verb in ("insert", "update"):
        query = "select has_any_column_privilege(current_user, %s, %s)"
    row = connection.execute(query, [f"app.{table}", verb]).fetchone()
    return row is not None and bool(row[0])


@pytest.mark.parametrize("actor", [item for item in ACTORS if () in item.role.edits.values()], ids=known_as)
def test_inserts_allowed_are_exactly_those_of_the_policy(dataset, actor, acting_connection):
    results, _ = dataset
    required = [layer for layer in LAYERS if actor.role.edits.get(layer.name) == ()]
    acting_connection.execute("reset role")
    acting_connection.execute("set local session_replication_role = origin")
    _take(acting_connection, actor.role.write_role)
    chance = random.Random(actor.unit)
    for layer in required:
        rows = [row_of(layer, chance, 1000 + number) for number in range(ROWS)]
        columns = [
            f'"{name}"'
            for name in stored_row(layer)
            if name not in ("version", "created_at", "created_by", "updated_at")
        ]
        acting_connection.execute("select set_config('test.rows', %s, true)", [json_of(rows)])
        acting_connection.execute(
            ADDED.format(
                table=layer.name, columns=", ".join(columns), values=", ".join(f"one.{column}" for column in columns)
            )
        )
        created = acting_connection.execute("select current_setting('test.made')").fetchone()
        expected = {row["id"] for row in rows if results.adds(actor, layer.name, row)}
        assert set(created[0].split(",")) - {""} == expected, layer.name


@pytest.mark.parametrize("actor", [item for item in ACTORS if "incidents" in item.role.edits], ids=known_as)
def test_updates_cannot_move_rows_outside_the_policy(dataset, actor, acting_connection):
    """What a row becomes has to be somebody's own as much as what it was."""
    results, _ = dataset
    _take(acting_connection, actor.role.write_role)
    chance = random.Random(7)
    into = [
        {**row, **{name: value_for(catalog["incidents"], name, chance, 0) for name in ("level", "unit", "chainage_m")}}
        for row in results.rows["incidents"]
    ]
    acting_connection.execute("select set_config('test.rows', %s, true)", [json_of(into)])
    acting_connection.execute(MOVED)
    created = acting_connection.execute("select current_setting('test.made')").fetchone()
    expected = {
        before["id"]
        for before, after in zip(results.rows["incidents"], into, strict=True)
        if results.edits(actor, "incidents", before) and results.edits(actor, "incidents", after)
    }
    assert set(created[0].split(",")) - {""} == expected


@pytest.mark.parametrize("actor", [item for item in ACTORS if "incidents" in item.role.edits], ids=known_as)
def test_only_the_office_lowers_levels_and_not_of_its_own_rows(dataset, actor, acting_connection):
    results, _ = dataset
    acting_connection.execute("reset role")
    acting_connection.execute("set local session_replication_role = origin")
    _take(acting_connection, actor.role.write_role)
    into = {
        row["id"]: LEVELS[LEVELS.index(row["level"]) - 1]
        for row in results.rows["incidents"]
        if row["level"] != "public"
    }
    acting_connection.execute(
        "select set_config('test.rows', %s, true)", [json_of([{"id": id_, "level": to} for id_, to in into.items()])]
    )
    acting_connection.execute(OPENED)
    created = acting_connection.execute("select current_setting('test.made')").fetchone()
    rows = {row["id"]: row for row in results.rows["incidents"]}
    expected = {id_ for id_, to in into.items() if results.opens(actor, "incidents", rows[id_], to)}
    assert set(created[0].split(",")) - {""} == expected
    assert bool(expected) == may_open(actor)


def test_policy_dataset_covers_every_case():
    """Each answer of the oracle is given often, to scoped and other posts, so that an agreement means something."""
    triples = [
        (actor.role.scoped, results.sees(actor, layer.name, row), results.edits(actor, layer.name, row))
        for seed in (1, 2, 3)
        for results in [made_up(seed)]
        for actor in ACTORS
        for layer in LAYERS
        for row in results.rows[layer.name]
    ]
    assert len(triples) > 10_000
    for scoped in (True, False):
        for seen, edited in ((True, True), (True, False), (False, False)):
            assert triples.count((scoped, seen, edited)) > 50, (scoped, seen, edited)
    assert sum(edited and not seen for _, seen, edited in triples) == 0
