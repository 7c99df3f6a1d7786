"""``/api/locate``: one answer to "where is" for every box, form and script."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from api.http.dependencies import ActorParam
from api.http.fast_route import FastRoute
from api.http.json_text import json_bytes
from api.http.media_types import GEOJSON
from api.http.parameters import DatabaseParam
from gis.crs import is_longitude_latitude
from gis.db import QueryGenerator
from gis.model import Clearance
from gis.text import Malformed, Text, invalid
from layers.locating import Location, locate_queries, reverse_locate_queries

router = APIRouter(prefix="/api", tags=["locate"], route_class=FastRoute)

MAX_QUERY_LENGTH = 300


@router.get("/locate", response_class=Response)
async def locate(request: Request, actor: ActorParam, database: DatabaseParam) -> Response:
    """``?q=`` an address or a coordinate ``[&border=][&crs=][&near=]``, or ``?lon=&lat=`` for the reverse."""
    given = request.query_params
    unknown = [name for name in given if name not in ("q", "border", "crs", "near", "lon", "lat", "lang")]
    if unknown:
        raise Malformed(Text(f"Không có tham số '{unknown[0][:60]}'", f"No parameter '{unknown[0][:60]}'"))
    asked = {name: given[name] or None for name in ("border", "crs", "near") if name in given}
    found = await database.run_queries(actor, lambda _notebook: _locate_query(given, asked, actor.clearance))
    features = [_feature(one) for one in found]
    answer = {"type": "FeatureCollection", "numberReturned": len(features), "features": features}
    return Response(json_bytes(answer), media_type=GEOJSON)


def _locate_query(
    query: QueryParams, options: dict[str, str | None], reader: Clearance
) -> QueryGenerator[list[Location]]:
    if "lon" not in query and "lat" not in query:
        return (yield from locate_queries((query.get("q") or "")[:MAX_QUERY_LENGTH], **options, clearance=reader))
    lon, lat = _degrees(query.get("lon"), "lon"), _degrees(query.get("lat"), "lat")
    if not is_longitude_latitude(lon, lat):
        raise invalid("lon", "out_of_range", "Kinh độ, vĩ độ ngoài phạm vi", "Longitude or latitude out of range")
    return [(yield from reverse_locate_queries(lon, lat, border=options.get("border"), clearance=reader))]


def _degrees(text: str | None, name: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise invalid(name, "type", "Phải là số độ thập phân", "Must be decimal degrees") from None


def _feature(located: Location) -> dict[str, Any]:
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
