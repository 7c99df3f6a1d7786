"""Recall: a published record whose level is raised above ``partner`` is removed from every release at once.

A trigger does it in the same transaction, together with every released copy that mentions the record: by a field that
is derived from it, by a geometry drawn from a link, or by an address that is counted from it.
"""

from gis.db.session import PUBLISHER
from gis.model.layer import all_layers
from gis.release.mentions import copies_with_mentioning_value
from gis.release.publish import PUBLISH_LOCK_KEY
from gis.release.referent import ReferentLayer
from gis.release.snapshot import RELEASE_LEVEL, linked_content_conditions

RECALL_FUNCTION = f"""
create or replace function app.hold_back() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    affected record;
    moment timestamptz := clock_timestamp();
begin
    perform pg_advisory_xact_lock_shared({PUBLISH_LOCK_KEY});
    for affected in
        select h.id, h.feature_id, h.layer, h.recipient, h.release_id, v.number
        from app.told_of(NEW.id) t (holding) join app.holdings h on h.id = t.holding
        join app.release_versions v on v.release_id = h.release_id and v.state = 'published'
    loop
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
"""
"""The trigger function that recalls a record and all copies that mention it, and journals each recall.

A copy that mentions the record is removed as a whole, because only content that was approved may be served; the next
version contains it again without the mention. If the record is the document that a version is based on, the manifest
no longer names it.
"""


def mentions_function(referent_layer: ReferentLayer | None) -> str:
    """The SQL of ``app.told_of(feature)``: the ids of the current holdings whose content mentions a feature.

    Such a holding is a copy of the feature, or showed a link to the feature at the moment of the copy, or contains a
    value that was derived from it, or an address that is counted from it. The function runs with its owner's rights,
    because the publisher cannot see a feature whose level was raised. ``app.label_of`` gives the label of a feature in
    the same way.
    """
    current = "app.holdings h on h.until is null"
    linked = f"join {current} and h.feature_id = l.feature_id and l.valid @> h.since"
    shows_link = " or ".join(condition for layer in all_layers() for condition in linked_content_conditions(layer))
    selects = [
        "select h.id from app.holdings h where h.until is null and h.feature_id = $1",
        f"select h.id from app.links_history l {linked} where l.to_id = $1 and ({shows_link})",
        *copies_with_mentioning_value(),
    ]
    if referent_layer is not None:
        selects += _address_mentions(referent_layer, current, linked)
    return f"""
create or replace function app.told_of(feature uuid) returns setof uuid
language sql stable security definer set search_path = pg_catalog as $$
    {" union ".join(selects)}
$$;
create or replace function app.label_of(feature uuid) returns text
language sql stable security definer set search_path = pg_catalog as $$
    select label from app.places where id = $1
$$;
revoke all on function app.told_of, app.label_of from public;
grant execute on function app.told_of, app.label_of to {PUBLISHER};"""


def _address_mentions(referent_layer: ReferentLayer, current: str, linked: str) -> list[str]:
    """The queries of the holdings that contain an address counted from a feature: their own, or that of a link."""
    route = referent_layer.route_column
    own_address = referent_layer.mentions_sql.format(row="f", route=f"t.{route}", address="h.content->>'address'")
    link_address = referent_layer.mentions_sql.format(row="f", route=f"l.{route}", address="l.at")
    shows_link = " or ".join(condition for layer in all_layers() for condition in linked_content_conditions(layer))
    select = f"select h.id from app.{referent_layer.layer} f"
    return [
        *(
            f"{select} join {current} and h.layer = '{layer.name}' and h.content ? 'address'"
            f" join app.{layer.name}_history t on t.id = h.feature_id and t.valid @> h.since"
            f" where f.id = $1 and {own_address}"
            for layer in all_layers()
            if route in layer.fields
        ),
        f"{select} join app.links_history l on l.to_id is null and {link_address} {linked}"
        f" where f.id = $1 and ({shows_link})",
    ]


def recall_trigger(layer: str) -> str:
    """The SQL of a layer's trigger: raising a level from ``partner`` or below to above it recalls the record."""
    raised = f"NEW.level > '{RELEASE_LEVEL}' and OLD.level <= '{RELEASE_LEVEL}'"
    return (
        f"create or replace trigger hold_back after update on app.{layer}"
        f" for each row when ({raised}) execute function app.hold_back();"
    )
