"""Authentication: session cookies, tokens, passwords with a second factor, invitations, and login throttling.

``Accounts`` connects with a database login of its own, which may access the tables of accounts and tokens only.
"""

import datetime as dt
import ipaddress
import secrets
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
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

BOOKKEEPING_ACTOR = "accounts"
"""Actor of transactions that write bookkeeping columns only; the journal never contains it."""

LAST_SEEN_INTERVAL_S = 60
"""Seconds between two updates of ``seen_at`` and ``used_at``, so that not every request writes."""

FREE_FAILURES = 5
"""Failed sign-ins of an account after which each further attempt has to wait (see ``gis.accounts.throttle``)."""

FREE_FAILURES_PER_IP = 20
"""The same for an IP address; higher, because a whole office may share one."""

CREDENTIALS_REFUSED = Text("Tên, mật khẩu hoặc mã không đúng", "The name, the password or the code is wrong")
INVITATION_INVALID = Text(
    "Liên kết không còn hiệu lực: đã sử dụng hoặc đã hết hạn. Đề nghị quản trị viên cấp liên kết mới.",
    "The link is no longer valid: it has been used or has expired. Please ask an administrator for a new one.",
)
IS_NOT_ADMINISTRATOR = text(
    "exists (select from app.appointments a where a.person_id = people.id and a.valid_to is null"
    " and a.role <> 'administrator')"
)
"""SQL: the person has a role, and it is not ``administrator``."""

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

SELECT_TOKENS_BY_ID = """
select id, name, role, unit, recipient, scopes, networks, per_minute, secret, used_at,
    revoked_at is null and expires_at > now() as valid
from app.tokens where id = :id
"""


@dataclass(frozen=True)
class Principal:
    """The authenticated user of a request: name, role and unit, with the session or the scopes of the token."""

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
    """The account tables of one database, with the throttles of one server."""

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
        """A transaction with ``name`` as the journal's actor: committed at the end, rolled back on an error."""
        context = text(
            "select set_config('cotmoc.actor', :name, true), set_config('cotmoc.reason', :reason, true),"
            " set_config('cotmoc.request', :request, true)"
        )
        with translate_database_errors(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            session.execute(context, {"name": name, "reason": reason or "", "request": request or ""})
            yield session

    @property
    def recheck_due(self) -> bool:
        """Whether ``sign_in_required`` would query the database: once a second until there is an administrator."""
        return not self._sign_in_required and time.monotonic() - self._checked_at > 1

    def sign_in_required(self) -> bool:
        """Whether everyone has to sign in, because there is or ever was an administrator."""
        if self.recheck_due:
            with self.transaction(BOOKKEEPING_ACTOR) as session:
                self._sign_in_required = ever_had_administrator(session)
            self._checked_at = time.monotonic()
        return self._sign_in_required

    def authenticate_cookie(self, cookie: str) -> Principal | None:
        """The user whose session the cookie is, with their present role; None when it is unknown or over."""
        parameters = {"secret": digest(cookie), "idle": SIGN_IN_IDLE_TIMEOUT, "longest": SIGN_IN_LIFETIME}
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            row = session.execute(text(SELECT_SIGN_IN), parameters).mappings().one_or_none()
            if row is None:
                return None
            values = dict(row)
            if (dt.datetime.now(dt.UTC) - values.pop("seen_at")).total_seconds() > LAST_SEEN_INTERVAL_S:
                session.execute(
                    text("update app.sign_ins set seen_at = now() where id = :id"), {"id": values["sign_in_id"]}
                )
        return Principal(**values)

    def authenticate_token(self, token: str, ip_address: str) -> Principal | None:
        """The principal of a token; None when it is unknown, expired, revoked or used from a network that it excludes.

        Every use with the right secret is counted, also a refused one, so that the use of a stolen token is visible.
        Raises ``TooMany`` when it exceeds its limit per minute, counted over all processes.
        """
        prefix, _, rest = token.partition("_")
        hex_id, _, secret = rest.partition("_")
        try:
            token_id = uuid.UUID(hex=hex_id)
        except ValueError:
            return None
        if prefix != "cm" or not secret:
            return None
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            row = session.execute(text(SELECT_TOKENS_BY_ID), {"id": token_id}).mappings().one_or_none()
            if row is None or not secrets.compare_digest(row["secret"], digest(secret)):
                return None
            refused = not (row["valid"] and _ip_is_allowed(ip_address, row["networks"]))
            limit = row["per_minute"]
            wait = token_usage.record_use(session, token_id, _throttled_network(ip_address), limit, refused=refused)
            used_at = row["used_at"]
            if (
                not refused
                and not wait
                and (used_at is None or (dt.datetime.now(dt.UTC) - used_at).total_seconds() > LAST_SEEN_INTERVAL_S)
            ):
                session.execute(
                    text("update app.tokens set used_at = now(), used_from = :address where id = :id"),
                    {"id": token_id, "address": ip_address},
                )
        if refused:
            return None
        if wait:
            raise token_usage.rate_limit_exceeded(limit, wait)
        return Principal(
            f"token:{row['name']}", row["role"], row["unit"], recipient=row["recipient"], scopes=tuple(row["scopes"])
        )

    def verify_credentials(
        self, name: str, password: str, code: str | None, ip_address: str, *, password_only: bool = False
    ) -> uuid.UUID:
        """Verify name, password and second factor (a time-based or a recovery code), and return the person's id.

        Raises ``Unauthenticated`` with the same message whatever is wrong, and ``TooMany`` with the seconds to wait
        once the name or the IP address has failed too often. ``password_only`` skips the second factor, for a user who
        is signed in and confirms an action.
        """
        name = normalize_login_name(name)
        network = _throttled_network(ip_address)
        _check_throttle(self._ip_addresses.wait(network))
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            # Count the attempt before verifying it, or many at once would all pass. Losing a count in a crash does no
            # harm; waiting for the disk would make known names slower than unknown ones and so reveal them.
            session.execute(text("set local synchronous_commit = off"))
            person = session.query(Person).filter(Person.name == name, PERSON_IS_ACTIVE).with_for_update().one_or_none()
            wait = self._unknown_names.wait(name) if person is None else _seconds_blocked(person)
            if person is not None and wait == 0:
                person.failures += 1
                delay = delay_s(person.failures, FREE_FAILURES)
                person.blocked_until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=delay) if delay else None
        _check_throttle(wait)
        is_correct = passwords.verify_password(password, person.password if person else None)
        step = (
            passwords.totp_step(person.second_factor, code) if person and person.second_factor and is_correct else None
        )
        may_recover = bool(is_correct and step is None and passwords.normalize_recovery_code(code or ""))
        if (
            person is None
            or not is_correct
            or (person.second_factor and step is None and not password_only and not may_recover)
        ):
            raise Unauthenticated(CREDENTIALS_REFUSED)
        with self.transaction(person.name) as session:
            locked = session.get_one(Person, person.id, with_for_update=True)
            if may_recover and not password_only and not use_recovery_code(session, person.id, code):
                raise Unauthenticated(CREDENTIALS_REFUSED)
            if step is not None and (locked.last_step or 0) >= step:  # a time-based code is valid once
                raise Unauthenticated(CREDENTIALS_REFUSED)
            locked.failures, locked.blocked_until, locked.last_step = 0, None, step or locked.last_step
            if locked.password == person.password and passwords.needs_rehash(person.password or ""):
                locked.password = passwords.hash_password(password)
        self._ip_addresses.reset(network)
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
        """Begin a session, end the browser's previous one, and return the secret for the cookie.

        Raises ``Missing`` when the person's account has ended.
        """
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            name = get_active_person(session, person_id).name
        with self.transaction(name, request=request) as session:
            if previous_cookie:
                before = session.query(SignIn).filter_by(secret=digest(previous_cookie), ended_at=None).one_or_none()
                if before is not None:
                    sign_out(session, before.id)
            return sign_in(session, person_id, device=device, ip_address=ip_address)

    def find_by_subject(self, subject: str, name: str | None) -> uuid.UUID | None:
        """The id of the person whose OpenID Connect subject this is, else of the one named ``name`` who has none yet.

        The first sign-in binds the subject to the account, so that another person to whom the provider later gives the
        name cannot sign in to it. Administrators are excluded: they sign in with password and second factor only.
        """
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            people = session.query(Person).filter(PERSON_IS_ACTIVE, IS_NOT_ADMINISTRATOR)
            person = people.filter(Person.subject == subject).one_or_none()
            if person is not None or name is None:
                return person.id if person else None
            unbound = people.filter(Person.name == normalize_login_name(name), Person.subject.is_(None)).one_or_none()
            if unbound is None or session.query(Person).filter_by(subject=subject).count():
                return None
        with self.transaction(unbound.name) as session:
            session.get_one(Person, unbound.id).subject = subject
        return unbound.id

    def accept_invitation(
        self, invitation: str, password: str, ip_address: str, common_words: Iterable[str] = ()
    ) -> str:
        """Set the first password with the secret of an invitation, which is valid once; returns the login name.

        ``common_words`` is as for ``passwords.validate_and_hash_password``. Raises ``Unauthenticated`` for an unknown,
        used or expired invitation, ``Invalid`` for a weak password, ``TooMany`` as ``verify_credentials`` does.
        """
        network = _throttled_network(ip_address)
        _check_throttle(self._ip_addresses.wait(network))
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            invited = (
                session.query(Person)
                .filter(Person.invitation == digest(invitation), INVITATION_IS_VALID, PERSON_IS_ACTIVE)
                .one_or_none()
            )
            context = password_context(session, invited) if invited else ()
        if invited is None:
            raise Unauthenticated(INVITATION_INVALID)
        self._ip_addresses.reset(network)
        hashed = passwords.validate_and_hash_password(password, *context, common_words=common_words)
        with self.transaction(invited.name) as session:
            person = session.get_one(Person, invited.id, with_for_update=True)
            if person.invitation != invited.invitation:
                raise Unauthenticated(INVITATION_INVALID)
            person.password, person.invitation, person.invited_until = hashed, None, None
            person.failures, person.blocked_until = 0, None
        return invited.name


def _check_throttle(wait: int) -> None:
    """Raise ``TooMany`` unless the seconds to wait are 0."""
    if wait > 0:
        raise TooMany(
            Text(f"Nhập sai nhiều lần, hãy thử lại sau {wait} giây", f"Too many attempts; try again in {wait} seconds"),
            extra={"retry_after": wait},
        )


def _seconds_blocked(person: Person) -> int:
    """Whole seconds until the person may try again, rounded up."""
    if person.blocked_until is None:
        return 0
    return max(0, int((person.blocked_until - dt.datetime.now(dt.UTC)).total_seconds() + 0.999))


def _throttled_network(ip_address: str) -> str:
    """The key of the throttle: the IPv4 address, or the /64 network in IPv6, where one user has many addresses."""
    try:
        parsed = ipaddress.ip_address(ip_address)
    except ValueError:
        return ip_address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else ip_address  # noqa: PLR2004


def _ip_is_allowed(ip_address: str, networks: Sequence[str] | None) -> bool:
    """Whether an IP address is in one of the networks; without networks every address is."""
    if not networks:
        return True
    try:
        parsed = ipaddress.ip_address(ip_address)
    except ValueError:
        return False
    return any(parsed in ipaddress.ip_network(network) for network in networks)


def may_write(principal: Principal) -> bool:
    """Whether the user may write as far as the role allows: every session may, a token needs the scope ``write``."""
    return principal.sign_in_id is not None or "write" in principal.scopes
