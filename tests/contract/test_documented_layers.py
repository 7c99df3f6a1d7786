"""docs/data.md lists every layer with its titles and status codes; README.md names pages that are served."""

import re
from pathlib import Path

import pytest

import layers  # noqa: F401 - fills the catalog
from gis.model.layer import Layer, all_layers

CHECKOUT = Path(__file__).resolve().parents[2]
ROWS = [line for line in (CHECKOUT / "docs" / "data.md").read_text("utf-8").splitlines() if line.startswith("| `")]
PAGES = re.findall(
    r"`(/[a-z/]*)`", "\n".join(re.findall(r"^\|.*", (CHECKOUT / "README.md").read_text("utf-8"), re.MULTILINE))
)


def documented_row(layer: Layer) -> str:
    codes = " · ".join(code.value for code in layer.status.codes) if layer.status and layer.status.codes else "–"
    return f"| `{layer.name}` | {layer.title.vi} | {layer.title.en} | {codes} |"


@pytest.mark.parametrize("layer", list(all_layers()), ids=lambda layer: layer.name)
def test_the_table_of_layers_names_each_layer_and_its_codes(layer):
    assert documented_row(layer) in ROWS


def test_the_table_of_layers_is_in_order_and_names_no_other_layer():
    assert [documented_row(layer) for layer in all_layers()] == ROWS


def test_every_page_named_in_the_readme_is_served(client):
    assert {"/incidents/new", "/works", "/tasks", "/board", "/gates", "/ogc", "/releases"} <= set(PAGES)
    assert {page: client.get(page).status_code for page in PAGES} == dict.fromkeys(PAGES, 200)
