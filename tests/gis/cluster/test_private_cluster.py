"""The private cluster with real processes, signals and files."""

import getpass
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gis.cluster import private_cluster, programs
from gis.cluster.data_dir import data_dir_lock, reachable
from gis.cluster.private_cluster import Cluster, login_url
from gis.cluster.programs import find_postgresql
from gis.db.session import READER_LOGIN, WRITER_LOGIN
from gis.text.errors import Conflict, Forbidden, Unavailable
from tests.process_kill import kill

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user, whom only root can become")


@pytest.fixture(scope="module")
def data_root() -> Iterator[Path]:
    """A directory that the cluster's user can enter, unlike pytest's ``tmp_path`` under root."""
    directory = Path(tempfile.mkdtemp(prefix="cotmoc-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def durable_cluster(data_root: Path) -> Iterator[Cluster]:
    """A durable cluster in a path with spaces and Vietnamese letters, too long for a socket."""
    cluster = Cluster(data_root / "Đồn biên phòng cửa khẩu quốc tế" / "thư mục có tên rất dài" / "dữ liệu" / ("x" * 40))
    assert len(os.fsencode(cluster.cluster_dir / private_cluster.SOCKET_NAME)) > private_cluster.MAX_SOCKET_PATH
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(durable_cluster: Cluster) -> Iterator[Cluster]:
    """The same cluster, running at the beginning and the end of each test."""
    durable_cluster.start()
    yield durable_cluster
    durable_cluster.start()


def query(cluster: Cluster, statement: str, database: str = "postgres", login: str = "postgres") -> object:
    url = cluster.url(database, login).replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchone()[0]


def test_throwaway_cluster_has_postgis_copies_templates_and_is_removed():
    with Cluster.throwaway() as cluster:
        cluster.create_database("template")
        with psycopg.connect(cluster.url("template").replace("+psycopg", "")) as connection:
            connection.execute("create extension postgis")
        cluster.create_database("copy", template="template")
        assert query(cluster, "select st_astext(st_point(106, 11))", "copy") == "POINT(106 11)"
        cluster.drop_database("copy")
        cluster.drop_database("copy")
        assert cluster.has_database("template")
        assert not cluster.has_database("copy")
        data_dir, socket_dir = cluster.data_dir, cluster.socket_dir
    assert not data_dir.exists()
    assert not socket_dir.exists()
    assert not cluster.running


KILLED_RUN = """
from gis.cluster.private_cluster import Cluster
with Cluster.throwaway() as cluster:
    print(cluster.data_dir, cluster.socket_dir, flush=True)
    input()
"""


def test_throwaway_cluster_is_removed_after_a_killed_test_run():
    checkout = Path(private_cluster.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(checkout)},
    ) as run:  # fmt: skip
        directories = [Path(path) for path in run.stdout.readline().split()]
        assert all(directory.exists() for directory in directories)
        run.kill()
    assert programs.wait_for(lambda: not any(directory.exists() for directory in directories), 30)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("data_checksums", "on"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("timezone", "UTC"),
        ("max_connections", "250"),
    ],
)
def test_cluster_is_durable_and_listens_on_no_network(cluster: Cluster, setting: str, value: str):
    assert query(cluster, f"show {setting}") == value


def test_icu_collation_sorts_vietnamese(cluster: Cluster):
    words = "(values ('đa'), ('da'), ('dê'), ('ea')) as word(w)"
    statement = f"""select string_agg(w, ' ' order by w collate "vi-x-icu") from {words}"""
    assert query(cluster, statement) == "da dê đa ea"


def test_committed_data_survives_kill_9_of_every_process(cluster: Cluster):
    with psycopg.connect(cluster.url().replace("+psycopg", "")) as connection:
        connection.execute("create table if not exists survivor as select 147 as number")
    kill(cluster._processes())
    assert programs.wait_for(lambda: not cluster.running, 10)
    cluster.start()
    assert query(cluster, "select number from survivor") == 147


def test_server_starts_beside_backends_of_a_killed_one(cluster: Cluster):
    with psycopg.connect(cluster.url().replace("+psycopg", ""), autocommit=True) as busy:
        backend = busy.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        os.kill(cluster._postmaster(), signal.SIGKILL)
        assert programs.wait_for(lambda: not cluster.running, 10)
        assert backend in cluster._processes()
        os.kill(backend, signal.SIGCONT)
        cluster.start()
    assert query(cluster, "select 1") == 1


def test_second_start_uses_the_running_server(cluster: Cluster):
    before = cluster._postmaster()
    again = Cluster(cluster.data_dir)
    again.start()
    assert again._postmaster() == before
    assert again.socket_dir == cluster.socket_dir


def test_cluster_without_its_socket_is_restarted(cluster: Cluster):
    before = cluster._postmaster()
    shutil.rmtree(cluster.socket_dir)
    cluster.start()
    assert cluster._postmaster() != before
    assert query(cluster, "select 1") == 1


def test_stale_process_id_of_another_process_is_ignored(cluster: Cluster):
    cluster.stop()
    root = os.geteuid() == 0
    other_process = subprocess.Popen(["sleep", "60"], user=cluster.owner.pw_uid if root else None)
    try:
        cluster._write("postmaster.pid", f"{other_process.pid}\n{cluster.cluster_dir}\n0\n5432\n{cluster.socket_dir}\n")
        assert not cluster.running
        cluster.start()
        assert query(cluster, "select 1") == 1
        assert other_process.poll() is None
    finally:
        other_process.kill()
        other_process.wait()


def test_stop_ends_sessions_and_processes(cluster: Cluster):
    with psycopg.connect(cluster.url().replace("+psycopg", "")) as connection:
        cluster.stop()
        assert cluster._processes() == []
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    cluster.stop()


def test_interrupted_initdb_is_repeated(data_root: Path):
    data_dir = data_root / "interrupted"
    (data_dir / "cluster.new" / "base").mkdir(parents=True)
    data_dir.chmod(0o711)
    (data_dir / "cluster.new" / "PG_VERSION").write_text("15\n")
    with Cluster(data_dir, durable=False) as cluster:
        assert query(cluster, "select 1") == 1
    assert not (data_dir / "cluster.new").exists()


INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
from gis.cluster.private_cluster import Cluster

signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
start = threading.Thread.start

def start_and_interrupt(thread):
    start(thread)
    os.kill(os.getpid(), signal.SIGINT)

cluster = Cluster(Path(sys.argv[1]), durable=False)
threading.Thread.start = start_and_interrupt
with cluster:
    print("the signal got lost")
"""


def test_start_interrupted_at_its_beginning_leaves_no_server(cluster: Cluster):
    """The worst moment: the thread that runs ``pg_ctl`` has started, and the executor does not know it yet."""
    cluster.stop()
    checkout = Path(private_cluster.__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, cluster.data_dir], capture_output=True, text=True, check=False, cwd=checkout
    )
    assert "KeyboardInterrupt" in ended.stderr
    assert not ended.stdout
    assert not cluster._processes()


def test_application_logins_use_peer_authentication(cluster: Cluster):
    for login in (READER_LOGIN, WRITER_LOGIN):
        assert login in private_cluster.LOGINS
        with psycopg.connect(cluster.url().replace("+psycopg", "")) as connection:
            connection.execute(f"drop role if exists {login}")
            connection.execute(f"create role {login} login")
        assert query(cluster, "select current_user", login=login) == login


@only_root
def test_other_local_users_cannot_connect(cluster: Cluster):
    attempt = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    finished = subprocess.run(
        ["/usr/bin/python3", "-c", attempt, cluster.socket_dir / private_cluster.SOCKET_NAME],
        user="nobody", group="nogroup", extra_groups=[], cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "PermissionError" in finished.stderr


@only_root
def test_socket_directory_of_another_user_is_refused(data_root: Path):
    cluster = Cluster(data_root / "hijacked", durable=False)
    hijacked = private_cluster._socket_dir(cluster.cluster_dir, cluster.owner)
    hijacked.mkdir()
    try:
        shutil.chown(hijacked, "nobody", "nogroup")
        with pytest.raises(Forbidden, match="alone"):
            cluster.start()
    finally:
        hijacked.rmdir()


@only_root
def test_unreachable_data_directory_is_refused_by_name(data_root: Path):
    closed = data_root / "closed"
    closed.mkdir(mode=0o700)
    assert not reachable(closed / "data")
    assert reachable(data_root / "data")
    with pytest.raises(Forbidden) as refused:
        Cluster(closed / "data")
    assert str(closed) in refused.value.detail.vi
    assert str(closed) in refused.value.detail.en
    assert not (closed / "data").exists()


@only_root
def test_restrictive_umask_does_not_exclude_the_cluster_user(data_root: Path):
    previous = os.umask(0o077)
    try:
        with Cluster(data_root / "new" / "deep", durable=False) as cluster:
            assert query(cluster, "select 1") == 1
    finally:
        os.umask(previous)


LOCK = """
import sys, time
from pathlib import Path
from gis.cluster import data_dir_lock
with data_dir_lock(Path(sys.argv[1]), "up") as write_port:
    write_port(8123)
    print("locked", flush=True)
    time.sleep(60)
"""


def test_lock_conflict_names_the_holder_and_ends_with_its_process(data_root: Path):
    checkout = Path(private_cluster.__file__).parents[2]
    holder = subprocess.Popen(
        [sys.executable, "-c", LOCK, data_root / "locked"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": checkout},
    )
    with holder:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(Conflict) as refused, data_dir_lock(data_root / "locked", "up"):
            pass
        assert f"PID {holder.pid}" in refused.value.detail.en
        assert "http://127.0.0.1:8123" in refused.value.detail.vi
        holder.kill()
    with (
        data_dir_lock(data_root / "locked", "migrate"),
        pytest.raises(Conflict, match="migrate"),
        data_dir_lock(data_root / "locked", "up"),
    ):
        pass


def test_unwritable_data_directory_is_refused_with_the_reason(data_root: Path):
    (data_root / "file").write_text("")
    with pytest.raises(Forbidden, match="Not a directory"), data_dir_lock(data_root / "file" / "data", "up"):
        pass


def test_missing_postgresql_is_reported_with_the_packages_to_install():
    assert find_postgresql()[0] >= programs.MIN_VERSION
    with pytest.raises(Unavailable, match="apt-get install postgresql-99 postgresql-99-postgis-3"):
        find_postgresql(99)


def test_failed_start_reports_the_log(data_root: Path):
    with Cluster(data_root / "broken", durable=False) as cluster:
        pass
    with (cluster.cluster_dir / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'plenty'\n")
    with pytest.raises(Unavailable, match="plenty"):
        cluster.start()
    cluster.socket_dir.rmdir()


def test_login_url_keeps_the_server_and_changes_the_login():
    url = "postgres://admin:a%40b@db.example:5433/border?sslmode=require"
    assert login_url(url) == "postgresql+psycopg://admin:a%40b@db.example:5433/border?sslmode=require"
    assert login_url(url, "reader", "c/d") == (
        "postgresql+psycopg://reader:c%2Fd@db.example:5433/border?sslmode=require"
    )


def test_url_requires_the_server_user(cluster: Cluster):
    assert f"requirepeer={cluster.owner.pw_name}" in cluster.url()
    assert cluster.owner.pw_name == ("postgres" if os.geteuid() == 0 else getpass.getuser())
