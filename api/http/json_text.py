"""JSON text of plain values, without escapes for non-ASCII characters."""

import json
from typing import Any


def json_bytes(value: Any) -> bytes:
    """JSON as UTF-8 bytes; values that JSON does not know, such as times and UUIDs, as their ``str``.

    Raises ``ValueError`` for NaN and infinities.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str).encode()
