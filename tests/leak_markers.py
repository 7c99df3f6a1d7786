"""A house full of canaries: each field of each row holds words, numbers, days and places that stand nowhere else.

Whatever leaves the house is searched for them, also inside files and tiles, and each canary that is found says which
row and which field it comes from. Who may know of which is said here once more, in plain Python.
"""

import datetime as dt
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from geoalchemy2.shape import from_shape
from shapely.geometry import LineString, Point
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis.crs.systems import WGS84
from gis.db.actors import Actor
from gis.db.session import Database
from gis.model.children import child_tables
from gis.model.fields import Field, Level, PositionSource
from gis.model.layer import Layer, catalog
from gis.model.links import Link
from gis.read import linear
from gis.read.selection import Selection
from gis.release import contents, workflow
from gis.release.contents import PreparedPart
from gis.release.models import ReleaseState
from gis.release.snapshot import RELEASE_LEVEL
from gis.release.workflow import Terms
from layers.policy import OFFICE_STAFF, OFFICER, PARTNER, RECIPIENT, SYSTEM

UNIT_A, UNIT_B = "Đồn Alpha", "Đồn Bravo"
CHILD_TABLES = dict(child_tables.items())

NAME_PATTERN = re.compile(r"zq(\d{3})(\d{2})z")
NUMBER_PATTERN = re.compile(r"(?<![\w.-])73(\d{3})(\d{2})(?:\.0+)?(?![\w.])")
POSITION_PATTERN = re.compile(r"(?<!\d)10[56]\.\d{3}073")
DATE_PATTERN = re.compile(r"\b(19[5-9]\d|20[01]\d)-(\d\d)-(\d\d)\b|\b(\d\d)/(\d\d)/(19[5-9]\d|20[01]\d)\b")
UUID_PATTERN = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")

FIRST_DAY = dt.date(1950, 1, 1)
POSITION, CHILD, ORIGINAL, REASON, ACTOR, LINK_ADDRESS, NOTE, ID = "place", 90, 91, 92, 93, 94, 95, "id"

ROW_KINDS = {
    "public": (Level.PUBLIC, None),
    "partner": (Level.PARTNER, None),
    "ours": (Level.INTERNAL, UNIT_A),
    "theirs": (Level.INTERNAL, UNIT_B),
    "nobodys": (Level.INTERNAL, None),
    "restricted": (Level.RESTRICTED, UNIT_A),
    "assumed": (Level.PUBLIC, None),
    "retired": (Level.PUBLIC, None),
    "reclassified": (Level.RESTRICTED, None),
}
"""What becomes of a row: its level in the end, and the unit whose matter it is."""


RECIPIENT_NAME = "Bên nhận"
RELEASED_FIELDS: dict[str, tuple[tuple[str, ...], int | None]] = {
    "markers": (("number", "address", "chainage_m", "source"), 6),
    "lines": (("source", "licence"), 6),
    "sectors": (("name", "source", "unit"), 6),
    "incidents": (("code", "description", "source"), 6),
    "gates": (("name", "counterpart", "aliases"), None),
    "crossings": (("name", "gate", "gate_id"), 6),
}
"""What a partner receives of every layer: the fields that are named, and the decimals of its places."""


GATE_OF = {
    "public": "restricted", "partner": "public", "ours": "theirs", "theirs": "ours", "nobodys": "nobodys",
    "assumed": "reclassified",
}  # fmt: skip
"""To which gate each crossing belongs, by what becomes of them."""


@dataclass
class Row:
    """A row of the house: which layer, what kind, its number among all, its id."""

    layer: Layer
    kind: str
    number: int
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def mentions_restricted(self) -> bool:
        """Whether its copy told of a thing that became restricted afterwards, so that it was held back with that."""
        return self.layer.name == "crossings" and GATE_OF.get(self.kind) == "reclassified"

    @property
    def is_released(self) -> bool:
        """Whether the partner was given it: what became restricted afterwards too, and that was held back."""
        shared = self.kind in ("public", "partner", "assumed", "reclassified", "retired")
        return self.layer.name in RELEASED_FIELDS and shared

    def recipient_may_know(self, marker: int | str) -> bool:
        """Whether the partner may know of it what a canary says."""
        if not self.is_released or self.kind == "reclassified" or self.mentions_restricted:
            return self.is_released and marker == ID  # that it is gone, by its id
        fields, decimals = RELEASED_FIELDS[self.layer.name]
        placed = decimals is not None and self.kind != "assumed" and self.is_demarcated
        if marker in (ID, POSITION):
            return marker == ID or placed
        if not isinstance(marker, int) or marker >= CHILD:
            return False
        message = self.names[marker]
        away = self.kind == "assumed" and message in ("address", "chainage_m", "accuracy_m")
        return message in {*fields, *self.layer.required_with_geometry} and not away

    @property
    def is_demarcated(self) -> bool:
        """Whether what its place may not go without is said: nobody has said of this sector that it is demarcated."""
        return (self.layer.name, self.kind) != ("sectors", "partner")

    @property
    def level(self) -> Level:
        """Its level in the end."""
        return ROW_KINDS[self.kind][0]

    @property
    def lon(self) -> float:
        """Where it stands, at a place that says which row it is."""
        return round(105.9 + self.number / 1000 + 0.000073, 6)

    @cached_property
    def names(self) -> list[str]:
        """Its fields in a fixed order, by which the canaries count them."""
        return list(self.layer.fields)

    def belongs_to_unit(self, unit: str | None) -> bool:
        """Whether it is a matter of the unit: what names one does, and what stands on the one's stretch."""
        if "border" in self.layer.fields and self.layer.name != "sectors":
            return unit is not None and ROW_KINDS[self.kind][1] == unit
        named = self.layer.name in ("incidents", "works", "tasks", "sectors")
        return unit is not None and named and ROW_KINDS[self.kind][1] == unit

    def visible_to(self, actor: Actor) -> bool:
        """Whether somebody may know of it at all."""
        if actor.role.external:
            return self.recipient_may_know(POSITION) or (
                self.is_released and self.kind != "reclassified" and not self.mentions_restricted
            )
        if not actor.level.may_read(self.level):
            return False
        return not actor.role.scoped or Level.PARTNER.may_read(self.level) or self.belongs_to_unit(actor.unit)

    def may_know(self, actor: Actor, marker: int | str) -> bool:
        """Whether somebody may know of it what a canary says."""
        if actor.role.external:
            return self.recipient_may_know(marker)
        if not self.visible_to(actor):
            return False
        if marker in (ID, CHILD, LINK_ADDRESS):
            return True
        own_value = not actor.role.scoped or self.belongs_to_unit(actor.unit)
        if marker in (ORIGINAL, REASON, ACTOR, NOTE):
            return own_value and actor.level.may_read(Level.INTERNAL)
        withheld = self.kind == "assumed" and not actor.level.sees_assumed_positions
        if marker == POSITION:
            return not withheld
        entry = self.layer.fields[self.names[int(marker)]]
        away = withheld and entry.name in ("address", "chainage_m", "accuracy_m")
        return actor.level.may_read(entry.level) and not away and (own_value or Level.PARTNER.may_read(entry.level))


def marker_text(row: int, marker: int) -> str:
    """A word that stands nowhere else."""
    return f"zq{row:03d}{marker:02d}z"


def _marker_value(layer_field: Field, row: Row, index: int) -> Any:
    if layer_field.codes is not None:
        return next(iter(layer_field.codes)) if not layer_field.nullable else None
    return {
        "text": marker_text(row.number, index),
        "integer": 7300000 + row.number * 100 + index,
        "number": 7300000 + row.number * 100 + index,
        "date": FIRST_DAY + dt.timedelta(days=row.number * 40 + index),
        "datetime": dt.datetime.combine(FIRST_DAY, dt.time(5), dt.UTC) + dt.timedelta(days=row.number * 40 + index),
        "boolean": True,
        "list": [marker_text(row.number, index)],
        "json": {"text": marker_text(row.number, ORIGINAL)},
    }.get(layer_field.type)


@dataclass
class MarkedDataset:
    """The rows, and the moment before some of them became restricted."""

    rows: list[Row] = field(default_factory=list)
    before_reclassification: dt.datetime | None = None
    release: uuid.UUID = field(default_factory=uuid.uuid4)

    def of(self, layer: str, kind: str) -> Row:
        """The row of a layer and kind."""
        return next(row for row in self.rows if row.layer.name == layer and row.kind == kind)

    def hidden_from(self, actor: Actor) -> list[Row]:
        """The rows that somebody may not know of."""
        return [row for row in self.rows if not row.visible_to(actor)]

    def markers_in(self, content: str) -> set[tuple[int, int | str]]:
        """Every canary in a text: which row, and what of it."""
        results: set[tuple[int, int | str]] = {(int(row), int(what)) for row, what in NAME_PATTERN.findall(content)}
        results |= {(int(row), int(what)) for row, what in NUMBER_PATTERN.findall(content)}
        results |= {(round((float(lon) - 105.9) * 1000), POSITION) for lon in POSITION_PATTERN.findall(content)}
        for year, month, day, day_, month_, year_ in DATE_PATTERN.findall(content):
            days = (dt.date(int(year or year_), int(month or month_), int(day or day_)) - FIRST_DAY).days
            results.add((days // 40, days % 40))
        results |= {(self._numbers[entry], ID) for entry in UUID_PATTERN.findall(content) if entry in self._numbers}
        return {(row, what) for row, what in results if row < len(self.rows)}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {str(row.id): row.number for row in self.rows}

    def leaks(self, actor: Actor | None, markers: Iterable[tuple[int, int | str]]) -> list[str]:
        """The canaries of a text that somebody may not know of, by name; nobody may know of any."""
        message = [
            (self.rows[row], what) for row, what in markers if actor is None or not self.rows[row].may_know(actor, what)
        ]
        return sorted(
            f"{row.layer.name}/{row.kind}: {row.names[what] if isinstance(what, int) and what < CHILD else what}"
            for row, what in message
        )


def create_marked_dataset(database: Database, *, with_release: bool = False) -> MarkedDataset:
    """Fill a migrated database: a straight border with two units' sectors on it, every kind of every layer.

    With ``releasing`` a partner is given some of it before anything is reclassified.
    """
    server = MarkedDataset()
    with database.transaction(SYSTEM, write=True) as session:
        linear.build_route(session, "VN-KH", ["LINESTRING(105.85 11.6, 106.15 11.6)"])
    for layer in catalog.values():
        for kind in ROW_KINDS:
            row = Row(layer, kind, len(server.rows))
            server.rows.append(row)
            named = Actor(marker_text(row.number, ACTOR), OFFICE_STAFF)
            with database.transaction(named, write=True, reason=marker_text(row.number, REASON)) as session:
                _fill(session, row)
    with database.transaction(SYSTEM, write=True) as session:
        _add_links(session, server)
        server.before_reclassification = session.execute(text("select clock_timestamp()")).scalar_one()
    if with_release:
        server.release = _publish_release(database, server.of("documents", "reclassified"))
    with database.transaction(SYSTEM, write=True) as session:
        for row in server.rows:
            feature = session.get_one(row.layer.model, row.id)
            if row.kind == "reclassified":
                feature.level = Level.RESTRICTED
            if row.kind == "retired":
                feature.retired_at = dt.datetime.now(dt.UTC)
    return server


def _fill(session: Session, row: Row) -> None:
    layer, (level, unit) = row.layer, ROW_KINDS[row.kind]
    inputs = {
        entry.name: _marker_value(entry, row, index)
        for index, entry in enumerate(layer.fields.values())
        if entry.sql is None
        and entry.name not in ("version", "created_at", "created_by", "updated_at", "retired_at", "border")
    }
    inputs |= {"level": Level.PUBLIC if row.kind == "reclassified" else level, "position_source": PositionSource.GPS}
    inputs |= {"progress": 0} if "progress" in layer.fields else {}
    inputs |= {entry: unit for entry in ("unit", "lead_unit") if unit is not None and entry in layer.fields}
    if layer.name == "units":
        inputs["parent"] = None
    if layer.name == "markers":
        inputs["number"] = str(9000 + row.number)  # that a number exists is public
    if "chainage_m" in layer.fields:  # far from the sectors of the two units, or on one
        inputs["chainage_m"] = {UNIT_A: 1000.5, UNIT_B: 21000.5}.get(unit or "", inputs["chainage_m"])
    if layer.name == "sectors":
        inputs |= {UNIT_A: {"start_m": 0.0, "end_m": 2000.0}, UNIT_B: {"start_m": 20000.0, "end_m": 22000.0}}.get(
            unit if level is Level.INTERNAL and unit else "", {"start_m": None, "end_m": None}
        )
    feature = layer.model(id=row.id, **{key: value for key, value in inputs.items() if value is not None})
    shape = (
        LineString([(row.lon, 11.6), (row.lon, 11.61)]) if layer.geometry_type == "LINESTRING" else Point(row.lon, 11.6)
    )
    feature.geom = from_shape(shape, srid=WGS84)
    if "border" in layer.fields:
        feature.border = "VN-KH"
    if not row.is_demarcated:
        feature.demarcated = None
    if row.kind == "assumed":
        feature.position_source = PositionSource.ASSUMED
    session.add(feature)
    session.flush()
    for part in CHILD_TABLES.values():
        if part.parent is layer.model:
            session.add(_child_row(part, row))
    session.flush()


def _child_row(child_table: Any, row: Row) -> Any:
    values: dict[str, Any] = {}
    for column in child_table.__table__.columns:
        about = column.info.get("field")
        if about is None:
            continue
        if about["codes"] is not None:
            values[column.name] = next(iter(about["codes"]))
        else:
            word = marker_text(row.number, CHILD if Level.PARTNER.may_read(about["level"]) else NOTE)
            values[column.name] = {
                "text": word, "integer": 2030, "date": dt.date(2026, 1, 1), "boolean": True
            }.get(about["type"])  # fmt: skip
    if "kind" in values:
        values["kind"] = "note"
    return child_table(feature_id=row.id, **values)


def _publish_release(database: Database, document: Row) -> uuid.UUID:
    """Prepare and publish what the partner receives, by two people; gives the release's id."""
    preparer, second = Actor("preparer", OFFICE_STAFF), Actor("second", OFFICE_STAFF)
    parts = [
        PreparedPart(Selection(catalog[entry], RELEASE_LEVEL), *about, {}) for entry, about in RELEASED_FIELDS.items()
    ]
    with database.transaction(PARTNER) as session:
        going = {entry.selection.layer.name: contents.releasable_content(session, entry) for entry in parts}
    with database.transaction(preparer, write=True) as session:
        # The paper that it rests on becomes restricted too.
        terms = Terms(document.id, basis=marker_text(document.number, document.names.index("number")))
        version = workflow.prepare(session, "Bản chia sẻ", RECIPIENT_NAME, terms, parts)
        workflow.submit(session, version, going, [])
        release, number = version.release_id, version.number
    for state in (ReleaseState.APPROVED, ReleaseState.PUBLISHED):
        with database.transaction(second, write=True) as session:
            workflow.transition(session, workflow.version_of(session, release, number), state)
    return release


def _add_links(session: Session, dataset: MarkedDataset) -> None:
    """Whatever is public points at whatever is not, and at places; nothing hidden may show through."""
    for kind, gate in GATE_OF.items():
        crossing = dataset.of("crossings", kind).id
        session.add(Link(feature_id=crossing, to_id=dataset.of("gates", gate).id, role="gate"))
    for start in ("incidents", "works", "tasks"):
        for kind in ("public", "ours", "theirs", "restricted"):
            here = dataset.of(start, kind)
            for layer in ("markers", "gates", "documents"):
                for other in ROW_KINDS:
                    if other != "retired":
                        session.add(Link(feature_id=here.id, to_id=dataset.of(layer, other).id, role="subject"))
            place = from_shape(Point(here.lon, 11.6), srid=WGS84)
            session.add(
                Link(feature_id=here.id, role="site", at=marker_text(here.number, LINK_ADDRESS), route="VN-KH",
                     geom=place, position_source=PositionSource.GPS)
            )  # fmt: skip


RECIPIENT_ACTOR = Actor("token:a-partner", RECIPIENT, recipient=RECIPIENT_NAME)
OFFICER_OF = {unit: Actor("officer", OFFICER, unit) for unit in (UNIT_A, UNIT_B)}
