"""Filters in CQL2 (OGC 21-065), as text or JSON: parsed by ``cql2``, compiled here to bound SQL by a whitelist.

The library's own SQL passes any function and any column through, so nothing of it is used: a property is looked up
on the card among those that this reader may know of, an operator in the tables below, and every value is bound.
"""

import datetime as dt
import json
import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cql2
import shapely
from shapely.geometry.base import BaseGeometry

from gis.crs import CRS, CRS84, WGS84
from gis.errors import Invalid, Malformed
from gis.fields import SCHEMA, Field, Level
from gis.geometry import in_wgs84, read_geojson
from gis.language import Text

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
        "property-property",
    )
]
"""The conformance classes of OGC 21-065 that are met here."""

LONGEST, DEEPEST, MOST_NODES = 8_000, 16, 200
"""Characters, levels and nodes of a filter. A 43 kB filter has cost another server a gigabyte."""

MOST_STEPS = 600_000
"""The parser of the text form tries every bracket twice when what it holds is wrong, so that 32 empty brackets keep it
busy for minutes: length times two to the power of the depth stays below a tenth of a second. JSON has no such limit."""

GEOMETRY = "geometry"
VIETNAM = dt.timezone(dt.timedelta(hours=7))

COMPARISONS = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
SPATIAL = {
    "s_intersects": "ST_Intersects",
    "s_within": "ST_Within",
    "s_contains": "ST_Contains",
    "s_equals": "ST_Equals",
    "s_disjoint": "ST_Disjoint",
    "s_touches": "ST_Touches",
    "s_crosses": "ST_Crosses",
    "s_overlaps": "ST_Overlaps",
}
TEMPORAL = {
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

FOLDS = {"casei": "lower({})", "accenti": "{schema}.plain({})"}
LOGIC = ("and", "or", "not")
OTHERS = ("between", "in", "like", "isNull")
LISTS = {"a_contains": "@>", "a_containedBy": "<@", "a_overlaps": "&&"}
OPERATORS = (*LOGIC, *COMPARISONS, *OTHERS, *FOLDS, *SPATIAL, *TEMPORAL, *LISTS)

Bind = Callable[[Any], str]
Tree = Mapping[str, Any] | bool

SQL_TYPE = {
    "text": "text",
    "code": "text",
    "number": "float8",
    "integer": "float8",
    "boolean": "boolean",
    "uuid": "uuid",
}
MOMENTS = ("date", "datetime")


@dataclass(frozen=True)
class Scope:
    """What a filter is compiled against: the fields its reader may know of, the place of a row, and how to bind.

    ``schema`` holds the functions that this reader may use.
    """

    fields: Mapping[str, Field]
    reader: Level
    geometry: str
    bind: Bind
    crs: CRS = CRS84
    schema: str = SCHEMA


def read(text: str, *, is_json: bool = False) -> Tree:
    """A filter as CQL2 text or JSON, as a tree within the limits. Raises ``Malformed`` for anything else."""
    if len(text) > LONGEST:
        raise _bad(f"dài quá {LONGEST} ký tự", f"longer than {LONGEST} characters")
    depth = _nesting(JSON_STRINGS.sub("", text) if is_json else TEXT_STRINGS.sub("", text))
    if depth > DEEPEST * 2 or (not is_json and len(text) * 2**depth > MOST_STEPS):
        raise _bad(f"lồng quá {DEEPEST} tầng", f"nested deeper than {DEEPEST} levels")
    try:
        tree = json.loads(text, parse_constant=_no_constant) if is_json else cql2.parse_text(text).to_json()
        if is_json:
            tree = cql2.parse_json(json.dumps(tree)).to_json()
    except (ValueError, RecursionError, cql2.ParseError, TypeError):
        raise _bad("không phải CQL2 hợp lệ", "not valid CQL2") from None
    if not isinstance(tree, dict | bool):
        raise _bad("không phải một điều kiện", "not a condition")
    _measure(tree)
    return tree


def _bad(vi: str, en: str) -> Malformed:
    return Malformed(Text(f"filter: {vi}", f"filter: {en}"))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


TEXT_STRINGS = re.compile(r"""'[^']*'|"[^"]*\"""")
JSON_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
"""What stands in quotes, and whose brackets nest nothing."""


def _nesting(text: str) -> int:
    """How deep brackets nest, seen without parsing, so that no parser is sent down there."""
    depth = deepest = 0
    for sign in re.findall(r"[()\[\]{}]", text):
        depth += 1 if sign in "([{" else -1
        deepest = max(deepest, depth)
    return deepest


def _measure(tree: Any, depth: int = 0) -> int:
    """Count the nodes of a tree, a geometry as one. Raises ``Malformed`` beyond the limits."""
    if depth > DEEPEST:
        raise _bad(f"lồng quá {DEEPEST} tầng", f"nested deeper than {DEEPEST} levels")
    nodes = 1
    if isinstance(tree, dict) and "coordinates" not in tree:
        nodes += sum(_measure(one, depth + 1) for one in tree.get("args", []))
    elif isinstance(tree, list):
        nodes += sum(_measure(one, depth) for one in tree)
    if nodes > MOST_NODES:
        raise _bad(f"quá {MOST_NODES} phần tử", f"more than {MOST_NODES} nodes")
    return nodes


def condition(tree: Any, scope: Scope) -> str:
    """The SQL of a filter, every value bound. Raises ``Malformed`` naming what is not allowed and what is."""
    if tree is True or tree is False:
        return "true" if tree else "false"
    if _is_property(tree):
        sql, kind = _operand(tree, scope)
        if kind != "boolean":
            raise _bad("thuộc tính đứng một mình phải là đúng/sai", "a property by itself must be a boolean")
        return sql
    operator = tree.get("op") if isinstance(tree, dict) else None
    arguments = tree.get("args") if isinstance(tree, dict) else None
    if not isinstance(operator, str) or not isinstance(arguments, list):
        raise _bad("không phải một điều kiện", "not a condition")
    compiled = _compiler(operator)
    if compiled is None:
        words = ", ".join(OPERATORS)
        raise _bad(
            f"không có phép '{operator[:40]}'. Có: {words}", f"no operator '{operator[:40]}'. There are: {words}"
        )
    return compiled(operator, arguments, scope)


def _no_operator(named: Any) -> Malformed:
    name, words = str(named)[:40], ", ".join(OPERATORS)
    return _bad(f"không có phép '{name}'. Có: {words}", f"no operator '{name}'. There are: {words}")


def _compiler(operator: str) -> Callable[[str, list[Any], Scope], str] | None:
    named = {"between": _between, "in": _in, "like": _like, "isNull": _is_null}
    families = (
        (LOGIC, _logic),
        (COMPARISONS, _comparison),
        (SPATIAL, _spatial),
        (TEMPORAL, _temporal),
        (LISTS, _of_lists),
    )
    return named.get(operator) or next((compiler for family, compiler in families if operator in family), None)


def _takes(arguments: list[Any], number: int, operator: str) -> None:
    if len(arguments) != number:
        raise _bad(f"'{operator}' cần {number} vế", f"'{operator}' takes {number} arguments")


def _logic(operator: str, arguments: list[Any], scope: Scope) -> str:
    if operator == "not":
        _takes(arguments, 1, operator)
        return f"(not {condition(arguments[0], scope)})"
    if not arguments:
        raise _bad(f"'{operator}' cần ít nhất một vế", f"'{operator}' takes an argument")
    return "(" + f" {operator} ".join(condition(one, scope) for one in arguments) + ")"


def _comparison(operator: str, arguments: list[Any], scope: Scope) -> str:
    _takes(arguments, 2, operator)
    left, right = _pair(arguments[0], arguments[1], scope)
    return f"({left} {COMPARISONS[operator]} {right})"


def _pair(left: Any, right: Any, scope: Scope) -> tuple[str, str]:
    """Two operands as SQL of one type: a literal takes the type of the property it is compared with."""
    kinds = [_kind(one, scope) for one in (left, right)]
    kind = next((one for one in kinds if one is not None), None)
    if kind is None:
        raise _bad("một vế phải là thuộc tính", "one side must be a property")
    if kind in ("list", "json", GEOMETRY) or not set(kinds) <= {None, *_same(kind)}:
        raise _bad("hai vế không so sánh được", "the two sides cannot be compared")
    return _as(left, kind, scope), _as(right, kind, scope)


def _same(kind: str) -> tuple[str, ...]:
    for family in (("integer", "number"), ("text", "code"), MOMENTS):
        if kind in family:
            return family
    return (kind,)


def _kind(tree: Any, scope: Scope) -> str | None:
    """The type of an operand, None for a literal."""
    if _is_property(tree):
        return _operand(tree, scope)[1]
    if isinstance(tree, dict) and tree.get("op") in FOLDS:
        inner = _kind(tree["args"][0], scope) if tree.get("args") else None
        return "text" if inner == "code" else inner
    if isinstance(tree, dict) and "op" in tree:
        raise _no_operator(tree["op"])
    return None


def _is_property(tree: Any) -> bool:
    return isinstance(tree, dict) and set(tree) == {"property"} and isinstance(tree["property"], str)


def _operand(tree: Any, scope: Scope) -> tuple[str, str]:
    """A property as SQL and its type; a hidden one and none at all are refused alike."""
    name = tree["property"]
    if name in (GEOMETRY, "geom"):
        return scope.geometry, GEOMETRY
    if name not in scope.fields:
        words = ", ".join([*scope.fields, GEOMETRY])
        raise Malformed(
            Text(f"Không có thuộc tính '{name[:60]}'. Có: {words}", f"No property '{name[:60]}'. There are: {words}")
        )
    one = scope.fields[name]
    expression = one.expression(scope.reader)
    return (f"{expression}::text" if one.type == "code" else expression), one.type


def _as(tree: Any, kind: str, scope: Scope) -> str:
    """An operand as SQL of the given type."""
    if _is_property(tree):
        sql, found = _operand(tree, scope)
        return _moment(tree, scope)[0] if found in MOMENTS else sql
    if isinstance(tree, dict) and tree.get("op") in FOLDS:
        _takes(tree.get("args", []), 1, tree["op"])
        if kind not in ("text", "code"):
            raise _bad(f"'{tree['op']}' chỉ dùng cho chữ", f"'{tree['op']}' takes text only")
        return FOLDS[tree["op"]].format(_as(tree["args"][0], kind, scope), schema=scope.schema)
    if kind in MOMENTS:
        return _moment(tree, scope)[0]
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
    if kind == "uuid" and isinstance(value, str):
        try:
            return uuid.UUID(value)
        except ValueError:
            pass
    raise _bad(f"giá trị không hợp kiểu {kind}", f"the value is not of type {kind}")


def _between(operator: str, arguments: list[Any], scope: Scope) -> str:
    _takes(arguments, 3, operator)
    value, low, high = arguments
    return f"({_comparison('>=', [value, low], scope)} and {_comparison('<=', [value, high], scope)})"


def _in(operator: str, arguments: list[Any], scope: Scope) -> str:
    _takes(arguments, 2, operator)
    value, listed = arguments
    if not isinstance(listed, list) or not listed:
        raise _bad("'in' cần một danh sách", "'in' takes a list")
    return "(" + " or ".join(_comparison("=", [value, one], scope) for one in listed) + ")"


def _like(operator: str, arguments: list[Any], scope: Scope) -> str:
    _takes(arguments, 2, operator)
    if _kind(arguments[0], scope) not in ("text", "code"):
        raise _bad("'like' chỉ dùng cho chữ", "'like' takes text only")
    _check_pattern(arguments[1])
    value, pattern = _pair(arguments[0], arguments[1], scope)
    return f"({value} like {pattern})"


def _check_pattern(tree: Any) -> None:
    """A pattern is text, maybe folded; something has to follow its escape sign."""
    while isinstance(tree, dict) and tree.get("op") in FOLDS and tree.get("args"):
        tree = tree["args"][0]
    if not isinstance(tree, str):
        raise _bad("mẫu của 'like' phải là chữ trong nháy", "the pattern of 'like' must be text in quotes")
    # Folding brings the wide backslash to the plain one.
    escapes = len(tree) - len(tree.rstrip("\\\uff3c\ufe68"))
    if escapes % 2:
        raise _bad("mẫu của 'like' kết thúc bằng dấu \\", "the pattern of 'like' ends with its escape sign")


def _is_null(operator: str, arguments: list[Any], scope: Scope) -> str:
    _takes(arguments, 1, operator)
    if not _is_property(arguments[0]):
        raise _bad("'is null' cần một thuộc tính", "'is null' takes a property")
    return f"({_operand(arguments[0], scope)[0]} is null)"


def _of_lists(operator: str, arguments: list[Any], scope: Scope) -> str:
    _takes(arguments, 2, operator)
    left, right = (_list(one, scope) for one in arguments)
    return f"({left} {LISTS[operator]} {right})"


def _list(tree: Any, scope: Scope) -> str:
    """A property that is a list, or texts in brackets, as SQL."""
    if _is_property(tree):
        sql, kind = _operand(tree, scope)
        if kind == "list":
            return f"{sql}::text[]"
    elif isinstance(tree, list):
        return f"{scope.bind([_literal(one, 'text') for one in tree])}::text[]"
    raise _bad("phép này cần danh sách chữ", "this operator takes a list of texts")


def _spatial(operator: str, arguments: list[Any], scope: Scope) -> str:
    _takes(arguments, 2, operator)
    for place, one in enumerate(arguments):
        if isinstance(one, dict) and one.get("type") == "GeometryCollection":
            return _with_any(operator, one.get("geometries") or [], arguments[1 - place], scope)
    left, right = (_shape(one, scope) for one in arguments)
    related = f"{SPATIAL[operator]}({left}, {right})"
    # The box is compared first and by itself: under row-level security only that operator reaches the index.
    return f"({related})" if operator == "s_disjoint" else f"({left} && {right} and {related})"


def _with_any(operator: str, members: list[Any], other: Any, scope: Scope) -> str:
    """Whether a place meets any shape of a collection; no other relation is defined between them."""
    if operator not in ("s_intersects", "s_disjoint") or not members:
        raise _bad(f"'{operator}' không nhận GeometryCollection", f"'{operator}' does not take a GeometryCollection")
    meets = " or ".join(_spatial("s_intersects", [other, one], scope) for one in members)
    return f"({meets})" if operator == "s_intersects" else f"(not ({meets}))"


def _shape(tree: Any, scope: Scope) -> str:
    """A place as SQL in WGS 84: the row's own, a geometry or a box."""
    if _is_property(tree):
        sql, kind = _operand(tree, scope)
        if kind != GEOMETRY:
            raise _bad("phép không gian cần hình học", "a spatial operator takes a geometry")
        return sql
    try:
        if isinstance(tree, dict) and isinstance(tree.get("bbox"), list):
            given: BaseGeometry = shapely.box(*_corners(tree["bbox"])).envelope
        else:
            degrees = scope.crs.epsg == WGS84 and not scope.crs.latitude_first
            given = read_geojson(tree, name="filter", degrees=degrees)
        return _literal_shape(in_wgs84(given, scope.crs, name="filter"), scope)
    except Invalid as fault:
        raise Malformed(fault.detail, fault.errors) from None


def _corners(numbers: list[Any]) -> tuple[float, float, float, float]:
    flat = [float(one) for one in numbers if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(flat) == 6:  # noqa: PLR2004 - a box with heights gives its footprint
        flat = [flat[0], flat[1], flat[3], flat[4]]
    if len(flat) != 4 or len(numbers) not in (4, 6) or not (flat[0] <= flat[2] and flat[1] <= flat[3]):  # noqa: PLR2004
        raise _bad("hộp phải là tây,nam,đông,bắc", "a box is west,south,east,north")
    return flat[0], flat[1], flat[2], flat[3]


def _literal_shape(shape: shapely.Geometry, scope: Scope) -> str:
    return f"ST_SetSRID(ST_GeomFromWKB({scope.bind(shapely.to_wkb(shape))}), {WGS84})"


def _temporal(operator: str, arguments: list[Any], scope: Scope) -> str:
    _takes(arguments, 2, operator)
    (a0, a1), (b0, b1) = (_moment(one, scope) for one in arguments)
    return "(" + TEMPORAL[operator].format(a0=a0, a1=a1, b0=b0, b1=b1) + ")"


def _moment(tree: Any, scope: Scope) -> tuple[str, str]:
    """Beginning and end of a property, a date, a timestamp or an interval, as SQL times; a day begins in Vietnam."""
    if _is_property(tree):
        sql, kind = _operand(tree, scope)
        if kind not in MOMENTS:
            raise _bad("phép thời gian cần ngày hoặc thời điểm", "a temporal operator takes a date or time")
        sql = f"({sql}::timestamp at time zone 'Asia/Ho_Chi_Minh')" if kind == "date" else sql
        return sql, sql
    if isinstance(tree, dict) and isinstance(tree.get("interval"), list) and len(tree["interval"]) == 2:  # noqa: PLR2004
        start, end = tree["interval"]
        first = "'-infinity'::timestamptz" if start == ".." else _moment(start, scope)[0]
        last = "'infinity'::timestamptz" if end == ".." else _moment(end, scope)[1]
        return first, last
    given = tree.get("date") or tree.get("timestamp") if isinstance(tree, dict) else tree
    try:
        found = dt.datetime.fromisoformat(str(given))
    except ValueError:
        raise _bad("không phải ngày hoặc thời điểm", "not a date or time") from None
    bound = f"{scope.bind(found if found.tzinfo else found.replace(tzinfo=VIETNAM))}::timestamptz"
    return bound, bound
