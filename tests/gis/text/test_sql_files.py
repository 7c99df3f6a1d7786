"""SQL files: how statements are named and composed, and that each of them is used."""

from pathlib import Path

import pytest
from psycopg import sql

from gis.text.sql_files import NAME_PREFIX, SqlFile, identifiers

CHECKOUT = Path(__file__).resolve().parents[3]
FILES = sorted(path for folder in ("gis", "layers", "maps", "api") for path in (CHECKOUT / folder).rglob("*.sql"))
EXAMPLE = """-- About the file.

-- name: rename
-- What it does.
update {table} set name = {name}
-- A comment in the statement.
where id = :id

-- name: empty_array
select '{{}}'::text[]
"""


@pytest.fixture
def example(tmp_path):
    (tmp_path / "example.sql").write_text(EXAMPLE, "utf-8")
    return SqlFile(str(tmp_path / "example.py"))


def test_parameters_are_quoted_as_identifiers_and_literals(example):
    statement = example.text("rename", table=sql.Identifier("app", 'a"b'), name="O'Hara {x} :y")
    assert statement.splitlines() == [
        """update "app"."a""b" set name = 'O''Hara {x} :y'""",
        "-- A comment in the statement.",
        "where id = :id",
    ]


def test_doubled_brace_is_a_brace_of_the_sql(example):
    assert example.text("empty_array") == "select '{}'::text[]"


@pytest.mark.parametrize("names", [(), ("table",), ("table", "name", "id"), ("table", "names")])
def test_missing_or_unknown_parameter_is_refused(example, names):
    with pytest.raises(ValueError, match=r"example\.sql, rename: its parameters are \['name', 'table'\]"):
        example.compose("rename", **dict.fromkeys(names, "x"))


def test_unknown_statement_is_refused(example):
    with pytest.raises(KeyError, match="other"):
        example.compose("other")


def test_identifiers_are_quoted_each():
    assert identifiers(["a", "b c"]).as_string() == '"a", "b c"'


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_each_statement_of_a_file_is_used_in_its_package(path):
    assert path.with_suffix(".py").is_file()
    sources = "".join(module.read_text("utf-8") for module in path.parent.glob("*.py"))
    names = [line.removeprefix(NAME_PREFIX) for line in path.read_text("utf-8").splitlines() if NAME_PREFIX in line]
    assert len(names) == len(set(names)) == len(SqlFile(str(path)).statements)
    assert [name for name in names if f'"{name}"' not in sources] == []
