"""Exports of many rows: limits, concurrent downloads, disconnects, memory and temporary files."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest

from api.rest.export import SPOOL_PREFIX, remove_stale_spools, vn2000_zone
from gis.db.session import MAX_DOWNLOADS
from gis.files import writers
from gis.files.formats import FORMATS, Export
from gis.files.spool import BATCH_ROWS
from gis.model.fields import Level
from gis.model.layer import catalog
from gis.read.selection import Selection
from layers.policy import OFFICE
from tests.api.rest.export_reading import EVERY, features_of, identity, rows
from tests.factories import incident

MANY = 30_001

UUID = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


@pytest.fixture(scope="module")
def many_posts(cluster, database_name):
    """Many posts, inserted by SQL without history and journal."""
    with psycopg.connect(host=str(cluster.socket_dir), dbname=database_name, user="postgres", autocommit=True) as raw:
        raw.execute("set session_replication_role = replica")  # no history, no journal
        raw.execute(
            "insert into app.posts (id, level, border, section, label, condition, position_source, accuracy_m, geom,"
            " address, source, version, created_at, created_by, updated_at)"
            " select gen_random_uuid(), 'public', 'VN-KH', '168–168/2', 'Cọc số ' || n, 'planted', 'gps', 5,"
            " ST_SetSRID(ST_MakePoint(106 + n * 1e-6, 11.5), 4326), '147/6', repeat('nguồn «dữ liệu» ', 12), 1,"
            " now(), 'thử', now() from generate_series(1, %s) n",
            [MANY],
        )
        raw.execute("analyze app.posts")
    return "posts"


@pytest.fixture
def active_queries(connect):
    """The number of connections that run a query like this; by default, downloads."""
    superuser = connect()
    sql = (
        "select count(*) from pg_stat_activity where query like %s and state <> 'idle'"
        " and backend_type = 'client backend' and pid <> pg_backend_pid()"
    )
    return lambda query="copy (%": superuser.execute(sql, [query]).fetchone()[0]


def wait_until(condition):
    """Wait until a condition holds, for 12 seconds at most."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(condition)


def begin_download(settings, path):
    """Request a download and read only its first bytes, with a small receive buffer."""
    connection = socket.socket()
    connection.settimeout(60)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", settings.port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{settings.port}\r\n\r\n".encode())
    return connection, connection.recv(1024)


@pytest.mark.parametrize("f", EVERY)
def test_file_of_30001_rows_is_complete(f, many_posts, client, export):
    _, path = export(many_posts, f, condition="planted")
    if f == "geojson":
        file = json.loads(path.read_bytes())
        assert file["numberReturned"] == len(file["features"]) == MANY
        ids = {feature["id"] for feature in file["features"]}
    elif f == "geojsonseq":
        ids = {json.loads(text)["id"] for text in path.read_bytes().split(b"\x1e")[1:]}
    elif f == "xlsx":
        with zipfile.ZipFile(path) as packed:
            ids = set(UUID.findall(packed.read("xl/worksheets/sheet1.xml")))
    else:
        ids = {identity(row) for row in rows(path, f)}
    assert len(ids) == MANY


@pytest.mark.parametrize("f", [name for name, format_ in FORMATS.items() if not format_.streams])
def test_unstreamed_format_is_refused_beyond_its_limit(f, many_posts, client, monkeypatch):
    monkeypatch.setattr("gis.files.writers.MAX_ROWS", MANY - 1)
    answer = client.get(f"/api/export/{many_posts}", params={"f": f, "condition": "planted"}, timeout=120)
    assert answer.status_code == 413
    assert answer.json()["formats"] == ["geojson", "csv", "kml", "geojsonseq"]


def test_first_bytes_arrive_while_the_query_runs(many_posts, settings, site_url, active_queries):
    connection, first = begin_download(settings, f"/api/export/{many_posts}")
    assert first.startswith(b"HTTP/1.1 200")
    assert active_queries() == 1
    connection.close()
    wait_until(lambda: active_queries() == 0)


def test_slow_downloads_leave_capacity_and_excess_gets_503(many_posts, settings, client, active_queries):
    with ExitStack() as slow:
        readers = [
            slow.enter_context(begin_download(settings, f"/api/export/{many_posts}?f=csv")[0])
            for _ in range(MAX_DOWNLOADS)
        ]
        assert active_queries() == MAX_DOWNLOADS
        for f in ("geojson", "xlsx"):
            refused = client.get("/api/export/gates", params={"f": f})
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            assert refused.headers["content-type"] == "application/problem+json"
        for _ in range(20):
            assert client.get("/healthz").status_code == 200
            assert len(features_of(client, "gates")) > 5
        assert incident(client)["id"]
        readers[0].close()
        wait_until(lambda: active_queries() == MAX_DOWNLOADS - 1)
        wait_until(lambda: client.get("/api/export/gates").status_code == 200)
    wait_until(lambda: active_queries() == 0)
    assert client.get("/api/export/gates", params={"f": "xlsx"}).status_code == 200


@pytest.fixture
def small_batches(monkeypatch):
    """Slow the writing of files down, so that the test sees it running."""
    monkeypatch.setattr("gis.files.spool.BATCH_ROWS", 20)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("f", [name for name, format_ in FORMATS.items() if not format_.streams])
def test_disconnect_while_writing_frees_the_connection(f, many_posts, settings, client, active_queries):
    export_query = '%"export"%'
    request = f"GET /api/export/{many_posts}?f={f} HTTP/1.1\r\nHost: localhost:{settings.port}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", settings.port)) as connection:
        connection.sendall(request.encode())
        wait_until(lambda: active_queries(export_query) == 1)
    wait_until(lambda: active_queries(export_query) == 0)
    assert client.get("/api/export/gates", params={"f": "xlsx"}).status_code == 200


SERVER = """
import socket, sys, uvicorn
from api.app import create_app
from api.settings import Settings
settings = Settings()
uvicorn.Server(uvicorn.Config(create_app(settings), log_level="critical")).run([socket.socket(fileno=int(sys.argv[1]))])
"""


@pytest.mark.parametrize("f", [name for name, format_ in FORMATS.items() if not format_.streams])
def test_cancellation_stops_the_writing_library(f, many_posts, database, tmp_path):
    """An exception raised while a library reads the stream is propagated unchanged."""
    calls = iter(range(MANY // BATCH_ROWS + 5))  # after the rows are spooled and some of them are written

    def check_cancelled():
        if next(calls, None) is None:
            raise KeyError(f)

    requested = Export(Selection(catalog[many_posts], Level.RESTRICTED), FORMATS[f], vn2000_zone(None))
    if f == "xlsx":
        calls = iter(range(5))
    with pytest.raises(KeyError, match=f):
        writers.write(database, OFFICE, requested, tmp_path, check_cancelled)


@pytest.mark.parametrize("streams", [True, False])
def test_exports_of_many_rows_keep_server_memory_within_limits(streams, many_posts, settings):
    """The peak memory of a separate server after a small and after a large file of each format."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        environment = {
            **os.environ,
            "COTMOC_READER_URL": settings.reader_url,
            "COTMOC_WRITER_URL": settings.writer_url,
            "COTMOC_ACCOUNTS_URL": settings.accounts_url,
            "COTMOC_PORT": str(port),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        }
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(listener.fileno())], env=environment, pass_fds=[listener.fileno()]
        )
        try:
            with httpx.Client(base_url=f"http://localhost:{port}", timeout=120) as http:
                listener.close()
                wait_until(lambda: _is_healthy(http, server))
                formats = [name for name, format_ in FORMATS.items() if format_.streams is streams]
                for f in formats:
                    http.get("/api/export/gates", params={"f": f}).raise_for_status()
                before = _peak_memory_kib(server.pid)
                size = 0
                for f in formats:
                    with http.stream("GET", f"/api/export/{many_posts}", params={"f": f}) as answer:
                        size += sum(map(len, answer.iter_raw()))
                grown = _peak_memory_kib(server.pid) - before
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    assert grown < (16 if streams else 64) * 1024, f"{grown} KiB for {size // 1024} KiB"


def _is_healthy(http, server):
    assert server.poll() is None
    try:
        return http.get("/healthz", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def _peak_memory_kib(pid):
    """The peak resident memory of a process in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def test_temporary_files_of_killed_processes_are_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(["/bin/true"]) as ended:
        pass
    stale, live = tmp_path / f"{SPOOL_PREFIX}{ended.pid}-x", tmp_path / f"{SPOOL_PREFIX}{os.getpid()}-x"
    other, elsewhere = tmp_path / f"{SPOOL_PREFIX}notes-x", tmp_path / "elsewhere"
    for folder in (stale, live, other, elsewhere):
        folder.mkdir()
        (folder / "rows.arrow").write_text("zq")
    linked = tmp_path / f"{SPOOL_PREFIX}{ended.pid}-y"
    linked.symlink_to(elsewhere)
    remove_stale_spools()
    assert not stale.exists()
    assert all((folder / "rows.arrow").exists() for folder in (live, other, elsewhere, linked))
