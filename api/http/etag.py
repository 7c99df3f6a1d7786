"""ETags (RFC 9110, 8.8.3), and the conditions ``If-None-Match`` and ``If-Match``."""

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Request

from api.http.dependencies import inline_dependency
from gis.text import Text, Unconditional

FEATURE_ETAG = re.compile(r'"(\d{1,9})-[0-9a-f]{16}"')


def etag(content: bytes, *, version: int | None = None, digits: int = 16) -> str:
    """The ETag of a representation: the first digits of its SHA-256, for a feature after its version."""
    prefix = "" if version is None else f"{version}-"
    return f'"{prefix}{hashlib.sha256(content).hexdigest()[:digits]}"'


def is_not_modified(request: Request, tag: str) -> bool:
    """Whether ``If-None-Match`` names this ETag, by weak comparison (RFC 9110, 13.1.2)."""
    tags = [listed.strip().removeprefix("W/") for listed in request.headers.get("if-none-match", "").split(",")]
    return tag in tags or "*" in tags


def if_match(request: Request) -> list[str]:
    """The ETags in ``If-Match``, for strong comparison. Raises ``Unconditional`` without the header and for ``*``."""
    tags = [tag.strip() for tag in ",".join(request.headers.getlist("if-match")).split(",")]
    if tags in ([""], ["*"]):
        raise Unconditional(
            Text(
                "Cần If-Match với ETag đã đọc, để không ghi đè thay đổi của người khác",
                "If-Match with the ETag that was read is required",
            )
        )
    return tags


def if_match_version(request: Request) -> int:
    """The version of a feature in ``If-Match``. Raises ``Unconditional`` as ``if_match``.

    Of several tags (RFC 9110, 13.1.1) the highest version counts, since versions only increase. Weak tags and tags of
    another form than that of features count as version 0, which no feature has.
    """
    return max((int(match[1]) for tag in if_match(request) if (match := FEATURE_ETAG.fullmatch(tag))), default=0)


IfMatchParam = Annotated[list[str], Depends(inline_dependency(if_match))]
VersionParam = Annotated[int, Depends(inline_dependency(if_match_version))]
