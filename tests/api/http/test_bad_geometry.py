"""Corpus A of bad input: invalid geometries and locations are refused with their reason and store nothing.

The cases that need a warning in a dry run (A18, A34, A35) and the confirmation of a low accuracy (A36) belong to
imports.
"""

import pytest

from tests.api.http.bad_input import INCIDENTS, SQUARE, assert_refused, point, polygon, post_raw
from tests.factories import create

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
    "A27 boolean as a number": (point(True, 11.5), "type"),
    "A29 metres of Web Mercator": (point(11_800_000, 1_300_000), "out_of_range"),
    "A33 northing and easting": (point(1_203_673.8, 536_487.9), "out_of_range"),
    "integer of 401 digits": (point(10**400, 11.5), "nan"),
    "one point": ({"type": "LineString", "coordinates": [[106, 11.5]]}, "ring"),
    "open ring of several": ({"type": "MultiPolygon", "coordinates": [[SQUARE[:4]]]}, "ring"),
    "no coordinates": ({"type": "Point"}, "type"),
    "coordinates as an object": ({"type": "Point", "coordinates": {"lon": 106}}, "type"),
    "too few nested arrays": ({"type": "Polygon", "coordinates": [106, 11.5]}, "type"),
    "too many nested arrays": ({"type": "Point", "coordinates": [[106, 11.5]]}, "type"),
    "type is a list": ({"type": ["Point"], "coordinates": [106, 11.5]}, "type"),
}  # fmt: skip


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("case", GEOMETRIES)
def test_invalid_geometry_is_refused_with_its_code(case, client):
    geometry, code = GEOMETRIES[case]
    assert_refused(client.post(INCIDENTS, json={"category": "drainage", "geometry": geometry}), 422, "geometry", code)


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.requirement("corpus-A", "A1 A2")
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_malformed_json(number, client):
    assert_refused(
        post_raw(client, f'{{"category":"drainage","geometry":{{"type":"Point","coordinates":[{number},11.5]}}}}'), 400
    )


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.requirement("corpus-A", "A3")
def test_number_that_overflows_a_double_gets_422(client):
    body = '{"category":"drainage","geometry":{"type":"Point","coordinates":[1e999,11.5]}}'
    assert_refused(post_raw(client, body), 422, "geometry", "nan")
    assert_refused(
        post_raw(client, '{"category":"drainage","accuracy_m":1e999,"place":{"text":"147/6"}}'),
        422,
        "accuracy_m",
        "range",
    )


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.requirement("corpus-A", "A11")
def test_null_geometry_is_refused_as_a_missing_place(client):
    assert_refused(client.post(INCIDENTS, json={"category": "drainage", "geometry": None}), 422, "place", "missing")


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.requirement("corpus-A", "A12")
def test_geometry_of_a_marker_must_be_a_point(client):
    body = {"border": "VN-KH", "number": "5", "geometry": polygon(SQUARE)}
    assert_refused(client.post("/ogc/collections/markers/items", json=body), 422, "geometry", "type")


@pytest.mark.requirement("corpus-A", "A17 A22 A28")
def test_repeated_vertex_height_and_extra_decimals_are_accepted(client):
    repeated_vertex = {"type": "LineString", "coordinates": [[105.95, 11.69], [105.95, 11.69], [105.96, 11.69]]}
    assert create(client, "areas", name="x", kind="belt", geometry=repeated_vertex)["geometry"]["type"] == "LineString"
    with_height = create(client, "areas", name="x", kind="belt", geometry=point(105.95, 11.69, 25))
    assert with_height["geometry"] == point(105.95, 11.69)
    precise = create(client, "areas", name="x", kind="belt", geometry=point(105.951234567890123, 11.69))
    assert precise["geometry"] == point(105.951235, 11.69)


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.requirement("corpus-A", "A21")
def test_body_with_100000_vertices_gets_413(client):
    vertices = "[106.000001,11.500001]," * 100_000
    assert_refused(post_raw(client, f'{{"geometry":{{"type":"LineString","coordinates":[{vertices}[1,1]]}}}}'), 413)


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.requirement("corpus-A", "A24")
@pytest.mark.requirement("corpus-B", "B4")
@pytest.mark.parametrize("depth", [60, 300, 900, 100_000])
def test_deep_nesting_is_malformed(depth, client):
    deep = '{"type":"GeometryCollection","geometries":[' * depth + "]}" * depth
    assert_refused(post_raw(client, f'{{"category":"drainage","geometry":{deep}}}'), 400 if depth < 10_000 else 413)
    extra = "[" * depth + "]" * depth
    assert_refused(
        post_raw(
            client, f'{{"category":"drainage","geometry":{{"type":"Point","coordinates":[106,11.5],"x":{extra}}}}}'
        ),
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
def test_invalid_or_ambiguous_place_is_refused_with_its_code(place, code, client):
    answer = client.post(INCIDENTS, json={"category": "drainage", "place": place})
    assert_refused(answer, 422)
    assert code in [error["code"] for error in answer.json()["errors"]], answer.text


@pytest.mark.usefixtures("no_rows_remain")
def test_place_and_geometry_together_are_refused(client):
    body = {"category": "drainage", "place": {"text": "147/6"}, "geometry": point(106, 11.5)}
    assert_refused(client.post(INCIDENTS, json=body), 422, "place", "twice")


def test_only_type_and_coordinates_of_a_geometry_are_stored(client):
    extended = {**point(105.95, 11.69), "note": "a\u202eb", "bbox": [1, 2, 3, 4]}
    created = create(client, "areas", name="x", kind="belt", geometry=extended)
    assert created["properties"]["original"] == {"geometry": point(105.95, 11.69)}
