"""OGC API Features, Part 1: the landing page and the conformance declaration."""

from fastapi import APIRouter, Request, Response

from api.http.dependencies import ActorParam
from api.http.media_types import HTML, JSON, OPENAPI
from api.http.negotiation import ResponseLanguageParam, document_response, link, self_links
from api.ogc import tiles
from gis.text import Text

router = APIRouter(prefix="/ogc", tags=["features"])

SUBTITLE = Text("Dữ liệu biên giới dùng chung", "The shared border data system")
CONFORMANCE = Text("Chuẩn áp dụng", "Conformance")
DESCRIPTION = Text("Mô tả giao diện", "API description")
COLLECTIONS = Text("Các lớp dữ liệu", "Collections")


@router.get("/", response_class=Response, include_in_schema=False)
@router.get("", response_class=Response)
def landing(request: Request, actor: ActorParam, language: ResponseLanguageParam) -> Response:
    """The landing page, with links to the API description, the conformance declaration and the collections."""
    document = {
        "title": "Cột Mốc",
        "description": SUBTITLE.in_language(language),
        "links": [
            *self_links(request, JSON),
            link(request, "/ogc/api", "service-desc", OPENAPI, DESCRIPTION.in_language(language)),
            link(request, "/ogc/api?f=html", "service-doc", HTML, DESCRIPTION.in_language(language)),
            link(request, "/ogc/conformance", "conformance", JSON, CONFORMANCE.in_language(language)),
            link(request, "/ogc/collections", "data", JSON, COLLECTIONS.in_language(language)),
            link(request, "/ogc/tileMatrixSets", tiles.TILING_SCHEMES, JSON),
            *([link(request, "/ogc/releases", "version-history", JSON)] if actor.role.external else []),
        ],
    }
    return document_response(request, document, JSON, title="Cột Mốc")


@router.get("/conformance", response_class=Response)
def conformance(request: Request, language: ResponseLanguageParam) -> Response:
    """The conformance classes that the service declares, collected from the modules that implement them."""
    document = {"conformsTo": request.app.state.conforms_to, "links": self_links(request, JSON)}
    return document_response(request, document, JSON, title=CONFORMANCE.in_language(language))
