"""How vector tiles are drawn: a MapLibre style made from the marks of a card's words."""

from typing import Any

from gis.model import Clearance, Layer
from gis.text import Language
from maps.marks import layer_mark

BACKGROUND_COLOUR = "#ffffff"
POSITION_SOURCE = ["get", "position_source"]
FEATURE_COUNT = ["coalesce", ["get", "count"], 1]


def maplibre_style(layer: Layer, reader: Clearance, tilejson: str, language: Language) -> dict[str, Any]:
    """The style of a layer's tiles as a reader of that level sees them.

    Points are circles in the colour of the word that draws the layer, hollow where the position is assumed and larger
    where one stands for many (``count``). ``tilejson`` is the address of the tiles' description.
    """
    colour = _colour(layer, reader)
    of_layer = {"source": layer.name, "source-layer": layer.name}
    kind = ["geometry-type"]
    layers: list[dict[str, Any]] = [
        {"type": "fill", "filter": ["==", kind, "Polygon"], "paint": {"fill-color": colour, "fill-opacity": 0.15}},
        {
            "type": "line",
            "filter": ["!=", kind, "Point"],
            "layout": {"line-join": "round", "line-cap": "round"},
            "paint": {"line-color": colour, "line-width": 2},
        },
    ]
    if layer.geometry_type != "LINESTRING":  # a line too short to be seen needs no dot
        radius = ["interpolate", ["linear"], ["log10", FEATURE_COUNT], 0, 5, 4, 20]
        # Two layers rather than a choice in one: QGIS turns a "match" into its own words, but no "case".
        layers += [
            {
                "id": f"{layer.name}-{name}",
                "type": "circle",
                "filter": ["all", ["==", kind, "Point"], [sign, POSITION_SOURCE, "assumed"]],
                "paint": {
                    "circle-radius": radius,
                    "circle-color": body,
                    "circle-stroke-color": edge,
                    "circle-stroke-width": width,
                },
            }
            for name, sign, body, edge, width in (
                ("assumed", "==", BACKGROUND_COLOUR, colour, 2),
                ("circle", "!=", colour, BACKGROUND_COLOUR, 1),
            )
        ]
    return {
        "version": 8,
        "name": layer.title.in_language(language),
        "sources": {layer.name: {"type": "vector", "url": tilejson}},
        "layers": [{"id": f"{layer.name}-{one['type']}", **of_layer, **one} for one in layers],
    }


def _colour(layer: Layer, reader: Clearance) -> str | list[Any]:
    """The colour of a feature: of its word's mark, or the layer's own where no word draws it."""
    plain = layer_mark(layer.name).colour
    drawing = layer.readable_fields(reader).get(layer.style_field or "")
    marked = [(word.value, word.mark.colour) for word in (drawing.codes or () if drawing else ()) if word.mark]
    if drawing is None or not marked:
        return plain
    pairs = [part for pair in marked for part in pair]
    return ["match", ["get", drawing.name], *pairs, plain]
