"""Reading in one round trip: connections that are asked a whole transaction at once, without a thread and an ORM.

The reader's role and context and one statement go to PostgreSQL together (libpq's pipeline mode) and the event loop
does something else until the rows are there. What is sent together is one transaction, from its first statement to
the pipeline's end (PostgreSQL's extended query protocol), so no BEGIN and no COMMIT is run. Nothing is kept between
two questions but the connection and its plans, and nothing is changed, except that what is read of the restricted is
written down in the same way; what belongs to several statements is asked one after the other, which under READ
COMMITTED sees the same as one transaction would.
"""

import asyncio
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
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

BUSY_TEXT: Final = Text("Hệ thống đang bận, hãy thử lại sau ít giây", "Busy; please try again in a few seconds")
ACQUIRE_TIMEOUT_S: Final = 5.0
"""How long a question waits for a connection."""

MAX_PREPARED_STATEMENTS: Final = 200
"""Statements of which a connection keeps the plan; for a further one the longest unused is forgotten."""

SHUTDOWN_SQLSTATE_PREFIX: Final = "57P0"
"""Begins the SQLSTATEs with which a server ends a connection by itself: it shuts down, or starts anew."""

PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s|%%")

Row = tuple[Any, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class BoundQuery:
    """A statement with its values. ``planned_once`` where the plan is the same whatever the values are."""

    sql: str
    values: Mapping[str, Any]
    prepared: bool = False


QueryGenerator = Generator[BoundQuery, list[Row], T]
"""Something that asks questions one after the other, is sent the rows of each, and returns what came of them."""


class BytesLoader(TextBinaryLoader):
    """Text passed on as the bytes it arrived in: nothing is decoded only to be encoded again."""

    def load(self, data: Any) -> bytes:
        """Take the bytes as they are."""
        return bytes(data)


class ConnectionLost(psycopg.OperationalError):
    """The connection went while it was asked; whether the server has heard the question is not known."""


class Connection:
    """One connection, asked one question at a time. After any fault it is closed, so that nothing is left of it."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection, self._raw = connection, connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._plans: dict[tuple[bytes, str, tuple[int, ...]], bytes] = {}
        self._numbers = count()
        self._rows: pq.abc.PGresult | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._blocked = self._finished = False
        connection.adapters.register_loader("text", BytesLoader)
        self._raw.nonblocking = 1
        self._raw.enter_pipeline_mode()
        self._loop.add_reader(self._raw.socket, self._on_readable)

    @property
    def closed(self) -> bool:
        """Whether it can be asked no more."""
        return self._finished or self._raw.status != pq.ConnStatus.OK

    async def execute(self, context: Mapping[str, bytes], context_sql: str, query: BoundQuery) -> list[Row]:
        """The rows of one question, asked in a context of its own."""
        transformer: abc.Transformer = Transformer(self._connection)
        try:
            self._send(transformer, context, context_sql, query)
            self._waiting = self._loop.create_future()
            self._flush()
            await self._waiting
        except BaseException:
            self.close()
            raise
        finally:
            self._waiting = None
        found, self._rows = self._rows, None
        transformer.set_pgresult(found)
        return transformer.load_rows(0, found.ntuples, tuple) if found else []

    def _send(
        self, transformer: abc.Transformer, context: Mapping[str, bytes], context_sql: str, query: BoundQuery
    ) -> None:
        sql, names = numbered_placeholders(query.sql)
        values = transformer.dump_sequence([query.values[name] for name in names], [PyFormat.AUTO] * len(names))
        types, formats = transformer.types or (), transformer.formats
        placed, order = numbered_placeholders(context_sql)
        self._send_prepared(b"", placed, [context[name] for name in order])
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
        """Ask a statement whose plan this connection keeps, for each role apart."""
        key = (role, sql, tuple(types))
        name = self._plans.pop(key, None)
        if name is None:
            if len(self._plans) >= MAX_PREPARED_STATEMENTS:
                longest_unused = self._plans.pop(next(iter(self._plans)))
                self._raw.send_query_params(b"deallocate " + longest_unused, None)
            name = f"p{next(self._numbers)}".encode()
            self._raw.send_prepare(name, sql.encode(), types or None)
        self._plans[key] = name  # the last asked stands last
        self._raw.send_query_prepared(name, values, formats, pq.Format.BINARY)

    def _flush(self) -> None:
        """Send what does not yet fit into the socket as soon as it does."""
        if self._raw.flush():
            self._loop.add_writer(self._raw.socket, self._flush)
            self._blocked = True
        elif self._blocked:
            self._loop.remove_writer(self._raw.socket)
            self._blocked = False

    def _on_readable(self) -> None:
        """Take in what PostgreSQL has sent; at the end of the pipeline wake whoever waits."""
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
                    self._rows = result  # those of the context first, then those of the question
        except psycopg.OperationalError as gone:
            waited = self._waiting is not None
            self.close()
            if waited:
                self._resolve(ConnectionLost(str(gone)))

    def _resolve(self, error: Exception | None = None) -> None:
        if self._waiting is None or self._waiting.done():
            return
        if error is None:
            self._waiting.set_result(None)
        else:
            self._waiting.set_exception(error)

    def close(self) -> None:
        """End the connection at once; a question under way ends in PostgreSQL by itself."""
        if not self._finished:
            self._finished = True
            with suppress(psycopg.Error, RuntimeError, ValueError, OSError):  # the loop may be gone before us
                self._loop.remove_reader(self._raw.socket)
                self._loop.remove_writer(self._raw.socket)
            self._raw.finish()


class ConnectionPool:
    """As many connections as are asked at once, up to ``most``. They live in the event loop that made them."""

    def __init__(self, settings: Mapping[str, Any], max_size: int) -> None:
        self._settings = dict(settings)
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(max_size)

    async def execute(self, context: Mapping[str, bytes], context_sql: str, query: BoundQuery) -> list[Row]:
        """The rows of a question. One that met a connection which had died meanwhile is asked once more on a new one.

        Raises ``Unavailable`` when every connection stays taken, ``psycopg.Error`` for what PostgreSQL refuses.
        """
        if self._slots.locked():
            try:
                async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                    await self._slots.acquire()
            except TimeoutError:
                raise Unavailable(BUSY_TEXT) from None
        else:
            await self._slots.acquire()
        line: Connection | None = None
        try:
            while self._idle and line is None:
                line = self._idle.pop()
                if line.closed:
                    line.close()
                    line = None
            try:
                if line is not None:
                    return await line.execute(context, context_sql, query)
            except ConnectionLost:
                pass
            line = await self._open()
            return await line.execute(context, context_sql, query)
        finally:
            if line is not None and not line.closed:
                self._idle.append(line)
            self._slots.release()

    async def _open(self) -> Connection:
        return Connection(await psycopg.AsyncConnection.connect(**self._settings, autocommit=True))

    def close(self) -> None:
        """End what nobody is asking."""
        while self._idle:
            self._idle.pop().close()


@lru_cache(1000)
def numbered_placeholders(sql: str) -> tuple[str, list[str]]:
    """A statement in PostgreSQL's own words: ``%(name)s`` as ``$1`` …, and the names in that order."""
    names: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}" if found[1] else "%"

    return PLACEHOLDER.sub(place, sql), list(names)
