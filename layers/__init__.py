"""The border: the nouns of the house in reading order. This is the table of contents; a new layer is one word here."""

# ruff: noqa: I001 - reading order, not the alphabet's
from layers import border, border_feature, lines, markers, posts, sectors
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
    "lines",
    "link_roles",
    "markers",
    "posts",
    "sectors",
    "tasks",
    "units",
    "works",
]
