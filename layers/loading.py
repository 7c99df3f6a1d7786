"""Loading what the province brings: ``data/reference/``, each row with its source.

Each step is one transaction under the name of the house and runs once for each content of its file; a start that
was interrupted goes on where it stopped. Rows enter through the same commands as everybody's.
"""

import csv
import datetime as dt
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from shapely.geometry import Point
from sqlalchemy import Text as SqlText, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.db.session import Database
from gis.model.code_lists import CodeList
from gis.model.fields import Level, PositionSource
from gis.model.layer import Feature, Record, UnjournalledRecord
from gis.model.links import create_link
from gis.read import linear
from gis.write import commands as changes
from gis.write.validation import PLACE
from layers import lines
from layers.border import Border
from layers.crossings import Crossing, CrossingKind, CrossingState
from layers.documents import Document, DocumentKind
from layers.gates import Category, Gate, GateCategory, GateEvent, GatePlan, GateStage, Mode
from layers.markers import Marker, MarkerAnchor, MarkerKind, Side, interpolate_positions
from layers.numbering import MarkerNumber, Section, parse_address
from layers.policy import SYSTEM
from layers.posts import Post, PostCondition
from layers.procedures import ProcedureStep
from layers.tasks import Task, TaskKind, TaskState
from layers.units import AdministrativeArea, AdministrativeKind, Unit, UnitKind
from layers.works import Work, WorkKind, WorkStage, WorkStep, create_procedure_steps

ProgressCallback = Callable[[str], None]

MAIN_NUMBERS = {Border.KH: 314, Border.CN: 1378}
"""The numbering itself says that these exist: 1–314 with Cambodia, 1–1378 with China; no list of Laos is public."""

SEED_SOURCE = "tài liệu gốc"
"""How the source of a row calls one of the five plans and notices that the product starts from."""


class LoadedStep(UnjournalledRecord, table="loaded_steps", read_level=Level.RESTRICTED):
    """Which steps of loading have been done."""

    name: Mapped[str] = mapped_column(SqlText, primary_key=True)


def load(database: Database, folder: Path, progress: ProgressCallback) -> None:
    """Load everything in ``folder`` that is not loaded yet; ``progress`` is told each step that is done."""
    with database.transaction(SYSTEM) as session:
        done = set(session.scalars(select(LoadedStep.name)))
    for name, (title, step) in STEPS.items():
        if name in done:
            continue
        progress(title)
        with database.transaction(
            SYSTEM, write=True, reason=f"Nạp dữ liệu tham chiếu: {title.split(' · ')[0]}"
        ) as session:
            step(session, folder)
            session.add(LoadedStep(name=name))


def _rows(file: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file; an empty cell is an empty text."""
    with file.open(encoding="utf-8", newline="") as opened:
        yield from csv.DictReader(opened)


def _nonempty_cells(row: Mapping[str, str], *names: str) -> dict[str, Any]:
    """Those cells that hold something, as text."""
    return {name: row[name] for name in names if row.get(name)}


def _code(codes: type[CodeList], value: str | None) -> Any:
    return codes(value) if value else None


def _date(value: str | None) -> dt.date | None:
    return dt.date.fromisoformat(value) if value else None


def _list(value: str | None) -> list[str] | None:
    return [one.strip() for one in value.split(";")] if value else None


def _lines(session: Session, folder: Path) -> None:
    for border, name in ((Border.KH, "vn-kh"), (Border.CN, "vn-cn"), (Border.LA, "vn-la")):
        document = json.loads((folder / "osm" / f"{name}_osm2017_1m.geojson").read_text(encoding="utf-8"))
        lines.load(session, border, document["features"])


def _administrative_areas(session: Session, folder: Path) -> None:
    for row in _rows(folder / "administrative_areas.csv"):
        values = {
            **_nonempty_cells(row, "name", "parent", "successor", "note", "source"),
            "kind": AdministrativeKind(row["kind"]),
            "valid_from": _date(row["valid_from"]),
            "valid_to": _date(row["valid_to"]),
            "level": Level.PUBLIC,
        }
        changes.store_new(session, AdministrativeArea, values)


def _units(session: Session, folder: Path) -> None:
    for row in _rows(folder / "units.csv"):
        values = {
            **_nonempty_cells(row, "name", "short_name", "province", "parent", "successor", "source"),
            "kind": UnitKind(row["kind"]),
            "side": Side(row["side"]),
            "aliases": _list(row["aliases"]),
            "valid_from": _date(row["valid_from"]),
            "valid_to": _date(row["valid_to"]),
            "level": Level.PUBLIC,
        }
        changes.store_new(session, Unit, values)


def _documents(session: Session, folder: Path) -> None:
    for row in _rows(folder / "documents.csv"):
        values = {
            **_nonempty_cells(row, "number", "issuer", "title", "note", "source"),
            "kind": DocumentKind(row["kind"]),
            "issued_on": _date(row["issued_on"]),
            "in_force_on": _date(row["in_force_on"]),
            "level": Level.PUBLIC,
        }
        changes.create(session, Document.layer, values)


def _procedures(session: Session, folder: Path) -> None:
    for row in _rows(folder / "procedures.csv"):
        session.add(
            ProcedureStep(
                border=Border(row["border"]),
                ordinal=int(row["step"]),
                code=row["code"],
                title_vi=row["title_vi"],
                title_en=row["title_en"],
                by=row["by"],
                always=row["applies"] == "always",
                notice_days=int(row["notice_days"]) if row["notice_days"] else None,
                source=row["source"],
            )
        )


def _markers(session: Session, folder: Path) -> None:
    for row in _rows(folder / "anchors.csv"):
        border = Border(row["border"])
        station = linear.station(session, float(row["lon"]), float(row["lat"]), border.value)
        if station is not None:
            session.add(
                MarkerAnchor(
                    border=border,
                    number=row["number"],
                    chainage_m=station.chainage_m,
                    accuracy_m=float(row["accuracy_m"]),
                    source=row["source"],
                )
            )
    session.flush()
    named: dict[Border, dict[str, dict[str, str]]] = {border: {} for border in Border}
    for row in _rows(folder / "markers.csv"):
        named[Border(row["border"])][row["number"]] = row
    for border, rows in named.items():
        made = _markers_of(session, border, rows)
        interpolate_positions(session, border, made)
        session.add_all(made)
        session.flush()


def _markers_of(session: Session, border: Border, rows_by_number: Mapping[str, Mapping[str, str]]) -> list[Marker]:
    """The markers of a border in natural order: those that a document names, and every main number that exists."""
    replaced = {
        MarkerNumber.parse(number).main for number, row in rows_by_number.items() if row["replaces_main"] == "yes"
    }
    numbering = {"source": f"số mốc chính 1–{MAIN_NUMBERS.get(border)} của tuyến {border}"}
    mains = {str(main): numbering for main in range(1, MAIN_NUMBERS.get(border, 0) + 1) if main not in replaced}
    everything: dict[str, Mapping[str, str]] = {**mains, **rows_by_number}
    made = []
    for number in sorted(everything, key=MarkerNumber.parse):
        row = everything[number]
        parsed = MarkerNumber.parse(number)
        marker = Marker(
            id=uuid.uuid4(),
            border=border,
            number=number,
            kind=_code(MarkerKind, row.get("kind")) or (MarkerKind.SUB if parsed.sub else MarkerKind.MAIN),
            condition=Marker.layer.fields["condition"].default,
            built_by=_code(Side, row.get("built_by")),
            responsible_side=_code(Side, row.get("responsible_side")),
            source=row["source"],
            level=Level.PUBLIC,
            address=number,
            position_source=PositionSource.NONE,
        )
        if row.get("lon"):
            marker.position_source = PositionSource(row["position_source"])
            marker.accuracy_m = float(row["accuracy_m"])
            changes.set_geometry(marker, Point(float(row["lon"]), float(row["lat"])))
            marker.derive(session)
        made.append(marker)
    return made


def _gates(session: Session, folder: Path) -> None:
    gates: dict[str, Gate] = {}
    for row in _rows(folder / "gates.csv"):
        values: dict[str, Any] = {
            **_nonempty_cells(
                row, "name", "counterpart", "counterpart_place", "province", "former_province", "commune", "source"
            ),
            "border": Border(row["border"]),
            "category": _code(Category, row["category"]),
            "category_since": _date(row["category_since"]),
            "mode": _code(Mode, row["mode"]),
            "stage": _code(GateStage, row["stage"]),
            "aliases": _list(row["aliases"]),
            "level": Level.PUBLIC,
        }
        if row["lon"]:
            values["geometry"] = {"type": "Point", "coordinates": [float(row["lon"]), float(row["lat"])]}
            values["position_source"] = PositionSource(row["position_source"])
            values["accuracy_m"] = float(row["accuracy_m"])
        elif row["at"]:
            values[PLACE] = {"text": _first_marker(row["at"]), "border": row["border"]}
        gates[row["name"]] = changes.store_new(session, Gate, values)
    _gate_child_rows(session, folder, gates)


def _first_marker(at: str) -> str:
    """A gate stands at a point: of the section it is documented at, the first marker."""
    address = parse_address(at)
    return str(address.first) if isinstance(address, Section) else at


def _gate_child_rows(session: Session, folder: Path, gates: Mapping[str, Gate]) -> None:
    for row in _rows(folder / "gate_categories.csv"):
        session.add(
            GateCategory(
                feature_id=gates[row["gate"]].id,
                category=Category(row["category"]),
                valid_from=_date(row["valid_from"]),
                valid_to=_date(row["valid_to"]),
                document=row["document"] or None,
                source=row["source"],
            )
        )
    for row in _rows(folder / "gate_events.csv"):
        session.add(
            GateEvent(
                feature_id=gates[row["gate"]].id,
                kind=row["kind"],
                on=_date(row["on"]),
                precision=row["precision"],
                document=row["document"] or None,
                note=row["note"] or None,
                source=row["source"],
            )
        )
    decided = {"1199/QĐ-TTg", "1200/QĐ-TTg", "1201/QĐ-TTg"}
    for row in _rows(folder / "gate_plans.csv"):
        session.add(
            GatePlan(
                feature_id=gates[row["gate"]].id,
                horizon=int(row["horizon"]),
                category=Category(row["category"]),
                mode=_code(Mode, row["mode"]),
                decision=row["decision"],
                on=dt.date(2023, 10, 14) if row["decision"] in decided else dt.date(1900, 1, 1),
                source=row["source"],
            )
        )


def _crossings(session: Session, folder: Path) -> None:
    for row in _rows(folder / "crossings.csv"):
        gate = _gate(session, row["gate"])
        crossing = changes.create(
            session,
            Crossing.layer,
            {
                **_nonempty_cells(row, "name", "section", "counterpart", "note", "source"),
                "kind": CrossingKind(row["kind"]),
                "border": Border(row["border"]),
                "gate": str(gate.id),
                "state": CrossingState(row["state"]),
                "opened_on": _date(row["opened_on"]),
                "aliases": _list(row["aliases"]),
                "level": Level.PUBLIC,
            },
        )
        if row["seed_item"]:
            create_link(session, crossing.id, _plan_document(session, "004").id, "document")


def _gate(session: Session, name: str) -> Gate:
    return session.scalars(select(Gate).filter_by(name=name)).one()


def _plan_document(session: Session, seed: str) -> Document:
    """The seed document itself, entered as ``tài liệu gốc 000`` … ``004`` in the source of its row."""
    source = f"{SEED_SOURCE} {seed}"
    return session.scalars(select(Document).filter_by(source=source).order_by(Document.title)).first() or (
        session.scalars(select(Document).where(Document.source.startswith(source))).first()
    )  # type: ignore[return-value]


def _posts(session: Session, folder: Path) -> None:
    for row in _rows(folder / "posts.csv"):
        values = {
            **_nonempty_cells(row, "section", "label", "source"),
            "border": Border(row["border"]),
            "condition": PostCondition(row["condition"]),
            "level": Level.INTERNAL,
        }
        changes.store_new(session, Post, values)


def _seed_items(session: Session, folder: Path) -> None:
    """The border matters of the five plans, as the records that they are, linked to their places and papers."""
    made: dict[str, uuid.UUID] = {}
    rows = list(_rows(folder / "seed_items.csv"))
    for row in rows:
        if row["record"] == "work":
            made[row["item"]] = _seed_work(session, row)
        elif row["record"] == "task":
            made[row["item"]] = _seed_task(session, row)
    for row in rows:
        before = re.search(r"tiếp theo mục (\d+)", row["gist"])
        after = re.search(r"mục (\d+) làm tiếp", row["gist"])
        if before and row["item"] in made:
            create_link(session, made[row["item"]], made[before.group(1)], "continues")
        if after:
            create_link(session, made[after.group(1)], made[row["item"]], "continues")
    _link_to_committee_plan(session, rows, made)


def _seed_values(session: Session, row: Mapping[str, str]) -> dict[str, Any]:
    title = row["gist"].split(";")[0].strip()
    return {
        "title": title[0].upper() + title[1:],
        "due_on": _date(row["due"]),
        "waiting_on": row["waiting_on"] or None,
        "waiting_since": _date(row["waiting_since"]),
        "done_on": _date(row["done_on"]),
        "plan": _plan_document(session, row["seed"]).title,
        "clause": row["basis"],
        "seed_item": row["item"],
        "source": f"{SEED_SOURCE} {row['seed']}, {row['basis']}",
        "level": Level.INTERNAL,
    }


def _seed_work(session: Session, row: Mapping[str, str]) -> uuid.UUID:
    border, address = row["place"].split(" ", 1)
    values = {
        **_seed_values(session, row),
        "kind": WorkKind(row["kind"]),
        "stage": WorkStage(row["status"]),
        "unit": row["unit"],
        PLACE: {"text": address, "border": border},
    }
    work: Work = changes.store_new(session, Work, values)
    if work.address and isinstance(parse_address(address), Section):
        work.title = f"{work.title}, đoạn {work.address}"
    create_procedure_steps(session, work)
    for marker in _markers_at(session, border, address):
        create_link(session, work.id, marker.id, "subject")
    if work.kind is WorkKind.DENSIFICATION:
        for post in session.scalars(select(Post).filter_by(border=border, section=work.address)):
            create_link(session, work.id, post.id, "subject")
    if work.kind is WorkKind.SMART_GATE:
        create_link(session, work.id, _gate(session, "Hữu Nghị").id, "gate")
    create_link(session, work.id, _plan_document(session, row["seed"]).id, "document")
    return work.id


def _markers_at(session: Session, border: str, address: str) -> list[Marker]:
    found = parse_address(address)
    numbers = [found.first, found.last] if isinstance(found, Section) else [MarkerNumber.parse(address)]
    return [
        marker
        for number in numbers
        for marker in session.scalars(select(Marker).filter_by(border=Border(border), number=str(number)))
    ]


def _seed_task(session: Session, row: Mapping[str, str]) -> uuid.UUID:
    values = {
        **_seed_values(session, row),
        "kind": TaskKind(row["kind"]),
        "state": TaskState(row["status"]),
        "period": row["period"],
        "lead_unit": row["unit"],
        "imported": True,
        "progress": 100 if row["status"] == "done" else 0,
    }
    task = changes.store_new(session, Task, values)
    for feature in _linked_features(session, row):
        create_link(session, task.id, feature.id, "gate" if isinstance(feature, Gate) else "subject")
    create_link(session, task.id, _plan_document(session, row["seed"]).id, "document")
    return task.id


def _linked_features(session: Session, row: Mapping[str, str]) -> list[Any]:
    """What a seed task is about, as far as it is a thing in the house; what has no public place has none."""
    place = row["place"]
    if place.startswith("gate "):
        return [_gate(session, place.removeprefix("gate "))]
    if place.startswith("all gates of "):
        provinces = re.split(r" and ", place.removeprefix("all gates of "))
        return list(session.scalars(select(Gate).where(Gate.former_province.in_(provinces)).order_by(Gate.name)))
    if place.startswith("crossing "):
        name = place.removeprefix("crossing ")
        lanes = session.scalars(select(Crossing).filter_by(kind=CrossingKind.CLEARANCE_LANE))
        return [lane for lane in lanes if name in (lane.aliases or [])]
    if row["kind"] == "partner_agreement":
        units = session.scalars(select(Unit).filter_by(kind=UnitKind.NEIGHBOUR_PROVINCE))
        return [unit for unit in units if unit.short_name and unit.short_name in row["gist"]]
    return []


def _link_to_committee_plan(session: Session, rows: list[dict[str, str]], ids_by_item: Mapping[str, uuid.UUID]) -> None:
    """Item 28 is a paper: the steering committee's plan of 2024, the parent of Lạng Sơn's matters of that year."""
    for row in rows:
        if row["record"] != "document":
            continue
        issuer = "Ban Chỉ đạo công tác biên giới tỉnh Lạng Sơn"
        plan = session.scalars(select(Document).filter_by(issuer=issuer)).one()
        for other in rows:
            if other["seed"] == row["seed"] and other["item"] in ids_by_item:
                create_link(session, ids_by_item[other["item"]], plan.id, "parent")


CORRECTED: dict[str, type[Record]] = {
    "tasks": Task,
    "markers": Marker,
    "gates": Gate,
    "procedure_steps": ProcedureStep,
    "work_steps": WorkStep,
}


def _corrections(session: Session, folder: Path) -> None:
    """Correct the wording of rows that an earlier version loaded; a row that was edited since then stays as it is."""
    for row in _rows(folder / "corrections.csv"):
        model, name = CORRECTED[row["table"]], row["field"]
        for record in session.scalars(select(model).where(getattr(model, name) == row["was"])).all():
            if not isinstance(record, Feature):
                setattr(record, name, row["now"])
            elif record.retired_at is None:
                changes.store_update(session, record.layer, record, {name: row["now"]})
    session.flush()


STEPS: dict[str, tuple[str, Callable[[Session, Path], None]]] = {
    "lines": ("Đường biên tham khảo · Indicative boundary lines", _lines),
    "administrative_areas": ("Địa giới hành chính · Administrative areas", _administrative_areas),
    "units": ("Đơn vị · Units", _units),
    "documents": ("Văn bản · Documents", _documents),
    "procedures": ("Quy trình phối hợp với phía bạn · Procedures with the neighbours", _procedures),
    "markers": ("Mốc quốc giới · Boundary markers", _markers),
    "gates": ("Cửa khẩu · Border gates", _gates),
    "crossings": ("Lối mở, lối thông quan, đường chuyên dụng · Crossings", _crossings),
    "posts": ("Cọc dấu · Boundary posts", _posts),
    "seed_items": ("Công trình và nhiệm vụ · Works and tasks", _seed_items),
    "corrections": ("Hiệu chỉnh câu chữ · Corrected wording", _corrections),
}
