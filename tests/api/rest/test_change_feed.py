"""The change feed: changes between two times, by layer, actor and filter, and reads as of a time."""

import pytest

from gis.db.actors import Actor
from gis.model.layer import catalog
from gis.read import change_feed, timeline
from gis.read.change_feed import TimeSpan
from gis.read.selection import Selection
from gis.text.errors import Forbidden
from layers.policy import COMMITTEE, OFFICE, OFFICER, PARTNER, PLANNER, PUBLIC, may_list_changes_of
from tests.factories import create, incident, now, patch, put, task, transition, work

PLACE = {"type": "Point", "coordinates": [105.95, 11.69]}

FARTHER_EAST = {"type": "Point", "coordinates": [105.9503, 11.69]}


@pytest.fixture
def since():
    """The time at which the test begins."""
    return now()


def url_of(layer, feature):
    return f"/ogc/collections/{layer}/items/{feature['id']}"


def changes(client, since, path="/api/changes", **parameters):
    """The changes since a time, newest first."""
    return client.get(path, params={"since": since.isoformat(), **parameters}).json()["changes"]


def test_changes_have_actor_reason_and_values(client, since):
    logged = incident(client)
    transition(client, "incidents", logged, "verified", "xác minh tại chỗ")
    duty = task(client, title="Họp giao ban")
    newest, verified, reported = changes(client, since)
    assert (newest["layer"], newest["title"], newest["id"], newest["action"]) == (
        "tasks", "Họp giao ban", duty["id"], "insert",
    )  # fmt: skip
    assert (verified["layer"], verified["title"], verified["version"]) == (
        "incidents", logged["properties"]["code"], 2,
    )  # fmt: skip
    assert (verified["actor"], verified["reason"]) == ("office", "xác minh tại chỗ")
    assert verified["changes"] == {"handling": {"old": "reported", "new": "verified"}}
    assert (reported["version"], reported["changes"]["category"]) == (1, {"old": None, "new": "drainage"})


def test_changes_of_a_layer_take_its_filters(client, since):
    critical = incident(client, severity="critical")
    incident(client, severity="low")
    task(client)
    path = "/ogc/collections/incidents/changes"
    assert len(changes(client, since, path)) == 2
    assert [change["id"] for change in changes(client, since, path, severity="critical")] == [critical["id"]]
    assert [change["id"] for change in changes(client, since, path, filter="severity='critical'")] == [critical["id"]]
    assert changes(client, since, path, bbox="100,8,101,9") == []
    refused = client.get(path, params={"as_of": "2026-01-01"})
    assert refused.status_code == 400
    assert client.get(path, params={"colour": "red"}).status_code == 400
    assert client.get("/api/changes", params={"severity": "low"}).status_code == 400
    assert client.get("/api/changes", params={"layer": "nonsense"}).status_code == 404


def test_as_of_and_the_change_feed_agree_on_past_values(client):
    logged = incident(client, severity="low")
    then = now()
    patch(client, "incidents", logged, severity="high")
    between = now()
    patch(client, "incidents", logged, severity="critical")
    at = [
        client.get(url_of("incidents", logged), params={"as_of": moment.isoformat()}).json()["properties"]["severity"]
        for moment in (then, between, now())
    ]
    assert at == ["low", "high", "critical"]
    (first,) = changes(client, then, until=between.isoformat())
    assert first["changes"]["severity"] == {"old": "low", "new": "high"}
    assert len(changes(client, then)) == 2
    assert client.get("/api/changes", params={"since": "2026-05-02", "until": "2026-05-01"}).status_code == 400


def test_as_of_applies_to_links_events_steps_and_timeline(client):
    gate = create(client, "gates", name="Cửa khẩu xưa", category="main", geometry=PLACE)
    repair = work(client)
    step = client.get(f"{url_of('works', repair)}/steps").json()["steps"][0]["code"]
    duty = task(client)
    link = client.post(f"{url_of('tasks', duty)}/links", json={"to": gate["id"], "role": "subject"}).json()["link"]
    event = {"kind": "note", "on": "2026-01-05", "note": "Lúc đầu"}
    client.post(f"{url_of('gates', gate)}/events", json=event)
    then = {"as_of": now().isoformat()}

    client.post(f"{url_of('gates', gate)}/events", json={**event, "on": "2026-02-06", "note": "Về sau"})
    client.post(f"{url_of('works', repair)}/steps", json={"code": step, "on": "2026-02-06"})
    assert client.delete(f"{url_of('tasks', duty)}/links/{link}").status_code == 204
    client.post(f"{url_of('tasks', duty)}/links", json={"at": "147/6", "border": "VN-KH", "role": "site"})

    def get(path, **parameters):
        return client.get(path, params=parameters).json()

    events = f"{url_of('gates', gate)}/events"
    assert [event["note"] for event in get(events, **then)["events"]] == ["Lúc đầu"]
    assert [event["note"] for event in get(events)["events"]] == ["Về sau", "Lúc đầu"]
    assert get(url_of("gates", gate), **then)["properties"]["last_event"]["note"] == "Lúc đầu"
    assert get(url_of("gates", gate))["properties"]["last_event"]["note"] == "Về sau"
    steps = f"{url_of('works', repair)}/steps"
    assert get(steps, **then)["steps"][0]["done_on"] is None
    assert get(steps)["steps"][0]["done_on"] == "2026-02-06"
    assert get(url_of("works", repair), **then)["properties"]["procedure"]["done"] == 0
    assert get(url_of("works", repair))["properties"]["procedure"]["done"] == 1
    links = f"{url_of('tasks', duty)}/links"
    assert [link_["id"] for link_ in get(links, **then)["links"]] == [gate["id"]]
    assert [link_["at"] for link_ in get(links)["links"]] == ["147/6"]
    assert get(url_of("tasks", duty), **then)["geometry"]["coordinates"] == [PLACE["coordinates"]]
    assert get(url_of("tasks", duty))["geometry"]["coordinates"] != [PLACE["coordinates"]]
    assert len(get(f"{url_of('tasks', duty)}/history", **then)["entries"]) == 2
    assert len(get(f"{url_of('tasks', duty)}/history")["entries"]) == 4
    assert client.get(links, params={"as_of": "hôm qua"}).status_code == 400
    assert client.get(links, params={"as_of": "2020-01-01"}).status_code == 404


def test_pages_of_the_feed_have_no_gap_and_no_repetition(client, since):
    task_ids = [task(client, title=f"Việc {number}")["id"] for number in range(5)]
    work(client)
    walked, url = [], f"/api/changes?limit=2&since={since.isoformat().replace('+', '%2B')}"
    while url:
        answer = client.get(url).json()
        walked += [(change["at"], change["id"], change["part"]) for change in answer["changes"]]
        task(client)  # later changes do not shift the pages
        url = next((link["href"] for link in answer["links"] if link["rel"] == "next"), None)
    assert len(walked) == len(set(walked)) == 6
    assert walked == sorted(walked, reverse=True)
    assert set(task_ids) < {feature_id for _, feature_id, _ in walked}
    assert client.get("/api/changes", params={"after": "nonsense"}).status_code == 400


def test_feed_and_history_include_child_rows_and_links(client, since):
    gate = create(client, "gates", name="Cửa khẩu thử", border="VN-KH")
    event = {"kind": "note", "on": "2026-01-01", "note": "khảo sát", "reason": "theo biên bản"}
    client.post(f"{url_of('gates', gate)}/events", json=event)
    duty = task(client)
    linked = client.post(f"{url_of('tasks', duty)}/links", json={"to": gate["id"], "role": "gate"}).json()
    client.delete(f"{url_of('tasks', duty)}/links/{linked['link']}")
    unlinked, link, _, noted, _ = changes(client, since)
    assert (noted["part"], noted["id"], noted["title"]) == ("gate_events", gate["id"], "Cửa khẩu thử")
    assert (noted["changes"]["note"], noted["reason"]) == ({"old": None, "new": "khảo sát"}, "theo biên bản")
    assert (link["part"], link["action"], link["about"]["title"]) == ("links", "insert", "Cửa khẩu thử")
    assert (unlinked["action"], unlinked["actor"]) == ("delete", "office")
    entries = client.get(f"{url_of('gates', gate)}/history").json()["entries"]
    assert [(entry["part"], entry["action"]) for entry in entries] == [
        ("links", "delete"), ("links", "insert"), ("gate_events", "insert"), (None, "insert"),
    ]  # fmt: skip
    assert entries[0]["about"]["direction"] == "from"


def test_initial_steps_of_a_work_are_not_in_the_change_feed(client, since):
    repair = work(client)
    assert [change["part"] for change in changes(client, since)] == [None]
    step = client.get(f"{url_of('works', repair)}/steps").json()["steps"][0]["code"]
    client.post(f"{url_of('works', repair)}/steps", json={"code": step, "on": "2026-11-01", "document": "CV 7"})
    (done, _) = changes(client, since)
    assert (done["part"], done["changes"]["document"]) == ("work_steps", {"old": None, "new": "CV 7"})
    assert "title_vi" not in done["changes"]


def test_change_of_a_position_has_its_distance(client, since):
    logged = incident(client, geometry=PLACE, place=None)
    patch(client, "incidents", logged, geometry=FARTHER_EAST)
    (moved, _) = changes(client, since, layer="incidents")
    assert moved["moved_m"] == pytest.approx(32.7, abs=0.2)
    (newest, first) = client.get(f"{url_of('incidents', logged)}/history").json()["entries"]
    assert (newest["moved_m"], first["moved_m"]) == (moved["moved_m"], None)


def test_public_changes_have_no_actor_reason_or_request(database, client, since):
    logged = incident(client, level="public")
    patch(client, "incidents", logged, description="thêm chi tiết")
    with database.transaction(PUBLIC) as session:
        entries, _ = change_feed.change_feed(
            session, [Selection(catalog["incidents"], PUBLIC.level)], TimeSpan(since, now())
        )
    assert entries
    assert {(entry.actor, entry.reason, entry.request) for entry in entries} == {(None, None, None)}


def test_changes_omit_hidden_features_and_fields(database, client, since):
    for level in ("internal", "restricted"):
        incident(client, level=level)
    marker = create(client, "markers", number="4711", border="VN-KH", level="public")
    patch(client, "markers", marker, remark="chỉ trong nội bộ")
    selections = [Selection(catalog[name], PARTNER.level) for name in ("incidents", "markers")]
    with database.transaction(PARTNER) as session:
        entries, _ = change_feed.change_feed(session, selections, TimeSpan(since, now()))
        counts = change_feed.change_counts(session, selections, TimeSpan(since, now()))
    assert [(entry.layer, entry.version) for entry in entries] == [("markers", 1)]
    assert counts == {"markers": 1}


def test_exact_and_fast_counts_agree(database, client, since, monkeypatch):
    """Each feature counts once, even if it has changed again since or is retired."""
    _once, twice, retired = (incident(client) for _ in range(3))
    between = now()
    patch(client, "incidents", twice, severity="low")
    url = url_of("incidents", retired)
    client.delete(url, headers={"If-Match": client.get(url).headers["etag"]})
    selections = [Selection(catalog["incidents"], OFFICE.clearance)]
    spans = {3: TimeSpan(since, between), 2: TimeSpan(between, now()), 0: TimeSpan(now(), now())}
    for limit in (timeline.EXACT_COUNT_LIMIT, 0):
        monkeypatch.setattr(timeline, "EXACT_COUNT_LIMIT", limit)
        with database.transaction(OFFICE) as session:
            counts = [
                change_feed.change_counts(session, selections, span).get("incidents", 0) for span in spans.values()
            ]
        assert counts == list(spans)


def test_changes_of_an_actor_are_for_the_office_and_the_actor(client, database, since):
    clerk = Actor("clerk", OFFICE.role)
    with database.transaction(clerk, write=True) as session:
        mine = put(session, catalog["documents"], title="Công văn của tôi").id
    task(client)
    assert [change["id"] for change in changes(client, since, by="clerk")] == [str(mine)]
    assert may_list_changes_of(OFFICE, "clerk")
    for role in (PLANNER, OFFICER, COMMITTEE):
        assert may_list_changes_of(Actor("clerk", role), "clerk")
        assert not may_list_changes_of(Actor("clerk", role), "office")


def test_listing_changes_of_another_actor_is_refused(since):
    from starlette.datastructures import QueryParams

    from api.rest.change_feed import span_of

    with pytest.raises(Forbidden):
        span_of(QueryParams(by="clerk"), Actor("planner", PLANNER))
    assert span_of(QueryParams(by="planner"), Actor("planner", PLANNER)).by == "planner"
