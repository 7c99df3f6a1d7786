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

from gis.db.shared_memory import Places
from gis.text.errors import Unavailable, invalid
from gis.text.i18n import Text

Made = TypeVar("Made")

SHORTEST = 12
LONGEST = 200
LEAST_OF_ONES_OWN = 6
"""Characters that a password must hold beside well-known words, runs and the name of its owner."""

_WELL_KNOWN = """
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
WELL_KNOWN = frozenset(_WELL_KNOWN.split())
"""Words that stand at the front of every guesser's list, as they are typed without diacritics."""

RUNS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop",
    "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "qazwsxedcrfvtgbyhnujm",
)  # fmt: skip
"""The alphabet, the digits and the ways a finger goes over a keyboard; the other way round too."""

SHORTEST_RUN = 4
LOOKALIKES = str.maketrans("01345789@$!|", "oieastbgasii")
"""What stands for a letter where somebody thinks it will not be guessed."""
YEAR = re.compile(r"(?:19|20)\d\d")
OVER_AND_OVER = re.compile(r"(.{1,20}?)\1+")

AT_ONCE = Places(2)
"""Argon2id takes memory on purpose: at most two at once in all processes that serve, or signing in would be a way to
exhaust the machine."""

PATIENCE_S = 5
"""How long somebody waits for their turn."""

RECOVERY_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
STEP_S = 30
ISSUER = "Cotmoc"
BUSY = Text(
    "Hệ thống đang có nhiều lượt đăng nhập, hãy thử lại sau ít giây",
    "Many people are signing in; please try again shortly",
)


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


def ones_own(password: str, about: Iterable[str | None] = ()) -> str:
    """What of a password nobody would guess at once: less well-known words, its owner's names, years, runs, repeats.

    Judged without diacritics and in small letters, once as it stands and once with digits read as letters; the
    shorter remainder counts.
    """
    plain = _unmarked(password)
    known = WELL_KNOWN | {word for text in about if text for word in _known_of(text)}
    return min((_less_the_known(_letters(one), known) for one in (plain, plain.translate(LOOKALIKES))), key=len)


def _known_of(text: str) -> Iterator[str]:
    """The words of a name or a unit, and all of it written together."""
    plain = _unmarked(text)
    words = re.split(r"[\W_]+", plain)
    yield from (word for word in (*words, _letters(plain)) if len(word) >= SHORTEST_RUN)


def _unmarked(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    return "".join(one for one in apart if not unicodedata.combining(one))


def _letters(text: str) -> str:
    return "".join(one for one in text if one.isalnum())


def _less_the_known(text: str, known: Collection[str]) -> str:
    for word in sorted(known, key=len, reverse=True):
        text = text.replace(word, "")
    return OVER_AND_OVER.sub(r"\1", _less_runs(YEAR.sub("", text)))


def _less_runs(text: str) -> str:
    """Without whatever goes four or more steps along the alphabet, the digits or a keyboard, either way."""
    kept, at = "", 0
    while at < len(text):
        end = at + 1
        while end < len(text) and any(text[at : end + 1] in way for run in RUNS for way in (run, run[::-1])):
            end += 1
        if end - at < SHORTEST_RUN:
            kept += text[at]
            end = at + 1
        at = end
    return kept


def hashed(password: str, *about: str | None) -> str:
    """A password as it is kept. Raises ``Invalid`` for one that is too short, too long or too easily guessed.

    ``about`` is what everybody knows of its owner: name, post, unit.
    """
    password = composed(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise invalid(
            "password",
            "length",
            f"Mật khẩu phải có từ {SHORTEST} đến {LONGEST} ký tự",
            f"A password has {SHORTEST} to {LONGEST} characters",
        )
    if len(set(password)) < LEAST_OF_ONES_OWN or len(ones_own(password, about)) < LEAST_OF_ONES_OWN:
        raise invalid(
            "password",
            "weak",
            "Mật khẩu dễ đoán: gồm tên, từ quen thuộc hoặc ký tự lặp lại",
            "The password is easily guessed: a name, well-known words or repeated characters",
        )
    return kept(password)


def kept(password: str) -> str:
    """A password as it is kept, whatever it is worth."""
    return _in_turn(lambda: _hasher().hash(composed(password)))


def right(password: str, known: str | None) -> bool:
    """Whether the password is the one kept; without one kept it takes as long and is wrong."""
    compared = known or nobodys()
    return _in_turn(lambda: _hasher().verify(composed(password), compared)) and known is not None


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


def new_recovery_code() -> str:
    """A code of 79 random bits, in four groups that can be read aloud and typed: no letter looks like a digit."""
    drawn = "".join(secrets.choice(RECOVERY_LETTERS) for _ in range(16))
    return "-".join(drawn[at : at + 4] for at in range(0, 16, 4))


def plain_code(code: str) -> str:
    """A recovery code as it is kept, however it was typed; empty for what is none."""
    plain = "".join(code.split()).replace("-", "").lower()
    return plain if len(plain) == 16 and set(plain) <= set(RECOVERY_LETTERS) else ""  # noqa: PLR2004


def step_of(secret: str, code: str | None) -> int | None:
    """The time step that a code belongs to: this one, the one before or the next; None for a wrong code."""
    given = "".join((code or "").split())
    if not given.isascii():
        return None
    one, now = pyotp.TOTP(secret), int(time.time()) // STEP_S
    return next(
        (step for step in (now, now - 1, now + 1) if secrets.compare_digest(one.generate_otp(step), given)), None
    )
