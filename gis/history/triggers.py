"""SQL of the triggers that stamp rows and write the history tables and the journal.

Each layer has two triggers. ``stamp`` (BEFORE) sets version, times and author, and refuses a change without an actor,
a changed id and a status transition that the layer does not declare. ``remember`` (AFTER) registers the id, closes the
previous history row, adds the new one and writes the journal. They run in PostgreSQL, so that raw SQL is recorded like
a request. ``TRUNCATE`` is refused, and no statement changes or deletes a journal entry.
"""

from sqlalchemy import Table

from gis.db.refusals import FIXED_IDENTITY, ILLEGAL_TRANSITION, NO_ACTOR
from gis.model.children import child_tables
from gis.model.layer import Layer, catalog
from gis.model.links import Link

JOURNAL = """
create table if not exists app.journal (
    seq bigint generated always as identity primary key,
    xid bigint not null default pg_current_xact_id()::text::bigint,
    at timestamptz not null default clock_timestamp(),
    actor text not null, unit text, reason text, request text, device_at text,
    table_name text not null, feature_id uuid, action text not null,
    old jsonb, new jsonb
);
create index if not exists ix_journal_feature_id on app.journal (feature_id, seq);
create table if not exists app.moves (
    layer text not null, from_word text not null, to_word text not null, primary key (layer, from_word, to_word)
);
"""
"""The journal, to which the triggers of every layer write, and ``moves``, the allowed status transitions.

``feature_id`` is null in entries about several features, such as an export; ``new`` then holds the selection.
"""

FUNCTIONS = f"""
create or replace function app.actor() returns text language plpgsql stable set search_path = pg_catalog as $$
declare actor_name text := nullif(current_setting('cotmoc.actor', true), '');
begin
    if actor_name is null then raise exception 'no actor' using errcode = '{NO_ACTOR}'; end if;
    return actor_name;
end $$;

create or replace function app.write_journal(
    table_name text, feature_id uuid, action text, old jsonb, new jsonb
) returns bigint language sql security definer set search_path = pg_catalog as $$
    insert into app.journal (actor, unit, reason, request, device_at, table_name, feature_id, action, old, new)
    values (app.actor(), nullif(current_setting('cotmoc.unit', true), ''),
            nullif(current_setting('cotmoc.reason', true), ''), nullif(current_setting('cotmoc.request', true), ''),
            nullif(current_setting('cotmoc.device_at', true), ''), $1, $2, $3, $4, $5)
    returning seq;
$$;
revoke all on function app.write_journal from public;

create or replace function app.journal_read(
    layer text, feature_id uuid, action text, selection jsonb
) returns void language plpgsql security definer set search_path = pg_catalog as $$
begin
    if $3 not in ('read', 'export') then raise exception 'unknown action' using errcode = '22023'; end if;
    perform app.write_journal($1, $2, $3, null, $4);
end $$;
revoke all on function app.journal_read from public;

create or replace function app.refuse_truncate() returns trigger language plpgsql as $$
begin raise exception 'TRUNCATE is not allowed' using errcode = '42501'; end $$;
"""


def stamp_function(layer: Layer) -> str:
    """SQL of the BEFORE trigger: version, times and author; refuses transitions that the layer does not declare.

    A feature that is retired gets the highest level that it ever had.
    """
    status = layer.status
    status_check = ""
    if status is not None:
        column = status.name
        status_check = f"""
    if NEW."{column}" is not null and TG_OP = 'INSERT' and not exists (
        select from app.moves where layer = '{layer.name}' and NEW."{column}" in (from_word, to_word)) then
        raise exception 'unknown status' using errcode = '{ILLEGAL_TRANSITION}';
    end if;
    if TG_OP = 'UPDATE' and NEW."{column}" is distinct from OLD."{column}" and not exists (
        select from app.moves where layer = '{layer.name}'
        and from_word = coalesce(OLD."{column}", '') and to_word = coalesce(NEW."{column}", '')) then
        raise exception 'transition not allowed' using errcode = '{ILLEGAL_TRANSITION}';
    end if;"""
    return f"""
create or replace function app.stamp_{layer.name}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if TG_OP = 'INSERT' then
        NEW.version := 1; NEW.created_by := app.actor(); NEW.created_at := clock_timestamp();
        NEW.updated_at := NEW.created_at; NEW.retired_at := null;
    else
        perform app.actor();
        if NEW.id <> OLD.id then raise exception 'the id must not change' using errcode = '{FIXED_IDENTITY}'; end if;
        NEW.version := OLD.version + 1; NEW.created_by := OLD.created_by; NEW.created_at := OLD.created_at;
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
        if NEW.retired_at is not null and OLD.retired_at is null then
            NEW.level := (select max(level) from app.{layer.name}_history where id = NEW.id);
        end if;
    end if;{status_check}
    return NEW;
end $$;"""


CHANGE_CONTEXT = ("reason", "request", "device_at")
"""Session settings (``cotmoc.…``) that history rows store beside the actor. ``device_at`` is the device's time."""

PROVENANCE = ("actor", *CHANGE_CONTEXT)
"""History columns that say who made a change, why and in which request."""


def history_function(layer: Layer) -> str:
    """SQL of the AFTER trigger: the id's registration, the history table and the journal.

    It is a security definer: no writing role has rights of its own on these tables.
    """
    columns, values = _stored_columns(layer.model.__table__)  # type: ignore[arg-type]
    history = f"app.{layer.name}_history"
    return f"""
create or replace function app.remember_{layer.name}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare seq bigint;
begin
    -- The journal leaves out the Web Mercator columns, which are computed from the geometry.
    if TG_OP <> 'DELETE' then NEW.mercator := null; NEW.shared_mercator := null; end if;
    if TG_OP <> 'INSERT' then OLD.mercator := null; OLD.shared_mercator := null; end if;
    if TG_OP = 'INSERT' then
        insert into app.features (id, layer) values (NEW.id, '{layer.name}');
    else
        update {history} set valid = tstzrange(lower(valid), case TG_OP when 'DELETE' then
            greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond') else NEW.updated_at end)
        where id = OLD.id and version = OLD.version;
    end if;
    if TG_OP = 'DELETE' then
        perform app.write_journal('{layer.name}', OLD.id, 'delete', to_jsonb(OLD), null);
        return null;
    end if;
    seq := app.write_journal('{layer.name}', NEW.id, lower(TG_OP),
        case when TG_OP = 'UPDATE' then to_jsonb(OLD) end, to_jsonb(NEW));
    insert into {history} ({columns}, valid, action, actor, {", ".join(CHANGE_CONTEXT)}, journal_seq)
    values ({values.format("NEW")}, tstzrange(NEW.updated_at, null), lower(TG_OP), app.actor(), {_context_sql()}, seq);
    return null;
end $$;"""


def child_history_function(table: Table) -> str:
    """SQL of the AFTER trigger of a child table or of the links; the journal entry carries the feature's id.

    A deletion adds a last history row whose validity is a single moment.
    """
    columns, values = _stored_columns(table)
    history = f"app.{table.name}_history"
    return f"""
create or replace function app.remember_{table.name}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    subject record := case when TG_OP = 'DELETE' then OLD else NEW end;
    moment timestamptz := clock_timestamp();
    seq bigint;
begin
    seq := app.write_journal('{table.name}', subject.feature_id, lower(TG_OP),
        case when TG_OP <> 'INSERT' then to_jsonb(OLD) end, case when TG_OP <> 'DELETE' then to_jsonb(NEW) end);
    if TG_OP <> 'INSERT' then
        update {history} set valid = tstzrange(lower(valid), greatest(moment, lower(valid) + interval '1 microsecond'))
        where id = OLD.id and upper_inf(valid) returning upper(valid) into moment;
    end if;
    moment := coalesce(moment, clock_timestamp());
    insert into {history} ({columns}, valid, action, actor, {", ".join(CHANGE_CONTEXT)}, journal_seq)
    values ({values.format("subject")}, case TG_OP when 'DELETE' then tstzrange(moment, moment, '[]')
        else tstzrange(moment, null) end, lower(TG_OP), app.actor(), {_context_sql()}, seq);
    return null;
end $$;"""


def _stored_columns(table: Table) -> tuple[str, str]:
    """The names of a table's stored columns, and their values with ``{0}`` as the row."""
    stored = [f'"{column.name}"' for column in table.columns if column.computed is None]
    return ", ".join(stored), ", ".join(f"{{0}}.{name}" for name in stored)


def _context_sql() -> str:
    """SQL of the values of ``CHANGE_CONTEXT``, null where a setting is empty."""
    return ", ".join(f"nullif(current_setting('cotmoc.{name}', true), '')" for name in CHANGE_CONTEXT)


def triggers() -> str:
    """SQL of all history functions and triggers of every layer, child table and the links; idempotent."""
    statements = [FUNCTIONS]
    for layer in catalog.values():
        statements += [stamp_function(layer), history_function(layer)]
        statements += [
            f"create or replace trigger stamp before insert or update on app.{layer.name}"
            f" for each row execute function app.stamp_{layer.name}();",
            f"create or replace trigger remember after insert or update or delete on app.{layer.name}"
            f" for each row execute function app.remember_{layer.name}();",
            _no_truncate(layer.name),
            _no_truncate(f"{layer.name}_history"),
        ]
    for table in dependent_tables():
        statements += [
            child_history_function(table),
            f"create or replace trigger remember after insert or update or delete on app.{table.name}"
            f" for each row execute function app.remember_{table.name}();",
            _no_truncate(table.name),
            _no_truncate(f"{table.name}_history"),
        ]
    statements += [_no_truncate("journal"), _no_truncate("features")]
    statements += [
        "create or replace function app.refuse_change() returns trigger language plpgsql as $$"
        " begin raise exception 'rows of this table must not change' using errcode = '42501'; end $$;",
        "create or replace trigger fixed before update or delete on app.journal"
        " for each row execute function app.refuse_change();",
    ]
    return "\n".join(statements)


def dependent_tables() -> list[Table]:
    """The tables whose rows belong to a feature: the child tables and the links."""
    return [*(child.__table__ for child in child_tables.values()), Link.__table__]  # type: ignore[list-item]


def _no_truncate(table: str) -> str:
    """SQL of the trigger that refuses TRUNCATE."""
    return (
        f"create or replace trigger no_truncate before truncate on app.{table}"
        " for each statement execute function app.refuse_truncate();"
    )


def transitions_sql() -> str:
    """SQL that fills ``app.moves`` with the status transitions that the layers declare."""
    rows = [f"('{layer.name}', '{start}', '{end}')" for layer in catalog.values() for start, end in layer.transitions]
    return (
        "delete from app.moves;\n"
        f"insert into app.moves (layer, from_word, to_word) values {', '.join(sorted(set(rows)))};"
        if rows
        else "delete from app.moves;"
    )
