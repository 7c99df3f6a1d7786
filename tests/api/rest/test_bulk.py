"""Many features changed at once: checked first, all or nothing, or only the good ones by a second request."""

import uuid

import pytest
from sqlalchemy import select

from gis.model.layer import catalog
from gis.text.errors import Unavailable
from gis.text.i18n import Text
from gis.write import bulk, commands
from layers.policy import OFFICE
from layers.tasks import Task
from tests.api.ogc.writes import assert_refused, properties, url_of
from tests.contract.layer_groups import CLERK, every_editable_layer
from tests.factories import create, incident, minimal_body, patch, put, task, transition

REASON = "công văn 15/BCĐ"
HIDDEN = uuid.uuid4()


def send(client, layer, features, mode="all", *, headers=None, language="en", reason=REASON, **act):
    rows = [{"id": feature["id"], "version": feature.get("properties", {}).get("version", 1)} for feature in features]
    body = {"layer": layer, "rows": rows, "mode": mode, "reason": reason, **act}
    return client.post("/api/bulk", json=body, headers={"Accept-Language": language, **(headers or {})})


def result_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(rows):
    return [row["id"] for row in rows]


def journal(connect, features):
    return (
        connect()
        .execute(
            "select feature_id::text, action, reason, actor, request, new->>'due_on' from app.journal"
            " where feature_id = any(%s::uuid[]) order by seq",
            [ids(features)],
        )
        .fetchall()
    )


@pytest.fixture(scope="module")
def forty(database):
    """Forty tasks; the office may lower their level, because another person created them."""
    with database.transaction(CLERK, write=True) as session:
        created = [put(session, catalog["tasks"], title=f"Nhiệm vụ {number}") for number in range(40)]
    return [{"id": str(row.id)} for row in created]


@every_editable_layer
def test_property_of_three_features_of_every_layer_is_changed(layer, client, connect):
    features = [create(client, layer.name, **minimal_body(layer)) for _ in range(3)]
    change = {"properties": {"source": "Biên bản 12"}}
    checked = result_of(send(client, layer.name, features, "check", **change))
    assert (checked["accepted"], checked["refused"]) == (3, [])
    assert [(row["id"], row["version"]) for row in checked["changed"]] == [(row["id"], 1) for row in features]
    assert [properties(client, layer.name, row)["version"] for row in features] == [1, 1, 1]
    written = result_of(send(client, layer.name, features, "all", **change))
    assert [(row["id"], row["version"], row["before"]) for row in written["changed"]] == [
        (row["id"], 2, {"source": None}) for row in features
    ]
    assert all(row["title"] for row in written["changed"])
    assert {properties(client, layer.name, row)["source"] for row in features} == {"Biên bản 12"}
    updates = [entry for entry in journal(connect, features) if entry[1] == "update"]
    assert sorted(entry[0] for entry in updates) == sorted(ids(features))
    assert {entry[2] for entry in updates} == {REASON}
    assert len({entry[4] for entry in updates}) == 1  # the id of the request says that they are one act


@every_editable_layer
def test_features_of_every_layer_are_retired_and_restored(layer, client):
    features = [create(client, layer.name, **minimal_body(layer)) for _ in range(2)]
    retired = result_of(send(client, layer.name, features, retire=True))
    assert [(row["id"], row["version"]) for row in retired["changed"]] == [(row["id"], 2) for row in features]
    assert [client.get(url_of(layer.name, row)).status_code for row in features] == [404, 404]
    now = [{"id": row["id"], "properties": row} for row in retired["changed"]]
    restored = result_of(send(client, layer.name, now, restore=True))
    assert [(row["version"], row["title"]) for row in restored["changed"]] == [
        (3, row["title"]) for row in retired["changed"]
    ]
    assert [client.get(url_of(layer.name, row)).status_code for row in features] == [200, 200]
    again = send(
        client, layer.name, [{"id": row["id"], "properties": row} for row in restored["changed"]], restore=True
    )
    assert {row["code"] for row in assert_refused(again, 409)["refused"]} == {"conflict"}


def test_forty_due_dates_are_moved_and_the_refused_one_is_named(client, connect, forty):
    stale = forty[17]
    patch(client, "tasks", stale, progress=10)
    change = {"properties": {"due_on": "2031-03-31"}}
    checked = result_of(send(client, "tasks", forty, "check", **change))
    assert checked["accepted"] == 39
    (refused,) = checked["refused"]
    assert (refused["id"], refused["title"]) == (stale["id"], "Nhiệm vụ 17")
    assert (refused["status"], refused["code"], refused["version"]) == (412, "stale", 2)
    problem = assert_refused(send(client, "tasks", forty, "all", **change), 409)
    assert problem["detail"] == "1 of 40 records cannot be changed; nothing was written"
    assert problem["refused"] == [refused]
    assert {properties(client, "tasks", row)["due_on"] for row in forty} == {None}
    valid = result_of(send(client, "tasks", forty, "valid", **change))
    assert (valid["accepted"], len(valid["changed"]), valid["refused"]) == (39, 39, [refused])
    assert [properties(client, "tasks", row)["due_on"] for row in forty].count("2031-03-31") == 39
    assert properties(client, "tasks", stale)["due_on"] is None
    written = [entry for entry in journal(connect, forty) if entry[5] == "2031-03-31"]
    assert len({entry[0] for entry in written}) == len(written) == 39
    assert {entry[2:4] for entry in written} == {(REASON, "office")}


def test_refusals_are_in_the_language_of_the_request(client):
    refused = send(client, "tasks", [{"id": str(HIDDEN)}], "check", language="vi", properties={"source": "x"})
    assert result_of(refused)["refused"][0]["detail"] == "Không tìm thấy mục này"


def test_missing_and_retired_features_are_refused_without_a_title(client):
    retired, kept_feature = task(client), task(client)
    result_of(send(client, "tasks", [retired], retire=True))
    rows = [{"id": str(HIDDEN)}, {**retired, "properties": {"version": 2}}, kept_feature]
    checked = result_of(send(client, "tasks", rows, "check", properties={"progress": 5}))
    assert [(row["id"], row["title"], row["code"], row["status"]) for row in checked["refused"]] == [
        (str(HIDDEN), None, "missing", 404),
        (retired["id"], None, "missing", 404),
    ]
    assert ids(checked["changed"]) == [kept_feature["id"]]
    elsewhere = result_of(send(client, "incidents", [kept_feature], "check", properties={"source": "x"}))
    assert elsewhere["refused"][0]["code"] == "missing"


def test_transition_of_many_names_those_whose_status_does_not_allow_it(client):
    first, second, third = (incident(client) for _ in range(3))
    transition(client, "incidents", third, "dismissed")
    third["properties"]["version"] = 2
    checked = result_of(send(client, "incidents", [first, second, third], "check", move={"to": "verified"}))
    (refused,) = checked["refused"]
    assert (refused["id"], refused["code"], refused["allowed"]) == (third["id"], "conflict", ["reported"])
    assert refused["title"] == third["properties"]["code"]
    done = result_of(send(client, "incidents", [first, second, third], "valid", move={"to": "verified"}))
    assert {row["id"]: row["before"] for row in done["changed"]} == {
        row["id"]: {"handling": "reported"} for row in (first, second)
    }
    entry = client.get(f"{url_of('incidents', first)}/history").json()["entries"][0]
    assert (entry["reason"], entry["changes"]["handling"]["new"]) == (REASON, "verified")


def test_rules_of_the_layer_refuse_single_rows_by_field(client):
    clear, unclear = task(client), task(client, person=None)
    checked = result_of(send(client, "tasks", [clear, unclear], "check", move={"to": "assigned"}))
    assert ids(checked["changed"]) == [clear["id"]]
    assert [(row["id"], row["errors"][0]["field"], row["errors"][0]["code"]) for row in checked["refused"]] == [
        (unclear["id"], "person", "missing_clear")
    ]


def test_author_may_not_lower_the_level_of_a_row(client, forty):
    own_row, row_of_another = task(client), {**forty[3], "properties": properties(client, "tasks", forty[3])}
    checked = result_of(send(client, "tasks", [own_row, row_of_another], "check", properties={"level": "partner"}))
    assert ids(checked["changed"]) == [row_of_another["id"]]
    assert checked["changed"][0]["before"] == {"level": "internal"}
    (refused,) = checked["refused"]
    assert (refused["id"], refused["status"], refused["errors"][0]["code"]) == (own_row["id"], 403, "second_person")
    assert refused["detail"] == "You entered this record, so somebody else in the office must lower its level"
    result_of(send(client, "tasks", [own_row, row_of_another], "valid", properties={"level": "partner"}))
    levels = [properties(client, "tasks", row)["level"] for row in (own_row, row_of_another)]
    assert levels == ["internal", "partner"]


def test_value_that_only_one_row_can_have_is_refused_for_the_second(client):
    first, second = (create(client, "markers", **minimal_body(catalog["markers"])) for _ in range(2))
    checked = result_of(send(client, "markers", [first, second], "check", properties={"number": "8765"}))
    (refused,) = checked["refused"]
    assert refused["errors"][0]["code"] == "taken"


def test_accepted_row_that_already_has_the_value_is_not_written(client):
    already, other = task(client, progress=30), task(client)
    done = result_of(send(client, "tasks", [already, other], properties={"progress": 30}))
    assert done["accepted"] == 2
    assert ids(done["changed"]) == [other["id"]]
    assert properties(client, "tasks", already)["version"] == 1


def test_row_that_another_transaction_has_locked_is_refused_by_name(client, connect):
    locked, free = task(client), task(client)
    other = connect()
    with other.transaction():
        other.execute("select from app.tasks where id = %s for update", [locked["id"]])
        checked = result_of(send(client, "tasks", [locked, free], "valid", properties={"progress": 7}))
    assert [(row["id"], row["code"], row["title"]) for row in checked["refused"]] == [
        (locked["id"], "conflict", locked["properties"]["title"])
    ]
    assert properties(client, "tasks", free)["progress"] == 7


@pytest.mark.parametrize("fault", [RuntimeError(), Unavailable(Text("bận", "busy"))])
def test_failure_in_the_middle_leaves_nothing(fault, client, database):
    features = [task(client) for _ in range(4)]
    calls = []

    def failing(session, feature):
        calls.append(feature)
        if len(calls) == 3:
            raise fault
        commands.update(session, Task.layer, feature, {"progress": 50})

    rows = [bulk.RowAtVersion(id=row["id"], version=1) for row in features]
    command = bulk.RowCommand(Task.layer, failing, ("progress",))
    with pytest.raises(type(fault)), database.transaction(OFFICE, write=True, reason=REASON) as session:
        bulk.run_on_rows(session, command, rows, bulk.Mode.VALID)
    assert len(calls) == 3
    assert [properties(client, "tasks", row)["version"] for row in features] == [1, 1, 1, 1]


def test_lost_update_is_impossible(client):
    feature = task(client)
    assert patch(client, "tasks", feature, progress=80).status_code == 200
    problem = assert_refused(send(client, "tasks", [feature], properties={"progress": 10}), 409)
    assert problem["refused"][0]["version"] == 2
    assert properties(client, "tasks", feature)["progress"] == 80


def test_idempotency_key_has_its_effect_once_and_repeats_the_verdicts(client):
    stale, first, second = (task(client) for _ in range(3))
    patch(client, "tasks", stale, progress=1)
    features, key = [stale, first, second], {"Idempotency-Key": f"bulk-{uuid.uuid4()}"}
    refused = send(client, "tasks", features, "all", headers=key, properties={"progress": 60})
    assert refused.status_code == 409
    written = result_of(send(client, "tasks", features, "valid", headers=key, properties={"progress": 60}))
    again = result_of(send(client, "tasks", features, "valid", headers=key, properties={"progress": 60}))
    assert (written["repeated"], again["repeated"]) == (False, True)
    assert again["refused"] == written["refused"]
    assert [(row["id"], row["version"]) for row in again["changed"]] == [
        (row["id"], row["version"]) for row in written["changed"]
    ]
    assert properties(client, "tasks", first)["version"] == 2
    other = send(client, "tasks", features, "valid", headers=key, properties={"progress": 61})
    assert_refused(other, 422, "Idempotency-Key", "reused")


def test_titles_of_restricted_rows_are_written_to_the_access_log(client, connect):
    hidden, open_row = task(client, level="restricted"), task(client)
    for mode in ("check", "all"):
        send(client, "tasks", [hidden, open_row], mode, properties={"progress": 50})
        entry = connect().execute(
            "select table_name, action, new->'records' from app.journal where action = 'read' order by seq desc limit 1"
        )
        assert entry.fetchone() == ("tasks", "read", [hidden["id"]]), mode


def test_two_hundred_rows_take_part_in_one_request(client, database):
    with database.transaction(CLERK, write=True) as session:
        rows = [{"id": str(put(session, catalog["incidents"]).id)} for _ in range(200)]
    done = result_of(send(client, "incidents", rows, properties={"severity": "high"}))
    assert len(done["changed"]) == 200
    assert done["changed"][0]["before"] == {"severity": "medium"}


BODY = {"layer": "tasks", "rows": [{"id": str(HIDDEN), "version": 1}], "properties": {"progress": 1}, "mode": "check",
        "reason": REASON}  # fmt: skip
ROW = BODY["rows"][0]


@pytest.mark.parametrize(("change", "field", "code"), [
    ({"layer": "castles"}, "layer", "unknown"),
    ({"layer": 7}, "layer", "type"),
    ({"layer": None}, "layer", "unknown"),
    ({"rows": None}, "rows", "type"),
    ({"rows": []}, "rows", "number_of_rows"),
    ({"rows": [{"id": str(uuid.uuid4()), "version": 1} for _ in range(1001)]}, "rows", "number_of_rows"),
    ({"rows": [ROW, {**ROW, "version": 2}]}, "rows", "repeated"),
    ({"rows": [{"id": str(HIDDEN)}]}, "rows.0.version", "missing"),
    ({"rows": [{**ROW, "version": "1"}]}, "rows.0.version", "type"),
    ({"rows": [{**ROW, "version": True}]}, "rows.0.version", "type"),
    ({"rows": [{**ROW, "version": 0}]}, "rows.0.version", "range"),
    ({"rows": [{**ROW, "version": 2**40}]}, "rows.0.version", "range"),
    ({"rows": [ROW, {"id": "x", "version": 1}]}, "rows.1.id", "type"),
    ({"rows": [{**ROW, "etag": "x"}]}, "rows.0.etag", "unknown_field"),
    ({"mode": "some"}, "mode", "code"),
    ({"mode": ["all"]}, "mode", "code"),
    ({"mode": None}, "mode", "code"),
    ({"reason": None}, "reason", "missing"),
    ({"reason": " "}, "reason", "missing"),
    ({"reason": "x" * 501}, "reason", "too_long"),
    ({"reason": "Tài liệu TỐI MẬT"}, "reason", "state_secret"),
    ({"why": "x"}, "why", "unknown_field"),
    ({"properties": None}, "properties", "exactly_one"),
    ({"retire": True}, "retire", "exactly_one"),
    ({"properties": None, "retire": False}, "retire", "type"),
    ({"properties": {}}, "properties", "missing"),
    ({"properties": []}, "properties", "type"),
    ({"properties": {"colour": "red"}}, "properties.colour", "unknown_field"),
    ({"properties": {"state": "done"}}, "properties.state", "status_by_move"),
    ({"properties": {"title": None}}, "properties.title", "type"),
    ({"properties": {"due_on": "31.03.2031"}}, "properties.due_on", "date"),
    ({"properties": {"description": "TUYỆT MẬT"}}, "properties.description", "state_secret"),
    ({"properties": {"geometry": None}}, "properties.geometry", "single_record"),
    ({"properties": {"place": {"text": "147/6"}}}, "properties.place", "single_record"),
    ({"properties": None, "move": {"to": "nowhere"}}, "move.to", "code"),
    ({"properties": None, "move": {}}, "move.to", "missing"),
    ({"properties": None, "move": {"to": "done", "reason": "x"}}, "move.reason", "unknown_field"),
])  # fmt: skip
def test_bad_bodies_are_refused_by_field(change, field, code, client):
    body = {name: value for name, value in {**BODY, **change}.items() if value is not None}
    assert_refused(client.post("/api/bulk", json=body), 422, field, code)


@pytest.mark.parametrize("change", [
    {"layer": "lines", "properties": {"source": "x"}},
    {"layer": "documents", "properties": None, "move": {"to": "done"}},
])  # fmt: skip
def test_layers_that_do_not_allow_the_act_refuse_it_as_a_whole(change, client):
    body = {name: value for name, value in {**BODY, **change}.items() if value is not None}
    assert "refused" not in assert_refused(client.post("/api/bulk", json=body), 409)


def test_check_writes_no_history_and_no_journal(client, connect, database):
    feature = task(client)
    before = journal(connect, [feature])
    result_of(send(client, "tasks", [feature], "check", properties={"progress": 99}))
    assert journal(connect, [feature]) == before
    with database.transaction(OFFICE) as session:
        row = session.execute(select(Task.version, Task.progress).where(Task.id == feature["id"])).one()
    assert tuple(row) == (1, 0)
