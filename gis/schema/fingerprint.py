"""The fingerprint of the schema: one line of text for each thing that decides what is stored and who may do what.

One query gives all lines (``catalogue_lines`` in ``fingerprint.sql``). A migration stores them, and the doctor compares
the database with what was stored. Two parts are stored apart, because they are put right differently:

- The *surface* (policies, triggers, functions, views, grants, transitions) is created anew by every migration that
  finds it changed, so its hash suffices; ``gis.schema.apply`` stores it in ``app.surface``.
- Only revisions change *tables* (columns, defaults, constraints, unique indexes), so a line that differs from the
  stored ones was changed by hand: a default that backdates the journal, a generated column that no longer masks, a
  constraint that checks nothing. No migration corrects or accepts that: the differing lines are reported. A revision
  creates the table ``app.structure``, which stores the lines; if it was dropped, it is reported too and not filled
  with the present state.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql
from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from gis.text.sql_files import SqlFile

EXCERPT_LENGTH = 60
"""Characters of a line that are reported; enough to find it by."""

SQL = SqlFile(__file__)
CATALOGUE_LINES, SERVER_VERSION = SQL.compose("catalogue_lines"), SQL.compose("server_version")


def _statement(name: str, **parameters: sql.Composable) -> TextClause:
    return text(SQL.text(name, **parameters))


SURFACE_FINGERPRINT = _statement("surface_fingerprint", catalogue_lines=CATALOGUE_LINES)
SAME_SERVER_VERSION = _statement("same_server_version", server_version=SERVER_VERSION)
STORE_TABLES = _statement("store_tables", catalogue_lines=CATALOGUE_LINES, server_version=SERVER_VERSION)
DIFFERING_TABLES = _statement("differing_tables", catalogue_lines=CATALOGUE_LINES)
TABLES_ARE_STORED = text("select exists (select from app.structure)")


def surface_fingerprint(connection: Connection) -> str:
    """The hash of the surface in the database: policies, triggers, functions, views, grants, transitions."""
    with _qualified_names(connection):
        return str(connection.execute(SURFACE_FINGERPRINT).scalar_one())


def store_tables(connection: Connection, *, revised: bool) -> None:
    """Store the lines of the tables after a revision, or when the server's major version has changed since."""
    known = connection.execute(TABLES_ARE_STORED).scalar_one()
    if revised or (known and not connection.execute(SAME_SERVER_VERSION).all()):
        with _qualified_names(connection):
            connection.execute(text("delete from app.structure"))
            connection.execute(STORE_TABLES)


def differing_tables(connection: Connection) -> list[str]:
    """The lines that were added, removed or changed since the last revision, shortened; ``app.structure`` if lost."""
    exists = connection.execute(text("select to_regclass('app.structure') is not null")).scalar_one()
    if not exists or not connection.execute(TABLES_ARE_STORED).scalar_one():
        return ["app.structure"]
    with _qualified_names(connection):
        rows = connection.execute(DIFFERING_TABLES).all()
    return sorted({f"{table}.{line[:EXCERPT_LENGTH]}" for table, line in rows})


@contextmanager
def _qualified_names(connection: Connection) -> Iterator[None]:
    """Restrict the search path to ``pg_catalog``, so that PostgreSQL prints every name with its schema."""
    set_path = text("select set_config('search_path', :path, true)")
    before = connection.execute(text("show search_path")).scalar_one()
    connection.execute(set_path, {"path": "pg_catalog"})
    yield
    connection.execute(set_path, {"path": before})
