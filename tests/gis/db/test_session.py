"""Transactions for an actor, and pooled connections without the context of the previous one."""

import asyncio
import datetime as dt
import random
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gis.db.actors import Actor
from gis.db.session import Database
from gis.model.as_of import set_as_of
from gis.model.layer import catalog
from gis.text.dates import VIETNAM_TIME
from gis.text.errors import Forbidden, Invalid, Missing, Refusal
from gis.text.i18n import Text
from layers.policy import OFFICE, PARTNER, POLICY
from tests.factories import put

WHO = text(
    "select current_user, current_setting('cotmoc.actor', true), current_setting('cotmoc.unit', true),"
    " current_setting('transaction_read_only')"
)


def test_read_only_transaction_cannot_write(database):
    with database.transaction(OFFICE) as session:
        assert session.execute(WHO).one() == ("cotmoc_office", "office", "", "on")
    with pytest.raises(Forbidden), database.transaction(OFFICE) as session:
        session.execute(text("update app.incidents set source = 'x'"))
    for attempt in ("set transaction read write", "set local role cotmoc_office_edit", "set role cotmoc_owner"):
        with pytest.raises(Refusal), database.transaction(OFFICE) as session:  # noqa: PT012 - after a first query
            session.execute(text("select 1"))
            session.execute(text(attempt))


def test_actor_who_may_not_edit_gets_no_write_transaction(database):
    with pytest.raises(Forbidden), database.transaction(PARTNER, write=True):
        pass


def test_exception_rolls_the_transaction_back(database):
    layer = catalog["areas"]
    with pytest.raises(Missing), database.transaction(OFFICE, write=True) as session:  # noqa: PT012 - half a change
        row = put(session, layer).id
        raise Missing(Text("x", "x"))
    with database.transaction(OFFICE) as session:
        assert session.get(layer.model, row) is None


def test_savepoint_keeps_role_and_actor(database):
    with database.transaction(OFFICE, write=True) as session:
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text("select 1/0"))
        assert session.execute(WHO).one()[:2] == ("cotmoc_office_edit", "office")
        put(session, catalog["areas"])


def test_pooled_connections_keep_no_context(settings):
    small = Database(settings.reader_url, settings.writer_url, pool_size=2)
    actors = [Actor(f"người {n}", role, f"đơn vị {n}") for n, role in enumerate(POLICY.roles)]
    wrong = []

    def work(seed):
        chance = random.Random(seed)
        for _ in range(60):
            actor = chance.choice(actors)
            write = actor.may_edit and chance.random() < 0.4
            try:
                with small.transaction(actor, write=write) as session:
                    role, name, unit, read_only = session.execute(WHO).one()
                    expected = actor.role.write_role if write else actor.role.read_role
                    if (role, name, unit, read_only) != (expected, actor.name, actor.unit, "off" if write else "on"):
                        wrong.append((actor, role, name, unit, read_only))
                    if chance.random() < 0.3:
                        session.execute(text("select 1/0"))
            except Invalid:
                pass

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    with small._reader.connect() as bare:
        role, name, *_ = bare.execute(WHO).one()
        assert (role, name or "") == ("cotmoc_reader", "")
    small.dispose()


def test_moment_of_reading_ends_with_the_transaction(settings):
    single = Database(settings.reader_url, settings.writer_url, pool_size=1)
    read_moment = text("select current_setting('cotmoc.as_of', true), app.as_of() = now()")
    for moment in (dt.datetime(2026, 11, 20, tzinfo=dt.UTC), dt.datetime(1, 1, 1, tzinfo=VIETNAM_TIME)):
        with single.transaction(OFFICE) as session:
            assert session.execute(read_moment).one() == ("", True)
            set_as_of(session, moment)
            assert session.execute(read_moment).one() == (moment.isoformat(), False)
    with single.transaction(OFFICE) as session:
        assert session.execute(read_moment).one() == ("", True)
    single.dispose()


def test_download_reads_at_its_moment(database):
    moment = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)

    async def read():
        async with database.download_connection(OFFICE, moment) as connection:
            return await (await connection.execute("select app.as_of()")).fetchone()

    assert asyncio.run(read()) == (moment,)


def test_database_errors_are_translated_without_their_text(database):
    with pytest.raises(Invalid) as refused, database.transaction(OFFICE, write=True) as session:  # noqa: PT012
        first = put(session, catalog["markers"], number="4321")
        assert first.number == "4321"
        put(session, catalog["markers"], number="4321")
    assert [(error.field, error.code) for error in refused.value.errors] == [("number", "taken")]
    assert "duplicate" not in str(refused.value)
    with pytest.raises(Invalid) as refused, database.transaction(OFFICE, write=True) as session:  # noqa: PT012
        row = put(session, catalog["areas"]).id
        session.execute(text("update app.areas set name = null where id = :id"), {"id": row})
    assert "violates" not in str(refused.value)
