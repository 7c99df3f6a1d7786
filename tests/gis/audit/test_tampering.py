"""What a superuser may do beside the journal is found: by ``audit verify`` in the data, by the doctor in the house.

The table of tamperings with the journal itself stands in ``test_seals``.
"""

import re

import pytest
from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from gis.accounts.people import close_account, enrol
from gis.accounts.second_factor import new_recovery_codes, use_recovery_code
from gis.accounts.sign_ins import sign_in
from gis.accounts.tokens import Token, issue, revoke
from gis.checks.doctor import CHECKS
from gis.checks.reconcile import first_mismatch, reconcile_with_journal
from gis.checks.result import CheckStatus, Installation
from gis.crs.systems import WGS84
from gis.db.actors import Actor
from gis.model.layer import catalog
from gis.model.links import Link
from gis.read.selection import Selection
from gis.release import contents, workflow
from gis.release.contents import PreparedPart
from gis.release.models import ReleaseState
from gis.release.snapshot import RELEASE_LEVEL
from gis.release.workflow import Terms
from layers.gates import GateEvent
from layers.policy import OFFICE_STAFF, PARTNER, POLICY, SYSTEM
from tests.factories import put

LAN = Actor("lan", OFFICE_STAFF)
PASSWORD = "một câu dài để vào nhà"


@pytest.fixture(scope="module")
def tampering_targets(database):
    """A gate with an event and a link, changed twice, one incident that was erased by the administrator."""
    with database.transaction(SYSTEM, write=True) as session:
        gate = put(session, catalog["gates"], name="Cửa khẩu thử")
        work = put(session, catalog["works"])
        session.add(GateEvent(feature_id=gate.id, kind="note", on="2026-01-05", precision="day", note="x"))
        link = Link(feature_id=work.id, to_id=gate.id, role="subject")
        session.add(link)
        found = gate.id
    for name in ("Cửa khẩu thử 2", "Cửa khẩu thử 3"):
        with database.transaction(LAN, write=True, reason="đổi tên") as session:
            feature = session.get_one(catalog["gates"].model, found)
            feature.name = name
            feature.geom = from_shape(Point(106, 11.5), srid=WGS84)
    with database.transaction(LAN, write=True, reason="bỏ") as session:
        session.delete(session.query(Link).filter_by(to_id=found).one())
    return found


@pytest.fixture
def superuser(cluster, database_name, tampering_targets):
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


def test_a_furnished_house_is_as_its_journal_says(cluster, database_name, tampering_targets):
    assert reconcile_with_journal(cluster.url(database_name)) is None


@pytest.mark.parametrize("statement", BESIDE_THE_JOURNAL.values(), ids=BESIDE_THE_JOURNAL)
def test_what_is_changed_beside_the_journal_is_named(statement, superuser, tampering_targets):
    assert superuser.execute(text(statement), {"id": tampering_targets}).rowcount > 0
    found = first_mismatch(superuser)
    assert found is not None
    assert str(tampering_targets) in found.en or "documents" in found.en or "links" in found.en


BESIDE_THE_DOOR = {
    "a password": "update app.people set password = 'x' where name = 'lan'",
    "a second factor": "update app.people set second_factor = 'x' where name = 'lan'",
    "a name": "update app.people set name = 'lann' where name = 'lan'",
    "a person who has gone": "update app.people set valid_to = null where name = 'gone'",
    "a person made up": "insert into app.people (id, name) values (gen_random_uuid(), 'made-up')",
    "a person taken away": "delete from app.people where name = 'gone'",
    "a post": "update app.appointments set role = 'administrator' where role = 'planner'",
    "since when somebody holds it": "update app.appointments set valid_from = '2000-01-01' where role = 'planner'",
    "a recovery code": "update app.recovery_codes set secret = 'x' where id = (select min(id::text)::uuid from"
    " app.recovery_codes)",
    "a recovery code that opened": "update app.recovery_codes set spent_at = null where spent_at is not null",
    "a sign-in's cookie": "update app.sign_ins set secret = 'x'",
    "a sign-in made up": "insert into app.sign_ins (id, person_id, secret, csrf)"
    " select gen_random_uuid(), id, 'x', 'x' from app.people where name = 'lan'",
    "what a token may do": "update app.tokens set scopes = '{read,write}'",
    "a token's secret": "update app.tokens set secret = 'x'",
    "that a token was revoked": "update app.tokens set revoked_at = null",
    "who approved": "update app.release_versions set approved_by = 'hoa' where state = 'published'",
    "who prepared": "update app.release_versions set preparers = '{hoa}' where state = 'published'",
    "for whom": "update app.releases set recipient = 'khác'",
    "the fields that go": "update app.release_parts set fields = '{number,built_by,kind}'",
    "a part taken away": "delete from app.release_parts",
    "what was approved": "update app.release_rows set sha256 = 'x'",
    "a row put among the approved": "insert into app.release_rows (version_id, feature_id, layer, sha256)"
    " select version_id, gen_random_uuid(), layer, sha256 from app.release_rows limit 1",
    "the author of a step": "update app.release_steps set actor = 'hoa' where state = 'approved'",
    "a step taken away": "delete from app.release_steps where state = 'approved'",
    "what a recipient was given": 'update app.holdings set content = content || \'{"built_by": "ours"}\'',
    "that and its hash": 'update app.holdings set content = content || \'{"built_by": "ours"}\','
    ' sha256 = app.content_hash(content || \'{"built_by": "ours"}\')',
    "since when a recipient has it": "update app.holdings set since = since - interval '1 day' where until is null",
    "that a recipient has it": "update app.holdings set until = clock_timestamp() where until is null",
    "that it was ever given": "delete from app.holdings where held_back",
    "that it was held back": "update app.holdings set held_back = false where held_back",
    "what is served": "update release.markers set built_by = 'theirs'",
    "a place that is served": "update release.markers set shared_geom = ST_SetSRID(ST_MakePoint(105, 11), 4326)",
    "to whom it is served": "update release.markers set recipient = 'khác'",
    "until when it is served": "update release.markers set served_to = '2000-01-01'",
    "a row served beside": "insert into release.markers (recipient, id, release, added_in, version, sha256, number)"
    " select recipient, gen_random_uuid(), release, 1, 1, '', 'x' from release.markers limit 1",
    "a row that is served no longer": "delete from release.markers",
    "a manifest": "update release.manifests set manifest = manifest || '{\"rows\": 9}'",
    "a manifest taken away": "delete from release.manifests",
    "that it was withdrawn": "update release.manifests set withdrawn_at = now()",
    "that something is gone": "delete from release.tombstones",
    "an identity": "update app.features set layer = 'gates' where layer = 'markers'",
}


@pytest.fixture(scope="module")
def release_and_accounts(database, accounts, tampering_targets):
    """A release of two markers, one of which was held back; people, a token that was revoked, codes, a sign-in."""
    with accounts.transaction("chief") as session:
        lan = enrol(session, "lan", "office", password=PASSWORD, second_factor="A" * 32)
        enrol(session, "hoa", "planner", password=PASSWORD)
        use_recovery_code(session, lan.id, new_recovery_codes(session, lan.id)[0])
        sign_in(session, lan.id)
        issue(session, "máy", "office", made_by="chief", days=1)
        revoke(session, session.query(Token.id).scalar())
        dismissed = enrol(session, "gone", "planner", password=PASSWORD).id
        enrol(session, "chief", "administrator", password=PASSWORD, second_factor="B" * 32)
        session.flush()
        close_account(session, dismissed)
    with database.transaction(LAN, write=True) as session:
        marks = [put(session, catalog["markers"], level="partner", position_source="survey") for _ in range(2)]
        session.flush()
        ids, numbers = [one.id for one in marks], [one.number for one in marks]
    selection = Selection(catalog["markers"], RELEASE_LEVEL, where={"number": numbers})
    part = PreparedPart(selection, ("number", "built_by"), 5, {"number": numbers})
    with database.transaction(PARTNER) as session:
        going = {"markers": contents.releasable_content(session, part)}
    with database.transaction(LAN, write=True) as session:
        version = workflow.prepare(session, "Bản", "Bạn", Terms(basis="48/UBND-NC"), [part])
        workflow.submit(session, version, going, [])
        key = version.release_id, version.number
    for state in (ReleaseState.APPROVED, ReleaseState.PUBLISHED):
        with database.transaction(Actor("minh", OFFICE_STAFF), write=True) as session:
            workflow.transition(session, workflow.version_of(session, *key), state)
    with database.transaction(LAN, write=True) as session:
        session.get_one(catalog["markers"].model, ids[1]).level = "internal"


@pytest.mark.parametrize("statement", BESIDE_THE_DOOR.values(), ids=BESIDE_THE_DOOR)
def test_accounts_and_releases_changed_beside_the_journal_are_named(statement, release_and_accounts, superuser):
    assert superuser.execute(text(statement)).rowcount > 0
    found = first_mismatch(superuser)
    assert found is not None
    table = re.search(r"(?:update|into|from) (?:app\.)?([a-z_.]+)", statement)[1]
    told_by = "holdings" if statement == "delete from release.manifests" else table
    assert found.en.startswith(f"{'markers' if table == 'features' else told_by} ")


def test_the_proof_tells_how_far_it_has_come(superuser):
    heard = []
    assert first_mismatch(superuser, lambda *told: heard.append(told)) is None
    assert [done for _, done, _ in heard] == list(range(heard[0][2]))


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
    "a default that dates the journal back": "alter table app.journal alter column at set default '2020-01-01'",
    "a default that opens": "alter table app.incidents alter column level set default 'public'",
    "a column that withholds no more": "alter table app.markers alter column shared_geom drop expression",
    "a type": "alter table app.works alter column progress type bigint",
    "what must be there may be missing": "alter table app.incidents alter column position_source drop not null",
    "a check that checks nothing": "alter table app.incidents drop constraint ck_incidents_geom_valid,"
    " add constraint ck_incidents_geom_valid check (true)",
    "a second person who may be the first": "alter table app.release_versions"
    " drop constraint ck_release_versions_second_person, add constraint ck_release_versions_second_person check (true)",
    "a constraint renamed": "alter table app.works rename constraint ck_works_progress to ck_works_progresss",
    "a key that takes along": "alter table app.links drop constraint fk_links_to_id, add constraint fk_links_to_id"
    " foreign key (to_id) references app.features (id) on delete cascade",
    "what was remembered of the structure": "delete from app.structure",
    "and where it was": "drop table app.structure",
    "a view that shows another thing": "do $$ begin execute 'create or replace view app.gate_plans_own as '"
    " || rtrim(pg_get_viewdef('app.gate_plans_own'::regclass), ';') || ' where false'; end $$",
    "a function in somebody's own name": "create function public.peep() returns bigint language sql security definer"
    " as 'select count(*) from app.incidents'",
    "a copy elsewhere": "create table public.copied as select * from app.incidents;"
    " grant select on public.copied to cotmoc_reader",
    "a copy for everybody": "create table public.copied as select * from app.incidents;"
    " grant select on public.copied to public",
    "a column of it": "create table public.copied as select * from app.incidents;"
    " grant select (id) on public.copied to cotmoc_partner",
    "what statistics tell": "grant select on pg_statistic to cotmoc_reader",
    "a file of the server": "grant execute on function pg_read_file(text) to cotmoc_reader",
    "a login without triggers": "alter role cotmoc_writer set session_replication_role = replica",
    "a login that signs for somebody": "alter role cotmoc_writer set cotmoc.actor = 'lan'",
    "a login that may switch triggers off": "grant set on parameter session_replication_role to cotmoc_writer",
    "a database that signs for somebody": "do $$ begin execute format("
    "'alter database %I set cotmoc.actor = lan', current_database()); end $$",
}


def faults(superuser, place):
    house = Installation(POLICY, place, durable=False)
    return [one.detail.en for check in CHECKS for one in check(superuser, house) if one.state is CheckStatus.BAD]


def test_a_sound_house_has_no_fault(superuser, tmp_path):
    assert faults(superuser, tmp_path) == []


@pytest.mark.parametrize("change", IN_THE_HOUSE.values(), ids=IN_THE_HOUSE)
def test_what_is_changed_in_the_house_itself_is_named_by_the_doctor(change, superuser, tmp_path):
    """Each in a transaction of its own, which is undone."""
    superuser.execute(text(change))
    assert faults(superuser, tmp_path) != []
