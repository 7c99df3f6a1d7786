"""Pages, single features, counts and extents of a selection."""

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
from gis.read.cursor import encode_cursor, order_by_sql, sort_key_sql
from gis.read.execution import fetch_rows, run_queries
from gis.read.grid_counts import total_sql
from gis.read.selection import Selection
from gis.read.sql import (
    as_of_sql,
    feature_json_sql,
    from_clause,
    is_withheld_sql,
    readable_field,
    selection_geometry_sql,
    where_clause,
)
from gis.read.statement import StatementBuilder
from gis.text.errors import FEATURE_NOT_FOUND, Missing

MAX_LOGGED_IDS = 200
"""So many restricted records given at once are named in the journal one by one; of more, their number."""


def validate_selection(selection: Selection) -> None:
    """Compose the SQL and throw it away: raises what the selection would, before an answer has begun."""
    _page_sql(selection, feature_json_sql(selection))


def read_features(session: Session, selection: Selection) -> list[bytes]:
    """The selected features, each as the text of one GeoJSON Feature."""
    rows = run_queries(session, _rows_with_restricted_ids(selection, feature_json_sql(selection)))
    record_access(session, selection, rows)
    return [row[0] for row in rows]


Page = tuple[list[bytes], str | None]


def read_page(session: Session, selection: Selection) -> Page:
    """One page of features, and the key from which the next one goes on, or None at the end."""
    return run_queries(session, page_queries(selection, session))


def page_queries(selection: Selection, recorder: AccessRecorder) -> QueryGenerator[Page]:
    """The question of ``page``."""
    limit = selection.limit or 0
    longer = replace(selection, limit=limit + 1)
    rows = yield from _rows_with_restricted_ids(longer, f"{feature_json_sql(selection)}, {sort_key_sql(selection)}")
    record_access(recorder, selection, rows[:limit])
    following = encode_cursor(json.loads(rows[limit - 1][1])) if len(rows) > limit else None
    return [row[0] for row in rows[:limit]], following


def counted_page_queries(selection: Selection, recorder: AccessRecorder) -> QueryGenerator[tuple[Page, int]]:
    """The questions of ``page`` and ``count``."""
    found = yield from page_queries(selection, recorder)
    return found, (yield from count_queries(selection))


def unpaged_sql(selection: Selection, columns_sql: str) -> tuple[str, dict[str, Any]]:
    """The SQL that gives ``shown``, written over the row ``t``, of every selected feature, with its values."""
    return _page_sql(selection.unpaged(), columns_sql)


def withheld_count_sql(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The SQL that counts the selected features whose position is only assumed and kept from this reader."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    statement.conditions.append(is_withheld_sql(selection))
    return as_of_sql(selection, f"select count(*) from {source}{where_clause(statement)}", statement), statement.values


def read_feature(session: Session, selection: Selection, feature_id: uuid.UUID) -> bytes:
    """One feature as GeoJSON text; ``Missing`` when there is none or it is hidden."""
    return read_feature_with_version(session, selection, feature_id)[0]


def read_feature_with_version(session: Session, selection: Selection, feature_id: uuid.UUID) -> tuple[bytes, int]:
    """One feature as GeoJSON text with its version; ``Missing`` when there is none or it is hidden."""
    return run_queries(session, feature_queries(selection, feature_id, session))


def feature_queries(
    selection: Selection, feature_id: uuid.UUID, recorder: AccessRecorder
) -> QueryGenerator[tuple[bytes, int]]:
    """The question of ``versioned``."""
    wanted = replace(selection, ids=[feature_id], limit=None)
    rows = yield from _rows_with_restricted_ids(wanted, f"{feature_json_sql(wanted)}, t.version")
    if not rows:
        raise Missing(FEATURE_NOT_FOUND)
    record_access(recorder, wanted, rows)
    return rows[0][0], rows[0][1]


def condition_queries(layer: Layer, condition: str, feature_id: uuid.UUID) -> QueryGenerator[bool]:
    """The question whether a row that the reader sees meets a condition of the policy page."""
    sql = f"select coalesce((select {condition} from app.{layer.name} where id = %(id)s), false)"
    rows = yield BoundQuery(sql, {"id": feature_id})
    return bool(rows[0][0])


def _rows_with_restricted_ids(selection: Selection, columns_sql: str) -> QueryGenerator[list[Any]]:
    """The rows of a page, for a reader of the restricted with the id of each that is restricted as last value."""
    if selection.clearance is Level.RESTRICTED:
        columns_sql = f"{columns_sql}, case when {is_restricted_sql(selection)} then t.id end"
    sql, values = _page_sql(selection, columns_sql)
    return (yield BoundQuery(sql, values, prepared=selection.is_preparable))


def is_restricted_sql(selection: Selection) -> str:
    """The SQL that says of a row ``t``, also of one as it was, whether it is restricted today."""
    if selection.as_of is None:
        return "t.level = 'restricted'"
    return f"(select now.level from app.{selection.layer.name} now where now.id = t.id) = 'restricted'"


def record_access(recorder: AccessRecorder, selection: Selection, rows: Sequence[Any], **extra: Any) -> None:
    """Note which restricted records are given, their ids last in each row: the journal has it before they leave."""
    found = [row[-1] for row in rows if row[-1] is not None] if selection.clearance is Level.RESTRICTED else []
    if not found:
        return
    told = {**selection.criteria(), **extra}
    single = found[0] if selection.ids is not None and len(selection.ids) == 1 else None
    if single is None:
        told["restricted"] = len(found)
        told |= {"records": found} if len(found) <= MAX_LOGGED_IDS else {}
    else:
        del told["ids"]
    recorder.info.setdefault("readings", []).append(AccessLogEntry(selection.layer.name, told, single))


def count_features(session: Session, selection: Selection) -> int:
    """How many features the selection holds, under the reader's own rights."""
    return run_queries(session, count_queries(selection))


def count_queries(selection: Selection) -> QueryGenerator[int]:
    """The question of ``count``. A whole layer is added up from its cells, where these know all the reader sees."""
    if (
        selection.is_whole_layer
        and selection.layer.has_grid_counts
        and selection.clearance in (Level.INTERNAL, Level.RESTRICTED)
    ):
        rows = yield BoundQuery(f"select {total_sql(selection.layer)}", {}, prepared=True)
        return int(rows[0][0])
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    sql = as_of_sql(selection, f"select count(*) from {source}{where_clause(statement)}", statement)
    rows = yield BoundQuery(sql, statement.values)
    return int(rows[0][0])


def count_by_value(session: Session, selection: Selection, name: str) -> dict[str, int]:
    """How many features there are of each value of one property."""
    expression = readable_field(selection, name).expression(selection.clearance)
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    sql = f"select coalesce({expression}::text, ''), count(*) from {source}{where_clause(statement)} group by 1"
    sql = as_of_sql(selection, sql, statement)
    return {row[0].decode(): row[1] for row in fetch_rows(session, sql, statement.values)}


def extent(session: Session, selection: Selection) -> tuple[float, float, float, float] | None:
    """The box around the selected features that the reader may see, or None when none has a place."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    place = selection_geometry_sql(selection)
    sql = (
        "select ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box) from"
        f" (select ST_Extent({place}) as box from {source}{where_clause(statement)}) extent"
    )
    row = fetch_rows(session, sql, statement.values)[0]
    return None if row[0] is None else tuple(row)


def _page_sql(selection: Selection, columns_sql: str) -> tuple[str, dict[str, Any]]:
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    ordered = "" if selection.is_single else f" order by {order_by_sql(selection, statement)}"
    limit = f" limit {int(selection.limit)}" if selection.limit is not None else ""
    sql = f"select {columns_sql} from {source}{where_clause(statement)}{ordered}{limit}"
    return as_of_sql(selection, sql, statement), statement.values
