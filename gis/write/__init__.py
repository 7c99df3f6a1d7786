"""Writing: commands, validation and idempotency keys."""
