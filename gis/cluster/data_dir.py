"""The data directory: its lock file, its owner, and whether the cluster's user reaches it."""

import fcntl
import json
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gis.cluster.programs import find_postgresql, run_as
from gis.text.errors import Conflict, Forbidden
from gis.text.i18n import Text


@contextmanager
def data_dir_lock(data_dir: Path, purpose: str) -> Iterator[Callable[[int], None]]:
    """Hold ``data_dir`` while the block runs; ``Conflict`` names whoever holds it already.

    The block is given a function that notes the port at which the holder serves. The hold is the
    kernel's (flock): it ends with its process, however that ends.
    """
    file = data_dir / "holder.json"
    try:
        make_directory(data_dir)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Forbidden(
            Text(f"Không ghi được vào {data_dir}: {error.strerror}", f"Cannot write to {data_dir}: {error.strerror}")
        ) from error
    with os.fdopen(descriptor, "r+") as note:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(_lock_holder_message(data_dir, note.read())) from None
        about = {"pid": os.getpid(), "doing": purpose, "since": datetime.now(UTC).isoformat(timespec="seconds")}

        def sign(port: int | None = None) -> None:
            note.seek(0)
            note.truncate()
            note.write(json.dumps(about | {"port": port}))
            note.flush()

        sign()
        yield sign
        note.seek(0)
        note.truncate()


def _lock_holder_message(data_dir: Path, note: str) -> Text:
    """Words for the second comer."""
    try:
        holder = json.loads(note)
    except ValueError:  # it has just begun and not signed yet
        return Text(f"{data_dir} đang có tiến trình khác giữ", f"Another process holds {data_dir}")
    where = f" · http://127.0.0.1:{holder['port']}" if holder["port"] else ""
    facts = f"PID {holder['pid']} ({holder['doing']})"
    return Text(
        f"{facts} đang giữ {data_dir} từ {holder['since']}{where}",
        f"{facts} has held {data_dir} since {holder['since']}{where}",
    )


def make_directory(path: Path) -> None:
    """Make ``place`` and what is missing above it, so that the cluster's user can pass whatever the umask is."""
    for directory in [*reversed(path.parents), path]:
        if not directory.exists():
            directory.mkdir()
            directory.chmod(0o711)


def reachable(data_dir: Path) -> bool:
    """Whether the user that would run a cluster in ``place`` can get there."""
    return _barrier(data_dir.resolve(), cluster_user(data_dir / "cluster")) is None


def cluster_user(files: Path) -> pwd.struct_passwd:
    """Who runs the cluster: whoever owns its files, else ourselves, or ``postgres`` when we are root."""
    try:
        owner = files.stat().st_uid
    except OSError:
        owner = os.geteuid()
    if os.geteuid() not in (0, owner):
        name = pwd.getpwuid(owner).pw_name
        raise Forbidden(
            Text(
                f"{files} thuộc {name}; hãy chạy bằng {name} hoặc root", f"{files} belongs to {name}; run as it or root"
            )
        )
    if owner:
        return pwd.getpwuid(owner)
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        find_postgresql()
        raise


def check_reachable(data_dir: Path, owner: pwd.struct_passwd) -> None:
    if barrier := _barrier(data_dir, owner):
        raise Forbidden(
            Text(
                f"Người dùng {owner.pw_name} chạy PostgreSQL không vào được {barrier}; hãy chọn --data-dir khác",
                f"{owner.pw_name}, who runs PostgreSQL, cannot enter {barrier}; choose another --data-dir",
            )
        )


def _barrier(path: Path, user: pwd.struct_passwd) -> Path | None:
    """The first directory on the way to ``place`` that ``user`` cannot enter, asked of the kernel itself."""
    for directory in [*reversed(path.parents), path]:
        if not directory.exists():
            return None
        if run_as(user, "/usr/bin/test", "-x", directory).returncode:
            return directory
    return None
