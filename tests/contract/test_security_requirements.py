"""Corpus D of the bad inputs: thirty cases of access control over HTTP, each with its marker.

Where another file tests a case in full, the test here checks its essential answer only.
"""

import datetime as dt
import http.client
import re
import uuid
from urllib.parse import quote

import httpx
import pytest

from api.http.security import SESSION_COOKIE
from gis.accounts.people import enrol
from gis.accounts.sign_ins import sign_in
from gis.accounts.tokens import issue
from gis.model.layer import catalog
from layers.policy import SYSTEM
from tests.factories import put
from tests.hostile_texts import ACCEPTED, inspect_page

PASSWORD = "một câu dài để vào nhà"
SECRET = "zq-hidden-zq"
LON, LAT = 105.951234, 11.691234
HERE = f"{LON - 0.001},{LAT - 0.001},{LON + 0.001},{LAT + 0.001}"
INCIDENTS = "/ogc/collections/incidents"
ITEMS = f"{INCIDENTS}/items"
PARAMETERS = (
    "q", "bbox", "datetime", "as_of", "sortby", "filter", "properties", "near", "within", "after", "limit", "crs",
    "level", "unit", "f", "lang",
)  # fmt: skip
TILE = f"{INCIDENTS}/tiles/WebMercatorQuad/10/478/813"


@pytest.fixture(scope="module")
def request_headers(accounts, site_url):
    """Request headers: tokens of two public readers and a partner, the session cookie of an officer."""
    with accounts.transaction("test") as session:
        enrol(session, "chief", "administrator", password=PASSWORD, second_factor="A" * 32)
        officer = enrol(session, "officer", "officer", unit="Đồn thử", password=PASSWORD)
        started = sign_in(session, officer)
        cookie, csrf = started.cookie, started.csrf
        tokens = {"public": issue(session, "public", "public", made_by="chief", days=1),
                  "partner": issue(session, "partner", "partner", made_by="chief", days=1, recipient="Sở A"),
                  "brief": issue(session, "brief", "public", made_by="chief", days=1)}  # fmt: skip
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    created = {who: {"authorization": f"Bearer {token}"} for who, token in tokens.items()}
    return created | {"officer": {"cookie": f"{SESSION_COOKIE}={cookie}", "x-csrf-token": csrf, "origin": site_url}}


@pytest.fixture(scope="module")
def client_of(site_url, request_headers):
    """``client_of("public")`` is a client with the credentials of the public reader; ``nobody`` has none."""
    clients = {
        who: httpx.Client(base_url=site_url, headers=headers, timeout=30) for who, headers in request_headers.items()
    }
    clients["nobody"] = httpx.Client(base_url=site_url, timeout=30)
    yield clients.__getitem__
    for client in clients.values():
        client.close()


@pytest.fixture(scope="module")
def answers_before(client_of):
    """Answers to a public reader before the hidden incident exists."""
    paths = (f"{ITEMS}?bbox={HERE}&count=exact", INCIDENTS, TILE, f"{ITEMS}?limit=5", f"{ITEMS}?q={SECRET}")
    return {path: client_of("public").get(path) for path in paths}


@pytest.fixture(scope="module")
def hidden(database, answers_before):
    """The id of a restricted incident, and a moment at which it was public."""
    position = {"type": "Point", "coordinates": [LON, LAT]}
    with database.transaction(SYSTEM, write=True) as session:
        row = put(session, catalog["incidents"], geometry=position, description=SECRET, level="public")
        identity = row.id
    then = dt.datetime.now(dt.UTC)
    with database.transaction(SYSTEM, write=True, reason="x") as session:
        session.get_one(catalog["incidents"].model, identity).level = "restricted"
    return str(identity), then.isoformat().replace("+", "%2B")


@pytest.fixture
def assert_unchanged(client_of, hidden, answers_before):
    """``assert_unchanged(path)``: the answer to a public reader equals the one before the hidden incident existed."""

    def compare(path):
        now, then = client_of("public").get(path), answers_before[path]
        assert now.status_code == then.status_code

        def plain(answer):
            return re.sub(rb'"timeStamp": ?"[^"]+"', b"", answer.content)

        assert plain(now) == plain(then)
        assert now.headers.get("etag") == then.headers.get("etag")
        assert "last-modified" not in now.headers
        return now

    return compare


@pytest.mark.requirement("corpus-D", "D1")
def test_anonymous_requests_read_nothing(client_of, request_headers):
    assert client_of("nobody").get(ITEMS).status_code == 401


@pytest.mark.requirement("corpus-D", "D2 D3")
@pytest.mark.parametrize(
    "end", ["expires_at = now() - interval '1 second'", "revoked_at = now()"], ids=["d2 expired", "d3 revoked"]
)
def test_expired_and_revoked_tokens_are_refused_at_once(end, client_of, connect):
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'x', false)")
    admin.execute("update app.tokens set revoked_at = null, expires_at = now() + interval '1 day' where name = 'brief'")
    assert client_of("brief").get(ITEMS).status_code == 200
    admin.execute(f"update app.tokens set {end} where name = 'brief'")
    assert client_of("brief").get(ITEMS).status_code == 401


@pytest.mark.requirement("corpus-D", "D4")
def test_token_without_write_scope_cannot_write(client_of):
    assert client_of("public").post(ITEMS, json={"category": "drainage", "place": {"text": "147/6"}}).status_code == 403


@pytest.mark.requirement("corpus-D", "D5")
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_hidden_feature_answers_like_a_missing_one(method, client_of, hidden):
    answers = []
    for item in (hidden[0], str(uuid.uuid4())):
        headers = {"If-Match": '"1-0123456789abcdef"'}
        answer = client_of("officer").request(
            method, f"{ITEMS}/{item}", json={"source": "x"} if method == "PATCH" else None, headers=headers
        )
        answers.append((answer.status_code, answer.text.replace(item, "…"), answer.headers["content-type"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


@pytest.mark.requirement("corpus-D", "D6")
def test_bbox_around_a_hidden_feature_is_empty(assert_unchanged):
    assert assert_unchanged(f"{ITEMS}?bbox={HERE}&count=exact").json()["numberMatched"] == 0


@pytest.mark.requirement("corpus-D", "D7")
def test_hidden_feature_does_not_widen_the_extent(assert_unchanged):
    assert_unchanged(INCIDENTS)


@pytest.mark.requirement("corpus-D", "D8")
def test_tile_with_a_hidden_feature_equals_the_one_without(assert_unchanged):
    assert_unchanged(TILE)


@pytest.mark.requirement("corpus-D", "D9 D13")
def test_unknown_and_hidden_properties_are_refused_alike(client_of):
    for query in ("?filter={}%3D4", "?properties={}", "?fields={}"):  # d9, d13
        answers = [
            client_of("public").get("/ogc/collections/markers/items" + query.format(name))
            for name in ("remark", "nonsense")
        ]
        assert [answer.status_code for answer in answers] == [400, 400]
        assert answers[0].text.replace("remark", "…") == answers[1].text.replace("nonsense", "…")


@pytest.mark.requirement("corpus-D", "D10")
def test_sorting_by_a_hidden_property_is_refused_as_unknown(client_of):
    answers = [
        client_of("public").get(f"/ogc/collections/markers/items?sortby={name}") for name in ("remark", "nonsense")
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].text.replace("remark", "…") == answers[1].text.replace("nonsense", "…")


@pytest.mark.requirement("corpus-D", "D11")
def test_hidden_text_cannot_be_guessed_by_like_filters(client_of, hidden):
    for guess in ("zq", "zq-h", "zz", SECRET):
        query = {"filter": f"description LIKE '{guess}%'", "count": "exact"}
        assert client_of("public").get(ITEMS, params=query).json()["numberMatched"] == 0


@pytest.mark.requirement("corpus-D", "D12")
def test_hidden_write_changes_no_etag(assert_unchanged):
    assert_unchanged(f"{ITEMS}?limit=5")


@pytest.mark.requirement("corpus-D", "D14")
@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("GET", "links", None),
        ("POST", "links", {"at": "147/6", "border": "VN-KH", "role": "site"}),
        ("POST", "moves", {"to": "verified", "reason": "x"}),
    ],
)
def test_links_and_transitions_of_a_hidden_feature_answer_like_those_of_a_missing_one(
    method, tail, body, client_of, hidden
):
    """The resources below a feature; an incident has no child tables."""
    answers = []
    for item in (hidden[0], str(uuid.uuid4())):
        answer = client_of("officer").request(method, f"{ITEMS}/{item}/{tail}", json=body)
        answers.append((answer.status_code, answer.text.replace(item, "…"), answer.headers["content-type"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


@pytest.mark.requirement("corpus-D", "D15")
def test_timeline_of_a_hidden_feature_is_hidden(client_of, hidden):
    assert client_of("public").get(f"{ITEMS}/{hidden[0]}/history").status_code == 404
    assert SECRET not in client_of("public").get("/api/changes?since=2026-01-01").text


@pytest.mark.requirement("corpus-D", "D16")
def test_past_states_follow_todays_level(client_of, hidden):
    identity, then = hidden
    assert client_of("public").get(f"{ITEMS}/{identity}?as_of={then}").status_code == 404
    assert SECRET not in client_of("public").get(f"{ITEMS}?as_of={then}&limit=1000").text


@pytest.mark.requirement("corpus-D", "D17")
def test_search_and_locate_suggest_nothing_hidden(assert_unchanged, client_of, hidden):
    assert_unchanged(f"{ITEMS}?q={SECRET}")
    assert hidden[0] not in client_of("public").get(f"/api/locate?lon={LON}&lat={LAT}").text


@pytest.mark.requirement("corpus-D", "D18")
def test_officer_cannot_assign_a_role_or_create_a_person(client_of, connect):
    (person_id,) = connect().execute("select id from app.people where name = 'officer'").fetchone()
    for path in (f"/api/people/{person_id}/appointment", "/api/people"):
        assert client_of("officer").post(path, json={"name": "x", "role": "administrator"}).status_code == 403


@pytest.mark.requirement("corpus-D", "D19")
def test_cross_origin_write_is_refused(client_of):
    answer = client_of("officer").post(ITEMS, json={}, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403


@pytest.mark.requirement("corpus-D", "D20")
def test_write_with_a_session_cookie_requires_the_origin_header(site_url, request_headers):
    """Without it the write is refused before its body is read, which is invalid here; reading needs no such header."""
    headers = request_headers["officer"]
    without_origin = {name: value for name, value in headers.items() if name != "origin"}
    assert httpx.post(f"{site_url}{ITEMS}", json={}, headers=headers).status_code == 422
    assert httpx.post(f"{site_url}{ITEMS}", json={}, headers=without_origin).status_code == 403
    assert httpx.get(f"{site_url}{ITEMS}", headers=without_origin).status_code == 200


@pytest.mark.requirement("corpus-D", "D21")
def test_throttle_treats_unknown_names_like_known_ones(site_url, request_headers, connect, accounts, monkeypatch):
    """Afterwards the right password is accepted, unless the client address is throttled."""
    # Every delay is the longest, so that none ends between the attempts with one name and with the other.
    monkeypatch.setattr("gis.accounts.authentication.delay_s", lambda failures, free: 900 if failures >= free else 0)
    for throttle in (accounts._unknown_names, accounts._ip_addresses):
        monkeypatch.setattr(throttle, "_delays", [900 if delay else 0 for delay in throttle._delays])
    answers = {"officer": [], "nobody-at-all": []}
    with httpx.Client(base_url=site_url, headers={"origin": site_url}, timeout=60) as client:
        for _ in range(50):
            for name, statuses in answers.items():
                body = {"name": name, "password": "một câu dài khác hẳn", "code": ""}
                statuses.append(client.post("/signin", json=body).status_code)
    assert answers["officer"] == answers["nobody-at-all"]
    assert set(answers["officer"]) == {401, 429}
    assert answers["officer"][-1] == 429
    admin = connect()
    admin.execute("update app.people set blocked_until = now() where name = 'officer'")
    body = {"name": "officer", "password": PASSWORD, "code": ""}
    right = httpx.post(f"{site_url}/signin", json=body, headers={"origin": site_url})
    assert right.status_code in (200, 429)  # the client address may still be throttled


@pytest.mark.requirement("corpus-D", "D22")
def test_oidc_callback_without_provider_is_refused(client_of):
    """A wrong nonce, audience or ``alg: none`` is refused in ``test_oidc``, against a real provider."""
    assert client_of("nobody").get("/signin/oidc/callback?code=x&state=x").status_code in (401, 404)


@pytest.mark.requirement("corpus-D", "D23")
@pytest.mark.parametrize(
    "path", ["/api/cards", "/api/changes?since=2026-01-01", "/api/releases", "/works", "/api/people", "/"]
)
def test_partner_gets_404_for_internal_routes(path, client_of):
    assert client_of("partner").get(path).status_code == 404


@pytest.mark.requirement("corpus-D", "D24")
@pytest.mark.parametrize("text", ["'; set role", "1 OR 1=1", "%27", "\\u0027", "') or true --"])
def test_sql_injection_in_parameters_has_no_effect(text, client_of, hidden):
    for name in PARAMETERS:
        answer = client_of("public").get(ITEMS, params={name: text})
        assert answer.status_code in (200, 400, 404, 422), name
        assert SECRET not in answer.text
        assert not re.search("psycopg|syntax error|relation", answer.text)


@pytest.mark.requirement("corpus-D", "D25")
@pytest.mark.parametrize(
    "query",
    [
        {"filter": "(" * 1600 + "level='public'" + ")" * 1600},
        {"filter": "NOT " * 1600 + "level='public'"},
        {"filter": "pg_sleep(10) = 1"},
    ],
    ids=["brackets", "not", "a function"],
)
def test_deeply_nested_cql2_text_and_unknown_functions_are_refused(query, client_of):
    assert client_of("public").get(ITEMS, params=query).status_code == 400


@pytest.mark.requirement("corpus-D", "D25")
@pytest.mark.parametrize("depth", [17, 700, 1600])
def test_deeply_nested_cql2_json_is_refused(depth, site_url, request_headers):
    """With ``http.client``, because httpx refuses such a long URL."""
    tree = '{"op":"not","args":[' * depth + '{"op":"=","args":[{"property":"level"},"public"]}' + "]}" * depth
    host, _, port = site_url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request(
        "GET", f"{ITEMS}?filter-lang=cql2-json&filter={quote(tree, safe='{}[]:,')}", headers=request_headers["public"]
    )
    answer = connection.getresponse()
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    answer.read()
    connection.close()


@pytest.mark.requirement("corpus-D", "D26")
@pytest.mark.parametrize("box", ["1,2,3,4,5", "1,2,3", "105,12,104,11", "105,12,106,11", "NaN,1,2,3", "1,2,3,inf"])
def test_invalid_bbox_is_refused_and_world_bbox_is_limited(box, client_of):
    assert client_of("public").get(ITEMS, params={"bbox": box}).status_code == 400
    assert client_of("public").get(ITEMS, params={"bbox": "-180,-90,180,90"}).json()["numberReturned"] <= 10


@pytest.mark.requirement("corpus-D", "D27")
def test_page_size_is_limited(client_of):
    answer = client_of("public").get("/ogc/collections/markers/items?limit=1000000000")
    assert answer.status_code == 200
    assert answer.json()["numberReturned"] <= 10_000


@pytest.mark.requirement("corpus-D", "D28")
@pytest.mark.parametrize("tile", ["40/0/0", "5/15/999", "5/999/15", "-1/0/0", "5/-1/0"])
def test_tile_outside_the_matrix_is_404(tile, client_of):
    assert client_of("public").get(f"{INCIDENTS}/tiles/WebMercatorQuad/{tile}").status_code == 404


@pytest.mark.requirement("corpus-D", "D29")
@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_script_in_a_query_parameter_is_inert(text, client_of):
    """``tests/journeys/test_hostile_text.py`` tests every page and file."""
    page = client_of("officer").get("/incidents", params={"q": text[:200]})
    assert page.status_code in (200, 400)
    if page.status_code == 200:
        assert inspect_page(page.text)[0] == []


@pytest.mark.requirement("corpus-D", "D30")
def test_formulas_are_exported_to_csv_as_text(client_of, database):
    with database.transaction(SYSTEM, write=True) as session:
        put(session, catalog["incidents"], level="public", description='=HYPERLINK("http://evil.example")')
    exported = client_of("public").get("/api/export/incidents?f=csv").text
    assert "'=HYPERLINK" in exported
    assert not re.search(r'(^|,)"?=HYPERLINK', exported)
