"""The national-scale data set: incidents, markers and works along the three boundary lines, over five years.

The same seed gives the same rows. The writer login inserts them as the office, so that policies and triggers apply as
in any transaction (stamps, identity, history, journal, counts); a superuser then backdates the history. A data set for
reading alone is inserted by a superuser without triggers, because three million journalled rows take almost an hour.
"""

import datetime as dt
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg
from sqlalchemy import text

from api.cli.migrate import migrate
from api.cli.up import DATABASE_NAME
from gis.cluster.private_cluster import Cluster
from gis.db.session import READER_LOGIN, WRITER_LOGIN, Database
from gis.model.layer import Layer, catalog
from layers import loading
from layers.incidents import Handling, IncidentCategory, IncidentSide, Severity
from layers.markers import Condition
from layers.policy import OFFICE
from layers.works import WorkKind, WorkStage

CHECKOUT: Final = Path(__file__).resolve().parents[2]
SEED: Final = 1472026
LAST_MOMENT: Final = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
"""The last moment of the data set: fixed, so that the rows are always the same."""

YEARS: Final = 5
A_YEAR_AGO: Final = LAST_MOMENT - dt.timedelta(days=365)
HOT_SPOTS: Final = 240
SPREAD_M: Final = 4_000
"""Standard deviation of the distance along the line between an incident and the middle of its hot spot."""

OFFSET_DEG: Final = 0.012
BATCH_ROWS: Final = 5_000
"""Rows of one transaction."""

PHRASES: Final = (
    "Tổ tuần tra phát hiện tại thực địa và đã lập biên bản ban đầu.",
    "Người dân báo tin qua điện thoại; đã cử cán bộ đến kiểm tra.",
    "Nước lũ làm sạt bờ, chân mốc có nguy cơ bị xói lở trong mùa mưa.",
    "Phía bạn đã được trao đổi qua đường dây nóng và thống nhất cùng kiểm tra.",
    "Hiện trường đã được chụp ảnh, đo đạc và khoanh vùng theo dõi.",
    "Đề nghị cấp trên cho ý kiến về việc gửi công hàm và hội đàm.",
    "Đã tuyên truyền, vận động và yêu cầu chấm dứt hành vi vi phạm.",
)


@dataclass(frozen=True)
class DatasetSize:
    """Numbers of rows."""

    incidents: int = 300_000
    markers: int = 12_000
    works: int = 3_000
    with_history: bool = True
    """Whether history and journal are written; without them only present states can be read."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that determines the data set: its size, this file, the migrations."""
        sources = [Path(__file__), *sorted((CHECKOUT / "data" / "migrations" / "versions").glob("*.py"))]
        content = json.dumps(asdict(self)).encode() + b"".join(path.read_bytes() for path in sources)
        return hashlib.sha256(content).hexdigest()[:16]


@dataclass(frozen=True)
class BorderLine:
    """A boundary as points in order: chainage in metres, longitude and latitude in degrees."""

    border: str
    chainage: np.ndarray
    lon: np.ndarray
    lat: np.ndarray

    def position_at(self, chainage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitudes and latitudes at chainages."""
        return np.interp(chainage, self.chainage, self.lon), np.interp(chainage, self.chainage, self.lat)


ProgressCallback = Callable[[str, int, int], None]
"""Called with the name of a step, the number of rows done, and their total."""


def build(data_dir: Path, size: DatasetSize, progress: ProgressCallback) -> None:
    """Create a cluster with the data set in ``data_dir`` and stop it; it flushes to disk only when it stops."""
    shutil.rmtree(data_dir, ignore_errors=True)
    with Cluster(data_dir, durable=False) as cluster:
        cluster.create_database(DATABASE_NAME)
        migrate(cluster.url(DATABASE_NAME))
        database = Database(cluster.url(DATABASE_NAME, READER_LOGIN), cluster.url(DATABASE_NAME, WRITER_LOGIN))
        try:
            loading.load(database, CHECKOUT / "data" / "reference", lambda _line: None)
            with administrator(cluster) as connection:
                lines = _lines(connection)
                existing = set(connection.execute("select border, number from app.markers").fetchall())
            fill = (
                partial(_insert_with_history, database)
                if size.with_history
                else partial(_insert_without_triggers, cluster)
            )
            for name, rows, number in (
                ("markers", _markers(lines, size.markers, existing), size.markers),
                ("works", _works(lines, size.works), size.works),
                ("incidents", _incidents(lines, size.incidents), size.incidents),
            ):
                done = 0
                progress(name, done, number)
                while batch := list(islice(rows, BATCH_ROWS)):
                    fill(catalog[name], batch)
                    done += len(batch)
                    progress(name, done, number)
        finally:
            database.dispose()
        progress("finishing", 0, 1)
        with administrator(cluster) as connection:
            _finish_dataset(connection, size)
        progress("finishing", 1, 1)
    (data_dir / "set.json").write_text(json.dumps({**asdict(size), "sign": size.fingerprint}))


def is_built(data_dir: Path, size: DatasetSize) -> bool:
    """Whether ``data_dir`` holds exactly this data set."""
    try:
        return bool(json.loads((data_dir / "set.json").read_text())["sign"] == size.fingerprint)
    except (OSError, ValueError):
        return False


def administrator(cluster: Cluster) -> psycopg.Connection[Any]:
    """A connection as superuser, to which no row policy applies."""
    return psycopg.connect(host=str(cluster.socket_dir), dbname=DATABASE_NAME, user="postgres", autocommit=True)


def _lines(connection: psycopg.Connection[Any]) -> list[BorderLine]:
    lines = []
    for (name,) in connection.execute("select name from app.routes order by length_m desc").fetchall():
        points = connection.execute(
            "select ST_M(p.geom), ST_X(p.geom), ST_Y(p.geom) from app.routes, ST_DumpPoints(geom) p"
            " where name = %s order by p.path",
            [name],
        ).fetchall()
        lines.append(BorderLine(name, *np.array(points).T))
    return lines


def _insert(layer: Layer, batch: list[dict[str, Any]]) -> str:
    columns = ", ".join(f'"{name}"' for name in batch[0])
    return (
        f"insert into app.{layer.name} ({columns}) select {columns} from"
        f" jsonb_populate_recordset(null::app.{layer.name}, cast(:rows as jsonb))"
    )


def _insert_with_history(database: Database, layer: Layer, batch: list[dict[str, Any]]) -> None:
    """Insert rows as the office, and verify every second incident that is still reported."""
    with database.transaction(OFFICE, write=True, reason="bench") as session:
        session.execute(text(_insert(layer, batch)), {"rows": json.dumps(batch)})
        if layer.name == "incidents":
            reported = [row["id"] for row in batch if row["handling"] == Handling.REPORTED.value]
            session.execute(
                text("update app.incidents set handling = 'verified' where id = any(cast(:ids as uuid[]))"),
                {"ids": reported[::2]},
            )


def _insert_without_triggers(cluster: Cluster, layer: Layer, batch: list[dict[str, Any]]) -> None:
    """Insert rows as superuser without triggers; the stamps that triggers would set are set here."""
    stamps = {
        "version": 1,
        "created_by": OFFICE.name,
        "created_at": LAST_MOMENT.isoformat(),
        "updated_at": LAST_MOMENT.isoformat(),
    }
    stamped = [{**row, **stamps} for row in batch]
    with administrator(cluster) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(_insert(layer, stamped).replace(":rows", "%s"), [json.dumps(stamped)])


def _row_id(layer: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"bench/{layer}/{number}"))


def _point(lon: Any, lat: Any) -> str:
    return f"SRID=4326;POINT({lon:.7f} {lat:.7f})"


LEVELS: Final = (["public", "partner", "internal", "restricted"], [0.05, 0.15, 0.799, 0.001])
"""Restricted rows are rare. Reading them is recorded in the access log, which is part of the cost of a page."""


def _markers(lines: list[BorderLine], number: int, existing: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Markers evenly along the lines, each main marker followed by its sub-markers; two in three are surveyed."""
    rng = np.random.default_rng(SEED)
    whole = sum(line.chainage[-1] for line in lines)
    conditions, created = [code.value for code in Condition], 0
    for line in lines:
        many = number - created if line is lines[-1] else round(number * line.chainage[-1] / whole)
        chainages = np.linspace(0, line.chainage[-1], many)
        names = (f"{main}/{sub}" if sub else f"{main}" for main in range(1, 10_000) for sub in range(10))
        free = (name for name in names if (line.border, name) not in existing)
        for chainage, lon, lat, name in zip(chainages, *line.position_at(chainages), free, strict=False):
            surveyed = rng.random() < 2 / 3
            yield {
                "id": _row_id("markers", created), "level": "internal", "border": line.border, "number": name,
                "kind": "sub" if "/" in name else "main", "condition": str(rng.choice(conditions)),
                "position_source": "survey" if surveyed else "assumed", "accuracy_m": 5 if surveyed else 4000,
                "address": name, "chainage_m": round(float(chainage), 1), "geom": _point(lon, lat),
                "source": "bench",
            }  # fmt: skip
            created += 1


def _works(lines: list[BorderLine], number: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(SEED + 1)
    kinds, stages = [code.value for code in WorkKind], [code.value for code in WorkStage]
    for n in range(number):
        line = lines[int(rng.integers(len(lines)))]
        chainage = rng.uniform(0, line.chainage[-1])
        lon, lat = line.position_at(chainage)
        due = LAST_MOMENT.date() + dt.timedelta(days=int(rng.integers(-700, 500)))
        yield {
            "id": _row_id("works", n), "level": str(rng.choice(LEVELS[0], p=LEVELS[1])), "border": line.border,
            "title": f"Công trình {n}", "kind": str(rng.choice(kinds)), "stage": str(rng.choice(stages)),
            "starts_on": (due - dt.timedelta(days=120)).isoformat(), "due_on": due.isoformat(),
            "progress": int(rng.integers(0, 101)), "description": " ".join(rng.choice(PHRASES, 2)),
            "cost_planned": int(rng.integers(50, 9000)), "position_source": "survey", "accuracy_m": 10,
            "chainage_m": round(float(chainage), 1), "address": f"km {chainage / 1000:.1f}", "source": "bench",
            "geom": _point(lon, lat),
        }  # fmt: skip


def _incidents(lines: list[BorderLine], number: int) -> Iterator[dict[str, Any]]:
    """Incidents in chronological order: nine of ten near hot spots of very different weight, the rest anywhere."""
    rng = np.random.default_rng(SEED + 2)
    whole = np.array([line.chainage[-1] for line in lines])
    line_of_hot_spot = rng.choice(len(lines), HOT_SPOTS, p=whole / whole.sum())
    hot_spot_chainage = rng.uniform(0, whole[line_of_hot_spot])
    weight = 1 / np.arange(1, HOT_SPOTS + 1)
    codes = {
        "category": ([code.value for code in IncidentCategory], None),
        "severity": ([code.value for code in Severity], [0.5, 0.35, 0.12, 0.03]),
        "handling": ([code.value for code in Handling], [0.08, 0.07, 0.05, 0.05, 0.02, 0.02, 0.15, 0.53, 0.03]),
        "side": ([code.value for code in IncidentSide], None),
        "level": LEVELS,
    }
    began = LAST_MOMENT - dt.timedelta(days=365 * YEARS)
    step = dt.timedelta(days=365 * YEARS) / number
    for start in range(0, number, BATCH_ROWS):
        many = min(BATCH_ROWS, number - start)
        hot_spot = rng.choice(HOT_SPOTS, many, p=weight / weight.sum())
        anywhere = rng.random(many) < 0.1
        line_no = np.where(anywhere, rng.choice(len(lines), many, p=whole / whole.sum()), line_of_hot_spot[hot_spot])
        near = hot_spot_chainage[hot_spot] + rng.normal(0, SPREAD_M, many)
        chainage = np.where(anywhere, rng.uniform(0, whole[line_no]), near.clip(0, whole[line_no]))
        aside = rng.normal(0, OFFSET_DEG, (2, many))
        codes_by_field = {name: rng.choice(choices, many, p=p) for name, (choices, p) in codes.items()}
        phrases = rng.choice(PHRASES, (many, 4))
        for n in range(many):
            line, at = lines[line_no[n]], chainage[n]
            lon, lat = line.position_at(at)
            when = began + step * (start + n)
            yield {
                "id": _row_id("incidents", start + n), "border": line.border,
                **{name: str(values[n]) for name, values in codes_by_field.items()},
                "code": f"SV-{when.year}-{start + n:07d}", "occurred_at": when.isoformat(),
                "description": " ".join(phrases[n]), "unit": f"Đồn số {1 + hot_spot[n] % 60}",
                "position_source": "gps", "accuracy_m": 10, "chainage_m": round(float(at), 1),
                "address": f"km {at / 1000:.1f}", "source": "bench",
                "geom": _point(lon + aside[0, n], lat + aside[1, n]),
            }  # fmt: skip


def _finish_dataset(connection: psycopg.Connection[Any], size: DatasetSize) -> None:
    """Backdate the history of each incident to its occurrence, fold the cell counts, vacuum and analyze."""
    if size.with_history:
        connection.execute(
            "update app.incidents_history set valid = tstzrange(occurred_at + (version - 1) * interval '7 days',"
            " case when upper(valid) is not null then occurred_at + version * interval '7 days' end)"
        )
    else:
        connection.execute(
            "insert into app.cell_changes (layer, level, assumed, word, features, east, north)"
            " select 'incidents', level, position_source = 'assumed', handling, 1, round(ST_X(mercator)),"
            " round(ST_Y(mercator)) from app.incidents"
        )
    connection.execute("select app.fold_cells()")
    connection.execute("vacuum (analyze)")
