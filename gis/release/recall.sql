-- Recall: a record whose level is raised above the level of releases is removed from all of them.

-- name: recall_function
-- Remove and journal all copies that mention the record. A copy is removed as a whole, because only content that was
-- approved may be served; the next version contains it again without the mention.
create or replace function app.hold_back() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    affected record;  -- a copy to remove, then a manifest
    moment timestamptz := clock_timestamp();
begin
    perform pg_advisory_xact_lock_shared({publish_lock});
    for affected in
        select h.id, h.feature_id, h.layer, h.recipient, h.release_id, v.number
        from app.told_of(NEW.id) t (holding) join app.holdings h on h.id = t.holding
        join app.release_versions v on v.release_id = h.release_id and v.state = 'published'
    loop
        -- Tell the recipient of the removal, remove the copy, end the holding, count it in the manifest.
        execute format($q$
            insert into release.tombstones (recipient, release, layer, id, added_in, removed_in, withdrawn)
            select t.recipient, t.release, %1$L, t.id, t.added_in, $3, true from release.%1$I t
            where t.release = $1 and t.id = $2
            on conflict (release, id) do update set removed_in = excluded.removed_in, withdrawn = true
            $q$, affected.layer) using affected.release_id, affected.feature_id, affected.number;
        execute format('delete from release.%I where release = $1 and id = $2', affected.layer)
        using affected.release_id, affected.feature_id;
        update app.holdings set until = moment, until_version = affected.number, held_back = true
        where id = affected.id;
        update release.manifests set manifest =
            manifest || jsonb_build_object('held_back', coalesce((manifest->>'held_back')::integer, 0) + 1)
        where release = affected.release_id and number = affected.number;
        perform app.write_journal('holdings', affected.feature_id, 'hold_back', null, jsonb_build_object(
            'recipient', affected.recipient, 'release', affected.release_id, 'version', affected.number,
            'layer', affected.layer, 'level', NEW.level, 'raised', NEW.id));
    end loop;
    -- The manifests of versions that are based on this record no longer name it.
    for affected in
        update release.manifests m set manifest = m.manifest || '{{"basis": null}}' from app.release_versions v
        where v.document_id = NEW.id and m.release = v.release_id and m.number = v.number
        and m.manifest->>'basis' is not null
        returning m.release, m.number, m.recipient
    loop
        perform app.write_journal('manifests', affected.release, 'hold_back', null, jsonb_build_object(
            'recipient', affected.recipient, 'release', affected.release, 'version', affected.number,
            'basis', NEW.id, 'level', NEW.level));
    end loop;
    return null;
end $$;

-- name: mentions_functions
-- The current holdings whose content mentions a feature, and the label of a feature. Both run with their owner's
-- rights, because the publisher cannot see a feature whose level was raised.
create or replace function app.told_of(feature uuid) returns setof uuid
language sql stable security definer set search_path = pg_catalog as $$
    {holdings}
$$;
create or replace function app.label_of(feature uuid) returns text
language sql stable security definer set search_path = pg_catalog as $$
    select label from app.places where id = $1
$$;
revoke all on function app.told_of(uuid), app.label_of(uuid) from public;
grant execute on function app.told_of(uuid), app.label_of(uuid) to {publisher};

-- name: copies_of_feature
select h.id from app.holdings h where h.until is null and h.feature_id = $1

-- name: copies_with_link
-- Of the features that were linked to it when they were copied, if their content shows the link.
select h.id from app.links_history l
join app.holdings h on h.until is null and h.feature_id = l.feature_id and l.valid @> h.since and l.action <> 'delete'
where l.to_id = $1 and {shows_link}

-- name: copies_with_address
-- Of the features of a layer whose address was counted from it when they were copied.
select h.id from app.{referent} f
join app.holdings h on h.until is null and h.layer = {layer} and h.content ? 'address'
join app.{history} t on t.id = h.feature_id and t.valid @> h.since
where f.id = $1 and {mentions}

-- name: copies_with_link_address
-- Of the features whose content shows a link to an address that was counted from it when they were copied.
select h.id from app.{referent} f
join app.links_history l on l.to_id is null and {mentions}
join app.holdings h on h.until is null and h.feature_id = l.feature_id and l.valid @> h.since and l.action <> 'delete'
where f.id = $1 and {shows_link}

-- name: recall_trigger
-- Raising a level from that of releases, or below, to above it recalls the record.
create or replace trigger hold_back after update on {table}
    for each row when (NEW.level > {release_level} and OLD.level <= {release_level})
    execute function app.hold_back();
