"""``./cotmoc admin``: create the first administrator, and reset a lost password or second factor.

These commands ask for no credentials: a user who may run them on the server can read and change its data directory
anyway. Passwords are never taken from the command line, which other users of the machine can see, and no password has a
default.
"""

import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import segno
import typer

from api.cli.up import DatabaseUrls, migrate
from api.settings import PRODUCT_NAME
from gis.accounts import Accounts, drop_second_factor, models as account_models, passwords, people
from gis.db import ACCOUNTS_LOGIN
from gis.text import Forbidden, Invalid, Missing, Text
from layers.password_words import BORDER_WORDS
from layers.policy import ADMINISTRATOR, ASSIGNABLE_ROLES

LOCAL_ADMINISTRATOR = "admin@machine"
"""The actor that the journal names for these commands."""


@contextmanager
def _open_accounts(urls: DatabaseUrls) -> Iterator[Accounts]:
    migrate(urls)
    accounts = Accounts(urls.logins[ACCOUNTS_LOGIN])
    try:
        yield accounts
    finally:
        accounts.dispose()


def read_password(file: Path | None, name: str) -> str:
    """Read the password from ``file``, or ask for it twice at the terminal.

    Raises ``Forbidden`` if other users may read the file or there is no terminal, ``Invalid`` for a weak password.
    """
    if file is not None:
        mode = file.stat().st_mode
        if stat.S_ISREG(mode) and mode & 0o077:
            raise Forbidden(
                Text(
                    f"{file} đang cho mọi người đọc; hãy đặt quyền 600 (chmod 600)",
                    f"{file} is readable by others; set mode 600 (chmod 600)",
                )
            )
        password = file.read_text("utf-8").strip("\r\n")
        passwords.validate_and_hash_password(password, name, common_words=BORDER_WORDS)
        return password
    if not sys.stdin.isatty():
        raise Forbidden(
            Text(
                "Không có dòng lệnh để nhập mật khẩu; hãy dùng --password-file",
                "There is no terminal to ask for the password; use --password-file",
            )
        )
    while True:
        password = typer.prompt("Mật khẩu · Password", hide_input=True, err=True)
        try:
            passwords.validate_and_hash_password(password, name, common_words=BORDER_WORDS)
        except Invalid as refusal:
            typer.echo(f"✗ {refusal.detail.vi}\n✗ {refusal.detail.en}", err=True)
            continue
        if typer.prompt("Nhập lại · Repeat it", hide_input=True, err=True) == password:
            return str(password)
        typer.echo("✗ Mật khẩu nhập lại không khớp · The passwords do not match", err=True)


def create(
    urls: DatabaseUrls, name: str, title: str | None, password_file: Path | None, *, second_factor: bool
) -> None:
    """Create an administrator and, with ``second_factor``, print the secret of a new one."""
    with _open_accounts(urls) as accounts:
        password = read_password(password_file, name)
        secret = passwords.new_second_factor() if second_factor else None
        with accounts.transaction(LOCAL_ADMINISTRATOR) as session:
            person = people.enrol(
                session,
                name,
                ADMINISTRATOR.name,
                title=title,
                password=password,
                common_words=BORDER_WORDS,
                second_factor=secret,
            )
    typer.echo(f"✓ Quản trị viên {person.name} · Administrator {person.name}", err=True)
    _print_second_factor(person.name, secret)


def reset(urls: DatabaseUrls, name: str, password_file: Path | None, *, second_factor: bool) -> None:
    """Set a new password, replace or remove the second factor, and end all sessions. Raises ``Missing``."""
    with _open_accounts(urls) as accounts:
        with accounts.transaction(LOCAL_ADMINISTRATOR) as session:
            person = people.find_person(session, name)
        if person is None:
            raise Missing(people.ACCOUNT_NOT_FOUND)
        password = read_password(password_file, person.name)
        with accounts.transaction(LOCAL_ADMINISTRATOR) as session:
            people.change_password(session, person.id, password, BORDER_WORDS)
            drop_second_factor(session, person.id)
            account = session.get_one(account_models.Person, person.id)
            account.failures, account.blocked_until = 0, None
            account.second_factor = secret = passwords.new_second_factor() if second_factor else None
    typer.echo(
        f"✓ {person.name}: mật khẩu mới, đã đăng xuất khỏi tất cả thiết bị · new password, signed out on all devices",
        err=True,
    )
    _print_second_factor(person.name, secret)


def list_administrators(urls: DatabaseUrls) -> None:
    """Print the active administrators: name, title, whether they have a second factor, and their last activity."""
    with _open_accounts(urls) as accounts, accounts.transaction(LOCAL_ADMINISTRATOR) as session:
        for person in people.list_people(session):
            if (
                person["dismissed_at"] is None
                and person["role"] in ASSIGNABLE_ROLES
                and ASSIGNABLE_ROLES[person["role"]].administrator
            ):
                factor = "2FA" if person["has_second_factor"] else "–"
                last_seen = f"{person['seen_at']:%Y-%m-%d %H:%M}Z" if person["seen_at"] else "–"
                typer.echo("\t".join((person["name"], person["title"] or "–", factor, last_seen)))


def _print_second_factor(name: str, secret: str | None) -> None:
    if secret is None:
        typer.echo(
            "  Xác thực hai lớp được bật khi đăng nhập lần đầu · Set up the second factor at the first sign-in",
            err=True,
        )
        return
    uri = passwords.provisioning_uri(secret, name, PRODUCT_NAME)
    typer.echo(
        "  Quét mã này bằng ứng dụng xác thực, chỉ hiển thị một lần · Scan it with an authenticator; it is shown once:",
        err=True,
    )
    segno.make(uri, error="l", micro=False).terminal(out=sys.stdout, compact=True)
    typer.echo(uri)
