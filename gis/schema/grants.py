"""Grants: the policy rendered as PostgreSQL's roles, row policies and column grants.

``security_sql`` renders everything that decides who reads and writes what, from the layers and the policy;
``gis.schema.apply`` applies it when the database differs. The application repeats none of these conditions.
"""

from collections.abc import Iterable, Iterator

from psycopg import sql

from gis.accounts.models import ACCOUNT_TABLES, account_triggers
from gis.audit import seal
from gis.db.actors import Role
from gis.db.refusals import LOWERING_BY_AUTHOR, LOWERING_NOT_ALLOWED, PERSON_REQUIRED
from gis.db.row_security import ALL_ROWS, create_policy, force_row_security, grant
from gis.db.session import (
    ACCOUNTS_LOGIN,
    LOGINS,
    OWNER_ROLE,
    PARTNER_LOGIN,
    PUBLISHER,
    READER_LOGIN,
    SEALER_LOGIN,
    WRITER_LOGIN,
)
from gis.history import access_log, triggers
from gis.model import links
from gis.model.as_of import AS_OF_FUNCTION
from gis.model.children import child_tables, unjournalled_tables
from gis.model.fields import ASSUMED_PREFIX, Level
from gis.model.layer import all_layers
from gis.read import grid_counts
from gis.release import partner_grants
from gis.schema.layer_grants import child_history_grants, child_table_grants, layer_grants, own_unit_views
from gis.schema.policy_model import Policy
from gis.schema.statements import HAS_ACTOR, all_role_names, app_table, dependent_row_grants, up_to_level
from gis.text.sql_files import SqlFile, identifiers, literals

SQL = SqlFile(__file__)

REVOKED_FUNCTIONS = (
    "st_estimatedextent", "_postgis_stats", "_postgis_selectivity", "_postgis_join_selectivity",
    "_postgis_index_extent", "lo_create", "lo_creat", "lo_from_bytea",
)  # fmt: skip
"""Functions whose EXECUTE is revoked from PUBLIC: PostGIS's functions that read statistics, which reveal the extent
and density of hidden rows, and those that create large objects, which are outside of all row policies."""


def roles_sql(policy: Policy) -> sql.Composed:
    """The SQL that creates the owner, the logins and the policy's roles, idempotent. Needs CREATEROLE."""
    reading = [role.read_role for role in policy.roles]
    editing = [role.write_role for role in policy.roles if role.edits]
    owning = [role.own_unit_role for role in policy.roles if role.scoped]
    statements = [_create_role(name, "nologin") for name in (OWNER_ROLE, PUBLISHER, *reading, *editing, *owning)]
    statements += [_create_role(login, "login noinherit") for login in LOGINS]
    statements += [_grant_role(reading, READER_LOGIN), _grant_role(reading + editing, WRITER_LOGIN)]
    statements += [_grant_role([role.read_role], role.write_role) for role in policy.roles if role.edits]
    statements += [_grant_role([name], OWNER_ROLE) for name in owning]
    if policy.partner_view_role is not None:
        statements += [
            _grant_role([policy.partner_view_role.read_role], PUBLISHER),
            _grant_role([PUBLISHER], OWNER_ROLE),
        ]
    return sql.SQL("\n").join(statements)


def _create_role(name: str, options: str) -> sql.Composed:
    """The statement that creates a role, or sets its options if it exists."""
    return SQL.compose("create_role", role=sql.Identifier(name), options=sql.SQL(options))


def _grant_role(roles: Iterable[str], member: str) -> sql.Composed:
    """The statement that makes ``member`` a member of these roles."""
    return SQL.compose("grant_role", roles=identifiers(roles), member=sql.Identifier(member))


def security_sql(policy: Policy) -> str:
    """The whole security surface as SQL: functions, triggers, views, policies and grants. Run by the owner."""
    statements = [
        *triggers.triggers(),
        access_log.ACCESS_LOG_FUNCTION,
        *seal.IMMUTABILITY_TRIGGERS,
        *account_triggers(),
        sql.SQL(grid_counts.triggers()),
        sql.SQL(AS_OF_FUNCTION),
        sql.SQL(links.views_sql()),
        policy.functions,
        *_level_guards(policy),
        *(statement for layer in all_layers() for statement in layer_grants(layer, policy)),
        *(statement for child in child_tables.values() for statement in child_table_grants(child, policy)),
        *own_unit_views(policy),
        *_link_grants(policy),
        *_cell_grants(policy),
        *_account_grants(policy),
        *_common_grants(policy),
        *_seal_grants(policy),
    ]
    if policy.partner_view_role is not None:
        statements += partner_grants.publication_sql(
            policy.partner_view_role, policy.releasing_roles, all_role_names(policy), policy.referent_layer
        )
    statements += triggers.transitions_sql()  # last, because even the owner needs the policy above to write
    return sql.SQL("\n").join(statements).as_string()


def _level_guards(policy: Policy) -> Iterator[sql.Composed]:
    """Triggers that let only releasing roles lower a level, and of these only a person who is not the row's author."""
    releasing = [role.write_role for role in policy.releasing_roles]
    other_editors = [
        role.write_role
        for role in policy.roles
        if role.edits and not role.manages_releases and role != policy.system_role
    ]
    yield SQL.compose(
        "level_guards",
        releasing=literals(releasing or [""]),
        other_editors=literals(other_editors or [""]),
        lowering_not_allowed=LOWERING_NOT_ALLOWED,
        lowering_by_author=LOWERING_BY_AUTHOR,
        person_required=PERSON_REQUIRED,
    )
    for layer in all_layers():
        yield SQL.compose("level_guard_triggers", table=app_table(layer.name), level=Level.INTERNAL)


def _link_grants(policy: Policy) -> Iterator[sql.Composed]:
    """A link is read and changed by roles that see both of its ends; see ``_visible_link`` for its address."""
    table = app_table("links")
    yield from force_row_security(table, all_role_names(policy))
    yield from force_row_security(app_table("links_history"), all_role_names(policy))
    for role in policy.roles:
        visible = _visible_link(role, policy)
        yield grant("select", sql.SQL(links.location_view(role.level)), [role.read_role])
        yield grant("select", table, [role.read_role])
        yield grant("select", app_table("links_as_of"), [role.read_role])
        yield create_policy(table, f"see_{role.name}", "select", [role.read_role], using=visible)
        yield from child_history_grants("links", links.Link.__table__.columns.keys(), role, visible)
        if role.edits:
            yield grant("select", app_table("places"), [role.write_role])
            yield from dependent_row_grants("links", role, visible)


def _visible_link(role: Role, policy: Policy) -> sql.Composed:
    """The condition that a role sees a link.

    For roles that see no assumed positions its position and its address must not be assumed either, nor its address be
    counted from a feature that the role may not see.
    """
    conditions = [SQL.compose("visible_link", view=sql.SQL(links.location_view(role.level)))]
    if not role.level.sees_assumed_positions:
        conditions.append(SQL.compose("link_without_assumed_position", assumed_address=f"{ASSUMED_PREFIX}%"))
        if (referents := policy.referent_layer) is not None:
            hidden = referents.hidden(sql.Identifier(referents.route_column), sql.SQL("at"), role.level)
            conditions.append(sql.SQL("not {}").format(hidden))
    return sql.SQL(" and ").join(conditions)


def _cell_grants(policy: Policy) -> Iterator[sql.Composed]:
    """Grid counts are read like the rows they count: up to the role's level, assumed positions from ``internal`` on.

    A scoped role reads no counts, because a count does not say to which unit its rows belong.
    """
    for table in map(app_table, ("cells", "cell_changes")):
        yield from force_row_security(table, all_role_names(policy))
        for role in policy.roles:
            if role.scoped:
                continue
            visible = up_to_level(role)
            if not role.level.sees_assumed_positions:
                visible += sql.SQL(" and not assumed")
            yield grant("select", table, [role.read_role])
            yield create_policy(table, f"see_{role.name}", "select", [role.read_role], using=visible)


def _account_grants(policy: Policy) -> Iterator[sql.Composed]:
    """Only the login that authenticates reads and writes accounts, the use of tokens and failed sign-ins."""
    for table in map(app_table, (*ACCOUNT_TABLES, "token_uses", "login_failures")):
        yield from force_row_security(table, all_role_names(policy))
        yield grant("select, insert, update", table, [ACCOUNTS_LOGIN])
        yield create_policy(table, "door", "all", [ACCOUNTS_LOGIN], using=ALL_ROWS, check=ALL_ROWS)


def _seal_grants(policy: Policy) -> list[sql.Composed]:
    """Only the sealer's login reads the journal and adds seals."""
    journal, seals = app_table("journal"), app_table("seals")
    return [
        *force_row_security(seals, all_role_names(policy)),
        grant("select", journal, [SEALER_LOGIN]),
        grant("select, insert", seals, [SEALER_LOGIN]),
        create_policy(journal, "seal", "select", [SEALER_LOGIN], using=ALL_ROWS),
        create_policy(seals, "see", "select", [SEALER_LOGIN], using=ALL_ROWS),
        create_policy(seals, "seal", "insert", [SEALER_LOGIN], check=ALL_ROWS),
    ]


def _common_grants(policy: Policy) -> Iterator[sql.Composed]:
    """Grants on the schema and on tables that belong to no layer: journal, identities, transitions, counters.

    No role reads the journal and the identities; those that manage releases read the access log by a function.
    """
    names = all_role_names(policy)
    for table in map(app_table, ("journal", "features", "moves", "counters")):
        yield from force_row_security(table, names)
    yield SQL.compose(
        "schema_grants",
        roles=identifiers(name for name in names if name != PARTNER_LOGIN),
        partner_login=sql.Identifier(PARTNER_LOGIN),
        writer_login=sql.Identifier(WRITER_LOGIN),
    )
    if releasing_readers := [role.read_role for role in policy.releasing_roles]:
        yield grant("execute", access_log.ACCESS_LOG_SIGNATURE, releasing_readers)
    readers = [role.read_role for role in policy.roles]
    yield grant("select", app_table("moves"), readers)
    yield create_policy(app_table("moves"), "see", "select", readers, using=ALL_ROWS)
    editors = [role.write_role for role in policy.roles if role.edits]
    yield grant("insert, update, select", app_table("counters"), editors)
    yield create_policy(app_table("counters"), "count", "all", editors, using=HAS_ACTOR, check=HAS_ACTOR)
    yield from _unjournalled_table_grants(policy, editors)


def _unjournalled_table_grants(policy: Policy, editors: list[str]) -> Iterator[sql.Composed]:
    """An ``UnjournalledRecord`` is read from its level upwards and written by the roles that edit every layer.

    If it has no level, every editing role has the rows of its actor.
    """
    full_editors = [
        role.write_role for role in policy.roles if all(role.edits.get(layer.name) == () for layer in all_layers())
    ]
    for name, record in unjournalled_tables.items():
        table = app_table(name)
        yield from force_row_security(table, all_role_names(policy))
        for role in policy.roles:
            if record.read_level is not None and role.level.may_read(record.read_level):
                visible = up_to_level(role) if "level" in record.__table__.columns else ALL_ROWS
                yield grant("select", table, [role.read_role])
                yield create_policy(table, f"see_{role.name}", "select", [role.read_role], using=visible)
        writers, condition = (
            (editors, SQL.compose("own_rows")) if record.read_level is None else (full_editors, HAS_ACTOR)
        )
        yield grant("select, insert, update, delete", table, writers)
        yield create_policy(table, "edit", "all", writers, using=condition, check=condition)
