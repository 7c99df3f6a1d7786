"""The errors that are answers to a client. ``api/http/errors.py`` maps each class to its HTTP status code.

Refusal
├── Malformed             the request cannot be parsed
├── Unauthenticated       the request carries no valid credentials
├── Forbidden             the actor lacks the right
├── Missing               the resource does not exist or is hidden: the same answer for both
├── WrongMethod           the resource exists, but not with this HTTP method
├── Conflict              the state of the resource does not allow this
├── Stale                 the resource changed since the version that the client read
├── TooLarge              the body or the result exceeds a limit
├── UnsupportedMediaType  the media type of the body is not supported
├── Invalid               a value is not valid; ``errors`` names each field
├── Unconditional         a request to change a resource has no If-Match header
├── TooMany               a rate limit is exceeded
└── Unavailable           temporarily out of service; the client may try again
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gis.text.i18n import Text


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field or row: its name, a stable lower-case code, and an explanation."""

    field: str
    code: str
    detail: Text


@dataclass
class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the program
    """The base class: a reason in both languages and the fields at fault.

    ``extra`` holds further members of the problem document (RFC 9457), such as the allowed transitions;
    its values are JSON.
    """

    detail: Text
    errors: Sequence[FieldError] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    title = Text("Không thực hiện được", "Refused")

    def __str__(self) -> str:
        return self.detail.en


class Malformed(Refusal):
    """The request cannot be parsed."""

    title = Text("Yêu cầu không hợp lệ", "Invalid request")


class Unauthenticated(Refusal):
    """The request carries no valid credentials."""

    title = Text("Chưa xác thực người dùng", "Not authenticated")


class Forbidden(Refusal):
    """The actor lacks the right."""

    title = Text("Không có quyền", "Not allowed")


class Missing(Refusal):
    """The resource does not exist or is hidden: the answer is the same for both."""

    title = Text("Không tìm thấy", "Not found")


class WrongMethod(Refusal):
    """The resource exists, but not with this HTTP method."""

    title = Text("Phương thức không được hỗ trợ", "Method not allowed")


class Conflict(Refusal):
    """The state of the resource does not allow this."""

    title = Text("Tình trạng không cho phép", "The current state does not allow this")


class Stale(Refusal):
    """The resource changed since the version that the client read; ``extra`` holds the current version."""

    title = Text("Hồ sơ đã được người khác cập nhật", "The record was updated by another user")


class TooLarge(Refusal):
    """The body or the result exceeds a limit."""

    title = Text("Dung lượng vượt quá giới hạn", "Too large")


class UnsupportedMediaType(Refusal):
    """The media type of the body is not supported."""

    title = Text("Kiểu nội dung không được hỗ trợ", "Unsupported media type")


class Invalid(Refusal):
    """A value is not valid; ``errors`` names each field."""

    title = Text("Giá trị không hợp lệ", "Invalid value")


class Unconditional(Refusal):
    """A request to change a resource has no ``If-Match`` header."""

    title = Text("Thiếu phiên bản gốc", "If-Match required")


class TooMany(Refusal):
    """A rate limit is exceeded."""

    title = Text("Vượt quá số lần cho phép", "Too many requests")


class Unavailable(Refusal):
    """Temporarily out of service; the client may try again."""

    title = Text("Hệ thống tạm ngừng phục vụ", "Temporarily unavailable")


FEATURE_NOT_FOUND = Text("Không tìm thấy mục này", "There is no such record")
"""For an id that does not exist or is hidden from the actor."""


def invalid(field: str, code: str, vi: str, en: str, **extra: Any) -> Invalid:
    """An ``Invalid`` with a single field error; ``extra`` as in ``Refusal``."""
    detail = Text(vi, en)
    return Invalid(detail, [FieldError(field, code, detail)], extra)
