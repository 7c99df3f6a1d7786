"""The door: whose cookie or token this is, whether a password opens, and how long to wait after too many that did not.

It has a login of its own into the database (``cotmoc_door``), which reads accounts and nothing else.
"""

import datetime as dt
import ipaddress
import secrets
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from gis.accounts import passwords, token_usage
from gis.accounts.models import PERSON_IS_ACTIVE, SIGN_IN_IDLE_TIMEOUT, SIGN_IN_LIFETIME, Person, SignIn, digest
from gis.accounts.people import ever_had_administrator, get_active_person, normalize_login_name, password_context
from gis.accounts.second_factor import use_recovery_code
from gis.accounts.sign_ins import sign_in, sign_out
from gis.accounts.throttle import LoginThrottle, delay_s
from gis.db.refusals import translate_database_errors
from gis.db.session import LOCK_TIMEOUT
from gis.text.errors import TooMany, Unauthenticated
from gis.text.i18n import Text

LAST_SEEN_INTERVAL_S = 60
"""How exactly it is known when a sign-in or a token was last seen: not every request writes."""

FREE_FAILURES = 5
"""After so many wrong passwords each further attempt waits twice as long as the one before, but never for good."""

FREE_FAILURES_PER_IP = 20
"""An address is given more of them: a whole office may stand behind one."""

CREDENTIALS_REFUSED = Text("Tên, mật khẩu hoặc mã không đúng", "The name, the password or the code is wrong")
INVITATION_INVALID = Text(
    "Liên kết không còn hiệu lực: đã sử dụng hoặc đã hết hạn. Đề nghị quản trị viên cấp liên kết mới.",
    "The link is no longer valid: it has been used or has expired. Please ask an administrator for a new one.",
)
IS_NOT_ADMINISTRATOR = text(
    "exists (select from app.appointments a where a.person_id = people.id and a.valid_to is null"
    " and a.role <> 'administrator')"
)
"""Somebody who holds a post, and not that one."""

INVITATION_IS_VALID = text("people.invited_until > now()")

SELECT_SIGN_IN = """
select p.name, a.role, a.unit, p.title, p.id as person_id, s.id as sign_in_id, s.csrf,
    p.second_factor is not null as has_second_factor, s.seen_at
from app.sign_ins s join app.people p on p.id = s.person_id
join app.appointments a on a.person_id = p.id and a.valid_from <= now() and (a.valid_to is null or a.valid_to > now())
where s.secret = :secret and s.ended_at is null and s.seen_at > now() - :idle and s.began_at > now() - :longest
    and p.valid_from <= now() and (p.valid_to is null or p.valid_to > now())
order by a.valid_from desc limit 1
"""

BY_ID = """
select id, name, role, unit, recipient, scopes, networks, per_minute, secret, used_at,
    revoked_at is null and expires_at > now() as valid
from app.tokens where id = :id
"""


@dataclass(frozen=True)
class Principal:
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
        self._sign_in_required = False
        self._checked_at = -1.0
        self._unknown_names = LoginThrottle(FREE_FAILURES)
        self._ip_addresses = LoginThrottle(FREE_FAILURES_PER_IP)
        passwords.dummy_hash()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, name: str, *, reason: str | None = None, request: str | None = None) -> Iterator[Session]:
        """A transaction at the door in somebody's name: committed at the end, rolled back on an error."""
        context = text(
            "select set_config('cotmoc.actor', :name, true), set_config('cotmoc.reason', :reason, true),"
            " set_config('cotmoc.request', :request, true)"
        )
        with translate_database_errors(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            session.execute(context, {"name": name, "reason": reason or "", "request": request or ""})
            yield session

    @property
    def recheck_due(self) -> bool:
        """Whether ``exist`` would ask the database: once a second until there is an administrator."""
        return not self._sign_in_required and time.monotonic() - self._checked_at > 1

    def sign_in_required(self) -> bool:
        """Whether there is or ever was an administrator, so that everybody has to sign in."""
        if self.recheck_due:
            with self.transaction("door") as session:
                self._sign_in_required = ever_had_administrator(session)
            self._checked_at = time.monotonic()
        return self._sign_in_required

    def authenticate_cookie(self, cookie: str) -> Principal | None:
        """Whose sign-in this cookie is, with the post of this very moment."""
        asked = {"secret": digest(cookie), "idle": SIGN_IN_IDLE_TIMEOUT, "longest": SIGN_IN_LIFETIME}
        with self.transaction("door") as session:
            row = session.execute(text(SELECT_SIGN_IN), asked).mappings().one_or_none()
            if row is None:
                return None
            found = dict(row)
            if (dt.datetime.now(dt.UTC) - found.pop("seen_at")).total_seconds() > LAST_SEEN_INTERVAL_S:
                session.execute(
                    text("update app.sign_ins set seen_at = now() where id = :id"), {"id": found["sign_in_id"]}
                )
        return Principal(**found)

    def authenticate_token(self, token: str, ip_address: str) -> Principal | None:
        """Whose token this is, when it is valid and comes from where it may.

        Whatever comes with its secret is counted, also what is turned away, so that a stolen one is seen at work.
        Raises ``TooMany`` when it has come too often in this minute, whichever process it asked.
        """
        kind, _, rest = token.partition("_")
        number, _, secret = rest.partition("_")
        try:
            token_id = uuid.UUID(hex=number)
        except ValueError:
            return None
        if kind != "cm" or not secret:
            return None
        with self.transaction("door") as session:
            row = session.execute(text(BY_ID), {"id": token_id}).mappings().one_or_none()
            if row is None or not secrets.compare_digest(row["secret"], digest(secret)):
                return None
            refused = not (row["valid"] and _ip_is_allowed(ip_address, row["networks"]))
            most = row["per_minute"]
            wait = token_usage.record_use(session, token_id, _throttled_network(ip_address), most, refused=refused)
            used = row["used_at"]
            if (
                not refused
                and not wait
                and (used is None or (dt.datetime.now(dt.UTC) - used).total_seconds() > LAST_SEEN_INTERVAL_S)
            ):
                session.execute(
                    text("update app.tokens set used_at = now(), used_from = :address where id = :id"),
                    {"id": token_id, "address": ip_address},
                )
        if refused:
            return None
        if wait:
            raise token_usage.rate_limit_exceeded(most, wait)
        return Principal(
            f"token:{row['name']}", row["role"], row["unit"], recipient=row["recipient"], scopes=tuple(row["scopes"])
        )

    def verify_credentials(
        self, name: str, password: str, code: str | None, ip_address: str, *, password_only: bool = False
    ) -> uuid.UUID:
        """The person whose name, password and second factor these are, at the ``address`` that tries them.

        Raises ``Unauthenticated`` in the same words whatever is wrong, and ``TooMany`` with the seconds to wait once a
        name or an address has failed too often. ``codeless`` asks for the password alone, of somebody who is in.
        """
        name = normalize_login_name(name)
        near = _throttled_network(ip_address)
        _check_throttle(self._ip_addresses.wait(near))
        with self.transaction("door") as session:
            # An attempt is counted before it is judged, or many at once would all pass. Losing a count in a crash
            # costs nothing; waiting for the disk would tell a known name from an unknown one.
            session.execute(text("set local synchronous_commit = off"))
            person = session.query(Person).filter(Person.name == name, PERSON_IS_ACTIVE).with_for_update().one_or_none()
            wait = self._unknown_names.wait(name) if person is None else _seconds_blocked(person)
            if person is not None and wait == 0:
                person.failures += 1
                delay = delay_s(person.failures, FREE_FAILURES)
                person.blocked_until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=delay) if delay else None
        _check_throttle(wait)
        right = passwords.verify_password(password, person.password if person else None)
        step = passwords.totp_step(person.second_factor, code) if person and person.second_factor and right else None
        recovers = bool(right and step is None and passwords.normalize_recovery_code(code or ""))
        if (
            person is None
            or not right
            or (person.second_factor and step is None and not password_only and not recovers)
        ):
            raise Unauthenticated(CREDENTIALS_REFUSED)
        with self.transaction(person.name) as session:
            kept = session.get_one(Person, person.id, with_for_update=True)
            if recovers and not password_only and not use_recovery_code(session, person.id, code):
                raise Unauthenticated(CREDENTIALS_REFUSED)
            if step is not None and (kept.last_step or 0) >= step:  # a code opens once
                raise Unauthenticated(CREDENTIALS_REFUSED)
            kept.failures, kept.blocked_until, kept.last_step = 0, None, step or kept.last_step
            if kept.password == person.password and passwords.needs_rehash(person.password or ""):
                kept.password = passwords.hash_password(password)
        self._ip_addresses.reset(near)
        return person.id

    def start_sign_in(
        self,
        person_id: uuid.UUID,
        *,
        previous_cookie: str | None = None,
        request: str | None = None,
        device: str | None = None,
        ip_address: str | None = None,
    ) -> str:
        """Begin a sign-in and end the one that the same browser had before; gives the secret for the cookie."""
        with self.transaction("door") as session:
            name = get_active_person(session, person_id).name
        with self.transaction(name, request=request) as session:
            if previous_cookie:
                before = session.query(SignIn).filter_by(secret=digest(previous_cookie), ended_at=None).one_or_none()
                if before is not None:
                    sign_out(session, before.id)
            return sign_in(session, person_id, device=device, ip_address=ip_address)

    def find_by_subject(self, subject: str, name: str | None) -> uuid.UUID | None:
        """The person an identity provider calls ``subject``, or ``name`` where nobody is called so yet.

        A name is bound to its first subject, so that it does not pass on with the provider's next bearer of it. An
        administrator is not known this way: no provider opens that door.
        """
        with self.transaction("door") as session:
            people = session.query(Person).filter(PERSON_IS_ACTIVE, IS_NOT_ADMINISTRATOR)
            person = people.filter(Person.subject == subject).one_or_none()
            if person is not None or name is None:
                return person.id if person else None
            found = people.filter(Person.name == normalize_login_name(name), Person.subject.is_(None)).one_or_none()
            if found is None or session.query(Person).filter_by(subject=subject).count():
                return None
        with self.transaction(found.name) as session:
            session.get_one(Person, found.id).subject = subject
        return found.id

    def accept_invitation(self, invitation: str, password: str, ip_address: str) -> str:
        """Choose a password by the link of an invitation, which opens once; gives the name to sign in with.

        Raises ``Unauthenticated`` for a link that is none or no longer, ``Invalid`` for a password that is too weak.
        """
        near = _throttled_network(ip_address)
        _check_throttle(self._ip_addresses.wait(near))
        with self.transaction("door") as session:
            invited = (
                session.query(Person)
                .filter(Person.invitation == digest(invitation), INVITATION_IS_VALID, PERSON_IS_ACTIVE)
                .one_or_none()
            )
            about = password_context(session, invited) if invited else ()
        if invited is None:
            raise Unauthenticated(INVITATION_INVALID)
        self._ip_addresses.reset(near)
        chosen = passwords.validate_and_hash_password(password, *about)
        with self.transaction(invited.name) as session:
            person = session.get_one(Person, invited.id, with_for_update=True)
            if person.invitation != invited.invitation:
                raise Unauthenticated(INVITATION_INVALID)
            person.password, person.invitation, person.invited_until = chosen, None, None
            person.failures, person.blocked_until = 0, None
        return invited.name


def _check_throttle(wait: int) -> None:
    if wait > 0:
        raise TooMany(
            Text(f"Nhập sai nhiều lần, hãy thử lại sau {wait} giây", f"Too many attempts; try again in {wait} seconds"),
            extra={"retry_after": wait},
        )


def _seconds_blocked(person: Person) -> int:
    if person.blocked_until is None:
        return 0
    return max(0, int((person.blocked_until - dt.datetime.now(dt.UTC)).total_seconds() + 0.999))


def _throttled_network(ip_address: str) -> str:
    """An address, or the network of one in IPv6, where everybody has many."""
    try:
        here = ipaddress.ip_address(ip_address)
    except ValueError:
        return ip_address
    return str(ipaddress.ip_network((here, 64), strict=False)) if here.version == 6 else ip_address  # noqa: PLR2004


def _ip_is_allowed(ip_address: str, networks: Sequence[str] | None) -> bool:
    if not networks:
        return True
    try:
        here = ipaddress.ip_address(ip_address)
    except ValueError:
        return False
    return any(here in ipaddress.ip_network(network) for network in networks)


def may_write(principal: Principal) -> bool:
    """Whether this way in may change anything: every sign-in may as far as its post goes, a token if it says so."""
    return principal.sign_in_id is not None or "write" in principal.scopes
