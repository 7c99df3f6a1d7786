"""The access log: reads of restricted records and exports of files, for administrators and the office."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from html import unescape

import pytest
from psycopg.types.json import Jsonb

from gis.read.selection import UNLOGGED_ATTRIBUTES, Selection
from maps.pages.access_log import CONDITIONS, HIDDEN_KEYS
from tests.factories import POINT


@pytest.fixture(scope="module", autouse=True)
def staff(enrol, accounts):
    """Accounts of several roles, and an administrator, so that sign-in is required."""
    enrol("chief", "administrator", second_factor="A" * 32)
    for name, role in (("lan", "office"), ("minh", "office"), ("hoa", "planner"), ("khach", "committee")):
        enrol(name, role)
    while accounts.recheck_due:
        assert accounts.sign_in_required()


def test_reads_and_exports_are_listed_by_actor_time_and_layer(browser, second_browser):
    browser.sign_in("lan")
    body = {"category": "drainage", "geometry": POINT, "level": "restricted", "description": "zq-đoạn-mật"}
    created = browser.post("/ogc/collections/incidents/items", body)
    assert created.status_code == 201, created.text
    item = f"/ogc/collections/incidents/items/{created.json()['id']}"
    second_browser.sign_in("minh")
    assert second_browser.get(item).status_code == 200
    second_browser.sign_in("hoa")
    assert second_browser.get(item).status_code == 404
    assert second_browser.get("/api/export/markers?number=147/6&f=csv").status_code == 200

    entries = browser.get("/api/readings?by=minh").json()["readings"]
    assert [(entry["actor"], entry["action"], entry["layer_read"]) for entry in entries] == [
        ("minh", "read", "incidents")
    ]
    assert entries[0]["feature_id"] == created.json()["id"]
    files = browser.get("/api/readings?layer=markers").json()["readings"]
    assert [(entry["actor"], entry["action"]) for entry in files] == [("hoa", "export")]
    assert files[0]["selection"]["format"] == "csv"
    assert browser.get("/api/readings?until=2020-01-01&since=2019-01-01").json()["readings"] == []

    page = browser.get("/readings?by=hoa").text
    assert "tải tệp" in page
    assert "Số hiệu: 147/6 · tệp: CSV · bản dành cho: Nội bộ" in page
    assert "Number: 147/6 · file: CSV · for readers: Internal" in browser.get("/readings?by=hoa&lang=en").text
    assert "xem hồ sơ hạn chế tiếp cận" not in page.split("<main")[1].split("<tbody>")[1]
    assert "zq-đoạn-mật" not in browser.get("/readings").text
    first = browser.get("/api/readings?limit=1").json()
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    second = browser.get(
        following.partition("//")[2].partition("/")[1] + following.partition("//")[2].partition("/")[2]
    )
    assert second.json()["readings"][0]["seq"] < first["readings"][0]["seq"]


def test_page_describes_the_selection_in_words(browser):
    browser.sign_in("minh")
    query = (
        "condition=damaged&condition=missing&border=VN-KH&q=m%E1%BB%91c&bbox=105.5,11,106.5,12&near=147/6,500m"
        "&sortby=-updated_at&as_of=2026-11-20T17:30:00%2B07:00&filter=condition%3D%27damaged%27"
    )
    answer = browser.get(f"/api/export/markers?f=gpkg&{query}")
    assert answer.status_code == 200, answer.text
    page = unescape(browser.get("/readings?by=minh&layer=markers").text)
    for text in (
        "Tình trạng: Hư hỏng, Bị mất",
        "từ khóa: mốc",
        "trong khung: 105,5; 11; 106,5; 12",
        "tại thời điểm: 20/11/2026 17:30",
        ", 500 m",
    ):
        assert text in page, text
    assert browser.get("/api/export/incidents?f=csv&open=true").status_code == 200
    assert "Đang xử lý: Có · tệp: CSV" in browser.get("/readings?by=minh&layer=incidents").text


def test_every_logged_attribute_of_a_selection_is_described():
    assert {attribute.name for attribute in fields(Selection)} - UNLOGGED_ATTRIBUTES <= CONDITIONS.keys() | HIDDEN_KEYS


ODD = (
    [], ["x"], "x", 7, {"format": "zz"}, {"reader": "zz"}, {"bbox": "abc"}, {"bbox": [1e308, "1"]}, {"near": 1},
    {"time": 1}, {"as_of": {}}, {"rows": "q"}, {"where": [1]}, {"where": {"a": 3}}, {"sort": 1}, {"restricted": "x"},
    {"q": "<img src=x onerror=alert(1)>{{7*7}}"},
)  # fmt: skip
"""Selections that the application does not log; the writer login could."""


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_malformed_entry_does_not_break_the_page(odd, browser, connect):
    with connect("cotmoc_writer") as writer, writer.transaction():
        writer.execute("select set_config('cotmoc.actor', 'mallory', true)")
        writer.execute("select app.journal_read('incidents', null, 'read', %s)", [Jsonb(odd)])
    browser.sign_in("lan")
    page = browser.get("/readings")
    assert page.status_code == 200
    assert "mallory" in page.text
    assert "<img src=x" not in page.text
    assert browser.get("/api/readings").status_code == 200


def test_concurrent_reads_are_logged_with_their_own_context(browser, second_browser, connect):
    """Actor, request id and device time stay with their read, although reads share pipelined connections."""
    browser.sign_in("lan")
    second_browser.sign_in("minh")
    body = {"category": "drainage", "geometry": POINT, "level": "restricted"}
    created = browser.post("/ogc/collections/incidents/items", body)
    item = f"/ogc/collections/incidents/items/{created.json()['id']}"

    def read(turn):
        clock = f"2026-11-21T08:00:{turn:02d}+07:00" if turn % 3 == 0 else ""
        actor, reader = ("lan", browser) if turn % 2 else ("minh", second_browser)
        answer = reader.get(item, X_Device_At=clock)
        assert answer.status_code == 200
        return answer.headers["x-request-id"], (actor, clock or None, None)

    with ThreadPoolExecutor(8) as pool:
        expected = dict(pool.map(read, range(40)))
    rows = connect().execute(
        "select request, actor, device_at, reason from app.journal where action = 'read' and request = any(%s)",
        [list(expected)],
    )
    assert {request: tuple(rest) for request, *rest in rows} == expected


@pytest.mark.parametrize("actor", ["hoa", "khach"])
def test_planner_and_committee_may_not_read_the_access_log(actor, browser):
    browser.sign_in(actor)
    for path in ("/readings", "/api/readings", f"/api/readings?by={actor}"):
        assert browser.get(path).status_code == 403, path
    assert "/readings" not in browser.get("/works").text


@pytest.mark.parametrize("wrong", ["after=x", "after=-1", "layer=x", "since=x", "nonsense=1", "limit=0"])
def test_invalid_parameters_are_refused(wrong, browser):
    browser.sign_in("lan")
    answer = browser.get(f"/api/readings?{wrong}")
    assert answer.status_code in (400, 404, 422), answer.text
