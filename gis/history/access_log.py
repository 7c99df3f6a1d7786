"""The access log: the journal's entries about restricted records that were read and about files that were exported.

None of the policy's roles may select from the journal. The function ``app.readings`` runs with its owner's rights and
returns these entries only; ``gis.schema.grants`` grants it to the roles that manage releases.
"""

import datetime as dt
from typing import Any

from psycopg import sql
from sqlalchemy import text

from gis.db.session import Session
from gis.text.sql_files import SqlFile

SQL = SqlFile(__file__)


ACCESS_LOG_FUNCTION = SQL.compose("access_log")
"""The function and the partial index that it scans, idempotent."""

ACCESS_LOG_SIGNATURE = sql.SQL("function app.readings(timestamptz, timestamptz, text, text, bigint, integer)")


def access_log_page(  # noqa: PLR0917 - the filters of the log
    session: Session,
    since: dt.datetime,
    until: dt.datetime,
    actor: str | None = None,
    layer: str | None = None,
    before_seq: int | None = None,
    limit: int = 200,
) -> tuple[list[dict[str, Any]], int | None]:
    """Select a page of entries between two times, newest first.

    The second value is the ``before_seq`` of the next page, or None on the last page.
    """
    call = text("select * from app.readings(:since, :until, :actor, :layer, :before_seq, :limit)")
    times = {"since": since, "until": until}
    parameters = {**times, "actor": actor, "layer": layer, "before_seq": before_seq, "limit": limit + 1}
    rows = [dict(row) for row in session.execute(call, parameters).mappings()]
    return rows[:limit], rows[limit - 1]["seq"] if len(rows) > limit else None
