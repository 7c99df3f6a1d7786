"""Execution of composed SQL on the connection of a session."""

import datetime as dt
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from gis.db.pool import BoundQuery, BytesLoader, QueryGenerator, T
from gis.model.as_of import set_as_of


def driver_connection(session: Session, as_of: dt.datetime | None = None) -> psycopg.Connection[Any]:
    """The psycopg connection of this transaction, for rows that go to the response without the ORM.

    SQL that was composed for a moment of the past has to be executed with that moment as ``as_of``.
    """
    if as_of is not None:
        set_as_of(session, as_of)
    return session.connection().connection.driver_connection  # type: ignore[return-value]


def fetch_rows(session: Session, query: BoundQuery, *, prepare: bool | None = None) -> list[Any]:
    """Execute a query and return its rows, with texts as bytes."""
    with driver_connection(session, query.as_of).cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", BytesLoader)
        cursor.execute(query.sql, query.values, prepare=prepare)
        return list(cursor.fetchall())


def run_queries(session: Session, queries: QueryGenerator[T]) -> T:
    """Run a generator of queries within the session's transaction, and return its result.

    ``Database.run_queries`` runs one without a session.
    """
    try:
        query = next(queries)
        while True:
            query = queries.send(fetch_rows(session, query, prepare=None if query.prepared else False))
    except StopIteration as end:
        result: T = end.value
        return result
