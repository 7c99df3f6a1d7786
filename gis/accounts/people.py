"""People: creating accounts, inviting, assigning roles, changing passwords and closing accounts."""

import datetime as dt
import secrets
import unicodedata
import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis.accounts import passwords
from gis.accounts.models import INVITATION_LIFETIME, LOGIN_NAME, PERSON_IS_ACTIVE, Person, RoleAssignment, digest
from gis.accounts.sign_ins import sign_out_everywhere
from gis.db.actors import application_actors
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
    """A login name as it is stored: NFKC, lower case, without surrounding blanks."""
    return unicodedata.normalize("NFKC", name).strip().lower()


EVER_HAD_ADMINISTRATOR = "select exists (select from app.appointments where role = 'administrator')"
"""Whether anyone ever had the role of administrator.

From then on everyone has to sign in, also when no administrator is left.
"""


def has_administrator(session: Session) -> bool:
    """Whether an active person has the role of administrator, including changes of this transaction."""
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
    """Every account with its role, without secrets; closed accounts come last."""
    return [dict(row) for row in session.execute(text(SELECT_PEOPLE)).mappings()]


def find_person(session: Session, name: str) -> Person | None:
    """Select the active person with this login name."""
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
    common_words: Iterable[str] = (),
    second_factor: str | None = None,
) -> Person:
    """Create an account with a role. ``common_words`` is as for ``passwords.validate_and_hash_password``.

    Raises ``Invalid`` for a malformed, reserved or taken name, a taken subject and a weak password.
    """
    name = normalize_login_name(name)
    if not LOGIN_NAME.fullmatch(name):
        raise invalid(
            "name",
            "name",
            "Tên đăng nhập gồm 2 đến 40 chữ thường không dấu, chữ số, dấu chấm, gạch",
            "A login name has 2 to 40 lower-case letters without diacritics, digits, dots, dashes or underscores",
        )
    if name in application_actors:
        raise invalid("name", "reserved", "Tên này dành riêng cho hệ thống", "This name is reserved for the system")
    if session.query(Person).filter_by(name=name).one_or_none() is not None:
        raise invalid("name", "taken", "Tên này đã được sử dụng", "This name is already in use")
    if subject and session.query(Person).filter_by(subject=subject).one_or_none() is not None:
        raise invalid("subject", "taken", "Mã định danh này đã được sử dụng", "This subject is already in use")
    hashed = (
        passwords.validate_and_hash_password(password, name, title, unit, common_words=common_words)
        if password
        else None
    )
    person = Person(
        name=name,
        title=title,
        subject=subject or None,
        password=hashed,
        second_factor=second_factor,
    )
    session.add(person)
    session.flush()
    session.add(RoleAssignment(person_id=person.id, role=role, unit=unit))
    session.flush()
    return person


def invite(session: Session, person_id: uuid.UUID) -> tuple[str, dt.datetime]:
    """Invite a person to choose a password; returns the secret for the link and when it expires.

    Removes the present password and ends every session. Raises ``Missing`` when there is no active person of this id.
    """
    person = get_active_person(session, person_id)
    secret = secrets.token_urlsafe(32)
    until = dt.datetime.now(dt.UTC) + INVITATION_LIFETIME
    person.password, person.invitation, person.invited_until = None, digest(secret), until
    person.failures, person.blocked_until = 0, None
    sign_out_everywhere(session, person_id)
    session.flush()
    return secret, until


def change_password(session: Session, person_id: uuid.UUID, password: str, common_words: Iterable[str] = ()) -> None:
    """Set a new password and end every session; ``common_words`` as for ``passwords.validate_and_hash_password``.

    Raises ``Missing`` when there is no active person of this id, ``Invalid`` for a weak password.
    """
    person = get_active_person(session, person_id)
    context = password_context(session, person)
    hashed = passwords.validate_and_hash_password(password, *context, common_words=common_words)
    person.password, person.invitation, person.invited_until = hashed, None, None
    sign_out_everywhere(session, person_id)
    session.flush()


def password_context(session: Session, person: Person) -> tuple[str | None, ...]:
    """What is generally known of a person, and so weak as a password: name, job title and unit."""
    unit = session.query(RoleAssignment.unit).filter_by(person_id=person.id, valid_to=None).scalar()
    return person.name, person.title, unit


def get_active_person(session: Session, person_id: uuid.UUID) -> Person:
    """Select the active person of this id for update. Raises ``Missing`` when there is none."""
    person = session.query(Person).filter(Person.id == person_id, PERSON_IS_ACTIVE).with_for_update().one_or_none()
    if person is None:
        raise Missing(ACCOUNT_NOT_FOUND)
    return person


def assign_role(session: Session, person_id: uuid.UUID, role: str, unit: str | None, title: str | None = None) -> None:
    """Give a person another role, unit and job title: the open assignment ends now, and a new one begins.

    Raises ``Missing`` when there is no active person of this id, ``Conflict`` when no administrator would be left.
    """
    person = get_active_person(session, person_id)
    person.title = title
    now = session.execute(text("select clock_timestamp()")).scalar_one()
    for assignment in session.query(RoleAssignment).filter_by(person_id=person_id, valid_to=None):
        assignment.valid_to = now
    session.flush()
    session.add(RoleAssignment(person_id=person_id, role=role, unit=unit, valid_from=now))
    session.flush()
    _require_administrator(session)


def close_account(session: Session, person_id: uuid.UUID) -> None:
    """Close an account and end its sessions. Raises as ``assign_role`` does."""
    person = get_active_person(session, person_id)
    person.invitation = person.invited_until = None
    person.valid_to = session.execute(text("select clock_timestamp()")).scalar_one()
    sign_out_everywhere(session, person_id)
    _require_administrator(session)


def _require_administrator(session: Session) -> None:
    """Raise ``Conflict`` if this transaction leaves no administrator."""
    session.flush()
    # Serialise: when two administrators close each other's accounts at once, the second must see the first change.
    session.execute(text("select pg_advisory_xact_lock(hashtext('cotmoc administrators'))"))
    if not has_administrator(session):
        raise Conflict(Text("Phải còn ít nhất một quản trị viên", "At least one administrator must remain"))
