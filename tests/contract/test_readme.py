"""The README tells the truth about the catalog: every layer, in both languages, with the words of its status."""

from pathlib import Path

import pytest

import layers  # noqa: F401 - fills the catalog
from gis.model.layer import Layer, all_layers

DATA = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
ROWS = [line for line in README.splitlines() if line.startswith("| `")]


def row_of(layer: Layer) -> str:
    words = " · ".join(word.value for word in layer.status.codes) if layer.status and layer.status.codes else "–"
    return f"| `{layer.name}` | {layer.title.vi} | {layer.title.en} | {words} |"


@pytest.mark.parametrize("layer", list(all_layers()), ids=lambda layer: layer.name)
def test_the_readme_names_the_layer_and_its_words(layer):
    assert row_of(layer) in ROWS


def test_the_readme_names_no_layer_that_is_not_there():
    named = [line for line in ROWS if line.count("|") == 5]
    assert named == [row_of(layer) for layer in all_layers()]


def test_every_page_that_the_readme_names_is_served(client):
    pages = ["/", "/works", "/gates", "/tasks", "/incidents", "/board", "/incidents/new"]
    assert all(f"`{page}`" in README or page in ("/", "/incidents") for page in pages)
    assert {client.get(page).status_code for page in pages} == {200}
