"""Grants and row policies of a layer, its history, its own-unit views and its child tables."""

from collections.abc import Iterable, Sequence

from gis.db.actors import Role
from gis.history import triggers
from gis.model.children import ChildRecord, child_columns, child_tables, masked_child_fields
from gis.model.fields import Clearance, ScopedClearance
from gis.model.layer import Layer, all_layers
from gis.schema.policy_model import Policy
from gis.schema.statements import STAMPED_COLUMNS, all_role_names, create_policy, forced_row_security


def layer_grants(layer: Layer, policy: Policy) -> list[str]:
    """The row security of a layer and its history: each role reads its columns and rows, editing roles write."""
    table, history = layer.name, f"{layer.name}_history"
    all_roles = all_role_names(policy)
    statements = [*forced_row_security(table, all_roles), *forced_row_security(history, all_roles)]
    for role in policy.roles:
        clearance, reading = role.clearance, role.read_role
        history_columns = [*layer.columns(clearance, from_history=True), *_history_columns(clearance)]
        statements += [
            f"grant select ({', '.join(layer.columns(clearance))}) on app.{table} to {reading};",
            f"grant select ({', '.join(history_columns)}) on app.{history} to {reading};",
            create_policy(table, f"see_{role.name}", "select", reading, using=policy.read_condition(role, layer)),
            # Every version of a row is visible to those who may see its present version.
            create_policy(
                history,
                f"see_{role.name}",
                "select",
                reading,
                using=f"exists (select from app.{table} t where t.id = {history}.id)",
            ),
        ]
        if layer.name in role.edits:
            statements += _editor_grants(layer, role, policy)
    return statements


def _history_columns(clearance: Clearance) -> list[str]:
    """The columns of a history beside the row's own: time and action; for unscoped internal readers also provenance."""
    sees_provenance = clearance.sees_assumed_positions and not isinstance(clearance, ScopedClearance)
    return ["valid", "action", *(triggers.PROVENANCE if sees_provenance else ())]


def own_unit_views(policy: Policy) -> list[str]:
    """Views that give a scoped role the columns it may read in rows of its own unit only.

    A view belongs to a separate role that is granted these columns and whose row policies show the unit's rows only,
    so row security decides here too. The views select from the history, which has every version of a row.
    """
    statements = []
    for role in policy.roles:
        if not role.scoped or not isinstance(role.clearance, ScopedClearance):
            continue
        statements.append(f"grant create on schema app to {role.own_unit_role};")
        for layer in all_layers():
            table, history = layer.name, f"{layer.name}_history"
            statements += [
                f"grant select (id) on app.{table} to {role.own_unit_role};",
                create_policy(
                    table, f"own_{role.name}", "select", role.own_unit_role, using=policy.edit_condition(role, layer)
                ),
                create_policy(
                    history, f"own_{role.name}", "select", role.own_unit_role, using=_exists_in(table, f"{history}.id")
                ),
                *_own_unit_view(
                    table, ["id", "version", *layer.masked_fields(role.clearance), *triggers.PROVENANCE], role
                ),
            ]
        for child in child_tables.values():
            table, history = child.__tablename__, f"{child.__tablename__}_history"
            parent_visible = _exists_in(child.parent.layer.name, "feature_id")
            statements += [
                create_policy(history, f"own_{role.name}", "select", role.own_unit_role, using=parent_visible),
                *_own_unit_view(
                    table, ["id", "valid", *masked_child_fields(child, role.clearance), *triggers.PROVENANCE], role
                ),
            ]
        statements.append(f"revoke create on schema app from {role.own_unit_role};")
    return statements


def _exists_in(table: str, key: str) -> str:
    return f"exists (select from app.{table} t where t.id = {key})"


def _own_unit_view(table: str, columns: Sequence[str], role: Role) -> list[str]:
    """Create the view ``<table>_own`` of these columns of the history, for a scoped role."""
    column_list = _quoted_columns(columns)
    return [
        f"grant select ({column_list}) on app.{table}_history to {role.own_unit_role};",
        f"drop view if exists app.{table}_own;",
        f"create view app.{table}_own as select {column_list} from app.{table}_history;",
        f"alter view app.{table}_own owner to {role.own_unit_role};",
        f"grant select on app.{table}_own to {role.read_role};",
    ]


def _editor_grants(layer: Layer, role: Role, policy: Policy) -> list[str]:
    """Let a role update rows of a layer and, unless it is limited to some columns, insert them."""
    allowed, limited_to = policy.edit_condition(role, layer), role.edits[layer.name]
    stored = [
        column.name
        for column in layer.model.__table__.columns
        if column.computed is None and column.name not in STAMPED_COLUMNS
    ]
    updatable = limited_to or [name for name in stored if name != "id"]
    statements = [
        f"grant update ({_quoted_columns(updatable)}) on app.{layer.name} to {role.write_role};",
        create_policy(layer.name, f"edit_{role.name}", "update", role.write_role, using=allowed, check=allowed),
    ]
    if not limited_to:
        statements += [
            f"grant insert ({_quoted_columns(stored)}) on app.{layer.name} to {role.write_role};",
            create_policy(layer.name, f"add_{role.name}", "insert", role.write_role, check=allowed),
        ]
    return statements


def _quoted_columns(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def child_history_grants(table: str, columns: Iterable[str], role: Role, condition: str) -> list[str]:
    """The history of a child table or of links is granted like the table itself, by row and column."""
    return [
        f"grant select ({_quoted_columns([*columns, 'since', *_history_columns(role.clearance)])})"
        f" on app.{table}_history to {role.read_role};",
        create_policy(f"{table}_history", f"see_{role.name}", "select", role.read_role, using=condition),
    ]


def child_table_grants(child: type[ChildRecord], policy: Policy) -> list[str]:
    """Rows of a child table are read where their feature is visible, and written where it may be edited."""
    table, parent = child.__tablename__, child.parent.layer
    statements = [
        *forced_row_security(table, all_role_names(policy)),
        *forced_row_security(f"{table}_history", all_role_names(policy)),
    ]
    parent_exists = f"exists (select from app.{parent.name} t where t.id = feature_id{{}})"
    for role in policy.roles:
        columns = child_columns(child, role.clearance)
        statements += [
            f"grant select ({_quoted_columns(columns)}) on app.{table} to {role.read_role};",
            create_policy(table, f"see_{role.name}", "select", role.read_role, using=parent_exists.format("")),
            *child_history_grants(table, columns, role, parent_exists.format("")),
        ]
        if parent.name in role.edits:
            allowed = parent_exists.format(f" and ({policy.edit_condition(role, parent)})")
            statements += [
                f"grant insert, update, delete on app.{table} to {role.write_role};",
                create_policy(table, f"add_{role.name}", "insert", role.write_role, check=allowed),
                create_policy(table, f"edit_{role.name}", "update", role.write_role, using=allowed, check=allowed),
                create_policy(table, f"erase_{role.name}", "delete", role.write_role, using=allowed),
            ]
    return statements
