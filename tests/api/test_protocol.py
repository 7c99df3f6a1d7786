"""Clients that know only the standards: GDAL, OWSLib, and a fuzzer that reads the OpenAPI document."""

import json
import socket
import subprocess

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings as hypothesis_settings, strategies as st
from owslib.ogcapi.features import Features

from gis.layer import catalog

EXAMPLES = 2


@pytest.mark.parametrize("layer", ["markers", "gates", "lines"])
def test_gdal_reads_a_collection_as_a_layer(layer, site, client):
    done = subprocess.run(
        ["ogrinfo", "-ro", "-so", f"OAPIF:{site}/ogc", layer], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert f"Layer name: {layer}" in done.stdout
    for column in ("border", "level", "position_source"):
        assert f"{column}: String" in done.stdout


def test_gdal_follows_the_pages_to_the_end(site, client, tmp_path):
    target = tmp_path / "markers.csv"
    done = subprocess.run(
        ["ogr2ogr", "-f", "CSV", str(target), f"OAPIF:{site}/ogc", "markers", "-oo", "PAGE_SIZE=500",
         "-select", "number"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole = client.get("/ogc/collections/markers/items", params={"limit": 10000}).json()["numberReturned"]
    assert len(target.read_text("utf-8").splitlines()) == whole + 1


def test_owslib_finds_the_collections_and_their_items(site):
    service = Features(f"{site}/ogc")
    assert service.feature_collections() == list(catalog)
    page = service.collection_items("gates", limit=3)
    assert len(page["features"]) == 3
    one = service.collection_item("gates", page["features"][0]["id"])
    assert one["id"] == page["features"][0]["id"]


def test_a_fuzzer_that_reads_the_description_finds_no_fault(site):
    operations = [found.ok() for found in schemathesis.openapi.from_url(f"{site}/ogc/api").get_all_operations()]
    assert len(operations) > 15
    faults = [fault for operation in operations for fault in faults_of(operation)]
    assert faults == []


def faults_of(operation):
    faults = []

    @given(case=operation.as_strategy())
    @hypothesis_settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def knock(case):
        answer = case.call(timeout=20)
        if answer.status_code >= 500:
            faults.append((operation.method, operation.path, case.as_curl_command()))

    knock()
    return faults


@pytest.mark.usefixtures("site")
@given(path=st.text(max_size=12), name=st.text(max_size=8), value=st.text(max_size=12))
@hypothesis_settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_nothing_typed_into_an_address_is_a_fault(client, path, name, value):
    for url in ("/api/locate", "/ogc/collections/markers/items", f"/ogc/collections/{path}", "/works"):
        try:
            answer = client.get(url, params={name: value, "q": value})
        except (UnicodeEncodeError, httpx.InvalidURL):
            continue
        assert answer.status_code < 500, (url, name, value)


@pytest.mark.parametrize("said", [b"\x16\x03\x01\x02\x00\x01", b"HELLO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_is_refused_in_the_same_form(said, site):
    host, port = site.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(said)
        heard = b"".join(iter(lambda: wire.recv(65536), b""))
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["type"] == "urn:cotmoc:refusal:malformed"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ogc/collections/markers/items?limit=2",
        "/ogc/collections/markers/tiles/WebMercatorQuad/5/15/25",
        "/api/export/markers",
        "/healthz",
        "/static/cotmoc.css",
    ],
)
def test_head_tells_what_get_would_say_without_saying_it(path, client):
    asked, told = client.get(path), client.head(path)
    assert (told.status_code, told.content) == (200, b"")
    assert told.headers["content-type"] == asked.headers["content-type"]
    assert set(told.headers) == set(asked.headers) - {"transfer-encoding"}


def test_head_of_what_is_not_there_is_as_get_would_refuse_it(client):
    told = client.head("/ogc/collections/nothing/items")
    assert (told.status_code, told.content) == (404, b"")
    assert client.head("/ogc/collections/markers/items?colour=red").status_code == 400


def test_the_head_and_the_body_of_an_answer_come_together(site):
    """Whoever reads is woken once, and a second request on the same connection is answered too."""
    host, port = site.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        for _ in range(2):
            wire.sendall(f"GET /ogc/conformance HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            head, _, body = wire.recv(1 << 16).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert body.rstrip().endswith(b"}")
