"""What the province brings is found where it belongs, through the doors, with its paper and its clause."""

import csv

import pytest

from tests.conftest import REFERENCE

ROWS = list(csv.DictReader((REFERENCE / "seed_items.csv").read_text("utf-8").splitlines()))
COMMITTEE = "Ban Chỉ đạo công tác biên giới tỉnh Lạng Sơn"
KINDS = {"work": ("works", "stage"), "task": ("tasks", "state")}


def found(client, layer, **wanted):
    answer = client.get(f"/ogc/collections/{layer}/items", params={"limit": 1000, **wanted})
    assert answer.status_code == 200, answer.text
    return answer.json()["features"]


def links_of(client, layer, feature):
    return client.get(f"/ogc/collections/{layer}/items/{feature['id']}/links").json()["links"]


@pytest.mark.parametrize("row", [row for row in ROWS if row["record"] in KINDS], ids=lambda row: row["item"])
def test_an_item_of_a_plan_stands_where_and_how_the_plan_says(row, client):
    layer, status = KINDS[row["record"]]
    (feature,) = found(client, layer, seed_item=row["item"])
    told = feature["properties"]
    assert told[status] == row["status"]
    assert told["kind"] == row["kind"]
    assert told["clause"] == row["basis"]
    assert told["due_on"] == (row["due"] or None)
    assert told["waiting_on"] == (row["waiting_on"] or None)
    assert told["done_on"] == (row["done_on"] or None)
    assert told["unit" if layer == "works" else "lead_unit"] == row["unit"]
    linked = links_of(client, layer, feature)
    (paper,) = [one for one in linked if one["role"] == "document"]
    assert paper["title"]
    waits = bool(row["waiting_on"]) or row["status"] == "waiting"
    expected = "done" if row["state"] == "done" else "waiting" if waits else None
    if expected is not None:
        assert told["urgency"] == expected
    if not row["due"]:
        assert told["urgency"] != "overdue"
    if row["state"] == "open" and row["due"] and row["due"] < "2026-01-01" and not waits:
        assert told["urgency"] == "overdue"
    if row["record"] == "work":
        border, address = row["place"].split(" ", 1)
        assert told["border"] == border
        assert told["address"].replace("–", "-") == address
        assert feature["geometry"] is not None
    if row["place"].startswith("gate "):
        assert row["place"].removeprefix("gate ") in [one["title"] for one in linked if one["layer"] == "gates"]
    if row["place"] == "none" and row["kind"] != "partner_agreement":
        assert feature["geometry"] is None


@pytest.mark.parametrize("row", [row for row in ROWS if row["record"] == "crossing"], ids=lambda row: row["item"])
def test_a_crossing_of_the_notice_is_open_since_its_day(row, client):
    border, section = row["place"].split(" ", 1)
    crossings = [
        one
        for one in found(client, "crossings", border=border)
        if one["properties"]["section"].replace("–", "-") == section
    ]
    assert len(crossings) == 1
    told = crossings[0]["properties"]
    assert (told["kind"], told["state"], told["opened_on"]) == (row["kind"], row["status"], row["done_on"])
    assert told["gate"] == "Hữu Nghị"
    assert "document" in [one["role"] for one in links_of(client, "crossings", crossings[0])]


def test_the_plan_of_the_committee_is_the_parent_of_its_tasks(client):
    plans = [one for one in found(client, "documents") if one["properties"]["issuer"] == COMMITTEE]
    assert len(plans) == 1
    children = [one for one in links_of(client, "documents", plans[0]) if one["role"] == "parent"]
    assert len(children) >= 5


def test_items_that_carry_one_another_on_are_linked(client):
    for later, earlier in (("5", "4"), ("7", "6"), ("9", "8"), ("13", "12"), ("16", "15")):
        (feature,) = found(client, "tasks", seed_item=later)
        (before,) = found(client, "tasks", seed_item=earlier)
        assert before["id"] in [one["id"] for one in links_of(client, "tasks", feature) if one["role"] == "continues"]


def test_loading_again_changes_nothing(database, client):
    from layers import loading

    before = {
        layer: len(found(client, layer)) for layer in ("works", "tasks", "gates", "documents", "crossings", "posts")
    }
    said = []
    loading.load(database, REFERENCE, said.append)
    assert said == []
    assert {layer: len(found(client, layer)) for layer in before} == before


def test_wording_loaded_by_an_earlier_version_is_corrected_once_and_edits_stay(database, client):
    from layers import loading
    from layers.policy import SYSTEM
    from layers.procedures import ProcedureStep
    from layers.tasks import Task
    from layers.works import WorkStep

    corrections = list(csv.DictReader((REFERENCE / "corrections.csv").read_text("utf-8").splitlines()))
    (title,) = [one["was"] for one in corrections if one["now"].startswith("Số hóa")]
    was, now = "Thông báo phía bạn", "Thông báo cho phía bạn"
    with database.transaction(SYSTEM, write=True, reason="thử") as session:
        session.query(Task).filter_by(seed_item="21").one().title = title
        session.query(Task).filter_by(seed_item="11").one().clause = "đã sửa"
        for model in (ProcedureStep, WorkStep):
            for step in session.query(model).filter_by(title_vi=now):
                step.title_vi = was
        session.query(loading.LoadedStep).filter_by(name="corrections").delete()
    said = []
    loading.load(database, REFERENCE, said.append)
    assert said == ["Hiệu chỉnh câu chữ · Corrected wording"]
    assert found(client, "tasks", seed_item="21")[0]["properties"]["title"] == "Số hóa công tác biên giới"
    assert found(client, "tasks", seed_item="11")[0]["properties"]["clause"] == "đã sửa"
    with database.transaction(SYSTEM, write=True, reason="thử") as session:
        for model in (ProcedureStep, WorkStep):
            assert session.query(model).filter_by(title_vi=was).count() == 0
            assert session.query(model).filter_by(title_vi=now).count() > 0
        (basis,) = [row["basis"] for row in ROWS if row["item"] == "11"]
        session.query(Task).filter_by(seed_item="11").one().clause = basis


def test_every_main_number_exists_once_and_replaced_ones_do_not(client):
    page = client.get("/ogc/collections/markers/items", params={"border": "VN-CN", "limit": 10000}).json()["features"]
    numbers = [one["properties"]["number"] for one in page]
    assert len(numbers) == len(set(numbers))
    mains = {number.split("(")[0].split("/")[0] for number in numbers}
    assert {str(main) for main in range(1, 1379)} <= mains
    assert "261" not in numbers
    assert {"261(1)", "261(2)"} <= set(numbers)


def test_assumed_markers_lie_on_the_line_in_the_order_of_their_numbers(client):
    page = client.get(
        "/ogc/collections/markers/items",
        params={"border": "VN-KH", "position_source": "assumed", "limit": 10000, "sortby": "number"},
    ).json()["features"]
    chainages = [one["properties"]["chainage_m"] for one in page]
    assert len(chainages) > 100
    assert chainages == sorted(chainages)
    assert all(0 < one["properties"]["accuracy_m"] <= 30_000 for one in page)
