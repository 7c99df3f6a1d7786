"""Accounts and browsers for the tests of the API."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from gis.accounts.authentication import Accounts
from gis.accounts.people import enrol as enrol_person

PASSWORD = "một câu dài để vào nhà"
COOKIE = "__Host-cotmoc"


@dataclass
class BrowserClient:
    """A browser: keeps the session cookie, which httpx would not send without TLS, and the CSRF token of the page."""

    client: httpx.Client
    cookie: str = ""
    csrf: str = ""

    def store_cookies(self, answer: httpx.Response) -> httpx.Response:
        """Store the session cookie and the CSRF token of a response."""
        for header in answer.headers.get_list("set-cookie"):
            name, _, rest = header.partition("=")
            if name == COOKIE:
                self.cookie = rest.partition(";")[0].strip('"')
        if "csrf" in answer.text and "json" in answer.headers.get("content-type", "") and answer.is_success:
            self.csrf = answer.json().get("csrf", self.csrf)
        return answer

    def request(self, method: str, path: str, *, body: object = None, **headers: str) -> httpx.Response:
        """Send a request as a page does; ``headers`` replace the headers that it sends or, if empty, remove them."""
        sent = {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        if method != "GET":
            origin = f"http://{self.client.base_url.netloc.decode()}"
            sent |= {"Content-Type": "application/json", "Origin": origin, "X-CSRF-Token": self.csrf}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        content = None if method == "GET" else httpx.Request("POST", "http://x", json=body or {}).read()
        return self.store_cookies(self.client.request(method, path, content=content, headers=sent))

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Send a POST request."""
        return self.request("POST", path, body=body, **headers)

    def sign_in(self, name: str, password: str = PASSWORD, code: str = "") -> httpx.Response:
        """Sign in as the sign-in page does."""
        return self.post("/signin", {"name": name, "password": password, "code": code})


Enrol = Callable[..., str]


@pytest.fixture(scope="module")
def enrol(accounts: Accounts) -> Enrol:
    """``enrol(name, role, unit=…)`` creates an account with ``PASSWORD`` and returns its id."""

    def enrolling(name: str, role: str, *, unit: str | None = None, **attributes: str) -> str:
        with accounts.transaction("test") as session:
            person = enrol_person(session, name, role, unit=unit, password=PASSWORD, title="Chức danh", **attributes)
            return str(person.id)

    return enrolling


@pytest.fixture
def browser(client: httpx.Client) -> BrowserClient:
    """A browser without a session."""
    return BrowserClient(client)


@pytest.fixture
def second_browser(client: httpx.Client) -> BrowserClient:
    """Another browser without a session."""
    return BrowserClient(client)
