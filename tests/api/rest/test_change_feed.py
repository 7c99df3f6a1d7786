"""What has changed between two moments, by whom; and whoever reads the restricted or takes a file is remembered."""

import pytest

from api.rest.export import save
from gis.db.actors import Actor
from gis.model.layer import catalog
from gis.read import change_feed, pages, timeline
from gis.read.change_feed import TimeSpan
from gis.read.selection import Selection
from gis.text.errors import Forbidden
from layers.policy import COMMITTEE, OFFICE, OFFICER, PARTNER, PLANNER, PUBLIC, may_list_changes_of
from tests.factories import create, incident, now, patch, put, task, transition, work

PLACE = {"type": "Point", "coordinates": [105.95, 11.69]}
SOME_STEPS_EAST = {"type": "Point", "coordinates": [105.9503, 11.69]}


@pytest.fixture
def since():
    """The moment before the test does anything."""
    return now()


@pytest.fixture
def journal_since(connect):
    """What the journal has got since, by action: actor, layer, feature, request, unit and selection."""
    admin = connect()
    before = admin.execute("select coalesce(max(seq), 0) from app.journal").fetchone()[0]

    def told(*actions):
        return admin.execute(
            "select actor, table_name, feature_id, request, unit, new from app.journal"
            " where seq > %s and action = any(%s) order by seq",
            [before, list(actions)],
        ).fetchall()

    return told


def url_of(layer, feature):
    return f"/ogc/collections/{layer}/items/{feature['id']}"


def changes(client, since, path="/api/changes", **asked):
    """The changes since a moment, newest first."""
    return client.get(path, params={"since": since.isoformat(), **asked}).json()["changes"]


def test_every_change_of_every_layer_is_told_with_who_what_and_why(client, since):
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


def test_the_changes_of_one_layer_take_its_filters(client, since):
    grave = incident(client, severity="critical")
    incident(client, severity="low")
    task(client)
    path = "/ogc/collections/incidents/changes"
    assert len(changes(client, since, path)) == 2
    assert [one["id"] for one in changes(client, since, path, severity="critical")] == [grave["id"]]
    assert [one["id"] for one in changes(client, since, path, filter="severity='critical'")] == [grave["id"]]
    assert changes(client, since, path, bbox="100,8,101,9") == []
    refused = client.get(path, params={"as_of": "2026-01-01"})
    assert refused.status_code == 400
    assert client.get(path, params={"colour": "red"}).status_code == 400
    assert client.get("/api/changes", params={"severity": "low"}).status_code == 400
    assert client.get("/api/changes", params={"layer": "nonsense"}).status_code == 404


def test_the_present_is_the_past_and_what_has_changed_since(client):
    thing = incident(client, severity="low")
    then = now()
    patch(client, "incidents", thing, severity="high")
    between = now()
    patch(client, "incidents", thing, severity="critical")
    at = [
        client.get(url_of("incidents", thing), params={"as_of": moment.isoformat()}).json()["properties"]["severity"]
        for moment in (then, between, now())
    ]
    assert at == ["low", "high", "critical"]
    (first,) = changes(client, then, until=between.isoformat())
    assert first["changes"]["severity"] == {"old": "low", "new": "high"}
    assert len(changes(client, then)) == 2
    assert client.get("/api/changes", params={"since": "2026-05-02", "until": "2026-05-01"}).status_code == 400


def test_links_events_steps_and_timeline_are_those_of_the_moment_too(client):
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

    def told(path, **asked):
        return client.get(path, params=asked).json()

    events = f"{url_of('gates', gate)}/events"
    assert [one["note"] for one in told(events, **then)["events"]] == ["Lúc đầu"]
    assert [one["note"] for one in told(events)["events"]] == ["Về sau", "Lúc đầu"]
    assert told(url_of("gates", gate), **then)["properties"]["last_event"]["note"] == "Lúc đầu"
    assert told(url_of("gates", gate))["properties"]["last_event"]["note"] == "Về sau"
    steps = f"{url_of('works', repair)}/steps"
    assert told(steps, **then)["steps"][0]["done_on"] is None
    assert told(steps)["steps"][0]["done_on"] == "2026-02-06"
    assert told(url_of("works", repair), **then)["properties"]["procedure"]["done"] == 0
    assert told(url_of("works", repair))["properties"]["procedure"]["done"] == 1
    links = f"{url_of('tasks', duty)}/links"
    assert [one["id"] for one in told(links, **then)["links"]] == [gate["id"]]
    assert [one["at"] for one in told(links)["links"]] == ["147/6"]
    assert told(url_of("tasks", duty), **then)["geometry"]["coordinates"] == [PLACE["coordinates"]]
    assert told(url_of("tasks", duty))["geometry"]["coordinates"] != [PLACE["coordinates"]]
    assert len(told(f"{url_of('tasks', duty)}/history", **then)["entries"]) == 2
    assert len(told(f"{url_of('tasks', duty)}/history")["entries"]) == 4
    assert client.get(links, params={"as_of": "hôm qua"}).status_code == 400
    assert client.get(links, params={"as_of": "2020-01-01"}).status_code == 404


def test_pages_follow_each_other_without_a_gap_and_without_a_repeat(client, since):
    made = [task(client, title=f"Việc {number}")["id"] for number in range(5)]
    work(client)
    seen, asked = [], f"/api/changes?limit=2&since={since.isoformat().replace('+', '%2B')}"
    while asked:
        answer = client.get(asked).json()
        seen += [(one["at"], one["id"], one["part"]) for one in answer["changes"]]
        task(client)  # what happens meanwhile moves no page
        asked = next((one["href"] for one in answer["links"] if one["rel"] == "next"), None)
    assert len(seen) == len(set(seen)) == 6
    assert seen == sorted(seen, reverse=True)
    assert set(made) < {one for _, one, _ in seen}
    assert client.get("/api/changes", params={"after": "nonsense"}).status_code == 400


def test_what_belongs_to_a_feature_changes_too(client, since):
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
    past = client.get(f"{url_of('gates', gate)}/history").json()["entries"]
    assert [(one["part"], one["action"]) for one in timeline] == [
        ("links", "delete"), ("links", "insert"), ("gate_events", "insert"), (None, "insert"),
    ]  # fmt: skip
    assert past[0]["about"]["direction"] == "from"


def test_the_steps_that_a_work_begins_with_are_no_news_but_what_is_done_is(client, since):
    repair = work(client)
    assert [one["part"] for one in changes(client, since)] == [None]
    step = client.get(f"{url_of('works', repair)}/steps").json()["steps"][0]["code"]
    client.post(f"{url_of('works', repair)}/steps", json={"code": step, "on": "2026-11-01", "document": "CV 7"})
    (done, _) = changes(client, since)
    assert (done["part"], done["changes"]["document"]) == ("work_steps", {"old": None, "new": "CV 7"})
    assert "title_vi" not in done["changes"]


def test_a_point_that_was_moved_says_how_far(client, since):
    thing = incident(client, geometry=PLACE, place=None)
    patch(client, "incidents", thing, geometry=SOME_STEPS_EAST)
    (moved, _) = changes(client, since, layer="incidents")
    assert moved["moved_m"] == pytest.approx(32.7, abs=0.2)
    (newest, first) = client.get(f"{url_of('incidents', thing)}/history").json()["entries"]
    assert (newest["moved_m"], first["moved_m"]) == (moved["moved_m"], None)


def test_outside_the_house_nobody_learns_who_and_why(database, client, since):
    thing = incident(client, level="public")
    patch(client, "incidents", thing, description="thêm chi tiết")
    with database.transaction(PUBLIC) as session:
        from gis.read.change_feed import TimeSpan, change_feed

        found, _ = change_feed(session, [Selection(catalog["incidents"], PUBLIC.level)], TimeSpan(since, now()))
    assert found
    assert {(one.actor, one.reason, one.request) for one in found} == {(None, None, None)}


def test_a_hidden_feature_has_no_changes_and_a_hidden_field_is_no_change(database, client, since):
    for level in ("internal", "restricted"):
        incident(client, level=level)
    stone = create(client, "markers", number="4711", border="VN-KH", level="public")
    patch(client, "markers", stone, remark="chỉ trong nội bộ")
    wanted = [Selection(catalog[name], PARTNER.level) for name in ("incidents", "markers")]
    with database.transaction(PARTNER) as session:
        found, _ = change_feed.change_feed(session, wanted, TimeSpan(since, now()))
        counted = change_feed.change_counts(session, wanted, TimeSpan(since, now()))
    assert [(one.layer, one.version) for one in found] == [("markers", 1)]
    assert counted == {"markers": 1}


def test_many_changes_are_counted_as_few_are(database, client, since, monkeypatch):
    """By what stands today, and of what has changed again since by what was: once each, retired or not."""
    _once, twice, gone = (incident(client) for _ in range(3))
    between = now()
    patch(client, "incidents", twice, severity="low")
    url = url_of("incidents", gone)
    client.delete(url, headers={"If-Match": client.get(url).headers["etag"]})
    wanted = [Selection(catalog["incidents"], OFFICE.clearance)]
    spans = {3: TimeSpan(since, between), 2: TimeSpan(between, now()), 0: TimeSpan(now(), now())}
    for many in (timeline.EXACT_COUNT_LIMIT, 0):
        monkeypatch.setattr(timeline, "EXACT_COUNT_LIMIT", many)
        with database.transaction(OFFICE) as session:
            counted = [change_feed.change_counts(session, wanted, span).get("incidents", 0) for span in spans.values()]
        assert counted == list(spans)


def test_one_persons_deeds_are_followed_by_the_office_and_by_that_person(client, database, since):
    clerk = Actor("clerk", OFFICE.role)
    with database.transaction(clerk, write=True) as session:
        mine = put(session, catalog["documents"], title="Công văn của tôi").id
    task(client)
    assert [one["id"] for one in changes(client, since, by="clerk")] == [str(mine)]
    assert may_list_changes_of(OFFICE, "clerk")
    for role in (PLANNER, OFFICER, COMMITTEE):
        assert may_list_changes_of(Actor("clerk", role), "clerk")
        assert not may_list_changes_of(Actor("clerk", role), "office")


def test_asking_after_somebody_else_is_refused(since):
    from starlette.datastructures import QueryParams

    from api.rest.change_feed import span_of

    with pytest.raises(Forbidden):
        span_of(QueryParams(by="clerk"), Actor("planner", PLANNER))
    assert span_of(QueryParams(by="planner"), Actor("planner", PLANNER)).by == "planner"


# Who has read what.


def test_reading_one_restricted_record_leaves_a_name(client, journal_since):
    secret, plain = incident(client, level="restricted"), incident(client)
    for path in ("", "/history", "?f=html"):
        answer = client.get(url_of("incidents", secret) + path)
        assert answer.is_success
        *_, (actor, layer, feature, request, _, selection) = journal_since("read")
        assert (actor, layer, str(feature), request) == (
            "office", "incidents", secret["id"], answer.headers["x-request-id"],
        )  # fmt: skip
        assert selection == ({"history": True} if path == "/history" else {})
    before = len(journal_since("read"))
    for path in ("", "/history", "/links"):
        assert client.get(url_of("incidents", plain) + path).is_success
    assert len(journal_since("read")) == before


def test_a_page_that_holds_restricted_records_is_one_entry_with_what_was_asked(client, journal_since):
    secrets = {incident(client, level="restricted", severity="critical")["id"] for _ in range(2)}
    answer = client.get("/ogc/collections/incidents/items", params={"severity": "critical", "limit": 1000})
    *_, (_, layer, feature, request, _, told) = journal_since("read")
    assert (layer, feature, request) == ("incidents", None, answer.headers["x-request-id"])
    assert told["where"] == {"severity": ["critical"]}
    assert told["restricted"] == len(told["records"])
    assert secrets <= set(told["records"])
    before = len(journal_since("read"))
    assert (
        client.get("/ogc/collections/incidents/items", params={"category": "marker_damage"}).json()["numberReturned"]
        == 0
    )
    assert client.get("/ogc/collections/gates/items").is_success
    assert len(journal_since("read")) == before
    client.get("/board")  # counts incidents and names none
    assert len(journal_since("read")) == before
    work(client, level="restricted", due_on="2024-01-31")
    before = len(journal_since("read"))
    for page in ("/incidents?severity=critical", "/board"):
        client.get(page)
    assert len(journal_since("read")) == before + 2


def test_what_was_internal_then_and_is_restricted_now_is_written_down_as_well(client, journal_since):
    thing = incident(client)
    then = now()
    patch(client, "incidents", thing, level="restricted")
    before = len(journal_since("read"))
    shown = client.get(url_of("incidents", thing), params={"as_of": then.isoformat()}).json()
    assert shown["properties"]["level"] == "internal"
    assert len(journal_since("read")) == before + 1
    assert journal_since("read")[-1][5] == {"as_of": then.isoformat()}


def test_a_tile_with_restricted_records_leaves_a_name_too(client, journal_since):
    incident(client, level="restricted")
    before = len(journal_since("read"))
    tile = client.get("/ogc/collections/incidents/tiles/WebMercatorQuad/5/14/25")
    assert tile.status_code == 200
    assert journal_since("read")[before][5]["tile"] == "5/14/25"
    assert client.get("/ogc/collections/markers/tiles/WebMercatorQuad/12/0/0").status_code == 204
    assert len(journal_since("read")) == before + 1


def test_whoever_may_not_see_the_restricted_writes_nothing(database, client, journal_since):
    incident(client, level="restricted")
    before = len(journal_since("read"))
    for actor in (Actor("planner", PLANNER), PARTNER, PUBLIC):
        with database.transaction(actor) as session:
            pages.read_features(session, Selection(catalog["incidents"], actor.level))
    assert len(journal_since("read")) == before


def test_changing_a_restricted_record_in_nothing_does_not_read_it_in_secret(client, journal_since):
    secret = incident(client, level="restricted")
    before = len(journal_since("read"))
    assert patch(client, "incidents", secret).json()["properties"]["level"] == "restricted"
    assert len(journal_since("read")) > before


@pytest.mark.parametrize("name", ["geojson", "csv", "xlsx", "gpkg"])
def test_a_file_leaves_a_name_before_it_leaves_the_house(name, client, journal_since):
    incident(client, severity="critical")
    asked = {"f": name, "severity": "critical", "properties": "code,severity", "reader": "partner"}
    answer = client.get("/api/export/incidents", params=asked)
    assert answer.status_code == 200
    ((actor, layer, feature, request, _, told),) = journal_since("export")
    assert (actor, layer, feature, request) == ("office", "incidents", None, answer.headers["x-request-id"])
    assert told["where"] == {"severity": ["critical"]}
    assert (told["format"], told["reader"], told["fields"]) == (name, "partner", ["code", "severity"])
    assert ("rows" in told) == (name in ("xlsx", "gpkg"))


def test_a_file_that_is_refused_is_no_export(client, journal_since):
    for asked in (
        {"f": "nonsense"},
        {"colour": "red"},
        {"f": "kml", "crs": "http://www.opengis.net/def/crs/EPSG/0/32648"},
    ):
        assert client.get("/api/export/incidents", params=asked).status_code == 400
    assert journal_since("export") == []


def test_the_command_line_leaves_a_name_as_well(database, journal_since, tmp_path):
    save(database, "gates", tmp_path / "gates.geojson", ["f=geojson", "border=VN-KH"])
    ((actor, layer, _, _, _, told),) = journal_since("export")
    assert (actor, layer, told["where"]) == ("office", "gates", {"border": ["VN-KH"]})


def test_every_write_keeps_unit_request_and_the_devices_time(client, connect, database):
    on_device = "2026-11-20T07:30:00+07:00"
    body = {"category": "drainage", "place": {"text": "147/6"}}
    answer = client.post("/ogc/collections/incidents/items", json=body, headers={"X-Device-At": on_device})
    kept = connect().execute(
        "select request, device_at, unit from app.journal where feature_id = %s", [answer.json()["id"]]
    )
    assert kept.fetchone() == (answer.headers["x-request-id"], on_device, None)
    (entry,) = client.get(f"{url_of('incidents', answer.json())}/history").json()["entries"]
    assert (entry["request"], entry["device_at"]) == (answer.headers["x-request-id"], on_device)
    officer = Actor("sĩ quan", OFFICER, "Đồn thử")
    with database.transaction(officer, write=True) as session:
        made = put(session, catalog["incidents"], unit="Đồn thử").id
    kept = connect().execute("select actor, unit from app.journal where feature_id = %s", [made])
    assert kept.fetchone() == ("sĩ quan", "Đồn thử")
    refused = client.post("/ogc/collections/incidents/items", json=body, headers={"X-Device-At": "yesterday"})
    assert refused.status_code == 400


def test_what_cannot_be_written_down_is_not_given(client, connect):
    secret = incident(client, level="restricted")
    owner = connect()
    owner.execute("revoke execute on function app.journal_read from cotmoc_writer")
    try:
        assert client.get(url_of("incidents", secret)).status_code == 403
        assert client.get("/api/export/incidents").status_code == 403
    finally:
        owner.execute("grant execute on function app.journal_read to cotmoc_writer")


# Why.


def test_a_reason_may_stand_beside_every_change_and_in_a_header(client):
    thing = incident(client, reason="theo điện báo")
    url = url_of("incidents", thing)
    etag = thing["etag"]
    feature = {"type": "Feature", "properties": {"severity": "high"}, "geometry": None, "reason": "tờ trình 12"}
    for send, body, headers in (
        ("PATCH", {"severity": "critical", "reason": "biên bản 7"}, {}),
        ("PATCH", {"properties": feature["properties"], "reason": "tờ trình 12"}, {}),
        ("PATCH", {"side": "ours"}, {"X-Reason": "%C4%91o%20l%E1%BA%A1i"}),
    ):
        answer = client.request(send, url, json=body, headers={"If-Match": etag, **headers})
        assert answer.status_code == 200, answer.text
        etag = answer.headers["etag"]
    assert client.delete(url, headers={"If-Match": etag, "X-Reason": "ghi%20nh%E1%BA%A7m"}).status_code == 204
    changed = client.get("/api/changes", params={"since": "2026-01-01", "layer": "incidents"}).json()["changes"]
    assert [one["reason"] for one in changed if one["id"] == thing["id"]] == [
        "ghi nhầm", "đo lại", "tờ trình 12", "biên bản 7", "theo điện báo",
    ]  # fmt: skip


def test_nothing_is_opened_to_more_readers_without_a_reason(client):
    thing = incident(client, level="restricted")
    refused = patch(client, "incidents", thing, level="public")
    assert refused.status_code == 422
    assert [(one["field"], one["code"]) for one in refused.json()["errors"]] == [("reason", "missing")]
    alone = patch(client, "incidents", thing, level="internal", reason="đã hết hạn chế")
    assert alone.status_code == 403
    assert [(one["field"], one["code"]) for one in alone.json()["errors"]] == [("level", "second_person")]
    assert patch(client, "incidents", thing, level="restricted").status_code == 200


def test_a_secret_is_refused_in_a_reason_too(client):
    thing = incident(client)
    refused = patch(client, "incidents", thing, severity="high", reason="theo công văn TUYỆT MẬT số 1")
    assert refused.status_code == 422
