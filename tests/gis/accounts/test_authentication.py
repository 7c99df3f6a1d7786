"""Accounts: throttling, password strength and hashing, time-based codes, administrators and journalling."""

import threading
import time
import unicodedata

import psycopg
import pyotp
import pytest
from sqlalchemy import text

from api.cli import admin as administration
from api.cli.up import DatabaseUrls
from gis.accounts import passwords
from gis.accounts.authentication import Accounts
from gis.accounts.models import Person, RoleAssignment
from gis.accounts.passwords import TOTP_STEP_S
from gis.accounts.people import close_account, enrol, find_person, has_administrator
from gis.accounts.throttle import MAX_DELAY_S, LoginThrottle, delay_s
from gis.accounts.tokens import issue, list_tokens
from gis.db.actors import application_actors
from gis.db.session import ACCOUNTS_LOGIN
from gis.text.errors import Conflict, Invalid, TooMany, Unauthenticated
from layers.password_words import BORDER_WORDS

PASSWORD = "một câu dài để vào nhà"


def test_delay_doubles_up_to_the_maximum():
    assert [delay_s(n, 5) for n in range(9)] == [0, 0, 0, 0, 0, 1, 2, 4, 8]
    assert delay_s(10_000, 5) == MAX_DELAY_S


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("ngắn", "length"), ("x" * 201, "length"), ("aaaaaaaaaaaaaaaa", "weak"), ("password123456", "weak"),
        ("MatKhau123456", "weak"), ("somebody.1 2345", "weak"), ("qwerty qwerty qwerty", "weak"),
        ("Cột Mốc Tây Ninh", "weak"), ("M@tKhau2026!!", "weak"), ("BienPhong@2025", "weak"),
        ("Đồn Tân Nam 2026", "weak"), ("1q2w3e4r5t6y", "weak"), ("P@ssw0rd1234", "weak"), ("zxcvbnm98765", "weak"),
        ("abcabcabcabcabc", "weak"), ("Sĩ quan trực ban 1", "weak"), ("0987654321 2024", "weak"),
        ("Nguyễn Văn Hùng", "weak"), ("TayNinh@123456", "weak"), ("bien_phong_tay_ninh", "weak"),
    ],
)  # fmt: skip
def test_easily_guessed_password_is_refused(password, code):
    with pytest.raises(Invalid) as refused:
        passwords.validate_and_hash_password(
            password, "somebody.1", "Sĩ quan trực ban", "Đồn Biên phòng Tân Nam", common_words=BORDER_WORDS
        )
    assert refused.value.errors[0].code == code


@pytest.mark.parametrize(
    "password", [PASSWORD, "xanh lá mạ non", "con trâu đi trước", "correct horse battery", "kX9#vQ2m!tLp"]
)
def test_sentence_and_random_password_withstand_guessing(password):
    guesses = passwords.estimate_guesses(password, ["Đồn Biên phòng Tân Nam"], BORDER_WORDS)
    assert guesses >= passwords.MIN_GUESSES


def test_estimate_of_a_hostile_password_is_quick():
    started = time.process_time()
    passwords.estimate_guesses("4@8({[</369&#!1/|0$5+7%2/" * 8, common_words=BORDER_WORDS)
    assert time.process_time() - started < 2


def test_password_is_hashed_with_argon2id_and_verified_in_normal_form_d():
    hashed = passwords.validate_and_hash_password(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.validate_and_hash_password(PASSWORD) != hashed
    assert passwords.verify_password(unicodedata.normalize("NFD", PASSWORD), hashed)
    assert not passwords.verify_password(f"{PASSWORD} ", hashed)
    assert not passwords.verify_password(PASSWORD, None)
    assert not passwords.needs_rehash(hashed)


def test_at_most_two_passwords_are_hashed_at_once(monkeypatch):
    running, most, lock = 0, 0, threading.Lock()

    class Slow:
        def verify(self, password, stored_hash):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with lock:
                running -= 1
            return False

    monkeypatch.setattr(passwords, "_hasher", Slow)
    threads = [threading.Thread(target=passwords.verify_password, args=(PASSWORD, "hash")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_totp_code_is_accepted_now_and_refused_if_old_or_malformed():
    secret = passwords.new_second_factor()
    totp, now = pyotp.TOTP(secret), int(time.time())
    step = passwords.totp_step(secret, totp.at(now))
    assert step is not None
    assert abs(step - now // TOTP_STEP_S) <= 1
    assert passwords.totp_step(secret, totp.at(now - 5 * TOTP_STEP_S)) is None
    for wrong in (None, "", "0", "12345a", "１２３４５６"):
        assert passwords.totp_step(secret, wrong) is None


@pytest.fixture
def empty_accounts(cluster, empty_database_name):
    """The accounts of a database without any."""
    opened = Accounts(cluster.url(empty_database_name, ACCOUNTS_LOGIN))
    yield opened
    opened.dispose()


def test_no_default_account_exists(empty_accounts):
    assert not empty_accounts.sign_in_required()
    for name in ("admin", "administrator", "root", "cotmoc", "office", ""):
        with pytest.raises(Unauthenticated):
            empty_accounts.verify_credentials(name, "admin", None, "192.0.2.1")


def test_sign_in_stays_required_after_the_last_administrator_is_closed(empty_accounts, cluster, empty_database_name):
    with empty_accounts.transaction("root") as session:
        enrol(session, "root", "administrator", password=PASSWORD)
    with psycopg.connect(cluster.url(empty_database_name).replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("select set_config('cotmoc.actor', 'x', false)")
        admin.execute("update app.people set valid_to = now()")
    later = Accounts(cluster.url(empty_database_name, ACCOUNTS_LOGIN))
    assert later.sign_in_required()
    later.dispose()


def test_throttle_delays_each_failure_longer_and_forgets_after_the_longest_delay(empty_accounts):
    throttle = LoginThrottle(3)
    with empty_accounts.transaction("test") as session:

        def let_time_pass(seconds):
            session.execute(
                text("update app.login_failures set failed_at = failed_at - make_interval(secs => :s)"), {"s": seconds}
            )

        assert [throttle.wait(session, "a") for _ in range(5)] == [0, 0, 0, 1, 1]
        assert throttle.wait(session, "b") == 0  # other keys are not delayed
        let_time_pass(1)
        assert throttle.wait(session, "a") == 0
        assert throttle.wait(session, "a") == 2
        let_time_pass(MAX_DELAY_S)
        assert [throttle.wait(session, "a") for _ in range(4)] == [0, 0, 0, 1]
        throttle.reset(session, "a")
        assert throttle.wait(session, "a") == 0


def test_throttle_delay_grows_to_the_longest(empty_accounts):
    throttle = LoginThrottle(1)
    with empty_accounts.transaction("test") as session:
        throttle.wait(session, "a")
        session.execute(text("update app.login_failures set failures = 5000"))
        assert throttle.wait(session, "a") in (MAX_DELAY_S - 1, MAX_DELAY_S)


def test_throttle_stores_no_key_and_a_limited_number_of_rows(empty_accounts, monkeypatch):
    monkeypatch.setattr("gis.accounts.throttle.MAX_ENTRIES", 8)
    throttle = LoginThrottle(1)
    with empty_accounts.transaction("test") as session:
        assert [throttle.wait(session, f"name{number}") for number in range(50)] == [0] * 50
        assert throttle.wait(session, "name49") == 1
        assert LoginThrottle(1).wait(session, "name49") == 0  # another server's secret
        rows = session.execute(text("select slot, key from app.login_failures")).all()
        logged = session.execute(text("select relpersistence from pg_class where relname = 'login_failures'")).scalar()
    assert len(rows) <= 8
    assert not any(b"name" in key for _, key in rows)
    assert logged == "u"


def test_throttled_name_is_accepted_after_the_delay(empty_accounts):
    with empty_accounts.transaction("test") as session:
        person = enrol(session, "somebody", "office", password=PASSWORD)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            empty_accounts.verify_credentials("somebody", "một câu khác hẳn", None, "192.0.2.1")
    with pytest.raises(TooMany) as refused:
        empty_accounts.verify_credentials("somebody", PASSWORD, None, "192.0.2.9")  # from any IP address
    assert refused.value.extra["retry_after"] == 1
    with empty_accounts.transaction("test") as session:
        find_person(session, "somebody").blocked_until = None
    assert empty_accounts.verify_credentials("Somebody", PASSWORD, None, "192.0.2.1") == person.id
    with empty_accounts.transaction("test") as session:
        assert find_person(session, "somebody").failures == 0


def test_of_two_administrators_closing_each_other_one_remains(empty_accounts):
    with empty_accounts.transaction("test") as session:
        people = [enrol(session, name, "administrator").id for name in ("one", "other")]
    barrier, refused = threading.Barrier(2), []

    def close(person_id):
        try:
            with empty_accounts.transaction("test") as session:
                barrier.wait(10)
                close_account(session, person_id)
        except Conflict as refusal:
            refused.append(refusal)

    threads = [threading.Thread(target=close, args=(person_id,)) for person_id in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    with empty_accounts.transaction("test") as session:
        assert has_administrator(session)


def test_account_changes_need_an_actor_and_are_journalled_without_secrets(empty_accounts, cluster, empty_database_name):
    with empty_accounts.transaction("chief", request="r-1") as session:
        enrol(session, "somebody", "office", password=PASSWORD, second_factor="JBSWY3DPEHPK3PXP")
        issue(session, "machine", "office", made_by="chief", days=1)
        assert [token["name"] for token in list_tokens(session)] == ["machine"]
    with psycopg.connect(host=str(cluster.socket_dir), dbname=empty_database_name, user="postgres") as admin:
        rows = admin.execute(
            "select table_name, action, actor, request, new::text from app.journal order by seq"
        ).fetchall()
        with pytest.raises(psycopg.DatabaseError, match="no actor"):
            admin.execute("update app.people set title = 'x'")
    assert [row[:4] for row in rows] == [
        (table, "insert", "chief", "r-1") for table in ("people", "appointments", "tokens")
    ]
    for word in ("argon2", "JBSWY3DP", "secret", "password", "second_factor", "csrf"):
        assert not [row for row in rows if word in row[4]], word


def test_names_of_the_application_are_those_that_the_journal_has_without_accounts():
    assert set(application_actors) == {"system", "office", "partner", "public", "nobody"}


@pytest.mark.parametrize(
    "name", ["system", " System\t", "SYSTEM", "ｓｙｓｔｅｍ", "office", "nobody", "public", "partner"]
)
def test_account_with_a_name_of_the_application_is_refused(name, accounts):
    with pytest.raises(Invalid) as refused, accounts.transaction("test") as session:
        enrol(session, name, "committee", password=PASSWORD)
    assert [(error.field, error.code) for error in refused.value.errors] == [("name", "reserved")]


def test_command_line_creates_no_administrator_with_a_name_of_the_application(
    cluster, database_name, settings, tmp_path
):
    password_file = tmp_path / "password"
    password_file.write_text(PASSWORD)
    password_file.chmod(0o600)
    urls = DatabaseUrls(cluster.url(database_name), {ACCOUNTS_LOGIN: settings.accounts_url})
    with pytest.raises(Invalid) as refused:
        administration.create(urls, " System ", None, password_file, second_factor=False)
    assert [error.code for error in refused.value.errors] == ["reserved"]


def test_provider_cannot_name_an_account_of_the_application(accounts):
    with accounts.transaction("test") as session:
        for name in ("system", "ordinary"):  # the first from before its name was refused
            person = Person(name=name)
            session.add(person)
            session.flush()
            session.add(RoleAssignment(person_id=person.id, role="committee"))
    assert accounts.find_by_subject("id-of-a-system", " System ") is None
    assert accounts.find_by_subject("id-of-a-person", "ordinary") is not None
