"""Every requirement of a declared conformance class, and every case of the security corpus, is borne by a test.

Names are those of the standards: ``http://www.opengis.net/spec/<part>/req/<class>/<requirement>``. A test bears them as
``@pytest.mark.requirement("<part>/<class>", "<requirement> <requirement>")``; several requirements that one look at the
same answer proves share a test.
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
"""The requirements of each conformance class, by the standards' own names."""
for row in csv.DictReader((Path(__file__).with_name("requirements.csv")).read_text("utf-8").splitlines()):
    REQUIRED[row["class"]].add(row["requirement"])


def marked() -> Iterator[tuple[str, str]]:
    """The classes and requirements that the tests bear, read from their source so that a part of the suite will do."""
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for decorator in getattr(node, "decorator_list", []):
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.requirement":
                    group, *names = (ast.literal_eval(argument) for argument in decorator.args)
                    yield from ((group, name) for name in " ".join(names).split())


def test_declared_conformance_classes_are_those_with_requirements(client):
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    assert sorted(declared) == sorted(uri for module in DECLARING for uri in module.CONFORMS_TO)
    assert len(declared) == len(set(declared))
    classes = (name.rpartition("/") for name in REQUIRED if name != SECURITY)
    assert set(declared) == {f"http://www.opengis.net/spec/{part}/conf/{kind}" for part, _, kind in classes}
    assert set(compiler.CONFORMS_TO) < set(declared)


def test_every_requirement_of_a_declared_class_is_borne_by_a_test():
    borne = defaultdict(set)
    for group, name in marked():
        borne[group].add(name)
    for group, names in REQUIRED.items():
        assert borne[group] == names, group
