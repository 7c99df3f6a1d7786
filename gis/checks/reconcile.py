"""Reconciliation: compares the tables that pages and rights depend on with the sealed journal.

It reveals changes that were made with the triggers disabled. Compared are features, child tables and links, both their
present rows and their history; people, role assignments, sessions, recovery codes and tokens, whose secrets by a
fingerprint; releases with their approvals; what recipients hold, and what is served to them. The first row that
disagrees is reported.

Not compared are counters (token use, failed and latest sign-ins, grid counts, code counters), tables that are loaded
from reference files (routes, anchors, procedures), idempotency keys, and the schema, which ``gis.checks.doctor``
compares with the program.
"""

from collections.abc import Iterator

from psycopg import sql
from sqlalchemy import Table, create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from gis.accounts import models as account_models
from gis.audit.verify import ProgressCallback, no_progress
from gis.db.session import OWNER_ROLE
from gis.history.triggers import CHANGE_CONTEXT, dependent_tables
from gis.model.fields import SCHEMA
from gis.model.layer import all_layers, catalog
from gis.release import models as release_models
from gis.release.snapshot import RELEASE_SCHEMA
from gis.text.errors import Unavailable
from gis.text.i18n import Text
from gis.text.sql_files import SqlFile

COMPARISONS = Text("phép đối chiếu", "comparisons")

HISTORY_COLUMNS = ("valid", "since", "action", "actor", *CHANGE_CONTEXT, "journal_seq")

SQL = SqlFile(__file__)


def reconcile_with_journal(
    admin_url: str, command_line: str, on_progress: ProgressCallback = no_progress
) -> Text | None:
    """Describe the first row that disagrees with the journal; None when all agree.

    ``admin_url`` must be that of the database administrator; ``command_line`` is how a user calls this program. Raises
    ``Unavailable`` when the schema is out of date, as it may be after a restore.
    """
    try:
        with create_engine(admin_url, poolclass=NullPool).connect() as connection:
            connection.execute(text("set transaction isolation level repeatable read, read only"))
            return first_mismatch(connection, on_progress)
    except DBAPIError as error:
        raise Unavailable(
            Text(
                f"Chưa đối chiếu được: lược đồ dữ liệu chưa cập nhật. Hãy chạy {command_line} migrate",
                f"Cannot compare: the schema is out of date. Run {command_line} migrate",
            )
        ) from error


def first_mismatch(connection: Connection, on_progress: ProgressCallback = no_progress) -> Text | None:
    """As ``reconcile_with_journal``, in a transaction of the administrator, in which it takes the owner's role."""
    if not catalog:
        raise RuntimeError("no layer is declared, so nothing would be compared")
    connection.execute(text(f"set local role {OWNER_ROLE}"))
    queries = list(_queries())
    for done, (table, query) in enumerate(queries):
        on_progress(COMPARISONS, done, len(queries))
        row_id = connection.execute(text(query)).scalar()
        if row_id is not None:
            vi = f"{table} {row_id}: hiện tại hoặc lịch sử không khớp với nhật ký"
            return Text(vi, f"{table} {row_id}: its present or past state does not match the journal")
    return None


def _queries() -> Iterator[tuple[str, str]]:
    """Each query with the table whose row it returns, fast ones first."""
    for name in (*account_models.ACCOUNT_TABLES, *release_models.JOURNALLED_TABLES):
        yield name, SQL.text("latest_entry_mismatch", name=name, table=sql.Identifier(SCHEMA, name))
    yield "release_rows", SQL.text("approved_rows_mismatch")
    yield "release_steps", SQL.text("steps_mismatch")
    yield "holdings", SQL.text("content_hash_mismatch")
    yield "holdings", SQL.text("manifest_rows_mismatch")
    yield "holdings", SQL.text("holding_period_mismatch")
    yield f"{RELEASE_SCHEMA}.tombstones", SQL.text("tombstone_mismatch")
    yield f"{RELEASE_SCHEMA}.manifests", SQL.text("manifest_mismatch")
    for name in catalog:
        snapshot = sql.Identifier(RELEASE_SCHEMA, name)
        yield f"{RELEASE_SCHEMA}.{name}", SQL.text("served_rows_mismatch", name=name, table=snapshot)
    for layer in all_layers():
        yield from _history_queries(layer.model.__table__, "id", ["insert", "update"])  # type: ignore[arg-type]
        history = sql.Identifier(SCHEMA, f"{layer.name}_history")
        yield layer.name, SQL.text("validity_mismatch", history_table=history)
        features = sql.Identifier(SCHEMA, layer.name)
        yield layer.name, SQL.text("unregistered_feature", name=layer.name, table=features)
    for table in dependent_tables():
        yield from _history_queries(table, "feature_id", ["insert", "update", "delete"])


def _history_queries(table: Table, subject: str, actions: list[str]) -> Iterator[tuple[str, str]]:
    """Compare history with journal and table with history; ``subject`` is the column with the id of journal entries."""
    derived = [column.name for column in table.columns if column.computed is not None or "for_tiles" in column.info]
    names = {
        "history_table": sql.Identifier(SCHEMA, f"{table.name}_history"),
        "subject": sql.Identifier(subject),
        "derived_columns": sql.Literal(derived),
    }
    history_names = {"name": table.name, "actions": actions, "history_columns": [*derived, *HISTORY_COLUMNS]}
    yield table.name, SQL.text("history_mismatch", **history_names, **names)
    yield table.name, SQL.text("current_row_mismatch", table=sql.Identifier(SCHEMA, table.name), **names)
