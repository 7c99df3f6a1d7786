-- Who prepares releases, who publishes them, and what partners read.

-- name: publisher_ownership
-- The publisher owns the functions that publish, because they run with their owner's rights. PostgreSQL requires that
-- the new owner of a function has CREATE on its schema, so it is granted and revoked again.
grant create on schema app to {publisher};
alter function app.publish_release(uuid) owner to {publisher};
revoke all on function app.publish_release(uuid) from public;
alter function app.withdraw_release(uuid) owner to {publisher};
revoke all on function app.withdraw_release(uuid) from public;
alter function app.hold_back() owner to {publisher};
revoke all on function app.hold_back() from public;
revoke create on schema app from {publisher};

-- name: common_grants
grant insert on app.releases to {editors};
grant insert on app.release_versions to {editors};
grant insert on app.release_parts to {editors};
grant insert on app.release_rows to {editors};
-- A draft may be changed until it is submitted; name and recipient only while the first version is a draft.
grant update (name, recipient) on app.releases to {editors};
grant delete on app.release_parts to {editors};
grant update on app.release_versions to {editors}, {publisher};
grant execute on function app.publish_release(uuid) to {editors};
grant execute on function app.withdraw_release(uuid) to {editors};
grant insert, update on app.holdings to {publisher};
grant execute on function app.actor() to {publisher};
grant execute on function app.write_journal(text, uuid, text, jsonb, jsonb) to {publisher};
grant usage on schema app to {publisher};
revoke all on schema release from public;
grant usage on schema release to {partner_login}, {readers};
revoke all on schema app from {partner_login};

-- name: first_version_is_draft
not exists (select from app.release_versions v
    where v.release_id = releases.id and (v.number > 1 or v.state <> 'draft'))

-- name: version_is_draft
exists (select from app.release_versions v where v.id = version_id and v.state = 'draft')

-- name: of_recipient
-- A partner reads the rows of the recipient that the transaction names and, if it names releases, of these only.
recipient = (select nullif(current_setting('cotmoc.recipient', true), '')) and coalesce(release =
    any((select nullif(current_setting('cotmoc.releases', true), ''))::uuid[]), true)

-- name: of_recipient_today
-- Of the snapshots, only rows within the period of validity of their version.
{of_recipient} and coalesce(served_from <= (select {today}), true) and coalesce(served_to >= (select {today}), true)
