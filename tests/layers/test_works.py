"""A work under the neighbour's procedure: nothing begins before the notice has run its days."""

import datetime as dt

import pytest

from gis.text.dates import today
from tests.factories import create, patch, transition, work


def through(client, feature, *stages):
    for stage in stages:
        answer = transition(client, "works", feature, stage)
        assert answer.status_code == 200, answer.text
    return answer.json()["properties"]


def steps(client, feature):
    return {
        one["code"]: one for one in client.get(f"/ogc/collections/works/items/{feature['id']}/steps").json()["steps"]
    }


def record(client, feature, code, on):
    url = f"/ogc/collections/works/items/{feature['id']}/steps"
    return client.post(url, json={"code": code, "on": str(on), "document": "12/SNgV"})


def test_a_repair_gets_the_steps_of_its_border(client):
    china = steps(client, work(client))
    assert china["notice"]["title"]["en"].startswith("Notify the other side at least 10 days")
    assert all(one["source"] for one in china.values())
    cambodia = steps(client, work(client, place={"text": "147/6", "border": "VN-KH"}))
    assert set(cambodia) != set(china)
    assert steps(client, work(client, kind="smart_gate")) == {}


@pytest.mark.parametrize(("days", "may_begin"), [(0, False), (9, False), (10, True), (30, True)])
def test_work_begins_ten_days_after_the_notice(days, may_begin, client):
    made = work(client)
    through(client, made, "designed", "awaiting_approval")
    assert record(client, made, "notice", today() - dt.timedelta(days=days)).status_code == 201
    through(client, made, "notified")
    answer = transition(client, "works", made, "under_way")
    assert answer.status_code == (200 if may_begin else 409), answer.text
    if not may_begin:
        assert answer.json()["errors"][0]["code"] == "notice_running"
        assert f"{today() - dt.timedelta(days=days) + dt.timedelta(days=10):%d/%m/%Y}" in answer.json()["detail"]


def test_the_notice_cannot_be_left_out_where_it_is_asked(client):
    made = work(client)
    through(client, made, "designed", "awaiting_approval")
    answer = transition(client, "works", made, "under_way")
    assert answer.status_code == 409
    assert "under_way" not in answer.json()["allowed"]


def test_notifying_is_a_step_with_its_day(client):
    made = work(client)
    through(client, made, "designed", "awaiting_approval", "notified")
    assert steps(client, made)["notice"]["done_on"] == str(today())
    assert transition(client, "works", made, "under_way").status_code == 409


def test_where_no_notice_is_asked_work_follows_approval(client):
    made = work(client, kind="smart_gate")
    through(client, made, "designed", "awaiting_approval", "under_way")
    laos = create(client, "works", title="x", kind="repair", border="VN-LA", link=work(client)["id"])
    through(client, laos, "designed", "awaiting_approval", "under_way")


def test_a_suspended_work_goes_back_to_where_it_was(client):
    made = work(client)
    through(client, made, "designed", "suspended")
    assert transition(client, "works", made, "awaiting_approval").json()["allowed"] == ["designed"]
    through(client, made, "designed")


def test_accepted_is_done_and_whole(client):
    made = work(client, kind="smart_gate", due_on="2020-01-01")
    assert made["properties"]["urgency"] == "overdue"
    told = through(client, made, "designed", "awaiting_approval", "under_way", "accepted")
    assert (told["urgency"], told["progress"], told["done_on"]) == ("done", 100, str(today()))


@pytest.mark.parametrize(
    ("given", "urgency"),
    [
        ({}, "planned"),
        ({"due_on": "2020-01-01"}, "overdue"),
        ({"due_on": "2099-01-01"}, "planned"),
        ({"due_on": "2020-01-01", "waiting_on": "UBND tỉnh"}, "waiting"),
        ({"waiting_on": "UBND tỉnh"}, "waiting"),
        ({"waiting_on": ""}, "planned"),
        ({"due_on": str(today())}, "planned"),
        ({"due_on": str(today() - dt.timedelta(days=1))}, "overdue"),
    ],
)
def test_urgency_is_computed_by_one_rule(given, urgency, client):
    made = work(client, kind="smart_gate", **given)
    assert made["properties"]["urgency"] == urgency
    begun = through(client, made, "designed", "awaiting_approval", "under_way")
    expected = "overdue" if given.get("due_on", "9") < str(today()) else "on_time"
    assert begun["urgency"] == expected, "what has begun waits on nobody"


def test_a_work_needs_a_place_or_a_link(client):
    answer = client.post("/ogc/collections/works/items", json={"title": "x", "kind": "repair"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "place"
    marker = client.get("/ogc/collections/markers/items?number=304").json()["features"][0]
    made = create(client, "works", title="x", kind="repair", link=marker["id"])
    drawn = client.get(f"/ogc/collections/works/items/{made['id']}").json()
    assert drawn["geometry"] is not None
    assert patch(client, "works", made, progress=50).json()["properties"]["progress"] == 50
