"""Patches of folium and branca that make their output safe to serve.

branca's macro elements compile their own *output* as a Jinja template, so that a name with ``{{ … }}`` in it runs on
the server; and folium's map header contains an inline script, which a strict Content-Security-Policy refuses.
Importing this module patches both for the whole process: rendered text is never compiled again, and of the map's
template only the call that creates the map is left. folium does not escape names for the browser either, so only
constants are passed to it.
"""

from typing import Any

import folium
import folium.features
import folium.map
from branca import element
from folium.template import Template

# Only the call that creates the map: the stylesheet sets its size and position, and our template is the document.
_MAP_TEMPLATE = Template(
    """
    {% macro html(this, kwargs) %}<div class="map" id={{ this.get_name()|tojson }}></div>{% endmacro %}
    {% macro script(this, kwargs) %}
    var {{ this.get_name() }} = L.map({{ this.get_name()|tojson }}, {
        center: {{ this.location|tojson }},
        crs: L.CRS.{{ this.crs }},
        ...{{ this.options|tojavascript }}
    });
    {% endmacro %}
    """
)


class RenderedText(element.Element):
    """Rendered text, such as the script of a map, that is output as it is."""

    def __init__(self, template: str | None = None, template_name: str | None = None) -> None:
        super().__init__(None, template_name)
        self._text = template

    def render(self, **kwargs: Any) -> str:
        if self._text is not None:
            return self._text
        return str(super().render(**kwargs))


def _render_macros(self: element.MacroElement, **kwargs: Any) -> None:
    """Add the text of each macro to the figure, without compiling it again, and render the children."""
    figure, macros = self.get_root(), self._template.module.__dict__
    for part in ("header", "html", "script"):
        if (macro := macros.get(part)) is not None:
            getattr(figure, part).add_child(RenderedText(macro(self, kwargs)), name=self.get_name())
    for child in list(self._children.values()):
        child.render(**kwargs)


element.MacroElement.render = _render_macros  # type: ignore[method-assign]
for module in (folium.map, folium.features):
    vars(module)["Element"] = RenderedText
# The class itself, not a subclass, because DualMap creates its own Maps.
folium.Map._template = _MAP_TEMPLATE  # noqa: SLF001
folium.Map.default_js = []
folium.Map.default_css = []


def render_script(folium_map: folium.Map) -> str:
    """The JavaScript that draws ``folium_map``, without its HTML document, to be served as a script file."""
    figure = folium_map.get_root()
    for child in list(figure._children.values()):  # noqa: SLF001
        child.render()
    script = str(figure.script.render())  # type: ignore[attr-defined]
    return "\n".join(line for line in script.splitlines() if line.strip()) + "\n"
