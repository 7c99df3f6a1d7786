"""QGIS reads collections, GeoPackages and tiles."""

import json
import subprocess
from pathlib import Path

import pytest

from gis.crs.systems import from_wgs84
from gis.files.qgis import OTHER_VALUES
from gis.model.code_lists import GREY, INK
from gis.model.layer import catalog
from tests.api.ogc.client_programs import ENVIRONMENT, MARKERS, count_markers, read_result, run

EXPRESSIONS = {
    "\"number\" like '14%'": "number LIKE '14%'",
    "\"chainage_m\" > 100000 and \"border\" = 'VN-KH'": "chainage_m > 100000 AND border = 'VN-KH'",
    "\"created_at\" > to_datetime('2020-01-01T00:00:00Z') and \"kind\" in ('main', 'tripoint')":
        "created_at > TIMESTAMP('2020-01-01T00:00:00Z') AND kind IN ('main', 'tripoint')",
}  # fmt: skip
"""QGIS expressions and the same filters in CQL2."""


QGIS = r"""
import json, os, sys
from collections import Counter
from qgis.core import *
from qgis.gui import QgsMapCanvas, QgsMapToolIdentify
from qgis.PyQt.QtCore import QSize
app = QgsApplication([], True)
app.initQgis()
site, folder, expressions = *sys.argv[1:3], json.loads(sys.argv[3])
result, degrees = {}, QgsCoordinateReferenceSystem("EPSG:4326")

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
    features = [feature for feature in layer.getFeatures()]
    placed = {
        feature["number"]: feature
        for feature in features if feature["border"] == "VN-KH" and feature.hasGeometry()
    }
    point = placed["147/6"].geometry().asPoint()
    result[system] = {"number": len(features), "crs": layer.crs().authid(), "at": [point.x(), point.y()]}

layer = items()
result["box"] = len(list(layer.getFeatures(QgsFeatureRequest(QgsRectangle(105.8, 11.0, 106.3, 11.9)))))
result["expressions"] = {
    text: len(list(layer.getFeatures(QgsFeatureRequest(QgsExpression(text)))))
    for text in expressions
}
marker = next(layer.getFeatures(QgsFeatureRequest(QgsExpression("\"number\" = '147/6' and \"border\" = 'VN-KH'"))))
point = marker.geometry().asPoint()
canvas = QgsMapCanvas()
canvas.resize(400, 400)
canvas.setDestinationCrs(layer.crs())
canvas.setLayers([layer])
canvas.setExtent(QgsRectangle(point.x() - 0.001, point.y() - 0.001, point.x() + 0.001, point.y() + 0.001))
pixel = canvas.getCoordinateTransform().transform(point)
tool = QgsMapToolIdentify(canvas)
matches = tool.identify(int(pixel.x()), int(pixel.y()), [layer], QgsMapToolIdentify.TopDownAll)
result["identified"] = [dict(zip(layer.fields().names(), map(str, match.mFeature.attributes()))) for match in matches]
layer.setSubsetString("\"border\" = 'VN-KH'")
result["filtered"] = len(list(layer.getFeatures()))

for name in ("markers", "gates"):
    layer = QgsVectorLayer(f"{folder}/{name}.gpkg|layername={name}", name, "ogr")
    assert layer.isValid()
    fields, label = layer.fields(), layer.labeling().settings()
    result[f"{name}.gpkg"] = {
        "number": layer.featureCount(),
        "crs": layer.crs().authid(),
        "drawn_by": layer.renderer().classAttribute(),
        "categories": [
            [item.value(), item.label(), item.symbol().color().name()] for item in layer.renderer().categories()
        ],
        "label": label.fieldName if layer.labelsEnabled() else None,
        "titles": {field.name(): layer.attributeAlias(index) for index, field in enumerate(fields)},
        "lists": {
            field.name(): [list(pair.items())[0] for pair in layer.editorWidgetSetup(index).config()["map"]]
            for index, field in enumerate(fields) if layer.editorWidgetSetup(index).type() == "ValueMap"
        },
        "fixed": [field.name() for index, field in enumerate(fields) if layer.editFormConfig().readOnly(index)],
        "picture": picture(layer, 105.5, 11.0, 106.8, 12.0),
    }

for name in ("markers", "gates", "lines"):
    tiles = f"{site}/ogc/collections/{name}/tiles/WebMercatorQuad/%7Bz%7D/%7By%7D/%7Bx%7D"
    style = f"{site}/ogc/collections/{name}/styles/default"
    layer = QgsVectorTileLayer(f"type=xyz&url={tiles}&zmin=0&zmax=22&styleUrl={style}", name)
    assert layer.isValid() and layer.loadDefaultStyle()[1]
    result[f"{name} tiles"] = picture(layer, 105.5, 11.0, 106.8, 12.0)
print("RESULT " + json.dumps(result), flush=True)
os._exit(0)  # QGIS may crash in its own shutdown
"""


def _python_with_qgis():
    """The path of a Python with the package python3-qgis of Debian, or None."""
    python = "/usr/bin/python3"
    if not Path(python).exists():
        return None
    imported = subprocess.run([python, "-c", "import qgis.gui"], check=False, capture_output=True, env=ENVIRONMENT)
    return python if imported.returncode == 0 else None


@pytest.fixture(scope="module")
def qgis(site_url, client, tmp_path_factory):
    """The results of QGIS with the collections, the GeoPackages and the tiles."""
    python = _python_with_qgis()
    if python is None:
        pytest.skip("QGIS is not installed (apt-get install python3-qgis)")
    folder = tmp_path_factory.mktemp("qgis")
    for name in ("markers", "gates"):
        (folder / f"{name}.gpkg").write_bytes(client.get(f"/api/export/{name}", params={"f": "gpkg"}).content)
    return read_result(run(python, "-c", QGIS, site_url, str(folder), json.dumps(list(EXPRESSIONS))))


def test_qgis_reads_pages_crs_bbox_and_filters(qgis, client):
    lon, lat = qgis[""]["at"]
    assert qgis[""]["number"] == qgis["EPSG:9210"]["number"] == count_markers(client)
    marker = client.get(MARKERS, params={"border": "VN-KH", "number": "147/6"}).json()["features"][0]
    assert [lon, lat] == pytest.approx(marker["geometry"]["coordinates"], abs=1e-6)
    if qgis["EPSG:9210"]["crs"] == "EPSG:9210":
        assert qgis["EPSG:9210"]["at"] == pytest.approx(from_wgs84(lon, lat, 9210), abs=0.2)
    assert qgis["box"] == count_markers(client, bbox="105.8,11,106.3,11.9")
    assert qgis["filtered"] == count_markers(client, border="VN-KH")


def test_qgis_expressions_agree_with_cql2(qgis, client):
    for expression, number in qgis["expressions"].items():
        assert number == count_markers(client, filter=EXPRESSIONS[expression]) > 5, expression


def test_qgis_identifies_a_feature(qgis, client):
    (identified,) = qgis["identified"]
    marker = client.get(MARKERS, params={"border": "VN-KH", "number": "147/6"}).json()["features"][0]
    for name in ("id", "number", "kind", "condition", "position_source"):
        assert identified[name] == marker["properties"][name]


@pytest.mark.parametrize("layer", ["markers", "gates"])
def test_qgis_opens_a_geopackage_with_its_style_and_form(layer, qgis, client):
    """Categories with their colours, labels, aliases, value maps and read-only fields."""
    definition, opened = catalog[layer], qgis[f"{layer}.gpkg"]
    features = client.get(f"/ogc/collections/{layer}/items", params={"limit": 10000}).json()["features"]
    assert (opened["number"], opened["crs"]) == (len(features), "EPSG:4326")
    assert (opened["drawn_by"], opened["label"]) == (definition.style_field, definition.label_sql)
    codes = definition.fields[definition.style_field].codes
    categories = [[code.value, code.title.vi, code.mark.colour.lower()] for code in codes]
    assert opened["categories"] == [*categories, ["", OTHER_VALUES.vi, GREY]]
    assert {name: title for name, title in opened["titles"].items() if title} == {
        name: field.title.vi for name, field in definition.fields.items()
    }
    assert opened["lists"] == {
        name: [[code.title.vi, code.value] for code in field.codes]
        for name, field in definition.fields.items()
        if field.codes and field.type.name == "code"
    }
    assert {"id", "version", "created_by", "chainage_m"} <= set(opened["fixed"])
    assert "number" not in opened["fixed"]
    assert {"#ffffff"} < set(opened["picture"])


def test_qgis_draws_tiles_with_the_style(qgis):
    """Gates, lines and markers in the colour of their code; no marker has been inspected."""
    for layer, colour in (("gates", INK), ("lines", GREY), ("markers", GREY)):
        picture = qgis[f"{layer} tiles"]
        assert picture.pop("#ffffff") > 10_000
        assert max(picture, key=picture.get) == colour, (layer, picture)
