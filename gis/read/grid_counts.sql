-- Counting of features by grid cell.

-- name: functions
create or replace function app.fold_cells() returns void language plpgsql set search_path = pg_catalog as $$
begin
    if not pg_try_advisory_xact_lock({fold_lock}, 0) then return; end if;
    with folded as (delete from app.cell_changes returning *)
    insert into app.cells (layer, grid, x, y, level, assumed, word, features, east, north)
    select layer, grid, {cell_column}, {cell_row}, level, assumed, word,
        sum(features), sum(features * east), sum(features * north)
    from folded cross join unnest({grids}::integer[]) grid
    group by 1, 2, 3, 4, 5, 6, 7
    on conflict (layer, grid, x, y, level, assumed, word) do update set
        features = cells.features + excluded.features,
        east = cells.east + excluded.east, north = cells.north + excluded.north;
end $$;
revoke all on function app.fold_cells() from public;

create or replace function app.count_cell(
    layer text, level app.level, assumed boolean, word text, place public.geometry, features smallint
) returns void language plpgsql set search_path = pg_catalog, public as $$
declare change_id bigint; middle geometry := ST_Centroid(place);
begin
    insert into app.cell_changes (layer, level, assumed, word, features, east, north)
    values ($1, $2, $3, $4, $6, round(ST_X(middle)), round(ST_Y(middle))) returning id into change_id;
    if change_id % {fold_interval} = 0 then perform app.fold_cells(); end if;
end $$;
revoke all on function app.count_cell(text, app.level, boolean, text, public.geometry, smallint) from public;

-- name: trigger
-- Subtract the old row of a change and add the new one.
create or replace function app.{function}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if TG_OP = 'UPDATE' and row({new_values}) is not distinct from row({old_values}) then return null; end if;
    if TG_OP <> 'INSERT' then
        if OLD.retired_at is null and OLD.mercator is not null then
            perform app.count_cell(
                {layer}, OLD.level, OLD.position_source = 'assumed', {old_code}, OLD.mercator, -1::smallint);
        end if;
    end if;
    if TG_OP <> 'DELETE' then
        if NEW.retired_at is null and NEW.mercator is not null then
            perform app.count_cell(
                {layer}, NEW.level, NEW.position_source = 'assumed', {new_code}, NEW.mercator, 1::smallint);
        end if;
    end if;
    return null;
end $$;
create or replace trigger count after insert or update or delete on app.{table}
    for each row execute function app.{function}();
