"""HTTP as clients use it: GDAL, OWSLib, a fuzzer, HEAD, content negotiation, conditional requests and tiles."""

import json
import socket
import subprocess

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings as hypothesis_settings, strategies as st
from owslib.ogcapi.features import Features

from gis.model.layer import catalog

EXAMPLES = 2


@pytest.mark.parametrize("layer", ["markers", "gates", "lines"])
def test_gdal_reads_a_collection_as_a_layer(layer, site_url, client):
    done = subprocess.run(
        ["ogrinfo", "-ro", "-so", f"OAPIF:{site_url}/ogc", layer],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert f"Layer name: {layer}" in done.stdout
    for column in ("border", "level", "position_source"):
        assert f"{column}: String" in done.stdout


def test_gdal_reads_all_pages(site_url, client, tmp_path):
    target = tmp_path / "markers.csv"
    done = subprocess.run(
        ["ogr2ogr", "-f", "CSV", str(target), f"OAPIF:{site_url}/ogc", "markers", "-oo", "PAGE_SIZE=500",
         "-select", "number"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole = client.get("/ogc/collections/markers/items", params={"limit": 10000}).json()["numberReturned"]
    assert len(target.read_text("utf-8").splitlines()) == whole + 1


def test_owslib_reads_collections_and_items(site_url):
    service = Features(f"{site_url}/ogc")
    assert service.feature_collections() == list(catalog)
    page = service.collection_items("gates", limit=3)
    assert len(page["features"]) == 3
    feature = service.collection_item("gates", page["features"][0]["id"])
    assert feature["id"] == page["features"][0]["id"]


def test_fuzzing_the_openapi_operations_gives_no_5xx(site_url):
    operations = [result.ok() for result in schemathesis.openapi.from_url(f"{site_url}/ogc/api").get_all_operations()]
    assert len(operations) > 15
    failures = [failure for operation in operations for failure in failures_of(operation)]
    assert failures == []


def failures_of(operation):
    """Fuzz an operation; its requests that were answered with 5xx."""
    failures = []

    @given(case=operation.as_strategy())
    @hypothesis_settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def call(case):
        answer = case.call(timeout=20)
        if answer.status_code >= 500:
            failures.append((operation.method, operation.path, case.as_curl_command()))

    call()
    return failures


@pytest.mark.usefixtures("site_url")
@given(path=st.text(max_size=12), name=st.text(max_size=8), value=st.text(max_size=12))
@hypothesis_settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_arbitrary_paths_and_parameters_give_no_5xx(client, path, name, value):
    for url in ("/api/locate", "/ogc/collections/markers/items", f"/ogc/collections/{path}", "/works"):
        try:
            answer = client.get(url, params={name: value, "q": value})
        except (UnicodeEncodeError, httpx.InvalidURL):
            continue
        assert answer.status_code < 500, (url, name, value)


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01", b"HELLO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_invalid_http_is_refused_with_problem_details(data, site_url):
    host, port = site_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(data)
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = response.partition(b"\r\n\r\n")
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
        "/static/core/base.css",
    ],
)
def test_head_has_the_headers_of_get_and_no_body(path, client):
    get, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert set(head.headers) == set(get.headers) - {"transfer-encoding"}


def test_head_is_refused_with_the_status_of_get(client):
    head = client.head("/ogc/collections/nothing/items")
    assert (head.status_code, head.content) == (404, b"")
    assert client.head("/ogc/collections/markers/items?colour=red").status_code == 400


def test_response_header_and_body_arrive_in_one_segment(site_url):
    """One ``recv`` has the whole response, also for a second request on the same connection."""
    host, port = site_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for _ in range(2):
            connection.sendall(f"GET /ogc/conformance HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert body.rstrip().endswith(b"}")


# Rare but valid requests.

MARKERS = "/ogc/collections/markers/items"
TILE = "/ogc/collections/markers/tiles/WebMercatorQuad/5/15/25"


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [
        ("text/html;q=0.5, */*;q=0.8", "json"),
        ("text/html;q=0.5, application/*;q=0.8", "json"),
        ("application/json;q=0.2, text/html;q=0.3", "html"),
        ("text/*", "html"),
        ("*/*, text/html;q=0", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),
        ('application/json;profile="x,y", text/html;q=0.1', "json"),
        ("application/xml", "json"),
        ("text/plain, */*", "json"),
        ("text/html;q=nan", "json"),
    ],
)
def test_accept_selects_the_preferred_media_type(accepted, kind, client):
    """RFC 9110, 12.5.1: the most specific media range counts; without an acceptable type the response is JSON."""
    answer = client.get(MARKERS, params={"limit": 1}, headers={"Accept": accepted})
    assert answer.status_code == 200
    assert kind in answer.headers["content-type"]


@pytest.mark.parametrize(
    "query",
    [
        "created_at=2026-11-21T00:00:00+07:00",
        "as_of=2030-01-01T00:00:00+07:00",
        "filter=created_at>TIMESTAMP('2020-01-01T00:00:00+07:00')",
        "datetime=2020-01-01T00:00:00+07:00/..",
        "datetime=2020-01-01T/..",
        "crs=[EPSG:9210]",
        "crs=https://www.opengis.net/def/crs/OGC/0/CRS84",
        "bbox=11,105.5,12,106.5&bbox-crs=[EPSG:4326]&crs=EPSG:9210",
        "properties=geometry",
        "%6Cimit=1&",
        "kind=main&kind=sub",
    ],
)
def test_rare_but_valid_queries_get_200(query, client):
    """Also with an unescaped plus sign, which is decoded as a space."""
    assert client.get(f"{MARKERS}?{query}").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "datetime=..",
        "datetime=2020-01-01/2021-01-01/2022-01-01",
        "limit=1&limit=2",
        "bbox=105,11,106,12&bbox=1,1,2,2",
        "filter=true&filter=false",
        "limit=1;kind=main",
        "KIND=main",
        "f=geojson",
    ],
)
def test_invalid_repeated_and_unknown_parameters_get_400(query, client):
    answer = client.get(f"{MARKERS}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_properties_may_select_only_the_geometry(client):
    (feature,) = client.get(MARKERS, params={"properties": "geometry", "limit": 1}).json()["features"]
    assert feature["properties"] == {}
    assert feature["geometry"] is not None
    for f in ("gpkg", "csv", "kml", "parquet"):
        assert client.get("/api/export/gates", params={"f": f, "properties": "geometry"}).status_code == 200


@pytest.mark.parametrize("url", [TILE, MARKERS, "/signin/password"])
def test_if_none_match_gives_304(url, client):
    if url == MARKERS:
        url = f"{MARKERS}/{client.get(MARKERS, params={'limit': 1}).json()['features'][0]['id']}"
    tag = client.get(url).headers["etag"]
    for if_none_match in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(url, headers={"If-None-Match": if_none_match})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), if_none_match
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_405_lists_the_allowed_methods(client):
    for method, url, allowed in (
        ("PUT", MARKERS, "GET, HEAD, OPTIONS, POST"),
        ("DELETE", TILE, "GET, HEAD"),
        ("OPTIONS", "/ogc", "GET, HEAD"),
    ):
        answer = client.request(method, url, json={} if method == "PUT" else None)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_responses_to_other_origins_have_no_cors_headers(client):
    elsewhere = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for answer in (client.get(MARKERS, headers=elsewhere), client.options(MARKERS, headers=elsewhere)):
        assert answer.is_success
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("5/15/25", "f=mvt", 200),
        ("5/15/25", "datetime=2020-01-01/..", 200),
        ("5/15/25", "f=html", 400),
        ("5/15/25", "collections=markers", 400),
        ("5/15/25", "properties=number", 400),
        ("5/15/25.mvt", "", 404),
        ("5.0/15/25", "", 404),
        ("tilejson.json", "f=json&kind=main", 200),
        ("tilejson.json", "f=html", 400),
        ("", "f=json", 200),
        ("", "nonsense=1", 400),
    ],
)
def test_tiles_accept_their_parameters_and_refuse_others(path, query, status, client):
    url = f"/ogc/collections/markers/tiles/WebMercatorQuad/{path}".rstrip("/")
    assert client.get(f"{url}?{query}").status_code == status


def test_tilejson_template_keeps_only_the_filters(client):
    answer = client.get("/ogc/collections/markers/tiles/WebMercatorQuad/tilejson.json?f=json&kind=main&lang=en")
    assert answer.json()["tiles"][0].endswith("/{z}/{y}/{x}?kind=main")
