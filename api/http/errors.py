"""Error responses: RFC 9457 problem details in the language of the client, and the one table of status codes.

A browser that opens a page gets the same texts as an HTML page with links to continue.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.http.dependencies import language_of, page_language
from api.http.media_types import HTML, PROBLEM
from api.http.negotiation import VARY_HEADERS
from api.http.security import NO_STORE, NO_SUCH_PATH, SECURITY_HEADERS, is_page_request
from api.settings import Settings
from gis.text import FieldError, Language, Refusal, Text, errors
from maps.rendering import error_page

log = logging.getLogger(__name__)

STATUS: dict[type[Refusal], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.Missing: 404,
    errors.WrongMethod: 405,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Invalid: 422,
    errors.Unconditional: 428,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}

HTML_UTF8 = f"{HTML}; charset=utf-8"
RETRY_AFTER_S = "5"
UNEXPECTED_ERROR = Text(
    "Lỗi hệ thống ngoài dự kiến; đã ghi nhận để khắc phục", "An unexpected system error; it has been recorded"
)


def error_response(request: Request, refusal: Refusal) -> Response:
    """The response for a refusal: an HTML page if a browser opened the URL as a page, else problem details."""
    if not is_page_request(request):
        return problem_response(refusal, language_of(request))
    language, status = page_language(request), STATUS[type(refusal)]
    field_errors = [error.detail.in_language(language) for error in refusal.errors]
    html = _error_page(request, language, status, refusal.title, refusal.detail, field_errors)
    return Response(html, status, {**_retry_headers(refusal, status), **VARY_HEADERS}, HTML_UTF8)


def problem_response(refusal: Refusal, language: Language) -> Response:
    """A refusal as RFC 9457 problem details; ``errors`` lists the fields at fault."""
    status, body = STATUS[type(refusal)], refusal_members(refusal, language)
    return Response(json.dumps(body, ensure_ascii=False, default=str), status, _retry_headers(refusal, status), PROBLEM)


def refusal_members(refusal: Refusal, language: Language) -> dict[str, Any]:
    """The members of the problem document of a refusal."""
    status = STATUS[type(refusal)]
    body: dict[str, Any] = {
        "type": f"urn:cotmoc:refusal:{refusal_code(refusal)}",
        "title": refusal.title.in_language(language),
        "status": status,
        "detail": refusal.detail.in_language(language),
        **refusal.extra,
    }
    if refusal.errors:
        body["errors"] = [
            {"field": error.field, "code": error.code, "detail": error.detail.in_language(language)}
            for error in refusal.errors
        ]
    return body


def _retry_headers(refusal: Refusal, status: int) -> dict[str, str]:
    return {"Retry-After": str(refusal.extra.get("retry_after", RETRY_AFTER_S))} if status in (429, 503) else {}


def _error_page(  # noqa: PLR0917 - the parts of the page
    request: Request, language: Language, status: int, title: Text, detail: Text, field_errors: Sequence[str] = ()
) -> str:
    settings: Settings = request.app.state.settings
    detail_text = detail.in_language(language)
    return error_page(
        language,
        status=status,
        title=title.in_language(language),
        detail=detail_text,
        field_errors=[error for error in field_errors if not detail_text.endswith(error)],
        # Quoted again and with exactly one leading slash, so that the language switch cannot lead to another host.
        path="/" + quote(str(request.scope["path"]).lstrip("/")),
        query={name: value for name, value in request.query_params.items() if name != "lang"},
        office=settings.office,
    )


def _allowed_methods(request: Request) -> list[str]:
    """The methods of all routes that match the path, for ``Allow``; HEAD goes with GET (``HeadMiddleware``)."""
    routes = [*request.app.routes, *(route for router in request.app.state.routers for route in router.routes)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    methods: set[str] = set().union(*(getattr(route, "methods", None) or () for route in matching))
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def refusal_code(refusal: Refusal) -> str:
    """The class of a refusal as a stable code, such as ``missing`` or ``unsupported-media-type``."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in type(refusal).__name__).lstrip(
        "-"
    )


def install_error_handlers(app: FastAPI) -> None:
    """Register the handlers that turn every exception into an error response of this module."""

    @app.exception_handler(Refusal)
    def refused(request: Request, refusal: Refusal) -> Response:
        return error_response(request, refusal)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, fault: RequestValidationError) -> Response:
        field_errors = [
            FieldError(
                ".".join(str(part) for part in error["loc"][1:]), "value", Text("Giá trị không hợp lệ", "Invalid value")
            )
            for error in fault.errors()
        ]
        names = ", ".join(error.field for error in field_errors)
        refusal = errors.Malformed(Text(f"Tham số không hợp lệ: {names}", f"Invalid parameter: {names}"), field_errors)
        return error_response(request, refusal)

    @app.exception_handler(HTTPException)
    def http(request: Request, fault: HTTPException) -> Response:
        refusals: dict[int, Refusal] = {
            404: errors.Missing(NO_SUCH_PATH),
            405: errors.WrongMethod(
                Text("Phương thức này không được hỗ trợ tại địa chỉ này", "This method is not supported here")
            ),
        }
        other = errors.Malformed(Text("Yêu cầu không hợp lệ", str(fault.detail)))
        response = error_response(request, refusals.get(fault.status_code, other))
        for name, value in (fault.headers or {}).items():
            response.headers[name] = value
        if fault.status_code == 405:  # noqa: PLR2004
            response.headers["Allow"] = ", ".join(_allowed_methods(request))
        return response

    @app.exception_handler(Exception)
    def unexpected(request: Request, fault: Exception) -> Response:
        request_id = request.state.request_id
        log.error("Unhandled exception in request %s at %s", request_id, request.url.path, exc_info=fault)
        body = {
            "type": "urn:cotmoc:fault",
            "title": UNEXPECTED_ERROR.in_language(language_of(request)),
            "status": 500,
            "request": request_id,
        }
        # Starlette sends this response past SecurityMiddleware, which adds these headers to all others.
        headers = {**SECURITY_HEADERS, "Cache-Control": NO_STORE.decode(), "X-Request-Id": request_id}
        if is_page_request(request):
            detail = Text(f"Mã yêu cầu {request_id}", f"Request {request_id}")
            return Response(
                _error_page(request, page_language(request), 500, UNEXPECTED_ERROR, detail), 500, headers, HTML_UTF8
            )
        return Response(json.dumps(body, ensure_ascii=False), 500, headers, PROBLEM)
