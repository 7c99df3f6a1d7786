"""The pages of what leaves the house: all releases, one with its preview, a new one, and who holds what."""

from collections.abc import Mapping, Sequence
from typing import Any

from gis.language import Text
from gis.status import Status
from maps.cards import Card, fields_of, value_text
from maps.page import render, said

WORDS: dict[str, Text] = {
    "release_note": Text("Ghi chú", "Note"),
    "release_filter": Text("Bộ lọc", "Filter"),
    "has_place": Text("Vị trí", "Place"),
    "release_steps": Text("Các bước", "Steps"),
    "releases_what": Text(
        "Chỉ những gì hai người đã đồng ý mới ra khỏi cơ quan", "What leaves the house, on the word of two people"
    ),
    "release_new": Text("Soạn bản chia sẻ", "Prepare a release"),
    "release_next": Text("Soạn phiên bản mới", "Prepare the next version"),
    "release_edit": Text("Sửa bản nháp", "Change the draft"),
    "release_name": Text("Bản chia sẻ", "Release"),
    "release_to": Text("gửi {name}", "to {name}"),
    "release_state": Text("Trạng thái", "State"),
    "release_rows": Text("Số dòng", "Rows"),
    "release_last": Text("Việc gần nhất", "Last step"),
    "release_why": Text("Lý do", "Why"),
    "release_which": Text("Mục", "Feature"),
    "basis": Text("Căn cứ", "Basis"),
    "basis_document": Text("Văn bản làm căn cứ", "The paper it rests on"),
    "basis_said": Text("Căn cứ, như nơi nhận được biết", "Basis, as the recipient may know it"),
    "period": Text("Thời hạn", "Period"),
    "valid_from": Text("Từ ngày", "From"),
    "valid_to": Text("Đến ngày", "Until"),
    "prepared_by": Text("Người soạn", "Prepared by"),
    "approved_by": Text("Người duyệt", "Approved by"),
    "watermark": Text("Dấu nhận biết", "Watermark"),
    "release_what_goes": Text("Những gì được chia sẻ", "What goes"),
    "release_fields": Text("Thuộc tính được chia sẻ", "Fields that go"),
    "release_fields_hint": Text(
        "Chỉ thuộc tính được đánh dấu mới đi; thuộc tính thêm sau này không tự đi.",
        "Only the fields ticked go; one that is added later does not go by itself.",
    ),
    "release_fields_stay": Text("Thuộc tính ở lại", "Fields that stay"),
    "release_filter_hint": Text(
        "border=VN-KH&condition=damaged, như địa chỉ của danh sách",
        "border=VN-KH&condition=damaged, as in the address of a list",
    ),
    "release_preview": Text("Lưu nháp và xem trước", "Save the draft and preview"),
    "release_withheld": Text("Ở lại, hoặc đi không kèm vị trí", "What stays, or goes without its place"),
    "release_none_withheld": Text("Không có gì trong phần lọc bị giữ lại.", "Nothing of the selection stays."),
    "release_more": Text("và {n} dòng nữa", "and {n} more rows"),
    "precision": Text("Độ chính xác", "Precision"),
    "decimals_said": Text("{n} số lẻ của độ", "{n} decimals of a degree"),
    "no_places": Text("không kèm vị trí", "without places"),
    "release_second": Text(
        "Người khác phải duyệt: bạn đã soạn hoặc trình phiên bản này.",
        "Somebody else has to approve it: you have prepared or submitted this version.",
    ),
    "release_two_accounts": Text(
        "Chưa có tài khoản nên mọi người cùng là cơ quan; duyệt cần hai tài khoản khác nhau (./cotmoc admin create).",
        "There are no accounts yet and everybody is the office; approval takes two of them (./cotmoc admin create).",
    ),
    "release_changed": Text(
        "{n} dòng đã đổi từ khi trình; công bố sẽ bị từ chối. Hãy soạn lại.",
        "{n} rows have changed since it was submitted; publishing will be refused. Prepare it anew.",
    ),
    "release_stale": Text(
        "{n} dòng trong dữ liệu gốc nay đã khác bản đang chia sẻ, hoặc không còn được chia sẻ.",
        "{n} rows of the house's data differ today from what is shared, or may no longer be.",
    ),
    "release_do_submitted": Text("Trình duyệt", "Submit"),
    "release_do_approved": Text("Duyệt", "Approve"),
    "release_do_rejected": Text("Không duyệt", "Reject"),
    "release_do_published": Text("Công bố", "Publish"),
    "release_do_withdrawn": Text("Thu hồi", "Withdraw"),
    "release_do_discarded": Text("Bỏ bản nháp", "Discard"),
    "release_sure_submitted": Text(
        "Trình đúng những dòng đang xem để người thứ hai duyệt.",
        "Exactly these rows go to a second person for approval.",
    ),
    "release_sure_approved": Text(
        "Bạn xác nhận đã xem những gì sẽ đi và căn cứ.", "You have seen what would go and what it rests on."
    ),
    "release_sure_rejected": Text("Người soạn sẽ đọc lý do.", "Whoever prepared it will read the reason."),
    "release_sure_published": Text(
        "Nơi nhận đọc được ngay những dòng này.", "The recipient can read these rows at once."
    ),
    "release_sure_withdrawn": Text(
        "Nơi nhận không đọc được nữa ngay lập tức; những gì đã tải về thì không lấy lại được.",
        "The recipient can read nothing more at once; what was fetched cannot be recalled.",
    ),
    "release_sure_discarded": Text("Bản nháp này sẽ không đi đâu nữa.", "This draft goes nowhere."),
    "empty_releases": Text(
        "Chưa chia sẻ gì cho ai. Soạn bản đầu tiên: chọn lớp, thuộc tính và căn cứ.",
        "Nothing has been shared. Prepare the first release: layers, fields and what it rests on.",
    ),
    "holdings": Text("Ai đang giữ gì", "Who holds what"),
    "holdings_hint": Text(
        "Nhập số mốc để biết đối tác nào giữ gì về nó, hoặc tên nơi nhận.",
        "Give a marker number to see who holds what of it, or a recipient.",
    ),
    "empty_holdings": Text("Chưa từng chia sẻ gì khớp với câu hỏi này.", "Nothing of the kind was ever shared."),
    "holdings_note": Text(
        "“Đến” là lúc ngừng phục vụ; bản mà nơi nhận đã tải về trước đó vẫn ở nơi nhận.",
        "“Until” is when serving ended; copies fetched before are still with the recipient.",
    ),
    "held_back": Text("Đã giữ lại", "Held back"),
    "held_back_note": Text(
        "{n} mục đã tự động ngừng phục vụ vì mức phổ biến của chúng, hoặc của điều chúng nhắc đến, được nâng sau khi"
        " chia sẻ; bản đã tải về vẫn ở nơi nhận. Hãy báo nơi nhận, hoặc soạn phiên bản mới.",
        "{n} features are no longer served, because they, or what they tell of, were raised above partner after they"
        " had been shared; copies fetched before are still with the recipient. Tell the recipient, or prepare a new"
        " version.",
    ),
    "held_since": Text("Từ", "Since"),
    "held_until": Text("Đến", "Until"),
    "held_what": Text("Nội dung đã chia sẻ", "What was shared"),
}
"""The wordings of these pages alone, in both languages: other pages need not carry them."""

MOST_ROWS = 50
"""Rows of a preview's table; its map and its numbers know more."""


def _page(template: str, language: str, **context: Any) -> str:
    return render(template, language, wordings=WORDS, **context)


def releases_page(
    language: str,
    *,
    releases: Sequence[Mapping[str, Any]],
    held_back: Sequence[Mapping[str, Any]],
    number_held_back: int,
    cards: Mapping[str, Card],
    states: type[Status],
    **shell: Any,
) -> str:
    """Every release with its latest version, and what recipients were given and may no longer have."""
    return _page(
        "releases.html",
        language,
        path="/releases",
        releases=releases,
        held_back=[_holding(one, cards, language) for one in held_back],
        number_held_back=number_held_back,
        states=_marks(states),
        **shell,
    )


def release_page(
    language: str,
    *,
    release: Mapping[str, Any],
    version: Mapping[str, Any],
    preview: Mapping[str, Any],
    cards: Mapping[str, Card],
    states: type[Status],
    who: str,
    home: tuple[float, float, float],
    **shell: Any,
) -> str:
    """One version of a release: what goes as table and map, what stays, who said so, and what may be done now.

    ``who`` is the name of whoever looks: to those who have prepared it approval is not offered.
    """
    parts = [_part(one, cards[one["layer"]], language) for one in preview["parts"]]
    own = who in (*version["preparers"], version["submitted_by"])
    return _page(
        "release.html",
        language,
        path=f"/releases/{release['id']}",
        release=release,
        version=version,
        parts=parts,
        changed=sum(one["changed"] for one in preview["parts"]),
        withheld=[{**one, "title": said(cards[one["layer"]]["title"], language)} for one in preview["withheld"]],
        onward=[word for word in version["onward"] if not (own and word == "approved")],
        own=own and "approved" in version["onward"],
        states=_marks(states),
        home=home,
        **shell,
    )


def new_release_page(
    language: str,
    *,
    layers: Sequence[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]],
    before: Mapping[str, Any] | None = None,
    tag: str | None = None,
    **shell: Any,
) -> str:
    """The form of a release, or of the next version of ``before``, or of its draft where a ``tag`` says which."""
    path = f"/releases/{before['id']}/{'edit' if tag else 'new'}" if before else "/releases/new"
    return _page(
        "release_new.html", language, path=path, layers=layers, documents=documents, before=before, tag=tag, **shell
    )


def holdings_page(
    language: str, *, holdings: Sequence[Mapping[str, Any]] | None, cards: Mapping[str, Card], **shell: Any
) -> str:
    """Who holds what of a marker, or what one recipient holds; ``None`` before anything was asked."""
    rows = [] if holdings is None else [_holding(one, cards, language) for one in holdings]
    return _page("holdings.html", language, path="/holdings", asked=holdings is not None, holdings=rows, **shell)


def _marks(states: type[Status]) -> dict[str, Any]:
    return {state.value: state for state in states}


def _part(part: Mapping[str, Any], card: Card, language: str) -> dict[str, Any]:
    fields = {name: one for name, one in fields_of(card).items() if name in {*part["fields"], *part["always"]}}
    rows = part["features"]["features"]
    return {
        **part,
        "columns": [said(one["title"], language) for one in fields.values()],
        "lines": [
            [value_text(one, row["properties"].get(name), language) for name, one in fields.items()]
            for row in rows[:MOST_ROWS]
        ],
        "unplaced": [row["geometry"] is None for row in rows[:MOST_ROWS]],
        "unnamed": [said(one["title"], language) for name, one in fields_of(card).items() if name in part["unnamed"]],
        "asked": ", ".join(f"{name} = {_listed(value)}" for name, value in part["filter"].items()),
    }


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _holding(one: Mapping[str, Any], cards: Mapping[str, Card], language: str) -> dict[str, Any]:
    card, content = cards[one["layer"]], one["content"]
    told = [
        f"{said(field['title'], language)}: {text}"
        for name, field in fields_of(card).items()
        if name not in ("level", "number", "name", "title") and (text := value_text(field, content.get(name), language))
    ]
    named = next((content[name] for name in ("number", "code", "name", "title", "section") if content.get(name)), "–")
    return {
        **one,
        "layer_said": said(card["title"], language),
        "label": named,
        "told": told,
        "placed": "geometry" in content,
    }
