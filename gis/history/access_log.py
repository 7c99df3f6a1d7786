"""The access log: the journal's entries about restricted records that were read and about files that were exported.

None of the policy's roles may select from the journal. The function ``app.readings`` runs with its owner's rights and
returns these entries only; ``gis.schema.grants`` grants it to the roles that manage releases.
"""

import datetime as dt
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

ACCESS_LOG_FUNCTION = """
create index if not exists ix_journal_readings on app.journal (seq) where action in ('read', 'export');
create or replace function app.readings(
    since timestamptz, until timestamptz, person text, layer text, below bigint, most integer
) returns table (
    seq bigint, at timestamptz, actor text, unit text, request text, layer_read text, feature_id uuid, action text,
    selection jsonb
) language sql stable security definer set search_path = pg_catalog as $$
    select j.seq, j.at, j.actor, j.unit, j.request, j.table_name, j.feature_id, j.action, j.new from app.journal j
    where j.action in ('read', 'export') and j.at >= $1 and j.at <= $2 and ($3 is null or j.actor = $3)
    and ($4 is null or j.table_name = $4) and ($5 is null or j.seq < $5)
    order by j.seq desc limit least($6, 1001)
$$;
revoke all on function app.readings from public;
"""
"""SQL of the function and of the partial index that it scans, idempotent."""

ACCESS_LOG_SIGNATURE = "app.readings(timestamptz, timestamptz, text, text, bigint, integer)"


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
