"""The leak matrix: every door, for everybody, and nothing that leaves tells of what somebody may not know.

The doors are read from the application itself: one that is not listed in ``tests.canaries`` or below fails here.
"""

import re
import uuid

import httpx
import pytest

from api.http.security import SESSION_COOKIE
from gis.accounts.models import SignIn
from gis.accounts.people import assign_role, close_account, enrol
from gis.accounts.sign_ins import sign_in
from gis.accounts.token_usage import MAX_PER_MINUTE
from gis.accounts.tokens import issue
from gis.model.fields import Level
from tests import leak_markers
from tests.contract.leak_requests import (
    ACTORS,
    INJECTED,
    LIKE_ANOTHER,
    OF_ACCOUNTS,
    OF_RELEASES,
    OFFERED,
    OPEN,
    WRITING,
    everybody,
    everybody_inside,
    plain_text,
    query_forms,
)
from tests.leak_markers import UNIT_A, UNIT_B, create_marked_dataset
from tests.leak_requests import decode_response, request_urls, routes


@pytest.fixture(scope="module")
def database_name(cluster, migrated_template):
    cluster.create_database("leaks", template=migrated_template)
    yield "leaks"
    cluster.drop_database("leaks")


@pytest.fixture(scope="module")
def dataset(database):
    return create_marked_dataset(database, with_release=True)


@pytest.fixture(scope="module")
def request_headers(dataset, accounts, site_url):
    """What everybody brings along who may come in: the administrator a sign-in of their own, the others a token."""
    with accounts.transaction("test") as session:
        root = enrol(session, "root", "administrator", password="correct horse battery", second_factor="A" * 32)
        cookie = sign_in(session, root.id)
        csrf = session.query(SignIn.csrf).scalar()
        created = {
            who: {"authorization": f"Bearer {_token(session, who, actor)}"}
            for who, actor in ACTORS.items()
            if actor is not None and not actor.role.external
        }
        partner = issue(
            session,
            "a-partner",
            "partner",
            recipient=leak_markers.RECIPIENT_NAME,
            made_by="root",
            days=1,
            per_minute=MAX_PER_MINUTE,
        )
    created["partner"] = {"authorization": f"Bearer {partner}"}
    created["administrator"] = {"cookie": f"{SESSION_COOKIE}={cookie}", "x-csrf-token": csrf, "origin": site_url}
    return {**created, "anonymous": {}}


def _token(session, who, actor):
    return issue(
        session,
        who.replace(" ", "-"),
        actor.role.name,
        unit=actor.unit,
        made_by="root",
        days=1,
        scopes=("read", "write"),
        per_minute=MAX_PER_MINUTE,
    )


@pytest.fixture
def client_of(site_url, request_headers, who):
    """Somebody who asks."""
    with httpx.Client(base_url=site_url, headers=request_headers[who], timeout=60) as client:
        yield client


def response_text(answer):
    """All that an answer tells: its head and what is inside its body."""
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return f"{head}\n{decode_response(answer.content, answer.headers.get('content-type', ''))}"


def test_every_route_is_listed_here(site_url, dataset):
    known = {("GET", path) for path in request_urls(dataset)} | set(WRITING) | OF_RELEASES | OF_ACCOUNTS | OPEN
    assert set(routes(running(site_url))) == known


def running(site):
    from api.app import create_app
    from api.settings import Settings

    nowhere = "postgresql+psycopg://nowhere/nothing"
    return create_app(Settings(reader_url=nowhere, writer_url=nowhere, door_url=nowhere))


@everybody
def test_no_response_reveals_hidden_values(who, dataset, client_of):
    actor = ACTORS[who]
    message, leaks = set(), {}
    for route, addresses in request_urls(dataset).items():
        for address in addresses[:: 4 if who in LIKE_ANOTHER and "{item}" in route else 1]:
            answer = client_of.get(address)
            assert answer.status_code < 500, (address, answer.text)
            if who == "anonymous":
                assert answer.status_code == 401, address
            results = dataset.markers_in(response_text(answer))
            message |= results
            if more := dataset.leaks(actor, results):
                leaks[address] = more[:5]
    assert leaks == {}
    if actor is not None:  # and what they may know they are told, so that silence is no proof of anything
        expected = {row.number for row in dataset.rows if row.may_know(actor, leak_markers.ID)}
        assert {number for number, what in message if what == leak_markers.ID} == expected
        assert len(message) > (3 if who == "partner" else 5) * len(expected)
        placed = {row.number for row in dataset.rows if row.may_know(actor, leak_markers.POSITION)}
        assert who != "partner" or {number for number, what in message if what == leak_markers.POSITION} == placed


@everybody_inside
def test_hidden_and_missing_features_answer_alike(who, dataset, client_of):
    """To every way of asking for one thing, reading or writing, in every byte but the request's own number."""
    different = []
    required = [row for row in dataset.hidden_from(ACTORS[who]) if row.kind in ("theirs", "restricted", "reclassified")]
    for row in required:
        few = row.layer.name in ("incidents", "works", "gates", "markers") and row.kind != "reclassified"
        for ask in query_forms(row.layer.name, writing=few):
            nothing = uuid.uuid4()
            hidden, missing = (plain_text(ask(client_of, item), item) for item in (row.id, nothing))
            if hidden != missing:
                different.append((row.layer.name, row.kind, hidden[:300], missing[:300]))
    assert different == []
    assert bool(required) == (who not in ("administrator", "office"))


@everybody_inside
def test_bbox_around_a_hidden_feature_counts_nothing(who, dataset, client_of):
    for row in dataset.hidden_from(ACTORS[who]):
        if not row.layer.has_geometry:
            continue
        near = f"{row.lon - 0.0004:.6f},11.5999,{row.lon + 0.0004:.6f},11.6101"
        items = f"/ogc/collections/{row.layer.name}/items"
        answer = client_of.get(items, params={"bbox": near, "count": "exact"}).json()
        alone = {"works", "tasks"}  # these are drawn where their links are
        if row.layer.name not in alone:
            assert (answer["numberMatched"], answer["features"]) == (0, []), (row.layer.name, row.kind)


def test_anonymous_requests_get_401_outside_public_routes(site_url, request_headers):
    refused = {}
    with httpx.Client(base_url=site_url, follow_redirects=False) as stranger_value:
        for method, path in routes(running(site_url)):
            if (method, path) in OPEN or method == "OPTIONS":
                continue
            address = re.sub(r"{\w+}", "x", path)
            answer = stranger_value.request(method, address, json={} if method not in ("GET", "DELETE") else None)
            if answer.status_code != 401:
                refused[method, path] = answer.status_code
            visible = stranger_value.get(address, headers={"accept": "text/html"}) if method == "GET" else None
            if visible is not None and not (
                visible.status_code == 303 and visible.headers["location"].startswith("/signin")
            ):
                refused["page", path] = visible.status_code
    assert refused == {}


def test_every_write_checks_origin_and_csrf_token(site_url, request_headers, dataset):
    """Read from the application: nothing that a sign-in may do can be sent for it from another site."""
    headers, taken = request_headers["administrator"], {}
    query = [
        route
        for route in routes(running(site_url))
        if route[0] in ("POST", "PUT", "PATCH", "DELETE") and route not in OPEN
    ]
    for method, path in query:
        address = re.sub(r"{\w+}", str(dataset.rows[0].id), path.replace("{layer}", "works").replace("{number}", "1"))
        for change in (
            {"x-csrf-token": ""},
            {"x-csrf-token": "x"},
            {"origin": "https://elsewhere.example"},
            {"origin": ""},
        ):
            sent = {name: value for name, value in {**headers, **change}.items() if value}
            answer = httpx.request(method, f"{site_url}{address}", headers=sent, json={})
            if answer.status_code != 403:
                taken[method, path, str(change)] = answer.status_code
    assert len(query) > 20
    assert taken == {}


@everybody_inside
def test_account_routes_accept_administrators_tokens_only(who, client_of):
    for method, path in OF_ACCOUNTS:
        if method != "GET" or path.startswith(("/account", "/api/account")) or "{" in path:
            continue
        answer = client_of.get(path)
        allowed = {"administrator": 200, "partner": 404}.get(who, 403)
        assert answer.status_code in (allowed, 403), (path, answer.status_code)


@pytest.mark.parametrize("who", ["office", "officer A", "officer B", "public", "partner"])
def test_links_to_hidden_features_are_not_shown(who, dataset, client_of):
    """In every way of asking: the thing itself, filters, sorting, then and now, its timeline, what has changed."""
    for kind, gate in leak_markers.GATE_OF.items():
        crossing, named = dataset.of("crossings", kind), dataset.of("gates", gate)
        if not crossing.visible_to(ACTORS[who]) or who == "partner":
            continue
        visible = named.visible_to(ACTORS[who])
        url = f"/ogc/collections/crossings/items/{crossing.id}"
        for query in ("", f"?as_of={str(dataset.before_reclassification).replace('+', '%2B').replace(' ', 'T')}"):
            message = client_of.get(url + query).json()["properties"]
            assert message["gate_id"] == (str(named.id) if visible else None), (kind, query)
            assert (message["gate"] is not None) == visible
        for name, value in (("gate_id", named.id), ("filter", f"gate_id='{named.id}'")):
            results = client_of.get("/ogc/collections/crossings/items", params={name: str(value)}).json()["features"]
            assert [item["id"] for item in results] == ([str(crossing.id)] if visible else [])
        links = client_of.get(f"{url}/links").json()["links"]
        past = [item for item in client_of.get(f"{url}/history").json()["entries"] if item["part"] == "links"]
        assert [item["id"] for item in links] == [item["about"]["id"] for item in past]
        assert [item["id"] for item in links] == ([str(named.id)] if visible else [])
        changed = client_of.get("/ogc/collections/crossings/changes?since=2026-01-01").text
        assert (str(named.id) in changed) == visible


@pytest.mark.parametrize("who", ["officer A", "officer B"])
def test_officer_reads_only_shareable_fields_of_other_units(who, dataset, client_of):
    for kind in ("public", "partner", "ours", "theirs"):
        for layer in ("markers", "works", "tasks", "incidents"):
            row = dataset.of(layer, kind)
            if not row.visible_to(ACTORS[who]):
                continue
            own_value = row.belongs_to_unit(ACTORS[who].unit)
            message = client_of.get(f"/ogc/collections/{layer}/items/{row.id}").json()["properties"]
            within = [name for name, item in row.layer.fields.items() if item.level is Level.INTERNAL]
            assert {name for name in within if message[name] is not None} <= ({*within} if own_value else set())
            assert (message["created_by"] is not None) == own_value
            entries = client_of.get(f"/ogc/collections/{layer}/items/{row.id}/history").json()["entries"]
            assert {item["actor"] is not None for item in entries if item["part"] is None} == {own_value}
            for name in within:
                query = client_of.get(f"/ogc/collections/{layer}/items?sortby=-{name}&limit=1000")
                assert query.status_code == (400 if row.layer.fields[name].type in ("json", "list") else 200), name


@pytest.mark.parametrize("who", ["officer A"])
def test_officer_creates_nothing_below_internal_and_lowers_no_level(who, dataset, client_of):
    place = {"type": "Point", "coordinates": [105.9, 11.6]}
    for level in ("public", "partner", "internal"):
        created = client_of.post(
            "/ogc/collections/incidents/items", json={"category": "other", "level": level, "geometry": place}
        )
        assert created.status_code == (201 if level == "internal" else 403), created.text
        if level != "internal":
            assert [(item["field"], item["code"]) for item in created.json()["errors"]] == [("level", "office_opens")]
    url, tag = created.headers["location"], created.headers["etag"]
    for language, word in (("vi", "cơ quan thường trực"), ("en", "Only the office")):
        refused = client_of.patch(
            f"{url}?lang={language}", json={"level": "public", "reason": "x"}, headers={"If-Match": tag}
        )
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (403, "level")
        assert word in refused.json()["detail"]
    assert client_of.patch(url, json={"severity": "high"}, headers={"If-Match": tag}).status_code == 200
    deeds = client_of.get("/api/changes", params={"since": "2026-01-01", "by": "token:officer-A"}).json()["changes"]
    assert {item["actor"] for item in deeds} == {"token:officer-A"}
    assert [item["action"] for item in deeds if item["id"] == created.json()["id"]] == ["update", "insert"]


@everybody_inside
def test_offered_transitions_and_edits_are_accepted(who, dataset, client_of):
    """Whoever may change it hears that a version never read is not the present one, everybody else hears no."""
    wrong = {}
    for row in dataset.rows:
        if not row.visible_to(ACTORS[who]) or row.kind == "retired" or row.layer.name not in OFFERED:
            continue
        url = f"/ogc/collections/{row.layer.name}/items/{row.id}"
        seen = client_of.get(url)
        allowed = seen.headers["allow"].split(", ")
        tried = client_of.patch(url, json={"properties": {}}, headers={"If-Match": '"0-0123456789abcdef"'})
        if (tried.status_code == 412) != ("PATCH" in allowed):
            wrong[row.layer.name, row.kind] = allowed, tried.status_code, tried.text
    assert wrong == {}


# What corpus D asks beside: rights that end, names that may not be known, levels that are not one's to give, SQL


def seen(site, headers, row):
    """What the door of one thing answers."""
    return httpx.get(f"{site}/ogc/collections/{row.layer.name}/items/{row.id}", headers=headers).status_code


def test_transfer_removes_access_to_the_former_sector_at_once(site_url, dataset, accounts, request_headers):
    with accounts.transaction("root") as session:
        officer = enrol(session, "officer", "officer", unit=UNIT_A).id
        headers = {"cookie": f"{SESSION_COOKIE}={sign_in(session, officer)}"}
    things = [dataset.of(layer, kind) for layer in ("incidents", "markers") for kind in ("ours", "theirs")]
    assert [seen(site_url, headers, row) for row in things] == [200, 404, 200, 404]
    with accounts.transaction("root") as session:
        assign_role(session, officer, "officer", UNIT_B)
    assert [seen(site_url, headers, row) for row in things] == [404, 200, 404, 200]
    with accounts.transaction("root") as session:
        assign_role(session, officer, "public", None)
    assert [seen(site_url, headers, row) for row in things] == [404] * 4
    with accounts.transaction("root") as session:
        close_account(session, officer)
    assert [seen(site_url, headers, row) for row in things] == [401] * 4


@pytest.mark.usefixtures("request_headers")
@pytest.mark.parametrize(
    "end", ["expires_at = now() - interval '1 second'", "revoked_at = now()", "networks = '{10.9.8.0/24}'"]
)
def test_ended_token_is_refused_at_the_next_request(end, site_url, dataset, accounts, connect):
    name = f"ends-{uuid.uuid4().hex[:8]}"
    with accounts.transaction("root") as session:
        headers = {"authorization": f"Bearer {issue(session, name, 'committee', made_by='root', days=1)}"}
    row = dataset.of("incidents", "ours")
    assert seen(site_url, headers, row) == 200
    writing = httpx.delete(
        f"{site_url}/ogc/collections/incidents/items/{row.id}", headers={**headers, "If-Match": '"1-x"'}
    )
    assert writing.status_code == 403
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'x', false)")
    admin.execute(f"update app.tokens set {end} where name = %s", [name])
    assert seen(site_url, headers, row) == 401


@pytest.mark.parametrize("question", ["?sortby={}", "?sortby=-{}", "?properties={}", "?filter={}%3D'x'", "?{}=x"])
@pytest.mark.parametrize("who", ["public"])
def test_hidden_and_unknown_fields_are_refused_alike(question, who, client_of):
    for layer, hidden in (("markers", "remark"), ("works", "cost_planned"), ("tasks", "person"), ("gates", "original")):
        route = f"/ogc/collections/{layer}/items"
        answers = [client_of.get(route + question.format(name)) for name in (hidden, "nonsense")]
        assert [item.status_code for item in answers] == [400, 400]
        known, unknown = (
            item.text.replace(name, "…") for item, name in zip(answers, (hidden, "nonsense"), strict=True)
        )
        assert known == unknown


@pytest.mark.parametrize("who", ["officer A"])
def test_level_cannot_be_raised_above_the_actors_clearance(who, dataset, client_of):
    url = f"/ogc/collections/incidents/items/{dataset.of('incidents', 'ours').id}"
    tag = client_of.get(url).headers["etag"]
    assert client_of.patch(url, json={"level": "restricted"}, headers={"If-Match": tag}).status_code == 403
    assert client_of.get(url).headers["etag"] == tag


@pytest.mark.parametrize("who", ["public"])
def test_sql_in_parameters_is_a_value_or_refused(who, dataset, client_of):
    parameters = "q bbox datetime as_of sortby filter properties near within after limit crs level unit code reader"
    for parameter in parameters.split():
        for text in INJECTED:
            answer = client_of.get("/ogc/collections/incidents/items", params={parameter: text})
            assert answer.status_code in (200, 400, 404, 422), (parameter, text)
            assert dataset.leaks(ACTORS[who], dataset.markers_in(response_text(answer))) == []
    for path in (f"/ogc/collections/{text}/items" for text in INJECTED):
        assert client_of.get(path).status_code == 404
