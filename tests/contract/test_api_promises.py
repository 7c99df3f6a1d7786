"""The API of every layer: RFC 7946, ETags, PUT of unchanged content, assumed positions, 404."""

import json
import uuid

import pytest
from shapely import LinearRing, to_geojson
from shapely.geometry import shape

from gis.model.layer import catalog
from tests.contract.layer_groups import (
    create_assumed_row,
    create_row,
    every_editable_layer,
    every_editable_layer_with_geometry,
    every_layer_with_geometry,
    positions,
)
from tests.factories import POINT, SHAPES, minimal_body


@every_layer_with_geometry
def test_items_conform_to_rfc_7946(layer, database, client):
    row = str(create_row(database, layer))
    answer = client.get(f"/ogc/collections/{layer.name}/items/{row}")
    assert answer.headers["content-type"] == "application/geo+json"
    feature = answer.json()
    assert feature["type"] == "Feature"
    assert feature["id"] == feature["properties"]["id"] == row
    geometry = feature["geometry"]
    assert shape(geometry).is_valid
    assert "crs" not in feature
    numbers = [number for point in positions(geometry["coordinates"]) for number in point]
    assert all(len(str(number).partition(".")[2]) <= 6 for number in numbers)
    assert all(len(point) == 2 for point in positions(geometry["coordinates"]))
    if geometry["type"] == "Polygon":
        assert LinearRing(geometry["coordinates"][0]).is_ccw
        assert not LinearRing(SHAPES["GEOMETRY"]["coordinates"][0]).is_ccw


@every_editable_layer
def test_updates_and_deletes_require_a_current_if_match(layer, client):
    items = f"/ogc/collections/{layer.name}/items"
    created = client.post(items, json=minimal_body(layer))
    assert created.status_code == 201, created.text
    url, tag = created.headers["location"], created.headers["etag"]
    assert client.get(url).headers["etag"] == tag
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    assert client.patch(url, json={"source": "a"}).status_code == 428
    assert client.patch(url, json={"source": "a"}, headers={"If-Match": "*"}).status_code == 428
    changed = client.patch(url, json={"source": "a"}, headers={"If-Match": tag})
    assert changed.status_code == 200, changed.text
    assert changed.json()["properties"]["source"] == "a"
    assert changed.json()["properties"]["version"] == 2
    stale = client.patch(url, json={"source": "b"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    assert (
        client.patch(url, json={"source": "b"}, headers={"If-Match": f"W/{changed.headers['etag']}"}).status_code == 412
    )
    assert client.delete(url).status_code == 428
    assert client.delete(url, headers={"If-Match": tag}).status_code == 412
    assert client.get(url).json()["properties"]["source"] == "a"
    assert client.delete(url, headers={"If-Match": changed.headers["etag"]}).status_code == 204
    assert client.get(url).status_code == 404
    assert client.get(f"{url}/history").json()["entries"][0]["action"] == "retire"


@every_editable_layer
def test_put_of_what_get_returned_changes_nothing(layer, client):
    url = client.post(f"/ogc/collections/{layer.name}/items", json=minimal_body(layer)).headers["location"]
    read = client.get(url)
    feature = {name: value for name, value in read.json().items() if name != "links"}
    put_back = client.put(url, json=feature, headers={"If-Match": read.headers["etag"]})
    assert put_back.status_code == 200, put_back.text
    changing = {"version", "updated_at"}
    before, after = read.json(), put_back.json()
    assert {n: v for n, v in after["properties"].items() if n not in changing} == {
        n: v for n, v in before["properties"].items() if n not in changing
    }
    assert after["geometry"] == before["geometry"]


@pytest.mark.parametrize("layer", ["incidents", "works", "gates", "posts", "areas", "crossings"])
def test_put_keeps_an_assumed_position_assumed(layer, client):
    place = {"text": "147/6 + 120 m", "border": "VN-KH"}
    if catalog[layer].geometry_type == "GEOMETRY":
        place = {"text": "168–168/2", "border": "VN-KH"}
    body = {name: value for name, value in minimal_body(catalog[layer]).items() if name != "geometry"}
    url = client.post(f"/ogc/collections/{layer}/items", json={**body, "place": place}).headers["location"]
    read = client.get(url)
    assert read.json()["properties"]["position_source"] == "assumed"
    for change, values in ((client.put, read.json()), (client.patch, {"geometry": read.json()["geometry"]})):
        updated = change(url, json=values, headers={"If-Match": client.get(url).headers["etag"]})
        assert updated.status_code == 200, updated.text
        for name in ("position_source", "accuracy_m", "original", "address", "chainage_m"):
            assert updated.json()["properties"][name] == read.json()["properties"][name], name


@every_editable_layer_with_geometry
def test_client_cannot_declare_an_assumed_position_surveyed(layer, database, connect, client):
    url = f"/ogc/collections/{layer.name}/items/{create_assumed_row(database, connect, layer)}"
    for source in ("survey", "protocol"):
        answer = client.patch(
            url, json={"position_source": source}, headers={"If-Match": client.get(url).headers["etag"]}
        )
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["position_source"]


@every_editable_layer_with_geometry
@pytest.mark.parametrize(
    "nulls", [{"geometry": None}, {"place": None}, {"geometry": None, "place": None}], ids=" ".join
)
def test_null_geometry_or_place_clears_the_location(layer, nulls, database, connect, client):
    url = f"/ogc/collections/{layer.name}/items/{create_assumed_row(database, connect, layer)}"
    answer = client.patch(url, json=nulls, headers={"If-Match": client.get(url).headers["etag"]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["geometry"] is None
    properties = answer.json()["properties"]
    assert (properties["position_source"], properties["chainage_m"], properties["accuracy_m"]) == ("none", None, None)
    assert properties["address"] == properties.get("number")


@every_editable_layer_with_geometry
@pytest.mark.parametrize("name", ["geometry", "place"])
def test_source_and_accuracy_without_a_location_are_refused(layer, name, database, connect, client):
    url = f"/ogc/collections/{layer.name}/items/{create_assumed_row(database, connect, layer)}"
    before = client.get(url)
    for values in ({"position_source": "assumed"}, {"position_source": "protocol"}, {"accuracy_m": 5}):
        answer = client.patch(url, json={name: None, **values}, headers={"If-Match": before.headers["etag"]})
        assert answer.status_code == 422, answer.text
        assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(*values, "no_place")]
    assert client.get(url).json() == before.json()


@every_editable_layer_with_geometry
def test_null_beside_a_location_is_ignored(layer, database, client):
    url = f"/ogc/collections/{layer.name}/items/{create_row(database, layer)}"
    before = client.get(url)
    answer = client.patch(
        url, json={"geometry": before.json()["geometry"], "place": None}, headers={"If-Match": before.headers["etag"]}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["geometry"] == before.json()["geometry"] is not None


@every_editable_layer
def test_unknown_features_are_404_for_every_method(layer, client):
    url = f"/ogc/collections/{layer.name}/items/{uuid.uuid4()}"
    if_match = {"If-Match": '"1-0123456789abcdef"'}
    answers = [
        client.get(url),
        client.get(f"{url}/history"),
        client.get(f"{url}/links"),
        client.patch(url, json={"source": "x"}, headers=if_match),
        client.put(url, json=minimal_body(layer), headers=if_match),
        client.delete(url, headers=if_match),
        client.post(f"{url}/links", json={"at": "147/6", "border": "VN-KH", "role": "site"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_writes_of_boundary_lines_are_refused_with_409(client):
    line = client.get("/ogc/collections/lines/items", params={"limit": 1}).json()["features"][0]
    url = f"/ogc/collections/lines/items/{line['id']}"
    if_match = {"If-Match": client.get(url).headers["etag"]}
    answers = [
        client.post("/ogc/collections/lines/items", json=minimal_body(catalog["lines"])),
        client.patch(url, json={"source": "x"}, headers=if_match),
        client.put(url, json=minimal_body(catalog["lines"]), headers=if_match),
        client.delete(url, headers=if_match),
    ]
    assert [answer.status_code for answer in answers] == [409] * 4


def test_point_round_trips_through_shapely_unchanged():
    assert json.loads(to_geojson(shape(POINT))) == POINT
