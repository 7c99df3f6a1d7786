"""folium made safe to serve.

branca's macro elements compile their own *output* as a Jinja template, so a name that contains
``{{ … }}`` runs on the server, and folium's map header carries an inline script that a strict
Content-Security-Policy refuses. Importing this module cures both, once, for the whole process:
rendered text is data and is never compiled again, and the map keeps only the macro that makes the map.
Names that reach a browser are another matter: folium does not escape them, so only constants enter folium.
"""

from typing import Any

import folium
import folium.features
import folium.map
from branca import element
from folium.template import Template

# Nothing but the call that makes the map: size and place are the stylesheet's, the document is our template's.
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
    """Text that is already rendered, such as the script of a map: it is passed on as it stands."""

    def __init__(self, template: str | None = None, template_name: str | None = None) -> None:
        super().__init__(None, template_name)
        self._text = template

    def render(self, **kwargs: Any) -> str:
        if self._text is not None:
            return self._text
        return str(super().render(**kwargs))


def _render_macros(self: element.MacroElement, **kwargs: Any) -> None:
    """Add each macro's text to the figure once, then render the children."""
    figure, macros = self.get_root(), self._template.module.__dict__
    for part in ("header", "html", "script"):
        if (macro := macros.get(part)) is not None:
            getattr(figure, part).add_child(RenderedText(macro(self, kwargs)), name=self.get_name())
    for child in list(self._children.values()):
        child.render(**kwargs)


element.MacroElement.render = _render_macros  # type: ignore[method-assign]
for module in (folium.map, folium.features):
    vars(module)["Element"] = RenderedText
# The class itself and not a subclass: DualMap builds its own Maps.
folium.Map._template = _MAP_TEMPLATE  # noqa: SLF001
folium.Map.default_js = []
folium.Map.default_css = []


def render_script(folium_map: folium.Map) -> str:
    """The JavaScript that draws ``chart``, without its document: what a strict policy lets a page load."""
    figure = folium_map.get_root()
    for child in list(figure._children.values()):  # noqa: SLF001
        child.render()
    drawn = str(figure.script.render())  # type: ignore[attr-defined]
    return "\n".join(line for line in drawn.splitlines() if line.strip()) + "\n"
