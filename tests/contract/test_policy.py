"""The policy page and PostgreSQL agree: every row of a random world, for every post, seen, changed and added or not.

The oracle below says in plain Python what the page promises, from the roles' plain facts alone. It is compared with
what row-level security lets through, a whole world to a handful of statements.
"""

import datetime as dt
import json
import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg import sql

from gis.db.actors import Actor
from gis.model.fields import Level
from gis.model.layer import Layer, catalog
from gis.model.links import location_view
from layers.border import Border
from layers.policy import OFFICER, POLICY, SYSTEM

LAYERS = [
    catalog[name] for name in ("incidents", "markers", "works", "tasks", "gates", "documents", "sectors", "units")
]
ROWS = 60
UNITS = [f"Đơn vị {letter}" for letter in "ABCDEFG"]
UNKNOWN = "Đơn vị không có trong danh bạ"
TODAY = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date()
DAY = dt.timedelta(days=1)
LEVELS = [level.value for level in Level]
BORDERS = [border.value for border in Border]

ACTORS = [Actor("somebody", role) for role in POLICY.roles if not role.scoped]
ACTORS += [Actor("officer", OFFICER, unit) for unit in (*UNITS, UNKNOWN, None)]


def known_as(actor: Actor) -> str:
    """How an actor is called in the report of a test."""
    return f"{actor.role.name} {actor.unit or ''}".strip()


everybody = pytest.mark.parametrize("actor", ACTORS, ids=known_as)

Row = Mapping[str, Any]


# The oracle


@dataclass
class World:
    """What is in the house: the rows of each layer."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def units_of(self, unit: str | None) -> set[str]:
        """The unit and all that stand under it, as long as they exist; one that the register does not know is one."""
        known = self.rows["units"]
        if unit is None or (any(item["name"] == unit for item in known) and not self._current(unit)):
            return set()
        own_value, results = {unit}, {unit}
        while results:
            results = {item["name"] for item in known if item["parent"] in results and stands(item)} - own_value
            own_value |= results
        return own_value

    def _current(self, unit: str) -> bool:
        return any(item["name"] == unit and stands(item) for item in self.rows["units"])

    def is_own(self, layer: str, row: Row, unit: str | None) -> bool:
        """Whether a row is a matter of the unit: reported or led by it, or on a sector that it is in charge of."""
        own_value = self.units_of(unit)
        if layer in ("incidents", "works", "sectors") and row["unit"] in own_value:
            return True
        if layer == "tasks" and row["lead_unit"] in own_value:
            return True
        if layer in ("sectors", "units", "documents"):
            return False
        return row["chainage_m"] is not None and any(
            sector["unit"] in own_value and sector["retired_at"] is None and sector["level"] != "restricted"
            and sector["border"] == row["border"]
            and None not in (sector["start_m"], sector["end_m"])
            and sector["start_m"] <= row["chainage_m"] <= sector["end_m"]
            for sector in self.rows["sectors"]
        )  # fmt: skip

    def sees(self, actor: Actor, layer: str, row: Row) -> bool:
        """Whether somebody sees a row."""
        within = LEVELS.index(row["level"]) <= LEVELS.index(actor.level.value)
        if not actor.role.scoped or row["level"] in ("public", "partner"):
            return within
        return within and self.is_own(layer, row, actor.unit)

    def edits(self, actor: Actor, layer: str, row: Row) -> bool:
        """Whether somebody may change a row, or make one like it."""
        if layer not in actor.role.edits or not self.sees(actor, layer, row):
            return False
        return not actor.role.scoped or self.is_own(layer, row, actor.unit)

    def adds(self, actor: Actor, layer: str, row: Row) -> bool:
        """Whether somebody may make a row: what may be shared is entered by the office and the house itself alone."""
        return self.edits(actor, layer, row) and (may_open(actor) or row["level"] in ("internal", "restricted"))

    def opens(self, actor: Actor, layer: str, row: Row, level: str) -> bool:
        """Whether somebody may show a row to more people than see it: the office, but not whoever entered it."""
        both = self.edits(actor, layer, row) and self.edits(actor, layer, {**row, "level": level})
        return both and may_open(actor) and (actor.role is SYSTEM.role or row["created_by"] != "x")


def may_open(actor: Actor) -> bool:
    """Whether a post is the office, or the house itself."""
    return actor.role.name in ("administrator", "office", "system")


def stands(unit: Row) -> bool:
    """Whether a unit of the register exists today."""
    begun = unit["valid_from"] is None or unit["valid_from"] <= TODAY
    return unit["retired_at"] is None and begun and (unit["valid_to"] is None or unit["valid_to"] >= TODAY)


# The world


def made_up(seed: int) -> World:
    """A random world: units that begin and end under each other, sectors that overlap, matters of all levels."""
    chance = random.Random(seed)
    number_of = {"units": 14, "sectors": 14}
    return World(
        {
            layer.name: [_row(layer, chance, number) for number in range(number_of.get(layer.name, ROWS))]
            for layer in LAYERS
        }
    )


def _row(layer: Layer, chance: random.Random, number: int) -> dict[str, Any]:
    row = {name: _value(layer, name, chance, number) for name in _stored(layer)}
    row["retired_at"] = chance.choice([None, None, None, "2026-01-01T00:00:00+00:00"])
    if layer.name == "sectors":
        ends = [chance.choice([None, *range(0, 5000, 500)]) for _ in range(2)]
        row["start_m"], row["end_m"] = ends if None in ends or chance.random() < 0.2 else sorted(ends)
    return row


def _stored(layer: Layer) -> list[str]:
    return [
        column.name
        for column in layer.model.__table__.columns
        if column.computed is None and column.name not in ("geom", "original")
    ]


def _value(layer: Layer, name: str, chance: random.Random, number: int) -> Any:
    item = layer.fields.get(name)
    choices: dict[str, list[Any]] = {
        "level": LEVELS,
        "border": BORDERS,
        "chainage_m": [None, 0.0, 499.9, 500.0, 1000.1, 4500.0, 7000.0],
        "unit": [*UNITS, UNKNOWN, "khác"],
        "lead_unit": [*UNITS, UNKNOWN, None],
        "created_by": ["x", "another"],
        "parent": [*UNITS, UNKNOWN, None],
        "valid_from": [None, None, TODAY, TODAY - DAY, TODAY + DAY],
        "valid_to": [None, None, TODAY, TODAY - DAY, TODAY + DAY],
        "position_source": ["none"],
    }
    if name in choices:
        return chance.choice(choices[name])
    if name == "name" and layer.name == "units":
        return chance.choice(UNITS)
    if item is None or name == "id":
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))
    if item.nullable:
        return None
    if item.codes is not None:
        return next(iter(item.codes)).value
    return {"text": f"{layer.name} {number}", "integer": 1, "boolean": True}.get(item.type, "2026-01-31T00:00:00+00:00")


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
            names = _stored(layer)
            columns = sql.SQL(", ").join(map(sql.Identifier, names))
            fill = sql.SQL("insert into {0} ({1}) select {1} from json_populate_recordset(null::{0}, %s)")
            admin.execute(fill.format(sql.Identifier("app", layer.name), columns), [_json(results.rows[layer.name])])
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


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, default=str)


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


ADDED = """
do $$
declare one record; made text[] := '{{}}';
begin
    for one in select * from json_populate_recordset(null::app.{table}, current_setting('test.rows')::json) loop
        begin
            insert into app.{table} ({columns}) values ({values});
            made := made || one.id::text;
        exception when insufficient_privilege or sqlstate 'CM007' then null;
        end;
    end loop;
    perform set_config('test.made', array_to_string(made, ','), true);
end $$;
"""


@pytest.mark.parametrize("actor", [item for item in ACTORS if () in item.role.edits.values()], ids=known_as)
def test_inserts_allowed_are_exactly_those_of_the_policy(dataset, actor, acting_connection):
    results, _ = dataset
    required = [layer for layer in LAYERS if actor.role.edits.get(layer.name) == ()]
    acting_connection.execute("reset role")
    acting_connection.execute("set local session_replication_role = origin")
    _take(acting_connection, actor.role.write_role)
    chance = random.Random(actor.unit)
    for layer in required:
        rows = [_row(layer, chance, 1000 + number) for number in range(ROWS)]
        columns = [
            f'"{name}"' for name in _stored(layer) if name not in ("version", "created_at", "created_by", "updated_at")
        ]
        acting_connection.execute("select set_config('test.rows', %s, true)", [_json(rows)])
        acting_connection.execute(
            ADDED.format(
                table=layer.name, columns=", ".join(columns), values=", ".join(f"one.{column}" for column in columns)
            )
        )
        created = acting_connection.execute("select current_setting('test.made')").fetchone()
        expected = {row["id"] for row in rows if results.adds(actor, layer.name, row)}
        assert set(created[0].split(",")) - {""} == expected, layer.name


MOVED = """
do $$
declare one record; made text := '';
begin
    for one in select * from json_to_recordset(current_setting('test.rows')::json)
        as r (id uuid, level app.level, unit text, chainage_m float8)
    loop
        begin
            update app.incidents set level = one.level, unit = one.unit, chainage_m = one.chainage_m where id = one.id;
            made := made || case when found then one.id || ',' else '' end;
        exception when insufficient_privilege then null;
        end;
    end loop;
    perform set_config('test.made', made, true);
end $$;
"""


@pytest.mark.parametrize("actor", [item for item in ACTORS if "incidents" in item.role.edits], ids=known_as)
def test_updates_cannot_move_rows_outside_the_policy(dataset, actor, acting_connection):
    """What a row becomes has to be somebody's own as much as what it was."""
    results, _ = dataset
    _take(acting_connection, actor.role.write_role)
    chance = random.Random(7)
    into = [
        {**row, **{name: _value(catalog["incidents"], name, chance, 0) for name in ("level", "unit", "chainage_m")}}
        for row in results.rows["incidents"]
    ]
    acting_connection.execute("select set_config('test.rows', %s, true)", [_json(into)])
    acting_connection.execute(MOVED)
    created = acting_connection.execute("select current_setting('test.made')").fetchone()
    expected = {
        before["id"]
        for before, after in zip(results.rows["incidents"], into, strict=True)
        if results.edits(actor, "incidents", before) and results.edits(actor, "incidents", after)
    }
    assert set(created[0].split(",")) - {""} == expected


OPENED = """
do $$
declare one record; made text := '';
begin
    for one in select * from json_to_recordset(current_setting('test.rows')::json) as r (id uuid, level app.level) loop
        begin
            update app.incidents set level = one.level where id = one.id;
            made := made || case when found then one.id || ',' else '' end;
        exception when insufficient_privilege or sqlstate 'CM007' or sqlstate 'CM008' then null;
        end;
    end loop;
    perform set_config('test.made', made, true);
end $$;
"""


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
        "select set_config('test.rows', %s, true)", [_json([{"id": id_, "level": to} for id_, to in into.items()])]
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
