"""Conformance of the OpenAPI document and of HTML (OGC API Features, Part 1, oas30 and html)."""

import re

import pytest
from schemathesis import openapi as schemathesis

from api.ogc import (
    child_rows,
    collection,
    feature_commands,
    items,
    landing,
    nearby,
    openapi,
    schemas,
    tiles,
    write,
)
from api.rest import basemap, bulk, export, layers, locate
from gis.model.layer import catalog
from gis.write import child_resources
from tests.api.ogc.documents import COLLECTIONS, INCIDENTS, OGC, get_json, href
from tests.factories import incident


@pytest.mark.requirement("ogcapi-common-1/1.0/core", "api-definition-op api-definition-success")
@pytest.mark.requirement("ogcapi-common-1/1.0/oas30", "oas-definition-1 oas-definition-2 oas-impl")
@pytest.mark.requirement("ogcapi-features-1/1.0/core", "api-definition-op api-definition-success")
@pytest.mark.requirement("ogcapi-features-1/1.0/oas30", "oas-definition-1 oas-definition-2 oas-impl")
def test_openapi_document_is_valid_and_has_every_route(client, site_url):
    """/req/oas30/oas-definition-1 and -2, oas-impl: schemathesis reads it as OpenAPI 3.0; it has every route."""
    answer = client.get(href(get_json(client, OGC), "service-desc"))
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    assert document["openapi"] == "3.0.3"
    assert list(document["paths"]["/api"]["get"]["responses"]["200"]["content"]) == [answer.headers["content-type"]]
    assert schemathesis.from_dict(document).statistic.operations.total > 300
    documented = {
        (method.upper(), (path if path.startswith("/api/") else f"/ogc{path}".rstrip("/")))
        for path, methods in document["paths"].items()
        for method in methods
        if method != "servers"
    }
    for method, path in documented_routes():
        assert (method, path) in documented, (method, path)
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "summary" in operation
    ]
    assert len(names) == len(set(names))


def documented_routes():
    """Method and path of the routes under /ogc and /api, with one path per layer."""
    modules = (
        landing, collection, items, schemas, openapi, tiles, write, feature_commands, nearby, locate, export, layers,
        basemap, bulk,
    )  # fmt: skip
    for module in modules:
        for route in module.router.routes:
            if route.include_in_schema:
                for layer in catalog if "{layer}" in route.path else ("",):
                    for method in route.methods:
                        yield method, route.path.replace("{layer}", layer)
    for route in child_rows.router.routes:
        for layer, child in child_resources.child_resources():
            for method in route.methods:
                yield method, route.path.replace("{layer}", layer).replace("{child}", child)


@pytest.mark.requirement("ogcapi-common-1/1.0/oas30", "completeness exceptions-codes security")
@pytest.mark.requirement("ogcapi-features-1/1.0/oas30", "completeness exceptions-codes security")
@pytest.mark.parametrize("layer", list(catalog))
def test_openapi_document_has_queryables_and_errors_of_each_layer(layer, client):
    """/req/oas30/completeness: the properties of the layer as parameters, error responses as problem details."""
    document = get_json(client, f"{OGC}/api")
    listing = document["paths"][f"/collections/{layer}/items"]["get"]
    named = {parameter["name"] for parameter in listing["parameters"] if "name" in parameter}
    simple = {
        name
        for name, schema in get_json(client, f"{COLLECTIONS}/{layer}/queryables")["properties"].items()
        if "type" in schema
    }
    assert named == simple
    for status in ("400", "403", "404", "422", "429", "503"):
        assert listing["responses"][status] == {"$ref": f"#/components/responses/{status}"}
        assert "application/problem+json" in document["components"]["responses"][status]["content"]


@pytest.mark.requirement("ogcapi-common-1/1.0/html", "definition content")
@pytest.mark.requirement("ogcapi-features-1/1.0/html", "definition")
@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_resource_is_available_as_html(language, client):
    """/req/html/definition, /req/html/content: every resource as HTML by ``f``, else by ``Accept``."""
    gate = get_json(client, f"{COLLECTIONS}/gates/items", limit=1)["features"][0]
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
    for path, expected in pages.items():
        page = client.get(path, params={"f": "html", "lang": language})
        assert page.headers["content-type"] == "text/html; charset=utf-8", path
        assert expected in page.text, path
        assert f'<html lang="{language}">' in page.text
        assert client.get(path, params={"lang": language}, headers=browser).text.count("<h1>") == 1
        assert "json" in client.get(path, params={"f": "json"}, headers=browser).headers["content-type"]
        assert "json" in client.get(path, headers={"Accept": "*/*"}).headers["content-type"]
        assert "Accept" in client.get(path).headers["vary"]


@pytest.mark.requirement("ogcapi-features-1/1.0/html", "content")
def test_html_has_the_next_link(client):
    """/req/html/content: the HTML of a page links to the next page."""
    page = client.get(f"{COLLECTIONS}/gates/items", params={"f": "html", "limit": 3}).text
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    assert "text/html" in client.get(following.group(1).replace("&amp;", "&")).headers["content-type"]


@pytest.mark.parametrize(("language", "title"), [("vi", "Thuộc tính lọc được"), ("en", "Queryables")])
def test_html_names_links_by_title_instead_of_relation(client, language, title):
    page = client.get(f"{COLLECTIONS}/gates", params={"f": "html", "lang": language}).text
    assert f">{title}</a>" in page
    assert ">queryables</a>" not in page


def test_html_escapes_text(client):
    hostile = incident(client, description="<script>alert(1)</script> {{ 7*7 }}")
    page = client.get(f"{INCIDENTS}/{hostile['id']}", params={"f": "html"}).text
    assert "<script>alert" not in page
    assert "{{ 7*7 }}" in page
