"""Releases over HTTP: the workflow from draft to publication and withdrawal, and its pages."""

import json
import uuid

import pytest

from gis.db.session import WRITER_LOGIN
from gis.model.layer import catalog
from layers.policy import SYSTEM
from tests.api.rest.release_workflow import LEAK_MARKER, publish, release_body, transition
from tests.factories import numbers, put

pytestmark = pytest.mark.usefixtures("release_staff")


def test_release_passes_from_draft_through_approval_to_withdrawal(
    preparer_browser, approver_browser, marker_numbers, partner
):
    created = preparer_browser.post("/api/releases", release_body(marker_numbers, "Sở A"))
    assert created.status_code == 201
    release = created.json()["id"]
    assert created.headers["location"] == f"/api/releases/{release}"

    preview = preparer_browser.get(f"/api/releases/{release}/versions/1/preview?lang=en").json()
    features = {feature["properties"]["number"]: feature for feature in preview["parts"][0]["features"]["features"]}
    assert set(features) == {marker_numbers["surveyed"][0], marker_numbers["assumed"][0]}
    assert features[marker_numbers["assumed"][0]]["geometry"] is None
    assert LEAK_MARKER not in json.dumps(preview["parts"])
    assert {item["reason"]: item["named"] for item in preview["withheld"]} == {
        "level": [marker_numbers["restricted"][0]],
        "position_assumed": [marker_numbers["assumed"][0]],
    }
    assert "Remark" in preview["parts"][0]["above"]

    partner_client = partner("Sở A")
    assert partner_client.get("/ogc/collections").json()["collections"] == []
    transition(preparer_browser, release, "submitted")
    by_the_preparer = preparer_browser.post(
        f"/api/releases/{release}/versions/1/moves?lang=en", {"to": "approved", "reason": "tự duyệt"}
    )
    assert (by_the_preparer.status_code, by_the_preparer.headers["content-type"]) == (403, "application/problem+json")
    assert "Another person must approve" in by_the_preparer.json()["detail"]
    transition(approver_browser, release, "published", expected=409)
    transition(approver_browser, release, "approved")
    document = transition(approver_browser, release, "published")
    assert document["versions"][0]["manifest"]["rows"] == 2
    assert [step["actor"] for step in document["versions"][0]["steps"]] == ["lan", "lan", "minh", "minh"]

    features = partner_client.get("/ogc/collections/markers/items").json()["features"]
    assert {feature["properties"]["number"] for feature in features} == {
        marker_numbers["surveyed"][0],
        marker_numbers["assumed"][0],
    }
    assert [collection["id"] for collection in partner_client.get("/ogc/collections").json()["collections"]] == [
        "markers"
    ]

    transition(approver_browser, release, "withdrawn", reason="", expected=422)
    transition(approver_browser, release, "withdrawn", reason="hết căn cứ")
    assert partner_client.get("/ogc/collections/markers/items").json()["features"] == []
    delta = partner_client.get(f"/ogc/releases/{release}/delta?since=1").json()
    assert {feature["id"] for feature in delta["removed"]} == {
        marker_numbers["surveyed"][1],
        marker_numbers["assumed"][1],
    }


def test_holdings_are_listed_by_address_feature_or_recipient(preparer_browser, approver_browser, marker_numbers):
    release = publish(preparer_browser, approver_browser, marker_numbers, "Sở E")
    number, row = marker_numbers["surveyed"]
    for query in (f"at={number}&border=VN-KH", f"feature={row}"):
        marker_holdings = [
            holding
            for holding in preparer_browser.get(f"/api/holdings?{query}").json()["holdings"]
            if holding["recipient"] == "Sở E"
        ]
        assert [(holding["release"], holding["since_version"], holding["until"]) for holding in marker_holdings] == [
            (release, 1, None)
        ]
        assert marker_holdings[0]["content"]["number"] == number
        assert "remark" not in marker_holdings[0]["content"]
    assert len(preparer_browser.get("/api/holdings?recipient=Sở E").json()["holdings"]) == 2
    assert preparer_browser.get("/api/holdings").status_code == 400


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"recipient": ""}, 422),
        ({"name": "TUYỆT MẬT"}, 422),
        ({"parts": []}, 422),
        ({"parts": [{"layer": "nothing", "fields": []}]}, 422),
        ({"parts": [{"layer": "markers", "fields": ["remark"]}]}, 422),
        ({"parts": [{"layer": "markers", "fields": ["number"], "decimals": 9}]}, 422),
        ({"parts": [{"layer": "markers", "fields": ["number"], "filter": {"remark": "x"}}]}, 400),
        ({"parts": [{"layer": "markers", "fields": ["number"], "filter": {"filter": "remark = 'x'"}}]}, 400),
        ({"parts": [{"layer": "markers", "fields": ["number"], "filter": {"as_of": "2026-01-01"}}]}, 422),
        ({"parts": [{"layer": "markers", "fields": ["number"], "columns": []}]}, 422),
        ({"document": str(uuid.uuid4())}, 422),
        ({"valid_from": "2027-01-01", "valid_to": "2026-01-01"}, 422),
        ({"valid_to": "soon"}, 422),
    ],
)
def test_invalid_draft_is_refused(preparer_browser, marker_numbers, change, code):
    answer = preparer_browser.post("/api/releases", {**release_body(marker_numbers, "Sở H"), **change})
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_draft_without_a_basis_cannot_be_submitted(preparer_browser, marker_numbers):
    created = preparer_browser.post("/api/releases", {**release_body(marker_numbers, "Sở I"), "basis": ""}).json()
    transition(preparer_browser, created["id"], "submitted", expected=422)
    transition(preparer_browser, created["id"], "discarded")


def test_pages_show_content_withheld_features_and_holdings(preparer_browser, approver_browser, marker_numbers):
    created = preparer_browser.post("/api/releases", release_body(marker_numbers, "Sở <b>M</b>")).json()
    release, number = created["id"], marker_numbers["surveyed"][0]
    for language, reason in (
        ("vi", "Không thuộc phạm vi cung cấp cho đối tác"),
        ("en", "Its level is above partner"),
    ):
        page = preparer_browser.get(f"/releases/{release}?lang={language}").text
        assert reason in page
        assert number in page
        assert "Sở &lt;b&gt;M&lt;/b&gt;" in page
        assert LEAK_MARKER not in page
        assert 'data-move="submitted"' in page
    transition(preparer_browser, release, "submitted")
    assert 'data-move="approved"' not in preparer_browser.get(f"/releases/{release}").text
    assert "Somebody else must approve it" in preparer_browser.get(f"/releases/{release}?lang=en").text
    assert 'data-move="approved"' in approver_browser.get(f"/releases/{release}").text
    transition(approver_browser, release, "approved")
    transition(approver_browser, release, "published")
    assert "Sở &lt;b&gt;M&lt;/b&gt;" in preparer_browser.get("/releases?lang=vi").text
    holdings_page = preparer_browser.get(f"/holdings?at={number}&lang=vi").text
    assert "Sở &lt;b&gt;M&lt;/b&gt;" in holdings_page
    assert "đang lưu giữ" in holdings_page
    assert preparer_browser.get(f"/releases/{release}/new").status_code == 200
    assert preparer_browser.get("/releases/new").status_code == 200
    assert preparer_browser.get("/holdings?lang=vi").status_code == 200
    assert preparer_browser.get(f"/releases/{release}?version=9").status_code == 404


def test_draft_can_be_changed_until_it_is_submitted(preparer_browser, approver_browser, marker_numbers, connect):
    created = preparer_browser.post("/api/releases", release_body(marker_numbers, "Sở gõ nhầm")).json()
    url, body = (
        f"/api/releases/{created['id']}/versions/1",
        release_body(marker_numbers, "Sở gõ đúng", valid_to="2030-12-31"),
    )
    tag = approver_browser.get(url).headers["etag"]
    assert approver_browser.request("PUT", url, body=body).status_code == 428
    changed = approver_browser.request("PUT", url, body=body, If_Match=tag)
    assert changed.status_code == 200, changed.text
    document = changed.json()
    assert (document["name"], document["recipient"]) == (body["name"], "Sở gõ đúng")
    version = document["versions"][0]
    assert (version["preparers"], version["valid_to"], version["state"]) == (["lan", "minh"], "2030-12-31", "draft")
    stale = preparer_browser.request("PUT", url, body=release_body(marker_numbers, "Sở khác"), If_Match=tag)
    assert (stale.status_code, preparer_browser.get(url).json()["valid_to"]) == (412, "2030-12-31")
    condition = (
        "actor = 'minh' and (table_name = 'releases' or table_name = 'release_parts' and new->>'version_id' = %s)"
    )
    rows = connect().execute("select id::text from app.release_versions where release_id = %s", [created["id"]])
    journalled = connect().execute(
        f"select distinct actor, table_name, action from app.journal where {condition} order by 2", rows.fetchone()
    )
    assert journalled.fetchall() == [("minh", "release_parts", "insert"), ("minh", "releases", "update")]

    faulty = preparer_browser.request(
        "PUT",
        url,
        body=release_body(marker_numbers, "Sở", valid_to="31/02/2026"),
        If_Match=preparer_browser.get(url).headers["etag"],
    )
    assert (faulty.status_code, faulty.json()["errors"][0]["field"]) == (422, "valid_to")
    assert preparer_browser.get(f"/releases/{created['id']}/edit").status_code == 200
    tag = preparer_browser.get(url).headers["etag"]
    transition(preparer_browser, created["id"], "submitted")
    assert (
        preparer_browser.request("PUT", url, body=body, If_Match=preparer_browser.get(url).headers["etag"]).status_code
        == 409
    )
    assert preparer_browser.get(f"/releases/{created['id']}/edit").status_code == 404
    transition(approver_browser, created["id"], "approved", expected=403)  # minh has changed the draft


def test_submitted_version_cannot_be_changed_by_sql(preparer_browser, marker_numbers, connect):
    release = preparer_browser.post("/api/releases", release_body(marker_numbers, "Sở bền")).json()["id"]
    transition(preparer_browser, release, "submitted")
    office = connect(WRITER_LOGIN, role="cotmoc_office_edit")
    office.execute("select set_config('cotmoc.actor', 'lan', false)")
    versions = "(select id from app.release_versions where release_id = %s)"
    assert office.execute(f"delete from app.release_parts where version_id = {versions}", [release]).rowcount == 0
    assert office.execute("update app.releases set recipient = 'x' where id = %s", [release]).rowcount == 0


@pytest.mark.parametrize("path", ["/api/releases", "versions", "moves"])
def test_repeated_write_with_the_same_idempotency_key_is_done_once(path, preparer_browser, marker_numbers):
    key, body = uuid.uuid4().hex, release_body(marker_numbers, f"Sở {path}")
    if path != "/api/releases":
        release = preparer_browser.post("/api/releases", body).json()["id"]
        if path == "versions":
            transition(preparer_browser, release, "discarded")
        body = {"note": "lại"} if path == "versions" else {"to": "submitted", "reason": "một lần"}
        path = f"/api/releases/{release}/versions" + ("/1/moves" if "to" in body else "")
    first, second = (preparer_browser.post(path, body, Idempotency_Key=key) for _ in range(2))
    assert first.is_success, first.text
    assert second.status_code == 200
    assert second.json() == first.json()
    assert preparer_browser.post(path, {**body, "note": "khác"}, Idempotency_Key=key).status_code == 422
    other = preparer_browser.post("/api/releases", {}, Idempotency_Key="k" * 201)
    assert other.status_code in (400, 422)


def test_recalled_holdings_are_shown_to_roles_that_manage_releases(
    preparer_browser, approver_browser, marker_numbers, database, browser
):
    number = str(next(numbers))
    with database.transaction(SYSTEM, write=True) as session:
        marker_id = put(session, catalog["markers"], number=number, level="partner", position_source="survey").id
    part = {"layer": "markers", "filter": {"number": [number]}, "fields": ["number"], "decimals": 5}
    release = publish(preparer_browser, approver_browser, marker_numbers, "Bên bị rút", parts=[part])
    before = preparer_browser.get("/api/releases").json()["number_held_back"]
    with database.transaction(SYSTEM, write=True) as session:
        session.get_one(catalog["markers"].model, marker_id).level = "internal"
    document = preparer_browser.get("/api/releases").json()
    assert document["number_held_back"] == before + 1
    assert (document["held_back"][0]["feature"], document["held_back"][0]["release"]) == (str(marker_id), release)
    assert (
        f'<a class="since" href="/releases#held-back">{before + 1} mục đã tự động ngừng chia sẻ</a>'
        in preparer_browser.get("/board").text
    )
    page = preparer_browser.get("/releases?lang=vi").text
    assert f"{before + 1} mục đã tự động ngừng cung cấp" in page
    assert number in page
    browser.sign_in("hoa")
    assert "held-back" not in browser.get("/board").text
