"""Rights: the one policy page turned into PostgreSQL's own row policies and column grants.

``surface`` renders everything that decides who reads and writes what, from the cards and the policy; ``apply`` puts
it in place when it differs from what stands there, whoever changed it. No predicate is repeated in the application.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import Connection

from gis.accounts import models as accounts
from gis.audit import seal as seals
from gis.db.actors import Role
from gis.db.session import (
    ACCOUNTS_LOGIN,
    LOGINS,
    LOWERING_BY_AUTHOR,
    LOWERING_NOT_ALLOWED,
    OWNER_ROLE,
    PARTNER_LOGIN,
    PERSON_REQUIRED,
    PUBLISHER,
    READER_LOGIN,
    SEALER_LOGIN,
    WRITER_LOGIN,
)
from gis.history import access_log as readings, triggers as history
from gis.model import links
from gis.model.fields import ASSUMED_PREFIX, Clearance, Level, ScopedClearance
from gis.model.layer import (
    ChildRecord,
    Layer,
    all_layers,
    child_columns,
    child_tables,
    masked_child_fields,
    unjournalled_tables,
)
from gis.read import grid_counts as cells
from gis.release import publish as publication

REVOKED_FUNCTIONS = (
    "st_estimatedextent", "_postgis_stats", "_postgis_selectivity", "_postgis_join_selectivity",
    "_postgis_index_extent", "lo_create", "lo_creat", "lo_from_bytea",
)  # fmt: skip
"""Functions that ask for no right: PostGIS's look into statistics, which tell the extent and density of hidden rows,
and large objects, a place of one's own where nothing of the kind is needed. They are taken from everybody."""

HAS_ACTOR = "(select app.actor()) is not null"
"""What no trigger journals is not written without a name either."""

STAMPED_COLUMNS = {"version", "created_at", "created_by", "updated_at"}
"""Columns that only the stamp trigger writes."""


@dataclass(frozen=True)
class Policy:
    """The law of the house: its roles, and for each the condition on a layer's row to be seen and to be edited.

    ``functions`` is SQL that the conditions call. A role that is not named sees nothing. ``shared_by`` is the role with
    a partner's eyes, through which whatever is released passes. ``itself`` is the house's own role, which no person
    takes. ``landmarks`` are what addresses are counted from: no address may tell of one that its reader may not see.
    """

    roles: tuple[Role, ...]
    read_condition: Callable[[Role, Layer], str]
    edit_condition: Callable[[Role, Layer], str]
    functions: str = ""
    partner_view_role: Role | None = None
    system_role: Role | None = None
    referent_layer: publication.ReferentLayer | None = None

    @property
    def releasing_roles(self) -> list[Role]:
        """The roles that prepare and approve what leaves the house."""
        return [role for role in self.roles if role.manages_releases]


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
        readings.ACCESS_LOG_FUNCTION,
        seals.IMMUTABILITY_TRIGGERS,
        accounts.account_triggers(),
        cells.triggers(),
        links.location_views_sql(),
        policy.functions,
    ]
    made.append(_level_guards(policy))
    for layer in all_layers():
        made += _layer_grants(layer, policy)
    for part in child_tables.values():
        made += _child_table_grants(part, policy)
    made += _own_unit_views(policy)
    made += _link_grants(policy)
    made += _cell_grants(policy)
    made += _account_grants(policy)
    made += _common_grants(policy)
    made += _seal_grants(policy)
    if policy.partner_view_role is not None:
        made += publication.publication_sql(
            policy.partner_view_role, policy.releasing_roles, _all_roles(policy), policy.referent_layer
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


def _forced_row_security(table: str, all_roles: Sequence[str]) -> list[str]:
    """Row security, forced on the owner too, who alone passes freely through a policy of its own."""
    return [
        f"alter table app.{table} enable row level security;",
        f"alter table app.{table} force row level security;",
        f"revoke all on app.{table} from public, {', '.join(all_roles)};",
        _create_policy(table, "own", "all", OWNER_ROLE, using="true", check="true"),
    ]


def _all_roles(policy: Policy) -> list[str]:
    names = [
        name
        for role in policy.roles
        for name in ([role.read_role, role.write_role] if role.edits else [role.read_role])
    ]
    return [*names, *(role.own_unit_role for role in policy.roles if role.scoped), *LOGINS]


def _create_policy(table: str, name: str, verb: str, role: str, *, using: str = "", check: str = "") -> str:
    clauses = (f" using ({using})" if using else "") + (f" with check ({check})" if check else "")
    return (
        f"drop policy if exists {name} on app.{table};"
        f" create policy {name} on app.{table} for {verb} to {role}{clauses};"
    )


def _layer_grants(layer: Layer, policy: Policy) -> list[str]:
    table, past = layer.name, f"{layer.name}_history"
    everyone = _all_roles(policy)
    made = [*_forced_row_security(table, everyone), *_forced_row_security(past, everyone)]
    for role in policy.roles:
        eyes, reading = role.clearance, role.read_role
        remembered = [*layer.columns(eyes, from_history=True), *_history_columns(eyes)]
        made += [
            f"grant select ({', '.join(layer.columns(eyes))}) on app.{table} to {reading};",
            f"grant select ({', '.join(remembered)}) on app.{past} to {reading};",
            _create_policy(table, f"see_{role.name}", "select", reading, using=policy.read_condition(role, layer)),
            # What has been is seen by whoever may see what is.
            _create_policy(
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
    return ["valid", "action", *(history.PROVENANCE if everything else ())]


def _own_unit_views(policy: Policy) -> list[str]:
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
                _create_policy(
                    table, f"own_{role.name}", "select", role.own_unit_role, using=policy.edit_condition(role, layer)
                ),
                _create_policy(
                    past, f"own_{role.name}", "select", role.own_unit_role, using=_exists_in(table, f"{past}.id")
                ),
                *_own_unit_view(
                    table, ["id", "version", *layer.masked_fields(role.clearance), *history.PROVENANCE], role
                ),
            ]
        for part in child_tables.values():
            table, past = part.__tablename__, f"{part.__tablename__}_history"
            seen = _exists_in(part.parent.layer.name, "feature_id")
            made += [
                _create_policy(past, f"own_{role.name}", "select", role.own_unit_role, using=seen),
                *_own_unit_view(
                    table, ["id", "valid", *masked_child_fields(part, role.clearance), *history.PROVENANCE], role
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
        _create_policy(layer.name, f"edit_{role.name}", "update", role.write_role, using=allowed, check=allowed),
    ]
    if not changed:
        made += [
            f"grant insert ({_quoted_columns(stored)}) on app.{layer.name} to {role.write_role};",
            _create_policy(layer.name, f"add_{role.name}", "insert", role.write_role, check=allowed),
        ]
    return made


def _quoted_columns(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _child_history_grants(table: str, columns: Iterable[str], role: Role, condition: str) -> list[str]:
    """The history of what belongs to a feature is seen like the thing itself, row and column."""
    return [
        f"grant select ({_quoted_columns([*columns, 'since', *_history_columns(role.clearance)])})"
        f" on app.{table}_history to {role.read_role};",
        _create_policy(f"{table}_history", f"see_{role.name}", "select", role.read_role, using=condition),
    ]


def _child_table_grants(part: type[ChildRecord], policy: Policy) -> list[str]:
    table, owner = part.__tablename__, part.parent.layer
    made = [
        *_forced_row_security(table, _all_roles(policy)),
        *_forced_row_security(f"{table}_history", _all_roles(policy)),
    ]
    of_owner = f"exists (select from app.{owner.name} t where t.id = feature_id{{}})"
    for role in policy.roles:
        columns = child_columns(part, role.clearance)
        made += [
            f"grant select ({_quoted_columns(columns)}) on app.{table} to {role.read_role};",
            _create_policy(table, f"see_{role.name}", "select", role.read_role, using=of_owner.format("")),
            *_child_history_grants(table, columns, role, of_owner.format("")),
        ]
        if owner.name in role.edits:
            allowed = of_owner.format(f" and ({policy.edit_condition(role, owner)})")
            made += [
                f"grant insert, update, delete on app.{table} to {role.write_role};",
                _create_policy(table, f"add_{role.name}", "insert", role.write_role, check=allowed),
                _create_policy(table, f"edit_{role.name}", "update", role.write_role, using=allowed, check=allowed),
                _create_policy(table, f"erase_{role.name}", "delete", role.write_role, using=allowed),
            ]
    return made


def _link_grants(policy: Policy) -> list[str]:
    made = [
        *_forced_row_security("links", _all_roles(policy)),
        *_forced_row_security("links_history", _all_roles(policy)),
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
            _create_policy("links", f"see_{role.name}", "select", role.read_role, using=visible),
            *_child_history_grants("links", links.Link.__table__.columns.keys(), role, visible),
        ]
        if role.edits:
            made += [
                f"grant select on app.places to {edits};",
                f"grant insert, update, delete on app.links to {edits};",
                _create_policy("links", f"add_{role.name}", "insert", edits, check=visible),
                _create_policy("links", f"edit_{role.name}", "update", edits, using=visible, check=visible),
                _create_policy("links", f"erase_{role.name}", "delete", edits, using=visible),
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
        made += _forced_row_security(table, _all_roles(policy))
        for role in policy.roles:
            if role.scoped:
                continue
            seen = f"level <= '{role.level}'::app.level" + (
                "" if role.level.sees_assumed_positions else " and not assumed"
            )
            made += [
                f"grant select on app.{table} to {role.read_role};",
                _create_policy(table, f"see_{role.name}", "select", role.read_role, using=seen),
            ]
    return made


def _account_grants(policy: Policy) -> list[str]:
    """Who may come in is known to the door alone."""
    made = []
    for table in accounts.ACCOUNT_TABLES:
        made += [
            *_forced_row_security(table, _all_roles(policy)),
            f"grant select, insert, update on app.{table} to {ACCOUNTS_LOGIN};",
            _create_policy(table, "door", "all", ACCOUNTS_LOGIN, using="true", check="true"),
        ]
    return [
        *made,
        *_forced_row_security("token_uses", _all_roles(policy)),
        f"grant select, insert, update on app.token_uses to {ACCOUNTS_LOGIN};",
        _create_policy("token_uses", "door", "all", ACCOUNTS_LOGIN, using="true", check="true"),
    ]


def _seal_grants(policy: Policy) -> list[str]:
    """The sealer alone reads the journal and adds seals to it; nobody else has to do with either."""
    return [
        *_forced_row_security("seals", _all_roles(policy)),
        f"grant select on app.journal to {SEALER_LOGIN};",
        f"grant select, insert on app.seals to {SEALER_LOGIN};",
        _create_policy("journal", "seal", "select", SEALER_LOGIN, using="true"),
        _create_policy("seals", "see", "select", SEALER_LOGIN, using="true"),
        _create_policy("seals", "seal", "insert", SEALER_LOGIN, check="true"),
    ]


def _common_grants(policy: Policy) -> list[str]:
    """What belongs to no layer: the journal and identity, which nobody reads; the registers, from their level upwards.

    Who may change every layer keeps the registers too; of those that are private every editor has the own rows.
    """
    names = _all_roles(policy)
    everyone = ", ".join(name for name in names if name != PARTNER_LOGIN)
    readers = ", ".join(role.read_role for role in policy.roles)
    editors = ", ".join(role.write_role for role in policy.roles if role.edits)
    keepers = ", ".join(
        role.write_role for role in policy.roles if all(role.edits.get(one.name) == () for one in all_layers())
    )
    made = [f"grant usage on schema app to {everyone};", f"revoke all on schema app from {PARTNER_LOGIN};"]
    made += [*_forced_row_security("journal", names), *_forced_row_security("features", names)]
    made += [
        f"grant execute on function app.actor() to {everyone};",
        # Whoever reads says so through the login that writes, before it takes anybody's role.
        f"grant execute on function app.journal_read to {WRITER_LOGIN};",
    ]
    if sharing := ", ".join(role.read_role for role in policy.releasing_roles):
        made.append(f"grant execute on function {readings.ACCESS_LOG_SIGNATURE} to {sharing};")
    made += [*_forced_row_security("moves", names), f"grant select on app.moves to {readers};"]
    made += [_create_policy("moves", "see", "select", readers, using="true")]
    for table, register in unjournalled_tables.items():
        made += _forced_row_security(table, names)
        for role in policy.roles:
            if register.read_level is not None and role.level.may_read(register.read_level):
                seen = f"level <= '{role.level}'::app.level" if "level" in register.__table__.columns else "true"
                made += [
                    f"grant select on app.{table} to {role.read_role};",
                    _create_policy(table, f"see_{role.name}", "select", role.read_role, using=seen),
                ]
        kept_by, own = (
            (editors, "actor = (select app.actor())") if register.read_level is None else (keepers, HAS_ACTOR)
        )
        made += [
            f"grant select, insert, update, delete on app.{table} to {kept_by};",
            _create_policy(table, "edit", "all", kept_by, using=own, check=own),
        ]
    made += [
        f"grant insert, update, select on app.counters to {editors};",
        *_forced_row_security("counters", names)[:2],
        _create_policy("counters", "count", "all", editors, using=HAS_ACTOR, check=HAS_ACTOR),
        _create_policy("counters", "own", "all", OWNER_ROLE, using="true", check="true"),
    ]
    return made


SECURITY_FINGERPRINT = text("""
select md5(string_agg(line, e'\\n' order by line)) from (
    select format('policy %s.%s %s %s %s %s %s', tablename, policyname, permissive, roles, cmd, qual, with_check)
        as line from pg_policies where schemaname in ('app', 'release')
    union all select format('trigger %s %s %s', tgrelid::regclass, tgenabled::text, pg_get_triggerdef(oid))
        from pg_trigger where not tgisinternal and tgrelid in
            (select oid from pg_class where relnamespace::regnamespace::text in ('app', 'release'))
    union all select format('function %s', pg_get_functiondef(oid)) from pg_proc
        where pronamespace::regnamespace::text in ('app', 'release') and prokind = 'f'
    union all select format('function acl %s %s %s', oid::regprocedure, proowner::regrole,
        (select array_agg(one order by one::text) from unnest(coalesce(proacl, acldefault('f', proowner))) one))
        from pg_proc
        where pronamespace::regnamespace::text in ('app', 'release')
    union all select format('table %s %s %s %s %s', oid::regclass, relrowsecurity, relforcerowsecurity,
        (select array_agg(one order by one::text) from unnest(coalesce(relacl,
            acldefault((case relkind when 'S' then 's' else 'r' end)::"char", relowner))) one),
        reloptions)
        from pg_class where relnamespace::regnamespace::text in ('app', 'release') and relkind in ('r', 'v', 'S')
    union all select format('view %s %s', oid::regclass, pg_get_viewdef(oid))
        from pg_class where relnamespace::regnamespace::text in ('app', 'release') and relkind = 'v'
    union all select format('column %s %s %s', attrelid::regclass, attname,
        (select array_agg(one order by one::text) from unnest(attacl) one))
        from pg_attribute where attacl is not null and not attisdropped and attrelid in
            (select oid from pg_class where relnamespace::regnamespace::text in ('app', 'release'))
    union all select format('schema %s %s', nspname,
        (select array_agg(one order by one::text) from unnest(coalesce(nspacl, acldefault('n', nspowner))) one))
        from pg_namespace where nspname in ('app', 'release')
    union all select format('move %s %s %s', layer, from_word, to_word) from app.moves
) standing
""")
"""A fingerprint of what stands in the database: policies, triggers, functions, views, grants, row security, moves."""


DROP_SECURITY = """
do $$
declare tampered text;
begin
    for tampered in
        select format('drop policy %I on %I.%I', policyname, schemaname, tablename) from pg_policies
            where schemaname in ('app', 'release')
        union all select format('drop trigger %I on %s', tgname, tgrelid::regclass) from pg_trigger
            where not tgisinternal and tgrelid in
            (select oid from pg_class where relnamespace::regnamespace::text in ('app', 'release'))
        union all select distinct format('revoke all on %s from %s', c.oid::regclass,
            case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
            from pg_class c, aclexplode(c.relacl) a
            where c.relnamespace::regnamespace::text in ('app', 'release') and c.relkind in ('r', 'v', 'S')
            and a.grantee <> c.relowner
        union all select distinct format('revoke all (%I) on %s from %s', t.attname, c.oid::regclass,
            case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
            from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
            where c.relnamespace::regnamespace::text in ('app', 'release') and a.grantee <> c.relowner
            and not t.attisdropped
        union all select distinct format('revoke all on function %s from %s', p.oid::regprocedure, a.grantee::regrole)
            from pg_proc p, aclexplode(p.proacl) a
            where p.pronamespace::regnamespace::text in ('app', 'release') and a.grantee not in (0, p.proowner)
    loop execute tampered; end loop;
end $$;
"""
"""Takes away every policy, trigger and grant, also those nobody here has made; what belongs is put back at once."""


DISARM_UNKNOWN_FUNCTIONS = """
do $$
declare stray regprocedure;
begin
    for stray in select oid from pg_proc where pronamespace::regnamespace::text in ('app', 'release')
        and prokind = 'f' and prosecdef and proname <> all('{%s}')
    loop
        execute format('alter function %%s security invoker', stray);
        execute format('revoke all on function %%s from public', stray);
    end loop;
end $$;
"""
"""A function that nobody here has made has no rights but its caller's, and is nobody's to call."""

CREATED_FUNCTION = re.compile(r"create or replace function (?:app|release)\.(\w+)")


def security_drift(connection: Connection, policy: Policy) -> list[str]:
    """In what the surface that stands differs from the one that should: nothing, when all is well."""
    return _drift_from(connection, _hash(security_sql(policy)))


def _hash(rendered: str) -> str:
    return hashlib.sha256(rendered.encode()).hexdigest()


def _drift_from(connection: Connection, expected: str) -> list[str]:
    remembered = connection.execute(text("select rendered, standing from app.surface")).one_or_none()
    if remembered is None:
        return ["surface"]
    found = (expected, connection.execute(SECURITY_FINGERPRINT).scalar())
    return [name for name, kept, now in zip(("policy", "catalogue"), remembered, found, strict=True) if kept != now]


def apply(connection: Connection, policy: Policy) -> bool:
    """Put the surface in place if it differs, in the caller's transaction; returns whether anything was done.

    What was rendered and what stood after the last time are both remembered, so a policy dropped or a grant added by
    hand is found and mended. Raw SQL goes through the driver without parameters, because policies contain ``%``.
    """
    rendered = security_sql(policy)
    wanted = _hash(rendered)
    if not _drift_from(connection, wanted):
        return False
    cursor = connection.connection.cursor()
    cursor.execute(f"set local role {OWNER_ROLE}")
    cursor.execute(DROP_SECURITY)
    cursor.execute(rendered)
    cursor.execute(DISARM_UNKNOWN_FUNCTIONS % ",".join(sorted(set(CREATED_FUNCTION.findall(rendered)))))
    stands = connection.execute(SECURITY_FINGERPRINT).scalar()
    connection.execute(text("delete from app.surface"))
    connection.execute(
        text("insert into app.surface values (:wanted, :standing)"), {"wanted": wanted, "standing": stands}
    )
    cursor.execute("reset role")
    return True
