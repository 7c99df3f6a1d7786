"""Plain values written as JSON text: words as their value, times in ISO 8601, Vietnamese as it is."""

import json
from typing import Any


def json_bytes(value: Any) -> bytes:
    """JSON as UTF-8 bytes; NaN and infinities are a fault of ours and raise ``ValueError``."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str).encode()
