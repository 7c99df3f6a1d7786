"""Every conformance class that is declared, by requirement, over HTTP; each docstring names its own."""

import datetime as dt
import json
import random
import re
import time
from itertools import pairwise
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator
from schemathesis import openapi as schemathesis

from api.http import parameters as params
from api.ogc import items as features, openapi as description, schemas, tiles, write
from api.rest import basemap, export, layers as cards, locate
from gis.crs.systems import CRS, OUTPUT_CRS, WGS84, from_wgs84
from gis.model.fields import Level
from gis.model.layer import catalog
from gis.write.validation import writable_fields
from layers.incidents import Severity
from tests.factories import POINT, create, incident, minimal_body, patch

OGC = "/ogc"
COLLECTIONS = f"{OGC}/collections"
INCIDENTS, MARKERS = f"{COLLECTIONS}/incidents/items", f"{COLLECTIONS}/markers/items"
GEOJSON = "application/geo+json"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/{}"


def asked(client, url, **parameters):
    """A document that has to be there."""
    answer = client.get(url, params=parameters or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client, url, **parameters):
    """A request that has to be refused as malformed."""
    answer = client.get(url, params=parameters)
    assert answer.status_code == 400, (parameters, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


def href(document, rel):
    """Where a document's link leads, in JSON."""
    found = [one for one in document["links"] if one["rel"] == rel]
    assert found, (rel, document["links"])
    return found[0]["href"]


def ids(client, url=MARKERS, **parameters):
    """The ids of all features that match, page by page."""
    page = asked(client, url, **{"limit": 10000, **parameters})
    assert not [one for one in page["links"] if one["rel"] == "next"]
    return [one["id"] for one in page["features"]]


@pytest.fixture(scope="module")
def markers(client):
    """Every marker as it is read."""
    return asked(client, MARKERS, limit=10000)["features"]


# Part 1, core, geojson, oas30 and html.


@pytest.mark.requirement("ogcapi-common-1/1.0/core", "root-op root-success conformance-op conformance-success")
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "root-op root-success conformance-op conformance-success")
def test_core_root_and_conformance(client):
    """/req/core/root-success, /req/core/conformance-success."""
    landing = asked(client, OGC)
    for rel in ("self", "alternate", "service-desc", "service-doc", "conformance", "data"):
        assert client.get(href(landing, rel)).status_code == 200, rel


@pytest.mark.requirement("ogcapi-common-1/1.0/json", "definition content")
@pytest.mark.requirement(
    "ogcapi-features-1/1.0/core",
    "fc-md-op fc-md-success fc-md-links fc-md-items fc-md-items-links fc-md-extent sfc-md-op sfc-md-success",
)
def test_core_collections(client):
    """/req/core/fc-md-success, fc-md-links, fc-md-items, fc-md-items-links, fc-md-extent, sfc-md-success."""
    document = asked(client, COLLECTIONS)
    assert {one["rel"] for one in document["links"]} >= {"self", "alternate"}
    assert [one["id"] for one in document["collections"]] == list(catalog)
    for one in document["collections"]:
        alone = asked(client, f"{COLLECTIONS}/{one['id']}")
        assert {key: alone[key] for key in alone if key != "links"} == {key: one[key] for key in one if key != "links"}
        items = next(link for link in one["links"] if link["rel"] == "items")
        assert items["type"] == GEOJSON
        if "extent" in one:
            west, south, east, north = one["extent"]["spatial"]["bbox"][0]
            assert west <= east
            assert south <= north


@pytest.mark.requirement(
    "ogcapi-features-1/1.0/core",
    "fc-op fc-response fc-links fc-rel-type fc-timeStamp fc-numberMatched fc-numberReturned",
)
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "f-op f-success f-links")
@pytest.mark.parametrize("layer", list(catalog))
def test_core_items(layer, client):
    """/req/core/fc-response, fc-links, fc-rel-type, fc-timeStamp, fc-numberMatched, fc-numberReturned."""
    answer = client.get(f"{COLLECTIONS}/{layer}/items", params={"limit": 5})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == GEOJSON
    page = answer.json()
    assert page["type"] == "FeatureCollection"
    assert page["numberReturned"] == len(page["features"]) <= 5
    assert page.get("numberMatched", page["numberReturned"]) >= page["numberReturned"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", page["timeStamp"])
    assert {"self", "alternate", "collection"} <= {one["rel"] for one in page["links"]}
    assert all(one["type"] for one in page["links"])
    for one in page["features"]:
        alone = asked(client, f"{COLLECTIONS}/{layer}/items/{one['id']}")
        assert {key: alone[key] for key in one} == one
        assert {link["rel"] for link in alone["links"]} >= {"self", "alternate", "collection"}


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-limit-definition fc-limit-response-1")
def test_core_limit(client, markers):
    """/req/core/fc-limit-definition, fc-limit-response-1: more than the most is no error, it is the most."""
    assert len(asked(client, MARKERS)["features"]) == params.DEFAULT_LIMIT
    assert len(asked(client, MARKERS, limit=7)["features"]) == 7
    for much in ("10001", "1000000000", "9" * 60):
        assert len(asked(client, MARKERS, limit=much)["features"]) == min(len(markers), params.MAX_LIMIT)
    for wrong in ("0", "-1", "1.5", "1e9", "x"):
        refused(client, MARKERS, limit=wrong)


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-bbox-definition")
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-bbox-response")
def test_core_bbox(client, markers):
    """/req/core/fc-bbox-definition, fc-bbox-response."""
    box = (105.8, 11.0, 106.3, 11.9)
    inside = {
        one["id"]
        for one in markers
        if one["geometry"]
        and box[0] <= one["geometry"]["coordinates"][0] <= box[2]
        and box[1] <= one["geometry"]["coordinates"][1] <= box[3]
    }
    assert inside
    assert set(ids(client, bbox=",".join(map(str, box)))) == inside
    assert set(ids(client, bbox=f"{box[0]},{box[1]},-100,{box[2]},{box[3]},9000")) == inside
    for wrong in ("1,2,3", "1,2,3,4,5", "a,b,c,d", "nan,1,2,3", "105,12,106,11", "1,2,3,400", "1_05,1,2,3"):
        refused(client, MARKERS, bbox=wrong)


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-bbox-response")
def test_core_bbox_over_the_antimeridian(client, markers):
    """/req/core/fc-bbox-response: from the eastern hemisphere to the western a box reaches over the antimeridian."""
    west = {one["id"] for one in markers if one["geometry"] and one["geometry"]["coordinates"][0] >= 106.5}
    assert west
    assert set(ids(client, bbox="106.5,-90,-170,90")) == west
    assert set(ids(client, bbox="-90,106.5,90,-170", **{"bbox-crs": EPSG.format(4326)})) == west
    assert set(ids(client, filter="S_INTERSECTS(geometry, BBOX(106.5, -90, -170, 90))")) == west
    placed = {one["id"] for one in markers if one["geometry"]}
    assert set(ids(client, filter="S_DISJOINT(geometry, BBOX(106.5, -90, -170, 90))")) == placed - west
    assert set(ids(client, bbox="107,-10,-170,90")) < west
    for slip in ("170,-10,106.5,90", "106,11,105,12", "-170,-90,-175,90"):
        refused(client, MARKERS, bbox=slip)
    refused(client, MARKERS, bbox="700000,1200000,600000,1300000", **{"bbox-crs": EPSG.format(32648)})


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-bbox-response")
def test_core_bbox_of_what_stands_nowhere(client):
    """/req/core/fc-bbox-response: what is not associated with a geometry lies in every box."""
    create(client, "documents", **minimal_body(catalog["documents"]))
    documents = f"{COLLECTIONS}/documents/items"
    assert ids(client, documents, bbox="0,0,1,1") == ids(client, documents) != []


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "fc-time-definition fc-time-response")
def test_core_datetime(client):
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
    for wrong in ("x", "2026-13-01", "2026-01-12/2026-01-11", "2026-02-30", "2026-W02", "20260111", "2026-01"):
        refused(client, INCIDENTS, datetime=wrong)
    for wrong in ("2026-W02", "20260111"):
        refused(client, INCIDENTS, occurred_at=wrong)
        refused(client, INCIDENTS, as_of=wrong)


@pytest.mark.requirement("ogcapi-common-1/1.0/core", "http query-param-invalid query-param-unknown")
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "http query-param-unknown query-param-invalid")
def test_core_parameters(client):
    """/req/core/query-param-unknown, query-param-invalid: on every resource."""
    for path in (OGC, f"{OGC}/conformance", f"{OGC}/api", COLLECTIONS, f"{COLLECTIONS}/markers", MARKERS):
        refused(client, path, nonsense="1")
        assert "json, html" in refused(client, path, f="xml", lang="en")["detail"]
    one = ids(client)[0]
    refused(client, f"{MARKERS}/{one}", bbox="1,2,3,4")


@pytest.mark.requirement("ogcapi-features-1/1.0/geojson", "definition content")
def test_geojson_definition(client, markers):
    """/req/geojson/definition, /req/geojson/content: RFC 7946, with no CRS of its own and rings counter-clockwise."""
    assert all(set(one) == {"type", "id", "geometry", "properties"} for one in markers)
    assert "crs" not in asked(client, MARKERS)
    area = create(client, "areas", **minimal_body(catalog["areas"]))
    ring = area["geometry"]["coordinates"][0]
    assert sum((x2 - x1) * (y2 + y1) for (x1, y1), (x2, y2) in pairwise(ring)) < 0


@pytest.mark.requirement("ogcapi-common-1/1.0/core", "api-definition-op api-definition-success")
@pytest.mark.requirement("ogcapi-common-1/1.0/oas30", "oas-definition-1 oas-definition-2 oas-impl")
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "api-definition-op api-definition-success")
@pytest.mark.requirement("ogcapi-features-1/1.0/oas30", "oas-definition-1 oas-definition-2 oas-impl")
def test_oas30_definition(client, site_url):
    """/req/oas30/oas-definition-1 and -2, oas-impl: schemathesis reads it as OpenAPI 3.0, and it tells every door."""
    answer = client.get(href(asked(client, OGC), "service-desc"))
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    assert document["openapi"] == "3.0.3"
    assert list(document["paths"]["/api"]["get"]["responses"]["200"]["content"]) == [answer.headers["content-type"]]
    assert schemathesis.from_dict(document).statistic.operations.total > 300
    told = {
        (method.upper(), (path if path.startswith("/api/") else f"/ogc{path}".rstrip("/")))
        for path, methods in document["paths"].items()
        for method in methods
        if method != "servers"
    }
    for method, path in offered():
        assert (method, path) in told, (method, path)
    names = [
        one["operationId"] for methods in document["paths"].values() for one in methods.values() if "summary" in one
    ]
    assert len(names) == len(set(names))


def offered():
    """Every door under /ogc and /api, layer by layer."""
    for door in (features, schemas, description, tiles, write, locate, export, cards, basemap):
        for route in door.router.routes:
            if route.include_in_schema:
                for layer in catalog if "{layer}" in route.path else ("",):
                    for method in route.methods:
                        yield method, route.path.replace("{layer}", layer)


@pytest.mark.requirement("ogcapi-common-1/1.0/oas30", "completeness exceptions-codes security")
@pytest.mark.requirement("ogcapi-features-1/1.0/oas30", "completeness exceptions-codes security")
@pytest.mark.parametrize("layer", list(catalog))
def test_oas30_parameters_of_each_layer(layer, client):
    """/req/oas30/completeness: each layer's own properties as parameters, every refusal as a problem."""
    document = asked(client, f"{OGC}/api")
    listing = document["paths"][f"/collections/{layer}/items"]["get"]
    named = {one["name"] for one in listing["parameters"] if "name" in one}
    simple = {
        name for name, one in asked(client, f"{COLLECTIONS}/{layer}/queryables")["properties"].items() if "type" in one
    }
    assert named == simple
    for status in ("400", "403", "404", "422", "429", "503"):
        assert listing["responses"][status] == {"$ref": f"#/components/responses/{status}"}
        assert "application/problem+json" in document["components"]["responses"][status]["content"]


@pytest.mark.requirement("ogcapi-common-1/1.0/html", "definition content")
@pytest.mark.requirement("ogcapi-features-1/1.0/html", "definition")
@pytest.mark.parametrize("language", ["vi", "en"])
def test_html_content(language, client):
    """/req/html/definition, /req/html/content: every resource as a page, by ``f`` and by ``Accept``; ``f`` wins."""
    gate = asked(client, f"{COLLECTIONS}/gates/items", limit=1)["features"][0]
    pages = {
        OGC: "/ogc/collections",
        f"{OGC}/conformance": "ogcapi-features-1",
        f"{OGC}/api": "GET /collections/gates/items",
        COLLECTIONS: catalog["gates"].title.in_language(language),
        f"{COLLECTIONS}/gates": f"{COLLECTIONS}/gates/items",
        f"{COLLECTIONS}/gates/schema": catalog["gates"].fields["border"].title.in_language(language),
        f"{COLLECTIONS}/gates/items": gate["properties"]["name"],
        f"{COLLECTIONS}/gates/items/{gate['id']}": gate["properties"]["name"],
    }
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    for path, shown in pages.items():
        page = client.get(path, params={"f": "html", "lang": language})
        assert page.headers["content-type"] == "text/html; charset=utf-8", path
        assert shown in page.text, path
        assert f'<html lang="{language}">' in page.text
        assert client.get(path, params={"lang": language}, headers=browser).text.count("<h1>") == 1
        assert "json" in client.get(path, params={"f": "json"}, headers=browser).headers["content-type"]
        assert "json" in client.get(path, headers={"Accept": "*/*"}).headers["content-type"]
        assert "Accept" in client.get(path).headers["vary"]


@pytest.mark.requirement("ogcapi-features-1/1.0/html", "content")
def test_html_pages_lead_on(client):
    """/req/html/content: the page of a list has the link to the next."""
    page = client.get(f"{COLLECTIONS}/gates/items", params={"f": "html", "limit": 3}).text
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    assert "text/html" in client.get(following.group(1).replace("&amp;", "&")).headers["content-type"]


def test_html_shows_what_people_wrote_as_text(client):
    """Hostile words stay words."""
    hostile = incident(client, description="<script>alert(1)</script> {{ 7*7 }}")
    page = client.get(f"{INCIDENTS}/{hostile['id']}", params={"f": "html"}).text
    assert "<script>alert" not in page
    assert "{{ 7*7 }}" in page


# Part 2, CRS.


@pytest.mark.requirement(
    "ogcapi-features-2/1.0/crs",
    "crs-uri fc-md-crs-list fc-md-crs-list-global fc-md-storageCrs fc-md-storageCrs-valid-value",
)
def test_crs_of_collections(client):
    """/req/crs/crs-uri, fc-md-crs-list, fc-md-storageCrs, fc-md-storageCrs-valid-value."""
    for one in asked(client, COLLECTIONS)["collections"]:
        assert one["crs"][0] == one["storageCrs"] == "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
        assert EPSG.format(4326) in one["crs"]
        assert len(one["crs"]) == len(OUTPUT_CRS)


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "crs84")
@pytest.mark.requirement(
    "ogcapi-features-2/1.0/crs",
    "fc-crs-definition fc-crs-valid-defaultValue crs-action geojson ogc-crs-header ogc-crs-header-value",
)
@pytest.mark.parametrize("crs", OUTPUT_CRS, ids=lambda one: one.uri.rpartition("/")[2])
def test_crs_of_answers(crs, client, markers):
    """/req/crs/fc-crs-action, ogc-crs-header, ogc-crs-header-value, geojson: axes as the authority has them."""
    known = {one["id"]: one["geometry"]["coordinates"] for one in markers if one["geometry"]}
    answer = client.get(MARKERS, params={"crs": crs.uri, "limit": 40})
    assert answer.headers["content-crs"] == f"<{crs.uri}>"
    for one in answer.json()["features"]:
        if one["geometry"] is None:
            continue
        lon, lat = known[one["id"]]
        east, north = (lon, lat) if crs.epsg == WGS84 else from_wgs84(lon, lat, crs.epsg)
        expected = (north, east) if crs.latitude_first else (east, north)
        near = 2e-6 if crs.decimals == 6 else 0.2  # stored finer than what CRS84 shows
        assert one["geometry"]["coordinates"] == pytest.approx(expected, abs=near, rel=0)
        alone = client.get(f"{MARKERS}/{one['id']}", params={"crs": crs.uri})
        assert alone.headers["content-crs"] == f"<{crs.uri}>"
        assert alone.json()["geometry"] == one["geometry"]


@pytest.mark.requirement(
    "ogcapi-features-2/1.0/crs", "fc-bbox-crs-definition bbox-crs-action fc-bbox-crs-valid-defaultValue"
)
@pytest.mark.parametrize("name", [EPSG.format(4326), EPSG.format(9210), EPSG.format(32648), EPSG.format(3857)])
def test_crs_of_bbox(name, client):
    """/req/crs/fc-bbox-crs-definition, fc-bbox-crs-action: the box comes in the axes of its system."""
    crs = CRS.parse(name)
    corners = [(105.8, 11.0), (106.3, 11.9)]
    if crs.epsg != WGS84:
        corners = [from_wgs84(lon, lat, crs.epsg) for lon, lat in corners]
    box = [part for east, north in corners for part in ((north, east) if crs.latitude_first else (east, north))]
    found = set(ids(client, bbox=",".join(map(str, box)), **{"bbox-crs": name}))
    plain = set(ids(client, bbox="105.8,11.0,106.3,11.9"))
    assert len(found & plain) > 0.9 * len(plain) > 10  # a box of a projection is not one of degrees, but nearly


@pytest.mark.requirement("ogcapi-features-2/1.0/crs", "fc-bbox-crs-valid-value fc-crs-valid-value")
def test_crs_unknown(client):
    """/req/crs/fc-crs-valid-value, fc-bbox-crs-valid-value, and a box that lies nowhere."""
    for parameter in ("crs", "bbox-crs", "filter-crs"):
        for wrong in (EPSG.format(99999), "EPSG:abc", "x", "' or 1=1"):
            refused(client, MARKERS, bbox="105,11,106,12", filter="border='VN-KH'", **{parameter: wrong})
    for nowhere in ("1e300,1e300,2e300,2e300", "-9e9,-9e9,9e9,9e9", "nan,1,2,3"):
        refused(client, MARKERS, bbox=nowhere, **{"bbox-crs": EPSG.format(9210)})


# Part 3, queryables and filters. ``tests/gis/test_filters.py`` compares filters with Python row by row.


@pytest.mark.requirement(
    "ogcapi-features-3/1.0/queryables", "queryables-link get-queryables-op get-queryables-response"
)
@pytest.mark.requirement("ogcapi-features-3/1.0/features-filter", "queryables-link get-queryables-op")
@pytest.mark.requirement("ogcapi-features-5/1.0/schemas", "json-schema properties role property-seq unit")
@pytest.mark.requirement("ogcapi-features-8/1.0/sortables", "link get-sortables-op get-sortables-success")
@pytest.mark.parametrize("layer", list(catalog))
@pytest.mark.parametrize("name", ["schema", "queryables", "sortables"])
def test_schemas_json_schema(name, layer, client):
    """/req/queryables/get-queryables-response, /req/schemas/json-schema, properties, role, property-seq, unit."""
    collection = asked(client, f"{COLLECTIONS}/{layer}")
    url = href(collection, f"http://www.opengis.net/def/rel/ogc/1.0/{name}")
    answer = client.get(url, headers={"Accept": "application/schema+json"})
    assert answer.headers["content-type"] == "application/schema+json"
    found = answer.json()
    Draft202012Validator.check_schema(found)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["$id"] == url
    assert found["type"] == "object"
    assert found["additionalProperties"] is False
    for key, one in found["properties"].items():
        assert one["title"]
        assert ("type" in one) != one.get("format", "").startswith("geometry-"), key
        assert all(word.startswith("x-ogc-") for word in one if word.startswith("x-"))
    for role in ("id", "primary-geometry", "primary-instant"):
        assert sum(one.get("x-ogc-role") == role for one in found["properties"].values()) <= 1


@pytest.mark.requirement(
    "ogcapi-features-5/1.0/core-roles-features", "role-id role-primary-geometry role-primary-instant"
)
@pytest.mark.requirement("ogcapi-features-5/1.0/returnables-and-receivables", "link op response")
@pytest.mark.parametrize("layer", list(catalog))
def test_schema_says_what_comes_out_and_what_goes_in(layer, client):
    """/req/returnables-and-receivables/link, op, response; /req/core-roles-features/role-primary-geometry, -instant."""
    card = catalog[layer]
    found = asked(client, f"{COLLECTIONS}/{layer}/schema")["properties"]
    out = {name for name, one in found.items() if not one.get("writeOnly")} - {"geometry"}
    taken = {name for name, one in found.items() if not one.get("readOnly")} - {"geometry", "place"}
    assert taken == set(writable_fields(card))
    for feature in asked(client, f"{COLLECTIONS}/{layer}/items", limit=3)["features"]:
        assert set(feature["properties"]) == out
    assert ("geometry" in found) == card.has_geometry
    if card.status is not None:
        assert found[card.status.name]["readOnly"]
    if card.time is not None:
        assert found[card.time]["x-ogc-role"] == "primary-instant"


def test_the_words_of_a_list_stand_with_its_items(client):
    found = asked(client, f"{COLLECTIONS}/tasks/schema")["properties"]["missing_clears"]
    assert "person" in found["items"]["enum"]
    Draft202012Validator(found).validate(["person", "time"])
    assert not Draft202012Validator(found).is_valid(["nobody"])


def test_schema_is_told_in_the_readers_language(client):
    for language, title in (("vi", "Tình trạng"), ("en", "Condition")):
        found = asked(client, f"{COLLECTIONS}/markers/schema", lang=language)["properties"]["condition"]
        assert found["title"] == title
        assert "intact" in found["enum"]


@pytest.mark.parametrize("layer", list(catalog))
def test_nobody_is_told_of_what_they_may_not_know(layer):
    """A field above the reader's level is in no schema, no queryable, no sortable and no description."""
    card = catalog[layer]
    for reader in Level:
        hidden = set(card.fields) - set(card.readable_fields(reader))
        for told in (schemas.queryables, schemas.sortables):
            assert not hidden & set(told(card, reader, "vi"))
        out = {name for name, one in schemas.returnables(card, reader, "vi").items() if not one.get("writeOnly")}
        assert not hidden & out
    assert set(card.fields) - set(card.readable_fields(Level.PUBLIC)), "every layer has something to hide"


@pytest.mark.requirement("ogcapi-features-3/1.0/queryables-query-parameters", "parameters")
@pytest.mark.parametrize("layer", ["markers", "gates", "works", "tasks"])
def test_queryables_are_parameters(layer, client):
    """/req/queryables-query-parameters/parameters: each finds what has its value, as the same in CQL2 does."""
    url = f"{COLLECTIONS}/{layer}/items"
    feature = asked(client, url, limit=1)["features"][0]
    for name, one in asked(client, f"{COLLECTIONS}/{layer}/queryables")["properties"].items():
        value = feature["properties"].get(name)
        if value is None or one.get("type") not in ("string", "integer", "number", "boolean"):
            continue
        given = str(value).lower() if isinstance(value, bool) else str(value)
        literal = given if one["type"] != "string" else "'" + given.replace("'", "''") + "'"
        if one.get("format") == "uuid" or one.get("format") is None:
            assert ids(client, url, **{name: given}) == ids(client, url, filter=f'"{name}" = {literal}'), name
        assert feature["id"] in ids(client, url, **{name: given}), name


def test_an_identity_is_a_property_too(client):
    """``id`` filters, as a parameter and in CQL2, and may be chosen among the properties; the place always comes."""
    some = ids(client)[:3]
    assert set(ids(client, id=",".join(some))) == set(some)
    listed = ", ".join(f"'{one}'" for one in some)
    assert set(ids(client, filter=f"id IN ({listed})")) == set(some)
    assert ids(client, filter="id = 'foo'") == []
    refused(client, MARKERS, id="foo")
    for chosen, shown in (("id,number", ["id", "number"]), ("geometry,number", ["number"]), ("geometry", [])):
        feature = asked(client, MARKERS, properties=chosen, id=some[0])["features"][0]
        assert list(feature["properties"]) == shown
        assert set(feature) == {"type", "id", "geometry", "properties"}


@pytest.mark.requirement("ogcapi-features-3/1.0/filter", "filter-param filter-lang-param response")
@pytest.mark.requirement("ogcapi-features-3/1.0/features-filter", "filter-param filter-lang-param response")
def test_filter_parameters(client, markers):
    """/req/filter/filter-param, filter-lang-param, /req/features-filter/filter-param, response."""
    wanted = {one["id"] for one in markers if one["properties"]["border"] == "VN-KH"}
    text = {"filter": "border = 'VN-KH'"}
    in_json = {"filter": json.dumps({"op": "=", "args": [{"property": "border"}, "VN-KH"]}), "filter-lang": "cql2-json"}
    assert set(ids(client, **text)) == set(ids(client, **in_json)) == wanted
    assert set(ids(client, **text, **{"filter-lang": "cql2-text"})) == wanted
    refused(client, MARKERS, **text, **{"filter-lang": "cql"})
    refused(client, MARKERS, filter="border =")


@pytest.mark.requirement("ogcapi-features-3/1.0/filter", "mixing-expressions")
def test_filter_mixes_with_other_parameters(client, markers):
    """/req/filter/mixing-expressions: all of them hold."""
    box = "105.8,11.0,106.3,11.9"
    both = set(ids(client, filter="kind = 'main'", bbox=box, border="VN-KH"))
    assert both == set(ids(client, filter="kind = 'main' AND border = 'VN-KH'")) & set(ids(client, bbox=box))


@pytest.mark.requirement("ogcapi-features-3/1.0/filter", "filter-crs-wgs84 filter-crs-param")
@pytest.mark.requirement("ogcapi-features-3/1.0/features-filter", "filter-crs-param")
def test_filter_crs(client):
    """/req/filter/filter-crs-wgs84, filter-crs-param."""
    degrees = ids(client, filter="S_INTERSECTS(geometry, BBOX(105.8, 11, 106.3, 11.9))")
    swapped = {"filter-crs": EPSG.format(4326)}
    assert ids(client, filter="S_INTERSECTS(geometry, BBOX(11, 105.8, 11.9, 106.3))", **swapped) == degrees
    assert degrees


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("number = '147/6'", lambda one: one["number"] == "147/6"),
        ("number <> '147/6' AND border = 'VN-KH'", lambda one: one["number"] != "147/6" and one["border"] == "VN-KH"),
        ("chainage_m > 100000", lambda one: (one["chainage_m"] or 0) > 100000),
        ("chainage_m IS NULL", lambda one: one["chainage_m"] is None),
        ("NOT (kind = 'sub')", lambda one: one["kind"] not in ("sub", None)),
        ("number LIKE '147/_'", lambda one: re.fullmatch("147/.", one["number"])),
        ("chainage_m BETWEEN 1000 AND 9000", lambda one: 1000 <= (one["chainage_m"] or 0) <= 9000),
        ("number IN ('96', '147/6')", lambda one: one["number"] in ("96", "147/6")),
        ("CASEI(kind) = CASEI('MAIN')", lambda one: one["kind"] == "main"),
        ("ACCENTI(source) LIKE ACCENTI('%moc%')", lambda one: re.search("m[ôo]́?c|mốc", one["source"] or "")),
        ("T_AFTER(created_at, TIMESTAMP('2000-01-01T00:00:00Z'))", lambda one: True),
        ("T_DURING(created_at, INTERVAL('2000-01-01', '2000-12-31'))", lambda one: False),
        ("created_at <= updated_at", lambda one: True),
        ("S_DISJOINT(geometry, BBOX(0, 0, 1, 1))", lambda one: one["position_source"] != "none"),
    ],
)  # fmt: skip
def test_cql2_classes(text, expected, client, markers):
    """/req/cql2-text, basic-cql2, advanced-comparison-operators, case-insensitive-comparison and the others."""
    assert set(ids(client, filter=text)) == {one["id"] for one in markers if expected(one["properties"])}


@pytest.mark.requirement("ogcapi-features-3/1.0/queryables", "expression-construction")
@pytest.mark.requirement("ogcapi-features-3/1.0/filter", "expression-construction")
def test_a_hidden_name_is_refused_like_nonsense(client):
    """In filters, sorting, chosen properties and as a parameter: same words, and none of the database's."""
    for parameter, value in (
        ("filter", "{} = 'x'"), ("filter", "{} IS NULL"), ("sortby", "{}"), ("sortby", "-{}"), ("properties", "{}"),
    ):  # fmt: skip
        hidden = refused(client, MARKERS, **{parameter: value.format("shared_geom")})
        nonsense = refused(client, MARKERS, **{parameter: value.format("qwertz")})
        assert hidden["detail"].replace("shared_geom", "qwertz") == nonsense["detail"]
    hidden, nonsense = refused(client, MARKERS, shared_geom="1"), refused(client, MARKERS, qwertz="1")
    assert hidden["detail"].replace("shared_geom", "qwertz") == nonsense["detail"]
    assert not re.search(r"postgres|psycopg|column|relation|select", json.dumps(hidden), re.IGNORECASE)


# Part 8, sorting.


@pytest.mark.requirement("ogcapi-features-8/1.0/sortables", "get-sortables-response")
@pytest.mark.requirement("ogcapi-features-8/1.0/sorting", "sortby-definition sortby-response")
@pytest.mark.requirement("ogcapi-features-8/1.0/features-sorting", "sortby")
@pytest.mark.parametrize("layer", ["gates", "works", "incidents"])
def test_sorting(layer, client):
    """/req/sortables/get-sortables-success, /req/sorting/sortby-definition, sortby-response, /req/features-sorting."""
    if layer == "incidents":
        for level, severity in zip(reversed(Level), reversed(Severity), strict=True):
            incident(client, level=level, severity=severity)
    url = f"{COLLECTIONS}/{layer}/items"
    whole = asked(client, url, limit=10000)["features"]
    for name in asked(client, f"{COLLECTIONS}/{layer}/sortables")["properties"]:
        ordered = ids(client, url, sortby=name)
        assert sorted(ordered) == sorted(one["id"] for one in whole)
        assert ids(client, url, sortby=f"+{name}") == ordered
        values = {one["id"]: one["properties"][name] for one in whole}
        runs = [values[one] for one in ordered]
        falling = [values[one] for one in ids(client, url, sortby=f"-{name}")]
        assert runs == falling[::-1] or sorted(map(str, runs)) == sorted(map(str, falling))
        assert [one for one in runs if one is None] == runs[len(runs) - runs.count(None) :], name
        if runs and isinstance(runs[0], int | float):
            known = [one for one in runs if one is not None]
            assert known == sorted(known)
            assert [one for one in falling if one is not None] == known[::-1]
        if (scale := catalog[layer].fields[name].ordered_codes) is not None:
            ranks = [list(scale).index(scale(one)) for one in runs]
            assert ranks == sorted(ranks), name
        walked, more = [], f"{url}?{urlencode({'sortby': f'-{name}', 'limit': 97})}"
        while more:
            page = asked(client, more)
            walked += [one["id"] for one in page["features"]]
            more = next((one["href"] for one in page["links"] if one["rel"] == "next"), None)
        assert walked == ids(client, url, sortby=f"-{name}"), name
    allowed = refused(client, url, sortby="geometry", lang="en")["detail"].partition("There are: ")[2].split(", ")
    assert allowed == list(asked(client, f"{COLLECTIONS}/{layer}/sortables")["properties"])
    default = asked(client, f"{COLLECTIONS}/{layer}")["defaultSortOrder"]
    assert ids(client, url, sortby=",".join(default)) == [one["id"] for one in whole]


def test_words_of_a_scale_are_compared_by_their_order(client):
    """Where the card's words have one, it is the order of the property's values; the schema says so."""
    for level, severity in zip(reversed(Level), reversed(Severity), strict=True):
        incident(client, level=level, severity=severity, description="thang bậc")
    mine = {"q": "thang bậc", "limit": 100}
    for asked_for, number in (
        ("severity >= 'high'", 2),
        ("severity > 'critical'", 0),
        ("'low' < severity", 3),
        ("level > 'public'", 3),
        ("level BETWEEN 'partner' AND 'internal'", 2),
        ("severity > 'grave' OR severity <= 'grave'", 0),
    ):
        assert len(ids(client, INCIDENTS, filter=asked_for, **mine)) == number, asked_for
    told = asked(client, f"{COLLECTIONS}/incidents/sortables", lang="en")["properties"]
    assert told["severity"]["description"].startswith("low: Low < medium")


@pytest.mark.parametrize("key", ["label", "-label", "updated_at", "-version"])
def test_what_nobody_touches_is_walked_once_while_others_change(key, client):
    """Between any two pages a row comes, a row goes, and the sort keys of rows before and behind change."""
    posts = f"{COLLECTIONS}/posts/items"
    made = [create(client, "posts", **minimal_body(catalog["posts"], label=f"{key} {n % 5}")) for n in range(16)]
    still, moving = {one["id"] for one in made[::2]}, made[1::2]
    walked, more = [], f"{posts}?{urlencode({'limit': 3, 'sortby': key, 'count': 'exact'})}"
    while more:
        page = asked(client, more)
        walked += [one["id"] for one in page["features"]]
        more = next((one["href"] for one in page["links"] if one["rel"] == "next"), None)
        if len(walked) < 60:  # what is put behind without end would be walked without end
            create(client, "posts", **minimal_body(catalog["posts"], label=f"{key} 2"))
        if moving and len(walked) < 60:
            patch(client, "posts", moving[-1], label=f"{key} {len(walked) % 7}")
            gone = moving.pop(0)
            tag = client.get(f"{posts}/{gone['id']}").headers["etag"]
            assert client.delete(f"{posts}/{gone['id']}", headers={"If-Match": tag}).status_code == 204
    assert sorted(one for one in walked if one in still) == sorted(still)


# Part 4, create, replace, update and delete.


@pytest.mark.requirement("ogcapi-features-4/1.0/create-replace-delete", "methods")
@pytest.mark.requirement("ogcapi-features-4/1.0/update", "methods accept-patch")
def test_methods_are_told(client):
    """/req/create-replace-delete/methods: OPTIONS names them; lines are loaded and not edited."""
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
def test_create_replace_delete(client):
    """/req/create-replace-delete/insert-post-op, -body, -response, -response-rid, update-put-op, delete-op."""
    made = client.post(INCIDENTS, json={"type": "Feature", "geometry": POINT, "properties": {"category": "drainage"}},
                       headers={"Content-Type": GEOJSON})  # fmt: skip
    assert made.status_code == 201
    where = made.headers["location"]
    shown = client.get(where)
    assert shown.json()["id"] == made.json()["id"]
    body = {"type": "Feature", "geometry": POINT, "properties": {"category": "rockfall", "description": "mới"}}
    body["properties"]["category"] = next(
        word.value for word in catalog["incidents"].fields["category"].codes if word.value != "drainage"
    )
    replaced = client.put(where, json=body, headers={"If-Match": shown.headers["etag"], "Content-Type": GEOJSON})
    assert replaced.status_code == 200, replaced.text
    assert replaced.json()["id"] == made.json()["id"]
    assert replaced.json()["properties"]["description"] == "mới"
    assert client.delete(where, headers={"If-Match": replaced.headers["etag"]}).status_code == 204
    assert client.get(where).status_code == 404
    again = client.put(where, json=body, headers={"If-Match": replaced.headers["etag"]})
    assert again.status_code == 404


@pytest.mark.requirement("ogcapi-features-4/1.0/update", "patch-op body response rid")
@pytest.mark.requirement("ogcapi-features-4/1.0/features", "update-json-merge-patch")
def test_update(client):
    """/req/update/patch-op, /req/features/update-json-merge-patch: what is not named stays, null empties."""
    made = incident(client, description="cũ", severity="high")
    headers = {"If-Match": made["etag"], "Content-Type": "application/merge-patch+json"}
    answer = client.patch(f"{INCIDENTS}/{made['id']}", content=json.dumps({"description": None}), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["properties"]["description"] is None
    assert answer.json()["properties"]["severity"] == "high"
    assert answer.json()["geometry"] == made["geometry"]


@pytest.mark.requirement(
    "ogcapi-features-4/1.0/optimistic-locking-etags",
    "etag-get-response etag-put-response etag-patch-response ifmatch-missing",
)
@pytest.mark.requirement(
    "ogcapi-features-4/1.0/optimistic-locking-etags",
    "ifmatch-put-op ifmatch-put-eval ifmatch-patch-op ifmatch-patch-eval ifmatch-delete-op ifmatch-delete-eval",
)
def test_optimistic_locking(client):
    """/req/optimistic-locking-etags: strong tags; 428 without one, 412 with another's, 304 for who has it."""
    made = incident(client)
    url = f"{INCIDENTS}/{made['id']}"
    tag = client.get(url).headers["etag"]
    assert re.fullmatch(r'"\d+-[0-9a-f]{16}"', tag)
    assert tag == made["etag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    for call in (client.put, client.patch):
        assert call(url, json={"description": "x"}).status_code == 428 or call is client.put
    assert client.patch(url, json={"description": "x"}).status_code == 428
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
    lines = [("If-Match", tag), ("If-Match", several.headers["etag"])]
    assert client.delete(url, headers=lines).status_code == 204


@pytest.mark.requirement("ogcapi-features-4/1.0/features", "geojson-create-replace schema")
@pytest.mark.parametrize("layer", [name for name, one in catalog.items() if one.editable])
def test_a_feature_goes_back_as_it_was_read(layer, client):
    """/req/features/geojson-create-replace: a PUT of what GET gave changes nothing; twice neither."""
    made = create(client, layer, **minimal_body(catalog[layer], source="thử"))
    url = f"{COLLECTIONS}/{layer}/items/{made['id']}"
    for _ in range(2):
        read = client.get(url)
        answer = client.put(
            url, content=read.content, headers={"If-Match": read.headers["etag"], "Content-Type": GEOJSON}
        )
        assert answer.status_code == 200, answer.text
        before, after = read.json(), answer.json()
        moving = {"version", "updated_at"}
        assert {key: value for key, value in after["properties"].items() if key not in moving} == {
            key: value for key, value in before["properties"].items() if key not in moving
        }
        assert after["geometry"] == before["geometry"]


def test_a_status_does_not_come_back_changed(client):
    """A replacement may carry the status as it is; another is refused, since a status changes by moves only."""
    made = incident(client)
    url = f"{INCIDENTS}/{made['id']}"
    read = client.get(url)
    body = read.json()
    body["properties"]["handling"] = "closed"
    answer = client.put(url, json=body, headers={"If-Match": read.headers["etag"]})
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [("handling", "status_by_move")]
    assert client.get(url).headers["etag"] == read.headers["etag"]


@pytest.mark.requirement("ogcapi-features-4/1.0/features", "content-crs-header default-crs other-crs")
@pytest.mark.parametrize("name", [EPSG.format(4326), EPSG.format(9210), EPSG.format(32648)])
def test_content_crs(name, client):
    """/req/features/content-crs-header, default-crs, other-crs: POST, PUT and PATCH take a geometry in any system."""
    crs = CRS.parse(name)

    def written(lon, lat):
        east, north = (lon, lat) if crs.epsg == WGS84 else from_wgs84(lon, lat, crs.epsg)
        return {"type": "Point", "coordinates": [north, east] if crs.latitude_first else [east, north]}

    headers = {"Content-Crs": f"<{name}>"}
    made = client.post(INCIDENTS, json={"category": "drainage", "geometry": written(105.95, 11.69)}, headers=headers)
    assert made.status_code == 201, made.text
    assert made.headers["content-crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    assert made.json()["geometry"]["coordinates"] == pytest.approx([105.95, 11.69], abs=2e-6)
    assert made.json()["properties"]["original"]["crs"] == name
    url = f"{INCIDENTS}/{made.json()['id']}"
    moved = client.patch(
        url, json={"geometry": written(105.96, 11.68)}, headers={**headers, "If-Match": made.headers["etag"]}
    )
    assert moved.json()["geometry"]["coordinates"] == pytest.approx([105.96, 11.68], abs=2e-6)
    in_system = client.get(url, params={"crs": name})
    back = client.put(url, content=in_system.content, headers={**headers, "If-Match": in_system.headers["etag"],
                                                               "Content-Type": GEOJSON})  # fmt: skip
    assert back.status_code == 200, back.text
    assert back.json()["geometry"] == moved.json()["geometry"]
    for wrong in ("<http://www.opengis.net/def/crs/EPSG/0/99999>", "x"):
        body = {"category": "drainage", "geometry": written(105.95, 11.69)}
        assert client.post(INCIDENTS, json=body, headers={"Content-Crs": wrong}).status_code == 400
    nowhere = {"category": "drainage", "geometry": {"type": "Point", "coordinates": [9e9, 9e9]}}
    assert client.post(INCIDENTS, json=nowhere, headers=headers).status_code == 422


# As it stood: the same reading, at any time.


def test_as_of_reads_like_the_present(client):
    """A seeded history against a model in Python: box, filter, sorting and pages at eight moments of the past."""
    chance = random.Random(20260101)
    posts = f"{COLLECTIONS}/posts/items"
    now, moments = {}, []
    for step in range(64):
        act = chance.choice(["make", "make", "change", "move", "retire"]) if now else "make"
        place = {"type": "Point", "coordinates": [round(chance.uniform(105.85, 106.0), 4), 11.69]}
        if act == "make":
            made = create(client, "posts", border="VN-KH", section="168–168/2", label=f"cọc {step}", geometry=place)
            now[made["id"]] = {"label": f"cọc {step}", "lon": place["coordinates"][0]}
        else:
            one = chance.choice(sorted(now))
            if act == "retire":
                tag = client.get(f"{posts}/{one}").headers["etag"]
                assert client.delete(f"{posts}/{one}", headers={"If-Match": tag}).status_code == 204
                del now[one]
            else:
                given = {"label": f"sửa {step}"} if act == "change" else {"geometry": place}
                answer = patch(client, "posts", {"id": one}, **given)
                assert answer.status_code == 200, answer.text
                kept = {"label": f"sửa {step}"} if act == "change" else {"lon": place["coordinates"][0]}
                now[one] = {**now[one], **kept}
        if step % 8 == 7:
            moments.append((this_moment(), dict(now)))
    for when, model in moments:
        mine = {"as_of": when, "filter": "section = '168–168/2' AND (label LIKE 'cọc%' OR label LIKE 'sửa%')"}
        assert set(ids(client, posts, **mine)) == set(model)
        changed = {one for one, row in model.items() if row["label"].startswith("sửa")}
        assert set(ids(client, posts, as_of=when, filter="label LIKE 'sửa%'")) == changed
        west = {one for one, row in model.items() if row["lon"] <= 105.93}
        assert set(ids(client, posts, **mine, bbox="105,11,105.93,12")) == west
        walked, more = [], f"{posts}?{urlencode({**mine, 'limit': 3, 'sortby': '-label'})}"
        while more:
            page = asked(client, more)
            walked += [(one["id"], one["properties"]["label"]) for one in page["features"]]
            more = next((one["href"] for one in page["links"] if one["rel"] == "next"), None)
        assert sorted(walked) == sorted((one, row["label"]) for one, row in model.items())


def this_moment():
    """Now, with the last change behind and the next one before it."""
    time.sleep(0.002)
    found = dt.datetime.now(dt.UTC).isoformat()
    time.sleep(0.002)
    return found
