"""The check that derived fields read what they declare, and nothing else.

PostgreSQL itself says what an expression reads: a view is created of it, and what the view depends on is compared with
the declaration. Masks, past moments and the recall of released copies follow from declarations, so a field that reads
more is refused before the application starts.
"""

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import Connection

from gis.db.session import OWNER_ROLE
from gis.model.as_of import AS_OF
from gis.model.fields import Field
from gis.model.layer import Layer, all_layers
from gis.model.query import select_sql
from gis.model.row import Row

PROBE, PROBED_TABLE = "derived_field", "derived_field_rows"
"""The names of the view and of an empty table with the columns of the layer; both exist within a savepoint only."""

RELATIONS_READ = text("""
select distinct d.refobjid::regclass::text from pg_rewrite w
join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
where w.ev_class = to_regclass(:probe) and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class
""")

FUNCTIONS_CALLED = text("""
select distinct d.refobjid::regprocedure::text from pg_rewrite w
join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
join pg_proc f on d.refclassid = 'pg_proc'::regclass and f.oid = d.refobjid
where w.ev_class = to_regclass(:probe) and f.pronamespace::regnamespace::text in ('app', 'release')
and f.provolatile <> 'i' and f.oid <> 'app.as_of()'::regprocedure
""")
"""The functions of this program that may read tables; immutable ones read none."""

CLOCKS_READ = text("""
select clock from unnest(array['now()', 'transaction_timestamp()', 'statement_timestamp()', 'clock_timestamp()',
    'timeofday()', 'age(timestamptz)', 'age(timestamp)']) clock, pg_rewrite w
where w.ev_class = to_regclass(:probe) and w.ev_action ~ format('\\:funcid %s\\M', clock::regprocedure::oid)
union all select 'current_timestamp or current_date' from pg_rewrite w
where w.ev_class = to_regclass(:probe) and w.ev_action ~ 'SQLVALUEFUNCTION'
""")
"""The functions of the present time, which are no dependencies: they stand in the stored query of the view."""


class UndeclaredReadError(ValueError):
    """A derived field reads something that it does not declare."""


def check_derived_fields(connection: Connection) -> None:
    """Raise ``UndeclaredReadError`` for the first derived field that reads something that it does not declare."""
    for layer in all_layers():
        for field in layer.fields.values():
            if field.sql is not None:
                for moment in (None, AS_OF):
                    if fault := _fault_of(connection, layer, field, moment):
                        raise UndeclaredReadError(f"{layer.name}.{field.name} {fault}")


def _fault_of(connection: Connection, layer: Layer, field: Field, moment: str | None) -> str | None:
    """What is wrong with a derived field, read at the present or in the past by the lowest level that may read it."""
    row = Row(field.level, layer, alias="probed", moment=moment)
    try:
        expression = field.expression(row)
    except LookupError as error:
        return f"cannot be composed: {error}"
    if "%" in expression:
        return "contains '%', which the driver takes for a placeholder"
    # Of two rows, so that a column is ambiguous unless it is taken from the row by ``row[…]``.
    query = select_sql(f"{expression} as value", f"app.{PROBED_TABLE} {row.alias}, app.{PROBED_TABLE} another")
    with connection.begin_nested() as probing:
        try:
            connection.execute(text(f"set local role {OWNER_ROLE}"))
            connection.execute(text(f"create table app.{PROBED_TABLE} (like app.{layer.name})"))
            connection.connection.cursor().execute(f"create view app.{PROBE} as {query}")
            return _undeclared_reading(connection, field, moment)
        except psycopg.Error as error:
            return f"cannot be composed: {error}"
        finally:
            probing.rollback()


def _undeclared_reading(connection: Connection, field: Field, moment: str | None) -> str | None:
    """What the view of a derived field reads beyond the declaration of the field."""
    probe = {"probe": f"app.{PROBE}"}
    declared = {name for source in field.reads for name in source.tables}
    allowed = declared if moment is None else {f"{name}_history" for name in declared} | {"links_as_of"}
    relations = set(connection.execute(RELATIONS_READ, probe).scalars())
    if undeclared := relations - {f"app.{name}" for name in (PROBED_TABLE, *allowed)}:
        return f"reads {', '.join(sorted(undeclared))}, which it does not declare in `reads`"
    if functions := set(connection.execute(FUNCTIONS_CALLED, probe).scalars()):
        return f"calls {', '.join(sorted(functions))}, which may read what it does not declare"
    if moment is not None and (clocks := set(connection.execute(CLOCKS_READ, probe).scalars())):
        return f"calls {', '.join(sorted(clocks))} instead of `row.now` or `row.today`"
    return None
