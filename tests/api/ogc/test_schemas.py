"""Conformance of queryables, sortables and schemas (OGC API Features, Parts 3, 5 and 8)."""

import pytest
from jsonschema import Draft202012Validator

from api.ogc import schemas
from gis.model.fields import Level
from gis.model.layer import catalog
from gis.write.validation import writable_fields
from tests.api.ogc.documents import COLLECTIONS, MARKERS, get_json, get_problem, href, ids


@pytest.mark.requirement(
    "ogcapi-features-3/1.0/queryables", "queryables-link get-queryables-op get-queryables-response"
)
@pytest.mark.requirement("ogcapi-features-3/1.0/features-filter", "queryables-link get-queryables-op")
@pytest.mark.requirement("ogcapi-features-5/1.0/schemas", "json-schema properties role property-seq unit")
@pytest.mark.requirement("ogcapi-features-8/1.0/sortables", "link get-sortables-op get-sortables-success")
@pytest.mark.parametrize("layer", list(catalog))
@pytest.mark.parametrize("name", ["schema", "queryables", "sortables"])
def test_schema_queryables_and_sortables_are_valid_json_schema(name, layer, client):
    """/req/queryables/get-queryables-response, /req/schemas/json-schema, properties, role, property-seq, unit."""
    collection = get_json(client, f"{COLLECTIONS}/{layer}")
    url = href(collection, f"http://www.opengis.net/def/rel/ogc/1.0/{name}")
    answer = client.get(url, headers={"Accept": "application/schema+json"})
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == url
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    for key, property_ in schema["properties"].items():
        assert property_["title"]
        assert ("type" in property_) != property_.get("format", "").startswith("geometry-"), key
        assert all(keyword.startswith("x-ogc-") for keyword in property_ if keyword.startswith("x-"))
    for role in ("id", "primary-geometry", "primary-instant"):
        assert sum(property_.get("x-ogc-role") == role for property_ in schema["properties"].values()) <= 1


@pytest.mark.requirement(
    "ogcapi-features-5/1.0/core-roles-features", "role-id role-primary-geometry role-primary-instant"
)
@pytest.mark.requirement("ogcapi-features-5/1.0/returnables-and-receivables", "link op response")
@pytest.mark.parametrize("layer", list(catalog))
def test_schema_has_returnables_and_receivables(layer, client):
    """/req/returnables-and-receivables/link, op, response; /req/core-roles-features/role-primary-geometry, -instant."""
    definition = catalog[layer]
    properties = get_json(client, f"{COLLECTIONS}/{layer}/schema")["properties"]
    returned = {name for name, schema in properties.items() if not schema.get("writeOnly")} - {"geometry"}
    accepted = {name for name, schema in properties.items() if not schema.get("readOnly")} - {"geometry", "place"}
    assert accepted == set(writable_fields(definition))
    for feature in get_json(client, f"{COLLECTIONS}/{layer}/items", limit=3)["features"]:
        assert set(feature["properties"]) == returned
    assert ("geometry" in properties) == definition.has_geometry
    if definition.status is not None:
        assert properties[definition.status.name]["readOnly"]
    if definition.time is not None:
        assert properties[definition.time]["x-ogc-role"] == "primary-instant"


def test_schema_of_a_list_has_the_codes_of_its_items(client):
    schema = get_json(client, f"{COLLECTIONS}/tasks/schema")["properties"]["missing_clears"]
    assert "person" in schema["items"]["enum"]
    Draft202012Validator(schema).validate(["person", "time"])
    assert not Draft202012Validator(schema).is_valid(["unknown"])


def test_schema_is_in_the_requested_language(client):
    for language, title in (("vi", "Tình trạng"), ("en", "Condition")):
        schema = get_json(client, f"{COLLECTIONS}/markers/schema", lang=language)["properties"]["condition"]
        assert schema["title"] == title
        assert "intact" in schema["enum"]


@pytest.mark.parametrize("layer", list(catalog))
def test_schemas_omit_fields_above_the_level(layer):
    """Neither the schema nor queryables and sortables have a field above the level of the reader."""
    definition = catalog[layer]
    for reader in Level:
        hidden = set(definition.fields) - set(definition.readable_fields(reader))
        for properties_of in (schemas.queryables, schemas.sortables):
            assert not hidden & set(properties_of(definition, reader, "vi"))
        returned = {
            name
            for name, schema in schemas.returnables(definition, reader, "vi").items()
            if not schema.get("writeOnly")
        }
        assert not hidden & returned
    assert set(definition.fields) - set(definition.readable_fields(Level.PUBLIC)), (
        "every layer has a field that is not public"
    )


@pytest.mark.requirement("ogcapi-features-3/1.0/queryables-query-parameters", "parameters")
@pytest.mark.parametrize("layer", ["markers", "gates", "works", "tasks"])
def test_queryables_are_parameters(layer, client):
    """/req/queryables-query-parameters/parameters: each selects the features with a value, as CQL2 does."""
    url = f"{COLLECTIONS}/{layer}/items"
    feature = get_json(client, url, limit=1)["features"][0]
    for name, schema in get_json(client, f"{COLLECTIONS}/{layer}/queryables")["properties"].items():
        value = feature["properties"].get(name)
        if value is None or schema.get("type") not in ("string", "integer", "number", "boolean"):
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        literal = text if schema["type"] != "string" else "'" + text.replace("'", "''") + "'"
        if schema.get("format") == "uuid" or schema.get("format") is None:
            assert ids(client, url, **{name: text}) == ids(client, url, filter=f'"{name}" = {literal}'), name
        assert feature["id"] in ids(client, url, **{name: text}), name


def test_id_is_a_queryable_and_a_property(client):
    """``id`` works as a parameter, in CQL2 and in ``properties``; the geometry is always returned."""
    some = ids(client)[:3]
    assert set(ids(client, id=",".join(some))) == set(some)
    id_list = ", ".join(f"'{feature_id}'" for feature_id in some)
    assert set(ids(client, filter=f"id IN ({id_list})")) == set(some)
    assert ids(client, filter="id = 'foo'") == []
    get_problem(client, MARKERS, id="foo")
    for chosen, expected in (("id,number", ["id", "number"]), ("geometry,number", ["number"]), ("geometry", [])):
        feature = get_json(client, MARKERS, properties=chosen, id=some[0])["features"][0]
        assert list(feature["properties"]) == expected
        assert set(feature) == {"type", "id", "geometry", "properties"}
