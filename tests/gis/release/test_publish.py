"""Releases are prepared by one person, approved by another, published, replaced and withdrawn."""

import datetime as dt
import hashlib
import json

import psycopg
import pytest

from gis.db.actors import Actor
from gis.db.session import PARTNER_LOGIN, WRITER_LOGIN
from gis.release import holdings, workflow
from gis.text import dates
from gis.text.errors import Conflict, Forbidden
from layers.policy import ADMINISTRATOR, OFFICE_STAFF
from tests.gis.release.releases import (
    LAN,
    MINH,
    PLANNER_HOA,
    make_part,
    partner_actor,
    prepare,
    prepare_next,
    publish,
    received_features,
    submit,
    transition,
    update_marker,
)


def test_approval_needs_a_second_person(database, create_marker, connect):
    part = make_part("markers", "number", number=[create_marker()[1]])
    draft = submit(database, prepare(database, "Bạn F", part), part)
    with pytest.raises(Forbidden, match="Another person must approve"):
        transition(database, draft, "approved", LAN)
    connection = connect(WRITER_LOGIN, role=ADMINISTRATOR.write_role)
    connection.execute("select set_config('cotmoc.actor', 'lan', false)")
    with pytest.raises(psycopg.Error) as refused:
        connection.execute("update app.release_versions set state = 'approved' where release_id = %s", [draft[0]])
    assert refused.value.sqlstate == "CM005"
    for forged in (
        "update app.release_versions set approved_by = 'minh' where release_id = %s",
        "update app.release_versions set state = 'published', approved_by = 'minh' where release_id = %s",
        "update app.release_versions set preparers = '{x}', state = 'approved' where release_id = %s",
    ):
        with pytest.raises(psycopg.Error):
            connection.execute(forged, [draft[0]])
    with pytest.raises(psycopg.Error):  # a constraint holds for a superuser too
        connect().execute(
            "update app.release_versions set approved_by = 'lan', state = 'approved' where release_id = %s", [draft[0]]
        )
    transition(database, draft, "approved")


def test_editor_of_a_draft_cannot_approve_it(database, create_marker, connect):
    part = make_part("markers", "number", number=[create_marker()[1]])
    draft = prepare(database, "Bạn G", part)
    with database.transaction(MINH, write=True) as session:
        workflow.version_of(session, *draft).note = "sửa giúp"
    submit(database, draft, part)
    with pytest.raises(Forbidden, match="Another person must approve"):
        transition(database, draft, "approved", MINH)


def test_tokens_cannot_prepare_or_approve(database, create_marker):
    part = make_part("markers", "number", number=[create_marker()[1]])
    robot = Actor("token:robot", OFFICE_STAFF)
    with pytest.raises(Forbidden, match="A signed-in person must do this"):
        prepare(database, "Bạn H", part, actor=robot)
    draft = submit(database, prepare(database, "Bạn H", part), part)
    with pytest.raises(Forbidden):
        transition(database, draft, "approved", robot)


def test_planner_cannot_read_holdings(database, create_marker):
    publish(database, "Bạn I", make_part("markers", "number", number=[create_marker()[1]]))
    with pytest.raises(Forbidden), database.transaction(PLANNER_HOA) as session:
        holdings.list_holdings(session)


def test_only_approved_content_is_published(database, create_marker, connect):
    row, number = create_marker()
    part = make_part("markers", "number", "built_by", number=[number])
    draft = submit(database, prepare(database, "Bạn K", part), part)
    with pytest.raises(Conflict):
        transition(database, draft, "published")
    transition(database, draft, "approved")
    update_marker(database, row, "built_by = 'theirs'")
    with pytest.raises(Conflict, match="data changed"):
        transition(database, draft, "published")
    update_marker(database, row, "built_by = null")
    update_marker(database, row, "level = 'internal'")
    with pytest.raises(Conflict, match="data changed"):
        transition(database, draft, "published")
    assert received_features(database, "Bạn K", "markers") == {}
    for writer in (WRITER_LOGIN, PARTNER_LOGIN):
        connection = connect(writer, role=None if writer == PARTNER_LOGIN else OFFICE_STAFF.write_role)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "insert into release.markers (recipient, id, release, added_in, version, sha256)"
                " values ('Bạn K', gen_random_uuid(), gen_random_uuid(), 1, 1, '')"
            )


def test_recipient_gets_a_feature_through_one_release_only(database, create_marker):
    part = make_part("markers", "number", number=[create_marker()[1]])
    publish(database, "Bạn L", part, name="Bản thứ nhất")
    with pytest.raises(Conflict, match="Bản thứ nhất"):
        submit(database, prepare(database, "Bạn L", part), part)
    publish(database, "Bạn M", part)  # another recipient may have it


def test_new_version_replaces_the_old_and_gives_the_delta(database, create_marker):
    (unchanged, a), (removed, b), (added, c) = create_marker(), create_marker(), create_marker()
    first = make_part("markers", "number", number=[a, b])
    release, _ = publish(database, "Bạn N", first)
    second = make_part("markers", "number", number=[a, c])
    draft = submit(database, prepare_next(database, release, second), second)
    with pytest.raises(Conflict):
        prepare_next(database, release, second)  # one open version at a time
    transition(database, transition(database, draft, "approved"), "published")
    assert set(received_features(database, "Bạn N", "markers")) == {a, c}
    with database.transaction(partner_actor("Bạn N")) as session:
        changes = holdings.delta(session, release, 1)
        manifest = holdings.list_manifests(session, release)[0].manifest
    assert [json.loads(text)["id"] for text in changes.added] == [str(added)]
    assert changes.changed == []
    assert [feature["id"] for feature in changes.removed] == [str(removed)]
    assert manifest["rows"] == 2
    assert manifest["approved_by"] == "minh"
    assert manifest["basis"] == "48/UBND-NC"
    assert manifest["layers"]["markers"]["removed"] == 1
    with database.transaction(LAN) as session:
        states = [version.state for version in workflow.versions_of(session, release)]
        holdings_by_feature = {
            holding["feature"]: holding for holding in holdings.list_holdings(session, recipient="Bạn N")
        }
    assert states == ["replaced", "published"]
    assert holdings_by_feature[removed]["until_version"] == 2
    assert holdings_by_feature[unchanged]["until"] is None
    assert holdings_by_feature[unchanged]["since_version"] == 1
    assert holdings_by_feature[unchanged]["content"]["number"] == a


def test_withdrawal_removes_rows_and_leaves_tombstones(database, create_marker):
    row, number = create_marker()
    draft = publish(database, "Bạn O", make_part("markers", "number", number=[number]))
    transition(database, draft, "withdrawn", reason="hết căn cứ")
    assert received_features(database, "Bạn O", "markers") == {}
    with database.transaction(partner_actor("Bạn O")) as session:
        changes = holdings.delta(session, draft[0], 1)
        assert holdings.list_manifests(session)[0].withdrawn_at is not None
    assert [feature["id"] for feature in changes.removed] == [str(row)]
    with database.transaction(LAN) as session:
        assert holdings.list_holdings(session, features=[row])[0]["until"] is not None


def test_release_is_served_until_its_last_day_only(database, create_marker):
    today = dates.today()
    for days, served in ((-1, False), (0, True), (30, True)):
        _, number = create_marker()
        publish(
            database,
            f"Hạn {days}",
            make_part("markers", "number", number=[number]),
            valid_to=today + dt.timedelta(days),
        )
        assert bool(received_features(database, f"Hạn {days}", "markers")) is served


def canonical(content):
    """JSON as PostgreSQL prints jsonb, which is the text that is hashed: shorter keys first."""
    if isinstance(content, dict):
        keys = sorted(content, key=lambda key: (len(key.encode()), key))
        return "{" + ", ".join(f"{json.dumps(key)}: {canonical(content[key])}" for key in keys) + "}"
    if isinstance(content, list):
        return "[" + ", ".join(map(canonical, content)) + "]"
    return json.dumps(content, ensure_ascii=False)


def test_manifest_hashes_match_the_content(database, create_marker, connect):
    numbers = [number for _, number in sorted(create_marker() for _ in range(3))]
    release, _ = publish(database, "Bạn P", make_part("markers", "number", number=numbers))
    with database.transaction(partner_actor("Bạn P")) as session:
        manifest = holdings.list_manifests(session, release)[0].manifest["layers"]["markers"]
    contents = (
        connect().execute("select id, sha256 from release.markers where recipient = 'Bạn P' order by id").fetchall()
    )
    lines = "\n".join(f"{row} {sha}" for row, sha in contents)
    assert manifest["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    with database.transaction(LAN) as session:
        for holding in holdings.list_holdings(session, recipient="Bạn P"):
            assert holding["sha256"] == hashlib.sha256(canonical(holding["content"]).encode()).hexdigest()
