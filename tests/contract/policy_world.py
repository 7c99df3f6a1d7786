"""Rows of every kind and readers of every role, with the policy said once more in Python."""

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
            layer.name: [row_of(layer, chance, number) for number in range(number_of.get(layer.name, ROWS))]
            for layer in LAYERS
        }
    )


def row_of(layer: Layer, chance: random.Random, number: int) -> dict[str, Any]:
    row = {name: value_for(layer, name, chance, number) for name in stored_row(layer)}
    row["retired_at"] = chance.choice([None, None, None, "2026-01-01T00:00:00+00:00"])
    if layer.name == "sectors":
        ends = [chance.choice([None, *range(0, 5000, 500)]) for _ in range(2)]
        row["start_m"], row["end_m"] = ends if None in ends or chance.random() < 0.2 else sorted(ends)
    return row


def stored_row(layer: Layer) -> list[str]:
    return [
        column.name
        for column in layer.model.__table__.columns
        if column.computed is None and column.name not in ("geom", "original")
    ]


def value_for(layer: Layer, name: str, chance: random.Random, number: int) -> Any:
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


def json_of(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, default=str)


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
