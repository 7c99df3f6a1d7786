"""OpenID Connect against a real provider on loopback: it says who somebody is, for one browser, once, and no more."""

import base64
import json
import socket
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.auth.oidc import MAX_ATTEMPTS, Attempt, Attempts, Provider
from gis.text.errors import Unauthenticated

CALLBACK = "/signin/oidc/callback"


@pytest.fixture(scope="module")
def provider():
    """The address of a running provider that lets everybody in whose name is typed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    users = [
        {"sub": "id-of-an-officer", "preferred_username": "somebody.else"},
        {"sub": "id-of-a-member", "preferred_username": "member"},
        {"sub": "id-of-the-next-member", "preferred_username": "member"},
        {"sub": "id-of-the-chief", "preferred_username": "chief"},
        {"sub": "id-of-a-stranger", "preferred_username": "stranger", "role": "administrator"},
    ]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    for user in users:
        command += ["--user-claims", json.dumps(user)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{address}/.well-known/openid-configuration").raise_for_status()
            break
        except httpx.HTTPError:
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield address
    running.terminate()
    running.wait(10)


@pytest.fixture(scope="module")
def settings(settings, provider, tmp_path_factory):
    """This application's settings, with a provider."""
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
    """Known by a subject, by a name, and an administrator."""
    enrol("officer", "officer", unit="Đồn Biên phòng Tân Bình", subject="id-of-an-officer")
    enrol("member", "committee")
    enrol("chief", "administrator", second_factor="JBSWY3DPEHPK3PXP")
    while accounts.recheck_due:
        assert accounts.sign_in_required()


class Traveller:
    """A browser that goes to the provider and comes back, and may change what it carries."""

    def __init__(self, site):
        self.client = httpx.Client(base_url=site)
        self.jar = {}

    def get(self, path):
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        answer = self.client.get(path, headers={"Cookie": cookies, "Accept": "text/html"})
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            self.jar[name] = rest.partition(";")[0].strip('"')
        return answer

    def set_out(self, onward="/works"):
        """Where the sign-in page's link leads: the provider's own address."""
        answer = self.get(f"/signin/oidc?next={onward}")
        assert answer.status_code == 303
        return answer.headers["location"]

    def authorize(self, address, sub, **changed):
        """Sign in at the provider; gives the path it sends the browser back to."""
        parts = urlsplit(address)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()} | changed
        answer = httpx.post(f"{parts.scheme}://{parts.netloc}{parts.path}", params=asked, data={"sub": sub})
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["location"])
        return f"{back.path}?{back.query}"


@pytest.fixture
def oidc_browser(site_url):
    made = Traveller(site_url)
    yield made
    made.client.close()


def test_the_request_is_bound_to_this_browser_and_proves_itself_later(oidc_browser, provider, site_url):
    address = oidc_browser.set_out()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert address.startswith(f"{provider}/oauth2/authorize?")
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert asked["redirect_uri"] == f"{site_url}{CALLBACK}"
    assert min(len(asked["state"]), len(asked["nonce"])) >= 43
    assert "__Host-cotmoc-oidc" in oidc_browser.jar
    again = {name: values[0] for name, values in parse_qs(urlsplit(oidc_browser.set_out()).query).items()}
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())


@pytest.mark.parametrize(("sub", "name"), [("id-of-an-officer", "officer"), ("id-of-a-member", "member")])
def test_whoever_the_provider_knows_comes_in_with_the_post_held_here(sub, name, oidc_browser):
    back = oidc_browser.get(oidc_browser.authorize(oidc_browser.set_out("/works?q=1"), sub))
    assert (back.status_code, back.headers["location"]) == (303, "/works?q=1")
    assert oidc_browser.get("/api/account").json()["name"] == name


def test_a_name_does_not_pass_on_to_its_next_bearer(oidc_browser, connect):
    oidc_browser.get(oidc_browser.authorize(oidc_browser.set_out(), "id-of-a-member"))
    found = connect().execute("select subject from app.people where name = 'member'").fetchall()
    assert found == [("id-of-a-member",)]
    refused = oidc_browser.get(oidc_browser.authorize(oidc_browser.set_out(), "id-of-the-next-member"))
    assert refused.status_code == 401


@pytest.mark.parametrize("sub", ["id-of-a-stranger", "id-of-the-chief"])
def test_the_provider_makes_nobody_and_no_administrator(sub, oidc_browser):
    refused = oidc_browser.get(oidc_browser.authorize(oidc_browser.set_out(), sub))
    assert refused.status_code == 401
    assert "không có tài khoản nào" in refused.text or "Danh tính đã được xác thực" in refused.text
    assert "__Host-cotmoc=" not in str(refused.headers.get_list("set-cookie"))


def test_a_wrong_state_nonce_audience_or_code_opens_nothing_and_says_little(oidc_browser):
    def wrong_state(address):
        return oidc_browser.authorize(address, "id-of-a-member", state="another")

    def wrong_nonce(address):
        return oidc_browser.authorize(address, "id-of-a-member", nonce="another")

    def wrong_client(address):
        return oidc_browser.authorize(address, "id-of-a-member", client_id="another")

    def no_code(address):
        state = parse_qs(urlsplit(address).query)["state"][0]
        return f"{CALLBACK}?state={state}&error=access_denied"

    def wrong_issuer(address):
        return f"{oidc_browser.authorize(address, 'id-of-a-member')}&iss=https://elsewhere.example"

    texts = set()
    for way in (wrong_state, wrong_nonce, wrong_client, no_code, wrong_issuer):
        oidc_browser.jar.clear()
        refused = oidc_browser.get(way(oidc_browser.set_out()))
        assert refused.status_code == 401, way.__name__
        assert not oidc_browser.jar.get("__Host-cotmoc"), way.__name__
        texts.add(refused.text)
    assert len(texts) == 1


def test_a_way_back_opens_once_and_for_its_own_browser(oidc_browser, site_url):
    back = oidc_browser.authorize(oidc_browser.set_out(), "id-of-a-member")
    kept = oidc_browser.jar["__Host-cotmoc-oidc"]
    other = Traveller(site_url)
    assert other.get(back).status_code == 401
    assert oidc_browser.get(back).status_code == 303
    oidc_browser.jar["__Host-cotmoc-oidc"] = kept
    assert oidc_browser.get(back).status_code == 401
    other.client.close()


@pytest.fixture(scope="module")
def id_token(provider):
    """``id_token(client, nonce)``: one that the provider has really signed, for whichever client."""

    def signed(client, nonce):
        redirect = "http://localhost/back"
        asked = {"client_id": client, "redirect_uri": redirect, "response_type": "code", "scope": "openid",
                 "nonce": nonce}  # fmt: skip
        answer = httpx.post(f"{provider}/oauth2/authorize", params=asked, data={"sub": "id-of-a-member"})
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
        return httpx.post(f"{provider}/oauth2/token", data=form, auth=(client, "any")).json()["id_token"]

    return signed


def unsigned(token, **changed):
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return (
        ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "none", "typ": "JWT"}, claims | changed)
        )
        + "."
    )


def test_only_a_fresh_token_for_us_signed_by_the_provider_is_believed(settings, id_token):
    ours = Provider(settings)
    good = id_token("cotmoc", "n-1")
    assert ours.verify_id_token(good, "n-1")["sub"] == "id-of-a-member"
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
    believed = []
    for why, (token, nonce) in bad.items():
        try:
            believed.append((why, ours.verify_id_token(token, nonce)))
        except Unauthenticated:
            continue
    assert believed == []
    with pytest.raises(Unauthenticated):
        Provider(settings.model_copy(update={"oidc_issuer": f"{settings.oidc_issuer}/"})).verify_id_token(good, "n-1")


def test_no_provider_is_asked_over_an_open_line(settings):
    far = Provider(settings.model_copy(update={"oidc_issuer": "http://provider.example"}))
    with pytest.raises(Unauthenticated):
        far.authorization_url(Attempt(), "http://localhost/back")


def test_attempts_cost_no_memory_and_grow_old(monkeypatch):
    attempts = Attempts()
    for number in range(1500):
        attempts.store(str(number), Attempt())
    assert sum(attempts.pop(str(number)) is not None for number in range(1499)) <= MAX_ATTEMPTS
    assert attempts.pop("1499") is not None
    assert attempts.pop("1499") is None
    attempts.store("far", Attempt(next_path="/tasks?q=" + "x" * 9000))
    assert attempts.pop("far").next_path == "/"
    attempts.store("old", Attempt(started_at=time.monotonic() - 601))
    assert attempts.pop("old") is None


def test_the_sign_in_page_offers_the_provider_by_its_name(oidc_browser):
    page = oidc_browser.get("/signin?next=/board")
    assert "Đăng nhập bằng Sở Nội vụ" in page.text
    assert 'href="/signin/oidc?next=%2Fboard"' in page.text
