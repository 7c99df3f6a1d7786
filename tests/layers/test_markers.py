"""Markers: known and assumed positions, what is derived from them, and who may see it."""

import uuid

import pytest

from gis.db import result_of
from gis.db.session import READER_LOGIN
from gis.read import linear
from gis.read.links import links_of
from layers import lines
from layers.border import Border
from layers.policy import OFFICE, PARTNER, PUBLIC, SYSTEM
from tests.factories import create, incident, patch, transition, work

MARKERS = "/ogc/collections/markers/items"


def read_marker(client, number, border="VN-KH"):
    (feature,) = client.get(MARKERS, params={"number": number, "border": border}).json()["features"]
    return feature


def locate(client, q, border="VN-KH"):
    return client.get("/api/locate", params={"q": q, "border": border}).json()["features"][0]


def test_survey_updates_positions_assumed_from_the_marker(client):
    affected = incident(client, place={"text": "120 + 300 m", "border": "VN-KH"})
    section = create(client, "areas", name="x", kind="belt", place={"text": "119–120", "border": "VN-KH"})
    elsewhere = incident(client, place={"text": "180 + 300 m", "border": "VN-KH"})
    assert affected["properties"]["position_source"] == "assumed"
    neighbour = read_marker(client, "121")
    target = locate(client, "120 + 1500 m")
    answer = patch(
        client,
        "markers",
        read_marker(client, "120"),
        geometry=target["geometry"],
        position_source="survey",
        accuracy_m=1,
    )
    assert answer.status_code == 200, answer.text
    for layer, before in (("incidents", affected), ("areas", section)):
        after = client.get(f"/ogc/collections/{layer}/items/{before['id']}").json()
        assert after["geometry"] != before["geometry"], layer
    moved = client.get(f"/ogc/collections/incidents/items/{affected['id']}").json()["properties"]
    assert moved["chainage_m"] == pytest.approx(answer.json()["properties"]["chainage_m"] + 300, abs=0.2)
    assert read_marker(client, "121")["geometry"] != neighbour["geometry"]
    untouched = client.get(f"/ogc/collections/incidents/items/{elsewhere['id']}").json()
    assert untouched["geometry"] == elsewhere["geometry"]


def test_weaker_source_cannot_replace_a_stronger_one(client):
    target = locate(client, "200 + 500 m")["geometry"]
    marker = read_marker(client, "200")
    assert (
        patch(client, "markers", marker, geometry=target, position_source="protocol", accuracy_m=0.5).status_code == 200
    )
    other = locate(client, "200 + 50 m")["geometry"]
    for source in ("gps", "survey", "map"):
        answer = patch(client, "markers", marker, geometry=other, position_source=source)
        assert answer.status_code == 409, source
        assert patch(client, "markers", marker, position_source=source).status_code == 409, source
    assert patch(client, "markers", marker, geometry=other).status_code == 409
    assert patch(client, "markers", marker, geometry=None).status_code == 409
    assert read_marker(client, "200")["geometry"] == {
        "type": "Point",
        "coordinates": [round(x, 6) for x in target["coordinates"]],
    }
    assert patch(client, "markers", marker, geometry=other, position_source="protocol").status_code == 200


def test_transition_to_repairing_requires_a_linked_work_under_way(client):
    marker = read_marker(client, "304", "VN-CN")
    assert transition(client, "markers", marker, "damaged").status_code == 200
    assert transition(client, "markers", marker, "repairing").status_code == 409
    created = work(client, kind="smart_gate", link=marker["id"], place=None)
    assert transition(client, "markers", marker, "repairing").status_code == 409
    for stage in ("designed", "awaiting_approval", "under_way"):
        assert transition(client, "works", created, stage).status_code == 200
    other = read_marker(client, "305", "VN-CN")
    assert transition(client, "markers", other, "repairing").status_code == 409
    properties = transition(client, "markers", marker, "repairing").json()["properties"]
    assert properties["condition"] == "repairing"
    assert properties["inspected_on"] is not None


def test_kind_is_derived_from_the_number(client):
    assert create(client, "markers", border="VN-LA", number="12/3")["properties"]["kind"] == "sub"
    assert create(client, "markers", border="VN-LA", number="12")["properties"]["kind"] == "main"
    assert create(client, "markers", border="VN-LA", number=" Mốc 12 / 4 ")["properties"]["number"] == "12/4"


def test_new_surveyed_marker_changes_the_chainage_of_its_neighbour(client):
    before = read_marker(client, "230")["properties"]["chainage_m"]
    target = locate(client, "230 + 900 m")
    created = create(
        client, "markers", border="VN-KH", number="230/1", geometry=target["geometry"], position_source="survey"
    )
    assert created["properties"]["address"] == "230/1"
    assert read_marker(client, "230")["properties"]["chainage_m"] != before


def test_addresses_and_links_follow_a_surveyed_marker(client, connect):
    target = locate(client, "60 + 400 m")
    created = create(client, "incidents", category="drainage", geometry=target["geometry"], position_source="gps")
    assert created["properties"]["address"] == "≈ 60 + 400 m"
    duty = create(client, "tasks", title="Tuần tra đoạn 60–61")
    items = f"/ogc/collections/tasks/items/{duty['id']}"
    linked = client.post(f"{items}/links", json={"at": "60 + 400 m", "border": "VN-KH", "role": "site"})
    assert linked.status_code == 201
    drawn = client.get(items).json()["geometry"]
    east, north = target["geometry"]["coordinates"]
    sited = f"/ogc/collections/incidents/items/{created['id']}/links"
    assert client.post(sited, json={"at": f"{north}, {east}", "role": "site"}).json()["at"] == "≈ 60 + 400 m"
    further = locate(client, "60 + 1000 m")
    answer = patch(client, "markers", read_marker(client, "60"), geometry=further["geometry"], position_source="survey")
    assert answer.status_code == 200, answer.text
    assert client.get(items).json()["geometry"] != drawn
    after = client.get(f"/ogc/collections/incidents/items/{created['id']}").json()
    assert after["geometry"] == created["geometry"]
    assert after["properties"]["address"] == "60 − 600 m"
    assert [link["at"] for link in client.get(sited).json()["links"]] == ["60 − 600 m"]


def test_address_from_assumed_marker_is_hidden_from_partners(client, connect):
    target = locate(client, "75 + 250 m")
    created = create(
        client, "incidents", category="drainage", geometry=target["geometry"], position_source="gps", level="partner"
    )
    assert created["properties"]["address"].startswith("≈")
    shared = client.get("/api/export/incidents", params={"reader": "partner"}).json()["features"]
    (feature,) = [feature for feature in shared if feature["id"] == created["id"]]
    assert feature["geometry"] == created["geometry"]
    assert feature["properties"]["address"] is None


def test_link_address_is_hidden_with_its_marker(client, database):
    target = locate(client, "76 + 250 m")["geometry"]
    marker = create(
        client, "markers", number="9976", border="VN-KH", geometry=target, position_source="gps", level="public"
    )
    created = work(client, level="public")
    url = f"/ogc/collections/works/items/{created['id']}/links"
    assert client.post(url, json={"at": "9976", "border": "VN-KH", "role": "site"}).status_code == 201
    for level, counts in (("public", [1, 1, 1]), ("partner", [1, 1, 0]), ("internal", [1, 0, 0])):
        assert patch(client, "markers", marker, level=level).status_code == 200
        for actor, number in zip((OFFICE, PARTNER, PUBLIC), counts, strict=True):
            with database.transaction(actor) as session:
                links = links_of(session, uuid.UUID(created["id"]))
            assert [link.at for link in links] == ["9976"] * number, (level, actor.name)


def test_invalid_place_is_an_error_of_the_field_place(client):
    for place, code in (("xyz", "not_an_address"), ("VN 147/99", "not_an_address"), ("147/99", "no_such_marker")):
        answer = client.post(
            "/ogc/collections/incidents/items",
            json={"category": "drainage", "place": {"text": place, "border": "VN-KH"}},
        )
        assert answer.status_code == 422, answer.text
        assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("place", code)]


def test_client_cannot_set_position_source_to_assumed(client):
    target = locate(client, "80 + 250 m")["geometry"]
    body = {"category": "drainage", "geometry": target, "position_source": "assumed"}
    answer = client.post("/ogc/collections/incidents/items", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "position_source")


def test_wrong_method_gets_405(client):
    answer = client.delete("/api/locate", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (405, "urn:cotmoc:refusal:wrong-method")


def test_address_near_an_assumed_marker_is_hidden_from_partner_and_public(client, connect):
    east, north = locate(client, "77 + 300 m")["geometry"]["coordinates"]
    here = f"{north}, {east}"
    created = create(client, "incidents", category="drainage", place={"text": here}, level="public")
    assert created["properties"]["address"].startswith("≈ 77 ")
    task = create(client, "tasks", title="Tuần tra", level="public")
    links = f"/ogc/collections/tasks/items/{task['id']}/links"
    assert client.post(links, json={"at": here, "role": "site"}).status_code == 201
    assert client.get(links).json()["links"][0]["at"].startswith("≈ 77 ")
    shared = client.get("/api/export/incidents", params={"reader": "partner"}).json()["features"]
    (feature,) = [feature for feature in shared if feature["id"] == created["id"]]
    assert (feature["geometry"], feature["properties"]["address"]) == (created["geometry"], None)
    raw = connect(READER_LOGIN, role=PUBLIC.role.read_role)
    assert raw.execute("select at from app.links where feature_id = %s", [task["id"]]).fetchall() == []


def test_address_is_measured_from_a_marker_that_its_readers_may_read(client):
    """All readers of a feature's level may read the marker from which its address is measured."""
    target = locate(client, "230 + 700 m")["geometry"]
    near = {"type": "Point", "coordinates": [target["coordinates"][0] + 0.0001, target["coordinates"][1]]}
    hidden = {"number": "230/9", "border": "VN-KH", "level": "restricted", "position_source": "survey"}
    create(client, "markers", geometry=target, **hidden)
    words = {"text": "230/9 + 20 m", "border": "VN-KH"}
    for level, named in (("public", False), ("internal", False), ("restricted", True)):
        for place in ({"geometry": near}, {"place": words}):
            properties = create(client, "incidents", category="other", level=level, **place)["properties"]
            assert ("230/9" in properties["address"]) == named, (level, place, properties["address"])
            assert properties["chainage_m"] is not None
    public_incident = create(client, "incidents", category="other", level="public", geometry=near)
    links = f"/ogc/collections/incidents/items/{public_incident['id']}/links"
    refused = client.post(links, json={"at": "230/9 + 20 m", "border": "VN-KH", "role": "site"})
    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [("at", "hidden_marker")]
    assert client.get(links).json()["links"] == []


def test_route_has_the_highest_level_of_its_lines(database):
    with database.transaction(SYSTEM, write=True) as session:
        session.query(lines.Line).filter_by(border="VN-LA").first().level = "internal"
        session.flush()
        lines.build_route(session, Border.LA)
    for actor, known in ((PUBLIC, False), (PARTNER, False), (OFFICE, True)):
        with database.transaction(actor) as session:
            assert (linear.route_length(session, "VN-LA") is not None) == known
            assert (result_of(linear.station(session, 105.0, 18.5, "VN-LA")) is not None) == known
