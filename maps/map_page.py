"""The map page: folium generates the map from constants, and scripts of the page fetch the data.

``/map.js`` (``map_script``) is the same for all readers and creates ``map_main`` with its panes. The page around it
(``map_page``) is HTML in one language. ``static/map/map_page.js`` fetches the features and writes their texts with
``textContent``.
"""

from functools import cache
from typing import Any

import folium

from gis.model import Layer, catalog, display_of
from maps.downloads import downloads
from maps.folium_patch import render_script
from maps.messages import messages_in
from maps.rendering import localized, render

DEFAULT_VIEW = (16.2, 106.2, 6)
"""Latitude, longitude and zoom of a view of the whole land border: the first view if none is configured."""

# The panes from bottom to top. Marks are above them, in Leaflet's marker pane.
PANES = ("water", "graticule", "places", "areas", "sectors", "line", "sections", "found")

INITIAL_LAYERS = ("markers", "works", "gates", "crossings")
TABS = ("works", "gates", "incidents", "tasks")


def empty_map() -> folium.Map:
    """A map without tiles, with the panes in their order."""
    latitude, longitude, zoom = DEFAULT_VIEW
    empty = folium.Map(
        location=(latitude, longitude),
        zoom_start=zoom,
        tiles=None,
        minZoom=5,
        maxZoom=19,
        zoom_control=False,
        attribution_control=False,
        zoom_snap=0.5,
        world_copy_jump=False,
    )
    empty._id = "main"  # noqa: SLF001 - a stable name, so that scripts find the map and ``/map.js`` can be cached
    for height, name in enumerate(PANES):
        pane = folium.map.CustomPane(name, z_index=300 + 10 * height)
        pane._id = name  # noqa: SLF001
        pane.add_to(empty)
    return empty


@cache
def map_script() -> str:
    """The script served as ``/map.js``."""
    return render_script(empty_map())


def map_page(language: str, *, home: tuple[float, float, float] = DEFAULT_VIEW, **context: Any) -> str:
    """The page ``/``. ``home`` is the latitude, longitude and zoom of the first view."""
    return render(
        "pages/map.html",
        language,
        path="/",
        home=home,
        tabs=TABS,
        tab_titles={name: catalog[name].title for name in TABS},
        initial_layers=INITIAL_LAYERS,
        downloads=downloads(language),
        **context,
    )


def new_feature_page(
    language: str, *, layer: Layer, home: tuple[float, float, float] = DEFAULT_VIEW, **context: Any
) -> str:
    """The page for a new feature of a layer: the map with a form in its panel."""
    display = display_of(layer)
    what = localized(display.singular_text, language)
    return render(
        "pages/incident_report.html",
        language,
        path=display.new_page,
        layer=layer.name,
        new_title=messages_in(language)["new_feature"].format(what=what),
        home=home,
        **context,
    )
