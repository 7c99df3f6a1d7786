-- The views with which a scoped role reads masked columns of the rows of its own unit.

-- name: grant_create
-- A view can be given to a role only if it may create objects in the schema; revoked again below.
grant create on schema app to {role};

-- name: own_unit_view
grant select ({columns}) on {history} to {owner};
drop view if exists {view};
create view {view} as select {columns} from {history};
alter view {view} owner to {owner};
grant select on {view} to {reader};

-- name: revoke_create
revoke create on schema app from {role};
