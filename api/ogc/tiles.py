"""OGC API Tiles, Part 1: vector tiles of every layer with a geometry, their metadata and their style.

A tile takes the filters of ``items``. The header ``Tile-Content`` says whether it holds ``features`` or ``counts`` by
grid cell, ``Tile-Dropped`` how many features of the lowest priority were left out because the tile was full.
"""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from api.http.dependencies import ActorParam, DatabaseParam, LanguageParam, actor_of, database_of, inline_dependency
from api.http.etag import etag, is_not_modified
from api.http.media_types import JSON, MVT
from api.http.negotiation import base_url, link
from api.http.parameters import LayerParam, layer_for_actor, read_selection
from api.http.query import refuse_unknown_parameters
from gis.crs import EPSG_URI, WEB_MERCATOR
from gis.db import Reader
from gis.model import Clearance, Layer, Level
from gis.read import HALF_WORLD_M, MAX_COUNT_ZOOM, Selection, count_field, pages, tiles
from gis.text import Malformed, Missing, Text
from maps.maplibre_style import maplibre_style

router = APIRouter(prefix="/ogc", tags=["tiles"])

TILES_1 = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
CONFORMS_TO = [f"{TILES_1}{name}" for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt")]

TILE_MATRIX_SET = "WebMercatorQuad"
TILE_MATRIX_SET_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{TILE_MATRIX_SET}"
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
TILING_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
TILING_SCHEMES = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"

TILE_SIZE = 256
PIXEL_M = 0.00028
"""The standardized rendering pixel size of OGC 17-083r4, from which scale denominators are computed."""

UNSUPPORTED_PARAMETERS = {"after", "count", "crs", "limit", "properties", "sortby"}
"""Parameters of ``items`` that tiles do not take."""


def layer_with_geometry(layer: LayerParam) -> Layer:
    """A layer with a geometry. Raises ``Missing`` for others."""
    if not layer.has_geometry:
        raise Missing(Text("Lớp dữ liệu này không có vị trí trên bản đồ", "This layer has no geometry"))
    return layer


def tile_coord(zoom: str, row: str, column: str) -> tiles.TileCoord:
    """The tile coordinates in the path. Raises ``Missing`` outside the tile matrix set and for anything but digits."""
    try:
        coord = tiles.TileCoord(
            *(int(text) if text.isascii() and text.isdigit() else -1 for text in (zoom, column, row))
        )
    except ValueError:  # more digits than int() converts
        coord = tiles.TileCoord(-1, -1, -1)
    if not coord.exists:
        raise Missing(
            Text(
                f"Không có ô này; mức 0–{tiles.DEEPEST_ZOOM}",
                f"No such tile; zoom levels are 0–{tiles.DEEPEST_ZOOM}",
            )
        )
    return coord


def tile_matrix_set(tms: str) -> str:
    """The tile matrix set in the path. Raises ``Missing`` for all but WebMercatorQuad."""
    if tms != TILE_MATRIX_SET:
        raise Missing(Text(f"Chỉ có {TILE_MATRIX_SET}", f"The only tile matrix set is {TILE_MATRIX_SET}"))
    return tms


def require_mvt(request: Request) -> None:
    """Raise ``Malformed`` if ``f`` is not ``mvt``."""
    _refuse_other_formats(request, "mvt")


def require_json(request: Request) -> None:
    """Raise ``Malformed`` if ``f`` is not ``json``, and for parameters other than ``f`` and ``lang``."""
    refuse_unknown_parameters(request)
    _refuse_other_formats(request, "json")


def _refuse_other_formats(request: Request, format_name: str) -> None:
    if request.query_params.get("f", format_name) != format_name:
        raise Malformed(Text(f"f: {format_name}", f"Invalid 'f'. Allowed: {format_name}"))


GeometryLayerParam = Annotated[Layer, Depends(inline_dependency(layer_with_geometry))]
KNOWN_TILE_MATRIX_SET = [Depends(inline_dependency(tile_matrix_set))]
JSON_ONLY = [Depends(inline_dependency(require_json))]


async def _selection(reader: Reader, layer: Layer, request: Request) -> Selection:
    for name in UNSUPPORTED_PARAMETERS & set(request.query_params):
        raise Malformed(Text(f"Ô bản đồ không nhận tham số '{name}'", f"Tiles take no parameter '{name}'"))
    selection = await read_selection(reader, layer, request.query_params)
    return selection.unpaged()


@router.get(
    "/collections/{layer}/tiles/{tms}/{zoom}/{row}/{column}",
    response_class=Response,
    responses={
        200: {"content": {MVT: {}}, "description": "A Mapbox Vector Tile with one layer, named like the collection"},
        204: {"description": "The tile is empty"},
        304: {"description": "Not modified"},
    },
)
async def tile(request: Request) -> Response:
    """One vector tile; takes the filters of ``items``."""
    actor, database, path = actor_of(request), database_of(request), request.path_params
    tile_matrix_set(path["tms"])
    require_mvt(request)
    layer = layer_with_geometry(layer_for_actor(path["layer"], actor))
    coord = tile_coord(path["zoom"], path["row"], path["column"])
    async with database.reader(actor) as reader:
        selection = await _selection(reader, layer, request)
        vector_tile = await tiles.tile(reader, selection, coord, from_counts=not actor.role.scoped)
    tag = etag(vector_tile.content, digits=64)
    headers = {
        "ETag": tag,
        "Cache-Control": "public, max-age=60" if actor.level is Level.PUBLIC else "private, no-cache",
        "Tile-Content": "counts" if vector_tile.counts else "features",
        "Tile-Dropped": str(vector_tile.dropped),
    }
    if is_not_modified(request, tag):
        return Response(status_code=304, headers=headers)
    if not vector_tile.content:
        return Response(status_code=204, headers=headers)
    return Response(vector_tile.content, headers=headers, media_type=MVT)


@router.get("/collections/{layer}/tiles", dependencies=JSON_ONLY)
def tilesets(request: Request, layer: GeometryLayerParam, language: LanguageParam) -> dict[str, Any]:
    """The list of the tilesets of a layer, of which there is one."""
    path = f"/ogc/collections/{layer.name}/tiles"
    return {
        "links": [link(request, path, "self", JSON)],
        "tilesets": [_tileset(request, layer, language)],
    }


@router.get("/collections/{layer}/tiles/{tms}", dependencies=KNOWN_TILE_MATRIX_SET + JSON_ONLY)
async def tileset(
    request: Request, layer: GeometryLayerParam, actor: ActorParam, database: DatabaseParam, language: LanguageParam
) -> dict[str, Any]:
    """The metadata of the tileset of a layer."""
    async with database.reader(actor) as reader:
        box = await pages.extent(reader, Selection.for_reader(reader, layer))
    about = _tileset(request, layer, language)
    path = f"/ogc/collections/{layer.name}"
    every_tile = link(request, f"{path}/tiles/{TILE_MATRIX_SET}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", "item", MVT)
    about["links"] += [
        {**every_tile, "templated": True},
        link(request, f"{path}/tiles/{TILE_MATRIX_SET}/tilejson.json", "describedby", JSON),
        link(request, f"{path}/styles/default", "stylesheet", JSON),
        link(request, path, "http://www.opengis.net/def/rel/ogc/1.0/geodata", JSON),
    ]
    if box is not None:
        about["boundingBox"] = {"lowerLeft": box[:2], "upperRight": box[2:]}
    about["layers"] = [
        {
            "id": layer.name,
            "title": layer.title.in_language(language),
            "description": layer.description,
            "dataType": "vector",
            "minTileMatrix": "0",
            "maxTileMatrix": str(tiles.DEEPEST_ZOOM),
            "propertiesSchema": {"type": "object", "properties": _properties(layer, actor.clearance, language)},
        }
    ]
    return about


@router.get("/collections/{layer}/tiles/{tms}/tilejson.json", dependencies=KNOWN_TILE_MATRIX_SET)
async def tilejson(
    request: Request, layer: GeometryLayerParam, actor: ActorParam, database: DatabaseParam, language: LanguageParam
) -> dict[str, Any]:
    """The tileset as TileJSON 3.0; the filters of the request are part of the URL template of the tiles."""
    _refuse_other_formats(request, "json")
    async with database.reader(actor) as reader:
        await _selection(reader, layer, request)
        box = await pages.extent(reader, Selection.for_reader(reader, layer))
    filters = urlencode([pair for pair in request.query_params.multi_items() if pair[0] not in ("f", "lang")])
    template = f"/ogc/collections/{layer.name}/tiles/{TILE_MATRIX_SET}/{{z}}/{{y}}/{{x}}"
    fields = {name: schema["title"] for name, schema in _properties(layer, actor.clearance, language).items()}
    return {
        "tilejson": "3.0.0",
        "name": layer.title.in_language(language),
        "description": _limits_text(layer, language),
        "scheme": "xyz",
        "tiles": [f"{base_url(request)}{template}" + (f"?{filters}" if filters else "")],
        "minzoom": 0,
        "maxzoom": tiles.DEEPEST_ZOOM,
        **({"bounds": box} if box else {}),
        "vector_layers": [{"id": layer.name, "description": layer.description, "fields": fields}],
    }


@router.get("/collections/{layer}/styles/default", dependencies=JSON_ONLY)
def default_style(
    request: Request, layer: GeometryLayerParam, actor: ActorParam, language: LanguageParam
) -> dict[str, Any]:
    """A MapLibre style with the colours of the layer's codes."""
    tilejson_url = f"{base_url(request)}/ogc/collections/{layer.name}/tiles/{TILE_MATRIX_SET}/tilejson.json"
    return maplibre_style(layer, actor.clearance, tilejson_url, language)


@router.get("/tileMatrixSets", dependencies=JSON_ONLY)
def tile_matrix_sets(request: Request) -> dict[str, Any]:
    """The list of tile matrix sets, of which there is one."""
    path = f"/ogc/tileMatrixSets/{TILE_MATRIX_SET}"
    summary = {"id": TILE_MATRIX_SET, "uri": TILE_MATRIX_SET_URI, "links": [link(request, path, "self", JSON)]}
    return {"tileMatrixSets": [summary]}


@router.get("/tileMatrixSets/{tms}", dependencies=KNOWN_TILE_MATRIX_SET + JSON_ONLY)
def tile_matrix_set_definition() -> dict[str, Any]:
    """The definition of WebMercatorQuad (OGC 17-083r4, annex D) down to the deepest zoom level."""
    world = 2 * HALF_WORLD_M
    return {
        "id": TILE_MATRIX_SET,
        "title": "Google Maps Compatible for the World",
        "uri": TILE_MATRIX_SET_URI,
        "crs": EPSG_URI.format(WEB_MERCATOR),
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [
            {
                "id": str(zoom),
                "scaleDenominator": world / TILE_SIZE / (1 << zoom) / PIXEL_M,
                "cellSize": world / TILE_SIZE / (1 << zoom),
                "cornerOfOrigin": "topLeft",
                "pointOfOrigin": [-HALF_WORLD_M, HALF_WORLD_M],
                "tileWidth": TILE_SIZE,
                "tileHeight": TILE_SIZE,
                "matrixWidth": 1 << zoom,
                "matrixHeight": 1 << zoom,
            }
            for zoom in range(tiles.DEEPEST_ZOOM + 1)
        ],
    }


def _tileset(request: Request, layer: Layer, language: LanguageParam) -> dict[str, Any]:
    path = f"/ogc/collections/{layer.name}/tiles/{TILE_MATRIX_SET}"
    return {
        "title": layer.title.in_language(language),
        "description": _limits_text(layer, language),
        "dataType": "vector",
        "crs": EPSG_URI.format(WEB_MERCATOR),
        "tileMatrixSetURI": TILE_MATRIX_SET_URI,
        "links": [
            link(request, path, "self", JSON),
            link(request, f"/ogc/tileMatrixSets/{TILE_MATRIX_SET}", TILING_SCHEME, JSON),
        ],
    }


def _limits_text(layer: Layer, language: LanguageParam) -> str:
    """The limits of a tile as a text for people."""
    dropped = Text(
        f"Một ô chứa tối đa {tiles.MAX_FEATURES} mục; mục ưu tiên thấp nhất được lược trước (Tile-Dropped).",
        f"A tile holds {tiles.MAX_FEATURES} features at most; the lowest priority is dropped first (Tile-Dropped).",
    )
    counts = Text(
        f" Đến mức {MAX_COUNT_ZOOM}, ô có nhiều hơn thì chứa số lượng theo ô lưới (count; Tile-Content: counts).",
        f" Up to zoom {MAX_COUNT_ZOOM}, a tile with more holds counts by grid cell (count; Tile-Content: counts).",
    )
    return dropped.in_language(language) + (counts.in_language(language) if layer.has_grid_counts else "")


def _properties(layer: Layer, reader: Clearance, language: LanguageParam) -> dict[str, dict[str, str]]:
    """The properties of features in a tile by name, with ``count`` for the features of a grid cell."""
    titles = {"id": Text("Mã định danh", "Identifier"), "label": Text("Tên", "Name")}
    titles |= {name: field.title for name, field in tiles.tile_properties(layer, reader).items()}
    schemas = {name: {"title": title.in_language(language), "type": "string"} for name, title in titles.items()}
    if layer.has_grid_counts:
        field = count_field(layer)
        title = Text("Số đối tượng trong ô lưới", "Features in the grid cell")
        if field is not None:
            title = Text(
                f"{title.vi}; {field.title.vi}: ưu tiên cao nhất", f"{title.en}; {field.title.en}: the highest priority"
            )
        schemas["count"] = {"title": title.in_language(language), "type": "integer"}
    return schemas
