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


def unknown_operator(operator: Any) -> Malformed:
    """The refusal of an operator that is not supported, with those that are."""
    name, allowed = str(operator)[:40], ", ".join(OPERATORS)
    return invalid_filter(
        f"không có toán tử '{name}'. Được phép: {allowed}", f"no operator '{name}'. Allowed: {allowed}"
    )


def check_arity(arguments: list[Any], expected: int, operator: str) -> None:
    if len(arguments) != expected:
        raise invalid_filter(f"'{operator}' cần {expected} đối số", f"'{operator}' takes {expected} arguments")


def operand_type(tree: Any, context: FilterContext) -> str | None:
    """The field type of an operand; None for a literal."""
    if is_property(tree):
        return property_sql(tree, context)[1]
    if isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS:
        inner = operand_type(tree["args"][0], context) if tree.get("args") else None
        return "text" if inner in ("code", "uuid") else inner
    if isinstance(tree, dict) and "op" in tree:
        raise unknown_operator(tree["op"])
    return None


def literal_type(tree: Any) -> str:
    """The field type of a literal that is not compared with a property."""
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


def property_sql(tree: Any, context: FilterContext) -> tuple[str, str]:
    """The SQL and the field type of a property. Unknown and hidden ones raise the same ``Malformed``."""
    name = tree["property"]
    if name in (GEOMETRY, "geom"):
        return context.geometry, GEOMETRY
    if name == "id":
        return context.row["id"], "uuid"
    if name not in context.fields:
        names = ", ".join(["id", *context.fields, GEOMETRY])
        raise Malformed(
            Text(
                f"Không có thuộc tính '{name[:60]}'. Được phép: {names}", f"No property '{name[:60]}'. Allowed: {names}"
            )
        )
    field = context.fields[name]
    expression = field.expression(context.row)
    return (f"{expression}::text" if field.type == "code" else expression), field.type


def operand_sql(tree: Any, type_name: str, context: FilterContext) -> str:
    """An operand as SQL of the given type."""
    if is_property(tree):
        sql, property_type = property_sql(tree, context)
        if property_type == "uuid" and type_name != "uuid":
            return f"{sql}::text"
        return time_bounds(tree, context)[0] if property_type in TEMPORAL_TYPES else sql
    if isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS:
        check_arity(tree.get("args", []), 1, tree["op"])
        if type_name not in ("text", "code"):
            raise invalid_filter(f"'{tree['op']}' chỉ dùng cho kiểu văn bản", f"'{tree['op']}' takes text only")
        return FOLDING_FUNCTIONS[tree["op"]].format(
            operand_sql(tree["args"][0], type_name, context), schema=context.schema
        )
    if type_name in TEMPORAL_TYPES:
        return time_bounds(tree, context)[0]
    return f"{context.bind(compile_literal(tree, type_name))}::{SQL_TYPE[type_name]}"


def compile_literal(value: Any, type_name: str) -> Any:
    """The value to bind for a literal of a field type. Raises ``Malformed`` if it is of another type."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if type_name in ("text", "code") and isinstance(value, str) and "\x00" not in value:
        return unicodedata.normalize("NFC", value)  # like all stored text
    if type_name in ("integer", "number") and is_number:
        return float(value)
    if type_name == "boolean" and isinstance(value, bool):
        return value
    if type_name == "uuid" and is_uuid(value):
        return uuid.UUID(value)
    raise invalid_filter(f"giá trị không hợp kiểu {type_name}", f"the value is not of type {type_name}")


def bound_geometry(geometry: BaseGeometry, context: FilterContext) -> str:
    """The SQL of a geometry in WGS 84, bound as WKB."""
    return f"ST_SetSRID(ST_GeomFromWKB({context.bind(shapely.to_wkb(geometry))}), {WGS84})"


def time_bounds(tree: Any, context: FilterContext) -> tuple[str, str]:
    """The SQL of the start and end of a property, date, timestamp or interval.

    Start and end of an instant are the same; a date is its first moment in Vietnam.
    """
    if is_property(tree):
        sql, type_name = property_sql(tree, context)
        if type_name not in TEMPORAL_TYPES:
            raise invalid_filter(
                "toán tử thời gian cần ngày hoặc thời điểm", "a temporal operator needs a date or time"
            )
        sql = f"({sql}::timestamp at time zone '{TIME_ZONE}')" if type_name == "date" else sql
        return sql, sql
    if isinstance(tree, dict) and isinstance(tree.get("interval"), list) and len(tree["interval"]) == 2:  # noqa: PLR2004
        start, end = tree["interval"]
        _check_interval(start, end)
        first = "'-infinity'::timestamptz" if start == ".." else time_bounds(start, context)[0]
        last = "'infinity'::timestamptz" if end == ".." else time_bounds(end, context)[1]
        return first, last
    bound = f"{context.bind(_literal_time(tree))}::timestamptz"
    return bound, bound


def _literal_time(tree: Any) -> dt.datetime:
    literal = tree.get("date") or tree.get("timestamp") if isinstance(tree, dict) else tree
    try:
        return parse_datetime(str(literal))
    except ValueError:
        raise invalid_filter("không phải ngày hoặc thời điểm", "not a date or time") from None


def _check_interval(start: Any, end: Any) -> None:
    """Raise ``Malformed`` if both ends are literals and the interval ends before it starts."""
    literals = [bound for bound in (start, end) if bound != ".." and not is_property(bound)]
    if len(literals) == 2 and _literal_time(start) > _literal_time(end):  # noqa: PLR2004
        raise invalid_filter("khoảng thời gian kết thúc trước khi bắt đầu", "the interval ends before it starts")
