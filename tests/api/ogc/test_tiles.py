"""OGC API Tiles, Part 1: tiles, tilesets, TileJSON, styles and conditional requests."""

from datetime import timedelta

import pytest

from gis.model.layer import catalog
from gis.read.tiles import TileCoord
from gis.text.dates import today
from tests.api.ogc.tile_requests import COUNTRY_TILE, TILES, WORLD_TILE, get, mercator, tile_at
from tests.factories import incident, now, patch, task


@pytest.mark.requirement(
    "ogcapi-tiles-1/1.0/core", "tc-op tc-tilematrix-definition tc-tilerow-definition tc-tilecol-definition"
)
@pytest.mark.requirement("ogcapi-tiles-1/1.0/mvt", "content media-type")
@pytest.mark.parametrize("layer", ["markers", "gates", "crossings", "lines", "works"])
def test_tile_has_the_features_of_its_bbox(client, decode_tile, layer):
    west, south, east, north = WORLD_TILE.bbox
    parameters = {"bbox": f"{west},{south},{east},{north}", "limit": 10_000}
    items = client.get(f"/ogc/collections/{layer}/items", params=parameters).json()["features"]
    answer = get(client, layer, WORLD_TILE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert items
    assert set(decode_tile(answer.content, WORLD_TILE)["id"]) == {feature["id"] for feature in items}


def test_tile_features_have_label_status_and_position_source(client, decode_tile):
    created = incident(client, severity="critical", position_source="gps")
    lon, lat = created["geometry"]["coordinates"]
    at = tile_at(lon, lat, 16)
    properties = decode_tile(get(client, "incidents", at).content, at).set_index("id").loc[created["id"]]
    expected = {"label": created["properties"]["code"], "handling": "reported", "severity": "critical"}
    assert {name: properties[name] for name in expected} == expected
    assert properties["position_source"] == created["properties"]["position_source"]
    placed = properties.geometry
    assert (placed.x, placed.y) == pytest.approx(mercator(lon, lat), abs=0.2)  # a tile unit is 0.15 m


def test_tile_takes_the_filters_of_items(client, decode_tile):
    every = decode_tile(get(client, "markers", COUNTRY_TILE).content, COUNTRY_TILE)
    some = decode_tile(get(client, "markers", COUNTRY_TILE, filter="number LIKE '1%'").content, COUNTRY_TILE)
    assert set(some["id"]) == set(every[every["label"].str.startswith("1")]["id"])
    assert 0 < len(some) < len(every)
    main = decode_tile(get(client, "markers", COUNTRY_TILE, kind="main").content, COUNTRY_TILE)
    assert set(main["id"]) == set(every[every["kind"] == "main"]["id"])


def test_tile_as_of_a_past_time(client, decode_tile):
    created = incident(client)
    at = tile_at(*created["geometry"]["coordinates"], 14)
    before = get(client, "incidents", at)
    moment = client.get(f"/ogc/collections/incidents/items/{created['id']}").json()["properties"]["updated_at"]
    assert patch(client, "incidents", created, severity="low").status_code == 200
    now = decode_tile(get(client, "incidents", at).content, at).set_index("id")
    then = get(client, "incidents", at, as_of=moment)
    assert now.loc[created["id"], "severity"] == "low"
    assert then.content == before.content


def test_past_tile_uses_past_links_and_urgency(client, decode_tile, connect):
    duty = task(client, due_on=str(today() - timedelta(days=1)))
    url = f"/ogc/collections/tasks/items/{duty['id']}/links"
    link = client.post(url, json={"at": "118", "border": "VN-KH", "role": "site"}).json()["link"]
    for history, id_column in (("tasks_history", "id"), ("links_history", "feature_id")):
        connect().execute(
            f"update app.{history} set valid = tstzrange(lower(valid) - interval '3 days', upper(valid))"
            f" where {id_column} = %s",
            [duty["id"]],
        )
    then = {"as_of": (now() - timedelta(days=2)).isoformat()}
    assert client.delete(f"{url}/{link}").status_code == 204
    assert client.post(url, json={"at": "147/6", "border": "VN-KH", "role": "site"}).status_code == 201
    for parameters, urgency in ({}, "overdue"), (then, "planned"):
        item = client.get(f"/ogc/collections/tasks/items/{duty['id']}", params=parameters).json()
        assert item["properties"]["urgency"] == urgency
        ((lon, lat),) = item["geometry"]["coordinates"]
        at = tile_at(lon, lat, 14)
        properties = decode_tile(get(client, "tasks", at, **parameters).content, at).set_index("id").loc[duty["id"]]
        assert properties["urgency"] == urgency
        (placed,) = properties.geometry.geoms if hasattr(properties.geometry, "geoms") else [properties.geometry]
        assert (placed.x, placed.y) == pytest.approx(mercator(lon, lat), abs=1)  # a tile unit is 0.6 m


def test_retired_feature_is_not_in_the_tile(client):
    created = incident(client, place={"text": "118", "border": "VN-KH"})
    at = tile_at(*created["geometry"]["coordinates"], 17)
    assert created["id"].encode() in get(client, "incidents", at).content
    url = f"/ogc/collections/incidents/items/{created['id']}"
    assert client.delete(url, headers={"If-Match": created["etag"]}).status_code in (200, 204)
    assert created["id"].encode() not in get(client, "incidents", at).content


def test_tile_with_if_none_match_gives_304(client):
    first = get(client, "markers", COUNTRY_TILE)
    tag = first.headers["etag"]
    url = TILES.format("markers", COUNTRY_TILE.zoom, COUNTRY_TILE.row, COUNTRY_TILE.column)
    assert first.headers["cache-control"] == "private, no-cache"
    for if_none_match in (tag, f'"other", W/{tag}', "*"):
        again = client.get(url, headers={"If-None-Match": if_none_match})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_etag_changes_only_with_the_tile(client):
    created = incident(client)
    at = tile_at(*created["geometry"]["coordinates"], 15)
    before, same = get(client, "incidents", at), get(client, "incidents", at)
    assert before.headers["etag"] == same.headers["etag"]
    patch(client, "incidents", created, severity="critical")
    assert get(client, "incidents", at).headers["etag"] != before.headers["etag"]


@pytest.mark.requirement("ogcapi-tiles-1/1.0/core", "tc-success")
def test_empty_tile_has_no_content(client):
    answer = get(client, "gates", TileCoord(12, 1, 1))
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.requirement("ogcapi-tiles-1/1.0/core", "tc-error")
@pytest.mark.parametrize(
    "path",
    [
        *(
            f"markers/tiles/WebMercatorQuad/{tile_path}"
            for tile_path in ("23/0/0", "2/4/0", "2/0/4", "-1/0/0", "x/0/0")
        ),
        f"markers/tiles/WebMercatorQuad/1/0/{'9' * 5000}",
        "markers/tiles/WorldCRS84Quad/1/0/0",
        "markers/tiles/WorldCRS84Quad",
        "markers/tiles/WorldCRS84Quad/tilejson.json",
        "units/tiles/WebMercatorQuad/0/0/0",
        "units/tiles",
        "nothing/tiles",
        "documents/styles/default",
    ],
)
def test_unknown_tile_resources_get_404(client, path):
    answer = client.get(f"/ogc/collections/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["limit", "after", "sortby", "crs", "properties", "colour"])
def test_tile_refuses_other_parameters(client, name):
    answer = get(client, "markers", COUNTRY_TILE, **{name: "1"})
    assert answer.status_code == 400
    assert name in answer.json()["detail"]


@pytest.mark.requirement("ogcapi-tiles-1/1.0/tileset", "description desc-links")
@pytest.mark.requirement("ogcapi-tiles-1/1.0/tilesets-list", "tileset-list")
@pytest.mark.requirement("ogcapi-tiles-1/1.0/geodata-tilesets", "desc-op desc-success")
def test_tilesets_are_linked_from_the_collection(client):
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt"):
        assert f"http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/{name}" in declared
    listed = client.get(link(client.get("/ogc/collections/markers").json(), "tilesets-vector")).json()
    tileset = client.get(link(listed["tilesets"][0], "self")).json()
    assert tileset["dataType"] == "vector"
    assert tileset["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3857"
    scheme = client.get(link(tileset, "tiling-scheme")).json()
    assert [matrix["id"] for matrix in scheme["tileMatrices"]] == [str(zoom) for zoom in range(23)]
    assert scheme["tileMatrices"][0]["scaleDenominator"] == pytest.approx(559082264.028717)
    assert (
        client.get(link(client.get("/ogc").json(), "tiling-schemes")).json()["tileMatrixSets"][0]["id"] == scheme["id"]
    )
    template = link(tileset, "item")
    tile = client.get(template.format(tileMatrix=5, tileRow=15, tileCol=25))
    assert tile.content == get(client, "markers", COUNTRY_TILE).content
    assert client.get(link(tileset, "stylesheet")).status_code == 200


def link(document, rel):
    return next(link_["href"] for link_ in document["links"] if link_["rel"].endswith(rel))


def test_tilejson_template_keeps_the_filters(client, decode_tile):
    described = client.get(
        "/ogc/collections/markers/tiles/WebMercatorQuad/tilejson.json", params={"kind": "main", "lang": "en"}
    ).json()
    assert described["tilejson"] == "3.0.0"
    tile = client.get(described["tiles"][0].format(z=5, x=25, y=15))
    features = decode_tile(tile.content, COUNTRY_TILE)
    assert set(features["kind"]) == {"main"}
    (vector_layer,) = described["vector_layers"]
    assert vector_layer["id"] == "markers"
    assert set(features.columns) - {"geometry", "mvt_id"} <= set(vector_layer["fields"])
    assert vector_layer["fields"]["condition"] == "Condition"


@pytest.mark.parametrize(
    "layer", [layer for layer in catalog.values() if layer.has_geometry], ids=lambda layer: layer.name
)
def test_styles_use_the_colours_of_the_codes(client, layer):
    style = client.get(f"/ogc/collections/{layer.name}/styles/default").json()
    assert style["version"] == 8
    described = client.get(style["sources"][layer.name]["url"]).json()
    assert {style_layer["source-layer"] for style_layer in style["layers"]} == {described["vector_layers"][0]["id"]}
    paint = {style_layer["id"].removeprefix(f"{layer.name}-"): style_layer["paint"] for style_layer in style["layers"]}
    colours = paint["line"]["line-color"]
    for code in layer.fields[layer.style_field].codes if layer.style_field else ():
        if code.mark:
            assert colours[colours.index(code.value) + 1] == code.mark.colour
    if layer.geometry_type != "LINESTRING":
        filters = {
            style_layer["id"].removeprefix(f"{layer.name}-"): style_layer["filter"] for style_layer in style["layers"]
        }
        for name, operator, fill, stroke in (
            ("circle", "!=", colours, "#ffffff"),
            ("assumed", "==", "#ffffff", colours),
        ):
            assert filters[name] == [
                "all", ["==", ["geometry-type"], "Point"], [operator, ["get", "position_source"], "assumed"],
            ]  # fmt: skip
            assert (paint[name]["circle-color"], paint[name]["circle-stroke-color"]) == (fill, stroke)
