"""Row level security, row policies and grants, as statements for any schema. Run by the owner."""

from collections.abc import Iterable, Sequence

from psycopg import sql

from gis.db.session import OWNER_ROLE
from gis.text.sql_files import SqlFile, identifiers

SQL = SqlFile(__file__)

ALL_ROWS = sql.SQL("true")
"""The condition of a policy that covers all rows."""


def force_row_security(table: sql.Identifier, all_roles: Sequence[str]) -> list[sql.Composed]:
    """Enable row security, force it on the owner too, revoke all grants, and give the owner a policy for all rows."""
    return [
        SQL.compose("force_row_security", table=table, roles=identifiers(all_roles)),
        create_policy(table, "own", "all", [OWNER_ROLE], using=ALL_ROWS, check=ALL_ROWS),
    ]


def create_policy(
    table: sql.Identifier,
    name: str,
    command: str,
    roles: Iterable[str],
    *,
    using: sql.Composable | None = None,
    check: sql.Composable | None = None,
) -> sql.Composed:
    """Create a policy in place of one of the same name: ``using`` on the rows there are, ``check`` on new ones."""
    conditions = [] if using is None else [sql.SQL(" using ({})").format(using)]
    conditions += [] if check is None else [sql.SQL(" with check ({})").format(check)]
    return SQL.compose(
        "create_policy",
        policy=sql.Identifier(name),
        table=table,
        command=sql.SQL(command),
        roles=identifiers(roles),
        conditions=sql.Composed(conditions),
    )


def grant(privileges: str, on: sql.Composable, roles: Iterable[str]) -> sql.Composed:
    """Grant privileges, such as ``select, insert``, on a table, or on what ``on`` names with its kind."""
    return SQL.compose("grant", privileges=sql.SQL(privileges), object=on, roles=identifiers(roles))


def grant_columns(privilege: str, columns: Iterable[str], table: sql.Identifier, roles: Iterable[str]) -> sql.Composed:
    """Grant a privilege on some columns of a table."""
    return SQL.compose(
        "grant_columns",
        privilege=sql.SQL(privilege),
        columns=identifiers(columns),
        table=table,
        roles=identifiers(roles),
    )
