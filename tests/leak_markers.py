"""A house full of canaries: each field of each row holds words, numbers, days and places that stand nowhere else.

Whatever leaves the house is searched for them, also inside files and tiles, and each canary that is found says which
row and which field it comes from. Who may know of which is said here once more, in plain Python.
"""

import datetime as dt
import gzip
import io
import re
import sqlite3
import tempfile
import uuid
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas
import openpyxl
import pyogrio
from geoalchemy2.shape import from_shape
from shapely.geometry import LineString, Point
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis.crs.systems import WGS84
from gis.db.actors import Actor
from gis.db.session import Database
from gis.model.fields import Field, Level, PositionSource
from gis.model.layer import Layer, catalog, parts
from gis.model.links import Link
from gis.read import linear
from gis.read.sql import Selection
from gis.release import workflow as sharing
from gis.release.models import ReleaseState
from gis.release.snapshot import READER
from gis.release.workflow import Part, Terms
from layers.policy import OFFICE_STAFF, OFFICER, PARTNER, RECIPIENT, SYSTEM

UNIT_A, UNIT_B = "Đồn Alpha", "Đồn Bravo"
PARTS = dict(parts.items())

NAMES = re.compile(r"zq(\d{3})(\d{2})z")
NUMBERS = re.compile(r"(?<![\w.-])73(\d{3})(\d{2})(?:\.0+)?(?![\w.])")
PLACES = re.compile(r"(?<!\d)10[56]\.\d{3}073")
DAYS = re.compile(r"\b(19[5-9]\d|20[01]\d)-(\d\d)-(\d\d)\b|\b(\d\d)/(\d\d)/(19[5-9]\d|20[01]\d)\b")
IDS = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")

FIRST_DAY = dt.date(1950, 1, 1)
PLACE, PART, ORIGINAL, REASON, ACTOR, AT, NOTE, ID = "place", 90, 91, 92, 93, 94, 95, "id"

KINDS = {
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


RECEIVER = "Bên nhận"
RELEASED: dict[str, tuple[tuple[str, ...], int | None]] = {
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
    def tells(self) -> bool:
        """Whether its copy told of a thing that became restricted afterwards, so that it was held back with that."""
        return self.layer.name == "crossings" and GATE_OF.get(self.kind) == "reclassified"

    @property
    def released(self) -> bool:
        """Whether the partner was given it: what became restricted afterwards too, and that was held back."""
        shared = self.kind in ("public", "partner", "assumed", "reclassified", "retired")
        return self.layer.name in RELEASED and shared

    def received(self, what: int | str) -> bool:
        """Whether the partner may know of it what a canary says."""
        if not self.released or self.kind == "reclassified" or self.tells:
            return self.released and what == ID  # that it is gone, by its id
        fields, decimals = RELEASED[self.layer.name]
        placed = decimals is not None and self.kind != "assumed" and self.vouched
        if what in (ID, PLACE):
            return what == ID or placed
        if not isinstance(what, int) or what >= PART:
            return False
        told = self.names[what]
        away = self.kind == "assumed" and told in ("address", "chainage_m", "accuracy_m")
        return told in {*fields, *self.layer.always_with} and not away

    @property
    def vouched(self) -> bool:
        """Whether what its place may not go without is said: nobody has said of this sector that it is demarcated."""
        return (self.layer.name, self.kind) != ("sectors", "partner")

    @property
    def level(self) -> Level:
        """Its level in the end."""
        return KINDS[self.kind][0]

    @property
    def lon(self) -> float:
        """Where it stands, at a place that says which row it is."""
        return round(105.9 + self.number / 1000 + 0.000073, 6)

    @cached_property
    def names(self) -> list[str]:
        """Its fields in a fixed order, by which the canaries count them."""
        return list(self.layer.fields)

    def is_own(self, unit: str | None) -> bool:
        """Whether it is a matter of the unit: what names one does, and what stands on the one's stretch."""
        if "border" in self.layer.fields and self.layer.name != "sectors":
            return unit is not None and KINDS[self.kind][1] == unit
        named = self.layer.name in ("incidents", "works", "tasks", "sectors")
        return unit is not None and named and KINDS[self.kind][1] == unit

    def seen_by(self, actor: Actor) -> bool:
        """Whether somebody may know of it at all."""
        if actor.role.outside:
            return self.received(PLACE) or (self.released and self.kind != "reclassified" and not self.tells)
        if not actor.level.reads(self.level):
            return False
        return not actor.role.scoped or Level.PARTNER.reads(self.level) or self.is_own(actor.unit)

    def told_to(self, actor: Actor, what: int | str) -> bool:
        """Whether somebody may know of it what a canary says."""
        if actor.role.outside:
            return self.received(what)
        if not self.seen_by(actor):
            return False
        if what in (ID, PART, AT):
            return True
        own = not actor.role.scoped or self.is_own(actor.unit)
        if what in (ORIGINAL, REASON, ACTOR, NOTE):
            return own and actor.level.reads(Level.INTERNAL)
        withheld = self.kind == "assumed" and not actor.level.sees_assumed
        if what == PLACE:
            return not withheld
        one = self.layer.fields[self.names[int(what)]]
        away = withheld and one.name in ("address", "chainage_m", "accuracy_m")
        return actor.level.reads(one.level) and not away and (own or Level.PARTNER.reads(one.level))


def name(row: int, what: int) -> str:
    """A word that stands nowhere else."""
    return f"zq{row:03d}{what:02d}z"


def _value(one: Field, row: Row, index: int) -> Any:
    if one.codes is not None:
        return next(iter(one.codes)) if not one.nullable else None
    return {
        "text": name(row.number, index),
        "integer": 7300000 + row.number * 100 + index,
        "number": 7300000 + row.number * 100 + index,
        "date": FIRST_DAY + dt.timedelta(days=row.number * 40 + index),
        "datetime": dt.datetime.combine(FIRST_DAY, dt.time(5), dt.UTC) + dt.timedelta(days=row.number * 40 + index),
        "boolean": True,
        "list": [name(row.number, index)],
        "json": {"text": name(row.number, ORIGINAL)},
    }.get(one.type)


@dataclass
class House:
    """The rows, and the moment before some of them became restricted."""

    rows: list[Row] = field(default_factory=list)
    before: dt.datetime | None = None
    release: uuid.UUID = field(default_factory=uuid.uuid4)

    def of(self, layer: str, kind: str) -> Row:
        """The row of a layer and kind."""
        return next(row for row in self.rows if row.layer.name == layer and row.kind == kind)

    def hidden_from(self, actor: Actor) -> list[Row]:
        """The rows that somebody may not know of."""
        return [row for row in self.rows if not row.seen_by(actor)]

    def found_in(self, said: str) -> set[tuple[int, int | str]]:
        """Every canary in a text: which row, and what of it."""
        found: set[tuple[int, int | str]] = {(int(row), int(what)) for row, what in NAMES.findall(said)}
        found |= {(int(row), int(what)) for row, what in NUMBERS.findall(said)}
        found |= {(round((float(lon) - 105.9) * 1000), PLACE) for lon in PLACES.findall(said)}
        for year, month, day, day_, month_, year_ in DAYS.findall(said):
            days = (dt.date(int(year or year_), int(month or month_), int(day or day_)) - FIRST_DAY).days
            found.add((days // 40, days % 40))
        found |= {(self._numbers[one], ID) for one in IDS.findall(said) if one in self._numbers}
        return {(row, what) for row, what in found if row < len(self.rows)}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {str(row.id): row.number for row in self.rows}

    def leaks(self, actor: Actor | None, found: Iterable[tuple[int, int | str]]) -> list[str]:
        """The canaries of a text that somebody may not know of, by name; nobody may know of any."""
        told = [
            (self.rows[row], what) for row, what in found if actor is None or not self.rows[row].told_to(actor, what)
        ]
        return sorted(
            f"{row.layer.name}/{row.kind}: {row.names[what] if isinstance(what, int) and what < PART else what}"
            for row, what in told
        )


def furnish(database: Database, *, releasing: bool = False) -> House:
    """Fill a migrated database: a straight border with two units' sectors on it, every kind of every layer.

    With ``releasing`` a partner is given some of it before anything is reclassified.
    """
    house = House()
    with database.acting(SYSTEM, write=True) as session:
        linear.build(session, "VN-KH", ["LINESTRING(105.85 11.6, 106.15 11.6)"])
    for layer in catalog.values():
        for kind in KINDS:
            row = Row(layer, kind, len(house.rows))
            house.rows.append(row)
            named = Actor(name(row.number, ACTOR), OFFICE_STAFF)
            with database.acting(named, write=True, reason=name(row.number, REASON)) as session:
                _fill(session, row)
    with database.acting(SYSTEM, write=True) as session:
        _join(session, house)
        house.before = session.execute(text("select clock_timestamp()")).scalar_one()
    if releasing:
        house.release = _release(database, house.of("documents", "reclassified"))
    with database.acting(SYSTEM, write=True) as session:
        for row in house.rows:
            feature = session.get_one(row.layer.model, row.id)
            if row.kind == "reclassified":
                feature.level = Level.RESTRICTED
            if row.kind == "retired":
                feature.retired_at = dt.datetime.now(dt.UTC)
    return house


def _fill(session: Session, row: Row) -> None:
    layer, (level, unit) = row.layer, KINDS[row.kind]
    given = {
        one.name: _value(one, row, index)
        for index, one in enumerate(layer.fields.values())
        if one.sql is None
        and one.name not in ("version", "created_at", "created_by", "updated_at", "retired_at", "border")
    }
    given |= {"level": Level.PUBLIC if row.kind == "reclassified" else level, "position_source": PositionSource.GPS}
    given |= {"progress": 0} if "progress" in layer.fields else {}
    given |= {one: unit for one in ("unit", "lead_unit") if unit is not None and one in layer.fields}
    if layer.name == "units":
        given["parent"] = None
    if layer.name == "markers":
        given["number"] = str(9000 + row.number)  # that a number exists is public
    if "chainage_m" in layer.fields:  # far from the sectors of the two units, or on one
        given["chainage_m"] = {UNIT_A: 1000.5, UNIT_B: 21000.5}.get(unit or "", given["chainage_m"])
    if layer.name == "sectors":
        given |= {UNIT_A: {"start_m": 0.0, "end_m": 2000.0}, UNIT_B: {"start_m": 20000.0, "end_m": 22000.0}}.get(
            unit if level is Level.INTERNAL and unit else "", {"start_m": None, "end_m": None}
        )
    feature = layer.model(id=row.id, **{key: value for key, value in given.items() if value is not None})
    shape = (
        LineString([(row.lon, 11.6), (row.lon, 11.61)]) if layer.geometry_type == "LINESTRING" else Point(row.lon, 11.6)
    )
    feature.geom = from_shape(shape, srid=WGS84)
    if "border" in layer.fields:
        feature.border = "VN-KH"
    if not row.vouched:
        feature.demarcated = None
    if row.kind == "assumed":
        feature.position_source = PositionSource.ASSUMED
    session.add(feature)
    session.flush()
    for part in PARTS.values():
        if part.of is layer.model:
            session.add(_part(part, row))
    session.flush()


def _part(part: Any, row: Row) -> Any:
    given: dict[str, Any] = {}
    for column in part.__table__.columns:
        about = column.info.get("field")
        if about is None:
            continue
        if about["codes"] is not None:
            given[column.name] = next(iter(about["codes"]))
        else:
            word = name(row.number, PART if Level.PARTNER.reads(about["level"]) else NOTE)
            given[column.name] = {
                "text": word, "integer": 2030, "date": dt.date(2026, 1, 1), "boolean": True
            }.get(about["type"])  # fmt: skip
    if "kind" in given:
        given["kind"] = "note"
    return part(feature_id=row.id, **given)


def _release(database: Database, paper: Row) -> uuid.UUID:
    """Prepare and publish what the partner receives, by two people; gives the release's id."""
    preparer, second = Actor("preparer", OFFICE_STAFF), Actor("second", OFFICE_STAFF)
    parts = [Part(Selection(catalog[one], READER), *about, {}) for one, about in RELEASED.items()]
    with database.acting(PARTNER) as session:
        going = {one.selection.layer.name: sharing.going(session, one) for one in parts}
    with database.acting(preparer, write=True) as session:
        # The paper that it rests on becomes restricted too.
        terms = Terms(paper.id, basis=name(paper.number, paper.names.index("number")))
        version = sharing.prepare(session, "Bản chia sẻ", RECEIVER, terms, parts)
        sharing.submit(session, version, going, [])
        release, number = version.release_id, version.number
    for state in (ReleaseState.APPROVED, ReleaseState.PUBLISHED):
        with database.acting(second, write=True) as session:
            sharing.move(session, sharing.version_of(session, release, number), state)
    return release


def _join(session: Session, house: House) -> None:
    """Whatever is public points at whatever is not, and at places; nothing hidden may show through."""
    for kind, gate in GATE_OF.items():
        crossing = house.of("crossings", kind).id
        session.add(Link(feature_id=crossing, to_id=house.of("gates", gate).id, role="gate"))
    for start in ("incidents", "works", "tasks"):
        for kind in ("public", "ours", "theirs", "restricted"):
            here = house.of(start, kind)
            for layer in ("markers", "gates", "documents"):
                for other in KINDS:
                    if other != "retired":
                        session.add(Link(feature_id=here.id, to_id=house.of(layer, other).id, role="subject"))
            place = from_shape(Point(here.lon, 11.6), srid=WGS84)
            session.add(
                Link(feature_id=here.id, role="site", at=name(here.number, AT), border="VN-KH", geom=place,
                     position_source=PositionSource.GPS)
            )  # fmt: skip


def decoded(content: bytes, kind: str) -> str:
    """What an answer says, unpacked: a file's tables, a workbook's cells, an archive's members, plain bytes."""
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if "spreadsheet" in kind:
        book = openpyxl.load_workbook(io.BytesIO(content))
        return "\n".join(str(cell) for sheet in book for line in sheet.iter_rows(values_only=True) for cell in line)
    if "parquet" in kind:
        return geopandas.read_parquet(io.BytesIO(content)).to_csv()
    if "geopackage" in kind:
        return _tables(content)
    if "flatgeobuf" in kind:
        return str(pyogrio.read_dataframe(io.BytesIO(content)).to_csv()) if content else ""
    if "zip" in kind or content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return "\n".join(packed.read(one).decode("utf-8", "replace") for one in packed.namelist())
    return content.decode("utf-8", "replace")


def _tables(content: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.gpkg"
        path.write_bytes(content)
        opened = sqlite3.connect(path)
        names = [one for (one,) in opened.execute("select name from sqlite_master where type = 'table'")]
        said = [str(line) for one in names if "rtree" not in one for line in opened.execute(f'select * from "{one}"')]
        opened.close()
        frames = [pyogrio.read_dataframe(path, layer=one) for one, _ in pyogrio.list_layers(path)]
    return "\n".join([*said, *(frame.to_csv() for frame in frames)])


def calls(house: House) -> dict[str, list[str]]:
    """How to ask each reading door: the addresses by the path that the application gives the door."""
    as_of = str(house.before).replace(" ", "T").replace("+", "%2B")
    layers, placed = list(catalog), [one.name for one in catalog.values() if one.placed]
    item = "/ogc/collections/{layer}/items/{item}"
    few = ("public", "theirs", "restricted", "assumed", "retired", "reclassified")
    box, mercator = "105.8,11.5,106.2,11.7", "{layer}/tiles/WebMercatorQuad"

    def each(path: str, *queries: str, names: list[str] = layers) -> list[str]:
        return [path.replace("{layer}", one) + query for one in names for query in (queries or ("",))]

    def every(
        path: str, *queries: str, only: list[str] | None = None, kinds: Collection[str] = tuple(KINDS)
    ) -> list[str]:
        return [
            path.replace("{layer}", row.layer.name).replace("{item}", str(row.id)) + query
            for row in house.rows
            if row.kind in kinds and (only is None or row.layer.name in only)
            for query in (queries or ("",))
        ]

    return {
        "/ogc": ["/ogc", "/ogc?f=html"],
        "/ogc/": ["/ogc/"],
        "/ogc/conformance": ["/ogc/conformance"],
        "/ogc/api": ["/ogc/api", "/ogc/api?f=html"],
        "/ogc/collections": ["/ogc/collections", "/ogc/collections?f=html"],
        "/ogc/collections/{layer}": each("/ogc/collections/{layer}", "", "?f=html"),
        "/ogc/collections/{layer}/items": [
            *each("/ogc/collections/{layer}/items", "?limit=1000&count=exact", f"?as_of={as_of}", "?q=zq"),
            *each("/ogc/collections/{layer}/items", f"?bbox={box}&f=html&limit=1000", names=["incidents", "works"]),
            *each("/ogc/collections/{layer}/items", "?sortby=-address&limit=3", "?filter=address%20IS%20NOT%20NULL",
                  "?near=106.0,11.6,50km", names=["incidents", "markers", "works"]),
        ],
        item: [
            *every(item, kinds=("partner", "ours", *few), only=["incidents", "works", "tasks", "gates", "markers"]),
            *every(item, kinds=("theirs", "restricted")),
            *every(item, "?f=html", f"?as_of={as_of}", only=["incidents", "works", "markers"], kinds=few),
        ],
        f"{item}/history": every(f"{item}/history", kinds=few),
        f"{item}/links": every(f"{item}/links", kinds=few),
        "/ogc/collections/gates/items/{item}/events": every(f"{item}/events", only=["gates"]),
        "/ogc/collections/works/items/{item}/steps": every(f"{item}/steps", only=["works"]),
        "/ogc/collections/{layer}/changes": each("/ogc/collections/{layer}/changes", "?since=2026-01-01"),
        "/ogc/collections/{layer}/schema": each("/ogc/collections/{layer}/schema"),
        "/ogc/collections/{layer}/queryables": each("/ogc/collections/{layer}/queryables"),
        "/ogc/collections/{layer}/sortables": each("/ogc/collections/{layer}/sortables"),
        "/ogc/collections/{layer}/tiles/{tms}/{zoom}/{row}/{column}": [
            *each(f"/ogc/collections/{mercator}/0/0/0", names=placed),
            *each(f"/ogc/collections/{mercator}/8/119/203", "", f"?as_of={as_of}", names=placed),
        ],
        "/ogc/collections/{layer}/tiles": each("/ogc/collections/{layer}/tiles", names=placed),
        "/ogc/collections/{layer}/tiles/{tms}": each(f"/ogc/collections/{mercator}", names=placed),
        "/ogc/collections/{layer}/tiles/{tms}/tilejson.json": each(
            f"/ogc/collections/{mercator}/tilejson.json", names=placed
        ),
        "/ogc/collections/{layer}/styles/default": each("/ogc/collections/{layer}/styles/default", names=placed),
        "/ogc/tileMatrixSets": ["/ogc/tileMatrixSets"],
        "/ogc/tileMatrixSets/{tms}": ["/ogc/tileMatrixSets/WebMercatorQuad"],
        "/api/locate": [
            "/api/locate?lon=106&lat=11.6",
            *(
                f"/api/locate?q={9000 + row.number}{offset}"
                for row in house.rows
                if row.layer.name == "markers"
                for offset in ("", "%20%2B%20120%20m")
            ),
        ],
        "/api/export/{layer}": [
            *each("/api/export/{layer}", "", "?reader=partner"),
            *each("/api/export/{layer}", "?f=csv", f"?f=geojsonseq&as_of={as_of}", names=["incidents", "markers"]),
            *each("/api/export/{layer}", "?f=gpkg", "?f=shp", "?f=kml", "?f=fgb", "?f=parquet", "?f=xlsx",
                  names=["works"]),
        ],
        "/api/cards": ["/api/cards"],
        "/api/changes": ["/api/changes?since=2026-01-01", f"/api/changes?since=2026-01-01&until={as_of}"],
        "/changes": ["/changes?since=2026-01-01"],
        "/api/releases": ["/api/releases"],
        "/api/releases/{release}": [f"/api/releases/{one}" for one in (house.release, uuid.uuid4())],
        "/api/releases/{release}/versions/{number}/preview": [f"/api/releases/{house.release}/versions/1/preview"],
        "/api/holdings": ["/api/holdings", f"/api/holdings?recipient={RECEIVER}"],
        "/api/releases/{release}/versions/{number}": [f"/api/releases/{house.release}/versions/1"],
        "/api/readings": ["/api/readings"],
        "/readings": ["/readings"],
        "/releases": ["/releases"],
        "/releases/new": ["/releases/new"],
        "/releases/{release}": [f"/releases/{one}" for one in (house.release, uuid.uuid4())],
        "/releases/{release}/new": [f"/releases/{house.release}/new"],
        "/releases/{release}/edit": [f"/releases/{house.release}/edit"],
        "/holdings": ["/holdings", "/holdings?at=9001"],
        "/ogc/releases": ["/ogc/releases"],
        "/ogc/releases/{release}": [f"/ogc/releases/{one}" for one in (house.release, uuid.uuid4())],
        "/ogc/releases/{release}/delta": [f"/ogc/releases/{house.release}/delta?since={one}" for one in (0, 1)],
        "/api/basemap/lines": ["/api/basemap/lines"],
        "/api/basemap/context": ["/api/basemap/context"],
        "/": ["/", "/?q=zq"],
        "/map.js": ["/map.js"],
        "/marks.svg": ["/marks.svg"],
        "/incidents/new": ["/incidents/new"],
        "/board": ["/board", f"/board?as_of={as_of}"],
        **{f"/{one}": [f"/{one}", f"/{one}?as_of={as_of}"] for one in
           ("works", "gates", "tasks", "incidents", "markers", "crossings", "documents")},
    }  # fmt: skip


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Every door of an application: method and path."""
    waiting = list(app.routes)
    while waiting:
        one = waiting.pop()
        inner = getattr(one, "original_router", None)
        if getattr(one, "methods", None):
            yield from ((method, one.path) for method in one.methods if method != "HEAD")
        elif inner is not None:
            waiting += inner.routes
        else:
            yield "*", one.path


RECIPIENT_ACTOR = Actor("token:a-partner", RECIPIENT, recipient=RECEIVER)
OFFICER_OF = {unit: Actor("officer", OFFICER, unit) for unit in (UNIT_A, UNIT_B)}
