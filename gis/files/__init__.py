"""Export files of a selection: the formats, one module each. A new format is imported here."""

from gis.files import gdal, geoparquet, shapefile, writers
from gis.files.formats import CHUNK_BYTES, FORMATS, Export, find_format

__all__ = [
    "CHUNK_BYTES",
    "FORMATS",
    "Export",
    "find_format",
    "gdal",
    "geoparquet",
    "shapefile",
    "writers",
]
