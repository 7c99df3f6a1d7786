"""SQL in files: the ``.sql`` file beside a module, whose statements are composed by ``psycopg.sql``.

A line ``-- name: …`` begins a statement, which ends before the next one; comments between this line and the SQL
describe it and are not sent to the database. ``{parameter}`` is filled in when the statement is composed, as by
``psycopg.sql.SQL.format``; a brace that belongs to the SQL is written twice. Values that are bound when a query is
executed (``:value`` or ``%(value)s``) stay as they are.
"""

from collections.abc import Iterable, Iterator
from itertools import dropwhile
from pathlib import Path
from string import Formatter
from typing import Any

from psycopg import sql

NAME_PREFIX = "-- name: "


class SqlFile:
    """The statements, by name, of the file that has the name of a module and the suffix ``.sql``."""

    def __init__(self, module: str) -> None:
        self.path = Path(module).with_suffix(".sql")
        self.statements = dict(_named_statements(self.path.read_text("utf-8")))

    def compose(self, name: str, /, **parameters: Any) -> sql.Composed:
        """The statement ``name`` with its parameters.

        An ``Identifier``, a ``Literal`` or another part of SQL is inserted as what it is; any other value becomes a
        literal. Raises ``ValueError`` unless exactly the parameters of the statement are passed.
        """
        statement = self.statements[name]
        declared = {parameter for _, parameter, _, _ in Formatter().parse(statement) if parameter is not None}
        if declared != parameters.keys():
            raise ValueError(
                f"{self.path.name}, {name}: its parameters are {sorted(declared)}, passed are {sorted(parameters)}"
            )
        return sql.SQL(statement).format(**parameters)

    def text(self, name: str, /, **parameters: Any) -> str:
        """As ``compose``, as text, for a driver that takes no ``psycopg.sql``."""
        return self.compose(name, **parameters).as_string()


def _named_statements(content: str) -> Iterator[tuple[str, str]]:
    """The name and the SQL of each statement. Lines before the first name are a comment on the file."""
    for section in f"\n{content}".split(f"\n{NAME_PREFIX}")[1:]:
        name, *lines = section.splitlines()
        yield name.strip(), "\n".join(dropwhile(lambda line: line.lstrip().startswith("--"), lines)).strip()


def identifiers(names: Iterable[str]) -> sql.Composed:
    """Names as a list of quoted identifiers."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def literals(values: Iterable[Any]) -> sql.Composed:
    """Values as a list of literals."""
    return sql.SQL(", ").join(map(sql.Literal, values))


def any_of(conditions: Iterable[sql.Composable]) -> sql.Composed:
    """The condition that at least one of these holds, in parentheses."""
    return sql.SQL("({})").format(sql.SQL(" or ").join(conditions))
