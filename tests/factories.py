"""Features for tests, created over HTTP or by the commands."""

import datetime as dt
from itertools import count
from typing import Any

from httpx import Client, Response
from sqlalchemy.orm import Session

from gis.model.fields import Field
from gis.model.layer import Feature, Layer
from gis.write import commands, validation

POINT = {"type": "Point", "coordinates": [105.95, 11.69]}
"""Near the border line with Cambodia, close to marker 118."""

SHAPES: dict[str, dict[str, Any]] = {
    "POINT": POINT,
    "LINESTRING": {"type": "LineString", "coordinates": [[105.95, 11.69], [105.96, 11.70]]},
    "GEOMETRY": {
        "type": "Polygon",  # clockwise, contrary to RFC 7946
        "coordinates": [[[105.95, 11.69], [105.95, 11.70], [105.96, 11.70], [105.96, 11.69], [105.95, 11.69]]],
    },
}

numbers = count(5000)


def _sample_value(field: Field) -> Any:
    """A valid value of a field."""
    if field.codes is not None:
        return next(iter(field.codes)).value
    return {
        "text": "Thử nghiệm",
        "integer": next(numbers),
        "number": 1.5,
        "date": "2026-01-31",
        "datetime": "2026-01-31T07:30:00+07:00",
        "boolean": True,
        "uuid": "00000000-0000-4000-8000-000000000000",
        "list": ["Thử nghiệm"],
    }[field.type.name]


def minimal_body(layer: Layer, **values: Any) -> dict[str, Any]:
    """The smallest body that creates a feature of a layer, located at the border VN-KH if the layer has a geometry."""
    body = {name: _sample_value(field) for name, field in validation.writable_fields(layer).items() if field.required}
    if "number" in body:
        body["number"] = f"{next(numbers)}"
    if "section" in body:
        body["section"] = "168–168/2"
    if layer.has_geometry:
        body["geometry"] = SHAPES[layer.geometry_type]
    return {**body, **values}


def create(client: Client, layer: str, expected: int = 201, **body: Any) -> dict[str, Any]:
    """Create a feature over HTTP; returns it as GeoJSON with its ``etag``."""
    answer = client.post(f"/ogc/collections/{layer}/items", json=body)
    assert answer.status_code == expected, answer.text
    return {**answer.json(), "etag": answer.headers.get("etag")}


def incident(client: Client, **body: Any) -> dict[str, Any]:
    """An incident at marker 147/6."""
    return create(client, "incidents", **{"category": "drainage", "place": {"text": "147/6"}, **body})


def work(client: Client, **body: Any) -> dict[str, Any]:
    """A repair at marker 304 on the border with China, whose procedure needs ten days' notice."""
    place = {"text": "304", "border": "VN-CN"}
    return create(client, "works", **{"title": "Sửa mốc 304", "kind": "repair", "place": place, **body})


def task(client: Client, **body: Any) -> dict[str, Any]:
    """A task with all six required details."""
    details = {
        "title": "Báo cáo quý",
        "person": "Phòng Biên giới",
        "due_on": "2030-12-31",
        "responsibility": "chủ trì",
        "product": "báo cáo",
        "authority": "Giám đốc Sở",
    }
    return create(client, "tasks", **{**details, **body})


def transition(client: Client, layer: str, feature: dict[str, Any], to: str, reason: str = "thử") -> Response:
    """Request a transition of a feature's status."""
    return client.post(f"/ogc/collections/{layer}/items/{feature['id']}/moves", json={"to": to, "reason": reason})


def patch(client: Client, layer: str, feature: dict[str, Any], **body: Any) -> Response:
    """Update a feature by PATCH with the ETag of its current version."""
    url = f"/ogc/collections/{layer}/items/{feature['id']}"
    return client.patch(url, json=body, headers={"If-Match": client.get(url).headers["etag"]})


def put(session: Session, layer: Layer, **values: Any) -> Feature:
    """Store a feature of any layer, also of one that the API does not edit."""
    code = {"code": f"THỬ-{next(numbers)}"} if "code" in layer.fields else {}
    return commands.store_new(
        session, layer.model, {**validation.parse_input(layer, minimal_body(layer, **values)), **code}
    )


def now() -> dt.datetime:
    """The present time."""
    return dt.datetime.now(dt.UTC)
