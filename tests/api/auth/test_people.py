"""Accounts of people: administrators create, change and disable them, but never their own rights."""

import uuid

import psycopg
import pyotp
import pytest

PASSWORD = "một câu dài để vào nhà"
SECRET, OTHER_SECRET = pyotp.random_base32(), pyotp.random_base32()
TAN_NAM = "Đồn Biên phòng cửa khẩu quốc tế Tân Nam"
LANG_SON = "Ban Chỉ huy Bộ đội Biên phòng tỉnh Lạng Sơn"
INCIDENT = {"category": "marker_damage", "place": {"text": "147/6", "border": "VN-KH"}}


@pytest.fixture(scope="module", autouse=True)
def staff(enrol, accounts):
    """Two administrators and a person of every other role."""
    person_ids = {
        "chief": enrol("chief", "administrator", second_factor=SECRET),
        "deputy": enrol("deputy", "administrator", second_factor=OTHER_SECRET),
        "office": enrol("office.1", "office"),
        "planner": enrol("planner.1", "planner"),
        "officer": enrol("officer.1", "officer", unit=TAN_NAM),
        "member": enrol("member.1", "committee"),
        "reader": enrol("reader.1", "public"),
    }
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    return person_ids


@pytest.fixture
def admin_browser(browser, connect, accounts):
    """The administrator's browser."""
    connect().execute("update app.people set failures = 0, blocked_until = null, last_step = null")
    connect().execute("truncate app.login_failures")
    assert browser.sign_in("chief", PASSWORD, pyotp.TOTP(SECRET).now()).is_success
    return browser


def create_account(admin_browser, name, role="committee", **properties):
    answer = admin_browser.post("/api/people", {"name": name, "role": role, **properties})
    assert answer.status_code == 201, answer.text
    return answer.json()


def choose_password(browser, link, password=PASSWORD):
    return browser.post("/signin/password", {"invitation": link.partition("#")[2], "password": password})


REQUESTS = [
    ("GET", "/people", None),
    ("GET", "/tokens", None),
    ("GET", "/api/people", None),
    ("POST", "/api/people", {"name": "newcomer", "role": "administrator"}),
    ("POST", "/api/people/{own}/appointment", {"role": "administrator"}),
    ("POST", "/api/people/{other}/appointment", {"role": "public"}),
    ("POST", "/api/people/{unknown}/appointment", {"role": "public"}),
    ("POST", "/api/people/{other}/invitation", {}),
    ("POST", "/api/people/{other}/sign-out", {}),
    ("DELETE", "/api/people/{other}/second-factor", None),
    ("DELETE", "/api/people/{other}", None),
    ("GET", "/api/tokens", None),
    ("POST", "/api/tokens", {"name": "t", "role": "office", "days": 1}),
    ("DELETE", "/api/tokens/{other}", None),
]


@pytest.mark.parametrize("role", ["office", "planner", "officer", "member", "reader"])
def test_other_roles_get_the_same_403_for_known_and_unknown_accounts(role, staff, second_browser):
    assert second_browser.sign_in(f"{role}.1").is_success
    ids = {"own": staff[role], "other": staff["deputy"], "unknown": uuid.uuid4()}
    answers = [second_browser.request(method, path.format(**ids), body=body) for method, path, body in REQUESTS]
    assert [answer.status_code for answer in answers] == [403] * len(REQUESTS)
    assert len({answer.json()["detail"] for answer in answers}) == 1
    page = second_browser.get("/works")
    assert "/people" not in page.text


def test_token_cannot_manage_accounts(admin_browser):
    token = admin_browser.post(
        "/api/tokens", {"name": "máy ghi", "role": "office", "days": 1, "scopes": ["read", "write"]}
    ).json()
    token_client = type(admin_browser)(admin_browser.client)
    for method, path, body in REQUESTS:
        answer = token_client.request(
            method, path.format(own=1, other=1, unknown=1), body=body, Authorization=f"Bearer {token['token']}"
        )
        assert answer.status_code == 403, path


def test_administrator_cannot_change_their_own_rights(admin_browser, staff):
    own_id = staff["chief"]
    for method, path, body in [
        ("POST", "appointment", {"role": "office"}),
        ("POST", "appointment", {"role": "administrator", "unit": LANG_SON}),
        ("POST", "invitation", {}),
        ("DELETE", "second-factor", None),
        ("DELETE", "", None),
    ]:
        answer = admin_browser.request(method, f"/api/people/{own_id}/{path}".rstrip("/"), body=body)
        assert answer.status_code == 403, path
    assert admin_browser.get("/api/account").json()["role"] == "administrator"


def test_invitation_link_works_once(admin_browser, second_browser, connect):
    account = create_account(admin_browser, "Newcomer.1", title="Trưởng phòng")
    assert account["name"] == "newcomer.1"
    assert account["link"].startswith("/signin/password#")
    assert second_browser.sign_in("newcomer.1").status_code == 401  # there is no password yet
    weak = choose_password(second_browser, account["link"], "newcomer.1 123456")
    assert (weak.status_code, weak.json()["errors"][0]["code"]) == (422, "weak")
    assert choose_password(second_browser, "#nonsense").status_code == 401
    assert choose_password(second_browser, account["link"]).json() == {"name": "newcomer.1"}
    assert choose_password(second_browser, account["link"]).status_code == 401
    assert second_browser.sign_in("newcomer.1").is_success
    stored = connect().execute("select invitation, password from app.people where name = 'newcomer.1'").fetchone()
    assert stored[0] is None
    assert account["link"].partition("#")[2] not in str(
        connect().execute("select old, new from app.journal where table_name = 'people'").fetchall()
    )


def test_invitation_expires_and_a_new_one_replaces_it(admin_browser, second_browser, connect):
    first = create_account(admin_browser, "slow.1")
    second = admin_browser.post(f"/api/people/{first['id']}/invitation").json()
    assert choose_password(second_browser, first["link"]).status_code == 401
    connection = connect()
    with connection.transaction():
        connection.execute("set local cotmoc.actor = 'test'")
        connection.execute("update app.people set invited_until = now() - interval '1 second' where name = 'slow.1'")
    assert choose_password(second_browser, second["link"]).status_code == 401


def test_new_invitation_ends_the_password_and_all_sessions(admin_browser, second_browser):
    account = create_account(admin_browser, "leaky.1")
    choose_password(second_browser, account["link"])
    second_browser.sign_in("leaky.1")
    admin_browser.post(f"/api/people/{account['id']}/invitation")
    assert second_browser.get("/api/account").status_code == 401
    assert second_browser.sign_in("leaky.1").status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "member.1", "role": "committee"}, "name"),
        ({"name": "Tên Có Dấu", "role": "committee"}, "name"),
        ({"name": "x", "role": "committee"}, "name"),
        ({"name": "good", "role": "king"}, "role"),
        ({"name": "good", "role": "shared"}, "role"),
        ({"name": "good", "role": "system"}, "role"),
        ({"name": "good", "role": "officer"}, "unit"),
        ({"name": "good", "role": "officer", "unit": "Đồn không có thật"}, "unit"),
        ({"name": "good", "role": "officer", "unit": "Bộ Chỉ huy Bộ đội Biên phòng tỉnh Long An"}, "unit"),
        ({"name": "good", "role": "committee", "title": "TUYỆT MẬT"}, "title"),
        ({"name": "good", "role": "committee", "password": "x"}, "password"),
        ({"name": "good"}, "role"),
    ],
)
def test_invalid_account_is_refused_with_the_field(body, field, admin_browser):
    answer = admin_browser.post("/api/people", body)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_new_unit_or_role_applies_at_the_next_request(admin_browser, second_browser, staff):
    account = create_account(admin_browser, "moving.1", "officer", unit=TAN_NAM)
    choose_password(second_browser, account["link"])
    second_browser.sign_in("moving.1")
    incident = second_browser.post("/ogc/collections/incidents/items", INCIDENT)
    assert incident.status_code == 201, incident.text
    url = f"/ogc/collections/incidents/items/{incident.json()['id']}"
    assert second_browser.get(url).status_code == 200
    assert admin_browser.post(
        f"/api/people/{account['id']}/appointment", {"role": "officer", "unit": LANG_SON}
    ).is_success
    assert second_browser.get(url).status_code == 404
    assert second_browser.get("/api/account").json()["unit"] == LANG_SON
    assert admin_browser.post(f"/api/people/{account['id']}/appointment", {"role": "committee"}).is_success
    assert second_browser.get(url).status_code == 200
    assert second_browser.post("/ogc/collections/incidents/items", INCIDENT).status_code == 403


def test_promotion_ends_sessions_and_requires_second_factor(admin_browser, second_browser):
    account = create_account(admin_browser, "rising.1", "office")
    choose_password(second_browser, account["link"])
    second_browser.sign_in("rising.1")
    assert admin_browser.post(f"/api/people/{account['id']}/appointment", {"role": "administrator"}).is_success
    assert second_browser.get("/api/account").status_code == 401
    second_browser.sign_in("rising.1")
    assert second_browser.get("/api/people").status_code == 403
    assert admin_browser.request("DELETE", f"/api/people/{account['id']}").is_success


def test_another_administrator_removes_a_lost_second_factor(admin_browser, second_browser, staff):
    assert second_browser.sign_in("deputy", PASSWORD, pyotp.TOTP(OTHER_SECRET).now()).is_success
    assert admin_browser.request("DELETE", f"/api/people/{staff['deputy']}/second-factor").is_success
    assert second_browser.get("/api/account").status_code == 401
    assert second_browser.sign_in("deputy").is_success
    assert second_browser.get("/api/people").status_code == 403


def test_disabled_account_loses_access_and_keeps_its_name(admin_browser, second_browser):
    account = create_account(admin_browser, "leaving.1")
    choose_password(second_browser, account["link"])
    second_browser.sign_in("leaving.1")
    assert admin_browser.request("DELETE", f"/api/people/{account['id']}").is_success
    assert second_browser.get("/api/account").status_code == 401
    assert second_browser.sign_in("leaving.1").status_code == 401
    assert admin_browser.request("DELETE", f"/api/people/{account['id']}").status_code == 404
    people = admin_browser.get("/api/people").json()["people"]
    assert next(person for person in people if person["name"] == "leaving.1")["dismissed_at"]
    assert admin_browser.post("/api/people", {"name": "leaving.1", "role": "committee"}).status_code == 422


def test_last_administrator_cannot_be_closed_or_given_another_role(accounts, staff):
    from gis.accounts.people import assign_role, close_account, list_people
    from gis.text.errors import Conflict

    with accounts.transaction("test") as session:
        others = [
            person["id"]
            for person in list_people(session)
            if person["role"] == "administrator" and person["name"] != "chief"
        ]
        for person_id in others:
            if not next(person for person in list_people(session) if person["id"] == person_id)["dismissed_at"]:
                close_account(session, person_id)
    for remove in (lambda session: close_account(session, uuid.UUID(staff["chief"])),
                   lambda session: assign_role(session, uuid.UUID(staff["chief"]), "office", None)):  # fmt: skip
        with pytest.raises(Conflict, match="At least one administrator"), accounts.transaction("test") as session:
            remove(session)


def test_list_of_people_has_no_secrets(admin_browser):
    listed = admin_browser.get("/api/people").text
    assert "argon2" not in listed
    assert SECRET not in listed
    assert "invitation" not in listed
    assert admin_browser.get("/people").status_code == 200


def test_accounts_login_cannot_delete_account_rows(connect):
    """Rows of accounts are ended instead, so that former roles stay readable."""
    for table in ("people", "appointments", "sign_ins", "tokens"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect("cotmoc_door").execute(f"delete from app.{table}")
