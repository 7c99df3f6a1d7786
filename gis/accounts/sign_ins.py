"""Sessions of people: listing, beginning and ending them."""

import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis.accounts.models import MAX_DEVICE_LENGTH, SIGN_IN_IDLE_TIMEOUT, SIGN_IN_LIFETIME, Person, SignIn, digest
from gis.text.errors import Missing
from gis.text.i18n import Text

SIGN_IN_NOT_FOUND = Text("Không có phiên đăng nhập này", "There is no such session")

SELECT_SIGN_INS = """
select id, began_at, seen_at, device, address,
    ended_at is null and seen_at > now() - :idle and began_at > now() - :longest as holds
from app.sign_ins where person_id = :person and began_at > now() - interval '30 days'
order by 6 desc, began_at desc limit 50
"""


def list_sign_ins(session: Session, person_id: uuid.UUID) -> list[dict[str, Any]]:
    """A person's sessions of the last thirty days, open ones first: begin, last request, IP address and device."""
    parameters = {"person": person_id, "idle": SIGN_IN_IDLE_TIMEOUT, "longest": SIGN_IN_LIFETIME}
    return [dict(row) for row in session.execute(text(SELECT_SIGN_INS), parameters).mappings()]


@dataclass(frozen=True)
class StartedSession:
    """What a browser needs of a new session: the secret for its cookie and the CSRF token for its pages."""

    cookie: str
    csrf: str
    name: str


def sign_in(
    session: Session, person: Person, *, device: str | None = None, ip_address: str | None = None
) -> StartedSession:
    """Begin a session of a person; ``device`` is the browser's User-Agent."""
    started = StartedSession(secrets.token_urlsafe(32), secrets.token_urlsafe(24), person.name)
    session.add(
        SignIn(
            person_id=person.id,
            secret=digest(started.cookie),
            csrf=started.csrf,
            device=device and device[:MAX_DEVICE_LENGTH],
            address=ip_address,
        )
    )
    session.flush()
    return started


def sign_out(session: Session, sign_in_id: uuid.UUID) -> None:
    """End a session."""
    session.execute(
        text("update app.sign_ins set ended_at = clock_timestamp() where id = :id and ended_at is null"),
        {"id": sign_in_id},
    )


def sign_out_of_person(session: Session, person_id: uuid.UUID, sign_in_id: uuid.UUID) -> None:
    """End a session of this person. Raises ``Missing`` when it is unknown or another person's."""
    if session.query(SignIn).filter_by(id=sign_in_id, person_id=person_id).count() == 0:
        raise Missing(SIGN_IN_NOT_FOUND)
    sign_out(session, sign_in_id)


def sign_out_everywhere(session: Session, person_id: uuid.UUID) -> None:
    """End every session of a person."""
    session.execute(
        text("update app.sign_ins set ended_at = clock_timestamp() where person_id = :id and ended_at is null"),
        {"id": person_id},
    )
