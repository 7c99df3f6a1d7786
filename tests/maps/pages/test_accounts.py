"""Sign-in and the pages of accounts in a real Chromium, on a desktop screen and on a phone."""

import pyotp
import pytest
from playwright.sync_api import Page, expect

from gis.accounts.people import enrol
from tests.typefaces import in_each_typeface

PASSWORD = "một câu dài để vào nhà"
SECRET = pyotp.random_base32()


@pytest.fixture(scope="module", autouse=True)
def staff(accounts):
    """An officer with a long name and unit, and an administrator."""
    unit = "Đồn Biên phòng cửa khẩu quốc tế Tân Nam"
    with accounts.transaction("test") as session:
        enrol(session, "officer.of.the-night.watch", "officer", unit=unit, password=PASSWORD, title="Sĩ quan trực ban")
        enrol(session, "chief", "administrator", password=PASSWORD, second_factor=SECRET)
    while accounts.recheck_due:
        assert accounts.sign_in_required()


def assert_fits(page: Page) -> None:
    """The page does not scroll sideways."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def sign_in(page: Page, name: str, code: str = "") -> None:
    page.get_by_label("Tên đăng nhập").fill(name)
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_label("Mã xác thực").fill(code)
    page.get_by_role("button", name="Đăng nhập").click()


def test_sign_in_by_keyboard_leads_to_the_requested_page(page: Page, site_url: str) -> None:
    page.goto(f"{site_url}/works?urgency=overdue")
    expect(page.get_by_role("heading", name="Đăng nhập")).to_be_visible()
    assert_fits(page)
    page.keyboard.type("officer.of.the-night.watch")  # The name field has the focus.
    page.keyboard.press("Tab")
    page.keyboard.type("không phải mật khẩu")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Tên, mật khẩu hoặc mã không đúng")
    page.keyboard.type(PASSWORD)  # The wrong password is selected.
    page.keyboard.press("Enter")
    page.wait_for_url("**/works?urgency=overdue")
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "__Host-cotmoc")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")
    assert cookie["expires"] == -1
    assert "__Host-cotmoc" not in page.evaluate("document.cookie")


@in_each_typeface
def test_account_menu_fits_every_page_names_the_role_and_signs_out(page: Page, site_url: str) -> None:
    page.goto(f"{site_url}/signin?next=/account")
    sign_in(page, "officer.of.the-night.watch")
    page.wait_for_url(f"{site_url}/account")
    menu = page.locator("details.person")
    for path in ("/", "/works", "/board", "/incidents/new", "/ogc", "/account"):
        page.goto(f"{site_url}{path}")
        assert_fits(page)
        box = menu.locator("summary").bounding_box()
        assert box is not None, path
        assert box["x"] >= 0, path
        assert box["x"] + box["width"] <= page.viewport_size["width"], path
        bar = page.locator("header.bar")
        assert bar.evaluate("bar => bar.scrollHeight <= bar.clientHeight"), path
        menu.locator("summary").click()
        expect(menu).to_contain_text("Cán bộ đơn vị biên giới · Đồn Biên phòng cửa khẩu quốc tế Tân Nam")
        assert_fits(page)
    menu.get_by_role("button", name="Đăng xuất").click()
    page.wait_for_url("**/signin")
    page.goto(f"{site_url}/works")
    expect(page.get_by_role("heading", name="Đăng nhập")).to_be_visible()


def test_input_is_sent_after_signing_in_again_if_the_session_expires(page: Page, site_url: str, connect) -> None:
    page.goto(f"{site_url}/signin?next=/incidents/new")
    sign_in(page, "officer.of.the-night.watch")
    page.wait_for_url(f"{site_url}/incidents/new")
    page.get_by_label("Địa điểm xảy ra", exact=True).and_(page.get_by_role("textbox")).fill("147/6 + 120 m")
    candidate = page.locator(".candidate").filter(has_text="147/6 + 120 m").first
    if candidate.count():
        candidate.click()
    page.locator("#categories").get_by_text("Hư hại mốc", exact=True).click()
    page.get_by_placeholder("Tóm tắt sự vụ").fill("Mốc nghiêng")
    expect(page.locator(".place-control .said")).to_contain_text("147/6 + 120 m")
    connect().execute("update app.sign_ins set seen_at = now() - interval '31 minutes'")
    page.get_by_role("button", name="Gửi").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("hãy đăng nhập lại")
    assert_fits(page)
    dialog.get_by_label("Mật khẩu").fill("không phải mật khẩu")
    dialog.get_by_role("button", name="Đăng nhập").click()
    expect(dialog.get_by_role("alert")).to_contain_text("không đúng")
    dialog.get_by_label("Mật khẩu").fill(PASSWORD)
    dialog.get_by_role("button", name="Đăng nhập").click()
    page.wait_for_url("**select=**")
    actor, text = (
        connect()
        .execute("select created_by, description from app.incidents order by created_at desc limit 1")
        .fetchone()
    )
    assert (actor, text) == ("officer.of.the-night.watch", "Mốc nghiêng")


def test_administrator_adds_a_person_and_issues_and_revokes_a_token(page: Page, site_url: str, connect) -> None:
    connect().execute("update app.people set last_step = null")
    page.goto(f"{site_url}/signin?next=/people")
    sign_in(page, "chief", pyotp.TOTP(SECRET).now())
    page.wait_for_url(f"{site_url}/people")
    assert_fits(page)
    login = f"planner{page.viewport_size['width']}"
    page.get_by_role("button", name="Thêm người dùng").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Tên đăng nhập").fill("sai tên")
    dialog.get_by_label("Vai trò").select_option("planner")
    dialog.get_by_role("button", name="Thêm người dùng").click()
    assert dialog.get_by_label("Tên đăng nhập").evaluate("field => !field.validity.valid")
    dialog.get_by_label("Tên đăng nhập").fill(login)
    dialog.get_by_role("button", name="Thêm người dùng").click()
    link = page.locator("dialog.once").get_by_role("textbox").input_value()
    assert link.startswith(f"{site_url}/signin/password#")
    assert_fits(page)
    page.get_by_role("button", name="Đóng").click()
    expect(page.locator("tr", has_text=login)).to_contain_text("liên kết có hiệu lực đến")

    page.goto(f"{site_url}/tokens")
    page.get_by_role("button", name="Cấp mã").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Tên").first.fill(f"bảng tin {login}")
    dialog.get_by_role("button", name="Cấp mã").click()
    token = page.locator("dialog.once").get_by_role("textbox").input_value()
    assert token.startswith("cm_")
    page.get_by_role("button", name="Đóng").click()
    row = page.locator("tr", has_text=f"bảng tin {login}")
    expect(row).to_contain_text("chưa sử dụng")
    assert_fits(page)
    row.get_by_role("button", name="Thu hồi").click()
    page.get_by_role("dialog").get_by_role("button", name="Thu hồi").click()
    expect(row).to_contain_text("đã thu hồi")


def test_ending_sessions_needs_confirmation(desktop_page: Page, site_url: str, connect) -> None:
    name = "officer.of.the-night.watch"
    desktop_page.goto(f"{site_url}/signin?next=/account")
    sign_in(desktop_page, name)
    desktop_page.wait_for_url(f"{site_url}/account")
    desktop_page.get_by_role("button", name="Đăng xuất khỏi tất cả thiết bị").click()
    dialog = desktop_page.get_by_role("dialog")
    expect(dialog).to_contain_text("Đăng xuất khỏi tất cả thiết bị, kể cả thiết bị này?")
    dialog.get_by_role("button", name="Đóng").click()
    desktop_page.goto(f"{site_url}/account")
    expect(desktop_page.get_by_role("heading", name="Tài khoản của tôi")).to_be_visible()
    desktop_page.get_by_role("button", name="Đăng xuất khỏi tất cả thiết bị").click()
    dialog.get_by_role("button", name="Đăng xuất khỏi tất cả thiết bị").click()
    desktop_page.wait_for_url("**/signin")

    connect().execute("update app.people set last_step = null")
    desktop_page.goto(f"{site_url}/signin?next=/people")
    sign_in(desktop_page, "chief", pyotp.TOTP(SECRET).now())
    desktop_page.wait_for_url(f"{site_url}/people")
    before = connect().execute("select count(*) from app.journal").fetchone()
    desktop_page.get_by_role("button", name=f"Sửa tài khoản {name}").click()
    dialog.get_by_role("button", name="Đăng xuất khỏi tất cả thiết bị").click()
    expect(dialog).to_contain_text(f"Đăng xuất {name} khỏi tất cả thiết bị?")
    dialog.get_by_role("button", name="Đóng").click()
    expect(dialog).to_have_count(0)
    assert connect().execute("select count(*) from app.journal").fetchone() == before
