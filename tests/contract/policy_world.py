"""Random rows, actors of every role, and an oracle of the access policy in Python."""

import datetime as dt
import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gis.db.actors import Actor
from gis.model.fields import Level
from gis.model.layer import Layer, catalog
from layers.border import Border
from layers.policy import OFFICER, POLICY, SYSTEM

LAYERS = [
    catalog[name] for name in ("incidents", "markers", "works", "tasks", "gates", "documents", "sectors", "units")
]
ROWS = 60
UNITS = [f"Đơn vị {letter}" for letter in "ABCDEFG"]
UNKNOWN_UNIT = "Đơn vị không có trong danh bạ"
TODAY = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date()
DAY = dt.timedelta(days=1)
LEVELS = [level.value for level in Level]
BORDERS = [border.value for border in Border]

ACTORS = [Actor("unscoped", role) for role in POLICY.roles if not role.scoped]
ACTORS += [Actor("officer", OFFICER, unit) for unit in (*UNITS, UNKNOWN_UNIT, None)]


def actor_id(actor: Actor) -> str:
    """The name of an actor in test reports."""
    return f"{actor.role.name} {actor.unit or ''}".strip()


Row = Mapping[str, Any]


# The oracle of the policy


@dataclass
class World:
    """The rows of each layer, and what the policy allows with them."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def unit_and_subunits(self, unit: str | None) -> set[str]:
        """The unit and its subunits that exist today; a unit that the register does not know counts as existing."""
        register = self.rows["units"]
        if unit is None or (any(row["name"] == unit for row in register) and not self._exists(unit)):
            return set()
        units, added = {unit}, {unit}
        while added:
            added = {row["name"] for row in register if row["parent"] in added and exists_today(row)} - units
            units |= added
        return units

    def _exists(self, unit: str) -> bool:
        return any(row["name"] == unit and exists_today(row) for row in self.rows["units"])

    def is_own(self, layer: str, row: Row, unit: str | None) -> bool:
        """Whether a row belongs to the unit: it names the unit or a subunit, or lies on a sector of one."""
        units = self.unit_and_subunits(unit)
        if layer in ("incidents", "works", "sectors") and row["unit"] in units:
            return True
        if layer == "tasks" and row["lead_unit"] in units:
            return True
        if layer in ("sectors", "units", "documents"):
            return False
        return row["chainage_m"] is not None and any(
            sector["unit"] in units and sector["retired_at"] is None and sector["level"] != "restricted"
            and sector["border"] == row["border"]
            and None not in (sector["start_m"], sector["end_m"])
            and sector["start_m"] <= row["chainage_m"] <= sector["end_m"]
            for sector in self.rows["sectors"]
        )  # fmt: skip

    def may_read(self, actor: Actor, layer: str, row: Row) -> bool:
        """Whether the actor may read a row."""
        within = LEVELS.index(row["level"]) <= LEVELS.index(actor.level.value)
        if not actor.role.scoped or row["level"] in ("public", "partner"):
            return within
        return within and self.is_own(layer, row, actor.unit)

    def may_update(self, actor: Actor, layer: str, row: Row) -> bool:
        """Whether the actor may update a row, or create one like it at level internal or above."""
        if layer not in actor.role.edits or not self.may_read(actor, layer, row):
            return False
        return not actor.role.scoped or self.is_own(layer, row, actor.unit)

    def may_create(self, actor: Actor, layer: str, row: Row) -> bool:
        """Whether the actor may create a row; only the office and the system create rows below level internal."""
        allowed = may_lower_levels(actor) or row["level"] in ("internal", "restricted")
        return allowed and self.may_update(actor, layer, row)

    def may_lower_level(self, actor: Actor, layer: str, row: Row, level: str) -> bool:
        """Whether the actor may lower the level of a row to ``level``: the office, except for rows that it created."""
        both = self.may_update(actor, layer, row) and self.may_update(actor, layer, {**row, "level": level})
        return both and may_lower_levels(actor) and (actor.role is SYSTEM.role or row["created_by"] != "x")


def may_lower_levels(actor: Actor) -> bool:
    """Whether the role may create or lower rows below level internal: the office or the system."""
    return actor.role.name in ("administrator", "office", "system")


def exists_today(unit: Row) -> bool:
    """Whether a unit of the register exists today."""
    begun = unit["valid_from"] is None or unit["valid_from"] <= TODAY
    return unit["retired_at"] is None and begun and (unit["valid_to"] is None or unit["valid_to"] >= TODAY)


# The random rows


def random_world(seed: int) -> World:
    """Random units with validity and parents, overlapping sectors, and rows of all levels."""
    rng = random.Random(seed)
    number_of = {"units": 14, "sectors": 14}
    return World(
        {
            layer.name: [random_row(layer, rng, number) for number in range(number_of.get(layer.name, ROWS))]
            for layer in LAYERS
        }
    )


def random_row(layer: Layer, rng: random.Random, number: int) -> dict[str, Any]:
    row = {name: random_value(layer, name, rng, number) for name in stored_columns(layer)}
    row["retired_at"] = rng.choice([None, None, None, "2026-01-01T00:00:00+00:00"])
    if layer.name == "sectors":
        ends = [rng.choice([None, *range(0, 5000, 500)]) for _ in range(2)]
        row["start_m"], row["end_m"] = ends if None in ends or rng.random() < 0.2 else sorted(ends)
    return row


def stored_columns(layer: Layer) -> list[str]:
    return [
        column.name
        for column in layer.model.__table__.columns
        if column.computed is None and column.name not in ("geom", "original")
    ]


def random_value(layer: Layer, name: str, rng: random.Random, number: int) -> Any:
    layer_field = layer.fields.get(name)
    choices: dict[str, list[Any]] = {
        "level": LEVELS,
        "border": BORDERS,
        "chainage_m": [None, 0.0, 499.9, 500.0, 1000.1, 4500.0, 7000.0],
        "unit": [*UNITS, UNKNOWN_UNIT, "khác"],
        "lead_unit": [*UNITS, UNKNOWN_UNIT, None],
        "created_by": ["x", "another"],
        "parent": [*UNITS, UNKNOWN_UNIT, None],
        "valid_from": [None, None, TODAY, TODAY - DAY, TODAY + DAY],
        "valid_to": [None, None, TODAY, TODAY - DAY, TODAY + DAY],
        "position_source": ["none"],
    }
    if name in choices:
        return rng.choice(choices[name])
    if name == "name" and layer.name == "units":
        return rng.choice(UNITS)
    if layer_field is None or name == "id":
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    if layer_field.nullable:
        return None
    if layer_field.codes is not None:
        return next(iter(layer_field.codes)).value
    by_type = {"text": f"{layer.name} {number}", "integer": 1, "boolean": True}
    return by_type.get(layer_field.type.name, "2026-01-31T00:00:00+00:00")


def as_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, default=str)


INSERT_ROWS = """
do $$
declare candidate record; done text[] := '{{}}';
begin
    for candidate in
        select * from json_populate_recordset(null::app.{table}, current_setting('test.rows')::json)
    loop
        begin
            insert into app.{table} ({columns}) values ({values});
            done := done || candidate.id::text;
        exception when insufficient_privilege or sqlstate 'CM007' then null;
        end;
    end loop;
    perform set_config('test.done', array_to_string(done, ','), true);
end $$;
"""


UPDATE_ROWS = """
do $$
declare candidate record; done text := '';
begin
    for candidate in select * from json_to_recordset(current_setting('test.rows')::json)
        as r (id uuid, level app.level, unit text, chainage_m float8)
    loop
        begin
            update app.incidents set level = candidate.level, unit = candidate.unit, chainage_m = candidate.chainage_m
            where id = candidate.id;
            done := done || case when found then candidate.id || ',' else '' end;
        exception when insufficient_privilege then null;
        end;
    end loop;
    perform set_config('test.done', done, true);
end $$;
"""


LOWER_LEVELS = """
do $$
declare candidate record; done text := '';
begin
    for candidate in
        select * from json_to_recordset(current_setting('test.rows')::json) as r (id uuid, level app.level)
    loop
        begin
            update app.incidents set level = candidate.level where id = candidate.id;
            done := done || case when found then candidate.id || ',' else '' end;
        exception when insufficient_privilege or sqlstate 'CM007' or sqlstate 'CM008' then null;
        end;
    end loop;
    perform set_config('test.done', done, true);
end $$;
"""
