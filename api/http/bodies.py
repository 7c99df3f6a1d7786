"""Small JSON bodies of texts, such as the sign-in form: read by field name, cleaned, and refused if unknown."""

import re
from collections.abc import Mapping
from typing import Any

from gis.text import FieldError, Invalid, Text
from gis.write import ERROR_TEXTS, clean_name, clean_text
from layers.secrecy import refuse_state_secret

MAX_LENGTH = 200
SURROGATE = re.compile("[\ud800-\udfff]")


def read_texts(body: Mapping[str, Any], *required: str, optional: tuple[str, ...] = ()) -> dict[str, str]:
    """Clean the texts of a body. Required texts must not be empty; missing optional texts become ``""``.

    Raises ``Invalid``, which names every field at fault, also fields that are neither required nor optional.
    """
    faults = [(clean_name(name), "unknown_field") for name in body if name not in (*required, *optional)]
    texts: dict[str, str] = {}
    for name in (*required, *optional):
        try:
            texts[name] = clean_text(body[name]) if body.get(name) is not None else ""
        except ValueError as fault:
            faults.append((name, str(fault)))
            continue
        if len(texts[name]) > MAX_LENGTH:
            faults.append((name, "too_long"))
        elif name in required and not texts[name]:
            faults.append((name, "missing"))
        else:
            refuse_state_secret(name, texts[name])
    if faults:
        errors = [FieldError(name, code, ERROR_TEXTS[code]) for name, code in faults]
        first = errors[0]
        raise Invalid(Text(f"{first.field}: {first.detail.vi}", f"{first.field}: {first.detail.en}"), errors)
    return texts


def read_secret(body: Mapping[str, Any], name: str) -> str:
    """Read a password or a one-time code exactly as typed, spaces included.

    Raises ``Invalid`` if it is missing, is not a text, is too long or holds a lone surrogate.
    """
    secret = body.get(name)
    if not isinstance(secret, str) or not secret or len(secret) > MAX_LENGTH or SURROGATE.search(secret):
        raise Invalid(ERROR_TEXTS["missing"], [FieldError(name, "missing", ERROR_TEXTS["missing"])])
    return secret
