"""The data directory: its lock file, its owner, and whether the cluster's user can enter it."""

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
    """Lock ``data_dir`` while the block runs.

    Yields a function that writes the port of the server into the lock file, for the message to other processes. The
    lock is ``flock``, so the kernel releases it when the process ends. Raises ``Conflict``, which names the process
    that has the lock, when it is taken, and ``Forbidden`` when the directory is not writable.
    """
    file = data_dir / "holder.json"
    try:
        make_directory(data_dir)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Forbidden(
            Text(f"Không ghi được vào {data_dir}: {error.strerror}", f"Cannot write to {data_dir}: {error.strerror}")
        ) from error
    with os.fdopen(descriptor, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(_lock_holder_message(data_dir, lock.read())) from None
        holder = {"pid": os.getpid(), "doing": purpose, "since": datetime.now(UTC).isoformat(timespec="seconds")}

        def write_port(port: int | None = None) -> None:
            lock.seek(0)
            lock.truncate()
            lock.write(json.dumps(holder | {"port": port}))
            lock.flush()

        write_port()
        yield write_port
        lock.seek(0)
        lock.truncate()


def _lock_holder_message(data_dir: Path, content: str) -> Text:
    """The message that the lock is taken, from the content of the lock file."""
    try:
        holder = json.loads(content)
    except ValueError:  # the other process has the lock but has not written the file yet
        return Text(f"{data_dir} đang có tiến trình khác giữ", f"Another process is using {data_dir}")
    url = f" · http://127.0.0.1:{holder['port']}" if holder["port"] else ""
    facts = f"PID {holder['pid']} ({holder['doing']})"
    return Text(
        f"{facts} đang giữ {data_dir} từ {holder['since']}{url}",
        f"{facts} has been using {data_dir} since {holder['since']}{url}",
    )


def make_directory(path: Path) -> None:
    """Create ``path`` and its missing parents with mode 0711 whatever the umask, so that other users can enter it."""
    for directory in [*reversed(path.parents), path]:
        if not directory.exists():
            directory.mkdir()
            directory.chmod(0o711)


def reachable(data_dir: Path) -> bool:
    """Whether the user that would run a cluster in ``data_dir`` can enter it."""
    return _first_inaccessible_directory(data_dir.resolve(), cluster_user(data_dir / "cluster")) is None


def cluster_user(cluster_dir: Path) -> pwd.struct_passwd:
    """The user who runs the cluster: the owner of its directory, else the current user, or ``postgres`` under root.

    Raises ``Forbidden`` when the directory belongs to another user and the current one is not root.
    """
    try:
        owner = cluster_dir.stat().st_uid
    except OSError:
        owner = os.geteuid()
    if os.geteuid() not in (0, owner):
        name = pwd.getpwuid(owner).pw_name
        raise Forbidden(
            Text(
                f"{cluster_dir} thuộc {name}; hãy chạy bằng {name} hoặc root",
                f"{cluster_dir} belongs to {name}; run as {name} or root",
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
    """Raise ``Forbidden`` when ``owner`` cannot enter ``data_dir``."""
    if directory := _first_inaccessible_directory(data_dir, owner):
        raise Forbidden(
            Text(
                f"Người dùng {owner.pw_name} chạy PostgreSQL không vào được {directory}; hãy chọn --data-dir khác",
                f"User {owner.pw_name}, who runs PostgreSQL, cannot enter {directory}; choose another --data-dir",
            )
        )


def _first_inaccessible_directory(path: Path, user: pwd.struct_passwd) -> Path | None:
    """The first directory above or at ``path`` that ``user`` cannot enter, tested as that user."""
    for directory in [*reversed(path.parents), path]:
        if not directory.exists():
            return None
        if run_as(user, "/usr/bin/test", "-x", directory).returncode:
            return directory
    return None
