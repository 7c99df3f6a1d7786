"""What a process keeps of requests is bounded, whatever clients ask for."""

import asyncio
import gc
import tracemalloc
from itertools import islice, permutations

import httpx

from api.app import create_app
from gis.db.pool import MAX_PREPARED_STATEMENTS
from gis.model.layer import catalog
from gis.read import sql

REQUESTS, WARM_UP = 3000, 1000
"""How many requests there are, and after how many of them every cache is full."""

MAX_GROWTH_BYTES = 300_000
"""The memory that may be in use for other reasons; the SQL of the requests after the warm-up is 20 times as much."""


def test_new_orders_of_properties_cause_no_growth(settings, database, accounts):
    app = create_app(settings, database, accounts)
    orders = islice(permutations(catalog["markers"].fields), REQUESTS)
    sql._feature_json_sql.cache_clear()

    async def request_each_order():
        url, used = f"http://localhost:{settings.port}", []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url) as client:
            for number, order in enumerate(orders, 1):
                parameters = {"limit": 1, "properties": ",".join(order)}
                answer = await client.get("/ogc/collections/markers/items", params=parameters)
                assert answer.status_code == 200, answer.text
                assert list(answer.json()["features"][0]["properties"]) == list(order)
                if number in (WARM_UP, REQUESTS):
                    gc.collect()
                    used.append(tracemalloc.get_traced_memory()[0])
        return used, database._pools[database._reader]._pools[asyncio.get_running_loop()]._idle

    tracemalloc.start()
    (warm, last), connections = asyncio.run(request_each_order())
    tracemalloc.stop()
    cached = sql._feature_json_sql.cache_info()
    assert (cached.misses, cached.currsize) == (REQUESTS, cached.maxsize)
    assert len(connections) == 1
    statements = connections[0]._prepared
    assert len(statements._names) <= MAX_PREPARED_STATEMENTS
    assert len(statements._counts) <= MAX_PREPARED_STATEMENTS
    assert last - warm < MAX_GROWTH_BYTES
