"""Translation of PostgreSQL errors into refusals."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeout
from sqlalchemy.orm import Session as Session

from gis.db.pool import BUSY_TEXT
from gis.text.errors import Conflict, FieldError, Forbidden, Invalid, Refusal, TooMany, Unavailable
from gis.text.i18n import Text

log = logging.getLogger(__name__)


NO_ACTOR, ILLEGAL_TRANSITION, FIXED_IDENTITY = "CM001", "CM002", "CM003"
PERSON_REQUIRED, SECOND_PERSON_REQUIRED, CHANGED_SINCE_SUBMISSION = "CM004", "CM005", "CM006"
LOWERING_NOT_ALLOWED, LOWERING_BY_AUTHOR = "CM007", "CM008"
"""SQLSTATEs of this application, raised by triggers."""

VALUE_IN_USE_TEXT = Text("Giá trị này đã được sử dụng", "This value is already in use")
UNKNOWN_REFERENCE_TEXT = Text("Không tìm thấy đối tượng được nêu", "The object referred to does not exist")
CONSTRAINT_VIOLATED_TEXT = Text("Giá trị không đúng quy tắc dữ liệu", "The value does not meet a rule of the data")
TOO_MANY_DOWNLOADS_TEXT = Text(
    "Đang có quá nhiều lượt tải xuống, hãy thử lại sau ít giây", "Too many downloads at once; please try again shortly"
)
PARTNERS_NOT_SERVED_TEXT = Text("Máy chủ này không phục vụ đối tác", "This server does not serve partners")
PERSON_REQUIRED_TEXT = Text(
    "Thao tác này phải do người dùng đăng nhập thực hiện, không dùng mã truy cập",
    "A signed-in person must do this, not a token",
)
SECOND_PERSON_REQUIRED_TEXT = Text(
    "Phải do người thứ hai phê duyệt, không phải người soạn hoặc người trình",
    "Another person must approve: not the one who prepared or submitted it",
)
CHANGED_SINCE_SUBMISSION_TEXT = Text(
    "Dữ liệu đã thay đổi sau khi trình; hãy soạn bản mới để phê duyệt đúng nội dung cung cấp",
    "The data changed after submission; prepare a new version, so that the approved content is what is released",
)
LOWERING_NOT_ALLOWED_TEXT = Text(
    "Chỉ cơ quan thường trực được mở rộng phạm vi khai thác; hãy đề nghị cơ quan thường trực",
    "Only the office may lower a level; please ask the office",
)
LOWERING_BY_AUTHOR_TEXT = Text(
    "Người nhập không tự mở rộng phạm vi khai thác của mục này; phải do người khác của cơ quan thường trực thực hiện",
    "You entered this record, so somebody else in the office must lower its level",
)
LOCKED_TEXT = Text("Mục này đang được người khác cập nhật, hãy thử lại", "Another user is changing this; try again")
ILLEGAL_TRANSITION_TEXT = Text("Không được cập nhật sang tình trạng này", "This transition is not allowed")


@contextmanager
def translate_database_errors() -> Iterator[None]:
    """Raise a refusal for an error of the driver, without PostgreSQL's message, which may disclose data."""
    try:
        yield
    except PoolTimeout:
        raise Unavailable(BUSY_TEXT) from None
    except DBAPIError as fault:
        raise _refusal_of_error(fault.orig) from fault
    except psycopg.Error as fault:
        raise _refusal_of_error(fault) from fault


def _refusal_of_error(fault: BaseException | None) -> Refusal:
    """The refusal by SQLSTATE; the names of constraints and tables say which field is at fault."""
    state = getattr(fault, "sqlstate", None) or ""
    constraint = getattr(getattr(fault, "diag", None), "constraint_name", None) or ""
    table = getattr(getattr(fault, "diag", None), "table_name", None) or ""
    checked = constraint.removeprefix(f"ck_{table}_").removesuffix("_finite")
    field = constraint.rsplit("_", 1)[-1] if constraint.startswith("uq_") else checked
    refusals: dict[str, Refusal] = {
        "23505": Invalid(VALUE_IN_USE_TEXT, [FieldError(field, "taken", VALUE_IN_USE_TEXT)]),
        "23503": Invalid(
            UNKNOWN_REFERENCE_TEXT, [FieldError(constraint.removeprefix("fk_"), "unknown", UNKNOWN_REFERENCE_TEXT)]
        ),
        "23514": Invalid(CONSTRAINT_VIOLATED_TEXT, [FieldError(field, "rule", CONSTRAINT_VIOLATED_TEXT)]),
        "23502": Invalid(CONSTRAINT_VIOLATED_TEXT, [FieldError(field, "missing", CONSTRAINT_VIOLATED_TEXT)]),
        "42501": Forbidden(Text("Không có quyền truy cập dữ liệu này", "No access to this data")),
        "25006": Forbidden(Text("Chỉ được xem", "Read only")),
        ILLEGAL_TRANSITION: Conflict(ILLEGAL_TRANSITION_TEXT),
        PERSON_REQUIRED: Forbidden(PERSON_REQUIRED_TEXT),
        SECOND_PERSON_REQUIRED: Forbidden(SECOND_PERSON_REQUIRED_TEXT),
        LOWERING_NOT_ALLOWED: Forbidden(
            LOWERING_NOT_ALLOWED_TEXT, [FieldError("level", "office_opens", LOWERING_NOT_ALLOWED_TEXT)]
        ),
        LOWERING_BY_AUTHOR: Forbidden(
            LOWERING_BY_AUTHOR_TEXT, [FieldError("level", "second_person", LOWERING_BY_AUTHOR_TEXT)]
        ),
        CHANGED_SINCE_SUBMISSION: Conflict(CHANGED_SINCE_SUBMISSION_TEXT),
        "55P03": Conflict(LOCKED_TEXT),
        "40P01": Conflict(LOCKED_TEXT),
        "53300": TooMany(BUSY_TEXT),
    }
    if state in refusals:
        return refusals[state]
    if state.startswith("22"):
        return Invalid(CONSTRAINT_VIOLATED_TEXT, [FieldError("", "value", CONSTRAINT_VIOLATED_TEXT)])
    log.error("unexpected database error", extra={"sqlstate": state, "incident": str(uuid.uuid4())}, exc_info=fault)
    return Unavailable(BUSY_TEXT)
