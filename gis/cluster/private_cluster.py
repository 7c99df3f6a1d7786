"""A private PostgreSQL cluster with PostGIS, created, started and stopped by this program.

It listens on a Unix socket only, without passwords: peer authentication identifies the user who connects. The socket
is in a short directory of its own, mode 0700, because a socket's path may have 107 bytes at most and the data
directory's may be longer. PostgreSQL refuses to run as root, so under root the cluster belongs to the user
``postgres`` of the distribution's package. The package's default cluster is never touched.
"""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from gis.cluster.data_dir import check_reachable, cluster_user, make_directory
from gis.cluster.programs import find_postgresql, run_as, wait_for
from gis.db.session import LOGINS
from gis.text.errors import Forbidden, Unavailable
from gis.text.i18n import Text

TIMEOUT_S = 60.0
"""Seconds that starting (with recovery) or stopping may take."""

MAX_SOCKET_PATH = 107
SOCKET_NAME = ".s.PGSQL.5432"

SETTINGS = """\
# Written at every start; changes belong in postgresql.auto.conf (ALTER SYSTEM).
listen_addresses = ''
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
max_connections = 250
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%a.log'
log_rotation_age = 1d
log_truncate_on_rotation = on
log_line_prefix = '%m [%p] %u@%d '
"""
DURABLE = "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\n"
NOT_DURABLE = (
    "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nwal_level = minimal\nmax_wal_senders = 0\n"
)


class Cluster:
    """The cluster in ``data_dir``; as a context manager it runs while the block does.

    A server that a killed process has left running there is adopted. Callers that start or stop a cluster hold
    ``data_dir_lock``.
    """

    def __init__(self, data_dir: Path, *, logins: Sequence[str] = ("postgres", *LOGINS), durable: bool = True) -> None:
        """Inspect ``data_dir`` without changing it.

        ``logins`` are the database roles that local users may connect as; without ``durable`` PostgreSQL does not
        flush to the disk. Raises ``Unavailable`` when no suitable PostgreSQL with PostGIS is installed, ``Forbidden``
        when the cluster's user cannot enter the directory or it belongs to another user.
        """
        self.data_dir = data_dir.resolve()
        self.cluster_dir = self.data_dir / "cluster"
        self.logins = tuple(logins)
        self.durable = durable
        self.owner = cluster_user(self.cluster_dir)
        check_reachable(self.data_dir, self.owner)
        self.version, self.binaries = find_postgresql(_cluster_version(self.cluster_dir))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # the server may run already when an interrupt comes
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Create the cluster if there is none, start or adopt its server, and return once it answers.

        PostgreSQL recovers by itself after ``kill -9`` or a power cut.
        """
        if not (self.cluster_dir / "PG_VERSION").exists():
            self._init_cluster()
        if not self._adopt():
            self._end_orphans()
            self._configure()
            self._run(
                "pg_ctl", "start", "-w", "-s", "-t", f"{TIMEOUT_S:.0f}", "-l", str(self.cluster_dir / "start.log")
            )

    def stop(self) -> None:
        """End all sessions and shut the server down; does nothing when it is not running.

        Sends SIGQUIT, after which the next start recovers, when a fast shutdown takes longer than a minute.
        """
        if (pid := self._postmaster()) is None:
            return
        socket_dir = self.socket_dir
        for shutdown in (signal.SIGINT, signal.SIGQUIT):  # fast, then immediate
            with suppress(ProcessLookupError):
                os.kill(pid, shutdown)
            if wait_for(lambda: self._postmaster() is None, TIMEOUT_S):
                break
        with suppress(OSError):
            socket_dir.rmdir()

    @property
    def running(self) -> bool:
        """Whether the cluster's server is running."""
        return self._postmaster() is not None

    @property
    def socket_dir(self) -> Path:
        """The directory of the socket: that of the running server, else that of the next start."""
        with suppress(OSError, IndexError):
            return Path((self.cluster_dir / "postmaster.pid").read_text().splitlines()[4])
        return _socket_dir(self.cluster_dir, self.owner)

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The SQLAlchemy URL of ``database``; ``requirepeer`` makes libpq check which user runs the server."""
        query = {"host": str(self.socket_dir), "requirepeer": self.owner.pw_name}
        return URL.create("postgresql+psycopg", user, database=database, query=query).render_as_string()

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, empty or as a copy of ``template``, to which no session may be connected.

        A template is copied with strategy FILE_COPY, which is faster than WAL_LOG for one with data.
        """
        strategy = "FILE_COPY" if template else "WAL_LOG"
        self._execute_as_admin(f"CREATE DATABASE {{}} TEMPLATE {{}} STRATEGY {strategy}", name, template or "template0")

    def drop_database(self, name: str) -> None:
        """Drop a database and end its sessions; no error when it does not exist."""
        self._execute_as_admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def has_database(self, name: str) -> bool:
        """Whether the database exists."""
        with self._connect() as connection:
            row = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
            return row is not None

    @classmethod
    @contextmanager
    def throwaway(cls, logins: Sequence[str] = ("postgres", *LOGINS), *, durable: bool = False) -> Iterator[Self]:
        """Run an empty cluster in a temporary directory and delete it afterwards: for tests and measurements."""
        data_dir = Path(tempfile.mkdtemp(prefix="cotmoc-"))
        try:
            data_dir.chmod(0o711)
            with cls(data_dir, logins=logins, durable=durable) as cluster, _removed_on_exit(cluster):
                yield cluster
        finally:
            shutil.rmtree(data_dir)

    def _init_cluster(self) -> None:
        """Run ``initdb`` in another directory and rename it: an interrupted run leaves no incomplete cluster."""
        unfinished = self.cluster_dir.with_name("cluster.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_directory(self.data_dir)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, self.owner.pw_uid, self.owner.pw_gid)
        self._run(
            "initdb", "--username=postgres", "--auth=reject", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
            *(() if self.durable else ("--no-sync",)),
            directory=unfinished,
        )  # fmt: skip
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write("\ninclude 'cotmoc.conf'\n")
        unfinished.rename(self.cluster_dir)

    def _configure(self) -> None:
        """Write the settings and the authentication files, and create the socket's directory.

        Raises ``Forbidden`` when that directory is accessible to another user: a server there could be replaced.
        """
        socket_dir = _socket_dir(self.cluster_dir, self.owner)
        socket_dir.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0 and socket_dir.lstat().st_uid == 0:
            os.chown(socket_dir, self.owner.pw_uid, self.owner.pw_gid)
        status = socket_dir.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != self.owner.pw_uid or status.st_mode & 0o077:
            raise Forbidden(
                Text(
                    f"{socket_dir} không thuộc riêng {self.owner.pw_name}, nên không đặt socket ở đó",
                    f"{socket_dir} is not accessible to {self.owner.pw_name} alone, so the socket cannot be put there",
                )
            )
        settings = SETTINGS.format(socket_dir=socket_dir) + (DURABLE if self.durable else NOT_DURABLE)
        # No server runs (see start), so any file in the socket's directory is left over from a killed one.
        for stale_file in socket_dir.iterdir():
            stale_file.unlink()
        systems = sorted({"root", "postgres", self.owner.pw_name, pwd.getpwuid(os.geteuid()).pw_name})
        ident_map = "".join(f'cotmoc "{system}" {login}\n' for system in systems for login in self.logins)
        self._write("cotmoc.conf", settings)
        self._write("pg_hba.conf", "local all all peer map=cotmoc\n")
        self._write("pg_ident.conf", ident_map)

    def _write(self, name: str, text: str) -> None:
        """Replace a file of the cluster, with mode 0600 for its owner."""
        file = self.cluster_dir / name
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(text)
        os.chown(file, self.owner.pw_uid, self.owner.pw_gid)

    def _adopt(self) -> bool:
        """Whether a running server answers and can be used; stops one that runs without answering."""
        deadline = time.monotonic() + TIMEOUT_S
        unreachable_since: float | None = None
        while self._postmaster() is not None and time.monotonic() < deadline:
            exit_code = run_as(self.owner, self.binaries / "pg_isready", "-q", "-h", self.socket_dir).returncode
            if exit_code == 0:
                return True
            # pg_isready exits with 1 while the server starts or stops, with 2 when nothing listens, as after the
            # socket's directory was deleted, which a running server does not create again.
            unreachable_since = None if exit_code == 1 else unreachable_since or time.monotonic()
            if unreachable_since and time.monotonic() - unreachable_since > 5:  # noqa: PLR2004 - seconds
                break
            time.sleep(0.1)
        self.stop()
        return False

    def _postmaster(self) -> int | None:
        """The process id of this cluster's running server; None also when ``postmaster.pid`` is stale."""
        try:
            pid = int((self.cluster_dir / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if pid in self._processes() else None

    def _processes(self) -> list[int]:
        """Running processes of this cluster: PostgreSQL's with the cluster's directory as working directory."""
        pids = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if process.joinpath("cwd").readlink() == self.cluster_dir and (
                    process.joinpath("exe").readlink().name.removesuffix(" (deleted)") == "postgres"
                ):
                    pids.append(int(process.name))
        return sorted(pids)

    def _end_orphans(self) -> None:
        """End backends that have outlived a killed server, and remove a stale ``postmaster.pid``.

        PostgreSQL refuses to start beside such backends, and takes any process of the same user that now has the old
        process id for its running server.
        """
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        wait_for(lambda: not self._processes(), TIMEOUT_S)
        (self.cluster_dir / "postmaster.pid").unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str, directory: Path | None = None) -> None:
        """Run a program of PostgreSQL as the cluster's owner. Raises ``Unavailable`` with its output on failure."""
        finished = run_as(self.owner, self.binaries / program, *arguments, "-D", directory or self.cluster_dir)
        if finished.returncode:
            output = (finished.stderr or finished.stdout).strip() + self._log_tail()
            raise Unavailable(Text(f"{program} không chạy được: {output}", f"{program} failed: {output}"))

    def _log_tail(self) -> str:
        """The last lines of the newest log, which say why a server does not start."""
        logs = [*self.cluster_dir.glob("log/*.log"), *self.cluster_dir.glob("start.log")]
        if not logs:
            return ""
        newest = max(logs, key=lambda log: log.stat().st_mtime)
        lines = newest.read_text(errors="replace").splitlines()[-5:]
        return "\n".join(["", f"{newest}:", *lines])

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.socket_dir),
            dbname="postgres",
            user="postgres",
            requirepeer=self.owner.pw_name,
            autocommit=True,
        )

    def _execute_as_admin(self, statement: str, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def login_url(url: str, user: str | None = None, password: str | None = None) -> str:
    """The database URL for another login or with another password, always with the psycopg driver."""
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    if user:
        parsed = parsed.set(username=user)
    if password:
        parsed = parsed.set(password=password)
    return parsed.render_as_string(hide_password=False)


def _cluster_version(cluster_dir: Path) -> int | None:
    """The major version of PostgreSQL that created the cluster; None when there is no cluster yet."""
    try:
        return int((cluster_dir / "PG_VERSION").read_text())
    except OSError:
        return None


def _socket_dir(cluster_dir: Path, owner: pwd.struct_passwd) -> Path:
    """A short path for the socket's directory, under a parent from which other users cannot delete it."""
    name = "cotmoc-" + hashlib.sha256(os.fsencode(cluster_dir)).hexdigest()[:12]
    if os.geteuid() == 0:
        return Path("/run", name)
    runtime_dir = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    fits = len(os.fsencode(runtime_dir / name / SOCKET_NAME)) <= MAX_SOCKET_PATH
    if fits and runtime_dir.is_dir() and os.access(runtime_dir, os.W_OK):
        return runtime_dir / name
    return Path("/tmp", f"{name}-{owner.pw_uid}")  # noqa: S108 - owner and mode are checked before use


CLEANUP_SCRIPT = """
exec >/dev/null 2>&1
read -r _
pid=$(head -n 1 "$1/cluster/postmaster.pid") && kill -QUIT "$pid"
while kill -0 "$pid"; do sleep 0.1; done
rm -rf "$1" "$2"
"""


@contextmanager
def _removed_on_exit(cluster: Cluster) -> Iterator[None]:
    """Remove a throw-away cluster also when this process is killed: a shell waits until its standard input closes."""
    command: list[str | Path] = ["/bin/sh", "-c", CLEANUP_SCRIPT, "sh", cluster.data_dir, cluster.socket_dir]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd="/", start_new_session=True) as watcher:
        try:
            yield
        finally:
            watcher.kill()
