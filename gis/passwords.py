"""Passwords and second factors: how they are kept, what is good enough, and whether one is right."""

import secrets
import time
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import pyotp
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from gis.errors import Unavailable, invalid
from gis.language import Text
from gis.shared import Places

Made = TypeVar("Made")

SHORTEST = 12
LONGEST = 200
LEAST_OF_ONES_OWN = 6
"""Characters that a password must hold beside well-known words, runs and the name of its owner."""

WELL_KNOWN = (
    "password", "matkhau", "passw0rd", "p@ssword", "p@ssw0rd", "qwerty", "asdfgh", "zxcvbn", "iloveyou", "welcome",
    "letmein", "admin", "administrator", "quantri", "cotmoc", "bienphong", "bienphòng", "cộtmốc", "mậtkhẩu", "quảntrị",
    "vietnam", "việtnam", "tayninh", "tâyninh", "1234567890", "12345678", "123456", "0987654321", "87654321", "654321",
    "abcdef", "abc123", "111111", "000000",
)  # fmt: skip

AT_ONCE = Places(2)
PATIENCE_S = 5
"""Argon2id takes memory on purpose: at most two at once in all processes that serve, or signing in would be a way to
exhaust the machine."""

STEP_S = 30
ISSUER = "Cotmoc"
BUSY = Text("Nhiều người đang đăng nhập, hãy thử lại sau ít giây", "Many are signing in; please try again shortly")


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(memory_cost=19456, time_cost=2, parallelism=1),))


@cache
def nobodys() -> str:
    """What an unknown name's password is compared with, so that it takes as long as a known one's."""
    return _hasher().hash(secrets.token_urlsafe())


def composed(password: str) -> str:
    """One spelling of what is typed: keyboards write Vietnamese letters composed or in parts."""
    return unicodedata.normalize("NFKC", password[: LONGEST * 4])


def hashed(password: str, name: str = "") -> str:
    """A password as it is kept. Raises ``Invalid`` for one that is too short, too long or too easily guessed."""
    password = composed(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise invalid(
            "password",
            "length",
            f"Mật khẩu phải có từ {SHORTEST} đến {LONGEST} ký tự",
            f"A password has {SHORTEST} to {LONGEST} characters",
        )
    own = password.casefold().replace(" ", "")
    for word in (*([name.casefold()] if name else []), *sorted(WELL_KNOWN, key=len, reverse=True)):
        own = own.replace(word, "")
    if len(own) < LEAST_OF_ONES_OWN or len(set(password)) < LEAST_OF_ONES_OWN:
        raise invalid(
            "password",
            "weak",
            "Mật khẩu dễ đoán: gồm tên, từ quen thuộc hoặc ký tự lặp lại",
            "The password is easily guessed: a name, well-known words or repeated characters",
        )
    return _in_turn(lambda: _hasher().hash(password))


def right(password: str, kept: str | None) -> bool:
    """Whether the password is the one kept; without one kept it takes as long and is wrong."""
    compared = kept or nobodys()
    return _in_turn(lambda: _hasher().verify(composed(password), compared)) and kept is not None


def outdated(kept: str) -> bool:
    """Whether it is kept with other parameters than today's."""
    return _hasher().current_hasher.check_needs_rehash(kept)


def _in_turn(make: Callable[[], Made]) -> Made:
    with AT_ONCE.taken(PATIENCE_S) as taken:
        if not taken:
            raise Unavailable(BUSY)
        return make()


def new_second_factor() -> str:
    """The secret of a second factor, for an authenticator."""
    return pyotp.random_base32()


def authenticator_address(secret: str, name: str) -> str:
    """The ``otpauth:`` address that an authenticator reads as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def step_of(secret: str, code: str | None) -> int | None:
    """The time step that a code belongs to: this one, the one before or the next; None for a wrong code."""
    given = "".join((code or "").split())
    if not given.isascii():
        return None
    one, now = pyotp.TOTP(secret), int(time.time()) // STEP_S
    return next(
        (step for step in (now, now - 1, now + 1) if secrets.compare_digest(one.generate_otp(step), given)), None
    )
