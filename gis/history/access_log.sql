-- The access log: what the roles that manage releases read of the journal.

-- name: access_log
-- The function scans the partial index.
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
revoke all on function app.readings(timestamptz, timestamptz, text, text, bigint, integer) from public;
