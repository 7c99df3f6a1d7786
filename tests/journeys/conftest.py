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

from api.cli.up import CHECKOUT, DATABASE
from gis.cluster.private_cluster import Cluster
from tests.process_kill import kill

PATIENCE = 120

# A violation of the policy is told on the console, whatever else Chromium may say of it.
TELL_VIOLATIONS = """
    document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))
"""


class House:
    """A running ``python -m api up``, its data and whoever asks it without a browser."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir, self.cluster, self.options = data_dir, Cluster(data_dir), options
        self.address = ""

    def start(self) -> None:
        """Start it, at the address where it was before, and wait until it says that it serves."""
        port = self.address.rpartition(":")[2] or "0"
        self.log = self.data_dir.with_suffix(".log")
        with self.log.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api", "up", "--port", port, "--data-dir", self.data_dir, *self.options],
                stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=CHECKOUT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r"serves at (http://\S+)", self.log.read_text("utf-8"))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"it does not serve: {self.log.read_text('utf-8')}")
            time.sleep(0.05)
        self.address = found[1]

    def stop(self) -> None:
        """Stop it as Ctrl-C does; nothing of it stays."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE)
        assert not self.cluster._processes()

    def workers(self, name: str = "worker") -> list[int]:
        """The ids of the processes that serve, or of the one that seals."""
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                comm, _, rest = status.read_text().partition("(")[2].rpartition(")")
                if comm == f"cotmoc {name}" and int(rest.split()[1]) == self.process.pid and rest.split()[0] != "Z":
                    found.append(int(status.parent.name))
        return sorted(found)

    def kill(self) -> None:
        """``kill -9`` for the server and for every process of its cluster, as when the power goes."""
        cluster = self.cluster._processes()
        os.killpg(self.process.pid, signal.SIGKILL)
        kill(cluster)
        self.process.wait(PATIENCE)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database's administrator reads, past every door."""
        place = {"host": str(self.cluster.socket_dir), "dbname": DATABASE, "user": "postgres"}
        with psycopg.connect(**place) as connection:
            return connection.execute(statement, values).fetchall()

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One JSON answer; with a body, that of a POST."""
        url = f"{self.address}{path}"
        answer = httpx.get(url, timeout=30) if body is None else httpx.post(url, json=body, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def items(self, layer: str, **asked: str) -> list[dict[str, Any]]:
        """The features of a layer."""
        return self.ask(f"/ogc/collections/{layer}/items?{httpx.QueryParams({'limit': '5000', **asked})}")["features"]


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """A place that the cluster's user can enter."""
    place = Path(tempfile.mkdtemp(prefix="cotmoc-people-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@contextmanager
def serving(data_dir: Path, *options: str) -> Iterator[House]:
    """The product as its very first start leaves it."""
    opened = House(data_dir, *options)
    opened.start()
    try:
        yield opened
    finally:
        opened.stop()


@pytest.fixture(scope="session")
def house(ground: Path) -> Iterator[House]:
    """The house that everybody shares who does not break it."""
    with serving(ground / "shared") as opened:
        yield opened


@pytest.fixture(scope="session")
def ill_used_house(ground: Path) -> Iterator[House]:
    """Another one, for the first incident of the year, for whoever pulls the plug, and then for whoever forges."""
    with serving(ground / "ill-used") as opened:
        yield opened


@pytest.fixture(scope="module")
def options() -> list[str]:
    """With which words a house of one's own is opened. A module that wants others overrides this fixture."""
    return []


@pytest.fixture(scope="module")
def own_house(ground: Path, options: list[str], request: pytest.FixtureRequest) -> Iterator[House]:
    """One of a module's own, for whoever locks the door or kills who serves there."""
    with serving(ground / f"own {request.module.__name__}", *options) as opened:
        yield opened


class Visitor:
    """Somebody with a browser. Every misstep of the pages is kept, and held against them in the end."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser, self.address = browser, address
        self.missteps: list[str] = []

    def on_phone(self, path: str) -> Page:
        """The page on a phone that is held upright."""
        return self._open(path, viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True)

    def at_desk(self, path: str) -> Page:
        """The page on an office's screen, or a committee's."""
        return self._open(path, viewport={"width": 1920, "height": 1080})

    def _open(self, path: str, **screen: Any) -> Page:
        """A browser of its own, set to English and to no time zone of ours, with only our server on its network."""
        context = self.browser.new_context(base_url=self.address, locale="en-US", timezone_id="UTC", **screen)
        context.set_default_timeout(30_000)
        context.route(lambda url: not url.startswith(f"{self.address}/"), self._refuse)
        context.add_init_script(TELL_VIOLATIONS)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.missteps.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.missteps.append(f"ran: {dialog.message}"), dialog.dismiss()))
        page.goto(path)
        if page.locator("#map_main").count():
            page.wait_for_load_state("networkidle")  # a map fetches what it shows; the other pages come whole
        return page

    def forgive(self, words: str) -> None:
        """Take back a misstep that the test itself has provoked; it must have happened."""
        assert any(words in one for one in self.missteps), self.missteps
        self.missteps = [one for one in self.missteps if words not in one]

    def _refuse(self, route: Route) -> None:
        self.missteps.append(f"asked a stranger: {route.request.url}")
        route.abort()

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.missteps.append(f"{said.type}: {said.text} {said.location.get('url', '')}")


@pytest.fixture
def visitor(chromium: Browser, house: House) -> Iterator[Visitor]:
    """Somebody with a browser; whatever their pages did wrong fails the test."""
    somebody = Visitor(chromium, house.address)
    yield somebody
    for context in chromium.contexts:
        context.close()
    assert somebody.missteps == []
