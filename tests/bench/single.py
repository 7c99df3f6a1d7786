"""What is measured once a round by itself: the export of everything, and the home map in a browser."""

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
"""The end of an answer in chunks."""

SETTLE_MS: Final = 4_000
MEGABYTE: Final = 1 << 20


@dataclass(frozen=True)
class Export:
    """One download: seconds to its first byte and to its end, its size, and by how much the server grew."""

    first_s: float
    whole_s: float
    megabytes: float
    growth_mb: float
    standing_mb: float


def download_export(base: str, pids: Sequence[int]) -> Export:
    """Download everything over one connection and throw it away."""
    memory = Memory(pids)
    where = urlsplit(base)
    began = time.perf_counter()
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=60) as connection:
        connection.sendall(f"GET {EXPORT} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n".encode())
        room = bytearray(CHUNK_BYTES)
        many = connection.recv_into(room)
        first = time.perf_counter() - began
        if not room.startswith(b"HTTP/1.1 200"):
            raise RunError(room[:200].decode(errors="replace"))
        size, tail = many, b""
        while many := connection.recv_into(room):
            size += many
            tail = (tail + bytes(room[max(0, many - len(CHUNKED_END)) : many]))[-len(CHUNKED_END) :]
    if tail != CHUNKED_END:
        raise RunError("the export broke off")
    return Export(first, time.perf_counter() - began, size / MEGABYTE, memory.growth_mb, memory.peak_mb)


def copy_seconds(cluster: Cluster, statements: Sequence[str]) -> float:
    """Seconds in which psql copies the same text to nowhere, from the transaction that the server was seen to run."""
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
        query: dict[str, str] = {}
        session.on("Network.responseReceived", lambda item: query.update({item["requestId"]: item["response"]["url"]}))
        session.on(
            "Network.loadingFinished",
            lambda item: sizes.update(
                {query.get(item["requestId"], item["requestId"]): int(item["encodedDataLength"])}
            ),
        )
        answer = page.goto(base, wait_until="load")
        page.wait_for_timeout(SETTLE_MS)
        session.send("HeapProfiler.collectGarbage")
        message: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
        heap = next(item["value"] for item in message if item["name"] == "JSHeapUsedSize")
        text = len(answer.body()) if answer else 0
        browser.close()
    data = {url: size for url, size in sizes.items() if "/static/" not in url}
    return {
        "page_kb": text / 1024,
        "largest_request_kb": max(sizes.values()) / 1024,
        "largest_data_kb": max(data.values(), default=0) / 1024,
        "heap_mb": heap / MEGABYTE,
        "requests": len(sizes),
    }


def query_plan(cluster: Cluster, statements: Sequence[str]) -> str:
    """The plan of a recorded transaction's last statement, under the reader's rights."""
    script = ";\n".join(("begin", *statements[:-1], f"explain (analyze, buffers off) {statements[-1]}", "rollback;"))
    command = ["psql", "-h", str(cluster.socket_dir), "-U", READER_LOGIN, "-d", DATABASE_NAME, "-XAtq"]
    spoken = subprocess.run(
        command, input=script, text=True, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"}
    )
    return spoken.stdout


def table_sizes(cluster: Cluster) -> dict[str, int]:
    """Megabytes of the incidents with their indexes, of their history and of the journal."""
    names = ("incidents", "incidents_history", "journal")
    query = " union all ".join(f"select pg_total_relation_size('app.{name}')" for name in names)
    command = ["psql", "-h", str(cluster.socket_dir), "-U", "postgres", "-d", DATABASE_NAME, "-XAtqc", query]
    spoken = subprocess.run(command, check=True, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    return {name: int(size) // MEGABYTE for name, size in zip(names, spoken.stdout.split(), strict=True)}
