-- Comparisons of tables with the journal: each query gives the id of a row that disagrees, or no row.
-- Two JSON objects are compared by the keys that both have, so that added and dropped columns are not reported.

-- name: history_mismatch
-- A history row that differs from its journal entry, or an entry without its history row.
select coalesce(h.{subject}, j.feature_id) from {history_table} h
full join (select * from app.journal where table_name = {name} and action = any({actions})) j
    on j.seq = h.journal_seq
where h.id is null or j.seq is null or j.feature_id <> h.{subject} or j.action <> h.action or j.actor <> h.actor
    or (j.reason, j.request, j.device_at) is distinct from (h.reason, h.request, h.device_at)
    or (to_jsonb(h) - {history_columns}::text[]) <> (coalesce(j.new, j.old) - {derived_columns}::text[])
    and exists (select from jsonb_each(to_jsonb(h) - {history_columns}::text[]) a
        join jsonb_each(coalesce(j.new, j.old) - {derived_columns}::text[]) b using (key) where a.value <> b.value)
limit 1

-- name: current_row_mismatch
-- A present row that differs from its last history row, or one of them without the other.
select coalesce(t.{subject}, h.{subject}) from {table} t
full join (select * from {history_table} where upper_inf(valid)) h on h.id = t.id
left join app.journal j on j.seq = h.journal_seq
where t.id is null or h.id is null
    or (to_jsonb(t) - {derived_columns}::text[]) <> (coalesce(j.new, j.old) - {derived_columns}::text[])
    and exists (select from jsonb_each(to_jsonb(t) - {derived_columns}::text[]) a
        join jsonb_each(coalesce(j.new, j.old) - {derived_columns}::text[]) b using (key) where a.value <> b.value)
limit 1

-- name: validity_mismatch
-- A history row whose validity does not begin at updated_at or does not end where the next one begins.
select id from (select id, valid, updated_at, lead(lower(valid)) over (partition by id order by version) as next
    from {history_table}) h
where lower(valid) <> updated_at or next is not null and upper(valid) is distinct from next
limit 1

-- name: unregistered_feature
-- A feature whose id is not registered for its layer.
select t.id from {table} t left join app.features f on f.id = t.id and f.layer = {name} where f.id is null
limit 1

-- name: latest_entry_mismatch
-- A row without history that differs from the latest journal entry about it, or one of them without the other.
select coalesce(t.id, j.feature_id) from {table} t full join (
    select distinct on (feature_id) feature_id, action, new from app.journal
    where table_name = {name} and action in ('insert', 'update', 'delete') order by feature_id, seq desc
) j on j.feature_id = t.id
where t.id is null and j.action <> 'delete' or t.id is not null and (j.feature_id is null or j.action = 'delete')
    or exists (select from jsonb_each(app.account_told(to_jsonb(t))) a
        join jsonb_each(j.new) b using (key) where a.value <> b.value)
limit 1

-- name: approved_rows_mismatch
-- A release version whose rows are not those that were submitted for approval.
select version_id from (
    select version_id, count(*) as rows,
        app.text_hash(string_agg(feature_id || ' ' || sha256, e'\n' order by feature_id)) as sha256
    from app.release_rows r join app.release_versions v on v.id = r.version_id
    where v.state not in ('draft', 'discarded') group by version_id
) r full join (
    select feature_id as version_id, (new->>'rows')::bigint as rows, new->>'sha256' as sha256 from app.journal
    where table_name = 'release_rows' and action = 'submit'
) j using (version_id)
where (r.rows, r.sha256) is distinct from (j.rows, j.sha256)
limit 1

-- name: steps_mismatch
-- A step of a release version that is not in the journal, or a journalled one that is missing.
with step as (select version_id, state, actor, reason from app.release_steps),
entry as (select feature_id, new->>'state', actor, reason from app.journal where table_name = 'release_versions'
    and action in ('insert', 'update') and old->>'state' is distinct from new->>'state')
select version_id from (
    (table step except all table entry) union all (table entry except all table step)
) difference limit 1

-- name: content_hash_mismatch
-- A holding whose content does not match its hash.
select feature_id from app.holdings where sha256 <> app.content_hash(content) limit 1

-- name: manifest_rows_mismatch
-- A release version whose holdings do not match the hash in its manifest.
select v.release_id from app.release_versions v cross join lateral jsonb_each(v.manifest->'layers') l (layer, entry)
where l.entry->>'sha256' is distinct from app.text_hash(coalesce((
    select string_agg(h.feature_id || ' ' || h.sha256, e'\n' order by h.feature_id) from app.holdings h
    where h.release_id = v.release_id and h.layer = l.layer and h.since <= (v.manifest->>'published_at')::timestamptz
        and (h.until is null or h.until > (v.manifest->>'published_at')::timestamptz)), ''))
limit 1

-- name: holding_period_mismatch
-- A holding that no version published when it began, or whose end no version, withdrawal or recall explains.
select h.feature_id from app.holdings h
where not exists (select from release.manifests m
    where m.release = h.release_id and m.number = h.since_version and m.published_at = h.since)
or h.until is not null and not h.held_back and not exists (
    select from release.manifests m where m.release = h.release_id and h.until in (m.published_at, m.withdrawn_at))
or h.held_back and not exists (
    select from app.journal j where j.feature_id = h.feature_id and j.table_name = 'holdings'
    and j.action = 'hold_back' and j.new->>'release' = h.release_id::text)
limit 1

-- name: tombstone_mismatch
-- A feature that a recipient no longer holds but that has no tombstone, or a tombstone of one that it holds.
select feature_id from (
    select release_id, feature_id from app.holdings group by 1, 2 having bool_and(until is not null)
) h full join release.tombstones t on t.release = h.release_id and t.id = h.feature_id
where t.id is null or h.feature_id is null
limit 1

-- name: manifest_mismatch
-- A manifest served to the recipient that differs from the version's, or one of them without the other.
select coalesce(v.release_id, m.release) from (select * from app.release_versions where manifest is not null) v
full join release.manifests m on m.release = v.release_id and m.number = v.number
where v.id is null or m.release is null or m.manifest - '{{held_back,basis}}'::text[] <> v.manifest - 'basis'
    or m.manifest->>'basis' <> v.manifest->>'basis' or v.state = 'withdrawn' and m.withdrawn_at is null
    or m.withdrawn_at is not null and not exists (
        select from app.release_versions w where w.release_id = v.release_id and w.state = 'withdrawn')
limit 1

-- name: served_rows_mismatch
-- A served row that differs from its holding, or one of them without the other.
select coalesce(t.id, h.feature_id) from {table} t
full join (select * from app.holdings where layer = {name} and until is null) h
    on h.release_id = t.release and h.feature_id = t.id
left join app.release_versions v on v.release_id = t.release and v.state = 'published'
where t.id is null or h.feature_id is null
    or (t.served_from, t.served_to) is distinct from (v.valid_from, v.valid_to)
    or to_jsonb(t) - 'shared_mercator' <> to_jsonb(jsonb_populate_record(null::{table},
        h.content || jsonb_build_object('recipient', h.recipient, 'release', h.release_id, 'added_in', t.added_in,
        'version', h.since_version, 'sha256', h.sha256, 'shared_geom', h.content->'geometry',
        'served_from', t.served_from, 'served_to', t.served_to))) - 'shared_mercator'
limit 1
