"""Child resources: only those that a layer declares exist, under one route for all layers."""

import uuid

import pytest

from gis.write import child_resources
from tests.api.ogc.writes import assert_refused, url_of
from tests.factories import create, incident, work


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
def test_undeclared_child_resource_is_no_route(method, path, client, gate):
    url = "/ogc/collections/" + path.format(f"items/{gate['id']}")
    assert client.request(method, url, json=None if method == "GET" else {}).status_code == 404


def test_declared_child_resource_lists_its_methods(client, gate):
    answer = client.put(f"{url_of('gates', gate)}/events", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert client.post(f"{url_of('gates', gate)}/history", json={}).status_code == 405


def test_child_resource_of_an_unknown_feature_is_404(client):
    for layer, child in child_resources.declared:
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
