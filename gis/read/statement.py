"""SQL statements under construction: conditions, bound values, and the parsing of filter values."""

from dataclasses import dataclass, field as attribute
from typing import Any

from gis.model.fields import Field
from gis.text.errors import Malformed
from gis.text.folding import LONE_SURROGATE
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


def parse_value(field: Field, value: str) -> Any:
    """Parse the value of a filter as the type of its field. Raises ``Malformed``, which names the field."""
    try:
        if "\x00" in value or LONE_SURROGATE.search(value) or field.type.parse is None:
            raise ValueError
        return field.codes(value).value if field.codes else field.type.parse(value)
    except (ValueError, KeyError):
        allowed = ", ".join(code.value for code in field.codes or ())
        raise Malformed(
            Text(
                f"Giá trị của '{field.name}' không hợp lệ" + (f": {allowed}" if allowed else f" ({field.type})"),
                f"The value of '{field.name}' is not valid"
                + (f". Allowed: {allowed}" if allowed else f" ({field.type})"),
            )
        ) from None
