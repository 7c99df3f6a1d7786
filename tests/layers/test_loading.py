"""Reference data as loaded: seed items with their status, location and document, and the markers."""

import csv

import pytest

from tests.conftest import REFERENCE

ROWS = list(csv.DictReader((REFERENCE / "seed_items.csv").read_text("utf-8").splitlines()))
COMMITTEE = "Ban Chỉ đạo công tác biên giới tỉnh Lạng Sơn"
KINDS = {"work": ("works", "stage"), "task": ("tasks", "state")}


def read_features(client, layer, **filters):
    answer = client.get(f"/ogc/collections/{layer}/items", params={"limit": 1000, **filters})
    assert answer.status_code == 200, answer.text
    return answer.json()["features"]


def links_of(client, layer, feature):
    return client.get(f"/ogc/collections/{layer}/items/{feature['id']}/links").json()["links"]


@pytest.mark.parametrize("row", [row for row in ROWS if row["record"] in KINDS], ids=lambda row: row["item"])
def test_seed_item_has_status_dates_links_and_location_of_its_row(row, client):
    layer, status = KINDS[row["record"]]
    (feature,) = read_features(client, layer, seed_item=row["item"])
    properties = feature["properties"]
    assert properties[status] == row["status"]
    assert properties["kind"] == row["kind"]
    assert properties["clause"] == row["basis"]
    assert properties["due_on"] == (row["due"] or None)
    assert properties["waiting_on"] == (row["waiting_on"] or None)
    assert properties["done_on"] == (row["done_on"] or None)
    assert properties["unit" if layer == "works" else "lead_unit"] == row["unit"]
    linked = links_of(client, layer, feature)
    (document,) = [link for link in linked if link["role"] == "document"]
    assert document["title"]
    waits = bool(row["waiting_on"]) or row["status"] == "waiting"
    expected = "done" if row["state"] == "done" else "waiting" if waits else None
    if expected is not None:
        assert properties["urgency"] == expected
    if not row["due"]:
        assert properties["urgency"] != "overdue"
    if row["state"] == "open" and row["due"] and row["due"] < "2026-01-01" and not waits:
        assert properties["urgency"] == "overdue"
    if row["record"] == "work":
        border, address = row["place"].split(" ", 1)
        assert properties["border"] == border
        assert properties["address"].replace("–", "-") == address
        assert feature["geometry"] is not None
    if row["place"].startswith("gate "):
        assert row["place"].removeprefix("gate ") in [link["title"] for link in linked if link["layer"] == "gates"]
    if row["place"] == "none" and row["kind"] != "partner_agreement":
        assert feature["geometry"] is None


@pytest.mark.parametrize("row", [row for row in ROWS if row["record"] == "crossing"], ids=lambda row: row["item"])
def test_seed_crossing_has_the_values_of_its_row_and_a_document(row, client):
    border, section = row["place"].split(" ", 1)
    crossings = [
        feature
        for feature in read_features(client, "crossings", border=border)
        if feature["properties"]["section"].replace("–", "-") == section
    ]
    assert len(crossings) == 1
    properties = crossings[0]["properties"]
    assert (properties["kind"], properties["state"], properties["opened_on"]) == (
        row["kind"],
        row["status"],
        row["done_on"],
    )
    assert properties["gate"] == "Hữu Nghị"
    assert "document" in [link["role"] for link in links_of(client, "crossings", crossings[0])]


def test_committee_plan_is_the_parent_of_its_tasks(client):
    plans = [feature for feature in read_features(client, "documents") if feature["properties"]["issuer"] == COMMITTEE]
    assert len(plans) == 1
    children = [feature for feature in links_of(client, "documents", plans[0]) if feature["role"] == "parent"]
    assert len(children) >= 5


def test_task_links_to_the_task_it_continues(client):
    for later, earlier in (("5", "4"), ("7", "6"), ("9", "8"), ("13", "12"), ("16", "15")):
        (feature,) = read_features(client, "tasks", seed_item=later)
        (before,) = read_features(client, "tasks", seed_item=earlier)
        assert before["id"] in [
            link["id"] for link in links_of(client, "tasks", feature) if link["role"] == "continues"
        ]


def test_loading_again_runs_no_step_and_adds_no_feature(database, client):
    from layers import loading

    before = {
        layer: len(read_features(client, layer))
        for layer in ("works", "tasks", "gates", "documents", "crossings", "posts")
    }
    messages = []
    loading.load(database, REFERENCE, messages.append)
    assert messages == []
    assert {layer: len(read_features(client, layer)) for layer in before} == before


def test_corrections_change_loaded_wording_and_keep_edits(database, client):
    from layers import loading
    from layers.policy import SYSTEM
    from layers.procedures import ProcedureStep
    from layers.tasks import Task
    from layers.works import WorkStep

    corrections = list(csv.DictReader((REFERENCE / "corrections.csv").read_text("utf-8").splitlines()))
    (title,) = [correction["was"] for correction in corrections if correction["now"].startswith("Số hóa")]
    was, now = "Thông báo phía bạn", "Thông báo cho phía bạn"
    with database.transaction(SYSTEM, write=True, reason="thử") as session:
        session.query(Task).filter_by(seed_item="21").one().title = title
        session.query(Task).filter_by(seed_item="11").one().clause = "đã sửa"
        for model in (ProcedureStep, WorkStep):
            for step in session.query(model).filter_by(title_vi=now):
                step.title_vi = was
        session.query(loading.LoadedStep).filter_by(name="corrections").delete()
    messages = []
    loading.load(database, REFERENCE, messages.append)
    assert messages == ["Hiệu chỉnh câu chữ · Corrected wording"]
    assert read_features(client, "tasks", seed_item="21")[0]["properties"]["title"] == "Số hóa công tác biên giới"
    assert read_features(client, "tasks", seed_item="11")[0]["properties"]["clause"] == "đã sửa"
    with database.transaction(SYSTEM, write=True, reason="thử") as session:
        for model in (ProcedureStep, WorkStep):
            assert session.query(model).filter_by(title_vi=was).count() == 0
            assert session.query(model).filter_by(title_vi=now).count() > 0
        (basis,) = [row["basis"] for row in ROWS if row["item"] == "11"]
        session.query(Task).filter_by(seed_item="11").one().clause = basis


def test_main_markers_1_to_1378_exist_and_261_is_replaced_by_twins(client):
    page = client.get("/ogc/collections/markers/items", params={"border": "VN-CN", "limit": 10000}).json()["features"]
    numbers = [feature["properties"]["number"] for feature in page]
    assert len(numbers) == len(set(numbers))
    mains = {number.split("(")[0].split("/")[0] for number in numbers}
    assert {str(main) for main in range(1, 1379)} <= mains
    assert "261" not in numbers
    assert {"261(1)", "261(2)"} <= set(numbers)


def test_chainage_of_assumed_markers_rises_with_their_number(client):
    page = client.get(
        "/ogc/collections/markers/items",
        params={"border": "VN-KH", "position_source": "assumed", "limit": 10000, "sortby": "number"},
    ).json()["features"]
    chainages = [feature["properties"]["chainage_m"] for feature in page]
    assert len(chainages) > 100
    assert chainages == sorted(chainages)
    assert all(0 < feature["properties"]["accuracy_m"] <= 30_000 for feature in page)
