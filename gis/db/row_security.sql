-- Row level security, row policies and grants on a table.

-- name: force_row_security
alter table {table} enable row level security;
alter table {table} force row level security;
revoke all on {table} from public, {roles};

-- name: create_policy
drop policy if exists {policy} on {table};
create policy {policy} on {table} for {command} to {roles}{conditions};

-- name: grant
grant {privileges} on {object} to {roles};

-- name: grant_columns
grant {privilege} ({columns}) on {table} to {roles};
