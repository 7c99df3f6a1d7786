"""The map page: folium composes the map from the catalog, and scripts of the page fetch the data.

``/map.js`` (``map_script``) is the same for all readers, so that it can be cached: it creates ``map_main`` with its
panes and controls, and ``map_overlays`` with an overlay for each layer, of which those that are drawn at first are on
the map. It holds no data. The page around it (``map_page``) is HTML in one language. ``static/map/map_page.js`` fetches
the features by the URL of their overlay and writes their texts with ``textContent``.
"""

from functools import cache
from typing import Any

import folium
from branca.element import MacroElement
from folium.plugins import Fullscreen, LocateControl
from folium.template import Template
from folium.utilities import JsCode

from gis.model import Layer, all_layers, display_of
from maps.assets import static_folder
from maps.downloads import downloads
from maps.folium_patch import render_script
from maps.messages import messages_in
from maps.rendering import localized, render

DEFAULT_VIEW = (16.2, 106.2, 6)
"""Latitude, longitude and zoom of a view of the whole land border: the first view if none is configured."""

PLUGINS = ("leaflet-fullscreen/Control.FullScreen.js", "leaflet-locatecontrol/L.Control.Locate.min.js")
"""The scripts of folium's plugins, which are fetched at set-up (``assets.json``), never from the plugins' own URLs."""

# The panes from bottom to top. Marks are above them, in Leaflet's marker pane.
PANES = ("water", "graticule", "places", "surfaces", "bands", "line", "sections", "found")


class LayerOverlay(folium.FeatureGroup):
    """The overlay of a layer of the catalog, with the URL of its features and the options of its display."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
            var {{ this.get_name() }} = L.featureGroup([], {{ this.options|tojavascript }});
        {% endmacro %}
        """
    )

    def __init__(self, layer: Layer) -> None:
        display = display_of(layer)
        super().__init__(name=layer.name, show=display.drawn_at_first)
        self._name, self._id = "overlay", layer.name
        self.options = {
            "url": f"/ogc/collections/{layer.name}/items",
            "rank": display.rank,
            "fixed": display.fixed,
        }


class OverlayList(folium.LayerControl):
    """The overlays by name, as ``map_overlays``.

    folium's control has the titles of one language in its script; the page's own list of layers
    (``static/map/legend.js``) has those of the reader's language, and the numbers of features.
    """

    _template = Template(
        """
        {% macro script(this, kwargs) %}
            var map_overlays = {
                {%- for name, variable in this.overlays.items() %}
                {{ name|tojson }}: {{ variable }},
                {%- endfor %}
            };
        {% endmacro %}
        """
    )


class Scale(MacroElement):
    """Leaflet's scale bar, in kilometres and metres only."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
            L.control.scale({{ this.options|tojavascript }}).addTo({{ this._parent.get_name() }});
        {% endmacro %}
        """
    )

    def __init__(self, position: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "scale"
        self.options = {"position": position, "imperial": False}


class LocatePosition(LocateControl):
    """The control that shows the position of the device.

    An error is shown by the page (``static/map/zoom_buttons.js``); the control itself would open a dialog.
    """

    _template = Template(
        """
        {% macro script(this, kwargs) %}
            var map_locate = L.control.locate({
                onLocationError() {},
                ...{{ this.options|tojavascript }}
            }).addTo({{ this._parent.get_name() }});
        {% endmacro %}
        """
    )


def drawable_layers() -> list[Layer]:
    """The layers with a geometry that the basemap does not draw, in the order of their rank."""
    layers = [layer for layer in all_layers() if layer.has_geometry and not layer.display.in_basemap]
    return sorted(layers, key=lambda layer: layer.display.rank)


def tab_layers() -> list[Layer]:
    """The layers whose list is a tab beside the map, in the order of their rank."""
    return sorted((layer for layer in all_layers() if layer.display.tab), key=lambda layer: layer.display.rank)


def compose_map() -> folium.Map:
    """A map without tiles and without data: its panes in their order, an overlay for each layer, and its controls."""
    latitude, longitude, zoom = DEFAULT_VIEW
    composed = folium.Map(
        location=(latitude, longitude),
        zoom_start=zoom,
        tiles=None,
        minZoom=5,
        maxZoom=19,
        zoom_control=True,
        attribution_control=False,
        zoom_snap=0.5,
        world_copy_jump=False,
    )
    composed._id = "main"  # noqa: SLF001 - a stable name, so that scripts find the map and ``/map.js`` can be cached
    for height, name in enumerate(PANES):
        pane = folium.map.CustomPane(name, z_index=300 + 10 * height)
        pane._id = name  # noqa: SLF001
        pane.add_to(composed)
    for layer in drawable_layers():
        LayerOverlay(layer).add_to(composed)
    OverlayList().add_to(composed)
    Scale(position="bottomleft").add_to(composed)
    # The whole view with its list and legend, or only the map where a page has no more.
    frame = JsCode("map_main.getContainer().closest('.stage, .chart')")
    Fullscreen(position="topleft", fullscreen_element=frame).add_to(composed)  # type: ignore[no-untyped-call]
    options = {"showPopup": False, "showCompass": False, "locateOptions": {"maxZoom": 15}}
    LocatePosition(position="topleft", **options).add_to(composed)  # type: ignore[no-untyped-call]
    return composed


@cache
def map_script() -> str:
    """The script served as ``/map.js``: the plugins of folium's controls, then the map."""
    vendor = static_folder() / "vendor"
    plugins = [(vendor / path).read_text("utf-8") for path in PLUGINS]
    return "\n".join([*plugins, render_script(compose_map())])


def map_page(language: str, *, home: tuple[float, float, float] = DEFAULT_VIEW, **context: Any) -> str:
    """The page ``/``. ``home`` is the latitude, longitude and zoom of the first view."""
    return render(
        "pages/map.html",
        language,
        path="/",
        home=home,
        tabs=[(layer.name, layer.title) for layer in tab_layers()],
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
