"""SQL statements under construction: conditions, bound values, and the parsing of filter values."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field as attribute
from typing import Any

from gis.model.fields import Field
from gis.text.dates import parse_date, parse_datetime
from gis.text.errors import Malformed
from gis.text.i18n import Text

MIN_METRES_PER_DEGREE = 100_000
"""A lower bound of the metres per degree, to turn a distance into a box that contains the circle.

A degree of latitude is at least 110 km; one of longitude is longer than this bound up to 26° of latitude.
"""


@dataclass
class StatementBuilder:
    """The conditions of a WHERE clause and the values bound to the statement's parameters."""

    conditions: list[str] = attribute(default_factory=list)
    values: dict[str, Any] = attribute(default_factory=dict)

    def bind(self, value: Any) -> str:
        """Bind a value and return its placeholder."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"


SQL_CASTS = {
    "text": "text", "code": "text", "integer": "bigint", "number": "float8", "date": "date",
    "datetime": "timestamptz", "boolean": "boolean", "uuid": "uuid", "list": "text",
}  # fmt: skip


VALUE_PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": lambda value: _checked_bigint(int(value)),
    "number": float,
    "date": parse_date,
    "datetime": parse_datetime,
    "boolean": lambda value: {"true": True, "false": False}[value.lower()],
    "uuid": uuid.UUID,
}


def _checked_bigint(number: int) -> int:
    if abs(number) >= 2**63:
        raise ValueError
    return number


def parse_value(field: Field, value: str) -> Any:
    """Parse the value of a filter as the type of its field. Raises ``Malformed``, which names the field."""
    try:
        if "\x00" in value:
            raise ValueError
        return field.codes(value).value if field.codes else VALUE_PARSERS.get(field.type, str)(value)
    except (ValueError, KeyError):
        allowed = ", ".join(code.value for code in field.codes or ())
        raise Malformed(
            Text(
                f"Giá trị của '{field.name}' không hợp lệ" + (f": {allowed}" if allowed else f" ({field.type})"),
                f"The value of '{field.name}' is not valid"
                + (f". Allowed: {allowed}" if allowed else f" ({field.type})"),
            )
        ) from None
