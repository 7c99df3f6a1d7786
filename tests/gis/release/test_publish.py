"""What leaves the house: by value, on the word of two people, no more than a partner may have."""

import datetime as dt
import hashlib
import json
import uuid

import psycopg
import pytest
from geoalchemy2.shape import from_shape
from psycopg import sql
from shapely.geometry import Point
from sqlalchemy import text

from gis.crs.systems import WGS84
from gis.db.actors import Actor
from gis.db.session import PARTNER_LOGIN, WRITER_LOGIN
from gis.model.fields import Level
from gis.model.layer import catalog
from gis.model.links import Link
from gis.read import pages
from gis.read.selection import Selection
from gis.release import contents, holdings, workflow
from gis.release.contents import PreparedPart
from gis.release.models import ReleaseState
from gis.release.snapshot import RELEASE_LEVEL, snapshot_layer
from gis.release.workflow import Terms
from gis.text.errors import Conflict, Forbidden, Invalid
from layers.policy import ADMINISTRATOR, OFFICE_STAFF, PARTNER, PLANNER, RECIPIENT
from tests.factories import numbers, put

LAN, MINH = Actor("lan", OFFICE_STAFF), Actor("minh", ADMINISTRATOR)
PLANNER_HOA = Actor("hoa", PLANNER)

COPIED = {
    "recipient", "id", "release", "added_in", "version", "sha256", "served_from", "served_to", "shared_geom",
    "shared_mercator",
}  # fmt: skip
"""What every table of what was released has beside the fields of its card."""


def partner(name):
    return Actor("token:partner", RECIPIENT, recipient=name)


def part(layer, *fields, decimals=5, **where):
    selection = Selection(catalog[layer], RELEASE_LEVEL, where=where)
    return PreparedPart(selection, fields, decimals, {name: list(values) for name, values in where.items()})


def prepared(database, recipient, *parts, name=None, actor=LAN, basis="48/UBND-NC", **terms):
    with database.transaction(actor, write=True) as session:
        version = workflow.prepare(session, name or str(uuid.uuid4()), recipient, Terms(basis=basis, **terms), parts)
        return version.release_id, version.number


def renewed(database, release, *parts, actor=LAN):
    with database.transaction(actor, write=True) as session:
        version = workflow.prepare_next_version(session, release, Terms(basis="48/UBND-NC"), parts)
        return release, version.number


def submitted(database, draft, *parts, actor=LAN):
    with database.transaction(PARTNER) as session:
        rows = {one.selection.layer.name: contents.releasable_content(session, one) for one in parts}
    with database.transaction(actor, write=True) as session:
        workflow.submit(session, workflow.version_of(session, *draft), rows, [])
    return draft


def moved(database, draft, to, actor=MINH, reason="đã đối chiếu"):
    with database.transaction(actor, write=True, reason=reason) as session:
        workflow.transition(session, workflow.version_of(session, *draft), ReleaseState(to))
    return draft


def published(database, recipient, *parts, **more):
    draft = submitted(database, prepared(database, recipient, *parts, **more), *parts)
    return moved(database, moved(database, draft, "approved"), "published")


def received(database, recipient, layer):
    with database.transaction(partner(recipient)) as session:
        found = pages.read_features(session, Selection(snapshot_layer(catalog[layer]), RELEASE_LEVEL))
    return {one["properties"]["number"] if layer == "markers" else one["id"]: one for one in map(json.loads, found)}


@pytest.fixture
def create_marker(database):
    """Markers, each with a number of its own: ``stone(level=…)`` gives the id and the number."""

    def make(source="survey", **given):
        number = str(next(numbers))
        with database.transaction(LAN, write=True) as session:
            row = put(session, catalog["markers"], **{"number": number, "level": "partner", **given})
            row.position_source = source
            return row.id, number

    return make


def altered(database, row, change, **values):
    with database.transaction(LAN, write=True) as session:
        session.execute(text(f"update app.markers set {change} where id = :id"), {"id": row, **values})


def test_what_is_released_is_copied_by_value(database, create_marker):
    row, number = create_marker(remark="CANARY", built_by="ours")
    draft = published(database, "Bạn A", part("markers", "number", "built_by", number=[number]))
    found = received(database, "Bạn A", "markers")[number]
    assert found["id"] == str(row)
    assert found["geometry"]["coordinates"] == [105.95, 11.69]
    assert found["properties"]["built_by"] == "ours"
    assert found["properties"]["kind"] is None  # not named, so not there
    assert found["properties"]["release"] == str(draft[0])
    altered(database, row, "built_by = 'theirs'")
    assert received(database, "Bạn A", "markers")[number] == found


def test_an_assumed_position_never_goes_and_a_surveyed_one_does_in_the_next_version(database, create_marker):
    row, number = create_marker("assumed", accuracy_m=4000.0)
    wanted = part("markers", "number", "address", "chainage_m", number=[number])
    release, _ = published(database, "Bạn B", wanted)
    found = received(database, "Bạn B", "markers")[number]
    assert found["geometry"] is None
    assert found["properties"]["position_source"] == "assumed"
    assert (found["properties"]["address"], found["properties"]["chainage_m"]) == (None, None)
    altered(database, row, "position_source = 'survey', accuracy_m = 0.05")
    assert received(database, "Bạn B", "markers")[number] == found
    second = submitted(database, renewed(database, release, wanted), wanted)
    moved(database, moved(database, second, "approved"), "published")
    found = received(database, "Bạn B", "markers")[number]
    assert found["geometry"]["coordinates"] == [105.95, 11.69]
    assert found["properties"]["version"] == 2
    with database.transaction(partner("Bạn B")) as session:
        changes = holdings.delta(session, release, 1)
    assert [json.loads(one)["id"] for one in changes.changed] == [str(row)]
    assert (changes.added, changes.removed, changes.until) == ([], [], 2)


def test_an_address_counted_from_an_assumed_marker_does_not_go(database, create_marker):
    row, number = create_marker()
    altered(database, row, "address = '≈ 118 + 5 m'")
    wanted = part("markers", "number", "address", number=[number])
    published(database, "Bạn C", wanted)
    assert received(database, "Bạn C", "markers")[number]["properties"]["address"] is None


@pytest.mark.parametrize("level", ["internal", "restricted"])
def test_what_is_above_partner_does_not_go(level, database, create_marker):
    _, hidden = create_marker(level=level)
    _, shown = create_marker()
    published(database, f"Bạn {level}", part("markers", "number", number=[hidden, shown]))
    assert set(received(database, f"Bạn {level}", "markers")) == {shown}


def test_what_stays_is_counted_by_reason(database, create_marker):
    assumed, hidden, shown = create_marker("assumed"), create_marker(level="restricted"), create_marker()
    wanted = part("markers", "number", number=[assumed[1], hidden[1], shown[1]])
    with database.transaction(PARTNER) as session:
        rows = contents.releasable_content(session, wanted)
    with database.transaction(LAN) as session:
        whole = Selection(catalog["markers"], LAN.level, where=wanted.selection.where)
        kept = {one.reason: one for one in contents.withheld(session, whole, rows)}
    assert {one.id for one in rows} == {assumed[0], shown[0]}
    assert kept["level"].labels == [hidden[1]]
    assert kept["position_assumed"].labels == [assumed[1]]
    assert set(kept) == {"level", "position_assumed"}


def test_a_field_above_partner_cannot_even_be_named():
    for name in ("remark", "created_by", "original", "retired_at", "nonsense"):
        with pytest.raises(Invalid, match="cannot be shared"):
            part("markers", name)


def test_precision_holds_for_everything_that_tells_a_place(database, create_marker):
    row, number = create_marker(geometry={"type": "Point", "coordinates": [105.9512345, 11.6912345]}, accuracy_m=0.5)
    altered(database, row, "address = '147/6 + 123 m', chainage_m = 123456.7")
    fields = ("number", "address", "chainage_m", "accuracy_m")
    for decimals, place, told in (
        (6, [105.951235, 11.691235], ("147/6 + 123 m", 123456.7, 0.5)),
        (3, [105.951, 11.691], (None, 123500.0, 100.0)),
        (None, None, (None, None, None)),
    ):
        recipient = f"Bạn {decimals}"
        published(database, recipient, part("markers", *fields, decimals=decimals, number=[number]))
        found = received(database, recipient, "markers")[number]
        assert (found["geometry"] and found["geometry"]["coordinates"]) == place
        assert tuple(found["properties"][name] for name in fields[1:]) == told


def test_a_line_goes_with_its_legal_status_whatever_is_named(database):
    published(database, "Bạn D", part("lines", "border", border=["VN-LA"]))
    lines = received(database, "Bạn D", "lines").values()
    assert lines
    assert {one["properties"]["legal_status"] for one in lines} >= {"indicative only"} or all(
        one["properties"]["legal_status"] for one in lines
    )
    assert {one["properties"]["position_source"] for one in lines} == {"map"}


def test_a_sector_nobody_calls_demarcated_goes_without_a_line(database):
    with database.transaction(LAN, write=True) as session:
        unsaid = put(session, catalog["sectors"], level="partner", section="168–168/2", position_source="survey")
        denied = put(session, catalog["sectors"], level="partner", demarcated=False, name="B", position_source="survey")
        session.flush()
        ids = str(unsaid.id), str(denied.id)
    published(database, "Bạn E", part("sectors", "name"))
    found = received(database, "Bạn E", "sectors")
    assert found[ids[0]]["geometry"] is None
    assert found[ids[1]]["geometry"] is not None
    assert found[ids[1]]["properties"]["demarcated"] is False


def test_it_takes_a_second_person(database, create_marker, connect):
    wanted = part("markers", "number", number=[create_marker()[1]])
    draft = submitted(database, prepared(database, "Bạn F", wanted), wanted)
    with pytest.raises(Forbidden, match="second person"):
        moved(database, draft, "approved", LAN)
    raw = connect(WRITER_LOGIN, role=ADMINISTRATOR.write_role)
    raw.execute("select set_config('cotmoc.actor', 'lan', false)")
    with pytest.raises(psycopg.Error) as refused:
        raw.execute("update app.release_versions set state = 'approved' where release_id = %s", [draft[0]])
    assert refused.value.sqlstate == "CM005"
    for forged in (
        "update app.release_versions set approved_by = 'minh' where release_id = %s",
        "update app.release_versions set state = 'published', approved_by = 'minh' where release_id = %s",
        "update app.release_versions set preparers = '{x}', state = 'approved' where release_id = %s",
    ):
        with pytest.raises(psycopg.Error):
            raw.execute(forged, [draft[0]])
    with pytest.raises(psycopg.Error):  # not even the administrator of the database forgets the rule by accident
        connect().execute(
            "update app.release_versions set approved_by = 'lan', state = 'approved' where release_id = %s", [draft[0]]
        )
    moved(database, draft, "approved")


def test_whoever_touched_the_draft_does_not_approve_it(database, create_marker, connect):
    wanted = part("markers", "number", number=[create_marker()[1]])
    draft = prepared(database, "Bạn G", wanted)
    with database.transaction(MINH, write=True) as session:
        workflow.version_of(session, *draft).note = "sửa giúp"
    submitted(database, draft, wanted)
    with pytest.raises(Forbidden, match="second person"):
        moved(database, draft, "approved", MINH)


def test_a_token_neither_prepares_nor_approves(database, create_marker):
    wanted = part("markers", "number", number=[create_marker()[1]])
    robot = Actor("token:robot", OFFICE_STAFF)
    with pytest.raises(Forbidden, match="A signed-in person has to do this"):
        prepared(database, "Bạn H", wanted, actor=robot)
    draft = submitted(database, prepared(database, "Bạn H", wanted), wanted)
    with pytest.raises(Forbidden):
        moved(database, draft, "approved", robot)


def test_only_those_who_share_know_of_releases(database, create_marker):
    published(database, "Bạn I", part("markers", "number", number=[create_marker()[1]]))
    with pytest.raises(Forbidden), database.transaction(PLANNER_HOA) as session:
        holdings.list_holdings(session)


def test_what_was_not_approved_is_not_published(database, create_marker, connect):
    row, number = create_marker()
    wanted = part("markers", "number", "built_by", number=[number])
    draft = submitted(database, prepared(database, "Bạn K", wanted), wanted)
    with pytest.raises(Conflict):
        moved(database, draft, "published")
    moved(database, draft, "approved")
    altered(database, row, "built_by = 'theirs'")
    with pytest.raises(Conflict, match="data changed"):
        moved(database, draft, "published")
    altered(database, row, "built_by = null")
    altered(database, row, "level = 'internal'")
    with pytest.raises(Conflict, match="data changed"):
        moved(database, draft, "published")
    assert received(database, "Bạn K", "markers") == {}
    for writer in (WRITER_LOGIN, PARTNER_LOGIN):
        raw = connect(writer, role=None if writer == PARTNER_LOGIN else OFFICE_STAFF.write_role)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(
                "insert into release.markers (recipient, id, release, added_in, version, sha256)"
                " values ('Bạn K', gen_random_uuid(), gen_random_uuid(), 1, 1, '')"
            )


def test_a_feature_reaches_a_recipient_through_one_release_only(database, create_marker):
    wanted = part("markers", "number", number=[create_marker()[1]])
    published(database, "Bạn L", wanted, name="Bản thứ nhất")
    with pytest.raises(Conflict, match="Bản thứ nhất"):
        submitted(database, prepared(database, "Bạn L", wanted), wanted)
    published(database, "Bạn M", wanted)  # another recipient may have it


def test_a_new_version_replaces_the_one_before_and_tells_the_difference(database, create_marker):
    (kept, a), (gone, b), (new, c) = create_marker(), create_marker(), create_marker()
    first = part("markers", "number", number=[a, b])
    release, _ = published(database, "Bạn N", first)
    second = part("markers", "number", number=[a, c])
    draft = submitted(database, renewed(database, release, second), second)
    with pytest.raises(Conflict):
        renewed(database, release, second)  # one on its way at a time
    moved(database, moved(database, draft, "approved"), "published")
    assert set(received(database, "Bạn N", "markers")) == {a, c}
    with database.transaction(partner("Bạn N")) as session:
        changes = holdings.delta(session, release, 1)
        manifest = holdings.list_manifests(session, release)[0].manifest
    assert [json.loads(one)["id"] for one in changes.added] == [str(new)]
    assert changes.changed == []
    assert [one["id"] for one in changes.removed] == [str(gone)]
    assert manifest["rows"] == 2
    assert manifest["approved_by"] == "minh"
    assert manifest["basis"] == "48/UBND-NC"
    assert manifest["layers"]["markers"]["removed"] == 1
    with database.transaction(LAN) as session:
        states = [one.state for one in workflow.versions_of(session, release)]
        held = {one["feature"]: one for one in holdings.list_holdings(session, recipient="Bạn N")}
    assert states == ["replaced", "published"]
    assert held[gone]["until_version"] == 2
    assert held[kept]["until"] is None
    assert held[kept]["since_version"] == 1
    assert held[kept]["content"]["number"] == a


def test_withdrawal_takes_every_row_back_and_leaves_word(database, create_marker):
    row, number = create_marker()
    draft = published(database, "Bạn O", part("markers", "number", number=[number]))
    moved(database, draft, "withdrawn", reason="hết căn cứ")
    assert received(database, "Bạn O", "markers") == {}
    with database.transaction(partner("Bạn O")) as session:
        changes = holdings.delta(session, draft[0], 1)
        assert holdings.list_manifests(session)[0].withdrawn_at is not None
    assert [one["id"] for one in changes.removed] == [str(row)]
    with database.transaction(LAN) as session:
        assert holdings.list_holdings(session, features=[row])[0]["until"] is not None


def test_what_is_raised_above_partners_is_held_back_with_the_same_commit(database, create_marker, connect):
    (row, number), (_, beside) = create_marker(), create_marker()
    wanted = part("markers", "number", number=[number, beside])
    release, _ = published(database, "Bạn R", wanted)
    altered(database, row, "level = 'internal'")
    assert set(received(database, "Bạn R", "markers")) == {beside}
    with database.transaction(partner("Bạn R")) as session:
        changes = holdings.delta(session, release, 1)
        assert holdings.delta(session, release, 0).removed == []  # whoever never had it hears nothing of it
        assert holdings.list_manifests(session, release)[0].manifest["held_back"] == 1
    assert [one["id"] for one in changes.removed] == [str(row)]
    with database.transaction(LAN) as session:
        told = [one for one in holdings.list_recalled_holdings(session) if one["recipient"] == "Bạn R"]
        held = holdings.list_holdings(session, features=[row])[0]
    assert [(one["feature"], one["content"]["number"]) for one in told] == [(row, number)]
    assert held["held_back"]
    assert held["until"] is not None
    entries = connect().execute(
        "select actor, new->>'recipient', new->>'level' from app.journal where action = 'hold_back'"
        " and feature_id = %s", [row]
    )  # fmt: skip
    assert entries.fetchall() == [("lan", "Bạn R", "internal")]


def test_what_was_held_back_is_gone_from_the_next_version_and_comes_back_with_one(database, create_marker):
    (row, number), (_, beside) = create_marker(), create_marker()
    wanted = part("markers", "number", number=[number, beside])
    release, _ = published(database, "Bạn S", wanted)
    altered(database, row, "level = 'restricted'")
    for version in (2, 3):
        if version == 3:
            with database.transaction(MINH, write=True, reason="đã hết hạn chế") as session:
                session.execute(text("update app.markers set level = 'partner' where id = :id"), {"id": row})
        draft = submitted(database, renewed(database, release, wanted), wanted)
        moved(database, moved(database, draft, "approved"), "published")
        with database.transaction(partner("Bạn S")) as session:
            since = [holdings.delta(session, release, one) for one in range(version + 1)]
        gone = [[one["id"] for one in found.removed] for found in since]
        assert gone == ([[], [str(row)], []] if version == 2 else [[], [], [], []])
        assert set(received(database, "Bạn S", "markers")) == ({beside} if version == 2 else {number, beside})
    with database.transaction(LAN) as session:
        assert not [one for one in holdings.list_recalled_holdings(session) if one["recipient"] == "Bạn S"]


def placeless(session, layer, **given):
    row = put(session, catalog[layer], level="partner", **given)
    row.geom, row.position_source, row.address, row.chainage_m = None, "none", None, None
    return row


def a_crossing_that_names_it(session, gate, name):
    row = put(session, catalog["crossings"], level="partner", name=name)
    session.add(Link(feature_id=row.id, to_id=gate.id, role="gate"))
    return row, part("crossings", "name", "gate", name=[name])


def a_work_that_is_drawn_at_it(session, marker, name):
    row = placeless(session, "works", title=name)
    session.add(Link(feature_id=row.id, to_id=marker.id, role="subject"))
    return row, part("works", "title", title=[name])


def a_work_that_is_drawn_at_its_address(session, marker, name):
    row = placeless(session, "works", title=name)
    site = from_shape(Point(105.95, 11.69), srid=WGS84)
    session.add(
        Link(feature_id=row.id, role="site", at=f"{marker.number} + 0 m", route=marker.border.value, geom=site,
             position_source="survey")
    )  # fmt: skip
    return row, part("works", "title", title=[name])


def an_incident_counted_from_it(session, marker, name):
    row = put(session, catalog["incidents"], level="partner", description=name, position_source="survey")
    session.flush()
    row.address = f"{marker.number}–{marker.number}(2)"
    return row, part("incidents", "description", "address", description=[name])


TELLING = [
    ("gates", a_crossing_that_names_it, lambda told: told["properties"]["gate"]),
    ("markers", a_work_that_is_drawn_at_it, lambda told: told["geometry"]),
    ("markers", a_work_that_is_drawn_at_its_address, lambda told: told["geometry"]),
    ("markers", an_incident_counted_from_it, lambda told: told["properties"]["address"]),
]
"""What may be raised, a copy that tells of it, and what of the copy does."""


@pytest.mark.parametrize(("layer", "telling", "what"), TELLING, ids=[one[1].__name__ for one in TELLING])
def test_a_copy_that_tells_of_what_is_raised_is_held_back_with_it(layer, telling, what, database, connect):
    """Also where the link has gone since; the next version has it again, and no word of what was raised."""
    recipient = name = telling.__name__
    with database.transaction(LAN, write=True) as session:
        raised = put(session, catalog[layer], level="partner", position_source="survey")
        session.flush()
        row, wanted = telling(session, raised, name)
        raised_id, row_id = raised.id, row.id
    release, _ = published(database, recipient, wanted)
    told = received(database, recipient, wanted.selection.layer.name)[str(row_id)]
    assert what(told)
    with database.transaction(LAN, write=True) as session:
        session.get_one(catalog[layer].model, raised_id).level = "internal"
    assert received(database, recipient, wanted.selection.layer.name) == {}
    with database.transaction(partner(recipient)) as session:
        assert [one["id"] for one in holdings.delta(session, release, 1).removed] == [str(row_id)]
    entries = connect().execute(
        "select actor, new->>'recipient', new->>'raised' from app.journal where action = 'hold_back'"
        " and feature_id = %s", [row_id]
    )  # fmt: skip
    assert entries.fetchall() == [("lan", recipient, str(raised_id))]
    with database.transaction(LAN) as session:
        assert [
            one["feature"] for one in holdings.list_recalled_holdings(session) if one["recipient"] == recipient
        ] == [row_id]
        assert holdings.count_recalled_holdings(session) == len(holdings.list_recalled_holdings(session, 1000))
    draft = submitted(database, renewed(database, release, wanted), wanted)
    moved(database, moved(database, draft, "approved"), "published")
    told = received(database, recipient, wanted.selection.layer.name)[str(row_id)]
    assert not what(told)


def test_a_copy_is_held_back_for_what_it_told_and_not_for_what_is_linked_since(database):
    with database.transaction(LAN, write=True) as session:
        former, later = (put(session, catalog["gates"], level="partner", name=one) for one in ("A", "B"))
        row, wanted = a_crossing_that_names_it(session, former, "đổi cửa khẩu")
        ids = former.id, later.id, row.id
    published(database, "Bạn đổi", wanted)
    with database.transaction(LAN, write=True) as session:
        session.delete(session.query(Link).filter_by(feature_id=ids[2]).one())
        session.add(Link(feature_id=ids[2], to_id=ids[1], role="gate"))
    for raised, left in ((ids[1], 1), (ids[0], 0)):
        with database.transaction(LAN, write=True) as session:
            session.get_one(catalog["gates"].model, raised).level = "restricted"
        assert len(received(database, "Bạn đổi", "crossings")) == left


def test_a_paper_that_is_raised_is_named_to_nobody(database, create_marker):
    wanted = part("markers", "number", number=[create_marker()[1]])
    with database.transaction(LAN, write=True) as session:
        paper = put(session, catalog["documents"], level="partner", number="77/UBND-NC").id
    release, _ = published(database, "Bạn W", wanted, basis="77/UBND-NC", document_id=paper)

    def basis():
        with database.transaction(partner("Bạn W")) as session:
            return holdings.list_manifests(session, release)[0].manifest["basis"]

    assert basis() == "77/UBND-NC"
    with database.transaction(LAN, write=True) as session:
        next_one = workflow.prepare_next_version(session, release, Terms(paper, "77/UBND-NC"), [wanted]).number
    submitted(database, (release, next_one), wanted)
    moved(database, (release, next_one), "approved")
    with database.transaction(LAN, write=True) as session:
        session.get_one(catalog["documents"].model, paper).level = "internal"
    assert basis() is None
    with pytest.raises(Conflict, match="data changed"):
        moved(database, (release, next_one), "published")


def test_a_release_is_served_within_its_period_only(database, create_marker):
    today = dt.datetime.now(dt.UTC).date()
    for days, seen in ((-1, False), (0, True), (30, True)):
        _, number = create_marker()
        published(
            database, f"Hạn {days}", part("markers", "number", number=[number]), valid_to=today + dt.timedelta(days)
        )
        assert bool(received(database, f"Hạn {days}", "markers")) is seen


def test_the_manifest_proves_the_content(database, create_marker, connect):
    rows = sorted(create_marker() for _ in range(3))
    release, _ = published(database, "Bạn P", part("markers", "number", number=[one[1] for one in rows]))
    with database.transaction(partner("Bạn P")) as session:
        told = holdings.list_manifests(session, release)[0].manifest["layers"]["markers"]
    contents = (
        connect().execute("select id, sha256 from release.markers where recipient = 'Bạn P' order by id").fetchall()
    )
    lines = "\n".join(f"{row} {sha}" for row, sha in contents)
    assert told["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    with database.transaction(LAN) as session:
        for one in holdings.list_holdings(session, recipient="Bạn P"):
            assert one["sha256"] == hashlib.sha256(canonical(one["content"]).encode()).hexdigest()


def canonical(content):
    """The text that is hashed, as PostgreSQL writes JSON: shorter keys first."""
    if isinstance(content, dict):
        keys = sorted(content, key=lambda key: (len(key.encode()), key))
        return "{" + ", ".join(f"{json.dumps(key)}: {canonical(content[key])}" for key in keys) + "}"
    if isinstance(content, list):
        return "[" + ", ".join(map(canonical, content)) + "]"
    return json.dumps(content, ensure_ascii=False)


def test_the_partners_login_reads_its_own_rows_and_nothing_else(database, create_marker, connect):
    _, number = create_marker(remark="CANARY")
    published(database, "Bạn Q", part("markers", "number", number=[number]))
    raw = connect(PARTNER_LOGIN)
    assert raw.execute("select count(*) from release.markers").fetchone() == (0,)
    raw.execute("select set_config('cotmoc.recipient', 'Bạn Q', false)")
    assert raw.execute("select number from release.markers").fetchall() == [(number,)]
    own = {
        name
        for (name,) in raw.execute(
            "select relname from pg_class where relnamespace = 'app'::regnamespace"
            " and relkind in ('r', 'v', 'm', 'S', 'p', 'f')"
        )
    }
    for name in own:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(sql.SQL("select 1 from {}").format(sql.Identifier("app", name)))
    for statement in (
        "select app.shared_markers(null, null, 3)",
        "select app.publish_release(gen_random_uuid())",
        "select app.plain('x')",
        "set role cotmoc_shared",
        "set role cotmoc_publisher",
        "set role cotmoc_office",
        "set session authorization cotmoc_reader",
        "delete from release.markers",
        "update release.markers set recipient = 'x'",
        "truncate release.markers",
        "create table release.mine (x int)",
        "create table public.mine (x int)",
        "alter table release.markers disable row level security",
        "drop policy receive on release.markers",
        "select st_estimatedextent('release', 'markers', 'shared_geom')",
        "copy release.markers to program 'cat'",
        "select pg_read_file('/etc/passwd')",
    ):
        with pytest.raises(psycopg.Error) as refused:
            raw.execute(statement)
        assert refused.value.sqlstate in ("42501", "42503"), statement
    # Whoever holds this login could ask in another recipient's name: it is the server's, and no partner has it.


def test_columns_of_what_is_released_are_known(connect):
    """A new column of a card shows here, and reaches nobody until a release names it."""
    columns = (
        connect()
        .execute(
            "select table_name, array_agg(column_name::text order by column_name) from information_schema.columns"
            " where table_schema = 'release' and table_name not in ('manifests', 'tombstones') group by 1 order by 1"
        )
        .fetchall()
    )
    assert [name for name, _ in columns] == sorted(catalog)
    for name, found in columns:
        known = {one for one, about in catalog[name].fields.items() if Level.PARTNER.may_read(about.level)}
        assert set(found) == known | COPIED
        named = [
            one for one, about in catalog[name].fields.items() if about.level in (Level.INTERNAL, Level.RESTRICTED)
        ]
        assert not set(found) & set(named)
        assert set(snapshot_layer(catalog[name]).fields) == known | {"release"}
