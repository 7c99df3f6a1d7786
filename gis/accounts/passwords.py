"""Passwords and second factors: how they are kept, what is good enough, and whether one is right."""

import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from typing import TypeVar

import pyotp
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from gis.db.shared_memory import SharedSemaphore
from gis.text.errors import Unavailable, invalid
from gis.text.i18n import Text

T = TypeVar("T")

MIN_LENGTH = 12
MAX_LENGTH = 200
MIN_UNGUESSABLE = 6
"""Characters that a password must hold beside well-known words, runs and the name of its owner."""

_COMMON_WORDS = """
password passwd passwort passphrase welcome letmein iloveyou changeme default secret login signin admin administrator
root user guest test demo temp master monkey dragon football baseball superman batman sunshine princess shadow hello
computer internet google facebook samsung iphone windows microsoft oracle postgres
matkhau matma quantri quantrivien nguoidung dangnhap taikhoan xinchao khongbiet khongco anhyeuem emyeuanh yeuem yeuanh
tinhyeu giadinh conyeu hanhphuc maimai motngay vanphong banchidao uyban tinhuy huyen congan quandoi bodoi
bienphong bodoibienphong donbienphong bienphongvietnam biengioi cuakhau cotmoc mocgioi toquoc vietnam vietnamese
campuchia trungquoc tayninh binhphuoc langson laichau dienbien sonla caobang hagiang laocai quangninh quangtri
quangbinh quangnam hatinh nghean thanhhoa kontum gialai daklak daknong longan dongthap angiang kiengiang hanoi saigon
hochiminh danang haiphong cantho hue mocbai xamat katum tannam nguyen tranvan levan phamvan hoangvan
"""
COMMON_WORDS = frozenset(_COMMON_WORDS.split())
"""Words that stand at the front of every guesser's list, as they are typed without diacritics."""

KEYBOARD_RUNS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop",
    "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "qazwsxedcrfvtgbyhnujm",
)  # fmt: skip
"""The alphabet, the digits and the ways a finger goes over a keyboard; the other way round too."""

MIN_RUN_LENGTH = 4
LOOKALIKE_CHARACTERS = str.maketrans("01345789@$!|", "oieastbgasii")
"""What stands for a letter where somebody thinks it will not be guessed."""
YEAR = re.compile(r"(?:19|20)\d\d")
REPETITION = re.compile(r"(.{1,20}?)\1+")

HASHING_SLOTS = SharedSemaphore(2)
"""Argon2id takes memory on purpose: at most two at once in all processes that serve, or signing in would be a way to
exhaust the machine."""

HASHING_TIMEOUT_S = 5
"""How long somebody waits for their turn."""

RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
TOTP_STEP_S = 30
ISSUER = "Cotmoc"
BUSY = Text(
    "Hệ thống đang có nhiều lượt đăng nhập, hãy thử lại sau ít giây",
    "Many people are signing in; please try again shortly",
)


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(memory_cost=19456, time_cost=2, parallelism=1),))


@cache
def dummy_hash() -> str:
    """What an unknown name's password is compared with, so that it takes as long as a known one's."""
    return _hasher().hash(secrets.token_urlsafe())


def normalize_password(password: str) -> str:
    """One spelling of what is typed: keyboards write Vietnamese letters composed or in parts."""
    return unicodedata.normalize("NFKC", password[: MAX_LENGTH * 4])


def unguessable_part(password: str, context: Iterable[str | None] = ()) -> str:
    """What of a password nobody would guess at once: less well-known words, its owner's names, years, runs, repeats.

    Judged without diacritics and in small letters, once as it stands and once with digits read as letters; the
    shorter remainder counts.
    """
    plain = _without_diacritics(password)
    known = COMMON_WORDS | {word for text in context if text for word in _context_words(text)}
    return min(
        (_without_known_words(_letters(one), known) for one in (plain, plain.translate(LOOKALIKE_CHARACTERS))), key=len
    )


def _context_words(text: str) -> Iterator[str]:
    """The words of a name or a unit, and all of it written together."""
    plain = _without_diacritics(text)
    words = re.split(r"[\W_]+", plain)
    yield from (word for word in (*words, _letters(plain)) if len(word) >= MIN_RUN_LENGTH)


def _without_diacritics(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    return "".join(one for one in apart if not unicodedata.combining(one))


def _letters(text: str) -> str:
    return "".join(one for one in text if one.isalnum())


def _without_known_words(text: str, known: Collection[str]) -> str:
    for word in sorted(known, key=len, reverse=True):
        text = text.replace(word, "")
    return REPETITION.sub(r"\1", _without_runs(YEAR.sub("", text)))


def _without_runs(text: str) -> str:
    """Without whatever goes four or more steps along the alphabet, the digits or a keyboard, either way."""
    kept, at = "", 0
    while at < len(text):
        end = at + 1
        while end < len(text) and any(text[at : end + 1] in way for run in KEYBOARD_RUNS for way in (run, run[::-1])):
            end += 1
        if end - at < MIN_RUN_LENGTH:
            kept += text[at]
            end = at + 1
        at = end
    return kept


def validate_and_hash_password(password: str, *context: str | None) -> str:
    """A password as it is kept. Raises ``Invalid`` for one that is too short, too long or too easily guessed.

    ``about`` is what everybody knows of its owner: name, post, unit.
    """
    password = normalize_password(password)
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise invalid(
            "password",
            "length",
            f"Mật khẩu phải có từ {MIN_LENGTH} đến {MAX_LENGTH} ký tự",
            f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters",
        )
    if len(set(password)) < MIN_UNGUESSABLE or len(unguessable_part(password, context)) < MIN_UNGUESSABLE:
        raise invalid(
            "password",
            "weak",
            "Mật khẩu dễ đoán: gồm tên, từ quen thuộc hoặc ký tự lặp lại",
            "The password is easily guessed: a name, well-known words or repeated characters",
        )
    return hash_password(password)


def hash_password(password: str) -> str:
    """A password as it is kept, whatever it is worth."""
    return _with_hashing_slot(lambda: _hasher().hash(normalize_password(password)))


def verify_password(password: str, stored_hash: str | None) -> bool:
    """Whether the password is the one kept; without one kept it takes as long and is wrong."""
    compared = stored_hash or dummy_hash()
    return (
        _with_hashing_slot(lambda: _hasher().verify(normalize_password(password), compared)) and stored_hash is not None
    )


def needs_rehash(stored_hash: str) -> bool:
    """Whether it is kept with other parameters than today's."""
    return _hasher().current_hasher.check_needs_rehash(stored_hash)


def _with_hashing_slot(compute: Callable[[], T]) -> T:
    with HASHING_SLOTS.acquire(HASHING_TIMEOUT_S) as taken:
        if not taken:
            raise Unavailable(BUSY)
        return compute()


def new_second_factor() -> str:
    """The secret of a second factor, for an authenticator."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, name: str) -> str:
    """The ``otpauth:`` address that an authenticator reads as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def new_recovery_code() -> str:
    """A code of 79 random bits, in four groups that can be read aloud and typed: no letter looks like a digit."""
    drawn = "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(16))
    return "-".join(drawn[at : at + 4] for at in range(0, 16, 4))


def normalize_recovery_code(code: str) -> str:
    """A recovery code as it is kept, however it was typed; empty for what is none."""
    plain = "".join(code.split()).replace("-", "").lower()
    return plain if len(plain) == 16 and set(plain) <= set(RECOVERY_ALPHABET) else ""  # noqa: PLR2004


def totp_step(secret: str, code: str | None) -> int | None:
    """The time step that a code belongs to: this one, the one before or the next; None for a wrong code."""
    given = "".join((code or "").split())
    if not given.isascii():
        return None
    one, now = pyotp.TOTP(secret), int(time.time()) // TOTP_STEP_S
    return next(
        (step for step in (now, now - 1, now + 1) if secrets.compare_digest(one.generate_otp(step), given)), None
    )
