"""MapLibre styles for vector tiles, from the marks of a layer's code lists."""

from typing import Any

from gis.model import Clearance, Layer, display_of
from gis.text import Language

BACKGROUND_COLOUR = "#ffffff"
POSITION_SOURCE = ["get", "position_source"]
FEATURE_COUNT = ["coalesce", ["get", "count"], 1]


def maplibre_style(layer: Layer, reader: Clearance, tilejson: str, language: Language) -> dict[str, Any]:
    """The style of a layer's tiles for a reader of that clearance, as a MapLibre style document (version 8).

    Points are circles in the colour of the feature's code, hollow if the position is assumed, and larger if one stands
    for several features (``count``). ``tilejson`` is the URL of the TileJSON document.
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
    if layer.geometry_type != "LINESTRING":  # Lines need no circles, not even those that are too short to see.
        radius = ["interpolate", ["linear"], ["log10", FEATURE_COUNT], 0, 5, 4, 20]
        # Two layers instead of a "case" expression in one: QGIS converts "match" expressions, but not "case".
        layers += [
            {
                "id": f"{layer.name}-{name}",
                "type": "circle",
                "filter": ["all", ["==", kind, "Point"], [operator, POSITION_SOURCE, "assumed"]],
                "paint": {
                    "circle-radius": radius,
                    "circle-color": body,
                    "circle-stroke-color": edge,
                    "circle-stroke-width": width,
                },
            }
            for name, operator, body, edge, width in (
                ("assumed", "==", BACKGROUND_COLOUR, colour, 2),
                ("circle", "!=", colour, BACKGROUND_COLOUR, 1),
            )
        ]
    return {
        "version": 8,
        "name": layer.title.in_language(language),
        "sources": {layer.name: {"type": "vector", "url": tilejson}},
        "layers": [{"id": f"{layer.name}-{style['type']}", **of_layer, **style} for style in layers],
    }


def _colour(layer: Layer, reader: Clearance) -> str | list[Any]:
    """The colour of a feature: an expression on the code by which the layer is styled, else the colour of the layer."""
    default = display_of(layer).mark.colour
    field = layer.readable_fields(reader).get(layer.style_field or "")
    colours = [(code.value, code.mark.colour) for code in (field.codes or () if field else ()) if code.mark]
    if field is None or not colours:
        return default
    branches = [item for pair in colours for item in pair]
    return ["match", ["get", field.name], *branches, default]
