"""Execution of composed SQL on the connection of a session."""

from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from gis.db.pool import BytesLoader, QueryGenerator, T


def driver_connection(session: Session) -> psycopg.Connection[Any]:
    """The psycopg connection of this transaction, for rows that go to the response without the ORM."""
    return session.connection().connection.driver_connection  # type: ignore[return-value]


def fetch_rows(session: Session, sql: str, values: Mapping[str, Any], *, prepare: bool | None = None) -> list[Any]:
    """Execute a statement and return its rows, with texts as bytes."""
    with driver_connection(session).cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", BytesLoader)
        cursor.execute(sql, values, prepare=prepare)
        return list(cursor.fetchall())


def run_queries(session: Session, queries: QueryGenerator[T]) -> T:
    """Run a generator of queries within the session's transaction, and return its result.

    ``Database.run_queries`` runs one without a session.
    """
    try:
        query = next(queries)
        while True:
            prepare = None if query.prepared else False
            query = queries.send(fetch_rows(session, query.sql, query.values, prepare=prepare))
    except StopIteration as end:
        result: T = end.value
        return result
