-- The journal, the history tables and the triggers that write them.

-- name: create_journal
-- The journal, to which the triggers of every layer write, and the allowed status transitions ("moves").
-- feature_id is null in entries about several features, such as an export; "new" then holds the selection.
create table if not exists app.journal (
    seq bigint generated always as identity primary key,
    xid bigint not null default pg_current_xact_id()::text::bigint,
    at timestamptz not null default clock_timestamp(),
    actor text not null, unit text, reason text, request text, device_at text,
    table_name text not null, feature_id uuid, action text not null,
    old jsonb, new jsonb
);
create index if not exists ix_journal_feature_id on app.journal (feature_id, seq);
create table if not exists app.moves (
    layer text not null, from_word text not null, to_word text not null, primary key (layer, from_word, to_word)
);

-- name: journal_functions
create or replace function app.actor() returns text language plpgsql stable set search_path = pg_catalog as $$
declare actor_name text := nullif(current_setting('cotmoc.actor', true), '');
begin
    if actor_name is null then raise exception 'no actor' using errcode = {no_actor}; end if;
    return actor_name;
end $$;

create or replace function app.write_journal(
    table_name text, feature_id uuid, action text, old jsonb, new jsonb
) returns bigint language sql security definer set search_path = pg_catalog as $$
    insert into app.journal (actor, unit, reason, request, device_at, table_name, feature_id, action, old, new)
    values (app.actor(), nullif(current_setting('cotmoc.unit', true), ''),
            nullif(current_setting('cotmoc.reason', true), ''), nullif(current_setting('cotmoc.request', true), ''),
            nullif(current_setting('cotmoc.device_at', true), ''), $1, $2, $3, $4, $5)
    returning seq;
$$;
revoke all on function app.write_journal(text, uuid, text, jsonb, jsonb) from public;

-- Every role may journal that it has read or exported records, and nothing else.
create or replace function app.journal_read(
    layer text, feature_id uuid, action text, selection jsonb
) returns void language plpgsql security definer set search_path = pg_catalog as $$
begin
    if $3 not in ('read', 'export') then raise exception 'unknown action' using errcode = '22023'; end if;
    perform app.write_journal($1, $2, $3, null, $4);
end $$;
revoke all on function app.journal_read(text, uuid, text, jsonb) from public;

create or replace function app.refuse_truncate() returns trigger language plpgsql as $$
begin raise exception 'TRUNCATE is not allowed' using errcode = '42501'; end $$;

create or replace function app.refuse_change() returns trigger language plpgsql as $$
begin raise exception 'rows of this table must not change' using errcode = '42501'; end $$;

-- name: stamp_function
-- The BEFORE trigger of a layer: version, times and author.
create or replace function app.{function}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if TG_OP = 'INSERT' then
        NEW.version := 1; NEW.created_by := app.actor(); NEW.created_at := clock_timestamp();
        NEW.updated_at := NEW.created_at; NEW.retired_at := null;
    else
        perform app.actor();
        if NEW.id <> OLD.id then raise exception 'the id must not change' using errcode = {fixed_identity}; end if;
        NEW.version := OLD.version + 1; NEW.created_by := OLD.created_by; NEW.created_at := OLD.created_at;
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
        -- A feature that is retired gets the highest level that it ever had.
        if NEW.retired_at is not null and OLD.retired_at is null then
            NEW.level := (select max(level) from app.{history} where id = NEW.id);
        end if;
    end if;
    {status_check}
    return NEW;
end $$;

-- name: status_check
    -- The status must be in the layer's code list, and change by a declared transition only.
    if NEW.{status} is not null and TG_OP = 'INSERT' and not exists (
        select from app.moves where layer = {layer} and NEW.{status} in (from_word, to_word)) then
        raise exception 'unknown status' using errcode = {illegal_transition};
    end if;
    if TG_OP = 'UPDATE' and NEW.{status} is distinct from OLD.{status} and not exists (
        select from app.moves where layer = {layer}
        and from_word = coalesce(OLD.{status}, '') and to_word = coalesce(NEW.{status}, '')) then
        raise exception 'transition not allowed' using errcode = {illegal_transition};
    end if;

-- name: remember_feature_function
-- The AFTER trigger of a layer: the id's registration, the history table and the journal.
-- It is a security definer, because no writing role has rights of its own on these tables.
create or replace function app.{function}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare seq bigint;
begin
    -- The journal leaves out the Web Mercator columns, which are computed from the geometry.
    if TG_OP <> 'DELETE' then NEW.mercator := null; NEW.shared_mercator := null; end if;
    if TG_OP <> 'INSERT' then OLD.mercator := null; OLD.shared_mercator := null; end if;
    if TG_OP = 'INSERT' then
        insert into app.features (id, layer) values (NEW.id, {layer});
    else
        -- The version before this change was valid until now.
        update app.{history} set valid = tstzrange(lower(valid), case TG_OP when 'DELETE' then
            greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond') else NEW.updated_at end)
        where id = OLD.id and version = OLD.version;
    end if;
    if TG_OP = 'DELETE' then
        perform app.write_journal({layer}, OLD.id, 'delete', to_jsonb(OLD), null);
        return null;
    end if;
    seq := app.write_journal({layer}, NEW.id, lower(TG_OP),
        case when TG_OP = 'UPDATE' then to_jsonb(OLD) end, to_jsonb(NEW));
    insert into app.{history} ({columns}, valid, action, actor, reason, request, device_at, journal_seq)
    values ({values}, tstzrange(NEW.updated_at, null), lower(TG_OP), app.actor(),
        nullif(current_setting('cotmoc.reason', true), ''), nullif(current_setting('cotmoc.request', true), ''),
        nullif(current_setting('cotmoc.device_at', true), ''), seq);
    return null;
end $$;

-- name: remember_child_function
-- The AFTER trigger of a child table or of the links; the journal entry carries the feature's id.
create or replace function app.{function}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    subject record := case when TG_OP = 'DELETE' then OLD else NEW end;
    moment timestamptz := clock_timestamp();
    seq bigint;
begin
    seq := app.write_journal({table_name}, subject.feature_id, lower(TG_OP),
        case when TG_OP <> 'INSERT' then to_jsonb(OLD) end, case when TG_OP <> 'DELETE' then to_jsonb(NEW) end);
    if TG_OP <> 'INSERT' then
        update app.{history} set valid = tstzrange(lower(valid),
            greatest(moment, lower(valid) + interval '1 microsecond'))
        where id = OLD.id and upper_inf(valid) returning upper(valid) into moment;
    end if;
    moment := coalesce(moment, clock_timestamp());
    -- A deletion adds a last history row whose validity is a single moment.
    insert into app.{history} ({columns}, valid, action, actor, reason, request, device_at, journal_seq)
    values ({values}, case TG_OP when 'DELETE' then tstzrange(moment, moment, '[]')
        else tstzrange(moment, null) end, lower(TG_OP), app.actor(),
        nullif(current_setting('cotmoc.reason', true), ''), nullif(current_setting('cotmoc.request', true), ''),
        nullif(current_setting('cotmoc.device_at', true), ''), seq);
    return null;
end $$;

-- name: stamp_trigger
create or replace trigger stamp before insert or update on {table} for each row execute function app.{function}();

-- name: remember_trigger
create or replace trigger remember after insert or update or delete on {table}
    for each row execute function app.{function}();

-- name: no_truncate_trigger
create or replace trigger no_truncate before truncate on {table}
    for each statement execute function app.refuse_truncate();

-- name: fixed_trigger
-- Not even the owner changes or deletes a row.
create or replace trigger fixed before update or delete on {table}
    for each row execute function app.refuse_change();

-- name: delete_transitions
delete from app.moves;

-- name: insert_transitions
insert into app.moves (layer, from_word, to_word) values {rows};
