-- The releasable content of features. Parameters of each function: $1 ids, $2 fields, $3 decimals of a degree.

-- name: content_function
create or replace function app.{function}(ids uuid[], fields text[], decimals integer)
returns table (id uuid, content jsonb)
language sql stable set search_path = pg_catalog, public set timezone = 'UTC' as $$
    select p.id, (select jsonb_object_agg(key, value) from jsonb_each(to_jsonb(p)) where value <> 'null')
    from (
        select t.id, {layer} as layer, {columns},
            case when $3 is not null{has_required} then (
                select ST_AsGeoJSON(ST_ForcePolygonCCW(place), $3, 0)::jsonb
                from ST_ReducePrecision(ST_Force2D({geometry}), power(10, -$3)) place where not ST_IsEmpty(place)
            ) end as geometry
        from app.{table} t
        where t.id = any($1) and t.retired_at is null and t.level <= {level}::app.level
    ) p
$$;
revoke all on function app.{function}(uuid[], text[], integer) from public;

-- name: if_chosen
case when {name} = any($2) then {value} end

-- name: unless_hidden
case when not {hidden} then {value} end

-- name: rounded_chainage
-- As precise as the decimals allow: five are a metre along a route.
case when $3 is not null then
    (round(({value} / power(10, 5 - $3))::numeric) * power(10, 5 - $3)::numeric)::float8 end

-- name: rounded_accuracy
case when $3 is not null and {value} is not null then greatest({value}, power(10, 5 - $3)) end

-- name: rounded_address
-- With an offset in metres an address locates a point to the metre.
case when $3 >= 5 or $3 is not null and {value} !~ '\d\s*k?m\M' then {value} end
