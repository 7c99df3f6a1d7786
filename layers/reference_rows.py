"""Rows of the reference files: reading cells, and finding records loaded before."""

import csv
import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis.model import CodeList
from layers.documents import Document
from layers.gates import Gate

SEED_SOURCE = "tài liệu gốc"
"""How the source of a row calls one of the five plans and notices that the product starts from."""


def csv_rows(file: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file; an empty cell is an empty text."""
    with file.open(encoding="utf-8", newline="") as file_:
        yield from csv.DictReader(file_)


def nonempty_cells(row: Mapping[str, str], *names: str) -> dict[str, Any]:
    """Those cells that hold something, as text."""
    return {name: row[name] for name in names if row.get(name)}


def code_of(codes: type[CodeList], value: str | None) -> Any:
    return codes(value) if value else None


def parse_cell_date(value: str | None) -> dt.date | None:
    return dt.date.fromisoformat(value) if value else None


def split_cell(value: str | None) -> list[str] | None:
    return [item.strip() for item in value.split(";")] if value else None


def gate_named(session: Session, name: str) -> Gate:
    return session.scalars(select(Gate).filter_by(name=name)).one()


def plan_document(session: Session, seed: str) -> Document:
    """The seed document itself, entered as ``tài liệu gốc 000`` … ``004`` in the source of its row."""
    source = f"{SEED_SOURCE} {seed}"
    return session.scalars(select(Document).filter_by(source=source).order_by(Document.title)).first() or (
        session.scalars(select(Document).where(Document.source.startswith(source))).first()
    )  # type: ignore[return-value]
