"""The six clears: who, what, until when, with which duty, to which end, by whose decision."""

import pytest

from gis.text.dates import today
from tests.factories import create, patch, task, transition

CLEARS = {
    "person": "person", "time": "due_on", "responsibility": "responsibility", "product": "product",
    "authority": "authority",
}  # fmt: skip


def test_a_title_is_enough_to_begin_and_all_else_is_listed_as_missing(client):
    made = create(client, "tasks", title="Việc mới")
    assert made["properties"]["state"] == "draft"
    assert made["properties"]["missing_clears"] == ["person", "time", "responsibility", "product", "authority"]
    answer = transition(client, "tasks", made, "assigned")
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == set(CLEARS.values())


@pytest.mark.parametrize("clear", CLEARS)
def test_no_task_leaves_draft_while_one_is_missing(clear, client):
    made = task(client, **{CLEARS[clear]: None})
    assert made["properties"]["missing_clears"] == [clear]
    answer = transition(client, "tasks", made, "assigned")
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(CLEARS[clear], "missing_clear")]
    whole = task(client)
    assert transition(client, "tasks", whole, "assigned").status_code == 200
    assert patch(client, "tasks", whole, **{CLEARS[clear]: None}).status_code == 422


def test_an_imported_task_stands_as_it_came_with_what_is_missing(client):
    (found,) = client.get("/ogc/collections/tasks/items", params={"seed_item": "7"}).json()["features"]
    assert found["properties"]["state"] == "assigned"
    assert "person" in found["properties"]["missing_clears"]
    assert patch(client, "tasks", found, progress=30).status_code == 200


def test_waiting_names_whom_and_since_when(client):
    made = task(client)
    assert transition(client, "tasks", made, "assigned").status_code == 200
    told = transition(client, "tasks", made, "waiting", "UBND tỉnh").json()["properties"]
    assert (told["waiting_on"], told["waiting_since"], told["urgency"]) == ("UBND tỉnh", str(today()), "waiting")
    told = transition(client, "tasks", made, "under_way").json()["properties"]
    assert (told["waiting_on"], told["urgency"]) == (None, "on_time")
    told = transition(client, "tasks", made, "done").json()["properties"]
    assert (told["progress"], told["done_on"], told["urgency"]) == (100, str(today()), "done")
    assert transition(client, "tasks", made, "cancelled").status_code == 409


def test_a_task_without_a_day_is_never_overdue(client):
    assert create(client, "tasks", title="Thường trực")["properties"]["urgency"] == "planned"
    assert create(client, "tasks", title="Cũ", due_on="2020-01-01")["properties"]["urgency"] == "overdue"
