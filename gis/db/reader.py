"""Readers: what every reading function reads through.

A reading function is written once, as a coroutine whose first argument is a ``Reader``. ``Database.reader`` gives one
that runs queries on the event loop; ``Session`` is another, which runs them within its transaction and never suspends,
so that synchronous code gets the result from ``result_of``. The reader knows its actor, so that rights are not passed
beside it.
"""

import json
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from gis.db.actors import Actor
from gis.db.pool import BoundQuery, Row

T = TypeVar("T")

JOURNAL_READ: Final = "select app.journal_read(%(layer)s, %(feature_id)s, %(action)s, cast(%(selection)s as jsonb))"


@dataclass(frozen=True)
class AccessLogEntry:
    """An entry of the access log: restricted records that were read, or a file that was exported.

    ``selection`` describes the request as JSON, ``action`` is ``read`` or ``export``; ``feature_id`` is set if exactly
    one record was read.
    """

    layer: str
    selection: Mapping[str, Any]
    feature_id: uuid.UUID | None = None
    action: str = "read"

    def query(self) -> BoundQuery:
        """The query that writes the entry, for the writing login."""
        selection = json.dumps(self.selection, ensure_ascii=False, default=str)
        values = {"layer": self.layer, "feature_id": self.feature_id, "action": self.action, "selection": selection}
        return BoundQuery(JOURNAL_READ, values, prepared=True)


class Reader(Protocol):
    """Runs queries in the name of an actor, and collects the entries of the access log that they cause.

    ``Database`` writes the entries before the data leave the process.
    """

    @property
    def actor(self) -> Actor:
        """The actor, in whose role PostgreSQL runs the queries."""

    async def fetch(self, query: BoundQuery) -> list[Row]:
        """The rows of a query, with texts as bytes."""

    def record_access(self, entry: AccessLogEntry) -> None:
        """Add an entry to the access log."""


class PooledReader:
    """A reader whose ``execute`` runs each query on a pooled connection, in a transaction of one round trip."""

    def __init__(self, actor: Actor, execute: Callable[[BoundQuery], Awaitable[list[Row]]]) -> None:
        self.actor, self._execute = actor, execute
        self.entries: list[AccessLogEntry] = []
        self.closed = False

    async def fetch(self, query: BoundQuery) -> list[Row]:
        """The rows of a query. Raises ``RuntimeError`` once the entries of the access log have been written."""
        if self.closed:
            raise RuntimeError("the reader is closed")
        return await self._execute(query)

    def record_access(self, entry: AccessLogEntry) -> None:
        """Keep an entry until the reader is closed."""
        self.entries.append(entry)


def result_of(reading: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that reads through a session to its end, and return its result.

    Raises ``RuntimeError`` if it suspends, as with a reader of the event loop.
    """
    try:
        reading.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    reading.close()
    raise RuntimeError("a coroutine that waits for the event loop was run without one")
