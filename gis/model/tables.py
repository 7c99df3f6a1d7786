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
    """A generated column with the geometry in Web Mercator, because projecting it for every tile costs a third more.

    It has no index: tiles are selected by their box in longitude and latitude. History tables lack the column, since
    few tiles are drawn from them.
    """
    return mapped_column(
        Geometry(geometry_type, srid=WEB_MERCATOR, spatial_index=False),
        Computed(sql, persisted=True),
        info={"for_tiles": True},
        deferred=True,
        sort_order=sort_order,
    )


def geometry_checks() -> list[CheckConstraint]:
    """Constraints against NaN, empty and invalid geometries, which PostGIS accepts; they hold for raw SQL too."""
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
    """An index under which no two features that are not retired share the values of all ``columns``."""
    if not columns:
        return []
    name = f"uq_{layer}_{'_'.join(columns)}"
    return [Index(name, *columns, unique=True, postgresql_where=text("retired_at is null"))]


def order_index(layer: str, order: Sequence[str]) -> Index:
    """An index in the default order of the layer, so that any page is found without sorting the rows before it.

    It includes the level, so that counts under row-level security are index-only scans. The level is no key column:
    the planner would take the policy's condition on it for selective and scan the whole index for every box.
    """
    keys = [text(f"{name.removeprefix('-')} desc") if name.startswith("-") else name for name in order]
    present = text("retired_at is null")
    return Index(f"ix_{layer}_order", *keys, "id", postgresql_where=present, postgresql_include=["level"])


def restricted_index(layer: str) -> Index:
    """An index of the restricted rows, whose reads are recorded in the access log (``gis.read.pages``)."""
    return Index(f"ix_{layer}_restricted", "id", postgresql_where=text("level = 'restricted'"))


def unlocated_index(layer: str) -> Index:
    """An index of the rows without a geometry, which no grid cell counts (``gis.read.grid_counts``)."""
    return Index(f"ix_{layer}_unplaced", "id", postgresql_where=text("mercator is null and retired_at is null"))


def history_table(table: Table, version: str | None = None) -> Table:
    """The history table of a table: every state of each row, with its period of validity and who changed it and why.

    ``version`` names the column that numbers the states of a row, if there is one. The beginning of validity is also a
    plain column, ``updated_at`` or else ``since``, because under row-level security bounds of a range use no index.
    """
    copies = []
    for column in table.columns:
        if "for_tiles" in column.info:
            continue
        computed = [Computed(str(column.computed.sqltext), persisted=True)] if column.computed is not None else []
        column_type = column.type
        if isinstance(column_type, Geometry):
            column_type = Geometry(column_type.geometry_type, srid=WGS84, spatial_index=False)
        copies.append(Column(column.name, column_type, *computed, nullable=True))
    name = f"{table.name}_history"
    indexes = [Index(f"ix_{name}_id", "id", *([version] if version else []), unique=version is not None)]
    if version:
        indexes.append(Index(f"ix_{name}_geom_valid", "geom", "valid", postgresql_using="gist"))
        indexes.append(Index(f"ix_{name}_updated_at", "updated_at", "id"))
    else:
        copies.append(Column("since", DateTime(timezone=True), Computed("lower(valid)", persisted=True)))
        indexes += [Index(f"ix_{name}_feature_id", "feature_id"), Index(f"ix_{name}_since", "since", "id")]
    return Table(
        name,
        table.metadata,
        *copies,
        Column("valid", TSTZRANGE, nullable=False),
        Column("action", SqlText, nullable=False),
        Column("actor", SqlText, nullable=False),
        *(Column(column_name, SqlText) for column_name in ("reason", "request", "device_at")),
        Column("journal_seq", BigInteger),
        *indexes,
    )
