"""OGC API Features, Part 1: what a client that knows only the standard finds and reads."""

import re
import threading

import pytest

from api.app import create_app
from gis.model.layer import catalog
from tests.factories import incident, patch

COLLECTIONS = "/ogc/collections"


def items(client, layer, **parameters):
    answer = client.get(f"{COLLECTIONS}/{layer}/items", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def link(document, rel):
    return next((one["href"] for one in document["links"] if one["rel"] == rel), None)


def walk(client, url):
    """Every feature from a page on, following ``next`` to the end."""
    found = []
    while url is not None:
        page = client.get(url).json()
        found += page["features"]
        url = link(page, "next")
    return found


def test_the_landing_page_leads_to_everything(client):
    landing = client.get("/ogc").json()
    for rel in ("self", "service-desc", "conformance", "data"):
        answer = client.get(link(landing, rel))
        assert answer.status_code == 200, rel
    assert (
        client.get(link(landing, "service-desc"))
        .headers["content-type"]
        .startswith("application/vnd.oai.openapi+json;version=3.0")
    )


def test_the_conformance_classes_of_part_1_are_declared(client):
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    for name in ("core", "geojson", "oas30"):
        assert f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" in declared


def test_every_layer_is_a_collection(client):
    document = client.get(COLLECTIONS).json()
    assert [one["id"] for one in document["collections"]] == list(catalog)
    for one in document["collections"]:
        alone = client.get(link(one, "self")).json()
        assert alone["id"] == one["id"]
        assert client.get(link(one, "items"), params={"limit": 1}).status_code == 200


def test_the_extent_of_a_collection_is_the_box_of_what_is_seen(client):
    box = client.get(f"{COLLECTIONS}/lines").json()["extent"]["spatial"]["bbox"][0]
    west, south, east, north = box
    assert 102 < west < 103
    assert 10 < south < 11
    assert 107 < east < 109
    assert 23 < north < 24


def test_an_unknown_collection_is_missing(client):
    for path in ("", "/items", "/items/00000000-0000-4000-8000-000000000000"):
        answer = client.get(f"{COLLECTIONS}/nonsense{path}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("parameters", [{"nonsense": "1"}, {"bboxx": "1,2,3,4"}, {"geom": "x"}, {"shared_geom": "x"}])
def test_an_unknown_parameter_is_refused(parameters, client):
    answer = client.get(f"{COLLECTIONS}/markers/items", params=parameters)
    assert answer.status_code == 400
    assert next(iter(parameters)) in answer.json()["detail"]


def test_a_page_says_how_many_there_are_where_that_is_free(client):
    page = items(client, "gates", limit=1000)
    assert page["numberReturned"] == page["numberMatched"] == len(page["features"])
    assert link(page, "next") is None
    first = items(client, "gates", limit=3)
    assert first["numberReturned"] == len(first["features"]) == 3
    assert "numberMatched" not in first


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1e9", "1.5", "٣"])
def test_a_limit_is_a_whole_number_within_bounds(limit, client):
    assert client.get(f"{COLLECTIONS}/markers/items", params={"limit": limit}).status_code == 400


def test_following_next_gives_everything_once_and_in_order(client):
    whole = [one["id"] for one in items(client, "markers", limit=10000)["features"]]
    walked = [one["id"] for one in walk(client, f"{COLLECTIONS}/markers/items?limit=333")]
    assert walked == whole
    assert len(set(walked)) == len(walked) > 1600


@pytest.mark.parametrize(
    "sort", ["number", "-number", "-chainage_m", "chainage_m,-number", "class,number", "-updated_at"]
)
def test_any_order_can_be_walked_to_its_end(sort, client):
    whole = [one["id"] for one in items(client, "markers", limit=10000, sortby=sort)["features"]]
    walked = [one["id"] for one in walk(client, f"{COLLECTIONS}/markers/items?limit=500&sortby={sort}")]
    assert walked == whole
    assert len(set(walked)) == len(walked)


@pytest.mark.parametrize("layer", list(catalog))
def test_every_property_sorts_and_walks_or_is_refused(layer, client):
    for name, one in catalog[layer].fields.items():
        for sort in (name, f"-{name}"):
            answer = client.get(f"{COLLECTIONS}/{layer}/items", params={"sortby": sort, "limit": 2})
            if one.type in ("json", "list"):
                assert answer.status_code == 400, sort
                continue
            assert answer.status_code == 200, (sort, answer.text)
            following = link(answer.json(), "next")
            if following is not None:
                after = client.get(following)
                assert after.status_code == 200, (sort, after.text)
                ids = [feature["id"] for page in (answer, after) for feature in page.json()["features"]]
                assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("layer", list(catalog))
def test_every_property_filters_by_the_value_it_has(layer, client):
    page = items(client, layer, limit=1)
    if not page["features"]:
        page = {"features": [incident(client)]} if layer == "incidents" else page
    for feature in page["features"]:
        for name, one in catalog[layer].fields.items():
            value = feature["properties"][name]
            if one.type in ("json", "list"):
                continue
            given = "" if value is None else str(value).lower() if one.type == "boolean" else value
            found = walk(
                client,
                f"{COLLECTIONS}/{layer}/items?"
                + str(client.build_request("GET", "/", params={name: given, "limit": 5000}).url.query, "ascii"),
            )
            assert feature["id"] in [one["id"] for one in found], (name, given)
            assert all(one["properties"][name] == value for one in found), name


def test_walking_is_right_while_rows_come_and_go(client):
    for number in range(12):
        incident(client, description=f"trước {number}")
    url = f"{COLLECTIONS}/incidents/items?limit=3&sortby=code"
    first = client.get(url).json()
    before = [one["id"] for one in walk(client, url)]
    retired = before[4]
    tag = client.get(f"{COLLECTIONS}/incidents/items/{retired}").headers["etag"]
    assert client.delete(f"{COLLECTIONS}/incidents/items/{retired}", headers={"If-Match": tag}).status_code == 204
    late = incident(client, description="đến sau")["id"]
    walked = [one["id"] for one in first["features"]] + [one["id"] for one in walk(client, link(first, "next"))]
    assert len(set(walked)) == len(walked)
    assert set(walked) == (set(before) | {late}) - {retired}


def test_a_writer_beside_the_walk_makes_nobody_twice_or_missing(client, site_url):
    settled = {incident(client)["id"] for _ in range(10)}
    url = f"{COLLECTIONS}/incidents/items?limit=2&sortby=code"
    stop = threading.Event()

    def write():
        while not stop.is_set():
            incident(client)

    writer = threading.Thread(target=write)
    writer.start()
    seen, page = [], client.get(url).json()
    for _ in range(200):
        seen += [one["id"] for one in page["features"]]
        if link(page, "next") is None or settled <= set(seen):
            break
        page = client.get(link(page, "next")).json()
    stop.set()
    writer.join()
    assert len(set(seen)) == len(seen)
    assert settled <= set(seen)


@pytest.mark.parametrize(
    "after", ["nonsense", "e30", "W10", "WzFd", "=", "W251bGwsbnVsbF0", "WyJ4IiwieSIsInoiXQ", "\x00", "ế"]
)
def test_a_page_key_that_is_none_is_refused(after, client):
    assert client.get(f"{COLLECTIONS}/markers/items", params={"after": after}).status_code == 400


def test_a_box_holds_what_lies_in_it(client):
    found = items(client, "markers", bbox="104.7,22.8,104.95,23.2", limit=1000)["features"]
    numbers = [one["properties"]["number"] for one in found]
    assert {"261(1)", "261(2)", "304"} <= set(numbers)
    assert all(104.7 <= one["geometry"]["coordinates"][0] <= 104.95 for one in found)
    assert items(client, "markers", bbox="0,0,1,1")["features"] == []
    heights = items(client, "markers", bbox="104.7,22.8,-10,104.95,23.2,9000", limit=1000)["features"]
    assert [one["id"] for one in heights] == [one["id"] for one in found]


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
def test_a_box_is_four_numbers_in_order(bbox, client):
    assert client.get(f"{COLLECTIONS}/markers/items", params={"bbox": bbox}).status_code == 400


def test_time_selects_by_the_layers_own_time(client):
    early = incident(client, occurred_at="2026-01-10T08:00:00+07:00")["id"]
    late = incident(client, occurred_at="2026-02-10T08:00:00+07:00")["id"]

    def at(text):
        return {one["id"] for one in items(client, "incidents", datetime=text, limit=1000)["features"]} & {early, late}

    assert at("2026-01-10") == {early}
    assert at("2026-01-10T01:00:00Z") == {early}
    assert at("../2026-01-31") == {early}
    assert at("2026-02-01/..") == {late}
    assert at("2026-01-01/2026-12-31") == {early, late}
    assert at("2026-01-11/2026-02-09") == set()


@pytest.mark.parametrize(
    "text", ["gestern", "2026-13-01", "2026-02-30", "2026-02-01/2026-01-01", "2026-01-01/x", "99999-01-01"]
)
def test_a_time_that_is_none_is_refused(text, client):
    assert client.get(f"{COLLECTIONS}/incidents/items", params={"datetime": text}).status_code == 400
    assert client.get(f"{COLLECTIONS}/incidents/items", params={"as_of": text}).status_code == 400


def test_filters_take_several_values_and_none(client):
    page = items(client, "gates", border="VN-KH,VN-CN", category="", limit=100)
    assert {one["properties"]["name"] for one in page["features"]} == {"Gò Nổi", "Hòa Hiệp"}
    for wrong in ({"category": "nonsense"}, {"version": "x"}, {"category_since": "soon"}, {"chainage_m": "far"}):
        answer = client.get(f"{COLLECTIONS}/gates/items", params=wrong)
        assert answer.status_code == 400
        assert next(iter(wrong)) in answer.json()["detail"]


def test_words_are_found_without_diacritics(client):
    found = items(client, "gates", q="moc bai")["features"]
    assert [one["properties"]["name"] for one in found] == ["Mộc Bài"]
    assert items(client, "gates", q="100%")["features"] == []
    assert items(client, "gates", q="_")["features"] == []


def test_the_past_is_read_like_the_present(client):
    made = incident(client, description="trước", occurred_at="2026-03-01T00:00:00Z")
    then = client.get(f"{COLLECTIONS}/incidents/items/{made['id']}").json()["properties"]["updated_at"]
    assert patch(client, "incidents", made, description="sau").status_code == 200
    past = items(client, "incidents", as_of=then, code=made["properties"]["code"])["features"]
    assert [one["properties"]["description"] for one in past] == ["trước"]
    assert items(client, "incidents", as_of="2020-01-01", limit=10)["features"] == []


def test_a_feature_has_its_links_and_a_tag(client):
    made = incident(client)
    answer = client.get(f"{COLLECTIONS}/incidents/items/{made['id']}")
    assert link(answer.json(), "self").endswith(made["id"])
    assert link(answer.json(), "collection").endswith("/incidents")
    assert answer.headers["etag"].startswith('"1-')
    for wrong in ("x", "1", "0" * 32 + "'", made["id"] + "0"):
        assert client.get(f"{COLLECTIONS}/incidents/items/{wrong}").status_code == 404
    assert client.get(f"{COLLECTIONS}/markers/items/{made['id']}").status_code == 404


def test_the_office_is_told_who_and_when(client):
    made = incident(client)
    assert patch(client, "incidents", made, description="bổ sung").status_code == 200
    entries = client.get(f"{COLLECTIONS}/incidents/items/{made['id']}/history").json()["entries"]
    assert [(one["actor"], one["version"], one["action"]) for one in entries] == [
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
def test_sql_in_a_parameter_is_a_word_like_any_other(name, attack, client):
    answer = client.get(f"{COLLECTIONS}/markers/items", params={name: attack})
    assert answer.status_code in (200, 400)
    if answer.status_code == 200 and name != "lang":
        assert answer.json()["features"] == []
    assert "psycopg" not in answer.text
    assert "syntax" not in answer.text


@pytest.mark.parametrize("attack", SQL)
def test_sql_in_a_path_or_a_name_finds_nothing(attack, client):
    for path in (f"{COLLECTIONS}/{attack}/items", f"{COLLECTIONS}/markers/items/{attack}", f"/api/export/{attack}"):
        assert client.get(path).status_code in (400, 404)
    assert client.get(f"{COLLECTIONS}/markers/items", params={attack: "1"}).status_code == 400


def test_a_file_holds_the_rows_of_its_view_and_says_where_it_is_from(client):
    answer = client.get("/api/export/gates", params={"border": "VN-CN", "sortby": "-name"})
    shown = items(client, "gates", border="VN-CN", sortby="-name", limit=1000)
    assert answer.headers["content-disposition"].startswith('attachment; filename="gates-')
    assert answer.json()["features"] == shown["features"]
    assert "OpenStreetMap" in answer.json()["attribution"]
    assert "withheld_positions" not in answer.json()


@pytest.mark.parametrize(
    "parameters",
    [{"condition": "nonsense"}, {"sortby": "nonsense"}, {"sortby": "original"}, {"nonsense": "1"},
     {"reader": "everybody"}, {"bbox": "1"}, {"version": "x"}],
)  # fmt: skip
def test_a_file_that_cannot_be_is_refused_before_it_begins(parameters, client):
    answer = client.get("/api/export/markers", params=parameters)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_liveness_does_not_ask_the_database(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_every_answer_carries_the_headers_that_guard_the_reader(client):
    for path in ("/ogc", "/nonsense", "/api/locate?q=abc", "/"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"]


def test_the_short_way_leads_to_the_door_that_the_long_one_would(settings, database):
    app = create_app(settings, database)
    straight = [door for router in app.state.routers for door in router.routes if getattr(door, "fast_handler", None)]
    assert {door.name for door in straight} >= {"items", "item", "tile"}
    for door in straight:
        path = re.sub(r"\{\w+\}", "x", door.path)
        every = (route for router in app.state.routers for route in router.routes)
        first = next(route for route in every if "GET" in route.methods and route.path_regex.fullmatch(path))
        assert first is door


def test_the_short_way_refuses_and_heads_like_the_long_one(client):
    for path in ("/ogc/collections/nothing/items", "/ogc/collections/incidents/items?nothing=1"):
        refused = client.get(path, headers={"Accept-Language": "en"})
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["x-content-type-options"] == "nosniff"
    assert client.put("/ogc/collections/markers/items", json={}).status_code == 405
    head = client.head("/ogc/collections/markers/items?limit=1")
    assert head.status_code == 200
    assert not head.content
