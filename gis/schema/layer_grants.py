"""Grants and row policies of a layer, its history and its child tables."""

from collections.abc import Iterable, Sequence

from gis.db.actors import Role
from gis.history import triggers
from gis.model.children import ChildRecord, child_columns, child_tables, masked_child_fields
from gis.model.fields import Clearance, ScopedClearance
from gis.model.layer import Layer, all_layers
from gis.schema.policy_model import Policy
from gis.schema.statements import STAMPED_COLUMNS, all_role_names, create_policy, forced_row_security


def layer_grants(layer: Layer, policy: Policy) -> list[str]:
    table, past = layer.name, f"{layer.name}_history"
    everyone = all_role_names(policy)
    made = [*forced_row_security(table, everyone), *forced_row_security(past, everyone)]
    for role in policy.roles:
        eyes, reading = role.clearance, role.read_role
        remembered = [*layer.columns(eyes, from_history=True), *_history_columns(eyes)]
        made += [
            f"grant select ({', '.join(layer.columns(eyes))}) on app.{table} to {reading};",
            f"grant select ({', '.join(remembered)}) on app.{past} to {reading};",
            create_policy(table, f"see_{role.name}", "select", reading, using=policy.read_condition(role, layer)),
            # What has been is seen by whoever may see what is.
            create_policy(
                past,
                f"see_{role.name}",
                "select",
                reading,
                using=f"exists (select from app.{table} t where t.id = {past}.id)",
            ),
        ]
        if layer.name in role.edits:
            made += _editor_grants(layer, role, policy)
    return made


def _history_columns(clearance: Clearance) -> list[str]:
    """What the history says of a change beside the state it led to: when and what; within the house who and why too."""
    everything = clearance.sees_assumed_positions and not isinstance(clearance, ScopedClearance)
    return ["valid", "action", *(triggers.PROVENANCE if everything else ())]


def own_unit_views(policy: Policy) -> list[str]:
    """What a scoped post may know of its own matters alone: views beside the tables, of the columns kept from its role.

    A view belongs to a role that holds these columns and sees the post's own rows; so row security decides here too,
    and whoever reads the view gets of other rows nothing. It stands over the history, which knows every version.
    """
    made = []
    for role in policy.roles:
        if not role.scoped or not isinstance(role.clearance, ScopedClearance):
            continue
        made.append(f"grant create on schema app to {role.own_unit_role};")
        for layer in all_layers():
            table, past = layer.name, f"{layer.name}_history"
            made += [
                f"grant select (id) on app.{table} to {role.own_unit_role};",
                create_policy(
                    table, f"own_{role.name}", "select", role.own_unit_role, using=policy.edit_condition(role, layer)
                ),
                create_policy(
                    past, f"own_{role.name}", "select", role.own_unit_role, using=_exists_in(table, f"{past}.id")
                ),
                *_own_unit_view(
                    table, ["id", "version", *layer.masked_fields(role.clearance), *triggers.PROVENANCE], role
                ),
            ]
        for part in child_tables.values():
            table, past = part.__tablename__, f"{part.__tablename__}_history"
            seen = _exists_in(part.parent.layer.name, "feature_id")
            made += [
                create_policy(past, f"own_{role.name}", "select", role.own_unit_role, using=seen),
                *_own_unit_view(
                    table, ["id", "valid", *masked_child_fields(part, role.clearance), *triggers.PROVENANCE], role
                ),
            ]
        made.append(f"revoke create on schema app from {role.own_unit_role};")
    return made


def _exists_in(table: str, key: str) -> str:
    return f"exists (select from app.{table} t where t.id = {key})"


def _own_unit_view(table: str, columns: Sequence[str], role: Role) -> list[str]:
    shown = _quoted_columns(columns)
    return [
        f"grant select ({shown}) on app.{table}_history to {role.own_unit_role};",
        f"drop view if exists app.{table}_own;",
        f"create view app.{table}_own as select {shown} from app.{table}_history;",
        f"alter view app.{table}_own owner to {role.own_unit_role};",
        f"grant select on app.{table}_own to {role.read_role};",
    ]


def _editor_grants(layer: Layer, role: Role, policy: Policy) -> list[str]:
    allowed, changed = policy.edit_condition(role, layer), role.edits[layer.name]
    stored = [
        column.name
        for column in layer.model.__table__.columns
        if column.computed is None and column.name not in STAMPED_COLUMNS
    ]
    changeable = changed or [name for name in stored if name != "id"]
    made = [
        f"grant update ({_quoted_columns(changeable)}) on app.{layer.name} to {role.write_role};",
        create_policy(layer.name, f"edit_{role.name}", "update", role.write_role, using=allowed, check=allowed),
    ]
    if not changed:
        made += [
            f"grant insert ({_quoted_columns(stored)}) on app.{layer.name} to {role.write_role};",
            create_policy(layer.name, f"add_{role.name}", "insert", role.write_role, check=allowed),
        ]
    return made


def _quoted_columns(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def child_history_grants(table: str, columns: Iterable[str], role: Role, condition: str) -> list[str]:
    """The history of what belongs to a feature is seen like the thing itself, row and column."""
    return [
        f"grant select ({_quoted_columns([*columns, 'since', *_history_columns(role.clearance)])})"
        f" on app.{table}_history to {role.read_role};",
        create_policy(f"{table}_history", f"see_{role.name}", "select", role.read_role, using=condition),
    ]


def child_table_grants(part: type[ChildRecord], policy: Policy) -> list[str]:
    table, owner = part.__tablename__, part.parent.layer
    made = [
        *forced_row_security(table, all_role_names(policy)),
        *forced_row_security(f"{table}_history", all_role_names(policy)),
    ]
    of_owner = f"exists (select from app.{owner.name} t where t.id = feature_id{{}})"
    for role in policy.roles:
        columns = child_columns(part, role.clearance)
        made += [
            f"grant select ({_quoted_columns(columns)}) on app.{table} to {role.read_role};",
            create_policy(table, f"see_{role.name}", "select", role.read_role, using=of_owner.format("")),
            *child_history_grants(table, columns, role, of_owner.format("")),
        ]
        if owner.name in role.edits:
            allowed = of_owner.format(f" and ({policy.edit_condition(role, owner)})")
            made += [
                f"grant insert, update, delete on app.{table} to {role.write_role};",
                create_policy(table, f"add_{role.name}", "insert", role.write_role, check=allowed),
                create_policy(table, f"edit_{role.name}", "update", role.write_role, using=allowed, check=allowed),
                create_policy(table, f"erase_{role.name}", "delete", role.write_role, using=allowed),
            ]
    return made
