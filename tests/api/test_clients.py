"""Clients as people have them: OGR, OWSLib, QGIS and a machine that tries everything the description says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from owslib.ogcapi.features import Features

from gis.crs import from_wgs84
from gis.layer import catalog
from tests.factories import incident, work

MARKERS = "/ogc/collections/markers/items"
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "no_proxy": "localhost", "QT_QPA_PLATFORM": "offscreen", "GDAL_PAM_ENABLED": "NO"}


def run(*command, **more):
    """What a program says; a program that fails fails the test with its own words."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=ENVIRONMENT, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def number_of(client, **asked):
    """How many markers there are."""
    return len(client.get(MARKERS, params={"limit": 10000, **asked}).json()["features"])


needs_ogr = pytest.mark.skipif(shutil.which("ogr2ogr") is None, reason="gdal-bin is not installed")


@needs_ogr
def test_ogr_lists_every_layer(site):
    told = run("ogrinfo", "-ro", f"OAPIF:{site}/ogc")
    for name in catalog:
        assert name in told


@needs_ogr
def test_ogr_copies_a_layer_page_by_page(site, client, tmp_path):
    file = tmp_path / "markers.geojson"
    run("ogr2ogr", "-f", "GeoJSON", str(file), f"OAPIF:{site}/ogc", "markers", "-oo", "PAGE_SIZE=500")
    copied = json.loads(file.read_text())["features"]
    assert len({one["properties"]["id"] for one in copied}) == len(copied) == number_of(client)


@needs_ogr
def test_ogr_hands_its_filter_and_its_box_to_the_server(site, client):
    asked = run(
        "ogrinfo", "-ro", "-q", "--debug", "on", f"OAPIF:{site}/ogc", "markers", "-oo", "PAGE_SIZE=1000",
        "-where", "border = 'VN-KH' AND number = '147/6'", "-spat", "105", "11", "106.5", "12",
    )  # fmt: skip
    assert "border=VN-KH" in asked
    assert "number=147%2F6" in asked
    assert "bbox=105" in asked
    assert asked.count("OGRFeature(markers)") == number_of(client, border="VN-KH", number="147/6") == 1


NEWER_OGR = """
import json, sys, pyogrio
found = pyogrio.read_dataframe(sys.argv[1], layer="markers", CRS=sys.argv[2], PAGE_SIZE="500", where=sys.argv[3])
print("TOLD " + json.dumps({one: [at.x, at.y] for one, at in zip(found["number"], found.geometry)}))
"""


def told(said):
    """What a script of ours printed among the words of its libraries."""
    return json.loads(next(line for line in said.splitlines() if line.startswith("TOLD "))[5:])


@pytest.mark.parametrize("epsg", [9210, 32648, 4326])
def test_a_newer_ogr_asks_for_its_system_and_for_cql2(epsg, site, client):
    """The GDAL inside pyogrio, in a process of its own: ``CRS``, and a filter that only CQL2 can say."""
    where = "number LIKE '14%' AND border = 'VN-KH' AND chainage_m > 1000"
    found = told(run(sys.executable, "-c", NEWER_OGR, f"OAPIF:{site}/ogc", f"EPSG:{epsg}", where))
    plain = client.get(MARKERS, params={"limit": 10000, "filter": where}).json()["features"]
    assert sorted(found) == sorted(one["properties"]["number"] for one in plain) != []
    for one in plain:
        lon, lat = one["geometry"]["coordinates"]
        expected = (lon, lat) if epsg == 4326 else from_wgs84(lon, lat, epsg)
        near = 2e-6 if epsg == 4326 else 0.2
        assert found[one["properties"]["number"]] == pytest.approx(expected, abs=near, rel=0)


@needs_ogr
def test_ogr_writes_nothing_and_says_so(site, client, tmp_path):
    """Its driver only reads: nothing is sent, so nothing can be half written."""
    file = tmp_path / "in.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    before = number_of(client)
    for mode in ("-append", "-update"):
        done = subprocess.run(
            ["ogr2ogr", mode, "-nln", "markers", f"OAPIF:{site}/ogc", str(file)],
            check=False, capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
        )  # fmt: skip
        assert done.returncode != 0
    assert number_of(client) == before


def test_owslib_reads_collections_queryables_schema_and_items(site, client):
    service = Features(f"{site}/ogc")
    assert service.feature_collections() == list(catalog)
    assert service.collection("markers")["storageCrs"].endswith("CRS84")
    assert "condition" in service.collection_queryables("markers")["properties"]
    assert service.collection_schema("markers")["properties"]["condition"]["readOnly"]
    assert service.api()["openapi"] == "3.0.3"
    assert "ogcapi-features-1/1.0/conf/core" in json.dumps(service.conformance())
    page = service.collection_items("markers", limit=10000, bbox=[105.8, 11.0, 106.3, 11.9])
    assert len(page["features"]) == number_of(client, bbox="105.8,11,106.3,11.9") > 10
    filtered = service.collection_items("markers", limit=10000, filter="border = 'VN-KH' AND kind = 'main'")
    assert len(filtered["features"]) == number_of(client, border="VN-KH", kind="main") > 10
    one = page["features"][0]
    assert service.collection_item("markers", one["id"])["geometry"] == one["geometry"]


QGIS = """
import json, sys
from qgis.core import QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer
app = QgsApplication([], False)
app.initQgis()
told = {}
for system in ("", "EPSG:9210"):
    uri = f"url='{sys.argv[1]}/ogc' typename='markers' pageSize='500'" + (f" srsname='{system}'" if system else "")
    layer = QgsVectorLayer(uri, "markers", "OAPIF")
    assert layer.isValid(), layer.error().message()
    features = [one for one in layer.getFeatures()]
    placed = {one["number"]: one.geometry() for one in features if one["border"] == "VN-KH" and one.hasGeometry()}
    point = placed["147/6"].asPoint()
    told[system] = {"number": len(features), "crs": layer.crs().authid(), "at": [point.x(), point.y()]}
box = QgsVectorLayer(f"url='{sys.argv[1]}/ogc' typename='markers' pageSize='500'", "markers", "OAPIF")
told["box"] = len(list(box.getFeatures(QgsFeatureRequest(QgsRectangle(105.8, 11.0, 106.3, 11.9)))))
box.setSubsetString("\\"border\\" = 'VN-KH'")
told["filtered"] = len(list(box.getFeatures()))
print("TOLD " + json.dumps(told))
"""


def qgis():
    """A Python that has QGIS, as Debian's python3-qgis gives it."""
    python = "/usr/bin/python3"
    if not Path(python).exists():
        return None
    tried = subprocess.run([python, "-c", "import qgis.core"], check=False, capture_output=True, env=ENVIRONMENT)
    return python if tried.returncode == 0 else None


def test_qgis_shows_filters_and_places_a_layer(site, client):
    python = qgis()
    if python is None:
        pytest.skip("QGIS is not installed (apt-get install python3-qgis)")
    seen = told(run(python, "-c", QGIS, site))
    lon, lat = seen[""]["at"]
    assert seen[""]["number"] == seen["EPSG:9210"]["number"] == number_of(client)
    marker = client.get(MARKERS, params={"border": "VN-KH", "number": "147/6"}).json()["features"][0]
    assert [lon, lat] == pytest.approx(marker["geometry"]["coordinates"], abs=1e-6)
    if seen["EPSG:9210"]["crs"] == "EPSG:9210":
        assert seen["EPSG:9210"]["at"] == pytest.approx(from_wgs84(lon, lat, 9210), abs=0.2)
    assert seen["box"] == number_of(client, bbox="105.8,11,106.3,11.9")
    assert seen["filtered"] == number_of(client, border="VN-KH")


CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def fuzz(document, address, folder, paths, *, seconds, phases="fuzzing"):
    """Let schemathesis try a description against the server."""
    file = folder / "api.json"
    file.write_text(json.dumps(document))
    return run(
        str(Path(sys.executable).parent / "schemathesis"), "run", str(file), "--url", address, "--checks", CHECKS,
        "--max-time", str(seconds), "--phases", phases, "--include-path-regex", paths, "--continue-on-failure",
        "--suppress-health-check", "all", "--warnings", "off", "--max-examples", "12", "--seed", "20260101",
        "--no-color", cwd=folder,
    )  # fmt: skip


def test_nothing_that_the_description_allows_breaks_the_server(site, client, tmp_path):
    """No 5xx, no status, type or body that the description does not tell; creates lead to reads and changes."""
    incident(client)
    work(client)
    document = client.get("/ogc/api").json()
    paths = "^/(collections/(works|incidents)(/|$)|conformance|$)"
    said = fuzz(document, f"{site}/ogc", tmp_path, paths, seconds=30, phases="fuzzing,stateful")
    assert "passed" in said


def test_nor_do_the_other_doors(site, client, tmp_path):
    document = client.get("/ogc/api").json()
    document["paths"] = {
        path: one for path, one in document["paths"].items() if path.startswith("/api/") and "servers" in one
    }
    for one in document["paths"].values():
        del one["servers"]
    said = fuzz(document, site, tmp_path, "^/api/(locate|cards|basemap|export/gates)", seconds=12)
    assert "passed" in said
