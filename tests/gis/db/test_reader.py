"""Readers: the access log is written before a reader closes, and a session reads without an event loop."""

import asyncio
import uuid

import pytest

from gis.db import AccessLogEntry, Actor, BoundQuery, result_of
from gis.model.layer import catalog
from gis.read import pages
from gis.read.selection import Selection
from gis.text.errors import Invalid
from layers.policy import OFFICE, OFFICER, PUBLIC

READINGS = "select count(*) from app.journal where action = 'read' and table_name = 'gates'"
NUMBER = BoundQuery("select 1", {})


def entry():
    return AccessLogEntry("gates", {"where": {"name": ["x"]}}, uuid.uuid4())


def test_access_log_is_written_when_the_reader_closes(database, connect):
    logged = connect()
    before = logged.execute(READINGS).fetchone()[0]

    async def read():
        async with database.reader(OFFICE) as reader:
            reader.record_access(entry())
            assert await reader.fetch(NUMBER) == [(1,)]
            assert logged.execute(READINGS).fetchone()[0] == before
        return logged.execute(READINGS).fetchone()[0]

    assert asyncio.run(read()) == before + 1


def test_nothing_is_read_through_a_closed_reader(database):
    async def read_afterwards():
        async with database.reader(OFFICE) as reader:
            pass
        await reader.fetch(NUMBER)

    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(read_afterwards())


def test_entry_that_cannot_be_written_withholds_the_result(database):
    async def read():
        async with database.reader(OFFICE) as reader:
            reader.record_access(AccessLogEntry("gates", {}, action="forged"))
            return await reader.fetch(NUMBER)

    with pytest.raises(Invalid):
        asyncio.run(read())


def test_session_and_reader_have_the_clearance_of_their_actor(database):
    async def clearance_of(actor):
        async with database.reader(actor) as reader:
            return Selection.for_reader(reader, catalog["gates"]).clearance

    for actor in (OFFICE, PUBLIC, Actor("cán bộ", OFFICER, "Đồn A")):
        with database.transaction(actor) as session:
            assert Selection.for_reader(session, catalog["gates"]).clearance == actor.clearance
        assert asyncio.run(clearance_of(actor)) == actor.clearance


def test_result_of_runs_a_reading_through_a_session(database):
    with database.transaction(OFFICE) as session:
        assert result_of(pages.count_features(session, Selection.for_reader(session, catalog["gates"]))) > 0


def test_result_of_refuses_a_coroutine_that_suspends():
    with pytest.raises(RuntimeError, match="event loop"):
        result_of(asyncio.sleep(0))
