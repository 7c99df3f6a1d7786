"""The pages of accounts: the way in, one's own account, people and tokens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gis.door import Guest
from gis.language import Text
from gis.passwords import SHORTEST
from maps.page import Person, render

REFUSED = {
    "provider": Text(
        "Không đăng nhập được qua hệ thống định danh. Hãy thử lại, hoặc hỏi quản trị viên.",
        "Signing in with the identity provider failed. Please try again, or ask an administrator.",
    ),
    "unknown": Text(
        "Hệ thống định danh biết bạn, nhưng ở đây bạn chưa có tài khoản dùng cách này. Quản trị viên đăng nhập bằng"
        " mật khẩu và mã xác thực.",
        "The identity provider knows you, but no account here opens this way. Administrators sign in with their"
        " password and code.",
    ),
}
"""Why the answer of an identity provider was not taken."""


def sign_in_page(
    language: str,
    *,
    office: str,
    onward: str,
    query: Mapping[str, str],
    provider: str | None,
    exist: bool,
    refused: str = "",
) -> str:
    """The way in. ``onward`` is where it leads, ``exist`` whether there are accounts, ``refused`` what failed."""
    why = REFUSED.get(refused)
    return render(
        "signin.html",
        language,
        path="/signin",
        query=query,
        office=office,
        onward=onward,
        refused=why and (why.en if language == "en" else why.vi),
        provider=provider,
        exist=exist,
    )


def invitation_page(language: str, *, office: str) -> str:
    """Where a password is chosen by the link of an invitation."""
    return render("invitation.html", language, path="/signin/password", office=office, shortest=SHORTEST)


def account_page(
    language: str,
    *,
    post: Text,
    guest: Guest,
    owes_second_factor: bool,
    office: str = "",
    as_of: datetime | None = None,
    query: Mapping[str, str] | None = None,
    person: Person | None = None,
) -> str:
    """One's own account."""
    return render(
        "account.html",
        language,
        path="/account",
        query=query or {},
        office=office,
        as_of=as_of,
        person=person,
        post=post,
        guest=guest,
        owes_second_factor=owes_second_factor,
        shortest=SHORTEST,
    )


def people_page(
    language: str,
    *,
    people: Sequence[Mapping[str, Any]],
    own: Any,
    roles: Mapping[str, Text],
    units: Sequence[str],
    office: str = "",
    as_of: datetime | None = None,
    query: Mapping[str, str] | None = None,
    person: Person | None = None,
) -> str:
    """Everybody who has an account; ``own`` is the id of whoever looks."""
    return render(
        "people.html",
        language,
        path="/people",
        query=query or {},
        office=office,
        as_of=as_of,
        person=person,
        people=people,
        own=own,
        titles=roles,
        roles=_choices(roles, language),
        units=units,
    )


def tokens_page(
    language: str,
    *,
    tokens: Sequence[Mapping[str, Any]],
    roles: Mapping[str, Text],
    units: Sequence[str],
    longest_days: int,
    office: str = "",
    as_of: datetime | None = None,
    query: Mapping[str, str] | None = None,
    person: Person | None = None,
) -> str:
    """Every token."""
    return render(
        "tokens.html",
        language,
        path="/tokens",
        query=query or {},
        office=office,
        as_of=as_of,
        person=person,
        tokens=tokens,
        titles=roles,
        roles=_choices(roles, language),
        units=units,
        longest_days=longest_days,
    )


def _choices(roles: Mapping[str, Text], language: str) -> list[tuple[str, str]]:
    return [(name, title.en if language == "en" else title.vi) for name, title in roles.items()]
