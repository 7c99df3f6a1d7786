"""Pages as of a past time (map, lists, board), and the change log."""

import datetime as dt
import re

from httpx import Client
from playwright.sync_api import Page, expect

from maps.labels import actor_text
from tests.factories import incident, now, patch, task, transition, work

VIETNAM = dt.timezone(dt.timedelta(hours=7))


def as_text(moment: dt.datetime) -> str:
    """A time as the pages write it."""
    return f"{moment.astimezone(VIETNAM):%d/%m/%Y %H:%M}"


def move_history_back(connect, layer: str, feature: dict, minutes: int) -> None:
    """Move the history of a feature into the past, so that a test need not wait."""
    admin = connect()
    admin.execute(
        f"update app.{layer}_history set valid = tstzrange(lower(valid) - %(ago)s, upper(valid) - %(ago)s)"
        " where id = %(id)s and not upper_inf(valid)",
        {"id": feature["id"], "ago": dt.timedelta(minutes=minutes)},
    )
    admin.execute(
        f"update app.{layer}_history set valid = tstzrange(lower(valid) - %(ago)s, null)"
        " where id = %(id)s and upper_inf(valid)",
        {"id": feature["id"], "ago": dt.timedelta(minutes=minutes)},
    )


def test_list_as_of_a_past_time_keeps_it_in_its_links(client: Client) -> None:
    repair = work(client, title="Tên ngày ấy", due_on="2026-11-20")
    then = now()
    patch(client, "works", repair, title="Tên hôm nay")
    page = client.get("/works", params={"as_of": then.isoformat(), "q": "Tên"}).text
    assert "Tên ngày ấy" in page
    assert "Tên hôm nay" not in page
    assert f"Xem tại thời điểm {as_text(then)}" in page
    assert "Về hiện tại" in page
    quoted = re.escape("as_of=") + r"[^&\"]+"
    for start in ("/api/export/works", "/?tab=works", f"/works/{repair['id']}", "/gates", "/tasks", "/board"):
        (first, *_) = re.findall(rf'href="({re.escape(start)}[^"]*)"', page)
        assert re.search(quoted, first), first
    (now_link,) = set(re.findall(r'data-now href="([^"]*)"', page))
    assert now_link == "/works?q=T%C3%AAn"
    assert "Xem tại thời điểm" not in client.get("/works").text
    assert client.get("/works", params={"as_of": "20/11/2026 17:30"}).status_code == 200
    assert client.get("/works", params={"as_of": "31/02/2026"}).status_code == 400


def test_export_as_of_a_past_time_has_the_past_rows(client: Client) -> None:
    repair = work(client, title="Bản ghi cũ")
    then = now()
    patch(client, "works", repair, title="Bản ghi mới")
    page = client.get("/works", params={"as_of": then.isoformat(), "q": "Bản ghi"}).text
    (url, *_) = re.findall(r'href="(/api/export/works[^"]*f=geojson[^"]*)"', page)
    exported = client.get(url.replace("&amp;", "&")).json()
    assert [feature["properties"]["title"] for feature in exported["features"]] == ["Bản ghi cũ"]
    assert dt.datetime.fromisoformat(exported["as_of"]) == then


def test_urgency_is_that_of_the_past_time(client: Client, connect) -> None:
    today = now().astimezone(VIETNAM).date()
    repair = work(client, title="Sắp đến hạn", due_on=str(today - dt.timedelta(days=1)))
    move_history_back(connect, "works", repair, 60 * 24 * 3)
    url = f"/ogc/collections/works/items/{repair['id']}"
    assert client.get(url).json()["properties"]["urgency"] == "overdue"
    then = now() - dt.timedelta(days=2)
    assert client.get(url, params={"as_of": then.isoformat()}).json()["properties"]["urgency"] == "planned"
    assert "Sắp đến hạn" not in client.get("/works", params={"as_of": then.isoformat(), "urgency": "overdue"}).text
    assert "Sắp đến hạn" in client.get("/works", params={"urgency": "overdue"}).text


def test_board_counts_as_of_a_past_time_and_changes_since(client: Client) -> None:
    before = now()
    critical_incident = incident(client, severity="critical")
    between = now()
    transition(client, "incidents", critical_incident, "dismissed")
    figure = re.compile(r"<strong>(\d+)</strong><span>sự vụ đang xử lý")
    then, today = (
        int(figure.search(client.get("/board", params=query).text)[1]) for query in ({"as_of": between.isoformat()}, {})
    )
    assert then == today + 1
    page = client.get("/board", params={"since": before.isoformat()}).text
    assert re.search(r'href="/changes\?since=[^"]+">Từ phiên họp trước \(\d\d/\d\d/\d{4}\): Sự vụ 1<', page)
    quiet = client.get("/board", params={"since": now().isoformat()}).text
    assert "không có</a>" in quiet


def test_change_log_shows_actor_values_and_reason_by_day(client: Client) -> None:
    since = now()
    place = {"type": "Point", "coordinates": [105.95, 11.69]}
    logged = incident(client, geometry=place, place=None)
    there = {"type": "Point", "coordinates": [105.9503, 11.69]}
    patch(client, "incidents", logged, geometry=there, severity="high", reason="đo lại <i>GPS</i>")
    repair = work(client, title="Sửa mốc")
    step = client.get(f"/ogc/collections/works/items/{repair['id']}/steps").json()["steps"][0]["code"]
    client.post(f"/ogc/collections/works/items/{repair['id']}/steps", json={"code": step, "on": "2026-11-01"})
    page = client.get("/changes", params={"since": since.isoformat()}).text
    assert f"<h2>{as_text(since)[:10]}</h2>" in page
    for text in ("điều chỉnh vị trí 33 m", "Mức độ: Trung bình → <b>Nghiêm trọng</b>",
                 "đo lại &lt;i&gt;GPS", "Sửa: Bước quy trình",
                 "Ngày thực hiện: <b>01/11/2026</b>", "Tạo hồ sơ", "office", logged["properties"]["code"]):  # fmt: skip
        assert text in page, text
    assert f'href="/?select=incidents/{logged["id"]}"' in page
    assert f'href="/?select=incidents/{logged["id"]}&amp;as_of=' in page
    english = client.get("/changes", params={"since": since.isoformat(), "lang": "en"}).text
    for text in (
        "position adjusted by 33 m",
        "Severity: Medium → <b>High</b>",
        "Changed: Step of the procedure",
        "View as of this time",
    ):
        assert text in english, text
    client.cookies.clear()
    only = client.get("/changes", params={"since": since.isoformat(), "layer": "works"}).text
    assert "Sửa mốc" in only
    assert logged["properties"]["code"] not in only
    assert "Không có thay đổi nào" in client.get("/changes", params={"since": now().isoformat()}).text
    assert "Không có thay đổi nào" in client.get("/changes", params={"since": since.isoformat(), "by": "ai đó"}).text


def test_changes_of_the_system_name_it_in_the_language_of_the_page(client: Client) -> None:
    changes = {"since": "2020-01-01", "by": "system"}
    assert "· Hệ thống" in client.get("/changes", params=changes).text
    assert "· System" in client.get("/changes", params={**changes, "lang": "en"}).text
    client.cookies.clear()
    assert (actor_text("office", "vi"), actor_text(None, "vi")) == ("office", "")


def test_similar_changes_are_counted_instead_of_listed(client: Client) -> None:
    since = now()
    for number in range(12):
        task(client, title=f"Việc thứ {number}")
    page = client.get("/changes", params={"since": since.isoformat()}).text
    assert len(re.findall(r"<li>\s*<p class=\"when\"", page)) == 4
    assert "và 8 mục nữa" in page


def test_map_as_of_a_past_time_is_read_only_and_returns_to_the_present(
    page: Page, site_url: str, client: Client
) -> None:
    logged = incident(client, severity="low", place={"text": "147/6"})
    then = now()
    patch(client, "incidents", logged, severity="critical")
    code = logged["properties"]["code"]
    page.goto(f"{site_url}/?tab=incidents&layers=markers,incidents&as_of={then.isoformat().replace('+', '%2B')}")
    expect(page.locator(".then")).to_contain_text(f"Xem tại thời điểm {as_text(then)}")
    row = page.locator("#rows .row", has_text=code)
    expect(row).to_contain_text("Ít nghiêm trọng")
    expect(page.locator(".chip")).to_have_text(["+ lọc"])
    row.click()
    expect(page).to_have_url(re.compile("as_of=.*select=|select=.*as_of="))
    page.locator(".record, .card").first.wait_for()
    if (button := page.get_by_role("button", name="Mở hồ sơ")).count():
        button.click()
    record = page.locator(".record")
    expect(record).to_contain_text("Ít nghiêm trọng")
    expect(record.get_by_role("button", name="Sửa", exact=True)).to_have_count(0)
    expect(record.get_by_role("button", name="Cập nhật tình trạng")).to_have_count(0)
    page.locator(".then [data-now]").click()
    expect(page.locator(".then")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("as_of"))
    expect(page).to_have_url(re.compile(logged["id"]))


def test_past_time_is_entered_in_vietnamese_notation(desktop_page: Page, site_url: str, client: Client) -> None:
    task(client)
    desktop_page.goto(f"{site_url}/tasks?state=draft")
    desktop_page.get_by_text("Số liệu đến").click()
    field = desktop_page.get_by_label("Xem lại tại thời điểm")
    field.fill("31/02/2026")
    desktop_page.get_by_role("button", name="Xem", exact=True).click()
    expect(desktop_page.locator(".then")).to_have_count(0)
    field.fill("20/11/2026 17:30")
    desktop_page.get_by_role("button", name="Xem", exact=True).click()
    expect(desktop_page.locator(".then")).to_contain_text("Xem tại thời điểm 20/11/2026 17:30")
    expect(desktop_page).to_have_url(re.compile(r"/tasks\?state=draft&as_of=2026-11-20T17%3A30"))
    desktop_page.locator("nav.navigation summary", has_text="Công việc").click()
    desktop_page.get_by_role("link", name="Sự vụ", exact=True).click()
    expect(desktop_page.locator(".then")).to_contain_text("20/11/2026 17:30")
