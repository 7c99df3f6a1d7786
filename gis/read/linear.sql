-- Routes: measured lines in WGS 84, and their segments in UTM.

-- name: build_route
-- Join pieces end to end to a line whose M is the geodesic distance from its start.
with pieces as (
    select row_number() over () as n, parsed.geom from unnest(cast(:pieces as text[])) as piece (wkt),
        lateral (select ST_SetSRID(ST_GeomFromText(piece.wkt), {wgs84}) as geom) parsed
), points as (
    select n, (ST_DumpPoints(ST_Segmentize(geom::geography, {max_vertex_spacing})::geometry)).* from pieces
), chained as (
    select n, path[1] as k, geom, lag(geom) over (order by n, path[1]) as before from points
), measured as (
    select n, k, geom, sum(coalesce(ST_Distance(geom::geography, before::geography), 0))
        over (order by n, k) as m, before is null or not ST_Equals(geom, before) as moved from chained
), line as (
    select ST_SetSRID(ST_MakeLine(ST_MakePointM(ST_X(geom), ST_Y(geom), m) order by n, k), {wgs84}) as geom, max(m) as m
    from measured where moved
)
insert into app.routes (name, geom, length_m, level) select :route, geom, m, cast(:level as app.level) from line
on conflict (name) do update set geom = excluded.geom, length_m = excluded.length_m, level = excluded.level

-- name: build_segments
-- Divide a route into segments; adjacent ones share a vertex.
with points as (
    select (vertex).path[1] - 1 as i, (vertex).geom from
        (select ST_DumpPoints(ST_Transform(geom, {utm})) as vertex from app.routes where name = :route) dumped
), members as (
    select i / {edges} as k, i, geom from points
    union all select i / {edges} - 1, i, geom from points where i > 0 and i % {edges} = 0
), pieces as (
    select k, ST_MakeLine(geom order by i) as piece from members group by k having count(*) > 1
)
insert into app.route_segments (route, n, m0, m1, utm, level)
select :route, k, ST_M(ST_StartPoint(piece)), ST_M(ST_EndPoint(piece)), piece, cast(:level as app.level) from pieces

-- name: locate
-- The nearest point on the routes that meet a condition, with its chainage and geodesic distance.
with p as materialized (
    select ST_Transform(ST_SetSRID(ST_MakePoint(%(lon)s::float8, %(lat)s::float8), {wgs84}), {utm}) as g,
        ST_SetSRID(ST_MakePoint(%(lon)s::float8, %(lat)s::float8), {wgs84})::geography as here
), foot as (
    select s.route, ST_InterpolatePoint(s.utm, p.g) as m, p.here,
        ST_Transform(ST_Force2D(ST_ClosestPoint(s.utm, p.g)), {wgs84}) as foot
    from p cross join lateral (select route, utm from app.route_segments where {routes} order by utm <-> p.g limit 1) s
)
select route, m, ST_Distance(foot::geography, here), ST_X(foot), ST_Y(foot) from foot

-- name: point_at
-- Longitude and latitude of a chainage.
select ST_X(g), ST_Y(g) from (
    select ST_Transform(ST_Force2D(ST_GeometryN(ST_LocateAlong(piece.utm, chainage.m), 1)), {wgs84}) as g
    from (
        select greatest(least(%(m)s::float8, length_m), 0) as m from app.routes
        where name = %(route)s and %(m)s::float8 between -{tolerance} and length_m + {tolerance}
    ) chainage cross join lateral (
        select utm from app.route_segments where route = %(route)s and m0 <= chainage.m order by m0 desc limit 1
    ) piece
) at where g is not null

-- name: section
-- The piece between two chainages, as GeoJSON.
select ST_AsGeoJSON(ST_LineMerge(ST_CollectionExtract(ST_Force2D(
    ST_LocateBetween(geom, least(%(a)s::float8, %(b)s::float8), greatest(%(a)s::float8, %(b)s::float8))), 2)), 7)::jsonb
from app.routes where name = %(route)s

-- name: outline
select ST_AsGeoJSON(ST_SimplifyPreserveTopology(ST_Force2D(geom), {tolerance}), 5)::jsonb
from app.routes where name = :route

-- name: in_bbox
select ST_AsGeoJSON(ST_CollectionExtract(ST_Intersection(
    ST_Force2D(geom), ST_MakeEnvelope(:west, :south, :east, :north, {wgs84})), 2), 6)::jsonb
from app.routes where name = :route and geom && ST_MakeEnvelope(:west, :south, :east, :north, {wgs84})
