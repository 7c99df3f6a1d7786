"""Releases in a real browser: a draft is prepared, previewed, changed and submitted."""

import re

from playwright.sync_api import Page, expect


def test_release_is_prepared_previewed_and_submitted(page: Page, site_url: str) -> None:
    width = (page.viewport_size or {"width": 0})["width"]
    page.goto(f"{site_url}/releases")
    page.get_by_role("link", name="+ Soạn bản chia sẻ").first.click()
    name = f"Mốc gửi Sở {width}"
    page.get_by_label("Bản chia sẻ", exact=True).fill(name)
    page.get_by_label("Nơi nhận", exact=True).fill(f"Sở {width}")
    page.get_by_label("Căn cứ (nội dung hiển thị cho nơi nhận)").fill("48/UBND-NC")
    part = page.locator('[data-layer="markers"]')
    part.locator("summary").click()
    part.get_by_label("Bộ lọc").fill("border=VN-KH&kind=tripoint")
    page.get_by_role("button", name="Lưu nháp và xem trước").click()
    expect(page.locator(".refusal")).to_be_visible()  # No field is selected yet; the input is kept.
    part.get_by_label("Số hiệu").check()
    until = page.get_by_role("textbox", name="Đến ngày", exact=True)
    until.fill("31/02/2030")
    page.get_by_role("button", name="Lưu nháp và xem trước").click()
    expect(page.locator(".refusal")).to_contain_text("Đến ngày: Nhập ngày theo dạng 20/11/2026")
    expect(until).to_be_focused()
    until.fill("31122030")  # As on a numeric keypad without slashes.
    page.get_by_role("button", name="Lưu nháp và xem trước").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".facts").first).to_contain_text("31/12/2030")
    page.get_by_role("link", name="Sửa bản nháp").click()
    expect(until).to_have_value("31/12/2030")
    part.get_by_label("Tình trạng").check()
    page.get_by_role("button", name="Lưu nháp và xem trước").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("Mốc quốc giới · "))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Trình phê duyệt").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("theo kế hoạch phối hợp")
    page.get_by_role("dialog").get_by_role("button", name="Trình phê duyệt").click()
    expect(page.get_by_text("phê duyệt cần hai tài khoản khác nhau")).to_be_visible()
    expect(page.get_by_role("button", name="Phê duyệt", exact=True)).to_have_count(0)
    expect(page.locator(".timeline").first).to_contain_text("theo kế hoạch phối hợp")
