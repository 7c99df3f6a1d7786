"""Writing features: commands, validation of input and idempotency keys."""

from gis.write.commands import (
    create_command,
    refresh,
    set_geometry,
    store_new,
    store_transition,
    store_update,
    transition_command,
    update_command,
)
from gis.write.validation import (
    ERROR_TEXTS,
    GEOMETRY,
    GEOMETRY_CRS,
    PLACE,
    FieldValueError,
    clean_name,
    clean_text,
    location_model,
    writable_fields,
)

__all__ = [
    "ERROR_TEXTS",
    "GEOMETRY",
    "GEOMETRY_CRS",
    "PLACE",
    "FieldValueError",
    "clean_name",
    "clean_text",
    "create_command",
    "location_model",
    "refresh",
    "set_geometry",
    "store_new",
    "store_transition",
    "store_update",
    "transition_command",
    "update_command",
    "writable_fields",
]
