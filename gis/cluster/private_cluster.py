"""A private PostgreSQL cluster with PostGIS, made, started and stopped by this software alone.

It listens on a Unix socket only, in a short directory that nobody but its owner enters, because
a socket's path may have 107 bytes at most while a checkout's may have any number. Who connects
is told by the kernel (peer authentication): there are no passwords to keep. PostgreSQL refuses to
run as root, so under root the cluster belongs to the user ``postgres`` of the distribution's
package; the package's own default cluster is never touched.
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
"""Seconds that a start, a recovery or a stop may take before it counts as failed."""

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
    """One embedded cluster in ``data_dir``; as a context manager it runs while the block does.

    One that runs there already, left behind by a process that was killed, is adopted. Whoever starts
    or stops a cluster holds its directory (``held``).
    """

    def __init__(self, data_dir: Path, *, logins: Sequence[str] = ("postgres", *LOGINS), durable: bool = True) -> None:
        """Look at ``data_dir`` without changing it.

        Raises ``Unavailable`` when no PostgreSQL with PostGIS fits, ``Forbidden`` when the
        cluster's user cannot reach the directory or the directory belongs to somebody else.
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
        except BaseException:  # interrupted half way, perhaps after the server has begun
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Make the cluster when there is none, then run or adopt it, and return when it answers.

        A start after ``kill -9`` or a power cut recovers by itself.
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
        """End all sessions and shut down cleanly; does nothing when nothing runs."""
        if (pid := self._postmaster()) is None:
            return
        socket_dir = self.socket_dir
        for how in (signal.SIGINT, signal.SIGQUIT):
            with suppress(ProcessLookupError):
                os.kill(pid, how)
            if wait_for(lambda: self._postmaster() is None, TIMEOUT_S):
                break
        with suppress(OSError):
            socket_dir.rmdir()

    @property
    def running(self) -> bool:
        """Whether the cluster's server process lives."""
        return self._postmaster() is not None

    @property
    def socket_dir(self) -> Path:
        """Where its socket lies: as the running server has written it, else where the next start puts it."""
        with suppress(OSError, IndexError):
            return Path((self.cluster_dir / "postmaster.pid").read_text().splitlines()[4])
        return _socket_dir(self.cluster_dir, self.owner)

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The SQLAlchemy address of ``database``; libpq checks that the server is run by our own user."""
        query = {"host": str(self.socket_dir), "requirepeer": self.owner.pw_name}
        return URL.create("postgresql+psycopg", user, database=database, query=query).render_as_string()

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create ``name``, empty or as a copy of the database ``template``, which nobody may be using.

        A template that is more than empty is copied file by file, which is quicker than through the log.
        """
        strategy = "FILE_COPY" if template else "WAL_LOG"
        self._execute_as_admin(f"CREATE DATABASE {{}} TEMPLATE {{}} STRATEGY {strategy}", name, template or "template0")

    def drop_database(self, name: str) -> None:
        """Drop ``name`` and end the sessions in it; no error when it does not exist."""
        self._execute_as_admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def has_database(self, name: str) -> bool:
        """Whether a database ``name`` exists."""
        with self._connect() as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            return found.fetchone() is not None

    @classmethod
    @contextmanager
    def throwaway(cls, logins: Sequence[str] = ("postgres", *LOGINS), *, durable: bool = False) -> Iterator[Self]:
        """Run an empty cluster that is gone afterwards. Unless durable it skips every disk flush: for tests only."""
        place = Path(tempfile.mkdtemp(prefix="cotmoc-"))
        try:
            place.chmod(0o711)
            with cls(place, logins=logins, durable=durable) as cluster, _removed_on_exit(cluster):
                yield cluster
        finally:
            shutil.rmtree(place)

    def _init_cluster(self) -> None:
        """Run ``initdb`` beside the final place and rename, so that a half-made cluster is never taken for one."""
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
        """Write the settings and who may connect, and make the socket's directory."""
        socket_dir = _socket_dir(self.cluster_dir, self.owner)
        socket_dir.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0 and socket_dir.lstat().st_uid == 0:
            os.chown(socket_dir, self.owner.pw_uid, self.owner.pw_gid)
        found = socket_dir.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.owner.pw_uid or found.st_mode & 0o077:
            raise Forbidden(
                Text(
                    f"{socket_dir} không thuộc riêng {self.owner.pw_name}, nên không đặt socket ở đó",
                    f"{socket_dir} is not {self.owner.pw_name}'s alone, so no socket is put there",
                )
            )
        settings = SETTINGS.format(socket_dir=socket_dir) + (DURABLE if self.durable else NOT_DURABLE)
        # Nobody lives here (see start), so whatever lies in the socket's directory is left over.
        for remnant in socket_dir.iterdir():
            remnant.unlink()
        systems = sorted({"root", "postgres", self.owner.pw_name, pwd.getpwuid(os.geteuid()).pw_name})
        idents = "".join(f'cotmoc "{system}" {login}\n' for system in systems for login in self.logins)
        self._write("cotmoc.conf", settings)
        self._write("pg_hba.conf", "local all all peer map=cotmoc\n")
        self._write("pg_ident.conf", idents)

    def _write(self, name: str, text: str) -> None:
        """Replace one of the cluster's own files, for its owner alone."""
        file = self.cluster_dir / name
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(text)
        os.chown(file, self.owner.pw_uid, self.owner.pw_gid)

    def _adopt(self) -> bool:
        """Take over a server that runs and answers; end one that runs and does not."""
        deadline = time.monotonic() + TIMEOUT_S
        silent_since: float | None = None
        while self._postmaster() is not None and time.monotonic() < deadline:
            answer = run_as(self.owner, self.binaries / "pg_isready", "-q", "-h", self.socket_dir).returncode
            if answer == 0:
                return True
            # 1: it is starting or stopping and says so. 2: nobody listens, perhaps because the
            # socket's directory was cleared away, and nobody ever will.
            silent_since = None if answer == 1 else silent_since or time.monotonic()
            if silent_since and time.monotonic() - silent_since > 5:  # noqa: PLR2004 - seconds
                break
            time.sleep(0.1)
        self.stop()
        return False

    def _postmaster(self) -> int | None:
        """The process id of the living server of this directory, whatever a stale file says."""
        try:
            pid = int((self.cluster_dir / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if pid in self._processes() else None

    def _processes(self) -> list[int]:
        """Living processes of this cluster: PostgreSQL's programs that have its directory as their own."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if process.joinpath("cwd").readlink() == self.cluster_dir and (
                    process.joinpath("exe").readlink().name.removesuffix(" (deleted)") == "postgres"
                ):
                    found.append(int(process.name))
        return sorted(found)

    def _end_orphans(self) -> None:
        """End what outlived its killed server, and forget a process id that now names something else.

        PostgreSQL itself refuses to start beside orphans, and would take any process of the same
        user that happens to have the old number for its living server.
        """
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        wait_for(lambda: not self._processes(), TIMEOUT_S)
        (self.cluster_dir / "postmaster.pid").unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str, directory: Path | None = None) -> None:
        """Run one of PostgreSQL's programs as the cluster's owner."""
        finished = run_as(self.owner, self.binaries / program, *arguments, "-D", directory or self.cluster_dir)
        if finished.returncode:
            said = (finished.stderr or finished.stdout).strip() + self._log_tail()
            raise Unavailable(Text(f"{program} không chạy được: {said}", f"{program} failed: {said}"))

    def _log_tail(self) -> str:
        """The end of the newest log, for whoever has to find out why it does not start."""
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
    """The address ``url`` for another login or with another password, spoken by the one driver of the house."""
    address = make_url(url).set(drivername="postgresql+psycopg")
    if user:
        address = address.set(username=user)
    if password:
        address = address.set(password=password)
    return address.render_as_string(hide_password=False)


def _cluster_version(files: Path) -> int | None:
    """The major version that made the cluster, or None when there is none yet."""
    try:
        return int((files / "PG_VERSION").read_text())
    except OSError:
        return None


def _socket_dir(files: Path, owner: pwd.struct_passwd) -> Path:
    """A short directory of this cluster's own, under a parent that others cannot write to or cannot delete from."""
    name = "cotmoc-" + hashlib.sha256(os.fsencode(files)).hexdigest()[:12]
    if os.geteuid() == 0:
        return Path("/run", name)
    own = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    if own.is_dir() and os.access(own, os.W_OK) and len(os.fsencode(own / name / SOCKET_NAME)) <= MAX_SOCKET_PATH:
        return own / name
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
    """See a throw-away cluster off even when this process is killed: a pipe that only we hold open then closes."""
    command: list[str | Path] = ["/bin/sh", "-c", CLEANUP_SCRIPT, "sh", cluster.data_dir, cluster.socket_dir]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd="/", start_new_session=True) as watch:
        try:
            yield
        finally:
            watch.kill()
