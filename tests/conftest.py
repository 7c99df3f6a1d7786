"""A real PostGIS for every test: one throw-away cluster, migrated once, furnished once, copied for each module."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import httpx
import psycopg
import pytest
import uvicorn
from playwright.sync_api import Browser, Playwright, expect, sync_playwright
from psycopg import sql
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from api.app import create_app
from api.cli.migrate import migrate
from api.http.protocol import HttpProtocol
from api.settings import Settings
from gis.accounts.authentication import Accounts
from gis.cluster.private_cluster import Cluster
from gis.db.session import ACCOUNTS_LOGIN, PARTNER_LOGIN, READER_LOGIN, WRITER_LOGIN, Database
from layers import loading as reference

REFERENCE = Path(__file__).resolve().parent.parent / "data" / "reference"

Connect = Callable[..., psycopg.Connection]

# Chromium without the windows that nobody sees: a page costs a quarter of what it costs in the whole browser.
CHROMIUM = shutil.which("chromium-headless-shell") or "/usr/bin/chromium"

# Without the flags on background work Chromium itself calls out; the resolver rule leaves it nobody to call.
OFFLINE_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]  # fmt: skip

expect.set_options(timeout=20_000)  # the machine may be busy; what holds at all holds at once on a quiet one

UVICORN_OPTIONS = {"http": HttpProtocol, "log_level": "critical", "server_header": False, "proxy_headers": False}

_copies = count(1)

SAME_WORKER = [
    ("journeys/committee", "journeys/every_page", "journeys/partner", "journeys/planner"),
    ("journeys/officer", "journeys/sealed_journal"),
]
"""Journeys that use the same server go to one worker, which starts it once."""

LONGEST_FIRST = [
    "journeys/two_commands", *SAME_WORKER[0], "contract/leaks", "maps/browser/records", *SAME_WORKER[1],
    "journeys/hostile_text", "journeys/workers", "contract/noninterference", "journeys/people", "api/ogc/clients",
    "maps/typeface", "api/ogc/tile_counts", "api/ogc/openapi_fuzzing", "api/ogc/qgis", "api/rest/export_limits",
    "api/rest/export", "maps/browser/tile_layer", "maps/pages/accounts", "gis/audit/tampering",
    "api/ogc/conformance", "maps/browser/map", "gis/cluster/private_cluster", "contract/promises",
    "contract/api_promises", "api/ogc/items", "gis/schema/migrate", "api/http/protocol", "contract/cql2",
]  # fmt: skip
"""The files that take more than ten seconds, longest first: a short file at the end keeps the workers level."""


def _short(file: str) -> str:
    """``journeys/officer`` for ``tests/journeys/test_officer.py``."""
    return file.removeprefix("tests/").removesuffix(".py").replace("/test_", "/")


class FileScheduling(LoadFileScheduling):
    """A file to a worker at a time, with those it shares a house with."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((group[0] for group in SAME_WORKER if _short(file) in group), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    """Give out the files in the order in which they were collected, not by the number of their tests."""
    config.option.loadscopereorder = False
    return FileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files in order; within one the order stays."""
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(_short(item.nodeid.partition("::")[0]), len(order)))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster that all databases of this run live in."""
    with Cluster.throwaway() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_template(cluster: Cluster) -> str:
    """The name of a migrated database without a row: a template for others."""
    cluster.create_database("migrated")
    migrate(cluster.url("migrated"))
    return "migrated"


@pytest.fixture(scope="session")
def reference_template(cluster: Cluster, migrated_template: str) -> str:
    """The name of a migrated database that holds the reference data: a template for others."""
    cluster.create_database("furnished", template=migrated_template)
    loading = Database(cluster.url("furnished", READER_LOGIN), cluster.url("furnished", WRITER_LOGIN))
    reference.load(loading, REFERENCE, lambda _line: None)
    loading.dispose()
    return "furnished"


@pytest.fixture(scope="module")
def database_name(cluster: Cluster, reference_template: str) -> Iterator[str]:
    """A furnished database of this module's own. A module that wants another overrides this fixture."""
    name = f"copy_{next(_copies)}"
    cluster.create_database(name, template=reference_template)
    yield name
    cluster.drop_database(name)


@pytest.fixture
def empty_database_name(cluster: Cluster, migrated_template: str) -> Iterator[str]:
    """A migrated database without a row, for one test alone."""
    name = f"copy_{next(_copies)}"
    cluster.create_database(name, template=migrated_template)
    yield name
    cluster.drop_database(name)


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A free port of this machine's loopback, open."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


@pytest.fixture(scope="module")
def settings(cluster: Cluster, database_name: str, listener: socket.socket) -> Settings:
    """The settings by which the application finds this module's database and knows its own name."""
    return Settings(
        reader_url=cluster.url(database_name, READER_LOGIN),
        writer_url=cluster.url(database_name, WRITER_LOGIN),
        door_url=cluster.url(database_name, ACCOUNTS_LOGIN),
        partner_url=cluster.url(database_name, PARTNER_LOGIN),
        port=listener.getsockname()[1],
    )


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    """This module's database as the application sees it."""
    opened = Database(settings.reader_url, settings.writer_url, settings.partner_url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def accounts(settings: Settings) -> Iterator[Accounts]:
    """The door of this module's database, as the application knows it."""
    opened = Accounts(settings.door_url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def site_url(settings: Settings, database: Database, accounts: Accounts, listener: socket.socket) -> Iterator[str]:
    """The address of the real application, served over this module's database by the server it is shipped with."""
    config = uvicorn.Config(create_app(settings, database, accounts), **UVICORN_OPTIONS)
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    serving.start()
    while not server.started:
        assert serving.is_alive()
        time.sleep(0.01)
    yield f"http://localhost:{settings.port}"
    server.should_exit = True
    serving.join()


@pytest.fixture(scope="module")
def client(site_url: str) -> Iterator[httpx.Client]:
    """Somebody at this machine who asks."""
    with httpx.Client(base_url=site_url, timeout=30) as asking:
        yield asking


@pytest.fixture
def connect(cluster: Cluster, database_name: str) -> Iterator[Connect]:
    """Raw SQL: ``connect()`` as the administrator, ``connect(WRITER_LOGIN, role=…)`` as a login in a role."""
    opened: list[psycopg.Connection] = []

    def connecting(login: str = "postgres", *, role: str | None = None) -> psycopg.Connection:
        connection = psycopg.connect(host=str(cluster.socket_dir), dbname=database_name, user=login, autocommit=True)
        opened.append(connection)
        if role is not None:
            connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        return connection

    yield connecting
    for connection in opened:
        connection.close()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What starts a module's browsers."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """One real browser for a module's pages, with the network cut."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE_FLAGS)
    yield browser
    browser.close()
