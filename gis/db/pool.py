"""A pool of connections that run a transaction in one round trip, on the event loop, without a thread and the ORM.

The actor's role and context and one query are sent together in libpq's pipeline mode. In PostgreSQL's extended query
protocol all statements up to the Sync message are one implicit transaction, so neither BEGIN nor COMMIT is sent.
Between queries a connection keeps only its prepared statements. Queries are read-only, except for those that write the
access log. Several queries of one request run one after the other, each in its own transaction, which under READ
COMMITTED sees the same as one transaction would.
"""

import asyncio
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, Final, TypeVar

import psycopg
from psycopg import abc, pq
from psycopg.adapt import PyFormat, Transformer
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

SHUTDOWN_SQLSTATE_PREFIX: Final = "57P0"
"""The prefix of the SQLSTATEs of class 57 with which a server that shuts down or restarts ends a connection."""

PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s|%%")

Row = tuple[Any, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class BoundQuery:
    """A statement with its values. ``prepared`` if one plan suits all values, so that the connection keeps it."""

    sql: str
    values: Mapping[str, Any]
    prepared: bool = False


QueryGenerator = Generator[BoundQuery, list[Row], T]
"""A generator that yields queries one after the other, is sent the rows of each, and returns the result."""


class BytesLoader(TextBinaryLoader):
    """Loads text as bytes, since it is written to the response without being decoded."""

    def load(self, data: Any) -> bytes:
        """Copy the value out of the result."""
        return bytes(data)


class ConnectionLost(psycopg.OperationalError):
    """The connection was lost during a query, so it is unknown whether the server executed it."""


class Connection:
    """A connection that runs one query at a time. After any error it is closed, so that no state is left behind."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection, self._raw = connection, connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._statement_names: dict[tuple[bytes, str, tuple[int, ...]], bytes] = {}
        self._statement_numbers = count()
        self._rows: pq.abc.PGresult | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._write_pending = self._finished = False
        connection.adapters.register_loader("text", BytesLoader)
        self._raw.nonblocking = 1
        self._raw.enter_pipeline_mode()
        # libpq gives no descriptor for a connection that is lost, yet the event loop must stop watching it before the
        # number is used for another socket.
        self._socket = self._raw.socket
        self._loop.add_reader(self._socket, self._on_readable)

    @property
    def closed(self) -> bool:
        """Whether it can run no more queries."""
        return self._finished or self._raw.status != pq.ConnStatus.OK

    async def execute(self, context: Mapping[str, bytes], context_sql: str, query: BoundQuery) -> list[Row]:
        """Set the context, run one query and return its rows."""
        transformer: abc.Transformer = Transformer(self._connection)
        self._waiting = self._loop.create_future()
        try:
            self._send(transformer, context, context_sql, query)
            self._flush()
            await self._waiting
        except BaseException as error:
            lost = isinstance(error, psycopg.OperationalError) and self._raw.status != pq.ConnStatus.OK
            self.close()
            if lost:
                raise ConnectionLost(str(error)) from error
            raise
        finally:
            self._waiting = None
        result, self._rows = self._rows, None
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple) if result else []

    def _send(
        self, transformer: abc.Transformer, context: Mapping[str, bytes], context_sql: str, query: BoundQuery
    ) -> None:
        """Queue the statement that sets the context, the query and a Sync message."""
        sql, names = numbered_placeholders(query.sql)
        values = transformer.dump_sequence([query.values[name] for name in names], [PyFormat.AUTO] * len(names))
        types, formats = transformer.types or (), transformer.formats
        numbered_context_sql, context_names = numbered_placeholders(context_sql)
        self._send_prepared(b"", numbered_context_sql, [context[name] for name in context_names])
        if query.prepared:
            self._send_prepared(context["role"], sql, values, types, formats)
        else:
            self._raw.send_query_params(sql.encode(), values, types, formats, pq.Format.BINARY)
        self._raw.pipeline_sync()

    def _send_prepared(
        self,
        role: bytes,
        sql: str,
        values: Sequence[Any],
        types: Sequence[int] = (),
        formats: Sequence[pq.Format] | None = None,
    ) -> None:
        """Execute a prepared statement, which the connection keeps per role, since policies differ by role."""
        key = (role, sql, tuple(types))
        name = self._statement_names.pop(key, None)
        if name is None:
            if len(self._statement_names) >= MAX_PREPARED_STATEMENTS:
                least_recently_used = self._statement_names.pop(next(iter(self._statement_names)))
                self._raw.send_query_params(b"deallocate " + least_recently_used, None)
            name = f"p{next(self._statement_numbers)}".encode()
            self._raw.send_prepare(name, sql.encode(), types or None)
        self._statement_names[key] = name  # the most recently used comes last
        self._raw.send_query_prepared(name, values, formats, pq.Format.BINARY)

    def _flush(self) -> None:
        """Send the output buffer, the rest as soon as the socket is writable."""
        try:
            incomplete = self._raw.flush()
        except psycopg.OperationalError as error:
            self._lose(error)
            return
        if incomplete:
            self._loop.add_writer(self._socket, self._flush)
            self._write_pending = True
        elif self._write_pending:
            self._loop.remove_writer(self._socket)
            self._write_pending = False

    def _on_readable(self) -> None:
        """Read the results that PostgreSQL has sent; at the end of the pipeline wake the waiting task."""
        try:
            self._raw.consume_input()
            while self._waiting is not None and not self._raw.is_busy():
                result = self._raw.get_result()
                if result is None:
                    continue  # the end of one command; another result follows before the pipeline's end
                if result.status == pq.ExecStatus.PIPELINE_SYNC:
                    self._resolve()
                    return
                if result.status == pq.ExecStatus.FATAL_ERROR:
                    fault = psycopg.errors.error_from_result(result)
                    self._resolve(
                        ConnectionLost(str(fault))
                        if (fault.sqlstate or "").startswith(SHUTDOWN_SQLSTATE_PREFIX)
                        else fault
                    )
                    return
                if result.status == pq.ExecStatus.TUPLES_OK:
                    self._rows = result  # first those of the context, then those of the query
        except psycopg.OperationalError as error:
            self._lose(error)

    def _lose(self, error: psycopg.OperationalError) -> None:
        """Close a connection that the server or the network has ended, and tell the waiting task."""
        self.close()
        self._resolve(ConnectionLost(str(error)))

    def _resolve(self, error: Exception | None = None) -> None:
        """Wake the task that waits in ``execute``, with an error if there is one."""
        if self._waiting is None or self._waiting.done():
            return
        if error is None:
            self._waiting.set_result(None)
        else:
            self._waiting.set_exception(error)

    def close(self) -> None:
        """Close the connection immediately; PostgreSQL ends a running query once it detects that."""
        if not self._finished:
            self._finished = True
            if not self._loop.is_closed():
                self._loop.remove_reader(self._socket)
                self._loop.remove_writer(self._socket)
            self._raw.finish()


class ConnectionPool:
    """Up to ``max_size`` connections, opened when they are needed. A pool belongs to one event loop."""

    def __init__(self, settings: Mapping[str, Any], max_size: int) -> None:
        self._settings = dict(settings)
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(max_size)

    async def execute(self, context: Mapping[str, bytes], context_sql: str, query: BoundQuery) -> list[Row]:
        """Run a query and return its rows. If an idle connection turns out to be lost, retry once on a new one.

        Raises ``Unavailable`` if no connection becomes free in time, ``psycopg.Error`` for errors of PostgreSQL.
        """
        if self._slots.locked():
            try:
                async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                    await self._slots.acquire()
            except TimeoutError:
                raise Unavailable(BUSY_TEXT) from None
        else:
            await self._slots.acquire()
        connection: Connection | None = None
        try:
            while self._idle and connection is None:
                connection = self._idle.pop()
                if connection.closed:
                    connection.close()
                    connection = None
            try:
                if connection is not None:
                    return await connection.execute(context, context_sql, query)
            except ConnectionLost:
                pass
            connection = await self._open()
            return await connection.execute(context, context_sql, query)
        finally:
            if connection is not None and not connection.closed:
                self._idle.append(connection)
            self._slots.release()

    async def _open(self) -> Connection:
        return Connection(await psycopg.AsyncConnection.connect(**self._settings, autocommit=True))

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()


class LoginPool:
    """The connection pools of one login of the database: each event loop has its own."""

    def __init__(self, settings: Mapping[str, Any], max_size: int) -> None:
        self._settings, self._max_size = dict(settings), max_size
        self._pools: dict[asyncio.AbstractEventLoop, ConnectionPool] = {}

    async def execute(self, context: Mapping[str, bytes], context_sql: str, query: BoundQuery) -> list[Row]:
        """As ``ConnectionPool.execute``, on a connection of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._pools:
            self._pools[loop] = ConnectionPool(self._settings, self._max_size)
        return await self._pools[loop].execute(context, context_sql, query)

    def close(self) -> None:
        """Close all idle connections."""
        for pool in self._pools.values():
            pool.close()


@lru_cache(1000)
def numbered_placeholders(sql: str) -> tuple[str, list[str]]:
    """A statement with ``$1``, ``$2`` … instead of ``%(name)s``, and the names in the order of the numbers."""
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"${numbers.setdefault(match[1], len(numbers) + 1)}" if match[1] else "%"

    return PLACEHOLDER.sub(numbered, sql), list(numbers)
