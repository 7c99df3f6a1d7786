"""OpenID Connect with a real provider on loopback: binding to the browser, verification of tokens, and accounts."""

import base64
import json
import socket
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from api.auth.oidc import MAX_COOKIE_BYTES, Attempt, AttemptCookies, Provider
from gis.text.errors import Unauthenticated

CALLBACK = "/signin/oidc/callback"


@pytest.fixture(scope="module")
def provider():
    """The URL of a running provider that accepts any of its users without a password."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    users = [
        {"sub": "id-of-an-officer", "preferred_username": "somebody.else"},
        {"sub": "id-of-a-member", "preferred_username": "member"},
        {"sub": "id-of-the-next-member", "preferred_username": "member"},
        {"sub": "id-of-the-chief", "preferred_username": "chief"},
        {"sub": "id-of-an-unknown-user", "preferred_username": "unknown", "role": "administrator"},
    ]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    for user in users:
        command += ["--user-claims", json.dumps(user)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{url}/.well-known/openid-configuration").raise_for_status()
            break
        except httpx.HTTPError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def settings(settings, provider, tmp_path_factory):
    """The settings of the application, with the provider."""
    secret = tmp_path_factory.mktemp("secret") / "client"
    secret.write_text("a secret of the client\n")
    return settings.model_copy(
        update={
            "oidc_issuer": provider,
            "oidc_client_id": "cotmoc",
            "oidc_client_secret_file": secret,
            "oidc_claim": "preferred_username",
            "oidc_title": "Sở Nội vụ",
        }
    )


@pytest.fixture(scope="module", autouse=True)
def staff(enrol, accounts):
    """A person with a subject, one without, and an administrator."""
    enrol("officer", "officer", unit="Đồn Biên phòng Tân Bình", subject="id-of-an-officer")
    enrol("member", "committee")
    enrol("chief", "administrator", second_factor="JBSWY3DPEHPK3PXP")
    while accounts.recheck_due:
        assert accounts.sign_in_required()


class OidcBrowser:
    """A browser with its cookies that is redirected to the provider and back, and may tamper with the parameters."""

    def __init__(self, site):
        self.client = httpx.Client(base_url=site)
        self.jar = {}

    def get(self, path):
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        answer = self.client.get(path, headers={"Cookie": cookies, "Accept": "text/html"})
        for cookie in answer.headers.get_list("set-cookie"):
            name, _, rest = cookie.partition("=")
            self.jar[name] = rest.partition(";")[0].strip('"')
        return answer

    def start(self, next_path="/works"):
        """Start an attempt; returns the URL at the provider."""
        answer = self.get(f"/signin/oidc?next={next_path}")
        assert answer.status_code == 303
        return answer.headers["location"]

    def authorize(self, url, sub, **changed):
        """Sign in at the provider; returns the path to which it redirects the browser."""
        parts = urlsplit(url)
        parameters = {name: values[0] for name, values in parse_qs(parts.query).items()} | changed
        answer = httpx.post(f"{parts.scheme}://{parts.netloc}{parts.path}", params=parameters, data={"sub": sub})
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["location"])
        return f"{back.path}?{back.query}"


@pytest.fixture
def oidc_browser(site_url):
    """A browser without cookies."""
    browser = OidcBrowser(site_url)
    yield browser
    browser.client.close()


def test_authorization_request_has_state_nonce_and_pkce(oidc_browser, provider, site_url):
    url = oidc_browser.start()
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{provider}/oauth2/authorize?")
    assert parameters["response_type"] == "code"
    assert parameters["code_challenge_method"] == "S256"
    assert len(parameters["code_challenge"]) == 43
    assert parameters["redirect_uri"] == f"{site_url}{CALLBACK}"
    assert min(len(parameters["state"]), len(parameters["nonce"])) >= 43
    assert "__Host-cotmoc-oidc" in oidc_browser.jar
    again = {name: values[0] for name, values in parse_qs(urlsplit(oidc_browser.start()).query).items()}
    assert not {parameters[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())


@pytest.mark.parametrize(("sub", "name"), [("id-of-an-officer", "officer"), ("id-of-a-member", "member")])
def test_known_person_signs_in_with_their_account(sub, name, oidc_browser):
    back = oidc_browser.get(oidc_browser.authorize(oidc_browser.start("/works?q=1"), sub))
    assert (back.status_code, back.headers["location"]) == (303, "/works?q=1")
    assert oidc_browser.get("/api/account").json()["name"] == name


def test_login_name_stays_bound_to_its_first_subject(oidc_browser, connect):
    oidc_browser.get(oidc_browser.authorize(oidc_browser.start(), "id-of-a-member"))
    subjects = connect().execute("select subject from app.people where name = 'member'").fetchall()
    assert subjects == [("id-of-a-member",)]
    refused = oidc_browser.get(oidc_browser.authorize(oidc_browser.start(), "id-of-the-next-member"))
    assert refused.status_code == 401


@pytest.mark.parametrize("sub", ["id-of-an-unknown-user", "id-of-the-chief"])
def test_unknown_person_and_administrator_cannot_sign_in_by_oidc(sub, oidc_browser):
    refused = oidc_browser.get(oidc_browser.authorize(oidc_browser.start(), sub))
    assert refused.status_code == 401
    assert "không có tài khoản nào" in refused.text or "Danh tính đã được xác thực" in refused.text
    assert "__Host-cotmoc=" not in str(refused.headers.get_list("set-cookie"))


def test_invalid_callbacks_are_refused_with_the_same_response(oidc_browser):
    def wrong_state(url):
        return oidc_browser.authorize(url, "id-of-a-member", state="another")

    def wrong_nonce(url):
        return oidc_browser.authorize(url, "id-of-a-member", nonce="another")

    def wrong_client(url):
        return oidc_browser.authorize(url, "id-of-a-member", client_id="another")

    def no_code(url):
        state = parse_qs(urlsplit(url).query)["state"][0]
        return f"{CALLBACK}?state={state}&error=access_denied"

    def wrong_issuer(url):
        return f"{oidc_browser.authorize(url, 'id-of-a-member')}&iss=https://elsewhere.example"

    texts = set()
    for tamper in (wrong_state, wrong_nonce, wrong_client, no_code, wrong_issuer):
        oidc_browser.jar.clear()
        refused = oidc_browser.get(tamper(oidc_browser.start()))
        assert refused.status_code == 401, tamper.__name__
        assert not oidc_browser.jar.get("__Host-cotmoc"), tamper.__name__
        texts.add(refused.text)
    assert len(texts) == 1


def test_callback_works_once_and_only_in_the_browser_that_started(oidc_browser, site_url):
    back = oidc_browser.authorize(oidc_browser.start(), "id-of-a-member")
    cookie = oidc_browser.jar["__Host-cotmoc-oidc"]
    other = OidcBrowser(site_url)
    assert other.get(back).status_code == 401
    assert oidc_browser.get(back).status_code == 303
    oidc_browser.jar["__Host-cotmoc-oidc"] = cookie
    assert oidc_browser.get(back).status_code == 401
    other.client.close()


@pytest.fixture(scope="module")
def id_token(provider):
    """``id_token(client, nonce)``: an ID token that the provider has signed for a client."""

    def request_token(client, nonce):
        redirect = "http://localhost/back"
        parameters = {"client_id": client, "redirect_uri": redirect, "response_type": "code", "scope": "openid",
                      "nonce": nonce}  # fmt: skip
        answer = httpx.post(f"{provider}/oauth2/authorize", params=parameters, data={"sub": "id-of-a-member"})
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
        return httpx.post(f"{provider}/oauth2/token", data=form, auth=(client, "any")).json()["id_token"]

    return request_token


def unsigned(token, **changed):
    """The token with ``alg: none``, and with claims ``changed``."""
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return (
        ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "none", "typ": "JWT"}, claims | changed)
        )
        + "."
    )


def test_id_token_must_be_signed_by_the_provider_for_this_client(settings, id_token):
    oidc_provider = Provider(settings)
    good = id_token("cotmoc", "n-1")
    assert oidc_provider.verify_id_token(good, "n-1")["sub"] == "id-of-a-member"
    head, _, signature = good.split(".")
    bad = {
        "another audience": (id_token("another", "n-1"), "n-1"),
        "another nonce": (good, "n-2"),
        "alg none": (unsigned(good), "n-1"),
        "alg none with the old signature": (unsigned(good) + signature, "n-1"),
        "changed": (f"{head}.{unsigned(good, sub='id-of-the-chief').split('.')[1]}.{signature}", "n-1"),
        "no token": ("", "n-1"),
        "nonsense": ("a.b.c", "n-1"),
    }
    accepted = []
    for why, (token, nonce) in bad.items():
        try:
            accepted.append((why, oidc_provider.verify_id_token(token, nonce)))
        except Unauthenticated:
            continue
    assert accepted == []
    with pytest.raises(Unauthenticated):
        Provider(settings.model_copy(update={"oidc_issuer": f"{settings.oidc_issuer}/"})).verify_id_token(good, "n-1")


def test_provider_without_tls_is_refused(settings):
    oidc_provider = Provider(settings.model_copy(update={"oidc_issuer": "http://provider.example"}))
    with pytest.raises(Unauthenticated):
        oidc_provider.authorization_url(Attempt(), "http://localhost/back")


def test_cookie_is_encrypted_limited_in_size_and_expires(monkeypatch):
    cookies, attempt = AttemptCookies(), Attempt(next_path="/board")
    cookie = cookies.encode(attempt)
    assert cookies.decode(cookie) == attempt
    parts = [base64.urlsafe_b64decode(part + "==") for part in cookie.split(".")]
    assert not any(getattr(attempt, name).encode() in part for name in ("state", "nonce", "verifier") for part in parts)
    head, _, tag = cookie.rpartition(".")
    signed = jwt.encode({"alg": "HS256"}, vars(attempt), OctKey.generate_key(256))
    for other in ("", "a.b.c", "a.b.c.d.e", f"{head}.{tag[::-1]}", AttemptCookies().encode(attempt), signed):
        assert cookies.decode(other) is None, other
    far = cookies.encode(Attempt(next_path="/tasks?q=" + "x" * 9000))
    assert len(far) <= MAX_COOKIE_BYTES
    assert cookies.decode(far).next_path == "/"
    monkeypatch.setattr("api.auth.oidc.ATTEMPT_LIFETIME_S", -1)
    assert cookies.decode(cookies.encode(attempt)) is None


def test_sign_in_page_offers_the_provider_by_its_name(oidc_browser):
    page = oidc_browser.get("/signin?next=/board")
    assert "Đăng nhập bằng Sở Nội vụ" in page.text
    assert 'href="/signin/oidc?next=%2Fboard"' in page.text
