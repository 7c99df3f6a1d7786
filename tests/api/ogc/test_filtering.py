"""Conformance of filters (OGC API Features, Part 3).

``tests/gis/read/test_cql2.py`` compares CQL2 with Python row by row.
"""

import json
import re

import pytest

from gis.model.fields import Level
from layers.incidents import Severity
from tests.api.ogc.documents import COLLECTIONS, EPSG, INCIDENTS, MARKERS, get_json, get_problem, ids
from tests.factories import incident


@pytest.mark.requirement("ogcapi-features-3/1.0/filter", "filter-param filter-lang-param response")
@pytest.mark.requirement("ogcapi-features-3/1.0/features-filter", "filter-param filter-lang-param response")
def test_filter_takes_cql2_text_and_json_only(client, markers):
    """/req/filter/filter-param, filter-lang-param, /req/features-filter/filter-param, response."""
    expected = {marker["id"] for marker in markers if marker["properties"]["border"] == "VN-KH"}
    text = {"filter": "border = 'VN-KH'"}
    in_json = {"filter": json.dumps({"op": "=", "args": [{"property": "border"}, "VN-KH"]}), "filter-lang": "cql2-json"}
    assert set(ids(client, **text)) == set(ids(client, **in_json)) == expected
    assert set(ids(client, **text, **{"filter-lang": "cql2-text"})) == expected
    get_problem(client, MARKERS, **text, **{"filter-lang": "cql"})
    get_problem(client, MARKERS, filter="border =")


@pytest.mark.requirement("ogcapi-features-3/1.0/filter", "mixing-expressions")
def test_filter_is_combined_with_other_parameters_by_and(client, markers):
    """/req/filter/mixing-expressions: all conditions must hold."""
    box = "105.8,11.0,106.3,11.9"
    both = set(ids(client, filter="kind = 'main'", bbox=box, border="VN-KH"))
    assert both == set(ids(client, filter="kind = 'main' AND border = 'VN-KH'")) & set(ids(client, bbox=box))


@pytest.mark.requirement("ogcapi-features-3/1.0/filter", "filter-crs-wgs84 filter-crs-param")
@pytest.mark.requirement("ogcapi-features-3/1.0/features-filter", "filter-crs-param")
def test_filter_literals_are_read_in_filter_crs(client):
    """/req/filter/filter-crs-wgs84, filter-crs-param."""
    degrees = ids(client, filter="S_INTERSECTS(geometry, BBOX(105.8, 11, 106.3, 11.9))")
    swapped = {"filter-crs": EPSG.format(4326)}
    assert ids(client, filter="S_INTERSECTS(geometry, BBOX(11, 105.8, 11.9, 106.3))", **swapped) == degrees
    assert degrees


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("number = '147/6'", lambda row: row["number"] == "147/6"),
        ("number <> '147/6' AND border = 'VN-KH'", lambda row: row["number"] != "147/6" and row["border"] == "VN-KH"),
        ("chainage_m > 100000", lambda row: (row["chainage_m"] or 0) > 100000),
        ("chainage_m IS NULL", lambda row: row["chainage_m"] is None),
        ("NOT (kind = 'sub')", lambda row: row["kind"] not in ("sub", None)),
        ("number LIKE '147/_'", lambda row: re.fullmatch("147/.", row["number"])),
        ("chainage_m BETWEEN 1000 AND 9000", lambda row: 1000 <= (row["chainage_m"] or 0) <= 9000),
        ("number IN ('96', '147/6')", lambda row: row["number"] in ("96", "147/6")),
        ("CASEI(kind) = CASEI('MAIN')", lambda row: row["kind"] == "main"),
        ("ACCENTI(source) LIKE ACCENTI('%moc%')", lambda row: re.search("m[ôo]́?c|mốc", row["source"] or "")),
        ("T_AFTER(created_at, TIMESTAMP('2000-01-01T00:00:00Z'))", lambda row: True),
        ("T_DURING(created_at, INTERVAL('2000-01-01', '2000-12-31'))", lambda row: False),
        ("created_at <= updated_at", lambda row: True),
        ("S_DISJOINT(geometry, BBOX(0, 0, 1, 1))", lambda row: row["position_source"] != "none"),
    ],
)  # fmt: skip
def test_filter_selects_the_same_rows_as_python(text, expected, client, markers):
    """/req/cql2-text, basic-cql2, advanced-comparison-operators, case-insensitive-comparison and the others."""
    assert set(ids(client, filter=text)) == {marker["id"] for marker in markers if expected(marker["properties"])}


@pytest.mark.requirement("ogcapi-features-3/1.0/queryables", "expression-construction")
@pytest.mark.requirement("ogcapi-features-3/1.0/filter", "expression-construction")
def test_hidden_name_is_refused_like_an_unknown_one(client):
    """The same message in filters, sorting, properties and parameters, without details of the database."""
    for parameter, value in (
        ("filter", "{} = 'x'"), ("filter", "{} IS NULL"), ("sortby", "{}"), ("sortby", "-{}"), ("properties", "{}"),
    ):  # fmt: skip
        hidden = get_problem(client, MARKERS, **{parameter: value.format("shared_geom")})
        nonsense = get_problem(client, MARKERS, **{parameter: value.format("qwertz")})
        assert hidden["detail"].replace("shared_geom", "qwertz") == nonsense["detail"]
    hidden, nonsense = get_problem(client, MARKERS, shared_geom="1"), get_problem(client, MARKERS, qwertz="1")
    assert hidden["detail"].replace("shared_geom", "qwertz") == nonsense["detail"]
    assert not re.search(r"postgres|psycopg|column|relation|select", json.dumps(hidden), re.IGNORECASE)


def test_ordered_codes_are_compared_by_their_order(client):
    """The order of the codes of a field applies to comparisons, and the schema documents it."""
    for level, severity in zip(reversed(Level), reversed(Severity), strict=True):
        incident(client, level=level, severity=severity, description="thang bậc")
    mine = {"q": "thang bậc", "limit": 100}
    for condition, number in (
        ("severity >= 'high'", 2),
        ("severity > 'critical'", 0),
        ("'low' < severity", 3),
        ("level > 'public'", 3),
        ("level BETWEEN 'partner' AND 'internal'", 2),
        ("severity > 'grave' OR severity <= 'grave'", 0),
    ):
        assert len(ids(client, INCIDENTS, filter=condition, **mine)) == number, condition
    properties = get_json(client, f"{COLLECTIONS}/incidents/sortables", lang="en")["properties"]
    assert properties["severity"]["description"].startswith("low: Low < medium")
