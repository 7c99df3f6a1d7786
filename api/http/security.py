"""Security of requests: authentication, ``Host`` and cross-site checks, and the security headers of responses.

Until there is an administrator, the service answers loopback only, and every loopback request acts as the office. From
then on clients authenticate: browsers with a session cookie, programs with a bearer token. The role is read from the
database for every request. ``Host`` must name this service. A write must come from a page of this service, must carry
JSON and, with a session cookie, the CSRF token of the session.
"""

import secrets
import uuid
from collections.abc import Callable, MutableMapping
from typing import Any

from fastapi import Request
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

NO_SUCH_PATH = Text("Không có địa chỉ này", "There is nothing at this URL")
"""For a path that does not exist, or that is hidden from the actor."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self'"
)
SESSION_COOKIE = "__Host-cotmoc"
UNAUTHENTICATED_PATHS = ("/healthz", "/signin")
UNAUTHENTICATED_PREFIXES = ("/signin/", "/static/")
"""Paths without authentication: liveness, sign-in and static files."""

OWN_ACCOUNT_PATHS = ("/account", "/signout")
OWN_ACCOUNT_PREFIXES = ("/api/account",)
"""The paths left to an administrator without a second factor: to set one up, and to sign out."""

RELEASED_PATH = "/ogc"
RELEASED_PREFIXES = ("/ogc/", "/api/export/")
"""The paths that partners may read: OGC API and exports of released layers."""

READER_INDEPENDENT_PATHS = ("/map.js", "/marks.svg", "/healthz", "/api/basemap/context")
"""Paths whose response is the same for every reader, so that it need not be private."""

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
"""``SECURITY_HEADERS`` as ASGI sends them."""


class SecurityMiddleware:
    """Checks and authenticates every request before routing, and adds the security headers to every response."""

    def __init__(
        self, app: ASGIApp, settings: Settings, accounts: Accounts, refuse: Callable[[Request, Refusal], Any]
    ) -> None:
        self.app, self.settings, self.accounts, self.refuse = app, settings, accounts, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on with ``request.state.actor`` and ``request.state.principal`` set."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        scope.setdefault("state", {})["request_id"] = str(uuid.uuid4())

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                names = {name for name, _ in headers}
                headers += [pair for pair in RAW_SECURITY_HEADERS if pair[0] not in names]
                headers.append((b"x-request-id", scope["state"]["request_id"].encode()))
                if scope["scheme"] == "https":
                    headers.append((b"strict-transport-security", HSTS_MAX_AGE))
                if self._is_private(request):
                    headers[:] = [pair for pair in headers if pair[0] != b"cache-control"]
                    headers.append((b"cache-control", NO_STORE))
                elif b"cache-control" not in names and not scope["path"].startswith("/static/"):
                    headers.append((b"cache-control", b"private, no-cache"))
            await send(message)

        try:
            if refusal := self._check_request(request):
                raise refusal
            await self._authenticate(request)
            await self.app(scope, limit_body(receive), send_with_headers)
        except Refusal as refusal:
            await self._refusal_response(request, refusal)(scope, receive, send_with_headers)

    def _is_private(self, request: Request) -> bool:
        """Whether a response must not be stored: sign-in pages, and what non-public accounts and tokens read.

        While there are no accounts, browsers may store responses and revalidate them.
        """
        path: str = request.scope["path"]
        if path.startswith("/static/") or path in READER_INDEPENDENT_PATHS:
            return False
        if path in UNAUTHENTICATED_PATHS or path.startswith(UNAUTHENTICATED_PREFIXES):
            return True
        actor: Actor | None = getattr(request.state, "actor", None)
        principal = getattr(request.state, "principal", None)
        return principal is not None and (actor is None or actor.level is not Level.PUBLIC)

    def _refusal_response(self, request: Request, refusal: Refusal) -> Any:
        """The response for a refusal; pages are redirected to sign-in, or to ``/account`` to set up a second factor."""
        if is_page_request(request) and isinstance(refusal, Unauthenticated):
            return RedirectResponse(str(URL("/signin").include_query_params(next=path_and_query(request))), 303)
        if is_page_request(request) and refusal.detail == NEEDS_SECOND_FACTOR:
            return RedirectResponse("/account", 303)
        response = self.refuse(request, refusal)
        if isinstance(refusal, Unauthenticated):
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    async def _authenticate(self, request: Request) -> None:
        """Set the principal and the actor of the request.

        Raises ``Unauthenticated`` without a valid cookie or token, ``Missing`` for paths that are hidden from partners,
        and ``Forbidden`` for a write without its CSRF token, for an administrator without a second factor, and, while
        no account exists, for clients on other machines.
        """
        request.state.principal, request.state.actor = None, ANONYMOUS
        path: str = request.scope["path"]
        if path in UNAUTHENTICATED_PATHS or path.startswith(UNAUTHENTICATED_PREFIXES):
            return
        if self.accounts.recheck_due:
            await self.accounts.recheck_sign_in_required()
        if not self.accounts.sign_in_required():
            self._require_loopback(request)
            request.state.actor = OFFICE
            return
        principal = await self._principal(request)
        if principal is not None and principal.role == RECIPIENT.name and principal.recipient:
            request.state.principal = principal
            releases = tuple(str(release) for release in map(release_of_scope, principal.scopes) if release)
            request.state.actor = Actor(principal.name, RECIPIENT, recipient=principal.recipient, releases=releases)
            _require_released_path(request)
            return
        if principal is None or principal.role not in ASSIGNABLE_ROLES:
            raise Unauthenticated(Text("Hãy đăng nhập", "Please sign in"))
        request.state.principal, request.state.actor = (
            principal,
            Actor(principal.name, ASSIGNABLE_ROLES[principal.role], principal.unit),
        )
        if request.method in WRITE_METHODS:
            _check_csrf(request.headers, principal)
        if (
            ASSIGNABLE_ROLES[principal.role].administrator
            and not principal.has_second_factor
            and not _is_own_account(request.url.path)
        ):
            raise Forbidden(NEEDS_SECOND_FACTOR)

    def _require_loopback(self, request: Request) -> None:
        from_loopback = request.client is not None and is_loopback(request.client.host)
        if self.settings.accepts_remote or (not from_loopback and not self.settings.container):
            raise Forbidden(
                Text(
                    "Khi chưa tạo tài khoản, hệ thống chỉ phục vụ tại máy này",
                    "Until accounts exist, only requests from this machine are served",
                )
            )

    async def _principal(self, request: Request) -> Principal | None:
        """The account of the bearer token, or of the cookie if there is no ``Authorization`` header."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer":
                return None
            return await self.accounts.authenticate_token(token.strip(), request.client.host if request.client else "")
        cookie = request.cookies.get(SESSION_COOKIE)
        return await self.accounts.authenticate_cookie(cookie) if cookie else None

    def _check_request(self, request: Request) -> Refusal | None:
        headers, method, host = request.headers, request.method, request.headers.get("host", "").lower()
        if host not in self.settings.hosts:
            return Malformed(
                Text(
                    "Tên máy chủ trong yêu cầu không phải của hệ thống này",
                    "The Host header does not name this service",
                )
            )
        if self.settings.accepts_remote and request.url.scheme != "https" and host not in self.settings.local_hosts:
            return Forbidden(Text("Chỉ phục vụ qua HTTPS", "This service is available over HTTPS only"))
        if method not in WRITE_METHODS:
            return None
        refusal = body_refusal(headers, method)
        # Without a route the response is 404 or 405 with the allowed methods, whatever the body.
        return _cross_site_refusal(headers, host) or (refusal if refusal and _has_route(request) else None)


def _has_route(request: Request) -> bool:
    return any(route.matches(request.scope)[0] is Match.FULL for route in request.app.routes)


def _is_own_account(path: str) -> bool:
    return path in OWN_ACCOUNT_PATHS or path.startswith(OWN_ACCOUNT_PREFIXES)


def is_page_request(request: Request) -> bool:
    """Whether a browser opens the URL as a page: a GET that accepts HTML. Requests of scripts do not accept HTML."""
    return request.method == "GET" and HTML in request.headers.get("accept", "")


def _require_released_path(request: Request) -> None:
    """Raise ``Missing`` unless a partner reads a path of released data."""
    released = request.url.path == RELEASED_PATH or request.url.path.startswith(RELEASED_PREFIXES)
    if not released or request.method not in ("GET", "HEAD"):
        raise Missing(NO_SUCH_PATH)


def path_and_query(request: Request) -> str:
    """Path and query of the requested URL, without scheme and host."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _check_csrf(headers: Headers, principal: Principal) -> None:
    """Raise ``Forbidden`` for a write with a read-only token, or with a cookie but without its origin or CSRF token."""
    if not may_write(principal):
        raise Forbidden(Text("Mã truy cập này chỉ được xem dữ liệu", "This token is read-only"))
    if principal.csrf is None:
        return
    if "origin" not in headers and headers.get("sec-fetch-site") != "same-origin":
        raise Forbidden(
            Text("Yêu cầu cập nhật không nêu trang gửi", "The write request has no Origin and is not same-origin")
        )
    if not secrets.compare_digest(headers.get("x-csrf-token", ""), principal.csrf):
        raise Forbidden(
            Text(
                "Thiếu mã chống giả mạo, hãy tải lại trang",
                "The CSRF token is missing or wrong; please reload the page",
            )
        )


def _cross_site_refusal(headers: Headers, host: str) -> Refusal | None:
    """The refusal of a write that a page of another site has sent; None for writes of this site and of programs."""
    origin = headers.get("origin", f"http://{host}").lower()
    site = headers.get("sec-fetch-site", "same-origin")
    if origin.removeprefix("https://").removeprefix("http://") == host and site in ("same-origin", "none"):
        return None
    return Forbidden(
        Text("Yêu cầu cập nhật gửi từ trang khác, không được chấp nhận", "Write requests from another site are refused")
    )
