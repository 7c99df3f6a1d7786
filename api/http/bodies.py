"""JSON bodies as pydantic models in the signatures of handlers, and the texts and secrets of forms like the sign-in."""

from typing import Annotated, Any, TypeVar

from fastapi import Depends
from pydantic import BeforeValidator, Field, ValidationInfo

from api.http.request_body import BodyParam
from gis.text import LONE_SURROGATE, FieldError, Invalid, Text
from gis.write import ERROR_TEXTS, FieldValueError, bodies, clean_text
from layers.secrecy import refuse_state_secret

BodyT = TypeVar("BodyT", bound=bodies.Body)

MAX_LENGTH = 200


def parsed(model: type[BodyT]) -> Any:
    """The dependency that reads the JSON body as this model.

    FastAPI's own parsing of bodies accepts repeated keys and NaN, which ``json_body`` refuses.
    """

    async def parse(body: BodyParam) -> BodyT:
        return model.parse(body)

    return Depends(parse)


class Form(bodies.Body):
    """A body of short texts. Its refusal names the field if the explanation does not."""

    @classmethod
    def refusal(cls, errors: list[FieldError]) -> Invalid:
        """The refusal of a form with these errors."""
        first = errors[0]
        if first.detail not in ERROR_TEXTS.values():
            return Invalid(first.detail, errors)
        return Invalid(Text(f"{first.field}: {first.detail.vi}", f"{first.field}: {first.detail.en}"), errors)


def _short_text(value: Any, info: ValidationInfo) -> str:
    text = _optional_short_text(value, info)
    if text is None:
        raise FieldValueError("missing")
    return text


def _optional_short_text(value: Any, info: ValidationInfo) -> str | None:
    text = clean_text(value) if value is not None else ""
    if len(text) > MAX_LENGTH:
        raise FieldValueError("too_long")
    refuse_state_secret(str(info.field_name), text)
    return text or None


def _secret(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_LENGTH or LONE_SURROGATE.search(value):
        raise FieldValueError("missing")
    return value


ShortText = Annotated[str, BeforeValidator(_short_text)]
OptionalShortText = Annotated[str | None, BeforeValidator(_optional_short_text)]
"""A text that may be absent, null or empty, all of which are read as None."""

Secret = Annotated[str, BeforeValidator(_secret), Field(repr=False)]
"""A password or the secret of an invitation exactly as typed, spaces included."""


class Password(bodies.Body):
    """The password of the person, also beside other fields."""

    ignores_unknown_fields = True

    password: Secret
