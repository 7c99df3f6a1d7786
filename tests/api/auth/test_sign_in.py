"""The way in and out: the same words and work whatever is wrong, a new secret each time, nothing kept by anybody."""

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
    """An administrator with a second factor, one without, an officer and a member of the committee."""
    made = {
        "chief": enrol("chief", "administrator", second_factor=SECRET),
        "newcomer": enrol("newcomer", "administrator"),
        "officer": enrol("officer", "officer", unit="Đồn Biên phòng Tân Bình"),
        "member": enrol("member", "committee"),
        "reader": enrol("reader", "public"),
        "forgetful": enrol("forgetful", "office"),
        "target": enrol("target", "office"),
    }
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    return made


@pytest.fixture(autouse=True)
def _reset_throttle(connect, accounts):
    """Nobody is delayed by what another test has tried."""
    accounts._ip_addresses.reset("127.0.0.1")
    connect().execute("update app.people set failures = 0, blocked_until = null, last_step = null")


def test_whoever_has_not_signed_in_is_shown_the_way_and_a_program_is_told(browser):
    page = browser.get("/works?q=a%20b&lang=en", Accept=HTML)
    assert page.status_code == 303
    assert page.headers["location"] == "/signin?next=%2Fworks%3Fq%3Da%2520b%26lang%3Den"
    told = browser.get("/ogc/collections/markers/items")
    assert (told.status_code, told.headers["www-authenticate"]) == (401, "Bearer")
    assert told.headers["content-type"] == "application/problem+json"
    assert browser.get("/healthz").status_code == 200
    assert browser.get("/static/cotmoc.css").status_code == 200
    assert browser.get("/signinn").status_code == 401


def test_a_name_and_a_password_open_and_the_page_says_who_is_in(browser):
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


def test_a_password_may_be_typed_in_parts_or_composed(browser):
    import unicodedata

    assert browser.sign_in("member", unicodedata.normalize("NFD", PASSWORD)).status_code == 200


def test_whatever_is_wrong_is_told_in_the_same_words(browser):
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


def test_an_unknown_name_costs_the_same_work(browser, monkeypatch):
    """Not the clock, which a busy machine bends, but the work is compared: one hash each, with the same parameters."""
    compared, hasher = [], passwords._hasher()

    class Watched:
        def verify(self, password, kept):
            compared.append(kept)
            return hasher.verify(password, kept)

    monkeypatch.setattr(passwords, "_hasher", Watched)
    browser.sign_in("nobody-at-all", "một câu dài khác hẳn")
    browser.sign_in("officer", "một câu dài khác hẳn")
    assert len(compared) == 2
    assert len({re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", kept)[0] for kept in compared}) == 1


@pytest.mark.parametrize("name", ["target", "ghost"])
def test_who_is_wrong_too_often_waits_and_then_the_right_password_works(name, browser, connect):
    answers = [browser.sign_in(name, "một câu dài khác hẳn") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    wait = answers[-1].json()["retry_after"]
    assert 1 <= wait <= 2
    assert answers[-1].headers["retry-after"] == str(wait)
    if name == "target":
        assert browser.sign_in(name).status_code == 429  # also with the right password
        connect().execute("update app.people set blocked_until = now() where name = 'target'")
        assert browser.sign_in(name).status_code == 200


def test_many_attempts_at_once_do_not_slip_past_the_delay(browser):
    with ThreadPoolExecutor(20) as at_once:
        answers = list(at_once.map(lambda _: browser.sign_in("target", "một câu dài khác hẳn").status_code, range(20)))
    assert answers.count(401) <= 6
    assert set(answers) == {401, 429}


def test_a_code_opens_once(browser, second_browser):
    code = pyotp.TOTP(SECRET).now()
    assert browser.sign_in("chief", PASSWORD, code).status_code == 200
    assert second_browser.sign_in("chief", PASSWORD, code).status_code == 401
    later = pyotp.TOTP(SECRET).at(int(time.time()) + passwords.TOTP_STEP_S)
    assert second_browser.sign_in("chief", PASSWORD, f"{later[:3]} {later[3:]}").status_code == 200


def test_what_opens_is_never_taken_from_an_address(browser, client):
    browser.sign_in("member")
    for name in ("token", "access_token", "__Host-cotmoc", "cookie", "authorization"):
        for path in ("/api/account", "/ogc/collections", "/works"):
            assert client.get(path, params={name: browser.cookie}).status_code == 401


def test_each_sign_in_has_a_new_secret_and_ends_the_one_before_it(browser):
    browser.sign_in("member")
    first = browser.cookie
    assert browser.get("/api/account").status_code == 200
    browser.sign_in("member")
    assert browser.cookie != first
    assert browser.get("/api/account").status_code == 200
    browser.cookie = first
    assert browser.get("/api/account").status_code == 401


def test_a_cookie_that_somebody_else_has_chosen_is_never_taken_over(browser):
    browser.cookie = "chosen-by-a-stranger"
    browser.sign_in("member")
    assert browser.cookie != "chosen-by-a-stranger"


def test_signing_out_ends_this_browser_and_everywhere_ends_all(browser, second_browser):
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


def test_a_write_needs_a_page_of_ours_and_its_token(browser):
    browser.sign_in("officer")
    body = {"old": PASSWORD, "password": "x"}
    sent = {
        "token missing": {"X_CSRF_Token": ""},
        "token of nobody": {"X_CSRF_Token": "nonsense"},
        "from elsewhere": {"Origin": "https://elsewhere.example"},
        "says not from where": {"Origin": ""},
        "from elsewhere by the browser's word": {"Origin": "", "Sec_Fetch_Site": "cross-site"},
    }
    refused = {why: browser.post("/api/account/password", body, **headers).status_code for why, headers in sent.items()}
    assert set(refused.values()) == {403}, refused
    form = browser.post("/api/account/password", body, Content_Type="application/x-www-form-urlencoded")
    assert form.status_code == 415
    assert browser.post("/api/account/password", body, Origin="", Sec_Fetch_Site="same-origin").status_code == 422


def test_signing_in_itself_takes_no_form_from_elsewhere(browser):
    body = {"name": "member", "password": PASSWORD}
    assert browser.post("/signin", body, Origin="https://elsewhere.example").status_code == 403
    assert browser.post("/signin", body, Content_Type="text/plain").status_code == 415


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ("/works?q=1", "/works?q=1"), ("//evil.example/", "/"), ("/\\evil.example", "/"), ("https://evil.example", "/"),
        ("/\t/evil.example", "/"), ("javascript:alert(1)", "/"), ("/signin?next=/", "/"), ("", "/"), (None, "/"),
    ],
)  # fmt: skip
def test_after_signing_in_one_stays_here(wanted, where):
    assert local_path(wanted) == where


def test_the_sign_in_page_carries_where_to_go_and_runs_nothing(browser):
    hostile = '/works?q="><script>alert(1)</script>'
    page = browser.get(str(httpx.URL("/signin", params={"next": hostile})))
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert 'data-onward="/works?q=&#34;&gt;' in page.text
    assert page.headers["cache-control"] == "private, no-store"
    assert re.search(r'<form [^>]*method="post"', page.text)  # without its script no password gets into an address
    assert re.search(r'type="submit" disabled', page.text)
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "Đăng nhập" in page.text
    assert "Sign in" in browser.get("/signin?lang=en").text


@pytest.mark.parametrize(
    "body", [{}, {"name": "officer"}, {"name": 1, "password": 2}, {"name": "a\u200bb", "password": "x"}]
)
def test_what_is_no_sign_in_is_refused_before_anything_is_tried(body, browser):
    assert browser.post("/signin", body).status_code == 422


def test_an_administrator_without_a_second_factor_can_only_get_one(browser, connect):
    browser.sign_in("newcomer")
    assert browser.get("/", Accept=HTML).headers["location"] == "/account"
    for path in ("/api/people", "/ogc/collections/markers/items", "/board"):
        assert browser.get(path).status_code == 403, path
    assert browser.get("/account").status_code == 200
    assert browser.post("/api/account/second-factor", {"password": "một câu dài khác hẳn"}).status_code == 401
    offered = browser.post("/api/account/second-factor", {"password": PASSWORD}).json()
    assert offered["address"].startswith("otpauth://totp/Cotmoc:newcomer?secret=")
    assert offered["picture"].startswith("data:image/svg+xml")
    assert browser.get("/api/people").status_code == 403  # offered is not confirmed
    assert browser.request("PUT", "/api/account/second-factor", body={"code": "000000"}).status_code == 422
    before = browser.cookie
    assert browser.request(
        "PUT", "/api/account/second-factor", body={"code": pyotp.TOTP(offered["secret"]).now()}
    ).is_success
    assert browser.cookie != before
    assert browser.get("/api/people").status_code == 200
    assert browser.sign_in("newcomer").status_code == 401  # the password alone no longer opens


def test_another_password_asks_for_the_old_one_and_signs_the_others_out(browser, second_browser):
    browser.sign_in("forgetful")
    second_browser.sign_in("forgetful")
    chosen = "một câu dài mới tinh"
    assert browser.post("/api/account/password", {"old": "sai", "password": chosen}).status_code == 401
    weak = browser.post("/api/account/password", {"old": PASSWORD, "password": "forgetful forgetful"})
    assert (weak.status_code, weak.json()["errors"][0]["code"]) == (422, "weak")
    assert (
        browser.post("/api/account/password", {"old": PASSWORD, "password": "ngắn"}).json()["errors"][0]["code"]
        == "length"
    )
    assert browser.post("/api/account/password", {"old": PASSWORD, "password": chosen}).is_success
    assert browser.get("/api/account").status_code == 200
    assert second_browser.get("/api/account").status_code == 401
    assert second_browser.sign_in("forgetful").status_code == 401
    assert second_browser.sign_in("forgetful", chosen).status_code == 200


def test_what_a_post_may_not_do_is_not_offered(browser):
    browser.sign_in("member")
    cards = {one["name"]: one for one in browser.get("/api/cards").json()["layers"]}
    assert not any(cards["works"][may] for may in ("editable", "creatable", "movable", "places"))
    assert not any(field["receivable"] for field in cards["incidents"]["fields"])
    assert "/incidents/new" not in browser.get("/works").text
    assert browser.get("/incidents/new").status_code == 403
    browser.sign_in("officer")
    cards = {one["name"]: one for one in browser.get("/api/cards").json()["layers"]}
    assert [cards["incidents"][may] for may in ("editable", "creatable", "movable", "places")] == [
        True,
        True,
        True,
        False,
    ]
    assert [cards["markers"][may] for may in ("editable", "creatable", "movable")] == [True, False, True]
    assert [one["name"] for one in cards["markers"]["fields"] if one["receivable"]] == ["inspected_on"]
    assert not cards["works"]["editable"]
    assert browser.get("/incidents/new").status_code == 200


def test_what_anybody_may_read_may_be_kept_and_nothing_else(browser):
    browser.sign_in("reader")
    assert "no-store" not in browser.get("/ogc/collections/markers").headers.get("cache-control", "")
    browser.sign_in("officer")
    for path in ("/ogc/collections/markers", "/api/cards", "/api/basemap/lines", "/board", "/account"):
        assert browser.get(path).headers["cache-control"] == "private, no-store", path
    assert "no-store" not in browser.get("/static/cotmoc.css").headers.get("cache-control", "")


def test_an_address_that_fails_too_often_waits_whatever_names_it_tries(site_url, settings, accounts):
    import ipaddress

    tried = []
    for number in range(25):
        try:
            accounts.verify_credentials(f"stranger{number}", "một câu dài", None, "192.0.2.7")
        except Exception as refusal:  # noqa: BLE001 - which refusal is what is looked at
            tried.append(type(refusal).__name__)
    assert tried[:20] == ["Unauthenticated"] * 20
    assert "TooMany" in tried[20:]
    near = str(ipaddress.ip_address("192.0.2.8"))
    with pytest.raises(Exception, match="wrong"):
        accounts.verify_credentials("stranger", "một câu dài", None, near)


def test_the_journal_knows_who_signed_in_and_no_secret(browser, connect):
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


def test_a_token_beside_a_cookie_is_never_taken_for_it(browser):
    browser.sign_in("member")
    assert browser.get("/api/account", Authorization="Bearer cm_00_nonsense").status_code == 401


def test_the_doors_login_reads_accounts_and_nothing_else_and_no_other_login_reads_them(connect):
    door = connect("cotmoc_door")
    assert door.execute("select count(*) from app.people").fetchone()[0] >= 5
    for table in ("markers", "incidents", "incidents_history", "journal", "links"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            door.execute(f"select * from app.{table} limit 1")
    for login, role in (("cotmoc_reader", "cotmoc_administrator"), ("cotmoc_writer", "cotmoc_administrator_edit")):
        for table in ("people", "appointments", "sign_ins", "tokens"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connect(login, role=role).execute(f"select * from app.{table}")


def test_a_recovery_code_opens_once_in_place_of_a_lost_phone(browser, second_browser, enrol, connect):
    secret = pyotp.random_base32()
    enrol("lost.phone", "office", second_factor=secret)
    browser.sign_in("lost.phone", PASSWORD, pyotp.TOTP(secret).now())
    door = "/api/account/recovery-codes"
    assert browser.post(door, {"password": "sai"}).status_code == 401
    codes = browser.post(door, {"password": PASSWORD}).json()["codes"]
    assert len(set(codes)) == 10
    kept = str(connect().execute("select * from app.recovery_codes").fetchall())
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)
    assert "Còn 10 mã" in browser.get("/account").text
    assert second_browser.sign_in("lost.phone", "không phải mật khẩu", codes[0]).status_code == 401
    assert second_browser.sign_in("lost.phone", PASSWORD, codes[0].upper().replace("-", " ")).is_success
    assert second_browser.sign_in("lost.phone", PASSWORD, codes[0]).status_code == 401
    assert "Còn 9 mã" in browser.get("/account").text
    again = browser.post(door, {"password": PASSWORD}).json()["codes"]
    assert second_browser.sign_in("lost.phone", PASSWORD, codes[1]).status_code == 401
    assert second_browser.sign_in("lost.phone", PASSWORD, again[1]).is_success
    told = connect().execute("select actor, action, new::text from app.journal where table_name = 'recovery_codes'")
    entries = told.fetchall()
    assert {entry[:2] for entry in entries} == {("lost.phone", "insert"), ("lost.phone", "update")}
    assert not any(code.replace("-", "") in text for *_, text in entries for code in codes)


def test_without_a_second_factor_there_is_nothing_to_recover(browser):
    browser.sign_in("member")
    assert browser.post("/api/account/recovery-codes", {"password": PASSWORD}).status_code == 409
    assert 'id="recovery"' not in browser.get("/account").text


def test_ones_own_sign_ins_are_listed_and_ended_one_by_one(browser, second_browser, enrol):
    enrol("two.places", "office")
    phone = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
    second_browser.post("/signin", {"name": "two.places", "password": PASSWORD, "code": ""}, User_Agent=phone)
    browser.sign_in("two.places")
    mine = browser.get("/api/account/sign-ins").json()["sign_ins"]
    assert sorted(one["own"] for one in mine) == [False, True]
    there = next(one for one in mine if not one["own"])
    assert (there["holds"], there["device"], there["address"]) == (True, phone, "127.0.0.1")
    page = browser.get("/account").text
    assert "Chrome, Android" in page
    second_browser.sign_in("member")  # somebody else's is nobody's business
    assert second_browser.request("DELETE", f"/api/account/sign-ins/{there['id']}").status_code == 404
    assert browser.request("DELETE", f"/api/account/sign-ins/{there['id']}").is_success
    assert not next(one for one in browser.get("/api/account/sign-ins").json()["sign_ins"] if not one["own"])["holds"]


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_a_code_that_many_send_at_once_opens_for_one(kind, client, enrol, accounts):
    name, secret = f"at.once.{kind[0]}", pyotp.random_base32()
    person = uuid.UUID(enrol(name, "office", second_factor=secret))
    with accounts.transaction(name) as session:
        spare = new_recovery_codes(session, person)[0]
    code = spare if kind == "recovery code" else pyotp.TOTP(secret).now()
    with ThreadPoolExecutor(5) as at_once:
        answers = list(at_once.map(lambda _: BrowserClient(client).sign_in(name, PASSWORD, code).status_code, range(5)))
    assert sorted(answers) == [200, 401, 401, 401, 401]
