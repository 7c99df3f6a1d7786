"""A server with two worker processes: restarts, shutdown, and state that the workers share."""

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
    """Two workers, independent of the number of processors."""
    return ["--workers", "2"]


@pytest.fixture(scope="module")
def server(module_server):
    return module_server


def wait_for(condition):
    """Wait until ``condition()`` is truthy, and return its value."""
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline, condition
        time.sleep(0.01)
    return value


def connect_to(server, **options):
    """A TCP connection to the server, with socket options."""
    connection = socket.socket()
    for name, value in options.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", int(server.base_url.rpartition(":")[2])))
    return connection


def worker_of(server, connection):
    """The id of the worker that holds the other end of a connection, read from /proc."""
    port = f":{connection.getsockname()[1]:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[2].endswith(port):
            for pid in server.workers():
                for file in Path(f"/proc/{pid}/fd").iterdir():
                    with suppress(OSError):
                        if str(file.readlink()) == f"socket:[{fields[9]}]":
                            return pid
    return None


def response_status(connection, method, path, body="", token=None):
    """Send a request on an open connection; gives the status of the answer."""
    host = f"Host: localhost:{connection.getpeername()[1]}"
    lines = [f"{method} {path} HTTP/1.1", host, f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    connection.sendall("\r\n".join([*lines, "", body]).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, rest = answer.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(rest) < length:
        rest += connection.recv(65536)
    return int(head.split()[1])


@pytest.fixture
def connections_to_both(server):
    """One connection to each of the two workers."""
    with ExitStack() as stack:
        by_worker = {}

        def both_connected():
            connection = stack.enter_context(connect_to(server))
            by_worker.setdefault(wait_for(lambda: worker_of(server, connection)), connection)
            return len(by_worker) == 2

        wait_for(both_connected)
        yield list(by_worker.values())


def test_killed_worker_is_restarted_while_others_serve(server):
    first, second = server.workers()
    answers, stop = [], threading.Event()

    def send_requests():
        while not stop.is_set():
            with suppress(httpx.TransportError):
                answers.append(httpx.get(f"{server.base_url}{MARKERS}", timeout=30).status_code)

    client = threading.Thread(target=send_requests)
    client.start()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: len(set(server.workers()) - {first, second}) == 1)
    before = len(answers)
    wait_for(lambda: len(answers) > before + 20)
    (third,) = set(server.workers()) - {second}
    with ExitStack() as stack:
        wait_for(lambda: worker_of(server, stack.enter_context(connect_to(server))) == third)
    stop.set()
    client.join()
    assert set(answers) == {200}
    log = server.log.read_text("utf-8")
    assert "Worker 1 has ended (signal 9); restarting" in log
    assert log.count("Cotmoc serves at") == 1


def test_terminated_worker_and_killed_sealer_are_restarted(server):
    former, (sealer,) = server.workers(), server.workers("sealer")
    os.kill(former[0], signal.SIGTERM)
    os.kill(sealer, signal.SIGKILL)
    wait_for(lambda: len(set(server.workers()) - {former[0]}) == 2)
    wait_for(lambda: set(server.workers("sealer")) - {sealer})
    log = server.log.read_text("utf-8")
    assert "Worker 1 has ended (code 0)" in log or "Worker 2 has ended (code 0)" in log
    assert "The sealer has ended (signal 9)" in log


def test_21st_download_gets_503_until_a_slot_is_free(server):
    superuser = {"host": str(server.cluster.socket_dir), "dbname": DATABASE_NAME, "user": "postgres"}
    with psycopg.connect(**superuser) as raw:
        raw.execute("set session_replication_role = replica")  # insert without triggers
        raw.execute(
            "insert into app.posts (id, level, border, section, label, condition, position_source, geom, source,"
            " version, created_at, created_by, updated_at) select gen_random_uuid(), 'public', 'VN-KH', '168–168/2',"
            " 'Cọc số ' || n, 'planted', 'gps', ST_SetSRID(ST_MakePoint(106, 11.5), 4326), repeat('nguồn ', 40), 1,"
            " now(), 'thử', now() from generate_series(1, %s) n",
            [ROWS],
        )
    with ExitStack() as stack:

        def start_download():
            """The connection of a download after its first bytes; None if the download is refused."""
            connection = stack.enter_context(connect_to(server, SO_RCVBUF=4096))
            connection.sendall(f"GET /api/export/posts?f=csv HTTP/1.1\r\nHost: {server.base_url[7:]}\r\n\r\n".encode())
            status = connection.recv(512).split()[1]
            assert status in (b"200", b"503")
            return connection if status == b"200" else None

        by_worker = {pid: [] for pid in server.workers()}
        for _ in range(MAX_DOWNLOADS):
            download = start_download()
            by_worker[worker_of(server, download)].append(download)
        assert all(by_worker.values()), "a worker has no download"
        refused = [httpx.get(f"{server.base_url}/api/export/gates?f={f}") for f in ("csv", "xlsx") * 3]
        assert {answer.status_code for answer in refused} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert {httpx.get(f"{server.base_url}{MARKERS}").status_code for _ in range(10)} == {200}
        worker, freed = next(iter(by_worker.items()))
        os.kill(worker, signal.SIGKILL)
        for _ in freed:
            wait_for(start_download)
        assert start_download() is None
    wait_for(lambda: httpx.get(f"{server.base_url}/api/export/gates?f=xlsx").status_code == 200)
    wait_for(lambda: len(server.workers()) == 2)


@pytest.mark.parametrize("number", [1, 2, 4, 8])
def test_connection_limit_suffices_for_up_to_8_workers(server, number):
    reader, accounts = (server.cluster.url(DATABASE_NAME, login) for login in (READER_LOGIN, ACCOUNTS_LOGIN))
    settings = Settings(reader_url=reader, writer_url=reader, partner_url=reader, accounts_url=accounts, workers=number)
    state = create_app(settings).state
    database, accounts = state.database, state.accounts
    engines = (database._reader, database._writer, database._partner, accounts._engine)
    per_worker = sum(engine.pool.size() + engine.pool._max_overflow for engine in engines) + 3 * database._pool_limit
    query = "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    ((available,),) = server.query_rows(query)
    assert number * per_worker + MAX_DOWNLOADS + 10 <= available  # ten for the sealer and for commands


def test_workers_share_the_throttle(connections_to_both):
    body = '{"name": "ghost", "password": "some sentence or other"}'
    statuses = [response_status(connections_to_both[number % 2], "POST", "/signin", body) for number in range(7)]
    assert statuses == [401] * 5 + [429] * 2


def test_required_sign_in_and_a_revoked_token_reach_all_workers(server, connections_to_both):
    def statuses(token=None):
        return [response_status(connection, "GET", MARKERS, token=token) for connection in connections_to_both]

    accounts = Accounts(server.cluster.url(DATABASE_NAME, ACCOUNTS_LOGIN))
    try:
        assert statuses() == [200, 200]
        with accounts.transaction("test") as session:
            enrol(session, "chief", "administrator", password="một câu dài để vào nhà")
            token = issue(session, "máy", "office", made_by="chief", days=1)
        wait_for(lambda: statuses() == [401, 401])
        assert statuses(token) == [200, 200]
        with accounts.transaction("test") as session:
            revoke(session, list_tokens(session)[0]["id"])
        assert statuses(token) == [401, 401]
    finally:
        accounts.dispose()


def test_sigint_stops_all_processes_and_leaves_no_entry_unsealed(server):
    children = [*server.workers(), *server.workers("sealer")]
    assert len(children) == 3
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
    children = [*server.workers(), *server.workers("sealer")]
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(60)
    wait_for(lambda: not any(_is_running(pid) for pid in children))
    server.start()
    assert httpx.get(f"{server.base_url}/healthz").status_code == 200
    assert len(server.workers()) == 2


def _is_running(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


SUPERVISOR_SCRIPT = """
import os, resource, signal, sys, time
from api.cli import workers
from api.cli.shutdown import ShutdownSignal
from gis.text import Text

def serves(ready):
    ready()
    signal.sigwait({signal.SIGTERM})

def fails(ready):
    raise OSError("no room")

def ends_at_once(ready):
    ready()

def hangs(ready):
    ready()
    time.sleep(60)

def runs_once(ready):
    ready()
    time.sleep(0.3)

def all_serve():
    print("all serve", flush=True)
    if "runs_once" in sys.argv:  # from now on fork fails
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

if "runs_once" in sys.argv and os.geteuid() == 0:
    os.setuid(65533)  # the limit does not apply to root
workers.KILL_AFTER_S = 0.5
supervised = [workers.Worker(name, Text(name, name), globals()[name]) for name in sys.argv[1:]]
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
signal.setitimer(signal.ITIMER_REAL, 3.0)
try:
    workers.supervise(supervised, ShutdownSignal(), all_serve)
finally:
    print("left:", [worker.pid for worker in supervised if worker.pid])
"""


def supervise(*names):
    """Run the named worker functions under a supervisor that is terminated after three seconds."""
    command = [sys.executable, "-c", SUPERVISOR_SCRIPT, *names]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)


def test_worker_that_fails_to_start_ends_the_supervisor():
    process = supervise("serves", "fails")
    assert process.returncode == 1
    assert "OSError: no room" in process.stderr
    assert "fails has ended (code 1)" in process.stderr
    assert "left: []" in process.stdout


def test_crashing_worker_restarts_with_back_off_and_hung_worker_is_killed():
    process = supervise("ends_at_once", "hangs")
    assert process.returncode == 0
    delays = [line.rpartition("restarting in ")[2] for line in process.stderr.splitlines()]
    assert len(delays) > 1
    assert delays == ["0 s", "1 s", "2 s", "4 s"][: len(delays)]
    assert process.stdout.endswith("left: []\n")


def test_failed_fork_leaves_the_other_workers_serving():
    process = supervise("serves", "runs_once")
    assert process.returncode == 0
    assert "runs_once has ended (Resource temporarily unavailable); restarting in 1 s" in process.stderr
    assert "serves has ended" not in process.stderr
    assert process.stdout == "all serve\nleft: []\n"
