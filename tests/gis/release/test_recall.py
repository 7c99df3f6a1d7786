"""A published record whose level is raised is recalled, together with the copies that mention it."""

import pytest
from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import text

from gis.crs.systems import WGS84
from gis.model.layer import catalog
from gis.model.links import Link
from gis.release import holdings, workflow
from gis.release.workflow import Terms
from gis.text.errors import Conflict
from tests.factories import put
from tests.gis.release.releases import (
    LAN,
    MINH,
    make_part,
    partner_actor,
    prepare_next,
    publish,
    received_features,
    submit,
    transition,
    update_marker,
)


def test_raised_record_is_recalled_in_the_same_transaction(database, create_marker, connect):
    (row, number), (_, other) = create_marker(), create_marker()
    part = make_part("markers", "number", number=[number, other])
    release, _ = publish(database, "Bạn R", part)
    update_marker(database, row, "level = 'internal'")
    assert set(received_features(database, "Bạn R", "markers")) == {other}
    with database.transaction(partner_actor("Bạn R")) as session:
        changes = holdings.delta(session, release, 1)
        assert holdings.delta(session, release, 0).removed == []  # before version 1 the recipient had no rows
        assert holdings.list_manifests(session, release)[0].manifest["held_back"] == 1
    assert [feature["id"] for feature in changes.removed] == [str(row)]
    with database.transaction(LAN) as session:
        recalled = [row for row in holdings.list_recalled_holdings(session) if row["recipient"] == "Bạn R"]
        holding = holdings.list_holdings(session, features=[row])[0]
    assert [(row["feature"], row["content"]["number"]) for row in recalled] == [(row, number)]
    assert holding["held_back"]
    assert holding["until"] is not None
    entries = connect().execute(
        "select actor, new->>'recipient', new->>'level' from app.journal where action = 'hold_back'"
        " and feature_id = %s", [row]
    )  # fmt: skip
    assert entries.fetchall() == [("lan", "Bạn R", "internal")]


def test_recalled_record_returns_once_its_level_is_lowered(database, create_marker):
    (row, number), (_, other) = create_marker(), create_marker()
    part = make_part("markers", "number", number=[number, other])
    release, _ = publish(database, "Bạn S", part)
    update_marker(database, row, "level = 'restricted'")
    for version in (2, 3):
        if version == 3:
            with database.transaction(MINH, write=True, reason="đã hết hạn chế") as session:
                session.execute(text("update app.markers set level = 'partner' where id = :id"), {"id": row})
        draft = submit(database, prepare_next(database, release, part), part)
        transition(database, transition(database, draft, "approved"), "published")
        with database.transaction(partner_actor("Bạn S")) as session:
            deltas = [holdings.delta(session, release, since) for since in range(version + 1)]
        removed = [[feature["id"] for feature in delta.removed] for delta in deltas]
        assert removed == ([[], [str(row)], []] if version == 2 else [[], [], [], []])
        assert set(received_features(database, "Bạn S", "markers")) == ({other} if version == 2 else {number, other})
    with database.transaction(LAN) as session:
        assert "Bạn S" not in [holding["recipient"] for holding in holdings.list_recalled_holdings(session)]


def put_without_geometry(session, layer, **values):
    row = put(session, catalog[layer], level="partner", **values)
    row.geom, row.position_source, row.address, row.chainage_m = None, "none", None, None
    return row


def crossing_with_gate(session, gate, name):
    row = put(session, catalog["crossings"], level="partner", name=name)
    session.add(Link(feature_id=row.id, to_id=gate.id, role="gate"))
    return row, make_part("crossings", "name", "gate", name=[name])


def work_drawn_from_link(session, marker, name):
    row = put_without_geometry(session, "works", title=name)
    session.add(Link(feature_id=row.id, to_id=marker.id, role="subject"))
    return row, make_part("works", "title", title=[name])


def work_drawn_from_address(session, marker, name):
    row = put_without_geometry(session, "works", title=name)
    site = from_shape(Point(105.95, 11.69), srid=WGS84)
    session.add(
        Link(feature_id=row.id, role="site", at=f"{marker.number} + 0 m", route=marker.border.value, geom=site,
             position_source="survey")
    )  # fmt: skip
    return row, make_part("works", "title", title=[name])


def incident_with_address(session, marker, name):
    row = put(session, catalog["incidents"], level="partner", description=name, position_source="survey")
    session.flush()
    row.address = f"{marker.number}–{marker.number}(2)"
    return row, make_part("incidents", "description", "address", description=[name])


MENTIONS = [
    ("gates", crossing_with_gate, lambda feature: feature["properties"]["gate"]),
    ("markers", work_drawn_from_link, lambda feature: feature["geometry"]),
    ("markers", work_drawn_from_address, lambda feature: feature["geometry"]),
    ("markers", incident_with_address, lambda feature: feature["properties"]["address"]),
]
"""A layer; a function that creates a feature which mentions a record of that layer; what of the copy is the mention."""


@pytest.mark.parametrize(
    ("layer", "create_mention", "shown_value"), MENTIONS, ids=[mention[1].__name__ for mention in MENTIONS]
)
def test_copies_that_mention_a_raised_record_are_recalled(layer, create_mention, shown_value, database, connect):
    """The next version contains the copy again, without the mention."""
    recipient = name = create_mention.__name__
    with database.transaction(LAN, write=True) as session:
        raised = put(session, catalog[layer], level="partner", position_source="survey")
        session.flush()
        row, part = create_mention(session, raised, name)
        raised_id, row_id = raised.id, row.id
    release, _ = publish(database, recipient, part)
    feature = received_features(database, recipient, part.selection.layer.name)[str(row_id)]
    assert shown_value(feature)
    with database.transaction(LAN, write=True) as session:
        session.get_one(catalog[layer].model, raised_id).level = "internal"
    assert received_features(database, recipient, part.selection.layer.name) == {}
    with database.transaction(partner_actor(recipient)) as session:
        assert [feature["id"] for feature in holdings.delta(session, release, 1).removed] == [str(row_id)]
    entries = connect().execute(
        "select actor, new->>'recipient', new->>'raised' from app.journal where action = 'hold_back'"
        " and feature_id = %s", [row_id]
    )  # fmt: skip
    assert entries.fetchall() == [("lan", recipient, str(raised_id))]
    with database.transaction(LAN) as session:
        recalled = holdings.list_recalled_holdings(session)
        assert [holding["feature"] for holding in recalled if holding["recipient"] == recipient] == [row_id]
        assert holdings.count_recalled_holdings(session) == len(holdings.list_recalled_holdings(session, 1000))
    draft = submit(database, prepare_next(database, release, part), part)
    transition(database, transition(database, draft, "approved"), "published")
    feature = received_features(database, recipient, part.selection.layer.name)[str(row_id)]
    assert not shown_value(feature)


def test_recall_uses_links_at_the_time_of_the_copy(database):
    with database.transaction(LAN, write=True) as session:
        former, later = (put(session, catalog["gates"], level="partner", name=gate) for gate in ("A", "B"))
        row, part = crossing_with_gate(session, former, "đổi cửa khẩu")
        ids = former.id, later.id, row.id
    publish(database, "Bạn đổi", part)
    with database.transaction(LAN, write=True) as session:
        session.delete(session.query(Link).filter_by(feature_id=ids[2]).one())
        session.add(Link(feature_id=ids[2], to_id=ids[1], role="gate"))
    for raised, left in ((ids[1], 1), (ids[0], 0)):
        with database.transaction(LAN, write=True) as session:
            session.get_one(catalog["gates"].model, raised).level = "restricted"
        assert len(received_features(database, "Bạn đổi", "crossings")) == left


def test_raised_document_is_removed_from_the_manifest(database, create_marker):
    part = make_part("markers", "number", number=[create_marker()[1]])
    with database.transaction(LAN, write=True) as session:
        document = put(session, catalog["documents"], level="partner", number="77/UBND-NC").id
    release, _ = publish(database, "Bạn W", part, basis="77/UBND-NC", document_id=document)

    def basis():
        with database.transaction(partner_actor("Bạn W")) as session:
            return holdings.list_manifests(session, release)[0].manifest["basis"]

    assert basis() == "77/UBND-NC"
    with database.transaction(LAN, write=True) as session:
        next_number = workflow.prepare_next_version(session, release, Terms(document, "77/UBND-NC"), [part]).number
    submit(database, (release, next_number), part)
    transition(database, (release, next_number), "approved")
    with database.transaction(LAN, write=True) as session:
        session.get_one(catalog["documents"].model, document).level = "internal"
    assert basis() is None
    with pytest.raises(Conflict, match="data changed"):
        transition(database, (release, next_number), "published")
