"""The pages of accounts: the way in, one's own account, people and tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from gis.language import Text
from gis.passwords import SHORTEST
from maps.page import render, said

WORDS: dict[str, Text] = {
    "sign_in_with": Text("Đăng nhập bằng {name}", "Sign in with {name}"),
    "sign_out_everywhere": Text("Đăng xuất mọi nơi", "Sign out everywhere"),
    "leave_everywhere_sure": Text(
        "Đăng xuất mọi nơi, kể cả ở đây? Những gì đang nhập dở trên các máy ấy sẽ mất.",
        "Sign out everywhere, here too? What is half filled in on those devices is lost.",
    ),
    "send_out_sure": Text("Đăng xuất {name} khỏi mọi thiết bị?", "Sign {name} out on every device?"),
    "drop_second_factor_sure": Text(
        "Bỏ xác thực hai lớp của {name}? Từ đó chỉ cần mật khẩu là vào được.",
        "Drop the second factor of {name}? From then on a password alone opens the account.",
    ),
    "old_password": Text("Mật khẩu hiện nay", "Present password"),
    "new_password": Text("Mật khẩu mới", "New password"),
    "once_more": Text("Nhập lại mật khẩu mới", "New password once more"),
    "not_the_same": Text("Hai lần nhập không giống nhau", "The two are not the same"),
    "password_hint": Text(
        "Từ {n} ký tự; một câu dễ nhớ là tốt. Được dán từ trình quản lý mật khẩu.",
        "{n} characters or more; a sentence is good. Pasting is welcome.",
    ),
    "forgotten": Text(
        "Quên mật khẩu hoặc mất điện thoại: quản trị viên cấp liên kết mới.",
        "Forgotten password or lost phone: an administrator gives you a new link.",
    ),
    "needs_script": Text("Trang này cần JavaScript của chính nó.", "This page needs its own JavaScript."),
    "no_accounts_yet": Text(
        "Chưa có tài khoản nào: ai ngồi ở máy này đều là cơ quan. Tạo quản trị viên đầu tiên trên máy chủ:",
        "There are no accounts yet: whoever sits at this machine is the office. Make the first administrator on it:",
    ),
    "choose_password": Text("Chọn mật khẩu", "Choose a password"),
    "password_chosen": Text(
        "Đã lưu mật khẩu. Hãy đăng nhập bằng tên {name}.", "The password is saved. Please sign in as {name}."
    ),
    "no_link": Text(
        "Địa chỉ này thiếu mã của liên kết. Hãy mở đúng liên kết quản trị viên đã đưa.",
        "The link's secret is missing from the address. Please open the link exactly as you were given it.",
    ),
    "change_password": Text("Đổi mật khẩu", "Change password"),
    "others_signed_out": Text("Mọi nơi đăng nhập khác sẽ bị đăng xuất.", "Every other browser is signed out."),
    "second_factor": Text("Xác thực hai lớp", "Second factor"),
    "second_factor_on": Text("đã bật", "set up"),
    "second_factor_off": Text("chưa bật", "not set up"),
    "second_factor_owed": Text(
        "Quản trị viên phải bật xác thực hai lớp trước khi làm việc khác.",
        "An administrator sets up a second factor before anything else.",
    ),
    "second_factor_new": Text("Tạo mã QR", "Make a QR code"),
    "second_factor_scan": Text(
        "Quét mã này bằng ứng dụng xác thực trên điện thoại, rồi nhập mã 6 số nó hiện.",
        "Scan this with the authenticator on your phone, then enter the six digits it shows.",
    ),
    "second_factor_picture": Text("Mã QR của xác thực hai lớp", "QR code of the second factor"),
    "second_factor_by_hand": Text("Hoặc nhập tay:", "Or type it in:"),
    "second_factor_confirm": Text("Bật", "Set up"),
    "enrol": Text("Thêm người", "Add a person"),
    "person_title": Text("Chức danh", "Title"),
    "unit_hint": Text(
        "Cán bộ biên giới thấy việc và đoạn biên do đơn vị mình phụ trách.",
        "A border officer sees what is the unit's and the sectors in its charge.",
    ),
    "since_when": Text("Từ ngày", "Since"),
    "last_seen": Text("Hoạt động", "Last seen"),
    "dismissed_on": Text("đã nghỉ {day}", "gone since {day}"),
    "invited_until": Text("liên kết còn hạn đến {moment}", "link open until {moment}"),
    "change_account": Text("Sửa tài khoản {name}", "Change the account of {name}"),
    "appoint": Text("Bổ nhiệm, điều chuyển", "Appoint, transfer"),
    "appointed": Text("Có hiệu lực ngay.", "It holds from this moment."),
    "new_link": Text("Cấp liên kết mật khẩu mới", "New password link"),
    "new_link_hint": Text(
        "Mật khẩu cũ hết dùng ngay và mọi nơi bị đăng xuất.", "The old password ends now, every browser is signed out."
    ),
    "link_once": Text(
        "Liên kết chỉ hiện một lần, dùng một lần, đến {moment}. Hãy đưa tận tay.",
        "The link is shown once, opens once, until {moment}. Hand it over yourself.",
    ),
    "token_once": Text(
        "Mã chỉ hiện một lần. Hãy lưu ở nơi máy kia giữ bí mật.",
        "The token is shown once. Keep it where the other machine keeps its secrets.",
    ),
    "copy_it": Text("Chép", "Copy"),
    "copied": Text("Đã chép", "Copied"),
    "drop_second_factor": Text("Bỏ xác thực hai lớp đã mất", "Drop a lost second factor"),
    "dismiss": Text("Cho nghỉ", "Dismiss"),
    "dismiss_sure": Text("Cho {name} nghỉ? Tài khoản hết hiệu lực ngay.", "Dismiss {name}? The account ends now."),
    "issue_token": Text("Cấp mã", "Issue a token"),
    "token_name": Text("Tên", "Name"),
    "recovery_codes": Text("Mã khôi phục", "Recovery codes"),
    "recovery_hint": Text(
        "Mỗi mã mở một lần thay cho mã xác thực khi mất điện thoại. In ra, cất riêng.",
        "Each opens once in place of the code when the phone is lost. Print them and keep them apart.",
    ),
    "recovery_left": Text("Còn {n} mã chưa dùng.", "{n} codes are left."),
    "recovery_new": Text("Tạo 10 mã mới", "Make ten new codes"),
    "recovery_once": Text("Chỉ hiện một lần; mã cũ không mở được nữa.", "Shown once; codes from before open no more."),
    "recovery_use": Text("Mất điện thoại? Dùng mã khôi phục", "Lost your phone? Use a recovery code"),
    "sign_ins": Text("Các lần đăng nhập", "Sign-ins"),
    "sign_ins_hint": Text(
        "30 ngày qua. Thấy lần nào không phải mình: đăng xuất nó rồi đổi mật khẩu.",
        "The last thirty days. One that was not you: sign it out, then change the password.",
    ),
    "sign_in_this": Text("đang dùng ở đây", "this one"),
    "sign_in_ended": Text("đã kết thúc", "ended"),
    "sign_out_there": Text("Đăng xuất lần đăng nhập {moment}", "Sign out the one of {moment}"),
    "unknown_device": Text("thiết bị không rõ", "unknown device"),
    "scope_release": Text("chỉ đọc bản chia sẻ “{name}”", "read the release “{name}” only"),
    "per_minute": Text("Số lần mỗi phút", "Times a minute"),
    "uses": Text("Các lần dùng", "Uses"),
    "uses_of": Text("Các lần dùng {name}", "Uses of {name}"),
    "uses_kept": Text(
        "Theo ngày và địa chỉ, 90 ngày qua; “bị từ chối” gồm cả khi mã đã thu hồi hoặc từ địa chỉ lạ.",
        "By day and address, the last 90 days; “turned away” also once revoked, or from elsewhere.",
    ),
    "calls": Text("{n} lần", "{n} times"),
    "turned_away": Text("{n} lần bị từ chối", "{n} turned away"),
    "refused_lately": Text("{n} lần bị từ chối trong 7 ngày", "{n} turned away in 7 days"),
    "scopes": Text("Phạm vi", "Scope"),
    "scope_read": Text("đọc", "read"),
    "scope_write": Text("ghi", "write"),
    "networks": Text("Từ địa chỉ", "From addresses"),
    "networks_hint": Text("10.0.0.0/8, cách nhau bằng dấu phẩy; để trống: mọi nơi", "10.0.0.0/8, by commas; or none"),
    "anywhere": Text("mọi nơi", "anywhere"),
    "expires": Text("Hết hạn", "Expires"),
    "last_used": Text("Lần dùng cuối", "Last used"),
    "never_used": Text("chưa dùng", "never"),
    "made_by": Text("Người cấp", "Issued by"),
    "revoke": Text("Thu hồi", "Revoke"),
    "revoke_token": Text("Thu hồi mã {name}", "Revoke {name}"),
    "revoke_sure": Text(
        "Thu hồi {name}? Máy dùng nó bị từ chối ngay.", "Revoke {name}? Its machine is refused at once."
    ),
    "revoked_on": Text("đã thu hồi {day}", "revoked {day}"),
    "expired": Text("đã hết hạn", "expired"),
    "empty_tokens": Text("Chưa cấp mã nào cho máy.", "No machine has a token yet."),
}
"""The wordings of these pages alone, in both languages: other pages need not carry them."""

REFUSED = {
    "provider": Text(
        "Không đăng nhập được qua hệ thống định danh. Hãy thử lại, hoặc hỏi quản trị viên.",
        "Signing in with the identity provider failed. Please try again, or ask an administrator.",
    ),
    "unknown": Text(
        "Hệ thống định danh biết bạn, nhưng ở đây bạn chưa có tài khoản dùng cách này. Quản trị viên đăng nhập bằng"
        " mật khẩu và mã xác thực.",
        "The identity provider knows you, but no account here opens this way. Administrators sign in with their"
        " password and code.",
    ),
}
"""Why the answer of an identity provider was not taken."""


def _page(template: str, language: str, path: str, **context: Any) -> str:
    return render(template, language, path=path, wordings=WORDS, **context)


def sign_in_page(language: str, *, onward: str, exist: bool, refused: str = "", **shell: Any) -> str:
    """The way in. ``onward`` is where it leads, ``exist`` whether there are accounts, ``refused`` what failed."""
    why = said(REFUSED.get(refused), language)
    return _page("signin.html", language, "/signin", onward=onward, exist=exist, refused=why, **shell)


def invitation_page(language: str, **shell: Any) -> str:
    """Where a password is chosen by the link of an invitation."""
    return _page("invitation.html", language, "/signin/password", shortest=SHORTEST, **shell)


def account_page(language: str, **shell: Any) -> str:
    """One's own account."""
    return _page("account.html", language, "/account", shortest=SHORTEST, **shell)


def kept_page(
    language: str, what: str, rows: Sequence[Mapping[str, Any]], *, roles: Mapping[str, Text], **shell: Any
) -> str:
    """A page of what administrators keep: ``people`` or ``tokens``. ``roles`` are the posts that can be given."""
    choices = [(name, said(title, language)) for name, title in roles.items()]
    return _page(f"{what}.html", language, f"/{what}", titles=roles, roles=choices, **{what: rows}, **shell)
