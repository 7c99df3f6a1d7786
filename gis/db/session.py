"""Transactions in the name of an actor.

``with database.transaction(actor) as session`` begins a transaction, sets the PostgreSQL role and the context of the
actor with one statement, READ ONLY unless ``write`` is true, and commits at the end; an error rolls back. PostgreSQL
then enforces row policies and column grants, and its triggers journal every change under the actor's name.
"""

import datetime as dt
import logging
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session as OrmSession, SessionTransaction

from gis.db.actors import Actor
from gis.db.pool import BoundQuery, BytesLoader, LoginPool, Row
from gis.db.reader import AccessLogEntry, PooledReader, Reader, result_of
from gis.db.refusals import PARTNERS_NOT_SERVED_TEXT, TOO_MANY_DOWNLOADS_TEXT, translate_database_errors
from gis.db.semaphore import SharedSemaphore
from gis.model.as_of import set_as_of, setting_of
from gis.text.errors import Forbidden, Unavailable
from gis.text.i18n import Text

log = logging.getLogger(__name__)

OWNER_ROLE = "cotmoc_owner"
PUBLISHER = "cotmoc_publisher"
"""The role that publishes: it reads at level ``partner``; beside the owner it alone may write schema ``release``."""

READER_LOGIN = "cotmoc_reader"
WRITER_LOGIN = "cotmoc_writer"
ACCOUNTS_LOGIN = "cotmoc_door"
SEALER_LOGIN = "cotmoc_sealer"
PARTNER_LOGIN = "cotmoc_partner"
LOGINS = (READER_LOGIN, WRITER_LOGIN, ACCOUNTS_LOGIN, SEALER_LOGIN, PARTNER_LOGIN)
"""The application's logins. None owns an object or is a member of another.

One reads and one writes; the accounts login has access to the accounts only, the sealer's to the journal only, and
partners are served through a login that has access to released data only.
"""

STATEMENT_TIMEOUT = "30s"
LOCK_TIMEOUT = "3s"
CONNECTION_SETTINGS = {
    "options": f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC"
    " -c max_parallel_workers_per_gather=0",
    "connect_timeout": 5,
}
"""Settings of every pooled connection.

Parallel workers are off: queries are many and small, and starting a worker costs more than it saves.
"""

MAX_DOWNLOADS = 20
"""The number of simultaneous downloads of all processes; they use connections outside of the pools."""

DOWNLOAD_TIMEOUT = "30min"
"""A download lasts as long as the client takes to read it; the limit is there because its snapshot delays VACUUM."""


CONTEXT_SETTINGS = {
    "role": "role",
    "actor": "cotmoc.actor",
    "unit": "cotmoc.unit",
    "recipient": "cotmoc.recipient",
    "releases": "cotmoc.releases",
    "reason": "cotmoc.reason",
    "request": "cotmoc.request",
    "device_at": "cotmoc.device_at",
    "as_of": "cotmoc.as_of",
    "read_only": "transaction_read_only",
}
"""The settings of PostgreSQL that make up the context of a transaction, by the name of their parameter.

Every transaction sets all of them, for itself only, so that nothing of the previous transaction remains.
"""


def _set_context_sql(placeholder: str) -> str:
    """The statement that sets the context, with placeholders of this form."""
    settings = (
        f"set_config('{setting}', {placeholder.format(name)}, true)" for name, setting in CONTEXT_SETTINGS.items()
    )
    return f"select {', '.join(settings)}"


SET_CONTEXT = text(_set_context_sql(":{}"))
DRIVER_SET_CONTEXT = _set_context_sql("%({})s")


class Session(OrmSession):
    """A transaction in the name of an actor: a ``Reader`` that runs queries on its connection, without suspending.

    It cannot begin a transaction without the context of the actor (``_set_context``).
    """

    def __init__(self, engine: Engine, actor: Actor, context: Mapping[str, str]) -> None:
        super().__init__(engine, expire_on_commit=False, autoflush=True)
        self.actor, self.context = actor, context
        self.entries: list[AccessLogEntry] = []

    async def fetch(self, query: BoundQuery) -> list[Row]:
        """The rows of a query, with texts as bytes."""
        with self.driver_connection(query.as_of).cursor(binary=True) as cursor:
            cursor.adapters.register_loader("text", BytesLoader)
            cursor.execute(query.sql, query.values, prepare=None if query.prepared else False)
            return cursor.fetchall() if cursor.description else []

    def record_access(self, entry: AccessLogEntry) -> None:
        """Keep an entry until the transaction has ended."""
        self.entries.append(entry)

    def driver_connection(self, as_of: dt.datetime | None = None) -> psycopg.Connection[Any]:
        """The psycopg connection of this transaction, for rows that go to the response without the ORM.

        SQL that was composed for a moment of the past has to be executed with that moment as ``as_of``.
        """
        if as_of is not None:
            set_as_of(self, as_of)
        return self.connection().connection.driver_connection  # type: ignore[return-value]


@event.listens_for(Session, "after_begin")
def _set_context(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    """Set role and context at the beginning of every transaction, also of one after a commit within a request."""
    connection.execute(SET_CONTEXT, session.context)


class Database:
    """The connection pools of the reading, the writing and the partners' login.

    Without ``partner_url`` requests of partners raise ``Unavailable``.
    """

    def __init__(self, reader_url: str, writer_url: str, partner_url: str | None = None, *, pool_size: int = 8) -> None:
        settings = {
            "pool_size": pool_size,
            "max_overflow": pool_size,
            "pool_timeout": 5,
            "pool_pre_ping": True,
            "hide_parameters": True,
            "pool_reset_on_return": "rollback",
            "connect_args": dict(CONNECTION_SETTINGS),
        }
        self._request: str | None = None
        self._device_at: str | None = None
        self._download_slots = SharedSemaphore(MAX_DOWNLOADS)
        self._pool_limit = 2 * pool_size
        self._reader = create_engine(reader_url, **settings)
        self._writer = create_engine(writer_url, **settings)
        self._partner = create_engine(partner_url, **settings) if partner_url else None
        engines = [engine for engine in (self._reader, self._writer, self._partner) if engine is not None]
        self._pools = {engine: login_pool(engine, self._pool_limit, CONNECTION_SETTINGS) for engine in engines}

    def for_request(self, request: str, device_at: str | None = None) -> "Database":
        """A copy that journals changes with the id of a request and the time on the device that sent it."""
        bound = Database.__new__(Database)
        vars(bound).update(vars(self), _request=request, _device_at=device_at)
        return bound

    @contextmanager
    def transaction(
        self,
        actor: Actor,
        *,
        write: bool = False,
        reason: str | None = None,
        request: str | None = None,
        device_at: str | None = None,
    ) -> Iterator[Session]:
        """A transaction in the name of ``actor``: committed at the end, rolled back on an error.

        If restricted records were read, they are written to the access log when the block ends, in another transaction
        before control returns. Raises ``Forbidden`` if ``write`` is true and the actor may not edit, and translates
        database errors into refusals.
        """
        if write and not actor.may_edit:
            raise Forbidden(Text("Tài khoản không có quyền sửa", "You may not edit"))
        with translate_database_errors():
            engine = self._writer if write else self._read_engine(actor)
            context = _context(actor, write, reason, request or self._request, device_at or self._device_at)
            with Session(engine, actor, context) as session, session.begin():
                yield session
            if session.entries:
                self.record_access(actor, session.entries, request)

    @asynccontextmanager
    async def reader(self, actor: Actor) -> AsyncIterator[Reader]:
        """A reader on the event loop in the name of ``actor``, whose queries are a transaction of one round trip each.

        As in ``transaction``, restricted records that were read are written to the access log when the block ends,
        before control returns, and database errors are translated into refusals.
        """
        with translate_database_errors():
            pool, context = self._pools[self._read_engine(actor)], _context(actor)

            def execute(query: BoundQuery) -> Awaitable[list[Row]]:
                return pool.execute(DRIVER_SET_CONTEXT, {**context, "as_of": setting_of(query.as_of)}, query)

            reader = PooledReader(actor, execute)
            try:
                yield reader
            finally:
                reader.closed = True
            for entry in reader.entries:
                await self._pools[self._writer].execute(DRIVER_SET_CONTEXT, self._journal_context(actor), entry.query())

    def record_access(self, actor: Actor, entries: Sequence[AccessLogEntry], request: str | None = None) -> None:
        """Write entries to the access log, in a transaction of its own, before ``actor`` gets the data."""
        context = self._journal_context(actor, request)
        with translate_database_errors(), Session(self._writer, actor, context) as session, session.begin():
            for entry in entries:
                result_of(session.fetch(entry.query()))

    def _journal_context(self, actor: Actor, request: str | None = None) -> dict[str, str]:
        """The context for the access log: no role, since the writing login itself may execute the function."""
        return {**_context(actor, True, None, request or self._request, self._device_at), "role": "none"}

    @contextmanager
    def download_slot(self) -> Iterator[None]:
        """Occupy a download slot. Raises ``Unavailable`` immediately if none is free."""
        with self._download_slots.acquire() as acquired:
            if not acquired:
                raise Unavailable(TOO_MANY_DOWNLOADS_TEXT)
            yield

    @asynccontextmanager
    async def download_connection(
        self, actor: Actor, as_of: dt.datetime | None = None
    ) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A download slot and a connection with a read-only snapshot (REPEATABLE READ) in the name of ``actor``.

        If the client disconnects, the connection is closed, and PostgreSQL, which checks for its client every 500 ms,
        ends the query. Raises ``Unavailable`` immediately if no slot is free.
        """
        with self.download_slot(), translate_database_errors():
            connection = await psycopg.AsyncConnection.connect(**self._download_settings(actor))
            try:
                await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
                await connection.set_read_only(True)
                await connection.execute(DRIVER_SET_CONTEXT, {**_context(actor), "as_of": setting_of(as_of)})
                yield connection
            finally:
                await connection.close()  # does not suspend, so a cancelled task closes it too

    def _read_engine(self, actor: Actor) -> Engine:
        """The engine of the login through which this actor reads."""
        if not actor.role.external:
            return self._reader
        if self._partner is None:
            raise Unavailable(PARTNERS_NOT_SERVED_TEXT)
        return self._partner

    def _download_settings(self, actor: Actor) -> dict[str, Any]:
        """The driver's connection parameters for a download by this actor."""
        engine = self._read_engine(actor)
        parameters = engine.dialect.create_connect_args(engine.url)[1]
        options = (
            f"-c statement_timeout={DOWNLOAD_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC"
            " -c client_connection_check_interval=500ms"
        )
        return {**parameters, "options": options, "connect_timeout": 5}

    def dispose(self) -> None:
        """Close all pooled connections."""
        for pool in self._pools.values():
            pool.close()
        self._reader.dispose()
        self._writer.dispose()
        if self._partner is not None:
            self._partner.dispose()


def login_pool(engine: Engine, max_size: int, settings: Mapping[str, Any]) -> LoginPool:
    """The pipelined connections of the login of an engine, with these settings of the driver."""
    return LoginPool({**engine.dialect.create_connect_args(engine.url)[1], **settings}, max_size)


def _context(
    actor: Actor,
    write: bool = False,
    reason: str | None = None,
    request: str | None = None,
    device_at: str | None = None,
) -> dict[str, str]:
    """The parameters of ``SET_CONTEXT``; an empty text stands for no value."""
    return {
        "role": actor.role.write_role if write else actor.role.read_role,
        "actor": actor.name,
        "unit": actor.unit or "",
        "recipient": actor.recipient or "",
        "releases": f"{{{','.join(actor.releases)}}}" if actor.releases else "",
        "reason": reason or "",
        "request": request or "",
        "device_at": device_at or "",
        "as_of": setting_of(None),
        "read_only": "off" if write else "on",
    }
