-- Publication: the functions that publish and withdraw releases, and the triggers that guard their transitions.

-- name: hash_functions
create or replace function app.text_hash(words text) returns text language sql immutable parallel safe strict
    set search_path = pg_catalog as $$ select encode(sha256(convert_to($1, 'UTF8')), 'hex') $$;
create or replace function app.content_hash(content jsonb) returns text language sql immutable parallel safe strict
    set search_path = pg_catalog as $$ select encode(sha256(convert_to($1::text, 'UTF8')), 'hex') $$;

-- name: transition_functions
-- Check each transition of a version, and note who prepared, submitted and approved it.
create or replace function app.stamp_release_version() returns trigger
language plpgsql set search_path = pg_catalog as $$
declare
    actor_name text := app.actor();
    -- The columns that only this trigger and the functions that publish set.
    stamped text[] := array['state', 'preparers', 'submitted_by', 'approved_by', 'watermark', 'manifest'];
begin
    -- A token does not say which person used it.
    if actor_name like 'token:%' then
        raise exception 'a signed-in person is required' using errcode = {person_required};
    end if;
    if TG_OP = 'INSERT' then
        NEW.state := 'draft'; NEW.preparers := array[actor_name]; NEW.submitted_by := null; NEW.approved_by := null;
        NEW.watermark := null; NEW.manifest := null; NEW.prepared_at := clock_timestamp();
        return NEW;
    end if;
    if NEW.state = OLD.state then
        if OLD.state <> 'draft' then
            raise exception 'only a draft can be changed' using errcode = {illegal_transition};
        end if;
        NEW.preparers :=
            case when actor_name = any(OLD.preparers) then OLD.preparers else OLD.preparers || actor_name end;
        NEW.submitted_by := null; NEW.approved_by := null; NEW.watermark := null; NEW.manifest := null;
        return NEW;
    end if;
    if OLD.state || ' ' || NEW.state not in ({transitions}) or to_jsonb(NEW) - stamped <> to_jsonb(OLD) - stamped then
        raise exception 'transition not allowed' using errcode = {illegal_transition};
    end if;
    -- A transition changes the state only.
    NEW.preparers := OLD.preparers; NEW.submitted_by := OLD.submitted_by; NEW.approved_by := OLD.approved_by;
    if NEW.state in ('published', 'replaced', 'withdrawn') then
        if current_user <> {publisher} then
            raise exception 'call publish_release or withdraw_release' using errcode = '42501';
        end if;
        return NEW;
    end if;
    NEW.watermark := null; NEW.manifest := null;
    if NEW.state = 'submitted' then
        if NEW.basis is null or not exists (select from app.release_rows r where r.version_id = NEW.id) then
            raise exception 'a basis and rows are required' using errcode = {illegal_transition};
        end if;
        NEW.submitted_by := actor_name;
    elsif NEW.state = 'approved' then
        if actor_name = any(NEW.preparers || NEW.submitted_by) then
            raise exception 'a second person is required' using errcode = {second_person_required};
        end if;
        NEW.approved_by := actor_name;
    end if;
    return NEW;
end $$;

-- Parts and rows are changed while the version is a draft; each change makes its actor a preparer.
create or replace function app.add_to_draft() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if exists (
        select from added a join app.release_versions v on v.id = a.version_id where v.state <> 'draft'
    ) then raise exception 'only a draft can be changed' using errcode = {illegal_transition}; end if;
    -- The trigger stamp adds the actor to the preparers.
    update app.release_versions v set state = v.state where v.id in (select a.version_id from added a);
    return null;
end $$;

-- Record each transition, and journal the hash of the rows that were submitted.
create or replace function app.remember_release_step() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if TG_OP = 'INSERT' or NEW.state <> OLD.state then
        insert into app.release_steps (version_id, state, actor, reason)
        values (NEW.id, NEW.state, app.actor(), nullif(current_setting('cotmoc.reason', true), ''));
    end if;
    if TG_OP = 'UPDATE' and NEW.state = 'submitted' and OLD.state <> NEW.state then
        perform app.write_journal('release_rows', NEW.id, 'submit', null, (
            select jsonb_build_object('rows', count(*), 'sha256',
                app.text_hash(string_agg(feature_id || ' ' || sha256, e'\n' order by feature_id)))
            from app.release_rows where version_id = NEW.id));
    end if;
    return null;
end $$;

-- name: publish_functions
-- Publish an approved version: replace what the recipient holds of the release by the approved rows.
create or replace function app.publish_release(version uuid) returns void
language plpgsql security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
declare
    v app.release_versions;  -- the version that is published
    r app.releases;  -- its release
    part record;  -- each layer of this version, or of which the recipient still holds rows
    counts record;  -- the holdings of a layer: rows, new ones, assumed positions, and id and hash of each
    columns text;  -- the columns of a layer's table in schema release
    changed text;  -- the assignments that update a row of it
    differing bigint;  -- approved rows that are no longer the same
    approved bigint;  -- approved rows of a layer
    served bigint;  -- rows of a layer that partners read
    alike bigint;  -- rows of which the approved, the held and the served content are the same
    summary jsonb := '{{}}';  -- what the manifest says of each layer, and in the end the manifest
    lines text := '';  -- id and hash of every row of all layers
    total bigint := 0;
    mark uuid := gen_random_uuid();
    moment timestamptz := clock_timestamp();
begin
    select * into v from app.release_versions where id = version for update;
    if v.state is distinct from 'approved' then
        raise exception 'not approved' using errcode = {illegal_transition};
    end if;
    -- The basis must not be the label of a document that the recipient may not see.
    if v.basis = app.label_of(v.document_id)
        and not exists (select from app.shared_places p where p.id = v.document_id) then
        raise exception 'changed since submission' using errcode = {changed_since_submission};
    end if;
    select * into r from app.releases where id = v.release_id;
    perform pg_advisory_xact_lock(hashtextextended('release ' || r.id, 0));
    -- Raising a level takes this lock too (shared), so no level is raised between reading a row and serving it.
    perform pg_advisory_xact_lock({publish_lock});
    for part in
        select l.layer, p.fields, p.decimals, p.filter
        from (
            select layer from app.release_parts where version_id = v.id
            union select layer from app.holdings where release_id = r.id and until is null
        ) l left join app.release_parts p on p.version_id = v.id and p.layer = l.layer order by l.layer
    loop
        -- Fail if an approved row has changed or become hidden since it was submitted.
        execute format($q$
            select count(*) from (
                select feature_id, sha256 from app.release_rows where version_id = $1 and layer = %1$L
                except
                select s.id, app.content_hash(s.content) from app.%2$I(
                    (select array_agg(feature_id) from app.release_rows where version_id = $1 and layer = %1$L), $2, $3
                ) s
            ) gone $q$, part.layer, 'shared_' || part.layer)
        into differing using v.id, part.fields, part.decimals;
        if differing > 0 then
            raise exception 'changed since submission' using errcode = {changed_since_submission};
        end if;

        -- End the holdings that this version does not contain, or contains with another content, then begin new ones.
        update app.holdings h set until = moment, until_version = v.number
        where h.release_id = r.id and h.layer = part.layer and h.until is null and not exists (
            select from app.release_rows w
            where w.version_id = v.id and w.feature_id = h.feature_id and w.sha256 = h.sha256
        );
        if part.fields is not null then
            execute format($q$
                insert into app.holdings
                    (recipient, release_id, layer, feature_id, since, since_version, sha256, content)
                select $1, $2, %1$L, s.id, $3, $4, app.content_hash(s.content), s.content
                from app.%2$I((
                    select array_agg(w.feature_id) from app.release_rows w
                    where w.version_id = $5 and w.layer = %1$L and not exists (
                        select from app.holdings h
                        where h.release_id = $2 and h.feature_id = w.feature_id and h.until is null)
                ), $6, $7) s $q$, part.layer, 'shared_' || part.layer)
            using r.recipient, r.id, moment, v.number, v.id, part.fields, part.decimals;
        end if;

        -- Rows recalled since the previous version count as removed in this version.
        update release.tombstones set removed_in = v.number, withdrawn = false
        where release = r.id and layer = part.layer and withdrawn;
        -- Update what partners read from the holdings.
        execute format($q$
            insert into release.tombstones (recipient, release, layer, id, added_in, removed_in)
            select t.recipient, t.release, %1$L, t.id, t.added_in, $2 from release.%1$I t
            where t.release = $1 and not exists (
                select from app.holdings h where h.release_id = $1 and h.feature_id = t.id and h.until is null)
            $q$, part.layer) using r.id, v.number;
        execute format($q$
            delete from release.%1$I t where t.release = $1 and exists (
                select from release.tombstones d where d.release = $1 and d.id = t.id and d.removed_in = $2)
            $q$, part.layer) using r.id, v.number;
        select string_agg(quote_ident(attname), ', ' order by attnum),
            string_agg(format('%1$I = excluded.%1$I', attname), ', ' order by attnum)
                filter (where attname not in ('recipient', 'id', 'release', 'added_in'))
        into columns, changed from pg_attribute
        where attrelid = format('release.%I', part.layer)::regclass and attnum > 0 and not attisdropped
            and attgenerated = '';
        execute format($q$
            insert into release.%1$I (%2$s)
            select %2$s from (
                select x.* from app.holdings h
                cross join lateral jsonb_populate_record(null::release.%1$I, h.content || jsonb_build_object(
                    'recipient', h.recipient, 'release', h.release_id, 'added_in', $2, 'version', $2,
                    'sha256', h.sha256, 'shared_geom', h.content->'geometry')) x
                where h.release_id = $1 and h.layer = %1$L and h.until is null and h.since_version = $2
            ) new on conflict (recipient, id) do update set %3$s where %1$I.release = excluded.release
            $q$, part.layer, columns, changed) using r.id, v.number;
        execute format('update release.%I set served_from = $2, served_to = $3 where release = $1', part.layer)
        using r.id, v.valid_from, v.valid_to;
        delete from release.tombstones d where d.release = r.id and d.layer = part.layer and exists (
            select from app.holdings h where h.release_id = r.id and h.feature_id = d.id and h.until is null);

        select count(*) as rows, count(*) filter (where since_version = v.number) as new,
            count(*) filter (where content->>'position_source' = 'assumed') as assumed,
            coalesce(string_agg(feature_id || ' ' || sha256, e'\n' order by feature_id), '') as lines
        into counts from app.holdings where release_id = r.id and layer = part.layer and until is null;
        -- Roll back unless holdings, served rows and approved rows are the same.
        execute format($q$
            select count(*) from app.release_rows w
            join release.%1$I t on t.release = $1 and t.id = w.feature_id and t.sha256 = w.sha256
            join app.holdings h on h.release_id = $1 and h.until is null and h.feature_id = w.feature_id
                and h.sha256 = w.sha256
            where w.version_id = $2 and w.layer = %1$L
            $q$, part.layer) into alike using r.id, v.id;
        execute format('select count(*) from release.%I where release = $1', part.layer) into served using r.id;
        select count(*) into approved from app.release_rows w where w.version_id = v.id and w.layer = part.layer;
        if array[counts.rows, served, alike] <> array[approved, approved, approved] then
            raise exception 'changed since submission' using errcode = {changed_since_submission};
        end if;
        total := total + counts.rows;
        lines := lines || counts.lines || case when counts.rows > 0 then e'\n' else '' end;
        if part.fields is not null then
            summary := summary || jsonb_build_object(part.layer, jsonb_build_object(
                'rows', counts.rows, 'added_or_changed', counts.new,
                'removed', (select count(*) from release.tombstones
                    where release = r.id and layer = part.layer and removed_in = v.number),
                'positions_withheld', counts.assumed, 'fields', part.fields, 'decimals', part.decimals,
                'sha256', app.text_hash(counts.lines)));
        end if;
    end loop;

    update app.release_versions set state = 'replaced'
    where release_id = r.id and state = 'published' and id <> v.id;
    summary := jsonb_build_object(
        'release', r.id, 'name', r.name, 'version', v.number, 'recipient', r.recipient, 'watermark', mark,
        'published_at', moment, 'approved_by', v.approved_by, 'basis', v.basis,
        'valid_from', v.valid_from, 'valid_to', v.valid_to,
        'rows', total, 'sha256', app.text_hash(lines), 'layers', summary);
    update app.release_versions set state = 'published', watermark = mark, manifest = summary where id = v.id;
    insert into release.manifests (release, number, recipient, name, published_at, manifest)
    values (r.id, v.number, r.recipient, r.name, moment, summary);
end $$;

-- End all holdings of a release; partners read the tombstones of what they no longer read.
create or replace function app.withdraw_release(version uuid) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    v app.release_versions;  -- the version that is withdrawn
    layer_name text;
    moment timestamptz := clock_timestamp();
begin
    select * into v from app.release_versions where id = version for update;
    if v.state is distinct from 'published' then
        raise exception 'not published' using errcode = {illegal_transition};
    end if;
    perform pg_advisory_xact_lock(hashtextextended('release ' || v.release_id, 0));
    for layer_name in select distinct layer from app.holdings where release_id = v.release_id and until is null loop
        execute format($q$
            insert into release.tombstones (recipient, release, layer, id, added_in, removed_in, withdrawn)
            select t.recipient, t.release, %1$L, t.id, t.added_in, $2, true from release.%1$I t where t.release = $1
            $q$, layer_name) using v.release_id, v.number;
        execute format('delete from release.%I where release = $1', layer_name) using v.release_id;
    end loop;
    update app.holdings set until = moment, until_version = v.number
    where release_id = v.release_id and until is null;
    update release.manifests set withdrawn_at = moment where release = v.release_id and withdrawn_at is null;
    update app.release_versions set state = 'withdrawn' where id = v.id;
end $$;

-- name: release_triggers
create or replace trigger stamp before insert or update on app.release_versions
    for each row execute function app.stamp_release_version();
create or replace trigger step after insert or update on app.release_versions
    for each row execute function app.remember_release_step();
create or replace trigger draft after insert on app.release_parts referencing new table as added
    for each statement execute function app.add_to_draft();
create or replace trigger draft after insert on app.release_rows referencing new table as added
    for each statement execute function app.add_to_draft();
create or replace trigger draft_less after delete on app.release_parts referencing old table as added
    for each statement execute function app.add_to_draft();
