"""Conformance of create, replace, update and delete (OGC API Features, Part 4)."""

import json
import re

import pytest

from gis.model.layer import catalog
from tests.api.ogc.documents import COLLECTIONS, GEOJSON, INCIDENTS, MARKERS, ids
from tests.factories import POINT, create, incident, minimal_body


@pytest.mark.requirement("ogcapi-features-4/1.0/create-replace-delete", "methods")
@pytest.mark.requirement("ogcapi-features-4/1.0/update", "methods accept-patch")
def test_options_lists_the_methods(client):
    """/req/create-replace-delete/methods: OPTIONS lists them; border lines are loaded and cannot be edited."""
    marker = ids(client)[0]
    assert client.options(MARKERS).headers["allow"] == "GET, HEAD, POST, OPTIONS"
    allowed = client.options(f"{MARKERS}/{marker}")
    assert allowed.headers["allow"] == "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
    assert "application/merge-patch+json" in allowed.headers["accept-patch"]
    assert client.options(f"{COLLECTIONS}/lines/items").headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.delete(MARKERS).status_code == 405


@pytest.mark.requirement(
    "ogcapi-features-4/1.0/create-replace-delete", "insert-post-op insert-body insert-response insert-response-rid"
)
@pytest.mark.requirement(
    "ogcapi-features-4/1.0/create-replace-delete", "update-put-op update-put-body update-put-response update-put-rid"
)
@pytest.mark.requirement("ogcapi-features-4/1.0/create-replace-delete", "update-put-rid-exception")
@pytest.mark.requirement("ogcapi-features-4/1.0/create-replace-delete", "delete-op delete-response")
@pytest.mark.requirement("ogcapi-features-4/1.0/features", "resources-endpoint resource-endpoint")
def test_feature_is_created_replaced_and_deleted(client):
    """/req/create-replace-delete/insert-post-op, -body, -response, -response-rid, update-put-op, delete-op."""
    feature = {"type": "Feature", "geometry": POINT, "properties": {"category": "drainage"}}
    created = client.post(INCIDENTS, json=feature, headers={"Content-Type": GEOJSON})
    assert created.status_code == 201
    url = created.headers["location"]
    read = client.get(url)
    assert read.json()["id"] == created.json()["id"]
    body = {"type": "Feature", "geometry": POINT, "properties": {"category": "rockfall", "description": "mới"}}
    body["properties"]["category"] = next(
        code.value for code in catalog["incidents"].fields["category"].codes if code.value != "drainage"
    )
    replaced = client.put(url, json=body, headers={"If-Match": read.headers["etag"], "Content-Type": GEOJSON})
    assert replaced.status_code == 200, replaced.text
    assert replaced.json()["id"] == created.json()["id"]
    assert replaced.json()["properties"]["description"] == "mới"
    assert client.delete(url, headers={"If-Match": replaced.headers["etag"]}).status_code == 204
    assert client.get(url).status_code == 404
    again = client.put(url, json=body, headers={"If-Match": replaced.headers["etag"]})
    assert again.status_code == 404


@pytest.mark.requirement("ogcapi-features-4/1.0/update", "patch-op body response rid")
@pytest.mark.requirement("ogcapi-features-4/1.0/features", "update-json-merge-patch")
def test_merge_patch_keeps_missing_properties_and_null_empties_one(client):
    """/req/update/patch-op, /req/features/update-json-merge-patch: missing properties stay, null empties one."""
    created = incident(client, description="cũ", severity="high")
    headers = {"If-Match": created["etag"], "Content-Type": "application/merge-patch+json"}
    answer = client.patch(f"{INCIDENTS}/{created['id']}", content=json.dumps({"description": None}), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["properties"]["description"] is None
    assert answer.json()["properties"]["severity"] == "high"
    assert answer.json()["geometry"] == created["geometry"]


@pytest.mark.requirement(
    "ogcapi-features-4/1.0/optimistic-locking-etags",
    "etag-get-response etag-put-response etag-patch-response ifmatch-missing",
)
@pytest.mark.requirement(
    "ogcapi-features-4/1.0/optimistic-locking-etags",
    "ifmatch-put-op ifmatch-put-eval ifmatch-patch-op ifmatch-patch-eval ifmatch-delete-op ifmatch-delete-eval",
)
def test_writes_need_the_current_etag_in_if_match(client):
    """/req/optimistic-locking-etags: strong ETags; 428 without, 412 with an old one, 304 if current."""
    created = incident(client)
    url = f"{INCIDENTS}/{created['id']}"
    tag = client.get(url).headers["etag"]
    assert re.fullmatch(r'"\d+-[0-9a-f]{16}"', tag)
    assert tag == created["etag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    for call in (client.put, client.patch):
        assert call(url, json={"category": "drainage"}).status_code == 428
    assert client.request("DELETE", url).status_code == 428
    changed = client.patch(url, json={"description": "x"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    for call in (client.patch, client.put):
        assert call(url, json={"category": "drainage"}, headers={"If-Match": tag}).status_code == 412
    assert client.delete(url, headers={"If-Match": tag}).status_code == 412
    assert client.delete(url, headers={"If-Match": f"W/{changed.headers['etag']}"}).status_code == 412
    several = client.patch(
        url, json={"description": "y"}, headers={"If-Match": f'"other", {changed.headers["etag"]}, {tag}'}
    )
    assert several.status_code == 200
    assert client.delete(url, headers={"If-Match": f"{tag}, {changed.headers['etag']}"}).status_code == 412
    headers = [("If-Match", tag), ("If-Match", several.headers["etag"])]
    assert client.delete(url, headers=headers).status_code == 204


@pytest.mark.requirement("ogcapi-features-4/1.0/features", "geojson-create-replace schema")
@pytest.mark.parametrize("layer", [name for name, definition in catalog.items() if definition.editable])
def test_put_of_a_read_feature_changes_nothing(layer, client):
    """/req/features/geojson-create-replace: a PUT of the response of GET changes nothing, also if repeated."""
    created = create(client, layer, **minimal_body(catalog[layer], source="thử"))
    url = f"{COLLECTIONS}/{layer}/items/{created['id']}"
    for _ in range(2):
        read = client.get(url)
        answer = client.put(
            url, content=read.content, headers={"If-Match": read.headers["etag"], "Content-Type": GEOJSON}
        )
        assert answer.status_code == 200, answer.text
        before, after = read.json(), answer.json()
        automatic = {"version", "updated_at"}
        assert {key: value for key, value in after["properties"].items() if key not in automatic} == {
            key: value for key, value in before["properties"].items() if key not in automatic
        }
        assert after["geometry"] == before["geometry"]


def test_put_cannot_change_the_status(client):
    """A PUT may contain the current status; another one is refused, since a status changes by transitions only."""
    created = incident(client)
    url = f"{INCIDENTS}/{created['id']}"
    read = client.get(url)
    body = read.json()
    body["properties"]["handling"] = "closed"
    answer = client.put(url, json=body, headers={"If-Match": read.headers["etag"]})
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("handling", "status_by_move")]
    assert client.get(url).headers["etag"] == read.headers["etag"]
