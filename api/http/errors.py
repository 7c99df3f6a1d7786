"""How a refusal leaves the house: RFC 9457 problem details in the reader's language; the one table of HTTP codes.

Whoever opens an address in a browser reads the same words on a page with a way onward.
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
    """The answer that a refusal becomes: a page for a person who has opened the address, else a problem."""
    if not is_page_request(request):
        return problem_response(refusal, language_of(request))
    language, status = page_language(request), STATUS[type(refusal)]
    told = [one.detail.in_language(language) for one in refusal.errors]
    html = _error_page(request, language, status, refusal.title, refusal.detail, told)
    return Response(html, status, {**_retry_headers(refusal, status), **VARY_HEADERS}, HTML_UTF8)


def problem_response(refusal: Refusal, language: Language) -> Response:
    """The problem that a refusal becomes."""
    status = STATUS[type(refusal)]
    body: dict[str, Any] = {
        "type": f"urn:cotmoc:refusal:{_problem_type(refusal)}",
        "title": refusal.title.in_language(language),
        "status": status,
        "detail": refusal.detail.in_language(language),
        **refusal.extra,
    }
    if refusal.errors:
        body["errors"] = [
            {"field": one.field, "code": one.code, "detail": one.detail.in_language(language)} for one in refusal.errors
        ]
    return Response(json.dumps(body, ensure_ascii=False, default=str), status, _retry_headers(refusal, status), PROBLEM)


def _retry_headers(refusal: Refusal, status: int) -> dict[str, str]:
    return {"Retry-After": str(refusal.extra.get("retry_after", RETRY_AFTER_S))} if status in (429, 503) else {}


def _error_page(  # noqa: PLR0917 - what a page of a refusal is made of
    request: Request, language: Language, status: int, title: Text, detail: Text, field_errors: Sequence[str] = ()
) -> str:
    settings: Settings = request.app.state.settings
    detail_said = detail.in_language(language)
    return error_page(
        language,
        status=status,
        title=title.in_language(language),
        detail=detail_said,
        field_errors=[one for one in field_errors if not detail_said.endswith(one)],
        # Quoted anew and with one stroke in front, so that the language switch stays in this house.
        path="/" + quote(str(request.scope["path"]).lstrip("/")),
        query={name: value for name, value in request.query_params.items() if name != "lang"},
        office=settings.office,
    )


def _allowed_methods(request: Request) -> list[str]:
    """What may be asked at this address, by all of the doors that stand there; whoever answers GET answers HEAD."""
    doors = [*request.app.routes, *(route for router in request.app.state.routers for route in router.routes)]
    here = [door for door in doors if door.matches(request.scope)[0] is not Match.NONE]
    found: set[str] = set().union(*(getattr(door, "methods", None) or () for door in here))
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _problem_type(refusal: Refusal) -> str:
    return "".join(f"-{one.lower()}" if one.isupper() else one for one in type(refusal).__name__).lstrip("-")


def install_error_handlers(app: FastAPI) -> None:
    """Let every way of failing leave as a problem."""

    @app.exception_handler(Refusal)
    def refused(request: Request, refusal: Refusal) -> Response:
        return error_response(request, refusal)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, fault: RequestValidationError) -> Response:
        found = [
            FieldError(
                ".".join(str(part) for part in one["loc"][1:]), "value", Text("Giá trị không hợp lệ", "Not valid")
            )
            for one in fault.errors()
        ]
        names = ", ".join(one.field for one in found)
        refusal = errors.Malformed(Text(f"Tham số không hợp lệ: {names}", f"Not a valid parameter: {names}"), found)
        return error_response(request, refusal)

    @app.exception_handler(HTTPException)
    def http(request: Request, fault: HTTPException) -> Response:
        refusals: dict[int, Refusal] = {
            404: errors.Missing(NO_SUCH_PATH),
            405: errors.WrongMethod(
                Text("Phương thức này không được hỗ trợ tại địa chỉ này", "This method is not supported here")
            ),
        }
        plain = errors.Malformed(Text("Yêu cầu không đọc được", str(fault.detail)))
        refused = error_response(request, refusals.get(fault.status_code, plain))
        for name, value in (fault.headers or {}).items():
            refused.headers[name] = value
        if fault.status_code == 405:  # noqa: PLR2004
            refused.headers["Allow"] = ", ".join(_allowed_methods(request))
        return refused

    @app.exception_handler(Exception)
    def unforeseen(request: Request, fault: Exception) -> Response:
        trace = request.state.request_id
        log.error("unforeseen fault %s at %s", trace, request.url.path, exc_info=fault)
        body = {
            "type": "urn:cotmoc:fault",
            "title": UNEXPECTED_ERROR.in_language(language_of(request)),
            "status": 500,
            "request": trace,
        }
        # This one answer passes by the doorkeeper, who gives all others their headers.
        headers = {**SECURITY_HEADERS, "Cache-Control": NO_STORE.decode(), "X-Request-Id": trace}
        if is_page_request(request):
            told = Text(f"Mã yêu cầu {trace}", f"Request {trace}")
            return Response(
                _error_page(request, page_language(request), 500, UNEXPECTED_ERROR, told), 500, headers, HTML_UTF8
            )
        return Response(json.dumps(body, ensure_ascii=False), 500, headers, PROBLEM)
