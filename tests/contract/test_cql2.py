"""The abstract tests of CQL2 (OGC 21-065r2, annex A) for queryables of every type.

The checks and literals are those of the standard; ``tests/gis/read/test_cql2.py`` checks which rows a filter selects.
Valid filters are evaluated by ``gis.read``, invalid ones are sent over HTTP.
"""

import itertools

import pytest

from gis.db import result_of
from gis.model.layer import catalog
from gis.read import pages
from gis.read.cql2 import parse
from gis.read.selection import Selection
from layers.policy import OFFICE
from tests.factories import task

LAYERS = ("gates", "tasks")
MARKERS = "/ogc/collections/markers/items"
COMPARISONS = ("=", "<>", ">", "<", ">=", "<=")
VALUES = {
    "string": "'foo'", "boolean": "true", "number": "3.14", "integer": "1", "date": "DATE('2022-04-14')",
    "date-time": "TIMESTAMP('2022-04-14T14:48:46Z')",
}  # fmt: skip
TIMES = {
    "date-time": ("TIMESTAMP('2022-04-24T07:59:57Z')", "INTERVAL('2021-01-01T00:00:00Z','2021-12-31T23:59:59Z')"),
    "date": ("DATE('2022-04-24')", "INTERVAL('2021-01-01','2021-12-31')"),
}


def type_of(schema):
    """The data type of a queryable in the terms of the standard."""
    if schema.get("format", "").startswith("geometry-"):
        return "geometry"
    return schema["format"] if schema.get("format") in ("date", "date-time") else schema["type"]


@pytest.fixture(scope="module")
def queryables(client):
    """Queryables of every type with their layers, by type."""
    task(client, coordinating_units=["foo", "Công an tỉnh"])
    by_type, seen = {}, set()
    for layer in LAYERS:
        for name, schema in client.get(f"/ogc/collections/{layer}/queryables").json()["properties"].items():
            type_and_format = (layer, type_of(schema), schema.get("format"), "enum" in schema)
            if type_and_format not in seen or type_of(schema) in TIMES:  # one column of each kind suffices
                by_type.setdefault(type_of(schema), []).append((layer, name))
            seen.add(type_and_format)
    assert set(by_type) == {*VALUES, "geometry", "array"}
    return by_type


@pytest.fixture(scope="module")
def evaluated(queryables, database):
    """``evaluated(layer, text)``: the ids of the features that a filter selects; an invalid filter fails the test."""
    cache = {}
    with database.transaction(OFFICE) as session:

        def evaluate(layer, text):
            if (layer, text) not in cache:
                selection = Selection(catalog[layer], OFFICE.level, filter=parse.parse(text), fields=["id"])
                cache[layer, text] = set(result_of(pages.read_features(session, selection)))
            return cache[layer, text]

        yield evaluate


def compare(evaluated, layer, left, right):
    """The features selected by each comparison; asserts that opposite operators select disjoint ones."""
    rows = {sign: evaluated(layer, f"{left} {sign} {right}") for sign in COMPARISONS}
    for sign, opposite in (("=", "<>"), (">", "<="), ("<", ">=")):
        assert not rows[sign] & rows[opposite], (layer, left, sign, right)
    return rows


@pytest.mark.requirement("cql2/1.0/basic-cql2", "property binary-comparison-predicate")
@pytest.mark.parametrize("kind", VALUES)
def test_opposite_comparisons_of_a_property_select_disjoint_rows(kind, queryables, evaluated):
    for layer, name in queryables[kind]:
        compare(evaluated, layer, f'"{name}"', VALUES[kind])


@pytest.mark.requirement("cql2/1.0/property-property", "withdraw-permissions")
@pytest.mark.parametrize("kind", VALUES)
def test_literal_may_stand_left_of_the_property(kind, queryables, evaluated):
    for layer, name in queryables[kind]:
        compare(evaluated, layer, VALUES[kind], f'"{name}"')


@pytest.mark.requirement("cql2/1.0/property-property", "withdraw-permissions")
@pytest.mark.parametrize("kind", VALUES)
def test_property_equals_itself_where_it_is_not_null(kind, queryables, evaluated):
    for layer, name in queryables[kind]:
        rows = compare(evaluated, layer, f'"{name}"', f'"{name}"')
        assert not rows["<>"] | rows["<"] | rows[">"]
        assert rows["="] == rows[">="] == rows["<="] == evaluated(layer, f'"{name}" IS NOT NULL')


@pytest.mark.requirement("cql2/1.0/property-property", "withdraw-permissions")
@pytest.mark.parametrize("value", VALUES.values())
def test_equal_literals_select_every_row(value, evaluated):
    rows = compare(evaluated, "gates", value, value)
    assert not rows["<>"] | rows["<"] | rows[">"]
    assert rows["="] == rows[">="] == rows["<="] == evaluated("gates", "true") != set()


@pytest.mark.requirement("cql2/1.0/basic-cql2", "null-predicate")
def test_is_null_and_is_not_null_partition_the_rows(queryables, evaluated):
    for layer, name in itertools.chain.from_iterable(queryables.values()):
        empty, filled = evaluated(layer, f'"{name}" IS NULL'), evaluated(layer, f'"{name}" is not null')
        assert not empty & filled
        assert empty | filled == evaluated(layer, "true")


@pytest.mark.requirement("cql2/1.0/basic-cql2", "cql2-filter")
def test_true_selects_rows_and_false_none(evaluated):
    for layer in LAYERS:
        assert evaluated(layer, "true")
        assert not evaluated(layer, "false")


@pytest.mark.requirement("cql2/1.0/advanced-comparison-operators", "like-predicate")
def test_like_patterns_and_escapes(queryables, evaluated):
    for layer, name in queryables["string"]:
        some, none = evaluated(layer, f"\"{name}\" like '_%'"), evaluated(layer, f"\"{name}\" like ''")
        assert not some & none
        assert evaluated(layer, f"\"{name}\" LIKE '%'") == evaluated(layer, f"\"{name}\" like '%%'") == some | none
        assert not evaluated(layer, f"\"{name}\" like '\\%\\_'")
    assert evaluated("gates", "'København' LIKE 'K_benhavn'") == evaluated("gates", "true")
    assert not evaluated("gates", "'København' NOT LIKE 'K_benhavn'")


@pytest.mark.requirement("cql2/1.0/advanced-comparison-operators", "between-predicate")
def test_between_selects_no_null_and_nothing_for_a_reversed_range(queryables, evaluated):
    for layer, name in queryables["number"] + queryables["integer"]:
        assert evaluated(layer, f'"{name}" BETWEEN 0 AND 100') <= evaluated(layer, f'"{name}" IS NOT NULL')
        assert not evaluated(layer, f'"{name}" between 100.0 and 1.0')


@pytest.mark.requirement("cql2/1.0/advanced-comparison-operators", "in-predicate")
@pytest.mark.parametrize(
    ("kind", "items"),
    [
        ("number", "1, 2, 3"), ("integer", "1, 2, 3"), ("string", "'foo', 'bar'"), ("boolean", "true"),
        ("date-time", "'2022-04-14T14:52:56Z', '2022-04-14T15:52:56Z'"), ("date", "'2022-04-14', '2022-04-15'"),
    ],
)  # fmt: skip
def test_in_and_not_in_partition_the_non_null_rows(kind, items, queryables, evaluated):
    for layer, name in queryables[kind]:
        inside, outside = evaluated(layer, f'"{name}" in ({items})'), evaluated(layer, f'"{name}" not in ({items})')
        assert not inside & outside
        assert inside | outside == evaluated(layer, f'"{name}" IS NOT NULL')


@pytest.mark.requirement("cql2/1.0/case-insensitive-comparison", "casei-function")
@pytest.mark.requirement("cql2/1.0/accent-insensitive-comparison", "accenti-function")
def test_casei_and_accenti_select_at_least_the_exact_matches(queryables, evaluated):
    for layer, name in queryables["string"]:
        for fold in ("CASEI", "ACCENTI"):
            plain = evaluated(layer, f"\"{name}\" = 'foo'")
            assert evaluated(layer, f"{fold}(\"{name}\") = {fold}('foo')") >= plain
            assert evaluated(layer, f"{fold}(\"{name}\") in ({fold}('foo'), {fold}('FÔO'))") >= plain
            both = evaluated(layer, f"{fold}(\"{name}\") = {fold}('foo') AND {fold}(\"{name}\") <> {fold}('foo')")
            assert not both


WORLD = ("BBOX(-180,-90,180,90)", "POLYGON((-180 -90,180 -90,180 90,-180 90,-180 -90))")


@pytest.mark.requirement("cql2/1.0/basic-spatial-functions", "spatial-predicate spatial-functions spatial-data-types")
def test_s_intersects_with_boxes_and_points_and_invalid_coordinates(client, queryables, evaluated):
    for layer, name in queryables["geometry"]:
        located = evaluated(layer, f'"{name}" IS NOT NULL')
        assert evaluated(layer, f"S_INTERSECTS({name},{WORLD[0]})") == located
        assert evaluated(layer, f"S_INTERSECTS({WORLD[0]},{name})") == located
        halves = [
            evaluated(layer, f"S_INTERSECTS({name},BBOX({box}))") for box in ("150,-90,-150,90", "-150,-90,150,90")
        ]
        assert halves[0] | halves[1] == located
        assert not evaluated(layer, f"S_INTERSECTS({name},POINT(7.02 49.92))")
        for invalid in ("POINT(90 180)", "BBOX(-180,-90,180,181)"):
            url = f"/ogc/collections/{layer}/items"
            assert client.get(url, params={"filter": f"S_INTERSECTS({name},{invalid})"}).status_code == 400


LITERALS = (
    "LINESTRING(-180 11, 180 11)",
    "MULTILINESTRING((-180 -45, 0 -45), (0 11, 180 11))",
    "POLYGON((-180 -90, -90 -90, -90 90, -180 90, -180 -90), (-120 -50, -100 -50, -100 -40, -120 -40, -120 -50))",
    "MULTIPOLYGON(((-180 -90, -90 -90, -90 90, -180 90, -180 -90), (-120 -50, -100 -50, -100 -40, -120 -40,"
    " -120 -50)), ((100 0, 120 0, 120 40, 100 40, 100 0)))",
    "GEOMETRYCOLLECTION(POINT(7.02 49.92), POLYGON((100 0, 120 0, 120 40, 100 40, 100 0)))",
    "MULTIPOINT(7 50, 10 51)",
)


@pytest.mark.requirement("cql2/1.0/basic-spatial-functions-plus", "spatial-data-types")
def test_s_intersects_and_s_disjoint_partition_the_rows_for_every_geometry_type(client, queryables, evaluated):
    for layer, name in queryables["geometry"]:
        for literal in LITERALS:
            intersecting, disjoint = (
                evaluated(layer, f"{function}({name},{literal})") for function in ("S_INTERSECTS", "S_DISJOINT")
            )
            assert not intersecting & disjoint
            assert intersecting | disjoint == evaluated(layer, f'"{name}" IS NOT NULL')
        answer = client.get(MARKERS, params={"filter": f"S_INTERSECTS({name},MULTIPOINT(7.02 49.92, 90 180))"})
        assert answer.status_code == 400


@pytest.mark.requirement("cql2/1.0/spatial-functions", "spatial-functions")
@pytest.mark.parametrize("function", ["EQUALS", "TOUCHES", "CROSSES", "WITHIN", "CONTAINS", "OVERLAPS", "DISJOINT"])
def test_spatial_functions_agree_for_box_and_polygon_and_imply_s_intersects(function, queryables, evaluated):
    for layer, name in queryables["geometry"]:
        box, polygon = (evaluated(layer, f"S_{function}({name},{world})") for world in WORLD)
        assert box == polygon
        assert box == (evaluated(layer, f'"{name}" IS NOT NULL') if function == "WITHIN" else set())
        for literal in ("LINESTRING(7 50, 10 51)", *LITERALS):
            selected = evaluated(layer, f"S_{function}({name},{literal})")
            if function != "DISJOINT":
                assert selected <= evaluated(layer, f"S_INTERSECTS({name},{literal})")
            if function == "CONTAINS":
                assert not selected & evaluated(layer, f"S_WITHIN({name},{literal})")


@pytest.mark.requirement("cql2/1.0/temporal-functions", "temporal-predicates")
@pytest.mark.parametrize("kind", TIMES)
def test_before_after_and_intersects_partition_the_non_null_instants(kind, queryables, evaluated):
    for layer, name in queryables[kind]:
        for value in TIMES[kind]:
            after, before, intersecting, disjoint, equal = (
                evaluated(layer, f'T_{function}("{name}",{value})')
                for function in ("AFTER", "BEFORE", "INTERSECTS", "DISJOINT", "EQUALS")
            )
            assert after | before == disjoint
            assert disjoint | intersecting == evaluated(layer, f'"{name}" IS NOT NULL')
            assert equal <= intersecting
            assert not after & before | disjoint & intersecting


RELATIONS = (
    "AFTER", "BEFORE", "CONTAINS", "DURING", "EQUALS", "FINISHEDBY", "FINISHES", "MEETS", "METBY", "OVERLAPPEDBY",
    "OVERLAPS", "STARTEDBY", "STARTS",
)  # fmt: skip


@pytest.mark.requirement("cql2/1.0/temporal-functions", "temporal-functions")
@pytest.mark.parametrize("kind", TIMES)
def test_exactly_one_allen_relation_holds_between_two_intervals(kind, queryables, evaluated):
    for layer in LAYERS:
        names = [name for name_layer, name in queryables[kind] if name_layer == layer]
        for first, last in itertools.permutations(names, 2):
            span, proper = f'INTERVAL("{first}","{last}")', f'"{first}" < "{last}"'
            selected = [
                evaluated(layer, f"T_{relation}({span},{TIMES[kind][1]}) AND {proper}") for relation in RELATIONS
            ]
            assert sum(map(len, selected)) == len(set().union(*selected))
            assert set().union(*selected) == evaluated(layer, proper)
            disjoint, intersecting = (
                evaluated(layer, f"T_{relation}({span},{TIMES[kind][1]})") for relation in ("DISJOINT", "INTERSECTS")
            )
            assert not disjoint & intersecting


@pytest.mark.requirement("cql2/1.0/array-functions", "array-predicates")
def test_array_functions_agree_with_each_other_and_with_known_rows(queryables, evaluated):
    for layer, name in queryables["array"]:
        rows = {function: evaluated(layer, f"A_{function}({name},('foo','bar'))")
                for function in ("CONTAINS", "CONTAINEDBY", "EQUALS", "OVERLAPS")}  # fmt: skip
        assert rows["CONTAINS"] & rows["CONTAINEDBY"] == rows["EQUALS"]
        assert rows["CONTAINS"] <= rows["OVERLAPS"]
        assert evaluated(layer, f"A_EQUALS({name},{name})") == evaluated(layer, f"{name} IS NOT NULL")
    assert evaluated("tasks", "A_OVERLAPS(coordinating_units,('foo','bar'))")
    assert evaluated("tasks", "A_EQUALS(coordinating_units,('Công an tỉnh','foo'))")
    assert not evaluated("tasks", "A_CONTAINS(coordinating_units,('foo','bar'))")


@pytest.mark.requirement("cql2/1.0/basic-cql2", "cql2-filter")
def test_logical_combinations_of_four_predicates_are_accepted(queryables, evaluated):
    predicates = ["title LIKE '%'", "S_INTERSECTS(geometry,BBOX(0,40,10,50))", "T_AFTER(due_on,DATE('2022-04-24'))",
                  "A_CONTAINS(coordinating_units,('foo'))", "CASEI(title) = CASEI('foo')", "'a' < title"]  # fmt: skip
    for p1, p2, p3, p4 in itertools.islice(itertools.permutations(predicates, 4), 0, None, 30):
        evaluated("tasks", f"((NOT {p1} AND {p2}) OR ({p3} and NOT {p4}) or not ({p1} AND {p4}))")
