"""Loading the reference data in ``data/reference/``; each row has its source.

Each step is one transaction in the system role and runs once per database, so an interrupted start continues with the
next step. A file that changes later is not loaded again; ``corrections.csv`` corrects the wording of loaded rows.
Rows are stored by the same commands as those that users enter.
"""

import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shapely.geometry import Point
from sqlalchemy import Text as SqlText, select
from sqlalchemy.orm import Mapped, mapped_column

from gis.db import Database, Session, result_of
from gis.model import Feature, Level, PositionSource, Record, UnjournalledRecord, create_link
from gis.read import linear
from gis.write import PLACE, commands
from layers import lines
from layers.border import Border
from layers.crossings import Crossing, CrossingKind, CrossingState
from layers.documents import Document, DocumentKind
from layers.gate_codes import Category, GateStage, Mode
from layers.gates import Gate, GateCategory, GateEvent, GatePlan
from layers.markers import Marker, MarkerAnchor, MarkerKind, Side, interpolate_positions
from layers.numbering import MarkerNumber, Section, parse_address
from layers.policy import SYSTEM
from layers.posts import Post, PostCondition
from layers.procedures import ProcedureStep
from layers.reference_rows import (
    code_of,
    csv_rows,
    gate_named,
    nonempty_cells,
    parse_cell_date,
    seed_document,
    split_cell,
)
from layers.seed_loading import load_seed_items
from layers.tasks import Task
from layers.units import AdministrativeArea, AdministrativeKind, Unit, UnitKind
from layers.works import WorkStep

ProgressCallback = Callable[[str], None]

MAIN_NUMBERS = {Border.KH: 314, Border.CN: 1378}
"""The main markers that exist by the published numbering: 1–314 with Cambodia, 1–1378 with China; none for Laos."""


class LoadedStep(UnjournalledRecord, table="loaded_steps", read_level=Level.RESTRICTED):
    """The names of the loading steps that have been done."""

    name: Mapped[str] = mapped_column(SqlText, primary_key=True)


def load(database: Database, folder: Path, progress: ProgressCallback) -> None:
    """Run the steps that have not been done, with the files in ``folder``; ``progress`` gets the title of each."""
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


def _load_lines(session: Session, folder: Path) -> None:
    for border, name in ((Border.KH, "vn-kh"), (Border.CN, "vn-cn"), (Border.LA, "vn-la")):
        document = json.loads((folder / "osm" / f"{name}_osm2017_1m.geojson").read_text(encoding="utf-8"))
        lines.load(session, border, document["features"])


def _load_administrative_areas(session: Session, folder: Path) -> None:
    for row in csv_rows(folder / "administrative_areas.csv"):
        values = {
            **nonempty_cells(row, "name", "parent", "successor", "note", "source"),
            "kind": AdministrativeKind(row["kind"]),
            "valid_from": parse_cell_date(row["valid_from"]),
            "valid_to": parse_cell_date(row["valid_to"]),
            "level": Level.PUBLIC,
        }
        commands.store_new(session, AdministrativeArea, values)


def _load_units(session: Session, folder: Path) -> None:
    for row in csv_rows(folder / "units.csv"):
        values = {
            **nonempty_cells(row, "name", "short_name", "province", "parent", "successor", "source"),
            "kind": UnitKind(row["kind"]),
            "side": Side(row["side"]),
            "aliases": split_cell(row["aliases"]),
            "valid_from": parse_cell_date(row["valid_from"]),
            "valid_to": parse_cell_date(row["valid_to"]),
            "level": Level.PUBLIC,
        }
        commands.store_new(session, Unit, values)


def _load_documents(session: Session, folder: Path) -> None:
    for row in csv_rows(folder / "documents.csv"):
        values = {
            **nonempty_cells(row, "number", "issuer", "title", "note", "source"),
            "kind": DocumentKind(row["kind"]),
            "issued_on": parse_cell_date(row["issued_on"]),
            "in_force_on": parse_cell_date(row["in_force_on"]),
            "level": Level.PUBLIC,
        }
        commands.create(session, Document.layer, values)


def _load_procedures(session: Session, folder: Path) -> None:
    for row in csv_rows(folder / "procedures.csv"):
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


def _load_markers(session: Session, folder: Path) -> None:
    """Load the markers of every border and their anchors, and assume the positions that are not known."""
    for row in csv_rows(folder / "anchors.csv"):
        border = Border(row["border"])
        station = result_of(linear.station(session, float(row["lon"]), float(row["lat"]), border.value))
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
    rows_by_border: dict[Border, dict[str, dict[str, str]]] = {border: {} for border in Border}
    for row in csv_rows(folder / "markers.csv"):
        rows_by_border[Border(row["border"])][row["number"]] = row
    for border, rows in rows_by_border.items():
        markers = _markers_of(session, border, rows)
        interpolate_positions(session, border, markers)
        session.add_all(markers)
        session.flush()


def _markers_of(session: Session, border: Border, rows_by_number: Mapping[str, Mapping[str, str]]) -> list[Marker]:
    """The markers of a border in the order of their numbers: those in the file, and all other main markers.

    A main number whose row says ``replaces_main`` is left out, because its twins stand in its place.
    """
    replaced = {
        MarkerNumber.parse(number).main for number, row in rows_by_number.items() if row["replaces_main"] == "yes"
    }
    numbering = {"source": f"số mốc chính 1–{MAIN_NUMBERS.get(border)} của tuyến {border}"}
    mains = {str(main): numbering for main in range(1, MAIN_NUMBERS.get(border, 0) + 1) if main not in replaced}
    all_rows: dict[str, Mapping[str, str]] = {**mains, **rows_by_number}
    markers = []
    for number in sorted(all_rows, key=MarkerNumber.parse):
        row = all_rows[number]
        parsed = MarkerNumber.parse(number)
        marker = Marker(
            id=uuid.uuid4(),
            border=border,
            number=number,
            kind=code_of(MarkerKind, row.get("kind")) or (MarkerKind.SUB if parsed.sub else MarkerKind.MAIN),
            condition=Marker.layer.fields["condition"].default,
            built_by=code_of(Side, row.get("built_by")),
            responsible_side=code_of(Side, row.get("responsible_side")),
            source=row["source"],
            level=Level.PUBLIC,
            address=number,
            position_source=PositionSource.NONE,
        )
        if row.get("lon"):
            marker.position_source = PositionSource(row["position_source"])
            marker.accuracy_m = float(row["accuracy_m"])
            commands.set_geometry(marker, Point(float(row["lon"]), float(row["lat"])))
            marker.derive(session)
        markers.append(marker)
    return markers


def _load_gates(session: Session, folder: Path) -> None:
    gates: dict[str, Gate] = {}
    for row in csv_rows(folder / "gates.csv"):
        values: dict[str, Any] = {
            **nonempty_cells(
                row, "name", "counterpart", "counterpart_place", "province", "former_province", "commune", "source"
            ),
            "border": Border(row["border"]),
            "category": code_of(Category, row["category"]),
            "category_since": parse_cell_date(row["category_since"]),
            "mode": code_of(Mode, row["mode"]),
            "stage": code_of(GateStage, row["stage"]),
            "aliases": split_cell(row["aliases"]),
            "level": Level.PUBLIC,
        }
        if row["lon"]:
            values["geometry"] = {"type": "Point", "coordinates": [float(row["lon"]), float(row["lat"])]}
            values["position_source"] = PositionSource(row["position_source"])
            values["accuracy_m"] = float(row["accuracy_m"])
        elif row["at"]:
            values[PLACE] = {"text": _first_marker(row["at"]), "border": row["border"]}
        gates[row["name"]] = commands.store_new(session, Gate, values)
    _load_gate_child_rows(session, folder, gates)


def _first_marker(at: str) -> str:
    """The first marker of a section, because a gate has a point location; any other address unchanged."""
    address = parse_address(at)
    return str(address.first) if isinstance(address, Section) else at


def _load_gate_child_rows(session: Session, folder: Path, gates: Mapping[str, Gate]) -> None:
    for row in csv_rows(folder / "gate_categories.csv"):
        session.add(
            GateCategory(
                feature_id=gates[row["gate"]].id,
                category=Category(row["category"]),
                valid_from=parse_cell_date(row["valid_from"]),
                valid_to=parse_cell_date(row["valid_to"]),
                document=row["document"] or None,
                source=row["source"],
            )
        )
    for row in csv_rows(folder / "gate_events.csv"):
        session.add(
            GateEvent(
                feature_id=gates[row["gate"]].id,
                kind=row["kind"],
                on=parse_cell_date(row["on"]),
                precision=row["precision"],
                document=row["document"] or None,
                note=row["note"] or None,
                source=row["source"],
            )
        )
    # Only the date of these decisions is known; of plans under others 1900-01-01 stands for an unknown date.
    decisions_of_2023 = {"1199/QĐ-TTg", "1200/QĐ-TTg", "1201/QĐ-TTg"}
    for row in csv_rows(folder / "gate_plans.csv"):
        session.add(
            GatePlan(
                feature_id=gates[row["gate"]].id,
                horizon=int(row["horizon"]),
                category=Category(row["category"]),
                mode=code_of(Mode, row["mode"]),
                decision=row["decision"],
                on=dt.date(2023, 10, 14) if row["decision"] in decisions_of_2023 else dt.date(1900, 1, 1),
                source=row["source"],
            )
        )


def _load_crossings(session: Session, folder: Path) -> None:
    for row in csv_rows(folder / "crossings.csv"):
        gate = gate_named(session, row["gate"])
        crossing = commands.create(
            session,
            Crossing.layer,
            {
                **nonempty_cells(row, "name", "section", "counterpart", "note", "source"),
                "kind": CrossingKind(row["kind"]),
                "border": Border(row["border"]),
                "gate": str(gate.id),
                "state": CrossingState(row["state"]),
                "opened_on": parse_cell_date(row["opened_on"]),
                "aliases": split_cell(row["aliases"]),
                "level": Level.PUBLIC,
            },
        )
        if row["seed_item"]:
            create_link(session, crossing.id, seed_document(session, "004").id, "document")


def _load_posts(session: Session, folder: Path) -> None:
    for row in csv_rows(folder / "posts.csv"):
        values = {
            **nonempty_cells(row, "section", "label", "source"),
            "border": Border(row["border"]),
            "condition": PostCondition(row["condition"]),
            "level": Level.INTERNAL,
        }
        commands.store_new(session, Post, values)


CORRECTED_TABLES: dict[str, type[Record]] = {
    "tasks": Task,
    "markers": Marker,
    "gates": Gate,
    "procedure_steps": ProcedureStep,
    "work_steps": WorkStep,
}


def _apply_corrections(session: Session, folder: Path) -> None:
    """Correct the wording of rows that an earlier version loaded; rows that were edited since are left unchanged."""
    for row in csv_rows(folder / "corrections.csv"):
        model, name = CORRECTED_TABLES[row["table"]], row["field"]
        for record in session.scalars(select(model).where(getattr(model, name) == row["was"])).all():
            if not isinstance(record, Feature):
                setattr(record, name, row["now"])
            elif record.retired_at is None:
                commands.store_update(session, record.layer, record, {name: row["now"]})
    session.flush()


STEPS: dict[str, tuple[str, Callable[[Session, Path], None]]] = {
    "lines": ("Đường biên tham khảo · Indicative boundary lines", _load_lines),
    "administrative_areas": ("Địa giới hành chính · Administrative areas", _load_administrative_areas),
    "units": ("Đơn vị · Units", _load_units),
    "documents": ("Văn bản · Documents", _load_documents),
    "procedures": ("Quy trình phối hợp với phía bạn · Procedures with the neighbours", _load_procedures),
    "markers": ("Mốc quốc giới · Boundary markers", _load_markers),
    "gates": ("Cửa khẩu · Border gates", _load_gates),
    "crossings": ("Lối mở, lối thông quan, đường chuyên dụng · Crossings", _load_crossings),
    "posts": ("Cọc dấu · Boundary posts", _load_posts),
    "seed_items": ("Công trình và nhiệm vụ · Works and tasks", load_seed_items),
    "corrections": ("Hiệu chỉnh câu chữ · Corrected wording", _apply_corrections),
}
