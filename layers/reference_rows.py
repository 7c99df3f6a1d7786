"""Reading the cells of the reference files, and finding records that were loaded before."""

import csv
import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gis.db import Session
from gis.model import CodeList
from layers.documents import Document
from layers.gates import Gate

SEED_SOURCE = "tài liệu gốc"
"""The name by which the source of a row refers to one of the five seed documents."""


def csv_rows(file: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file as dictionaries; an empty cell is an empty text."""
    with file.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def nonempty_cells(row: Mapping[str, str], *names: str) -> dict[str, Any]:
    """The named cells that are not empty, as text."""
    return {name: row[name] for name in names if row.get(name)}


def code_of(codes: type[CodeList], value: str | None) -> Any:
    """The code in a cell, or None if the cell is empty."""
    return codes(value) if value else None


def parse_cell_date(value: str | None) -> dt.date | None:
    """The ISO 8601 date in a cell, or None if the cell is empty."""
    return dt.date.fromisoformat(value) if value else None


def split_cell(value: str | None) -> list[str] | None:
    """The list in a cell, whose items are separated by semicolons, or None if the cell is empty."""
    return [item.strip() for item in value.split(";")] if value else None


def gate_named(session: Session, name: str) -> Gate:
    """The gate of that name, which must exist."""
    return session.scalars(select(Gate).filter_by(name=name)).one()


def seed_document(session: Session, seed: str) -> Document:
    """The document loaded from the seed document ``seed`` (``000`` to ``004``); of several, the first by title."""
    source = f"{SEED_SOURCE} {seed}"
    return session.scalars(select(Document).filter_by(source=source).order_by(Document.title)).first() or (
        session.scalars(select(Document).where(Document.source.startswith(source))).first()
    )  # type: ignore[return-value]
