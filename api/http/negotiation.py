"""Content negotiation for OGC API resources: JSON for programs, HTML for browsers.

The parameter ``f`` decides, else the header ``Accept``. An unknown ``f`` is refused, and the error lists the allowed
ones.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request, Response

from api.http.dependencies import Call, call_of, inline_dependency, language_of, page_language
from api.http.json_text import json_bytes
from api.http.media_types import HTML
from api.http.page import navigation_on, signed_in_person
from api.http.query import refuse_unknown_parameters
from api.settings import Settings
from gis.model import Field
from gis.text import Language, Malformed, Text, with_unit
from maps import rendering

FORMATS = ("json", "html")

LINK_TITLES: dict[str, Text] = {
    "ogc_items": Text("Các mục", "Features"),
    "ogc_schema": Text("Lược đồ", "Schema"),
    "ogc_queryables": Text("Thuộc tính lọc được", "Queryables"),
    "ogc_sortables": Text("Thuộc tính sắp xếp được", "Sortables"),
    "ogc_tilesets-vector": Text("Ô bản đồ vectơ", "Vector tiles"),
    "ogc_tiling-schemes": Text("Lưới ô", "Tiling schemes"),
}
"""Titles in HTML for links without a title, by relation type."""

VARY_HEADERS = {"Vary": "Accept, Accept-Language, Cookie"}
FEATURES_1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
COMMON_1 = "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/"
CONFORMS_TO = [f"{FEATURES_1}html", f"{COMMON_1}html", f"{COMMON_1}json"]


def base_url(request: Request) -> str:
    """Scheme and host of the service without a trailing slash; ``SecurityMiddleware`` has checked ``Host``."""
    scope = request.scope
    if scope.get("root_path") or "app_root_path" in scope:
        return str(request.base_url).rstrip("/")
    return f"{scope['scheme']}://{request.headers['host']}"


def link(request: Request, path: str, rel: str, media_type: str, title: str = "") -> dict[str, str]:
    """A link object (RFC 8288) with an absolute URL; ``title`` is left out if it is empty."""
    return {"href": f"{base_url(request)}{path}", "rel": rel, "type": media_type, **({"title": title} if title else {})}


def self_links(request: Request, media_type: str) -> list[dict[str, str]]:
    """The links of a document to itself and to its HTML form."""
    query = request.query_params.multi_items()
    path = request.scope["path"]
    return [
        link(request, path + (f"?{urlencode(query)}" if query else ""), "self", media_type),
        link(request, f"{path}?{urlencode([*_query_without_format(request), ('f', 'html')])}", "alternate", HTML),
    ]


def _query_without_format(request: Request) -> list[tuple[str, str]]:
    """The query parameters without ``f`` and ``lang``."""
    return [(name, value) for name, value in request.query_params.multi_items() if name not in ("f", "lang")]


def wants_html(request: Request) -> bool:
    """Whether the client asks for HTML rather than JSON. Raises ``Malformed`` for an unknown ``f``."""
    format_name = request.query_params.get("f")
    if format_name is not None:
        if format_name not in FORMATS:
            names = ", ".join(FORMATS)
            raise Malformed(Text(f"'f' không hợp lệ. Được phép: {names}", f"Invalid 'f'. Allowed: {names}"))
        return format_name == "html"
    accepted = ",".join(request.headers.getlist("accept")).lower()
    if "text/" not in accepted:
        return False
    weights = dict(_parse_media_range(media_range) for media_range in accepted.split(","))
    json_weights = [weight for media_type, weight in weights.items() if media_type.endswith("json")]
    return _weight_of_first(weights, HTML, "text/*", "*/*") > max(
        json_weights or [_weight_of_first(weights, "application/*", "*/*")]
    )


def response_language(request: Request) -> Language:
    """The language of a negotiated response: that of pages for HTML, else that of machine-readable responses."""
    return page_language(request) if wants_html(request) else language_of(request)


ResponseLanguageParam = Annotated[Language, Depends(inline_dependency(response_language))]
NegotiatedCallParam = Annotated[Call, Depends(call_of(response_language))]


def _weight_of_first(weights: Mapping[str, float], *media_types: str) -> float:
    """The weight of the first of ``media_types``, most specific first, that ``Accept`` has (RFC 9110, 12.5.1)."""
    return next((weights[media_type] for media_type in media_types if media_type in weights), 0.0)


def _parse_media_range(media_range: str) -> tuple[str, float]:
    """A media range of ``Accept`` and its weight; an invalid weight counts as 0."""
    media_type, *rest = (part.strip() for part in media_range.split(";"))
    try:
        weight = next((float(part[2:]) for part in rest if part.startswith("q=")), 1.0)
    except ValueError:
        weight = 0.0
    return media_type, weight


def document_response(
    request: Request,
    document: Mapping[str, Any],
    media_type: str,
    *,
    title: str,
    trail: Sequence[tuple[str, str]] = (),
    allowed: Collection[str] = (),
) -> Response:
    """A resource in the negotiated form: the JSON document, or an HTML page with the breadcrumbs ``trail``.

    Raises ``Malformed`` for a parameter that is not in ``allowed``.
    """
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
    """A document as an HTML page: its links, a table of ``rows`` or a list of ``properties``."""
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
        page_messages=LINK_TITLES,
        path=request.url.path,
        query={name: value for name, value in request.query_params.items() if name != "lang"},
        office=settings.office,
        person=signed_in_person(request),
        navigation=navigation_on(request),
    )
    headers = {**VARY_HEADERS, "Content-Language": page_language(request), "Cache-Control": "private, no-cache"}
    return Response(html, media_type=HTML, headers=headers)


def labelled_properties(
    fields: Mapping[str, Field], feature: Mapping[str, Any], language: Language
) -> list[tuple[str, str]]:
    """The properties of a feature for people: titles instead of names, titles of codes instead of codes."""
    values = feature["properties"]
    return [
        (field.title.in_language(language), _property_text(field, values[name], language))
        for name, field in fields.items()
        if name in values
    ]


def _property_text(field: Field, value: Any, language: Language) -> str:
    """A value for people; the items of a list are separated by semicolons if one of them contains a comma."""
    if value is None:
        return ""
    if field.codes is not None:
        codes = value if isinstance(value, list) else [value]
        return ", ".join(field.codes(code).title.in_language(language) for code in codes)
    if isinstance(value, list):
        items = [_property_text(field, item, language) for item in value]
        return ("; " if any("," in item for item in items) else ", ").join(items)
    return with_unit(field.type.in_words(value, language), field.unit)
