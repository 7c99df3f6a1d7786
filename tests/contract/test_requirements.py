"""Every requirement of a declared conformance class, and every case of the security corpus, has a test.

Names are those of the standards: ``http://www.opengis.net/spec/<part>/req/<class>/<requirement>``. A test is marked
``@pytest.mark.requirement("<part>/<class>", "<requirement> <requirement>")``; it may prove several requirements.
"""

import ast
import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from api.http import negotiation, parameters
from api.ogc import items, openapi, schemas, tiles, write
from gis.read.cql2 import compiler

TESTS = Path(__file__).resolve().parents[1]
DECLARING = (items, negotiation, openapi, parameters, schemas, tiles, write)

SECURITY = "corpus-D"
"""The security corpus: cases of access that must be refused or must reveal nothing."""

REQUIRED: dict[str, set[str]] = defaultdict(set)
"""The names of the requirements of each conformance class."""
for row in csv.DictReader((Path(__file__).with_name("requirements.csv")).read_text("utf-8").splitlines()):
    REQUIRED[row["class"]].add(row["requirement"])


def marked() -> Iterator[tuple[str, str]]:
    """Classes and requirements in the tests' markers, read from the source so that any part of the suite may run."""
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for decorator in getattr(node, "decorator_list", []):
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.requirement":
                    group, *names = (ast.literal_eval(argument) for argument in decorator.args)
                    yield from ((group, name) for name in " ".join(names).split())


def test_declared_conformance_classes_are_those_with_listed_requirements(client):
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    assert sorted(declared) == sorted(uri for module in DECLARING for uri in module.CONFORMS_TO)
    assert len(declared) == len(set(declared))
    classes = (name.rpartition("/") for name in REQUIRED if name != SECURITY)
    assert set(declared) == {f"http://www.opengis.net/spec/{part}/conf/{kind}" for part, _, kind in classes}
    assert set(compiler.CONFORMS_TO) < set(declared)


def test_every_requirement_of_a_declared_class_has_a_test():
    tested = defaultdict(set)
    for group, name in marked():
        tested[group].add(name)
    for group, names in REQUIRED.items():
        assert tested[group] == names, group
