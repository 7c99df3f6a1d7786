"""Identifiers in standard terms, files of a readable length, commit subjects that fit a line."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDERS = ("gis", "layers", "maps", "api", "tests")
NOT_NAMES = {
    "asked", "door", "doors", "eyes", "found", "given", "guest", "guests", "heed", "held", "house", "kept", "made",
    "natural", "nobodys", "one", "own", "paper", "peeping", "premises", "said", "shown", "stranger", "told", "wanted",
    "whoever",
}  # fmt: skip
"""Whole names that mean nothing to a new reader, or several things (docs/contributing.md, “Words”)."""

EXCEPTIONS = {
    tuple(line.split(None, 2)[:2])
    for line in (Path(__file__).with_name("names_allowed.txt")).read_text("utf-8").splitlines()
    if line and not line.startswith("#")
}
"""Pairs of file and name that are allowed all the same; the list gives the reasons."""

MOST_LINES = 400
MOST_CHARACTERS = 72
LAST_LONG_SUBJECT = "d4a3386"
"""The commit up to which subjects were longer."""


def sources(*suffixes: str) -> list[Path]:
    """The project's files of these kinds, without what is fetched for the browser."""
    paths = (path for folder in FOLDERS for path in sorted((CHECKOUT / folder).rglob("*")))
    return [path for path in paths if path.suffix in suffixes and not {"vendor", "node_modules"} & {*path.parts}]


def defined_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a module defines, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name


def test_identifiers_are_standard_terms():
    bad = [
        f"{path.relative_to(CHECKOUT)}:{line}: {name}"
        for path in sources(".py")
        for line, name in defined_names(ast.parse(path.read_text("utf-8")))
        if name.lower() in NOT_NAMES and (str(path.relative_to(CHECKOUT)), name) not in EXCEPTIONS
    ]
    assert bad == []


def test_each_exception_is_still_needed():
    for file, name in EXCEPTIONS:
        names = {defined for _, defined in defined_names(ast.parse((CHECKOUT / file).read_text("utf-8")))}
        assert name in names, (file, name)


def test_files_have_at_most_400_lines():
    lengths = {
        str(path.relative_to(CHECKOUT)): len(path.read_text("utf-8").splitlines())
        for path in sources(".py", ".js", ".css", ".html", ".sql")
    }
    assert {file: lines for file, lines in lengths.items() if lines > MOST_LINES} == {}


def test_commit_subjects_have_at_most_72_characters():
    git = shutil.which("git")
    if git is None or not (CHECKOUT / ".git").exists():
        pytest.skip("neither git nor a history here")
    command = [git, "log", "--no-merges", "--format=%s", f"{LAST_LONG_SUBJECT}..HEAD"]
    log = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if log.returncode != 0:
        pytest.skip("a clone without its whole history")
    assert [subject for subject in log.stdout.splitlines() if len(subject) > MOST_CHARACTERS] == []
