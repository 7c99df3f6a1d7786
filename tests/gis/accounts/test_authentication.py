"""Accounts beneath the doors: delays by a clock of the test's own, passwords, codes, and who is left."""

import threading
import time
import unicodedata

import psycopg
import pyotp
import pytest

from gis.accounts import passwords
from gis.accounts.authentication import Accounts
from gis.accounts.passwords import TOTP_STEP_S
from gis.accounts.people import close_account, enrol, find_person, has_administrator
from gis.accounts.throttle import MAX_DELAY_S, MAX_ENTRIES, LoginThrottle, delay_s
from gis.accounts.tokens import issue, list_tokens
from gis.db.session import ACCOUNTS_LOGIN
from gis.text.errors import Conflict, Invalid, TooMany, Unauthenticated

PASSWORD = "một câu dài để vào nhà"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_the_delay_doubles_and_stops_growing():
    assert [delay_s(n, 5) for n in range(9)] == [0, 0, 0, 0, 0, 1, 2, 4, 8]
    assert delay_s(10_000, 5) == MAX_DELAY_S


def test_who_is_wrong_waits_longer_each_time_and_is_never_shut_out():
    clock = Clock()
    delays = LoginThrottle(3, clock)
    assert [delays.wait("a") for _ in range(4)] == [0, 0, 0, 1]
    assert delays.wait("b") == 0  # somebody else does not wait
    clock.now += 1
    assert delays.wait("a") == 0
    assert delays.wait("a") == 2
    clock.now += MAX_DELAY_S + 1
    assert [delays.wait("a") for _ in range(4)] == [0, 0, 0, 1]  # a quiet quarter of an hour forgives
    delays.reset("a")
    assert delays.wait("a") == 0


def test_trying_many_names_costs_no_memory_and_drives_out_those_of_long_ago():
    delays = LoginThrottle(1)
    size = len(delays._failures._memory)
    for number in range(3 * MAX_ENTRIES):
        delays.wait(str(number))
    assert len(delays._failures._memory) == size < 500_000
    assert delays.wait(str(3 * MAX_ENTRIES - 1)) > 0
    assert delays.wait("0") == 0


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("ngắn", "length"), ("x" * 201, "length"), ("aaaaaaaaaaaaaaaa", "weak"), ("password123456", "weak"),
        ("MatKhau123456", "weak"), ("somebody.1 2345", "weak"), ("qwerty qwerty qwerty", "weak"),
        ("Cột Mốc Tây Ninh", "weak"), ("M@tKhau2026!!", "weak"), ("BienPhong@2025", "weak"),
        ("Đồn Tân Nam 2026", "weak"), ("1q2w3e4r5t6y", "weak"), ("P@ssw0rd1234", "weak"), ("zxcvbnm98765", "weak"),
        ("abcabcabcabcabc", "weak"), ("Sĩ quan trực ban 1", "weak"), ("0987654321 2024", "weak"),
    ],
)  # fmt: skip
def test_a_password_that_is_easily_guessed_is_refused(password, code):
    with pytest.raises(Invalid) as refused:
        passwords.validate_and_hash_password(password, "somebody.1", "Sĩ quan trực ban", "Đồn Biên phòng Tân Nam")
    assert refused.value.errors[0].code == code


def test_a_password_is_kept_as_argon2id_and_told_however_it_is_typed():
    kept = passwords.validate_and_hash_password(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.validate_and_hash_password(PASSWORD) != kept
    assert passwords.verify_password(unicodedata.normalize("NFD", PASSWORD), kept)
    assert not passwords.verify_password(f"{PASSWORD} ", kept)
    assert not passwords.verify_password(PASSWORD, None)
    assert not passwords.needs_rehash(kept)


def test_at_most_two_are_hashed_at_once(monkeypatch):
    running, most, lock = 0, 0, threading.Lock()

    class Slow:
        def verify(self, password, kept):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with lock:
                running -= 1
            return False

    monkeypatch.setattr(passwords, "_hasher", Slow)
    trying = [threading.Thread(target=passwords.verify_password, args=(PASSWORD, "kept")) for _ in range(8)]
    for one in trying:
        one.start()
    for one in trying:
        one.join()
    assert most == 2


def test_a_code_is_of_this_half_minute_or_of_its_neighbours():
    secret = passwords.new_second_factor()
    one, now = pyotp.TOTP(secret), int(time.time())
    step = passwords.totp_step(secret, one.at(now))
    assert step is not None
    assert abs(step - now // TOTP_STEP_S) <= 1
    assert passwords.totp_step(secret, one.at(now - 5 * TOTP_STEP_S)) is None
    for wrong in (None, "", "0", "12345a", "１２３４５６"):
        assert passwords.totp_step(secret, wrong) is None


@pytest.fixture
def empty_accounts(cluster, empty_database_name):
    opened = Accounts(cluster.url(empty_database_name, ACCOUNTS_LOGIN))
    yield opened
    opened.dispose()


def test_there_is_no_default_account(listener):
    assert not listener.sign_in_required()
    for name in ("admin", "administrator", "root", "cotmoc", "office", ""):
        with pytest.raises(Unauthenticated):
            listener.verify_credentials(name, "admin", None, "192.0.2.1")


def test_a_house_whose_administrators_are_all_gone_does_not_open_to_everybody_again(
    listener, cluster, empty_database_name
):
    with listener.transaction("root") as session:
        enrol(session, "root", "administrator", password=PASSWORD)
    with psycopg.connect(cluster.url(empty_database_name).replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("select set_config('cotmoc.actor', 'x', false)")
        admin.execute("update app.people set valid_to = now()")
    later = Accounts(cluster.url(empty_database_name, ACCOUNTS_LOGIN))
    assert later.sign_in_required()
    later.dispose()


def test_a_name_that_is_tried_too_often_waits_and_then_the_right_password_opens(listener):
    with listener.transaction("test") as session:
        person = enrol(session, "somebody", "office", password=PASSWORD)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            listener.verify_credentials("somebody", "một câu khác hẳn", None, "192.0.2.1")
    with pytest.raises(TooMany) as refused:
        listener.verify_credentials("somebody", PASSWORD, None, "192.0.2.9")  # from wherever it is tried
    assert refused.value.extra["retry_after"] == 1
    with listener.transaction("test") as session:
        find_person(session, "somebody").blocked_until = None
    assert listener.verify_credentials("Somebody", PASSWORD, None, "192.0.2.1") == person.id
    with listener.transaction("test") as session:
        assert find_person(session, "somebody").failures == 0


def test_of_two_administrators_who_dismiss_each_other_at_once_one_stays(listener):
    with listener.transaction("test") as session:
        people = [enrol(session, name, "administrator").id for name in ("one", "other")]
    together, refused = threading.Barrier(2), []

    def go(person_id):
        try:
            with listener.transaction("test") as session:
                together.wait(10)
                close_account(session, person_id)
        except Conflict as refusal:
            refused.append(refusal)

    going = [threading.Thread(target=go, args=(one,)) for one in people]
    for one in going:
        one.start()
    for one in going:
        one.join()
    assert len(refused) == 1
    with listener.transaction("test") as session:
        assert has_administrator(session)


def test_every_change_of_an_account_needs_a_name_and_is_written_down_without_secrets(
    listener, cluster, empty_database_name
):
    import psycopg

    with listener.transaction("chief", request="r-1") as session:
        enrol(session, "somebody", "office", password=PASSWORD, second_factor="JBSWY3DPEHPK3PXP")
        issue(session, "machine", "office", made_by="chief", days=1)
        assert [one["name"] for one in list_tokens(session)] == ["machine"]
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
