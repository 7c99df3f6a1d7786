"""How a resource of OGC API leaves: as JSON for programs, or as a quiet page for whoever follows a link in a browser.

``f`` decides, else what the reader prefers (``Accept``); an unknown ``f`` or parameter is refused with the list.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request, Response

from api.http.dependencies import inline_dependency, language_of, page_language
from api.http.json_text import json_bytes
from api.http.media_types import HTML
from api.http.page import signed_in_person
from api.settings import Settings
from gis.model import Field
from gis.text import Language, Malformed, Text
from maps import rendering
from maps.messages import messages_in

FORMATS = ("json", "html")
COMMON_PARAMETERS = ("f", "lang")
"""The parameters that every resource takes."""

LINK_TITLES: dict[str, Text] = {
    "ogc_items": Text("Các mục", "Features"),
    "ogc_schema": Text("Lược đồ", "Schema"),
    "ogc_queryables": Text("Thuộc tính lọc được", "Queryables"),
    "ogc_sortables": Text("Thuộc tính sắp xếp được", "Sortables"),
    "ogc_tilesets-vector": Text("Ô bản đồ vectơ", "Vector tiles"),
    "ogc_tiling-schemes": Text("Lưới ô", "Tiling schemes"),
}
"""What a page calls the links that no door has given a title."""

VARY_HEADERS = {"Vary": "Accept, Accept-Language, Cookie"}
FEATURES_1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
COMMON_1 = "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/"
CONFORMS_TO = [f"{FEATURES_1}html", f"{COMMON_1}html", f"{COMMON_1}json"]


def base_url(request: Request) -> str:
    """Where this house is asked, without the closing slash; the doorkeeper has seen that the name is ours."""
    scope = request.scope
    if scope.get("root_path") or "app_root_path" in scope:
        return str(request.base_url).rstrip("/")
    return f"{scope['scheme']}://{request.headers['host']}"


def link(request: Request, path: str, rel: str, media_type: str, title: str = "") -> dict[str, str]:
    """A link to a path of this house."""
    return {"href": f"{base_url(request)}{path}", "rel": rel, "type": media_type, **({"title": title} if title else {})}


def self_links(request: Request, media_type: str) -> list[dict[str, str]]:
    """The links of an answer to itself and to the other forms it has."""
    asked = request.query_params.multi_items()
    path = request.scope["path"]
    own = path + (f"?{urlencode(asked)}" if asked else "")
    return [
        link(request, own, "self", media_type),
        link(request, f"{path}?{urlencode([*_query_without_format(request), ('f', 'html')])}", "alternate", HTML),
    ]


def _query_without_format(request: Request) -> list[tuple[str, str]]:
    """What was asked, less the form of the answer and the language of a page."""
    return [(name, value) for name, value in request.query_params.multi_items() if name not in ("f", "lang")]


def refuse_unknown_parameters(request: Request, allowed: Collection[str] = ()) -> None:
    """Refuse a parameter that a resource does not take."""
    known = sorted({*COMMON_PARAMETERS, *allowed})
    for name in request.query_params:
        if name not in known:
            names = ", ".join(known)
            raise Malformed(
                Text(f"Không có tham số '{name[:60]}'. Có: {names}", f"No parameter '{name[:60]}'. There are: {names}")
            )


def wants_html(request: Request) -> bool:
    """Whether a page is wanted rather than JSON. Raises ``Malformed`` for a form there is none of."""
    asked = request.query_params.get("f")
    if asked is not None:
        if asked not in FORMATS:
            names = ", ".join(FORMATS)
            raise Malformed(Text(f"f: một trong {names}", f"f: one of {names}"))
        return asked == "html"
    accepted = ",".join(request.headers.getlist("accept")).lower()
    if "text/" not in accepted:
        return False
    weights = dict(_parse_media_range(one) for one in accepted.split(","))
    plain = [weight for kind, weight in weights.items() if kind.endswith("json")]
    return _weight_of_first(weights, HTML, "text/*", "*/*") > max(
        plain or [_weight_of_first(weights, "application/*", "*/*")]
    )


def response_language(request: Request) -> Language:
    """The language of an answer: a page's or a program's."""
    return page_language(request) if wants_html(request) else language_of(request)


ResponseLanguageParam = Annotated[Language, Depends(inline_dependency(response_language))]


def _weight_of_first(weights: Mapping[str, float], *media_types: str) -> float:
    """How much the first of these that is named is preferred: the more exact name counts (RFC 9110, 12.5.1)."""
    return next((weights[kind] for kind in media_types if kind in weights), 0.0)


def is_not_modified(request: Request, etag: str) -> bool:
    """Whether the reader has this very representation (``If-None-Match``, compared weakly as RFC 9110 wants)."""
    held = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return etag in held or "*" in held


def _parse_media_range(media_range: str) -> tuple[str, float]:
    """A media type of ``Accept`` and how much it is preferred."""
    kind, *rest = (part.strip() for part in media_range.split(";"))
    try:
        weight = next((float(part[2:]) for part in rest if part.startswith("q=")), 1.0)
    except ValueError:
        weight = 0.0
    return kind, weight


def document_response(
    request: Request,
    document: Mapping[str, Any],
    media_type: str,
    *,
    title: str,
    trail: Sequence[tuple[str, str]] = (),
    allowed: Collection[str] = (),
) -> Response:
    """A resource in the form that is wanted: its document, or the same as a page below the pages of ``trail``."""
    refuse_unknown_parameters(request, allowed)
    if wants_html(request):
        return html_response(request, document, title=title, trail=trail)
    return Response(json_bytes(document), media_type=media_type, headers=VARY_HEADERS)


def html_response(
    request: Request,
    document: Mapping[str, Any],
    *,
    title: str,
    trail: Sequence[tuple[str, str]] = (),
    rows: Sequence[Mapping[str, Any]] = (),
    columns: Sequence[str] = (),
    properties: Sequence[tuple[str, str]] = (),
) -> Response:
    """A document as a page: what it says, its links, its rows or its facts."""
    settings: Settings = request.app.state.settings
    html = rendering.render(
        "pages/ogc.html",
        page_language(request),
        title=title,
        trail=[("OGC API", "/ogc"), *trail] if request.url.path != "/ogc" else [],
        document=document,
        schema=document.get("properties", {}) if "$schema" in document else {},
        rows=rows,
        columns=columns,
        facts=properties,
        as_json=f"{request.url.path}?{urlencode([*_query_without_format(request), ('f', 'json')])}",
        wordings=LINK_TITLES,
        path=request.url.path,
        query={name: value for name, value in request.query_params.items() if name != "lang"},
        office=settings.office,
        person=signed_in_person(request),
    )
    headers = {**VARY_HEADERS, "Content-Language": page_language(request), "Cache-Control": "private, no-cache"}
    return Response(html, media_type=HTML, headers=headers)


def labelled_properties(
    fields: Mapping[str, Field], feature: Mapping[str, Any], language: Language
) -> list[tuple[str, str]]:
    """The properties of a feature as a person reads them: labels and words instead of names and codes."""
    told = feature["properties"]
    return [
        (one.title.in_language(language), _property_text(one, told[name], language))
        for name, one in fields.items()
        if name in told
    ]


def _property_text(field: Field, value: Any, language: Language) -> str:  # noqa: PLR0911 - one line per kind of value
    if value is None:
        return ""
    if field.codes is not None:
        return field.codes(value).title.in_language(language)
    if field.type in ("date", "datetime"):
        return rendering.format_date(value) if field.type == "date" else rendering.format_datetime(value)
    match value:
        case bool():
            return messages_in(language)["yes" if value else "no"]
        case int() | float():
            return rendering.quantity(value, field.unit, language)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
    return str(value)
