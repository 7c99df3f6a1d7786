"""Works: the procedure with the neighbouring country and its notice, stages and urgency."""

import datetime as dt

import pytest

from gis.text.dates import today
from tests.factories import create, patch, transition, work


def advance(client, feature, *stages):
    """Change the stage step by step; returns the properties afterwards."""
    for stage in stages:
        answer = transition(client, "works", feature, stage)
        assert answer.status_code == 200, answer.text
    return answer.json()["properties"]


def steps(client, feature):
    return {
        step["code"]: step for step in client.get(f"/ogc/collections/works/items/{feature['id']}/steps").json()["steps"]
    }


def record_step(client, feature, code, on):
    url = f"/ogc/collections/works/items/{feature['id']}/steps"
    return client.post(url, json={"code": code, "on": str(on), "document": "12/SNgV"})


def test_repair_gets_the_procedure_steps_of_its_border(client):
    china = steps(client, work(client))
    assert china["notice"]["title"]["en"].startswith("Notify the other side at least 10 days")
    assert all(step["source"] for step in china.values())
    cambodia = steps(client, work(client, place={"text": "147/6", "border": "VN-KH"}))
    assert set(cambodia) != set(china)
    assert steps(client, work(client, kind="smart_gate")) == {}


@pytest.mark.parametrize(("days", "may_begin"), [(0, False), (9, False), (10, True), (30, True)])
def test_work_can_begin_ten_days_after_the_notice(days, may_begin, client):
    created = work(client)
    advance(client, created, "designed", "awaiting_approval")
    assert record_step(client, created, "notice", today() - dt.timedelta(days=days)).status_code == 201
    advance(client, created, "notified")
    answer = transition(client, "works", created, "under_way")
    assert answer.status_code == (200 if may_begin else 409), answer.text
    if not may_begin:
        assert answer.json()["errors"][0]["code"] == "notice_running"
        assert f"{today() - dt.timedelta(days=days) + dt.timedelta(days=10):%d/%m/%Y}" in answer.json()["detail"]


def test_required_notice_cannot_be_skipped(client):
    created = work(client)
    advance(client, created, "designed", "awaiting_approval")
    answer = transition(client, "works", created, "under_way")
    assert answer.status_code == 409
    assert "under_way" not in answer.json()["allowed"]


def test_notified_stage_records_the_notice_step(client):
    created = work(client)
    advance(client, created, "designed", "awaiting_approval", "notified")
    assert steps(client, created)["notice"]["done_on"] == str(today())
    assert transition(client, "works", created, "under_way").status_code == 409


def test_work_without_a_required_notice_begins_after_approval(client):
    created = work(client, kind="smart_gate")
    advance(client, created, "designed", "awaiting_approval", "under_way")
    laos = create(client, "works", title="x", kind="repair", border="VN-LA", link=work(client)["id"])
    advance(client, laos, "designed", "awaiting_approval", "under_way")


def test_suspended_work_resumes_at_its_former_stage(client):
    created = work(client)
    advance(client, created, "designed", "suspended")
    assert transition(client, "works", created, "awaiting_approval").json()["allowed"] == ["designed"]
    advance(client, created, "designed")


def test_accepted_work_is_done_at_100_percent(client):
    created = work(client, kind="smart_gate", due_on="2020-01-01")
    assert created["properties"]["urgency"] == "overdue"
    properties = advance(client, created, "designed", "awaiting_approval", "under_way", "accepted")
    assert (properties["urgency"], properties["progress"], properties["done_on"]) == ("done", 100, str(today()))


@pytest.mark.parametrize(
    ("values", "urgency"),
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
def test_urgency_follows_due_date_and_waiting_on(values, urgency, client):
    created = work(client, kind="smart_gate", **values)
    assert created["properties"]["urgency"] == urgency
    properties = advance(client, created, "designed", "awaiting_approval", "under_way")
    expected = "overdue" if values.get("due_on", "9") < str(today()) else "on_time"
    assert properties["urgency"] == expected, "a work under way does not wait"


def test_work_requires_a_location_or_a_link_that_gives_its_geometry(client):
    answer = client.post("/ogc/collections/works/items", json={"title": "x", "kind": "repair"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "place"
    marker = client.get("/ogc/collections/markers/items?number=304").json()["features"][0]
    created = create(client, "works", title="x", kind="repair", link=marker["id"])
    drawn = client.get(f"/ogc/collections/works/items/{created['id']}").json()
    assert drawn["geometry"] is not None
    assert patch(client, "works", created, progress=50).json()["properties"]["progress"] == 50
