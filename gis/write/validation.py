"""What comes in from outside, judged by the card: known fields, right types, clean text.

``read`` turns a JSON object into the values a command takes, or refuses and names every field at fault at once.
"""

import datetime as dt
import math
import re
import unicodedata
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field as Bound,
    ValidationError,
    create_model,
)

from gis.model.fields import Field
from gis.model.layer import Layer
from gis.text.dates import parse_date
from gis.text.errors import FieldError, Invalid
from gis.text.i18n import Text

PLACE = "place"
GEOMETRY = "geometry"
GEOMETRY_CRS = "geometry_crs"
"""The CRS in which the geometry of some values was written, where a door was told one."""

FORBIDDEN_CHARACTERS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
"""Characters that text never needs and that mislead or that no file may hold: controls, zero-width, bidirectional
overrides, lone surrogates, invisible tags, what Unicode says is no character (XML, and so KML and XLSX, has none)."""

ERROR_TEXTS: dict[str, Text] = {
    "missing": Text("Bắt buộc nhập", "Required"),
    "unknown_field": Text("Không có trường này", "There is no such field"),
    "read_only": Text("Trường này không sửa trực tiếp được", "This field cannot be set directly"),
    "status_by_move": Text(
        "Tình trạng chỉ thay đổi qua thao tác “Cập nhật tình trạng”", "A status changes only by “Update status”"
    ),
    "characters": Text("Có ký tự ẩn hoặc không hợp lệ", "Contains hidden or invalid characters"),
    "too_long": Text("Vượt quá độ dài cho phép", "Too long"),
    "empty": Text("Không được để trống", "Must not be empty"),
    "type": Text("Giá trị không đúng kiểu", "The value has the wrong type"),
    "zone": Text("Thời điểm phải kèm múi giờ, ví dụ 2026-11-20T07:30:00+07:00", "A time needs its zone"),
    "date": Text("Ngày phải là YYYY-MM-DD có thật, từ 1900 đến 2100", "A date must be a real YYYY-MM-DD, 1900 to 2100"),
    "code": Text("Không có trong danh mục", "Not in the code list"),
    "range": Text("Ngoài khoảng cho phép", "Out of range"),
}

YEAR_RANGE = (1900, 2100)


def clean_text(value: Any) -> str:
    """Text in NFC without surrounding blanks; a value that is not text or holds hidden characters is refused."""
    if not isinstance(value, str):
        raise ValueError("type")
    if FORBIDDEN_CHARACTERS.search(value):
        raise ValueError("characters")
    return unicodedata.normalize("NFC", value).strip()


def _checked_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("type")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("range")
    return value


def parse_input_date(value: Any) -> dt.date:
    """A day as it comes in, a real one of the years that can be meant. Raises ``ValueError``."""
    try:
        found = parse_date(value)
    except (ValueError, TypeError):
        raise ValueError("date") from None
    if not YEAR_RANGE[0] <= found.year <= YEAR_RANGE[1]:
        raise ValueError("date")
    return found


def _parse_input_datetime(value: Any) -> dt.datetime:
    try:
        if not isinstance(value, str):
            raise ValueError
        found = dt.datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("type") from None
    if found.tzinfo is None:
        raise ValueError("zone")
    if not YEAR_RANGE[0] <= found.year <= YEAR_RANGE[1]:
        raise ValueError("date")
    return found


def _pydantic_type(field: Field) -> Any:
    text: Any = Annotated[str, BeforeValidator(clean_text), Bound(max_length=field.max_length)]
    if not field.nullable:
        text = Annotated[text, Bound(min_length=1)]
    if field.codes is not None:
        return Annotated[field.codes, BeforeValidator(lambda value, codes=field.codes: codes(value))]
    return {
        "text": text,
        "boolean": Annotated[bool, Bound(strict=True)],
        "integer": Annotated[int, Bound(strict=True, ge=-(2**31), lt=2**31)],
        "number": Annotated[float, BeforeValidator(_checked_number), Bound(ge=-1e13, le=1e13)],
        "date": Annotated[dt.date, BeforeValidator(parse_input_date)],
        "datetime": Annotated[AwareDatetime, BeforeValidator(_parse_input_datetime)],
        "uuid": uuid.UUID,
        "list": Annotated[list[text], Bound(max_length=100)],
        "json": dict[str, Any],
    }[field.type]


class LocationText(BaseModel):
    """A place in words: a marker address or any coordinate, kept as given.

    ``written`` keeps what somebody wrote where ``text`` is the one of its meanings that they chose.
    """

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, BeforeValidator(clean_text), Bound(min_length=1, max_length=200)]
    border: Annotated[str, BeforeValidator(clean_text), Bound(max_length=10)] | None = None
    crs: Annotated[str, BeforeValidator(clean_text), Bound(max_length=40)] | None = None
    near: Annotated[str, BeforeValidator(clean_text), Bound(max_length=60)] | None = None
    written: Annotated[str, BeforeValidator(clean_text), Bound(max_length=200)] | None = None


def writable_fields(layer: Layer) -> dict[str, Field]:
    """The fields that a body may carry: no status, nothing derived, nothing the house writes itself."""
    return {
        name: one for name, one in layer.fields.items() if one.writable and not one.is_status
    } | layer.extra_writable


@cache
def input_model(layer: Layer, *, partial: bool = False) -> type[BaseModel]:
    """The pydantic model of a new feature, or with ``partial`` of a change to one."""
    wanted: dict[str, Any] = {}
    for name, one in writable_fields(layer).items():
        kind = _pydantic_type(one)
        if one.required and not partial:
            wanted[name] = (kind, ...)
        elif one.required or (not one.nullable):
            wanted[name] = (kind, None)
        else:
            wanted[name] = (kind | None, None)
    if layer.has_geometry:
        wanted[PLACE] = (LocationText | None, None)
    wanted[GEOMETRY] = (dict[str, Any] | None if layer.has_geometry else None, None)
    suffix = "Change" if partial else "Draft"
    return create_model(f"{layer.model.__name__}{suffix}", __config__=ConfigDict(extra="forbid"), **wanted)


def parse_input(layer: Layer, body: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """The values that ``body`` sets, typed and clean. Raises ``Invalid`` that names every field at fault."""
    errors = [
        _not_writable(layer, name)
        for name in body
        if name not in writable_fields(layer) and name not in (PLACE, GEOMETRY)
    ]
    known = {name: value for name, value in body.items() if name in writable_fields(layer) or name in (PLACE, GEOMETRY)}
    values: dict[str, Any] = {}
    try:
        made = input_model(layer, partial=partial).model_validate(known)
        values = {name: getattr(made, name) for name in made.model_fields_set}
    except ValidationError as fault:
        errors += [_field_error(layer, dict(one)) for one in fault.errors(include_url=False, include_context=False)]
    errors += _text_rule_errors(layer, values)
    if errors:
        first = errors[0]
        named = layer.fields[first.field].title if first.field in layer.fields else Text(first.field, first.field)
        raise Invalid(Text(f"{named.vi}: {first.detail.vi}", f"{named.en}: {first.detail.en}"), errors)
    if isinstance(values.get(PLACE), LocationText):
        values[PLACE] = values[PLACE].model_dump(exclude_none=True)
    return values


def _not_writable(layer: Layer, name: str) -> FieldError:
    one = layer.fields.get(name)
    if one is not None and one.is_status:
        return FieldError(name, "status_by_move", ERROR_TEXTS["status_by_move"])
    code = "read_only" if one is not None or name in ("id", "layer") else "unknown_field"
    return FieldError(clean_name(name), code, ERROR_TEXTS[code])


def clean_name(name: str) -> str:
    """A field's name as somebody sent it, made safe to repeat."""
    return FORBIDDEN_CHARACTERS.sub("", str(name))[:60]


def _field_error(layer: Layer, fault: dict[str, Any]) -> FieldError:
    """One of pydantic's findings in the house's words."""
    where = ".".join(str(part) for part in fault["loc"] if not str(part).startswith(("function-", "constrained-")))
    top = str(fault["loc"][0]) if fault["loc"] else ""
    said = str(fault.get("msg", "")).removeprefix("Value error, ")
    kind = fault["type"]
    one = layer.fields.get(top)
    if kind == "missing":
        code = "missing"
    elif kind == "extra_forbidden":
        code = "unknown_field"
    elif said in ERROR_TEXTS:
        code = said
    elif kind in ("string_too_long", "too_long"):
        code = "too_long"
    elif kind in ("string_too_short", "too_short"):
        code = "empty"
    elif kind in ("greater_than_equal", "less_than_equal", "less_than"):
        code = "range"
    elif one is not None and one.codes is not None:
        words = ", ".join(word.value for word in one.codes)
        return FieldError(where, "code", Text(f"Phải là một trong: {words}", f"Must be one of: {words}"))
    else:
        code = "type"
    return FieldError(where or top, code, ERROR_TEXTS[code])


def _text_rule_errors(layer: Layer, values: Mapping[str, Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, text in _texts(values):
        try:
            layer.model.check_text(name, text)
        except Invalid as refusal:
            errors += refusal.errors
    return errors


def _texts(values: Any, name: str = "") -> list[tuple[str, str]]:
    """Every text among the values with the name of its field, however deep."""
    if isinstance(values, str):
        return [(name, values)]
    if isinstance(values, BaseModel):
        values = values.model_dump()
    if isinstance(values, Mapping):
        return [found for key, one in values.items() for found in _texts(one, f"{name}.{key}" if name else str(key))]
    if isinstance(values, list):
        return [found for one in values for found in _texts(one, name)]
    return []
