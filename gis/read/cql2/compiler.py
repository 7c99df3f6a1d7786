"""Compilation of a CQL2 filter to SQL, by an allow-list.

The SQL of the library ``cql2`` lets any function and column through, so only its parser is used. Properties are looked
up among the fields that the reader may read, operators in the tables of ``operators``, and every value is bound.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gis.model.code_lists import OrderedCodeList
from gis.model.field_types import BOOLEAN, DATETIME, LIST, TEXT, UUID, FieldType, Scalar
from gis.model.fields import rank_sql
from gis.read.cql2.operands import (
    check_arity,
    compile_literal,
    is_property,
    is_uuid,
    literal_type,
    operand_sql,
    operand_type,
    property_sql,
    scalar_of,
    unknown_operator,
)
from gis.read.cql2.operators import (
    ARRAY_OPERATORS,
    COMPARISONS,
    EQUALITIES,
    FOLDING_FUNCTIONS,
    LOGICAL_OPERATORS,
    SPATIAL_OPERATORS,
    TEMPORAL_OPERATORS,
)
from gis.read.cql2.parse import FilterContext, invalid_filter
from gis.read.cql2.spatial import compile_spatial
from gis.read.cql2.temporal import compile_temporal

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
"""The implemented conformance classes of OGC 21-065r2."""


def compile_condition(tree: Any, context: FilterContext) -> str:
    """The SQL condition of a filter. Raises ``Malformed``, which names the fault and the allowed alternatives."""
    if tree is True or tree is False:
        return "true" if tree else "false"
    if is_property(tree):
        sql, field_type = property_sql(tree, context)
        if field_type is not BOOLEAN:
            raise invalid_filter(
                "thuộc tính đứng riêng phải là kiểu đúng/sai", "a property by itself must be a boolean"
            )
        return sql
    operator = tree.get("op") if isinstance(tree, dict) else None
    arguments = tree.get("args") if isinstance(tree, dict) else None
    if not isinstance(operator, str) or not isinstance(arguments, list):
        raise invalid_filter("không phải một điều kiện", "not a condition")
    compiler = _compiler_of(operator)
    if compiler is None:
        raise unknown_operator(operator)
    return compiler(operator, arguments, context)


def _compiler_of(operator: str) -> Callable[[str, list[Any], FilterContext], str] | None:
    """The function that compiles an operator, or None if it is not supported."""
    by_name = {"between": _between, "in": _in, "like": _like, "isNull": _is_null}
    families = (
        (LOGICAL_OPERATORS, _logic),
        (COMPARISONS, _comparison),
        (SPATIAL_OPERATORS, compile_spatial),
        (TEMPORAL_OPERATORS, compile_temporal),
        (ARRAY_OPERATORS, _array_operator),
    )
    return by_name.get(operator) or next((compiler for family, compiler in families if operator in family), None)


def _logic(operator: str, arguments: list[Any], context: FilterContext) -> str:
    if operator == "not":
        check_arity(arguments, 1, operator)
        return f"(not {compile_condition(arguments[0], context)})"
    if not arguments:
        raise invalid_filter(f"'{operator}' cần ít nhất một đối số", f"'{operator}' takes at least one argument")
    return "(" + f" {operator} ".join(compile_condition(argument, context) for argument in arguments) + ")"


def _comparison(operator: str, arguments: list[Any], context: FilterContext) -> str:
    check_arity(arguments, 2, operator)
    left, right = _operand_pair(arguments[0], arguments[1], context)
    codes = _common_ordering(arguments, context) if operator not in EQUALITIES else None
    if codes is not None:
        left, right = rank_sql(codes, left), rank_sql(codes, right)
    return f"({left} {COMPARISONS[operator]} {right})"


def _common_ordering(operands: Sequence[Any], context: FilterContext) -> type[OrderedCodeList] | None:
    """The ordered code list that all operands but text literals share, or None: then codes are compared as texts.

    In a comparison by rank a literal that is no code of the list is null, neither higher nor lower.
    """
    orderings = {_ordering_of(operand, context) for operand in operands if not isinstance(operand, str)}
    return orderings.pop() if len(orderings) == 1 else None


def _ordering_of(tree: Any, context: FilterContext) -> type[OrderedCodeList] | None:
    """The ordered code list of a property, or None."""
    field = context.fields.get(tree["property"]) if is_property(tree) else None
    return field.ordered_codes if field is not None else None


def _operand_pair(left: Any, right: Any, context: FilterContext) -> tuple[str, str]:
    """Two operands as SQL of one type: a literal takes the type of the property it is compared with."""
    types = [operand_type(operand, context) for operand in (left, right)]
    common = next((declared for declared in types if declared is not None), None)
    if common is None:
        literal_types = [literal_type(operand) for operand in (left, right)]
        common = DATETIME if DATETIME in literal_types else literal_types[0]
    scalars = {scalar_of(declared) for declared in (common, *types) if declared is not None}
    if not isinstance(common, FieldType) or scalars != {common.scalar} or common.scalar is None:
        raise invalid_filter("hai vế không so sánh được", "the two operands cannot be compared")
    if common is UUID and not all(is_property(operand) or is_uuid(operand) for operand in (left, right)):
        common = TEXT  # the other operand is a text that is no UUID
    return operand_sql(left, common, context), operand_sql(right, common, context)


def _between(operator: str, arguments: list[Any], context: FilterContext) -> str:
    check_arity(arguments, 3, operator)
    value, low, high = arguments
    return f"({_comparison('>=', [value, low], context)} and {_comparison('<=', [value, high], context)})"


def _in(operator: str, arguments: list[Any], context: FilterContext) -> str:
    check_arity(arguments, 2, operator)
    value, items = arguments
    if not isinstance(items, list) or not items:
        raise invalid_filter("'in' cần một danh sách", "'in' takes a list")
    return "(" + " or ".join(_comparison("=", [value, item], context) for item in items) + ")"


def _like(operator: str, arguments: list[Any], context: FilterContext) -> str:
    check_arity(arguments, 2, operator)
    if scalar_of(operand_type(arguments[0], context) or literal_type(arguments[0])) is not Scalar.CHARACTER:
        raise invalid_filter("'like' chỉ dùng cho kiểu văn bản", "'like' takes text only")
    _check_pattern(arguments[1])
    value, pattern = _operand_pair(arguments[0], arguments[1], context)
    return f"({value} like {pattern})"


def _check_pattern(tree: Any) -> None:
    """Raise ``Malformed`` unless a pattern is a text, possibly folded, that does not end with an escape character."""
    while isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS and tree.get("args"):
        tree = tree["args"][0]
    if not isinstance(tree, str):
        raise invalid_filter(
            "mẫu của 'like' phải là văn bản trong dấu nháy", "the pattern of 'like' must be text in quotes"
        )
    # Folding turns the full-width and the small backslash into the plain one.
    trailing_backslashes = len(tree) - len(tree.rstrip("\\\uff3c\ufe68"))
    if trailing_backslashes % 2:
        raise invalid_filter(
            "mẫu của 'like' kết thúc bằng dấu \\", "the pattern of 'like' ends with an escape character"
        )


def _is_null(operator: str, arguments: list[Any], context: FilterContext) -> str:
    check_arity(arguments, 1, operator)
    value = arguments[0]
    while isinstance(value, dict) and value.get("op") in FOLDING_FUNCTIONS and value.get("args"):
        value = value["args"][0]  # null, folded, is null
    if not is_property(value):
        raise invalid_filter("'is null' cần một thuộc tính", "'is null' takes a property")
    return f"({property_sql(value, context)[0]} is null)"


def _array_operator(operator: str, arguments: list[Any], context: FilterContext) -> str:
    check_arity(arguments, 2, operator)
    left, right = (_array_sql(argument, context) for argument in arguments)
    return f"({ARRAY_OPERATORS[operator].format(a=left, b=right)})"


def _array_sql(tree: Any, context: FilterContext) -> str:
    """A list property or a list of text literals as SQL."""
    if is_property(tree):
        sql, field_type = property_sql(tree, context)
        if field_type is LIST:
            return f"{sql}::{LIST.sql_type}"
    elif isinstance(tree, list):
        return f"{context.bind([compile_literal(item, TEXT) for item in tree])}::{LIST.sql_type}"
    raise invalid_filter("toán tử này cần danh sách văn bản", "this operator takes a list of texts")
