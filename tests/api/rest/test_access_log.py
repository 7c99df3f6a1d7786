"""The journal of readings: who was given restricted records and who took files, for administrators and the office."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from html import unescape

import pytest
from psycopg.types.json import Jsonb

from gis.read.selection import UNLOGGED_ATTRIBUTES, Selection
from maps.pages.access_log import CONDITIONS, NOT_SHOWN
from tests.factories import POINT


@pytest.fixture(scope="module", autouse=True)
def staff(enrol, accounts):
    """The office, one who plans, and an administrator so that accounts count."""
    enrol("chief", "administrator", second_factor="A" * 32)
    for name, role in (("lan", "office"), ("minh", "office"), ("hoa", "planner"), ("khach", "committee")):
        enrol(name, role)
    while accounts.recheck_due:
        assert accounts.sign_in_required()


def test_who_read_a_restricted_record_and_who_took_a_file_is_found_by_person_day_and_layer(browser, second_browser):
    browser.sign_in("lan")
    body = {"category": "drainage", "geometry": POINT, "level": "restricted", "description": "zq-đoạn-mật"}
    made = browser.post("/ogc/collections/incidents/items", body)
    assert made.status_code == 201, made.text
    item = f"/ogc/collections/incidents/items/{made.json()['id']}"
    second_browser.sign_in("minh")
    assert second_browser.get(item).status_code == 200
    second_browser.sign_in("hoa")
    assert second_browser.get(item).status_code == 404
    assert second_browser.get("/api/export/markers?number=147/6&f=csv").status_code == 200

    told = browser.get("/api/readings?by=minh").json()["readings"]
    assert [(one["actor"], one["action"], one["layer_read"]) for one in told] == [("minh", "read", "incidents")]
    assert told[0]["feature_id"] == made.json()["id"]
    files = browser.get("/api/readings?layer=markers").json()["readings"]
    assert [(one["actor"], one["action"]) for one in files] == [("hoa", "export")]
    assert files[0]["selection"]["format"] == "csv"
    assert browser.get("/api/readings?until=2020-01-01&since=2019-01-01").json()["readings"] == []

    page = browser.get("/readings?by=hoa").text
    assert "tải tệp" in page
    assert "Số hiệu: 147/6 · tệp: CSV · bản dành cho: Nội bộ" in page
    assert "Number: 147/6 · file: CSV · for readers: Internal" in browser.get("/readings?by=hoa&lang=en").text
    assert "xem hồ sơ hạn chế tiếp cận" not in page.split("<main")[1].split("<tbody>")[1]
    assert "zq-đoạn-mật" not in browser.get("/readings").text
    first = browser.get("/api/readings?limit=1").json()
    following = next(one["href"] for one in first["links"] if one["rel"] == "next")
    second = browser.get(
        following.partition("//")[2].partition("/")[1] + following.partition("//")[2].partition("/")[2]
    )
    assert second.json()["readings"][0]["seq"] < first["readings"][0]["seq"]


def test_what_was_asked_for_is_told_in_words(browser):
    browser.sign_in("minh")
    asked = (
        "condition=damaged&condition=missing&border=VN-KH&q=m%E1%BB%91c&bbox=105.5,11,106.5,12&near=147/6,500m"
        "&sortby=-updated_at&as_of=2026-11-20T17:30:00%2B07:00&filter=condition%3D%27damaged%27"
    )
    answer = browser.get(f"/api/export/markers?f=gpkg&{asked}")
    assert answer.status_code == 200, answer.text
    page = unescape(browser.get("/readings?by=minh&layer=markers").text)
    for told in (
        "Tình trạng: Hư hỏng, Bị mất",
        "từ khóa: mốc",
        "trong khung: 105,5; 11; 106,5; 12",
        "tại thời điểm: 20/11/2026 17:30",
        ", 500 m",
    ):
        assert told in page, told
    assert browser.get("/api/export/incidents?f=csv&open=true").status_code == 200
    assert "Đang xử lý: Có · tệp: CSV" in browser.get("/readings?by=minh&layer=incidents").text


def test_whatever_may_narrow_a_selection_is_said():
    assert {one.name for one in fields(Selection)} - UNLOGGED_ATTRIBUTES <= CONDITIONS.keys() | NOT_SHOWN


ODD = (
    [], ["x"], "x", 7, {"format": "zz"}, {"reader": "zz"}, {"bbox": "abc"}, {"bbox": [1e308, "1"]}, {"near": 1},
    {"time": 1}, {"as_of": {}}, {"rows": "q"}, {"where": [1]}, {"where": {"a": 3}}, {"sort": 1}, {"restricted": "x"},
    {"q": "<img src=x onerror=alert(1)>{{7*7}}"},
)  # fmt: skip
"""What nobody has asked for in this way; the login that writes can say so all the same."""


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_entry_that_is_told_otherwise_hides_no_other(odd, browser, connect):
    with connect("cotmoc_writer") as writer, writer.transaction():
        writer.execute("select set_config('cotmoc.actor', 'mallory', true)")
        writer.execute("select app.journal_read('incidents', null, 'read', %s)", [Jsonb(odd)])
    browser.sign_in("lan")
    page = browser.get("/readings")
    assert page.status_code == 200
    assert "mallory" in page.text
    assert "<img src=x" not in page.text
    assert browser.get("/api/readings").status_code == 200


def test_each_reading_stands_under_its_own_reader_request_and_clock(browser, second_browser, connect):
    """What is read at once is written down through connections that the readers share, asked in one go."""
    browser.sign_in("lan")
    second_browser.sign_in("minh")
    body = {"category": "drainage", "geometry": POINT, "level": "restricted"}
    made = browser.post("/ogc/collections/incidents/items", body)
    item = f"/ogc/collections/incidents/items/{made.json()['id']}"

    def read(turn):
        clock = f"2026-11-21T08:00:{turn:02d}+07:00" if turn % 3 == 0 else ""
        who, reader = ("lan", browser) if turn % 2 else ("minh", second_browser)
        answer = reader.get(item, X_Device_At=clock)
        assert answer.status_code == 200
        return answer.headers["x-request-id"], (who, clock or None, None)

    with ThreadPoolExecutor(8) as together:
        asked = dict(together.map(read, range(40)))
    told = connect().execute(
        "select request, actor, device_at, reason from app.journal where action = 'read' and request = any(%s)",
        [list(asked)],
    )
    assert {request: tuple(rest) for request, *rest in told} == asked


@pytest.mark.parametrize("who", ["hoa", "khach"])
def test_nobody_else_looks_it_up(who, browser):
    browser.sign_in(who)
    for path in ("/readings", "/api/readings", f"/api/readings?by={who}"):
        assert browser.get(path).status_code == 403, path
    assert "/readings" not in browser.get("/works").text


@pytest.mark.parametrize("wrong", ["after=x", "after=-1", "layer=x", "since=x", "nonsense=1", "limit=0"])
def test_what_is_asked_wrongly_is_refused(wrong, browser):
    browser.sign_in("lan")
    answer = browser.get(f"/api/readings?{wrong}")
    assert answer.status_code in (400, 404, 422), answer.text
