"""``/api/locate``: the locations of a marker address or coordinate, and the address of a coordinate."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from api.http.dependencies import actor_of, database_of
from api.http.json_text import json_bytes
from api.http.media_types import GEOJSON
from api.http.query import refuse_unknown_parameters
from gis.crs import is_longitude_latitude
from gis.db import Reader
from gis.text import invalid
from layers import locating

router = APIRouter(prefix="/api", tags=["locate"])

MAX_QUERY_LENGTH = 300


@router.get("/locate", response_class=Response)
async def locate(request: Request) -> Response:
    """Locate ``q``, a marker address or coordinates; or find the marker address of ``lon`` and ``lat``."""
    actor, database = actor_of(request), database_of(request)
    query = request.query_params
    refuse_unknown_parameters(request, ("q", "border", "crs", "near", "lon", "lat"), common=("lang",))
    options = {name: query[name] or None for name in ("border", "crs", "near") if name in query}
    async with database.reader(actor) as reader:
        features = [_feature(location) for location in await _requested_locations(reader, query, options)]
    document = {"type": "FeatureCollection", "numberReturned": len(features), "features": features}
    return Response(json_bytes(document), media_type=GEOJSON)


async def _requested_locations(
    reader: Reader, query: QueryParams, options: dict[str, str | None]
) -> list[locating.Location]:
    if "lon" not in query and "lat" not in query:
        return await locating.locate(reader, (query.get("q") or "")[:MAX_QUERY_LENGTH], **options)
    lon, lat = _degrees(query.get("lon"), "lon"), _degrees(query.get("lat"), "lat")
    if not is_longitude_latitude(lon, lat):
        raise invalid("lon", "out_of_range", "Kinh độ, vĩ độ ngoài phạm vi", "Longitude or latitude out of range")
    return [await locating.reverse_locate(reader, lon, lat, border=options.get("border"))]


def _degrees(text: str | None, name: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise invalid(name, "type", "Phải là số độ thập phân", "Must be a number of degrees") from None


def _feature(location: locating.Location) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "kind": location.kind,
        "address": location.address,
        "border": location.border,
        "chainage_m": location.chainage_m,
        "length_m": location.length_m,
        "nearest_marker": location.nearest_marker,
        "distance_to_line_m": location.distance_to_line_m,
        "on_line": location.on_line,
        "position_source": location.position_source,
        "accuracy_m": location.accuracy_m,
        "address_accuracy_m": location.address_accuracy_m,
        "original": location.original,
        **(location.systems or {}),
    }
    if location.length_m is None:
        del properties["length_m"]
    if location.other_zones:
        properties["other_zones"] = location.other_zones
    return {"type": "Feature", "geometry": location.geometry, "properties": properties}
