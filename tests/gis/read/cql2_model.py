"""A model of CQL2: filters evaluated in Python with three-valued logic, and the rows on which SQL has to agree."""

import datetime as dt
import re
import unicodedata
import uuid
from typing import Any

import shapely

from gis.model.code_lists import OrderedCodeList
from gis.model.field_types import FIELD_TYPES
from gis.model.fields import Field
from gis.text.i18n import Text

UTC = dt.UTC
VIETNAM = dt.timezone(dt.timedelta(hours=7))
TYPES = {
    "n": "integer", "x": "number", "s": "text", "c": "text", "d": "date", "at": "datetime", "b": "boolean",
    "l": "list", "u": "uuid", "g": "code",
}  # fmt: skip


class Grade(OrderedCodeList):
    """Codes whose order is neither alphabetical nor its reverse."""

    LOW, MEDIUM, HIGH = "low", "medium", "high"


class Ranked(str):
    """A code of ``Grade``, compared by rank; with a text that is no code of it the result is None (unknown)."""

    __slots__ = ()

    def _ranks(self, other):
        codes = [grade.value for grade in Grade]
        return (codes.index(self), codes.index(other)) if other in codes else None

    def __lt__(self, other):
        return (ranks := self._ranks(other)) and ranks[0] < ranks[1]

    def __le__(self, other):
        return (ranks := self._ranks(other)) and ranks[0] <= ranks[1]

    def __gt__(self, other):
        return (ranks := self._ranks(other)) and ranks[0] > ranks[1]

    def __ge__(self, other):
        return (ranks := self._ranks(other)) and ranks[0] >= ranks[1]


FIELDS = {
    name: Field(name, Text(name, name), FIELD_TYPES[type_name], codes=Grade if name == "g" else None)
    for name, type_name in TYPES.items()
}

TEXTS = ["", "a", "A", "đá", "Đá", "da", "mốc 96", "MỐC 96", "100%", "a_b", "axb", "a\\b", None]
GRADES = [*(Ranked(grade.value) for grade in Grade), None]
DAYS = [dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1), None]
TIMES = [dt.datetime(2024, 2, 28, 17, tzinfo=UTC), dt.datetime(2024, 2, 29, 3, 30, tzinfo=UTC), None]
GEOMETRIES = [
    *(shapely.Point(105, 11), shapely.Point(106, 11), shapely.Point(106, 12), shapely.Point(107, 10), None),
    *(shapely.from_wkt(wkt) for wkt in (
        "MULTIPOINT(105 11, 107 12)",
        "LINESTRING(105 11, 107 11)",
        "MULTILINESTRING((105 10, 105 12), (106 11, 107 12))",
        "POLYGON((105 10, 107 10, 107 12, 105 12, 105 10), (105.5 10.5, 106 10.5, 106 11, 105.5 11, 105.5 10.5))",
        "MULTIPOLYGON(((105 11, 106 11, 105 12, 105 11)), ((106 9, 107 9, 107 10, 106 9)))",
        "GEOMETRYCOLLECTION(POINT(106 11), LINESTRING(106 11, 106 12))",
    )),
]  # fmt: skip
"""Geometries of every type; a feature whose geometry comes from its links has a GeometryCollection."""

Row = dict[str, Any]
Tree = Any


def rows() -> list[Row]:
    """120 rows that combine the values of each column with many values of the others."""
    return [
        {
            "id": uuid.UUID(int=i),
            "n": (i * 7) % 5 - 2 if i % 6 else None,
            "x": (i % 4) / 2 if i % 7 else None,
            "s": TEXTS[i % len(TEXTS)],
            "c": TEXTS[(i * 5 + 3) % len(TEXTS)],
            "d": DAYS[i % len(DAYS)],
            "at": TIMES[i % len(TIMES)],
            "b": [True, False, None][(i // 2) % 3],
            "l": [["a"], ["a", "b"], [], None][(i // 3) % 4],
            "u": uuid.UUID(int=i % 4) if i % 3 else None,
            "g": GRADES[i % len(GRADES)],
            "geometry": GEOMETRIES[(i * 3) % len(GEOMETRIES)],
        }
        for i in range(120)
    ]


ROWS = rows()


def plain(text: str) -> str:
    """The text without diacritics."""
    letters = "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    return letters.replace("đ", "d").replace("Đ", "D")


FOLDED = {"casei": str.lower, "accenti": plain}


def operand(tree: Tree, row: Row) -> Any:
    """The value of an operand; dates as timestamps, UUIDs as texts."""
    if isinstance(tree, dict) and "property" in tree:
        value = row[tree["property"]]
        return str(value) if isinstance(value, uuid.UUID) else moment(value)
    if isinstance(tree, dict) and tree.get("op") in FOLDED:
        inner = operand(tree["args"][0], row)
        return None if inner is None else FOLDED[tree["op"]](inner)
    if isinstance(tree, dict):
        return moment(tree.get("date") or tree.get("timestamp"))
    return tree


def moment(value: Any) -> Any:
    """A date or timestamp as a timestamp; a date as its first moment in Vietnam."""
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        value = dt.datetime.fromisoformat(value) if "T" in value else dt.date.fromisoformat(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime.combine(value, dt.time(), VIETNAM)
    return value


def span(tree: Tree, row: Row) -> tuple[Any, Any]:
    """The start and end of an instant or an interval."""
    if isinstance(tree, dict) and "interval" in tree:
        start, end = tree["interval"]
        return (
            dt.datetime.min.replace(tzinfo=UTC) if start == ".." else instant(start, row),
            dt.datetime.max.replace(tzinfo=UTC) if end == ".." else instant(end, row),
        )
    value = instant(tree, row)
    return value, value


def instant(tree: Tree, row: Row) -> Any:
    return operand(tree, row) if isinstance(tree, dict) else moment(tree)


def conjunction(*values: bool | None) -> bool | None:
    return False if False in values else None if None in values else True


def negation(value: bool | None) -> bool | None:
    return None if value is None else not value


COMPARISONS = {
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def comparison(operator: str, left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else COMPARISONS[operator](left, right)


ALLEN = {
    "t_after": [("<", "b1", "a0")],
    "t_before": [("<", "a1", "b0")],
    "t_contains": [("<", "a0", "b0"), ("<", "b1", "a1")],
    "t_during": [("<", "b0", "a0"), ("<", "a1", "b1")],
    "t_equals": [("=", "a0", "b0"), ("=", "a1", "b1")],
    "t_finishedBy": [("<", "a0", "b0"), ("=", "a1", "b1")],
    "t_finishes": [("<", "b0", "a0"), ("=", "a1", "b1")],
    "t_intersects": [("<=", "a0", "b1"), ("<=", "b0", "a1")],
    "t_meets": [("=", "a1", "b0")],
    "t_metBy": [("=", "a0", "b1")],
    "t_overlappedBy": [("<", "b0", "a0"), ("<", "a0", "b1"), ("<", "b1", "a1")],
    "t_overlaps": [("<", "a0", "b0"), ("<", "b0", "a1"), ("<", "a1", "b1")],
    "t_startedBy": [("=", "a0", "b0"), ("<", "b1", "a1")],
    "t_starts": [("=", "a0", "b0"), ("<", "a1", "b1")],
}
"""Allen's relations as in table 8 of OGC 21-065r2, written independently of ``gis.read.cql2.operators``."""

SPATIAL = {
    "s_intersects": shapely.intersects, "s_within": shapely.within, "s_contains": shapely.contains,
    "s_equals": shapely.equals, "s_disjoint": shapely.disjoint, "s_touches": shapely.touches,
    "s_crosses": shapely.crosses, "s_overlaps": shapely.overlaps,
}  # fmt: skip


def geometry(tree: Tree, row: Row, operator: str) -> Any:
    """The geometry of an operand; of a row's collection the parts of the highest dimension, but for intersection."""
    if "property" in tree:
        value = row["geometry"]
        if value is None or value.geom_type != "GeometryCollection" or operator in ("s_intersects", "s_disjoint"):
            return value
        highest = max(shapely.get_dimensions(part) for part in value.geoms)
        return shapely.union_all([part for part in value.geoms if shapely.get_dimensions(part) == highest])
    if "bbox" in tree:
        west, south, east, north = tree["bbox"]
        if west > east:
            return shapely.union_all([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
        return shapely.box(west, south, east, north)
    literal = shapely.geometry.shape(tree)
    return shapely.union_all([literal]) if tree["type"] == "GeometryCollection" else literal


def like(text: str, pattern: str) -> bool:
    tokens = re.findall(r"\\.|.", pattern, re.DOTALL)
    wildcards = {"%": ".*", "_": "."}
    regex = "".join(wildcards.get(token, re.escape(token[-1])) for token in tokens)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def holds(tree: Tree, row: Row) -> bool | None:  # noqa: C901, PLR0911 - a return for each family of operators
    """Whether a filter is true, false or unknown (None) for a row."""
    if isinstance(tree, bool):
        return tree
    if "property" in tree:
        return row[tree["property"]]
    operator, arguments = tree["op"], tree["args"]
    if operator == "not":
        return negation(holds(arguments[0], row))
    if operator == "and":
        return conjunction(*(holds(argument, row) for argument in arguments))
    if operator == "or":
        return negation(conjunction(*(negation(holds(argument, row)) for argument in arguments)))
    if operator == "isNull":
        return operand(arguments[0], row) is None
    if operator in ALLEN or operator == "t_disjoint":
        (a0, a1), (b0, b1) = (span(argument, row) for argument in arguments)
        bounds = {"a0": a0, "a1": a1, "b0": b0, "b1": b1}
        tests = ALLEN["t_intersects" if operator == "t_disjoint" else operator]
        result = conjunction(*(comparison(sign, bounds[left], bounds[right]) for sign, left, right in tests))
        return negation(result) if operator == "t_disjoint" else result
    if operator in SPATIAL:
        left, right = (geometry(argument, row, operator) for argument in arguments)
        return None if left is None or right is None else bool(SPATIAL[operator](left, right))
    value = operand(arguments[0], row)
    if operator == "between":
        low, high = (operand(argument, row) for argument in arguments[1:])
        return conjunction(comparison(">=", value, low), comparison("<=", value, high))
    if operator == "in":
        return negation(conjunction(*(negation(comparison("=", value, operand(item, row))) for item in arguments[1])))
    if operator == "like":
        pattern = operand(arguments[1], row)
        return None if value is None else like(value, pattern)
    if operator in SET_OPERATORS:
        return set_comparison(operator, value, operand(arguments[1], row))
    return comparison(operator, value, operand(arguments[1], row))


SET_OPERATORS = {
    "a_contains": set.issuperset, "a_containedBy": set.issubset, "a_equals": set.__eq__,
    "a_overlaps": lambda left, right: bool(left & right),
}  # fmt: skip


def set_comparison(operator: str, value: list[str] | None, other: list[str] | None) -> bool | None:
    return None if value is None or other is None else SET_OPERATORS[operator](set(value), set(other))
