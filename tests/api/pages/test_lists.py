"""The routes of the lists: every layer, pages by number, counts and totals over all rows, and the reader's rights."""

import re
from html import unescape
from http import HTTPStatus

import httpx
import pytest
from httpx import Client

from api.app import create_app
from api.pages import lists
from api.settings import Settings
from gis.accounts import Accounts
from gis.db import Database
from gis.model import catalog
from gis.model.layer import Layer
from tests.factories import incident, work

HTML = {"accept": "text/html"}
RECORD = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module", autouse=True)
def more_works(client: Client) -> None:
    for number in range(9):
        work(
            client,
            title=f"Công trình thử {number}",
            unit="Ban Một" if number % 3 else "Ban Hai, phòng Ba",
            cost_planned=100.5,
            due_on=f"2031-0{number + 1}-15",
        )


def ids_of(html: str) -> list[str]:
    return re.findall(r'<tr data-id="([^"]+)"', html)


def counts_of(html: str, name: str) -> dict[str, int]:
    """The options of a filter with their counts."""
    found_options = re.findall(rf'name="{name}" value="([^"]*)".*?<small>(.*?)</small>', html)
    return {unescape(value): int(number.replace(".", "")) for value, number in found_options}


@pytest.mark.parametrize("layer", sorted(catalog))
def test_every_layer_has_a_list_and_its_record_beside_it(client: Client, layer: str) -> None:
    features = client.get(f"/ogc/collections/{layer}/items", params={"limit": 200}).json()["features"]
    records = [f"/{layer}/{feature['id']}" for feature in features[:1]]
    for path in (f"/{layer}", *records, f"/{layer}?print=1", f"/{layer}?q=khongco"):
        answer = client.get(path, headers=HTML)
        assert answer.status_code == HTTPStatus.OK, path
        assert "<h1>" in answer.text
    assert client.get(f"/{layer}/{RECORD}", headers=HTML).status_code == HTTPStatus.NOT_FOUND
    assert sorted(ids_of(client.get(f"/{layer}").text)) == sorted(feature["id"] for feature in features)[:200]


@pytest.mark.parametrize("path", ["/nothing", "/works/nothing", "/nothing/new", "/board/new", "/healthz/x"])
def test_unknown_path_is_not_found(client: Client, path: str) -> None:
    assert client.get(path, headers=HTML).status_code == HTTPStatus.NOT_FOUND


def test_form_for_a_layer_that_nobody_edits_is_refused(client: Client) -> None:
    assert client.get("/works/new").status_code == HTTPStatus.OK
    assert client.get("/lines/new").status_code == HTTPStatus.FORBIDDEN
    assert "refusal" not in client.get("/incidents/new").text.split("<main")[0]


def test_layer_may_not_have_the_name_of_a_page(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, database: Database, accounts: Accounts
) -> None:
    layer: Layer = catalog["incidents"]
    paths = ["/board", "/releases/{release}", "/works/new", "/incidents/new", "/", ""]
    lists.refuse_reserved_names(paths, {"incidents": layer, "tasks": layer})
    for name in ("board", "releases", "works"):
        with pytest.raises(ValueError, match=name):
            lists.refuse_reserved_names(paths, {name: layer, "incidents": layer})
    for name in ("board", "people", "ogc", "static", "healthz", "map.js"):
        monkeypatch.setattr("api.app.catalog", {name: layer})
        with pytest.raises(ValueError, match=re.escape(f"the name of a layer: {name}")):
            create_app(settings, database, accounts)


def test_pages_by_number_hold_every_row_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.pages.lists.ROWS_PER_PAGE", 4)
    total = client.get("/ogc/collections/works/items", params={"limit": 1, "count": "exact"}).json()["numberMatched"]
    for sort in ("", "-urgency", "due_on", "-unit"):
        pages = [
            client.get("/works", params={"page": number, "sort": sort}).text for number in range(1, -(-total // 4) + 1)
        ]
        rows = [row for page in pages for row in ids_of(page)]
        assert len(rows) == len(set(rows)) == total, sort
        assert f"5–8 / {total} công trình" in pages[1]
    assert "Danh sách không có trang này." in client.get("/works?page=900").text


def test_print_has_the_rows_that_the_list_counts(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.pages.lists.ROWS_PER_PAGE", 4)
    everything = client.get("/works?print=1").text
    total = client.get("/ogc/collections/works/items", params={"limit": 1, "count": "exact"}).json()["numberMatched"]
    assert len(ids_of(everything)) == total
    assert "Bản in có" not in everything
    monkeypatch.setattr("api.pages.lists.PRINTED_ROWS", 5)
    assert f"Bản in có 5 dòng đầu trong {total} dòng" in client.get("/works?print=1").text


def test_filter_counts_all_rows_under_the_other_filters(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.pages.lists.ROWS_PER_PAGE", 2)
    html = client.get("/works", params={"q": "Công trình thử", "unit": "Ban Một"}).text
    units = counts_of(html, "unit")
    assert (units["Ban Một"], units["Ban Hai, phòng Ba"]) == (6, 3), "its own choice does not narrow a filter"
    assert [number for unit, number in units.items() if not unit.startswith("Ban ")] == [0] * (len(units) - 2)
    assert sum(counts_of(html, "kind").values()) == 6
    assert "1–2 / 6 công trình" in html


def test_counts_agree_with_the_items_for_every_filter(client: Client) -> None:
    for layer in ("works", "tasks", "gates", "markers", "units", "documents"):
        html = client.get(f"/{layer}").text
        for name in re.findall(r'data-filter="(\w+)"', html):
            for value, number in list(counts_of(html, name).items())[:4]:
                query = {name: value, "limit": 1, "count": "exact"}
                items = client.get(f"/ogc/collections/{layer}/items", params=query).json()
                assert items["numberMatched"] == number, (layer, name, value)


def test_several_values_of_one_filter_are_any_of_them(client: Client) -> None:
    query = [("q", "Công trình thử"), ("unit", "Ban Một"), ("unit", "Ban Hai, phòng Ba")]
    assert len(ids_of(client.get("/works", params=query).text)) == 9
    assert len(ids_of(client.get("/works", params=query[:2]).text)) == 6


def test_ranges_of_dates_and_numbers(client: Client) -> None:
    for query, expected in (
        ({"due_on.from": "15/03/2031", "due_on.to": "15/05/2031"}, 3),
        ({"due_on.from": "16/03/2031"}, 6),
        ({"due_on.in": "before_today"}, 0),
        ({"cost_planned.from": "100,5"}, 9),
        ({"cost_planned.to": "100"}, 0),
        ({"datetime": "2031-01-01/2031-02-28"}, 2),
    ):
        html = client.get("/works", params={"q": "Công trình thử", **query}).text
        assert len(ids_of(html)) == expected, query
        workbook = re.search(r'href="([^"]*f=xlsx[^"]*)"', html)
        assert workbook
        export = client.get(unescape(workbook[1]).replace("f=xlsx", "f=geojson")).json()
        assert len(export["features"]) == expected, query
    refused = client.get("/works", params={"due_on.from": "31/02/2031"}, headers=HTML)
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert "Thời hạn: Ghi ngày như 20/11/2026" in refused.text


def test_last_day_of_a_range_of_times_counts_as_a_whole(client: Client) -> None:
    logged = incident(client, occurred_at="2026-03-31T16:59:00Z")  # 23:59 in Vietnam
    rows = ids_of(client.get("/incidents?occurred_at.from=31/03/2026&occurred_at.to=31/03/2026").text)
    assert rows == [logged["id"]]


def test_totals_are_those_of_all_rows(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.pages.lists.ROWS_PER_PAGE", 2)
    html = client.get("/works", params={"q": "Công trình thử", "columns": "cost_planned"}).text
    assert "904,5 triệu đồng" in html.split("<tfoot>")[1]
    assert "<tfoot>" not in client.get("/works?columns=due_on").text


def test_reader_sees_neither_fields_nor_counts_above_the_clearance(site_url: str, client: Client) -> None:
    html = client.get("/works?as_of=2020-01-01").text
    assert ids_of(html) == []
    assert "data-pick" not in html
    assert "+ Thêm" not in html


def test_workbook_of_a_list_has_its_columns_in_words(client: Client) -> None:
    html = client.get("/works", params={"q": "Công trình thử", "columns": "procedure,urgency", "sort": "-due_on"}).text
    href = re.search(r'href="([^"]*f=xlsx[^"]*)"', html)
    assert href
    answer = client.get(unescape(href[1]))
    assert answer.status_code == HTTPStatus.OK
    csv = client.get(unescape(href[1]).replace("f=xlsx", "f=csv")).text.splitlines()
    assert csv[0].removeprefix("\ufeff").startswith("Tên công trình,Quy trình phối hợp với phía bạn,Tình trạng tiến độ")
    assert csv[1].startswith("Công trình thử 8,")
    assert "Trong kế hoạch" in csv[1] or "Trong hạn" in csv[1]


def test_progress_and_events_of_a_table_for_people_are_in_words(client: Client) -> None:
    tables = {
        layer: client.get(f"/api/export/{layer}", params={"f": "csv", "properties": name}).text
        for layer, name in (("works", "procedure"), ("gates", "last_event"))
    }
    assert re.search(r"^\"?0/2 · Chủ tịch", tables["works"], re.MULTILINE)
    assert "of:" not in tables["works"]
    assert "kind:" not in tables["gates"]
    assert re.search(r"· \d\d/\d\d/\d{4}", tables["gates"])


def test_list_of_a_head_request_has_no_body(client: Client) -> None:
    answer: httpx.Response = client.head("/works")
    assert (answer.status_code, answer.content) == (HTTPStatus.OK, b"")
