"""Export formats, one file a format."""

from gis.files.formats import CHUNK_BYTES, FORMATS, NO, YES, Export, find_format

__all__ = [
    "CHUNK_BYTES",
    "FORMATS",
    "NO",
    "YES",
    "Export",
    "find_format",
]
