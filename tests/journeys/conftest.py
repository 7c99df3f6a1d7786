"""Fixtures for journeys: running servers with their clusters, and a Chromium without access to other hosts."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route

from api.cli.up import CHECKOUT, DATABASE_NAME
from gis.cluster.private_cluster import Cluster
from tests.process_kill import kill

TIMEOUT_S = 120

# Log violations of the content security policy on the console.
LOG_VIOLATIONS_SCRIPT = """
    document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))
"""


class RunningServer:
    """A running ``python -m api up`` and its data; requests to it without a browser."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir, self.cluster, self.options = data_dir, Cluster(data_dir), options
        self.base_url = ""

    def start(self) -> None:
        """Start the server, on the former port if it ran before, and wait until it logs its base URL."""
        port = self.base_url.rpartition(":")[2] or "0"
        self.log = self.data_dir.with_suffix(".log")
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api", "up", "--port", port, "--data-dir", self.data_dir, *self.options],
                stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=CHECKOUT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + TIMEOUT_S
        while not (match := re.search(r"serves at (http://\S+)", self.log.read_text("utf-8"))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"the server did not start: {self.log.read_text('utf-8')}")
            time.sleep(0.05)
        self.base_url = match[1]

    def stop(self) -> None:
        """Stop the server with SIGINT; no process of its cluster may remain."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(TIMEOUT_S)
        assert not self.cluster._processes()

    def workers(self, name: str = "worker") -> list[int]:
        """The ids of the worker processes, or of another child process (``sealer``)."""
        pids = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                comm, _, rest = status.read_text().partition("(")[2].rpartition(")")
                if comm == f"cotmoc {name}" and int(rest.split()[1]) == self.process.pid and rest.split()[0] != "Z":
                    pids.append(int(status.parent.name))
        return sorted(pids)

    def kill(self) -> None:
        """Send SIGKILL to the server and to every process of its cluster, as a power cut does."""
        cluster_pids = self.cluster._processes()
        os.killpg(self.process.pid, signal.SIGKILL)
        kill(cluster_pids)
        self.process.wait(TIMEOUT_S)

    def query_rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query as superuser."""
        parameters = {"host": str(self.cluster.socket_dir), "dbname": DATABASE_NAME, "user": "postgres"}
        with psycopg.connect(**parameters) as connection:
            return connection.execute(statement, values).fetchall()

    def request_json(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON answer to a GET, or with a body to a POST."""
        url = f"{self.base_url}{path}"
        answer = httpx.get(url, timeout=30) if body is None else httpx.post(url, json=body, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def items(self, layer: str, **parameters: str) -> list[dict[str, Any]]:
        """The features of a layer."""
        return self.request_json(
            f"/ogc/collections/{layer}/items?{httpx.QueryParams({'limit': '5000', **parameters})}"
        )["features"]


@pytest.fixture(scope="session")
def data_root() -> Iterator[Path]:
    """A folder that the user of the cluster can enter."""
    folder = Path(tempfile.mkdtemp(prefix="cotmoc-people-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def running_server(data_dir: Path, *options: str) -> Iterator[RunningServer]:
    """Run a server over a data folder, new or existing; stop it when the block ends."""
    started = RunningServer(data_dir, *options)
    started.start()
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def server(data_root: Path) -> Iterator[RunningServer]:
    """A server shared by all tests that do not damage it."""
    with running_server(data_root / "shared") as shared:
        yield shared


@pytest.fixture(scope="session")
def disposable_server(data_root: Path) -> Iterator[RunningServer]:
    """Another server, for tests that need the first incident of the year, kill it, or tamper with its data."""
    with running_server(data_root / "disposable") as disposable:
        yield disposable


@pytest.fixture(scope="module")
def server_options() -> list[str]:
    """Command-line options of ``module_server``. A module that needs others overrides this fixture."""
    return []


@pytest.fixture(scope="module")
def module_server(
    data_root: Path, server_options: list[str], request: pytest.FixtureRequest
) -> Iterator[RunningServer]:
    """A server for one module, for tests that require sign-in or kill processes."""
    with running_server(data_root / f"own {request.module.__name__}", *server_options) as running:
        yield running


class PageVisitor:
    """A browser that records every error of the pages it opens: console, script, dialog, foreign request."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self.browser, self.base_url = browser, base_url
        self.page_errors: list[str] = []

    def open_on_phone(self, path: str) -> Page:
        """Open a page on a phone in portrait orientation."""
        return self._open(path, viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True)

    def open_on_desktop(self, path: str) -> Page:
        """Open a page on a full-HD screen."""
        return self._open(path, viewport={"width": 1920, "height": 1080})

    def _open(self, path: str, **screen: Any) -> Page:
        """Open a page in a new context with English locale and UTC, which may request this server only."""
        context = self.browser.new_context(base_url=self.base_url, locale="en-US", timezone_id="UTC", **screen)
        context.set_default_timeout(30_000)
        context.route(lambda url: not url.startswith(f"{self.base_url}/"), self._abort_foreign_request)
        context.add_init_script(LOG_VIOLATIONS_SCRIPT)
        page = context.new_page()
        page.on("console", self._record_message)
        page.on("pageerror", lambda error: self.page_errors.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.page_errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(path)
        if page.locator("#map_main").count():
            page.wait_for_load_state("networkidle")  # a map page fetches its layers after loading
        return page

    def expect_error(self, text: str) -> None:
        """Remove the errors that the test has provoked; there must be at least one."""
        assert any(text in page_error for page_error in self.page_errors), self.page_errors
        self.page_errors = [page_error for page_error in self.page_errors if text not in page_error]

    def _abort_foreign_request(self, route: Route) -> None:
        self.page_errors.append(f"foreign request: {route.request.url}")
        route.abort()

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.page_errors.append(f"{message.type}: {message.text} {message.location.get('url', '')}")


@pytest.fixture
def visitor(chromium: Browser, server: RunningServer) -> Iterator[PageVisitor]:
    """A browser at the server of the module; an unexpected error of a page fails the test."""
    page_visitor = PageVisitor(chromium, server.base_url)
    yield page_visitor
    for context in chromium.contexts:
        context.close()
    assert page_visitor.page_errors == []
