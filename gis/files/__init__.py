"""Export files of a selection: the formats, one module each."""

from gis.files.formats import CHUNK_BYTES, FORMATS, Export, find_format

__all__ = [
    "CHUNK_BYTES",
    "FORMATS",
    "Export",
    "find_format",
]
