"""Every way this software says no. HTTP codes live in one table, ``api/errors.py``.

Refusal
├── Malformed             the request cannot be read as what it claims to be
├── Unauthenticated       nobody is asking
├── Forbidden             somebody is asking who may not
├── Missing               there is no such thing, or it is hidden: the answer is the same
├── WrongMethod           the address is right, the method is not
├── Conflict              the thing is not in a state that allows this
├── Stale                 somebody changed it in between
├── TooLarge              more than is taken at once
├── UnsupportedMediaType  a body in a form that is not taken
├── Invalid               a value is not acceptable; ``errors`` names each field
├── Unconditional         a change without saying which version it starts from
├── TooMany               too often
└── Unavailable           not now; try again
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gis.text.i18n import Text


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field or row: its name, a stable lower-case code, and words for the reader."""

    field: str
    code: str
    detail: Text


@dataclass
class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the program
    """The root: a reason in both languages, the fields at fault, and what else the reader may need.

    ``extra`` carries members for the answer beyond type, title and detail, such as the moves
    that are allowed or the numbers that exist; its values are JSON.
    """

    detail: Text
    errors: Sequence[FieldError] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    title = Text("Không thực hiện được", "Refused")

    def __str__(self) -> str:
        return self.detail.en


class Malformed(Refusal):
    """The request cannot be read as what it claims to be."""

    title = Text("Yêu cầu không hợp lệ", "Invalid request")


class Unauthenticated(Refusal):
    """Nobody is asking."""

    title = Text("Chưa xác thực người dùng", "Not authenticated")


class Forbidden(Refusal):
    """Somebody is asking who may not."""

    title = Text("Không có quyền", "Not allowed")


class Missing(Refusal):
    """There is no such thing, or it is hidden: the answer is the same."""

    title = Text("Không tìm thấy", "Not found")


class WrongMethod(Refusal):
    """The address is right, the method is not."""

    title = Text("Phương thức không được hỗ trợ", "Method not allowed")


class Conflict(Refusal):
    """The thing is not in a state that allows this."""

    title = Text("Tình trạng không cho phép", "Not in a state that allows this")


class Stale(Refusal):
    """Somebody changed it in between; ``extra`` carries the current version."""

    title = Text("Hồ sơ đã được người khác cập nhật", "The record was updated by somebody else")


class TooLarge(Refusal):
    """More than is taken at once."""

    title = Text("Dung lượng vượt quá giới hạn", "Too large")


class UnsupportedMediaType(Refusal):
    """A body in a form that is not taken."""

    title = Text("Kiểu nội dung không được hỗ trợ", "Unsupported media type")


class Invalid(Refusal):
    """A value is not acceptable; ``errors`` names each field."""

    title = Text("Giá trị không hợp lệ", "Invalid value")


class Unconditional(Refusal):
    """A change without saying which version it starts from."""

    title = Text("Thiếu phiên bản gốc", "If-Match required")


class TooMany(Refusal):
    """Too often."""

    title = Text("Vượt quá số lần cho phép", "Too many requests")


class Unavailable(Refusal):
    """Not now; try again."""

    title = Text("Hệ thống tạm ngừng phục vụ", "Temporarily unavailable")


FEATURE_NOT_FOUND = Text("Không tìm thấy mục này", "There is no such record")
"""Said of an id that names nothing, or nothing that may be known of."""


def invalid(field: str, code: str, vi: str, en: str, **extra: Any) -> Invalid:
    """An ``Invalid`` for one field, for the common case of a single fault."""
    detail = Text(vi, en)
    return Invalid(detail, [FieldError(field, code, detail)], extra)
