-- The seals of the journal, and the digests of its entries that they sign.

-- name: create_seals_table
-- One row per sealed batch. first_seq is the previous last_seq plus one, so every number is in one batch.
create table if not exists app.seals (
    batch bigint primary key,
    first_seq bigint not null, last_seq bigint not null, rows integer not null,
    root text not null unique, previous text not null unique,
    signature text not null, sealed_at timestamptz not null
);

-- name: entry_digest
-- The SHA-256 of an entry's canonical text, computed in the database, so that 32 bytes per entry are transferred.
-- The text has every column and is the same in every session and after a restore: a row's text output distinguishes
-- NULL from the empty string and marks where columns end, jsonb has one text per value, and seconds since 1970 depend
-- on neither time zone nor date style.
sha256(convert_to(row(seq, xid, extract(epoch from at), actor, unit, reason, request, device_at,
    table_name, feature_id, action, old, new)::text, 'UTF8'))

-- name: clock_time
-- The database's time as ISO 8601 text in UTC, in the form of sealed_at below.
select to_json(clock_timestamp() at time zone 'UTC') #>> '{{}}' || 'Z'

-- name: seal_columns
batch, first_seq, last_seq, rows, root, previous, to_json(sealed_at at time zone 'UTC') #>> '{{}}' || 'Z', signature

-- name: seal_of_batch
select {columns} from app.seals where batch = %s

-- name: seals_after
select {columns} from app.seals where batch > %s order by batch

-- name: last_seal
select {columns} from app.seals order by batch desc limit 1

-- name: all_seals
select {columns} from app.seals order by batch

-- name: insert_seal
insert into app.seals (batch, first_seq, last_seq, rows, root, previous, sealed_at, signature)
values (%s, %s, %s, %s, %s, %s, %s, %s)

-- name: entries_to_seal
select seq, {digest} from app.journal where seq > %s and seq <= %s order by seq limit %s

-- name: all_entries
select seq, {digest} from app.journal order by seq
