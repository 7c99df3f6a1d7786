"""The person's own account: second factor, password, recovery codes, sessions, and what a role is offered."""

import pyotp
import pytest

SECRET = pyotp.random_base32()
PASSWORD = "một câu dài để vào nhà"
HTML = "text/html,application/xhtml+xml"


@pytest.fixture(scope="module", autouse=True)
def staff(enrol, accounts):
    """Two administrators, one of them without a second factor, and a person of each other role."""
    enrol("chief", "administrator", second_factor=SECRET)
    enrol("newcomer", "administrator")
    enrol("officer", "officer", unit="Đồn Biên phòng Tân Bình")
    enrol("member", "committee")
    enrol("reader", "public")
    enrol("forgetful", "office")
    while accounts.recheck_due:
        assert accounts.sign_in_required()


@pytest.fixture(autouse=True)
def _reset_throttle(connect, accounts):
    """Forget failed attempts and used codes of earlier tests."""
    connect().execute("truncate app.login_failures")
    connect().execute("update app.people set failures = 0, blocked_until = null, last_step = null")


def test_administrator_without_second_factor_must_set_one_up(browser, connect):
    browser.sign_in("newcomer")
    assert browser.get("/", Accept=HTML).headers["location"] == "/account"
    for path in ("/api/people", "/ogc/collections/markers/items", "/board"):
        assert browser.get(path).status_code == 403, path
    assert browser.get("/account").status_code == 200
    assert browser.post("/api/account/second-factor", {"password": "một câu dài khác hẳn"}).status_code == 401
    offered = browser.post("/api/account/second-factor", {"password": PASSWORD}).json()
    assert offered["address"].startswith("otpauth://totp/Cotmoc:newcomer?secret=")
    assert offered["picture"].startswith("data:image/svg+xml")
    assert browser.get("/api/people").status_code == 403  # the second factor is not confirmed yet
    assert browser.request("PUT", "/api/account/second-factor", body={"code": "000000"}).status_code == 422
    before = browser.cookie
    assert browser.request(
        "PUT", "/api/account/second-factor", body={"code": pyotp.TOTP(offered["secret"]).now()}
    ).is_success
    assert browser.cookie != before
    assert browser.get("/api/people").status_code == 200
    assert browser.sign_in("newcomer").status_code == 401  # the password alone is not enough


def test_password_change_needs_the_old_one_and_ends_other_sessions(browser, second_browser):
    browser.sign_in("forgetful")
    second_browser.sign_in("forgetful")
    new_password = "một câu dài mới tinh"
    assert browser.post("/api/account/password", {"old": "sai", "password": new_password}).status_code == 401
    weak = browser.post("/api/account/password", {"old": PASSWORD, "password": "forgetful forgetful"})
    assert (weak.status_code, weak.json()["errors"][0]["code"]) == (422, "weak")
    assert (
        browser.post("/api/account/password", {"old": PASSWORD, "password": "ngắn"}).json()["errors"][0]["code"]
        == "length"
    )
    assert browser.post("/api/account/password", {"old": PASSWORD, "password": new_password}).is_success
    assert browser.get("/api/account").status_code == 200
    assert second_browser.get("/api/account").status_code == 401
    assert second_browser.sign_in("forgetful").status_code == 401
    assert second_browser.sign_in("forgetful", new_password).status_code == 200


def test_recovery_code_replaces_a_totp_code_once(browser, second_browser, enrol, connect):
    secret = pyotp.random_base32()
    enrol("lost.phone", "office", second_factor=secret)
    browser.sign_in("lost.phone", PASSWORD, pyotp.TOTP(secret).now())
    path = "/api/account/recovery-codes"
    assert browser.post(path, {"password": "sai"}).status_code == 401
    codes = browser.post(path, {"password": PASSWORD}).json()["codes"]
    assert len(set(codes)) == 10
    stored = str(connect().execute("select * from app.recovery_codes").fetchall())
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
    assert "Còn 10 mã" in browser.get("/account").text
    assert second_browser.sign_in("lost.phone", "không phải mật khẩu", codes[0]).status_code == 401
    assert second_browser.sign_in("lost.phone", PASSWORD, codes[0].upper().replace("-", " ")).is_success
    assert second_browser.sign_in("lost.phone", PASSWORD, codes[0]).status_code == 401
    assert "Còn 9 mã" in browser.get("/account").text
    again = browser.post(path, {"password": PASSWORD}).json()["codes"]
    assert second_browser.sign_in("lost.phone", PASSWORD, codes[1]).status_code == 401
    assert second_browser.sign_in("lost.phone", PASSWORD, again[1]).is_success
    query = "select actor, action, new::text from app.journal where table_name = 'recovery_codes'"
    entries = connect().execute(query).fetchall()
    assert {entry[:2] for entry in entries} == {("lost.phone", "insert"), ("lost.phone", "update")}
    assert not any(code.replace("-", "") in text for *_, text in entries for code in codes)


def test_recovery_codes_need_a_second_factor(browser):
    browser.sign_in("member")
    assert browser.post("/api/account/recovery-codes", {"password": PASSWORD}).status_code == 409
    assert 'id="recovery"' not in browser.get("/account").text


def test_own_sessions_are_listed_and_ended_one_by_one(browser, second_browser, enrol):
    enrol("two.places", "office")
    phone = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
    second_browser.post("/signin", {"name": "two.places", "password": PASSWORD, "code": ""}, User_Agent=phone)
    browser.sign_in("two.places")
    sessions = browser.get("/api/account/sign-ins").json()["sign_ins"]
    assert sorted(session["own"] for session in sessions) == [False, True]
    other = next(session for session in sessions if not session["own"])
    assert (other["holds"], other["device"], other["address"]) == (True, phone, "127.0.0.1")
    page = browser.get("/account").text
    assert "Chrome, Android" in page
    second_browser.sign_in("member")  # another person's session is not found
    assert second_browser.request("DELETE", f"/api/account/sign-ins/{other['id']}").status_code == 404
    assert browser.request("DELETE", f"/api/account/sign-ins/{other['id']}").is_success
    sessions = browser.get("/api/account/sign-ins").json()["sign_ins"]
    assert not next(session for session in sessions if not session["own"])["holds"]


def test_pages_and_cards_offer_only_what_the_role_may_do(browser):
    browser.sign_in("member")
    cards = {layer["name"]: layer for layer in browser.get("/api/cards").json()["layers"]}
    assert not any(cards["works"][flag] for flag in ("editable", "creatable", "movable", "places"))
    assert not any(field["receivable"] for field in cards["incidents"]["fields"])
    assert "/incidents/new" not in browser.get("/works").text
    assert browser.get("/incidents/new").status_code == 403
    browser.sign_in("officer")
    cards = {layer["name"]: layer for layer in browser.get("/api/cards").json()["layers"]}
    assert [cards["incidents"][flag] for flag in ("editable", "creatable", "movable", "places")] == [
        True,
        True,
        True,
        False,
    ]
    assert [cards["markers"][flag] for flag in ("editable", "creatable", "movable")] == [True, False, True]
    assert [field["name"] for field in cards["markers"]["fields"] if field["receivable"]] == ["inspected_on"]
    assert not cards["works"]["editable"]
    assert browser.get("/incidents/new").status_code == 200


def test_only_public_responses_may_be_cached(browser):
    browser.sign_in("reader")
    assert "no-store" not in browser.get("/ogc/collections/markers").headers.get("cache-control", "")
    browser.sign_in("officer")
    for path in ("/ogc/collections/markers", "/api/cards", "/api/basemap/lines", "/board", "/account"):
        assert browser.get(path).headers["cache-control"] == "private, no-store", path
    assert "no-store" not in browser.get("/static/core/base.css").headers.get("cache-control", "")
