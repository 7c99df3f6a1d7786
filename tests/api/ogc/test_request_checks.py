"""Checks before a write: Host, origin, media type and method; and refusals in both languages."""

import json

import pytest

from gis.model.layer import catalog
from layers.policy import OFFICE
from tests.api.ogc.writes import ITEMS, assert_refused, url_of
from tests.factories import incident, put


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:1", "127.0.0.1.evil.example", ""])
def test_only_the_host_header_of_the_server_is_accepted(host, client, settings):
    answer = client.get("/ogc", headers={"Host": host})
    assert answer.status_code == (200 if host == "localhost" else 400)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://localhost"])
def test_cross_site_write_is_refused(origin, client):
    body = {"category": "drainage", "place": {"text": "147/6"}}
    assert_refused(client.post(ITEMS.format("incidents"), json=body, headers={"Origin": origin}), 403)
    assert_refused(client.post(ITEMS.format("incidents"), json=body, headers={"Sec-Fetch-Site": "cross-site"}), 403)


def test_same_origin_write_is_accepted(client, site_url):
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
def test_write_with_another_media_type_gets_415(kind, client):
    body = json.dumps({"category": "drainage", "place": {"text": "147/6"}})
    assert_refused(client.post(ITEMS.format("incidents"), content=body, headers={"Content-Type": kind}), 415)


def test_unsupported_method_and_method_override_are_refused(client):
    answer = client.request("POST", "/api/locate?q=96", json={})
    assert answer.status_code == 405
    created = incident(client)
    overridden = client.post(url_of("incidents", created), json={}, headers={"X-HTTP-Method-Override": "DELETE"})
    assert overridden.status_code == 405
    assert client.get(url_of("incidents", created)).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_request_without_a_route_is_refused_before_its_body(method, client):
    """Without a body and a media type: 405 with the allowed methods, or 404."""
    answer = client.request(method, "/ogc/conformance")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert client.request(method, "/ogc/nowhere").status_code == 404


def test_refusals_differ_in_language_but_not_in_fields_and_codes(client):
    vi = client.post(ITEMS.format("incidents") + "?lang=vi", json={}).json()
    en = client.post(ITEMS.format("incidents") + "?lang=en", json={}).json()
    assert vi["title"] != en["title"]
    assert [(error["field"], error["code"]) for error in vi["errors"]] == [
        (error["field"], error["code"]) for error in en["errors"]
    ]


def test_retired_feature_is_refused_like_an_unknown_one(client, database):
    with database.transaction(OFFICE, write=True) as session:
        created = put(session, catalog["areas"])
    tag = client.get(url_of("areas", {"id": created.id})).headers["etag"]
    client.delete(url_of("areas", {"id": created.id}), headers={"If-Match": tag})
    retired = client.get(url_of("areas", {"id": created.id})).json()
    unknown = client.get(url_of("areas", {"id": "00000000-0000-4000-8000-000000000000"})).json()
    assert retired == unknown
