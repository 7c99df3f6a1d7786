"""Connections that PostgreSQL ends: running requests may fail, but no request hangs and later ones are answered."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx

ROUNDS, CLIENTS = 20, 6
PATHS = ("/ogc/collections/markers/items?limit=100", "/healthz", "/api/locate?q=147/6", "/board")
TERMINATE = """
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and usename like 'cotmoc%'
"""


def test_no_request_hangs_when_postgresql_ends_all_connections_under_load(site_url, connect):
    administrator, stop = connect(), Event()

    def request_until_stopped(first: int) -> set[int]:
        statuses, number = set(), first
        while not stop.is_set():
            # A new client each time: a socket gets the number of a lost connection to the database.
            with httpx.Client(base_url=site_url, timeout=10) as client:
                statuses.add(client.get(PATHS[number % len(PATHS)]).status_code)
            number += 1
        return statuses

    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(request_until_stopped, first) for first in range(CLIENTS)]
        ended = 0
        for _ in range(ROUNDS):
            ended += administrator.execute(TERMINATE).fetchone()[0]
            for _ in range(5):
                assert httpx.get(f"{site_url}/healthz", timeout=10).status_code == 200
        stop.set()
        statuses = set().union(*(task.result() for task in running))
    assert ended >= ROUNDS
    assert statuses <= {200, 503}
    for path in PATHS:
        assert httpx.get(f"{site_url}{path}", timeout=10).status_code == 200
