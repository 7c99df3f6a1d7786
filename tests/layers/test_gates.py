"""A gate's stage goes forward by dated events, each with its document."""

import datetime as dt

from gis.text.dates import today
from tests.factories import create, transition


def gate(client, **given):
    return create(client, "gates", name="Cửa khẩu thử", border="VN-KH", **given)


def record(client, feature, kind, on, document="111/NQ-CP"):
    url = f"/ogc/collections/gates/items/{feature['id']}/events"
    return client.post(url, json={"kind": kind, "on": str(on), "document": document})


def told(client, feature):
    return client.get(f"/ogc/collections/gates/items/{feature['id']}").json()["properties"]


def test_a_stage_goes_forward_only(client):
    made = gate(client)
    assert (made["properties"]["stage"], made["properties"]["category"]) == (None, None)
    assert record(client, made, "pm_principle", "2017-01-01").status_code == 201
    assert record(client, made, "survey", "2018-01-01").status_code == 409
    assert record(client, made, "gov_resolution", "2019-12-03").status_code == 201
    assert told(client, made)["stage"] == "gov_resolution"
    assert record(client, made, "suspended", "2020-01-01").status_code == 409
    assert record(client, made, "operating", "2020-01-01").status_code == 201
    assert record(client, made, "suspended", "2020-03-01").status_code == 201
    assert record(client, made, "operating", "2021-03-01").status_code == 201
    events = client.get(f"/ogc/collections/gates/items/{made['id']}/events").json()["events"]
    assert [one["kind"] for one in events] == ["operating", "suspended", "operating", "gov_resolution", "pm_principle"]


def test_a_bare_move_is_no_event(client):
    made = gate(client)
    assert transition(client, "gates", made, "survey").status_code == 409
    assert told(client, made)["stage"] is None


def test_what_is_to_come_is_next_and_changes_nothing_yet(client):
    made = gate(client)
    soon = today() + dt.timedelta(days=30)
    assert record(client, made, "opening_ceremony", soon).status_code == 201
    assert record(client, made, "note", today(), None).status_code == 201
    now = told(client, made)
    assert now["stage"] is None
    assert (now["next_event"]["kind"], now["next_event"]["on"]) == ("opening_ceremony", str(soon))
    assert now["last_event"]["kind"] == "note"


def test_a_plan_is_not_a_category(client):
    (found,) = client.get("/ogc/collections/gates/items", params={"name": "Chàng Riệc"}).json()["features"]
    assert (found["properties"]["category"], found["properties"]["planned_2030"]) == ("main", "international")
