"""The map: folium composes it from constants, the page's own modules bring the data.

``/map.js`` (``map_script``) is the same for everybody and makes ``map_main`` with its panes. The page
around it (``map_page``) is HTML with the words of one language; what stands on the border is fetched
by ``static/atlas.js`` and written with ``textContent``.
"""

from functools import cache
from typing import Any

import folium

from maps.downloads import downloads
from maps.folium_patch import render_script
from maps.rendering import render

DEFAULT_VIEW = (16.2, 106.2, 6)
"""Latitude, longitude and zoom that show the whole land border, for an office without a view of its own."""

# What lies over what, from the paper up. Marks stand above all of these, in Leaflet's own marker pane.
PANES = ("water", "graticule", "places", "areas", "sectors", "line", "sections", "found")

INITIAL_LAYERS = ("markers", "works", "gates", "crossings")
TABS = ("works", "gates", "incidents", "tasks")


def empty_map() -> folium.Map:
    """The empty map: no tiles of anybody else's, panes in order."""
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
    empty._id = "main"  # noqa: SLF001 - a stable name, so that the script can be cached and the modules find the map
    for height, name in enumerate(PANES):
        pane = folium.map.CustomPane(name, z_index=300 + 10 * height)
        pane._id = name  # noqa: SLF001
        pane.add_to(empty)
    return empty


@cache
def map_script() -> str:
    """The script served as ``/map.js``: constants only."""
    return render_script(empty_map())


def map_page(language: str, *, home: tuple[float, float, float] = DEFAULT_VIEW, **context: Any) -> str:
    """The page ``/``. ``home`` is the latitude, longitude and zoom of the first view."""
    return render(
        "pages/map.html",
        language,
        path="/",
        home=home,
        tabs=TABS,
        drawn_at_first=INITIAL_LAYERS,
        downloads=downloads(language),
        **context,
    )


def incident_page(language: str, *, home: tuple[float, float, float] = DEFAULT_VIEW, **context: Any) -> str:
    """The page ``/incidents/new``: the same map with the form in its panel."""
    return render("pages/incident_report.html", language, path="/incidents/new", home=home, **context)
