"""Corpus B of bad input: invalid values are refused with field and code; hostile but valid text is stored.

Where the corpus says 400 for a number that JSON cannot represent, the number itself is refused with 422.
"""

import json

import pytest

from gis.text.dates import today
from tests.api.http.bad_input import AREAS, INCIDENTS, JSON, assert_refused, point
from tests.factories import create, incident, patch, task
from tests.hostile_texts import ACCEPTED

HIDDEN = {
    "B9 NUL": "a\x00b", "B10 lone surrogate": "a\ud800b", "B12 right-to-left override": "a\u202eb",
    "B13 zero width": "14\u200b7", "byte order mark": "a\ufeffb", "escape": "a\x1bb", "isolate": "a\u2066b",
    "delete": "a\x7fb",
}  # fmt: skip


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("case", HIDDEN)
def test_control_and_invisible_characters_are_refused_in_every_field(case, client):
    text = HIDDEN[case]

    def post(url, **body):
        return client.post(url, content=json.dumps(body), headers=JSON)

    valid = {"category": "drainage", "place": {"text": "147/6"}}
    assert_refused(post(INCIDENTS, **{**valid, "description": text}), 422, "description", "characters")
    assert_refused(post(INCIDENTS, **{**valid, "place": {"text": text}}), 422)
    assert_refused(post(INCIDENTS, **{**valid, "category": text}), 422, "category", "code")
    assert_refused(post(INCIDENTS, **{**valid, text: 1}), 422)
    assert_refused(post("/ogc/collections/tasks/items", title="x", coordinating_units=["x", text]), 422)
    created = task(client)
    moves = f"/ogc/collections/tasks/items/{created['id']}/moves"
    assert_refused(post(moves, to="assigned", reason=text), 422, "reason", "characters")
    links = f"/ogc/collections/tasks/items/{created['id']}/links"
    assert_refused(post(links, at=text, role="site"), 422)


@pytest.mark.requirement("corpus-B", "B11")
def test_text_is_stored_in_normal_form_c(client):
    created = incident(client, description="Điểm nóng".encode().decode(), unit="Đô\u0300n")
    assert created["properties"]["unit"] == "Đồn"
    page = client.get(INCIDENTS, params={"unit": "Đồn"}).json()
    assert created["id"] in [feature["id"] for feature in page["features"]]


FIELDS = {
    "B14 too long": ({"description": "x" * 5001}, "description", "too_long"),
    "B15 unknown": ({"colour": "red"}, "colour", "unknown_field"),
    "B16 version": ({"version": 7}, "version", "read_only"),
    "B16 code": ({"code": "SV-2026-9999"}, "code", "read_only"),
    "B16 chainage": ({"chainage_m": 1}, "chainage_m", "read_only"),
    "B16 author": ({"created_by": "boss"}, "created_by", "read_only"),
    "B16 id": ({"id": "00000000-0000-4000-8000-000000000000"}, "id", "read_only"),
    "B16 column": ({"shared_geom": None}, "shared_geom", "unknown_field"),
    "B17 no such day": ({"occurred_at": "2026-02-30T08:00:00+07:00"}, "occurred_at", "type"),
    "B18 no zone": ({"occurred_at": "2026-01-30T08:00:00"}, "occurred_at", "zone"),
    "B19 year 9999": ({"occurred_at": "9999-01-01T00:00:00Z"}, "occurred_at", "date"),
    "B19 year 1": ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at", "date"),
    "B20 in the future": ({"occurred_at": "2099-01-01T00:00:00Z"}, "occurred_at", "future"),
    "B22 too great": ({"accuracy_m": 2**63}, "accuracy_m", "range"),
    "B23 boolean": ({"accuracy_m": True}, "accuracy_m", "type"),
    "text for a number": ({"accuracy_m": "5"}, "accuracy_m", "type"),
    "number for text": ({"description": 5}, "description", "type"),
    "object for text": ({"description": {"a": 1}}, "description", "type"),
    "list for a code": ({"side": ["ours"]}, "side", "code"),
    "code in capitals": ({"side": "OURS"}, "side", "code"),
    "number for a time": ({"occurred_at": 1_700_000_000}, "occurred_at", "type"),
    "unknown border": ({"border": "VN-TH"}, "border", "code"),
    "unknown level": ({"level": "secret"}, "level", "code"),
}


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("case", FIELDS)
def test_invalid_value_is_refused_with_field_and_code(case, client):
    values, field, code = FIELDS[case]
    assert_refused(
        client.post(INCIDENTS, json={"category": "drainage", "place": {"text": "147/6"}, **values}), 422, field, code
    )


@pytest.mark.usefixtures("no_rows_remain")
def test_negative_accuracy_is_refused(client):
    body = {"category": "drainage", "geometry": point(105.95, 11.69), "position_source": "gps", "accuracy_m": -1}
    answer = client.post(INCIDENTS, json=body)
    assert_refused(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == ["accuracy_m"]


@pytest.mark.usefixtures("no_rows_remain")
def test_all_invalid_fields_are_named_at_once(client):
    answer = client.post(INCIDENTS, json={"category": "x", "side": "y", "colour": 1, "version": 2, "description": 3})
    assert {error["field"] for error in answer.json()["errors"]} == {
        "category",
        "side",
        "colour",
        "version",
        "description",
    }


@pytest.mark.parametrize(
    ("layer", "values", "field"),
    [
        ("works", {"progress": 101}, "progress"),
        ("works", {"progress": -1}, "progress"),
        ("works", {"progress": 2**31}, "progress"),
        ("works", {"progress": 1.5}, "progress"),
        ("works", {"cost_planned": 1e20}, "cost_planned"),
        ("works", {"due_on": "2026-02-30"}, "due_on"),
        ("works", {"due_on": "30/01/2026"}, "due_on"),
        ("works", {"due_on": 20260130}, "due_on"),
        ("works", {"link": "x"}, "link"),
        ("tasks", {"coordinating_units": "Sở Ngoại vụ"}, "coordinating_units"),
        ("tasks", {"coordinating_units": ["x"] * 101}, "coordinating_units"),
        ("documents", {"number": "không số"}, "number"),
        ("sectors", {"demarcated": "yes"}, "demarcated"),
    ],
)
def test_invalid_values_of_other_layers_are_refused(layer, values, field, client):
    from gis.model.layer import catalog
    from tests.factories import minimal_body

    answer = client.post(f"/ogc/collections/{layer}/items", json=minimal_body(catalog[layer], **values))
    assert_refused(answer, 422)
    assert [error["field"].split(".")[0] for error in answer.json()["errors"]] == [field]


@pytest.mark.requirement("corpus-B", "B20")
def test_occurred_at_five_minutes_ahead_is_accepted(client):
    import datetime as dt

    soon = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)
    assert incident(client, occurred_at=soon.isoformat())["properties"]["code"].startswith(f"SV-{today().year}")


SECRETS = [
    "MẬT",
    "Tài liệu: TỐI MẬT",
    "TUYỆT MẬT",
    "T U Y Ệ T   M Ậ T",
    "Độ mật: mật",
    "độ mật tối mật",
    "(MẬT)",
    "M Ậ T",
]

ORDINARY = [
    "bảo vệ bí mật nhà nước",
    "BẢO MẬT",
    "BÍ MẬT",
    "mật ong",
    "mật độ dân cư",
    "Mật",
    "CẬP NHẬT",
    "mật khẩu",
    "MẬTX",
]


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize("text", SECRETS)
def test_text_with_a_secrecy_stamp_is_refused(text, client):
    valid = {"category": "drainage", "place": {"text": "147/6"}}
    assert_refused(client.post(INCIDENTS, json={**valid, "description": text}), 422, "description", "state_secret")
    assert_refused(
        client.post(AREAS, json={"name": "x", "kind": "belt", "geometry": {**point(106, 11.5), "note": text}}), 422
    )
    created = task(client)
    assert_refused(
        patch(client, "tasks", created, coordinating_units=[text]), 422, "coordinating_units", "state_secret"
    )
    url = f"/ogc/collections/tasks/items/{created['id']}"
    assert_refused(client.post(f"{url}/moves", json={"to": "assigned", "reason": text}), 422, "reason", "state_secret")
    assert_refused(
        client.post(f"{url}/links", json={"at": "147/6", "role": "site", "reason": text}), 422, "reason", "state_secret"
    )
    gate = create(client, "gates", name="Cửa khẩu thử", border="VN-KH")
    events = f"/ogc/collections/gates/items/{gate['id']}/events"
    event = {"kind": "note", "on": "2026-01-01"}
    assert_refused(client.post(events, json={**event, "note": text}), 422, "note", "state_secret")
    assert_refused(client.post(events, json={**event, "reason": text}), 422, "reason", "state_secret")


@pytest.mark.parametrize("text", ORDINARY)
def test_text_like_a_secrecy_stamp_is_stored(text, client):
    assert incident(client, description=text)["properties"]["description"] == text


@pytest.mark.parametrize("text", [*ACCEPTED.values(), "a\nb\tc"])
def test_hostile_text_is_stored_and_escaped(text, client):
    created = incident(client, description=text)
    assert created["properties"]["description"] == text
    page = client.get("/incidents")
    assert page.status_code == 200
    assert "<script>alert(1)" not in page.text


def test_long_location_is_refused_before_it_is_matched(client):
    parameters = {"near": f"147/6{' ' * 20_000}500m"}
    answer = client.get("/ogc/collections/incidents/items", params=parameters, timeout=5)
    assert answer.status_code == 400
    assert client.get("/ogc/collections/incidents/items", params={"near": "147/6, 500m"}).status_code == 200
