"""The messages of records and forms, a part of ``maps.messages``."""

from gis.text import Text

FORM_MESSAGES: dict[str, Text] = {
    # Records: facts, child tables, acts with a reason.
    "bookkeeping": Text("Hồ sơ", "Record"),
    "version_n": Text("phiên bản {n}", "version {n}"),
    "position_written": Text("Vị trí theo văn bản nhập", "As entered"),
    "at_address": Text("Tại vị trí {address}", "At {address}"),
    "no_rows": Text("Chưa có dữ liệu.", "Nothing entered yet."),
    "add_row": Text("Thêm {what}", "Add: {what}"),
    "add_new": Text("Thêm {what}", "New {what}"),
    "previous_record": Text("Mục trước (k)", "Previous (k)"),
    "next_record": Text("Mục sau (j)", "Next (j)"),
    "level_change_short": Text("Đổi", "Change"),
    "level_change": Text("Đổi phạm vi khai thác", "Change the level"),
    "level_change_of": Text("Phạm vi khai thác: {title}", "Level: {title}"),
    "level_new": Text("Phạm vi khai thác mới", "New level"),
    "level_changed": Text("Phạm vi khai thác: {level}", "Level: {level}"),
    "level_rule": Text(
        "Thu hẹp phạm vi: người được sửa mục này. Mở rộng phạm vi: chỉ người của cơ quan thường trực, không phải người "
        "đã nhập mục này. Lý do được ghi vào nhật ký.",
        "Raising the level: anyone who may change this record. Lowering it: only a person of the office who did not "
        "enter the record. The reason is recorded in the journal.",
    ),
    "retire": Text("Ngừng theo dõi", "Retire"),
    "retire_of": Text("Ngừng theo dõi: {title}", "Retire: {title}"),
    "retire_hint": Text(
        "Sau khi ngừng theo dõi, {what} này không còn trong danh sách và bản đồ. Không có gì bị xóa: diễn biến vẫn giữ "
        "nguyên và có thể theo dõi lại.",
        "This {what} no longer appears in lists and on the map. Nothing is deleted: its history stays, and it can be "
        "restored.",
    ),
    "retired_text": Text("Đã ngừng theo dõi: {title}", "Retired: {title}"),
    "is_retired": Text("Mục này đã ngừng theo dõi.", "This record is retired."),
    "restore": Text("Theo dõi lại", "Restore"),
    "saved_without_move": Text("Đã lưu: {what}. Chưa chuyển tình trạng:", "Saved: {what}. The status has not changed:"),
    "link_add": Text("Thêm mới và liên kết", "Enter a new one and link it"),
    "link_choose": Text("Chọn một mục trong kết quả tìm kiếm.", "Choose one of the results."),
    # Forms and the input of a location.
    "required_hint": Text("* bắt buộc", "* required"),
    "field_required": Text("Chưa nhập nội dung bắt buộc này.", "Required."),
    "faults": Text("Có {n} chỗ cần sửa, xem dòng chữ đỏ dưới từng ô.", "{n} entries need correcting; see each field."),
    "nothing_changed": Text("Không có thay đổi nào", "Nothing has changed"),
    "text_length": Text("{n} / {max} ký tự", "{n} of {max} characters"),
    "text_too_long": Text("Dài {n} ký tự, tối đa {max}.", "{n} characters; at most {max}."),
    "number_wrong": Text("Nhập số theo dạng 1.250 hoặc 1.250,5", "Enter a number as 1,250 or 1,250.5"),
    "number_ambiguous": Text(
        "“{text}” có thể hiểu là {thousands} hoặc {decimal}. Ghi lại theo một trong hai cách đó.",
        "“{text}” could mean {thousands} or {decimal}. Write it in one of these ways.",
    ),
    "number_whole": Text("Chỉ nhập số nguyên.", "Whole numbers only."),
    "number_too_fine": Text("Chỉ lưu được {n} chữ số thập phân.", "Only {n} decimal places are stored."),
    "number_between": Text("Nhập số từ {from} đến {to}.", "Enter a number from {from} to {to}."),
    "number_at_least": Text("Không được nhỏ hơn {from}.", "At least {from}."),
    "number_at_most": Text("Không được lớn hơn {to}.", "At most {to}."),
    "suggestions": Text("Gợi ý", "Suggestions"),
    "remove_item": Text("Bỏ {what}", "Remove {what}"),
    "ended_on": Text("đã kết thúc ngày {day}", "ended on {day}"),
    "succeeded_by": Text("nay là {name}", "now {name}"),
    "not_in_register": Text("Chưa có trong danh mục {register}; vẫn lưu được.", "Not in the register of {register}."),
    "discard": Text("Bỏ nội dung đã nhập", "Discard"),
    "discard_question": Text("Bỏ nội dung chưa lưu?", "Discard what is not saved?"),
    "go_on_writing": Text("Nhập tiếp", "Keep writing"),
    "draft_restored": Text(
        "Đã khôi phục nội dung đang nhập dở lúc {moment}.", "What you were entering at {moment} has been restored."
    ),
    "draft_of_older_version": Text(
        "Từ đó mục này đã được sửa; khi lưu sẽ hỏi nếu trùng.", "The record was changed since; you will be asked."
    ),
    "conflict_choose": Text(
        "Người khác vừa sửa cùng nội dung. Chọn giá trị cần giữ rồi lưu lại.",
        "Somebody else has just changed the same fields. Choose what to keep, then save again.",
    ),
    "conflict_check": Text(
        "Người khác vừa sửa mục này. Kiểm tra rồi lưu lại; chỉ những gì bạn sửa được ghi.",
        "Somebody else has just changed this record. Check and save again; only your changes will be written.",
    ),
    "conflict_theirs": Text("của người kia", "theirs"),
    "conflict_mine": Text("của bạn", "yours"),
    "conflict_others": Text("Người kia còn sửa:", "They also changed:"),
    "required": Text("bắt buộc", "required"),
    "choose": Text("chọn…", "choose…"),
    "place": Text("Địa điểm xảy ra", "Location of the incident"),
    "place_of": Text("Vị trí", "Position"),
    "place_hint": Text("147/6 + 120 m, 168–168/2, tọa độ", "147/6 + 120 m, coordinates"),
    "place_tap": Text("hoặc chọn trên bản đồ", "or choose on the map"),
    "place_gps": Text("Vị trí của tôi", "My position"),
    "place_gps_wait": Text("Đang lấy vị trí GPS…", "Reading GPS…"),
    "place_gps_refused": Text(
        "Không lấy được vị trí từ thiết bị. Hãy nhập số hiệu mốc hoặc chọn trên bản đồ.",
        "The device gave no position. Enter a marker number or choose on the map.",
    ),
    "place_missing": Text(
        "Chưa có địa điểm: nhập số hiệu mốc, tọa độ, chọn trên bản đồ hoặc dùng GPS.",
        "No location yet: enter a marker number or coordinates, choose on the map or use GPS.",
    ),
    "place_choose": Text("Chọn một trong các vị trí nêu trên.", "Choose one of the locations above."),
    "place_from_map": Text("chọn trên bản đồ", "chosen on the map"),
    "place_searching": Text("Đang tìm vị trí…", "Looking for the location…"),
    "meridian": Text("Kinh tuyến trục VN-2000", "VN-2000 central meridian"),
    "zone_width": Text("Múi", "Zone width"),
    "zone_3": Text("3 độ", "3 degrees"),
    "zone_6": Text("6 độ", "6 degrees"),
    "category": Text("Loại sự vụ", "Category"),
    "other_categories": Text("Khác…", "Other…"),
    "what_happened": Text("Tóm tắt sự vụ (có thể bổ sung sau)", "Summary of the incident (can be added later)"),
    "severity": Text("Mức độ", "Severity"),
    "send": Text("Gửi", "Send"),
    "sending": Text("Đang gửi…", "Sending…"),
    "not_sent": Text(
        "Chưa gửi được. Nội dung vẫn được giữ trên thiết bị này.", "Not sent. What you entered is kept on this device."
    ),
    "choose_category": Text("Chọn loại sự vụ trước khi gửi.", "Choose a category before sending."),
    "shortcuts": Text(
        "Phím tắt: / tìm · n ghi sự vụ · j k danh sách · Esc đóng", "Shortcuts: / find · n log · j k list · Esc close"
    ),
}
