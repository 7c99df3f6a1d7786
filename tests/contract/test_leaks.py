"""The leak matrix: every route as every actor; no answer reveals a value that the actor may not know.

Routes are read from the application; one that ``tests.leak_requests`` and ``leak_requests`` here do not list fails.
"""

import re
import uuid

import httpx
import pytest

from api.http.security import SESSION_COOKIE
from gis.accounts.people import assign_role, close_account, enrol
from gis.accounts.sign_ins import sign_in
from gis.accounts.token_usage import MAX_PER_MINUTE
from gis.accounts.tokens import issue
from gis.model.fields import Level
from tests import leak_markers
from tests.contract.leak_requests import (
    ACCOUNT_ROUTES,
    ACTORS,
    PARTLY_EDITABLE,
    PUBLIC_ROUTES,
    RELEASE_ROUTES,
    SAMPLED_ACTORS,
    SQL_INJECTIONS,
    WRITE_ROUTES,
    every_actor,
    every_authenticated_actor,
    plain_text,
    requests_for_an_item,
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
    """Request headers by actor: a session cookie for the administrator, a token for the others."""
    with accounts.transaction("test") as session:
        root = enrol(session, "root", "administrator", password="correct horse battery", second_factor="A" * 32)
        started = sign_in(session, root)
        cookie, csrf = started.cookie, started.csrf
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
    """An HTTP client with the credentials of ``who``."""
    with httpx.Client(base_url=site_url, headers=request_headers[who], timeout=60) as client:
        yield client


def response_text(answer):
    """The headers and the decoded body of an answer."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return f"{headers}\n{decode_response(answer.content, answer.headers.get('content-type', ''))}"


def test_every_route_of_the_application_is_listed(site_url, dataset):
    listed = (
        {("GET", path) for path in request_urls(dataset)}
        | set(WRITE_ROUTES)
        | RELEASE_ROUTES
        | ACCOUNT_ROUTES
        | PUBLIC_ROUTES
    )
    assert set(routes(create_test_app())) == listed


def create_test_app():
    """The application without a database, to read its routes."""
    from api.app import create_app
    from api.settings import Settings

    nowhere = "postgresql+psycopg://nowhere/nothing"
    return create_app(Settings(reader_url=nowhere, writer_url=nowhere, accounts_url=nowhere))


@every_actor
def test_no_response_reveals_hidden_values(who, dataset, client_of):
    actor = ACTORS[who]
    seen_markers, leaks = set(), {}
    for route, urls in request_urls(dataset).items():
        for url in urls[:: 4 if who in SAMPLED_ACTORS and "{item}" in route else 1]:
            answer = client_of.get(url)
            assert answer.status_code < 500, (url, answer.text)
            if who == "anonymous":
                assert answer.status_code == 401, url
            markers = dataset.markers_in(response_text(answer))
            seen_markers |= markers
            if leaked := dataset.leaks(actor, markers):
                leaks[url] = leaked[:5]
    assert leaks == {}
    if actor is not None:  # the actor receives what it may know, so that the check is not vacuous
        expected = {row.number for row in dataset.rows if row.may_know(actor, leak_markers.ID)}
        assert {number for number, what in seen_markers if what == leak_markers.ID} == expected
        assert len(seen_markers) > (3 if who == "partner" else 5) * len(expected)
        located = {row.number for row in dataset.rows if row.may_know(actor, leak_markers.POSITION)}
        assert who != "partner" or {number for number, what in seen_markers if what == leak_markers.POSITION} == located


@every_authenticated_actor
def test_hidden_and_missing_features_answer_alike(who, dataset, client_of):
    """Byte for byte, apart from request id and date, for every kind of request."""
    different = []
    hidden_rows = [
        row for row in dataset.hidden_from(ACTORS[who]) if row.kind in ("unit B", "restricted", "reclassified")
    ]
    for row in hidden_rows:
        few = row.layer.name in ("incidents", "works", "gates", "markers") and row.kind != "reclassified"
        for send in requests_for_an_item(row.layer.name, writing=few):
            missing_id = uuid.uuid4()
            hidden, missing = (plain_text(send(client_of, id_), id_) for id_ in (row.id, missing_id))
            if hidden != missing:
                different.append((row.layer.name, row.kind, hidden[:300], missing[:300]))
    assert different == []
    assert bool(hidden_rows) == (who not in ("administrator", "office"))


@every_authenticated_actor
def test_bbox_around_a_hidden_feature_matches_nothing(who, dataset, client_of):
    for row in dataset.hidden_from(ACTORS[who]):
        if not row.layer.has_geometry:
            continue
        near = f"{row.lon - 0.0004:.6f},11.5999,{row.lon + 0.0004:.6f},11.6101"
        items = f"/ogc/collections/{row.layer.name}/items"
        answer = client_of.get(items, params={"bbox": near, "count": "exact"}).json()
        located_by_links = {"works", "tasks"}
        if row.layer.name not in located_by_links:
            assert (answer["numberMatched"], answer["features"]) == (0, []), (row.layer.name, row.kind)


def test_anonymous_requests_get_401_or_a_redirect_to_sign_in(site_url, request_headers):
    unexpected = {}
    with httpx.Client(base_url=site_url, follow_redirects=False) as anonymous:
        for method, path in routes(create_test_app()):
            if (method, path) in PUBLIC_ROUTES or method == "OPTIONS":
                continue
            url = re.sub(r"{\w+}", "x", path)
            answer = anonymous.request(method, url, json={} if method not in ("GET", "DELETE") else None)
            if answer.status_code != 401:
                unexpected[method, path] = answer.status_code
            page = anonymous.get(url, headers={"accept": "text/html"}) if method == "GET" else None
            if page is not None and not (page.status_code == 303 and page.headers["location"].startswith("/signin")):
                unexpected["page", path] = page.status_code
    assert unexpected == {}


def test_every_write_checks_origin_and_csrf_token(site_url, request_headers, dataset):
    """Every write route of the application refuses a session cookie with a wrong or missing origin or CSRF token."""
    headers, accepted = request_headers["administrator"], {}
    write_routes = [
        route
        for route in routes(create_test_app())
        if route[0] in ("POST", "PUT", "PATCH", "DELETE") and route not in PUBLIC_ROUTES
    ]
    for method, path in write_routes:
        url = re.sub(r"{\w+}", str(dataset.rows[0].id), path.replace("{layer}", "works").replace("{number}", "1"))
        for change in (
            {"x-csrf-token": ""},
            {"x-csrf-token": "x"},
            {"origin": "https://elsewhere.example"},
            {"origin": ""},
        ):
            sent = {name: value for name, value in {**headers, **change}.items() if value}
            answer = httpx.request(method, f"{site_url}{url}", headers=sent, json={})
            if answer.status_code != 403:
                accepted[method, path, str(change)] = answer.status_code
    assert len(write_routes) > 20
    assert accepted == {}


@every_authenticated_actor
def test_account_routes_refuse_all_but_the_administrator(who, client_of):
    for method, path in ACCOUNT_ROUTES:
        if method != "GET" or path.startswith(("/account", "/api/account")) or "{" in path:
            continue
        answer = client_of.get(path)
        allowed = {"administrator": 200, "partner": 404}.get(who, 403)
        assert answer.status_code == allowed, (path, answer.status_code)


@pytest.mark.parametrize("who", ["office", "officer A", "officer B", "public", "partner"])
def test_links_to_hidden_features_are_not_shown(who, dataset, client_of):
    """In the feature, its past, filters, links, timeline and change feed."""
    for kind, gate in leak_markers.GATE_OF.items():
        crossing, linked_gate = dataset.of("crossings", kind), dataset.of("gates", gate)
        if not crossing.visible_to(ACTORS[who]) or who == "partner":
            continue
        visible = linked_gate.visible_to(ACTORS[who])
        url = f"/ogc/collections/crossings/items/{crossing.id}"
        for query in ("", f"?as_of={str(dataset.before_reclassification).replace('+', '%2B').replace(' ', 'T')}"):
            properties = client_of.get(url + query).json()["properties"]
            assert properties["gate_id"] == (str(linked_gate.id) if visible else None), (kind, query)
            assert (properties["gate"] is not None) == visible
        for name, value in (("gate_id", linked_gate.id), ("filter", f"gate_id='{linked_gate.id}'")):
            features = client_of.get("/ogc/collections/crossings/items", params={name: str(value)}).json()["features"]
            assert [item["id"] for item in features] == ([str(crossing.id)] if visible else [])
        links = client_of.get(f"{url}/links").json()["links"]
        entries = client_of.get(f"{url}/history").json()["entries"]
        past_links = [entry["about"]["id"] for entry in entries if entry["part"] == "links"]
        assert [link["id"] for link in links] == past_links
        assert [link["id"] for link in links] == ([str(linked_gate.id)] if visible else [])
        changed = client_of.get("/ogc/collections/crossings/changes?since=2026-01-01").text
        assert (str(linked_gate.id) in changed) == visible


@pytest.mark.parametrize("who", ["officer A", "officer B"])
def test_officer_reads_only_shareable_fields_of_other_units(who, dataset, client_of):
    for kind in ("public", "partner", "unit A", "unit B"):
        for layer in ("markers", "works", "tasks", "incidents"):
            row = dataset.of(layer, kind)
            if not row.visible_to(ACTORS[who]):
                continue
            is_own = row.belongs_to_unit(ACTORS[who].unit)
            properties = client_of.get(f"/ogc/collections/{layer}/items/{row.id}").json()["properties"]
            internal_fields = [name for name, field in row.layer.fields.items() if field.level is Level.INTERNAL]
            assert {name for name in internal_fields if properties[name] is not None} <= (
                {*internal_fields} if is_own else set()
            )
            assert (properties["created_by"] is not None) == is_own
            entries = client_of.get(f"/ogc/collections/{layer}/items/{row.id}/history").json()["entries"]
            assert {entry["actor"] is not None for entry in entries if entry["part"] is None} == {is_own}
            for name in internal_fields:
                answer = client_of.get(f"/ogc/collections/{layer}/items?sortby=-{name}&limit=1000")
                assert answer.status_code == (200 if row.layer.fields[name].type.sortable else 400), name


@pytest.mark.parametrize("who", ["officer A"])
def test_officer_creates_nothing_below_internal_and_lowers_no_level(who, dataset, client_of):
    position = {"type": "Point", "coordinates": [105.9, 11.6]}
    for level in ("public", "partner", "internal"):
        created = client_of.post(
            "/ogc/collections/incidents/items", json={"category": "other", "level": level, "geometry": position}
        )
        assert created.status_code == (201 if level == "internal" else 403), created.text
        if level != "internal":
            assert [(error["field"], error["code"]) for error in created.json()["errors"]] == [
                ("level", "office_opens")
            ]
    url, tag = created.headers["location"], created.headers["etag"]
    for language, text in (("vi", "cơ quan thường trực"), ("en", "Only the office")):
        refused = client_of.patch(
            f"{url}?lang={language}", json={"level": "public", "reason": "x"}, headers={"If-Match": tag}
        )
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (403, "level")
        assert text in refused.json()["detail"]
    assert client_of.patch(url, json={"severity": "high"}, headers={"If-Match": tag}).status_code == 200
    changes = client_of.get("/api/changes", params={"since": "2026-01-01", "by": "token:officer-A"}).json()["changes"]
    assert {change["actor"] for change in changes} == {"token:officer-A"}
    assert [change["action"] for change in changes if change["id"] == created.json()["id"]] == ["update", "insert"]


@every_authenticated_actor
def test_allow_header_lists_patch_exactly_where_patch_is_allowed(who, dataset, client_of):
    """With a stale ETag, PATCH gives 412 to an actor who may edit the row, and another error to the others."""
    wrong = {}
    for row in dataset.rows:
        if not row.visible_to(ACTORS[who]) or row.kind == "retired" or row.layer.name not in PARTLY_EDITABLE:
            continue
        url = f"/ogc/collections/{row.layer.name}/items/{row.id}"
        read = client_of.get(url)
        allowed = read.headers["allow"].split(", ")
        patched = client_of.patch(url, json={"properties": {}}, headers={"If-Match": '"0-0123456789abcdef"'})
        if (patched.status_code == 412) != ("PATCH" in allowed):
            wrong[row.layer.name, row.kind] = allowed, patched.status_code, patched.text
    assert wrong == {}


# Revoked rights, hidden field names, levels above the clearance, SQL injection


def item_status(site_url, headers, row):
    """The status of a GET of the row's item."""
    return httpx.get(f"{site_url}/ogc/collections/{row.layer.name}/items/{row.id}", headers=headers).status_code


def test_change_of_unit_or_role_and_closed_account_take_effect_at_once(site_url, dataset, accounts, request_headers):
    with accounts.transaction("root") as session:
        person = enrol(session, "officer", "officer", unit=UNIT_A)
        officer, headers = person.id, {"cookie": f"{SESSION_COOKIE}={sign_in(session, person).cookie}"}
    rows = [dataset.of(layer, kind) for layer in ("incidents", "markers") for kind in ("unit A", "unit B")]
    assert [item_status(site_url, headers, row) for row in rows] == [200, 404, 200, 404]
    with accounts.transaction("root") as session:
        assign_role(session, officer, "officer", UNIT_B)
    assert [item_status(site_url, headers, row) for row in rows] == [404, 200, 404, 200]
    with accounts.transaction("root") as session:
        assign_role(session, officer, "public", None)
    assert [item_status(site_url, headers, row) for row in rows] == [404] * 4
    with accounts.transaction("root") as session:
        close_account(session, officer)
    assert [item_status(site_url, headers, row) for row in rows] == [401] * 4


@pytest.mark.usefixtures("request_headers")
@pytest.mark.parametrize(
    "end", ["expires_at = now() - interval '1 second'", "revoked_at = now()", "networks = '{10.9.8.0/24}'"]
)
def test_token_expired_revoked_or_outside_its_network_is_refused_at_once(end, site_url, dataset, accounts, connect):
    name = f"ends-{uuid.uuid4().hex[:8]}"
    with accounts.transaction("root") as session:
        headers = {"authorization": f"Bearer {issue(session, name, 'committee', made_by='root', days=1)}"}
    row = dataset.of("incidents", "unit A")
    assert item_status(site_url, headers, row) == 200
    deletion = httpx.delete(
        f"{site_url}/ogc/collections/incidents/items/{row.id}", headers={**headers, "If-Match": '"1-x"'}
    )
    assert deletion.status_code == 403
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'x', false)")
    admin.execute(f"update app.tokens set {end} where name = %s", [name])
    assert item_status(site_url, headers, row) == 401


@pytest.mark.parametrize("query", ["?sortby={}", "?sortby=-{}", "?properties={}", "?filter={}%3D'x'", "?{}=x"])
@pytest.mark.parametrize("who", ["public"])
def test_hidden_and_unknown_fields_are_refused_alike(query, who, client_of):
    for layer, hidden in (("markers", "remark"), ("works", "cost_planned"), ("tasks", "person"), ("gates", "original")):
        route = f"/ogc/collections/{layer}/items"
        answers = [client_of.get(route + query.format(name)) for name in (hidden, "nonsense")]
        assert [answer.status_code for answer in answers] == [400, 400]
        hidden_text, unknown_text = (
            answer.text.replace(name, "…") for answer, name in zip(answers, (hidden, "nonsense"), strict=True)
        )
        assert hidden_text == unknown_text


@pytest.mark.parametrize("who", ["officer A"])
def test_level_cannot_be_raised_above_the_actors_clearance(who, dataset, client_of):
    url = f"/ogc/collections/incidents/items/{dataset.of('incidents', 'unit A').id}"
    tag = client_of.get(url).headers["etag"]
    assert client_of.patch(url, json={"level": "restricted"}, headers={"If-Match": tag}).status_code == 403
    assert client_of.get(url).headers["etag"] == tag


@pytest.mark.parametrize("who", ["public"])
def test_sql_injection_in_parameters_reveals_nothing_and_causes_no_error(who, dataset, client_of):
    parameters = "q bbox datetime as_of sortby filter properties near within after limit crs level unit code reader"
    for parameter in parameters.split():
        for text in SQL_INJECTIONS:
            answer = client_of.get("/ogc/collections/incidents/items", params={parameter: text})
            assert answer.status_code in (200, 400, 404, 422), (parameter, text)
            assert dataset.leaks(ACTORS[who], dataset.markers_in(response_text(answer))) == []
    for path in (f"/ogc/collections/{text}/items" for text in SQL_INJECTIONS):
        assert client_of.get(path).status_code == 404
