"""OGC API Features, Part 1: collections, pages, filters by property, time and bbox, and single features."""

import threading

import pytest

from gis.model.layer import catalog
from tests.api.ogc.items_reading import COLLECTIONS, items, link, walk
from tests.factories import incident, patch


def test_landing_page_links_to_all_resources(client):
    landing = client.get("/ogc").json()
    for rel in ("self", "service-desc", "conformance", "data"):
        answer = client.get(link(landing, rel))
        assert answer.status_code == 200, rel
    assert (
        client.get(link(landing, "service-desc"))
        .headers["content-type"]
        .startswith("application/vnd.oai.openapi+json;version=3.0")
    )


def test_conformance_classes_of_part_1_are_declared(client):
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    for name in ("core", "geojson", "oas30"):
        assert f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" in declared


def test_every_layer_is_a_collection(client):
    document = client.get(COLLECTIONS).json()
    assert [collection["id"] for collection in document["collections"]] == list(catalog)
    for collection in document["collections"]:
        alone = client.get(link(collection, "self")).json()
        assert alone["id"] == collection["id"]
        assert client.get(link(collection, "items"), params={"limit": 1}).status_code == 200


def test_extent_of_the_boundary_lines_spans_the_land_borders(client):
    box = client.get(f"{COLLECTIONS}/lines").json()["extent"]["spatial"]["bbox"][0]
    west, south, east, north = box
    assert 102 < west < 103
    assert 10 < south < 11
    assert 107 < east < 109
    assert 23 < north < 24


def test_unknown_collection_gets_404(client):
    for path in ("", "/items", "/items/00000000-0000-4000-8000-000000000000"):
        answer = client.get(f"{COLLECTIONS}/nonsense{path}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("parameters", [{"nonsense": "1"}, {"bboxx": "1,2,3,4"}, {"geom": "x"}, {"shared_geom": "x"}])
def test_unknown_parameter_is_refused(parameters, client):
    answer = client.get(f"{COLLECTIONS}/markers/items", params=parameters)
    assert answer.status_code == 400
    assert next(iter(parameters)) in answer.json()["detail"]


def test_number_matched_is_present_only_if_the_page_has_all_features(client):
    page = items(client, "gates", limit=1000)
    assert page["numberReturned"] == page["numberMatched"] == len(page["features"])
    assert link(page, "next") is None
    first = items(client, "gates", limit=3)
    assert first["numberReturned"] == len(first["features"]) == 3
    assert "numberMatched" not in first


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1e9", "1.5", "٣"])
def test_invalid_limit_is_refused(limit, client):
    assert client.get(f"{COLLECTIONS}/markers/items", params={"limit": limit}).status_code == 400


def test_next_links_give_all_features_once_in_order(client):
    whole = [feature["id"] for feature in items(client, "markers", limit=10000)["features"]]
    walked = [marker["id"] for marker in walk(client, f"{COLLECTIONS}/markers/items?limit=333")]
    assert walked == whole
    assert len(set(walked)) == len(walked) > 1600


@pytest.mark.parametrize(
    "sort", ["number", "-number", "-chainage_m", "chainage_m,-number", "class,number", "-updated_at"]
)
def test_paging_in_any_order_gives_all_features(sort, client):
    whole = [feature["id"] for feature in items(client, "markers", limit=10000, sortby=sort)["features"]]
    walked = [marker["id"] for marker in walk(client, f"{COLLECTIONS}/markers/items?limit=500&sortby={sort}")]
    assert walked == whole
    assert len(set(walked)) == len(walked)


@pytest.mark.parametrize("layer", list(catalog))
def test_every_sortable_property_can_be_paged(layer, client):
    for name, field in catalog[layer].fields.items():
        for sort in (name, f"-{name}"):
            answer = client.get(f"{COLLECTIONS}/{layer}/items", params={"sortby": sort, "limit": 2})
            if field.type.name in ("json", "list"):
                assert answer.status_code == 400, sort
                continue
            assert answer.status_code == 200, (sort, answer.text)
            next_url = link(answer.json(), "next")
            if next_url is not None:
                after = client.get(next_url)
                assert after.status_code == 200, (sort, after.text)
                ids = [feature["id"] for page in (answer, after) for feature in page.json()["features"]]
                assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("layer", list(catalog))
def test_every_property_filters_by_its_value(layer, client):
    page = items(client, layer, limit=1)
    if not page["features"]:
        page = {"features": [incident(client)]} if layer == "incidents" else page
    for feature in page["features"]:
        for name, field in catalog[layer].fields.items():
            value = feature["properties"][name]
            if field.type.name in ("json", "list"):
                continue
            text = "" if value is None else str(value).lower() if field.type.name == "boolean" else value
            matches = walk(
                client,
                f"{COLLECTIONS}/{layer}/items?"
                + str(client.build_request("GET", "/", params={name: text, "limit": 5000}).url.query, "ascii"),
            )
            assert feature["id"] in [match["id"] for match in matches], (name, text)
            assert all(match["properties"][name] == value for match in matches), name


def test_paging_omits_a_feature_retired_and_includes_one_created_meanwhile(client):
    for number in range(12):
        incident(client, description=f"trước {number}")
    url = f"{COLLECTIONS}/incidents/items?limit=3&sortby=code"
    first = client.get(url).json()
    before = [feature["id"] for feature in walk(client, url)]
    retired = before[4]
    tag = client.get(f"{COLLECTIONS}/incidents/items/{retired}").headers["etag"]
    assert client.delete(f"{COLLECTIONS}/incidents/items/{retired}", headers={"If-Match": tag}).status_code == 204
    late = incident(client, description="đến sau")["id"]
    walked = [feature["id"] for feature in first["features"]] + [
        feature["id"] for feature in walk(client, link(first, "next"))
    ]
    assert len(set(walked)) == len(walked)
    assert set(walked) == (set(before) | {late}) - {retired}


def test_paging_during_creates_returns_every_earlier_feature_once(client, site_url):
    settled = {incident(client)["id"] for _ in range(10)}
    url = f"{COLLECTIONS}/incidents/items?limit=2&sortby=code"
    stop = threading.Event()

    def write():
        while not stop.is_set():
            incident(client)

    writer = threading.Thread(target=write)
    writer.start()
    walked, page = [], client.get(url).json()
    for _ in range(200):
        walked += [feature["id"] for feature in page["features"]]
        if link(page, "next") is None or settled <= set(walked):
            break
        page = client.get(link(page, "next")).json()
    stop.set()
    writer.join()
    assert len(set(walked)) == len(walked)
    assert settled <= set(walked)


@pytest.mark.parametrize(
    "after", ["nonsense", "e30", "W10", "WzFd", "=", "W251bGwsbnVsbF0", "WyJ4IiwieSIsInoiXQ", "\x00", "ế"]
)
def test_invalid_cursor_is_refused(after, client):
    assert client.get(f"{COLLECTIONS}/markers/items", params={"after": after}).status_code == 400


def test_bbox_selects_features_inside(client):
    inside = items(client, "markers", bbox="104.7,22.8,104.95,23.2", limit=1000)["features"]
    numbers = [feature["properties"]["number"] for feature in inside]
    assert {"261(1)", "261(2)", "304"} <= set(numbers)
    assert all(104.7 <= feature["geometry"]["coordinates"][0] <= 104.95 for feature in inside)
    assert items(client, "markers", bbox="0,0,1,1")["features"] == []
    heights = items(client, "markers", bbox="104.7,22.8,-10,104.95,23.2,9000", limit=1000)["features"]
    assert [feature["id"] for feature in heights] == [feature["id"] for feature in inside]


@pytest.mark.parametrize(
    "bbox",
    [
        "1,2,3",
        "1,2,3,4,5",
        "3,1,2,2",
        "1,3,2,2",
        "nan,1,2,3",
        "104,11,nan,105,12,9000",
        "104,11,0,105,12,inf",
        "1,1,inf,2",
        "-200,0,0,1",
        "a,b,c,d",
        "1,,2,3",
        "1;2;3;4",
    ],
)
def test_invalid_bbox_is_refused(bbox, client):
    assert client.get(f"{COLLECTIONS}/markers/items", params={"bbox": bbox}).status_code == 400


def test_datetime_filters_by_the_time_field_of_the_layer(client):
    early = incident(client, occurred_at="2026-01-10T08:00:00+07:00")["id"]
    late = incident(client, occurred_at="2026-02-10T08:00:00+07:00")["id"]

    def at(text):
        return {feature["id"] for feature in items(client, "incidents", datetime=text, limit=1000)["features"]} & {
            early,
            late,
        }

    assert at("2026-01-10") == {early}
    assert at("2026-01-10T01:00:00Z") == {early}
    assert at("../2026-01-31") == {early}
    assert at("2026-02-01/..") == {late}
    assert at("2026-01-01/2026-12-31") == {early, late}
    assert at("2026-01-11/2026-02-09") == set()


@pytest.mark.parametrize(
    "text", ["gestern", "2026-13-01", "2026-02-30", "2026-02-01/2026-01-01", "2026-01-01/x", "99999-01-01"]
)
def test_invalid_datetime_is_refused(text, client):
    assert client.get(f"{COLLECTIONS}/incidents/items", params={"datetime": text}).status_code == 400
    assert client.get(f"{COLLECTIONS}/incidents/items", params={"as_of": text}).status_code == 400


def test_filters_take_several_values_and_null(client):
    page = items(client, "gates", border="VN-KH,VN-CN", category="", limit=100)
    assert {feature["properties"]["name"] for feature in page["features"]} == {"Gò Nổi", "Hòa Hiệp"}
    for invalid in ({"category": "nonsense"}, {"version": "x"}, {"category_since": "soon"}, {"chainage_m": "far"}):
        answer = client.get(f"{COLLECTIONS}/gates/items", params=invalid)
        assert answer.status_code == 400
        assert next(iter(invalid)) in answer.json()["detail"]


def test_search_ignores_diacritics_and_has_no_wildcards(client):
    features = items(client, "gates", q="moc bai")["features"]
    assert [gate["properties"]["name"] for gate in features] == ["Mộc Bài"]
    assert items(client, "gates", q="100%")["features"] == []
    assert items(client, "gates", q="_")["features"] == []


def test_as_of_reads_the_past(client):
    created = incident(client, description="trước", occurred_at="2026-03-01T00:00:00Z")
    then = client.get(f"{COLLECTIONS}/incidents/items/{created['id']}").json()["properties"]["updated_at"]
    assert patch(client, "incidents", created, description="sau").status_code == 200
    past = items(client, "incidents", as_of=then, code=created["properties"]["code"])["features"]
    assert [feature["properties"]["description"] for feature in past] == ["trước"]
    assert items(client, "incidents", as_of="2020-01-01", limit=10)["features"] == []


def test_feature_has_links_and_an_etag_and_unknown_ids_get_404(client):
    created = incident(client)
    answer = client.get(f"{COLLECTIONS}/incidents/items/{created['id']}")
    assert link(answer.json(), "self").endswith(created["id"])
    assert link(answer.json(), "collection").endswith("/incidents")
    assert answer.headers["etag"].startswith('"1-')
    for invalid in ("x", "1", "0" * 32 + "'", created["id"] + "0"):
        assert client.get(f"{COLLECTIONS}/incidents/items/{invalid}").status_code == 404
    assert client.get(f"{COLLECTIONS}/markers/items/{created['id']}").status_code == 404


def test_history_has_actor_version_and_changes(client):
    created = incident(client)
    assert patch(client, "incidents", created, description="bổ sung").status_code == 200
    entries = client.get(f"{COLLECTIONS}/incidents/items/{created['id']}/history").json()["entries"]
    assert [(entry["actor"], entry["version"], entry["action"]) for entry in entries] == [
        ("office", 2, "update"),
        ("office", 1, "insert"),
    ]
    assert entries[0]["changes"] == {"description": {"old": None, "new": "bổ sung"}}


SQL = [
    "'; set role cotmoc_owner; --",
    "1 OR 1=1",
    "%27",
    "\u0027",
    "' or ''='",
    "x') or 1=1 --",
    "%(v0)s",
    "{0}",
    ":id",
    "\\",
]


@pytest.mark.parametrize("attack", SQL)
@pytest.mark.parametrize(
    "name",
    [
        "q",
        "number",
        "border",
        "sortby",
        "bbox",
        "datetime",
        "as_of",
        "after",
        "limit",
        "version",
        "id",
        "level",
        "lang",
        "source",
    ],
)
def test_sql_in_a_parameter_is_plain_text(name, attack, client):
    answer = client.get(f"{COLLECTIONS}/markers/items", params={name: attack})
    assert answer.status_code in (200, 400)
    if answer.status_code == 200 and name != "lang":
        assert answer.json()["features"] == []
    assert "psycopg" not in answer.text
    assert "syntax" not in answer.text


@pytest.mark.parametrize("attack", SQL)
def test_sql_in_a_path_or_a_name_is_refused(attack, client):
    for path in (f"{COLLECTIONS}/{attack}/items", f"{COLLECTIONS}/markers/items/{attack}", f"/api/export/{attack}"):
        assert client.get(path).status_code in (400, 404)
    assert client.get(f"{COLLECTIONS}/markers/items", params={attack: "1"}).status_code == 400


def test_export_has_the_rows_of_items_and_attribution(client):
    answer = client.get("/api/export/gates", params={"border": "VN-CN", "sortby": "-name"})
    page = items(client, "gates", border="VN-CN", sortby="-name", limit=1000)
    assert answer.headers["content-disposition"].startswith('attachment; filename="gates-')
    assert answer.json()["features"] == page["features"]
    assert "OpenStreetMap" in answer.json()["attribution"]
    assert "withheld_positions" not in answer.json()


@pytest.mark.parametrize(
    "parameters",
    [{"condition": "nonsense"}, {"sortby": "nonsense"}, {"sortby": "original"}, {"nonsense": "1"},
     {"reader": "everybody"}, {"bbox": "1"}, {"version": "x"}],
)  # fmt: skip
def test_invalid_export_is_refused(parameters, client):
    answer = client.get("/api/export/markers", params=parameters)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_healthz_answers_ok(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_responses_have_security_headers(client):
    for path in ("/ogc", "/nonsense", "/api/locate?q=abc", "/"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"]


@pytest.mark.parametrize(("language", "titles"), [("vi", "Rõ người, Rõ thời gian"), ("en", "Person, Time")])
def test_page_of_a_feature_lists_codes_by_title(client, language, titles):
    draft = client.post("/ogc/collections/tasks/items", json={"title": "Chưa rõ người"}).json()
    assert draft["properties"]["missing_clears"][:2] == ["person", "time"]
    page = client.get(f"/ogc/collections/tasks/items/{draft['id']}", params={"f": "html", "lang": language})
    assert page.status_code == 200
    assert titles in page.text
    assert "missing_clears" not in page.text
