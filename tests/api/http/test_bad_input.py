"""The corpus of bad input: each case is refused with its reason, and leaves nothing behind.

Of part A the cases that ask for a warning in a dry run (A18, A34, A35) and the confirmation of a low accuracy (A36)
belong to imports. Where the corpus says 400 for a number that JSON itself cannot hold, the number is what is refused.
"""

import gzip
import json
import socket

import pytest

from gis.text.dates import today
from tests.factories import create, incident, patch, task
from tests.hostile_texts import ACCEPTED

INCIDENTS, AREAS = "/ogc/collections/incidents/items", "/ogc/collections/areas/items"
JSON = {"Content-Type": "application/json"}


def point(*coordinates):
    return {"type": "Point", "coordinates": list(coordinates)}


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [list(ring) for ring in rings]}


SQUARE = [[106, 11.5], [106.1, 11.5], [106.1, 11.6], [106, 11.6], [106, 11.5]]
OUTSIDE = [[107, 12], [107.01, 12], [107.01, 12.01], [107, 12]]

GEOMETRIES = {
    "A4 longitude 1000": (point(1000, 11), "out_of_range"),
    "A5 latitude 95": (point(106, 95), "out_of_range"),
    "A6 swapped": (point(11.3, 106.1), "maybe_swapped"),
    "A7 in Hà Nội": (point(105.85, 21.03), "out_of_area"),
    "A9 null island": (point(0, 0), "null_island"),
    "A10 empty point": (point(), "type"),
    "A10 empty polygon": ({"type": "Polygon", "coordinates": []}, "empty"),
    "A12 unknown type": ({"type": "Circle", "coordinates": [106, 11.5]}, "type"),
    "A13 bowtie": (polygon([[106, 11.5], [106.1, 11.6], [106.1, 11.5], [106, 11.6], [106, 11.5]]), "self_intersection"),
    "A14 open ring": (polygon(SQUARE[:4]), "ring"),
    "A15 three points": (polygon([SQUARE[0], SQUARE[1], SQUARE[0]]), "ring"),
    "A16 no length": ({"type": "LineString", "coordinates": [[106, 11.5], [106, 11.5]]}, "empty"),
    "A19 hole outside": (polygon(SQUARE, OUTSIDE), "self_intersection"),
    "A20 20,001 vertices": (
        {"type": "LineString", "coordinates": [[106 + n / 1e6, 11.5] for n in range(20_001)]},
        "too_complex",
    ),
    "A23 four ordinates": (point(106, 11.5, 0, 0), "type"),
    "A25 collection": ({"type": "GeometryCollection", "geometries": [point(106, 11.5)]}, "type"),
    "A26 across the antimeridian": ({"type": "LineString", "coordinates": [[179, 11], [-179, 11]]}, "out_of_area"),
    "A27 numbers as text": (point("106", "11.5"), "type"),
    "A27 truth for a number": (point(True, 11.5), "type"),
    "A29 metres of Web Mercator": (point(11_800_000, 1_300_000), "out_of_range"),
    "A33 northing and easting": (point(1_203_673.8, 536_487.9), "out_of_range"),
    "a number without end": (point(10**400, 11.5), "nan"),
    "one point": ({"type": "LineString", "coordinates": [[106, 11.5]]}, "ring"),
    "open ring of several": ({"type": "MultiPolygon", "coordinates": [[SQUARE[:4]]]}, "ring"),
    "no coordinates": ({"type": "Point"}, "type"),
    "coordinates as an object": ({"type": "Point", "coordinates": {"lon": 106}}, "type"),
    "too flat": ({"type": "Polygon", "coordinates": [106, 11.5]}, "type"),
    "too deep": ({"type": "Point", "coordinates": [[106, 11.5]]}, "type"),
    "type is a list": ({"type": ["Point"], "coordinates": [106, 11.5]}, "type"),
}  # fmt: skip


@pytest.fixture
def no_rows_remain(client):
    """Whatever the case sends, no row comes of it."""

    def tell():
        return [client.get(items, params={"limit": 10000}).json()["numberMatched"] for items in (INCIDENTS, AREAS)]

    before = tell()
    yield
    assert tell() == before


def refusal(answer, status, field=None, code=None):
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    assert "psycopg" not in answer.text
    if field is not None:
        assert (field, code) in [(one["field"], one["code"]) for one in answer.json()["errors"]], answer.text[:500]


def send(client, body):
    return client.post(INCIDENTS, content=body if isinstance(body, bytes) else body.encode(), headers=JSON)


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("case", GEOMETRIES)
def test_a_bad_geometry_is_refused_with_its_reason(case, client):
    geometry, code = GEOMETRIES[case]
    refusal(client.post(INCIDENTS, json={"category": "drainage", "geometry": geometry}), 422, "geometry", code)


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a1_a2_what_is_no_json_number_is_malformed(number, client):
    refusal(send(client, f'{{"category":"drainage","geometry":{{"type":"Point","coordinates":[{number},11.5]}}}}'), 400)


@pytest.mark.usefixtures("no_rows_remain")
def test_a3_a_number_beyond_all_bounds_is_not_finite(client):
    body = '{"category":"drainage","geometry":{"type":"Point","coordinates":[1e999,11.5]}}'
    refusal(send(client, body), 422, "geometry", "nan")
    refusal(
        send(client, '{"category":"drainage","accuracy_m":1e999,"place":{"text":"147/6"}}'), 422, "accuracy_m", "range"
    )


@pytest.mark.usefixtures("no_rows_remain")
def test_a11_no_geometry_is_no_place(client):
    refusal(client.post(INCIDENTS, json={"category": "drainage", "geometry": None}), 422, "place", "missing")


@pytest.mark.usefixtures("no_rows_remain")
def test_a12_a_marker_is_a_point(client):
    body = {"border": "VN-KH", "number": "5", "geometry": polygon(SQUARE)}
    refusal(client.post("/ogc/collections/markers/items", json=body), 422, "geometry", "type")


def test_a17_a22_a28_what_can_be_mended_without_guessing_is(client):
    twice = {"type": "LineString", "coordinates": [[105.95, 11.69], [105.95, 11.69], [105.96, 11.69]]}
    assert create(client, "areas", name="x", kind="belt", geometry=twice)["geometry"]["type"] == "LineString"
    high = create(client, "areas", name="x", kind="belt", geometry=point(105.95, 11.69, 25))
    assert high["geometry"] == point(105.95, 11.69)
    fine = create(client, "areas", name="x", kind="belt", geometry=point(105.951234567890123, 11.69))
    assert fine["geometry"] == point(105.951235, 11.69)


@pytest.mark.usefixtures("no_rows_remain")
def test_a21_a_million_vertices_are_too_large(client):
    line = "[106.000001,11.500001]," * 100_000
    refusal(send(client, f'{{"geometry":{{"type":"LineString","coordinates":[{line}[1,1]]}}}}'), 413)


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("depth", [60, 300, 900, 100_000])
def test_a24_b4_endless_nesting_is_malformed(depth, client):
    deep = '{"type":"GeometryCollection","geometries":[' * depth + "]}" * depth
    refusal(send(client, f'{{"category":"drainage","geometry":{deep}}}'), 400 if depth < 10_000 else 413)
    extra = "[" * depth + "]" * depth
    refusal(
        send(client, f'{{"category":"drainage","geometry":{{"type":"Point","coordinates":[106,11.5],"x":{extra}}}}}'),
        400,
    )


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({"text": "1203673.846 536487.939", "crs": "EPSG:999999"}, "unknown_crs"),
        ({"text": "X=1203673.846 Y=536487.939", "crs": "EPSG:9218"}, "out_of_area"),
        ({"text": "X=536487.939 Y=1203673.846", "crs": "EPSG:9210"}, "swapped_axes"),
        ({"text": "0.0, 0.0"}, "out_of_range"),
        ({"text": "nan, nan"}, "not_finite"),
        ({"text": "96"}, "ambiguous"),
        ({"text": "cách mốc 147/6 khoảng 120 m"}, "ambiguous"),
        ({"text": ""}, "empty"),
        ({"text": "x" * 201}, "too_long"),
        ({"text": 96}, "type"),
        ({"text": "96", "zone": "48"}, "unknown_field"),
        ({}, "missing"),
        ("147/6", "type"),
        ([], "type"),
    ],
)
def test_a30_to_a33_a_place_in_words_has_one_meaning(place, code, client):
    answer = client.post(INCIDENTS, json={"category": "drainage", "place": place})
    refusal(answer, 422)
    assert code in [one["code"] for one in answer.json()["errors"]], answer.text


@pytest.mark.usefixtures("no_rows_remain")
def test_a_place_is_given_in_one_way_only(client):
    body = {"category": "drainage", "place": {"text": "147/6"}, "geometry": point(106, 11.5)}
    refusal(client.post(INCIDENTS, json=body), 422, "place", "twice")


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"category": "drainage"', b"[]", b'"x"', b"null", b"1", b"{'category': 1}", b"{,}",
        b"\xff\xfe{\x00}\x00",
        '{"category":"drainage"}'.encode("utf-16"), b'\xef\xbb\xbf{"category":"drainage"}', b'{"category":"\xff"}',
        b'{"category":"drainage","category":"smuggling","place":{"text":"147/6"}}',
        b'{"category":"drainage","place":{"text":"147/6","text":"96"}}',
        b'{"category":"drainage","geometry":{"type":"Point","coordinates":[106,11.5],"coordinates":[0,0]}}',
        b"9" * 5000, b'{"accuracy_m":' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_b1_b2_b3_b8_what_is_not_one_json_object_is_malformed(body, client):
    refusal(send(client, body), 400)


@pytest.mark.usefixtures("no_rows_remain")
def test_b5_b6_a_body_beyond_what_is_taken_is_too_large(client, settings):
    refusal(send(client, b'{"description":"' + b"x" * 11_000_000 + b'"}'), 413)

    def endless():
        for _ in range(400):
            yield b'{"description":"' + b"x" * 10_000

    refusal(client.post(INCIDENTS, content=endless(), headers=JSON), 413)


@pytest.mark.usefixtures("no_rows_remain")
def test_b7_b24_a_form_or_a_packed_body_is_not_taken(client):
    refusal(client.post(INCIDENTS, data={"category": "drainage"}), 415)
    packed = gzip.compress(b'{"category":"drainage"}')
    refusal(client.post(INCIDENTS, content=packed, headers={**JSON, "Content-Encoding": "gzip"}), 415)
    refusal(client.post(INCIDENTS, content=b"{}"), 415)


HIDDEN = {
    "B9 NUL": "a\x00b", "B10 lone surrogate": "a\ud800b", "B12 right-to-left override": "a\u202eb",
    "B13 zero width": "14\u200b7", "byte order mark": "a\ufeffb", "escape": "a\x1bb", "isolate": "a\u2066b",
    "delete": "a\x7fb",
}  # fmt: skip


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("case", HIDDEN)
def test_b9_to_b13_hidden_characters_are_refused_wherever_they_stand(case, client):
    text = HIDDEN[case]

    def post(url, **body):
        return client.post(url, content=json.dumps(body), headers=JSON)

    good = {"category": "drainage", "place": {"text": "147/6"}}
    refusal(post(INCIDENTS, **{**good, "description": text}), 422, "description", "characters")
    refusal(post(INCIDENTS, **{**good, "place": {"text": text}}), 422)
    refusal(post(INCIDENTS, **{**good, "category": text}), 422, "category", "code")
    refusal(post(INCIDENTS, **{**good, text: 1}), 422)
    refusal(post("/ogc/collections/tasks/items", title="x", coordinating_units=["x", text]), 422)
    made = task(client)
    moves = f"/ogc/collections/tasks/items/{made['id']}/moves"
    refusal(post(moves, to="assigned", reason=text), 422, "reason", "characters")
    links = f"/ogc/collections/tasks/items/{made['id']}/links"
    refusal(post(links, at=text, role="site"), 422)


def test_of_a_geometry_nothing_is_kept_but_type_and_coordinates(client):
    beside = {**point(105.95, 11.69), "note": "a\u202eb", "bbox": [1, 2, 3, 4]}
    made = create(client, "areas", name="x", kind="belt", geometry=beside)
    assert made["properties"]["original"] == {"geometry": point(105.95, 11.69)}


def test_b11_text_is_kept_composed(client):
    made = incident(client, description="Điểm nóng".encode().decode(), unit="Đô\u0300n")
    assert made["properties"]["unit"] == "Đồn"
    found = client.get(INCIDENTS, params={"unit": "Đồn"}).json()
    assert made["id"] in [one["id"] for one in found["features"]]


FIELDS = {
    "B14 too long": ({"description": "x" * 5001}, "description", "too_long"),
    "B15 unknown": ({"colour": "red"}, "colour", "unknown_field"),
    "B16 version": ({"version": 7}, "version", "read_only"),
    "B16 code": ({"code": "SV-2026-9999"}, "code", "read_only"),
    "B16 chainage": ({"chainage_m": 1}, "chainage_m", "read_only"),
    "B16 who": ({"created_by": "boss"}, "created_by", "read_only"),
    "B16 id": ({"id": "00000000-0000-4000-8000-000000000000"}, "id", "read_only"),
    "B16 column": ({"shared_geom": None}, "shared_geom", "unknown_field"),
    "B17 no such day": ({"occurred_at": "2026-02-30T08:00:00+07:00"}, "occurred_at", "type"),
    "B18 no zone": ({"occurred_at": "2026-01-30T08:00:00"}, "occurred_at", "zone"),
    "B19 year 9999": ({"occurred_at": "9999-01-01T00:00:00Z"}, "occurred_at", "date"),
    "B19 year 1": ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at", "date"),
    "B20 in the future": ({"occurred_at": "2099-01-01T00:00:00Z"}, "occurred_at", "future"),
    "B22 too great": ({"accuracy_m": 2**63}, "accuracy_m", "range"),
    "B23 truth": ({"accuracy_m": True}, "accuracy_m", "type"),
    "text for a number": ({"accuracy_m": "5"}, "accuracy_m", "type"),
    "number for text": ({"description": 5}, "description", "type"),
    "object for text": ({"description": {"a": 1}}, "description", "type"),
    "list for a code": ({"side": ["ours"]}, "side", "code"),
    "code in capitals": ({"side": "OURS"}, "side", "code"),
    "number for a time": ({"occurred_at": 1_700_000_000}, "occurred_at", "type"),
    "unknown border": ({"border": "VN-TH"}, "border", "code"),
    "unknown level": ({"level": "secret"}, "level", "code"),
}


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("case", FIELDS)
def test_b14_to_b23_a_value_that_will_not_do_is_named(case, client):
    given, field, code = FIELDS[case]
    refusal(
        client.post(INCIDENTS, json={"category": "drainage", "place": {"text": "147/6"}, **given}), 422, field, code
    )


@pytest.mark.usefixtures("no_rows_remain")
def test_a_negative_accuracy_is_refused(client):
    body = {"category": "drainage", "geometry": point(105.95, 11.69), "position_source": "gps", "accuracy_m": -1}
    answer = client.post(INCIDENTS, json=body)
    refusal(answer, 422)
    assert [one["field"] for one in answer.json()["errors"]] == ["accuracy_m"]


@pytest.mark.usefixtures("no_rows_remain")
def test_every_field_at_fault_is_named_at_once(client):
    answer = client.post(INCIDENTS, json={"category": "x", "side": "y", "colour": 1, "version": 2, "description": 3})
    assert {one["field"] for one in answer.json()["errors"]} == {"category", "side", "colour", "version", "description"}


@pytest.mark.parametrize(
    ("layer", "given", "field"),
    [
        ("works", {"progress": 101}, "progress"),
        ("works", {"progress": -1}, "progress"),
        ("works", {"progress": 2**31}, "progress"),
        ("works", {"progress": 1.5}, "progress"),
        ("works", {"cost_planned": 1e20}, "cost_planned"),
        ("works", {"due_on": "2026-02-30"}, "due_on"),
        ("works", {"due_on": "30/01/2026"}, "due_on"),
        ("works", {"due_on": 20260130}, "due_on"),
        ("works", {"link": "x"}, "link"),
        ("tasks", {"coordinating_units": "Sở Ngoại vụ"}, "coordinating_units"),
        ("tasks", {"coordinating_units": ["x"] * 101}, "coordinating_units"),
        ("documents", {"number": "không số"}, "number"),
        ("sectors", {"demarcated": "yes"}, "demarcated"),
    ],
)
def test_values_of_other_layers_are_judged_alike(layer, given, field, client):
    from gis.model.layer import catalog
    from tests.factories import minimal_body

    answer = client.post(f"/ogc/collections/{layer}/items", json=minimal_body(catalog[layer], **given))
    refusal(answer, 422)
    assert [one["field"].split(".")[0] for one in answer.json()["errors"]] == [field]


def test_b20_a_clock_that_runs_ahead_a_little_is_believed(client):
    import datetime as dt

    soon = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)
    assert incident(client, occurred_at=soon.isoformat())["properties"]["code"].startswith(f"SV-{today().year}")


def test_b21_what_is_no_id_is_missing(client):
    for item in ("1", "x", "%00", "00000000-0000-4000-8000-00000000000g", "null"):
        assert client.get(f"{INCIDENTS}/{item}").status_code == 404, item


def test_b25_b27_headers_beyond_reason_are_refused_by_the_server(settings):
    def knock(request):
        with socket.create_connection(("127.0.0.1", settings.port), timeout=10) as line:
            line.sendall(request)
            return line.recv(65536).split(b"\r\n", 1)[0]

    host = f"Host: localhost:{settings.port}\r\n".encode()
    assert b" 400 " in knock(b"GET /ogc HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    long = b"X-Long: " + b"x" * 1_000_000 + b"\r\n"
    assert b" 500" not in knock(b"GET /ogc HTTP/1.1\r\n" + host + long + b"Connection: close\r\n\r\n")
    odd = b"POST /ogc/collections/incidents/items HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
    for length in (b"x", b"-1", b"1e3"):
        answer = knock(odd + b"Content-Length: " + length + b"\r\nConnection: close\r\n\r\n")
        assert b" 400" in answer, (length, answer)


def test_b28_one_key_per_create_and_a_readable_one(client):
    body = json.dumps({"category": "drainage", "place": {"text": "147/6"}})
    two = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), *JSON.items()]
    refusal(client.post(INCIDENTS, content=body, headers=two), 400)
    for key in ("", "x" * 1000):
        refusal(client.post(INCIDENTS, content=body, headers=[("Idempotency-Key", key), *JSON.items()]), 400)


SECRETS = [
    "MẬT",
    "Tài liệu: TỐI MẬT",
    "TUYỆT MẬT",
    "T U Y Ệ T   M Ậ T",
    "Độ mật: mật",
    "độ mật tối mật",
    "(MẬT)",
    "M Ậ T",
]
ORDINARY = [
    "bảo vệ bí mật nhà nước",
    "BẢO MẬT",
    "BÍ MẬT",
    "mật ong",
    "mật độ dân cư",
    "Mật",
    "CẬP NHẬT",
    "mật khẩu",
    "MẬTX",
]


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("text", SECRETS)
def test_a_text_with_a_secrecy_stamp_is_never_stored(text, client):
    good = {"category": "drainage", "place": {"text": "147/6"}}
    refusal(client.post(INCIDENTS, json={**good, "description": text}), 422, "description", "state_secret")
    refusal(client.post(AREAS, json={"name": "x", "kind": "belt", "geometry": {**point(106, 11.5), "note": text}}), 422)
    made = task(client)
    refusal(patch(client, "tasks", made, coordinating_units=[text]), 422, "coordinating_units", "state_secret")
    url = f"/ogc/collections/tasks/items/{made['id']}"
    refusal(client.post(f"{url}/moves", json={"to": "assigned", "reason": text}), 422, "reason", "state_secret")
    refusal(
        client.post(f"{url}/links", json={"at": "147/6", "role": "site", "reason": text}), 422, "reason", "state_secret"
    )
    gate = create(client, "gates", name="Cửa khẩu thử", border="VN-KH")
    events = f"/ogc/collections/gates/items/{gate['id']}/events"
    event = {"kind": "note", "on": "2026-01-01"}
    refusal(client.post(events, json={**event, "note": text}), 422, "note", "state_secret")
    refusal(client.post(events, json={**event, "reason": text}), 422, "reason", "state_secret")


@pytest.mark.parametrize("text", ORDINARY)
def test_a_word_that_only_looks_like_a_stamp_is_a_word(text, client):
    assert incident(client, description=text)["properties"]["description"] == text


@pytest.mark.parametrize("text", [*ACCEPTED.values(), "a\nb\tc"])
def test_text_that_means_something_elsewhere_is_text_here(text, client):
    made = incident(client, description=text)
    assert made["properties"]["description"] == text
    page = client.get("/incidents")
    assert page.status_code == 200
    assert "<script>alert(1)" not in page.text
