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

from gis.model.fields import SCHEMA
from gis.model.record import Record, datetime_column, key_column

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

JOURNAL_FUNCTIONS = """
create or replace function app.account_told(stored jsonb) returns jsonb language sql immutable parallel safe
    set search_path = pg_catalog as $$
    select $1 - '{SECRETS}'::text[] - '{UNSTEADY}'::text[] || coalesce((
        select jsonb_build_object('fingerprint',
            encode(sha256(convert_to(jsonb_object_agg(key, value)::text, 'UTF8')), 'hex'))
        from jsonb_each($1) where key = any('{SECRETS}') having count(*) > 0), '{}')
$$;
revoke all on function app.account_told from public;

create or replace function app.remember_account() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    was jsonb := case when TG_OP <> 'INSERT' then to_jsonb(OLD) end;
    is_now jsonb := case when TG_OP <> 'DELETE' then to_jsonb(NEW) end;
    before jsonb := app.account_told(was);
    after jsonb := app.account_told(is_now);
    hidden text;
begin
    foreach hidden in array '{SECRETS}'::text[] loop
        if was->hidden is distinct from is_now->hidden and TG_OP = 'UPDATE' then
            after := after || jsonb_build_object(hidden, 'changed');
        end if;
    end loop;
    if before is distinct from after then
        perform app.write_journal(TG_TABLE_NAME::text, coalesce(NEW.id, OLD.id), lower(TG_OP), before, after);
    end if;
    return null;
end $$;
""".replace("{SECRETS}", f"{{{','.join(SECRET_COLUMNS)}}}").replace(
    "{UNSTEADY}", f"{{{','.join(BOOKKEEPING_COLUMNS)}}}"
)
"""SQL of the trigger function that journals accounts; ``gis.schema.grants`` installs it with the login's grants.

Of a row's secrets the journal contains one SHA-256 over their stored values, which are hashes or long random values
themselves. It reveals no secret, and verification detects a stored value that was replaced.
"""


def account_triggers() -> str:
    """SQL of the function and of the triggers of every account table; idempotent."""
    return "\n".join(
        [
            JOURNAL_FUNCTIONS,
            *(
                f"create or replace trigger remember after insert or update or delete on app.{table}"
                " for each row execute function app.remember_account();"
                f" create or replace trigger no_truncate before truncate on app.{table}"
                " for each statement execute function app.refuse_truncate();"
                for table in ACCOUNT_TABLES
            ),
        ]
    )


def digest(secret: str) -> str:
    """The SHA-256 under which a random secret is stored; one that is long and random needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


PERSON_IS_ACTIVE = text("(people.valid_to is null or people.valid_to > now())")
