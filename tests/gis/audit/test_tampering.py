"""Changes by a superuser with the triggers disabled are found: in rows by reconciliation, in the schema by the doctor.

Changes of the journal itself are in ``test_verify``.
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
    """The id of a gate that was renamed twice, with an event and a link that was removed."""
    with database.transaction(SYSTEM, write=True) as session:
        gate = put(session, catalog["gates"], name="Cửa khẩu thử")
        work = put(session, catalog["works"])
        session.add(GateEvent(feature_id=gate.id, kind="note", on="2026-01-05", precision="day", note="x"))
        link = Link(feature_id=work.id, to_id=gate.id, role="subject")
        session.add(link)
        gate_id = gate.id
    for name in ("Cửa khẩu thử 2", "Cửa khẩu thử 3"):
        with database.transaction(LAN, write=True, reason="đổi tên") as session:
            feature = session.get_one(catalog["gates"].model, gate_id)
            feature.name = name
            feature.geom = from_shape(Point(106, 11.5), srid=WGS84)
    with database.transaction(LAN, write=True, reason="bỏ") as session:
        session.delete(session.query(Link).filter_by(to_id=gate_id).one())
    return gate_id


@pytest.fixture
def superuser(cluster, database_name, tampering_targets):
    """A superuser's connection with the triggers disabled; rolled back afterwards."""
    engine = create_engine(cluster.url(database_name), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        yield connection
        connection.rollback()


ROW_CHANGES = {
    "history text": "update app.gates_history set name = 'khác' where id = :id and version = 2",
    "history geometry": "update app.gates_history set geom = ST_SetSRID(ST_MakePoint(105, 11), 4326)"
    " where id = :id and version = 2",
    "history actor": "update app.gates_history set actor = 'minh' where id = :id and version = 2",
    "history reason": "update app.gates_history set reason = 'khác' where id = :id and version = 3",
    "history validity": "update app.gates_history set valid = tstzrange(lower(valid) - interval '1 day', upper(valid))"
    " where id = :id and version = 2",
    "history end of validity": "update app.gates_history"
    " set valid = tstzrange(lower(valid), upper(valid) + interval '1 second') where id = :id and version = 1",
    "history row deleted": "delete from app.gates_history where id = :id and version = 2",
    "history row inserted": "insert into app.gates_history"
    " (id, level, name, version, updated_at, valid, action, actor) select id, level, 'khác', 9, now(),"
    " tstzrange(now(), now(), '[]'), 'update', 'lan' from app.gates where id = :id",
    "history row of another entry": "update app.gates_history set journal_seq = 1 where id = :id and version = 3",
    "present row": "update app.gates set name = 'khác' where id = :id",
    "present row and history row": "with now as (update app.gates set name = 'khác' where id = :id)"
    " update app.gates_history set name = 'khác' where id = :id and version = 3",
    "level": "update app.gates set level = 'public' where id = :id",
    "row deleted": "delete from app.gates where id = :id",
    "row inserted": "insert into app.documents"
    " (id, level, position_source, version, created_at, created_by, updated_at, kind, title)"
    " select gen_random_uuid(), 'public', 'none', 1, now(), 'x', now(), kind, 'x' from app.documents limit 1",
    "child row": "update app.gate_events set note = 'khác' where feature_id = :id",
    "child history row": "update app.gate_events_history set note = 'khác' where feature_id = :id",
    "child row deleted": "delete from app.gate_events where feature_id = :id",
    "link history row deleted": "delete from app.links_history where to_id = :id and action = 'delete'",
}


def test_loaded_database_matches_its_journal(cluster, database_name, tampering_targets):
    assert reconcile_with_journal(cluster.url(database_name), "./cotmoc") is None


@pytest.mark.parametrize("statement", ROW_CHANGES.values(), ids=ROW_CHANGES)
def test_reconciliation_names_a_row_changed_without_the_journal(statement, superuser, tampering_targets):
    assert superuser.execute(text(statement), {"id": tampering_targets}).rowcount > 0
    mismatch = first_mismatch(superuser)
    assert mismatch is not None
    assert str(tampering_targets) in mismatch.en or "documents" in mismatch.en or "links" in mismatch.en


ACCOUNT_AND_RELEASE_CHANGES = {
    "password": "update app.people set password = 'x' where name = 'lan'",
    "second factor": "update app.people set second_factor = 'x' where name = 'lan'",
    "login name": "update app.people set name = 'lann' where name = 'lan'",
    "closed account reopened": "update app.people set valid_to = null where name = 'gone'",
    "person inserted": "insert into app.people (id, name) values (gen_random_uuid(), 'made-up')",
    "person deleted": "delete from app.people where name = 'gone'",
    "role": "update app.appointments set role = 'administrator' where role = 'planner'",
    "begin of a role": "update app.appointments set valid_from = '2000-01-01' where role = 'planner'",
    "recovery code": "update app.recovery_codes set secret = 'x' where id = (select min(id::text)::uuid from"
    " app.recovery_codes)",
    "used recovery code": "update app.recovery_codes set spent_at = null where spent_at is not null",
    "session cookie": "update app.sign_ins set secret = 'x'",
    "session inserted": "insert into app.sign_ins (id, person_id, secret, csrf)"
    " select gen_random_uuid(), id, 'x', 'x' from app.people where name = 'lan'",
    "token scopes": "update app.tokens set scopes = '{read,write}'",
    "token secret": "update app.tokens set secret = 'x'",
    "token revocation": "update app.tokens set revoked_at = null",
    "approver": "update app.release_versions set approved_by = 'hoa' where state = 'published'",
    "preparers": "update app.release_versions set preparers = '{hoa}' where state = 'published'",
    "recipient of a release": "update app.releases set recipient = 'khác'",
    "released fields": "update app.release_parts set fields = '{number,built_by,kind}'",
    "release part deleted": "delete from app.release_parts",
    "hash of an approved row": "update app.release_rows set sha256 = 'x'",
    "approved row inserted": "insert into app.release_rows (version_id, feature_id, layer, sha256)"
    " select version_id, gen_random_uuid(), layer, sha256 from app.release_rows limit 1",
    "actor of a step": "update app.release_steps set actor = 'hoa' where state = 'approved'",
    "step deleted": "delete from app.release_steps where state = 'approved'",
    "holding content": 'update app.holdings set content = content || \'{"built_by": "ours"}\'',
    "holding content and hash": 'update app.holdings set content = content || \'{"built_by": "ours"}\','
    ' sha256 = app.content_hash(content || \'{"built_by": "ours"}\')',
    "begin of a holding": "update app.holdings set since = since - interval '1 day' where until is null",
    "end of a holding": "update app.holdings set until = clock_timestamp() where until is null",
    "recalled holding deleted": "delete from app.holdings where held_back",
    "recall": "update app.holdings set held_back = false where held_back",
    "served row": "update release.markers set built_by = 'theirs'",
    "served geometry": "update release.markers set shared_geom = ST_SetSRID(ST_MakePoint(105, 11), 4326)",
    "recipient of a served row": "update release.markers set recipient = 'khác'",
    "end of serving": "update release.markers set served_to = '2000-01-01'",
    "served row inserted": "insert into release.markers (recipient, id, release, added_in, version, sha256, number)"
    " select recipient, gen_random_uuid(), release, 1, 1, '', 'x' from release.markers limit 1",
    "served row deleted": "delete from release.markers",
    "manifest": "update release.manifests set manifest = manifest || '{\"rows\": 9}'",
    "manifest deleted": "delete from release.manifests",
    "withdrawal": "update release.manifests set withdrawn_at = now()",
    "tombstone deleted": "delete from release.tombstones",
    "registered layer of an id": "update app.features set layer = 'gates' where layer = 'markers'",
}


@pytest.fixture(scope="module")
def release_and_accounts(database, accounts, tampering_targets):
    """A release of two markers, one of them recalled; people, a revoked token, recovery codes and a session."""
    with accounts.transaction("chief") as session:
        lan = enrol(session, "lan", "office", password=PASSWORD, second_factor="A" * 32)
        enrol(session, "hoa", "planner", password=PASSWORD)
        use_recovery_code(session, lan.id, new_recovery_codes(session, lan.id)[0])
        sign_in(session, lan)
        issue(session, "máy", "office", made_by="chief", days=1)
        revoke(session, session.query(Token.id).scalar())
        dismissed = enrol(session, "gone", "planner", password=PASSWORD).id
        enrol(session, "chief", "administrator", password=PASSWORD, second_factor="B" * 32)
        session.flush()
        close_account(session, dismissed)
    with database.transaction(LAN, write=True) as session:
        markers = [put(session, catalog["markers"], level="partner", position_source="survey") for _ in range(2)]
        session.flush()
        ids, numbers = [marker.id for marker in markers], [marker.number for marker in markers]
    selection = Selection(catalog["markers"], RELEASE_LEVEL, where={"number": numbers})
    part = PreparedPart(selection, ("number", "built_by"), 5, {"number": numbers})
    with database.transaction(PARTNER) as session:
        content = {"markers": contents.releasable_content(session, part)}
    with database.transaction(LAN, write=True) as session:
        version = workflow.prepare(session, "Bản", "Bạn", Terms(basis="48/UBND-NC"), [part])
        workflow.submit(session, version, content, [])
        key = version.release_id, version.number
    for state in (ReleaseState.APPROVED, ReleaseState.PUBLISHED):
        with database.transaction(Actor("minh", OFFICE_STAFF), write=True) as session:
            workflow.transition(session, workflow.version_of(session, *key), state)
    with database.transaction(LAN, write=True) as session:
        session.get_one(catalog["markers"].model, ids[1]).level = "internal"


@pytest.mark.parametrize("statement", ACCOUNT_AND_RELEASE_CHANGES.values(), ids=ACCOUNT_AND_RELEASE_CHANGES)
def test_reconciliation_names_the_account_or_release_table_that_was_changed(statement, release_and_accounts, superuser):
    assert superuser.execute(text(statement)).rowcount > 0
    mismatch = first_mismatch(superuser)
    assert mismatch is not None
    table = re.search(r"(?:update|into|from) (?:app\.)?([a-z_.]+)", statement)[1]
    reported = {"features": "markers"}.get(table, table)
    if statement == "delete from release.manifests":
        reported = "holdings"
    assert mismatch.en.startswith(f"{reported} ")


def test_reconciliation_reports_progress(superuser):
    reports = []
    assert first_mismatch(superuser, lambda *report: reports.append(report)) is None
    assert [done for _, done, _ in reports] == list(range(reports[0][2]))


SCHEMA_CHANGES = {
    "trigger disabled": "alter table app.markers disable trigger remember",
    "trigger dropped": "drop trigger fixed on app.journal",
    "function body": "create or replace function app.refuse_change() returns trigger language plpgsql as"
    " $$ begin return new; end $$",
    "stamp body": "create or replace function app.stamp_works() returns trigger language plpgsql security definer"
    " set search_path = pg_catalog, public as $$ begin return new; end $$",
    "column renamed": "alter table app.markers rename column remark to note",
    "column dropped": "alter table app.works drop column funding",
    "column added": "alter table app.works add column undeclared text",
    "check dropped": "alter table app.incidents drop constraint ck_incidents_geom_valid",
    "foreign key dropped": "alter table app.links drop constraint fk_links_to_id",
    "view added": "create or replace view app.more as select * from app.markers",
    "rewrite rule": "create rule quiet as on update to app.works do instead nothing",
    "undeclared transition": "insert into app.moves values ('works', 'proposed', 'closed')",
    "policy altered": "alter policy own on app.works using (false)",
    "unique index dropped": "drop index app.uq_links_from_to_role",
    "default of the journal's time": "alter table app.journal alter column at set default '2020-01-01'",
    "default level": "alter table app.incidents alter column level set default 'public'",
    "masked column's expression dropped": "alter table app.markers alter column shared_geom drop expression",
    "column type": "alter table app.works alter column progress type bigint",
    "not null dropped": "alter table app.incidents alter column position_source drop not null",
    "check replaced": "alter table app.incidents drop constraint ck_incidents_geom_valid,"
    " add constraint ck_incidents_geom_valid check (true)",
    "second-person check replaced": "alter table app.release_versions"
    " drop constraint ck_release_versions_second_person, add constraint ck_release_versions_second_person check (true)",
    "constraint renamed": "alter table app.works rename constraint ck_works_progress to ck_works_progresss",
    "foreign key with cascade": "alter table app.links drop constraint fk_links_to_id, add constraint fk_links_to_id"
    " foreign key (to_id) references app.features (id) on delete cascade",
    "fingerprint deleted": "delete from app.structure",
    "fingerprint table dropped": "drop table app.structure",
    "view replaced": "do $$ begin execute 'create or replace view app.gate_plans_own as '"
    " || rtrim(pg_get_viewdef('app.gate_plans_own'::regclass), ';') || ' where false'; end $$",
    "security definer function": "create function public.count_all() returns bigint language sql security definer"
    " as 'select count(*) from app.incidents'",
    "copied table granted to a login": "create table public.copied as select * from app.incidents;"
    " grant select on public.copied to cotmoc_reader",
    "copied table granted to public": "create table public.copied as select * from app.incidents;"
    " grant select on public.copied to public",
    "copied column granted to a login": "create table public.copied as select * from app.incidents;"
    " grant select (id) on public.copied to cotmoc_partner",
    "pg_statistic granted": "grant select on pg_statistic to cotmoc_reader",
    "pg_read_file granted": "grant execute on function pg_read_file(text) to cotmoc_reader",
    "login with triggers disabled": "alter role cotmoc_writer set session_replication_role = replica",
    "login with a preset actor": "alter role cotmoc_writer set cotmoc.actor = 'lan'",
    "login that may disable triggers": "grant set on parameter session_replication_role to cotmoc_writer",
    "database with a preset actor": "do $$ begin execute format("
    "'alter database %I set cotmoc.actor = lan', current_database()); end $$",
}


def faults(superuser, data_dir):
    """The details of the doctor's checks that fail."""
    installation = Installation(POLICY, data_dir, "./cotmoc", durable=False)
    results = [result for check in CHECKS for result in check(superuser, installation)]
    return [result.detail.en for result in results if result.state is CheckStatus.BAD]


def test_doctor_reports_no_fault_of_an_unchanged_schema(superuser, tmp_path):
    assert faults(superuser, tmp_path) == []


@pytest.mark.parametrize("change", SCHEMA_CHANGES.values(), ids=SCHEMA_CHANGES)
def test_doctor_reports_a_fault_for_each_schema_change(change, superuser, tmp_path):
    superuser.execute(text(change))
    assert faults(superuser, tmp_path) != []
