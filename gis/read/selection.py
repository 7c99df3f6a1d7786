"""Selections: which features and properties of a layer a reader requests. All reads are composed from one."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field as attribute, fields as dataclass_fields, replace
from functools import cached_property
from typing import Any

from gis.crs.geometry import BBox
from gis.crs.systems import CRS, CRS84, WGS84
from gis.db.reader import Reader
from gis.model.as_of import AS_OF
from gis.model.fields import Clearance
from gis.model.layer import Layer
from gis.model.row import Row
from gis.read.cql2 import parse


@dataclass(frozen=True)
class Near:
    """Within a geodesic distance in metres of a point in WGS 84."""

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
"""Selection attributes that do not narrow the rows, and so are left out of the access log."""


@dataclass(frozen=True)
class Selection:
    """A request for features of a layer by a reader: what a page, an export, a tile or a count is made from.

    ``where`` filters by property: several values mean any of them, the empty string means null. ``bbox`` is west,
    south, east, north in the CRS ``bbox_crs``, an EPSG code; it is ignored for a layer without geometry (OGC API -
    Features Part 1, ``/req/core/fc-bbox-response``). ``time`` is an interval for the layer's time field, ``as_of`` the
    time whose state is read. ``q`` searches the text fields, regardless of case and diacritics. ``filter`` is a CQL2
    tree (``gis.read.cql2``) whose geometries are in ``filter_crs``. ``near`` and ``along`` filter by distance and
    chainage.

    ``sort`` names the sort fields (``-`` for descending); with ``ranked`` coded fields sort in the order of their code
    list. ``after`` is the cursor of the previous page. ``fields`` names the properties of the result, None for all, and
    ``crs`` is the CRS of its geometries.
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

    @classmethod
    def for_reader(cls, reader: Reader, layer: Layer, **criteria: Any) -> "Selection":
        """A selection with the clearance of the reader; ``criteria`` are the other attributes."""
        return cls(layer, reader.actor.clearance, **criteria)

    @cached_property
    def row(self) -> Row:
        """The row ``t`` over which the SQL of the selection is composed."""
        return Row(self.clearance, self.layer, moment=None if self.as_of is None else AS_OF)

    def unpaged(self) -> "Selection":
        """The same selection without paging."""
        return replace(self, limit=None, after=None)

    @property
    def is_single(self) -> bool:
        """Whether it names exactly one feature, so that no ORDER BY is needed."""
        return self.ids is not None and len(self.ids) == 1

    @property
    def is_whole_layer(self) -> bool:
        """Whether it selects all features of the layer."""
        return not self.criteria().keys() - {"sort", "fields"}

    @property
    def is_preparable(self) -> bool:
        """Whether one prepared plan suits it: nothing narrows it but ids and coded properties.

        Codes are literals in the SQL, so that the planner knows their frequency.
        """
        filters = self.bbox, self.time, self.q, self.as_of, self.filter, self.near, self.along
        return all(value is None for value in filters) and all(self.layer.fields[name].codes for name in self.where)

    def criteria(self) -> dict[str, Any]:
        """The attributes that narrow the layer, as JSON for the access log."""
        attributes = {
            declared.name: getattr(self, declared.name)
            for declared in dataclass_fields(self)
            if declared.name not in UNLOGGED_ATTRIBUTES
        }
        criteria = {name: value for name, value in attributes.items() if value not in (None, {}, [])}
        if self.as_of is not None:
            criteria["as_of"] = self.as_of.isoformat()
        if self.time is not None:
            criteria["time"] = [bound and bound.isoformat() for bound in self.time]
        return criteria | {name: vars(criteria[name]) for name in ("near", "along") if name in criteria}
