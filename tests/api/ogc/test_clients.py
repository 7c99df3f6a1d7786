"""OGR and OWSLib read and write the service."""

import json
import shutil
import subprocess
import sys

import pytest
from owslib.ogcapi.features import Features

from gis.crs.systems import from_wgs84
from gis.files.formats import FORMATS
from gis.model.layer import catalog
from gis.read.tiles import TileCoord
from tests.api.ogc.client_programs import ENVIRONMENT, MARKERS, count_markers, read_result, run
from tests.factories import POINT

needs_ogr = pytest.mark.skipif(shutil.which("ogr2ogr") is None, reason="gdal-bin is not installed")


@needs_ogr
def test_ogr_lists_all_layers(site_url):
    output = run("ogrinfo", "-ro", f"OAPIF:{site_url}/ogc")
    for name in catalog:
        assert name in output


@needs_ogr
def test_ogr_copies_all_pages(site_url, client, tmp_path):
    file = tmp_path / "markers.geojson"
    run("ogr2ogr", "-f", "GeoJSON", str(file), f"OAPIF:{site_url}/ogc", "markers", "-oo", "PAGE_SIZE=500")
    copied = json.loads(file.read_text())["features"]
    assert len({feature["properties"]["id"] for feature in copied}) == len(copied) == count_markers(client)


@needs_ogr
def test_ogr_sends_filters_and_bbox_to_the_server(site_url, client):
    output = run(
        "ogrinfo", "-ro", "-q", "--debug", "on", f"OAPIF:{site_url}/ogc", "markers", "-oo", "PAGE_SIZE=1000",
        "-where", "border = 'VN-KH' AND number = '147/6'", "-spat", "105", "11", "106.5", "12",
    )  # fmt: skip
    assert "border=VN-KH" in output
    assert "number=147%2F6" in output
    assert "bbox=105" in output
    assert output.count("OGRFeature(markers)") == count_markers(client, border="VN-KH", number="147/6") == 1


@needs_ogr
@pytest.mark.parametrize(
    ("where", "filtered"),
    [
        ("kind IN ('main', 'tripoint') AND border = 'VN-KH'", "kind IN ('main', 'tripoint') AND border = 'VN-KH'"),
        ("number LIKE '14%'", "number LIKE '14%'"),
        ("number ILIKE '14%' OR chainage_m < 1000", "number LIKE '14%' OR chainage_m < 1000"),
        ('"class" IS NULL AND version = 1', "class IS NULL AND version = 1"),
        ("source = 'a''b%+&#é/'", "source = 'a''b%+&#é/'"),
        ("created_at >= '2020/01/01'", "true"),
    ],
)
def test_ogr_filters_agree_with_cql2(where, filtered, site_url, client):
    """Both those sent to the server and those evaluated by OGR; OGR sends a date as ``2020-01-01T``."""
    output = run("ogrinfo", "-ro", "-q", f"OAPIF:{site_url}/ogc", "markers", "-oo", "PAGE_SIZE=1000", "-where", where)
    assert "ERROR" not in output
    assert output.count("OGRFeature(markers)") == count_markers(client, filter=filtered)


@needs_ogr
def test_ogr_reads_by_a_projected_bbox_and_by_sql(site_url, client, tmp_path):
    corners = [from_wgs84(lon, lat, 32648) for lon, lat in ((105.8, 11.0), (106.3, 11.9))]
    file = tmp_path / "box.geojson"
    run(
        "ogr2ogr", "-f", "GeoJSON", str(file), f"OAPIF:{site_url}/ogc", "markers", "-oo", "PAGE_SIZE=1000",
        "-spat_srs", "EPSG:32648", "-spat", *(str(part) for corner in corners for part in corner),
    )  # fmt: skip
    ids = {feature["properties"]["id"] for feature in json.loads(file.read_text())["features"]}
    plain = client.get(MARKERS, params={"limit": 10000, "bbox": "105.8,11.0,106.3,11.9"}).json()["features"]
    assert (
        len(ids & {feature["id"] for feature in plain}) > 0.9 * len(plain) > 10
    )  # a rectangle in metres is not one in degrees
    sql = "SELECT border, COUNT(*) AS n FROM markers GROUP BY border ORDER BY border"
    output = run(
        "ogrinfo", "-ro", "-q", f"OAPIF:{site_url}/ogc", "-oo", "PAGE_SIZE=1000", "-dialect", "SQLite", "-sql", sql
    )
    for border in ("VN-CN", "VN-KH"):
        assert f"border (String) = {border}\n  n (Integer) = {count_markers(client, border=border)}" in output


FILES = [name for name in FORMATS if name not in ("csv", "xlsx", "parquet")]
"""The formats that the OGR of Debian reads; it has no Parquet driver, so ``test_export`` reads that with geopandas."""


@needs_ogr
@pytest.mark.parametrize("f", FILES)
def test_ogr_reads_exported_files(f, client, tmp_path):
    """Names, with their diacritics, and positions are those of GeoJSON."""
    file, read = tmp_path / f"gates{FORMATS[f].extension}", tmp_path / "read.json"
    file.write_bytes(client.get("/api/export/gates", params={"f": f, "border": "VN-KH"}).content)
    source, layer = (f"/vsizip/{file}", []) if f == "shp" else (str(file), ["gates"] if f == "gpkg" else [])
    run("ogr2ogr", "-f", "GeoJSON", str(read), source, *layer)
    expected = client.get("/ogc/collections/gates/items", params={"border": "VN-KH", "limit": 1000}).json()["features"]
    features_read = {
        feature.get("id") or feature["properties"]["id"]: feature
        for feature in json.loads(read.read_text())["features"]
    }
    assert set(features_read) == {feature["id"] for feature in expected} != set()
    for feature in expected:
        properties, geometry = features_read[feature["id"]]["properties"], features_read[feature["id"]]["geometry"]
        assert properties["Name" if f == "kml" else "name"] == feature["properties"]["name"]
        assert (geometry is None) == (feature["geometry"] is None)
        if geometry is not None:
            assert geometry["coordinates"][:2] == pytest.approx(feature["geometry"]["coordinates"], abs=1e-6)


@needs_ogr
def test_ogr_reads_a_tile(client, tmp_path):
    """Names and positions are those of GeoJSON; a unit of a tile of zoom level 8 is 38 m."""
    zoom, row, column = 8, 120, 203
    file, read = tmp_path / "gates.mvt", tmp_path / "read.json"
    file.write_bytes(client.get(f"/ogc/collections/gates/tiles/WebMercatorQuad/{zoom}/{row}/{column}").content)
    run(
        "ogr2ogr", "-f", "GeoJSON", str(read), f"MVT:{file}", "-t_srs", "EPSG:4326", "-oo", f"X={column}",
        "-oo", f"Y={row}", "-oo", f"Z={zoom}", "-oo", "CLIP=NO",
    )  # fmt: skip
    features_read = {feature["properties"]["id"]: feature for feature in json.loads(read.read_text())["features"]}
    west, south, east, north = TileCoord(zoom, column, row).bbox
    parameters = {"bbox": f"{west},{south},{east},{north}", "limit": 1000}
    expected = client.get("/ogc/collections/gates/items", params=parameters).json()["features"]
    assert set(features_read) == {feature["id"] for feature in expected} != set()
    for feature in expected:
        assert features_read[feature["id"]]["properties"]["label"] == feature["properties"]["name"]
        placed = features_read[feature["id"]]["geometry"]["coordinates"]
        assert placed == pytest.approx(feature["geometry"]["coordinates"], abs=38 / 100_000)


NEWER_OGR = """
import json, sys, pyogrio
frame = pyogrio.read_dataframe(sys.argv[1], layer="markers", CRS=sys.argv[2], PAGE_SIZE="500", where=sys.argv[3])
print("RESULT " + json.dumps({number: [at.x, at.y] for number, at in zip(frame["number"], frame.geometry)}))
"""


@pytest.mark.parametrize("epsg", [9210, 32648, 4326])
def test_newer_ogr_sends_crs_and_cql2(epsg, site_url, client):
    """The GDAL of pyogrio, in a separate process, with ``CRS`` and a filter that only CQL2 can express."""
    where = "number LIKE '14%' AND border = 'VN-KH' AND chainage_m > 1000"
    positions = read_result(run(sys.executable, "-c", NEWER_OGR, f"OAPIF:{site_url}/ogc", f"EPSG:{epsg}", where))
    plain = client.get(MARKERS, params={"limit": 10000, "filter": where}).json()["features"]
    assert sorted(positions) == sorted(feature["properties"]["number"] for feature in plain) != []
    for feature in plain:
        lon, lat = feature["geometry"]["coordinates"]
        expected = (lon, lat) if epsg == 4326 else from_wgs84(lon, lat, epsg)
        near = 2e-6 if epsg == 4326 else 0.2
        assert positions[feature["properties"]["number"]] == pytest.approx(expected, abs=near, rel=0)


@needs_ogr
def test_ogr_refuses_to_write(site_url, client, tmp_path):
    """The driver is read-only, so it sends nothing."""
    file = tmp_path / "in.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    before = count_markers(client)
    for mode in ("-append", "-update"):
        done = subprocess.run(
            ["ogr2ogr", mode, "-nln", "markers", f"OAPIF:{site_url}/ogc", str(file)],
            check=False, capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
        )  # fmt: skip
        assert done.returncode != 0
    assert count_markers(client) == before


def test_owslib_reads_metadata_and_items(site_url, client):
    service = Features(f"{site_url}/ogc")
    assert service.feature_collections() == list(catalog)
    assert service.collection("markers")["storageCrs"].endswith("CRS84")
    assert "condition" in service.collection_queryables("markers")["properties"]
    assert service.collection_schema("markers")["properties"]["condition"]["readOnly"]
    assert service.api()["openapi"] == "3.0.3"
    assert "ogcapi-features-1/1.0/conf/core" in json.dumps(service.conformance())
    page = service.collection_items("markers", limit=10000, bbox=[105.8, 11.0, 106.3, 11.9])
    assert len(page["features"]) == count_markers(client, bbox="105.8,11,106.3,11.9") > 10
    filtered = service.collection_items("markers", limit=10000, filter="border = 'VN-KH' AND kind = 'main'")
    assert len(filtered["features"]) == count_markers(client, border="VN-KH", kind="main") > 10
    feature = page["features"][0]
    assert service.collection_item("markers", feature["id"])["geometry"] == feature["geometry"]


def test_owslib_creates_updates_and_deletes(site_url, client):
    """With ``If-Match`` as a header of the service, else 428; its CQL by POST creates nothing."""
    service = Features(f"{site_url}/ogc")
    description = "Nhập từ OWSLib"
    body = {"type": "Feature", "geometry": POINT, "properties": {"category": "drainage", "description": description}}
    service.collection_item_create("incidents", body)
    (feature,) = service.collection_items("incidents", q=description)["features"]
    with pytest.raises(RuntimeError, match="unconditional"):
        service.collection_item_update("incidents", feature["id"], json.dumps(feature))
    feature["properties"]["severity"] = "critical"

    def service_with_etag():
        service.collection_item("incidents", feature["id"])
        headers = {"If-Match": service.response_headers["etag"], "Content-Type": "application/geo+json"}
        return Features(f"{site_url}/ogc", headers=headers)

    first, second = service_with_etag(), service_with_etag()
    assert first.collection_item_update("incidents", feature["id"], json.dumps(feature))
    assert service.collection_item("incidents", feature["id"])["properties"]["severity"] == "critical"
    with pytest.raises(RuntimeError, match="stale"):
        second.collection_item_delete("incidents", feature["id"])
    assert service_with_etag().collection_item_delete("incidents", feature["id"])
    with pytest.raises(RuntimeError, match="missing"):
        service.collection_item("incidents", feature["id"])
    before = count_markers(client)
    with pytest.raises(RuntimeError, match="invalid"):
        service.collection_items("markers", cql={"op": "=", "args": [{"property": "kind"}, "main"]})
    assert count_markers(client) == before
    assert service.collection_items("markers", limit=2, sortby=("number", "desc"))["numberReturned"] == 2
