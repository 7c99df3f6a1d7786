"""Every mark of a code list and of a layer has a shape in the sprite."""

from xml.etree import ElementTree as ET

import layers  # noqa: F401 - declares the catalogue
from gis.model import DEFAULT_MARK, display_of
from gis.model.layer import catalog
from maps.marks import SHAPES, shape_or_circle, sprite

SYMBOL = "{http://www.w3.org/2000/svg}symbol"


def test_every_mark_of_a_code_has_a_shape() -> None:
    declared = {
        code.mark.shape
        for layer in catalog.values()
        for field in layer.fields.values()
        for code in field.codes or ()
        if code.mark
    }
    assert declared, "the catalogue declares marks"
    assert declared <= set(SHAPES)


def test_sprite_has_a_symbol_for_each_shape() -> None:
    svg = ET.fromstring(sprite())
    assert [symbol.get("id") for symbol in svg.iter(SYMBOL)] == list(SHAPES)
    assert all(len(symbol) for symbol in svg.iter(SYMBOL)), "no symbol is empty"


def test_unknown_shape_is_drawn_as_a_circle() -> None:
    assert shape_or_circle("gate-of-tomorrow") == DEFAULT_MARK.shape == "circle"


def test_marks_of_layers_have_a_shape() -> None:
    assert {display_of(layer).mark.shape for layer in catalog.values()} <= set(SHAPES)
