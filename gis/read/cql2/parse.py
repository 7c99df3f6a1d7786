"""Parsing of CQL2 text and JSON, with limits on size and nesting."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cql2

from gis.crs.systems import CRS, CRS84
from gis.model.fields import SCHEMA, Field
from gis.model.row import Row
from gis.text.errors import Malformed
from gis.text.i18n import Text

MAX_LENGTH, MAX_DEPTH, MAX_NODES = 8_000, 16, 200
"""The limits of a filter in characters, levels and nodes. Without limits a filter of 43 kB can take a gigabyte."""

MAX_PARSER_STEPS = 600_000
"""The limit of length × 2^depth of a filter in text form, for which parsing takes at most a tenth of a second.

The parser backtracks at every bracket whose content is invalid, so that 32 nested empty brackets take minutes. JSON is
not affected."""

Bind = Callable[[Any], str]
FilterTree = Mapping[str, Any] | bool


@dataclass(frozen=True)
class FilterContext:
    """What a filter is compiled with: the reader's fields, the row, the SQL of its geometry, and ``bind``.

    ``bind`` binds a value and returns its placeholder. ``crs`` is the CRS of geometry literals, ``schema`` the database
    schema of the SQL functions.
    """

    fields: Mapping[str, Field]
    row: Row
    geometry: str
    bind: Bind
    crs: CRS = CRS84
    schema: str = SCHEMA


def parse(text: str, *, is_json: bool = False) -> FilterTree:
    """Parse CQL2 text or JSON into its JSON tree. Raises ``Malformed``, also beyond the limits."""
    if len(text) > MAX_LENGTH:
        raise invalid_filter(f"dài quá {MAX_LENGTH} ký tự", f"longer than {MAX_LENGTH} characters")
    depth = _nesting_depth(QUOTED_IN_JSON.sub("", text) if is_json else QUOTED_IN_TEXT.sub("", text))
    if depth > MAX_DEPTH * 2 or (not is_json and len(text) * 2**depth > MAX_PARSER_STEPS):
        raise invalid_filter(f"lồng quá {MAX_DEPTH} tầng", f"nested deeper than {MAX_DEPTH} levels")
    try:
        tree = json.loads(text, parse_constant=_reject_constant) if is_json else cql2.parse_text(text).to_json()
        if is_json:
            tree = cql2.parse_json(json.dumps(tree)).to_json()
    except Exception:  # noqa: BLE001 - for an empty point the library raises no error class of its own
        raise invalid_filter("không phải CQL2 hợp lệ", "not valid CQL2") from None
    if not isinstance(tree, dict | bool):
        raise invalid_filter("không phải một điều kiện", "not a condition")
    _count_nodes(tree)
    return tree


def invalid_filter(vi: str, en: str) -> Malformed:
    """The refusal of a filter for a reason in both languages."""
    return Malformed(Text(f"filter: {vi}", f"filter: {en}"))


def _reject_constant(name: str) -> Any:
    raise ValueError(name)


QUOTED_IN_TEXT = re.compile(r"""'[^']*'|"[^"]*\"""")
QUOTED_IN_JSON = re.compile(r'"(?:[^"\\]|\\.)*"')
"""Quoted parts, whose brackets do not count as nesting."""


def _nesting_depth(text: str) -> int:
    """The nesting depth of brackets, computed without the parser, which could overflow its stack."""
    depth = deepest = 0
    for bracket in re.findall(r"[()\[\]{}]", text):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    return deepest


def _count_nodes(tree: Any, depth: int = 0) -> int:
    """The number of nodes of a tree, a geometry counted as one. Raises ``Malformed`` beyond the limits."""
    if depth > MAX_DEPTH:
        raise invalid_filter(f"lồng quá {MAX_DEPTH} tầng", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(tree, float) and not math.isfinite(tree):
        raise invalid_filter("số quá lớn", "a number is too large")
    nodes = 1
    if isinstance(tree, dict) and "coordinates" not in tree:
        nodes += sum(_count_nodes(argument, depth + 1) for argument in tree.get("args", []))
    elif isinstance(tree, list):
        nodes += sum(_count_nodes(item, depth) for item in tree)
    if nodes > MAX_NODES:
        raise invalid_filter(f"quá {MAX_NODES} phần tử", f"more than {MAX_NODES} nodes")
    return nodes
