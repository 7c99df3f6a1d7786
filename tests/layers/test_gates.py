"""The stage of a gate moves forward by dated events, each with its document."""

import datetime as dt

from gis.text.dates import today
from tests.factories import create, transition


def create_gate(client, **values):
    return create(client, "gates", name="Cửa khẩu thử", border="VN-KH", **values)


def record_event(client, feature, kind, on, document="111/NQ-CP"):
    url = f"/ogc/collections/gates/items/{feature['id']}/events"
    return client.post(url, json={"kind": kind, "on": str(on), "document": document})


def read_properties(client, feature):
    return client.get(f"/ogc/collections/gates/items/{feature['id']}").json()["properties"]


def test_stage_moves_forward_only(client):
    gate = create_gate(client)
    assert (gate["properties"]["stage"], gate["properties"]["category"]) == (None, None)
    assert record_event(client, gate, "pm_principle", "2017-01-01").status_code == 201
    assert record_event(client, gate, "survey", "2018-01-01").status_code == 409
    assert record_event(client, gate, "gov_resolution", "2019-12-03").status_code == 201
    assert read_properties(client, gate)["stage"] == "gov_resolution"
    assert record_event(client, gate, "suspended", "2020-01-01").status_code == 409
    assert record_event(client, gate, "operating", "2020-01-01").status_code == 201
    assert record_event(client, gate, "suspended", "2020-03-01").status_code == 201
    assert record_event(client, gate, "operating", "2021-03-01").status_code == 201
    events = client.get(f"/ogc/collections/gates/items/{gate['id']}/events").json()["events"]
    assert [event["kind"] for event in events] == [
        "operating",
        "suspended",
        "operating",
        "gov_resolution",
        "pm_principle",
    ]


def test_stage_cannot_change_without_an_event(client):
    gate = create_gate(client)
    assert transition(client, "gates", gate, "survey").status_code == 409
    assert read_properties(client, gate)["stage"] is None


def test_future_event_is_the_next_event_and_leaves_the_stage_unchanged(client):
    gate = create_gate(client)
    soon = today() + dt.timedelta(days=30)
    assert record_event(client, gate, "opening_ceremony", soon).status_code == 201
    assert record_event(client, gate, "note", today(), None).status_code == 201
    properties = read_properties(client, gate)
    assert properties["stage"] is None
    assert (properties["next_event"]["kind"], properties["next_event"]["on"]) == ("opening_ceremony", str(soon))
    assert properties["last_event"]["kind"] == "note"


def test_category_and_planned_category_are_separate_properties(client):
    (feature,) = client.get("/ogc/collections/gates/items", params={"name": "Chàng Riệc"}).json()["features"]
    assert (feature["properties"]["category"], feature["properties"]["planned_2030"]) == ("main", "international")
