"""Tokens of machines: shown once, kept as a hash, good for what they say, from where, until they are revoked."""

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
    """``token(role, **given)`` issues one; gives its text."""

    def issuing(role="office", **given):
        body = {"name": f"máy {uuid.uuid4().hex[:8]}", "role": role, "days": 30, **given}
        answer = admin_browser.post("/api/tokens", body)
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]

    return issuing


def by(client, token, method="GET", path=MARKERS, **sent):
    return client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **sent)


def listed(chief, token):
    number = str(uuid.UUID(token.split("_")[1]))
    return next(one for one in chief.get("/api/tokens").json()["tokens"] if one["id"] == number)


def test_a_token_reads_and_only_its_hash_is_kept(client, admin_browser, token, connect):
    text = token()
    assert text.startswith("cm_")
    assert by(client, text).status_code == 200
    kept = connect().execute("select * from app.tokens where id = %s", (uuid.UUID(text.split("_")[1]),)).fetchone()
    assert text.split("_", 2)[2] not in str(kept)
    assert hashlib.sha256(text.split("_", 2)[2].encode()).hexdigest() in kept
    assert text.split("_", 2)[2] not in admin_browser.get("/api/tokens").text + admin_browser.get("/tokens").text


def test_its_last_use_is_shown(client, admin_browser, token):
    text = token()
    assert listed(admin_browser, text)["used_at"] is None
    by(client, text)
    used = listed(admin_browser, text)
    assert used["used_at"] is not None
    assert used["used_from"] in ("127.0.0.1", "::1")
    assert used["made_by"] == "chief"


def test_revoked_it_is_refused_at_once(client, admin_browser, token):
    text = token()
    assert by(client, text).status_code == 200
    path = f"/api/tokens/{listed(admin_browser, text)['id']}"
    assert admin_browser.request("DELETE", path).is_success
    assert by(client, text).status_code == 401
    assert listed(admin_browser, text)["valid"] is False
    assert admin_browser.request("DELETE", f"/api/tokens/{uuid.uuid4()}").status_code == 404
    assert admin_browser.request("DELETE", "/api/tokens/nonsense").status_code == 404


def test_expired_it_is_refused(client, token, connect):
    text = token()
    connection = connect()
    with connection.transaction():
        connection.execute("set local cotmoc.actor = 'test'")
        connection.execute("update app.tokens set expires_at = now() - interval '1 second' where id = %s",
                           (uuid.UUID(text.split("_")[1]),))  # fmt: skip
    assert by(client, text).status_code == 401


def test_from_elsewhere_it_is_refused_and_nobodys_word_about_where_counts(client, token):
    elsewhere = token(networks=["192.0.2.0/24"])
    assert by(client, elsewhere).status_code == 401
    told = {"Authorization": f"Bearer {elsewhere}", "X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
    assert client.get(MARKERS, headers=told).status_code == 401
    assert by(client, token(networks=["127.0.0.0/8", "::1/128"])).status_code == 200


def test_what_it_may_only_read_it_does_not_write(client, token):
    reading, writing = token(scopes=["read"]), token(scopes=["read", "write"])
    sent = {"method": "POST", "path": "/ogc/collections/incidents/items", "json": INCIDENT}
    refused = by(client, reading, **sent)
    assert refused.status_code == 403
    made = by(client, writing, **sent)
    assert made.status_code == 201
    history = client.get(
        f"/ogc/collections/incidents/items/{made.json()['id']}/history", headers={"Authorization": f"Bearer {reading}"}
    )
    assert history.json()["entries"][0]["actor"].startswith("token:máy ")


def test_it_sees_what_its_post_sees(client, token):
    assert by(client, token("public"), path="/ogc/collections/incidents/items").json()["numberReturned"] == 0
    assert by(client, token("office"), path="/ogc/collections/incidents/items").json()["numberReturned"] > 0


@pytest.mark.parametrize(
    "broken",
    ["x", "cm_", "cm_x_y", "xx_{id}_{secret}", "cm_{id}_", "cm_{id}_{secret}x", "cm_{id}", "{secret}", "cm_{id}_%00"],
)
def test_what_is_no_token_opens_nothing(broken, client, token):
    _, number, secret = token().split("_", 2)
    assert by(client, broken.format(id=number, secret=secret)).status_code == 401


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"days": 0}, "days"), ({"days": 181}, "days"), ({"days": "30"}, "days"), ({"days": True}, "days"),
        ({"days": None}, "days"), ({"scopes": ["read", "rule"]}, "scopes"), ({"scopes": "read"}, "scopes"),
        ({"networks": ["everywhere"]}, "networks"), ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"role": "administrator"}, "role"), ({"role": "king"}, "role"), ({"role": "officer"}, "unit"),
        ({"name": ""}, "name"), ({"name": "MẬT"}, "name"), ({"secret": "chosen"}, "secret"),
    ],
)  # fmt: skip
def test_what_is_no_token_to_issue_is_refused_and_the_field_named(given, field, admin_browser):
    answer = admin_browser.post("/api/tokens", {"name": "máy", "role": "office", "days": 30, **given})
    assert answer.status_code == 422, answer.text
    assert field in [one["field"] for one in answer.json()["errors"]]


def test_a_token_is_no_way_to_sign_in_pages_of_a_person(client, token):
    text = token(scopes=["read", "write"])
    for path in ("/account", "/api/account"):
        assert by(client, text, path=path).status_code == 403
    assert by(client, text, "POST", "/signout", json={}).status_code == 401


# A stolen partner token


def given_to(database, recipient, *names):
    """Releases to a recipient, made in draft, by their names."""
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


def test_a_token_bound_to_one_release_reads_no_other(client, admin_browser, token, database, connect):
    one, two = given_to(database, "Sở Một", "Bản một", "Bản hai")
    (foreign,) = given_to(database, "Sở Hai", "Bản của nơi khác")
    for scopes in ([f"release:read:{foreign}"], [f"release:read:{uuid.uuid4()}"], ["read", f"release:read:{one}"]):
        body = {"name": "x", "role": "partner", "recipient": "Sở Một", "days": 1, "scopes": scopes}
        refused = admin_browser.post("/api/tokens", body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "scopes"), scopes
    house = admin_browser.post(
        "/api/tokens", {"name": "x", "role": "office", "days": 1, "scopes": [f"release:read:{one}"]}
    )
    assert house.status_code == 422
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'x', false)")
    for number, release in enumerate((one, two)):
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
    bound = token("partner", recipient="Sở Một", scopes=[f"release:read:{one}"])
    whole = token("partner", recipient="Sở Một")
    seen = {
        name: {row["properties"]["number"] for row in by(client, text, path=MARKERS[:-2]).json()["features"]}
        for name, text in (("bound", bound), ("whole", whole))
    }
    assert seen == {"bound": {"990"}, "whole": {"990", "991"}}
    assert by(client, bound, path=f"/ogc/releases/{one}").status_code == 200
    for path in (f"/ogc/releases/{two}", f"/ogc/releases/{two}/delta", "/works", "/api/cards", "/api/releases", "/"):
        assert by(client, bound, path=path).status_code == 404, path
    assert by(client, bound, "POST", f"/api/releases/{one}/versions", json={}).status_code == 404
    exported = by(client, bound, path="/api/export/markers?f=geojson").json()
    assert {row["properties"]["number"] for row in exported["features"]} == {"990"}


def test_it_asks_so_often_a_minute_and_no_oftener_however_many_ask_at_once(client, admin_browser, token):
    text = token(per_minute=5)
    with ThreadPoolExecutor(12) as many:
        answers = list(many.map(lambda _: by(client, text), range(20)))
    codes = [one.status_code for one in answers]
    if codes.count(200) > 5:  # the minute may have turned in between, once
        codes = [by(client, text).status_code for _ in range(6)] + codes
    assert codes.count(429) >= 1
    assert codes.count(200) <= 10
    told = client.get(MARKERS, headers={"Authorization": f"Bearer {text}", "Accept-Language": "en"})
    if told.status_code == 429:
        assert 1 <= int(told.headers["retry-after"]) <= 60
        assert "5 times a minute" in told.json()["detail"]
    for wrong in (0, 6001, "5", True):
        body = {"name": f"x{wrong}", "role": "office", "days": 1, "per_minute": wrong}
        assert admin_browser.post("/api/tokens", body).json()["errors"][0]["field"] == "per_minute"


def test_a_stolen_one_is_seen_at_work(client, admin_browser, token):
    text = token("partner", recipient="Sở Ba", networks=["10.9.8.0/24"])
    number = listed(admin_browser, text)["id"]
    assert [by(client, text).status_code for _ in range(3)] == [401, 401, 401]
    by(client, text[:-3] + "xyz")  # whoever does not hold its secret is not counted as it
    uses = admin_browser.get(f"/api/tokens/{number}/uses").json()["uses"]
    assert [(one["calls"], one["refused"]) for one in uses] == [(0, 3)]
    assert uses[0]["address"].startswith(("127.", "::"))
    assert listed(admin_browser, text)["refused_lately"] == 3
    assert "3 lần bị từ chối trong 7 ngày" in admin_browser.get("/tokens").text
    assert admin_browser.request("DELETE", f"/api/tokens/{number}").is_success
    assert by(client, text).status_code == 401
    assert listed(admin_browser, text)["refused_lately"] == 4
