"""What a superuser may do beside the journal is found: by ``audit verify`` in the data, by the doctor in the house.

The table of tamperings with the journal itself stands in ``test_seals``.
"""

import pytest
from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from gis.actors import Actor
from gis.audit import first_unlike, unlike
from gis.crs import WGS84
from gis.doctor import CHECKS, House, State
from gis.layer import catalog
from gis.links import Link
from layers.gates import GateEvent
from layers.policy import OFFICE_STAFF, POLICY, SYSTEM
from tests.factories import put

LAN = Actor("lan", OFFICE_STAFF)


@pytest.fixture(scope="module")
def thing(database):
    """A gate with an event and a link, changed twice, one incident that was erased by the administrator."""
    with database.acting(SYSTEM, write=True) as session:
        gate = put(session, catalog["gates"], name="Cửa khẩu thử")
        work = put(session, catalog["works"])
        session.add(GateEvent(feature_id=gate.id, kind="note", on="2026-01-05", precision="day", note="x"))
        link = Link(feature_id=work.id, to_id=gate.id, role="subject")
        session.add(link)
        found = gate.id
    for name in ("Cửa khẩu thử 2", "Cửa khẩu thử 3"):
        with database.acting(LAN, write=True, reason="đổi tên") as session:
            feature = session.get_one(catalog["gates"].model, found)
            feature.name = name
            feature.geom = from_shape(Point(106, 11.5), srid=WGS84)
    with database.acting(LAN, write=True, reason="bỏ") as session:
        session.delete(session.query(Link).filter_by(to_id=found).one())
    return found


@pytest.fixture
def superuser(cluster, database_name, thing):
    """Who disables every trigger; what was done is undone afterwards."""
    engine = create_engine(cluster.url(database_name), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        yield connection
        connection.rollback()


BESIDE_THE_JOURNAL = {
    "a word of the past": "update app.gates_history set name = 'khác' where id = :id and version = 2",
    "a place of the past": "update app.gates_history set geom = ST_SetSRID(ST_MakePoint(105, 11), 4326)"
    " where id = :id and version = 2",
    "who did it": "update app.gates_history set actor = 'minh' where id = :id and version = 2",
    "why it was done": "update app.gates_history set reason = 'khác' where id = :id and version = 3",
    "when it held": "update app.gates_history set valid = tstzrange(lower(valid) - interval '1 day', upper(valid))"
    " where id = :id and version = 2",
    "until when it held": "update app.gates_history"
    " set valid = tstzrange(lower(valid), upper(valid) + interval '1 second') where id = :id and version = 1",
    "a state of the past taken away": "delete from app.gates_history where id = :id and version = 2",
    "a state that never was": "insert into app.gates_history"
    " (id, level, name, version, updated_at, valid, action, actor) select id, level, 'khác', 9, now(),"
    " tstzrange(now(), now(), '[]'), 'update', 'lan' from app.gates where id = :id",
    "another's state": "update app.gates_history set journal_seq = 1 where id = :id and version = 3",
    "the present, the trigger off": "update app.gates set name = 'khác' where id = :id",
    "the present and the past alike": "with now as (update app.gates set name = 'khác' where id = :id)"
    " update app.gates_history set name = 'khác' where id = :id and version = 3",
    "its level": "update app.gates set level = 'public' where id = :id",
    "a thing taken away": "delete from app.gates where id = :id",
    "a thing made up": "insert into app.documents"
    " (id, level, position_source, version, created_at, created_by, updated_at, kind, title)"
    " select gen_random_uuid(), 'public', 'none', 1, now(), 'x', now(), kind, 'x' from app.documents limit 1",
    "an event": "update app.gate_events set note = 'khác' where feature_id = :id",
    "an event of the past": "update app.gate_events_history set note = 'khác' where feature_id = :id",
    "an event taken away": "delete from app.gate_events where feature_id = :id",
    "a link's past taken away": "delete from app.links_history where to_id = :id and action = 'delete'",
}


def test_a_furnished_house_is_as_its_journal_says(cluster, database_name, thing):
    assert unlike(cluster.url(database_name)) is None


@pytest.mark.parametrize("statement", BESIDE_THE_JOURNAL.values(), ids=BESIDE_THE_JOURNAL)
def test_what_is_changed_beside_the_journal_is_named(statement, superuser, thing):
    assert superuser.execute(text(statement), {"id": thing}).rowcount > 0
    found = first_unlike(superuser)
    assert found is not None
    assert str(thing) in found.en or "documents" in found.en or "links" in found.en


IN_THE_HOUSE = {
    "a trigger disabled": "alter table app.markers disable trigger remember",
    "a trigger dropped": "drop trigger fixed on app.journal",
    "a function's body": "create or replace function app.refuse_change() returns trigger language plpgsql as"
    " $$ begin return new; end $$",
    "a stamp's body": "create or replace function app.stamp_works() returns trigger language plpgsql security definer"
    " set search_path = pg_catalog, public as $$ begin return new; end $$",
    "a column renamed": "alter table app.markers rename column remark to note",
    "a column dropped": "alter table app.works drop column funding",
    "a column added": "alter table app.works add column smuggled text",
    "a check dropped": "alter table app.incidents drop constraint ck_incidents_geom_valid",
    "a key dropped": "alter table app.links drop constraint fk_links_to_id",
    "a view that shows more": "create or replace view app.more as select * from app.markers",
    "a rule": "create rule quiet as on update to app.works do instead nothing",
    "a move that the card does not know": "insert into app.moves values ('works', 'proposed', 'closed')",
    "a policy altered": "alter policy own on app.works using (false)",
    "an index on a guess": "drop index app.uq_links_from_to_role",
}


@pytest.mark.parametrize("change", IN_THE_HOUSE.values(), ids=IN_THE_HOUSE)
def test_what_is_changed_in_the_house_itself_is_named_by_the_doctor(change, superuser, tmp_path):
    """Each in a transaction of its own, which is undone; a sound house has no such finding."""
    house = House(POLICY, tmp_path, durable=False)

    def faults():
        return [one.said.en for check in CHECKS for one in check(superuser, house) if one.state is State.BAD]

    assert faults() == []
    superuser.execute(text(change))
    assert faults() != []
