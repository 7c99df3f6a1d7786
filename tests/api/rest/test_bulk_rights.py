"""A bulk change gives nobody more than single requests do: rows, columns and layers of each role."""

import httpx
import pytest

from gis.accounts.tokens import issue
from gis.model.layer import catalog
from layers.policy import SYSTEM
from tests.api.ogc.writes import assert_refused
from tests.factories import put

OWN_UNIT, OTHER_UNIT = "Đồn A", "Đồn B"
LANG_SON = {"type": "Point", "coordinates": [106.71, 21.98]}


@pytest.fixture(scope="module")
def rows(database):
    """Incidents of two units at several levels, a task, and a marker on the own unit's sector of another border."""
    with database.transaction(SYSTEM, write=True) as session:
        created = {
            ("incidents", unit, level): put(session, catalog["incidents"], unit=unit, level=level)
            for unit in (OWN_UNIT, OTHER_UNIT)
            for level in ("public", "internal", "restricted")
        }
        created["tasks", "", "internal"] = put(session, catalog["tasks"])
        marker = put(session, catalog["markers"], level="public", border="VN-CN", geometry=LANG_SON)
        created["markers", "", "public"] = marker
        sector = put(session, catalog["sectors"], unit=OWN_UNIT, border="VN-CN", geometry=None)
        sector.start_m, sector.end_m = marker.chainage_m - 10, marker.chainage_m + 10
    return {kind: str(feature.id) for kind, feature in created.items()}


@pytest.fixture(scope="module")
def client_of(enrol, accounts, site_url):
    """``client_of("officer")`` is a client with a token of that role, officers' of the own unit."""
    enrol("chief", "administrator", second_factor="JBSWY3DPEHPK3PXP")
    with accounts.transaction("chief") as session:
        tokens = {
            role: issue(session, role, role, made_by="chief", days=1, scopes=("read", "write"),
                        unit=OWN_UNIT if role == "officer" else None)
            for role in ("office", "planner", "officer", "committee", "public")
        }  # fmt: skip
        tokens["partner"] = issue(session, "partner", "partner", made_by="chief", days=1, recipient="Sở A")
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    clients = {
        role: httpx.Client(base_url=site_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        for role, token in tokens.items()
    }
    yield clients.__getitem__
    for client in clients.values():
        client.close()


def send(client, layer, ids, mode="check", **act):
    listed = [{"id": feature_id, "version": 1} for feature_id in ids]
    body = {"layer": layer, "rows": listed, "mode": mode, "reason": "thử", **act}
    return client.post("/api/bulk", json=body, headers={"Accept-Language": "en"})


def verdicts(answer):
    assert answer.status_code == 200, answer.text
    return {row["id"]: row["code"] for row in answer.json()["refused"]}


def test_officer_changes_incidents_of_the_own_unit_only(client_of, rows):
    incidents = {kind[1:]: feature_id for kind, feature_id in rows.items() if kind[0] == "incidents"}
    answer = send(client_of("officer"), "incidents", incidents.values(), properties={"severity": "high"})
    assert verdicts(answer) == {
        incidents[OWN_UNIT, "restricted"]: "missing",
        incidents[OTHER_UNIT, "public"]: "forbidden",
        incidents[OTHER_UNIT, "internal"]: "missing",
        incidents[OTHER_UNIT, "restricted"]: "missing",
    }
    titles = {row["id"]: row["title"] for row in answer.json()["refused"]}
    assert [feature_id for feature_id, title in titles.items() if title] == [incidents[OTHER_UNIT, "public"]]
    assert {row["id"] for row in answer.json()["changed"]} == {
        incidents[OWN_UNIT, "public"],
        incidents[OWN_UNIT, "internal"],
    }


def test_officer_reads_previous_values_of_internal_fields_of_the_own_unit(client_of, rows):
    own_row = rows["incidents", OWN_UNIT, "public"]
    answer = send(client_of("officer"), "incidents", [own_row], properties={"description": "mới"})
    (changed,) = answer.json()["changed"]
    assert changed["before"] == {"description": None}


def test_officer_changes_the_condition_of_markers_but_no_other_field(client_of, rows):
    marker = rows["markers", "", "public"]
    officer = client_of("officer")
    assert verdicts(send(officer, "markers", [marker], properties={"remark": "x"})) == {marker: "forbidden"}
    assert verdicts(send(officer, "markers", [marker], retire=True)) == {marker: "forbidden"}
    assert verdicts(send(officer, "markers", [marker], move={"to": "damaged"})) == {}


@pytest.mark.parametrize(("role", "layer", "status"), [
    ("officer", "tasks", 403), ("planner", "incidents", 403), ("committee", "tasks", 403), ("public", "tasks", 403),
    ("partner", "tasks", 404)])  # fmt: skip
def test_role_that_does_not_change_a_layer_is_refused_as_a_whole(role, layer, status, client_of, rows):
    ids = [feature_id for kind, feature_id in rows.items() if kind[0] == layer]
    for mode in ("check", "all", "valid"):
        problem = assert_refused(send(client_of(role), layer, ids, mode, properties={"source": "x"}), status)
        assert not any(feature_id in str(problem) for feature_id in ids)


def test_token_of_the_office_and_planners_lower_no_level(client_of, rows):
    task = rows["tasks", "", "internal"]
    for role, code in (("planner", "office_opens"), ("office", None)):
        answer = send(client_of(role), "tasks", [task], properties={"level": "partner"})
        assert verdicts(answer) == {task: "forbidden"}
        assert [error["code"] for error in answer.json()["refused"][0]["errors"]] == ([code] if code else [])


def test_retired_feature_is_restored_by_those_who_may_retire_it(client_of, rows):
    own_row = rows["incidents", OWN_UNIT, "internal"]
    officer = client_of("officer")
    (retired,) = send(officer, "incidents", [own_row], "all", retire=True).json()["changed"]
    url = f"/ogc/collections/incidents/items/{own_row}/restore"
    assert_refused(client_of("planner").post(url, json={"reason": "thử"}), 403)
    assert_refused(client_of("committee").post(url, json={"reason": "thử"}), 403)
    restored = officer.post(url, json={"reason": "thử"})
    assert restored.status_code == 200, restored.text
    assert restored.json()["properties"]["version"] == retired["version"] + 1
