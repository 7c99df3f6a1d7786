-- Requests with a token per day and network; the row's day is the current one.

-- name: record_use
-- Count a request; gives 0, or the seconds until the next minute when it exceeds the limit. Requests beyond the limit are
-- not counted, so that a flood of them writes nothing.
with so_far as (
    select coalesce(sum(in_minute), 0) as requests from app.token_uses
    where token_id = %(token)s::uuid and day = {today} and last_at >= date_trunc('minute', now())),
counted as (
    insert into app.token_uses as u (token_id, day, address, calls, refused, first_at, last_at, in_minute)
    select %(token)s::uuid, {today}, %(network)s, (not %(refused)s::boolean)::integer, %(refused)s::boolean::integer,
        now(), now(), 1
    from so_far where so_far.requests < %(limit)s::integer
    on conflict (token_id, day, address) do update
        set calls = u.calls + excluded.calls, refused = u.refused + excluded.refused, last_at = excluded.last_at,
            in_minute = case when u.last_at >= date_trunc('minute', now()) then u.in_minute else 0 end + 1
    returning u.in_minute + coalesce((
        select sum(o.in_minute) from app.token_uses o
        where o.token_id = u.token_id and o.day = u.day and o.address <> u.address
            and o.last_at >= date_trunc('minute', now())), 0) as requests)
select case when (select requests from counted) <= %(limit)s::integer then 0
    else greatest(1, ceil(extract(epoch from date_trunc('minute', now()) + interval '1 minute' - now()))::integer) end

-- name: select_recent_use
select day, address, calls, refused, first_at, last_at from app.token_uses
where token_id = :token and day > {today} - 90 order by last_at desc limit 200
