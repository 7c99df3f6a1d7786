"""The pages of accounts: sign-in, invitation, the person's own account, people and tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from gis.accounts import MIN_LENGTH
from gis.text import Text
from maps.rendering import localized, render

MESSAGES: dict[str, Text] = {
    "sign_in_with": Text("Đăng nhập bằng {name}", "Sign in with {name}"),
    "sign_out_everywhere": Text("Đăng xuất khỏi tất cả thiết bị", "Sign out on all devices"),
    "sign_out_everywhere_confirm": Text(
        "Đăng xuất khỏi tất cả thiết bị, kể cả thiết bị này? Nội dung đang nhập chưa lưu trên các thiết bị đó sẽ mất.",
        "Sign out on all devices, this one too? Anything entered but not saved on them is lost.",
    ),
    "sign_out_person_confirm": Text("Đăng xuất {name} khỏi tất cả thiết bị?", "Sign {name} out on all devices?"),
    "drop_second_factor_confirm": Text(
        "Hủy xác thực hai lớp của {name}? Sau đó chỉ cần mật khẩu để đăng nhập.",
        "Remove the second factor of {name}? From then on a password alone signs in.",
    ),
    "old_password": Text("Mật khẩu hiện tại", "Current password"),
    "new_password": Text("Mật khẩu mới", "New password"),
    "repeat_password": Text("Nhập lại mật khẩu mới", "Repeat the new password"),
    "passwords_differ": Text("Mật khẩu nhập lại không khớp", "The passwords do not match"),
    "password_hint": Text(
        "Tối thiểu {n} ký tự; nên dùng một câu dễ nhớ. Có thể dán từ trình quản lý mật khẩu.",
        "At least {n} characters; an easily remembered sentence is good. Pasting from a password manager works.",
    ),
    "password_forgotten": Text(
        "Quên mật khẩu hoặc mất điện thoại: đề nghị quản trị viên cấp liên kết mới.",
        "Forgotten password or lost phone: ask an administrator for a new link.",
    ),
    "needs_script": Text("Cần bật JavaScript để sử dụng trang này.", "Enable JavaScript to use this page."),
    "no_accounts_yet": Text(
        "Chưa tạo tài khoản: người dùng tại máy này có quyền của cơ quan thường trực."
        " Tạo quản trị viên đầu tiên trên máy chủ:",
        "No accounts yet: users of this machine have the rights of the office."
        " Create the first administrator on the server:",
    ),
    "choose_password": Text("Đặt mật khẩu", "Set a password"),
    "password_chosen": Text(
        "Đã lưu mật khẩu. Hãy đăng nhập bằng tên {name}.", "The password is saved. Please sign in as {name}."
    ),
    "invitation_incomplete": Text(
        "Địa chỉ thiếu mã liên kết. Hãy mở đúng liên kết do quản trị viên cấp.",
        "The URL lacks the secret of the link. Open the complete link that the administrator gave you.",
    ),
    "change_password": Text("Đổi mật khẩu", "Change password"),
    "others_signed_out": Text("Các thiết bị khác sẽ bị đăng xuất.", "All other devices will be signed out."),
    "second_factor": Text("Xác thực hai lớp", "Second factor"),
    "second_factor_on": Text("đã bật", "set up"),
    "second_factor_off": Text("chưa bật", "not set up"),
    "second_factor_required": Text(
        "Quản trị viên phải bật xác thực hai lớp trước khi thực hiện thao tác khác.",
        "Administrators must set up a second factor before doing anything else.",
    ),
    "second_factor_new": Text("Tạo mã QR", "Create a QR code"),
    "second_factor_scan": Text(
        "Quét mã này bằng ứng dụng xác thực trên điện thoại, rồi nhập mã 6 chữ số hiển thị trên ứng dụng.",
        "Scan this with the authenticator on your phone, then enter the six digits it shows.",
    ),
    "second_factor_picture": Text("Mã QR của xác thực hai lớp", "QR code of the second factor"),
    "second_factor_by_hand": Text("Hoặc nhập thủ công:", "Or type it in:"),
    "second_factor_confirm": Text("Bật", "Set up"),
    "enrol": Text("Thêm người dùng", "Add a user"),
    "person_title": Text("Chức danh", "Title"),
    "unit_hint": Text(
        "Cán bộ đơn vị biên giới xem được nhiệm vụ và đoạn biên giới do đơn vị mình phụ trách.",
        "A border officer sees the tasks and border sections in the charge of their own unit.",
    ),
    "role_since": Text("Từ ngày", "Since"),
    "last_seen": Text("Hoạt động gần nhất", "Last active"),
    "dismissed_on": Text("đã khóa ngày {day}", "disabled on {day}"),
    "invited_until": Text("liên kết có hiệu lực đến {moment}", "link valid until {moment}"),
    "change_account": Text("Sửa tài khoản {name}", "Change the account of {name}"),
    "appoint": Text("Thay đổi vai trò, đơn vị", "Change role or unit"),
    "effective_at_once": Text("Có hiệu lực ngay.", "Takes effect at once."),
    "new_link": Text("Cấp liên kết mật khẩu mới", "New password link"),
    "new_link_hint": Text(
        "Mật khẩu cũ hết hiệu lực ngay; tài khoản bị đăng xuất khỏi tất cả thiết bị.",
        "The old password stops working at once; the account is signed out on all devices.",
    ),
    "link_once": Text(
        "Liên kết chỉ hiển thị và sử dụng một lần, có hiệu lực đến {moment}. Hãy giao trực tiếp cho người nhận.",
        "The link is shown once and works once, until {moment}. Hand it to the user yourself.",
    ),
    "token_once": Text(
        "Mã chỉ hiển thị một lần. Hãy lưu ở nơi bảo mật của hệ thống sử dụng mã.",
        "The token is shown once. Store it where the system that uses it keeps its secrets.",
    ),
    "copy_secret": Text("Sao chép", "Copy"),
    "copied": Text("Đã sao chép", "Copied"),
    "drop_second_factor": Text("Hủy xác thực hai lớp do mất thiết bị", "Remove the second factor of a lost device"),
    "dismiss": Text("Khóa tài khoản", "Disable account"),
    "dismiss_confirm": Text(
        "Khóa tài khoản {name}? Tài khoản hết hiệu lực ngay.", "Disable the account {name}? It stops working at once."
    ),
    "issue_token": Text("Cấp mã truy cập", "Issue a token"),
    "token_name": Text("Tên", "Name"),
    "recovery_codes": Text("Mã khôi phục", "Recovery codes"),
    "recovery_hint": Text(
        "Mỗi mã dùng một lần thay cho mã xác thực khi mất điện thoại. Hãy in và cất giữ riêng.",
        "Each code replaces the authenticator's code once when the phone is lost. Print them and keep them apart.",
    ),
    "recovery_left": Text("Còn {n} mã chưa sử dụng.", "{n} codes are left."),
    "recovery_new": Text("Tạo 10 mã mới", "Create 10 new codes"),
    "recovery_once": Text("Chỉ hiển thị một lần; mã cũ hết hiệu lực.", "Shown once; earlier codes no longer work."),
    "recovery_use": Text("Mất điện thoại? Dùng mã khôi phục", "Lost your phone? Use a recovery code"),
    "sign_ins": Text("Lịch sử đăng nhập", "Sign-in history"),
    "sign_ins_hint": Text(
        "30 ngày qua. Nếu có lần đăng nhập không phải của mình: đăng xuất phiên đó và đổi mật khẩu.",
        "The last 30 days. If a sign-in was not yours: sign that session out and change the password.",
    ),
    "current_session": Text("phiên hiện tại", "current session"),
    "sign_in_ended": Text("đã kết thúc", "ended"),
    "sign_out_session": Text("Đăng xuất phiên {moment}", "Sign out the session of {moment}"),
    "unknown_device": Text("không rõ thiết bị", "unknown device"),
    "scope_release": Text("chỉ xem bản chia sẻ “{name}”", "read only the release “{name}”"),
    "per_minute": Text("Giới hạn số lần mỗi phút", "Requests per minute, at most"),
    "uses": Text("Lịch sử sử dụng", "Usage"),
    "uses_of": Text("Lịch sử sử dụng {name}", "Usage of {name}"),
    "uses_hint": Text(
        "Theo ngày và địa chỉ, 90 ngày qua; “bị từ chối” gồm cả khi mã đã thu hồi hoặc địa chỉ ngoài phạm vi cho phép.",
        "By day and IP address, the last 90 days; “refused” includes requests after revocation or from an IP address"
        " that is not allowed.",
    ),
    "calls": Text("{n} lần", "{n} times"),
    "calls_refused": Text("{n} lần bị từ chối", "{n} refused"),
    "calls_refused_in_7_days": Text("{n} lần bị từ chối trong 7 ngày", "{n} refused in 7 days"),
    "scopes": Text("Phạm vi", "Scope"),
    "scope_read": Text("xem", "read"),
    "scope_write": Text("cập nhật", "write"),
    "networks": Text("Từ địa chỉ", "From IP addresses"),
    "networks_hint": Text(
        "10.0.0.0/8, cách nhau bằng dấu phẩy; để trống: mọi địa chỉ",
        "10.0.0.0/8, separated by commas; empty: any IP address",
    ),
    "any_address": Text("mọi địa chỉ", "any IP address"),
    "expires": Text("Hết hạn", "Expires"),
    "last_used": Text("Lần sử dụng gần nhất", "Last used"),
    "never_used": Text("chưa sử dụng", "never used"),
    "issued_by": Text("Người cấp", "Issued by"),
    "revoke": Text("Thu hồi", "Revoke"),
    "revoke_token": Text("Thu hồi mã truy cập {name}", "Revoke {name}"),
    "revoke_confirm": Text(
        "Thu hồi {name}? Hệ thống đang sử dụng mã sẽ bị từ chối ngay.",
        "Revoke {name}? The system that uses it is refused at once.",
    ),
    "revoked_on": Text("đã thu hồi {day}", "revoked {day}"),
    "expired": Text("đã hết hạn", "expired"),
    "empty_tokens": Text("Chưa cấp mã truy cập cho hệ thống nào.", "No system has a token yet."),
}
"""Messages that only these pages need."""

REJECTIONS = {
    "provider": Text(
        "Không đăng nhập được qua hệ thống định danh. Hãy thử lại hoặc liên hệ quản trị viên.",
        "Signing in with the identity provider failed. Please try again, or ask an administrator.",
    ),
    "unknown": Text(
        "Danh tính đã được xác thực nhưng chưa có tài khoản tương ứng trong hệ thống này. Quản trị viên đăng nhập bằng"
        " mật khẩu và mã xác thực.",
        "The identity provider has confirmed who you are, but there is no account for you here. Administrators sign in"
        " with their password and code.",
    ),
}
"""Why signing in with the identity provider failed."""


def _page(template: str, language: str, path: str, **context: Any) -> str:
    return render(template, language, path=path, page_messages=MESSAGES, **context)


def sign_in_page(language: str, *, next_path: str, has_accounts: bool, rejection: str = "", **context: Any) -> str:
    """The sign-in page.

    ``next_path`` is where to go after signing in. ``rejection`` is the key in ``REJECTIONS`` of the reason why signing
    in with the identity provider has failed.
    """
    return _page(
        "pages/sign_in.html",
        language,
        "/signin",
        next_path=next_path,
        has_accounts=has_accounts,
        rejection=localized(REJECTIONS.get(rejection), language),
        **context,
    )


def invitation_page(language: str, **context: Any) -> str:
    """The page behind an invitation link, where a password is chosen."""
    return _page("pages/invitation.html", language, "/signin/password", min_length=MIN_LENGTH, **context)


def account_page(language: str, **context: Any) -> str:
    """The page of the person's own account."""
    return _page("pages/account.html", language, "/account", min_length=MIN_LENGTH, **context)


def admin_page(
    language: str, resource: str, rows: Sequence[Mapping[str, Any]], *, roles: Mapping[str, Text], **context: Any
) -> str:
    """The page of ``people`` or of ``tokens``, by ``resource``. ``roles`` are the roles that can be assigned."""
    choices = [(name, localized(title, language)) for name, title in roles.items()]
    return _page(
        f"pages/{resource}.html", language, f"/{resource}", titles=roles, roles=choices, **{resource: rows}, **context
    )
