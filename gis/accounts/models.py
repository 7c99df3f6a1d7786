"""Accounts: who may come in, in which post, with which password and second factor.

A person holds one post at a time, each from when to when; posts are added, never changed, so it stays readable who
was what. Passwords are kept as Argon2id hashes, sign-ins and tokens as SHA-256 of a random secret. A login of its own
(``cotmoc_door``) reads these tables and those of tokens (``gis.tokens``), and no other login does; every change of them
is journalled without its secrets.
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
"""What the door reads and the journal remembers."""

SIGN_IN_IDLE_TIMEOUT = dt.timedelta(minutes=30)
SIGN_IN_LIFETIME = dt.timedelta(hours=12)
"""A sign-in ends when nothing has come of it for so long, and when it has lasted so long."""

INVITATION_LIFETIME = dt.timedelta(hours=24)
MAX_DEVICE_LENGTH = 300
LOGIN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")


class Person(Record):
    """Somebody who signs in. ``name`` is the login name that stands in the journal; ``title`` names the post.

    ``invitation`` is the hash of a link that lets the person choose a password, once; ``offered_factor`` a second
    factor that no code has confirmed yet; ``subject`` who the person is to the identity provider.
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
    """A post somebody holds in a unit from when to when."""

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
    """A code that opens once in place of a second factor that was lost. Kept as its hash."""

    __tablename__ = "recovery_codes"

    id: Mapped[uuid.UUID] = key_column()
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.people.id"), index=True)
    secret: Mapped[str] = mapped_column(SqlText, unique=True)
    made_at: Mapped[dt.datetime] = datetime_column(server_default=text("clock_timestamp()"))
    spent_at: Mapped[dt.datetime | None] = datetime_column()


class SignIn(Record):
    """One browser's sign-in, known by the hash of its cookie; what the browser calls itself, and whence it came."""

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
"""Columns that are never written down a second time; that they have changed is, and a fingerprint of them all."""

BOOKKEEPING_COLUMNS = ("failures", "blocked_until", "seen_at", "used_at", "used_from", "last_step")
"""Columns that only count or say when somebody was last here: not journalled, and so not proven."""

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
"""The trigger that journals accounts. ``gis.rights`` puts it in place with the grants of the door.

What stands in the journal of the secrets is one fingerprint (SHA-256) of what is kept of them, which is hashed or long
and random itself: it opens nothing, and betrays whoever puts another in its place.
"""


def account_triggers() -> str:
    """The SQL of the function and its triggers, idempotent."""
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
    """How a random secret is kept: as long as it is random, one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


PERSON_IS_ACTIVE = text("(people.valid_to is null or people.valid_to > now())")
