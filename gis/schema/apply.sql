-- The security surface is dropped as a whole and then created again, so that nothing foreign stays.

-- name: drop_surface
-- Drop every policy, trigger and grant, and take SECURITY DEFINER from every function, including foreign ones.
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
        union all select distinct format('revoke all on function %s from %s', p.oid::regprocedure, a.grantee::regrole)
            from pg_proc p, aclexplode(p.proacl) a
            where p.pronamespace::regnamespace::text in ('app', 'release') and a.grantee not in (0, p.proowner)
        union all select format('alter function %s security invoker', oid::regprocedure) from pg_proc
            where pronamespace::regnamespace::text in ('app', 'release') and prokind = 'f' and prosecdef
    loop execute drop_command; end loop;
end $$;

-- name: security_definers
select oid from pg_proc where pronamespace::regnamespace::text in ('app', 'release') and prokind = 'f' and prosecdef

-- name: revoke_disarmed
-- Functions that were security definers and that the surface has not created again as such: nobody needs to call them.
do $$
declare unknown_function regprocedure;
begin
    for unknown_function in select oid from pg_proc where oid = any({definers}::oid[]) and not prosecdef loop
        execute format('revoke all on function %s from public', unknown_function);
    end loop;
end $$;
