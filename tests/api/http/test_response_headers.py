"""Security and cache headers: on every response of every route, and on error responses."""

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
    "layer": "gates", "item": ID, "child": "events", "link_id": ID, "tms": "WebMercatorQuad", "zoom": "5", "row": "15",
    "column": "25",
    "release": ID, "number": "1", "account": ID, "sign_in": ID, "token": ID,
}  # fmt: skip
READERS = {
    "office": {"role": "office", "scopes": ("read", "write")},
    "public": {"role": "public"},
    "partner": {"role": "partner", "recipient": "Sở A"},
}
SAME_FOR_ALL = {"/map.js", "/marks.svg", "/healthz", "/api/basemap/context"}
CACHE_CONTROL = re.compile(r"(private|public), (no-cache|max-age=\d+)|no-cache|no-store")


@pytest.fixture(scope="module")
def app(settings, database, accounts):
    """The application with an additional route that raises an unexpected exception."""
    application = create_app(settings, database, accounts)

    def broken() -> None:
        raise RuntimeError("secret of the service")

    application.add_api_route("/broken", broken)
    return application


@pytest.fixture(scope="module")
def runner():
    """One event loop for all requests, as in the server."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def tokens(enrol, accounts):
    """A token for each reader, and an administrator, so that sign-in is required."""
    enrol("chief", "administrator", second_factor="JBSWY3DPEHPK3PXP")
    with accounts.transaction("chief") as session:
        issued = {
            reader: issue(session, reader, made_by="chief", days=1, **attributes)
            for reader, attributes in READERS.items()
        }
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    return issued


def sample_requests(app):
    """Method and URL of every route, with sample values for the parameters of the path."""
    for method, path in sorted(routes(app)):
        url = re.sub(r"{(\w+)}", lambda match: SAMPLE[match[1]], path)
        yield "GET" if method == "*" else method, f"{url}/core/base.css" if path == "/static" else url


def assert_secure(answer):
    """All security headers are right, and the content security policy allows no inline scripts."""
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


async def request(app, method, url, token=None, **more):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://localhost:{app.state.settings.port}", headers=headers
    ) as client:
        return await client.request(method, url, **more)


@pytest.mark.parametrize("reader", ["office", "public", "partner", "anonymous"])
def test_every_route_sends_security_and_cache_headers(reader, app, tokens, runner):
    for method, url in sample_requests(app):
        if method not in ("GET", "OPTIONS") and reader != "office":
            continue
        body = {} if method in ("POST", "PUT", "PATCH") else None
        answer = runner.run(request(app, method, url, tokens.get(reader), json=body))
        assert_secure(answer)
        cache_control = answer.headers.get("cache-control", "")
        if url.startswith("/static/"):
            assert "no-store" not in cache_control
        elif url == "/broken":
            assert cache_control.startswith("private, no-")
        elif url.startswith("/signin") or (reader in ("office", "partner") and url not in SAME_FOR_ALL):
            assert cache_control == "private, no-store", (url, cache_control)
        else:
            assert CACHE_CONTROL.fullmatch(cache_control), (url, cache_control)
        if url != "/broken":
            assert answer.status_code != 500, url


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
def test_error_responses_have_security_headers(status, app, tokens, runner):
    method, url, more = REFUSED[status]
    answer = runner.run(request(app, method, url, tokens["office"], **more))
    assert answer.status_code == status
    assert_secure(answer)
    assert answer.headers["cache-control"] in ("private, no-cache", "private, no-store")


def test_503_without_a_database_has_security_headers(settings, runner):
    unreachable = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    broken_app = create_app(
        settings.model_copy(update=dict.fromkeys(("reader_url", "writer_url", "accounts_url"), unreachable))
    )
    answer = runner.run(request(broken_app, "GET", "/works", headers={"accept": "text/html"}))
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert_secure(answer)
