"""The structure of the source: imports, file names, EPSG numbers, SQL, names of layers, resources from elsewhere."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import layers  # noqa: F401 - fills the catalog
from gis.model import catalog
from gis.model.field_types import FIELD_TYPES

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGES = ("gis", "layers", "maps", "api")
FORBIDDEN = {
    "utils",
    "helpers",
    "helper",
    "common",
    "manager",
    "managers",
    "service",
    "services",
    "core",
    "base",
    "misc",
}
EPSG = re.compile(r"(?<![\w.])(?:4326|3857|32648|32649|4756|3405|3406|589[6-9]|920[5-9]|921[0-8])(?![\w.])")


def sources(*suffixes):
    return [
        path
        for package in PACKAGES
        for path in sorted((CHECKOUT / package).rglob("*"))
        if path.suffix in suffixes and "vendor" not in path.parts and "__pycache__" not in path.parts
    ]


def test_import_contracts_hold():
    process = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=CHECKOUT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout


def test_other_packages_import_gis_packages_not_their_modules():
    inside = re.compile(r"^\s*from gis\.\w+\.(?!cql2\b)\w+(?:\.\w+)* import", re.MULTILINE)
    violations = [
        f"{path.relative_to(CHECKOUT)}: {match[0].strip()}"
        for path in sources(".py")
        if not path.is_relative_to(CHECKOUT / "gis")
        for match in inside.finditer(path.read_text("utf-8"))
    ]
    assert violations == []


def test_epsg_numbers_stand_in_one_file():
    violations = [
        f"{path.relative_to(CHECKOUT)}:{number}: {line.strip()}"
        for path in sources(".py", ".js", ".html")
        if path != CHECKOUT / "gis" / "crs" / "systems.py"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if EPSG.search(re.sub(r"EPSG:\d+ *[)»”\"'`,.]", "", line))
    ]
    assert violations == []


def test_no_file_has_a_meaningless_name():
    assert [str(path) for path in sources(".py", ".js") if path.stem.lower() in FORBIDDEN] == []


def test_pages_load_nothing_from_other_hosts():
    """A text may name a URL; a src, href, url(), import or fetch() may not."""
    loads = re.compile(
        r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//|(?:import|from|fetch\()\s*["'](?:https?:)?//"""
    )
    violations = [
        f"{path.relative_to(CHECKOUT)}: {line.strip()[:100]}"
        for path in sources(".py", ".js", ".html", ".css", ".svg")
        if path.is_relative_to(CHECKOUT / "maps")
        for line in path.read_text("utf-8").splitlines()
        if loads.search(line)
    ]
    assert violations == []


@pytest.mark.parametrize(
    "folder", ["tests", *(f"tests/{name}" for name in ("gis", "layers", "maps", "api", "contract"))]
)
def test_test_folders_are_no_packages(folder):
    assert not (CHECKOUT / folder / "__init__.py").exists()


def test_api_and_maps_contain_no_sql():
    statement = re.compile(r"\b(?:select .+ from|insert into|update \w+ set|delete from)\b", re.IGNORECASE)
    violations = [
        f"{path.relative_to(CHECKOUT)}: {line.strip()}"
        for path in sources(".py")
        if path.is_relative_to(CHECKOUT / "api") or path.is_relative_to(CHECKOUT / "maps")
        for line in path.read_text("utf-8").splitlines()
        if statement.search(line)
    ]
    assert violations == []


def _texts(tree: ast.AST | None) -> set[str]:
    """Every text constant in a part of a module."""
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant)) if tree else ()
    return {node.value for node in constants if isinstance(node.value, str)}


def _tells_types_apart(node: ast.AST) -> bool:
    """Whether it is a table by type of field, or compares a type of field with a name."""
    match node:
        case ast.Dict(keys=keys):
            names = [key.value for key in keys if isinstance(key, ast.Constant) and key.value in FIELD_TYPES]
            return len(names) > 1 and 2 * len(names) >= len(keys)
        case ast.Compare(left=ast.Attribute(attr="type")):
            return any(_texts(comparator) & set(FIELD_TYPES) for comparator in node.comparators)
        case ast.Match(subject=ast.Attribute(attr="type")):
            return any(_texts(case.pattern) & set(FIELD_TYPES) for case in node.cases)
    return False


def test_only_field_types_tells_types_of_fields_apart():
    """A table by type elsewhere would need an entry for every new type; a name never equals a ``FieldType``."""
    places = [
        f"{path.relative_to(CHECKOUT)}:{node.lineno}"
        for path in sources(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if _tells_types_apart(node)
    ]
    assert places == []
    for table in ('{"text": 1, "integer": 2}', 'field.type in ("date", "datetime")', 'match f.type:\n case "uuid": 1'):
        assert any(map(_tells_types_apart, ast.walk(ast.parse(table)))), table


LAYER_NAMES_BY_CHANCE = {
    ("gis/files/gdal.py", "lines"): "the suffix of a table of line geometries",
    ("gis/files/gdal.py", "areas"): "the suffix of a table of area geometries",
    ("api/ogc/openapi.py", "lines"): "the path of the basemap's boundary line, on which clients rely",
    ("api/rest/basemap.py", "lines"): "the path of the basemap's boundary line, on which clients rely",
    ("maps/static/map/basemap.js", "lines"): "the path of the basemap's boundary line, on which clients rely",
}
"""Quoted words outside ``layers/`` that are the name of a layer by chance, with what they mean."""

QUOTED = re.compile(r"""(["'`])((?:(?!\1)[^\\\n])*)\1""")
COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*|\{#.*?#\}|<!--.*?-->", re.DOTALL)


def _quoted_texts(path: Path) -> set[str]:
    """Every quoted text of a source, without those of comments, and the keys of objects in scripts."""
    source = path.read_text("utf-8")
    if path.suffix == ".py":
        return _texts(ast.parse(source))
    code = COMMENT.sub("", source)
    texts = {match[2] for match in QUOTED.finditer(code)}
    return texts | set(re.findall(r"[{,\s](\w+): [\"']", code)) if path.suffix == ".js" else texts


def _layer_names_in(path: Path) -> set[str]:
    """The names of layers that a source quotes: alone, as a segment of a path, or in a list with commas."""
    segments = {segment for text in _quoted_texts(path) if " " not in text for segment in re.split("[/?&=,]", text)}
    return set(catalog) & segments


def test_no_layer_name_is_quoted_outside_layers():
    """A page, route or script that names a layer would not serve a new one; it reads the card instead."""
    quoted = {
        (str(path.relative_to(CHECKOUT)), name)
        for path in sources(".py", ".js", ".html", ".css")
        if not path.is_relative_to(CHECKOUT / "layers")
        for name in _layer_names_in(path)
    } - LAYER_NAMES_BY_CHANCE.keys()
    assert sorted(quoted) == []
