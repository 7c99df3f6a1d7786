"""Constraints, indexes, generated columns and the history table of a layer's table."""

from collections.abc import Sequence
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Index,
    Table,
    Text as SqlText,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE
from sqlalchemy.orm import mapped_column

from gis.crs.systems import WEB_MERCATOR, WGS84


def web_mercator_column(geometry_type: str, sql: str, sort_order: int) -> Any:
    """A place in Web Mercator, stored because projecting it for every tile anew costs a third more.

    It needs no index: a tile is a box in longitude and latitude too. History, from which few tiles are drawn, does
    without it.
    """
    return mapped_column(
        Geometry(geometry_type, srid=WEB_MERCATOR, spatial_index=False),
        Computed(sql, persisted=True),
        info={"for_tiles": True},
        deferred=True,
        sort_order=sort_order,
    )


def geometry_checks() -> list[CheckConstraint]:
    """PostGIS itself stores NaN, empty and invalid shapes; these keep them out even from raw SQL."""
    return [
        CheckConstraint(
            "ST_XMin(geom) >= -180 and ST_XMax(geom) <= 180 and ST_YMin(geom) >= -90 and ST_YMax(geom) <= 90",
            name="geom_finite",
        ),
        CheckConstraint("ST_IsValid(geom) and not ST_IsEmpty(geom)", name="geom_valid"),
        CheckConstraint("(geom is null) = (position_source = 'none')", name="position_source_of_geom"),
        CheckConstraint("accuracy_m >= 0 and accuracy_m < 'Infinity'::float8", name="accuracy_m_finite"),
    ]


def unique_indexes(layer: str, columns: Sequence[str]) -> list[Index]:
    if not columns:
        return []
    name = f"uq_{layer}_{'_'.join(columns)}"
    return [Index(name, *columns, unique=True, postgresql_where=text("retired_at is null"))]


def order_index(layer: str, order: Sequence[str]) -> Index:
    """The order in which pages come, kept: a page at any depth is found without sorting what lies before it.

    The level lies beside the keys, so that whoever counts reads nothing else. It is no key: under row security the
    planner thinks that it selects, and would walk through all of it for every box.
    """
    keys = [text(f"{name.removeprefix('-')} desc") if name.startswith("-") else name for name in order]
    present = text("retired_at is null")
    return Index(f"ix_{layer}_order", *keys, "id", postgresql_where=present, postgresql_include=["level"])


def restricted_index(layer: str) -> Index:
    """What is restricted is found without reading the rest: whoever is given it is written down (``gis.query``)."""
    return Index(f"ix_{layer}_restricted", "id", postgresql_where=text("level = 'restricted'"))


def unlocated_index(layer: str) -> Index:
    """What stands nowhere is found without reading the rest: no grid cell counts it (``gis.cells``)."""
    return Index(f"ix_{layer}_unplaced", "id", postgresql_where=text("mercator is null and retired_at is null"))


def history_table(table: Table, version: str | None = None) -> Table:
    """The table in which every state of a row stays: its columns, how long it held, who, why and on which request.

    ``version`` names the column that counts the states of a row, where it has one. Since when a state held stands in a
    column of its own, ``updated_at`` or else ``since``: row security keeps what a range says from every index.
    """
    copies = []
    for column in table.columns:
        if "for_tiles" in column.info:
            continue
        computed = [Computed(str(column.computed.sqltext), persisted=True)] if column.computed is not None else []
        kind = column.type
        if isinstance(kind, Geometry):
            kind = Geometry(kind.geometry_type, srid=WGS84, spatial_index=False)
        copies.append(Column(column.name, kind, *computed, nullable=True))
    name = f"{table.name}_history"
    found = [Index(f"ix_{name}_id", "id", *([version] if version else []), unique=version is not None)]
    if version:
        found.append(Index(f"ix_{name}_geom_valid", "geom", "valid", postgresql_using="gist"))
        found.append(Index(f"ix_{name}_updated_at", "updated_at", "id"))
    else:
        copies.append(Column("since", DateTime(timezone=True), Computed("lower(valid)", persisted=True)))
        found += [Index(f"ix_{name}_feature_id", "feature_id"), Index(f"ix_{name}_since", "since", "id")]
    return Table(
        name,
        table.metadata,
        *copies,
        Column("valid", TSTZRANGE, nullable=False),
        Column("action", SqlText, nullable=False),
        Column("actor", SqlText, nullable=False),
        *(Column(one, SqlText) for one in ("reason", "request", "device_at")),
        Column("journal_seq", BigInteger),
        *found,
    )
