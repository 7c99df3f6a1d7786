"""Pages, single features, counts and the extent of a selection, and the access log of restricted records."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gis.db.pool import BoundQuery, Row
from gis.db.reader import AccessLogEntry, Reader
from gis.model.fields import Level
from gis.model.layer import Layer
from gis.model.query import select_sql
from gis.read.cursor import encode_cursor, order_by_sql, sort_key_sql
from gis.read.grid_counts import total_sql
from gis.read.selection import Selection
from gis.read.sql import (
    feature_json_sql,
    from_clause,
    is_withheld_sql,
    readable_field,
    selection_geometry_sql,
)
from gis.read.statement import StatementBuilder
from gis.text.errors import FEATURE_NOT_FOUND, Missing

MAX_LOGGED_IDS = 200
"""The access log lists up to this many restricted records of a read by id; of more, it has only the number."""


def validate_selection(selection: Selection) -> None:
    """Compose the SQL without running it, to raise ``Malformed`` before a streamed response begins."""
    _page_sql(selection, feature_json_sql(selection))


async def read_features(reader: Reader, selection: Selection) -> list[bytes]:
    """The selected features, each as the text of a GeoJSON Feature."""
    rows = await _rows_with_restricted_ids(reader, selection, feature_json_sql(selection))
    record_access(reader, selection, rows)
    return [row[0] for row in rows]


async def read_page(reader: Reader, selection: Selection) -> tuple[list[bytes], str | None]:
    """A page of features, and the cursor of the next page, or None at the end."""
    limit = selection.limit or 0
    one_more = replace(selection, limit=limit + 1)  # shows whether there is a next page
    columns_sql = f"{feature_json_sql(selection)}, {sort_key_sql(selection)}"
    rows = await _rows_with_restricted_ids(reader, one_more, columns_sql)
    record_access(reader, selection, rows[:limit])
    next_cursor = encode_cursor(json.loads(rows[limit - 1][1])) if len(rows) > limit else None
    return [row[0] for row in rows[:limit]], next_cursor


def unpaged_sql(selection: Selection, columns_sql: str) -> tuple[str, dict[str, Any]]:
    """The SQL that selects ``columns_sql``, written over the row ``t``, of all selected features, with its values.

    It has to be executed as of ``selection.as_of`` (``Session.driver_connection``, ``Database.download_connection``).
    """
    return _page_sql(selection.unpaged(), columns_sql)


def withheld_count_sql(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The SQL that counts the selected features whose position is assumed and withheld from this reader."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    statement.conditions.append(is_withheld_sql(selection))
    return select_sql("count(*)", source, statement.conditions), statement.values


async def read_feature(reader: Reader, selection: Selection, feature_id: uuid.UUID) -> bytes:
    """A feature as GeoJSON text. Raises ``Missing`` if it does not exist or is hidden."""
    return (await read_feature_with_version(reader, selection, feature_id))[0]


async def read_feature_with_version(reader: Reader, selection: Selection, feature_id: uuid.UUID) -> tuple[bytes, int]:
    """A feature as GeoJSON text, with its version. Raises ``Missing`` if it does not exist or is hidden."""
    single = replace(selection, ids=[feature_id], limit=None)
    rows = await _rows_with_restricted_ids(reader, single, f"{feature_json_sql(single)}, t.version")
    if not rows:
        raise Missing(FEATURE_NOT_FOUND)
    record_access(reader, single, rows)
    return rows[0][0], rows[0][1]


async def meets_condition(reader: Reader, layer: Layer, condition: str, feature_id: uuid.UUID) -> bool:
    """Whether a feature that the reader sees meets a condition of the policy."""
    met = select_sql(condition, f"app.{layer.name}", ["id = %(id)s"])
    rows = await reader.fetch(BoundQuery(f"select coalesce(({met}), false)", {"id": feature_id}))
    return bool(rows[0][0])


async def _rows_with_restricted_ids(reader: Reader, selection: Selection, columns_sql: str) -> list[Row]:
    """The rows of a page. For a reader of restricted records the last value is the id if the row is restricted."""
    if selection.clearance is Level.RESTRICTED:
        columns_sql = f"{columns_sql}, case when {is_restricted_sql(selection)} then t.id end"
    sql, values = _page_sql(selection, columns_sql)
    return await reader.fetch(BoundQuery(sql, values, prepared=selection.is_preparable, as_of=selection.as_of))


def is_restricted_sql(selection: Selection) -> str:
    """The SQL condition that the feature of the row ``t``, also of one in the history, is restricted today."""
    if selection.as_of is None:
        return "t.level = 'restricted'"
    level_today = select_sql("today.level", f"app.{selection.layer.name} today", ["today.id = t.id"])
    return f"({level_today}) = 'restricted'"


def record_access(reader: Reader, selection: Selection, rows: Sequence[Any], **extra: Any) -> None:
    """Add an entry of the access log for the restricted records among ``rows``, whose ids are the rows' last values.

    ``extra`` is added to the logged criteria. ``Database`` writes the entry before the data leave the process.
    """
    if selection.clearance is not Level.RESTRICTED:
        return
    ids = [row[-1] for row in rows if row[-1] is not None]
    if not ids:
        return
    criteria = {**selection.criteria(), **extra}
    single = ids[0] if selection.is_single else None
    if single is None:
        criteria["restricted"] = len(ids)
        criteria |= {"records": ids} if len(ids) <= MAX_LOGGED_IDS else {}
    else:
        del criteria["ids"]
    reader.record_access(AccessLogEntry(selection.layer.name, criteria, single))


async def count_features(reader: Reader, selection: Selection) -> int:
    """The number of selected features that the reader may see.

    A whole layer is summed from its grid counts, for unscoped readers who also see assumed positions.
    """
    if (
        selection.is_whole_layer
        and selection.layer.has_grid_counts
        and selection.clearance in (Level.INTERNAL, Level.RESTRICTED)
    ):
        rows = await reader.fetch(BoundQuery(f"select {total_sql(selection.layer)}", {}, prepared=True))
        return int(rows[0][0])
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    sql = select_sql("count(*)", source, statement.conditions)
    rows = await reader.fetch(BoundQuery(sql, statement.values, as_of=selection.as_of))
    return int(rows[0][0])


async def count_by_value(reader: Reader, selection: Selection, name: str) -> dict[str, int]:
    """The number of selected features per value of a property; the empty string stands for null."""
    expression = readable_field(selection, name).expression(selection.row)
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    columns = [f"coalesce({expression}::text, '')", "count(*)"]
    sql = select_sql(columns, source, statement.conditions, group_by="1")
    rows = await reader.fetch(BoundQuery(sql, statement.values, as_of=selection.as_of))
    return {row[0].decode(): row[1] for row in rows}


async def extent(reader: Reader, selection: Selection) -> tuple[float, float, float, float] | None:
    """The bounding box (west, south, east, north) of the selected features, or None if none has a geometry."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    box = select_sql(f"ST_Extent({selection_geometry_sql(selection)}) as box", source, statement.conditions)
    sql = select_sql(["ST_XMin(box)", "ST_YMin(box)", "ST_XMax(box)", "ST_YMax(box)"], f"({box}) extent")
    (row,) = await reader.fetch(BoundQuery(sql, statement.values, as_of=selection.as_of))
    return None if row[0] is None else tuple(row)


def _page_sql(selection: Selection, columns_sql: str) -> tuple[str, dict[str, Any]]:
    """The SQL that selects ``columns_sql``, written over the row ``t``, of a page of features, with its values."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    order_by = "" if selection.is_single else order_by_sql(selection, statement)  # adds the condition of the cursor
    sql = select_sql(columns_sql, source, statement.conditions, order_by=order_by, limit=selection.limit)
    return sql, statement.values
