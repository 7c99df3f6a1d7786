"""Who is asking, and in which language.

Until there is an administrator the house serves on loopback only and every loopback request acts as the office.
From then on everybody signs in: a browser with the cookie of its sign-in, a machine with a token. The post is read
anew on every request. ``Host`` must be one of ours, a write must come from a page of ours and, with a cookie, bring
the sign-in's own CSRF token; writes carry JSON only.
"""

import secrets
import uuid
from collections.abc import Callable, MutableMapping
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL, Headers
from starlette.responses import RedirectResponse
from starlette.routing import Match

from api.http.asgi import ASGIApp, Receive, Scope, Send
from api.http.media_types import HTML
from api.http.network import is_loopback
from api.http.request_body import WRITE_METHODS, body_refusal, limit_body
from api.settings import Settings
from gis.accounts import Accounts, Principal, may_write, release_of_scope
from gis.db import Actor
from gis.model import Level
from gis.text import Forbidden, Malformed, Missing, Refusal, Text, Unauthenticated
from layers.policy import ANONYMOUS, ASSIGNABLE_ROLES, OFFICE, RECIPIENT

NEEDS_SECOND_FACTOR = Text(
    "Quản trị viên phải bật xác thực hai lớp trước khi thực hiện thao tác khác",
    "Administrators must set up a second factor before doing anything else",
)

NO_SUCH_PATH = Text("Không có địa chỉ này", "There is no such address")
"""Said of an address that there is not, or not for whoever asks."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self'"
)
SESSION_COOKIE = "__Host-cotmoc"
UNAUTHENTICATED_PATHS = ("/healthz", "/signin")
UNAUTHENTICATED_PREFIXES = ("/signin/", "/static/")
"""What is answered to anybody: that the process lives, the way in, and the browser's own files."""

OWN_ACCOUNT_PATHS = ("/account", "/signout")
OWN_ACCOUNT_PREFIXES = ("/api/account",)
"""What an administrator without a second factor may do: get one, and leave."""

RELEASED_PATH = "/ogc"
RELEASED_PREFIXES = ("/ogc/", "/api/export/")
"""Where a partner reads what was released."""

READER_INDEPENDENT_PATHS = ("/map.js", "/marks.svg", "/healthz", "/api/basemap/context")
NO_STORE = b"private, no-store"
HSTS_MAX_AGE = b"max-age=31536000"

SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(self), camera=(), microphone=()",
}
RAW_SECURITY_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
"""The same as they leave."""


class SecurityMiddleware:
    """The first thing a request meets: whose name it calls, where a write comes from, what it carries, how much."""

    def __init__(
        self, app: ASGIApp, settings: Settings, accounts: Accounts, refuse: Callable[[Request, Refusal], Any]
    ) -> None:
        self.app, self.settings, self.accounts, self.refuse = app, settings, accounts, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse at the door or pass on, with the security headers on every answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        scope.setdefault("state", {})["request_id"] = str(uuid.uuid4())

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                given = message.setdefault("headers", [])
                told = {name for name, _ in given}
                given += [pair for pair in RAW_SECURITY_HEADERS if pair[0] not in told]
                given.append((b"x-request-id", scope["state"]["request_id"].encode()))
                if scope["scheme"] == "https":
                    given.append((b"strict-transport-security", HSTS_MAX_AGE))
                if self._is_private(request):
                    given[:] = [pair for pair in given if pair[0] != b"cache-control"]
                    given.append((b"cache-control", NO_STORE))
                elif b"cache-control" not in told and not scope["path"].startswith("/static/"):
                    given.append((b"cache-control", b"private, no-cache"))
            await send(message)

        try:
            if refusal := self._check_request(request):
                raise refusal
            await self._authenticate(request)
            await self.app(scope, limit_body(receive), guarded)
        except Refusal as refusal:
            await self._refusal_response(request, refusal)(scope, receive, guarded)

    def _is_private(self, request: Request) -> bool:
        """Whether an answer is for one reader's eyes: a public reader's, and what is the same for all, is not.

        While everybody at this machine is the office, a browser may keep what it asks about again each time.
        """
        path: str = request.scope["path"]
        if path.startswith("/static/") or path in READER_INDEPENDENT_PATHS:
            return False
        if path in UNAUTHENTICATED_PATHS or path.startswith(UNAUTHENTICATED_PREFIXES):
            return True
        actor: Actor | None = getattr(request.state, "actor", None)
        guest = getattr(request.state, "principal", None)
        return guest is not None and (actor is None or actor.level is not Level.PUBLIC)

    def _refusal_response(self, request: Request, refusal: Refusal) -> Any:
        """A program is told why not; a person is shown the way in, or to a second factor where one is owed."""
        if is_page_request(request) and isinstance(refusal, Unauthenticated):
            return RedirectResponse(str(URL("/signin").include_query_params(next=path_and_query(request))), 303)
        if is_page_request(request) and refusal.detail == NEEDS_SECOND_FACTOR:
            return RedirectResponse("/account", 303)
        answer = self.refuse(request, refusal)
        if isinstance(refusal, Unauthenticated):
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    async def _authenticate(self, request: Request) -> None:
        """Find out who is asking, and whether they may ask in this way at all."""
        request.state.principal, request.state.actor = None, ANONYMOUS
        path: str = request.scope["path"]
        if path in UNAUTHENTICATED_PATHS or path.startswith(UNAUTHENTICATED_PREFIXES):
            return
        exist = (
            await run_in_threadpool(self.accounts.sign_in_required)
            if self.accounts.recheck_due
            else self.accounts.sign_in_required()
        )
        if not exist:
            self._require_loopback(request)
            request.state.actor = OFFICE
            return
        guest = await run_in_threadpool(self._principal, request)
        if guest is not None and guest.role == RECIPIENT.name and guest.recipient:
            request.state.principal = guest
            named = tuple(str(one) for one in map(release_of_scope, guest.scopes) if one)
            request.state.actor = Actor(guest.name, RECIPIENT, recipient=guest.recipient, releases=named)
            _require_released_path(request)
            return
        if guest is None or guest.role not in ASSIGNABLE_ROLES:
            raise Unauthenticated(Text("Hãy đăng nhập", "Please sign in"))
        request.state.principal, request.state.actor = (
            guest,
            Actor(guest.name, ASSIGNABLE_ROLES[guest.role], guest.unit),
        )
        if request.method in WRITE_METHODS:
            _check_csrf(request.headers, guest)
        if (
            ASSIGNABLE_ROLES[guest.role].administrator
            and not guest.has_second_factor
            and not _is_own_account(request.url.path)
        ):
            raise Forbidden(NEEDS_SECOND_FACTOR)

    def _require_loopback(self, request: Request) -> None:
        near = request.client is not None and is_loopback(request.client.host)
        if self.settings.accepts_remote or (not near and not self.settings.container):
            raise Forbidden(
                Text(
                    "Khi chưa tạo tài khoản, hệ thống chỉ phục vụ tại máy này",
                    "Until accounts exist, served on this machine only",
                )
            )

    def _principal(self, request: Request) -> Principal | None:
        """Whose token this is, or else whose cookie: who shows a token is never taken for the cookie beside it."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind:
            address = request.client.host if request.client else ""
            return self.accounts.authenticate_token(token.strip(), address) if kind.lower() == "bearer" else None
        cookie = request.cookies.get(SESSION_COOKIE)
        return self.accounts.authenticate_cookie(cookie) if cookie else None

    def _check_request(self, request: Request) -> Refusal | None:
        headers, method, host = request.headers, request.method, request.headers.get("host", "").lower()
        if host not in self.settings.hosts:
            return Malformed(
                Text("Tên máy chủ trong yêu cầu không phải của hệ thống này", "The Host is not one of ours")
            )
        if self.settings.accepts_remote and request.url.scheme != "https" and host not in self.settings.local_hosts:
            return Forbidden(Text("Chỉ phục vụ qua HTTPS", "Served over HTTPS only"))
        if method not in WRITE_METHODS:
            return None
        refused = body_refusal(headers, method)
        # What no door takes is not judged by its body: the answer is 404, or 405 with the methods that there are.
        return _cross_site_refusal(headers, host) or (refused if refused and _has_route(request) else None)


def _has_route(request: Request) -> bool:
    return any(route.matches(request.scope)[0] is Match.FULL for route in request.app.routes)


def _is_own_account(path: str) -> bool:
    return path in OWN_ACCOUNT_PATHS or path.startswith(OWN_ACCOUNT_PREFIXES)


def is_page_request(request: Request) -> bool:
    """Whether a browser opens this address as a page; what its scripts ask for is not."""
    return request.method == "GET" and HTML in request.headers.get("accept", "")


def _require_released_path(request: Request) -> None:
    """To a partner there is nothing here but what was released: the standard's doors and files, to read."""
    released = request.url.path == RELEASED_PATH or request.url.path.startswith(RELEASED_PREFIXES)
    if not released or request.method not in ("GET", "HEAD"):
        raise Missing(NO_SUCH_PATH)


def path_and_query(request: Request) -> str:
    """The address as it was asked for, on this house."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _check_csrf(headers: Headers, principal: Principal) -> None:
    """A write that a token may not make, or that somebody's browser was made to send."""
    if not may_write(principal):
        raise Forbidden(Text("Mã truy cập này chỉ được xem", "This token may only read"))
    if principal.csrf is None:
        return
    if "origin" not in headers and headers.get("sec-fetch-site") != "same-origin":
        raise Forbidden(
            Text("Yêu cầu cập nhật không nêu trang gửi", "The write request does not name the page that sent it")
        )
    if not secrets.compare_digest(headers.get("x-csrf-token", ""), principal.csrf):
        raise Forbidden(
            Text("Thiếu mã chống giả mạo, hãy tải lại trang", "The CSRF token is missing; please reload the page")
        )


def _cross_site_refusal(headers: Headers, host: str) -> Refusal | None:
    """A write that another site's page has sent."""
    origin = headers.get("origin", f"http://{host}").lower()
    site = headers.get("sec-fetch-site", "same-origin")
    if origin.removeprefix("https://").removeprefix("http://") == host and site in ("same-origin", "none"):
        return None
    return Forbidden(
        Text("Yêu cầu cập nhật gửi từ trang khác, không được chấp nhận", "Write requests from another site are refused")
    )
