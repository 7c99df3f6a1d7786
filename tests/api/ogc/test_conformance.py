"""Conformance to OGC API Features, Part 1 (core and geojson)."""

import re
from itertools import pairwise

import pytest

from api.http import query
from gis.model.layer import catalog
from tests.api.ogc.documents import (
    COLLECTIONS,
    EPSG,
    GEOJSON,
    INCIDENTS,
    MARKERS,
    OGC,
    get_json,
    get_problem,
    href,
    ids,
)
from tests.factories import create, incident, minimal_body


@pytest.mark.requirement("ogcapi-common-1/1.0/core", "root-op root-success conformance-op conformance-success")
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "root-op root-success conformance-op conformance-success")
def test_links_of_the_landing_page_answer_200(client):
    """/req/core/root-success, /req/core/conformance-success."""
    landing = get_json(client, OGC)
    for rel in ("self", "alternate", "service-desc", "service-doc", "conformance", "data"):
        assert client.get(href(landing, rel)).status_code == 200, rel


@pytest.mark.requirement("ogcapi-common-1/1.0/json", "definition content")
@pytest.mark.requirement(
    "ogcapi-features-1/1.0/core",
    "fc-md-op fc-md-success fc-md-links fc-md-items fc-md-items-links fc-md-extent sfc-md-op sfc-md-success",
)
def test_collections_list_every_layer_with_links_and_extent(client):
    """/req/core/fc-md-success, fc-md-links, fc-md-items, fc-md-items-links, fc-md-extent, sfc-md-success."""
    document = get_json(client, COLLECTIONS)
    assert {link["rel"] for link in document["links"]} >= {"self", "alternate"}
    assert [collection["id"] for collection in document["collections"]] == list(catalog)
    for collection in document["collections"]:
        alone = get_json(client, f"{COLLECTIONS}/{collection['id']}")
        assert {key: alone[key] for key in alone if key != "links"} == {
            key: collection[key] for key in collection if key != "links"
        }
        items = next(link for link in collection["links"] if link["rel"] == "items")
        assert items["type"] == GEOJSON
        if "extent" in collection:
            west, south, east, north = collection["extent"]["spatial"]["bbox"][0]
            assert west <= east
            assert south <= north


@pytest.mark.requirement(
    "ogcapi-features-1/1.0/core",
    "fc-op fc-response fc-links fc-rel-type fc-timeStamp fc-numberMatched fc-numberReturned",
)
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "f-op f-success f-links")
@pytest.mark.parametrize("layer", list(catalog))
def test_items_have_links_counts_and_timestamp(layer, client):
    """/req/core/fc-response, fc-links, fc-rel-type, fc-timeStamp, fc-numberMatched, fc-numberReturned."""
    answer = client.get(f"{COLLECTIONS}/{layer}/items", params={"limit": 5})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == GEOJSON
    page = answer.json()
    assert page["type"] == "FeatureCollection"
    assert page["numberReturned"] == len(page["features"]) <= 5
    assert page.get("numberMatched", page["numberReturned"]) >= page["numberReturned"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", page["timeStamp"])
    assert {"self", "alternate", "collection"} <= {link["rel"] for link in page["links"]}
    assert all(link["type"] for link in page["links"])
    for feature in page["features"]:
        alone = get_json(client, f"{COLLECTIONS}/{layer}/items/{feature['id']}")
        assert {key: alone[key] for key in feature} == feature
        assert {link["rel"] for link in alone["links"]} >= {"self", "alternate", "collection"}


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-limit-definition fc-limit-response-1")
def test_limit_is_capped_at_the_maximum_and_invalid_ones_get_400(client, markers):
    """/req/core/fc-limit-definition, fc-limit-response-1: a greater limit becomes the maximum."""
    assert len(get_json(client, MARKERS)["features"]) == query.DEFAULT_LIMIT
    assert len(get_json(client, MARKERS, limit=7)["features"]) == 7
    for limit in ("10001", "1000000000", "9" * 60):
        assert len(get_json(client, MARKERS, limit=limit)["features"]) == min(len(markers), query.MAX_LIMIT)
    for invalid in ("0", "-1", "1.5", "1e9", "x"):
        get_problem(client, MARKERS, limit=invalid)


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-bbox-definition")
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-bbox-response")
def test_bbox_selects_the_features_inside(client, markers):
    """/req/core/fc-bbox-definition, fc-bbox-response."""
    box = (105.8, 11.0, 106.3, 11.9)
    inside = {
        marker["id"]
        for marker in markers
        if marker["geometry"]
        and box[0] <= marker["geometry"]["coordinates"][0] <= box[2]
        and box[1] <= marker["geometry"]["coordinates"][1] <= box[3]
    }
    assert inside
    assert set(ids(client, bbox=",".join(map(str, box)))) == inside
    assert set(ids(client, bbox=f"{box[0]},{box[1]},-100,{box[2]},{box[3]},9000")) == inside
    for invalid in ("1,2,3", "1,2,3,4,5", "a,b,c,d", "nan,1,2,3", "105,12,106,11", "1,2,3,400", "1_05,1,2,3"):
        get_problem(client, MARKERS, bbox=invalid)


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-bbox-response")
def test_bbox_may_cross_the_antimeridian(client, markers):
    """/req/core/fc-bbox-response: a box whose west is greater than its east crosses the antimeridian."""
    west = {marker["id"] for marker in markers if marker["geometry"] and marker["geometry"]["coordinates"][0] >= 106.5}
    assert west
    assert set(ids(client, bbox="106.5,-90,-170,90")) == west
    assert set(ids(client, bbox="-90,106.5,90,-170", **{"bbox-crs": EPSG.format(4326)})) == west
    assert set(ids(client, filter="S_INTERSECTS(geometry, BBOX(106.5, -90, -170, 90))")) == west
    placed = {marker["id"] for marker in markers if marker["geometry"]}
    assert set(ids(client, filter="S_DISJOINT(geometry, BBOX(106.5, -90, -170, 90))")) == placed - west
    assert set(ids(client, bbox="107,-10,-170,90")) < west
    for invalid in ("170,-10,106.5,90", "106,11,105,12", "-170,-90,-175,90"):
        get_problem(client, MARKERS, bbox=invalid)
    get_problem(client, MARKERS, bbox="700000,1200000,600000,1300000", **{"bbox-crs": EPSG.format(32648)})


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-bbox-response")
def test_features_without_geometry_match_every_bbox(client):
    """/req/core/fc-bbox-response: a feature without a geometry matches every box."""
    create(client, "documents", **minimal_body(catalog["documents"]))
    documents = f"{COLLECTIONS}/documents/items"
    assert ids(client, documents, bbox="0,0,1,1") == ids(client, documents) != []


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-time-definition fc-time-response")
def test_datetime_selects_by_instant_and_interval(client):
    """/req/core/fc-time-definition, fc-time-response."""
    for day in ("2026-01-10", "2026-01-11", "2026-01-12"):
        incident(client, occurred_at=f"{day}T23:30:00+07:00", description="theo ngày")
    mine = {"q": "theo ngày"}
    for when, number in (
        ("2026-01-11", 1),
        ("2026-01-11T16:30:00Z", 1),
        ("2026-01-10/2026-01-11", 2),
        ("../2026-01-10", 1),
        ("2026-01-11/..", 2),
        ("2026-01-11T16:30:01Z/..", 1),
        ("../..", 3),
        ("2026-01-11t16:30:00z", 1),
        ("2026-01-11T23:30:00", 1),
        ("/2026-01-10", 1),
    ):
        assert len(ids(client, INCIDENTS, datetime=when, **mine)) == number, when
    for invalid in ("x", "2026-13-01", "2026-01-12/2026-01-11", "2026-02-30", "2026-W02", "20260111", "2026-01"):
        get_problem(client, INCIDENTS, datetime=invalid)
    for invalid in ("2026-W02", "20260111"):
        get_problem(client, INCIDENTS, occurred_at=invalid)
        get_problem(client, INCIDENTS, as_of=invalid)


@pytest.mark.requirement("ogcapi-common-1/1.0/core", "http query-param-invalid query-param-unknown")
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "http query-param-unknown query-param-invalid")
def test_unknown_and_invalid_parameters_get_400_on_every_resource(client):
    """/req/core/query-param-unknown, query-param-invalid: on every resource."""
    for path in (OGC, f"{OGC}/conformance", f"{OGC}/api", COLLECTIONS, f"{COLLECTIONS}/markers", MARKERS):
        get_problem(client, path, nonsense="1")
        assert "json, html" in get_problem(client, path, f="xml", lang="en")["detail"]
    feature_id = ids(client)[0]
    get_problem(client, f"{MARKERS}/{feature_id}", bbox="1,2,3,4")


@pytest.mark.requirement("ogcapi-features-1/1.0/geojson", "definition content")
def test_geojson_has_no_crs_and_counterclockwise_rings(client, markers):
    """/req/geojson/definition, /req/geojson/content: RFC 7946, with no CRS of its own and rings counter-clockwise."""
    assert all(set(marker) == {"type", "id", "geometry", "properties"} for marker in markers)
    assert "crs" not in get_json(client, MARKERS)
    area = create(client, "areas", **minimal_body(catalog["areas"]))
    ring = area["geometry"]["coordinates"][0]
    assert sum((x2 - x1) * (y2 + y1) for (x1, y1), (x2, y2) in pairwise(ring)) < 0
