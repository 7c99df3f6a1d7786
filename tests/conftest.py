"""Fixtures with a real PostGIS: one throw-away cluster, and templates that are copied for each module."""

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

# The headless shell renders a page at a quarter of the cost of the whole browser.
CHROMIUM = shutil.which("chromium-headless-shell") or "/usr/bin/chromium"

# The flags stop the requests that Chromium makes in the background; the resolver rule resolves no other host.
OFFLINE_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]  # fmt: skip

expect.set_options(timeout=20_000)  # long, for busy machines; an expectation that holds returns at once

UVICORN_OPTIONS = {"http": HttpProtocol, "log_level": "critical", "server_header": False, "proxy_headers": False}

_copies = count(1)

SAME_WORKER = [
    ("journeys/committee", "journeys/every_page", "journeys/partner", "journeys/planner"),
    ("journeys/officer", "journeys/sealed_journal"),
]
"""Files that use the same server run on one worker, which starts it once."""

LONGEST_FIRST = [
    "journeys/two_commands", *SAME_WORKER[0], "contract/leaks", "maps/browser/records", *SAME_WORKER[1],
    "journeys/hostile_text", "journeys/workers", "contract/noninterference", "journeys/people", "api/ogc/clients",
    "maps/typeface", "api/ogc/tile_counts", "api/ogc/openapi_fuzzing", "api/ogc/qgis", "api/rest/export_limits",
    "api/rest/export", "maps/browser/tile_layer", "maps/pages/accounts", "gis/audit/tampering",
    "api/ogc/conformance", "maps/browser/map", "gis/cluster/private_cluster", "contract/promises",
    "contract/api_promises", "api/ogc/bounded_caches", "api/ogc/items", "gis/schema/migrate", "api/http/protocol",
    "contract/cql2",
]  # fmt: skip
"""The files that take more than ten seconds, longest first, so that the workers finish at about the same time."""


def _short(file: str) -> str:
    """``journeys/officer`` for ``tests/journeys/test_officer.py``."""
    return file.removeprefix("tests/").removesuffix(".py").replace("/test_", "/")


class FileScheduling(LoadFileScheduling):
    """Give a worker one file at a time, or one group of ``SAME_WORKER``."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((group[0] for group in SAME_WORKER if _short(file) in group), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    """Schedule the files in the order of collection, not by the number of their tests."""
    config.option.loadscopereorder = False
    return FileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files by ``LONGEST_FIRST``; the tests within a file stay in order."""
    order = {name: position for position, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(_short(item.nodeid.partition("::")[0]), len(order)))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster of all databases of this run."""
    with Cluster.throwaway() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_template(cluster: Cluster) -> str:
    """The name of a migrated database without a row, to be used as a template."""
    cluster.create_database("migrated")
    migrate(cluster.url("migrated"))
    return "migrated"


@pytest.fixture(scope="session")
def reference_template(cluster: Cluster, migrated_template: str) -> str:
    """The name of a migrated database with the reference data, to be used as a template."""
    cluster.create_database("reference_data", template=migrated_template)
    database = Database(cluster.url("reference_data", READER_LOGIN), cluster.url("reference_data", WRITER_LOGIN))
    reference.load(database, REFERENCE, lambda _line: None)
    database.dispose()
    return "reference_data"


@pytest.fixture(scope="module")
def database_name(cluster: Cluster, reference_template: str) -> Iterator[str]:
    """A database with the reference data for this module. A module that needs another overrides this fixture."""
    name = f"copy_{next(_copies)}"
    cluster.create_database(name, template=reference_template)
    yield name
    cluster.drop_database(name)


@pytest.fixture
def empty_database_name(cluster: Cluster, migrated_template: str) -> Iterator[str]:
    """A migrated database without a row, for a single test."""
    name = f"copy_{next(_copies)}"
    cluster.create_database(name, template=migrated_template)
    yield name
    cluster.drop_database(name)


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A socket that listens on a free port of the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening_socket:
        yield listening_socket


@pytest.fixture(scope="module")
def settings(cluster: Cluster, database_name: str, listener: socket.socket) -> Settings:
    """The application's settings: the URLs of this module's database, and the port of its listener."""
    return Settings(
        reader_url=cluster.url(database_name, READER_LOGIN),
        writer_url=cluster.url(database_name, WRITER_LOGIN),
        accounts_url=cluster.url(database_name, ACCOUNTS_LOGIN),
        partner_url=cluster.url(database_name, PARTNER_LOGIN),
        port=listener.getsockname()[1],
    )


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    """This module's database through the logins of the application."""
    module_database = Database(settings.reader_url, settings.writer_url, settings.partner_url)
    yield module_database
    module_database.dispose()


@pytest.fixture(scope="module")
def accounts(settings: Settings) -> Iterator[Accounts]:
    """The accounts of this module's database: people, sessions, tokens."""
    module_accounts = Accounts(settings.accounts_url)
    yield module_accounts
    module_accounts.dispose()


@pytest.fixture(scope="module")
def site_url(settings: Settings, database: Database, accounts: Accounts, listener: socket.socket) -> Iterator[str]:
    """The base URL of the application, served over this module's database by uvicorn as in production."""
    config = uvicorn.Config(create_app(settings, database, accounts), **UVICORN_OPTIONS)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://localhost:{settings.port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def client(site_url: str) -> Iterator[httpx.Client]:
    """An HTTP client on the loopback, without credentials."""
    with httpx.Client(base_url=site_url, timeout=30) as http_client:
        yield http_client


@pytest.fixture
def connect(cluster: Cluster, database_name: str) -> Iterator[Connect]:
    """Raw SQL: ``connect()`` as superuser, ``connect(WRITER_LOGIN, role=…)`` as a login that has set a role."""
    connections: list[psycopg.Connection] = []

    def open_connection(login: str = "postgres", *, role: str | None = None) -> psycopg.Connection:
        connection = psycopg.connect(host=str(cluster.socket_dir), dbname=database_name, user=login, autocommit=True)
        connections.append(connection)
        if role is not None:
            connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        return connection

    yield open_connection
    for connection in connections:
        connection.close()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright, which launches the browsers of a module."""
    with sync_playwright() as instance:
        yield instance


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium for the pages of a module, without access to other hosts."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE_FLAGS)
    yield browser
    browser.close()
