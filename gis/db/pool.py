"""Pools of connections on the event loop that run a query in the name of an actor in one round trip.

The actor's role and context and one query are sent together in pipeline mode. In PostgreSQL's extended query protocol
all statements up to the Sync message are one implicit transaction, so neither BEGIN nor COMMIT is sent, and what the
context sets ends with it. Between queries a connection keeps only its prepared statements. Several queries of one
request run one after the other, each in its own transaction, which under READ COMMITTED sees the same as one
transaction would.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.types.string import TextBinaryLoader

from gis.text.errors import Unavailable
from gis.text.i18n import Text

BUSY_TEXT: Final = Text(
    "Hệ thống đang bận, hãy thử lại sau ít giây", "The system is busy; please try again in a few seconds"
)
ACQUIRE_TIMEOUT_S: Final = 5.0
"""How long a query waits for a free connection."""

MAX_PREPARED_STATEMENTS: Final = 200
"""Prepared statements per connection; for a further one the least recently used is deallocated."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class BoundQuery:
    """A statement with its values, and the moment that ``app.as_of()`` returns in it (None for the present).

    ``prepared`` if one plan suits all values, so that the connection keeps it.
    """

    sql: str
    values: Mapping[str, Any]
    prepared: bool = False
    as_of: dt.datetime | None = None


class BytesLoader(TextBinaryLoader):
    """Loads text as bytes, since it is written to the response without being decoded."""

    def load(self, data: Any) -> bytes:
        """Copy the value out of the result."""
        return bytes(data)


class ConnectionPool:
    """Up to ``max_size`` connections, opened when they are needed. A pool belongs to one event loop."""

    def __init__(self, settings: Mapping[str, Any], max_size: int) -> None:
        self._settings = dict(settings)
        self._idle: list[psycopg.AsyncConnection[Any]] = []
        self._slots = asyncio.Semaphore(max_size)

    async def execute(self, context_sql: str, context: Mapping[str, str], query: BoundQuery) -> list[Row]:
        """Run a query after ``context_sql`` in one transaction, and return its rows.

        A query on an idle connection that the server has ended runs again on another one; on a new connection it fails.
        Raises ``Unavailable`` if no connection becomes free in time, ``psycopg.Error`` for errors of PostgreSQL.
        """
        await self._acquire_slot()
        try:
            while self._idle:
                connection = self._idle.pop()
                try:
                    return await self._execute_on(connection, context_sql, context, query)
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise
            return await self._execute_on(await self._open(), context_sql, context, query)
        finally:
            self._slots.release()

    async def _acquire_slot(self) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable(BUSY_TEXT) from None

    async def _execute_on(
        self, connection: psycopg.AsyncConnection[Any], context_sql: str, context: Mapping[str, str], query: BoundQuery
    ) -> list[Row]:
        """Run a query on a connection, which then is idle again unless it was lost or the task was cancelled."""
        cursor = connection.cursor(binary=True)
        # Policies differ by role, so each role has prepared statements of its own: the comment tells them apart.
        sql = f"/* {context.get('role', '')} */ {query.sql}"
        try:
            async with connection.pipeline():
                await connection.execute(context_sql, context, prepare=True)
                await cursor.execute(sql, query.values, prepare=query.prepared)
            rows = await cursor.fetchall() if cursor.description else []
        except psycopg.Error:
            if not connection.closed:
                self._idle.append(connection)
            raise
        except BaseException:
            connection.pgconn.finish()  # a cancelled query ends when PostgreSQL detects that its client is gone
            raise
        self._idle.append(connection)
        return rows

    async def _open(self) -> psycopg.AsyncConnection[Any]:
        connection = await psycopg.AsyncConnection.connect(**self._settings, autocommit=True)
        connection.prepared_max = MAX_PREPARED_STATEMENTS
        connection.adapters.register_loader("text", BytesLoader)
        return connection

    def close(self) -> None:
        """Close the idle connections; also after the event loop has ended, so without awaiting."""
        for connection in self._idle:
            connection.pgconn.finish()
        self._idle.clear()


class LoginPool:
    """The connection pools of one login of the database: each event loop has its own."""

    def __init__(self, settings: Mapping[str, Any], max_size: int) -> None:
        self._settings, self._max_size = dict(settings), max_size
        self._pools: dict[asyncio.AbstractEventLoop, ConnectionPool] = {}

    async def execute(self, context_sql: str, context: Mapping[str, str], query: BoundQuery) -> list[Row]:
        """As ``ConnectionPool.execute``, on a connection of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._pools:
            self._pools[loop] = ConnectionPool(self._settings, self._max_size)
        return await self._pools[loop].execute(context_sql, context, query)

    def close(self) -> None:
        """Close all idle connections."""
        for pool in self._pools.values():
            pool.close()
