"""Clients as people have them: OGR, OWSLib, QGIS and a machine that tries everything the description says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from owslib.ogcapi.features import Features

from gis.crs.systems import from_wgs84
from gis.files.formats import FORMATS
from gis.files.qgis import OTHER_VALUES
from gis.model.code_lists import GREY, INK
from gis.model.layer import catalog
from gis.read.tiles import TileCoord
from tests.factories import POINT, incident, work

MARKERS = "/ogc/collections/markers/items"
ROOT = Path(__file__).resolve().parents[3]
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
def test_ogr_lists_every_layer(site_url):
    told = run("ogrinfo", "-ro", f"OAPIF:{site_url}/ogc")
    for name in catalog:
        assert name in told


@needs_ogr
def test_ogr_copies_a_layer_page_by_page(site_url, client, tmp_path):
    file = tmp_path / "markers.geojson"
    run("ogr2ogr", "-f", "GeoJSON", str(file), f"OAPIF:{site_url}/ogc", "markers", "-oo", "PAGE_SIZE=500")
    copied = json.loads(file.read_text())["features"]
    assert len({one["properties"]["id"] for one in copied}) == len(copied) == number_of(client)


@needs_ogr
def test_ogr_hands_its_filter_and_its_box_to_the_server(site_url, client):
    asked = run(
        "ogrinfo", "-ro", "-q", "--debug", "on", f"OAPIF:{site_url}/ogc", "markers", "-oo", "PAGE_SIZE=1000",
        "-where", "border = 'VN-KH' AND number = '147/6'", "-spat", "105", "11", "106.5", "12",
    )  # fmt: skip
    assert "border=VN-KH" in asked
    assert "number=147%2F6" in asked
    assert "bbox=105" in asked
    assert asked.count("OGRFeature(markers)") == number_of(client, border="VN-KH", number="147/6") == 1


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
def test_ogr_finds_by_its_own_filter_what_cql2_finds(where, filtered, site_url, client):
    """Whatever it hands on and whatever it tests itself. A day of a field of times arrives as ``2020-01-01T``."""
    said = run("ogrinfo", "-ro", "-q", f"OAPIF:{site_url}/ogc", "markers", "-oo", "PAGE_SIZE=1000", "-where", where)
    assert "ERROR" not in said
    assert said.count("OGRFeature(markers)") == number_of(client, filter=filtered)


@needs_ogr
def test_ogr_takes_a_box_of_metres_and_sql_of_its_own(site_url, client, tmp_path):
    corners = [from_wgs84(lon, lat, 32648) for lon, lat in ((105.8, 11.0), (106.3, 11.9))]
    file = tmp_path / "box.geojson"
    run(
        "ogr2ogr", "-f", "GeoJSON", str(file), f"OAPIF:{site_url}/ogc", "markers", "-oo", "PAGE_SIZE=1000",
        "-spat_srs", "EPSG:32648", "-spat", *(str(part) for corner in corners for part in corner),
    )  # fmt: skip
    found = {one["properties"]["id"] for one in json.loads(file.read_text())["features"]}
    plain = client.get(MARKERS, params={"limit": 10000, "bbox": "105.8,11.0,106.3,11.9"}).json()["features"]
    assert len(found & {one["id"] for one in plain}) > 0.9 * len(plain) > 10  # straight in metres is bent in degrees
    counted = "SELECT border, COUNT(*) AS n FROM markers GROUP BY border ORDER BY border"
    said = run(
        "ogrinfo", "-ro", "-q", f"OAPIF:{site_url}/ogc", "-oo", "PAGE_SIZE=1000", "-dialect", "SQLite", "-sql", counted
    )
    for border in ("VN-CN", "VN-KH"):
        assert f"border (String) = {border}\n  n (Integer) = {number_of(client, border=border)}" in said


FILES = [name for name in FORMATS if name not in ("csv", "xlsx", "parquet")]
"""What Debian's OGR opens: it has no driver for Parquet, which geopandas reads elsewhere (``test_exports``)."""


@needs_ogr
@pytest.mark.parametrize("f", FILES)
def test_ogr_reads_from_a_file_what_geojson_says(f, client, tmp_path):
    """The same gates at the same places under the same names, diacritics and all."""
    file, read = tmp_path / f"gates{FORMATS[f].extension}", tmp_path / "read.json"
    file.write_bytes(client.get("/api/export/gates", params={"f": f, "border": "VN-KH"}).content)
    opened, layer = (f"/vsizip/{file}", []) if f == "shp" else (str(file), ["gates"] if f == "gpkg" else [])
    run("ogr2ogr", "-f", "GeoJSON", str(read), opened, *layer)
    expected = client.get("/ogc/collections/gates/items", params={"border": "VN-KH", "limit": 1000}).json()["features"]
    found = {one.get("id") or one["properties"]["id"]: one for one in json.loads(read.read_text())["features"]}
    assert set(found) == {one["id"] for one in expected} != set()
    for one in expected:
        told, place = found[one["id"]]["properties"], found[one["id"]]["geometry"]
        assert told["Name" if f == "kml" else "name"] == one["properties"]["name"]
        assert (place is None) == (one["geometry"] is None)
        if place is not None:
            assert place["coordinates"][:2] == pytest.approx(one["geometry"]["coordinates"], abs=1e-6)


@needs_ogr
def test_ogr_reads_a_tile_at_the_places_and_by_the_names_that_geojson_says(client, tmp_path):
    """A tile of zoom 8; its unit there is 38 m."""
    zoom, row, column = 8, 120, 203
    file, read = tmp_path / "gates.mvt", tmp_path / "read.json"
    file.write_bytes(client.get(f"/ogc/collections/gates/tiles/WebMercatorQuad/{zoom}/{row}/{column}").content)
    run(
        "ogr2ogr", "-f", "GeoJSON", str(read), f"MVT:{file}", "-t_srs", "EPSG:4326", "-oo", f"X={column}",
        "-oo", f"Y={row}", "-oo", f"Z={zoom}", "-oo", "CLIP=NO",
    )  # fmt: skip
    found = {one["properties"]["id"]: one for one in json.loads(read.read_text())["features"]}
    west, south, east, north = TileCoord(zoom, column, row).bbox
    asked = {"bbox": f"{west},{south},{east},{north}", "limit": 1000}
    expected = client.get("/ogc/collections/gates/items", params=asked).json()["features"]
    assert set(found) == {one["id"] for one in expected} != set()
    for one in expected:
        assert found[one["id"]]["properties"]["label"] == one["properties"]["name"]
        placed = found[one["id"]]["geometry"]["coordinates"]
        assert placed == pytest.approx(one["geometry"]["coordinates"], abs=38 / 100_000)


NEWER_OGR = """
import json, sys, pyogrio
found = pyogrio.read_dataframe(sys.argv[1], layer="markers", CRS=sys.argv[2], PAGE_SIZE="500", where=sys.argv[3])
print("TOLD " + json.dumps({one: [at.x, at.y] for one, at in zip(found["number"], found.geometry)}))
"""


def told(said):
    """What a script of ours printed among the words of its libraries."""
    return json.loads(next(line for line in said.splitlines() if line.startswith("TOLD "))[5:])


@pytest.mark.parametrize("epsg", [9210, 32648, 4326])
def test_a_newer_ogr_asks_for_its_system_and_for_cql2(epsg, site_url, client):
    """The GDAL inside pyogrio, in a process of its own: ``CRS``, and a filter that only CQL2 can say."""
    where = "number LIKE '14%' AND border = 'VN-KH' AND chainage_m > 1000"
    found = told(run(sys.executable, "-c", NEWER_OGR, f"OAPIF:{site_url}/ogc", f"EPSG:{epsg}", where))
    plain = client.get(MARKERS, params={"limit": 10000, "filter": where}).json()["features"]
    assert sorted(found) == sorted(one["properties"]["number"] for one in plain) != []
    for one in plain:
        lon, lat = one["geometry"]["coordinates"]
        expected = (lon, lat) if epsg == 4326 else from_wgs84(lon, lat, epsg)
        near = 2e-6 if epsg == 4326 else 0.2
        assert found[one["properties"]["number"]] == pytest.approx(expected, abs=near, rel=0)


@needs_ogr
def test_ogr_writes_nothing_and_says_so(site_url, client, tmp_path):
    """Its driver only reads: nothing is sent, so nothing can be half written."""
    file = tmp_path / "in.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    before = number_of(client)
    for mode in ("-append", "-update"):
        done = subprocess.run(
            ["ogr2ogr", mode, "-nln", "markers", f"OAPIF:{site_url}/ogc", str(file)],
            check=False, capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
        )  # fmt: skip
        assert done.returncode != 0
    assert number_of(client) == before


def test_owslib_reads_collections_queryables_schema_and_items(site_url, client):
    service = Features(f"{site_url}/ogc")
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


def test_owslib_changes_what_it_has_read(site_url, client):
    """It sends ``If-Match`` when it is told to, and hears 428 when it is not; its CQL by POST makes nothing."""
    service = Features(f"{site_url}/ogc")
    words = "Nhập từ OWSLib"
    body = {"type": "Feature", "geometry": POINT, "properties": {"category": "drainage", "description": words}}
    service.collection_item_create("incidents", body)
    (made,) = service.collection_items("incidents", q=words)["features"]
    with pytest.raises(RuntimeError, match="unconditional"):
        service.collection_item_update("incidents", made["id"], json.dumps(made))
    made["properties"]["severity"] = "critical"

    def holding():
        service.collection_item("incidents", made["id"])
        held = {"If-Match": service.response_headers["etag"], "Content-Type": "application/geo+json"}
        return Features(f"{site_url}/ogc", headers=held)

    first, second = holding(), holding()
    assert first.collection_item_update("incidents", made["id"], json.dumps(made))
    assert service.collection_item("incidents", made["id"])["properties"]["severity"] == "critical"
    with pytest.raises(RuntimeError, match="stale"):
        second.collection_item_delete("incidents", made["id"])
    assert holding().collection_item_delete("incidents", made["id"])
    with pytest.raises(RuntimeError, match="missing"):
        service.collection_item("incidents", made["id"])
    before = number_of(client)
    with pytest.raises(RuntimeError, match="invalid"):
        service.collection_items("markers", cql={"op": "=", "args": [{"property": "kind"}, "main"]})
    assert number_of(client) == before
    assert service.collection_items("markers", limit=2, sortby=("number", "desc"))["numberReturned"] == 2


# QGIS, one process of which does everything that is asked of it below.

EXPRESSIONS = {
    "\"number\" like '14%'": "number LIKE '14%'",
    "\"chainage_m\" > 100000 and \"border\" = 'VN-KH'": "chainage_m > 100000 AND border = 'VN-KH'",
    "\"created_at\" > to_datetime('2020-01-01T00:00:00Z') and \"kind\" in ('main', 'tripoint')":
        "created_at > TIMESTAMP('2020-01-01T00:00:00Z') AND kind IN ('main', 'tripoint')",
}  # fmt: skip
"""What QGIS finds by an expression of its own, and how CQL2 says it."""

QGIS = r"""
import json, os, sys
from collections import Counter
from qgis.core import *
from qgis.gui import QgsMapCanvas, QgsMapToolIdentify
from qgis.PyQt.QtCore import QSize
app = QgsApplication([], True)
app.initQgis()
site, folder, expressions = *sys.argv[1:3], json.loads(sys.argv[3])
told, degrees = {}, QgsCoordinateReferenceSystem("EPSG:4326")

def items(system=""):
    uri = f"url='{site}/ogc' typename='markers' pageSize='500'" + (f" srsname='{system}'" if system else "")
    layer = QgsVectorLayer(uri, "markers", "OAPIF")
    assert layer.isValid(), layer.error().message()
    return layer

def picture(layer, *box):
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(degrees)
    settings.setTransformContext(QgsProject.instance().transformContext())
    settings.setExtent(QgsRectangle(*box))
    settings.setOutputSize(QSize(300, 300))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    assert not job.errors()
    drawn = job.renderedImage()
    return dict(Counter(drawn.pixelColor(x, y).name() for x in range(300) for y in range(300)).most_common(40))

for system in ("", "EPSG:9210"):
    layer = items(system)
    features = [one for one in layer.getFeatures()]
    placed = {one["number"]: one for one in features if one["border"] == "VN-KH" and one.hasGeometry()}
    point = placed["147/6"].geometry().asPoint()
    told[system] = {"number": len(features), "crs": layer.crs().authid(), "at": [point.x(), point.y()]}

layer = items()
told["box"] = len(list(layer.getFeatures(QgsFeatureRequest(QgsRectangle(105.8, 11.0, 106.3, 11.9)))))
told["expressions"] = {
    asked: len(list(layer.getFeatures(QgsFeatureRequest(QgsExpression(asked)))))
    for asked in expressions
}
stone = next(layer.getFeatures(QgsFeatureRequest(QgsExpression("\"number\" = '147/6' and \"border\" = 'VN-KH'"))))
point = stone.geometry().asPoint()
canvas = QgsMapCanvas()
canvas.resize(400, 400)
canvas.setDestinationCrs(layer.crs())
canvas.setLayers([layer])
canvas.setExtent(QgsRectangle(point.x() - 0.001, point.y() - 0.001, point.x() + 0.001, point.y() + 0.001))
pixel = canvas.getCoordinateTransform().transform(point)
tool = QgsMapToolIdentify(canvas)
found = tool.identify(int(pixel.x()), int(pixel.y()), [layer], QgsMapToolIdentify.TopDownAll)
told["identified"] = [dict(zip(layer.fields().names(), map(str, one.mFeature.attributes()))) for one in found]
layer.setSubsetString("\"border\" = 'VN-KH'")
told["filtered"] = len(list(layer.getFeatures()))

for name in ("markers", "gates"):
    layer = QgsVectorLayer(f"{folder}/{name}.gpkg|layername={name}", name, "ogr")
    assert layer.isValid()
    fields, label = layer.fields(), layer.labeling().settings()
    told[f"{name}.gpkg"] = {
        "number": layer.featureCount(),
        "crs": layer.crs().authid(),
        "drawn_by": layer.renderer().classAttribute(),
        "words": [[one.value(), one.label(), one.symbol().color().name()] for one in layer.renderer().categories()],
        "label": label.fieldName if layer.labelsEnabled() else None,
        "titles": {one.name(): layer.attributeAlias(at) for at, one in enumerate(fields)},
        "lists": {
            one.name(): [list(pair.items())[0] for pair in layer.editorWidgetSetup(at).config()["map"]]
            for at, one in enumerate(fields) if layer.editorWidgetSetup(at).type() == "ValueMap"
        },
        "fixed": [one.name() for at, one in enumerate(fields) if layer.editFormConfig().readOnly(at)],
        "picture": picture(layer, 105.5, 11.0, 106.8, 12.0),
    }

for name in ("markers", "gates", "lines"):
    tiles = f"{site}/ogc/collections/{name}/tiles/WebMercatorQuad/%7Bz%7D/%7By%7D/%7Bx%7D"
    style = f"{site}/ogc/collections/{name}/styles/default"
    layer = QgsVectorTileLayer(f"type=xyz&url={tiles}&zmin=0&zmax=22&styleUrl={style}", name)
    assert layer.isValid() and layer.loadDefaultStyle()[1]
    told[f"{name} tiles"] = picture(layer, 105.5, 11.0, 106.8, 12.0)
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)  # QGIS may fall over its own windows while it ends
"""


def _with_qgis():
    """A Python that has QGIS, as Debian's python3-qgis gives it."""
    python = "/usr/bin/python3"
    if not Path(python).exists():
        return None
    tried = subprocess.run([python, "-c", "import qgis.gui"], check=False, capture_output=True, env=ENVIRONMENT)
    return python if tried.returncode == 0 else None


@pytest.fixture(scope="module")
def qgis(site_url, client, tmp_path_factory):
    """What QGIS sees of the collections, of the GeoPackages and of the tiles."""
    python = _with_qgis()
    if python is None:
        pytest.skip("QGIS is not installed (apt-get install python3-qgis)")
    folder = tmp_path_factory.mktemp("qgis")
    for name in ("markers", "gates"):
        (folder / f"{name}.gpkg").write_bytes(client.get(f"/api/export/{name}", params={"f": "gpkg"}).content)
    return told(run(python, "-c", QGIS, site_url, str(folder), json.dumps(list(EXPRESSIONS))))


def test_qgis_pages_filters_and_places_a_layer(qgis, client):
    lon, lat = qgis[""]["at"]
    assert qgis[""]["number"] == qgis["EPSG:9210"]["number"] == number_of(client)
    marker = client.get(MARKERS, params={"border": "VN-KH", "number": "147/6"}).json()["features"][0]
    assert [lon, lat] == pytest.approx(marker["geometry"]["coordinates"], abs=1e-6)
    if qgis["EPSG:9210"]["crs"] == "EPSG:9210":
        assert qgis["EPSG:9210"]["at"] == pytest.approx(from_wgs84(lon, lat, 9210), abs=0.2)
    assert qgis["box"] == number_of(client, bbox="105.8,11,106.3,11.9")
    assert qgis["filtered"] == number_of(client, border="VN-KH")


def test_qgis_finds_by_its_own_expressions_what_cql2_finds(qgis, client):
    for asked, number in qgis["expressions"].items():
        assert number == number_of(client, filter=EXPRESSIONS[asked]) > 5, asked


def test_qgis_identifies_a_feature_with_what_is_known_of_it(qgis, client):
    (found,) = qgis["identified"]
    marker = client.get(MARKERS, params={"border": "VN-KH", "number": "147/6"}).json()["features"][0]
    for name in ("id", "number", "kind", "condition", "position_source"):
        assert found[name] == marker["properties"][name]


@pytest.mark.parametrize("layer", ["markers", "gates"])
def test_a_geopackage_opens_in_qgis_as_it_is_drawn_and_filled_in_here(layer, qgis, client):
    """Colours and words of the statuses, labels, titles, lists to choose from, read-only what the office derives."""
    card, seen = catalog[layer], qgis[f"{layer}.gpkg"]
    features = client.get(f"/ogc/collections/{layer}/items", params={"limit": 10000}).json()["features"]
    assert (seen["number"], seen["crs"]) == (len(features), "EPSG:4326")
    assert (seen["drawn_by"], seen["label"]) == (card.style_field, card.label_sql)
    words = [[one.value, one.title.vi, one.mark.colour.lower()] for one in card.fields[card.style_field].codes]
    assert seen["words"] == [*words, ["", OTHER_VALUES.vi, GREY]]
    assert {name: title for name, title in seen["titles"].items() if title} == {
        name: one.title.vi for name, one in card.fields.items()
    }
    assert seen["lists"] == {
        name: [[word.title.vi, word.value] for word in one.codes]
        for name, one in card.fields.items()
        if one.codes and one.type == "code"
    }
    assert {"id", "version", "created_by", "chainage_m"} <= set(seen["fixed"])
    assert "number" not in seen["fixed"]
    assert {"#ffffff"} < set(seen["picture"])


def test_qgis_draws_the_tiles_in_our_style(qgis):
    """Gates in their ink, lines in theirs and markers, which nobody has inspected, in the colour of that word."""
    for layer, colour in (("gates", INK), ("lines", GREY), ("markers", GREY)):
        picture = qgis[f"{layer} tiles"]
        assert picture.pop("#ffffff") > 10_000
        assert max(picture, key=picture.get) == colour, (layer, picture)


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


def test_nothing_that_the_description_allows_breaks_the_server(site_url, client, tmp_path):
    """No 5xx, no status, type or body that the description does not tell; creates lead to reads and changes."""
    incident(client)
    work(client)
    document = client.get("/ogc/api").json()
    paths = "^/(collections/(works|incidents)(/|$)|conformance|$)"
    said = fuzz(document, f"{site_url}/ogc", tmp_path, paths, seconds=30, phases="fuzzing,stateful")
    assert "passed" in said


def test_nor_do_the_other_doors(site_url, client, tmp_path):
    document = client.get("/ogc/api").json()
    document["paths"] = {
        path: one for path, one in document["paths"].items() if path.startswith("/api/") and "servers" in one
    }
    for one in document["paths"].values():
        del one["servers"]
    said = fuzz(document, site_url, tmp_path, "^/api/(locate|cards|basemap|export/gates)", seconds=12)
    assert "passed" in said
