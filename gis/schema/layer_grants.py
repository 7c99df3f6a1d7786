"""Grants and row policies of a layer, its history, its own-unit views and its child tables."""

from collections.abc import Iterable, Iterator, Sequence

from psycopg import sql

from gis.db.actors import Role
from gis.db.row_security import create_policy, force_row_security, grant_columns
from gis.history import triggers
from gis.model.children import ChildRecord, child_columns, child_tables, masked_child_fields
from gis.model.fields import Clearance, ScopedClearance
from gis.model.layer import Layer, all_layers
from gis.schema.policy_model import Policy
from gis.schema.statements import STAMPED_COLUMNS, all_role_names, app_table, dependent_row_grants, exists_in
from gis.text.sql_files import SqlFile, identifiers

SQL = SqlFile(__file__)

FEATURE_ID = sql.SQL("feature_id")


def layer_grants(layer: Layer, policy: Policy) -> Iterator[sql.Composed]:
    """The row security of a layer and its history: each role reads its columns and rows, editing roles write."""
    table, history = app_table(layer.name), app_table(f"{layer.name}_history")
    yield from force_row_security(table, all_role_names(policy))
    yield from force_row_security(history, all_role_names(policy))
    for role in policy.roles:
        clearance, readers = role.clearance, [role.read_role]
        history_columns = [*layer.columns(clearance, from_history=True), *_history_columns(clearance)]
        readable = sql.SQL(policy.read_condition(role, layer))
        yield grant_columns("select", layer.columns(clearance), table, readers)
        yield grant_columns("select", history_columns, history, readers)
        yield create_policy(table, f"see_{role.name}", "select", readers, using=readable)
        # Every version of a row is visible to those who may see its present version.
        visible = exists_in(layer.name, _history_id(layer.name))
        yield create_policy(history, f"see_{role.name}", "select", readers, using=visible)
        if layer.name in role.edits:
            yield from _editor_grants(layer, role, policy)


def _history_id(table: str) -> sql.Composed:
    """The id in a row of a history, for a policy on the history."""
    return sql.SQL("{}.id").format(sql.Identifier(f"{table}_history"))


def _history_columns(clearance: Clearance) -> list[str]:
    """The columns of a history beside the row's own: time and action; for unscoped internal readers also provenance."""
    sees_provenance = clearance.sees_assumed_positions and not isinstance(clearance, ScopedClearance)
    return ["valid", "action", *(triggers.PROVENANCE if sees_provenance else ())]


def own_unit_views(policy: Policy) -> Iterator[sql.Composed]:
    """Views that give a scoped role the columns it may read in rows of its own unit only.

    A view belongs to a separate role that is granted these columns and whose row policies show the unit's rows only,
    so row security decides here too. The views select from the history, which has every version of a row.
    """
    for role in policy.roles:
        if not role.scoped or not isinstance(role.clearance, ScopedClearance):
            continue
        owner = sql.Identifier(role.own_unit_role)
        yield SQL.compose("grant_create", role=owner)
        for layer in all_layers():
            columns = ["id", "version", *layer.masked_fields(role.clearance), *triggers.PROVENANCE]
            editable = sql.SQL(policy.edit_condition(role, layer))
            yield grant_columns("select", ["id"], app_table(layer.name), [role.own_unit_role])
            yield _own_unit_policy(layer.name, role, editable)
            yield _own_unit_policy(f"{layer.name}_history", role, exists_in(layer.name, _history_id(layer.name)))
            yield _own_unit_view(layer.name, columns, role)
        for child in child_tables.values():
            table, parent = child.__tablename__, child.parent.layer.name
            columns = ["id", "valid", *masked_child_fields(child, role.clearance), *triggers.PROVENANCE]
            yield _own_unit_policy(f"{table}_history", role, exists_in(parent, FEATURE_ID))
            yield _own_unit_view(table, columns, role)
        yield SQL.compose("revoke_create", role=owner)


def _own_unit_policy(table: str, role: Role, condition: sql.Composable) -> sql.Composed:
    """The rows that the owner of the own-unit views of a scoped role sees."""
    return create_policy(app_table(table), f"own_{role.name}", "select", [role.own_unit_role], using=condition)


def _own_unit_view(table: str, columns: Sequence[str], role: Role) -> sql.Composed:
    """Create the view ``<table>_own`` of these columns of the history, for a scoped role."""
    return SQL.compose(
        "own_unit_view",
        view=app_table(f"{table}_own"),
        columns=identifiers(columns),
        history=app_table(f"{table}_history"),
        owner=sql.Identifier(role.own_unit_role),
        reader=sql.Identifier(role.read_role),
    )


def _editor_grants(layer: Layer, role: Role, policy: Policy) -> Iterator[sql.Composed]:
    """Let a role update rows of a layer and, unless it is limited to some columns, insert them."""
    table, editors, limited_to = app_table(layer.name), [role.write_role], role.edits[layer.name]
    allowed = sql.SQL(policy.edit_condition(role, layer))
    stored = [
        column.name
        for column in layer.model.__table__.columns
        if column.computed is None and column.name not in STAMPED_COLUMNS
    ]
    updatable = limited_to or [name for name in stored if name != "id"]
    yield grant_columns("update", updatable, table, editors)
    yield create_policy(table, f"edit_{role.name}", "update", editors, using=allowed, check=allowed)
    if not limited_to:
        yield grant_columns("insert", stored, table, editors)
        yield create_policy(table, f"add_{role.name}", "insert", editors, check=allowed)


def child_history_grants(
    table: str, columns: Iterable[str], role: Role, condition: sql.Composable
) -> list[sql.Composed]:
    """The history of a child table or of links is granted like the table itself, by row and column."""
    history, readers = app_table(f"{table}_history"), [role.read_role]
    return [
        grant_columns("select", [*columns, "since", *_history_columns(role.clearance)], history, readers),
        create_policy(history, f"see_{role.name}", "select", readers, using=condition),
    ]


def child_table_grants(child: type[ChildRecord], policy: Policy) -> Iterator[sql.Composed]:
    """Rows of a child table are read where their feature is visible, and written where it may be edited."""
    name, parent = child.__tablename__, child.parent.layer
    table = app_table(name)
    yield from force_row_security(table, all_role_names(policy))
    yield from force_row_security(app_table(f"{name}_history"), all_role_names(policy))
    visible = exists_in(parent.name, FEATURE_ID)
    for role in policy.roles:
        columns = child_columns(child, role.clearance)
        yield grant_columns("select", columns, table, [role.read_role])
        yield create_policy(table, f"see_{role.name}", "select", [role.read_role], using=visible)
        yield from child_history_grants(name, columns, role, visible)
        if parent.name in role.edits:
            editable = sql.SQL(policy.edit_condition(role, parent))
            yield from dependent_row_grants(name, role, exists_in(parent.name, FEATURE_ID, editable))
