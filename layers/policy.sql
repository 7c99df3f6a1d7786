-- The functions that the conditions of the access policy call.

-- name: policy_functions
-- The functions run with their owner's rights, because the register of units is read as a whole, and because the policy
-- of sectors, which calls own_stretch, must not apply within it.
-- The actor's unit and all units under it; none if the unit has ended. Statements call it again each time, so that a
-- transfer takes effect at once.
create or replace function app.own_units() returns text[] language plpgsql stable security definer
    set search_path = pg_catalog, app as $$
declare
    unit text := nullif(current_setting('cotmoc.unit', true), '');
    today date := {today};
begin
    return (
        with recursive standing as (
            select u.name collate "default" as name, u.parent collate "default" as parent from app.units u
            where u.retired_at is null
            and (u.valid_from is null or u.valid_from <= today) and (u.valid_to is null or u.valid_to >= today)
        ), own as (
            select unit as name
            where exists (select from standing where name = unit)
            or not exists (select from app.units u where u.name = unit)
            union
            select s.name from standing s join own on s.parent = own.name
        )
        select coalesce(array_agg(name) filter (where name is not null), '{{}}') from own
    );
end $$;

-- The ranges of chainage on a border that these units are in charge of.
create or replace function app.own_stretch(border text) returns nummultirange language plpgsql stable security definer
    set search_path = pg_catalog, app as $$
declare
    own text[] := app.own_units();
begin
    return (
        select coalesce(range_agg(numrange(s.start_m::numeric, s.end_m::numeric, '[]')), '{{}}') from app.sectors s
        where s.border = $1 and s.retired_at is null and s.start_m <= s.end_m and s.unit = any(own)
        and s.level <= {level}::app.level
    );
end $$;

-- The marker numbers that an address may be counted from; that a number exists is public.
create or replace function app.marker_names(address text) returns text[] language sql immutable parallel safe strict
    set search_path = pg_catalog as $$
    select array_agg(named || twin)
    from unnest(string_to_array(split_part(ltrim($1, {assumed_prefix}), ' ', 1), '–')) named,
        unnest('{{"",(1),(2),(3)}}'::text[]) twin
$$;

-- Whether an address is counted from a marker above a level.
create or replace function app.names_hidden_marker(border text, address text, level app.level) returns boolean
    language sql stable security definer set search_path = pg_catalog as $$
    select exists (select from app.markers m
        where m.border = $1 and m.number = any(app.marker_names($2)) and m.retired_at is null and m.level > $3)
$$;

revoke all on function app.own_units(), app.own_stretch(text), app.marker_names(text),
    app.names_hidden_marker(text, text, app.level) from public;
grant execute on function app.own_units(), app.own_stretch(text) to {officer}, {own_unit_owner};
grant execute on function app.names_hidden_marker(text, text, app.level) to {readers};
