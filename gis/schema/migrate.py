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
from gis.model.fields import Level
from gis.schema import apply, derived_fields, fingerprint, grants
from gis.schema.policy_model import Policy
from gis.text.errors import Conflict, Unavailable
from gis.text.i18n import Text
from gis.text.sql_files import SqlFile, literals
from gis.write import idempotency  # noqa: F401 - declares a table

MIGRATION_LOCK_KEY = 0x636F746D6F63
"""The advisory lock that lets one migration run at a time in a database ("cotmoc" in ASCII)."""

SQL = SqlFile(__file__)

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
        _execute_raw(connection, SQL.compose("drop_views"))
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise Conflict(
            Text(
                "Dữ liệu thuộc một phiên bản mới hơn của chương trình; hãy chạy phiên bản đó",
                "The database was migrated by a newer version of this software; run that version",
            )
        ) from None
    fingerprint.store_tables(connection, revised=revised)


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
    _execute_raw(connection, _base_schema())
    connection.execute(text(SQL.text("insert_srids")), [dict(row) for row in systems.spatial_ref_sys_rows()])
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


def _base_schema() -> sql.Composed:
    """What revisions presuppose beside roles: extensions, schemas, the type of levels, ownership, no public rights."""
    return SQL.compose(
        "base_schema",
        owner=sql.Identifier(OWNER_ROLE),
        owner_name=OWNER_ROLE,
        levels=literals(Level),
        collation=sql.Identifier(TEXT_COLLATION),
        revoked_functions=list(grants.REVOKED_FUNCTIONS),
    )


def _execute_raw(connection: Connection, statement: str | sql.Composed) -> None:
    """Run SQL through the driver unchanged: SQLAlchemy would interpret ``%`` and ``:`` in it."""
    connection.connection.cursor().execute(statement)
