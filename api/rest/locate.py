"""``/api/locate``: one answer to "where is" for every box, form and script."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from api.http.fast_route import Door
from api.http.json_text import json_text
from api.http.media_types import GEOJSON
from api.http.parameters import DatabaseParam
from api.http.security import ActorParam
from gis.crs.geometry import is_longitude_latitude
from gis.db.pool import Asking
from gis.model.fields import Reader
from gis.text.errors import Malformed, invalid
from gis.text.i18n import Text
from layers.border import Located, asking_located, asking_point

router = APIRouter(prefix="/api", tags=["locate"], route_class=Door)

LONGEST = 300


@router.get("/locate", response_class=Response)
async def where(request: Request, actor: ActorParam, database: DatabaseParam) -> Response:
    """``?q=`` an address or a coordinate ``[&border=][&crs=][&near=]``, or ``?lon=&lat=`` for the reverse."""
    given = request.query_params
    unknown = [name for name in given if name not in ("q", "border", "crs", "near", "lon", "lat", "lang")]
    if unknown:
        raise Malformed(Text(f"Không có tham số '{unknown[0][:60]}'", f"No parameter '{unknown[0][:60]}'"))
    asked = {name: given[name] or None for name in ("border", "crs", "near") if name in given}
    found = await database.answered(actor, lambda _notebook: _asking(given, asked, actor.eyes))
    features = [_feature(one) for one in found]
    answer = {"type": "FeatureCollection", "numberReturned": len(features), "features": features}
    return Response(json_text(answer), media_type=GEOJSON)


def _asking(given: QueryParams, asked: dict[str, str | None], reader: Reader) -> Asking[list[Located]]:
    if "lon" not in given and "lat" not in given:
        return (yield from asking_located((given.get("q") or "")[:LONGEST], **asked, reader=reader))
    lon, lat = _degrees(given.get("lon"), "lon"), _degrees(given.get("lat"), "lat")
    if not is_longitude_latitude(lon, lat):
        raise invalid("lon", "out_of_range", "Kinh độ, vĩ độ ngoài phạm vi", "Longitude or latitude out of range")
    return [(yield from asking_point(lon, lat, border=asked.get("border"), reader=reader))]


def _degrees(text: str | None, name: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise invalid(name, "type", "Phải là số độ thập phân", "Must be decimal degrees") from None


def _feature(located: Located) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "kind": located.kind,
        "address": located.address,
        "border": located.border,
        "chainage_m": located.chainage_m,
        "length_m": located.length_m,
        "nearest_marker": located.nearest_marker,
        "distance_to_line_m": located.distance_to_line_m,
        "on_line": located.on_line,
        "position_source": located.position_source,
        "accuracy_m": located.accuracy_m,
        "address_accuracy_m": located.address_accuracy_m,
        "original": located.original,
        **(located.systems or {}),
    }
    if located.length_m is None:
        del properties["length_m"]
    if located.other_zones:
        properties["other_zones"] = located.other_zones
    return {"type": "Feature", "geometry": located.geometry, "properties": properties}
