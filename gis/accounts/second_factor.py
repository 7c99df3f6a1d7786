"""The second factor: time-based codes and recovery codes."""

import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis.accounts import passwords
from gis.accounts.models import RecoveryCode, digest
from gis.accounts.people import get_active_person
from gis.accounts.sign_ins import sign_out_everywhere
from gis.text.errors import Conflict, invalid
from gis.text.i18n import Text

RECOVERY_CODE_COUNT = 10


def offer_second_factor(session: Session, person_id: uuid.UUID, issuer: str) -> tuple[str, str]:
    """Store a new second factor until a code confirms it; returns its secret and its ``otpauth:`` URI.

    Raises ``Missing`` when there is no active person of this id.
    """
    person = get_active_person(session, person_id)
    person.offered_factor = passwords.new_second_factor()
    session.flush()
    return person.offered_factor, passwords.provisioning_uri(person.offered_factor, person.name, issuer)


def confirm_second_factor(session: Session, person_id: uuid.UUID, code: str) -> None:
    """Activate the offered second factor, invalidate the old recovery codes and end every session.

    Raises ``Conflict`` when none has been offered, ``Invalid`` for a wrong code.
    """
    person = get_active_person(session, person_id)
    if person.offered_factor is None:
        raise Conflict(Text("Chưa tạo mã QR", "No QR code has been created yet"))
    step = passwords.totp_step(person.offered_factor, code)
    if step is None:
        raise invalid("code", "wrong", "Mã không đúng", "The code is wrong")
    person.second_factor, person.offered_factor, person.last_step = person.offered_factor, None, step
    _invalidate_recovery_codes(session, person_id)
    sign_out_everywhere(session, person_id)
    session.flush()


def drop_second_factor(session: Session, person_id: uuid.UUID) -> None:
    """Remove the second factor and its recovery codes, and end every session.

    Raises ``Missing`` when there is no active person of this id.
    """
    person = get_active_person(session, person_id)
    person.second_factor = person.offered_factor = person.last_step = None
    _invalidate_recovery_codes(session, person_id)
    sign_out_everywhere(session, person_id)
    session.flush()


def new_recovery_codes(session: Session, person_id: uuid.UUID) -> list[str]:
    """Generate ten recovery codes and invalidate the earlier ones; only hashes are stored.

    Raises ``Missing`` when there is no active person of this id, ``Conflict`` when they have no second factor.
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
    """Whether this is an unused recovery code of the person's; marks it as used."""
    normalized = passwords.normalize_recovery_code(code or "")
    spent = session.execute(
        text(
            "update app.recovery_codes set spent_at = clock_timestamp()"
            " where person_id = :person and secret = :secret and spent_at is null"
        ),
        {"person": person_id, "secret": digest(normalized)},
    )
    return bool(normalized) and spent.rowcount == 1  # type: ignore[attr-defined]


def _invalidate_recovery_codes(session: Session, person_id: uuid.UUID) -> None:
    session.execute(
        text("update app.recovery_codes set spent_at = clock_timestamp() where person_id = :id and spent_at is null"),
        {"id": person_id},
    )


def count_recovery_codes(session: Session, person_id: uuid.UUID) -> int:
    """The number of unused recovery codes."""
    return session.query(RecoveryCode).filter_by(person_id=person_id, spent_at=None).count()
