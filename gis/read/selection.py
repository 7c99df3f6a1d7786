"""What a reader asks of a layer: the selection that every read is composed from."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field as attribute, fields as dataclass_fields, replace
from typing import Any

from gis.crs.geometry import BBox
from gis.crs.systems import CRS, CRS84, WGS84
from gis.model.fields import Clearance
from gis.model.layer import Layer
from gis.read.cql2 import parse


@dataclass(frozen=True)
class Near:
    """Within so many geodesic metres of a point in WGS 84."""

    lon: float
    lat: float
    metres: float


@dataclass(frozen=True)
class Along:
    """Between two chainages of a route, in metres."""

    route: str
    start_m: float
    end_m: float


UNLOGGED_ATTRIBUTES = {"layer", "clearance", "limit", "after", "ranked", "filter_crs", "bbox_crs", "crs"}
"""What of a selection does not say which rows are meant."""


@dataclass(frozen=True)
class Selection:
    """What is wanted of a layer, the same for a page, an export, a map and a count.

    ``where`` filters by property: several values mean any of them, the empty string means "has none". ``bbox`` is
    west, south, east, north; a layer that stands nowhere lies in every box (Part 1, ``/req/core/fc-bbox-response``).
    ``as_of`` reads the layer as it stood. ``after`` is the key of the last row of the page before. ``q`` searches the
    words of a feature without regard to diacritics. ``filter`` is a CQL2 tree (``gis.filters``), ``near`` a point and
    metres around it, ``along`` a route and the chainages between which a feature lies. ``fields`` names the properties
    wanted, ``crs`` the EPSG code of the geometry given out; both
    ``bbox`` and the filter's shapes may come in a CRS of their own.
    """

    layer: Layer
    clearance: Clearance
    ids: Sequence[uuid.UUID] | None = None
    bbox: BBox | None = None
    time: tuple[dt.datetime | None, dt.datetime | None] | None = None
    where: Mapping[str, Sequence[str]] = attribute(default_factory=dict)
    q: str | None = None
    as_of: dt.datetime | None = None
    sort: Sequence[str] | None = None
    ranked: bool = False
    after: str | None = None
    limit: int | None = None
    filter: parse.FilterTree | None = None
    filter_crs: CRS = CRS84
    bbox_crs: int = WGS84
    near: Near | None = None
    along: Along | None = None
    fields: Sequence[str] | None = None
    crs: CRS = CRS84

    def unpaged(self) -> "Selection":
        """The same selection without paging."""
        return replace(self, limit=None, after=None)

    @property
    def is_single(self) -> bool:
        """Whether it names one feature: then nothing is put in order."""
        return self.ids is not None and len(self.ids) == 1

    @property
    def is_whole_layer(self) -> bool:
        """Whether nothing narrows the layer."""
        return not self.criteria().keys() - {"sort", "fields"}

    @property
    def is_preparable(self) -> bool:
        """Whether it takes the layer as it comes, by identity or by words of its card: then one plan serves for ever.

        A word stands in the SQL itself, so that its plan knows how many bear it.
        """
        narrowed = self.bbox, self.time, self.q, self.as_of, self.filter, self.near, self.along
        return all(one is None for one in narrowed) and all(self.layer.fields[name].codes for name in self.where)

    def criteria(self) -> dict[str, Any]:
        """What is wanted as plain data, as far as it narrows the layer: for the journal."""
        narrowed = {
            one.name: getattr(self, one.name) for one in dataclass_fields(self) if one.name not in UNLOGGED_ATTRIBUTES
        }
        told = {name: value for name, value in narrowed.items() if value not in (None, {}, [])}
        if self.as_of is not None:
            told["as_of"] = self.as_of.isoformat()
        if self.time is not None:
            told["time"] = [one and one.isoformat() for one in self.time]
        return told | {name: vars(told[name]) for name in ("near", "along") if name in told}
