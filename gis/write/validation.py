"""Validation of input against a layer's fields: names, types, lengths and characters.

``parse_input`` turns a JSON object into the values that commands take, or raises one ``Invalid`` with an error for
every field at fault.
"""

from collections.abc import Iterator, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field as Bound,
    ValidationError,
    create_model,
)
from pydantic_core import ErrorDetails

from gis.model.fields import Field
from gis.model.layer import Layer
from gis.text.errors import FieldError, Invalid, invalid
from gis.text.i18n import Text
from gis.text.input_values import (
    FORBIDDEN_CHARACTERS,
    clean_text as clean_text,
    parse_input_date as parse_input_date,
)

PLACE = "place"
GEOMETRY = "geometry"
GEOMETRY_CRS = "geometry_crs"
"""Key of the CRS of ``geometry`` among the values, set where the request named one (``Content-Crs``)."""

ERROR_TEXTS: dict[str, Text] = {
    "missing": Text("Bắt buộc nhập", "Required"),
    "unknown_field": Text("Không có thuộc tính này", "Unknown field"),
    "read_only": Text("Thuộc tính này không sửa trực tiếp được", "This field cannot be set directly"),
    "status_by_move": Text(
        "Tình trạng chỉ thay đổi qua thao tác “Cập nhật tình trạng”",
        "The status can only be changed with “Update status”",
    ),
    "characters": Text("Có ký tự ẩn hoặc không hợp lệ", "Contains hidden or invalid characters"),
    "too_long": Text("Vượt quá độ dài cho phép", "Too long"),
    "empty": Text("Không được để trống", "Must not be empty"),
    "type": Text("Giá trị không đúng kiểu", "The value has the wrong type"),
    "zone": Text(
        "Thời điểm phải kèm múi giờ, ví dụ 2026-11-20T07:30:00+07:00",
        "A time needs a UTC offset, for example 2026-11-20T07:30:00+07:00",
    ),
    "date": Text(
        "Ngày phải có thật, theo dạng YYYY-MM-DD, từ năm 1900 đến 2100",
        "A date must be a real YYYY-MM-DD, 1900 to 2100",
    ),
    "code": Text("Không có trong danh mục", "Not in the code list"),
    "range": Text("Ngoài khoảng cho phép", "Out of range"),
}

PYDANTIC_CODES = {
    "missing": "missing", "extra_forbidden": "unknown_field", "string_too_long": "too_long", "too_long": "too_long",
    "string_too_short": "empty", "too_short": "empty", "greater_than_equal": "range", "less_than_equal": "range",
    "less_than": "range",
}  # fmt: skip
"""Keys of ``ERROR_TEXTS`` by the types of pydantic's errors; for all others ``type``."""


class FieldValueError(ValueError):
    """What is wrong with a value, raised by validators: a code, and its text if it is not that of ``ERROR_TEXTS``."""

    def __init__(self, code: str, detail: Text | None = None) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail or ERROR_TEXTS[code]


def pydantic_type(field: Field) -> Any:
    """The annotated type with which pydantic validates the values of a field."""
    if field.codes is not None:
        return Annotated[field.codes, BeforeValidator(lambda value, codes=field.codes: codes(value))]
    value_type = field.type.input_type(_text_type(field.max_length, min_length=None if field.nullable else 1))
    if field.minimum is None and field.maximum is None and field.decimals is None:
        return value_type
    return Annotated[value_type, AfterValidator(partial(_number_in_limits, field))]


def _number_in_limits(field: Field, value: Any) -> Any:
    """The number. Raises ``FieldValueError`` if it is out of the field's range or finer than what is stored."""
    if (field.minimum is not None and value < field.minimum) or (field.maximum is not None and value > field.maximum):
        raise FieldValueError("range", _range_text(field))
    if field.decimals is not None and round(value, field.decimals) != value:
        places = field.decimals
        detail = Text(f"Chỉ lưu {places} chữ số thập phân", f"Only {places} decimal places are stored")
        raise FieldValueError("too_fine", detail)
    return value


def _range_text(field: Field) -> Text:
    if field.maximum is None:
        return Text(f"Không được nhỏ hơn {field.minimum}", f"Must be at least {field.minimum}")
    if field.minimum is None:
        return Text(f"Không được lớn hơn {field.maximum}", f"Must be at most {field.maximum}")
    return Text(f"Phải từ {field.minimum} đến {field.maximum}", f"Must be from {field.minimum} to {field.maximum}")


def _text_type(max_length: int, min_length: int | None = None) -> Any:
    return Annotated[str, BeforeValidator(clean_text), Bound(min_length=min_length, max_length=max_length)]


@cache
def location_model(layer: Layer) -> type[BaseModel]:
    """The pydantic model of a location as text (``place``).

    ``text`` is a coordinate, in ``crs`` where it names none, or another text that ``Feature.set_location`` of the layer
    parses. ``near`` names a feature nearby, against which a coordinate can be checked. ``written`` is the text as typed
    when ``text`` is the interpretation that the user chose. ``Feature.location_fields`` adds fields of the application.
    """
    lengths = {**layer.model.location_fields, "crs": 40, "near": 60, "written": 200}
    optional: dict[str, Any] = {name: (_text_type(length) | None, None) for name, length in lengths.items()}
    return create_model(
        "LocationText", __config__=ConfigDict(extra="forbid"), text=(_text_type(200, min_length=1), ...), **optional
    )


def writable_fields(layer: Layer) -> dict[str, Field]:
    """The fields that a request body may set: neither the status, nor derived fields, nor those that triggers set."""
    return {
        name: field for name, field in layer.fields.items() if field.writable and not field.is_status
    } | layer.extra_writable


@cache
def input_model(layer: Layer, *, partial: bool = False) -> type[BaseModel]:
    """The pydantic model of a new feature, or with ``partial`` of a change to one."""
    definitions: dict[str, Any] = {}
    for name, field in writable_fields(layer).items():
        field_type = pydantic_type(field)
        if field.required and not partial:
            definitions[name] = (field_type, ...)
        elif field.required or (not field.nullable):
            definitions[name] = (field_type, None)
        else:
            definitions[name] = (field_type | None, None)
    if layer.has_geometry:
        definitions[PLACE] = (location_model(layer) | None, None)
    definitions[GEOMETRY] = (dict[str, Any] | None if layer.has_geometry else None, None)
    suffix = "Change" if partial else "Draft"
    return create_model(f"{layer.model.__name__}{suffix}", __config__=ConfigDict(extra="forbid"), **definitions)


def parse_input(layer: Layer, body: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """Validate ``body`` and return the typed values that it sets.

    With ``partial`` no field is required. Raises ``Invalid`` with an error for every field at fault.
    """
    errors = [
        _not_writable(layer, name)
        for name in body
        if name not in writable_fields(layer) and name not in (PLACE, GEOMETRY)
    ]
    known = {name: value for name, value in body.items() if name in writable_fields(layer) or name in (PLACE, GEOMETRY)}
    values: dict[str, Any] = {}
    try:
        model = input_model(layer, partial=partial).model_validate(known)
        values = {name: getattr(model, name) for name in model.model_fields_set}
    except ValidationError as fault:
        errors += field_errors(fault, layer.fields)
    errors += _text_rule_errors(layer, values)
    if errors:
        first = errors[0]
        title = layer.fields[first.field].title if first.field in layer.fields else Text(first.field, first.field)
        raise Invalid(Text(f"{title.vi}: {first.detail.vi}", f"{title.en}: {first.detail.en}"), errors)
    if isinstance(location := values.get(PLACE), BaseModel):
        values[PLACE] = location.model_dump(exclude_none=True)
    return values


def parse_change(layer: Layer, body: Mapping[str, Any]) -> dict[str, Any]:
    """Validate a change of some properties and return the typed values; ``null`` removes a value.

    Raises ``Invalid`` as ``parse_input``, and for ``null`` in a property that must have a value.
    """
    values = parse_input(layer, body, partial=True)
    for name, value in body.items():
        if value is None and name in layer.fields and not layer.fields[name].nullable:
            raise invalid(name, "missing", *ERROR_TEXTS["empty"])
    return values


def _not_writable(layer: Layer, name: str) -> FieldError:
    """The error for a name that is no writable field: the status, a read-only or an unknown field."""
    field = layer.fields.get(name)
    if field is not None and field.is_status:
        return FieldError(name, "status_by_move", ERROR_TEXTS["status_by_move"])
    code = "read_only" if field is not None or name in ("id", "layer") else "unknown_field"
    return FieldError(clean_name(name), code, ERROR_TEXTS[code])


def clean_name(name: str) -> str:
    """A field name from a request, without forbidden characters and cut to 60, safe to repeat in a response."""
    return FORBIDDEN_CHARACTERS.sub("", str(name))[:60]


def field_errors(
    fault: ValidationError, fields: Mapping[str, Field] = MappingProxyType({}), prefix: str = ""
) -> list[FieldError]:
    """Translate the errors of pydantic; ``prefix`` precedes the paths of the fields.

    ``fields`` are the declared ones by name: an error of a field with a code list names its codes.
    """
    return [_field_error(error, fields, prefix) for error in fault.errors(include_url=False, include_input=False)]


def _field_error(fault: ErrorDetails, fields: Mapping[str, Field], prefix: str) -> FieldError:
    parts = [str(part) for part in fault["loc"] if not str(part).startswith(("function-", "constrained-"))]
    path, field = prefix + ".".join(parts), fields.get(parts[0]) if parts else None
    reason = fault.get("ctx", {}).get("error")
    if isinstance(reason, FieldValueError):
        return FieldError(path, reason.code, reason.detail)
    code = str(reason) if str(reason) in ERROR_TEXTS else PYDANTIC_CODES.get(fault["type"])
    if code is None and field is not None and field.codes is not None:
        codes = ", ".join(code.value for code in field.codes)
        return FieldError(path, "code", Text(f"Phải là một trong: {codes}", f"Must be one of: {codes}"))
    return FieldError(path, code or "type", ERROR_TEXTS[code or "type"])


def _text_rule_errors(layer: Layer, values: Mapping[str, Any]) -> list[FieldError]:
    """The errors of ``Feature.check_text`` for every text in ``values``."""
    errors: list[FieldError] = []
    for name, text in _texts(values):
        try:
            layer.model.check_text(name, text)
        except Invalid as refusal:
            errors += refusal.errors
    return errors


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value, however deeply nested, with the path of its field."""
    if isinstance(value, str):
        yield path, value
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    if isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
