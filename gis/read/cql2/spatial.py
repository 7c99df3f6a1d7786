"""Spatial operators of CQL2."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from gis.crs.geometry import bbox_to_geometry, geometry_to_wgs84, parse_bbox, parse_geojson
from gis.crs.systems import CRS, WGS84
from gis.read.cql2.operands import GEOMETRY, bound_geometry, check_arity, is_property, property_sql
from gis.read.cql2.operators import SPATIAL_OPERATORS
from gis.read.cql2.parse import FilterContext, invalid_filter
from gis.text.errors import Invalid, Malformed


def compile_spatial(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    check_arity(arguments, 2, operator)
    left, right = (_geometry_sql(one, scope) for one in arguments)
    if isinstance(right, MixedGeometry) and not isinstance(left, MixedGeometry):
        return _relate_to_mixed(operator, left, right)
    if isinstance(left, MixedGeometry) and not isinstance(right, MixedGeometry):
        return _relate_to_mixed(CONVERSE_OPERATORS.get(operator, operator), right, left)
    if isinstance(left, MixedGeometry) or isinstance(right, MixedGeometry):
        raise invalid_filter("một vế phải là hình đơn loại", "one side must be of one kind of geometry")
    # The box is compared first and by itself: under row-level security only that operator reaches the index.
    if operator in ("s_intersects", "s_disjoint"):
        meets = f"({left} && {right} and ST_Intersects({left}, {right}))"
        return meets if operator == "s_intersects" else f"(not {meets})"
    highest = f"{_highest_dimension(left, scope)}, {_highest_dimension(right, scope)}"
    return f"({left} && {right} and {SPATIAL_OPERATORS[operator]}({highest}))"


CONVERSE_OPERATORS = {"s_within": "s_contains", "s_contains": "s_within"}
"""What holds of B and A where an operator holds of A and B; the others hold both ways or not at all."""


def _highest_dimension(shape: str, scope: FilterContext) -> str:
    """Of a place that is a collection, such as a task's, the parts of the highest dimension.

    PostGIS knows no relation of a collection but meeting.
    """
    return f"ST_CollectionExtract({shape})" if shape == scope.geometry else shape


@dataclass(frozen=True)
class MixedGeometry:
    """A literal of several dimensions that no relation of PostGIS takes: its parts, which meet at boundaries only."""

    parts: tuple[str, ...]
    dimensions: tuple[int, ...]


def _relate_to_mixed(operator: str, geometry: str, mixed: MixedGeometry) -> str:
    """The relation of a place to a mixed literal, from those to its parts (DE-9IM of OGC 06-103r4, 6.1.15)."""
    meets = _any_of(f"{geometry} && {one} and ST_Intersects({geometry}, {one})" for one in mixed.parts)
    if operator in ("s_intersects", "s_disjoint"):
        return meets if operator == "s_intersects" else f"(not {meets})"
    plain = f"ST_CollectionExtract({geometry})"
    inner = _any_of(f"ST_Relate({plain}, {one}, 'T********')" for one in mixed.parts)
    rest = plain
    for one in mixed.parts:
        rest = f"ST_Difference({rest}, {one})"
    covered = f"ST_IsEmpty({rest})"
    covers = "(" + " and ".join(f"ST_Covers({plain}, {one})" for one in mixed.parts) + ")"
    highest = max(mixed.dimensions)
    equals = zip(mixed.parts, mixed.dimensions, strict=True)
    alike = _any_of(
        f"ST_Relate({plain}, {one}, '{highest}********')" for one, dimension in equals if dimension == highest
    )
    related = {
        "s_within": f"{inner} and {covered}",
        "s_contains": f"{inner} and {covers}",
        "s_equals": f"{covered} and {covers}",
        "s_touches": f"not {inner}",
        "s_crosses": f"{inner} and case when ST_Dimension({plain}) < {highest} then not {covered}"
        f" when ST_Dimension({plain}) > {highest} then not {covers} else {highest} = 1 and not {alike} end",
        "s_overlaps": f"ST_Dimension({plain}) = {highest} and {alike} and not {covered} and not {covers}",
    }
    return f"({meets} and {related[operator]})"


def _any_of(tests: Iterable[str]) -> str:
    return "(" + " or ".join(f"({one})" for one in tests) + ")"


def _geometry_sql(tree: Any, scope: FilterContext) -> str | MixedGeometry:
    """A place as SQL in WGS 84: the row's own, a geometry or a box."""
    if is_property(tree):
        sql, kind = property_sql(tree, scope)
        if kind != GEOMETRY:
            raise invalid_filter("toán tử không gian cần dữ liệu hình học", "a spatial operator takes a geometry")
        return sql
    try:
        given = _literal_geometry(tree, scope.crs)
    except Invalid as fault:
        raise Malformed(fault.detail, fault.errors) from None
    if not isinstance(given, shapely.GeometryCollection):
        return bound_geometry(given, scope)
    alike: dict[int, list[BaseGeometry]] = {}
    for part in given.geoms:
        alike.setdefault(int(shapely.get_dimensions(part)), []).append(part)
    parts = {dimension: shapely.union_all(found) for dimension, found in alike.items()}
    return MixedGeometry(tuple(bound_geometry(one, scope) for one in parts.values()), tuple(parts))


def _literal_geometry(tree: Any, crs: CRS) -> BaseGeometry:
    """A literal as a shape in WGS 84; a collection as the set of points that its members make up."""
    if isinstance(tree, dict) and tree.get("type") == "GeometryCollection":
        members = tree.get("geometries")
        if not isinstance(members, list) or not members:
            raise invalid_filter("GeometryCollection rỗng", "the GeometryCollection is empty")
        return shapely.union_all([_literal_geometry(one, crs) for one in members])
    if isinstance(tree, dict) and isinstance(tree.get("bbox"), list):
        return bbox_to_geometry(parse_bbox(tree["bbox"], crs, name="filter"), crs.epsg, name="filter")
    degrees = crs.epsg == WGS84 and not crs.latitude_first
    return geometry_to_wgs84(parse_geojson(tree, name="filter", degrees=degrees), crs, name="filter")
