"""Names that reach folium are not run as templates, and the map script has only constants."""

import folium
import pytest

from maps.folium_patch import render_script
from maps.map_page import PANES, empty_map, map_script
from tests.hostile_texts import ACCEPTED, EVALUATED

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
    assert render_script(empty_map()) == map_script()
    assert 'var map_main = L.map("map_main"' in map_script()
    assert all(f'createPane(\n                "{name}")' in map_script() for name in PANES)


def test_map_script_has_no_tile_layer_and_no_url() -> None:
    assert "tileLayer" not in map_script()
    assert "http" not in map_script()
    assert '"maxZoom": 19' in map_script()
