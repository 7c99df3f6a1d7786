"""Operands of a CQL2 filter: properties, literals and functions, with their types."""

import datetime as dt
import unicodedata
import uuid
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from gis.crs.systems import WGS84
from gis.read.cql2.operators import FOLDING_FUNCTIONS, OPERATORS
from gis.read.cql2.parse import FilterContext, invalid_filter
from gis.text.dates import TIME_ZONE, parse_datetime
from gis.text.errors import Malformed
from gis.text.i18n import Text

GEOMETRY = "geometry"

SQL_TYPE = {
    "text": "text",
    "code": "text",
    "number": "float8",
    "integer": "float8",
    "boolean": "boolean",
    "uuid": "uuid",
}
TEMPORAL_TYPES = ("date", "datetime")


def _unknown_operator(operator: Any) -> Malformed:
    name, words = str(operator)[:40], ", ".join(OPERATORS)
    return invalid_filter(f"không có toán tử '{name}'. Có: {words}", f"no operator '{name}'. There are: {words}")


def check_arity(arguments: list[Any], expected: int, operator: str) -> None:
    if len(arguments) != expected:
        raise invalid_filter(f"'{operator}' cần {expected} đối số", f"'{operator}' takes {expected} arguments")


def operand_type(tree: Any, scope: FilterContext) -> str | None:
    """The type of an operand, None for a literal."""
    if is_property(tree):
        return property_sql(tree, scope)[1]
    if isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS:
        inner = operand_type(tree["args"][0], scope) if tree.get("args") else None
        return "text" if inner in ("code", "uuid") else inner
    if isinstance(tree, dict) and "op" in tree:
        raise _unknown_operator(tree["op"])
    return None


def literal_type(tree: Any) -> str:
    """The type of a literal that stands beside no property."""
    if isinstance(tree, dict) and ("date" in tree or "timestamp" in tree):
        return "datetime"
    if isinstance(tree, bool):
        return "boolean"
    return "number" if isinstance(tree, int | float) else "text"


def is_uuid(tree: Any) -> bool:
    try:
        uuid.UUID(tree)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def is_property(tree: Any) -> bool:
    return isinstance(tree, dict) and set(tree) == {"property"} and isinstance(tree["property"], str)


def property_sql(tree: Any, scope: FilterContext) -> tuple[str, str]:
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


def operand_sql(tree: Any, kind: str, scope: FilterContext) -> str:
    """An operand as SQL of the given type."""
    if is_property(tree):
        sql, found = property_sql(tree, scope)
        if found == "uuid" and kind != "uuid":
            return f"{sql}::text"
        return time_bounds(tree, scope)[0] if found in TEMPORAL_TYPES else sql
    if isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS:
        check_arity(tree.get("args", []), 1, tree["op"])
        if kind not in ("text", "code"):
            raise invalid_filter(f"'{tree['op']}' chỉ dùng cho kiểu văn bản", f"'{tree['op']}' takes text only")
        return FOLDING_FUNCTIONS[tree["op"]].format(operand_sql(tree["args"][0], kind, scope), schema=scope.schema)
    if kind in TEMPORAL_TYPES:
        return time_bounds(tree, scope)[0]
    return f"{scope.bind(compile_literal(tree, kind))}::{SQL_TYPE[kind]}"


def compile_literal(value: Any, kind: str) -> Any:
    """A literal of the filter as a value of the property's type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in ("text", "code") and isinstance(value, str) and "\x00" not in value:
        return unicodedata.normalize("NFC", value)  # as everything is stored
    if kind in ("integer", "number") and number:
        return float(value)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "uuid" and is_uuid(value):
        return uuid.UUID(value)
    raise invalid_filter(f"giá trị không hợp kiểu {kind}", f"the value is not of type {kind}")


def bound_geometry(shape: BaseGeometry, scope: FilterContext) -> str:
    return f"ST_SetSRID(ST_GeomFromWKB({scope.bind(shapely.to_wkb(shape))}), {WGS84})"


def time_bounds(tree: Any, scope: FilterContext) -> tuple[str, str]:
    """Beginning and end of a property, a date, a timestamp or an interval, as SQL times; a day begins in Vietnam."""
    if is_property(tree):
        sql, kind = property_sql(tree, scope)
        if kind not in TEMPORAL_TYPES:
            raise invalid_filter(
                "toán tử thời gian cần ngày hoặc thời điểm", "a temporal operator takes a date or time"
            )
        sql = f"({sql}::timestamp at time zone '{TIME_ZONE}')" if kind == "date" else sql
        return sql, sql
    if isinstance(tree, dict) and isinstance(tree.get("interval"), list) and len(tree["interval"]) == 2:  # noqa: PLR2004
        start, end = tree["interval"]
        _check_interval(start, end)
        first = "'-infinity'::timestamptz" if start == ".." else time_bounds(start, scope)[0]
        last = "'infinity'::timestamptz" if end == ".." else time_bounds(end, scope)[1]
        return first, last
    bound = f"{scope.bind(_literal_time(tree))}::timestamptz"
    return bound, bound


def _literal_time(tree: Any) -> dt.datetime:
    given = tree.get("date") or tree.get("timestamp") if isinstance(tree, dict) else tree
    try:
        return parse_datetime(str(given))
    except ValueError:
        raise invalid_filter("không phải ngày hoặc thời điểm", "not a date or time") from None


def _check_interval(start: Any, end: Any) -> None:
    """An interval between two literals begins before it ends."""
    literal = [one for one in (start, end) if one != ".." and not is_property(one)]
    if len(literal) == 2 and _literal_time(start) > _literal_time(end):  # noqa: PLR2004
        raise invalid_filter("khoảng thời gian kết thúc trước khi bắt đầu", "the interval ends before it begins")
