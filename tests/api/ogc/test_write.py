"""Writes: create, update, transitions and idempotency."""

import datetime as dt
import json
import threading

import pytest

from gis.model.layer import catalog
from gis.text.dates import today
from tests.api.ogc.writes import ITEMS, apply_transitions, assert_refused, properties, url_of
from tests.factories import POINT, create, incident, minimal_body, patch, transition


def test_incident_needs_category_and_place_and_gets_defaults(client):
    created = incident(client, place={"text": "147/6 + 120 m"})
    values = created["properties"]
    assert (values["severity"], values["side"], values["handling"]) == ("medium", "unknown", "reported")
    assert dt.datetime.fromisoformat(values["occurred_at"]).tzinfo is not None
    assert values["code"].startswith(f"SV-{today().year}-")
    assert values["address"] == "147/6 + 120 m"
    assert values["original"] == {"text": "147/6 + 120 m"}
    assert values["position_source"] == "assumed"
    items = ITEMS.format("incidents")
    assert_refused(client.post(items, json={"place": {"text": "147/6"}}), 422, "category", "missing")
    assert_refused(client.post(items, json={"category": "drainage"}), 422, "place", "missing")


def test_incident_is_created_from_geojson(client):
    body = {"type": "Feature", "geometry": POINT, "properties": {"category": "drainage", "side": "ours"}}
    answer = client.post(
        ITEMS.format("incidents"),
        content=json.dumps(body),
        headers={"Content-Type": "application/geo+json; charset=utf-8"},
    )
    assert answer.status_code == 201
    assert answer.json()["geometry"] == POINT
    assert answer.json()["properties"]["position_source"] == "map"
    assert answer.json()["properties"]["border"] == "VN-KH"


def test_vn2000_coordinates_are_kept_as_entered(client):
    place = {"text": "X=1203673.846 Y=536487.939", "crs": "EPSG:9210"}
    values = incident(client, place=place)["properties"]
    assert values["original"].items() >= place.items()
    assert values["position_source"] == "map"


def test_codes_have_no_gap_under_concurrent_creates(client, site_url):
    def number(feature):
        return int(feature["properties"]["code"].rsplit("-", 1)[1])

    first, written = number(incident(client)), []

    def write():
        for _ in range(4):
            written.append(number(incident(client)))
            client.post(ITEMS.format("incidents"), json={"category": "drainage", "place": {"text": "xyz"}})

    writers = [threading.Thread(target=write) for _ in range(8)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert sorted(written) == list(range(first + 1, first + 33))


def test_transitions_go_one_step_at_a_time(client):
    created = incident(client)
    problem = assert_refused(transition(client, "incidents", created, "closed"), 409)
    assert problem["allowed"] == ["verified", "dismissed"]
    apply_transitions(
        client, "incidents", created, "verified", "recorded", "exchanged", "talks", "note_sent", "resolved", "closed"
    )
    assert properties(client, "incidents", created)["handling"] == "closed"
    entry = client.get(f"{url_of('incidents', created)}/history").json()["entries"][0]
    assert (entry["reason"], entry["changes"]["handling"]) == ("thử", {"old": "resolved", "new": "closed"})


def test_transition_needs_a_reason_and_a_known_status(client):
    created = incident(client)
    moves = f"{url_of('incidents', created)}/moves"
    assert_refused(client.post(moves, json={"to": "verified"}), 422, "reason", "missing")
    assert_refused(client.post(moves, json={"to": "verified", "reason": "  "}), 422, "reason", "missing")
    assert_refused(client.post(moves, json={"reason": "x"}), 422, "to", "missing")
    assert_refused(client.post(moves, json={"to": "nonsense", "reason": "x"}), 422, "to", "code")
    assert_refused(client.post(moves, json={"to": "verified", "reason": "x", "why": "y"}), 422, "why", "unknown_field")
    assert_refused(client.post(moves, json={"to": 1, "reason": "x"}), 422, "to", "type")
    stale = client.post(moves, json={"to": "verified", "reason": "x"}, headers={"If-Match": '"7-0123456789abcdef"'})
    assert_refused(stale, 412)
    assert properties(client, "incidents", created)["handling"] == "reported"


@pytest.mark.parametrize(("layer", "status", "code"), [
    ("incidents", "handling", "closed"), ("works", "stage", "closed"),
    ("tasks", "state", "done"), ("markers", "condition", "intact"), ("gates", "stage", "operating"),
    ("areas", "state", "in_force"), ("crossings", "state", "open"), ("posts", "condition", "planted")])  # fmt: skip
def test_status_in_a_body_is_refused(layer, status, code, client):
    items = ITEMS.format(layer)
    assert_refused(
        client.post(items, json=minimal_body(catalog[layer], **{status: code})), 422, status, "status_by_move"
    )
    created = create(client, layer, **minimal_body(catalog[layer]))
    assert_refused(patch(client, layer, created, **{status: code}), 422, status, "status_by_move")


def test_sql_cannot_skip_a_transition(client, connect):
    created = incident(client)
    superuser = connect()
    superuser.execute("select set_config('cotmoc.actor', 'test', false)")
    with pytest.raises(Exception, match="transition not allowed"):
        superuser.execute("update app.incidents set handling = 'closed' where id = %s", [created["id"]])


def test_empty_change_keeps_the_version(client):
    created = incident(client)
    answer = patch(client, "incidents", created)
    assert answer.json()["properties"]["version"] == 1


def test_put_resets_missing_fields_and_keeps_the_status(client):
    created = incident(client, description="dài", severity="high")
    apply_transitions(client, "incidents", created, "verified")
    tag = client.get(url_of("incidents", created)).headers["etag"]
    answer = client.put(url_of("incidents", created), json={"category": "smuggling"}, headers={"If-Match": tag})
    values = answer.json()["properties"]
    assert (values["category"], values["description"], values["severity"]) == ("smuggling", None, "medium")
    assert (values["handling"], values["code"]) == ("verified", created["properties"]["code"])


def test_required_value_cannot_be_emptied(client):
    created = incident(client)
    assert_refused(patch(client, "incidents", created, category=None), 422, "category", "code")
    assert_refused(patch(client, "incidents", created, side=None), 422, "side", "code")


def test_one_of_concurrent_updates_succeeds(client):
    created = incident(client)
    codes = []

    def write(number):
        answer = client.patch(
            url_of("incidents", created), json={"description": f"{number}"}, headers={"If-Match": created["etag"]}
        )
        codes.append(answer.status_code)

    writers = [threading.Thread(target=write, args=[number]) for number in range(20)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert codes.count(200) == 1
    assert set(codes) <= {200, 412, 409}
    assert properties(client, "incidents", created)["version"] == 2


def test_create_with_an_idempotency_key_happens_once(client):
    body = {"category": "drainage", "place": {"text": "147/6"}}
    first = client.post(ITEMS.format("incidents"), json=body, headers={"Idempotency-Key": "may-1:a"})
    again = client.post(ITEMS.format("incidents"), json=body, headers={"Idempotency-Key": "may-1:a"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = client.post(
        ITEMS.format("incidents"), json={**body, "severity": "low"}, headers={"Idempotency-Key": "may-1:a"}
    )
    assert_refused(other, 422, "Idempotency-Key", "reused")
    elsewhere = client.post(ITEMS.format("areas"), json=body, headers={"Idempotency-Key": "may-1:a"})
    assert_refused(elsewhere, 422, "Idempotency-Key", "reused")


def test_refused_create_does_not_use_up_its_idempotency_key(client):
    key = {"Idempotency-Key": "may-1:b"}
    assert client.post(ITEMS.format("incidents"), json={"category": "drainage"}, headers=key).status_code == 422
    body = {"category": "drainage", "place": {"text": "147/6"}}
    assert client.post(ITEMS.format("incidents"), json=body, headers=key).status_code == 201


def test_concurrent_creates_with_one_idempotency_key_create_one_feature(client):
    body = {"category": "drainage", "place": {"text": "147/6"}, "description": "hai mươi"}
    answers = []

    def send():
        answers.append(client.post(ITEMS.format("incidents"), json=body, headers={"Idempotency-Key": "may-2:x"}))

    senders = [threading.Thread(target=send) for _ in range(20)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join()
    codes = [answer.status_code for answer in answers]
    assert codes.count(201) == 1
    assert set(codes) <= {200, 201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    page = client.get(ITEMS.format("incidents"), params={"description": "hai mươi"}).json()
    assert page["numberMatched"] == 1


def test_refused_create_writes_nothing(client):
    before = client.get(ITEMS.format("works"), params={"limit": 1000}).json()["numberMatched"]
    body = {"title": "Nửa vời", "kind": "repair", "place": {"text": "304", "border": "VN-CN"},
            "link": "00000000-0000-4000-8000-000000000000"}  # fmt: skip
    assert client.post(ITEMS.format("works"), json=body).status_code in (404, 422)
    assert client.get(ITEMS.format("works"), params={"limit": 1000}).json()["numberMatched"] == before
