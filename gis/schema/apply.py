"""Applying the grants idempotently, and finding where a database differs from them."""

import hashlib
import re

from sqlalchemy import text
from sqlalchemy.engine import Connection

from gis.db.session import (
    OWNER_ROLE,
)
from gis.schema.grants import security_sql
from gis.schema.policy_model import Policy

SECURITY_FINGERPRINT = text("""
select md5(string_agg(line, e'\\n' order by line)) from (
    select format('policy %s.%s %s %s %s %s %s', tablename, policyname, permissive, roles, cmd, qual, with_check)
        as line from pg_policies where schemaname in ('app', 'release')
    union all select format('trigger %s %s %s', tgrelid::regclass, tgenabled::text, pg_get_triggerdef(oid))
        from pg_trigger where not tgisinternal and tgrelid in
            (select oid from pg_class where relnamespace::regnamespace::text in ('app', 'release'))
    union all select format('function %s', pg_get_functiondef(oid)) from pg_proc
        where pronamespace::regnamespace::text in ('app', 'release') and prokind = 'f'
    union all select format('function acl %s %s %s', oid::regprocedure, proowner::regrole,
        (select array_agg(one order by one::text) from unnest(coalesce(proacl, acldefault('f', proowner))) one))
        from pg_proc
        where pronamespace::regnamespace::text in ('app', 'release')
    union all select format('table %s %s %s %s %s', oid::regclass, relrowsecurity, relforcerowsecurity,
        (select array_agg(one order by one::text) from unnest(coalesce(relacl,
            acldefault((case relkind when 'S' then 's' else 'r' end)::"char", relowner))) one),
        reloptions)
        from pg_class where relnamespace::regnamespace::text in ('app', 'release') and relkind in ('r', 'v', 'S')
    union all select format('view %s %s', oid::regclass, pg_get_viewdef(oid))
        from pg_class where relnamespace::regnamespace::text in ('app', 'release') and relkind = 'v'
    union all select format('column %s %s %s', attrelid::regclass, attname,
        (select array_agg(one order by one::text) from unnest(attacl) one))
        from pg_attribute where attacl is not null and not attisdropped and attrelid in
            (select oid from pg_class where relnamespace::regnamespace::text in ('app', 'release'))
    union all select format('schema %s %s', nspname,
        (select array_agg(one order by one::text) from unnest(coalesce(nspacl, acldefault('n', nspowner))) one))
        from pg_namespace where nspname in ('app', 'release')
    union all select format('move %s %s %s', layer, from_word, to_word) from app.moves
) standing
""")
"""A fingerprint of what stands in the database: policies, triggers, functions, views, grants, row security, moves."""


DROP_SECURITY = """
do $$
declare tampered text;
begin
    for tampered in
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
    loop execute tampered; end loop;
end $$;
"""
"""Takes away every policy, trigger and grant, also those nobody here has made; what belongs is put back at once."""


DISARM_UNKNOWN_FUNCTIONS = """
do $$
declare stray regprocedure;
begin
    for stray in select oid from pg_proc where pronamespace::regnamespace::text in ('app', 'release')
        and prokind = 'f' and prosecdef and proname <> all('{%s}')
    loop
        execute format('alter function %%s security invoker', stray);
        execute format('revoke all on function %%s from public', stray);
    end loop;
end $$;
"""
"""A function that nobody here has made has no rights but its caller's, and is nobody's to call."""

CREATED_FUNCTION = re.compile(r"create or replace function (?:app|release)\.(\w+)")


def security_drift(connection: Connection, policy: Policy) -> list[str]:
    """In what the surface that stands differs from the one that should: nothing, when all is well."""
    return _drift_from(connection, _hash(security_sql(policy)))


def _hash(rendered: str) -> str:
    return hashlib.sha256(rendered.encode()).hexdigest()


def _drift_from(connection: Connection, expected: str) -> list[str]:
    remembered = connection.execute(text("select rendered, standing from app.surface")).one_or_none()
    if remembered is None:
        return ["surface"]
    found = (expected, connection.execute(SECURITY_FINGERPRINT).scalar())
    return [name for name, kept, now in zip(("policy", "catalogue"), remembered, found, strict=True) if kept != now]


def apply(connection: Connection, policy: Policy) -> bool:
    """Put the surface in place if it differs, in the caller's transaction; returns whether anything was done.

    What was rendered and what stood after the last time are both remembered, so a policy dropped or a grant added by
    hand is found and mended. Raw SQL goes through the driver without parameters, because policies contain ``%``.
    """
    rendered = security_sql(policy)
    wanted = _hash(rendered)
    if not _drift_from(connection, wanted):
        return False
    cursor = connection.connection.cursor()
    cursor.execute(f"set local role {OWNER_ROLE}")
    cursor.execute(DROP_SECURITY)
    cursor.execute(rendered)
    cursor.execute(DISARM_UNKNOWN_FUNCTIONS % ",".join(sorted(set(CREATED_FUNCTION.findall(rendered)))))
    stands = connection.execute(SECURITY_FINGERPRINT).scalar()
    connection.execute(text("delete from app.surface"))
    connection.execute(
        text("insert into app.surface values (:wanted, :standing)"), {"wanted": wanted, "standing": stands}
    )
    cursor.execute("reset role")
    return True
