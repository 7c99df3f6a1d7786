"""Export formats of every layer: short names, code lists, a style for QGIS, and titles of columns."""

import resource
import sqlite3
from xml.etree import ElementTree as ET

import pytest

from gis.crs.systems import zone_by_meridian
from gis.files import writers
from gis.files.formats import FORMATS, Export, columns_of
from gis.files.qgis import OTHER_VALUES, layer_qml
from gis.files.shapefile import short_names
from gis.model.field_types import CODE
from gis.model.layer import Level, all_layers, catalog
from gis.read.selection import Selection
from gis.text.errors import Unavailable
from layers.policy import OFFICE

EVERY_LAYER = [pytest.param(layer, id=layer.name) for layer in all_layers()]
ZONE = zone_by_meridian(105.75)


@pytest.mark.parametrize("layer", EVERY_LAYER)
def test_shapefile_names_are_short_and_unique(layer):
    short = short_names(layer)
    assert set(short) == {"id", *layer.fields}
    assert all(len(short_name) <= 10 and short_name.isascii() for short_name in short.values())
    assert len({short_name.lower() for short_name in short.values()}) == len(short)
    assert all(short[name] == name for name in short if len(name) <= 10)


@pytest.mark.parametrize("layer", EVERY_LAYER)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_column_titles_of_a_table_are_unique(layer, language):
    columns = columns_of(Export(Selection(layer, Level.RESTRICTED), FORMATS["xlsx"], ZONE, language))
    titles = [column.title for column in columns]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("layer", EVERY_LAYER)
def test_qgis_style_has_a_shape_and_colour_for_every_code(layer):
    fields = list(layer.fields.values())
    root = ET.fromstring(layer_qml(layer, "Point", fields, "vi"))
    categories = root.findall("renderer-v2/categories/category")
    drawn = layer.fields.get(layer.style_field or "")
    codes = list(drawn.codes) if drawn is not None and drawn.codes else []
    named = [(code.value, code.title.vi) for code in codes] + ([("", OTHER_VALUES.vi)] if codes else [])
    assert [(category.get("value"), category.get("label")) for category in categories] == named
    symbols = root.findall("renderer-v2/symbols/symbol")
    shapes = [symbol.find("layer/Option/Option[@name='name']").get("value") for symbol in symbols]
    assert len(set(shapes)) == len(shapes)
    for code, symbol in zip(codes, symbols, strict=False):
        if code.mark:
            colour = symbol.find("layer/Option/Option[@name='color']").get("value").split(",")[:3]
            assert "#{:02x}{:02x}{:02x}".format(*map(int, colour)) == code.mark.colour.lower()


@pytest.mark.parametrize("layer", EVERY_LAYER)
def test_geopackage_has_titles_code_lists_and_a_style(layer, database, tmp_path):
    export = Export(Selection(layer, Level.RESTRICTED), FORMATS["gpkg"], ZONE, extra_metadata={"attribution": "nguồn"})
    path = writers.write(database, OFFICE, export, tmp_path)
    connection = sqlite3.connect(path)
    try:
        tables = [name for (name,) in connection.execute("select table_name from gpkg_geometry_columns")]
        styled = connection.execute("select f_table_name, useAsDefault from layer_styles").fetchall()
        assert sorted(styled) == sorted((name, 1) for name in tables)
        counted = sum(connection.execute(f'select count(*) from "{name}"').fetchone()[0] for name in tables)
        assert counted == export.number
        for table in tables:
            titles = dict(
                connection.execute("select column_name, title from gpkg_data_columns where table_name = ?", [table])
            )
            assert titles == {name: field.title.vi for name, field in layer.fields.items()}
            stored = {row[1] for row in connection.execute(f'pragma table_info("{table}")')}
            assert {"id", "geom", *layer.fields} <= stored
        for name, field in layer.fields.items():
            if field.codes and field.type is CODE:
                listed = connection.execute(f"select value, vi, en from codes_{name}").fetchall()
                assert listed == [(code.value, code.title.vi, code.title.en) for code in field.codes]
        described = connection.execute("select description from gpkg_contents where data_type = 'features'").fetchall()
        assert all("nguồn" in text and "numberReturned" in text for (text,) in described)
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    finally:
        connection.close()


@pytest.fixture
def full_disk():
    """A function that limits the size of every file to a number of bytes, as a full disk would."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda max_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("format_name", "max_bytes"),
    [("gpkg", 200_000), ("shp", 200_000), ("fgb", 200_000), ("xlsx", 200_000), ("parquet", 60_000)],
)
def test_full_disk_raises_unavailable(format_name, max_bytes, full_disk, database, tmp_path):
    export = Export(Selection(catalog["markers"], Level.RESTRICTED), FORMATS[format_name], ZONE)
    full_disk(max_bytes)
    with pytest.raises(Unavailable, match="could not write the file"):
        writers.write(database, OFFICE, export, tmp_path)
