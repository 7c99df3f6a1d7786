"""Every requirement of every conformance class that is declared, with the test that it stands.

Names are those of the standards: ``http://www.opengis.net/spec/<part>/req/<class>/<requirement>``. Several requirements
that one look at the same answer proves share a test.
"""

import importlib

import pytest

from api.http import negotiation, parameters as params
from api.ogc import items as features, openapi, schemas, tiles, write as changes
from gis.read.cql2 import compiler

DOORS = (features, negotiation, openapi, params, schemas, changes, tiles)

CONFORMANCE, ABSTRACT, TILES, FILTERS, REFUSALS, CHANGES = (
    f"tests.{name}"
    for name in (
        "api.ogc.test_conformance", "contract.test_cql2", "api.ogc.test_tiles", "gis.read.test_cql2",
        "api.http.test_bad_input", "api.ogc.test_write",
    )
)  # fmt: skip

STANDS = {
    "ogcapi-common-1/1.0 core": {
        "root-op root-success conformance-op conformance-success": (CONFORMANCE, "test_core_root_and_conformance"),
        "http query-param-invalid query-param-unknown": (CONFORMANCE, "test_core_parameters"),
        "api-definition-op api-definition-success": (CONFORMANCE, "test_oas30_definition"),
    },
    "ogcapi-common-1/1.0 html": {"definition content": (CONFORMANCE, "test_html_content")},
    "ogcapi-common-1/1.0 json": {"definition content": (CONFORMANCE, "test_core_collections")},
    "ogcapi-common-1/1.0 oas30": {
        "oas-definition-1 oas-definition-2 oas-impl": (CONFORMANCE, "test_oas30_definition"),
        "completeness exceptions-codes security": (CONFORMANCE, "test_oas30_parameters_of_each_layer"),
    },
    "ogcapi-features-1/1.0 core": {
        "root-op root-success conformance-op conformance-success": (CONFORMANCE, "test_core_root_and_conformance"),
        "api-definition-op api-definition-success": (CONFORMANCE, "test_oas30_definition"),
        "http query-param-unknown query-param-invalid": (CONFORMANCE, "test_core_parameters"),
        "crs84": (CONFORMANCE, "test_crs_of_answers"),
        "fc-md-op fc-md-success fc-md-links fc-md-items fc-md-items-links fc-md-extent sfc-md-op sfc-md-success": (
            CONFORMANCE, "test_core_collections",
        ),
        "fc-op fc-response fc-links fc-rel-type fc-timeStamp fc-numberMatched fc-numberReturned": (
            CONFORMANCE, "test_core_items",
        ),
        "f-op f-success f-links": (CONFORMANCE, "test_core_items"),
        "fc-limit-definition fc-limit-response-1": (CONFORMANCE, "test_core_limit"),
        "fc-bbox-definition": (CONFORMANCE, "test_core_bbox"),
        "fc-bbox-response": (
            CONFORMANCE, "test_core_bbox", "test_core_bbox_over_the_antimeridian",
            "test_core_bbox_of_what_stands_nowhere",
        ),
        "fc-time-definition fc-time-response": (CONFORMANCE, "test_core_datetime"),
    },
    "ogcapi-features-1/1.0 geojson": {"definition content": (CONFORMANCE, "test_geojson_definition")},
    "ogcapi-features-1/1.0 html": {
        "definition": (CONFORMANCE, "test_html_content"),
        "content": (CONFORMANCE, "test_html_pages_lead_on"),
    },
    "ogcapi-features-1/1.0 oas30": {
        "oas-definition-1 oas-definition-2 oas-impl": (CONFORMANCE, "test_oas30_definition"),
        "completeness exceptions-codes security": (CONFORMANCE, "test_oas30_parameters_of_each_layer"),
    },
    "ogcapi-features-2/1.0 crs": {
        "crs-uri fc-md-crs-list fc-md-crs-list-global fc-md-storageCrs fc-md-storageCrs-valid-value": (
            CONFORMANCE, "test_crs_of_collections",
        ),
        "fc-bbox-crs-definition bbox-crs-action fc-bbox-crs-valid-defaultValue": (CONFORMANCE, "test_crs_of_bbox"),
        "fc-bbox-crs-valid-value fc-crs-valid-value": (CONFORMANCE, "test_crs_unknown"),
        "fc-crs-definition fc-crs-valid-defaultValue crs-action geojson ogc-crs-header ogc-crs-header-value": (
            CONFORMANCE, "test_crs_of_answers",
        ),
    },
    "ogcapi-features-3/1.0 queryables": {
        "queryables-link get-queryables-op get-queryables-response": (CONFORMANCE, "test_schemas_json_schema"),
        "expression-construction": (CONFORMANCE, "test_a_hidden_name_is_refused_like_nonsense"),
    },
    "ogcapi-features-3/1.0 queryables-query-parameters": {
        "parameters": (CONFORMANCE, "test_queryables_are_parameters"),
    },
    "ogcapi-features-3/1.0 filter": {
        "filter-param filter-lang-param response": (CONFORMANCE, "test_filter_parameters"),
        "filter-crs-wgs84 filter-crs-param": (CONFORMANCE, "test_filter_crs"),
        "expression-construction": (CONFORMANCE, "test_a_hidden_name_is_refused_like_nonsense"),
        "mixing-expressions": (CONFORMANCE, "test_filter_mixes_with_other_parameters"),
    },
    "ogcapi-features-3/1.0 features-filter": {
        "queryables-link get-queryables-op": (CONFORMANCE, "test_schemas_json_schema"),
        "filter-param filter-lang-param response": (CONFORMANCE, "test_filter_parameters"),
        "filter-crs-param": (CONFORMANCE, "test_filter_crs"),
    },
    "ogcapi-features-4/1.0 create-replace-delete": {
        "methods": (CONFORMANCE, "test_methods_are_told"),
        "insert-post-op insert-body insert-response insert-response-rid": (CONFORMANCE, "test_create_replace_delete"),
        "insert-content-type update-content-type": (CHANGES, "test_a_write_is_json"),
        "update-put-op update-put-body update-put-response update-put-rid": (CONFORMANCE, "test_create_replace_delete"),
        "update-put-rid-exception": (CONFORMANCE, "test_create_replace_delete"),
        "delete-op delete-response": (CONFORMANCE, "test_create_replace_delete"),
    },
    "ogcapi-features-4/1.0 update": {
        "methods accept-patch": (CONFORMANCE, "test_methods_are_told"),
        "patch-op body response rid": (CONFORMANCE, "test_update"),
        "content-type": (CHANGES, "test_a_write_is_json"),
    },
    "ogcapi-features-4/1.0 optimistic-locking-etags": {
        "etag-get-response etag-put-response etag-patch-response ifmatch-missing": (
            CONFORMANCE, "test_optimistic_locking",
        ),
        "ifmatch-put-op ifmatch-put-eval ifmatch-patch-op ifmatch-patch-eval ifmatch-delete-op ifmatch-delete-eval": (
            CONFORMANCE, "test_optimistic_locking",
        ),
    },
    "ogcapi-features-4/1.0 features": {
        "resources-endpoint resource-endpoint": (CONFORMANCE, "test_create_replace_delete"),
        "geojson-create-replace schema": (CONFORMANCE, "test_a_feature_goes_back_as_it_was_read"),
        "update-json-merge-patch": (CONFORMANCE, "test_update"),
        "content-crs-header default-crs other-crs": (CONFORMANCE, "test_content_crs"),
    },
    "ogcapi-features-5/1.0 schemas": {
        "json-schema properties role property-seq unit": (CONFORMANCE, "test_schemas_json_schema"),
    },
    "ogcapi-features-5/1.0 core-roles-features": {
        "role-id role-primary-geometry role-primary-instant": (
            CONFORMANCE, "test_schema_says_what_comes_out_and_what_goes_in",
        ),
    },
    "ogcapi-features-5/1.0 returnables-and-receivables": {
        "link op response": (CONFORMANCE, "test_schema_says_what_comes_out_and_what_goes_in"),
    },
    "ogcapi-features-8/1.0 sortables": {
        "link get-sortables-op get-sortables-success": (CONFORMANCE, "test_schemas_json_schema"),
        "get-sortables-response": (CONFORMANCE, "test_sorting"),
    },
    "ogcapi-features-8/1.0 sorting": {"sortby-definition sortby-response": (CONFORMANCE, "test_sorting")},
    "ogcapi-features-8/1.0 features-sorting": {"sortby": (CONFORMANCE, "test_sorting")},
    "cql2/1.0 cql2-text": {
        "validate escaping": (FILTERS, "test_the_text_of_a_filter_finds_the_same_as_its_json"),
    },
    "cql2/1.0 cql2-json": {"validate": (FILTERS, "test_any_json_is_a_filter_or_refused")},
    "cql2/1.0 basic-cql2": {
        "cql2-filter": (ABSTRACT, "test_boolean", "test_logical_combinations"),
        "property binary-comparison-predicate": (ABSTRACT, "test_comparison"),
        "null-predicate": (ABSTRACT, "test_is_null"),
    },
    "cql2/1.0 advanced-comparison-operators": {
        "like-predicate": (ABSTRACT, "test_like"),
        "between-predicate": (ABSTRACT, "test_between"),
        "in-predicate": (ABSTRACT, "test_in"),
    },
    "cql2/1.0 case-insensitive-comparison": {"casei-function": (ABSTRACT, "test_casei_and_accenti")},
    "cql2/1.0 accent-insensitive-comparison": {"accenti-function": (ABSTRACT, "test_casei_and_accenti")},
    "cql2/1.0 basic-spatial-functions": {
        "spatial-predicate spatial-functions spatial-data-types": (ABSTRACT, "test_s_intersects"),
    },
    "cql2/1.0 basic-spatial-functions-plus": {"spatial-data-types": (ABSTRACT, "test_s_intersects_with_any_literal")},
    "cql2/1.0 spatial-functions": {
        "spatial-functions": (ABSTRACT, "test_spatial_functions"),
        "spatial-data-types": (FILTERS, "test_a_filter_finds_the_rows_that_python_finds"),
    },
    "cql2/1.0 temporal-functions": {
        "temporal-predicates": (ABSTRACT, "test_temporal_functions_of_an_instant"),
        "temporal-functions": (ABSTRACT, "test_temporal_functions_of_an_interval"),
    },
    "cql2/1.0 array-functions": {"array-predicates": (ABSTRACT, "test_array_functions")},
    "cql2/1.0 property-property": {
        "withdraw-permissions": (
            ABSTRACT, "test_value_against_property", "test_property_against_property", "test_value_against_value",
        ),
    },
    "ogcapi-tiles-1/1.0 core": {
        "tc-op tc-tilematrix-definition tc-tilerow-definition tc-tilecol-definition": (
            TILES, "test_a_tile_holds_the_items_of_its_box",
        ),
        "tc-success": (TILES, "test_an_empty_tile_has_no_content"),
        "tc-error": (TILES, "test_what_is_not_there_is_missing"),
    },
    "ogcapi-tiles-1/1.0 tileset": {
        "description desc-links": (TILES, "test_the_tilesets_are_found_from_the_collection"),
    },
    "ogcapi-tiles-1/1.0 tilesets-list": {
        "tileset-list": (TILES, "test_the_tilesets_are_found_from_the_collection"),
    },
    "ogcapi-tiles-1/1.0 geodata-tilesets": {
        "desc-op desc-success": (TILES, "test_the_tilesets_are_found_from_the_collection"),
    },
    "ogcapi-tiles-1/1.0 mvt": {
        "content media-type": (TILES, "test_a_tile_holds_the_items_of_its_box"),
    },
}  # fmt: skip

REQUIREMENTS = [
    (part, kind, requirement, where)
    for named, proofs in STANDS.items()
    for part, kind in [named.split()]
    for requirements, where in proofs.items()
    for requirement in requirements.split()
]
DECLARED = [one for door in DOORS for one in door.CONFORMS_TO]


def test_just_what_is_tested_is_declared(client):
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    assert sorted(declared) == sorted(DECLARED)
    assert len(declared) == len(set(declared))
    classes = (named.split() for named in STANDS)
    assert set(declared) == {f"http://www.opengis.net/spec/{part}/conf/{kind}" for part, kind in classes}
    assert set(compiler.CONFORMS_TO) < set(declared)


@pytest.mark.parametrize(
    ("part", "kind", "requirement", "where"),
    REQUIREMENTS,
    ids=[f"http://www.opengis.net/spec/{part}/req/{kind}/{name}" for part, kind, name, _ in REQUIREMENTS],
)
def test_each_requirement_has_its_test(part, kind, requirement, where):
    module, *names = where
    assert names
    for name in names:
        assert callable(getattr(importlib.import_module(module), name, None)), (part, kind, requirement, name)
