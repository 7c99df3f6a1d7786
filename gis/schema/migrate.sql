-- What the revisions presuppose.

-- name: base_schema
-- Give objects to the owner role that a restore left to its user, because the owner role did not exist yet.
do $$
declare object_name text;
begin
    for object_name in
        select format('schema %I', nspname) from pg_namespace where nspname in ('app', 'release')
            and nspowner::regrole::text not like 'cotmoc\_%'
        union all select format('%s %s', case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end,
            oid::regclass) from pg_class c where relnamespace::regnamespace::text in ('app', 'release')
            and relkind in ('r', 'p', 'v', 'S') and relowner::regrole::text not like 'cotmoc\_%'
            -- The sequence of a column changes its owner with the table.
            and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass
                and d.deptype in ('a', 'i') and relkind = 'S')
        union all select format('routine %s', oid::regprocedure) from pg_proc
            where pronamespace::regnamespace::text in ('app', 'release')
            and proowner::regrole::text not like 'cotmoc\_%'
    loop execute format('alter %s owner to %I', object_name, {owner_name}); end loop;
end $$;
create extension if not exists postgis;
create extension if not exists unaccent;
create schema if not exists app authorization {owner};
create schema if not exists release authorization {owner};
do $$ begin create type app.level as enum ({levels});
    exception when duplicate_object then null; end $$;
alter type app.level owner to {owner};
create collation if not exists public.{collation} (provider = icu, locale = 'vi-u-kn-true');
-- Remove diacritics. One function in each schema, since partners have no access to schema app.
create or replace function app.plain(words text) returns text language sql immutable parallel safe strict
    set search_path = pg_catalog, public as
    $$ select public.unaccent('public.unaccent', replace(replace(normalize($1, nfc), 'Đ', 'D'), 'đ', 'd')) $$;
alter function app.plain(text) owner to {owner};
create or replace function release.plain(words text) returns text language sql immutable parallel safe strict
    set search_path = pg_catalog, public as
    $$ select public.unaccent('public.unaccent', replace(replace(normalize($1, nfc), 'Đ', 'D'), 'đ', 'd')) $$;
alter function release.plain(text) owner to {owner};
grant create, usage on schema app to {owner};
create table if not exists app.surface (rendered text not null, standing text not null);
alter table app.surface owner to {owner};
create table if not exists app.counters (name text primary key, value bigint not null);
alter table app.counters owner to {owner};
do $$
declare function_id regprocedure;
begin
    for function_id in select oid from pg_proc where proname = any({revoked_functions})
    loop execute format('revoke execute on function %s from public', function_id); end loop;
    -- Temporary tables are outside of all row policies.
    execute format('revoke temporary on database %I from public', current_database());
    revoke create on schema public from public;
end $$;

-- name: insert_srids
insert into spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text)
values (:srid, :auth_name, :auth_srid, :srtext, :proj4text)
on conflict (srid) do update set srtext = excluded.srtext, proj4text = excluded.proj4text
where spatial_ref_sys.proj4text <> excluded.proj4text

-- name: drop_views
-- PostgreSQL changes no column that a view uses. The security surface creates the views again.
do $$
declare view_name regclass;
begin
    for view_name in select oid::regclass from pg_class where relkind = 'v' and relnamespace = 'app'::regnamespace loop
        execute format('drop view if exists %s cascade', view_name);
    end loop;
end $$;
