"""Every word that has a mark can be drawn, by shape as well as by colour."""

from xml.etree import ElementTree as ET

import layers  # noqa: F401 - declares the catalogue
from gis.model.layer import catalog
from maps.marks import LAYER_MARKS, SHAPES, layer_mark, shape_or_circle, sprite

SYMBOL = "{http://www.w3.org/2000/svg}symbol"


def test_every_mark_that_a_word_declares_has_a_drawing() -> None:
    declared = {
        word.mark.shape
        for layer in catalog.values()
        for field in layer.fields.values()
        for word in field.codes or ()
        if word.mark
    }
    assert declared, "the catalogue declares marks"
    assert declared <= set(SHAPES)


def test_the_sprite_is_one_svg_with_a_symbol_for_each_shape() -> None:
    drawn = ET.fromstring(sprite())
    assert [symbol.get("id") for symbol in drawn.iter(SYMBOL)] == list(SHAPES)
    assert all(len(symbol) for symbol in drawn.iter(SYMBOL)), "no symbol is empty"


def test_an_unknown_shape_is_a_circle_and_never_nothing() -> None:
    assert shape_or_circle("gate-of-tomorrow") == "circle"
    assert layer_mark("a_new_layer").shape == "circle"


def test_layers_without_a_word_are_drawn_with_shapes_that_exist() -> None:
    assert {mark.shape for mark in LAYER_MARKS.values()} <= set(SHAPES)
    assert set(LAYER_MARKS) <= set(catalog)
