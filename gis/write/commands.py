"""Creating, changing, retiring and moving features of any layer.

These are the plain commands; a noun with rules of its own names its commands on its card, and ``create`` and the
others call those. Every command works inside ``database.acting(actor, write=True, reason=…)``.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from geoalchemy2.shape import from_shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from gis.crs.geometry import geometry_to_wgs84, parse_geojson
from gis.crs.systems import CRS, CRS84, WGS84
from gis.model.fields import PositionSource
from gis.model.layer import Feature, Layer
from gis.text.errors import FEATURE_NOT_FOUND, Conflict, Invalid, Missing, Stale, invalid
from gis.text.i18n import Text
from gis.write.validation import GEOMETRY, GEOMETRY_CRS, PLACE

F = TypeVar("F", bound=Feature)
Values = Mapping[str, Any]

NOT_EDITABLE_TEXT = Text("Lớp dữ liệu này chỉ nạp, không sửa trực tiếp", "This layer is loaded, not edited directly")


def create_command(model: type[F]) -> Callable[[Callable[[Session, Values], F]], Callable[[Session, Values], F]]:
    """Name the command that creates features of a layer."""

    def name(command: Callable[[Session, Values], F]) -> Callable[[Session, Values], F]:
        model.layer.create_command = command
        return command

    return name


def update_command(
    model: type[F],
) -> Callable[[Callable[[Session, F, Values], None]], Callable[[Session, F, Values], None]]:
    """Name the command that changes features of a layer."""

    def name(command: Callable[[Session, F, Values], None]) -> Callable[[Session, F, Values], None]:
        model.layer.update_command = command
        return command

    return name


def transition_command(
    model: type[F],
) -> Callable[[Callable[[Session, F, str, str], None]], Callable[[Session, F, str, str], None]]:
    """Name the command that moves features of a layer from one status to another."""

    def name(command: Callable[[Session, F, str, str], None]) -> Callable[[Session, F, str, str], None]:
        model.layer.transition_command = command
        return command

    return name


def create(session: Session, layer: Layer, values: Mapping[str, Any]) -> Feature:
    """A new feature of ``layer`` from a read draft (``gis.drafts.read``)."""
    if not layer.editable:
        raise Conflict(NOT_EDITABLE_TEXT)
    return (layer.create_command or (lambda one, given: store_new(one, layer.model, given)))(session, values)


def store_new(session: Session, model: type[F], values: Values) -> F:
    """Store a new feature as the values say: the last step of every creating command."""
    layer = model.layer
    fields = {name: value for name, value in values.items() if name in layer.fields and layer.fields[name].sql is None}
    for name, one in layer.fields.items():
        if fields.get(name) is None and one.default is not None:
            fields[name] = one.default
    feature = model(**fields)
    feature.id = feature.id or uuid.uuid4()
    _set_location(session, layer, feature, values)
    if layer.location_required and feature.geom is None and feature.original is None:
        raise invalid(PLACE, "missing", "Cần vị trí: số mốc, tọa độ hoặc điểm trên bản đồ", "A place is required")
    feature.derive(session)
    session.add(feature)
    session.flush()
    refresh(session, feature)
    return feature


def lock_feature(session: Session, model: type[F], feature_id: uuid.UUID, version: int | None = None) -> F:
    """The feature, locked for this change. Raises ``Missing``, or ``Stale`` when it is no longer at ``version``."""
    feature = session.get(model, feature_id, with_for_update=True)
    if feature is None or feature.retired_at is not None:
        raise Missing(FEATURE_NOT_FOUND)
    if version is not None and feature.version != version:
        raise Stale(
            Text(
                f"Mục này đã được sửa (nay là phiên bản {feature.version}); hãy tải lại",
                f"It was changed meanwhile (now version {feature.version}); please reload",
            ),
            extra={"version": feature.version},
        )
    return feature


def update(session: Session, layer: Layer, feature: Feature, values: Mapping[str, Any]) -> None:
    """Change a feature as a read draft says, by its own command where it has one."""
    if not layer.editable:
        raise Conflict(NOT_EDITABLE_TEXT)
    (layer.update_command or (lambda one, subject, given: store_update(one, layer, subject, given)))(
        session, feature, values
    )


def store_update(session: Session, layer: Layer, feature: Feature, values: Mapping[str, Any]) -> None:
    """Store changed values: the last step of every changing command."""
    placed = GEOMETRY in values or PLACE in values
    if not placed:
        _check_source(feature, values)
    for name, value in values.items():
        # What is not read along with a row would count as changed whatever it was.
        if name in layer.fields and layer.fields[name].sql is None and getattr(feature, name) != value:
            setattr(feature, name, value)
    if placed:
        _set_location(session, layer, feature, values)
    feature.derive(session)
    session.flush()
    refresh(session, feature)


def refresh(session: Session, feature: Feature) -> None:
    """Take in what the database has made of a change: the version, the times and what is computed."""
    at_hand = [one.key for one in type(feature).__mapper__.column_attrs if not one.deferred]
    session.refresh(feature, at_hand)


def retire(session: Session, layer: Layer, feature: Feature) -> None:
    """Take a feature out of use. Nothing is erased: its past stays readable."""
    if not layer.editable:
        raise Conflict(NOT_EDITABLE_TEXT)
    feature.retired_at = dt.datetime.now(dt.UTC)
    session.flush()


def transition(session: Session, layer: Layer, feature: Feature, to: str, reason: str) -> None:
    """Take a feature one step onward. Raises ``Conflict`` naming the moves allowed, ``Invalid`` for an unknown word."""
    status = layer.status
    if status is None or status.codes is None:
        raise Conflict(Text("Lớp dữ liệu này không có tình trạng để cập nhật", "This layer has no status to update"))
    if to not in [word.value for word in status.codes]:
        words = ", ".join(word.value for word in status.codes)
        raise invalid("to", "code", f"Phải là một trong: {words}", f"Must be one of: {words}")
    if layer.transition_command is not None:
        layer.transition_command(session, feature, to, reason)
    else:
        store_transition(session, layer, feature, to)


def allowed_transitions(layer: Layer, feature: Feature) -> list[str]:
    """The words that may follow where the feature stands, as its card says."""
    status = layer.status
    if status is None or status.codes is None:
        return []
    here = getattr(feature, status.name)
    return [end for start, end in layer.transitions if start == ("" if here is None else here.value)]


def store_transition(session: Session, layer: Layer, feature: Feature, to: str) -> None:
    """Set the status as the card allows: the last step of every moving command."""
    allowed = allowed_transitions(layer, feature)
    if to not in allowed:
        raise Conflict(
            Text(
                f"Không cập nhật được tình trạng thành '{to}'. Được phép: {', '.join(allowed) or 'không có'}",
                f"Cannot update the status to '{to}'. Allowed: {', '.join(allowed) or 'none'}",
            ),
            extra={"allowed": allowed},
        )
    setattr(feature, layer.status.name, to)  # type: ignore[union-attr]
    session.flush()
    refresh(session, feature)


def _set_location(session: Session, layer: Layer, feature: Feature, values: Mapping[str, Any]) -> None:
    """Take the place from ``geometry`` or ``place``, never both; the words are kept as they were given."""
    given, place = values.get(GEOMETRY), values.get(PLACE)
    if given is not None and place is not None:
        raise invalid(PLACE, "twice", "Chỉ nêu vị trí theo một cách", "Give the place in one way only")
    if place is not None:
        feature.set_location(session, place)
    elif given is not None:
        crs: CRS = values.get(GEOMETRY_CRS, CRS84)
        shape = parse_geojson(given, layer.geometry_type, degrees=crs == CRS84)
        set_geometry(feature, shape if crs == CRS84 else geometry_to_wgs84(shape, crs, densify=False))
        feature.original = {
            "geometry": {name: given[name] for name in ("type", "coordinates")},
            **({"crs": crs.uri} if crs != CRS84 else {}),
        }
        if values.get("position_source") is PositionSource.ASSUMED:
            raise invalid(
                "position_source",
                "assumed",
                "Vị trí giả định chỉ do hệ thống tính; hãy nêu nguồn thực của tọa độ",
                "Only the system computes assumed positions; state the real source of the coordinates",
            )
        if values.get("position_source") in (None, PositionSource.NONE):
            feature.position_source = PositionSource.MAP
    elif GEOMETRY in values and PLACE not in values:
        feature.geom, feature.original, feature.position_source = None, None, PositionSource.NONE
        feature.accuracy_m = feature.address = feature.chainage_m = None
    elif feature.geom is None and values.get("position_source") not in (None, PositionSource.NONE):
        raise _no_position()


def _check_source(feature: Feature, values: Mapping[str, Any]) -> None:
    """Without a new position its source may be put right, but an assumed one does not become known by saying so."""
    before = feature.position_source
    given = values.get("position_source", before)
    if given != before and {given, before} & {PositionSource.NONE, PositionSource.ASSUMED}:
        raise _no_position()


def _no_position() -> Invalid:
    return invalid(
        "position_source", "no_place", "Đã nêu nguồn vị trí thì phải có vị trí", "A position source needs a position"
    )


def set_geometry(feature: Feature, shape: BaseGeometry) -> None:
    """Give a feature its shape in WGS 84."""
    feature.geom = from_shape(shape, srid=WGS84)
