"""Features with a location on a border, the base of most layers, and the update of addresses when a marker moves.

A location is entered as a geometry or as text. The geometry is stored; chainage and address are derived from it. An
address that is counted from a marker with an assumed position has a prefix, and is derived again once the marker has
been surveyed.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from geoalchemy2.shape import from_shape, to_shape
from shapely.geometry import Point, shape
from sqlalchemy import or_
from sqlalchemy.orm import Mapped

from gis.crs import WGS84
from gis.db import Session, result_of
from gis.model import ASSUMED_PREFIX, Level, Link, PositionSource, catalog, field, layer_of
from gis.read import linear
from gis.text import FieldError, Invalid, Missing, Text, invalid
from gis.write import set_geometry
from layers.border import MAX_DISTANCE_M, Border, address_at_chainage, names_hidden_marker, nearest_marker
from layers.locating import Location, LocationKind, locate, out_of_area
from layers.secrecy import Unclassified


class BorderFeature(Unclassified):
    """A feature on a border: located by a geometry or by text, from which chainage and address are derived."""

    __abstract__ = True
    location_fields = {"border": 10}  # noqa: RUF012 - a class variable of the base
    location_missing = Text(
        "Cần vị trí: số hiệu mốc, tọa độ hoặc điểm trên bản đồ",
        "A location is required: a marker address, coordinates or a point on the map",
    )
    _location_resolved = False
    """Whether ``set_location`` has set chainage and address, so that ``derive`` leaves them unchanged."""

    border: Mapped[Border | None] = field("Tuyến biên giới", "Border", sort_order=-50)
    route_field = "border"

    def set_location(self, session: Session, location: Mapping[str, Any]) -> None:
        """Locate the feature by text and store the text. Raises ``Invalid`` if it matches several positions."""
        border = location.get("border") or (self.border.value if self.border else None)
        with _errors_as_field("place"):
            text, crs, near = location["text"], location.get("crs"), location.get("near")
            matches = result_of(locate(session, text, border=border, crs=crs, near=near))
        if len({match.geometry and str(match.geometry) for match in matches}) > 1:
            names = ", ".join(f"{match.address} ({match.border})" for match in matches)
            raise invalid(
                "place", "ambiguous", f"Có nhiều vị trí phù hợp: {names}", f"Several positions match: {names}"
            )
        resolved = matches[0]
        self._apply_location(resolved, dict(location))
        if (
            resolved.border
            and resolved.address
            and names_hidden_marker(session, resolved.address, resolved.border, self.level or Level.INTERNAL)
        ):
            # The text is stored at level ``internal``; ``derive`` counts the address from a marker that readers of the
            # feature may see.
            self.address, self._location_resolved = None, False

    def _apply_location(self, resolved: Location, location: dict[str, Any]) -> None:
        """Take over a location. A position source stated with a coordinate is kept. Raises ``Invalid``."""
        self.border, self.original = resolved.border, {**resolved.original, **location}
        self.chainage_m, self.address = resolved.chainage_m, _address_with_assumed_prefix(resolved)
        if resolved.geometry is None:
            self.geom, self.accuracy_m, self.position_source = None, None, PositionSource.NONE
        else:
            geometry_type = self.layer.geometry_type
            if geometry_type not in ("GEOMETRY", resolved.geometry["type"].upper()):
                raise invalid(
                    "place",
                    "type",
                    "Dạng vị trí không phù hợp với lớp dữ liệu này",
                    "This type of location does not fit the layer",
                )
            set_geometry(self, shape(resolved.geometry))
            stated = self.position_source not in (None, PositionSource.NONE, PositionSource.ASSUMED)
            if not (resolved.kind is LocationKind.COORDINATE and stated):
                self.position_source, self.accuracy_m = resolved.position_source, resolved.accuracy_m
        self._location_resolved = True

    def derive(self, session: Session) -> None:
        """Derive border, chainage and address from the geometry.

        Raises ``Invalid`` if it is farther than 20 km from its border, or from every border if it has none yet.
        """
        if self._location_resolved:
            self._location_resolved = False
            return
        if self.geom is None or self.position_source is PositionSource.ASSUMED:
            return
        point = _point_of(self.geom)
        route = self.border.value if self.border else None
        station = result_of(linear.station(session, point.x, point.y, route))
        if station is None:
            return
        if station.distance_m > MAX_DISTANCE_M:
            raise out_of_area("geometry", station.distance_m)
        self.border = Border(station.route)
        self.chainage_m = round(station.chainage_m, 1)
        self.address = _address_for_level(session, self.border, station.chainage_m, self.level or Level.INTERNAL)


def _point_of(geom: Any) -> Point:
    """A point on a geometry, as a geometry column has it or as a shape: the point itself if it is one."""
    geometry = geom if hasattr(geom, "geom_type") else to_shape(geom)
    return geometry if isinstance(geometry, Point) else geometry.representative_point()


def _address_for_level(session: Session, border: Border, chainage_m: float, level: Level) -> str:
    """The address of a chainage, counted from a marker at ``level`` or below; with a prefix if that is assumed."""
    marker = result_of(nearest_marker(session, border, chainage_m, level))
    prefix = ASSUMED_PREFIX if marker is not None and marker.position_source is PositionSource.ASSUMED else ""
    return prefix + address_at_chainage(marker, border, chainage_m)


def _address_with_assumed_prefix(location: Location) -> str | None:
    """The address of a location, with a prefix if it is counted from a marker whose position is assumed."""
    return f"{ASSUMED_PREFIX}{location.address}" if location.address_accuracy_m is not None else location.address


def _refuse_hidden_marker(session: Session, location: Location, level: Level) -> None:
    """Refuse a link's address if readers of the feature may not see the marker: it would reveal its position."""
    if location.border and location.address and names_hidden_marker(session, location.address, location.border, level):
        raise invalid(
            "at",
            "hidden_marker",
            "Mốc này có phạm vi khai thác hẹp hơn mục được liên kết; lý trình tính từ mốc sẽ làm lộ vị trí mốc",
            "Fewer readers may see this marker than the linked record; an address from it would reveal its position",
        )


@contextmanager
def _errors_as_field(name: str) -> Iterator[None]:
    """Turn refusals of ``locate`` into ``Invalid`` errors of the field from which the text came."""
    try:
        yield
    except (Invalid, Missing) as fault:
        errors = [FieldError(name, error.code, error.detail) for error in fault.errors]
        raise Invalid(fault.detail, errors, fault.extra) from None


def link_to_address(session: Session, feature_id: uuid.UUID, at: str, border: str | None, role: str) -> Link:
    """Link a feature to an address.

    Raises ``Invalid`` if ``at`` cannot be located, if it matches on several borders, or if it is counted from a marker
    that readers of the feature may not see.
    """
    with _errors_as_field("at"):
        matches = result_of(locate(session, at, border=border))
    if len({match.border for match in matches}) > 1:
        names = ", ".join(f"{match.address} ({match.border})" for match in matches)
        raise invalid(
            "at",
            "ambiguous",
            f"Số hiệu có ở nhiều tuyến, hãy nêu tuyến: {names}",
            f"This number exists on several borders; state `border`: {names}",
        )
    location = matches[0]
    _refuse_hidden_marker(session, location, session.get_one(layer_of(session, feature_id).model, feature_id).level)
    link = Link(
        feature_id=feature_id,
        role=role,
        at=_address_with_assumed_prefix(location),
        route=location.border.value if location.border else None,
        geom=_geom_of(location),
        position_source=location.position_source if location.geometry else PositionSource.NONE,
    )
    session.add(link)
    session.flush()
    return link


def update_addresses(session: Session, border: Border) -> int:
    """Update what was derived from the assumed positions of a border's markers; returns how many records it updated.

    Features and links that were located by an address are located again, and addresses that were counted from an
    assumed position are derived again. A record whose address cannot be located any more keeps its position.
    """
    updated = 0
    for layer in catalog.values():
        if not issubclass(layer.model, BorderFeature) or layer.name == "markers":
            continue
        model = layer.model
        from_assumed = or_(model.position_source == PositionSource.ASSUMED, model.address.startswith(ASSUMED_PREFIX))
        for feature in session.query(model).filter(model.border == border, model.retired_at.is_(None), from_assumed):
            with suppress(Invalid, Missing):
                if feature.position_source is not PositionSource.ASSUMED:
                    feature.derive(session)
                elif feature.original and "text" in feature.original:
                    feature.set_location(session, feature.original)
                updated += 1
            session.flush()
    from_assumed = or_(Link.position_source == PositionSource.ASSUMED, Link.at.startswith(ASSUMED_PREFIX))
    for link in session.query(Link).filter_by(route=border.value).filter(from_assumed):
        with suppress(Invalid, Missing):
            _update_link(session, link, border)
            updated += 1
    session.flush()
    return updated


def _update_link(session: Session, link: Link, border: Border) -> None:
    """Locate the address of a link again or, if the link was located by a coordinate, derive its address again."""
    if link.position_source is PositionSource.ASSUMED:
        location = result_of(locate(session, link.at or "", border=border.value))[0]
        link.geom, link.position_source = _geom_of(location), location.position_source
        return
    point = _point_of(link.geom)
    station = result_of(linear.station(session, point.x, point.y, border.value))
    if station is not None:
        level = session.get_one(layer_of(session, link.feature_id).model, link.feature_id).level
        link.at = _address_for_level(session, border, station.chainage_m, level)


def _geom_of(location: Location) -> Any:
    """The geometry of a location as a geometry column takes it, or None."""
    return None if location.geometry is None else from_shape(shape(location.geometry), srid=WGS84)
