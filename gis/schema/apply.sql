-- The security surface is dropped as a whole and then created again, so that nothing foreign stays.

-- name: drop_surface
-- Drop every policy, trigger and grant, and take SECURITY DEFINER from every routine, including foreign ones.
do $$
declare drop_command text;
begin
    for drop_command in
        select format('drop policy %I on %I.%I', policyname, schemaname, tablename) from pg_policies
            where schemaname in ('app', 'release')
        union all select format('drop trigger %I on %s', tgname, tgrelid::regclass) from pg_trigger
            where not tgisinternal and tgrelid in
            (select oid from pg_class where relnamespace::regnamespace::text in ('app', 'release'))
        union all select distinct format('revoke all on %s from %s', c.oid::regclass,
            case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
            from pg_class c, aclexplode(c.relacl) a
            where c.relnamespace::regnamespace::text in ('app', 'release') and c.relkind in ('r', 'v', 'S')
            and a.grantee <> c.relowner
        union all select distinct format('revoke all (%I) on %s from %s', t.attname, c.oid::regclass,
            case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
            from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
            where c.relnamespace::regnamespace::text in ('app', 'release') and a.grantee <> c.relowner
            and not t.attisdropped
        union all select distinct format('revoke all on routine %s from %s', p.oid::regprocedure, a.grantee::regrole)
            from pg_proc p, aclexplode(p.proacl) a
            where p.pronamespace::regnamespace::text in ('app', 'release') and a.grantee not in (0, p.proowner)
        union all select format('alter routine %s security invoker', oid::regprocedure) from pg_proc
            where pronamespace::regnamespace::text in ('app', 'release') and prosecdef
    loop execute drop_command; end loop;
end $$;

-- name: security_definers
select oid from pg_proc where pronamespace::regnamespace::text in ('app', 'release') and prosecdef

-- name: revoke_disarmed
-- Functions that were security definers and that the surface has not created again as such: nobody needs to call them.
do $$
declare unknown_routine regprocedure;
begin
    for unknown_routine in select oid from pg_proc where oid = any({definers}::oid[]) and not prosecdef loop
        execute format('revoke all on routine %s from public', unknown_routine);
    end loop;
end $$;

-- name: row_versions
-- The row version of every routine, which changes when the routine is created again, even with the same definition.
select oid, ctid::text from pg_proc where pronamespace::regnamespace::text in ('app', 'release')

-- name: disarm_overloads
-- Foreign routines with the name of one of ours: a call with an argument of unknown type might choose them. They get
-- another name, since something may depend on them. The surface does not create ours that are the same in every
-- installation and that are listed here.
do $$
declare overload record;
begin
    for overload in
        with routines as (
            select oid, pronamespace, proname,
                oid in ('app.plain(text)'::regprocedure, 'release.plain(text)'::regprocedure)
                    or not (oid::text || ctid::text = any({unchanged}::text[])) as ours
            from pg_proc where pronamespace::regnamespace::text in ('app', 'release')
        )
        select f.oid::regprocedure as signature, left(f.proname, 40) || '_foreign_' || f.oid as new_name
        from routines f
        where not f.ours and exists (
            select from routines o where o.ours and o.pronamespace = f.pronamespace and o.proname = f.proname)
    loop
        execute format('revoke all on routine %s from public', overload.signature);
        execute format('alter routine %s rename to %I', overload.signature, overload.new_name);
    end loop;
end $$;
