"""What several parts of the grants share: names of roles, tables, conditions."""

from psycopg import sql

from gis.db.actors import Role
from gis.db.row_security import create_policy, grant
from gis.db.session import LOGINS
from gis.model.fields import SCHEMA
from gis.schema.policy_model import Policy

HAS_ACTOR = sql.SQL("(select app.actor()) is not null")
"""Policy condition for tables without a journal trigger: a write requires an actor there too."""

STAMPED_COLUMNS = {"version", "created_at", "created_by", "updated_at"}
"""Columns that only the trigger ``stamp`` writes."""


def app_table(name: str) -> sql.Identifier:
    """A table or view of schema ``app``."""
    return sql.Identifier(SCHEMA, name)


def all_role_names(policy: Policy) -> list[str]:
    """The names of all PostgreSQL roles of a policy, and of all logins."""
    names = [
        name
        for role in policy.roles
        for name in ([role.read_role, role.write_role] if role.edits else [role.read_role])
    ]
    return [*names, *(role.own_unit_role for role in policy.roles if role.scoped), *LOGINS]


def exists_in(table: str, key: sql.Composable, condition: sql.Composable | None = None) -> sql.Composed:
    """The condition that the row with this id is visible in a table and, if there is one, meets a condition."""
    further = sql.SQL("") if condition is None else sql.SQL(" and ({})").format(condition)
    return sql.SQL("exists (select from {} t where t.id = {}{})").format(app_table(table), key, further)


def up_to_level(role: Role) -> sql.Composed:
    """The condition that the column ``level`` is at most that of the role."""
    return sql.SQL("level <= {}::app.level").format(role.level)


def dependent_row_grants(table: str, role: Role, condition: sql.Composable) -> list[sql.Composed]:
    """Let a role add, change and delete the rows of a child table or of the links for which ``condition`` holds."""
    name, editors = app_table(table), [role.write_role]
    return [
        grant("insert, update, delete", name, editors),
        create_policy(name, f"add_{role.name}", "insert", editors, check=condition),
        create_policy(name, f"edit_{role.name}", "update", editors, using=condition, check=condition),
        create_policy(name, f"erase_{role.name}", "delete", editors, using=condition),
    ]
