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


def compile_spatial(operator: str, arguments: list[Any], context: FilterContext) -> str:
    """The SQL condition of a spatial operator."""
    check_arity(arguments, 2, operator)
    left, right = (_geometry_sql(argument, context) for argument in arguments)
    if isinstance(right, MixedGeometry) and not isinstance(left, MixedGeometry):
        return _relate_to_mixed(operator, left, right)
    if isinstance(left, MixedGeometry) and not isinstance(right, MixedGeometry):
        return _relate_to_mixed(CONVERSE_OPERATORS.get(operator, operator), right, left)
    if isinstance(left, MixedGeometry) or isinstance(right, MixedGeometry):
        raise invalid_filter("một vế phải là hình đơn loại", "one operand must be of one kind of geometry")
    # Under row-level security only &&, which is leakproof, can use the index.
    if operator in ("s_intersects", "s_disjoint"):
        intersects = f"({left} && {right} and ST_Intersects({left}, {right}))"
        return intersects if operator == "s_intersects" else f"(not {intersects})"
    operands = f"{_highest_dimension(left, context)}, {_highest_dimension(right, context)}"
    return f"({left} && {right} and {SPATIAL_OPERATORS[operator]}({operands}))"


CONVERSE_OPERATORS = {"s_within": "s_contains", "s_contains": "s_within"}
"""The operator for swapped operands; the other spatial operators are symmetric."""


def _highest_dimension(geometry: str, context: FilterContext) -> str:
    """The SQL of the parts of the highest dimension, for the row's geometry, which may be a collection.

    PostGIS supports collections in ST_Intersects and ST_Disjoint only.
    """
    return f"ST_CollectionExtract({geometry})" if geometry == context.geometry else geometry


@dataclass(frozen=True)
class MixedGeometry:
    """A literal GeometryCollection, as the SQL of its disjoint parts, one per dimension."""

    parts: tuple[str, ...]
    dimensions: tuple[int, ...]


def _relate_to_mixed(operator: str, geometry: str, mixed: MixedGeometry) -> str:
    """The SQL of a relation to a mixed literal, derived from those to its parts (DE-9IM, OGC 06-103r4, 6.1.15)."""
    intersects = _any_of(f"{geometry} && {part} and ST_Intersects({geometry}, {part})" for part in mixed.parts)
    if operator in ("s_intersects", "s_disjoint"):
        return intersects if operator == "s_intersects" else f"(not {intersects})"
    plain = f"ST_CollectionExtract({geometry})"
    interiors_intersect = _any_of(f"ST_Relate({plain}, {part}, 'T********')" for part in mixed.parts)
    uncovered = plain
    for part in mixed.parts:
        uncovered = f"ST_Difference({uncovered}, {part})"
    covered = f"ST_IsEmpty({uncovered})"
    covers = "(" + " and ".join(f"ST_Covers({plain}, {part})" for part in mixed.parts) + ")"
    highest = max(mixed.dimensions)
    parts = zip(mixed.parts, mixed.dimensions, strict=True)
    same_dimension = _any_of(
        f"ST_Relate({plain}, {part}, '{highest}********')" for part, dimension in parts if dimension == highest
    )
    relations = {
        "s_within": f"{interiors_intersect} and {covered}",
        "s_contains": f"{interiors_intersect} and {covers}",
        "s_equals": f"{covered} and {covers}",
        "s_touches": f"not {interiors_intersect}",
        "s_crosses": f"{interiors_intersect} and case when ST_Dimension({plain}) < {highest} then not {covered}"
        f" when ST_Dimension({plain}) > {highest} then not {covers} else {highest} = 1 and not {same_dimension} end",
        "s_overlaps": f"ST_Dimension({plain}) = {highest} and {same_dimension} and not {covered} and not {covers}",
    }
    return f"({intersects} and {relations[operator]})"


def _any_of(tests: Iterable[str]) -> str:
    return "(" + " or ".join(f"({test})" for test in tests) + ")"


def _geometry_sql(tree: Any, context: FilterContext) -> str | MixedGeometry:
    """The SQL in WGS 84 of an operand: the geometry of the row, a GeoJSON literal or a box."""
    if is_property(tree):
        sql, type_name = property_sql(tree, context)
        if type_name != GEOMETRY:
            raise invalid_filter("toán tử không gian cần dữ liệu hình học", "a spatial operator needs a geometry")
        return sql
    try:
        literal = _literal_geometry(tree, context.crs)
    except Invalid as fault:
        raise Malformed(fault.detail, fault.errors) from None
    if not isinstance(literal, shapely.GeometryCollection):
        return bound_geometry(literal, context)
    by_dimension: dict[int, list[BaseGeometry]] = {}
    for part in literal.geoms:
        by_dimension.setdefault(int(shapely.get_dimensions(part)), []).append(part)
    unions = {dimension: shapely.union_all(parts) for dimension, parts in by_dimension.items()}
    return MixedGeometry(tuple(bound_geometry(union, context) for union in unions.values()), tuple(unions))


def _literal_geometry(tree: Any, crs: CRS) -> BaseGeometry:
    """A literal as a geometry in WGS 84; a GeometryCollection as the union of its members."""
    if isinstance(tree, dict) and tree.get("type") == "GeometryCollection":
        members = tree.get("geometries")
        if not isinstance(members, list) or not members:
            raise invalid_filter("GeometryCollection rỗng", "the GeometryCollection is empty")
        return shapely.union_all([_literal_geometry(member, crs) for member in members])
    if isinstance(tree, dict) and isinstance(tree.get("bbox"), list):
        return bbox_to_geometry(parse_bbox(tree["bbox"], crs, name="filter"), crs.epsg, name="filter")
    degrees = crs.epsg == WGS84 and not crs.latitude_first
    return geometry_to_wgs84(parse_geojson(tree, name="filter", degrees=degrees), crs, name="filter")
