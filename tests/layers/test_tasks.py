"""Tasks: the details required for assignment (the Vietnamese “6 rõ”), waiting and urgency."""

import pytest

from gis.text.dates import today
from tests.factories import create, patch, task, transition

CLEARS = {
    "person": "person", "time": "due_on", "responsibility": "responsibility", "product": "product",
    "authority": "authority",
}  # fmt: skip
"""Codes of ``missing_clears``, each with the field that it reports as empty."""


def test_draft_needs_only_a_title_and_assignment_names_what_is_missing(client):
    created = create(client, "tasks", title="Việc mới")
    assert created["properties"]["state"] == "draft"
    assert created["properties"]["missing_clears"] == ["person", "time", "responsibility", "product", "authority"]
    answer = transition(client, "tasks", created, "assigned")
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == set(CLEARS.values())


@pytest.mark.parametrize("clear", CLEARS)
def test_task_needs_all_required_details_to_be_assigned(clear, client):
    created = task(client, **{CLEARS[clear]: None})
    assert created["properties"]["missing_clears"] == [clear]
    answer = transition(client, "tasks", created, "assigned")
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(CLEARS[clear], "missing_clear")]
    complete = task(client)
    assert transition(client, "tasks", complete, "assigned").status_code == 200
    assert patch(client, "tasks", complete, **{CLEARS[clear]: None}).status_code == 422


def test_imported_task_keeps_its_state_and_lists_missing_clears(client):
    (feature,) = client.get("/ogc/collections/tasks/items", params={"seed_item": "7"}).json()["features"]
    assert feature["properties"]["state"] == "assigned"
    assert "person" in feature["properties"]["missing_clears"]
    assert patch(client, "tasks", feature, progress=30).status_code == 200


def test_waiting_task_has_body_and_date_and_a_done_task_is_final(client):
    created = task(client)
    assert transition(client, "tasks", created, "assigned").status_code == 200
    properties = transition(client, "tasks", created, "waiting", "UBND tỉnh").json()["properties"]
    assert (properties["waiting_on"], properties["waiting_since"], properties["urgency"]) == (
        "UBND tỉnh",
        str(today()),
        "waiting",
    )
    properties = transition(client, "tasks", created, "under_way").json()["properties"]
    assert (properties["waiting_on"], properties["urgency"]) == (None, "on_time")
    properties = transition(client, "tasks", created, "done").json()["properties"]
    assert (properties["progress"], properties["done_on"], properties["urgency"]) == (100, str(today()), "done")
    assert transition(client, "tasks", created, "cancelled").status_code == 409


def test_only_a_task_with_a_past_due_date_is_overdue(client):
    assert create(client, "tasks", title="Thường trực")["properties"]["urgency"] == "planned"
    assert create(client, "tasks", title="Cũ", due_on="2020-01-01")["properties"]["urgency"] == "overdue"
