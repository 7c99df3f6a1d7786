"""What guards a reader stands in the head of every answer, of every door, whatever it says; and who may keep it."""

import asyncio
import re

import httpx
import pytest

from api.app import create_app
from api.http.security import SECURITY_HEADERS
from gis.accounts.tokens import issue
from tests.leak_requests import routes

ID = "00000000-0000-4000-8000-000000000000"
SAMPLE = {
    "layer": "incidents", "item": ID, "link_id": ID, "tms": "WebMercatorQuad", "zoom": "5", "row": "15", "column": "25",
    "release": ID, "number": "1", "account": ID, "sign_in": ID, "token": ID,
}  # fmt: skip
READERS = {
    "office": {"role": "office", "scopes": ("read", "write")},
    "public": {"role": "public"},
    "partner": {"role": "partner", "recipient": "Sở A"},
}
SAME_FOR_ALL = {"/map.js", "/marks.svg", "/healthz", "/api/basemap/context"}
KEPT = re.compile(r"(private|public), (no-cache|max-age=\d+)|no-cache|no-store")


@pytest.fixture(scope="module")
def app(settings, database, accounts):
    """The application, with one more door behind which something goes wrong."""
    made = create_app(settings, database, accounts)

    def broken() -> None:
        raise RuntimeError("secret of the house")

    made.add_api_route("/broken", broken)
    return made


@pytest.fixture(scope="module")
def runner():
    """One event loop for all that is asked, as the application's own."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def tokens(enrol, accounts):
    """A token for each reader; and an administrator, so that accounts count."""
    enrol("chief", "administrator", second_factor="JBSWY3DPEHPK3PXP")
    with accounts.transaction("chief") as session:
        made = {who: issue(session, who, made_by="chief", days=1, **given) for who, given in READERS.items()}
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    return made


def doors(app):
    """Every door of the application with an address behind it."""
    for method, path in sorted(routes(app)):
        address = re.sub(r"{(\w+)}", lambda one: SAMPLE[one[1]], path)
        yield "GET" if method == "*" else method, f"{address}/cotmoc.css" if path == "/static" else address


def guarded(answer):
    """Every header is there and says what it should; a page's policy lets no text run."""
    where = f"{answer.request.method} {answer.request.url} {answer.status_code}"
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS, where
    assert answer.headers["x-request-id"], where
    assert "server" not in answer.headers, where
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["connect-src"], policy["form-action"]) == ("'self'",) * 3
    assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 2
    if not answer.is_success and answer.content and answer.status_code >= 400:
        assert re.match("application/problem\\+json|text/html", answer.headers["content-type"]), where
        assert not re.search(r"psycopg|sqlalchemy|Traceback|select |secret of|/gis/", answer.text, re.IGNORECASE), where


async def asked(app, method, address, token=None, **more):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    head = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://localhost:{app.state.settings.port}", headers=head
    ) as client:
        return await client.request(method, address, **more)


@pytest.mark.parametrize("who", ["office", "public", "partner", "nobody"])
def test_every_door_guards_its_reader_and_says_who_may_keep_the_answer(who, app, tokens, runner):
    for method, address in doors(app):
        if method not in ("GET", "OPTIONS") and who != "office":
            continue
        body = {} if method in ("POST", "PUT", "PATCH") else None
        answer = runner.run(asked(app, method, address, tokens.get(who), json=body))
        guarded(answer)
        kept = answer.headers.get("cache-control", "")
        if address.startswith("/static/"):
            assert "no-store" not in kept
        elif address == "/broken":
            assert kept.startswith("private, no-")
        elif address.startswith("/signin") or (who in ("office", "partner") and address not in SAME_FOR_ALL):
            assert kept == "private, no-store", (address, kept)
        else:
            assert KEPT.fullmatch(kept), (address, kept)
        if address != "/broken":
            assert answer.status_code != 500, address


JSON = {"content-type": "application/json"}
REFUSED = {
    404: ("GET", "/nonsense", {}),
    405: ("PUT", "/healthz", {"json": {}}),
    413: ("POST", "/ogc/collections/incidents/items", {"content": b"x" * 3_000_000, "headers": JSON}),
    415: ("POST", "/ogc/collections/incidents/items", {"content": b"x", "headers": {"content-type": "text/html"}}),
    422: ("POST", "/ogc/collections/incidents/items", {"content": b"{}", "headers": JSON}),
    428: ("DELETE", f"/ogc/collections/incidents/items/{ID}", {}),
    400: ("GET", "/ogc/collections/incidents/items?limit=x", {}),
    500: ("GET", "/broken", {}),
}


@pytest.mark.parametrize("status", REFUSED)
def test_whatever_is_refused_is_refused_behind_the_same_guard(status, app, tokens, runner):
    method, address, more = REFUSED[status]
    answer = runner.run(asked(app, method, address, tokens["office"], **more))
    assert answer.status_code == status
    guarded(answer)
    assert answer.headers["cache-control"] in ("private, no-cache", "private, no-store")


def test_a_house_without_its_database_refuses_behind_the_same_guard(settings, runner):
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    lost = create_app(settings.model_copy(update=dict.fromkeys(("reader_url", "writer_url", "door_url"), nowhere)))
    answer = runner.run(asked(lost, "GET", "/works", headers={"accept": "text/html"}))
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    guarded(answer)
