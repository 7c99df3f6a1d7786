"""Temporal operators of CQL2."""

from typing import Any

from gis.read.cql2.operands import check_arity, time_bounds
from gis.read.cql2.operators import TEMPORAL_OPERATORS
from gis.read.cql2.parse import FilterContext


def compile_temporal(operator: str, arguments: list[Any], context: FilterContext) -> str:
    """The SQL condition of a temporal operator."""
    check_arity(arguments, 2, operator)
    (a0, a1), (b0, b1) = (time_bounds(argument, context) for argument in arguments)
    return "(" + TEMPORAL_OPERATORS[operator].format(a0=a0, a1=a1, b0=b0, b1=b1) + ")"
