"""The layers of the border, in the order in which they are listed everywhere. A new layer is imported here."""

# ruff: noqa: I001 - the order of the imports is the order of the catalog
from layers import border, border_feature, lines, markers, inspections, posts, sectors
from layers import gates, crossings
from layers import incidents, works, areas, tasks
from layers import documents, units
from layers import link_roles

__all__ = [
    "areas",
    "border",
    "border_feature",
    "crossings",
    "documents",
    "gates",
    "incidents",
    "inspections",
    "lines",
    "link_roles",
    "markers",
    "posts",
    "sectors",
    "tasks",
    "units",
    "works",
]
