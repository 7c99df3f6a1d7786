"""OGC API Features, Part 1: the layers as collections."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Response

from api.http.dependencies import Call
from api.http.media_types import GEOJSON, JSON
from api.http.negotiation import NegotiatedCallParam, document_response, link, self_links
from api.http.parameters import LayerParam
from api.http.query import refuse_unknown_parameters
from api.ogc import schemas, tiles
from api.ogc.landing import COLLECTIONS
from gis.crs import CRS84_URI, OUTPUT_CRS
from gis.db import Session, result_of
from gis.model import Layer
from gis.read import Selection, pages
from gis.release import released_layers
from gis.text import Language
from layers.policy import catalog_of

router = APIRouter(prefix="/ogc", tags=["features"])


@router.get("/collections", response_class=Response)
def collections(call: NegotiatedCallParam) -> Response:
    """All layers as collections."""
    refuse_unknown_parameters(call.request)
    with call.reading() as session:
        documents = [_collection_document(call, session, layer) for layer in _visible_layers(session)]
    document = {"links": self_links(call.request, JSON), "collections": documents}
    return document_response(call.request, document, JSON, title=COLLECTIONS.in_language(call.language))


@router.get("/collections/{layer}", response_class=Response)
def collection(layer: LayerParam, call: NegotiatedCallParam) -> Response:
    """One layer as a collection."""
    refuse_unknown_parameters(call.request)
    with call.reading() as session:
        document = _collection_document(call, session, layer)
    document["links"][:1] = self_links(call.request, JSON)
    trail = breadcrumbs(call.language)
    return document_response(call.request, document, JSON, title=document["title"], trail=trail)


def _visible_layers(session: Session) -> Iterator[Layer]:
    """The layers to list: those of the actor's catalogue, for partners only the ones that were released to them."""
    actor = session.actor
    released = released_layers(session) if actor.role.external else None
    for name, layer in catalog_of(actor).items():
        if released is None or name in released:
            yield layer


def breadcrumbs(language: Language, layer: Layer | None = None) -> list[tuple[str, str]]:
    """Title and path of the HTML pages above a collection, or above its items if ``layer`` is given."""
    trail = [(COLLECTIONS.in_language(language), "/ogc/collections")]
    if layer is not None:
        trail.append((layer.title.in_language(language), f"/ogc/collections/{layer.name}"))
    return trail


def _collection_document(call: Call, session: Session, layer: Layer) -> dict[str, Any]:
    request, path = call.request, f"/ogc/collections/{layer.name}"
    title = layer.title.in_language(call.language)
    box = result_of(pages.extent(session, Selection.for_reader(session, layer)))
    return {
        "id": layer.name,
        "title": title,
        "description": layer.description,
        "itemType": "feature",
        "crs": [crs.uri for crs in OUTPUT_CRS],
        "storageCrs": CRS84_URI,
        **({"extent": {"spatial": {"bbox": [list(box)], "crs": CRS84_URI}}} if box else {}),
        "defaultSortOrder": list(layer.order),
        "links": [
            link(request, path, "self", JSON, title),
            link(request, f"{path}/items", "items", GEOJSON, title),
            *schemas.schema_links(request, layer),
            *([link(request, f"{path}/tiles", tiles.TILESETS, JSON, title)] if layer.has_geometry else []),
        ],
    }
