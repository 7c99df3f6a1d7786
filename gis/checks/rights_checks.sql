-- What the doctor looks for in PostgreSQL's catalogues: each query lists faults, one name a row, unless it says other.

-- name: tables_without_row_security
-- Tables with grants on which row security is not forced.
select c.oid::regclass from pg_class c
where c.relnamespace::regnamespace::text in ('app', 'release') and c.relkind in ('r', 'p', 'm', 'f')
    and not (c.relrowsecurity and c.relforcerowsecurity)
    and (exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)
        or exists (select from pg_attribute t, aclexplode(t.attacl) a where t.attrelid = c.oid))

-- name: views_with_owner_rights
-- Own-unit views belong to roles that are subject to row security themselves.
select oid::regclass from pg_class
where relnamespace::regnamespace::text in ('app', 'release') and relkind = 'v'
    and not coalesce(reloptions, '{{}}') @> array['security_invoker=true']
    and not (relname like '%\_own' and relowner::regrole::text = any(:own_unit_roles))

-- name: objects_of_other_owners
-- Relations that the owner role does not own, and security definers of other owners or without a fixed search path.
select c.oid::regclass::text from pg_class c
where c.relnamespace::regnamespace::text in ('app', 'release') and c.relowner::regrole::text <> :owner
    and not (c.relkind = 'v' and c.relowner::regrole::text = any(:own_unit_roles))
union all
select p.oid::regprocedure::text from pg_proc p
where p.pronamespace::regnamespace::text in ('app', 'release') and p.prosecdef
    and (p.proowner::regrole::text not in (:owner, :publisher)
        or not coalesce(array_to_string(p.proconfig, ' '), '') ~ 'search_path')

-- name: columns
-- All columns of these tables.
select attrelid::regclass || '.' || attname from pg_attribute
where attrelid::regclass::text = any(:tables) and attnum > 0 and not attisdropped

-- name: valid_constraints_and_indexes
-- All that are in force.
select conrelid::regclass || '.' || conname from pg_constraint where convalidated and conrelid <> 0
union all
select i.indrelid::regclass || '.' || c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indisvalid

-- name: rewrite_rules
select ev_class::regclass || '.' || rulename from pg_rewrite r join pg_class c on c.oid = r.ev_class
where c.relnamespace::regnamespace::text in ('app', 'release') and rulename <> '_RETURN'

-- name: unmarked_index_operator
-- The operator of the spatial index, if it is not LEAKPROOF.
select oid::regprocedure from pg_proc
where not proleakproof and oid = 'geometry_overlaps(geometry, geometry)'::regprocedure

-- name: other_leakproof_functions
select p.oid::regprocedure from pg_proc p join pg_depend d on d.objid = p.oid and d.deptype = 'e'
join pg_extension e on e.oid = d.refobjid and e.extname = 'postgis'
where p.proleakproof and p.proname <> 'geometry_overlaps'

-- name: roles
-- All roles of the application.
select rolname from pg_roles where rolname like 'cotmoc\_%'

-- name: privileged_roles
select rolname from pg_roles
where rolname like 'cotmoc\_%' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)

-- name: memberships
-- All memberships of and in the application's roles.
select m.member::regrole || ' → ' || m.roleid::regrole from pg_auth_members m join pg_roles r on r.oid = m.member
where r.rolname like 'cotmoc\_%' or m.roleid::regrole::text like 'cotmoc\_%' and not r.rolsuper

-- name: unexpected_logins
-- Roles that can log in and should not, logins that cannot, and logins that have the rights of their roles at once.
select rolname from pg_roles
where rolname like 'cotmoc\_%' and (rolcanlogin <> (rolname = any(:logins)) or rolcanlogin and rolinherit)

-- name: policy_bypasses
-- Functions that read around row policies, CREATE on schemas, and use of sequences.
select oid::regprocedure::text from pg_proc
where proname = any(:functions) and has_function_privilege('public', oid, 'execute')
union all
select n.nspname || ' → ' || r.rolname from pg_namespace n cross join pg_roles r
where n.nspname in ('public', 'app', 'release') and r.rolname like 'cotmoc\_%' and r.rolname <> :owner
    and has_schema_privilege(r.oid, n.oid, 'create')
union all
select s.seqrelid::regclass || ' → ' || r.rolname from pg_sequence s join pg_class c on c.oid = s.seqrelid
cross join pg_roles r
where c.relnamespace::regnamespace::text in ('app', 'release') and r.rolname like 'cotmoc\_%' and r.rolname <> :owner
    and has_sequence_privilege(r.oid, s.seqrelid, 'usage, select, update')

-- name: logins_with_temporary_tables
select rolname from pg_roles
where rolname = any(:logins) and has_database_privilege(oid, current_database(), 'temporary')

-- name: foreign_grants
-- Grants to the application's roles or to public outside of our schemas, but for those that extensions make.
with application_roles as (select oid from pg_roles where rolname like 'cotmoc\_%' union select 0),
granted as (
    select a.grantee, c.oid::regclass::text as what from pg_class c, aclexplode(c.relacl) a
    where c.relnamespace::regnamespace::text not in ('app', 'release', 'information_schema')
        and not exists (select from pg_init_privs i, aclexplode(i.initprivs) b where i.objoid = c.oid
            and i.classoid = 'pg_class'::regclass and i.objsubid = 0 and b.grantee = a.grantee)
    union select a.grantee, t.attrelid::regclass || '.' || t.attname from pg_attribute t
    join pg_class c on c.oid = t.attrelid, aclexplode(t.attacl) a
    where c.relnamespace::regnamespace::text not in ('app', 'release') and a.grantee <> 0
    union select a.grantee, p.oid::regprocedure::text
    from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    where p.pronamespace::regnamespace::text not in ('app', 'release') and (p.prosecdef or a.grantee <> 0))
select distinct what || ' → ' || case grantee when 0 then 'public' else grantee::regrole::text end
from granted where grantee in (select oid from application_roles)

-- name: unsafe_settings
-- Settings of logins and of the database that disable triggers, forge the journal's actor or lose writes.
select concat_ws(' ', nullif(s.setrole, 0)::regrole, setting)
from pg_db_role_setting s, unnest(s.setconfig) setting
where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))
    and (s.setrole = 0 or s.setrole::regrole::text like 'cotmoc\_%')
    and (split_part(setting, '=', 1) ~ any(:unsafe_settings)
        -- postgis_topology sets a search path for the whole database.
        or s.setrole <> 0 and split_part(setting, '=', 1) = 'search_path')
union all
-- The value that a new session starts with.
select name || '=' || reset_val from pg_settings
where name like 'cotmoc.%' and reset_val <> '' or name = 'session_replication_role' and reset_val <> 'origin'
union all
select p.parname || ' → ' || case a.grantee when 0 then 'public' else a.grantee::regrole::text end
from pg_parameter_acl p, aclexplode(p.paracl) a where a.grantee = 0 or a.grantee::regrole::text like 'cotmoc\_%'

-- name: readable_by_partners
-- Relations outside of schema release that the partners' login reads or writes. PostGIS grants its own views to all;
-- they show nothing of tables that the login cannot see.
select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_roles login on login.rolname = :login
where n.nspname not in ('release', 'pg_catalog', 'information_schema', 'pg_toast')
    and c.relkind in ('r', 'v', 'm', 'f', 'p')
    and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass
        and d.deptype = 'e')
    and (has_table_privilege(login.oid, c.oid, 'select, insert, update, delete')
        or has_any_column_privilege(login.oid, c.oid, 'select, insert, update'))

-- name: writable_by_partners
select c.oid::regclass from pg_class c join pg_roles login on login.rolname = :login
where c.relnamespace::regnamespace::text = 'release' and c.relkind in ('r', 'v')
    and has_table_privilege(login.oid, c.oid, 'insert, update, delete, truncate')
