"""The border: the nouns of the house in reading order. This is the table of contents; a new layer is one word here."""

from layers import (  # noqa: I001 - reading order, not the alphabet's
    borders, lines, markers, posts, sectors, gates, crossings, incidents, works, areas, tasks, documents, units, reference,
)  # fmt: skip

__all__ = [
    "areas", "borders", "crossings", "documents", "gates", "incidents", "lines", "markers", "posts", "reference", "sectors",
    "tasks", "units", "works",
]  # fmt: skip
