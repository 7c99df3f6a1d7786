"""``/api/basemap``: the border lines, simplified for small scales; rivers, lakes and names, if they are installed."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response

from api.http.dependencies import CallParam
from api.http.json_text import json_bytes
from api.http.media_types import GEOJSON
from api.http.parameters import bbox_of
from gis.read import linear
from gis.text import Missing, Text
from layers.border import Border
from layers.lines import ATTRIBUTION, BASEMAP_CREDITS

router = APIRouter(prefix="/api/basemap", tags=["basemap"])

CONTEXT_FOLDER = Path(__file__).resolve().parents[2] / "data" / "reference" / "basemap"
CACHE_ONE_DAY = {"Cache-Control": "private, max-age=86400"}


@router.get("/lines", response_class=Response)
def lines(call: CallParam) -> Response:
    """The lines of all borders or of one ``border``: whole and simplified, or within a ``bbox`` in full detail."""
    box, border = bbox_of(call.query.get("bbox")), call.query.get("border")
    names = [member.value for member in Border if border in (None, "", member.value)]
    with call.reading() as session:
        outlines = [(name, linear.route_outline(session, name, box)) for name in names]
    features = [
        {"type": "Feature", "geometry": geometry, "properties": {"border": name, "attribution": ATTRIBUTION}}
        for name, geometry in outlines
        if geometry is not None
    ]
    document = {"type": "FeatureCollection", "attribution": ATTRIBUTION, "features": features}
    return Response(json_bytes(document), media_type=GEOJSON, headers=CACHE_ONE_DAY)


@router.get("/context", response_class=Response)
def context() -> Response:
    """Rivers, lakes and province names as GeoJSON.

    Raises ``Missing`` if no basemap is installed.
    """
    features = _context()
    if not features:
        raise Missing(Text("Chưa có nền bản đồ", "No basemap is installed"))
    document = {"type": "FeatureCollection", "attribution": BASEMAP_CREDITS, "features": features}
    return Response(json_bytes(document), media_type=GEOJSON, headers=CACHE_ONE_DAY)


@cache
def _context() -> list[dict[str, Any]]:
    return [
        feature
        for file in sorted(CONTEXT_FOLDER.glob("*.geojson"))
        for feature in json.loads(file.read_text(encoding="utf-8"))["features"]
    ]
