"""What the tables are made of, remembered line by line when a revision has made them.

Revisions alone change columns, defaults and constraints, so whatever differs from the last one was changed by hand:
a default that dates the journal back, a generated column that no longer withholds, a constraint that constrains
nothing. Rights mend themselves, this does not: the line that differs is named. The register of lines,
``app.structure``, is itself made by a revision: where it has gone, it does not come back with whatever stands then.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.engine import Connection

EXCERPT_LENGTH = 60
"""So much of a line is enough to find it by."""

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
"""Written without a search path, so that every name stands with its schema. Plain indexes only make things fast."""

SERVER_VERSION = "select 'server', (current_setting('server_version_num')::integer / 10000)::text"
"""Another version of PostgreSQL may write the same thing in other words."""

SAME_SERVER_VERSION = f"{SERVER_VERSION} intersect select table_name, line from app.structure"

STORE_CATALOGUE_LINES = f"insert into app.structure {CATALOGUE_LINES} union all {SERVER_VERSION}"

DIFFERING_CATALOGUE_LINES = f"""
with now as ({CATALOGUE_LINES}), known as (select * from app.structure where table_name <> 'server')
(table known except table now) union all
(select * from now where table_name in (select table_name from known) except table known)
"""
"""Tables of somebody's own are none of ours."""

FINGERPRINT_EXISTS = "select exists (select from app.structure)"


def store_fingerprint(connection: Connection, *, revised: bool) -> None:
    """Write down what stands, after a revision and on another version of the server than the last time."""
    known = connection.execute(text(FINGERPRINT_EXISTS)).scalar_one()
    if revised or (known and not connection.execute(text(SAME_SERVER_VERSION)).all()):
        with _qualified_names(connection):
            connection.execute(text("delete from app.structure"))
            connection.execute(text(STORE_CATALOGUE_LINES))


def differing_lines(connection: Connection) -> list[str]:
    """The lines that came, went or changed since the last revision."""
    there = connection.execute(text("select to_regclass('app.structure') is not null")).scalar_one()
    if not there or not connection.execute(text(FINGERPRINT_EXISTS)).scalar_one():
        return ["app.structure"]
    with _qualified_names(connection):
        found = connection.execute(text(DIFFERING_CATALOGUE_LINES)).all()
    return sorted({f"{table}.{line[:EXCERPT_LENGTH]}" for table, line in found})


@contextmanager
def _qualified_names(connection: Connection) -> Iterator[None]:
    """For a while no schema is where names are looked up, so that each is written with its own."""
    place = text("select set_config('search_path', :path, true)")
    before = connection.execute(text("show search_path")).scalar_one()
    connection.execute(place, {"path": "pg_catalog"})
    yield
    connection.execute(place, {"path": before})
