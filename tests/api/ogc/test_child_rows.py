"""Child resources: every child table has one, under one route for all layers."""

import uuid

import pytest

from gis.model import catalog, child_fields, child_tables
from gis.model.fields import Level
from gis.write import child_resources
from tests.api.ogc.writes import assert_refused, url_of
from tests.contract.leak_requests import CHILD_ROWS
from tests.factories import create, incident, minimal_body, work

ROWS = [(layer, path, body) for layer, rows in CHILD_ROWS.items() for path, body in rows.items()]
every_child_row = pytest.mark.parametrize(("layer", "path", "body"), ROWS, ids=[f"{row[0]}{row[1]}" for row in ROWS])


@pytest.fixture(scope="module")
def gate(client):
    return create(client, "gates", name="Cửa khẩu thử", border="VN-KH", category="main", category_since="2020-01-01")


def test_child_rows_are_in_the_order_of_their_table(client, gate):
    events = f"{url_of('gates', gate)}/events"
    for day in ("2026-02-02", "2026-03-03", "2026-01-01"):
        recorded = client.post(events, json={"kind": "note", "on": day, "document": "", "note": f"ngày {day}"})
        assert recorded.status_code == 201, recorded.text
    assert list(recorded.json()) == ["id", "kind", "on", "precision", "document", "note"]
    document = client.get(events).json()
    assert list(document) == ["events", "categories", "plans"]
    assert [event["on"] for event in document["events"]] == ["2026-03-03", "2026-02-02", "2026-01-01"]
    assert list(document["events"][0]) == ["id", "kind", "on", "precision", "document", "note", "source"]
    assert document["categories"] == [
        {"category": "main", "valid_from": "2020-01-01", "valid_to": None, "document": None, "source": None}
    ]
    steps = client.get(f"{url_of('works', work(client))}/steps").json()["steps"]
    assert [step["ordinal"] for step in steps] == sorted(step["ordinal"] for step in steps)
    assert list(steps[0]) == ["title", "code", "ordinal", "due_on", "done_on", "document", "note", "source"]
    assert list(steps[0]["title"]) == ["vi", "en"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["incidents/{}/events", "gates/{}/steps", "gates/{}/nothing", "nothing/{}/events"])
def test_child_resource_of_no_table_is_no_route(method, path, client, gate):
    url = "/ogc/collections/" + path.format(f"items/{gate['id']}")
    assert client.request(method, url, json=None if method == "GET" else {}).status_code == 404


def test_child_resource_lists_its_methods(client, gate):
    answer = client.put(f"{url_of('gates', gate)}/events", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert client.post(f"{url_of('gates', gate)}/history", json={}).status_code == 405


def test_child_resource_of_an_unknown_feature_is_404(client):
    for layer, child in child_resources.child_resources():
        url = f"/ogc/collections/{layer}/items/{uuid.uuid4()}/{child}"
        assert_refused(client.get(url), 404)
        assert_refused(client.get(url.replace("-", "x")), 404)


@pytest.mark.parametrize("language", ["vi", "en"])
def test_refusal_of_a_command_names_every_field_at_fault(language, client):
    reported = incident(client)
    url = f"{url_of('incidents', reported)}/moves?lang={language}"
    problem = assert_refused(client.post(url, json={"to": 5, "why": "x"}), 422)
    texts = {
        "vi": ("Không có trường 'why'", "Giá trị không đúng kiểu", "Cần nêu reason"),
        "en": ("Unknown field 'why'", "The value has the wrong type", "reason is required"),
    }[language]
    assert problem["detail"] == texts[0]
    assert [(error["field"], error["code"], error["detail"]) for error in problem["errors"]] == [
        ("why", "unknown_field", texts[0]),
        ("to", "type", texts[1]),
        ("reason", "missing", texts[2]),
    ]


def feature_with_steps_or_any(client, layer):
    """A feature of the layer; a work has the steps of a procedure."""
    return work(client) if layer == "works" else create(client, layer, **minimal_body(catalog[layer]))


def test_every_child_table_is_served_by_its_name():
    served = {table for resource in child_resources.child_resources().values() for table in resource.tables.values()}
    assert served == set(child_tables.values())
    assert {(table.parent.layer.name, f"/{table.path}") for table in child_tables.values()} == {row[:2] for row in ROWS}


@every_child_row
def test_row_of_every_child_table_is_recorded_once_per_key(layer, path, body, client):
    feature = feature_with_steps_or_any(client, layer)
    url, headers = url_of(layer, feature) + path, {"Idempotency-Key": f"{layer}{path}{feature['id']}"}
    first = client.post(url, json={**body, "reason": "nhập bổ sung"}, headers=headers)
    assert first.status_code == 201, first.text
    again = client.post(url, json=body | {"reason": "nhập bổ sung"}, headers=headers)
    assert again.status_code == 200
    assert {**again.json(), **first.json()} == again.json()
    rows = client.get(url).json()[path.strip("/")]
    names = [name for name in ("on", "category", "condition", "code") if name in body and name in rows[0]]
    assert len([row for row in rows if all(row[name] == body[name] for name in names)]) == 1
    entries = client.get(f"{url_of(layer, feature)}/history").json()["entries"]
    assert next(entry["reason"] for entry in entries if entry["part"]) == "nhập bổ sung"


@every_child_row
def test_row_of_every_child_table_is_checked(layer, path, body, client):
    feature = feature_with_steps_or_any(client, layer)
    url = url_of(layer, feature) + path
    empty = assert_refused(client.post(url, json={}), 422)
    fields = {field.name: field for field in child_fields(_table_at(layer, path), Level.RESTRICTED)}
    required = {name for name in body if name in fields and fields[name].required and name != "code"}
    assert required <= {error["field"] for error in empty["errors"]}
    assert {error["code"] for error in empty["errors"]} <= {"missing"}
    assert_refused(client.post(url, json={**body, "nothing": 1}), 422, "nothing", "unknown_field")
    text = next((name for name in ("note", "source") if name in fields), None)
    assert_refused(client.post(url, json={**body, text: "TUYỆT MẬT"}), 422, text, "state_secret")
    stale = client.post(url, json=body, headers={"If-Match": '"99-0123456789abcdef"'})
    assert_refused(stale, 412)


def _table_at(layer, path):
    return next(iter(child_resources.child_resource(layer, path.strip("/")).tables.values()))


def test_planning_line_is_read_with_the_gate(client, gate):
    line = {"horizon": 2050, "category": "international", "decision": "1199/QĐ-TTg", "on": "2023-10-14"}
    answer = client.post(f"{url_of('gates', gate)}/plans", json=line)
    assert answer.status_code == 201, answer.text
    assert client.get(url_of("gates", gate)).json()["properties"]["planned_2050"] == "international"
    wrong = client.post(f"{url_of('gates', gate)}/plans", json={**line, "category": "huge"})
    assert "international" in assert_refused(wrong, 422, "category", "code")["errors"][0]["detail"]


def test_category_without_an_end_becomes_that_of_the_gate(client):
    gate = create(client, "gates", name="Cửa khẩu phụ", border="VN-KH", category="local", category_since="2020-01-01")
    url = f"{url_of('gates', gate)}/categories"
    row = {"category": "main", "valid_from": "2024-05-01", "document": "12/NQ-CP"}
    assert client.post(url, json=row).status_code == 201
    properties = client.get(url_of("gates", gate)).json()["properties"]
    assert (properties["category"], properties["category_since"]) == ("main", "2024-05-01")
    assert [(row["category"], row["valid_to"]) for row in client.get(url).json()["categories"]] == [
        ("main", None), ("local", "2024-05-01"),
    ]  # fmt: skip
    assert_refused(client.post(url, json=row), 422, "category", "current")
    assert_refused(client.post(url, json=row | {"valid_to": "2020-01-01"}), 422, "valid_to", "range")


def test_latest_inspection_decides_the_condition_of_a_marker(client):
    marker = create(client, "markers", **minimal_body(catalog["markers"]))
    url = f"{url_of('markers', marker)}/inspections"

    def condition():
        properties = client.get(url_of("markers", marker)).json()["properties"]
        return properties["condition"], properties["inspected_on"]

    for on, inspected, expected in (
        ("2026-03-01", "damaged", ("damaged", "2026-03-01")),
        ("2025-03-01", "intact", ("damaged", "2026-03-01")),
        ("2026-04-01", "damaged", ("damaged", "2026-04-01")),
        ("2026-05-01", "intact", ("intact", "2026-05-01")),
    ):
        assert client.post(url, json={"on": on, "condition": inspected}).status_code == 201
        assert condition() == expected
    assert_refused(client.post(url, json={"on": "2099-01-01", "condition": "intact"}), 422, "on", "future")
    assert_refused(client.post(url, json={"on": "2026-06-01", "condition": "repairing"}), 409)
