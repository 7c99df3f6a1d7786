"""Statements that several parts of the grants share: row security, policies, names of roles."""

from collections.abc import Sequence

from gis.db.session import LOGINS, OWNER_ROLE
from gis.schema.policy_model import Policy

HAS_ACTOR = "(select app.actor()) is not null"
"""Policy condition for tables without a journal trigger: a write requires an actor there too."""

STAMPED_COLUMNS = {"version", "created_at", "created_by", "updated_at"}
"""Columns that only the trigger ``stamp`` writes."""


def forced_row_security(table: str, all_roles: Sequence[str]) -> list[str]:
    """Enable row security, force it on the owner too, revoke all grants, and give the owner a policy for all rows."""
    return [
        f"alter table app.{table} enable row level security;",
        f"alter table app.{table} force row level security;",
        f"revoke all on app.{table} from public, {', '.join(all_roles)};",
        create_policy(table, "own", "all", OWNER_ROLE, using="true", check="true"),
    ]


def all_role_names(policy: Policy) -> list[str]:
    """The names of all PostgreSQL roles of a policy, and of all logins."""
    names = [
        name
        for role in policy.roles
        for name in ([role.read_role, role.write_role] if role.edits else [role.read_role])
    ]
    return [*names, *(role.own_unit_role for role in policy.roles if role.scoped), *LOGINS]


def create_policy(table: str, name: str, verb: str, role: str, *, using: str = "", check: str = "") -> str:
    """The statements that create a policy on a table of schema ``app`` in place of one of the same name."""
    clauses = (f" using ({using})" if using else "") + (f" with check ({check})" if check else "")
    return (
        f"drop policy if exists {name} on app.{table};"
        f" create policy {name} on app.{table} for {verb} to {role}{clauses};"
    )
