"""Accounts: created on the command line and in the browser; changes of unit and closing take effect at once."""

import subprocess
import sys
import time

import httpx
import pyotp
import pytest
from playwright.sync_api import expect

from api.cli.up import CHECKOUT

PASSWORD = "một câu dài để vào nhà"
TAN_NAM = "Đồn Biên phòng cửa khẩu quốc tế Tân Nam"
ELSEWHERE = "Ban Chỉ huy Bộ đội Biên phòng tỉnh Lạng Sơn"


@pytest.fixture(scope="module")
def server(module_server):
    """A server that requires sign-in after the first administrator has been created."""
    return module_server


@pytest.fixture(scope="module")
def admin_command(server, data_root):
    """``admin_command("create", "chief")`` runs ``cotmoc admin`` beside the running server."""

    def run_admin(*arguments, password=PASSWORD, mode=0o600):
        file = data_root / "password"
        file.touch()
        file.chmod(mode)
        file.write_text(f"{password}\n", "utf-8")
        options = [] if arguments[0] == "list" else ["--password-file", file]
        command = [sys.executable, "-m", "api", "admin", *arguments, *options, "--data-dir", server.data_dir]
        return subprocess.run(
            command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL
        )

    return run_admin


@pytest.fixture(scope="module")
def totp_secret(server, admin_command):
    """The second factor of the first administrator; creating one makes sign-in required within a second."""
    assert httpx.get(f"{server.base_url}/works").status_code == 200
    refused = {
        "readable by others": admin_command("create", "chief", mode=0o644),
        "short": admin_command("create", "chief", password="ngắn"),
        "no name": admin_command("create", "Sếp lớn"),
    }
    assert {process.returncode for process in refused.values()} == {1}
    assert "chmod 600" in refused["readable by others"].stderr
    assert "12" in refused["short"].stderr
    assert httpx.get(f"{server.base_url}/works").status_code == 200
    created = admin_command("create", "chief", "--title", "Trưởng ban")
    assert created.returncode == 0, created.stderr
    time.sleep(1.1)
    assert httpx.get(f"{server.base_url}/works").status_code == 401
    uri = created.stdout.strip().splitlines()[-1]
    assert uri.startswith("otpauth://totp/Cotmoc:chief?secret=")
    assert "█" in created.stdout or "▀" in created.stdout or "▄" in created.stdout
    assert PASSWORD not in created.stdout + created.stderr
    assert admin_command("create", "chief").returncode == 1  # the name is taken
    listed = admin_command("list").stdout.strip().split("\t")
    assert listed[:3] == ["chief", "Trưởng ban", "2FA"]
    return uri.partition("secret=")[2].partition("&")[0]


def sign_in(page, name, code=""):
    page.get_by_label("Tên đăng nhập").fill(name)
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_label("Mã xác thực").fill(code)
    page.get_by_role("button", name="Đăng nhập").click()


def test_invited_officer_creates_an_incident_and_loses_access_with_unit_and_account(visitor, server, totp_secret):
    desk = visitor.open_on_desktop("/people")
    sign_in(desk, "chief", pyotp.TOTP(totp_secret).now())
    desk.wait_for_url("**/people")
    desk.get_by_role("button", name="Thêm người dùng").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Tên đăng nhập").fill("officer.1")
    dialog.get_by_label("Chức danh").fill("Đồn phó")
    dialog.get_by_label("Vai trò").select_option("officer")
    dialog.locator("[name=unit]").select_option(TAN_NAM)
    dialog.get_by_role("button", name="Thêm người dùng").click()
    link = desk.locator("dialog.once").get_by_role("textbox").input_value()
    assert link.startswith(f"{server.base_url}/signin/password#")

    phone = visitor.open_on_phone(link.removeprefix(server.base_url))
    assert "#" not in phone.url  # the page removes the secret from the URL
    phone.get_by_label("Mật khẩu mới", exact=False).first.fill(PASSWORD)
    phone.get_by_label("Nhập lại mật khẩu mới").fill(PASSWORD)
    phone.get_by_role("button", name="Lưu").tap()
    expect(phone.locator("#chosen")).to_contain_text("officer.1")
    phone.get_by_role("link", name="Đăng nhập").tap()
    sign_in(phone, "officer.1")
    phone.wait_for_url(f"{server.base_url}/")

    phone.get_by_role("link", name="Ghi sự vụ").tap()
    phone.get_by_label("Địa điểm xảy ra", exact=True).and_(phone.get_by_role("textbox")).fill("147/6 + 120 m")
    phone.locator("#categories").get_by_text("Hư hại mốc", exact=True).tap()
    expect(phone.locator(".place-control .said")).to_contain_text("147/6 + 120 m")
    phone.get_by_role("button", name="Gửi").tap()
    phone.wait_for_url("**select=**")
    expect(phone.locator(".record .timeline")).to_contain_text("officer.1")
    journal = server.query_rows("select actor, unit, action from app.journal where table_name = 'incidents'")
    assert journal == [("officer.1", TAN_NAM, "insert")]

    table = phone.context.new_page()
    table.goto("/incidents")
    expect(table.locator("tbody tr")).to_have_count(1)

    desk.get_by_role("button", name="Đóng").click()
    expect(desk.locator("tr", has_text="officer.1")).to_contain_text(TAN_NAM)
    desk.get_by_role("button", name="Sửa tài khoản officer.1").click()
    dialog = desk.get_by_role("dialog")
    dialog.locator("[name=unit]").select_option(ELSEWHERE)
    dialog.get_by_role("button", name="Thay đổi vai trò, đơn vị").click()
    expect(desk.locator("tr", has_text="officer.1")).to_contain_text(ELSEWHERE)

    table.reload()
    expect(table.locator("tbody tr")).to_have_count(0)
    table.locator("details.person summary").tap()
    expect(table.locator("details.person")).to_contain_text(ELSEWHERE)

    desk.get_by_role("button", name="Sửa tài khoản officer.1").click()
    desk.get_by_role("dialog").get_by_role("button", name="Khóa tài khoản").click()
    desk.get_by_role("dialog").get_by_role("button", name="Khóa tài khoản").click()
    expect(desk.locator("tr", has_text="officer.1")).to_contain_text("đã khóa ngày")
    table.reload()
    expect(table.get_by_role("heading", name="Đăng nhập")).to_be_visible()


def test_command_line_resets_a_lost_second_factor(server, admin_command, totp_secret):
    with httpx.Client(base_url=server.base_url) as client:
        first = client.post(
            "/signin", json={"name": "chief", "password": PASSWORD, "code": pyotp.TOTP(totp_secret).now()}
        )
        assert first.status_code in (200, 401)  # the code may have been used already
        reset = admin_command("reset", "chief", password="một câu dài mới tinh")
        assert reset.returncode == 0, reset.stderr
        new_secret = reset.stdout.strip().splitlines()[-1].partition("secret=")[2].partition("&")[0]
        assert new_secret != totp_secret
        body = {"name": "chief", "password": "một câu dài mới tinh", "code": pyotp.TOTP(new_secret).now()}
        assert client.post("/signin", json=body).status_code == 200
        assert admin_command("reset", "nobody").returncode == 1
    actors = server.query_rows("select distinct actor from app.journal where table_name = 'appointments' order by 1")
    assert actors == [("admin@machine",), ("chief",)]
