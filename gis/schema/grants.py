"""Rights: the one policy page turned into PostgreSQL's own row policies and column grants.

``surface`` renders everything that decides who reads and writes what, from the cards and the policy; ``apply`` puts
it in place when it differs from what stands there, whoever changed it. No predicate is repeated in the application.
"""

from gis.accounts import models as account_models
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
from gis.history import access_log, triggers as history
from gis.model import links
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
"""Functions that ask for no right: PostGIS's look into statistics, which tell the extent and density of hidden rows,
and large objects, a place of one's own where nothing of the kind is needed. They are taken from everybody."""


def roles_sql(policy: Policy) -> str:
    """The SQL of the owner, the logins and the policy's roles, idempotent. Needs CREATEROLE."""
    reading = [role.read_role for role in policy.roles]
    editing = [role.write_role for role in policy.roles if role.edits]
    owning = [role.own_unit_role for role in policy.roles if role.scoped]
    made = [_role(name, "nologin") for name in (OWNER_ROLE, PUBLISHER, *reading, *editing, *owning)]
    made += [_role(login, "login noinherit") for login in LOGINS]
    made += [
        f"grant {', '.join(reading)} to {READER_LOGIN};",
        f"grant {', '.join(reading + editing)} to {WRITER_LOGIN};",
    ]
    made += [f"grant {role.read_role} to {role.write_role};" for role in policy.roles if role.edits]
    made += [f"grant {name} to {OWNER_ROLE};" for name in owning]
    if policy.partner_view_role is not None:
        made += [
            f"grant {policy.partner_view_role.read_role} to {PUBLISHER};",
            f"grant {PUBLISHER} to {OWNER_ROLE};",
        ]
    return "\n".join(made)


def _role(name: str, options: str) -> str:
    # Two databases may be migrated at once in one cluster: the loser of the race finds the role made.
    return (
        f"do $$ begin create role {name} {options};"
        f" exception when duplicate_object or unique_violation then alter role {name} {options}; end $$;"
    )


def security_sql(policy: Policy) -> str:
    """The whole security surface as SQL: functions, triggers, views, policies and grants. Run by the owner."""
    made = [
        history.triggers(),
        access_log.ACCESS_LOG_FUNCTION,
        seal.IMMUTABILITY_TRIGGERS,
        account_models.account_triggers(),
        grid_counts.triggers(),
        links.location_views_sql(),
        policy.functions,
    ]
    made.append(_level_guards(policy))
    for layer in all_layers():
        made += layer_grants(layer, policy)
    for part in child_tables.values():
        made += child_table_grants(part, policy)
    made += own_unit_views(policy)
    made += _link_grants(policy)
    made += _cell_grants(policy)
    made += _account_grants(policy)
    made += _common_grants(policy)
    made += _seal_grants(policy)
    if policy.partner_view_role is not None:
        made += partner_grants.publication_sql(
            policy.partner_view_role, policy.releasing_roles, all_role_names(policy), policy.referent_layer
        )
    made.append(history.transitions_sql())  # last, because only its policy lets even the owner write them
    return "\n".join(made)


def _level_guards(policy: Policy) -> str:
    """The trigger by which nothing is opened to more readers but by the office, and there not by whoever entered it.

    It runs with the rights of whoever changes the row, so that ``current_user`` is that post; the house itself and the
    administrator of the database are no posts.
    """
    office = ", ".join(f"'{role.write_role}'" for role in policy.releasing_roles)
    others = ", ".join(
        f"'{role.write_role}'"
        for role in policy.roles
        if role.edits and not role.manages_releases and role != policy.system_role
    )
    made = f"""
create or replace function app.guard_level() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if current_user in ({others or "''"}) then
        raise exception 'the office opens' using errcode = '{LOWERING_NOT_ALLOWED}';
    end if;
    if current_user in ({office or "''"}) and app.actor() like 'token:%' then
        raise exception 'a person is needed' using errcode = '{PERSON_REQUIRED}';
    end if;
    if current_user in ({office or "''"}) and OLD.created_by = app.actor() then
        raise exception 'somebody else opens' using errcode = '{LOWERING_BY_AUTHOR}';
    end if;
    return NEW;
end $$;
create or replace function app.guard_new_level() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if current_user in ({others or "''"}) then
        raise exception 'the office opens' using errcode = '{LOWERING_NOT_ALLOWED}';
    end if;
    return NEW;
end $$;"""
    for layer in all_layers():
        made += f"""
create or replace trigger guard_level before update of level on app.{layer.name}
    for each row when (NEW.level < OLD.level) execute function app.guard_level();
create or replace trigger guard_new_level before insert on app.{layer.name}
    for each row when (NEW.level < '{Level.INTERNAL}') execute function app.guard_new_level();"""
    return made


def _link_grants(policy: Policy) -> list[str]:
    made = [
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
        edits = role.write_role
        made += [
            f"grant select on {view} to {role.read_role};",
            f"grant select on app.links to {role.read_role};",
            create_policy("links", f"see_{role.name}", "select", role.read_role, using=visible),
            *child_history_grants("links", links.Link.__table__.columns.keys(), role, visible),
        ]
        if role.edits:
            made += [
                f"grant select on app.places to {edits};",
                f"grant insert, update, delete on app.links to {edits};",
                create_policy("links", f"add_{role.name}", "insert", edits, check=visible),
                create_policy("links", f"edit_{role.name}", "update", edits, using=visible, check=visible),
                create_policy("links", f"erase_{role.name}", "delete", edits, using=visible),
            ]
    return made


def _address_condition(role: Role, policy: Policy) -> str:
    """The address of a link is told below the house where it is not assumed and not counted from what is hidden."""
    known = f" and position_source <> 'assumed' and coalesce(at not like '{ASSUMED_PREFIX}%', true)"
    if policy.referent_layer is None:
        return known
    hidden = policy.referent_layer.hidden_sql.format(border="border", address="at", level=role.level)
    return f"{known} and not coalesce({hidden}, false)"


def _cell_grants(policy: Policy) -> list[str]:
    """Counts are seen like the rows they count; what stands at an assumed place is counted for the office alone.

    A scoped role has no counts: they do not know whose matter they count.
    """
    made = []
    for table in ("cells", "cell_changes"):
        made += forced_row_security(table, all_role_names(policy))
        for role in policy.roles:
            if role.scoped:
                continue
            seen = f"level <= '{role.level}'::app.level" + (
                "" if role.level.sees_assumed_positions else " and not assumed"
            )
            made += [
                f"grant select on app.{table} to {role.read_role};",
                create_policy(table, f"see_{role.name}", "select", role.read_role, using=seen),
            ]
    return made


def _account_grants(policy: Policy) -> list[str]:
    """Who may come in is known to the door alone."""
    made = []
    for table in account_models.ACCOUNT_TABLES:
        made += [
            *forced_row_security(table, all_role_names(policy)),
            f"grant select, insert, update on app.{table} to {ACCOUNTS_LOGIN};",
            create_policy(table, "door", "all", ACCOUNTS_LOGIN, using="true", check="true"),
        ]
    return [
        *made,
        *forced_row_security("token_uses", all_role_names(policy)),
        f"grant select, insert, update on app.token_uses to {ACCOUNTS_LOGIN};",
        create_policy("token_uses", "door", "all", ACCOUNTS_LOGIN, using="true", check="true"),
    ]


def _seal_grants(policy: Policy) -> list[str]:
    """The sealer alone reads the journal and adds seals to it; nobody else has to do with either."""
    return [
        *forced_row_security("seals", all_role_names(policy)),
        f"grant select on app.journal to {SEALER_LOGIN};",
        f"grant select, insert on app.seals to {SEALER_LOGIN};",
        create_policy("journal", "seal", "select", SEALER_LOGIN, using="true"),
        create_policy("seals", "see", "select", SEALER_LOGIN, using="true"),
        create_policy("seals", "seal", "insert", SEALER_LOGIN, check="true"),
    ]


def _common_grants(policy: Policy) -> list[str]:
    """What belongs to no layer: the journal and identity, which nobody reads; the registers, from their level upwards.

    Who may change every layer keeps the registers too; of those that are private every editor has the own rows.
    """
    names = all_role_names(policy)
    everyone = ", ".join(name for name in names if name != PARTNER_LOGIN)
    readers = ", ".join(role.read_role for role in policy.roles)
    editors = ", ".join(role.write_role for role in policy.roles if role.edits)
    keepers = ", ".join(
        role.write_role for role in policy.roles if all(role.edits.get(one.name) == () for one in all_layers())
    )
    made = [f"grant usage on schema app to {everyone};", f"revoke all on schema app from {PARTNER_LOGIN};"]
    made += [*forced_row_security("journal", names), *forced_row_security("features", names)]
    made += [
        f"grant execute on function app.actor() to {everyone};",
        # Whoever reads says so through the login that writes, before it takes anybody's role.
        f"grant execute on function app.journal_read to {WRITER_LOGIN};",
    ]
    if sharing := ", ".join(role.read_role for role in policy.releasing_roles):
        made.append(f"grant execute on function {access_log.ACCESS_LOG_SIGNATURE} to {sharing};")
    made += [*forced_row_security("moves", names), f"grant select on app.moves to {readers};"]
    made += [create_policy("moves", "see", "select", readers, using="true")]
    for table, register in unjournalled_tables.items():
        made += forced_row_security(table, names)
        for role in policy.roles:
            if register.read_level is not None and role.level.may_read(register.read_level):
                seen = f"level <= '{role.level}'::app.level" if "level" in register.__table__.columns else "true"
                made += [
                    f"grant select on app.{table} to {role.read_role};",
                    create_policy(table, f"see_{role.name}", "select", role.read_role, using=seen),
                ]
        kept_by, own = (
            (editors, "actor = (select app.actor())") if register.read_level is None else (keepers, HAS_ACTOR)
        )
        made += [
            f"grant select, insert, update, delete on app.{table} to {kept_by};",
            create_policy(table, "edit", "all", kept_by, using=own, check=own),
        ]
    made += [
        f"grant insert, update, select on app.counters to {editors};",
        *forced_row_security("counters", names)[:2],
        create_policy("counters", "count", "all", editors, using=HAS_ACTOR, check=HAS_ACTOR),
        create_policy("counters", "own", "all", OWNER_ROLE, using="true", check="true"),
    ]
    return made
