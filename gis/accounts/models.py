"""Accounts: who may come in, in which post, with which password and second factor.

A person holds one post at a time, each from when to when; posts are added, never changed, so it stays readable who
was what. Passwords are kept as Argon2id hashes, sign-ins and tokens as SHA-256 of a random secret. A login of its own
(``cotmoc_door``) reads these tables and those of tokens (``gis.tokens``), and no other login does; every change of them
is journalled without its secrets.
"""

import datetime as dt
import hashlib
import re
import secrets
import unicodedata
import uuid
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    Text as SqlText,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.accounts import passwords
from gis.model.fields import SCHEMA
from gis.model.layer import Record, datetime_column, key_column
from gis.text.errors import Conflict, Missing, invalid
from gis.text.i18n import Text

ACCOUNT_TABLES = ("people", "appointments", "sign_ins", "recovery_codes", "tokens")
"""What the door reads and the journal remembers."""

SIGN_IN_IDLE_TIMEOUT = dt.timedelta(minutes=30)
SIGN_IN_LIFETIME = dt.timedelta(hours=12)
"""A sign-in ends when nothing has come of it for so long, and when it has lasted so long."""

INVITATION_LIFETIME = dt.timedelta(hours=24)
RECOVERY_CODE_COUNT = 10
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


ACCOUNT_NOT_FOUND = Text("Không có tài khoản này", "There is no such account")
SIGN_IN_NOT_FOUND = Text("Không có phiên đăng nhập này", "There is no such session")

PERSON_IS_ACTIVE = text("(people.valid_to is null or people.valid_to > now())")

SELECT_PEOPLE = """
select p.id, p.name, p.title, a.role, a.unit, a.valid_from as since, p.valid_to as dismissed_at, p.subject,
    p.password is not null as has_password, p.second_factor is not null as has_second_factor,
    case when p.invitation is not null and p.invited_until > now() then p.invited_until end as invited_until,
    (select max(s.seen_at) from app.sign_ins s where s.person_id = p.id) as seen_at
from app.people p left join lateral (
    select * from app.appointments a where a.person_id = p.id order by a.valid_to desc nulls first limit 1) a on true
order by p.valid_to is not null, p.name
"""

SELECT_SIGN_INS = """
select id, began_at, seen_at, device, address,
    ended_at is null and seen_at > now() - :idle and began_at > now() - :longest as holds
from app.sign_ins where person_id = :person and began_at > now() - interval '30 days'
order by 6 desc, began_at desc limit 50
"""


def normalize_login_name(name: str) -> str:
    """A login name as it is kept: in small letters, however it was typed."""
    return unicodedata.normalize("NFKC", name).strip().lower()


def ever_had_administrator(session: Session) -> bool:
    """Whether anybody ever was an administrator: a house whose last one is gone does not open to everybody again."""
    return bool(
        session.execute(text("select exists (select from app.appointments where role = 'administrator')")).scalar()
    )


def has_administrator(session: Session) -> bool:
    """Whether anybody holds the post of administrator now: after what this transaction has changed, too."""
    return bool(
        session.execute(
            text(
                "select exists (select from app.people p join app.appointments a on a.person_id = p.id"
                " where a.role = 'administrator' and (a.valid_to is null or a.valid_to > clock_timestamp())"
                " and (p.valid_to is null or p.valid_to > clock_timestamp()))"
            )
        ).scalar()
    )


def list_people(session: Session) -> list[dict[str, Any]]:
    """Who has an account, in which post, without a secret; those who have gone stand last."""
    return [dict(row) for row in session.execute(text(SELECT_PEOPLE)).mappings()]


def find_person(session: Session, name: str) -> Person | None:
    """The person of this login name who has not gone."""
    return session.query(Person).filter(Person.name == normalize_login_name(name), PERSON_IS_ACTIVE).one_or_none()


def enrol(
    session: Session,
    name: str,
    role: str,
    *,
    unit: str | None = None,
    title: str | None = None,
    subject: str | None = None,
    password: str | None = None,
    second_factor: str | None = None,
) -> Person:
    """A new person in a post. Raises ``Invalid`` for a name that is none, or taken, and for a weak password."""
    name = normalize_login_name(name)
    if not LOGIN_NAME.fullmatch(name):
        raise invalid(
            "name",
            "name",
            "Tên đăng nhập gồm 2 đến 40 chữ thường không dấu, chữ số, dấu chấm, gạch",
            "A login name is 2 to 40 small letters, digits, dots, dashes",
        )
    if session.query(Person).filter_by(name=name).one_or_none() is not None:
        raise invalid("name", "taken", "Tên này đã được sử dụng", "This name is already in use")
    if subject and session.query(Person).filter_by(subject=subject).one_or_none() is not None:
        raise invalid("subject", "taken", "Mã định danh này đã được sử dụng", "This subject is already in use")
    person = Person(
        name=name,
        title=title,
        subject=subject or None,
        password=passwords.validate_and_hash_password(password, name, title, unit) if password else None,
        second_factor=second_factor,
    )
    session.add(person)
    session.flush()
    session.add(RoleAssignment(person_id=person.id, role=role, unit=unit))
    session.flush()
    return person


def invite(session: Session, person_id: uuid.UUID) -> tuple[str, dt.datetime]:
    """A link's secret by which a person chooses a password, once, and until when.

    What password there was ends now, with every sign-in. Raises ``Missing`` for nobody.
    """
    person = get_active_person(session, person_id)
    secret = secrets.token_urlsafe(32)
    until = dt.datetime.now(dt.UTC) + INVITATION_LIFETIME
    person.password, person.invitation, person.invited_until = None, digest(secret), until
    person.failures, person.blocked_until = 0, None
    sign_out_everywhere(session, person_id)
    session.flush()
    return secret, until


def change_password(session: Session, person_id: uuid.UUID, password: str) -> None:
    """A new password; every sign-in ends. Raises ``Missing`` for nobody, ``Invalid`` for a weak one."""
    person = get_active_person(session, person_id)
    chosen = passwords.validate_and_hash_password(password, *password_context(session, person))
    person.password, person.invitation, person.invited_until = chosen, None, None
    sign_out_everywhere(session, person_id)
    session.flush()


def password_context(session: Session, person: Person) -> tuple[str | None, ...]:
    """What everybody knows of a person, and what no password is made of: name, post, unit."""
    unit = session.query(RoleAssignment.unit).filter_by(person_id=person.id, valid_to=None).scalar()
    return person.name, person.title, unit


def offer_second_factor(session: Session, person_id: uuid.UUID) -> tuple[str, str]:
    """A second factor to be confirmed by a code: its secret and its address. Raises ``Missing`` for nobody."""
    person = get_active_person(session, person_id)
    person.offered_factor = passwords.new_second_factor()
    session.flush()
    return person.offered_factor, passwords.provisioning_uri(person.offered_factor, person.name)


def confirm_second_factor(session: Session, person_id: uuid.UUID, code: str) -> None:
    """Take the offered second factor into use; every sign-in ends.

    Raises ``Conflict`` when none is offered, ``Invalid`` for a code that is not its own.
    """
    person = get_active_person(session, person_id)
    if person.offered_factor is None:
        raise Conflict(Text("Chưa tạo mã QR", "No QR code has been made yet"))
    step = passwords.totp_step(person.offered_factor, code)
    if step is None:
        raise invalid("code", "wrong", "Mã không đúng", "The code is wrong")
    person.second_factor, person.offered_factor, person.last_step = person.offered_factor, None, step
    _invalidate_recovery_codes(session, person_id)
    sign_out_everywhere(session, person_id)
    session.flush()


def drop_second_factor(session: Session, person_id: uuid.UUID) -> None:
    """Take away a second factor that was lost, and every sign-in. Raises ``Missing`` for nobody."""
    person = get_active_person(session, person_id)
    person.second_factor = person.offered_factor = person.last_step = None
    _invalidate_recovery_codes(session, person_id)
    sign_out_everywhere(session, person_id)
    session.flush()


def new_recovery_codes(session: Session, person_id: uuid.UUID) -> list[str]:
    """Codes for the day when the telephone is lost, shown once; those from before open no more.

    Raises ``Missing`` for nobody, ``Conflict`` where there is no second factor to stand in for.
    """
    person = get_active_person(session, person_id)
    if person.second_factor is None:
        raise Conflict(Text("Hãy bật xác thực hai lớp trước", "Set up a second factor first"))
    _invalidate_recovery_codes(session, person_id)
    codes = [passwords.new_recovery_code() for _ in range(RECOVERY_CODE_COUNT)]
    session.add_all(
        RecoveryCode(person_id=person_id, secret=digest(passwords.normalize_recovery_code(code))) for code in codes
    )
    session.flush()
    return codes


def use_recovery_code(session: Session, person_id: uuid.UUID, code: str | None) -> bool:
    """Whether this is a recovery code of the person's that has not been used: from now on it has."""
    given = passwords.normalize_recovery_code(code or "")
    spent = session.execute(
        text(
            "update app.recovery_codes set spent_at = clock_timestamp()"
            " where person_id = :person and secret = :secret and spent_at is null"
        ),
        {"person": person_id, "secret": digest(given)},
    )
    return bool(given) and spent.rowcount == 1  # type: ignore[attr-defined]


def _invalidate_recovery_codes(session: Session, person_id: uuid.UUID) -> None:
    session.execute(
        text("update app.recovery_codes set spent_at = clock_timestamp() where person_id = :id and spent_at is null"),
        {"id": person_id},
    )


def count_recovery_codes(session: Session, person_id: uuid.UUID) -> int:
    """How many recovery codes still open."""
    return session.query(RecoveryCode).filter_by(person_id=person_id, spent_at=None).count()


def list_sign_ins(session: Session, person_id: uuid.UUID) -> list[dict[str, Any]]:
    """A person's sign-ins of the last thirty days, those that hold first: since when, from where, on what."""
    asked = {"person": person_id, "idle": SIGN_IN_IDLE_TIMEOUT, "longest": SIGN_IN_LIFETIME}
    return [dict(row) for row in session.execute(text(SELECT_SIGN_INS), asked).mappings()]


def get_active_person(session: Session, person_id: uuid.UUID) -> Person:
    """The person of this id who has not gone, locked until the end. Raises ``Missing`` for nobody."""
    person = session.query(Person).filter(Person.id == person_id, PERSON_IS_ACTIVE).with_for_update().one_or_none()
    if person is None:
        raise Missing(ACCOUNT_NOT_FOUND)
    return person


def assign_role(session: Session, person_id: uuid.UUID, role: str, unit: str | None, title: str | None = None) -> None:
    """Move somebody to another post at once: the old one ends, the new one begins.

    Raises ``Missing`` for nobody, ``Conflict`` when the last administrator would go.
    """
    person = get_active_person(session, person_id)
    person.title = title
    now = session.execute(text("select clock_timestamp()")).scalar_one()
    for held in session.query(RoleAssignment).filter_by(person_id=person_id, valid_to=None):
        held.valid_to = now
    session.flush()
    session.add(RoleAssignment(person_id=person_id, role=role, unit=unit, valid_from=now))
    session.flush()
    _require_administrator(session)


def close_account(session: Session, person_id: uuid.UUID) -> None:
    """End somebody's account and every sign-in of theirs. Raises like ``appoint``."""
    person = get_active_person(session, person_id)
    person.invitation = person.invited_until = None
    person.valid_to = session.execute(text("select clock_timestamp()")).scalar_one()
    sign_out_everywhere(session, person_id)
    _require_administrator(session)


def _require_administrator(session: Session) -> None:
    session.flush()
    # In turn: of two administrators who dismiss each other at once the second finds the first gone.
    session.execute(text("select pg_advisory_xact_lock(hashtext('cotmoc administrators'))"))
    if not has_administrator(session):
        raise Conflict(Text("Phải còn ít nhất một quản trị viên", "There must be at least one administrator left"))


def sign_in(session: Session, person_id: uuid.UUID, *, device: str | None = None, ip_address: str | None = None) -> str:
    """Begin a sign-in from a ``device`` at an ``address``; gives the secret for the cookie."""
    cookie = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            person_id=person_id,
            secret=digest(cookie),
            csrf=secrets.token_urlsafe(24),
            device=device and device[:MAX_DEVICE_LENGTH],
            address=ip_address,
        )
    )
    session.flush()
    return cookie


def sign_out(session: Session, sign_in_id: uuid.UUID) -> None:
    """End one sign-in."""
    session.execute(
        text("update app.sign_ins set ended_at = clock_timestamp() where id = :id and ended_at is null"),
        {"id": sign_in_id},
    )


def sign_out_of_person(session: Session, person_id: uuid.UUID, sign_in_id: uuid.UUID) -> None:
    """End one of a person's own sign-ins. Raises ``Missing`` for one that is not theirs."""
    if session.query(SignIn).filter_by(id=sign_in_id, person_id=person_id).count() == 0:
        raise Missing(SIGN_IN_NOT_FOUND)
    sign_out(session, sign_in_id)


def sign_out_everywhere(session: Session, person_id: uuid.UUID) -> None:
    """End every sign-in of a person."""
    session.execute(
        text("update app.sign_ins set ended_at = clock_timestamp() where person_id = :id and ended_at is null"),
        {"id": person_id},
    )
