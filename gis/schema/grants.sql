-- Roles, the guards of levels, and grants on tables that belong to no layer.

-- name: create_role
-- Two databases of one cluster may be migrated at once: then the role may exist by the time it is created here.
do $$ begin create role {role} {options};
exception when duplicate_object or unique_violation then alter role {role} {options}; end $$;

-- name: grant_role
grant {roles} to {member};

-- name: level_guards
-- Only releasing roles lower a level, and of these only a person who is not the row's author. Other roles cannot create
-- rows below the level of new rows either. The functions run with the rights of the role that changes the row, so that
-- current_user is that role; the system role and the database's administrator pass.
create or replace function app.guard_level() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if current_user in ({other_editors}) then
        raise exception 'only a releasing role may lower a level' using errcode = {lowering_not_allowed};
    end if;
    if current_user in ({releasing}) and app.actor() like 'token:%' then
        raise exception 'a signed-in person is required' using errcode = {person_required};
    end if;
    if current_user in ({releasing}) and OLD.created_by = app.actor() then
        raise exception 'the author may not lower the level' using errcode = {lowering_by_author};
    end if;
    return NEW;
end $$;
create or replace function app.guard_new_level() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if current_user in ({other_editors}) then
        raise exception 'only a releasing role may lower a level' using errcode = {lowering_not_allowed};
    end if;
    return NEW;
end $$;

-- name: level_guard_triggers
create or replace trigger guard_level before update of level on {table}
    for each row when (NEW.level < OLD.level) execute function app.guard_level();
create or replace trigger guard_new_level before insert on {table}
    for each row when (NEW.level < {level}) execute function app.guard_new_level();

-- name: visible_link
-- A link is visible to those who see both of its ends.
exists (select from {view} p where p.id = feature_id)
    and (to_id is null or exists (select from {view} p where p.id = to_id))

-- name: link_without_assumed_position
position_source <> 'assumed' and coalesce(at not like {assumed_address}, true)

-- name: own_rows
actor = (select app.actor())

-- name: schema_grants
grant usage on schema app to {roles};
revoke all on schema app from {partner_login};
grant execute on function app.actor() to {roles};
-- Access to restricted records is journalled by the writing login itself, before it takes an actor's role.
grant execute on function app.journal_read(text, uuid, text, jsonb) to {writer_login};
