"""People: accounts, invitations, roles and their removal."""

import datetime as dt
import secrets
import unicodedata
import uuid
from typing import Any

from sqlalchemy import (
    text,
)
from sqlalchemy.orm import Session

from gis.accounts import passwords
from gis.accounts.models import INVITATION_LIFETIME, LOGIN_NAME, PERSON_IS_ACTIVE, Person, RoleAssignment, digest
from gis.accounts.sign_ins import sign_out_everywhere
from gis.text.errors import Conflict, Missing, invalid
from gis.text.i18n import Text

ACCOUNT_NOT_FOUND = Text("Không có tài khoản này", "There is no such account")

SELECT_PEOPLE = """
select p.id, p.name, p.title, a.role, a.unit, a.valid_from as since, p.valid_to as dismissed_at, p.subject,
    p.password is not null as has_password, p.second_factor is not null as has_second_factor,
    case when p.invitation is not null and p.invited_until > now() then p.invited_until end as invited_until,
    (select max(s.seen_at) from app.sign_ins s where s.person_id = p.id) as seen_at
from app.people p left join lateral (
    select * from app.appointments a where a.person_id = p.id order by a.valid_to desc nulls first limit 1) a on true
order by p.valid_to is not null, p.name
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
