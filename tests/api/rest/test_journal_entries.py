"""What the journal records: reads of restricted records, exports, and the context and reason of writes."""

import pytest

from api.rest.export import save
from gis.db import result_of
from gis.db.actors import Actor
from gis.model.layer import catalog
from gis.read import pages
from gis.read.selection import Selection
from layers.policy import OFFICER, PARTNER, PLANNER, PUBLIC
from tests.factories import incident, now, patch, put, work


@pytest.fixture
def journal_since(connect):
    """Journal entries since the test began, by action: actor, layer, feature, request, unit and selection."""
    superuser = connect()
    before = superuser.execute("select coalesce(max(seq), 0) from app.journal").fetchone()[0]

    def entries(*actions):
        return superuser.execute(
            "select actor, table_name, feature_id, request, unit, new from app.journal"
            " where seq > %s and action = any(%s) order by seq",
            [before, list(actions)],
        ).fetchall()

    return entries


def url_of(layer, feature):
    return f"/ogc/collections/{layer}/items/{feature['id']}"


def test_read_of_a_restricted_record_is_logged(client, journal_since):
    secret, plain = incident(client, level="restricted"), incident(client)
    for path in ("", "/history", "?f=html"):
        answer = client.get(url_of("incidents", secret) + path)
        assert answer.is_success
        *_, (actor, layer, feature, request, _, selection) = journal_since("read")
        assert (actor, layer, str(feature), request) == (
            "office", "incidents", secret["id"], answer.headers["x-request-id"],
        )  # fmt: skip
        assert selection == ({"history": True} if path == "/history" else {})
    before = len(journal_since("read"))
    for path in ("", "/history", "/links"):
        assert client.get(url_of("incidents", plain) + path).is_success
    assert len(journal_since("read")) == before


def test_page_with_restricted_records_is_logged_once(client, journal_since):
    secrets = {incident(client, level="restricted", severity="critical")["id"] for _ in range(2)}
    answer = client.get("/ogc/collections/incidents/items", params={"severity": "critical", "limit": 1000})
    *_, (_, layer, feature, request, _, selection) = journal_since("read")
    assert (layer, feature, request) == ("incidents", None, answer.headers["x-request-id"])
    assert selection["where"] == {"severity": ["critical"]}
    assert selection["restricted"] == len(selection["records"])
    assert secrets <= set(selection["records"])
    before = len(journal_since("read"))
    assert (
        client.get("/ogc/collections/incidents/items", params={"category": "marker_damage"}).json()["numberReturned"]
        == 0
    )
    assert client.get("/ogc/collections/gates/items").is_success
    assert len(journal_since("read")) == before
    client.get("/board")  # counts incidents without naming any
    assert len(journal_since("read")) == before
    work(client, level="restricted", due_on="2024-01-31")
    before = len(journal_since("read"))
    for page in ("/incidents?severity=critical", "/board"):
        client.get(page)
    assert len(journal_since("read")) == before + 2


def test_past_read_of_a_now_restricted_record_is_logged(client, journal_since):
    logged = incident(client)
    then = now()
    patch(client, "incidents", logged, level="restricted")
    before = len(journal_since("read"))
    past = client.get(url_of("incidents", logged), params={"as_of": then.isoformat()}).json()
    assert past["properties"]["level"] == "internal"
    assert len(journal_since("read")) == before + 1
    assert journal_since("read")[-1][5] == {"as_of": then.isoformat()}


def test_tile_with_restricted_records_is_logged(client, journal_since):
    incident(client, level="restricted")
    before = len(journal_since("read"))
    tile = client.get("/ogc/collections/incidents/tiles/WebMercatorQuad/5/14/25")
    assert tile.status_code == 200
    assert journal_since("read")[before][5]["tile"] == "5/14/25"
    assert client.get("/ogc/collections/markers/tiles/WebMercatorQuad/12/0/0").status_code == 204
    assert len(journal_since("read")) == before + 1


def test_reads_below_restricted_clearance_are_not_logged(database, client, journal_since):
    incident(client, level="restricted")
    before = len(journal_since("read"))
    for actor in (Actor("planner", PLANNER), PARTNER, PUBLIC):
        with database.transaction(actor) as session:
            result_of(pages.read_features(session, Selection(catalog["incidents"], actor.level)))
    assert len(journal_since("read")) == before


def test_empty_change_of_a_restricted_record_is_logged_as_read(client, journal_since):
    secret = incident(client, level="restricted")
    before = len(journal_since("read"))
    assert patch(client, "incidents", secret).json()["properties"]["level"] == "restricted"
    assert len(journal_since("read")) > before


@pytest.mark.parametrize("name", ["geojson", "csv", "xlsx", "gpkg"])
def test_export_is_logged(name, client, journal_since):
    incident(client, severity="critical")
    parameters = {"f": name, "severity": "critical", "properties": "code,severity", "reader": "partner"}
    answer = client.get("/api/export/incidents", params=parameters)
    assert answer.status_code == 200
    ((actor, layer, feature, request, _, selection),) = journal_since("export")
    assert (actor, layer, feature, request) == ("office", "incidents", None, answer.headers["x-request-id"])
    assert selection["where"] == {"severity": ["critical"]}
    assert (selection["format"], selection["reader"], selection["fields"]) == (name, "partner", ["code", "severity"])
    assert ("rows" in selection) == (name in ("xlsx", "gpkg"))


def test_refused_export_is_not_logged(client, journal_since):
    for parameters in (
        {"f": "nonsense"},
        {"colour": "red"},
        {"f": "kml", "crs": "http://www.opengis.net/def/crs/EPSG/0/32648"},
    ):
        assert client.get("/api/export/incidents", params=parameters).status_code == 400
    assert journal_since("export") == []


def test_export_by_the_command_line_is_logged(database, journal_since, tmp_path):
    save(database, "gates", tmp_path / "gates.geojson", ["f=geojson", "border=VN-KH"])
    ((actor, layer, _, _, _, selection),) = journal_since("export")
    assert (actor, layer, selection["where"]) == ("office", "gates", {"border": ["VN-KH"]})


def test_journal_has_unit_request_and_device_time(client, connect, database):
    on_device = "2026-11-20T07:30:00+07:00"
    body = {"category": "drainage", "place": {"text": "147/6"}}
    answer = client.post("/ogc/collections/incidents/items", json=body, headers={"X-Device-At": on_device})
    rows = connect().execute(
        "select request, device_at, unit from app.journal where feature_id = %s", [answer.json()["id"]]
    )
    assert rows.fetchone() == (answer.headers["x-request-id"], on_device, None)
    (entry,) = client.get(f"{url_of('incidents', answer.json())}/history").json()["entries"]
    assert (entry["request"], entry["device_at"]) == (answer.headers["x-request-id"], on_device)
    officer = Actor("sĩ quan", OFFICER, "Đồn thử")
    with database.transaction(officer, write=True) as session:
        feature_id = put(session, catalog["incidents"], unit="Đồn thử").id
    rows = connect().execute("select actor, unit from app.journal where feature_id = %s", [feature_id])
    assert rows.fetchone() == ("sĩ quan", "Đồn thử")
    refused = client.post("/ogc/collections/incidents/items", json=body, headers={"X-Device-At": "yesterday"})
    assert refused.status_code == 400


def test_read_that_cannot_be_logged_is_refused(client, connect):
    secret = incident(client, level="restricted")
    owner = connect()
    owner.execute("revoke execute on function app.journal_read from cotmoc_writer")
    try:
        assert client.get(url_of("incidents", secret)).status_code == 403
        assert client.get("/api/export/incidents").status_code == 403
    finally:
        owner.execute("grant execute on function app.journal_read to cotmoc_writer")


def test_reason_comes_in_the_body_or_in_a_header(client):
    logged = incident(client, reason="theo điện báo")
    url = url_of("incidents", logged)
    etag = logged["etag"]
    feature = {"type": "Feature", "properties": {"severity": "high"}, "geometry": None, "reason": "tờ trình 12"}
    for method, body, headers in (
        ("PATCH", {"severity": "critical", "reason": "biên bản 7"}, {}),
        ("PATCH", {"properties": feature["properties"], "reason": "tờ trình 12"}, {}),
        ("PATCH", {"side": "ours"}, {"X-Reason": "%C4%91o%20l%E1%BA%A1i"}),
    ):
        answer = client.request(method, url, json=body, headers={"If-Match": etag, **headers})
        assert answer.status_code == 200, answer.text
        etag = answer.headers["etag"]
    assert client.delete(url, headers={"If-Match": etag, "X-Reason": "ghi%20nh%E1%BA%A7m"}).status_code == 204
    changed = client.get("/api/changes", params={"since": "2026-01-01", "layer": "incidents"}).json()["changes"]
    assert [change["reason"] for change in changed if change["id"] == logged["id"]] == [
        "ghi nhầm", "đo lại", "tờ trình 12", "biên bản 7", "theo điện báo",
    ]  # fmt: skip


def test_lowering_the_level_needs_a_reason(client):
    logged = incident(client, level="restricted")
    refused = patch(client, "incidents", logged, level="public")
    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [("reason", "missing")]
    by_the_author = patch(client, "incidents", logged, level="internal", reason="đã hết hạn chế")
    assert by_the_author.status_code == 403
    assert [(error["field"], error["code"]) for error in by_the_author.json()["errors"]] == [("level", "second_person")]
    assert patch(client, "incidents", logged, level="restricted").status_code == 200


def test_state_secret_in_a_reason_is_refused(client):
    logged = incident(client)
    refused = patch(client, "incidents", logged, severity="high", reason="theo công văn TUYỆT MẬT số 1")
    assert refused.status_code == 422
