"""Standalone measurements: the export of every incident, the home map in a browser, query plans, table sizes."""

import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from measures import TIMEOUTS, RunError
from playwright.sync_api import sync_playwright
from server import Memory

from api.cli.up import DATABASE_NAME
from gis.cluster.private_cluster import Cluster
from gis.db.session import READER_LOGIN

EXPORT: Final = "/api/export/incidents?f=geojson"
CHUNK_BYTES: Final = 1 << 20
CHUNKED_END: Final = b"0\r\n\r\n"
"""The last chunk of a chunked response."""

SETTLE_MS: Final = 4_000
MEGABYTE: Final = 1 << 20


@dataclass(frozen=True)
class Export:
    """One download: seconds to its first byte and to its end, its size, memory growth and peak of the server."""

    first_s: float
    whole_s: float
    megabytes: float
    growth_mb: float
    standing_mb: float


def download_export(base: str, pids: Sequence[int]) -> Export:
    """Download the export over one connection and discard it."""
    memory = Memory(pids)
    server_url = urlsplit(base)
    began = time.perf_counter()
    with socket.create_connection((server_url.hostname or "", server_url.port or 80), timeout=60) as connection:
        connection.sendall(f"GET {EXPORT} HTTP/1.1\r\nHost: {server_url.netloc}\r\nConnection: close\r\n\r\n".encode())
        buffer = bytearray(CHUNK_BYTES)
        received = connection.recv_into(buffer)
        first = time.perf_counter() - began
        if not buffer.startswith(b"HTTP/1.1 200"):
            raise RunError(buffer[:200].decode(errors="replace"))
        size, tail = received, b""
        while received := connection.recv_into(buffer):
            size += received
            tail = (tail + bytes(buffer[max(0, received - len(CHUNKED_END)) : received]))[-len(CHUNKED_END) :]
    if tail != CHUNKED_END:
        raise RunError("the export ended early")
    return Export(first, time.perf_counter() - began, size / MEGABYTE, memory.growth_mb, memory.peak_mb)


def copy_seconds(cluster: Cluster, statements: Sequence[str]) -> float:
    """Seconds in which psql runs the recorded transaction of an export and writes its output to /dev/null."""
    script = ";\n".join(("begin isolation level repeatable read read only", *statements, "commit;"))
    command = [
        "psql",
        "-h",
        str(cluster.socket_dir),
        "-U",
        READER_LOGIN,
        "-d",
        DATABASE_NAME,
        "-X",
        "-q",
        "-o",
        "/dev/null",
    ]
    began = time.perf_counter()
    subprocess.run(
        command, input=script, text=True, check=True, stdout=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "PGOPTIONS": TIMEOUTS.replace("30s", "30min", 1)},
    )  # fmt: skip
    return time.perf_counter() - began


def home_map(base: str) -> dict[str, float]:
    """The home map in a browser: kilobytes of the page and of its largest request, megabytes of its JavaScript heap."""
    sizes: dict[str, int] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        session.send("Network.enable")
        urls: dict[str, str] = {}
        session.on(
            "Network.responseReceived", lambda event: urls.update({event["requestId"]: event["response"]["url"]})
        )
        session.on(
            "Network.loadingFinished",
            lambda event: sizes.update(
                {urls.get(event["requestId"], event["requestId"]): int(event["encodedDataLength"])}
            ),
        )
        answer = page.goto(base, wait_until="load")
        page.wait_for_timeout(SETTLE_MS)
        session.send("HeapProfiler.collectGarbage")
        metrics: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
        heap = next(metric["value"] for metric in metrics if metric["name"] == "JSHeapUsedSize")
        page_bytes = len(answer.body()) if answer else 0
        browser.close()
    data = {url: size for url, size in sizes.items() if "/static/" not in url}
    return {
        "page_kb": page_bytes / 1024,
        "largest_request_kb": max(sizes.values()) / 1024,
        "largest_data_kb": max(data.values(), default=0) / 1024,
        "heap_mb": heap / MEGABYTE,
        "requests": len(sizes),
    }


def query_plan(cluster: Cluster, statements: Sequence[str]) -> str:
    """The query plan of a recorded transaction's last statement, as the reader login."""
    script = ";\n".join(("begin", *statements[:-1], f"explain (analyze, buffers off) {statements[-1]}", "rollback;"))
    command = ["psql", "-h", str(cluster.socket_dir), "-U", READER_LOGIN, "-d", DATABASE_NAME, "-XAtq"]
    process = subprocess.run(
        command, input=script, text=True, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"}
    )
    return process.stdout


def table_sizes(cluster: Cluster) -> dict[str, int]:
    """Megabytes of the incidents with their indexes, of their history and of the journal."""
    names = ("incidents", "incidents_history", "journal")
    query = " union all ".join(f"select pg_total_relation_size('app.{name}')" for name in names)
    command = ["psql", "-h", str(cluster.socket_dir), "-U", "postgres", "-d", DATABASE_NAME, "-XAtqc", query]
    process = subprocess.run(command, check=True, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    return {name: int(size) // MEGABYTE for name, size in zip(names, process.stdout.split(), strict=True)}
