"""Request bodies: media types, size, JSON depth and duplicate keys."""

import json
from collections.abc import Iterable, MutableMapping
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import Headers

from api.http.asgi import Receive
from api.http.media_types import GEOJSON, JSON, MERGE_PATCH
from gis.text import Malformed, Refusal, Text, TooLarge, UnsupportedMediaType

WRITE_METHODS = {"POST", "PUT", "PATCH", "DELETE"}
ACCEPTED_MEDIA_TYPES = {JSON, GEOJSON, MERGE_PATCH}
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_JSON_DEPTH = 50
"""Levels of nesting; no valid body is deeper, and code that walks a deeper one could exhaust the stack."""


def body_refusal(headers: Headers, method: str) -> Refusal | None:
    """The refusal of a body by its headers: compressed, of another media type or too large; None if it is accepted."""
    if headers.get("content-encoding", "identity") != "identity":
        return UnsupportedMediaType(Text("Không nhận nội dung nén", "Compressed request bodies are not supported"))
    length = int(headers.get("content-length", "0") or 0)
    has_body = length > 0 or "transfer-encoding" in headers or method != "DELETE"
    if has_body and headers.get("content-type", "").split(";")[0].strip().lower() not in ACCEPTED_MEDIA_TYPES:
        names = ", ".join(sorted(ACCEPTED_MEDIA_TYPES))
        return UnsupportedMediaType(Text(f"Nội dung phải là {names}", f"Unsupported Content-Type. Allowed: {names}"))
    return body_too_large() if length > MAX_BODY_BYTES else None


def body_too_large() -> TooLarge:
    """The refusal of a body of more than ``MAX_BODY_BYTES``."""
    megabytes = MAX_BODY_BYTES // 1024 // 1024
    return TooLarge(Text(f"Nội dung quá {megabytes} MB", f"The body is larger than {megabytes} MB"))


def limit_body(receive: Receive) -> Receive:
    """Count the bytes of a body, since it may come without Content-Length; raises ``TooLarge`` beyond the limit."""
    received = 0

    async def counting() -> MutableMapping[str, Any]:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise body_too_large()
        return message

    return counting


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("repeated key")
    return members


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _refuse_deep_nesting(value: Any) -> None:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _members(outer)]
        if not level:
            return
    raise ValueError("nested too deeply")


def _members(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


async def json_body(request: Request) -> dict[str, Any]:
    """The body as one JSON object.

    Raises ``Malformed`` for anything else, and for repeated keys, NaN, infinities, invalid UTF-8 and nesting of more
    than ``MAX_JSON_DEPTH`` levels.
    """
    try:
        text = (await request.body()).decode("utf-8")
        body = json.loads(text, object_pairs_hook=_refuse_duplicate_keys, parse_constant=_refuse_constant)
        _refuse_deep_nesting(body)
    except (ValueError, RecursionError):
        raise Malformed(
            Text(
                "Nội dung không phải JSON hợp lệ (UTF-8, không lặp khóa, không NaN)",
                "The body is not valid JSON (UTF-8, no repeated keys, no NaN)",
            )
        ) from None
    if not isinstance(body, dict):
        raise Malformed(Text("Nội dung phải là một đối tượng JSON", "The body must be a JSON object"))
    return body


BodyParam = Annotated[dict[str, Any], Depends(json_body)]
