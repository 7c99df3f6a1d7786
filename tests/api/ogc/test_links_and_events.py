"""Marker numbers, links, gate events and work steps."""

import datetime as dt

import pytest

from gis.text.dates import today
from tests.api.ogc.writes import ITEMS, assert_refused, url_of
from tests.factories import create, incident, numbers, task, work


def test_marker_number_is_unique_per_border(client):
    number = str(next(numbers))
    create(client, "markers", border="VN-KH", number=number)
    assert_refused(
        client.post(ITEMS.format("markers"), json={"border": "VN-KH", "number": number}), 422, "number", "taken"
    )
    created = create(client, "markers", border="VN-CN", number=number)
    assert (created["properties"]["condition"], created["properties"]["position_source"]) == ("unknown", "none")
    assert created["geometry"] is None


@pytest.mark.parametrize("number", ["096", "147/", "12(4)", "168/0", "mốc", "1-2", "147/6 + 1 m", "99999"])
def test_invalid_marker_number_is_refused(number, client):
    assert_refused(
        client.post(ITEMS.format("markers"), json={"border": "VN-KH", "number": number}), 422, "number", "not_a_number"
    )


def test_number_of_a_retired_marker_can_be_used_again(client):
    created = create(client, "markers", border="VN-LA", number="77")
    assert client.delete(url_of("markers", created), headers={"If-Match": created["etag"]}).status_code == 204
    create(client, "markers", border="VN-LA", number="77")


def test_links_are_listed_from_both_ends(client):
    reported, repair = incident(client), work(client)
    links = f"{url_of('works', repair)}/links"
    linked = client.post(links, json={"to": reported["id"], "role": "subject"})
    assert linked.status_code == 201, linked.text
    again = client.post(links, json={"to": reported["id"], "role": "subject"})
    assert again.json()["link"] == linked.json()["link"]
    listed = client.get(f"{url_of('incidents', reported)}/links").json()["links"]
    assert [(link["layer"], link["direction"], link["id"]) for link in listed] == [("works", "from", repair["id"])]
    assert client.delete(f"{url_of('incidents', reported)}/links/{linked.json()['link']}").status_code == 204
    assert client.get(links).json()["links"] == []
    assert_refused(client.delete(f"{links}/{linked.json()['link']}"), 404)


def test_link_to_a_marker_address_gives_the_feature_a_geometry(client):
    created = task(client)
    answer = client.post(
        f"{url_of('tasks', created)}/links", json={"at": "168 - 168/2", "border": "VN-KH", "role": "site"}
    )
    assert (answer.status_code, answer.json()["at"]) == (201, "168–168/2")
    drawn = client.get(url_of("tasks", created)).json()["geometry"]
    assert drawn is not None


@pytest.mark.parametrize(
    ("body", "status", "field", "code"),
    [
        ({"role": "site"}, 422, "to", "missing"),
        ({"to": "x", "at": "96", "role": "site"}, 422, "to", "missing"),
        ({"at": "96", "role": "site"}, 422, "at", "ambiguous"),
        ({"at": "96", "border": "VN-KH"}, 422, "role", "missing"),
        ({"at": "96", "border": "VN-KH", "role": "friend"}, 422, "role", "code"),
        ({"to": "nonsense", "role": "subject"}, 422, "to", "unknown"),
        ({"to": "00000000-0000-4000-8000-000000000000", "role": "subject"}, 404, None, None),
        ({"at": "xyz", "role": "site"}, 422, "at", "not_an_address"),
    ],
)
def test_invalid_link_is_refused(body, status, field, code, client):
    created = task(client)
    assert_refused(client.post(f"{url_of('tasks', created)}/links", json=body), status, field, code)


def test_link_to_itself_is_refused(client):
    created = task(client)
    assert_refused(
        client.post(f"{url_of('tasks', created)}/links", json={"to": created["id"], "role": "parent"}),
        422,
        "to",
        "itself",
    )


def test_invalid_events_and_steps_are_refused(client):
    gate = create(client, "gates", name="Cửa khẩu thử", border="VN-KH")
    events = f"{url_of('gates', gate)}/events"
    assert_refused(client.post(events, json={"kind": "nonsense", "on": "2026-01-01"}), 422, "kind", "code")
    assert_refused(client.post(events, json={"kind": "note", "on": "2026-02-30"}), 422, "on", "date")
    assert_refused(client.post(events, json={"kind": "note", "on": "9999-01-01"}), 422, "on", "date")
    assert_refused(client.post(events, json={"kind": "note"}), 422, "on", "missing")
    assert_refused(client.post(events, json={"kind": "survey", "on": "2026-01-01"}), 422, "document", "missing")
    assert_refused(client.post(events, json={"kind": "note", "on": "2026-01-01", "x": 1}), 422, "x", "unknown_field")
    assert_refused(client.post(events, json={"kind": "note", "on": "2026-01-01", "note": ["x"]}), 422, "note", "type")
    assert client.get(events).json()["events"] == []
    steps = f"{url_of('works', work(client))}/steps"
    assert_refused(client.post(steps, json={"code": "nonsense", "on": "2026-01-01"}), 404)
    ahead = str(today() + dt.timedelta(days=1))
    assert_refused(client.post(steps, json={"code": "notice", "on": ahead}), 422, "on", "future")
