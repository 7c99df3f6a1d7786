"""Corpus D of the bad inputs, who may do what: thirty cases, each by its name.

Where a whole test file is about a case, what stands here is its one essential answer, over HTTP.
"""

import datetime as dt
import http.client
import re
import uuid
from urllib.parse import quote

import httpx
import pytest

from api.http.security import SESSION_COOKIE
from gis.accounts.models import SignIn
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
    """What each brings along: tokens of a public reader and of a partner, an officer's own sign-in."""
    with accounts.transaction("test") as session:
        enrol(session, "chief", "administrator", password=PASSWORD, second_factor="A" * 32)
        officer = enrol(session, "officer", "officer", unit="Đồn thử", password=PASSWORD).id
        cookie = sign_in(session, officer)
        csrf = session.query(SignIn.csrf).filter_by(person_id=officer).scalar()
        tokens = {"public": issue(session, "public", "public", made_by="chief", days=1),
                  "partner": issue(session, "partner", "partner", made_by="chief", days=1, recipient="Sở A"),
                  "brief": issue(session, "brief", "public", made_by="chief", days=1)}  # fmt: skip
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    made = {who: {"authorization": f"Bearer {token}"} for who, token in tokens.items()}
    return made | {"officer": {"cookie": f"{SESSION_COOKIE}={cookie}", "x-csrf-token": csrf, "origin": site_url}}


@pytest.fixture(scope="module")
def client_of(site_url, request_headers):
    """``asking("public")`` is a client of theirs."""
    opened = {who: httpx.Client(base_url=site_url, headers=head, timeout=30) for who, head in request_headers.items()}
    opened["nobody"] = httpx.Client(base_url=site_url, timeout=30)
    yield opened.__getitem__
    for one in opened.values():
        one.close()


@pytest.fixture(scope="module")
def answers_before(client_of):
    """What a public reader heard before anything hidden was there."""
    paths = (f"{ITEMS}?bbox={HERE}&count=exact", INCIDENTS, TILE, f"{ITEMS}?limit=5", f"{ITEMS}?q={SECRET}")
    return {path: client_of("public").get(path) for path in paths}


@pytest.fixture(scope="module")
def hidden(database, answers_before):
    """A restricted incident; it was public for a moment, which is given with its id."""
    place = {"type": "Point", "coordinates": [LON, LAT]}
    with database.transaction(SYSTEM, write=True) as session:
        row = put(session, catalog["incidents"], geometry=place, description=SECRET, level="public")
        found = row.id
    then = dt.datetime.now(dt.UTC)
    with database.transaction(SYSTEM, write=True, reason="x") as session:
        session.get_one(catalog["incidents"].model, found).level = "restricted"
    return str(found), then.isoformat().replace("+", "%2B")


@pytest.fixture
def assert_unchanged(client_of, hidden, answers_before):
    """``unchanged(path)``: what a public reader hears is byte for byte what it was without the hidden thing."""

    def compared(path):
        now, then = client_of("public").get(path), answers_before[path]
        assert now.status_code == then.status_code

        def plain(answer):
            return re.sub(rb'"timeStamp": ?"[^"]+"', b"", answer.content)

        assert plain(now) == plain(then)
        assert now.headers.get("etag") == then.headers.get("etag")
        assert "last-modified" not in now.headers
        return now

    return compared


def test_d1_without_a_sign_in_nothing_is_read(client_of, request_headers):
    assert client_of("nobody").get(ITEMS).status_code == 401


@pytest.mark.parametrize(
    "end", ["expires_at = now() - interval '1 second'", "revoked_at = now()"], ids=["d2 expired", "d3 revoked"]
)
def test_d2_d3_a_token_that_has_ended_opens_nothing_from_the_next_request_on(end, client_of, connect):
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'x', false)")
    admin.execute("update app.tokens set revoked_at = null, expires_at = now() + interval '1 day' where name = 'brief'")
    assert client_of("brief").get(ITEMS).status_code == 200
    admin.execute(f"update app.tokens set {end} where name = 'brief'")
    assert client_of("brief").get(ITEMS).status_code == 401


def test_d4_a_token_without_the_scope_writes_nothing(client_of):
    assert client_of("public").post(ITEMS, json={"category": "drainage", "place": {"text": "147/6"}}).status_code == 403


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_d5_a_hidden_thing_is_like_one_that_there_is_not(method, client_of, hidden):
    answers = []
    for one in (hidden[0], str(uuid.uuid4())):
        head = {"If-Match": '"1-0123456789abcdef"'}
        answer = client_of("officer").request(
            method, f"{ITEMS}/{one}", json={"source": "x"} if method == "PATCH" else None, headers=head
        )
        answers.append((answer.status_code, answer.text.replace(one, "…"), answer.headers["content-type"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_d6_a_box_round_it_counts_nothing(assert_unchanged):
    assert assert_unchanged(f"{ITEMS}?bbox={HERE}&count=exact").json()["numberMatched"] == 0


def test_d7_it_widens_no_extent(assert_unchanged):
    assert_unchanged(INCIDENTS)


def test_d8_its_tile_is_the_one_without_it(assert_unchanged):
    assert_unchanged(TILE)


def test_d9_d13_the_unknown_and_the_hidden_property_are_refused_alike(client_of):
    for question in ("?filter={}%3D4", "?properties={}", "?fields={}"):  # d9, d13
        answers = [
            client_of("public").get("/ogc/collections/markers/items" + question.format(one))
            for one in ("remark", "nonsense")
        ]
        assert [one.status_code for one in answers] == [400, 400]
        assert answers[0].text.replace("remark", "…") == answers[1].text.replace("nonsense", "…")


def test_d10_what_may_not_be_sorted_by_is_called_unknown(client_of):
    answers = [
        client_of("public").get(f"/ogc/collections/markers/items?sortby={one}") for one in ("remark", "nonsense")
    ]
    assert [one.status_code for one in answers] == [400, 400]
    assert answers[0].text.replace("remark", "…") == answers[1].text.replace("nonsense", "…")


def test_d11_no_word_of_it_can_be_guessed_letter_by_letter(client_of, hidden):
    for guess in ("zq", "zq-h", "zz", SECRET):
        asked = {"filter": f"description LIKE '{guess}%'", "count": "exact"}
        assert client_of("public").get(ITEMS, params=asked).json()["numberMatched"] == 0


def test_d12_a_hidden_write_moves_no_tag(assert_unchanged):
    assert_unchanged(f"{ITEMS}?limit=5")


def test_d14_what_hangs_on_it_is_hidden_with_it(client_of, hidden):
    """There are no photos yet; links and events are what hangs on a thing."""
    for tail in ("/links", "/moves"):
        assert client_of("public").get(f"{ITEMS}/{hidden[0]}{tail}").status_code in (404, 405)
    assert client_of("public").get(f"{ITEMS}/{hidden[0]}/links").status_code == 404


def test_d15_its_timeline_is_hidden_with_it(client_of, hidden):
    assert client_of("public").get(f"{ITEMS}/{hidden[0]}/history").status_code == 404
    assert SECRET not in client_of("public").get("/api/changes?since=2026-01-01").text


def test_d16_when_it_was_public_is_seen_with_todays_rights(client_of, hidden):
    identity, then = hidden
    assert client_of("public").get(f"{ITEMS}/{identity}?as_of={then}").status_code == 404
    assert SECRET not in client_of("public").get(f"{ITEMS}?as_of={then}&limit=1000").text


def test_d17_searching_suggests_nothing_of_it(assert_unchanged, client_of, hidden):
    assert_unchanged(f"{ITEMS}?q={SECRET}")
    assert hidden[0] not in client_of("public").get(f"/api/locate?lon={LON}&lat={LAT}").text


def test_d18_nobody_raises_their_own_rights(client_of, connect):
    (own,) = connect().execute("select id from app.people where name = 'officer'").fetchone()
    for path in (f"/api/people/{own}/appointment", "/api/people"):
        assert client_of("officer").post(path, json={"name": "x", "role": "administrator"}).status_code == 403


def test_d19_a_write_from_another_site_is_refused(client_of):
    answer = client_of("officer").post(ITEMS, json={}, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403


def test_d20_a_cookie_without_the_page_it_comes_from_is_refused(site_url, request_headers):
    head = {name: value for name, value in request_headers["officer"].items() if name != "origin"}
    assert httpx.post(f"{site_url}{ITEMS}", json={}, headers=head).status_code == 403


def test_d21_who_is_wrong_fifty_times_waits_also_with_a_name_that_there_is_not(site_url, request_headers, connect):
    """That an unknown name costs the same work is ``test_signin``'s; then the right password opens again."""
    answers = {"officer": [], "nobody-at-all": []}
    with httpx.Client(base_url=site_url, headers={"origin": site_url}, timeout=60) as client:
        for _ in range(50):
            for name, heard in answers.items():
                body = {"name": name, "password": "một câu dài khác hẳn", "code": ""}
                heard.append(client.post("/signin", json=body).status_code)
    assert answers["officer"] == answers["nobody-at-all"]
    assert set(answers["officer"]) == {401, 429}
    assert answers["officer"][-1] == 429
    admin = connect()
    admin.execute("update app.people set blocked_until = now() where name = 'officer'")
    body = {"name": "officer", "password": PASSWORD, "code": ""}
    right = httpx.post(f"{site_url}/signin", json=body, headers={"origin": site_url})
    assert right.status_code in (200, 429)  # the address that was wrong a hundred times waits by itself


def test_d22_without_a_provider_no_answer_of_one_opens_anything(client_of):
    """A wrong nonce, audience or ``alg: none`` is refused in ``test_oidc``, against a real provider."""
    assert client_of("nobody").get("/signin/oidc/callback?code=x&state=x").status_code in (401, 404)


@pytest.mark.parametrize(
    "path", ["/api/cards", "/api/changes?since=2026-01-01", "/api/releases", "/works", "/api/people", "/"]
)
def test_d23_to_a_partner_there_is_no_door_of_the_house(path, client_of):
    assert client_of("partner").get(path).status_code == 404


@pytest.mark.parametrize("text", ["'; set role", "1 OR 1=1", "%27", "\\u0027", "') or true --"])
def test_d24_sql_in_any_parameter_is_a_value_or_refused(text, client_of, hidden):
    for name in PARAMETERS:
        answer = client_of("public").get(ITEMS, params={name: text})
        assert answer.status_code in (200, 400, 404, 422), name
        assert SECRET not in answer.text
        assert not re.search("psycopg|syntax error|relation", answer.text)


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": "(" * 1600 + "level='public'" + ")" * 1600},
        {"filter": "NOT " * 1600 + "level='public'"},
        {"filter": "pg_sleep(10) = 1"},
    ],
    ids=["brackets", "not", "a function"],
)
def test_d25_a_filter_beyond_measure_is_refused(asked, client_of):
    assert client_of("public").get(ITEMS, params=asked).status_code == 400


@pytest.mark.parametrize("depth", [17, 700, 1600])
def test_d25_a_filter_in_json_beyond_measure_is_refused(depth, site_url, request_headers):
    """By hand, for no ordinary client sends so long a line."""
    tree = '{"op":"not","args":[' * depth + '{"op":"=","args":[{"property":"level"},"public"]}' + "]}" * depth
    host, _, port = site_url.removeprefix("http://").partition(":")
    line = http.client.HTTPConnection(host, int(port), timeout=30)
    line.request(
        "GET", f"{ITEMS}?filter-lang=cql2-json&filter={quote(tree, safe='{}[]:,')}", headers=request_headers["public"]
    )
    answer = line.getresponse()
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    answer.read()
    line.close()


@pytest.mark.parametrize("box", ["1,2,3,4,5", "1,2,3", "105,12,104,11", "105,12,106,11", "NaN,1,2,3", "1,2,3,inf"])
def test_d26_a_box_that_is_none_is_refused_and_the_whole_world_is_capped(box, client_of):
    assert client_of("public").get(ITEMS, params={"bbox": box}).status_code == 400
    assert client_of("public").get(ITEMS, params={"bbox": "-180,-90,180,90"}).json()["numberReturned"] <= 10


def test_d27_a_page_has_its_bound(client_of):
    answer = client_of("public").get("/ogc/collections/markers/items?limit=1000000000")
    assert answer.status_code == 200
    assert answer.json()["numberReturned"] <= 10_000


@pytest.mark.parametrize("tile", ["40/0/0", "5/15/999", "5/999/15", "-1/0/0", "5/-1/0"])
def test_d28_a_tile_outside_the_world_is_missing(tile, client_of):
    assert client_of("public").get(f"{INCIDENTS}/tiles/WebMercatorQuad/{tile}").status_code == 404


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_d29_what_would_run_is_inert_in_an_address(text, client_of):
    """In every place, page and file: ``tests/journeys/test_hostile_text.py``."""
    page = client_of("officer").get("/incidents", params={"q": text[:200]})
    assert page.status_code in (200, 400)
    if page.status_code == 200:
        assert inspect_page(page.text)[0] == []


def test_d30_a_formula_leaves_as_text(client_of, database):
    with database.transaction(SYSTEM, write=True) as session:
        put(session, catalog["incidents"], level="public", description='=HYPERLINK("http://evil.example")')
    said = client_of("public").get("/api/export/incidents?f=csv").text
    assert "'=HYPERLINK" in said
    assert not re.search(r'(^|,)"?=HYPERLINK', said)
