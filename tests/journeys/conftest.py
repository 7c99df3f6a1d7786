"""What the four people meet: the real command over a real cluster, and a real Chromium with the network cut."""

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

# A violation of the policy is told on the console, whatever else Chromium may say of it.
LOG_VIOLATIONS_SCRIPT = """
    document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))
"""


class RunningServer:
    """A running ``python -m api up``, its data and whoever asks it without a browser."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir, self.cluster, self.options = data_dir, Cluster(data_dir), options
        self.base_url = ""

    def start(self) -> None:
        """Start it, at the address where it was before, and wait until it says that it serves."""
        port = self.base_url.rpartition(":")[2] or "0"
        self.log = self.data_dir.with_suffix(".log")
        with self.log.open("w") as spoken:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api", "up", "--port", port, "--data-dir", self.data_dir, *self.options],
                stdout=spoken, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=CHECKOUT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + TIMEOUT_S
        while not (results := re.search(r"serves at (http://\S+)", self.log.read_text("utf-8"))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"it does not serve: {self.log.read_text('utf-8')}")
            time.sleep(0.05)
        self.base_url = results[1]

    def stop(self) -> None:
        """Stop it as Ctrl-C does; nothing of it stays."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(TIMEOUT_S)
        assert not self.cluster._processes()

    def workers(self, name: str = "worker") -> list[int]:
        """The ids of the processes that serve, or of the one that seals."""
        results = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                comm, _, rest = status.read_text().partition("(")[2].rpartition(")")
                if comm == f"cotmoc {name}" and int(rest.split()[1]) == self.process.pid and rest.split()[0] != "Z":
                    results.append(int(status.parent.name))
        return sorted(results)

    def kill(self) -> None:
        """``kill -9`` for the server and for every process of its cluster, as when the power goes."""
        cluster = self.cluster._processes()
        os.killpg(self.process.pid, signal.SIGKILL)
        kill(cluster)
        self.process.wait(TIMEOUT_S)

    def query_rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database's administrator reads, past every door."""
        place = {"host": str(self.cluster.socket_dir), "dbname": DATABASE_NAME, "user": "postgres"}
        with psycopg.connect(**place) as connection:
            return connection.execute(statement, values).fetchall()

    def request_json(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One JSON answer; with a body, that of a POST."""
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
    """A place that the cluster's user can enter."""
    place = Path(tempfile.mkdtemp(prefix="cotmoc-people-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@contextmanager
def running_server(data_dir: Path, *options: str) -> Iterator[RunningServer]:
    """The product as its very first start leaves it."""
    opened = RunningServer(data_dir, *options)
    opened.start()
    try:
        yield opened
    finally:
        opened.stop()


@pytest.fixture(scope="session")
def server(data_root: Path) -> Iterator[RunningServer]:
    """The house that everybody shares who does not break it."""
    with running_server(data_root / "shared") as opened:
        yield opened


@pytest.fixture(scope="session")
def disposable_server(data_root: Path) -> Iterator[RunningServer]:
    """Another one, for the first incident of the year, for whoever pulls the plug, and then for whoever forges."""
    with running_server(data_root / "ill-used") as opened:
        yield opened


@pytest.fixture(scope="module")
def server_options() -> list[str]:
    """With which words a house of one's own is opened. A module that wants others overrides this fixture."""
    return []


@pytest.fixture(scope="module")
def module_server(
    data_root: Path, server_options: list[str], request: pytest.FixtureRequest
) -> Iterator[RunningServer]:
    """One of a module's own, for whoever locks the door or kills who serves there."""
    with running_server(data_root / f"own {request.module.__name__}", *server_options) as opened:
        yield opened


class PageVisitor:
    """Somebody with a browser. Every misstep of the pages is kept, and held against them in the end."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self.browser, self.base_url = browser, base_url
        self.page_errors: list[str] = []

    def open_on_phone(self, path: str) -> Page:
        """The page on a phone that is held upright."""
        return self._open(path, viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True)

    def open_on_desktop(self, path: str) -> Page:
        """The page on an office's screen, or a committee's."""
        return self._open(path, viewport={"width": 1920, "height": 1080})

    def _open(self, path: str, **screen: Any) -> Page:
        """A browser of its own, set to English and to no time zone of ours, with only our server on its network."""
        context = self.browser.new_context(base_url=self.base_url, locale="en-US", timezone_id="UTC", **screen)
        context.set_default_timeout(30_000)
        context.route(lambda url: not url.startswith(f"{self.base_url}/"), self._refuse)
        context.add_init_script(LOG_VIOLATIONS_SCRIPT)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.page_errors.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.page_errors.append(f"ran: {dialog.message}"), dialog.dismiss()))
        page.goto(path)
        if page.locator("#map_main").count():
            page.wait_for_load_state("networkidle")  # a map fetches what it shows; the other pages come whole
        return page

    def expect_error(self, text: str) -> None:
        """Take back a misstep that the test itself has provoked; it must have happened."""
        assert any(text in page_error for page_error in self.page_errors), self.page_errors
        self.page_errors = [page_error for page_error in self.page_errors if text not in page_error]

    def _refuse(self, route: Route) -> None:
        self.page_errors.append(f"asked a stranger: {route.request.url}")
        route.abort()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.page_errors.append(f"{message.type}: {message.text} {message.location.get('url', '')}")


@pytest.fixture
def visitor(chromium: Browser, server: RunningServer) -> Iterator[PageVisitor]:
    """Somebody with a browser; whatever their pages did wrong fails the test."""
    somebody = PageVisitor(chromium, server.base_url)
    yield somebody
    for context in chromium.contexts:
        context.close()
    assert somebody.page_errors == []
