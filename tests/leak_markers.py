"""Data with leak markers: each field of each row holds a text, number, date or position that occurs nowhere else.

Tests search answers for them, also inside files and tiles; a leak marker tells the row and the field that it comes
from. Which actor may know which is stated here independently of the access policy.
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
    "unit A": (Level.INTERNAL, UNIT_A),
    "unit B": (Level.INTERNAL, UNIT_B),
    "no unit": (Level.INTERNAL, None),
    "restricted": (Level.RESTRICTED, UNIT_A),
    "assumed": (Level.PUBLIC, None),
    "retired": (Level.PUBLIC, None),
    "reclassified": (Level.RESTRICTED, None),
}
"""The kinds of rows: their level in the end, and the unit that owns them."""


RECIPIENT_NAME = "Bên nhận"
RELEASED_FIELDS: dict[str, tuple[tuple[str, ...], int | None]] = {
    "markers": (("number", "address", "chainage_m", "source"), 6),
    "lines": (("source", "licence"), 6),
    "sectors": (("name", "source", "unit"), 6),
    "incidents": (("code", "description", "source"), 6),
    "gates": (("name", "counterpart", "aliases"), None),
    "crossings": (("name", "gate", "gate_id"), 6),
}
"""What the release contains of each layer: the fields, and the decimals of positions (None: no positions)."""


GATE_OF = {
    "public": "restricted", "partner": "public", "unit A": "unit B", "unit B": "unit A", "no unit": "no unit",
    "assumed": "reclassified",
}  # fmt: skip
"""The gate that each crossing is linked to, both by kind."""


@dataclass
class Row:
    """A row: its layer, its kind, its number in the data set, its id."""

    layer: Layer
    kind: str
    number: int
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def mentions_restricted(self) -> bool:
        """Whether its released copy mentioned a gate that became restricted afterwards, and was removed with it."""
        return self.layer.name == "crossings" and GATE_OF.get(self.kind) == "reclassified"

    @property
    def is_released(self) -> bool:
        """Whether it was released to the partner; rows that became restricted afterwards were removed again."""
        shared = self.kind in ("public", "partner", "assumed", "reclassified", "retired")
        return self.layer.name in RELEASED_FIELDS and shared

    def recipient_may_know(self, marker: int | str) -> bool:
        """Whether the partner may know a leak marker of this row."""
        if not self.is_released or self.kind == "reclassified" or self.mentions_restricted:
            return self.is_released and marker == ID  # the tombstone has the id
        fields, decimals = RELEASED_FIELDS[self.layer.name]
        has_position = decimals is not None and self.kind != "assumed" and self.is_demarcated
        if marker in (ID, POSITION):
            return marker == ID or has_position
        if not isinstance(marker, int) or marker >= CHILD:
            return False
        name = self.field_names[marker]
        masked = self.kind == "assumed" and name in ("address", "chainage_m", "accuracy_m")
        return name in {*fields, *self.layer.required_with_geometry} and not masked

    @property
    def is_demarcated(self) -> bool:
        """Whether the field that a position requires is set: ``demarcated`` of one sector is not."""
        return (self.layer.name, self.kind) != ("sectors", "partner")

    @property
    def level(self) -> Level:
        """Its final level."""
        return ROW_KINDS[self.kind][0]

    @property
    def lon(self) -> float:
        """Its longitude, which encodes the number of the row."""
        return round(105.9 + self.number / 1000 + 0.000073, 6)

    @cached_property
    def field_names(self) -> list[str]:
        """Its field names in the order by which leak markers number them."""
        return list(self.layer.fields)

    def belongs_to_unit(self, unit: str | None) -> bool:
        """Whether the unit owns the row: the row names the unit, or lies on its sector."""
        if "border" in self.layer.fields and self.layer.name != "sectors":
            return unit is not None and ROW_KINDS[self.kind][1] == unit
        has_unit = self.layer.name in ("incidents", "works", "tasks", "sectors")
        return unit is not None and has_unit and ROW_KINDS[self.kind][1] == unit

    def visible_to(self, actor: Actor) -> bool:
        """Whether the actor may know that the row exists."""
        if actor.role.external:
            return self.recipient_may_know(POSITION) or (
                self.is_released and self.kind != "reclassified" and not self.mentions_restricted
            )
        if not actor.level.may_read(self.level):
            return False
        return not actor.role.scoped or Level.PARTNER.may_read(self.level) or self.belongs_to_unit(actor.unit)

    def may_know(self, actor: Actor, marker: int | str) -> bool:
        """Whether the actor may know a leak marker of this row."""
        if actor.role.external:
            return self.recipient_may_know(marker)
        if not self.visible_to(actor):
            return False
        if marker in (ID, CHILD, LINK_ADDRESS):
            return True
        is_own = not actor.role.scoped or self.belongs_to_unit(actor.unit)
        if marker in (ORIGINAL, REASON, ACTOR, NOTE):
            return is_own and actor.level.may_read(Level.INTERNAL)
        withheld = self.kind == "assumed" and not actor.level.sees_assumed_positions
        if marker == POSITION:
            return not withheld
        layer_field = self.layer.fields[self.field_names[int(marker)]]
        masked = withheld and layer_field.name in ("address", "chainage_m", "accuracy_m")
        may_read = actor.level.may_read(layer_field.level) and (is_own or Level.PARTNER.may_read(layer_field.level))
        return may_read and not masked


def marker_text(row: int, marker: int) -> str:
    """A text that occurs nowhere else."""
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
    }.get(layer_field.type.name)


@dataclass
class MarkedDataset:
    """The rows, the moment before some of them became restricted, and the id of the release."""

    rows: list[Row] = field(default_factory=list)
    before_reclassification: dt.datetime | None = None
    release: uuid.UUID = field(default_factory=uuid.uuid4)

    def of(self, layer: str, kind: str) -> Row:
        """The row of a layer and kind."""
        return next(row for row in self.rows if row.layer.name == layer and row.kind == kind)

    def hidden_from(self, actor: Actor) -> list[Row]:
        """The rows that are not visible to the actor."""
        return [row for row in self.rows if not row.visible_to(actor)]

    def markers_in(self, content: str) -> set[tuple[int, int | str]]:
        """Every leak marker in a text: the number of its row, and the field or other part it comes from."""
        markers: set[tuple[int, int | str]] = {(int(row), int(what)) for row, what in NAME_PATTERN.findall(content)}
        markers |= {(int(row), int(what)) for row, what in NUMBER_PATTERN.findall(content)}
        markers |= {(round((float(lon) - 105.9) * 1000), POSITION) for lon in POSITION_PATTERN.findall(content)}
        for year, month, day, day_, month_, year_ in DATE_PATTERN.findall(content):
            days = (dt.date(int(year or year_), int(month or month_), int(day or day_)) - FIRST_DAY).days
            markers.add((days // 40, days % 40))
        markers |= {(self._numbers[id_], ID) for id_ in UUID_PATTERN.findall(content) if id_ in self._numbers}
        return {(row, what) for row, what in markers if row < len(self.rows)}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {str(row.id): row.number for row in self.rows}

    def leaks(self, actor: Actor | None, markers: Iterable[tuple[int, int | str]]) -> list[str]:
        """The leak markers that the actor may not know, by name; without an actor all of them."""
        hidden = [
            (self.rows[row], what) for row, what in markers if actor is None or not self.rows[row].may_know(actor, what)
        ]
        return sorted(
            f"{row.layer.name}/{row.kind}: {row.field_names[what] if isinstance(what, int) and what < CHILD else what}"
            for row, what in hidden
        )


def create_marked_dataset(database: Database, *, with_release: bool = False) -> MarkedDataset:
    """Fill a migrated database: a straight border with the sectors of two units, every kind of row in every layer.

    With ``with_release`` a release is published to a partner before any row is reclassified.
    """
    dataset = MarkedDataset()
    with database.transaction(SYSTEM, write=True) as session:
        linear.build_route(session, "VN-KH", ["LINESTRING(105.85 11.6, 106.15 11.6)"])
    for layer in catalog.values():
        for kind in ROW_KINDS:
            row = Row(layer, kind, len(dataset.rows))
            dataset.rows.append(row)
            author = Actor(marker_text(row.number, ACTOR), OFFICE_STAFF)
            with database.transaction(author, write=True, reason=marker_text(row.number, REASON)) as session:
                _insert_row(session, row)
    with database.transaction(SYSTEM, write=True) as session:
        _add_links(session, dataset)
        dataset.before_reclassification = session.execute(text("select clock_timestamp()")).scalar_one()
    if with_release:
        dataset.release = _publish_release(database, dataset.of("documents", "reclassified"))
    with database.transaction(SYSTEM, write=True) as session:
        for row in dataset.rows:
            feature = session.get_one(row.layer.model, row.id)
            if row.kind == "reclassified":
                feature.level = Level.RESTRICTED
            if row.kind == "retired":
                feature.retired_at = dt.datetime.now(dt.UTC)
    return dataset


def _insert_row(session: Session, row: Row) -> None:
    layer, (level, unit) = row.layer, ROW_KINDS[row.kind]
    values = {
        layer_field.name: _marker_value(layer_field, row, index)
        for index, layer_field in enumerate(layer.fields.values())
        if layer_field.sql is None
        and layer_field.name not in ("version", "created_at", "created_by", "updated_at", "retired_at", "border")
    }
    values |= {"level": Level.PUBLIC if row.kind == "reclassified" else level, "position_source": PositionSource.GPS}
    values |= {"progress": 0} if "progress" in layer.fields else {}
    values |= {name: unit for name in ("unit", "lead_unit") if unit is not None and name in layer.fields}
    if layer.name == "units":
        values["parent"] = None
    if layer.name == "markers":
        values["number"] = str(9000 + row.number)  # the existence of a number is public
    if "chainage_m" in layer.fields:  # on the sector of the unit, or far from both
        values["chainage_m"] = {UNIT_A: 1000.5, UNIT_B: 21000.5}.get(unit or "", values["chainage_m"])
    if layer.name == "sectors":
        values |= {UNIT_A: {"start_m": 0.0, "end_m": 2000.0}, UNIT_B: {"start_m": 20000.0, "end_m": 22000.0}}.get(
            unit if level is Level.INTERNAL and unit else "", {"start_m": None, "end_m": None}
        )
    feature = layer.model(id=row.id, **{key: value for key, value in values.items() if value is not None})
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
        info = column.info.get("field")
        if info is None:
            continue
        if info["codes"] is not None:
            values[column.name] = next(iter(info["codes"]))
        else:
            text_value = marker_text(row.number, CHILD if Level.PARTNER.may_read(info["level"]) else NOTE)
            values[column.name] = {
                "text": text_value, "integer": 2030, "date": dt.date(2026, 1, 1), "boolean": True
            }.get(info["type"].name)  # fmt: skip
    if "kind" in values:
        values["kind"] = "note"
    return child_table(feature_id=row.id, **values)


def _publish_release(database: Database, document: Row) -> uuid.UUID:
    """Prepare a release as one actor, approve and publish it as another; gives its id."""
    preparer, approver = Actor("preparer", OFFICE_STAFF), Actor("second", OFFICE_STAFF)
    parts = [
        PreparedPart(Selection(catalog[layer], RELEASE_LEVEL), *options, {})
        for layer, options in RELEASED_FIELDS.items()
    ]
    with database.transaction(PARTNER) as session:
        content = {part.selection.layer.name: contents.releasable_content(session, part) for part in parts}
    with database.transaction(preparer, write=True) as session:
        # The document that is its basis becomes restricted later.
        terms = Terms(document.id, basis=marker_text(document.number, document.field_names.index("number")))
        version = workflow.prepare(session, "Bản chia sẻ", RECIPIENT_NAME, terms, parts)
        workflow.submit(session, version, content, [])
        release, number = version.release_id, version.number
    for state in (ReleaseState.APPROVED, ReleaseState.PUBLISHED):
        with database.transaction(approver, write=True) as session:
            workflow.transition(session, workflow.version_of(session, release, number), state)
    return release


def _add_links(session: Session, dataset: MarkedDataset) -> None:
    """Link rows to rows of every kind and to positions; a link must not reveal a hidden row."""
    for kind, gate in GATE_OF.items():
        crossing = dataset.of("crossings", kind).id
        session.add(Link(feature_id=crossing, to_id=dataset.of("gates", gate).id, role="gate"))
    for layer_name in ("incidents", "works", "tasks"):
        for kind in ("public", "unit A", "unit B", "restricted"):
            source = dataset.of(layer_name, kind)
            for layer in ("markers", "gates", "documents"):
                for other_kind in ROW_KINDS:
                    if other_kind != "retired":
                        session.add(Link(feature_id=source.id, to_id=dataset.of(layer, other_kind).id, role="subject"))
            position = from_shape(Point(source.lon, 11.6), srid=WGS84)
            session.add(
                Link(feature_id=source.id, role="site", at=marker_text(source.number, LINK_ADDRESS), route="VN-KH",
                     geom=position, position_source=PositionSource.GPS)
            )  # fmt: skip


RECIPIENT_ACTOR = Actor("token:a-partner", RECIPIENT, recipient=RECIPIENT_NAME)
OFFICER_OF = {unit: Actor("officer", OFFICER, unit) for unit in (UNIT_A, UNIT_B)}
