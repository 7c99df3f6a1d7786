"""Sign-in and sign-out: uniform refusals, throttling, new secrets, CSRF protection, and no secret in the journal."""

import json
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pyotp
import pytest

from api.auth.sign_in import local_path
from gis.accounts import passwords
from gis.accounts.second_factor import new_recovery_codes
from tests.api.conftest import BrowserClient

SECRET = pyotp.random_base32()
PASSWORD = "một câu dài để vào nhà"
HTML = "text/html,application/xhtml+xml"


@pytest.fixture(scope="module", autouse=True)
def staff(enrol, accounts):
    """An administrator with a second factor, and persons of other roles."""
    person_ids = {
        "chief": enrol("chief", "administrator", second_factor=SECRET),
        "officer": enrol("officer", "officer", unit="Đồn Biên phòng Tân Bình"),
        "member": enrol("member", "committee"),
        "target": enrol("target", "office"),
    }
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    return person_ids


@pytest.fixture(autouse=True)
def _reset_throttle(connect, accounts):
    """Forget failed attempts and used codes of earlier tests."""
    connect().execute("truncate app.login_failures")
    connect().execute("update app.people set failures = 0, blocked_until = null, last_step = null")


def test_anonymous_browser_is_redirected_and_program_gets_401(browser):
    page = browser.get("/works?q=a%20b&lang=en", Accept=HTML)
    assert page.status_code == 303
    assert page.headers["location"] == "/signin?next=%2Fworks%3Fq%3Da%2520b%26lang%3Den"
    problem = browser.get("/ogc/collections/markers/items")
    assert (problem.status_code, problem.headers["www-authenticate"]) == (401, "Bearer")
    assert problem.headers["content-type"] == "application/problem+json"
    assert browser.get("/healthz").status_code == 200
    assert browser.get("/static/core/base.css").status_code == 200
    assert browser.get("/signinn").status_code == 401


def test_sign_in_sets_a_protected_cookie_and_pages_name_the_person(browser):
    answer = browser.sign_in("Officer ")
    assert answer.status_code == 200
    assert answer.json()["name"] == "officer"
    flags = answer.headers["set-cookie"].partition(";")[2].lower().replace(" ", "").split(";")
    assert sorted(flags) == ["httponly", "path=/", "samesite=lax", "secure"]
    page = browser.get("/works", Accept=HTML)
    assert page.status_code == 200
    assert f'<meta name="csrf" content="{browser.csrf}" data-name="officer">' in page.text
    assert "Cán bộ đơn vị biên giới · Đồn Biên phòng Tân Bình" in page.text
    assert page.headers["cache-control"] == "private, no-store"


def test_password_in_normal_form_d_is_accepted(browser):
    import unicodedata

    assert browser.sign_in("member", unicodedata.normalize("NFD", PASSWORD)).status_code == 200


def test_all_refused_sign_ins_have_the_same_response(browser):
    answers = [
        browser.sign_in("nobody"),
        browser.sign_in("officer", "một câu dài khác hẳn"),
        browser.sign_in("chief", PASSWORD),
        browser.sign_in("chief", PASSWORD, "000000"),
        browser.sign_in("chief", "một câu dài khác hẳn", pyotp.TOTP(SECRET).now()),
        browser.sign_in("chief", PASSWORD, "١٢٣٤٥٦"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert "www-authenticate" not in answers[0].headers


def test_unknown_name_is_verified_against_a_hash_of_the_same_parameters(browser, monkeypatch):
    """Compares the hashes, not the time, which varies on a busy machine: one each, with the same parameters."""
    verified, hasher = [], passwords._hasher()

    class RecordingHasher:
        def verify(self, password, password_hash):
            verified.append(password_hash)
            return hasher.verify(password, password_hash)

    monkeypatch.setattr(passwords, "_hasher", RecordingHasher)
    browser.sign_in("nobody-at-all", "một câu dài khác hẳn")
    browser.sign_in("officer", "một câu dài khác hẳn")
    assert len(verified) == 2
    assert len({re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", hashed)[0] for hashed in verified}) == 1


@pytest.mark.parametrize("name", ["target", "unknown"])
def test_known_and_unknown_names_are_throttled_until_the_delay_ends(name, browser, connect):
    answers = [browser.sign_in(name, "một câu dài khác hẳn") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    wait = answers[-1].json()["retry_after"]
    assert 1 <= wait <= 2
    assert answers[-1].headers["retry-after"] == str(wait)
    if name == "target":
        assert browser.sign_in(name).status_code == 429  # also with the right password
        connect().execute("update app.people set blocked_until = now() where name = 'target'")
        assert browser.sign_in(name).status_code == 200


def test_concurrent_attempts_do_not_evade_the_throttle(browser):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: browser.sign_in("target", "một câu dài khác hẳn").status_code, range(20)))
    assert answers.count(401) <= 6
    assert set(answers) == {401, 429}


def test_totp_code_works_once(browser, second_browser):
    code = pyotp.TOTP(SECRET).now()
    assert browser.sign_in("chief", PASSWORD, code).status_code == 200
    assert second_browser.sign_in("chief", PASSWORD, code).status_code == 401
    later = pyotp.TOTP(SECRET).at(int(time.time()) + passwords.TOTP_STEP_S)
    assert second_browser.sign_in("chief", PASSWORD, f"{later[:3]} {later[3:]}").status_code == 200


def test_credentials_in_a_url_are_ignored(browser, client):
    browser.sign_in("member")
    for name in ("token", "access_token", "__Host-cotmoc", "cookie", "authorization"):
        for path in ("/api/account", "/ogc/collections", "/works"):
            assert client.get(path, params={name: browser.cookie}).status_code == 401


def test_each_sign_in_has_a_new_secret_and_ends_the_previous_session(browser):
    browser.sign_in("member")
    first = browser.cookie
    assert browser.get("/api/account").status_code == 200
    browser.sign_in("member")
    assert browser.cookie != first
    assert browser.get("/api/account").status_code == 200
    browser.cookie = first
    assert browser.get("/api/account").status_code == 401


def test_sign_in_replaces_a_cookie_chosen_by_an_attacker(browser):
    browser.cookie = "chosen-by-an-attacker"
    browser.sign_in("member")
    assert browser.cookie != "chosen-by-an-attacker"


def test_sign_out_ends_one_session_and_sign_out_everywhere_ends_all(browser, second_browser):
    browser.sign_in("member")
    second_browser.sign_in("member")
    stolen = browser.cookie
    assert browser.post("/signout").status_code == 200
    browser.cookie = stolen
    assert browser.get("/api/account").status_code == 401
    assert second_browser.get("/api/account").status_code == 200
    browser.sign_in("member")
    assert second_browser.post("/api/account/sign-out-everywhere").status_code == 200
    assert browser.get("/api/account").status_code == 401


def test_write_needs_same_origin_and_csrf_token(browser):
    browser.sign_in("officer")
    body = {"old": PASSWORD, "password": "x"}
    requests = {
        "token missing": {"X_CSRF_Token": ""},
        "unknown token": {"X_CSRF_Token": "nonsense"},
        "other origin": {"Origin": "https://elsewhere.example"},
        "no origin": {"Origin": ""},
        "cross-site by Sec-Fetch-Site": {"Origin": "", "Sec_Fetch_Site": "cross-site"},
    }
    refused = {
        why: browser.post("/api/account/password", body, **headers).status_code for why, headers in requests.items()
    }
    assert set(refused.values()) == {403}, refused
    form = browser.post("/api/account/password", body, Content_Type="application/x-www-form-urlencoded")
    assert form.status_code == 415
    assert browser.post("/api/account/password", body, Origin="", Sec_Fetch_Site="same-origin").status_code == 422


def test_sign_in_refuses_other_origins_and_form_bodies(browser):
    body = {"name": "member", "password": PASSWORD}
    assert browser.post("/signin", body, Origin="https://elsewhere.example").status_code == 403
    assert browser.post("/signin", body, Content_Type="text/plain").status_code == 415


@pytest.mark.parametrize(
    ("next_path", "expected"),
    [
        ("/works?q=1", "/works?q=1"), ("//evil.example/", "/"), ("/\\evil.example", "/"), ("https://evil.example", "/"),
        ("/\t/evil.example", "/"), ("javascript:alert(1)", "/"), ("/signin?next=/", "/"), ("", "/"), (None, "/"),
    ],
)  # fmt: skip
def test_path_after_sign_in_is_on_this_host(next_path, expected):
    assert local_path(next_path) == expected


def test_sign_in_page_escapes_the_next_path(browser):
    hostile = '/works?q="><script>alert(1)</script>'
    page = browser.get(str(httpx.URL("/signin", params={"next": hostile})))
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert 'data-onward="/works?q=&#34;&gt;' in page.text
    assert page.headers["cache-control"] == "private, no-store"
    assert re.search(
        r'<form [^>]*method="post"', page.text
    )  # without its script, a GET would put the password into a URL
    assert re.search(r'type="submit" disabled', page.text)
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "Đăng nhập" in page.text
    assert "Sign in" in browser.get("/signin?lang=en").text


@pytest.mark.parametrize(
    "body", [{}, {"name": "officer"}, {"name": 1, "password": 2}, {"name": "a\u200bb", "password": "x"}]
)
def test_malformed_credentials_are_refused(body, browser):
    assert browser.post("/signin", body).status_code == 422


def test_ip_address_is_throttled_across_names(site_url, settings, accounts):
    import ipaddress

    refusals = []
    for number in range(25):
        try:
            accounts.verify_credentials(f"unknown{number}", "một câu dài", None, "192.0.2.7")
        except Exception as refusal:  # noqa: BLE001 - any refusal, by its class
            refusals.append(type(refusal).__name__)
    assert refusals[:20] == ["Unauthenticated"] * 20
    assert "TooMany" in refusals[20:]
    other = str(ipaddress.ip_address("192.0.2.8"))
    with pytest.raises(Exception, match="wrong"):
        accounts.verify_credentials("unknown", "một câu dài", None, other)


def test_journal_has_sign_ins_without_secrets(browser, connect):
    browser.sign_in("member")
    rows = (
        connect()
        .execute("select actor, action, new from app.journal where table_name = 'sign_ins' order by seq desc limit 1")
        .fetchone()
    )
    assert rows[:2] == ("member", "insert")
    everything = json.dumps(
        connect().execute("select old, new, reason from app.journal where table_name in"
                          " ('people', 'sign_ins', 'tokens', 'appointments')").fetchall(), default=str,
    )  # fmt: skip
    assert "argon2" not in everything
    assert SECRET not in everything
    assert browser.cookie not in everything
    assert browser.csrf not in everything


def test_invalid_token_is_refused_despite_a_valid_cookie(browser):
    browser.sign_in("member")
    assert browser.get("/api/account", Authorization="Bearer cm_00_nonsense").status_code == 401


def test_accounts_login_reads_only_accounts_and_other_logins_read_none(connect):
    connection = connect("cotmoc_door")
    people = connect().execute("select count(*) from app.people").fetchone()
    assert people[0] > 0
    assert connection.execute("select count(*) from app.people").fetchone() == people
    for table in ("markers", "incidents", "incidents_history", "journal", "links"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"select * from app.{table} limit 1")
    for login, role in (("cotmoc_reader", "cotmoc_administrator"), ("cotmoc_writer", "cotmoc_administrator_edit")):
        for table in ("people", "appointments", "sign_ins", "tokens"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connect(login, role=role).execute(f"select * from app.{table}")


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_concurrent_use_of_one_code_succeeds_once(kind, client, enrol, accounts):
    name, secret = f"at.once.{kind[0]}", pyotp.random_base32()
    person = uuid.UUID(enrol(name, "office", second_factor=secret))
    with accounts.transaction(name) as session:
        spare = new_recovery_codes(session, person)[0]
    code = spare if kind == "recovery code" else pyotp.TOTP(secret).now()
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: BrowserClient(client).sign_in(name, PASSWORD, code).status_code, range(5)))
    assert sorted(answers) == [200, 401, 401, 401, 401]
