"""The tools of a partner: GDAL, OWSLib and pyogrio read collections and exports."""

import json
import subprocess

import httpx
import pyogrio
import pytest
from owslib.ogcapi.features import Features


def gdal(*command):
    """Run a program of GDAL; gives its output."""
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert process.returncode == 0, process.stderr
    assert not [line for line in process.stderr.splitlines() if "ERROR" in line], process.stderr
    return process.stdout


def test_ogrinfo_lists_layers_and_reads_one(server):
    listed = gdal("ogrinfo", "-ro", f"OAPIF:{server.base_url}/ogc")
    names = {collection["id"] for collection in server.request_json("/ogc/collections")["collections"]}
    assert {name for name in names if f": {name} " in f"{listed} ".replace("\n", " ")} == names
    summary = gdal("ogrinfo", "-ro", "-so", f"OAPIF:{server.base_url}/ogc", "works")
    works = server.items("works")
    assert f"Feature Count: {len(works)}" in summary
    assert "urgency: String" in summary
    assert 'ID["EPSG",4326]' in summary or 'ID["OGC","CRS84"]' in summary


def test_ogr2ogr_filters_and_reads_every_page(server, tmp_path):
    file = tmp_path / "markers.geojson"
    box = (105.7, 11.2, 106.3, 11.8)
    gdal(
        "ogr2ogr", "-f", "GeoJSON", file, f"OAPIF:{server.base_url}/ogc", "markers", "-oo", "PAGE_SIZE=20",
        "-spat", *map(str, box),
    )  # fmt: skip
    numbers = {item["properties"]["number"] for item in json.loads(file.read_text("utf-8"))["features"]}
    ours = {item["properties"]["number"] for item in server.items("markers", bbox=",".join(map(str, box)))}
    assert len(ours) > 20
    assert numbers == ours

    waiting = tmp_path / "waiting.geojson"
    gdal("ogr2ogr", "-f", "GeoJSON", waiting, f"OAPIF:{server.base_url}/ogc", "works", "-where", "urgency = 'waiting'")
    titles = {item["properties"]["title"] for item in json.loads(waiting.read_text("utf-8"))["features"]}
    assert titles == {item["properties"]["title"] for item in server.items("works", urgency="waiting")}


def test_owslib_reads_conformance_collections_and_items(server):
    service = Features(f"{server.base_url}/ogc")
    assert set(service.feature_collections()) == {
        collection["id"] for collection in server.request_json("/ogc/collections")["collections"]
    }
    assert any(uri.endswith("/ogcapi-features-1/1.0/conf/core") for uri in service.conformance()["conformsTo"])
    assert service.collection("gates")["title"]
    assert service.api()["openapi"].startswith("3.0")
    page = service.collection_items("markers", limit=10, border="VN-KH")
    assert page["numberReturned"] == 10
    item = service.collection_item("markers", page["features"][0]["id"])
    assert item["properties"] == page["features"][0]["properties"]


def test_partner_export_has_shareable_rows_and_fields_and_no_assumed_position(server, tmp_path):
    file = tmp_path / "markers-partner.geojson"
    file.write_bytes(httpx.get(f"{server.base_url}/api/export/markers?border=VN-KH&reader=partner", timeout=60).content)
    document = json.loads(file.read_text("utf-8"))
    frame = pyogrio.read_dataframe(file)
    assert len(frame) == document["numberReturned"] == len(server.items("markers", border="VN-KH"))
    assert frame.crs.to_epsg() == 4326
    withheld = frame.geometry.isna() & (frame["position_source"] == "assumed")
    assert withheld.sum() == document["withheld_positions"] > 0
    assert not (frame.geometry.notna() & (frame["position_source"] == "assumed")).any()
    assert set(frame["level"]) <= {"public", "partner"}
    assert "remark" not in frame.columns, "an internal field"
    west, south, east, north = frame.total_bounds
    assert (west, south) >= (102, 8)
    assert (east, north) <= (110, 24)


@pytest.mark.parametrize("layer", ["works", "gates", "lines", "crossings"])
def test_geojson_export_has_every_feature_in_wgs84_and_no_crs_member(server, tmp_path, layer):
    file = tmp_path / f"{layer}.geojson"
    file.write_bytes(httpx.get(f"{server.base_url}/api/export/{layer}", timeout=60).content)
    frame = pyogrio.read_dataframe(file)
    assert len(frame) == len(server.items(layer))
    assert "RFC 7946" in gdal("ogrinfo", "-ro", "-al", "-so", file) or frame.crs.to_epsg() == 4326
    assert "crs" not in json.loads(file.read_text("utf-8")), "RFC 7946 has no crs member"
