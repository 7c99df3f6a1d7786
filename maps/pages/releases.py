"""The pages of releases: the list, one release with its preview, the form, and the register of holdings."""

from collections.abc import Mapping, Sequence
from typing import Any

from gis.model import Status
from gis.text import Text
from maps.labels import Card, fields_of, value_text
from maps.rendering import localized, render

MESSAGES: dict[str, Text] = {
    "release_note": Text("Ghi chú", "Note"),
    "release_filter": Text("Bộ lọc", "Filter"),
    "has_position": Text("Vị trí", "Position"),
    "release_steps": Text("Các bước", "Steps"),
    "releases_hint": Text(
        "Dữ liệu chỉ được cung cấp sau khi người thứ hai phê duyệt",
        "Data is released only after a second person has approved it",
    ),
    "release_new": Text("Soạn bản chia sẻ", "Prepare a release"),
    "release_next": Text("Soạn phiên bản mới", "Prepare the next version"),
    "release_edit": Text("Sửa bản nháp", "Edit the draft"),
    "release_name": Text("Bản chia sẻ", "Release"),
    "release_to": Text("gửi {name}", "to {name}"),
    "release_state": Text("Tình trạng", "State"),
    "release_rows": Text("Số dòng", "Rows"),
    "release_last": Text("Thao tác gần nhất", "Last action"),
    "release_reason": Text("Lý do", "Reason"),
    "release_feature": Text("Mục", "Feature"),
    "basis": Text("Căn cứ", "Basis"),
    "basis_document": Text("Văn bản làm căn cứ", "Basis document"),
    "basis_text": Text("Căn cứ (nội dung hiển thị cho nơi nhận)", "Basis (as shown to the recipient)"),
    "period": Text("Thời hạn hiệu lực", "Period"),
    "valid_from": Text("Từ ngày", "From"),
    "valid_to": Text("Đến ngày", "Until"),
    "prepared_by": Text("Người soạn", "Prepared by"),
    "approved_by": Text("Người phê duyệt", "Approved by"),
    "watermark": Text("Dấu chìm", "Watermark"),
    "release_contents": Text("Nội dung chia sẻ", "What is released"),
    "release_fields": Text("Thuộc tính được chia sẻ", "Released fields"),
    "release_fields_hint": Text(
        "Chỉ cung cấp thuộc tính được chọn; thuộc tính bổ sung sau không tự động được cung cấp.",
        "Only the selected fields are released; fields added later are not released automatically.",
    ),
    "release_fields_excluded": Text("Thuộc tính không cung cấp", "Fields not released"),
    "release_filter_hint": Text(
        "border=VN-KH&condition=damaged, theo địa chỉ của trang danh sách",
        "border=VN-KH&condition=damaged, as in the URL of a list",
    ),
    "release_preview": Text("Lưu nháp và xem trước", "Save the draft and preview"),
    "release_withheld": Text(
        "Không cung cấp, hoặc cung cấp không kèm vị trí", "Not released, or released without a position"
    ),
    "release_none_withheld": Text(
        "Không có mục nào trong phạm vi lọc bị loại.", "Nothing in the selection is left out."
    ),
    "release_more": Text("và {n} dòng nữa", "and {n} more rows"),
    "precision": Text("Độ chính xác", "Precision"),
    "decimal_places": Text("{n} chữ số thập phân của độ", "{n} decimal places of a degree"),
    "without_positions": Text("không kèm vị trí", "without positions"),
    "release_needs_other_person": Text(
        "Phải do người khác phê duyệt: bạn là người soạn hoặc trình phiên bản này.",
        "Somebody else must approve it: you prepared or submitted this version.",
    ),
    "release_two_accounts": Text(
        "Chưa tạo tài khoản riêng; phê duyệt cần hai tài khoản khác nhau (./cotmoc admin create).",
        "No separate accounts yet; approval needs two different accounts (./cotmoc admin create).",
    ),
    "release_changed": Text(
        "{n} dòng đã thay đổi sau khi trình; không phát hành được. Hãy soạn lại.",
        "{n} rows have changed since it was submitted; it cannot be published. Prepare it again.",
    ),
    "release_stale": Text(
        "{n} dòng trong dữ liệu gốc nay đã khác bản đang chia sẻ, hoặc không còn được chia sẻ.",
        "{n} rows of the source data now differ from what is shared, or may no longer be shared.",
    ),
    "release_action_submitted": Text("Trình phê duyệt", "Submit"),
    "release_action_approved": Text("Phê duyệt", "Approve"),
    "release_action_rejected": Text("Không phê duyệt", "Reject"),
    "release_action_published": Text("Phát hành cho nơi nhận", "Publish to the recipient"),
    "release_action_withdrawn": Text("Thu hồi", "Withdraw"),
    "release_action_discarded": Text("Hủy bản nháp", "Discard the draft"),
    "release_confirm_submitted": Text(
        "Trình đúng các dòng đang xem để người thứ hai phê duyệt.",
        "Exactly the rows shown go to a second person for approval.",
    ),
    "release_confirm_approved": Text(
        "Xác nhận đã kiểm tra nội dung sẽ cung cấp và căn cứ.",
        "You confirm that you have checked what would be released and its basis.",
    ),
    "release_confirm_rejected": Text(
        "Lý do được gửi cho người soạn.", "The reason is sent to the person who prepared it."
    ),
    "release_confirm_published": Text(
        "Nơi nhận xem được các dòng này ngay.", "The recipient can read these rows at once."
    ),
    "release_confirm_withdrawn": Text(
        "Nơi nhận không truy cập được nữa; dữ liệu đã tải về không thu hồi được.",
        "The recipient loses access; data already downloaded cannot be recalled.",
    ),
    "release_confirm_discarded": Text(
        "Bản nháp này sẽ không được xử lý tiếp.", "This draft will not be taken further."
    ),
    "empty_releases": Text(
        "Chưa có bản chia sẻ nào. Soạn bản đầu tiên: chọn lớp, thuộc tính và căn cứ.",
        "There are no releases yet. Prepare the first one: choose layers, fields and the basis.",
    ),
    "holdings": Text("Sổ theo dõi dữ liệu đã cung cấp", "Register of released data"),
    "holdings_hint": Text(
        "Nhập số hiệu mốc hoặc tên nơi nhận để tra cứu dữ liệu đã cung cấp.",
        "Enter a marker number or a recipient to look up released data.",
    ),
    "empty_holdings": Text("Không có dữ liệu đã cung cấp phù hợp với nội dung tra cứu.", "No released data matches."),
    "holdings_note": Text(
        "“Đến” là thời điểm ngừng cung cấp; bản nơi nhận đã tải về trước đó vẫn do nơi nhận lưu giữ.",
        "“Until” is when it stopped being provided; copies downloaded before that are still held by the recipient.",
    ),
    "recalled": Text("Đã tự động ngừng cung cấp", "Stopped automatically"),
    "recalled_note": Text(
        "{n} mục đã tự động ngừng cung cấp do phạm vi khai thác của mục hoặc của đối tượng liên quan bị thu hẹp"
        " sau khi chia sẻ; bản đã tải về vẫn ở nơi nhận. Hãy thông báo cho nơi nhận"
        " hoặc soạn phiên bản mới.",
        "{n} features are no longer provided, because the level of the feature, or of something related to it,"
        " was raised after release; copies downloaded before are still with the recipient. Notify the"
        " recipient or prepare a new version.",
    ),
    "holding_since": Text("Từ", "Since"),
    "holding_until": Text("Đến", "Until"),
    "holding_content": Text("Nội dung đã chia sẻ", "Shared data"),
}
"""Messages that only these pages need."""

MAX_PREVIEW_ROWS = 50
"""Rows of a layer in the preview's table; its map shows more, and its numbers count all."""


def _page(template: str, language: str, **context: Any) -> str:
    return render(template, language, page_messages=MESSAGES, **context)


def releases_page(
    language: str,
    *,
    releases: Sequence[Mapping[str, Any]],
    recalled: Sequence[Mapping[str, Any]],
    recalled_count: int,
    cards: Mapping[str, Card],
    states: type[Status],
    **context: Any,
) -> str:
    """The list of releases with their latest versions, and the holdings that were recalled.

    ``recalled`` may be only the latest of all ``recalled_count`` ones. ``states`` is the status of releases.
    """
    return _page(
        "pages/releases.html",
        language,
        path="/releases",
        releases=releases,
        recalled=[_holding_row(holding, cards, language) for holding in recalled],
        recalled_count=recalled_count,
        states=_states_by_value(states),
        **context,
    )


def release_page(
    language: str,
    *,
    release: Mapping[str, Any],
    version: Mapping[str, Any],
    preview: Mapping[str, Any],
    cards: Mapping[str, Card],
    states: type[Status],
    actor_name: str,
    home: tuple[float, float, float],
    **context: Any,
) -> str:
    """One version of a release: its preview as tables and map, what is withheld, its steps, and the next transitions.

    ``actor_name`` is the reader's name: approval is not offered to those who prepared or submitted the version.
    """
    parts = [_preview_part(part, cards[part["layer"]], language) for part in preview["parts"]]
    may_not_approve = actor_name in (*version["preparers"], version["submitted_by"])
    return _page(
        "pages/release.html",
        language,
        path=f"/releases/{release['id']}",
        release=release,
        version=version,
        parts=parts,
        changed_count=sum(part["changed"] for part in preview["parts"]),
        withheld=[
            {**rows, "title": localized(cards[rows["layer"]]["title"], language)} for rows in preview["withheld"]
        ],
        transitions=[state for state in version["onward"] if not (may_not_approve and state == "approved")],
        needs_other_person=may_not_approve and "approved" in version["onward"],
        states=_states_by_value(states),
        home=home,
        **context,
    )


def new_release_page(
    language: str,
    *,
    layers: Sequence[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]],
    previous: Mapping[str, Any] | None = None,
    etag: str | None = None,
    **context: Any,
) -> str:
    """The form of a new release, of the next version of ``previous`` or, with ``etag``, of its draft."""
    path = f"/releases/{previous['id']}/{'edit' if etag else 'new'}" if previous else "/releases/new"
    return _page(
        "pages/release_new.html",
        language,
        path=path,
        layers=layers,
        documents=documents,
        previous=previous,
        etag=etag,
        **context,
    )


def holdings_page(
    language: str, *, holdings: Sequence[Mapping[str, Any]] | None, cards: Mapping[str, Card], **context: Any
) -> str:
    """The register of released data. ``holdings`` are the results of a search; None shows how to search."""
    rows = [] if holdings is None else [_holding_row(holding, cards, language) for holding in holdings]
    return _page(
        "pages/holdings.html", language, path="/holdings", searched=holdings is not None, holdings=rows, **context
    )


def _states_by_value(states: type[Status]) -> dict[str, Any]:
    return {state.value: state for state in states}


def _preview_part(part: Mapping[str, Any], card: Card, language: str) -> dict[str, Any]:
    fields = {name: field for name, field in fields_of(card).items() if name in {*part["fields"], *part["always"]}}
    rows = part["features"]["features"]
    return {
        **part,
        "columns": [localized(field["title"], language) for field in fields.values()],
        "preview_rows": [
            [value_text(field, row["properties"].get(name), language) for name, field in fields.items()]
            for row in rows[:MAX_PREVIEW_ROWS]
        ],
        "without_position": [row["geometry"] is None for row in rows[:MAX_PREVIEW_ROWS]],
        "unnamed": [
            localized(field["title"], language) for name, field in fields_of(card).items() if name in part["unnamed"]
        ],
        "filter_text": ", ".join(f"{name} = {_value_text(value)}" for name, value in part["filter"].items()),
    }


def _value_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _holding_row(holding: Mapping[str, Any], cards: Mapping[str, Card], language: str) -> dict[str, Any]:
    card, content = cards[holding["layer"]], holding["content"]
    contents = [
        f"{localized(field['title'], language)}: {text}"
        for name, field in fields_of(card).items()
        if name not in ("level", "number", "name", "title") and (text := value_text(field, content.get(name), language))
    ]
    label = next((content[name] for name in ("number", "code", "name", "title", "section") if content.get(name)), "–")
    return {
        **holding,
        "layer_title": localized(card["title"], language),
        "label": label,
        "contents": contents,
        "has_position": "geometry" in content,
    }
