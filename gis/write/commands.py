"""Commands that create, change, retire and restore features of any layer, and change their status.

``create``, ``update`` and ``transition`` are the entry points. They call the command that a layer has registered with
``create_command`` and its siblings, else the ``store_…`` function that works for every layer. All of them run inside
``Database.transaction(actor, write=True, reason=…)``.
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
NOT_RETIRED_TEXT = Text("Mục này vẫn đang được theo dõi", "This record is not retired")


def create_command(model: type[F]) -> Callable[[Callable[[Session, Values], F]], Callable[[Session, Values], F]]:
    """Register the decorated function as the command that creates features of a layer."""

    def register(command: Callable[[Session, Values], F]) -> Callable[[Session, Values], F]:
        model.layer.create_command = command
        return command

    return register


def update_command(
    model: type[F],
) -> Callable[[Callable[[Session, F, Values], None]], Callable[[Session, F, Values], None]]:
    """Register the decorated function as the command that changes features of a layer."""

    def register(command: Callable[[Session, F, Values], None]) -> Callable[[Session, F, Values], None]:
        model.layer.update_command = command
        return command

    return register


def transition_command(
    model: type[F],
) -> Callable[[Callable[[Session, F, str, str], None]], Callable[[Session, F, str, str], None]]:
    """Register the decorated function as the command that changes the status of a layer's features."""

    def register(command: Callable[[Session, F, str, str], None]) -> Callable[[Session, F, str, str], None]:
        model.layer.transition_command = command
        return command

    return register


def create(session: Session, layer: Layer, values: Mapping[str, Any]) -> Feature:
    """Create a feature of ``layer`` from validated values (``validation.parse_input``).

    Raises ``Conflict`` when the layer is not editable, and ``Invalid`` for values that its command refuses.
    """
    if not layer.editable:
        raise Conflict(NOT_EDITABLE_TEXT)
    if layer.create_command is None:
        return store_new(session, layer.model, values)
    return layer.create_command(session, values)


def store_new(session: Session, model: type[F], values: Values) -> F:
    """Insert a new feature: the last step of every create command.

    Fills in the fields' defaults, sets the location and computes what follows from it (``Feature.derive``). Raises
    ``Invalid`` when the layer requires a location and there is none.
    """
    layer = model.layer
    fields = {name: value for name, value in values.items() if name in layer.fields and layer.fields[name].sql is None}
    for name, field in layer.fields.items():
        if fields.get(name) is None and field.default is not None:
            fields[name] = field.default
    feature = model(**fields)
    feature.id = feature.id or uuid.uuid4()
    _set_location(session, layer, feature, values)
    if layer.location_required and feature.geom is None and feature.original is None:
        raise invalid(PLACE, "missing", *model.location_missing)
    feature.derive(session)
    session.add(feature)
    session.flush()
    refresh(session, feature)
    return feature


def lock_feature(session: Session, model: type[F], feature_id: uuid.UUID, version: int | None = None) -> F:
    """Select a feature for update.

    Raises ``Missing`` when it does not exist or is retired, ``Stale`` when it is no longer at ``version``.
    """
    feature = session.get(model, feature_id, with_for_update=True)
    if feature is None or feature.retired_at is not None:
        raise Missing(FEATURE_NOT_FOUND)
    return _at_version(feature, version)


def lock_retired_feature(session: Session, model: type[F], feature_id: uuid.UUID, version: int | None = None) -> F:
    """Select a retired feature for update.

    Raises ``Missing`` when it does not exist, ``Conflict`` when it is not retired, ``Stale`` as ``lock_feature``.
    """
    feature = session.get(model, feature_id, with_for_update=True)
    if feature is None:
        raise Missing(FEATURE_NOT_FOUND)
    if feature.retired_at is None:
        raise Conflict(NOT_RETIRED_TEXT)
    return _at_version(feature, version)


def _at_version(feature: F, version: int | None) -> F:
    """The feature. Raises ``Stale`` when it is no longer at ``version``."""
    if version is not None and feature.version != version:
        raise Stale(
            Text(
                f"Mục này đã được sửa (nay là phiên bản {feature.version}); hãy tải lại",
                f"This record was changed meanwhile (now version {feature.version}); please reload it",
            ),
            extra={"version": feature.version},
        )
    return feature


def update(session: Session, layer: Layer, feature: Feature, values: Mapping[str, Any]) -> None:
    """Change a feature to validated values, with the layer's command where it has one."""
    if not layer.editable:
        raise Conflict(NOT_EDITABLE_TEXT)
    if layer.update_command is None:
        store_update(session, layer, feature, values)
    else:
        layer.update_command(session, feature, values)


def store_update(session: Session, layer: Layer, feature: Feature, values: Mapping[str, Any]) -> None:
    """Write changed values to the row: the last step of every update command."""
    has_location = GEOMETRY in values or PLACE in values
    if not has_location:
        _check_source(feature, values)
    for name, value in values.items():
        # Assign only what differs: SQLAlchemy counts an assignment to a deferred column as a change in any case.
        if name in layer.fields and layer.fields[name].sql is None and getattr(feature, name) != value:
            setattr(feature, name, value)
    if has_location:
        _set_location(session, layer, feature, values)
    feature.derive(session)
    session.flush()
    refresh(session, feature)


def refresh(session: Session, feature: Feature) -> None:
    """Reload what the database has set: version, times and computed columns. Deferred columns stay unread."""
    eager = [attribute.key for attribute in type(feature).__mapper__.column_attrs if not attribute.deferred]
    session.refresh(feature, eager)


def retire(session: Session, layer: Layer, feature: Feature) -> None:
    """Mark a feature as retired. The row and its history stay readable."""
    if not layer.editable:
        raise Conflict(NOT_EDITABLE_TEXT)
    feature.retired_at = dt.datetime.now(dt.UTC)
    session.flush()


def restore(session: Session, layer: Layer, feature: Feature) -> None:
    """Take a retired feature back into use. It keeps the level of a retired feature, the highest that it ever had.

    What follows from its location is computed again, because retired features are not updated when the features from
    which it is computed change.
    """
    if not layer.editable:
        raise Conflict(NOT_EDITABLE_TEXT)
    feature.retired_at = None
    feature.derive(session)
    session.flush()
    refresh(session, feature)


def transition(session: Session, layer: Layer, feature: Feature, to: str, reason: str) -> None:
    """Change a feature's status, with the layer's command where it has one.

    Raises ``Invalid`` for a code that is not in the layer's list, ``Conflict`` when the layer has no status or the
    transition is not allowed; the error's extra member ``allowed`` then lists the codes that are.
    """
    status = layer.status
    if status is None or status.codes is None:
        raise Conflict(Text("Lớp dữ liệu này không có tình trạng để cập nhật", "This layer has no status to update"))
    codes = [code.value for code in status.codes]
    if to not in codes:
        listed = ", ".join(codes)
        raise invalid("to", "code", f"Phải là một trong: {listed}", f"Must be one of: {listed}")
    if layer.transition_command is not None:
        layer.transition_command(session, feature, to, reason)
    else:
        store_transition(session, layer, feature, to)


def allowed_transitions(layer: Layer, feature: Feature) -> list[str]:
    """The status codes to which the layer lets the feature change from its present one."""
    status = layer.status
    if status is None or status.codes is None:
        return []
    current = getattr(feature, status.name)
    return [end for start, end in layer.transitions if start == ("" if current is None else current.value)]


def store_transition(session: Session, layer: Layer, feature: Feature, to: str) -> None:
    """Set the status: the last step of every transition command. Raises ``Conflict`` when it is not allowed."""
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
    """Set the location from ``geometry`` or from ``place`` (text), not both; ``original`` keeps what was submitted.

    A null ``geometry`` without ``place`` clears the location. Raises ``Invalid`` for both at once, for the source
    ``assumed``, and for a source without a position.
    """
    geometry, location = values.get(GEOMETRY), values.get(PLACE)
    if geometry is not None and location is not None:
        raise invalid(PLACE, "twice", "Chỉ nêu vị trí theo một cách", "Give either `geometry` or `place`, not both")
    if location is not None:
        feature.set_location(session, location)
    elif geometry is not None:
        crs: CRS = values.get(GEOMETRY_CRS, CRS84)
        shape = parse_geojson(geometry, layer.geometry_type, degrees=crs == CRS84)
        set_geometry(feature, shape if crs == CRS84 else geometry_to_wgs84(shape, crs, densify=False))
        feature.original = {
            "geometry": {name: geometry[name] for name in ("type", "coordinates")},
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
        raise _position_required()


def _check_source(feature: Feature, values: Mapping[str, Any]) -> None:
    """Raise ``Invalid`` if the source of an unchanged position changes to or from ``none`` or ``assumed``."""
    before = feature.position_source
    after = values.get("position_source", before)
    if after != before and {after, before} & {PositionSource.NONE, PositionSource.ASSUMED}:
        raise _position_required()


def _position_required() -> Invalid:
    """The refusal of a position source that requires a position."""
    return invalid(
        "position_source", "no_place", "Đã nêu nguồn vị trí thì phải có vị trí", "`position_source` needs a position"
    )


def set_geometry(feature: Feature, shape: BaseGeometry) -> None:
    """Set a feature's geometry from a shape in WGS 84 longitude and latitude."""
    feature.geom = from_shape(shape, srid=WGS84)
