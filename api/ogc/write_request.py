"""Write requests: ``Content-Crs``, the reason of a change, and the fields of GeoJSON and plain bodies."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from fastapi import Request

from api.http.parameters import crs_of
from gis.crs import CRS
from gis.db import Actor
from gis.text import FieldError, Invalid, Malformed, Text, invalid
from gis.write import GEOMETRY, GEOMETRY_CRS, PLACE, validation
from layers.secrecy import refuse_state_secret


def flatten_feature(body: Mapping[str, Any]) -> dict[str, Any]:
    """A GeoJSON Feature, or a plain object, as one flat dictionary of properties, ``geometry`` and ``place``."""
    if "properties" not in body and body.get("type") != "Feature":
        return dict(body)
    properties = body.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise Malformed(Text("properties phải là đối tượng", "properties must be a JSON object"))
    values = dict(properties or {})
    for name in (GEOMETRY, PLACE):
        if name in body and (body[name] is not None or name not in values):
            values[name] = body[name]
    if values.get(GEOMETRY) is None and values.get(PLACE) is not None:
        values.pop(GEOMETRY, None)
    return values


def with_content_crs(request: Request, values: Mapping[str, Any]) -> tuple[dict[str, Any], CRS]:
    """The values with the CRS of their geometry, and that CRS: the one in the header ``Content-Crs``, else CRS84."""
    crs = crs_of(request.headers.get("content-crs", "").strip().removeprefix("<").removesuffix(">"), "Content-Crs")
    return ({**values, GEOMETRY_CRS: crs} if values.get(GEOMETRY) is not None else dict(values)), crs


def write_transaction(request: Request, database: Any, actor: Actor, body: Mapping[str, Any] | None = None) -> Any:
    """A write transaction of the actor, with the reason of the request for the journal."""
    reason = reason_of(request, body or {})
    return database.transaction(actor, write=True, reason=reason)


def reason_of(request: Request, body: Mapping[str, Any]) -> str | None:
    """The reason of a change: ``reason`` in the body, else the header ``X-Reason`` in percent-encoded UTF-8.

    At most 500 characters; the rest is cut off. Raises ``Invalid`` for hidden characters and state secrets.
    """
    text = body.get("reason") or request.headers.get("x-reason")
    if text is None:
        return None
    if "reason" not in body:
        text = unquote(text)
    try:
        reason = validation.clean_text(text)[:500]
    except ValueError:
        raise invalid(
            "reason", "characters", "Lý do có ký tự không hợp lệ", "The reason contains invalid characters"
        ) from None
    refuse_state_secret("reason", reason)
    return reason or None


def without_reason(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without ``reason``."""
    return {name: value for name, value in body.items() if name != "reason"}


def required_text(body: Mapping[str, Any], name: str, *, max_length: int = 500) -> str:
    """A text of the body. Raises ``Invalid`` if it is missing, empty, too long or not a text."""
    value = body.get(name)
    try:
        cleaned = validation.clean_text(value) if value is not None else ""
    except ValueError as fault:
        code = str(fault)
        raise Invalid(validation.ERROR_TEXTS[code], [FieldError(name, code, validation.ERROR_TEXTS[code])]) from None
    if not cleaned:
        raise invalid(name, "missing", f"Cần nêu {name}", f"{name} is required")
    if len(cleaned) > max_length:
        raise invalid(name, "too_long", "Vượt quá độ dài cho phép", "Too long")
    return cleaned


def optional_text(body: Mapping[str, Any], name: str) -> str | None:
    """A text of the body of at most 2,000 characters; None if it is missing or empty. Raises ``Invalid``."""
    return required_text(body, name, max_length=2000) if body.get(name) else None


def refuse_unknown_fields(body: Mapping[str, Any], known: set[str]) -> None:
    """Raise ``Invalid`` for a field that is not ``known``."""
    unknown = [name for name in body if name not in known]
    if unknown:
        name = validation.clean_name(unknown[0])
        raise invalid(name, "unknown_field", f"Không có trường '{name}'", f"Unknown field '{name}'")


def required_date(body: Mapping[str, Any], name: str) -> dt.date:
    """A date of the body. Raises ``Invalid`` if it is missing or not a date."""
    try:
        return validation.parse_input_date(required_text(body, name))
    except ValueError:
        raise Invalid(
            validation.ERROR_TEXTS["date"], [FieldError(name, "date", validation.ERROR_TEXTS["date"])]
        ) from None
