"""Operands of a CQL2 filter: properties, literals and functions, with their types."""

import datetime as dt
import unicodedata
import uuid
from typing import Any, Final, Literal

import shapely
from shapely.geometry.base import BaseGeometry

from gis.crs.systems import WGS84
from gis.model.field_types import BOOLEAN, CODE, DATETIME, NUMBER, TEXT, UUID, FieldType, Scalar
from gis.read.cql2.operators import FOLDING_FUNCTIONS, OPERATORS
from gis.read.cql2.parse import FilterContext, invalid_filter
from gis.text.dates import parse_datetime
from gis.text.errors import Malformed
from gis.text.i18n import Text

GEOMETRY: Final = "geometry"

OperandType = FieldType | Literal["geometry"]
"""The type of an operand: that of a field, or the geometry."""


def unknown_operator(operator: Any) -> Malformed:
    """The refusal of an operator that is not supported, with those that are."""
    name, allowed = str(operator)[:40], ", ".join(OPERATORS)
    return invalid_filter(
        f"không có toán tử '{name}'. Được phép: {allowed}", f"no operator '{name}'. Allowed: {allowed}"
    )


def check_arity(arguments: list[Any], expected: int, operator: str) -> None:
    if len(arguments) != expected:
        raise invalid_filter(f"'{operator}' cần {expected} đối số", f"'{operator}' takes {expected} arguments")


def scalar_of(operand_type: OperandType | None) -> Scalar | None:
    """The kind of scalar values of an operand; None for a literal, the geometry, lists and JSON."""
    return operand_type.scalar if isinstance(operand_type, FieldType) else None


def operand_type(tree: Any, context: FilterContext) -> OperandType | None:
    """The type of an operand; None for a literal."""
    if is_property(tree):
        return property_sql(tree, context)[1]
    if isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS:
        inner = operand_type(tree["args"][0], context) if tree.get("args") else None
        return TEXT if scalar_of(inner) is Scalar.CHARACTER else inner
    if isinstance(tree, dict) and "op" in tree:
        raise unknown_operator(tree["op"])
    return None


def literal_type(tree: Any) -> FieldType:
    """The field type of a literal that is not compared with a property."""
    if isinstance(tree, dict) and ("date" in tree or "timestamp" in tree):
        return DATETIME
    if isinstance(tree, bool):
        return BOOLEAN
    return NUMBER if isinstance(tree, int | float) else TEXT


def is_uuid(tree: Any) -> bool:
    try:
        uuid.UUID(tree)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def is_property(tree: Any) -> bool:
    return isinstance(tree, dict) and set(tree) == {"property"} and isinstance(tree["property"], str)


def property_sql(tree: Any, context: FilterContext) -> tuple[str, OperandType]:
    """The SQL and the type of a property. Unknown and hidden ones raise the same ``Malformed``."""
    name = tree["property"]
    if name in (GEOMETRY, "geom"):
        return context.geometry, GEOMETRY
    if name == "id":
        return context.row["id"], UUID
    if name not in context.fields:
        names = ", ".join(["id", *context.fields, GEOMETRY])
        raise Malformed(
            Text(
                f"Không có thuộc tính '{name[:60]}'. Được phép: {names}", f"No property '{name[:60]}'. Allowed: {names}"
            )
        )
    field = context.fields[name]
    expression = field.expression(context.row)
    return (f"{expression}::text" if field.type is CODE else expression), field.type


def operand_sql(tree: Any, field_type: FieldType, context: FilterContext) -> str:
    """An operand as SQL of the given type."""
    if is_property(tree):
        sql, property_type = property_sql(tree, context)
        if property_type is UUID and field_type is not UUID:
            return f"{sql}::text"
        return time_bounds(tree, context)[0] if scalar_of(property_type) is Scalar.INSTANT else sql
    if isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS:
        check_arity(tree.get("args", []), 1, tree["op"])
        if field_type.scalar is not Scalar.CHARACTER:
            raise invalid_filter(f"'{tree['op']}' chỉ dùng cho kiểu văn bản", f"'{tree['op']}' takes text only")
        return FOLDING_FUNCTIONS[tree["op"]].format(
            operand_sql(tree["args"][0], field_type, context), schema=context.schema
        )
    if field_type.scalar is Scalar.INSTANT:
        return time_bounds(tree, context)[0]
    # A literal number may have a fraction, also when it is compared with a whole number.
    sql_type = NUMBER.sql_type if field_type.scalar is Scalar.NUMERIC else field_type.sql_type
    return f"{context.bind(compile_literal(tree, field_type))}::{sql_type}"


def compile_literal(value: Any, field_type: FieldType) -> Any:
    """The value to bind for a literal of a field type. Raises ``Malformed`` if it is of another type."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if field_type is UUID:
        if is_uuid(value):
            return uuid.UUID(value)
    elif field_type.scalar is Scalar.CHARACTER and isinstance(value, str) and "\x00" not in value:
        return unicodedata.normalize("NFC", value)  # like all stored text
    elif field_type.scalar is Scalar.NUMERIC and is_number:
        return float(value)
    elif field_type.scalar is Scalar.BOOLEAN and isinstance(value, bool):
        return value
    raise invalid_filter(f"giá trị không hợp kiểu {field_type}", f"the value is not of type {field_type}")


def bound_geometry(geometry: BaseGeometry, context: FilterContext) -> str:
    """The SQL of a geometry in WGS 84, bound as WKB."""
    return f"ST_SetSRID(ST_GeomFromWKB({context.bind(shapely.to_wkb(geometry))}), {WGS84})"


def time_bounds(tree: Any, context: FilterContext) -> tuple[str, str]:
    """The SQL of the start and end of a property, date, timestamp or interval.

    Start and end of an instant are the same; a date is its first moment in Vietnam.
    """
    if is_property(tree):
        sql, field_type = property_sql(tree, context)
        if not isinstance(field_type, FieldType) or field_type.scalar is not Scalar.INSTANT:
            raise invalid_filter(
                "toán tử thời gian cần ngày hoặc thời điểm", "a temporal operator needs a date or time"
            )
        sql = field_type.instant_sql.format(sql=sql)
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
