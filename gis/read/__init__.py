"""Reading: selections, the SQL composed from them, pages, tiles, linear referencing, timelines and the change feed."""

from gis.read.change_feed import ChangeFeedEntry, TimeSpan
from gis.read.grid_counts import HALF_WORLD_M, MAX_COUNT_ZOOM, count_field
from gis.read.selection import Along, Near, Selection

__all__ = [
    "HALF_WORLD_M",
    "MAX_COUNT_ZOOM",
    "Along",
    "ChangeFeedEntry",
    "Near",
    "Selection",
    "TimeSpan",
    "count_field",
]
