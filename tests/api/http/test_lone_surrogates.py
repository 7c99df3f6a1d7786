"""Lone surrogates, which JSON can escape and UTF-8 cannot encode, are refused; in ignored members they do no harm."""

import base64
import json
import uuid

import pytest

from tests.api.http.bad_input import AREAS, INCIDENTS, JSON, assert_refused, point
from tests.factories import create, incident, task, work

LONE = "a\ud800b"


def with_lone_surrogate(value):
    """Every variant of a JSON value in which one text or one name of a member has a lone surrogate."""
    if isinstance(value, str):
        yield value + LONE
    elif isinstance(value, list):
        for position, item in enumerate(value):
            for variant in with_lone_surrogate(item):
                yield [*value[:position], variant, *value[position + 1 :]]
    elif isinstance(value, dict):
        yield {**value, LONE: 1}
        for name, item in value.items():
            yield {LONE if member == name else member: content for member, content in value.items()}
            for variant in with_lone_surrogate(item):
                yield {**value, name: variant}


BODIES = {
    INCIDENTS: {
        "type": "Feature",
        "properties": {"category": "drainage", "description": "x", "level": "internal"},
        "place": {"text": "147/6", "border": "VN-KH", "near": "147/6"},
        "geometry": None,
        "reason": "x",
    },
    AREAS: {"name": "x", "kind": "belt", "geometry": {**point(105.95, 11.69), "note": "x"}},
    "/ogc/collections/tasks/items": {"title": "x", "coordinating_units": ["x", "y"], "due_on": "2030-12-31"},
    "/ogc/collections/tasks/items/{task}/moves": {"to": "assigned", "reason": "x"},
    "/ogc/collections/tasks/items/{task}/links": {"at": "147/6", "border": "VN-KH", "role": "site", "reason": "x"},
    "/ogc/collections/gates/items/{gate}/events": {"kind": "note", "on": "2026-01-05", "document": "x", "note": "x"},
    "/ogc/collections/works/items/{work}/steps": {"code": "notice", "on": "2026-01-05", "document": "x", "note": "x"},
    "/api/bulk": {
        "layer": "tasks", "rows": [{"id": str(uuid.UUID(int=1)), "version": 1}], "mode": "check", "reason": "x",
        "properties": {"title": "x", "coordinating_units": ["x", "y"]},
    },
    "/api/releases": {
        "name": "x", "recipient": "y", "basis": "z", "note": "n", "document": str(uuid.UUID(int=1)),
        "valid_from": "2026-01-01",
        "parts": [
            {
                "layer": "markers", "fields": ["number", "border"], "decimals": 5,
                "filter": {"number": ["1", "2"], "q": "x", "filter": "number = '1'", "near": "147/6,1km"},
            }
        ],
    },
    "/signin": {"name": "x", "password": "y", "code": "z"},
    "/signin/password": {"invitation": "x", "password": "y"},
}  # fmt: skip


@pytest.fixture(scope="module")
def ids(client):
    return {
        "task": task(client)["id"],
        "gate": create(client, "gates", name="Cửa khẩu thử", border="VN-KH")["id"],
        "work": work(client)["id"],
    }


@pytest.mark.parametrize("path", BODIES)
def test_lone_surrogate_anywhere_in_a_body_is_no_fault(path, client, ids):
    """It is refused, except in a foreign member of GeoJSON (RFC 7946, 6.1), which is ignored."""
    refused = 0
    for body in with_lone_surrogate(BODIES[path]):
        answer = client.post(path.format(**ids), content=json.dumps(body), headers=JSON)
        is_geojson = path in (INCIDENTS, AREAS)
        assert 400 <= answer.status_code < 500 or (answer.status_code == 201 and is_geojson), (body, answer.text)
        assert "ud800" not in answer.text
        refused += answer.status_code >= 400
    assert refused > 3


@pytest.mark.parametrize("layer", ["markers", "works"])
def test_lone_surrogate_in_a_cursor_is_refused(layer, client):
    for key in (["VN-KH", LONE, str(uuid.uuid4())], [LONE, None, str(uuid.uuid4())], ["VN-KH", "1", LONE], [LONE]):
        cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
        assert_refused(client.get(f"/ogc/collections/{layer}/items", params={"after": cursor}), 400)
        assert_refused(client.get("/api/changes", params={"after": cursor}), 400)


def test_lone_surrogate_in_a_cql2_json_filter_is_refused(client):
    for arguments in ([{"property": "number"}, LONE], [{"property": LONE}, "1"]):
        tree = json.dumps({"op": "=", "args": arguments})
        parameters = {"filter": tree, "filter-lang": "cql2-json"}
        assert_refused(client.get("/ogc/collections/markers/items", params=parameters), 400)


def test_ignored_member_with_a_lone_surrogate_is_not_stored(client):
    created = incident(client)
    body = json.dumps({"category": "drainage", LONE: 1})
    answer = client.patch(f"{INCIDENTS}/{created['id']}", content=body, headers={**JSON, "If-Match": created["etag"]})
    assert_refused(answer, 422)
