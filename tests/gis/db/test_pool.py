"""Pipelined queries: run in the role of the actor; a pooled connection keeps no state from one query to the next."""

import asyncio
import datetime as dt

import pytest

from gis.db import pool, result_of
from gis.db.actors import Actor
from gis.db.pool import BoundQuery
from gis.db.session import Database
from gis.model.layer import catalog
from gis.read import pages
from gis.read.selection import Selection
from gis.text.errors import Forbidden, Invalid, Unavailable
from layers.policy import OFFICE, POLICY

CONTEXT = BoundQuery(
    "select current_user::text, current_setting('cotmoc.actor', true), current_setting('transaction_read_only'),"
    " %(word)s::text, '100%%'",
    {"word": "khôi phục"},
    prepared=True,
)


async def fetch(opened, query, actor=OFFICE):
    """The rows of a query through a reader of the event loop."""
    async with opened.reader(actor) as reader:
        return await reader.fetch(query)


@pytest.fixture
def single_connection_database(settings):
    """The module's database through a pool of one connection."""
    opened = Database(settings.reader_url, settings.writer_url, pool_size=1)
    yield opened
    opened.dispose()


def test_each_query_runs_with_role_and_name_of_its_actor(single_connection_database):
    async def all_roles():
        actors = [Actor(f"người {n}", role) for n, role in enumerate(POLICY.roles) if not role.external]
        for _ in range(3):  # first on a new connection, then with prepared statements
            for actor in actors:
                rows = await fetch(single_connection_database, CONTEXT, actor)
                assert rows == [
                    (actor.role.read_role.encode(), actor.name.encode(), b"on", "khôi phục".encode(), b"100%")
                ]

    asyncio.run(all_roles())


def test_page_of_pipelined_queries_equals_that_of_a_session(database):
    selection = Selection(catalog["markers"], OFFICE.level, limit=7, bbox=(105.0, 10.0, 107.0, 12.0))
    with database.transaction(OFFICE) as session:
        expected = result_of(pages.read_page(session, selection))
    assert len(expected[0]) == 7

    async def pooled_page():
        async with database.reader(OFFICE) as reader:
            return await pages.read_page(reader, selection)

    assert asyncio.run(pooled_page()) == expected


def test_queries_are_read_only(single_connection_database):
    for sql in ("update app.incidents set source = 'x'", "create table app.mine (id int)"):
        with pytest.raises(Forbidden):
            asyncio.run(fetch(single_connection_database, BoundQuery(sql, {})))


def test_error_is_translated_and_leaves_no_state(single_connection_database):
    async def faults():
        for broken in ("select 1 / 0", "select 'x'::int"):
            with pytest.raises(Invalid) as refused:
                await fetch(single_connection_database, BoundQuery(broken, {}, prepared=True))
            assert "zero" not in str(refused.value)
            assert len(await fetch(single_connection_database, CONTEXT)) == 1

    asyncio.run(faults())


def test_lost_connection_is_replaced_and_the_query_retried(single_connection_database, connect):
    async def after_termination():
        await fetch(single_connection_database, CONTEXT)
        connect().execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'cotmoc_reader'")
        assert len(await fetch(single_connection_database, CONTEXT)) == 1

    asyncio.run(after_termination())


def test_cancelled_query_frees_its_connection(single_connection_database):
    slow = BoundQuery("select pg_sleep(30)", {})

    async def cancelled():
        for _ in range(3):  # more than there are connections
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(fetch(single_connection_database, slow), 0.2)
        assert len(await fetch(single_connection_database, CONTEXT)) == 1

    asyncio.run(cancelled())


def test_exhausted_pool_raises_unavailable(single_connection_database, monkeypatch):
    monkeypatch.setattr(pool, "ACQUIRE_TIMEOUT_S", 0.2)

    async def exceed_pool():
        slow = [fetch(single_connection_database, BoundQuery("select pg_sleep(1)", {})) for _ in range(3)]
        outcomes = await asyncio.gather(*slow, return_exceptions=True)
        assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 1

    asyncio.run(exceed_pool())


def test_connection_keeps_neither_role_nor_actor(single_connection_database):
    context = BoundQuery("select current_setting('role')::text, current_setting('cotmoc.actor', true)", {})

    async def after():
        await fetch(single_connection_database, CONTEXT)
        login_pool = single_connection_database._pools[single_connection_database._reader]
        return await login_pool.execute("select 1", {}, context)

    assert asyncio.run(after()) == [(b"none", b"")]


def test_moment_of_a_query_ends_with_it(single_connection_database):
    moment = dt.datetime(2026, 11, 20, 17, 30, tzinfo=dt.timezone(dt.timedelta(hours=7)))
    sql = "select current_setting('cotmoc.as_of', true), app.as_of() = %(moment)s, app.as_of() = now()"

    async def read_at_moments():
        return [
            await fetch(single_connection_database, BoundQuery(sql, {"moment": moment}, prepared=True, as_of=as_of))
            for as_of in (moment, None, moment, None)
        ]

    past, present = [(moment.isoformat().encode(), True, False)], [(b"", False, True)]
    assert asyncio.run(read_at_moments()) == [past, present, past, present]


def test_query_and_result_of_megabytes_are_transferred(single_connection_database):
    text = "đ" * 2_000_000
    rows = asyncio.run(fetch(single_connection_database, BoundQuery("select %(text)s::text", {"text": text})))
    assert rows == [(text.encode(),)]


def test_prepared_statements_per_connection_are_limited(single_connection_database, monkeypatch):
    monkeypatch.setattr(pool, "MAX_PREPARED_STATEMENTS", 5)

    async def many():
        for number in (*range(12), *range(12)):  # also those deallocated meanwhile
            query = BoundQuery(f"select {number}", {}, prepared=True)
            assert await fetch(single_connection_database, query) == [(number,)]
        return await fetch(single_connection_database, BoundQuery("select count(*) from pg_prepared_statements", {}))

    assert asyncio.run(many())[0][0] == 5
