"""Bodies of requests as pydantic models: ``Body``, and the texts and dates of commands.

``Body.parse`` turns a JSON object into the model or raises one ``Invalid`` with an error for every field at fault.
"""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo, WithJsonSchema

from gis.model.fields import Field
from gis.text.errors import FieldError, Invalid
from gis.text.i18n import Text
from gis.write.validation import ERROR_TEXTS, FieldValueError, clean_name, clean_text, field_errors, parse_input_date

MAX_TEXT_LENGTH, MAX_NOTE_LENGTH = 500, 2000


class Body(BaseModel):
    """A JSON object. An absent field is read as null; an unknown one is refused unless ``ignores_unknown_fields``."""

    model_config = ConfigDict(frozen=True)
    ignores_unknown_fields: ClassVar[bool] = False
    declared_fields: ClassVar[Mapping[str, Field]] = MappingProxyType({})
    """The fields of the card from which the model was made, if it was; errors name the codes of their code lists."""

    @classmethod
    def parse(cls, values: Mapping[str, Any], prefix: str = "") -> Self:
        """Parse the fields in ``values``; ``prefix`` precedes their names in errors."""
        unknown = [] if cls.ignores_unknown_fields else cls._unknown_fields(values, prefix)
        try:
            body = cls.model_validate({name: values.get(name) for name in cls.model_fields})
        except ValidationError as fault:
            raise cls.refusal([*unknown, *field_errors(fault, cls.declared_fields, prefix)]) from None
        if unknown:
            raise cls.refusal(unknown)
        return body

    @classmethod
    def _unknown_fields(cls, values: Mapping[str, Any], prefix: str) -> list[FieldError]:
        names = [clean_name(name) for name in values if name not in cls.model_fields]
        return [FieldError(prefix + name, "unknown_field", cls.unknown_field(name)) for name in names]

    @classmethod
    def unknown_field(cls, _name: str) -> Text:
        """What is said of an unknown field."""
        return ERROR_TEXTS["unknown_field"]

    @classmethod
    def refusal(cls, errors: list[FieldError]) -> Invalid:
        """The refusal of a body with these errors; its detail is that of the first."""
        return Invalid(errors[0].detail, errors)


def _required_text(value: Any, info: ValidationInfo, max_length: int = MAX_TEXT_LENGTH) -> str:
    text = clean_text(value) if value is not None else ""
    if not text:
        raise FieldValueError("missing", Text(f"Cần nêu {info.field_name}", f"{info.field_name} is required"))
    if len(text) > max_length:
        raise FieldValueError("too_long", Text("Vượt quá độ dài cho phép", "Too long"))
    return text


def _optional_text(value: Any, info: ValidationInfo) -> str | None:
    return None if value is None else _required_text(value, info)


def _note(value: Any, info: ValidationInfo) -> str | None:
    return _required_text(value, info, MAX_NOTE_LENGTH) if value else None


def _required_date(value: Any, info: ValidationInfo) -> dt.date:
    return parse_input_date(_required_text(value, info))


RequiredText = Annotated[str, BeforeValidator(_required_text), WithJsonSchema({"type": "string"})]
OptionalText = Annotated[str | None, BeforeValidator(_optional_text), WithJsonSchema({"type": "string"})]
"""A text that may be null, but not empty."""

Note = Annotated[
    str | None,
    BeforeValidator(_note),
    WithJsonSchema({"type": "string", "maxLength": MAX_NOTE_LENGTH, "nullable": True}),
]
"""A text that may be null or empty."""

RequiredDate = Annotated[dt.date, BeforeValidator(_required_date), WithJsonSchema({"type": "string", "format": "date"})]


class CommandBody(Body):
    """The body of a command on a feature. Commands have few fields, so the refusal of an unknown one names it."""

    @classmethod
    def unknown_field(cls, name: str) -> Text:
        """What is said of an unknown field."""
        return Text(f"Không có trường '{name}'", f"Unknown field '{name}'")
