"""Accounts: who may come in, in which post, with which password, second factor or token.

A person holds one post at a time, each from when to when; posts are added, never changed, so it stays readable who
was what. Passwords are kept as Argon2id hashes, sign-ins and tokens as SHA-256 of a random secret. A login of its own
(``cotmoc_door``) reads these tables, and no other login does; every change of them is journalled without its secrets.
"""

import datetime as dt
import hashlib
import ipaddress
import secrets
import time
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import BoundedSemaphore
from typing import Any

import pyotp
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Text as SqlText,
    create_engine,
    text,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.database import LOCK_TIMEOUT, refusing_like_the_house
from gis.errors import Conflict, Missing, TooMany, Unauthenticated, invalid
from gis.fields import SCHEMA
from gis.language import Text
from gis.layer import Record

TABLES = ("people", "appointments", "sign_ins", "tokens")

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
IDLE = dt.timedelta(minutes=30)
LONGEST_SIGN_IN = dt.timedelta(hours=12)
LONGEST_TOKEN = dt.timedelta(days=180)
SEEN_EVERY_S = 60
FREE_FAILURES = 5
"""After so many wrong passwords each further attempt waits twice as long as the one before, but never for good."""

LONGEST_DELAY_S = 900
HASHING = BoundedSemaphore(2)
"""Argon2id takes memory on purpose: at most two at once, or signing in would be a way to exhaust the machine."""


def _moment(**options: Any) -> Any:
    return mapped_column(DateTime(timezone=True), **options)


def _key() -> Any:
    return mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)


class Person(Record):
    """Somebody who signs in. ``name`` is the login name that stands in the journal; ``title`` names the post."""

    __tablename__ = "people"
    __table_args__ = (CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{1,39}$'", name="name"),)

    id: Mapped[uuid.UUID] = _key()
    name: Mapped[str] = mapped_column(SqlText, unique=True)
    title: Mapped[str | None] = mapped_column(SqlText)
    password: Mapped[str | None] = mapped_column(SqlText)
    second_factor: Mapped[str | None] = mapped_column(SqlText)
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    subject: Mapped[str | None] = mapped_column(SqlText, unique=True)
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    blocked_until: Mapped[dt.datetime | None] = _moment()
    valid_from: Mapped[dt.datetime] = _moment(server_default=text("clock_timestamp()"))
    valid_to: Mapped[dt.datetime | None] = _moment()


class Appointment(Record):
    """A post somebody holds in a unit from when to when."""

    __tablename__ = "appointments"
    __table_args__ = (
        Index("uq_appointments_person_id", "person_id", unique=True, postgresql_where=text("valid_to is null")),
    )

    id: Mapped[uuid.UUID] = _key()
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.people.id"))
    role: Mapped[str] = mapped_column(SqlText)
    unit: Mapped[str | None] = mapped_column(SqlText)
    valid_from: Mapped[dt.datetime] = _moment(server_default=text("clock_timestamp()"))
    valid_to: Mapped[dt.datetime | None] = _moment()


class SignIn(Record):
    """One browser's sign-in, known by the hash of its cookie."""

    __tablename__ = "sign_ins"

    id: Mapped[uuid.UUID] = _key()
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(f"{SCHEMA}.people.id"), index=True)
    secret: Mapped[str] = mapped_column(SqlText, unique=True)
    csrf: Mapped[str] = mapped_column(SqlText)
    began_at: Mapped[dt.datetime] = _moment(server_default=text("clock_timestamp()"))
    seen_at: Mapped[dt.datetime] = _moment(server_default=text("clock_timestamp()"))
    ended_at: Mapped[dt.datetime | None] = _moment()


class Token(Record):
    """A machine's way in, in a role: what it may do (``scopes``), from where, until when.

    A partner's token names its ``recipient`` and reads what was released to it, nothing else.
    """

    __tablename__ = "tokens"

    id: Mapped[uuid.UUID] = _key()
    name: Mapped[str] = mapped_column(SqlText, unique=True)
    secret: Mapped[str] = mapped_column(SqlText)
    role: Mapped[str] = mapped_column(SqlText)
    unit: Mapped[str | None] = mapped_column(SqlText)
    recipient: Mapped[str | None] = mapped_column(SqlText)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(SqlText))
    networks: Mapped[list[str] | None] = mapped_column(ARRAY(SqlText))
    made_by: Mapped[str] = mapped_column(SqlText)
    made_at: Mapped[dt.datetime] = _moment(server_default=text("clock_timestamp()"))
    expires_at: Mapped[dt.datetime] = _moment()
    used_at: Mapped[dt.datetime | None] = _moment()
    used_from: Mapped[str | None] = mapped_column(SqlText)
    revoked_at: Mapped[dt.datetime | None] = _moment()


SURFACE = """
create or replace function app.remember_account() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    before jsonb := case when TG_OP <> 'INSERT' then to_jsonb(OLD) end;
    after jsonb := case when TG_OP <> 'DELETE' then to_jsonb(NEW) end;
    hidden text;
begin
    -- A secret is never written down a second time; that it has changed is.
    foreach hidden in array array['password', 'second_factor', 'secret', 'csrf'] loop
        if before ? hidden and after ? hidden and before->hidden is distinct from after->hidden then
            after := jsonb_set(after - hidden, array[hidden], '"changed"');
        else
            after := after - hidden;
        end if;
        before := before - hidden;
    end loop;
    before := before - array['failures', 'blocked_until', 'seen_at', 'used_at', 'used_from', 'last_step'];
    after := after - array['failures', 'blocked_until', 'seen_at', 'used_at', 'used_from', 'last_step'];
    if before is distinct from after then
        perform app.write_journal(TG_TABLE_NAME::text, coalesce(NEW.id, OLD.id), lower(TG_OP), before, after);
    end if;
    return null;
end $$;
"""
"""The trigger that journals accounts. ``gis.rights`` puts it in place with the grants of the door."""


def triggers() -> str:
    """The SQL of the function and its triggers, idempotent."""
    return "\n".join(
        [
            SURFACE,
            *(
                f"create or replace trigger remember after insert or update or delete on app.{table}"
                " for each row execute function app.remember_account();"
                f" create or replace trigger no_truncate before truncate on app.{table}"
                " for each statement execute function app.refuse_truncate();"
                for table in TABLES
            ),
        ]
    )


@dataclass(frozen=True)
class Guest:
    """Who has come in, as the door knows it: a name, a post and a unit, and by which way."""

    name: str
    role: str
    unit: str | None = None
    title: str | None = None
    recipient: str | None = None
    person_id: uuid.UUID | None = None
    sign_in_id: uuid.UUID | None = None
    csrf: str | None = None
    scopes: tuple[str, ...] = ()
    has_second_factor: bool = False


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(memory_cost=19456, time_cost=2, parallelism=1),))


@cache
def _nobodys_hash() -> str:
    """What an unknown name's password is compared with, so that it takes as long as a known one's."""
    return _hasher().hash(secrets.token_urlsafe())


def digest(secret: str) -> str:
    """How a random secret is kept: as long as it is random, one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


REFUSED = Text("Tên, mật khẩu hoặc mã không đúng", "The name, the password or the code is wrong")
GONE = Text("Không có tài khoản này", "There is no such account")

WHO = """
select p.name, a.role, a.unit, p.title, p.id as person_id, s.id as sign_in_id, s.csrf,
    p.second_factor is not null as has_second_factor, s.seen_at
from app.sign_ins s join app.people p on p.id = s.person_id
join app.appointments a on a.person_id = p.id and a.valid_from <= now() and (a.valid_to is null or a.valid_to > now())
where s.secret = :secret and s.ended_at is null and s.seen_at > now() - :idle and s.began_at > now() - :longest
    and p.valid_from <= now() and (p.valid_to is null or p.valid_to > now())
order by a.valid_from desc limit 1
"""

WHOSE = """
select id, name, role, unit, recipient, scopes, networks, secret, used_at from app.tokens
where id = :id and revoked_at is null and expires_at > now()
"""


class Accounts:
    """The door's own way into the database."""

    def __init__(self, url: str, *, pool_size: int = 4) -> None:
        options = f"-c statement_timeout=5s -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC"
        self._engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"options": options, "connect_timeout": 5},
        )
        self._exist = False
        self._asked = -1.0

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()

    @contextmanager
    def acting(self, name: str, *, reason: str | None = None, request: str | None = None) -> Iterator[Session]:
        """A transaction at the door in somebody's name: committed at the end, rolled back on an error."""
        context = text(
            "select set_config('cotmoc.actor', :name, true), set_config('cotmoc.reason', :reason, true),"
            " set_config('cotmoc.request', :request, true)"
        )
        with refusing_like_the_house(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            session.execute(context, {"name": name, "reason": reason or "", "request": request or ""})
            yield session

    @property
    def unsure(self) -> bool:
        """Whether ``exist`` would ask the database: once a second until there is an administrator."""
        return not self._exist and time.monotonic() - self._asked > 1

    def exist(self) -> bool:
        """Whether there is an administrator, so that everybody has to sign in."""
        if self.unsure:
            with self.acting("door") as session:
                self._exist = has_administrator(session)
            self._asked = time.monotonic()
        return self._exist

    def signed_in(self, cookie: str) -> Guest | None:
        """Whose sign-in this cookie is, with the post of this very moment."""
        asked = {"secret": digest(cookie), "idle": IDLE, "longest": LONGEST_SIGN_IN}
        with self.acting("door") as session:
            row = session.execute(text(WHO), asked).mappings().one_or_none()
            if row is None:
                return None
            found = dict(row)
            if (dt.datetime.now(dt.UTC) - found.pop("seen_at")).total_seconds() > SEEN_EVERY_S:
                session.execute(
                    text("update app.sign_ins set seen_at = now() where id = :id"), {"id": found["sign_in_id"]}
                )
        return Guest(**found)

    def by_token(self, token: str, address: str) -> Guest | None:
        """Whose token this is, when it is valid and comes from where it may."""
        kind, _, rest = token.partition("_")
        number, _, secret = rest.partition("_")
        try:
            token_id = uuid.UUID(hex=number)
        except ValueError:
            return None
        if kind != "cm" or not secret:
            return None
        with self.acting("door") as session:
            row = session.execute(text(WHOSE), {"id": token_id}).mappings().one_or_none()
            if row is None or not secrets.compare_digest(row["secret"], digest(secret)):
                return None
            if not _inside(address, row["networks"]):
                return None
            used = row["used_at"]
            if used is None or (dt.datetime.now(dt.UTC) - used).total_seconds() > SEEN_EVERY_S:
                session.execute(
                    text("update app.tokens set used_at = now(), used_from = :address where id = :id"),
                    {"id": token_id, "address": address},
                )
        return Guest(
            f"token:{row['name']}", row["role"], row["unit"], recipient=row["recipient"], scopes=tuple(row["scopes"])
        )

    def check(self, name: str, password: str, code: str | None) -> uuid.UUID:
        """The person whose name, password and second factor these are.

        Raises ``Unauthenticated`` in the same words whatever is wrong, and ``TooMany`` with the seconds to wait once a
        name has been tried too often. A failure is counted even though the attempt is refused.
        """
        name = unicodedata.normalize("NFKC", name).strip().lower()
        with self.acting("door") as session:
            person = session.query(Person).filter_by(name=name).one_or_none()
            wait = _wait(person)
        if wait > 0:
            raise TooMany(
                Text(f"Sai nhiều lần, hãy thử lại sau {wait} giây", f"Too many attempts; try again in {wait} seconds"),
                extra={"retry_after": wait},
            )
        with HASHING:
            right = _hasher().verify(password[:LONGEST_PASSWORD], (person and person.password) or _nobodys_hash())
        step = _step(person, code) if right and person else None
        if person is None or not right or person.password is None or (person.second_factor and step is None):
            if person is not None:
                self._count_failure(person.id)
            raise Unauthenticated(REFUSED)
        with self.acting(person.name) as session:
            kept = session.get_one(Person, person.id, with_for_update=True)
            if step is not None and (kept.last_step or 0) >= step:  # a code opens once
                raise Unauthenticated(REFUSED)
            kept.failures, kept.blocked_until, kept.last_step = 0, None, step or kept.last_step
            if _hasher().current_hasher.check_needs_rehash(kept.password or ""):
                kept.password = _hasher().hash(password)
        return person.id

    def _count_failure(self, person_id: uuid.UUID) -> None:
        with self.acting("door") as session:
            person = session.get_one(Person, person_id, with_for_update=True)
            person.failures += 1
            beyond = person.failures - FREE_FAILURES
            if beyond >= 0:
                delay = min(2**beyond, LONGEST_DELAY_S)
                person.blocked_until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=delay)


def _wait(person: Person | None) -> int:
    if person is None or person.blocked_until is None:
        return 0
    return max(0, int((person.blocked_until - dt.datetime.now(dt.UTC)).total_seconds() + 0.999))


def _step(person: Person, code: str | None) -> int | None:
    """The time step that a code belongs to: this one, the one before or the next; None for a wrong code."""
    if not person.second_factor or not code:
        return None
    one = pyotp.TOTP(person.second_factor)
    now = int(time.time()) // one.interval
    return next(
        (step for step in (now, now - 1, now + 1) if secrets.compare_digest(one.generate_otp(step), code.strip())), None
    )


def _inside(address: str, networks: Sequence[str] | None) -> bool:
    if not networks:
        return True
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(here in ipaddress.ip_network(network) for network in networks)


def has_administrator(session: Session) -> bool:
    """Whether anybody holds the post of administrator now."""
    return bool(
        session.execute(
            text(
                "select exists (select from app.people p join app.appointments a on a.person_id = p.id"
                " where a.role = 'administrator' and (a.valid_to is null or a.valid_to > now())"
                " and (p.valid_to is null or p.valid_to > now()))"
            )
        ).scalar()
    )


def hashed(password: str) -> str:
    """A password as it is kept. Raises ``Invalid`` for one that is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise invalid(
            "password",
            "length",
            f"Mật khẩu phải có từ {SHORTEST_PASSWORD} đến {LONGEST_PASSWORD} ký tự",
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
        )
    if len(set(password)) < SHORTEST_PASSWORD // 2:
        raise invalid("password", "weak", "Mật khẩu lặp lại quá nhiều ký tự", "The password repeats itself too much")
    with HASHING:
        return _hasher().hash(password)


def enrol(
    session: Session,
    name: str,
    role: str,
    *,
    unit: str | None = None,
    title: str | None = None,
    password: str | None = None,
    second_factor: str | None = None,
) -> Person:
    """A new person in a post. Raises ``Invalid`` for a name that is none, or taken, and for a weak password."""
    name = unicodedata.normalize("NFKC", name).strip().lower()
    if session.query(Person).filter_by(name=name).one_or_none() is not None:
        raise invalid("name", "taken", "Tên này đã có", "This name is taken")
    person = Person(
        name=name, title=title, password=hashed(password) if password else None, second_factor=second_factor
    )
    session.add(person)
    session.flush()
    session.add(Appointment(person_id=person.id, role=role, unit=unit))
    session.flush()
    return person


def appoint(session: Session, person_id: uuid.UUID, role: str, unit: str | None) -> None:
    """Move somebody to another post at once: the old one ends, the new one begins.

    Raises ``Missing`` for nobody, ``Conflict`` when the last administrator would go.
    """
    person = session.get(Person, person_id)
    if person is None:
        raise Missing(GONE)
    now = session.execute(text("select clock_timestamp()")).scalar_one()
    for held in session.query(Appointment).filter_by(person_id=person_id, valid_to=None):
        held.valid_to = now
    session.flush()
    session.add(Appointment(person_id=person_id, role=role, unit=unit, valid_from=now))
    session.flush()
    _keep_an_administrator(session)


def dismiss(session: Session, person_id: uuid.UUID) -> None:
    """End somebody's account and every sign-in of theirs. Raises like ``appoint``."""
    person = session.get(Person, person_id)
    if person is None:
        raise Missing(GONE)
    person.valid_to = session.execute(text("select clock_timestamp()")).scalar_one()
    sign_out_everywhere(session, person_id)
    _keep_an_administrator(session)


def _keep_an_administrator(session: Session) -> None:
    session.flush()
    if not has_administrator(session):
        raise Conflict(Text("Phải còn ít nhất một quản trị viên", "There must be at least one administrator left"))


def sign_in(session: Session, person_id: uuid.UUID) -> str:
    """Begin a sign-in; gives the secret for the cookie."""
    cookie = secrets.token_urlsafe(32)
    session.add(SignIn(person_id=person_id, secret=digest(cookie), csrf=secrets.token_urlsafe(24)))
    session.flush()
    return cookie


def sign_out(session: Session, sign_in_id: uuid.UUID) -> None:
    """End one sign-in."""
    session.execute(
        text("update app.sign_ins set ended_at = clock_timestamp() where id = :id and ended_at is null"),
        {"id": sign_in_id},
    )


def sign_out_everywhere(session: Session, person_id: uuid.UUID) -> None:
    """End every sign-in of a person."""
    session.execute(
        text("update app.sign_ins set ended_at = clock_timestamp() where person_id = :id and ended_at is null"),
        {"id": person_id},
    )


def issue(
    session: Session,
    name: str,
    role: str,
    *,
    made_by: str,
    days: int,
    scopes: Sequence[str] = ("read",),
    unit: str | None = None,
    recipient: str | None = None,
    networks: Sequence[str] | None = None,
) -> str:
    """A new token; its text is shown once and never again. Raises ``Invalid`` naming what is wrong with it."""
    if not 1 <= days <= LONGEST_TOKEN.days:
        raise invalid(
            "days", "range", f"Hạn dùng từ 1 đến {LONGEST_TOKEN.days} ngày", f"From 1 to {LONGEST_TOKEN.days} days"
        )
    if not set(scopes) <= {"read", "write"} or not scopes:
        raise invalid("scopes", "code", "Phạm vi là read, write", "Scopes are read and write")
    try:
        ranges = [str(ipaddress.ip_network(network)) for network in networks or ()]
    except ValueError:
        raise invalid("networks", "network", "Không phải dải địa chỉ IP", "Not a range of IP addresses") from None
    if session.query(Token).filter_by(name=name).one_or_none() is not None:
        raise invalid("name", "taken", "Tên này đã có", "This name is taken")
    secret = secrets.token_urlsafe(32)
    token = Token(
        name=name,
        secret=digest(secret),
        role=role,
        unit=unit,
        recipient=recipient,
        scopes=list(scopes),
        networks=ranges or None,
        made_by=made_by,
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=days),
    )
    session.add(token)
    session.flush()
    return f"cm_{token.id.hex}_{secret}"


def revoke(session: Session, token_id: uuid.UUID) -> None:
    """Take a token back at once. Raises ``Missing`` for none."""
    token = session.get(Token, token_id)
    if token is None:
        raise Missing(GONE)
    token.revoked_at = session.execute(text("select clock_timestamp()")).scalar_one()
    session.flush()


def may_write(guest: Guest) -> bool:
    """Whether this way in may change anything: every sign-in may as far as its post goes, a token if it says so."""
    return guest.sign_in_id is not None or "write" in guest.scopes
