"""Reading in one round trip: the right rows under the right rights, and nothing left from one question to the next."""

import asyncio
from functools import partial

import pytest

from gis.db import pool as reading
from gis.db.actors import Actor
from gis.db.pool import Question
from gis.db.session import Database
from gis.model.layer import catalog
from gis.read import sql as query
from gis.read.sql import Selection
from gis.text.errors import Forbidden, Invalid, Unavailable
from layers.policy import OFFICE, POLICY

WHO = Question(
    "select current_user::text, current_setting('cotmoc.actor', true), current_setting('transaction_read_only'),"
    " %(given)s::text, '100%%'",
    {"given": "khôi phục"},
    planned_once=True,
)


def asked(question, _notebook):
    return (yield question)


@pytest.fixture
def small(settings):
    opened = Database(settings.reader_url, settings.writer_url, pool_size=1)
    yield opened
    opened.dispose()


def test_every_question_is_asked_in_the_name_of_whoever_asks(small):
    async def all_roles():
        actors = [Actor(f"người {n}", role) for n, role in enumerate(POLICY.roles) if not role.outside]
        for _ in range(3):  # the first on a new connection, the others with the plan that is kept
            for actor in actors:
                found = await small.answered(actor, partial(asked, WHO))
                assert found == [
                    (actor.role.reading.encode(), actor.name.encode(), b"on", "khôi phục".encode(), b"100%")
                ]

    asyncio.run(all_roles())


def test_a_page_is_the_same_with_and_without_a_session(database):
    selection = Selection(catalog["markers"], OFFICE.level, limit=7, bbox=(105.0, 10.0, 107.0, 12.0))
    with database.acting(OFFICE) as session:
        wanted = query.page(session, selection)
    assert len(wanted[0]) == 7
    assert asyncio.run(database.answered(OFFICE, partial(query.asking_page, selection))) == wanted


def test_a_reader_changes_nothing(small):
    for attempt in ("update app.incidents set source = 'x'", "create table app.mine (id int)"):
        with pytest.raises(Forbidden):
            asyncio.run(small.answered(OFFICE, partial(asked, Question(attempt, {}))))


def test_a_fault_is_refused_like_the_house_and_leaves_nothing(small):
    async def faults():
        for broken in ("select 1 / 0", "select 'x'::int"):
            with pytest.raises(Invalid) as refused:
                await small.answered(OFFICE, partial(asked, Question(broken, {}, planned_once=True)))
            assert "zero" not in str(refused.value)
            assert len(await small.answered(OFFICE, partial(asked, WHO))) == 1

    asyncio.run(faults())


def test_a_connection_that_died_is_replaced_and_the_question_asked_again(small, connect):
    async def killed():
        await small.answered(OFFICE, partial(asked, WHO))
        connect().execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'cotmoc_reader'")
        assert len(await small.answered(OFFICE, partial(asked, WHO))) == 1

    asyncio.run(killed())


def test_a_question_whose_asker_has_gone_frees_its_place(small):
    slow = Question("select pg_sleep(30)", {})

    async def leaving():
        for _ in range(3):  # more than there are connections
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(small.answered(OFFICE, partial(asked, slow)), 0.2)
        assert len(await small.answered(OFFICE, partial(asked, WHO))) == 1

    asyncio.run(leaving())


def test_when_every_connection_is_taken_the_next_hears_so(small, monkeypatch):
    monkeypatch.setattr(reading, "PATIENCE_S", 0.2)

    async def crowd():
        slow = [small.answered(OFFICE, partial(asked, Question("select pg_sleep(1)", {}))) for _ in range(3)]
        outcomes = await asyncio.gather(*slow, return_exceptions=True)
        assert sum(isinstance(one, Unavailable) for one in outcomes) == 1

    asyncio.run(crowd())


def test_nothing_of_whoever_asked_before_is_left_on_the_connection(small):
    left = Question("select current_setting('role')::text, current_setting('cotmoc.actor', true)", {})

    async def after():
        await small.answered(OFFICE, partial(asked, WHO))
        (line,) = next(iter(small._lines.values()))._idle
        return await line.ask({}, "select 1", left)

    assert asyncio.run(after()) == [(b"none", b"")]


def test_a_large_question_and_a_large_answer_pass(small):
    words = "đ" * 2_000_000
    found = asyncio.run(small.answered(OFFICE, partial(asked, Question("select %(words)s::text", {"words": words}))))
    assert found == [(words.encode(),)]


def test_the_places_of_values_are_numbered():
    assert reading.numbered("select %(a)s, %(b)s, %(a)s, 'x%%'") == ("select $1, $2, $1, 'x%'", ["a", "b"])


def test_plans_are_kept_for_so_many_statements_and_no_more(small, monkeypatch):
    monkeypatch.setattr(reading, "MOST_PLANS", 5)

    async def many():
        for number in (*range(12), *range(12)):  # also those that were forgotten meanwhile
            question = Question(f"select {number}", {}, planned_once=True)
            assert await small.answered(OFFICE, partial(asked, question)) == [(number,)]
        return await small.answered(OFFICE, partial(asked, Question("select count(*) from pg_prepared_statements", {})))

    assert asyncio.run(many())[0][0] == 5
