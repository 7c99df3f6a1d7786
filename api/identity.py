"""Who is asking, and in which language.

Until accounts exist the house serves on loopback only and every loopback request acts as the office. From the first
day: ``Host`` must be one of ours, a write with an ``Origin`` must come from ours, writes carry JSON only.
"""

import ipaddress
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import wraps
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders

from api.settings import Settings
from gis.database import Actor
from gis.errors import Forbidden, Malformed, Refusal, TooLarge, UnsupportedMediaType
from gis.language import Language, Text
from layers.policy import OFFICE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
TAKEN = {"application/json", "application/geo+json", "application/merge-patch+json"}
MAX_BODY = 2 * 1024 * 1024
DEEPEST = 50
"""Levels of nesting; what is deeper is no body of ours, and would exhaust whoever walks it."""

CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(self), camera=(), microphone=()",
}


def chosen_language(request: Request) -> Language | None:
    """The language that was asked for: ``?lang=``, else the cookie of the last choice."""
    asked = request.query_params.get("lang") or request.cookies.get("lang")
    if asked not in ("vi", "en"):
        return None
    return "en" if asked == "en" else "vi"


def page_language(request: Request) -> Language:
    """A page is Vietnamese until a reader chooses: an office's browser is often set to English by its installer."""
    return chosen_language(request) or "vi"


def language_of(request: Request) -> Language:
    """The language of an answer to a program: the one chosen, else what ``Accept-Language`` prefers."""
    if chosen := chosen_language(request):
        return chosen
    for preferred in request.headers.get("accept-language", "").lower().split(","):
        name = preferred.split(";")[0].strip()[:2]
        if name in ("vi", "en"):
            return "en" if name == "en" else "vi"
    return "vi"


def actor_of(request: Request) -> Actor:
    """Whoever is at this machine acts as the office; nobody else is served before accounts exist."""
    settings: Settings = request.app.state.settings
    host = request.client.host if request.client else ""
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = host in ("testclient", "")
    if not near and not settings.container:
        raise Forbidden(Text("Chỉ phục vụ trên máy này khi chưa có tài khoản", "Served on this machine only so far"))
    return OFFICE


def at_once(read: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """A dependency that only looks at the request, run where the request is instead of in a thread of its own."""

    @wraps(read)
    async def reading(*arguments: Any, **named: Any) -> Any:
        return read(*arguments, **named)

    return reading


ActorParam = Annotated[Actor, Depends(at_once(actor_of))]
LanguageParam = Annotated[Language, Depends(at_once(language_of))]
PageLanguageParam = Annotated[Language, Depends(at_once(page_language))]


class Doorkeeper:
    """The first thing a request meets: whose name it calls, where a write comes from, what it carries, how much."""

    def __init__(self, app: App, settings: Settings, refuse: Callable[[Refusal, Language], Any]) -> None:
        self.app, self.settings, self.refuse = app, settings, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse at the door or pass on, with the security headers on every answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        scope.setdefault("state", {})["request_id"] = str(uuid.uuid4())

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = scope["state"]["request_id"]
            await send(message)

        refusal = self._judge(request.headers, scope["method"])
        if refusal is None:
            try:
                await self.app(scope, _measured(receive), guarded)
            except TooLarge as found:
                refusal = found
        if refusal is not None:
            await self.refuse(refusal, language_of(request))(scope, receive, guarded)

    def _judge(self, headers: Headers, method: str) -> Refusal | None:
        host = headers.get("host", "").lower()
        if host not in self.settings.hosts:
            return Malformed(
                Text("Tên máy chủ trong yêu cầu không phải của hệ thống này", "The Host is not one of ours")
            )
        return (_from_elsewhere(headers, host) or _unreadable(headers, method)) if method in WRITES else None


def _from_elsewhere(headers: Headers, host: str) -> Refusal | None:
    """A write that another site's page has sent."""
    origin = headers.get("origin", f"http://{host}").lower()
    site = headers.get("sec-fetch-site", "same-origin")
    if origin.removeprefix("https://").removeprefix("http://") == host and site in ("same-origin", "none"):
        return None
    return Forbidden(Text("Yêu cầu ghi đến từ trang khác", "The write comes from another site"))


def _unreadable(headers: Headers, method: str) -> Refusal | None:
    """A body of a kind or size that is not taken."""
    if headers.get("content-encoding", "identity") != "identity":
        return UnsupportedMediaType(Text("Không nhận nội dung nén", "Compressed bodies are not taken"))
    length = int(headers.get("content-length", "0") or 0)
    carries = length > 0 or "transfer-encoding" in headers or method != "DELETE"
    if carries and headers.get("content-type", "").split(";")[0].strip().lower() not in TAKEN:
        names = ", ".join(sorted(TAKEN))
        return UnsupportedMediaType(Text(f"Nội dung phải là {names}", f"The body must be {names}"))
    return too_large() if length > MAX_BODY else None


def too_large() -> TooLarge:
    """The refusal of a body beyond what is taken."""
    megabytes = MAX_BODY // 1024 // 1024
    return TooLarge(Text(f"Nội dung quá {megabytes} MB", f"The body is over {megabytes} MB"))


def _measured(receive: Receive) -> Receive:
    """Count a body that did not say how long it is."""
    taken = 0

    async def counting() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY:
            raise too_large()
        return message

    return counting


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated key")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _members(one)]
        if not level:
            return
    raise ValueError("nested too deeply")


def _members(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


async def json_body(request: Request) -> dict[str, Any]:
    """The body as one JSON object. Repeated keys, NaN, infinities, bad UTF-8 and endless nesting are refused."""
    try:
        text = (await request.body()).decode("utf-8")
        body = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constant)
        _refuse_depth(body)
    except (ValueError, RecursionError):
        raise Malformed(
            Text("Nội dung không phải JSON hợp lệ (UTF-8, không lặp khóa, không NaN)", "The body is not valid JSON")
        ) from None
    if not isinstance(body, dict):
        raise Malformed(Text("Nội dung phải là một đối tượng JSON", "The body must be a JSON object"))
    return body


BodyParam = Annotated[dict[str, Any], Depends(json_body)]
