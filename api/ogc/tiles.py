"""OGC API Tiles, Part 1: vector tiles of every layer that stands somewhere, their description and their style.

A tile takes the filters of ``items``. The header ``Tile-Content`` says whether it holds ``features`` or ``counts`` by
grid cell, ``Tile-Dropped`` how many of the least important features found no room in it.
"""

import hashlib
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api.http.fast_route import Door
from api.http.media_types import JSON, MVT
from api.http.negotiation import base_of, holds, link, only
from api.http.parameters import DatabaseParam, LayerParam, selected
from api.http.security import ActorParam, LanguageParam, at_once
from gis.crs.systems import EPSG_URI, WEB_MERCATOR
from gis.db.actors import Actor
from gis.db.session import Database
from gis.model.fields import Level, Reader
from gis.model.layer import Layer
from gis.read import sql as query, tiles
from gis.read.grid_counts import FINEST_ZOOM, HALF_WORLD_M, counted_by
from gis.read.sql import Selection
from gis.text.errors import Malformed, Missing
from gis.text.i18n import Text
from maps.maplibre_style import style

router = APIRouter(prefix="/ogc", tags=["tiles"], route_class=Door)

TILES_1 = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
CONFORMS_TO = [f"{TILES_1}{name}" for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt")]

MATRIX_SET = "WebMercatorQuad"
MATRIX_SET_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{MATRIX_SET}"
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
TILING_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
TILING_SCHEMES = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"

TILE_SIDE = 256
PIXEL_M = 0.00028
"""The size of a pixel by which the standard reckons scales."""

NOT_OF_TILES = {"after", "count", "crs", "limit", "properties", "sortby"}
"""What pages of features know and tiles do not."""


def drawn_layer(layer: LayerParam) -> Layer:
    """A layer that stands somewhere."""
    if not layer.placed:
        raise Missing(Text("Lớp này không có vị trí trên bản đồ", "This layer does not stand on the map"))
    return layer


def tile_address(zoom: str, row: str, column: str) -> tiles.Address:
    """The tile at a path; what is no number is missing like a tile outside the world."""
    try:
        found = tiles.Address(*(int(one) if one.isascii() and one.isdigit() else -1 for one in (zoom, column, row)))
    except ValueError:  # more digits than Python reads
        found = tiles.Address(-1, -1, -1)
    if not found.exists:
        raise Missing(
            Text(f"Không có ô này; mức 0–{tiles.DEEPEST_ZOOM}", f"No such tile; zooms 0–{tiles.DEEPEST_ZOOM}")
        )
    return found


def matrix_set(tms: str) -> str:
    """The one division of the world into tiles that is served."""
    if tms != MATRIX_SET:
        raise Missing(Text(f"Chỉ có {MATRIX_SET}", f"There is {MATRIX_SET} only"))
    return tms


def as_tile(request: Request) -> None:
    """A tile comes in one form."""
    _refuse_other_forms(request, "mvt")


def as_json(request: Request) -> None:
    """What describes tiles comes as JSON and takes nothing beside the form and the language."""
    only(request)
    _refuse_other_forms(request, "json")


def _refuse_other_forms(request: Request, form: str) -> None:
    if request.query_params.get("f", form) != form:
        raise Malformed(Text(f"f: {form}", f"f: {form}"))


DrawnLayerParam = Annotated[Layer, Depends(at_once(drawn_layer))]
AddressParam = Annotated[tiles.Address, Depends(at_once(tile_address))]
SERVED = [Depends(at_once(matrix_set))]
AS_TILE, AS_JSON = [Depends(at_once(as_tile))], [Depends(at_once(as_json))]


async def _selection(database: Database, layer: Layer, request: Request, actor: Actor) -> Selection:
    for name in NOT_OF_TILES & set(request.query_params):
        raise Malformed(Text(f"Ô bản đồ không nhận tham số '{name}'", f"A tile takes no parameter '{name}'"))
    found = await selected(database, layer, request.query_params, actor)
    return found.everything()


@router.get(
    "/collections/{layer}/tiles/{tms}/{zoom}/{row}/{column}",
    response_class=Response,
    dependencies=SERVED + AS_TILE,
    responses={
        200: {"content": {MVT: {}}, "description": "A Mapbox Vector Tile with one layer, named like the collection"},
        204: {"description": "Nothing stands here"},
        304: {"description": "The reader has it already"},
    },
)
async def tile(
    request: Request, layer: DrawnLayerParam, address: AddressParam, actor: ActorParam, database: DatabaseParam
) -> Response:
    """One vector tile; takes the filters of ``items``."""
    selection = await _selection(database, layer, request, actor)
    found = await database.answered(
        actor, partial(tiles.asking_tile, selection, address, from_counts=not actor.role.scoped)
    )
    tag = f'"{hashlib.sha256(found.content).hexdigest()}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "public, max-age=60" if actor.level is Level.PUBLIC else "private, no-cache",
        "Tile-Content": "counts" if found.counts else "features",
        "Tile-Dropped": str(found.dropped),
    }
    if holds(request, tag):
        return Response(status_code=304, headers=headers)
    if not found.content:
        return Response(status_code=204, headers=headers)
    return Response(found.content, headers=headers, media_type=MVT)


@router.get("/collections/{layer}/tiles", dependencies=AS_JSON)
def tilesets(request: Request, layer: DrawnLayerParam, language: LanguageParam) -> dict[str, Any]:
    """The tilesets of a layer: one."""
    path = f"/ogc/collections/{layer.name}/tiles"
    return {
        "links": [link(request, path, "self", JSON)],
        "tilesets": [_tileset(request, layer, language)],
    }


@router.get("/collections/{layer}/tiles/{tms}", dependencies=SERVED + AS_JSON)
def tileset(
    request: Request, layer: DrawnLayerParam, actor: ActorParam, database: DatabaseParam, language: LanguageParam
) -> dict[str, Any]:
    """The description of a layer's tileset."""
    with database.acting(actor) as session:
        box = query.extent(session, Selection(layer, actor.eyes))
    about = _tileset(request, layer, language)
    path = f"/ogc/collections/{layer.name}"
    every_tile = link(request, f"{path}/tiles/{MATRIX_SET}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", "item", MVT)
    about["links"] += [
        {**every_tile, "templated": True},
        link(request, f"{path}/tiles/{MATRIX_SET}/tilejson.json", "describedby", JSON),
        link(request, f"{path}/styles/default", "stylesheet", JSON),
        link(request, path, "http://www.opengis.net/def/rel/ogc/1.0/geodata", JSON),
    ]
    if box is not None:
        about["boundingBox"] = {"lowerLeft": box[:2], "upperRight": box[2:]}
    about["layers"] = [
        {
            "id": layer.name,
            "title": layer.title.said_in(language),
            "description": layer.description,
            "dataType": "vector",
            "minTileMatrix": "0",
            "maxTileMatrix": str(tiles.DEEPEST_ZOOM),
            "propertiesSchema": {"type": "object", "properties": _properties(layer, actor.eyes, language)},
        }
    ]
    return about


@router.get("/collections/{layer}/tiles/{tms}/tilejson.json", dependencies=SERVED)
async def tilejson(
    request: Request, layer: DrawnLayerParam, actor: ActorParam, database: DatabaseParam, language: LanguageParam
) -> dict[str, Any]:
    """The tileset as TileJSON 3.0; filters given here stand in the address of the tiles."""
    _refuse_other_forms(request, "json")
    await _selection(database, layer, request, actor)
    box = await run_in_threadpool(_extent, database, layer, actor)
    filters = urlencode([pair for pair in request.query_params.multi_items() if pair[0] not in ("f", "lang")])
    template = f"/ogc/collections/{layer.name}/tiles/{MATRIX_SET}/{{z}}/{{y}}/{{x}}"
    fields = {name: one["title"] for name, one in _properties(layer, actor.eyes, language).items()}
    return {
        "tilejson": "3.0.0",
        "name": layer.title.said_in(language),
        "description": _limits(layer, language),
        "scheme": "xyz",
        "tiles": [f"{base_of(request)}{template}" + (f"?{filters}" if filters else "")],
        "minzoom": 0,
        "maxzoom": tiles.DEEPEST_ZOOM,
        **({"bounds": box} if box else {}),
        "vector_layers": [{"id": layer.name, "description": layer.description, "fields": fields}],
    }


@router.get("/collections/{layer}/styles/default", dependencies=AS_JSON)
def default_style(
    request: Request, layer: DrawnLayerParam, actor: ActorParam, language: LanguageParam
) -> dict[str, Any]:
    """A MapLibre style in the colours of the layer's words."""
    described = f"{base_of(request)}/ogc/collections/{layer.name}/tiles/{MATRIX_SET}/tilejson.json"
    return style(layer, actor.eyes, described, language)


@router.get("/tileMatrixSets", dependencies=AS_JSON)
def matrix_sets(request: Request) -> dict[str, Any]:
    """The divisions of the world into tiles: one."""
    path = f"/ogc/tileMatrixSets/{MATRIX_SET}"
    listed = {"id": MATRIX_SET, "uri": MATRIX_SET_URI, "links": [link(request, path, "self", JSON)]}
    return {"tileMatrixSets": [listed]}


@router.get("/tileMatrixSets/{tms}", dependencies=SERVED + AS_JSON)
def matrix_set_definition() -> dict[str, Any]:
    """WebMercatorQuad (OGC 17-083r4, annex D) down to the deepest zoom."""
    world = 2 * HALF_WORLD_M
    return {
        "id": MATRIX_SET,
        "title": "Google Maps Compatible for the World",
        "uri": MATRIX_SET_URI,
        "crs": EPSG_URI.format(WEB_MERCATOR),
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [
            {
                "id": str(zoom),
                "scaleDenominator": world / TILE_SIDE / (1 << zoom) / PIXEL_M,
                "cellSize": world / TILE_SIDE / (1 << zoom),
                "cornerOfOrigin": "topLeft",
                "pointOfOrigin": [-HALF_WORLD_M, HALF_WORLD_M],
                "tileWidth": TILE_SIDE,
                "tileHeight": TILE_SIDE,
                "matrixWidth": 1 << zoom,
                "matrixHeight": 1 << zoom,
            }
            for zoom in range(tiles.DEEPEST_ZOOM + 1)
        ],
    }


def _extent(database: Database, layer: Layer, actor: Actor) -> tuple[float, float, float, float] | None:
    with database.acting(actor) as session:
        return query.extent(session, Selection(layer, actor.eyes))


def _tileset(request: Request, layer: Layer, language: LanguageParam) -> dict[str, Any]:
    path = f"/ogc/collections/{layer.name}/tiles/{MATRIX_SET}"
    return {
        "title": layer.title.said_in(language),
        "description": _limits(layer, language),
        "dataType": "vector",
        "crs": EPSG_URI.format(WEB_MERCATOR),
        "tileMatrixSetURI": MATRIX_SET_URI,
        "links": [
            link(request, path, "self", JSON),
            link(request, f"/ogc/tileMatrixSets/{MATRIX_SET}", TILING_SCHEME, JSON),
        ],
    }


def _limits(layer: Layer, language: LanguageParam) -> str:
    """What a tile leaves out, in words."""
    dropped = Text(
        f"Một ô chứa tối đa {tiles.MOST} mục; mục ưu tiên thấp nhất được lược trước (Tile-Dropped).",
        f"A tile holds {tiles.MOST} features at most; those of the lowest priority are dropped first (Tile-Dropped).",
    )
    counts = Text(
        f" Đến mức {FINEST_ZOOM}, ô có nhiều hơn thì chứa số lượng theo ô lưới (count; Tile-Content: counts).",
        f" Up to zoom {FINEST_ZOOM}, a fuller tile holds counts by grid cell (count; Tile-Content: counts).",
    )
    return dropped.said_in(language) + (counts.said_in(language) if layer.counted else "")


def _properties(layer: Layer, reader: Reader, language: LanguageParam) -> dict[str, dict[str, str]]:
    """What a feature of a tile carries, and ``count`` where it stands for many."""
    said = {"id": Text("Mã định danh", "Identifier"), "label": Text("Tên", "Name")}
    said |= {name: one.title for name, one in tiles.attributes(layer, reader).items()}
    found = {name: {"title": title.said_in(language), "type": "string"} for name, title in said.items()}
    if layer.counted:
        by = counted_by(layer)
        title = Text("Số đối tượng trong ô lưới", "Features in the grid cell")
        if by is not None:
            title = Text(
                f"{title.vi}; {by.title.vi}: ưu tiên cao nhất", f"{title.en}; {by.title.en}: the highest priority"
            )
        found["count"] = {"title": title.said_in(language), "type": "integer"}
    return found
