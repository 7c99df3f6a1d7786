"""The fingerprint of the tables: one line for each column, constraint and unique index, stored after a revision.

Only revisions change columns, defaults and constraints, so a line that differs from the stored ones was changed by
hand: a default that backdates the journal, a generated column that no longer masks, a constraint that checks nothing.
Grants are corrected at every start, tables are not: the differing lines are reported. A revision creates the table
``app.structure``, which stores the lines; if it was dropped, it is reported too and not filled with the present state.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.engine import Connection

EXCERPT_LENGTH = 60
"""Characters of a line that are reported; enough to find it by."""

CATALOGUE_LINES = """
select a.attrelid::regclass::text as table_name, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' end, nullif(a.attidentity::text, ''), nullif(a.attgenerated::text, ''),
        nullif(a.attcollation, 0)::regcollation, pg_get_expr(d.adbin, d.adrelid)) as line
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace::regnamespace::text in ('app', 'release') and c.relkind in ('r', 'p') and a.attnum > 0
    and not a.attisdropped
union all select conrelid::regclass::text, concat_ws(' ', conname, pg_get_constraintdef(oid))
    from pg_constraint where connamespace::regnamespace::text in ('app', 'release') and conrelid <> 0
    and contype in ('c', 'f', 'p', 'u', 'x')
union all select i.indrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indrelid
    where c.relnamespace::regnamespace::text in ('app', 'release') and i.indisunique
"""
"""Run with an empty search path, so that every name is qualified. Other indexes affect speed only and are left out."""

SERVER_VERSION = "select 'server', (current_setting('server_version_num')::integer / 10000)::text"
"""The major version of the server, stored with the lines: another version may print the same definition differently."""

SAME_SERVER_VERSION = f"{SERVER_VERSION} intersect select table_name, line from app.structure"

STORE_CATALOGUE_LINES = f"insert into app.structure {CATALOGUE_LINES} union all {SERVER_VERSION}"

DIFFERING_CATALOGUE_LINES = f"""
with now as ({CATALOGUE_LINES}), known as (select * from app.structure where table_name <> 'server')
(table known except table now) union all
(select * from now where table_name in (select table_name from known) except table known)
"""
"""Tables that no stored line names were created by a local administrator and are left out."""

FINGERPRINT_EXISTS = "select exists (select from app.structure)"


def store_fingerprint(connection: Connection, *, revised: bool) -> None:
    """Store the lines of the catalogue after a revision, or when the server's major version has changed since."""
    known = connection.execute(text(FINGERPRINT_EXISTS)).scalar_one()
    if revised or (known and not connection.execute(text(SAME_SERVER_VERSION)).all()):
        with _qualified_names(connection):
            connection.execute(text("delete from app.structure"))
            connection.execute(text(STORE_CATALOGUE_LINES))


def differing_lines(connection: Connection) -> list[str]:
    """The lines that were added, removed or changed since the last revision, shortened; ``app.structure`` if lost."""
    exists = connection.execute(text("select to_regclass('app.structure') is not null")).scalar_one()
    if not exists or not connection.execute(text(FINGERPRINT_EXISTS)).scalar_one():
        return ["app.structure"]
    with _qualified_names(connection):
        rows = connection.execute(text(DIFFERING_CATALOGUE_LINES)).all()
    return sorted({f"{table}.{line[:EXCERPT_LENGTH]}" for table, line in rows})


@contextmanager
def _qualified_names(connection: Connection) -> Iterator[None]:
    """Restrict the search path to ``pg_catalog``, so that PostgreSQL prints every name with its schema."""
    set_path = text("select set_config('search_path', :path, true)")
    before = connection.execute(text("show search_path")).scalar_one()
    connection.execute(set_path, {"path": "pg_catalog"})
    yield
    connection.execute(set_path, {"path": before})
