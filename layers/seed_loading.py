"""Loading the items of the five seed documents as tasks and works, with links to their locations and documents."""

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gis.db import Session
from gis.model import Level, create_link
from gis.write import PLACE, commands
from layers.border import Border
from layers.crossings import Crossing, CrossingKind
from layers.documents import Document
from layers.gates import Gate
from layers.markers import Marker
from layers.numbering import MarkerNumber, Section, parse_address
from layers.posts import Post
from layers.reference_rows import SEED_SOURCE, csv_rows, gate_named, parse_cell_date, seed_document
from layers.tasks import Task, TaskKind, TaskState
from layers.units import Unit, UnitKind
from layers.works import Work, WorkKind, WorkStage, create_procedure_steps


def load_seed_items(session: Session, folder: Path) -> None:
    """Create a task or work for each item of the seed documents, and link items that continue one another."""
    ids_by_item: dict[str, uuid.UUID] = {}
    rows = list(csv_rows(folder / "seed_items.csv"))
    for row in rows:
        if row["record"] == "work":
            ids_by_item[row["item"]] = _seed_work(session, row)
        elif row["record"] == "task":
            ids_by_item[row["item"]] = _seed_task(session, row)
    for row in rows:
        before = re.search(r"tiếp theo mục (\d+)", row["gist"])
        after = re.search(r"mục (\d+) làm tiếp", row["gist"])
        if before and row["item"] in ids_by_item:
            create_link(session, ids_by_item[row["item"]], ids_by_item[before.group(1)], "continues")
        if after:
            create_link(session, ids_by_item[after.group(1)], ids_by_item[row["item"]], "continues")
    _link_to_committee_plan(session, rows, ids_by_item)


def _seed_values(session: Session, row: Mapping[str, str]) -> dict[str, Any]:
    """The values that tasks and works have in common."""
    title = row["gist"].split(";")[0].strip()
    return {
        "title": title[0].upper() + title[1:],
        "due_on": parse_cell_date(row["due"]),
        "waiting_on": row["waiting_on"] or None,
        "waiting_since": parse_cell_date(row["waiting_since"]),
        "done_on": parse_cell_date(row["done_on"]),
        "plan": seed_document(session, row["seed"]).title,
        "clause": row["basis"],
        "seed_item": row["item"],
        "source": f"{SEED_SOURCE} {row['seed']}, {row['basis']}",
        "level": Level.INTERNAL,
    }


def _seed_work(session: Session, row: Mapping[str, str]) -> uuid.UUID:
    """Create a work from a row, with its steps and links; returns its id."""
    border, address = row["place"].split(" ", 1)
    values = {
        **_seed_values(session, row),
        "kind": WorkKind(row["kind"]),
        "stage": WorkStage(row["status"]),
        "unit": row["unit"],
        PLACE: {"text": address, "border": border},
    }
    work: Work = commands.store_new(session, Work, values)
    if work.address and isinstance(parse_address(address), Section):
        work.title = f"{work.title}, đoạn {work.address}"
    create_procedure_steps(session, work)
    for marker in _markers_at(session, border, address):
        create_link(session, work.id, marker.id, "subject")
    if work.kind is WorkKind.DENSIFICATION:
        for post in session.scalars(select(Post).filter_by(border=border, section=work.address)):
            create_link(session, work.id, post.id, "subject")
    if work.kind is WorkKind.SMART_GATE:
        create_link(session, work.id, gate_named(session, "Hữu Nghị").id, "gate")
    create_link(session, work.id, seed_document(session, row["seed"]).id, "document")
    return work.id


def _markers_at(session: Session, border: str, address: str) -> list[Marker]:
    """The markers that an address names: the marker itself, or both ends of a section."""
    parsed = parse_address(address)
    numbers = [parsed.first, parsed.last] if isinstance(parsed, Section) else [MarkerNumber.parse(address)]
    return [
        marker
        for number in numbers
        for marker in session.scalars(select(Marker).filter_by(border=Border(border), number=str(number)))
    ]


def _seed_task(session: Session, row: Mapping[str, str]) -> uuid.UUID:
    """Create a task from a row, with its links; returns its id."""
    values = {
        **_seed_values(session, row),
        "kind": TaskKind(row["kind"]),
        "state": TaskState(row["status"]),
        "period": row["period"],
        "lead_unit": row["unit"],
        "imported": True,
        "progress": 100 if row["status"] == "done" else 0,
    }
    task = commands.store_new(session, Task, values)
    for feature in _linked_features(session, row):
        create_link(session, task.id, feature.id, "gate" if isinstance(feature, Gate) else "subject")
    create_link(session, task.id, seed_document(session, row["seed"]).id, "document")
    return task.id


def _linked_features(session: Session, row: Mapping[str, str]) -> list[Any]:
    """The features that a seed task is about; none where its location is not public."""
    place = row["place"]
    if place.startswith("gate "):
        return [gate_named(session, place.removeprefix("gate "))]
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
    """Link the tasks and works of Lạng Sơn's seed document to the steering committee's plan of 2024, their parent.

    The plan is itself an item of the seed document: the row whose ``record`` is ``document``, not a task or a work.
    """
    for row in rows:
        if row["record"] != "document":
            continue
        issuer = "Ban Chỉ đạo công tác biên giới tỉnh Lạng Sơn"
        plan = session.scalars(select(Document).filter_by(issuer=issuer)).one()
        for other in rows:
            if other["seed"] == row["seed"] and other["item"] in ids_by_item:
                create_link(session, ids_by_item[other["item"]], plan.id, "parent")
