"""Parsing CQL2 text and JSON, and its bounds."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cql2

from gis.crs.systems import CRS, CRS84
from gis.model.fields import SCHEMA, Clearance, Field
from gis.text.errors import Malformed
from gis.text.i18n import Text

MAX_LENGTH, MAX_DEPTH, MAX_NODES = 8_000, 16, 200
"""Characters, levels and nodes of a filter. A 43 kB filter has cost another server a gigabyte."""

MAX_PARSER_STEPS = 600_000
"""The parser of the text form tries every bracket twice when what it holds is wrong, so that 32 empty brackets keep it
busy for minutes: length times two to the power of the depth stays below a tenth of a second. JSON has no such limit."""

Bind = Callable[[Any], str]
FilterTree = Mapping[str, Any] | bool


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
        raise invalid_filter(f"dài quá {MAX_LENGTH} ký tự", f"longer than {MAX_LENGTH} characters")
    depth = _nesting_depth(QUOTED_IN_JSON.sub("", text) if is_json else QUOTED_IN_TEXT.sub("", text))
    if depth > MAX_DEPTH * 2 or (not is_json and len(text) * 2**depth > MAX_PARSER_STEPS):
        raise invalid_filter(f"lồng quá {MAX_DEPTH} tầng", f"nested deeper than {MAX_DEPTH} levels")
    try:
        tree = json.loads(text, parse_constant=_reject_constant) if is_json else cql2.parse_text(text).to_json()
        if is_json:
            tree = cql2.parse_json(json.dumps(tree)).to_json()
    except Exception:  # noqa: BLE001 - of an empty point the parser says so by no error of its own
        raise invalid_filter("không phải CQL2 hợp lệ", "not valid CQL2") from None
    if not isinstance(tree, dict | bool):
        raise invalid_filter("không phải một điều kiện", "not a condition")
    _count_nodes(tree)
    return tree


def invalid_filter(vi: str, en: str) -> Malformed:
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
        raise invalid_filter(f"lồng quá {MAX_DEPTH} tầng", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(tree, float) and not math.isfinite(tree):
        raise invalid_filter("số quá lớn", "a number that is too large")
    nodes = 1
    if isinstance(tree, dict) and "coordinates" not in tree:
        nodes += sum(_count_nodes(one, depth + 1) for one in tree.get("args", []))
    elif isinstance(tree, list):
        nodes += sum(_count_nodes(one, depth) for one in tree)
    if nodes > MAX_NODES:
        raise invalid_filter(f"quá {MAX_NODES} phần tử", f"more than {MAX_NODES} nodes")
    return nodes
