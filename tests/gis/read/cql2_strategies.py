"""Hypothesis strategies for CQL2 filters, valid ones and arbitrary JSON, and the text form of a filter."""

import uuid

import shapely
from hypothesis import strategies as st

from gis.read.cql2 import operators
from tests.gis.read.cql2_model import ALLEN, COMPARISONS, DAYS, SET_OPERATORS, SPATIAL, TEXTS, TYPES, Tree, moment


def prop(name: str) -> dict[str, str]:
    return {"property": name}


numbers = st.sampled_from([-2, -1, 0, 0.5, 1, 1.5, 2])
texts = st.sampled_from([value for value in TEXTS if value is not None] + ["đa", "mốc 9", "it's"])
patterns = st.sampled_from(
    ["%", "_", "a%", "%b", "a_b", "a\\_b", "100\\%", "%\\%", "đ_", "Đ%", "d%", "a\\\\b", "mốc __", "", "\\a", "%\\\\%"]
)
days = st.sampled_from([day.isoformat() for day in DAYS if day] + ["2024-01-01"])
times = st.sampled_from(["2024-02-28T17:00:00Z", "2024-02-29T00:00:00+07:00", "2024-02-29T03:30:00Z"])
signs = st.sampled_from(list(COMPARISONS))


def folded(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """Operands in up to two folding functions (CASEI, ACCENTI)."""

    def fold(operators: list[str], tree: Tree) -> Tree:
        for name in operators:
            tree = {"op": name, "args": [tree]}
        return tree

    return st.builds(fold, st.lists(st.sampled_from(["casei", "accenti"]), max_size=2), inner)


def op(name: str | st.SearchStrategy[str], *arguments: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """Operations with these operators and arguments."""
    names = st.just(name) if isinstance(name, str) else name
    return st.builds(lambda operator, *args: {"op": operator, "args": list(args)}, names, *arguments)


number = st.sampled_from([prop("n"), prop("x")])
text = st.sampled_from([prop("s"), prop("c")])
dated = st.one_of(days.map(lambda day: {"date": day}), times.map(lambda time: {"timestamp": time}))
when = st.sampled_from([prop("d"), prop("at")])
edge = st.one_of(days, times, when)
interval = (
    st.tuples(st.one_of(edge, st.just("..")), st.one_of(edge, st.just("..")))
    .filter(
        lambda pair: not all(isinstance(end, str) and end != ".." for end in pair) or moment(pair[0]) <= moment(pair[1])
    )
    .map(lambda pair: {"interval": list(pair)})
)
# West, south, width and height.
corner = st.tuples(st.integers(104, 107), st.integers(9, 12), st.integers(1, 3), st.integers(1, 3))
box = corner.map(lambda c: {"bbox": [c[0], c[1], c[0] + c[2], c[1] + c[3]]})
polygon = corner.map(
    lambda c: {
        "type": "Polygon",
        "coordinates": [[[c[0], c[1]], [c[0] + c[2], c[1]], [c[0], c[1] + c[3]], [c[0], c[1]]]],
    }
)
point = corner.map(lambda c: {"type": "Point", "coordinates": [c[0], c[1]]})
antimeridian_box = corner.map(lambda c: {"bbox": [c[0], c[1], -c[0], c[1] + c[3]]})
line = corner.map(lambda c: {"type": "LineString", "coordinates": [[c[0], c[1]], [c[0] + c[2], c[1] + c[3]]]})


def multi(type_name: str, parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """A valid multipart literal, so that polygons do not overlap."""
    literal = st.lists(parts, min_size=2, max_size=3).map(
        lambda members: {"type": type_name, "coordinates": [member["coordinates"] for member in members]}
    )
    return literal.filter(lambda tree: shapely.geometry.shape(tree).is_valid)


literals = st.one_of(
    box, antimeridian_box, polygon, point, line, multi("MultiPoint", point), multi("MultiLineString", line),
    multi("MultiPolygon", polygon),
    st.lists(st.one_of(point, line, polygon), min_size=1, max_size=3).map(
        lambda parts: {"type": "GeometryCollection", "geometries": parts}
    ),
)  # fmt: skip
uuids = st.integers(0, 4).map(lambda n: str(uuid.UUID(int=n)))
identity = st.sampled_from([prop("u"), prop("id")])
grades = st.sampled_from(["low", "medium", "high", "foo"])
letters = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=2)

leaves = st.one_of(
    op(signs, number, numbers),
    op(signs, numbers, number),
    op(signs, number, number),
    op(st.sampled_from(["=", "<>"]), folded(text), folded(texts)),
    op(st.sampled_from(["=", "<>"]), folded(text), folded(text)),
    op("like", folded(text), patterns),
    op("like", folded(text), folded(patterns)),
    op("in", folded(text), st.lists(folded(texts), min_size=1, max_size=3)),
    op("in", number, st.lists(numbers, min_size=1, max_size=3)),
    op("between", number, numbers, numbers),
    op("between", when, dated, dated),
    op(signs, when, dated),
    op(signs, when, when),
    op("isNull", st.sampled_from([prop(name) for name in TYPES])),
    op("=", st.just(prop("b")), st.booleans()),
    st.just(prop("b")),
    op(st.sampled_from([*ALLEN, "t_disjoint"]), st.one_of(when, interval), st.one_of(dated, interval, when)),
    op(st.sampled_from([*ALLEN, "t_disjoint"]), dated, st.one_of(interval, when)),
    op("in", when, st.lists(dated, min_size=1, max_size=3)),
    op(signs, dated, when),
    op(st.sampled_from(list(SPATIAL)), st.just(prop("geometry")), literals),
    op(st.sampled_from(list(SPATIAL)), literals, st.just(prop("geometry"))),
    op(st.sampled_from(list(SPATIAL)), st.just(prop("geometry")), st.just(prop("geometry"))),
    op(st.sampled_from(list(SET_OPERATORS)), st.just(prop("l")), st.one_of(letters, st.just(prop("l")))),
    op(signs, st.just(prop("c")), texts),
    op("between", st.just(prop("c")), texts, texts),
    op(signs, st.booleans(), st.just(prop("b"))),
    op("in", st.just(prop("b")), st.lists(st.booleans(), min_size=1, max_size=2)),
    op(st.sampled_from(["=", "<>"]), identity, st.one_of(uuids, texts, identity)),
    op("in", identity, st.lists(uuids, min_size=1, max_size=3)),
    op("like", identity, st.sampled_from(["%", "%1", "00000000-0000-%", ""])),
    op(signs, st.just(prop("g")), st.one_of(grades, st.just(prop("g")))),
    op(signs, grades, st.just(prop("g"))),
    op("between", st.just(prop("g")), grades, grades),
    op("in", st.just(prop("g")), st.lists(grades, min_size=1, max_size=2)),
    op(signs, numbers, numbers),
    op(st.sampled_from(["=", "<>"]), folded(texts), folded(texts)),
    op("like", folded(texts), patterns),
    op(signs, dated, dated),
    op("isNull", folded(text)),
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        op("not", inner),
        st.builds(lambda name, args: {"op": name, "args": args}, st.sampled_from(["and", "or"]),
                  st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)  # fmt: skip


def to_text(tree: Tree) -> str:  # noqa: PLR0911
    """A filter in CQL2 text."""
    if isinstance(tree, bool):
        return str(tree).upper()
    if isinstance(tree, str):
        return "'" + tree.replace("'", "''") + "'"
    if isinstance(tree, int | float):
        return str(tree)
    if isinstance(tree, list):
        return f"({', '.join(map(to_text, tree))})"
    if "property" in tree:
        return tree["property"]
    if "date" in tree or "timestamp" in tree:
        return f"DATE('{tree['date']}')" if "date" in tree else f"TIMESTAMP('{tree['timestamp']}')"
    if "interval" in tree:
        return f"INTERVAL({', '.join(map(to_text, tree['interval']))})"
    if "bbox" in tree:
        return f"BBOX({', '.join(map(str, tree['bbox']))})"
    if "coordinates" in tree or "geometries" in tree:
        return shapely.geometry.shape(tree).wkt
    return _operation_text(tree["op"], tree["args"])


def _operation_text(operator: str, arguments: list[Tree]) -> str:
    parts = [to_text(argument) for argument in arguments]
    if operator == "not":
        return f"NOT ({parts[0]})"
    if operator in ("and", "or"):
        return f" {operator.upper()} ".join(f"({part})" for part in parts)
    if operator == "between":
        return f"{parts[0]} BETWEEN {parts[1]} AND {parts[2]}"
    if operator == "isNull":
        return f"{parts[0]} IS NULL"
    if operator in ("like", "in", *COMPARISONS):
        return f"{parts[0]} {operator.upper()} {parts[1]}"
    return f"{operator.upper()}({', '.join(parts)})"


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8),
              st.sampled_from([prop("n"), prop("s"), prop("geometry"), {"bbox": [1, 2]}, {"date": "x"}])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.builds(lambda name, args: {"op": name, "args": args}, st.sampled_from(operators.OPERATORS), inner),
        st.builds(lambda name, args: {"op": name, "args": args}, st.sampled_from(operators.OPERATORS),
                  st.lists(inner, max_size=3)),
        st.dictionaries(st.sampled_from(["op", "args", "property", "interval", "type", "coordinates"]), inner,
                        max_size=3),
    ),
    max_leaves=8,
)  # fmt: skip
