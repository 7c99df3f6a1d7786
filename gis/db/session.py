"""Transactions that belong to somebody.

``with database.acting(actor) as session`` begins a transaction, takes the actor's role and context with one
statement, READ ONLY unless ``write`` is asked for, and commits; an error rolls back. PostgreSQL does the rest:
rows by policy, columns by grant, every change into the journal under the actor's name.
"""

import json
import logging
import re
import uuid
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from sqlalchemy import TextClause, create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session as Session, SessionTransaction

from gis.db.actors import Actor
from gis.db.pool import BoundQuery, ConnectionPool, QueryGenerator, T
from gis.db.refusals import PARTNERS_NOT_SERVED_TEXT, TOO_MANY_DOWNLOADS_TEXT, translate_database_errors
from gis.db.shared_memory import SharedSemaphore
from gis.text.errors import Forbidden, Unavailable
from gis.text.i18n import Text

log = logging.getLogger(__name__)

OWNER_ROLE = "cotmoc_owner"
PUBLISHER = "cotmoc_publisher"
"""Sees of the house what a partner may see, and is the only one to write what partners read."""

READER_LOGIN = "cotmoc_reader"
WRITER_LOGIN = "cotmoc_writer"
ACCOUNTS_LOGIN = "cotmoc_door"
SEALER_LOGIN = "cotmoc_sealer"
PARTNER_LOGIN = "cotmoc_partner"
LOGINS = (READER_LOGIN, WRITER_LOGIN, ACCOUNTS_LOGIN, SEALER_LOGIN, PARTNER_LOGIN)
"""The application's logins, none of which owns anything or may take the place of another.

One reads, one writes; the door knows the accounts and nothing else, the sealer the journal and nothing else, and a
partner is served through a login that knows what was released and nothing else.
"""

STATEMENT_TIMEOUT = "30s"
LOCK_TIMEOUT = "3s"
CONNECTION_SETTINGS = {
    "options": f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC"
    " -c max_parallel_workers_per_gather=0",
    "connect_timeout": 5,
}
"""What every pooled connection is opened with.

Many ask at once for little: starting a second process for a box costs more than the box, and takes it from others.
"""

MAX_DOWNLOADS = 20
"""How many downloads are served at once, by all processes; they have connections of their own, nobody else's."""

DOWNLOAD_TIMEOUT = "30min"
"""A download lasts as long as its reader takes to read it, but not for ever: its snapshot holds back the vacuum."""


SET_CONTEXT = text(
    "select set_config('role', :role, true), set_config('cotmoc.actor', :actor, true),"
    " set_config('cotmoc.unit', :unit, true), set_config('cotmoc.recipient', :recipient, true),"
    " set_config('cotmoc.releases', :releases, true),"
    " set_config('cotmoc.reason', :reason, true),"
    " set_config('cotmoc.request', :request, true), set_config('cotmoc.device_at', :device_at, true),"
    " set_config('transaction_read_only', :read_only, true)"
)


def _to_driver_sql(statement: TextClause) -> str:
    """The same statement in the driver's own words."""
    return re.sub(r":(\w+)", r"%(\1)s", statement.text)


DRIVER_SET_CONTEXT = _to_driver_sql(SET_CONTEXT)

JOURNAL_READ = text("select app.journal_read(:layer, :feature_id, :action, cast(:selection as jsonb))")
DRIVER_JOURNAL_READ = _to_driver_sql(JOURNAL_READ)


@dataclass(frozen=True)
class AccessLogEntry:
    """What somebody has been given that is written down: one restricted record, several, or a file.

    ``selection`` says in plain data what was asked for, ``action`` is ``read`` or ``export``.
    """

    layer: str
    selection: Mapping[str, Any]
    feature_id: uuid.UUID | None = None
    action: str = "read"

    def parameters(self) -> dict[str, Any]:
        """What the journal is told of it."""
        selection = json.dumps(self.selection, ensure_ascii=False, default=str)
        return {"layer": self.layer, "feature_id": self.feature_id, "action": self.action, "selection": selection}


class AccessRecorder(Protocol):
    """Where what is to be written down of a reading is noted meanwhile: a session, or the reading's own."""

    @property
    def info(self) -> dict[Any, Any]:
        """Notes by name; ``readings`` holds what is to be journalled."""


class _MemoryRecorder:
    def __init__(self) -> None:
        self.info: dict[Any, Any] = {}


class ActorSession(Session):
    """A session that cannot begin a transaction without an actor."""


@event.listens_for(ActorSession, "after_begin")
def _set_context(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    """Every transaction takes the context anew, also one begun after a commit in the middle of a request."""
    connection.execute(SET_CONTEXT, session.info["context"])


class Database:
    """Pools logged in as roles that own nothing: one that can only read, one that may write, one for partners.

    Without ``partner_url`` nothing is served to partners.
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
        self._pools: dict[tuple[AbstractEventLoop, Engine], ConnectionPool] = {}
        self._pool_limit = 2 * pool_size
        self._reader = create_engine(reader_url, **settings)
        self._writer = create_engine(writer_url, **settings)
        self._partner = create_engine(partner_url, **settings) if partner_url else None

    def for_request(self, request: str, device_at: str | None = None) -> "Database":
        """The same database for one request: the journal names it, and the time on the device that sent it."""
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

        What of the restricted was read in it is written down before anything leaves; who reads nothing of the kind
        causes no write. Raises ``Forbidden`` when the actor may not edit, and turns what the database refuses into
        refusals that carry none of its words.
        """
        if write and not actor.may_edit:
            raise Forbidden(Text("Tài khoản không có quyền sửa", "You may not edit"))
        with translate_database_errors():
            engine = self._writer if write else self._read_engine(actor)
            session = ActorSession(engine, expire_on_commit=False, autoflush=True)
            session.info["context"] = _context(
                actor, write, reason, request or self._request, device_at or self._device_at
            )
            with session, session.begin():
                yield session
            if given := session.info.get("readings"):
                self.record_access(actor, given, request)

    async def run_queries(self, actor: Actor, make_queries: Callable[[AccessRecorder], QueryGenerator[T]]) -> T:
        """What comes of asking in the name of ``actor``, each question in a transaction of one round trip.

        As with ``acting``, what of the restricted was read is written down before anything leaves, and what the
        database refuses turns into refusals that carry none of its words.
        """
        notes = _MemoryRecorder()
        steps = make_queries(notes)
        context = _encoded(_context(actor))
        with translate_database_errors():
            lines = self._pool_of(self._read_engine(actor))
            try:
                question = next(steps)
                while True:
                    question = steps.send(await lines.execute(context, DRIVER_SET_CONTEXT, question))
            except StopIteration as end:
                found: T = end.value
            for one in notes.info.get("readings", ()):
                writing = BoundQuery(DRIVER_JOURNAL_READ, one.parameters(), prepared=True)
                journalling = _encoded(self._journal_context(actor))
                await self._pool_of(self._writer).execute(journalling, DRIVER_SET_CONTEXT, writing)
        return found

    def _pool_of(self, engine: Engine) -> ConnectionPool:
        """The connections of a login by which this event loop asks without a session."""
        key = (get_running_loop(), engine)
        if key not in self._pools:
            settings = engine.dialect.create_connect_args(engine.url)[1]
            self._pools[key] = ConnectionPool({**settings, **CONNECTION_SETTINGS}, self._pool_limit)
        return self._pools[key]

    def record_access(self, actor: Actor, entries: Sequence[AccessLogEntry], request: str | None = None) -> None:
        """Write down what ``actor`` is about to be given, in a short transaction of its own."""
        with translate_database_errors(), ActorSession(self._writer) as session, session.begin():
            session.info["context"] = self._journal_context(actor, request)
            for one in entries:
                session.execute(JOURNAL_READ, one.parameters())

    def _journal_context(self, actor: Actor, request: str | None = None) -> dict[str, str]:
        """The context in which readings are written down: the login itself may do this, and nothing else."""
        return {**_context(actor, True, None, request or self._request, self._device_at), "role": "none"}

    @contextmanager
    def download_slot(self) -> Iterator[None]:
        """One of the places for downloads; ``Unavailable`` at once when all are taken."""
        with self._download_slots.acquire() as taken:
            if not taken:
                raise Unavailable(TOO_MANY_DOWNLOADS_TEXT)
            yield

    @asynccontextmanager
    async def download_connection(self, actor: Actor) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A place for a download and a connection of its own: a read-only snapshot in the name of ``actor``.

        Whoever leaves early closes the connection; PostgreSQL, which looks every half second whether its reader is
        still there, then ends the query by itself. Nothing is awaited on the way out, so a cancelled task leaves too.
        Raises ``Unavailable`` at once when all places are taken.
        """
        with self.download_slot(), translate_database_errors():
            connection = await psycopg.AsyncConnection.connect(**self._download_settings(actor))
            try:
                await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
                await connection.set_read_only(True)
                await connection.execute(DRIVER_SET_CONTEXT, _context(actor))
                yield connection
            finally:
                await connection.close()

    def _read_engine(self, actor: Actor) -> Engine:
        """The pool through which this actor reads."""
        if not actor.role.external:
            return self._reader
        if self._partner is None:
            raise Unavailable(PARTNERS_NOT_SERVED_TEXT)
        return self._partner

    def _download_settings(self, actor: Actor) -> dict[str, Any]:
        """How the driver reaches the actor's login for a download."""
        engine = self._read_engine(actor)
        given = engine.dialect.create_connect_args(engine.url)[1]
        options = (
            f"-c statement_timeout={DOWNLOAD_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC"
            " -c client_connection_check_interval=500ms"
        )
        return {**given, "options": options, "connect_timeout": 5}

    def dispose(self) -> None:
        """Close every pooled connection."""
        for lines in self._pools.values():
            lines.close()
        self._reader.dispose()
        self._writer.dispose()
        if self._partner is not None:
            self._partner.dispose()


def _encoded(context: Mapping[str, str]) -> dict[str, bytes]:
    return {name: value.encode() for name, value in context.items()}


def _context(
    actor: Actor,
    write: bool = False,
    reason: str | None = None,
    request: str | None = None,
    device_at: str | None = None,
) -> dict[str, str]:
    return {
        "role": actor.role.write_role if write else actor.role.read_role,
        "actor": actor.name,
        "unit": actor.unit or "",
        "recipient": actor.recipient or "",
        "releases": f"{{{','.join(actor.releases)}}}" if actor.releases else "",
        "reason": reason or "",
        "request": request or "",
        "device_at": device_at or "",
        "read_only": "off" if write else "on",
    }
