"""Running composed SQL on the connection of a transaction."""

from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from gis.db.pool import BytesLoader, QueryGenerator, T


def driver_connection(session: Session) -> psycopg.Connection[Any]:
    """The driver's own connection of this transaction: rows go from it to the answer without passing the ORM."""
    return session.connection().connection.driver_connection  # type: ignore[return-value]


def fetch_rows(session: Session, sql: str, values: Mapping[str, Any], *, prepare: bool | None = None) -> list[Any]:
    with driver_connection(session).cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", BytesLoader)
        cursor.execute(sql, values, prepare=prepare)
        return list(cursor.fetchall())


def run_queries(session: Session, queries: QueryGenerator[T]) -> T:
    """What comes of asking within a transaction that is under way (``Database.answered`` asks without one)."""
    try:
        question = next(queries)
        while True:
            prepare = None if question.prepared else False
            question = queries.send(fetch_rows(session, question.sql, question.values, prepare=prepare))
    except StopIteration as end:
        found: T = end.value
        return found
