"""Retired features are restored with a reason, by those who may retire them."""

from gis.model.layer import catalog
from layers.policy import SYSTEM
from tests.api.ogc.writes import assert_refused, url_of
from tests.contract.layer_groups import every_editable_layer
from tests.factories import create, incident, minimal_body, put


def retire(client, layer, feature):
    url = url_of(layer, feature)
    answer = client.delete(url, headers={"If-Match": client.get(url).headers["etag"]})
    assert answer.status_code == 204, answer.text
    assert client.get(url).status_code == 404


def restore(client, layer, feature, **headers):
    return client.post(f"{url_of(layer, feature)}/restore", json={"reason": "ghi nhầm"}, headers=headers)


@every_editable_layer
def test_retired_feature_of_every_layer_is_restored(layer, client):
    created = create(client, layer.name, **minimal_body(layer))
    retire(client, layer.name, created)
    answer = restore(client, layer.name, created)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"].startswith('"3-')
    changed = {"version", "updated_at"}
    before, after = created["properties"], answer.json()["properties"]
    assert {name for name in after if after[name] != before[name]} == changed
    assert client.get(url_of(layer.name, created)).json()["properties"] == after
    entries = client.get(f"{url_of(layer.name, created)}/history").json()["entries"]
    assert [entry["action"] for entry in entries if entry["part"] is None] == ["restore", "retire", "insert"]
    assert entries[0]["reason"] == "ghi nhầm"


def test_restoring_needs_a_reason_a_retired_feature_and_the_version_in_if_match(client):
    created = incident(client)
    restoring = f"{url_of('incidents', created)}/restore"
    assert_refused(restore(client, "incidents", created), 409)
    retire(client, "incidents", created)
    assert_refused(client.post(restoring, json={}), 422, "reason", "missing")
    assert_refused(client.post(restoring, json={"reason": "x", "to": "y"}), 422, "to", "unknown_field")
    stale = restore(client, "incidents", created, **{"If-Match": '"1-0123456789abcdef"'})
    assert assert_refused(stale, 412)["version"] == 2
    assert restore(client, "incidents", created, **{"If-Match": '"2-0123456789abcdef"'}).status_code == 200


def test_restored_feature_keeps_the_highest_level_that_it_ever_had(client, database):
    with database.transaction(SYSTEM, write=True) as session:
        created = put(session, catalog["incidents"], level="restricted")
        created.level = "internal"
    feature = {"id": str(created.id)}
    assert client.get(url_of("incidents", feature)).json()["properties"]["level"] == "internal"
    retire(client, "incidents", feature)
    assert restore(client, "incidents", feature).json()["properties"]["level"] == "restricted"


def test_feature_whose_number_was_used_again_is_not_restored(client):
    body = minimal_body(catalog["markers"])
    first = create(client, "markers", **body)
    retire(client, "markers", first)
    create(client, "markers", **body)
    assert_refused(restore(client, "markers", first), 422, "number", "taken")


def test_layer_that_is_only_loaded_has_nothing_to_restore(client):
    line = client.get("/ogc/collections/lines/items?limit=1").json()["features"][0]
    assert_refused(restore(client, "lines", line), 409)
