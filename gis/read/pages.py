"""Pages, single features, counts and the extent of a selection, and the access log of restricted records."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from gis.db.pool import BoundQuery, QueryGenerator
from gis.db.session import AccessLogEntry, AccessRecorder
from gis.model.fields import Level
from gis.model.layer import Layer
from gis.model.query import select_sql
from gis.read.cursor import encode_cursor, order_by_sql, sort_key_sql
from gis.read.execution import fetch_rows, run_queries
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


def read_features(session: Session, selection: Selection) -> list[bytes]:
    """The selected features, each as the text of a GeoJSON Feature."""
    rows = run_queries(session, _rows_with_restricted_ids(selection, feature_json_sql(selection)))
    record_access(session, selection, rows)
    return [row[0] for row in rows]


Page = tuple[list[bytes], str | None]


def read_page(session: Session, selection: Selection) -> Page:
    """A page of features, and the cursor of the next page, or None at the end."""
    return run_queries(session, page_queries(selection, session))


def page_queries(selection: Selection, recorder: AccessRecorder) -> QueryGenerator[Page]:
    """The query of ``read_page``."""
    limit = selection.limit or 0
    one_more = replace(selection, limit=limit + 1)  # shows whether there is a next page
    rows = yield from _rows_with_restricted_ids(one_more, f"{feature_json_sql(selection)}, {sort_key_sql(selection)}")
    record_access(recorder, selection, rows[:limit])
    next_cursor = encode_cursor(json.loads(rows[limit - 1][1])) if len(rows) > limit else None
    return [row[0] for row in rows[:limit]], next_cursor


def counted_page_queries(selection: Selection, recorder: AccessRecorder) -> QueryGenerator[tuple[Page, int]]:
    """The queries of ``read_page`` and ``count_features``."""
    page = yield from page_queries(selection, recorder)
    return page, (yield from count_queries(selection))


def unpaged_sql(selection: Selection, columns_sql: str) -> tuple[str, dict[str, Any]]:
    """The SQL that selects ``columns_sql``, written over the row ``t``, of all selected features, with its values.

    It has to be executed as of ``selection.as_of`` (``execution.driver_connection``, ``Database.download_connection``).
    """
    return _page_sql(selection.unpaged(), columns_sql)


def withheld_count_sql(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The SQL that counts the selected features whose position is assumed and withheld from this reader."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    statement.conditions.append(is_withheld_sql(selection))
    return select_sql("count(*)", source, statement.conditions), statement.values


def read_feature(session: Session, selection: Selection, feature_id: uuid.UUID) -> bytes:
    """A feature as GeoJSON text. Raises ``Missing`` if it does not exist or is hidden."""
    return read_feature_with_version(session, selection, feature_id)[0]


def read_feature_with_version(session: Session, selection: Selection, feature_id: uuid.UUID) -> tuple[bytes, int]:
    """A feature as GeoJSON text, with its version. Raises ``Missing`` if it does not exist or is hidden."""
    return run_queries(session, feature_queries(selection, feature_id, session))


def feature_queries(
    selection: Selection, feature_id: uuid.UUID, recorder: AccessRecorder
) -> QueryGenerator[tuple[bytes, int]]:
    """The query of ``read_feature_with_version``."""
    single = replace(selection, ids=[feature_id], limit=None)
    rows = yield from _rows_with_restricted_ids(single, f"{feature_json_sql(single)}, t.version")
    if not rows:
        raise Missing(FEATURE_NOT_FOUND)
    record_access(recorder, single, rows)
    return rows[0][0], rows[0][1]


def condition_queries(layer: Layer, condition: str, feature_id: uuid.UUID) -> QueryGenerator[bool]:
    """Query whether a feature that the reader sees meets a condition of the policy."""
    met = select_sql(condition, f"app.{layer.name}", ["id = %(id)s"])
    rows = yield BoundQuery(f"select coalesce(({met}), false)", {"id": feature_id})
    return bool(rows[0][0])


def _rows_with_restricted_ids(selection: Selection, columns_sql: str) -> QueryGenerator[list[Any]]:
    """The rows of a page. For a reader of restricted records the last value is the id if the row is restricted."""
    if selection.clearance is Level.RESTRICTED:
        columns_sql = f"{columns_sql}, case when {is_restricted_sql(selection)} then t.id end"
    sql, values = _page_sql(selection, columns_sql)
    return (yield BoundQuery(sql, values, prepared=selection.is_preparable, as_of=selection.as_of))


def is_restricted_sql(selection: Selection) -> str:
    """The SQL condition that the feature of the row ``t``, also of one in the history, is restricted today."""
    if selection.as_of is None:
        return "t.level = 'restricted'"
    level_today = select_sql("today.level", f"app.{selection.layer.name} today", ["today.id = t.id"])
    return f"({level_today}) = 'restricted'"


def record_access(recorder: AccessRecorder, selection: Selection, rows: Sequence[Any], **extra: Any) -> None:
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
    recorder.info.setdefault("readings", []).append(AccessLogEntry(selection.layer.name, criteria, single))


def count_features(session: Session, selection: Selection) -> int:
    """The number of selected features that the reader may see."""
    return run_queries(session, count_queries(selection))


def count_queries(selection: Selection) -> QueryGenerator[int]:
    """The query of ``count_features``.

    A whole layer is summed from its grid counts, for unscoped readers who also see assumed positions.
    """
    if (
        selection.is_whole_layer
        and selection.layer.has_grid_counts
        and selection.clearance in (Level.INTERNAL, Level.RESTRICTED)
    ):
        rows = yield BoundQuery(f"select {total_sql(selection.layer)}", {}, prepared=True)
        return int(rows[0][0])
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    sql = select_sql("count(*)", source, statement.conditions)
    rows = yield BoundQuery(sql, statement.values, as_of=selection.as_of)
    return int(rows[0][0])


def count_by_value(session: Session, selection: Selection, name: str) -> dict[str, int]:
    """The number of selected features per value of a property; the empty string stands for null."""
    expression = readable_field(selection, name).expression(selection.row)
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    columns = [f"coalesce({expression}::text, '')", "count(*)"]
    sql = select_sql(columns, source, statement.conditions, group_by="1")
    rows = fetch_rows(session, BoundQuery(sql, statement.values, as_of=selection.as_of))
    return {row[0].decode(): row[1] for row in rows}


def extent(session: Session, selection: Selection) -> tuple[float, float, float, float] | None:
    """The bounding box (west, south, east, north) of the selected features, or None if none has a geometry."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    box = select_sql(f"ST_Extent({selection_geometry_sql(selection)}) as box", source, statement.conditions)
    sql = select_sql(["ST_XMin(box)", "ST_YMin(box)", "ST_XMax(box)", "ST_YMax(box)"], f"({box}) extent")
    row = fetch_rows(session, BoundQuery(sql, statement.values, as_of=selection.as_of))[0]
    return None if row[0] is None else tuple(row)


def _page_sql(selection: Selection, columns_sql: str) -> tuple[str, dict[str, Any]]:
    """The SQL that selects ``columns_sql``, written over the row ``t``, of a page of features, with its values."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    order_by = "" if selection.is_single else order_by_sql(selection, statement)  # adds the condition of the cursor
    sql = select_sql(columns_sql, source, statement.conditions, order_by=order_by, limit=selection.limit)
    return sql, statement.values
