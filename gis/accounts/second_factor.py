"""The second factor: time-based codes and recovery codes."""

import uuid

from sqlalchemy import (
    text,
)
from sqlalchemy.orm import Session

from gis.accounts import passwords
from gis.accounts.models import RecoveryCode, digest
from gis.accounts.people import get_active_person
from gis.accounts.sign_ins import sign_out_everywhere
from gis.text.errors import Conflict, invalid
from gis.text.i18n import Text

RECOVERY_CODE_COUNT = 10


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
