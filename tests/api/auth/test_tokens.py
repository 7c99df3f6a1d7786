"""API tokens: shown once, stored as a hash, limited by scope, role, network, rate and time, and revocable."""

import hashlib
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest

from gis.model.fields import Level
from gis.model.layer import catalog
from gis.read.selection import Selection
from gis.release import workflow
from gis.release.contents import PreparedPart
from gis.release.workflow import Terms
from layers.policy import OFFICE

PASSWORD = "một câu dài để vào nhà"
SECRET = pyotp.random_base32()
MARKERS = "/ogc/collections/markers/items?limit=1"
INCIDENT = {"category": "marker_damage", "place": {"text": "147/6", "border": "VN-KH"}}


@pytest.fixture(scope="module", autouse=True)
def staff(enrol, accounts):
    """An administrator."""
    enrol("chief", "administrator", second_factor=SECRET)
    while accounts.recheck_due:
        assert accounts.sign_in_required()


@pytest.fixture
def admin_browser(browser, connect):
    """The administrator's browser."""
    connect().execute("update app.people set last_step = null")
    assert browser.sign_in("chief", PASSWORD, pyotp.TOTP(SECRET).now()).is_success
    return browser


@pytest.fixture
def token(admin_browser):
    """``token(role, **properties)`` issues a token and returns its text."""

    def issue(role="office", **properties):
        body = {"name": f"máy {uuid.uuid4().hex[:8]}", "role": role, "days": 30, **properties}
        answer = admin_browser.post("/api/tokens", body)
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]

    return issue


def request_with(client, token, method="GET", path=MARKERS, **options):
    return client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **options)


def listed(admin_browser, token):
    """The token's entry in the list of tokens."""
    token_id = str(uuid.UUID(token.split("_")[1]))
    rows = admin_browser.get("/api/tokens").json()["tokens"]
    return next(row for row in rows if row["id"] == token_id)


def test_only_the_hash_of_a_token_is_stored(client, admin_browser, token, connect):
    text = token()
    assert text.startswith("cm_")
    assert request_with(client, text).status_code == 200
    row = connect().execute("select * from app.tokens where id = %s", (uuid.UUID(text.split("_")[1]),)).fetchone()
    assert text.split("_", 2)[2] not in str(row)
    assert hashlib.sha256(text.split("_", 2)[2].encode()).hexdigest() in row
    assert text.split("_", 2)[2] not in admin_browser.get("/api/tokens").text + admin_browser.get("/tokens").text


def test_last_use_is_listed(client, admin_browser, token):
    text = token()
    assert listed(admin_browser, text)["used_at"] is None
    request_with(client, text)
    used = listed(admin_browser, text)
    assert used["used_at"] is not None
    assert used["used_from"] in ("127.0.0.1", "::1")
    assert used["made_by"] == "chief"


def test_revoked_token_is_refused_at_once(client, admin_browser, token):
    text = token()
    assert request_with(client, text).status_code == 200
    path = f"/api/tokens/{listed(admin_browser, text)['id']}"
    assert admin_browser.request("DELETE", path).is_success
    assert request_with(client, text).status_code == 401
    assert listed(admin_browser, text)["valid"] is False
    assert admin_browser.request("DELETE", f"/api/tokens/{uuid.uuid4()}").status_code == 404
    assert admin_browser.request("DELETE", "/api/tokens/nonsense").status_code == 404


def test_expired_token_is_refused(client, token, connect):
    text = token()
    connection = connect()
    with connection.transaction():
        connection.execute("set local cotmoc.actor = 'test'")
        connection.execute("update app.tokens set expires_at = now() - interval '1 second' where id = %s",
                           (uuid.UUID(text.split("_")[1]),))  # fmt: skip
    assert request_with(client, text).status_code == 401


def test_token_is_limited_to_its_networks_despite_forwarded_headers(client, token):
    text = token(networks=["192.0.2.0/24"])
    assert request_with(client, text).status_code == 401
    headers = {"Authorization": f"Bearer {text}", "X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
    assert client.get(MARKERS, headers=headers).status_code == 401
    assert request_with(client, token(networks=["127.0.0.0/8", "::1/128"])).status_code == 200


def test_read_scope_cannot_write(client, token):
    read_token, write_token = token(scopes=["read"]), token(scopes=["read", "write"])
    request = {"method": "POST", "path": "/ogc/collections/incidents/items", "json": INCIDENT}
    refused = request_with(client, read_token, **request)
    assert refused.status_code == 403
    created = request_with(client, write_token, **request)
    assert created.status_code == 201
    history = client.get(
        f"/ogc/collections/incidents/items/{created.json()['id']}/history",
        headers={"Authorization": f"Bearer {read_token}"},
    )
    assert history.json()["entries"][0]["actor"].startswith("token:máy ")


def test_token_reads_what_its_role_may_read(client, token):
    assert request_with(client, token("public"), path="/ogc/collections/incidents/items").json()["numberReturned"] == 0
    assert request_with(client, token("office"), path="/ogc/collections/incidents/items").json()["numberReturned"] > 0


@pytest.mark.parametrize(
    "malformed",
    ["x", "cm_", "cm_x_y", "xx_{id}_{secret}", "cm_{id}_", "cm_{id}_{secret}x", "cm_{id}", "{secret}", "cm_{id}_%00"],
)
def test_malformed_token_is_refused(malformed, client, token):
    _, token_id, secret = token().split("_", 2)
    assert request_with(client, malformed.format(id=token_id, secret=secret)).status_code == 401


@pytest.mark.parametrize(
    ("properties", "field"),
    [
        ({"days": 0}, "days"), ({"days": 181}, "days"), ({"days": "30"}, "days"), ({"days": True}, "days"),
        ({"days": None}, "days"), ({"scopes": ["read", "rule"]}, "scopes"), ({"scopes": "read"}, "scopes"),
        ({"networks": ["everywhere"]}, "networks"), ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"role": "administrator"}, "role"), ({"role": "king"}, "role"), ({"role": "officer"}, "unit"),
        ({"name": ""}, "name"), ({"name": "MẬT"}, "name"), ({"secret": "chosen"}, "secret"),
    ],
)  # fmt: skip
def test_invalid_token_request_is_refused_with_the_field(properties, field, admin_browser):
    answer = admin_browser.post("/api/tokens", {"name": "máy", "role": "office", "days": 30, **properties})
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_token_cannot_use_account_pages(client, token):
    text = token(scopes=["read", "write"])
    for path in ("/account", "/api/account"):
        assert request_with(client, text, path=path).status_code == 403
    assert request_with(client, text, "POST", "/signout", json={}).status_code == 401


def draft_releases(database, recipient, *names):
    """Create draft releases to a recipient; returns their ids."""
    with database.transaction(OFFICE, write=True) as session:
        selection = Selection(catalog["markers"], Level.PARTNER, where={"number": ["147/6"]})
        return [
            str(
                workflow.prepare(
                    session, name, recipient, Terms(), [PreparedPart(selection, ("number",), None, {})]
                ).release_id
            )
            for name in names
        ]


def test_token_limited_to_one_release_reads_no_other(client, admin_browser, token, database, connect):
    first, second = draft_releases(database, "Sở Một", "Bản một", "Bản hai")
    (foreign,) = draft_releases(database, "Sở Hai", "Bản của nơi khác")
    for scopes in ([f"release:read:{foreign}"], [f"release:read:{uuid.uuid4()}"], ["read", f"release:read:{first}"]):
        body = {"name": "x", "role": "partner", "recipient": "Sở Một", "days": 1, "scopes": scopes}
        refused = admin_browser.post("/api/tokens", body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "scopes"), scopes
    office_token = admin_browser.post(
        "/api/tokens", {"name": "x", "role": "office", "days": 1, "scopes": [f"release:read:{first}"]}
    )
    assert office_token.status_code == 422
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'x', false)")
    for number, release in enumerate((first, second)):
        admin.execute(
            "insert into release.manifests (release, number, recipient, name, published_at, manifest)"
            " values (%s, 1, 'Sở Một', %s, now(), %s)",
            (
                release,
                f"Bản {number}",
                json.dumps(
                    {
                        "release": release,
                        "name": "x",
                        "recipient": "x",
                        "version": 1,
                        "watermark": "x",
                        "layers": {"markers": {}},
                    }
                ),
            ),
        )
        admin.execute(
            "insert into release.markers (recipient, id, release, added_in, version, sha256, level, number,"
            " position_source) values ('Sở Một', gen_random_uuid(), %s, 1, 1, 'x', 'partner', %s, 'survey')",
            (release, f"99{number}"),
        )
    bound = token("partner", recipient="Sở Một", scopes=[f"release:read:{first}"])
    whole = token("partner", recipient="Sở Một")
    numbers = {
        name: {row["properties"]["number"] for row in request_with(client, text, path=MARKERS[:-2]).json()["features"]}
        for name, text in (("bound", bound), ("whole", whole))
    }
    assert numbers == {"bound": {"990"}, "whole": {"990", "991"}}
    assert request_with(client, bound, path=f"/ogc/releases/{first}").status_code == 200
    for path in (
        f"/ogc/releases/{second}",
        f"/ogc/releases/{second}/delta",
        "/works",
        "/api/cards",
        "/api/releases",
        "/",
    ):
        assert request_with(client, bound, path=path).status_code == 404, path
    assert request_with(client, bound, "POST", f"/api/releases/{first}/versions", json={}).status_code == 404
    exported = request_with(client, bound, path="/api/export/markers?f=geojson").json()
    assert {row["properties"]["number"] for row in exported["features"]} == {"990"}


def test_concurrent_requests_within_a_minute_succeed_exactly_as_often_as_the_limit(client, token, connect):
    admin = connect()

    def minute():
        return admin.execute("select date_trunc('minute', clock_timestamp())").fetchone()

    def read(text):
        return client.get(MARKERS, headers={"Authorization": f"Bearer {text}", "Accept-Language": "en"})

    began = None
    while began != minute():  # the limit starts again with every minute of the database's clock
        text, began = token(per_minute=5), minute()
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(read, [text] * 20))
    assert [answer.status_code for answer in answers].count(200) == 5
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 15
    for answer in refused:
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert "5 times a minute" in answer.json()["detail"]


def test_invalid_rate_limit_is_refused(admin_browser):
    for wrong in (0, 6001, "5", True):
        body = {"name": f"x{wrong}", "role": "office", "days": 1, "per_minute": wrong}
        assert admin_browser.post("/api/tokens", body).json()["errors"][0]["field"] == "per_minute"


def test_refused_use_of_a_token_is_counted_and_shown(client, admin_browser, token):
    text = token("partner", recipient="Sở Ba", networks=["10.9.8.0/24"])
    token_id = listed(admin_browser, text)["id"]
    assert [request_with(client, text).status_code for _ in range(3)] == [401, 401, 401]
    request_with(client, text[:-3] + "xyz")  # a wrong secret does not count as use of the token
    uses = admin_browser.get(f"/api/tokens/{token_id}/uses").json()["uses"]
    assert [(use["calls"], use["refused"]) for use in uses] == [(0, 3)]
    assert uses[0]["address"].startswith(("127.", "::"))
    assert listed(admin_browser, text)["refused_lately"] == 3
    assert "3 lần bị từ chối trong 7 ngày" in admin_browser.get("/tokens").text
    assert admin_browser.request("DELETE", f"/api/tokens/{token_id}").is_success
    assert request_with(client, text).status_code == 401
    assert listed(admin_browser, text)["refused_lately"] == 4
