"""Authentication: session cookies, tokens, passwords with a second factor, invitations, and login throttling.

``Accounts`` connects with a database login of its own, which may access the tables of accounts and tokens only.
"""

import datetime as dt
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from gis.accounts import passwords, principals
from gis.accounts.models import PERSON_IS_ACTIVE, Person, SignIn, digest
from gis.accounts.people import EVER_HAD_ADMINISTRATOR, get_active_person, normalize_login_name, password_context
from gis.accounts.principals import Principal
from gis.accounts.second_factor import use_recovery_code
from gis.accounts.sign_ins import StartedSession, sign_in, sign_out
from gis.accounts.throttle import LoginThrottle, delay_s
from gis.db.actors import application_actors
from gis.db.pool import BoundQuery
from gis.db.refusals import translate_database_errors
from gis.db.session import LOCK_TIMEOUT, login_pool
from gis.text.errors import TooMany, Unauthenticated
from gis.text.i18n import Text

BOOKKEEPING_ACTOR = "accounts"
"""Actor of transactions that write bookkeeping columns only; the journal never contains it."""

ACCOUNTS_SETTINGS = {
    "options": f"-c statement_timeout=5s -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC",
    "connect_timeout": 5,
}
BOOKKEEPING_CONTEXT = {"actor": BOOKKEEPING_ACTOR}
SET_BOOKKEEPING_CONTEXT = (
    "select set_config('cotmoc.actor', %(actor)s, true), set_config('synchronous_commit', 'off', true)"
)
"""Commits are asynchronous: losing in a crash when a token was last used, or a count, does no harm."""

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


class Accounts:
    """The account tables of one database, with the throttles of one server."""

    def __init__(self, url: str, *, pool_size: int = 4) -> None:
        self._engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=dict(ACCOUNTS_SETTINGS),
        )
        self._pool = login_pool(self._engine, 2 * pool_size, ACCOUNTS_SETTINGS)
        self._sign_in_required = False
        self._checked_at = -1.0
        self._unknown_names = LoginThrottle(FREE_FAILURES)
        self._ip_addresses = LoginThrottle(FREE_FAILURES_PER_IP)
        passwords.dummy_hash()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._pool.close()
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

    async def recheck_sign_in_required(self) -> None:
        """Query the database for ``sign_in_required``, on the event loop."""
        with translate_database_errors():
            ((self._sign_in_required,),) = await self._fetch(BoundQuery(EVER_HAD_ADMINISTRATOR, {}, prepared=True))
        self._checked_at = time.monotonic()

    def sign_in_required(self) -> bool:
        """Whether everyone has to sign in, because there is or ever was an administrator."""
        if self.recheck_due:
            with self.transaction(BOOKKEEPING_ACTOR) as session:
                self._sign_in_required = bool(session.execute(text(EVER_HAD_ADMINISTRATOR)).scalar())
            self._checked_at = time.monotonic()
        return self._sign_in_required

    async def authenticate_cookie(self, cookie: str) -> Principal | None:
        """The user whose session the cookie is; see ``principals.principal_of_cookie``."""
        with translate_database_errors():
            return await principals.principal_of_cookie(self._fetch, cookie)

    async def authenticate_token(self, token: str, ip_address: str) -> Principal | None:
        """The machine whose token this is; see ``principals.principal_of_token``."""
        with translate_database_errors():
            return await principals.principal_of_token(self._fetch, token, ip_address)

    async def _fetch(self, query: BoundQuery) -> list[Any]:
        """The rows of a query, which may write bookkeeping columns, in a transaction of one round trip."""
        return await self._pool.execute(SET_BOOKKEEPING_CONTEXT, BOOKKEEPING_CONTEXT, query)

    def verify_credentials(
        self, name: str, password: str, code: str | None, ip_address: str, *, password_only: bool = False
    ) -> uuid.UUID:
        """Verify name, password and second factor (a time-based or a recovery code), and return the person's id.

        Raises ``Unauthenticated`` with the same message whatever is wrong, and ``TooMany`` with the seconds to wait
        once the name or the IP address has failed too often. ``password_only`` skips the second factor, for a user who
        is signed in and confirms an action.
        """
        name = normalize_login_name(name)
        network = principals.throttled_network(ip_address)
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            # Count the attempt before verifying it, or many at once would all pass. Losing a count in a crash does no
            # harm; waiting for the disk would make known names slower than unknown ones and so reveal them.
            session.execute(text("set local synchronous_commit = off"))
            _check_throttle(self._ip_addresses.wait(session, network))
            person = session.query(Person).filter(Person.name == name, PERSON_IS_ACTIVE).with_for_update().one_or_none()
            wait = _seconds_blocked(person) if person else 0
            if person is not None and wait == 0:
                person.failures += 1
                delay = delay_s(person.failures, FREE_FAILURES)
                person.blocked_until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=delay) if delay else None
            else:  # also for a known name that has to wait, so that it takes as long as an unknown one
                wait_if_unknown = self._unknown_names.wait(session, name)
                wait = wait or wait_if_unknown
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
            self._ip_addresses.reset(session, network)  # first, because counting locks rows in this order too
            locked = session.get_one(Person, person.id, with_for_update=True)
            if may_recover and not password_only and not use_recovery_code(session, person.id, code):
                raise Unauthenticated(CREDENTIALS_REFUSED)
            if step is not None and (locked.last_step or 0) >= step:  # a time-based code is valid once
                raise Unauthenticated(CREDENTIALS_REFUSED)
            locked.failures, locked.blocked_until, locked.last_step = 0, None, step or locked.last_step
            if locked.password == person.password and passwords.needs_rehash(person.password or ""):
                locked.password = passwords.hash_password(password)
        return person.id

    def start_sign_in(
        self,
        person_id: uuid.UUID,
        *,
        previous_cookie: str | None = None,
        request: str | None = None,
        device: str | None = None,
        ip_address: str | None = None,
    ) -> StartedSession:
        """Begin a session and end the browser's previous one.

        Raises ``Missing`` when the person's account has ended.
        """
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            person = get_active_person(session, person_id)
        with self.transaction(person.name, request=request) as session:
            if previous_cookie:
                before = session.query(SignIn).filter_by(secret=digest(previous_cookie), ended_at=None).one_or_none()
                if before is not None:
                    sign_out(session, before.id)
            return sign_in(session, person, device=device, ip_address=ip_address)

    def find_by_subject(self, subject: str, name: str | None) -> uuid.UUID | None:
        """The id of the person whose OpenID Connect subject this is, else of the one named ``name`` who has none yet.

        The first sign-in binds the subject to the account, so that another person to whom the provider later gives the
        name cannot sign in to it. Administrators are excluded: they sign in with password and second factor only;
        so are names of the application itself, which an account may have from before they were refused.
        """
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            people = session.query(Person).filter(PERSON_IS_ACTIVE, IS_NOT_ADMINISTRATOR)
            person = people.filter(Person.subject == subject).one_or_none()
            if person is not None or name is None or normalize_login_name(name) in application_actors:
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
        network = principals.throttled_network(ip_address)
        with self.transaction(BOOKKEEPING_ACTOR) as session:
            _check_throttle(self._ip_addresses.wait(session, network))
            invited = (
                session.query(Person)
                .filter(Person.invitation == digest(invitation), INVITATION_IS_VALID, PERSON_IS_ACTIVE)
                .one_or_none()
            )
            if invited is not None:
                self._ip_addresses.reset(session, network)
            context = password_context(session, invited) if invited else ()
        if invited is None:
            raise Unauthenticated(INVITATION_INVALID)
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
