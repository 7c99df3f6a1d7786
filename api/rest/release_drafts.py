"""The bodies of releases: name and recipient, and the terms, layers, filters and fields of a version."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo
from starlette.datastructures import QueryParams

from api.http.parameters import selection_of, with_locations
from gis.db import Session, result_of
from gis.model import Layer, catalog
from gis.read import Selection, pages
from gis.release import PreparedPart, ReleaseState, Terms
from gis.text import LONE_SURROGATE, Missing, Text, invalid, parse_date
from gis.write import ERROR_TEXTS, FieldValueError, bodies, clean_text
from layers.documents import Document
from layers.secrecy import refuse_state_secret

UNSUPPORTED_PARAMETERS = (
    "after", "as_of", "bbox-crs", "count", "crs", "f", "lang", "limit", "properties", "reader", "sortby",
)  # fmt: skip
"""Parameters of ``items`` that the filter of a layer in a release does not take."""

UNKNOWN_DOCUMENT = Text("Không có văn bản này", "Unknown document")
INVALID_DATE = Text("Ngày phải theo dạng 2026-12-31", "Must be a date such as 2026-12-31")
REQUIRED = Text("Bắt buộc nhập", "Required")


def _text(max_length: int = 200, *, required: bool = False) -> BeforeValidator:
    """Cleans a text without state secrets; null and an empty text are None or, if ``required``, refused."""

    def read(value: Any, info: ValidationInfo) -> str | None:
        if value is None or value == "":
            if required:
                raise FieldValueError("missing", REQUIRED)
            return None
        try:
            text = clean_text(value)
        except ValueError:
            text = ""
        if not text or len(text) > max_length:
            vi, en = f"Văn bản, tối đa {max_length} ký tự", f"Must be a text of at most {max_length} characters"
            raise FieldValueError("text", Text(vi, en))
        refuse_state_secret(str(info.field_name), text)
        return text

    return BeforeValidator(read)


def _date(value: Any) -> dt.date | None:
    try:
        return None if value in (None, "") else parse_date(value)
    except (ValueError, TypeError):
        raise FieldValueError("date", INVALID_DATE) from None


def _document_id(value: Any) -> uuid.UUID | None:
    try:
        return None if value in (None, "") else uuid.UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise FieldValueError("unknown", UNKNOWN_DOCUMENT) from None


def _parts(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(part, dict) for part in value):
        raise FieldValueError("missing", Text("Cần danh sách các lớp dữ liệu", "Must be a list of layers"))
    return value


def _layer_name(value: Any) -> str:
    if not isinstance(value, str) or value not in catalog:
        raise FieldValueError("unknown", Text("Không có lớp dữ liệu này", "Unknown layer"))
    return value


def _field_names(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        vi, en = "Nêu tên từng thuộc tính được chia sẻ", "Must be a list of the fields to release"
        raise FieldValueError("missing", Text(vi, en))
    if any(LONE_SURROGATE.search(name) for name in value):
        raise FieldValueError("characters")
    return list(dict.fromkeys(value))


def _decimals(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise FieldValueError("type", Text("Phải là số nguyên hoặc để trống", "Must be a whole number or null"))
    return value


def _state(value: Any) -> ReleaseState:
    try:
        return ReleaseState(str(value))
    except ValueError:
        codes = ", ".join(ReleaseState)
        detail = Text(f"Không có tình trạng này. Được phép: {codes}", f"Unknown state. Allowed: {codes}")
        raise FieldValueError("code", detail) from None


class ReleaseName(bodies.Body):
    """The fields of a release; all others belong to its versions."""

    ignores_unknown_fields = True

    name: Annotated[str, _text(required=True)]
    recipient: Annotated[str, _text(required=True)]


class VersionDraft(bodies.Body):
    """A version: its layers, the document it is based on, its period of validity and a note.

    ``basis`` is what the recipient sees of the document.
    """

    ignores_unknown_fields = True

    parts: Annotated[list[Any], BeforeValidator(_parts)]
    document: Annotated[uuid.UUID | None, BeforeValidator(_document_id)]
    basis: Annotated[str | None, _text()]
    valid_from: Annotated[dt.date | None, BeforeValidator(_date)]
    valid_to: Annotated[dt.date | None, BeforeValidator(_date)]
    note: Annotated[str | None, _text(2000)]


class PartDraft(bodies.Body):
    """One layer of a version: its filter, the fields to release, and the decimals of coordinates."""

    layer: Annotated[str, BeforeValidator(_layer_name)]
    fields: Annotated[list[str], BeforeValidator(_field_names)]
    decimals: Annotated[int | None, BeforeValidator(_decimals)]
    filter: Annotated[Any, BeforeValidator(lambda value: value or {})]


class StateTransition(bodies.Body):
    """A transition of a version to another state, with its reason."""

    ignores_unknown_fields = True

    to: Annotated[ReleaseState, BeforeValidator(_state)]
    reason: Annotated[str | None, _text(500)]


def terms_of(session: Session, draft: VersionDraft) -> Terms:
    """The terms of a version.

    ``basis`` defaults to the number of the document if partners may read the document, and must not be that number if
    they may not. Raises ``Invalid``.
    """
    basis = draft.basis
    if draft.document is not None:
        selection = Selection.for_reader(session, Document.layer)
        try:
            properties = json.loads(result_of(pages.read_feature(session, selection, draft.document)))["properties"]
        except Missing:
            raise invalid("document", "unknown", *UNKNOWN_DOCUMENT) from None
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
    if draft.valid_from and draft.valid_to and draft.valid_to < draft.valid_from:
        raise invalid("valid_to", "range", "Ngày cuối phải sau ngày đầu", "valid_to must not be before valid_from")
    return Terms(draft.document, basis, draft.valid_from, draft.valid_to, draft.note)


def prepared_parts(session: Session, draft: VersionDraft) -> list[PreparedPart]:
    """The layers of a version. ``session`` acts as a partner, so that filters over fields above its level are refused.

    Raises ``Invalid`` or ``Malformed``.
    """
    return [_prepared_part(session, PartDraft.parse(part, "parts.")) for part in draft.parts]


def _prepared_part(session: Session, part: PartDraft) -> PreparedPart:
    selection = part_selection(session, catalog[part.layer], part.filter)
    return PreparedPart(selection, tuple(part.fields), part.decimals, part.filter)


def part_selection(session: Session, layer: Layer, parameters: Any) -> Selection:
    """The selection of one layer of a version for the actor of the session.

    ``parameters`` are those of ``items`` as a dictionary.
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
    for name, value in pairs:
        if LONE_SURROGATE.search(name + value):
            raise invalid("parts.filter", "characters", *ERROR_TEXTS["characters"])
        if name in UNSUPPORTED_PARAMETERS:
            raise invalid(
                "parts.filter", "parameter", f"Không nhận tham số '{name}'", f"Must not contain the parameter '{name}'"
            )
    query = QueryParams(pairs)
    return result_of(with_locations(session, selection_of(session, layer, query), query)).unpaged()
