"""Recall: a published record whose level is raised above `partner` leaves every release at once."""

from gis.db.session import PUBLISHER
from gis.model.layer import all_layers
from gis.release.publish import PUBLISH_LOCK_KEY, ReferentLayer
from gis.release.snapshot import (
    RELEASE_LEVEL,
    linked_content_conditions,
)

RECALL_FUNCTION = f"""
create or replace function app.hold_back() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    held record;
    moment timestamptz := clock_timestamp();
begin
    perform pg_advisory_xact_lock_shared({PUBLISH_LOCK_KEY});
    for held in
        select h.id, h.feature_id, h.layer, h.recipient, h.release_id, v.number
        from app.told_of(NEW.id) t (holding) join app.holdings h on h.id = t.holding
        join app.release_versions v on v.release_id = h.release_id and v.state = 'published'
    loop
        execute format($q$
            insert into release.tombstones (recipient, release, layer, id, added_in, removed_in, withdrawn)
            select t.recipient, t.release, %1$L, t.id, t.added_in, $3, true from release.%1$I t
            where t.release = $1 and t.id = $2
            on conflict (release, id) do update set removed_in = excluded.removed_in, withdrawn = true
            $q$, held.layer) using held.release_id, held.feature_id, held.number;
        execute format('delete from release.%I where release = $1 and id = $2', held.layer)
        using held.release_id, held.feature_id;
        update app.holdings set until = moment, until_version = held.number, held_back = true where id = held.id;
        update release.manifests set manifest =
            manifest || jsonb_build_object('held_back', coalesce((manifest->>'held_back')::integer, 0) + 1)
        where release = held.release_id and number = held.number;
        perform app.write_journal('holdings', held.feature_id, 'hold_back', null, jsonb_build_object(
            'recipient', held.recipient, 'release', held.release_id, 'version', held.number,
            'layer', held.layer, 'level', NEW.level, 'raised', NEW.id));
    end loop;
    for held in
        update release.manifests m set manifest = m.manifest || '{{"basis": null}}' from app.release_versions v
        where v.document_id = NEW.id and m.release = v.release_id and m.number = v.number
        and m.manifest->>'basis' is not null
        returning m.release, m.number, m.recipient
    loop
        perform app.write_journal('manifests', held.release, 'hold_back', null, jsonb_build_object(
            'recipient', held.recipient, 'release', held.release, 'version', held.number,
            'basis', NEW.id, 'level', NEW.level));
    end loop;
    return null;
end $$;
"""
"""What becomes more restricted than partners may know of goes from every release with the same commit, journalled.

A copy that tells of it goes whole, since what was approved stands word for word or not at all; the next version has it
without. A paper that a version rests on is no longer named.
"""


def mentions_function(referent_layer: ReferentLayer | None) -> str:
    """The SQL of who holds a copy that tells of a feature: its own, by a link at the moment of the copy, by an address.

    It runs with the owner's eyes, because whoever publishes no longer sees what has been raised.
    """
    ways = ["select h.id from app.holdings h where h.until is null and h.feature_id = $1"]
    held = "app.holdings h on h.until is null"
    linked = f"join {held} and h.feature_id = l.feature_id and l.valid @> h.since"
    telling = " or ".join(one for layer in all_layers() for one in linked_content_conditions(layer))
    ways.append(f"select h.id from app.links_history l {linked} where l.to_id = $1 and ({telling})")
    if referent_layer is not None:
        one = f"select h.id from app.{referent_layer.layer} f"
        named = referent_layer.mentions_sql.format(row="f", border="t.border", address="h.content->>'address'")
        ways += [
            f"{one} join {held} and h.layer = '{layer.name}' and h.content ? 'address'"
            f" join app.{layer.name}_history t on t.id = h.feature_id and t.valid @> h.since"
            f" where f.id = $1 and {named}"
            for layer in all_layers()
            if "border" in layer.fields
        ]
        named = referent_layer.mentions_sql.format(row="f", border="l.border", address="l.at")
        drawn = " or ".join(
            one for layer in all_layers() if layer.geometry_from_links for one in linked_content_conditions(layer)
        )
        ways.append(
            f"{one} join app.links_history l on l.to_id is null and {named} {linked} where f.id = $1 and ({drawn})"
        )
    return f"""
create or replace function app.told_of(feature uuid) returns setof uuid
language sql stable security definer set search_path = pg_catalog as $$
    {" union ".join(ways)}
$$;
create or replace function app.label_of(feature uuid) returns text
language sql stable security definer set search_path = pg_catalog as $$
    select label from app.places where id = $1
$$;
revoke all on function app.told_of, app.label_of from public;
grant execute on function app.told_of, app.label_of to {PUBLISHER};"""


def recall_trigger(layer: str) -> str:
    beyond = f"NEW.level > '{RELEASE_LEVEL}' and OLD.level <= '{RELEASE_LEVEL}'"
    return (
        f"create or replace trigger hold_back after update on app.{layer}"
        f" for each row when ({beyond}) execute function app.hold_back();"
    )
