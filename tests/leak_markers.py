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
                Link(feature_id=here.id, role="site", at=marker_text(here.number, LINK_ADDRESS), border="VN-KH",
                     geom=place, position_source=PositionSource.GPS)
            )  # fmt: skip


def decode_response(content: bytes, media_type: str) -> str:
    """What an answer says, unpacked: a file's tables, a workbook's cells, an archive's members, plain bytes."""
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if "spreadsheet" in media_type:
        book = openpyxl.load_workbook(io.BytesIO(content))
        return "\n".join(str(cell) for sheet in book for line in sheet.iter_rows(values_only=True) for cell in line)
    if "parquet" in media_type:
        return geopandas.read_parquet(io.BytesIO(content)).to_csv()
    if "geopackage" in media_type:
        return _tables(content)
    if "flatgeobuf" in media_type:
        return str(pyogrio.read_dataframe(io.BytesIO(content)).to_csv()) if content else ""
    if "zip" in media_type or content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return "\n".join(packed.read(entry).decode("utf-8", "replace") for entry in packed.namelist())
    return content.decode("utf-8", "replace")


def _tables(content: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.gpkg"
        path.write_bytes(content)
        opened = sqlite3.connect(path)
        names = [entry for (entry,) in opened.execute("select name from sqlite_master where type = 'table'")]
        spoken = [
            str(line) for entry in names if "rtree" not in entry for line in opened.execute(f'select * from "{entry}"')
        ]
        opened.close()
        frames = [pyogrio.read_dataframe(path, layer=entry) for entry, _ in pyogrio.list_layers(path)]
    return "\n".join([*spoken, *(frame.to_csv() for frame in frames)])


def request_urls(dataset: MarkedDataset) -> dict[str, list[str]]:
    """How to ask each reading door: the addresses by the path that the application gives the door."""
    as_of = str(dataset.before_reclassification).replace(" ", "T").replace("+", "%2B")
    layers, placed = list(catalog), [entry.name for entry in catalog.values() if entry.has_geometry]
    item = "/ogc/collections/{layer}/items/{item}"
    few = ("public", "theirs", "restricted", "assumed", "retired", "reclassified")
    box, mercator = "105.8,11.5,106.2,11.7", "{layer}/tiles/WebMercatorQuad"

    def each(path: str, *queries: str, names: list[str] = layers) -> list[str]:
        return [path.replace("{layer}", entry) + query for entry in names for query in (queries or ("",))]

    def every(
        path: str, *queries: str, only: list[str] | None = None, kinds: Collection[str] = tuple(ROW_KINDS)
    ) -> list[str]:
        return [
            path.replace("{layer}", row.layer.name).replace("{item}", str(row.id)) + query
            for row in dataset.rows
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
                for row in dataset.rows
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
        "/api/releases/{release}": [f"/api/releases/{entry}" for entry in (dataset.release, uuid.uuid4())],
        "/api/releases/{release}/versions/{number}/preview": [f"/api/releases/{dataset.release}/versions/1/preview"],
        "/api/holdings": ["/api/holdings", f"/api/holdings?recipient={RECIPIENT_NAME}"],
        "/api/releases/{release}/versions/{number}": [f"/api/releases/{dataset.release}/versions/1"],
        "/api/readings": ["/api/readings"],
        "/readings": ["/readings"],
        "/releases": ["/releases"],
        "/releases/new": ["/releases/new"],
        "/releases/{release}": [f"/releases/{entry}" for entry in (dataset.release, uuid.uuid4())],
        "/releases/{release}/new": [f"/releases/{dataset.release}/new"],
        "/releases/{release}/edit": [f"/releases/{dataset.release}/edit"],
        "/holdings": ["/holdings", "/holdings?at=9001"],
        "/ogc/releases": ["/ogc/releases"],
        "/ogc/releases/{release}": [f"/ogc/releases/{entry}" for entry in (dataset.release, uuid.uuid4())],
        "/ogc/releases/{release}/delta": [f"/ogc/releases/{dataset.release}/delta?since={entry}" for entry in (0, 1)],
        "/api/basemap/lines": ["/api/basemap/lines"],
        "/api/basemap/context": ["/api/basemap/context"],
        "/": ["/", "/?q=zq"],
        "/map.js": ["/map.js"],
        "/marks.svg": ["/marks.svg"],
        "/incidents/new": ["/incidents/new"],
        "/board": ["/board", f"/board?as_of={as_of}"],
        **{f"/{entry}": [f"/{entry}", f"/{entry}?as_of={as_of}"] for entry in
           ("works", "gates", "tasks", "incidents", "markers", "crossings", "documents")},
    }  # fmt: skip


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Every door of an application: method and path."""
    waiting = list(app.routes)
    while waiting:
        entry = waiting.pop()
        inner = getattr(entry, "original_router", None)
        if getattr(entry, "methods", None):
            yield from ((method, entry.path) for method in entry.methods if method != "HEAD")
        elif inner is not None:
            waiting += inner.routes
        else:
            yield "*", entry.path


RECIPIENT_ACTOR = Actor("token:a-partner", RECIPIENT, recipient=RECIPIENT_NAME)
OFFICER_OF = {unit: Actor("officer", OFFICER, unit) for unit in (UNIT_A, UNIT_B)}
