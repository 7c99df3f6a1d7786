"""Filters in CQL2 (OGC 21-065), as text or JSON: parsed by ``cql2``, compiled here to bound SQL by a whitelist.

The library's own SQL passes any function and any column through, so nothing of it is used: a property is looked up
on the card among those that this reader may know of, an operator in the tables below, and every value is bound.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gis.model.code_lists import OrderedCodeList
from gis.model.fields import rank_sql
from gis.read.cql2.operands import (
    GEOMETRY,
    TEMPORAL_TYPES,
    check_arity,
    compile_literal,
    is_property,
    is_uuid,
    literal_type,
    operand_sql,
    operand_type,
    property_sql,
)
from gis.read.cql2.operators import (
    ARRAY_OPERATORS,
    COMPARISONS,
    EQUALITIES,
    FOLDING_FUNCTIONS,
    LOGICAL_OPERATORS,
    OPERATORS,
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
"""The conformance classes of OGC 21-065 that are met here."""


def compile_condition(tree: Any, scope: FilterContext) -> str:
    """The SQL of a filter, every value bound. Raises ``Malformed`` naming what is not allowed and what is."""
    if tree is True or tree is False:
        return "true" if tree else "false"
    if is_property(tree):
        sql, kind = property_sql(tree, scope)
        if kind != "boolean":
            raise invalid_filter(
                "thuộc tính đứng riêng phải là kiểu đúng/sai", "a property by itself must be a boolean"
            )
        return sql
    operator = tree.get("op") if isinstance(tree, dict) else None
    arguments = tree.get("args") if isinstance(tree, dict) else None
    if not isinstance(operator, str) or not isinstance(arguments, list):
        raise invalid_filter("không phải một điều kiện", "not a condition")
    compiled = _compiler(operator)
    if compiled is None:
        words = ", ".join(OPERATORS)
        raise invalid_filter(
            f"không có toán tử '{operator[:40]}'. Có: {words}", f"no operator '{operator[:40]}'. There are: {words}"
        )
    return compiled(operator, arguments, scope)


def _compiler(operator: str) -> Callable[[str, list[Any], FilterContext], str] | None:
    named = {"between": _between, "in": _in, "like": _like, "isNull": _is_null}
    families = (
        (LOGICAL_OPERATORS, _logic),
        (COMPARISONS, _comparison),
        (SPATIAL_OPERATORS, compile_spatial),
        (TEMPORAL_OPERATORS, compile_temporal),
        (ARRAY_OPERATORS, _array_operator),
    )
    return named.get(operator) or next((compiler for family, compiler in families if operator in family), None)


def _logic(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    if operator == "not":
        check_arity(arguments, 1, operator)
        return f"(not {compile_condition(arguments[0], scope)})"
    if not arguments:
        raise invalid_filter(f"'{operator}' cần ít nhất một đối số", f"'{operator}' takes at least one argument")
    return "(" + f" {operator} ".join(compile_condition(one, scope) for one in arguments) + ")"


def _comparison(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    check_arity(arguments, 2, operator)
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
    field = scope.fields.get(tree["property"]) if is_property(tree) else None
    return field.ordered_codes if field is not None else None


def _operand_pair(left: Any, right: Any, scope: FilterContext) -> tuple[str, str]:
    """Two operands as SQL of one type: a literal takes the type of the property it is compared with."""
    kinds = [operand_type(one, scope) for one in (left, right)]
    kind = next((one for one in kinds if one is not None), None)
    if kind is None:
        kind = next((found for one in (left, right) if (found := literal_type(one)) in TEMPORAL_TYPES), None)
        kind = kind or literal_type(left)
    if kind in ("list", "json", GEOMETRY) or not set(kinds) <= {None, *_comparable_types(kind)}:
        raise invalid_filter("hai vế không so sánh được", "the two sides cannot be compared")
    if kind == "uuid" and not all(is_property(one) or is_uuid(one) for one in (left, right)):
        kind = "text"  # it is compared with some other text
    return operand_sql(left, kind, scope), operand_sql(right, kind, scope)


def _comparable_types(kind: str) -> tuple[str, ...]:
    for family in (("integer", "number"), ("text", "code", "uuid"), TEMPORAL_TYPES):
        if kind in family:
            return family
    return (kind,)


def _between(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    check_arity(arguments, 3, operator)
    value, low, high = arguments
    return f"({_comparison('>=', [value, low], scope)} and {_comparison('<=', [value, high], scope)})"


def _in(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    check_arity(arguments, 2, operator)
    value, listed = arguments
    if not isinstance(listed, list) or not listed:
        raise invalid_filter("'in' cần một danh sách", "'in' takes a list")
    return "(" + " or ".join(_comparison("=", [value, one], scope) for one in listed) + ")"


def _like(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    check_arity(arguments, 2, operator)
    if (operand_type(arguments[0], scope) or literal_type(arguments[0])) not in ("text", "code", "uuid"):
        raise invalid_filter("'like' chỉ dùng cho kiểu văn bản", "'like' takes text only")
    _check_pattern(arguments[1])
    value, pattern = _operand_pair(arguments[0], arguments[1], scope)
    return f"({value} like {pattern})"


def _check_pattern(tree: Any) -> None:
    """A pattern is text, maybe folded; something has to follow its escape sign."""
    while isinstance(tree, dict) and tree.get("op") in FOLDING_FUNCTIONS and tree.get("args"):
        tree = tree["args"][0]
    if not isinstance(tree, str):
        raise invalid_filter(
            "mẫu của 'like' phải là văn bản trong dấu nháy", "the pattern of 'like' must be text in quotes"
        )
    # Folding brings the wide backslash to the plain one.
    escapes = len(tree) - len(tree.rstrip("\\\uff3c\ufe68"))
    if escapes % 2:
        raise invalid_filter("mẫu của 'like' kết thúc bằng dấu \\", "the pattern of 'like' ends with its escape sign")


def _is_null(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    check_arity(arguments, 1, operator)
    value = arguments[0]
    while isinstance(value, dict) and value.get("op") in FOLDING_FUNCTIONS and value.get("args"):
        value = value["args"][0]  # nothing, folded, is nothing
    if not is_property(value):
        raise invalid_filter("'is null' cần một thuộc tính", "'is null' takes a property")
    return f"({property_sql(value, scope)[0]} is null)"


def _array_operator(operator: str, arguments: list[Any], scope: FilterContext) -> str:
    check_arity(arguments, 2, operator)
    left, right = (_array_sql(one, scope) for one in arguments)
    return f"({ARRAY_OPERATORS[operator].format(a=left, b=right)})"


def _array_sql(tree: Any, scope: FilterContext) -> str:
    """A property that is a list, or texts in brackets, as SQL."""
    if is_property(tree):
        sql, kind = property_sql(tree, scope)
        if kind == "list":
            return f"{sql}::text[]"
    elif isinstance(tree, list):
        return f"{scope.bind([compile_literal(one, 'text') for one in tree])}::text[]"
    raise invalid_filter("toán tử này cần danh sách văn bản", "this operator takes a list of texts")
