"""Stones: where they are known to stand, where they are only assumed, and how they are found."""

import uuid

import pytest

from gis.db.session import READER_LOGIN
from gis.model.links import links_of
from gis.read import linear
from layers import lines
from layers.border import Border
from layers.policy import OFFICE, PARTNER, PUBLIC, SYSTEM
from tests.factories import create, incident, patch, transition, work

MARKERS = "/ogc/collections/markers/items"


def marker(client, number, border="VN-KH"):
    (found,) = client.get(MARKERS, params={"number": number, "border": border}).json()["features"]
    return found


def locate(client, q, border="VN-KH"):
    return client.get("/api/locate", params={"q": q, "border": border}).json()["features"][0]


def test_a_surveyed_marker_moves_everything_assumed_from_it(client):
    hurt = incident(client, place={"text": "120 + 300 m", "border": "VN-KH"})
    section = create(client, "areas", name="x", kind="belt", place={"text": "119–120", "border": "VN-KH"})
    elsewhere = incident(client, place={"text": "180 + 300 m", "border": "VN-KH"})
    assert hurt["properties"]["position_source"] == "assumed"
    neighbour = marker(client, "121")
    there = locate(client, "120 + 1500 m")
    answer = patch(
        client, "markers", marker(client, "120"), geometry=there["geometry"], position_source="survey", accuracy_m=1
    )
    assert answer.status_code == 200, answer.text
    for layer, before in (("incidents", hurt), ("areas", section)):
        after = client.get(f"/ogc/collections/{layer}/items/{before['id']}").json()
        assert after["geometry"] != before["geometry"], layer
    moved = client.get(f"/ogc/collections/incidents/items/{hurt['id']}").json()["properties"]
    assert moved["chainage_m"] == pytest.approx(answer.json()["properties"]["chainage_m"] + 300, abs=0.2)
    assert marker(client, "121")["geometry"] != neighbour["geometry"]
    untouched = client.get(f"/ogc/collections/incidents/items/{elsewhere['id']}").json()
    assert untouched["geometry"] == elsewhere["geometry"]


def test_a_weaker_source_does_not_overwrite_a_stronger(client):
    there = locate(client, "200 + 500 m")["geometry"]
    stone = marker(client, "200")
    assert (
        patch(client, "markers", stone, geometry=there, position_source="protocol", accuracy_m=0.5).status_code == 200
    )
    other = locate(client, "200 + 50 m")["geometry"]
    for source in ("gps", "survey", "map"):
        answer = patch(client, "markers", stone, geometry=other, position_source=source)
        assert answer.status_code == 409, source
        assert patch(client, "markers", stone, position_source=source).status_code == 409, source
    assert patch(client, "markers", stone, geometry=other).status_code == 409
    assert patch(client, "markers", stone, geometry=None).status_code == 409
    assert marker(client, "200")["geometry"] == {
        "type": "Point",
        "coordinates": [round(x, 6) for x in there["coordinates"]],
    }
    assert patch(client, "markers", stone, geometry=other, position_source="protocol").status_code == 200


def test_being_repaired_needs_a_work_under_way_at_this_marker(client):
    stone = marker(client, "304", "VN-CN")
    assert transition(client, "markers", stone, "damaged").status_code == 200
    assert transition(client, "markers", stone, "repairing").status_code == 409
    made = work(client, kind="smart_gate", link=stone["id"], place=None)
    assert transition(client, "markers", stone, "repairing").status_code == 409
    for stage in ("designed", "awaiting_approval", "under_way"):
        assert transition(client, "works", made, stage).status_code == 200
    other = marker(client, "305", "VN-CN")
    assert transition(client, "markers", other, "repairing").status_code == 409
    told = transition(client, "markers", stone, "repairing").json()["properties"]
    assert told["condition"] == "repairing"
    assert told["inspected_on"] is not None


def test_a_kind_follows_from_the_number(client):
    assert create(client, "markers", border="VN-LA", number="12/3")["properties"]["kind"] == "sub"
    assert create(client, "markers", border="VN-LA", number="12")["properties"]["kind"] == "main"
    assert create(client, "markers", border="VN-LA", number=" Mốc 12 / 4 ")["properties"]["number"] == "12/4"


def test_a_marker_planted_with_its_position_moves_its_neighbours(client):
    before = marker(client, "230")["properties"]["chainage_m"]
    there = locate(client, "230 + 900 m")
    made = create(
        client, "markers", border="VN-KH", number="230/1", geometry=there["geometry"], position_source="survey"
    )
    assert made["properties"]["address"] == "230/1"
    assert marker(client, "230")["properties"]["chainage_m"] != before


def test_addresses_and_links_counted_from_an_assumed_marker_follow_it(client, connect):
    there = locate(client, "60 + 400 m")
    seen = create(client, "incidents", category="drainage", geometry=there["geometry"], position_source="gps")
    assert seen["properties"]["address"] == "≈ 60 + 400 m"
    duty = create(client, "tasks", title="Tuần tra đoạn 60–61")
    items = f"/ogc/collections/tasks/items/{duty['id']}"
    linked = client.post(f"{items}/links", json={"at": "60 + 400 m", "border": "VN-KH", "role": "site"})
    assert linked.status_code == 201
    drawn = client.get(items).json()["geometry"]
    further = locate(client, "60 + 1000 m")
    answer = patch(client, "markers", marker(client, "60"), geometry=further["geometry"], position_source="survey")
    assert answer.status_code == 200, answer.text
    assert client.get(items).json()["geometry"] != drawn
    after = client.get(f"/ogc/collections/incidents/items/{seen['id']}").json()
    assert after["geometry"] == seen["geometry"]
    assert after["properties"]["address"] == "60 − 600 m"


def test_an_address_counted_from_an_assumed_marker_is_not_shared(client, connect):
    there = locate(client, "75 + 250 m")
    seen = create(
        client, "incidents", category="drainage", geometry=there["geometry"], position_source="gps", level="partner"
    )
    assert seen["properties"]["address"].startswith("≈")
    shared = client.get("/api/export/incidents", params={"reader": "partner"}).json()["features"]
    (found,) = [one for one in shared if one["id"] == seen["id"]]
    assert found["geometry"] == seen["geometry"]
    assert found["properties"]["address"] is None


def test_a_link_to_an_address_is_not_shown_to_whoever_may_not_know_its_marker(client, database):
    there = locate(client, "76 + 250 m")["geometry"]
    stone = create(
        client, "markers", number="9976", border="VN-KH", geometry=there, position_source="gps", level="public"
    )
    seen = work(client, level="public")
    url = f"/ogc/collections/works/items/{seen['id']}/links"
    assert client.post(url, json={"at": "9976", "border": "VN-KH", "role": "site"}).status_code == 201
    for level, shown in (("public", [1, 1, 1]), ("partner", [1, 1, 0]), ("internal", [1, 0, 0])):
        assert patch(client, "markers", stone, level=level).status_code == 200
        for actor, number in zip((OFFICE, PARTNER, PUBLIC), shown, strict=True):
            with database.transaction(actor) as session:
                found = links_of(session, uuid.UUID(seen["id"]), actor.clearance)
            assert [one.at for one in found] == ["9976"] * number, (level, actor.name)


def test_a_place_that_will_not_do_is_the_fault_of_the_field_that_named_it(client):
    for place, code in (("xyz", "not_an_address"), ("VN 147/99", "not_an_address"), ("147/99", "no_such_marker")):
        answer = client.post(
            "/ogc/collections/incidents/items",
            json={"category": "drainage", "place": {"text": place, "border": "VN-KH"}},
        )
        assert answer.status_code == 422, answer.text
        assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [("place", code)]


def test_nobody_but_the_house_assumes_a_position(client):
    there = locate(client, "80 + 250 m")["geometry"]
    body = {"category": "drainage", "geometry": there, "position_source": "assumed"}
    answer = client.post("/ogc/collections/incidents/items", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "position_source")


def test_a_method_that_is_not_there_is_told_apart_from_a_missing_address(client):
    answer = client.delete("/api/locate", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (405, "urn:cotmoc:refusal:wrong-method")


def test_a_coordinate_in_words_beside_an_assumed_marker_does_not_give_it_away_either(client, connect):
    east, north = locate(client, "77 + 300 m")["geometry"]["coordinates"]
    here = f"{north}, {east}"
    seen = create(client, "incidents", category="drainage", place={"text": here}, level="public")
    assert seen["properties"]["address"].startswith("≈ 77 ")
    task = create(client, "tasks", title="Tuần tra", level="public")
    links = f"/ogc/collections/tasks/items/{task['id']}/links"
    assert client.post(links, json={"at": here, "role": "site"}).status_code == 201
    assert client.get(links).json()["links"][0]["at"].startswith("≈ 77 ")
    shared = client.get("/api/export/incidents", params={"reader": "partner"}).json()["features"]
    (found,) = [one for one in shared if one["id"] == seen["id"]]
    assert (found["geometry"], found["properties"]["address"]) == (seen["geometry"], None)
    raw = connect(READER_LOGIN, role=PUBLIC.role.read_role)
    assert raw.execute("select at from app.links where feature_id = %s", [task["id"]]).fetchall() == []


def test_an_address_is_counted_from_no_marker_that_its_readers_may_not_know(client):
    """Promised: whoever may know a feature by its level may know the marker that its address is counted from."""
    there = locate(client, "230 + 700 m")["geometry"]
    near = {"type": "Point", "coordinates": [there["coordinates"][0] + 0.0001, there["coordinates"][1]]}
    hidden = {"number": "230/9", "border": "VN-KH", "level": "restricted", "position_source": "survey"}
    create(client, "markers", geometry=there, **hidden)
    words = {"text": "230/9 + 20 m", "border": "VN-KH"}
    for level, named in (("public", False), ("internal", False), ("restricted", True)):
        for place in ({"geometry": near}, {"place": words}):
            told = create(client, "incidents", category="other", level=level, **place)["properties"]
            assert ("230/9" in told["address"]) == named, (level, place, told["address"])
            assert told["chainage_m"] is not None
    open_one = create(client, "incidents", category="other", level="public", geometry=near)
    links = f"/ogc/collections/incidents/items/{open_one['id']}/links"
    refused = client.post(links, json={"at": "230/9 + 20 m", "border": "VN-KH", "role": "site"})
    assert refused.status_code == 422
    assert [(one["field"], one["code"]) for one in refused.json()["errors"]] == [("at", "hidden_marker")]
    assert client.get(links).json()["links"] == []


def test_a_route_is_as_restricted_as_the_most_restricted_of_its_pieces(database):
    with database.transaction(SYSTEM, write=True) as session:
        session.query(lines.Line).filter_by(border="VN-LA").first().level = "internal"
        session.flush()
        lines.measure(session, Border.LA)
    for actor, known in ((PUBLIC, False), (PARTNER, False), (OFFICE, True)):
        with database.transaction(actor) as session:
            assert (linear.route_length(session, "VN-LA") is not None) == known
            assert (linear.station(session, 105.0, 18.5, "VN-LA") is not None) == known
