"""Apply the security surface (functions, triggers, views, policies, grants), and find where a database differs."""

import hashlib
import re

from sqlalchemy import text
from sqlalchemy.engine import Connection

from gis.db.session import OWNER_ROLE
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
        (select array_agg(entry order by entry::text) from unnest(coalesce(proacl, acldefault('f', proowner))) entry))
        from pg_proc
        where pronamespace::regnamespace::text in ('app', 'release')
    union all select format('table %s %s %s %s %s', oid::regclass, relrowsecurity, relforcerowsecurity,
        (select array_agg(entry order by entry::text) from unnest(coalesce(relacl,
            acldefault((case relkind when 'S' then 's' else 'r' end)::"char", relowner))) entry),
        reloptions)
        from pg_class where relnamespace::regnamespace::text in ('app', 'release') and relkind in ('r', 'v', 'S')
    union all select format('view %s %s', oid::regclass, pg_get_viewdef(oid))
        from pg_class where relnamespace::regnamespace::text in ('app', 'release') and relkind = 'v'
    union all select format('column %s %s %s', attrelid::regclass, attname,
        (select array_agg(entry order by entry::text) from unnest(attacl) entry))
        from pg_attribute where attacl is not null and not attisdropped and attrelid in
            (select oid from pg_class where relnamespace::regnamespace::text in ('app', 'release'))
    union all select format('schema %s %s', nspname,
        (select array_agg(entry order by entry::text) from unnest(coalesce(nspacl, acldefault('n', nspowner))) entry))
        from pg_namespace where nspname in ('app', 'release')
    union all select format('move %s %s %s', layer, from_word, to_word) from app.moves
) surface
""")
"""The hash of the security surface in the database: policies, triggers, functions, views, grants, transitions."""


DROP_SECURITY = """
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
    loop execute drop_command; end loop;
end $$;
"""
"""Drops every policy, trigger and grant, including foreign ones; ``apply`` then creates those of ``security_sql``."""


DISARM_UNKNOWN_FUNCTIONS = """
do $$
declare unknown_function regprocedure;
begin
    for unknown_function in select oid from pg_proc where pronamespace::regnamespace::text in ('app', 'release')
        and prokind = 'f' and prosecdef and proname <> all('{%s}')
    loop
        execute format('alter function %%s security invoker', unknown_function);
        execute format('revoke all on function %%s from public', unknown_function);
    end loop;
end $$;
"""
"""Functions that ``security_sql`` does not create lose SECURITY DEFINER and the public right to call them."""

CREATED_FUNCTION = re.compile(r'create or replace function (?:app|release)\."?(\w+)')


def security_drift(connection: Connection, policy: Policy) -> list[str]:
    """What has changed since the last ``apply``: ``policy`` (the rendered SQL), ``catalogue`` (the database) or both.

    ``surface`` alone means that the surface was never applied.
    """
    return _drift_from(connection, _hash(security_sql(policy)))


def _hash(rendered: str) -> str:
    return hashlib.sha256(rendered.encode()).hexdigest()


def _drift_from(connection: Connection, expected: str) -> list[str]:
    """As ``security_drift``, with the hash of the rendered SQL."""
    stored = connection.execute(text("select rendered, standing from app.surface")).one_or_none()
    if stored is None:
        return ["surface"]
    current = (expected, connection.execute(SECURITY_FINGERPRINT).scalar())
    return [name for name, before, now in zip(("policy", "catalogue"), stored, current, strict=True) if before != now]


def apply(connection: Connection, policy: Policy) -> bool:
    """Apply the security surface if it differs, in the caller's transaction; returns whether it was applied.

    ``app.surface`` stores the hash of the applied SQL and the hash of the catalogue afterwards, so that a policy
    dropped or a grant added by hand is found and corrected. Raw SQL goes through the driver without parameters,
    because policies contain ``%``.
    """
    rendered = security_sql(policy)
    fingerprint = _hash(rendered)
    if not _drift_from(connection, fingerprint):
        return False
    cursor = connection.connection.cursor()
    cursor.execute(f"set local role {OWNER_ROLE}")
    cursor.execute(DROP_SECURITY)
    cursor.execute(rendered)
    cursor.execute(DISARM_UNKNOWN_FUNCTIONS % ",".join(sorted(set(CREATED_FUNCTION.findall(rendered)))))
    standing = connection.execute(SECURITY_FINGERPRINT).scalar()
    connection.execute(text("delete from app.surface"))
    connection.execute(
        text("insert into app.surface values (:rendered, :standing)"), {"rendered": fingerprint, "standing": standing}
    )
    cursor.execute("reset role")
    return True
