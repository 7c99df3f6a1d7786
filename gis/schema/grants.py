"""Grants: the policy rendered as PostgreSQL's roles, row policies and column grants.

``security_sql`` renders everything that decides who reads and writes what, from the layers and the policy;
``gis.schema.apply`` applies it when the database differs. The application repeats none of these conditions.
"""

from gis.accounts.models import ACCOUNT_TABLES, account_triggers
from gis.audit import seal
from gis.db.actors import Role
from gis.db.refusals import LOWERING_BY_AUTHOR, LOWERING_NOT_ALLOWED, PERSON_REQUIRED
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
from gis.schema.statements import HAS_ACTOR, all_role_names, create_policy, forced_row_security

REVOKED_FUNCTIONS = (
    "st_estimatedextent", "_postgis_stats", "_postgis_selectivity", "_postgis_join_selectivity",
    "_postgis_index_extent", "lo_create", "lo_creat", "lo_from_bytea",
)  # fmt: skip
"""Functions whose EXECUTE is revoked from PUBLIC: PostGIS's functions that read statistics, which reveal the extent
and density of hidden rows, and those that create large objects, which are outside of all row policies."""


def roles_sql(policy: Policy) -> str:
    """The SQL that creates the owner, the logins and the policy's roles, idempotent. Needs CREATEROLE."""
    reading = [role.read_role for role in policy.roles]
    editing = [role.write_role for role in policy.roles if role.edits]
    owning = [role.own_unit_role for role in policy.roles if role.scoped]
    statements = [_create_role(name, "nologin") for name in (OWNER_ROLE, PUBLISHER, *reading, *editing, *owning)]
    statements += [_create_role(login, "login noinherit") for login in LOGINS]
    statements += [
        f"grant {', '.join(reading)} to {READER_LOGIN};",
        f"grant {', '.join(reading + editing)} to {WRITER_LOGIN};",
    ]
    statements += [f"grant {role.read_role} to {role.write_role};" for role in policy.roles if role.edits]
    statements += [f"grant {name} to {OWNER_ROLE};" for name in owning]
    if policy.partner_view_role is not None:
        statements += [
            f"grant {policy.partner_view_role.read_role} to {PUBLISHER};",
            f"grant {PUBLISHER} to {OWNER_ROLE};",
        ]
    return "\n".join(statements)


def _create_role(name: str, options: str) -> str:
    """The statement that creates a role, or sets its options if it exists."""
    # Two databases of one cluster may be migrated at once: then the role may exist by the time it is created here.
    return (
        f"do $$ begin create role {name} {options};"
        f" exception when duplicate_object or unique_violation then alter role {name} {options}; end $$;"
    )


def security_sql(policy: Policy) -> str:
    """The whole security surface as SQL: functions, triggers, views, policies and grants. Run by the owner."""
    statements = [
        triggers.triggers(),
        access_log.ACCESS_LOG_FUNCTION,
        seal.IMMUTABILITY_TRIGGERS,
        account_triggers(),
        grid_counts.triggers(),
        AS_OF_FUNCTION,
        links.views_sql(),
        policy.functions,
    ]
    statements.append(_level_guards(policy))
    for layer in all_layers():
        statements += layer_grants(layer, policy)
    for child in child_tables.values():
        statements += child_table_grants(child, policy)
    statements += own_unit_views(policy)
    statements += _link_grants(policy)
    statements += _cell_grants(policy)
    statements += _account_grants(policy)
    statements += _common_grants(policy)
    statements += _seal_grants(policy)
    if policy.partner_view_role is not None:
        statements += partner_grants.publication_sql(
            policy.partner_view_role, policy.releasing_roles, all_role_names(policy), policy.referent_layer
        )
    statements.append(triggers.transitions_sql())  # last, because even the owner needs the policy above to write
    return "\n".join(statements)


def _level_guards(policy: Policy) -> str:
    """Triggers that let only releasing roles lower a level, and of these only a person who is not the row's author.

    Other roles cannot create rows below level ``internal`` either. The functions run with the rights of the role that
    changes the row, so that ``current_user`` is that role; the system role and the database's administrator pass.
    """
    releasing = ", ".join(f"'{role.write_role}'" for role in policy.releasing_roles)
    other_editors = ", ".join(
        f"'{role.write_role}'"
        for role in policy.roles
        if role.edits and not role.manages_releases and role != policy.system_role
    )
    statements = f"""
create or replace function app.guard_level() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if current_user in ({other_editors or "''"}) then
        raise exception 'only a releasing role may lower a level' using errcode = '{LOWERING_NOT_ALLOWED}';
    end if;
    if current_user in ({releasing or "''"}) and app.actor() like 'token:%' then
        raise exception 'a signed-in person is required' using errcode = '{PERSON_REQUIRED}';
    end if;
    if current_user in ({releasing or "''"}) and OLD.created_by = app.actor() then
        raise exception 'the author may not lower the level' using errcode = '{LOWERING_BY_AUTHOR}';
    end if;
    return NEW;
end $$;
create or replace function app.guard_new_level() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if current_user in ({other_editors or "''"}) then
        raise exception 'only a releasing role may lower a level' using errcode = '{LOWERING_NOT_ALLOWED}';
    end if;
    return NEW;
end $$;"""
    for layer in all_layers():
        statements += f"""
create or replace trigger guard_level before update of level on app.{layer.name}
    for each row when (NEW.level < OLD.level) execute function app.guard_level();
create or replace trigger guard_new_level before insert on app.{layer.name}
    for each row when (NEW.level < '{Level.INTERNAL}') execute function app.guard_new_level();"""
    return statements


def _link_grants(policy: Policy) -> list[str]:
    """A link is read and changed by roles that see both of its ends; see ``_address_condition`` for its address."""
    statements = [
        *forced_row_security("links", all_role_names(policy)),
        *forced_row_security("links_history", all_role_names(policy)),
    ]
    for role in policy.roles:
        view = links.location_view(role.level)
        visible = (
            f"exists (select from {view} p where p.id = feature_id)"
            f" and (to_id is null or exists (select from {view} p where p.id = to_id))"
            + ("" if role.level.sees_assumed_positions else _address_condition(role, policy))
        )
        write_role = role.write_role
        statements += [
            f"grant select on {view} to {role.read_role};",
            f"grant select on app.links, app.links_as_of to {role.read_role};",
            create_policy("links", f"see_{role.name}", "select", role.read_role, using=visible),
            *child_history_grants("links", links.Link.__table__.columns.keys(), role, visible),
        ]
        if role.edits:
            statements += [
                f"grant select on app.places to {write_role};",
                f"grant insert, update, delete on app.links to {write_role};",
                create_policy("links", f"add_{role.name}", "insert", write_role, check=visible),
                create_policy("links", f"edit_{role.name}", "update", write_role, using=visible, check=visible),
                create_policy("links", f"erase_{role.name}", "delete", write_role, using=visible),
            ]
    return statements


def _address_condition(role: Role, policy: Policy) -> str:
    """The condition on a link for roles that see no assumed positions.

    Its position and its address must not be assumed, nor its address be counted from a feature that the role may not
    see.
    """
    condition = f" and position_source <> 'assumed' and coalesce(at not like '{ASSUMED_PREFIX}%', true)"
    if policy.referent_layer is None:
        return condition
    hidden = policy.referent_layer.hidden_sql.format(
        route=policy.referent_layer.route_column, address="at", level=role.level
    )
    return f"{condition} and not coalesce({hidden}, false)"


def _cell_grants(policy: Policy) -> list[str]:
    """Grid counts are read like the rows they count: up to the role's level, assumed positions from ``internal`` on.

    A scoped role reads no counts, because a count does not say to which unit its rows belong.
    """
    statements = []
    for table in ("cells", "cell_changes"):
        statements += forced_row_security(table, all_role_names(policy))
        for role in policy.roles:
            if role.scoped:
                continue
            visible = f"level <= '{role.level}'::app.level" + (
                "" if role.level.sees_assumed_positions else " and not assumed"
            )
            statements += [
                f"grant select on app.{table} to {role.read_role};",
                create_policy(table, f"see_{role.name}", "select", role.read_role, using=visible),
            ]
    return statements


def _account_grants(policy: Policy) -> list[str]:
    """Only the login that authenticates reads and writes accounts and the use of tokens."""
    statements = []
    for table in ACCOUNT_TABLES:
        statements += [
            *forced_row_security(table, all_role_names(policy)),
            f"grant select, insert, update on app.{table} to {ACCOUNTS_LOGIN};",
            create_policy(table, "door", "all", ACCOUNTS_LOGIN, using="true", check="true"),
        ]
    return [
        *statements,
        *forced_row_security("token_uses", all_role_names(policy)),
        f"grant select, insert, update on app.token_uses to {ACCOUNTS_LOGIN};",
        create_policy("token_uses", "door", "all", ACCOUNTS_LOGIN, using="true", check="true"),
    ]


def _seal_grants(policy: Policy) -> list[str]:
    """Only the sealer's login reads the journal and adds seals."""
    return [
        *forced_row_security("seals", all_role_names(policy)),
        f"grant select on app.journal to {SEALER_LOGIN};",
        f"grant select, insert on app.seals to {SEALER_LOGIN};",
        create_policy("journal", "seal", "select", SEALER_LOGIN, using="true"),
        create_policy("seals", "see", "select", SEALER_LOGIN, using="true"),
        create_policy("seals", "seal", "insert", SEALER_LOGIN, check="true"),
    ]


def _common_grants(policy: Policy) -> list[str]:
    """Grants on tables that belong to no layer: journal, identities, transitions, counters, tables without a journal.

    No role reads the journal and the identities. An ``UnjournalledRecord`` is read from its level upwards and written
    by the roles that edit every layer; if it has no level, every editing role has the rows of its actor.
    """
    names = all_role_names(policy)
    everyone = ", ".join(name for name in names if name != PARTNER_LOGIN)
    readers = ", ".join(role.read_role for role in policy.roles)
    editors = ", ".join(role.write_role for role in policy.roles if role.edits)
    full_editors = ", ".join(
        role.write_role for role in policy.roles if all(role.edits.get(layer.name) == () for layer in all_layers())
    )
    statements = [f"grant usage on schema app to {everyone};", f"revoke all on schema app from {PARTNER_LOGIN};"]
    statements += [*forced_row_security("journal", names), *forced_row_security("features", names)]
    statements += [
        f"grant execute on function app.actor() to {everyone};",
        # Access to restricted records is journalled by the writing login itself, before it takes an actor's role.
        f"grant execute on function app.journal_read to {WRITER_LOGIN};",
    ]
    if releasing_readers := ", ".join(role.read_role for role in policy.releasing_roles):
        statements.append(f"grant execute on function {access_log.ACCESS_LOG_SIGNATURE} to {releasing_readers};")
    statements += [*forced_row_security("moves", names), f"grant select on app.moves to {readers};"]
    statements += [create_policy("moves", "see", "select", readers, using="true")]
    for table, record in unjournalled_tables.items():
        statements += forced_row_security(table, names)
        for role in policy.roles:
            if record.read_level is not None and role.level.may_read(record.read_level):
                visible = f"level <= '{role.level}'::app.level" if "level" in record.__table__.columns else "true"
                statements += [
                    f"grant select on app.{table} to {role.read_role};",
                    create_policy(table, f"see_{role.name}", "select", role.read_role, using=visible),
                ]
        writers, condition = (
            (editors, "actor = (select app.actor())") if record.read_level is None else (full_editors, HAS_ACTOR)
        )
        statements += [
            f"grant select, insert, update, delete on app.{table} to {writers};",
            create_policy(table, "edit", "all", writers, using=condition, check=condition),
        ]
    statements += [
        f"grant insert, update, select on app.counters to {editors};",
        *forced_row_security("counters", names)[:2],
        create_policy("counters", "count", "all", editors, using=HAS_ACTOR, check=HAS_ACTOR),
        create_policy("counters", "own", "all", OWNER_ROLE, using="true", check="true"),
    ]
    return statements
