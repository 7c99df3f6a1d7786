-- The trigger function that journals accounts. Release tables without a history are journalled by it too.

-- name: journal_functions
-- A row as the journal contains it: without its secrets and without counts and times of last use, but with one SHA-256
-- over the stored values of all secrets, which are hashes or long random values themselves. It reveals no secret, and
-- verification detects a stored value that was replaced.
create or replace function app.account_told(stored jsonb) returns jsonb language sql immutable parallel safe
    set search_path = pg_catalog as $$
    select $1 - {secrets}::text[] - {bookkeeping}::text[] || coalesce((
        select jsonb_build_object('fingerprint',
            encode(sha256(convert_to(jsonb_object_agg(key, value)::text, 'UTF8')), 'hex'))
        from jsonb_each($1) where key = any({secrets}) having count(*) > 0), '{{}}')
$$;
revoke all on function app.account_told(jsonb) from public;

create or replace function app.remember_account() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    was jsonb := case when TG_OP <> 'INSERT' then to_jsonb(OLD) end;
    is_now jsonb := case when TG_OP <> 'DELETE' then to_jsonb(NEW) end;
    before jsonb := app.account_told(was);
    after jsonb := app.account_told(is_now);
    hidden text;
begin
    -- Note which secret has changed.
    foreach hidden in array {secrets}::text[] loop
        if was->hidden is distinct from is_now->hidden and TG_OP = 'UPDATE' then
            after := after || jsonb_build_object(hidden, 'changed');
        end if;
    end loop;
    -- A change of bookkeeping columns only is not journalled.
    if before is distinct from after then
        perform app.write_journal(TG_TABLE_NAME::text, coalesce(NEW.id, OLD.id), lower(TG_OP), before, after);
    end if;
    return null;
end $$;
