"""Writing: features, moves, links, a gate's events and a work's steps, as the contract has them."""

import datetime as dt
import json
import threading

import pytest

from gis.model.layer import catalog
from gis.text.dates import today
from layers.policy import OFFICE
from tests.factories import POINT, create, incident, minimal_body, numbers, patch, put, task, transition, work

ITEMS = "/ogc/collections/{}/items"


def url_of(layer, feature):
    return f"{ITEMS.format(layer)}/{feature['id']}"


def properties(client, layer, feature):
    return client.get(url_of(layer, feature)).json()["properties"]


def refusal(answer, status, field=None, code=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    if field is not None:
        assert (field, code) in [(one["field"], one["code"]) for one in problem["errors"]], problem
    return problem


def put_through(client, layer, feature, *steps):
    for to in steps:
        answer = transition(client, layer, feature, to)
        assert answer.status_code == 200, answer.text


# ── incidents ──


def test_an_incident_needs_a_category_and_a_place_and_gets_the_rest(client):
    made = incident(client, place={"text": "147/6 + 120 m"})
    told = made["properties"]
    assert (told["severity"], told["side"], told["handling"]) == ("medium", "unknown", "reported")
    assert dt.datetime.fromisoformat(told["occurred_at"]).tzinfo is not None
    assert told["code"].startswith(f"SV-{today().year}-")
    assert told["address"] == "147/6 + 120 m"
    assert told["original"] == {"text": "147/6 + 120 m"}
    assert told["position_source"] == "assumed"
    items = ITEMS.format("incidents")
    refusal(client.post(items, json={"place": {"text": "147/6"}}), 422, "category", "missing")
    refusal(client.post(items, json={"category": "drainage"}), 422, "place", "missing")


def test_an_incident_may_come_as_geojson(client):
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


def test_vn2000_values_are_kept_as_given(client):
    place = {"text": "X=1203673.846 Y=536487.939", "crs": "EPSG:9210"}
    told = incident(client, place=place)["properties"]
    assert told["original"].items() >= place.items()
    assert told["position_source"] == "map"


def test_codes_count_up_without_a_gap_under_eight_writers(client, site_url):
    def number(feature):
        return int(feature["properties"]["code"].rsplit("-", 1)[1])

    first, made = number(incident(client)), []

    def write():
        for _ in range(4):
            made.append(number(incident(client)))
            client.post(ITEMS.format("incidents"), json={"category": "drainage", "place": {"text": "xyz"}})

    writers = [threading.Thread(target=write) for _ in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert sorted(made) == list(range(first + 1, first + 33))


def test_the_chain_of_handling_goes_one_step_at_a_time(client):
    made = incident(client)
    problem = refusal(transition(client, "incidents", made, "closed"), 409)
    assert problem["allowed"] == ["verified", "dismissed"]
    put_through(
        client, "incidents", made, "verified", "recorded", "exchanged", "talks", "note_sent", "resolved", "closed"
    )
    assert properties(client, "incidents", made)["handling"] == "closed"
    entry = client.get(f"{url_of('incidents', made)}/history").json()["entries"][0]
    assert (entry["reason"], entry["changes"]["handling"]) == ("thử", {"old": "resolved", "new": "closed"})


def test_a_move_needs_a_reason_and_a_word_that_exists(client):
    made = incident(client)
    moves = f"{url_of('incidents', made)}/moves"
    refusal(client.post(moves, json={"to": "verified"}), 422, "reason", "missing")
    refusal(client.post(moves, json={"to": "verified", "reason": "  "}), 422, "reason", "missing")
    refusal(client.post(moves, json={"reason": "x"}), 422, "to", "missing")
    refusal(client.post(moves, json={"to": "nonsense", "reason": "x"}), 422, "to", "code")
    refusal(client.post(moves, json={"to": "verified", "reason": "x", "why": "y"}), 422, "why", "unknown_field")
    refusal(client.post(moves, json={"to": 1, "reason": "x"}), 422, "to", "type")
    stale = client.post(moves, json={"to": "verified", "reason": "x"}, headers={"If-Match": '"7-0123456789abcdef"'})
    refusal(stale, 412)
    assert properties(client, "incidents", made)["handling"] == "reported"


@pytest.mark.parametrize(("layer", "status", "word"), [
    ("incidents", "handling", "closed"), ("works", "stage", "closed"),
    ("tasks", "state", "done"), ("markers", "condition", "intact"), ("gates", "stage", "operating"),
    ("areas", "state", "in_force"), ("crossings", "state", "open"), ("posts", "condition", "planted")])  # fmt: skip
def test_a_status_never_comes_in_a_body(layer, status, word, client):
    items = ITEMS.format(layer)
    refusal(client.post(items, json=minimal_body(catalog[layer], **{status: word})), 422, status, "status_by_move")
    made = create(client, layer, **minimal_body(catalog[layer]))
    refusal(patch(client, layer, made, **{status: word}), 422, status, "status_by_move")


def test_a_bare_row_may_not_jump_over_a_step_even_in_sql(client, connect):
    made = incident(client)
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'test', false)")
    with pytest.raises(Exception, match="illegal move"):
        admin.execute("update app.incidents set handling = 'closed' where id = %s", [made["id"]])


# ── every write ──


def test_an_empty_change_changes_nothing(client):
    made = incident(client)
    answer = patch(client, "incidents", made)
    assert answer.json()["properties"]["version"] == 1


def test_putting_less_takes_back_what_is_left_out_and_leaves_the_status(client):
    made = incident(client, description="dài", severity="high")
    put_through(client, "incidents", made, "verified")
    tag = client.get(url_of("incidents", made)).headers["etag"]
    answer = client.put(url_of("incidents", made), json={"category": "smuggling"}, headers={"If-Match": tag})
    told = answer.json()["properties"]
    assert (told["category"], told["description"], told["severity"]) == ("smuggling", None, "medium")
    assert (told["handling"], told["code"]) == ("verified", made["properties"]["code"])


def test_a_required_value_cannot_be_emptied(client):
    made = incident(client)
    refusal(patch(client, "incidents", made, category=None), 422, "category", "code")
    refusal(patch(client, "incidents", made, side=None), 422, "side", "code")


def test_twenty_writers_from_one_version_leave_one_winner(client):
    made = incident(client)
    codes = []

    def write(number):
        answer = client.patch(
            url_of("incidents", made), json={"description": f"{number}"}, headers={"If-Match": made["etag"]}
        )
        codes.append(answer.status_code)

    writers = [threading.Thread(target=write, args=[number]) for number in range(20)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert codes.count(200) == 1
    assert set(codes) <= {200, 412, 409}
    assert properties(client, "incidents", made)["version"] == 2


def test_a_key_makes_a_create_happen_once(client):
    body = {"category": "drainage", "place": {"text": "147/6"}}
    first = client.post(ITEMS.format("incidents"), json=body, headers={"Idempotency-Key": "may-1:a"})
    again = client.post(ITEMS.format("incidents"), json=body, headers={"Idempotency-Key": "may-1:a"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = client.post(
        ITEMS.format("incidents"), json={**body, "severity": "low"}, headers={"Idempotency-Key": "may-1:a"}
    )
    refusal(other, 422, "Idempotency-Key", "reused")
    elsewhere = client.post(ITEMS.format("areas"), json=body, headers={"Idempotency-Key": "may-1:a"})
    refusal(elsewhere, 422, "Idempotency-Key", "reused")


def test_a_refused_create_does_not_use_its_key_up(client):
    key = {"Idempotency-Key": "may-1:b"}
    assert client.post(ITEMS.format("incidents"), json={"category": "drainage"}, headers=key).status_code == 422
    body = {"category": "drainage", "place": {"text": "147/6"}}
    assert client.post(ITEMS.format("incidents"), json=body, headers=key).status_code == 201


def test_one_key_from_twenty_threads_makes_one_row(client):
    body = {"category": "drainage", "place": {"text": "147/6"}, "description": "hai mươi"}
    answers = []

    def send():
        answers.append(client.post(ITEMS.format("incidents"), json=body, headers={"Idempotency-Key": "may-2:x"}))

    senders = [threading.Thread(target=send) for _ in range(20)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    codes = [one.status_code for one in answers]
    assert codes.count(201) == 1
    assert set(codes) <= {200, 201}
    assert len({one.json()["id"] for one in answers}) == 1
    found = client.get(ITEMS.format("incidents"), params={"description": "hai mươi"}).json()
    assert found["numberMatched"] == 1


def test_a_refusal_leaves_nothing_half_written(client):
    before = client.get(ITEMS.format("works"), params={"limit": 1000}).json()["numberMatched"]
    body = {"title": "Nửa vời", "kind": "repair", "place": {"text": "304", "border": "VN-CN"},
            "link": "00000000-0000-4000-8000-000000000000"}  # fmt: skip
    assert client.post(ITEMS.format("works"), json=body).status_code in (404, 422)
    assert client.get(ITEMS.format("works"), params={"limit": 1000}).json()["numberMatched"] == before


# ── markers ──


def test_a_number_is_taken_once_on_each_border(client):
    number = str(next(numbers))
    create(client, "markers", border="VN-KH", number=number)
    refusal(client.post(ITEMS.format("markers"), json={"border": "VN-KH", "number": number}), 422, "number", "taken")
    made = create(client, "markers", border="VN-CN", number=number)
    assert (made["properties"]["condition"], made["properties"]["position_source"]) == ("unknown", "none")
    assert made["geometry"] is None


@pytest.mark.parametrize("number", ["096", "147/", "12(4)", "168/0", "mốc", "1-2", "147/6 + 1 m", "99999"])
def test_a_marker_number_is_one(number, client):
    refusal(
        client.post(ITEMS.format("markers"), json={"border": "VN-KH", "number": number}), 422, "number", "not_a_number"
    )


def test_a_retired_number_may_be_used_again(client):
    made = create(client, "markers", border="VN-LA", number="77")
    assert client.delete(url_of("markers", made), headers={"If-Match": made["etag"]}).status_code == 204
    create(client, "markers", border="VN-LA", number="77")


# ── links ──


def test_things_are_linked_and_seen_from_both_ends(client):
    one, other = incident(client), work(client)
    links = f"{url_of('works', other)}/links"
    made = client.post(links, json={"to": one["id"], "role": "subject"})
    assert made.status_code == 201, made.text
    again = client.post(links, json={"to": one["id"], "role": "subject"})
    assert again.json()["link"] == made.json()["link"]
    seen = client.get(f"{url_of('incidents', one)}/links").json()["links"]
    assert [(link["layer"], link["direction"], link["id"]) for link in seen] == [("works", "from", other["id"])]
    assert client.delete(f"{url_of('incidents', one)}/links/{made.json()['link']}").status_code == 204
    assert client.get(links).json()["links"] == []
    refusal(client.delete(f"{links}/{made.json()['link']}"), 404)


def test_a_link_may_lead_to_an_address(client):
    made = task(client)
    answer = client.post(
        f"{url_of('tasks', made)}/links", json={"at": "168 - 168/2", "border": "VN-KH", "role": "site"}
    )
    assert (answer.status_code, answer.json()["at"]) == (201, "168–168/2")
    drawn = client.get(url_of("tasks", made)).json()["geometry"]
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
def test_a_link_that_leads_nowhere_is_refused(body, status, field, code, client):
    made = task(client)
    refusal(client.post(f"{url_of('tasks', made)}/links", json=body), status, field, code)


def test_nothing_is_linked_to_itself(client):
    made = task(client)
    refusal(
        client.post(f"{url_of('tasks', made)}/links", json={"to": made["id"], "role": "parent"}), 422, "to", "itself"
    )


# ── events and steps ──


def test_events_and_steps_take_real_days_and_words(client):
    gate = create(client, "gates", name="Cửa khẩu thử", border="VN-KH")
    events = f"{url_of('gates', gate)}/events"
    refusal(client.post(events, json={"kind": "nonsense", "on": "2026-01-01"}), 422, "kind", "code")
    refusal(client.post(events, json={"kind": "note", "on": "2026-02-30"}), 422, "on", "date")
    refusal(client.post(events, json={"kind": "note", "on": "9999-01-01"}), 422, "on", "date")
    refusal(client.post(events, json={"kind": "note"}), 422, "on", "missing")
    refusal(client.post(events, json={"kind": "survey", "on": "2026-01-01"}), 422, "document", "missing")
    refusal(client.post(events, json={"kind": "note", "on": "2026-01-01", "x": 1}), 422, "x", "unknown_field")
    refusal(client.post(events, json={"kind": "note", "on": "2026-01-01", "note": ["x"]}), 422, "note", "type")
    assert client.get(events).json()["events"] == []
    steps = f"{url_of('works', work(client))}/steps"
    refusal(client.post(steps, json={"code": "nonsense", "on": "2026-01-01"}), 404)
    ahead = str(today() + dt.timedelta(days=1))
    refusal(client.post(steps, json={"code": "notice", "on": ahead}), 422, "on", "future")


# ── who may knock ──


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:1", "127.0.0.1.evil.example", ""])
def test_a_host_that_is_not_ours_is_turned_away(host, client, settings):
    answer = client.get("/ogc", headers={"Host": host})
    assert answer.status_code == (200 if host == "localhost" else 400)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://localhost"])
def test_a_write_from_another_site_is_turned_away(origin, client):
    body = {"category": "drainage", "place": {"text": "147/6"}}
    refusal(client.post(ITEMS.format("incidents"), json=body, headers={"Origin": origin}), 403)
    refusal(client.post(ITEMS.format("incidents"), json=body, headers={"Sec-Fetch-Site": "cross-site"}), 403)


def test_a_write_from_our_own_page_is_taken(client, site_url):
    body = {"category": "drainage", "place": {"text": "147/6"}}
    answer = client.post(
        ITEMS.format("incidents"), json=body, headers={"Origin": site_url, "Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 201


@pytest.mark.requirement("ogcapi-features-4/1.0/create-replace-delete", "insert-content-type update-content-type")
@pytest.mark.requirement("ogcapi-features-4/1.0/update", "content-type")
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json"]
)
def test_a_write_is_json(kind, client):
    body = json.dumps({"category": "drainage", "place": {"text": "147/6"}})
    refusal(client.post(ITEMS.format("incidents"), content=body, headers={"Content-Type": kind}), 415)


def test_a_method_that_is_not_offered_is_refused(client):
    answer = client.request("POST", "/api/locate?q=96", json={})
    assert answer.status_code == 405
    made = incident(client)
    tricked = client.post(url_of("incidents", made), json={}, headers={"X-HTTP-Method-Override": "DELETE"})
    assert tricked.status_code == 405
    assert client.get(url_of("incidents", made)).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_what_no_door_takes_is_not_judged_by_its_body(method, client):
    """No body at all, of no kind: 405 with the methods that there are, and 404 where there is nothing."""
    answer = client.request(method, "/ogc/conformance")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert client.request(method, "/ogc/nowhere").status_code == 404


def test_refusals_come_in_both_languages(client):
    vi = client.post(ITEMS.format("incidents") + "?lang=vi", json={}).json()
    en = client.post(ITEMS.format("incidents") + "?lang=en", json={}).json()
    assert vi["title"] != en["title"]
    assert [(one["field"], one["code"]) for one in vi["errors"]] == [
        (one["field"], one["code"]) for one in en["errors"]
    ]


def test_a_hidden_feature_and_none_at_all_are_refused_in_the_same_words(client, database):
    with database.transaction(OFFICE, write=True) as session:
        made = put(session, catalog["areas"])
    tag = client.get(url_of("areas", {"id": made.id})).headers["etag"]
    client.delete(url_of("areas", {"id": made.id}), headers={"If-Match": tag})
    gone = client.get(url_of("areas", {"id": made.id})).json()
    never = client.get(url_of("areas", {"id": "00000000-0000-4000-8000-000000000000"})).json()
    assert gone == never
