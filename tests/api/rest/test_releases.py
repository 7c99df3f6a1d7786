"""Releases over HTTP: prepared, previewed, approved by a second person, received with a partner's token."""

import json
import subprocess
import uuid

import httpx
import pyotp
import pytest

from gis.accounts.tokens import issue
from gis.db.session import WRITER_LOGIN
from gis.model.layer import catalog
from layers.policy import SYSTEM
from tests.factories import numbers, put

CANARY = "CANARY-7F3A"
SECRET = pyotp.random_base32()
FIELDS = ["border", "number", "built_by", "condition", "address"]


@pytest.fixture(scope="module", autouse=True)
def staff(enrol, accounts):
    """Two of the office who share, one who plans, and an administrator so that accounts count."""
    enrol("chief", "administrator", second_factor=SECRET)
    for name, role in (("lan", "office"), ("minh", "office"), ("hoa", "planner")):
        enrol(name, role)
    while accounts.recheck_due:
        assert accounts.sign_in_required()


@pytest.fixture
def preparer_browser(browser):
    browser.sign_in("lan")
    return browser


@pytest.fixture
def approver_browser(second_browser):
    second_browser.sign_in("minh")
    return second_browser


@pytest.fixture(scope="module")
def marker_numbers(database):
    """A surveyed marker, an assumed one and a restricted one, as numbers."""
    made = {}
    with database.transaction(SYSTEM, write=True) as session:
        for name, level, source in (
            ("shown", "partner", "survey"),
            ("assumed", "public", "assumed"),
            ("hidden", "restricted", "survey"),
        ):
            number = str(next(numbers))
            row = put(session, catalog["markers"], number=number, level=level, remark=CANARY, source=CANARY)
            row.position_source = source
            made[name] = number, str(row.id)
    return made


@pytest.fixture(scope="module")
def partner(accounts, site_url):
    """``partner(recipient)`` is a machine of theirs, with its token."""
    opened = []

    def opening(recipient):
        with accounts.transaction("chief") as session:
            token = issue(session, f"máy {uuid.uuid4()}", "partner", made_by="chief", days=30, recipient=recipient)
        machine = httpx.Client(base_url=site_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        opened.append(machine)
        return machine

    yield opening
    for one in opened:
        one.close()


def body_of(stones, recipient, **more):
    wanted = [number for number, _ in stones.values()]
    part = {"layer": "markers", "filter": {"number": wanted}, "fields": FIELDS, "decimals": 5}
    return {
        "name": f"Bản {uuid.uuid4()}", "recipient": recipient, "basis": "48/UBND-NC", "parts": [part], **more,
    }  # fmt: skip


def moved(who, release, to, number=1, *, reason="đã đối chiếu", expected=200):
    answer = who.post(f"/api/releases/{release}/versions/{number}/moves", {"to": to, "reason": reason})
    assert answer.status_code == expected, answer.text
    return answer.json()


def published(lan, minh, stones, recipient, **more):
    made = lan.post("/api/releases", body_of(stones, recipient, **more))
    assert made.status_code == 201, made.text
    release = made.json()["id"]
    moved(lan, release, "submitted")
    moved(minh, release, "approved")
    moved(minh, release, "published")
    return release


def test_a_release_from_draft_to_a_partners_hands_and_back(preparer_browser, approver_browser, marker_numbers, partner):
    made = preparer_browser.post("/api/releases", body_of(marker_numbers, "Sở A"))
    assert made.status_code == 201
    release = made.json()["id"]
    assert made.headers["location"] == f"/api/releases/{release}"

    preview = preparer_browser.get(f"/api/releases/{release}/versions/1/preview?lang=en").json()
    shown = {one["properties"]["number"]: one for one in preview["parts"][0]["features"]["features"]}
    assert set(shown) == {marker_numbers["shown"][0], marker_numbers["assumed"][0]}
    assert shown[marker_numbers["assumed"][0]]["geometry"] is None
    assert CANARY not in json.dumps(preview["parts"])
    assert {one["reason"]: one["named"] for one in preview["withheld"]} == {
        "level": [marker_numbers["hidden"][0]],
        "position_assumed": [marker_numbers["assumed"][0]],
    }
    assert "Remark" in preview["parts"][0]["above"]

    machine = partner("Sở A")
    assert machine.get("/ogc/collections").json()["collections"] == []
    moved(preparer_browser, release, "submitted")
    alone = preparer_browser.post(
        f"/api/releases/{release}/versions/1/moves?lang=en", {"to": "approved", "reason": "tự duyệt"}
    )
    assert (alone.status_code, alone.headers["content-type"]) == (403, "application/problem+json")
    assert "second person" in alone.json()["detail"]
    moved(approver_browser, release, "published", expected=409)
    moved(approver_browser, release, "approved")
    told = moved(approver_browser, release, "published")
    assert told["versions"][0]["manifest"]["rows"] == 2
    assert [one["actor"] for one in told["versions"][0]["steps"]] == ["lan", "lan", "minh", "minh"]

    found = machine.get("/ogc/collections/markers/items").json()["features"]
    assert {one["properties"]["number"] for one in found} == {marker_numbers["shown"][0], marker_numbers["assumed"][0]}
    assert [one["id"] for one in machine.get("/ogc/collections").json()["collections"]] == ["markers"]

    moved(approver_browser, release, "withdrawn", reason="", expected=422)
    moved(approver_browser, release, "withdrawn", reason="hết căn cứ")
    assert machine.get("/ogc/collections/markers/items").json()["features"] == []
    gone = machine.get(f"/ogc/releases/{release}/delta?since=1").json()
    assert {one["id"] for one in gone["removed"]} == {marker_numbers["shown"][1], marker_numbers["assumed"][1]}


def test_a_partner_reads_by_every_standard_door_what_was_released_and_no_more(
    preparer_browser, approver_browser, marker_numbers, partner
):
    release = published(preparer_browser, approver_browser, marker_numbers, "Sở B")
    number, row = marker_numbers["shown"]
    machine, other = partner("Sở B"), partner("Sở khác")
    items = "/ogc/collections/markers/items"
    asked = {
        "/ogc": 200,
        "/ogc/conformance": 200,
        "/ogc/api": 200,
        "/ogc/collections": 200,
        "/ogc/collections/markers": 200,
        "/ogc/collections/markers/schema": 200,
        "/ogc/collections/markers/queryables": 200,
        "/ogc/collections/markers/sortables": 200,
        items: 200,
        f"{items}?f=html": 200,
        f"{items}?count=exact&sortby=-number&q={number}": 200,
        f"{items}?bbox=105,11,107,12&level=partner": 200,
        f"{items}?filter=accenti(number) like '{number}' and s_intersects(geometry, bbox(105,11,107,12))": 200,
        f"{items}?crs=http://www.opengis.net/def/crs/EPSG/0/32648": 200,
        f"{items}/{row}": 200,
        f"{items}/{marker_numbers['hidden'][1]}": 404,
        f"{items}/{row}/history": 404,
        f"{items}/{row}/links": 404,
        f"{items}?as_of=2026-01-01": 400,
        f"{items}?near=147/6,500m": 400,
        f"{items}?remark=x": 400,
        f"{items}?filter=remark = 'x'": 400,
        f"{items}?sortby=remark": 400,
        "/ogc/collections/markers/changes": 404,
        "/ogc/collections/markers/tiles": 200,
        "/ogc/collections/markers/tiles/WebMercatorQuad": 200,
        "/ogc/collections/markers/tiles/WebMercatorQuad/tilejson.json": 200,
        "/ogc/collections/markers/tiles/WebMercatorQuad/5/14/25": 200,
        "/ogc/collections/markers/styles/default": 200,
        "/ogc/collections/incidents/items": 200,
        "/ogc/releases": 200,
        f"/ogc/releases/{release}": 200,
        f"/ogc/releases/{release}/delta?since=0": 200,
        **{f"/api/export/markers?f={name}": 200 for name in ("geojson", "csv", "gpkg", "xlsx", "kml", "parquet")},
        "/api/export/markers?reader=partner": 400,
        "/healthz": 200,
    }
    answers = {path: machine.get(path) for path in asked}
    assert {path: answer.status_code for path, answer in answers.items()} == asked
    for path, answer in answers.items():
        assert CANARY.encode() not in answer.content, path
        assert marker_numbers["hidden"][0].encode() not in answer.content.replace(path.encode(), b""), path
    assert machine.get(items).json()["numberMatched"] == 2
    told = machine.get(f"/ogc/releases/{release}").json()["versions"][0]
    assert answers["/api/export/markers?f=geojson"].json()["releases"][0]["watermark"] == told["watermark"]
    assert "withheld" not in told  # how much stays is a partner's business no more than what it is
    assert "/ogc/releases" in answers["/ogc"].text
    for path in (items, f"{items}/{row}", "/ogc/releases", "/api/export/markers", "/ogc/collections"):
        told = other.get(path).content
        assert number.encode() not in told, path
        assert row.encode() not in told, path
    assert other.get(f"/ogc/releases/{release}").status_code == 404
    assert other.get(f"/ogc/releases/{release}/delta").status_code == 404


def test_elsewhere_there_is_nothing_for_a_partner(partner):
    machine = partner("Sở C")
    for path in (
        "/", "/works", "/board", "/releases", "/holdings", "/people", "/account", "/api/cards", "/api/locate?q=96",
        "/api/releases", "/api/holdings?at=96", "/api/changes", "/api/basemap/lines", "/ogcx",
    ):  # fmt: skip
        assert machine.get(path).status_code == 404, path
    refused = machine.post("/ogc/collections/markers/items", json={})
    assert refused.status_code == 404
    for method in ("PUT", "PATCH", "DELETE"):
        assert machine.request(method, f"/ogc/collections/markers/items/{uuid.uuid4()}", json={}).status_code == 404


def test_who_does_not_share_sees_no_releases(browser, marker_numbers):
    browser.sign_in("hoa")
    for path in ("/api/releases", f"/api/releases/{uuid.uuid4()}", "/api/holdings?at=96", "/ogc/releases"):
        assert browser.get(path).status_code == 404, path
    assert browser.post("/api/releases", body_of(marker_numbers, "Sở D")).status_code == 404


def test_the_register_answers_what_a_recipient_holds_of_a_marker(preparer_browser, approver_browser, marker_numbers):
    release = published(preparer_browser, approver_browser, marker_numbers, "Sở E")
    number, row = marker_numbers["shown"]
    for asked in (f"at={number}&border=VN-KH", f"feature={row}"):
        found = [
            one
            for one in preparer_browser.get(f"/api/holdings?{asked}").json()["holdings"]
            if one["recipient"] == "Sở E"
        ]
        assert [(one["release"], one["since_version"], one["until"]) for one in found] == [(release, 1, None)]
        assert found[0]["content"]["number"] == number
        assert "remark" not in found[0]["content"]
    assert len(preparer_browser.get("/api/holdings?recipient=Sở E").json()["holdings"]) == 2
    assert preparer_browser.get("/api/holdings").status_code == 400


def test_the_next_version_shows_the_difference(preparer_browser, approver_browser, marker_numbers, partner):
    release = published(preparer_browser, approver_browser, marker_numbers, "Sở G")
    only = {"layer": "markers", "filter": {"number": marker_numbers["shown"][0]}, "fields": ["number"], "decimals": 3}
    answer = preparer_browser.post(f"/api/releases/{release}/versions", {"parts": [only]})
    assert answer.status_code == 201
    assert answer.json()["versions"][0]["basis"] == "48/UBND-NC"
    again = preparer_browser.post(f"/api/releases/{release}/versions", {"parts": [only]})
    assert again.status_code == 409
    for who, to in ((preparer_browser, "submitted"), (approver_browser, "approved"), (approver_browser, "published")):
        moved(who, release, to, number=2)
    told = partner("Sở G").get(f"/ogc/releases/{release}/delta?since=1").json()
    assert [one["id"] for one in told["changed"]["features"]] == [marker_numbers["shown"][1]]
    assert [one["id"] for one in told["removed"]] == [marker_numbers["assumed"][1]]
    assert told["changed"]["features"][0]["properties"]["built_by"] is None
    assert [one["state"] for one in preparer_browser.get(f"/api/releases/{release}").json()["versions"]] == [
        "published",
        "replaced",
    ]


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
def test_what_is_wrong_with_a_draft_is_said(preparer_browser, marker_numbers, change, code):
    answer = preparer_browser.post("/api/releases", {**body_of(marker_numbers, "Sở H"), **change})
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_draft_without_a_basis_is_not_submitted(preparer_browser, marker_numbers):
    made = preparer_browser.post("/api/releases", {**body_of(marker_numbers, "Sở I"), "basis": ""}).json()
    moved(preparer_browser, made["id"], "submitted", expected=422)
    moved(preparer_browser, made["id"], "discarded")


def test_a_revoked_token_reads_nothing_more(preparer_browser, approver_browser, marker_numbers, partner, connect):
    published(preparer_browser, approver_browser, marker_numbers, "Sở K")
    machine = partner("Sở K")
    assert machine.get("/ogc/collections/markers/items").status_code == 200
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'chief', false)")
    admin.execute("update app.tokens set revoked_at = now() where recipient = 'Sở K'")
    assert machine.get("/ogc/collections/markers/items").status_code == 401


def test_ogr_reads_a_release(preparer_browser, approver_browser, marker_numbers, partner, tmp_path):
    """By a file of headers: the OAPIF driver of GDAL 3.10 sends nothing of ``GDAL_HTTP_HEADERS``."""
    published(preparer_browser, approver_browser, marker_numbers, "Sở L")
    machine, header = partner("Sở L"), tmp_path / "header"
    header.write_text(f"Authorization: {machine.headers['authorization']}\n")
    address = str(machine.base_url).rstrip("/")
    told = subprocess.run(
        ["ogrinfo", "-al", "-q", "--config", "GDAL_HTTP_HEADER_FILE", str(header), f"OAPIF:{address}/ogc"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert marker_numbers["shown"][0] in told.stdout, told.stderr
    assert marker_numbers["hidden"][0] not in told.stdout
    assert CANARY not in told.stdout


def test_the_pages_say_what_goes_what_stays_and_who_holds_it(preparer_browser, approver_browser, marker_numbers):
    made = preparer_browser.post("/api/releases", body_of(marker_numbers, "Sở <b>M</b>")).json()
    release, number = made["id"], marker_numbers["shown"][0]
    for language, stays in (
        ("vi", "Không thuộc phạm vi cung cấp cho đối tác"),
        ("en", "Its level is above partner"),
    ):
        page = preparer_browser.get(f"/releases/{release}?lang={language}").text
        assert stays in page
        assert number in page
        assert "Sở &lt;b&gt;M&lt;/b&gt;" in page
        assert CANARY not in page
        assert 'data-move="submitted"' in page
    moved(preparer_browser, release, "submitted")
    assert 'data-move="approved"' not in preparer_browser.get(f"/releases/{release}").text
    assert "Somebody else must approve it" in preparer_browser.get(f"/releases/{release}?lang=en").text
    assert 'data-move="approved"' in approver_browser.get(f"/releases/{release}").text
    moved(approver_browser, release, "approved")
    moved(approver_browser, release, "published")
    assert "Sở &lt;b&gt;M&lt;/b&gt;" in preparer_browser.get("/releases?lang=vi").text
    told = preparer_browser.get(f"/holdings?at={number}&lang=vi").text
    assert "Sở &lt;b&gt;M&lt;/b&gt;" in told
    assert "đang lưu giữ" in told
    assert preparer_browser.get(f"/releases/{release}/new").status_code == 200
    assert preparer_browser.get("/releases/new").status_code == 200
    assert preparer_browser.get("/holdings?lang=vi").status_code == 200
    assert preparer_browser.get(f"/releases/{release}?version=9").status_code == 404


def test_a_partners_token_names_its_recipient_and_only_reads(preparer_browser, approver_browser, marker_numbers):
    published(preparer_browser, approver_browser, marker_numbers, "Sở N")
    browser = preparer_browser
    assert browser.sign_in("chief", code=pyotp.TOTP(SECRET).now()).status_code == 200
    for wrong in (
        {"role": "partner"},
        {"role": "partner", "recipient": "Sở N", "scopes": ["read", "write"]},
        {"role": "office", "recipient": "Sở N"},
    ):
        answer = browser.post("/api/tokens", {"name": f"máy {uuid.uuid4()}", "days": 30, **wrong})
        assert answer.status_code == 422, answer.text
    made = browser.post("/api/tokens", {"name": "máy Sở N", "role": "partner", "recipient": "Sở N", "days": 30})
    assert made.status_code == 201
    found = httpx.get(
        f"{str(browser.client.base_url).rstrip('/')}/ogc/collections/markers/items",
        headers={"Authorization": f"Bearer {made.json()['token']}"},
    )
    assert found.json()["numberReturned"] == 2


def test_a_draft_is_changed_until_it_is_submitted_and_everybody_who_did_has_prepared_it(
    preparer_browser, approver_browser, marker_numbers, connect
):
    made = preparer_browser.post("/api/releases", body_of(marker_numbers, "Sở gõ nhầm")).json()
    url, body = f"/api/releases/{made['id']}/versions/1", body_of(marker_numbers, "Sở gõ đúng", valid_to="2030-12-31")
    tag = approver_browser.get(url).headers["etag"]
    assert approver_browser.request("PUT", url, body=body).status_code == 428
    changed = approver_browser.request("PUT", url, body=body, If_Match=tag)
    assert changed.status_code == 200, changed.text
    told = changed.json()
    assert (told["name"], told["recipient"]) == (body["name"], "Sở gõ đúng")
    version = told["versions"][0]
    assert (version["preparers"], version["valid_to"], version["state"]) == (["lan", "minh"], "2030-12-31", "draft")
    stale = preparer_browser.request("PUT", url, body=body_of(marker_numbers, "Sở khác"), If_Match=tag)
    assert (stale.status_code, preparer_browser.get(url).json()["valid_to"]) == (412, "2030-12-31")
    told_of = "actor = 'minh' and (table_name = 'releases' or table_name = 'release_parts' and new->>'version_id' = %s)"
    rows = connect().execute("select id::text from app.release_versions where release_id = %s", [made["id"]])
    journalled = connect().execute(
        f"select distinct actor, table_name, action from app.journal where {told_of} order by 2", rows.fetchone()
    )
    assert journalled.fetchall() == [("minh", "release_parts", "insert"), ("minh", "releases", "update")]

    faulty = preparer_browser.request(
        "PUT",
        url,
        body=body_of(marker_numbers, "Sở", valid_to="31/02/2026"),
        If_Match=preparer_browser.get(url).headers["etag"],
    )
    assert (faulty.status_code, faulty.json()["errors"][0]["field"]) == (422, "valid_to")
    assert preparer_browser.get(f"/releases/{made['id']}/edit").status_code == 200
    tag = preparer_browser.get(url).headers["etag"]
    moved(preparer_browser, made["id"], "submitted")
    assert (
        preparer_browser.request("PUT", url, body=body, If_Match=preparer_browser.get(url).headers["etag"]).status_code
        == 409
    )
    assert preparer_browser.get(f"/releases/{made['id']}/edit").status_code == 404
    moved(approver_browser, made["id"], "approved", expected=403)  # who has changed the draft is no second person


def test_a_submitted_version_cannot_be_emptied_by_raw_sql_either(preparer_browser, marker_numbers, connect):
    made = preparer_browser.post("/api/releases", body_of(marker_numbers, "Sở bền")).json()["id"]
    moved(preparer_browser, made, "submitted")
    office = connect(WRITER_LOGIN, role="cotmoc_office_edit")
    office.execute("select set_config('cotmoc.actor', 'lan', false)")
    mine = "(select id from app.release_versions where release_id = %s)"
    assert office.execute(f"delete from app.release_parts where version_id = {mine}", [made]).rowcount == 0
    assert office.execute("update app.releases set recipient = 'x' where id = %s", [made]).rowcount == 0


@pytest.mark.parametrize("path", ["/api/releases", "versions", "moves"])
def test_a_write_that_comes_twice_with_its_key_is_done_once(path, preparer_browser, marker_numbers):
    key, body = uuid.uuid4().hex, body_of(marker_numbers, f"Sở {path}")
    if path != "/api/releases":
        release = preparer_browser.post("/api/releases", body).json()["id"]
        if path == "versions":
            moved(preparer_browser, release, "discarded")
        body = {"note": "lại"} if path == "versions" else {"to": "submitted", "reason": "một lần"}
        path = f"/api/releases/{release}/versions" + ("/1/moves" if "to" in body else "")
    first, second = (preparer_browser.post(path, body, Idempotency_Key=key) for _ in range(2))
    assert first.is_success, first.text
    assert second.status_code == 200
    assert second.json() == first.json()
    assert preparer_browser.post(path, {**body, "note": "khác"}, Idempotency_Key=key).status_code == 422
    other = preparer_browser.post("/api/releases", {}, Idempotency_Key="k" * 201)
    assert other.status_code in (400, 422)


def test_what_was_held_back_is_told_to_those_who_share_on_the_board_and_beside_the_releases(
    preparer_browser, approver_browser, marker_numbers, database, browser
):
    number = str(next(numbers))
    with database.transaction(SYSTEM, write=True) as session:
        own = put(session, catalog["markers"], number=number, level="partner", position_source="survey").id
    part = {"layer": "markers", "filter": {"number": [number]}, "fields": ["number"], "decimals": 5}
    release = published(preparer_browser, approver_browser, marker_numbers, "Bên bị rút", parts=[part])
    before = preparer_browser.get("/api/releases").json()["number_held_back"]
    with database.transaction(SYSTEM, write=True) as session:
        session.get_one(catalog["markers"].model, own).level = "internal"
    told = preparer_browser.get("/api/releases").json()
    assert told["number_held_back"] == before + 1
    assert (told["held_back"][0]["feature"], told["held_back"][0]["release"]) == (str(own), release)
    assert (
        f'<a class="since" href="/releases#held-back">{before + 1} mục đã tự động ngừng chia sẻ</a>'
        in preparer_browser.get("/board").text
    )
    page = preparer_browser.get("/releases?lang=vi").text
    assert f"{before + 1} mục đã tự động ngừng cung cấp" in page
    assert number in page
    browser.sign_in("hoa")
    assert "held-back" not in browser.get("/board").text
