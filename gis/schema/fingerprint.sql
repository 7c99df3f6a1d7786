-- The fingerprint of the schema: one line for everything that decides what is stored, and who reads or writes it.

-- name: catalogue_lines
-- Run with the search path pg_catalog, so that every name is qualified. "part" says what puts a changed line right: a
-- migration creates the surface anew, but what was changed in a table by hand needs a person.
with relations as (
    select * from pg_class where relnamespace::regnamespace::text in ('app', 'release')
)
-- Columns, constraints and unique indexes; other indexes affect speed only.
select 'table' as part, a.attrelid::regclass::text as table_name, concat_ws(' ', a.attname,
        format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' end, nullif(a.attidentity::text, ''), nullif(a.attgenerated::text, ''),
        nullif(a.attcollation, 0)::regcollation, pg_get_expr(d.adbin, d.adrelid)) as line
    from pg_attribute a join relations r on r.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where r.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
union all select 'table', conrelid::regclass::text, concat_ws(' ', conname, pg_get_constraintdef(oid))
    from pg_constraint where connamespace::regnamespace::text in ('app', 'release') and conrelid <> 0
    and contype in ('c', 'f', 'p', 'u', 'x')
union all select 'table', i.indrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    from pg_index i join relations r on r.oid = i.indrelid where i.indisunique
-- Row policies, triggers, functions, views, grants and status transitions.
union all select 'surface', null, format('policy %s.%s %s %s %s %s %s %s', schemaname, tablename, policyname,
        permissive, roles, cmd, qual, with_check)
    from pg_policies where schemaname in ('app', 'release')
union all select 'surface', null, format('trigger %s %s %s', tgrelid::regclass, tgenabled::text,
        pg_get_triggerdef(oid))
    from pg_trigger where not tgisinternal and tgrelid in (select oid from relations)
union all select 'surface', null, format('function %s', pg_get_functiondef(oid))
    from pg_proc where pronamespace::regnamespace::text in ('app', 'release') and prokind = 'f'
union all select 'surface', null, format('function acl %s %s %s', oid::regprocedure, proowner::regrole,
        (select array_agg(entry order by entry::text) from unnest(coalesce(proacl, acldefault('f', proowner))) entry))
    from pg_proc where pronamespace::regnamespace::text in ('app', 'release')
union all select 'surface', null, format('table %s %s %s %s %s', oid::regclass, relrowsecurity,
        relforcerowsecurity,
        (select array_agg(entry order by entry::text) from unnest(coalesce(relacl,
            acldefault((case relkind when 'S' then 's' else 'r' end)::"char", relowner))) entry),
        reloptions)
    from relations where relkind in ('r', 'v', 'S')
union all select 'surface', null, format('view %s %s', oid::regclass, pg_get_viewdef(oid))
    from relations where relkind = 'v'
union all select 'surface', null, format('column %s %s %s', attrelid::regclass, attname,
        (select array_agg(entry order by entry::text) from unnest(attacl) entry))
    from pg_attribute where attacl is not null and not attisdropped and attrelid in (select oid from relations)
union all select 'surface', null, format('schema %s %s', nspname,
        (select array_agg(entry order by entry::text) from unnest(coalesce(nspacl, acldefault('n', nspowner))) entry))
    from pg_namespace where nspname in ('app', 'release')
union all select 'surface', null, format('move %s %s %s', layer, from_word, to_word) from app.moves

-- name: surface_fingerprint
select md5(string_agg(line, e'\n' order by line)) from ({catalogue_lines}) catalogue where part = 'surface'

-- name: server_version
-- Another major version of the server may print the same definition differently.
select 'server', (current_setting('server_version_num')::integer / 10000)::text

-- name: same_server_version
{server_version} intersect select table_name, line from app.structure

-- name: store_tables
insert into app.structure select table_name, line from ({catalogue_lines}) catalogue where part = 'table'
union all {server_version}

-- name: differing_tables
-- Tables that no stored line names were created by a local administrator and are left out.
with now as (select table_name, line from ({catalogue_lines}) catalogue where part = 'table'),
known as (select * from app.structure where table_name <> 'server')
(table known except table now) union all
(select * from now where table_name in (select table_name from known) except table known)
