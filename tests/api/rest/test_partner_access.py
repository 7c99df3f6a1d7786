"""What partners read of releases with their tokens, and what is hidden from them."""

import subprocess
import uuid

import httpx
import pyotp
import pytest

from tests.api.rest.release_workflow import LEAK_MARKER, SECRET, publish, release_body, transition

pytestmark = pytest.mark.usefixtures("release_staff")


def test_partner_reads_exactly_the_released_content(preparer_browser, approver_browser, marker_numbers, partner):
    release = publish(preparer_browser, approver_browser, marker_numbers, "Sở B")
    number, row = marker_numbers["surveyed"]
    partner_client, other = partner("Sở B"), partner("Sở khác")
    items = "/ogc/collections/markers/items"
    expected = {
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
        f"{items}/{marker_numbers['restricted'][1]}": 404,
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
    answers = {path: partner_client.get(path) for path in expected}
    assert {path: answer.status_code for path, answer in answers.items()} == expected
    for path, answer in answers.items():
        assert LEAK_MARKER.encode() not in answer.content, path
        assert marker_numbers["restricted"][0].encode() not in answer.content.replace(path.encode(), b""), path
    assert partner_client.get(items).json()["numberMatched"] == 2
    manifest = partner_client.get(f"/ogc/releases/{release}").json()["versions"][0]
    assert answers["/api/export/markers?f=geojson"].json()["releases"][0]["watermark"] == manifest["watermark"]
    assert "withheld" not in manifest  # the number of withheld features is not for partners either
    assert "/ogc/releases" in answers["/ogc"].text
    for path in (items, f"{items}/{row}", "/ogc/releases", "/api/export/markers", "/ogc/collections"):
        content = other.get(path).content
        assert number.encode() not in content, path
        assert row.encode() not in content, path
    assert other.get(f"/ogc/releases/{release}").status_code == 404
    assert other.get(f"/ogc/releases/{release}/delta").status_code == 404


def test_paths_beyond_the_ogc_api_and_writes_give_partners_404(partner):
    partner_client = partner("Sở C")
    for path in (
        "/", "/works", "/board", "/releases", "/holdings", "/people", "/account", "/api/cards", "/api/locate?q=96",
        "/api/releases", "/api/holdings?at=96", "/api/changes", "/api/basemap/lines", "/ogcx",
    ):  # fmt: skip
        assert partner_client.get(path).status_code == 404, path
    refused = partner_client.post("/ogc/collections/markers/items", json={})
    assert refused.status_code == 404
    for method in ("PUT", "PATCH", "DELETE"):
        assert (
            partner_client.request(method, f"/ogc/collections/markers/items/{uuid.uuid4()}", json={}).status_code == 404
        )


def test_releases_are_hidden_from_a_planner(browser, marker_numbers):
    browser.sign_in("hoa")
    for path in ("/api/releases", f"/api/releases/{uuid.uuid4()}", "/api/holdings?at=96", "/ogc/releases"):
        assert browser.get(path).status_code == 404, path
    assert browser.post("/api/releases", release_body(marker_numbers, "Sở D")).status_code == 404


def test_next_version_gives_a_delta(preparer_browser, approver_browser, marker_numbers, partner):
    release = publish(preparer_browser, approver_browser, marker_numbers, "Sở G")
    part = {
        "layer": "markers",
        "filter": {"number": marker_numbers["surveyed"][0]},
        "fields": ["number"],
        "decimals": 3,
    }
    answer = preparer_browser.post(f"/api/releases/{release}/versions", {"parts": [part]})
    assert answer.status_code == 201
    assert answer.json()["versions"][0]["basis"] == "48/UBND-NC"
    again = preparer_browser.post(f"/api/releases/{release}/versions", {"parts": [part]})
    assert again.status_code == 409
    for browser, to in (
        (preparer_browser, "submitted"),
        (approver_browser, "approved"),
        (approver_browser, "published"),
    ):
        transition(browser, release, to, number=2)
    delta = partner("Sở G").get(f"/ogc/releases/{release}/delta?since=1").json()
    assert [feature["id"] for feature in delta["changed"]["features"]] == [marker_numbers["surveyed"][1]]
    assert [feature["id"] for feature in delta["removed"]] == [marker_numbers["assumed"][1]]
    assert delta["changed"]["features"][0]["properties"]["built_by"] is None
    assert [version["state"] for version in preparer_browser.get(f"/api/releases/{release}").json()["versions"]] == [
        "published",
        "replaced",
    ]


def test_revoked_token_is_refused(preparer_browser, approver_browser, marker_numbers, partner, connect):
    publish(preparer_browser, approver_browser, marker_numbers, "Sở K")
    partner_client = partner("Sở K")
    assert partner_client.get("/ogc/collections/markers/items").status_code == 200
    superuser = connect()
    superuser.execute("select set_config('cotmoc.actor', 'chief', false)")
    superuser.execute("update app.tokens set revoked_at = now() where recipient = 'Sở K'")
    assert partner_client.get("/ogc/collections/markers/items").status_code == 401


def test_ogr_reads_released_layers(preparer_browser, approver_browser, marker_numbers, partner, tmp_path):
    """With a header file, because the OAPIF driver of GDAL 3.10 ignores ``GDAL_HTTP_HEADERS``."""
    publish(preparer_browser, approver_browser, marker_numbers, "Sở L")
    partner_client, header = partner("Sở L"), tmp_path / "header"
    header.write_text(f"Authorization: {partner_client.headers['authorization']}\n")
    site_url = str(partner_client.base_url).rstrip("/")
    done = subprocess.run(
        ["ogrinfo", "-al", "-q", "--config", "GDAL_HTTP_HEADER_FILE", str(header), f"OAPIF:{site_url}/ogc"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert marker_numbers["surveyed"][0] in done.stdout, done.stderr
    assert marker_numbers["restricted"][0] not in done.stdout
    assert LEAK_MARKER not in done.stdout


def test_partner_token_needs_a_recipient_and_is_read_only(preparer_browser, approver_browser, marker_numbers):
    publish(preparer_browser, approver_browser, marker_numbers, "Sở N")
    browser = preparer_browser
    assert browser.sign_in("chief", code=pyotp.TOTP(SECRET).now()).status_code == 200
    for token in (
        {"role": "partner"},
        {"role": "partner", "recipient": "Sở N", "scopes": ["read", "write"]},
        {"role": "office", "recipient": "Sở N"},
    ):
        answer = browser.post("/api/tokens", {"name": f"máy {uuid.uuid4()}", "days": 30, **token})
        assert answer.status_code == 422, answer.text
    created = browser.post("/api/tokens", {"name": "máy Sở N", "role": "partner", "recipient": "Sở N", "days": 30})
    assert created.status_code == 201
    answer = httpx.get(
        f"{str(browser.client.base_url).rstrip('/')}/ogc/collections/markers/items",
        headers={"Authorization": f"Bearer {created.json()['token']}"},
    )
    assert answer.json()["numberReturned"] == 2
