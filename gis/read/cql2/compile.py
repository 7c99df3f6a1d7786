"""Filters in CQL2 (OGC 21-065), as text or JSON: parsed by ``cql2``, compiled here to bound SQL by a whitelist.

The library's own SQL passes any function and any column through, so nothing of it is used: a property is looked up
on the card among those that this reader may know of, an operator in the tables below, and every value is bound.
"""

import datetime as dt
import json
import math
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cql2
import shapely
from shapely.geometry.base import BaseGeometry

from gis.crs.geometry import bbox_to_geometry, geometry_to_wgs84, parse_bbox, parse_geojson
from gis.crs.systems import CRS, CRS84, WGS84
from gis.model.code_lists import OrderedCodeList
from gis.model.fields import SCHEMA, Clearance, Field, rank_sql
from gis.text.dates import TIME_ZONE, parse_datetime
from gis.text.errors import Invalid, Malformed
from gis.text.i18n import Text

CONFORMS_TO = [
    f"http://www.opengis.net/spec/cql2/1.0/conf/{name}"
    for name in (
        "cql2-text",
        "cql2-json",
        "basic-cql2",
        "advanced-comparison-operators",
        "case-insensitive-comparison",
        "accent-insensitive-comparison",
        "basic-spatial-functions",
        "basic-spatial-functions-plus",
        "spatial-functions",
        "temporal-functions",
        "array-functions",
        "property-property",
    )
]
"""The conformance classes of OGC 21-065 that are met here."""

MAX_LENGTH, MAX_DEPTH, MAX_NODES = 8_000, 16, 200
"""Characters, levels and nodes of a filter. A 43 kB filter has cost another server a gigabyte."""

MAX_PARSER_STEPS = 600_000
"""The parser of the text form tries every bracket twice when what it holds is wrong, so that 32 empty brackets keep it
busy for minutes: length times two to the power of the depth stays below a tenth of a second. JSON has no such limit."""

GEOMETRY = "geometry"

COMPARISONS = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
EQUALITIES = ("=", "<>")
SPATIAL_OPERATORS = {
    "s_intersects": "ST_Intersects",
    "s_within": "ST_Within",
    "s_contains": "ST_Contains",
    "s_equals": "ST_Equals",
    "s_disjoint": "ST_Disjoint",
    "s_touches": "ST_Touches",
    "s_crosses": "ST_Crosses",
    "s_overlaps": "ST_Overlaps",
}
TEMPORAL_OPERATORS = {
    "t_after": "{a0} > {b1}",
    "t_before": "{a1} < {b0}",
    "t_contains": "{a0} < {b0} and {a1} > {b1}",
    "t_disjoint": "not ({a0} <= {b1} and {a1} >= {b0})",
    "t_during": "{a0} > {b0} and {a1} < {b1}",
    "t_equals": "{a0} = {b0} and {a1} = {b1}",
    "t_finishedBy": "{a0} < {b0} and {a1} = {b1}",
    "t_finishes": "{a0} > {b0} and {a1} = {b1}",
    "t_intersects": "{a0} <= {b1} and {a1} >= {b0}",
    "t_meets": "{a1} = {b0}",
    "t_metBy": "{a0} = {b1}",
    "t_overlappedBy": "{a0} > {b0} and {a0} < {b1} and {a1} > {b1}",
    "t_overlaps": "{a0} < {b0} and {a1} > {b0} and {a1} < {b1}",
    "t_startedBy": "{a0} = {b0} and {a1} > {b1}",
    "t_starts": "{a0} = {b0} and {a1} < {b1}",
}
"""Relations of two intervals [a0, a1] and [b0, b1]; an instant is an interval that ends where it begins."""

FOLDING_FUNCTIONS = {"casei": "lower({})", "accenti": "{schema}.plain({})"}
LOGICAL_OPERATORS = ("and", "or", "not")
OTHER_OPERATORS = ("between", "in", "like", "isNull")
ARRAY_OPERATORS = {
    "a_contains": "{a} @> {b}",
    "a_containedBy": "{a} <@ {b}",
    "a_equals": "{a} @> {b} and {a} <@ {b}",
    "a_overlaps": "{a} && {b}",
}
"""Relations of two lists as sets."""
OPERATORS = (
    *LOGICAL_OPERATORS,
    *COMPARISONS,
    *OTHER_OPERATORS,
    *FOLDING_FUNCTIONS,
    *SPATIAL_OPERATORS,
    *TEMPORAL_OPERATORS,
    *ARRAY_OPERATORS,
)

Bind = Callable[[Any], str]
FilterTree = Mapping[str, Any] | bool

SQL_TYPE = {
    "text": "text",
    "code": "text",
    "number": "float8",
    "integer": "float8",
    "boolean": "boolean",
    "uuid": "uuid",
}
TEMPORAL_TYPES = ("date", "datetime")


@dataclass(frozen=True)
class FilterContext:
    """What a filter is compiled against: the fields its reader may know of, the place of a row, and how to bind.

    ``schema`` holds the functions that this reader may use.
    """

    fields: Mapping[str, Field]
    clearance: Clearance
    geometry: str
    bind: Bind
    crs: CRS = CRS84
    schema: str = SCHEMA


def parse(text: str, *, is_json: bool = False) -> FilterTree:
    """A filter as CQL2 text or JSON, as a tree within the limits. Raises ``Malformed`` for anything else."""
    if len(text) > MAX_LENGTH:
        raise _invalid_filter(f"dài quá {MAX_LENGTH} ký tự", f"longer than {MAX_LENGTH} characters")
    depth = _nesting_depth(QUOTED_IN_JSON.sub("", text) if is_json else QUOTED_IN_TEXT.sub("", text))
    if depth > MAX_DEPTH * 2 or (not is_json and len(text) * 2**depth > MAX_PARSER_STEPS):
        raise _invalid_filter(f"lồng quá {MAX_DEPTH} tầng", f"nested deeper than {MAX_DEPTH} levels")
    try:
        tree = json.loads(text, parse_constant=_reject_constant) if is_json else cql2.parse_text(text).to_json()
        if is_json:
            tree = cql2.parse_json(json.dumps(tree)).to_json()
    except Exception:  # noqa: BLE001 - of an empty point the parser says so by no error of its own
        raise _invalid_filter("không phải CQL2 hợp lệ", "not valid CQL2") from None
    if not isinstance(tree, dict | bool):
        raise _invalid_filter("không phải một điều kiện", "not a condition")
    _count_nodes(tree)
    return tree


def _invalid_filter(vi: str, en: str) -> Malformed:
    return Malformed(Text(f"filter: {vi}", f"filter: {en}"))


def _reject_constant(name: str) -> Any:
    raise ValueError(name)


QUOTED_IN_TEXT = re.compile(r"""'[^']*'|"[^"]*\"""")
QUOTED_IN_JSON = re.compile(r'"(?:[^"\\]|\\.)*"')
"""What stands in quotes, and whose brackets nest nothing."""


def _nesting_depth(text: str) -> int:
    """How deep brackets nest, seen without parsing, so that no parser is sent down there."""
    depth = deepest = 0
    for sign in re.findall(r"[()\[\]{}]", text):
        depth += 1 if sign in "([{" else -1
        deepest = max(deepest, depth)
    return deepest


def _count_nodes(tree: Any, depth: int = 0) -> int:
    """Count the nodes of a tree, a geometry as one. Raises ``Malformed`` beyond the limits, also those of a number."""
    if depth > MAX_DEPTH:
        raise _invalid_filter(f"lồng quá {MAX_DEPTH} tầng", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(tree, float) and not math.isfinite(tree):
        raise _invalid_filter("số quá lớn", "a number that is too large")
    nodes = 1
    if isinstance(tree, dict) and "coordinates" not in tree:
        nodes += sum(_count_nodes(one, depth + 1) for one in tree.get("args", []))
    elif isinstance(tree, list):
        nodes += sum(_count_nodes(one, depth) for one in tree)
    if nodes > MAX_NODES:
        raise _invalid_filter(f"quá {MAX_NODES} phần tử", f"more than {MAX_NODES} nodes")
    return nodes


def compile_condition(tree: Any, scope: FilterContext) -> str:
    """The SQL of a filter, every value bound. Raises ``Malformed`` naming what is not allowed and what is."""
    if tree is True or tree is False:
        return "true" if tree else "false"
    if _is_property(tree):
        sql, kind = _property_sql(tree, scope)
        if kind != "boolean":
            raise _invalid_filter(
                "thuộc tính đứng riêng phải là kiểu đúng/sai", "a property by itself must be a boolean"
            )
        return sql
    operator = tree.get("op") if isinstance(tree, dict) else None
    arguments = tree.get("args") if isinstance(tree, dict) else None
    if not isinstance(operator, str) or not isinstance(arguments, list):
        raise _invalid_filter("không phải một điều kiện", "not a condition")
    compiled = _compiler(operator)
    if compiled is None:
        words = ", ".join(OPERATORS)
        raise _invalid_filter(
            f"không có toán tử '{operator[:40]}'. Có: {words}", f"no operator '{operator[:40]}'. There are: {words}"
        )
    return compiled(operator, arguments, scope)


def _unknown_operator(operator: Any) -> Malformed:
    name, words = str(operator)[:40], ", ".join(OPERATORS)
    return _invalid_filter(f"không có toán tử '{name}'. Có: {words}", f"no operator '{name}'. There are: {words}")


def _compiler(operator: str) -> Callable[[str, list[Any], FilterContext], str] | None:
    named = {"between": _between, "in": _in, "like": _like, "isNull": _is_null}
    families = (
        (LOGICAL_OPERATORS, _logic),
        (COMPARISONS, _comparison),
        (SPATIAL_OPERATORS, _spatial),
        (TEMPORAL_OPERATORS, _temporal),
        (ARRAY_OPERATORS, _array_operator),
    )
    return named.get(operator) or next((compiler for family, compiler in families if operator in family), None)


def _check_arity(arguments: list[Any], expected: int, operator: str) -> None:
    if len(arguments) != expected:
        raise _invalid_filter(f"'{operator}' cần {expected} đối số", f"'{operator}' takes {expected} arguments")


def _logic(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    if operator == "not":
        _check_arity(arguments, 1, operator)
        return f"(not {compile_condition(arguments[0], scope)})"
    if not arguments:
        raise _invalid_filter(f"'{operator}' cần ít nhất một đối số", f"'{operator}' takes at least one argument")
    return "(" + f" {operator} ".join(compile_condition(one, scope) for one in arguments) + ")"


def _comparison(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    _check_arity(arguments, 2, operator)
    left, right = _operand_pair(arguments[0], arguments[1], scope)
    scale = _common_ordering(arguments, scope) if operator not in EQUALITIES else None
    if scale is not None:
        left, right = rank_sql(scale, left), rank_sql(scale, right)
    return f"({left} {COMPARISONS[operator]} {right})"


def _common_ordering(operands: Sequence[Any], scope: FilterContext) -> type[OrderedCodeList] | None:
    """The scale that the properties among the operands share; words beyond it are neither higher nor lower.

    Without one, also between a scale and something else, texts are compared.
    """
    found = {_ordering_of(one, scope) for one in operands if not isinstance(one, str)}
    return found.pop() if len(found) == 1 else None


def _ordering_of(tree: Any, scope: FilterContext) -> type[OrderedCodeList] | None:
    field = scope.fields.get(tree["property"]) if _is_property(tree) else None
    return field.ordered_codes if field is not None else None


def _operand_pair(left: Any, right: Any, scope: FilterContext) -> tuple[str, str]:
    """Two operands as SQL of one type: a literal takes the type of the property it is compared with."""
    kinds = [_operand_type(one, scope) for one in (left, right)]
    kind = next((one for one in kinds if one is not None), None)
    if kind is None:
        kind = next((found for one in (left, right) if (found := _literal_type(one)) in TEMPORAL_TYPES), None)
        kind = kind or _literal_type(left)
    if kind in ("list", "json", GEOMETRY) or not set(kinds) <= {None, *_comparable_types(kind)}:
        raise _invalid_filter("hai vế không so sánh được", "the two sides cannot be compared")
    if kind == "uuid" and not all(_is_property(one) or _is_uuid(one) for one in (left, right)):
        kind = "text"  # it is compared with some other text
    return _operand_sql(left, kind, scope), _operand_sql(right, kind, scope)


def _comparable_types(kind: str) -> tuple[str, ...]:
    for family in (("integer", "number"), ("text", "code", "uuid"), TEMPORAL_TYPES):
        if kind in family:
            return family
    return (kind,)


def _operand_type(tree: Any, scope: FilterContext) -> str | None:
    """The type of an operand, None for a literal."""
    if _is_property(tree):
        return _property_sql(tree, scope)[1]
    if isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS:
        inner = _operand_type(tree["args"][0], scope) if tree.get("args") else None
        return "text" if inner in ("code", "uuid") else inner
    if isinstance(tree, dict) and "op" in tree:
        raise _unknown_operator(tree["op"])
    return None


def _literal_type(tree: Any) -> str:
    """The type of a literal that stands beside no property."""
    if isinstance(tree, dict) and ("date" in tree or "timestamp" in tree):
        return "datetime"
    if isinstance(tree, bool):
        return "boolean"
    return "number" if isinstance(tree, int | float) else "text"


def _is_uuid(tree: Any) -> bool:
    try:
        uuid.UUID(tree)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _is_property(tree: Any) -> bool:
    return isinstance(tree, dict) and set(tree) == {"property"} and isinstance(tree["property"], str)


def _property_sql(tree: Any, scope: FilterContext) -> tuple[str, str]:
    """A property as SQL and its type; a hidden one and none at all are refused alike."""
    name = tree["property"]
    if name in (GEOMETRY, "geom"):
        return scope.geometry, GEOMETRY
    if name == "id":
        return "t.id", "uuid"
    if name not in scope.fields:
        words = ", ".join(["id", *scope.fields, GEOMETRY])
        raise Malformed(
            Text(f"Không có thuộc tính '{name[:60]}'. Có: {words}", f"No property '{name[:60]}'. There are: {words}")
        )
    one = scope.fields[name]
    expression = one.expression(scope.clearance)
    return (f"{expression}::text" if one.type == "code" else expression), one.type


def _operand_sql(tree: Any, kind: str, scope: FilterContext) -> str:
    """An operand as SQL of the given type."""
    if _is_property(tree):
        sql, found = _property_sql(tree, scope)
        if found == "uuid" and kind != "uuid":
            return f"{sql}::text"
        return _time_bounds(tree, scope)[0] if found in TEMPORAL_TYPES else sql
    if isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS:
        _check_arity(tree.get("args", []), 1, tree["op"])
        if kind not in ("text", "code"):
            raise _invalid_filter(f"'{tree['op']}' chỉ dùng cho kiểu văn bản", f"'{tree['op']}' takes text only")
        return FOLDING_FUNCTIONS[tree["op"]].format(_operand_sql(tree["args"][0], kind, scope), schema=scope.schema)
    if kind in TEMPORAL_TYPES:
        return _time_bounds(tree, scope)[0]
    return f"{scope.bind(_literal(tree, kind))}::{SQL_TYPE[kind]}"


def _literal(value: Any, kind: str) -> Any:
    """A literal of the filter as a value of the property's type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in ("text", "code") and isinstance(value, str) and "\x00" not in value:
        return unicodedata.normalize("NFC", value)  # as everything is stored
    if kind in ("integer", "number") and number:
        return float(value)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "uuid" and _is_uuid(value):
        return uuid.UUID(value)
    raise _invalid_filter(f"giá trị không hợp kiểu {kind}", f"the value is not of type {kind}")


def _between(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    _check_arity(arguments, 3, operator)
    value, low, high = arguments
    return f"({_comparison('>=', [value, low], scope)} and {_comparison('<=', [value, high], scope)})"


def _in(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    _check_arity(arguments, 2, operator)
    value, listed = arguments
    if not isinstance(listed, list) or not listed:
        raise _invalid_filter("'in' cần một danh sách", "'in' takes a list")
    return "(" + " or ".join(_comparison("=", [value, one], scope) for one in listed) + ")"


def _like(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    _check_arity(arguments, 2, operator)
    if (_operand_type(arguments[0], scope) or _literal_type(arguments[0])) not in ("text", "code", "uuid"):
        raise _invalid_filter("'like' chỉ dùng cho kiểu văn bản", "'like' takes text only")
    _check_pattern(arguments[1])
    value, pattern = _operand_pair(arguments[0], arguments[1], scope)
    return f"({value} like {pattern})"


def _check_pattern(tree: Any) -> None:
    """A pattern is text, maybe folded; something has to follow its escape sign."""
    while isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS and tree.get("args"):
        tree = tree["args"][0]
    if not isinstance(tree, str):
        raise _invalid_filter(
            "mẫu của 'like' phải là văn bản trong dấu nháy", "the pattern of 'like' must be text in quotes"
        )
    # Folding brings the wide backslash to the plain one.
    escapes = len(tree) - len(tree.rstrip("\\\uff3c\ufe68"))
    if escapes % 2:
        raise _invalid_filter("mẫu của 'like' kết thúc bằng dấu \\", "the pattern of 'like' ends with its escape sign")


def _is_null(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    _check_arity(arguments, 1, operator)
    value = arguments[0]
    while isinstance(value, dict) and value.get("op") in FOLDING_FUNCTIONS and value.get("args"):
        value = value["args"][0]  # nothing, folded, is nothing
    if not _is_property(value):
        raise _invalid_filter("'is null' cần một thuộc tính", "'is null' takes a property")
    return f"({_property_sql(value, scope)[0]} is null)"


def _array_operator(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    _check_arity(arguments, 2, operator)
    left, right = (_array_sql(one, scope) for one in arguments)
    return f"({ARRAY_OPERATORS[operator].format(a=left, b=right)})"


def _array_sql(tree: Any, scope: FilterContext) -> str:
    """A property that is a list, or texts in brackets, as SQL."""
    if _is_property(tree):
        sql, kind = _property_sql(tree, scope)
        if kind == "list":
            return f"{sql}::text[]"
    elif isinstance(tree, list):
        return f"{scope.bind([_literal(one, 'text') for one in tree])}::text[]"
    raise _invalid_filter("toán tử này cần danh sách văn bản", "this operator takes a list of texts")


def _spatial(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    _check_arity(arguments, 2, operator)
    left, right = (_geometry_sql(one, scope) for one in arguments)
    if isinstance(right, MixedGeometry) and not isinstance(left, MixedGeometry):
        return _relate_to_mixed(operator, left, right)
    if isinstance(left, MixedGeometry) and not isinstance(right, MixedGeometry):
        return _relate_to_mixed(CONVERSE_OPERATORS.get(operator, operator), right, left)
    if isinstance(left, MixedGeometry) or isinstance(right, MixedGeometry):
        raise _invalid_filter("một vế phải là hình đơn loại", "one side must be of one kind of geometry")
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
    if _is_property(tree):
        sql, kind = _property_sql(tree, scope)
        if kind != GEOMETRY:
            raise _invalid_filter("toán tử không gian cần dữ liệu hình học", "a spatial operator takes a geometry")
        return sql
    try:
        given = _literal_geometry(tree, scope.crs)
    except Invalid as fault:
        raise Malformed(fault.detail, fault.errors) from None
    if not isinstance(given, shapely.GeometryCollection):
        return _bound_geometry(given, scope)
    alike: dict[int, list[BaseGeometry]] = {}
    for part in given.geoms:
        alike.setdefault(int(shapely.get_dimensions(part)), []).append(part)
    parts = {dimension: shapely.union_all(found) for dimension, found in alike.items()}
    return MixedGeometry(tuple(_bound_geometry(one, scope) for one in parts.values()), tuple(parts))


def _literal_geometry(tree: Any, crs: CRS) -> BaseGeometry:
    """A literal as a shape in WGS 84; a collection as the set of points that its members make up."""
    if isinstance(tree, dict) and tree.get("type") == "GeometryCollection":
        members = tree.get("geometries")
        if not isinstance(members, list) or not members:
            raise _invalid_filter("GeometryCollection rỗng", "the GeometryCollection is empty")
        return shapely.union_all([_literal_geometry(one, crs) for one in members])
    if isinstance(tree, dict) and isinstance(tree.get("bbox"), list):
        return bbox_to_geometry(parse_bbox(tree["bbox"], crs, name="filter"), crs.epsg, name="filter")
    degrees = crs.epsg == WGS84 and not crs.latitude_first
    return geometry_to_wgs84(parse_geojson(tree, name="filter", degrees=degrees), crs, name="filter")


def _bound_geometry(shape: BaseGeometry, scope: FilterContext) -> str:
    return f"ST_SetSRID(ST_GeomFromWKB({scope.bind(shapely.to_wkb(shape))}), {WGS84})"


def _temporal(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    _check_arity(arguments, 2, operator)
    (a0, a1), (b0, b1) = (_time_bounds(one, scope) for one in arguments)
    return "(" + TEMPORAL_OPERATORS[operator].format(a0=a0, a1=a1, b0=b0, b1=b1) + ")"


def _time_bounds(tree: Any, scope: FilterContext) -> tuple[str, str]:
    """Beginning and end of a property, a date, a timestamp or an interval, as SQL times; a day begins in Vietnam."""
    if _is_property(tree):
        sql, kind = _property_sql(tree, scope)
        if kind not in TEMPORAL_TYPES:
            raise _invalid_filter(
                "toán tử thời gian cần ngày hoặc thời điểm", "a temporal operator takes a date or time"
            )
        sql = f"({sql}::timestamp at time zone '{TIME_ZONE}')" if kind == "date" else sql
        return sql, sql
    if isinstance(tree, dict) and isinstance(tree.get("interval"), list) and len(tree["interval"]) == 2:  # noqa: PLR2004
        start, end = tree["interval"]
        _check_interval(start, end)
        first = "'-infinity'::timestamptz" if start == ".." else _time_bounds(start, scope)[0]
        last = "'infinity'::timestamptz" if end == ".." else _time_bounds(end, scope)[1]
        return first, last
    bound = f"{scope.bind(_literal_time(tree))}::timestamptz"
    return bound, bound


def _literal_time(tree: Any) -> dt.datetime:
    given = tree.get("date") or tree.get("timestamp") if isinstance(tree, dict) else tree
    try:
        return parse_datetime(str(given))
    except ValueError:
        raise _invalid_filter("không phải ngày hoặc thời điểm", "not a date or time") from None


def _check_interval(start: Any, end: Any) -> None:
    """An interval between two literals begins before it ends."""
    literal = [one for one in (start, end) if one != ".." and not _is_property(one)]
    if len(literal) == 2 and _literal_time(start) > _literal_time(end):  # noqa: PLR2004
        raise _invalid_filter("khoảng thời gian kết thúc trước khi bắt đầu", "the interval ends before it begins")
