"""A house that serves from two processes: one is killed, all are, and what one of them knows the other knows too."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from api.app import create_app
from api.cli.up import CHECKOUT, DATABASE_NAME
from api.settings import Settings
from gis.accounts.authentication import Accounts
from gis.accounts.people import enrol
from gis.accounts.tokens import issue, list_tokens, revoke
from gis.db.session import ACCOUNTS_LOGIN, MAX_DOWNLOADS, READER_LOGIN

MARKERS = "/ogc/collections/markers/items?limit=1"
ROWS = 30_000


@pytest.fixture(scope="module")
def server_options():
    """Two, however many processors there are."""
    return ["--workers", "2"]


@pytest.fixture(scope="module")
def server(module_server):
    return module_server


def until(fact):
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + 30
    while not (met := fact()):
        assert time.monotonic() < deadline, fact
        time.sleep(0.01)
    return met


def connected(dataset, **how):
    """A connection to the house."""
    connection = socket.socket()
    for name, value in how.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", int(dataset.base_url.rpartition(":")[2])))
    return connection


def worker_of(dataset, connection):
    """The process at the other end of a connection, as the kernel has it."""
    port = f":{connection.getsockname()[1]:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[2].endswith(port):
            for pid in dataset.workers():
                for file in Path(f"/proc/{pid}/fd").iterdir():
                    with suppress(OSError):
                        if str(file.readlink()) == f"socket:[{words[9]}]":
                            return pid
    return None


def response_status(connection, method, path, body="", token=None):
    """The status of one answer on a connection that stays open."""
    host = f"Host: localhost:{connection.getpeername()[1]}"
    lines = [f"{method} {path} HTTP/1.1", host, f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    connection.sendall("\r\n".join([*lines, "", body]).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, rest = answer.partition(b"\r\n\r\n")
    length = next(
        int(item.split(b":")[1]) for item in head.lower().split(b"\r\n") if item.startswith(b"content-length")
    )
    while len(rest) < length:
        rest += connection.recv(65536)
    return int(head.split()[1])


@pytest.fixture
def connections_to_both(server):
    """One connection to each of the two."""
    with ExitStack() as opened:
        results = {}

        def both():
            connection = opened.enter_context(connected(server))
            results.setdefault(until(lambda: worker_of(server, connection)), connection)
            return len(results) == 2

        until(both)
        yield list(results.values())


def test_killed_worker_is_restarted_while_others_serve(server):
    first, second = server.workers()
    answers, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            with suppress(httpx.TransportError):
                answers.append(httpx.get(f"{server.base_url}{MARKERS}", timeout=30).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    os.kill(first, signal.SIGKILL)
    until(lambda: len(set(server.workers()) - {first, second}) == 1)
    before = len(answers)
    until(lambda: len(answers) > before + 20)
    (third,) = set(server.workers()) - {second}
    with ExitStack() as opened:
        until(lambda: worker_of(server, opened.enter_context(connected(server))) == third)
    stop.set()
    asking.join()
    assert set(answers) == {200}
    log = server.log.read_text("utf-8")
    assert "Worker 1 has ended (signal 9); restarting" in log
    assert log.count("Cotmoc serves at") == 1


def test_terminated_worker_and_sealer_finish_and_are_restarted(server):
    former, (sealer,) = server.workers(), server.workers("sealer")
    os.kill(former[0], signal.SIGTERM)
    os.kill(sealer, signal.SIGKILL)
    until(lambda: len(set(server.workers()) - {former[0]}) == 2)
    until(lambda: set(server.workers("sealer")) - {sealer})
    log = server.log.read_text("utf-8")
    assert "Worker 1 has ended (code 0)" in log or "Worker 2 has ended (code 0)" in log
    assert "The sealer has ended (signal 9)" in log


def test_21st_download_gets_503_until_a_slot_is_free(server):
    place = {"host": str(server.cluster.socket_dir), "dbname": DATABASE_NAME, "user": "postgres"}
    with psycopg.connect(**place) as raw:
        raw.execute("set session_replication_role = replica")  # rows to read, not changes to remember
        raw.execute(
            "insert into app.posts (id, level, border, section, label, condition, position_source, geom, source,"
            " version, created_at, created_by, updated_at) select gen_random_uuid(), 'public', 'VN-KH', '168–168/2',"
            " 'Cọc số ' || n, 'planted', 'gps', ST_SetSRID(ST_MakePoint(106, 11.5), 4326), repeat('nguồn ', 40), 1,"
            " now(), 'thử', now() from generate_series(1, %s) n",
            [ROWS],
        )
    with ExitStack() as opened:

        def begun():
            """The connection of a download that has begun and is read no further; None where it is refused."""
            asking = opened.enter_context(connected(server, SO_RCVBUF=4096))
            asking.sendall(f"GET /api/export/posts?f=csv HTTP/1.1\r\nHost: {server.base_url[7:]}\r\n\r\n".encode())
            status = asking.recv(512).split()[1]
            assert status in (b"200", b"503")
            return asking if status == b"200" else None

        by_worker = {pid: [] for pid in server.workers()}
        for _ in range(MAX_DOWNLOADS):
            reader = begun()
            by_worker[worker_of(server, reader)].append(reader)
        assert all(by_worker.values()), "all twenty at one worker"
        refused = [httpx.get(f"{server.base_url}/api/export/gates?f={f}") for f in ("csv", "xlsx") * 3]
        assert {answer.status_code for answer in refused} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert {httpx.get(f"{server.base_url}{MARKERS}").status_code for _ in range(10)} == {200}
        item, freed = next(iter(by_worker.items()))
        os.kill(item, signal.SIGKILL)
        for _ in freed:
            until(begun)
        assert begun() is None
    until(lambda: httpx.get(f"{server.base_url}/api/export/gates?f=xlsx").status_code == 200)
    until(lambda: len(server.workers()) == 2)


@pytest.mark.parametrize("number", [1, 2, 4, 8])
def test_connections_suffice_for_the_most_workers(server, number):
    reader, route = (server.cluster.url(DATABASE_NAME, login) for login in (READER_LOGIN, ACCOUNTS_LOGIN))
    message = Settings(reader_url=reader, writer_url=reader, partner_url=reader, door_url=route, workers=number)
    state = create_app(message).state
    database, accounts = state.database, state.accounts
    engines = (database._reader, database._writer, database._partner, accounts._engine)
    each = sum(engine.pool.size() + engine.pool._max_overflow for engine in engines) + 3 * database._pool_limit
    query = "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    ((most,),) = server.query_rows(query)
    assert number * each + MAX_DOWNLOADS + 10 <= most  # ten for the sealer, the doctor and other verbs


def test_workers_share_the_throttle(connections_to_both):
    body = '{"name": "ghost", "password": "some sentence or other"}'
    tried = [response_status(connections_to_both[number % 2], "POST", "/signin", body) for number in range(7)]
    assert tried == [401] * 5 + [429] * 2


def test_revoked_token_is_refused_by_all_workers(server, connections_to_both):
    route = Accounts(server.cluster.url(DATABASE_NAME, ACCOUNTS_LOGIN))
    try:
        assert [response_status(item, "GET", MARKERS) for item in connections_to_both] == [200, 200]
        with route.transaction("test") as session:
            enrol(session, "chief", "administrator", password="một câu dài để vào nhà")
            token = issue(session, "máy", "office", made_by="chief", days=1)
        until(lambda: [response_status(item, "GET", MARKERS) for item in connections_to_both] == [401, 401])
        assert [response_status(item, "GET", MARKERS, token=token) for item in connections_to_both] == [200, 200]
        with route.transaction("test") as session:
            revoke(session, list_tokens(session)[0]["id"])
        assert [response_status(item, "GET", MARKERS, token=token) for item in connections_to_both] == [401, 401]
    finally:
        route.dispose()


def test_ctrl_c_stops_all_processes_in_order(server):
    everybody = [*server.workers(), *server.workers("sealer")]
    assert len(everybody) == 3
    os.killpg(server.process.pid, signal.SIGINT)
    assert server.process.wait(60) == 0
    log = server.log.read_text("utf-8")
    assert "Stopped" in log
    assert "Traceback" not in log
    assert not server.cluster.running
    server.start()
    ((unsealed,),) = server.query_rows(
        "select count(*) from app.journal where seq > (select max(last_seq) from app.seals)"
    )
    assert unsealed == 0


def test_children_end_with_a_killed_parent_and_next_start_serves(server):
    everybody = [*server.workers(), *server.workers("sealer")]
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(60)
    until(lambda: not any(_lives(pid) for pid in everybody))
    server.start()
    assert httpx.get(f"{server.base_url}/healthz").status_code == 200
    assert len(server.workers()) == 2


def _lives(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


WATCHED = """
import os, resource, signal, sys, time
from api.cli import workers
from api.cli.shutdown import ShutdownSignal
from gis.text import Text

def serves(ready):
    ready()
    signal.sigwait({signal.SIGTERM})

def fails(ready):
    raise OSError("no room")

def dies_young(ready):
    ready()

def is_deaf(ready):
    ready()
    time.sleep(60)

def lives_once(ready):
    ready()
    time.sleep(0.3)

def all_serve():
    print("all serve", flush=True)
    if "lives_once" in sys.argv:  # from now on there is no room for another process
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

if "lives_once" in sys.argv and os.geteuid() == 0:
    os.setuid(65533)  # whom the limit binds
workers.KILL_AFTER_S = 0.5
supervised = [workers.Worker(name, Text(name, name), globals()[name]) for name in sys.argv[1:]]
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
signal.setitimer(signal.ITIMER_REAL, 3.0)
try:
    workers.supervise(supervised, ShutdownSignal(), all_serve)
finally:
    print("left:", [worker.pid for worker in supervised if worker.pid])
"""


def watched(*names):
    """What becomes of processes that do this or that, under the parent's eyes for three seconds."""
    command = [sys.executable, "-c", WATCHED, *names]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)


def test_worker_that_cannot_start_ends_the_start():
    message = watched("serves", "fails")
    assert message.returncode == 1
    assert "OSError: no room" in message.stderr
    assert "fails has ended (code 1)" in message.stderr
    assert "left: []" in message.stdout


def test_crashing_worker_restarts_with_back_off_and_hung_one_is_killed():
    message = watched("dies_young", "is_deaf")
    assert message.returncode == 0
    text = [line.rpartition("restarting in ")[2] for line in message.stderr.splitlines()]
    assert len(text) > 1
    assert text == ["0 s", "1 s", "2 s", "4 s"][: len(text)]
    assert message.stdout.endswith("left: []\n")


def test_failed_fork_leaves_the_other_workers_serving():
    message = watched("serves", "lives_once")
    assert message.returncode == 0
    assert "lives_once has ended (Resource temporarily unavailable); restarting in 1 s" in message.stderr
    assert "serves has ended" not in message.stderr
    assert message.stdout == "all serve\nleft: []\n"
