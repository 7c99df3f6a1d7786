"""Migrate a database: roles, extensions, the SRIDs of VN-2000, Alembic's revisions, the security surface.

It may run at every start and by several processes at once; a second run changes nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from geoalchemy2 import alembic_helpers
from psycopg import sql
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from gis.accounts import tokens  # noqa: F401 - declares a table
from gis.audit import seal
from gis.crs import systems
from gis.db.session import OWNER_ROLE
from gis.history import triggers
from gis.model.field_types import TEXT_COLLATION
from gis.model.fields import SCHEMA, Level
from gis.release.snapshot import RELEASE_SCHEMA
from gis.schema import apply, derived_fields, fingerprint, grants
from gis.schema.policy_model import Policy
from gis.text.errors import Conflict, Unavailable
from gis.text.i18n import Text
from gis.write import idempotency  # noqa: F401 - declares a table

MIGRATION_LOCK_KEY = 0x636F746D6F63
"""The advisory lock that lets one migration run at a time in a database ("cotmoc" in ASCII)."""

UNACCENT_FUNCTIONS = "\n".join(
    f"""
create or replace function {schema}.plain(words text) returns text language sql immutable parallel safe strict
    set search_path = pg_catalog, public as
    $$ select public.unaccent('public.unaccent', replace(replace(normalize($1, nfc), 'Đ', 'D'), 'đ', 'd')) $$;
alter function {schema}.plain owner to {OWNER_ROLE};"""
    for schema in (SCHEMA, RELEASE_SCHEMA)
)
"""``plain(text)``, which removes diacritics; one in each schema, since partners have no access to schema ``app``."""

TAKE_OWNERSHIP = f"""
do $$
declare object_name text;
begin
    for object_name in
        select format('schema %I', nspname) from pg_namespace where nspname in ('app', 'release')
            and nspowner::regrole::text not like 'cotmoc\\_%'
        union all select format('%s %s', case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end,
            oid::regclass) from pg_class c where relnamespace::regnamespace::text in ('app', 'release')
            and relkind in ('r', 'p', 'v', 'S') and relowner::regrole::text not like 'cotmoc\\_%'
            -- The sequence of a column changes its owner with the table.
            and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass
                and d.deptype in ('a', 'i') and relkind = 'S')
        union all select format('function %s', oid::regprocedure) from pg_proc
            where pronamespace::regnamespace::text in ('app', 'release')
            and proowner::regrole::text not like 'cotmoc\\_%'
    loop execute format('alter %s owner to {OWNER_ROLE}', object_name); end loop;
end $$;"""
"""Gives objects to the owner role that a restore left to its user, because the owner role did not exist yet."""

BASE_SCHEMA = f"""
{TAKE_OWNERSHIP}
create extension if not exists postgis;
create extension if not exists unaccent;
create extension if not exists pg_trgm;
create schema if not exists app authorization {OWNER_ROLE};
create schema if not exists release authorization {OWNER_ROLE};
do $$ begin create type app.level as enum ({", ".join(f"'{level.value}'" for level in Level)});
    exception when duplicate_object then null; end $$;
alter type app.level owner to {OWNER_ROLE};
create collation if not exists public.{TEXT_COLLATION} (provider = icu, locale = 'vi-u-kn-true');
{UNACCENT_FUNCTIONS}
grant create, usage on schema app to {OWNER_ROLE};
create table if not exists app.surface (rendered text not null, standing text not null);
alter table app.surface owner to {OWNER_ROLE};
create table if not exists app.counters (name text primary key, value bigint not null);
alter table app.counters owner to {OWNER_ROLE};
do $$
declare function_id regprocedure;
begin
    for function_id in select oid from pg_proc where proname = any('{{{",".join(grants.REVOKED_FUNCTIONS)}}}')
    loop execute format('revoke execute on function %s from public', function_id); end loop;
    -- Temporary tables are outside of all row policies.
    execute format('revoke temporary on database %I from public', current_database());
    revoke create on schema public from public;
end $$;
"""

MARK_LEAKPROOF = "alter function geometry_overlaps(geometry, geometry) leakproof"
"""Without this mark PostgreSQL uses no spatial index under row security. ``&&`` only compares bounding boxes."""


def migrate(admin_url: str, scripts: Path, policy: Policy, passwords: Mapping[str, str] | None = None) -> None:
    """Migrate the database at ``admin_url`` with the revisions in ``scripts``, and apply the policy.

    ``passwords`` sets the passwords of logins, by name, where the server requires any. Raises ``Unavailable`` with the
    statement for a superuser if this user may not mark a function LEAKPROOF, and ``UndeclaredReadError`` for a derived
    field that reads something that it does not declare.
    """
    with _admin_connection(admin_url) as connection:
        connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK_KEY})
        connection.commit()
        with connection.begin():
            _create_base_schema(connection, policy, passwords or {})
        with connection.begin():
            _upgrade_to_head(connection, scripts)
        with connection.begin():
            apply.apply(connection, policy)
            derived_fields.check_derived_fields(connection)


@contextmanager
def _admin_connection(admin_url: str) -> Iterator[Connection]:
    """A connection of the administrator, which is closed in any case; closing it releases the advisory lock."""
    engine = create_engine(admin_url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def _upgrade_to_head(connection: Connection, scripts: Path) -> None:
    """Run the outstanding revisions as the owner. Raises ``Conflict`` if the database has unknown ones."""
    connection.execute(text(f"set local role {OWNER_ROLE}"))
    connection.execute(text("set local search_path = app, public"))
    _execute_raw(connection, triggers.JOURNAL)
    _execute_raw(connection, seal.CREATE_SEALS_TABLE)
    config = _alembic_config(connection, scripts)
    revised = not _is_at_head(connection, config)
    if revised:
        _execute_raw(connection, DROP_VIEWS)
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise Conflict(
            Text(
                "Dữ liệu thuộc một phiên bản mới hơn của chương trình; hãy chạy phiên bản đó",
                "The database was migrated by a newer version of this software; run that version",
            )
        ) from None
    fingerprint.store_fingerprint(connection, revised=revised)


DROP_VIEWS = """
do $$
declare view_name regclass;
begin
    for view_name in select oid::regclass from pg_class where relkind = 'v' and relnamespace = 'app'::regnamespace loop
        execute format('drop view if exists %s cascade', view_name);
    end loop;
end $$;
"""
"""Drops all views, as PostgreSQL changes no column that a view uses. The security surface creates them again."""


def _is_at_head(connection: Connection, config: Config) -> bool:
    """Whether the newest revision has been run."""
    exists = connection.execute(text("select to_regclass('app.alembic_version') is not null")).scalar()
    versions = text("select version_num from app.alembic_version")
    current = set(connection.execute(versions).scalars()) if exists else set()
    return current == set(ScriptDirectory.from_config(config).get_heads())


def revise(admin_url: str, scripts: Path, policy: Policy, message: str) -> str | None:
    """Write a revision that takes the schema to the layers as declared; returns its path, or None without a difference.

    The database is first migrated to the last revision.
    """
    with _admin_connection(admin_url) as connection:
        with connection.begin():
            _create_base_schema(connection, policy, {})
        with connection.begin():
            _upgrade_to_head(connection, scripts)
        connection.execute(text(f"set role {OWNER_ROLE}"))
        connection.execute(text("set search_path = app, public"))
        config = _alembic_config(connection, scripts)

        def discard_if_empty(context: Any, revision: Any, directives: list[Any]) -> None:
            alembic_helpers.writer(context, revision, directives)
            if directives[0].upgrade_ops.is_empty():
                directives.clear()

        revision = command.revision(config, message, autogenerate=True, process_revision_directives=discard_if_empty)
    scripts_written = revision if isinstance(revision, list) else [revision]
    return next((script.path for script in scripts_written if script is not None), None)


def check(admin_url: str, scripts: Path) -> None:
    """Raise ``alembic.util.CommandError`` if the tables of the database differ from the declared layers."""
    with _admin_connection(admin_url) as connection:
        connection.execute(text(f"set role {OWNER_ROLE}"))
        connection.execute(text("set search_path = app, public"))
        command.check(_alembic_config(connection, scripts))


def _alembic_config(connection: Connection, scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def _create_base_schema(connection: Connection, policy: Policy, passwords: Mapping[str, str]) -> None:
    """Create what revisions presuppose: roles, extensions, schemas, SRIDs and the LEAKPROOF mark."""
    _execute_raw(connection, grants.roles_sql(policy))
    for login, password in passwords.items():
        _execute_raw(
            connection, sql.SQL("alter role {} password {}").format(sql.Identifier(login), sql.Literal(password))
        )
    _execute_raw(connection, BASE_SCHEMA)
    connection.execute(
        text(
            "insert into spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text)"
            " values (:srid, :auth_name, :auth_srid, :srtext, :proj4text)"
            " on conflict (srid) do update set srtext = excluded.srtext, proj4text = excluded.proj4text"
            " where spatial_ref_sys.proj4text <> excluded.proj4text"
        ),
        [dict(row) for row in systems.spatial_ref_sys_rows()],
    )
    is_leakproof = text(
        "select proleakproof from pg_proc where oid = 'geometry_overlaps(geometry, geometry)'::regprocedure"
    )
    if connection.execute(is_leakproof).scalar():
        return
    if not connection.execute(text("select rolsuper from pg_roles where rolname = current_user")).scalar():
        raise Unavailable(
            Text(
                f"Cần quản trị viên cơ sở dữ liệu chạy một lần: {MARK_LEAKPROOF};",
                f"A superuser of the database must run this once: {MARK_LEAKPROOF};",
            )
        )
    _execute_raw(connection, MARK_LEAKPROOF)


def _execute_raw(connection: Connection, statement: str | sql.Composed) -> None:
    """Run SQL through the driver unchanged: SQLAlchemy would interpret ``%`` and ``:`` in it."""
    connection.connection.cursor().execute(statement)
