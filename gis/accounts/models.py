"""Tables of people, role assignments, recovery codes and sessions, and the trigger that journals them.

A person has one role at a time. Assignments are added and ended, never changed, so that it stays known who had which
role when. Passwords are stored as Argon2id hashes; the secrets of sessions, invitations, recovery codes and tokens as
SHA-256. Only one database login (``gis.db.session.ACCOUNTS_LOGIN``) may read these tables and those of tokens
(``gis.accounts.tokens``). Every change is journalled without the secrets.
"""

import datetime as dt
import hashlib
import re
import uuid

from psycopg import sql
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    Text as SqlText,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gis.history.triggers import journal_with, no_truncate
from gis.model.fields import SCHEMA
from gis.model.record import Record, datetime_column, key_column
from gis.text.sql_files import SqlFile

ACCOUNT_TABLES = ("people", "appointments", "sign_ins", "recovery_codes", "tokens")
"""Names of the tables that the trigger ``remember_account`` journals."""

SIGN_IN_IDLE_TIMEOUT = dt.timedelta(minutes=30)
SIGN_IN_LIFETIME = dt.timedelta(hours=12)
"""A session ends after so long without a request, and after so long in any case."""

INVITATION_LIFETIME = dt.timedelta(hours=24)
MAX_DEVICE_LENGTH = 300
LOGIN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")


class Person(Record):
    """A user account. ``name`` is the login name, which the journal shows; ``title`` is the job title.

    ``invitation`` is the hash of the secret in a link with which the person chooses a password, once.
    ``offered_factor`` is a second factor that no code has confirmed yet, ``last_step`` the time step of the last code
    used, ``subject`` the person's identifier at the OpenID Connect provider.
    """

    __tablename__ = "people"
    __table_args__ = (CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{1,39}$'", name="name"),)

    id: Mapped[uuid.UUID] = key_column()
    name: Mapped[str] = mapped_column(SqlText, unique=True)
    title: Mapped[str | None] = mapped_column(SqlText)
    password: Mapped[str | None] = mapped_column(SqlText)
    second_factor: Mapped[str | None] = mapped_column(SqlText)
    offered_factor: Mapped[str | None] = mapped_column(SqlText)
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    invitation: Mapped[str | None] = mapped_column(SqlText, unique=True)
    invited_until: Mapped[dt.datetime | None] = datetime_column()
    subject: Mapped[str | None] = mapped_column(SqlText, unique=True)
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    blocked_until: Mapped[dt.datetime | None] = datetime_column()
    valid_from: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))
    valid_to: Mapped[dt.datetime | None] = datetime_column()


class RoleAssignment(Record):
    """A role that a person has, in a unit, from ``valid_from`` to ``valid_to``; at most one is open per person."""

    __tablename__ = "appointments"
    __table_args__ = (
        Index("uq_appointments_person_id", "person_id", unique=True, postgresql_where=text("valid_to is null")),
    )

    id: Mapped[uuid.UUID] = key_column()
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.people.id"))
    role: Mapped[str] = mapped_column(SqlText)
    unit: Mapped[str | None] = mapped_column(SqlText)
    valid_from: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))
    valid_to: Mapped[dt.datetime | None] = datetime_column()


class RecoveryCode(Record):
    """A code that is valid once in place of a lost second factor; ``secret`` is its hash."""

    __tablename__ = "recovery_codes"

    id: Mapped[uuid.UUID] = key_column()
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.people.id"), index=True)
    secret: Mapped[str] = mapped_column(SqlText, unique=True)
    made_at: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))
    spent_at: Mapped[dt.datetime | None] = datetime_column()


class SignIn(Record):
    """A session of one browser: the hash of its cookie, its User-Agent (``device``) and IP address (``address``)."""

    __tablename__ = "sign_ins"

    id: Mapped[uuid.UUID] = key_column()
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.people.id"), index=True)
    secret: Mapped[str] = mapped_column(SqlText, unique=True)
    csrf: Mapped[str] = mapped_column(SqlText)
    device: Mapped[str | None] = mapped_column(SqlText)
    address: Mapped[str | None] = mapped_column(SqlText)
    began_at: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))
    seen_at: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))
    ended_at: Mapped[dt.datetime | None] = datetime_column()


SECRET_COLUMNS = ("password", "second_factor", "offered_factor", "invitation", "secret", "csrf")
"""Columns that the journal does not contain; it notes that one has changed, and a fingerprint of them all."""

BOOKKEEPING_COLUMNS = ("failures", "blocked_until", "seen_at", "used_at", "used_from", "last_step")
"""Columns with counts and times of last use: not journalled, and so not verified."""

SQL = SqlFile(__file__)


def account_triggers() -> list[sql.Composed]:
    """The function that journals accounts, and the triggers of every account table; idempotent."""
    functions = SQL.compose("journal_functions", secrets=list(SECRET_COLUMNS), bookkeeping=list(BOOKKEEPING_COLUMNS))
    return [
        functions,
        *(trigger for table in ACCOUNT_TABLES for trigger in (journal_account_rows(table), no_truncate(table))),
    ]


def journal_account_rows(table: str) -> sql.Composed:
    """The trigger that journals the rows of a table by ``remember_account``."""
    return journal_with("remember_account", table)


def digest(secret: str) -> str:
    """The SHA-256 under which a random secret is stored; one that is long and random needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


PERSON_IS_ACTIVE = text("(people.valid_to is null or people.valid_to > now())")
