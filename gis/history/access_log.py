"""Who has been given what: the readings of restricted records and the files that the journal holds.

The journal itself is granted to no reader; one function gives these entries of it, to those who share with others.
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
"""The function and the index it walks. ``gis.rights`` says who may call it."""

ACCESS_LOG_SIGNATURE = "app.readings(timestamptz, timestamptz, text, text, bigint, integer)"


def access_log_page(  # noqa: PLR0917 - by what readings are looked for
    session: Session,
    since: dt.datetime,
    until: dt.datetime,
    actor: str | None = None,
    layer: str | None = None,
    before_seq: int | None = None,
    limit: int = 200,
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of readings, newest first, and the number below which the next one begins, or None at the end."""
    asked = {"since": since, "until": until, "person": actor, "layer": layer, "below": before_seq, "most": limit + 1}
    call = text("select * from app.readings(:since, :until, :person, :layer, :below, :most)")
    rows = [dict(row) for row in session.execute(call, asked).mappings()]
    return rows[:limit], rows[limit - 1]["seq"] if len(rows) > limit else None
