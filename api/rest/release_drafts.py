"""Release drafts in request bodies: terms, and the layers, filters and fields of a version."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import QueryParams

from api.http.parameters import selection_of
from gis.db import Actor, Session
from gis.model import Layer, catalog
from gis.read import Selection, pages
from gis.release import PreparedPart, Terms
from gis.text import Missing, invalid, parse_date
from gis.write import clean_text
from layers.policy import PARTNER
from layers.secrecy import refuse_state_secret

UNSUPPORTED_PARAMETERS = (
    "after", "as_of", "bbox-crs", "count", "crs", "f", "lang", "limit", "properties", "reader", "sortby",
)  # fmt: skip
"""Parameters of ``items`` that the filter of a layer in a release does not take."""

MAX_TEXT_LENGTH = 200


def read_text(
    body: Mapping[str, Any], name: str, *, required: bool = False, max_length: int = MAX_TEXT_LENGTH
) -> str | None:
    """A cleaned text of the body; None if it is missing or empty.

    Raises ``Invalid`` if it is required and missing, too long, not a text, or marked as a state secret.
    """
    value = body.get(name)
    if value is None or value == "":
        if required:
            raise invalid(name, "missing", "Bắt buộc nhập", "Required")
        return None
    try:
        text = clean_text(value).strip() if isinstance(value, str) else ""
    except ValueError:
        text = ""
    if not text or len(text) > max_length:
        raise invalid(
            name, "text", f"Văn bản, tối đa {max_length} ký tự", f"Must be a text of at most {max_length} characters"
        )
    refuse_state_secret(name, text)
    return text


def _read_date(body: Mapping[str, Any], name: str) -> dt.date | None:
    if body.get(name) in (None, ""):
        return None
    try:
        return parse_date(body[name])
    except (ValueError, TypeError):
        raise invalid(name, "date", "Ngày phải theo dạng 2026-12-31", "Must be a date such as 2026-12-31") from None


def read_terms(session: Session, body: Mapping[str, Any], actor: Actor) -> Terms:
    """The terms of a version: document, basis, period of validity and note.

    ``basis`` is the text that the recipient sees. It defaults to the number of the document if partners may read the
    document, and must not be that number if they may not. Raises ``Invalid``.
    """
    document, basis = body.get("document"), read_text(body, "basis")
    document_id = None
    if document not in (None, ""):
        try:
            document_id = uuid.UUID(document)
            feature = json.loads(
                pages.read_feature(session, Selection(catalog["documents"], actor.clearance), document_id)
            )
        except (ValueError, TypeError, AttributeError, Missing):
            raise invalid("document", "unknown", "Không có văn bản này", "Unknown document") from None
        properties = feature["properties"]
        designation = properties["number"] or properties["title"]
        if properties["level"] in ("public", "partner"):
            basis = basis or designation
        elif basis == designation:
            raise invalid(
                "basis",
                "hidden",
                "Văn bản này không thuộc phạm vi cung cấp cho nơi nhận; hãy ghi căn cứ theo cách khác",
                "The recipient may not read this document, so state the basis in another way",
            )
    terms = Terms(
        document_id,
        basis,
        _read_date(body, "valid_from"),
        _read_date(body, "valid_to"),
        read_text(body, "note", max_length=2000),
    )
    if terms.valid_from and terms.valid_to and terms.valid_to < terms.valid_from:
        raise invalid("valid_to", "range", "Ngày cuối phải sau ngày đầu", "valid_to must not be before valid_from")
    return terms


def read_parts(session: Session, body: Any) -> list[PreparedPart]:
    """The layers of a version, read as a partner, so that filters over fields above that clearance are refused.

    Raises ``Invalid`` or ``Malformed``.
    """
    if not isinstance(body, list) or not body or not all(isinstance(part, dict) for part in body):
        raise invalid("parts", "missing", "Cần danh sách các lớp dữ liệu", "Must be a list of layers")
    return [_read_part(session, part) for part in body]


def _read_part(session: Session, body: Mapping[str, Any]) -> PreparedPart:
    unknown = body.keys() - {"layer", "filter", "fields", "decimals"}
    if unknown:
        name = min(unknown)[:60]
        raise invalid(f"parts.{name}", "unknown_field", "Không có trường này", "Unknown field")
    layer, fields, decimals = body.get("layer"), body.get("fields"), body.get("decimals")
    if not isinstance(layer, str) or layer not in catalog:
        raise invalid("parts.layer", "unknown", "Không có lớp dữ liệu này", "Unknown layer")
    if not isinstance(fields, list) or not all(isinstance(name, str) for name in fields):
        raise invalid(
            "parts.fields", "missing", "Nêu tên từng thuộc tính được chia sẻ", "Must be a list of the fields to release"
        )
    if decimals is not None and (not isinstance(decimals, int) or isinstance(decimals, bool)):
        raise invalid("parts.decimals", "type", "Phải là số nguyên hoặc để trống", "Must be a whole number or null")
    filters = body.get("filter") or {}
    return PreparedPart(
        part_selection(session, catalog[layer], filters, PARTNER), tuple(dict.fromkeys(fields)), decimals, filters
    )


def part_selection(session: Session, layer: Layer, parameters: Any, reader: Actor) -> Selection:
    """The selection of one layer of a version for a reader, from parameters of ``items`` as a dictionary.

    Raises ``Invalid`` or, as ``items`` does, ``Malformed``.
    """
    if not isinstance(parameters, dict):
        raise invalid(
            "parts.filter",
            "type",
            "Các tham số lọc như trên trang danh sách",
            "Must be an object of filter parameters, as on a list page",
        )
    pairs = [
        (name, str(item))
        for name, value in parameters.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    for name, _ in pairs:
        if name in UNSUPPORTED_PARAMETERS:
            raise invalid(
                "parts.filter", "parameter", f"Không nhận tham số '{name}'", f"Must not contain the parameter '{name}'"
            )
    return selection_of(session, layer, QueryParams(pairs), reader).unpaged()
