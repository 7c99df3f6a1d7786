"""The private cluster, with real processes, real signals and a real file system."""

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
    """A directory that the cluster's user reaches, as pytest's own under root is not."""
    place = Path(tempfile.mkdtemp(prefix="cotmoc-test-"))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def durable_cluster(data_root: Path) -> Iterator[Cluster]:
    """One durable cluster, in a path with spaces and Vietnamese letters that no socket could have."""
    cluster = Cluster(data_root / "Đồn biên phòng cửa khẩu quốc tế" / "thư mục có tên rất dài" / "dữ liệu" / ("x" * 40))
    assert len(os.fsencode(cluster.cluster_dir / private_cluster.SOCKET_NAME)) > private_cluster.MAX_SOCKET_PATH
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(durable_cluster: Cluster) -> Iterator[Cluster]:
    """The same cluster, running at the beginning and at the end of each test."""
    durable_cluster.start()
    yield durable_cluster
    durable_cluster.start()


def ask(cluster: Cluster, question: str, database: str = "postgres", login: str = "postgres") -> object:
    url = cluster.url(database, login).replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        return connection.execute(question).fetchone()[0]


def test_a_throwaway_cluster_speaks_postgis_copies_templates_and_leaves_nothing():
    with Cluster.throwaway() as cluster:
        cluster.create_database("template")
        with psycopg.connect(cluster.url("template").replace("+psycopg", "")) as connection:
            connection.execute("create extension postgis")
        cluster.create_database("copy", template="template")
        assert ask(cluster, "select st_astext(st_point(106, 11))", "copy") == "POINT(106 11)"
        cluster.drop_database("copy")
        cluster.drop_database("copy")
        assert cluster.has_database("template")
        assert not cluster.has_database("copy")
        data_dir, socket_dir = cluster.data_dir, cluster.socket_dir
    assert not data_dir.exists()
    assert not socket_dir.exists()
    assert not cluster.running


FORSAKE = """
from gis.cluster.private_cluster import Cluster
with Cluster.throwaway() as cluster:
    print(cluster.data_dir, cluster.socket_dir, flush=True)
    input()
"""


def test_a_throwaway_cluster_does_not_outlive_a_killed_test_run():
    checkout = Path(private_cluster.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", FORSAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(checkout)},
    ) as run:  # fmt: skip
        left = [Path(place) for place in run.stdout.readline().split()]
        assert all(place.exists() for place in left)
        run.kill()
    assert programs._wait_for(lambda: not any(place.exists() for place in left), 30)


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
def test_a_real_cluster_is_durable_and_listens_on_no_network(cluster: Cluster, setting: str, value: str):
    assert ask(cluster, f"show {setting}") == value


def test_collations_of_the_unicode_consortium_sort_vietnamese(cluster: Cluster):
    words = "(values ('đa'), ('da'), ('dê'), ('ea')) as word(w)"
    in_order = f"""select string_agg(w, ' ' order by w collate "vi-x-icu") from {words}"""
    assert ask(cluster, in_order) == "da dê đa ea"


def test_what_is_committed_survives_the_killing_of_every_process(cluster: Cluster):
    with psycopg.connect(cluster.url().replace("+psycopg", "")) as connection:
        connection.execute("create table if not exists survivor as select 147 as number")
    kill(cluster._processes())
    assert programs._wait_for(lambda: not cluster.running, 10)
    cluster.start()
    assert ask(cluster, "select number from survivor") == 147


def test_orphans_of_a_killed_server_do_not_keep_the_next_one_away(cluster: Cluster):
    with psycopg.connect(cluster.url().replace("+psycopg", ""), autocommit=True) as busy:
        backend = busy.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        os.kill(cluster._postmaster(), signal.SIGKILL)
        assert programs._wait_for(lambda: not cluster.running, 10)
        assert backend in cluster._processes()
        os.kill(backend, signal.SIGCONT)
        cluster.start()
    assert ask(cluster, "select 1") == 1


def test_a_cluster_that_runs_already_is_adopted(cluster: Cluster):
    before = cluster._postmaster()
    again = Cluster(cluster.data_dir)
    again.start()
    assert again._postmaster() == before
    assert again.socket_dir == cluster.socket_dir


def test_a_cluster_whose_socket_was_cleared_away_is_started_anew(cluster: Cluster):
    before = cluster._postmaster()
    shutil.rmtree(cluster.socket_dir)
    cluster.start()
    assert cluster._postmaster() != before
    assert ask(cluster, "select 1") == 1


def test_a_stale_process_id_that_now_names_somebody_else_is_not_believed(cluster: Cluster):
    cluster.stop()
    root = os.geteuid() == 0
    stranger = subprocess.Popen(["sleep", "60"], user=cluster.owner.pw_uid if root else None)
    try:
        cluster._write("postmaster.pid", f"{stranger.pid}\n{cluster.cluster_dir}\n0\n5432\n{cluster.socket_dir}\n")
        assert not cluster.running
        cluster.start()
        assert ask(cluster, "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_stopping_ends_the_sessions_and_every_process(cluster: Cluster):
    with psycopg.connect(cluster.url().replace("+psycopg", "")) as connection:
        cluster.stop()
        assert cluster._processes() == []
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    cluster.stop()


def test_an_interrupted_initdb_is_begun_again(data_root: Path):
    data_dir = data_root / "interrupted"
    (data_dir / "cluster.new" / "base").mkdir(parents=True)
    data_dir.chmod(0o711)
    (data_dir / "cluster.new" / "PG_VERSION").write_text("15\n")
    with Cluster(data_dir, durable=False) as cluster:
        assert ask(cluster, "select 1") == 1
    assert not (data_dir / "cluster.new").exists()


INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
from gis.cluster.private_cluster import Cluster

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
begin = threading.Thread.start

def begin_and_be_interrupted(thread):
    begin(thread)
    os.kill(os.getpid(), signal.SIGINT)

cluster = Cluster(Path(sys.argv[1]), durable=False)
threading.Thread.start = begin_and_be_interrupted
with cluster:
    print("the signal got lost")
"""


def test_interrupted_at_the_very_beginning_of_a_start_it_leaves_no_server(cluster: Cluster):
    """The worst moment: the thread that runs ``pg_ctl`` lives, and nobody has noted that it does."""
    cluster.stop()
    checkout = Path(private_cluster.__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, cluster.data_dir], capture_output=True, text=True, check=False, cwd=checkout
    )
    assert "KeyboardInterrupt" in ended.stderr
    assert not ended.stdout
    assert not cluster._processes()


def test_the_application_logs_in_without_a_password_because_the_kernel_vouches(cluster: Cluster):
    for login in (READER_LOGIN, WRITER_LOGIN):
        assert login in private_cluster.LOGINS
        with psycopg.connect(cluster.url().replace("+psycopg", "")) as connection:
            connection.execute(f"drop role if exists {login}")
            connection.execute(f"create role {login} login")
        assert ask(cluster, "select current_user", login=login) == login


@only_root
def test_another_user_of_the_machine_gets_no_connection(cluster: Cluster):
    attempt = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    tried = subprocess.run(
        ["/usr/bin/python3", "-c", attempt, cluster.socket_dir / private_cluster.SOCKET_NAME],
        user="nobody", group="nogroup", extra_groups=[], cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "PermissionError" in tried.stderr


@only_root
def test_a_socket_directory_that_somebody_else_laid_out_is_not_used(data_root: Path):
    cluster = Cluster(data_root / "hijacked", durable=False)
    trap = private_cluster._socket_dir(cluster.cluster_dir, cluster.owner)
    trap.mkdir()
    try:
        shutil.chown(trap, "nobody", "nogroup")
        with pytest.raises(Forbidden, match="alone"):
            cluster.start()
    finally:
        trap.rmdir()


@only_root
def test_a_data_directory_that_the_cluster_s_user_cannot_reach_is_refused_by_name(data_root: Path):
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
def test_a_tight_umask_does_not_lock_the_cluster_s_user_out(data_root: Path):
    before = os.umask(0o077)
    try:
        with Cluster(data_root / "new" / "deep", durable=False) as cluster:
            assert ask(cluster, "select 1") == 1
    finally:
        os.umask(before)


HOLD = """
import sys, time
from pathlib import Path
from gis.cluster.private_cluster import data_dir_lock
with data_dir_lock(Path(sys.argv[1]), "up") as sign:
    sign(8123)
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_comer_is_told_who_holds_the_directory_and_a_killed_holder_holds_nothing(data_root: Path):
    checkout = Path(private_cluster.__file__).parents[2]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, data_root / "held"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": checkout},
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Conflict) as refused, data_dir_lock(data_root / "held", "up"):
            pass
        assert f"PID {holder.pid}" in refused.value.detail.en
        assert "http://127.0.0.1:8123" in refused.value.detail.vi
        holder.kill()
    with (
        data_dir_lock(data_root / "held", "migrate"),
        pytest.raises(Conflict, match="migrate"),
        data_dir_lock(data_root / "held", "up"),
    ):
        pass


def test_a_directory_that_cannot_be_written_is_refused_with_the_reason(data_root: Path):
    (data_root / "file").write_text("")
    with pytest.raises(Forbidden, match="Not a directory"), data_dir_lock(data_root / "file" / "data", "up"):
        pass


def test_a_missing_postgresql_is_answered_with_the_line_to_type():
    assert find_postgresql()[0] >= programs.MIN_VERSION
    with pytest.raises(Unavailable, match="apt-get install postgresql-99 postgresql-99-postgis-3"):
        find_postgresql(99)


def test_why_a_cluster_does_not_start_is_said(data_root: Path):
    with Cluster(data_root / "broken", durable=False) as cluster:
        pass
    with (cluster.cluster_dir / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'plenty'\n")
    with pytest.raises(Unavailable, match="plenty"):
        cluster.start()
    cluster.socket_dir.rmdir()


def test_an_address_keeps_its_server_and_changes_its_login():
    yours = "postgres://admin:a%40b@db.example:5433/border?sslmode=require"
    assert login_url(yours) == "postgresql+psycopg://admin:a%40b@db.example:5433/border?sslmode=require"
    assert login_url(yours, "reader", "c/d") == (
        "postgresql+psycopg://reader:c%2Fd@db.example:5433/border?sslmode=require"
    )


def test_the_servers_identity_is_part_of_the_address(cluster: Cluster):
    assert f"requirepeer={cluster.owner.pw_name}" in cluster.url()
    assert cluster.owner.pw_name == ("postgres" if os.geteuid() == 0 else getpass.getuser())
