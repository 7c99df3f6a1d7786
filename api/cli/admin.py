"""``./cotmoc admin``: the first administrator, and the way back in when a password or a second factor is lost.

Whoever may run this on the machine may do anything there anyway. Nothing secret is read from the command line, where
others see it, and nothing has a default.
"""

import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import segno
import typer

from api.cli.up import DatabaseUrls, migrate
from gis.accounts import Accounts, drop_second_factor, models as account_models, passwords, people
from gis.db import ACCOUNTS_LOGIN
from gis.text import Forbidden, Invalid, Missing, Text
from layers.policy import ADMINISTRATOR, ASSIGNABLE_ROLES

LOCAL_ADMINISTRATOR = "admin@machine"
"""Who acts here, in the journal: somebody at the machine itself."""


@contextmanager
def _open_accounts(urls: DatabaseUrls) -> Iterator[Accounts]:
    migrate(urls)
    door = Accounts(urls.logins[ACCOUNTS_LOGIN])
    try:
        yield door
    finally:
        door.dispose()


def read_password(file: Path | None, name: str) -> str:
    """The password from a file that nobody else may read, else asked for twice at the terminal.

    Raises ``Forbidden`` for a file open to others and where there is no terminal, ``Invalid`` for a weak password.
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
        passwords.validate_and_hash_password(password, name)
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
            passwords.validate_and_hash_password(password, name)
        except Invalid as refusal:
            typer.echo(f"✗ {refusal.detail.vi}\n✗ {refusal.detail.en}", err=True)
            continue
        if typer.prompt("Nhập lại · Once more", hide_input=True, err=True) == password:
            return str(password)
        typer.echo("✗ Mật khẩu nhập lại không khớp · The passwords do not match", err=True)


def create(
    urls: DatabaseUrls, name: str, title: str | None, password_file: Path | None, *, second_factor: bool
) -> None:
    """A new administrator."""
    with _open_accounts(urls) as door:
        password = read_password(password_file, name)
        shared = passwords.new_second_factor() if second_factor else None
        with door.transaction(LOCAL_ADMINISTRATOR) as session:
            person = people.enrol(
                session, name, ADMINISTRATOR.name, title=title, password=password, second_factor=shared
            )
    typer.echo(f"✓ Quản trị viên {person.name} · Administrator {person.name}", err=True)
    _print_second_factor(person.name, shared)


def reset(urls: DatabaseUrls, name: str, password_file: Path | None, *, second_factor: bool) -> None:
    """Another password and second factor for somebody; every sign-in ends. Raises ``Missing`` for nobody."""
    with _open_accounts(urls) as door:
        with door.transaction(LOCAL_ADMINISTRATOR) as session:
            person = people.find_person(session, name)
        if person is None:
            raise Missing(people.ACCOUNT_NOT_FOUND)
        password = read_password(password_file, person.name)
        with door.transaction(LOCAL_ADMINISTRATOR) as session:
            people.change_password(session, person.id, password)
            drop_second_factor(session, person.id)
            kept = session.get_one(account_models.Person, person.id)
            kept.failures, kept.blocked_until = 0, None
            kept.second_factor = shared = passwords.new_second_factor() if second_factor else None
    typer.echo(
        f"✓ {person.name}: mật khẩu mới, đã đăng xuất khỏi tất cả thiết bị · new password, signed out on all devices",
        err=True,
    )
    _print_second_factor(person.name, shared)


def list_administrators(urls: DatabaseUrls) -> None:
    """Who keeps the accounts."""
    with _open_accounts(urls) as door, door.transaction(LOCAL_ADMINISTRATOR) as session:
        for one in people.list_people(session):
            if (
                one["dismissed_at"] is None
                and one["role"] in ASSIGNABLE_ROLES
                and ASSIGNABLE_ROLES[one["role"]].administrator
            ):
                factor = "2FA" if one["has_second_factor"] else "–"
                seen = f"{one['seen_at']:%Y-%m-%d %H:%M}Z" if one["seen_at"] else "–"
                typer.echo("\t".join((one["name"], one["title"] or "–", factor, seen)))


def _print_second_factor(name: str, secret: str | None) -> None:
    if secret is None:
        typer.echo("  Xác thực hai lớp được bật khi đăng nhập lần đầu · Second factor at the first sign-in", err=True)
        return
    address = passwords.provisioning_uri(secret, name)
    typer.echo("  Quét mã này bằng ứng dụng xác thực, chỉ hiển thị một lần · Scan now, it is shown once:", err=True)
    segno.make(address, error="l", micro=False).terminal(out=sys.stdout, compact=True)
    typer.echo(address)
