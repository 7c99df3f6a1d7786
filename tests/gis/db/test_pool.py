"""Reading in one round trip: the right rows under the right rights, and nothing left from one question to the next."""

import asyncio
from functools import partial

import pytest

from gis.db import pool
from gis.db.actors import Actor
from gis.db.pool import BoundQuery
from gis.db.session import Database
from gis.model.layer import catalog
from gis.read import pages
from gis.read.selection import Selection
from gis.text.errors import Forbidden, Invalid, Unavailable
from layers.policy import OFFICE, POLICY

WHO = BoundQuery(
    "select current_user::text, current_setting('cotmoc.actor', true), current_setting('transaction_read_only'),"
    " %(given)s::text, '100%%'",
    {"given": "khôi phục"},
    prepared=True,
)


def asked(question, _notebook):
    return (yield question)


@pytest.fixture
def single_connection_database(settings):
    opened = Database(settings.reader_url, settings.writer_url, pool_size=1)
    yield opened
    opened.dispose()


def test_every_question_is_asked_in_the_name_of_whoever_asks(single_connection_database):
    async def all_roles():
        actors = [Actor(f"người {n}", role) for n, role in enumerate(POLICY.roles) if not role.external]
        for _ in range(3):  # the first on a new connection, the others with the plan that is kept
            for actor in actors:
                found = await single_connection_database.run_queries(actor, partial(asked, WHO))
                assert found == [
                    (actor.role.read_role.encode(), actor.name.encode(), b"on", "khôi phục".encode(), b"100%")
                ]

    asyncio.run(all_roles())


def test_a_page_is_the_same_with_and_without_a_session(database):
    selection = Selection(catalog["markers"], OFFICE.level, limit=7, bbox=(105.0, 10.0, 107.0, 12.0))
    with database.transaction(OFFICE) as session:
        wanted = pages.read_page(session, selection)
    assert len(wanted[0]) == 7
    assert asyncio.run(database.run_queries(OFFICE, partial(pages.page_queries, selection))) == wanted


def test_a_reader_changes_nothing(single_connection_database):
    for attempt in ("update app.incidents set source = 'x'", "create table app.mine (id int)"):
        with pytest.raises(Forbidden):
            asyncio.run(single_connection_database.run_queries(OFFICE, partial(asked, BoundQuery(attempt, {}))))


def test_a_fault_is_refused_like_the_house_and_leaves_nothing(single_connection_database):
    async def faults():
        for broken in ("select 1 / 0", "select 'x'::int"):
            with pytest.raises(Invalid) as refused:
                await single_connection_database.run_queries(
                    OFFICE, partial(asked, BoundQuery(broken, {}, prepared=True))
                )
            assert "zero" not in str(refused.value)
            assert len(await single_connection_database.run_queries(OFFICE, partial(asked, WHO))) == 1

    asyncio.run(faults())


def test_a_connection_that_died_is_replaced_and_the_question_asked_again(single_connection_database, connect):
    async def killed():
        await single_connection_database.run_queries(OFFICE, partial(asked, WHO))
        connect().execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'cotmoc_reader'")
        assert len(await single_connection_database.run_queries(OFFICE, partial(asked, WHO))) == 1

    asyncio.run(killed())


def test_a_question_whose_asker_has_gone_frees_its_place(single_connection_database):
    slow = BoundQuery("select pg_sleep(30)", {})

    async def leaving():
        for _ in range(3):  # more than there are connections
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(single_connection_database.run_queries(OFFICE, partial(asked, slow)), 0.2)
        assert len(await single_connection_database.run_queries(OFFICE, partial(asked, WHO))) == 1

    asyncio.run(leaving())


def test_when_every_connection_is_taken_the_next_hears_so(single_connection_database, monkeypatch):
    monkeypatch.setattr(pool, "ACQUIRE_TIMEOUT_S", 0.2)

    async def crowd():
        slow = [
            single_connection_database.run_queries(OFFICE, partial(asked, BoundQuery("select pg_sleep(1)", {})))
            for _ in range(3)
        ]
        outcomes = await asyncio.gather(*slow, return_exceptions=True)
        assert sum(isinstance(one, Unavailable) for one in outcomes) == 1

    asyncio.run(crowd())


def test_nothing_of_whoever_asked_before_is_left_on_the_connection(single_connection_database):
    left = BoundQuery("select current_setting('role')::text, current_setting('cotmoc.actor', true)", {})

    async def after():
        await single_connection_database.run_queries(OFFICE, partial(asked, WHO))
        (line,) = next(iter(single_connection_database._pools.values()))._idle
        return await line.execute({}, "select 1", left)

    assert asyncio.run(after()) == [(b"none", b"")]


def test_a_large_question_and_a_large_answer_pass(single_connection_database):
    words = "đ" * 2_000_000
    found = asyncio.run(
        single_connection_database.run_queries(
            OFFICE, partial(asked, BoundQuery("select %(words)s::text", {"words": words}))
        )
    )
    assert found == [(words.encode(),)]


def test_the_places_of_values_are_numbered():
    assert pool.numbered_placeholders("select %(a)s, %(b)s, %(a)s, 'x%%'") == ("select $1, $2, $1, 'x%'", ["a", "b"])


def test_plans_are_kept_for_so_many_statements_and_no_more(single_connection_database, monkeypatch):
    monkeypatch.setattr(pool, "MAX_PREPARED_STATEMENTS", 5)

    async def many():
        for number in (*range(12), *range(12)):  # also those that were forgotten meanwhile
            question = BoundQuery(f"select {number}", {}, prepared=True)
            assert await single_connection_database.run_queries(OFFICE, partial(asked, question)) == [(number,)]
        return await single_connection_database.run_queries(
            OFFICE, partial(asked, BoundQuery("select count(*) from pg_prepared_statements", {}))
        )

    assert asyncio.run(many())[0][0] == 5
