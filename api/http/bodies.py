"""What a small form brings: plain texts by name, each clean, none that was not asked for."""

import re
from collections.abc import Mapping
from typing import Any

from gis.text import FieldError, Invalid, Text
from gis.write import ERROR_TEXTS, clean_name, clean_text
from layers.secrecy import refuse_state_secret

MAX_LENGTH = 200
SURROGATE = re.compile("[\ud800-\udfff]")


def read_texts(body: Mapping[str, Any], *required: str, optional: tuple[str, ...] = ()) -> dict[str, str]:
    """The texts of a body: of what is required none is empty, what is optional and missing is ``""``.

    Raises ``Invalid`` that names every field at fault.
    """
    faults = [(clean_name(name), "unknown_field") for name in body if name not in (*required, *optional)]
    found: dict[str, str] = {}
    for name in (*required, *optional):
        try:
            found[name] = clean_text(body[name]) if body.get(name) is not None else ""
        except ValueError as fault:
            faults.append((name, str(fault)))
            continue
        if len(found[name]) > MAX_LENGTH:
            faults.append((name, "too_long"))
        elif name in required and not found[name]:
            faults.append((name, "missing"))
        else:
            refuse_state_secret(name, found[name])
    if faults:
        errors = [FieldError(name, code, ERROR_TEXTS[code]) for name, code in faults]
        first = errors[0]
        raise Invalid(Text(f"{first.field}: {first.detail.vi}", f"{first.field}: {first.detail.en}"), errors)
    return found


def read_secret(body: Mapping[str, Any], name: str) -> str:
    """A password or a code as it was typed, blanks and all. Raises ``Invalid`` where it is missing or no text."""
    given = body.get(name)
    if not isinstance(given, str) or not given or len(given) > MAX_LENGTH or SURROGATE.search(given):
        raise Invalid(ERROR_TEXTS["missing"], [FieldError(name, "missing", ERROR_TEXTS["missing"])])
    return given
