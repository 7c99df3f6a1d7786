"""SQL statements that grants are made of."""

from collections.abc import Sequence

from gis.db.session import (
    LOGINS,
    OWNER_ROLE,
)
from gis.schema.policy_model import Policy

HAS_ACTOR = "(select app.actor()) is not null"
"""What no trigger journals is not written without a name either."""

STAMPED_COLUMNS = {"version", "created_at", "created_by", "updated_at"}
"""Columns that only the stamp trigger writes."""


def forced_row_security(table: str, all_roles: Sequence[str]) -> list[str]:
    """Row security, forced on the owner too, who alone passes freely through a policy of its own."""
    return [
        f"alter table app.{table} enable row level security;",
        f"alter table app.{table} force row level security;",
        f"revoke all on app.{table} from public, {', '.join(all_roles)};",
        create_policy(table, "own", "all", OWNER_ROLE, using="true", check="true"),
    ]


def all_role_names(policy: Policy) -> list[str]:
    names = [
        name
        for role in policy.roles
        for name in ([role.read_role, role.write_role] if role.edits else [role.read_role])
    ]
    return [*names, *(role.own_unit_role for role in policy.roles if role.scoped), *LOGINS]


def create_policy(table: str, name: str, verb: str, role: str, *, using: str = "", check: str = "") -> str:
    clauses = (f" using ({using})" if using else "") + (f" with check ({check})" if check else "")
    return (
        f"drop policy if exists {name} on app.{table};"
        f" create policy {name} on app.{table} for {verb} to {role}{clauses};"
    )
