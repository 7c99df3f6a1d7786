"""Names that reach folium are not run as templates, and the map script has only constants."""

import folium
import pytest

from gis.model import all_layers, display_of
from maps.assets import fetch
from maps.folium_patch import render_script
from maps.map_page import PANES, compose_map, drawable_layers, map_script
from tests.hostile_texts import ACCEPTED, EVALUATED


@pytest.fixture(scope="module", autouse=True)
def _vendor_files() -> None:
    """The scripts of folium's plugins are part of the map script."""
    fetch()


TEMPLATES = {name: text for name, text in ACCEPTED.items() if "{{" in text or "{%" in text or "{#" in text}


@pytest.mark.parametrize("payload", TEMPLATES.values(), ids=TEMPLATES)
def test_template_code_in_a_layer_name_is_not_run(payload: str) -> None:
    folium_map = folium.Map(tiles=None)
    folium.FeatureGroup(name=payload).add_to(folium_map)
    folium.LayerControl().add_to(folium_map)
    folium.Marker((11.3, 106.0), tooltip=payload, popup=payload).add_to(folium_map)
    script = render_script(folium_map)
    assert payload in script
    assert EVALUATED not in script


def test_map_script_is_constant_and_names_its_map() -> None:
    assert map_script().endswith(render_script(compose_map()))
    assert 'var map_main = L.map("map_main"' in map_script()
    assert all(f'createPane(\n                "{name}")' in map_script() for name in PANES)


def test_each_drawable_layer_is_an_overlay_with_its_url() -> None:
    script = map_script()
    for layer in drawable_layers():
        assert f'"url": "/ogc/collections/{layer.name}/items"' in script
        assert f'"{layer.name}": overlay_{layer.name}' in script
        assert (f"overlay_{layer.name}.addTo(map_main)" in script) is display_of(layer).drawn_at_first
    basemap = {layer.name for layer in all_layers() if layer.display.in_basemap}
    assert basemap
    assert not any(f"overlay_{name}" in script for name in basemap)


def test_controls_come_from_our_own_server() -> None:
    script = map_script()
    assert all(f"L.control.{name}(" in script for name in ("scale", "fullscreen", "locate"))
    assert "cdn" not in script


def test_map_script_has_no_tile_layer_and_no_foreign_url() -> None:
    assert "tileLayer" not in map_script()
    assert "http" not in render_script(compose_map())
    assert '"maxZoom": 19' in map_script()
