"""The stage of a gate moves forward by dated events, each with its document; its categories follow each other."""

import datetime as dt

import pytest

from gis.text.dates import today
from tests.factories import create, now, patch, transition


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


def update_gate(client, gate, **values):
    """Change a gate at its present version; returns its category and since when it is in effect."""
    answer = patch(client, "gates", gate, **values)
    assert answer.status_code == 200, answer.text
    properties = answer.json()["properties"]
    return properties["category"], properties["category_since"]


def categories_of(client, gate, **parameters):
    """The recorded categories with their validity, earliest first."""
    answer = client.get(f"/ogc/collections/gates/items/{gate['id']}/events", params=parameters)
    rows = [(row["valid_from"], row["valid_to"], row["category"]) for row in answer.json()["categories"]]
    return sorted(rows, key=lambda row: (row[0] or "", row[1] or "9999"))


def test_category_is_in_effect_since_the_day_of_its_change(client):
    day = str(today())
    gate = create_gate(client, category="local", category_since="2010-01-01")
    created_at = now().isoformat()
    assert update_gate(client, gate, category="main", category_since="2015-05-05") == ("main", "2015-05-05")
    assert update_gate(client, gate, category="international") == ("international", day)
    assert categories_of(client, gate) == [
        ("2010-01-01", "2015-05-05", "local"), ("2015-05-05", day, "main"), (day, None, "international"),
    ]  # fmt: skip
    then = {"as_of": created_at}
    past = client.get(f"/ogc/collections/gates/items/{gate['id']}", params=then).json()["properties"]
    assert (past["category"], past["category_since"]) == ("local", "2010-01-01")
    assert categories_of(client, gate, **then) == [("2010-01-01", None, "local")]


def test_category_without_a_known_beginning_ends_when_the_next_one_begins(client):
    gate = create_gate(client, category="local")
    assert (gate["properties"]["category_since"], categories_of(client, gate)) == (None, [(None, None, "local")])
    assert update_gate(client, gate, category="main", category_since="2015-05-05") == ("main", "2015-05-05")
    assert update_gate(client, gate, category=None) == (None, None)
    assert categories_of(client, gate) == [(None, "2015-05-05", "local"), ("2015-05-05", str(today()), "main")]


def test_category_that_is_replaced_on_its_first_day_was_never_in_effect(client):
    gate = create_gate(client, category="local", category_since="2010-01-01")
    update_gate(client, gate, category="international")
    assert update_gate(client, gate, category="main") == ("main", str(today()))
    assert categories_of(client, gate) == [("2010-01-01", str(today()), "local"), (str(today()), None, "main")]


@pytest.mark.parametrize("since", ["2010-01-01", None])
@pytest.mark.parametrize("change", [{"category": "main"}, {"category": "main", "category_since": "2015-05-05"}])
def test_change_of_the_category_can_be_undone(change, since, client):
    gate = create_gate(client, category="local", category_since=since)
    before = categories_of(client, gate)
    update_gate(client, gate, **change)
    undo = {name: gate["properties"][name] for name in change}
    assert update_gate(client, gate, **undo) == ("local", since)
    assert categories_of(client, gate) == before
    update_gate(client, gate, category=None)
    assert update_gate(client, gate, category="local") == ("local", since)
    assert categories_of(client, gate) == before


def test_corrected_beginning_of_a_category_is_the_end_of_the_previous_one(client):
    gate = create_gate(client, category="local", category_since="2010-01-01")
    update_gate(client, gate, category="main", category_since="2015-05-05")
    assert update_gate(client, gate, category_since="2016-06-06") == ("main", "2016-06-06")
    assert categories_of(client, gate) == [("2010-01-01", "2016-06-06", "local"), ("2016-06-06", None, "main")]


def test_category_cannot_begin_before_an_earlier_one(client):
    gate = create_gate(client, category="local", category_since="2010-01-01")
    update_gate(client, gate, category="main", category_since="2015-05-05")
    before = categories_of(client, gate)
    for values in ({"category": "international", "category_since": "2012-01-01"}, {"category_since": "2009-01-01"}):
        answer = patch(client, "gates", gate, **values)
        assert answer.status_code == 422, answer.text
        assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("category_since", "range")]
    assert categories_of(client, gate) == before


def test_category_and_planned_category_are_separate_properties(client):
    (feature,) = client.get("/ogc/collections/gates/items", params={"name": "Chàng Riệc"}).json()["features"]
    assert (feature["properties"]["category"], feature["properties"]["planned_2030"]) == ("main", "international")
