"""The quiet background: the indicative line, simplified for small scales, and water and names where we have them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.dependencies import ActorParam
from api.http.json_text import json_bytes
from api.http.media_types import GEOJSON
from api.http.parameters import DatabaseParam, bbox_of
from gis.read import linear
from gis.text import Missing, Text
from layers.border import Border
from layers.lines import ATTRIBUTION, BASEMAP_CREDITS

router = APIRouter(prefix="/api/basemap", tags=["basemap"])

CONTEXT_FOLDER = Path(__file__).resolve().parents[2] / "data" / "reference" / "basemap"
CACHE_ONE_DAY = {"Cache-Control": "private, max-age=86400"}


@router.get("/lines", response_class=Response)
def lines(request: Request, actor: ActorParam, database: DatabaseParam) -> Response:
    """The routes: whole and simplified to a hundred metres, or at full detail within a ``bbox``."""
    box, wanted = bbox_of(request.query_params.get("bbox")), request.query_params.get("border")
    names = [one.value for one in Border if wanted in (None, "", one.value)]
    with database.transaction(actor) as session:
        found = [(name, linear.route_outline(session, name, box)) for name in names]
    features = [
        {"type": "Feature", "geometry": geometry, "properties": {"border": name, "attribution": ATTRIBUTION}}
        for name, geometry in found
        if geometry is not None
    ]
    answer = {"type": "FeatureCollection", "attribution": ATTRIBUTION, "features": features}
    return Response(json_bytes(answer), media_type=GEOJSON, headers=CACHE_ONE_DAY)


@router.get("/context", response_class=Response)
def context() -> Response:
    """Rivers, lakes and names of provinces."""
    features = _context()
    if not features:
        raise Missing(Text("Chưa có nền bản đồ", "There is no background"))
    answer = {"type": "FeatureCollection", "attribution": BASEMAP_CREDITS, "features": features}
    return Response(json_bytes(answer), media_type=GEOJSON, headers=CACHE_ONE_DAY)


@cache
def _context() -> list[dict[str, Any]]:
    return [
        feature
        for file in sorted(CONTEXT_FOLDER.glob("*.geojson"))
        for feature in json.loads(file.read_text(encoding="utf-8"))["features"]
    ]
