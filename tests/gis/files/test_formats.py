"""What a card gives to files: short names, value lists, a style for QGIS, columns in words."""

import resource
import sqlite3
from xml.etree import ElementTree as ET

import pytest

from gis.crs.systems import zone_by_meridian
from gis.files import writers
from gis.files.formats import FORMATS, Export, columns_of
from gis.files.qgis import OTHER_VALUES, layer_qml
from gis.files.shapefile import short_names
from gis.model.layer import Level, all_layers, catalog
from gis.read.selection import Selection
from gis.text.errors import Unavailable
from layers.policy import OFFICE

EVERY = [pytest.param(layer, id=layer.name) for layer in all_layers()]
ZONE = zone_by_meridian(105.75)


@pytest.mark.parametrize("layer", EVERY)
def test_short_names_fit_dbase_and_tell_fields_apart(layer):
    short = short_names(layer)
    assert set(short) == {"id", *layer.fields}
    assert all(len(one) <= 10 and one.isascii() for one in short.values())
    assert len({one.lower() for one in short.values()}) == len(short)
    assert all(short[name] == name for name in short if len(name) <= 10)


@pytest.mark.parametrize("layer", EVERY)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_tables_titles_are_all_different(layer, language):
    columns = columns_of(Export(Selection(layer, Level.RESTRICTED), FORMATS["xlsx"], ZONE, language))
    titles = [one.title for one in columns]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("layer", EVERY)
def test_a_style_draws_every_word_by_shape_and_colour(layer):
    fields = list(layer.fields.values())
    root = ET.fromstring(layer_qml(layer, "Point", fields, "vi"))
    categories = root.findall("renderer-v2/categories/category")
    drawn = layer.fields.get(layer.style_field or "")
    words = list(drawn.codes) if drawn is not None and drawn.codes else []
    named = [(one.value, one.title.vi) for one in words] + ([("", OTHER_VALUES.vi)] if words else [])
    assert [(one.get("value"), one.get("label")) for one in categories] == named
    symbols = root.findall("renderer-v2/symbols/symbol")
    shapes = [one.find("layer/Option/Option[@name='name']").get("value") for one in symbols]
    assert len(set(shapes)) == len(shapes)
    for word, symbol in zip(words, symbols, strict=False):
        if word.mark:
            colour = symbol.find("layer/Option/Option[@name='color']").get("value").split(",")[:3]
            assert "#{:02x}{:02x}{:02x}".format(*map(int, colour)) == word.mark.colour.lower()


@pytest.mark.parametrize("layer", EVERY)
def test_a_geopackage_carries_titles_lists_and_its_style(layer, database, tmp_path):
    export = Export(Selection(layer, Level.RESTRICTED), FORMATS["gpkg"], ZONE, extra_metadata={"attribution": "nguồn"})
    path = writers.write(database, OFFICE, export, tmp_path)
    opened = sqlite3.connect(path)
    try:
        tables = [name for (name,) in opened.execute("select table_name from gpkg_geometry_columns")]
        styled = opened.execute("select f_table_name, useAsDefault from layer_styles").fetchall()
        assert sorted(styled) == sorted((name, 1) for name in tables)
        counted = sum(opened.execute(f'select count(*) from "{name}"').fetchone()[0] for name in tables)
        assert counted == export.number
        for table in tables:
            titles = dict(
                opened.execute("select column_name, title from gpkg_data_columns where table_name = ?", [table])
            )
            assert titles == {name: one.title.vi for name, one in layer.fields.items()}
            stored = {row[1] for row in opened.execute(f'pragma table_info("{table}")')}
            assert {"id", "geom", *layer.fields} <= stored
        for name, one in layer.fields.items():
            if one.codes and one.type == "code":
                listed = opened.execute(f"select value, vi, en from codes_{name}").fetchall()
                assert listed == [(word.value, word.title.vi, word.title.en) for word in one.codes]
        described = opened.execute("select description from gpkg_contents where data_type = 'features'").fetchall()
        assert all("nguồn" in text and "numberReturned" in text for (text,) in described)
        assert opened.execute("pragma integrity_check").fetchone() == ("ok",)
    finally:
        opened.close()


@pytest.fixture
def full_disk():
    """A disk that has no more room for any one file than this many bytes."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda room: resource.setrlimit(resource.RLIMIT_FSIZE, (room, usual[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.parametrize(
    ("f", "room"), [("gpkg", 200_000), ("shp", 200_000), ("fgb", 200_000), ("xlsx", 200_000), ("parquet", 60_000)]
)
def test_no_file_is_given_that_found_no_room(f, room, full_disk, database, tmp_path):
    export = Export(Selection(catalog["markers"], Level.RESTRICTED), FORMATS[f], ZONE)
    full_disk(room)
    with pytest.raises(Unavailable, match="could not write the file"):
        writers.write(database, OFFICE, export, tmp_path)
