"""Passwords and second factors: strength checks, hashing and verification.

Passwords are hashed with Argon2id. Time-based codes follow RFC 6238.
"""

import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TypeVar

import pyotp
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from zxcvbn_rs_py import zxcvbn

from gis.db.semaphore import SharedSemaphore
from gis.text.errors import Unavailable, invalid
from gis.text.i18n import Text

T = TypeVar("T")

MIN_LENGTH = 12
MAX_LENGTH = 200
MIN_GUESSES = 10**9
"""Guesses that a password must withstand by zxcvbn's estimate: with this Argon2id, about a year of one processor."""

ESTIMATED_CHARACTERS = 40
"""The beginning of a password that is estimated: zxcvbn's time grows with the variants of digits and signs for
letters."""

_COMMON_WORDS = """
matkhau matma quantri quantrivien nguoidung dangnhap taikhoan xinchao khongbiet khongco anhyeuem emyeuanh yeuem yeuanh
tinhyeu giadinh conyeu hanhphuc maimai motngay vanphong banchidao uyban tinhuy huyen congan quandoi bodoi
toquoc vietnam campuchia trungquoc tayninh binhphuoc langson laichau dienbien sonla caobang hagiang laocai quangninh
quangtri quangbinh quangnam hatinh nghean thanhhoa kontum gialai daklak daknong longan dongthap angiang kiengiang hanoi
saigon hochiminh danang haiphong cantho hue nguyen tranvan levan phamvan hoangvan
"""
COMMON_WORDS = frozenset(_COMMON_WORDS.split())
"""Vietnamese words that password guessers try first, as typed without diacritics; zxcvbn knows the English ones."""

SEPARATORS = re.compile(r"[\s._,/-]+")
MIN_CONTEXT_WORD_LENGTH = 4

HASHING_SLOTS = SharedSemaphore(2)
"""At most two hashes at once in all server processes: Argon2id needs much memory, so that parallel sign-ins could
exhaust the machine."""

HASHING_TIMEOUT_S = 5
"""Seconds that a request waits for a slot."""

RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
TOTP_STEP_S = 30
BUSY = Text(
    "Hệ thống đang có nhiều lượt đăng nhập, hãy thử lại sau ít giây",
    "Many people are signing in; please try again shortly",
)


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(memory_cost=19456, time_cost=2, parallelism=1),))


@cache
def dummy_hash() -> str:
    """A hash for unknown accounts to be verified against, so that they take as long as known ones."""
    return _hasher().hash(secrets.token_urlsafe())


def normalize_password(password: str) -> str:
    """NFKC, because keyboards type Vietnamese letters composed or decomposed; cut to bound the work."""
    return unicodedata.normalize("NFKC", password[: MAX_LENGTH * 4])


def estimate_guesses(password: str, context: Iterable[str | None] = (), common_words: Iterable[str] = ()) -> int:
    """The guesses that a password withstands by zxcvbn's estimate, with the words of ``context`` among the first.

    Estimated without diacritics, as typed and without separators, which Vietnamese has between syllables; the lower
    estimate counts.
    """
    plain = _without_diacritics(password)
    words = [*(word for text in context if text for word in _context_words(text)), *common_words, *COMMON_WORDS]
    variants = {variant[:ESTIMATED_CHARACTERS] for variant in (plain, SEPARATORS.sub("", plain))}
    return min(zxcvbn(variant, words).guesses for variant in variants)


def _context_words(text: str) -> Iterator[str]:
    """The words of a name or unit that have at least four letters, and all of it as one word."""
    words = re.split(r"[\W_]+", _without_diacritics(text))
    yield from (word for word in (*words, "".join(words)) if len(word) >= MIN_CONTEXT_WORD_LENGTH)


def _without_diacritics(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def validate_and_hash_password(password: str, *context: str | None, common_words: Iterable[str] = ()) -> str:
    """Hash a new password. Raises ``Invalid`` for one that is too short, too long or easily guessed.

    ``context`` is what is generally known of its owner: name, job title, unit. ``common_words`` are the application's
    additions to ``COMMON_WORDS``, in lower case without diacritics.
    """
    password = normalize_password(password)
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise invalid(
            "password",
            "length",
            f"Mật khẩu phải có từ {MIN_LENGTH} đến {MAX_LENGTH} ký tự",
            f"The password must have {MIN_LENGTH} to {MAX_LENGTH} characters",
        )
    if estimate_guesses(password, context, common_words) < MIN_GUESSES:
        raise invalid(
            "password",
            "weak",
            "Mật khẩu dễ đoán: gồm tên, từ quen thuộc hoặc ký tự lặp lại",
            "The password is easily guessed: it consists of names, common words or repeated characters",
        )
    return hash_password(password)


def hash_password(password: str) -> str:
    """Hash a password without checking its strength.

    Raises ``Unavailable`` when no hashing slot is free within five seconds.
    """
    return _with_hashing_slot(lambda: _hasher().hash(normalize_password(password)))


def verify_password(password: str, stored_hash: str | None) -> bool:
    """Verify a password in the same time whether or not there is a stored hash.

    Raises ``Unavailable`` when no hashing slot is free within five seconds.
    """
    expected = stored_hash or dummy_hash()
    return (
        _with_hashing_slot(lambda: _hasher().verify(normalize_password(password), expected)) and stored_hash is not None
    )


def needs_rehash(stored_hash: str) -> bool:
    """Whether a hash was made with other parameters than the present ones."""
    return _hasher().current_hasher.check_needs_rehash(stored_hash)


def _with_hashing_slot(compute: Callable[[], T]) -> T:
    """Call ``compute`` in one of ``HASHING_SLOTS``. Raises ``Unavailable`` when none becomes free in time."""
    with HASHING_SLOTS.acquire(HASHING_TIMEOUT_S) as acquired:
        if not acquired:
            raise Unavailable(BUSY)
        return compute()


def new_second_factor() -> str:
    """A new TOTP secret (RFC 6238) in base 32, for an authenticator app."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, name: str, issuer: str) -> str:
    """The ``otpauth:`` URI that an authenticator app reads from a QR code; it lists the account under ``issuer``."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def new_recovery_code() -> str:
    """A code of 79 random bits in four groups of four characters, none of which looks like another."""
    code = "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(16))
    return "-".join(code[start : start + 4] for start in range(0, 16, 4))


def normalize_recovery_code(code: str) -> str:
    """A recovery code in lower case without separators, or an empty text when it is malformed."""
    plain = "".join(code.split()).replace("-", "").lower()
    return plain if len(plain) == 16 and set(plain) <= set(RECOVERY_ALPHABET) else ""  # noqa: PLR2004


def totp_step(secret: str, code: str | None) -> int | None:
    """The time step (RFC 6238) of a code: the present, the previous or the next one; None for a wrong code."""
    digits = "".join((code or "").split())
    if not digits.isascii():
        return None
    totp, now = pyotp.TOTP(secret), int(time.time()) // TOTP_STEP_S
    return next(
        (step for step in (now, now - 1, now + 1) if secrets.compare_digest(totp.generate_otp(step), digits)), None
    )
