"""The triggers that stamp rows and write the history tables and the journal; their SQL is in ``triggers.sql``.

Each layer has two triggers. ``stamp`` (BEFORE) sets version, times and author, and refuses a change without an actor,
a changed id and a status transition that the layer does not declare. ``remember`` (AFTER) registers the id, closes the
previous history row, adds the new one and writes the journal. They run in PostgreSQL, so that raw SQL is recorded like
a request. ``TRUNCATE`` is refused, and no statement changes or deletes a journal entry.
"""

from psycopg import sql
from sqlalchemy import Table

from gis.db.refusals import FIXED_IDENTITY, ILLEGAL_TRANSITION, NO_ACTOR
from gis.model.children import child_tables
from gis.model.fields import SCHEMA
from gis.model.layer import Layer, all_layers
from gis.model.links import Link
from gis.text.sql_files import SqlFile, identifiers

SQL = SqlFile(__file__)

JOURNAL = SQL.compose("create_journal")
"""The journal, to which the triggers of every layer write, and ``moves``, the allowed status transitions."""

CHANGE_CONTEXT = ("reason", "request", "device_at")
"""Session settings (``cotmoc.…``) that history rows store beside the actor. ``device_at`` is the device's time."""

PROVENANCE = ("actor", *CHANGE_CONTEXT)
"""History columns that say who made a change, why and in which request."""


def triggers() -> list[sql.Composed]:
    """All history functions and triggers of every layer, child table and the links; idempotent."""
    statements = [SQL.compose("journal_functions", no_actor=NO_ACTOR)]
    for layer in all_layers():
        statements += _layer_triggers(layer)
    for table in dependent_tables():
        statements += _child_triggers(table)
    return [*statements, *map(no_truncate, ("journal", "features")), rows_are_fixed("journal")]


def _layer_triggers(layer: Layer) -> list[sql.Composed]:
    """The functions and triggers of a layer."""
    table, stamp = sql.Identifier(SCHEMA, layer.name), sql.Identifier(f"stamp_{layer.name}")
    return [
        SQL.compose(
            "stamp_function",
            function=stamp,
            history=sql.Identifier(f"{layer.name}_history"),
            fixed_identity=FIXED_IDENTITY,
            status_check=_status_check(layer),
        ),
        _remember_function("remember_feature_function", layer.model.__table__, "NEW", layer=layer.name),  # type: ignore[arg-type]
        SQL.compose("stamp_trigger", table=table, function=stamp),
        *_remember_triggers(layer.name),
    ]


def _status_check(layer: Layer) -> sql.Composable:
    """The part of the stamp function that refuses an undeclared transition; empty for a layer without a status."""
    if layer.status is None:
        return sql.SQL("")
    return SQL.compose(
        "status_check",
        status=sql.Identifier(layer.status.name),
        layer=layer.name,
        illegal_transition=ILLEGAL_TRANSITION,
    )


def _child_triggers(table: Table) -> list[sql.Composed]:
    """The function and the triggers of a child table or of the links."""
    return [
        _remember_function("remember_child_function", table, "subject", table_name=table.name),
        *_remember_triggers(table.name),
    ]


def _remember_function(statement: str, table: Table, row: str, **names: str) -> sql.Composed:
    """The function that copies every stored column of ``row`` into the history of a table."""
    stored = [column.name for column in table.columns if column.computed is None]
    return SQL.compose(
        statement,
        function=sql.Identifier(f"remember_{table.name}"),
        history=sql.Identifier(f"{table.name}_history"),
        columns=identifiers(stored),
        values=sql.SQL(", ").join(sql.SQL("{}.{}").format(sql.SQL(row), sql.Identifier(name)) for name in stored),
        **names,
    )


def _remember_triggers(table: str) -> list[sql.Composed]:
    """The trigger that calls the history function of a table, and those that refuse TRUNCATE."""
    function = sql.Identifier(f"remember_{table}")
    return [
        SQL.compose("remember_trigger", table=sql.Identifier(SCHEMA, table), function=function),
        no_truncate(table),
        no_truncate(f"{table}_history"),
    ]


def journal_with(function: str, table: str) -> sql.Composed:
    """The trigger that journals the rows of a table without a history by a function of schema ``app``."""
    return SQL.compose("remember_trigger", table=sql.Identifier(SCHEMA, table), function=sql.Identifier(function))


def no_truncate(table: str) -> sql.Composed:
    """The trigger that refuses TRUNCATE."""
    return SQL.compose("no_truncate_trigger", table=sql.Identifier(SCHEMA, table))


def rows_are_fixed(table: str) -> sql.Composed:
    """The trigger that refuses every change of a row, also by the table's owner."""
    return SQL.compose("fixed_trigger", table=sql.Identifier(SCHEMA, table))


def dependent_tables() -> list[Table]:
    """The tables whose rows belong to a feature: the child tables and the links."""
    return [*(child.__table__ for child in child_tables.values()), Link.__table__]  # type: ignore[list-item]


def transitions_sql() -> list[sql.Composed]:
    """The statements that fill ``app.moves`` with the status transitions that the layers declare."""
    rows = sorted({(layer.name, start, end) for layer in all_layers() for start, end in layer.transitions})
    values = sql.SQL(", ").join(sql.SQL("({}, {}, {})").format(*row) for row in rows)
    insert = [SQL.compose("insert_transitions", rows=values)] if rows else []
    return [SQL.compose("delete_transitions"), *insert]
